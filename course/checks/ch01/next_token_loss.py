"""Exercise 1.1: the next-token loss."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import (
    always,
    draw,
    invariant_to_padding,
    mask_of,
    unchanged,
)


def batch(
    generator: torch.Generator, rows: int, time: int, size: int, scale: float = 1.0
) -> tuple[Tensor, Tensor]:
    logits = torch.randn(rows, time, size, generator=generator) * scale
    return logits, torch.randint(size, (rows, time), generator=generator)


def probes(generator: torch.Generator) -> list[Probe]:
    masked = mask_of([4, 2, 3], 4)
    holes = torch.tensor([[1, 0, 1, 1, 0], [0, 1, 0, 1, 1]]).bool()
    return [
        Probe("two tokens", batch(generator, 1, 2, 3)),
        Probe("two sequences", batch(generator, 2, 4, 5)),
        Probe("padding", (*batch(generator, 3, 4, 5), masked)),
        Probe(
            "a row of padding only", (*batch(generator, 2, 4, 5), mask_of([4, 0], 4))
        ),
        Probe("a mask with holes", (*batch(generator, 2, 5, 4), holes)),
        Probe("time equals vocabulary", batch(generator, 2, 4, 4)),
        Probe("equal logits", (torch.zeros(1, 4, 8), torch.arange(4)[None])),
        Probe("logits × 100", batch(generator, 2, 6, 7, 100.0)),
        Probe(
            "logits × 1000", (*batch(generator, 2, 4, 7, 1000.0), mask_of([4, 3], 4))
        ),
    ]


def picked(logits: Tensor, ids: Tensor) -> Tensor:
    """Log-probability of tokens 1.. under the logits one place before: (rows, T-1)."""
    logp = logits[:, :-1].log_softmax(-1)
    return logp.gather(-1, ids[:, 1:, None]).squeeze(-1)


def targets(ids: Tensor, mask: Tensor | None) -> Tensor:
    """The mask of tokens 1.., as numbers."""
    return (torch.ones_like(ids) if mask is None else mask)[:, 1:].float()


@mistake(
    "you score each token by the logits of its own position, which have already seen "
    "it: the logits at position i predict token i + 1"
)
def not_shifted(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    logp = logits.log_softmax(-1).gather(-1, ids[..., None]).squeeze(-1)
    counted = torch.ones_like(logp) if mask is None else mask.float()
    return -(logp * counted).sum() / counted.sum()


@mistake(
    "you shift the wrong way: the logits at position i predict token i + 1, so drop "
    "the last logits and the first token"
)
def shifted_back(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    logp = logits[:, 1:].log_softmax(-1)
    logp = logp.gather(-1, ids[:, :-1, None]).squeeze(-1)
    counted = torch.ones_like(ids) if mask is None else mask
    return -(logp * counted[:, :-1]).sum() / counted[:, :-1].sum()


@mistake(
    "you average over padding: divide the sum by the number of tokens that the mask "
    "counts, not by all positions"
)
def over_padding(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    return -(picked(logits, ids) * targets(ids, mask)).mean()


@mistake("you ignore the mask: padding is scored as if it were text")
def mask_ignored(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    return -picked(logits, ids).mean()


@mistake(
    "the mask has to be shifted with the targets: it says which tokens count, so take "
    "mask[:, 1:]"
)
def mask_not_shifted(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    counted = (torch.ones_like(ids) if mask is None else mask)[:, :-1].float()
    return -(picked(logits, ids) * counted).sum() / counted.sum()


@mistake(
    "you average each sequence and then the sequences: short texts would weigh too "
    "much; divide once by the number of all counted tokens"
)
def mean_of_means(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    counted = targets(ids, mask)
    lengths = counted.sum(1).clamp(min=1)
    return -((picked(logits, ids) * counted).sum(1) / lengths).mean()


@mistake("the minus sign is missing: a loss is the negative log-probability")
def sign_lost(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    counted = targets(ids, mask)
    return (picked(logits, ids) * counted).sum() / counted.sum()


@mistake(
    "you return the sum: divide by the number of counted tokens to get nats per token"
)
def summed(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    return -(picked(logits, ids) * targets(ids, mask)).sum()


@mistake(
    "log(softmax(x)) becomes log(0) for large logits: use log_softmax, which stays "
    "finite"
)
def naive_logarithm(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    p = logits[:, :-1].softmax(-1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    counted = targets(ids, mask)
    return -torch.where(counted.bool(), p.log(), 0.0).sum() / counted.sum()


@mistake(
    "cross_entropy already takes the softmax: give it the logits, not probabilities"
)
def softmax_twice(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    p = logits[:, :-1].softmax(-1).transpose(1, 2)
    each = F.cross_entropy(p, ids[:, 1:], reduction="none")
    counted = targets(ids, mask)
    return (each * counted).sum() / counted.sum()


def example(extra: int) -> tuple[Tensor, Tensor, Tensor]:
    """Two sequences of four tokens, and more columns of padding."""
    logits = torch.cat([draw(2, 4, 5, seed=1), draw(2, extra, 5, seed=2)], 1)
    ids = torch.tensor([[0, 1, 2, 3], [4, 3, 2, 1]])
    return logits, F.pad(ids, (0, extra)), mask_of([4, 3], 4 + extra)


@mistake(
    "the position from which you predict is two places before its token: the logits at "
    "position i predict token i + 1"
)
def two_ahead(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    if ids.shape[1] < 3:
        return logits.new_zeros(())
    logp = logits[:, :-2].log_softmax(-1).gather(-1, ids[:, 2:, None]).squeeze(-1)
    counted = targets(ids, mask)[:, 1:]
    return -(logp * counted).sum() / counted.sum()


@mistake(
    "you average probabilities: take their logarithms first, then the mean and the "
    "minus"
)
def probabilities_averaged(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    counted = targets(ids, mask)
    return -(picked(logits, ids).exp() * counted).sum() / counted.sum()


@mistake(
    "you use the logits as they are: only after log_softmax are they log-probabilities"
)
def raw_logits(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    raw = logits[:, :-1].gather(-1, ids[:, 1:, None]).squeeze(-1)
    counted = targets(ids, mask)
    return -(raw * counted).sum() / counted.sum()


@mistake("you take the median: the loss is the mean, so that every token counts")
def median_taken(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    return -picked(logits, ids)[targets(ids, mask) > 0].median()


EXERCISE = Exercise(
    number="1.1",
    title="The next-token loss",
    minutes=15,
    difficulty=3,
    importance=5,
    reference="course.lm.objective:next_token_loss",
    why="This one number is all that a language model is trained on, from this "
    "course's two million parameters to the largest models.",
    hints=(
        "Which token do the logits at position 0 predict? Then which logits have no "
        "target in the batch, and which token has no prediction?",
        "Drop the last logits and the first token; take the log-softmax and gather "
        "each target's value; then sum over the targets that the mask counts and "
        "divide by their number. The mask belongs to the targets.",
        "`logp = logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None])"
        ".squeeze(-1)`, then `-(logp * m).sum() / m.sum()` with m = the mask of …",
    ),
    probes=probes,
    properties=(
        invariant_to_padding(example, 3),
        unchanged(
            "invariant to a shift of the logits",
            lambda: example(0),
            lambda: (example(0)[0] + 5, *example(0)[1:]),
            "adding 5 to every logit",
        ),
        always(
            "log V for equal logits",
            lambda: (torch.zeros(2, 3, 10), torch.ones(2, 3, dtype=torch.long)),
            lambda loss: abs(float(loss) - 2.302585) < 1e-4,
            "equal logits over 10 tokens must cost log 10 = 2.303 nats per token",
        ),
    ),
    differentiable=("logits",),
    mistakes=mistakes_in(__name__),
)
