"""No function mixes devices: inputs on `meta`, and a stray CPU tensor is caught.

A CPU build of torch cannot fake `cuda`, but under FakeTensorMode the device `meta` is
a device like any other: an operation on it and on a CPU tensor raises.  A faked tensor
has no values, so a question about them ("is all of it real?") is answered once with
yes and once with no.  Where there is a GPU (`python -m tools.test_lanes --gpu`) the
same calls run on it for real.
"""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from course.policy.rollout import Rollout, logprobs_of
from course.reward.agreement import (
    RatingTable,
    one_against_rest,
    pairwise_ceiling,
    split_half,
    two_groups,
)
from course.reward.metrics import (
    expected_calibration_error,
    reliability_table,
)
from course.reward.ranking import bradley_terry_fit, strength_errors, win_matrix

B, T, V, C = 4, 6, 11, 12  # batch, time, vocabulary, width

REAL = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
    ),
]


class Make:
    """Makes the inputs of a call on one device."""

    def __init__(self, device: str):
        self.device = torch.device(device)
        torch.manual_seed(0)

    def floats(self, *shape: int) -> Tensor:
        return torch.randn(*shape, device=self.device)

    def ids(self, *shape: int, below: int = V) -> Tensor:
        return torch.randint(below, shape, device=self.device)

    def mask(self, *shape: int) -> Tensor:
        return torch.ones(*shape, dtype=torch.bool, device=self.device)

    def gpt(self, vocab_size: int = V):
        from course.lm.model import GPT, GPTConfig

        config = GPTConfig(
            vocab_size=vocab_size,
            context=16,
            width=C,
            layers=2,
            heads=2,
            kv_heads=1,
            feed_forward=16,
        )
        with self.device:
            return GPT(config)

    def reward_model(self):
        from course.reward.model import RewardModel

        with self.device:
            return RewardModel(self.gpt())


def one_training_step(make: Make) -> Tensor:
    from course.lm.objective import next_token_loss

    model, ids = make.gpt(), make.ids(B, T)
    next_token_loss(model(ids), ids, make.mask(B, T)).backward()
    return next(model.parameters()).grad


def cached_steps(make: Make) -> Tensor:
    model = make.gpt()
    mask = make.mask(B, T)
    cache = model.new_cache()
    model(make.ids(B, T - 1), mask[:, :-1], cache=cache)
    return model(make.ids(B, 1), mask, cache=cache)


def a_rollout(make: Make, **columns: Tensor) -> Rollout:
    """A rollout of B texts of T tokens that nobody wrote."""
    return Rollout(**{
        "prompts": ["a"] * B,
        "completions": ["b"] * B,
        "prompt_ids": make.ids(B, 3),
        "prompt_mask": make.mask(B, 3),
        "completion_ids": make.ids(B, T),
        "completion_mask": make.mask(B, T),
        "old_logprobs": make.floats(B, T),
        "ref_logprobs": make.floats(B, T),
        "scores": make.floats(B),
        "ended": make.mask(B),
        "temperature": 0.9,
        **columns,
    })  # fmt: skip


def reinforce_update(make: Make) -> Tensor:
    """One step of each optimiser; the metrics are floats, so weights are returned."""
    from course.lm.training import optimizers
    from course.policy.reinforce import reinforce_step

    policy, rollout = make.gpt(), a_rollout(make)
    for optimizer in optimizers(policy, 0.01, 0.01, weight_decay=0.0):
        reinforce_step(policy, optimizer, rollout, beta=0.1)
    return next(policy.parameters())


def clipped_update(make: Make, name: str) -> Tensor:
    """One step of PPO, GRPO or RLOO on a rollout of the policy's own."""
    from course.policy import grpo, ppo

    policy, rollout = make.gpt(), a_rollout(make)
    old = logprobs_of(policy, rollout).detach()
    rollout = replace(rollout, old_logprobs=old)
    groups, options = [{"params": policy.parameters()}], {"beta": 0.1}
    if name == "ppo_step":
        critic = ppo.Critic(make.gpt())
        groups.append({"params": critic.parameters()})
        models, step = (policy, critic), ppo.ppo_step
    else:
        models, step = (policy,), getattr(grpo, name)
        options["group_size"] = 2
    optimizer = torch.optim.AdamW(groups, lr=1e-3)
    step(*models, optimizer, rollout, minibatches=2, epochs=2, **options)
    return next(policy.parameters())


