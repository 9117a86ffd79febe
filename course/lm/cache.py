"""The keys and values that a transformer keeps while it writes."""

import torch
from torch import Tensor

from course.expect import below, tensors, whole, whole_number


class KVCache:
    """Keys and values of the positions seen so far, both (batch, K, seen, D) per block.

    They are written into buffers with room for more, which double when they are full.
    Chapter 02.
    """

    def __init__(self, layers: int):
        whole(1, layers=layers)
        self.buffers: list[tuple[Tensor, Tensor] | None] = [None] * layers
        self.lengths = [0] * layers

    def __len__(self) -> int:
        return self.lengths[0]

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append the new positions of one block; return all of them.

        Raises ValueError on shapes that do not fit each other or what is there.
        """
        whole_number(layer=layer)
        tensors(keys=keys, values=values)
        before = self.buffers[layer]
        kept = (keys if before is None else before[0]).shape  # (batch, K, any, D)
        if not keys.shape == values.shape == (*kept[:2], *keys.shape[2:3], *kept[3:]):
            raise ValueError(
                f"got keys {tuple(keys.shape)} and values {tuple(values.shape)}, "
                f"expected one shape beside {tuple(kept)}: (batch, K, new, D)"
            )
        start = self.lengths[layer]
        end = self.lengths[layer] = start + keys.shape[2]
        buffers = self.buffers[layer]
        if keys.requires_grad:  # a gradient must not be overwritten
            if buffers is not None:
                keys = torch.cat((buffers[0][:, :, :start], keys), dim=2)
                values = torch.cat((buffers[1][:, :, :start], values), dim=2)
            self.buffers[layer] = keys, values
            return keys, values
        if buffers is None or buffers[0].shape[2] < end:
            grown = tuple(
                new.new_empty(*new.shape[:2], max(2 * end, 64), new.shape[3])
                for new in (keys, values)
            )
            if buffers is not None:
                for new, old in zip(grown, buffers, strict=True):
                    new[:, :, :start] = old[:, :, :start]
            self.buffers[layer] = buffers = grown
        buffers[0][:, :, start:end] = keys
        buffers[1][:, :, start:end] = values
        return buffers[0][:, :, :end], buffers[1][:, :, :end]

    def select(self, rows: Tensor) -> None:
        """Keep only these batch rows (texts that are still being written).

        rows: numbers, or true for each row to keep.  Raises TypeError on other numbers
        and ValueError on a row that is not there.
        """
        tensors(rows=rows)
        if rows.is_floating_point():
            raise TypeError(f"got rows of {rows.dtype}, expected whole numbers")
        if rows.dtype != torch.bool:
            below(rows, next((len(pair[0]) for pair in self.buffers if pair), 0))
        self.buffers = [
            pair and (pair[0][rows], pair[1][rows]) for pair in self.buffers
        ]
