"""The loop of all policy algorithms: what it learns exactly, and what it refuses."""

import copy
import dataclasses
import math
from functools import partial

import pytest
import torch
from tiny import (
    ALGORITHMS,
    GROUP,
    PROMPTS,
    SCORES,
    TinyModel,
    TinyTokenizer,
    TinyTrunk,
    equal,
    make_step,
    plain_share,
    seeded,
    tiny_gpt,
    tiny_score,
    weights,
)

from course.policy.critic import Critic
from course.policy.enumerable import TinyPolicy
from course.policy.guards import MAX_RATIO, restored_on_error, update
from course.policy.kl import AdaptiveKL, adapt_beta
from course.policy.loop import (
    check_kl,
    linear_decay,
    penalise_cut_texts,
    train,
)
from course.policy.metrics import metrics
from course.policy.minibatches import partition
from course.policy.ppo import ppo_step
from course.policy.rollout import collect, select_rows
from course.runtime import CourseError

SHARED = {
    "score/mean", "score/std", "reward/kl_penalty", "reward/total", "kl_seq", "kl_tok",
    "entropy", "loss/policy", "policy/ratio_mean", "policy/ratio_var",
    "policy/approx_kl", "completion/length", "completion/eos_rate", "lr", "grad_norm",
    "tokens_per_s",
}  # fmt: skip
CLIPPED = SHARED | {"policy/clipfrac"}
CRITIC = CLIPPED | {
    "loss/value", "value/clipfrac", "value/explained_variance", "returns/mean",
    "returns/var",
}  # fmt: skip


def exact(model: TinyModel) -> float:
    scores = torch.tensor(list(SCORES.values()), dtype=torch.float64)
    return float(TinyPolicy(model.logits.detach().double()).expected(scores))


def learn_exactly(algorithm: str, score, steps=30, beta=0.0) -> tuple[float, float]:
    """Expected score before and after training on the enumerable policy."""
    policy = TinyModel(TinyPolicy.random(seeded(3), 0.5).logits.float())
    reference, before = copy.deepcopy(policy), exact(policy)
    step, optimizer = make_step(
        algorithm, policy, 0.1, beta, trunk=TinyTrunk(torch.zeros(3, 3))
    )
    train(
        policy, reference, TinyTokenizer(), [""], score, step, optimizer=optimizer,
        steps=steps, batch_size=64 // GROUP[algorithm], group_size=GROUP[algorithm],
        max_new_tokens=2, generator=seeded(),
    )  # fmt: skip
    return before, exact(policy)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_raises_the_exact_expected_score(algorithm):
    before, after = learn_exactly(algorithm, tiny_score)
    assert after > before + 0.25 and after > 0.75  # best possible: 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_with_the_sign_flipped_the_exact_expected_score_falls(algorithm):
    def flipped(prompts, completions):
        return [-x for x in tiny_score(prompts, completions)]

    before, after = learn_exactly(algorithm, flipped)
    assert after < before - 0.15 and after < 0.25  # worst possible: 0


@pytest.mark.parametrize("algorithm", ["reinforce", "ppo", "rloo"])
def test_a_strong_penalty_holds_the_exact_expected_score_near_the_start(algorithm):
    before, free = learn_exactly(algorithm, tiny_score)
    _, held = learn_exactly(algorithm, tiny_score, beta=5.0)
    assert abs(held - before) < 0.5 * (free - before)


# The loop on a tiny GPT ---------------------------------------------------------------


