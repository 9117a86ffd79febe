"""Three estimators of the Kullback-Leibler divergence, and the exact value.

Samples come from the policy; d = log pi(y) - log ref(y); the target is KL(pi || ref).
Source: Schulman, "Approximating KL Divergence" (2020).
"""

import torch
from torch import Tensor

LOG_RATIO_LIMIT = 20.0  # exp(20) is 5e8: beyond it an estimate says nothing


def k1(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """The log-ratio d: right on average, of either sign.

    logprobs, ref_logprobs: nats, one shape.  Returns that shape, nats.

    >>> k1(torch.tensor([-1.0, -2.0]), torch.tensor([-2.0, -1.5]))
    tensor([ 1.0000, -0.5000])
    """
    return _log_ratio(logprobs, ref_logprobs)


def k2(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """d^2 / 2: never negative, a biased value, the right gradient in a loss.

    logprobs, ref_logprobs: nats, one shape.  Returns that shape, nats.

    >>> k2(torch.tensor([-1.0, -2.0]), torch.tensor([-2.0, -1.5]))
    tensor([0.5000, 0.1250])
    """
    return _log_ratio(logprobs, ref_logprobs).square() / 2


def k3(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """exp(-d) - 1 + d: never negative and right on average.

    logprobs, ref_logprobs: nats, one shape.  Returns that shape, nats.
    In a loss its gradient is that of the *forward* divergence KL(ref || pi).
    d is clamped to +-20, so that policies that drifted apart do not overflow.

    >>> k3(torch.tensor([-1.0, -2.0]), torch.tensor([-2.0, -1.5]))
    tensor([0.3679, 0.1487])
    """
    d = _log_ratio(logprobs, ref_logprobs)
    d = d.clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)
    return torch.expm1(-d) + d  # exp(-d) - 1 + d would go negative near zero


def kl_seq(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor) -> Tensor:
    """Mean over sequences of the summed log-ratios: scalar, nats per sequence.

    logprobs, ref_logprobs, mask: (batch, time); mask is 1 on completion tokens.
    """
    d = _log_ratio(logprobs, ref_logprobs).masked_fill(~mask.bool(), 0.0)
    return d.sum(1).mean()


def kl_tok(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor) -> Tensor:
    """Mean over all completion tokens of the log-ratio: scalar, nats per token.

    logprobs, ref_logprobs, mask: (batch, time); mask is 1 on completion tokens.
    """
    d = _log_ratio(logprobs, ref_logprobs).masked_fill(~mask.bool(), 0.0)
    return d.sum() / mask.sum()


def exact_kl(logits: Tensor, ref_logits: Tensor) -> Tensor:
    """KL(pi || ref) of every distribution over the vocabulary, without sampling.

    logits, ref_logits: (..., vocabulary), finite.  Returns (...,), nats, never
    negative but for rounding.

    >>> exact_kl(torch.tensor([0.5, -0.2, 1.0]), torch.zeros(3))
    tensor(0.1043)
    """
    if logits.shape != ref_logits.shape:
        raise ValueError(
            f"got logits of shapes {tuple(logits.shape)} and "
            f"{tuple(ref_logits.shape)}, expected one shape"
        )
    log_pi, log_ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
    return (log_pi.exp() * (log_pi - log_ref)).sum(-1)


def _log_ratio(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    if logprobs.shape != ref_logprobs.shape:
        raise ValueError(
            f"got log-probabilities of shapes {tuple(logprobs.shape)} and "
            f"{tuple(ref_logprobs.shape)}, expected one shape"
        )
    return logprobs - ref_logprobs
