"""A slip: a change of a right function, with the sentence that is true of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Function = Callable[..., Any]
IS = "your result is the expected one"


@dataclass(frozen=True)
class Slip:
    """A change of a right function, and the sentence that is true where it fits.

    core: one of the few that are also tried two at a time; change: what it does to
    a result, where it changes only that.
    """

    sentence: str
    apply: Callable[[Function], Function]
    core: bool = False
    change: Function | None = None


def of_result(sentence: str, change: Function, core: bool = False) -> Slip:
    """A slip that changes the result: change(result, *arguments)."""
    return Slip(sentence, lambda f: lambda *a: change(f(*a), *a), core, change)


def of_argument(
    sentence: str, place: int, change: Function, core: bool = False
) -> Slip:
    """A slip that changes one argument before the function sees it."""

    def apply(function: Function) -> Function:
        def slipped(*given: Any) -> Any:
            if place >= len(given) or given[place] is None:
                return function(*given)
            changed = change(given[place])
            if isinstance(changed, Tensor) and changed.is_floating_point():
                new = ~changed.isfinite()
                if bool(new.any()) and bool(given[place].isfinite().all()):
                    raise ValueError("not finite any more")
            return function(*given[:place], changed, *given[place + 1 :])

        return slipped

    return Slip(sentence, apply, core)


def shifted(y: Tensor, by: int) -> Tensor:
    moved, zero = y.roll(by, -1), torch.zeros_like(y[..., :1])
    if by > 0:
        return torch.cat([zero, moved[..., 1:]], -1)
    return torch.cat([moved[..., :-1], zero], -1)
