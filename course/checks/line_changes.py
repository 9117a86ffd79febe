"""What a slip may change in one expression, with the words that tell it."""

import ast
import copy
from collections.abc import Iterator

WITHOUT = {
    "sum": "the sum",
    "mean": "the mean",
    "abs": "the absolute value",
    "exp": "the exponential",
    "log": "the logarithm",
    "log2": "the logarithm",
    "sqrt": "the square root",
    "square": "the square",
    "cumsum": "adding up along the line",
    "clamp": "the limits",
    "masked_fill": "the mask",
    "flip": "the reversing",
    "softmax": "the softmax",
    "log_softmax": "the log-softmax",
    "strip": "cutting the space around a text",
    "lower": "lower case",
    "nan_to_num": "replacing NaN",
    "set": "counting each one once",
    "sorted": "sorting",
    "float": "",
}
INSTEAD = {
    "sum": ("mean", "max"),
    "mean": ("sum", "median"),
    "log_softmax": ("softmax", "log_sigmoid"),
    "softmax": ("log_softmax", "sigmoid", "exp"),
    "logsigmoid": ("sigmoid", "softplus"),
    "min": ("max",),
    "max": ("min",),
    "minimum": ("maximum",),
    "maximum": ("minimum",),
    "argmax": ("argmin",),
    "argmin": ("argmax",),
    "std": ("var",),
    "var": ("std",),
    "log": ("log2", "log10", "log1p"),
    "exp": ("expm1", "exp2"),
    "square": ("abs",),
    "abs": ("square",),
    "all": ("any",),
    "any": ("all",),
    "silu": ("relu", "gelu", "sigmoid", "tanh"),
    "cos": ("sin",),
    "sin": ("cos",),
    "cumsum": ("cumprod",),
}
SIGNS = {
    ast.Add: ("plus", "+"), ast.Sub: ("minus", "−"), ast.Mult: ("times", "·"),
    ast.Div: ("divided by", "/"), ast.Lt: ("<", "<"), ast.LtE: ("≤", "≤"),
    ast.Gt: (">", ">"), ast.GtE: ("≥", "≥"), ast.Eq: ("=", "="),
}  # fmt: skip
OTHER = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add, ast.Div), ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.Sub), ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
}  # fmt: skip
Change = tuple[str, ast.AST | None]  # the words, and what stands there instead


def of_arithmetic(node: ast.Constant, above: ast.AST) -> bool:
    """Whether a number is one that is computed with, and no place or dimension."""
    if isinstance(above, ast.Call):
        name = getattr(above.func, "attr", getattr(above.func, "id", ""))
        return name in (
            "clamp",
            "min",
            "max",
            "pow",
            "masked_fill",
            "full_like",
            "where",
        )
    return isinstance(above, (ast.BinOp, ast.Compare, ast.IfExp))


def changes(node: ast.AST, words: set[str]) -> Iterator[Change]:
    """Each change of one expression; words: the parameters that may be named."""
    if isinstance(node, ast.Call):
        yield from _of_calls(node)
    elif isinstance(node, ast.BinOp):
        yield from _of_sums(node, words)
    elif isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
            yield "with a minus sign missing on the way", node.operand
        if isinstance(node.op, ast.Invert):
            yield "with a mask the other way round", node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        old = type(node.ops[0])
        for new in OTHER.get(old, ()):
            yield (
                f"with {SIGNS[new][0]} where {SIGNS[old][0]} belongs",
                ast.Compare(node.left, [new()], node.comparators),
            )
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield from _of_numbers(node.value)
    elif isinstance(node, ast.Slice) and node.step is None:
        yield from _of_slices(node)
    elif isinstance(node, ast.IfExp):
        yield "without a special case", node.body
        yield "without a special case", node.orelse


