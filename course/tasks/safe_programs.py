"""Programs of one line, judged by walking their syntax tree: nothing is ever run."""

import ast
import operator
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course.expect import check_text, whole_number
from course.score import Score

LONGEST, DEEPEST = 40, 12  # characters of a program, levels of its tree
_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
Tests = Sequence[tuple[int, int]]  # x, and what the program must be there


def safe_value(program: str, x: int) -> int | None:
    """What the program is at x; None where it holds anything that is not allowed.

    Allowed: whole numbers, x, + - *, brackets, `a if b == c else d`; at most 40
    characters and 12 levels.  The tree of `ast.parse` is walked, and nothing is
    executed: no call, attribute, power, loop or import has a value.
    Raises TypeError unless the program is a text.  Chapter 15.

    >>> safe_value("(x+7)*8", 1), safe_value("120 if x==8 else 112", 8)
    (64, 120)
    >>> safe_value("open('x')", 1), safe_value("x**9**9", 1), safe_value("True", 1)
    (None, None, None)
    """
    whole_number(x=x)
    try:
        if len(check_text(program)) > LONGEST:
            return None
        with warnings.catch_warnings():  # Python only warns of "1if x"
            warnings.simplefilter("ignore")
            tree = ast.parse(program.strip(), mode="eval")
        return _walk(tree.body, x, 0)
    except (SyntaxError, ValueError):  # a null byte, half a surrogate pair
        return None


def _walk(node: ast.AST, x: int, depth: int) -> int:
    """The value of a tree; ValueError on whatever is not in the list."""

    def below(child: ast.AST) -> int:
        return _walk(child, x, depth + 1)

    if depth >= DEEPEST:
        raise ValueError(f"got a tree of more than {DEEPEST} levels")
    match node:
        case ast.Constant(value=number) if type(number) is int:  # True is no number
            return number
        case ast.Name(id="x"):
            return x
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -below(inner)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](below(left), below(right))
        case ast.IfExp(test=ast.Compare(left=a, ops=[ast.Eq()], comparators=[b])):
            yes, no = below(node.body), below(node.orelse)  # both must be allowed
            return yes if below(a) == below(b) else no
    raise ValueError(f"got {type(node).__name__}, expected numbers, x, + - * or if")


def passes(program: str, tests: Tests) -> bool:
    """Whether the program has the right value in every test; False if it has none.

    tests: pairs (x, what it must be).  Raises ValueError without a test: whatever was
    written would pass.  Chapter 15.

    >>> passes("x+1", [(1, 2), (2, 3)]), passes("import os", [(1, 2)])
    (True, False)
    """
    if not len(tests):
        raise ValueError("got no tests, expected at least one")
    return all(safe_value(program, x) == wanted for x, wanted in tests)


def tested(make_tests: Callable[[str], Tests]) -> Score:
    """`score(prompts, programs)`: 1 where all of `make_tests(prompt)` pass, else 0.

    Chapter 15.
    """

    def score(prompts: Sequence[str], programs: Sequence[str]) -> Tensor:
        pairs = zip(prompts, programs, strict=True)
        return torch.tensor([float(passes(y, make_tests(p))) for p, y in pairs])

    return score
