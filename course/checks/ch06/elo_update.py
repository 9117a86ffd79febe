"""Exercise 6.4: Elo ratings after one game."""

import math

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in


def probes(generator: torch.Generator) -> list[Probe]:
    two = torch.zeros(2)
    apart = torch.tensor([1612.3, 1487.6, 1203.9])
    many = 1500 + 200 * torch.randn(6, generator=generator)
    return [
        Probe("beginners, a wins", (two, 0, 1, 1.0, 32.0)),
        Probe("equals, a tie", (two + 1500, 0, 1, 0.5, 32.0)),
        Probe("the favourite wins", (apart, 0, 1, 1.0, 32.0)),
        Probe("the favourite loses", (apart, 0, 2, 0.0, 32.0)),
        Probe("a tie between unequals", (apart, 1, 2, 0.5, 32.0)),
        Probe("a smaller k", (apart, 2, 0, 1.0, 10.0)),
        Probe("far apart", (torch.tensor([3900.5, 100.25]), 1, 0, 1.0, 24.0)),
        Probe("double precision", (apart.double(), 2, 1, 0.0, 16.0)),
        Probe("six items", (many, 4, 2, 1.0, 20.0)),
    ]


def changed(ratings: Tensor, a: int, b: int, up: Tensor, down: Tensor) -> Tensor:
    updated = ratings.clone()
    updated[a] += up
    updated[b] += down
    return updated


def chance(ratings: Tensor, a: int, b: int) -> Tensor:
    return 1 / (1 + 10 ** ((ratings[b] - ratings[a]) / 400))


@mistake(
    "your curve is 1 / (1 + e^(−gap / 400)): Elo takes powers of 10, so that 400 "
    "points mean odds of 10 to 1"
)
def natural(ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0) -> Tensor:
    change = k * (outcome - torch.sigmoid((ratings[a] - ratings[b]) / 400))
    return changed(ratings, a, b, change, -change)


@mistake(
    "you forgot to divide the difference by 400: a gap of a few points would decide "
    "every game"
)
def no_scale(
    ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0
) -> Tensor:
    change = k * (outcome - torch.sigmoid((ratings[a] - ratings[b]) * math.log(10)))
    return changed(ratings, a, b, change, -change)


@mistake("only a's rating moves: what a gains, b must lose")
def only_a(ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0) -> Tensor:
    change = k * (outcome - chance(ratings, a, b))
    return changed(ratings, a, b, change, 0 * change)


@mistake(
    "you subtract the chance of b: compare a's outcome with a's own expected outcome"
)
def other_chance(
    ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0
) -> Tensor:
    change = k * (outcome - chance(ratings, b, a))
    return changed(ratings, a, b, change, -change)


@mistake("the sign is wrong: your winner loses points")
def sign_lost(
    ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0
) -> Tensor:
    change = k * (chance(ratings, a, b) - outcome)
    return changed(ratings, a, b, change, -change)


@mistake("you forgot to multiply by k, the size of a step")
def no_k(ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0) -> Tensor:
    change = outcome - chance(ratings, a, b)
    return changed(ratings, a, b, change, -change)


@mistake("both sides move the same way: b must lose what a gains")
def both_gain(
    ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0
) -> Tensor:
    change = k * (outcome - chance(ratings, a, b))
    return changed(ratings, a, b, change, change)


@mistake(
    "you compare the outcome with one half: compare it with what the ratings promised"
)
def no_surprise(
    ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0
) -> Tensor:
    change = k * (outcome - 0.5)
    return changed(ratings, a, b, change, -change)


@mistake(
    "you update b with a's new rating: compute the change once, from the ratings "
    "before the game"
)
def one_after_the_other(
    ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0
) -> Tensor:
    updated = ratings.clone()
    updated[a] += k * (outcome - chance(updated, a, b))
    updated[b] += k * (1 - outcome - chance(updated, b, a))
    return updated


@mistake(
    "your tie counts as a loss of a: the outcome 0.5 goes into the formula as it is"
)
def ties_lose(
    ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0
) -> Tensor:
    change = k * (float(outcome == 1) - chance(ratings, a, b))
    return changed(ratings, a, b, change, -change)


START = torch.tensor([1530.0, 1460.0, 1710.0])


def nothing_made(function) -> str | None:
    after = torch.as_tensor(function(START.clone(), 0, 2, 1.0, 32.0))
    gained = float((after - START).sum())
    if abs(gained) < 1e-2:
        return None
    return (
        "what one side gains the other loses; with yours the sum of all ratings "
        f"changed by {gained:.3g}"
    )


def shifted(function) -> str | None:
    before = torch.as_tensor(function(START.clone(), 0, 1, 0.5, 32.0))
    after = torch.as_tensor(function(START + 1000, 0, 1, 0.5, 32.0)) - 1000
    if float((after - before).abs().max()) < 1e-2:
        return None
    return "adding 1000 to every rating must change no gain or loss; yours did"


@mistake("you move the items 0 and 1: the players are `a` and `b`")
def first_two(
    ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0
) -> Tensor:
    gain = k * (outcome - chance(ratings, 0, 1))
    return changed(ratings, 0, 1, gain, -gain)


@mistake("a loss costs nothing in yours: what one player gains the other one loses")
def no_loss(ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0) -> Tensor:
    gain = k * (outcome - chance(ratings, a, b))
    return changed(ratings, a, b, gain.clamp(min=0), (-gain).clamp(min=0))


EXERCISE = Exercise(
    number="6.4",
    title="Elo after one game",
    minutes=10,
    difficulty=2,
    importance=3,
    reference="course.reward.ranking:elo_update",
    why="Public rankings of chat models work like this: it is one gradient step of "
    "Bradley–Terry for each vote as it comes in.",
    hints=(
        "Should a win over a much stronger item move the ratings more or less than one "
        "over a weaker item?",
        "The expected outcome of a is 1 / (1 + 10^((R_b − R_a) / 400)); the surprise "
        "is outcome − expected. a gains k times the surprise, b loses as much.",
        "`updated = ratings.clone()`; `change = k * (outcome - 1 / (1 + 10 ** (… / "
        "400)))`; `updated[a] += change`; …",
    ),
    probes=probes,
    properties=(
        Property("nothing is made from nothing", nothing_made),
        Property("only differences count", shifted),
    ),
    mistakes=mistakes_in(__name__),
)
