"""Outside judges: reward models of another family than the one that is optimised.

A judge that shares the proxy's architecture shares its blind spots.  Both judges here
are ridge regressions, on other features: which words and word pairs a text has, and
the states of a large pretrained model.
"""

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from course.expect import as_float, check_text, one_number, tensors, whole
from course.expect_lists import lists
from course.lm.packing import length_parts
from course.lm.tokenizer import pad_batch
from course.score import check_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from course.lm.model import GPT


def ridge_fit(
    features: Tensor, targets: Tensor, penalty: float
) -> tuple[Tensor, Tensor]:
    """Weights (d,) and offset () of a linear fit; its squared weights cost `penalty`.

    features: (n, d).  targets: (n,).  Solved in fp64; the offset is not penalised.
    Raises ValueError on shapes that do not fit, and unless penalty > 0.
    Source: Hoerl and Kennard 1970.  Chapter 14.

    >>> x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([1.0, 3.0])
    >>> weights, offset = ridge_fit(x, y, 2.0)
    >>> weights.tolist(), offset.item()
    ([0.5], 1.5)
    """
    one_number(penalty=penalty)
    tensors(features=features, targets=targets)
    if features.dim() != 2 or targets.shape != features.shape[:1]:
        raise ValueError(
            f"got features {tuple(features.shape)} and targets {tuple(targets.shape)}, "
            "expected (n, d) and (n,)"
        )
    if not penalty > 0:
        raise ValueError(f"got the penalty {penalty}, expected a positive number")
    x, y = features.double(), targets.double()
    mean, centre = x.mean(0), y.mean()
    x = x - mean
    eye = torch.eye(x.shape[1], dtype=torch.float64, device=x.device)
    weights = torch.linalg.solve(x.T @ x + penalty * eye, x.T @ (y - centre))
    return weights, centre - mean @ weights


def words_and_pairs(text: str) -> set[str]:
    """The different words of a text, and the pairs of neighbours, in lower case.

    Raises TypeError unless it is a text.  Chapter 14.

    >>> sorted(words_and_pairs("Not good. Not bad."))
    ['bad', 'good', 'good not', 'not', 'not bad', 'not good']
    """
    words = re.findall(r"[a-z']+", check_text(text).lower())
    return set(words) | {f"{a} {b}" for a, b in zip(words, words[1:], strict=False)}


