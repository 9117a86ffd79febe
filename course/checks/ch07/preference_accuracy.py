"""Exercise 7.5: preference accuracy."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def pair(n: int, scale: float = 1.0):
        both = torch.randn(2, n, generator=generator) * scale
        return both[0] + 0.3, both[1]

    close = torch.tensor([1.0002, 1.0001])
    return [
        Probe("one pair, right", (torch.tensor([2.0]), torch.tensor([1.0]))),
        Probe("one pair, wrong", (torch.tensor([1.0]), torch.tensor([2.0]))),
        Probe("a tie", (torch.tensor([1.0]), torch.tensor([1.0]))),
        Probe(
            "right, wrong, tie",
            (torch.tensor([3.0, -2.0, 0.5]), torch.tensor([1.0, -1.0, 0.5])),
        ),
        Probe("all negative", (torch.tensor([-1.0, -2.0]), torch.tensor([-3.0, -1.0]))),
        Probe("close scores", (close, close.flip(0))),
        Probe("equal scores", (torch.zeros(4), torch.zeros(4))),
        Probe("seven pairs", pair(7)),
        Probe("one hundred pairs", pair(100)),
        Probe("scores × 100", pair(9, 100.0)),
    ]


@mistake(
    "you count ties as right: a model that gives every text the same score would be "
    "perfect; compare with >"
)
def ties_right(chosen: Tensor, rejected: Tensor) -> float:
    return float((chosen >= rejected).double().mean())


@mistake("you count ties as half right: here a tie is wrong")
def ties_half(chosen: Tensor, rejected: Tensor) -> float:
    half = (chosen == rejected).double() / 2
    return float(((chosen > rejected).double() + half).mean())


@mistake(
    "you leave ties out: divide by the number of all pairs, since a tie counts as wrong"
)
def ties_dropped(chosen: Tensor, rejected: Tensor) -> float:
    decided = chosen != rejected
    right = int((chosen > rejected).sum())
    return right / int(decided.sum()) if decided.any() else 0.0


@mistake(
    "you leave ties out and, where nothing else is left, take the mean of nothing: a "
    "tie counts as wrong, so average over all pairs"
)
def ties_dropped_or_nan(chosen: Tensor, rejected: Tensor) -> float:
    decided = chosen != rejected
    return float((chosen > rejected)[decided].double().mean())


@mistake("chosen and rejected are swapped: count where the chosen text scores higher")
def swapped(chosen: Tensor, rejected: Tensor) -> float:
    return float((rejected > chosen).double().mean())


@mistake("you return the number of right pairs: divide by the number of pairs")
def counted(chosen: Tensor, rejected: Tensor) -> float:
    return float((chosen > rejected).sum())


@mistake(
    "you compare the chosen score with 0: a reward has no zero, compare it with the "
    "rejected one"
)
def positive_chosen(chosen: Tensor, rejected: Tensor) -> float:
    return float((chosen > 0).double().mean())


@mistake(
    "you average the model's probabilities: accuracy counts the pairs that it orders "
    "rightly"
)
def mean_probability(chosen: Tensor, rejected: Tensor) -> float:
    return float(torch.sigmoid(chosen - rejected).double().mean())


@mistake("you compare the two means: compare pair by pair, then average")
def means_compared(chosen: Tensor, rejected: Tensor) -> float:
    return float(chosen.mean() > rejected.mean())


@mistake("you return per cent: a share lies between 0 and 1")
def in_percent(chosen: Tensor, rejected: Tensor) -> float:
    return float((chosen > rejected).double().mean() * 100)


@mistake("this is the mean margin: accuracy asks only which score is higher")
def mean_margin(chosen: Tensor, rejected: Tensor) -> float:
    return float((chosen - rejected).mean())


def complementary(function) -> str | None:
    a, b = draw(31, seed=1), draw(31, seed=2)
    total = function(a, b) + function(b, a)
    if abs(total - 1) < 1e-6:
        return None
    return (
        "without ties, swapping chosen and rejected must turn the share x into 1 − x; "
        f"yours sum to {total:.3g}"
    )


@mistake("you round the scores first: close ones become ties")
def rounded_first(chosen: Tensor, rejected: Tensor) -> float:
    gap = chosen.round() - rejected.round()
    return float((gap.sign().double().mean() + 1) / 2)


@mistake("you cut the scores to whole numbers first: close ones become ties")
def cut_first(chosen: Tensor, rejected: Tensor) -> float:
    gap = chosen.long() - rejected.long()
    return float((gap.sign().double().mean() + 1) / 2)


@mistake("you sort both sides: the pairs belong together as they stand")
def sorted_sides(chosen: Tensor, rejected: Tensor) -> float:
    gap = chosen.sort().values - rejected.sort().values
    return float((gap.sign().double().mean() + 1) / 2)


EXERCISE = Exercise(
    number="7.5",
    title="Preference accuracy",
    minutes=5,
    difficulty=1,
    importance=4,
    reference="course.reward.metrics:preference_accuracy",
    why="It is the number by which reward models are compared; counting ties as right "
    "would make a model that says nothing perfect.",
    hints=(
        "A model gives every text the score 0: how often does it know which one "
        "people chose?",
        "Compare the scores strictly, pair by pair, and take the share of trues as a "
        "Python float.",
        "`return float((chosen … rejected).double().mean())`",
    ),
    probes=probes,
    properties=(
        Property("swapping gives the complement", complementary),
        unchanged(
            "invariant to a shift",
            lambda: (draw(20, seed=3), draw(20, seed=4)),
            lambda: (draw(20, seed=3) - 8, draw(20, seed=4) - 8),
            "subtracting 8 from every score",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
