"""Exercise 3.2: top-p, the nucleus."""

from collections.abc import Callable
from math import ceil
from typing import Any

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import always, draw, refuses

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
        Probe("p = 1", call(3, 6, p=1.0)),
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


@mistake(
    "you cut the token with which the sum passes p: the kept ones then do not reach p, "
    "and sometimes none is left"
)
def crossing_token_dropped(logits: Tensor, p: float) -> Tensor:
    values, before, order = ranked(logits)
    return cut(logits, before + values > p, order)


@mistake("you keep one token too many: the set reached p before it")
def one_too_many(logits: Tensor, p: float) -> Tensor:
    _, before, order = ranked(logits)
    drop = before >= p
    drop = torch.cat((torch.zeros_like(drop[..., :1]), drop[..., :-1]), -1)
    return cut(logits, drop, order)


@mistake("your decision is in sorted order but the logits are not: scatter it back")
def left_sorted(logits: Tensor, p: float) -> Tensor:
    _, before, _ = ranked(logits)
    return logits.masked_fill(before >= p, CUT)


@mistake("your result is sorted: each logit must stay at its token's place")
def sorted_result(logits: Tensor, p: float) -> Tensor:
    _, before, order = ranked(logits)
    return logits.gather(-1, order).masked_fill(before >= p, CUT)


@mistake("you start with the least likely tokens: sort in descending order")
def least_likely(logits: Tensor, p: float) -> Tensor:
    values, order = logits.softmax(-1).sort(dim=-1, stable=True)
    return cut(logits, values.cumsum(-1) - values >= p, order)


@mistake(
    "you compare each token's own probability with a threshold: top-p adds them up"
)
def single_threshold(logits: Tensor, p: float) -> Tensor:
    return logits.masked_fill(logits.softmax(-1) < 1 - p, CUT)


@mistake("a cut logit must be −inf: 0 is an ordinary logit, often a likely one")
def zero(logits: Tensor, p: float) -> Tensor:
    _, before, order = ranked(logits)
    return cut(logits, before >= p, order, 0.0)


@mistake("these are probabilities: return logits, the softmax comes later")
def probabilities(logits: Tensor, p: float) -> Tensor:
    _, before, order = ranked(logits)
    return cut(logits, before >= p, order).softmax(-1)


@mistake("you keep a share p of the tokens: p is about their probability")
def share_of_tokens(logits: Tensor, p: float) -> Tensor:
    _, before, order = ranked(logits)
    places = torch.arange(logits.shape[-1]).expand_as(before)
    return cut(logits, places >= ceil(p * logits.shape[-1]), order)


@mistake("you add up logits: it is probabilities that must reach p")
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


@mistake(
    "you keep what has more than p times the likeliest token's probability, which is "
    "min-p: top-p adds up probabilities until they reach p"
)
def min_p(logits: Tensor, p: float) -> Tensor:
    refuse(p)
    probs = logits.softmax(-1)
    return logits.masked_fill(probs < p * probs.amax(-1, keepdim=True), CUT)


@mistake(
    "you compare each token's own probability with p: it is their sum, the likeliest "
    "first, that has to reach p"
)
def own_probability(logits: Tensor, p: float) -> Tensor:
    refuse(p)
    return logits.masked_fill(logits.softmax(-1) < p, CUT)


@mistake(
    "you sort the whole batch at once: sort and add up each row by itself, along the "
    "last dimension"
)
def over_the_batch(logits: Tensor, p: float) -> Tensor:
    refuse(p)
    values, before, order = ranked(logits.flatten())
    return cut(logits.flatten(), (before >= p) & (p < 1), order).view_as(logits)


@mistake("these are probabilities, cut to 0: return logits, with −inf for what is cut")
def probabilities_cut(logits: Tensor, p: float) -> Tensor:
    refuse(p)
    _, before, order = ranked(logits)
    return cut(logits.softmax(-1), (before >= p) & (p < 1), order, 0.0)


def refuse(p: float) -> None:
    """What the text asks for besides."""
    if not 0 < p <= 1:
        raise ValueError("got a p outside (0, 1]")


EXERCISE = Exercise(
    number="3.2",
    title="Top-p",
    minutes=20,
    difficulty=3,
    importance=4,
    reference="course.lm.sampling:top_p_filter",
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
        'masked_fill with `float("-inf")`',
    ),
    probes=probes,
    properties=(
        refuses("top-p 0", lambda: (draw(4), 0.0)),
        refuses("top-p 1.5", lambda: (draw(4), 1.5)),
        Property("the smallest set that reaches p", keeps_its_promise),
        always(
            "the token that reaches p exactly is the last",
            lambda: (torch.zeros(2, 4), 0.5),
            lambda z: z.isfinite().sum(-1).tolist() == [2, 2],
            "four equal tokens reach p = 0.5 with two of them: exactly two must stay",
        ),
        always(
            "a constant changes nothing",
            lambda: (draw(5, 7, seed=4) + 40, 0.6),
            lambda z: torch.equal(
                z.isfinite(), top_p_of(draw(5, 7, seed=4), 0.6).isfinite()
            ),
            "adding 40 to every logit must not change which tokens are kept",
        ),
    ),
    mistakes=mistakes_in(__name__),
)


def top_p_of(logits: Tensor, p: float) -> Tensor:
    """The right answer, from the pieces above."""
    _, before, order = ranked(logits)
    return cut(logits, before >= p, order)
