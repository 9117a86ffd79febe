"""The training dashboard without a browser: what it draws, when, and where."""

import base64
import math

import pytest

from course import widgets
from course.lm.training import History
from course.widgets import dashboard


def history(steps: int = 3, **extra: float) -> History:
    made = History()
    for step in range(steps):
        made.log(step, **{"score/mean": step, "kl_seq": 2.0 * step, **extra})
    return made


def titles(figure) -> list[str]:
    return [axes.get_title("left") for axes in figure.axes if axes.axison]


def test_a_panel_is_drawn_for_each_metric_that_was_logged():
    figure = dashboard.draw_dashboard(history())
    assert titles(figure) == [
        "score and reward", "KL to the reference (nats per text)",
    ]  # fmt: skip
    first, second = (axes.lines for axes in figure.axes[:2])
    assert len(first) == 1 and first[0].get_ydata().tolist() == [0, 1, 2]
    assert second[0].get_ydata().tolist() == [0, 2, 4]


def test_a_ppo_run_fills_every_panel():
    names = {name for group in dashboard.PANELS.values() for name in group}
    figure = dashboard.draw_dashboard(history(**dict.fromkeys(names, 1.0)), title="Run")
    assert titles(figure) == list(dashboard.PANELS)
    drawn = sum(len(axes.lines) for axes in figure.axes)
    assert drawn == len(names)


def test_numbers_that_are_not_finite_leave_a_gap():
    made = history(2)
    made.log(2, **{"value/explained_variance": -math.inf})
    made.log(3, **{"value/explained_variance": 0.5})
    line = dashboard.draw_dashboard(made).axes[2].lines[0]
    assert math.isnan(line.get_ydata()[0]) and line.get_ydata()[1] == 0.5
    assert list(line.get_xdata()) == [2, 3]


def test_a_history_of_something_else_is_refused():
    made = History()
    made.log(0, loss=1.0)
    with pytest.raises(ValueError, match="without one of the dashboard's metrics"):
        dashboard.draw_dashboard(made)


def test_the_live_board_draws_every_few_steps_into_one_place(monkeypatch):
    shown, updates = [], []

    class Handle:
        def update(self, bundle, raw):
            assert raw
            updates.append(bundle)

    def display(bundle, display_id, raw):
        assert display_id and raw
        shown.append(bundle)
        return Handle()

    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    monkeypatch.setattr("IPython.display.display", display)
    board, made = widgets.LiveDashboard(every=2, title="while it runs"), History()
    for step in range(5):
        made.log(step, **{"score/mean": step})
        board(made)
    assert len(shown) == 1 and len(updates) == 1
    board.draw(made, title="The score rises")
    assert len(updates) == 2 and "rises" in updates[1]["text/plain"]
    # A finished picture: a kernel in which nothing was plotted cannot draw a figure.
    pictures = [
        base64.b64decode(x["text/html"].split("base64,")[1]) for x in shown + updates
    ]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert len(set(pictures)) == 3


def test_without_a_notebook_nothing_is_drawn(capsys):
    widgets.LiveDashboard(every=1)(history())
    assert capsys.readouterr().out == ""
