"""REINFORCE on a tiny GPT: rollouts, one step, the loop, and every fault's sentence."""

import copy
import dataclasses
import math
from functools import partial

import pytest
import torch
from tiny import PROMPTS, equal, plain_share, roll, seeded, tiny_gpt, weights

from course.policy.advantages import (
    reward_to_go_advantages,
    shaped_rewards,
    whole_sequence_advantages,
)
from course.policy.loop import train
from course.policy.metrics import metrics, ratio_metrics
from course.policy.reinforce import reinforce_step
from course.policy.rollout import collect
from course.runtime import CourseError
from course.score import checked_scores

KEYS = {
    "score/mean", "score/std", "reward/kl_penalty", "reward/total", "kl_seq", "kl_tok",
    "entropy", "loss/policy", "policy/ratio_mean", "policy/ratio_var",
    "policy/approx_kl", "completion/length", "completion/eos_rate", "lr", "grad_norm",
    "tokens_per_s",
}  # fmt: skip


def flipped(prompts: list[str], completions: list[str]) -> list[float]:
    return [-score for score in plain_share(prompts, completions)]


# Rollouts -----------------------------------------------------------------------------


def test_the_mask_ends_with_eos_or_at_the_longest_length(tokenizer):
    rollout = roll(tokenizer, tiny_gpt(tokenizer), rows=64, max_new_tokens=16)
    ids, mask = rollout.completion_ids, rollout.completion_mask
    eos, lengths = tokenizer.eos_token_id, rollout.completion_mask.sum(1)
    assert rollout.ended.any() and not rollout.ended.all()
    for row in range(64):
        n = int(lengths[row])
        assert mask[row, :n].all() and not mask[row, n:].any()
        assert eos not in ids[row, : n - 1]
        assert (ids[row, n - 1] == eos) == rollout.ended[row]
        assert rollout.ended[row] or n == 16
    assert (rollout.old_logprobs[~mask] == 0).all()
    assert (rollout.ref_logprobs[~mask] == 0).all()


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_scoring_the_same_ids_again_gives_the_samplers_log_probabilities(
    tokenizer, temperature
):
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    rollout = roll(tokenizer, policy, reference, rows=16, temperature=temperature)
    for model, expected in (
        (policy, rollout.old_logprobs),
        (reference, rollout.ref_logprobs),
    ):
        # One text at a time: no padding, and its own softmax.
        for row in range(16):
            prompt = rollout.prompt_ids[row][rollout.prompt_mask[row]]
            completion = rollout.completion_ids[row][rollout.completion_mask[row]]
            logits = model(torch.cat([prompt, completion])[None])[0] / temperature
            rows = torch.arange(len(prompt) - 1, len(prompt) + len(completion) - 1)
            again = logits.log_softmax(-1)[rows, completion]
            assert (again - expected[row, : len(completion)]).abs().max() < 1e-5


def test_a_rollout_carries_no_gradient_and_can_be_trained_on(tokenizer):
    policy = tiny_gpt(tokenizer)
    rollout = roll(tokenizer, policy)
    for name in (
        "completion_ids", "completion_mask", "old_logprobs", "ref_logprobs", "scores",
        "ended",
    ):  # fmt: skip
        tensor = getattr(rollout, name)
        assert not tensor.requires_grad and not tensor.is_inference()
    assert all(p.grad is None for p in policy.parameters())


def test_prompts_and_completions_reach_the_score_in_the_order_of_the_rows(tokenizer):
    seen = []

    def remember(prompts, completions):
        seen.append((list(prompts), list(completions)))
        prompts.clear()  # a score that spoils its lists must not spoil the rollout
        completions.clear()
        return torch.arange(4.0)

    policy = tiny_gpt(tokenizer)
    rollout = collect(
        policy, policy, tokenizer, PROMPTS, remember, max_new_tokens=5,
        generator=seeded(),
    )  # fmt: skip
    assert seen == [(rollout.prompts, rollout.completions)]
    assert rollout.prompts == PROMPTS
    assert rollout.scores.tolist() == [0, 1, 2, 3]
    for ids, mask, text in zip(
        rollout.completion_ids, rollout.completion_mask, rollout.completions,
        strict=True,
    ):  # fmt: skip
        kept = [i for i in ids[mask].tolist() if i not in tokenizer.all_special_ids]
        assert tokenizer.decode(kept) == text


def _raise(prompts, completions):
    raise KeyError("rating")


