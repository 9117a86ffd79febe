"""Writing with a language model: the model as a policy that draws the next token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from course.lm.tokenizer import decode, encode, pad_batch

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from course.lm.model import GPT


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Divide logits by the temperature; below 1 sharpens, above 1 flattens.

    logits: (..., vocabulary).  Raises ValueError unless the temperature is a positive
    number.
    """
    if not 0 < temperature < float("inf"):
        raise ValueError(f"got temperature {temperature}, expected a positive number")
    return logits / temperature


def top_k_filter(logits: Tensor, k: int) -> Tensor:
    """Keep the k largest logits (..., vocabulary); all others, ties aside, become -inf.

    Raises ValueError unless 1 <= k.  Source: Fan et al. 2018.
    """
    if k < 1:
        raise ValueError(f"got top-k {k}, expected at least 1")
    lowest_kept = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < lowest_kept, float("-inf"))


def top_p_filter(logits: Tensor, p: float) -> Tensor:
    """Keep the smallest set of most likely tokens whose probability reaches p.

    logits: (..., vocabulary); all others become -inf.  Raises ValueError unless 0 < p
    <= 1.  Source: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration".
    """
    if not 0 < p <= 1:
        raise ValueError(f"got top-p {p}, expected a number in (0, 1]")
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    probabilities = ordered.float().softmax(-1)
    before = probabilities.cumsum(-1) - probabilities  # mass of the likelier tokens
    drop = (before >= p).scatter(-1, order, before >= p)
    return logits.masked_fill(drop, float("-inf"))


def completion_mask(lengths: Tensor, max_length: int) -> Tensor:
    """True on the first `lengths[b]` of `max_length` places: (batch,) -> (batch, time).

    Built from lengths, never from token values, so that padding with any id is safe.

    >>> completion_mask(torch.tensor([1, 3]), 3).int().tolist()
    [[1, 0, 0], [1, 1, 1]]
    """
    return torch.arange(max_length, device=lengths.device) < lengths[:, None]


@dataclass
class Generation:
    """What `generate` wrote: one row per completion, padded on the right."""

    ids: Tensor  # (batch, time)
    lengths: Tensor  # (batch,), the end-of-text token included
    logprobs: Tensor  # (batch, time) nats, of the drawn tokens; 0 after the end
    ended: Tensor  # (batch,) bool: the last token is end-of-text

    @property
    def mask(self) -> Tensor:
        """True on generated tokens up to and including the end, (batch, time)."""
        return completion_mask(self.lengths, self.ids.shape[1])


def sample_tokens(logits: Tensor, generator: torch.Generator | None) -> Tensor:
    """Sample one token id per row of logits (batch, vocabulary), on the CPU: (batch,).

    The draw inverts the cumulative distribution in fp64, so that one uniform number
    decides and rounding noise in the logits practically never changes the token.
    """
    cumulative = logits.detach().cpu().double().softmax(-1).cumsum(-1)
    uniform = torch.rand(len(logits), 1, generator=generator, dtype=torch.double)
    drawn = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
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
    the prompts are not padded on the left or the context is too short.
    """
    batch, width = prompt_ids.shape
    mask = prompt_mask.bool()
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
    ids = torch.full((batch, max_new_tokens), pad_id, device=device)
    logprobs = torch.zeros(batch, max_new_tokens, device=device)
    lengths = torch.full((batch,), max_new_tokens, device=device)
    ended = torch.zeros(batch, dtype=torch.bool, device=device)
    rows = torch.arange(batch, device=device)  # the texts still being written
    cache = model.new_cache() if use_cache else None
    text = step_ids = prompt_ids
    for t in range(max_new_tokens):
        hidden = model.hidden(step_ids, attention_mask=mask, cache=cache)
        logits = model.head(hidden[:, -1]).float()
        logits = apply_temperature(logits, temperature)
        filtered = logits if top_k is None else top_k_filter(logits, top_k)
        filtered = filtered if top_p is None else top_p_filter(filtered, top_p)
        # Finished rows draw too: no text depends on when others of its batch end.
        all_rows = filtered.new_zeros(batch, filtered.shape[-1])
        all_rows[rows] = filtered
        token = sample_tokens(all_rows, generator)[rows]
        ids[rows, t] = token
        logprobs[rows, t] = logits.log_softmax(-1).gather(1, token[:, None])[:, 0]
        done = token == eos_id
        lengths[rows[done]], ended[rows[done]] = t + 1, True
        if done.all():
            break
        keep = ~done
        rows, token, mask = rows[keep], token[keep], mask[keep]
        text = torch.cat((text[keep], token[:, None]), dim=1)
        mask = torch.cat((mask, mask.new_ones(len(mask), 1)), dim=1)
        if cache is not None:
            cache.select(keep)
            step_ids = token[:, None]
        else:
            step_ids = text
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

    options: `top_k`, `top_p`, `use_cache` of `generate`.
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
