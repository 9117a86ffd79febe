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
        other = torch.as_tensor(other)
        if one.shape == other.shape and torch.equal(one, other):
            return None  # infinities included
        change = float((other.double() - one.double()).abs().nan_to_num().max())
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


def refuses(name: str, arguments: Callable[[], tuple[Any, ...]]) -> Property:
    """The function raises ValueError for these arguments; name: which they are."""

    def fails(function: Callable[..., Any]) -> str | None:
        try:
            function(*arguments())
        except ValueError:
            return None
        except Exception as error:
            return (
                f"{name} must raise a ValueError; yours stops with "
                f"{type(error).__name__}"
            )
        return f"{name} must raise a ValueError that says so; yours returns a result"

    return Property(f"{name} is refused", fails)


def groups_apart(what: str, result: str) -> Property:
    """Changing some scores of one prompt leaves another prompt's result alone.

    what: such as "the rewards"; result: such as "the baselines".
    """
    before, after = draw(6, seed=2), draw(6, seed=2)
    after[:3] -= torch.tensor([1.0, 2.0, 3.0])

    def fails(function: Callable[..., Any]) -> str | None:
        change = function(after.clone(), 3) - function(before.clone(), 3)
        most = float(change[3:].abs().max())
        if most < 1e-5:
            return None
        return (
            f"changing {what} of one prompt must not change {result} of another; "
            f"yours changed by {most:.2g}"
        )

    return Property("prompts apart", fails)


def invariant_to_padding(
    arguments: Callable[[int], tuple[Any, ...]],
    columns: int,
    *,
    side: str = "",
    tolerance: float = 1e-5,
) -> Property:
    """More columns of padding do not change the result.

    arguments(extra): a call with that many more columns of padding; side: such as
    "on the left", where a result has a column for each token only the first ones
    count.
    """

    def fails(function: Callable[..., Any]) -> str | None:
        one = torch.as_tensor(function(*arguments(0)))
        other = torch.as_tensor(function(*arguments(columns)))
        if one.dim() == 2 and other.dim() == 2:
            other = other[:, : one.shape[1]]
        change = float((other - one).abs().max())
        if change <= tolerance:
            return None
        more = " ".join(f"adding {columns} columns of padding {side}".split())
        return f"{more} must not change the result; yours changed by {change:.2g}"

    return Property(" ".join(f"invariant to padding {side}".split()), fails)


def ignores_padding(arguments: Callable[[], tuple[Any, ...]], *places: int) -> Property:
    """NaN on padding, in these arguments, changes nothing; the mask comes with them."""

    def fails(function: Callable[..., Any]) -> str | None:
        given = arguments()
        padding = next(~x for x in given if getattr(x, "dtype", None) == torch.bool)
        spoilt = [
            x.masked_fill(padding, torch.nan) if n in places else x
            for n, x in enumerate(given)
        ]
        one, other = (torch.as_tensor(function(*call)) for call in (given, spoilt))
        if one.shape == other.shape and torch.allclose(one, other, equal_nan=True):
            return None
        return (
            "NaN on padding must not change the result: 0 times NaN is NaN, so "
            "replace what stands there, with masked_fill or torch.where"
        )

    return Property("ignores NaN on padding", fails)


def draw(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    """Normal numbers of a shape, always the same for a seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale


def mask_of(lengths: list[int], time: int) -> Tensor:
    """True on the first tokens of each row: (rows, time) bool."""
    return torch.arange(time) < torch.tensor(lengths)[:, None]
