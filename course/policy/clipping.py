"""PPO and its relatives: the ratio, the clip and the losses made of them.

The update differentiates `logprobs`; what belongs to the rollout (`old_logprobs`,
`ref_logprobs`, `advantages`) is constant.
"""

import math

import torch
from torch import Tensor

from course.expect import as_float, one_number, present, tensors, truth
from course.policy.kl import k3
from course.policy.losses import Reduction, reduce_token_mean, same_shape


def importance_ratio(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    """How much more likely each token became: rho = exp(l - l_old).

    logprobs, old_logprobs: nats, (batch, time); mask: (batch, time).
    Returns (batch, time), 1 on padding.  No gradient flows into old_logprobs.  A ratio
    beyond the largest number stays just below it (e^88 in fp32).  Chapter 10.

    >>> old = torch.log(torch.tensor([[0.5, 0.2]]))
    >>> importance_ratio(torch.log(torch.tensor([[0.6, 0.9]])), old, torch.eye(2)[:1])
    tensor([[1.2000, 1.0000]])
    """
    return _exp(_old_log_ratio(logprobs, old_logprobs, mask))


def sequence_ratio(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    """How much more likely each completion became: exp(sum over tokens of l - l_old).

    logprobs, old_logprobs: nats, (batch, time); mask: (batch, time).
    Returns (batch,).  No gradient flows into old_logprobs.  No ratio is
    infinite, as in `importance_ratio`.  Chapter 10.
    """
    return _exp(_old_log_ratio(logprobs, old_logprobs, mask).sum(1))


def ppo_clip_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    clip_eps: float,
    clip_eps_high: float | None = None,
    reduce: Reduction = reduce_token_mean,
) -> Tensor:
    """PPO's policy loss: max(-A rho, -A clip(rho, 1 - eps, 1 + eps)) of every token.

    logprobs, old_logprobs, mask: (batch, time), nats; advantages: (batch,) or
    (batch, time).  clip_eps_high: the upper half-width, where it differs.  An infinite
    clip_eps clips nothing.  Returns a scalar, the tokens joined by `reduce`.
    A token that has moved past the clip in the direction its advantage asks for gets
    no gradient; one that moved the other way keeps its own.
    Raises ValueError on shapes that do not fit.
    Source: Schulman et al. 2017, arXiv 1707.06347, equation 7.  Chapter 10.
    """
    ratio = importance_ratio(logprobs, old_logprobs, mask)
    advantages = _like_ratio(advantages, ratio)
    return reduce(_clipped_loss(ratio, advantages, clip_eps, clip_eps_high), mask)


def grpo_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    ref_logprobs: Tensor | None,
    advantages: Tensor,
    mask: Tensor,
    beta: float,
    clip_eps: float,
    clip_eps_high: float | None = None,
    reduce: Reduction = reduce_token_mean,
) -> Tensor:
    """GRPO: PPO's clipped loss with group advantages, plus beta * k3 of every token.

    As `ppo_clip_loss`; ref_logprobs: (batch, time), or None where beta is 0.
    beta: score units per nat.  Returns a scalar.
    The variants differ in `reduce`: seq_mean (DeepSeekMath), token_mean (BNPO, DAPO),
    const (Dr. GRPO).  The gradient of k3 is that of the *forward* KL(ref || policy).
    Raises ValueError on shapes that do not fit, and without a reference to stay near.
    Source: Shao et al. 2024 (DeepSeekMath), arXiv 2402.03300, equations 3 and 4.
    Chapter 11.
    """
    one_number(beta=beta)
    tensors(**present(ref_logprobs=ref_logprobs))
    loss = ppo_clip_loss(
        logprobs, old_logprobs, advantages, mask, clip_eps, clip_eps_high, reduce
    )
    if beta == 0:
        return loss
    if ref_logprobs is None:
        raise ValueError(
            f"got beta = {beta} and no ref_logprobs, expected both or none"
        )
    return loss + beta * reduce(k3(logprobs, ref_logprobs.detach()), mask)


