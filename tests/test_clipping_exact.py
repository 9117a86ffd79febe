"""PPO, GRPO, RLOO and GAE on the enumerable policy: exact expected gradients.

As in test_policy_exact: fp64, tolerance 1e-12, sums over all completions or over all
batches of them, weighted by probability.
"""

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from course.policy.advantages import returns_to_go, shaped_rewards, whiten
from course.policy.clipping import (
    grpo_loss,
    importance_ratio,
    is_clipped,
    ppo_clip_loss,
    rloo_loss,
    sequence_ratio,
)
from course.policy.critic import (
    explained_variance,
    gae,
    value_clip_fraction,
    value_loss,
)
from course.policy.enumerable import IDS, MAX_LENGTH, TinyPolicy, all_batches
from course.policy.groups import (
    centred_advantages,
    frac_reward_zero_std,
    group_advantages,
    group_std,
    rloo_advantages,
)
from course.policy.kl import exact_kl
from course.policy.losses import (
    reduce_const,
    reduce_seq_mean,
    reduce_seq_sum,
    reduce_token_mean,
    reinforce_loss,
)

TOLERANCE = 1e-12
F64 = torch.float64
EPS = 0.2  # of the clip
BETA = 0.3
CONST = partial(reduce_const, max_length=MAX_LENGTH)
# Row of the prefix in which each token is chosen: (7, 2).
PREFIXES = torch.tensor([[0, ids[0]] for ids in IDS])


def clip_fraction(ratio: Tensor, advantages: Tensor, mask: Tensor, eps: float):
    """Share of the completion tokens that the clip leaves without a gradient."""
    return reduce_token_mean(is_clipped(ratio, advantages, eps).to(ratio.dtype), mask)


@pytest.fixture(params=[0, 1, 2])
def case(request) -> tuple[TinyPolicy, TinyPolicy, Tensor]:
    """A random policy, another one, and a random score per completion."""
    generator = torch.Generator().manual_seed(request.param)
    policy, other = TinyPolicy.random(generator), TinyPolicy.random(generator)
    scores = torch.randn(7, generator=generator, dtype=torch.float64)
    return policy, TinyPolicy(other.logits.detach()), scores


def same(left: Tensor, right: Tensor, tolerance: float = TOLERANCE) -> bool:
    return bool((left - right).abs().max() <= tolerance)


def cosine(left: Tensor, right: Tensor) -> float:
    return float(torch.cosine_similarity(left.flatten(), right.flatten(), dim=0))


def exact_gradient(policy: TinyPolicy, scores: Tensor) -> Tensor:
    return policy.gradient(policy.expected(scores))


def frozen(policy: TinyPolicy) -> TinyPolicy:
    return TinyPolicy(policy.logits.detach())


def one_gradient(policy: TinyPolicy, sampler: TinyPolicy, loss) -> Tensor:
    """Expected ascent direction of one completion that `sampler` wrote.

    loss: maps a row, as a slice, to the scalar loss of that completion alone.
    """
    weights = sampler.probabilities().detach()
    losses = [loss(slice(row, row + 1)) for row in range(7)]
    return -policy.gradient((weights * torch.stack(losses)).sum())


def ppo_gradient(
    policy: TinyPolicy, advantages: Tensor, sampler: TinyPolicy | None = None
) -> Tensor:
    """That of the unclipped PPO loss; sampled by the policy itself unless told."""
    sampler = sampler or frozen(policy)
    new, old, mask = policy.logprobs(), sampler.logprobs(), policy.mask

    def loss(i: slice) -> Tensor:
        return ppo_clip_loss(
            new[i], old[i], advantages[i], mask[i], math.inf, reduce=reduce_seq_sum
        )

    return one_gradient(policy, sampler, loss)


def group_gradient(policy: TinyPolicy, size: int, advantages, reduce) -> Tensor:
    """Expected ascent direction of the on-policy GRPO loss on one group.

    advantages: maps the row numbers (size,) of one group to its advantages.
    """
    new, mask = policy.logprobs(), policy.mask
    old, weights = new.detach(), policy.probabilities().detach()
    total = torch.zeros((), dtype=torch.float64)
    for i in all_batches(size):
        loss = grpo_loss(
            new[i], old[i], None, advantages(i), mask[i], 0.0, EPS, reduce=reduce
        )
        total = total + weights[i].prod() * loss
    return -policy.gradient(total)


