"""Slips made in the lines of the right function: one change in one place each."""

import ast
import copy
import inspect
import textwrap
import types
from collections.abc import Iterator
from functools import cache

from course.checks.comparing import same
from course.checks.exercise import Exercise
from course.checks.observing import observe
from course.checks.slip import IS, Function, Slip

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
    "exp": ("expm1",),
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
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.Sub), ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
}  # fmt: skip
Change = tuple[str, ast.AST | None]  # the words, and what stands there instead


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


def in_the_lines(exercise: Exercise) -> Iterator[Slip]:
    """Every change of one place in the reference and in what it calls of the course."""
    every = lines(exercise)
    for function, tree in every.trees.items():
        if any(isinstance(node, ast.While) for node in ast.walk(tree)):
            continue
        for sentence, changed in _changed(tree, set(exercise.parameters)):
            try:
                made = every.build(function, changed)
            except (SyntaxError, TypeError, ValueError):
                continue
            yield Slip(sentence, lambda _, w=made: w)
    for step in _steps(every.trees.get(exercise.load())):
        part = every.build(exercise.load(), step)
        yield Slip(STEP, lambda _, w=part: w)


NOT_CHANGED = ("course.tasks.safe_programs", "course.tasks.programs")
STEP = (
    "your result is only a step on the way to the expected one: something still has "
    "to be done with it"
)


def _steps(tree: ast.Module | None) -> Iterator[ast.Module]:
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
        for place, (node, _, _) in enumerate(_expressions(tree.body[0])):
            if not isinstance(node, (ast.Call, ast.BinOp, ast.Name, ast.Subscript)):
                continue
            if isinstance(getattr(node, "ctx", None), ast.Store):
                continue
            new = ast.Call(ast.Attribute(node, "detach", ast.Load()), [], [])
            try:
                yield every.build(function, _exchanged(tree, place, new))
            except (SyntaxError, TypeError, ValueError):
                continue


def _exchanged(tree: ast.Module, place: int, new: ast.AST | None) -> ast.Module:
    twin = copy.deepcopy(tree)
    _, parent, (field, index) = _expressions(twin.body[0])[place]
    if index is None:
        setattr(parent, field, copy.deepcopy(new))
    else:
        getattr(parent, field)[index] = copy.deepcopy(new)
    return twin


def _changed(tree: ast.Module, words: set[str]) -> Iterator[tuple[str, ast.Module]]:
    """The module of a function, once for each change of one expression."""
    for place, (node, above, _) in enumerate(_expressions(tree.body[0])):
        if isinstance(node, ast.Constant) and not _of_arithmetic(node, above):
            continue
        for words_, new in _changes(node, words):
            yield f"{IS} {words_}", _exchanged(tree, place, new)


def _expressions(define: ast.AST) -> list[tuple[ast.AST, ast.AST, tuple]]:
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


def _of_arithmetic(node: ast.Constant, above: ast.AST) -> bool:
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


def _refuses(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return all(map(_refuses, node.body)) and not node.orelse
    return isinstance(node, ast.Raise) or (
        isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Constant))
        and not isinstance(getattr(node.value, "func", None), ast.Attribute)
    )  # fmt: skip


def _changes(node: ast.AST, words: set[str]) -> Iterator[Change]:
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
