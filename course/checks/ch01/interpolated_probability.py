"""Exercise 1.3: interpolated probability."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import Property, always


def shares(generator: torch.Generator, *shape: int) -> Tensor:
    """Random distributions along the last dimension."""
    return torch.rand(shape, generator=generator).softmax(-1)


def probes(generator: torch.Generator) -> list[Probe]:
    def estimates(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    return [
        Probe("one order", (torch.tensor([0.25]), torch.ones(1))),
        Probe("two orders", (torch.tensor([0.1, 0.5]), torch.tensor([0.75, 0.25]))),
        Probe("all weight on one", (estimates(3), torch.tensor([0.0, 0.0, 1.0]))),
        Probe("never counted", (torch.tensor([0.01, 0.0, 0.0]), shares(generator, 3))),
        Probe("five tokens", (estimates(5, 3), shares(generator, 3))),
        Probe("as many tokens as orders", (estimates(4, 4), shares(generator, 4))),
        Probe("batch and time", (estimates(2, 6, 3), shares(generator, 3))),
        Probe("tiny estimates", (estimates(4, 3) * 1e-3, shares(generator, 3))),
        Probe(
            "double precision", (estimates(4, 2).double(), torch.ones(2).double() / 2)
        ),
    ]


@mistake("you average the estimates: each order has its own weight")
def equal_weights(estimates: Tensor, weights: Tensor) -> Tensor:
    return estimates.mean(-1)


@mistake(
    "you mix logarithms: then a single zero makes the result zero, which is what "
    "interpolation is to prevent; mix the probabilities"
)
def mixed_logarithms(estimates: Tensor, weights: Tensor) -> Tensor:
    return (estimates.clamp(min=1e-30).log() * weights).sum(-1).exp()


@mistake(
    "the weights already sum to 1: sum the products, do not divide by the number of "
    "orders again"
)
def averaged(estimates: Tensor, weights: Tensor) -> Tensor:
    return (estimates * weights).mean(-1)


@mistake("you take the largest product: the orders all contribute, so sum them")
def highest(estimates: Tensor, weights: Tensor) -> Tensor:
    return (estimates * weights).amax(-1)


@mistake("you sum over all dimensions: only the last one, the orders, is mixed")
def everything_summed(estimates: Tensor, weights: Tensor) -> Tensor:
    return (estimates * weights).sum()


@mistake("you sum over the first dimension: the orders are the last one")
def wrong_dimension(estimates: Tensor, weights: Tensor) -> Tensor:
    return (estimates * weights).sum(0)


@mistake("the weights are already shares that sum to 1: a softmax changes them")
def softmax_again(estimates: Tensor, weights: Tensor) -> Tensor:
    return (estimates * weights.softmax(-1)).sum(-1)


@mistake(
    "your weights are in the reverse order: weights[k] belongs to estimates[..., k]"
)
def reversed_weights(estimates: Tensor, weights: Tensor) -> Tensor:
    return (estimates * weights.flip(-1)).sum(-1)


def stays_a_distribution(function) -> str | None:
    generator = torch.Generator().manual_seed(3)
    orders = shares(generator, 3, 8)  # (orders, tokens)
    total = float(function(orders.T, torch.tensor([0.2, 0.3, 0.5])).sum())
    if abs(total - 1) < 1e-4:
        return None
    return f"a mixture of distributions must sum to 1; yours sums to {total:.3g}"


@mistake(
    "you take the estimate of the largest weight alone: all orders contribute, each "
    "with its weight"
)
def heaviest_only(estimates: Tensor, weights: Tensor) -> Tensor:
    return estimates[..., weights.argmax()]


EXERCISE = Exercise(
    number="1.3",
    title="Interpolated probability",
    minutes=5,
    difficulty=1,
    importance=3,
    reference="course.lm.ngram:interpolated_probability",
    why="Without this mixture one unseen word makes a whole text impossible: a zero "
    "in the trigram is filled by the orders below.",
    hints=(
        "A coin with sides of these weights picks which model to believe: what is "
        "then the probability of the token?",
        "It is the weighted sum over the last dimension, one weight per order; "
        "broadcasting takes care of all other dimensions.",
        "`return (estimates * …).sum(…)`: over which dimension?",
    ),
    probes=probes,
    properties=(
        Property("stays a distribution", stays_a_distribution),
        always(
            "between the estimates",
            lambda: (torch.tensor([0.2, 0.6]), torch.tensor([0.5, 0.5])),
            lambda p: 0.2 <= float(p) <= 0.6,
            "a mixture must lie between the smallest and the largest estimate",
        ),
    ),
    tolerance=1e-6,
    mistakes=mistakes_in(__name__),
)
