"""Exercise 17.5: an adapter becomes part of its weight."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import always, draw


def probes(generator: torch.Generator) -> list[Probe]:
    def call(out: int, into: int, rank: int, alpha: float):
        shapes = (out, into), (rank, into), (out, rank)
        return *(torch.randn(s, generator=generator) for s in shapes), alpha

    fresh = call(3, 4, 2, 4.0)
    return [
        Probe("one number", (torch.tensor([[1.0]]), torch.tensor([[2.0]]),
                             torch.tensor([[3.0]]), 0.5)),
        Probe("a fresh adapter", (fresh[0], fresh[1], torch.zeros(3, 2), 4.0)),
        Probe("rank 1", call(2, 3, 1, 1.0)),
        Probe("alpha is the rank", call(3, 2, 2, 2.0)),
        Probe("alpha 16, rank 8", call(12, 10, 8, 16.0)),
        Probe("a square weight", call(4, 4, 2, 1.0)),
        Probe("as wide as its rank", call(3, 3, 3, 6.0)),
        Probe("more in than out", call(2, 6, 4, 2.0)),
        Probe("double precision", (*(x.double() for x in call(3, 5, 2, 3.0)[:3]), 3.0)),
    ]  # fmt: skip


@mistake("you do not scale: B A is multiplied by alpha / rank")
def not_scaled(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return weight + b @ a


@mistake("you multiply by alpha alone: divide it by the rank")
def alpha_alone(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return weight + alpha * b @ a


@mistake("your scale is upside down: alpha stands above, the rank below")
def upside_down(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return weight + len(a) / alpha * b @ a


@mistake(
    "you divide by the root of the rank: that is another variant, rsLoRA; here it is "
    "the rank"
)
def root_of_rank(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return weight + alpha / len(a) ** 0.5 * b @ a


@mistake("you divide by the width: the rank is the number of rows of A")
def by_the_width(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return weight + alpha / a.shape[1] * b @ a


@mistake("you divide by the outputs: the rank is the number of columns of B")
def by_the_outputs(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return weight + alpha / len(b) * b @ a


@mistake("you return what is added: the frozen weight belongs to the result")
def weight_forgotten(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return alpha / len(a) * b @ a


@mistake("you subtract the adapter: that takes it out of a merged weight")
def taken_out(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return weight - alpha / len(a) * b @ a


@mistake("you scale the frozen weight as well: only B A is scaled")
def all_scaled(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return alpha / len(a) * (weight + b @ a)


@mistake("you scale the frozen weight instead of the adapter")
def weight_scaled(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return alpha / len(a) * weight + b @ a


@mistake("you square the scale: it stands before B A once, not at A and at B")
def scaled_twice(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return weight + (alpha / len(a)) ** 2 * b @ a


@mistake("your product is transposed: B A has the shape of the weight, (out, in)")
def transposed(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return (weight.T + alpha / len(a) * a.T @ b.T).contiguous()


@mistake("you multiply by the frozen weight: the adapter is added to it")
def multiplied(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return weight * (alpha / len(a) * b @ a)


@mistake("you mix weight and adapter: the weight is kept whole")
def mixed(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    share = alpha / len(a)
    return (1 - share) * weight + share * b @ a


@mistake("your scale is a whole number: alpha / rank, not alpha // rank")
def whole_scale(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    return weight + alpha // len(a) * (b @ a)


def same_function(function) -> str | None:
    """Layer and adapter together compute what the merged layer does."""
    weight, a, b = draw(5, 4, seed=1), draw(2, 4, seed=2), draw(5, 2, seed=3)
    x = draw(7, 4, seed=4)
    together = x @ weight.T + 3.0 / 2 * (x @ a.T) @ b.T
    merged = function(weight, a, b, 3.0).to(x)
    gap = float((x @ merged.T - together).abs().max())
    if gap < 1e-4:
        return None
    return (
        "a layer with the merged weight must compute what layer and adapter compute "
        f"together; yours differs by {gap:.2g}"
    )


EXERCISE = Exercise(
    number="17.5",
    title="An adapter becomes part of its weight",
    minutes=5,
    difficulty=2,
    importance=3,
    reference="course.lm.adapter_files:merge_adapters",
    why="A merged weight costs nothing when the model writes, and any library can load "
    "it; a wrong scale gives another model without an error.",
    hints=(
        "The layer computes W x, the adapter alpha / rank times B (A x). Which one "
        "matrix does both?",
        "W + alpha / rank · B A. The rank is the small dimension: the rows of A.",
        "`return weight + alpha / len(a) * …`",
    ),
    probes=probes,
    properties=(
        Property("the same function", same_function),
        always(
            "a new tensor of the same shape",
            lambda: (draw(3, 5), draw(2, 5), draw(3, 2), 1.0),
            lambda x: x.shape == (3, 5),
            "the merged weight has the shape of the weight, (out, in)",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
