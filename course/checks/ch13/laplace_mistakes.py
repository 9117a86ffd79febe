"""What learners write for exercise 13.1, and what to say to it."""

import torch
from torch import Tensor

from course.checks.exercise import mistake
from course.reward.feedback import laplace_update as right

Normal = tuple[Tensor, Tensor]


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


@mistake("you take the root of `prior_variance`: it is a variance already")
def root_of_variance(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    return right(differences, wins, prior_variance**0.5)


@mistake("you leave the half out of the prior: its slope is w / variance")
def prior_without_half(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    return right(differences, wins, prior_variance / 2)


@mistake("you count the prior once for every vote: it counts once")
def prior_for_each_vote(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    return right(differences, wins, prior_variance / max(len(wins), 1))


@mistake("you return deviations for the covariance: return the whole matrix")
def deviations_returned(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    mean, covariance = right(differences, wins, prior_variance)
    return mean, covariance.diagonal().sqrt()


@mistake("you return variances for the covariance: return the whole matrix")
def variances_returned(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    mean, covariance = right(differences, wins, prior_variance)
    return mean, covariance.diagonal()


@mistake("you turn each entry of the diagonal over: invert the matrix as a whole")
def diagonal_inverted(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    mean, covariance = right(differences, wins, prior_variance)
    return mean, torch.linalg.inv(covariance).diagonal().reciprocal().diag()


@mistake("you return a root of the covariance: return the covariance itself")
def root_returned(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    mean, covariance = right(differences, wins, prior_variance)
    return mean, torch.linalg.cholesky(covariance)


@mistake("you return the covariance first: the mean comes first")
def covariance_first(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    mean, covariance = right(differences, wins, prior_variance)
    return covariance, mean


@mistake("you leave ties out: half a vote for each side makes the head surer")
def without_ties(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    decided = wins != 0.5
    return right(differences[decided], wins[decided], prior_variance)


@mistake("you use the wins, y(1 − y), in the curvature: use p(1 − p)")
def wins_in_curvature(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    mean, _ = right(differences, wins, prior_variance)
    D, y = differences.double(), wins.double()
    eye = torch.eye(D.shape[1], dtype=torch.float64) / prior_variance
    return as_normal(mean, eye + D.T @ ((y * (1 - y))[:, None] * D))


@mistake("you fit the wins by a straight line: the model has a sigmoid")
def straight_line(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Normal:
    D, y = differences.double(), wins.double()
    eye = torch.eye(D.shape[1], dtype=torch.float64) / prior_variance
    covariance = torch.linalg.inv(eye + D.T @ D)
    return covariance @ D.T @ (2 * y - 1), covariance