def rewards_of(policy: TinyPolicy, scores: Tensor) -> Tensor:
    """The score on the last token of every completion: (7, 2)."""
    new = policy.logprobs()
    return shaped_rewards(scores, new, new, policy.mask, 0.0)


def any_values(seed: int = 5) -> Tensor:
    """A wrong critic: a random value for each of the three prefixes, as (7, 2)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, generator=generator, dtype=torch.float64)[PREFIXES]


# Groups -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3])
def test_grpo_without_std_and_with_const_is_the_gradient_scaled_twice(case, size):
    policy, _, scores = case
    taken = group_gradient(
        policy, size, lambda i: centred_advantages(scores[i], size), CONST
    )
    factor = (size - 1) / size / MAX_LENGTH
    assert same(taken, factor * exact_gradient(policy, scores))


@pytest.mark.parametrize("size", [2, 3])
def test_rloo_on_its_own_samples_is_the_exact_gradient(case, size):
    policy, _, scores = case
    new, mask = policy.logprobs(), policy.mask
    old, weights = new.detach(), policy.probabilities().detach()
    total = torch.zeros((), dtype=torch.float64)
    for i in all_batches(size):
        advantages = rloo_advantages(scores[i], size)
        loss = rloo_loss(new[i], old[i], advantages, mask[i], EPS)
        total = total + weights[i].prod() * loss
    assert same(-policy.gradient(total), exact_gradient(policy, scores))


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("size", [2, 3])
def test_with_binary_scores_the_std_multiplies_the_gradient_by_a_known_number(
    case, size, unbiased
):
    """The number depends on the success rate p: the learning rate is not the same."""
    policy, _, scores = case
    binary, eps = (scores > 0).double(), 1e-4
    assert 0 < binary.sum() < 7
    p = float(policy.expected(binary).detach())

    def std(ones: int) -> float:
        share = ones / size
        bessel = size / (size - 1) if unbiased else 1.0
        return math.sqrt(bessel * share * (1 - share))

    factor = 0.0
    for k in range(size):  # ones among the others
        chance = math.comb(size - 1, k) * p**k * (1 - p) ** (size - 1 - k)
        success = (1 - (k + 1) / size) / (std(k + 1) + eps)
        failure = (k / size) / (std(k) + eps)
        factor += chance * (success + failure)
    taken = group_gradient(
        policy,
        size,
        lambda i: group_advantages(binary[i], size, unbiased, eps),
        reduce_seq_sum,
    )
    assert same(taken, factor * exact_gradient(policy, binary))


@pytest.mark.parametrize("size", [2, 3])
def test_with_many_levels_of_score_the_std_turns_the_gradient(case, size):
    policy, _, scores = case
    taken = group_gradient(
        policy, size, lambda i: group_advantages(scores[i], size), reduce_seq_sum
    )
    assert 0 < cosine(taken, exact_gradient(policy, scores)) < 1 - 1e-4


def test_a_group_mean_frees_the_sequence_mean_of_the_constant_but_not_of_its_bias(
    case,
):
    """A constant moves the sequence mean of raw scores only, not that of a group."""
    policy, _, scores = case
    size = 2

    def taken(shift: float, reduce) -> Tensor:
        return group_gradient(
            policy, size, lambda i: centred_advantages(scores[i] + shift, size), reduce
        )

    assert same(taken(0.0, reduce_seq_mean), taken(1.0, reduce_seq_mean))
    gradient = exact_gradient(policy, scores)
    assert cosine(taken(0.0, reduce_seq_mean), gradient) < 1 - 1e-4
    assert cosine(taken(0.0, reduce_seq_sum), gradient) > 1 - TOLERANCE


@pytest.mark.parametrize(
    "function", [group_advantages, centred_advantages, rloo_advantages]
)
def test_turning_the_sign_of_the_scores_turns_the_group_gradient_around(case, function):
    policy, _, scores = case

    def taken(sign: int) -> Tensor:
        return group_gradient(
            policy, 2, lambda i: function(sign * scores[i], 2), reduce_seq_sum
        )

    assert taken(1).abs().max() > 1e-2
    assert same(taken(-1), -taken(1))


def test_the_two_std_conventions_differ_by_the_factor_of_bessel():
    scores = torch.tensor([0.0, 1.0, 4.0, -2.0, 3.0, 3.0, 9.0, 1.0]).double()
    biased = group_advantages(scores, 4, eps=0.0)
    unbiased = group_advantages(scores, 4, unbiased=True, eps=0.0)
    assert same(biased, math.sqrt(4 / 3) * unbiased)


def test_biased_advantages_of_a_group_have_mean_zero_and_variance_one(case):
    _, _, scores = case
    advantages = group_advantages(scores[:6], 3, eps=0.0).view(2, 3)
    assert same(advantages.mean(1), torch.zeros(2))
    assert same(advantages.square().mean(1), torch.ones(2))


def test_rloo_advantages_are_the_centred_ones_scaled_and_sum_to_zero(case):
    _, _, scores = case
    advantages = rloo_advantages(scores[:6], 3)
    assert same(advantages, 3 / 2 * centred_advantages(scores[:6], 3))
    assert same(advantages.view(2, 3).sum(1), torch.zeros(2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [2, 3, 7, 8])
def test_a_group_with_equal_scores_gets_exact_zeros_and_is_counted(size, dtype):
    """The mean of equal numbers can be off by a rounding, which 1 / eps enlarges."""
    equal = torch.full((size,), 0.1, dtype=dtype)
    scores = torch.cat([equal, torch.arange(size).to(dtype)])
    for advantages in (
        group_advantages(scores, size),
        group_advantages(scores, size, unbiased=True),
        centred_advantages(scores, size),
        rloo_advantages(scores, size),
    ):
        assert advantages[:size].tolist() == [0.0] * size
        assert advantages[size:].abs().max() > 0
    assert group_std(scores, size)[0] == 0 < group_std(scores, size)[1]
    assert float(frac_reward_zero_std(scores, size)) == 0.5


def test_a_group_with_equal_scores_gives_no_gradient(case):
    policy, _, _ = case
    rows = torch.tensor([1, 4, 6])
    advantages = group_advantages(torch.full((3,), 0.7), 3)
    new, mask = policy.logprobs()[rows], policy.mask[rows]
    loss = grpo_loss(new, new.detach(), None, advantages, mask, 0.0, EPS)
    assert same(policy.gradient(loss), torch.zeros(3, 3))


# Generalised advantage estimation -----------------------------------------------------


def test_gae_with_lam_one_keeps_the_exact_gradient_whatever_the_values(case):
    policy, _, scores = case
    advantages, _ = gae(rewards_of(policy, scores), any_values(), policy.mask, 1.0, 1.0)
    assert same(ppo_gradient(policy, advantages), exact_gradient(policy, scores))


@pytest.mark.parametrize("lam", [0.0, 0.5, 0.95])
def test_gae_with_exact_values_keeps_the_exact_gradient_whatever_lam(case, lam):
    policy, _, scores = case
    values = policy.state_values(scores).detach()[PREFIXES]
    advantages, _ = gae(rewards_of(policy, scores), values, policy.mask, 1.0, lam)
    assert same(ppo_gradient(policy, advantages), exact_gradient(policy, scores))


def test_gae_with_wrong_values_is_wrong_in_proportion_to_one_minus_lam(case):
    """Only the first token's: the last one has nothing left to bootstrap."""
    policy, _, scores = case
    gradient, rewards = exact_gradient(policy, scores), rewards_of(policy, scores)
    errors = {}
    for lam in (0.0, 0.5, 0.95):
        advantages, _ = gae(rewards, any_values(), policy.mask, 1.0, lam)
        errors[lam] = ppo_gradient(policy, advantages) - gradient
    assert errors[0.0].abs().max() > 1e-2
    assert same(errors[0.0][1:], torch.zeros(2, 3))
    assert same(errors[0.5], 0.5 * errors[0.0])
    assert same(errors[0.95], 0.05 * errors[0.0])


