"""What a wrong answer computes instead: a short formula in the arguments, found."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, islice, permutations
from typing import Any

import torch
from torch import Tensor

from course.checks.comparing import same
from course.checks.exercise import Exercise
from course.checks.formula_words import ALL, EACH, PAIRS, ROWS
from course.checks.lines import lines
from course.checks.recognise import Case, called
from course.checks.slip import Function
from course.checks.source_slips import steps

SECONDS = 0.2  # of computing, for all formulas of one answer
MOST = 6000  # formulas that are tried, each with its sums, means and signs


@dataclass(frozen=True)
class Formula:
    """Words for a number or a table, and how it comes from the arguments."""

    words: str
    value: Callable[[tuple[Any, ...]], Tensor]


def computed(case: Case) -> str | None:
    """What the answer computes on every input tried, where it is a short formula."""
    formula = formula_of(case)
    if formula is None:
        return None
    return (
        f"your result is {formula.words}, on every input tried, and that is not what "
        "is asked for"
    )


def formula_of(case: Case) -> Formula | None:
    """The first short formula that gives all of the answer's results."""
    if not case.wrong or not case.says_enough():
        return None
    place = _telling_place(case)
    if place is None:
        return None
    until = time.process_time() + SECONDS
    wanted = _double(case.outcomes[place].value)
    for formula in _formulas(case, place, wanted, until):
        if time.process_time() > until:
            return None
        if _everywhere(case, formula):
            return formula
    return None


def _telling_place(case: Case) -> int | None:
    """A wrong probe with numbers that do not agree with others by chance."""
    best, most = None, 0
    for n in case.wrong:
        value = _double(case.outcomes[n].value)
        if value is None or not value.isfinite().all():
            continue
        size = sum(a.numel() for a in case.probes[n].arguments if isinstance(a, Tensor))
        if 200 >= size > most and len(set(value.flatten().tolist()) - {0.0, 1.0, 0.5}):
            best, most = n, size
    return best


def _double(value: Any) -> Tensor | None:
    if isinstance(value, Tensor):
        return None if value.is_complex() else value.detach().double()
    if isinstance(value, (bool, int, float)):
        return torch.tensor(float(value), dtype=torch.float64)
    if (
        isinstance(value, list)
        and value
        and all(type(x) in (int, float) for x in value)
    ):
        return torch.tensor(value, dtype=torch.float64)
    return None


def _everywhere(case: Case, formula: Formula) -> bool:
    for n in range(len(case.probes)):
        mine = _double(case.outcomes[n].value)
        if mine is None or not _fits(formula, case.probes[n].arguments, mine):
            return False
    for probe in case.exercise.calls(seed=23):
        mine = _double(called(case.function, probe))
        if mine is None or not _fits(formula, probe.arguments, mine):
            return False
    return True


def _fits(formula: Formula, arguments: Any, mine: Tensor) -> bool:
    try:
        value = formula.value(tuple(arguments))
    except Exception:  # a formula need not make sense for all arguments
        return False
    return same(value, mine, 2e-5)


# --- the parts of a formula


def _arguments(exercise: Exercise, arguments: tuple[Any, ...]) -> Iterator[Formula]:
    for n, name in enumerate(exercise.parameters[: len(arguments)]):
        if _double(arguments[n]) is not None:
            yield Formula(f"`{name}`", lambda a, n=n: _double(a[n]))


def _of_the_way(exercise: Exercise) -> Iterator[Formula]:
    every, right = lines(exercise), exercise.load()
    for step in steps(every.trees.get(right)):
        try:
            part = every.build(right, step)
        except (SyntaxError, TypeError, ValueError):
            continue
        yield Formula("a step on the way", lambda a, f=part: _double(f(*a)))
    yield Formula("the expected result", lambda a: _double(right(*a)))


