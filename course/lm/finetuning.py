"""Supervised fine-tuning: a pretrained model learns to complete prompts, and to stop.

Demonstrations are pairs of prompt and completion.  Only the completion counts, its
end token included; what counts is decided by lengths, never by token values.
Source: Ouyang et al. 2022, "Training language models to follow instructions with human
feedback", arXiv:2203.02155, step 1.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from course.expect import (
    at_least,
    below,
    divisor,
    present,
    tensors,
    truth,
    whole,
    whole_number,
)
from course.expect_lists import lists
from course.lm.objective import token_logprobs
from course.lm.packing import length_parts
from course.lm.tokenizer import encode, pad_batch
from course.lm.training import (
    History,
    Optimizers,
    batches,
    clear_gradients,
    descend,
    scale_learning_rates,
    schedule,
)
from course.runtime import progress

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from course.lm.model import GPT

IGNORED = -100  # the label that torch's and transformers' losses leave out


def completion_labels(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    """The ids where a token counts, and -100 on the prompt and on the padding.

    ids: (batch, time), padded on the right.  prompt_lengths, lengths: (batch,), tokens
    of the prompt and of the whole text, its end token included: the end is a label.
    Returns labels (batch, time), not shifted.  Chapter 04.

    >>> ids = torch.tensor([[0, 7, 8, 9, 1, 2]])  # <bos> 7 | 8 9 <eos> | padding
    >>> completion_labels(ids, torch.tensor([2]), torch.tensor([5])).tolist()
    [[-100, -100, 8, 9, 1, -100]]
    """
    tensors(ids=ids)
    tensors(prompt_lengths=prompt_lengths, lengths=lengths)
    if ids.dim() != 2 or not ids.shape[:1] == prompt_lengths.shape == lengths.shape:
        raise ValueError(
            f"got ids {tuple(ids.shape)}, prompt_lengths "
            f"{tuple(prompt_lengths.shape)} and lengths {tuple(lengths.shape)}, "
            "expected (batch, time) and twice (batch,)"
        )
    below(torch.stack([prompt_lengths, lengths]), ids.shape[1] + 1)
    place = torch.arange(ids.shape[1], device=ids.device)
    counted = (place >= prompt_lengths[:, None]) & (place < lengths[:, None])
    return ids.masked_fill(~counted, IGNORED)


def masked_mean_loss(
    logprobs: Tensor, mask: Tensor, n_tokens: int | Tensor | None = None
) -> Tensor:
    """Minus the sum over the counted tokens, over their number in the whole batch.

    logprobs, mask: (batch, time), nats; what is not counted may be anything, also
    -inf.  n_tokens: the counted tokens of the whole batch where `logprobs` is one
    micro-batch of it; the parts then add up to the whole.  Returns a scalar, nats per
    token; nan when nothing counts.  Raises ValueError on shapes that do not fit.
    Chapter 04.
    """
    tensors(logprobs=logprobs, mask=mask)
    if logprobs.shape != mask.shape:
        raise ValueError(
            f"got logprobs {tuple(logprobs.shape)} and mask {tuple(mask.shape)}, "
            "expected the same shape"
        )
    divisor(**present(n_tokens=n_tokens))
    counted = truth(mask)
    total = logprobs.masked_fill(~counted, 0.0).sum()
    return -total / (counted.sum() if n_tokens is None else n_tokens)


def completion_loss(
    logits: Tensor, labels: Tensor, n_tokens: int | Tensor | None = None
) -> Tensor:
    """Mean nats per counted token: the loss of supervised fine-tuning; a scalar.

    logits (batch, time, vocabulary), labels (batch, time), -100 where nothing counts.
    The logits at position i predict label i + 1; the shift is made here, once.
    n_tokens: as in `masked_mean_loss`.
    Equals transformers' loss for these labels, and TRL's `SFTTrainer`.  Chapter 04.
    """
    tensors(logits=logits, labels=labels)
    if logits.dim() != 3 or logits.shape[:2] != labels.shape:
        raise ValueError(
            f"got logits {tuple(logits.shape)} and labels {tuple(labels.shape)}, "
            "expected (batch, time, vocabulary) and (batch, time)"
        )
    targets = labels[:, 1:]
    counted = targets != IGNORED
    logprobs = token_logprobs(logits[:, :-1], targets.masked_fill(~counted, 0))
    return masked_mean_loss(logprobs, counted, n_tokens)


class Demonstration(NamedTuple):
    """`<bos>`, prompt, completion and `<eos>` as ids; how many of them are given.

    Chapter 04.
    """

    ids: list[int]
    prompt_length: int


def demonstrations(
    tokenizer: "PreTrainedTokenizerFast",
    prompts: Sequence[str],
    completions: Sequence[str],
    context: int,
) -> list[Demonstration]:
    """Prompt and completion are encoded apart, so that no token crosses the border.

    A text is prompt + completion, character by character: a completion usually begins
    with a space.  An empty prompt is allowed.  Raises ValueError on unequal numbers or
    none, an empty completion, and a text longer than `context` tokens.  Chapter 04.
    """
    lists(prompts=prompts, completions=completions)
    whole_number(context=context)
    if len(prompts) != len(completions) or not prompts:
        raise ValueError(
            f"got {len(prompts)} prompts and {len(completions)} completions, expected "
            "the same number of each and at least one"
        )
    first = encode(tokenizer, prompts, bos=True, eos=False)
    then = encode(tokenizer, completions, bos=False, eos=True)
    rows = []
    for n, (given, answer) in enumerate(zip(first, then, strict=True)):
        if len(answer) == 1:
            raise ValueError(
                f"got an empty completion of {prompts[n]!r}, expected text"
            )
        if len(given) + len(answer) > context:
            raise ValueError(
                f"got a text of {len(given) + len(answer)} tokens "
                f"({prompts[n] + completions[n][:20]!r}…), expected at most the "
                f"context of {context}"
            )
        rows.append(Demonstration(given + answer, len(given)))
    return rows


def completion_batch(
    rows: Sequence[Demonstration], pad_id: int
) -> tuple[Tensor, Tensor, Tensor]:
    """ids (batch, time) padded on the right, prompt_lengths and lengths (batch,).

    What `completion_labels` needs; on the CPU.  Chapter 04.
    """
    whole_number(pad_id=pad_id)
    ids, _ = pad_batch([row.ids for row in rows], pad_id)
    prompt_lengths = torch.tensor([row.prompt_length for row in rows])
    return ids, prompt_lengths, torch.tensor([len(row.ids) for row in rows])


def _backward_in_parts(
    model: "GPT",
    batch: Sequence[Demonstration],
    pad_id: int,
    make_labels: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> Tensor:
    """Add the gradient of the batch's `completion_loss`; return the loss, a scalar.

    In parts of nearly equal length (`length_parts`): padding is not computed.
    """
    parts = []
    for numbers in length_parts([len(row.ids) for row in batch]):
        columns = completion_batch([batch[n] for n in numbers], pad_id)
        ids, given, lengths = (column.to(model.device) for column in columns)
        parts.append((ids, make_labels(ids, given, lengths)))
    counted = sum((labels[:, 1:] != IGNORED).sum() for _, labels in parts)
    losses = []
    for ids, labels in parts:
        # Padding is on the right, where a causal model never looks.
        loss = completion_loss(model(ids), labels, counted)
        loss.backward()
        losses.append(loss.detach())
    return torch.stack(losses).sum()


def adamw(model: "GPT", learning_rate: float) -> Optimizers:
    """AdamW on every parameter that asks for a gradient, without weight decay.

    Chapter 04.
    """
    at_least(0, learning_rate=learning_rate)
    weights = [p for p in model.parameters() if p.requires_grad]
    return [torch.optim.AdamW(weights, lr=learning_rate, weight_decay=0.0)]


def fine_tune(
    model: "GPT",
    tokenizer: "PreTrainedTokenizerFast",
    prompts: Sequence[str],
    completions: Sequence[str],
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    generator: torch.Generator,
    warmup: int = 10,
    max_grad_norm: float = 1.0,
    make_labels: Callable[[Tensor, Tensor, Tensor], Tensor] = completion_labels,
    make_optimizers: Callable[["GPT", float], Optimizers] = adamw,
    measure: Callable[[], Mapping[str, float]] | None = None,
    every: int = 20,
) -> History:
    """Teach `model`, in place, to complete prompts; returns loss, lr, grad_norm.

    AdamW on every parameter that asks for a gradient (with adapters: on them alone),
    or what make_optimizers(model, learning_rate) returns; the rate rises for `warmup`
    steps, then falls to 0 along a cosine.  generator: a CPU generator of the order.
    make_labels: what counts.  measure: called before the first step, after each `every`
    steps and at the end; what it returns is logged.  An interrupt (the stop button)
    keeps what was learned and returns.  The model is in eval mode afterwards, also
    after an error or an interrupt.  Raises ValueError as `demonstrations`, on a
    tokenizer that does not fit the model, and when the loss is no longer finite: then
    the model before that step is kept.  Chapter 04.
    """
    if len(tokenizer) > model.config.vocab_size:
        raise ValueError(
            f"got a tokenizer of {len(tokenizer)} tokens, expected at most the "
            f"model's vocabulary of {model.config.vocab_size}"
        )
    whole(0, steps=steps, warmup=warmup)
    whole(1, batch_size=batch_size, every=every)
    rows = demonstrations(tokenizer, prompts, completions, model.config.context)
    weights = [p for p in model.parameters() if p.requires_grad]
    chosen = make_optimizers(model, learning_rate)
    order = batches(len(rows), batch_size, generator)
    history, bar = History(), progress(total=steps, desc="fine-tuning")
    clear_gradients(chosen)
    model.train()
    try:
        for step in range(steps):
            if measure is not None and step % every == 0:
                history.log(step, **measure())
            share = schedule(step, steps, warmup)
            scale_learning_rates(chosen, share)
            batch = [rows[n] for n in next(order)]
            loss = _backward_in_parts(model, batch, tokenizer.pad_token_id, make_labels)
            norm = descend(chosen, weights, loss, step, max_grad_norm)
            history.log(step, loss=loss, lr=learning_rate * share, grad_norm=norm)
            bar.set_postfix(loss=f"{history.last['loss']:.3f}")
            bar.update()
        if measure is not None:
            history.log(steps, **measure())
    except KeyboardInterrupt:
        done = len(history["loss"])
        print(f"stopped after {done} of {steps} steps; the model is kept")
    finally:
        clear_gradients(chosen)
        bar.close()
        model.eval()
    return history
