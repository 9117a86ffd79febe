"""Packing texts into rows of equal length, where none of them sees another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from course.expect import at_least, tensors, whole, whole_number
from course.expect_lists import rows_of_ids, whole_numbers

if TYPE_CHECKING:
    from course.lm.model import GPT


def pack(
    sequences: Sequence[Sequence[int]], length: int, pad_id: int
) -> tuple[Tensor, Tensor]:
    """Lay texts end to end into rows of `length` tokens, a long text going on below.

    Returns ids and segments, both (rows, length): the number of the text
    that a token belongs to, counted in its row from 1; padding is 0.  Raises
    ValueError when there is no token or length < 2.  Chapter 02.

    >>> pack([[1, 2, 3], [4, 5]], length=4, pad_id=0)[1].tolist()
    [[1, 1, 1, 2], [1, 0, 0, 0]]
    """
    rows_of_ids(sequences=sequences)
    whole_number(length=length, pad_id=pad_id)
    flat = [token for sequence in sequences for token in sequence]
    if not flat or length < 2:
        raise ValueError(
            f"got {len(flat)} tokens and rows of {length}, expected at least 1 and 2"
        )
    owner = [n for n, sequence in enumerate(sequences, 1) for _ in sequence]
    room = -len(flat) % length
    ids = torch.tensor(flat + [pad_id] * room).view(-1, length)
    owners = torch.tensor(owner + [0] * room).view(-1, length)
    segments = owners - owners[:, :1] + 1
    return ids, segments.masked_fill(owners == 0, 0)


def pack_sequences(
    sequences: Sequence[Sequence[int]], length: int, pad_id: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Lay texts into rows, whole and in order; one that does not fit begins a new row.

    Returns three tensors (rows, length): ids; segments, the number of a token's text in
    its row, from 1, and 0 on padding; positions, which start at 0 in every text (0 on
    padding).  With the segments, `GPT` lets a token see its own text only, so
    that its logits are those of the text alone.  `pack` wastes less room
    and cuts texts.  Raises ValueError when there is no text, an empty one, or one
    longer than a row.  Chapter 04.

    >>> ids, segments, positions = pack_sequences([[5, 6], [7], [8, 9]], 4, pad_id=0)
    >>> ids.tolist(), segments.tolist()
    ([[5, 6, 7, 0], [8, 9, 0, 0]], [[1, 1, 2, 0], [1, 1, 0, 0]])
    >>> positions.tolist()
    [[0, 1, 0, 0], [0, 1, 0, 0]]
    """
    rows_of_ids(sequences=sequences)
    whole_number(length=length, pad_id=pad_id)
    if not sequences:
        raise ValueError("got no texts, expected at least one")
    rows: list[list[Sequence[int]]] = []
    free = 0
    for number, sequence in enumerate(sequences):
        if not 1 <= len(sequence) <= length:
            raise ValueError(
                f"got a text of {len(sequence)} tokens (number {number}), expected "
                f"1 to {length}, the length of a row"
            )
        if len(sequence) > free:
            rows.append([])
            free = length
        rows[-1].append(sequence)
        free -= len(sequence)
    ids = torch.full((len(rows), length), pad_id, dtype=torch.long)
    segments, positions = torch.zeros_like(ids), torch.zeros_like(ids)
    for n, row in enumerate(rows):
        start = 0
        for segment, sequence in enumerate(row, 1):
            place = slice(start, start + len(sequence))
            ids[n, place] = torch.as_tensor(sequence)
            segments[n, place] = segment
            positions[n, place] = torch.arange(len(sequence))
            start += len(sequence)
    return ids, segments, positions


def length_parts(lengths: Sequence[int], padding: float = 0.06) -> list[Tensor]:
    """Row numbers, shortest row first, in parts with little padding.

    A part takes rows as long as padding them to its longest leaves the share of padding
    at or below `padding`.  Where each part's loss is divided by what counts in the
    whole batch, the parts' gradients add up to the batch's: the parts are micro-batches
    of unequal size, and hardly any padding is computed.  Chapter 04.

    >>> [part.tolist() for part in length_parts([9, 2, 9, 2, 2])]
    [[1, 3, 4], [0, 2]]
    """
    whole_numbers(lengths=lengths)
    at_least(0, padding=padding)
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    parts: list[list[int]] = []
    real = 0  # positions of the last part that are not padding
    for row in order:
        real += lengths[row]
        if parts and real >= (1 - padding) * lengths[row] * (len(parts[-1]) + 1):
            parts[-1].append(row)
        else:
            parts.append([row])
            real = lengths[row]
    return [torch.tensor(part) for part in parts]


def tight_rows(lengths: Sequence[int], longest: int) -> tuple[list[int], int, int]:
    """Where whole texts begin in rows of one length, so that little room is wasted.

    lengths: tokens of each text; longest: the longest row allowed.  Returns the place
    of each text's first token, counted through all rows, the number of rows and their
    length.  From the longest text down, each goes into the row that it fills best.
    Rows as long as the longest text are tried first, then longer ones, until at most
    1 position in 20 is padding; else the best of them.  Raises ValueError when there is
    no text or an empty one.
    Source: Johnson 1973, "Near-optimal bin packing algorithms" (best fit decreasing).
    Chapter 09.

    >>> tight_rows([3, 5, 2, 4], longest=8)
    ([11, 0, 5, 7], 2, 7)
    """
    whole_numbers(lengths=lengths)
    if not lengths or min(lengths) < 1:
        raise ValueError(f"got texts of {list(lengths)} tokens, expected at least one")
    whole(1, longest=longest)
    least, tokens = max(lengths), sum(lengths)
    tried = []
    for length in range(least, max(least, min(longest, 2 * least)) + 1):
        starts, rows = _best_fit(lengths, length)
        padding = rows * length - tokens
        tried.append((padding, length, rows, starts))
        if 20 * padding <= rows * length:
            break
    _, length, rows, starts = min(tried)
    return starts, rows, length


def _best_fit(lengths: Sequence[int], length: int) -> tuple[list[int], int]:
    free: list[list[int]] = [[] for _ in range(length + 1)]  # rows by their free room
    starts, rows = [0] * len(lengths), 0
    for text in sorted(range(len(lengths)), key=lambda text: -lengths[text]):
        size = lengths[text]
        room = next((room for room in range(size, length + 1) if free[room]), None)
        if room is None:
            row, rows, room = rows, rows + 1, length
        else:
            row = free[room].pop()
        starts[text] = row * length + length - room
        free[room - size].append(row)
    return starts, rows


def packed_loss(model: "GPT", ids: Tensor, segments: Tensor) -> Tensor:
    """Mean nats per token over all targets inside the texts of packed rows.

    ids, segments: (batch, time), as `pack` returns them.  A target is a token whose
    predecessor belongs to the same text, so nothing is predicted across texts.
    Chapter 02.
    """
    tensors(ids=ids, segments=segments)
    if ids.shape != segments.shape or ids.dim() != 2:
        raise ValueError(
            f"got ids {tuple(ids.shape)} and segments {tuple(segments.shape)}, "
            "expected (batch, time) for both"
        )
    logits = model(ids, segments=segments).float()
    inside = (segments[:, 1:] == segments[:, :-1]) & (segments[:, 1:] > 0)
    targets = ids[:, 1:].masked_fill(~inside, -100)  # -100: ignored
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten())
