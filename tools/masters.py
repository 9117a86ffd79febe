"""Masters, the hand-edited lesson files: read one and hold it to the grammar.

The grammar is told to authors in notebooks/src/README.md.
"""

import ast
import re
from pathlib import Path

from course.runtime import chapter_of
from tools.regions import BuildError, Cell, markers, regions

# For the authors' formatter and linter; the reader of a notebook does not see it.
PRAGMA = re.compile(r"  # (?:fmt: skip|noqa\b.*)$", re.M)
TAGS = {"exercise", "folded", "nbval-check-output", "widget"}


def read_master(path: Path, solutions: bool) -> list[Cell]:
    """The cells of a master, checked; solutions: whether regions are allowed.

    Raises BuildError at the first broken rule.
    """
    import jupytext

    if not re.fullmatch(r"(\d\d|[A-Z])_[a-z0-9_]+\.py", path.name):
        raise BuildError(
            f"{path.name}: got this file name, expected NN_topic.py or A_topic.py"
        )
    chapter = chapter_of(path.name)
    text = path.read_text(encoding="utf-8")
    if not text.startswith("# %%"):
        raise BuildError(f"{path.name}: a master starts with its first `# %%` line")
    form = {"extension": ".py", "format_name": "percent", "comment_magics": False}
    cells = []
    for number, raw in enumerate(jupytext.reads(text, fmt=form).cells, 1):
        try:
            cells.append(_cell(raw, chapter, solutions))
        except BuildError as error:
            label = raw.metadata.get("id", f"number {number}")
            raise BuildError(f"{path.name}, cell {label}: {error}") from None
    ids = [cell.id for cell in cells]
    if double := {i for i in ids if ids.count(i) > 1}:
        raise BuildError(f"{path.name}: cell ids occur twice: {sorted(double)}")
    title = f"{chapter}-title"
    if cells[0].id != title or not cells[0].source.startswith("# "):
        raise BuildError(
            f'{path.name}: the first cell must be `# %% [markdown] id="{title}"` '
            "and begin with a `# ` headline"
        )
    _need_checks(path.name, cells)
    return cells


def _cell(raw: dict, chapter: str, solutions: bool) -> Cell:
    metadata, source = dict(raw["metadata"]), raw["source"]
    name, tags = metadata.pop("id", None), metadata.pop("tags", [])
    for harmless in ("lines_to_next_cell", "cell_marker"):
        metadata.pop(harmless, None)
    if not name:
        raise BuildError(f'has no id; write `# %% id="{chapter}-…"`')
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise BuildError("an id is 1 to 64 characters from A-Z a-z 0-9 - _")
    if not name.startswith(f"{chapter}-") or name == f"{chapter}-setup":
        raise BuildError(f"an id starts with {chapter}- and is not {chapter}-setup")
    if metadata:
        raise BuildError(f"only id and tags are allowed in the header: {metadata}")
    if unknown := set(tags) - TAGS:
        raise BuildError(f"unknown tags {sorted(unknown)}, expected some of {TAGS}")
    if raw["cell_type"] == "code":
        source = PRAGMA.sub("", source)
    cell = Cell(raw["cell_type"], name, source, tuple(tags))
    if not source.strip():
        raise BuildError("is empty")
    if cell.kind == "code":
        _code_rules(cell, chapter, solutions)
    elif cell.kind != "markdown" or tags or markers(source):
        raise BuildError("text is [markdown], without tags and solution markers")
    return cell


def _code_rules(cell: Cell, chapter: str, solutions: bool) -> None:
    try:
        ast.parse(cell.source)
    except SyntaxError as error:
        raise BuildError(f"is not Python (magics are not allowed): {error}") from None
    if "# NBVAL_" in cell.source:
        raise BuildError("NBVAL comments are not allowed; use tags")
    if not solutions and (markers(cell.source) or "exercise" in cell.tags):
        raise BuildError("exercises belong in solutions/src")
    found = regions(cell.source)
    if bool(found) != ("exercise" in cell.tags):
        raise BuildError('a solution region and tags=["exercise"] come together')
    if found and not re.fullmatch(rf"{chapter}-\d+-stub", cell.id):
        raise BuildError(f"the id of an exercise cell is {chapter}-K-stub")
    if len({region.name for region in found}) > 1:
        raise BuildError("an exercise cell asks for one function or class")


def _need_checks(file: str, cells: list[Cell]) -> None:
    """Each stub is followed by its check cell `name = check(name)`."""
    codes = [cell for cell in cells if cell.kind == "code"]
    for stub, after in zip(codes, [*codes[1:], None], strict=True):
        if "exercise" in stub.tags:
            name = regions(stub.source)[0].name
            wanted = (stub.id.removesuffix("stub") + "check", f"{name} = check({name})")
            if after is None or (after.id, after.source.strip()) != wanted:
                raise BuildError(
                    f"{file}, cell {stub.id}: the next code cell must be "
                    f"{wanted[0]} with `{wanted[1]}`"
                )
