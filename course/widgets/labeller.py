"""A preference labeller: which of two texts most people would call more positive.

That is what the raters of the data were asked.  Votes go to the learner's store.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as w

from course import plots
from course.expect import one_number, whole, whole_number
from course.plots import COLOURS
from course.reward.preferences import CHOICES, PreferenceStore, Vote
from course.runtime import CourseError
from course.score import check_texts
from course.widgets import panel

Pair = Mapping[str, Any]
OUTCOMES = ("agrees", "disagrees", "tie", "skip")


@dataclass
class Session:
    """The pairs, the store, and nothing else: where you are is read from the votes.

    pairs: rows with text_a, text_b, mean_a, mean_b (the crowd's mean ratings).
    A person and a script answer through the same `choose` and `undo`.
    """

    pairs: Sequence[Pair]
    store: PreferenceStore

    def votes(self) -> list[Vote]:
        """This annotator's latest vote on each of these pairs, oldest first."""
        known = {(p["text_a"], p["text_b"]) for p in self.pairs}
        mine = [
            vote for vote in self.store.votes()
            if vote.annotator == self.store.annotator
            and (vote.text_a, vote.text_b) in known
        ]  # fmt: skip
        last = {(vote.text_a, vote.text_b): vote for vote in mine}
        return [vote for vote in mine if last[vote.text_a, vote.text_b] is vote]

    def current(self) -> Pair | None:
        """The first pair without a vote; None when there is none left."""
        done = {(vote.text_a, vote.text_b) for vote in self.votes()}
        left = (p for p in self.pairs if (p["text_a"], p["text_b"]) not in done)
        return next(left, None)

    def choose(self, choice: str, seconds: float | None = None) -> bool:
        """Keep a vote on the current pair: "a", "b", "tie" or "skip".

        False when every pair has its vote; nothing is kept then.
        """
        pair = self.current()
        if pair is None:
            return False
        self.store.add(pair["text_a"], pair["text_b"], choice, seconds=seconds)
        return True

    def undo(self) -> bool:
        """Take back this annotator's latest vote if it is on one of these pairs."""
        own = [v for v in self.store.votes() if v.annotator == self.store.annotator]
        here = {vote.id for vote in self.votes()}
        if not own or own[-1].id not in here:
            return False
        return self.store.undo() is not None

    def outcomes(self) -> list[str]:
        """Each vote against the crowd: agrees, disagrees, tie or skip."""
        gaps = {
            (p["text_a"], p["text_b"]): p["mean_a"] - p["mean_b"] for p in self.pairs
        }
        return [
            outcome(vote.choice, gaps[vote.text_a, vote.text_b])
            for vote in self.votes()
        ]


def outcome(choice: str, gap: float) -> str:
    """A choice against the crowd's gap (mean of A minus mean of B).

    A crowd that is exactly even can be neither agreed nor disagreed with: a tie.

    >>> outcome("a", 1.5), outcome("a", -1.5), outcome("b", 0.0), outcome("skip", 2.0)
    ('agrees', 'disagrees', 'tie', 'skip')
    """
    one_number(gap=gap)
    if choice not in CHOICES or gap != gap:
        raise ValueError(
            f"got the choice {choice!r} and the gap {gap}, expected one of {CHOICES} "
            "and a number"
        )
    if choice == "skip":
        return "skip"
    if choice == "tie" or gap == 0:
        return "tie"
    return "agrees" if (choice == "a") == (gap > 0) else "disagrees"


def agreement(outcomes: Sequence[str]) -> float | None:
    """Share of the decided votes that agree with the crowd; None without any.

    >>> agreement(["agrees", "tie", "disagrees", "agrees", "agrees", "skip"])
    0.75
    """
    check_texts(outcomes)
    if not set(outcomes) <= set(OUTCOMES):
        raise ValueError(f"got outcomes {outcomes!r}, expected some of {OUTCOMES}")
    agrees, disagrees = outcomes.count("agrees"), outcomes.count("disagrees")
    return agrees / (agrees + disagrees) if agrees + disagrees else None


def label_by_rule(session: Session, rule: Callable[[str, str], str], n: int) -> None:
    """A scripted annotator: rule(text_a, text_b) chooses for at most n pairs."""
    whole(0, n=n)
    for _ in range(n):
        pair = session.current()
        if pair is None:
            return
        session.choose(rule(pair["text_a"], pair["text_b"]))


def agreement_sentence(outcomes: Sequence[str]) -> str:
    """The votes so far and how many agree with the crowd, in words."""
    share = agreement(outcomes)
    counts = ", ".join(f"{name} {outcomes.count(name)}" for name in OUTCOMES)
    said = "agreement with the crowd shows after the first decided vote"
    if share is not None:
        said = f"agreement with the crowd {share:.0%}"
    return f"Votes: {len(outcomes)} ({counts}); {said}."


def draw_outcomes(axes: Any, outcomes: Sequence[str]) -> None:
    """A bar for each of agrees and disagrees, and for ties and skips if any."""
    agreement(outcomes)  # says what is no outcome
    names = [name for name in OUTCOMES if name in OUTCOMES[:2] or name in outcomes]
    counts = [outcomes.count(name) for name in names]
    bars = axes.barh(names, counts, color=COLOURS[0])
    axes.bar_label(bars, padding=3)
    axes.invert_yaxis()
    axes.set_axisbelow(True)
    axes.set(title="Votes beside the crowd's order", xlabel="votes",
             xlim=(0, max(5, *counts) * 1.1))  # fmt: skip


def show_labels(session: Session) -> None:
    """Draw and print the votes so far: the labeller by code, after `label_by_rule`."""
    import matplotlib.pyplot as plt

    sentence = agreement_sentence(session.outcomes())
    _, axes = plt.subplots(figsize=(5, 2))
    draw_outcomes(axes, session.outcomes())
    print(sentence)
    plots.show(f"Bars of votes. {sentence}")


def pair_html(pair: Pair | None, number: int, total: int) -> str:
    """Both texts, escaped, under the headings A and B."""
    whole_number(number=number, total=total)
    if pair is None:
        return f"<div>All {total} pairs have your vote; Undo takes one back.</div>"
    style = (
        'style="white-space: pre-wrap; line-height: 1.4; max-width: 44em; '
        'border: 1px solid; border-radius: 4px; padding: 0.5em; margin: 0 0 0.5em"'
    )
    texts = "".join(
        f"<div><b>{name}</b></div><div {style}>{panel.escape(pair[column])}</div>"
        for name, column in (("A", "text_a"), ("B", "text_b"))
    )
    question = "which text would most people call more positive?"
    return f"<div>Pair {number} of {total}: {question}</div>{texts}"


def preference_labeller(
    pairs: Sequence[Pair],
    store: PreferenceStore,
    clock: Callable[[], float] = time.monotonic,
) -> w.VBox:
    """The panel: two texts, A / B / tie / skip / undo, and your agreement so far.

    pairs: as in `Session`.  store: keeps the votes under its annotator's name; the
    panel has no state of its own, so a killed kernel loses nothing.
    """
    session = Session(list(pairs), store)
    shown = [clock()]
    texts, words, image = w.HTML(), w.HTML(), w.HTML()

    def render() -> None:
        outcomes, pair = session.outcomes(), session.current()
        texts.value = pair_html(pair, len(outcomes) + 1, len(session.pairs))
        sentence = agreement_sentence(outcomes)
        words.value = panel.status(sentence)
        made, (axes,) = panel.figure(width=4.6, height=1.9)
        draw_outcomes(axes, outcomes)
        image.value = plots.picture(made, f"Bars of votes. {sentence}")
        shown[0] = clock()

    def button(name: str, act: Callable[[], bool], otherwise: str) -> w.Button:
        made = w.Button(description=name)

        def click(_: Any) -> None:
            try:
                done = act()
                render()
            except (CourseError, ValueError) as error:  # a full disk, half a character
                words.value = panel.status(f"This vote was not kept. {error}")
                return
            if not done:
                words.value = panel.status(otherwise)

        made.on_click(click)
        return made

    def voter(choice: str) -> Callable[[], bool]:
        return lambda: session.choose(choice, max(0.0, clock() - shown[0]))

    names = {"a": "A is better", "b": "B is better", "tie": "Tie", "skip": "Skip"}
    over = "Every pair has your vote already."
    buttons = [button(name, voter(c), over) for c, name in names.items()]
    buttons.append(button("Undo", session.undo, "There is no vote here to take back."))
    render()
    return w.VBox([texts, w.HBox(buttons), words, image])
