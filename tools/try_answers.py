"""Try answers of somebody who never saw the catalogue: what does `check` say of each?

    python -m tools.try_answers --texts 07 08      the exercises' texts, no solutions
    python -m tools.try_answers FILE.py …          counts, and every answer by name
    python -m tools.try_answers --slow             seconds of `check` for each exercise

A file of answers marks each function with what its writer holds it to be:

    @right("7.1")                      any style, as long as the text allows it
    def by_hand(chosen, rejected): …

    @wrong("7.1", "the sum, not the mean")
    def summed(chosen, rejected): …

Names of functions are free.  The exit status is 0 where no right answer is rejected
and no wrong one is accepted.
"""

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.checks import catalogue, checking
from course.checks.checking import examine
from course.checks.report import Verdict
from tools import exercise_cells, masters, regions

ROOT = Path(__file__).resolve().parents[1]
# Kinds of verdicts that only show the first number that differs.
UNNAMED = ("value", "not finite", "shape", "wrong gradient", "error")
# Observations that say where a result is wrong, and not what is wrong with it.
WHERE = (
    "right on all other probes",
    "wrong only where",
    "right where",
    "is off by",
    "only entry",
)


@dataclass(frozen=True)
class Answer:
    """A function that somebody wrote, and whether they hold it to be right."""

    number: str
    right: bool
    note: str
    function: Callable[..., Any]


_written: list[Answer] = []


def right(number: str, note: str = "right") -> Callable[..., Any]:
    """Mark a function as a right answer to an exercise; note: its style."""
    return _marked(number, True, note)


def wrong(number: str, note: str) -> Callable[..., Any]:
    """Mark a function as a wrong answer; note: what is wrong with it."""
    return _marked(number, False, note)


def _marked(number: str, is_right: bool, note: str) -> Callable[..., Any]:
    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        _written.append(Answer(number, is_right, note, function))
        return function

    return mark


def answers(path: Path) -> list[Answer]:
    """All answers of a file, in its order."""
    _written.clear()
    spec = importlib.util.spec_from_file_location(f"answers_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(_written)


def named(verdict: Verdict) -> bool:
    """Whether a verdict says what is wrong, not only which number differs or where."""
    vague = any(words in verdict.sentence for words in WHERE)
    if verdict.kind == "known mistake":
        return True
    return verdict.kind not in UNNAMED and not vague


def texts(chapters: list[str]) -> str:
    """What a learner reads of the exercises, without a solution."""
    parts = []
    for chapter in chapters:
        path = next((ROOT / "solutions" / "src").glob(f"{chapter}_*.py"))
        for cell in masters.read_master(path, solutions=True):
            if "exercise" in cell.tags:
                parts.append(f"{regions.without_solution(cell).source}\n")
            elif cell.kind == "markdown" and "use" not in cell.id:
                parts.append(f"[{cell.id}]\n{cell.source}{_of_gradients(cell)}\n")
    return "\n".join(parts)


def _of_gradients(cell: regions.Cell) -> str:
    """What the exercise notebooks add of gradients to the text of an exercise."""
    if not cell.id.endswith("-text") or "radient" in cell.source:
        return ""
    try:
        exercise = catalogue.find(regions.number(cell.id))
    except (KeyError, ValueError):
        return ""
    asked = exercise.differentiable
    return f"\n\n{exercise_cells.gradient(exercise)}" if asked else ""


def tried(every: list[Answer]) -> bool:
    """Print what `check` says of each answer, then the counts; whether none is off."""
    rejected, accepted, unnamed, wrong_ones = [], [], [], 0
    checking.EXPLAINING = 120.0  # so that a busy machine does not change the counts
    for answer in every:
        exercise = catalogue.find(answer.number)
        verdict = examine(exercise, answer.function)
        is_correct = verdict.status == "correct"
        line = f"{answer.number} [{answer.note}] {verdict.kind}: {verdict.sentence}"
        wrong_ones += not answer.right
        if answer.right and not is_correct:
            rejected.append(line)
        elif not answer.right and is_correct:
            accepted.append(line)
        elif not answer.right and not named(verdict):
            unnamed.append(line)
        print(("  " if answer.right == is_correct else "! ") + line)
    for heading, lines in (
        ("Right, rejected", rejected),
        ("Wrong, accepted", accepted),
        ("Wrong, not named", unnamed),
    ):
        print(f"\n{heading}: {len(lines)}", *lines, sep="\n  ")
    told = wrong_ones - len(accepted) - len(unnamed)
    print(
        f"\n{len(every) - wrong_ones} right, {len(rejected)} rejected; "
        f"{wrong_ones} wrong, {len(accepted)} accepted, {told} named "
        f"({told / max(1, wrong_ones):.0%})"
    )
    return not rejected and not accepted


def seconds() -> str:
    """CPU seconds of a check that passes and of the slowest known mistake."""
    rows = []
    for exercise in catalogue.exercises():
        functions = [exercise.load(), *(m.function for m in exercise.mistakes)]
        examine(exercise, functions[0])  # what is expected is computed once
        took = []
        for function in functions:
            before = time.process_time()
            examine(exercise, function)
            took.append(time.process_time() - before)
        rows.append((max(took), took[0], exercise.label))
    rows.sort(reverse=True)
    return "\n".join(f"{w:6.2f} {r:6.2f}  {label}" for w, r, label in rows)


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.try_answers")
    parser.add_argument("files", nargs="*", help="files of answers, or chapters")
    parser.add_argument("--texts", action="store_true", help="show exercises' texts")
    parser.add_argument("--slow", action="store_true", help="measure every check")
    options = parser.parse_args()
    if options.texts:
        print(texts(options.files or sorted(catalogue.chapters())))
        return 0
    if options.slow:
        print(seconds())
        return 0
    every = [answer for file in options.files for answer in answers(Path(file))]
    if not every:
        parser.error("no answers: give files that mark functions right or wrong")
    return 0 if tried(every) else 1


if __name__ == "__main__":
    from tools import try_answers  # the copy that files of answers import

    sys.exit(try_answers.main())
