"""Exercise 2.3: rotary positions."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def x(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    padded = torch.tensor([[0, 0, 0, 1], [0, 1, 2, 3]])
    return [
        Probe("position 0", (x(1, 1, 1, 2), torch.tensor([0]))),
        Probe(
            "position 1", (torch.tensor([1.0, 0.0]).view(1, 1, 1, 2), torch.tensor([1]))
        ),
        Probe("two positions", (x(1, 1, 2, 4), torch.arange(2))),
        Probe("two heads", (x(1, 2, 3, 4), torch.arange(3))),
        Probe("as many heads as positions", (x(2, 3, 3, 6), torch.arange(3))),
        Probe("later positions", (x(1, 2, 2, 8), torch.tensor([7, 8]))),
        Probe("positions per row", (x(2, 2, 4, 4), padded)),
        Probe("as many rows as heads", (x(2, 2, 4, 8), padded + 3)),
        Probe("position 1000", (x(1, 1, 1, 8), torch.tensor([1000]))),
        Probe("a base of 100,000", (x(1, 2, 3, 8), torch.arange(5, 8), 100_000.0)),
    ]


def turned(
    x: Tensor,
    positions: Tensor,
    base: float = 10_000.0,
    *,
    sign: float = 1.0,
    step: float = 1.0,
) -> Tensor:
    """The right answer, with the direction and the angles' spacing as switches."""
    dim = x.shape[-1]
    power = -torch.arange(0, dim, 2, device=x.device) / dim * step
    angles = positions[..., None].float() * base**power
    angles = angles[:, None] if angles.dim() == 3 else angles
    cos, sin = angles.cos(), angles.sin() * sign
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


@mistake(
    "you pair neighbouring components (0 with 1): in the Llama layout component i is "
    "paired with i + D/2"
)
def interleaved(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    halves = torch.cat((x[..., 0::2], x[..., 1::2]), dim=-1)
    out = turned(halves, positions, base)
    return torch.stack(out.chunk(2, dim=-1), dim=-1).flatten(-2)


@mistake("you turn the other way round: (a, b) becomes (a cos − b sin, b cos + a sin)")
def backwards(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    return turned(x, positions, base, sign=-1.0)


@mistake("your angles fall too slowly: pair i turns by base^(−2i/D), not base^(−i/D)")
def half_the_exponent(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    return turned(x, positions, base, step=0.5)


@mistake("your angles grow with the pair: the exponent −2i/D is negative")
def growing_angles(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    return turned(x, positions, base, step=-1.0)


@mistake("you count positions from 1: position 0 is not turned at all")
def from_one(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    return turned(x, positions + 1, base)


@mistake(
    "you count 0, 1, 2, … yourself: use `positions`, which differ with padding and "
    "with a cache"
)
def counts_itself(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    return turned(x, torch.arange(x.shape[2], device=x.device), base)


@mistake("you fix base at 10,000: it is an argument, and SmolLM2 has 100,000")
def base_ignored(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    return turned(x, positions)


@mistake(
    "every pair turns by the same angle: pair i has its own, position × base^(−2i/D)"
)
def same_angle(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    return turned(x, positions, 1.0)


@mistake(
    "the first half needs a minus, a cos − b sin: with two plus signs it is not a "
    "rotation and changes lengths"
)
def mirrored(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    out = turned(x, positions, base).chunk(2, dim=-1)
    back = turned(x, positions, base, sign=-1.0).chunk(2, dim=-1)
    return torch.cat((back[0], out[1]), dim=-1)


@mistake("you turn only the first half: the second becomes b cos + a sin")
def half_turned(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    return torch.cat(
        (turned(x, positions, base).chunk(2, -1)[0], x.chunk(2, -1)[1]), -1
    )


def distance_only(function) -> str | None:
    q, k = draw(1, 1, 1, 8, seed=1), draw(1, 1, 1, 8, seed=2)

    def dot(i: int, j: int) -> float:
        a, b = function(q, torch.tensor([i])), function(k, torch.tensor([j]))
        return float((a * b).sum())

    if abs(dot(5, 3) - dot(12, 10)) < 1e-4:
        return None
    return (
        "a query at 5 and a key at 3 must have the same dot product as one at 12 and "
        f"one at 10; yours are {dot(5, 3):.3g} and {dot(12, 10):.3g}"
    )


def length_kept(function) -> str | None:
    x = draw(2, 2, 5, 8, seed=3)
    change = (function(x, torch.arange(5)).norm(dim=-1) - x.norm(dim=-1)).abs().max()
    if float(change) < 1e-4:
        return None
    return f"turning keeps every vector's length; yours changed by {float(change):.2g}"


@mistake("your angles fall too fast: pair i turns by base^(−2i/D), with D as it is")
def twice_the_exponent(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    return turned(x, positions, base, step=2.0)


@mistake("cos and sin are exchanged: at position 0 nothing may turn")
def exchanged(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    sin, cos = waves(x, positions, base)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


@mistake("your pairs are counted from 1: the first pair, i = 0, turns by the position")
def pairs_from_one(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    step = base ** (-2 / x.shape[-1])
    return turned(x, positions.double() * step, base).to(x.dtype)


@mistake(
    "you overwrite the first half before the second one needs it: keep the old values "
    "until both are computed"
)
def overwritten(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    half = x.shape[-1] // 2
    cos, sin = waves(x, positions, base)
    first = x[..., :half] * cos - x[..., half:] * sin
    return torch.cat((first, x[..., half:] * cos + first * sin), dim=-1)


@mistake(
    "both halves have a minus: only the first has one, the second is b cos + a sin"
)
def two_minuses(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    cos, sin = waves(x, positions, base)
    return torch.cat((first * cos - second * sin, first * sin - second * cos), dim=-1)


@mistake("you add waves to x: rotary positions turn x, they add nothing")
def added(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    cos, sin = waves(x, positions, base)
    return x + torch.cat((sin, cos), dim=-1)


def waves(x: Tensor, positions: Tensor, base: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the right angles, to be joined wrongly."""
    power = -torch.arange(0, x.shape[-1], 2) / x.shape[-1]
    angles = positions[..., None].float() * base**power
    angles = angles[:, None] if angles.dim() == 3 else angles
    return angles.cos(), angles.sin()


EXERCISE = Exercise(
    number="2.3",
    title="Rotary positions",
    minutes=20,
    difficulty=3,
    importance=4,
    reference="course.lm.layers:rotary",
    why="Attention alone cannot tell “dog bites man” from “man bites dog”; turning "
    "queries and keys by their positions lets it see distances.",
    hints=(
        "If you turn two arrows by 30° and by 50°, on what does the angle between "
        "them depend?",
        "Component i forms a pair with component i + D/2; pair i turns by position × "
        "base^(−2i/D). A turn by θ makes (a, b) into (a cos θ − b sin θ, b cos θ + "
        "a sin θ). Positions of shape (B, T) need one more dimension for the heads.",
        "`first, second = x.chunk(2, dim=-1)`, then "
        "`torch.cat((first * cos - second * sin, …), dim=-1)`.",
    ),
    probes=probes,
    properties=(
        Property("only the distance matters", distance_only),
        Property("lengths are kept", length_kept),
        unchanged(
            "positions for all rows or for each",
            lambda: (draw(2, 1, 3, 4, seed=4), torch.arange(3)),
            lambda: (draw(2, 1, 3, 4, seed=4), torch.arange(3).expand(2, 3)),
            "giving the same positions once for every row",
        ),
    ),
    differentiable=("x",),
    tolerance=1e-4,
    mistakes=mistakes_in(__name__),
)
