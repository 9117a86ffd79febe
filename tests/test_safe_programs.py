"""Programs are judged by walking their tree: hostile ones have no value or effect."""

import ast
import builtins
import itertools
import os
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.tasks import safe_programs
from course.tasks.safe_programs import LONGEST, passes, safe_value

CALLS = [
    "exit()", "quit()", "open('a')", "open('a','w')", "print(x)", "input()",
    "eval('x')", "exec('x')", "dir()", "vars()", "globals()", "locals()",
    "breakpoint()", "help()", "type(x)", "id(x)", "abs(x)", "max(x,1)", "sum([x])",
    "range(x)", "list('ab')", "int('7')", "chr(x)", "bytes(x)", "iter([])",
    "compile('x','','eval')", "boom()", "__import__('os')", "__import__('sys').exit()",
    "getattr(x,'real')", "super()", "setattr(x,'a',1)", "delattr(x,'a')", "hash(x)",
    "memoryview(b'')", "slice(x)",
]  # fmt: skip
ATTRIBUTES = [
    "x.real", "x.__class__", "().__class__", "''.join", "x.__add__(1)",
    "(1).bit_length()", "boom.__call__", "x.__class__.__base__",
    "''.__class__.__mro__[1]", "[].append(x)",
]  # fmt: skip
OTHERS = [
    "x**x", "9**9**9", "9**9**9**9", "x**2", "x<<x", "1<<99999", "x>>1", "x|1", "x&1",
    "x^1", "~x", "+x", "not x", "x/1", "x/0", "x//1", "x%1", "x%0", "x@x", "x<1",
    "x==1", "x!=1", "x and 1", "x or 1", "x is x", "x in [x]", "True", "False", "None",
    "...", "1.0", "1e9", "1j", "'x'", "b'x'", "f'{x}'", "'a'*9", "'a'*10**9", "[x]",
    "(x,)", "()", "{x}", "{}", "{x:x}", "[0]*9", "x[0]", "[x][0]", "[x for x in [1]]",
    "(x for x in [1])", "{x for x in [1]}", "lambda:x", "(lambda:x)()", "(y:=x)",
    "(x:=1)", "y", "X", "xx", "_", "__name__", "__builtins__", "boom", "*x", "yield x",
    "await x", "1 if x else 2", "1 if x<2 else 2", "1 if x==1==1 else 2",
    "1 if x==1 and x else 2", "1 if True else 2", "1 if x!=1 else 2",
    "1 if x is 1 else 2", "1 if x==1 else boom()", "boom() if x==1 else 1",
    "1 if boom()==1 else 2",
]  # fmt: skip
STATEMENTS = [
    "import os", "import os;x", "from os import *", "x=1", "x+=1", "x;x", "x\nx",
    "del x", "pass", "return x", "raise x", "assert x", "global x", "while 1: pass",
    "for i in x: x", "def f(): x", "class A: x", "with x: x", "try: x\nexcept: x",
    "if x: x", "async def f(): x", "#", "", " ", "\n", "(", "x)", "x+", "((x)", "1x",
    "x y", "0x", "é+1", "x\0", "\0", "\ud800", "１" + "+y", "\ufeffy", "x\x0c;x", "`x`",
    "$x", "?", "x?", "!x",
]  # fmt: skip
LONG = [
    "x" * 41, "x+" * 20 + "x", "1" * 41, "9" * 10** 5, "(" * 20 + "x" + ")" * 20,
    "-" * 39 + "x", "-" * 12 + "x", "x" + "+x" * 12, "~" * 39 + "x", "(" * 10** 4,
    "[" * 40, "-" * 10** 5, "1 if x==1 else " * 3 + "x",
]  # fmt: skip
NESTED = [f"({a})+{b}" for a, b in itertools.product(CALLS[:4], ("x", "boom()"))] + [
    f"x*({a})" for a in OTHERS[:18]
]  # fmt: skip
HOSTILE = CALLS + ATTRIBUTES + OTHERS + STATEMENTS + LONG + NESTED


def test_two_hundred_hostile_programs_have_no_value_and_none_runs(
    monkeypatch, tmp_path
):
    assert len(set(HOSTILE)) >= 200
    ran = []
    monkeypatch.setattr(builtins, "boom", lambda *_: ran.append(1) or 1, raising=False)
    monkeypatch.chdir(tmp_path)
    loaded = set(sys.modules)
    for program in HOSTILE:
        assert safe_value(program, 1) is None, program
        assert passes(program, [(1, 1)]) is False
        assert passes(program, [(1, 0)]) is False
    assert not ran
    assert not os.listdir(tmp_path)
    assert set(sys.modules) == loaded


def test_the_module_has_no_way_to_run_text():
    tree = ast.parse(Path(safe_programs.__file__).read_text("utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not names & {"eval", "exec", "compile", "__import__", "getattr"}


@st.composite
def allowed(draw, depth=3):
    """A program of the small language, and what Python says that it is."""
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(["x", "0", "7", "12"]))
    a, b = draw(allowed(depth - 1)), draw(allowed(depth - 1))
    kind = draw(st.sampled_from(["+", "-", "*", "bracket", "minus", "if"]))
    if kind == "if":
        return f"({a} if {b}==x else {b})"
    return {"bracket": f"({a})", "minus": f"(-{a})"}.get(kind, f"({a}){kind}({b})")


@settings(max_examples=300, deadline=None)
@given(allowed(), st.integers(-50, 50))
def test_an_allowed_program_has_the_value_that_python_gives_it(program, x):
    """The oracle runs only what this test itself has made."""
    value = safe_value(program, x)
    if len(program) > LONGEST:
        assert value is None
    else:
        assert value == eval(program, {"__builtins__": {}}, {"x": x})


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="x019+-*() if=els.'[]_,:\n", max_size=45), st.integers(-9, 9))
def test_whatever_is_written_gets_a_whole_number_or_none(program, x):
    value = safe_value(program, x)
    assert value is None or type(value) is int


def test_the_limits_are_where_they_are_said_to_be():
    assert safe_value("x" + " " * 37 + "+1", 1) == 2
    assert safe_value("x" + " " * 38 + "+1", 1) is None
    assert safe_value("-" * 11 + "x", 1) == -1
    assert safe_value("-" * 12 + "x", 1) is None


def test_a_program_passes_when_every_test_does():
    assert passes("x*x", [(2, 4), (3, 9)]) and not passes("x*x", [(2, 4), (3, 6)])
    with pytest.raises(ValueError, match="got no tests, expected at least one"):
        passes("x", [])
    score = safe_programs.tested(lambda prompt: [(1, int(prompt))])
    assert score(["2", "3"], ["x+1", "x+1"]).tolist() == [1.0, 0.0]
    with pytest.raises(ValueError):
        score(["2"], ["x", "x"])


def test_random_bytes_as_text_never_raise():
    draw = random.Random(0)
    for _ in range(500):
        text = "".join(chr(draw.randrange(1, 0x250)) for _ in range(draw.randrange(40)))
        assert safe_value(text, 3) is None or isinstance(safe_value(text, 3), int)
