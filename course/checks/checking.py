"""The engine: from a learner's function to one verdict that helps."""

import inspect
import linecache
import os
import sysconfig
import traceback
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch

from course.checks import catalogue, progress, report
from course.checks.comparing import (
    Difference,
    Outcome,
    alike,
    difference,
    observe,
)
from course.checks.devices import device_problem
from course.checks.exercise import Exercise, Probe
from course.checks.limits import FirstText, TimeLimit, time_limit
from course.checks.report import Verdict, one_line, shown

SECONDS = 10.0  # for all probes and properties together
NOT_THEIRS = (sysconfig.get_path("stdlib"), str(Path(__file__).parents[1]))


def check_function(function: Any) -> Any:
    """What `check` does: find the exercise, examine, show, remember, hand back."""
    try:
        exercise = catalogue.find(function)
    except KeyError as error:
        name = one_line(str(getattr(function, "__name__", "check")), 60)
        report.show(Verdict(name, "wrong", "unknown exercise", error.args[0]))
        return function
    reference = exercise.load()
    if function is reference:
        report.show(
            _untried(
                exercise,
                "This is the course's own function, handed back by an earlier check: "
                "run the cell that defines yours again.",
            )
        )
        return reference
    try:
        verdict = examine(exercise, function)
    except Exception as error:  # a learner's object may fail at anything
        verdict = _wrong(
            exercise,
            "unexpected",
            f"the check could not look at your result ({type(error).__name__})",
        )
    complaint = progress.record(exercise.number, verdict.status)
    report.show(verdict)
    if complaint:
        print(complaint)
    if verdict.status == "wrong" and os.environ.get("COURSE_CHECK_STRICT") == "1":
        raise AssertionError(verdict.line)
    return function if verdict.status == "correct" else reference


def examine(exercise: Exercise, function: Callable[..., Any]) -> Verdict:
    """Compare a function with the course's on all probes and properties."""
    probes, reference = exercise.calls(), exercise.load()
    wrong_signature = _signature_problem(exercise, function, probes)
    if wrong_signature:
        return wrong_signature
    printed = FirstText()
    with torch.random.fork_rng(devices=[]):
        expected = [observe(reference, probe, exercise) for probe in probes]
        outcomes: list[Outcome] = []
        failed: list[str] = []
        try:
            with redirect_stdout(printed), time_limit(SECONDS):
                for probe in probes:
                    outcomes.append(observe(function, probe, exercise))
                    if _is_stub(outcomes[0].error):
                        return _untried(exercise)
                failed = _failed_properties(exercise, function)
                fullest = max(probes, key=lambda p: len(p.arguments))
                device = device_problem(function, fullest)
        except TimeLimit:
            return _wrong(
                exercise,
                "endless",
                f"your function was stopped after {SECONDS:g} seconds: a loop in it "
                "may never end",
            )
        verdict = _verdict(exercise, probes, outcomes, expected, failed, device)
    said = [f"Your code printed: {one_line(printed.text, 120)}"] * bool(printed.text)
    return Verdict(**{**vars(verdict), "notes": (*verdict.notes, *said)})


def _verdict(
    exercise: Exercise,
    probes: list[Probe],
    outcomes: list[Outcome],
    expected: list[Outcome],
    failed: list[str],
    device: str | None,
) -> Verdict:
    problems = [
        (probe, _problem(exercise, yours, theirs))
        for probe, yours, theirs in zip(probes, outcomes, expected, strict=True)
    ]
    first = next(((probe, p) for probe, p in problems if p), None)
    if first:
        for mistake in exercise.mistakes:
            if all(
                alike(yours, observe(mistake.function, probe, exercise), 1e-6)
                for probe, yours in zip(probes, outcomes, strict=True)
            ):
                return _wrong(exercise, "known mistake", mistake.sentence)
        return _probe_verdict(exercise, *first, failed)
    if failed:
        return _wrong(exercise, "property", failed[0], notes=tuple(failed[1:]))
    if device:
        return _wrong(exercise, "device", device)
    return Verdict(
        exercise.label,
        "correct",
        "correct",
        f"correct ({len(probes)} probes, {exercise.n_properties} properties)",
        notes=(exercise.why,),
    )


def _probe_verdict(
    exercise: Exercise, probe: Probe, problem: Difference, failed: list[str]
) -> Verdict:
    given = ", ".join(
        f"{name} = {shown(value, 4)}"
        for name, value in zip(exercise.parameters, probe.arguments, strict=False)
    )
    table: tuple[tuple[str, str], ...] = ()
    sentence = f"on the probe “{probe.name}” {problem.sentence}"
    if problem.expected is not None:
        names = ("yours", "expected")
        if problem.kind.endswith("gradient"):
            names = ("your gradient", "expected gradient")
        table = tuple(
            zip(names, map(shown, (problem.yours, problem.expected)), strict=True)
        )
    if problem.kind == "value":
        sentence = f"{sentence}: {table[0][1]}, expected {table[1][1]}"
    return _wrong(
        exercise,
        problem.kind,
        sentence,
        caption=f"The probe “{probe.name}”: {given}",
        table=table,
        notes=tuple(failed) if problem.kind == "value" else (),
    )


def _problem(
    exercise: Exercise, yours: Outcome, expected: Outcome
) -> Difference | None:
    error = yours.error
    if error is None:
        return difference(yours, expected, exercise)
    if isinstance(error, RecursionError):
        return Difference("recursion", "your function calls itself without end")
    said = one_line(f"{type(error).__name__}: {error}", 160)
    return Difference("error", f"your code stops{_place(error)}: {said}")


def _is_stub(error: BaseException | None) -> bool:
    """Whether the learner's own `raise NotImplementedError` raised this.

    torch raises that error too, with a message, for what it cannot compute.
    """
    if not isinstance(error, NotImplementedError):
        return False
    last = traceback.extract_tb(error.__traceback__)[-1]
    return not str(error) or "raise" in (last.line or "")


def _place(error: BaseException) -> str:
    """The learner's line that an error came from: the last one outside libraries."""
    mine = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(NOT_THEIRS)
        and "site-packages" not in frame.filename
    ]
    if not mine:
        return ""
    source = linecache.getline(mine[-1].filename, mine[-1].lineno or 0).strip()
    quoted = f" (`{one_line(source, 60)}`)" if source else ""
    return f" in line {mine[-1].lineno}{quoted}"


def _failed_properties(exercise: Exercise, function: Callable[..., Any]) -> list[str]:
    found = []
    for prop in exercise.properties:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                sentence = prop.fails(function)
        except (Exception, SystemExit) as error:
            said = one_line(f"{type(error).__name__}: {error}", 160)
            sentence = f"{prop.name}: your code stops{_place(error)}: {said}"
        if sentence:
            found.append(sentence)
    return found


def _signature_problem(
    exercise: Exercise, function: Callable[..., Any], probes: list[Probe]
) -> Verdict | None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    for probe in probes:
        try:
            signature.bind(*probe.arguments)
        except TypeError:
            mine = ", ".join(signature.parameters)
            return _wrong(
                exercise,
                "parameters",
                f"your function takes ({mine}), but the exercise calls it with "
                f"({', '.join(exercise.parameters[: len(probe.arguments)])})",
            )
    return None


def _untried(exercise: Exercise, *notes: str) -> Verdict:
    return Verdict(
        exercise.label, "untried", "untried", "not attempted yet", notes=notes
    )


def _wrong(exercise: Exercise, kind: str, sentence: str, **more: Any) -> Verdict:
    return Verdict(exercise.label, "wrong", kind, sentence, **more)
