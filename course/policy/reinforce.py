"""REINFORCE on a language model: one step."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course.expect import one_number
from course.policy.advantages import reward_to_go_advantages, shaped_rewards
from course.policy.guards import restored_on_error, update
from course.policy.losses import Reduction, reduce_token_mean, reinforce_loss
from course.policy.metrics import metrics, ratio_metrics
from course.policy.rollout import Rollout, logprobs_and_entropy


def reinforce_step(
    policy: nn.Module,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    *,
    beta: float,
    max_grad_norm: float = 1.0,
    advantages: Callable[[Tensor, Tensor], Tensor] = reward_to_go_advantages,
    reduce: Reduction = reduce_token_mean,
) -> dict[str, float]:
    """One REINFORCE update of the policy with k1 in the reward; returns its metrics.

    beta: score units per nat of KL.  advantages: `reward_to_go_advantages` or
    `whole_sequence_advantages`.  reduce: how tokens are joined, see `losses`.
    Raises CourseError, and leaves the policy as it was, when the loss or the gradient
    is not a finite number.
    Source: Williams 1992; Ziegler et al. 2019, arXiv 1909.08593, for the KL.
    Chapter 09.
    """
    one_number(beta=beta)
    mask = rollout.completion_mask
    rewards = shaped_rewards(
        rollout.scores, rollout.old_logprobs, rollout.ref_logprobs, mask, beta
    )
    A = advantages(rewards, mask)
    with restored_on_error(optimizer):
        logprobs, entropy = logprobs_and_entropy(policy, rollout)
        loss = reinforce_loss(logprobs, A, mask, reduce)
        norm = update(optimizer, [loss], max_grad_norm)[0]
    return metrics(rollout, entropy, beta) | ratio_metrics(logprobs, rollout) | {
        "loss/policy": float(loss.detach()),
        "lr": optimizer.param_groups[0]["lr"],
        "grad_norm": norm,
        "tokens_per_s": rollout.tokens_per_s,
    }  # fmt: skip
