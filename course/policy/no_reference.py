"""GRPO for policies that are held to no reference: a step reads its texts once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from course.expect import whole
from course.lm.model import GPT
from course.lm.training import History
from course.policy.grpo import grpo_step
from course.policy.guards import (
    check_metrics,
    check_moved,
    check_optimizer,
    restored_on_error,
)
from course.policy.loop import linear_decay, repeat
from course.policy.talks import play
from course.score import Score, check_texts, checked_scores

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


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
    schedule: Callable[[float], float] = linear_decay,
    desc: str = "policy",
    **options,
) -> History:
    """GRPO with no model to compare with, so none reads the texts; in place.

    As `train` with `grpo_step`, but a text is a talk of one turn, and no KL is logged.
    prompts, score, generator, schedule: as there.  options: of `grpo_step`.  Raises
    ValueError without a prompt and on sizes that do not fit, and CourseError when a
    step goes wrong; the policy is then as it was before that step.  Chapter 16.
    """
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
        with restored_on_error(optimizer):
            metrics = grpo_step(
                policy, optimizer, rollout, group_size=group_size, **options
            )
            check_metrics(metrics)
            check_moved(policy, rollout)
        return {name: x for name, x in metrics.items() if not name.startswith("kl_")}

    return repeat(
        step, optimizer=optimizer, steps=steps, schedule=schedule, stop_after_s=None,
        watch=None, desc=desc, show={"score": "score/mean", "entropy": "entropy"},
    )  # fmt: skip
