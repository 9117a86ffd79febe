"""How well scores agree with people: correlations, pair accuracy, calibration."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course.expect import as_tensor, whole_number
from course.runtime import as_double


def _flat_pair(a: Tensor, b: Tensor, least: int = 1) -> tuple[Tensor, Tensor]:
    """Both as fp64 on one device, checked: equal shape (n,), n >= least, finite."""
    a, b = as_tensor("a", a), as_tensor("b", b)
    if a.dim() != 1 or a.shape != b.shape:
        raise ValueError(
            f"got shapes {tuple(a.shape)} and {tuple(b.shape)}, expected equal (n,)"
        )
    if len(a) < least:
        raise ValueError(f"got {len(a)} values, expected at least {least}")
    a, b = as_double(a.detach()), as_double(b.detach())
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise ValueError("got a value that is not finite, expected finite numbers")
    return a, b


def pearson(a: Tensor, b: Tensor) -> float:
    """Pearson's linear correlation r of two series of shape (n,), n >= 2.

    NaN when a series is constant.  Raises ValueError on unequal shapes, fewer than
    two values, or values that are not finite.  Chapter 05.

    >>> round(pearson(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 4.0, 6.0])), 6)
    1.0
    """
    a, b = _flat_pair(a, b, least=2)
    if (a == a[0]).all() or (b == b[0]).all():
        return math.nan
    a, b = a - a.mean(), b - b.mean()
    r = (a / a.norm()) @ (b / b.norm())
    return float(r.clamp(-1.0, 1.0))


def preference_accuracy(chosen: Tensor, rejected: Tensor) -> float:
    """Share of pairs whose chosen text scores strictly higher; a tie counts as wrong.

    chosen, rejected: scores, shape (batch,).  Raises ValueError on unequal shapes, an
    empty batch, or scores that are not finite.  Chapter 07.

    >>> preference_accuracy(torch.tensor([2.0, 1.0]), torch.tensor([0.0, 1.0]))
    0.5
    """
    chosen, rejected = _flat_pair(chosen, rejected)
    return float(as_double(chosen > rejected).mean())


class Reliability(NamedTuple):
    """A reliability diagram as numbers; every field has shape (bins,).

    Empty bins have count 0 and NaN for confidence and frequency.  Chapter 07.
    """

    count: Tensor
    confidence: Tensor  # mean predicted probability in the bin
    frequency: Tensor  # share of outcomes that came true in the bin


def reliability_table(
    probabilities: Tensor, outcomes: Tensor, bins: int = 10
) -> Reliability:
    """Predicted against observed frequency in equal-width bins of the probability.

    probabilities: shape (n,), within [0, 1].  outcomes: shape (n,), 0 or 1; a value
    between counts as a share (half for a tie).  Bin i holds i/bins <= p < (i+1)/bins,
    the last one also p = 1.  Raises ValueError outside those ranges or for bins < 1.
    Chapter 07.
    """
    whole_number(bins=bins)
    p, y = _flat_pair(probabilities, outcomes)
    if bins < 1:
        raise ValueError(f"got {bins} bins, expected at least 1")
    for name, x in (("probabilities", p), ("outcomes", y)):
        if x.min() < 0 or x.max() > 1:
            raise ValueError(
                f"got {name} from {x.min():.3g} to {x.max():.3g}, expected 0 to 1"
            )
    index = (p * bins).floor().long().clamp(max=bins - 1)
    zero = torch.zeros(bins, dtype=p.dtype, device=p.device)
    count = zero.index_add(0, index, torch.ones_like(p))
    confidence = zero.index_add(0, index, p) / count  # 0 / 0 = NaN where empty
    frequency = zero.index_add(0, index, y) / count
    return Reliability(count.long(), confidence, frequency)


def expected_calibration_error(
    probabilities: Tensor, outcomes: Tensor, bins: int = 10
) -> float:
    """Mean gap between predicted and observed frequency, weighted by bin size.

    sum_i count_i / n * |confidence_i - frequency_i| over equal-width bins; arguments
    and errors as `reliability_table`.  0 is perfect; the value depends on `bins`.
    Source: Naeini, Cooper & Hauskrecht, AAAI 2015; Guo et al., ICML 2017, equation 3.
    Chapter 07.

    >>> p, y = torch.tensor([0.9, 0.9, 0.1, 0.1]), torch.tensor([1, 0, 0, 0])
    >>> round(expected_calibration_error(p, y), 6)
    0.25
    """
    count, confidence, frequency = reliability_table(probabilities, outcomes, bins)
    gap = (confidence - frequency).abs().nan_to_num()
    return float((count * gap).sum() / count.sum())