def loop(
    tokenizer, algorithm="ppo", score=plain_share, steps=3, policy=None, **options
):
    policy = policy or tiny_gpt(tokenizer)
    reference = copy.deepcopy(policy)
    step, optimizer = make_step(algorithm, policy, 1e-2, beta=0.1)
    step = options.pop("step", step)
    options = {
        "optimizer": optimizer, "steps": steps, "batch_size": 16 // GROUP[algorithm],
        "group_size": GROUP[algorithm], "max_new_tokens": 8, "generator": seeded(),
        **options,
    }  # fmt: skip
    history = train(policy, reference, tokenizer, PROMPTS, score, step, **options)
    return policy, reference, history, optimizer


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_logs_every_shared_metric_under_its_key(tokenizer, algorithm):
    history = loop(tokenizer, algorithm)[2]
    keys = {"reinforce": SHARED, "ppo": CRITIC}.get(algorithm, CLIPPED)
    for row in history.rows:
        assert keys <= set(row)
        assert all(math.isfinite(row[key]) for key in keys)
        total = row["score/mean"] + row["reward/kl_penalty"]
        assert row["reward/total"] == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize("algorithm", ["ppo", "grpo", "rloo"])
def test_on_the_first_minibatch_every_ratio_is_exactly_one_and_nothing_is_clipped(
    tokenizer, algorithm
):
    history = loop(tokenizer, algorithm, steps=4)[2]
    assert history["first/ratio_error"] == [0.0] * 4
    assert history["first/clipfrac"] == [0.0] * 4


def test_with_one_update_per_rollout_nothing_is_ever_clipped(tokenizer):
    policy = tiny_gpt(tokenizer)
    critic = Critic(copy.deepcopy(policy))
    optimizer = torch.optim.AdamW(
        [{"params": policy.parameters()}, {"params": critic.parameters()}], lr=0.05
    )
    once, often = (
        loop(tokenizer, policy=copy.deepcopy(policy))[2].last
        if epochs is None
        else loop(
            tokenizer, policy=policy, optimizer=optimizer,
            step=partial(ppo_step, policy, critic, optimizer, beta=0.1, epochs=epochs),
        )[2].last
        for epochs in (1, 4)
    )  # fmt: skip
    assert once["policy/clipfrac"] == 0 and once["policy/ratio_var"] == 0
    assert often["policy/clipfrac"] > 0 and often["policy/ratio_var"] > 0


def test_the_loop_is_draw_write_score_step_with_a_falling_learning_rate(tokenizer):
    """The same four steps, written out: the same weights to the bit."""
    policy, draw = tiny_gpt(tokenizer), seeded()
    reference = copy.deepcopy(policy)
    step, optimizer = make_step("reinforce", policy, 1e-2, beta=0.1)
    for n in range(4):
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - n / 4)
        rows = torch.randint(len(PROMPTS), (16,), generator=draw).tolist()
        prompts = [PROMPTS[row] for row in rows]
        options = {"max_new_tokens": 8, "generator": draw}
        step(collect(policy, reference, tokenizer, prompts, plain_share, **options))
    again = loop(tokenizer, "reinforce", steps=4)[0]
    assert equal(weights(policy), weights(again))


def test_the_completions_of_a_prompt_stand_next_to_each_other(tokenizer):
    seen = []

    def remember(rollout):
        seen.append(rollout.prompts)
        return metrics(rollout, rollout.old_logprobs, 0.0)

    loop(tokenizer, "grpo", step=remember, steps=2)
    for prompts in seen:
        assert len(prompts) == 16
        assert prompts[:8] == [prompts[0]] * 8 and prompts[8:] == [prompts[8]] * 8


def test_a_text_without_an_end_pays_and_the_raw_score_is_logged(tokenizer):
    rewards = []

    def remember(rollout):
        rewards.append((rollout.scores, rollout.ended))
        return metrics(rollout, rollout.old_logprobs, 0.0)

    def ones(prompts, completions):
        return [1.0] * len(completions)

    history = loop(
        tokenizer, "reinforce", score=ones, step=remember, steps=6, batch_size=64,
        missing_eos_penalty=0.25,
    )[2]  # fmt: skip
    ended = torch.cat([e for _, e in rewards])
    scores = torch.cat([s for s, _ in rewards])
    assert ended.any() and not ended.all()
    assert (scores[ended] == 1.0).all() and (scores[~ended] == 0.75).all()
    assert history["score/mean"] == [1.0] * 6
    assert history["reward/total"] == pytest.approx(
        [float(s.mean()) for s, _ in rewards], abs=1e-4
    )


