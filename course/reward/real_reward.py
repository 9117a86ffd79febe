"""A pretrained model as reward model: its states, a ridge on them, a head for them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course.expect import as_float, one_number, tensors, whole_number
from course.expect_lists import rows_of_ids
from course.lm.model import GPT
from course.lm.packing import length_parts
from course.lm.tokenizer import pad_batch
from course.score import check_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from course.reward.model import RewardModel

RATED = "Movie review: {text}\nSentiment:"


def first_blocks(gpt: GPT, layers: int) -> GPT:
    """The model cut after its first blocks, in place: half the work for a score.

    Raises ValueError unless 1 <= layers <= its number of blocks.  Chapter 17.
    """
    whole_number(layers=layers)
    if not 1 <= layers <= len(gpt.blocks):
        raise ValueError(f"got {layers} blocks, expected 1 to {len(gpt.blocks)}")
    gpt.blocks = gpt.blocks[:layers]
    gpt.config = replace(gpt.config, layers=layers)
    return gpt


def rated_rows(
    tokenizer: "PreTrainedTokenizerFast", texts: Sequence[str]
) -> list[list[int]]:
    """Token ids of every text inside the question that a score answers.  Chapter 17."""
    asked = [RATED.format(text=text) for text in check_texts(texts)]
    return [tokenizer(x, add_special_tokens=False)["input_ids"] for x in asked]


def row_scores(
    model: "RewardModel", tokenizer: "PreTrainedTokenizerFast", rows: list[list[int]]
) -> Tensor:
    """Scores of token rows, (len(rows),), with gradient where there is one.

    Raises ValueError without a row.  Chapter 17.
    """
    rows_of_ids(rows=rows)
    if not rows:
        raise ValueError("got no rows, expected at least one")
    parts, scores = length_parts([len(row) for row in rows]), []
    for part in parts:
        ids, mask = pad_batch([rows[i] for i in part], tokenizer.pad_token_id)
        scores.append(model(ids.to(model.gpt.device), mask.to(model.gpt.device)))
    back = torch.cat(parts).argsort().to(model.gpt.device)
    return torch.cat(scores)[back]


@torch.no_grad()
def last_states(
    gpt: GPT, tokenizer: "PreTrainedTokenizerFast", rows: list[list[int]]
) -> Tensor:
    """What the model holds after the last token of every row: (len(rows), C), fp32.

    Chapter 17.
    """
    rows_of_ids(rows=rows)
    states = torch.zeros(len(rows), gpt.config.width)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))  # little padding
    for start in range(0, len(order), 32):
        some = order[start : start + 32]
        ids, mask = pad_batch(
            [rows[i] for i in some], tokenizer.pad_token_id, side="left"
        )
        hidden = gpt.hidden(ids.to(gpt.device), mask.to(gpt.device))
        states[some] = hidden[:, -1].float().cpu()
    return states


def ridge(x: Tensor, y: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Weights and offset that predict y from x with small weights: (C,) and a scalar.

    x: (n, C); y: (n,).  Minimises the sum of squared errors + strength * |weights|^2;
    the offset is free.  Raises ValueError on other shapes and unless strength > 0.
    Source: Hoerl and Kennard 1970.  Chapter 17.
    """
    one_number(strength=strength)
    tensors(x=x, y=y)
    if x.dim() != 2 or y.shape != x.shape[:1]:
        raise ValueError(
            f"got x {tuple(x.shape)} and y {tuple(y.shape)}, expected (n, C) and (n,)"
        )
    if not strength > 0:
        raise ValueError(f"got strength {strength}, expected a positive number")
    x, y = as_float(x), as_float(y)
    middle, mean = x.mean(0), y.mean()
    centred = (x - middle).double()
    gram = centred.T @ centred + strength * torch.eye(x.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(gram, centred.T @ (y - mean).double()).to(x.dtype)
    return weights, mean - middle @ weights