def code_of(feature: str) -> int:
    """A whole number below 2**63 for a feature, the same in every process.

    Raises TypeError unless the feature is a text.  Chapter 14.
    """
    digest = blake2b(check_text(feature).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class WordJudge(nn.Module):
    """A linear score of which frequent words and word pairs a text has.

    codes: (features,), int64, from `code_of`.  weight: (features,).  Chapter 14.
    """

    def __init__(self, features: int = 3000) -> None:
        super().__init__()
        whole(1, features=features)
        self.register_buffer("codes", torch.zeros(features, dtype=torch.int64))
        self.weight = nn.Parameter(torch.zeros(features))
        self.offset = nn.Parameter(torch.zeros(()))

    def presence(self, texts: Sequence[str]) -> Tensor:
        """1 where the text has the feature, else 0: (texts, features)."""
        lists(texts=texts)
        place = {code: i for i, code in enumerate(self.codes.tolist())}
        found = torch.zeros(len(texts), len(self.codes))
        for row, text in enumerate(check_texts(texts)):
            codes = map(code_of, words_and_pairs(text))
            found[row, [place[code] for code in codes if code in place]] = 1
        return found

    @torch.no_grad()
    def forward(self, texts: Sequence[str]) -> Tensor:
        """Scores, (texts,), fp32."""
        found = self.presence(texts).to(self.weight)
        return found @ self.weight + self.offset


def fit_words(
    texts: Sequence[str], ratings: Tensor, features: int = 3000, penalty: float = 6.0
) -> WordJudge:
    """A `WordJudge` on the features that most texts have, fitted to mean ratings (n,).

    Of equally frequent features the first in the alphabet is taken, so the same texts
    give the same judge in every process.  Raises ValueError on no texts, no features
    or another number of ratings.  Chapter 14.
    """
    lists(texts=texts)
    tensors(ratings=ratings)
    whole(1, features=features)
    if not texts or ratings.shape != (len(texts),):
        raise ValueError(
            f"got {len(texts)} texts and ratings {tuple(ratings.shape)}, expected as "
            "many ratings as texts, at least one"
        )
    count = Counter(f for text in check_texts(texts) for f in words_and_pairs(text))
    common = sorted(count, key=lambda f: (-count[f], f))[:features]
    judge = WordJudge(len(common))
    judge.codes.copy_(torch.tensor([code_of(f) for f in common]))
    weights, offset = ridge_fit(judge.presence(texts), ratings, penalty)
    with torch.no_grad():
        judge.weight.copy_(weights)
        judge.offset.copy_(offset)
    return judge.eval()


@torch.no_grad()
def states_of(
    model: "GPT",
    tokenizer: "PreTrainedTokenizerFast",
    texts: Sequence[str],
    blocks: int = 16,
) -> Tensor:
    """Last and mean state of each text after `blocks` blocks: (texts, 2 * width).

    An empty text is read as one padding token.  Raises ValueError on fewer than one
    block.  Chapter 14.
    """
    whole(1, blocks=blocks)
    rows = [
        tokenizer(text)["input_ids"][: model.config.context] or [tokenizer.pad_token_id]
        for text in check_texts(texts)
    ]
    found = torch.zeros(len(rows), 2 * model.config.width)
    kept, model.blocks = model.blocks, model.blocks[:blocks]
    try:
        for part in length_parts([len(row) for row in rows]):
            some = [rows[i] for i in part]
            ids, mask = pad_batch(some, tokenizer.pad_token_id)
            for few in torch.arange(len(some)).split(32):
                seen = mask[few].to(model.device)
                state = model.hidden(ids[few].to(model.device), seen)
                last = state[torch.arange(len(few)), seen.sum(1) - 1]
                mean = (state * seen[..., None]).sum(1) / seen.sum(1, keepdim=True)
                where = torch.tensor([int(part[i]) for i in few])
                found[where] = torch.cat((last, mean), 1).float().cpu()
    finally:
        model.blocks = kept
    return found


class StateJudge(nn.Module):
    """A linear score of a pretrained model's states (`states_of`).

    mean, std: (features,) of the training texts.  weight: (features,).  Chapter 14.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        whole(1, features=features)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.weight = nn.Parameter(torch.zeros(features))
        self.offset = nn.Parameter(torch.zeros(()))

    @torch.no_grad()
    def forward(self, states: Tensor) -> Tensor:
        """Scores, (texts,), of states, (texts, features).

        Raises ValueError on states of another width.
        """
        tensors(states=states)
        if states.shape[-1:] != self.mean.shape:
            raise ValueError(
                f"got states {tuple(states.shape)}, expected (texts, {len(self.mean)})"
            )
        states = states.to(self.weight.dtype)
        return ((states - self.mean) / self.std) @ self.weight + self.offset


def fit_states(states: Tensor, ratings: Tensor, penalty: float = 1000.0) -> StateJudge:
    """A `StateJudge` fitted to mean ratings (n,) of texts with these states (n, d).

    Raises ValueError as `ridge_fit`.  Chapter 14.
    """
    tensors(states=states, ratings=ratings)
    if states.dim() != 2:
        raise ValueError(f"got states {tuple(states.shape)}, expected (n, d)")
    states = as_float(states)
    judge = StateJudge(states.shape[1])
    with torch.no_grad():
        judge.mean.copy_(states.mean(0))
        judge.std.copy_(states.std(0).clamp(min=1e-6))
        weights, offset = ridge_fit((states - judge.mean) / judge.std, ratings, penalty)
        judge.weight.copy_(weights)
        judge.offset.copy_(offset)
    return judge.eval()
