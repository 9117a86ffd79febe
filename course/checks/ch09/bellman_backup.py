"""Exercise 9.4: a Bellman backup."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw


def probes(generator: torch.Generator) -> list[Probe]:
    def call(states: int, actions: int, gamma: float, scale: float = 1.0):
        probs, rewards, values = torch.randn(3, states, actions, generator=generator)
        return probs.softmax(-1), rewards * scale, values * scale, gamma

    half = torch.tensor([[0.5, 0.5]])
    return [
        Probe(
            "one action",
            (torch.ones(1, 1), 2 * torch.ones(1, 1), torch.ones(1, 1), 0.5),
        ),
        Probe(
            "a reward or a future",
            (half, torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 4.0]]), 0.5),
        ),
        Probe("a certain choice", (torch.eye(2), *call(2, 2, 1.0)[1:3], 0.9)),
        Probe("gamma 0", call(2, 3, 0.0)),
        Probe("gamma 1", call(2, 3, 1.0)),
        Probe("as many states as actions", call(3, 3, 0.9)),
        Probe("five states", call(5, 4, 0.9)),
        Probe(
            "no rewards yet",
            (half, torch.zeros(1, 2), torch.tensor([[3.0, -1.0]]), 0.5),
        ),
        Probe("values × 100", call(3, 4, 0.99, 100.0)),
    ]


@mistake(
    "you take the best action: this is the value of the given policy, an expectation "
    "under action_probs"
)
def best_action(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    return (rewards + gamma * next_values).amax(-1)


@mistake("gamma is never used: multiply the next values by it")
def gamma_ignored(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    return (action_probs * (rewards + next_values)).sum(-1)


@mistake(
    "you discount the reward of now as well: gamma multiplies the next values only"
)
def gamma_on_everything(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    return gamma * (action_probs * (rewards + next_values)).sum(-1)


@mistake("the future is missing: add gamma times the value of the next state")
def rewards_only(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    return (action_probs * rewards).sum(-1)


@mistake("the reward of this step is missing: add it to the discounted next value")
def values_only(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    return (action_probs * gamma * next_values).sum(-1)


@mistake(
    "the probabilities weigh the rewards too: put the sum of reward and next value in "
    "brackets"
)
def reward_not_weighted(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    return (rewards + gamma * action_probs * next_values).sum(-1)


@mistake(
    "the next values are not weighed: brackets are missing around rewards + γ next "
    "values, which action_probs multiplies as a whole"
)
def brackets_missing(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    return (action_probs * rewards + gamma * next_values).sum(-1)


@mistake("you weigh the actions but do not sum: sum over the last dimension")
def not_summed(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    return action_probs * (rewards + gamma * next_values)


@mistake("you treat all actions as equally probable: weigh them by action_probs")
def equal_probabilities(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    return (rewards + gamma * next_values).mean(-1)


@mistake("the probabilities already sum to 1: sum over the actions, do not average")
def averaged(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    return (action_probs * (rewards + gamma * next_values)).mean(-1)


@mistake("you sum over the states: the actions are the last dimension")
def over_states(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    return (action_probs * (rewards + gamma * next_values)).sum(0)


@mistake(
    "these are the values of the actions, Q(s, a): average them under the policy to "
    "get V(s)"
)
def action_values(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    return rewards + gamma * next_values


def constant_reward(function) -> str | None:
    probs = draw(3, 4, seed=1).softmax(-1)
    found = function(probs, torch.ones(3, 4), torch.full((3, 4), 10.0), 0.9)
    if float((found - 10).abs().max()) < 1e-4:
        return None
    return (
        "a reward of 1 for ever at gamma 0.9 is worth 1 / (1 − 0.9) = 10, whatever the "
        f"policy; yours gives {float(found.reshape(-1)[0]):.3g}"
    )


def contracts(function) -> str | None:
    probs, rewards = draw(3, 4, seed=2).softmax(-1), draw(3, 4, seed=3)
    low, high = draw(3, 4, seed=4), draw(3, 4, seed=4) + 2
    gap = function(probs, rewards, high, 0.5) - function(probs, rewards, low, 0.5)
    if float((gap - 1).abs().max()) < 1e-4:
        return None
    return "raising every next value by 2 at gamma 0.5 must raise every value by 1"


@mistake(
    "you take the likeliest action alone: the policy takes each with its probability"
)
def likeliest(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    best = action_probs.argmax(1, keepdim=True)
    return (rewards + gamma * next_values).gather(1, best).squeeze(1)


@mistake(
    "you weight the rewards but not the next values: both belong to the action that "
    "was taken"
)
def values_not_weighted(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    return (action_probs * rewards).sum(1) + gamma * next_values.mean(1)


EXERCISE = Exercise(
    number="9.4",
    title="A Bellman backup",
    minutes=10,
    difficulty=2,
    importance=3,
    reference="course.policy.enumerable:bellman_backup",
    why="It splits the worth of a whole future into one step and the rest; every "
    "value function is learned from this line.",
    hints=(
        "You stand in a state and roll the policy's dice: what do you earn now, and "
        "what is the place worth where you land?",
        "V(s) = Σ_a π(a|s) [r(s, a) + γ V(s′)]: an expectation over the actions, the "
        "last dimension.",
        "`return (action_probs * (rewards + …)).sum(…)`",
    ),
    probes=probes,
    properties=(
        Property("a reward for ever", constant_reward),
        Property("a contraction", contracts),
    ),
    mistakes=mistakes_in(__name__),
)
