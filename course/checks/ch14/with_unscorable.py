"""Exercise 14.4: what a text gets that the scorer could not score."""

from collections.abc import Sequence

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in

Scores = Sequence[float | None]


def probes(generator: torch.Generator) -> list[Probe]:
    few = torch.randn(6, generator=generator).tolist()
    return [
        Probe("one crash", ([0.5, None], 0.0)),
        Probe("no crash", ([0.5, -0.25, 1.0], -1.0)),
        Probe("a crash in the middle", ([1.0, None, 0.0, 1.0], -1.0)),
        Probe("only crashes", ([None, None, None], -2.0)),
        Probe("a score of zero is a score", ([0.0, None, 0.0], -1.0)),
        Probe("scores below zero", ([-3.0, None, -1.0], -4.0)),
        Probe("a worst above zero", ([2.0, None, 3.0], 1.0)),
        Probe("worst equal to a score", ([1.0, 0.0, None], 0.0)),
        Probe("whole numbers", ([1, None, 0], -1)),
        Probe("many", ([few[0], None, few[1], few[2], None, few[3]], -9.0)),
    ]


@mistake("you drop the crashes: whoever makes the scorer crash then loses nothing")
def dropped(scores: Scores, worst: float) -> Tensor:
    return torch.tensor([float(s) for s in scores if s is not None])


@mistake("you give a crash the mean of the others: then crashing beats being wrong")
def mean_of_others(scores: Scores, worst: float) -> Tensor:
    kept = [float(s) for s in scores if s is not None]
    middle = sum(kept) / len(kept) if kept else 0.0
    return torch.tensor([middle if s is None else float(s) for s in scores])


@mistake("you give a crash the score 0: it must be `worst`")
def zero(scores: Scores, worst: float) -> Tensor:
    return torch.tensor([0.0 if s is None else float(s) for s in scores])


@mistake("you treat a score of 0 as a crash: ask for `None`, not for what is false")
def zero_is_a_crash(scores: Scores, worst: float) -> Tensor:
    return torch.tensor([float(s or worst) for s in scores])


@mistake("you give a crash the lowest score of the batch: it must be `worst`")
def lowest_of_batch(scores: Scores, worst: float) -> Tensor:
    kept = [float(s) for s in scores if s is not None]
    low = min(kept, default=float(worst))
    return torch.tensor([low if s is None else float(s) for s in scores])


@mistake("you give a crash the highest score of the others: it must be `worst`")
def highest_of_batch(scores: Scores, worst: float) -> Tensor:
    kept = [float(s) for s in scores if s is not None]
    high = max(kept, default=float(worst))
    return torch.tensor([high if s is None else float(s) for s in scores])


@mistake("you make `worst` negative: take it as it is given")
def negated(scores: Scores, worst: float) -> Tensor:
    return torch.tensor([-abs(worst) if s is None else float(s) for s in scores])


@mistake("you give every text `worst`: only a crash has it")
def all_worst(scores: Scores, worst: float) -> Tensor:
    return torch.full((len(scores),), float(worst))


@mistake("you write NaN for a crash: one NaN spoils the mean of the whole group")
def not_a_number(scores: Scores, worst: float) -> Tensor:
    return torch.tensor([float("nan") if s is None else float(s) for s in scores])


@mistake("you give a crash −infinity: a group with one has no finite mean")
def minus_infinity(scores: Scores, worst: float) -> Tensor:
    return torch.tensor([float("-inf") if s is None else float(s) for s in scores])


@mistake("you return a list: return a tensor, one number a text")
def a_list(scores: Scores, worst: float) -> list[float]:
    return [float(worst) if s is None else float(s) for s in scores]


@mistake("you return the mean: return one score a text")
def the_mean(scores: Scores, worst: float) -> Tensor:
    return torch.tensor([worst if s is None else float(s) for s in scores]).mean()


@mistake("you put all crashes at the end: a score belongs to its text, in its place")
def moved(scores: Scores, worst: float) -> Tensor:
    kept = [float(s) for s in scores if s is not None]
    return torch.tensor(kept + [float(worst)] * (len(scores) - len(kept)))


@mistake("you give the crash and every lower score `worst`: leave scores as they are")
def clipped(scores: Scores, worst: float) -> Tensor:
    filled = torch.tensor([worst if s is None else float(s) for s in scores])
    return torch.where(filled < 0, torch.full_like(filled, worst), filled)


@mistake("you raise scores below 0 to 0: leave scores as they are")
def never_below_zero(scores: Scores, worst: float) -> Tensor:
    return torch.tensor([worst if s is None else max(0.0, float(s)) for s in scores])


@mistake("you count from `worst`: a score stays as it is")
def above_worst(scores: Scores, worst: float) -> Tensor:
    return torch.tensor([0.0 if s is None else float(s) - worst for s in scores])


EXERCISE = Exercise(
    number="14.4",
    title="The reward of the unscorable",
    minutes=5,
    difficulty=1,
    importance=4,
    reference="course.reward.overoptimisation:with_unscorable",
    why="A policy learns to crash a scorer when a crash costs nothing.",
    hints=(
        "What is the reward of a text that could not be scored, so that making it so "
        "never pays?",
        "Go through the scores in order; where there is None put `worst`, else the "
        "score itself, also when it is 0.",
        "`torch.tensor([worst if … else float(s) for s in scores])`.",
    ),
    probes=probes,
    mistakes=mistakes_in(__name__),
)
