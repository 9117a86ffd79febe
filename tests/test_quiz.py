"""The sixty questions, the rule SM-2, the file of answers, and Anki's format."""

import csv
import io
import re
from datetime import date
from html import unescape
from pathlib import Path

import pytest

from course import cli
from course.checks import quiz as module
from course.checks.questions import InterviewQuestion, parsed, questions
from course.checks.quiz import Quiz, anki, drawn, in_terminal, quiz
from course.checks.sm2 import Card, answered
from course.runtime import CourseError, home

ROOT = Path(__file__).resolve().parents[1]
MASTERS = {
    path.name.partition("_")[0]: path.read_text("utf-8")
    for path in (ROOT / "notebooks" / "src").glob("*_*.py")
}
PLANNED = {"13", "14", "15", "16", "17"}  # until each is landed
NAMES = [question.name for question in questions()]


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)


def test_there_are_sixty_with_every_part():
    assert len(questions()) == len(set(NAMES)) == 60
    for q in questions():
        assert q.question.endswith(("?", ".")), q.name
        assert 10 <= len(q.short.split()) <= 60, q.name
        assert 20 <= len(q.long.split()) <= 250, q.name
        assert q.trap[0] and q.trap[-1] in ".!?", q.name


@pytest.mark.parametrize("q", questions(), ids=NAMES)
def test_the_cell_that_shows_it_exists_and_shows_something(q):
    where = q.cell.partition("-")[0]
    if where not in MASTERS or q.chapter not in MASTERS:
        assert {where, q.chapter} & PLANNED
        return
    found = re.search(
        rf'^# %% id="{q.cell}".*?(?=^# %%|\Z)', MASTERS[where], re.M | re.S
    )
    assert found, q.cell
    assert "claim(" in found[0] or "print(" in found[0], q.cell


def test_a_question_without_a_part_is_refused():
    with pytest.raises(ValueError, match="got the parts .* of 'short-one'"):
        parsed("## short-one\n? Why?\n20: So.\n! No.\n@ 07 A-x\n")
    with pytest.raises(ValueError, match="got an empty part"):
        parsed("## no-cell\n? Why?\n20: So.\n120: So.\n! No.\n@ 07\n")


# SM-2 as published: I(1) = 1, I(2) = 6, I(n) = I(n-1) * EF, rounded up; EF' = EF +
# (0.1 - (5-q) * (0.08 + (5-q) * 0.02)), at least 1.3; below 3 from the beginning.


@pytest.mark.parametrize(("quality", "change"), [(5, 0.1), (4, 0.0), (3, -0.14)])
def test_the_ease_changes_as_published(quality, change):
    assert answered(Card(), quality).ease == pytest.approx(2.5 + change)


def test_intervals_are_those_of_the_rule():
    days, card = [], Card()
    for _ in range(5):
        card = answered(card, 4)  # the ease stays 2.5
        days.append(card.interval)
    assert days == [1, 6, 15, 38, 95]


@pytest.mark.parametrize("quality", [0, 1, 2])
def test_what_was_forgotten_starts_anew_with_its_ease(quality):
    known = answered(answered(answered(Card(), 5), 5), 5)
    assert answered(known, quality) == Card(0, 1, known.ease)


def test_the_ease_never_falls_below_its_floor():
    card = Card()
    for _ in range(20):
        card = answered(card, 3)
    assert card.ease == 1.3


@pytest.mark.parametrize("quality", [-1, 6, 2.5, "4", True, None])
def test_another_quality_is_refused(quality):
    with pytest.raises(ValueError, match="expected 0, 1, 2, 3, 4 or 5"):
        answered(Card(), quality)


def test_what_is_due_comes_first_then_new_ones_then_the_rest():
    everything = questions()[:4]
    a, b, c, d = (q.name for q in everything)
    answers = [(c, "2026-01-01", 5), (b, "2026-01-05", 5), (d, "2026-01-09", 5)]
    order = drawn(everything, answers, date(2026, 1, 9))
    assert [q.name for q in order] == [c, b, a, d]


