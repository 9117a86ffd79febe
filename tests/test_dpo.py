"""The offline loop: what it learns, what it logs, and every fault's sentence."""

import copy
import dataclasses
import math

import pytest
import torch
from tiny import (
    TinyModel,
    TinyTokenizer,
    equal,
    roll,
    seeded,
    tiny_gpt,
    tiny_score,
    weights,
)

from course.policy.dpo import Pairs, best_and_worst, dpo_step, pair_metrics, train_dpo
from course.policy.enumerable import NAMES, TinyPolicy
from course.policy.preference_losses import ipo_loss, optimal_policy
from course.policy.rollout import collect, logprobs_of
from course.runtime import CourseError

KEYS = {
    "loss", "rewards/chosen", "rewards/rejected", "rewards/accuracies",
    "rewards/margins", "logps/chosen", "logps/rejected", "grad_norm", "lr",
}  # fmt: skip


@pytest.fixture
def case(tokenizer):
    """A policy, its optimizer and pairs of its own completions, four a prompt."""
    policy = tiny_gpt(tokenizer)
    prompts = [p for p in ("a", "the film was", "good acting") for _ in range(4)]
    rollout = collect(
        policy, copy.deepcopy(policy), tokenizer, prompts,
        lambda prompts, texts: [float(n % 4) for n in range(len(texts))],
        max_new_tokens=6, generator=seeded(),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-2, weight_decay=0.0)
    return policy, optimizer, best_and_worst(rollout, 4)


def learn(policy, optimizer, pairs, **options):
    options = {"steps": 8, "batch_size": 3, "beta": 0.1, **options}
    return train_dpo(policy, pairs, optimizer=optimizer, generator=seeded(), **options)


# Pairs --------------------------------------------------------------------------------


def test_a_pair_is_the_best_and_the_worst_of_its_group(case):
    _, _, pairs = case
    assert pairs.chosen.tolist() == [3, 7, 11]
    assert pairs.rejected.tolist() == [0, 4, 8]
    assert pairs.swapped().chosen.tolist() == [0, 4, 8]
    assert pairs.rows([2, 0]).chosen.tolist() == [11, 3]


def test_a_group_that_prefers_nothing_gives_no_pair(case):
    rollout = case[2].rollout
    scores = rollout.scores.clone()
    scores[4:8] = 0.25
    pairs = best_and_worst(dataclasses.replace(rollout, scores=scores), 4)
    assert pairs.chosen.tolist() == [3, 11]
    with pytest.raises(ValueError, match="equal scores in every group"):
        best_and_worst(dataclasses.replace(rollout, scores=torch.zeros(12)), 4)


@pytest.mark.parametrize("size", [0, 1, 5])
def test_groups_that_are_not_whole_are_refused(case, size):
    with pytest.raises(ValueError, match="whole groups of at least two"):
        best_and_worst(case[2].rollout, size)


# One step -----------------------------------------------------------------------------


