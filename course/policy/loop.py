"""One training loop for REINFORCE, PPO, GRPO and RLOO: write, score, update."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch import nn

from course.expect import (
    at_least,
    cpu_generator,
    one_number,
    whole,
    whole_number,
)
from course.lm.half import sync
from course.lm.training import History
from course.policy.guards import (
    check_kl,
    check_metrics,
    check_moved,
    check_optimizer,
    restored_on_error,
)
from course.policy.rollout import Rollout, check_reference, collect
from course.runtime import progress
from course.score import Score, check_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Step = Callable[[Rollout], dict[str, float]]


def linear_decay(done: float) -> float:
    """Share of the full learning rate after this share of the steps: 1 - done.

    Chapter 09.

    >>> linear_decay(0.25)
    0.75
    """
    one_number(done=done)
    return 1 - done


def train(
    policy: nn.Module,
    reference: nn.Module | None,
    tokenizer: "PreTrainedTokenizerFast",
    prompts: Sequence[str],
    score: Score,
    step: Step,
    *,
    optimizer: torch.optim.Optimizer,
    steps: int,
    batch_size: int,
    group_size: int = 1,
    max_new_tokens: int,
    temperature: float = 1.0,
    generator: torch.Generator,
    missing_eos_penalty: float = 0.0,
    schedule: Callable[[float], float] = linear_decay,
    stop_after_s: float | None = None,
    watch: Callable[[History], None] | None = None,
    desc: str = "policy",
    to_ids: Callable[[str], list[int]] | None = None,
    sampler: nn.Module | None = None,
) -> History:
    """Write, score, `step(rollout)`, again and again; the policy is changed in place.

    step: an algorithm with its models and settings filled in, for example
    `partial(reinforce_step, policy, optimizer, beta=0.02)`; its metrics are a row of
    the history.  optimizer: the one that the step uses; its learning rates are
    multiplied by `schedule(share of the steps done)` and restored at the end.
    prompts: the pool; a step draws `batch_size` of them and has `group_size`
    completions of each, next to each other, so the rollout has the product.
    missing_eos_penalty: what the reward of a completion without an end loses; the
    logged scores are those before it.  watch: called with the history after each step.
    stop_after_s: begin no step after that many seconds.  generator: a CPU generator,
    for prompts and texts.  The stop button keeps what was learned.
    reference: a frozen model, or None for the policy without its adapters.  to_ids:
    a prompt's token ids, where they are not bos + text.  sampler: a copy of the policy
    that writes in its place (`sampler_of`); it is brought up to date in each step.
    Raises ValueError on arguments that do not fit and on scores that are not numbers,
    and CourseError when a step goes wrong (a score that raises, a number that is not
    finite, a ratio that explodes, a KL that is negative on average); the policy is
    then as it was before that step.  Chapter 09.
    """
    cpu_generator(generator)
    whole_number(batch_size=batch_size, group_size=group_size)
    one_number(missing_eos_penalty=missing_eos_penalty)
    prompts = list(check_texts(prompts))
    _check_train(policy, reference, optimizer, prompts, batch_size, group_size)

    def write_score_step() -> dict[str, float]:
        rows = torch.randint(len(prompts), (batch_size,), generator=generator)
        asked = [prompts[r] for r in rows.tolist() for _ in range(group_size)]
        if sampler is not None:
            sync(sampler, policy)
        rollout = collect(
            policy,
            reference,
            tokenizer,
            asked,
            score,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            generator=generator,
            prompt_ids=None if to_ids is None else [to_ids(p) for p in asked],
            sampler=sampler,
        )
        check_kl(rollout)
        with restored_on_error(optimizer):
            metrics = step(penalise_cut_texts(rollout, missing_eos_penalty))
            check_metrics(metrics)
            check_moved(policy, rollout)
        return metrics | _raw_scores(rollout)

    return repeat(
        write_score_step,
        optimizer=optimizer,
        steps=steps,
        schedule=schedule,
        stop_after_s=stop_after_s,
        watch=watch,
        desc=desc,
        show={"score": "score/mean", "kl": "kl_seq", "entropy": "entropy"},
    )


def penalise_cut_texts(rollout: Rollout, penalty: float) -> Rollout:
    """The rollout with `penalty` taken off the score of completions that do not end.

    Source: Huang et al. 2024, arXiv 2403.17031 ("EOS trick"); TRL's
    `missing_eos_penalty`.  Chapter 09.
    """
    one_number(penalty=penalty)
    at_least(0, penalty=penalty)
    return replace(rollout, scores=rollout.scores - penalty * ~rollout.ended)


def repeat(
    step: Callable[[], dict[str, float]],
    *,
    optimizer: torch.optim.Optimizer,
    steps: int,
    schedule: Callable[[float], float],
    stop_after_s: float | None,
    watch: Callable[[History], None] | None,
    desc: str,
    show: Mapping[str, str],
) -> History:
    """Take the step `steps` times; its metrics and the seconds so far are the history.

    optimizer: the one that the step uses; its learning rates are multiplied by
    `schedule(share of the steps done)` and restored at the end.  stop_after_s: begin
    no step after that many seconds.  watch: called with the history after each step.
    show: label in the progress bar -> metric.  The stop button keeps what was learned.
    Chapter 09.
    """
    whole(0, steps=steps)
    if stop_after_s is not None:
        at_least(0, stop_after_s=stop_after_s)
    base_rates = [group["lr"] for group in optimizer.param_groups]
    history, start = History(), perf_counter()
    bar = progress(total=steps, desc=desc)
    try:
        for n in range(steps):
            if stop_after_s is not None and perf_counter() - start >= stop_after_s:
                break
            for group, rate in zip(optimizer.param_groups, base_rates, strict=True):
                group["lr"] = rate * schedule(n / steps)
            metrics = step()
            history.log(n, **metrics, seconds=perf_counter() - start)
            shown = {k: metrics.get(name, math.nan) for k, name in show.items()}
            bar.set_postfix({label: f"{value:.2f}" for label, value in shown.items()})
            bar.update()
            if watch is not None:
                watch(history)
    except KeyboardInterrupt:
        print(f"stopped after {len(history.rows)} of {steps} steps; the policy is kept")
    finally:
        bar.close()
        for group, rate in zip(optimizer.param_groups, base_rates, strict=True):
            group["lr"] = rate
    return history


def _raw_scores(rollout: Rollout) -> dict[str, float]:
    scores = rollout.scores
    return {
        "score/mean": float(scores.mean()),
        "score/std": float(scores.std(correction=0)),
    }


def _check_train(
    policy: nn.Module,
    reference: nn.Module | None,
    optimizer: torch.optim.Optimizer,
    prompts: list[str],
    batch_size: int,
    group_size: int,
) -> None:
    whole_number(batch_size=batch_size, group_size=group_size)
    if not prompts:
        raise ValueError("got no prompts, expected at least one")
    if batch_size < 1 or group_size < 1 or batch_size * group_size < 2:
        raise ValueError(
            f"got batch_size = {batch_size} and group_size = {group_size}, expected at "
            "least two texts in a step: a lone text has nothing to be compared with"
        )
    if reference is policy:
        raise ValueError(
            "got the policy as its own reference, expected a frozen copy: "
            "copy.deepcopy(policy), or None for a policy with adapters"
        )
    check_reference(policy, reference)
    check_optimizer(policy, optimizer)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    frozen = () if reference is None else reference.parameters()
    if any(id(p) in held for p in frozen):
        raise ValueError(
            "got an optimizer that holds parameters of the reference, expected the "
            "reference to stay as it is"
        )
