"""Exercise 2.2: RMSNorm."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def x(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    return [
        Probe("one vector", (torch.tensor([3.0, 4.0]), torch.ones(2))),
        Probe("zeros", (torch.zeros(4), torch.ones(4))),
        Probe("a learned weight", (x(4), x(4))),
        Probe("three vectors", (x(3, 4), x(4))),
        Probe("as many vectors as components", (x(4, 4), x(4))),
        Probe("batch and time", (x(2, 3, 8), x(8))),
        Probe("mean far from 0", (x(2, 6) + 5, torch.ones(6))),
        Probe("tiny numbers", (1e-3 * x(2, 6), torch.ones(6))),
        Probe("numbers × 100", (100 * x(2, 6), x(6))),
        Probe("an eps of 0.5", (x(2, 6), x(6), 0.5)),
        Probe("an eps of 1e-8", (1e-3 * x(2, 6), torch.ones(6), 1e-8)),
    ]


@mistake("you subtract the mean, which is LayerNorm: RMSNorm only divides")
def layer_norm(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    x = x - x.mean(-1, keepdim=True)
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


@mistake(
    "you divide by the length of the vector: take the mean of the squares, not their "
    "sum"
)
def length_norm(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x * torch.rsqrt(x.pow(2).sum(-1, keepdim=True) + eps) * weight


@mistake(
    "eps is missing: a vector of zeros gives 0 / 0, and one NaN spoils the whole model"
)
def no_epsilon(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x / x.pow(2).mean(-1, keepdim=True).sqrt() * weight


@mistake("you fix eps at 1e-5: it is an argument, and a model may choose another")
def eps_ignored(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * weight


@mistake("eps belongs under the root: √(mean square + eps)")
def epsilon_outside(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True).sqrt() + eps) * weight


@mistake(
    "you average over the whole batch: each vector is normalised on its own, over the "
    "last dimension"
)
def over_everything(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean() + eps) * weight


@mistake("the learned weight is missing: multiply each component by its own")
def weight_ignored(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)


@mistake("you divide by the mean square: take its root")
def root_forgotten(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + eps) * weight


@mistake("you average over the first dimension: the components are the last one")
def first_dimension(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(0, keepdim=True) + eps) * weight


@mistake("you multiply by 1 + weight: here the weight itself starts at 1")
def weight_from_zero(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * (1 + weight)


def unit_mean_square(function) -> str | None:
    square = function(draw(5, 16, seed=1) * 7, torch.ones(16)).square().mean(-1)
    if float((square - 1).abs().max()) < 1e-3:
        return None
    return (
        "with a weight of ones every vector's mean square must be 1; yours has "
        f"{float(square[0]):.3g}"
    )


@mistake(
    "you divide by the mean of the absolute values: square, average, take the root"
)
def mean_absolute(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x / (x.abs().mean(-1, keepdim=True) + eps) * weight


@mistake("you square the mean: average the squares instead")
def squared_mean(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x * torch.rsqrt(x.mean(-1, keepdim=True).pow(2) + eps) * weight


@mistake(
    "you divide by the standard deviation, which measures from the mean: here the "
    "squares themselves are averaged"
)
def standard_deviation(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x / (x.std(-1, keepdim=True, correction=0) + eps) * weight


@mistake(
    "you divide by the root of the variance: here nothing is subtracted, the mean is "
    "over the squares of x"
)
def root_of_variance(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x * torch.rsqrt(x.var(-1, keepdim=True, correction=0) + eps) * weight


@mistake("you multiply by the weight before the norm: it belongs after it")
def weight_first(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    scaled = x * weight
    return scaled * torch.rsqrt(scaled.pow(2).mean(-1, keepdim=True) + eps)


EXERCISE = Exercise(
    number="2.2",
    title="RMSNorm",
    minutes=10,
    difficulty=1,
    importance=3,
    reference="course.lm.layers:rms_norm",
    why="It gives every part of a block vectors of one size to read, however much was "
    "added to the stream before.",
    hints=(
        "How would you measure how large the components of one vector typically are, "
        "whatever their signs?",
        "Take the mean of the squares over the last dimension (keep it), add eps, "
        "take the root, divide, and multiply by the weight.",
        "`return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=…) + …) * weight`",
    ),
    probes=probes,
    properties=(
        Property("mean square 1", unit_mean_square),
        unchanged(
            "invariant to scale",
            lambda: (draw(3, 8, seed=2), torch.ones(8)),
            lambda: (100 * draw(3, 8, seed=2), torch.ones(8)),
            "multiplying a vector by 100",
            tolerance=1e-3,
        ),
    ),
    differentiable=("x", "weight"),
    mistakes=mistakes_in(__name__),
)
