"""What a step takes from the whole batch, taken from the batches of all processes.

Alone, each function gives what its namesake gives.
"""

from functools import partial

import torch
from torch import Tensor

from course.expect import as_float, at_least, tensors, truth, whole
from course.policy.advantages import returns_to_go
from course.policy.losses import Reduction, reduce_token_mean, same_shape
from course.policy.processes import count, sum_of_all


def rank_mean(
    values: Tensor, mask: Tensor, tokens: Tensor | float, processes: int
) -> Tensor:
    """One process's part of a mean over the tokens of all: processes * sum / tokens.

    values, mask: (batch, time), this process's; tokens: how many all have together.
    Returns a scalar; the mean of all processes' scalars is the mean over all tokens,
    and so it is with their gradients.  Raises ValueError where there is no token or
    no process.  Chapter 17.

    >>> rank_mean(torch.tensor([[3.0, 5.0]]), torch.ones(1, 2), tokens=8, processes=2)
    tensor(2.)
    """
    whole(1, processes=processes)
    if not isinstance(tokens, Tensor) or tokens.is_cpu:  # a GPU is asked nothing
        at_least(1e-9, tokens=float(tokens))
    return reduce_token_mean(values, mask, n_tokens=tokens / processes)


def shared_token_mean(mask: Tensor, minibatches: int = 1) -> Reduction:
    """`rank_mean` for the rollouts of all processes; alone, `reduce_token_mean`.

    mask: (batch, time), this process's.  In each of several minibatches a token has
    the same weight.  Raises ValueError without a minibatch.  Chapter 17.
    """
    whole(1, minibatches=minibatches)
    tokens = sum_of_all(truth(mask).sum()) / minibatches
    return partial(rank_mean, tokens=tokens, processes=count())


def shared_advantages(rewards: Tensor, mask: Tensor) -> Tensor:
    """As `reward_to_go_advantages`, less the mean reward of all processes' texts.

    rewards, mask: (batch, time).  Returns (batch, time), 0 on padding.  Chapter 17.
    """
    returns = returns_to_go(rewards, mask)
    first = returns[:, 0]  # (batch,), what each text earns
    total, texts = sum_of_all(torch.stack([first.sum(), torch.ones_like(first).sum()]))
    return (returns - total / texts).masked_fill(~truth(mask), 0.0)


def shared_whiten(advantages: Tensor, mask: Tensor) -> Tensor:
    """As `whiten`, by mean and variance of the tokens of all processes.

    advantages, mask: (batch, time).  Returns (batch, time), 0 on padding.
    Raises ValueError on unequal shapes and without a token.  Chapter 17.
    """
    tensors(advantages=advantages, mask=mask)
    same_shape(advantages=advantages, mask=mask)
    mask = truth(mask)
    inside = as_float(advantages).masked_fill(~mask, 0.0)
    total, n = sum_of_all(torch.stack([inside.sum(), mask.sum().to(inside)]))
    if n.is_cpu and n == 0:
        raise ValueError("got a mask without a token to average over, expected one")
    mean = total / n
    centred = (inside - mean).masked_fill(~mask, 0.0)
    variance = sum_of_all(centred.square().sum()) / n
    # The mean of equal numbers can be off by a rounding, which 1e-8 would enlarge.
    centred = centred.masked_fill(variance <= (1e-6 * mean).square(), 0.0)
    return centred * torch.rsqrt(variance + 1e-8)
