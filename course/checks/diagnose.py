"""Where a wrong answer is wrong, when no slip explains it: observed, never guessed."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course.checks import parting, reordering
from course.checks.comparing import same
from course.checks.exercise import Probe
from course.checks.recognise import Case, called
from course.checks.shapes import of_shape


def observed(case: Case) -> str | None:
    """The first observation that holds for the answer, as one sentence."""
    for look in (
        of_shape,
        parting.refused,
        _without_effect,
        _saturates,
        _reads_hidden,
        _mixes_rows,
        reordering.of_texts,
        reordering.of_entries,
        reordering.reordered,
        parting.one_for_another,
        parting.capped,
        parting.proportional,
        parting.by_kind,
        parting.by_place,
        parting.by_probe,
        parting.close,
    ):
        try:
            sentence = look(case)
        except Exception:  # a learner's result may be anything
            sentence = None
        if sentence:
            return sentence
    return None


def _variants(value: Any) -> Iterator[Any]:
    """Other values of an argument that a right answer may well react to."""
    if isinstance(value, Tensor):
        if value.dtype == torch.bool:
            yield value.logical_not()
            yield torch.ones_like(value)
        elif value.is_floating_point():
            yield value.flip(-1) * 0.7 + 0.1
            yield value * 0.5
        else:
            yield value.flip(-1)
            yield (value - 1).clamp(min=0)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, float):
        yield value * 0.5
        yield value * 0.9
    elif isinstance(value, int):
        yield value + 1
        yield max(1, value - 1)
    elif isinstance(value, (list, str)):
        yield value[::-1]
        yield value[:-1]


def _without_effect(case: Case) -> str | None:
    """An argument that the answer does not react to, where a right one would."""
    right, idle = case.exercise.load(), []
    for place, name in enumerate(case.exercise.parameters):
        moved = 0
        for probe in case.probes:
            if place >= len(probe.arguments):
                continue
            given = list(probe.arguments)
            for other in _variants(given[place]):
                changed = Probe("", (*given[:place], other, *given[place + 1 :]))
                theirs = [called(right, p) for p in (probe, changed)]
                if "_Failed" in str(type(theirs[1])):
                    continue
                mine = [called(case.function, p) for p in (probe, changed)]
                if not same(*mine, 1e-9):
                    moved = -1
                    break
                moved += not same(*theirs, 1e-6)
            if moved < 0:
                break
        if moved >= 2:
            idle.append(name)
    if len(idle) != 1:  # a result that never changes says nothing of one argument
        return None
    return f"`{idle[0]}` has no effect on your result: another value changes nothing"


def _saturates(case: Case) -> str | None:
    """An argument whose large numbers are cut where a right result goes on growing."""
    if len(case.wrong) == len(case.probes):
        return None
    for place, name in enumerate(case.exercise.parameters):
        if all(_is_cut(case, n, place) for n in case.wrong):
            return (
                f"large numbers in `{name}` are cut somewhere: where your result is "
                "wrong, larger ones change nothing, and they should"
            )
    return None


def _is_cut(case: Case, n: int, place: int) -> bool:
    """Whether growing an argument leaves the wrong entries as they are."""
    given = list(case.probes[n].arguments)
    if place >= len(given) or not isinstance(given[place], Tensor):
        return False
    if not given[place].is_floating_point():
        return False
    grown = Probe("", (*given[:place], given[place] * 1.25, *given[place + 1 :]))
    functions = case.function, case.exercise.load()
    found = [_number(called(f, p)) for f in functions for p in (case.probes[n], grown)]
    if any(x is None or x.shape != found[-1].shape for x in found):
        return False
    mine, larger, theirs, moved = found
    off = ~torch.isclose(mine, theirs, 1e-4, 1e-6, equal_nan=True)
    if not bool((off & ~torch.isclose(theirs, moved, 1e-4, 1e-6)).any()):
        return False
    return torch.allclose(mine[off], larger[off], 1e-6, 1e-9)


def _number(value: Any) -> Tensor | None:
    if isinstance(value, (int, float)):
        return torch.tensor(float(value), dtype=torch.float64)
    return value.detach().double() if isinstance(value, Tensor) else None


def _reads_hidden(case: Case) -> str | None:
    """A result that depends on what stands where the mask is false."""
    right, names = case.exercise.load(), case.exercise.parameters
    found: dict[tuple[int, int], bool] = {}  # whether a pair is the answer's fault
    for probe in case.probes:
        masks = [
            n for n, a in enumerate(probe.arguments)
            if isinstance(a, Tensor) and a.dtype == torch.bool and not a.all()
        ]  # fmt: skip
        for m in masks:
            mask = probe.arguments[m]
            for n, value in enumerate(probe.arguments):
                if not (isinstance(value, Tensor) and value.is_floating_point()):
                    continue
                if value.shape[: mask.dim()] != mask.shape:
                    continue
                hidden = ~mask.reshape(*mask.shape, *[1] * (value.dim() - mask.dim()))
                changed = list(probe.arguments)
                changed[n] = torch.where(hidden, value + 3.0, value)
                other = Probe("", tuple(changed))
                if not same(called(right, probe), called(right, other), 1e-6):
                    found[m, n] = False  # a right result depends on it, too
                    continue
                mine = called(case.function, probe), called(case.function, other)
                if not same(*mine, 1e-6) and "_Failed" not in str(type(mine[1])):
                    found.setdefault((m, n), True)
    for (m, n), fault in found.items():
        if fault:
            return (
                f"your result depends on what `{names[n]}` holds where `{names[m]}` is "
                "false, which must not count"
            )
    return None


def _mixes_rows(case: Case) -> str | None:
    """Rows of the result that change with another row of the input."""
    right, names = case.exercise.load(), case.exercise.parameters
    sentence = None
    for probe, theirs in zip(case.probes, case.expected, strict=True):
        if not isinstance(theirs.value, Tensor) or not theirs.value.dim():
            continue
        rows = theirs.value.shape[0]
        for n, value in enumerate(probe.arguments):
            if not (isinstance(value, Tensor) and value.is_floating_point()):
                continue
            if rows < 2 or value.dim() < 2 or value.shape[0] != rows:
                continue
            other = value.clone()
            other[-1] = other[-1] * 0.5 + 0.3
            changed = list(probe.arguments)
            changed[n] = other
            results = [called(right, probe), called(right, Probe("", tuple(changed)))]
            if not same(results[0][:-1], results[1][:-1], 1e-6):
                return None  # rows of a right result depend on each other, too
            mine = [
                called(case.function, probe),
                called(case.function, Probe("", tuple(changed))),
            ]
            if all(
                isinstance(x, Tensor) and x.shape == theirs.value.shape for x in mine
            ) and not same(mine[0][:-1], mine[1][:-1], 1e-5):
                sentence = sentence or (
                    f"changing the last row of `{names[n]}` changes other rows of "
                    "your result: each row stands for itself"
                )
    return sentence
