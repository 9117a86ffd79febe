"""Exercise 7.4: the expected calibration error."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in


def probes(generator: torch.Generator) -> list[Probe]:
    def call(n: int, bins: int = 10):
        p = torch.rand(n, generator=generator)
        return p, (torch.rand(n, generator=generator) < p**2).float(), bins

    four = torch.tensor([0.91, 0.93, 0.12, 0.14]), torch.tensor([1.0, 0.0, 0.0, 0.0])
    sure = torch.tensor([1.0, 1.0, 0.0, 1.0]), torch.tensor([1.0, 0.0, 0.0, 1.0])
    uneven = torch.tensor([0.95, 0.15, 0.16, 0.17]), torch.tensor([0.0, 0.0, 0.0, 1.0])
    edge = torch.tensor([0.5, 0.45]), torch.tensor([1.0, 0.0])
    zeros = torch.tensor([0.0, 0.0, 0.9]), torch.ones(3)
    beside = torch.tensor([1.0, 0.95]), torch.tensor([0.0, 1.0])
    under = torch.tensor([0.55, 0.52, 0.57, 0.11]), torch.tensor([1.0, 1.0, 1.0, 0.0])
    return [
        Probe("one prediction", (torch.tensor([0.75]), torch.tensor([1.0]), 10)),
        Probe("two bins in use", (*four, 10)),
        Probe("bins of unequal size", (*uneven, 10)),
        Probe("quite sure", (*sure, 10)),
        Probe("too modest", (*under, 10)),
        Probe("one bin", (*under, 1)),
        Probe("on the edge of a bin", (*edge, 10)),
        Probe("predictions of 0", (*zeros, 10)),
        Probe("twenty predictions", call(20)),
        Probe("five hundred predictions", call(500)),
        Probe("fifteen bins", call(200, 15)),
        Probe("1 beside 0.95", (*beside, 10)),
    ]


def tables(p: Tensor, y: Tensor, bins: int) -> tuple[Tensor, Tensor, Tensor]:
    """Number, summed probability and summed outcomes of every bin."""
    p, y = p.double(), y.double()
    index = (p * bins).long().clamp(max=bins - 1)
    zero = torch.zeros(bins, dtype=p.dtype)
    return (
        zero.index_add(0, index, torch.ones_like(p)),
        zero.index_add(0, index, p),
        zero.index_add(0, index, y),
    )


@mistake("all your bins weigh the same: weigh each by its share of the predictions")
def bins_equal(probabilities: Tensor, outcomes: Tensor, bins: int = 10) -> float:
    n, p, y = tables(probabilities, outcomes, bins)
    used = n > 0
    return float(((p - y).abs()[used] / n[used]).mean())


@mistake(
    "you average over all bins, the empty ones too: weigh each by its share of the "
    "predictions"
)
def empty_bins_too(probabilities: Tensor, outcomes: Tensor, bins: int = 10) -> float:
    n, p, y = tables(probabilities, outcomes, bins)
    return float(((p - y).abs() / n.clamp(min=1)).mean())


@mistake("your gaps keep their signs and cancel: take the absolute gap of each bin")
def signed(probabilities: Tensor, outcomes: Tensor, bins: int = 10) -> float:
    n, p, y = tables(probabilities, outcomes, bins)
    return float((p - y).sum() / n.sum())


@mistake(
    "you compare the overall means, as with one bin: too sure here and too modest "
    "there cancel"
)
def one_bin(probabilities: Tensor, outcomes: Tensor, bins: int = 10) -> float:
    return float((probabilities.mean() - outcomes.mean()).abs())


@mistake(
    "this is the largest gap (the maximum calibration error): take the weighted mean"
)
def worst_bin(probabilities: Tensor, outcomes: Tensor, bins: int = 10) -> float:
    n, p, y = tables(probabilities, outcomes, bins)
    return float(((p - y).abs() / n.clamp(min=1)).max())


@mistake("you square the gaps: take their absolute value")
def squared(probabilities: Tensor, outcomes: Tensor, bins: int = 10) -> float:
    n, p, y = tables(probabilities, outcomes, bins)
    return float(((p - y).square() / n.clamp(min=1)).sum() / n.sum())


@mistake(
    "this is the Brier score: calibration compares means inside bins, not each "
    "prediction with its outcome"
)
def brier(probabilities: Tensor, outcomes: Tensor, bins: int = 10) -> float:
    return float((probabilities - outcomes).square().mean())


@mistake(
    "you compare each prediction with its own outcome, 0 or 1: compare the means "
    "inside each bin"
)
def per_prediction(probabilities: Tensor, outcomes: Tensor, bins: int = 10) -> float:
    return float((probabilities - outcomes).abs().mean())


@mistake("predictions of exactly 1 fall into no bin: the last bin includes 1")
def certain_lost(probabilities: Tensor, outcomes: Tensor, bins: int = 10) -> float:
    inside = probabilities < 1
    n, p, y = tables(probabilities[inside], outcomes[inside], bins)
    return float((p - y).abs().sum() / len(probabilities))


@mistake(
    "your bins are closed on the right, (i/bins, (i + 1)/bins]: here a prediction on "
    "the edge belongs to the upper bin, and 0 to the first"
)
def closed_on_the_right(
    probabilities: Tensor, outcomes: Tensor, bins: int = 10
) -> float:
    error, edges = 0.0, torch.linspace(0, 1, bins + 1)
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = (probabilities > low) & (probabilities <= high)
        if inside.any():
            gap = probabilities[inside].mean() - outcomes[inside].mean()
            error += float(inside.double().mean() * gap.abs())
    return error


@mistake(
    "you round up, so that a prediction on the edge falls into the lower bin: round "
    "down, the last bin alone takes p = 1 as well"
)
def rounded_up(probabilities: Tensor, outcomes: Tensor, bins: int = 10) -> float:
    index = (probabilities * bins).ceil().long().sub(1).clamp(min=0)
    error = 0.0
    for i in index.unique():
        inside = index == i
        gap = probabilities[inside].double().mean() - outcomes[inside].double().mean()
        error += float(inside.double().mean() * gap.abs())
    return error


@mistake(
    "an empty bin has no mean, 0 / 0 is NaN: leave out the bins that no prediction "
    "falls into"
)
def empty_bins_nan(probabilities: Tensor, outcomes: Tensor, bins: int = 10) -> float:
    n, p, y = tables(probabilities, outcomes, bins)
    return float(((p / n - y / n).abs() * n).sum() / n.sum())


@mistake("you use the centre of each bin: use the mean of the probabilities in it")
def bin_centres(probabilities: Tensor, outcomes: Tensor, bins: int = 10) -> float:
    n, _, y = tables(probabilities, outcomes, bins)
    centres = (torch.arange(bins) + 0.5) / bins
    return float((n * centres - y).abs().sum() / n.sum())


def perfect(function) -> str | None:
    p = torch.tensor([0.25] * 4 + [0.75] * 4)
    found = function(p, torch.tensor([1.0, 0, 0, 0, 1, 1, 1, 0]), 10)
    if abs(float(found)) < 1e-6:
        return None
    return (
        "predictions of 25 % and 75 % that come true that often are perfect, so the "
        f"error must be 0; yours is {float(found):.3g}"
    )


EXERCISE = Exercise(
    number="7.4",
    title="The expected calibration error",
    minutes=15,
    difficulty=2,
    importance=4,
    reference="course.reward.metrics:expected_calibration_error",
    why="A reward model that says 90 % should be right nine times in ten; accuracy "
    "alone never shows whether it is.",
    hints=(
        "Collect all predictions near 70 %: what would you compare to see whether "
        "they deserve that number?",
        "Bin i holds i/bins ≤ p < (i + 1)/bins, the last one p = 1 too. For each bin "
        "that is not empty take |mean probability − mean outcome|, weigh it by the "
        "bin's share of all predictions, and sum.",
        "`index = (probabilities * bins).long().clamp(max=…)`; for each bin "
        "`inside = index == i`; add `inside.sum() / n * abs(… - …)`; return a float.",
    ),
    probes=probes,
    properties=(Property("0 for perfect predictions", perfect),),
    mistakes=mistakes_in(__name__),
)
