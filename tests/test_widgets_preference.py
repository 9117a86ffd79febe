"""The loss explorer without a browser: four losses, their words, their panel."""

import math
from html.parser import HTMLParser

import ipywidgets as w
import pytest

from course import widgets
from course.widgets import panel, preference


@pytest.fixture(autouse=True)
def fresh_state():
    panel.forget_state("preference")


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


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("h", [-7.0, 0.0, 3.0, 12.0])
@pytest.mark.parametrize("beta", [0.05, 0.3])
@pytest.mark.parametrize("e", [0.0, 0.2])
def test_loss_and_push_are_those_of_the_formulas(h, beta, e):
    """Each relative to the loss at h = 0; the push is minus the derivative by hand."""
    up, down, two = sigmoid(beta * h), sigmoid(-beta * h), math.log(2)
    expected = {
        "DPO": (-math.log(up) / two, beta * down / two),
        "cDPO": (
            -((1 - e) * math.log(up) + e * math.log(down)) / two,
            beta * ((1 - e) * down - e * up) / two,
        ),
        "IPO": ((1 - 2 * beta * h) ** 2, 4 * beta * (1 - 2 * beta * h)),
        "hinge": (max(0, 1 - beta * h), beta if beta * h < 1 else 0.0),
    }
    for asked in preference.ask(h, beta, e):
        loss, push = expected[asked.name]
        assert asked.loss == pytest.approx(loss, abs=1e-9)
        assert asked.push == pytest.approx(push, abs=1e-9)


@pytest.mark.parametrize("h, words", [
    (0.0, "DPO, cDPO, IPO, hinge push the pair further apart."),
    (5.0, "DPO, cDPO, hinge push the pair further apart; IPO asks for nothing"),
    (11.0, "DPO and cDPO push the pair further apart; IPO pulls it back; hinge asks"),
    (30.0, "DPO pushes the pair further apart; cDPO and IPO pull it back; hinge asks"),
])  # fmt: skip
def test_the_sentence_says_who_pushes_and_who_pulls(h, words):
    assert words in preference.ask_sentence(h, 0.1, 0.1)


@pytest.mark.parametrize("bad, sentence", [
    ({"beta": 0.0}, "got beta"), ({"beta": -1.0}, "got beta"),
    ({"smoothing": 1.5}, "label_smoothing"),
])  # fmt: skip
def test_impossible_settings_are_refused(bad, sentence):
    with pytest.raises(ValueError, match=sentence):
        preference.ask(0.0, **bad)


def test_the_code_only_line_draws_and_prints(capsys):
    import matplotlib.pyplot as plt

    widgets.show_preference_losses(h=11.0)
    assert "IPO pulls it back" in " ".join(capsys.readouterr().out.split())
    assert [len(axes.lines) for axes in plt.gcf().axes] == [9, 9]
    plt.close("all")


def test_the_panel_follows_its_controls_and_keeps_what_was_chosen():
    box = widgets.preference_explorer()
    assert "h = +0.00" in html(box)
    find(box, "log-ratio h").value = 11.0
    assert "IPO pulls it back" in html(box)
    find(box, "beta").value = 0.04
    assert "IPO pulls it back" not in html(box)
    again = widgets.preference_explorer()
    assert find(again, "log-ratio h").value == 11.0
    assert "beta h = +0.44" in html(again)


def test_every_control_is_named_and_the_picture_has_an_alternative_text():
    box = widgets.preference_explorer()
    for control in every(box):
        if hasattr(control, "description") and not isinstance(control, w.HTML):
            assert control.description
    reader = _Images()
    reader.feed(html(box))
    assert reader.alt.startswith("Loss and push of four losses over h. h = +0.00")
