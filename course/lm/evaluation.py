"""How well a model predicts texts: bits per byte, and perplexity."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course.expect import one_number, whole, whole_number
from course.lm.objective import sequence_logprob
from course.lm.tokenizer import encode, pad_batch
from course.runtime import as_double
from course.score import check_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from course.lm.model import GPT
    from course.lm.ngram import NGram


def bits_per_byte(nats: float | Tensor, n_bytes: int) -> float:
    """Total nats of some texts as bits per UTF-8 byte: comparable across tokenizers.

    Raises ValueError when `nats` is negative or `n_bytes` is not positive.  Chapter 01.

    >>> bits_per_byte(nats=10 * math.log(2), n_bytes=5)
    2.0
    """
    whole_number(n_bytes=n_bytes)
    one_number(nats=nats)
    nats = float(nats)
    if nats < 0:
        raise ValueError(f"got {nats} nats, expected a negative log-probability (>= 0)")
    if n_bytes <= 0:
        raise ValueError(f"got {n_bytes} bytes, expected at least one")
    return nats / (math.log(2) * n_bytes)


def perplexity(nats: float | Tensor) -> float:
    """exp(nats per token): as unsure as a fair choice among that many tokens.

    Raises ValueError when `nats` is negative.  Chapter 01.

    >>> round(perplexity(math.log(50)), 6)
    50.0
    """
    one_number(nats=nats)
    nats = float(nats)
    if nats < 0:
        raise ValueError(f"got {nats} nats per token, expected a loss (>= 0)")
    return torch.tensor(nats, dtype=torch.float64).exp().item()


def utf8_bytes(texts: Sequence[str]) -> int:
    """Number of bytes of the texts in UTF-8.

    Chapter 01.

    >>> utf8_bytes(["abc", "é"])
    5
    """
    return sum(len(text.encode("utf-8")) for text in check_texts(texts))


def bits_per_byte_of(
    model: "GPT | NGram",
    tokenizer: "PreTrainedTokenizerFast",
    texts: Sequence[str],
    *,
    ends: bool = True,
    batch_size: int = 64,
) -> float:
    """Bits per UTF-8 byte that a model spends on `texts`.

    ends: whether the `<eos>` of every text is scored too; False compares a model that
    never saw an end token with one that did.  Every other token after `<bos>` is
    scored exactly once.  A transformer reads a text longer than its context in windows
    that each start anew with `<bos>`, which makes long texts look a little less
    probable; batch_size: how many windows it reads at a time.  Infinite where an
    n-gram model gives a token probability zero.
    Raises ValueError when the texts hold no byte.  Chapter 01.
    """
    whole(1, batch_size=batch_size)
    rows = encode(tokenizer, texts, eos=ends)
    if isinstance(model, torch.nn.Module):
        nats = _nats_of_windows(model, rows, tokenizer.pad_token_id, batch_size)
    else:
        nats = -sum(model.logprob(row) for row in rows)
    return bits_per_byte(nats, utf8_bytes(texts))


@torch.no_grad()
def _nats_of_windows(
    model: "GPT", rows: list[list[int]], pad_id: int, batch_size: int
) -> float:
    step = model.config.context - 1  # targets in one window; <bos> takes one place
    windows = [
        row[:1] + row[start:end]
        for row in rows
        for start, end in pairwise([*range(1, len(row), step), len(row)])
    ]
    windows.sort(key=len)  # like lengths together: little padding
    nats = 0.0
    for start in range(0, len(windows), batch_size):
        ids, mask = pad_batch(windows[start : start + batch_size], pad_id)
        ids, mask = ids.to(model.device), mask.to(model.device)
        # Padding is on the right, where a causal model never looks.
        nats -= as_double(sequence_logprob(model(ids), ids, mask)).sum().item()
    return nats
