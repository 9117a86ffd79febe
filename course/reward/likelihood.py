"""Probability as a reward: how expected a completion is under a language model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course.expect import whole
from course.lm.model import GPT
from course.lm.objective import completion_logprobs
from course.lm.tokenizer import encode, pad_batch
from course.score import Score, whole_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def logprob_score(
    model: GPT, tokenizer: "PreTrainedTokenizerFast", batch_size: int = 64
) -> Score:
    """`score(prompts, completions)`: log p(completion, end | prompt), nats per text.

    By the chain rule the sum over its tokens, the end token included, so that every
    further token costs: it likes short texts.  Returns shape (batch,), fp32 on the
    CPU, without gradient.  Errors as `completion_nats`.  Chapter 05.
    """
    whole(1, batch_size=batch_size)

    def score(prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
        return completion_nats(model, tokenizer, prompts, completions, batch_size)[0]

    return score


@torch.no_grad()
def completion_nats(
    model: GPT,
    tokenizer: "PreTrainedTokenizerFast",
    prompts: Sequence[str],
    completions: Sequence[str],
    batch_size: int = 64,
) -> tuple[Tensor, Tensor]:
    """Log-probability of each completion and its number of tokens, each (batch,).

    A prompt is read as bos + text, a completion as text + eos; the two are cut into
    tokens apart, as the model writes them.  An empty prompt leaves only bos, an empty
    completion only eos.  A completion that does not fit the context keeps its first
    tokens and then the end.  Nats, fp32 on the CPU.  Raises TypeError unless both are
    lists of str, ValueError on unequal lengths or where a prompt fills the context.
    Chapter 05.
    """
    whole_texts(prompts, completions)
    whole(1, batch_size=batch_size)
    given = encode(tokenizer, prompts, eos=False)
    wanted = encode(tokenizer, completions, bos=False)
    context, pad = model.config.context, tokenizer.pad_token_id
    longest = max(map(len, given), default=0)
    if longest >= context:
        raise ValueError(
            f"got a prompt of {longest} tokens, expected fewer than the context of "
            f"{context}"
        )
    for n, (x, y) in enumerate(zip(given, wanted, strict=True)):
        if len(x) + len(y) > context:
            wanted[n] = y[: context - len(x) - 1] + y[-1:]
    nats = torch.zeros(len(given))
    tokens = torch.tensor([float(len(y)) for y in wanted])
    # Like lengths together: little padding, and no batch that is longer than it must.
    order = sorted(range(len(given)), key=lambda i: (len(given[i]), len(wanted[i])))
    device = next(model.parameters()).device
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        x, x_mask = pad_batch([given[i] for i in rows], pad, side="left")
        y, y_mask = pad_batch([wanted[i] for i in rows], pad)
        logprobs, _ = completion_logprobs(
            model, x.to(device), x_mask.to(device), y.to(device), y_mask.to(device)
        )
        nats[rows] = logprobs.sum(1).float().cpu()
    return nats, tokens
