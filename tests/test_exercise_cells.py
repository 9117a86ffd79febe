"""What the generator writes of the catalogue into the exercise notebooks."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from course.checks import catalogue
from course.runtime import chapter_of
from tools import assemble, exercise_cells
from tools.regions import BuildError, Cell

ROOT = Path(__file__).resolve().parents[1]
STUB = Cell(
    "code",
    "07-1-stub",
    'def pairwise_loss(a, b):\n    """Loss."""\n    ### BEGIN SOLUTION\n'
    "    return a\n    ### END SOLUTION",
    ("exercise",),
)
CHECK = Cell("code", "07-1-check", "pairwise_loss = check(pairwise_loss)")
TEXT = Cell("markdown", "07-1-text", "- **Given** two tensors.")


def test_heading_and_hints_stand_where_the_learner_needs_them():
    text, stub, check, hints = exercise_cells.completed([TEXT, STUB, CHECK], "07_x")
    exercise = catalogue.find("7.1")
    assert text.id == TEXT.id
    assert text.source.startswith("## Exercise 7.1 · The pairwise loss\n\n10 minutes ·")
    assert exercise.why in text.source
    assert TEXT.source in text.source
    assert (stub, check) == (STUB, CHECK)
    assert (hints.kind, hints.id) == ("markdown", "07-1-hints")
    assert all(hint in hints.source for hint in exercise.hints)
    assert "](../solutions/07_x.ipynb)" in hints.source


def test_difficulty_and_importance_are_five_dots_everywhere():
    facts = catalogue.find("7.1").facts
    assert facts == "10 minutes · difficulty ●●○○○ · importance ●●●●●"


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([STUB, CHECK], "no text stands before it"),
        ([TEXT, Cell("code", "07-9-stub", STUB.source, STUB.tags)], "no exercise 7.9"),
        ([TEXT, Cell("code", "07-2-stub", STUB.source, STUB.tags)], "no exercise 7.2"),
    ],
)
def test_an_exercise_that_the_catalogue_does_not_know_is_refused(cells, said):
    with pytest.raises(BuildError, match=said):
        exercise_cells.completed(cells, "07_x")


def test_a_chapter_without_exercises_in_the_catalogue_stays_as_it_is():
    cells = [TEXT, STUB, CHECK]
    assert exercise_cells.completed(cells, "97_practice") is cells


def test_every_exercise_is_shown_once_and_no_master_repeats_the_catalogue():
    shown = [
        cell.source
        for target in assemble.targets(ROOT)
        if target.path.parts[0] == "exercises"
        for cell in target.cells
        if cell.kind == "markdown"
    ]
    own = "".join(p.read_text() for p in (ROOT / "solutions" / "src").glob("*.py"))
    for exercise in catalogue.exercises():
        heading = exercise_cells.heading(exercise)
        assert sum(text.startswith(heading) for text in shown) == 1
        assert sum(exercise.hints[1] in text for text in shown) == 1
    for word in ("<summary>Hint", "*Why it matters", "importance ●"):
        assert word not in own


def test_stub_and_check_cells_carry_nbgrader_s_metadata():
    """nbgrader's schema, version 3: these keys, these types, one id only once."""
    schema = {
        "schema_version": int,
        "grade_id": str,
        "grade": bool,
        "solution": bool,
        "locked": bool,
        "task": bool,
    }
    for target in assemble.targets(ROOT):
        notebook = assemble.assemble(target, ROOT, "")
        found = [
            SimpleNamespace(**cell.metadata["nbgrader"])
            for cell in notebook.cells
            if "nbgrader" in cell.metadata
        ]
        if target.path.parts[0] != "exercises":
            assert found == []
            continue
        assert len(found) == 2 * len(catalogue.chapters()[chapter_of(target.path.name)])
        assert len({m.grade_id for m in found}) == len(found)
        for stub, check in zip(found[::2], found[1::2], strict=True):
            assert {key: type(value) for key, value in vars(stub).items()} == schema
            assert {k: type(v) for k, v in vars(check).items()} == schema | {
                "points": int
            }
            assert re.fullmatch(r"[A-Za-z0-9_-]+", stub.grade_id)
            assert (stub.schema_version, check.schema_version) == (3, 3)
            # "manually graded" would be both: here the answer is one cell, its test
            # another that the learner cannot change.
            assert (stub.solution, stub.grade, stub.locked) == (True, False, False)
            assert (check.solution, check.grade, check.locked) == (False, True, True)
            assert 1 <= check.points <= 5


def test_what_is_asked_of_gradients_stands_in_every_text():
    shown = {
        cell.id.rsplit("-", 1)[0]: cell.source
        for target in assemble.targets(ROOT)
        if target.path.parts[0] == "exercises"
        for cell in target.cells
        if re.fullmatch(r"\d\d-\d+-(text|header)", cell.id)
    }
    for exercise in catalogue.exercises():
        text = shown[f"{exercise.chapter}-{exercise.number.split('.')[1]}"]
        if exercise.differentiable or exercise.constant:
            assert "radient" in text, exercise.label
