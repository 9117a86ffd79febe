"""Exercise 12.3: DPO's loss."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks.exercise import Exercise, Mistake, Probe
from course.checks.properties import always, draw


def probes(generator: torch.Generator) -> list[Probe]:
    def normal(size: int, scale: float = 5.0) -> Tensor:
        return torch.randn(size, generator=generator) * scale

    return [
        Probe("policy = reference", (torch.zeros(1), 0.1)),
        Probe("a pair in the right order", (torch.tensor([3.0]), 1.0)),
        Probe("a pair in the wrong order", (torch.tensor([-3.0]), 1.0)),
        Probe("a small beta", (torch.tensor([3.0, -3.0]), 0.01)),
        Probe("five pairs", (normal(5), 0.1)),
        Probe("sixteen pairs, beta 0.5", (normal(16), 0.5)),
        Probe("a pair that is far off", (torch.tensor([-4000.0, 10.0]), 0.1)),
        Probe("a pair that is settled", (torch.tensor([4000.0]), 0.1)),
        Probe("double precision", (normal(4).double(), 0.3)),
    ]


def swapped(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(-beta * h).mean()


def no_minus(h: Tensor, beta: float) -> Tensor:
    return F.logsigmoid(beta * h).mean()


def no_beta(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(h).mean()


def divided_by_beta(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(h / beta).mean()


def beta_outside(h: Tensor, beta: float) -> Tensor:
    return -beta * F.logsigmoid(h).mean()


def no_log(h: Tensor, beta: float) -> Tensor:
    return -torch.sigmoid(beta * h).mean()


def log_of_sigmoid(h: Tensor, beta: float) -> Tensor:
    return -torch.sigmoid(beta * h).log().mean()


def summed(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(beta * h).sum()


def of_the_mean(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(beta * h.mean())


def each_pair(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(beta * h)


def linear(h: Tensor, beta: float) -> Tensor:
    return -(beta * h).mean()


def in_bits(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(beta * h).mean() / math.log(2)


EXERCISE = Exercise(
    number="12.3",
    title="DPO's loss",
    minutes=10,
    stars=2,
    signature="dpo_loss(h: Tensor, beta: float) -> Tensor",
    reference="course.policy.preference_losses:dpo_loss",
    used_by="policy.dpo, 12",
    why="It is the reward model's loss with the policy itself in the place of the "
    "reward model.",
    hints=(
        "βh is the difference of two implicit rewards. In chapter 07, how did such a "
        "difference become a loss?",
        "The mean over the pairs of −log σ(βh). For βh = −400, σ is 0 and its "
        "logarithm infinite, although the loss is only 400: torch has a function that "
        "does both at once.",
        "`-F.…(beta * h).mean()` with `import torch.nn.functional as F`",
    ),
    probes=probes,
    properties=(
        always(
            "ln 2 at the start",
            lambda: (torch.zeros(7), 0.3),
            lambda value: bool((value - math.log(2)).abs() < 1e-5),
            "while the policy is its reference, h = 0, and the loss must be ln 2",
        ),
        always(
            "a better order costs less",
            lambda: (draw(6, seed=3) + 2, 0.5),
            lambda value: bool(value < math.log(2)),
            "pairs in the right order must cost less than ln 2",
        ),
    ),
    differentiable=("h",),
    mistakes=(
        Mistake(
            "chosen and rejected swapped",
            swapped,
            "your loss falls when the rejected text becomes more probable: βh, not "
            "−βh, goes into the sigmoid",
        ),
        Mistake(
            "without the minus",
            no_minus,
            "the minus is missing: an optimiser goes down, and the log-likelihood "
            "should go up",
        ),
        Mistake(
            "without beta",
            no_beta,
            "beta is missing: the implicit reward is β times the log-ratio",
        ),
        Mistake(
            "divided by beta",
            divided_by_beta,
            "you divide by beta: the implicit reward is β times the log-ratio",
        ),
        Mistake(
            "beta outside",
            beta_outside,
            "beta stands before the loss: it belongs into the sigmoid, as the scale of "
            "the reward",
        ),
        Mistake(
            "without the logarithm",
            no_log,
            "the logarithm is missing: the loss is −log of the probability of the "
            "label",
        ),
        Mistake(
            "logarithm of a sigmoid",
            log_of_sigmoid,
            "sigmoid(−400) is 0 and its logarithm infinite: use F.logsigmoid, which is "
            "exact there",
        ),
        Mistake(
            "summed",
            summed,
            "you sum over the pairs: take the mean, so that the step does not depend "
            "on the size of the batch",
        ),
        Mistake(
            "loss of the mean",
            of_the_mean,
            "you average h before the loss: good pairs would hide bad ones; average "
            "the losses",
        ),
        Mistake(
            "one for each pair",
            each_pair,
            "you return a loss for each pair: return their mean, a scalar",
        ),
        Mistake(
            "linear",
            linear,
            "your loss is linear: it never has enough; −log σ stops pushing when the "
            "pair is settled",
        ),
        Mistake(
            "in bits",
            in_bits,
            "your loss is in bits: the course, and every log, counts in nats",
        ),
    ),
)
