"""Changes of one expression of a learner's lines that may make them right."""

import ast
from collections.abc import Callable, Iterator

# What an expression gets wrong, and what might stand there instead.
Edits = Iterator[tuple[str, ast.AST]]
Edit = Callable[[ast.AST, ast.AST, tuple[str, ...]], Edits]

REDUCTIONS = ("sum", "mean", "max", "min", "amax", "amin", "median", "std", "var",
              "prod", "logsumexp", "all", "any", "cumsum")  # fmt: skip
ELEMENTWISE = ("exp", "log", "log2", "log10", "log1p", "expm1", "sqrt", "square", "abs",
               "sigmoid", "tanh", "relu", "softplus", "sign", "neg", "softmax",
               "log_softmax", "logsigmoid", "reciprocal")  # fmt: skip
FAMILIES: tuple[tuple[str, ...], ...] = (
    REDUCTIONS,
    ELEMENTWISE,
    ("argmax", "argmin"),
    ("maximum", "minimum"),
    ("ones_like", "zeros_like"),
    ("ones", "zeros"),
    ("floor", "ceil", "round", "trunc"),
    ("repeat", "repeat_interleave"),
    ("gt", "ge", "lt", "le", "eq", "ne"),
    ("triu", "tril"),
    ("flip", "fliplr", "flipud"),
)
OPERATIONS = {
    ast.Add: ("+", (ast.Sub, ast.Mult)),
    ast.Sub: ("-", (ast.Add, ast.Div)),
    ast.Mult: ("*", (ast.Div, ast.Add, ast.Sub, ast.Pow)),
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


def _name(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _method(node: ast.Call) -> bool:
    """Whether a call is one of a value, not of a module."""
    return isinstance(node.func, ast.Attribute) and not (
        isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("F", "torch", "math", "np", "numpy", "functional")
    )


def of_operations(node: ast.AST, parent: ast.AST, names: tuple[str, ...]) -> Edits:
    """Signs, comparisons, sides, brackets and terms that do not belong there."""
    if isinstance(node, ast.BinOp):
        sign, others = OPERATIONS.get(type(node.op), ("", ()))
        for kept, lost in ((node.left, node.right), (node.right, node.left)):
            yield f"`{ast.unparse(lost)[:40]}` does not belong there", kept
        if not isinstance(node.op, (ast.Add, ast.Mult)):
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


def of_calls(node: ast.AST, parent: ast.AST, names: tuple[str, ...]) -> Edits:
    """Functions, numbers, dimensions and slices that are not the right ones."""
    if isinstance(node, ast.Call):
        name = _name(node)
        inner = node.func.value if _method(node) else (node.args or [None])[0]
        if inner is not None and not isinstance(inner, ast.Starred):
            yield f"`{name}` does not belong there", inner
        for family in FAMILIES:
            for other in family if name in family else ():
                if other != name:
                    yield (
                        f"`{name}` is not the function that belongs there",
                        ast.Call(_renamed(node.func, other), node.args, node.keywords),
                    )
        yield from _of_arguments(node, name)
    elif isinstance(node, ast.Constant):
        yield from _of_constants(node, parent)
    elif isinstance(node, ast.Slice) and node.step is None:
        words = "the slice does not begin or end where it should"
        for low, high in ((None, None), (1, None), (None, -1)):
            new = ast.Slice(*(None if x is None else ast.parse(str(x), mode="eval").body
                              for x in (low, high)))  # fmt: skip
            if ast.unparse(new) != ast.unparse(node):
                yield words, new
        for field in ("lower", "upper"):
            bound = getattr(node, field)
            if bound is not None:
                for more in (ast.Add(), ast.Sub()):
                    new = ast.Slice(node.lower, node.upper)
                    setattr(new, field, ast.BinOp(bound, more, ast.Constant(1)))
                    yield words, new
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield "the index does not belong there", node.value


def _renamed(func: ast.expr, name: str) -> ast.expr:
    if isinstance(func, ast.Attribute):
        return ast.Attribute(func.value, name, ast.Load())
    return ast.Name(name, ast.Load())


def _of_arguments(node: ast.Call, name: str) -> Edits:
    if len(node.args) == 2:
        yield (
            "the two arguments are exchanged",
            ast.Call(node.func, node.args[::-1], node.keywords),
        )
        if name in ("min", "max", "minimum", "maximum", "where"):
            for kept in node.args:
                yield f"`{name}` does not belong there", kept
    for n, keyword in enumerate(node.keywords):
        rest = [k for m, k in enumerate(node.keywords) if m != n]
        yield (
            f"`{keyword.arg}` does not belong there",
            ast.Call(node.func, node.args, rest),
        )
    words = "the dimension is missing"
    if name in REDUCTIONS and _method(node) and not node.args and not node.keywords:
        for dim in ("-1", "0", "1"):
            along = ast.parse(dim, mode="eval").body
            yield words, ast.Call(node.func, [along], [])
            kept = ast.keyword("keepdim", ast.Constant(True))
            yield words, ast.Call(node.func, [along], [kept])
    if name in (*REDUCTIONS, "argmax") and (node.args or node.keywords):
        yield "the dimension does not belong there", ast.Call(node.func, [], [])
    if name in REDUCTIONS and not any(k.arg == "keepdim" for k in node.keywords):
        kept = ast.keyword("keepdim", ast.Constant(True))
        yield (
            "the dimension is lost (think of `keepdim`)",
            ast.Call(node.func, node.args, [*node.keywords, kept]),
        )
    if name in ("std", "var") and not any(k.arg == "correction" for k in node.keywords):
        kept = ast.keyword("correction", ast.Constant(0))
        yield (
            "n − 1 is divided by, where n belongs",
            ast.Call(node.func, node.args, [*node.keywords, kept]),
        )
    if name in ("sort", "argsort"):
        falling = ast.keyword("descending", ast.Constant(True))
        if not any(k.arg == "descending" for k in node.keywords):
            yield (
                "the order is the other way round",
                ast.Call(node.func, node.args, [*node.keywords, falling]),
            )
    if name == "range" and node.args:
        for n, argument in enumerate(node.args[:2]):
            for more in (ast.Add(), ast.Sub()):
                args = list(node.args)
                args[n] = ast.BinOp(argument, more, ast.Constant(1))
                yield (
                    "the loop does not begin or end where it should",
                    ast.Call(node.func, args, node.keywords),
                )


def _of_constants(node: ast.Constant, parent: ast.AST) -> Edits:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} is not what belongs there", ast.Constant(not value)
    elif isinstance(value, (int, float)):
        others = [0, 1, -1, 2, value + 1, value - 1, 2 * value, value / 2, 0.5]
        if isinstance(value, int):
            others = [x for x in others if x == int(x)] + [0.5, value / 2]
        if 0 < value < 0.1:
            others += [0.0] + [10.0**-k for k in range(3, 13)]
        for other in dict.fromkeys(others):
            if other != value:
                yield (
                    f"{value:g} is not the number that belongs there",
                    ast.parse(repr(other), mode="eval").body,
                )
    elif isinstance(value, str):
        for other in ("", " ", "\n", value.strip(), value + "\n", value + " "):
            if other != value:
                yield (
                    f"{value!r} is not the text that belongs there",
                    ast.Constant(other),
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


CLASSES: tuple[Edit, ...] = (of_operations, of_calls, of_names, of_missing)
