"""Exercise 16.2: the turns of all talks as one batch."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in


def probes(generator: torch.Generator) -> list[Probe]:
    def block(rows: int, time: int) -> Tensor:
        return torch.randint(3, 50, (rows, time), generator=generator)

    short, long = torch.tensor([[7]]), torch.tensor([[8, 9]])
    masks = torch.ones(1, 2, dtype=torch.bool), torch.ones(2, 4, dtype=torch.bool)
    nats = (
        -torch.rand(2, 2, generator=generator),
        -torch.rand(1, 3, generator=generator),
    )
    return [
        Probe("prompts", (short, long, "left", 0)),
        Probe("completions", (short, long, "right", 0)),
        Probe("the longer first", (long, short, "left", 2)),
        Probe("padding of id 2", (block(2, 3), block(1, 5), "right", 2)),
        Probe("four talks, then three", (block(4, 3), block(3, 6), "left", 2)),
        Probe("masks", (*masks, "left", False)),
        Probe("log-probabilities", (*nats, "right", 0.0)),
        Probe("ids, filled with 0.0", (short, long, "right", 0.0)),
        Probe("ids of 0", (torch.tensor([[0, 4, 0]]), short, "right", 9)),
        Probe("turns of equal time", (block(2, 3), block(2, 3), "right", 2)),
    ]


def padded(one: Tensor, two: Tensor, side: str, value: float, longest: int) -> list:
    """Each block at this width."""
    rows = []
    for block in (one, two):
        missing = block.new_full((len(block), longest - block.shape[1]), value)
        pair = [missing, block] if side == "left" else [block, missing]
        rows.append(torch.cat(pair, 1))
    return rows


def longest(one: Tensor, two: Tensor) -> int:
    return max(one.shape[1], two.shape[1])


@mistake("you always fill on the right: prompts must end where the completion begins")
def always_right(earlier: Tensor, later: Tensor, side: str, value: float) -> Tensor:
    return torch.cat(padded(earlier, later, "right", value, longest(earlier, later)))


@mistake("you always fill on the left: completions are filled on the right")
def always_left(earlier: Tensor, later: Tensor, side: str, value: float) -> Tensor:
    return torch.cat(padded(earlier, later, "left", value, longest(earlier, later)))


@mistake(
    "you replace every 0 by `value`: a 0 may be an id of its own, fill only what is "
    "missing"
)
def zeros_replaced(earlier: Tensor, later: Tensor, side: str, value: float) -> Tensor:
    both = torch.cat(padded(earlier, later, side, 0, longest(earlier, later)))
    return both.masked_fill(both == 0, value)


@mistake("you put the turns side by side: all rows stand below each other, dimension 0")
def side_by_side(earlier: Tensor, later: Tensor, side: str, value: float) -> Tensor:
    rows = max(len(earlier), len(later))
    both = [
        torch.cat([b, b.new_full((rows - len(b), b.shape[1]), value)])
        for b in (earlier, later)
    ]
    return torch.cat(both, 1)


@mistake("you mixed up the two sides: `left` means that the filling stands on the left")
def other_side(earlier: Tensor, later: Tensor, side: str, value: float) -> Tensor:
    other = "right" if side == "left" else "left"
    return torch.cat(padded(earlier, later, other, value, longest(earlier, later)))


@mistake("you always fill with 0, which may be a token: use the value that is given")
def zeros(earlier: Tensor, later: Tensor, side: str, value: float) -> Tensor:
    return torch.cat(padded(earlier, later, side, 0, longest(earlier, later)))


@mistake("you fill one place too many: the longest block needs no filling")
def one_too_many(earlier: Tensor, later: Tensor, side: str, value: float) -> Tensor:
    return torch.cat(padded(earlier, later, side, value, longest(earlier, later) + 1))


@mistake("you turned the order of the turns round: the earlier turn's rows come first")
def reversed_order(earlier: Tensor, later: Tensor, side: str, value: float) -> Tensor:
    return torch.cat(padded(earlier, later, side, value, longest(earlier, later))[::-1])


@mistake("you keep only the later turn: every turn of a talk is a row")
def last_turn(earlier: Tensor, later: Tensor, side: str, value: float) -> Tensor:
    return padded(earlier, later, side, value, longest(earlier, later))[-1]


@mistake(
    "your result is not of the blocks' type: ids are whole numbers, masks are bool"
)
def floats(earlier: Tensor, later: Tensor, side: str, value: float) -> Tensor:
    return torch.cat(
        padded(earlier, later, side, value, longest(earlier, later))
    ).float()


@mistake("you make the rows as long as both turns together: fill up to the longer")
def filled_to_sum(earlier: Tensor, later: Tensor, side: str, value: float) -> Tensor:
    total = earlier.shape[1] + later.shape[1]
    return torch.cat(padded(earlier, later, side, value, total))


EXERCISE = Exercise(
    number="16.2",
    title="Turns in one batch",
    minutes=10,
    difficulty=2,
    importance=4,
    reference="course.policy.turns:join_turns",
    why="Talks have different numbers of turns of different lengths, and one update "
    "has to learn from all of them.",
    hints=(
        "Where does a prompt have to end, so that its completion follows at once?",
        "Find the longer time. Give each of the two columns of `value` on the given "
        "side, with `new_full`, which keeps the type. Then join the rows.",
        "`missing = block.new_full((len(block), longest - …), value)` and "
        "`torch.cat([missing, block], 1)` for the left side",
    ),
    probes=probes,
    mistakes=mistakes_in(__name__),
)
