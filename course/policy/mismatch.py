"""The sampler is not the trainer: weights that correct for the difference.

Texts drawn by one model (a rounded copy, an older policy) and scored by another have an
importance ratio per token, and per text its product.  TRL 1.16 names the four
corrections token_truncate, token_mask, sequence_truncate and sequence_mask.
"""

from math import inf

from torch import Tensor

from course.expect import as_float, at_least, one_number, tensors, truth
from course.policy.losses import same_shape


def token_is(
    logprobs: Tensor, sampler_logprobs: Tensor, mask: Tensor, limit: float = inf
) -> Tensor:
    """Importance ratio of every token, cut off at `limit`: (batch, time).

    logprobs: nats, under the policy that is trained; sampler_logprobs: under the model
    that drew the tokens; mask: (batch, time).  1 on padding; no gradient flows.  Of a
    text only the token's own ratio counts, not those of the tokens before it, so the
    gradient that it weighs is biased.  Raises ValueError on shapes that differ.
    Chapter 17.
    """
    one_number(limit=limit)
    at_least(0, limit=limit)
    difference = _difference(logprobs, sampler_logprobs, mask)
    return difference.exp().clamp(max=limit)


def sequence_is(
    logprobs: Tensor, sampler_logprobs: Tensor, mask: Tensor, limit: float = inf
) -> Tensor:
    """Importance ratio of every completion, cut off at `limit`: (batch,).

    The product of its tokens' ratios; arguments as in `token_is`.  Without a limit the
    weighted gradient is exact in expectation, and its variance has no bound.
    Raises ValueError on shapes that differ.
    Source: Kahn and Marshall 1953; truncated: Ionides 2008.  Chapter 17.
    """
    one_number(limit=limit)
    at_least(0, limit=limit)
    difference = _difference(logprobs, sampler_logprobs, mask)
    return difference.sum(1).exp().clamp(max=limit)


def drop_above(weights: Tensor, limit: float) -> Tensor:
    """The weights, with those above `limit` set to 0: texts or tokens left out.

    TRL's `mask` modes.  Raises ValueError on a negative limit.  Chapter 17.
    """
    one_number(limit=limit)
    tensors(weights=weights)
    at_least(0, limit=limit)
    return weights.masked_fill(weights > limit, 0.0)


def effective_size(weights: Tensor) -> float:
    """How many equally weighted texts the weighted ones are worth, as a share of them.

    (sum w)^2 / (n sum w^2), from 1/n to 1.  weights: (n,).
    Raises ValueError on another shape and on no weights.
    Source: Kish 1965.  Chapter 17.
    """
    tensors(weights=weights)
    if weights.dim() != 1 or not len(weights):
        raise ValueError(f"got weights {tuple(weights.shape)}, expected (n,)")
    weights = as_float(weights)
    return float(weights.sum() ** 2 / (len(weights) * weights.square().sum()))


def _difference(logprobs: Tensor, sampler_logprobs: Tensor, mask: Tensor) -> Tensor:
    """What the two models' nats differ by, 0 on padding, without gradient."""
    tensors(logprobs=logprobs, sampler_logprobs=sampler_logprobs, mask=mask)
    same_shape(logprobs=logprobs, sampler_logprobs=sampler_logprobs, mask=mask)
    difference = as_float(logprobs) - as_float(sampler_logprobs)
    return difference.detach().masked_fill(~truth(mask), 0.0)
