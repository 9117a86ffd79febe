"""What is wrong with one result or property, told in the learner's own lines."""

import linecache
import sysconfig
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course.checks.comparing import Difference, difference
from course.checks.exercise import Exercise
from course.checks.observing import Outcome
from course.checks.report import one_line

GRADIENTS = ("missing gradient", "unwanted gradient", "wrong gradient", "flat")
NOT_THEIRS = (sysconfig.get_path("stdlib"), str(Path(__file__).parents[1]))


def problem(exercise: Exercise, yours: Outcome, wanted: Outcome) -> Difference | None:
    """What is wrong with one result, None where nothing is."""
    error = yours.error
    if error is None:
        found = difference(yours, wanted, exercise)
        late = yours.gradient_error
        if late and found and found.kind in GRADIENTS:
            said = one_line(f"{type(late).__name__}: {late}", 160)
            return Difference(
                "missing gradient",
                "the values are right, but where a gradient is asked for your code "
                f"stops{_place(late)}: {said}",
            )
        return found
    if isinstance(error, RecursionError):
        return Difference("recursion", "your function calls itself without end")
    if isinstance(error, (ValueError, AssertionError)) and _their_own(error):
        return Difference(
            "refused",
            f"your code refuses these arguments{_place(error)}, but the text allows "
            "them",
        )
    said = one_line(f"{type(error).__name__}: {error}", 160)
    if isinstance(error, ZeroDivisionError):
        return Difference(
            "division by 0", f"your code stops{_place(error)}: {said}{_hint(error)}"
        )
    return Difference("error", f"your code stops{_place(error)}: {said}{_hint(error)}")


def _hint(error: BaseException) -> str:
    """What an error means for the answer, where that is sure."""
    if isinstance(error, ZeroDivisionError):
        return "; these arguments make a divisor 0, so ask for them before you divide"
    if isinstance(error, SyntaxError) and error.filename == "<string>":
        return "; you run a text as a program: never run what a policy wrote"
    return ""


def _their_own(error: BaseException) -> bool:
    """Whether a `raise` or `assert` of the learner's own code raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    words = (last.line or "").split()
    outside = last.filename.startswith(NOT_THEIRS) or "site-packages" in last.filename
    return not outside and bool(words) and words[0] in ("raise", "assert")


def is_stub(error: BaseException | None) -> bool:
    """Whether the learner's own `raise NotImplementedError` raised this.

    torch raises that error too, with a message, for what it cannot compute.
    """
    if not isinstance(error, NotImplementedError):
        return False
    last = traceback.extract_tb(error.__traceback__)[-1]
    return not str(error) or "raise" in (last.line or "")


def _place(error: BaseException) -> str:
    """The learner's line that an error came from: the last one outside libraries."""
    mine = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(NOT_THEIRS)
        and "site-packages" not in frame.filename
    ]
    if not mine:
        return ""
    source = linecache.getline(mine[-1].filename, mine[-1].lineno or 0).strip()
    quoted = f" (`{one_line(source, 60)}`)" if source else ""
    return f" in line {mine[-1].lineno}{quoted}"


def failed_properties(exercise: Exercise, function: Callable[..., Any]) -> list[str]:
    """The sentence of each property that does not hold."""
    found = []
    for prop in exercise.properties:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                sentence = prop.fails(function)
        except (Exception, SystemExit) as error:
            said = one_line(f"{type(error).__name__}: {error}", 160)
            sentence = f"{prop.name}: your code stops{_place(error)}: {said}"
        if sentence:
            found.append(sentence)
    return found
