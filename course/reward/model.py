"""A reward model: one number for a text, read off the state of its last token."""

from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from course.expect import floats, tensors, truth, whole
from course.lm.model import GPT
from course.lm.packing import length_parts
from course.lm.tokenizer import encode, pad_batch
from course.score import Score, check_texts, whole_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def standardise(scores: Tensor) -> Tensor:
    """(scores - mean) / standard deviation, the latter biased (divided by n).

    scores: shape (n,), floating point.  Returns shape (n,) with mean 0 and standard
    deviation 1.  Raises ValueError when the scores are all equal or not finite.
    Chapter 00.

    >>> standardise(torch.tensor([1.0, 3.0])).tolist()
    [-1.0, 1.0]
    """
    mean, std = _mean_and_std(scores)
    return (scores - mean) / std


def last_token_scores(
    hidden: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | float = 0.0
) -> Tensor:
    """Linear score of the state at each row's last real token, on either padding side.

    hidden: (batch, time, width).  mask: (batch, time), true on real tokens.
    weight: (width,).  Returns scores, shape (batch,).  The last token is found through
    the mask, never through token values or a padding side.  Raises ValueError on
    shapes that do not fit and on a row without a real token.  Chapter 07.

    >>> hidden = torch.tensor([[[1.0], [2.0], [9.0]], [[9.0], [3.0], [4.0]]])
    >>> mask = torch.tensor([[True, True, False], [False, True, True]])
    >>> last_token_scores(hidden, mask, torch.tensor([1.0])).tolist()
    [2.0, 4.0]
    """
    tensors(hidden=hidden, mask=mask, weight=weight)
    if hidden.shape[:2] != mask.shape or hidden.shape[2:] != weight.shape:
        raise ValueError(
            f"got hidden {tuple(hidden.shape)}, mask {tuple(mask.shape)}, weight "
            f"{tuple(weight.shape)}; expected (batch, time, C), (batch, time), (C,)"
        )
    floats(hidden=hidden, weight=weight)
    real = truth(mask)
    if real.is_cpu and not real.any(1).all():
        raise ValueError("got a row without a real token, expected at least one")
    position = torch.arange(mask.shape[1], device=mask.device)
    last = (real * position).argmax(1)  # (batch,)
    rows = torch.arange(len(last), device=mask.device)
    kind = torch.promote_types(hidden.dtype, weight.dtype)
    return hidden[rows, last].to(kind) @ weight.to(kind) + bias


class RewardModel(nn.Module):
    """A transformer trunk with one linear head; score = gain * head + bias.

    `gain` and `bias` are buffers that `calibrate` sets and no optimiser changes.
    Chapter 07.
    """

    def __init__(self, gpt: GPT, generator: torch.Generator | None = None) -> None:
        """gpt: the trunk, used as it is (see `from_language_model` for a copy).

        generator: CPU generator of the head's first weights.
        """
        super().__init__()
        self.gpt = gpt
        width = gpt.config.width
        # Standard deviation of the head: Stiennon et al. 2020, appendix C.
        weight = torch.randn(width, generator=generator) / (width + 1) ** 0.5
        self.weight = nn.Parameter(weight.to(gpt.device))
        self.offset = nn.Parameter(torch.zeros((), device=gpt.device))
        self.register_buffer("gain", torch.ones((), device=gpt.device))
        self.register_buffer("bias", torch.zeros((), device=gpt.device))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Scores, shape (batch,), of ids and mask, both (batch, time)."""
        return self.score_hidden(self.gpt.hidden(ids, mask), mask)

    def score_hidden(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Scores, shape (batch,), of the trunk's states (batch, time, width)."""
        raw = last_token_scores(hidden, mask, self.weight, self.offset)
        return self.gain * raw + self.bias


def from_language_model(
    gpt: GPT, generator: torch.Generator | None = None
) -> RewardModel:
    """A reward model whose trunk is a copy of `gpt`; `gpt` itself never changes.

    Chapter 07.
    """
    return RewardModel(deepcopy(gpt), generator)


def text_batch(
    tokenizer: "PreTrainedTokenizerFast", texts: Sequence[str], context: int
) -> list[list[int]]:
    """Token ids of bos + text + eos, as both training and scoring read a text.

    A text longer than the context keeps its first `context - 2` tokens, so that the
    head always reads an end token.  Chapter 07.
    """
    whole(2, context=context)
    return [
        row if len(row) <= context else row[: context - 1] + row[-1:]
        for row in encode(tokenizer, texts)
    ]


@torch.no_grad()
def score_texts(
    model: RewardModel,
    tokenizer: "PreTrainedTokenizerFast",
    texts: Sequence[str],
    batch_size: int = 64,
) -> Tensor:
    """Scores of whole texts, shape (len(texts),), fp32 on the CPU, without gradient.

    An empty text is scored as bos + eos; one longer than the context is cut before
    its end token.  Raises TypeError unless texts is a list of str, ValueError when a
    score is not finite.  Chapter 07.
    """
    check_texts(texts)
    whole(1, batch_size=batch_size)
    rows = text_batch(tokenizer, texts, model.gpt.config.context)
    scores = torch.zeros(len(rows))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))  # little padding
    device = model.gpt.device
    for start in range(0, len(order), batch_size):
        some = order[start : start + batch_size]
        for part in length_parts([len(rows[i]) for i in some]):
            chosen = [some[n] for n in part]
            ids, mask = pad_batch([rows[i] for i in chosen], tokenizer.pad_token_id)
            scores[chosen] = model(ids.to(device), mask.to(device)).float().cpu()
    bad = (~torch.isfinite(scores)).nonzero().flatten().tolist()
    if bad:
        raise ValueError(
            f"got the score {scores[bad[0]]} for text {bad[0]}, expected a finite "
            "number; the reward model's weights are broken"
        )
    return scores


def calibrate(model: RewardModel, scores: Tensor) -> None:
    """Set gain and bias so that these scores get mean 0 and standard deviation 1.

    scores: shape (n,), what the model says now about reference texts.  Raises
    ValueError when they are all equal or not finite.
    Source: Ziegler et al. 2019, section 2.1.  Chapter 07.
    """
    mean, std = _mean_and_std(scores)
    with torch.no_grad():
        model.gain.div_(std.to(model.gain))
        model.bias.sub_(mean.to(model.bias)).div_(std.to(model.bias))


def scorer(
    model: RewardModel, tokenizer: "PreTrainedTokenizerFast", batch_size: int = 64
) -> Score:
    """The model as `score(prompts, completions)`, a plain function of two lists of str.

    It scores the text prompt + completion, read as bos + text + eos, and returns
    shape (batch,) on the CPU without gradient.  Raises ValueError when the lists
    differ in length, and what `score_texts` raises.  Chapter 08.
    """
    whole(1, batch_size=batch_size)

    def score(prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
        texts = whole_texts(prompts, completions)
        return score_texts(model, tokenizer, texts, batch_size)

    return score


def _mean_and_std(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased standard deviation of shape (n,), checked."""
    tensors(scores=scores)
    if scores.dim() != 1 or not scores.is_floating_point():
        raise ValueError(
            f"got {scores.dtype} scores of shape {tuple(scores.shape)}, expected "
            "floating point of shape (n,)"
        )
    equal = scores == scores[:1]  # rounding can give equal scores a tiny deviation
    if not scores.is_meta and (equal.all() or not torch.isfinite(scores).all()):
        raise ValueError(
            f"got {len(scores)} scores that are equal or not finite, expected finite "
            "scores that differ"
        )
    return scores.mean(), scores.std(correction=0)
