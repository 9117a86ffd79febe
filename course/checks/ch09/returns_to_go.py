"""Exercise 9.1: returns to go."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, invariant_to_padding, mask_of


def probes(generator: torch.Generator) -> list[Probe]:
    def call(lengths: list[int], time: int, gamma: float, scale: float = 1.0):
        rewards = torch.randn(len(lengths), time, generator=generator) * scale
        return rewards, mask_of(lengths, time), gamma

    spoilt = torch.tensor([[1.0, -2.0, torch.nan], [0.5, torch.inf, torch.nan]])
    last = torch.tensor([[0.0, 0.0, 0.0, 1.0]])
    return [
        Probe("one token", (torch.tensor([[2.0]]), mask_of([1], 1), 0.5)),
        Probe("two tokens", (torch.tensor([[1.0, 2.0]]), mask_of([2], 2), 0.5)),
        Probe("a reward at the end", (last, mask_of([4], 4), 0.9)),
        Probe("no discount", call([4, 4], 4, 1.0)),
        Probe("gamma 0", call([3], 3, 0.0)),
        Probe("padding", call([4, 2, 3], 4, 0.9)),
        Probe("a row of padding only", call([3, 0], 3, 0.9)),
        Probe("NaN and ∞ on padding", (spoilt, mask_of([2, 1], 3), 0.9)),
        Probe("as many rows as tokens", call([4, 3, 2, 1], 4, 0.5)),
        Probe("rewards × 100", call([6, 5], 6, 0.99, 100.0)),
    ]


def backwards(rewards: Tensor, gamma: float) -> Tensor:
    """The right recursion, without a mask."""
    found = [torch.zeros_like(rewards[:, 0])]
    for t in reversed(range(rewards.shape[1])):
        found.append(rewards[:, t] + gamma * found[-1])
    return torch.stack(found[:0:-1], dim=1)


def discounts(rewards: Tensor, gamma: float) -> Tensor:
    return gamma ** torch.arange(rewards.shape[1])


@mistake("you ignore the mask: rewards on padding flow into the returns")
def mask_ignored(rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    return backwards(rewards, gamma)


@mistake(
    "you mask at the end, when rewards on padding have already flowed into the "
    "returns: set them to 0 first"
)
def masked_at_the_end(rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    return backwards(rewards, gamma).masked_fill(~mask, 0.0)


@mistake("you sum the past: a return looks forward, so go through time backwards")
def rewards_so_far(rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    found, before = [], torch.zeros_like(rewards[:, 0])
    for t in range(rewards.shape[1]):
        before = rewards[:, t] * mask[:, t] + gamma * before
        found.append(before)
    return torch.stack(found, dim=1) * mask


@mistake("you do not discount: multiply the next return by gamma")
def no_discount(rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    return backwards(rewards * mask, 1.0)


@mistake(
    "you discount by the time since the start: each return counts its own time from 0, "
    "G_t = r_t + γ G_{t+1}"
)
def discounted_from_the_start(
    rewards: Tensor, mask: Tensor, gamma: float = 1.0
) -> Tensor:
    return backwards(rewards * mask * discounts(rewards, gamma), 1.0) * mask


@mistake("each return includes the reward of its own token: G_t = r_t + γ G_{t+1}")
def without_its_own(rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    found = backwards(rewards * mask, gamma)
    return F.pad(found[:, 1:], (0, 1)) * mask


@mistake(
    "you discount the token's own reward too: only the next return is multiplied by "
    "gamma"
)
def discounts_its_own(rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    return gamma * backwards(rewards * mask, gamma)


@mistake(
    "you give every token the return of the whole text: later tokens must not be "
    "credited with earlier rewards"
)
def whole_return(rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    total = backwards(rewards * mask, gamma)[:, :1]
    return total.expand_as(rewards) * mask


@mistake(
    "these are the immediate rewards: a token is credited with all that follows it"
)
def immediate_rewards(rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    return rewards * mask


@mistake(
    "you add the next reward only: add the next return, which holds all later rewards"
)
def one_step(rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    rewards = rewards * mask
    return rewards + gamma * F.pad(rewards[:, 1:], (0, 1))


def recursion_holds(function) -> str | None:
    rewards, mask = draw(3, 5, seed=1), mask_of([5, 5, 5], 5)
    found = function(rewards, mask, 0.8)
    error = found[:, :-1] - rewards[:, :-1] - 0.8 * found[:, 1:]
    if float(error.abs().max()) < 1e-4:
        return None
    return (
        "every return must be its reward plus gamma times the next return; yours is "
        f"off by {float(error.abs().max()):.2g}"
    )


def example(extra: int) -> tuple[Tensor, Tensor, float]:
    rewards = torch.cat([draw(2, 4, seed=2), draw(2, extra, seed=3)], 1)
    return rewards, mask_of([4, 3], 4 + extra), 0.9


@mistake("you divide by how many tokens are left: a return is a sum, not a mean")
def mean_to_go(rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    keep, total = mask.bool(), torch.zeros_like(rewards[:, 0])
    out, count = torch.zeros_like(rewards), torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        total = torch.where(keep[:, t], rewards[:, t], 0) + gamma * total
        count = keep[:, t] + count
        out[:, t] = total / count.clamp(min=1)
    return out * mask


EXERCISE = Exercise(
    number="9.1",
    title="Returns to go",
    minutes=15,
    difficulty=2,
    importance=5,
    reference="course.policy.advantages:returns_to_go",
    why="A token can only change what comes after it: crediting it with the past adds "
    "noise, and with its own reward alone it is simply wrong.",
    hints=(
        "If you already knew the return of the next token, how would you get the "
        "return of this one?",
        "Go through time backwards: G_t = r_t + γ G_{t+1}, starting from 0 after the "
        "last token. Set rewards on padding to 0 before you begin.",
        "`for t in reversed(range(T)): following = rewards[:, t] + … * following; "
        "returns[:, t] = following`",
    ),
    probes=probes,
    properties=(
        Property("the recursion holds", recursion_holds),
        invariant_to_padding(example, 3),
    ),
    mistakes=mistakes_in(__name__),
)
