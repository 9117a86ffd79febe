"""Exercise 3.3: the completion mask."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always


def probes(generator: torch.Generator) -> list[Probe]:
    def call(lengths: list[int], time: int):
        return torch.tensor(lengths), time

    many = torch.randint(1, 30, (12,), generator=generator)
    return [
        Probe("one token", call([1], 1)),
        Probe("one text of two", call([1], 2)),
        Probe("an empty text", call([0], 2)),
        Probe("a full row", call([3], 3)),
        Probe("two texts", call([1, 3], 3)),
        Probe("room to spare", call([2, 1, 3], 6)),
        Probe("as many texts as tokens", call([4, 1, 3, 2], 4)),
        Probe("twelve texts", (many, 30)),
        Probe("a long row", call([5, 100, 64], 128)),
    ]


def positions(max_length: int) -> Tensor:
    return torch.arange(max_length)


@mistake("one position too many is true in each row: positions start at 0")
def one_too_many(lengths: Tensor, max_length: int) -> Tensor:
    return positions(max_length) <= lengths[:, None]


@mistake("the last token of each text is missing: the end token counts too")
def end_left_out(lengths: Tensor, max_length: int) -> Tensor:
    return positions(max_length) < lengths[:, None] - 1


@mistake("your mask is true on padding: it must be true on text")
def inverted(lengths: Tensor, max_length: int) -> Tensor:
    return positions(max_length) >= lengths[:, None]


@mistake(
    "your mask stands at the right end of the row: completions are padded on the "
    "right, so their text stands on the left"
)
def on_the_right(lengths: Tensor, max_length: int) -> Tensor:
    return positions(max_length) >= max_length - lengths[:, None]


@mistake("only the last token of each text is true: all tokens up to it count")
def last_only(lengths: Tensor, max_length: int) -> Tensor:
    return positions(max_length) == lengths[:, None] - 1


@mistake(
    "your mask holds whole numbers: as an index they pick rows 0 and 1; return bool"
)
def numbers(lengths: Tensor, max_length: int) -> Tensor:
    return (positions(max_length) < lengths[:, None]).long()


@mistake("your mask holds decimal numbers, which cannot pick tokens: return bool")
def floats(lengths: Tensor, max_length: int) -> Tensor:
    return (positions(max_length) < lengths[:, None]).float()


@mistake("rows and columns are swapped: the shape is (batch, time)")
def transposed(lengths: Tensor, max_length: int) -> Tensor:
    return positions(max_length)[:, None] < lengths


@mistake("your mask is as wide as the longest text: its width is max_length")
def longest_only(lengths: Tensor, max_length: int) -> Tensor:
    return positions(int(lengths.max())) < lengths[:, None]


EXERCISE = Exercise(
    number="3.3",
    title="The completion mask",
    minutes=10,
    difficulty=1,
    importance=5,
    reference="course.lm.sampling:completion_mask",
    why="Every loss, reward and metric of a batch of texts counts with this mask; made "
    "from token values instead, it loses the end token and teaches a model never to "
    "stop.",
    hints=(
        "Which positions 0, 1, 2, … of a row with length 3 hold a token of the text?",
        "Make the positions 0 to max_length − 1 and ask of each whether it is smaller "
        "than the row's length. Broadcasting turns (time,) and (batch, 1) into "
        "(batch, time).",
        "`torch.arange(max_length, device=lengths.device) < lengths[:, …]`",
    ),
    probes=probes,
    properties=(
        always(
            "each row sums to its length",
            lambda: (torch.tensor([3, 0, 5, 1]), 5),
            lambda mask: mask.sum(1).tolist() == [3, 0, 5, 1],
            "each row must have as many true positions as its length",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
