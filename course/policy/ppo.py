"""PPO for language models: a critic, and several clipped updates on each rollout."""

import torch
from torch import Tensor, nn

from course.policy.advantages import shaped_rewards, whiten
from course.policy.clipping import importance_ratio, is_clipped, ppo_clip_loss
from course.policy.losses import reduce_token_mean
from course.policy.metrics import metrics
from course.policy.rollout import Rollout
from course.policy.updates import (
    Seen,
    intact,
    logprobs_of,
    partition,
    rescore,
    take,
    update,
)
from course.policy.values import (
    explained_variance,
    gae,
    value_clip_fraction,
    value_loss,
)


class Critic(nn.Module):
    """A transformer trunk of its own with a linear head: the value of every prefix.

    A head on the policy's trunk is cheaper (OpenAI 2019), but then the value loss pulls
    at the policy too; InstructGPT and TRL give the critic its own weights, and so do
    we.
    """

    def __init__(
        self, gpt: nn.Module, weight: Tensor | None = None, bias: float = 0.0
    ) -> None:
        """gpt: the trunk, used as it is: pass a copy.  weight: (width,), the head.

        Without a weight every value is 0 in the beginning.
        """
        super().__init__()
        self.gpt = gpt
        like = next(gpt.parameters())
        if weight is None:
            weight = torch.zeros(gpt.config.width)
        if weight.shape != (gpt.config.width,):
            raise ValueError(
                f"got a head of shape {tuple(weight.shape)}, expected "
                f"({gpt.config.width},): one weight for each number of the state"
            )
        self.weight = nn.Parameter(weight.detach().clone().to(like))
        self.bias = nn.Parameter(torch.tensor(float(bias)).to(like))

    def forward(self, batch: Rollout) -> Tensor:
        """Values (batch, time): [:, t] is read before completion token t; 0 on padding.

        In units of the score.
        """
        ids = torch.cat([batch.prompt_ids, batch.completion_ids], dim=1)
        mask = torch.cat([batch.prompt_mask, batch.completion_mask], dim=1)
        hidden = self.gpt.hidden(ids, attention_mask=mask.bool())
        before = hidden[:, batch.prompt_ids.shape[1] - 1 : -1]  # (batch, time, width)
        values = (before @ self.weight + self.bias).float()
        return values.masked_fill(~batch.completion_mask.bool(), 0.0)


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
    epochs: int = 4,
    minibatches: int = 1,
    max_grad_norm: float = 1.0,
    generator: torch.Generator | None = None,
) -> dict[str, float]:
    """One PPO step: GAE once, then `epochs` passes over the rollout's minibatches.

    optimizer: holds the policy's parameters in its first group and the critic's in its
    second; each group has its own learning rate, which stands for the usual weight of
    the value loss, since the two share no parameter.  beta: score units per nat of
    k1 in the reward.  generator: a CPU generator, for the minibatches.  Returns the
    shared metrics: of the policy before the step, and of the ratio over all updates.
    Raises CourseError, with policy and critic as they were, when the step goes wrong.
    Source: Schulman et al. 2017, arXiv 1707.06347; Ziegler et al. 2019.
    """
    mask = rollout.completion_mask
    parts = partition(len(mask), minibatches, generator, mask.device)
    rollout, entropy = rescore(policy, rollout, parts)
    with torch.no_grad():
        old_values = critic(rollout)
    rewards = shaped_rewards(
        rollout.scores, rollout.old_logprobs, rollout.ref_logprobs, mask, beta
    )
    advantages, returns = gae(rewards, old_values, mask, gamma, lam)
    A = whiten(advantages, mask)
    seen = Seen()
    with intact(optimizer):
        for _ in range(epochs):
            for rows in parts:
                b, m = take(rollout, rows), mask[rows]
                logprobs, _ = logprobs_of(policy, b)
                loss = ppo_clip_loss(logprobs, b.old_logprobs, A[rows], m, clip_eps)
                ratio = importance_ratio(logprobs, b.old_logprobs, m)
                seen.ratio(logprobs, b, ratio, is_clipped(ratio, A[rows], clip_eps))
                old = (old_values[rows], returns[rows], m, value_clip_eps)
                values = critic(b)
                loss_v = value_loss(values, *old)
                norms = update(optimizer, loss + loss_v, max_grad_norm)
                seen.log(**{
                    "loss/policy": loss, "loss/value": loss_v, "grad_norm": norms[0],
                    "value/grad_norm": norms[-1],
                    "value/clipfrac": value_clip_fraction(values.detach(), *old),
                })  # fmt: skip
    mean = reduce_token_mean(returns, mask)
    explained = explained_variance(old_values, returns, mask)
    shared = metrics(rollout, rollout.old_logprobs, entropy, loss, beta)
    return shared | seen.metrics() | {
        "value/explained_variance": float(explained),
        "returns/mean": float(mean),
        "returns/var": float(reduce_token_mean((returns - mean).square(), mask)),
        "beta": beta,
        "lr": optimizer.param_groups[0]["lr"],
        "tokens_per_s": rollout.tokens_per_s,
    }  # fmt: skip
