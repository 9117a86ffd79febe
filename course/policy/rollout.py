"""A rollout: what the policy wrote, how probable it was, and what it is worth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from course.lm.objective import completion_logprobs
from course.lm.sampling import generate
from course.lm.tokenizer import decode, encode, pad_batch
from course.score import Score, checked_scores

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class Rollout:
    """One batch of completions with everything that stays constant in the update.

    Prompts are padded on the left, completions on the right.  Log-probabilities are
    in nats, 0 on padding, of the logits divided by `temperature`.  Chapter 09.
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
    policy: nn.Module,
    reference: nn.Module,
    tokenizer: "PreTrainedTokenizerFast",
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
    score.  Chapter 09.
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
    with torch.no_grad():
        ref_logprobs, _ = completion_logprobs(
            reference,
            prompt_ids,
            prompt_mask,
            written.ids,
            written.mask,
            temperature,
        )
    completions = decode(tokenizer, written.ids.tolist())  # padding is skipped
    return Rollout(
        prompts=prompts,
        completions=completions,
        prompt_ids=prompt_ids,
        prompt_mask=prompt_mask,
        completion_ids=written.ids,
        completion_mask=written.mask,
        old_logprobs=written.logprobs,
        ref_logprobs=ref_logprobs,
        scores=checked_scores(score, prompts, completions).to(device),
        ended=written.ended,
        temperature=temperature,
        tokens_per_s=int(written.mask.sum()) / seconds,
    )


def select_rows(rollout: Rollout, rows: Tensor) -> Rollout:
    """The rollout's rows of these numbers, (n,), in this order.  Chapter 10."""
    chosen = {
        name: value[rows]
        if isinstance(value, Tensor)
        else [value[row] for row in rows.tolist()]
        for name, value in vars(rollout).items()
        if isinstance(value, Tensor | list)
    }
    return replace(rollout, **chosen)


def logprobs_of(policy: nn.Module, batch: Rollout) -> Tensor:
    """Log-probability of every completion token: (batch, time), nats, with gradient.

    At the rollout's temperature; 0 on padding.  Chapter 09.
    """
    return logprobs_and_entropy(policy, batch)[0]


def logprobs_and_entropy(policy: nn.Module, batch: Rollout) -> tuple[Tensor, Tensor]:
    """As `logprobs_of`, and the entropy of every token's distribution.

    Both (batch, time), nats, with gradient, 0 on padding.  Chapter 09.
    """
    return completion_logprobs(
        policy,
        batch.prompt_ids,
        batch.prompt_mask,
        batch.completion_ids,
        batch.completion_mask,
        batch.temperature,
    )
