"""The critic: a value for every prefix, the advantages it gives, how it learns."""

import torch
from torch import Tensor, nn

from course.expect import (
    as_float,
    one_number,
    present,
    starts_with_tokens,
    tensors,
    truth,
)
from course.policy.losses import Reduction, reduce_token_mean, same_shape
from course.policy.rollout import Rollout, states_before


class Critic(nn.Module):
    """A transformer trunk of its own with a linear head: the value of every prefix.

    A head on the policy's trunk is cheaper (OpenAI 2019), but then the value loss pulls
    at the policy too; InstructGPT and TRL give the critic its own weights, and so do
    we.  Chapter 10.
    """

    def __init__(
        self, gpt: nn.Module, weight: Tensor | None = None, bias: float = 0.0
    ) -> None:
        """gpt: the trunk, used as it is: pass a copy.  weight: (width,), the head.

        Without a weight every value is 0 at the start.
        """
        one_number(bias=bias)
        tensors(**present(weight=weight))
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
        values = states_before(self.gpt, batch) @ self.weight + self.bias  # (tokens,)
        values, mask = values.float(), truth(batch.completion_mask)
        return values.new_zeros(mask.shape).masked_scatter(mask, values)


def gae(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation, and the returns that the critic learns.

    delta_t = r_t + gamma V_{t+1} - V_t;  A_t = delta_t + gamma lam A_{t+1};
    the value after the last token is 0, also for a truncated completion.
    rewards, values, mask: (batch, time); values[:, t] is the estimate *before* token t.
    Returns (advantages, returns), both (batch, time), constant, 0 on padding;
    returns = advantages + values.  Whitening comes after.
    Raises ValueError on unequal shapes and on gamma or lam outside [0, 1].
    Source: Schulman et al. 2016, arXiv 1506.02438, equations 11 to 16.  Chapter 10.

    >>> rewards, values = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.6]])
    >>> gae(rewards, values, torch.ones(1, 2), gamma=1.0, lam=0.5)
    (tensor([[0.3000, 0.4000]]), tensor([[0.8000, 1.0000]]))
    """
    advantages = gae_advantages(rewards, values, mask, gamma, lam)
    return advantages, advantages + as_float(values).detach().masked_fill(
        ~truth(mask), 0.0
    )


def gae_advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> Tensor:
    """The advantages alone: sum over what follows of (gamma lam)^k delta_{t+k}.

    As `gae`.  Returns (batch, time), constant, 0 on padding.  Chapter 10.

    >>> rewards, values = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.6]])
    >>> gae_advantages(rewards, values, torch.ones(1, 2), gamma=1.0, lam=0.0)
    tensor([[0.1000, 0.4000]])
    """
    one_number(gamma=gamma, lam=lam)
    tensors(rewards=rewards, values=values, mask=mask)
    same_shape(rewards=rewards, values=values, mask=mask)
    for name, number in (("gamma", gamma), ("lam", lam)):
        if not 0.0 <= number <= 1.0:
            raise ValueError(f"got {name} = {number}, expected a number from 0 to 1")
    padding = ~starts_with_tokens(mask)
    rewards = as_float(rewards).detach().masked_fill(padding, 0.0)
    values = (
        as_float(values).detach().masked_fill(padding, 0.0)
    )  # so V after the last token is 0
    advantages = torch.zeros_like(rewards)
    next_value = following = torch.zeros_like(rewards[:, 0])  # (batch,)
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        following = delta + gamma * lam * following
        advantages[:, t] = following
        next_value = values[:, t]
    return advantages.masked_fill(padding, 0.0)


def value_loss(
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    mask: Tensor,
    value_clip_eps: float,
    reduce: Reduction = reduce_token_mean,
) -> Tensor:
    """Half the squared error of the critic, or that of its clipped step if larger.

    values: the trained critic's; old_values: those of the rollout; returns, mask:
    (batch, time) all four.  An infinite value_clip_eps clips nothing.
    Returns a scalar, in squared units of the score.  Raises ValueError on unequal
    shapes.
    Source: OpenAI baselines, ppo2; Huang et al. 2024, arXiv 2403.17031.  Chapter 10.
    """
    tensors(values=values, old_values=old_values, returns=returns, mask=mask)
    same_shape(values=values, old_values=old_values, returns=returns, mask=mask)
    plain, clipped = _squared_errors(values, old_values, returns, value_clip_eps)
    return 0.5 * reduce(torch.max(plain, clipped), mask)


def value_clip_fraction(
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    mask: Tensor,
    value_clip_eps: float,
    reduce: Reduction = reduce_token_mean,
) -> Tensor:
    """Share of the tokens where the clipped step's error is strictly larger.

    values, old_values, returns, mask: (batch, time).  Returns a scalar from 0 to 1.
    Chapter 10.
    """
    same_shape(values=values, old_values=old_values, returns=returns, mask=mask)
    plain, clipped = _squared_errors(values, old_values, returns, value_clip_eps)
    return reduce((clipped > plain).float(), mask)


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
    """1 - Var(returns - values) / Var(returns) over the completion tokens.

    values, returns, mask: (batch, time).  Returns a scalar: 1 for a perfect critic, 0
    for a constant one, negative for one worse than that; NaN or -inf where the returns
    do not vary.  A constant error is not seen.  Chapter 10.

    >>> explained_variance(
    ...     torch.tensor([[1.0, 1.0]]), torch.tensor([[0.0, 4.0]]), torch.ones(1, 2)
    ... )
    tensor(0.)
    """
    tensors(values=values, returns=returns, mask=mask)
    same_shape(values=values, returns=returns, mask=mask)
    values, returns = as_float(values).detach(), as_float(returns).detach()
    return 1 - _variance(returns - values, mask) / _variance(returns, mask)


def _squared_errors(
    values: Tensor, old_values: Tensor, returns: Tensor, value_clip_eps: float
) -> tuple[Tensor, Tensor]:
    one_number(value_clip_eps=value_clip_eps)
    if not value_clip_eps > 0:
        raise ValueError(
            f"got value_clip_eps = {value_clip_eps}, expected a positive number"
        )
    values, old_values, returns = (
        as_float(values),
        as_float(old_values).detach(),
        as_float(returns).detach(),
    )
    step = (values - old_values).clamp(-value_clip_eps, value_clip_eps)
    return (values - returns).square(), (old_values + step - returns).square()


def _variance(values: Tensor, mask: Tensor) -> Tensor:
    mean = reduce_token_mean(values, mask)
    return reduce_token_mean((values - mean).square(), mask)
