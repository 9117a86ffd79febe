"""What a wrong shape tells: which dimension is too many, missing, or one off."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from course.checks.recognise import Case

Shape = tuple[int, ...]


def of_shape(case: Case) -> str | None:
    """What is wrong with the shape on every probe where the answer is wrong."""
    pairs = [
        (_shape(case.outcomes[n].value), _shape(case.expected[n].value), n)
        for n in case.wrong
    ]
    if len(pairs) < 2 or any(a is None or b is None or a == b for a, b, _ in pairs):
        return None
    for words, said in (
        (_sizes(case, pairs, extra=True), _too_many),
        (_sizes(case, pairs, extra=False), _missing),
    ):
        if words:
            return said(words, all(not wanted for _, wanted, _ in pairs))
    return _off_by_one(pairs)


def _too_many(words: str, single: bool) -> str:
    if single:
        return (
            f"your result has an entry for each of the {words}, and one number is "
            "expected: they have still to be brought together, as the text says"
        )
    return (
        f"your result has a dimension too many, as long as the {words}: along it "
        "something has still to be done"
    )


def _missing(words: str, single: bool) -> str:
    return (
        f"a dimension is missing in your result, as long as the {words}: there it has "
        "an entry for each"
    )


def _shape(value: Any) -> Shape | None:
    if isinstance(value, tuple) and value:
        value = value[0]
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _sizes(
    case: Case, pairs: list[tuple[Shape, Shape, int]], extra: bool
) -> str | None:
    """The argument whose size is the dimension that is too many or missing."""
    for words, sizes in _dimensions(case):
        if len({sizes[n] for *_, n in pairs}) < 2:
            continue
        if all(
            _without(mine if extra else wanted, wanted if extra else mine, sizes[n])
            for mine, wanted, n in pairs
        ):
            return words
    return None


def _without(longer: Shape, shorter: Shape, size: int) -> bool:
    """Whether one dimension of this size, taken out, makes one shape the other."""
    return len(longer) == len(shorter) + 1 and any(
        n == size and longer[:d] + longer[d + 1 :] == shorter
        for d, n in enumerate(longer)
    )


def _dimensions(case: Case) -> Iterator[tuple[str, list[int]]]:
    for place, name in enumerate(case.exercise.parameters):
        given = [p.arguments[place : place + 1] for p in case.probes]
        if not all(a and isinstance(a[0], Tensor) for a in given):
            continue
        for dim, of in enumerate(("rows", "columns")):
            if all(a[0].dim() > dim for a in given):
                words = of if any(a[0].dim() > 1 for a in given) else "entries"
                yield f"{words} of `{name}`", [a[0].shape[dim] for a in given]


def _off_by_one(pairs: list[tuple[Shape, Shape, int]]) -> str | None:
    gaps = {
        tuple(a - b for a, b in zip(mine, wanted, strict=True))
        if len(mine) == len(wanted) else ()
        for mine, wanted, _ in pairs
    }  # fmt: skip
    if len(gaps) != 1:
        return None
    (gap,) = gaps
    if sum(map(abs, gap)) != 1:
        return None
    dim = next(d for d, g in enumerate(gap) if g)
    of = "entry" if len(gap) == 1 else ("row", "column")[dim] if dim < 2 else "place"
    return f"your result has one {of} too {'many' if sum(gap) > 0 else 'few'}"
