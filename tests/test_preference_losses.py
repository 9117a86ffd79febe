"""DPO and its relatives: by algebra, on the enumerable policy, and against TRL.

Where nothing else is said: fp64, tolerance 1e-12, all sums over all completions.
"""

import math
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from trl_oracle import gradient, make_trainer

from course.lm.objective import token_logprobs
from course.policy.advantages import (
    leave_one_out_baseline,
    shaped_rewards,
)
from course.policy.enumerable import TinyPolicy, all_batches
from course.policy.preference_losses import (
    cdpo_loss,
    dpo_loss,
    dpo_metrics,
    hinge_loss,
    implicit_rewards,
    ipo_loss,
    mean_logprobs,
    optimal_policy,
    pair_log_ratio,
    robust_dpo_loss,
    sum_logprobs,
)

TOLERANCE = 1e-12
BETA = 0.3
FEW = settings(max_examples=40, deadline=None)
LOSSES = {
    "dpo": dpo_loss,
    "cdpo": partial(cdpo_loss, label_smoothing=0.1),
    "robust": partial(robust_dpo_loss, label_smoothing=0.1),
    "ipo": ipo_loss,
    "hinge": hinge_loss,
}
# Every pair of different completions, once.
FIRST, SECOND = torch.combinations(torch.arange(7), 2).T


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


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def with_probabilities(target: Tensor) -> TinyPolicy:
    """The tiny policy that gives the seven completions these probabilities."""
    first = torch.stack([target[0], target[1:4].sum(), target[4:7].sum()])
    logits = torch.stack([first.log(), target[1:4].log(), target[4:7].log()])
    return TinyPolicy(logits.detach().requires_grad_())


def log_ratios(
    policy: TinyPolicy, reference: TinyPolicy, chosen: Tensor, rejected: Tensor
) -> Tensor:
    """h of the pairs (chosen[i], rejected[i]), row numbers of completions: (pairs,)."""
    of_policy = sum_logprobs(policy.logprobs(), policy.mask)
    of_reference = sum_logprobs(reference.logprobs(), reference.mask)
    return pair_log_ratio(
        of_policy[chosen],
        of_policy[rejected],
        of_reference[chosen],
        of_reference[rejected],
    )


def population_loss(
    policy: TinyPolicy, reference: TinyPolicy, scores: Tensor, loss=dpo_loss
) -> Tensor:
    """Mean over all pairs and both labels, weighted with Bradley-Terry's chances."""
    total = torch.zeros((), dtype=torch.float64)
    for i, j in zip(FIRST.tolist(), SECOND.tolist(), strict=True):
        for w, l in ((i, j), (j, i)):  # noqa: E741
            h = log_ratios(policy, reference, torch.tensor([w]), torch.tensor([l]))
            total = total + (scores[w] - scores[l]).sigmoid() * loss(h, BETA)
    return total / len(FIRST)


# The optimum --------------------------------------------------------------------------


def test_at_the_closed_form_optimum_every_shaped_reward_is_beta_log_z(case):
    _, reference, scores = case
    best = with_probabilities(optimal_policy(reference.probabilities(), scores, BETA))
    log_z = (reference.probabilities() * (scores / BETA).exp()).sum().log()
    rewards = shaped_rewards(
        scores, best.logprobs(), reference.logprobs(), best.mask, BETA
    ).sum(1)
    assert same(rewards, (BETA * log_z).expand(7))
    for rows in all_batches(2):
        assert same(rewards[rows], leave_one_out_baseline(rewards[rows], 2))
    objective = best.expected(scores) - BETA * best.kl(reference)
    assert same(best.gradient(objective), torch.zeros(3, 3))
    assert same(objective, BETA * log_z)


def test_no_other_policy_earns_more_than_the_closed_form_optimum(case):
    policy, reference, scores = case
    best = with_probabilities(optimal_policy(reference.probabilities(), scores, BETA))

    def objective(p: TinyPolicy) -> float:
        return (p.expected(scores) - BETA * p.kl(reference)).item()

    assert objective(best) > max(objective(policy), objective(reference)) + 1e-3


def test_implicit_rewards_of_the_optimum_are_the_scores_but_for_one_constant(case):
    _, reference, scores = case
    best = with_probabilities(optimal_policy(reference.probabilities(), scores, BETA))
    rewards = implicit_rewards(best.logprobs(), reference.logprobs(), best.mask, BETA)
    assert same(rewards - rewards[0], scores - scores[0])