def test_the_first_step_sees_ln_2_no_margin_and_every_tie_as_wrong(case):
    policy, optimizer, pairs = case
    made = dpo_step(policy, optimizer, pairs, beta=0.1)
    assert made.keys() == KEYS
    assert made["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert made["rewards/margins"] == pytest.approx(0, abs=1e-4)


def test_the_gradient_is_half_beta_of_the_difference_of_sums(case):
    """The disease: log-probabilities averaged over tokens, so length is rewarded."""
    policy, _, pairs = case
    sgd = torch.optim.SGD(policy.parameters(), lr=1.0)
    logprobs = logprobs_of(policy, pairs.rollout)
    sums = logprobs.sum(1)
    difference = (sums[pairs.chosen] - sums[pairs.rejected]).mean()
    wanted = torch.autograd.grad(difference, list(policy.parameters()))
    before = weights(policy)
    dpo_step(policy, sgd, pairs, beta=0.1, max_grad_norm=math.inf)
    for p, old, g in zip(policy.parameters(), before, wanted, strict=True):
        assert torch.allclose(p - old, 0.05 * g, atol=1e-5)


def test_a_padding_column_changes_nothing(case):
    policy, _, pairs = case
    rollout = pairs.rollout

    def wider(x):
        return torch.cat([x, x.new_zeros(len(x), 2)], 1)

    names = ("completion_ids", "completion_mask", "old_logprobs", "ref_logprobs")
    wide = dataclasses.replace(
        rollout, **{n: wider(getattr(rollout, n)) for n in names}
    )
    torch.manual_seed(1)
    with torch.no_grad():
        next(policy.parameters()).add_(0.1)
    one = pair_metrics(policy, pairs, beta=0.1)
    other = pair_metrics(
        policy, Pairs(wide, pairs.chosen, pairs.rejected), beta=0.1, batch_size=1
    )
    assert one == pytest.approx(other, abs=1e-4)
    assert abs(one["rewards/margins"]) > 1e-3


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_leaves_policy_and_optimizer_as_they_were(case, bad):
    policy, optimizer, pairs = case
    learn(policy, optimizer, pairs, steps=1)
    before = weights(policy)
    moments = copy.deepcopy(optimizer.state_dict()["state"])
    with pytest.raises(CourseError, match="The step was not taken: loss"):
        dpo_step(policy, optimizer, pairs, beta=0.1, loss=lambda h, b: (h * bad).sum())
    assert equal(before, weights(policy))
    now = optimizer.state_dict()["state"]
    assert all(torch.equal(moments[n][k], now[n][k]) for n in now for k in now[n])


# The loop -----------------------------------------------------------------------------


def test_training_lowers_the_loss_and_orders_the_pairs(case):
    policy, optimizer, pairs = case
    history = learn(policy, optimizer, pairs, steps=15)
    assert len(history.rows) == 15 and KEYS | {"seconds"} <= history.last.keys()
    after = pair_metrics(policy, pairs, beta=0.1)
    assert after["loss"] < math.log(2) - 0.05
    assert after["rewards/accuracies"] == 1
    swapped = pair_metrics(policy, pairs.swapped(), beta=0.1)
    assert swapped["rewards/accuracies"] == 0
    assert swapped["rewards/margins"] == pytest.approx(
        -after["rewards/margins"], abs=1e-5
    )


def test_every_pair_is_used_once_before_any_is_used_again(case, monkeypatch):
    policy, optimizer, pairs = case
    seen = []

    def note(policy, optimizer, batch, **options):
        seen.extend(batch.chosen.tolist())
        return dpo_step(policy, optimizer, batch, **options)

    monkeypatch.setattr("course.policy.dpo.dpo_step", note)
    learn(policy, optimizer, pairs, steps=3, batch_size=2)
    assert sorted(seen[:3]) == sorted(seen[3:]) == [3, 7, 11]


def test_rates_fall_and_are_set_back_and_the_watcher_sees_every_step(case):
    policy, optimizer, pairs = case
    rows = []
    history = learn(
        policy, optimizer, pairs, steps=4, watch=lambda h: rows.append(h.last)
    )
    assert history["lr"] == pytest.approx([1e-2, 7.5e-3, 5e-3, 2.5e-3])
    assert optimizer.param_groups[0]["lr"] == 1e-2 and rows == history.rows


def test_the_stop_button_keeps_what_was_learned(case, capsys):
    policy, optimizer, pairs = case
    before = weights(policy)

    def stop(history):
        if len(history.rows) == 2:
            raise KeyboardInterrupt

    history = learn(policy, optimizer, pairs, watch=stop)
    assert len(history.rows) == 2 and not equal(before, weights(policy))
    assert "stopped after 2 of 8 steps; the policy is kept" in capsys.readouterr().out
    assert learn(policy, optimizer, pairs, stop_after_s=0.0).rows == []


def test_other_losses_fit_in(case):
    policy, optimizer, pairs = case
    history = learn(policy, optimizer, pairs, loss=ipo_loss, steps=2)
    # Of a pair that is tied with its reference: (0 - 1 / (2 * 0.1))^2.
    assert history["loss"][0] == pytest.approx(25.0, abs=1e-2)


def test_what_does_not_fit_is_refused(case, tokenizer):
    policy, optimizer, pairs = case
    rows = torch.tensor([0, 1])
    strangers = Pairs(pairs.rollout, rows, torch.tensor([1, 5]))
    itself = Pairs(pairs.rollout, rows, rows)
    holed = pairs.rollout.ref_logprobs.clone()
    holed[0, 0] = math.nan
    broken = Pairs(
        dataclasses.replace(pairs.rollout, ref_logprobs=holed),
        pairs.chosen,
        pairs.rejected,
    )
    other = torch.optim.AdamW(tiny_gpt(tokenizer).parameters())
    for given, kind, sentence in (
        ((policy, optimizer, strangers), {"batch_size": 2}, "two completions of one"),
        ((policy, optimizer, itself), {"batch_size": 2}, "two completions of one"),
        ((policy, optimizer, broken), {}, "reference log-probability"),
        ((policy, optimizer, pairs), {"batch_size": 4}, "a batch of 1 to 3"),
        ((policy, optimizer, pairs), {"batch_size": 0}, "a batch of 1 to 3"),
        ((policy, other, pairs), {}, "no parameter of this policy"),
        ((policy, optimizer, pairs), {"beta": 0.0}, "got beta 0.0"),
    ):
        before = weights(policy)
        with pytest.raises(ValueError, match=sentence):
            learn(*given, **kind)
        assert equal(before, weights(policy))


# The enumerable policy ----------------------------------------------------------------


def test_sampled_pairs_bring_the_policy_towards_the_closed_form_optimum():
    """Pairs of sampled texts, labels drawn with Bradley-Terry's chances.

    All texts meet only as often as the policy writes them, and labels are noisy, so
    the bound is looser than for the whole population (0.02, in the lesson).
    """
    start = TinyModel(TinyPolicy.random(seeded(3), 0.5).logits.float())
    policy, beta = copy.deepcopy(start), 0.3
    rollout = collect(
        policy, start, TinyTokenizer(), [""] * 8000, tiny_score,
        max_new_tokens=2, generator=seeded(),
    )  # fmt: skip
    first, second = torch.arange(8000).view(-1, 2).T
    gap = rollout.scores[first] - rollout.scores[second]
    wins = torch.rand(4000, generator=seeded(1)) < gap.sigmoid()
    pairs = Pairs(
        rollout, torch.where(wins, first, second), torch.where(wins, second, first)
    )
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.1)
    train_dpo(
        policy, pairs, optimizer=optimizer, steps=120, batch_size=4000, beta=beta,
        generator=seeded(),
    )  # fmt: skip
    scores = torch.tensor(tiny_score([], list(NAMES)), dtype=torch.float64)
    exact = TinyPolicy(start.logits.detach().double()).probabilities()
    target = optimal_policy(exact, scores, beta)
    reached = TinyPolicy(policy.logits.detach().double()).probabilities()
    before = (exact - target).abs().sum() / 2
    assert (reached - target).abs().sum() / 2 < 0.5 * before


def test_a_rollout_of_one_completion_a_prompt_gives_no_group(tokenizer):
    rollout = roll(tokenizer, tiny_gpt(tokenizer))
    with pytest.raises(ValueError, match="at least two"):
        best_and_worst(rollout, 1)
