"""What holds for one step of every algorithm, through its own code on a tiny GPT."""

import copy
import dataclasses
import math
from functools import partial

import pytest
import torch
from tiny import equal, plain_share, roll, seeded, tiny_gpt, weights

from course.lm.objective import completion_logprobs
from course.lm.tokenizer import encode, pad_batch
from course.policy import ppo
from course.policy.advantages import shaped_rewards, whiten
from course.policy.clipping import grpo_loss
from course.policy.critic import Critic, gae
from course.policy.dpo import best_and_worst, dpo_step, pair_metrics, train_dpo
from course.policy.grpo import grpo_step, rloo_step
from course.policy.losses import reduce_token_mean
from course.policy.ppo import ppo_step
from course.policy.reinforce import reinforce_step
from course.policy.rollout import Rollout, collect, logprobs_of, select_rows
from course.reward.model import RewardModel

GROUP, ROWS = 4, 12
ALGORITHMS = ("reinforce", "ppo", "grpo", "rloo", "dpo")
PER_TOKEN = ("completion_ids", "completion_mask", "old_logprobs", "ref_logprobs")
PROMPTS = [p for p in ("a", "the film was", "good acting") for _ in range(GROUP)]


def groups(tokenizer, policy, reference=None, score=plain_share, **options) -> Rollout:
    """Three prompts, four completions of each next to each other."""
    options = {"max_new_tokens": 8, "generator": seeded(), **options}
    return collect(policy, reference or policy, tokenizer, PROMPTS, score, **options)


def descend(algorithm, policy, rollout, critic=None, beta=0.3, lr=1.0) -> dict:
    """One step of plain descent, its gradient not shortened; returns the metrics."""
    models = [policy]
    if algorithm == "ppo":
        models.append(critic or Critic(copy.deepcopy(policy)))
    optimizer = torch.optim.SGD(
        [{"params": list(model.parameters())} for model in models], lr=lr
    )
    options = {"beta": beta, "max_grad_norm": math.inf}
    if algorithm == "ppo":
        options["epochs"] = 1
    if algorithm in ("grpo", "rloo"):
        options["group_size"] = GROUP
    if algorithm == "dpo":
        rollout = best_and_worst(rollout, GROUP)
        options["beta"] = 0.3
    step = {
        "reinforce": reinforce_step, "ppo": ppo_step, "grpo": grpo_step,
        "rloo": rloo_step, "dpo": dpo_step,
    }[algorithm]  # fmt: skip
    return step(*models, optimizer, rollout, **options)


def moves(algorithm, policy, rollout, **options) -> list[torch.Tensor]:
    """What one step adds to each weight of a copy of the policy."""
    moved = copy.deepcopy(policy)
    descend(algorithm, moved, rollout, **options)
    pairs = zip(policy.parameters(), moved.parameters(), strict=True)
    return [(new - old).detach() for old, new in pairs]


def largest(tensors) -> float:
    return max(float(x.abs().max()) for x in tensors)


def gap(left, right) -> float:
    return largest([a - b for a, b in zip(left, right, strict=True)])


# Constants ----------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_gradient_reaches_reward_model_reference_or_what_the_rollout_holds(
    tokenizer, algorithm
):
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    judge = RewardModel(tiny_gpt(tokenizer, seed=2))

    def score(prompts, completions):
        texts = [a + b for a, b in zip(prompts, completions, strict=True)]
        ids = encode(tokenizer, texts, bos=True, eos=True)
        scores = judge(*pad_batch(ids, tokenizer.pad_token_id))
        assert scores.requires_grad
        return scores + torch.arange(len(texts)) / 10

    rollout = groups(tokenizer, policy, reference, score)
    names = ("old_logprobs", "ref_logprobs", "scores")
    assert not any(getattr(rollout, name).requires_grad for name in names)
    leaves = {name: getattr(rollout, name).clone().requires_grad_() for name in names}
    descend(algorithm, policy, dataclasses.replace(rollout, **leaves))
    assert largest([p.grad for p in policy.parameters()]) > 0
    assert all(leaf.grad is None for leaf in leaves.values())
    for model in (reference, judge):
        assert all(p.grad is None for p in model.parameters())