def test_values_read_after_the_token_break_the_gradient(case):
    """The disease: a critic that has seen the token it is the baseline of."""
    policy, _, scores = case
    values = any_values()
    late = torch.stack([values[:, 1], scores], 1)  # what the right ones are, one later
    advantages, _ = gae(rewards_of(policy, scores), late, policy.mask, 1.0, 1.0)
    wrong = ppo_gradient(policy, advantages)
    assert not same(wrong, exact_gradient(policy, scores), 1e-2)


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_gae_has_its_textbook_limits(case, gamma):
    policy, _, scores = case
    mask, values = policy.mask, any_values()
    generator = torch.Generator().manual_seed(8)
    rewards = torch.randn(7, 2, generator=generator, dtype=torch.float64)
    monte_carlo, _ = gae(rewards, torch.zeros_like(values), mask, gamma, 1.0)
    assert same(monte_carlo, returns_to_go(rewards, mask, gamma))
    one_step, returns = gae(rewards, values, mask, gamma, 0.0)
    for row in range(7):
        last = int(mask[row].sum()) - 1
        for t in range(last + 1):
            following = values[row, t + 1] if t < last else 0.0
            error = rewards[row, t] + gamma * following - values[row, t]
            assert abs(float(one_step[row, t] - error)) < TOLERANCE
    assert same(returns, one_step + values * mask)
    assert one_step[0, 1] == returns[0, 1] == 0  # padding


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
def test_returns_are_advantages_plus_values_before_whitening(case, lam):
    """The disease: returns made of whitened advantages, which have no unit."""
    policy, _, scores = case
    mask, values = policy.mask, any_values()
    advantages, returns = gae(rewards_of(policy, scores), values, mask, 1.0, lam)
    assert same(returns, (advantages + values) * mask)
    assert not same(returns, (whiten(advantages, mask) + values) * mask, 0.1)
    if lam == 1:  # then they are what was really earned, whatever the critic says
        assert same(returns, scores[:, None] * mask)


