"""A rollout: what the policy wrote, how probable it was, and what it is worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

from course.lm.objective import completion_logprobs
from course.lm.sampling import generate
from course.lm.tokenizer import decode, encode, pad_batch
from course.runtime import CourseError

Score = Callable[[list[str], list[str]], Tensor | Sequence[float]]


@dataclass(frozen=True)
class Rollout:
    """One batch of completions with everything that stays constant in the update.

    Prompts are padded on the left, completions on the right.  Log-probabilities are
    in nats, 0 on padding, of the logits divided by `temperature`.
    """

    prompts: list[str]
    completions: list[str]
    prompt_ids: Tensor  # (batch, prompt_time)
    prompt_mask: Tensor  # (batch, prompt_time) bool
    completion_ids: Tensor  # (batch, time)
    completion_mask: Tensor  # (batch, time) bool: up to and including EOS
    old_logprobs: Tensor  # (batch, time), under the policy that sampled
    ref_logprobs: Tensor  # (batch, time), under the frozen reference
    scores: Tensor  # (batch,), raw: no KL penalty, not standardised
    ended: Tensor  # (batch,) bool: the completion ends in EOS
    temperature: float
    tokens_per_s: float = float("nan")  # of the generation alone


def collect(
    policy,
    reference,
    tokenizer,
    prompts: Sequence[str],
    score: Score,
    *,
    max_new_tokens: int,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> Rollout:
    """Let the policy complete every prompt; score the texts and compare with the
    reference.

    score: `score(prompts, completions)` -> one number per completion; see
    `checked_scores` for what it may not return.  Prompts may repeat (groups).
    generator: a CPU generator.  No gradient is kept.
    Raises ValueError when there is no prompt, CourseError or ValueError for a broken
    score.
    """
    prompts = list(prompts)
    if not prompts:
        raise ValueError("got no prompts, expected at least one")
    device = next(policy.parameters()).device
    prompt_ids, prompt_mask = pad_batch(
        encode(tokenizer, prompts, bos=True, eos=False),
        tokenizer.pad_token_id,
        side="left",
    )
    prompt_ids, prompt_mask = prompt_ids.to(device), prompt_mask.to(device)
    start = perf_counter()
    written = generate(
        policy,
        prompt_ids,
        prompt_mask,
        max_new_tokens=max_new_tokens,
        eos_id=tokenizer.eos_token_id,
        pad_id=tokenizer.pad_token_id,
        temperature=temperature,
        generator=generator,
    )
    seconds = perf_counter() - start
    completion_ids, completion_mask = written.ids, written.mask
    with torch.no_grad():
        ref_logprobs, _ = completion_logprobs(
            reference,
            prompt_ids,
            prompt_mask,
            completion_ids,
            completion_mask,
            temperature,
        )
    completions = decode(tokenizer, completion_ids.tolist())  # padding is skipped
    return Rollout(
        prompts=prompts,
        completions=completions,
        prompt_ids=prompt_ids,
        prompt_mask=prompt_mask,
        completion_ids=completion_ids,
        completion_mask=completion_mask,
        old_logprobs=written.logprobs,
        ref_logprobs=ref_logprobs,
        scores=checked_scores(score, prompts, completions).to(device),
        ended=written.ended,
        temperature=temperature,
        tokens_per_s=int(completion_mask.sum()) / seconds,
    )


def checked_scores(score: Score, prompts: list[str], completions: list[str]) -> Tensor:
    """Call the score function and make sure that it gave one finite number each.

    Returns (batch,), fp32, without gradient.  Raises CourseError when the function
    itself fails, ValueError when it returns None, something that is not numbers, a
    wrong number of them, NaN or infinity.
    """
    try:
        # Copies: a score that edits its lists must not edit the rollout.
        raw = score(list(prompts), list(completions))
    except Exception as error:
        raise CourseError(
            f"The score function raised {type(error).__name__}: {error}; "
            "call it on a few texts yourself before you train."
        ) from error
    if raw is None:
        raise ValueError(
            "got None from the score function, expected one number per completion; "
            "does it end with `return`?"
        )
    try:
        scores = torch.as_tensor(raw, dtype=torch.float32).detach()
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"got a {type(raw).__name__} that is not all numbers from the score "
            "function, expected one number per completion"
        ) from None
    if scores.shape != (len(completions),):
        raise ValueError(
            f"got scores of shape {tuple(scores.shape)} from the score function, "
            f"expected ({len(completions)},): one number per completion"
        )
    bad = (~scores.isfinite()).nonzero().flatten().tolist()
    if bad:
        raise ValueError(
            f"got the score {scores[bad[0]].item()} for completion {bad[0]} "
            f"({completions[bad[0]]!r}), expected a finite number"
        )
    return scores
