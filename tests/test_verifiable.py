"""The additions, their tokenizer, and the reward that a program verifies."""

import pytest
import torch

from course.data.arithmetic import ALPHABET, answer, careless_answer, problems
from course.lm.characters import character_tokenizer
from course.lm.tokenizer import decode, encode
from course.reward.verifiable import unit_test_reward

# The problems


def test_every_pair_of_two_digit_numbers_is_in_exactly_one_split():
    train, held_out = problems("train"), problems("held-out")
    numbers = range(10, 100)
    assert sorted(train + held_out) == sorted(
        f"{a}+{b}=" for a in numbers for b in numbers
    )


def test_a_fifth_is_held_out_within_four_standard_errors():
    # Pairs are drawn, and most problems come with their mirror image: 4,095 pairs.
    share = len(problems("held-out")) / 8100
    assert abs(share - 51 / 256) < 4 * (0.2 * 0.8 / 4095) ** 0.5


def test_a_problem_and_its_mirror_image_are_never_on_both_sides():
    train = set(problems("train"))
    for problem in problems("held-out"):
        a, b = problem[:-1].split("+")
        assert f"{b}+{a}=" not in train


def test_the_split_is_the_same_in_every_process_and_release():
    """Checkpoints are trained on one side of it."""
    assert problems("held-out")[:4] == FIRST_HELD_OUT


FIRST_HELD_OUT = ["10+13=", "10+19=", "10+20=", "10+27="]


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="got split 'test'"):
        problems("test")


@pytest.mark.parametrize("a", [10, 27, 99])
@pytest.mark.parametrize("b", [10, 58, 99])
def test_the_answer_is_the_sum(a, b):
    assert int(answer(f"{a}+{b}=")) == a + b


@pytest.mark.parametrize(
    "problem",
    ["", "27+58", "27 + 58=", "27-58=", "27+58==", "+58=", "2٧+58=", "1" * 10 + "+1="],
)
def test_what_is_no_addition_is_refused(problem):
    with pytest.raises(ValueError, match="expected one such as"):
        answer(problem)


def test_a_careless_answer_has_at_most_one_other_digit_at_the_rate_asked_for():
    import random

    pupil, asked = random.Random(1), problems("train")
    assert [careless_answer(p, pupil, 0.0) for p in asked] == list(map(answer, asked))
    for problem in asked:
        wrong, right = careless_answer(problem, pupil, 1.0), answer(problem)
        assert len(wrong) == len(right)
        assert sum(a != b for a, b in zip(wrong, right, strict=True)) == 1


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_that_is_no_probability_is_refused(rate):
    import random

    with pytest.raises(ValueError, match="expected a number from 0 to 1"):
        careless_answer("27+58=", random.Random(0), rate)


# The tokenizer


def test_every_character_is_one_token_and_comes_back():
    tokenizer = character_tokenizer(ALPHABET)
    texts = ["27+58=85", ALPHABET, ""]
    rows = encode(tokenizer, texts)
    assert [len(row) for row in rows] == [len(text) + 2 for text in texts]
    assert decode(tokenizer, rows) == texts
    assert len(tokenizer) == len(ALPHABET) + 3


def test_end_and_padding_are_different_tokens():
    tokenizer = character_tokenizer("ab")
    special = [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id]
    assert special == [0, 1, 2]


def test_spaces_and_line_ends_are_characters_too():
    tokenizer = character_tokenizer("a \n")
    assert decode(tokenizer, encode(tokenizer, ["a a\n a"])) == ["a a\n a"]


def test_a_character_that_it_does_not_know_is_an_error_and_not_another_one():
    with pytest.raises(ValueError, match="does not know"):
        encode(character_tokenizer("ab"), ["abc"])


def test_a_text_that_spells_the_end_token_cannot_end_itself():
    tokenizer = character_tokenizer("<eos>"[:2] + "os>")
    (row,) = encode(tokenizer, ["<eos>"], eos=False)
    assert tokenizer.eos_token_id not in row and len(row) == 6


