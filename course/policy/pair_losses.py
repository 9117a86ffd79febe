"""KTO, ORPO and SimPO: preference losses that change what DPO compares.

KTO needs no pairs, only a thumb up or down for each completion.  ORPO and SimPO need
no reference; they compare log-probabilities per token.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from course.expect import floats, number_or_tensor, one_number, tensors, truth


def kto_loss(
    log_ratios: Tensor,
    desirable: Tensor,
    kl: Tensor | float,
    beta: float,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Tensor:
    """Mean of 1 - sigmoid(+-beta (log-ratio - kl)): plus for a text that people like.

    log_ratios: l - l_ref of whole completions, (batch,), nats; desirable: (batch,)
    bool.  kl: an estimate of KL(policy || reference) in nats per completion, a
    constant of the update; below 0 it counts as 0.  beta: positive, reward units per
    nat.  The weights multiply the two kinds of completion.  Returns a scalar from 0 to
    the larger weight, without a unit.
    Raises ValueError on shapes that do not fit, an empty batch or a wrong beta.
    Source: Ethayarajh et al. 2024, arXiv 2402.01306.  Chapter 12.

    >>> kto_loss(torch.zeros(2), torch.tensor([True, False]), kl=0.0, beta=0.1)
    tensor(0.5000)
    """
    one_number(desirable_weight=desirable_weight, undesirable_weight=undesirable_weight)
    tensors(log_ratios=log_ratios, desirable=desirable)
    _check_beta(beta)
    _check_batch(log_ratios=log_ratios, desirable=desirable)
    number_or_tensor(kl=kl)
    z = torch.as_tensor(kl).detach().to(log_ratios).clamp(min=0)
    liked = truth(desirable, "desirable")
    signs = torch.where(liked, 1.0, -1.0).to(log_ratios)
    weights = torch.where(liked, desirable_weight, undesirable_weight).to(log_ratios)
    return (weights * torch.sigmoid(-signs * beta * (log_ratios - z))).mean()


def orpo_loss(chosen: Tensor, rejected: Tensor, weight: float) -> Tensor:
    """Mean of -chosen - weight log sigmoid(log odds ratio): imitation and a push.

    chosen, rejected: log-probabilities *per token*, (batch,), nats, from
    `mean_logprobs`; with P = exp of them, odds = P / (1 - P).  weight: not negative,
    lambda in the paper.  Returns a scalar, nats per token.  There is no reference.
    P = 1 counts as just below 1, so that the odds stay finite.
    Raises ValueError on unequal shapes, an empty batch or a negative weight.
    Source: Hong et al. 2024, arXiv 2403.07691, equations 6 and 7.  Chapter 12.

    >>> l = torch.tensor([-1.0])
    >>> round(float(orpo_loss(l, l, weight=1.0)), 4)
    1.6931
    """
    one_number(weight=weight)
    tensors(chosen=chosen)
    if not weight >= 0:
        raise ValueError(f"got weight {weight}, expected a number of at least 0")
    _check_batch(chosen=chosen, rejected=rejected)
    ratio = _log_odds(chosen) - _log_odds(rejected)
    return (-chosen - weight * F.logsigmoid(ratio)).mean()


def simpo_loss(chosen: Tensor, rejected: Tensor, beta: float, margin: float) -> Tensor:
    """Mean of -log sigmoid(beta (chosen - rejected) - margin), without a reference.

    chosen, rejected: log-probabilities *per token*, (batch,), nats, from
    `mean_logprobs`.  beta: positive, reward units per nat; margin: reward units, gamma
    in the paper.  Returns a scalar, nats per pair.
    Raises ValueError on unequal shapes, an empty batch or a wrong beta.
    Source: Meng et al. 2024, arXiv 2405.14734, equation 6.  Chapter 12.

    >>> l = torch.tensor([-1.0])
    >>> round(float(simpo_loss(l, l, beta=2.0, margin=0.0)), 4)
    0.6931
    """
    one_number(margin=margin)
    tensors(chosen=chosen, rejected=rejected)
    _check_beta(beta)
    _check_batch(chosen=chosen, rejected=rejected)
    return -F.logsigmoid(beta * (chosen - rejected) - margin).mean()


def _log_odds(logprobs: Tensor) -> Tensor:
    """log(P / (1 - P)) of P = exp(logprobs), exact for small P and for P near 1."""
    logprobs = logprobs.clamp(max=-torch.finfo(logprobs.dtype).eps)
    return logprobs - (-torch.expm1(logprobs)).log()


def _check_beta(beta: float) -> None:
    one_number(beta=beta)
    if not beta > 0:
        raise ValueError(f"got beta {beta}, expected a positive number")


def _check_batch(**tensors: Tensor) -> None:
    floats(**{name: x for name, x in tensors.items() if name != "desirable"})
    shapes = {name: tuple(x.shape) for name, x in tensors.items()}
    one, *others = shapes.values()
    if len(one) != 1 or not one[0] or any(shape != one for shape in others):
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"got {found}, expected (batch,) for all, at least one")
