"""KTO, ORPO and SimPO: by hand, by their exact gradients, and against TRL."""

import math
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from course.policy.enumerable import TinyPolicy
from course.policy.pair_losses import kto_loss, orpo_loss, simpo_loss
from course.policy.preference_losses import dpo_loss

FEW = settings(max_examples=40, deadline=None)
FIRST, SECOND = torch.combinations(torch.arange(7), 2).T
TOLERANCE = 1e-12


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def tiny(seed: int) -> TinyPolicy:
    return TinyPolicy.random(torch.Generator().manual_seed(seed))


def per_token(policy: TinyPolicy) -> Tensor:
    return policy.logprobs().sum(1) / policy.mask.sum(1)


# By hand ------------------------------------------------------------------------------


def test_the_losses_of_two_completions_are_those_counted_by_hand():
    ratios, liked = double(3.0, -1.0), torch.tensor([True, False])
    up = 1 / (1 + math.exp(0.5 * (3 - 2)))  # 1 - sigmoid(beta (3 - kl))
    down = 1 / (1 + math.exp(0.5 * (2 + 1)))  # 1 - sigmoid(beta (kl + 1))
    value = kto_loss(ratios, liked, 2.0, 0.5, 3.0, 4.0)
    assert float(value) == pytest.approx((3 * up + 4 * down) / 2, abs=TOLERANCE)

    a, b = math.log(0.8), math.log(0.5)  # odds 4 and 1
    value = orpo_loss(double(a), double(b), weight=0.3)
    assert float(value) == pytest.approx(-a + 0.3 * math.log(1 + 1 / 4), abs=TOLERANCE)

    value = simpo_loss(double(-1.0), double(-2.0), beta=2.0, margin=0.5)
    by_hand = math.log(1 + math.exp(-(2 - 0.5)))
    assert float(value) == pytest.approx(by_hand, abs=TOLERANCE)


def test_kto_takes_a_negative_estimate_of_the_kl_as_none():
    ratios, liked = double(1.0, -2.0), torch.tensor([True, False])
    assert kto_loss(ratios, liked, -3.0, 0.2) == kto_loss(ratios, liked, 0.0, 0.2)


def test_without_its_push_orpo_only_imitates_the_chosen():
    chosen = double(-1.0, -3.0)
    assert float(orpo_loss(chosen, double(-2.0, -0.5), 0.0)) == 2.0


@FEW
@given(st.lists(st.floats(-9, 9), min_size=2, max_size=2), st.floats(0.1, 4))
def test_simpo_without_a_margin_is_dpo_with_a_uniform_reference(two, beta):
    chosen, rejected = double(two[0]), double(two[1])
    ours = simpo_loss(chosen, rejected, beta, 0.0)
    assert abs(float(ours - dpo_loss(chosen - rejected, beta))) < TOLERANCE


# Gradients ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_kto_gradient_is_that_of_the_formula_and_none_reaches_the_kl(seed):
    policy, reference = tiny(seed), tiny(seed + 10)
    l, l_ref = (x.logprobs().sum(1) for x in (policy, reference))  # noqa: E741
    liked, beta = torch.arange(7) % 2 == 0, 0.7
    kl = policy.kl(reference)
    u = (beta * (l - l_ref - kl)).detach().sigmoid()
    slope = beta * u * (1 - u) * torch.where(liked, -1.0, 1.0) / 7
    loss = kto_loss(l - l_ref.detach(), liked, kl, beta)
    gap = policy.gradient(loss) - policy.gradient((slope * l).sum())
    assert gap.abs().max() < TOLERANCE


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_orpo_gradient_is_that_of_the_formula(seed):
    policy, weight = tiny(seed), 0.4
    l = per_token(policy)  # noqa: E741
    chosen, rejected = l[FIRST], l[SECOND]
    p, q = chosen.detach().exp(), rejected.detach().exp()
    unlikely = 1 / (1 + p / (1 - p) / (q / (1 - q)))  # sigmoid(-log odds ratio)
    slopes = -1 - weight * unlikely / (1 - p), weight * unlikely / (1 - q)
    by_hand = (slopes[0] * chosen + slopes[1] * rejected).mean()
    gap = policy.gradient(orpo_loss(chosen, rejected, weight))
    assert (gap - policy.gradient(by_hand)).abs().max() < TOLERANCE


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_simpo_gradient_is_that_of_the_formula(seed):
    policy, beta, margin = tiny(seed), 1.5, 0.4
    l = per_token(policy)  # noqa: E741
    chosen, rejected = l[FIRST], l[SECOND]
    slope = -beta * torch.sigmoid(margin - beta * (chosen - rejected)).detach()
    gap = policy.gradient(simpo_loss(chosen, rejected, beta, margin))
    gap = gap - policy.gradient((slope * (chosen - rejected)).mean())
    assert gap.abs().max() < TOLERANCE


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_log_probabilities_leave_loss_and_gradient_finite(dtype):
    chosen = torch.tensor([0.0, -1e-9, -1e4], dtype=dtype, requires_grad=True)
    rejected = torch.tensor([-1e4, 0.0, -1e-9], dtype=dtype, requires_grad=True)
    liked = torch.tensor([True, False, True])
    for loss in (
        orpo_loss(chosen, rejected, 1.0),
        simpo_loss(chosen, rejected, 2.0, 0.5),
        kto_loss(chosen - rejected, liked, 1.0, 1.0),
    ):
        assert loss.isfinite()
        for x in torch.autograd.grad(loss, (chosen, rejected)):
            assert x.isfinite().all()


