"""GRPO for policies that are held to no reference: each text is read once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course.expect import cpu_generator, whole
from course.lm.model import GPT
from course.lm.training import History
from course.policy.clipping import grpo_loss
from course.policy.groups import group_advantages
from course.policy.guards import (
    check_agreement,
    check_metrics,
    check_moved,
    check_optimizer,
    restored_on_error,
    update,
)
from course.policy.loop import linear_decay, repeat
from course.policy.metrics import metrics
from course.policy.rollout import Rollout, logprobs_and_entropy, select_rows
from course.policy.talks import distinct_rows, play
from course.score import Score, check_texts, checked_scores

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SHOWN = ("score/mean", "score/std", "entropy", "completion/length",
         "completion/eos_rate")  # fmt: skip
MOVED = 4  # different texts of a step that are read again after it


def without_reference(
    policy: GPT,
    optimizer: torch.optim.Optimizer,
    tokenizer: "PreTrainedTokenizerFast",
    prompts: Sequence[str],
    score: Score,
    *,
    steps: int,
    batch_size: int,
    group_size: int,
    max_new_tokens: int,
    generator: torch.Generator,
    advantages: Callable[[Tensor, int], Tensor] = group_advantages,
    schedule: Callable[[float], float] = linear_decay,
    desc: str = "policy",
) -> History:
    """GRPO with no model to compare with; the policy is changed in place.

    It learns what `train` with `grpo_step` would.  But no reference reads the texts,
    no KL is logged, and what several texts of a step have in common, because they are
    equal, is computed once.  prompts, score, generator, schedule: as in `train`;
    advantages: as in `grpo_step`.  Raises ValueError without a prompt and on sizes that
    do not fit, and CourseError when a step goes wrong; the policy is then as it was
    before that step.  Chapter 16.
    """
    cpu_generator(generator)
    whole(1, batch_size=batch_size, group_size=group_size)
    prompts = list(check_texts(prompts))
    if not prompts:
        raise ValueError("got no prompts, expected at least one")
    check_optimizer(policy, optimizer)

    def step() -> dict[str, float]:
        rows = torch.randint(len(prompts), (batch_size,), generator=generator)
        asked = [prompts[row] for row in rows.tolist() for _ in range(group_size)]
        written = play(
            policy, tokenizer, asked, lambda n, said: None, most_turns=1,
            max_new_tokens=max_new_tokens, generator=generator,
        ).rollout  # fmt: skip
        scores = checked_scores(score, asked, written.completions)
        rollout = replace(written, scores=scores.to(written.scores.device))
        first, again = distinct_rows(rollout)
        A = advantages(rollout.scores, group_size)
        with restored_on_error(optimizer):
            found = _update(policy, optimizer, rollout, A, (first, again))
            check_metrics(found)
            check_moved(policy, select_rows(rollout, first[:MOVED]))
        return found

    return repeat(
        step, optimizer=optimizer, steps=steps, schedule=schedule, stop_after_s=None,
        watch=None, desc=desc, show={"score": "score/mean", "entropy": "entropy"},
    )  # fmt: skip


def _update(
    policy: GPT,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    A: Tensor,
    distinct: tuple[Tensor, Tensor],
) -> dict[str, float]:
    """One update of GRPO, the first on its texts, so that every ratio is 1."""
    first, again = distinct
    each = logprobs_and_entropy(policy, select_rows(rollout, first))
    logprobs, spread = (values[again] for values in each)
    old = logprobs.detach()
    check_agreement(old, rollout)
    loss = grpo_loss(
        logprobs, old, None, A, rollout.completion_mask, beta=0.0, clip_eps=0.2
    )
    norms = update(optimizer, iter([loss]), max_grad_norm=1.0)
    known = metrics(rollout, spread, beta=0.0)
    return {name: known[name] for name in SHOWN} | {"grad_norm": norms[0]}
