"""What is said under a ✔: right here, and still worth knowing."""

import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from torch import Tensor

from course.checks.devices import device_problem
from course.checks.exercise import Exercise
from course.checks.observing import Outcome


def advised(
    exercise: Exercise,
    function: Callable[..., Any],
    outcomes: list[Outcome],
    expected: tuple[Outcome, ...],
) -> list[str]:
    """One sentence for each habit that is right on this machine only."""
    fullest = max(exercise.calls(), key=lambda p: len(p.arguments))
    device = device_problem(function, fullest)
    said = [f"Advice: {device}."] if device else []
    for mine, theirs in zip(outcomes, expected, strict=True):
        both = isinstance(mine.value, Tensor) and isinstance(theirs.value, Tensor)
        if both and mine.value.dtype != theirs.value.dtype:
            yours, usual = (
                str(x.value.dtype).removeprefix("torch.") for x in (mine, theirs)
            )
            said.append(
                f"Advice: your result is {yours} where the course's is {usual}, the "
                "precision of its inputs."
            )
            break
    return said


def calls_the_course(exercise: Exercise, function: Callable[..., Any]) -> bool:
    """Whether a function that is not the course's own only asks for its result."""
    reference = exercise.load()
    code = getattr(function, "__code__", None)
    if function is reference or code is None:
        return False
    names = set(_names(code))
    around = {
        **{n: x for n, x in function.__globals__.items() if n in names},
        **inspect.getclosurevars(function).nonlocals,
    }
    if any(value is reference for value in around.values()):
        return True
    modules = [value for value in around.values() if inspect.ismodule(value)]
    of_module = any(m.__name__.split(".")[0] == "course" for m in modules)
    imported = any(name.split(".")[0] == "course" for name in names)
    return exercise.name in names and (of_module or imported)


def _names(code: CodeType) -> Iterator[str]:
    """The global names and attributes that a function and those inside it use."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
