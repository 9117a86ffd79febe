"""A simulated annotator whose noise and love of length we set ourselves."""

import math

import torch
from torch import Tensor

from course.expect import as_float, cpu_generator, one_number, tensors


def choice_logits(
    gaps: Tensor, length_ratios: Tensor, *, noise: float, length_bias: float = 0.0
) -> Tensor:
    """Log-odds that the annotator prefers a to b, in nats, shape (pairs,).

    gaps / noise + length_bias × log2(length_ratios).  gaps: rating of a minus rating
    of b, (pairs,).  length_ratios: length of a over length of b, (pairs,).  noise: in
    rating units, infinite for a coin.  length_bias: nats for a text twice as long.
    Without bias the annotator is a Bradley–Terry model with strengths rating / noise.
    Raises ValueError for unequal shapes, no pairs, noise that is not positive, NaN,
    or a ratio that is not positive.  Chapter 06.
    """
    one_number(noise=noise, length_bias=length_bias)
    tensors(gaps=gaps, length_ratios=length_ratios)
    if gaps.dim() != 1 or gaps.shape != length_ratios.shape or not len(gaps):
        raise ValueError(
            f"got shapes {tuple(gaps.shape)} and {tuple(length_ratios.shape)}, "
            "expected equal (pairs,) with at least one pair"
        )
    if not noise > 0 or not math.isfinite(length_bias):
        raise ValueError(
            f"got noise={noise} and length_bias={length_bias}, expected noise above 0 "
            "and a finite bias"
        )
    if not torch.isfinite(gaps).all():
        raise ValueError("got a rating gap that is not finite, expected numbers")
    if not (torch.isfinite(length_ratios).all() and (length_ratios > 0).all()):
        raise ValueError("got a length ratio that is not positive, expected lengths")
    return gaps / noise + length_bias * torch.log2(length_ratios)


def choice_probabilities(logits: Tensor, ties: float = 0.0) -> Tensor:
    """Probabilities of "b", "tie", "a" in this order, shape (pairs, 3).

    In the proportions e^(−d/2) : ties : e^(d/2), with d the logits, so that ties are
    most frequent between equals and P(a) / P(b) is the same for every `ties`.
    Source: Davidson 1970.  Raises ValueError for negative or infinite ties.
    Chapter 06.
    """
    one_number(ties=ties)
    if not 0 <= ties < math.inf:
        raise ValueError(f"got ties={ties}, expected 0 or a finite positive number")
    logits = as_float(logits)
    middle = torch.full_like(logits, math.log(ties) if ties else -math.inf)
    return torch.stack([-logits / 2, middle, logits / 2], dim=-1).softmax(-1)


def annotate(
    logits: Tensor, *, generator: torch.Generator, ties: float = 0.0
) -> Tensor:
    """One vote on every pair: 1.0 for a, 0.5 for a tie, 0.0 for b, shape (pairs,).

    logits: `choice_logits`.  Draws on the CPU, one number per pair.  Chapter 06.
    """
    cpu_generator(generator)
    logits = as_float(logits)
    if logits.dim() != 1 or not logits.isfinite().all():
        raise ValueError(
            f"got logits of shape {tuple(logits.shape)}, expected finite numbers, "
            "(pairs,)"
        )
    cumulative = choice_probabilities(logits, ties).cumsum(-1)
    draws = torch.rand(len(logits), generator=generator, dtype=torch.float64)
    draws = draws.to(logits.device, logits.dtype)[:, None]
    return (draws >= cumulative[:, :2]).sum(-1) / 2
