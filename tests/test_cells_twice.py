"""Each cell of each lesson runs twice in a row, as students run them: the same claims.

A lane of its own, weekly in CI: `python -m tools.test_lanes --lane twice`.
"""

import ast
import copy
import os

import nbformat
import pytest
from lessons import LESSONS, SOLUTIONS, claims

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


GROW = {"append", "extend", "insert", "pop", "popleft", "popitem", "remove", "reverse"}


def run_at_once(node: ast.AST):
    """The nodes that a cell runs itself, without the bodies of its functions."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from run_at_once(child)


def root(node: ast.AST) -> str:
    """The name that `name.attribute[key]` begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def added_to(source: str) -> set[str]:
    """The names of other cells that a cell adds to or takes from.

    Run again it does so again.  `|=` does not count: of dicts and sets, twice is once.
    """
    changed, made = set(), set()
    for node in run_at_once(ast.parse(source)):
        match node:
            case ast.AugAssign(op=op) if not isinstance(op, ast.BitOr):
                changed.add((node.target, root(node.target)))
            case ast.Call(func=ast.Attribute(attr=name)) if name in GROW:
                changed.add((node, root(node.func)))
            case ast.Delete():
                changed |= {(target, root(target)) for target in node.targets}
            case ast.Name(ctx=ast.Store()):
                made.add((node, node.id))
    own = {name for _, name in made - changed}
    return {name for _, name in changed} - own - {""}


@pytest.mark.parametrize("path", LESSONS + SOLUTIONS, ids=lambda path: path.stem)
def test_no_cell_adds_to_what_another_cell_made(path):
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code" and not cell.source.lstrip().startswith("%"):
            assert cell.id.endswith("-setup") or not added_to(cell.source), cell.id


@pytest.mark.parametrize(
    "cell",
    ["x += 1", "for y in 1, 2:\n    x.append(y)", "x[0] -= 1", "del x", "x.a.pop()"],
)
def test_a_cell_that_adds_to_another_is_found(cell):
    assert added_to(cell) == {"x"}
    assert not added_to(f"x = [1]\n{cell}")
    assert not added_to(f"def f(x):\n    {cell.splitlines()[-1].strip()}")
