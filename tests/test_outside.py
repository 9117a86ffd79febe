"""The outside judges: ridge by algebra, words by hand, the same in every process."""

import subprocess
import sys

import pytest
import torch
from tiny import tiny_gpt

from course.lm.tokenizer import train_tokenizer
from course.reward import outside
from course.reward.outside import ridge_fit
from course.runtime import generator

TEXTS = ["a good film", "a bad film", "good good", "bad", "not good", "not bad at all"]
RATINGS = torch.tensor([2.0, -2.0, 3.0, -3.0, -1.0, 1.0])


def test_ridge_is_where_the_penalised_squares_have_no_slope():
    x = torch.randn(12, 3, generator=generator(0), dtype=torch.float64)
    y = torch.randn(12, generator=generator(1), dtype=torch.float64)
    weights, offset = ridge_fit(x, y, 0.7)
    away = x @ weights + offset - y
    assert torch.allclose(
        x.T @ away + 0.7 * weights, torch.zeros(3).double(), atol=1e-10
    )
    assert abs(float(away.sum())) < 1e-10
    weights, _ = ridge_fit(x, y, 1e9)
    assert weights.abs().max() < 1e-6


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: ridge_fit(torch.ones(3), torch.ones(3), 1.0),
            "expected .n, d.",
        ),
        (
            lambda: ridge_fit(torch.ones(3, 2), torch.ones(2), 1.0),
            "expected .n, d.",
        ),
        (
            lambda: ridge_fit(torch.ones(3, 2), torch.ones(3), 0.0),
            "penalty 0.0",
        ),
        (lambda: outside.fit_words([], torch.ones(0)), "got 0 texts"),
        (
            lambda: outside.fit_words(["a"], torch.ones(2)),
            r"1 texts and ratings \(2,\)",
        ),
    ],
)
def test_bad_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_one_text_in_place_of_a_list_is_refused():
    judge = outside.fit_words(TEXTS, RATINGS)
    with pytest.raises(TypeError, match="one str"):
        judge("a good film")


def test_a_word_judge_reads_words_and_pairs_and_nothing_else():
    judge = outside.fit_words(TEXTS, RATINGS, penalty=0.01)
    scores = judge(["good", "bad", "not good", "", "Good!", "unheard of"])
    good, bad, not_good, empty, loud, unknown = scores.tolist()
    assert bad < not_good < good
    assert loud == good
    assert empty == unknown == pytest.approx(float(judge.offset))
    order = [t for t in TEXTS for _ in range(2)]
    assert torch.equal(judge(order)[::2], judge(TEXTS))


def test_a_word_judge_is_the_same_in_every_process():
    code = (
        "import torch; from course.reward.outside import fit_words;"
        f"j = fit_words({TEXTS!r}, torch.tensor({RATINGS.tolist()!r}), features=4);"
        "print(j.codes.tolist(), [w.hex() for w in j.weight.tolist()])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**__import__("os").environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_states_are_those_of_each_text_alone_and_the_model_is_whole_afterwards():
    tokenizer = train_tokenizer(["the film is good", "the film is bad"] * 3, 300)
    model = tiny_gpt(tokenizer)
    texts = ["the film", "good", "the film is good and bad", ""]
    together = outside.states_of(model, tokenizer, texts, blocks=1)
    alone = [outside.states_of(model, tokenizer, [t], blocks=1) for t in texts]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)
    assert len(model.blocks) == model.config.layers
    assert not torch.allclose(
        together, outside.states_of(model, tokenizer, texts, blocks=2), atol=1e-3
    )


def test_a_state_judge_equals_ridge_on_standardised_states():
    states = torch.randn(30, 4, generator=generator(2)) * 3 + 1
    ratings = states @ torch.tensor([1.0, 0.0, -1.0, 0.5])
    judge = outside.fit_states(states, ratings, penalty=1e-6)
    assert torch.allclose(judge(states), ratings, atol=1e-3)
