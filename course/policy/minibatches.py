"""Several updates on one rollout: what PPO, GRPO and RLOO share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from course.expect import cpu_generator, truth, whole, whole_number
from course.policy.guards import check_agreement, restored_on_error, update
from course.policy.losses import Reduction
from course.policy.metrics import UpdateLog
from course.policy.rollout import (
    Rollout,
    logprobs_and_entropy,
    logprobs_of,
    select_rows,
    small_parts,
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
    cpu_generator(generator)
    whole_number(parts=parts, rows=rows)
    if not 1 <= parts <= rows:
        raise ValueError(
            f"got {parts} minibatches of {rows} rows, expected 1 to {rows}"
        )
    dealt = torch.randperm(rows, generator=generator).to(device)
    return list(dealt.tensor_split(parts))


@dataclass(frozen=True)
class Part:
    """Some texts of a minibatch, few enough for their logits to be kept.

    The losses of the parts add up to that of the minibatch, and so do their gradients.
    Chapter 10.
    """

    rows: Tensor  # (n,) numbers of the rollout's rows
    rollout: Rollout  # those rows
    logprobs: Tensor  # (n, time), nats, under the policy of now, with gradient
    within: Tensor  # (n,) where the rows stand in the minibatch
    whole_mask: Tensor  # (minibatch, time), the completions of the whole minibatch

    @property
    def share(self) -> float:
        """The part's share of the minibatch's completions."""
        return len(self.rows) / len(self.whole_mask)

    def reduction(self, reduce: Reduction) -> Reduction:
        """`reduce` of the whole minibatch, of which a part gives its share.

        A reduction is linear: it weighs each token, whatever its value.
        """
        if len(self.rows) == len(self.whole_mask):
            return reduce
        zeros = torch.zeros(self.whole_mask.shape, device=self.whole_mask.device)
        zeros.requires_grad_()
        (weights,) = torch.autograd.grad(reduce(zeros, self.whole_mask), zeros)
        weights = weights[self.within]  # (n, time), 0 on padding

        def of_part(values: Tensor, mask: Tensor) -> Tensor:
            return (values.masked_fill(~truth(mask), 0.0) * weights).sum()

        return of_part


def several_updates(
    policy: nn.Module,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    loss_of: Callable[[Part, UpdateLog], Tensor],
    *,
    epochs: int,
    minibatches: int,
    max_grad_norm: float,
    generator: torch.Generator | None,
) -> tuple[Rollout, Tensor, UpdateLog]:
    """Update on every minibatch of the rollout, `epochs` times; all or nothing.

    loss_of(part, log): the loss of a part, which the log is told about.  Returns the
    rollout with `old_logprobs` as the updates compute them, the entropy of the policy
    before the step, (batch, time), nats, and what the updates did.
    The first update's own log-probabilities are its old ones, so its ratios are 1
    exactly, not only up to rounding, and no text is read twice for it.
    Raises CourseError, with all weights as they were, when the sampler drew from
    another distribution than the policy's, and when an update goes wrong.  Chapter 10.
    """
    whole_number(minibatches=minibatches)
    whole(1, epochs=epochs)
    mask = rollout.completion_mask
    dealt = partition(len(mask), minibatches, generator, mask.device)
    exact = torch.promote_types(next(policy.parameters()).dtype, torch.float32)
    old = torch.zeros_like(rollout.old_logprobs, dtype=exact)  # as the policy computes
    log, entropy = UpdateLog(), torch.zeros_like(old)

    def losses(rows: Tensor, first: bool) -> Iterator[Tensor]:
        for within in small_parts(policy, mask[rows]):
            numbers = rows[within]
            batch = select_rows(rollout, numbers)
            if first:
                logprobs, spread = logprobs_and_entropy(policy, batch)
                old[numbers], entropy[numbers] = logprobs.detach(), spread
            else:
                logprobs = logprobs_of(policy, batch)
            batch = replace(batch, old_logprobs=old[numbers])
            yield loss_of(Part(numbers, batch, logprobs, within, mask[rows]), log)
        if first:
            check_agreement(old, rollout)

    with restored_on_error(optimizer):
        with torch.no_grad():  # what the first update does not read itself
            for rows in dealt[1:]:
                for within in small_parts(policy, mask[rows]):
                    batch = select_rows(rollout, rows[within])
                    logprobs, spread = logprobs_and_entropy(policy, batch)
                    old[rows[within]], entropy[rows[within]] = logprobs, spread
        for number in range(epochs * minibatches):
            rows = dealt[number % minibatches]
            log.close(update(optimizer, losses(rows, number == 0), max_grad_norm))
    return replace(rollout, old_logprobs=old), entropy, log
