"""Expected gradients, enumerated: every sum runs over all completions or batches.

fp64, tolerance 1e-12; rewards, advantages and weights are constants, and the course's
own losses are applied to all completions at once, weighted by probability.
"""

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from course.policy.advantages import (
    batch_mean_baseline,
    leave_one_out_baseline,
    returns_to_go,
    reward_to_go_advantages,
    shaped_rewards,
    whole_sequence_advantages,
)
from course.policy.enumerable import (
    IDS,
    LENGTHS,
    MAX_LENGTH,
    NAMES,
    TinyPolicy,
    all_batches,
    bellman_backup,
)
from course.policy.kl import exact_kl, k1, k2, k3
from course.policy.losses import (
    policy_entropy,
    reduce_const,
    reduce_seq_mean,
    reduce_seq_sum,
    reduce_token_mean,
    reinforce_loss,
)

TOLERANCE = 1e-12
BETA = 0.3


def draws(seed: int) -> tuple[TinyPolicy, TinyPolicy, Tensor]:
    """A random policy, a random reference and a random score per completion."""
    generator = torch.Generator().manual_seed(seed)
    policy, reference = TinyPolicy.random(generator), TinyPolicy.random(generator)
    scores = torch.randn(7, generator=generator, dtype=torch.float64)
    return policy, TinyPolicy(reference.logits.detach()), scores


@pytest.fixture(params=[0, 1, 2])
def case(request) -> tuple[TinyPolicy, TinyPolicy, Tensor]:
    return draws(request.param)


def same(left: Tensor, right: Tensor, tolerance: float = TOLERANCE) -> bool:
    return bool((left - right).abs().max() <= tolerance)


def cosine(left: Tensor, right: Tensor) -> float:
    return float(torch.cosine_similarity(left.flatten(), right.flatten(), dim=0))


def exact_gradient(policy: TinyPolicy, scores: Tensor) -> Tensor:
    """Autograd through the probabilities: no score function, no loss of the course."""
    return policy.gradient(policy.expected(scores))


def weighted(weights: Tensor, reduce=reduce_seq_sum):
    """A reduction over single completions: sum of weight x reduce(one completion)."""

    def reduction(values: Tensor, mask: Tensor) -> Tensor:
        rows = [reduce(values[i : i + 1], mask[i : i + 1]) for i in range(len(mask))]
        return (weights.detach() * torch.stack(rows)).sum()

    return reduction


def reinforce_gradient(
    policy: TinyPolicy,
    advantages: Tensor,
    reduce=reduce_seq_sum,
    sampler: TinyPolicy | None = None,
) -> Tensor:
    """Expected ascent direction of one sampled completion."""
    probabilities = (sampler or policy).probabilities()
    return -policy.gradient(
        reinforce_loss(
            policy.logprobs(),
            advantages,
            policy.mask,
            reduce=weighted(probabilities, reduce),
        )
    )


def batch_gradient(policy: TinyPolicy, size: int, advantages, reduce) -> Tensor:
    """Expected ascent direction of a batch: a sum over all 7**size batches.

    advantages: maps the row numbers (size,) of one batch to its advantages.
    """
    logprobs, mask = policy.logprobs(), policy.mask
    probabilities = policy.probabilities().detach()
    total = torch.zeros((), dtype=torch.float64)
    for rows in all_batches(size):
        loss = reinforce_loss(logprobs[rows], advantages(rows), mask[rows], reduce)
        total = total + probabilities[rows].prod() * loss
    return -policy.gradient(total)


# The tiny policy itself -------------------------------------------------------------


def test_seven_completions_have_the_probabilities_of_their_tokens(case):
    policy, _, _ = case
    p = policy.logits.softmax(-1)
    by_hand = [p[0, 0]] + [p[0, i] * p[i, j] for i in (1, 2) for j in (0, 1, 2)]
    assert same(policy.probabilities(), torch.stack(by_hand))
    assert same(policy.probabilities().sum(), torch.ones((), dtype=torch.float64))


def test_names_ids_lengths_and_mask_describe_the_same_completions(case):
    policy, _, _ = case
    for name, ids, length, mask in zip(
        NAMES, IDS, LENGTHS, policy.mask.tolist(), strict=True
    ):
        assert [("EOS", "a", "b")[i] for i in ids[:length]] == name.split()
        assert sum(mask) == length and mask[0]


