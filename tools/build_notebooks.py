"""Build notebooks/, exercises/ and solutions/ from the masters in their src folders.

    python -m tools.build_notebooks                  rebuild, keep valid outputs
    python -m tools.build_notebooks --execute 07 09  also run these chapters (none: all)
    python -m tools.build_notebooks --check          compare only, never write

Outputs stay valid while ids and text of all code cells are unchanged.
"""

import argparse
import hashlib
import json
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import nbformat

from course.runtime import chapter_of
from tools import execute
from tools.assemble import Target, assemble, slug, targets
from tools.regions import BuildError

ROOT = Path(__file__).resolve().parents[1]
NOT_OURS = (  # what a missing or damaged notebook raises
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    nbformat.ValidationError,
)
FOLDERS = ("notebooks", "exercises", "solutions")


def code(notebook: Any) -> list[tuple[str, str]]:
    """Ids and text of the code cells: what stored outputs depend on.

    The set-up cell does not count: it finds or installs the course and prints a line.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [(c.id, "" if c.id.endswith("-setup") else c.source) for c in cells]


def _seal(notebook: Any) -> str:
    """A digest of all outputs, so that an output changed by hand is noticed."""
    stored = [
        (c.id, c.execution_count, c.outputs)
        for c in notebook.cells
        if c.cell_type == "code"
    ]
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()[:16]


def _sealed(notebook: Any) -> None:
    badge = notebook.cells[0]
    badge.source = badge.source.replace(" -->", f" Outputs {_seal(notebook)}. -->")


def carry_over(new: Any, old: Any) -> bool:
    """Copy outputs and counts from `old`, or return False when they are not valid."""
    codes = [cell for cell in old.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in codes]
    in_order = counts == list(range(1, len(codes) + 1))
    sealed = f"Outputs {_seal(old)}." in old.cells[0].source
    if code(new) != code(old) or not in_order or not sealed:
        return False
    by_id = {cell.id: cell for cell in codes}
    for cell in new.cells:
        if cell.cell_type == "code":
            cell.outputs = by_id[cell.id].outputs
            cell.execution_count = by_id[cell.id].execution_count
    execute.clean(new, "stored notebook")
    return True


def serialise(notebook: Any, target: Target) -> bytes:
    """The bytes of a valid notebook.  Raises BuildError above the size budget."""
    if target.stores_outputs:
        _sealed(notebook)
    ids = [cell.id for cell in notebook.cells]
    if len(ids) != len(set(ids)):
        raise BuildError(f"{target.path.as_posix()}: cell ids are not unique")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nbformat.validate(notebook)
    data = (nbformat.writes(notebook).rstrip("\n") + "\n").encode()
    limit = execute.NOTEBOOK_BYTES if target.stores_outputs else execute.EXERCISE_BYTES
    if len(data) > limit:
        raise BuildError(
            f"{target.path.as_posix()}: {len(data)} bytes, the limit is {limit}; "
            f"the largest cell is {max(notebook.cells, key=lambda c: len(str(c))).id}"
        )
    return data


def build(target: Target, root: Path, run: bool, repository: str) -> bytes | None:
    """The bytes of one notebook, or None when only a run could give them."""
    notebook = assemble(target, root, repository)
    path = root / target.path
    if target.stores_outputs:
        if run:
            execute.run(notebook, path.parent, target.path.as_posix())
            return serialise(_fresh(notebook, target, root, repository), target)
        try:
            if not carry_over(notebook, _stored(path)):
                return None
        except NOT_OURS:
            return None
    return serialise(notebook, target)


def _stored(path: Path) -> Any:
    notebook = nbformat.v4.reads(path.read_text(encoding="utf-8"))
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        raise ValueError(f"{path}: not format 4.5")
    nbformat.validate(notebook)
    return notebook


def _fresh(executed: Any, target: Target, root: Path, repository: str) -> Any:
    """A clean notebook with only outputs and counts of the executed one."""
    notebook = assemble(target, root, repository)
    for cell, ran in zip(notebook.cells, executed.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    return notebook


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Build or check; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.build_notebooks")
    parser.add_argument("--check", action="store_true", help="compare, never write")
    parser.add_argument("--execute", nargs="*", metavar="NN", help="run chapters")
    options = parser.parse_args(arguments)
    if options.check and options.execute is not None:
        parser.error("--check never executes")
    chosen = [chapter_of(number) for number in options.execute or []]
    try:
        wanted = targets(root)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    if unknown := set(chosen) - {chapter_of(t.path.name) for t in wanted}:
        parser.error(f"no master for chapter {', '.join(sorted(unknown))}")
    problems = [f"orphan: {path}" for path in _orphans(wanted, root)]
    for target in wanted:
        path, name = root / target.path, target.path.as_posix()
        chapter = chapter_of(target.path.name)
        run = options.execute is not None and (not chosen or chapter in chosen)
        try:
            stored = path.read_bytes() if path.is_file() else None
            # Another clone, another address: that makes no committed notebook stale.
            repository = shown_slug(stored) if options.check else slug(root)
            data = build(target, root, run, repository)
        except BuildError as error:
            problems.append(str(error))
            continue
        if data is None:
            state = "missing" if stored is None else "stale"
            problems.append(f"{state}: {name} needs --execute {chapter}")
        elif data != stored and options.check:
            problems.append(f"{'missing' if stored is None else 'stale'}: {name}")
        elif data != stored:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(f"wrote {name}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def shown_slug(stored: bytes | None) -> str:
    """OWNER/REPO of the badge of a stored notebook, or ""."""
    badge = rb"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)/blob/"
    found = re.search(badge, stored or b"")
    return found[1].decode() if found else ""


def _orphans(wanted: list[Target], root: Path) -> list[str]:
    known = {target.path.as_posix() for target in wanted}
    found = [p for name in FOLDERS for p in sorted((root / name).glob("*.ipynb"))]
    names = [path.relative_to(root).as_posix() for path in found]
    return [name for name in names if name not in known]


if __name__ == "__main__":
    sys.exit(main())
