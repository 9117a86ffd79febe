"""Exercise 11.1: GRPO's advantages."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, groups_apart, unchanged

EPS = 1e-4


def probes(generator: torch.Generator) -> list[Probe]:
    def call(groups: int, size: int, scale: float = 1.0):
        return torch.randn(groups * size, generator=generator) * scale, size

    return [
        Probe("a group of two", (torch.tensor([1.0, 5.0]), 2)),
        Probe("one of four is right", (torch.tensor([0.0, 0.0, 1.0, 0.0]), 4)),
        Probe("equal scores", (torch.full((4,), 0.5), 4)),
        Probe("two groups of two", (torch.tensor([1.0, 5.0, 10.0, 20.0]), 2)),
        Probe("two groups of three", call(2, 3)),
        Probe("as many groups as samples", call(3, 3)),
        Probe("four groups of eight", call(4, 8)),
        Probe("scores × 100", call(3, 4, 100.0)),
        Probe("double precision", (call(2, 4)[0].double(), 4)),
    ]


def grouped(scores: Tensor, group_size: int) -> tuple[Tensor, Tensor]:
    """(prompts, group) and that minus its mean."""
    g = scores.view(-1, group_size)
    return g, g - g.mean(1, keepdim=True)


@mistake(
    "you standardise over the whole batch: mean and standard deviation are those of "
    "the scores of one prompt"
)
def whole_batch(scores: Tensor, group_size: int) -> Tensor:
    return (scores - scores.mean()) / (scores.std(correction=0) + EPS)


@mistake(
    "the mean is the group's, but the standard deviation is that of the whole batch: "
    "take the group's as well"
)
def batch_std(scores: Tensor, group_size: int) -> Tensor:
    centred = grouped(scores, group_size)[1].view(-1)
    return centred / (scores.std(correction=0) + EPS)


@mistake(
    "you only subtract the mean, which is Dr. GRPO: here divide by the group's "
    "standard deviation as well"
)
def only_centred(scores: Tensor, group_size: int) -> Tensor:
    return grouped(scores, group_size)[1].view(-1).clone()


@mistake(
    "torch's std divides the squares by G − 1 unless you pass correction=0: here they "
    "are divided by G"
)
def bessel(scores: Tensor, group_size: int) -> Tensor:
    g, centred = grouped(scores, group_size)
    return (centred / (g.std(1, keepdim=True) + EPS)).view(-1)


@mistake(
    "a group of equal scores gives 0 / 0: add 1e-4 to the standard deviation, so that "
    "such a group teaches nothing"
)
def no_eps(scores: Tensor, group_size: int) -> Tensor:
    g, centred = grouped(scores, group_size)
    return (centred / g.std(1, keepdim=True, correction=0)).view(-1)


@mistake(
    "your constant is smaller than 1e-4: add 1e-4 to the standard deviation, which "
    "this exercise asks for"
)
def smaller_eps(scores: Tensor, group_size: int) -> Tensor:
    g, centred = grouped(scores, group_size)
    return (centred / (g.std(1, keepdim=True, correction=0) + 1e-8)).view(-1)


@mistake("you divide by the variance: take its square root, the standard deviation")
def variance(scores: Tensor, group_size: int) -> Tensor:
    g, centred = grouped(scores, group_size)
    return (centred / (g.var(1, keepdim=True, correction=0) + EPS)).view(-1)


@mistake(
    "the samples of one prompt stand next to each other: view(-1, group_size), one "
    "prompt a row"
)
def dealt_out(scores: Tensor, group_size: int) -> Tensor:
    g = scores.view(group_size, -1).T
    centred = g - g.mean(1, keepdim=True)
    return (centred / (g.std(1, keepdim=True, correction=0) + EPS)).T.reshape(-1)


@mistake(
    "you subtract the mean of the other samples, as RLOO does: here the mean is that "
    "of the whole group"
)
def leave_one_out(scores: Tensor, group_size: int) -> Tensor:
    g, centred = grouped(scores, group_size)
    centred = centred * group_size / (group_size - 1)
    return (centred / (g.std(1, keepdim=True, correction=0) + EPS)).view(-1)


@mistake(
    "you divide by the standard deviation but never subtract the mean: a group of bad "
    "answers would be rewarded too"
)
def not_centred(scores: Tensor, group_size: int) -> Tensor:
    g = grouped(scores, group_size)[0]
    return (g / (g.std(1, keepdim=True, correction=0) + EPS)).view(-1)


@mistake(
    "you take mean and standard deviation over the prompts: they belong to dimension 1 "
    "of (prompts, group_size)"
)
def across(scores: Tensor, group_size: int) -> Tensor:
    g = scores.view(-1, group_size)
    centred = g - g.mean(0, keepdim=True)
    return (centred / (g.std(0, keepdim=True, correction=0) + EPS)).view(-1)


@mistake("your result has a row for each prompt: flatten it to (batch,)")
def still_grouped(scores: Tensor, group_size: int) -> Tensor:
    g, centred = grouped(scores, group_size)
    return centred / (g.std(1, keepdim=True, correction=0) + EPS)


def sums_to_zero(function) -> str | None:
    sums = function(draw(12, seed=3), 4).view(-1, 4).sum(1)
    worst = float(sums.abs().max())
    if worst < 1e-4:
        return None
    return f"the advantages of a group must sum to 0; yours sum to {worst:.2g}"


@mistake("you subtract the median of the group: its mean is asked for")
def from_the_median(scores: Tensor, group_size: int) -> Tensor:
    g = scores.view(-1, group_size)
    middle = g.median(1, keepdim=True).values
    return ((g - middle) / (g.std(1, correction=0, keepdim=True) + 1e-4)).flatten()


@mistake(
    "you divide by the distance of the best from the worst: the standard deviation is "
    "asked for"
)
def by_range(scores: Tensor, group_size: int) -> Tensor:
    g = scores.view(-1, group_size)
    width = g.amax(1, keepdim=True) - g.amin(1, keepdim=True)
    return ((g - g.mean(1, keepdim=True)) / (width + 1e-4)).flatten()


@mistake(
    "you divide by the mean distance from the mean: the standard deviation squares, "
    "averages and takes the root"
)
def by_mean_distance(scores: Tensor, group_size: int) -> Tensor:
    g = scores.view(-1, group_size)
    apart = g - g.mean(1, keepdim=True)
    return (apart / (apart.abs().mean(1, keepdim=True) + 1e-4)).flatten()


@mistake("you use the ranks: the scores themselves are standardised")
def of_ranks(scores: Tensor, group_size: int) -> Tensor:
    g = scores.view(-1, group_size).argsort(1).argsort(1).to(scores.dtype)
    apart = g - g.mean(1, keepdim=True)
    return (apart / (g.std(1, correction=0, keepdim=True) + 1e-4)).flatten()


EXERCISE = Exercise(
    number="11.1",
    title="Advantages of a group",
    minutes=10,
    difficulty=2,
    importance=5,
    reference="course.policy.groups:group_advantages",
    why="These lines take the place of a critic as large as the policy itself.",
    hints=(
        "You have several answers to the same question and one score for each. Which "
        "score would you call average, and which difference large?",
        "View the scores as (prompts, group_size). Subtract each row's mean; divide by "
        "its biased standard deviation plus 1e-4.",
        "`g = scores.view(-1, group_size)`, then `(g - g.mean(1, keepdim=True)) / "
        "(g.std(1, keepdim=True, correction=…) + 1e-4)` and `.view(-1)`",
    ),
    probes=probes,
    properties=(
        groups_apart("the scores", "the advantages"),
        Property("sums to zero", sums_to_zero),
        unchanged(
            "a shift of a group",
            lambda: (draw(6, seed=4), 3),
            lambda: (draw(6, seed=4) + 5, 3),
            "adding 5 to every score",
            tolerance=1e-4,
        ),
    ),
    mistakes=mistakes_in(__name__),
)
