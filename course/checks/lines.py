"""The right function as lines that can be changed, one place at a time."""

import ast
import inspect
import textwrap
import types
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from course.checks.comparing import same
from course.checks.exercise import Exercise
from course.checks.observing import observe
from course.checks.slip import Function

NOT_CHANGED = ("course.tasks.safe_programs", "course.tasks.program_tests")


class Lines:
    """A right function and what it calls of the course, as trees that can be changed.

    What only refuses bad arguments is left out, so that slips may give them.
    """

    def __init__(self, right: Function, depth: int = 3) -> None:
        self.right = right
        self.trees: dict[Function, ast.Module] = {}
        self._read(right, depth)
        self._codes = {f: _compiled(tree) for f, tree in self.trees.items()}

    def _read(self, function: Function, depth: int) -> None:
        tree = _tree(function)
        if tree is None or function in self.trees:
            return
        self.trees[function] = tree
        for inner in _calls(function) if depth else ():
            self._read(inner, depth - 1)

    def build(
        self, changed: Function | None = None, tree: ast.Module | None = None
    ) -> Function:
        """The right function anew; changed: one of those it calls, with other lines."""
        if self.right not in self.trees:
            return self.right
        code = _compiled(tree) if tree else None
        made: dict[Function, Function] = {}

        def part(function: Function) -> Function:
            if function not in made:
                around = dict(function.__globals__)
                made[function] = function  # where functions call each other
                lines = code if function is changed and code else self._codes[function]
                exec(lines, around)
                new = around[function.__name__]
                made[function] = new
                for inner in _calls(function):
                    if inner in self.trees:
                        around[inner.__name__] = part(inner)
            return made[function]

        return part(self.right)


def _calls(function: Function) -> list[Function]:
    """The functions of the course that a function names."""
    named = map(function.__globals__.get, _names(function.__code__))
    return [
        inner for inner in named
        if isinstance(inner, types.FunctionType)
        and inner.__module__.startswith("course.")
    ]  # fmt: skip


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _tree(function: Function) -> ast.Module | None:
    """The lines of a function without what refuses; None where they are not plain."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    define = tree.body[0]
    if not isinstance(define, ast.FunctionDef) or define.decorator_list:
        return None
    if function.__closure__ or define.name != function.__name__:
        return None
    if function.__module__ in NOT_CHANGED:
        return None
    for argument in [*define.args.args, *define.args.kwonlyargs]:
        argument.annotation = None
    define.returns = None
    kept = [node for node in define.body if not _refuses(node)]
    define.body = kept or define.body
    return tree


def _compiled(tree: ast.Module) -> types.CodeType:
    return compile(ast.fix_missing_locations(tree), "<slip>", "exec")


@cache
def lines(exercise: Exercise) -> Lines:
    """The reference of an exercise as lines that can be changed."""
    return Lines(exercise.load())


@cache
def unguarded(exercise: Exercise) -> Function:
    """The reference without what refuses; itself where that cannot be taken out."""
    made = lines(exercise).build()
    for probe in exercise.calls():
        outcomes = [observe(f, probe, exercise) for f in (made, exercise.load())]
        if outcomes[0].error or not same(outcomes[0].value, outcomes[1].value, 1e-9):
            return exercise.load()
    return made


@contextmanager
def exchanged(
    parent: ast.AST, where: tuple[str, int | None], new: ast.AST | None
) -> Iterator[None]:
    """In the block one expression of the parent stands for another."""
    field, index = where
    if index is None:
        old = getattr(parent, field)
        setattr(parent, field, new)
    else:
        old = getattr(parent, field)[index]
        getattr(parent, field)[index] = new
    try:
        yield
    finally:
        if index is None:
            setattr(parent, field, old)
        else:
            getattr(parent, field)[index] = old


def expressions(define: ast.AST) -> list[tuple[ast.AST, ast.AST, tuple]]:
    """(node, parent, where in the parent) of the body, what only refuses left out."""
    found: list[tuple[ast.AST, ast.AST, tuple]] = []

    def walk(parent: ast.AST) -> None:
        for field, value in ast.iter_fields(parent):
            if field in ("args", "defaults") and parent is define:
                continue
            for index, node in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(node, ast.AST) or _refuses(node):
                    continue
                if isinstance(node, ast.expr):
                    at = index if isinstance(value, list) else None
                    found.append((node, parent, (field, at)))
                walk(node)

    walk(define)
    return found


def _refuses(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return all(map(_refuses, node.body)) and not node.orelse
    return isinstance(node, ast.Raise) or (
        isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Constant))
        and not isinstance(getattr(node.value, "func", None), ast.Attribute)
    )  # fmt: skip
