"""Exercise 9.5: the entropy of a policy."""

import math

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import (
    always,
    draw,
    invariant_to_padding,
    mask_of,
)


def probes(generator: torch.Generator) -> list[Probe]:
    def call(lengths: list[int], time: int, size: int, scale: float = 1.0):
        logits = torch.randn(len(lengths), time, size, generator=generator) * scale
        return logits, mask_of(lengths, time)

    small = -torch.arange(12.0).expand(1, 2, 12).clone()
    return [
        Probe("a fair coin", (torch.zeros(1, 1, 2), mask_of([1], 1))),
        Probe("one token", call([1], 1, 3)),
        Probe("no padding", call([3, 3], 3, 4)),
        Probe("padding", call([4, 1, 2], 4, 5)),
        Probe("a completion of padding only", call([3, 0], 3, 4)),
        Probe("many small probabilities", (small, mask_of([2], 2))),
        Probe("time equals vocabulary", call([4, 2], 4, 4)),
        Probe("logits far from 0", (call([2, 3], 3, 5)[0] + 80, mask_of([2, 3], 3))),
        Probe("logits × 100", call([3, 2], 4, 6, 100.0)),
        Probe("logits × 1000", call([3, 2], 4, 6, 1000.0)),
    ]


def each(logits: Tensor) -> Tensor:
    logp = logits.log_softmax(-1)
    return -(logp.exp() * logp).sum(-1)


def mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum()


@mistake("the minus sign is missing: log p is negative, entropy is not")
def sign_lost(logits: Tensor, mask: Tensor) -> Tensor:
    return -mean(each(logits), mask)


@mistake(
    "you average over padding: divide by the number of completion tokens, mask.sum()"
)
def over_padding(logits: Tensor, mask: Tensor) -> Tensor:
    return (each(logits) * mask).mean()


@mistake("you ignore the mask: positions after the end are counted")
def mask_ignored(logits: Tensor, mask: Tensor) -> Tensor:
    return each(logits).mean()


@mistake(
    "this is in bits: the course measures entropy in nats, with the natural logarithm"
)
def in_bits(logits: Tensor, mask: Tensor) -> Tensor:
    return mean(each(logits), mask) / math.log(2)


@mistake(
    "your result is NaN as soon as a probability rounds to 0 or exp overflows: use "
    "log_softmax, which stays finite"
)
def naive_logarithm(logits: Tensor, mask: Tensor) -> Tensor:
    p = logits.softmax(-1)
    return mean(-(p * p.log()).sum(-1), mask)


@mistake(
    "you average over the vocabulary: p log p is summed, the probabilities are already "
    "the weights"
)
def over_vocabulary(logits: Tensor, mask: Tensor) -> Tensor:
    logp = logits.log_softmax(-1)
    return mean(-(logp.exp() * logp).mean(-1), mask)


@mistake(
    "this is the surprise of the likeliest token: entropy averages over all tokens"
)
def sampled_only(logits: Tensor, mask: Tensor) -> Tensor:
    return mean(-logits.log_softmax(-1).amax(-1), mask)


@mistake(
    "you average inside each completion and then over completions: here every token of "
    "the batch weighs the same"
)
def mean_of_means(logits: Tensor, mask: Tensor) -> Tensor:
    totals = (each(logits) * mask).sum(1)
    return (totals / mask.sum(1).clamp(min=1)).mean()


@mistake(
    "you sum over each completion: nats per token are asked for, so divide by the "
    "number of tokens"
)
def sequence_sums(logits: Tensor, mask: Tensor) -> Tensor:
    return (each(logits) * mask).sum(1).mean()


@mistake("you average −log p over the vocabulary with equal weights: weigh it by p")
def no_probabilities(logits: Tensor, mask: Tensor) -> Tensor:
    return mean(-logits.log_softmax(-1).mean(-1), mask)


@mistake("your softmax runs over time: the vocabulary is the last dimension")
def softmax_over_time(logits: Tensor, mask: Tensor) -> Tensor:
    logp = logits.log_softmax(1)
    return mean(-(logp.exp() * logp).sum(-1), mask)


def example(extra: int) -> tuple[Tensor, Tensor]:
    logits = torch.cat([draw(2, 3, 5, seed=1), draw(2, extra, 5, seed=2)], 1)
    return logits, mask_of([3, 2], 3 + extra)


@mistake(
    "you multiply by the logits themselves: they are logarithms only after a "
    "log-softmax"
)
def logits_for_logarithms(logits: Tensor, mask: Tensor) -> Tensor:
    return mean(-(logits.softmax(-1) * logits).sum(-1), mask)


@mistake(
    "you divide by the entropy of a uniform distribution: that is a share; nats are "
    "asked for"
)
def share_of_largest(logits: Tensor, mask: Tensor) -> Tensor:
    return mean(each(logits), mask) / math.log(max(logits.shape[-1], 2))


@mistake(
    "you mix the distributions of all tokens and take the entropy of the mixture: take "
    "it of each, then the mean"
)
def of_the_mixture(logits: Tensor, mask: Tensor) -> Tensor:
    p = (logits.softmax(-1) * mask[..., None]).sum((0, 1)) / mask.sum()
    return torch.special.entr(p).sum()


@mistake(
    "−log Σ p² is another entropy (the collision entropy): Shannon's is −Σ p log p"
)
def collision(logits: Tensor, mask: Tensor) -> Tensor:
    return mean(-logits.softmax(-1).square().sum(-1).log(), mask)


@mistake(
    "torch.special.entr has no finite gradient where a probability is 0, and the "
    "bonus is trained through: use the log-softmax"
)
def by_entr(logits: Tensor, mask: Tensor) -> Tensor:
    return mean(torch.special.entr(logits.softmax(-1)).sum(-1), mask)


@mistake(
    "clamping the probabilities changes the entropy where they are small: use the "
    "log-softmax, which needs no clamp"
)
def clamped_probabilities(logits: Tensor, mask: Tensor) -> Tensor:
    p = logits.softmax(-1)
    return mean(-(p * p.clamp(min=1e-3).log()).sum(-1), mask)


EXERCISE = Exercise(
    number="9.5",
    title="The entropy of a policy",
    minutes=10,
    difficulty=2,
    importance=4,
    reference="course.policy.losses:policy_entropy",
    why="When this number falls to 0 the policy has stopped exploring: it is the first "
    "gauge to watch while a policy trains.",
    hints=(
        "How surprised is the policy on average by its own next token, before it is "
        "drawn?",
        "H = −Σ p log p over the vocabulary at every position; then the mean over the "
        "completion tokens of the batch. Take log p from `log_softmax`, and p as "
        "its exponential.",
        "`logp = logits.log_softmax(-1)`, `each = -(logp.exp() * …).sum(-1)`, then "
        "`(each * mask).sum() / …`",
    ),
    probes=probes,
    properties=(
        always(
            "log V for equal logits",
            lambda: (torch.zeros(2, 3, 8), mask_of([3, 1], 3)),
            lambda h: abs(float(h) - math.log(8)) < 1e-4,
            "equal logits over 8 tokens must give log 8 = 2.079 nats",
        ),
        invariant_to_padding(example, 4),
    ),
    differentiable=("logits",),
    mistakes=mistakes_in(__name__),
)
