"""Writing with a language model: the model as a policy that draws the next token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from course.expect import (
    below,
    cpu_generator,
    floats,
    one_number,
    tensors,
    truth,
    whole,
    whole_number,
)
from course.lm.tokenizer import decode, encode, pad_batch
from course.runtime import NO_FP64

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from course.lm.model import GPT


# After how many tokens finished texts leave the batch: a CPU knows at once.  The answer
# of another device must be waited for, so it is asked 8 times at most, whatever the
# length, and not before 8 tokens.
CHECK_EVERY = {"cpu": 1}
MOST_CHECKS = 8


NO_NUMBERS = "got logits that are NaN or infinite, expected numbers: look at the model"


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Divide logits by the temperature; below 1 sharpens, above 1 flattens.

    logits: (..., vocabulary).  Raises ValueError unless the temperature is a positive
    number.  Chapter 03.
    """
    tensors(logits=logits)
    one_number(temperature=temperature)
    if not 0 < temperature < float("inf"):
        raise ValueError(f"got temperature {temperature}, expected a positive number")
    return logits / temperature


def top_k_filter(logits: Tensor, k: int) -> Tensor:
    """Keep the k largest logits (..., vocabulary); all others, ties aside, become -inf.

    Raises ValueError unless 1 <= k.  Source: Fan et al. 2018.  Chapter 03.
    """
    whole_number(k=k)
    if k < 1:
        raise ValueError(f"got top-k {k}, expected at least 1")
    floats(logits=logits)
    lowest_kept = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < lowest_kept, float("-inf"))


def top_p_filter(logits: Tensor, p: float) -> Tensor:
    """Keep the smallest set of most likely tokens whose probability reaches p.

    logits: (..., vocabulary); all others become -inf.  Raises ValueError unless 0 < p
    <= 1.  Source: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration".
    Chapter 03.
    """
    one_number(p=p)
    if not 0 < p <= 1:
        raise ValueError(f"got top-p {p}, expected a number in (0, 1]")
    floats(logits=logits)
    if p == 1:  # rounded sums of many tokens pass 1 before the last of them
        return logits
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    probabilities = ordered.float().softmax(-1)
    before = probabilities.cumsum(-1) - probabilities  # mass of the likelier tokens
    drop = (before >= p).scatter(-1, order, before >= p)
    return logits.masked_fill(drop, float("-inf"))


def completion_mask(lengths: Tensor, max_length: int) -> Tensor:
    """True on the first `lengths[b]` of `max_length` places: (batch,) -> (batch, time).

    Built from lengths, never from token values, so that padding with any id is safe.
    Chapter 03.

    >>> completion_mask(torch.tensor([1, 3]), 3).int().tolist()
    [[1, 0, 0], [1, 1, 1]]
    """
    tensors(lengths=lengths)
    whole(0, max_length=max_length)
    if lengths.dim() != 1:
        raise ValueError(f"got lengths {tuple(lengths.shape)}, expected (batch,)")
    below(lengths, max_length + 1)
    return torch.arange(max_length, device=lengths.device) < lengths[:, None]


@dataclass
class Generation:
    """What `generate` wrote: one row per completion, padded on the right.

    Chapter 03.
    """

    ids: Tensor  # (batch, time)
    lengths: Tensor  # (batch,), the end-of-text token included
    logprobs: Tensor  # (batch, time) nats, of the drawn tokens; 0 after the end
    ended: Tensor  # (batch,) bool: the last token is end-of-text

    @property
    def mask(self) -> Tensor:
        """True on generated tokens up to and including the end, (batch, time)."""
        return completion_mask(self.lengths, self.ids.shape[1])


def sample_tokens(logits: Tensor, generator: torch.Generator | None) -> Tensor:
    """Sample one token id per row of logits (batch, vocabulary): (batch,).

    One uniform number per row, drawn on the CPU, decides (`tokens_at`).  Chapter 03.
    """
    cpu_generator(generator)
    tensors(logits=logits)
    uniform = torch.rand(len(logits), generator=generator, dtype=torch.float64)
    return tokens_at(logits.detach(), uniform.to(_where_fp64_is(logits.device)))


