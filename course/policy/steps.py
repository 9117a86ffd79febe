"""REINFORCE on a language model: one step, its metrics, and the loop around it."""

import math
from collections.abc import Callable, Sequence
from time import perf_counter

import torch
from torch import Tensor, nn

from course.lm.objective import completion_logprobs
from course.lm.training import History
from course.policy.advantages import reward_to_go_advantages, shaped_rewards
from course.policy.kl import kl_seq, kl_tok
from course.policy.losses import reduce_token_mean, reinforce_loss
from course.policy.rollout import Rollout, Score, collect
from course.runtime import CourseError, progress


@torch.no_grad()
def metrics(
    rollout: Rollout, logprobs: Tensor, entropy: Tensor, loss: Tensor, beta: float
) -> dict[str, float]:
    """The numbers that every policy-gradient run of the course logs, by shared name.

    logprobs, entropy: (batch, time), nats, of the policy that is trained, before the
    step.  `kl_seq` and `reward/kl_penalty` are per sequence, `kl_tok`, `entropy` and
    `policy/approx_kl` per token.  `score/std` is biased.
    """
    mask, old, ref = (
        rollout.completion_mask,
        rollout.old_logprobs,
        rollout.ref_logprobs,
    )
    log_ratio = (logprobs - old).masked_fill(~mask, 0.0)
    ratio = log_ratio.exp()
    ratio_mean = reduce_token_mean(ratio, mask)
    kl = kl_seq(old, ref, mask)
    values = {
        "score/mean": rollout.scores.mean(),
        "score/std": rollout.scores.std(correction=0),
        "reward/kl_penalty": -beta * kl,
        "reward/total": rollout.scores.mean() - beta * kl,
        "kl_seq": kl,
        "kl_tok": kl_tok(old, ref, mask),
        "entropy": reduce_token_mean(entropy, mask),
        "loss/policy": loss,
        "policy/ratio_mean": ratio_mean,
        "policy/ratio_var": reduce_token_mean((ratio - ratio_mean).square(), mask),
        "policy/approx_kl": reduce_token_mean(log_ratio.expm1() - log_ratio, mask),
        "completion/length": mask.sum(1).float().mean(),
        "completion/eos_rate": rollout.ended.float().mean(),
    }
    return {name: float(value) for name, value in values.items()}


def reinforce_step(
    policy: nn.Module,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    *,
    beta: float,
    max_grad_norm: float = 1.0,
    advantages: Callable[[Tensor, Tensor], Tensor] = reward_to_go_advantages,
) -> dict[str, float]:
    """One REINFORCE update of the policy with k1 in the reward; returns its metrics.

    beta: score units per nat of KL.  advantages: `reward_to_go_advantages` or
    `whole_sequence_advantages`.  Raises CourseError, and leaves the policy as it was,
    when the loss or the gradient is not a finite number.
    """
    mask = rollout.completion_mask
    logprobs, entropy = completion_logprobs(
        policy,
        rollout.prompt_ids,
        rollout.prompt_mask,
        rollout.completion_ids,
        mask,
        rollout.temperature,
    )
    rewards = shaped_rewards(
        rollout.scores, rollout.old_logprobs, rollout.ref_logprobs, mask, beta
    )
    loss = reinforce_loss(logprobs, advantages(rewards, mask), mask)
    policy.zero_grad(set_to_none=True)
    loss.backward()
    grad_norm = nn.utils.clip_grad_norm_(policy.parameters(), max_grad_norm)
    if not (math.isfinite(loss.detach()) and math.isfinite(grad_norm)):
        policy.zero_grad(set_to_none=True)
        raise CourseError(
            f"The step was not taken: loss {loss.item()}, gradient norm "
            f"{grad_norm.item()}; the policy is as it was, so lower the learning rate "
            "or look at the scores and start from the last good policy."
        )
    optimizer.step()
    return metrics(rollout, logprobs, entropy, loss, beta) | {
        "lr": optimizer.param_groups[0]["lr"],
        "grad_norm": float(grad_norm),
        "tokens_per_s": rollout.tokens_per_s,
    }


def train_reinforce(
    policy: nn.Module,
    reference: nn.Module,
    tokenizer,
    prompts: Sequence[str],
    score: Score,
    *,
    steps: int,
    batch_size: int,
    beta: float,
    learning_rate: float,
    max_new_tokens: int,
    temperature: float = 1.0,
    generator: torch.Generator,
    stop_after_s: float | None = None,
) -> History:
    """Write, score, update, `steps` times; the policy is changed in place.

    prompts: the pool; every step draws `batch_size` of them.  learning_rate: of
    AdamW, falling linearly to 0 over `steps`.  generator: a CPU
    generator, for prompts and texts.  stop_after_s: begin no step after that many
    seconds.  The stop button keeps what was learned and returns the history.
    Raises ValueError when the batch has no other sample to compare with, when there is
    no prompt, or when the reference is the policy itself.
    """
    prompts = list(prompts)
    if not prompts:
        raise ValueError("got no prompts, expected at least one")
    if batch_size < 2:
        raise ValueError(
            f"got batch_size = {batch_size}, expected at least 2: the baseline is the "
            "mean of the batch, so a lone sample learns nothing"
        )
    if reference is policy:
        raise ValueError(
            "got the policy as its own reference, expected a frozen copy: "
            "copy.deepcopy(policy)"
        )
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=learning_rate, weight_decay=0.0
    )
    history, start = History(), perf_counter()
    bar = progress(total=steps, desc="REINFORCE")
    try:
        for step in range(steps):
            if stop_after_s is not None and perf_counter() - start >= stop_after_s:
                break
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * (1 - step / steps)
            rows = torch.randint(len(prompts), (batch_size,), generator=generator)
            rollout = collect(
                policy,
                reference,
                tokenizer,
                [prompts[row] for row in rows.tolist()],
                score,
                max_new_tokens=max_new_tokens,
                temperature=temperature,
                generator=generator,
            )
            history.log(step, **reinforce_step(policy, optimizer, rollout, beta=beta))
            last = history.last
            bar.set_postfix(
                score=f"{last['score/mean']:.3f}",
                kl=f"{last['kl_seq']:.2f}",
                entropy=f"{last['entropy']:.2f}",
            )
            bar.update()
    except KeyboardInterrupt:
        print(f"stopped after {len(history.rows)} of {steps} steps; the policy is kept")
    finally:
        bar.close()
    return history
