"""The general recogniser: what a wrong answer is, said only where it fits everywhere.

First the exercise's own mistakes, then the slips of every course, then both together.
What it says has been tried: the slip, applied to the right function, gave the
answer's own results on every probe, and on other inputs that no probe has.
"""

import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from course.checks.comparing import alike, same
from course.checks.exercise import Exercise, Mistake, Probe
from course.checks.lines import unguarded
from course.checks.observing import Outcome, expected, fresh, observe, of_mistake
from course.checks.slip import Function, Slip
from course.checks.slips import slips
from course.checks.source_slips import partly_detached

COMMON = (0.0, 1.0, 0.5, -1.0)  # numbers that say nothing about where they come from


class Case:
    """A wrong answer: its results on the probes, and which of them are wrong."""

    def __init__(
        self, exercise: Exercise, function: Function, outcomes: list[Outcome]
    ) -> None:
        self.exercise, self.function = exercise, function
        self.probes, self.outcomes = exercise.calls(), outcomes
        self.expected = expected(exercise)
        self._first: dict[int, float] = {}
        self.tolerance = max(exercise.tolerance, 1e-5)
        self.wrong = [
            n for n, mine in enumerate(outcomes)
            if mine.error or not self.right(n, mine.value)
        ]  # fmt: skip

    def right(self, n: int, value: Any) -> bool:
        """Whether a value is what probe n expects."""
        theirs = self.expected[n]
        return same(value, theirs.value, self.tolerance, theirs.slack)

    def close(self, one: Any, other: Any) -> bool:
        """Whether two results agree on an input that is no probe."""
        return same(one, other, 10 * self.tolerance)

    def fits(self, candidate: Function, places: Iterable[int] | None = None) -> bool:
        """Whether a candidate gives the answer's results, the wrong ones first."""
        if places is None:
            others = (n for n in range(len(self.probes)) if n not in self.wrong)
            places = [*self.wrong, *others]
        return all(self.gives(n, on(candidate, n, self.probes[n])) for n in places)

    def gives(self, n: int, value: Any) -> bool:
        """Whether a value is the answer's own result on probe n."""
        mine, slack = self.outcomes[n], self.expected[n].slack
        if mine.error is not None or self._clearly_other(n, value):
            return False
        return same(mine.value, value, self.tolerance, slack)

    def _clearly_other(self, n: int, value: Any) -> bool:
        """A cheap no: another shape, or a first number far from the answer's."""
        mine = self.outcomes[n].value
        if not (isinstance(mine, Tensor) and isinstance(value, Tensor)):
            return False
        if mine.shape != value.shape or mine.is_complex() or value.is_complex():
            return True
        if not mine.numel() or not mine.is_floating_point():
            return False
        if n not in self._first:
            self._first[n] = float(mine.detach().reshape(-1)[0])
        one, other = self._first[n], float(value.detach().reshape(-1)[0])
        far = 1e-3 + 1e-3 * abs(one) + 10 * self.expected[n].slack
        return math.isfinite(one) and not abs(one - other) <= far

    def says_enough(self) -> bool:
        """Whether the wrong results are too many to agree with anything by chance."""
        return len(telling(self.outcomes[n].value for n in self.wrong)) >= 2

    def holds_elsewhere(
        self, candidate: Function, places: list[int] | None = None
    ) -> bool:
        """Whether the candidate also fits on inputs that are no probes."""
        for n, probe in enumerate(self.exercise.calls(seed=23)):
            if places is not None and n not in places:
                continue
            mine, theirs = called(self.function, probe), called(candidate, probe)
            if not same(mine, theirs, 10 * self.tolerance):
                return False
        return True


class Known:
    """A function of the catalogue that remembers what it gave on the probes."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self._values: dict[int, Any] = {}

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)

    def on(self, n: int, probe: Probe) -> Any:
        """The value on probe n, computed once."""
        if n not in self._values:
            self._values[n] = called(self.function, probe)
        return self._values[n]


def on(candidate: Function, n: int, probe: Probe) -> Any:
    """A candidate's value on probe n, remembered where it is one of the catalogue."""
    if isinstance(candidate, Known):
        return candidate.on(n, probe)
    return called(candidate, probe)


@cache
def slipped(exercise: Exercise) -> tuple[tuple[Slip, Known], ...]:
    """Every slip of an exercise, and the right function with this slip."""
    right = unguarded(exercise)
    return tuple((slip, Known(slip.apply(right))) for slip in slips(exercise))


@cache
def mistaken(exercise: Exercise) -> tuple[tuple[Mistake, Known], ...]:
    """Every mistake of an exercise, and its function."""
    return tuple((m, Known(m.function)) for m in exercise.mistakes)


class _Failed:
    """What a function that stops with an error gave: equal to nothing."""


def called(function: Function, probe: Probe) -> Any:
    """The function's result on copies of a probe's arguments."""
    try:
        with torch.no_grad():
            return function(*fresh(probe.arguments))
    except (Exception, SystemExit):
        return _Failed()


