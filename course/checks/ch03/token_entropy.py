"""Exercise 3.4: the entropy at each token."""

import math

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, draw, mask_of, unchanged

CUT = float("-inf")


def probes(generator: torch.Generator) -> list[Probe]:
    def call(lengths: list[int], time: int, size: int, scale: float = 1.0):
        logits = torch.randn(len(lengths), time, size, generator=generator) * scale
        return logits, mask_of(lengths, time)

    filtered = call([3, 2], 3, 6)
    filtered[0][..., 1:3] = CUT
    nothing = draw(2, 3, 4, seed=1).masked_fill(~mask_of([1, 2], 3)[..., None], CUT)
    certain = torch.full((1, 2, 4), CUT)
    certain[..., 2] = 1.0
    return [
        Probe("a fair coin", (torch.zeros(1, 1, 2), mask_of([1], 1))),
        Probe("one token", call([1], 1, 3)),
        Probe("no padding", call([3, 3], 3, 4)),
        Probe("padding", call([4, 1, 2], 4, 5)),
        Probe("padding on the left", (draw(2, 3, 4), mask_of([3, 1], 3).flip(1))),
        Probe("a completion of padding only", call([3, 0], 3, 4)),
        Probe("time equals vocabulary", call([4, 2], 4, 4)),
        Probe("logits × 100", call([3, 2], 4, 6, 100.0)),
        Probe("logits × 1000", call([3, 2], 4, 6, 1000.0)),
        Probe("two tokens cut by a filter", filtered),
        Probe("padding that is all −∞", (nothing, mask_of([1, 2], 3))),
        Probe("all tokens cut but one", (certain, mask_of([2], 2))),
    ]


def each(logits: Tensor) -> Tensor:
    logp = logits.log_softmax(-1)
    return -(logp.exp() * logp.clamp(min=-1e30)).sum(-1)


@mistake("the minus sign is missing: log p is negative, entropy is not")
def sign_lost(logits: Tensor, mask: Tensor) -> Tensor:
    return (-each(logits)).masked_fill(~mask, 0.0)


@mistake("you ignore the mask: padding has no entropy, put 0 there")
def mask_ignored(logits: Tensor, mask: Tensor) -> Tensor:
    return each(logits)


@mistake(
    "this is in bits: the course measures entropy in nats, with the natural logarithm"
)
def in_bits(logits: Tensor, mask: Tensor) -> Tensor:
    return each(logits).masked_fill(~mask, 0.0) / math.log(2)


@mistake("a probability that rounds to 0 gives 0 · log 0 = NaN: use log_softmax")
def log_of_softmax(logits: Tensor, mask: Tensor) -> Tensor:
    p = logits.softmax(-1)
    return (-(p * p.log()).sum(-1)).masked_fill(~mask, 0.0)


@mistake(
    "a token that a filter cut has log p = −inf, and 0 · −inf = NaN: clamp log p "
    "before you multiply"
)
def zero_times_infinity(logits: Tensor, mask: Tensor) -> Tensor:
    logp = logits.log_softmax(-1)
    return (-(logp.exp() * logp).sum(-1)).masked_fill(~mask, 0.0)


@mistake(
    "0 times NaN is NaN, so multiplying by the mask leaves NaN on padding: fill with 0 "
    "where the mask is false"
)
def multiplied(logits: Tensor, mask: Tensor) -> Tensor:
    return each(logits) * mask


@mistake(
    "you average over the vocabulary: p log p is summed, the probabilities are already "
    "the weights"
)
def over_vocabulary(logits: Tensor, mask: Tensor) -> Tensor:
    return each(logits).masked_fill(~mask, 0.0) / logits.shape[-1]


@mistake(
    "this is the mean over all tokens: here each token has its own entropy, shape "
    "(batch, time)"
)
def one_number(logits: Tensor, mask: Tensor) -> Tensor:
    return each(logits).masked_fill(~mask, 0.0).sum() / mask.sum()


