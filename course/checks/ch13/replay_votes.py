"""Exercise 13.3: what stands of a log of clicks."""

from collections.abc import Sequence

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in

Log = Sequence[tuple[int, int, str]]
Votes = tuple[Tensor, Tensor]
WINS = {"a": 1.0, "b": 0.0, "tie": 0.5}


def probes(generator: torch.Generator) -> list[Probe]:
    x = torch.randn(5, 2, generator=generator)
    wider = torch.randn(5, 3, generator=generator)

    def log(*clicks: str) -> tuple[list, Tensor]:
        pairs = [(0, 1), (2, 3), (4, 0), (1, 3), (3, 2), (2, 4), (0, 4), (1, 2)]
        return [(*pair, click) for pair, click in zip(pairs, clicks, strict=False)], x

    twice = [(0, 1, "a"), (2, 3, "b"), (0, 1, "b")]
    of_pair = [(0, 1, "a"), (4, 2, "b"), (4, 2, "undo")]
    return [
        Probe("one vote", log("a")),
        Probe("a and b", log("a", "b")),
        Probe("a tie", log("b", "tie", "a")),
        Probe("a skip", log("a", "skip", "b")),
        Probe("an undo", log("a", "b", "undo", "a")),
        Probe("an undo of a skip", log("a", "skip", "undo", "b")),
        Probe("two undos", log("a", "b", "a", "undo", "undo", "b")),
        Probe("two undos, the first of a skip", log("a", "b", "skip", "undo", "undo")),
        Probe("an undo that names its pair", ([*of_pair, (2, 3, "a")], x)),
        Probe("the same pair twice", (twice, x)),
        Probe("the same vote twice", ([*twice[:2], twice[0]], x)),
        Probe("an undo of nothing", log("undo", "a", "b")),
        Probe("more undos than votes", log("b", "undo", "undo", "a", "tie")),
        Probe("nothing stands", log("a", "undo")),
        Probe("an empty log", ([], x)),
        Probe("three directions", (log("a", "tie", "b")[0], wider)),
        Probe("a long log", log("a", "tie", "skip", "b", "undo", "undo", "a", "b")),
    ]


def votes(standing: list, features: Tensor, wins: dict | None = None) -> Votes:
    wins = wins or WINS
    kept = [(a, b, wins[c]) for a, b, c in standing if c in wins]
    if not kept:
        return features.new_zeros(0, features.shape[1]), features.new_zeros(0)
    left, right, won = zip(*kept, strict=True)
    return features[list(left)] - features[list(right)], features.new_tensor(won)


def stands(log: Log) -> list:
    kept: list = []
    for click in log:
        kept = kept[:-1] if click[2] == "undo" else [*kept, click]
    return kept


@mistake("you ignore undo: the click before it must go")
def no_undo(log: Log, features: Tensor) -> Votes:
    return votes(list(log), features)


@mistake("you count a skip as a tie: it teaches nothing")
def skip_as_tie(log: Log, features: Tensor) -> Votes:
    return votes(stands(log), features, {**WINS, "skip": 0.5})


@mistake("you let an undo pass over a skip: it takes back the latest click, a skip too")
def undo_over_skips(log: Log, features: Tensor) -> Votes:
    return votes(stands([c for c in log if c[2] != "skip"]), features)


@mistake("your undo does nothing after a skip: it takes back the skip")
def undo_stops_at_skips(log: Log, features: Tensor) -> Votes:
    kept: list = []
    for click in log:
        if click[2] != "undo":
            kept = [*kept, click]
        elif kept and kept[-1][2] != "skip":
            kept = kept[:-1]
    return votes(kept, features)


@mistake("you look for the vote on the undo's pair: it takes back the latest click")
def undo_by_pair(log: Log, features: Tensor) -> Votes:
    kept: list = []
    for click in log:
        if click[2] != "undo":
            kept = [*kept, click]
            continue
        same = [n for n, other in enumerate(kept) if other[:2] == click[:2]]
        kept = [other for n, other in enumerate(kept) if n not in same[-1:]]
    return votes(kept, features)


@mistake("you give a vote for b the win −1 and a tie 0: they are 0 and .5")
def plus_and_minus(log: Log, features: Tensor) -> Votes:
    return votes(stands(log), features, {"a": 1.0, "b": -1.0, "tie": 0.0})


@mistake("you count a skip as a vote for b: it teaches nothing")
def skip_for_b(log: Log, features: Tensor) -> Votes:
    return votes(stands(log), features, {**WINS, "skip": 0.0})