def test_the_optimum_survives_rewards_whose_exponential_overflows():
    best = optimal_policy(double(0.5, 0.5, 0.0), double(0.0, 1.0, 5.0), 1e-3)
    assert best.tolist() == [0.0, 1.0, 0.0]  # what the reference never writes stays 0


def test_the_population_dpo_gradient_vanishes_at_the_optimum_and_only_there(case):
    policy, reference, scores = case
    best = with_probabilities(optimal_policy(reference.probabilities(), scores, BETA))
    loss = population_loss(best, reference, scores)
    assert same(best.gradient(loss), torch.zeros(3, 3))
    elsewhere = policy.gradient(population_loss(policy, reference, scores))
    assert not same(elsewhere, torch.zeros(3, 3), 1e-3)
    assert loss < population_loss(policy, reference, scores)


def test_cdpo_with_the_share_of_dissenters_is_dpo_on_all_their_labels(case):
    policy, reference, scores = case
    h = log_ratios(policy, reference, FIRST, SECOND)
    dissent = (scores[SECOND] - scores[FIRST]).sigmoid()
    assert same(cdpo_loss(h, BETA, dissent), population_loss(policy, reference, scores))


def trained(reference: TinyPolicy, scores: Tensor) -> TinyPolicy:
    """Population DPO from the reference on, all pairs with their chances, by Adam."""
    policy = TinyPolicy(reference.logits.clone().requires_grad_())
    optimizer = torch.optim.Adam([policy.logits], lr=0.1)
    dissent = (scores[SECOND] - scores[FIRST]).sigmoid()
    for _ in range(300):
        loss = cdpo_loss(log_ratios(policy, reference, FIRST, SECOND), BETA, dissent)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return policy


def total_variation(left: Tensor, right: Tensor) -> float:
    return ((left - right).abs().sum() / 2).item()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_policy_trained_by_dpo_reaches_the_closed_form_optimum(seed):
    _, reference, scores = draws(seed)
    start = reference.probabilities()
    target = optimal_policy(start, scores, BETA)
    assert total_variation(start, target) > 0.2  # there is a way to go
    reached = trained(reference, scores).probabilities()
    assert total_variation(reached, target) < 0.02


def test_a_policy_trained_on_swapped_labels_reaches_the_optimum_of_minus_the_score():
    _, reference, scores = draws(0)
    start = reference.probabilities()
    reached = trained(reference, -scores).probabilities()
    assert total_variation(reached, optimal_policy(start, -scores, BETA)) < 0.02
    assert total_variation(reached, optimal_policy(start, scores, BETA)) > 0.5


# The gradient of one pair -------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.1, 1.0, 5.0])
def test_the_dpo_gradient_of_one_pair_is_that_of_the_formula(case, beta):
    policy, reference, _ = case
    of_policy = policy.logprobs().sum(1)
    h = log_ratios(policy, reference, FIRST, SECOND)
    for i in range(len(h)):
        difference = of_policy[FIRST[i]] - of_policy[SECOND[i]]
        weight = -beta * torch.sigmoid(-beta * h[i]).detach()
        assert same(
            policy.gradient(dpo_loss(h[i : i + 1], beta)),
            weight * policy.gradient(difference),
        )


def test_at_step_zero_the_loss_is_ln_2_and_the_gradient_half_the_difference(case):
    policy, _, _ = case
    reference = TinyPolicy(policy.logits.detach().clone())
    h = log_ratios(policy, reference, FIRST, SECOND)
    assert h.abs().max() == 0
    loss = dpo_loss(h, BETA)
    assert abs(float(loss) - math.log(2)) < TOLERANCE
    l = policy.logprobs().sum(1)  # noqa: E741
    expected = -BETA / 2 * policy.gradient((l[FIRST] - l[SECOND]).mean())
    assert expected.abs().max() > 1e-3
    assert same(policy.gradient(loss), expected)


