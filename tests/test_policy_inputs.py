"""Inputs that would give a wrong number in silence: the right one, or one sentence."""

import math

import pytest
import torch

from course.policy.advantages import (
    batch_mean_baseline,
    leave_one_out_baseline,
    shaped_rewards,
    whiten,
)
from course.policy.clipping import (
    grpo_loss,
    importance_ratio,
    ppo_clip_loss,
    rloo_loss,
    sequence_ratio,
)
from course.policy.critic import gae, gae_advantages
from course.policy.groups import (
    centred_advantages,
    frac_reward_zero_std,
    group_advantages,
    group_std,
    rloo_advantages,
)
from course.policy.kl import adapt_beta, exact_kl, kl_seq, kl_tok
from course.policy.loop import train
from course.policy.losses import (
    reduce_const,
    reduce_seq_mean,
    reduce_token_mean,
    reinforce_loss,
)
from course.policy.rollout import collect

NO = -math.inf
ROWS = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
EMPTY, HALF_EMPTY = torch.zeros(2, 2), torch.tensor([[1, 1], [0, 0]])


@pytest.mark.parametrize("mask", [[1, 0, 1], [0, 1, 1]])
def test_a_mask_with_a_hole_or_on_the_wrong_side_loses_no_score(mask):
    mask, zeros = torch.tensor([[1, 1, 1], mask]), torch.zeros(2, 3)
    for call in (
        lambda: shaped_rewards(torch.ones(2), zeros, zeros, mask, 0.1),
        lambda: gae(zeros, zeros, mask, 0.5, 1.0),
        lambda: gae_advantages(zeros, zeros, mask, 0.5, 1.0),
    ):
        with pytest.raises(ValueError, match="got a mask with a hole.*expected"):
            call()


def test_a_text_without_a_token_has_no_place_for_its_score_and_no_advantage():
    mask, zeros = torch.tensor([[1, 1, 1], [0, 0, 0]]), torch.zeros(2, 3)
    with pytest.raises(ValueError, match="got a row without a token, expected one"):
        shaped_rewards(torch.ones(2), zeros, zeros, mask, 0.1)
    assert gae_advantages(zeros + 1, zeros, mask, 0.5, 1.0)[1].tolist() == [0.0] * 3


@pytest.mark.parametrize("call", [
    lambda: reduce_token_mean(ROWS, EMPTY),
    lambda: reduce_seq_mean(ROWS, HALF_EMPTY),
    lambda: reinforce_loss(ROWS, ROWS, EMPTY),
    lambda: kl_tok(ROWS, ROWS, EMPTY),
    lambda: whiten(ROWS, EMPTY),
])  # fmt: skip
def test_a_mean_over_no_token_is_refused(call):
    with pytest.raises(ValueError, match="without a token to average over, expected"):
        call()


def test_a_text_without_a_counted_token_takes_no_part_in_a_mean_over_tokens():
    assert reduce_token_mean(ROWS, HALF_EMPTY) == 1.5
    with pytest.raises(ValueError, match="got max_length = 0, expected at least 1"):
        reduce_const(ROWS, HALF_EMPTY, max_length=0)


@pytest.mark.parametrize("value", [1000.1, 12345.678, -0.1, 0.0])
def test_whitening_equal_numbers_gives_zeros(value):
    mask = torch.tensor([[1, 1, 1, 0]])
    values = torch.tensor([[value, value, value, 7.0]])
    assert whiten(values, mask).tolist() == [[0.0] * 4]


@pytest.mark.parametrize("kind", [torch.int64, torch.bool])
@pytest.mark.parametrize("function", [
    lambda x: group_advantages(x, 4), lambda x: centred_advantages(x, 4),
    lambda x: rloo_advantages(x, 4), lambda x: group_std(x, 4),
    lambda x: frac_reward_zero_std(x, 4), batch_mean_baseline,
    lambda x: leave_one_out_baseline(x, 4),
])  # fmt: skip
def test_rewards_of_zero_and_one_are_numbers(function, kind):
    rewards = torch.tensor([1, 0, 1, 1, 0, 0, 1, 0])
    assert torch.equal(function(rewards.to(kind)), function(rewards.float()))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_group_with_a_score_that_is_no_number_is_never_counted_as_one(bad):
    """Its advantages are no numbers either, so that a step is refused."""
    scores = torch.tensor([1.0, bad, 0.0, 2.0])
    with pytest.raises(ValueError, match="not finite, expected"):
        frac_reward_zero_std(scores, 2)
    for function in (group_advantages, rloo_advantages):
        assert not function(scores, 2)[:2].isfinite().all()
        assert function(scores, 2)[2:].isfinite().all()
    for function in (group_advantages, rloo_advantages, frac_reward_zero_std):
        with pytest.raises(ValueError, match="got 0 scores"):
            function(torch.empty(0), 2)


