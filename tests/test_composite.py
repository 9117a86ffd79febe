"""Composite rewards: sums by hand, normalised by numpy, parts in and out."""

import math

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.reward.composite import Composite, composite_reward, weighted_sum
from course.reward.rules import length_score, rule_score

numbers = st.floats(-100, 100, width=32)
length = rule_score(length_score)


def cries(prompts, completions):
    return torch.tensor([float(text.count("!")) for text in completions])


def test_a_weighted_sum_by_hand():
    scores = torch.tensor([[1.0, 2.0, 3.0], [10.0, 0.0, -10.0]])
    total = weighted_sum(scores, torch.tensor([2.0, -0.5]))
    assert total.tolist() == [2 - 5, 4, 6 + 5]


@settings(deadline=None)
@given(st.lists(st.lists(numbers, min_size=5, max_size=5), min_size=1, max_size=4))
def test_a_composite_is_the_z_score_of_the_sum(rows):
    scores = torch.tensor(rows, dtype=torch.float64)
    weights = torch.linspace(-1, 2, len(rows), dtype=torch.float64)
    total = (numpy.array(rows) * weights.numpy()[:, None]).sum(0)
    if total.std() < 1e-3 * (1 + abs(total).max()):
        return
    expected = (total - total.mean()) / total.std()
    found = composite_reward(scores, weights)
    assert found.numpy() == pytest.approx(expected, abs=1e-6)


def test_equal_sums_give_zeros_and_not_a_division_by_zero():
    assert composite_reward(torch.full((2, 3), 0.1), torch.ones(2)).tolist() == [0] * 3
    assert composite_reward(torch.ones(1, 1), torch.ones(1)).tolist() == [0]


def test_the_scale_of_all_weights_and_a_shift_of_a_part_do_not_matter():
    scores = torch.randn(3, 8, generator=torch.Generator().manual_seed(0)).double()
    weights = torch.tensor([1.0, -2.0, 0.5]).double()
    once = composite_reward(scores, weights)
    shifted = scores + torch.tensor([[5.0], [-1.0], [0.0]])
    assert torch.allclose(composite_reward(shifted, 3 * weights), once, atol=1e-9)


def test_a_part_that_hardly_varies_weighs_little_when_summed_first():
    main = torch.tensor([1.0, 2.0, 3.0, 4.0])
    rare = torch.tensor([0.0, 0.0, 0.01, 0.0])
    both = composite_reward(torch.stack([main, rare]), torch.ones(2))
    alone = composite_reward(main[None], torch.ones(1))
    assert (both - alone).abs().max() < 0.02


def test_a_part_that_is_added_and_removed_leaves_no_trace():
    prompts, completions = ["It is", "So"], [" good!", " bad"]
    reward = Composite({"length": (1.0, length)})
    before = reward(prompts, completions)
    reward.add("cries", -2.0, cries)
    assert reward(prompts, completions).tolist() == [3 - 2, 2]
    reward.remove("cries")
    assert torch.equal(reward(prompts, completions), before)
    assert set(reward.metrics) == {
        "score/length/mean", "score/length/std", "score/mean", "score/std",
    }  # fmt: skip


def test_the_metrics_are_the_moments_of_each_part_before_its_weight():
    reward = Composite({"length": (10.0, length), "cries": (-1.0, cries)})
    reward(["a", "a"], [" b c!", "!!!"])
    assert reward.metrics["score/length/mean"] == 2
    assert reward.metrics["score/length/std"] == 1  # biased
    assert reward.metrics["score/cries/mean"] == 2
    assert reward.metrics["score/mean"] == 18


def test_a_score_does_not_hang_on_its_batch_mates_but_a_reward_does():
    reward = Composite({"length": (1.0, length)})
    alone = reward(["a"], ["b c"])
    assert reward(["a", "a"], ["b c", "d e f"])[0] == alone[0]
    assert reward.reward(["a", "a"], ["b c", "d e f"]).tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: weighted_sum(torch.ones(2), torch.ones(2)), ValueError, "got scores"),
        (lambda: weighted_sum(torch.ones(2, 3), torch.ones(3)), ValueError, "weights"),
        (lambda: weighted_sum(torch.ones(0, 3), torch.ones(0)), ValueError, "one part"),
        (
            lambda: weighted_sum(torch.ones(1, 1).long(), torch.ones(1)),
            TypeError,
            "int64",
        ),
        (
            lambda: weighted_sum(torch.tensor([[math.nan]]), torch.ones(1)),
            ValueError,
            "score that is not finite",
        ),
        (
            lambda: weighted_sum(torch.ones(1, 1), torch.tensor([math.inf])),
            ValueError,
            "weight that is not finite",
        ),
        (lambda: Composite()([], []), ValueError, "without parts"),
        (lambda: Composite({"": (1, length)}), ValueError, "got the name ''"),
        (lambda: Composite({"a": (math.nan, length)}), ValueError, "weight nan"),
        (lambda: Composite().remove("a"), ValueError, "got the name 'a'"),
        (
            lambda: Composite({"a": (1, lambda p, c: torch.ones(3))})(["x"], ["y"]),
            ValueError,
            "from the part 'a'",
        ),
        (lambda: Composite({"a": (1, length)})(["x"], []), ValueError, "1 prompts"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_sentence(call, error, told):
    with pytest.raises(error, match=told) as caught:
        call()
    assert "expected" in str(caught.value) and "\n" not in str(caught.value)


def test_a_name_is_taken_once():
    reward = Composite({"a": (1.0, length)})
    with pytest.raises(ValueError, match="not taken"):
        reward.add("a", 2.0, length)