@pytest.mark.parametrize("lam", [0.0, 0.95, 1.0])
def test_turning_the_sign_of_scores_and_values_turns_the_whitened_gradient_around(
    case, lam
):
    policy, _, scores = case

    def taken(sign: int) -> Tensor:
        rewards, mask = rewards_of(policy, sign * scores), policy.mask
        advantages, _ = gae(rewards, sign * any_values(), mask, 1.0, lam)
        return ppo_gradient(policy, whiten(advantages, mask))

    assert taken(1).abs().max() > 1e-2
    assert same(taken(-1), -taken(1))


def test_gae_agrees_with_its_definition_as_a_weighted_sum_of_errors():
    """Equation 16: A_t = sum_l (gamma lam)^l delta_{t+l}, written out."""
    generator = torch.Generator().manual_seed(1)
    rewards, values = torch.randn(2, 1, 6, generator=generator, dtype=torch.float64)
    gamma, lam, length = 0.9, 0.8, 4
    mask = torch.arange(6)[None] < length
    advantages, _ = gae(rewards, values, mask, gamma, lam)
    v = [*values[0, :length].tolist(), 0.0]
    r = rewards[0].tolist()
    delta = [r[t] + gamma * v[t + 1] - v[t] for t in range(length)]
    for t in range(length):
        by_hand = sum((gamma * lam) ** (s - t) * delta[s] for s in range(t, length))
        assert abs(float(advantages[0, t]) - by_hand) < TOLERANCE
    assert advantages[0, length:].tolist() == [0.0, 0.0]


# Samples of another policy ------------------------------------------------------------


def test_one_unclipped_ratio_per_completion_corrects_for_another_sampler(case):
    policy, other, scores = case
    new, old, mask = policy.logprobs(), other.logprobs(), policy.mask
    taken = one_gradient(
        policy,
        other,
        lambda i: rloo_loss(new[i], old[i], scores[i], mask[i], math.inf),
    )
    assert same(taken, exact_gradient(policy, scores))


