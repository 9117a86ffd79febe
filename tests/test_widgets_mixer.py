"""The reward mixer without a browser: weights, ranking, agreement, the question."""

from html.parser import HTMLParser

import ipywidgets as w
import pytest
import torch

from course import check, widgets
from course.reward.metrics import pearson
from course.widgets import mixer, panel

HOSTILE = "<script>window.hacked = 1</script>\"'& $\\frac{1}$"
TEXTS = ["good film", HOSTILE, "dull film", "so so"]
PEOPLE = torch.tensor([3.0, -1.0, -2.0, 0.5])
SCORES = {
    "praise": torch.tensor([1.0, 0.0, -1.0, 1.0]),
    "distinct-2": torch.tensor([1.0, 1.0, 1.0, 0.0]),
}


@pytest.fixture(autouse=True)
def fresh_state():
    panel.forget_state("mixer")


def every(box):
    yield box
    for child in getattr(box, "children", ()):
        yield from every(child)


def find(box, description):
    found = [x for x in every(box) if getattr(x, "description", None) == description]
    assert len(found) == 1
    return found[0]


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = set(), ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


def read(box):
    reader = _Tags()
    for child in every(box):
        if isinstance(child, w.HTML):
            reader.feed(child.value)
    return reader


def test_a_mix_is_the_normalised_weighted_sum():
    mix = mixer.mixed(SCORES, {"praise": 2.0, "distinct-2": -1.0})
    total = 2 * SCORES["praise"] - SCORES["distinct-2"]
    expected = (total - total.mean()) / total.std(correction=0)
    assert torch.allclose(mix, expected)
    assert not mixer.mixed(SCORES, {}).any()


def test_agreement_is_pearsons_and_0_where_all_is_switched_off():
    expected = pearson(SCORES["praise"], PEOPLE)
    assert mixer.agreement(SCORES, {"praise": 0.3}, PEOPLE) == pytest.approx(expected)
    assert mixer.agreement(SCORES, {}, PEOPLE) == 0
    assert "switched off" in mixer.mixer_sentence(SCORES, {}, PEOPLE)
    assert "praise" in mixer.mixer_sentence(SCORES, {"praise": 1.0}, PEOPLE)


def test_rows_are_the_first_and_the_last_texts_and_none_twice():
    mix = torch.tensor([4.0, 3.0, 2.0, 1.0])
    assert [row[0] for row in mixer.mixer_rows(TEXTS, PEOPLE, mix, 1)] == ["1", "4"]
    assert [row[0] for row in mixer.mixer_rows(TEXTS, PEOPLE, mix)] == list("1234")
    assert mixer.mixer_rows(TEXTS, PEOPLE, mix)[0][1:3] == ("+4.00", "+3.00")


def test_a_weight_for_no_part_is_refused():
    with pytest.raises(ValueError, match="got a weight for 'size', expected"):
        mixer.mixed(SCORES, {"size": 1.0})


def test_the_panel_follows_its_sliders_and_keeps_them():
    # by hand: 5.375 / sqrt(2.75 * 14.1875) and 0.375 / sqrt(0.75 * 14.1875)
    box = widgets.reward_mixer(TEXTS, PEOPLE, SCORES, {"praise": 1.0})
    assert "r = +0.861" in read(box).text
    find(box, "praise").value = 0.0
    assert "switched off" in read(box).text
    find(box, "distinct-2 value").value = -1.0
    assert "r = +0.115" in read(box).text
    again = widgets.reward_mixer(TEXTS, PEOPLE, SCORES, {"praise": 1.0})
    assert find(again, "distinct-2").value == -1.0
    find(again, "Back to the first weights").click()
    assert find(again, "praise").value == 1.0 and "r = +0.861" in read(again).text


def test_every_control_is_named_and_hostile_text_stays_text():
    box = widgets.reward_mixer(TEXTS, PEOPLE, SCORES, {"praise": 1.0})
    unnamed = [
        x for x in every(box)
        if hasattr(x, "description") and not x.description and not isinstance(x, w.HTML)
    ]  # fmt: skip
    assert not unnamed
    seen = read(box)
    assert seen.tags <= {"div", "img", "table", "tr", "th", "td", "caption"}
    assert "<script>" in seen.text


def test_the_line_of_code_prints_what_the_panel_shows(capsys, monkeypatch):
    import matplotlib

    matplotlib.use("Agg")
    widgets.show_mixer(TEXTS, PEOPLE, SCORES, distinct_2=-1.0)
    assert "r = +0.115" in capsys.readouterr().out


def test_the_question_is_answered_by_its_own_line_of_code(capsys):
    question = mixer.mixer_question(SCORES, PEOPLE, margin=0.01)
    names = {"torch": torch, "scores": SCORES, "people": PEOPLE}
    answer = eval(question.code, names)
    check(answer, question)
    assert capsys.readouterr().out.startswith("✔ 5.6 mix_that_beats_its_parts: correct")
    check({"praise": 1.0}, question)
    said = capsys.readouterr().out
    assert said.startswith("✘") and "best part alone" in said
    for wrong in (7, {"nothing": 1.0}, {"praise": "much"}, {"praise": float("nan")}):
        check(wrong, question)
        assert "Expected weights" in capsys.readouterr().out
