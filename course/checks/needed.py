"""Which statements of a learner's file are run: what the exercises' functions need."""

import __future__

import ast
import builtins
import dis
import importlib
from collections.abc import Iterable, Iterator
from types import CodeType

from course.checks import catalogue

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
# What a needed statement may call: nothing that prints, reads, trains or waits.
SAFE = {"abs", "all", "any", "bool", "bytes", "callable", "chr", "complex", "dict"}
SAFE |= {"divmod", "enumerate", "filter", "float", "format", "frozenset", "getattr"}
SAFE |= {"hasattr", "hash", "int", "isinstance", "iter", "len", "list", "map", "max"}
SAFE |= {"min", "next", "object", "ord", "pow", "range", "repr", "reversed", "round"}
SAFE |= {"set", "setattr", "slice", "sorted", "str", "sum", "super", "tuple", "type"}
SAFE |= {"zip", *(n for n in dir(builtins) if n.endswith(("Error", "Exception")))}
SAFE_MODULES = {"bisect", "cmath", "collections", "contextlib", "copy", "dataclasses"}
SAFE_MODULES |= {"decimal", "enum", "fractions", "functools", "heapq", "itertools"}
SAFE_MODULES |= {"math", "numpy", "operator", "random", "re", "statistics", "string"}
SAFE_MODULES |= {"torch", "types", "typing"}
PRINT = {"print"}  # harmless beside what is needed, but no value of a constant


def future(tree: ast.AST) -> int:
    """The compiler's flags of a file's `from __future__ import ...`."""
    flags = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                feature = getattr(__future__, alias.name, None)
                flags |= getattr(feature, "compiler_flag", 0)
    return flags


def compiled(node: ast.stmt, name: str, flags: int) -> CodeType:
    """One statement as Python compiles it where those features are asked for."""
    module = ast.Module([node], [])
    return compile(module, name, "exec", flags=flags, dont_inherit=True)


def made(node: ast.stmt) -> set[str]:
    """The names that a statement binds, or whose values it changes."""
    found = set()
    for part in _parts(node):
        if isinstance(part, DEFINITIONS):
            found.add(part.name)
        elif isinstance(part, IMPORTS):
            found |= {(a.asname or a.name).split(".")[0] for a in part.names}
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
        elif isinstance(part, (ast.MatchAs, ast.MatchStar)) and part.name:
            found.add(part.name)
        elif isinstance(getattr(part, "ctx", None), ast.Store):  # x[0] = 1, x.y = 1
            found |= _root_name(part)
        elif isinstance(part, ast.Expr):
            called = getattr(part.value, "func", None)
            if isinstance(called, ast.Attribute):  # x.append(1)
                found |= _root_name(called)
    return found


def is_check(node: ast.stmt) -> bool:
    """Whether a statement is the check cell's `name = check(name)`."""
    value = getattr(node, "value", None)
    called = getattr(value, "func", None)
    return getattr(called, "id", getattr(called, "attr", "")) == "check"


class Needed:
    """What the functions of the exercises need, of the statements of a whole file."""

    def __init__(self, nodes: list[ast.stmt], flags: int = 0):
        self.names = {exercise.name for exercise in catalogue.exercises()}
        self._flags = flags
        self._modules: set[str] = set()
        self._safe, foreign = set(SAFE), set()
        for part in (part for node in nodes for part in ast.walk(node)):
            if isinstance(part, IMPORTS):
                foreign |= self._imported(part)
        self._data = set().union(*map(made, nodes)) - foreign
        self._grow([node for node in nodes if not is_check(node)])
        self._add_own(nodes)

    def runs(self, node: ast.stmt) -> bool:
        """Whether a statement is run: a definition, an import, a needed constant."""
        if isinstance(node, (*DEFINITIONS, *IMPORTS)):
            return True
        if isinstance(node, ast.Try) and all(isinstance(n, IMPORTS) for n in node.body):
            return True
        value = getattr(node, "value", None)
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            if value is None or isinstance(value, ast.Lambda):
                return value is not None
            if not made(node) & self.names:
                return _is_literal(value)
            return self._harmless(_parts(node), set())
        return bool(made(node) & self.names) and self._harmless(_parts(node), PRINT)

    def _grow(self, nodes: list[ast.stmt]) -> None:
        """Add all names that the needed ones use, however far away."""
        pairs = [(made(node), self._used(node)) for node in nodes]
        before = 0
        while len(self.names) > before:
            before = len(self.names)
            for makes, uses in pairs:
                if makes & self.names:
                    self.names |= uses

    def _used(self, node: ast.stmt) -> set[str]:
        """The names of the module that a statement, and what it defines, looks up."""
        try:
            waiting = [compiled(node, "", self._flags)]
        except (SyntaxError, ValueError):  # said where it is run
            return set()
        found = set()
        while waiting:
            code = waiting.pop()
            waiting += [part for part in code.co_consts if isinstance(part, CodeType)]
            found |= {
                step.argval
                for step in dis.get_instructions(code)
                if step.opname.startswith("LOAD")
                and step.opname.endswith(("_NAME", "_GLOBAL", "_GLOBALS"))
            }
        return found

    def _imported(self, node: ast.Import | ast.ImportFrom) -> set[str]:
        """The names of an import; what is safe to call is remembered."""
        names = set()
        for alias in node.names:
            origin = getattr(node, "module", None) or alias.name
            safe = origin.split(".")[0] in SAFE_MODULES and not getattr(
                node, "level", 0
            )
            bound = {(alias.asname or alias.name).split(".")[0]}
            if alias.name == "*":
                bound = set(dir(importlib.import_module(origin))) if safe else set()
            names |= bound
            if safe and isinstance(node, ast.ImportFrom):
                self._safe |= bound
            if safe:
                self._modules |= bound
        return names

    def _add_own(self, nodes: list[ast.stmt]) -> None:
        """The file's own functions and classes that call what is safe alone."""
        own: dict[str, list[ast.AST]] = {}
        for node in nodes:
            for part in _parts(node):
                if isinstance(part, DEFINITIONS):
                    own.setdefault(part.name, []).append(part)
            if isinstance(getattr(node, "value", None), ast.Lambda):
                for name in made(node):
                    own.setdefault(name, []).append(node)
        self._safe |= own.keys()
        while bad := {
            name
            for name, these in own.items()
            if not all(self._harmless(ast.walk(n), _local(n) | PRINT) for n in these)
        }:
            self._safe -= bad
            own = {name: these for name, these in own.items() if name not in bad}

    def _harmless(self, parts: Iterable[ast.AST], local: set[str]) -> bool:
        refused = (ast.Await, ast.Yield, ast.YieldFrom)
        for part in parts:
            if isinstance(part, refused):
                return False
            if isinstance(part, ast.Call):
                names = _root_name(part.func)
                known = self._safe | local
                if isinstance(part.func, ast.Attribute):
                    known |= self._modules | self._data
                if not names <= known:
                    return False
        return True


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """The parts that are run with a statement: no body of a function or a class."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, DEFINITIONS):
            waiting += part.decorator_list
        else:
            waiting += ast.iter_child_nodes(part)


def _root_name(node: ast.AST) -> set[str]:
    """The name at the root of `a.b[0].c`; empty where it is a value of its own."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _local(node: ast.AST) -> set[str]:
    """The parameters and variables of a definition, and of those inside it."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.arg):
            found.add(part.arg)
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
    return found


def _is_literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True
