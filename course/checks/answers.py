"""Checking an answer to a question, where an exercise asks for no function."""

import os
from typing import Any, Protocol

from course.checks import progress, report
from course.checks.report import Verdict, one_line


class Gradable(Protocol):
    """What the engine needs to know of a question; the panels' questions have it."""

    number: str
    name: str
    why: str
    hints: tuple[str, ...]
    code: str

    def grade(self, answer: Any) -> tuple[bool, str]:
        """Whether the answer is right, and a sentence that helps."""
        ...


def check_answer(answer: Any, question: Gradable) -> Any:
    """Grade an answer, print the result, keep the progress; hands the answer back.

    None and `...` are "not attempted".  Raises AssertionError on a wrong answer
    where COURSE_CHECK_STRICT=1 is set.
    """
    verdict = examine_answer(answer, question)
    complaint = progress.record(question.number, verdict.status)
    report.show(verdict)
    if complaint:
        print(complaint)
    if verdict.status == "wrong" and os.environ.get("COURSE_CHECK_STRICT") == "1":
        raise AssertionError(verdict.line)
    return answer


def examine_answer(answer: Any, question: Gradable) -> Verdict:
    """The verdict on an answer, without showing or keeping it."""
    label = f"{question.number} {question.name}"
    if answer is None or answer is ...:
        return Verdict(label, "untried", "untried", "not attempted yet")
    try:
        right, sentence = question.grade(answer)
    except Exception as error:  # an answer may be any object and fail at anything
        right, sentence = False, f"this answer cannot be read ({type(error).__name__})"
    if right:
        return Verdict(label, "correct", "correct", "correct",
                       notes=(one_line(sentence), question.why))  # fmt: skip
    return Verdict(label, "wrong", "answer", one_line(sentence))
