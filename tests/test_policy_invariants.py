"""What must hold for every policy-gradient step, whatever the numbers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from course.lm.sampling import completion_mask
from course.policy.advantages import (
    batch_mean_baseline,
    leave_one_out_baseline,
    returns_to_go,
    reward_to_go_advantages,
    shaped_rewards,
    whiten,
    whole_sequence_advantages,
)
from course.policy.enumerable import bellman_backup
from course.policy.kl import exact_kl, k1, k2, k3, kl_seq, kl_tok
from course.policy.losses import (
    policy_entropy,
    reduce_const,
    reduce_seq_mean,
    reduce_seq_sum,
    reduce_token_mean,
    reinforce_loss,
)

FEW = settings(max_examples=40, deadline=None)


def batch(seed: int, rows: int = 4, time: int = 5, device: str = "cpu") -> dict:
    """Random log-probabilities, scores and a mask from lengths of at least one."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    lengths = torch.randint(1, time + 1, (rows,), generator=generator)
    mask = completion_mask(lengths, time)
    return {
        "mask": mask,
        "old": (-normal(rows, time).abs()) * mask,
        "ref": (-normal(rows, time).abs()) * mask,
        "scores": normal(rows),
        "values": normal(rows, time),
    }


batches = st.builds(batch, st.integers(0, 2**32), st.integers(2, 6), st.integers(1, 7))


def close(left: Tensor, right: Tensor, tolerance: float = 1e-12) -> bool:
    return bool((left - right).abs().max() <= tolerance)


# Rewards and returns ------------------------------------------------------------------


@FEW
@given(batches, st.floats(0, 5))
def test_shaped_rewards_sum_to_score_minus_beta_times_the_summed_log_ratio(x, beta):
    rewards = shaped_rewards(x["scores"], x["old"], x["ref"], x["mask"], beta)
    d = ((x["old"] - x["ref"]) * x["mask"]).sum(1)
    assert close(rewards.sum(1), x["scores"] - beta * d, 1e-10)
    assert (rewards[~x["mask"]] == 0).all()


def test_the_score_lands_on_the_last_completion_token_and_nowhere_else():
    mask = completion_mask(torch.tensor([1, 3, 2]), 3)
    zero = torch.zeros(3, 3)
    rewards = shaped_rewards(torch.tensor([5.0, 6.0, 7.0]), zero, zero, mask, 0.1)
    assert rewards.tolist() == [[5, 0, 0], [0, 0, 6], [0, 7, 0]]


@FEW
@given(batches, st.floats(0, 1))
def test_returns_to_go_equal_the_double_sum_of_their_definition(x, gamma):
    rewards, mask = x["values"], x["mask"]
    returns = returns_to_go(rewards, mask, gamma)
    for b in range(len(mask)):
        for t in range(mask.shape[1]):
            later = range(t, int(mask[b].sum()))
            expected = sum(gamma ** (s - t) * float(rewards[b, s]) for s in later)
            assert abs(float(returns[b, t]) - expected) < 1e-10


@FEW
@given(batches, st.floats(0, 1))
def test_returns_to_go_satisfy_the_bellman_equation_of_a_single_path(x, gamma):
    rewards = x["values"] * x["mask"]
    returns = returns_to_go(rewards, x["mask"], gamma)
    following = torch.cat([returns[:, 1:], torch.zeros_like(returns[:, :1])], 1)
    one_action = [y.reshape(-1, 1) for y in (torch.ones_like(returns), rewards)]
    backed_up = bellman_backup(*one_action, following.reshape(-1, 1), gamma)
    assert close(backed_up.view_as(returns), returns)


# Baselines and advantages -------------------------------------------------------------


@FEW
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(2, 5))
def test_leave_one_out_baselines_are_the_mean_of_the_others_counted_by_hand(
    seed, prompts, group_size
):
    generator = torch.Generator().manual_seed(seed)
    rewards = torch.randn(prompts * group_size, generator=generator).double()
    baseline = leave_one_out_baseline(rewards, group_size)
    for i in range(len(rewards)):
        first = i // group_size * group_size
        others = [float(rewards[j]) for j in range(first, first + group_size) if j != i]
        assert abs(float(baseline[i]) - sum(others) / len(others)) < 1e-12
    groups = rewards.view(-1, group_size)
    centred = (groups - groups.mean(1, keepdim=True)).view(-1)
    factor = group_size / (group_size - 1)
    assert close(rewards - baseline, factor * centred)