def tokens_at(logits: Tensor, uniform: Tensor) -> Tensor:
    """The token whose stretch of the line from 0 to 1 holds the number of its row.

    logits: (batch, vocabulary); uniform: (batch,), fp64, from 0 to 1 without 1; returns
    ids (batch,).  It inverts the cumulative distribution, summed in fp64, so that
    rounding noise in the logits practically never changes the token.  Chapter 03.
    """
    floats(logits=logits, uniform=uniform)
    if logits.dim() != 2 or uniform.shape != logits.shape[:1]:
        raise ValueError(
            f"got logits {tuple(logits.shape)} and uniform {tuple(uniform.shape)}, "
            "expected (batch, vocabulary) and (batch,)"
        )
    if logits.is_cpu and not ((uniform >= 0) & (uniform < 1)).all():
        raise ValueError(
            f"got uniform numbers from {float(uniform.min()):.3g} to "
            f"{float(uniform.max()):.3g}, expected 0 or more and less than 1"
        )
    drawn = _tokens_at(logits, uniform)
    if drawn.is_cpu and logits.numel() and (drawn == logits.shape[-1]).any():
        raise ValueError(NO_NUMBERS)
    return drawn


def _tokens_at(logits: Tensor, uniform: Tensor) -> Tensor:
    """As `tokens_at`, unchecked: where logits are no numbers, the vocabulary's size."""
    weights = (logits - logits.amax(-1, keepdim=True)).exp()  # the softmax, unscaled
    cumulative = weights.to(uniform.device).cumsum(-1, dtype=torch.float64)
    place = uniform[:, None] * cumulative[:, -1:]
    drawn = torch.searchsorted(cumulative, place, right=True)
    return drawn.squeeze(1).to(logits.device)


