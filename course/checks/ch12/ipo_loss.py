"""Exercise 12.5: IPO's loss, which has a target."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def normal(size: int, scale: float = 5.0) -> Tensor:
        return torch.randn(size, generator=generator) * scale

    return [
        Probe("policy = reference", (torch.zeros(1), 0.1)),
        Probe("at the target", (torch.tensor([5.0]), 0.1)),
        Probe("beyond the target", (torch.tensor([8.0]), 0.1)),
        Probe("a pair in the wrong order", (torch.tensor([-2.0]), 0.5)),
        Probe("beta 1", (torch.tensor([0.0, 1.0, -1.0]), 1.0)),
        Probe("five pairs", (normal(5), 0.1)),
        Probe("sixteen pairs, beta 0.25", (normal(16), 0.25)),
        Probe("far off", (torch.tensor([-300.0, 200.0]), 0.02)),
        Probe("double precision", (normal(4).double(), 0.3)),
    ]


@mistake(
    "your target is β/2: a larger beta is a shorter leash, so it must be nearer, "
    "1/(2β); mind the brackets, 1 / 2 * beta is β/2"
)
def beta_target(h: Tensor, beta: float) -> Tensor:
    return (h - beta / 2).square().mean()


@mistake("your target is 1/β: a half is missing, 1/(2β)")
def whole_target(h: Tensor, beta: float) -> Tensor:
    return (h - 1 / beta).square().mean()


@mistake(
    "your target lies on the wrong side: chosen texts should become more probable, h = "
    "+1/(2β)"
)
def wrong_side(h: Tensor, beta: float) -> Tensor:
    return (h + 1 / (2 * beta)).square().mean()


@mistake("you multiply h by beta and compare it with 1/(2β): beta comes in once")
def half_and_beta(h: Tensor, beta: float) -> Tensor:
    return (beta * h - 1 / (2 * beta)).square().mean()


@mistake(
    "you compare βh with a half: the target is right, but the loss is β² times too "
    "small"
)
def scaled(h: Tensor, beta: float) -> Tensor:
    return (beta * h - 0.5).square().mean()


@mistake("you take the distance and do not square it")
def no_square(h: Tensor, beta: float) -> Tensor:
    return (h - 1 / (2 * beta)).abs().mean()


@mistake(
    "you halve the squares: the paper's loss has no half, and a gradient of half the "
    "size is another learning rate"
)
def halved(h: Tensor, beta: float) -> Tensor:
    return (h - 1 / (2 * beta)).square().mean() / 2


@mistake(
    "beyond the target your loss is 0: that is a hinge; IPO pulls back what went too "
    "far"
)
def one_sided(h: Tensor, beta: float) -> Tensor:
    return F.relu(1 / (2 * beta) - h).square().mean()


@mistake("you sum over the pairs: take the mean")
def summed(h: Tensor, beta: float) -> Tensor:
    return (h - 1 / (2 * beta)).square().sum()


@mistake(
    "you average h before squaring: a pair too far and a pair too near would cancel"
)
def of_the_mean(h: Tensor, beta: float) -> Tensor:
    return (h.mean() - 1 / (2 * beta)).square()


@mistake("you return a loss for each pair: return their mean, a scalar")
def each_pair(h: Tensor, beta: float) -> Tensor:
    return (h - 1 / (2 * beta)).square()


@mistake("this is DPO's loss: IPO's is a squared distance")
def dpo(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(beta * h).mean()


@mistake("you square h and the target each for itself: square their difference")
def squares_apart(h: Tensor, beta: float) -> Tensor:
    return (h.square() - (0.5 / beta) ** 2).mean()


@mistake(
    "a Huber loss grows only linearly far from the target: the square is asked for"
)
def huber(h: Tensor, beta: float) -> Tensor:
    gap = (h - 0.5 / beta).abs()
    return torch.where(gap < 1, gap.square() / 2, gap - 0.5).mean()


EXERCISE = Exercise(
    number="12.5",
    title="IPO's loss",
    minutes=5,
    difficulty=1,
    importance=3,
    reference="course.policy.preference_losses:ipo_loss",
    why="With certain labels DPO never has enough; this loss knows how far is far "
    "enough.",
    hints=(
        "DPO pushes a pair apart for ever. Which loss is smallest at a finite "
        "distance, and grows on both sides?",
        "The mean over the pairs of the squared distance of h from its target "
        "1/(2β): in nats, so beta does not multiply h.",
        "`(h - 1 / (…)).square().mean()`; mind the brackets: 1 / 2 * beta is beta / 2.",
    ),
    probes=probes,
    properties=(
        always(
            "zero at the target",
            lambda: (torch.full((3,), 2.5), 0.2),
            lambda value: bool(value.abs() < 1e-6),
            "at beta = 0.2 the target is 2.5 nats: there the loss must be 0",
        ),
        unchanged(
            "both sides alike",
            lambda: (2.5 + draw(4, seed=2).abs(), 0.2),
            lambda: (2.5 - draw(4, seed=2).abs(), 0.2),
            "being as far on the other side of the target",
        ),
    ),
    differentiable=("h",),
    mistakes=mistakes_in(__name__),
)