def test_unclipped_token_ratios_are_exact_only_for_the_policys_own_samples(case):
    policy, other, scores = case
    gradient = exact_gradient(policy, scores)
    assert same(ppo_gradient(policy, scores), gradient)
    assert not same(ppo_gradient(policy, scores, sampler=other), gradient, 1e-3)


def test_token_ratios_improve_the_old_policys_texts_one_token_at_a_time(case):
    """What they do estimate: old prefixes, old futures, and one token that is new."""
    policy, other, scores = case
    reach = other.prefix_probabilities()
    q = torch.zeros(3, 3, dtype=torch.float64)  # prefix x token, under the old policy
    q[0] = torch.cat([scores[:1], other.state_values(scores)[1:]])
    q[1:] = scores[1:].view(2, 3)
    surrogate = (reach[:, None] * policy.logits.softmax(-1) * q).sum()
    taken = ppo_gradient(policy, scores, sampler=other)
    assert same(taken, policy.gradient(surrogate))


# The clip -----------------------------------------------------------------------------


@pytest.mark.parametrize("reduce", [reduce_token_mean, reduce_seq_mean, CONST])
def test_on_the_first_minibatch_ppo_is_reinforce_and_nothing_is_clipped(case, reduce):
    policy, _, scores = case
    new, mask = policy.logprobs(), policy.mask
    advantages, _ = gae(rewards_of(policy, scores), any_values(), mask, 1.0, 0.95)
    advantages = whiten(advantages, mask)
    loss = ppo_clip_loss(new, new.detach(), advantages, mask, EPS, reduce=reduce)
    plain = reinforce_loss(new, advantages, mask, reduce)
    assert same(policy.gradient(loss), policy.gradient(plain))
    ratio = importance_ratio(new, new.detach(), mask)
    assert ratio.tolist() == [[1.0, 1.0]] * 7
    assert sequence_ratio(new, new.detach(), mask).tolist() == [1.0] * 7
    assert clip_fraction(ratio, advantages, mask, EPS) == 0


SIDES = [  # ratio, advantage, does the token keep its gradient?
    (1.5, 2.0, False),
    (1.5, -2.0, True),
    (0.5, 2.0, True),
    (0.5, -2.0, False),
    (1.1, 2.0, True),
    (0.9, -2.0, True),
]


@pytest.mark.parametrize("ratio, advantage, keeps", SIDES)
def test_a_token_past_the_clip_on_the_profitable_side_has_no_gradient(
    case, ratio, advantage, keeps
):
    policy, _, _ = case
    new = policy.logprobs()[3:4]  # "a b": two tokens, and only the first one moves
    old = new.detach() - torch.tensor([[math.log(ratio), 0.0]], dtype=F64)
    weights = torch.tensor([[advantage, 0.0]]).double()
    mask = policy.mask[3:4]
    loss = ppo_clip_loss(new, old, weights, mask, EPS, reduce=reduce_seq_sum)
    full = -advantage * ratio * policy.gradient(new[0, 0])
    expected = full if keeps else torch.zeros(3, 3)
    assert same(policy.gradient(loss), expected)
    taken = is_clipped(importance_ratio(new, old, mask), weights, EPS)
    assert taken.tolist() == [[not keeps, False]]
    assert clip_fraction(importance_ratio(new, old, mask), weights, mask, EPS) == (
        0.0 if keeps else 0.5
    )


@pytest.mark.parametrize("ratio, advantage, keeps", SIDES)
def test_rloo_clips_the_whole_completion_by_the_same_rule(
    case, ratio, advantage, keeps
):
    policy, _, _ = case
    new, mask = policy.logprobs()[3:4], policy.mask[3:4]
    # Single tokens are far outside the clip; their product decides.
    old = new.detach() - torch.tensor([[math.log(ratio) + 3.0, -3.0]], dtype=F64)
    weight = torch.tensor([advantage]).double()
    loss = rloo_loss(new, old, weight, mask, EPS)
    full = -advantage * ratio * policy.gradient(new.sum())
    assert same(policy.gradient(loss), full if keeps else torch.zeros(3, 3))
    taken = is_clipped(sequence_ratio(new, old, mask), weight, EPS)
    assert taken.tolist() == [not keeps]


