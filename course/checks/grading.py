"""Grade a learner's notebook or plain `.py` file: only what it defines is run."""

import ast
import json
import linecache
import sys
import traceback
from pathlib import Path
from typing import Any

from course.checks import catalogue, report
from course.checks.checking import check_function
from course.checks.report import Verdict, one_line
from course.runtime import CourseError


def cells(path: Path) -> list[tuple[str, str]]:
    """(name, source) of each code cell, or of the one file.

    Raises CourseError when the file cannot be read as what its name says.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".ipynb":
            return [(path.name, text)]
        found = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
        return [
            (f"code cell {number}", _plain("".join(cell["source"])))
            for number, cell in enumerate(found, 1)
        ]
    except OSError as error:
        raise CourseError(f"{path} cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError):
        raise CourseError(f"{path} is not a readable notebook or text file.") from None


def namespace(sources: list[tuple[str, str]]) -> tuple[dict[str, Any], list[str]]:
    """What the imports, functions, classes and constants of the sources define.

    Nothing else is run.  Also returns a sentence for each that fails.
    """
    names: dict[str, Any] = {"__name__": "learner"}
    problems = []
    for name, source in sources:
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            problems.append(f"{name}, line {error.lineno}: {error.msg}")
            continue
        # So that a message can quote the line of an error.
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        for node in filter(_defines, tree.body):
            code = compile(ast.Module([node], []), name, "exec")
            try:
                exec(code, names)
            except (Exception, SystemExit) as error:
                last = traceback.format_exception_only(error)[-1]
                problems.append(f"{name}, line {node.lineno}: {one_line(last)}")
    return names, problems


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
    correct = True
    for exercise in exercises:
        function = names.get(exercise.name)
        # One that the learner imported from the course is not their own.
        if callable(function) and function is not exercise.load():
            correct &= check_function(function) is function
        else:
            report.show(
                Verdict(exercise.label, "untried", "untried", "not attempted yet")
            )
            correct = False
    return correct


def _plain(source: str) -> str:
    """A cell's source with lines of magics and shell commands left blank."""
    lines = source.splitlines(keepends=True)
    return "".join(
        "\n" if line.lstrip().startswith(("%", "!")) else line for line in lines
    )


def _defines(node: ast.stmt) -> bool:
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    if isinstance(node, kinds):
        return True
    if not isinstance(node, ast.Assign):
        return False
    try:
        ast.literal_eval(node.value)
    except (ValueError, TypeError):
        return False
    return True


def main() -> int:
    """`python -m course.checks.grading CHAPTER FILE`, run by `python -m course`."""
    try:
        return 0 if grade(sys.argv[1], Path(sys.argv[2])) else 1
    except CourseError as error:
        print(error)
        return 2


if __name__ == "__main__":
    sys.exit(main())
