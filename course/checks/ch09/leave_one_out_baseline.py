"""Exercise 9.3: the leave-one-out baseline."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, groups_apart


def probes(generator: torch.Generator) -> list[Probe]:
    def call(groups: int, size: int, scale: float = 1.0):
        return torch.randn(groups * size, generator=generator) * scale, size

    return [
        Probe("a group of two", (torch.tensor([1.0, 5.0]), 2)),
        Probe("a group of three", (torch.tensor([1.0, 2.0, 6.0]), 3)),
        Probe("two groups of two", (torch.tensor([1.0, 5.0, 10.0, 20.0]), 2)),
        Probe("equal rewards", (torch.full((4,), 0.5), 4)),
        Probe("two of three alike", (torch.tensor([1.0, 1.0, 4.0, 2.0, 0.0, 2.0]), 3)),
        Probe("two groups of three", call(2, 3)),
        Probe("as many groups as samples", call(3, 3)),
        Probe("four groups of eight", call(4, 8)),
        Probe("rewards × 100", call(3, 4, 100.0)),
        Probe("double precision", (call(2, 4)[0].double(), 4)),
    ]


def grouped(rewards: Tensor, group_size: int) -> Tensor:
    return rewards.view(-1, group_size)


@mistake(
    "each sample is part of its own baseline: leave its own reward out of the mean"
)
def own_included(rewards: Tensor, group_size: int) -> Tensor:
    means = grouped(rewards, group_size).mean(1, keepdim=True)
    return means.expand(-1, group_size).reshape(-1)


@mistake(
    "you leave the own reward out of the sum but divide by the whole group: there are "
    "group_size − 1 others"
)
def own_as_zero(rewards: Tensor, group_size: int) -> Tensor:
    g = grouped(rewards, group_size)
    return ((g.sum(1, keepdim=True) - g) / group_size).view(-1)


@mistake(
    "you divide by group_size − 1 but the own reward is still in the sum: subtract it"
)
def divided_too_often(rewards: Tensor, group_size: int) -> Tensor:
    g = grouped(rewards, group_size)
    return (g.sum(1, keepdim=True) / (group_size - 1)).expand_as(g).reshape(-1)


@mistake("these are the advantages, reward − baseline: return the baseline")
def advantages(rewards: Tensor, group_size: int) -> Tensor:
    g = grouped(rewards, group_size)
    return (g - (g.sum(1, keepdim=True) - g) / (group_size - 1)).view(-1)


@mistake(
    "the samples of one prompt stand next to each other: view(-1, group_size), one "
    "prompt a row"
)
def dealt_out(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(group_size, -1).T
    return ((g.sum(1, keepdim=True) - g) / (group_size - 1)).T.reshape(-1)


@mistake(
    "you use the other samples of the whole batch: only those of the same prompt are "
    "comparable"
)
def whole_batch(rewards: Tensor, group_size: int) -> Tensor:
    return (rewards.sum() - rewards) / (len(rewards) - 1)


@mistake(
    "this is the mean of the whole batch: use the other samples of the same prompt"
)
def batch_mean(rewards: Tensor, group_size: int) -> Tensor:
    return rewards.mean().expand_as(rewards).clone()


@mistake("you return the sum of the others: divide by their number")
def sum_of_others(rewards: Tensor, group_size: int) -> Tensor:
    g = grouped(rewards, group_size)
    return (g.sum(1, keepdim=True) - g).view(-1)


@mistake(
    "you sum over the prompts: sum inside each group, dimension 1 of (prompts, "
    "group_size)"
)
def across_groups(rewards: Tensor, group_size: int) -> Tensor:
    g = grouped(rewards, group_size)
    return ((g.sum(0, keepdim=True) - g) / (group_size - 1)).view(-1)


@mistake("your result has a row for each prompt: flatten it to (batch,)")
def still_grouped(rewards: Tensor, group_size: int) -> Tensor:
    g = grouped(rewards, group_size)
    return (g.sum(1, keepdim=True) - g) / (group_size - 1)


def independent_of_its_own(function) -> str | None:
    rewards = draw(6, seed=1)
    other = rewards.clone()
    other[4] += 3.0
    change = float((function(other, 3)[4] - function(rewards, 3)[4]).abs())
    if change < 1e-5:
        return None
    return (
        "changing the reward of one sample must not change its own baseline; yours "
        f"changed by {change:.2g}"
    )


@mistake("you take the best of the others: their mean is asked for")
def best_other(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    two = g.topk(2, 1).values
    is_best = torch.arange(group_size) == g.argmax(1, keepdim=True)
    return torch.where(is_best, two[:, 1:], two[:, :1]).flatten()


@mistake("you take the median of the others: their mean is asked for")
def median_other(rewards: Tensor, group_size: int) -> Tensor:
    out = []
    for g in rewards.view(-1, group_size):
        for i in range(group_size):
            out.append(torch.cat([g[:i], g[i + 1 :]]).median())
    return torch.stack(out)


@mistake("you average the samples before this one only: those after it count, too")
def those_before(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    count = torch.arange(group_size).clamp(min=1)
    return ((g.cumsum(1) - g) / count).flatten()


@mistake("you take the sample beside it: the mean of all the others is asked for")
def the_neighbour(rewards: Tensor, group_size: int) -> Tensor:
    return rewards.view(-1, group_size).roll(1, 1).flatten()


@mistake(
    "you leave out every sample with the same reward: only the sample itself is left "
    "out"
)
def equals_left_out(rewards: Tensor, group_size: int) -> Tensor:
    out = []
    for g in rewards.view(-1, group_size):
        for x in g:
            out.append(g[g != x].mean() if bool((g != x).any()) else x)
    return torch.stack(out)


@mistake(
    "you subtract a part of the own reward from the mean: take it out of the sum, then "
    "divide by group_size − 1"
)
def mean_minus_own(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (g.mean(1, keepdim=True) - g / (group_size - 1)).flatten()


EXERCISE = Exercise(
    number="9.3",
    title="The leave-one-out baseline",
    minutes=10,
    difficulty=2,
    importance=4,
    reference="course.policy.advantages:leave_one_out_baseline",
    why="It lowers the noise of the gradient without a second network and, because no "
    "sample judges itself, without any bias.",
    hints=(
        "What would you expect a prompt to earn if you only knew its other "
        "completions?",
        "View the rewards as `(prompts, group_size)`. The others' sum is the group's "
        "sum minus the own reward; there are group_size − 1 of them.",
        "`groups = rewards.view(-1, group_size)`, then `(groups.sum(1, keepdim=True) "
        "- …) / (…)` and `.view(-1)`",
    ),
    probes=probes,
    properties=(
        Property("independent of its own sample", independent_of_its_own),
        groups_apart("the rewards", "the baselines"),
    ),
    mistakes=mistakes_in(__name__),
)