def test_a_penalty_for_cut_texts_makes_the_policy_end_its_texts(tokenizer):
    def zeros(prompts, completions):
        return [0.0] * len(completions)

    history = loop(
        tokenizer, "reinforce", score=zeros, steps=40, batch_size=32,
        missing_eos_penalty=1.0,
    )[2]  # fmt: skip
    rate = history["completion/eos_rate"]
    assert sum(rate[-5:]) / 5 > sum(rate[:5]) / 5 + 0.3


def test_the_learning_rates_follow_the_schedule_and_are_set_back(tokenizer):
    _, _, history, optimizer = loop(tokenizer, steps=4)
    assert history["lr"] == pytest.approx([1e-2, 0.75e-2, 0.5e-2, 0.25e-2])
    assert [g["lr"] for g in optimizer.param_groups] == [1e-2, 1e-2]
    history = loop(tokenizer, steps=2, schedule=lambda done: 1.0)[2]
    assert history["lr"] == [1e-2, 1e-2]
    assert linear_decay(0.0) == 1 and linear_decay(1.0) == 0


def test_the_watcher_sees_the_history_grow(tokenizer):
    lengths = []
    loop(
        tokenizer, "reinforce", watch=lambda history: lengths.append(len(history.rows))
    )
    assert lengths == [1, 2, 3]


def test_no_step_begins_after_the_time_is_up(tokenizer):
    policy, reference, history, _ = loop(tokenizer, stop_after_s=0)
    assert history.rows == [] and equal(weights(policy), weights(reference))


def test_training_leaves_the_reference_alone_and_moves_policy_and_critic(tokenizer):
    policy, reference, _, optimizer = loop(tokenizer)
    assert equal(weights(reference), weights(tiny_gpt(tokenizer)))
    assert all(p.grad is None for p in reference.parameters())
    assert not equal(weights(policy), weights(reference))
    critic = optimizer.param_groups[1]["params"]
    assert not equal([p.detach() for p in critic[2:]], weights(reference))


# What goes wrong ----------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_stop_keeps_what_was_learned(tokenizer, algorithm, capsys):
    policy, seen = tiny_gpt(tokenizer), []

    def stop(prompts, completions):
        seen.append(weights(policy))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return plain_share(prompts, completions)

    history = loop(tokenizer, algorithm, score=stop, steps=9, policy=policy)[2]
    assert len(history.rows) == 2 and "stopped after 2 of 9" in capsys.readouterr().out
    assert equal(weights(policy), seen[2]) and not equal(seen[2], seen[0])


def test_a_stop_in_the_middle_of_an_update_goes_back_to_the_step_before(
    tokenizer, monkeypatch
):
    policy, kept, calls = tiny_gpt(tokenizer), [], []

    def stop(optimizer, losses, max_grad_norm):
        calls.append(1)
        if len(calls) == 7:  # four updates a step: in the middle of the second
            raise KeyboardInterrupt
        return update(optimizer, losses, max_grad_norm)

    monkeypatch.setattr("course.policy.minibatches.update", stop)
    loop(tokenizer, policy=policy, watch=lambda history: kept.append(weights(policy)))
    assert len(kept) == 1 and equal(weights(policy), kept[0])


def _raise(prompts, completions):
    raise KeyError("rating")


