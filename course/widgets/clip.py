"""A clip explorer: what PPO's clip does to one token, by ratio, advantage and width."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as w
import torch

from course import plots
from course.expect import one_number
from course.expect_lists import real_numbers
from course.plots import COLOURS
from course.policy.clipping import ppo_clip_loss
from course.widgets import panel

RATIOS = tuple(n / 100 for n in range(1, 251))  # 0.01 to 2.50


@dataclass(frozen=True)
class Clipped:
    """One token under the clip.

    objective: what PPO makes large, min(rho A, clip(rho) A); gradient: its derivative
    with respect to the token's log-probability, rho A or 0; unclipped: rho A.
    """

    ratio: float
    advantage: float
    clip_eps: float
    objective: float
    gradient: float
    unclipped: float


def clip_token(ratio: float, advantage: float, clip_eps: float) -> Clipped:
    """The clipped objective of one token, from the loss that the course trains with.

    Raises ValueError when the ratio or the clip is not positive.

    >>> token = clip_token(ratio=1.5, advantage=2.0, clip_eps=0.2)
    >>> round(token.objective, 6), token.gradient, token.unclipped
    (2.4, 0.0, 3.0)
    """
    one_number(ratio=ratio, advantage=advantage)
    if not ratio > 0:
        raise ValueError(f"got the ratio {ratio}, expected a positive number")
    old = torch.zeros(1, 1, dtype=torch.float64)
    new = torch.tensor([[ratio]], dtype=torch.float64).log().requires_grad_()
    weight = torch.full((1, 1), float(advantage), dtype=torch.float64)
    loss = ppo_clip_loss(new, old, weight, torch.ones(1, 1).bool(), clip_eps)
    (slope,) = torch.autograd.grad(loss, new)
    return Clipped(
        ratio,
        advantage,
        clip_eps,
        objective=0.0 - loss.item(),  # never -0
        gradient=0.0 - slope.item(),  # 0.0 - 0.0 is 0.0, -0.0 would print as -0
        unclipped=ratio * advantage,
    )


def clip_curve(
    advantage: float, clip_eps: float, ratios: Sequence[float] = RATIOS
) -> list[Clipped]:
    """One token at every ratio."""
    real_numbers(ratios=ratios)
    return [clip_token(ratio, advantage, clip_eps) for ratio in ratios]


def clip_sentence(token: Clipped) -> str:
    """What happens to the token, and why, in words."""
    low, high = 1 - token.clip_eps, 1 + token.clip_eps
    start = (
        f"Ratio {token.ratio:.2f}, advantage {token.advantage:+.2f}, clip "
        f"{low:.2f} to {high:.2f}: objective {token.objective:+.2f}, gradient "
        f"{token.gradient:+.2f}. "
    )
    if token.advantage == 0:
        return start + "An advantage of 0 asks for nothing."
    if token.gradient == 0:
        way = "up" if token.advantage > 0 else "down"
        return start + f"It has gone {way} far enough, so its gradient is cut to 0."
    if low <= token.ratio <= high:
        return start + "Inside the clip nothing is changed."
    return start + (
        "It is outside the clip, but on the wrong side: it keeps its gradient, which "
        "brings it back."
    )


def draw_clip(left: Any, right: Any, token: Clipped) -> None:
    """The objective and its gradient over the ratio, with the token marked."""
    tokens = clip_curve(token.advantage, token.clip_eps)
    for axes, name, title in (
        (left, "objective", "Objective: min(ρ A, clip(ρ) A)"),
        (right, "gradient", "Gradient: ρ A, or 0 past the clip"),
    ):
        axes.axvspan(1 - token.clip_eps, 1 + token.clip_eps, color=COLOURS[4],
                     alpha=0.15, label="the clip")  # fmt: skip
        axes.plot(RATIOS, [t.unclipped for t in tokens], "--", color="gray",
                  label="without a clip")  # fmt: skip
        axes.plot(RATIOS, [getattr(t, name) for t in tokens], color=COLOURS[0],
                  label="PPO")  # fmt: skip
        axes.plot(token.ratio, getattr(token, name), "o", color=COLOURS[1],
                  label="this token")  # fmt: skip
        axes.set(title=title, xlabel="ratio ρ")
    left.set_ylabel("score units")
    left.legend(fontsize=8)


def show_clip(
    ratio: float = 1.5, advantage: float = 1.0, clip_eps: float = 0.2
) -> None:
    """Draw and print one token under the clip: the explorer by code."""
    import matplotlib.pyplot as plt

    token = clip_token(ratio, advantage, clip_eps)
    _, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
    draw_clip(left, right, token)
    panel.say(clip_sentence(token))
    plots.show(f"Lines of the objective over the ratio. {clip_sentence(token)}")


@dataclass
class Explorer:
    """What the explorer keeps: the settings of its controls."""

    ratio: float = 1.5
    advantage: float = 1.0
    clip_eps: float = 0.2


def clip_explorer(key: str = "clip") -> w.VBox:
    """The panel: ratio, advantage and width of the clip of one token."""
    state = panel.panel_state(key, Explorer)
    ratio, ratio_row = panel.number("ratio", state.ratio, 0.05, 2.5, 0.05)
    advantage, advantage_row = panel.number("advantage", state.advantage, -2, 2, 0.25)
    eps, eps_row = panel.number("clip", state.clip_eps, 0.05, 0.9, 0.05)
    words, image = w.HTML(), w.HTML()

    def render() -> None:
        state.ratio, state.advantage, state.clip_eps = (
            control.value for control in (ratio, advantage, eps)
        )
        token = clip_token(state.ratio, state.advantage, state.clip_eps)
        words.value = panel.status(clip_sentence(token))
        made, (left, right) = panel.figure(2, width=8, height=2.9)
        draw_clip(left, right, token)
        alt = f"Objective and gradient over the ratio. {clip_sentence(token)}"
        image.value = plots.picture(made, alt)

    panel.watch(render, ratio, advantage, eps)
    return w.VBox([ratio_row, advantage_row, eps_row, words, image])
