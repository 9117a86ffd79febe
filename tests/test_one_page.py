"""Each algorithm on one page: a plain step moves every weight as the course's does.

The plain steps stand in the lessons too.  They check nothing and undo nothing; what a
guarded step of the course adds must not change what is learned.
"""

import copy
import dataclasses

import pytest
import torch
from tiny import plain_share, seeded, tiny_gpt, weights
from torch.nn.utils import clip_grad_norm_

from course.policy.advantages import (
    reward_to_go_advantages,
    shaped_rewards,
    whiten,
)
from course.policy.clipping import grpo_loss, ppo_clip_loss, rloo_loss
from course.policy.critic import Critic, gae, value_loss
from course.policy.dpo import best_and_worst, dpo_step
from course.policy.groups import group_advantages, rloo_advantages
from course.policy.grpo import grpo_step, rloo_step
from course.policy.losses import reinforce_loss
from course.policy.ppo import ppo_step
from course.policy.preference_losses import dpo_loss, pair_log_ratio
from course.policy.reinforce import reinforce_step
from course.policy.rollout import Rollout, collect, logprobs_of, select_rows

PROMPTS = [p for p in ("a", "the film was", "good acting") for _ in range(4)]


# The pages ----------------------------------------------------------------------------


def plain_reinforce(policy, optimizer, rollout, beta):
    mask = rollout.completion_mask
    rewards = shaped_rewards(
        rollout.scores, rollout.old_logprobs, rollout.ref_logprobs, mask, beta
    )
    A = reward_to_go_advantages(rewards, mask)
    loss = reinforce_loss(logprobs_of(policy, rollout), A, mask)
    optimizer.zero_grad()
    loss.backward()
    clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()


def plain_ppo(policy, critic, optimizer, rollout, beta, epochs, minibatches, generator):
    mask = rollout.completion_mask
    with torch.no_grad():
        old_values = critic(rollout)
        old = logprobs_of(policy, rollout)
    rewards = shaped_rewards(rollout.scores, old, rollout.ref_logprobs, mask, beta)
    advantages, returns = gae(rewards, old_values, mask, gamma=1.0, lam=0.95)
    A = whiten(advantages, mask)
    order = torch.randperm(len(mask), generator=generator)
    for _ in range(epochs):
        for rows in order.tensor_split(minibatches):
            b, m = select_rows(rollout, rows), mask[rows]
            loss = ppo_clip_loss(logprobs_of(policy, b), old[rows], A[rows], m, 0.2)
            loss_v = value_loss(critic(b), old_values[rows], returns[rows], m, 0.2)
            optimizer.zero_grad()
            (loss + loss_v).backward()
            clip_grad_norm_(policy.parameters(), 1.0)
            clip_grad_norm_(critic.parameters(), 1.0)
            optimizer.step()


def plain_grpo(policy, optimizer, rollout, group_size, beta, epochs):
    mask, ref = rollout.completion_mask, rollout.ref_logprobs
    A = group_advantages(rollout.scores, group_size)
    with torch.no_grad():
        old = logprobs_of(policy, rollout)
    for _ in range(epochs):
        new = logprobs_of(policy, rollout)
        loss = grpo_loss(new, old, ref, A, mask, beta, clip_eps=0.2)
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()


def plain_rloo(policy, optimizer, rollout, group_size, beta, epochs):
    mask = rollout.completion_mask
    D = (rollout.old_logprobs - rollout.ref_logprobs).sum(1)
    A = rloo_advantages(rollout.scores - beta * D, group_size)
    with torch.no_grad():
        old = logprobs_of(policy, rollout)
    for _ in range(epochs):
        loss = rloo_loss(logprobs_of(policy, rollout), old, A, mask, clip_eps=0.2)
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()


def plain_dpo(policy, optimizer, rollout, chosen, rejected, beta):
    l_ref = rollout.ref_logprobs.sum(1)
    l_new = logprobs_of(policy, rollout).sum(1)
    four = [x[rows] for x in (l_new, l_ref) for rows in (chosen, rejected)]
    h = pair_log_ratio(*four)
    optimizer.zero_grad()
    dpo_loss(h, beta).backward()
    clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()


# The course's steps beside them -------------------------------------------------------


@pytest.fixture
def case(tokenizer):
    """Two policies alike, two critics alike, and three rollouts to learn from."""
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    head = 0.1 * torch.randn(32, generator=seeded(5))
    critic = Critic(tiny_gpt(tokenizer, seed=2), head, bias=0.3)
    rollouts = [
        collect(
            policy, reference, tokenizer, PROMPTS, plain_share, max_new_tokens=24,
            generator=seeded(n),
        )
        for n in range(3)
    ]  # fmt: skip
    return [[copy.deepcopy(m) for m in (policy, critic)] for _ in range(2)], rollouts


def adam(*models, learning_rate=1e-3):
    groups = [{"params": list(model.parameters())} for model in models]
    return torch.optim.AdamW(groups, lr=learning_rate, weight_decay=0.0)


def fresh(policy, rollout: Rollout) -> Rollout:
    """The rollout as if the policy of now had written it."""
    with torch.no_grad():
        return dataclasses.replace(rollout, old_logprobs=logprobs_of(policy, rollout))


def reinforce(policy, critic, rollouts, plain):
    optimizer = adam(policy)
    step = plain_reinforce if plain else reinforce_step
    for rollout in rollouts:
        step(policy, optimizer, fresh(policy, rollout), beta=0.1)


def ppo(policy, critic, rollouts, plain):
    optimizer = adam(policy, critic)
    step = plain_ppo if plain else ppo_step
    for rollout in rollouts:
        step(
            policy, critic, optimizer, fresh(policy, rollout), beta=0.1, epochs=3,
            minibatches=3, generator=seeded(),
        )  # fmt: skip


def grpo(policy, critic, rollouts, plain):
    optimizer = adam(policy)
    step = plain_grpo if plain else grpo_step
    for rollout in rollouts:
        batch = fresh(policy, rollout)
        step(policy, optimizer, batch, group_size=4, beta=0.1, epochs=3)


def rloo(policy, critic, rollouts, plain):
    optimizer = adam(policy)
    step = plain_rloo if plain else rloo_step
    for rollout in rollouts:
        batch = fresh(policy, rollout)
        step(policy, optimizer, batch, group_size=4, beta=0.1, epochs=3)


def dpo(policy, critic, rollouts, plain):
    optimizer = adam(policy)
    for rollout in rollouts * 3:
        pairs = best_and_worst(rollout, 4)
        if plain:
            rows = pairs.chosen, pairs.rejected
            plain_dpo(policy, optimizer, rollout, *rows, beta=0.1)
        else:
            dpo_step(policy, optimizer, pairs, beta=0.1)


# Both add the same numbers in another order, so a gradient differs by a rounding; AdamW
# divides by its size, so of a weight's largest move, the learning rate, at most a
# hundredth may differ.  A wrong sign, divisor or mask moves weights by all of it.
@pytest.mark.parametrize("algorithm", [reinforce, ppo, grpo, rloo, dpo])
def test_the_plain_step_moves_every_weight_as_the_guarded_one(case, algorithm):
    (one, other), rollouts = case
    before = weights(one[0]) + weights(one[1])
    algorithm(*one, rollouts, plain=True)
    algorithm(*other, rollouts, plain=False)
    after, wanted = (weights(m[0]) + weights(m[1]) for m in (one, other))
    moved = max(float((a - b).abs().max()) for a, b in zip(after, before, strict=True))
    gap = max(float((a - b).abs().max()) for a, b in zip(after, wanted, strict=True))
    assert moved > 1e-3
    assert gap < 1e-5
