"""DPO: an offline loop on pairs of completions, without a reward model inside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course.expect import below, whole, whole_number
from course.lm.training import History, batches
from course.policy.guards import check_optimizer, restored_on_error, update
from course.policy.loop import linear_decay, repeat
from course.policy.preference_losses import dpo_loss, dpo_metrics, pair_log_ratio
from course.policy.rollout import Rollout, logprobs_of, select_rows

PairLoss = Callable[[Tensor, float], Tensor]  # loss(h, beta) -> scalar


@dataclass(frozen=True)
class Pairs:
    """Which completions of a rollout beat which others of the same prompt.

    The reference's log-probabilities are those of the rollout, computed once.
    Chapter 12.
    """

    rollout: Rollout
    chosen: Tensor  # (pairs,) row numbers of the rollout
    rejected: Tensor  # (pairs,)

    def __len__(self) -> int:
        return len(self.chosen)

    def rows(self, numbers: Tensor | Sequence[int]) -> "Pairs":
        """The pairs of these numbers, in this order.

        Raises TypeError unless they are whole, ValueError where there is no such pair.
        """
        try:
            numbers = torch.as_tensor(numbers, device=self.chosen.device)
        except (TypeError, ValueError, RuntimeError):
            raise TypeError(f"got numbers {numbers!r}, expected whole ones") from None
        if numbers.is_floating_point() and len(numbers):
            raise TypeError(f"got numbers of {numbers.dtype}, expected whole ones")
        if numbers.dtype != torch.bool:
            numbers = numbers.long()
            below(numbers, len(self))
        return Pairs(self.rollout, self.chosen[numbers], self.rejected[numbers])

    def swapped(self) -> "Pairs":
        """The same pairs with every label turned round."""
        return Pairs(self.rollout, self.rejected, self.chosen)


def best_and_worst(rollout: Rollout, group_size: int) -> Pairs:
    """One pair of each group: the completion that scores best, and the worst.

    rollout: the `group_size` completions of a prompt next to each other.  A group
    whose scores are all equal prefers nothing and gives no pair.  Raises ValueError
    without whole groups of two or more, and when no group prefers anything.
    Chapter 12.
    """
    whole_number(group_size=group_size)
    if group_size < 2 or len(rollout.scores) % group_size:
        raise ValueError(
            f"got {len(rollout.scores)} completions and group_size = {group_size}, "
            "expected whole groups of at least two"
        )
    groups = rollout.scores.view(-1, group_size)
    begin = torch.arange(len(groups), device=groups.device) * group_size
    keep = groups.amax(1) > groups.amin(1)
    if not keep.any():
        raise ValueError("got equal scores in every group, expected a preference")
    best, worst = begin + groups.argmax(1), begin + groups.argmin(1)
    return Pairs(rollout, best[keep], worst[keep])


def dpo_step(
    policy: nn.Module,
    optimizer: torch.optim.Optimizer,
    pairs: Pairs,
    *,
    beta: float,
    loss: PairLoss = dpo_loss,
    max_grad_norm: float = 1.0,
) -> dict[str, float]:
    """One update on these pairs; returns the metrics of `dpo_metrics` before it.

    beta: reward units per nat.  loss(h, beta): of `preference_losses`.
    Raises CourseError, and leaves policy and optimizer as they were, when the loss or
    the gradient is not a finite number.
    Source: Rafailov et al. 2023, arXiv 2305.18290.  Chapter 12.
    """
    with restored_on_error(optimizer):
        logprobs = _pair_logprobs(policy, pairs)
        value = loss(pair_log_ratio(*logprobs), beta)
        norm = update(optimizer, [value], max_grad_norm)[0]
    return dpo_metrics(value, *logprobs, beta) | {
        "grad_norm": norm,
        "lr": optimizer.param_groups[0]["lr"],
    }


@torch.no_grad()
def pair_metrics(
    policy: nn.Module,
    pairs: Pairs,
    *,
    beta: float,
    loss: PairLoss = dpo_loss,
    batch_size: int = 64,
) -> dict[str, float]:
    """The metrics of `dpo_metrics` on all pairs, without learning from them.

    Chapter 12.
    """
    whole(1, pairs=len(pairs), batch_size=batch_size)
    numbers = torch.arange(len(pairs), device=pairs.chosen.device)
    parts = [_pair_logprobs(policy, pairs.rows(n)) for n in numbers.split(batch_size)]
    logprobs = [torch.cat(columns) for columns in zip(*parts, strict=True)]
    return dpo_metrics(loss(pair_log_ratio(*logprobs), beta), *logprobs, beta)


def train_dpo(
    policy: nn.Module,
    pairs: Pairs,
    *,
    optimizer: torch.optim.Optimizer,
    steps: int,
    batch_size: int,
    beta: float,
    loss: PairLoss = dpo_loss,
    generator: torch.Generator,
    schedule: Callable[[float], float] = linear_decay,
    stop_after_s: float | None = None,
    watch: Callable[[History], None] | None = None,
    desc: str = "DPO",
) -> History:
    """`dpo_step` on shuffled pairs, `steps` times; the policy is changed in place.

    Nothing is written and nothing is scored.  Every pair is used once before any is
    used again.  optimizer: its learning rates are multiplied by `schedule(share of
    the steps done)` and restored at the end.  generator: a CPU generator, for the
    order.  watch: called with the history after each step.  stop_after_s: begin no
    step after that many seconds.  The stop button keeps what was learned.
    Raises ValueError on arguments that do not fit, and CourseError when a step goes
    wrong; the policy is then as it was before that step.  Chapter 12.
    """
    _check_dpo(policy, pairs, optimizer, batch_size)
    order = batches(len(pairs), batch_size, generator)

    def step_on_next() -> dict[str, float]:
        batch = pairs.rows(next(order).to(pairs.chosen.device))
        return dpo_step(policy, optimizer, batch, beta=beta, loss=loss)

    return repeat(
        step_on_next,
        optimizer=optimizer,
        steps=steps,
        schedule=schedule,
        stop_after_s=stop_after_s,
        watch=watch,
        desc=desc,
        show={
            "loss": "loss",
            "accuracy": "rewards/accuracies",
            "margin": "rewards/margins",
        },
    )


def _pair_logprobs(policy: nn.Module, pairs: Pairs) -> tuple[Tensor, ...]:
    """l of chosen and rejected under the policy, then under the reference."""
    both = select_rows(pairs.rollout, torch.cat([pairs.chosen, pairs.rejected]))
    logprobs = logprobs_of(policy, both)  # (2 * pairs, time), 0 on padding
    return (*logprobs.sum(1).chunk(2), *both.ref_logprobs.sum(1).chunk(2))


def _check_dpo(
    policy: nn.Module, pairs: Pairs, optimizer: torch.optim.Optimizer, batch_size: int
) -> None:
    whole_number(batch_size=batch_size)
    if len(pairs) != len(pairs.rejected) or not 1 <= batch_size <= len(pairs):
        raise ValueError(
            f"got {len(pairs)} chosen, {len(pairs.rejected)} rejected and batch_size "
            f"{batch_size}, expected the same number of both and a batch of 1 to "
            f"{len(pairs)}"
        )
    of_prompts = pairs.rollout.prompts
    for win, loss in zip(pairs.chosen.tolist(), pairs.rejected.tolist(), strict=True):
        if of_prompts[win] != of_prompts[loss] or win == loss:
            raise ValueError(
                f"got a pair of completion {win} of {of_prompts[win]!r} and {loss} of "
                f"{of_prompts[loss]!r}, expected two completions of one prompt"
            )
    if not pairs.rollout.ref_logprobs.isfinite().all():
        raise ValueError("got a reference log-probability that is not finite")
    check_optimizer(policy, optimizer)
