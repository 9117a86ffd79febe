"""Ask a judge about a text, in both orders of its question."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as w

from course import plots
from course.expect import check_text
from course.plots import COLOURS
from course.score import check_texts
from course.widgets import panel

Ask = Callable[[str, bool], float]  # (text, swapped) -> probability of "positive"
HEAD = ("text", "positive first", "negative first", "verdicts")


@dataclass(frozen=True)
class Verdict:
    """What a judge says of one text when its labels stand in either order."""

    text: str
    plain: float  # probability of "positive", which is named first
    swapped: float  # the same, when "negative" is named first

    @property
    def word(self) -> str:
        """Both verdicts in one word."""
        first, second = (
            "positive" if p > 0.5 else "negative" for p in (self.plain, self.swapped)
        )
        return first if first == second else f"{first}, then {second}"


def ask_both(ask: Ask, text: str) -> Verdict:
    """The judge's answer in both orders.

    Raises ValueError on a text without a word and on an answer that is no probability.
    """
    if not check_text(text).strip():
        raise ValueError("got an empty text, expected a review to judge")
    answers = [float(ask(text, swapped)) for swapped in (False, True)]
    if not all(0 <= p <= 1 for p in answers):
        raise ValueError(f"got the answers {answers}, expected probabilities")
    return Verdict(text, *answers)


def verdict_row(verdict: Verdict) -> tuple[str, ...]:
    """One text as a row of words."""
    text = verdict.text if len(verdict.text) <= 44 else verdict.text[:43] + "…"
    shown = panel.visible(text).replace("␣", " ")
    return shown, f"{verdict.plain:.2f}", f"{verdict.swapped:.2f}", verdict.word


def verdict_sentence(verdict: Verdict) -> str:
    """One text in words."""
    same = "changes" if "then" in verdict.word else "does not change"
    return (
        f"P(positive) is {verdict.plain:.2f} when “positive” is named first and "
        f"{verdict.swapped:.2f} when “negative” is; the verdict {same}."
    )


def draw_verdict(axes: Any, verdict: Verdict) -> None:
    """Two bars, one for each order, and the line that decides."""
    names = ["positive first", "negative first"]
    axes.barh(names, [verdict.plain, verdict.swapped], color=COLOURS[:2])
    axes.axvline(0.5, color=COLOURS[6], linewidth=1, linestyle=":")
    axes.set(xlim=(0, 1), xlabel="P(positive)", title=f"Verdict: {verdict.word}")
    axes.invert_yaxis()


def show_judge(ask: Ask, texts: Sequence[str]) -> None:
    """Print both verdicts on every text: the panel by code."""
    if not len(check_texts(texts)):
        raise ValueError("got no text, expected at least one text in a list")
    found = [ask_both(ask, text) for text in texts]
    print(panel.text_table(HEAD, map(verdict_row, found)))
    panel.say(verdict_sentence(found[-1]))


@dataclass
class Written:
    """What the panel keeps: the text."""

    text: str


def judge_panel(
    ask: Ask, text: str = "a film with no faults, and no charm", key: str = "judge"
) -> w.VBox:
    """The panel: write a review, ask, and see what the order of two words does."""
    check_text(text)
    state = panel.panel_state(key, lambda: Written(text))
    field = w.Textarea(value=state.text, rows=3, layout=w.Layout(width="32em"))
    field.description, field.tooltip = "review", "the review that the judge reads"
    button = w.Button(description="Ask the judge")
    words, image = w.HTML(), w.HTML()

    def render(*_: Any) -> None:
        state.text = field.value
        try:
            verdict = ask_both(ask, field.value)
        except ValueError as error:
            words.value = panel.status(str(error))
            return
        words.value = panel.status(verdict_sentence(verdict))
        made, (axes,) = panel.figure()
        draw_verdict(axes, verdict)
        image.value = plots.picture(made, f"Two bars. {verdict_sentence(verdict)}")

    button.on_click(render)
    render()
    return w.VBox([field, button, words, image])
