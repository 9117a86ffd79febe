"""Several updates on one rollout: what PPO, GRPO and RLOO share."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from course.policy.guards import check_agreement
from course.policy.rollout import (
    Rollout,
    logprobs_and_entropy,
    logprobs_of,
    select_rows,
)


def partition(
    rows: int,
    parts: int,
    generator: torch.Generator | None = None,
    device: torch.device | None = None,
) -> list[Tensor]:
    """Deal the numbers 0 to rows - 1 into minibatches at random, nearly equal in size.

    generator: a CPU generator; device: where the numbers are put.
    Raises ValueError unless 1 <= parts <= rows.  Chapter 10.
    """
    if not 1 <= parts <= rows:
        raise ValueError(
            f"got {parts} minibatches of {rows} rows, expected 1 to {rows}"
        )
    dealt = torch.randperm(rows, generator=generator).to(device)
    return list(dealt.tensor_split(parts))


@torch.no_grad()
def rescore(
    policy: nn.Module, rollout: Rollout, parts: list[Tensor]
) -> tuple[Rollout, Tensor]:
    """The rollout with `old_logprobs` as the update computes them; the entropy.

    Every minibatch is scored by itself, as it will be in its first update: so the
    first ratios are 1 exactly, not only up to rounding.  Entropy: (batch, time), nats.
    Raises CourseError when the sampler's own log-probabilities are others: then it
    drew from another distribution than the one that is trained.  Chapter 10.
    """
    old, entropy = torch.zeros_like(rollout.old_logprobs), None
    for rows in parts:
        logprobs, spread = logprobs_and_entropy(policy, select_rows(rollout, rows))
        entropy = spread.new_zeros(old.shape) if entropy is None else entropy
        old[rows], entropy[rows] = logprobs.to(old.dtype), spread
    check_agreement(old, rollout)
    return replace(rollout, old_logprobs=old), entropy


def updates(
    policy: nn.Module, rollout: Rollout, parts: list[Tensor], epochs: int
) -> Iterator[tuple[Tensor, Rollout, Tensor]]:
    """Every update of a step: its rows, their rollout, their log-probabilities now.

    rows: (n,) numbers of the rollout's rows; log-probabilities: (n, time), nats, with
    gradient.  Each of the `epochs` passes goes through all parts.  Chapter 10.
    """
    for _ in range(epochs):
        for rows in parts:
            batch = select_rows(rollout, rows)
            yield rows, batch, logprobs_of(policy, batch)
