"""What you have solved: a small local file, written whole or not at all."""

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from course.runtime import CourseError, home

VERSION = 1
NAME = "progress.json"


def read() -> dict[str, dict[str, Any]]:
    """Exercise number -> {"status", "attempts"}; a damaged file is put aside.

    Raises CourseError where the folder cannot be used, where the file was damaged
    (the next call starts anew) or was written by a newer course.
    """
    path = home() / NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = int(content["version"])
        if version <= VERSION:  # a newer one may look otherwise
            exercises = content["exercises"]
            for entry in exercises.values():
                if entry["status"] not in ("correct", "wrong", "untried"):
                    raise ValueError("no status")
                int(entry["attempts"])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CourseError(
            f"Your progress in {path} cannot be read ({error.strerror})."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        aside = _put_aside(path)
        raise CourseError(
            f"Your progress file was damaged; it is kept as {aside} and a new one "
            "is begun."
        ) from None
    if version > VERSION:
        raise CourseError(
            "Your progress file was written by a newer version of the course; "
            "it is left as it is."
        )
    return exercises


def record(number: str, status: str) -> str | None:
    """Remember one check; what was once correct stays so.

    Returns None, or one sentence where nothing could be kept: a check never fails
    because of its bookkeeping.  `COURSE_PROGRESS=0` keeps nothing: tests set it where
    they run the course's own solutions.
    """
    if status == "untried" or os.environ.get("COURSE_PROGRESS") == "0":
        return None
    complaint = None
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        return f"Your progress was not kept ({error})."
    try:
        path = home() / NAME
        with FileLock(f"{path}.lock", timeout=20):
            try:
                exercises = read()
            except CourseError as error:
                complaint = str(error)
                if path.exists():
                    return complaint
                exercises = {}
            entry = exercises.setdefault(number, {"status": status, "attempts": 0})
            entry["attempts"] += 1
            if status == "correct" and entry.get("status") != "correct":
                entry["solved"] = datetime.now(UTC).isoformat(timespec="seconds")
            if entry.get("status") != "correct":
                entry["status"] = status
            _write(path, {"version": VERSION, "exercises": exercises})
    except CourseError as error:
        return str(error)
    except Timeout:
        return "Your progress was not kept: another program holds its file."
    except OSError as error:
        return f"Your progress was not kept ({error.strerror or error})."
    return complaint


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write beside the file, flush to the disk, then put it in place at once."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{NAME}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            json.dump(content, file, indent=1, sort_keys=True)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _put_aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    aside = path.with_name(f"progress-damaged-{stamp}.json")
    try:
        os.replace(path, aside)
    except OSError as error:
        raise CourseError(
            f"Your progress in {path} is damaged and cannot be moved "
            f"({error.strerror})."
        ) from None
    return aside