def rloo_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    clip_eps: float,
    clip_eps_high: float | None = None,
) -> Tensor:
    """RLOO: one clipped ratio per *completion*, and the mean over completions.

    logprobs, old_logprobs, mask: (batch, time), nats; advantages: (batch,).
    Returns a scalar.  Raises ValueError on shapes that do not fit.
    Source: Ahmadian et al. 2024, arXiv 2402.14740; the clip as in TRL's RLOOTrainer.
    Chapter 11.
    """
    ratio = sequence_ratio(logprobs, old_logprobs, mask)
    advantages = _like_ratio(advantages, ratio)
    return _clipped_loss(ratio, advantages, clip_eps, clip_eps_high).mean()


def is_clipped(
    ratio: Tensor,
    advantages: Tensor,
    clip_eps: float,
    clip_eps_high: float | None = None,
) -> Tensor:
    """True where the clip takes the gradient away.

    ratio: (batch, time) or (batch,); advantages: that shape, or (batch,).
    Returns the shape of the ratio.  Among them A < 0 was clipped below, A > 0 above.
    Chapter 10.

    >>> is_clipped(torch.tensor([1.3, 1.3, 0.7]), torch.tensor([1.0, -1.0, -1.0]), 0.2)
    tensor([ True, False,  True])
    """
    advantages = _like_ratio(advantages, ratio)
    clipped = _clip(ratio, clip_eps, clip_eps_high)
    return (-advantages * clipped > -advantages * ratio).detach()


def _old_log_ratio(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    tensors(logprobs=logprobs, old_logprobs=old_logprobs, mask=mask)
    same_shape(logprobs=logprobs, old_logprobs=old_logprobs, mask=mask)
    # Padding is left out before exp: what stands there must not overflow.
    log_ratio = as_float(logprobs) - as_float(old_logprobs).detach()
    return log_ratio.masked_fill(~truth(mask), 0.0)


def _exp(log_ratio: Tensor) -> Tensor:
    """exp that stays finite, and its gradient with it: a clipped token gets 0, not NaN.

    An infinite ratio times the clip's gradient of 0 would be NaN.
    """
    limit = int(math.log(torch.finfo(log_ratio.dtype).max))
    beyond = (log_ratio.detach() - limit).clamp(min=0)  # 0 in all but a broken run
    return (log_ratio - beyond).exp()


def _like_ratio(advantages: Tensor, ratio: Tensor) -> Tensor:
    """The advantages as a constant that fits the ratio without a silent broadcast."""
    tensors(advantages=advantages)
    advantages = as_float(advantages)
    if advantages.shape == ratio.shape:
        return advantages.detach()
    if ratio.ndim == 2 and advantages.shape == ratio.shape[:1]:
        return advantages.detach()[:, None].expand_as(ratio)
    expected = {tuple(ratio.shape[:1]), tuple(ratio.shape)}
    raise ValueError(
        f"got advantages of shape {tuple(advantages.shape)}, expected "
        + " or ".join(map(str, sorted(expected)))
    )


def _clip(ratio: Tensor, clip_eps: float, clip_eps_high: float | None) -> Tensor:
    one_number(clip_eps=clip_eps, **present(clip_eps_high=clip_eps_high))
    high = clip_eps if clip_eps_high is None else clip_eps_high
    if not (clip_eps > 0 and high > 0):
        raise ValueError(
            f"got clip_eps = {clip_eps} and clip_eps_high = {high}, "
            "expected positive numbers"
        )
    return ratio.clamp(1 - clip_eps, 1 + high)


def _clipped_loss(
    ratio: Tensor, advantages: Tensor, clip_eps: float, clip_eps_high: float | None
) -> Tensor:
    clipped = _clip(ratio, clip_eps, clip_eps_high)
    return torch.max(-advantages * ratio, -advantages * clipped)
