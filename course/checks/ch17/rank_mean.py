"""Exercise 17.3: one process's part of a mean over the tokens of all."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, invariant_to_padding, mask_of


def probes(generator: torch.Generator) -> list[Probe]:
    def call(lengths: list[int], time: int, others: int, processes: int, scale=1.0):
        values = torch.randn(len(lengths), time, generator=generator) * scale
        return values, mask_of(lengths, time), sum(lengths) + others, processes

    return [
        Probe("one token here, one elsewhere", call([1], 1, 1, 2)),
        Probe("alone", call([2, 1], 2, 0, 1)),
        Probe("as many tokens on both", call([3, 3], 3, 6, 2)),
        Probe("short texts here, long ones elsewhere", call([2, 1, 2], 3, 19, 2)),
        Probe("long texts here, short ones elsewhere", call([6, 5], 6, 4, 2)),
        Probe("four processes", call([4, 1, 2], 4, 40, 4)),
        Probe("a completion of padding only", call([3, 0], 3, 8, 3)),
        Probe("no token of one's own", call([0, 0], 2, 8, 2)),
        Probe("a value of 0", (torch.tensor([[0.0, 2.0]]), mask_of([2], 2), 5, 2)),
        Probe("values × 100", call([3, 2, 4], 4, 11, 2, scale=100.0)),
    ]


def total(values: Tensor, mask: Tensor) -> Tensor:
    return values.masked_fill(~mask, 0.0).sum()


@mistake(
    "you divide by the tokens of this process: the mean of such means gives the tokens "
    "of short texts too much weight"
)
def own_mean(values: Tensor, mask: Tensor, tokens: int, processes: int) -> Tensor:
    return total(values, mask) / mask.sum().clamp(min=1)


@mistake(
    "you divide by all tokens and forget that the mean over processes divides once "
    "more: multiply by their number"
)
def divided_twice(values: Tensor, mask: Tensor, tokens: int, processes: int) -> Tensor:
    return total(values, mask) / tokens


@mistake(
    "you divide by the number of processes: their mean is taken later, so multiply by "
    "it"
)
def divided_by_processes(
    values: Tensor, mask: Tensor, tokens: int, processes: int
) -> Tensor:
    return total(values, mask) / (tokens * processes)


@mistake("you return the sum: divide it by the tokens of all processes")
def summed(values: Tensor, mask: Tensor, tokens: int, processes: int) -> Tensor:
    return total(values, mask)


@mistake("you multiply the sum by the number of processes and divide by nothing")
def not_divided(values: Tensor, mask: Tensor, tokens: int, processes: int) -> Tensor:
    return total(values, mask) * processes


@mistake("you ignore the mask: what stands after the end of a text is counted")
def mask_ignored(values: Tensor, mask: Tensor, tokens: int, processes: int) -> Tensor:
    return values.sum() * processes / tokens


@mistake("you count padding: the mean over all places is not the mean over tokens")
def over_padding(values: Tensor, mask: Tensor, tokens: int, processes: int) -> Tensor:
    return values.masked_fill(~mask, 0.0).mean()


@mistake(
    "you average inside each text first: then the tokens of short texts weigh more "
    "than those of long ones"
)
def mean_of_means(values: Tensor, mask: Tensor, tokens: int, processes: int) -> Tensor:
    sums = values.masked_fill(~mask, 0.0).sum(1)
    return (sums / mask.sum(1).clamp(min=1)).mean()


@mistake("you sum inside each text and average over texts: divide by tokens")
def mean_over_texts(
    values: Tensor, mask: Tensor, tokens: int, processes: int
) -> Tensor:
    return values.masked_fill(~mask, 0.0).sum(1).mean()


@mistake(
    "you multiply this process's own mean by the number of processes: its own tokens "
    "are no part of the formula"
)
def own_mean_times(values: Tensor, mask: Tensor, tokens: int, processes: int) -> Tensor:
    return own_mean(values, mask, tokens, processes) * processes


@mistake(
    "you divide by the tokens of the other processes alone: this one's are among them"
)
def others_only(values: Tensor, mask: Tensor, tokens: int, processes: int) -> Tensor:
    return total(values, mask) * processes / (tokens - mask.sum()).clamp(min=1)


@mistake("your division loses the rest: write tokens / processes, not //")
def rest_lost(values: Tensor, mask: Tensor, tokens: int, processes: int) -> Tensor:
    return total(values, mask) / max(tokens // processes, 1)


def joined(function) -> str | None:
    """The mean of three processes' results is the mean over the tokens of all."""
    lengths = [[2, 1], [7, 8], [3, 0]]
    masks = [mask_of(rows, 8) for rows in lengths]
    values = [draw(2, 8, seed=seed) for seed in range(3)]
    tokens = sum(int(mask.sum()) for mask in masks)
    parts = [
        float(function(v.clone(), m.clone(), tokens, 3))
        for v, m in zip(values, masks, strict=True)
    ]
    pairs = zip(values, masks, strict=True)
    expected = sum(float(v[m].sum()) for v, m in pairs) / tokens
    if abs(sum(parts) / 3 - expected) < 1e-5:
        return None
    return (
        "the mean of what three processes get must be the mean over all their tokens, "
        f"{expected:.4f}; the mean of yours is {sum(parts) / 3:.4f}"
    )


EXERCISE = Exercise(
    number="17.3",
    title="One process's part of a mean",
    minutes=10,
    difficulty=2,
    importance=4,
    reference="course.policy.shared:rank_mean",
    why="Averaging the processes' own token means trains another loss, and nothing "
    "fails: the gradient is a tenth off, and more where lengths differ more.",
    hints=(
        "Two processes have 12 and 42 tokens. Which share of the mean over all 54 "
        "should a token have, and which has it when each process takes its own mean?",
        "Every token weighs 1 / tokens. The processes' results are averaged later, "
        "which divides by `processes` once more: undo that.",
        "`values.masked_fill(~mask, 0.0).sum() * … / tokens`",
    ),
    probes=probes,
    properties=(
        Property("three processes joined", joined),
        invariant_to_padding(
            lambda extra: (
                torch.cat([draw(2, 3, seed=1), draw(2, extra, seed=2)], 1),
                mask_of([3, 2], 3 + extra),
                11,
                2,
            ),
            4,
        ),
    ),
    differentiable=("values",),
    mistakes=mistakes_in(__name__),
)
