"""The talk with a clerk, without a browser: what is understood, said and kept."""

import ipywidgets as w
import pytest
from tiny import tiny_gpt

from course import widgets
from course.lm.words import word_tokenizer
from course.tasks.booking import QUESTIONS, SLOTS
from course.widgets import panel
from course.widgets import talk as module

WORDS = [" ".join(("", *words)) for words in SLOTS.values()]
TOKENIZER = word_tokenizer([*WORDS, *QUESTIONS.values(), "a table >", " book."])


@pytest.fixture(autouse=True)
def fresh_state():
    panel.forget_state("talk")


@pytest.fixture
def scripted(monkeypatch):
    """A clerk that says these things in turn."""
    lines = []
    monkeypatch.setattr(module, "write", lambda *a, **k: [lines.pop(0)])
    return lines


def test_free_words_become_what_the_clerk_knows():
    assert module.understood("two seats in ROME on friday?") == [
        "Rome",
        "Friday",
        "two",
    ]
    assert module.understood("for 2") == ["two"]
    assert module.understood("hello <b>") == []


def test_a_talk_runs_to_its_booking_and_says_what_was_guessed(scripted):
    scripted += [" which day?", " book Rome Friday six."]
    talk = module.Talk()
    assert "asks: which day?" in talk.say(None, TOKENIZER, "a table in Rome")
    assert talk.text == "a table Rome > which day?"
    assert "expected a city" in talk.say(None, TOKENIZER, "whenever you like")
    assert len(talk.lines) == 2  # what was not understood is not said
    assert "guesses six" in talk.say(None, TOKENIZER, "Friday")
    assert talk.over and "is over" in talk.say(None, TOKENIZER, "two")


def test_four_turns_are_the_end_and_a_muddle_is_no_booking(scripted):
    scripted += [" which day?"] * 4 + [" book Rome."]
    talk = module.Talk()
    for words in ("Rome", "Friday", "Friday", "Friday"):
        sentence = talk.say(None, TOKENIZER, words)
    assert talk.over and "without a booking" in sentence
    assert "without a booking" in module.Talk().say(None, TOKENIZER, "Rome")


def every(box):
    yield box
    for child in getattr(box, "children", ()):
        yield from every(child)


def test_the_panel_keeps_the_talk_and_escapes_your_words(scripted):
    scripted += [" which day?"]
    box = widgets.talk_panel({"clerk": None}, TOKENIZER)
    field = next(x for x in every(box) if isinstance(x, w.Text))
    say, new = (x for x in every(box) if isinstance(x, w.Button))
    field.value = "<b>Rome</b>"
    say.click()
    shown = " ".join(x.value for x in every(box) if isinstance(x, w.HTML))
    assert "&lt;b&gt;Rome" in shown and "<b>Rome" not in shown and field.value == ""
    field.value = "hm"
    say.click()
    assert field.value == "hm"  # nothing of the reader's is lost
    again = widgets.talk_panel({"clerk": None}, TOKENIZER)
    assert "which day?" in " ".join(
        x.value for x in every(again) if isinstance(x, w.HTML)
    )
    new.click()
    assert panel.panel_state("talk", module.Desk).talk.lines == []


def test_by_code_a_talk_is_printed_for_every_clerk(capsys):
    widgets.show_talk({"untrained": tiny_gpt(TOKENIZER)}, TOKENIZER, ["Rome", "Friday"])
    assert "untrained" in capsys.readouterr().out