def telling(values: Iterable[Any]) -> list[float]:
    """The different finite numbers in some results that are not just 0, 1, ½ or −1."""
    found: set[float] = set()
    for value in values:
        parts = value if isinstance(value, (list, tuple)) else [value]
        for part in parts:
            if isinstance(part, Tensor) and part.dtype == torch.bool:
                if part.numel() > 3:  # a pattern says more than its 0 and 1
                    found.add(2.0 + abs(hash(tuple(part.flatten().tolist()))) % 10**9)
            elif isinstance(part, Tensor):
                found |= set(part.detach().double().reshape(-1)[:50].tolist())
            elif isinstance(part, (int, float)):
                found.add(float(part))
            elif isinstance(part, str):
                found.add(float(abs(hash(part)) % 10**9 + 2))
    whole = len(found) > 4
    return [x for x in found if math.isfinite(x) and (whole or x not in COMMON)]


def known_mistake(case: Case) -> str | None:
    """The sentence of the mistake of this exercise that the answer makes."""
    for mistake in case.exercise.mistakes:
        if _does_the_same(case, mistake):
            return mistake.sentence
    if not case.wrong:
        return None
    for mistake, function in mistaken(case.exercise):
        if case.fits(function) and not _gradient_only(case, function):
            return mistake.sentence
    return None


def _does_the_same(case: Case, mistake: Mistake) -> bool:
    return all(
        alike(yours, of_mistake(case.exercise, mistake, n), case.tolerance)
        for n, yours in enumerate(case.outcomes)
    )


def _gradient_only(case: Case, mistake: Known) -> bool:
    """Whether the mistake's values are right, so that values alone cannot show it."""
    return all(
        case.right(n, mistake.on(n, probe)) for n, probe in enumerate(case.probes)
    )


def usual_slip(case: Case, pairs: bool = True, single: bool = True) -> str | None:
    """The sentence of a slip that fits, or of two; which of both are tried."""
    if not case.wrong or not case.says_enough():
        return None
    every = slipped(case.exercise)
    for slip, function in every if single else ():
        if _holds(case, function):
            return slip.sentence
    if not pairs:
        return None
    core = [slip for slip, _ in every if slip.core]
    for mistake, function in mistaken(case.exercise):
        slip = _on_top(case, function, core)
        if slip:
            return f"{mistake.sentence}; and besides, {_after(slip, 'that')}"
    for one, function in every:
        if not one.core:
            continue
        other = _on_top(case, function, [s for s in core if s is not one])
        if other:
            return f"two slips at once: {one.sentence}; and of that, " + _after(
                other, "this"
            )
    return None


def _on_top(case: Case, inner: Known, core: list[Slip]) -> Slip | None:
    """The slip that, made on top of a function, gives the answer's results."""
    place = case.wrong[0]
    arguments = fresh(case.probes[place].arguments)
    value = inner.on(place, case.probes[place])
    for slip in core:
        if slip.change is None:
            continue
        try:
            near = case.gives(place, slip.change(value, *arguments))
        except Exception:  # most changes make no sense for most results
            continue
        if near and _holds(case, slip.apply(inner)):
            return slip
    return None


def _after(slip: Slip, of: str) -> str:
    """The slip's sentence, told of another result than the expected one."""
    return slip.sentence.replace("the expected one", of, 1)


def _holds(case: Case, candidate: Callable[..., Any]) -> bool:
    return case.fits(candidate) and case.holds_elsewhere(candidate)


def detached_part(case: Case) -> str | None:
    """Whether the answer's gradients are right ones with one part detached."""
    first = next(n for n, mine in enumerate(case.outcomes) if mine.gradients)
    for candidate in partly_detached(case.exercise):
        for n in (first, *range(len(case.probes))):
            theirs = observe(candidate, case.probes[n], case.exercise)
            if not alike(case.outcomes[n], theirs, case.tolerance):
                break
        else:
            return (
                "the values are right, but a part on the way is detached: what flows "
                "through it is missing in the gradient"
            )
    return None


def mostly(case: Case) -> str | None:
    """What the answer's result is on most of the probes where it is wrong."""
    if len(case.wrong) < 2 or not case.says_enough():
        return None
    found = [(function, f"it is that of a known mistake: {m.sentence}")
             for m, function in mistaken(case.exercise)]  # fmt: skip
    found += [(function, slip.sentence) for slip, function in slipped(case.exercise)]
    for candidate, sentence in found:
        fitting = _fitting(case, candidate)
        others = [n for n in case.wrong if n not in fitting]
        if not fitting or not case.holds_elsewhere(candidate, fitting):
            continue
        if not others:
            return f"on the probes where your result is wrong {sentence}"
        where = f"{len(fitting)} of the {len(case.wrong)} probes"
        also = " and ".join(f"“{case.probes[n].name}”" for n in others[:2])
        return (
            f"on {where} where your result is wrong {sentence}; something else is "
            f"wrong on {also}, too"
        )
    return None


def _fitting(case: Case, candidate: Known) -> list[int]:
    """The wrong probes that a candidate explains; none where they are too few."""
    fitting: list[int] = []
    allowed = len(case.wrong) // 3
    for n in case.wrong:
        value = candidate.on(n, case.probes[n])
        if case.gives(n, value) and not case.right(n, value):
            fitting.append(n)
        elif allowed == 0:
            return []
        else:
            allowed -= 1
    many = len(telling(case.outcomes[n].value for n in fitting))
    return fitting if len(fitting) >= 2 and many >= 2 else []