def test_at_step_zero_margins_are_zero_and_every_tie_counts_as_wrong(case):
    policy, _, _ = case
    l = policy.logprobs().sum(1).detach()  # noqa: E741
    pair = (l[FIRST], l[SECOND], l[FIRST], l[SECOND])
    metrics = dpo_metrics(dpo_loss(pair_log_ratio(*pair), BETA), *pair, BETA)
    assert metrics["rewards/margins"] == metrics["rewards/accuracies"] == 0
    assert metrics["rewards/chosen"] == metrics["rewards/rejected"] == 0
    assert abs(metrics["loss"] - math.log(2)) < TOLERANCE


def test_where_each_logit_is_free_the_chosen_completion_of_one_pair_rises(case):
    """(e_w - p) . (e_w - e_l) = 1 - p_w + p_l is positive at every prefix."""
    policy, reference, _ = case
    h = log_ratios(policy, reference, FIRST, SECOND)
    of_policy = policy.logprobs().sum(1)
    for i in range(len(h)):
        step = -policy.gradient(dpo_loss(h[i : i + 1], BETA))
        assert float((policy.gradient(of_policy[FIRST[i]]) * step).sum()) > 0


def test_where_completions_share_a_parameter_chosen_may_fall_while_the_loss_falls():
    """The disease: a falling chosen log-probability reported as a bug.

    l_chosen = w and l_rejected = 2 w, so h = -w + constant: only a smaller w helps.
    """
    weight, zero = double(-1.0).requires_grad_(), double(0.0)

    def loss_at(w: Tensor) -> Tensor:
        return dpo_loss(pair_log_ratio(w, 2 * w, zero, zero), beta=1.0)

    (gradient,) = torch.autograd.grad(loss_at(weight), weight)
    # -beta sigmoid(-beta h) (grad l_w - grad l_l), with h = 1 and gradients 1 and 2
    assert same(gradient, double(1 / (1 + math.e)))
    after = (weight - gradient).detach()
    assert loss_at(after) < loss_at(weight)
    assert after < weight  # and l_chosen is the weight


def test_no_gradient_reaches_the_reference(case):
    policy, reference, _ = case
    reference = TinyPolicy(reference.logits.clone().requires_grad_())
    h = log_ratios(policy, reference, FIRST, SECOND)
    rewards = implicit_rewards(
        policy.logprobs(), reference.logprobs(), policy.mask, BETA
    )
    for value in (h.sum(), rewards.sum()):
        assert reference.gradient(value).abs().max() == 0
    assert policy.gradient(rewards.square().sum()).abs().max() > 0


# Signs, sums and stationary points ----------------------------------------------------

numbers = st.floats(-40, 40, allow_nan=False)
betas = st.floats(0.05, 5)
smoothings = st.floats(0.01, 0.45)


@FEW
@given(st.lists(numbers, min_size=4, max_size=4), betas)
def test_swapping_chosen_and_rejected_negates_the_margin(four, beta):
    chosen, rejected, ref_chosen, ref_rejected = (double(x) for x in four)
    given_pair = (chosen, rejected, ref_chosen, ref_rejected)
    swapped = (rejected, chosen, ref_rejected, ref_chosen)
    assert same(pair_log_ratio(*swapped), -pair_log_ratio(*given_pair))
    zero = double(0.0)
    one, other = (dpo_metrics(zero, *pair, beta) for pair in (given_pair, swapped))
    assert one["rewards/margins"] == -other["rewards/margins"]
    assert one["rewards/chosen"] == other["rewards/rejected"]
    assert one["logps/chosen"] == other["logps/rejected"]


@FEW
@given(numbers, betas)
def test_cdpo_with_half_of_the_labels_flipped_is_symmetric(h, beta):
    assert same(cdpo_loss(double(h), beta, 0.5), cdpo_loss(double(-h), beta, 0.5))


@FEW
@given(st.lists(numbers, min_size=1, max_size=5), betas)
def test_without_smoothing_cdpo_and_robust_dpo_are_dpo(h, beta):
    h = double(*h)
    assert same(cdpo_loss(h, beta, 0.0), dpo_loss(h, beta))
    assert same(robust_dpo_loss(h, beta, 0.0), dpo_loss(h, beta))


@FEW
@given(betas, st.floats(0.01, 0.99))
def test_cdpo_is_stationary_where_the_chance_of_chosen_is_one_minus_e(beta, e):
    at = math.log((1 - e) / e) / beta  # sigmoid(beta h) = 1 - e
    h = double(at).requires_grad_()
    (gradient,) = torch.autograd.grad(cdpo_loss(h, beta, e), h)
    assert same(gradient, torch.zeros(1))
    low = cdpo_loss(double(at), beta, e)
    assert all(cdpo_loss(double(at + d), beta, e) > low for d in (-1.0, 1.0))