def test_an_upper_width_of_its_own_moves_the_upper_edge_only():
    ratio = torch.tensor([1.25, 1.35, 0.75, 0.85], dtype=torch.float64)
    up, down = torch.ones(4).double(), -torch.ones(4).double()
    assert is_clipped(ratio, up, 0.2, 0.3).tolist() == [False, True, False, False]
    assert is_clipped(ratio, down, 0.2, 0.3).tolist() == [False, False, True, False]
    assert is_clipped(ratio, up, 0.2).tolist() == [True, True, False, False]


def test_the_value_of_the_clipped_loss_counted_by_hand():
    ratio = torch.tensor([[1.5, 0.5, 1.0], [1.5, 0.5, 9.0]], dtype=torch.float64)
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    advantages = torch.tensor([2.0, -1.0], dtype=torch.float64)
    loss = ppo_clip_loss(ratio.log(), torch.zeros_like(ratio), advantages, mask, EPS)
    # A = 2: -2.4, -1, -2; A = -1: 1.5 (kept), 0.8 (clipped): -3.1 over five tokens
    assert abs(float(loss) + 3.1 / 5) < TOLERANCE
    assert clip_fraction(ratio, advantages, mask, EPS) == pytest.approx(2 / 5)


def test_k3_in_the_grpo_loss_adds_the_gradient_of_the_forward_kl(case):
    """And not that of KL(policy || reference); prefixes are those that were sampled."""
    policy, reference, scores = case
    new, ref, mask = policy.logprobs(), reference.logprobs(), policy.mask

    def taken(beta: float) -> Tensor:
        return one_gradient(
            policy,
            frozen(policy),
            lambda i: grpo_loss(
                new[i], new[i].detach(), ref[i], scores[i], mask[i], beta, EPS,
                reduce=reduce_seq_sum,
            ),
        )  # fmt: skip

    reach = policy.prefix_probabilities().detach()
    forward = (reach * exact_kl(reference.logits, policy.logits)).sum()
    backward = (reach * exact_kl(policy.logits, reference.logits)).sum()
    pull = (taken(0.0) - taken(BETA)) / BETA
    assert same(pull, policy.gradient(forward))
    assert not same(pull, policy.gradient(backward), 1e-3)


# The critic ---------------------------------------------------------------------------


def test_the_value_loss_counted_by_hand():
    values = torch.tensor([[1.0, 0.1, 0.5, 7.0]], dtype=torch.float64)
    old = torch.zeros_like(values)
    returns = torch.tensor([[2.0, 1.0, 0.0, 9.0]], dtype=torch.float64)
    mask = torch.tensor([[1, 1, 1, 0]])
    # squared errors 1, 0.81, 0.25; of the clipped steps 1.8^2 = 3.24, 0.81, 0.04
    loss = value_loss(values, old, returns, mask, 0.2)
    assert abs(float(loss) - 0.5 * (3.24 + 0.81 + 0.25) / 3) < TOLERANCE
    assert value_clip_fraction(values, old, returns, mask, 0.2) == pytest.approx(1 / 3)
    first = (x[:, :1] for x in (values, old, returns, mask))
    assert value_clip_fraction(*first, 0.2) == 1
    plain = value_loss(values, old, returns, mask, math.inf)
    assert abs(float(plain) - 0.5 * (1 + 0.81 + 0.25) / 3) < TOLERANCE
    assert value_clip_fraction(values, old, returns, mask, math.inf) == 0


def test_the_first_value_step_is_that_of_the_plain_squared_error(case):
    policy, _, scores = case
    mask, old = policy.mask, any_values()
    values = old.clone().requires_grad_()
    _, returns = gae(rewards_of(policy, scores), old, mask, 1.0, 0.95)
    (taken,) = torch.autograd.grad(value_loss(values, old, returns, mask, 0.2), values)
    assert same(taken, (old - returns) * mask / mask.sum())


