"""The committed notebooks: nothing in them lets a test pass without looking.

nbval compares nothing where nothing is stored, and ignores a misspelt tag.
"""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course.runtime import chapter_of
from tools import assemble, build_notebooks, execute, exercise_cells, masters, regions
from tools.test_lanes import NBVAL

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = Path(__file__).parent / "data" / "golden"
CHAPTERS = {
    "00",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "07",
    "08",
    "09",
    "10",
    "11",
    "12",
    "13",
    "14",
    "15",
    "16",
    "17",
}
APPENDICES = {"A", "B"}  # lessons without exercises
FILES = {
    folder: sorted((ROOT / folder).glob("*.ipynb"))
    for folder in ("notebooks", "exercises", "solutions")
}
STORED = FILES["notebooks"] + FILES["solutions"]
ALL = STORED + FILES["exercises"]


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def read(path: Path):
    return nbformat.v4.reads(path.read_text(encoding="utf-8"))


def codes(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def checked(notebook) -> list:
    return [
        cell
        for cell in codes(notebook)
        if "nbval-check-output" in cell.metadata.get("tags", [])
    ]


def problems(notebook, folder: str) -> list[str]:
    """Points 1 to 5 of what every stored notebook must satisfy."""
    found = []
    for cell in notebook.cells:
        if unknown := set(cell.metadata.get("tags", [])) - masters.TAGS:
            found.append(f"{cell.id}: tags {unknown}")
        if "# NBVAL_" in cell.source:
            found.append(f"{cell.id}: an NBVAL comment")
    if "widgets" in notebook.metadata:
        found.append("metadata.widgets")
    if folder == "exercises":
        for cell in codes(notebook):
            if cell.outputs or cell.execution_count is not None:
                found.append(f"{cell.id}: an exercise with outputs or a count")
        return found
    counts = [cell.execution_count for cell in codes(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        found.append(f"counts {counts}")
    for cell in codes(notebook):
        for output in cell.outputs:
            stderr = output.output_type == "stream" and output.name == "stderr"
            if stderr or output.output_type == "error":
                found.append(f"{cell.id}: stderr or an error")
    for cell in checked(notebook):
        printed = [o for o in cell.outputs if o.get("name") == "stdout"]
        if cell.execution_count is None or printed != cell.outputs:
            found.append(f"{cell.id}: checked, but not run or not only printed")
        if not "".join(o.text for o in printed).strip():
            found.append(f"{cell.id}: checked, but prints nothing")
    if len(checked(notebook)) < 3:
        found.append(f"{len(checked(notebook))} checked cells, expected 3 or more")
    lines = [x for c in checked(notebook) for o in c.outputs for x in _lines(o)]
    if not any(line.startswith("claim holds: ") for line in lines):
        found.append("no checked claim")
    return found


def _lines(output) -> list[str]:
    return output.get("text", "").splitlines()


@pytest.mark.parametrize("folder", FILES)
def test_the_chapters_of_the_course_are_there(folder):
    assert {chapter_of(path.name) for path in FILES[folder]} >= (
        CHAPTERS | APPENDICES if folder == "notebooks" else CHAPTERS
    )


def test_every_master_has_its_notebooks_and_every_notebook_its_master():
    wanted = {target.path.as_posix() for target in assemble.targets(ROOT)}
    assert wanted == {path.relative_to(ROOT).as_posix() for path in ALL}
    assert len(wanted) >= 3 * len(CHAPTERS)


def test_every_chapter_has_exercises_and_the_other_way_round():
    stems = [
        {path.stem for path in paths if chapter_of(path.name).isdigit()}
        for paths in FILES.values()
    ]
    assert stems[0] == stems[1] == stems[2]


def test_generated_files_are_up_to_date(capsys):
    status = build_notebooks.main(["--check"], ROOT)
    assert status == 0, capsys.readouterr().err


@pytest.mark.parametrize("path", ALL, ids=name)
def test_a_notebook_leaves_no_check_without_something_to_check(path):
    assert problems(read(path), path.parent.name) == []


@pytest.mark.parametrize("path", FILES["exercises"], ids=name)
def test_an_exercise_notebook_gives_no_answer_away(path):
    master = ROOT / "solutions" / "src" / f"{path.stem}.py"
    # With the hints, which are meant to be read: the last is nearly the line.
    cells = exercise_cells.completed(masters.read_master(master, True), path.stem)
    assert regions.exercises(cells), "no exercise"
    text = "\n".join(cell.source for cell in read(path).cells)
    assert regions.leaks(cells, text) == []


@pytest.mark.parametrize("path", FILES["solutions"], ids=name)
def test_every_stored_solution_was_found_correct(path):
    notebook = read(path)
    checks = [cell for cell in codes(notebook) if cell.id.endswith("-check")]
    assert checks
    for cell in checks:
        first = _lines(cell.outputs[0])[0]
        assert first.startswith(f"✔ {regions.number(cell.id)} "), first


CODE_LINES = 15  # of a cell; one cell a chapter, its signature, may have more


def code_lines(source: str) -> int:
    """Lines that are neither blank nor a comment."""
    lines = [line.strip() for line in source.splitlines()]
    return sum(bool(line) and not line.startswith("#") for line in lines)


@pytest.mark.parametrize("path", FILES["notebooks"], ids=name)
def test_a_lesson_has_short_cells(path):
    cells = [cell for cell in codes(read(path)) if not cell.id.endswith("-setup")]
    long = [cell.id for cell in cells if code_lines(cell.source) > CODE_LINES]
    assert len(long) <= 1, long


@pytest.mark.parametrize("path", ALL, ids=name)
def test_a_reader_sees_no_pragma_of_the_authors_tools(path):
    sources = "\n".join(cell.source for cell in codes(read(path)))
    assert "# fmt:" not in sources and "# noqa" not in sources


@pytest.mark.parametrize("path", STORED, ids=name)
def test_every_picture_has_an_alternative_text(path):
    for cell in codes(read(path)):
        for output in cell.outputs:
            assert execute.pictures_without_text(output.get("data", {})) == 0, cell.id


def test_nbval_collects_every_code_cell():
    """A folder that nbval does not collect fails nothing."""
    command = [sys.executable, "-m", "pytest", "notebooks", "solutions"]
    options = [*NBVAL, "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command + options, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    collected = [line for line in done.stdout.splitlines() if ".ipynb::" in line]
    expected = sum(len(codes(read(path))) for path in STORED)
    assert expected > 0
    assert len(collected) == expected, done.stdout[-2000:]


# The checks above see what they are for: each planted fault is named.


def _sample():
    """The golden lesson, with one more checked cell."""
    notebook = read(GOLDEN / "notebooks" / "97_lesson.ipynb")
    last = notebook.cells[-1]
    last.metadata["tags"] = ["nbval-check-output"]
    last.outputs = [nbformat.v4.new_output("stream", name="stdout", text="2 apples\n")]
    return notebook


def _stream(kind: str, text: str):
    return nbformat.v4.new_output("stream", name=kind, text=text)


FAULTS = {
    "too few": (lambda n: n.cells[-1].metadata.clear(), "2 checked cells"),
    "no claim": (
        lambda n: n.cells[5].update(outputs=[_stream("stdout", "it holds")]),
        "no checked claim",
    ),
    "no output": (lambda n: n.cells[3].update(outputs=[]), "prints nothing"),
    "blank": (
        lambda n: n.cells[3].update(outputs=[_stream("stdout", "\n")]),
        "prints nothing",
    ),
    "no count": (lambda n: n.cells[3].update(execution_count=None), "not run"),
    "count": (lambda n: n.cells[3].update(execution_count=7), "counts [1, 7"),
    "other output": (
        lambda n: n.cells[3].outputs.append(
            nbformat.v4.new_output("display_data", data={"text/plain": "x"})
        ),
        "not only printed",
    ),
    "misspelt": (
        lambda n: n.cells[2].metadata.update(tags=["nbval-check-outputs"]),
        "tags {'nbval-check-outputs'}",
    ),
    "comment": (lambda n: n.cells[3].update(source="1  # NBVAL_SKIP"), "NBVAL"),
    "widgets": (lambda n: n.metadata.update(widgets={}), "metadata.widgets"),
    "stderr": (
        lambda n: n.cells[2].outputs.append(_stream("stderr", "oh")),
        "stderr or an error",
    ),
    "error": (
        lambda n: n.cells[2].outputs.append(
            nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])
        ),
        "stderr or an error",
    ),
}


def test_a_sound_notebook_has_no_problem():
    assert problems(_sample(), "notebooks") == []
    untouched = read(GOLDEN / "exercises" / "97_practice.ipynb")
    assert problems(untouched, "exercises") == []


@pytest.mark.parametrize("case", FAULTS)
def test_a_planted_fault_is_found(case):
    plant, said = FAULTS[case]
    notebook = _sample()
    plant(notebook)
    assert said in "\n".join(problems(notebook, "solutions"))


def test_an_exercise_with_stored_results_is_found():
    assert "an exercise with outputs" in "\n".join(problems(_sample(), "exercises"))
