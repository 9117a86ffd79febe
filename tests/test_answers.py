"""The bank of answers, written from the exercises' texts alone: what `check` says."""

from pathlib import Path

import pytest

from course.checks import catalogue
from course.checks.checking import examine
from tools.try_answers import answers

pytestmark = pytest.mark.notebooks  # the lane of the exercises
FILES = sorted((Path(__file__).parent / "answers").glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_right_answers_pass_and_wrong_ones_do_not(path):
    told = []
    for answer in answers(path):
        exercise = catalogue.find(answer.number)
        verdict = examine(exercise, answer.function, explain=False)
        if (verdict.status == "correct") != answer.right:
            told.append(f"{answer.number} {answer.note}: {verdict.line}")
    assert not told


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_exercise_of_a_bank_has_both_kinds(path):
    every = answers(path)
    for number in {answer.number for answer in every}:
        kinds = [answer.right for answer in every if answer.number == number]
        assert kinds.count(True) >= 2, number
        assert kinds.count(False) >= 8, number
