"""The panel of live feedback: your votes re-rank six texts and move the policy."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as w

from course import plots
from course.expect import check_text
from course.plots import COLOURS
from course.recipes.feedback import STEPS, VoteLoop
from course.reward.preferences import PreferenceStore, Vote
from course.runtime import CourseError
from course.widgets import panel
from course.widgets.feedback_session import FeedbackSession, Job

HEAD = ("rank", "score", "text")


def ranking_rows(session: FeedbackSession) -> list[tuple[str, ...]]:
    """The six texts, best first, as rows of text."""
    return [
        (str(rank), f"{score:+.2f}", panel.visible(text).replace("␣", " "))
        for rank, (text, score) in enumerate(session.ranking(), 1)
    ]


def curve_sentence(curve: Sequence[tuple[int, float]]) -> str:
    """The curve's end, in words."""
    votes, mean = curve[-1]
    return f"Head score of six fresh texts after {votes} votes: mean {mean:+.2f}."


def draw_curve(axes: Any, session: FeedbackSession) -> None:
    """The head's mean score of six fresh texts over the votes; a line per update."""
    axes.plot(*zip(*session.curve, strict=True), "o-", markersize=3, color=COLOURS[0])
    axes.axhline(0, color="gray", lw=0.8)
    updates = sorted(session.policies)[1:]
    for n, votes in enumerate(updates):
        name = "policy updated" if n == 0 else None
        axes.axvline(votes, color="gray", lw=1.2, linestyle=":", label=name)
    if updates:
        axes.legend()
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(title="Six fresh texts, as the head sees them", xlabel="votes",
             ylabel="mean head score")  # fmt: skip


def show_feedback(loop: VoteLoop, votes: Sequence[Vote]) -> None:
    """Replay these votes, print the ranking, draw the curve: the panel by code.

    loop: is started afresh; afterwards its head and policy are those of the votes.
    Chapter 13.
    """
    session = FeedbackSession(loop, Votes(votes))
    while session.run_update():
        pass
    session.new_texts()
    show_session(session)


def show_session(session: FeedbackSession) -> None:
    """Print a session's ranking and draw its curve, after `vote_by_rule`.

    Nothing is learned or written anew.  Chapter 13.
    """
    import matplotlib.pyplot as plt

    print(session.sentence())
    print(panel.text_table(HEAD, ranking_rows(session)))
    said = curve_sentence(session.curve)
    print(said)
    _, axes = plt.subplots(figsize=(6.4, 2.9))
    draw_curve(axes, session)
    plots.show(f"A line of mean head scores over votes. {said}")


@dataclass
class Votes:
    """Votes in memory that are read like a store's."""

    kept: Sequence[Vote]

    @property
    def annotator(self) -> str:
        """Whose votes these are."""
        return self.kept[0].annotator if self.kept else ""

    def votes(self) -> list[Vote]:
        """All of them, oldest first."""
        return list(self.kept)


@dataclass
class Kept:
    """What the panel keeps: its session, and the thread that updates."""

    session: FeedbackSession | None = None
    thread: threading.Thread | None = None


def feedback_panel(
    loop: VoteLoop,
    store: PreferenceStore,
    key: str = "feedback",
    clock: Callable[[], float] = time.monotonic,
) -> w.VBox:
    """The panel: compare two texts, see six re-ranked, let the policy learn from it.

    loop: it is started afresh and given the store's votes.  store: keeps every vote
    before anything else happens.  Updates run in a thread of their own; votes that come
    meanwhile are learned at once, and their update waits.  Chapter 13.
    """
    kept = panel.panel_state(key, Kept)
    old = kept.session
    if old is None or old.loop is not loop or old.store.path != store.path:
        kept.session = FeedbackSession(loop, store)
    session, shown = kept.session, [clock()]
    texts, words, table, image = w.HTML(), w.HTML(), w.HTML(), w.HTML()
    progress = w.IntProgress(max=STEPS, description="Update")
    which = w.Dropdown(description="Text", layout=w.Layout(width="44em"))

    def render(first: str = "") -> None:
        if session.pair is None:
            texts.value = "<div>There is no pair to compare.</div>"
        else:
            texts.value = pair_html(*session.pair)
        names = [panel.visible(text).replace("␣", " ") for text in session.texts]
        choices = tuple((name, n) for n, name in enumerate(names))
        if which.options != choices:
            which.options = choices
            which.index = 0
        tell(first)
        rows = ranking_rows(session)
        table.value = panel.table("Best of six first", HEAD, rows, wrap=True)
        made, (axes,) = panel.figure(width=4.6, height=2.2)
        draw_curve(axes, session)
        said = f"A line of mean head scores. {curve_sentence(session.curve)}"
        image.value = plots.picture(made, said)
        shown[0] = clock()

    def tell(first: str = "") -> None:
        words.value = panel.status(f"{first} {session.sentence()}".strip())
        progress.value = session.jobs[0].done if session.jobs else 0

    def learn() -> None:
        def watch(job: Job) -> None:
            tell()

        while session.run_update(watch):
            render("" if session.jobs else "The policy has learned; ask for new texts.")

    def start() -> None:
        if session.jobs and not (kept.thread and kept.thread.is_alive()):
            kept.thread = threading.Thread(target=learn, daemon=True)
            kept.thread.start()

    def button(name: str, act: Callable[[], Any], otherwise: str = "") -> w.Button:
        made = w.Button(description=name)

        def click(_: Any) -> None:
            session.trouble = ""
            try:
                done = act()
            except CourseError as error:  # a full disk is said, not thrown away
                words.value = panel.status(f"This vote was not kept. {error}")
                return
            render("" if done or done is None else otherwise)
            start()

        made.on_click(click)
        return made

    def voter(choice: str) -> Callable[[], bool]:
        return lambda: session.choose(choice, max(0.0, clock() - shown[0]))

    def thumb(up: bool) -> Callable[[], int]:
        return lambda: session.thumb(session.texts[which.value], up)

    names = {"a": "A is better", "b": "B is better", "tie": "Tie", "skip": "Skip"}
    votes = [button(name, voter(c), "No pair is shown.") for c, name in names.items()]
    votes.append(button("Undo", session.undo, "There is no vote here to take back."))
    alone = "The thumb is kept until an opposite one makes a vote of it."
    thumbs = [button("Thumb up", thumb(True), alone),
              button("Thumb down", thumb(False), alone)]  # fmt: skip
    stop = button("Stop", session.stop, "No update is running.")
    more = button("New texts", session.new_texts)
    render()
    start()
    bars = w.HBox(votes), w.HBox([which, *thumbs]), w.HBox([more, progress, stop])
    return w.VBox([texts, *bars, words, table, image])


def pair_html(text_a: str, text_b: str) -> str:
    """Both texts, escaped, under the headings A and B."""
    style = (
        'style="white-space: pre-wrap; line-height: 1.4; max-width: 44em; '
        'border: 1px solid; border-radius: 4px; padding: 0.5em; margin: 0 0 0.5em"'
    )
    return "".join(
        f"<div><b>{name}</b></div><div {style}>{panel.escape(check_text(text))}</div>"
        for name, text in (("A", text_a), ("B", text_b))
    )
