"""The Kullback-Leibler divergence: its estimators, its value, who sets its price.

Samples come from the policy; d = log pi(y) - log ref(y); the target is KL(pi || ref).
Source: Schulman, "Approximating KL Divergence" (2020).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from course.expect import as_float, one_number, tensors, truth, whole, whole_number
from course.policy.losses import same_shape

LOG_RATIO_LIMIT = 20.0  # exp(20) is 5e8: beyond it an estimate says nothing


def k1(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """The log-ratio d: right on average, of either sign.

    logprobs, ref_logprobs: nats, one shape.  Returns that shape, nats.  Chapter 11.

    >>> k1(torch.tensor([-1.0, -2.0]), torch.tensor([-2.0, -1.5]))
    tensor([ 1.0000, -0.5000])
    """
    return _log_ratio(logprobs, ref_logprobs)


def k2(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """d^2 / 2: never negative, a biased value, the right gradient in a loss.

    logprobs, ref_logprobs: nats, one shape.  Returns that shape, nats.  Chapter 11.

    >>> k2(torch.tensor([-1.0, -2.0]), torch.tensor([-2.0, -1.5]))
    tensor([0.5000, 0.1250])
    """
    return _log_ratio(logprobs, ref_logprobs).square() / 2


def k3(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """exp(-d) - 1 + d: never negative and right on average.

    logprobs, ref_logprobs: nats, one shape.  Returns that shape, nats.
    In a loss its gradient is that of the *forward* divergence KL(ref || pi).
    d is clamped to +-20, so that policies that drifted apart do not overflow.
    Chapter 11.

    >>> k3(torch.tensor([-1.0, -2.0]), torch.tensor([-2.0, -1.5]))
    tensor([0.3679, 0.1487])
    """
    d = _log_ratio(logprobs, ref_logprobs)
    d = d.clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)
    return torch.expm1(-d) + d  # exp(-d) - 1 + d would go negative near zero


def kl_seq(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor) -> Tensor:
    """Mean over sequences of the summed log-ratios: scalar, nats per sequence.

    logprobs, ref_logprobs, mask: (batch, time); mask is 1 on completion tokens.
    Chapter 09.
    """
    tensors(logprobs=logprobs, mask=mask)
    same_shape(logprobs=logprobs, mask=mask)
    d = _log_ratio(logprobs, ref_logprobs).masked_fill(~truth(mask), 0.0)
    return d.sum(1).mean()


def kl_tok(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor) -> Tensor:
    """Mean over all completion tokens of the log-ratio: scalar, nats per token.

    logprobs, ref_logprobs, mask: (batch, time); mask is 1 on completion tokens.
    Chapter 09.
    """
    tensors(logprobs=logprobs, mask=mask)
    same_shape(logprobs=logprobs, mask=mask)
    d = _log_ratio(logprobs, ref_logprobs).masked_fill(~truth(mask), 0.0)
    if mask.is_cpu and not mask.any():
        raise ValueError("got a mask without a token to average over, expected one")
    return d.sum() / mask.sum()


def exact_kl(logits: Tensor, ref_logits: Tensor) -> Tensor:
    """KL(pi || ref) of every distribution over the vocabulary, without sampling.

    logits, ref_logits: (..., vocabulary); -inf where a token is impossible.  Returns
    (...,), nats, at least fp32, never negative but for rounding; infinite where the
    policy writes what the reference cannot.  Chapter 09.

    >>> exact_kl(torch.tensor([0.5, -0.2, 1.0]), torch.zeros(3))
    tensor(0.1043)
    """
    tensors(logits=logits, ref_logits=ref_logits)
    if logits.shape != ref_logits.shape:
        raise ValueError(
            f"got logits of shapes {tuple(logits.shape)} and "
            f"{tuple(ref_logits.shape)}, expected one shape"
        )
    exact = torch.promote_types(logits.dtype, torch.float32)
    log_pi, log_ref = (x.to(exact).log_softmax(-1) for x in (logits, ref_logits))
    never = log_pi.isneginf()  # 0 log 0 counts 0
    d = log_pi.masked_fill(never, 0.0) - log_ref.masked_fill(never, 0.0)
    return (log_pi.exp() * d).sum(-1)


def kl_estimators(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """k1 = d, k2 = d^2 / 2 and k3 = exp(-d) - 1 + d of every token, d the log-ratio.

    logprobs, ref_logprobs: nats, one shape.  Returns (3, *that shape), nats.  No
    gradient flows into the reference.  In k3, d is clamped to +-20.
    Under the policy's own samples k1 and k3 average to KL(pi || ref), k2 does not; in a
    loss the gradients average to 0, to that of KL(pi || ref), and to that of
    KL(ref || pi).
    Raises ValueError on unequal shapes.
    Source: Schulman, "Approximating KL Divergence" (2020).  Chapter 11.

    >>> kl_estimators(torch.tensor([-1.0, -2.0]), torch.tensor([-2.0, -1.5]))
    tensor([[ 1.0000, -0.5000],
            [ 0.5000,  0.1250],
            [ 0.3679,  0.1487]])
    """
    tensors(ref_logprobs=ref_logprobs)
    reference = ref_logprobs.detach()
    return torch.stack([k(logprobs, reference) for k in (k1, k2, k3)])


def adapt_beta(
    beta: float, kl_seq: float, target: float, n_sequences: int, horizon: int
) -> float:
    """Raise beta where the KL is above its target, lower it where it is below.

    e = clip(kl_seq / target - 1, -0.2, 0.2);  beta * (1 + e * n_sequences / horizon).
    beta: score units per nat; kl_seq, target: nats per sequence; horizon: the number
    of sequences in which beta can change by about a fifth.
    Never below 0.  Raises ValueError unless beta >= 0, target, horizon > 0 and kl_seq
    is a number.
    Source: Ziegler et al. 2019, arXiv 1909.08593, section 2.2.  Chapter 10.

    >>> adapt_beta(0.1, kl_seq=9.0, target=6.0, n_sequences=100, horizon=1000)
    0.10200000000000001
    """
    whole_number(horizon=horizon)
    one_number(beta=beta, kl_seq=kl_seq, target=target)
    if not (beta >= 0 and target > 0 and horizon > 0) or kl_seq != kl_seq:
        raise ValueError(
            f"got beta {beta}, target {target}, horizon {horizon} and kl_seq {kl_seq}, "
            "expected beta >= 0, the next two > 0 and a number"
        )
    whole(1, n_sequences=n_sequences)
    error = min(0.2, max(-0.2, kl_seq / target - 1))
    return max(0.0, beta * (1 + error * n_sequences / horizon))


@dataclass
class AdaptiveKL:
    """A beta that steers the KL towards `target` nats per sequence.

    Published values: beta 0.15 at the start, target 6, horizon 10,000 sequences.
    Chapter 10.
    """

    beta: float
    target: float
    horizon: int

    def update(self, kl_seq: float, n_sequences: int) -> None:
        """Adapt beta to the KL of the last `n_sequences`, in nats per sequence."""
        self.beta = adapt_beta(
            self.beta, kl_seq, self.target, n_sequences, self.horizon
        )


def _log_ratio(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    tensors(logprobs=logprobs, ref_logprobs=ref_logprobs)
    if logprobs.shape != ref_logprobs.shape:
        raise ValueError(
            f"got log-probabilities of shapes {tuple(logprobs.shape)} and "
            f"{tuple(ref_logprobs.shape)}, expected one shape"
        )
    return as_float(logprobs) - as_float(ref_logprobs)
