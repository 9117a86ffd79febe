"""Exercise 12.3: DPO's loss."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
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
        Probe("a pair that is hopeless", (torch.tensor([-40000.0, 5.0]), 0.1)),
        Probe("double precision", (normal(4).double(), 0.3)),
    ]


@mistake(
    "your loss falls when the rejected text becomes more probable: βh, not −βh, goes "
    "into the sigmoid"
)
def swapped(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(-beta * h).mean()


@mistake(
    "the minus is missing: an optimiser goes down, and the log-likelihood should go up"
)
def no_minus(h: Tensor, beta: float) -> Tensor:
    return F.logsigmoid(beta * h).mean()


@mistake("beta is missing: the implicit reward is β times the log-ratio")
def no_beta(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(h).mean()


@mistake("you divide by beta: the implicit reward is β times the log-ratio")
def divided_by_beta(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(h / beta).mean()


@mistake(
    "beta stands before the loss: it belongs into the sigmoid, as the scale of the "
    "reward"
)
def beta_outside(h: Tensor, beta: float) -> Tensor:
    return -beta * F.logsigmoid(h).mean()


@mistake("the logarithm is missing: the loss is −log of the probability of the label")
def no_log(h: Tensor, beta: float) -> Tensor:
    return -torch.sigmoid(beta * h).mean()


@mistake(
    "sigmoid(−400) is 0 and its logarithm infinite: use F.logsigmoid, which is exact "
    "there"
)
def log_of_sigmoid(h: Tensor, beta: float) -> Tensor:
    return -torch.sigmoid(beta * h).log().mean()


@mistake(
    "in double precision the sigmoid still becomes 0, only later: use F.logsigmoid, "
    "which stays finite"
)
def only_doubled(h: Tensor, beta: float) -> Tensor:
    return -torch.sigmoid(beta * h.double()).log().mean().to(h.dtype)


@mistake(
    "a small number added before the logarithm caps the loss where the order is most "
    "wrong: use F.logsigmoid, which needs none"
)
def with_epsilon(h: Tensor, beta: float) -> Tensor:
    return -(torch.sigmoid(beta * h) + 1e-8).log().mean()


@mistake(
    "you sum over the pairs: take the mean, so that the step does not depend on the "
    "size of the batch"
)
def summed(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(beta * h).sum()


@mistake(
    "you average h before the loss: good pairs would hide bad ones; average the losses"
)
def of_the_mean(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(beta * h.mean())


@mistake("you return a loss for each pair: return their mean, a scalar")
def each_pair(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(beta * h)


@mistake(
    "your loss is linear: it never has enough; −log σ stops pushing when the pair is "
    "settled"
)
def linear(h: Tensor, beta: float) -> Tensor:
    return -(beta * h).mean()


@mistake("your loss is in bits: the course, and every log, counts in nats")
def in_bits(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(beta * h).mean() / math.log(2)


@mistake("this is 1 minus the probability: the loss takes minus its logarithm")
def one_minus(h: Tensor, beta: float) -> Tensor:
    return torch.sigmoid(-beta * h).mean()


@mistake(
    "you add the losses of both orders, which pulls h to 0: the chosen text is known"
)
def both_orders(h: Tensor, beta: float) -> Tensor:
    return -(F.logsigmoid(beta * h) + F.logsigmoid(-beta * h)).mean()


@mistake(
    "you weight each pair by how wrong it is: that weight is in the gradient already"
)
def weighted(h: Tensor, beta: float) -> Tensor:
    return -(torch.sigmoid(-beta * h) * F.logsigmoid(beta * h)).mean()


@mistake(
    "you take the logarithm of the mean probability: take it of each pair's, then the "
    "mean"
)
def log_of_the_mean(h: Tensor, beta: float) -> Tensor:
    return -torch.sigmoid(beta * h).mean().log()


@mistake(
    "you limit h: pairs far on the wrong side get no gradient any more; F.logsigmoid "
    "needs no limit"
)
def limited(h: Tensor, beta: float) -> Tensor:
    return -F.logsigmoid(beta * h.clamp(-30, 30)).mean()


@mistake("you smooth the labels: here every preference is certain")
def smoothed(h: Tensor, beta: float) -> Tensor:
    wrong = F.logsigmoid(-beta * h)
    return -(0.9 * F.logsigmoid(beta * h) + 0.1 * wrong).mean()


@mistake("you count the wrong pairs: the loss also says how far apart they are")
def share_of_wrong(h: Tensor, beta: float) -> Tensor:
    return (h < 0).to(h.dtype).mean()


EXERCISE = Exercise(
    number="12.3",
    title="DPO's loss",
    minutes=10,
    difficulty=2,
    importance=5,
    reference="course.policy.preference_losses:dpo_loss",
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
    mistakes=mistakes_in(__name__),
)
