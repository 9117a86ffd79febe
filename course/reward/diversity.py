"""Diversity as a reward: does a text, or a batch, repeat itself?"""

from collections.abc import Sequence

import torch
from torch import Tensor

from course.reward.rules import distinct_n
from course.score import check_texts


def distinct_score(texts: Sequence[str], n: int = 2) -> Tensor:
    """`distinct_n` of each text, shape (len(texts),), fp32; 1 where nothing repeats.

    Errors as `distinct_n`, and TypeError unless texts is a list of str.  Chapter 05.

    >>> distinct_score(["so so so", "so good"]).tolist()
    [0.5, 1.0]
    """
    return torch.tensor([distinct_n(text, n) for text in check_texts(texts)])


def pooled_distinct_n(texts: Sequence[str], n: int = 2) -> float:
    """Share of different word n-grams among those of all texts together, 0 to 1.

    It falls where a policy gives everybody the same text, which no text alone shows;
    1 where there is no n-gram.  Errors as `distinct_score`.
    Source: Li et al. 2016, "A Diversity-Promoting Objective Function".  Chapter 05.

    >>> pooled_distinct_n(["so good", "so good"])
    0.5
    """
    if n < 1:
        raise ValueError(f"got n {n}, expected at least 1")
    grams: list[tuple[str, ...]] = []
    for text in check_texts(texts):
        words = text.split()
        grams += zip(*(words[i:] for i in range(n)), strict=False)
    return len(set(grams)) / len(grams) if grams else 1.0
