"""The best-of-n slider without a browser: what is kept, its words, its panel."""

import ipywidgets as w
import matplotlib.pyplot as plt
import pytest

from course import widgets
from course.reward.best_of_n import best_of_n_kl
from course.widgets import best_of, panel

TEXTS = ["plain", "<b>bold</b>", "worse", "best & last"]
PROXY, GOLD = [0.0, 1.0, -2.0, 3.0], [0.5, 0.25, 4.0, -1.0]


@pytest.fixture(autouse=True)
def fresh_state():
    panel.forget_state("best-of")


def every(box):
    yield box
    for child in getattr(box, "children", ()):
        yield from every(child)


def html(box) -> str:
    return " ".join(x.value for x in every(box) if isinstance(x, w.HTML))


def slider(box) -> w.FloatSlider:
    return next(x for x in every(box) if isinstance(x, w.FloatSlider))


def test_for_every_n_the_best_of_the_first_n_is_kept_and_judged():
    found = best_of.best_so_far(TEXTS, PROXY, GOLD)
    for n, kept in enumerate(found, 1):
        place = max(range(n), key=lambda i: PROXY[i])
        assert (kept.n, kept.place, kept.text) == (n, place + 1, TEXTS[place])
        assert (kept.proxy, kept.gold) == (PROXY[place], GOLD[place])
        assert kept.kl == best_of_n_kl(n)


def test_of_equal_scores_the_first_is_kept():
    found = best_of.best_so_far(["a", "b", "c"], [1.0, 1.0, 1.0], [0, 0, 0])
    assert [kept.place for kept in found] == [1, 1, 1]


@pytest.mark.parametrize("call", [best_of.best_so_far, best_of.best_of_slider])
def test_lists_that_do_not_fit_are_refused(call):
    for arguments in (([], [], []), (TEXTS, PROXY[:2], GOLD), (TEXTS, PROXY, [])):
        with pytest.raises(ValueError, match=r"got \d texts.*expected as many of each"):
            call(*arguments)


def test_the_code_only_line_prints_one_row_for_every_n(capsys):
    widgets.show_best_of(TEXTS, PROXY, GOLD, ns=(1, 2, 4, 99))
    plt.close("all")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["1", "2", "4"]
    assert "+3.00" in lines[3] and "-1.00" in lines[3] and "best & last" in lines[3]
    assert "candidate 4 is kept" in lines[4]
    with pytest.raises(ValueError, match="from 1 to 4"):
        widgets.show_best_of(TEXTS, PROXY, GOLD, ns=(5,))


def test_moving_n_changes_text_numbers_and_picture_and_is_kept():
    box = widgets.best_of_slider(TEXTS, PROXY, GOLD, n=2)
    assert "Best of 2" in html(box) and "&lt;b&gt;bold&lt;/b&gt;" in html(box)
    assert "<b>bold" not in html(box)
    before = html(box)
    slider(box).value = 4
    assert "Best of 4: candidate 4 is kept" in html(box) and html(box) != before
    again = widgets.best_of_slider(TEXTS, PROXY, GOLD, n=2)
    assert slider(again).value == 4


def test_a_kept_n_that_is_too_large_for_the_new_pool_is_cut():
    widgets.best_of_slider(TEXTS, PROXY, GOLD, n=4)
    box = widgets.best_of_slider(TEXTS[:2], PROXY[:2], GOLD[:2])
    assert slider(box).value == 2 and "Best of 2" in html(box)


def test_every_control_has_a_description_and_the_picture_an_alternative_text():
    box = widgets.best_of_slider(TEXTS, PROXY, GOLD)
    controls = [
        x for x in every(box) if hasattr(x, "value") and "HTML" not in str(type(x))
    ]
    assert controls and all(x.description for x in controls)
    assert 'alt="Two step lines. Best of 4' in html(box)