def test_a_value_that_overshot_its_clip_towards_the_return_stops():
    old, returns = torch.zeros(1, 2).double(), torch.tensor([[5.0, -5.0]]).double()
    values = torch.tensor([[0.3, 0.3]], dtype=F64, requires_grad=True)
    loss = value_loss(values, old, returns, torch.ones(1, 2), 0.2)
    (taken,) = torch.autograd.grad(loss, values)
    assert taken[0, 0] == 0
    assert abs(float(taken[0, 1]) - (0.3 + 5.0) / 2) < TOLERANCE


def test_the_explained_variance_of_known_critics(case):
    policy, _, _ = case
    mask, returns = policy.mask, any_values(6)
    assert same(explained_variance(returns, returns, mask), torch.ones(()))
    assert same(explained_variance(returns + 3.0, returns, mask), torch.ones(()))
    assert same(explained_variance(returns / 2, returns, mask), torch.tensor(0.75))
    constant = explained_variance(torch.full_like(returns, 4.0), returns, mask)
    assert same(constant, torch.zeros(()))
    assert same(explained_variance(-returns, returns, mask), torch.tensor(-3.0))
    real = returns[mask]
    by_hand = 1 - (real - any_values()[mask]).var() / real.var()
    assert same(explained_variance(any_values(), returns, mask), by_hand)


# Invariants ---------------------------------------------------------------------------


def losses_of(new, old, ref, values, old_values, returns, advantages, mask):
    """Every scalar of the two modules, by name."""
    ratio = importance_ratio(new, old, mask)
    whole = advantages[:, 0]
    return {
        "ppo": ppo_clip_loss(new, old, advantages, mask, EPS),
        "grpo": grpo_loss(
            new, old, ref, whole, mask, BETA, EPS, reduce=reduce_seq_mean
        ),
        "rloo": rloo_loss(new, old, whole, mask, EPS),
        "value": value_loss(values, old_values, returns, mask, 0.2),
        "clipfrac": clip_fraction(ratio, advantages, mask, EPS),
        "value clipfrac": value_clip_fraction(values, old_values, returns, mask, 0.2),
        "explained": explained_variance(values, returns, mask),
        "gae": gae(advantages, values, mask, 1.0, 0.9)[0].sum(),
    }


def a_batch(padding: float = 0.0) -> list[Tensor]:
    """Seven (4, 5) tensors that the clip and the KL act on, and the mask."""
    generator = torch.Generator().manual_seed(4)
    mask = torch.arange(5) < torch.tensor([5, 1, 3, 2])[:, None]
    drawn = torch.randn(7, 4, 5, generator=generator, dtype=torch.float64)
    drawn[:3] = -2 + 0.3 * drawn[:3]  # log-probabilities
    filled = drawn.masked_fill(~mask, padding)
    return [*filled.unbind(0), mask]


@pytest.mark.parametrize("padding", [1.0, -50.0, 1e4])
def test_what_stands_on_padding_changes_no_number(padding):
    clean, dirty = losses_of(*a_batch()), losses_of(*a_batch(padding))
    assert clean["clipfrac"] > 0 and clean["value clipfrac"] > 0
    for name, number in clean.items():
        assert same(number, dirty[name]), name


def test_a_column_of_padding_changes_no_number_and_no_gradient():
    batch = a_batch()
    wide = [torch.cat([x, torch.zeros_like(x[:, :1])], 1) for x in batch]
    for name, number in losses_of(*batch).items():
        assert same(number, losses_of(*wide)[name]), name


def test_a_number_on_padding_that_overflows_leaves_the_gradient_finite():
    batch = a_batch()
    new = batch[0].clone().requires_grad_()
    old = batch[1].masked_fill(~batch[-1], -1e4)  # exp(1e4) is infinite
    loss = losses_of(new, old, *batch[2:])
    taken = torch.autograd.grad(loss["ppo"] + loss["grpo"] + loss["rloo"], new)[0]
    assert taken.isfinite().all() and not taken[~batch[-1]].any()


