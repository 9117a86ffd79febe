"""Exercise 7.1: the pairwise loss."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def draw_pair(n: int, scale: float = 1.0) -> tuple[Tensor, Tensor]:
        both = torch.randn(2, n, generator=generator) * scale
        return both[0], both[1]

    return [
        Probe("one pair", (torch.tensor([1.0]), torch.tensor([0.5]))),
        Probe("equal scores", (torch.zeros(2), torch.zeros(2))),
        Probe("two pairs", draw_pair(2)),
        Probe("one pair the wrong way round", (torch.zeros(1), torch.tensor([2.0]))),
        Probe("eight pairs", draw_pair(8)),
        Probe("scores far from zero", tuple(x + 50 for x in draw_pair(4))),
        Probe("scores × 100", draw_pair(4, 100.0)),
        Probe("scores × 1000", draw_pair(4, 1000.0)),
        Probe("sure and wrong", (torch.tensor([-500.0]), torch.tensor([500.0]))),
        Probe("nearly sure", (torch.tensor([-9.0]), torch.tensor([9.0]))),
        Probe("double precision", tuple(x.double() for x in draw_pair(3))),
    ]


@mistake(
    "chosen and rejected are swapped: your loss falls when the rejected text gets the "
    "higher score"
)
def swapped(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -F.logsigmoid(rejected - chosen).mean()


@mistake(
    "you average the probability itself: a negative log-likelihood takes the logarithm "
    "first, which punishes confident errors hard"
)
def no_logarithm(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -torch.sigmoid(chosen - rejected).mean()


@mistake(
    "the minus sign is missing: this is the log-likelihood, which training would push "
    "down"
)
def sign_lost(chosen: Tensor, rejected: Tensor) -> Tensor:
    return F.logsigmoid(chosen - rejected).mean()


@mistake(
    "you sum over the batch: take the mean, or the learning rate would have to change "
    "with the batch size"
)
def summed(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -F.logsigmoid(chosen - rejected).sum()


@mistake(
    "log(sigmoid(x)) becomes log(0) for large negative x: use F.logsigmoid, which "
    "stays finite"
)
def naive_logarithm(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -torch.log(torch.sigmoid(chosen - rejected)).mean()


@mistake(
    "a small number added before the logarithm caps the loss where the model is most "
    "wrong: use F.logsigmoid, which needs none"
)
def with_epsilon(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -(torch.sigmoid(chosen - rejected) + 1e-8).log().mean()


@mistake(
    "clamping the probability caps the loss and kills the gradient where the model is "
    "most wrong: use F.logsigmoid, which needs no clamp"
)
def clamped(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -torch.sigmoid(chosen - rejected).clamp(min=1e-8).log().mean()


@mistake(
    "in double precision the sigmoid still becomes 0, only later: use F.logsigmoid, "
    "which stays finite"
)
def only_doubled(chosen: Tensor, rejected: Tensor) -> Tensor:
    p = torch.sigmoid(chosen.double() - rejected.double())
    return -p.log().mean().to(chosen.dtype)


@mistake(
    "chosen[:, None] meets every rejected text, although the pairs belong together: "
    "subtract entry by entry"
)
def crossed(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -F.logsigmoid(chosen[:, None] - rejected).mean()


@mistake(
    "the plain difference has no lower bound: without the sigmoid the model can lower "
    "it for ever by scaling its scores"
)
def plain_difference(chosen: Tensor, rejected: Tensor) -> Tensor:
    return (rejected - chosen).mean()


@mistake(
    "you average the differences before the log-sigmoid: each pair must be judged on "
    "its own, then averaged"
)
def mean_first(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -F.logsigmoid((chosen - rejected).mean())


@mistake("you return one loss for each pair: a scalar is expected, their mean")
def per_pair(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -F.logsigmoid(chosen - rejected)


def pair() -> tuple[Tensor, Tensor]:
    return draw(6, seed=1), draw(6, seed=2)


@mistake(
    "you take the logarithm of the mean probability: take it of each pair's, then the "
    "mean"
)
def log_of_the_mean(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -torch.sigmoid(chosen - rejected).mean().log()


@mistake(
    "you score each text on its own, chosen as right and rejected as wrong: only the "
    "difference of the two counts"
)
def each_text_alone(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -(F.logsigmoid(chosen) + F.logsigmoid(-rejected)).mean()


@mistake(
    "the absolute difference forgets which text was chosen: a pair the wrong way round "
    "costs as little as one that is right"
)
def without_side(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -F.logsigmoid((chosen - rejected).abs()).mean()


@mistake(
    "e^chosen / (e^chosen + e^rejected) overflows for large scores: use the difference "
    "and F.logsigmoid"
)
def quotient_of_exponentials(chosen: Tensor, rejected: Tensor) -> Tensor:
    a, b = chosen.exp(), rejected.exp()
    return -(a / (a + b)).log().mean()


EXERCISE = Exercise(
    number="7.1",
    title="The pairwise loss",
    minutes=10,
    difficulty=2,
    importance=5,
    reference="course.reward.losses:pairwise_loss",
    why="Every reward model that learns from choices, and DPO too, minimises this "
    "one line.",
    hints=(
        "What does the Bradley–Terry model say is the probability that the chosen "
        "text wins, when all you have is the difference of two scores?",
        "The probability is σ(chosen − rejected); the loss is the mean over the "
        "batch of minus its logarithm. Which torch function gives log σ without "
        "overflow?",
        "`return -F.logsigmoid(… - …).mean()`: decide which score comes first.",
    ),
    probes=probes,
    properties=(
        unchanged(
            "invariant to a shift",
            pair,
            lambda: tuple(x + 3 for x in pair()),
            "adding 3 to every score",
        ),
        always(
            "ln 2 for equal scores",
            lambda: (torch.full((5,), 0.3), torch.full((5,), 0.3)),
            lambda loss: abs(float(loss) - 0.6931472) < 1e-5,
            "equal scores must cost ln 2 = 0.693 nats: the model cannot tell them "
            "apart",
        ),
    ),
    differentiable=("chosen", "rejected"),
    mistakes=mistakes_in(__name__),
)
