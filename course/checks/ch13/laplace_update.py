"""Exercise 13.1: the posterior after some votes."""

from collections.abc import Callable

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.reward.feedback import laplace_update as right

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


def as_normal(mean: Tensor, precision: Tensor) -> Normal:
    return mean, torch.linalg.inv(precision)


def precision(D: Tensor, mean: Tensor, variance: float, weight: float = 1.0) -> Tensor:
    p = (D @ mean).sigmoid()
    eye = torch.eye(D.shape[1], dtype=torch.float64) / variance
    return eye + weight * D.T @ ((p * (1 - p))[:, None] * D)


@mistake("you stop after one Newton step: go on until the step is next to nothing")
def one_step(differences: Tensor, wins: Tensor, prior_variance: float = 1.0) -> Normal:
    D, y = differences.double(), wins.double()
    zero = torch.zeros(D.shape[1], dtype=torch.float64)
    H = precision(D, zero, prior_variance)
    w = torch.linalg.solve(H, D.T @ (y - 0.5))
    return as_normal(w, precision(D, w, prior_variance))


@mistake("you take whole Newton steps: halve a step that makes things worse")
def whole_steps(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    D, y = differences.double(), wins.double()
    w = torch.zeros(D.shape[1], dtype=torch.float64)
    for _ in range(100):
        slope = D.T @ (y - (D @ w).sigmoid()) - w / prior_variance
        w = w + torch.linalg.solve(precision(D, w, prior_variance), slope)
    return as_normal(w, precision(D, w, prior_variance))


@mistake("you leave the covariance's other entries out: directions move together")
def diagonal_only(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    mean, covariance = right(differences, wins, prior_variance)
    return mean, covariance.diagonal().diag()


@mistake("you use p in place of p(1 − p) in the curvature")
def p_alone(differences: Tensor, wins: Tensor, prior_variance: float = 1.0) -> Normal:
    mean, _ = right(differences, wins, prior_variance)
    D = differences.double()
    eye = torch.eye(D.shape[1], dtype=torch.float64) / prior_variance
    return as_normal(mean, eye + D.T @ ((D @ mean).sigmoid()[:, None] * D))


@mistake("you square `prior_variance`: it is a variance already")
def squared_variance(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    return right(differences, wins, prior_variance**2)


@mistake("you leave out `prior_variance`: yours is always 1")
def variance_one(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    return right(differences, wins, 1.0)


@mistake("you leave the prior out of the slope: it pulls the weights towards 0")
def no_prior_in_slope(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    mean, _ = right(differences, wins, prior_variance * 1e3)
    return as_normal(mean, precision(differences.double(), mean, prior_variance))


@mistake("you multiply by the prior's variance: its precision is 1 / variance")
def variance_for_precision(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    return right(differences, wins, 1 / prior_variance)


@mistake("you return the precision for the covariance: invert it")
def precision_returned(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    mean, _ = right(differences, wins, prior_variance)
    return mean, precision(differences.double(), mean, prior_variance)


@mistake("you leave p(1 − p) out of the curvature: sure answers teach less")
def no_weights(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    mean, _ = right(differences, wins, prior_variance)
    D = differences.double()
    eye = torch.eye(D.shape[1], dtype=torch.float64) / prior_variance
    return as_normal(mean, eye + D.T @ D)


@mistake("you take the curvature at the prior's mean: take it where you ended")
def curvature_at_zero(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    mean, _ = right(differences, wins, prior_variance)
    zero = torch.zeros_like(mean)
    return as_normal(mean, precision(differences.double(), zero, prior_variance))


@mistake("your covariance forgets the votes: it is still that of the prior")
def prior_covariance(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    mean, _ = right(differences, wins, prior_variance)
    return mean, prior_variance * torch.eye(len(mean), dtype=torch.float64)


@mistake("your covariance forgets the prior: add 1 / variance to the curvature")
def no_prior_in_curvature(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    mean, _ = right(differences, wins, prior_variance)
    D = differences.double()
    return mean, torch.linalg.pinv(precision(D, mean, 1e12))


@mistake("you turned the votes round: 1 in `wins` means that a was chosen")
def reversed_votes(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    return right(differences, 1 - wins, prior_variance)


@mistake("you turn the wins into −1 and 1: the slope needs them as they are")
def signed_wins(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    D = differences.double()
    w = torch.zeros(D.shape[1], dtype=torch.float64)
    for _ in range(100):
        slope = D.T @ (2 * wins.double() - 1 - (D @ w).sigmoid()) - w / prior_variance
        w = w + torch.linalg.solve(precision(D, w, prior_variance), slope)
    return as_normal(w, precision(D, w, prior_variance))


@mistake("you read a tie as a vote for b: .5 is half a vote for each")
def ties_lost(differences: Tensor, wins: Tensor, prior_variance: float = 1.0) -> Normal:
    return right(differences, (wins > 0.5).double(), prior_variance)


@mistake("you take the mean of the votes, not their sum: then all votes weigh as one")
def mean_of_votes(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    n = max(len(wins), 1)
    mean, covariance = right(differences, wins, prior_variance / n)
    return mean, covariance * n


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
    properties=(Property("votes move only the direction they speak of", leaks),),
    mistakes=mistakes_in(__name__),
)
