"""Two-digit additions: a task whose answers a program can verify, made by counting."""

import hashlib
import random
import re

from course.expect import check_text, one_number

ALPHABET = "0123456789+="  # every character of a problem and of its answer
SPLITS = ("train", "held-out")


def problems(split: str) -> list[str]:
    """Every problem of a split, as the prompt to complete, such as "27+58=".

    All pairs of numbers from 10 to 99, 8,100 in all, 20 % of them held out.  A problem
    and its mirror image, 58+27, are always in the same split.
    Raises ValueError on another split.  Chapter 11.

    >>> problems("train")[:2]
    ['10+10=', '10+11=']
    """
    if split not in SPLITS:
        raise ValueError(f"got split {split!r}, expected one of {SPLITS}")
    numbers = range(10, 100)
    return [f"{a}+{b}=" for a in numbers for b in numbers if _split(a, b) == split]


def answer(problem: str) -> str:
    """The right answer to a problem, as it has to be written.

    Raises ValueError when the problem is not two numbers with a plus between them and
    an equals sign after them.  Chapter 11.

    >>> answer("27+58=")
    '85'
    """
    numbers = re.fullmatch(r"([0-9]{1,9})\+([0-9]{1,9})=", check_text(problem))
    if not numbers:
        raise ValueError(f"got the problem {problem!r}, expected one such as '27+58='")
    return str(int(numbers[1]) + int(numbers[2]))


def careless_answer(problem: str, generator: random.Random, rate: float) -> str:
    """The answer of a careless pupil: at this rate one of its digits is another one.

    generator: decides whether, where and which.  Raises ValueError unless
    0 <= rate <= 1, and as `answer`.  Chapter 11.

    >>> careless_answer("27+58=", random.Random(0), rate=0.0)
    '85'
    """
    one_number(rate=rate)
    if not 0 <= rate <= 1:
        raise ValueError(f"got the rate {rate}, expected a number from 0 to 1")
    right = answer(problem)
    if generator.random() >= rate:
        return right
    place = generator.randrange(len(right))
    digit = generator.choice([d for d in "0123456789" if d != right[place]])
    return right[:place] + digit + right[place + 1 :]


def _split(a: int, b: int) -> str:
    """By a hash, so that a problem never moves between the splits."""
    pair = f"{min(a, b)}+{max(a, b)}"
    return SPLITS[hashlib.sha256(pair.encode()).digest()[0] < 51]  # 51 of 256: 20 %