@torch.no_grad()
def generate(
    model: "GPT",
    prompt_ids: Tensor,
    prompt_mask: Tensor,
    *,
    max_new_tokens: int,
    eos_id: int,
    pad_id: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
    use_cache: bool = True,
) -> Generation:
    """Continue every prompt until its end-of-text token or `max_new_tokens`.

    prompt_ids, prompt_mask: (batch, prompt time), padded on the left.  top_k=1 is
    greedy decoding.  The returned log-probabilities are those at `temperature` before
    top-k and top-p, the ones that re-scoring reproduces.  Finished rows leave the
    batch, so a batch costs no more than its unfinished texts.  Raises ValueError when
    the prompts are not padded on the left or the context is too short.  Chapter 03.
    """
    cpu_generator(generator)
    tensors(prompt_ids=prompt_ids, prompt_mask=prompt_mask)
    whole_number(max_new_tokens=max_new_tokens, eos_id=eos_id, pad_id=pad_id)
    whole_number(top_k=1 if top_k is None else top_k)
    if prompt_ids.dim() != 2 or prompt_ids.shape != prompt_mask.shape:
        raise ValueError(
            f"got prompt_ids {tuple(prompt_ids.shape)} and prompt_mask "
            f"{tuple(prompt_mask.shape)}, expected (batch, prompt time) for both"
        )
    batch, width = prompt_ids.shape
    mask = truth(prompt_mask)
    if max_new_tokens < 1 or width < 1 or not mask[:, -1].all():
        raise ValueError(
            f"got prompts {tuple(prompt_ids.shape)} and max_new_tokens "
            f"{max_new_tokens}; expected prompts of at least one token, padded on the "
            "left, and at least one new token"
        )
    if width + max_new_tokens > model.config.context:
        raise ValueError(
            f"got prompts of {width} and {max_new_tokens} new tokens, expected "
            f"together at most the context of {model.config.context}"
        )
    device = prompt_ids.device
    # One random number per token, for the whole generation and all of its rows: no text
    # depends on when others of its batch end, and a GPU is sent them once.
    uniform = torch.rand(max_new_tokens, batch, generator=generator, dtype=torch.double)
    uniform = uniform.to(_where_fp64_is(device))
    ids = torch.full((batch, max_new_tokens), pad_id, device=device)
    logprobs = torch.zeros(batch, max_new_tokens, device=device)
    lengths = torch.zeros(batch, dtype=torch.long, device=device)
    ended = torch.zeros(batch, dtype=torch.bool, device=device)
    rows = torch.arange(batch, device=device)  # the texts in the batch
    alive = torch.ones_like(ended)  # of these, the texts that go on
    if mask.all():
        mask = None  # no padding
    else:
        mask = torch.cat((mask, mask.new_ones(batch, max_new_tokens)), dim=1)
    every = CHECK_EVERY.get(device.type, max(8, -(-max_new_tokens // MOST_CHECKS)))
    cache = model.new_cache() if use_cache else None
    text = step_ids = prompt_ids
    for t in range(max_new_tokens):
        # 1. The distribution of the next token.
        seen = None if mask is None else mask[:, : width + t]
        hidden = model.hidden(step_ids, attention_mask=seen, cache=cache)
        logits = model.head(hidden[:, -1]).float()
        logits = apply_temperature(logits, temperature)
        filtered = logits if top_k is None else top_k_filter(logits, top_k)
        filtered = filtered if top_p is None else top_p_filter(filtered, top_p)
        # 2. A token of it, written where the text goes on.
        token = _tokens_at(filtered, uniform[t, rows.to(uniform.device)])
        token = token.clamp(max=logits.shape[-1] - 1)  # the end asks for numbers, once
        logprob = logits.log_softmax(-1).gather(1, token[:, None])[:, 0]
        ids[rows, t] = token.where(alive, pad_id)
        logprobs[rows, t] = logprob.where(alive, 0.0)
        lengths[rows] += alive
        # 3. Texts that end here.
        ends = alive & (token == eos_id)
        ended[rows] |= ends
        alive = alive & ~ends
        text = torch.cat((text, token[:, None]), dim=1) if cache is None else text
        step_ids = token[:, None] if cache is not None else text
        # 4. They leave the batch.
        if (t + 1) % every:
            continue
        going_on = int(alive.sum())
        if going_on == 0:
            break
        if going_on < len(rows):
            rows, step_ids, text = rows[alive], step_ids[alive], text[alive]
            mask = None if mask is None else mask[alive]
            if cache is not None:
                cache.select(alive)
            alive = alive[alive]
    if not logprobs.isfinite().all():
        raise ValueError(NO_NUMBERS)
    longest = int(lengths.max())
    return Generation(ids[:, :longest], lengths, logprobs[:, :longest], ended)


def write(
    model: "GPT",
    tokenizer: "PreTrainedTokenizerFast",
    prompts: Sequence[str],
    *,
    max_new_tokens: int = 48,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    **options: Any,
) -> list[str]:
    """Complete each prompt (an empty one starts a new text) and return the new text.

    options: `top_k`, `top_p`, `use_cache` of `generate`.  Chapter 03.
    """
    sequences = encode(tokenizer, prompts, bos=True, eos=False)
    prompt_ids, prompt_mask = pad_batch(sequences, tokenizer.pad_token_id, side="left")
    written = generate(
        model,
        prompt_ids.to(model.device),
        prompt_mask.to(model.device),
        max_new_tokens=max_new_tokens,
        eos_id=tokenizer.eos_token_id,
        pad_id=tokenizer.pad_token_id,
        temperature=temperature,
        generator=generator,
        **options,
    )
    lengths = written.lengths.tolist()
    rows = written.ids.tolist()
    return decode(tokenizer, [row[:n] for row, n in zip(rows, lengths, strict=True)])


def _where_fp64_is(device: torch.device) -> torch.device | str:
    """The device itself, or the CPU for one that has no fp64."""
    return "cpu" if device.type in NO_FP64 else device