def test_only_the_trained_policy_and_the_critic_get_a_gradient():
    batch = [x.clone().requires_grad_() for x in a_batch()[:-1]]
    numbers = losses_of(*batch, a_batch()[-1])
    total = sum(numbers[name] for name in ("ppo", "grpo", "rloo", "value"))
    total.backward()
    new, old, ref, values, old_values, returns, advantages = batch
    assert new.grad.abs().max() > 0 and values.grad.abs().max() > 0
    for constant in (old, ref, old_values, returns, advantages):
        assert constant.grad is None
    for name in ("clipfrac", "value clipfrac", "explained", "gae"):
        assert not numbers[name].requires_grad, name


def test_advantages_have_no_gradient_even_where_the_scores_have_one():
    scores = torch.randn(4, generator=torch.Generator().manual_seed(0))
    scores.requires_grad_()
    for function in (group_advantages, centred_advantages, rloo_advantages, group_std):
        assert not function(scores, 2).requires_grad


def test_micro_batches_add_up_to_the_token_mean_of_the_whole():
    *parts, mask = a_batch()
    new, old, advantages = parts[0], parts[1], parts[6]
    whole = ppo_clip_loss(new, old, advantages, mask, EPS)
    reduce = partial(reduce_token_mean, n_tokens=mask.sum())
    split = sum(
        ppo_clip_loss(new[i], old[i], advantages[i], mask[i], EPS, reduce=reduce)
        for i in (slice(0, 1), slice(1, 4))
    )
    assert same(whole, split)


# Errors -------------------------------------------------------------------------------

L, ONES = torch.zeros(2, 3), torch.ones(2, 3)
REFUSED = {
    "a mask of one row": lambda: importance_ratio(L, L, ONES[:1]),
    "old log-probabilities of whole completions": lambda: ppo_clip_loss(
        L, L.sum(1), L, ONES, EPS
    ),
    "advantages as a column": lambda: ppo_clip_loss(L, L, L[:, :1], ONES, EPS),
    "advantages as a row": lambda: ppo_clip_loss(L, L, L[:1], ONES, EPS),
    "advantages of the wrong number": lambda: ppo_clip_loss(L, L, L[0], ONES, EPS),
    "one advantage for all": lambda: ppo_clip_loss(L, L, torch.ones(()), ONES, EPS),
    "token advantages for a sequence ratio": lambda: rloo_loss(L, L, L, ONES, EPS),
    "a clip of no width": lambda: ppo_clip_loss(L, L, L, ONES, 0.0),
    "a negative upper clip": lambda: ppo_clip_loss(L, L, L, ONES, EPS, -0.1),
    "a KL to no reference": lambda: grpo_loss(L, L, None, L, ONES, BETA, EPS),
    "a reference of one row": lambda: grpo_loss(L, L, L[:1], L, ONES, BETA, EPS),
    "values of one step more": lambda: gae(L, torch.zeros(2, 4), ONES, 1.0, 1.0),
    "rewards of whole completions": lambda: gae(L[0], L[0], L[0], 1.0, 1.0),
    "gamma above one": lambda: gae(L, L, ONES, 1.1, 1.0),
    "lam below zero": lambda: gae(L, L, ONES, 1.0, -0.1),
    "returns as a column": lambda: value_loss(L, L, L[:, :1], ONES, 0.2),
    "a value clip of no width": lambda: value_loss(L, L, L, ONES, 0.0),
    "a value clip fraction of rows": lambda: value_clip_fraction(L, L, L[:1], ONES, 1),
    "returns of completions": lambda: explained_variance(L, L[:, 0], ONES),
    "scores as a table": lambda: group_advantages(L, 2),
    "a group of one": lambda: centred_advantages(L[0], 1),
    "a broken group": lambda: rloo_advantages(L[0], 2),
    "no whole group": lambda: frac_reward_zero_std(L[0], 2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_broadcast_or_mean_nothing_is_refused_in_one_sentence(name):
    with pytest.raises(ValueError, match=r"^got .*, expected .*[^.]$") as caught:
        REFUSED[name]()
    assert "\n" not in str(caught.value)
