"""Packing whole texts into rows: no text is cut, and none sees another."""

from collections.abc import Sequence

import torch
from torch import Tensor


def pack_sequences(
    sequences: Sequence[Sequence[int]], length: int, pad_id: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Lay texts into rows, whole and in order; one that does not fit begins a new row.

    Returns three tensors (rows, length): ids; segments, the number of a token's text in
    its row, from 1, and 0 on padding; positions, which start at 0 in every text (0 on
    padding).  With the segments, `GPT` lets a token see its own text only, so
    that its logits are those of the text alone.  `course.lm.training.pack` wastes less
    room and cuts texts.  Raises ValueError when there is no text, an empty one, or one
    longer than a row.

    >>> ids, segments, positions = pack_sequences([[5, 6], [7], [8, 9]], 4, pad_id=0)
    >>> ids.tolist(), segments.tolist()
    ([[5, 6, 7, 0], [8, 9, 0, 0]], [[1, 1, 2, 0], [1, 1, 0, 0]])
    >>> positions.tolist()
    [[0, 1, 0, 0], [0, 1, 0, 0]]
    """
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
