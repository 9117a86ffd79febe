"""Learning from votes as they come: a small Bayesian head on a reward model's states.

P(a over b) = sigmoid(w · (x_a - x_b)) with w ~ N(0, prior_variance · I): logistic
regression whose posterior is approximated by a normal distribution (Laplace).  With
a few directions it is refitted in milliseconds, after every click.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from course.expect import (
    as_float,
    cpu_generator,
    finite,
    one_number,
    tensors,
    whole_number,
)
from course.lm.packing import length_parts
from course.lm.tokenizer import pad_batch
from course.reward.model import RewardModel, text_batch
from course.score import check_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

WINS = {"a": 1.0, "b": 0.0, "tie": 0.5}


class Posterior(NamedTuple):
    """What the votes say of the weights: mean (d,) and covariance (d, d), fp64.

    Chapter 13.
    """

    mean: Tensor
    covariance: Tensor


def laplace_update(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> Posterior:
    """The normal approximation of the weights' posterior, by damped Newton steps.

    differences: (votes, d), x_a - x_b.  wins: (votes,), 1 where a was chosen, 0 where
    b, .5 for a tie.  Each Newton step is halved until the log-posterior does not fall:
    the plain one overshoots.  No votes: the prior.  Raises ValueError on shapes that do
    not fit, wins outside [0, 1], numbers that are not finite, and unless
    prior_variance > 0.  Source: MacKay 1992, "The Evidence Framework Applied to
    Classification Networks".  Chapter 13.

    >>> mean, covariance = laplace_update(torch.zeros(0, 2), torch.zeros(0))
    >>> mean.tolist(), covariance.tolist()
    ([0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]])
    """
    one_number(prior_variance=prior_variance)
    tensors(differences=differences, wins=wins)
    if differences.dim() != 2 or wins.shape != differences.shape[:1]:
        raise ValueError(
            f"got differences {tuple(differences.shape)} and wins {tuple(wins.shape)}, "
            "expected (votes, d) and (votes,)"
        )
    if not prior_variance > 0:
        raise ValueError(f"got prior_variance {prior_variance}, expected above 0")
    D, y = differences.double(), wins.double()
    if not D.isfinite().all() or not ((y >= 0) & (y <= 1)).all():
        raise ValueError("got numbers that are not finite or wins outside [0, 1]")
    eye = torch.eye(D.shape[1], dtype=D.dtype, device=D.device) / prior_variance
    w = D.new_zeros(D.shape[1])

    def log_posterior(w: Tensor) -> Tensor:
        z = D @ w
        return (y * z - softplus(z)).sum() - w @ w / (2 * prior_variance)

    for _ in range(100):
        p = (D @ w).sigmoid()
        slope = D.T @ (y - p) - w / prior_variance
        step = torch.linalg.solve(eye + D.T @ ((p * (1 - p))[:, None] * D), slope)
        share, now = 1.0, log_posterior(w)
        while share > 1e-8 and log_posterior(w + share * step) < now:
            share /= 2
        w = w + share * step
        if (share * step).abs().max() < 1e-10:
            break
    p = (D @ w).sigmoid()
    return Posterior(w, torch.linalg.inv(eye + D.T @ ((p * (1 - p))[:, None] * D)))


def choose_pair(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    """The row, of `differences` (pairs, d), whose answer would teach most.

    mean: (d,).  covariance: (d, d), both of the weights' posterior.  The row has the
    largest variance of the margin times p(1 - p): the posterior is unsure of it, and
    the answer is open.  The first of equals.  Raises ValueError without a pair,
    on shapes that do not fit and on numbers that are not finite.
    Source: uncertainty sampling, Lewis and Gale 1994.  Chapter 13.
    """
    tensors(mean=mean, covariance=covariance, differences=differences)
    if differences.dim() != 2 or not len(differences):
        raise ValueError(
            f"got differences {tuple(differences.shape)}, expected (pairs, d) with at "
            "least one pair"
        )
    d = differences.shape[1]
    if mean.shape != (d,) or covariance.shape != (d, d):
        raise ValueError(
            f"got mean {tuple(mean.shape)} and covariance {tuple(covariance.shape)}, "
            f"expected ({d},) and ({d}, {d})"
        )
    finite(mean=mean, covariance=covariance, differences=differences)
    D = differences.double()
    p = (D @ mean.double()).sigmoid()
    variance = ((D @ covariance.double()) * D).sum(1)
    return int((variance * p * (1 - p)).argmax())


def replay_votes(
    log: Sequence[tuple[int, int, str]], features: Tensor
) -> tuple[Tensor, Tensor]:
    """The votes that stand, as differences (votes, d) and wins (votes,).

    log: (text a, text b, what was clicked) in order; the texts are rows of `features`,
    (texts, d).  Clicked is "a", "b", "tie", "skip" or "undo"; an undo takes back the
    latest click that still stands, a skip too, and nothing where none stands.  A skip
    teaches nothing.  Raises ValueError on another click, on a text that is no row of
    the features, and on features of another shape.  Chapter 13.
    """
    tensors(features=features)
    if features.dim() != 2:
        raise ValueError(f"got features {tuple(features.shape)}, expected (texts, d)")
    features = as_float(features)
    standing: list[tuple[int, int, str]] = []
    for a, b, clicked in log:
        if not (0 <= a < len(features) and 0 <= b < len(features)):
            raise ValueError(
                f"got the texts {a} and {b}, expected rows 0 to {len(features) - 1}"
            )
        if clicked == "undo":
            standing = standing[:-1]
        elif clicked == "skip" or clicked in WINS:
            standing.append((a, b, clicked))
        else:
            raise ValueError(
                f"got the click {clicked!r}, expected a, b, tie, skip, undo"
            )
    votes = [(a, b, WINS[clicked]) for a, b, clicked in standing if clicked in WINS]
    if not votes:
        return features.new_zeros(0, features.shape[1]), features.new_zeros(0)
    left, right, wins = zip(*votes, strict=True)
    return features[list(left)] - features[list(right)], features.new_tensor(wins)


def thumbs_to_pairs(
    thumbs: Sequence[tuple[str, str, bool]],
) -> list[tuple[str, str, str]]:
    """(prompt, chosen, rejected) for every thumb up beside every thumb down.

    thumbs: (prompt, text, up).  Only texts of one prompt are compared; the pairs are in
    the order of their thumbs up, then down.  A text that got both is no pair with
    itself.  Chapter 13.

    >>> thumbs_to_pairs([("The", " good", True), ("The", " bad", False)])
    [('The', ' good', ' bad')]
    """
    thumbs = list(thumbs)
    ups = [(prompt, text) for prompt, text, up in thumbs if up]
    downs = [(prompt, text) for prompt, text, up in thumbs if not up]
    return [
        (prompt, chosen, rejected)
        for prompt, chosen in ups
        for other, rejected in downs
        if other == prompt and chosen != rejected
    ]


@dataclass(frozen=True)
class Directions:
    """Whitened principal directions of states: features with variance 1.

    mean: (width,).  basis: (width, d).  std: (d,).  Chapter 13.
    """

    mean: Tensor
    basis: Tensor
    std: Tensor

    def __call__(self, states: Tensor) -> Tensor:
        """Features, (texts, d), of states, (texts, width).

        Raises ValueError on states of another width.
        """
        tensors(states=states)
        if states.shape[-1:] != self.mean.shape:
            raise ValueError(
                f"got states {tuple(states.shape)}, expected (texts, {len(self.mean)})"
            )
        return (as_float(states) - self.mean) @ self.basis / self.std


def principal_directions(states: Tensor, d: int) -> Directions:
    """The d directions in which states (texts, width) vary most.

    Each direction's sign is that of its largest entry, so the same states give the same
    features.  Raises ValueError on fewer texts than d + 1, another number of
    directions and numbers that are not finite.  Source: Pearson 1901.  Chapter 13.
    """
    whole_number(d=d)
    tensors(states=states)
    if states.dim() != 2 or not 1 <= d <= min(len(states) - 1, states.shape[1]):
        raise ValueError(
            f"got states {tuple(states.shape)} and d = {d}, expected (texts, width) "
            "and d from 1 to the smaller of texts - 1 and width"
        )
    finite(states=states)
    x = states.double()
    mean = x.mean(0)
    basis = torch.linalg.svd(x - mean, full_matrices=False).Vh[:d].T
    largest = basis.gather(0, basis.abs().argmax(0, keepdim=True))
    basis = basis * largest.sign()
    std = ((x - mean) @ basis).std(0).clamp(min=1e-12)
    return Directions(mean, basis, std)


@torch.no_grad()
def end_states(
    model: RewardModel, tokenizer: "PreTrainedTokenizerFast", texts: Sequence[str]
) -> Tensor:
    """The trunk's state at each text's end token: (texts, width), fp32 on the CPU.

    Chapter 13.
    """
    rows = text_batch(tokenizer, check_texts(texts), model.gpt.config.context)
    found = torch.zeros(len(rows), model.gpt.config.width)
    for part in length_parts([len(row) for row in rows]):
        places = torch.tensor([int(i) for i in part])
        for few in places.split(64):
            some = [rows[i] for i in few.tolist()]
            ids, mask = pad_batch(some, tokenizer.pad_token_id)
            hidden = model.gpt.hidden(
                ids.to(model.gpt.device), mask.to(model.gpt.device)
            )
            last = mask.sum(1).to(hidden.device) - 1
            rows_of = torch.arange(len(some), device=hidden.device)
            found[few] = hidden[rows_of, last].float().cpu()
    return found


def answer(margin: Tensor, generator: torch.Generator, noise: float = 1.0) -> list[str]:
    """What a crowd clicks: "a" with probability sigmoid(margin / noise), else "b".

    margin: (pairs,), the crowd's score of a minus that of b.  noise = inf is a coin.
    generator: a CPU generator.  Raises ValueError unless noise > 0 and on a margin that
    is not finite: a crowd that answers nonsense.  Source: Bradley and Terry 1952.
    Chapter 13.
    """
    cpu_generator(generator)
    one_number(noise=noise)
    tensors(margin=margin)
    if margin.dim() != 1:
        raise ValueError(f"got margin {tuple(margin.shape)}, expected (pairs,)")
    if not noise > 0 or not torch.isfinite(margin).all():
        raise ValueError(
            f"got noise {noise} and margins {margin.tolist()[:3]}, expected a positive "
            "noise and finite margins"
        )
    draws = torch.rand(margin.shape, generator=generator, dtype=torch.float64)
    chosen = draws < (margin.double() / noise).sigmoid()
    return ["a" if won else "b" for won in chosen.tolist()]
