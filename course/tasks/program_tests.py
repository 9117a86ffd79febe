"""What a prompt asks of a program, and its tests: visible, hidden and fresh ones."""

import itertools
import random
import re
from collections.abc import Sequence
from functools import partial

from torch import Tensor

from course.expect import check_text, whole, whole_number
from course.score import Score
from course.tasks.safe_programs import safe_value, tested

_PROMPT = re.compile(r"(add|subtract) (\d+), then times (\d+)\.")
_TEST = re.compile(r"f\((-?\d+)\)=(-?\d+)")


def right_program(prompt: str) -> str:
    """The program that the prompt asks for.

    Raises ValueError where the prompt asks for none.  Chapter 15.

    >>> right_program("add 7, then times 8.")
    '(x+7)*8'
    """
    if not (found := _PROMPT.match(check_text(prompt))):
        raise ValueError(f"got {prompt!r}, expected such as 'add 7, then times 8.'")
    step, a, b = found.groups()
    return f"(x{'+' if step == 'add' else '-'}{a})*{b}"


def wanted(prompt: str, x: int) -> int:
    """What the function that the prompt describes is at x.  Chapter 15."""
    return safe_value(right_program(prompt), x)


def visible_tests(prompt: str) -> list[tuple[int, int]]:
    """The tests that stand in the prompt: pairs of x and f(x).  Chapter 15.

    >>> visible_tests("add 7, then times 8. f(8)=120 f(7)=112: ")
    [(8, 120), (7, 112)]
    """
    return [(int(x), int(y)) for x, y in _TEST.findall(check_text(prompt))]


def hidden_tests(prompt: str) -> list[tuple[int, int]]:
    """Ten tests that stand in no prompt: x from 10 to 19.  Chapter 15."""
    return [(x, wanted(prompt, x)) for x in range(10, 20)]


def fresh_tests(prompt: str, seed: int, n: int = 2) -> list[tuple[int, int]]:
    """n tests at different x from -20 to 39, others for each seed.

    x: `random.Random(seed).sample(range(-20, 40), n)`.  Raises ValueError as
    `right_program`, without a test and for more than 60.  Chapter 15.
    """
    whole_number(seed=seed)
    whole(1, n=n)
    xs = random.Random(seed).sample(range(-20, 40), n)
    return [(x, wanted(prompt, x)) for x in xs]


def fresh_score(seed: int) -> Score:
    """As `tested`, with other `fresh_tests` at every call, the same for a batch.

    Chapter 15.
    """
    whole_number(seed=seed)
    calls = itertools.count(1_000_000 * seed)

    def score(prompts: Sequence[str], programs: Sequence[str]) -> Tensor:
        return tested(partial(fresh_tests, seed=next(calls)))(prompts, programs)

    return score
