"""Solution regions: find them, hold them to their rules, cut them out of a stub."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = "raise NotImplementedError"


class BuildError(Exception):
    """A master or a run breaks a rule; the message is `file, cell: sentence`."""


@dataclass(frozen=True)
class Cell:
    """One cell of a master: kind is "code" or "markdown"."""

    kind: str
    id: str
    source: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Region:
    """A solution inside one function; first and last are the numbers of its markers.

    name: the top-level name that the learner completes (the function, or its class).
    """

    name: str
    first: int
    last: int


def markers(source: str) -> list[str]:
    """The lines that are, or look like, solution markers."""
    lines = source.splitlines()
    return [x for x in lines if re.search(r"(BEGIN|END)\s+SOLUTION", x, re.I)]


def regions(source: str) -> list[Region]:
    """The solution regions of one code cell.  Raises BuildError at a malformed one."""
    lines, found, begin = source.splitlines(), [], None
    for number, line in enumerate(lines, 1):
        if not markers(line):
            continue
        marker = line.strip()
        if marker not in (BEGIN, END) or line.rstrip() != line:
            raise BuildError(f"got {line!r}, expected `{BEGIN}` or `{END}` alone")
        if (marker == BEGIN) != (begin is None):
            raise BuildError("BEGIN and END markers must alternate")
        if marker == BEGIN:
            begin = number
            continue
        if _indent(lines[begin - 1]) != _indent(line):
            raise BuildError("both markers of a region have the same indentation")
        found.append(Region(_owner(source, begin, number), begin, number))
        begin = None
    if begin is not None:
        raise BuildError("a solution region has no END marker")
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _functions(body: list[ast.stmt], name: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Each function with the top-level name that it belongs to."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            owner = name or node.name
            if not isinstance(node, ast.ClassDef):
                yield owner, node
            yield from _functions(node.body, owner)


def _owner(source: str, first: int, last: int) -> str:
    """The name whose function body ends with the whole region between two lines."""
    for name, function in _functions(ast.parse(source).body):
        inside = [x for x in function.body if first < x.lineno <= x.end_lineno < last]
        if not inside or inside[-1] is not function.body[-1]:
            continue
        if _indent(source.splitlines()[first - 1]) != inside[0].col_offset:
            raise BuildError("a marker has the indentation of the lines it encloses")
        if not ast.get_docstring(function) or inside[0] is function.body[0]:
            raise BuildError("the docstring, the contract, stands above the region")
        before = function.body[: -len(inside)]
        if before[-1].end_lineno < first:
            return name
    raise BuildError(
        "a region lies inside one function, is not empty and runs to its last statement"
    )


def exercises(cells: list[Cell]) -> dict[str, str]:
    """Exercise number -> name of what the learner writes: {"7.1": "pairwise_loss"}."""
    stubs = [cell for cell in cells if "exercise" in cell.tags]
    return {number(cell.id): regions(cell.source)[0].name for cell in stubs}


def number(cell_id: str) -> str:
    """The exercise number in a cell id.

    >>> number("07-1-stub")
    '7.1'
    """
    chapter, which, _ = cell_id.split("-")
    return f"{int(chapter)}.{which}"


def without_markers(cell: Cell) -> Cell:
    """The cell as `solutions/` shows it."""
    if cell.kind != "code":
        return cell
    lines = cell.source.splitlines()
    kept = [line for line in lines if line.strip() not in (BEGIN, END)]
    return replace(cell, source="\n".join(kept))


def without_solution(cell: Cell) -> Cell:
    """The cell as `exercises/` shows it: each region is one `raise`."""
    if cell.kind != "code":
        return cell
    lines = cell.source.splitlines()
    for region in reversed(regions(cell.source)):
        pad = " " * _indent(lines[region.first - 1])
        lines[region.first - 1 : region.last] = [pad + STUB]
    stub = "\n".join(lines)
    ast.parse(stub)
    return replace(cell, source=stub)


def leaks(cells: list[Cell], text: str) -> list[str]:
    """What of the solutions `text`, an exercise notebook's sources, gives away.

    That is a marker, a line of a region (over 12 characters, absent elsewhere in the
    master) or an import of the course's own function of that name.
    """
    secret, public = [], []
    for cell in cells:
        spans = [(r.first, r.last) for r in _regions_of(cell)]
        for at, line in enumerate(cell.source.splitlines(), 1):
            hidden = any(first < at < last for first, last in spans)
            (secret if hidden else public).append(line.strip())
    elsewhere = "\n".join(public)
    found = [x for x in secret if len(x) > 12 and x not in elsewhere and x in text]
    found += markers(text)
    for name in exercises(cells).values():
        own = rf"^\s*from course\S* import [^#\n]*\b{name}\b|\bcourse(\.\w+)+\.{name}\b"
        found += [match[0] for match in re.finditer(own, text, re.M)]
    return found


def _regions_of(cell: Cell) -> list[Region]:
    return regions(cell.source) if cell.kind == "code" else []
