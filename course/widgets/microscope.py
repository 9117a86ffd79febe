"""A reward microscope: the reward after each token of a text, live."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as w

from course import plots
from course.expect import whole
from course.lm.tokenizer import encode
from course.plots import COLOURS
from course.score import check_texts
from course.widgets import panel

ScoreTexts = Callable[[list[str]], Sequence[float]]
LONGEST = 64


def reward_trace(
    score_texts: ScoreTexts, tokenizer: Any, text: str
) -> list[tuple[str, float]]:
    """Each token of a text with the reward of the text up to and including it.

    score_texts: list of texts -> scores (texts,); it is called once with all prefixes.
    A prefix is the text of its first tokens; only the first 64 tokens are read.
    """
    ids = encode(tokenizer, [text], bos=False, eos=False)[0][:LONGEST]
    if not ids:
        return []
    prefixes = [tokenizer.decode(ids[: n + 1]) for n in range(len(ids))]
    scores = [float(score) for score in score_texts(prefixes)]
    if len(scores) != len(prefixes):
        raise ValueError(f"got {len(scores)} scores, expected {len(prefixes)}")
    return list(zip([panel.token_text(tokenizer, i) for i in ids], scores, strict=True))


HEAD = ("token", "reward so far", "change")


def trace_rows(trace: Sequence[tuple[str, float]]) -> list[tuple[str, str, str]]:
    """The trace as text: token, reward after it, change from the token before."""
    rows, last = [], None
    for n, (token, reward) in enumerate(trace):
        change = "" if last is None else f"{reward - last:+.2f}"
        sign = "" if last is None else "▲ " if reward >= last else "▼ "
        rows.append((f"{n} {panel.visible(token)}", f"{reward:+.2f}", sign + change))
        last = reward
    return rows


def trace_sentence(trace: Sequence[tuple[str, float]]) -> str:
    """The final reward and the token that moved it most, in words."""
    if not trace:
        return "Type a text to see its reward."
    sentence = f"Reward of the whole text {trace[-1][1]:+.2f}."
    if len(trace) > 1:
        changes = [b[1] - a[1] for a, b in zip(trace[:-1], trace[1:], strict=True)]
        n = max(range(len(changes)), key=lambda i: abs(changes[i]))
        token = panel.visible(trace[n + 1][0])
        sentence += f" Token {n + 1}, {token}, changed it most: {changes[n]:+.2f}."
    return sentence


def draw_trace(axes: Any, trace: Sequence[tuple[str, float]], title: str) -> None:
    """The reward after each token as a line with dots; zero is dashed."""
    axes.axhline(0, color=COLOURS[6], linestyle="--", linewidth=1)
    axes.plot([reward for _, reward in trace], marker="o", markersize=4)
    names = [panel.label(token, 12) for token, _ in trace]
    axes.set_xticks(range(len(names)), names, rotation=75, fontsize=8)
    axes.set(title=title, xlabel="token", ylabel="reward so far")


def show_reward(score_texts: ScoreTexts, tokenizer: Any, *texts: str) -> None:
    """Draw the trace of each text and print it as a table: the microscope by code."""
    import matplotlib.pyplot as plt

    check_texts(texts)
    whole(1, texts=len(texts))
    size = (6.4, 2.7 * len(texts))
    _, places = plt.subplots(len(texts), 1, figsize=size, squeeze=False)
    said = []
    for text, axes in zip(texts, places[:, 0], strict=True):
        trace = reward_trace(score_texts, tokenizer, text)
        draw_trace(axes, trace, panel.label(text, 60).replace("␣", " "))
        print(panel.text_table(HEAD, trace_rows(trace)))
        print(trace_sentence(trace))
        said.append(trace_sentence(trace))
    plots.show("Lines of the tables, the reward after each token. " + " ".join(said))


@dataclass
class Microscope:
    """What the microscope keeps: the text as last edited."""

    text: str


def reward_microscope(
    score_texts: ScoreTexts, tokenizer: Any, text: str, key: str = "microscope"
) -> w.VBox:
    """The panel: a text to edit; the reward after each token follows every key."""
    check_texts([text])
    state = panel.panel_state(key, lambda: Microscope(text))
    field = w.Textarea(value=state.text, description="text", rows=3,
                       layout=w.Layout(width="38em"))  # fmt: skip
    again = w.Button(description="Back to the first text",
                     layout=w.Layout(width="14em"))  # fmt: skip
    words, rows, image = w.HTML(), w.HTML(), w.HTML()

    def render() -> None:
        state.text = field.value
        trace = reward_trace(score_texts, tokenizer, state.text)
        sentence = trace_sentence(trace)
        words.value = panel.status(sentence)
        rows.value = panel.table("Reward after each token", HEAD, trace_rows(trace))
        made, (axes,) = panel.figure(width=max(4.0, 1.5 + 0.22 * len(trace)))
        draw_trace(axes, trace, "Reward after each token")
        image.value = plots.picture(made, f"Line of the table. {sentence}")

    def restore(_: Any) -> None:
        field.value = text

    again.on_click(restore)
    panel.watch(render, field)
    return w.VBox([field, again, words, image, rows])