@FEW
@given(batches)
def test_advantages_do_not_change_when_a_constant_is_added_to_every_score(x):
    for credit in (whole_sequence_advantages, reward_to_go_advantages):
        before, after = (
            credit(
                shaped_rewards(x["scores"] + c, x["old"], x["ref"], x["mask"], 0.1),
                x["mask"],
            )
            for c in (0.0, 7.0)
        )
        assert close(before, after, 1e-10)


@FEW
@given(batches)
def test_equal_scores_without_a_penalty_give_zero_advantages_and_zero_gradient(x):
    equal = torch.full_like(x["scores"], 1.5)
    rewards = shaped_rewards(equal, x["old"], x["ref"], x["mask"], 0.0)
    for credit in (whole_sequence_advantages, reward_to_go_advantages):
        logprobs = x["old"].clone().requires_grad_()
        loss = reinforce_loss(logprobs, credit(rewards, x["mask"]), x["mask"])
        loss.backward()
        assert close(logprobs.grad, torch.zeros_like(logprobs), 1e-12)


@FEW
@given(batches)
def test_both_credits_agree_on_the_first_token(x):
    rewards = shaped_rewards(x["scores"], x["old"], x["ref"], x["mask"], 0.2)
    whole = whole_sequence_advantages(rewards, x["mask"])
    to_go = reward_to_go_advantages(rewards, x["mask"])
    assert close(whole, to_go[:, 0])
    assert (to_go[~x["mask"]] == 0).all()


@FEW
@given(batches)
def test_whitened_advantages_have_masked_mean_zero_and_biased_variance_one(x):
    mask = x["mask"]
    white = whiten(x["values"], mask)
    kept = white[mask]
    assert abs(float(kept.mean())) < 1e-10
    variance = float(x["values"][mask].var(correction=0))
    # (A - mean) / sqrt(var + 1e-8): just below 1, and 0 for a single token.
    assert abs(float(kept.var(correction=0)) - variance / (variance + 1e-8)) < 1e-10
    assert (white[~mask] == 0).all()


def test_whitening_a_constant_gives_zeros_and_no_division_by_zero():
    white = whiten(torch.full((2, 3), 4.0), torch.ones(2, 3))
    assert white.tolist() == [[0, 0, 0], [0, 0, 0]]


# Losses and reductions ----------------------------------------------------------------


def test_each_reduction_is_the_one_counted_by_hand():
    values = torch.tensor([[2.0, 4.0, 9.0], [6.0, 99.0, 99.0]])
    mask = completion_mask(torch.tensor([3, 1]), 3)
    assert reduce_token_mean(values, mask) == 21 / 4
    assert reduce_seq_mean(values, mask) == (5 + 6) / 2
    assert reduce_seq_sum(values, mask) == (15 + 6) / 2
    assert reduce_const(values, mask, max_length=10) == pytest.approx(21 / 20)


@FEW
@given(batches)
def test_the_token_mean_and_its_gradient_survive_a_split_into_micro_batches(x):
    n_tokens = x["mask"].sum()
    whole, split = (x["old"].clone().requires_grad_() for _ in range(2))
    reinforce_loss(whole, x["scores"], x["mask"]).backward()
    total = 0.0
    for row in range(len(split)):
        i = slice(row, row + 1)
        loss = reinforce_loss(
            split[i],
            x["scores"][i],
            x["mask"][i],
            reduce=lambda v, m: reduce_token_mean(v, m, n_tokens),
        )
        loss.backward()
        total += float(loss.detach())
    expected = reinforce_loss(whole.detach(), x["scores"], x["mask"])
    assert abs(total - float(expected)) < 1e-10
    assert close(whole.grad, split.grad)


def test_the_mean_of_micro_batch_means_is_wrong_when_lengths_differ():
    """The counter-example that the divisor of the whole batch is there for."""
    values = torch.tensor([[3.0, 3.0, 3.0], [1.0, 0.0, 0.0]])
    mask = completion_mask(torch.tensor([3, 1]), 3)
    means = [reduce_token_mean(values[i : i + 1], mask[i : i + 1]) for i in (0, 1)]
    assert sum(means) / 2 == 2.0
    assert reduce_token_mean(values, mask) == 2.5


