"""From votes to strengths: shares of votes, Bradley–Terry fits, Elo."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course.expect import as_float, one_number, tensors, truth, whole, whole_number
from course.reward.agreement import check_range
from course.runtime import as_double


class PairVotes(NamedTuple):
    """Votes when every rater of a meets every rater of b; each of shape (pairs,).

    Chapter 06.
    """

    wins: Tensor
    ties: Tensor
    losses: Tensor


def pair_probability(ratings_a: Tensor, ratings_b: Tensor) -> float:
    """P(a ≻ b): the chance that a rater of a rates higher than a rater of b.

    ratings_a: (raters of a,).  ratings_b: (raters of b,).  Of all ways to take one
    rating of each, the share where a's is higher; ties count half.  Also known as
    the area under the ROC curve.  Raises ValueError without ratings, for NaN and for
    ratings outside −4 to 4.  Chapter 06.

    >>> pair_probability(torch.tensor([3.0, 1.0]), torch.tensor([1.0]))
    0.75
    """
    tensors(ratings_a=ratings_a, ratings_b=ratings_b)
    for ratings in (ratings_a, ratings_b):
        if ratings.dim() != 1 or not len(ratings):
            raise ValueError(
                f"got ratings of shape {tuple(ratings.shape)}, expected (raters,) with "
                "at least one rater"
            )
        check_range(ratings)
    ratings_a, ratings_b = as_float(ratings_a), as_float(ratings_b)
    sign = (ratings_a[:, None] - ratings_b).sign()  # (raters of a, raters of b)
    return float((as_double(sign).mean() + 1) / 2)


def pair_votes(
    ratings_a: Tensor, mask_a: Tensor, ratings_b: Tensor, mask_b: Tensor
) -> PairVotes:
    """Counts of wins, ties and losses of a, for many pairs of texts at once.

    ratings_a, mask_a: (pairs, raters of a).  ratings_b, mask_b: (pairs, raters of b).
    Chapter 06.
    """
    tensors(ratings_a=ratings_a, mask_a=mask_a, ratings_b=ratings_b, mask_b=mask_b)
    for ratings, mask in ((ratings_a, mask_a), (ratings_b, mask_b)):
        check_range(ratings)
        if (
            ratings.dim() != 2
            or ratings.shape != mask.shape
            or len(mask_a) != len(mask)
        ):
            raise ValueError(
                f"got ratings {tuple(ratings.shape)} and mask {tuple(mask.shape)}, "
                f"expected (pairs, raters) of {len(mask_a)} pairs for both"
            )
    ratings_a, ratings_b = as_float(ratings_a), as_float(ratings_b)
    meet = (
        truth(mask_a)[:, :, None] & truth(mask_b)[:, None, :]
    )  # (pairs, raters, raters)
    gap = ratings_a[:, :, None] - ratings_b[:, None, :]
    return PairVotes(
        *((meet & side).sum((1, 2)) for side in (gap > 0, gap == 0, gap < 0))
    )


def win_matrix(a: Tensor, b: Tensor, outcomes: Tensor, items: int) -> Tensor:
    """Votes as a matrix (items, items): entry [i, j] is how often i was preferred to j.

    a, b: long, (votes,): the two items of each vote.  outcomes: 1 for a, 0 for b, 0.5
    for a tie, which counts half for each.  Raises ValueError without votes, for an
    item that meets itself or is not below `items`, or for another outcome.  Chapter 06.
    """
    whole_number(items=items)
    tensors(a=a, b=b, outcomes=outcomes)
    shapes = [tuple(x.shape) for x in (a, b, outcomes)]
    if a.dim() != 1 or not len(a) or len(set(shapes)) > 1:
        raise ValueError(
            f"got shapes {shapes}, expected (votes,): one "
            "outcome per pair, and at least one pair"
        )
    if a.is_floating_point() or b.is_floating_point():
        raise TypeError(f"got items of {a.dtype} and {b.dtype}, expected whole numbers")
    if (a == b).any() or min(a.min(), b.min()) < 0 or max(a.max(), b.max()) >= items:
        raise ValueError(f"got pairs that are not two different items below {items}")
    outcomes = as_double(outcomes)
    a, b = a.to(outcomes.device), b.to(outcomes.device)
    if not ((outcomes >= 0) & (outcomes <= 1)).all():
        raise ValueError("got an outcome that is no number from 0 to 1")
    wins = outcomes.new_zeros(items, items)
    wins.index_put_((a, b), outcomes, accumulate=True)
    return wins.index_put_((b, a), 1 - outcomes, accumulate=True)


def bradley_terry_fit(wins: Tensor, steps: int = 100) -> Tensor:
    """Strengths s in nats, mean 0, that make the votes most likely: P = σ(s_i − s_j).

    wins: (items, items), entry [i, j] is how often i was preferred to j; a tie is
    half a win for each; the diagonal is ignored.  Returns (items,), fp64.  Newton's
    method on the concave log-likelihood.  Raises ValueError for entries that are
    negative or not finite, no votes, items in groups that never meet, and items that
    never lose (or never win) against the rest: their strength would be infinite.
    Source: Bradley & Terry 1952; the conditions are those of Ford 1957.  Chapter 06.
    """
    whole(1, steps=steps)
    wins = _checked(wins)
    strengths = wins.new_zeros(len(wins))
    for _ in range(steps):
        gradient, information = _derivatives(strengths, wins)
        move = torch.linalg.solve(information, gradient)
        while _loglik(strengths + move, wins) < _loglik(strengths, wins) - 1e-9:
            move = move / 2  # Newton may jump too far from a poor start
        strengths = strengths + move
        if move.abs().max() < 1e-12:
            break
    return strengths - strengths.mean()


def strength_errors(strengths: Tensor, wins: Tensor) -> Tensor:
    """Standard errors of fitted strengths (mean 0), shape (items,), in nats.

    From the curvature of the log-likelihood (Fisher information) at the strengths.
    Chapter 06.
    """
    tensors(strengths=strengths)
    wins = _checked(wins)
    n = len(wins)
    if strengths.shape != (len(wins),) or not strengths.isfinite().all():
        raise ValueError(
            f"got strengths of shape {tuple(strengths.shape)}, expected "
            f"({len(wins)},), finite numbers"
        )
    information = _derivatives(strengths.double(), wins)[1]
    if information.det() == 0:
        raise ValueError(
            "got strengths so far apart that no vote could tell, expected "
            "those of a fit"
        )
    return (torch.linalg.inv(information) - 1 / n).diagonal().clamp(min=0).sqrt()


def elo_update(
    ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0
) -> Tensor:
    """Elo ratings after one game; a new tensor.

    ratings: (items,).  a, b: who met.  outcome: 1 when a won, 0 when b did, 0.5 for a
    tie.  The expected outcome is 1 / (1 + 10^((R_b − R_a) / 400)); a gains k times
    the surprise and b loses as much.  One gradient step on the Bradley–Terry
    log-likelihood of this game, with R = 400 / ln 10 × s.  Source: Elo 1978.
    Raises ValueError when a meets itself or the outcome is outside 0 to 1.  Chapter 06.
    """
    whole_number(b=b)
    one_number(outcome=outcome, k=k)
    tensors(ratings=ratings)
    items = range(ratings.numel())
    if ratings.dim() != 1:
        raise ValueError(f"got ratings {tuple(ratings.shape)}, expected (items,)")
    if a not in items or b not in items or a == b or not 0 <= outcome <= 1:
        raise ValueError(
            f"got {a} against {b} with outcome {outcome}, expected two different "
            "items and an outcome from 0 to 1"
        )
    ratings = as_float(ratings)
    ahead = (ratings[b] - ratings[a]) / 400  # 10^38: the most that fp32 can hold
    expected = 1 / (1 + 10 ** ahead.clamp(max=38))
    change = k * (outcome - expected)
    updated = ratings.clone()
    updated[a] += change
    updated[b] -= change
    return updated


ELO_PER_NAT = 400 / math.log(10)  # an Elo gap of 400 means odds of 10 to 1


def _loglik(strengths: Tensor, wins: Tensor) -> Tensor:
    gaps = strengths[:, None] - strengths
    return (wins * torch.nn.functional.logsigmoid(gaps)).sum()


def _derivatives(strengths: Tensor, wins: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient, and information made invertible by pinning the mean."""
    p = torch.sigmoid(strengths[:, None] - strengths)
    games = wins + wins.T
    gradient = (wins - games * p).sum(1)
    weight = games * p * (1 - p)
    information = torch.diag(weight.sum(1)) - weight
    return gradient, information + 1 / len(wins)


