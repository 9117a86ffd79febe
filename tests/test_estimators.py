"""The three KL estimators against enumeration, as values and as losses."""

import math

import pytest
import torch

from course.policy.kl import kl_estimators

LOGITS = torch.tensor([0.5, -0.2, 1.0], dtype=torch.float64)
TARGET = (-0.0482, -0.1344, 0.1826)  # of KL(pi || ref), ALGORITHMS table 4.3


def expected_gradient(k, weight=lambda logp: 1.0):
    """Exact mean over the policy's samples of the gradient of estimator number k."""
    logits = LOGITS.clone().requires_grad_()
    logp = logits.log_softmax(0)
    reference = torch.full_like(logp, -math.log(3))
    values = weight(logp) * kl_estimators(logp, reference)[k]
    loss = (logp.exp().detach() * values).sum()
    return torch.autograd.grad(loss, logits)[0]


def ratio(logp):
    return (logp - logp.detach()).exp()


def close(gradient, numbers):
    return bool((gradient - torch.tensor(numbers)).abs().max() < 5.1e-5)


def test_k1_and_k3_average_to_the_divergence_and_k2_does_not():
    logp = LOGITS.log_softmax(0)
    p, reference = logp.exp(), torch.full_like(logp, -math.log(3))
    exact = (p * (logp - reference)).sum()
    means = kl_estimators(logp, reference) @ p
    assert (means[[0, 2]] - exact).abs().max() < 1e-12
    assert means[1] < exact - 0.005
    assert abs(exact.item() - 0.104276) < 1e-6


@pytest.mark.parametrize(
    ("k", "numbers"),
    [(0, (0.0, 0.0, 0.0)), (1, TARGET), (2, (-0.0154, -0.1755, 0.1909))],
)
def test_in_a_loss_each_has_a_gradient_of_its_own(k, numbers):
    assert close(expected_gradient(k), numbers)


@pytest.mark.parametrize(
    ("k", "numbers"), [(0, TARGET), (1, (-0.0790, -0.1059, 0.1849)), (2, TARGET)]
)
def test_times_the_ratio_k1_and_k3_have_the_gradient_of_the_divergence(k, numbers):
    assert close(expected_gradient(k, ratio), numbers)


def test_k3_in_a_loss_pulls_as_the_forward_divergence_does():
    logits = LOGITS.clone().requires_grad_()
    logp = logits.log_softmax(0)
    reference = torch.full_like(logp, -math.log(3))
    forward = (reference.exp() * (reference - logp)).sum()
    (gradient,) = torch.autograd.grad(forward, logits)
    assert (expected_gradient(2) - gradient).abs().max() < 1e-12


def test_no_gradient_reaches_the_reference():
    logprobs = torch.tensor([-1.0, -2.0], requires_grad=True)
    reference = torch.tensor([-1.5, -1.0], requires_grad=True)
    kl_estimators(logprobs, reference).sum().backward()
    assert reference.grad is None and logprobs.grad.abs().min() > 0


@pytest.mark.parametrize("shape", [(), (3,), (2, 5), (2, 3, 4)])
def test_the_estimators_come_first_in_the_shape(shape):
    x = -torch.rand(shape)
    assert kl_estimators(x, x).shape == (3, *shape)
    assert not kl_estimators(x, x).any()


def test_policies_that_drifted_apart_do_not_overflow():
    far = kl_estimators(torch.tensor([-200.0, 0.0]), torch.tensor([0.0, -200.0]))
    assert far.isfinite().all() and (far[1:] >= 0).all()


def test_unequal_shapes_are_refused():
    with pytest.raises(ValueError, match="expected one shape"):
        kl_estimators(torch.zeros(2, 3), torch.zeros(3))


def test_the_exercise_accepts_the_form_that_its_text_gives():
    """It cancels a little, and is right by the text: no hidden rule rejects it."""
    from course.checks.catalogue import find
    from course.checks.checking import examine

    def kl_estimators(logprobs, ref_logprobs):
        d = logprobs - ref_logprobs.detach()
        c = d.clamp(-20, 20)
        return torch.stack([d, d**2 / 2, torch.exp(-c) - 1 + c])

    verdict = examine(find("11.3"), kl_estimators)
    assert verdict.status == "correct"
