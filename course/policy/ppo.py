"""PPO for language models: a critic, and several clipped updates on each rollout."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course.expect import one_number
from course.policy.advantages import shaped_rewards, whiten
from course.policy.clipping import importance_ratio, is_clipped, ppo_clip_loss
from course.policy.critic import (
    Critic,
    explained_variance,
    gae,
    value_clip_fraction,
    value_loss,
)
from course.policy.losses import Reduction, reduce_token_mean
from course.policy.metrics import UpdateLog, metrics
from course.policy.minibatches import Part, several_updates
from course.policy.rollout import Rollout


def ppo_step(
    policy: nn.Module,
    critic: Critic,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    *,
    beta: float,
    gamma: float = 1.0,
    lam: float = 0.95,
    clip_eps: float = 0.2,
    value_clip_eps: float = 0.2,
    whitened: Callable[[Tensor, Tensor], Tensor] = whiten,
    reduce: Reduction = reduce_token_mean,
    epochs: int = 4,
    minibatches: int = 1,
    max_grad_norm: float = 1.0,
    generator: torch.Generator | None = None,
) -> dict[str, float]:
    """One PPO step: GAE once, then `epochs` passes over the rollout's minibatches.

    optimizer: holds the policy's parameters in its first group and the critic's in its
    second; each group has its own learning rate, which stands for the usual weight of
    the value loss, since the two share no parameter.  beta: score units per nat of
    k1 in the reward.  whitened: scales the advantages; reduce: how tokens are joined,
    see `losses`.  generator: a CPU generator, for the minibatches.  Returns the
    shared metrics: of the policy before the step, and of the ratio over all updates.
    Raises ValueError on an optimizer with other groups, and CourseError, with policy
    and critic as they were, when the step goes wrong.
    Source: Schulman et al. 2017, arXiv 1707.06347; Ziegler et al. 2019.  Chapter 10.
    """
    one_number(beta=beta)
    _check_groups(policy, critic, optimizer)
    mask = rollout.completion_mask
    # Step 1: rewards, advantages and returns, constant in all updates.
    rewards = shaped_rewards(
        rollout.scores, rollout.old_logprobs, rollout.ref_logprobs, mask, beta
    )
    with torch.no_grad():
        old_values = critic(rollout)
    advantages, returns = gae(rewards, old_values, mask, gamma, lam)
    A = whitened(advantages, mask)

    # Step 2: the loss of policy and critic.
    def loss_of(part: Part, log: UpdateLog) -> Tensor:
        logprobs, b, rows = part.logprobs, part.rollout, part.rows
        m, mean = b.completion_mask, part.reduction(reduce)
        share = part.reduction(reduce_token_mean)
        ratio = importance_ratio(logprobs, b.old_logprobs, m)
        loss = ppo_clip_loss(
            logprobs, b.old_logprobs, A[rows], m, clip_eps, reduce=mean
        )
        values, old = critic(b), (old_values[rows], returns[rows], m, value_clip_eps)
        loss_v = value_loss(values, *old, reduce=mean)
        log.part(
            logprobs, b, ratio, is_clipped(ratio, A[rows], clip_eps),
            **{"loss/policy": loss, "loss/value": loss_v, "value/clipfrac":
               value_clip_fraction(values.detach(), *old, reduce=share)},
        )  # fmt: skip
        return loss + loss_v

    # Step 3: several updates, all or nothing.
    rollout, entropy, log = several_updates(
        policy, optimizer, rollout, loss_of, epochs=epochs, minibatches=minibatches,
        max_grad_norm=max_grad_norm, generator=generator,
    )  # fmt: skip
    # Step 4: the numbers to watch.
    mean = reduce_token_mean(returns, mask)
    explained = explained_variance(old_values, returns, mask)
    return metrics(rollout, entropy, beta) | log.metrics() | {
        "value/grad_norm": sum(norms[1] for norms in log.norms) / len(log.norms),
        "value/explained_variance": float(explained),
        "returns/mean": float(mean),
        "returns/var": float(reduce_token_mean((returns - mean).square(), mask)),
        "beta": beta,
        "lr": optimizer.param_groups[0]["lr"],
        "tokens_per_s": rollout.tokens_per_s,
    }  # fmt: skip


def _check_groups(
    policy: nn.Module, critic: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    groups = [group["params"] for group in optimizer.param_groups]
    own = [{id(p) for p in model.parameters()} for model in (policy, critic)]
    if len(groups) != 2 or not all(
        id(p) in ids for params, ids in zip(groups, own, strict=True) for p in params
    ):
        raise ValueError(
            f"got an optimizer with {len(groups)} parameter groups, expected two: the "
            "policy's parameters, then the critic's"
        )
