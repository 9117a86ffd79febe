"""Exercise 7.3: the ordinal loss."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, unchanged

CUTS = torch.tensor([-1.37, 0.11, 2.03])


def probes(generator: torch.Generator) -> list[Probe]:
    def call(n: int, scale: float = 1.0):
        scores = torch.randn(n, generator=generator) * scale
        return scores, torch.randint(4, (n,), generator=generator), CUTS

    def one(score: float, rated: int):
        return torch.tensor([score]), torch.tensor([rated]), CUTS

    two = (torch.tensor([0.5, -1.0]), torch.tensor([1, 0]), torch.zeros(1))
    return [
        Probe("two bins", two),
        Probe("the lowest bin", one(0.5, 0)),
        Probe("the highest bin", one(0.5, 3)),
        Probe("a bin in the middle", one(0.5, 2)),
        Probe("every bin", (torch.zeros(4), torch.arange(4), CUTS)),
        Probe("twelve texts", call(12)),
        Probe("close cuts", (torch.zeros(2), torch.tensor([1, 0]), CUTS[:2] / 100)),
        Probe("scores × 10", call(8, 10.0)),
        Probe("scores × 100", call(8, 100.0)),
    ]


def stable(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    """Log-probability of every bin, the right way: (batch, bins)."""
    z = cuts - scores[:, None]
    below, above = F.logsigmoid(z), F.logsigmoid(-z)
    width = torch.log(-torch.expm1(-cuts.diff()))
    middle = below[:, 1:] + above[:, :-1] + width
    return torch.cat([below[:, :1], middle, above[:, -1:]], dim=1)


def naive(scores: Tensor, cuts: Tensor) -> Tensor:
    """Probability of every bin by a plain difference: (batch, bins)."""
    below = torch.sigmoid(cuts - scores[:, None])
    ends = torch.zeros_like(below[:, :1])
    return torch.cat([ends, below, ends + 1], dim=1).diff(dim=1)


def pick(table: Tensor, bins: Tensor) -> Tensor:
    return table.gather(1, bins[:, None]).squeeze(1)


@mistake(
    "far from the cuts the two sigmoids round to the same number and their difference "
    "to 0, whose logarithm is −inf: subtract in logarithms"
)
def plain_difference(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    return -pick(naive(scores, cuts), bins).log().mean()


@mistake(
    "clamping the probability hides the overflow but kills the gradient exactly where "
    "the model is most wrong: compute the logarithm directly"
)
def clamped(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    return -pick(naive(scores, cuts), bins).clamp(min=1e-9).log().mean()


@mistake(
    "adding a small number before the logarithm caps the loss where the model is most "
    "wrong: compute the logarithm of the difference directly"
)
def with_epsilon(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    return -(pick(naive(scores, cuts), bins) + 1e-9).log().mean()


@mistake("you average the probability: the likelihood needs its logarithm")
def no_logarithm(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    return -pick(naive(scores, cuts), bins).mean()


@mistake(
    "you use σ(r − c): a higher score must make high bins more probable, so a rating "
    "below c has probability σ(c − r)"
)
def sign_reversed(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    z = scores[:, None] - cuts
    ends = torch.full_like(z[:, :1], 30.0)
    low, high = torch.cat([-ends, z], 1), torch.cat([z, ends], 1)
    p = torch.sigmoid(high) - torch.sigmoid(low)
    return -pick(p.abs(), bins).clamp(min=1e-9).log().mean()


@mistake(
    "your z is r − c: with that sign a higher score makes low bins more probable, so "
    "turn it to z = c − r"
)
def sign_of_z(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    z = scores[:, None] - cuts
    below, above = F.logsigmoid(z), F.logsigmoid(-z)
    middle = below[:, 1:] + above[:, :-1] + torch.log(-torch.expm1(-cuts.diff()))
    table = torch.cat([below[:, :1], middle, above[:, -1:]], dim=1)
    return -pick(table, bins).mean()


@mistake(
    "the width of the bin is missing: σ(b) − σ(a) is σ(b) σ(−a) (1 − e^(a − b)), and "
    "the last factor stands for how far the two cuts lie apart"
)
def width_missing(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    z = cuts - scores[:, None]
    below, above = F.logsigmoid(z), F.logsigmoid(-z)
    middle = below[:, 1:] + above[:, :-1]
    return -pick(torch.cat([below[:, :1], middle, above[:, -1:]], 1), bins).mean()


@mistake(
    "this is the probability of bin k or any lower one: subtract that of the bins below"
)
def cumulative_only(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    below = F.logsigmoid(cuts - scores[:, None])
    return -pick(torch.cat([below, torch.zeros_like(below[:, :1])], 1), bins).mean()


@mistake("your bins run from best to worst: 0 is the worst, len(cuts) the best")
def bins_reversed(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    return -pick(stable(scores, bins, cuts), len(cuts) - bins).mean()


@mistake("you sum over the batch: take the mean")
def summed(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    return -pick(stable(scores, bins, cuts), bins).sum()


@mistake("the minus sign is missing: a loss is the negative log-likelihood")
def sign_lost(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    return pick(stable(scores, bins, cuts), bins).mean()


@mistake(
    "a softmax over distances forgets the order of the bins: take differences of "
    "sigmoids at neighbouring cuts"
)
def softmax_of_distances(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    z = F.pad(cuts - scores[:, None], (0, 1))
    return F.cross_entropy(z, bins)


def bins_sum_to_one(function) -> str | None:
    losses = [function(torch.tensor([0.3]), torch.tensor([k]), CUTS) for k in range(4)]
    total = float(torch.stack(losses).neg().exp().sum())
    if abs(total - 1) < 1e-4:
        return None
    return (
        "the probabilities of all bins must sum to 1 for one score; yours sum to "
        f"{total:.3g}"
    )


def example() -> tuple[Tensor, Tensor, Tensor]:
    return draw(6, seed=1), torch.tensor([0, 1, 2, 3, 2, 1]), CUTS


EXERCISE = Exercise(
    number="7.3",
    title="The ordinal loss",
    minutes=20,
    difficulty=3,
    importance=3,
    reference="course.reward.losses:ordinal_loss",
    why="Ratings are steps of unknown height: this loss uses their order without "
    "pretending that the distance from 1 to 2 equals that from 3 to 4.",
    hints=(
        "If σ(c − r) is the probability of a rating below the cut c, what is the "
        "probability of one between two neighbouring cuts?",
        "P(bin k) = σ(c_k − r) − σ(c_{k−1} − r); the lowest bin has no lower cut, the "
        "highest no upper one. Far from the cuts both sigmoids round to the same "
        "number, so use σ(b) − σ(a) = σ(b) σ(−a) (1 − e^(a − b)), in logarithms.",
        "`z = cuts - scores[:, None]`; middle bins: `F.logsigmoid(z[:, 1:]) + "
        "F.logsigmoid(-z[:, :-1]) + torch.log(-torch.expm1(-cuts.diff()))`; the first "
        "is `F.logsigmoid(z[:, :1])`, the last …; gather, mean, minus.",
    ),
    probes=probes,
    properties=(
        Property("bins sum to 1", bins_sum_to_one),
        unchanged(
            "invariant to a common shift",
            example,
            lambda: (example()[0] + 2, example()[1], CUTS + 2),
            "adding 2 to every score and every cut",
        ),
    ),
    differentiable=("scores", "cuts"),
    tolerance=1e-4,
    mistakes=mistakes_in(__name__),
)
