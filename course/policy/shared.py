"""What a step takes from the whole batch, taken from the batches of all processes.

Alone, each function gives what its namesake gives.
"""

from functools import partial

import torch
from torch import Tensor

from course.policy.advantages import returns_to_go
from course.policy.losses import Reduction, reduce_token_mean
from course.policy.processes import count, sum_of_all


def shared_token_mean(mask: Tensor, minibatches: int = 1) -> Reduction:
    """`reduce_token_mean` over the tokens of all processes, for one rollout.

    mask: (batch, time), this process's.  The mean over processes of what it gives is
    the mean over all tokens; of several minibatches each token has the same weight.
    Chapter 17.
    """
    tokens = sum_of_all(mask.sum()) / (count() * minibatches)
    return partial(reduce_token_mean, n_tokens=tokens)


def shared_advantages(rewards: Tensor, mask: Tensor) -> Tensor:
    """As `reward_to_go_advantages`, less the mean reward of all processes' texts.

    rewards, mask: (batch, time).  Returns (batch, time), 0 on padding.  Chapter 17.
    """
    returns = returns_to_go(rewards, mask)
    total, texts = sum_of_all(
        torch.stack([returns[:, 0].sum(), returns.new_tensor(len(returns))])
    )
    return (returns - total / texts).masked_fill(~mask.bool(), 0.0)


def shared_whiten(advantages: Tensor, mask: Tensor) -> Tensor:
    """As `whiten`, by mean and variance of the tokens of all processes.

    advantages, mask: (batch, time).  Returns (batch, time), 0 on padding.  Chapter 17.
    """
    mask = mask.bool()
    inside = advantages.masked_fill(~mask, 0.0)
    total, n = sum_of_all(torch.stack([inside.sum(), mask.sum().to(inside)]))
    mean = total / n
    centred = (inside - mean).masked_fill(~mask, 0.0)
    variance = sum_of_all(centred.square().sum()) / n
    # The mean of equal numbers can be off by a rounding, which 1e-8 would enlarge.
    centred = centred.masked_fill(variance <= (1e-6 * mean).square(), 0.0)
    return centred * torch.rsqrt(variance + 1e-8)