def test_the_critic_learns_unwhitened_returns_and_the_policy_whitened_advantages(
    tokenizer, monkeypatch
):
    """The disease: returns made of whitened advantages, which have no unit."""
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    critic = Critic(copy.deepcopy(policy), torch.randn(32, generator=seeded()), 0.5)
    rollout = groups(tokenizer, policy, reference)
    mask, values = rollout.completion_mask, critic(rollout).detach()
    seen = {}

    def note(name, function):
        def noted(*given, **options):
            seen[name] = given
            return function(*given, **options)

        monkeypatch.setattr(ppo, name, noted)

    note("value_loss", ppo.value_loss)
    note("ppo_clip_loss", ppo.ppo_clip_loss)
    descend("ppo", policy, rollout, critic=critic)
    rewards = shaped_rewards(
        rollout.scores, rollout.old_logprobs, rollout.ref_logprobs, mask, 0.3
    )
    advantages, _ = gae(rewards, values, mask, 1.0, 0.95)
    _, old_values, returns, in_order, _ = seen["value_loss"]
    weight = seen["ppo_clip_loss"][2]
    assert not returns.requires_grad and not weight.requires_grad
    kept = returns[in_order] - old_values[in_order]
    # The minibatch has the rows in another order: compare what does not depend on it.
    expected = advantages[mask]
    assert gap([kept.sort().values], [expected.sort().values]) < 1e-5
    white = whiten(advantages, mask)[mask]
    assert gap([weight[in_order].sort().values], [white.sort().values]) < 1e-5
    assert gap([white.sort().values], [expected.sort().values]) > 0.1


# Batches, padding and what comes after the end ----------------------------------------


def narrow(rollout: Rollout, rows: torch.Tensor) -> Rollout:
    """Some rows as a batch of their own, without the columns that only pad."""
    part = select_rows(rollout, rows)
    longest = int(part.completion_mask.sum(1).max())
    return dataclasses.replace(
        part, **{name: getattr(part, name)[:, :longest] for name in PER_TOKEN}
    )


@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_micro_batches_give_the_gradient_of_the_whole_token_mean(tokenizer, beta):
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    rollout = groups(tokenizer, policy, reference, max_new_tokens=24)
    lengths = rollout.completion_mask.sum(1)
    assert lengths.min() < lengths.max()
    order = lengths.argsort()
    noise = 0.3 * torch.randn(rollout.old_logprobs.shape, generator=seeded(4))
    # Away from the policy, so that the clip and the KL take part.
    rollout = dataclasses.replace(rollout, old_logprobs=rollout.old_logprobs + noise)
    advantages = torch.randn(ROWS, generator=seeded(5))

    def taken(parts, n_tokens=None) -> list[torch.Tensor]:
        policy.zero_grad()
        for rows in parts:
            b = narrow(rollout, rows)
            logprobs = logprobs_of(policy, b)
            grpo_loss(
                logprobs, b.old_logprobs, b.ref_logprobs, advantages[rows],
                b.completion_mask, beta, 0.2,
                reduce=partial(reduce_token_mean, n_tokens=n_tokens),
            ).backward()  # fmt: skip
        return [p.grad.clone() for p in policy.parameters()]

    whole = taken([order])
    parts = [order[:5], order[5:6], order[6:]]
    assert largest(whole) > 1e-2
    assert gap(taken(parts, rollout.completion_mask.sum()), whole) < 1e-6
    means = [g / len(parts) for g in taken(parts)]  # of means: the wrong divisor
    assert gap(means, whole) > 1e-3


