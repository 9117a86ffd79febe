"""Changes of one expression of a learner's lines that may make them right."""

import ast
from collections.abc import Callable

from course.checks.call_edits import Edits, is_method, of_calls

# What an expression gets wrong, and what might stand there instead.
Edit = Callable[[ast.AST, ast.AST, tuple[str, ...]], Edits]

OPERATIONS = {
    ast.Add: ("+", (ast.Sub, ast.Mult)),
    ast.Sub: ("-", (ast.Add, ast.Div)),
    ast.Mult: ("*", (ast.Div, ast.Add, ast.Sub)),
    ast.Div: ("/", (ast.Mult, ast.Sub)),
    ast.FloorDiv: ("//", (ast.Div, ast.Mod)),
    ast.Mod: ("%", (ast.FloorDiv,)),
    ast.Pow: ("**", (ast.Mult,)),
    ast.BitAnd: ("&", (ast.BitOr,)),
    ast.BitOr: ("|", (ast.BitAnd,)),
}
COMPARISONS = {
    ast.Lt: ("<", (ast.LtE, ast.Gt, ast.GtE)),
    ast.LtE: ("<=", (ast.Lt, ast.GtE, ast.Gt)),
    ast.Gt: (">", (ast.GtE, ast.Lt, ast.LtE)),
    ast.GtE: (">=", (ast.Gt, ast.LtE, ast.Lt)),
    ast.Eq: ("==", (ast.NotEq, ast.LtE, ast.GtE)),
    ast.NotEq: ("!=", (ast.Eq,)),
}


def of_operations(node: ast.AST, parent: ast.AST, names: tuple[str, ...]) -> Edits:
    """Signs, comparisons, sides, brackets and terms that do not belong there."""
    if isinstance(node, ast.BinOp):
        sign, others = OPERATIONS.get(type(node.op), ("", ()))
        for kept, lost in ((node.left, node.right), (node.right, node.left)):
            yield f"`{ast.unparse(lost)[:40]}` does not belong there", kept
        if not isinstance(node.op, (ast.Add, ast.Mult, ast.Pow)):
            yield (
                "the two sides are exchanged",
                ast.BinOp(node.right, node.op, node.left),
            )
        for other in others:
            yield (
                f"“{sign}” is not the operation that belongs there",
                ast.BinOp(node.left, other(), node.right),
            )
        yield from _brackets(node)
    if isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        sign = {ast.USub: "-", ast.Invert: "~", ast.Not: "not"}.get(type(node.op), "+")
        yield f"“{sign}” does not belong there", node.operand
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        sign, others = COMPARISONS.get(type(node.ops[0]), ("", ()))
        for other in others:
            yield (
                f"“{sign}” is not the comparison that belongs there",
                ast.Compare(node.left, [other()], node.comparators),
            )
    if isinstance(node, ast.IfExp):
        yield "the special case does not belong there", node.body
        yield "the special case does not belong there", node.orelse


def _brackets(node: ast.BinOp) -> Edits:
    """The same terms with the brackets elsewhere."""
    words = "the brackets are not where they belong"
    left, right = node.left, node.right
    if isinstance(right, ast.BinOp):
        inner = ast.BinOp(left, node.op, right.left)
        yield words, ast.BinOp(inner, right.op, right.right)
    if isinstance(left, ast.BinOp):
        inner = ast.BinOp(left.right, node.op, right)
        yield words, ast.BinOp(left.left, left.op, inner)
    if isinstance(left, ast.BinOp) and isinstance(right, ast.BinOp):
        inner = ast.BinOp(left.right, node.op, right.left)
        inner = ast.BinOp(inner, right.op, right.right)
        yield words, ast.BinOp(left.left, left.op, inner)
    for side, other, first in ((left, right, True), (right, left, False)):
        if isinstance(side, ast.Call) and is_method(side):  # f(x) + c for f(x + c)
            inside = side.func.value
            pair = (inside, other) if first else (other, inside)
            func = ast.Attribute(ast.BinOp(pair[0], node.op, pair[1]), side.func.attr)
            func.ctx = ast.Load()
            yield (
                f"`{ast.unparse(other)[:40]}` belongs inside `{side.func.attr}`",
                ast.Call(func, side.args, side.keywords),
            )


def of_names(node: ast.AST, parent: ast.AST, names: tuple[str, ...]) -> Edits:
    """Another argument or another name of the answer's own in place of a part."""
    kinds = ast.Name, ast.BinOp, ast.Call, ast.Constant, ast.Subscript, ast.Attribute
    if not isinstance(node, kinds) or isinstance(parent, ast.keyword):
        return
    if isinstance(node, ast.Name) and node.id not in names:
        return
    if isinstance(parent, ast.Call) and node is parent.func:
        return
    text = ast.unparse(node)
    for name in names:
        if name != text:
            what = f"`{text[:30]}` is not what belongs there"
            yield what, ast.Name(name, ast.Load())


def of_shapes(node: ast.AST, parent: ast.AST, names: tuple[str, ...]) -> Edits:
    """A dimension of size 1 that a part lacks."""
    if not isinstance(node, (ast.Name, ast.Call)) or isinstance(parent, ast.Attribute):
        return
    if isinstance(node, ast.Name) and node.id not in names:
        return
    if isinstance(parent, ast.Call) and node is parent.func:
        return
    for index in (":, None", "..., None", "None"):
        wide = ast.parse(f"x[{index}]", mode="eval").body.slice
        said = "a dimension of size 1 is missing, so that the shapes fit"
        yield said, ast.Subscript(node, wide, ast.Load())


def of_missing(node: ast.AST, parent: ast.AST, names: tuple[str, ...]) -> Edits:
    """Something that has still to be done with a part."""
    if not isinstance(node, (ast.Name, ast.BinOp, ast.Call, ast.Subscript)):
        return
    if isinstance(node, ast.Name) and node.id not in names:
        return
    if isinstance(parent, ast.Call) and node is parent.func:
        return
    one = ast.Constant(1)
    yield "a minus sign is missing", ast.UnaryOp(ast.USub(), node)
    yield "1 has still to be taken off", ast.BinOp(node, ast.Sub(), one)
    yield "1 has still to be added", ast.BinOp(node, ast.Add(), one)
    yield "it should be 1 minus that", ast.BinOp(one, ast.Sub(), node)
    for method in ("exp", "log", "abs", "sigmoid", "sum", "mean", "square", "sqrt"):
        call = ast.Call(ast.Attribute(node, method, ast.Load()), [], [])
        yield f"a step (`{method}`) is missing", call
    floor = [ast.keyword("min", ast.Constant(0))]
    call = ast.Call(ast.Attribute(node, "clamp", ast.Load()), [], floor)
    yield "a limit at 0 is missing", call
    for name in names:
        other = ast.Name(name, ast.Load())
        for sign, what in (
            (ast.Mult(), "a factor is missing"),
            (ast.Div(), "a divisor is missing"),
            (ast.Sub(), "something has still to be taken off"),
            (ast.Add(), "a term is missing"),
        ):
            yield what, ast.BinOp(node, sign, other)


CLASSES: tuple[Edit, ...] = (
    of_operations,
    of_calls,
    of_names,
    of_shapes,
    of_missing,
)
