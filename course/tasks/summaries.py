"""Summaries: choose one sentence of a product review; its title is the reference.

Few enough choices that every expectation is a sum: no sampling anywhere.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course.expect import meets, tensors, truth, whole, whole_number
from course.reward.overlap import rouge_l, rouge_n, rouge_tokens
from course.score import check_texts

FEATURES = ("first", "last", "place", "length", "capital", "exclaims", "typical")


class Pair(NamedTuple):
    """A review's title and its sentences, in order.  Chapter 16."""

    title: str
    sentences: tuple[str, ...]


def review_pairs(split: str) -> list[Pair]:
    """Product reviews with a title of two words or more and at least three sentences.

    split: "train" or "test", 30 % of the reviews by a hash of the title.  Raises
    ValueError on another split.  Source: Hutto & Gilbert 2014.  Chapter 16.
    """
    from course.data import reviews

    if split not in ("train", "test"):
        raise ValueError(f"got split {split!r}, expected 'train' or 'test'")
    by_review: dict[str, dict[int, str]] = {}
    for row in reviews.load("products"):
        review, _, place = row["id"].partition("_")
        by_review.setdefault(review, {})[int(place)] = row["text"].strip()
    found = []
    for parts in by_review.values():
        title = parts.pop(1, "")
        kept = hashlib.sha256(title.encode()).digest()[0] < 77
        enough = len(rouge_tokens(title)) >= 2 and len(parts) >= 3
        if enough and kept == (split == "test"):
            found.append(Pair(title, tuple(parts[n] for n in sorted(parts))))
    return found


def features(sentences: Sequence[str]) -> Tensor:
    """Seven numbers about each sentence, shape (sentences, 7); no title is read.

    Raises TypeError unless they are a list of texts.  Chapter 16.
    """
    bags = [set(rouge_tokens(text)) for text in check_texts(sentences)]
    everywhere = Counter(word for bag in bags for word in bag)
    rows = []
    for n, (text, bag) in enumerate(zip(sentences, bags, strict=True)):
        typical = sum(everywhere[word] for word in bag) / max(1, len(bag) * len(bags))
        capital = sum(c.isupper() for c in text) / max(1, len(text))
        rows.append([n == 0, n == len(bags) - 1, n / len(bags), len(bag) / 20,
                     capital, "!" in text, typical])  # fmt: skip
    return torch.tensor(rows, dtype=torch.float32)


class Chooser(nn.Module):
    """A policy over the sentences of a review: a small net gives each a score.

    145 weights.  Chapter 16.
    """

    def __init__(self, seed: int):
        whole_number(seed=seed)
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.net = nn.Sequential(nn.Linear(7, 16), nn.Tanh(), nn.Linear(16, 1))
        for weights in self.parameters():
            weights.data = torch.randn(weights.shape, generator=draw) * 0.3

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (reviews, sentences, 7), mask (reviews, sentences) -> probabilities.

        A review without sentences gets none.  Raises ValueError on shapes that do not
        fit, TypeError on another dtype than the weights'.
        """
        tensors(x=x, mask=mask)
        if x.dim() != 3 or mask.shape != x.shape[:2]:
            raise ValueError(
                f"got x {tuple(x.shape)} and mask {tuple(mask.shape)}, expected "
                "(reviews, sentences, 7) and (reviews, sentences)"
            )
        meets(self.net[0].weight, x=x)
        hidden = ~truth(mask)
        return self.net(x)[..., 0].masked_fill(hidden, -torch.inf).softmax(1)


def rouge_table(pairs: Sequence[Pair]) -> tuple[Tensor, Tensor, Tensor]:
    """Features, mask and ROUGE-L with the title of every sentence of every review.

    Shapes (reviews, sentences, 7), (reviews, sentences) bool and fp32; padding has
    ROUGE-L 0.  Chapter 16.
    """
    longest = max(len(pair.sentences) for pair in pairs)
    x, rewards = torch.zeros(len(pairs), longest, 7), torch.zeros(len(pairs), longest)
    mask = torch.zeros(len(pairs), longest, dtype=torch.bool)
    for n, pair in enumerate(pairs):
        size = len(pair.sentences)
        x[n, :size], mask[n, :size] = features(pair.sentences), True
        overlaps = [rouge_l(text, pair.title) for text in pair.sentences]
        rewards[n, :size] = torch.tensor(overlaps)
    return x, mask, rewards


def rouge_of_nothing(titles: Sequence[str], words: Sequence[str], length: int) -> str:
    """One text for all titles: word after word, each time the one that gains most.

    What is gained is the mean ROUGE-1 of the text with all titles; of equal words the
    first of `words` is taken, and none twice.  It ends after `length` words, or when
    no word gains.  Raises ValueError on no titles or a length below 1.  Chapter 16.

    >>> rouge_of_nothing(["a good phone", "a bad phone"], ["good", "a", "phone"], 2)
    'a phone'
    """
    whole(1, length=length)
    if not len(check_texts(titles)):
        raise ValueError("got no titles, expected at least one")
    check_texts(words)
    chosen, best = [], 0.0
    while len(chosen) < length:
        gains = {}
        for word in words:
            if word not in chosen:
                text = " ".join([*chosen, word])
                gains[word] = sum(rouge_n(text, title, 1) for title in titles)
        top = max(gains, key=gains.get, default=None)
        if top is None or gains[top] <= best:
            break
        chosen, best = [*chosen, top], gains[top]
    return " ".join(chosen)
