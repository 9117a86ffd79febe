"""Where two values differ first, and the digits in which they do."""

from typing import Any

import torch
from torch import Tensor

COUNTED = ("row", "column")


def where(yours: Any, expected: Any, tolerance: float) -> tuple[str, Any, Any]:
    """(place, your entry, expected entry) of the first difference; place may be ""."""
    if isinstance(yours, Tensor) and isinstance(expected, Tensor):
        if yours.shape != expected.shape or not expected.dim():
            return "", _item(yours), _item(expected)
        one, other = yours.detach().double(), expected.detach().double()
        near = torch.isclose(one, other, tolerance, tolerance, equal_nan=True)
        apart = (~near).nonzero()
        if not len(apart):
            return "", yours, expected
        index = apart[0].tolist()
        mine, wanted = yours[tuple(index)], expected[tuple(index)]
        return _named(index), mine.item(), wanted.item()
    if isinstance(yours, (list, tuple)) and isinstance(expected, (list, tuple)):
        for n, (mine, wanted) in enumerate(zip(yours, expected, strict=False)):
            place, mine_entry, wanted_entry = where(mine, wanted, tolerance)
            if place or _differ(mine, wanted):
                joined = f"entry {n}" + (f", {place}" if place else "")
                return joined, mine_entry, wanted_entry
    if isinstance(yours, str) and isinstance(expected, str):
        n = next(
            (
                i
                for i, (a, b) in enumerate(zip(yours, expected, strict=False))
                if a != b
            ),
            min(len(yours), len(expected)),
        )
        start = max(0, n - 8)
        return f"character {n}", yours[start : n + 12], expected[start : n + 12]
    return "", yours, expected


def _item(value: Tensor) -> Any:
    return value.item() if value.numel() == 1 else value


def _named(index: list[int]) -> str:
    if len(index) == 1:
        return f"place {index[0]}"
    if len(index) == 2:
        return ", ".join(
            f"{word} {number}" for word, number in zip(COUNTED, index, strict=True)
        )
    return f"index {index}"


def _differ(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return False
    try:
        return bool(one != other)
    except Exception:
        return True


def digits(yours: Any, expected: Any) -> tuple[str, str]:
    """Both numbers with as many digits as it takes to tell them apart."""
    if not (isinstance(yours, float) and isinstance(expected, float)):
        return _short(yours), _short(expected)
    for many in range(4, 18):
        mine, wanted = f"{yours:.{many}g}", f"{expected:.{many}g}"
        if mine != wanted:
            break
    return mine, wanted


def _short(value: Any) -> str:
    from course.checks.report import shown

    return shown(value)
