"""Exercise 16.1: what is still to be had from each turn of a talk."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in


def probes(generator: torch.Generator) -> list[Probe]:
    def call(final: list[float], lengths: list[int], cost: float):
        return torch.tensor(final), torch.tensor(lengths), cost

    drawn = torch.randn(6, generator=generator)
    lengths = torch.randint(1, 6, (6,), generator=generator)
    return [
        Probe("one turn", call([1.0], [1], 0.25)),
        Probe("three turns", call([1.0], [3], 0.25)),
        Probe("a failure", call([0.0], [3], 0.5)),
        Probe("two talks of unequal length", call([1.0, 0.0], [3, 1], 0.25)),
        Probe("no cost", call([1.0, 2.0], [2, 3], 0.0)),
        Probe("three talks", call([0.5, -1.0, 2.0], [4, 2, 1], 0.05)),
        Probe("a reward below 0", call([-1.0, -0.5], [1, 2], 0.1)),
        Probe("six talks", (drawn, lengths, 0.1)),
    ]


def left_of(lengths: Tensor) -> Tensor:
    """Turns still to come: (talks, turns)."""
    return lengths[:, None] - torch.arange(int(lengths.max()))


def cut(values: Tensor, lengths: Tensor) -> Tensor:
    return values.masked_fill(left_of(lengths) <= 0, 0.0)


@mistake("you ignore the end of a talk: after its last turn there is nothing to be had")
def not_cut(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    return final[:, None] - cost * left_of(lengths)


@mistake("you pay for the turns that are past: from turn t on only those to come count")
def past_turns(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    turns = torch.arange(int(lengths.max()))
    return cut(final[:, None] - cost * (turns + 1.0), lengths)


@mistake("you pay for the turns that are past: what was paid before turn t is gone")
def only_the_past(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    turns = torch.arange(int(lengths.max()))
    return cut(final[:, None] - cost * turns, lengths)


@mistake("you charge one turn too many: this turn and those to come, lengths − t")
def one_too_many(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    return cut(final[:, None] - cost * (left_of(lengths) + 1), lengths)


@mistake("your cost grows with the square of the turns: each turn costs the same")
def squared(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    return cut(final[:, None] - cost * left_of(lengths) ** 2, lengths)


@mistake(
    "you take a share of the reward away: subtract the cost, a failure pays it too"
)
def a_share(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    return cut(final[:, None] * (1 - cost * left_of(lengths)), lengths)


@mistake("you divide the cost by the length of the talk: each turn costs all of it")
def mean_cost(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    return cut(final[:, None] - cost * left_of(lengths) / lengths[:, None], lengths)


@mistake("you return the first column alone: every turn has a return of its own")
def first_turn(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    return final - cost * lengths


@mistake("you forget the cost of the turn itself: this turn is paid for, too")
def own_turn_free(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    return cut(final[:, None] - cost * (left_of(lengths) - 1), lengths)


@mistake(
    "each turn has the whole return of the talk: the turns that are past are paid for "
    "already"
)
def whole_return(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    whole = (final - cost * lengths)[:, None]
    return cut(whole.expand(-1, int(lengths.max())), lengths)


@mistake("you forget the cost of the turns")
def cost_forgotten(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    return cut(final[:, None].expand(-1, int(lengths.max())), lengths)


@mistake("you add the cost: a turn takes something away")
def cost_added(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    return cut(final[:, None] + cost * left_of(lengths), lengths)


@mistake("only the last turn has the reward: every turn before it led there")
def last_turn_only(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    left = left_of(lengths)
    return cut(final[:, None] * (left == 1) - cost * left, lengths)


@mistake("you charge one turn at every place: all that are still to come cost")
def one_turn_cost(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    return cut((final[:, None] - cost).expand(-1, int(lengths.max())), lengths)


@mistake(
    "you count the turns up to the longest talk: each talk has a length of its own"
)
def longest_for_all(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    left = int(lengths.max()) - torch.arange(int(lengths.max()))
    return cut(final[:, None] - cost * left, lengths)


@mistake("you stop at 0: a talk that fails has a return below 0")
def never_negative(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    return cut((final[:, None] - cost * left_of(lengths)).clamp(min=0), lengths)


@mistake("you end one turn too early: the last turn has a return, too")
def ends_early(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    left = left_of(lengths)
    return (final[:, None] - cost * left).masked_fill(left <= 1, 0.0)


@mistake("you discount by 1 - cost a turn: here each turn takes the cost away, once")
def discounted(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    return cut(final[:, None] * (1 - cost) ** left_of(lengths), lengths)


@mistake("your result has a row for each turn: the shape is (talks, turns)")
def transposed(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    return cut(final[:, None] - cost * left_of(lengths), lengths).T


EXERCISE = Exercise(
    number="16.1",
    title="Returns from each turn on",
    minutes=10,
    difficulty=2,
    importance=4,
    reference="course.policy.turns:turn_returns",
    why="With a reward at the end and a cost a turn, this is all that a turn can still "
    "change.",
    hints=(
        "You are in turn t of a talk of T turns. Which costs can you no longer avoid, "
        "and which are already paid?",
        "`left = lengths[:, None] - torch.arange(longest)` are the turns to come, this "
        "one counted. The return is final minus cost times that, and 0 where none is "
        "left.",
        "`(final[:, None] - cost * left).masked_fill(left <= …, 0.0)`",
    ),
    probes=probes,
    mistakes=mistakes_in(__name__),
)
