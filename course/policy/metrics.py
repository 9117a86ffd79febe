"""The numbers that every policy-gradient run of the course logs, by shared name."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from course.expect import as_float, one_number, tensors, truth
from course.policy.guards import check_ratio
from course.policy.kl import kl_seq, kl_tok
from course.policy.losses import reduce_token_mean, same_shape
from course.policy.rollout import Rollout


@torch.no_grad()
def metrics(rollout: Rollout, entropy: Tensor, beta: float) -> dict[str, float]:
    """What is known before a step: scores, KL, entropy and lengths of the rollout.

    entropy: (batch, time), nats, of the policy that is trained, before the step.
    `kl_seq` and `reward/kl_penalty` are per sequence, `kl_tok` and `entropy` per
    token.  `score/std` is biased.  Chapter 09.
    """
    one_number(beta=beta)
    tensors(entropy=entropy)
    mask, scores = rollout.completion_mask, rollout.scores
    old, ref = rollout.old_logprobs, rollout.ref_logprobs
    kl = kl_seq(old, ref, mask)
    values = {
        "score/mean": scores.mean(),
        "score/std": scores.std(correction=0),
        "reward/kl_penalty": -beta * kl,
        "reward/total": scores.mean() - beta * kl,
        "kl_seq": kl,
        "kl_tok": kl_tok(old, ref, mask),
        "entropy": reduce_token_mean(entropy, mask),
        "completion/length": mask.sum(1).float().mean(),
        "completion/eos_rate": rollout.ended.float().mean(),
    }
    return {name: float(value) for name, value in values.items()}


@torch.no_grad()
def ratio_metrics(logprobs: Tensor, rollout: Rollout) -> dict[str, float]:
    """How far the policy is from the one that wrote the texts, over all their tokens.

    logprobs: (batch, time), nats.  `policy/approx_kl` is in nats per token,
    `policy/ratio_var` is biased.  Chapter 09.
    """
    tensors(logprobs=logprobs)
    mask = rollout.completion_mask
    same_shape(logprobs=logprobs, mask=mask)
    log_ratio = (as_float(logprobs) - rollout.old_logprobs).masked_fill(~mask, 0.0)
    ratio = log_ratio.exp()
    mean = reduce_token_mean(ratio, mask)
    values = {
        "policy/ratio_mean": mean,
        "policy/ratio_var": reduce_token_mean((ratio - mean).square(), mask),
        "policy/approx_kl": reduce_token_mean(log_ratio.expm1() - log_ratio, mask),
    }
    return {name: float(value) for name, value in values.items()}


@dataclass
class UpdateLog:
    """What the updates of one step did, for the metrics of the step.  Chapter 10."""

    log_ratios: list[Tensor] = field(default_factory=list)  # (tokens,) of each part
    ratios: list[Tensor] = field(default_factory=list)  # (tokens,) or (completions,)
    clipped: list[Tensor] = field(default_factory=list)  # as ratios
    sums: dict[str, float] = field(default_factory=dict)  # over all parts
    norms: list[list[float]] = field(default_factory=list)  # of each update
    first: int = 0  # parts of the first update

    def part(
        self,
        logprobs: Tensor,
        batch: Rollout,
        ratio: Tensor,
        clipped: Tensor,
        **values: float | Tensor,
    ) -> None:
        """Note a part before its update; CourseError when its ratios explode.

        logprobs: (batch, time); ratio, clipped: (batch, time), or (batch,) for whole
        completions.  values: the part's share of a number of the update.  Raises
        ValueError on shapes that do not fit.
        """
        tensors(logprobs=logprobs, ratio=ratio, clipped=clipped)
        mask = batch.completion_mask
        whole = ratio.ndim == 1
        same_shape(logprobs=logprobs, mask=mask)
        each = mask.shape[:1] if whole else mask.shape
        if not ratio.shape == clipped.shape == each:
            raise ValueError(
                f"got ratio {tuple(ratio.shape)} and clipped {tuple(clipped.shape)}, "
                f"expected {tuple(each)}"
            )
        self.log_ratios.append((as_float(logprobs) - batch.old_logprobs).detach()[mask])
        self.ratios.append(ratio.detach() if whole else ratio.detach()[mask])
        clipped = truth(clipped, "clipped")
        self.clipped.append(clipped if whole else clipped[mask])
        d = self.log_ratios[-1]
        check_ratio(float(self.ratios[-1].max()), float((d.expm1() - d).mean()))
        for name, value in values.items():
            value = float(torch.as_tensor(value).detach())
            self.sums[name] = self.sums.get(name, 0.0) + value

    def close(self, norms: list[float]) -> None:
        """End an update: the gradient norms of the optimizer's groups."""
        self.norms.append(norms)
        self.first = self.first or len(self.ratios)

    def metrics(self) -> dict[str, float]:
        """Moments over all tokens of all updates, and the first update by itself.

        `first/ratio_error` is the largest |ratio - 1| before anything moved and
        `first/clipfrac` what was clipped there: both are exactly 0 in a sound step.
        """
        d, ratio = torch.cat(self.log_ratios), torch.cat(self.ratios)
        updates = len(self.norms)
        return {name: total / updates for name, total in self.sums.items()} | {
            "grad_norm": sum(norms[0] for norms in self.norms) / updates,
            "policy/ratio_mean": float(ratio.mean()),
            "policy/ratio_var": float(ratio.var(correction=0)),
            "policy/approx_kl": float((d.expm1() - d).mean()),
            "policy/clipfrac": float(torch.cat(self.clipped).float().mean()),
            "first/ratio_error": float(
                (torch.cat(self.ratios[: self.first]) - 1).abs().max()
            ),
            "first/clipfrac": float(
                torch.cat(self.clipped[: self.first]).float().mean()
            ),
            "updates": float(updates),
        }
