"""Sixty interview questions as data, the frequent ones first: the one source.

A module of this folder holds a text in which each question has a block of seven parts:

    ## name
    ? the question
    20: the answer of 20 seconds
    120: the answer of two minutes
    ! the trap
    @ chapter, and the cell that shows it
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from course.expect import check_text

MODULES = ("frequent", "models", "rewards", "policies", "world")
MARKS = {"?": "question", "20:": "short", "120:": "long", "!": "trap", "@": "place"}


@dataclass(frozen=True)
class InterviewQuestion:
    """A question, its answers, its trap, its chapter and the cell that shows it."""

    name: str
    question: str
    short: str
    long: str
    trap: str
    chapter: str
    cell: str


@cache
def questions() -> tuple[InterviewQuestion, ...]:
    """All sixty, in the order in which they are asked first."""
    texts = [import_module(f"{__name__}.{module}").TEXT for module in MODULES]
    return tuple(question for text in texts for question in parsed(text))


def parsed(text: str) -> list[InterviewQuestion]:
    """The questions of a text in the form above.

    Raises ValueError where a part is missing, twice there or out of order.
    """
    found = []
    for block in re.split(r"^## ", check_text(text), flags=re.M)[1:]:
        name, _, body = block.partition("\n")
        pieces = re.split(r"^(\?|20:|120:|!|@) ", body, flags=re.M)
        if pieces[1::2] != list(MARKS):
            raise ValueError(
                f"got the parts {pieces[1::2]} of {name.strip()!r}, expected "
                f"{list(MARKS)}"
            )
        values = [" ".join(piece.split()) for piece in pieces[2::2]]
        chapter, _, cell = values.pop().partition(" ")
        if not all(values) or not cell:
            raise ValueError(f"got an empty part of {name.strip()!r}, expected text")
        found.append(InterviewQuestion(name.strip(), *values, chapter, cell))
    return found
