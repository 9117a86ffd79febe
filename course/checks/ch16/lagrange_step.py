"""Exercise 16.5: the multiplier of a constraint."""

from math import exp

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in


def probes(generator: torch.Generator) -> list[Probe]:
    costs = torch.rand(8, generator=generator)
    return [
        Probe("one cost", (1.0, torch.tensor([1.0]), 0.25, 2.0)),
        Probe("too costly", (1.0, torch.tensor([1.0, 0.0]), 0.25, 2.0)),
        Probe("below the bound", (1.0, torch.tensor([0.0, 0.0]), 0.25, 2.0)),
        Probe("from 0, below the bound", (0.0, torch.tensor([0.0, 0.0]), 0.25, 2.0)),
        Probe("never below 0", (0.1, torch.tensor([0.0]), 0.5, 1.0)),
        Probe("at the bound", (0.7, torch.tensor([0.5]), 0.5, 3.0)),
        Probe("rate 0", (0.7, torch.tensor([1.0, 1.0]), 0.5, 0.0)),
        Probe("eight costs", (0.0, 37 * costs, 0.1, 0.5)),
        Probe("costs below 0", (0.9, torch.tensor([-0.5, 0.25, 1.5]), 0.5, 1.0)),
        Probe("costs above 1", (0.3, torch.tensor([3.0, 5.0, 1.0]), 2.0, 0.4)),
    ]


def over(costs: Tensor, bound: float) -> float:
    return float(costs.double().mean()) - bound


@mistake("a multiplier below 0 would pay for the cost: stop at 0")
def below_zero(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return multiplier + rate * over(costs, bound)


@mistake("you go the wrong way: the multiplier rises while the cost is above the bound")
def wrong_way(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return max(0.0, multiplier - rate * over(costs, bound))


@mistake("you forget the bound: below it the multiplier has to fall again")
def no_bound(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return max(0.0, multiplier + rate * over(costs, 0.0))


@mistake("you sum the costs: the bound is on their mean")
def summed(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return max(0.0, multiplier + rate * (float(costs.double().sum()) - bound))


@mistake("you start again from 0: the multiplier adds up over the steps")
def starts_again(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return max(0.0, rate * over(costs, bound))


@mistake("you never let it fall: below the bound the multiplier goes down")
def only_up(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return multiplier + rate * max(0.0, over(costs, bound))


@mistake("you forget the rate")
def no_rate(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return max(0.0, multiplier + over(costs, bound))


@mistake("you take the largest cost: the bound is on the mean")
def largest(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return max(0.0, multiplier + rate * (float(costs.max()) - bound))


@mistake("you step by a fixed amount: the step is in proportion to the excess")
def fixed_step(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    excess = over(costs, bound)
    return max(0.0, multiplier + rate * ((excess > 0) - (excess < 0)))


@mistake("you sum the gaps of all costs: the bound is on their mean")
def sum_of_gaps(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return max(0.0, multiplier + rate * float((costs.double() - bound).sum()))


@mistake(
    "you count only costs above the bound: those below it make up for them, the bound "
    "is on the mean"
)
def only_excess(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    excess = (costs.double() - bound).clamp(min=0)
    return max(0.0, multiplier + rate * float(excess.mean()))


@mistake("you let the multiplier grow by a factor: add rate times the excess to it")
def by_a_factor(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return multiplier * exp(rate * over(costs, bound))


@mistake("you divide by the bound: the step is the mean cost *minus* the bound")
def ratio(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return max(0.0, multiplier + rate * (over(costs, bound) + bound) / bound)


@mistake("you square the excess: below the bound the multiplier would rise, too")
def squared(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return max(0.0, multiplier + rate * over(costs, bound) ** 2)


@mistake("the rate stands before the mean alone: rate · (mean − bound)")
def rate_inside(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return max(0.0, multiplier + rate * float(costs.double().mean()) - bound)


@mistake("you stop at 1: a multiplier may be as large as it has to be")
def at_most_one(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return min(1.0, max(0.0, multiplier + rate * over(costs, bound)))


@mistake("you take the multiplier without its sign: below 0 it is 0")
def no_sign(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return abs(multiplier + rate * over(costs, bound))


@mistake("you let the old multiplier fade: all of it stays")
def fading(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return max(0.0, (1 - rate) * multiplier + rate * over(costs, bound))


@mistake("you keep it at 1 or more: it may fall to 0")
def at_least_one(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return max(1.0, multiplier + rate * over(costs, bound))


@mistake("you multiply the old multiplier: add to it")
def multiplied(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    return max(0.0, multiplier * (1 + rate * over(costs, bound)))


EXERCISE = Exercise(
    number="16.5",
    title="A multiplier that finds its size",
    minutes=10,
    difficulty=2,
    importance=4,
    reference="course.policy.constraint:lagrange_step",
    why="A weight must be guessed; a multiplier is told the bound and looks for the "
    "weight itself.",
    hints=(
        "The cost is above its bound. Should it weigh more or less in the next step? "
        "And when it is far below?",
        "Take the mean of the costs minus the bound, times the rate, and add it to the "
        "multiplier. It must not become negative.",
        "`max(0.0, multiplier + … * (costs.mean().item() - bound))`",
    ),
    probes=probes,
    mistakes=mistakes_in(__name__),
)
