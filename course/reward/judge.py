"""A language model as judge: verdicts read off the probabilities of the next token."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course.expect import as_float, tensors, whole
from course.lm.packing import length_parts
from course.lm.tokenizer import pad_batch
from course.score import check_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from course.lm.model import GPT

LABELS = ("positive", "negative")
SINGLE = "Movie review: {text}\nSentiment ({first} or {second}):"
PAIR = (
    "Review A: {first}\nReview B: {second}\n"
    "Question: which review is more positive, A or B?\nAnswer:"
)


@torch.no_grad()
def label_logits(
    model: "GPT",
    tokenizer: "PreTrainedTokenizerFast",
    prompts: Sequence[str],
    labels: tuple[str, str],
    batch_size: int = 64,
) -> Tensor:
    """Log-odds of the first label against the second as the next token: (n,), fp32.

    labels: two words, of which the first token after a space counts.  Raises
    ValueError when both begin with the same token, and when a prompt has no token or
    exceeds the context.  Chapter 17.
    """
    check_texts(prompts)
    whole(1, batch_size=batch_size)
    ids = [tokenizer(f" {x}", add_special_tokens=False)["input_ids"][0] for x in labels]
    if ids[0] == ids[1]:
        raise ValueError(f"got labels {labels} that begin alike, expected two tokens")
    rows = [tokenizer(p, add_special_tokens=False)["input_ids"] for p in prompts]
    if not all(rows):
        raise ValueError("got a prompt without a token, expected a question")
    found = torch.zeros(len(rows))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))  # little padding
    for start in range(0, len(order), batch_size):
        some = order[start : start + batch_size]
        for part in length_parts([len(rows[i]) for i in some]):
            chosen = [some[n] for n in part]
            x, mask = pad_batch(
                [rows[i] for i in chosen], tokenizer.pad_token_id, side="left"
            )
            state = model.hidden(x.to(model.device), mask.to(model.device))[:, -1]
            logits = model.head(state)[:, ids].float().cpu()  # (batch, 2)
            found[chosen] = logits[:, 0] - logits[:, 1]
    return found


def single_verdicts(
    model: "GPT",
    tokenizer: "PreTrainedTokenizerFast",
    texts: Sequence[str],
    swapped: bool = False,
) -> Tensor:
    """Probability that the judge calls each review positive, and not negative: (n,).

    swapped: the question names "negative" first, and means the same.  Chapter 17.
    """
    first, second = LABELS[::-1] if swapped else LABELS
    prompts = [
        SINGLE.format(text=t, first=first, second=second) for t in check_texts(texts)
    ]
    return label_logits(model, tokenizer, prompts, LABELS).sigmoid()


def pair_verdicts(
    model: "GPT",
    tokenizer: "PreTrainedTokenizerFast",
    texts: Sequence[str],
    others: Sequence[str],
    swapped: bool = False,
) -> Tensor:
    """Probability that the judge prefers each text to the other of its pair: (n,).

    swapped: the other one is shown first, as A.  Raises ValueError on unequal numbers.
    Chapter 17.
    """
    if len(check_texts(texts)) != len(check_texts(others)):
        raise ValueError(
            f"got {len(texts)} texts and {len(others)} others, expected as many"
        )
    prompts = []
    for text, other in zip(texts, others, strict=True):
        first, second = (other, text) if swapped else (text, other)
        prompts.append(PAIR.format(first=first, second=second))
    odds = label_logits(model, tokenizer, prompts, ("A", "B"))
    return (-odds if swapped else odds).sigmoid()


def swap_bias(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    """What the order alone does: its mean pull, and the share of verdicts that flip.

    shown_first, shown_second: (n,), the probability that text i wins when it is shown
    first and when it is shown second.  Returns two numbers, (2,): half of the mean
    difference, positive where being first helps, and the share of pairs whose winner
    (above 0.5) changes with the order.  Raises ValueError on unequal shapes.
    Source: Zheng et al. 2023, "Judging LLM-as-a-Judge", position bias.  Chapter 17.

    >>> swap_bias(torch.tensor([0.9, 0.8]), torch.tensor([0.3, 0.6]))
    tensor([0.2000, 0.5000])
    """
    tensors(shown_first=shown_first, shown_second=shown_second)
    if shown_first.shape != shown_second.shape or shown_first.dim() != 1:
        raise ValueError(
            f"got shapes {tuple(shown_first.shape)} and {tuple(shown_second.shape)}, "
            "expected (n,) twice"
        )
    shown_first, shown_second = as_float(shown_first), as_float(shown_second)
    pull = (shown_first - shown_second).mean() / 2
    flips = (shown_first > 0.5) != (shown_second > 0.5)
    return torch.stack([pull, flips.to(pull.dtype).mean()])


def fit_platt(probabilities: Tensor, labels: Tensor, steps: int = 50) -> Tensor:
    """Slope and offset that make a judge's log-odds fit what people said: (2,), fp64.

    probabilities: (n,), within (0, 1); labels: (n,), 0 or 1.  Newton's method on the
    mean log loss, with people's labels drawn in by Platt's (n + 1) / (n + 2), so that
    separable data has a finite fit.  Raises ValueError without both labels and on
    shapes that differ.  Source: Platt 1999.  Chapter 17.
    """
    tensors(probabilities=probabilities, labels=labels)
    whole(0, steps=steps)
    if labels.dim() != 1 or probabilities.shape != labels.shape:
        raise ValueError(
            f"got probabilities {tuple(probabilities.shape)} and labels "
            f"{tuple(labels.shape)}, expected (n,) twice"
        )
    y = labels.double()
    n_yes, n_no = float(y.sum()), float((1 - y).sum())
    if not (n_yes and n_no):
        raise ValueError("got labels that are all equal, expected both 0 and 1")
    target = torch.where(y > 0, (n_yes + 1) / (n_yes + 2), 1 / (n_no + 2))
    logit = probabilities.double().clamp(1e-6, 1 - 1e-6).logit()
    x = torch.stack([logit, torch.ones_like(logit)], dim=1)  # (n, 2)
    w = torch.zeros(2, dtype=torch.float64)
    for _ in range(steps):
        p = (x @ w).sigmoid()
        hessian = x.T @ (x * (p * (1 - p))[:, None]) + 1e-6 * torch.eye(2).double()
        w = w + torch.linalg.solve(hessian, x.T @ (target - p))
    return w


def apply_platt(probabilities: Tensor, w: Tensor) -> Tensor:
    """Probabilities with slope w[0] and offset w[1] put on their log-odds: (n,).

    Raises ValueError on other shapes.  Chapter 17.
    """
    tensors(probabilities=probabilities, w=w)
    if probabilities.dim() != 1 or w.shape != (2,):
        raise ValueError(
            f"got probabilities {tuple(probabilities.shape)} and w {tuple(w.shape)}, "
            "expected (n,) and (2,)"
        )
    logit = probabilities.double().clamp(1e-6, 1 - 1e-6).logit()
    return (w[0] * logit + w[1]).sigmoid()
