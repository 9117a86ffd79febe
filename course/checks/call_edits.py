"""Changes of a call, a number or a slice of a learner's lines."""

import ast
from collections.abc import Iterator

Edits = Iterator[tuple[str, ast.AST]]
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


def name_of(node: ast.Call) -> str:
    """The name of the function or method that a call calls."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def is_method(node: ast.Call) -> bool:
    """Whether a call is one of a value, not of a module."""
    return isinstance(node.func, ast.Attribute) and not (
        isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("F", "torch", "math", "np", "numpy", "functional")
    )


def of_calls(node: ast.AST, parent: ast.AST, names: tuple[str, ...]) -> Edits:
    """Functions, numbers, dimensions and slices that are not the right ones."""
    if isinstance(node, ast.Call):
        name = name_of(node)
        inner = node.func.value if is_method(node) else (node.args or [None])[0]
        if inner is not None and not isinstance(inner, ast.Starred):
            yield f"`{name}` does not belong there", inner
        yield from _of_chains(node)
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
    elif isinstance(node, ast.Attribute) and node.attr in ("values", "indices"):
        call, other = node.value, "indices" if node.attr == "values" else "values"
        said = f"`{node.attr}` is not what belongs there"
        yield said, ast.Attribute(call, other, ast.Load())
        if isinstance(call, ast.Call) and name_of(call) in REDUCTIONS:
            for name in ("mean", "sum", "amax", "amin"):
                yield (
                    f"`{name_of(call)}` is not the function that belongs there",
                    ast.Call(_renamed(call.func, name), call.args, call.keywords),
                )
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield "the index does not belong there", node.value


def _of_chains(node: ast.Call) -> Edits:
    """Several steps one after another that do not belong there, or in that order."""
    if not is_method(node):
        return
    inner: ast.AST = node.func.value
    for _ in range(3):
        if not (isinstance(inner, ast.Call) and is_method(inner)):
            break
        inner = inner.func.value
        steps = ast.unparse(node).removeprefix(ast.unparse(inner))
        yield f"`{steps[:40]}` does not belong there", inner
    inside = node.func.value
    if isinstance(inside, ast.BinOp):  # (x + c).f() for x.f() + c
        for kept, other, first in (
            (inside.left, inside.right, True),
            (inside.right, inside.left, False),
        ):
            func = ast.Attribute(kept, node.func.attr, ast.Load())
            call = ast.Call(func, node.args, node.keywords)
            sides = (call, other) if first else (other, call)
            yield (
                f"`{ast.unparse(other)[:40]}` belongs outside `{node.func.attr}`",
                ast.BinOp(sides[0], inside.op, sides[1]),
            )


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
    yield from _of_limits(node, name)
    words = "the dimension is missing"
    if name in REDUCTIONS and is_method(node) and not node.args and not node.keywords:
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


def _of_limits(node: ast.Call, name: str) -> Edits:
    """Limits on one side only, and two limits that are both too wide or too narrow."""
    if name != "clamp":
        return
    for n, keyword in enumerate(node.keywords):
        if len(node.keywords) == 1 and not node.args and n == 0:
            low, high = keyword.value, keyword.value
            if keyword.arg == "max":
                low = ast.UnaryOp(ast.USub(), keyword.value)
            else:
                high = ast.UnaryOp(ast.USub(), keyword.value)
            yield (
                "the limit on the other side is missing",
                ast.Call(node.func, [low, high], []),
            )
    bounds = [*node.args, *(k.value for k in node.keywords)]
    if len(bounds) == 2 and len(node.args) in (0, 2):
        for factor in (2.0, 0.5, 4.0, 10.0, 0.1):
            wider = [ast.BinOp(b, ast.Mult(), ast.Constant(factor)) for b in bounds]
            yield "the limits are not the right ones", ast.Call(node.func, wider, [])


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