# TRL ----------------------------------------------------------------------------------

fake = SimpleNamespace(device="cpu", gather_for_metrics=lambda x: x)


def trl_class(module: str, name: str, method: str):
    pytest.importorskip("trl")
    import importlib

    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        pytest.skip(f"this TRL has no {name}")
    if not hasattr(kind, method):
        pytest.skip(f"this TRL's {name} has no {method}")
    return kind


def agree(ours: Tensor, theirs: Tensor, *leaves: Tensor) -> None:
    assert abs(float((ours - theirs).detach())) < 1e-6
    for one, other in zip(
        torch.autograd.grad(ours, leaves), torch.autograd.grad(theirs, leaves),
        strict=True,
    ):  # fmt: skip
        assert other.abs().max() > 1e-3
        assert (one - other).abs().max() < 1e-6


def leaves(seed: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return tuple(-3 * torch.rand(2, 6, generator=draw) - 0.05)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_push_of_orpo_equals_trls(seed):
    module = "trl.experimental.orpo.orpo_trainer"
    kind = trl_class(module, "ORPOTrainer", "odds_ratio_loss")
    chosen, rejected = (x.requires_grad_() for x in leaves(seed))
    trainer = SimpleNamespace(beta=0.3, accelerator=fake)
    losses = kind.odds_ratio_loss(trainer, chosen, rejected)[0]
    theirs = -chosen.mean() - losses.mean()  # as TRL's get_batch_loss_metrics
    agree(orpo_loss(chosen, rejected, 0.3), theirs, chosen, rejected)


@pytest.mark.parametrize("seed", [0, 1])
def test_simpo_equals_trls(seed):
    kind = trl_class("trl.experimental.cpo.cpo_trainer", "CPOTrainer", "cpo_loss")
    chosen, rejected = (x.requires_grad_() for x in leaves(seed))
    trainer = SimpleNamespace(
        beta=2.0, simpo_gamma=0.5, alpha=0.0, loss_type="simpo", label_smoothing=0.0,
        accelerator=fake,
    )  # fmt: skip
    theirs = kind.cpo_loss(trainer, chosen, rejected)[0].mean()
    agree(simpo_loss(chosen, rejected, 2.0, 0.5), theirs, chosen, rejected)


@pytest.mark.parametrize("kl", [1.3, -0.4])
def test_kto_equals_trls(kl):
    """TRL's own loss, its model replaced by the log-probabilities of this test."""
    kind = trl_class("trl.trainer.kto_trainer", "KTOTrainer", "_compute_loss")
    new, ref = (x.requires_grad_() for x in leaves(3))
    liked = torch.tensor([True, True, False, True, False, False])
    tokens = torch.stack([new / 2, new / 2], 1)  # (6, 2): two tokens each
    outputs = SimpleNamespace(
        log_probs=tokens, entropy=torch.zeros(6, 2), mean_logits=torch.zeros(6, 2)
    )
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=True), accelerator=fake,
        _compute_kl_logps=lambda model, batch: torch.full((6,), kl),
        aux_loss_enabled=False, precompute_ref_logps=True, calculate_KL=True,
        loss_type="kto", beta=0.4, desirable_weight=1.5, undesirable_weight=0.8,
        _metrics={"train": defaultdict(list)}, _total_train_tokens=0, _tp_size=1,
    )  # fmt: skip
    ones = torch.ones(6, 3, dtype=torch.long)
    batch = {
        "input_ids": ones, "attention_mask": ones, "completion_mask": ones,
        "label": liked, "ref_logps": ref.detach(), "ref_KL_logps": torch.zeros(6),
    }  # fmt: skip
    theirs = kind._compute_loss(trainer, lambda **_: outputs, batch, False)
    agree(kto_loss(new - ref.detach(), liked, kl, 0.4, 1.5, 0.8), theirs, new)


# Bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.0, -1.0, math.nan])
def test_a_beta_that_is_not_positive_is_refused(beta):
    one, liked = torch.zeros(1), torch.tensor([True])
    for call in (
        lambda: kto_loss(one, liked, 0.0, beta),
        lambda: simpo_loss(one, one, beta, 0.0),
        lambda: orpo_loss(one, one, -1.0),
    ):
        with pytest.raises(ValueError, match="got .* expected"):
            call()


@pytest.mark.parametrize("shape", [(2,), (0,), (1, 1)])
def test_shapes_that_do_not_fit_are_refused(shape):
    one, other = torch.zeros(1), torch.zeros(shape)
    both = (other, other) if shape == (0,) else (one, other)
    for call in (
        lambda: kto_loss(both[0], both[1].bool(), 0.0, 1.0),
        lambda: orpo_loss(*both, 1.0),
        lambda: simpo_loss(*both, 1.0, 0.0),
    ):
        with pytest.raises(ValueError, match="expected \\(batch,\\)"):
            call()
