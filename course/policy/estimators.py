"""The three KL estimators next to each other: equal in value, unequal as losses."""

import torch
from torch import Tensor

from course.policy.kl import k1, k2, k3


def kl_estimators(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """k1 = d, k2 = d^2 / 2 and k3 = exp(-d) - 1 + d of every token, d the log-ratio.

    logprobs, ref_logprobs: nats, one shape.  Returns (3, *that shape), nats.  No
    gradient flows into the reference.  In k3, d is clamped to +-20.
    Under the policy's own samples k1 and k3 average to KL(pi || ref), k2 does not; in a
    loss the gradients average to 0, to that of KL(pi || ref), and to that of
    KL(ref || pi).
    Raises ValueError on unequal shapes.
    Source: Schulman, "Approximating KL Divergence" (2020).

    >>> kl_estimators(torch.tensor([-1.0, -2.0]), torch.tensor([-2.0, -1.5]))
    tensor([[ 1.0000, -0.5000],
            [ 0.5000,  0.1250],
            [ 0.3679,  0.1487]])
    """
    reference = ref_logprobs.detach()
    return torch.stack([k(logprobs, reference) for k in (k1, k2, k3)])
