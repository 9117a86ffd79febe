"""Exercise 13.1: the posterior after some votes."""

from collections.abc import Callable

import torch
from torch import Tensor

from course.checks.ch13 import laplace_mistakes
from course.checks.exercise import Exercise, Probe, Property, mistakes_in

Normal = tuple[Tensor, Tensor]


def probes(generator: torch.Generator) -> list[Probe]:
    def votes(n: int, d: int, size: float = 1.0) -> tuple[Tensor, Tensor]:
        x = size * torch.randn(n, d, generator=generator, dtype=torch.float64)
        return x, (torch.rand(n, generator=generator) < 0.5).double()

    one = torch.tensor([[2.0]], dtype=torch.float64)
    ties = votes(5, 2)[0], torch.full((5,), 0.5, dtype=torch.float64)
    steep = torch.tensor([[10.0, -42.5], [-21.9, -13.0], [11.3, -2.1], [0.2, -0.5]])
    second = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    return [
        Probe("one vote", (one, torch.ones(1, dtype=torch.float64), 1.0)),
        Probe(
            "one vote the other way", (one, torch.zeros(1, dtype=torch.float64), 1.0)
        ),
        Probe("a few votes", (*votes(4, 2), 1.0)),
        Probe("more directions than votes", (*votes(2, 3), 1.0)),
        Probe("a narrow prior", (*votes(6, 2), 0.1)),
        Probe("a wide prior", (*votes(6, 2), 25.0)),
        Probe("ties", (*ties, 1.0)),
        Probe("large differences", (*votes(12, 2, size=20.0), 4.0)),
        Probe("many votes", (*votes(40, 3), 2.0)),
        Probe("a whole step goes too far", (steep.double(), second, 100.0)),
    ]


def sided() -> tuple[Tensor, Tensor, float]:
    return torch.tensor([[1.0, 0.0], [1.0, 0.0]]).double(), torch.ones(2).double(), 1.0


def leaks(function: Callable[..., Normal]) -> str | None:
    mean, covariance = function(*sided())
    if abs(float(mean[1])) < 1e-6 and abs(float(covariance[1, 1]) - 1) < 1e-6:
        return None
    return (
        "two votes about the first direction must leave the second at mean 0 and "
        "variance 1"
    )


def single(function: Callable[..., Normal]) -> str | None:
    if all(part.dtype == torch.float64 for part in function(*sided())):
        return None
    return "mean and covariance must be in double precision (float64)"


EXERCISE = Exercise(
    number="13.1",
    title="A posterior from votes",
    minutes=20,
    difficulty=4,
    importance=4,
    reference="course.reward.feedback:laplace_update",
    why="It turns a click into what is believed and how surely, in a millisecond.",
    hints=(
        "Where is the log-posterior highest, and how curved is it there?",
        "Newton: slope Dᵀ(y − p) − w / variance, curvature I / variance + "
        "Dᵀ diag(p(1 − p)) D; add curvature⁻¹ slope, and halve the step where it makes "
        "things worse. The covariance is the inverse curvature at the end.",
        "`step = torch.linalg.solve(eye + D.T @ ((p * (1 - p))[:, None] * D), …)`, "
        "again and again until it is tiny.",
    ),
    probes=probes,
    properties=(
        Property("votes move only the direction they speak of", leaks),
        Property("the result is in double precision", single),
    ),
    mistakes=mistakes_in(laplace_mistakes.__name__),
)
