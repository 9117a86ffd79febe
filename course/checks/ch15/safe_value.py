"""Exercise 15.3: the value of a program that is never run."""

import ast
import operator

import torch

from course.checks.ch15.judge import OPERATORS, Judge
from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in


def probes(generator: torch.Generator) -> list[Probe]:
    a, b, x = torch.randint(2, 30, (3,), generator=generator).tolist()
    return [
        Probe("x itself", ("x", 3)),
        Probe("a bracket", ("(x+7)*8", 8)),
        Probe("no bracket", ("x+7*8", 8)),
        Probe("a difference", ("x-5", 2)),
        Probe("a lookup, found", ("120 if x==8 else 112", 8)),
        Probe("a lookup, not found", ("120 if x==8 else 112", 7)),
        Probe("a minus in front", ("-x*2", 4)),
        Probe("space around it", (" x+1\n", 4)),
        Probe("numbers drawn", (f"(x-{a})*{b}", x)),
        Probe("zero", ("x-x", 5)),
        Probe("another name", ("y+1", 4)),
        Probe("nothing written", ("", 1)),
        Probe("half a program", ("(x+", 1)),
        Probe("a call", ("abs(x)", 1)),
        Probe("an attribute", ("x.real", 1)),
        Probe("a power", ("x**9", 2)),
        Probe("a division", ("x/1", 2)),
        Probe("a division without remainder", ("x//2", 6)),
        Probe("a remainder", ("x%4", 6)),
        Probe("a plus in front", ("+x", 6)),
        Probe("True", ("True", 1)),
        Probe("a comparison alone", ("x==1", 1)),
        Probe("a number with a point", ("1.0*x", 2)),
        Probe("a text", ("'a'", 1)),
        Probe("less than", ("1 if x<2 else 0", 1)),
        Probe("not equal", ("1 if x!=2 else 0", 1)),
        Probe("a condition without ==", ("1 if x else 0", 1)),
        Probe("two comparisons in one", ("1 if x==1==1 else 0", 1)),
        Probe("a call that is not reached", ("1 if x==x else abs(x)", 1)),
        Probe("a null byte", ("x\0", 1)),
        Probe("40 characters", ("x" + " " * 37 + "+1", 1)),
        Probe("41 characters", ("x" + " " * 38 + "+1", 1)),
        Probe("41 characters, 38 of them after it", ("x+1" + " " * 38, 1)),
        Probe("a bracket in a bracket", ("2*(x-(3-x))", 5)),
        Probe("12 levels", ("-" * 11 + "x", 2)),
        Probe("13 levels", ("-" * 12 + "x", 2)),
        Probe("14 levels", ("-" * 13 + "x", 2)),
        Probe("13 parts on 7 levels", ("x" + "+x" * 6, 2)),
        Probe("the number 0", ("x+0", 3)),
        Probe("a capital X", ("X+1", 4)),
        Probe("a factor without its sign", ("2x", 3)),
        Probe("a shift of bits", ("x<<1", 3)),
        Probe("bits of both", ("x&3", 6)),
        Probe("bits of one", ("x^1", 6)),
        Probe("bits of either", ("x|1", 6)),
        Probe("bits turned round", ("~x", 3)),
        Probe("a truth turned round", ("not x", 3)),
        Probe("more than 64 bits", ("9999999999*9999999999*x", 3)),
    ]


def wrong(sentence: str, **changes):
    """A mistake: the walk with one rule changed."""
    judge = Judge(**changes)

    def function(program: str, x: int) -> int | None:
        return judge(program, x)

    return mistake(sentence)(function)


