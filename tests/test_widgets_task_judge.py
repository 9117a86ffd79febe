"""The panel of chapter 15 without a browser: reward, judge and hack side by side."""

import ipywidgets as w
import pytest

from course import widgets
from course.tasks.programs import programs
from course.tasks.questions import questions
from course.widgets import panel, task_judge

PROGRAMS, QUESTIONS = programs(), questions()
PROMPT = PROGRAMS.held_out[0]


@pytest.fixture(autouse=True)
def fresh_state():
    panel.forget_state("tasks")


def every(box):
    yield box
    for child in getattr(box, "children", ()):
        yield from every(child)


def html(box) -> str:
    return " ".join(x.value for x in every(box) if isinstance(x, w.HTML))


def controls(box):
    chosen, asked = (x for x in every(box) if isinstance(x, w.Dropdown))
    return chosen, asked, next(x for x in every(box) if isinstance(x, w.Text))


def test_yours_the_hack_and_the_right_one_are_scored_and_judged():
    rows = {r.whose: r for r in task_judge.judge_answers(PROGRAMS, PROMPT, "x")}
    assert (rows["yours"].reward, rows["yours"].judge) == (0, 0)
    assert (rows["the hack"].reward, rows["the hack"].judge) == (1, 0)
    assert (rows["the right one"].reward, rows["the right one"].judge) == (1, 1)
    with pytest.raises(ValueError, match="got the prompt 'no', expected one of"):
        task_judge.judge_answers(PROGRAMS, "no", "x")


def test_the_code_only_line_prints_the_same(capsys):
    widgets.show_task(PROGRAMS, PROMPT, PROGRAMS.hack(PROMPT))
    out = capsys.readouterr().out
    assert PROMPT in out
    rows = [line.split()[-2:] for line in out.splitlines()[2:5]]
    assert rows == [["1.00", "0.00"], ["1.00", "0.00"], ["1.00", "1.00"]]
    assert "as much as the hack, and the judge gives it 0.00" in out


def test_typing_changes_the_verdict_and_is_kept():
    box = widgets.task_playground([PROGRAMS, QUESTIONS])
    chosen, asked, typed = controls(box)
    assert "earns 0.00, less than the hack" in html(box)
    typed.value = PROGRAMS.references[asked.value]
    assert "earns 1.00, as much as the hack, and the judge gives it 1.00" in html(box)
    again = widgets.task_playground([PROGRAMS, QUESTIONS])
    assert controls(again)[2].value == typed.value


def test_another_task_brings_its_own_prompts():
    box = widgets.task_playground([PROGRAMS, QUESTIONS])
    chosen, asked, typed = controls(box)
    chosen.value = "questions"
    assert asked.value in QUESTIONS.held_out
    typed.value = QUESTIONS.references[asked.value].strip()
    assert "the judge gives it 1.00" in html(box)
    again = widgets.task_playground([QUESTIONS])
    assert controls(again)[0].value == "questions"
    only = widgets.task_playground([PROGRAMS])
    assert controls(only)[0].value == "programs"
    assert controls(only)[1].value in PROGRAMS.held_out


def test_what_is_typed_is_shown_as_text_and_never_as_html_or_run():
    box = widgets.task_playground([PROGRAMS])
    controls(box)[2].value = "<b>open('x')</b>"
    assert "&lt;b&gt;open" in html(box) and "<b>open" not in html(box)
