"""The engine: from a learner's function to one verdict that helps."""

import inspect
import os
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch

from course.checks import catalogue, causes, progress, report
from course.checks.advice import advised, calls_the_course
from course.checks.comparing import Difference
from course.checks.diagnose import observed
from course.checks.exercise import Exercise, Probe
from course.checks.formulas import computed
from course.checks.limits import (
    FirstText,
    TimeLimit,
    no_input,
    time_limit,
)
from course.checks.observing import Outcome, expected, observe
from course.checks.problems import (
    GRADIENTS,
    failed_properties,
    is_stub,
    problem,
)
from course.checks.recognise import (
    Case,
    detached_part,
    known_mistake,
    mostly,
    usual_slip,
)
from course.checks.repairs import repaired
from course.checks.report import Verdict, one_line, shown
from course.checks.settings import settings_kept
from course.checks.undone import missing_step

SECONDS = 10.0  # for all probes and properties together
EXPLAINING = 10.0  # at most, for what a wrong answer does wrong


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


def examine(
    exercise: Exercise, function: Callable[..., Any], explain: bool = True
) -> Verdict:
    """Compare a function with the course's on all probes and properties.

    explain: whether to look for what a wrong answer does wrong; without, the first
    probe that differs ends the comparison.
    """
    probes = exercise.calls()
    wrong_signature = _signature_problem(exercise, function, probes)
    if wrong_signature:
        return wrong_signature
    printed = FirstText()
    with torch.random.fork_rng(devices=[]), settings_kept() as changed:
        theirs = expected(exercise)
        outcomes: list[Outcome] = []
        found: list[tuple[Probe, Difference]] = []
        failed, advice = [], []
        laps = [time.monotonic()]
        try:
            with redirect_stdout(printed), no_input(), time_limit(SECONDS):
                for probe, wanted in zip(probes, theirs, strict=True):
                    outcomes.append(observe(function, probe, exercise))
                    laps.append(time.monotonic())
                    if is_stub(outcomes[0].error):
                        return _untried(exercise)
                    if trouble := problem(exercise, outcomes[-1], wanted):
                        found.append((probe, trouble))
                        if not explain:
                            break
                if not found:
                    failed = failed_properties(exercise, function)
                if not found and not failed:
                    advice = advised(exercise, function, outcomes, theirs)
        except TimeLimit:
            return _too_long(exercise, probes, laps)
        with redirect_stdout(FirstText()), no_input():
            verdict = _verdict(exercise, function, outcomes, found, failed, explain)
        if verdict.status == "correct" and calls_the_course(exercise, function):
            verdict = _untried(
                exercise,
                f"This calls the course's own {exercise.name}: write its lines "
                "yourself.",
            )
    notes = list(verdict.notes)
    if verdict.status == "correct":
        notes += advice
    notes += changed
    if printed.text:
        notes.append(f"Your code printed: {one_line(printed.text, 120)}")
    return replace(verdict, notes=tuple(notes))


def _too_long(exercise: Exercise, probes: list[Probe], laps: list[float]) -> Verdict:
    """Too slow where smaller probes took their time already, else perhaps endless."""
    done = len(laps) - 1
    took = [after - before for before, after in pairwise(laps)]
    stopped = f"your function was stopped after {SECONDS:g} seconds"
    if done >= len(probes):
        said = f"{stopped} on one of the properties: it is too slow, or a loop in it "
        return _wrong(exercise, "slow", said + "does not end")
    name = probes[done].name
    if took and max(took) > SECONDS / 100:
        return _wrong(
            exercise,
            "slow",
            f"{stopped}: it is too slow for the size of the probe “{name}”; keep what "
            "you have computed instead of computing it again",
        )
    if took:
        return _wrong(
            exercise,
            "endless",
            f"{stopped} on the probe “{name}”, after {done} that it answered: a loop "
            "may never end there, or work that grows too fast with the size is done "
            "again and again",
        )
    return _wrong(exercise, "endless", f"{stopped}: a loop in it may never end")


def _verdict(
    exercise: Exercise,
    function: Callable[..., Any],
    outcomes: list[Outcome],
    found: list[tuple[Probe, Difference]],
    failed: list[str],
    explain: bool,
) -> Verdict:
    if found:
        of_values = [pair for pair in found if pair[1].kind not in GRADIENTS]
        probe, trouble = (of_values or found)[0]
        kind = sentence = ""
        if explain:
            try:
                with time_limit(EXPLAINING), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    case = Case(exercise, function, outcomes)
                    kind, sentence = _explained(case, trouble.kind)
                    if not sentence and trouble.kind == "value":
                        failed = failed_properties(exercise, function)
            except TimeLimit:
                pass
        if kind == "known mistake":
            return _wrong(exercise, kind, sentence)
        return _probe_verdict(exercise, probe, trouble, failed, kind, sentence)
    if failed:
        return _wrong(exercise, "property", failed[0], notes=tuple(failed[1:]))
    return Verdict(
        exercise.label,
        "correct",
        "correct",
        f"correct ({len(outcomes)} probes, {counted(exercise.n_properties)})",
        notes=(exercise.why,),
    )


def counted(many: int) -> str:
    """`1 property`, `2 properties`."""
    return "1 property" if many == 1 else f"{many} properties"


def _explained(case: Case, kind: str) -> tuple[str, str]:
    """(kind, sentence) of what the answer does wrong, both empty where unknown."""
    if sentence := known_mistake(case):
        return "known mistake", sentence
    if kind in ("wrong gradient", "flat") and (sentence := detached_part(case)):
        return "missing gradient", sentence
    if kind in ("value", "shape", "not finite"):
        if kind == "not finite" and (sentence := causes.of_unfinite(case)):
            return "slip", sentence
        if sentence := missing_step(case) or usual_slip(case, pairs=False):
            return "slip", sentence
        if sentence := repaired(case):
            return "slip", sentence
        if sentence := usual_slip(case, single=False):
            return "slip", sentence
        if sentence := computed(case):
            return "slip", sentence
        if sentence := mostly(case):
            return "slip", sentence
    if kind == "error" and (sentence := repaired(case) or causes.of_errors(case)):
        return "slip", sentence
    if kind in ("value", "shape") and (sentence := observed(case)):
        return "observed", sentence
    return "", ""


def _probe_verdict(
    exercise: Exercise,
    probe: Probe,
    trouble: Difference,
    failed: list[str],
    kind: str,
    explained: str,
) -> Verdict:
    given = ", ".join(
        f"{name} = {shown(value, 4)}"
        for name, value in zip(exercise.parameters, probe.arguments, strict=False)
    )
    table: tuple[tuple[str, str], ...] = ()
    sentence = f"on the probe “{probe.name}” {trouble.sentence}"
    if trouble.expected is not None:
        names = ("yours", "expected")
        if trouble.kind in GRADIENTS:
            names = ("your gradient", "expected gradient")
        table = tuple(
            zip(names, map(shown, (trouble.yours, trouble.expected)), strict=True)
        )
    return _wrong(
        exercise,
        kind or trouble.kind,
        explained or sentence,
        caption=f"The probe “{probe.name}”: {given}",
        table=table,
        notes=(f"{sentence[0].upper()}{sentence[1:]}.",)
        if explained
        else tuple(failed),
    )


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
