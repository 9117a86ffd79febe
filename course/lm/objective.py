"""The language-model objective: how probable a text is under a model, in nats."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from course.lm.tokenizer import encode, pad_batch

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from course.lm.model import GPT


def next_token_loss(
    logits: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean negative log-probability of each next token, in nats per token; a scalar.

    logits (batch, time, vocabulary), ids (batch, time); the logits at position i
    predict token i+1, and the shift is made here, once.  mask (batch, time) is true
    where token i counts as a target; the first token is never one.  The mean is over
    all counted tokens of the batch; nan when there are none.
    Raises ValueError when the shapes do not fit.
    """
    logprobs, counted = _shifted(logits, ids, mask)
    return -logprobs.sum() / counted.sum()


def sequence_logprob(
    logits: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Log-probability of every sequence given its first token, in nats; (batch,).

    logits (batch, time, vocabulary), ids and mask (batch, time), shifted as in
    `next_token_loss`: the chain rule turns the product into this sum.
    Raises ValueError when the shapes do not fit.
    """
    logprobs, _ = _shifted(logits, ids, mask)
    return logprobs.sum(1)


def token_logprobs(
    logits: torch.Tensor, ids: torch.Tensor, temperature: float = 1.0
) -> torch.Tensor:
    """Log-probability of every token in nats, (batch, time), at least fp32.

    logits (batch, time, vocabulary) at position i score ids (batch, time) at
    position i: nothing is shifted here.  The logits are divided by the temperature.
    Raises ValueError when the shapes do not fit or temperature <= 0, TypeError when
    ids are not integers.
    """
    _check_ids(logits, ids)
    return _gather(_log_softmax(logits, temperature), ids)


def entropy(logits: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Entropy of the next-token distribution in nats; (..., vocabulary) -> (...).

    It lies between 0 and log(vocabulary); logits of -inf add nothing.
    Raises ValueError when temperature <= 0.

    >>> entropy(torch.zeros(2, 8)).exp()
    tensor([8.0000, 8.0000])
    """
    return _entropy_of(_log_softmax(logits, temperature))


def bits_per_byte(nats: float | torch.Tensor, n_bytes: int) -> float:
    """Total nats of some texts as bits per UTF-8 byte: comparable across tokenizers.

    Raises ValueError when `nats` is negative or `n_bytes` is not positive.

    >>> bits_per_byte(nats=10 * math.log(2), n_bytes=5)
    2.0
    """
    nats = float(nats)
    if nats < 0:
        raise ValueError(f"got {nats} nats, expected a negative log-probability (>= 0)")
    if n_bytes <= 0:
        raise ValueError(f"got {n_bytes} bytes, expected at least one")
    return nats / (math.log(2) * n_bytes)


def perplexity(nats: float | torch.Tensor) -> float:
    """exp(nats per token): as unsure as a fair choice among that many tokens.

    Raises ValueError when `nats` is negative.

    >>> round(perplexity(math.log(50)), 6)
    50.0
    """
    nats = float(nats)
    if nats < 0:
        raise ValueError(f"got {nats} nats per token, expected a loss (>= 0)")
    return torch.tensor(nats, dtype=torch.float64).exp().item()


def completion_logprobs(
    model: "GPT",
    prompt_ids: torch.Tensor,
    prompt_mask: torch.Tensor,
    completion_ids: torch.Tensor,
    completion_mask: torch.Tensor,
    temperature: float = 1.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability and full entropy of every completion token, each (batch, T).

    prompt_ids, prompt_mask (batch, P), padded on the left; completion_ids,
    completion_mask (batch, T), padded on the right.  Both results are in nats, fp32,
    and exactly 0 where the completion mask is 0.  The logits are divided by the
    sampling temperature.  One forward pass; the head sees only what it must score.
    Raises ValueError when shapes do not fit or a prompt is not padded on the left.
    """
    for name, ids, mask in (
        ("prompt", prompt_ids, prompt_mask),
        ("completion", completion_ids, completion_mask),
    ):
        if ids.dim() != 2 or ids.shape != mask.shape or ids.shape[1] == 0:
            raise ValueError(
                f"got {name} ids {tuple(ids.shape)} and mask {tuple(mask.shape)}, "
                "expected both (batch, time) with at least one column"
            )
    if len(prompt_ids) != len(completion_ids):
        raise ValueError(
            f"got {len(prompt_ids)} prompts and {len(completion_ids)} completions, "
            "expected as many"
        )
    if not prompt_mask.is_meta and not prompt_mask[:, -1].all():
        raise ValueError(
            "got a prompt that ends in padding, expected prompts padded on the left"
        )
    ids = torch.cat([prompt_ids, completion_ids], dim=1)
    mask = torch.cat([prompt_mask.bool(), completion_mask.bool()], dim=1)
    hidden = model.hidden(ids, attention_mask=mask)
    before = hidden[:, prompt_ids.shape[1] - 1 : -1]  # position i predicts i + 1
    logprobs = _log_softmax(model.head(before), temperature)  # (batch, T, vocabulary)
    counted = completion_mask.bool()
    return (
        torch.where(counted, _gather(logprobs, completion_ids), 0.0),
        torch.where(counted, _entropy_of(logprobs), 0.0),
    )


@torch.no_grad()
def held_out_bits_per_byte(
    model: "GPT",
    tokenizer: "PreTrainedTokenizerFast",
    texts: Sequence[str],
    batch_size: int = 64,
) -> float:
    """Bits per UTF-8 byte that the model spends on `texts`, ends of texts included.

    Every token after `<bos>`, and `<eos>`, is scored exactly once.  A text longer
    than the model's context is cut into windows that each start anew with `<bos>`,
    which makes long texts look a little less probable.
    Raises ValueError when the texts hold no byte.
    """
    device = next(model.parameters()).device
    step = model.config.context - 1  # targets in one window; <bos> takes one place
    windows = [
        row[:1] + row[start : start + step]
        for row in encode(tokenizer, texts)
        for start in range(1, len(row), step)
    ]
    windows.sort(key=len)  # like lengths together: little padding
    nats = 0.0
    for start in range(0, len(windows), batch_size):
        ids, mask = pad_batch(
            windows[start : start + batch_size], tokenizer.pad_token_id
        )
        ids, mask = ids.to(device), mask.to(device)
        logits = model(ids, attention_mask=mask)
        nats -= sequence_logprob(logits, ids, mask).double().sum().item()
    return bits_per_byte(nats, utf8_bytes(texts))


def utf8_bytes(texts: Sequence[str]) -> int:
    """Number of bytes of the texts in UTF-8.

    >>> utf8_bytes(["abc", "é"])
    5
    """
    return sum(len(text.encode("utf-8")) for text in texts)


def _shifted(
    logits: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of tokens 1.. (batch, time - 1), 0 where not counted; mask."""
    _check_ids(logits, ids)
    if ids.shape[1] < 2:
        raise ValueError(
            f"got {ids.shape[1]} tokens per sequence, expected at least 2: "
            "the first is given, the others are predicted"
        )
    if mask is None:
        mask = torch.ones_like(ids, dtype=torch.bool)
    if mask.shape != ids.shape:
        raise ValueError(
            f"got mask {tuple(mask.shape)}, expected the shape of ids "
            f"{tuple(ids.shape)}"
        )
    counted = mask[:, 1:].bool()
    logprobs = token_logprobs(logits[:, :-1], ids[:, 1:])
    return torch.where(counted, logprobs, 0.0), counted


def _check_ids(logits: torch.Tensor, ids: torch.Tensor) -> None:
    """Shapes that merely broadcast would give a wrong number in silence."""
    if logits.dim() != 3 or logits.shape[:2] != ids.shape:
        raise ValueError(
            f"got logits {tuple(logits.shape)} and ids {tuple(ids.shape)}, "
            "expected (batch, time, vocabulary) and (batch, time)"
        )
    if ids.is_floating_point() or ids.dtype == torch.bool:
        raise TypeError(f"got ids of {ids.dtype}, expected integers")


def _log_softmax(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Log-softmax of logits / temperature, in fp32 also for a half-precision model."""
    if not temperature > 0:
        raise ValueError(f"got temperature {temperature}, expected a positive number")
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if temperature != 1:
        logits = logits / temperature
    return logits.log_softmax(-1)


def _gather(logprobs: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Pick (batch, time) out of (batch, time, vocabulary)."""
    return logprobs.gather(-1, ids.long().unsqueeze(-1)).squeeze(-1)


def _entropy_of(logprobs: torch.Tensor) -> torch.Tensor:
    """-sum p log p over the last dimension; 0 * -inf counts, and has gradient, 0."""
    finite = logprobs.clamp(min=torch.finfo(logprobs.dtype).min)
    return -(logprobs.exp() * finite).sum(-1)
