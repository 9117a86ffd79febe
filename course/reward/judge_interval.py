"""How many texts do people like?  Intervals from people, from a judge, from both."""

import torch
from torch import Tensor

from course.expect import as_float, finite, one_number, tensors

Z = 1.96  # of an interval that holds the truth in 95 of 100 cases


def judge_interval(
    asked: Tensor, judged: Tensor, unasked: Tensor, weight: float = 1.0, z: float = Z
) -> Tensor:
    """Both ends, (2,), of an interval for what people would say on average.

    asked: (n,), what people said of n texts; judged: (n,), what the judge says of the
    same; unasked: (m,), what the judge says of m other texts, all drawn alike.
    weight: 0 is people alone; 1 the judge's mean, mended by what people say of its
    errors; `tuned_weight` the narrowest.  The error of the asked and of the unasked
    part are independent; variances divide by n - 1.  Raises ValueError on shapes that
    do not fit.
    Source: Angelopoulos et al. 2023, "Prediction-powered inference".  Chapter 17.

    >>> people, judge = torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0.0, 1.0, 1.0])
    >>> judge_interval(people, judge, torch.tensor([1.0, 1.0, 0.0, 0.0]))
    tensor([-0.0658,  1.0658])
    """
    one_number(weight=weight, z=z)
    asked, judged, unasked = _verdicts_checked(asked, judged, unasked)
    errors = asked - weight * judged
    middle = errors.mean() + weight * unasked.mean()
    variance = errors.var() / len(asked) + weight**2 * unasked.var() / len(unasked)
    half = z * variance.sqrt()
    return torch.stack([middle - half, middle + half])


def tuned_weight(asked: Tensor, judged: Tensor, unasked: Tensor) -> float:
    """The weight that makes `judge_interval` narrowest, estimated and kept in [0, 1].

    cov(asked, judged) / ((1 + n / m) var(judged)).  Raises ValueError on shapes that do
    not fit and on numbers that are not finite.
    Source: Angelopoulos et al. 2023, "PPI++".  Chapter 17.
    """
    asked, judged, unasked = _verdicts_checked(asked, judged, unasked)
    finite(asked=asked, judged=judged, unasked=unasked)
    cov = torch.cov(torch.stack([asked, judged]))[0, 1]
    spread = torch.cat([judged, unasked]).var()
    best = cov / ((1 + len(asked) / len(unasked)) * spread)
    return float(best.nan_to_num().clamp(0, 1))


def rogan_gladen_interval(
    asked: Tensor, judged: Tensor, unasked: Tensor, z: float = Z
) -> Tensor:
    """As `judge_interval`, for verdicts 0 or 1: the judge's share, its errors undone.

    share = (q + specificity - 1) / (sensitivity + specificity - 1), with q the judge's
    share of yes among the unasked and the two rates from the asked texts; its variance
    by the delta method.  Endless where the judge does no better than chance, that is
    where the divisor is not positive.  Raises ValueError when people said only one
    thing, and on a verdict outside 0 to 1.
    Source: Rogan and Gladen 1978; variance: Lang and Reiczigel 2014.  Chapter 17.
    """
    one_number(z=z)
    asked, judged, unasked = _verdicts_checked(asked, judged, unasked)
    low, high = torch.cat([asked, judged, unasked]).aminmax()
    if not (low >= 0 and high <= 1):
        raise ValueError(f"got verdicts from {low:g} to {high:g}, expected 0 to 1")
    yes, no = judged[asked > 0.5], judged[asked <= 0.5]
    if not (len(yes) and len(no)):
        raise ValueError("got people who all say the same, expected both verdicts")
    sensitivity, specificity = yes.mean(), 1 - no.mean()
    q, divisor = unasked.mean(), sensitivity + specificity - 1
    if divisor <= 0:
        end = torch.tensor(float("inf"))
        return torch.stack([-end, end])
    share = (q + specificity - 1) / divisor
    variance = (
        q * (1 - q) / len(unasked)
        + share**2 * sensitivity * (1 - sensitivity) / len(yes)
        + (1 - share) ** 2 * specificity * (1 - specificity) / len(no)
    ) / divisor**2
    half = z * variance.sqrt()
    return torch.stack([share - half, share + half])


def mean_interval(values: Tensor, z: float = Z) -> Tensor:
    """The usual interval of a mean, (m,) -> (2,): people alone, or a judge alone.

    Raises ValueError on another shape and on fewer than two numbers.  Chapter 17.
    """
    one_number(z=z)
    tensors(values=values)
    if values.dim() != 1 or len(values) < 2:
        raise ValueError(
            f"got values {tuple(values.shape)}, expected (m,) with m of at least 2"
        )
    values = as_float(values)
    half = z * values.std() / len(values) ** 0.5
    return torch.stack([values.mean() - half, values.mean() + half])


def _verdicts_checked(
    asked: Tensor, judged: Tensor, unasked: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The three as floating point; ValueError unless they are (n,), (n,) and (m,)."""
    tensors(asked=asked, judged=judged, unasked=unasked)
    if asked.dim() != 1 or asked.shape != judged.shape or unasked.dim() != 1:
        raise ValueError(
            f"got asked {tuple(asked.shape)}, judged {tuple(judged.shape)} and unasked "
            f"{tuple(unasked.shape)}, expected (n,), (n,) and (m,)"
        )
    if len(asked) < 2 or len(unasked) < 2:
        raise ValueError("got fewer than two texts, expected at least two of each kind")
    return as_float(asked), as_float(judged), as_float(unasked)