@mistake(
    "this is exp(H), as many equally likely tokens as the policy is unsure between: "
    "return H"
)
def effective_number(logits: Tensor, mask: Tensor) -> Tensor:
    return each(logits).exp().masked_fill(~mask, 0.0)


@mistake(
    "this is the surprise of the likeliest token: entropy averages over all tokens"
)
def likeliest_only(logits: Tensor, mask: Tensor) -> Tensor:
    return -logits.log_softmax(-1).amax(-1).masked_fill(~mask, 0.0)


@mistake("your result is shifted by one token: logits and tokens are already aligned")
def shifted(logits: Tensor, mask: Tensor) -> Tensor:
    values = each(logits).masked_fill(~mask, 0.0)
    return torch.cat((torch.zeros_like(values[:, :1]), values[:, :-1]), 1)


@mistake("your softmax runs over time: the vocabulary is the last dimension")
def over_time(logits: Tensor, mask: Tensor) -> Tensor:
    logp = logits.masked_fill(~mask[..., None], -1e30).log_softmax(1)
    return -(logp.exp() * logp.clamp(min=-1e30)).sum(-1) * mask


@mistake(
    "a small number added before the logarithm makes every entropy a little wrong: "
    "use log_softmax, or torch.special.entr"
)
def with_epsilon(logits: Tensor, mask: Tensor) -> Tensor:
    p = logits.softmax(-1)
    return (-(p * (p + 1e-3).log()).sum(-1)).masked_fill(~mask, 0.0)


@mistake("this is 1 − Σ p², another measure of spread: entropy is −Σ p log p")
def gini(logits: Tensor, mask: Tensor) -> Tensor:
    return (1 - logits.softmax(-1).square().sum(-1)).masked_fill(~mask, 0.0)


@mistake(
    "you weigh the log-probabilities by the logits: weigh them by the probabilities"
)
def weighed_by_logits(logits: Tensor, mask: Tensor) -> Tensor:
    each_token = (logits * logits.log_softmax(-1)).nan_to_num(0.0, 0.0, 0.0)
    return -each_token.sum(-1).masked_fill(~mask, 0.0)


@mistake(
    "you divide by log(vocabulary): the entropy is wanted in nats, not as a share of "
    "the largest"
)
def as_a_share(logits: Tensor, mask: Tensor) -> Tensor:
    spread = torch.special.entr(logits.softmax(-1)).sum(-1)
    return (spread / max(math.log(logits.shape[-1]), 1e-9)).masked_fill(~mask, 0.0)


EXERCISE = Exercise(
    number="3.4",
    title="The entropy at each token",
    minutes=15,
    difficulty=2,
    importance=4,
    reference="course.lm.objective:token_entropy",
    why="It shows where in a text a policy really chooses, and it is the gauge by "
    "which you see a policy stop exploring.",
    hints=(
        "How surprised is the policy on average by its own next token, and what does a "
        "token that cannot come add to that average?",
        "H = −Σ p log p over the vocabulary. Take log p from log_softmax and p as its "
        "exponential. Where p is 0, log p is −inf and the product must be 0: clamp "
        "log p first. Then 0 where the mask is false.",
        "`logp = logits.log_softmax(-1)`, `H = -(logp.exp() * "
        "logp.clamp(min=-1e30)).sum(…)`, `return H.masked_fill(~mask, …)`",
    ),
    probes=probes,
    properties=(
        always(
            "log V for equal logits",
            lambda: (torch.zeros(2, 3, 8), mask_of([3, 3], 3)),
            lambda h: (
                h.shape == (2, 3) and bool(((h - math.log(8)).abs() < 1e-4).all())
            ),
            "equal logits over 8 tokens must give log 8 = 2.079 nats at each token",
        ),
        unchanged(
            "invariant to a shift of the logits",
            lambda: (draw(2, 3, 5, seed=1), mask_of([3, 2], 3)),
            lambda: (draw(2, 3, 5, seed=1) + 7, mask_of([3, 2], 3)),
            "adding 7 to all logits",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
