"""Exercise 6.2: strengths from votes."""

import math

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import always, unchanged


def votes(items: int, generator: torch.Generator, most: int = 9) -> Tensor:
    """Between 1 and `most` wins of everybody over everybody else."""
    wins = torch.randint(1, most + 1, (items, items), generator=generator).double()
    return wins - torch.diag(wins.diagonal())


def table(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def uneven() -> Tensor:
    """Three items; the third met the strong one often and the weak one rarely."""
    return table([0, 6, 20], [2, 0, 1], [8, 2, 0])


def probes(generator: torch.Generator) -> list[Probe]:
    chain = table([0, 3, 0, 0], [1, 0, 2, 0], [0, 2, 0, 4], [0, 0, 1, 0])
    seven = votes(7, generator)
    seven[0] *= 5  # a favourite
    return [
        Probe("two items, 3 to 1", (table([0, 3], [1, 0]),)),
        Probe("two items, even", (table([0, 2], [2, 0]),)),
        Probe("two items, ties count half", (table([0, 4.5], [1.5, 0]),)),
        Probe("three items, unequal numbers of votes", (uneven(),)),
        Probe("three items in a circle", (table([0, 4, 1], [1, 0, 4], [4, 1, 0]),)),
        Probe("a chain", (chain,)),
        Probe("five items", (votes(5, generator),)),
        Probe("seven items, one favourite", (seven,)),
        Probe("1000 to 1", (table([0, 1000], [1, 0]),)),
    ]


def minorise(wins: Tensor, rounds: int) -> Tensor:
    """Strengths as logarithms after some rounds of Hunter's MM update."""
    games, worth = wins + wins.T, wins.new_ones(len(wins))
    for _ in range(rounds):
        worth = wins.sum(1) / (games / (worth[:, None] + worth)).sum(1)
        worth = worth / worth.log().mean().exp()
    return worth.log()


def share(wins: Tensor) -> Tensor:
    return wins.sum(1) / (wins + wins.T).sum(1)


@mistake(
    "this is the share of games won: a strength has no upper limit and depends on whom "
    "an item met"
)
def win_share(wins: Tensor) -> Tensor:
    return share(wins)


@mistake(
    "you take the log-odds of each item's own share of wins: a win over a strong item "
    "must count for more than one over a weak item"
)
def log_odds(wins: Tensor) -> Tensor:
    strengths = torch.logit(share(wins))
    return strengths - strengths.mean()


@mistake(
    "these are the worths e^s: return their logarithms, so that differences go into "
    "the sigmoid"
)
def worths(wins: Tensor) -> Tensor:
    return minorise(wins, 300).exp()


@mistake(
    "you forgot the logarithm: these are worths that sum to 1, their mean subtracted; "
    "a strength is the logarithm of a worth"
)
def logarithm_forgotten(wins: Tensor) -> Tensor:
    worth = minorise(wins, 300).softmax(0)
    return worth - worth.mean()


@mistake(
    "these are worths that sum to 1: return their logarithms, so that differences go "
    "into the sigmoid"
)
def worths_of_sum_one(wins: Tensor) -> Tensor:
    return minorise(wins, 300).softmax(0)


@mistake("you put the first item at 0: subtract the mean of all strengths")
def first_is_zero(wins: Tensor) -> Tensor:
    strengths = minorise(wins, 300)
    return strengths - strengths[0]


@mistake("wins and losses are swapped: entry [i, j] is how often i beat j")
def transposed(wins: Tensor) -> Tensor:
    return minorise(wins.T, 300)


@mistake(
    "you stop too early: one round does not yet know how strong the opponents are; "
    "repeat until nothing moves"
)
def one_round(wins: Tensor) -> Tensor:
    return minorise(wins, 1)


@mistake(
    "these are Elo points, 400 for odds of 10 to 1: return nats, as they go into the "
    "sigmoid"
)
def elo_units(wins: Tensor) -> Tensor:
    return minorise(wins, 300) * 400 / math.log(10)


@mistake(
    "you turn each pair's votes into shares first: twenty votes must weigh more than "
    "three"
)
def pairs_equal(wins: Tensor) -> Tensor:
    return minorise(wins / (wins + wins.T).clamp(min=1), 300)


@mistake(
    "you divide by the standard deviation: the scale of strengths is fixed by the "
    "sigmoid, 1.1 means odds of 3 to 1"
)
def scaled(wins: Tensor) -> Tensor:
    strengths = minorise(wins, 300)
    return strengths / strengths.std(correction=0).clamp(min=1e-9)


@mistake(
    "this is wins minus losses, divided by games: it never asks how strong the "
    "opponents were"
)
def wins_minus_losses(wins: Tensor) -> Tensor:
    return (wins - wins.T).sum(1) / (wins + wins.T).sum(1)


def balanced(function) -> str | None:
    wins = uneven()
    s = torch.as_tensor(function(wins.clone())).double()
    expected = ((wins + wins.T) * torch.sigmoid(s[:, None] - s)).sum(1)
    gap = float((expected - wins.sum(1)).abs().max())
    if gap < 1e-2:
        return None
    return (
        "at the optimum every item is expected to win as often as it did; with your "
        f"strengths one is off by {gap:.2g} wins"
    )


@mistake(
    "this is the logarithm of each item's number of wins: whom it met, and how often, "
    "is left out"
)
def log_wins(wins: Tensor) -> Tensor:
    strengths = (wins.sum(1) + 1e-9).log()
    return strengths - strengths.mean()


@mistake(
    "you add a game to each pair, or half a win: that pulls all strengths together, "
    "and no prior is asked for"
)
def with_prior(wins: Tensor) -> Tensor:
    return minorise(wins + 0.5 * (1 - torch.eye(len(wins), dtype=wins.dtype)), 300)


@mistake(
    "you stop too early: a few rounds do not bring the strengths to rest; repeat until "
    "nothing moves"
)
def few_rounds(wins: Tensor) -> Tensor:
    return minorise(wins, 3)


@mistake("this is the share of games won, centred: it never asks who the others were")
def centred_share(wins: Tensor) -> Tensor:
    return share(wins) - share(wins).mean()


@mistake("you forgot the logarithm: these are worths, their mean subtracted")
def centred_worths(wins: Tensor) -> Tensor:
    worth = minorise(wins, 300).exp()
    return worth - worth.mean()


@mistake("these are ranks, centred: a strength also says how far apart two items are")
def ranks(wins: Tensor) -> Tensor:
    rank = minorise(wins, 300).argsort().argsort().to(wins.dtype)
    return rank - rank.mean()


@mistake(
    "you average the log-odds of the pairs: twenty votes must weigh more than three"
)
def mean_of_pairs(wins: Tensor) -> Tensor:
    odds = (wins.log() - wins.T.log()).nan_to_num(0.0, 1e9, -1e9)
    return odds.mean(1) - odds.mean()


EXERCISE = Exercise(
    number="6.2",
    title="Bradley–Terry strengths from votes",
    minutes=20,
    difficulty=4,
    importance=5,
    reference="course.reward.ranking:bradley_terry_fit",
    why="The strengths behind choices are what a pairwise reward model learns; here "
    "the texts have one free number each instead of a network.",
    hints=(
        "An item has won 6 of its 8 games. Its opponents' strengths say how many wins "
        "to expect. When is its own strength right?",
        "With worth p = e^s the expected wins of i are the sum over j of "
        "n_ij p_i / (p_i + p_j). Solve for the p_i in front, with the old worths in "
        "the denominators, and repeat some hundred times.",
        "`p = wins.sum(1) / (games / (p[:, None] + p)).sum(1)` with games = wins + "
        "wins.T, in a loop; then the logarithm, and subtract the …",
    ),
    probes=probes,
    tolerance=1e-4,
    exact_dtype=True,
    properties=(
        Property("expected wins equal wins", balanced),
        always(
            "mean 0",
            lambda: (uneven(),),
            lambda s: abs(float(s.mean())) < 1e-5,
            "only differences of strengths mean something: subtract the mean, so that "
            "it is 0",
        ),
        unchanged(
            "twice the same votes",
            lambda: (uneven(),),
            lambda: (2 * uneven(),),
            "counting every vote twice",
            tolerance=1e-4,
        ),
    ),
    mistakes=mistakes_in(__name__),
)
