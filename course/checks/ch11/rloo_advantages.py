"""Exercise 11.2: RLOO's advantages."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, groups_apart, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def call(groups: int, size: int, scale: float = 1.0):
        return torch.randn(groups * size, generator=generator) * scale, size

    return [
        Probe("a group of two", (torch.tensor([1.0, 5.0]), 2)),
        Probe("one of four is right", (torch.tensor([0.0, 0.0, 1.0, 0.0]), 4)),
        Probe("equal rewards", (torch.full((4,), 0.5), 4)),
        Probe("two groups of two", (torch.tensor([1.0, 5.0, 10.0, 20.0]), 2)),
        Probe("two groups of three", call(2, 3)),
        Probe("as many groups as samples", call(3, 3)),
        Probe("four groups of eight", call(4, 8)),
        Probe("rewards × 100", call(3, 4, 100.0)),
        Probe("double precision", (call(2, 4)[0].double(), 4)),
    ]


def others(g: Tensor) -> Tensor:
    return (g.sum(1, keepdim=True) - g) / (g.shape[1] - 1)


@mistake(
    "you subtract the mean of the whole group: leave a sample's own reward out of its "
    "baseline"
)
def group_mean(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (g - g.mean(1, keepdim=True)).view(-1)


@mistake("this is the baseline: the advantage is the reward minus it")
def the_baseline(rewards: Tensor, group_size: int) -> Tensor:
    return others(rewards.view(-1, group_size)).view(-1)


@mistake(
    "you subtract the reward from its baseline: the better answer has to get the "
    "larger advantage"
)
def sign_lost(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (others(g) - g).view(-1)


@mistake(
    "your factor is upside down: leaving one out makes the advantages larger, by G / "
    "(G − 1)"
)
def factor_upside_down(rewards: Tensor, group_size: int) -> Tensor:
    return group_mean(rewards, group_size) * (group_size - 1) / group_size


@mistake(
    "you leave the own reward out of the sum but divide by the whole group: there are "
    "group_size − 1 others"
)
def own_as_zero(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (g - (g.sum(1, keepdim=True) - g) / group_size).view(-1)


@mistake("you subtract the sum of the other rewards: divide it by their number")
def sum_of_others(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (g - (g.sum(1, keepdim=True) - g)).view(-1)


@mistake(
    "you also divide by the standard deviation: that is GRPO's idea, and it would "
    "change the expected gradient"
)
def standardised(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return ((g - others(g)) / (g.std(1, keepdim=True) + 1e-4)).view(-1)


@mistake(
    "you use the other samples of the whole batch: only those of the same prompt are "
    "comparable"
)
def whole_batch(rewards: Tensor, group_size: int) -> Tensor:
    return rewards - (rewards.sum() - rewards) / (len(rewards) - 1)


@mistake(
    "the samples of one prompt stand next to each other: view(-1, group_size), one "
    "prompt a row"
)
def dealt_out(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(group_size, -1).T
    return (g - others(g)).T.reshape(-1)


@mistake("your result has a row for each prompt: flatten it to (batch,)")
def still_grouped(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return g - others(g)


def baseline_of_others(function) -> str | None:
    """Raising one's own reward by 3 raises one's own advantage by 3."""
    rewards = draw(8, seed=5)
    other = rewards.clone()
    other[2] += 3.0
    change = float((function(other, 4) - function(rewards, 4))[2])
    if abs(change - 3) < 1e-4:
        return None
    return (
        "a sample is no part of its own baseline, so a reward that is 3 higher makes "
        f"its own advantage 3 higher; yours changed by {change:.2g}"
    )


@mistake("you compare with the next one alone: the mean of all the others is asked for")
def the_next_one(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (g - g.roll(-1, 1)).flatten()


@mistake("you compare with those before it only: those after it count, too")
def those_before(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    count = torch.arange(group_size).clamp(min=1)
    return (g - (g.cumsum(1) - g) / count).flatten()


@mistake("you compare with the best of the others: their mean is asked for")
def the_best_other(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    two = g.topk(2, 1).values
    is_best = torch.arange(group_size) == g.argmax(1, keepdim=True)
    return (g - torch.where(is_best, two[:, 1:], two[:, :1])).flatten()


@mistake(
    "you divide the sum of the whole group by G − 1: take the own reward out of the "
    "sum first"
)
def not_taken_out(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (g - g.sum(1, keepdim=True) / (group_size - 1)).view(-1)


@mistake("this is GRPO's advantage: RLOO does not divide by the standard deviation")
def as_in_grpo(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    centred = g - g.mean(1, keepdim=True)
    return (centred / (g.std(1, keepdim=True, correction=0) + 1e-4)).view(-1)


@mistake("you divide by the standard deviation afterwards: RLOO leaves the scale")
def divided_afterwards(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    spread = g.std(1, keepdim=True, correction=0)
    return ((g - others(g)) / (spread + 1e-4)).view(-1)


@mistake("you average over the prompts: the samples of one prompt stand in one row")
def over_the_prompts(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (g - g.mean(0, keepdim=True)).view(-1)


@mistake("you subtract the median of the group: it is the mean of the others")
def group_median(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (g - g.median(1, keepdim=True).values).view(-1)


@mistake("you compare with the first sample of the group: with all the others")
def first_of_the_group(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (g - g[:, :1]).view(-1)


EXERCISE = Exercise(
    number="11.2",
    title="Advantages that leave one out",
    minutes=10,
    difficulty=2,
    importance=4,
    reference="course.policy.groups:rloo_advantages",
    why="It is the group baseline that leaves the expected gradient exactly as it was, "
    "whatever the size of the group.",
    hints=(
        "If a sample helps to compute its own baseline, which part of its reward "
        "cancels?",
        "The advantage is the reward minus the mean of the group_size − 1 other "
        "rewards of the same prompt: G / (G − 1) times the reward minus the group "
        "mean.",
        "`g = rewards.view(-1, group_size)`, then `g - (g.sum(1, keepdim=True) - …) / "
        "(group_size - 1)` and `.view(-1)`",
    ),
    probes=probes,
    properties=(
        groups_apart("the rewards", "the advantages"),
        Property("baseline of the others", baseline_of_others),
        unchanged(
            "a shift",
            lambda: (draw(6, seed=4), 3),
            lambda: (draw(6, seed=4) + 5, 3),
            "adding 5 to every reward",
            tolerance=1e-4,
        ),
    ),
    mistakes=mistakes_in(__name__),
)
