"""Exercise 0.1: standardise scores."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def scores(n: int) -> Tensor:
        return torch.randn(n, generator=generator)

    return [
        Probe("two scores", (torch.tensor([1.0, 3.0]),)),
        Probe("three scores", (torch.tensor([0.0, 0.0, 3.0]),)),
        Probe("already standard", (torch.tensor([-1.0, 1.0]),)),
        Probe("five scores", (scores(5),)),
        Probe("all negative", (scores(6) - 9,)),
        Probe("fifty scores", (3 * scores(50) + 1,)),
        Probe("scores × 100", (100 * scores(8),)),
        Probe("double precision", (scores(4).double(),)),
    ]


@mistake(
    "you divide by the standard deviation with n − 1, torch's default: pass "
    "correction=0 to divide by n"
)
def sample_deviation(scores: Tensor) -> Tensor:
    return (scores - scores.mean()) / scores.std()


@mistake("you divide by the variance: take its square root, the standard deviation")
def by_variance(scores: Tensor) -> Tensor:
    return (scores - scores.mean()) / scores.var(correction=0)


@mistake("you divide but never subtract the mean: the result must have mean 0")
def not_centred(scores: Tensor) -> Tensor:
    return scores / scores.std(correction=0)


@mistake(
    "you subtract the mean but never divide: the result must have standard deviation 1"
)
def not_scaled(scores: Tensor) -> Tensor:
    return scores - scores.mean()


@mistake("division binds before subtraction: put scores − mean in brackets")
def precedence(scores: Tensor) -> Tensor:
    return scores - scores.mean() / scores.std(correction=0)


@mistake(
    "you scale to the range from 0 to 1, where one outlier squeezes all others: use "
    "mean and standard deviation"
)
def between_zero_and_one(scores: Tensor) -> Tensor:
    return (scores - scores.min()) / (scores.max() - scores.min())


EXERCISE = Exercise(
    number="0.1",
    title="Standardise scores",
    minutes=5,
    difficulty=1,
    importance=4,
    reference="course.reward.model:standardise",
    why="Rewards have no natural unit: after this line, +1 always means one standard "
    "deviation better than usual.",
    hints=(
        "Which two numbers describe where the scores lie and how far they spread?",
        "Subtract the mean, then divide by the standard deviation; here it divides "
        "by n, while torch's `std` divides by n − 1 unless you tell it otherwise.",
        "`return (scores - scores.mean()) / scores.std(correction=…)`",
    ),
    probes=probes,
    properties=(
        always(
            "mean 0",
            lambda: (draw(40, seed=1) + 5,),
            lambda z: z.mean().abs() < 1e-4,
            "the mean of the result must be 0",
        ),
        always(
            "standard deviation 1",
            lambda: (draw(40, seed=2) * 4,),
            lambda z: (z.square().mean() - z.mean() ** 2 - 1).abs() < 1e-4,
            "the mean square distance from the mean must be 1",
        ),
        unchanged(
            "invariant to shift and scale",
            lambda: (draw(9, seed=3),),
            lambda: (2 * draw(9, seed=3) + 7,),
            "doubling every score and adding 7",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