@pytest.mark.parametrize("alphabet", ["", "aba"])
def test_an_alphabet_without_or_with_equal_characters_is_refused(alphabet):
    with pytest.raises(ValueError, match="expected characters, each of them once"):
        character_tokenizer(alphabet)


def test_the_tokenizer_survives_being_saved(tmp_path):
    from transformers import PreTrainedTokenizerFast

    tokenizer = character_tokenizer(ALPHABET)
    tokenizer.save_pretrained(tmp_path)
    again = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    texts = ["27+58=85", "=+="]
    assert encode(again, texts) == encode(tokenizer, texts)
    assert decode(again, encode(again, texts)) == texts


# The reward


def test_every_right_answer_passes_and_its_neighbours_fail():
    prompts = problems("held-out")
    sums = [int(answer(p)) for p in prompts]
    for shift in (0, 1, -1, 10, 100):
        rewards = unit_test_reward(prompts, [str(s + shift) for s in sums])
        assert (rewards == float(shift == 0)).all()


@pytest.mark.parametrize(
    "completion",
    [
        "", " ", "eighty-five", "85.", "85.0", "+85", "-85", "085", "8_5", "8 5",
        "0x55", "27+58", "85+0", "8485", "8585", "８５", "٨٥", "85\x00",
        "85" * 100_000, "__import__('os')", "1e999", "nan",
    ],
)  # fmt: skip
def test_what_is_not_exactly_the_answer_gets_nothing(completion):
    assert unit_test_reward(["27+58="], [completion]).tolist() == [0.0]


def test_space_around_the_answer_is_forgiven():
    assert unit_test_reward(["27+58="] * 2, [" 85", "85\n\t"]).tolist() == [1.0, 1.0]


def test_the_reward_is_one_plain_number_per_completion():
    rewards = unit_test_reward(["27+58="] * 3, ["85", "84", ""])
    assert rewards.shape == (3,) and rewards.dtype == torch.float32
    assert not rewards.requires_grad
    assert unit_test_reward([], []).shape == (0,)


def test_faults_of_the_task_are_errors_and_not_rewards():
    with pytest.raises(ValueError, match="got 2 prompts and 1 completions"):
        unit_test_reward(["1+1=", "2+2="], ["2"])
    with pytest.raises(ValueError, match="expected one such as"):
        unit_test_reward(["a story:"], ["once"])


# The recipe


def test_the_adder_is_made_from_training_problems_and_says_what_it_reached(
    monkeypatch,
):
    from course.lm.model import GPT
    from course.recipes import arithmetic

    settings = dict(arithmetic.ADDER.settings)
    for name in ("right", "careless"):
        short = settings[name]["train"] | {"steps": 2, "batch_size": 2}
        settings[name] = settings[name] | {"rounds": 1, "train": short}
    read = []
    real = arithmetic.encode
    monkeypatch.setattr(
        arithmetic, "encode", lambda t, texts: read.append(texts) or real(t, texts)
    )
    made = arithmetic.train_adder(settings, {})
    assert isinstance(made.model, GPT)
    assert made.history.steps("loss") == [0, 1, 2, 3]
    assert set(made.metrics) == {
        f"{how}_{lesson}"
        for how in ("sampled", "greedy")
        for lesson in ("right", "careless")
    }
    right, careless = read[:2]
    assert right[0] == "10+10=20" and len(right) == len(problems("train"))
    wrong = sum(a != b for a, b in zip(right, careless, strict=True)) / len(right)
    rate = settings["wrong_answers"]
    assert abs(wrong - rate) < 4 * (rate * (1 - rate) / len(right)) ** 0.5
    asked = {text.split("=")[0] + "=" for text in right + careless}
    assert not asked & set(problems("held-out"))


def test_an_answer_and_its_end_fit_into_what_the_runs_may_write():
    longest = max(len(answer(p)) for p in problems("train") + problems("held-out"))
    assert longest + 1 == 4  # max_new_tokens of the recipe and of the chapter
