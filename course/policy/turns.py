"""Turns of unequal number and length: as one tensor, their returns and advantages."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course.expect import as_float, one_number, tensors, truth
from course.policy.groups import group_advantages

if TYPE_CHECKING:
    pass


def join_turns(earlier: Tensor, later: Tensor, side: str, value: float) -> Tensor:
    """Rows of two turns of unequal time as one tensor: (all rows, longest).

    earlier, later: (rows, time).  side: where missing places are filled with `value`:
    "left" for prompts, "right" for completions.  The type stays.  Raises ValueError on
    another side, another shape, and NaN among ids.  Chapter 16.

    >>> join_turns(torch.tensor([[7]]), torch.tensor([[8, 9]]), "left", 0).tolist()
    [[0, 7], [8, 9]]
    """
    one_number(value=value)
    tensors(earlier=earlier, later=later)
    if side not in ("left", "right"):
        raise ValueError(f"got side {side!r}, expected 'left' or 'right'")
    if earlier.dim() != 2 or later.dim() != 2:
        raise ValueError(
            f"got {tuple(earlier.shape)} and {tuple(later.shape)}, expected (rows, "
            "time) twice"
        )
    if value != value and not earlier.is_floating_point():
        raise ValueError(f"got value = {value} for {earlier.dtype}, expected a number")
    longest = max(earlier.shape[1], later.shape[1])
    rows = []
    for block in (earlier, later):
        missing = block.new_full((len(block), longest - block.shape[1]), value)
        both = [missing, block] if side == "left" else [block, missing]
        rows.append(torch.cat(both, 1))
    return torch.cat(rows)


def turn_returns(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    """What is still to be had from each turn on: (talks, turns), 0 after the end.

    final: (talks,), the reward at the end of the talk.  lengths: (talks,), its turns.
    cost: what a turn takes away, this one and each that follows.  The first column is
    the whole return of the talk.  Raises ValueError on unequal shapes.  Chapter 16.

    >>> turn_returns(torch.tensor([1.0, 0.0]), torch.tensor([3, 1]), cost=0.25)
    tensor([[ 0.2500,  0.5000,  0.7500],
            [-0.2500,  0.0000,  0.0000]])
    """
    one_number(cost=cost)
    tensors(final=final, lengths=lengths)
    if final.shape != lengths.shape or final.ndim != 1:
        raise ValueError(
            f"got final {tuple(final.shape)} and lengths {tuple(lengths.shape)}, "
            "expected one number for each talk in both"
        )
    turns = torch.arange(int(lengths.max()), device=lengths.device)
    final = as_float(final)
    left = lengths[:, None] - turns  # still to come
    return (final[:, None] - cost * left).masked_fill(left <= 0, 0.0)


def solved_groups_only(returns: Tensor, solved: Tensor, group_size: int) -> Tensor:
    """GRPO's advantages, and 0 in every group in which no talk was solved: (talks,).

    returns, solved: (talks,), whole groups; solved: 1 where the talk reached its end.
    Raises ValueError as `group_advantages`.  Chapter 16.
    """
    tensors(returns=returns, solved=solved)
    if solved.shape != returns.shape:
        raise ValueError(
            f"got solved {tuple(solved.shape)} and returns {tuple(returns.shape)}, "
            "expected (talks,) twice"
        )
    A = group_advantages(returns, group_size)
    some = truth(solved, "solved").view(-1, group_size).any(1)
    return A * some.repeat_interleave(group_size)