@pytest.mark.parametrize("score, kind, sentence", [
    (lambda p, c: None, ValueError, "got None"),
    (lambda p, c: [1.0], ValueError, "shape (1,)"),
    (lambda p, c: 1.0, ValueError, "shape ()"),
    (lambda p, c: torch.zeros(4, 1), ValueError, "shape (4, 1)"),
    (lambda p, c: [1.0, math.nan, 0.0, 0.0], ValueError, "nan for completion 1"),
    (lambda p, c: [1.0, 0.0, 0.0, -math.inf], ValueError, "-inf for completion 3"),
    (lambda p, c: [1.0, None, 0.0, 0.0], ValueError, "not all numbers"),
    (lambda p, c: ["1", "2", "3", "4"], ValueError, "not all numbers"),
    (_raise, CourseError, "KeyError: 'rating'"),
    (lambda p, c: [len(x) / 0 for x in c], CourseError, "ZeroDivisionError"),
])  # fmt: skip
def test_a_broken_score_function_is_named_in_one_sentence(score, kind, sentence):
    with pytest.raises(kind) as error:
        checked_scores(score, ["p"] * 4, ["one", "two", "three", "four"])
    assert sentence in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("scores", [
    [1, 0, True, 2.5],
    torch.tensor([1.0, 0.0, 1.0, 2.5], dtype=torch.float64, requires_grad=True),
    torch.tensor([1.0, 0.0, 1.0, 2.5]).numpy(),
])  # fmt: skip
def test_scores_may_be_a_list_an_array_or_a_tensor_with_gradient(scores):
    checked = checked_scores(lambda p, c: scores, ["p"] * 4, ["c"] * 4)
    assert checked.tolist() == [1.0, 0.0, 1.0, 2.5]
    assert checked.dtype == torch.float32 and not checked.requires_grad


# One step -----------------------------------------------------------------------------


@pytest.mark.parametrize("credit", [reward_to_go_advantages, whole_sequence_advantages])
def test_a_step_of_plain_descent_moves_along_the_gradient_written_out(
    tokenizer, credit
):
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    rollout = roll(tokenizer, policy, reference, rows=6, temperature=0.8)
    beta, twin = 0.3, copy.deepcopy(policy)
    total = torch.zeros(())
    d = rollout.old_logprobs - rollout.ref_logprobs
    whole = rollout.scores - beta * d.sum(1)
    for row in range(6):
        prompt = rollout.prompt_ids[row][rollout.prompt_mask[row]]
        completion = rollout.completion_ids[row][rollout.completion_mask[row]]
        logits = twin(torch.cat([prompt, completion])[None])[0] / 0.8
        for t, token in enumerate(completion.tolist()):
            earned = whole[row]
            if credit is reward_to_go_advantages:
                earned = rollout.scores[row] - beta * d[row, t:].sum()
            logprob = logits[len(prompt) - 1 + t].log_softmax(-1)[token]
            total = total - (earned - whole.mean()) * logprob
    (total / rollout.completion_mask.sum()).backward()
    before = weights(policy)
    optimizer = torch.optim.SGD(policy.parameters(), lr=1.0)
    reinforce_step(
        policy, optimizer, rollout, beta=beta, max_grad_norm=1e9, advantages=credit
    )
    for old, new, p in zip(before, weights(policy), twin.parameters(), strict=True):
        assert torch.allclose(old - new, p.grad, atol=2e-6, rtol=1e-4)


def test_the_first_step_has_ratio_one_no_kl_and_every_shared_metric(tokenizer):
    policy = tiny_gpt(tokenizer)
    reference = copy.deepcopy(policy)
    rollout = roll(tokenizer, policy, reference, rows=16)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3)
    values = reinforce_step(policy, optimizer, rollout, beta=0.1)
    assert set(values) == KEYS
    assert all(isinstance(v, float) and math.isfinite(v) for v in values.values())
    assert abs(values["policy/ratio_mean"] - 1) < 1e-5
    assert values["policy/ratio_var"] < 1e-9
    assert abs(values["policy/approx_kl"]) < 1e-9
    assert abs(values["kl_seq"]) < 1e-4 and abs(values["kl_tok"]) < 1e-5
    assert 0 < values["entropy"] <= math.log(len(tokenizer)) + 1e-5
    assert values["lr"] == 1e-3 and values["tokens_per_s"] > 0
    assert values["score/mean"] == pytest.approx(float(rollout.scores.mean()))


