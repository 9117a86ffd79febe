"""What PPO, GRPO and RLOO share: several guarded updates on one rollout."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from course.lm.objective import completion_logprobs
from course.policy.losses import reduce_token_mean
from course.policy.rollout import Rollout
from course.runtime import CourseError

MAX_RATIO = 1e4  # a token or text 10,000 times as likely as when it was drawn
MAX_APPROX_KL = 5.0  # nats per token from the policy that wrote; sound updates: < 0.1
MAX_DISAGREEMENT = 0.01  # nats per token, between two ways to compute one number


def take(rollout: Rollout, rows: Tensor) -> Rollout:
    """The rollout's rows of these numbers, (n,), in this order."""
    chosen = {
        name: value[rows]
        if isinstance(value, Tensor)
        else [value[row] for row in rows.tolist()]
        for name, value in vars(rollout).items()
        if isinstance(value, Tensor | list)
    }
    return replace(rollout, **chosen)


def partition(
    rows: int,
    parts: int,
    generator: torch.Generator | None = None,
    device: torch.device | None = None,
) -> list[Tensor]:
    """Deal the numbers 0 to rows - 1 into minibatches at random, nearly equal in size.

    generator: a CPU generator; device: where the numbers are put.
    Raises ValueError unless 1 <= parts <= rows.
    """
    if not 1 <= parts <= rows:
        raise ValueError(
            f"got {parts} minibatches of {rows} rows, expected 1 to {rows}"
        )
    dealt = torch.randperm(rows, generator=generator).to(device)
    return list(dealt.tensor_split(parts))


def logprobs_of(policy: nn.Module, batch: Rollout) -> tuple[Tensor, Tensor]:
    """Log-probability and entropy of every completion token, each (batch, time), nats.

    With gradient, at the rollout's temperature, 0 on padding.
    """
    return completion_logprobs(
        policy,
        batch.prompt_ids,
        batch.prompt_mask,
        batch.completion_ids,
        batch.completion_mask,
        batch.temperature,
    )


@torch.no_grad()
def rescore(
    policy: nn.Module, rollout: Rollout, parts: list[Tensor]
) -> tuple[Rollout, Tensor]:
    """The rollout with `old_logprobs` as the update computes them; the entropy.

    Every minibatch is scored by itself, as it will be in its first update: so the
    first ratios are 1 exactly, not only up to rounding.  Entropy: (batch, time).
    Raises CourseError when the sampler's own log-probabilities are others: then it
    drew from another distribution than the one that is trained.
    """
    old, entropy = torch.zeros_like(rollout.old_logprobs), None
    for rows in parts:
        logprobs, spread = logprobs_of(policy, take(rollout, rows))
        entropy = spread.new_zeros(old.shape) if entropy is None else entropy
        old[rows], entropy[rows] = logprobs.to(old.dtype), spread
    gap = reduce_token_mean((old - rollout.old_logprobs).abs(), rollout.completion_mask)
    if not gap <= MAX_DISAGREEMENT:
        raise CourseError(
            f"The step was not taken: the sampler's log-probabilities are {gap:.3g} "
            "nats per token away from the policy's own; look for dropout, another "
            "temperature or a rollout of an older policy."
        )
    return replace(rollout, old_logprobs=old), entropy


@contextmanager
def intact(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """All or nothing: an error or a stop inside puts every weight back as it was.

    So do the optimizer's own averages, and no gradient is left.
    """
    weights = [p for group in optimizer.param_groups for p in group["params"]]
    before = [p.detach().clone() for p in weights]
    state = deepcopy(optimizer.state_dict())
    try:
        yield
    except BaseException:
        with torch.no_grad():
            for p, old in zip(weights, before, strict=True):
                p.copy_(old)
        optimizer.load_state_dict(state)
        optimizer.zero_grad(set_to_none=True)
        raise


def update(
    optimizer: torch.optim.Optimizer, loss: Tensor, max_grad_norm: float
) -> list[float]:
    """One step down the loss; the gradient norm of every parameter group before it.

    Each group is clipped to `max_grad_norm` by itself, so that a critic's large
    gradient does not shorten the policy's step.  Raises CourseError, before any weight
    moves, when the loss or a norm is not a finite number.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norms = [
        float(nn.utils.clip_grad_norm_(group["params"], max_grad_norm))
        for group in optimizer.param_groups
    ]
    if not all(map(math.isfinite, [float(loss.detach()), *norms])):
        optimizer.zero_grad(set_to_none=True)
        raise CourseError(
            f"The step was not taken: loss {loss.item()}, gradient norm {norms[0]}; "
            "the policy is as it was, so lower the learning rate or look at the scores."
        )
    optimizer.step()
    return norms


@dataclass
class Seen:
    """What the updates of one step saw, for the metrics of the step."""

    log_ratios: list[Tensor] = field(default_factory=list)  # (tokens,) of each update
    ratios: list[Tensor] = field(default_factory=list)  # (tokens,) or (completions,)
    clipped: list[Tensor] = field(default_factory=list)  # as ratios
    rows: list[dict[str, float]] = field(default_factory=list)

    def ratio(
        self, logprobs: Tensor, batch: Rollout, ratio: Tensor, clipped: Tensor
    ) -> None:
        """Note the ratios before an update; CourseError when they explode.

        logprobs: (batch, time); ratio, clipped: (batch, time), or (batch,) for whole
        completions.
        """
        mask = batch.completion_mask
        whole = ratio.ndim == 1
        self.log_ratios.append((logprobs - batch.old_logprobs).detach()[mask])
        self.ratios.append(ratio.detach() if whole else ratio.detach()[mask])
        self.clipped.append(clipped if whole else clipped[mask])
        d, largest = self.log_ratios[-1], float(self.ratios[-1].max())
        moved = float((d.expm1() - d).mean())
        if not (largest < MAX_RATIO and moved < MAX_APPROX_KL):
            raise CourseError(
                "The step was not taken: its updates made the ratio explode (largest "
                f"{largest:.3g}, {moved:.3g} nats per token from the policy that wrote "
                "the texts); lower the learning rate or take fewer epochs."
            )

    def log(self, **values: float | Tensor) -> None:
        """Note numbers of one update; the step's metrics have their mean."""
        self.rows.append(
            {k: float(torch.as_tensor(v).detach()) for k, v in values.items()}
        )

    def metrics(self) -> dict[str, float]:
        """Moments over all tokens of all updates, and the first update by itself.

        `first/ratio_error` is the largest |ratio - 1| before anything moved and
        `first/clipfrac` what was clipped there: both are exactly 0 in a sound step.
        """
        d, ratio = torch.cat(self.log_ratios), torch.cat(self.ratios)
        means = {
            name: sum(row[name] for row in self.rows) / len(self.rows)
            for name in self.rows[0]
        }
        return means | {
            "policy/ratio_mean": float(ratio.mean()),
            "policy/ratio_var": float(ratio.var(correction=0)),
            "policy/approx_kl": float((d.expm1() - d).mean()),
            "policy/clipfrac": float(torch.cat(self.clipped).float().mean()),
            "first/ratio_error": float((self.ratios[0] - 1).abs().max()),
            "first/clipfrac": float(self.clipped[0].float().mean()),
            "updates": float(len(self.rows)),
        }
