"""Exercise 17.1: the weight of a text that another model drew."""

from math import inf

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import (
    always,
    draw,
    ignores_padding,
    invariant_to_padding,
    mask_of,
)


def probes(generator: torch.Generator) -> list[Probe]:
    def call(lengths: list[int], time: int, moved: float, limit: float):
        rows, mask = len(lengths), mask_of(lengths, time)
        drawn = -torch.rand(rows, time, generator=generator) * 3 - 0.1
        trained = drawn + moved * torch.randn(rows, time, generator=generator)
        return trained, drawn, mask, limit

    one = torch.tensor([[-1.0]]), torch.tensor([[-1.5]]), mask_of([1], 1)
    same, _, mask, _ = call([2, 3], 3, 0.0, inf)
    ups = torch.tensor([[0.5, 0.5, 0.5], [0.5, -0.5, 0.1], [-0.5, -0.5, -0.5]])
    base = torch.full((3, 3), -2.0)
    return [
        Probe("one token", (*one, 2.0)),
        Probe("one token above the limit", (*one, 1.2)),
        Probe("two models that agree", (same, same.clone(), mask, 2.0)),
        Probe("no token above the limit", (base + ups, base, mask_of([3] * 3, 3), 2.0)),
        Probe("one token far up, one far down", (
            torch.tensor([[-0.5, -3.5, -1.0]]), torch.tensor([[-2.5, -1.5, -1.0]]),
            mask_of([3], 3), 2.0)),
        Probe("without a limit", call([4, 2, 3], 4, 0.4, inf)),
        Probe("padding", call([4, 1, 2], 4, 0.3, 1.5)),
        Probe("as many texts as tokens", call([4, 3, 2, 4], 4, 0.5, 2.0)),
        Probe("models far apart", call([5, 4], 5, 2.0, 3.0)),
    ]  # fmt: skip


def difference(trained: Tensor, drawn: Tensor, mask: Tensor) -> Tensor:
    return (trained - drawn).detach().masked_fill(~mask, 0.0)


@mistake("you cut off every token's ratio before you multiply: cut the product")
def cut_tokens(logprobs, sampler_logprobs, mask, limit):
    ratio = difference(logprobs, sampler_logprobs, mask).exp()
    return ratio.clamp(max=limit).prod(1)


@mistake("these are weights of tokens: multiply them, that is add the logarithms")
def of_tokens(logprobs, sampler_logprobs, mask, limit):
    return difference(logprobs, sampler_logprobs, mask).exp().clamp(max=limit)


@mistake(
    "you average the log-ratios over the tokens: the ratio of the text is their sum"
)
def geometric_mean(logprobs, sampler_logprobs, mask, limit):
    d = difference(logprobs, sampler_logprobs, mask).sum(1) / mask.sum(1)
    return d.exp().clamp(max=limit)


@mistake("you average the tokens' ratios: the ratio of the text is their product")
def mean_of_ratios(logprobs, sampler_logprobs, mask, limit):
    ratio = difference(logprobs, sampler_logprobs, mask).exp().masked_fill(~mask, 0.0)
    return (ratio.sum(1) / mask.sum(1)).clamp(max=limit)


@mistake("you add the tokens' ratios: multiply them, that is add the logarithms")
def sum_of_ratios(logprobs, sampler_logprobs, mask, limit):
    ratio = difference(logprobs, sampler_logprobs, mask).exp().masked_fill(~mask, 0.0)
    return ratio.sum(1).clamp(max=limit)


@mistake("you divide log-probabilities: a ratio of probabilities is their difference")
def ratio_of_logs(logprobs, sampler_logprobs, mask, limit):
    ratio = (logprobs / sampler_logprobs).detach().masked_fill(~mask, 1.0)
    return ratio.prod(1).clamp(max=limit)


@mistake("padding is a factor of 0 in your product: it must be a factor of 1")
def padding_is_zero(logprobs, sampler_logprobs, mask, limit):
    ratio = difference(logprobs, sampler_logprobs, mask).exp().masked_fill(~mask, 0.0)
    return ratio.prod(1).clamp(max=limit)


