"""Exercise 11.3: k1, k2 and k3."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw


def probes(generator: torch.Generator) -> list[Probe]:
    def call(*shape: int, scale: float = 1.0):
        logprobs = -torch.rand(shape, generator=generator) * 3
        gap = torch.randn(shape, generator=generator) * scale
        return logprobs, logprobs + gap

    equal = call(2, 3)[0]
    far = torch.tensor([-0.1, -120.0]), torch.tensor([-130.0, -0.2])
    return [
        Probe("one token", (torch.tensor([-1.0]), torch.tensor([-2.0]))),
        Probe("one token, less likely", (torch.tensor([-2.0]), torch.tensor([-0.5]))),
        Probe("equal policies", (equal, equal.clone())),
        Probe("two completions", call(2, 4)),
        Probe("three tokens of three completions", call(3, 3)),
        Probe("close policies", call(4, 5, scale=0.05)),
        Probe("policies far apart", far),
        Probe("double precision", tuple(x.double() for x in call(2, 3))),
        Probe("a batch of eight", call(8, 6)),
    ]


def clamped_k3(d: Tensor) -> Tensor:
    d = d.clamp(-20, 20)
    return torch.expm1(-d) + d


@mistake(
    "your log-ratio is upside down: d is the policy's log-probability minus the "
    "reference's"
)
def all_inverted(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = ref_logprobs.detach() - logprobs
    return torch.stack([d, d**2 / 2, clamped_k3(d)])


@mistake(
    "your k3 is exp(d) − 1 − d: under the policy's samples that estimates another "
    "divergence, so turn the sign of d"
)
def k3_inverted(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d, d**2 / 2, clamped_k3(-d)])


@mistake("your k2 is d²: divide it by 2")
def k2_not_halved(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d, d**2, clamped_k3(d)])


@mistake(
    "your k1 is never negative: it must be free to take either sign, or its mean is no "
    "KL"
)
def k1_absolute(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d.abs(), d**2 / 2, clamped_k3(d)])


@mistake("your k3 is 1 too large: it has to be 0 where the two policies agree")
def one_too_large(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d, d**2 / 2, clamped_k3(d) + 1])


@mistake(
    "expm1(x) is exp(x) − 1 already: yours subtracts 1 a second time, so leave it out"
)
def expm1_minus_one(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d, d**2 / 2, clamped_k3(d) - 1])


@mistake(
    "expm1(x) is exp(x) − 1 already, so leave the − 1 out; and clamp d to ±20 in k3"
)
def expm1_minus_one_unclamped(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d, d**2 / 2, torch.expm1(-d) - 1 + d])


@mistake("exp overflows where the policies are far apart: clamp d to ±20 in k3")
def no_clamp(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d, d**2 / 2, torch.expm1(-d) + d])


@mistake("you clamp d in all three: only k3 has an exponential that needs it")
def all_clamped(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = (logprobs - ref_logprobs.detach()).clamp(-20, 20)
    return torch.stack([d, d**2 / 2, torch.expm1(-d) + d])


@mistake("the order is k1, k2, k3: yours has k3 in the middle")
def order(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d, clamped_k3(d), d**2 / 2])


@mistake("you stack along the last dimension: the three estimators come first, (3, …)")
def last_dimension(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d, d**2 / 2, clamped_k3(d)], -1)


@mistake("you average: return the three numbers of every token")
def averaged(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d.mean(), (d**2 / 2).mean(), clamped_k3(d).mean()])


@mistake("a gradient flows into the reference: it is frozen, so detach it")
def reference_not_detached(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs
    return torch.stack([d, d**2 / 2, clamped_k3(d)])


def never_negative(function) -> str | None:
    """Below what rounding explains: exp(-d) - 1 + d itself falls to about -6e-8."""
    d = torch.linspace(-1e-3, 1e-3, 41)
    # Nearly certain tokens: next to -1 the differences would be too coarse to tell.
    k3 = function(-2e-3 + d, torch.full_like(d, -2e-3))[2]
    lowest = float(k3.min())
    if lowest > -1e-6:
        return None
    return (
        f"k3 is never negative; yours falls to {lowest:.2g} for policies that are "
        "nearly equal"
    )


def k1_is_antisymmetric(function) -> str | None:
    a, b = -draw(6, seed=1).abs(), -draw(6, seed=2).abs()
    error = float((function(a, b)[:2] - function(b, a)[:2]
                   * torch.tensor([[-1.0], [1.0]])).abs().max())  # fmt: skip
    if error < 1e-5:
        return None
    return (
        "exchanging policy and reference must turn the sign of k1 and keep k2; yours "
        f"are off by {error:.2g}"
    )


@mistake("you clamp k3 itself: clamp d before the exponential, which overflows")
def k3_clamped(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d, d * d / 2, ((-d).exp() - 1 + d).clamp(-20, 20)])


@mistake("your k3 is 2 too large: it is e^(−d) − 1 + d, and 0 where the two agree")
def two_too_large(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d, d**2 / 2, clamped_k3(d) + 2])


@mistake("your k3 is k2 again: half the square is only the start of its series")
def k2_twice(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d, d**2 / 2, d**2 / 2])


@mistake(
    "your k3 takes powers of 2: log-probabilities are in nats, so take powers of e"
)
def powers_of_two(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    d = logprobs - ref_logprobs.detach()
    cut = d.clamp(-20, 20)
    return torch.stack([d, d**2 / 2, torch.exp2(-cut) - 1 + cut])


EXERCISE = Exercise(
    number="11.3",
    title="Three estimators of a divergence",
    minutes=15,
    difficulty=2,
    importance=4,
    reference="course.policy.kl:kl_estimators",
    why="Every library offers the three as options of one penalty, and in a loss they "
    "pull the policy in different directions.",
    hints=(
        "How much likelier does the policy find a token than the reference does? All "
        "three estimators are functions of that one number.",
        "With d = log-probability minus reference log-probability: k1 = d, "
        "k2 = d² / 2, k3 = exp(−d) − 1 + d. In k3 clamp d to ±20 first, and use "
        "torch.expm1.",
        "`d = logprobs - ref_logprobs.detach()`, `c = d.clamp(-20, 20)`, then "
        "`torch.stack([d, …, torch.expm1(-c) + c])`",
    ),
    probes=probes,
    properties=(
        Property("k3 is never negative", never_negative),
        Property("policy and reference exchanged", k1_is_antisymmetric),
    ),
    differentiable=("logprobs",),
    constant=("ref_logprobs",),
    mistakes=mistakes_in(__name__),
)
