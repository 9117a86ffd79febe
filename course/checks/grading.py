"""Grade one learner's file, in a process of its own: only what it defines is run."""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from course.runtime import ASK, CourseError, any_terminal, output_lost

try:
    from course.checks import catalogue, progress, report
    from course.checks.checking import check_function, examine
    from course.checks.exercise import Exercise
    from course.checks.panels import QUESTIONS, WORDS, PanelQuestion
    from course.checks.reading import cells, namespace
    from course.checks.report import Verdict
except ImportError as error:  # a package that is broken, or a file of its name
    if __name__ != "__main__":
        raise
    print(f"A package cannot be used ({error}); {ASK}", file=sys.stderr)
    Path(sys.argv[-1]).write_text("not begun", encoding="utf-8")  # MARK
    sys.exit(1)

DONE = "graded to the end"


def grade(chapter: str, path: Path) -> bool:
    """Print one check for each exercise of a chapter; whether all are correct."""
    exercises = catalogue.chapters().get(chapter)
    if not exercises:
        raise CourseError(
            f"Chapter {chapter} has no exercises; there are some in "
            f"{', '.join(catalogue.chapters())}."
        )
    names, problems = namespace(cells(path))
    for problem in problems:
        print(problem)
    if not any(callable(names.get(e.name)) for e in exercises):
        print(f"{path.name} defines no function of chapter {chapter}.")
    correct = True
    for exercise in exercises:
        function = own(names, exercise)
        if function is not None:
            try:
                correct &= check_function(function) is function
            except BaseException as error:  # KeyboardInterrupt raised by itself
                if isinstance(error, Exception):  # no fault of the learner's code
                    raise
                said = f"it raises {type(error).__name__}, which ends a program"
                report.show(Verdict(exercise.label, "wrong", "ends", said))
                correct = False
        else:
            report.show(_untried(exercise))
            correct = False
    for question in QUESTIONS:
        if question.chapter == chapter:
            report.show(_of_panel(question))
    return correct


def _of_panel(question: PanelQuestion) -> Verdict:
    """A question to a panel of the lesson: no file answers it, progress knows it.

    Where somebody else's file is graded, the grader's progress says nothing of it.
    """
    try:
        own = os.environ.get("COURSE_PROGRESS") != "0"
        known = progress.read() if own else {}
    except CourseError:  # said where progress is asked for
        known = {}
    if known.get(question.number, {}).get("status") == "correct":
        return Verdict(question.label, "correct", "correct", "correct")
    said = f"not attempted yet ({WORDS})"
    return Verdict(question.label, "untried", "untried", said)


def own(names: dict[str, Any], exercise: Exercise) -> Any:
    """The learner's function, None where there is none or it is the course's own."""
    function = names.get(exercise.name)
    if not callable(function) or function is exercise.load():
        return None
    if getattr(function, "__name__", "") != exercise.name:  # a lambda, or an alias
        try:
            function.__name__ = exercise.name
        except (AttributeError, TypeError):
            return None
    return function


def _untried(exercise: Exercise) -> Verdict:
    return Verdict(exercise.label, "untried", "untried", "not attempted yet")


def write_report(path: Path, out: Path) -> None:
    """Append one line of JSON for each exercise that a file has a function of.

    The last line says that the grading came to its end.
    """
    with out.open("a", encoding="utf-8") as file:

        def say(**content: Any) -> None:
            file.write(json.dumps(content) + "\n")
            file.flush()

        try:
            names, problems = namespace(cells(path))
        except CourseError as error:
            say(problem=str(error))
            names, problems = {}, []
        for problem in problems:
            say(problem=problem)
        for exercise in catalogue.exercises():
            function = own(names, exercise)
            if function is None:
                continue
            try:
                verdict = examine(exercise, function)
                status, kind, said = verdict.status, verdict.kind, verdict.sentence
            except BaseException as error:
                status, kind = "wrong", "unexpected"
                said = f"it could not be checked ({type(error).__name__})"
            say(number=exercise.number, status=status, kind=kind, sentence=said)
        say(done=DONE)


def main() -> int:
    """`python -m course.checks.grading CHAPTER FILE MARK`, run by `python -m course`.

    MARK: a file that says at the end that the learner's code did not end the
    grading; with `--report`, FILE and OUT instead, the results go to OUT.
    """
    any_terminal()
    if sys.argv[1] == "--report":
        write_report(Path(sys.argv[2]), Path(sys.argv[3]))
        return 0
    try:
        try:
            status = 0 if grade(sys.argv[1], Path(sys.argv[2])) else 1
        except CourseError as error:
            print(error)
            status = 2
        if sys.stdout:
            sys.stdout.flush()
    except OSError as error:  # no fault of the code that is graded
        output_lost(error)
        status = 1
    if len(sys.argv) > 3:
        Path(sys.argv[3]).write_text(DONE, encoding="utf-8")
    return status


if __name__ == "__main__":
    ended = main()
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(ended)  # a thread that the learner's code left would never let it end