def test_the_logprob_of_padding_is_zero_and_has_no_gradient(case):
    policy, _, _ = case
    assert policy.logprobs()[0, 1] == 0
    assert same(policy.gradient(policy.logprobs()[0, 1]), torch.zeros(3, 3))


def test_the_exact_gradient_agrees_with_central_differences(case):
    policy, _, scores = case
    gradient, step = exact_gradient(policy, scores), 1e-5
    for place in range(9):
        nudge = torch.zeros(9, dtype=torch.float64)
        nudge[place] = step
        up = TinyPolicy(policy.logits.detach() + nudge.view(3, 3)).expected(scores)
        down = TinyPolicy(policy.logits.detach() - nudge.view(3, 3)).expected(scores)
        # The error of a central difference is of order step**2.
        assert abs((up - down) / (2 * step) - gradient.flatten()[place]) < 1e-9


def test_bellman_backups_from_the_leaves_give_the_expected_score(case):
    policy, _, scores = case
    values, p = policy.state_values(scores), policy.logits.softmax(-1)
    assert same(values[0], policy.expected(scores))
    assert same(values[1], (p[1] * scores[1:4]).sum())
    assert same(values[2], (p[2] * scores[4:7]).sum())


def test_a_bellman_backup_is_the_sum_over_actions_counted_by_hand():
    probs = torch.tensor([[0.25, 0.75], [1.0, 0.0]], dtype=torch.float64)
    rewards = torch.tensor([[1.0, 2.0], [3.0, 100.0]], dtype=torch.float64)
    following = torch.tensor([[4.0, 8.0], [2.0, 100.0]], dtype=torch.float64)
    values = bellman_backup(probs, rewards, following, gamma=0.5)
    # 0.25 (1 + 2) + 0.75 (2 + 4) = 5.25;  1 (3 + 1) = 4
    assert values.tolist() == [5.25, 4.0]


def test_bellman_with_a_discount_equals_the_enumerated_discounted_return(case):
    policy, _, _ = case
    generator, gamma = torch.Generator().manual_seed(9), 0.7
    rewards = torch.randn(7, 2, generator=generator, dtype=torch.float64)
    # The reward of the first token may depend on that token only.
    rewards[2:4, 0], rewards[5:7, 0] = rewards[1, 0], rewards[4, 0]
    returns = returns_to_go(rewards, policy.mask, gamma)[:, 0]
    p = policy.logits.softmax(-1)
    after = bellman_backup(p[1:], rewards[1:, 1].view(2, 3), torch.zeros(2, 3), gamma)
    root = bellman_backup(
        p[:1],
        rewards[[0, 1, 4], 0][None],
        torch.cat([torch.zeros(1), after])[None],
        gamma,
    )
    assert same(root[0], policy.expected(returns))


def test_the_entropy_of_completions_is_the_reach_weighted_entropy_of_prefixes(case):
    policy, _, _ = case
    whole = -policy.expected(policy.logprobs().sum(1))
    per_prefix = [
        policy_entropy(policy.logits[None, i : i + 1], torch.ones(1, 1))
        for i in range(3)
    ]
    assert same(whole, (policy.prefix_probabilities() * torch.stack(per_prefix)).sum())


# Rows of the table of expected gradients ---------------------------------------------


@pytest.mark.parametrize("baseline", [0.0, 1.7, -30.0])
def test_reinforce_with_any_constant_baseline_is_the_exact_gradient(case, baseline):
    policy, _, scores = case
    assert same(
        reinforce_gradient(policy, scores - baseline),
        exact_gradient(policy, scores),
        1e-11 if abs(baseline) > 10 else TOLERANCE,  # larger terms round more
    )


def test_a_baseline_that_depends_on_the_prefix_keeps_the_exact_gradient(case):
    policy, _, scores = case
    generator = torch.Generator().manual_seed(5)
    of_prefix = torch.randn(3, generator=generator, dtype=torch.float64)
    baseline = of_prefix[_prefixes()]  # (7, 2)
    assert same(
        reinforce_gradient(policy, scores[:, None] - baseline),
        exact_gradient(policy, scores),
    )


