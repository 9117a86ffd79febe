"""Exercise 3.3: the completion mask."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Mistake, Probe
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


def one_too_many(lengths: Tensor, max_length: int) -> Tensor:
    return positions(max_length) <= lengths[:, None]


def end_left_out(lengths: Tensor, max_length: int) -> Tensor:
    return positions(max_length) < lengths[:, None] - 1


def inverted(lengths: Tensor, max_length: int) -> Tensor:
    return positions(max_length) >= lengths[:, None]


def on_the_right(lengths: Tensor, max_length: int) -> Tensor:
    return positions(max_length) >= max_length - lengths[:, None]


def last_only(lengths: Tensor, max_length: int) -> Tensor:
    return positions(max_length) == lengths[:, None] - 1


def numbers(lengths: Tensor, max_length: int) -> Tensor:
    return (positions(max_length) < lengths[:, None]).long()


def floats(lengths: Tensor, max_length: int) -> Tensor:
    return (positions(max_length) < lengths[:, None]).float()


def transposed(lengths: Tensor, max_length: int) -> Tensor:
    return positions(max_length)[:, None] < lengths


def longest_only(lengths: Tensor, max_length: int) -> Tensor:
    return positions(int(lengths.max())) < lengths[:, None]


EXERCISE = Exercise(
    number="3.3",
    title="The completion mask",
    minutes=10,
    stars=1,
    signature="completion_mask(lengths: Tensor, max_length: int) -> Tensor",
    reference="course.lm.sampling:completion_mask",
    used_by="lm.sampling, policy.rollout, 04, 09",
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
    mistakes=(
        Mistake(
            "one too many",
            one_too_many,
            "one position too many is true in each row: positions start at 0",
        ),
        Mistake(
            "end left out",
            end_left_out,
            "the last token of each text is missing: the end token counts too",
        ),
        Mistake(
            "inverted",
            inverted,
            "your mask is true on padding: it must be true on text",
        ),
        Mistake(
            "text on the right",
            on_the_right,
            "your mask stands at the right end of the row: completions are padded on "
            "the right, so their text stands on the left",
        ),
        Mistake(
            "last token only",
            last_only,
            "only the last token of each text is true: all tokens up to it count",
        ),
        Mistake(
            "whole numbers",
            numbers,
            "your mask holds whole numbers: as an index they pick rows 0 and 1; return "
            "bool",
        ),
        Mistake(
            "decimal numbers",
            floats,
            "your mask holds decimal numbers, which cannot pick tokens: return bool",
        ),
        Mistake(
            "transposed",
            transposed,
            "rows and columns are swapped: the shape is (batch, time)",
        ),
        Mistake(
            "as wide as the longest text",
            longest_only,
            "your mask is as wide as the longest text: its width is max_length",
        ),
    ),
)
