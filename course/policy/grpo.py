"""GRPO and RLOO: groups of completions of one prompt instead of a critic."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course.expect import one_number
from course.policy.clipping import (
    grpo_loss,
    importance_ratio,
    is_clipped,
    rloo_loss,
    sequence_ratio,
)
from course.policy.groups import (
    frac_reward_zero_std,
    group_advantages,
    group_std,
    rloo_advantages,
)
from course.policy.losses import Reduction, reduce_token_mean
from course.policy.metrics import UpdateLog, metrics
from course.policy.minibatches import Part, several_updates
from course.policy.rollout import Rollout


def grpo_step(
    policy: nn.Module,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    *,
    group_size: int,
    beta: float = 0.0,
    clip_eps: float = 0.2,
    clip_eps_high: float | None = None,
    advantages: Callable[[Tensor, int], Tensor] = group_advantages,
    reduce: Reduction = reduce_token_mean,
    epochs: int = 1,
    minibatches: int = 1,
    max_grad_norm: float = 1.0,
    generator: torch.Generator | None = None,
) -> dict[str, float]:
    """One GRPO step: each completion against its siblings, k3 in the loss.

    rollout: the completions of one prompt next to each other.  beta: score units per
    nat, of k3.  advantages: `group_advantages` or `centred_advantages` (Dr. GRPO).
    reduce: how tokens are joined, see `losses`.  Returns the shared metrics.
    Raises ValueError without whole groups, and CourseError, with the policy as it was,
    when the step goes wrong.
    Source: Shao et al. 2024 (DeepSeekMath), arXiv 2402.03300.  Chapter 11.
    """
    one_number(beta=beta)
    A = advantages(rollout.scores, group_size)  # (batch,)

    def loss_of(part: Part, log: UpdateLog) -> Tensor:
        logprobs, b, rows = part.logprobs, part.rollout, part.rows
        loss = grpo_loss(
            logprobs, b.old_logprobs, b.ref_logprobs, A[rows], b.completion_mask, beta,
            clip_eps, clip_eps_high, part.reduction(reduce),
        )  # fmt: skip
        ratio = importance_ratio(logprobs, b.old_logprobs, b.completion_mask)
        clipped = is_clipped(ratio, A[rows], clip_eps, clip_eps_high)
        log.part(logprobs, b, ratio, clipped, **{"loss/policy": loss})
        return loss

    rollout, entropy, log = several_updates(
        policy, optimizer, rollout, loss_of, epochs=epochs, minibatches=minibatches,
        max_grad_norm=max_grad_norm, generator=generator,
    )  # fmt: skip
    return _report(optimizer, rollout, entropy, beta, log, group_size)


def rloo_step(
    policy: nn.Module,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    *,
    group_size: int,
    beta: float,
    clip_eps: float = 0.2,
    epochs: int = 1,
    minibatches: int = 1,
    max_grad_norm: float = 1.0,
    generator: torch.Generator | None = None,
) -> dict[str, float]:
    """One RLOO step: reward minus the mean of the others, one ratio per completion.

    As `grpo_step`, but the KL (k1 of the whole completion) is in the reward; ratio
    metrics are per completion.
    Source: Ahmadian et al. 2024, arXiv 2402.14740.  Chapter 11.
    """
    one_number(beta=beta)
    D = (rollout.old_logprobs - rollout.ref_logprobs).sum(1)  # (batch,)
    A = rloo_advantages(rollout.scores - beta * D, group_size)  # (batch,)

    def loss_of(part: Part, log: UpdateLog) -> Tensor:
        logprobs, b, rows = part.logprobs, part.rollout, part.rows
        loss = part.share * rloo_loss(
            logprobs, b.old_logprobs, A[rows], b.completion_mask, clip_eps
        )
        ratio = sequence_ratio(logprobs, b.old_logprobs, b.completion_mask)
        clipped = is_clipped(ratio, A[rows], clip_eps)
        log.part(logprobs, b, ratio, clipped, **{"loss/policy": loss})
        return loss

    rollout, entropy, log = several_updates(
        policy, optimizer, rollout, loss_of, epochs=epochs, minibatches=minibatches,
        max_grad_norm=max_grad_norm, generator=generator,
    )  # fmt: skip
    return _report(optimizer, rollout, entropy, beta, log, group_size)


def _report(
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    entropy: Tensor,
    beta: float,
    log: UpdateLog,
    group_size: int,
) -> dict[str, float]:
    """The shared metrics, and those of groups."""
    return metrics(rollout, entropy, beta) | log.metrics() | {
        "reward_std": float(group_std(rollout.scores, group_size).mean()),
        "frac_reward_zero_std": float(frac_reward_zero_std(rollout.scores, group_size)),
        "lr": optimizer.param_groups[0]["lr"],
        "tokens_per_s": rollout.tokens_per_s,
    }  # fmt: skip
