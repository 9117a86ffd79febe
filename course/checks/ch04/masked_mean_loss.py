"""Exercise 4.2: the mean over the tokens that count."""

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
    def call(mask: Tensor, scale: float = 1.0):
        return -torch.rand(mask.shape, generator=generator) * 3 * scale, mask

    never = torch.tensor([[-1.0, -2.0, float("-inf")], [-4.0, float("-inf"), -1.0]])
    rubbish = torch.tensor([[-1.0, -2.0, torch.nan], [torch.inf, torch.nan, -1.0]])
    certain = torch.tensor([[-1.0, 0.0, -2.0], [0.0, -3.0, -1.0]])
    holes = torch.tensor([[False, True, True, False], [False, False, True, True]])
    return [
        Probe("one token", (torch.tensor([[-0.5]]), mask_of([1], 1))),
        Probe("nothing hidden", call(mask_of([2, 2], 2))),
        Probe("one short text, one long", call(mask_of([1, 4], 4))),
        Probe("prompt and padding hidden", call(holes)),
        Probe("a text without a counted token", call(mask_of([3, 0, 1], 4))),
        Probe("minus infinity where nothing counts", (never, never > -3)),
        Probe("six texts", call(mask_of([5, 1, 3, 6, 2, 4], 6))),
        Probe("NaN and ∞ where nothing counts", (rubbish, never > -3)),
        Probe("a counted token of probability 0", (never, mask_of([3, 1], 3))),
        Probe("log-probabilities × 100", call(mask_of([2, 5], 5), 100.0)),
        Probe("counted tokens of probability 1", (certain, mask_of([3, 2], 3))),
    ]


def hidden(logprobs: Tensor, mask: Tensor) -> Tensor:
    return logprobs.masked_fill(~mask, 0.0)


@mistake("the minus sign is missing: training would push probabilities down")
def sign_lost(logprobs: Tensor, mask: Tensor) -> Tensor:
    return hidden(logprobs, mask).sum() / mask.sum()


@mistake(
    "you average inside each text first, so a token of a short text weighs more: sum "
    "over the batch, then divide once"
)
def mean_of_means(logprobs: Tensor, mask: Tensor) -> Tensor:
    return -(hidden(logprobs, mask).sum(1) / mask.sum(1).clamp(min=1)).mean()


@mistake("you divide by the number of texts: divide by the number of counted tokens")
def sum_per_text(logprobs: Tensor, mask: Tensor) -> Tensor:
    return -hidden(logprobs, mask).sum(1).mean()


@mistake(
    "you divide by all places, padding included: the loss would shrink as the padding "
    "grows"
)
def over_all_places(logprobs: Tensor, mask: Tensor) -> Tensor:
    return -hidden(logprobs, mask).mean()


@mistake("prompt and padding count too: use the mask")
def mask_ignored(logprobs: Tensor, mask: Tensor) -> Tensor:
    return -logprobs.clamp(min=-1e4).mean()


@mistake("you forgot to divide by the number of counted tokens")
def summed(logprobs: Tensor, mask: Tensor) -> Tensor:
    return -hidden(logprobs, mask).sum()


@mistake(
    "minus infinity times 0 is not a number: fill with 0 where the mask is false "
    "instead of multiplying"
)
def multiplied(logprobs: Tensor, mask: Tensor) -> Tensor:
    return -(logprobs * mask).sum() / mask.sum()


@mistake(
    "you replace −∞ by a finite number: a token of probability 0 that counts must cost "
    "+∞, so fill only where the mask is false"
)
def infinity_hidden(logprobs: Tensor, mask: Tensor) -> Tensor:
    return -hidden(logprobs, mask).clamp(min=-1e4).sum() / mask.sum()


@mistake(
    "you count the values that are not 0: a token of probability 1 has the "
    "log-probability 0 and counts too; divide by the number of true places of the mask"
)
def certain_left_out(logprobs: Tensor, mask: Tensor) -> Tensor:
    kept = hidden(logprobs, mask)
    return -kept.sum() / (kept != 0).sum()


@mistake("you add up exactly what must not count: fill where the mask is false")
def inverted(logprobs: Tensor, mask: Tensor) -> Tensor:
    return -logprobs.masked_fill(mask, 0.0).clamp(min=-1e4).sum() / mask.sum()


@mistake("this is the perplexity, exp(loss): return the loss itself")
def perplexity(logprobs: Tensor, mask: Tensor) -> Tensor:
    return (-hidden(logprobs, mask).sum() / mask.sum()).clamp(max=60).exp()


@mistake("you return one loss per text: one for the whole batch is expected")
def per_text(logprobs: Tensor, mask: Tensor) -> Tensor:
    return -hidden(logprobs, mask).sum(1) / mask.sum(1).clamp(min=1)


def padded(columns: int) -> tuple[Tensor, Tensor]:
    logprobs, mask = -draw(3, 4, seed=1).abs(), mask_of([4, 2, 3], 4)
    more = (0, columns)
    return (
        torch.nn.functional.pad(logprobs, more, value=-7.0),
        torch.nn.functional.pad(mask, more, value=False),
    )


EXERCISE = Exercise(
    number="4.2",
    title="The mean over the tokens that count",
    minutes=10,
    difficulty=1,
    importance=5,
    reference="course.lm.finetuning:masked_mean_loss",
    why="Which number one divides by decides whether short texts pull harder than "
    "long ones.",
    hints=(
        "Two texts have 1 and 9 counted tokens: how many tokens should the loss be the "
        "mean of?",
        "Put 0 where the mask is false, sum everything, divide by the number of trues "
        "in the whole batch, and take minus. Minus infinity times 0 is not 0.",
        "`-logprobs.masked_fill(~mask, 0.0).sum() / …`",
    ),
    probes=probes,
    properties=(
        invariant_to_padding(padded, 3),
        always(
            "each token weighs the same",
            lambda: (
                torch.tensor([[-1.0, -9.0], [-2.0, -3.0]]),
                torch.tensor([[True, False], [True, True]]),
            ),
            lambda loss: abs(float(loss) - 2) < 1e-6,
            "three counted tokens of -1, -2 and -3 must give 2, however they are "
            "shared out among the texts",
        ),
    ),
    differentiable=("logprobs",),
    mistakes=mistakes_in(__name__),
)
