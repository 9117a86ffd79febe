"""Exercise 2.4: the SwiGLU feed-forward block."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw


def probes(generator: torch.Generator) -> list[Probe]:
    def block(*shape: int, width: int = 4, hidden: int = 6, scale: float = 1.0):
        x = torch.randn(*shape, width, generator=generator) * scale
        gate, up = torch.randn(2, hidden, width, generator=generator)
        return x, gate, up, torch.randn(width, hidden, generator=generator)

    one = torch.ones(1, 1)
    return [
        Probe("one number", (torch.tensor([2.0]), one, 3 * one, one)),
        Probe("zeros", (torch.zeros(1), one, one, one)),
        Probe("one vector", block()),
        Probe("three vectors", block(3)),
        Probe("square matrices", block(2, width=4, hidden=4)),
        Probe("batch and time", block(2, 3)),
        Probe("negative numbers", tuple(-a.abs() for a in block(3))),
        Probe("numbers × 100", block(2, scale=100.0)),
    ]


@mistake("silu belongs on the gate branch, not on the up branch")
def activated_up(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return F.linear(F.linear(x, gate) * F.silu(F.linear(x, up)), down)


@mistake("silu is missing: without it the gate cannot close")
def no_activation(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return F.linear(F.linear(x, gate) * F.linear(x, up), down)


@mistake("you use the sigmoid, which is the older GLU: silu(z) = z · sigmoid(z)")
def sigmoid_gate(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return F.linear(F.linear(x, gate).sigmoid() * F.linear(x, up), down)


@mistake("you use gelu, which makes GEGLU: use F.silu")
def gelu_gate(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return F.linear(F.gelu(F.linear(x, gate)) * F.linear(x, up), down)


@mistake("you use relu, which makes ReGLU: use F.silu")
def relu_gate(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return F.linear(F.relu(F.linear(x, gate)) * F.linear(x, up), down)


@mistake("you add the two branches: the gate multiplies")
def added(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return F.linear(F.silu(F.linear(x, gate)) + F.linear(x, up), down)


@mistake("you apply silu after the product: apply it to the gate branch first")
def activated_product(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return F.linear(F.silu(F.linear(x, gate) * F.linear(x, up)), down)


@mistake("silu belongs on the gate branch only: the up branch stays linear")
def both_activated(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return F.linear(F.silu(F.linear(x, gate)) * F.silu(F.linear(x, up)), down)


@mistake("the up branch is missing: multiply the gate by F.linear(x, up)")
def without_up(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return F.linear(F.silu(F.linear(x, gate)), down)


def linear_in_up(function) -> str | None:
    x, gate, up, down = (
        draw(*shape, seed=s) for s, shape in enumerate([(3, 4), (5, 4), (5, 4), (4, 5)])
    )
    error = function(x, gate, 2 * up, down) - 2 * function(x, gate, up, down)
    if float(error.abs().max()) < 1e-3:
        return None
    return "doubling the matrix `up` must double the result: only the gate is curved"


@mistake("the gate is a softmax in your answer: silu looks at each number alone")
def softmax_gate(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return ((x @ gate.T).softmax(-1) * (x @ up.T)) @ down.T


@mistake("you apply silu at the end: it belongs on the gate, before the product")
def activated_at_the_end(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return F.silu(((x @ gate.T) * (x @ up.T)) @ down.T)


EXERCISE = Exercise(
    number="2.4",
    title="SwiGLU",
    minutes=10,
    difficulty=1,
    importance=3,
    reference="course.lm.layers:swiglu",
    why="Most of a model's numbers lie in these three matrices; the gate decides, "
    "token by token, which of them speak.",
    hints=(
        "One branch says what to write, the other how far to open the tap: how do "
        "you combine them?",
        "Multiply x by `gate` and by `up` (`F.linear(x, matrix)` applies the "
        "transpose), put silu on the gate branch only, multiply the two, and go "
        "through `down`.",
        "`return F.linear(F.silu(F.linear(x, gate)) * …, down)`",
    ),
    probes=probes,
    properties=(Property("linear in the up branch", linear_in_up),),
    differentiable=("x", "gate", "up", "down"),
    tolerance=1e-4,
    mistakes=mistakes_in(__name__),
)
