"""A reward mixer: weights of a composite reward, its ranking, what people say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import ipywidgets as w
import torch
from torch import Tensor

from course import plots
from course.expect import as_tensor, check_text, one_number, tensors, whole
from course.plots import COLOURS
from course.reward.composite import composite_reward
from course.reward.metrics import pearson
from course.score import check_texts
from course.widgets import panel
from course.widgets.exercises import Question

Scores = Mapping[str, Tensor]  # part -> score of every text, (texts,)
Weights = Mapping[str, float]
HEAD = ("place", "reward", "people", "text")


def mixed(scores: Scores, weights: Weights) -> Tensor:
    """The composite reward of every text, shape (texts,), mean 0 and deviation 1.

    A part without a weight is switched off.  Raises ValueError on a weight for a part
    that does not exist.

    >>> mixed({"a": torch.tensor([1.0, 3.0])}, {"a": -2.0}).tolist()
    [1.0, -1.0]
    """
    unknown = sorted(weights.keys() - scores.keys())
    if unknown:
        raise ValueError(f"got a weight for {unknown[0]!r}, expected {list(scores)}")
    rows = torch.stack([row.float() for row in scores.values()])
    return composite_reward(
        rows, torch.tensor([float(weights.get(name, 0)) for name in scores])
    )


def agreement(scores: Scores, weights: Weights, people: Tensor) -> float:
    """Pearson r of the mix with people; 0 where every part is switched off."""
    r = pearson(mixed(scores, weights), people)
    return r if r == r else 0.0


def mixer_rows(
    texts: Sequence[str], people: Tensor, mix: Tensor, top: int = 5
) -> list[tuple[str, str, str, str]]:
    """The texts that the mix puts first, and those that it puts last, as text."""
    people = as_tensor("people", people)
    mix = as_tensor("mix", mix)
    whole(1, top=top)
    if not mix.shape == people.shape == (len(check_texts(texts)),):
        raise ValueError(
            f"got {len(texts)} texts, people {tuple(people.shape)} and mix "
            f"{tuple(mix.shape)}, expected one number of each for every text"
        )
    order = mix.argsort(descending=True, stable=True).tolist()
    places = [*range(min(top, len(order)))]
    places += [n for n in range(len(order) - top, len(order)) if n >= len(places)]
    return [
        (
            f"{place + 1}",
            f"{mix[order[place]]:+.2f}",
            f"{people[order[place]]:+.2f}",
            _cut(texts[order[place]]),
        )
        for place in places
    ]


def mixer_sentence(
    scores: Scores, weights: Weights, people: Tensor, who: str = "people"
) -> str:
    """How well the mix agrees with people, and how well its best part alone does.

    who: whose verdicts `people` are.
    """
    check_text(who)
    if not any(weights.values()):
        return "Every part is switched off: all texts are equal."
    alone = {name: agreement(scores, {name: 1.0}, people) for name in scores}
    best = max(alone, key=lambda name: alone[name])
    return (
        f"The mix agrees with {who} at r = {agreement(scores, weights, people):+.3f}; "
        f"the best part alone, {best}, at {alone[best]:+.3f}."
    )


def draw_mix(
    axes: Any, people: Tensor, mix: Tensor, title: str, who: str = "people"
) -> None:
    """Every text as a point: its reward and what people said."""
    people = as_tensor("people", people)
    mix = as_tensor("mix", mix)
    axes.scatter(mix.tolist(), people.tolist(), s=6, alpha=0.4, color=COLOURS[0])
    axes.axhline(0, color=COLOURS[6], linestyle="--", linewidth=1)
    rating = "mean human rating" if who == "people" else f"verdict of {who}"
    axes.set(title=title, xlabel="reward of the mix", ylabel=rating)


def show_mixer(
    texts: Sequence[str],
    people: Tensor,
    scores: Scores,
    *,
    who: str = "people",
    **weights: float,
) -> None:
    """Draw a mix, print its ranking and its agreement: the mixer by code.

    weights: part=weight, spaces of a part's name written as underscores.  who: whose
    verdicts `people` are, where it is not people's.
    """
    import matplotlib.pyplot as plt

    given = named(scores, weights)
    mix, sentence = mixed(scores, given), mixer_sentence(scores, given, people, who)
    print(panel.text_table(_head(who), mixer_rows(texts, people, mix)))
    print(sentence)
    _, axes = plt.subplots()
    draw_mix(axes, people, mix, f"This mix and {who}: r = "
             f"{agreement(scores, given, people):.2f}", who)  # fmt: skip
    plots.show(f"Each text as a point. {sentence}")


def named(scores: Scores, weights: Weights) -> dict[str, float]:
    """Weights by the parts' own names; a part's name may be written as a keyword.

    >>> named({"no bad words": torch.zeros(1)}, {"no_bad_words": 1.0})
    {'no bad words': 1.0}
    """
    names = {name.replace(" ", "_").replace("-", "_"): name for name in scores}
    return {names.get(name, name): float(x) for name, x in weights.items()}


@dataclass
class Mixer:
    """What the mixer keeps: the weight of every part."""

    weights: dict[str, float] = field(default_factory=dict)


def reward_mixer(
    texts: Sequence[str],
    people: Tensor,
    scores: Scores,
    start: Weights | None = None,
    key: str = "mixer",
    who: str = "people",
) -> w.VBox:
    """The panel: a weight for every part; ranking and agreement follow.

    start: the first weights, by the parts' names; missing ones are 0.  who: whose
    verdicts `people` are, where it is not people's.
    """
    state = panel.panel_state(key, lambda: Mixer(dict(start or {})))
    lines = {
        name: panel.number(name, state.weights.get(name, 0.0), -3.0, 3.0, 0.1)
        for name in scores
    }
    again = w.Button(description="Back to the first weights",
                     layout=w.Layout(width="16em"))  # fmt: skip
    words, rows, image = w.HTML(), w.HTML(), w.HTML()

    def render() -> None:
        state.weights = {name: lines[name][0].value for name in lines}
        mix = mixed(scores, state.weights)
        sentence = mixer_sentence(scores, state.weights, people, who)
        words.value = panel.status(sentence)
        rows.value = panel.table("First and last texts of the mix", _head(who),
                                 mixer_rows(texts, people, mix))  # fmt: skip
        made, (axes,) = panel.figure()
        draw_mix(axes, people, mix, "Reward of the mix and rating, every text", who)
        image.value = plots.picture(made, f"Each text as a point. {sentence}")

    def restore(_: Any) -> None:
        for name, (slider, _field) in lines.items():
            slider.value = float((start or {}).get(name, 0.0))

    again.on_click(restore)
    panel.watch(render, *(slider for slider, _ in lines.values()))
    return w.VBox([*(row for _, row in lines.values()), again, words, image, rows])


def grade_mix(
    answer: Any, scores: Scores, people: Tensor, margin: float
) -> tuple[bool, str]:
    """Do these weights agree with people better than every part alone, by `margin`?"""
    tensors(people=people)
    one_number(margin=margin)
    try:
        given = named(scores, {str(k): float(v) for k, v in dict(answer).items()})
        got = agreement(scores, given, people)
    except (TypeError, ValueError) as error:
        return False, f"Expected weights such as {{part: number}}: {error}."
    alone = max(agreement(scores, {name: 1.0}, people) for name in scores)
    if got >= alone + margin:
        return True, f"The mix has r = {got:.3f}, the best part alone {alone:.3f}."
    return False, (
        f"This mix has r = {got:.3f}; wanted is {alone + margin:.3f} or more, which "
        f"is {margin:g} above the best part alone."
    )


def mixer_question(scores: Scores, people: Tensor, margin: float = 0.02) -> Question:
    """Mixer: weights that agree with people better than any part alone."""
    one_number(margin=margin)
    people = as_tensor("people", people)
    return Question(
        "5.6",
        "mix_that_beats_its_parts",
        f"Which weights agree with people better than the best part, by {margin:g}?",
        partial(grade_mix, scores=scores, people=people, margin=margin),
        (
            "Which parts know something that the best part does not?",
            "Set the best part to 1, then move one other weight at a time and keep "
            "what raises r.",
            "By code: least squares gives the best weights of all: "
            "torch.linalg.lstsq(parts, people) on centred columns.",
        ),
        "dict(zip(scores, torch.linalg.lstsq(torch.stack([s.float() - s.float().mean() "
        "for s in scores.values()], 1), (people - people.mean()).float()[:, None])"
        ".solution[:, 0].tolist()))",
        "Weak signals that err in different ways add up, on texts that people wrote.",
    )


def _head(who: str) -> tuple[str, ...]:
    return *HEAD[:2], who, HEAD[3]


def _cut(text: str, width: int = 70) -> str:
    return panel.visible(text if len(text) <= width else text[: width - 1] + "…"
                         ).replace("␣", " ")  # fmt: skip