def test_a_baseline_that_looks_at_the_token_itself_breaks_the_gradient(case):
    policy, _, scores = case
    of_token = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    wrong = reinforce_gradient(policy, scores[:, None] - of_token[policy.ids])
    assert not same(wrong, exact_gradient(policy, scores), 1e-2)


def test_whole_sequence_and_reward_to_go_credit_have_one_expected_gradient(case):
    policy, reference, scores = case
    rewards = _shaped(policy, reference, scores, BETA)
    whole = reinforce_gradient(policy, rewards.sum(1))
    to_go = reinforce_gradient(policy, returns_to_go(rewards, policy.mask))
    assert same(whole, to_go)
    assert same(whole, _penalised_gradient(policy, reference, scores))


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("credit", [whole_sequence_advantages, reward_to_go_advantages])
def test_a_batch_mean_baseline_scales_the_gradient_by_n_minus_one_over_n(
    case, size, credit
):
    policy, _, scores = case
    rewards = _shaped(policy, policy, scores, 0.0)

    def advantages(rows: Tensor) -> Tensor:
        return credit(rewards[rows], policy.mask[rows])

    assert same(
        batch_gradient(policy, size, advantages, reduce_seq_sum),
        (size - 1) / size * exact_gradient(policy, scores),
    )


@pytest.mark.parametrize("size", [2, 3])
def test_a_leave_one_out_baseline_keeps_the_exact_gradient(case, size):
    policy, _, scores = case

    def advantages(rows: Tensor) -> Tensor:
        chosen = scores[rows]
        result = chosen - leave_one_out_baseline(chosen, size)
        centred = chosen - batch_mean_baseline(chosen)
        assert same(result, size / (size - 1) * centred)
        assert abs(float(result.sum())) < TOLERANCE
        return result

    assert same(
        batch_gradient(policy, size, advantages, reduce_seq_sum),
        exact_gradient(policy, scores),
    )


@pytest.mark.parametrize("credit", ["whole", "to go"])
def test_k1_as_a_constant_in_the_reward_is_the_gradient_of_the_penalised_objective(
    case, credit
):
    policy, reference, scores = case
    rewards = _shaped(policy, reference, scores, BETA)
    assert not rewards.requires_grad
    to_go = returns_to_go(rewards, policy.mask)
    assert same(
        reinforce_gradient(policy, to_go[:, 0] if credit == "whole" else to_go),
        _penalised_gradient(policy, reference, scores),
    )


def test_a_group_mean_with_the_const_reduction_is_the_gradient_scaled_twice(case):
    policy, _, scores = case

    def advantages(rows: Tensor) -> Tensor:
        return scores[rows] - batch_mean_baseline(scores[rows])

    assert same(
        batch_gradient(
            policy, 3, advantages, partial(reduce_const, max_length=MAX_LENGTH)
        ),
        2 / 3 * exact_gradient(policy, scores) / MAX_LENGTH,
    )


def test_the_const_reduction_is_the_gradient_over_the_longest_length(case):
    policy, _, scores = case
    assert same(
        reinforce_gradient(
            policy, scores - 0.4, partial(reduce_const, max_length=MAX_LENGTH)
        ),
        exact_gradient(policy, scores) / MAX_LENGTH,
    )


def test_a_mean_inside_each_sequence_is_not_the_gradient_and_minds_a_constant(case):
    policy, _, scores = case
    gradient = exact_gradient(policy, scores)
    once = reinforce_gradient(policy, scores, reduce_seq_mean)
    shifted = reinforce_gradient(policy, scores + 1.0, reduce_seq_mean)
    assert cosine(once, gradient) < 1 - 1e-4
    assert not same(once, shifted, 1e-2)
    assert same(
        reinforce_gradient(policy, scores),
        reinforce_gradient(policy, scores + 1.0),
    )


def _token_mean_cosine(policy: TinyPolicy, scores: Tensor, centre: bool) -> float:
    def advantages(rows: Tensor) -> Tensor:
        chosen = scores[rows]
        return chosen - batch_mean_baseline(chosen) if centre else chosen

    taken = batch_gradient(policy, 2, advantages, reduce_token_mean)
    return cosine(taken, exact_gradient(policy, scores))


