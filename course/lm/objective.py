"""The language-model objective: how probable a text is under a model, in nats."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course.expect import below, one_number, present, starts_with_tokens, tensors, truth

if TYPE_CHECKING:
    from course.lm.model import GPT


def next_token_loss(logits: Tensor, ids: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean negative log-probability of each next token, in nats per token; a scalar.

    logits (batch, time, vocabulary), ids (batch, time); the logits at position i
    predict token i+1, and the shift is made here, once.  mask (batch, time) is true
    where token i counts as a target; the first token is never one.  The mean is over
    all counted tokens of the batch; nan when there are none.
    Raises ValueError when the shapes do not fit.  Chapter 01.
    """
    logprobs, counted = _shifted(logits, ids, mask)
    return -logprobs.sum() / counted.sum()


def sequence_logprob(logits: Tensor, ids: Tensor, mask: Tensor | None = None) -> Tensor:
    """Log-probability of every sequence given its first token, in nats; (batch,).

    logits (batch, time, vocabulary), ids and mask (batch, time), shifted as in
    `next_token_loss`: the chain rule turns the product into this sum.
    Raises ValueError when the shapes do not fit.  Chapter 01.
    """
    logprobs, _ = _shifted(logits, ids, mask)
    return logprobs.sum(1)


def token_logprobs(logits: Tensor, ids: Tensor, temperature: float = 1.0) -> Tensor:
    """Log-probability of every token in nats, (batch, time), at least fp32.

    logits (batch, time, vocabulary) at position i score ids (batch, time) at
    position i: nothing is shifted here.  The logits are divided by the temperature.
    Raises ValueError when the shapes do not fit or temperature <= 0, TypeError when
    ids are not integers.  Chapter 03.
    """
    _check_ids(logits, ids)
    return _gather(_log_softmax(logits, temperature), ids)


def entropy(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Entropy of the next-token distribution in nats; (..., vocabulary) -> (...).

    It lies between 0 and log(vocabulary); logits of -inf add nothing.
    Raises ValueError when temperature <= 0.  Chapter 03.

    >>> entropy(torch.zeros(2, 8)).exp()
    tensor([8.0000, 8.0000])
    """
    return _entropy_of(_log_softmax(logits, temperature))


def token_entropy(logits: Tensor, mask: Tensor) -> Tensor:
    """Entropy of the distribution each token was drawn from, in nats; (batch, time).

    logits (batch, time, vocabulary): those at position t are what token t is drawn
    from, so nothing is shifted here; -inf marks a token that a filter removed.
    mask (batch, time): true on tokens that count; the result is exactly 0 elsewhere.
    Each value lies between 0 and log(vocabulary).
    Raises ValueError when the shapes do not fit.  Source: Shannon 1948.  Chapter 03.

    >>> H = token_entropy(torch.zeros(1, 2, 8), torch.tensor([[True, False]]))
    >>> H.exp().round().tolist()
    [[8.0, 1.0]]
    """
    tensors(logits=logits, mask=mask)
    if logits.ndim != 3 or logits.shape[:2] != mask.shape:
        raise ValueError(
            f"got logits {tuple(logits.shape)} and a mask {tuple(mask.shape)}, "
            "expected (batch, time, vocabulary) and (batch, time)"
        )
    return entropy(logits).masked_fill(~truth(mask), 0.0)


def completion_logprobs(
    model: "GPT",
    prompt_ids: Tensor,
    prompt_mask: Tensor,
    completion_ids: Tensor,
    completion_mask: Tensor,
    temperature: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Log-probability and full entropy of every completion token, each (batch, time).

    prompt_ids, prompt_mask (batch, prompt time), padded on the left; completion_ids,
    completion_mask (batch, time), padded on the right.  Both results are in nats, fp32,
    and exactly 0 where the completion mask is 0.  The logits are divided by the
    sampling temperature.  One forward pass; the head sees only what it must score.
    Raises ValueError when shapes do not fit or a prompt is not padded on the left.
    Chapter 03.
    """
    tensors(
        prompt_ids=prompt_ids,
        prompt_mask=prompt_mask,
        completion_ids=completion_ids,
        completion_mask=completion_mask,
    )
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
            "expected the same number of each"
        )
    if not prompt_mask.is_meta and not prompt_mask[:, -1].all():
        raise ValueError(
            "got a prompt that ends in padding, expected prompts padded on the left"
        )
    ids = torch.cat([prompt_ids, completion_ids], dim=1)
    counted = starts_with_tokens(completion_mask)
    mask = torch.cat([truth(prompt_mask), counted], dim=1)
    hidden = model.hidden(ids, attention_mask=mask)
    before = hidden[:, prompt_ids.shape[1] - 1 : -1]  # position i predicts i + 1
    logits = model.head(before)  # (batch, time, vocabulary)
    logprobs = _log_softmax(logits, temperature)
    return (
        torch.where(counted, _gather(logprobs, completion_ids), 0.0),
        torch.where(counted, _entropy_of(logprobs), 0.0),
    )


def _shifted(logits: Tensor, ids: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Log-probabilities of tokens 1.. (batch, time - 1), 0 where not counted; mask."""
    tensors(**present(mask=mask))
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
    counted = truth(mask)[:, 1:]
    logprobs = token_logprobs(logits[:, :-1], ids[:, 1:])
    return torch.where(counted, logprobs, 0.0), counted


def _check_ids(logits: Tensor, ids: Tensor) -> None:
    """Shapes that merely broadcast would give a wrong number in silence."""
    tensors(logits=logits, ids=ids)
    if logits.dim() != 3 or logits.shape[:2] != ids.shape:
        raise ValueError(
            f"got logits {tuple(logits.shape)} and ids {tuple(ids.shape)}, "
            "expected (batch, time, vocabulary) and (batch, time)"
        )
    if ids.is_floating_point() or ids.dtype == torch.bool:
        raise TypeError(f"got ids of {ids.dtype}, expected integers")
    below(ids, logits.shape[-1])


def _log_softmax(logits: Tensor, temperature: float) -> Tensor:
    """Log-softmax of logits / temperature, in fp32 also for a half-precision model."""
    one_number(temperature=temperature)
    tensors(logits=logits)
    if not temperature > 0:
        raise ValueError(f"got temperature {temperature}, expected a positive number")
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if temperature != 1:
        logits = logits / temperature
    return logits.log_softmax(-1)


def _gather(logprobs: Tensor, ids: Tensor) -> Tensor:
    """Pick (batch, time) out of (batch, time, vocabulary)."""
    return logprobs.gather(-1, ids.long().unsqueeze(-1)).squeeze(-1)


def _entropy_of(logprobs: Tensor) -> Tensor:
    """-sum p log p over the last dimension; 0 * -inf counts, and has gradient, 0."""
    finite = logprobs.clamp(min=torch.finfo(logprobs.dtype).min)
    return -(logprobs.exp() * finite).sum(-1)
