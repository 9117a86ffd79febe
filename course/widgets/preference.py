"""A loss explorer: what four preference losses ask of one pair, by its log-ratio h."""

from dataclasses import dataclass
from typing import Any

import ipywidgets as w
import torch
from torch import Tensor

from course import plots
from course.expect import one_number
from course.plots import COLOURS
from course.policy.preference_losses import (
    cdpo_loss,
    dpo_loss,
    hinge_loss,
    ipo_loss,
)
from course.widgets import panel

RANGE = tuple(n / 4 for n in range(-80, 121))  # h from -20 to 30 nats
MARKS = {"DPO": "-", "cDPO": "--", "IPO": "-.", "hinge": ":"}


@dataclass(frozen=True)
class Asked:
    """One loss at one h.

    loss: divided by its value at h = 0, so that four units fit one picture.
    push: how hard h is pushed up, -(derivative of that) per nat; negative: down.
    """

    name: str
    loss: float
    push: float


def _losses(h: Tensor, beta: float, smoothing: float) -> dict[str, Tensor]:
    return {
        "DPO": dpo_loss(h, beta),
        "cDPO": cdpo_loss(h, beta, smoothing),
        "IPO": ipo_loss(h, beta),
        "hinge": hinge_loss(h, beta),
    }


def ask(h: float, beta: float = 0.1, smoothing: float = 0.1) -> list[Asked]:
    """DPO, cDPO, IPO and the hinge loss of one pair with this log-ratio, nats.

    smoothing: the e of cDPO.  Raises ValueError when beta is not positive or e is not
    from 0 to 1.

    >>> [(a.name, round(a.loss, 2), round(a.push, 3)) for a in ask(0.0)]
    [('DPO', 1.0, 0.072), ('cDPO', 1.0, 0.058), ('IPO', 1.0, 0.4), ('hinge', 1.0, 0.1)]
    """
    one_number(h=h)
    start = _losses(torch.zeros(1, dtype=torch.float64), beta, smoothing)
    at = torch.tensor([h], dtype=torch.float64, requires_grad=True)
    asked = []
    for name, loss in _losses(at, beta, smoothing).items():
        unit = start[name]
        (slope,) = torch.autograd.grad(loss / unit, at)
        push = 0.0 - slope.item()  # never -0
        asked.append(Asked(name, (loss / unit).item(), push))
    return asked


def ask_sentence(h: float, beta: float, smoothing: float) -> str:
    """Which losses still push the pair apart, which pull it back, in words."""
    asked = ask(h, beta, smoothing)
    groups = {
        ("pushes", "push", " the pair further apart"): [
            a.name for a in asked if a.push > 1e-9
        ],
        ("pulls", "pull", " it back"): [a.name for a in asked if a.push < -1e-9],
        ("asks", "ask", " for nothing"): [a.name for a in asked if abs(a.push) <= 1e-9],
    }
    parts = [
        f"{' and '.join(names) if len(names) < 3 else ', '.join(names)} "
        f"{many if len(names) > 1 else one}{what}"
        for (one, many, what), names in groups.items()
        if names
    ]
    return f"h = {h:+.2f} nats, beta h = {beta * h:+.2f}: {'; '.join(parts)}."


def draw_losses(left: Any, right: Any, h: float, beta: float, smoothing: float) -> None:
    """Loss and push over h, with the pair marked."""
    curves = [ask(x, beta, smoothing) for x in RANGE]
    here = ask(h, beta, smoothing)
    for axes, field in ((left, "loss"), (right, "push")):
        for n, (name, mark) in enumerate(MARKS.items()):
            axes.plot(RANGE, [getattr(c[n], field) for c in curves], mark,
                      color=COLOURS[n], label=name)  # fmt: skip
            axes.plot(h, getattr(here[n], field), "o", color=COLOURS[n])
        axes.axhline(0, color="gray", lw=0.8)
        axes.set_xlabel("log-ratio h of the pair (nats)")
    left.set(title="Loss, as a share of that at h = 0", ylim=(-0.1, 3))
    right.set(title="Push on h, per nat", ylim=(-0.3, 0.6))
    left.legend(fontsize=8)


def show_preference_losses(
    h: float = 0.0, beta: float = 0.1, smoothing: float = 0.1
) -> None:
    """Draw and print what four losses ask of one pair: the explorer by code."""
    import matplotlib.pyplot as plt

    panel.say(ask_sentence(h, beta, smoothing))
    _, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
    draw_losses(left, right, h, beta, smoothing)
    plots.show(f"Losses and their slopes. {ask_sentence(h, beta, smoothing)}")


@dataclass
class Explorer:
    """What the explorer keeps: the settings of its controls."""

    h: float = 0.0
    beta: float = 0.1
    smoothing: float = 0.1


def preference_explorer(key: str = "preference") -> w.VBox:
    """The panel: the pair's log-ratio, beta, and the label smoothing of cDPO."""
    state = panel.panel_state(key, Explorer)
    h, h_row = panel.number("log-ratio h", state.h, -20, 30, 0.5)
    beta, beta_row = panel.number("beta", state.beta, 0.02, 0.5, 0.02)
    e, e_row = panel.number("smoothing", state.smoothing, 0, 0.5, 0.05)
    words, image = w.HTML(), w.HTML()

    def render() -> None:
        state.h, state.beta, state.smoothing = (c.value for c in (h, beta, e))
        settings = state.h, state.beta, state.smoothing
        words.value = panel.status(ask_sentence(*settings))
        made, (left, right) = panel.figure(2, width=8, height=2.9)
        draw_losses(left, right, *settings)
        alt = f"Loss and push of four losses over h. {ask_sentence(*settings)}"
        image.value = plots.picture(made, alt)

    panel.watch(render, h, beta, e)
    return w.VBox([h_row, beta_row, e_row, words, image])
