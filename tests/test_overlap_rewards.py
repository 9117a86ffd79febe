"""Overlap rewards: means over references, one reference a completion."""

import pytest

from course.reward.overlap import bleu, rouge_l
from course.reward.overlap_rewards import mean_overlap, overlap_score


def test_a_rule_is_the_mean_over_all_references():
    rule = mean_overlap(bleu, ["a good film", "a good film", "so bad"])
    assert rule(["a good film", "no"]).tolist() == pytest.approx([2 / 3, 0], abs=1e-6)


def test_each_completion_meets_its_own_reference_and_the_prompt_is_left_out():
    score = overlap_score(rouge_l, ["good film", "bad film"])
    assert score(["good", "a"], ["bad", "bad film"]).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: mean_overlap(bleu, []), ValueError),
        (lambda: mean_overlap(bleu, "a"), TypeError),
        (lambda: mean_overlap(bleu, ["a"])("a"), TypeError),
        (lambda: overlap_score(bleu, ["a"])(["a", "b"], ["a", "b"]), ValueError),
        (lambda: overlap_score(bleu, ["a"])(["a"], []), ValueError),
        (lambda: overlap_score(bleu, ["a"])("a", ["a"]), TypeError),
    ],
)
def test_bad_input_is_refused(call, error):
    with pytest.raises(error, match="got .*expected"):
        call()