def dpo_update(make: Make) -> Tensor:
    """Pairs out of groups, and two passes over them."""
    from course.policy.dpo import best_and_worst, pair_metrics, train_dpo

    policy = make.gpt()
    like = make.floats(B)
    scores = torch.arange(float(B)).to(like)
    pairs = best_and_worst(a_rollout(make, scores=scores), 2).swapped()
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3)
    train_dpo(
        policy, pairs, optimizer=optimizer, steps=2, batch_size=1, beta=0.1,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    pair_metrics(policy, pairs, beta=0.1)
    return next(policy.parameters())


def calls() -> dict[str, Callable[[Make], object]]:
    """Every public tensor function that needs no value of its inputs: name -> call."""
    from course.lm import (
        finetuning,
        layers,
        ngram,
        objective,
        packing,
        sampling,
    )
    from course.policy import (
        advantages,
        clipping,
        critic,
        enumerable,
        groups,
        kl,
        losses,
        shared,
    )
    from course.policy import preference_losses as preference
    from course.reward import (
        annotator,
        best_of_n,
        composite,
        dense,
        metrics,
        ranking,
    )
    from course.reward import losses as reward_losses
    from course.reward import model as reward_model

    def is_a_number(result: object, make: Make) -> Tensor:
        assert isinstance(result, float)
        return make.floats(1)

    return {
        # lm.layers
        "rms_norm": lambda m: layers.rms_norm(m.floats(B, T, C), m.floats(C)),
        "rotary": lambda m: layers.rotary(
            m.floats(B, 2, T, 6), torch.arange(T, device=m.device)
        ),
        "rotary_angles": lambda m: layers.rotary_angles(
            torch.arange(T, device=m.device), 6
        ),
        "turn": lambda m: layers.turn(
            m.floats(B, 2, T, 6), m.floats(T, 3), m.floats(T, 3)
        ),
        "attend": lambda m: layers.attend(
            m.floats(B, 4, T, 6),
            m.floats(B, 2, T, 6),
            m.floats(B, 2, T, 6),
            m.mask(T, T),
        ),
        "causal_attention": lambda m: layers.causal_attention(
            m.floats(B, 4, T, 6), m.floats(B, 2, T, 6), m.floats(B, 2, T, 6)
        ),
        "swiglu": lambda m: layers.swiglu(
            m.floats(B, T, C), m.floats(16, C), m.floats(16, C), m.floats(C, 16)
        ),
        "visible_positions": lambda m: layers.visible_positions(
            T, T, m.mask(B, 1, T), m.device
        ),
        # lm.model
        "GPT": lambda m: m.gpt()(m.ids(B, T)),
        "GPT, padded": lambda m: m.gpt()(m.ids(B, T), m.mask(B, T)),
        "GPT, packed": lambda m: m.gpt()(m.ids(B, T), segments=m.ids(B, T, below=2)),
        "GPT, cached": cached_steps,
        "GPT, gradient": one_training_step,
        # lm.objective
        "token_logprobs": lambda m: objective.token_logprobs(
            m.floats(B, T, V), m.ids(B, T), temperature=0.7
        ),
        "next_token_loss": lambda m: objective.next_token_loss(
            m.floats(B, T, V), m.ids(B, T), m.mask(B, T)
        ),
        "sequence_logprob": lambda m: objective.sequence_logprob(
            m.floats(B, T, V), m.ids(B, T), m.mask(B, T)
        ),
        "entropy": lambda m: objective.entropy(m.floats(B, T, V), temperature=0.7),
        "completion_logprobs": lambda m: objective.completion_logprobs(
            m.gpt(), m.ids(B, 3), m.mask(B, 3), m.ids(B, T), m.mask(B, T)
        ),
        "interpolated_probability": lambda m: ngram.interpolated_probability(
            m.floats(T, 3).sigmoid(), m.floats(3).softmax(0)
        ),
        "token_entropy": lambda m: objective.token_entropy(
            m.floats(B, T, V), m.mask(B, T)
        ),
        # lm.sampling
        "apply_temperature": lambda m: sampling.apply_temperature(m.floats(B, V), 0.7),
        "top_k_filter": lambda m: sampling.top_k_filter(m.floats(B, V), 3),
        "top_p_filter": lambda m: sampling.top_p_filter(m.floats(B, V), 0.9),
        "completion_mask": lambda m: sampling.completion_mask(m.ids(B, below=T), T),
        "tokens_at": lambda m: sampling.tokens_at(
            m.floats(B, V), m.floats(B).double().sigmoid()
        ),
        "sample_tokens": lambda m: sampling.sample_tokens(
            m.floats(B, V), torch.Generator().manual_seed(0)
        ),
        # lm.packing
        "packed_loss": lambda m: packing.packed_loss(
            m.gpt(), m.ids(B, T), m.ids(B, T, below=2)
        ),
        # lm.finetuning
        "completion_labels": lambda m: finetuning.completion_labels(
            m.ids(B, T), m.ids(B, below=2), m.ids(B, below=T)
        ),
        "masked_mean_loss": lambda m: finetuning.masked_mean_loss(
            m.floats(B, T), m.mask(B, T)
        ),
        "completion_loss": lambda m: finetuning.completion_loss(
            m.floats(B, T, V), m.ids(B, T)
        ),
        # reward
        "pairwise_loss": lambda m: reward_losses.pairwise_loss(
            m.floats(B), m.floats(B)
        ),
        "regression_loss": lambda m: reward_losses.regression_loss(
            m.floats(B), m.floats(B)
        ),
        "centering_loss": lambda m: reward_losses.centering_loss(
            m.floats(B), m.floats(B)
        ),
        "ordered_cuts": lambda m: reward_losses.ordered_cuts(m.floats(4)),
        "ordinal_loss": lambda m: reward_losses.ordinal_loss(
            m.floats(B),
            m.ids(B, below=5),
            torch.arange(4.0, device=m.device),
        ),
        "ordinal_log_probabilities": lambda m: reward_losses.ordinal_log_probabilities(
            m.floats(B), torch.arange(4.0, device=m.device)
        ),
        "pearson": lambda m: is_a_number(metrics.pearson(m.floats(B), m.floats(B)), m),
        "preference_accuracy": lambda m: is_a_number(
            metrics.preference_accuracy(m.floats(B), m.floats(B)), m
        ),
        "weighted_sum": lambda m: composite.weighted_sum(m.floats(3, B), m.floats(3)),
        "composite_reward": lambda m: composite.composite_reward(
            m.floats(3, B), m.floats(3)
        ),
        "sparse_rewards": lambda m: dense.sparse_rewards(m.floats(B), m.mask(B, T)),
        "potential_increments": lambda m: dense.potential_increments(
            m.floats(B, T + 1), m.mask(B, T)
        ),
        "pair_probability": lambda m: is_a_number(
            ranking.pair_probability(m.floats(B).tanh(), m.floats(T).tanh()), m
        ),
        "pair_votes": lambda m: ranking.pair_votes(
            m.floats(B, T), m.mask(B, T), m.floats(B, 3), m.mask(B, 3)
        ),
        "elo_update": lambda m: ranking.elo_update(m.floats(B), 0, 2, 1.0),
        "choice_logits": lambda m: annotator.choice_logits(
            m.floats(B), m.floats(B).exp(), noise=1.0, length_bias=0.5
        ),
        "choice_probabilities": lambda m: annotator.choice_probabilities(
            m.floats(B), 0.5
        ),
        "annotate": lambda m: annotator.annotate(
            m.floats(B), generator=torch.Generator().manual_seed(0), ties=0.5
        ),
        "best_of_n": lambda m: best_of_n.best_of_n(m.floats(B, T)),
        "kept_rows": lambda m: best_of_n.kept_rows(m.floats(B), 2),
        "pool_estimate": lambda m: best_of_n.pool_estimate(
            m.floats(B, T), m.floats(B, T), 2
        ),
        "standardise": lambda m: reward_model.standardise(m.floats(B)),
        "last_token_scores": lambda m: reward_model.last_token_scores(
            m.floats(B, T, C), m.mask(B, T), m.floats(C)
        ),
        "RewardModel": lambda m: m.reward_model()(m.ids(B, T), m.mask(B, T)),
        # policy
        "k1": lambda m: kl.k1(m.floats(B, T), m.floats(B, T)),
        "k2": lambda m: kl.k2(m.floats(B, T), m.floats(B, T)),
        "k3": lambda m: kl.k3(m.floats(B, T), m.floats(B, T)),
        "kl_seq": lambda m: kl.kl_seq(m.floats(B, T), m.floats(B, T), m.mask(B, T)),
        "kl_tok": lambda m: kl.kl_tok(m.floats(B, T), m.floats(B, T), m.mask(B, T)),
        "exact_kl": lambda m: kl.exact_kl(m.floats(B, T, V), m.floats(B, T, V)),
        "shaped_rewards": lambda m: advantages.shaped_rewards(
            m.floats(B), m.floats(B, T), m.floats(B, T), m.mask(B, T), 0.1
        ),
        "returns_to_go": lambda m: advantages.returns_to_go(
            m.floats(B, T), m.mask(B, T), 0.9
        ),
        "batch_mean_baseline": lambda m: advantages.batch_mean_baseline(m.floats(B)),
        "leave_one_out_baseline": lambda m: advantages.leave_one_out_baseline(
            m.floats(B), 2
        ),
        "whole_sequence_advantages": lambda m: advantages.whole_sequence_advantages(
            m.floats(B, T), m.mask(B, T)
        ),
        "reward_to_go_advantages": lambda m: advantages.reward_to_go_advantages(
            m.floats(B, T), m.mask(B, T)
        ),
        "whiten": lambda m: advantages.whiten(m.floats(B, T), m.mask(B, T)),
        "reduce_token_mean": lambda m: losses.reduce_token_mean(
            m.floats(B, T), m.mask(B, T)
        ),
        "reduce_seq_mean": lambda m: losses.reduce_seq_mean(
            m.floats(B, T), m.mask(B, T)
        ),
        "reduce_seq_sum": lambda m: losses.reduce_seq_sum(m.floats(B, T), m.mask(B, T)),
        "reduce_const": lambda m: losses.reduce_const(m.floats(B, T), m.mask(B, T), T),
        "reinforce_loss": lambda m: losses.reinforce_loss(
            m.floats(B, T), m.floats(B), m.mask(B, T)
        ),
        "sum_logprobs": lambda m: preference.sum_logprobs(m.floats(B, T), m.mask(B, T)),
        "mean_logprobs": lambda m: preference.mean_logprobs(
            m.floats(B, T), m.mask(B, T)
        ),
        "pair_log_ratio": lambda m: preference.pair_log_ratio(
            m.floats(B), m.floats(B), m.floats(B), m.floats(B)
        ),
        "dpo_loss": lambda m: preference.dpo_loss(m.floats(B), 0.1),
        "cdpo_loss": lambda m: preference.cdpo_loss(m.floats(B), 0.1, 0.2),
        "cdpo_loss, a share per pair": lambda m: preference.cdpo_loss(
            m.floats(B), 0.1, m.floats(B).sigmoid()
        ),
        "robust_dpo_loss": lambda m: preference.robust_dpo_loss(m.floats(B), 0.1, 0.2),
        "ipo_loss": lambda m: preference.ipo_loss(m.floats(B), 0.1),
        "hinge_loss": lambda m: preference.hinge_loss(m.floats(B), 0.1),
        "implicit_rewards": lambda m: preference.implicit_rewards(
            m.floats(B, T), m.floats(B, T), m.mask(B, T), 0.1
        ),
        "dpo_metrics": lambda m: is_a_number(
            preference.dpo_metrics(m.floats(1).sum(), *[m.floats(B)] * 4, 0.1)["loss"],
            m,
        ),
        "optimal_policy": lambda m: preference.optimal_policy(
            m.floats(V).softmax(0), m.floats(V), 0.1
        ),
        "kl_estimators": lambda m: kl.kl_estimators(m.floats(B, T), m.floats(B, T)),
        "group_advantages": lambda m: groups.group_advantages(m.floats(B), 2),
        "centred_advantages": lambda m: groups.centred_advantages(m.floats(B), 2),
        "rloo_advantages": lambda m: groups.rloo_advantages(m.floats(B), 2),
        "group_std": lambda m: groups.group_std(m.floats(B), 2),
        "frac_reward_zero_std": lambda m: groups.frac_reward_zero_std(m.floats(B), 2),
        "importance_ratio": lambda m: clipping.importance_ratio(
            m.floats(B, T), m.floats(B, T), m.mask(B, T)
        ),
        "sequence_ratio": lambda m: clipping.sequence_ratio(
            m.floats(B, T), m.floats(B, T), m.mask(B, T)
        ),
        "ppo_clip_loss": lambda m: clipping.ppo_clip_loss(
            m.floats(B, T), m.floats(B, T), m.floats(B), m.mask(B, T), 0.2
        ),
        "grpo_loss": lambda m: clipping.grpo_loss(
            *(m.floats(B, T) for _ in range(3)), m.floats(B), m.mask(B, T), 0.1, 0.2
        ),
        "rloo_loss": lambda m: clipping.rloo_loss(
            m.floats(B, T), m.floats(B, T), m.floats(B), m.mask(B, T), 0.2
        ),
        "is_clipped": lambda m: clipping.is_clipped(m.floats(B, T), m.floats(B), 0.2),
        "gae": lambda m: critic.gae(
            m.floats(B, T), m.floats(B, T), m.mask(B, T), 1.0, 0.95
        ),
        "gae_advantages": lambda m: critic.gae_advantages(
            m.floats(B, T), m.floats(B, T), m.mask(B, T), 1.0, 0.95
        ),
        "value_loss": lambda m: critic.value_loss(
            *(m.floats(B, T) for _ in range(3)), m.mask(B, T), 0.2
        ),
        "value_clip_fraction": lambda m: critic.value_clip_fraction(
            *(m.floats(B, T) for _ in range(3)), m.mask(B, T), 0.2
        ),
        "explained_variance": lambda m: critic.explained_variance(
            m.floats(B, T), m.floats(B, T), m.mask(B, T)
        ),
        "bellman_backup": lambda m: enumerable.bellman_backup(
            m.floats(B, 2), m.floats(B, 2), m.floats(B, 2)
        ),
        "rank_mean": lambda m: shared.rank_mean(
            m.floats(B, T), m.mask(B, T), 2 * B * T, 2
        ),
        "shared_token_mean": lambda m: shared.shared_token_mean(m.mask(B, T))(
            m.floats(B, T), m.mask(B, T)
        ),
        "shared_advantages": lambda m: shared.shared_advantages(
            m.floats(B, T), m.mask(B, T)
        ),
        "shared_whiten": lambda m: shared.shared_whiten(m.floats(B, T), m.mask(B, T)),
        "policy_entropy": lambda m: losses.policy_entropy(
            m.floats(B, T, V), m.mask(B, T)
        ),
    }


def writes(make: Make, **options) -> object:
    from course.lm.sampling import generate

    return generate(
        make.gpt(),
        make.ids(B, 3),
        make.mask(B, 3),
        max_new_tokens=T,
        eos_id=1,
        pad_id=0,
        generator=torch.Generator().manual_seed(0),
        **options,
    )


def halves(make: Make) -> tuple[Tensor, Tensor]:
    first = torch.arange(T, device=make.device).expand(B, T) < T // 2
    return first, ~first


# The shape of what these make depends on values: they run on a real device only.
NEED_VALUES: dict[str, Callable[[Make], object]] = {
    "reinforce_step": reinforce_update,
    "reliability_table": lambda m: (
        reliability_table(m.floats(B).sigmoid(), m.mask(B).float(), 2) and m.floats(1)
    ),
    "expected_calibration_error": lambda m: (
        m.floats(1) * expected_calibration_error(m.floats(B).sigmoid(), m.mask(B), 2)
    ),
    "ppo_step": lambda m: clipped_update(m, "ppo_step"),
    "grpo_step": lambda m: clipped_update(m, "grpo_step"),
    "rloo_step": lambda m: clipped_update(m, "rloo_step"),
    **dict.fromkeys(
        ("best_and_worst", "dpo_step", "pair_metrics", "train_dpo"), dpo_update
    ),
    "two_groups": lambda m: two_groups(
        m.mask(B, T), 2, torch.Generator().manual_seed(0)
    ),
    "split_half": lambda m: m.floats(1) * split_half(m.floats(B, T).tanh(), *halves(m)),
    "one_against_rest": lambda m: (
        m.floats(1)
        * one_against_rest(
            RatingTable(m.floats(B, T).tanh(), m.mask(B, T)),
            torch.Generator().manual_seed(0),
        )
    ),
    "pairwise_ceiling": lambda m: (
        m.floats(1) * pairwise_ceiling(m.floats(B).abs(), m.floats(B).abs())
    ),
    "win_matrix": lambda m: win_matrix(
        m.ids(B, below=2), m.ids(B, below=2) + 2, m.floats(B).sigmoid(), 4
    ),
    "bradley_terry_fit": lambda m: bradley_terry_fit(m.floats(B, B).exp()),
    "strength_errors": lambda m: strength_errors(m.floats(B), m.floats(B, B).exp()),
    "generate": writes,
    "generate, truncated": lambda m: writes(m, temperature=0.8, top_k=5, top_p=0.9),
    "generate, uncached": lambda m: writes(m, use_cache=False),
}
CALLS = calls()


class Answer(TorchDispatchMode):
    """Answers every `bool(tensor)` alike, and every number with 1."""

    def __init__(self, answer: bool):
        super().__init__()
        self.answer, self.asked = answer, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten._local_scalar_dense.default:
            self.asked += 1
            if args[0].dtype == torch.bool:
                return self.answer
            return 1.0 if args[0].is_floating_point() else 1
        return function(*args, **(kwargs or {}))


def run_on_meta(call: Callable[[Make], object]) -> list[object]:
    """Run a call with every tensor faked and the inputs on `meta`.

    Gives its results, one for each answer with which it raises no ValueError.
    """
    results = []
    for answer in (True, False):
        with FakeTensorMode(), Answer(answer) as mode:
            try:
                results.append(call(Make("meta")))
            except ValueError:
                assert mode.asked, "refused, and not because of a value"
        if not mode.asked:
            break
    return results


def mixes_a_new_tensor(make: Make) -> Tensor:
    return make.floats(B, T) * torch.ones(T)


def mixes_a_new_mask(make: Make) -> Tensor:
    return make.floats(T, T).masked_fill(torch.ones(T, T).triu(1).bool(), 0.0)


def mixes_positions(make: Make) -> Tensor:
    return make.ids(B, T) + torch.arange(T)


def mixes_a_buffer(make: Make) -> Tensor:
    model = make.gpt()
    return model.hidden(make.ids(B, T)) @ torch.ones(C)


@pytest.mark.parametrize(
    "call", [mixes_a_new_tensor, mixes_a_new_mask, mixes_positions, mixes_a_buffer]
)
def test_a_function_that_mixes_in_a_cpu_tensor_is_caught(call):
    # FakeTensorDeviceMismatchError, or torch 2.11's RuntimeError of the same words.
    with pytest.raises(RuntimeError, match="(?i)device"):
        run_on_meta(call)


def devices_of(result: object) -> set[str]:
    if isinstance(result, Tensor):
        return {result.device.type}
    parts = result if isinstance(result, tuple | list) else list(vars(result).values())
    assert parts
    return set().union(*map(devices_of, parts))


@pytest.mark.parametrize("name", CALLS)
def test_no_cpu_tensor_is_mixed_in(name):
    assert devices_of(run_on_meta(CALLS[name])) == {"meta"}


# Rooms whose public functions are all about tensors, but for those named.
COMPLETE = {
    "course.lm.finetuning": {
        "demonstrations",  # texts
        "completion_batch",  # lists
        "fine_tune",  # texts
        "adamw",  # an optimizer
    },
    "course.lm.layers": set(),
    "course.lm.objective": set(),
    "course.policy.advantages": set(),
    "course.policy.clipping": set(),
    "course.policy.dpo": set(),
    "course.policy.groups": set(),
    "course.policy.grpo": set(),
    "course.policy.ppo": set(),
    "course.policy.kl": {"adapt_beta"},  # numbers
    "course.policy.losses": {"same_shape"},  # raises or returns nothing
    "course.policy.reinforce": set(),
    "course.policy.shared": set(),
    "course.policy.critic": set(),
    "course.policy.preference_losses": set(),
    "course.reward.agreement": {
        "bootstrap_interval",  # a function and numbers
        "check_range",  # raises or returns nothing
        "rating_table",  # lists
        "spearman_brown",  # two numbers
    },
    "course.reward.annotator": set(),
    "course.reward.ranking": set(),
    "course.reward.best_of_n": {
        "best_of_n_kl",  # one number
        "pool_weights",  # two numbers
    },
    "course.reward.composite": set(),
    "course.reward.dense": set(),
    "course.reward.losses": set(),
    "course.reward.metrics": set(),
}


@pytest.mark.parametrize("module", COMPLETE)
def test_no_function_on_tensors_is_forgotten_here(module):
    public = {
        name
        for name, thing in vars(importlib.import_module(module)).items()
        if inspect.isfunction(thing)
        and thing.__module__ == module
        and not name.startswith("_")
    }
    assert public - COMPLETE[module] - CALLS.keys() - NEED_VALUES.keys() == set()


@pytest.mark.parametrize("device", REAL)
@pytest.mark.parametrize("name", [*CALLS, *NEED_VALUES])
def test_the_calls_run_on_a_real_device_and_stay_there(name, device):
    call = CALLS.get(name) or NEED_VALUES[name]
    assert devices_of(call(Make(device))) == {device}