def test_the_token_mean_over_centred_pairs_is_nearly_but_not_exactly_parallel(case):
    policy, _, scores = case
    assert 0.99 < _token_mean_cosine(policy, scores, centre=True) < 1 - 1e-6


def test_the_token_mean_of_raw_scores_minds_a_constant_that_can_turn_it_around(case):
    """Its divisor is the batch's own length: long texts share one constant, so every
    constant that a baseline leaves in pays for length, up or down."""
    policy, _, scores = case
    likeness = [
        _token_mean_cosine(policy, scores + constant, centre=False)
        for constant in (-10.0, 10.0)
    ]
    assert min(likeness) < 0 and abs(likeness[0] - likeness[1]) > 0.1
    centred = [
        _token_mean_cosine(policy, scores + constant, centre=True)
        for constant in (-10.0, 10.0)
    ]
    assert abs(centred[0] - centred[1]) < 1e-9


def test_exact_values_as_a_baseline_keep_the_gradient_and_lower_the_variance(case):
    policy, _, scores = case
    values = policy.state_values(scores).detach()[_prefixes()]  # (7, 2)
    gradient = exact_gradient(policy, scores)
    assert same(reinforce_gradient(policy, scores[:, None] - values), gradient)
    plain = _variance(policy, scores + 3.0)
    assert _variance(policy, scores[:, None] - values) < plain


def test_a_whole_sequence_ratio_corrects_for_samples_of_another_policy(case):
    policy, other, scores = case
    ratio = (policy.logprobs() - other.logprobs()).sum(1).exp().detach()
    gradient = exact_gradient(policy, scores)
    assert same(reinforce_gradient(policy, ratio * scores, sampler=other), gradient)
    assert not same(reinforce_gradient(policy, scores, sampler=other), gradient, 1e-2)


def test_per_token_ratios_are_exact_only_where_old_and_new_policy_agree(case):
    policy, other, scores = case
    gradient = exact_gradient(policy, scores)
    for sampler, exact in ((other, False), (TinyPolicy(policy.logits.detach()), True)):
        ratio = (policy.logprobs() - sampler.logprobs()).exp().detach()
        taken = reinforce_gradient(policy, ratio * scores[:, None], sampler=sampler)
        assert same(taken, gradient, TOLERANCE if exact else 1e-3) == exact


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_at_the_optimum_every_shaped_reward_is_the_same_and_nothing_moves(seed):
    _, reference, scores = draws(seed)
    weights = reference.probabilities() * (scores / BETA).exp()
    log_z = weights.sum().log()
    target = weights / weights.sum()
    first = torch.stack([target[0], target[1:4].sum(), target[4:7].sum()])
    logits = torch.stack([first.log(), target[1:4].log(), target[4:7].log()])
    best = TinyPolicy(logits.requires_grad_())
    assert same(best.probabilities(), target)
    rewards = _shaped(best, reference, scores, BETA).sum(1)
    assert same(rewards, BETA * log_z.expand(7))
    for rows in all_batches(2):
        chosen = rewards[rows]
        assert same(chosen, leave_one_out_baseline(chosen, 2))
    assert same(reinforce_gradient(best, rewards), torch.zeros(3, 3))
    assert same(_penalised_gradient(best, reference, scores), torch.zeros(3, 3))


def test_centring_rewards_inside_a_text_turns_the_first_tokens_gradient_around(case):
    """The disease: 'advantages' that compare a text with itself, not with others.

    With the score on the second token, the first gets -R/2 and the second +R/2.
    """
    policy, _, scores = case
    scores = scores.clone()
    scores[0] = 0.0  # only completions of two tokens earn anything
    rewards = _shaped(policy, policy, scores, 0.0)
    mean = rewards.sum(1, keepdim=True) / policy.mask.sum(1, keepdim=True)
    wrong = reinforce_gradient(policy, (rewards - mean) * policy.mask)
    gradient = exact_gradient(policy, scores)
    assert same(wrong[0], -gradient[0] / 2)
    assert same(wrong[1:], gradient[1:] / 2)


# KL gradients, one step ---------------------------------------------------------------

LOGITS = (0.5, -0.2, 1.0)
TARGET = (-0.0482, -0.1344, 0.1826)


