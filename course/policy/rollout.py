"""A rollout: what the policy wrote, how probable it was, and what it is worth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from course.expect import below, present, tensors, truth
from course.expect_lists import rows_of_ids
from course.lm.lora import adapters, adapters_off
from course.lm.objective import entropy
from course.lm.packing import tight_rows
from course.lm.sampling import generate
from course.lm.tokenizer import decode, encode, pad_batch
from course.score import Score, check_texts, checked_scores

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


MAX_LOGITS = 2**23  # numbers of one part: 34 MB in fp32


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
    precision: torch.dtype = torch.float32  # of the model that wrote


def collect(
    policy: nn.Module,
    reference: nn.Module | None,
    tokenizer: "PreTrainedTokenizerFast",
    prompts: Sequence[str],
    score: Score,
    *,
    max_new_tokens: int,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    prompt_ids: Sequence[Sequence[int]] | None = None,
    sampler: nn.Module | None = None,
) -> Rollout:
    """Let the policy complete every prompt; score the texts and compare with the
    reference.

    reference: a frozen model, or None for the policy without its adapters.
    prompt_ids: the token ids of each prompt, for example of `chat_ids`; without them
    the prompts are encoded as bos + text.  sampler: a copy of the policy that writes in
    its place (`sampler_of`); the log-probabilities are then the sampler's.
    score: `score(prompts, completions)` -> one number per completion; see
    `checked_scores` for what it may not return.  Prompts may repeat (groups).
    generator: a CPU generator.  No gradient is kept.
    Raises ValueError when there is no prompt, another number of ids or no adapter to
    leave out, CourseError or ValueError for a broken score.  Chapter 09.
    """
    rows_of_ids(**present(prompt_ids=prompt_ids))
    prompts = list(check_texts(prompts))
    if not prompts:
        raise ValueError("got no prompts, expected at least one")
    check_reference(policy, reference)
    if prompt_ids is None:
        prompt_ids = encode(tokenizer, prompts, bos=True, eos=False)
    if len(prompt_ids) != len(prompts):
        raise ValueError(
            f"got ids of {len(prompt_ids)} prompts, expected those of {len(prompts)}"
        )
    writer = policy if sampler is None else sampler
    device = next(policy.parameters()).device
    prompt_ids, prompt_mask = pad_batch(prompt_ids, tokenizer.pad_token_id, side="left")
    prompt_ids, prompt_mask = prompt_ids.to(device), prompt_mask.to(device)
    start = perf_counter()
    written = generate(
        writer,
        prompt_ids,
        prompt_mask,
        max_new_tokens=max_new_tokens,
        eos_id=tokenizer.eos_token_id,
        pad_id=tokenizer.pad_token_id,
        temperature=temperature,
        generator=generator,
    )
    seconds = perf_counter() - start
    completions = decode(tokenizer, written.ids.tolist())  # padding is skipped
    rollout = Rollout(
        prompts=prompts,
        completions=completions,
        prompt_ids=prompt_ids,
        prompt_mask=prompt_mask,
        completion_ids=written.ids,
        completion_mask=written.mask,
        old_logprobs=written.logprobs,
        ref_logprobs=torch.zeros_like(written.logprobs),  # until it is read, below
        scores=torch.zeros(len(prompts), device=device),
        ended=written.ended,
        temperature=temperature,
        tokens_per_s=int(written.mask.sum()) / seconds,
        precision=next(writer.parameters()).dtype,
    )
    ref_logprobs = reference_logprobs(policy, reference, rollout)
    scores = checked_scores(score, prompts, completions).to(device)
    return replace(rollout, ref_logprobs=ref_logprobs, scores=scores)


def check_reference(policy: nn.Module, reference: nn.Module | None) -> None:
    """ValueError without a reference where the policy has no adapters to leave out.

    Chapter 17.
    """
    if reference is None and not adapters(policy):
        raise ValueError(
            "got no reference and a policy without adapters, expected a frozen copy: "
            "copy.deepcopy(policy)"
        )


def reference_logprobs(
    policy: nn.Module, reference: nn.Module | None, rollout: Rollout
) -> Tensor:
    """`constant_logprobs` of the reference, or of the policy without its adapters.

    Chapter 17.
    """
    if reference is not None:
        return constant_logprobs(reference, rollout)
    with adapters_off(policy):
        return constant_logprobs(policy, rollout)


def select_rows(rollout: Rollout, rows: Tensor) -> Rollout:
    """The rollout's rows of these numbers, (n,), in this order.  Chapter 10."""
    tensors(rows=rows)
    if rows.dim() != 1 or rows.is_floating_point():
        raise ValueError(
            f"got rows of {rows.dtype} and shape {tuple(rows.shape)}, expected whole "
            "numbers, (n,)"
        )
    below(rows, len(rollout.prompts))
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

    At the rollout's temperature; 0 on padding.  Equals `completion_logprobs`, but the
    texts are packed, so that next to no padding is computed.  Raises ValueError when a
    prompt is not padded on the left.  Chapter 09.
    """
    return _on_mask(_distributions(policy, batch), batch)


def logprobs_and_entropy(policy: nn.Module, batch: Rollout) -> tuple[Tensor, Tensor]:
    """As `logprobs_of`, and the entropy of every token's distribution.

    Both (batch, time), nats, 0 on padding; the entropy without gradient.  Chapter 09.
    """
    logprobs = _distributions(policy, batch)
    spread = entropy(logprobs.detach())
    mask = batch.completion_mask
    zeros = spread.new_zeros(mask.shape)
    return _on_mask(logprobs, batch), zeros.masked_scatter(mask, spread)


@torch.no_grad()
def constant_logprobs(model: nn.Module, rollout: Rollout) -> Tensor:
    """As `logprobs_of`, without gradient and a few texts at a time.  Chapter 09."""
    parts = small_parts(model, rollout.completion_mask)
    return torch.cat([logprobs_of(model, select_rows(rollout, part)) for part in parts])


def small_parts(model: nn.Module, mask: Tensor) -> list[Tensor]:
    """Cut texts into parts whose logits are about MAX_LOGITS numbers at most.

    mask: (batch, time), 1 on completion tokens.  Logits are the largest tensors of a
    step: tokens x vocabulary.  Returns row numbers, in order.  Chapter 10.
    """
    tensors(mask=mask)
    if mask.dim() != 2:
        raise ValueError(f"got a mask {tuple(mask.shape)}, expected (batch, time)")
    tokens = truth(mask).sum(1).cumsum(0)  # (batch,)
    total, rows = int(tokens[-1]), torch.arange(len(mask), device=mask.device)
    parts = -(-total * model.config.vocab_size // MAX_LOGITS)  # rounded up
    if parts <= 1:
        return [rows]
    part_of = (tokens - 1) * parts // total  # (batch,)
    return [rows[part_of == part] for part in part_of.unique().tolist()]


def states_before(trunk: nn.Module, batch: Rollout) -> Tensor:
    """What a trunk has read when it meets each completion token: (tokens, width).

    tokens: those of the completions, text by text.  The texts are packed whole into
    rows, where none of them sees another.  Raises ValueError when a prompt is not
    padded on the left.  Chapter 09.
    """
    prompt, completion = truth(batch.prompt_mask), truth(batch.completion_mask)
    if not prompt[:, -1].all():
        raise ValueError(
            "got a prompt that ends in padding, expected prompts padded on the left"
        )
    ids = torch.cat([batch.prompt_ids, batch.completion_ids], dim=1)
    mask = torch.cat([prompt, completion], dim=1)
    lengths = mask.sum(1)  # (batch,)
    starts, rows, length = tight_rows(lengths.tolist(), trunk.config.context)
    # Where every token stands in the rows: its text's start + its place in the text.
    text = torch.arange(len(mask), device=ids.device).repeat_interleave(lengths)
    place = (
        torch.arange(len(text), device=ids.device)
        + (torch.tensor(starts, device=ids.device) - lengths.cumsum(0) + lengths)[text]
    )  # (tokens,)
    packed = ids.new_zeros(rows * length).scatter(0, place, ids[mask])
    segments = ids.new_zeros(rows * length).scatter(0, place, text + 1)
    hidden = trunk.hidden(
        packed.view(rows, length), segments=segments.view(rows, length)
    ).flatten(0, 1)
    written = torch.cat([torch.zeros_like(prompt), completion], dim=1)[mask]
    return hidden[place[written] - 1]


def _distributions(policy: nn.Module, batch: Rollout) -> Tensor:
    """Log-probability of every possible token: (tokens, vocabulary), fp32 or more."""
    logits = policy.head(states_before(policy, batch))
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if batch.temperature != 1:
        logits = logits / batch.temperature
    return logits.log_softmax(-1)


def _on_mask(logprobs: Tensor, batch: Rollout) -> Tensor:
    """The written tokens' own log-probabilities, (batch, time), 0 on padding."""
    mask = truth(batch.completion_mask)
    own = logprobs.gather(1, batch.completion_ids[mask][:, None]).squeeze(1)
    return own.new_zeros(mask.shape).masked_scatter(mask, own)
