"""Properties that several exercises share."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course.checks.exercise import Property


def unchanged(
    name: str,
    before: Callable[[], tuple[Any, ...]],
    after: Callable[[], tuple[Any, ...]],
    sentence: str,
    tolerance: float = 1e-5,
) -> Property:
    """The result is the same for two sets of arguments.

    sentence: what must not change it, such as "adding 3 to every score".
    """

    def fails(function: Callable[..., Any]) -> str | None:
        one, other = torch.as_tensor(function(*before())), function(*after())
        change = float((torch.as_tensor(other) - one).abs().max())
        if change <= tolerance:
            return None
        return f"{sentence} must not change the result; yours changed by {change:.2g}"

    return Property(name, fails)


def always(
    name: str,
    arguments: Callable[[], tuple[Any, ...]],
    holds: Callable[[Tensor], bool | Tensor],
    sentence: str,
) -> Property:
    """Something holds for the result of one call; sentence: what was violated."""

    def fails(function: Callable[..., Any]) -> str | None:
        return None if holds(torch.as_tensor(function(*arguments()))) else sentence

    return Property(name, fails)


def draw(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    """Normal numbers of a shape, always the same for a seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale


def mask_of(lengths: list[int], time: int) -> Tensor:
    """True on the first tokens of each row: (rows, time) bool."""
    return torch.arange(time) < torch.tensor(lengths)[:, None]
