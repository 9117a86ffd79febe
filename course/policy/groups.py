"""From the scores of a group of completions to one advantage for each of them.

A group holds the completions of one prompt, next to each other in the batch; a
completion is judged by its siblings, so that no value function is needed.
Everything here is a constant of the update: no gradient flows through it.
"""

import torch
from torch import Tensor

from course.expect import as_float, one_number, tensors, whole_number
from course.policy.advantages import leave_one_out_baseline


def group_advantages(
    scores: Tensor, group_size: int, unbiased: bool = False, eps: float = 1e-4
) -> Tensor:
    """GRPO: (score - mean of its group) / (standard deviation of its group + eps).

    scores: (batch,), whole groups.  Returns (batch,), without a unit; a group's
    advantages sum to 0, and are all 0 where its scores are equal.
    unbiased: divide the variance by G - 1 (Bessel), as TRL, verl and OpenRLHF do: that
    makes every advantage smaller by sqrt((G - 1) / G).
    Raises ValueError when the batch is not made of whole groups of at least 2.
    Source: Shao et al. 2024 (DeepSeekMath), arXiv 2402.03300.  Chapter 11.

    >>> group_advantages(torch.tensor([0.0, 2.0, 5.0, 5.0]), group_size=2)
    tensor([-0.9999,  0.9999,  0.0000,  0.0000])
    """
    one_number(eps=eps)
    std = group_std(scores, group_size, unbiased)
    return centred_advantages(scores, group_size) / (
        std.repeat_interleave(group_size) + eps
    )


def centred_advantages(scores: Tensor, group_size: int) -> Tensor:
    """Dr. GRPO: score - mean of its group, not divided by the standard deviation.

    scores: (batch,), whole groups.  Returns (batch,), in units of the score.
    Raises ValueError when the batch is not made of whole groups of at least 2.
    Source: Liu et al. 2025 (Understanding R1-Zero-like training), arXiv 2503.20783.
    Chapter 11.

    >>> centred_advantages(torch.tensor([0.0, 2.0, 5.0, 5.0]), group_size=2)
    tensor([-1.,  1.,  0.,  0.])
    """
    groups = _groups(scores, group_size)
    centred = groups - groups.mean(1, keepdim=True)
    # The mean of equal scores can be off by a rounding, which 1 / eps would enlarge.
    return centred.masked_fill(_all_equal(groups)[:, None], 0.0).view(-1)


def rloo_advantages(rewards: Tensor, group_size: int) -> Tensor:
    """RLOO: reward - mean reward of the *other* completions of its prompt.

    rewards: (batch,), whole groups, the KL penalty included.  Returns (batch,), in
    units of the reward: G / (G - 1) times what the group mean as a baseline gives.
    Raises ValueError when the batch is not made of whole groups of at least 2.
    Source: Ahmadian et al. 2024, arXiv 2402.14740.  Chapter 11.

    >>> rloo_advantages(torch.tensor([0.0, 2.0, 5.0, 5.0]), group_size=2)
    tensor([-2.,  2.,  0.,  0.])
    """
    tensors(rewards=rewards)
    groups = _groups(rewards, group_size)
    others = leave_one_out_baseline(rewards.detach(), group_size).view_as(groups)
    return (groups - others).masked_fill(_all_equal(groups)[:, None], 0.0).view(-1)


def group_std(scores: Tensor, group_size: int, unbiased: bool = False) -> Tensor:
    """Standard deviation of the scores inside each group; its mean is `reward_std`.

    scores: (batch,), whole groups.  Returns (prompts,), in units of the score, exactly
    0 where a group's scores are equal.  unbiased: divide the variance by G - 1.
    Chapter 11.

    >>> group_std(torch.tensor([0.0, 2.0, 5.0, 5.0]), group_size=2)
    tensor([1., 0.])
    """
    groups = _groups(scores, group_size)
    std = groups.std(1, correction=1 if unbiased else 0)
    return std.masked_fill(_all_equal(groups), 0.0)


def frac_reward_zero_std(scores: Tensor, group_size: int) -> Tensor:
    """Share of the groups whose scores are all equal: those teach nothing.

    scores: (batch,), whole groups.  Returns a scalar from 0 to 1.  Chapter 11.

    >>> frac_reward_zero_std(torch.tensor([0.0, 2.0, 5.0, 5.0]), group_size=2)
    tensor(0.5000)
    """
    tensors(scores=scores)
    if not scores.is_meta and not scores.isfinite().all():
        raise ValueError("got a score that is not finite, expected numbers")
    return _all_equal(_groups(scores, group_size)).float().mean()


def _groups(scores: Tensor, group_size: int) -> Tensor:
    """The scores as (prompts, group), without gradient."""
    whole_number(group_size=group_size)
    tensors(scores=scores)
    if scores.ndim != 1:
        raise ValueError(
            f"got scores of shape {tuple(scores.shape)}, expected one per completion: "
            "(batch,)"
        )
    if group_size < 2:
        raise ValueError(f"got group_size = {group_size}, expected at least 2")
    if len(scores) % group_size or len(scores) == 0:
        raise ValueError(
            f"got {len(scores)} scores, expected a multiple of "
            f"group_size = {group_size}"
        )
    return as_float(scores).detach().reshape(-1, group_size)


def _all_equal(groups: Tensor) -> Tensor:
    return torch.eq(groups, groups[:, :1]).all(1)  # (prompts,)
