"""Slips made in the lines of the right function: one change in one place each."""

import ast
import copy
from collections.abc import Iterator

from course.checks.exercise import Exercise
from course.checks.line_changes import changes, of_arithmetic
from course.checks.lines import exchanged, expressions, lines
from course.checks.slip import IS, Function, Slip

STEP = (
    "your result is only a step on the way to the expected one: something still has "
    "to be done with it"
)


def in_the_lines(exercise: Exercise) -> Iterator[Slip]:
    """Every change of one place in the reference and in what it calls of the course."""
    every = lines(exercise)
    if any("linalg" in ast.unparse(tree) for tree in every.trees.values()):
        return  # slow, and it complains of NaN on the terminal, past Python
    for function, tree in every.trees.items():
        if any(isinstance(node, ast.While) for node in ast.walk(tree)):
            continue
        for sentence, parent, at, new in _changes(tree, set(exercise.parameters)):
            try:
                with exchanged(parent, at, new):
                    made = every.build(function, tree)
            except (SyntaxError, TypeError, ValueError):
                continue
            yield Slip(sentence, lambda _, w=made: w)
    for step in steps(every.trees.get(exercise.load())):
        part = every.build(exercise.load(), step)
        yield Slip(STEP, lambda _, w=part: w)


def steps(tree: ast.Module | None) -> Iterator[ast.Module]:
    """The function that returns something on the way: a part of its last line."""
    if tree is None or not isinstance(tree.body[0].body[-1], ast.Return):
        return
    names = [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    parts: list[ast.AST] = [ast.Name(n, ast.Load()) for n in dict.fromkeys(names)]
    last = tree.body[0].body[-1].value
    kinds = ast.Call, ast.BinOp, ast.Compare, ast.Subscript
    parts += [n for n in ast.walk(last) if n is not last and isinstance(n, kinds)]
    for part in parts:
        twin = copy.deepcopy(tree)
        twin.body[0].body[-1].value = copy.deepcopy(part)
        yield twin


def partly_detached(exercise: Exercise) -> Iterator[Function]:
    """The reference with one part of its lines detached, once for each part."""
    every = lines(exercise)
    for function, tree in every.trees.items():
        for node, parent, at in expressions(tree.body[0]):
            if not isinstance(node, (ast.Call, ast.BinOp, ast.Name, ast.Subscript)):
                continue
            if isinstance(getattr(node, "ctx", None), ast.Store):
                continue
            new = ast.Call(ast.Attribute(node, "detach", ast.Load()), [], [])
            try:
                with exchanged(parent, at, new):
                    made = every.build(function, tree)
            except (SyntaxError, TypeError, ValueError):
                continue
            yield made


def _changes(
    tree: ast.Module, words: set[str]
) -> Iterator[tuple[str, ast.AST, tuple[str, int | None], ast.AST | None]]:
    """(sentence, parent, where in it, new expression), once for each change."""
    for node, parent, at in expressions(tree.body[0]):
        if isinstance(node, ast.Constant) and not of_arithmetic(node, parent):
            continue
        for told, new in changes(node, words):
            yield f"{IS} {told}", parent, at, new