def disguised(rollout: Rollout, tokenizer) -> Rollout:
    """The same texts: other ids after the end, two more columns on either side."""
    n = len(rollout.prompts)

    def wider(x: torch.Tensor, fill) -> torch.Tensor:
        return torch.cat([x, x.new_full((n, 2), fill)], 1)

    padding = ~wider(rollout.completion_mask, False)
    other = torch.randint(len(tokenizer), padding.shape, generator=seeded(6))
    other[:, -1] = tokenizer.eos_token_id  # an end after the end
    ids = torch.where(padding, other, wider(rollout.completion_ids, 0))
    before = rollout.prompt_ids.new_full((n, 2), tokenizer.eos_token_id)
    return dataclasses.replace(
        rollout,
        completion_ids=ids,
        completion_mask=~padding,
        old_logprobs=wider(rollout.old_logprobs, 0.0),
        ref_logprobs=wider(rollout.ref_logprobs, 0.0),
        prompt_ids=torch.cat([before, rollout.prompt_ids], 1),
        prompt_mask=torch.cat([torch.zeros(n, 2).bool(), rollout.prompt_mask], 1),
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_padding_and_what_stands_after_the_end_change_nothing_in_a_step(
    tokenizer, algorithm
):
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    head = torch.randn(32, generator=seeded())
    critic = Critic(copy.deepcopy(policy), head)
    rollout = groups(tokenizer, policy, reference, max_new_tokens=24)
    assert rollout.ended.any() and rollout.ended.logical_not().any()
    results = []
    for given in (rollout, disguised(rollout, tokenizer)):
        torch.manual_seed(0)  # the order of PPO's minibatches
        moved, judge = copy.deepcopy(policy), copy.deepcopy(critic)
        made = descend(algorithm, moved, given, critic=judge)
        made.pop("tokens_per_s", None)
        results.append((made, weights(moved) + weights(judge)))
    (one, before), (other, after) = results
    assert other == pytest.approx(one, abs=2e-5)
    assert gap(after, before) < 2e-5
    assert gap(before[: len(weights(policy))], weights(policy)) > 1e-2


# Dropout ------------------------------------------------------------------------------


def test_policy_critic_and_reward_model_have_no_dropout_and_answer_alike(tokenizer):
    """The disease: dropout makes the first ratios differ from 1."""
    policy = tiny_gpt(tokenizer)
    rollout = roll(tokenizer, policy, rows=8)
    critic = Critic(tiny_gpt(tokenizer), torch.randn(32, generator=seeded()))
    judge = RewardModel(tiny_gpt(tokenizer))
    calls = {
        policy: lambda: logprobs_of(policy, rollout),
        critic: lambda: critic(rollout),
        judge: lambda: judge(rollout.completion_ids, rollout.completion_mask),
    }
    for model, answer in calls.items():
        for module in model.modules():
            assert not isinstance(module, torch.nn.modules.dropout._DropoutNd)
        answers = [answer() for mode in (True, True, False) if model.train(mode)]
        assert answers[0].abs().max() > 0
        assert torch.equal(answers[0], answers[1])
        assert torch.equal(answers[0], answers[2])


# Scores -------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_turning_the_sign_of_the_scores_turns_the_step_around(tokenizer, algorithm):
    """Without a penalty; the disease is a sign that is lost on the way to the loss."""
    policy = tiny_gpt(tokenizer)
    rollout = groups(tokenizer, policy)
    turned = dataclasses.replace(rollout, scores=-rollout.scores)
    forward, back = (
        moves(algorithm, policy, given, beta=0.0) for given in (rollout, turned)
    )
    assert largest(forward) > 1e-2
    assert gap(forward, [-x for x in back]) < 1e-6


@pytest.mark.parametrize("algorithm", ["reinforce", "grpo", "rloo"])
def test_scores_that_are_all_equal_move_nothing_and_are_counted(tokenizer, algorithm):
    policy = tiny_gpt(tokenizer)
    before = weights(policy)
    rollout = groups(tokenizer, policy, score=lambda p, c: [0.5] * len(c))
    made = descend(algorithm, policy, rollout, beta=0.0)
    assert equal(weights(policy), before) and made["grad_norm"] == 0
    assert made.get("frac_reward_zero_std", 1.0) == 1 and made["score/std"] == 0


# Log-probabilities --------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_probabilities_of_all_next_tokens_sum_to_one(tokenizer, temperature):
    policy, size = tiny_gpt(tokenizer), len(tokenizer)
    ids = torch.arange(size)[:, None]
    prompt = torch.tensor(encode(tokenizer, ["the film"], bos=True, eos=False))
    prompt = prompt.expand(size, -1)
    with torch.no_grad():
        logprobs, entropy = completion_logprobs(
            policy, prompt, torch.ones_like(prompt), ids, torch.ones_like(ids),
            temperature,
        )  # fmt: skip
    total = logprobs.double().exp().sum()
    assert float(total) == pytest.approx(1.0, abs=1e-5)
    by_hand = -(logprobs.double().exp() * logprobs.double()).sum()
    assert float(entropy[0]) == pytest.approx(float(by_hand), abs=1e-5)
    assert 0 < by_hand < math.log(size)


# Preferences --------------------------------------------------------------------------


def test_a_pair_shares_its_prompt_and_starts_with_ln_2_and_ties_that_are_wrong(
    tokenizer,
):
    policy = tiny_gpt(tokenizer)
    rollout = groups(tokenizer, policy)
    # As the step computes it: to the bit, and not only up to rounding.
    pairs = best_and_worst(rollout, GROUP)
    rows = torch.cat([pairs.chosen, pairs.rejected])
    ref = rollout.ref_logprobs.clone()
    with torch.no_grad():
        ref[rows] = logprobs_of(policy, select_rows(rollout, rows))
    pairs = best_and_worst(dataclasses.replace(rollout, ref_logprobs=ref), GROUP)
    for ids in (rollout.prompt_ids, rollout.prompt_mask):
        assert torch.equal(ids[pairs.chosen], ids[pairs.rejected])
    made = pair_metrics(policy, pairs, beta=0.3)
    assert made["loss"] == pytest.approx(math.log(2), abs=1e-7)
    assert made["rewards/margins"] == made["rewards/accuracies"] == 0


def test_the_references_numbers_are_those_of_every_later_step(tokenizer):
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    before = weights(reference)
    rollout = groups(tokenizer, policy, reference)
    kept, later = rollout.ref_logprobs.clone(), []

    def again(history):
        with torch.no_grad():
            later.append(logprobs_of(reference, rollout))

    train_dpo(
        policy, best_and_worst(rollout, GROUP), steps=3, batch_size=3, beta=0.3,
        optimizer=torch.optim.AdamW(policy.parameters(), lr=1e-2), watch=again,
        generator=seeded(),
    )  # fmt: skip
    assert len(later) == 3 and gap(later, [kept] * 3) < 1e-5
    assert torch.equal(rollout.ref_logprobs, kept)
    assert equal(weights(reference), before)
