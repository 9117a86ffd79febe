"""Exercises that recognise your mistake: `check`, `hint` and `solution`."""

from collections.abc import Callable
from typing import Any

__all__ = ["check", "hint", "solution"]
_given: dict[str, int] = {}


def check(function: Callable[..., Any], question: Any = None) -> Any:
    """Check your function, print the result, hand back a function that works.

    The first line is `✔`, `✘` or `◌` with the exercise's number and name.  Back
    comes your function when it is correct, else the course's own, so that the rest
    of the notebook runs.  With a question of a panel, `check(answer, question)` grades
    that answer and hands it back.  Raises AssertionError on `✘` where
    COURSE_CHECK_STRICT=1 is set, and nothing otherwise.
    """
    if question is not None:
        from course.checks.answers import check_answer

        return check_answer(function, question)
    from course.checks.checking import check_function

    return check_function(function)


def hint(exercise: object) -> None:
    """Print the next of the three hints of an exercise, such as `hint("7.1")`."""
    from course.checks.catalogue import find

    if hasattr(exercise, "grade"):  # a panel's question: nothing to look up
        place = _given.get(exercise.number, 0) % 3
        _given[exercise.number] = place + 1
        label = f"{exercise.number} {exercise.name}"
        print(f"Hint {place + 1} of 3 · {label}: {exercise.hints[place]}")
        return
    try:
        found = find(exercise)
    except KeyError as error:
        print(error.args[0])
        return
    place = _given.get(found.number, 0) % 3
    _given[found.number] = place + 1
    print(f"Hint {place + 1} of 3 · {found.label}: {found.hints[place]}")
    if place == 2:
        print(f'That was the last hint; solution("{found.number}") shows an answer.')


def solution(exercise: object) -> None:
    """Print the course's own source for an exercise, such as `solution("7.1")`."""
    import inspect

    from course.checks.catalogue import find

    if hasattr(exercise, "grade"):
        print(f"Solution · {exercise.number} {exercise.name}\n\n{exercise.code}")
        return
    try:
        found = find(exercise)
    except KeyError as error:
        print(error.args[0])
        return
    print(f"Solution · {found.label} (from {found.reference.replace(':', '.')})\n")
    print(inspect.getsource(found.load()))
