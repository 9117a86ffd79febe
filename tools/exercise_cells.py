"""What the catalogue says of an exercise, written into the notebooks' cells.

A master holds what only it knows: Given, Return, the stub and what comes after it.
Title, minutes, difficulty, why it matters and the hints come from the catalogue.
"""

import re
from dataclasses import replace
from typing import Any

from course.checks import catalogue
from course.checks.exercise import Exercise
from course.runtime import chapter_of
from tools import regions
from tools.regions import BuildError, Cell


def completed(cells: list[Cell], stem: str) -> list[Cell]:
    """The cells with heading and hints of each exercise; stem: the master's name.

    A chapter without any exercise in the catalogue, such as a test's, stays as it
    is.  Raises BuildError where an exercise is unknown or has no text before it.
    """
    known = {e.number: e for e in catalogue.chapters().get(chapter_of(stem), [])}
    if not known:
        return cells
    done: list[Cell] = []
    for number, cell in enumerate(cells):
        done.append(cell)
        if "exercise" in cell.tags:
            exercise = _found(known, cell, stem)
            if not number or cells[number - 1].kind != "markdown":
                raise BuildError(f"{stem}.py, cell {cell.id}: no text stands before it")
            parts = [heading(exercise), done[-2].source]
            if "radient" not in done[-2].source and exercise.differentiable:
                parts.append(gradient(exercise))
            done[-2] = replace(done[-2], source="\n\n".join(parts))
        elif number and "exercise" in cells[number - 1].tags:
            exercise = _found(known, cells[number - 1], stem)
            place = cell.id.removesuffix("check") + "hints"
            done.append(Cell("markdown", place, hints(exercise, stem)))
    return done


def _found(known: dict[str, Exercise], stub: Cell, stem: str) -> Exercise:
    number, name = regions.number(stub.id), regions.regions(stub.source)[0].name
    if number not in known or known[number].name != name:
        raise BuildError(
            f"{stem}.py, cell {stub.id}: the catalogue has no exercise {number} {name}"
        )
    return known[number]


def heading(exercise: Exercise) -> str:
    """The first lines of an exercise: title, minutes, difficulty, why it matters."""
    return (
        f"## Exercise {exercise.number} · {exercise.title}\n\n"
        f"{exercise.facts}\n\n"
        f"*Why it matters.* {exercise.why}"
    )


def gradient(exercise: Exercise) -> str:
    """What the check asks of gradients, where the exercise's own text does not."""
    names = [f"`{name}`" for name in exercise.differentiable]
    joined = ", ".join(names[:-1]) + " and " * bool(names[:-1]) + names[-1]
    return f"The model is trained through it: a gradient must reach {joined}."


def nbgrader(cell: Cell, stem: str) -> dict[str, Any]:
    """The metadata by which nbgrader knows a stub and its check; else nothing.

    One point for each dot of difficulty, for the check cell.
    """
    found = re.fullmatch(r"(\d\d-\d+)-(stub|check)", cell.id)
    known = {e.number: e for e in catalogue.chapters().get(chapter_of(stem), [])}
    number = regions.number(cell.id) if found else ""
    if not found or number not in known:
        return {}
    check = found[2] == "check"
    metadata = {
        "schema_version": 3,
        "grade_id": f"exercise-{cell.id}",
        "grade": check,
        "solution": not check,
        "locked": check,
        "task": False,
    }
    if check:
        metadata["points"] = known[number].difficulty
    return {"nbgrader": metadata}


def hints(exercise: Exercise, stem: str) -> str:
    """The three hints, each folded, and where there is more help."""
    folded = [
        f"<details><summary>Hint {place}</summary>\n\n{text}\n\n</details>"
        for place, text in enumerate(exercise.hints, 1)
    ]
    number = exercise.number
    return "\n".join(folded) + (
        f'\n\n`hint("{number}")` prints these hints one by one; '
        f'`solution("{number}")` shows an answer, and so does '
        f"[the solution](../solutions/{stem}.ipynb)."
    )
