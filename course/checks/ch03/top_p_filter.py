"""Exercise 3.2: top-p, the nucleus."""

from collections.abc import Callable
from math import ceil
from typing import Any

import torch
from torch import Tensor

from course.checks.ch03.refusals import refuses
from course.checks.exercise import Exercise, Mistake, Probe, Property
from course.checks.properties import always, draw

CUT = float("-inf")


def probes(generator: torch.Generator) -> list[Probe]:
    def call(*shape: int, p: float, scale: float = 1.0):
        return torch.randn(*shape, generator=generator) * scale, p

    return [
        Probe("one token", (torch.zeros(1), 0.5)),
        Probe("probabilities 5, 3 and 2 tenths", (tenths(5, 3, 2), 0.6)),
        Probe("the same in another order", (tenths(2, 5, 3), 0.6)),
        Probe("the likeliest alone reaches p", (tenths(2, 7, 1), 0.4)),
        Probe("a tiny p", call(5, p=0.001)),
        Probe("a batch", call(4, 6, p=0.7)),
        Probe("a batch of texts", call(2, 3, 5, p=0.5)),
        Probe("nearly everything", call(3, 8, p=0.95)),
        Probe("logits far from 0", (draw(2, 5) - 300, 0.8)),
        Probe("logits × 100", call(4, 6, p=0.9, scale=100.0)),
    ]


def tenths(*numbers: int) -> Tensor:
    return (torch.tensor(numbers) / 10).log()


def ranked(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Probabilities in falling order, the mass before each, and their order."""
    values, order = logits.softmax(-1).sort(dim=-1, descending=True, stable=True)
    return values, values.cumsum(-1) - values, order


def cut(logits: Tensor, drop: Tensor, order: Tensor, value: float = CUT) -> Tensor:
    return logits.masked_fill(torch.zeros_like(drop).scatter(-1, order, drop), value)


def crossing_token_dropped(logits: Tensor, p: float) -> Tensor:
    values, before, order = ranked(logits)
    return cut(logits, before + values > p, order)


def one_too_many(logits: Tensor, p: float) -> Tensor:
    _, before, order = ranked(logits)
    drop = before >= p
    drop = torch.cat((torch.zeros_like(drop[..., :1]), drop[..., :-1]), -1)
    return cut(logits, drop, order)


def left_sorted(logits: Tensor, p: float) -> Tensor:
    _, before, _ = ranked(logits)
    return logits.masked_fill(before >= p, CUT)


def sorted_result(logits: Tensor, p: float) -> Tensor:
    _, before, order = ranked(logits)
    return logits.gather(-1, order).masked_fill(before >= p, CUT)


def least_likely(logits: Tensor, p: float) -> Tensor:
    values, order = logits.softmax(-1).sort(dim=-1, stable=True)
    return cut(logits, values.cumsum(-1) - values >= p, order)


def single_threshold(logits: Tensor, p: float) -> Tensor:
    return logits.masked_fill(logits.softmax(-1) < 1 - p, CUT)


def zero(logits: Tensor, p: float) -> Tensor:
    _, before, order = ranked(logits)
    return cut(logits, before >= p, order, 0.0)


def probabilities(logits: Tensor, p: float) -> Tensor:
    _, before, order = ranked(logits)
    return cut(logits, before >= p, order).softmax(-1)


def share_of_tokens(logits: Tensor, p: float) -> Tensor:
    _, before, order = ranked(logits)
    places = torch.arange(logits.shape[-1]).expand_as(before)
    return cut(logits, places >= ceil(p * logits.shape[-1]), order)


def sums_of_logits(logits: Tensor, p: float) -> Tensor:
    values, order = logits.sort(dim=-1, descending=True, stable=True)
    return cut(logits, values.cumsum(-1) - values >= p, order)


def keeps_its_promise(function: Callable[..., Any]) -> str | None:
    logits, p = draw(6, 9, seed=3, scale=2.0), 0.75
    p_all, kept = logits.softmax(-1), function(logits.clone(), p).isfinite()
    mass = (p_all * kept).sum(-1)
    least = p_all.masked_fill(~kept, 2).amin(-1)
    if (mass < p - 1e-5).any():
        return (
            f"the kept tokens must reach p = {p}; yours reach {float(mass.min()):.3f}"
        )
    if (mass - least >= p).any():
        return "the kept set must be the smallest: one of your tokens is not needed"
    return None


EXERCISE = Exercise(
    number="3.2",
    title="Top-p",
    minutes=20,
    stars=3,
    signature="top_p_filter(logits: Tensor, p: float) -> Tensor",
    reference="course.lm.sampling:top_p_filter",
    used_by="lm.sampling, widgets.next_token",
    why="It is the filter that most systems write with, and off by one token it cuts "
    "the very word that was meant.",
    hints=(
        "The smallest set that reaches p: in which order do you put tokens into it, "
        "and when do you stop?",
        "Sort probabilities from high to low. A token is cut when the probability of "
        "all tokens before it already reaches p; bring that decision back to the "
        "tokens' own places and put −inf there.",
        "`ordered, order = probs.sort(-1, descending=True)`, `before = "
        "ordered.cumsum(-1) - …`, `drop = (before >= p).scatter(-1, order, …)`, then "
        'masked_fill with float("-inf")',
    ),
    probes=probes,
    properties=(
        refuses("top-p 0", lambda: (draw(4), 0.0)),
        refuses("top-p 1.5", lambda: (draw(4), 1.5)),
        Property("the smallest set that reaches p", keeps_its_promise),
        always(
            "a constant changes nothing",
            lambda: (draw(5, 7, seed=4) + 40, 0.6),
            lambda z: torch.equal(
                z.isfinite(), top_p_of(draw(5, 7, seed=4), 0.6).isfinite()
            ),
            "adding 40 to every logit must not change which tokens are kept",
        ),
    ),
    differentiable=("logits",),
    mistakes=(
        Mistake(
            "crossing token dropped",
            crossing_token_dropped,
            "you cut the token with which the sum passes p: the kept ones then do not "
            "reach p, and sometimes none is left",
        ),
        Mistake(
            "one too many",
            one_too_many,
            "you keep one token too many: the set reached p before it",
        ),
        Mistake(
            "mask left in sorted order",
            left_sorted,
            "your decision is in sorted order but the logits are not: scatter it back",
        ),
        Mistake(
            "sorted result",
            sorted_result,
            "your result is sorted: each logit must stay at its token's place",
        ),
        Mistake(
            "least likely kept",
            least_likely,
            "you start with the least likely tokens: sort in descending order",
        ),
        Mistake(
            "single threshold",
            single_threshold,
            "you compare each token's own probability with a threshold: top-p adds "
            "them up",
        ),
        Mistake(
            "zero for cut",
            zero,
            "a cut logit must be −inf: 0 is an ordinary logit, often a likely one",
        ),
        Mistake(
            "probabilities",
            probabilities,
            "these are probabilities: return logits, the softmax comes later",
        ),
        Mistake(
            "share of the vocabulary",
            share_of_tokens,
            "you keep a share p of the tokens: p is about their probability",
        ),
        Mistake(
            "sums of logits",
            sums_of_logits,
            "you add up logits: it is probabilities that must reach p",
        ),
    ),
)


def top_p_of(logits: Tensor, p: float) -> Tensor:
    """The right answer, from the pieces above."""
    _, before, order = ranked(logits)
    return cut(logits, before >= p, order)