@FEW
@given(betas, st.floats(0, 1))
def test_ipo_is_stationary_at_the_preference_rate_over_beta(beta, rate):
    at = (2 * rate - 1) / (2 * beta)
    h = double(at).requires_grad_()
    # A share `rate` of the labels reads (chosen, rejected), the others the reverse.
    loss = rate * ipo_loss(h, beta) + (1 - rate) * ipo_loss(-h, beta)
    (gradient,) = torch.autograd.grad(loss, h)
    assert same(gradient, torch.zeros(1), 1e-12 / beta)


@FEW
@given(numbers, betas, smoothings)
def test_robust_dpo_is_unbiased_under_label_flips_in_value_and_gradient(h, beta, e):
    h = double(h).requires_grad_()
    flipped = (1 - e) * robust_dpo_loss(h, beta, e) + e * robust_dpo_loss(-h, beta, e)
    clean = dpo_loss(h, beta)
    assert same(flipped, clean, 1e-12 * (1 + float(clean)) / (1 - 2 * e))
    (left,), (right,) = (torch.autograd.grad(x, h) for x in (flipped, clean))
    assert same(left, right, 1e-12 * beta / (1 - 2 * e))


@FEW
@given(st.floats(0.5, 5), smoothings)
def test_cdpo_is_biased_under_the_flips_that_robust_dpo_corrects(h, e):
    h = double(h)
    flipped = (1 - e) * cdpo_loss(h, 1.0, e) + e * cdpo_loss(-h, 1.0, e)
    # Its excess is 2 e (1 - e) beta h: -log sigmoid(-x) = -log sigmoid(x) + x.
    assert same(flipped - dpo_loss(h, 1.0), 2 * e * (1 - e) * h)
    assert float(flipped - dpo_loss(h, 1.0)) > 0.005


def test_the_losses_of_two_pairs_are_those_counted_by_hand():
    h, beta = double(2.0, -4.0), 0.5  # beta h = 1 and -2
    one, two = math.log1p(math.exp(-1)), math.log1p(math.exp(2))
    back_one, back_two = one + 1, two - 2  # -log sigmoid(-beta h)
    expected = {
        "dpo": (one + two) / 2,
        "cdpo": (0.9 * (one + two) + 0.1 * (back_one + back_two)) / 2,
        "robust": (0.9 * (one + two) - 0.1 * (back_one + back_two)) / 2 / 0.8,
        "ipo": (1 + 25) / 2,  # the target is 1 / (2 * 0.5) = 1
        "hinge": (0 + 3) / 2,
    }
    for name, loss in LOSSES.items():
        assert float(loss(h, beta)) == pytest.approx(expected[name], abs=TOLERANCE)


@pytest.mark.parametrize("name", LOSSES)
def test_a_margin_that_overflows_the_exponential_leaves_loss_and_gradient_finite(name):
    h = torch.tensor([1e4, -1e4], requires_grad=True)
    loss = LOSSES[name](h, 1.0)
    (gradient,) = torch.autograd.grad(loss, h)
    assert loss.isfinite() and gradient.isfinite().all()


# Sums over tokens ---------------------------------------------------------------------


