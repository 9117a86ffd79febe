"""Exercise 4.3: packing whole texts."""

from collections.abc import Callable

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in

Packed = tuple[Tensor, Tensor, Tensor]


def probes(generator: torch.Generator) -> list[Probe]:
    def texts(*lengths: int) -> list[list[int]]:
        return [
            torch.randint(3, 99, (n,), generator=generator).tolist() for n in lengths
        ]

    return [
        Probe("one text", (texts(2), 4, 0)),
        Probe("two texts in one row", (texts(2, 1), 4, 0)),
        Probe("a row filled exactly", (texts(2, 2, 1), 4, 0)),
        Probe("a text that does not fit", (texts(3, 2, 2), 4, 0)),
        Probe("room left behind", (texts(3, 4, 1, 1), 4, 0)),
        Probe("a text as long as a row", (texts(4, 4), 4, 0)),
        Probe("rows of one token", (texts(1, 1, 1), 1, 0)),
        Probe("another padding token", (texts(5, 3, 6, 2, 2), 8, 2)),
        Probe("the padding token inside a text", ([[3, 0, 5], [0, 4]], 4, 0)),
        Probe("twelve texts", (texts(3, 7, 2, 9, 4, 4, 1, 8, 5, 6, 2, 3), 12, 0)),
    ]


def laid(rows: list[list[list[int]]], length: int, pad_id: int) -> Packed:
    """The three tensors for texts that are already shared out among rows."""
    ids = torch.full((len(rows), length), pad_id)
    segments, positions = torch.zeros_like(ids), torch.zeros_like(ids)
    for n, row in enumerate(rows):
        start = 0
        for segment, text in enumerate(row, 1):
            end = start + len(text)
            ids[n, start:end] = torch.tensor(text)
            segments[n, start:end] = segment
            positions[n, start:end] = torch.arange(len(text))
            start = end
    return ids, segments, positions


def shared_out(
    sequences: list[list[int]], fits: Callable[[int, int], bool]
) -> list[list[list[int]]]:
    """Texts in order; a new row where `fits(text's length, used)` says no."""
    rows: list[list[list[int]]] = [[]]
    for text in sequences:
        used = sum(map(len, rows[-1]))
        if rows[-1] and not fits(len(text), used):
            rows.append([])
        rows[-1].append(text)
    return rows


def right(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    rows = shared_out(sequences, lambda n, used: used + n <= length)
    return laid(rows, length, pad_id)


@mistake(
    "you cut texts at the end of a row: a text that does not fit belongs into the next "
    "row, whole"
)
def cut_texts(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    flat = [(token, n) for n, text in enumerate(sequences) for token in text]
    rows = []
    for start in range(0, len(flat), length):
        part = flat[start : start + length]
        owners = sorted({n for _, n in part})
        rows.append([[token for token, n in part if n == owner] for owner in owners])
    return laid(rows, length, pad_id)


def cut_flat(
    sequences: list[list[int]], length: int, pad_id: int, restart: bool
) -> Packed:
    """Texts one after the other, cut at row ends; positions go on in the next row."""
    flat = [
        (token, segment, position)
        for segment, text in enumerate(sequences, 1)
        for position, token in enumerate(text)
    ]
    flat += [(pad_id, 0, 0)] * (-len(flat) % length)
    ids, segments, positions = torch.tensor(flat).view(-1, length, 3).unbind(-1)
    if restart:
        segments = (segments - segments[:, :1] + 1) * (segments > 0)
    return ids, segments, positions


@mistake(
    "you put all texts into one long list and cut it into rows: a text that does not "
    "fit belongs into the next row, whole"
)
def cut_and_numbered(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    return cut_flat(sequences, length, pad_id, restart=False)


@mistake(
    "you cut texts over the end of a row, and their positions go on in the next: a "
    "text that does not fit belongs into the next row, whole"
)
def cut_and_restarted(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    return cut_flat(sequences, length, pad_id, restart=True)


@mistake("every text has a row of its own: put it into the last row where it fits")
def no_packing(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    return laid([[text] for text in sequences], length, pad_id)


@mistake("a text that fills the row exactly still fits: compare with <=")
def strictly_smaller(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    rows = shared_out(sequences, lambda n, used: used + n < length)
    return laid(rows, length, pad_id)


@mistake(
    "you go back to earlier rows with room: here only the last row may grow, so that "
    "the order of the texts stays"
)
def first_fit(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    rows: list[list[list[int]]] = []
    for text in sequences:
        for row in rows:
            if sum(map(len, row)) + len(text) <= length:
                row.append(text)
                break
        else:
            rows.append([text])
    return laid(rows, length, pad_id)


@mistake("you sort the texts: keep their order")
def longest_first(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    return right(sorted(sequences, key=len, reverse=True), length, pad_id)


@mistake(
    "your first segment is 0, which is padding's: number the texts of a row from 1"
)
def segments_from_zero(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    ids, segments, positions = right(sequences, length, pad_id)
    return ids, (segments - 1).clamp(min=0), positions


@mistake("your segments run on from row to row: every row begins with 1 again")
def segments_run_on(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    ids, segments, positions = right(sequences, length, pad_id)
    before = segments.amax(1).cumsum(0) - segments.amax(1)
    return ids, (segments + before[:, None]) * (segments > 0), positions


@mistake(
    "all texts of a row share one segment, so they would see each other: give each its "
    "own number"
)
def one_segment(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    ids, segments, positions = right(sequences, length, pad_id)
    return ids, segments.clamp(max=1), positions


@mistake(
    "your padding carries a text's segment and would be learned as part of it: padding "
    "is segment 0"
)
def padding_in_a_text(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    ids, segments, positions = right(sequences, length, pad_id)
    last = segments.amax(1, keepdim=True)
    return ids, torch.where(segments == 0, last, segments), positions


@mistake(
    "your positions run on through the row: a text's first token has position 0, as if "
    "it stood alone"
)
def positions_run_on(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    ids, segments, _ = right(sequences, length, pad_id)
    return ids, segments, torch.arange(length) * (segments > 0)


@mistake("your positions begin with 1: the first token of a text has position 0")
def positions_from_one(sequences: list[list[int]], length: int, pad_id: int) -> Packed:
    ids, segments, positions = right(sequences, length, pad_id)
    return ids, segments, (positions + 1) * (segments > 0)


def nothing_is_lost(function) -> str | None:
    texts = [[5, 6, 7], [8, 9], [5, 5, 5, 5]]
    ids, segments, _ = function(texts, 6, 0)
    if ids[segments > 0].tolist() == sum(texts, []):
        return None
    return "the tokens with a segment must be all tokens of all texts, in their order"


EXERCISE = Exercise(
    number="4.3",
    title="Packing whole texts",
    minutes=20,
    difficulty=3,
    importance=3,
    reference="course.lm.packing:pack_sequences",
    why="Padding is computed and thrown away; packing uses the room, and is right only "
    "when no text sees its neighbour.",
    hints=(
        "You fill a shelf with books from left to right and may not cut one: when do "
        "you begin the next shelf?",
        "Keep the number of free places in the last row. A text longer than that opens "
        "a new row. Inside a row number the texts 1, 2, 3, … and count positions from "
        "0 in each; padding gets segment 0 and position 0.",
        "`if len(sequence) > free: rows.append([]); free = length`, then "
        "`rows[-1].append(sequence); free -= …`; afterwards fill three tensors with a "
        "running `start` in each row.",
    ),
    probes=probes,
    properties=(Property("no token is lost", nothing_is_lost),),
    mistakes=mistakes_in(__name__),
)
