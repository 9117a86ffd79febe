"""Over-optimisation: what a judge sees while a policy climbs a proxy.

All curves are over d = √KL, in √nats, where KL is the distance of the policy from its
start, in nats a text.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course.expect import as_float, cpu_generator, one_number, tensors, whole_number
from course.expect_lists import real_numbers


class Fit(NamedTuple):
    """A curve start + d(a - b g(d)): its numbers and the root mean square residual.

    Chapter 14.
    """

    start: float
    a: float
    b: float
    rms: float


def kl_budget_fit(kl: Tensor, gain: Tensor) -> Tensor:
    """a, b and the peak's KL of gain = d(a - b d), d = √KL, by least squares: (3,).

    kl: (n,), nats.  gain: (n,), a judge's score minus that of the start.  The peak, in
    nats, is the budget beyond which the curve falls: (a / 2b)², or infinity where the
    curve does not turn (b <= 0 or a <= 0).  fp64.  Raises ValueError as `fit`.
    Source: Gao et al. 2022, arXiv 2210.10760.  Chapter 14.

    >>> fitted = kl_budget_fit(torch.tensor([1.0, 4, 9]), torch.tensor([3.0, 4, 3]))
    >>> [round(number, 6) for number in fitted.tolist()]
    [4.0, 1.0, 4.0]
    """
    tensors(gain=gain)
    d = _root_of_kl(kl, gain)
    a, b = _solve(torch.stack((d, -d * d), 1), gain.double())
    peak = torch.where((a > 0) & (b > 0), (a / (2 * b)) ** 2, float("inf"))
    return torch.stack((a, b, peak))


def fit(kl: Tensor, score: Tensor, form: str = "parabola") -> Fit:
    """start + d(a - b g(d)); g(d) is d ("parabola"), ln d ("logarithm") or 0 ("line").

    kl: (n,), nats; score: (n,); by least squares in fp64.  At d = 0 the curve is the
    start.  Raises ValueError on another form, on shapes that do not fit, on a negative
    KL and on fewer points than numbers to find.  Source: Gao et al. 2022.  Chapter 14.
    """
    d = _root_of_kl(kl, score)
    bend = {
        "parabola": -d * d,
        "logarithm": -torch.xlogy(d, d),
        "line": torch.zeros_like(d),
    }
    if form not in bend:
        raise ValueError(f"got the form {form!r}, expected one of {sorted(bend)}")
    columns = torch.stack((torch.ones_like(d), d, bend[form]), 1)
    columns = columns[:, :2] if form == "line" else columns
    found = _solve(columns, score.double())
    away = score.double() - columns @ found
    start, a, b = (*found.tolist(), 0.0)[:3]
    return Fit(start, a, b, float(away.square().mean().sqrt()))


def bootstrap_peaks(
    kl: Tensor, gain: Tensor, draws: int, generator: torch.Generator
) -> Tensor:
    """The peaks, in nats, of `kl_budget_fit` on points drawn again: (draws,).

    Points are drawn with replacement; infinity where a curve does not turn.
    Raises ValueError as `kl_budget_fit`, and without a draw.
    Source: Efron 1979.  Chapter 14.
    """
    cpu_generator(generator)
    whole_number(draws=draws)
    if draws < 1:
        raise ValueError(f"got {draws} draws, expected at least 1")
    kl_budget_fit(kl, gain)  # points that fit no curve would be drawn for ever
    peaks = []
    while len(peaks) < draws:
        rows = torch.randint(len(kl), (len(kl),), generator=generator)
        if len(kl[rows].unique()) > 1:  # two numbers need two places
            peaks.append(float(kl_budget_fit(kl[rows], gain[rows])[2]))
    return torch.tensor(peaks, dtype=torch.float64)


def at_kl(kl: Sequence[float], values: Sequence[float], nats: float) -> float:
    """The value where the run first reaches that KL, between two steps by a line.

    kl, values: of the steps, in order.  NaN where the run never gets so far.
    Raises ValueError on unequal lengths.  Chapter 14.

    >>> at_kl([0.0, 10.0, 30.0], [1.0, 2.0, 4.0], nats=20.0)
    3.0
    """
    real_numbers(kl=kl, values=values)
    one_number(nats=nats)
    if len(kl) != len(values):
        raise ValueError(
            f"got {len(kl)} KL values and {len(values)} values, expected as many"
        )
    for step, now in enumerate(kl):
        if now >= nats:
            if step == 0 or now == kl[step - 1]:
                return float(values[step])
            share = (nats - kl[step - 1]) / (now - kl[step - 1])
            return float(values[step - 1] + share * (values[step] - values[step - 1]))
    return float("nan")


def by_kl(
    kl: Sequence[float], values: Sequence[float], edges: Sequence[float]
) -> list[float]:
    """Mean value of the steps in each bin of KL, from below the first edge on.

    NaN for a bin without a step.  Chapter 14.

    >>> by_kl([1.0, 3.0, 5.0, 50.0], [1.0, 2.0, 4.0, 0.0], edges=[2.0, 10.0])
    [1.0, 3.0, 0.0]
    """
    real_numbers(kl=kl, values=values, edges=edges)
    if list(edges) != sorted(edges) or len(kl) != len(values):
        raise ValueError(
            f"got edges {list(edges)}, {len(kl)} and {len(values)} numbers, expected "
            "rising edges and as many values as KL values"
        )
    bins: list[list[float]] = [[] for _ in range(len(edges) + 1)]
    for nats, value in zip(kl, values, strict=True):
        bins[sum(nats >= edge for edge in edges)].append(value)
    return [sum(b) / len(b) if b else float("nan") for b in bins]


def conservative_score(scores: Tensor, caution: float = 1.0) -> Tensor:
    """Mean of several models' scores minus `caution` times their deviation: (batch,).

    scores: (models, batch), on one scale.  The deviation is that of the models, biased
    (divided by their number), so one model alone is its own mean.  Raises ValueError on
    another shape or a negative caution.
    Source: Coste et al. 2024, arXiv 2310.02743 (uncertainty-weighted).  Chapter 14.

    >>> conservative_score(torch.tensor([[1.0, 0.0], [3.0, 0.0]]))
    tensor([1., 0.])
    """
    one_number(caution=caution)
    tensors(scores=scores)
    if scores.dim() != 2 or not len(scores):
        raise ValueError(
            f"got scores of shape {tuple(scores.shape)}, expected (models, batch) with "
            "at least one model"
        )
    if not caution >= 0:
        raise ValueError(f"got caution {caution}, expected a number from 0 on")
    scores = as_float(scores)
    return scores.mean(0) - caution * scores.std(0, correction=0)


def alarm(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
) -> int | None:
    """The first step at which `run` neighbours in a row lie outside the calm band.

    values: one metric, step by step.  The band is mean ± width · deviation (n - 1) of
    the first `calm` steps, and only later steps can ring.  Returns the last step of
    the first such run, when the alarm can be heard; None when it never rings.  Raises
    ValueError on calm < 2 or run < 1.  Chapter 14.

    >>> alarm([1.0, 1.1, 0.9, 1.0, 3.0, 1.0, 3.0, 3.0], calm=4)
    7
    """
    real_numbers(values=values)
    whole_number(calm=calm, run=run)
    one_number(width=width)
    if calm < 2 or run < 1:
        raise ValueError(f"got calm {calm} and run {run}, expected at least 2 and 1")
    quiet = torch.tensor(list(values[:calm]), dtype=torch.float64)
    if len(quiet) < calm:
        return None
    middle, band = float(quiet.mean()), width * float(quiet.std())
    outside = 0
    for step, value in enumerate(values[calm:], start=calm):
        outside = outside + 1 if abs(value - middle) > band else 0
        if outside == run:
            return step
    return None


def with_unscorable(scores: Sequence[float | None], worst: float) -> Tensor:
    """Scores in which a text that could not be scored (None) has the score `worst`.

    Dropping such texts instead pays whoever makes the scorer crash.  worst: no higher
    than any score, so that crashing never pays.  Returns (batch,).  Raises ValueError
    on a `worst` above a score, and on scores that are not finite.  Chapter 14.

    >>> with_unscorable([0.5, None], worst=0.0).tolist()
    [0.5, 0.0]
    """
    one_number(worst=worst)
    filled = torch.tensor([worst if s is None else float(s) for s in scores])
    if not filled.isfinite().all():
        raise ValueError("got a score that is not finite, expected None for a crash")
    if len(filled) and float(filled.min()) < worst:
        raise ValueError(
            f"got worst = {worst} above the score {float(filled.min())}, expected the "
            "lowest: else a crash pays"
        )
    return filled


def _root_of_kl(kl: Tensor, score: Tensor) -> Tensor:
    """√KL in fp64, once both are (n,), enough and finite."""
    tensors(kl=kl, score=score)
    if kl.dim() != 1 or kl.shape != score.shape or len(kl) < 2:
        raise ValueError(
            f"got KL {tuple(kl.shape)} and scores {tuple(score.shape)}, expected two "
            "times (n,) with n of at least 2"
        )
    if kl.is_meta:
        return kl.double().sqrt()
    if not (kl.isfinite().all() and score.isfinite().all()) or (kl < 0).any():
        raise ValueError("got a KL below 0 or a number that is not finite")
    return kl.double().sqrt()


def _solve(columns: Tensor, target: Tensor) -> Tensor:
    """Least squares; ValueError where the points do not fix the numbers."""
    few = columns.shape[1]
    if not columns.is_meta and torch.linalg.matrix_rank(columns) < few:
        raise ValueError(
            f"got {len(target)} points, expected enough different KL values to find "
            f"{few} numbers"
        )
    return torch.linalg.lstsq(columns, target[:, None]).solution[:, 0]
