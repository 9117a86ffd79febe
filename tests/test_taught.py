"""Each public name of the rooms says where it is taught, and is used there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from course.definitions import Ref, Source, definition, reach
from course.runtime import chapter_of

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("lm", "reward", "policy", "data", "tasks", "recipes")
SOURCE = Source({"course": ROOT / "course"})
LESSONS = {
    chapter_of(path.name): path for path in (ROOT / "notebooks" / "src").glob("*_*.py")
}
# What an interrupted or offline machine needs: called by commands, by no lesson.
OUTSIDE_LESSONS = {"course.data.assets.verify"}


def modules(folder: Path) -> dict[str, Path]:
    """Module name -> file, of all modules below a folder of the package."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in sorted(folder.rglob("*.py"))
        if path.name != "__init__.py"
    }


def public() -> dict[Ref, str]:
    """Every public function and class of the rooms, with its docstring."""
    return {
        Ref(module, name): ast.get_docstring(statements[0]) or ""
        for room in ROOMS
        for module in modules(ROOT / "course" / room)
        for name, statements in SOURCE.module(module).own.items()
        if isinstance(statements[0], ast.FunctionDef | ast.ClassDef)
        and not name.startswith("_")
    }


PUBLIC = public()


def chapter(docstring: str) -> str | None:
    """The chapter in a docstring's last words, those before an example.

    >>> chapter("A gap.  Chapter 07.\\n\\n>>> gap(1)\\n1")
    '07'
    >>> chapter("Signs.  Appendix B.")
    'B'
    """
    prose = docstring.partition("\n>>> ")[0].rstrip()
    found = re.search(r"(?<!\S)(?:Chapter (\d\d)|Appendix ([A-Z]))\.$", prose)
    return found and (found[1] or found[2])


def named_in_checks(number: str | None = None) -> set[Ref]:
    """The references of the exercises of one chapter, or of all."""
    folder = ROOT / "course" / "checks"
    texts = [p.read_text("utf-8") for p in folder.glob(f"ch{number or '*'}/*.py")]
    found = re.findall(r'reference="([\w.]+):(\w+)"', "\n".join(texts))
    return {Ref(*pair) for pair in found}


@cache
def used_by(number: str) -> set[Ref]:
    """What a chapter's lesson and exercises reach, or name in their text."""
    text = LESSONS[number].read_text("utf-8")
    source = Source({"course": ROOT / "course", "lesson": LESSONS[number]})
    starts = [Ref("lesson", name) for name in source.module("lesson").own]
    found = set(reach(source, starts, all_needs=True))
    found |= set(reach(SOURCE, named_in_checks(number), all_needs=True))
    told = set(re.findall(r"`(?:\w+\.)*(\w+)`", text))
    return found | {ref for ref in PUBLIC if ref.name in told}


@pytest.mark.parametrize("ref", PUBLIC, ids=".".join)
def test_a_docstring_ends_with_a_chapter_that_uses_what_it_is_about(ref):
    number = chapter(PUBLIC[ref])
    assert number in LESSONS, (
        f"{'.'.join(ref)} does not end with `Chapter NN.` or `Appendix A.`"
    )
    if ".".join(ref) not in OUTSIDE_LESSONS:
        assert ref in used_by(number), f"chapter {number} does not use {ref.name}"


def test_every_public_name_is_used_by_a_lesson_an_exercise_or_another_definition():
    used = named_in_checks().union(*map(used_by, LESSONS))
    for module in modules(ROOT / "course"):
        if not module.startswith("course.checks.ch"):  # wrong answers
            for name in SOURCE.module(module).own:
                made = definition(SOURCE, Ref(module, name))
                used |= made.needs - {made.ref}
    unused = [".".join(ref) for ref in PUBLIC if ref not in used]
    assert not unused, f"used by no lesson, exercise or other definition: {unused}"


@pytest.mark.parametrize(
    "docstring",
    [
        "A gap.",
        "A gap, see Chapter 07 for more.",
        "Chapter 7.",
        "Chapter A.",
        "Appendix 07.",
        "A gap.  Chapter 07",
        "",
    ],
)
def test_a_docstring_without_its_chapter_is_noticed(docstring):
    assert chapter(docstring) is None