def test_the_quiz_draws_eight_the_frequent_first_and_keeps_the_answers(monkeypatch):
    first = quiz()
    assert [q.name for q in first.questions] == NAMES[:8]
    first.grade(1, 5)
    assert [q.name for q in quiz().questions] == NAMES[1:9]
    monkeypatch.setattr(module, "_today", lambda: date(2100, 1, 1))
    assert quiz().questions[0].name == NAMES[0]
    assert (home() / "quiz.sqlite").is_file()


def test_nothing_is_kept_where_progress_is_switched_off(monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "0")
    quiz().grade(1, 5)
    assert quiz().questions[0].name == NAMES[0]


def test_wrong_calls_and_a_broken_file_are_one_sentence():
    with pytest.raises(ValueError, match="got 0 questions, expected 1 to 60"):
        quiz(0)
    with pytest.raises(ValueError, match="got question 9, expected 1 to 8"):
        quiz().grade(9, 4)
    with pytest.raises(ValueError, match="got the quality 7"):
        quiz().grade(1, 7)
    (home() / "quiz.sqlite").write_text("not a database, but long enough to be read")
    with pytest.raises(CourseError, match="could not be used"):
        quiz()


def test_in_the_terminal_what_was_hard_comes_again(capsys):
    lines = iter(["", "x", "2", "", "5", "", "4", ""])
    in_terminal(2, read=lambda _: next(lines, "q"))
    printed = capsys.readouterr().out
    asked = [q.question for q in questions()[:2]]
    assert [printed.count(q) for q in asked] == [2, 1]
    assert "got 'x', expected a number from 0 to 5" in printed
    assert printed.count("again in 1 day") == 2  # the repetition is practice only


def test_the_terminals_end_of_input_ends_the_quiz(capsys):
    def ended(_):
        raise EOFError

    in_terminal(read=ended)
    assert questions()[0].question in capsys.readouterr().out


def test_anki_reads_back_every_field_whatever_stands_in_it(tmp_path, monkeypatch):
    nasty = InterviewQuestion(
        "nasty", 'Is a < b & "c"\tor\nd?', "x <b>1</b>", "y\r\nz", "t", "07", "A-x"
    )
    monkeypatch.setattr(module, "questions", lambda: (nasty, *questions()))
    assert anki(tmp_path / "deck.txt") == 61
    text = (tmp_path / "deck.txt").read_bytes().decode("utf-8")
    head, rows = text.splitlines()[:3], text.splitlines()[3:]
    assert head == ["#separator:tab", "#html:true", "#tags column:3"]
    read = list(csv.reader(io.StringIO("\n".join(rows)), "excel-tab"))
    assert len(read) == 61 and {len(row) for row in read} == {3}
    assert unescape(read[0][0]) == 'Is a < b & "c" or d?'
    assert read[0][1].count("<b>") == 0 and "&lt;b&gt;1" in read[0][1]
    assert not any(row[0].startswith("#") for row in read)
    assert {unescape(row[0]) for row in read[1:]} == {q.question for q in questions()}


def test_the_commands(tmp_path, capsys, monkeypatch):
    file = tmp_path / "deck.txt"
    assert cli.main(["quiz", "--anki", str(file)]) == 0
    assert "60 notes" in capsys.readouterr().out and file.is_file()
    assert cli.main(["quiz", "--anki", str(tmp_path / "no" / "deck.txt")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    monkeypatch.setattr("builtins.input", lambda _: "q")
    assert cli.main(["quiz"]) == 0


def test_a_page_shows_questions_folded_and_escaped():
    page = Quiz(questions()[:2])._repr_html_()
    assert page.count("<details>") == 2 and "KL &lt;" not in page
    assert str(Quiz(questions()[:2])).splitlines()[0].startswith("1. What is")
