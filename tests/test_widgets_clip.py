"""The clip explorer without a browser: one token, its curve, its words, its panel."""

import math
from html.parser import HTMLParser

import ipywidgets as w
import pytest

from course import widgets
from course.widgets import clip, panel


@pytest.fixture(autouse=True)
def fresh_state():
    panel.forget_state("clip")


def every(box):
    yield box
    for child in getattr(box, "children", ()):
        yield from every(child)


def find(box, description):
    found = [x for x in every(box) if getattr(x, "description", None) == description]
    assert len(found) == 1
    return found[0]


def html(box) -> str:
    return " ".join(x.value for x in every(box) if isinstance(x, w.HTML))


class _Images(HTMLParser):
    alt = ""

    def handle_starttag(self, tag, attrs):
        assert tag in ("div", "img")
        self.alt += dict(attrs).get("alt", "")


@pytest.mark.parametrize("advantage", [-2.0, -0.5, 0.0, 0.5, 2.0])
@pytest.mark.parametrize("clip_eps", [0.05, 0.2, 0.9])
def test_objective_and_gradient_follow_the_textbook_case_by_case(advantage, clip_eps):
    for token in clip.clip_curve(advantage, clip_eps):
        rho = token.ratio
        clipped = min(max(rho, 1 - clip_eps), 1 + clip_eps)
        expected = min(rho * advantage, clipped * advantage)
        assert token.objective == pytest.approx(expected, abs=1e-12)
        stopped = (advantage > 0 and rho > 1 + clip_eps + 1e-9) or (
            advantage < 0 and rho < 1 - clip_eps - 1e-9
        )
        edge = math.isclose(rho, clipped) and not 1 - clip_eps < rho < 1 + clip_eps
        if not edge:
            gradient = 0.0 if stopped else rho * advantage
            assert token.gradient == pytest.approx(gradient, abs=1e-12)


def test_the_gradient_is_the_slope_of_the_objective_over_the_log_probability():
    for ratio in (0.5, 0.9, 1.1, 1.6):
        for advantage in (-1.5, 1.5):
            up, down = (
                clip.clip_token(ratio * math.exp(s * 1e-6), advantage, 0.2)
                for s in (1, -1)
            )
            token = clip.clip_token(ratio, advantage, 0.2)
            slope = (up.objective - down.objective) / 2e-6
            assert token.gradient == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("ratio, advantage, words", [
    (1.5, 1.0, "gone up far enough"), (0.5, -1.0, "gone down far enough"),
    (0.5, 1.0, "wrong side"), (1.5, -1.0, "wrong side"),
    (1.1, 1.0, "Inside the clip"), (1.5, 0.0, "asks for nothing"),
])  # fmt: skip
def test_the_sentence_says_what_happens(ratio, advantage, words):
    token = clip.clip_token(ratio, advantage, 0.2)
    assert words in clip.clip_sentence(token)
    assert "-0.00" not in clip.clip_sentence(token)


@pytest.mark.parametrize("bad", [{"ratio": 0.0}, {"ratio": -1.0}, {"clip_eps": 0.0}])
def test_impossible_tokens_are_refused(bad):
    with pytest.raises(ValueError, match="positive"):
        clip.clip_token(**{"ratio": 1, "advantage": 1, "clip_eps": 0.2, **bad})


def test_the_code_only_line_draws_and_prints(capsys):
    import matplotlib.pyplot as plt

    widgets.show_clip(ratio=1.5, advantage=1.0, clip_eps=0.2)
    assert "gone up far enough" in " ".join(capsys.readouterr().out.split())
    assert [len(axes.lines) for axes in plt.gcf().axes] == [3, 3]
    plt.close("all")


def test_the_panel_follows_its_controls_and_keeps_what_was_chosen():
    box = widgets.clip_explorer()
    assert "gone up far enough" in html(box)
    find(box, "advantage").value = -1.0
    assert "wrong side" in html(box)
    find(box, "clip").value = 0.6
    assert "Inside the clip" in html(box)
    again = widgets.clip_explorer()
    assert find(again, "advantage").value == -1.0
    assert "Inside the clip" in html(again)


def test_every_control_is_named_and_the_picture_has_an_alternative_text():
    box = widgets.clip_explorer()
    for control in every(box):
        if hasattr(control, "description") and not isinstance(control, w.HTML):
            assert control.description
    reader = _Images()
    reader.feed(html(box))
    assert reader.alt.startswith("Objective and gradient over the ratio. Ratio 1.50")
