"""What the catalogue says of an exercise, written into the notebooks' cells.

A master holds what only it knows: Given, Return, the stub and what comes after it.
Title, minutes, difficulty, why it matters and the hints come from the catalogue.
"""

from dataclasses import replace

from course.checks import catalogue
from course.checks.exercise import Exercise
from tools import regions
from tools.regions import BuildError, Cell


def completed(cells: list[Cell], stem: str) -> list[Cell]:
    """The cells with heading and hints of each exercise; stem: the master's name.

    A chapter without any exercise in the catalogue, such as a test's, stays as it
    is.  Raises BuildError where an exercise is unknown or has no text before it.
    """
    known = {e.number: e for e in catalogue.chapters().get(stem[:2], [])}
    if not known:
        return cells
    done: list[Cell] = []
    for number, cell in enumerate(cells):
        done.append(cell)
        if "exercise" in cell.tags:
            exercise = _found(known, cell, stem)
            if not number or cells[number - 1].kind != "markdown":
                raise BuildError(f"{stem}.py, cell {cell.id}: no text stands before it")
            done[-2] = replace(
                done[-2], source=f"{heading(exercise)}\n\n{done[-2].source}"
            )
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
