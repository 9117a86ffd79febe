"""Exercise 1.4: the log-probability of a sequence."""

from typing import Any

import torch
from torch import Tensor

from course.checks.ch01.next_token_loss import batch, example, picked, targets
from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import invariant_to_padding, mask_of


def probes(generator: torch.Generator) -> list[Probe]:
    gaps = torch.tensor([[0, 0, 0, 1, 1, 0], [1, 1, 0, 1, 0, 1]]).bool()
    long = (torch.zeros(1, 200, 50), torch.zeros(1, 200, dtype=torch.long))
    return [
        Probe("two tokens", batch(generator, 1, 2, 3)),
        Probe("three sequences", batch(generator, 3, 4, 5)),
        Probe("padding", (*batch(generator, 3, 4, 5), mask_of([4, 2, 3], 4))),
        Probe(
            "a row of padding only", (*batch(generator, 2, 4, 5), mask_of([4, 0], 4))
        ),
        Probe("a prompt and gaps", (*batch(generator, 2, 6, 7), gaps)),
        Probe("as many rows as targets", batch(generator, 3, 4, 4)),
        Probe("200 tokens", long),
        Probe("logits × 100", batch(generator, 2, 6, 7, 100.0)),
        Probe(
            "logits × 1000", (*batch(generator, 2, 4, 7, 1000.0), mask_of([4, 3], 4))
        ),
    ]


@mistake(
    "you score each token by the logits of its own position: the logits at position i "
    "predict token i + 1"
)
def not_shifted(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    logp = logits.log_softmax(-1).gather(-1, ids[..., None]).squeeze(-1)
    return (logp if mask is None else logp * mask).sum(1)


@mistake(
    "you take the mask for a length: it says which tokens count, wherever they stand"
)
def from_the_front(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    counted = targets(ids, mask).long().sort(1, descending=True).values
    return (picked(logits, ids) * counted).sum(1)


@mistake(
    "you average over the tokens: the chain rule sums, so that a longer text is less "
    "probable"
)
def averaged(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    counted = targets(ids, mask)
    return (picked(logits, ids) * counted).sum(1) / counted.sum(1).clamp(min=1)


@mistake("your sign is that of a loss: a log-probability is negative")
def sign_flipped(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    return -(picked(logits, ids) * targets(ids, mask)).sum(1)


@mistake(
    "you sum over the whole batch: one number per sequence is expected, of shape "
    "(batch,)"
)
def whole_batch(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    return (picked(logits, ids) * targets(ids, mask)).sum()


@mistake("you sum over the batch: sum over time, the second dimension")
def over_rows(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    return (picked(logits, ids) * targets(ids, mask)).sum(0)


@mistake("you ignore the mask: padding makes the sequence less probable")
def mask_ignored(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    return picked(logits, ids).sum(1)


@mistake("the mask has to be shifted with the targets: take mask[:, 1:]")
def mask_not_shifted(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    counted = (torch.ones_like(ids) if mask is None else mask)[:, :-1]
    return (picked(logits, ids) * counted).sum(1)


@mistake(
    "you multiply probabilities and take the logarithm at the end: the product of many "
    "small numbers becomes 0; sum logarithms instead"
)
def product_first(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    p = picked(logits, ids).exp()
    return torch.where(targets(ids, mask).bool(), p, 1.0).prod(1).log()


@mistake("you sum probabilities: sum their logarithms")
def probabilities_summed(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    return (picked(logits, ids).exp() * targets(ids, mask)).sum(1)


def sums_to_one(function) -> str | None:
    """All texts of two free tokens over a vocabulary of three, given the first."""
    generator = torch.Generator().manual_seed(5)
    first, after = (torch.randn(n, 3, generator=generator) for n in (1, 3))
    pairs = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    ids = torch.cat([torch.zeros(9, 1, dtype=torch.long), pairs], 1)
    rows = [torch.stack([first[0], after[a], after[0]]) for a in pairs[:, 0]]
    total = float(function(torch.stack(rows), ids).exp().sum())
    if abs(total - 1) < 1e-4:
        return None
    return (
        "the probabilities of all possible sequences must sum to 1; yours sum to "
        f"{total:.3g}"
    )


@mistake(
    "you use the logits as they are: only after log_softmax are they log-probabilities"
)
def raw_logits(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    raw = logits[:, :-1].gather(-1, ids[:, 1:, None]).squeeze(-1)
    return (raw * targets(ids, mask)).sum(1)


@mistake(
    "you sum the probabilities and take the logarithm of that: sum the logarithms of "
    "the tokens"
)
def logarithm_of_sum(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    return (picked(logits, ids).exp() * targets(ids, mask)).sum(1).log()


@mistake("the last token is missing in your sum: the end token counts, too")
def last_forgotten(logits: Tensor, ids: Tensor, mask: Any = None) -> Tensor:
    return (picked(logits, ids) * targets(ids, mask))[:, :-1].sum(1)


EXERCISE = Exercise(
    number="1.4",
    title="The log-probability of a sequence",
    minutes=10,
    difficulty=2,
    importance=5,
    reference="course.lm.objective:sequence_logprob",
    why="The probability of a whole text is the first score you can give it, and the "
    "quantity that policy gradients and DPO move.",
    hints=(
        "The chain rule multiplies the probabilities of the tokens: what becomes of "
        "a product under the logarithm?",
        "Shift and gather as in exercise 1.1, set what the mask does not count to 0, "
        "and sum over time only: one number per sequence.",
        "`return (logp * mask[:, 1:]).sum(…)`, and with no mask every target counts.",
    ),
    probes=probes,
    properties=(
        Property("all sequences sum to 1", sums_to_one),
        invariant_to_padding(example, 2),
    ),
    differentiable=("logits",),
    mistakes=mistakes_in(__name__),
)