@FEW
@given(batches)
def test_an_all_padding_column_changes_nothing(x):
    def wider(y: Tensor, fill: float) -> Tensor:
        return torch.cat([y, y.new_full((len(y), 2), fill)], 1)

    mask, wide = x["mask"], wider(x["mask"], 0)
    # What stands on padding must not matter, so it is made absurd.
    old, ref, values = (wider(x[k], math.nan) for k in ("old", "ref", "values"))
    narrow_rewards = shaped_rewards(x["scores"], x["old"], x["ref"], mask, 0.1)
    rewards = shaped_rewards(x["scores"], old, ref, wide, 0.1)
    assert close(rewards[:, : mask.shape[1]], narrow_rewards)
    for credit in (whole_sequence_advantages, reward_to_go_advantages):
        thin = reinforce_loss(x["old"], credit(narrow_rewards, mask), mask)
        assert close(reinforce_loss(old, credit(rewards, wide), wide), thin)
    for reduce in (reduce_token_mean, reduce_seq_mean, reduce_seq_sum):
        assert close(reduce(values, wide), reduce(x["values"], mask))
    for kl in (kl_seq, kl_tok):
        assert close(kl(old, ref, wide), kl(x["old"], x["ref"], mask))
    assert close(whiten(values, wide)[:, : mask.shape[1]], whiten(x["values"], mask))


@FEW
@given(batches)
def test_one_advantage_per_completion_is_the_same_as_copies_on_its_tokens(x):
    copied = x["scores"][:, None].expand_as(x["old"])
    one = reinforce_loss(x["old"], x["scores"], x["mask"])
    assert close(one, reinforce_loss(x["old"], copied, x["mask"]))


def test_a_square_batch_does_not_broadcast_advantages_along_time():
    """(batch,) against (batch, time) with batch = time would fit silently."""
    logprobs = torch.tensor([[1.0, 1.0], [10.0, 10.0]])
    loss = reinforce_loss(logprobs, torch.tensor([1.0, 0.0]), torch.ones(2, 2))
    assert loss == -0.5  # only the first row counts: -(1 + 1) / 4


@FEW
@given(batches)
def test_the_gradient_of_the_loss_is_minus_advantage_over_the_token_count(x):
    logprobs = x["old"].clone().requires_grad_()
    reinforce_loss(logprobs, x["values"], x["mask"]).backward()
    by_hand = -x["values"] * x["mask"] / x["mask"].sum()
    assert close(logprobs.grad, by_hand)


def test_no_gradient_reaches_scores_old_reference_or_advantages():
    x = batch(0)
    leaves = [x[k].clone().requires_grad_() for k in ("scores", "old", "ref")]
    logprobs = x["old"].clone().requires_grad_()
    rewards = shaped_rewards(*leaves, x["mask"], 0.3)
    advantages = (rewards + leaves[1]).requires_grad_()
    reinforce_loss(logprobs, advantages, x["mask"]).backward()
    assert logprobs.grad is not None
    assert all(leaf.grad is None for leaf in leaves)


# KL and entropy -----------------------------------------------------------------------