def _spread(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Of one number a row, one for each place of the row."""
    if 0 < x.dim() < y.dim() and x.shape == y.shape[: x.dim()]:
        return x.reshape(*x.shape, *[1] * (y.dim() - x.dim())), y
    if 0 < y.dim() < x.dim() and y.shape == x.shape[: y.dim()]:
        return x, y.reshape(*y.shape, *[1] * (x.dim() - y.dim()))
    return x, y


def _pairs(parts: list[Formula], symmetric_too: bool = True) -> Iterator[Formula]:
    for words, join, both_ways_equal in PAIRS:
        order = combinations if both_ways_equal else permutations
        for one, other in order(parts, 2):
            yield Formula(
                words.format(one.words, other.words),
                lambda a, f=join, x=one, y=other: f(*_spread(x.value(a), y.value(a))),
            )


def _masked(
    exercise: Exercise, arguments: tuple[Any, ...]
) -> Iterator[tuple[str, Callable[[tuple[Any, ...]], Tensor]]]:
    """Words and values of the masks among the arguments."""
    for n, name in enumerate(exercise.parameters[: len(arguments)]):
        x = arguments[n]
        if isinstance(x, Tensor) and x.dim() and bool(((x == 0) | (x == 1)).all()):
            yield f"where `{name}` is 1", lambda a, n=n: a[n].bool()


def _formulas(
    case: Case, place: int, wanted: Tensor, until: float
) -> Iterator[Formula]:
    """The formulas that give the answer's result on one probe, shortest first.

    until: the `process_time` at which the search ends.
    """
    arguments = tuple(case.probes[place].arguments)
    masks = list(_masked(case.exercise, arguments))
    for whole, made in _kept(case.exercise, place):
        if time.process_time() > until:
            return
        if made is not None:
            yield from _reductions(whole, made, wanted, masks, arguments)


@lru_cache(maxsize=8)  # an exercise has few probes that tell most
def _kept(exercise: Exercise, place: int) -> "_Kept":
    return _Kept(_wholes(exercise, tuple(exercise.calls()[place].arguments)))


class _Kept:
    """What does not depend on an answer: computed once, as far as it was needed."""

    def __init__(self, source: Iterator[tuple[Formula, Tensor | None]]) -> None:
        self._source = islice(source, MOST)
        self._kept: list[tuple[Formula, Tensor | None]] = []

    def __iter__(self) -> Iterator[tuple[Formula, Tensor | None]]:
        yield from self._kept
        for found in self._source:
            self._kept.append(found)
            yield found


def _wholes(
    exercise: Exercise, arguments: tuple[Any, ...]
) -> Iterator[tuple[Formula, Tensor | None]]:
    """Formulas that are not reduced yet, and their values; None where they have none.

    They come with few parts first.
    """
    single = list(_arguments(exercise, arguments))
    reduced = [
        Formula(words.format(part.words), lambda a, f=f, p=part: f(p.value(a)))
        for part in single for words, f in ALL[:5]
    ]  # fmt: skip
    for parts in (
        single, _pairs(single), _of_the_way(exercise), _pairs(reduced)
    ):  # fmt: skip
        for part in parts:
            value = _value(part.value, arguments)
            if value is None or not value.numel():
                yield part, None
                continue
            for words, f in EACH:
                whole = Formula(
                    words.format(part.words), lambda a, f=f, p=part: f(p.value(a))
                )
                yield whole, _value(f, value)


def _value(function: Function, given: Any) -> Tensor | None:
    try:
        return function(given)
    except Exception:  # a formula need not make sense for all arguments
        return None


def _reductions(
    whole: Formula, made: Tensor, wanted: Tensor, masks: list, arguments: Any
) -> Iterator[Formula]:
    if made.shape == wanted.shape:
        yield from _signed(whole, made, wanted)
    if made.dim() and not wanted.dim():
        for words, f in ALL:
            yield from _made(words, f, whole, made, wanted)
        for said, mask in masks:
            kept = mask(arguments)
            if kept.shape != made.shape:
                continue
            for words, f in ALL[:5]:
                yield from _made(
                    words + f" {said}",
                    lambda x, f=f: f(x), whole, made[kept], wanted,
                    lambda a, m=mask, w=whole: w.value(a)[m(a)],
                )  # fmt: skip
    elif made.dim() == wanted.dim() + 1:
        for words, f in ROWS:
            yield from _made(words, f, whole, made, wanted)


def _made(
    words: str,
    f: Function,
    whole: Formula,
    made: Tensor,
    wanted: Tensor,
    inner: Callable[[Any], Tensor] | None = None,
) -> Iterator[Formula]:
    try:
        value = f(made)
    except Exception:
        return
    if value.shape == wanted.shape:
        source = inner or whole.value
        formula = Formula(words.format(whole.words), lambda a: f(source(a)))
        yield from _signed(formula, value, wanted)


def _signed(formula: Formula, value: Tensor, wanted: Tensor) -> Iterator[Formula]:
    """The formula, or minus it, where it gives what is wanted."""
    one, other = float(value.reshape(-1)[0]), float(wanted.reshape(-1)[0])
    near = 1e-4 + 1e-4 * abs(other)
    if abs(one - other) <= near and same(value, wanted, 2e-5):
        yield formula
    if abs(one + other) <= near and same(-value, wanted, 2e-5):
        yield Formula(f"minus {formula.words}", lambda a: -formula.value(a))
