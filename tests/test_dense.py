"""Sparse and dense rewards: where they land, and that their returns agree."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.policy.advantages import returns_to_go
from course.reward.dense import potential_increments, sparse_rewards


def mask_of(lengths, time):
    return torch.arange(time) < torch.tensor(lengths)[:, None]


def test_a_sparse_reward_lands_on_the_last_real_token():
    rewards = sparse_rewards(torch.tensor([2.0, -3.0]), mask_of([3, 1], 3))
    assert rewards.tolist() == [[0, 0, 2], [-3, 0, 0]]


def test_increments_by_hand_and_nothing_on_padding():
    potentials = torch.tensor([[1.0, 4.0, 2.0], [0.0, 5.0, 99.0]])
    increments = potential_increments(potentials, mask_of([2, 1], 2))
    assert increments.tolist() == [[3, -2], [5, 0]]


@settings(deadline=None)
@given(st.lists(st.floats(-9, 9), min_size=2, max_size=9), st.integers(0, 3))
def test_the_increments_sum_to_the_last_score_minus_the_first(row, padding):
    potentials = torch.tensor([row + [7.0] * padding], dtype=torch.float64)
    length = len(row) - 1
    mask = mask_of([length], length + padding)
    total = potential_increments(potentials, mask).sum()
    assert float(total) == pytest.approx(row[-1] - row[0], abs=1e-9)


def test_the_return_from_the_first_token_is_the_sparse_one_up_to_a_constant():
    potentials = torch.randn(4, 6, generator=torch.Generator().manual_seed(0)).double()
    mask = mask_of([5, 5, 5, 5], 5)
    dense = returns_to_go(potential_increments(potentials, mask), mask)
    sparse = returns_to_go(sparse_rewards(potentials[:, -1], mask), mask)
    # from token t on: the constant is the potential before t, whatever comes after
    assert torch.allclose(dense, sparse - potentials[:, :-1], atol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda: sparse_rewards(torch.ones(2), torch.ones(3, 4).bool()),
        lambda: sparse_rewards(torch.ones(1), torch.zeros(1, 4).bool()),
        lambda: sparse_rewards(torch.ones(2), torch.ones(2).bool()),
        lambda: potential_increments(torch.ones(2, 3), torch.ones(2, 3).bool()),
        lambda: potential_increments(torch.ones(3), torch.ones(2).bool()),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(ValueError, match="got .*expected"):
        call()
