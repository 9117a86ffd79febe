"""Each cell of each lesson runs twice in a row, as students run them: the same claims.

A lane of its own, weekly in CI: `python -m tools.test_lanes --lane twice`.
"""

import copy
import os

import nbformat
import pytest
from lessons import LESSONS, claims

from course.run_chapters import execute
from tools.execute import lane_environment


def doubled(notebook):
    """The notebook with every code cell behind itself once more."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "code":
            again = copy.deepcopy(cell)
            again.id = f"{cell.id[:57]}-again"
            cells.append(again)
    notebook.cells = cells
    return notebook


@pytest.mark.twice
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_cell_can_be_run_again(path, tmp_path):
    notebook = doubled(nbformat.read(path, as_version=4))
    environment = lane_environment(str(tmp_path))
    _, error = execute(notebook, path.parent, environment, path.stem, 300)
    assert error == ""
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for first, again in zip(codes[::2], codes[1::2], strict=True):
        assert claims(again) == claims(first), first.id


@pytest.mark.notebooks
def test_a_cell_that_cannot_be_run_again_is_found(tmp_path):
    notebook = nbformat.v4.new_notebook()
    for source in ("x = [1, 2]", "x = x[0]"):
        notebook.cells.append(nbformat.v4.new_code_cell(source))
    assert [cell.source for cell in doubled(notebook).cells[::2]] == [
        "x = [1, 2]",
        "x = x[0]",
    ]
    _, error = execute(notebook, tmp_path, dict(os.environ), "sample", 60)
    assert "TypeError" in error and "-again" in error
