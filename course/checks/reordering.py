"""Right numbers in another order, and what is wrong with a text or a tuple."""

from difflib import SequenceMatcher

import torch
from torch import Tensor

from course.checks.comparing import same
from course.checks.recognise import Case


def reordered(case: Case) -> str | None:
    """All the expected numbers, in another order or shape, on every probe."""
    shapes = set()
    telling = 0
    for mine, theirs in zip(case.outcomes, case.expected, strict=True):
        if not isinstance(mine.value, Tensor) or not isinstance(theirs.value, Tensor):
            return None
        one, other = (x.detach().double().flatten() for x in (mine.value, theirs.value))
        if len(one) != len(other):
            return None
        near = 10 * case.tolerance
        if not torch.allclose(one.sort().values, other.sort().values, near, near):
            return None
        shapes.add(mine.value.shape == theirs.value.shape)
        telling += len(set(other.tolist())) > 1
    if telling < 3:
        return None
    what = "order" if shapes == {True} else "shape"
    return f"your result holds the expected numbers, but in another {what}"


def of_texts(case: Case) -> str | None:
    """One piece of text that stands wherever another is expected."""
    found: set[tuple[str, str]] = set()
    for mine, theirs in zip(case.outcomes, case.expected, strict=True):
        one, other = mine.value, theirs.value
        if not isinstance(one, str) or not isinstance(other, str):
            return None
        parts = SequenceMatcher(None, other, one, autojunk=False).get_opcodes()
        found |= {
            (other[a:b], one[c:d]) for kind, a, b, c, d in parts if kind != "equal"
        }
    if len(found) != 1:
        return None
    ((wanted, written),) = found
    if not wanted:
        return (
            f"your text has {written!r} more than the expected one, and is right else"
        )
    if not written:
        return f"your text lacks {wanted!r} in places, and is right else"
    return f"your text has {written!r} wherever {wanted!r} is expected"


def of_entries(case: Case) -> str | None:
    """The one entry of a tuple that is wrong, and what is wrong with it."""
    wrong: set[int] = set()
    for mine, theirs in zip(case.outcomes, case.expected, strict=True):
        one, other = mine.value, theirs.value
        if not isinstance(one, (tuple, list)) or not isinstance(other, tuple):
            return None
        if len(one) != len(other):
            return None
        wrong |= {n for n, (a, b) in enumerate(zip(one, other, strict=True))
                  if not same(a, b, case.tolerance)}  # fmt: skip
    if len(wrong) == 2 and all(
        same(list(mine.value), _exchanged(list(theirs.value), *wrong), case.tolerance)
        for mine, theirs in zip(case.outcomes, case.expected, strict=True)
    ):
        return f"entries {min(wrong)} and {max(wrong)} of your result are exchanged"
    if len(wrong) != 1:
        return None
    (n,) = wrong
    swaps = set()
    for mine, theirs in zip(case.outcomes, case.expected, strict=True):
        one, other = mine.value[n], theirs.value[n]
        if not isinstance(one, Tensor) or one.shape != other.shape:
            return f"only entry {n} of your result is wrong, the others are right"
        apart = one != other
        swaps |= set(zip(one[apart].tolist(), other[apart].tolist(), strict=True))
    if len(swaps) == 1:
        ((yours, wanted),) = swaps
        return f"entry {n} of your result has {yours:g} wherever {wanted:g} is expected"
    if len({wanted for _, wanted in swaps}) == 1:
        return (
            f"entry {n} of your result is wrong only where {next(iter(swaps))[1]:g} is "
            "expected, and the others are right"
        )
    gaps = {yours - wanted for yours, wanted in swaps}
    if len(gaps) == 1:
        return (
            f"entry {n} of your result is off by {gaps.pop():g} where it is wrong, and "
            "the others are right"
        )
    return f"only entry {n} of your result is wrong, the others are right"


def _exchanged(values: list, i: int, j: int) -> list:
    values[i], values[j] = values[j], values[i]
    return values