BROKEN = {
    "raises": (_raise, CourseError, "raised KeyError"),
    "nothing": (lambda p, c: None, ValueError, "got None"),
    "too few": (lambda p, c: [1.0], ValueError, r"expected \(16,\)"),
    "one None": (lambda p, c: [None] * len(c), ValueError, "not all numbers"),
    "NaN": (lambda p, c: [math.nan] * len(c), ValueError, "finite number"),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", BROKEN)
def test_a_score_that_breaks_is_one_sentence_and_keeps_the_policy(
    tokenizer, algorithm, name
):
    broken, kind, sentence = BROKEN[name]
    policy, seen = tiny_gpt(tokenizer), []

    def breaks(prompts, completions):
        seen.append(weights(policy))
        return (plain_share if len(seen) < 3 else broken)(prompts, completions)

    with pytest.raises(kind, match=sentence) as error:
        loop(tokenizer, algorithm, score=breaks, steps=5, policy=policy)
    assert "\n" not in str(error.value)
    assert equal(weights(policy), seen[2]) and not equal(seen[2], seen[0])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_learning_rate_that_breaks_the_policy_is_undone_in_one_sentence(
    tokenizer, algorithm
):
    policy, kept = tiny_gpt(tokenizer), []
    step, optimizer = make_step(algorithm, policy, 1e-2)
    calls = []

    def breaks(rollout):
        kept.append(weights(policy))
        calls.append(1)
        if len(calls) == 2:
            rollout = dataclasses.replace(rollout, scores=rollout.scores * math.nan)
        return step(rollout)

    with pytest.raises(CourseError, match="The step was not taken") as error:
        loop(tokenizer, algorithm, policy=policy, step=breaks, optimizer=optimizer)
    assert "\n" not in str(error.value)
    assert equal(weights(policy), kept[1]) and not equal(kept[1], kept[0])


@pytest.mark.parametrize("algorithm", ["ppo", "grpo", "rloo"])
def test_a_ratio_that_explodes_stops_the_step_and_undoes_its_updates(
    tokenizer, algorithm
):
    policy = tiny_gpt(tokenizer)
    before = weights(policy)
    step, optimizer = make_step(algorithm, policy, 30.0)
    step = partial(step, epochs=4)
    with pytest.raises(CourseError, match="made the ratio explode") as error:
        loop(tokenizer, algorithm, policy=policy, step=step, optimizer=optimizer)
    assert "\n" not in str(error.value)
    assert equal(weights(policy), before)
    assert optimizer.state_dict()["state"] == {}


def test_metrics_of_a_foreign_step_that_are_not_finite_undo_it(tokenizer):
    policy = tiny_gpt(tokenizer)
    before = weights(policy)
    optimizer = torch.optim.SGD(policy.parameters(), lr=1.0)

    def foreign(value, key):
        def step(rollout):
            with torch.no_grad():
                for p in policy.parameters():
                    p.add_(1.0)
            return {key: value}

        return step

    for key, value, sentence in (
        ("loss/policy", math.nan, "loss/policy is nan"),
        ("grad_norm", math.inf, "grad_norm is inf"),
        ("policy/ratio_mean", 2 * MAX_RATIO, "mean ratio"),
    ):
        with pytest.raises(CourseError, match=sentence):
            loop(tokenizer, "reinforce", policy=policy, optimizer=optimizer,
                 step=foreign(value, key))  # fmt: skip
        assert equal(weights(policy), before)


def test_a_policy_that_samples_from_another_distribution_has_a_negative_kl(
    tokenizer,
):
    """The texts are the reference's, the log-probabilities another policy's."""
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    with torch.no_grad():
        for p in policy.parameters():
            p.mul_(2.0)
    rollout = collect(
        reference, policy, tokenizer, PROMPTS * 16, plain_share, max_new_tokens=8,
        generator=seeded(),
    )  # fmt: skip
    check_kl(rollout)  # honest: the reference's texts, its own log-probabilities
    swapped = dataclasses.replace(
        rollout, old_logprobs=rollout.ref_logprobs, ref_logprobs=rollout.old_logprobs
    )
    with pytest.raises(CourseError, match="a KL cannot be negative") as error:
        check_kl(swapped)
    assert "\n" not in str(error.value)


def test_noise_around_zero_is_no_negative_kl(tokenizer):
    policy = tiny_gpt(tokenizer)
    rollout = collect(
        policy, policy, tokenizer, PROMPTS * 16, plain_share, max_new_tokens=8,
        generator=seeded(),
    )  # fmt: skip
    for seed in range(200):
        noise = 0.05 * torch.randn(rollout.old_logprobs.shape, generator=seeded(seed))
        check_kl(
            dataclasses.replace(rollout, ref_logprobs=rollout.old_logprobs + noise)
        )
    rounding = dataclasses.replace(rollout, ref_logprobs=rollout.old_logprobs + 1e-4)
    check_kl(rounding)  # significant, and no more than rounding


@pytest.mark.parametrize("minibatches", [1, 4])
@pytest.mark.parametrize("fault", ["temperature", "dropout", "stale"])
def test_a_sampler_that_disagrees_with_the_scorer_is_refused(
    tokenizer, fault, minibatches
):
    policy = tiny_gpt(tokenizer)
    rollout = collect(
        policy, policy, tokenizer, PROMPTS * 8, plain_share, max_new_tokens=8,
        generator=seeded(),
    )  # fmt: skip
    if fault == "temperature":
        rollout = dataclasses.replace(rollout, temperature=2.0)
    elif fault == "dropout":
        old = rollout.old_logprobs
        noise = torch.randn(old.shape, generator=seeded()) * 0.1
        rollout = dataclasses.replace(rollout, old_logprobs=old + noise)
    else:
        policy = tiny_gpt(tokenizer, seed=1)
    before = weights(policy)
    step, optimizer = make_step("ppo", policy, 1e-2, beta=0.1)
    with pytest.raises(CourseError, match="nats per token away from the policy's own"):
        step(rollout, minibatches=minibatches)
    assert equal(weights(policy), before) and optimizer.state_dict()["state"] == {}


@pytest.mark.parametrize("change, sentence", [
    ({"batch_size": 1, "group_size": 1}, "at least two texts"),
    ({"batch_size": 0}, "at least two texts"),
])  # fmt: skip
def test_a_batch_that_teaches_nothing_is_refused(tokenizer, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        loop(tokenizer, "reinforce", **change)


def test_models_and_optimizer_that_do_not_belong_together_are_refused(tokenizer):
    policy, other = tiny_gpt(tokenizer), tiny_gpt(tokenizer)
    step, optimizer = make_step("reinforce", policy, 1e-2)
    options = {"steps": 1, "batch_size": 4, "max_new_tokens": 4, "generator": seeded()}
    for model, reference, prompts, kind, sentence in (
        (policy, policy, PROMPTS, optimizer, "its own reference"),
        (policy, other, [], optimizer, "no prompts"),
        (other, tiny_gpt(tokenizer), PROMPTS, optimizer, "no parameter of this policy"),
        (policy, other, PROMPTS, torch.optim.SGD(
            [*policy.parameters(), *other.parameters()], lr=1.0), "of the reference"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=sentence):
            train(model, reference, tokenizer, prompts, plain_share, step,
                  optimizer=kind, **options)  # fmt: skip


# Parts --------------------------------------------------------------------------------


def test_minibatches_deal_every_row_once():
    parts = partition(10, 4, seeded())
    assert sorted(torch.cat(parts).tolist()) == list(range(10))
    assert sorted(map(len, parts)) == [2, 2, 3, 3]
    for wrong in (0, 11):
        with pytest.raises(ValueError, match=f"got {wrong} minibatches"):
            partition(10, wrong)


def test_rows_of_a_rollout_keep_their_texts_and_numbers_together(tokenizer):
    policy = tiny_gpt(tokenizer)
    rollout = collect(
        policy, policy, tokenizer, PROMPTS, plain_share, max_new_tokens=5,
        generator=seeded(),
    )  # fmt: skip
    part = select_rows(rollout, torch.tensor([2, 0]))
    assert part.prompts == [PROMPTS[2], PROMPTS[0]]
    assert part.completions == [rollout.completions[2], rollout.completions[0]]
    for name in ("completion_ids", "old_logprobs", "scores", "ended", "prompt_mask"):
        assert torch.equal(getattr(part, name), getattr(rollout, name)[[2, 0]])
    assert part.temperature == rollout.temperature


def test_an_error_inside_a_guard_puts_weights_and_averages_back(tokenizer):
    policy = tiny_gpt(tokenizer)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-2)
    policy(torch.ones(1, 3, dtype=torch.long)).sum().backward()
    optimizer.step()
    before, moments = weights(policy), copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ZeroDivisionError), restored_on_error(optimizer):
        optimizer.step()
        assert not equal(before, weights(policy))
        raise ZeroDivisionError
    assert equal(before, weights(policy))
    now = optimizer.state_dict()["state"]
    for name, kept in moments["state"].items():
        assert all(torch.equal(kept[key], now[name][key]) for key in kept)
    assert all(p.grad is None for p in policy.parameters())


def test_a_guard_inside_a_guard_copies_nothing_and_goes_back_as_far(
    tokenizer, monkeypatch
):
    policy, copies = tiny_gpt(tokenizer), []
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-2)
    before, state_dict = weights(policy), optimizer.state_dict
    monkeypatch.setattr(
        optimizer, "state_dict", lambda: copies.append(1) or state_dict()
    )

    def move():
        policy(torch.ones(1, 3, dtype=torch.long)).sum().backward()
        optimizer.step()

    with restored_on_error(optimizer):
        with pytest.raises(ZeroDivisionError), restored_on_error(optimizer):
            move()
            raise ZeroDivisionError
        assert equal(before, weights(policy))  # the inner one is whole by itself
        assert state_dict()["state"] == {}
        move()
        kept = weights(policy)
    assert equal(kept, weights(policy)) and not equal(kept, before)
    assert copies == [1]
    with pytest.raises(ZeroDivisionError), restored_on_error(optimizer):
        move()
        with restored_on_error(optimizer):
            move()
        raise ZeroDivisionError
    assert equal(kept, weights(policy)) and copies == [1, 1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_step_of_the_loop_copies_the_optimizer_once(tokenizer, algorithm):
    policy = tiny_gpt(tokenizer)
    step, optimizer = make_step(algorithm, policy, 1e-2)
    copies, state_dict = [], optimizer.state_dict
    optimizer.state_dict = lambda: copies.append(1) or state_dict()
    loop(tokenizer, algorithm, policy=policy, step=step, optimizer=optimizer, steps=3)
    assert copies == [1, 1, 1]


def test_a_cut_text_loses_the_penalty_and_an_ended_one_does_not(tokenizer):
    policy = tiny_gpt(tokenizer)
    rollout = collect(
        policy, policy, tokenizer, PROMPTS, plain_share, max_new_tokens=5,
        generator=seeded(),
    )  # fmt: skip
    rollout = dataclasses.replace(
        rollout, scores=torch.ones(4), ended=torch.tensor([True, False, True, False])
    )
    assert penalise_cut_texts(rollout, 0.5).scores.tolist() == [1.0, 0.5, 1.0, 0.5]


# Controllers --------------------------------------------------------------------------


def test_the_adaptive_controller_follows_zieglers_rule_counted_by_hand():
    # 9 nats at a target of 6: an error of 0.5, cut to 0.2; 100 of 1,000 sequences.
    assert adapt_beta(0.1, 9.0, 6.0, 100, 1000) == pytest.approx(0.1 * 1.02)
    assert adapt_beta(0.1, 6.3, 6.0, 100, 1000) == pytest.approx(0.1 * 1.005)
    assert adapt_beta(0.1, 0.0, 6.0, 100, 1000) == pytest.approx(0.1 * 0.98)
    assert adapt_beta(0.1, 6.0, 6.0, 100, 1000) == 0.1
    controller = AdaptiveKL(0.1, target=6.0, horizon=1000)
    controller.update(9.0, 100)
    assert controller.beta == pytest.approx(0.102)
    for wrong in ({"target": 0.0}, {"horizon": 0}, {"beta": -1.0}):
        with pytest.raises(ValueError, match="expected"):
            adapt_beta(**{"beta": 0.1, "kl_seq": 1.0, "target": 6.0, "n_sequences": 1,
                          "horizon": 10, **wrong})  # fmt: skip


def test_the_controller_steers_a_kl_that_answers_to_beta_to_its_target():
    controller = AdaptiveKL(0.01, target=6.0, horizon=200)
    for _ in range(400):
        controller.update(1.0 / controller.beta, 64)  # a KL that falls with its price
    assert 1.0 / controller.beta == pytest.approx(6.0, rel=1e-3)
