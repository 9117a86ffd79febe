"""Direct preference optimisation and its relatives, on pairs of completions.

l is the log-probability of a whole completion: a SUM over its tokens.  Of each pair
h = (l_chosen - l_chosen_ref) - (l_rejected - l_rejected_ref) is all that a loss needs.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from course.expect import as_float, floats, number_or_tensor, one_number, tensors, truth
from course.policy.losses import same_shape
from course.runtime import as_double


def sum_logprobs(logprobs: Tensor, mask: Tensor) -> Tensor:
    """Log-probability l of each completion: the sum over its tokens.

    logprobs, mask: (batch, time); mask is 1 on completion tokens.  Returns (batch,),
    nats per completion.  Raises ValueError on shapes that do not fit.  Chapter 12.

    >>> mask = torch.tensor([[1, 1, 0]])
    >>> sum_logprobs(torch.tensor([[-1.0, -2.0, -9.0]]), mask)
    tensor([-3.])
    """
    tensors(logprobs=logprobs, mask=mask)
    same_shape(logprobs=logprobs, mask=mask)
    return as_float(logprobs).masked_fill(~truth(mask), 0.0).sum(1)


def mean_logprobs(logprobs: Tensor, mask: Tensor) -> Tensor:
    """Sum over the tokens of each completion / their number, for `ipo_loss` only.

    logprobs, mask: (batch, time); mask is 1 on completion tokens, at least one in each
    row.  Returns (batch,), nats per token.  Raises ValueError as `sum_logprobs` does.
    Chapter 12.
    """
    total, tokens = sum_logprobs(logprobs, mask), mask.sum(1)
    if tokens.is_cpu and not tokens.all():
        raise ValueError("got a completion without a token, expected one to divide by")
    return total / tokens


def pair_log_ratio(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor
) -> Tensor:
    """h: how much more than its reference the policy prefers chosen to rejected.

    chosen, rejected: log-probabilities of the completions under the policy, (batch,),
    from `sum_logprobs`; ref_chosen, ref_rejected: the same under the reference, into
    which no gradient flows.  Returns (batch,), nats; 0 where policy = reference.
    Raises ValueError on unequal shapes or an empty batch.  Chapter 12.

    >>> one = torch.ones(1)
    >>> pair_log_ratio(-2 * one, -5 * one, -3 * one, -4 * one)
    tensor([2.])
    """
    tensors(
        chosen=chosen,
        rejected=rejected,
        ref_chosen=ref_chosen,
        ref_rejected=ref_rejected,
    )
    _check_pairs(chosen, rejected, ref_chosen, ref_rejected)
    return (chosen - ref_chosen.detach()) - (rejected - ref_rejected.detach())


def dpo_loss(h: Tensor, beta: float) -> Tensor:
    """Mean of -log sigmoid(beta h): nats per pair, ln 2 while policy = reference.

    h: (batch,), from `pair_log_ratio`.  beta: positive, reward units per nat.
    Returns a scalar.  Its gradient, -beta sigmoid(-beta h) (grad l_chosen - grad
    l_rejected), only pushes the two apart: l_chosen may fall, if l_rejected falls more.
    Raises ValueError on a wrong shape or beta.
    Source: Rafailov et al. 2023, equation 7.  Chapter 12.

    >>> round(float(dpo_loss(torch.zeros(3), beta=0.1)), 4)
    0.6931
    """
    _check_log_ratio(h, beta)
    return -F.logsigmoid(beta * h).mean()


def cdpo_loss(h: Tensor, beta: float, label_smoothing: Tensor | float) -> Tensor:
    """Mean of -(1 - e) log sigmoid(beta h) - e log sigmoid(-beta h): nats per pair.

    h, beta: as in `dpo_loss`.  label_smoothing: e, from 0 to 1, a number or (batch,);
    for instance the share of raters who preferred the other completion.
    Returns a scalar, smallest where sigmoid(beta h) = 1 - e.
    Raises ValueError on a wrong shape, beta or e.
    Source: Mitchell 2023, "A note on DPO with noisy preferences" (conservative DPO).
    Chapter 12.
    """
    _check_log_ratio(h, beta)
    number_or_tensor(label_smoothing=label_smoothing)
    e = label_smoothing
    if torch.is_tensor(e) and e.shape not in ((), h.shape):
        raise ValueError(
            f"got label_smoothing of shape {tuple(e.shape)}, expected a number or "
            f"{tuple(h.shape)}"
        )
    if not (((e >= 0) & (e <= 1)).all() if torch.is_tensor(e) else 0 <= e <= 1):
        raise ValueError(f"got label_smoothing {e}, expected 0 to 1")
    e = as_float(e) if torch.is_tensor(e) else e
    agree, differ = F.logsigmoid(beta * h), F.logsigmoid(-beta * h)
    return -((1 - e) * agree + e * differ).mean()


def robust_dpo_loss(h: Tensor, beta: float, label_smoothing: float) -> Tensor:
    """DPO's loss on average, though a share e of the labels was flipped by accident.

    Mean of [-(1 - e) log sigmoid(beta h) + e log sigmoid(-beta h)] / (1 - 2e).
    h, beta: as in `dpo_loss`.  label_smoothing: e, at least 0 and below 0.5.
    Returns a scalar, nats per pair; of a single pair it can be negative.
    Raises ValueError on a wrong shape, beta or e.
    Source: Chowdhury et al. 2024, "Provably robust DPO".  Chapter 12.
    """
    one_number(label_smoothing=label_smoothing)
    _check_log_ratio(h, beta)
    e = label_smoothing
    if not 0 <= e < 0.5:
        raise ValueError(f"got label_smoothing {e}, expected at least 0 and below 0.5")
    agree, differ = F.logsigmoid(beta * h), F.logsigmoid(-beta * h)
    return (-(1 - e) * agree + e * differ).mean() / (1 - 2 * e)


def ipo_loss(h: Tensor, beta: float) -> Tensor:
    """Mean of (h - 1 / (2 beta))^2: h is drawn to a finite target, never beyond.

    h, beta: as in `dpo_loss`; nats^2 per pair.  Returns a scalar, smallest at
    h = (2p - 1) / (2 beta) where a share p of the labels prefers chosen.
    The paper's l is a sum.  TRL divides each l by its completion's length: to do the
    same, make h of `mean_logprobs` (all four), and the target is in nats per token.
    Raises ValueError on a wrong shape or beta.
    Source: Azar et al. 2023, equation 17; its tau is our beta.  Chapter 12.

    >>> ipo_loss(torch.tensor([5.0, 7.0]), beta=0.1)
    tensor(2.)
    """
    _check_log_ratio(h, beta)
    return (h - 1 / (2 * beta)).square().mean()


def hinge_loss(h: Tensor, beta: float) -> Tensor:
    """Mean of max(0, 1 - beta h): no more push once the margin beta h is 1.

    h, beta: as in `dpo_loss`.  Returns a scalar, reward units per pair, 1 while policy
    = reference.  Raises ValueError on a wrong shape or beta.
    Source: Zhao et al. 2023 (SLiC-HF), with the margin of Liu et al. 2023 (RSO).
    Chapter 12.

    >>> hinge_loss(torch.tensor([0.0, 5.0, 20.0]), beta=0.1)
    tensor(0.5000)
    """
    _check_log_ratio(h, beta)
    return F.relu(1 - beta * h).mean()


def implicit_rewards(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    """beta (l - l_ref), the reward whose optimal policy this policy is.

    logprobs, ref_logprobs, mask: (batch, time), nats; mask is 1 on completion tokens,
    over which the log-ratio is summed, not averaged.  beta: positive.  Returns
    (batch,), reward units, known but for a constant per prompt; no gradient flows
    into the reference.  Raises ValueError on shapes that do not fit or a wrong beta.
    Source: Rafailov et al. 2023, equation 5.  Chapter 12.
    """
    tensors(ref_logprobs=ref_logprobs)
    _check_beta(beta)
    difference = (
        sum_logprobs(logprobs, mask) - sum_logprobs(ref_logprobs, mask).detach()
    )
    return beta * difference


def dpo_metrics(
    loss: Tensor,
    chosen: Tensor,
    rejected: Tensor,
    ref_chosen: Tensor,
    ref_rejected: Tensor,
    beta: float,
) -> dict[str, float]:
    """What a DPO run logs for a batch of pairs, under TRL's keys.

    loss: scalar; the others as in `pair_log_ratio`, so sums over tokens, also for IPO.
    `rewards/*` are implicit rewards; `rewards/accuracies` is the share of pairs whose
    chosen reward is the greater (ties are wrong); `logps/*` are nats per completion.
    Raises ValueError on unequal shapes, an empty batch or a wrong beta.  Chapter 12.
    """
    tensors(
        loss=loss,
        chosen=chosen,
        rejected=rejected,
        ref_chosen=ref_chosen,
        ref_rejected=ref_rejected,
    )
    _check_beta(beta)
    _check_pairs(chosen, rejected, ref_chosen, ref_rejected)
    chosen_rewards = beta * (chosen - ref_chosen)
    rejected_rewards = beta * (rejected - ref_rejected)
    means = {
        "loss": as_float(loss),
        "rewards/chosen": chosen_rewards,
        "rewards/rejected": rejected_rewards,
        "rewards/accuracies": as_double(chosen_rewards > rejected_rewards),
        "rewards/margins": chosen_rewards - rejected_rewards,
        "logps/chosen": chosen,
        "logps/rejected": rejected,
    }
    return {key: float(values.detach().mean()) for key, values in means.items()}


def optimal_policy(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    """ref(y) exp(r(y) / beta) / Z, which maximises E[r] - beta KL(pi || ref).

    ref_probs, rewards: (..., completions), every completion of a prompt.  beta:
    positive.  Returns (..., completions), summing to 1.
    Raises ValueError on unequal shapes, a negative probability or a wrong beta.
    Source: Rafailov et al. 2023, equation 4.  Chapter 12.

    >>> optimal_policy(torch.tensor([0.5, 0.5]), torch.tensor([0.0, 1.0]), beta=1.0)
    tensor([0.2689, 0.7311])
    """
    tensors(ref_probs=ref_probs, rewards=rewards)
    _check_beta(beta)
    if ref_probs.shape != rewards.shape:
        raise ValueError(
            f"got ref_probs of shape {tuple(ref_probs.shape)} and rewards of shape "
            f"{tuple(rewards.shape)}, expected one shape"
        )
    if (ref_probs < 0).any():
        raise ValueError("got a negative probability in ref_probs, expected 0 or more")
    ref_probs, rewards = as_float(ref_probs), as_float(rewards)
    return (ref_probs.log() + rewards / beta).softmax(-1)  # never exp of a large number


def _check_pairs(*logprobs: Tensor) -> None:
    floats(**{f"log-probability {n}": x for n, x in enumerate(logprobs)})
    shapes = [tuple(x.shape) for x in logprobs]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1 or shapes[0][0] == 0:
        raise ValueError(
            f"got log-probabilities of shapes {shapes}, expected (batch,) for all, "
            "with at least one pair"
        )


def _check_log_ratio(h: Tensor, beta: float) -> None:
    tensors(h=h)
    _check_beta(beta)
    floats(h=h)
    if h.ndim != 1 or len(h) == 0:
        raise ValueError(
            f"got h of shape {tuple(h.shape)}, expected (batch,) with at least one pair"
        )


def _check_beta(beta: float) -> None:
    one_number(beta=beta)
    if not beta > 0:
        raise ValueError(f"got beta {beta}, expected a positive number")
