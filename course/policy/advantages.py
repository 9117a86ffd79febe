"""From scores to advantages: the KL penalty, returns, baselines, whitening.

Everything here is a constant of the update: no gradient flows through it.
Masks are 1 up to and including a completion's last token (EOS, or the last token
of a truncated completion) and 0 after it.
"""

import torch
from torch import Tensor

from course.expect import (
    as_float,
    one_number,
    starts_with_tokens,
    tensors,
    truth,
    whole_number,
)
from course.policy.losses import same_shape


def shaped_rewards(
    scores: Tensor,
    old_logprobs: Tensor,
    ref_logprobs: Tensor,
    mask: Tensor,
    beta: float,
) -> Tensor:
    """Reward of every token: -beta * (l_old - l_ref), plus the score on the last one.

    scores: (batch,); old_logprobs, ref_logprobs, mask: (batch, time); beta: score
    units per nat.  Returns (batch, time), 0 on padding; a row sums to
    score - beta * D.  Raises ValueError on shapes that do not fit.
    Source: Ziegler et al. 2019, section 2.  Chapter 09.
    """
    one_number(beta=beta)
    tensors(
        scores=scores, old_logprobs=old_logprobs, ref_logprobs=ref_logprobs, mask=mask
    )
    same_shape(old_logprobs=old_logprobs, ref_logprobs=ref_logprobs, mask=mask)
    if scores.shape != mask.shape[:1]:
        raise ValueError(
            f"got scores of shape {tuple(scores.shape)}, "
            f"expected one per completion: {tuple(mask.shape[:1])}"
        )
    mask = starts_with_tokens(mask)
    if mask.is_cpu and not mask.any(1).all():
        raise ValueError("got a row without a token, expected one to bear its score")
    penalty = -beta * (as_float(old_logprobs) - as_float(ref_logprobs))
    position = torch.arange(mask.shape[1], device=mask.device)
    is_last = position == mask.sum(1, keepdim=True) - 1  # (batch, time)
    rewards = penalty + is_last * scores[:, None]
    return rewards.masked_fill(~mask, 0.0).detach()


def returns_to_go(rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    """Discounted sum of the rewards from each token on: G_t = r_t + gamma G_{t+1}.

    rewards, mask: (batch, time).  Returns (batch, time), 0 on padding.
    Raises ValueError when gamma is outside [0, 1].
    Source: Sutton and Barto, "Reinforcement Learning", equation 3.9.  Chapter 09.

    >>> returns_to_go(torch.tensor([[1.0, 2.0, 9.0]]), torch.tensor([[1, 1, 0]]), 0.5)
    tensor([[2., 2., 0.]])
    """
    one_number(gamma=gamma)
    tensors(rewards=rewards, mask=mask)
    same_shape(rewards=rewards, mask=mask)
    if not 0.0 <= gamma <= 1.0:
        raise ValueError(f"got gamma = {gamma}, expected a number from 0 to 1")
    rewards = as_float(rewards).masked_fill(~starts_with_tokens(mask), 0.0)
    returns = torch.zeros_like(rewards)
    following = torch.zeros_like(rewards[:, 0])  # (batch,)
    for t in reversed(range(rewards.shape[1])):
        following = rewards[:, t] + gamma * following
        returns[:, t] = following
    return returns


def batch_mean_baseline(rewards: Tensor) -> Tensor:
    """The mean reward of the batch, for every sample.

    rewards: (batch,).  Returns (batch,).  A sample is part of its own baseline:
    that scales the expected gradient by (batch - 1) / batch and keeps its direction.
    Chapter 09.

    >>> batch_mean_baseline(torch.tensor([1.0, 2.0, 6.0]))
    tensor([3., 3., 3.])
    """
    tensors(rewards=rewards)
    if rewards.ndim != 1 or len(rewards) == 0:
        raise ValueError(
            f"got rewards of shape {tuple(rewards.shape)}, expected (batch,)"
        )
    rewards = as_float(rewards)
    return rewards.mean().expand_as(rewards)


def leave_one_out_baseline(rewards: Tensor, group_size: int) -> Tensor:
    """For every sample the mean reward of the *other* samples of its prompt.

    rewards: (batch,), the completions of one prompt next to each other.
    Returns (batch,).  Raises ValueError when a group has no other sample or when the
    batch is not made of whole groups.
    Source: Kool et al. 2019; Ahmadian et al. 2024 (RLOO), arXiv 2402.14740.
    Chapter 09.

    >>> leave_one_out_baseline(torch.tensor([1.0, 2.0, 6.0]), group_size=3)
    tensor([4.0000, 3.5000, 1.5000])
    """
    whole_number(group_size=group_size)
    tensors(rewards=rewards)
    if rewards.ndim != 1:
        raise ValueError(
            f"got rewards of shape {tuple(rewards.shape)}, expected (batch,)"
        )
    if group_size < 2:
        raise ValueError(f"got group_size = {group_size}, expected at least 2")
    if len(rewards) % group_size:
        raise ValueError(
            f"got {len(rewards)} rewards, expected a multiple of "
            f"group_size = {group_size}"
        )
    groups = as_float(rewards).reshape(-1, group_size)  # (prompts, group)
    others = (groups.sum(1, keepdim=True) - groups) / (group_size - 1)
    return others.view(-1)


def whole_sequence_advantages(rewards: Tensor, mask: Tensor) -> Tensor:
    """Credit every token with the whole sequence: A = R - batch mean of R.

    rewards, mask: (batch, time).  Returns (batch,).  Chapter 09.
    """
    total = returns_to_go(rewards, mask)[:, 0]  # (batch,)
    return total - batch_mean_baseline(total)


def reward_to_go_advantages(rewards: Tensor, mask: Tensor) -> Tensor:
    """Credit every token with what follows it: A_t = G_t - batch mean of R.

    rewards, mask: (batch, time).  Returns (batch, time), 0 on padding.  The expected
    gradient is that of whole-sequence credit, with less variance.  Chapter 09.
    """
    returns = returns_to_go(rewards, mask)
    baseline = batch_mean_baseline(returns[:, 0])
    return (returns - baseline[:, None]).masked_fill(~truth(mask), 0.0)


def whiten(advantages: Tensor, mask: Tensor) -> Tensor:
    """Shift and scale to mean 0 and variance 1 over all unmasked tokens of the batch.

    advantages, mask: (batch, time).  Returns (batch, time), 0 on padding.
    The variance is biased (divided by n); a constant input gives zeros.  Chapter 10.

    >>> whiten(torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([[1, 1, 0]]))
    tensor([[-1.,  1.,  0.]])
    """
    tensors(advantages=advantages, mask=mask)
    same_shape(advantages=advantages, mask=mask)
    mask = truth(mask)
    if mask.is_cpu and not mask.any():
        raise ValueError("got a mask without a token to average over, expected one")
    advantages, n = as_float(advantages), mask.sum()
    mean = advantages.masked_fill(~mask, 0.0).sum() / n
    centred = (advantages - mean).masked_fill(~mask, 0.0)
    # The mean of equal numbers can be off by a rounding, which 1e-8 would enlarge.
    highest = advantages.masked_fill(~mask, float("-inf")).max()
    lowest = advantages.masked_fill(~mask, float("inf")).min()
    centred = centred.masked_fill(highest == lowest, 0.0)
    return centred * torch.rsqrt(centred.square().sum() / n + 1e-8)
