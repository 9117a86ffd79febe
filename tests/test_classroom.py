"""`course grade`: a folder of learners' files, each in a process of its own."""

import csv
import json
import sys

import pytest

from course import cli
from course.checks import classroom, grading, panels, progress
from course.widgets import exercises as widgets

RIGHT = "def standardise(s):\n    return (s - s.mean()) / s.std(correction=0)\n"
WRONG = "def standardise(s):\n    return (s - s.mean()) / s.std()\n"


@pytest.fixture
def class_folder(tmp_path, fresh_home, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    folder = tmp_path / "class"
    folder.mkdir()
    return folder


def test_a_class_is_graded_file_by_file(class_folder, tmp_path, capsys):
    (class_folder / "ann.py").write_text(RIGHT)
    (class_folder / "bob.py").write_text(WRONG)
    (class_folder / "cem").mkdir()
    (class_folder / "cem" / "two.py").write_text(WRONG)
    (class_folder / "=dan.py").write_text("import os\nclass A:\n    os._exit(0)\n")
    (class_folder / "eve.py").write_text("def other(): return 1\n")
    (class_folder / "fay.ipynb").write_text("{")
    table = tmp_path / "out.csv"
    assert cli.main(["grade", str(class_folder), "--csv", str(table)]) == 1
    out = capsys.readouterr().out
    assert "What the class gets wrong:\n  2  ██  0.1  you divide by the standard" in out
    assert "ended the grading (exit status 0)" in out
    assert "it defines no function of any exercise" in out
    assert "fay.ipynb: " in out
    rows = {row["learner"]: row for row in csv.DictReader(table.open(encoding="utf-8"))}
    assert set(rows) == {"ann", "bob", "cem", "'=dan", "eve", "fay"}
    assert rows["ann"]["0.1 standardise"] == "correct"
    assert rows["cem"]["0.1 standardise"].startswith("wrong: you divide by")
    assert rows["ann"]["correct"] == "1"
    assert progress.read() == {}


def test_two_learners_of_one_name_stay_two(class_folder):
    (class_folder / "ann.py").write_text(RIGHT)
    cell = {"cell_type": "code", "source": WRONG}
    (class_folder / "ann.ipynb").write_text(json.dumps({"cells": [cell]}))
    (class_folder / "bob.py").write_text(RIGHT)
    rows = {
        row.learner: row.results["0.1"]["status"]
        for row in classroom.graded(class_folder, 60.0)
    }
    assert rows == {"ann.py": "correct", "ann.ipynb": "wrong", "bob": "correct"}


def test_json_is_for_machines(class_folder, capsys):
    (class_folder / "ann.py").write_text(RIGHT)
    assert cli.main(["grade", str(class_folder), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    (learner,) = content["learners"]
    assert learner["learner"] == "ann"
    assert learner["results"]["0.1"]["status"] == "correct"
    assert learner["problems"] == []


def test_a_missing_and_an_empty_folder_have_a_sentence_and_status_2(
    class_folder, capsys
):
    assert cli.main(["grade", str(class_folder)]) == 2
    assert "holds no notebook" in capsys.readouterr().err
    assert cli.main(["grade", str(class_folder / "gone")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_a_file_that_never_ends_is_stopped_and_keeps_what_was_checked(class_folder):
    (class_folder / "slow.py").write_text("class Slow:\n    while True: pass\n")
    (row,) = classroom.graded(class_folder, 3.0)
    assert "stopped after 3 seconds" in row.problems[0]


def test_no_cell_of_the_table_is_a_formula():
    for text in ("=1+1", "+1", "-1", "@x", "\tx"):
        assert classroom._safe(text) == f"'{text}"


def test_the_panels_questions_are_those_that_progress_counts():
    import inspect

    from course.widgets import mixer

    source = inspect.getsource(widgets) + inspect.getsource(mixer)
    assert len(panels.QUESTIONS) == 6
    for question in panels.QUESTIONS:
        assert f'"{question.number}",\n        "{question.name}"' in source


def test_check_shows_the_question_that_the_lesson_asks(fresh_home, tmp_path, capsys):
    path = tmp_path / "one.py"
    path.write_text("def other(): return 1\n")
    grading.grade("01", path)
    asked = "◌ 1.5 temperature_for_entropy: not attempted yet (answered in the lesson)"
    assert asked in capsys.readouterr().out
    progress.record("1.5", "correct")
    grading.grade("01", path)
    assert "✔ 1.5 temperature_for_entropy: correct" in capsys.readouterr().out
