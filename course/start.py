"""A student's own copies of lessons and exercises, which no update touches."""

import json
import shutil
from datetime import datetime
from pathlib import Path

from course.data.archives import sha256
from course.runtime import CourseError, chapter_of

FOLDERS = ("notebooks", "exercises")
NOTES = ".copies.json"  # file -> sha256 of what it was copied from


def start(course: Path, again: list[str] | None = None) -> Path:
    """Copy every lesson and exercise that is not yet in `work/`; say what is newer.

    course: the folder that holds `notebooks/`.  again: chapters such as ["07"] to
    renew; the learner's own files stay beside the new ones, under another name.
    Returns the copy of the first lesson.  Raises CourseError on an unknown chapter
    and where `work/` cannot be written.
    """
    wanted = {chapter_of(number) for number in again or []}
    sources = [p for f in FOLDERS for p in sorted((course / f).glob("*.ipynb"))]
    if unknown := wanted - {chapter_of(path.name) for path in sources}:
        raise CourseError(f"There is no chapter {sorted(unknown)[0]} to start again.")
    work = course / "work"
    try:
        _copy(sources, course, work, wanted)
    except OSError as error:
        raise CourseError(
            f"Your copies cannot be written to {work} ({error.strerror or error}); "
            "make room there, or copy the course to a folder of your own."
        ) from error
    return work / "notebooks" / sources[0].name


def _copy(sources: list[Path], course: Path, work: Path, wanted: set[str]) -> None:
    notes_file = work / NOTES
    try:
        notes = json.loads(notes_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        notes = {}
    newer = []
    glossary = course / "GLOSSARY.md"  # the lessons link to it
    for source in [*sources, *[glossary] * glossary.is_file()]:
        name = source.relative_to(course).as_posix()
        copy, digest = work / name, sha256(source)
        same = copy.exists() and sha256(copy) == digest
        if copy.exists() and not same and chapter_of(source.name) in wanted:
            aside = _aside(copy)
            copy.rename(aside)
            print(f"{name} is new again; what you had is kept as {aside.name}")
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
            notes[name] = digest
        elif notes.get(name) != digest and source.suffix == ".ipynb":
            newer.append(chapter_of(source.name))
    notes_file.write_text(json.dumps(notes, indent=1), encoding="utf-8")
    if newer:
        chapters = " ".join(sorted(set(newer)))
        print(
            f"Newer than your copies: {chapters}.  To get one, with yours kept beside "
            f"it: course start --again {chapters}"
        )


def _aside(copy: Path) -> Path:
    """A free name for what the learner had."""
    stamp = datetime.now().strftime("%Y-%m-%d_%H%M%S")
    name = f"{copy.stem}.mine-{stamp}"
    number, aside = 1, copy.with_name(f"{name}{copy.suffix}")
    while aside.exists():
        number += 1
        aside = copy.with_name(f"{name}-{number}{copy.suffix}")
    return aside