def _checked(wins: Tensor) -> Tensor:
    """The matrix in fp64 without its diagonal, if a finite maximum exists."""
    tensors(wins=wins)
    if wins.dim() != 2 or wins.shape[0] != wins.shape[1] or len(wins) < 2:
        raise ValueError(
            f"got wins of shape {tuple(wins.shape)}, expected (items, items) with at "
            "least two items"
        )
    wins = as_double(wins)
    if not (torch.isfinite(wins).all() and (wins >= 0).all()):
        raise ValueError("got wins that are negative or not finite, expected counts")
    wins = wins - torch.diag(wins.diagonal())
    if wins.sum() == 0:
        raise ValueError("got no votes, expected at least one pair")
    met = _reaches((wins + wins.T) > 0)
    if not met.all():
        group = met[0].nonzero().flatten().tolist()
        raise ValueError(
            f"got groups that never meet ({_named(group)} and the rest), expected "
            "votes that connect all items: strengths of different groups cannot be "
            "compared"
        )
    beats = _reaches(wins > 0)
    if not beats.all():
        # The items that nobody outside beats: those who reach all, but not back.
        top = beats.all(1).nonzero().flatten().tolist()
        raise ValueError(
            f"got {_named(top)} without a loss against the rest: the most likely "
            "strength is infinite; collect more votes, or add a small number to every "
            "entry of wins"
        )
    return wins


def _reaches(edges: Tensor) -> Tensor:
    """Whether a chain of edges leads from i to j, (items, items) bool."""
    reach = edges | torch.eye(len(edges), dtype=torch.bool, device=edges.device)
    for _ in range(max(1, math.ceil(math.log2(len(edges))))):
        reach = (as_double(reach) @ as_double(reach)) > 0
    return reach


def _named(items: list[int]) -> str:
    shown = ", ".join(map(str, items[:5])) + (", …" if len(items) > 5 else "")
    return f"item{'s' if len(items) > 1 else ''} {shown}"