@mistake(
    "your ratio is upside down: the model that is trained stands above, the one that "
    "drew the text below"
)
def upside_down(logprobs, sampler_logprobs, mask, limit):
    d = -difference(logprobs, sampler_logprobs, mask)
    return d.sum(1).exp().clamp(max=limit)


@mistake("you leave the limit out: a weight above it becomes the limit")
def no_limit(logprobs, sampler_logprobs, mask, limit):
    return difference(logprobs, sampler_logprobs, mask).sum(1).exp()


@mistake("you set weights above the limit to 0: they become the limit here")
def dropped(logprobs, sampler_logprobs, mask, limit):
    w = difference(logprobs, sampler_logprobs, mask).sum(1).exp()
    return w.masked_fill(w > limit, 0.0)


@mistake("you set weights above the limit to 1: they become the limit")
def to_one(logprobs, sampler_logprobs, mask, limit):
    w = difference(logprobs, sampler_logprobs, mask).sum(1).exp()
    return w.masked_fill(w > limit, 1.0)


@mistake("you take the limit for the least weight: it is the largest")
def limit_below(logprobs, sampler_logprobs, mask, limit):
    return difference(logprobs, sampler_logprobs, mask).sum(1).exp().clamp(min=limit)


@mistake("you cut off on both sides: a weight below 1 / limit stays as it is")
def cut_both_sides(logprobs, sampler_logprobs, mask, limit):
    w = difference(logprobs, sampler_logprobs, mask).sum(1).exp()
    return w.clamp(1 / limit, limit)


@mistake("this is the log of the weight: take exp, then cut off at the limit")
def still_a_log(logprobs, sampler_logprobs, mask, limit):
    return difference(logprobs, sampler_logprobs, mask).sum(1).clamp(max=limit)


@mistake("padding counts in your sum: only completion tokens belong to the text")
def with_padding(logprobs, sampler_logprobs, mask, limit):
    return (logprobs - sampler_logprobs).detach().sum(1).exp().clamp(max=limit)


@mistake("you multiply over the batch: each text has a weight of its own")
def over_the_batch(logprobs, sampler_logprobs, mask, limit):
    return difference(logprobs, sampler_logprobs, mask).sum(0).exp().clamp(max=limit)


def padded(extra: int) -> tuple:
    trained, drawn = draw(3, 4 + extra, seed=1), draw(3, 4 + extra, seed=2)
    trained[:, :4], drawn[:, :4] = draw(3, 4, seed=3), draw(3, 4, seed=4)
    return trained, drawn, mask_of([4, 2, 3], 4 + extra), 2.0


def constant() -> tuple:
    trained, drawn, mask, limit = padded(0)
    return trained.requires_grad_(), drawn, mask, limit


EXERCISE = Exercise(
    number="17.1",
    title="A text that another model drew",
    minutes=10,
    difficulty=3,
    importance=4,
    reference="course.policy.mismatch:sequence_is",
    why="The server that writes is never exactly the model that learns; this weight is "
    "what makes the gradient right again, up to the limit.",
    hints=(
        "How probable is the whole text under the one model, and under the other? "
        "Which operation joins the probabilities of tokens?",
        "Add the differences of the log-probabilities over the completion tokens, take "
        "exp of the sum, and only then cut off at the limit. The weight is a constant.",
        "`d = (logprobs - sampler_logprobs).detach().masked_fill(~mask.bool(), 0.0)`, "
        "then `return d.sum(1).….clamp(max=limit)`.",
    ),
    probes=probes,
    properties=(
        invariant_to_padding(padded, 3),
        ignores_padding(lambda: padded(2), 0, 1),
        always(
            "no gradient",
            constant,
            lambda w: not w.requires_grad,
            "the weight must be a constant of the loss: detach it, else its gradient "
            "is added to the policy's",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
