"""One training loop for REINFORCE, PPO, GRPO and RLOO: write, score, update."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import nn

from course.lm.training import History
from course.policy.repeat import falling, repeat
from course.policy.rollout import Rollout, Score, collect
from course.policy.updates import (
    MAX_APPROX_KL,
    MAX_RATIO,
    intact,
    logprobs_of,
)
from course.runtime import CourseError

Step = Callable[[Rollout], dict[str, float]]

STANDARD_ERRORS = 5.0  # by chance: less than once in 100,000 batches of 64 texts
ROUNDING = 0.01  # nats per text: what two ways to compute a log-probability may differ


def train(
    policy: nn.Module,
    reference: nn.Module,
    tokenizer,
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
    schedule: Callable[[float], float] = falling,
    stop_after_s: float | None = None,
    watch: Callable[[History], None] | None = None,
    desc: str = "policy",
) -> History:
    """Write, score, `step(rollout)`, again and again; the policy is changed in place.

    step: an algorithm with its models and settings filled in, for example
    `partial(reinforce_step, policy, optimizer, beta=0.02)`; its metrics are a row of
    the history.  optimizer: the one that the step uses; its learning rates are
    multiplied by `schedule(share of the steps done)` and set back in the end.
    prompts: the pool; a step draws `batch_size` of them and has `group_size`
    completions of each, next to each other, so the rollout has the product.
    missing_eos_penalty: what the reward of a completion without an end loses; the
    logged scores are those before it.  watch: called with the history after each step.
    stop_after_s: begin no step after that many seconds.  generator: a CPU generator,
    for prompts and texts.  The stop button keeps what was learned.
    Raises ValueError on arguments that do not fit and on scores that are none, and
    CourseError when a step goes wrong (a score that raises, a number that is not
    finite, a ratio that explodes, a KL that is negative on average); the policy is
    then as it was before that step.
    """
    prompts = list(prompts)
    _check(policy, reference, optimizer, prompts, batch_size, group_size)

    def write_score_step() -> dict[str, float]:
        rows = torch.randint(len(prompts), (batch_size,), generator=generator)
        rollout = collect(
            policy,
            reference,
            tokenizer,
            [prompts[r] for r in rows.tolist() for _ in range(group_size)],
            score,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            generator=generator,
        )
        check_kl(rollout)
        with intact(optimizer):
            made = step(penalise_cut_texts(rollout, missing_eos_penalty))
            check_metrics(made)
            check_moved(policy, rollout)
        return made | _raw_scores(rollout)

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
    `missing_eos_penalty`.
    """
    return replace(rollout, scores=rollout.scores - penalty * ~rollout.ended)


def check_kl(rollout: Rollout) -> None:
    """CourseError when the mean of D is negative beyond chance and rounding.

    The KL to the reference is never negative, and the mean of D estimates it for texts
    that the policy drew itself.  Beyond chance: by more than 5 standard errors.
    """
    d = (rollout.old_logprobs - rollout.ref_logprobs).sum(1)  # (batch,), 0 on padding
    if len(d) < 2:
        return
    mean, error = d.mean(), d.std() / len(d) ** 0.5
    if mean < -ROUNDING and mean < -STANDARD_ERRORS * error:
        raise CourseError(
            f"The step was not taken: the mean KL is {mean:.3g} nats per text, "
            f"{abs(mean / error):.0f} standard errors below 0, and a KL cannot be "
            "negative; the texts were not drawn from the policy that scores them "
            "(top-k, dropout, another temperature or position)."
        )


def check_metrics(made: dict[str, float]) -> None:
    """CourseError when a loss, norm or ratio among the metrics is no finite number.

    A critic's explained variance may be NaN: returns that are all equal have none.
    """
    for name in ("loss/policy", "loss/value", "grad_norm", "entropy", "kl_seq"):
        if not math.isfinite(made.get(name, 0.0)):
            raise CourseError(
                f"The step was not taken: {name} is {made[name]}, not a finite number; "
                "lower the learning rate or look at the scores."
            )
    if not made.get("policy/ratio_mean", 1.0) < MAX_RATIO:
        raise CourseError(
            f"The step was not taken: the mean ratio is {made['policy/ratio_mean']:.3g}"
            "; the policy has left the one that wrote the texts."
        )


@torch.no_grad()
def check_moved(policy: nn.Module, rollout: Rollout) -> None:
    """CourseError when the step threw the policy far from the one that wrote the texts.

    What the last update of a step did is in none of the step's metrics.
    """
    logprobs, _ = logprobs_of(policy, rollout)
    d = (logprobs - rollout.old_logprobs)[rollout.completion_mask]
    largest, moved = float(d.exp().max()), -float(d.mean())  # moved: KL(old || new)
    if not (largest < MAX_RATIO and moved < MAX_APPROX_KL):
        raise CourseError(
            "The step was not taken: it made the ratio explode (largest "
            f"{largest:.3g}, {moved:.3g} nats per token from the policy that wrote the "
            "texts); lower the learning rate."
        )


def _raw_scores(rollout: Rollout) -> dict[str, float]:
    scores = rollout.scores
    return {
        "score/mean": float(scores.mean()),
        "score/std": float(scores.std(correction=0)),
    }


def _check(policy, reference, optimizer, prompts, batch_size, group_size) -> None:
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
            "copy.deepcopy(policy)"
        )
    moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not any(id(p) in moved for p in policy.parameters()):
        raise ValueError(
            "got an optimizer that holds no parameter of this policy, expected one "
            "made from policy.parameters()"
        )
    if any(id(p) in moved for p in reference.parameters()):
        raise ValueError(
            "got an optimizer that holds parameters of the reference, expected the "
            "reference to stay as it is"
        )