@mistake("your votes stand in reverse: keep the order of the log")
def latest_first(log: Log, features: Tensor) -> Votes:
    differences, wins = votes(stands(log), features)
    return differences.flip(0), wins.flip(0)


@mistake("you drop ties: a tie is half a vote for each side")
def no_ties(log: Log, features: Tensor) -> Votes:
    return votes(stands(log), features, {"a": 1.0, "b": 0.0})


@mistake("you read a tie as a vote for a")
def tie_for_a(log: Log, features: Tensor) -> Votes:
    return votes(stands(log), features, {**WINS, "tie": 1.0})


@mistake("you read a tie as a vote for b: it is half a vote for each side")
def tie_for_b(log: Log, features: Tensor) -> Votes:
    return votes(stands(log), features, {**WINS, "tie": 0.0})


@mistake("you turned the sides round: 1 means that a was chosen")
def reversed_wins(log: Log, features: Tensor) -> Votes:
    return votes(stands(log), features, {"a": 0.0, "b": 1.0, "tie": 0.5})


@mistake("your differences are b minus a: the model is of a minus b")
def other_way(log: Log, features: Tensor) -> Votes:
    differences, wins = votes(stands(log), features)
    return -differences, wins


@mistake("you put the chosen text first: the difference is a minus b, whoever won")
def chosen_minus_rejected(log: Log, features: Tensor) -> Votes:
    differences, wins = votes(stands(log), features)
    return differences * torch.where(wins == 0, -1.0, 1.0)[:, None], wins


@mistake("an undo takes back every click before it: take back one")
def undo_all(log: Log, features: Tensor) -> Votes:
    kept: list = []
    for click in log:
        kept = [] if click[2] == "undo" else [*kept, click]
    return votes(kept, features)


@mistake("an undo takes back the first click: take back the latest that stands")
def undo_first(log: Log, features: Tensor) -> Votes:
    kept: list = []
    for click in log:
        kept = kept[1:] if click[2] == "undo" else [*kept, click]
    return votes(kept, features)


@mistake("you apply all undos at the end: an undo takes back what stood before it")
def undos_at_the_end(log: Log, features: Tensor) -> Votes:
    kept = [c for c in log if c[2] != "undo"]
    undone = len(log) - len(kept)
    return votes(kept[: max(0, len(kept) - undone)], features)


@mistake("you keep one vote of a pair: every vote that stands counts")
def one_of_pair(log: Log, features: Tensor) -> Votes:
    latest = {vote[:2]: vote[2] for vote in stands(log) if vote[2] in WINS}
    return votes([(*pair, clicked) for pair, clicked in latest.items()], features)


@mistake("two undos in a row take back two clicks: yours take back one")
def undo_of_an_undo(log: Log, features: Tensor) -> Votes:
    after = [click[2] for click in log[1:]] + [""]
    both = zip(log, after, strict=False)
    return votes([c for c, then in both if "undo" not in (c[2], then)], features)


@mistake("you keep an undo of nothing for the next click: it does nothing")
def undo_kept_for_later(log: Log, features: Tensor) -> Votes:
    kept: list = []
    owed = 0
    for click in log:
        if click[2] == "undo":
            owed += not kept
            kept = kept[:-1]
        elif owed:
            owed -= 1
        else:
            kept = [*kept, click]
    return votes(kept, features)


@mistake("without votes your results are flat: the shapes are (0, d) and (0,)")
def flat_without_votes(log: Log, features: Tensor) -> Votes:
    differences, wins = votes(stands(log), features)
    return differences if len(wins) else wins, wins


@mistake("your wins have a second dimension: their shape is (votes,)")
def wins_as_column(log: Log, features: Tensor) -> Votes:
    differences, wins = votes(stands(log), features)
    return differences, wins[:, None]


@mistake("you take the size of the differences: their sign says which text is a")
def without_sign(log: Log, features: Tensor) -> Votes:
    differences, wins = votes(stands(log), features)
    return differences.abs(), wins


EXERCISE = Exercise(
    number="13.3",
    title="Replay a log",
    minutes=12,
    difficulty=3,
    importance=4,
    reference="course.reward.feedback:replay_votes",
    why="What can be rebuilt from its log survives a crash, and can be undone.",
    hints=(
        "Go through the log in order. What does an undo do to the list of clicks that "
        "stand?",
        "Keep a list; an undo drops its last entry, a skip too. At the end leave out "
        "the skips, and make the difference of features a − b and the win 1, 0 or .5.",
        '`standing = standing[:-1] if clicked == "undo" else [*standing, …]`; no votes '
        "give shapes (0, d) and (0,).",
    ),
    probes=probes,
    mistakes=mistakes_in(__name__),
)
