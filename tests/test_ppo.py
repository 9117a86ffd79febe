"""The critic and one PPO step on a tiny GPT: what they read, move and leave alone."""

import copy
import dataclasses

import pytest
import torch
from tiny import equal, roll, tiny_gpt, weights

from course.policy.advantages import shaped_rewards, whiten
from course.policy.critic import Critic, gae, value_loss
from course.policy.losses import reinforce_loss
from course.policy.ppo import ppo_step
from course.policy.rollout import logprobs_of


def critic_of(model, seed: int = 5) -> Critic:
    weight = torch.randn(32, generator=torch.Generator().manual_seed(seed))
    return Critic(copy.deepcopy(model), weight, bias=0.3)


def test_a_critic_without_a_head_says_zero_and_learns_from_there(tokenizer):
    rollout = roll(tokenizer, tiny_gpt(tokenizer))
    critic = Critic(tiny_gpt(tokenizer))
    assert (critic(rollout) == 0).all()
    (critic(rollout) - 1.0).square().sum().backward()
    assert critic.weight.grad.abs().sum() > 0 and critic.bias.grad != 0


def test_a_value_is_read_before_its_token_and_is_zero_on_padding(tokenizer):
    policy = tiny_gpt(tokenizer)
    rollout = roll(tokenizer, policy, rows=16)
    critic, mask = critic_of(policy), rollout.completion_mask
    values = critic(rollout)
    assert values.shape == mask.shape and (values[~mask] == 0).all()
    row = int(mask.sum(1).argmax())
    ids = rollout.completion_ids.clone()
    ids[row, 2] = (ids[row, 2] + 1) % len(tokenizer)
    changed = critic(dataclasses.replace(rollout, completion_ids=ids))
    assert torch.equal(changed[row, :3], values[row, :3])  # tokens 0, 1 and before 2
    assert not torch.equal(changed[row, 3], values[row, 3])
    for other in set(range(16)) - {row}:
        assert torch.equal(changed[other], values[other])


def test_a_value_is_the_head_on_the_state_of_the_prefix_alone(tokenizer):
    policy = tiny_gpt(tokenizer)
    rollout = roll(tokenizer, policy, rows=4)
    critic = critic_of(policy)
    values = critic(rollout)
    for row in range(4):
        prompt = rollout.prompt_ids[row][rollout.prompt_mask[row]]
        for t in range(int(rollout.completion_mask[row].sum())):
            prefix = torch.cat([prompt, rollout.completion_ids[row, :t]])[None]
            state = critic.gpt.hidden(prefix)[0, -1]
            expected = state @ critic.weight + critic.bias
            assert torch.allclose(values[row, t], expected, atol=1e-5)


def test_a_head_of_another_width_is_refused(tokenizer):
    with pytest.raises(ValueError, match=r"head of shape \(3,\), expected \(32,\)"):
        Critic(tiny_gpt(tokenizer), torch.ones(3))


def step_of(tokenizer, lr=1.0, **options):
    """One plain-descent step: (policy, critic, rollout, metrics, weights before)."""
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    critic = critic_of(policy)
    rollout = roll(tokenizer, policy, reference, rows=12)
    before = weights(policy), weights(critic)
    optimizer = torch.optim.SGD(
        [{"params": policy.parameters()}, {"params": critic.parameters()}], lr=lr
    )
    options = {"beta": 0.3, "max_grad_norm": 1e9, "epochs": 1, **options}
    made = ppo_step(policy, critic, optimizer, rollout, **options)
    return policy, critic, rollout, made, before, reference


def test_one_update_moves_policy_and_critic_along_the_gradients_written_out(tokenizer):
    policy, critic, rollout, made, (old_policy, old_critic), _ = step_of(tokenizer)
    twin, judge = tiny_gpt(tokenizer), critic_of(tiny_gpt(tokenizer))
    mask = rollout.completion_mask
    rewards = shaped_rewards(
        rollout.scores, rollout.old_logprobs, rollout.ref_logprobs, mask, 0.3
    )
    values = judge(rollout)
    advantages, returns = gae(rewards, values, mask, 1.0, 0.95)
    # On the first minibatch PPO's gradient is that of REINFORCE.
    logprobs = logprobs_of(twin, rollout)
    reinforce_loss(logprobs, whiten(advantages, mask), mask).backward()
    value_loss(values, values.detach(), returns, mask, 0.2).backward()
    for old, new, p in zip(old_policy, weights(policy), twin.parameters(), strict=True):
        assert torch.allclose(old - new, p.grad, atol=3e-6, rtol=1e-3)
    for old, new, p in zip(
        old_critic, weights(critic), judge.parameters(), strict=True
    ):
        grad = torch.zeros_like(p) if p.grad is None else p.grad
        assert torch.allclose(old - new, grad, atol=3e-6, rtol=1e-3)
    assert made["returns/mean"] == pytest.approx(float(returns[mask].mean()), abs=1e-5)
    assert made["updates"] == 1


def test_several_updates_leave_the_rollout_and_the_reference_alone(tokenizer):
    options = {"lr": 0.1, "epochs": 3, "minibatches": 3, "max_grad_norm": 1.0}
    policy, critic, rollout, made, before, reference = step_of(tokenizer, **options)
    assert made["updates"] == 9
    assert not equal(weights(policy), before[0])
    assert not equal(weights(critic), before[1])
    assert equal(weights(reference), weights(tiny_gpt(tokenizer, seed=1)))
    again = roll(tokenizer, tiny_gpt(tokenizer), reference, rows=12)
    for name in ("old_logprobs", "ref_logprobs", "scores", "completion_ids"):
        tensor = getattr(rollout, name)
        assert torch.equal(tensor, getattr(again, name))
        assert tensor.grad is None and not tensor.requires_grad
    assert all(p.grad is None for p in reference.parameters())


def test_the_critic_learns_the_returns_of_a_batch_it_sees_again(tokenizer):
    _, _, _, first, _, _ = step_of(tokenizer, lr=0.05, epochs=1)
    _, critic, rollout, _, _, _ = step_of(
        tokenizer, lr=0.05, epochs=60, value_clip_eps=float("inf"), max_grad_norm=1.0
    )
    mask = rollout.completion_mask
    rewards = shaped_rewards(
        rollout.scores, rollout.old_logprobs, rollout.ref_logprobs, mask, 0.3
    )
    _, returns = gae(rewards, critic_of(tiny_gpt(tokenizer))(rollout), mask, 1.0, 0.95)
    values = critic(rollout).detach()
    loss = float(value_loss(values, values, returns, mask, 1e9))
    assert loss < 0.5 * first["loss/value"]


def test_an_optimizer_with_other_groups_is_refused(tokenizer):
    policy = tiny_gpt(tokenizer)
    critic, rollout = critic_of(policy), roll(tokenizer, policy, rows=4)
    actor, judge = list(policy.parameters()), list(critic.parameters())
    for groups in (
        [actor + judge],
        [judge, actor],
        [actor, judge[:1], judge[1:]],
        [actor, list(tiny_gpt(tokenizer).parameters())],
    ):
        optimizer = torch.optim.SGD([{"params": group} for group in groups], lr=1.0)
        with pytest.raises(ValueError, match="policy's parameters, then the critic's"):
            ppo_step(policy, critic, optimizer, rollout, beta=0.1)
