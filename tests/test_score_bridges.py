"""The bridges are called as TRL, OpenRLHF and verl call them."""

import inspect

import pytest
import torch

from course.runtime import CourseError
from course.score_bridges import for_openrlhf, for_trl, for_verl


def seen_lengths(prompts, completions):
    """Tens for the prompt, ones for the completion: tells which text came where."""
    return [10 * len(p) + len(c) for p, c in zip(prompts, completions, strict=True)]


def test_trl_calls_by_name_with_columns_and_gets_one_float_a_text():
    reward = for_trl(seen_lengths)
    got = reward(
        prompts=["abc", "a"], completions=["xy", ""], completion_ids=[[1], [2]],
        label=[None, 1], trainer_state=None,
    )  # fmt: skip
    assert got == [32.0, 10.0]
    assert all(type(number) is float for number in got)
    assert reward.__name__ == "reward"  # TRL logs by this name


def test_trl_hands_over_messages_where_the_data_is_conversational():
    prompts = [[{"role": "system", "content": "s"}, {"role": "user", "content": "abc"}]]
    texts = [[{"role": "assistant", "content": "xy"}]]
    assert for_trl(seen_lengths)(prompts=prompts, completions=texts) == [32.0]
    with pytest.raises(TypeError, match="expected a text or messages"):
        for_trl(seen_lengths)(prompts=[7], completions=["x"])


def test_the_signature_of_trl_is_the_one_that_its_trainer_calls():
    """`reward_func(prompts=…, completions=…, completion_ids=…, **reward_kwargs)`."""
    trl = pytest.importorskip("trl")
    source = inspect.getsource(trl.GRPOTrainer)
    assert "prompts=prompts" in source and "completions=completions" in source


def test_openrlhf_passes_queries_prompts_and_labels():
    got = for_openrlhf(seen_lengths)(["abcxy", "az"], ["abc", "a"], ["", ""])
    assert got["rewards"].tolist() == [32.0, 11.0]
    assert got["scores"].tolist() == [1.0, 1.0]  # between 0 and 1
    assert torch.equal(got["extra_logs"]["score"], got["rewards"])


def test_openrlhf_queries_with_special_tokens_are_refused():
    with pytest.raises(ValueError, match="begin with its prompt"):
        for_openrlhf(seen_lengths)(["<s>abcxy"], ["abc"], [""])


def test_verl_passes_one_text_and_the_prompt_only_in_extra_info():
    score = for_verl(seen_lengths)
    assert score("films", "xy", None) == 2.0
    assert score("films", "xy", "label", extra_info={"prompt": "abc", "n": 1}) == 32.0
    said = {"prompt": [{"role": "user", "content": "abc"}]}
    given = {"data_source": "films", "solution_str": "xy", "ground_truth": None}
    assert score(**given, extra_info=said, sandbox_fusion_url=None) == 32.0


@pytest.mark.parametrize(
    "call",
    [
        lambda score: for_trl(score)(["a"], ["b"]),
        lambda score: for_openrlhf(score)(["ab"], ["a"], [""]),
        lambda score: for_verl(score)("films", "b", None),
    ],
)
def test_a_broken_score_is_said_and_never_trained_on(call):
    with pytest.raises(ValueError, match="finite"):
        call(lambda prompts, completions: [float("nan")])
    with pytest.raises(CourseError, match="raised KeyError"):
        call(lambda prompts, completions: {}["x"])
