"""The keys and values that a transformer keeps while it writes."""

import torch
from torch import Tensor

from course.expect import whole


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
        """Append the new positions of one block; return all of them."""
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
        """Keep only these batch rows (texts that are still being written)."""
        self.buffers = [
            pair and (pair[0][rows], pair[1][rows]) for pair in self.buffers
        ]
