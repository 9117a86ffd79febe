"""Read a learner's notebook or `.py` file, and run only what it defines."""

import ast
import io
import json
import linecache
import re
import tokenize
import traceback
from pathlib import Path
from typing import Any

from course.checks.needed import IMPORTS, Needed, compiled, future, is_check, made
from course.checks.report import one_line
from course.runtime import CourseError

# Cells of these magics hold Python; those of any other, such as `%%bash`, do not.
PYTHON_MAGICS = {"capture", "debug", "prun", "time", "timeit"}
# Magics that IPython takes without their % where a cell is this one line.
BARE_MAGICS = {"cd", "clear", "conda", "ls", "mamba", "matplotlib", "mkdir", "pip"}
BARE_MAGICS |= {"load_ext", "pwd", "reload_ext", "uv"}


def cells(path: Path) -> list[tuple[str, str]]:
    """(name, source) of each code cell, or of the one file, as Python reads it.

    Raises CourseError when the file cannot be read as what its name says.
    """
    try:
        data = path.read_bytes()
        if path.suffix != ".ipynb":
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            text = data.decode(encoding)
            return [(path.name, text.replace("\r\n", "\n"))]
        notebook = json.loads(data.decode("utf-8-sig"))
        found = [c for c in _cells_of(notebook) if c["cell_type"] == "code"]
        return [
            (f"code cell {number}", _plain("".join(_source_of(cell))))
            for number, cell in enumerate(found, 1)
        ]
    except OSError as error:
        raise CourseError(f"{path} cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError):
        raise CourseError(f"{path} is not a readable notebook or text file.") from None


def _cells_of(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of a notebook; until 2015 they stood in worksheets."""
    if "worksheets" in notebook:
        return [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
    return notebook["cells"]


def _source_of(cell: dict[str, Any]) -> str | list[str]:
    return cell["input"] if "input" in cell else cell["source"]


def namespace(sources: list[tuple[str, str]]) -> tuple[dict[str, Any], list[str]]:
    """What the imports, functions, classes and constants of the sources define.

    Of other statements those are run that an exercise's function needs and that call
    nothing but arithmetic.  Also returns a sentence for each that fails.
    """
    names: dict[str, Any] = {"__name__": "learner"}
    nodes, problems, flags = _parsed(sources)
    needed = Needed([node for _, node in nodes], flags)
    left_out: dict[str, str] = {}
    for name, node in nodes:
        wanted = made(node) & needed.names
        place = f"{name}, line {node.lineno}"
        if not needed.runs(node):
            plain = isinstance(node, (ast.Assign, ast.AnnAssign))
            for each in sorted(wanted) if not is_check(node) else ():
                said = f"{place}: `{each}` is no constant, so it is not run"
                left_out[each if plain else place] = said
            continue
        try:
            exec(compiled(node, name, flags), names)
        except BaseException as error:  # also one that would end the grading
            if wanted or isinstance(node, IMPORTS):
                last = traceback.format_exception_only(error)[-1]
                problems.append(f"{place}: {one_line(last)}")
    problems += [said for each, said in left_out.items() if each not in names]
    return names, problems


def _parsed(
    sources: list[tuple[str, str]],
) -> tuple[list[tuple[str, ast.stmt]], list[str], int]:
    """(name, statement) of each, sentences on what cannot be read, future features."""
    nodes: list[tuple[str, ast.stmt]] = []
    problems, flags = [], 0
    for name, source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            place = f"{name}, line {getattr(error, 'lineno', None) or 1}"
            problems.append(f"{place}: {getattr(error, 'msg', error)}")
            continue
        # So that a message can quote the line of an error.
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        nodes += [(name, node) for node in tree.body]
        flags |= future(tree)
    return nodes, problems, flags


def _plain(source: str) -> str:
    """A cell's source as IPython reads it, with magics and shell commands left out.

    A cell of another language, such as `%%bash`, is blank as a whole.
    """
    magic = re.match(r"\s*%%\s*([^\s]*)", source)
    if magic and magic[1] not in PYTHON_MAGICS:
        return ""
    line = source.strip()
    if "\n" not in line and line.split(" ")[0] in BARE_MAGICS and not _is_python(line):
        return ""
    source = re.sub(r"\A(\s*)%%.*", r"\1", source)
    if _is_python(source):  # a line may begin with % in it
        return source
    from IPython.core.inputtransformer2 import TransformerManager

    above = re.match(r"(?:[^\S\n]*\n)*", source)[0]  # lines that IPython takes away
    try:
        source = above + TransformerManager().transform_cell(source)
    except SyntaxError:  # told where it is parsed
        return source
    return re.sub(r"^(\s*)get_ipython\(\)\..*$", r"\1pass", source, flags=re.MULTILINE)


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