@FEW
@given(st.integers(0, 2**32), st.floats(1e-9, 30))
def test_k2_and_k3_are_never_negative_and_identical_policies_give_zero(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    a, b = -torch.rand(2, 50, generator=generator) * scale
    assert (k2(a, b) >= 0).all() and (k3(a, b) >= 0).all()
    for estimate in (k1, k2, k3):
        assert (estimate(a, a) == 0).all()


def test_the_kl_per_sequence_and_per_token_are_those_counted_by_hand():
    new = torch.tensor([[-1.0, -2.0], [-3.0, 50.0]])
    ref = torch.tensor([[-2.0, -4.0], [-2.0, -50.0]])
    mask = completion_mask(torch.tensor([2, 1]), 2)
    assert kl_seq(new, ref, mask) == ((1 + 2) + (-1)) / 2
    assert float(kl_tok(new, ref, mask)) == pytest.approx((1 + 2 - 1) / 3)


def test_k3_stays_finite_when_the_policies_have_drifted_far_apart():
    apart = torch.tensor([-500.0, 0.0])
    assert k3(apart, apart.flip(0)).isfinite().all()


@FEW
@given(st.integers(0, 2**32), st.floats(0.01, 50))
def test_the_exact_kl_is_never_negative_and_ignores_a_shift_of_the_logits(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    a, b = scale * torch.randn(2, 3, 6, generator=generator, dtype=torch.float64)
    assert (exact_kl(a, b) >= -1e-12).all()
    assert close(exact_kl(a + 3, b - 2), exact_kl(a, b), 1e-10)
    assert close(exact_kl(a, a), torch.zeros(3))


def test_sample_means_of_k1_and_k3_meet_the_exact_kl_within_three_standard_errors():
    generator = torch.Generator().manual_seed(0)
    logits, ref_logits = torch.randn(2, 8, generator=generator, dtype=torch.float64)
    log_pi, log_ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
    drawn = torch.multinomial(log_pi.exp(), 20_000, True, generator=generator)
    truth = exact_kl(logits, ref_logits)
    for estimate in (k1, k3):
        sample = estimate(log_pi[drawn], log_ref[drawn])
        error = sample.std() / math.sqrt(len(sample))
        assert (sample.mean() - truth).abs() < 3 * error


@FEW
@given(st.integers(0, 2**32), st.floats(0.01, 100))
def test_the_policy_entropy_lies_between_zero_and_the_log_of_the_vocabulary(
    seed, scale
):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(3, 4, 9, generator=generator)
    mask = completion_mask(torch.tensor([4, 1, 2]), 4)
    assert -1e-6 <= float(policy_entropy(logits, mask)) <= math.log(9) + 1e-6


def test_the_policy_entropy_ignores_padding_and_is_exact_on_uniform_choices():
    logits = torch.zeros(2, 3, 5)
    logits[0, 1:, 0] = 50.0  # on padding: a distribution that is almost certain
    mask = completion_mask(torch.tensor([1, 3]), 3)
    assert float(policy_entropy(logits, mask)) == pytest.approx(math.log(5), abs=1e-6)


# Shapes and devices -------------------------------------------------------------------


@pytest.mark.parametrize("call, sentence", [
    (lambda x: reinforce_loss(x["old"], x["scores"][:2], x["mask"]), "advantages"),
    (lambda x: reinforce_loss(x["old"], x["scores"][:, None], x["mask"]), "advantages"),
    (lambda x: reinforce_loss(x["old"], x["scores"], x["mask"][:, 1:]), "mask"),
    (lambda x: shaped_rewards(x["old"], x["old"], x["ref"], x["mask"], 0.1), "scores"),
    (lambda x: shaped_rewards(x["scores"], x["old"], x["ref"][:1], x["mask"], 0), "sh"),
    (lambda x: returns_to_go(x["old"], x["mask"], gamma=1.1), "gamma"),
    (lambda x: returns_to_go(x["scores"], x["scores"]), "batch, time"),
    (lambda x: batch_mean_baseline(x["old"]), "(batch,)"),
    (lambda x: leave_one_out_baseline(x["old"], 2), "(batch,)"),
    (lambda x: leave_one_out_baseline(x["scores"], 1), "at least 2"),
    (lambda x: leave_one_out_baseline(x["scores"], 3), "multiple"),
    (lambda x: whiten(x["old"], x["mask"][:1]), "one shape"),
    (lambda x: reduce_token_mean(x["old"], x["mask"][:1]), "(batch, time)"),
    (lambda x: k3(x["old"], x["ref"][:1]), "one shape"),
    (lambda x: exact_kl(x["old"], x["ref"][:1]), "one shape"),
    (lambda x: bellman_backup(x["old"], x["ref"], x["scores"]), "(states, actions)"),
])  # fmt: skip
def test_shapes_that_do_not_fit_are_refused_instead_of_broadcast(call, sentence):
    with pytest.raises(ValueError, match="got .*expected") as error:
        call(batch(1))
    assert sentence in str(error.value)


def test_every_pure_function_stays_on_the_device_of_its_inputs():
    with FakeTensorMode():
        old, ref, values = (torch.zeros(4, 5, device="meta") for _ in range(3))
        mask = torch.ones(4, 5, dtype=torch.bool, device="meta")
        scores = torch.zeros(4, device="meta")
        logits = torch.zeros(4, 5, 7, device="meta")
        rewards = shaped_rewards(scores, old, ref, mask, 0.1)
        to_go = reward_to_go_advantages(rewards, mask)
        results = [
            rewards, to_go, whole_sequence_advantages(rewards, mask),
            leave_one_out_baseline(scores, 2), whiten(values, mask),
            reinforce_loss(old, to_go, mask), reinforce_loss(old, scores, mask),
            reduce_seq_mean(old, mask), reduce_seq_sum(old, mask),
            reduce_const(old, mask, 5), policy_entropy(logits, mask),
            k1(old, ref), k2(old, ref), k3(old, ref), exact_kl(logits, logits),
            kl_seq(old, ref, mask), kl_tok(old, ref, mask),
            bellman_backup(old, ref, values),
        ]  # fmt: skip
    assert all(result.device.type == "meta" for result in results)
