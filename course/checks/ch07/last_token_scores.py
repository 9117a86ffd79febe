"""Exercise 7.2: the score at the last token."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import draw, invariant_to_padding, mask_of


def probes(generator: torch.Generator) -> list[Probe]:
    def call(mask: Tensor, width: int, scale: float = 1.0):
        hidden = torch.randn(*mask.shape, width, generator=generator) * scale
        return hidden, mask, torch.randn(width, generator=generator)

    return [
        Probe("one token", call(mask_of([1], 1), 2)),
        Probe("no padding", call(mask_of([3, 3], 3), 2)),
        Probe("padding on the right", call(mask_of([3, 1, 2], 4), 3)),
        Probe("padding on the left", call(mask_of([3, 1, 2], 4).flip(1), 3)),
        Probe("padding on both sides", call(mask_of([3, 2], 4).roll(1, 1), 3)),
        Probe("as many rows as tokens", call(mask_of([4, 3, 2, 1], 4), 4)),
        Probe("a batch of eight", call(mask_of([5, 1, 4, 2, 3, 5, 1, 2], 5), 6)),
        Probe("hidden states × 100", call(mask_of([2, 4], 4), 4, 100.0)),
    ]


@mistake(
    "you read the last column, which is padding wherever a text is shorter: find the "
    "last real token through the mask"
)
def last_column(hidden: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    return hidden[:, -1] @ weight


@mistake(
    "you read the first token, which has seen nothing of the text: a causal model "
    "knows the whole text only at the last real token"
)
def first_token(hidden: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    return hidden[:, 0] @ weight


@mistake(
    "mask.sum(1) − 1 is the last token only when padding stands on the right: use the "
    "positions where the mask is true"
)
def right_padding_only(hidden: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    return hidden[torch.arange(len(mask)), mask.sum(1) - 1] @ weight


@mistake(
    "you read one position too far: mask.sum(1) is a length, the last index is one less"
)
def one_too_far(hidden: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    last = mask.sum(1).clamp(max=mask.shape[1] - 1)
    return hidden[torch.arange(len(mask)), last] @ weight


@mistake("you read one position too early, the token before the last one")
def one_too_early(hidden: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    last = (mask.long() * torch.arange(mask.shape[1])).argmax(1)
    return hidden[torch.arange(len(mask)), (last - 1).clamp(min=0)] @ weight


@mistake(
    "hidden[:, last] takes every row at every last position, a square table: pair them "
    "as hidden[torch.arange(len(last)), last]"
)
def without_row_index(hidden: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    last = (mask.long() * torch.arange(mask.shape[1])).argmax(1)
    return hidden[:, last] @ weight


@mistake(
    "you average over the tokens: only the last real token has read the whole text"
)
def mean_pooling(hidden: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    counted = mask.float()
    return ((hidden @ weight) * counted).sum(1) / counted.sum(1)


@mistake("you average over all positions, padding included: read the last real token")
def mean_with_padding(hidden: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    return hidden.mean(1) @ weight


@mistake(
    "argmax of a mask finds its first true position: multiply the mask by the "
    "positions before"
)
def first_real_token(hidden: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    return hidden[torch.arange(len(mask)), mask.long().argmax(1)] @ weight


@mistake("you return one score per token: one per text is expected, shape (batch,)")
def every_token(hidden: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    return (hidden @ weight).masked_fill(~mask, 0.0)


@mistake("you take the highest score of any token: read the one at the last real token")
def highest_score(hidden: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    return (hidden @ weight).masked_fill(~mask, float("-inf")).amax(1)


def example(left: int, right: int) -> tuple[Tensor, Tensor, Tensor]:
    """Three rows of two to four real tokens with columns of padding around them."""
    hidden = F.pad(draw(3, 4, 5, seed=1), (0, 0, left, right), value=9.0)
    mask = F.pad(mask_of([4, 2, 3], 4), (left, right), value=False)
    return hidden, mask, draw(5, seed=2)


EXERCISE = Exercise(
    number="7.2",
    title="The score at the last token",
    minutes=15,
    difficulty=2,
    importance=5,
    reference="course.reward.model:last_token_scores",
    why="Only the last real token has read the whole text; a reward read on padding "
    "is noise that training cannot see.",
    hints=(
        "In a row of the mask such as [0, 1, 1, 0], which position is the last real "
        "token, and how do you compute it for padding on either side?",
        "Multiply the mask by the positions 0, 1, 2, …: the largest product stands at "
        "the last real token (argmax). Then pick one state per row and multiply by "
        "the weight.",
        "`last = (mask * torch.arange(T, device=mask.device)).argmax(1)`, then "
        "`hidden[rows, last] @ …` with rows = 0, 1, …, batch − 1.",
    ),
    probes=probes,
    properties=(
        invariant_to_padding(lambda extra: example(0, extra), 3, side="on the right"),
        invariant_to_padding(lambda extra: example(extra, 0), 2, side="on the left"),
    ),
    differentiable=("hidden", "weight"),
    mistakes=mistakes_in(__name__),
)
