"""Exercise 6.5: the best pair accuracy that disagreeing people allow."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, unchanged


def counts(*values: float) -> Tensor:
    return torch.tensor(values)


def some() -> tuple[Tensor, Tensor]:
    return counts(9.0, 2.0, 30.0, 0.0, 5.0), counts(1.0, 6.0, 20.0, 4.0, 5.0)


def probes(generator: torch.Generator) -> list[Probe]:
    def votes(n: int, most: int) -> tuple[Tensor, Tensor]:
        drawn = torch.randint(0, most + 1, (2, n), generator=generator).float()
        drawn[0, 0] += 1  # at least one decided vote
        return drawn[0], drawn[1]

    return [
        Probe("one pair, 3 to 1", (counts(3.0), counts(1.0))),
        Probe("one pair, 1 to 3", (counts(1.0), counts(3.0))),
        Probe("one pair, even", (counts(2.0), counts(2.0))),
        Probe("everybody agrees", (counts(4.0, 0.0), counts(0.0, 3.0))),
        Probe("many votes and few", (counts(90.0, 2.0), counts(60.0, 0.0))),
        Probe("a pair with ties only", (counts(3.0, 0.0), counts(2.0, 0.0))),
        Probe("each side has its pair", (counts(7.0, 2.0), counts(3.0, 8.0))),
        Probe("twenty pairs", votes(20, 12)),
        Probe("hundreds of votes", (counts(841.0, 225.0), counts(840.0, 224.0))),
        Probe("one hundred pairs", votes(100, 225)),
    ]


def shares(wins: Tensor, losses: Tensor) -> Tensor:
    return wins.double() / (wins + losses).double().clamp(min=1)


@mistake(
    "you average the pairs' shares: every vote must weigh the same, so add the votes "
    "up first"
)
def pairs_equal(wins: Tensor, losses: Tensor) -> float:
    p, used = shares(wins, losses), wins + losses > 0
    return float(torch.maximum(p, 1 - p)[used].mean())


@mistake("this judge always names a: take the larger count of every pair")
def always_a(wins: Tensor, losses: Tensor) -> float:
    return float(wins.double().sum() / (wins + losses).double().sum())


@mistake("this judge names the same side in all pairs: let it choose pair by pair")
def one_side(wins: Tensor, losses: Tensor) -> float:
    totals = torch.stack([wins.double().sum(), losses.double().sum()])
    return float(totals.max() / totals.sum())


@mistake("this is the worst judge, who names the side with fewer votes")
def worst(wins: Tensor, losses: Tensor) -> float:
    both = torch.stack([wins, losses]).double()
    return float(both.amin(0).sum() / both.sum())


@mistake(
    "this judge votes at random in the crowd's proportions: naming the majority every "
    "time is right more often"
)
def matching(wins: Tensor, losses: Tensor) -> float:
    p, n = shares(wins, losses), (wins + losses).double()
    return float((n * (p**2 + (1 - p) ** 2)).sum() / n.sum())


@mistake("you count the pairs that a wins: count votes that the best judge agrees with")
def pairs_won(wins: Tensor, losses: Tensor) -> float:
    return float((wins > losses).double().mean())


@mistake("you return a number of votes: divide by all decided votes")
def counted(wins: Tensor, losses: Tensor) -> float:
    return float(torch.maximum(wins, losses).double().sum())


@mistake(
    "this is the mean margin, 0 for even pairs: an even pair is still right half of "
    "the time"
)
def margin(wins: Tensor, losses: Tensor) -> float:
    gap = (wins - losses).abs().double().sum()
    return float(gap / (wins + losses).double().sum())


@mistake("you take the best pair alone: the judge answers all of them")
def best_pair(wins: Tensor, losses: Tensor) -> float:
    return float((torch.maximum(wins, losses).double() / (wins + losses)).max())


@mistake("you take the worst pair alone: the judge answers all of them")
def worst_pair(wins: Tensor, losses: Tensor) -> float:
    return float((torch.maximum(wins, losses).double() / (wins + losses)).min())


@mistake("you take the median of the pairs' shares: add up the votes of all pairs")
def median_pair(wins: Tensor, losses: Tensor) -> float:
    return float((torch.maximum(wins, losses).double() / (wins + losses)).median())


@mistake(
    "you leave out the pairs that are even: whatever the judge says there, half of the "
    "votes agree"
)
def even_left_out(wins: Tensor, losses: Tensor) -> float:
    kept = wins != losses
    both = torch.maximum(wins, losses)[kept].double().sum()
    return float(both / (wins + losses)[kept].sum().clamp(min=1))


@mistake(
    "you halve the votes of even pairs once more: the larger count of an even pair is "
    "half of its votes already"
)
def even_halved(wins: Tensor, losses: Tensor) -> float:
    best = torch.maximum(wins, losses).double()
    best = torch.where(wins == losses, best / 2, best)
    return float(best.sum() / (wins + losses).sum())


@mistake(
    "this is wins minus losses, with its sign: take the larger count of every pair"
)
def signed_margin(wins: Tensor, losses: Tensor) -> float:
    return float((wins - losses).double().sum() / (wins + losses).double().sum())


@mistake("// rounds down to whole numbers: a share needs /")
def whole_numbers(wins: Tensor, losses: Tensor) -> float:
    return float(torch.maximum(wins, losses).sum() // (wins + losses).sum())


@mistake(
    "this is how often two voters agree, averaged over pairs: the judge votes once, "
    "and knows the majority"
)
def two_voters(wins: Tensor, losses: Tensor) -> float:
    p = wins.double() / (wins + losses)
    return float((p**2 + (1 - p) ** 2).mean())


EXERCISE = Exercise(
    number="6.5",
    title="The ceiling of pair accuracy",
    minutes=10,
    difficulty=2,
    importance=5,
    reference="course.reward.agreement:pairwise_ceiling",
    why="A reward model that reaches this number cannot be better: what is missing to "
    "1 is people who disagree with each other.",
    hints=(
        "Seven people prefer a, three prefer b, and you must name one side for all of "
        "them. With how many do you agree at best?",
        "The best judge takes the larger count of every pair. Add these up, and divide "
        "by all decided votes.",
        "`best = torch.maximum(wins, losses).sum()`; return `float(best / …)`",
    ),
    probes=probes,
    properties=(
        unchanged(
            "a and b exchanged",
            some,
            lambda: some()[::-1],
            "exchanging the two texts of every pair",
        ),
        always(
            "1 when nobody disagrees",
            lambda: (counts(3.0, 0.0, 8.0), counts(0.0, 2.0, 0.0)),
            lambda share: abs(float(share) - 1) < 1e-6,
            "when everybody agrees on every pair the ceiling must be 1",
        ),
        always(
            "never below one half",
            lambda: (counts(5.0, 6.0), counts(5.0, 6.0)),
            lambda share: abs(float(share) - 0.5) < 1e-6,
            "when all pairs are even, every judge agrees with half of the votes",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
