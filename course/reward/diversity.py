"""Diversity as a reward: does a text, or a batch, repeat itself?"""

from collections.abc import Sequence

import torch
from torch import Tensor

from course.expect import tensors, whole_number
from course.reward.rules import distinct_n
from course.score import check_texts


def distinct_score(texts: Sequence[str], n: int = 2) -> Tensor:
    """`distinct_n` of each text, shape (len(texts),), fp32; 1 where nothing repeats.

    Errors as `distinct_n`, and TypeError unless texts is a list of str.  Chapter 05.

    >>> distinct_score(["so so so", "so good"]).tolist()
    [0.5, 1.0]
    """
    whole_number(n=n)
    return torch.tensor([distinct_n(text, n) for text in check_texts(texts)])


def pooled_distinct_n(texts: Sequence[str], n: int = 2) -> float:
    """Share of different word n-grams among those of all texts together, 0 to 1.

    It falls where a policy gives everybody the same text, which no text alone shows;
    1 where there is no n-gram.  Errors as `distinct_score`.
    Source: Li et al. 2016, "A Diversity-Promoting Objective Function".  Chapter 05.

    >>> pooled_distinct_n(["so good", "so good"])
    0.5
    """
    whole_number(n=n)
    if n < 1:
        raise ValueError(f"got n {n}, expected at least 1")
    grams: list[tuple[str, ...]] = []
    for text in check_texts(texts):
        words = text.split()
        grams += zip(*(words[i:] for i in range(n)), strict=False)
    return len(set(grams)) / len(grams) if grams else 1.0


def diversity_bonus(texts: Sequence[str], gate: Tensor, group_size: int) -> Tensor:
    """How unlike its siblings each text is, times its gate: (texts,), 0 to 1.

    Unlike: 1 minus the mean share of common word pairs (Jaccard) with the other texts
    of its group; two texts without a pair are alike.  gate: (texts,), such as 1 where a
    text is good, else 0: what is bad earns nothing for being new.  Raises ValueError
    without whole groups of at least 2.  Chapter 16.

    >>> diversity_bonus(["a b", "a b", "a b", "c d"], torch.tensor([1, 1, 1, 0]), 2)
    tensor([0., 0., 1., 0.])
    """
    whole_number(group_size=group_size)
    tensors(gate=gate)
    check_texts(texts)
    if group_size < 2 or len(texts) % group_size or gate.shape != (len(texts),):
        raise ValueError(
            f"got {len(texts)} texts, gate {tuple(gate.shape)} and group_size "
            f"{group_size}, expected whole groups of at least 2"
        )
    pairs = [set(zip(t.split(), t.split()[1:], strict=False)) for t in texts]
    unlike = []
    for n, own in enumerate(pairs):
        first = n - n % group_size
        others = [pairs[m] for m in range(first, first + group_size) if m != n]
        alike = [len(own & o) / len(own | o) if own | o else 1.0 for o in others]
        unlike.append(1 - sum(alike) / len(others))
    return torch.tensor(unlike, device=gate.device) * gate