def test_the_metrics_are_those_counted_by_hand(tokenizer):
    mask = torch.tensor([[1, 1], [1, 0]], dtype=torch.bool)
    rollout = dataclasses.replace(
        roll(tokenizer, tiny_gpt(tokenizer), rows=2),
        completion_mask=mask,
        old_logprobs=torch.tensor([[-1.0, -2.0], [-3.0, 0.0]]),
        ref_logprobs=torch.tensor([[-2.0, -4.0], [-2.0, 0.0]]),
        scores=torch.tensor([1.0, 4.0]),
        ended=torch.tensor([False, True]),
    )
    two = math.log(2)
    logprobs = rollout.old_logprobs + torch.tensor([[two, 0.0], [-two, 9.0]])
    entropy = torch.tensor([[1.0, 2.0], [6.0, 99.0]])
    values = metrics(rollout, entropy, beta=0.5) | ratio_metrics(logprobs, rollout)
    assert values == pytest.approx({
        "score/mean": 2.5, "score/std": 1.5,
        "kl_seq": (3 - 1) / 2, "kl_tok": (1 + 2 - 1) / 3,
        "reward/kl_penalty": -0.5, "reward/total": 2.0,
        "entropy": 3.0,
        # ratios 2, 1 and 1/2: mean 7/6, mean square 5.25/3
        "policy/ratio_mean": 7 / 6, "policy/ratio_var": 5.25 / 3 - 49 / 36,
        "policy/approx_kl": ((2 - 1 - two) + 0 + (0.5 - 1 + two)) / 3,
        "completion/length": 1.5, "completion/eos_rate": 0.5,
    })  # fmt: skip


def test_scores_and_log_ratios_make_the_total_reward_that_is_logged(tokenizer):
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    rollout = roll(tokenizer, policy, reference, rows=8)
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.0)
    values = reinforce_step(policy, optimizer, rollout, beta=0.2)
    rewards = shaped_rewards(
        rollout.scores, rollout.old_logprobs, rollout.ref_logprobs,
        rollout.completion_mask, 0.2,
    )  # fmt: skip
    assert values["reward/total"] == pytest.approx(float(rewards.sum(1).mean()))


@pytest.mark.parametrize("field, value", [
    ("scores", math.nan), ("scores", 1e38), ("ref_logprobs", math.nan),
    ("ref_logprobs", math.inf),
])  # fmt: skip
def test_a_step_that_is_not_finite_is_refused_and_the_policy_kept(
    tokenizer, field, value
):
    policy = tiny_gpt(tokenizer)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-2)
    good = roll(tokenizer, policy, tiny_gpt(tokenizer, seed=1))
    reinforce_step(policy, optimizer, good, beta=0.1)
    before, moments = weights(policy), copy.deepcopy(optimizer.state_dict())
    spoilt = getattr(good, field).clone()
    spoilt[0] = value
    bad = dataclasses.replace(good, **{field: spoilt})
    with pytest.raises(
        CourseError, match="The step was not taken.*policy is as it was"
    ):
        reinforce_step(policy, optimizer, bad, beta=0.1)
    assert equal(before, weights(policy))
    assert all(p.grad is None for p in policy.parameters())
    for left, right in zip(
        moments["state"].values(), optimizer.state_dict()["state"].values(), strict=True
    ):
        assert torch.equal(left["exp_avg"], right["exp_avg"])


def test_the_gradient_is_clipped_to_the_norm_asked_for(tokenizer):
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    rollout = roll(tokenizer, policy, reference, rows=8)
    before = weights(policy)
    optimizer = torch.optim.SGD(policy.parameters(), lr=1.0)
    values = reinforce_step(policy, optimizer, rollout, beta=0.1, max_grad_norm=1e-3)
    moved = [a - b for a, b in zip(before, weights(policy), strict=True)]
    norm = math.sqrt(sum(float(m.double().square().sum()) for m in moved))
    assert values["grad_norm"] > 1e-3  # the norm before clipping is logged
    assert norm == pytest.approx(1e-3, rel=0.02)


# The loop -----------------------------------------------------------------------------


def learn(
    tokenizer, score, steps: int, beta=0.0, lr=1e-2, policy=None, reference=None,
    prompts=PROMPTS, **options,
):  # fmt: skip
    policy = policy or tiny_gpt(tokenizer)
    reference = reference or copy.deepcopy(policy)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=lr, weight_decay=0.0)
    history = train(
        policy, reference, tokenizer, prompts, score,
        partial(reinforce_step, policy, optimizer, beta=beta), optimizer=optimizer,
        **{
            "steps": steps, "batch_size": 32, "max_new_tokens": 8,
            "generator": seeded(), **options,
        },
    )  # fmt: skip
    return policy, reference, history


