"""The numbers that every policy-gradient run of the course logs, by shared name."""

import torch
from torch import Tensor

from course.policy.kl import kl_seq, kl_tok
from course.policy.losses import reduce_token_mean
from course.policy.rollout import Rollout


@torch.no_grad()
def metrics(
    rollout: Rollout, logprobs: Tensor, entropy: Tensor, loss: Tensor, beta: float
) -> dict[str, float]:
    """The numbers that every policy-gradient run of the course logs, by shared name.

    logprobs, entropy: (batch, time), nats, of the policy that is trained, before the
    step.  `kl_seq` and `reward/kl_penalty` are per sequence, `kl_tok`, `entropy` and
    `policy/approx_kl` per token.  `score/std` is biased.
    """
    mask, old, ref = (
        rollout.completion_mask,
        rollout.old_logprobs,
        rollout.ref_logprobs,
    )
    log_ratio = (logprobs - old).masked_fill(~mask, 0.0)
    ratio = log_ratio.exp()
    ratio_mean = reduce_token_mean(ratio, mask)
    kl = kl_seq(old, ref, mask)
    values = {
        "score/mean": rollout.scores.mean(),
        "score/std": rollout.scores.std(correction=0),
        "reward/kl_penalty": -beta * kl,
        "reward/total": rollout.scores.mean() - beta * kl,
        "kl_seq": kl,
        "kl_tok": kl_tok(old, ref, mask),
        "entropy": reduce_token_mean(entropy, mask),
        "loss/policy": loss,
        "policy/ratio_mean": ratio_mean,
        "policy/ratio_var": reduce_token_mean((ratio - ratio_mean).square(), mask),
        "policy/approx_kl": reduce_token_mean(log_ratio.expm1() - log_ratio, mask),
        "completion/length": mask.sum(1).float().mean(),
        "completion/eos_rate": rollout.ended.float().mean(),
    }
    return {name: float(value) for name, value in values.items()}