def ratio_of(logprobs: Tensor) -> Tensor:
    """Value 1, gradient that of the log-probability."""
    return (logprobs - logprobs.detach()).exp()


def in_the_loss(estimate):
    return lambda log_pi, log_ref: estimate(log_pi, log_ref)


def ratio_times(estimate):
    return lambda log_pi, log_ref: ratio_of(log_pi) * estimate(log_pi, log_ref)


def in_the_reward(estimate):
    """The term of the REINFORCE loss: a constant times log pi."""
    return lambda log_pi, log_ref: estimate(log_pi, log_ref).detach() * log_pi


def straight_through(log_pi: Tensor, log_ref: Tensor) -> Tensor:
    value, slope = k3(log_pi, log_ref), k2(log_pi, log_ref)
    return slope + (value - slope).detach()


TABLE = [
    ("k1 in the loss", in_the_loss(k1), "zero", (0.0, 0.0, 0.0)),
    ("k2 in the loss", in_the_loss(k2), "target", TARGET),
    ("k3 in the loss", in_the_loss(k3), "forward", (-0.0154, -0.1755, 0.1909)),
    ("ratio * k3 in the loss", ratio_times(k3), "target", TARGET),
    ("ratio * k1 in the loss", ratio_times(k1), "target", TARGET),
    ("ratio * k2 in the loss", ratio_times(k2), "k2", (-0.0790, -0.1059, 0.1849)),
    ("k1 in the reward", in_the_reward(k1), "target", TARGET),
    ("k3 in the reward", in_the_reward(k3), None, (-0.0328, 0.0410, -0.0082)),
    ("straight-through", straight_through, "target", TARGET),
]


def one_step(logits: Tensor, log_ref: Tensor, term) -> Tensor:
    """Gradient of the expectation over samples whose probabilities stay constant."""
    log_pi = logits.log_softmax(-1)
    expected = (log_pi.exp().detach() * term(log_pi, log_ref)).sum()
    (gradient,) = torch.autograd.grad(expected, logits)
    return gradient


def differentiated(logits: Tensor, objective) -> Tensor:
    (gradient,) = torch.autograd.grad(objective(logits.log_softmax(-1)), logits)
    return gradient


def row_id(value) -> str:
    """The same in every process, unlike the address in a function's str."""
    return "term" if callable(value) else str(value)


@pytest.mark.parametrize("name, term, equals, printed", TABLE, ids=row_id)
def test_the_kl_gradient_table_holds_on_its_example_and_on_random_logits(
    name, term, equals, printed
):
    example = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    uniform = torch.full((3,), -math.log(3), dtype=torch.float64)
    generator = torch.Generator().manual_seed(3)
    cases = [(example, uniform)]
    for _ in range(3):
        drawn = torch.randn(2, 5, generator=generator, dtype=torch.float64)
        cases.append((drawn[0].clone().requires_grad_(), drawn[1].log_softmax(-1)))
    for logits, log_ref in cases:
        objectives = {
            "zero": lambda log_pi: 0.0 * log_pi.sum(),
            "target": lambda lp, r=log_ref: (lp.exp() * (lp - r)).sum(),
            "forward": lambda lp, r=log_ref: (r.exp() * (r - lp)).sum(),
            "k2": lambda lp, r=log_ref: (lp.exp() * (lp - r) ** 2 / 2).sum(),
        }
        taken = one_step(logits, log_ref, term)
        if equals:
            assert same(taken, differentiated(logits, objectives[equals]))
        for other in {"target", "forward"} - {equals}:
            assert not same(taken, differentiated(logits, objectives[other]), 1e-3)
    rounded = [round(x, 4) + 0.0 for x in one_step(example, uniform, term).tolist()]
    assert rounded == list(printed)


