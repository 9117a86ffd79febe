"""A student's copies: made once, announced when old, never overwritten."""

import json

import pytest

from course import cli
from course.runtime import CourseError
from course.start import start


@pytest.fixture
def course(tmp_path):
    """A course of two chapters."""
    for folder in ("notebooks", "exercises"):
        (tmp_path / folder).mkdir()
        for name in ("00_start_here", "07_reward_model"):
            (tmp_path / folder / f"{name}.ipynb").write_text(f"{folder} {name}")
    (tmp_path / "GLOSSARY.md").write_text("words")
    return tmp_path


def test_every_lesson_and_exercise_is_copied_with_the_glossary_they_link_to(course):
    first = start(course)
    assert first == course / "work" / "notebooks" / "00_start_here.ipynb"
    made = {
        p.relative_to(course / "work").as_posix() for p in first.parents[1].rglob("*.*")
    }
    assert made == {
        ".copies.json",
        "GLOSSARY.md",
        *(f"{f}/{n}.ipynb" for f in ("notebooks", "exercises")
          for n in ("00_start_here", "07_reward_model")),
    }  # fmt: skip


def test_what_the_student_wrote_is_never_touched_and_a_newer_lesson_is_announced(
    course, capsys
):
    mine = start(course).with_name("07_reward_model.ipynb")
    mine.write_text("my answer")
    start(course)
    assert mine.read_text() == "my answer" and capsys.readouterr().out == ""
    (course / "notebooks" / "07_reward_model.ipynb").write_text("a better lesson")
    start(course)
    assert mine.read_text() == "my answer"
    assert "course start --again 07" in capsys.readouterr().out


def test_starting_again_keeps_the_old_file_beside_the_new_one(course, capsys):
    mine = start(course).with_name("07_reward_model.ipynb")
    for answer in ("one", "two"):  # twice within a second, too
        mine.write_text(answer)
        start(course, again=["7"])
        assert mine.read_text() == "notebooks 07_reward_model"
    kept = sorted(p.read_text() for p in mine.parent.glob("*.mine-*"))
    assert kept == ["one", "two"]
    assert "is kept as 07_reward_model.mine-" in capsys.readouterr().out
    assert not list(mine.parent.glob("00*.mine-*"))


def test_starting_again_leaves_alone_what_is_as_it_was_copied(course, capsys):
    mine = start(course).with_name("07_reward_model.ipynb")
    mine.write_text("my answer")
    start(course, again=["7"])
    said = capsys.readouterr().out
    assert "notebooks/07_reward_model.ipynb is new again" in said
    assert "exercises" not in said
    assert not list((course / "work" / "exercises").glob("*.mine-*"))


def test_an_appendix_is_copied_and_begun_again_by_its_letter(course, capsys):
    (course / "notebooks" / "B_signs.ipynb").write_text("signs")
    mine = start(course).with_name("B_signs.ipynb")
    mine.write_text("my notes")
    start(course, again=["b"])
    assert mine.read_text() == "signs"
    assert "is kept as B_signs.mine-" in capsys.readouterr().out


def test_lost_notes_cost_no_copy(course):
    mine = start(course)
    mine.write_text("my answer")
    (course / "work" / ".copies.json").write_text("{")
    start(course)
    assert mine.read_text() == "my answer"
    json.loads((course / "work" / ".copies.json").read_text())


def test_an_unknown_chapter_and_a_full_disk_are_one_sentence(course, monkeypatch):
    with pytest.raises(CourseError, match="no chapter 42"):
        start(course, again=["42"])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("course.start.shutil.copyfile", full)
    with pytest.raises(CourseError, match="cannot be written to .*No space left"):
        start(course)


def test_lab_opens_the_students_copy_of_the_first_lesson(
    course, fresh_home, monkeypatch
):
    called = []
    monkeypatch.chdir(course)
    monkeypatch.setattr(cli, "_become", lambda command: called.append(command) or 0)
    assert cli.main(["lab", "--no-browser"]) == 0
    copy = course / "work" / "notebooks" / "00_start_here.ipynb"
    page = "--LabApp.default_url=/lab/tree/work"
    assert f"{page}/notebooks/{copy.name}" in called[0] and copy.is_file()
    assert cli.main(["next", "--open"]) == 0
    assert any(word.startswith(f"{page}/exercises/") for word in called[1])
