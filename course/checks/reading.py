"""Read a learner's notebook or `.py` file, and run only what it defines."""

import ast
import io
import json
import linecache
import re
import tokenize
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from course.checks import catalogue
from course.checks.report import one_line
from course.runtime import CourseError

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
# What the value of a constant may call: nothing that prints, reads, trains or waits.
SAFE = {"abs", "bool", "dict", "float", "frozenset", "int", "len", "list", "max", "min"}
SAFE |= {"pow", "range", "reversed", "round", "set", "sorted", "str", "sum", "tuple"}
SAFE |= {"zip"}
SAFE_MODULES = {"collections", "itertools", "math", "numpy", "re", "string", "torch"}


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
        found = [c for c in notebook["cells"] if c["cell_type"] == "code"]
        return [
            (f"code cell {number}", _plain("".join(cell["source"])))
            for number, cell in enumerate(found, 1)
        ]
    except OSError as error:
        raise CourseError(f"{path} cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError, SyntaxError):
        raise CourseError(f"{path} is not a readable notebook or text file.") from None


def namespace(sources: list[tuple[str, str]]) -> tuple[dict[str, Any], list[str]]:
    """What the imports, functions, classes and constants of the sources define.

    Of assignments those are run that an exercise's function needs and that call
    nothing but arithmetic.  Also returns a sentence for each that fails.
    """
    names: dict[str, Any] = {"__name__": "learner"}
    nodes, problems = _parsed(sources)
    wanted = _wanted([node for _, node in nodes])
    modules = _modules([node for _, node in nodes])
    left_out: dict[str, str] = {}
    for name, node in nodes:
        made = set(_made(node))
        place = f"{name}, line {node.lineno}"
        if not _runs(node, wanted, modules):
            for each in made & wanted:
                left_out[each] = f"{place}: `{each}` is no constant, so it is not run"
            continue
        try:
            exec(compile(ast.Module([node], []), name, "exec"), names)
        except (Exception, SystemExit) as error:
            if made & wanted or isinstance(node, IMPORTS):
                last = traceback.format_exception_only(error)[-1]
                problems.append(f"{place}: {one_line(last)}")
    problems += [said for each, said in left_out.items() if each not in names]
    return names, problems


def _parsed(
    sources: list[tuple[str, str]],
) -> tuple[list[tuple[str, ast.stmt]], list[str]]:
    nodes: list[tuple[str, ast.stmt]] = []
    problems = []
    for name, source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError) as error:
            place = f"{name}, line {getattr(error, 'lineno', 1)}"
            problems.append(f"{place}: {getattr(error, 'msg', error)}")
            continue
        # So that a message can quote the line of an error.
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        nodes += [(name, node) for node in tree.body]
    return nodes, problems


def _made(node: ast.stmt) -> Iterator[str]:
    """The names that a statement defines."""
    if isinstance(node, DEFINITIONS):
        yield node.name
    elif isinstance(node, IMPORTS):
        for alias in node.names:
            yield (alias.asname or alias.name).split(".")[0]
    else:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id


def _used(node: ast.AST) -> set[str]:
    return {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    }


def _wanted(nodes: list[ast.stmt]) -> set[str]:
    """The exercises' names, and all that their functions use, however far away."""
    wanted = {exercise.name for exercise in catalogue.exercises()}
    grows = True
    while grows:
        before = len(wanted)
        for node in nodes:
            if wanted & set(_made(node)) and not _is_check(node):
                wanted |= _used(node)
        grows = len(wanted) > before
    return wanted


def _modules(nodes: list[ast.stmt]) -> set[str]:
    """Names of imported modules whose functions a constant may call."""
    found = set()
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Import):
                found |= {
                    alias.asname or alias.name.split(".")[0]
                    for alias in part.names
                    if alias.name.split(".")[0] in SAFE_MODULES
                }
    return found


def _runs(node: ast.stmt, wanted: set[str], modules: set[str]) -> bool:
    if isinstance(node, (*DEFINITIONS, *IMPORTS)):
        return True
    if isinstance(node, ast.Try):
        return all(isinstance(part, IMPORTS) for part in node.body)
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
        return False
    if isinstance(node.value, ast.Lambda):
        return True
    if wanted & set(_made(node)):
        return _is_constant(node.value, modules)
    try:
        ast.literal_eval(node.value)
    except (ValueError, TypeError):
        return False
    return True


def _is_constant(value: ast.expr, modules: set[str]) -> bool:
    for part in ast.walk(value):
        if isinstance(part, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return False
        if isinstance(part, ast.Call):
            root = part.func
            while isinstance(root, ast.Attribute):
                root = root.value
            safe = isinstance(part.func, ast.Name) and part.func.id in SAFE
            safe |= isinstance(root, ast.Name) and root.id in modules
            safe |= isinstance(root, (ast.Constant, ast.Call, ast.BinOp))
            if not safe:
                return False
    return True


def _is_check(node: ast.stmt) -> bool:
    """Whether a statement is the check cell's `name = check(name)`."""
    value = getattr(node, "value", None)
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id == "check"
    )


def _plain(source: str) -> str:
    """A cell's source as IPython reads it, with magics and shell commands left out.

    A cell of another language, such as `%%bash`, is blank as a whole.
    """
    other = ("%%bash", "%%sh", "%%html", "%%javascript", "%%writefile", "%%latex")
    if source.lstrip().startswith(other):
        return ""
    source = re.sub(r"\A(\s*)%%.*", r"\1", source)
    try:
        ast.parse(source)  # Python alone: a line may begin with % in it
        return source
    except (SyntaxError, ValueError):
        from IPython.core.inputtransformer2 import TransformerManager
    above = re.match(r"(?:[^\S\n]*\n)*", source)[0]  # lines that IPython takes away
    try:
        source = above + TransformerManager().transform_cell(source)
    except SyntaxError:  # told where it is parsed
        return source
    return re.sub(r"^(\s*)get_ipython\(\)\..*$", r"\1pass", source, flags=re.MULTILINE)
