"""Grade a folder of learners' files: a row for each, and what the class gets wrong."""

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from course.checks import catalogue
from course.checks.grading import DONE
from course.runtime import CourseError

SIGNS = {"correct": "correct", "wrong": "wrong", "untried": ""}


@dataclass
class Row:
    """One learner: the results by exercise number, and what could not be read."""

    learner: str
    results: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def files(folder: Path) -> list[Path]:
    """Every notebook and `.py` file of a folder, hidden ones left out.

    Raises CourseError where the folder is missing or holds none.
    """
    if not folder.is_dir():
        raise CourseError(f"{folder} is not a folder.")
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".ipynb", ".py")
        and path.is_file()
        and not any(p.startswith((".", "__")) for p in path.relative_to(folder).parts)
    ]
    if not found:
        raise CourseError(f"{folder} holds no notebook and no .py file.")
    return found


def graded(folder: Path, seconds: float) -> list[Row]:
    """One row for each learner: a file, or a folder of files, directly in `folder`.

    Two of one name, such as ann.py and ann.ipynb, stay two, under their whole names.
    Each file is graded in a process of its own, for `seconds` at most.  Nobody's
    progress is touched.
    """
    rows: dict[str, Row] = {}
    found = files(folder)
    alike = Counter(_name(first) for first in {_first(p, folder) for p in found})
    for path in found:
        first = _first(path, folder)
        learner = _name(first) if alike[_name(first)] == 1 else first.name
        row = rows.setdefault(learner, Row(learner))
        results, problems = _graded_file(path, seconds)
        row.problems += [f"{path.name}: {problem}" for problem in problems]
        for number, result in results.items():
            before = row.results.get(number, {}).get("status")
            if before != "correct":
                row.results[number] = result
    return list(rows.values())


def _first(path: Path, folder: Path) -> Path:
    """The file or folder directly in the class's folder that a file belongs to."""
    return folder / path.relative_to(folder).parts[0]


def _name(first: Path) -> str:
    return first.name if first.is_dir() else first.stem


def _graded_file(
    path: Path, seconds: float
) -> tuple[dict[str, dict[str, str]], list[str]]:
    environment = {**os.environ, "COURSE_PROGRESS": "0"}
    environment.pop("COURSE_CHECK_STRICT", None)
    ended = ""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "report.jsonl")
        command = [sys.executable, "-m", "course.checks.grading", "--report"]
        try:
            code = subprocess.run(
                [*command, str(path.resolve()), str(out)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=seconds,
                env=environment,
            ).returncode
            ended = f"its code ended the grading (exit status {code})"
        except subprocess.TimeoutExpired:
            ended = f"stopped after {seconds:g} seconds: code in it may never end"
        lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
    results, problems, done = {}, [], False
    for line in lines:
        try:
            content = json.loads(line)
        except ValueError:  # cut off while it was written
            continue
        done |= content.get("done") == DONE
        if "problem" in content:
            problems.append(content["problem"])
        elif "number" in content:
            results[content["number"]] = content
    if not done:
        problems.append(ended)
    elif not results and not problems:
        problems.append("it defines no function of any exercise")
    return results, problems


def columns(rows: list[Row]) -> list[str]:
    """All exercises of the chapters that anybody worked on, in their order."""
    seen = {number.split(".")[0] for row in rows for number in row.results}
    numbers = [exercise.number for exercise in catalogue.exercises()]
    return [number for number in numbers if number.split(".")[0] in seen]


def write_csv(rows: list[Row], path: Path) -> None:
    """A row for each learner, a column for each exercise, the mistake in the cell.

    Raises CourseError where the file cannot be written.
    """
    numbers = columns(rows)
    names = {exercise.number: exercise.label for exercise in catalogue.exercises()}
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            heads = [names[number] for number in numbers]
            writer.writerow(["learner", "correct", *heads, "problems"])
            for row in rows:
                found = [_cell(row.results.get(number)) for number in numbers]
                right = sum(text == "correct" for text in found)
                problems = "; ".join(row.problems)
                writer.writerow(map(_safe, [row.learner, right, *found, problems]))
    except OSError as error:
        raise CourseError(f"{path} cannot be written ({error.strerror}).") from None


def _cell(result: dict[str, str] | None) -> str:
    if result is None or result["status"] == "untried":
        return ""
    if result["status"] == "correct":
        return "correct"
    return f"wrong: {result['sentence']}"


def _safe(value: object) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def as_json(rows: list[Row]) -> str:
    """All results for a machine: learners, results by exercise, problems."""
    content = [
        {
            "learner": row.learner,
            "results": {
                number: {key: result[key] for key in ("status", "kind", "sentence")}
                for number, result in row.results.items()
            },
            "problems": row.problems,
        }
        for row in rows
    ]
    return json.dumps({"version": 1, "learners": content}, indent=1)


def summary(rows: list[Row]) -> str:
    """The class at a glance: who solved how much, and a histogram of mistakes."""
    numbers = columns(rows)
    lines = []
    for row in rows:
        right = sum(r["status"] == "correct" for r in row.results.values())
        lines.append(f"{row.learner}: {right} of {len(numbers)} correct")
        lines += [f"  {problem}" for problem in row.problems]
    mistakes = Counter(
        (number, result["sentence"])
        for row in rows
        for number, result in row.results.items()
        if result["status"] == "wrong"
    )
    if mistakes:
        lines += ["", "What the class gets wrong:"]
        for (number, sentence), many in mistakes.most_common(20):
            lines.append(f"{many:3}  {'█' * min(many, 30)}  {number}  {sentence}")
    return "\n".join(lines)
