"""A group playground: the rewards of one prompt's completions, and four advantages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as w
import torch

from course import plots
from course.expect import check_text, one_number, whole
from course.expect_lists import real_numbers
from course.plots import COLOURS
from course.policy.groups import (
    centred_advantages,
    group_advantages,
    rloo_advantages,
)
from course.widgets import panel

SMALLEST, LARGEST = 2, 16
NAMES = ("GRPO", "Dr. GRPO", "RLOO", "batch baseline")
HEAD = ("completion", "reward", *NAMES)


def read_rewards(text: str) -> list[float]:
    """The numbers of a line such as "1 0 0 1", separated by spaces or commas.

    Raises ValueError, one sentence for the reader, unless they are 2 to 16 finite
    numbers.

    >>> read_rewards("1, 0 0.5")
    [1.0, 0.0, 0.5]
    """
    check_text(text)
    try:
        rewards = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        rewards = []
    fits = SMALLEST <= len(rewards) <= LARGEST
    if not fits or not all(abs(r) < 1e6 for r in rewards):
        raise ValueError(
            f"got {text!r}, expected {SMALLEST} to {LARGEST} numbers such as 1 0 0 1"
        )
    return rewards


def four_advantages(
    rewards: Sequence[float], batch_mean: float
) -> dict[str, list[float]]:
    """The advantages of one group by four methods: name -> one number a completion.

    batch_mean: the mean reward of the whole batch, in which this group is one of many.
    """
    real_numbers(rewards=rewards)
    one_number(batch_mean=batch_mean)
    scores = torch.tensor(list(rewards), dtype=torch.float64)
    size = len(scores)
    found = (
        group_advantages(scores, size),
        centred_advantages(scores, size),
        rloo_advantages(scores, size),
        scores - batch_mean,
    )
    return {name: x.tolist() for name, x in zip(NAMES, found, strict=True)}


def group_rows(rewards: Sequence[float], batch_mean: float) -> list[tuple[str, ...]]:
    """One row a completion: its number, its reward and its four advantages."""
    real_numbers(rewards=rewards)
    one_number(batch_mean=batch_mean)
    columns = four_advantages(rewards, batch_mean).values()
    return [
        (str(n), f"{reward:g}", *(f"{x:+.2f}" for x in row))
        for n, (reward, *row) in enumerate(zip(rewards, *columns, strict=True), 1)
    ]


def group_sentence(rewards: Sequence[float], batch_mean: float) -> str:
    """What this group teaches, in words."""
    real_numbers(rewards=rewards)
    one_number(batch_mean=batch_mean)
    whole(1, rewards=len(rewards))
    if len(set(rewards)) == 1:
        level = rewards[0] - batch_mean
        push = "down" if level < -1e-9 else "up" if level > 1e-9 else "nowhere"
        return (
            "All rewards are equal: the three group methods teach nothing here, and "
            f"the batch baseline pushes every completion {push}."
        )
    mean = sum(rewards) / len(rewards)
    std = (sum((r - mean) ** 2 for r in rewards) / len(rewards)) ** 0.5
    return (
        f"Mean reward {mean:.2f}, standard deviation {std:.2f}: GRPO divides by the "
        f"second, which multiplies the advantages of Dr. GRPO by {1 / std:.2f}; RLOO "
        f"multiplies them by {len(rewards) / (len(rewards) - 1):.2f}."
    )


def draw_group(
    axes: Any, rewards: Sequence[float], batch_mean: float, title: str
) -> None:
    """A bar for each completion and method; completions stand side by side."""
    real_numbers(rewards=rewards)
    one_number(batch_mean=batch_mean)
    found = four_advantages(rewards, batch_mean)
    axes.axhline(0, color=COLOURS[6], linewidth=1)
    for m, ((name, values), hatch) in enumerate(
        zip(found.items(), ("", "//", "..", "xx"), strict=True)
    ):
        places = [n + (m - 1.5) * 0.2 for n in range(len(values))]
        axes.bar(places, values, 0.2, label=name, color=COLOURS[m], hatch=hatch,
                 edgecolor="white")  # fmt: skip
    axes.set_xticks(range(len(rewards)), [f"{r:g}" for r in rewards])
    axes.set(title=title, xlabel="reward of each completion", ylabel="advantage")
    axes.legend(fontsize=8)


def show_group(rewards: Sequence[float], batch_mean: float = 0.5) -> None:
    """Draw and print the advantages of one group: the playground by code."""
    one_number(batch_mean=batch_mean)
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(6.4, 2.9))
    draw_group(axes, rewards, batch_mean, "One group, four advantages")
    print(panel.text_table(HEAD, group_rows(rewards, batch_mean)))
    panel.say(group_sentence(rewards, batch_mean))
    plots.show(f"Bars of the table. {group_sentence(rewards, batch_mean)}")


@dataclass
class Group:
    """What the playground keeps: the line of rewards and the mean of the batch."""

    text: str
    batch_mean: float


def group_playground(
    rewards: Sequence[float] = (1, 0, 0, 1),
    batch_mean: float = 0.5,
    key: str = "groups",
) -> w.VBox:
    """The panel: type the rewards of a group, move the mean of the batch."""
    real_numbers(rewards=rewards)
    one_number(batch_mean=batch_mean)
    first = " ".join(f"{r:g}" for r in rewards)
    state = panel.panel_state(key, lambda: Group(first, batch_mean))
    field = w.Text(value=state.text, description="rewards",
                   continuous_update=False)  # fmt: skip
    slider, row = panel.number("batch mean", state.batch_mean, -1.0, 1.0, 0.05)
    words, rows, image = w.HTML(), w.HTML(), w.HTML()

    def render() -> None:
        state.text, state.batch_mean = field.value, slider.value
        try:
            given = read_rewards(state.text)
        except ValueError as error:
            words.value = panel.status(str(error))
            rows.value = image.value = ""
            return
        sentence = group_sentence(given, state.batch_mean)
        words.value = panel.status(sentence)
        table = group_rows(given, state.batch_mean)
        rows.value = panel.table("Advantages of each completion", HEAD, table)
        made, (axes,) = panel.figure()
        draw_group(axes, given, state.batch_mean, "One group, four advantages")
        image.value = plots.picture(made, f"Bars of the table. {sentence}")

    panel.watch(render, field, slider)
    return w.VBox([field, row, words, rows, image])