def test_the_exact_kl_has_the_printed_value_and_the_target_as_its_gradient():
    logits = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    value = exact_kl(logits, torch.zeros(3, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(value, logits)
    assert abs(float(value.detach()) - 0.104276) < 5e-7
    assert [round(x, 4) for x in gradient.tolist()] == list(TARGET)


def test_the_straight_through_term_has_the_value_of_k3_and_the_slope_of_k2(case):
    policy, reference, _ = case
    log_pi, log_ref = policy.logprobs().sum(1), reference.logprobs().sum(1)
    term = straight_through(log_pi, log_ref)
    assert same(term, k3(log_pi, log_ref))
    for row in range(7):
        slope = policy.gradient(k2(log_pi, log_ref)[row])
        assert same(policy.gradient(term[row]), slope)


def test_k3_in_the_loss_and_k3_in_the_reward_add_up_to_the_target():
    logits = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    uniform = torch.full((3,), -math.log(3), dtype=torch.float64)
    both = one_step(logits, uniform, in_the_loss(k3)) + one_step(
        logits, uniform, in_the_reward(k3)
    )
    assert same(both, one_step(logits, uniform, in_the_loss(k2)))


def test_k3_in_the_loss_has_the_gradient_pi_minus_reference():
    logits = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    uniform = torch.full((3,), -math.log(3), dtype=torch.float64)
    difference = logits.softmax(-1) - uniform.exp()
    assert same(one_step(logits, uniform, in_the_loss(k3)), difference)


def test_the_values_of_the_estimators_on_the_example_are_the_published_ones():
    logits = torch.tensor(LOGITS, dtype=torch.float64)
    log_pi, log_ref = logits.log_softmax(-1), torch.zeros(3).double().log_softmax(-1)

    def mean(x: Tensor) -> float:
        return float((log_pi.exp() * x).sum())

    def variance(x: Tensor) -> float:
        return mean(x**2) - mean(x) ** 2

    one, two, three = (k(log_pi, log_ref) for k in (k1, k2, k3))
    assert abs(mean(one) - 0.104276) < 5e-7 and abs(mean(three) - 0.104276) < 5e-7
    assert abs(mean(two) - 0.098153) < 5e-7
    assert abs(variance(one) - 0.1854) < 5e-5
    assert abs(variance(three) - 0.0142) < 5e-5
    assert abs(float(exact_kl(logits, log_ref)) - mean(one)) < TOLERANCE


@pytest.mark.parametrize("kl, biases, stds", [
    (0.005, (0.0, 0.002, 0.0), (20.0, 1.42, 1.42)),
    (0.5, (0.0, 0.25, 0.0), (2.00, 1.73, 1.70)),
])  # fmt: skip
def test_bias_and_spread_on_gaussians_are_those_of_schulmans_table(kl, biases, stds):
    """q = N(0, 1), p = N(mu, 1), samples of q; numeric integration on a fine grid."""
    mu = math.sqrt(2 * kl)
    x = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    log_q, log_p = -(x**2) / 2, -((x - mu) ** 2) / 2
    weight = log_q.exp() / log_q.exp().sum()
    for estimate, bias, std in zip((k1, k2, k3), biases, stds, strict=True):
        value = estimate(log_q, log_p)
        mean = (weight * value).sum()
        spread = (weight * (value - mean) ** 2).sum().sqrt()
        assert abs(float(mean) / kl - 1 - bias) < 0.003
        assert abs(float(spread) / kl - std) < 0.006 * max(1, std)


# KL gradients, two steps --------------------------------------------------------------


def kl_targets(policy: TinyPolicy, reference: TinyPolicy) -> dict[str, Tensor]:
    """Exact gradients of both divergences: whole sequences, and prefixes frozen."""
    forward_whole = reference.expected(
        (reference.logprobs() - policy.logprobs()).sum(1)
    )
    reach = policy.prefix_probabilities().detach()
    backward = exact_kl(policy.logits, reference.logits)  # (3,)
    forward = exact_kl(reference.logits, policy.logits)
    return {
        "sequence": policy.gradient(policy.kl(reference)),
        "frozen": policy.gradient((reach * backward).sum()),
        "forward sequence": policy.gradient(forward_whole),
        "forward frozen": policy.gradient((reach * forward).sum()),
        "zero": torch.zeros(3, 3, dtype=torch.float64),
    }


def per_sequence(term):
    """`term` of the summed log-probabilities: (7,)."""
    return lambda new, ref, mask: term(new.sum(1), ref.sum(1))


def per_token(term):
    """The sum over tokens of `term`: (7,)."""
    return lambda new, ref, mask: (term(new, ref) * mask).sum(1)


def whole_reward(new: Tensor, ref: Tensor, mask: Tensor) -> Tensor:
    return k1(new, ref).sum(1).detach() * new.sum(1)


def reward_to_go(new: Tensor, ref: Tensor, mask: Tensor) -> Tensor:
    return (returns_to_go(k1(new, ref).detach(), mask) * new).sum(1)


TWO_STEPS = [
    ("k1 in the reward, whole sequence", whole_reward, "sequence"),
    ("k1 in the reward, reward to go", reward_to_go, "sequence"),
    ("k2 of D", per_sequence(k2), "sequence"),
    ("sequence ratio * k3 of D", per_sequence(ratio_times(k3)), "sequence"),
    ("per-token k2", per_token(k2), "frozen"),
    ("per-token ratio * k3", per_token(ratio_times(k3)), "frozen"),
    ("k1 credited to its own token", per_token(in_the_reward(k1)), "frozen"),
    ("per-token k3", per_token(k3), "forward frozen"),
    ("k3 of D", per_sequence(k3), "forward sequence"),
    ("per-token k1", per_token(k1), "zero"),
    ("sequence k1", per_sequence(k1), "zero"),
]


@pytest.mark.parametrize("name, term, equals", TWO_STEPS, ids=row_id)
def test_on_two_steps_each_kl_term_has_the_gradient_of_its_own_target(
    case, name, term, equals
):
    policy, reference, _ = case
    terms = term(policy.logprobs(), reference.logprobs(), policy.mask)
    expected = (policy.probabilities().detach() * terms).sum()
    taken = policy.gradient(expected)
    for target, gradient in kl_targets(policy, reference).items():
        assert same(taken, gradient, TOLERANCE if target == equals else 1e-3) == (
            target == equals
        )


def test_the_kl_of_completions_is_the_reach_weighted_kl_of_prefixes(case):
    policy, reference, _ = case
    by_prefix = policy.prefix_probabilities() * exact_kl(
        policy.logits, reference.logits
    )
    assert same(policy.kl(reference), by_prefix.sum())


def test_k3_with_the_ratio_upside_down_estimates_chi_square_minus_kl(case):
    policy, reference, _ = case
    upside_down = k3(reference.logprobs().sum(1), policy.logprobs().sum(1))
    p, q = policy.probabilities(), reference.probabilities()
    chi_square = ((p - q) ** 2 / q).sum()
    assert same(policy.expected(upside_down), chi_square - policy.kl(reference), 1e-11)


def test_k1_and_k3_are_unbiased_and_k2_is_not(case):
    policy, reference, _ = case
    new, ref = policy.logprobs().sum(1), reference.logprobs().sum(1)
    assert same(policy.expected(k1(new, ref)), policy.kl(reference))
    assert same(policy.expected(k3(new, ref)), policy.kl(reference))
    assert not same(policy.expected(k2(new, ref)), policy.kl(reference), 1e-3)


# Helpers of the tests -----------------------------------------------------------------


def _prefixes() -> Tensor:
    """Row of the prefix in which each token is chosen: (7, 2)."""
    return torch.tensor([[0, ids[0]] for ids in IDS])


def _shaped(
    policy: TinyPolicy, reference: TinyPolicy, scores: Tensor, beta: float
) -> Tensor:
    return shaped_rewards(
        scores, policy.logprobs(), reference.logprobs(), policy.mask, beta
    )


def _penalised_gradient(
    policy: TinyPolicy, reference: TinyPolicy, scores: Tensor
) -> Tensor:
    return policy.gradient(policy.expected(scores) - BETA * policy.kl(reference))


def _variance(policy: TinyPolicy, advantages: Tensor) -> float:
    """Total variance of the one-sample gradient, by enumeration."""
    logprobs, mask = policy.logprobs(), policy.mask
    singles = []
    for row in range(7):
        i = slice(row, row + 1)
        loss = reinforce_loss(logprobs[i], advantages[i], mask[i], reduce_seq_sum)
        singles.append(policy.gradient(loss))
    singles = torch.stack(singles)  # (7, 3, 3)
    p = policy.probabilities().detach()[:, None, None]
    mean = (p * singles).sum(0)
    return float((p * (singles - mean) ** 2).sum())