def _of_calls(node: ast.Call) -> Iterator[Change]:
    method = isinstance(node.func, ast.Attribute)
    name = node.func.attr if method else getattr(node.func, "id", "")
    of_module = method and getattr(node.func.value, "id", "") in ("F", "math", "torch")
    inner = node.func.value if method and not of_module else (node.args or [None])[0]
    if WITHOUT.get(name) and inner is not None and not isinstance(inner, ast.Starred):
        yield f"without {WITHOUT[name]}", inner
    for other in INSTEAD.get(name, ()):
        func = copy.deepcopy(node.func)
        if method:
            func.attr = other
        else:
            func.id = other
        said = f"with `{other}` where `{name}` belongs"
        yield said, ast.Call(func, node.args, node.keywords)
    if name in ("min", "max", "minimum", "maximum") and len(node.args) == 2:
        for kept in node.args:
            yield f"without the {name[:3]}imum of two numbers", kept
    if name == "clamp" and method and len(node.args) == 2:
        low, high = node.args
        for side, kept in (
            ("above", ast.keyword("min", low)),
            ("below", ast.keyword("max", high)),
        ):
            yield f"without the limit from {side}", ast.Call(node.func, [], [kept])
    if name in ("list", "zip", "split", "range"):
        last = ast.Slice(None, ast.UnaryOp(ast.USub(), ast.Constant(1)))
        every = ast.Call(ast.Name("list", ast.Load()), [node], [])
        yield "with the last one left out", ast.Subscript(every, last, ast.Load())
    if name == "reversed":
        yield "from the first to the last, not from the last to the first", node.args[0]
    for n, keyword in enumerate(node.keywords):
        if keyword.arg == "correction" and isinstance(keyword.value, ast.Constant):
            keywords = copy.deepcopy(node.keywords)
            keywords[n].value = ast.Constant(1 - keyword.value.value)
            bias = "n − 1" if keyword.value.value == 0 else "n"
            said = f"with a standard deviation that divides by {bias}"
            yield said, ast.Call(node.func, node.args, keywords)
        if keyword.arg == "descending":
            rest = [k for k in node.keywords if k is not keyword]
            yield "sorted the other way round", ast.Call(node.func, node.args, rest)
    if name in ("sum", "mean", "softmax", "log_softmax", "logsumexp", "std", "cumsum"):
        yield from _of_dimensions(node, name)


def _of_dimensions(node: ast.Call, name: str) -> Iterator[Change]:
    """The same call along another dimension, and over everything at once."""
    places = [
        n for n, a in enumerate(node.args) if isinstance(a, (ast.Constant, ast.UnaryOp))
    ]
    named = [n for n, k in enumerate(node.keywords) if k.arg in ("dim", "axis")]
    if not places and not named:
        return
    for dim in (0, 1, -1):
        args, keywords = list(node.args), copy.deepcopy(node.keywords)
        new = ast.parse(str(dim), mode="eval").body
        if named:
            keywords[named[0]].value = new
        else:
            args[places[0]] = new
        said = f"with the {name.replace('_', '-')} along dimension {dim}"
        yield said, ast.Call(node.func, args, keywords)
    if name in ("sum", "mean", "std"):
        rest = [k for k in node.keywords if k.arg not in ("dim", "axis", "keepdim")]
        args = [a for n, a in enumerate(node.args) if n not in places]
        yield (
            f"with the {name} over everything at once",
            ast.Call(node.func, args, rest),
        )


def _of_sums(node: ast.BinOp, words: set[str]) -> Iterator[Change]:
    old = type(node.op)
    for new in OTHER.get(old, ()):
        said = f"with “{SIGNS[new][0]}” where “{SIGNS[old][0]}” belongs, on the way"
        yield said, ast.BinOp(node.left, new(), node.right)
    if old in (ast.Add, ast.Sub, ast.Mult, ast.Div):
        kind = "term" if old in (ast.Add, ast.Sub) else "factor"
        for kept, lost in ((node.left, node.right), (node.right, node.left)):
            names = {n.id for n in ast.walk(lost) if isinstance(n, ast.Name)}
            text = ast.unparse(lost).replace("'", "’")
            known = names <= words and len(text) < 30
            if old is ast.Div and lost is node.right:
                kind = "divisor"
            yield f"without {f'the {kind} `{text}`' if known else f'one {kind}'}", kept
    if old in (ast.Sub, ast.Div):
        kind = "difference" if old is ast.Sub else "fraction"
        yield f"with a {kind} turned over", ast.BinOp(node.right, node.op, node.left)
    if old is ast.Div:
        for other, words in ((ast.Add(), "large"), (ast.Sub(), "small")):
            divisor = ast.BinOp(node.right, other, ast.Constant(1))
            said = f"with a divisor that is 1 too {words}"
            yield said, ast.BinOp(node.left, node.op, divisor)
    if old is ast.Pow:
        yield "without a power", node.left


def _of_numbers(value: int | float) -> Iterator[Change]:
    others: tuple[float, ...] = (value + 1, value - 1, 2 * value)
    if isinstance(value, float):
        others = (0.0, 1.0, 2 * value, value / 2, value * 10, value / 10)
        if 0 < value < 0.01:
            others = (0.0, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01)
    for other in sorted(set(others) - {value}):
        yield (
            f"with {other:g} where {value:g} belongs",
            ast.parse(repr(other), mode="eval").body,
        )


def _of_slices(node: ast.Slice) -> Iterator[Change]:
    one = ast.Constant(1)
    first, last = ast.Slice(one, None), ast.Slice(None, ast.UnaryOp(ast.USub(), one))
    if node.lower is not None and node.upper is None:
        yield "with the last entry left out where the first one belongs out", last
        yield "with the first entry not left out", ast.Slice(None, None)
    if node.upper is not None and node.lower is None:
        yield "with the first entry left out where the last one belongs out", first
        yield "with the last entry not left out", ast.Slice(None, None)