def tokens(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities under policy and reference, and a mask: (3, 4) each."""
    generator = torch.Generator().manual_seed(seed)
    logprobs = -torch.rand(2, 3, 4, generator=generator, dtype=torch.float64)
    mask = torch.arange(4) < torch.tensor([4, 1, 3])[:, None]
    return logprobs[0], logprobs[1], mask


@pytest.mark.parametrize("seed", [0, 1])
def test_a_completion_written_twice_earns_twice_the_implicit_reward(seed):
    """The disease: the mean over tokens in the place of the sum."""
    new, ref, mask = tokens(seed)
    once = implicit_rewards(new, ref, mask, BETA)
    new, ref, mask = (torch.cat([x, x], 1) for x in (new, ref, mask))
    assert same(implicit_rewards(new, ref, mask, BETA), 2 * once)
    assert same(mean_logprobs(new, mask), mean_logprobs(new[:, :4], mask[:, :4]))


@pytest.mark.parametrize("padding", [0.0, -50.0, -math.inf, math.nan])
def test_nothing_depends_on_what_stands_on_padding(padding):
    new, ref, mask = tokens(0)
    by_hand = double(
        *[
            BETA * sum(float(new[i, t] - ref[i, t]) for t in range(length))
            for i, length in enumerate((4, 1, 3))
        ]
    )
    new, ref = (x.masked_fill(~mask, padding) for x in (new, ref))
    assert same(implicit_rewards(new, ref, mask, BETA), by_hand)
    assert same(mean_logprobs(new, mask) * double(4, 1, 3), sum_logprobs(new, mask))


def test_metrics_have_the_keys_and_values_counted_by_hand():
    pair = (
        double(-4.0, -6.0, -5.0), double(-7.0, -5.0, -9.0),
        double(-5.0, -5.0, -6.0), double(-6.0, -5.0, -10.0),
    )  # fmt: skip
    # Log-ratios: chosen 1, -1, 1; rejected -1, 0, 1: right, wrong, a tie.
    metrics = dpo_metrics(double(0.25).sum(), *pair, beta=0.5)
    assert metrics == pytest.approx(
        {
            "loss": 0.25,
            "rewards/chosen": 0.5 / 3,
            "rewards/rejected": 0.0,
            "rewards/accuracies": 1 / 3,
            "rewards/margins": 0.5 / 3,
            "logps/chosen": -5.0,
            "logps/rejected": -7.0,
        }
    )


# What is refused ----------------------------------------------------------------------

one = double(1.0)
two = double(1.0, 2.0)
REFUSED = {
    "another length": (lambda: pair_log_ratio(two, one, two, two), "shapes"),
    "tokens for sums": (lambda: pair_log_ratio(*[two[None]] * 4), "(batch,)"),
    "no pair": (lambda: pair_log_ratio(*[double()] * 4), "at least one pair"),
    "metrics of no pair": (
        lambda: dpo_metrics(one.sum(), *[double()] * 4, BETA),
        "at least one pair",
    ),
    "h per token": (lambda: dpo_loss(two[None], BETA), "(1, 2)"),
    "no h": (lambda: ipo_loss(double(), BETA), "at least one pair"),
    "robust at a half": (lambda: robust_dpo_loss(one, BETA, 0.5), "below 0.5"),
    "smoothing above 1": (lambda: cdpo_loss(one, BETA, 1.5), "0 to 1"),
    "smoothing that is no number": (lambda: cdpo_loss(one, BETA, math.nan), "0 to 1"),
    "smoothing of another length": (lambda: cdpo_loss(one, BETA, two / 4), "(1,)"),
    "a mask of another shape": (
        lambda: sum_logprobs(two[None], torch.ones(1, 3)),
        "(batch, time)",
    ),
    "rewards of another shape": (lambda: optimal_policy(two, one, BETA), "one shape"),
    "a negative probability": (lambda: optimal_policy(-two, two, BETA), "negative"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(name):
    call, word = REFUSED[name]
    with pytest.raises(ValueError, match="expected") as caught:
        call()
    assert word in str(caught.value)


@pytest.mark.parametrize("beta", [0.0, -0.1, math.nan])
def test_a_beta_that_is_not_positive_is_refused(beta):
    rows = torch.ones(1, 2)
    calls = [partial(loss, one) for loss in LOSSES.values()]
    calls += [
        partial(optimal_policy, one, one),
        partial(implicit_rewards, rows, rows, rows),
        partial(dpo_metrics, one.sum(), one, one, one, one),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="expected a positive number"):
            call(beta=beta)


# TRL ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dpo(tmp_path_factory):
    """A trainer whose policy has moved away from its reference, and a batch of it."""
    pairs = [
        {"prompt": "a", "chosen": " good film .", "rejected": " bad ."},
        {"prompt": "the plot was", "chosen": " good", "rejected": " bad , bad ."},
        {"prompt": "a film", "chosen": " .", "rejected": " was a good plot"},
        {"prompt": "good", "chosen": " plot . the film", "rejected": " bad"},
    ]
    trainer = make_trainer(
        "DPO", tmp_path_factory.mktemp("dpo"), pairs * 2, ("_compute_loss",),
        moved=0.05, settings={"max_length": 48, "beta": BETA},
    )  # fmt: skip
    if not all(hasattr(trainer, x) for x in ("loss_types", "label_smoothing", "beta")):
        pytest.skip("this TRL names the settings of its DPO loss otherwise")
    batch = next(iter(trainer.get_train_dataloader()))
    return SimpleNamespace(trainer=trainer, batch=batch)


def scored(dpo, reduce) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Our log-probabilities of TRL's batch: chosen, rejected, and their references."""
    ids, mask = dpo.batch["input_ids"], dpo.batch["completion_mask"]

    def both(model) -> tuple[Tensor, Tensor]:
        out = model(input_ids=ids, attention_mask=dpo.batch["attention_mask"])
        logprobs = token_logprobs(out.logits[:, :-1], ids[:, 1:])
        return reduce(logprobs, mask[:, 1:]).chunk(2)

    return *both(dpo.trainer.model), *(x.detach() for x in both(dpo.trainer.ref_model))


TRL = {
    "sigmoid": (dpo_loss, sum_logprobs, 0.0),
    "robust": (LOSSES["robust"], sum_logprobs, 0.1),
    "hinge": (hinge_loss, sum_logprobs, 0.0),
    "ipo": (ipo_loss, mean_logprobs, 0.0),
    # TRL's plain loss pays no heed to label smoothing.
    "sigmoid, smoothing": (dpo_loss, sum_logprobs, 0.1),
}


def trl_loss(dpo, name: str, beta: float, smoothing: float, batch=None) -> Tensor:
    trainer = dpo.trainer
    trainer.loss_types, trainer.beta = [name], beta
    trainer.label_smoothing = smoothing
    return trainer._compute_loss(trainer.model, dict(batch or dpo.batch), False)


def agree(dpo, ours: Tensor, theirs: Tensor) -> None:
    """Loss and gradient are equal, relative to their size: those of IPO are large.

    A text's summed log-probability is near -60 nats: fp32 numbers there are 4e-6 apart.
    """
    expected, taken = (gradient(dpo.trainer, loss) for loss in (theirs, ours))
    assert abs(float((ours - theirs).detach())) < 1e-5 * max(1.0, float(theirs))
    assert expected.abs().max() > 1e-3
    assert (taken - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize("beta", [0.1, 0.5])
@pytest.mark.parametrize("name", TRL)
def test_loss_and_gradient_are_those_of_trl(dpo, name, beta):
    loss, reduce, smoothing = TRL[name]
    theirs = trl_loss(dpo, name.split(",")[0], beta, smoothing)
    h = pair_log_ratio(*scored(dpo, reduce))
    assert h.abs().min() > 1e-3  # the reference takes part in the comparison
    agree(dpo, loss(h, beta), theirs)


@pytest.mark.parametrize("e", [0.1, 0.5, 0.9])
def test_cdpo_is_trls_loss_of_both_labels_weighted_by_the_share_of_their_raters(dpo, e):
    """TRL 1.16 has no cDPO of its own; swapping its two halves turns every label."""
    swapped = {name: torch.cat(x.chunk(2)[::-1]) for name, x in dpo.batch.items()}
    theirs = (1 - e) * trl_loss(dpo, "sigmoid", BETA, 0.0)
    theirs = theirs + e * trl_loss(dpo, "sigmoid", BETA, 0.0, swapped)
    agree(dpo, cdpo_loss(pair_log_ratio(*scored(dpo, sum_logprobs)), BETA, e), theirs)


def test_the_metrics_are_those_that_trl_logs(dpo):
    trainer = dpo.trainer
    trainer.loss_types, trainer.beta = ["sigmoid"], BETA
    theirs = trainer._metrics["train"]
    theirs.clear()
    trainer.model.train()
    loss = trainer._compute_loss(trainer.model, dict(dpo.batch), False)
    pair = scored(dpo, sum_logprobs)
    ours = dpo_metrics(dpo_loss(pair_log_ratio(*pair), BETA), *pair, BETA)
    assert ours.pop("loss") == pytest.approx(float(loss), abs=1e-6)
    assert 0 < ours["rewards/accuracies"] < 1
    for key, value in ours.items():
        assert value == pytest.approx(theirs[key][-1], abs=1e-5), key