powers = wrong(
    "you allow a power: 9**9**9 would keep a computer busy for ever; the list has only "
    "+ - *",
    operators=OPERATORS | {ast.Pow: lambda a, b: a ** min(abs(b), 9)},
)
divisions = wrong(
    "you allow a division: it is not in the list, and x/0 would raise",
    operators=OPERATORS | {ast.Div: lambda a, b: a / b if b else 0},
)
whole_divisions = wrong(
    "you allow // or %: the list has only + - *",
    operators=OPERATORS
    | {
        ast.FloorDiv: lambda a, b: a // b if b else 0,
        ast.Mod: lambda a, b: a % b if b else 0,
    },
)
only_whole_division = wrong(
    "you allow //: the list has only + - *",
    operators=OPERATORS | {ast.FloorDiv: lambda a, b: a // b if b else 0},
)
only_remainders = wrong(
    "you allow %: the list has only + - *",
    operators=OPERATORS | {ast.Mod: lambda a, b: a % b if b else 0},
)
bits = wrong(
    "you allow operations on bits: the list has only + - *",
    operators=OPERATORS
    | {
        ast.BitAnd: operator.and_,
        ast.BitOr: operator.or_,
        ast.BitXor: operator.xor,
        ast.LShift: lambda a, b: a << min(max(b, 0), 99),
        ast.RShift: lambda a, b: a >> max(b, 0),
    },
)
no_product = wrong(
    "you refuse a product: `*` is ast.Mult, and it is in the list",
    operators={ast.Add: operator.add, ast.Sub: operator.sub},
)
no_difference = wrong(
    "you refuse a difference: `-` between two parts is a BinOp with ast.Sub, and it is "
    "in the list",
    operators={ast.Add: operator.add, ast.Mult: operator.mul},
)
plus_in_front = wrong("you allow a plus in front: only a minus is listed", plus=True)
not_equal = wrong(
    "you allow !=: between `if` and `else` only == is in the list",
    compare=(ast.Eq, ast.NotEq),
)
length_of_the_rest = wrong(
    "you take the space away before you count: it belongs to the 40 characters",
    counted=lambda program: len(program.strip()),
)
any_name = wrong(
    "you take every name for x: only x is in the list, y has no value", names=()
)
truth_is_a_number = wrong(
    "True is an int to isinstance: ask for type(node.value) is int",
    numbers=lambda n: isinstance(n, int),
)
any_number = wrong(
    "you allow numbers with a point: only whole numbers are in the list",
    numbers=lambda n: type(n) in (int, float),
)
any_constant = wrong(
    "you return every constant, texts too: only whole numbers are in the list",
    numbers=lambda n: True,
)
no_minus = wrong(
    "you refuse the minus in front of a number: -x is a UnaryOp with USub, and it is "
    "in the list",
    minus=False,
)
any_length = wrong("you forget the limit of 40 characters", longest=10**6)
one_too_few = wrong("40 characters are allowed, only more are not", longest=39)
any_depth = wrong(
    "you forget the limit of 12 levels: a minus before a minus before a minus is one "
    "level each",
    deepest=10**6,
)
one_level_too_few = wrong(
    "12 levels are allowed, only more are not: `x` is one level, `-x` are two",
    deepest=11,
)
one_level_too_many = wrong(
    "you allow 13 levels: `x` alone is one already, `-x` are two",
    deepest=13,
)
not_stripped = wrong(
    "a space in front of a program is an error of indentation to Python: strip() the "
    "text first",
    strip=False,
)
any_comparison = wrong(
    "you treat every comparison as ==: x<2 is not in the list",
    compare=(ast.cmpop,),
)
all_the_same = wrong(
    "you never look which comparison it is: x<2 and x!=2 are not in the list, only ==",
    compare=(ast.cmpop,), holds=lambda equal: equal,
)  # fmt: skip
no_condition = wrong(
    "you refuse `a if b == c else d`: it is an IfExp with a Compare as its test",
    compare=(),
)
any_condition = wrong(
    "you take every condition: between `if` and `else` there must be one ==",
    truthy=True,
)
always_else = wrong(
    "your condition never holds: compare the *values* of its two parts",
    holds=lambda equal: False,
)
always_body = wrong(
    "your condition always holds: compare the values of its two parts",
    holds=lambda equal: True,
)
first_of_two = wrong(
    "you look at the first part of x==1==1 only: a comparison must have exactly one "
    "operator",
    chained=True,
)
comparison_alone = wrong(
    "a comparison has no value of its own here: it may stand only between `if` and "
    "`else`",
    bare_compare=True,
)
branches_swapped = wrong(
    "your branches are the other way round: the one in front of `if` counts where the "
    "comparison holds",
    swap=True,
)
only_the_branch_taken = wrong(
    "you look only at the branch that is taken: what is not allowed may stand in the "
    "other one",
    both=False,
)
zero_for_none = wrong(
    "you return 0 for a program that has no value: 0 is a value that a test can "
    "expect; return None",
    outside=0,
)


@mistake("you drop the brackets: the tree has them already, as the order of its nodes")
def no_brackets(program: str, x: int) -> int | None:
    return Judge()(program.replace("(", "").replace(")", ""), x)


@mistake(
    "you run the program with eval: whatever a model wrote would happen on your "
    "machine; walk its syntax tree"
)
def runs_it(program: str, x: int) -> object:
    try:  # it is only ever given the programs above
        return eval(program, {"__builtins__": {"abs": abs}}, {"x": x})
    except Exception:
        return None


def nothing_runs(function) -> str | None:
    touched: list[int] = []
    import builtins

    builtins.learner_was_here = lambda: touched.append(1) or 1
    try:
        function("learner_was_here()", 1)
    except Exception:  # the probes say what is wrong with that
        pass
    finally:
        del builtins.learner_was_here
    if not touched:
        return None
    return "your function *runs* the program: walk its syntax tree, without eval"


EXERCISE = Exercise(
    number="15.3",
    title="The value of a program that is never run",
    minutes=25,
    difficulty=4,
    importance=5,
    reference="course.tasks.safe_programs:safe_value",
    why="A policy writes thousands of programs a minute; one call of eval would run "
    "every one of them on your machine.",
    hints=(
        "You are given a tree of the text. Which kinds of nodes do you know how to "
        "compute yourself, and what do you say to all others?",
        "Write a function walk(node, depth) that knows Constant, Name, UnaryOp with "
        "USub, BinOp with Add, Sub or Mult, and IfExp with one Eq; on everything else "
        "it raises ValueError.",
        "`if isinstance(node, ast.BinOp) and type(node.op) in OPS: return "
        "OPS[type(node.op)](walk(node.left, …), walk(node.right, …))`, and so on",
    ),
    probes=probes,
    properties=(Property("nothing is run", nothing_runs),),
    mistakes=mistakes_in(__name__),
)
