"""The answer's own lines: the one place where a change makes them right."""

import ast
import copy
import inspect
import linecache
import time
import types
from collections.abc import Iterator
from functools import cache

from course.checks.edits import CLASSES, Edit, of_shapes
from course.checks.lines import expressions
from course.checks.recognise import Case, called
from course.checks.slip import Function

SECONDS = 0.3  # of computing, for all changes of one answer
# What a change must not make do something else: files, programs, texts that are run.
FILES = ("open", "os", "sys", "shutil", "subprocess", "pathlib", "Path", "input")
LEFT_ALONE = ("eval", "exec", "compile", "__import__", "setattr", "globals", *FILES)
GROWING = ("append", "extend", "insert", "add", "update", "setdefault")
LONGEST = 60  # characters of a line that is quoted


def repaired(case: Case) -> str | None:
    """Which part of the answer's own lines is wrong, if it is a single one.

    Said only where the lines, changed there and nowhere else, give the expected
    result on every probe and on other inputs.  What belongs there is not told.
    """
    found = repair_of(case)
    return found[0] if found else None


def repair_of(case: Case) -> tuple[str, Function] | None:
    """The sentence of the one wrong part, and the answer with that part changed."""
    until = time.process_time() + SECONDS
    own = _Own.of(case.function)
    stops = case.outcomes[case.wrong[0]].error is not None if case.wrong else False
    classes = (of_shapes, *CLASSES) if stops else CLASSES
    for edits in classes if own else ():
        for inside, node, what, candidate in _candidates(own, edits):
            if time.process_time() > until:
                return None
            if _right(case, candidate):
                return _sentence(inside, node, what), candidate
    return None


def _sentence(inside: bool, node: ast.AST, what: str) -> str:
    quoted = ast.unparse(node).replace("\n", " ")
    if len(quoted) > LONGEST:
        quoted = f"{quoted[:LONGEST]} …"
    where = "" if inside else "in a function that you call, "
    return f"your code is right but for one place: {where}in `{quoted}`, {what}"


def _right(case: Case, candidate: Function) -> bool:
    """Whether a function gives what is expected, the wrong probes tried first."""
    others = (n for n in range(len(case.probes)) if n not in case.wrong)
    for n in (*case.wrong, *others):
        if not case.right(n, called(candidate, case.probes[n])):
            return False
    right = case.exercise.load()
    for probe in case.exercise.calls(seed=23):
        if not case.close(called(candidate, probe), called(right, probe)):
            return False
    return True


def _candidates(
    own: "_Own", edits: Edit
) -> Iterator[tuple[bool, ast.AST, str, Function]]:
    """(whether in the answer itself, changed part, words, the answer changed there)."""
    for part, define in own.defines.items():
        if any(map(_is_left_alone, ast.walk(define))):
            continue
        names = _names(define)
        for node, parent, (field, index) in expressions(define):
            if isinstance(getattr(node, "ctx", None), ast.Store):
                continue
            if isinstance(node, ast.IfExp) and part is not own.function:
                continue  # a switch of a function that serves other answers, too
            for what, new in edits(node, parent, names):
                if index is None:
                    setattr(parent, field, new)
                else:
                    getattr(parent, field)[index] = new
                try:
                    candidate = own.build()
                except (SyntaxError, TypeError, ValueError):
                    candidate = None
                if index is None:
                    setattr(parent, field, node)
                else:
                    getattr(parent, field)[index] = node
                if candidate is not None:
                    small = isinstance(node, (ast.Name, ast.Constant, ast.Slice))
                    shown = parent if small else node
                    yield part is own.function, shown, what, candidate


def _is_left_alone(node: ast.AST) -> bool:
    """Loops that might not end, and names that reach outside the function."""
    if isinstance(node, (ast.While, ast.Global, ast.Nonlocal, ast.Import)):
        return True
    return isinstance(node, ast.Name) and node.id in LEFT_ALONE


