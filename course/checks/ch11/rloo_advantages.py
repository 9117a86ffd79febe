"""Exercise 11.2: RLOO's advantages."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Mistake, Probe, Property
from course.checks.properties import draw, unchanged


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


def group_mean(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (g - g.mean(1, keepdim=True)).view(-1)


def the_baseline(rewards: Tensor, group_size: int) -> Tensor:
    return others(rewards.view(-1, group_size)).view(-1)


def sign_lost(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (others(g) - g).view(-1)


def factor_upside_down(rewards: Tensor, group_size: int) -> Tensor:
    return group_mean(rewards, group_size) * (group_size - 1) / group_size


def own_as_zero(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (g - (g.sum(1, keepdim=True) - g) / group_size).view(-1)


def sum_of_others(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return (g - (g.sum(1, keepdim=True) - g)).view(-1)


def standardised(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return ((g - others(g)) / (g.std(1, keepdim=True) + 1e-4)).view(-1)


def whole_batch(rewards: Tensor, group_size: int) -> Tensor:
    return rewards - (rewards.sum() - rewards) / (len(rewards) - 1)


def dealt_out(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(group_size, -1).T
    return (g - others(g)).T.reshape(-1)


def still_grouped(rewards: Tensor, group_size: int) -> Tensor:
    g = rewards.view(-1, group_size)
    return g - others(g)


def groups_apart(function) -> str | None:
    rewards = draw(6, seed=2)
    other = rewards.clone()
    other[:3] -= 2.0
    other[0] += 1.0
    change = float((function(other, 3) - function(rewards, 3))[3:].abs().max())
    if change < 1e-5:
        return None
    return (
        "changing the rewards of one prompt must not change the advantages of another; "
        f"yours changed by {change:.2g}"
    )


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


EXERCISE = Exercise(
    number="11.2",
    title="Advantages that leave one out",
    minutes=10,
    stars=2,
    signature="rloo_advantages(rewards: Tensor, group_size: int) -> Tensor",
    reference="course.policy.groups:rloo_advantages",
    used_by="policy.grpo, 12",
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
        Property("prompts apart", groups_apart),
        Property("baseline of the others", baseline_of_others),
        unchanged(
            "a shift",
            lambda: (draw(6, seed=4), 3),
            lambda: (draw(6, seed=4) + 5, 3),
            "adding 5 to every reward",
            tolerance=1e-4,
        ),
    ),
    mistakes=(
        Mistake(
            "own reward included",
            group_mean,
            "you subtract the mean of the whole group: leave a sample's own reward out "
            "of its baseline",
        ),
        Mistake(
            "the baseline",
            the_baseline,
            "this is the baseline: the advantage is the reward minus it",
        ),
        Mistake(
            "sign lost",
            sign_lost,
            "you subtract the reward from its baseline: the better answer has to get "
            "the larger advantage",
        ),
        Mistake(
            "factor upside down",
            factor_upside_down,
            "your factor is upside down: leaving one out makes the advantages larger, "
            "by G / (G − 1)",
        ),
        Mistake(
            "divided by the whole group",
            own_as_zero,
            "you leave the own reward out of the sum but divide by the whole group: "
            "there are group_size − 1 others",
        ),
        Mistake(
            "sum of the others",
            sum_of_others,
            "you subtract the sum of the other rewards: divide it by their number",
        ),
        Mistake(
            "standardised",
            standardised,
            "you also divide by the standard deviation: that is GRPO's idea, and it "
            "would change the expected gradient",
        ),
        Mistake(
            "whole batch",
            whole_batch,
            "you use the other samples of the whole batch: only those of the same "
            "prompt are comparable",
        ),
        Mistake(
            "samples dealt out",
            dealt_out,
            "the samples of one prompt stand next to each other: view(-1, group_size), "
            "one prompt a row",
        ),
        Mistake(
            "not flat again",
            still_grouped,
            "your result has a row for each prompt: flatten it to (batch,)",
        ),
    ),
)