def ends(history) -> tuple[float, float]:
    scores = history["score/mean"]
    return sum(scores[:5]) / 5, sum(scores[-5:]) / 5


def test_the_policy_learns_a_rule_and_its_negation(tokenizer):
    _, _, up = learn(tokenizer, plain_share, 40)
    _, _, down = learn(tokenizer, flipped, 40)
    (first, last), (worst_first, worst_last) = ends(up), ends(down)
    assert last > first + 0.25
    assert -worst_last < -worst_first - 0.25  # the share falls when its sign is flipped


def test_scores_that_know_nothing_of_the_text_teach_nothing(tokenizer):
    noise, shares = seeded(7), []

    def random_score(prompts, completions):
        shares.append(sum(plain_share(prompts, completions)) / len(completions))
        return torch.rand(len(completions), generator=noise)

    learn(tokenizer, random_score, 40, lr=1e-3)
    assert abs(sum(shares[-5:]) / 5 - sum(shares[:5]) / 5) < 0.25


def test_a_strong_penalty_keeps_the_policy_near_its_reference(tokenizer):
    _, _, free = learn(tokenizer, plain_share, 30, beta=0.0)
    _, _, tied = learn(tokenizer, plain_share, 30, beta=1.0)
    assert sum(tied["kl_seq"][-5:]) < 0.5 * sum(free["kl_seq"][-5:])


def test_training_leaves_the_reference_and_its_gradients_alone(tokenizer):
    policy, reference, history = learn(tokenizer, plain_share, 3)
    assert equal(weights(reference), weights(tiny_gpt(tokenizer)))
    assert all(p.grad is None for p in reference.parameters())
    assert not equal(weights(policy), weights(reference))
    assert set(history.last) - {"step"} >= KEYS


def test_the_same_generator_gives_the_same_history(tokenizer):
    first, second = (learn(tokenizer, plain_share, 4)[2] for _ in range(2))
    for key in KEYS - {"tokens_per_s"}:
        assert first[key] == second[key]


def test_an_interrupt_keeps_what_was_learned_and_returns_the_history(tokenizer, capsys):
    seen, policy = [], tiny_gpt(tokenizer)

    def interrupted(prompts, completions):
        seen.append(weights(policy))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return plain_share(prompts, completions)

    history = learn(tokenizer, interrupted, 9, policy=policy)[2]
    assert len(history["score/mean"]) == 2
    assert equal(weights(policy), seen[2]) and not equal(seen[2], seen[0])
    assert "stopped after 2 of 9 steps" in capsys.readouterr().out


def test_no_step_begins_after_the_time_is_up(tokenizer):
    policy, reference, history = learn(tokenizer, plain_share, 5, stop_after_s=0)
    assert history["score/mean"] == []
    assert equal(weights(policy), weights(reference))


def test_a_score_that_breaks_in_the_middle_keeps_the_policy_of_the_last_step(tokenizer):
    seen, policy = [], tiny_gpt(tokenizer)

    def breaks(prompts, completions):
        seen.append(weights(policy))
        return plain_share(prompts, completions) if len(seen) < 3 else None

    with pytest.raises(ValueError, match="got None from the score function"):
        learn(tokenizer, breaks, 5, policy=policy)
    assert equal(weights(policy), seen[2]) and not equal(seen[2], seen[0])


def test_the_learning_rate_falls_linearly_to_nothing(tokenizer):
    history = learn(tokenizer, plain_share, 4)[2]
    first = history["lr"][0]
    expected = [first * share for share in (1, 0.75, 0.5, 0.25)]
    assert history["lr"] == pytest.approx(expected)


@pytest.mark.parametrize("change, sentence", [
    ({"batch_size": 1}, "at least two texts"),
    ({"prompts": []}, "no prompts"),
    ({"reference": "policy"}, "frozen copy"),
    ({"max_new_tokens": 500}, "context"),
    ({"temperature": 0.0}, "temperature"),
])  # fmt: skip
def test_settings_that_cannot_work_are_refused_in_one_sentence(
    tokenizer, change, sentence
):
    policy = tiny_gpt(tokenizer)
    change = {"steps": 1, "batch_size": 4, "max_new_tokens": 4, **change}
    if change.get("reference") == "policy":
        change["reference"] = policy
    with pytest.raises(ValueError, match="got .*expected") as error:
        learn(tokenizer, plain_share, policy=policy, **change)
    assert sentence in str(error.value)