def _names(define: ast.FunctionDef) -> tuple[str, ...]:
    """Parameters and local names, in the order in which they come.

    Those that grow in place are left out: a list that holds itself ends torch, and
    Python with it.
    """
    given = [a.arg for a in (*define.args.args, *define.args.kwonlyargs)]
    stored, grown = [], set()
    for node in ast.walk(define):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            stored.append(node.id)
        target = None
        if isinstance(node, ast.AugAssign):
            target = node.target
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            target = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            target = node.func.value if node.func.attr in GROWING else None
        while isinstance(target, (ast.Subscript, ast.Attribute)):
            target = target.value
        if isinstance(target, ast.Name):
            grown.add(target.id)
    return tuple(n for n in dict.fromkeys(given + stored) if n not in grown)


class _Own:
    """A learner's function and those of the same file that it calls, as trees."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.defines: dict[Function, ast.FunctionDef] = {}
        self._read(function)

    @staticmethod
    def of(function: Function) -> "_Own | None":
        """None where the lines cannot be read or depend on a function around them."""
        if not isinstance(function, types.FunctionType):
            return None
        own = _Own(function)
        return own if function in own.defines else None

    def _read(self, function: Function) -> None:
        define = None if function.__closure__ else _define(function)
        if define is None or function in self.defines or len(self.defines) > 5:
            return
        self.defines[function] = define
        for name in function.__code__.co_names:
            inner = function.__globals__.get(name)
            if (
                isinstance(inner, types.FunctionType)
                and inner.__name__ == name
                and inner.__globals__ is function.__globals__
            ):
                self._read(inner)

    def build(self) -> Function:
        """The function from the trees as they stand, in names of its own."""
        around = dict(self.function.__globals__)
        for part, define in self.defines.items():
            tree = ast.fix_missing_locations(ast.Module([define], []))
            exec(compile(tree, "<change>", "exec"), around)
            made = around[define.name]
            made.__defaults__ = part.__defaults__
            made.__kwdefaults__ = part.__kwdefaults__
        return around[self.defines[self.function].name]


def _define(function: Function) -> ast.FunctionDef | None:
    """A function's lines without annotations, decorators and defaults."""
    code = function.__code__
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    found = [
        node for node in _functions(text)
        if _first_line(node) == code.co_firstlineno and _is(node, function)
    ]  # fmt: skip
    if len(found) != 1:
        return None
    node = copy.deepcopy(found[0])
    if isinstance(node, ast.Lambda):
        body: list[ast.stmt] = [ast.Return(node.body)]
        node = ast.FunctionDef("answer", node.args, body, [])
        node.type_params = []
    node.decorator_list, node.returns = [], None
    for argument in (*node.args.args, *node.args.kwonlyargs):
        argument.annotation = None
    node.args.defaults = []
    node.args.kw_defaults = [None] * len(node.args.kwonlyargs)
    return node


@cache
def _functions(text: str) -> tuple[ast.AST, ...]:
    """Every function and lambda of a file."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return ()
    kinds = ast.FunctionDef, ast.Lambda
    return tuple(node for node in ast.walk(tree) if isinstance(node, kinds))


def _first_line(node: ast.AST) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([d.lineno for d in decorators] + [getattr(node, "lineno", 0)])


def _is(node: ast.AST, function: Function) -> bool:
    if isinstance(node, ast.FunctionDef):
        return node.name == function.__name__
    if not isinstance(node, ast.Lambda) or function.__name__ != "<lambda>":
        return False
    made = eval(compile(ast.Expression(node), "<same>", "eval"), {**_nothing(node)})
    one, other = made.__code__, function.__code__
    return (one.co_code, one.co_names, one.co_varnames) == (
        other.co_code, other.co_names, other.co_varnames,
    ) and repr(_plain(one)) == repr(_plain(other))  # fmt: skip


def _nothing(node: ast.Lambda) -> dict[str, None]:
    """Names that the defaults of a lambda may need."""
    return {n.id: None for n in ast.walk(node) if isinstance(n, ast.Name)}


def _plain(code: types.CodeType) -> list:
    return [x for x in code.co_consts if not inspect.iscode(x)]