@pytest.mark.parametrize(("logits", "reference", "nats"), [
    ([0.0, NO], [0.0, NO], 0.0),
    ([0.0, NO], [0.0, 0.0], math.log(2)),
    ([0.0, 0.0], [0.0, NO], math.inf),
])  # fmt: skip
def test_the_exact_kl_knows_impossible_tokens(logits, reference, nats):
    logits = torch.tensor(logits, requires_grad=True)
    value = exact_kl(logits, torch.tensor(reference))
    assert float(value.detach()) == pytest.approx(nats)
    if math.isfinite(nats):
        value.backward()
        assert logits.grad.isfinite().all()


def test_the_exact_kl_of_half_precision_is_computed_in_full():
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 64, generator=draw).bfloat16()
    near = (logits + 0.01 * torch.randn(50, 64, generator=draw)).bfloat16()
    value = exact_kl(logits, near)
    wanted = exact_kl(logits.double(), near.double())
    assert value.dtype == torch.float32
    assert (value - wanted).abs().max() < 1e-5 and value.min() > -1e-6


def test_a_price_of_kl_is_never_negative_and_needs_a_number():
    assert adapt_beta(0.1, 0.0, 6.0, 6000, 1000) == 0.0
    with pytest.raises(ValueError, match="kl_seq nan, expected"):
        adapt_beta(0.1, math.nan, 6.0, 100, 1000)


def test_one_string_is_no_list_of_prompts():
    options = {"max_new_tokens": 4}
    with pytest.raises(TypeError, match="got one str, expected a list of texts"):
        collect(None, None, None, "the film", None, **options)
    with pytest.raises(TypeError, match="got one str, expected a list of texts"):
        train(
            None, None, None, "the film", None, None, optimizer=None, steps=1,
            batch_size=2, generator=None, **options,
        )  # fmt: skip


def test_a_mask_that_only_broadcasts_is_no_mask():
    """(1, time) once gave the sum of all texts over the tokens of one."""
    mask = torch.ones(1, 2)
    for function in (kl_seq, kl_tok):
        with pytest.raises(ValueError, match="mask .1, 2., expected one shape"):
            function(ROWS, ROWS, mask)


# ------------------------------------------------------------ ratios beyond fp32

OLD, ONE = torch.tensor([[-1.0, -2e4]]), torch.ones(1, 2)
CLIPPED = {
    "PPO": lambda new, a: ppo_clip_loss(new, OLD, a, ONE, 0.2),
    "GRPO": lambda new, a: grpo_loss(new, OLD, None, a, ONE, 0.0, 0.2),
    "RLOO": lambda new, a: rloo_loss(new, OLD, a, ONE, 0.2),
}


@pytest.mark.parametrize("loss", CLIPPED.values(), ids=CLIPPED)
def test_a_token_clipped_beyond_fp32_has_no_gradient_and_an_unclipped_one_a_finite_one(
    loss,
):
    """The log-ratio is 19,999: exp of it is infinite, and 0 times infinity is NaN."""
    new = torch.tensor([[-1.0, -1.0]], requires_grad=True)
    value = loss(new, torch.tensor([1.0]))
    value.backward()
    assert value.item() == pytest.approx(-1.2 if loss is CLIPPED["RLOO"] else -1.1)
    assert new.grad[0, 1] == 0 and new.grad.isfinite().all()
    new.grad = None
    value = loss(new, torch.tensor([-1.0]))
    value.backward()
    assert value > 1e37 and new.grad[0, 1] > 1e37 and new.grad.isfinite().all()
    assert loss(new, torch.tensor([0.0])) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_ordinary_ratio_is_exp_of_the_log_ratio_bit_by_bit(dtype):
    draw = torch.Generator().manual_seed(0)
    old = torch.randn(64, 9, generator=draw, dtype=dtype) * 15 - 30
    new = torch.randn(64, 9, generator=draw, dtype=dtype) * 15 - 30
    new.requires_grad_()
    mask = torch.ones(64, 9)
    for one, plain in (
        (importance_ratio(new, old, mask), (new - old).exp()),
        (sequence_ratio(new / 9, old / 9, mask), (new / 9 - old / 9).sum(1).exp()),
    ):
        assert plain.max() > 1e6 and torch.equal(one, plain)
        ours, theirs = (torch.autograd.grad(x.sum(), new)[0] for x in (one, plain))
        assert torch.equal(ours, theirs)
