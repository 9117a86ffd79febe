"""Exercise 17.4: what the order of a question does."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, draw


def probes(generator: torch.Generator) -> list[Probe]:
    def call(n: int):
        return tuple(torch.rand(n, generator=generator) for _ in range(2))

    return [
        Probe("one pair", (torch.tensor([0.9]), torch.tensor([0.2]))),
        Probe("a fair judge", (torch.tensor([0.9, 0.3]), torch.tensor([0.9, 0.3]))),
        Probe("always the first", (torch.ones(3), torch.zeros(3))),
        Probe("always the second", (torch.zeros(4), torch.ones(4))),
        Probe("a pull without a flip", (
            torch.tensor([0.9, 0.4, 0.8]), torch.tensor([0.7, 0.1, 0.6]))),
        Probe("flips that cancel", (
            torch.tensor([0.6, 0.4]), torch.tensor([0.4, 0.6]))),
        Probe("exactly one half", (
            torch.tensor([0.5, 0.5, 0.5]), torch.tensor([0.6, 0.4, 0.7]))),
        Probe("exactly one half the second time", (
            torch.tensor([0.6, 0.4, 0.7]), torch.tensor([0.5, 0.5, 0.5]))),
        Probe("nine pairs", call(9)),
        Probe("twenty pairs", call(20)),
        Probe("double precision", tuple(x.double() for x in call(7))),
    ]  # fmt: skip


def answer(pull: Tensor, flips: Tensor) -> Tensor:
    return torch.stack([pull, flips.to(pull.dtype)])


def pull_of(first: Tensor, second: Tensor) -> Tensor:
    return (first - second).mean() / 2


def flips_of(first: Tensor, second: Tensor) -> Tensor:
    return ((first > 0.5) != (second > 0.5)).to(first.dtype).mean()


@mistake("your pull is not halved: being first adds it, being second takes it away")
def not_halved(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    pull = (shown_first - shown_second).mean()
    return answer(pull, flips_of(shown_first, shown_second))


@mistake("the sign of your pull is turned: it is positive where being first helps")
def sign_turned(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    pull = -pull_of(shown_first, shown_second)
    return answer(pull, flips_of(shown_first, shown_second))


@mistake("you take the absolute difference of each pair: a pull has a direction")
def absolute(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    pull = (shown_first - shown_second).abs().mean() / 2
    return answer(pull, flips_of(shown_first, shown_second))


@mistake("your pull is of verdicts: take the mean of the probabilities themselves")
def of_verdicts(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    won, after = ((x > 0.5).to(x.dtype) for x in (shown_first, shown_second))
    return answer(pull_of(won, after), flips_of(shown_first, shown_second))


@mistake("you measure the first place against one half: measure it against the second")
def from_one_half(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    return answer(shown_first.mean() - 0.5, flips_of(shown_first, shown_second))


@mistake(
    "a text wins with a probability above one half: at exactly one half it does not"
)
def half_wins(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    flips = (shown_first >= 0.5) != (shown_second >= 0.5)
    return answer(
        pull_of(shown_first, shown_second), flips.to(shown_first.dtype).mean()
    )


@mistake(
    "both numbers are of text i, in its two places: do not subtract the second from 1 "
    "again"
)
def turned_again(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    other = 1 - shown_second
    return answer(pull_of(shown_first, other), flips_of(shown_first, other))


@mistake("you count the pairs that do not flip")
def kept_instead(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    kept = 1 - flips_of(shown_first, shown_second)
    return answer(pull_of(shown_first, shown_second), kept)


@mistake("you return how many flip: divide by the number of pairs")
def counted(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    flips = flips_of(shown_first, shown_second) * len(shown_first)
    return answer(pull_of(shown_first, shown_second), flips)


@mistake(
    "you count every difference as a flip: a winner changes only when one half is "
    "crossed"
)
def any_difference(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    flips = (shown_first != shown_second).to(shown_first.dtype).mean()
    return answer(pull_of(shown_first, shown_second), flips)


@mistake(
    "you count only flips in favour of the first place: those of the other count too"
)
def one_direction(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    flips = ((shown_first > 0.5) & (shown_second <= 0.5)).to(shown_first.dtype).mean()
    return answer(pull_of(shown_first, shown_second), flips)


@mistake("you compare how often text i wins in the two places: compare pair by pair")
def of_totals(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    wins = [(x > 0.5).to(x.dtype).mean() for x in (shown_first, shown_second)]
    return answer(pull_of(shown_first, shown_second), (wins[0] - wins[1]).abs())


@mistake("you swapped the two numbers: the pull comes first, the share of flips second")
def wrong_order(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    return answer(
        flips_of(shown_first, shown_second), pull_of(shown_first, shown_second)
    )


EXERCISE = Exercise(
    number="17.4",
    title="What the order does",
    minutes=10,
    difficulty=2,
    importance=4,
    reference="course.reward.judge:swap_bias",
    why="Before you believe a judge, ask it the same thing twice; the two numbers say "
    "how much of its verdict was the order of your question.",
    hints=(
        "If the judge only looked at the texts, what would the two probabilities of "
        "one text be?",
        "The pull is half of the mean difference, first minus second. A flip is a pair "
        "for which only one of the two probabilities is above one half.",
        "`flips = (shown_first > 0.5) != (shown_second > 0.5)`, then stack "
        "`(shown_first - shown_second).mean() / 2` and `flips.to(…).mean()`.",
    ),
    probes=probes,
    properties=(
        always(
            "a fair judge has neither",
            lambda: (draw(9, seed=2).sigmoid(), draw(9, seed=2).sigmoid()),
            lambda x: bool((x == 0).all()),
            "a judge whose verdicts do not depend on the order has pull 0 and flips 0",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
