"""All exercises, found by number or by the name of their function."""

import difflib
import pkgutil
from functools import cache
from importlib import import_module

from course.checks.exercise import Exercise
from course.checks.panels import QUESTIONS, PanelQuestion


@cache
def exercises() -> tuple[Exercise, ...]:
    """Every exercise of every chapter, in the order of their numbers."""
    import course.checks

    found: list[Exercise] = []
    for module in pkgutil.iter_modules(course.checks.__path__):
        if module.name.startswith("ch") and module.name[2:].isdigit():
            found += import_module(f"course.checks.{module.name}").EXERCISES
    return tuple(sorted(found, key=_order))


def chapters() -> dict[str, list[Exercise]]:
    """Exercises by the two digits of their chapter."""
    grouped: dict[str, list[Exercise]] = {}
    for exercise in exercises():
        grouped.setdefault(exercise.chapter, []).append(exercise)
    return grouped


def tasks() -> dict[str, list[Exercise | PanelQuestion]]:
    """Exercises and panel questions by chapter, in the order of their numbers."""
    grouped: dict[str, list[Exercise | PanelQuestion]] = {}
    for task in sorted((*exercises(), *QUESTIONS), key=_order):
        grouped.setdefault(task.chapter, []).append(task)
    return grouped


def _order(task: Exercise | PanelQuestion) -> tuple[int, ...]:
    return tuple(map(int, task.number.split(".")))


def find(key: object) -> Exercise:
    """The exercise with this number, name or function.

    Raises KeyError whose text is one sentence for the learner.
    """
    wanted = key if isinstance(key, str) else getattr(key, "__name__", None)
    for exercise in exercises():
        if wanted in (exercise.number, exercise.name):
            return exercise
    if not isinstance(wanted, str):
        raise KeyError(
            f"got {type(key).__name__}, expected a function or a number such as 7.1"
        )
    known = [e.number for e in exercises()] + [e.name for e in exercises()]
    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    raise KeyError(
        "no exercise has this name" + (f"; did you mean {near[0]}?" if near else "")
    )
