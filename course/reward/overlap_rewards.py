"""BLEU and ROUGE as rewards: the mean overlap with some reference texts."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course.reward.rules import Rule
from course.score import check_texts

Overlap = Callable[[str, str], float]  # (hypothesis, reference) -> 0 to 1


def mean_overlap(overlap: Overlap, references: Sequence[str]) -> Rule:
    """A rule: a text's mean overlap with all references, such as `bleu` or `rouge_l`.

    The rule maps texts to shape (len(texts),), fp32.  Raises ValueError without
    references, TypeError unless they are a list of str.  Chapter 05.

    >>> from course.reward.overlap import rouge_l
    >>> mean_overlap(rouge_l, ["good", "bad"])(["Good!"]).tolist()
    [0.5]
    """
    wanted = list(check_texts(references))
    if not wanted:
        raise ValueError("got no references, expected at least one")

    def rule(texts: Sequence[str]) -> Tensor:
        return torch.tensor(
            [
                sum(overlap(text, r) for r in wanted) / len(wanted)
                for text in check_texts(texts)
            ]
        )

    return rule


def overlap_score(overlap: Overlap, references: Sequence[str]) -> Callable:
    """`score(prompts, completions)` where each completion has a reference of its own.

    references: one per prompt of each call, in the same order, as a translation
    or a summary has.  Only the completion is compared.  Returns shape (batch,), fp32.
    The function raises ValueError on lists of unequal length.  Chapter 05.

    >>> from course.reward.overlap import rouge_l
    >>> overlap_score(rouge_l, ["so good"])(["It is"], ["so bad"]).tolist()
    [0.5]
    """
    wanted = list(check_texts(references))

    def score(prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
        check_texts(prompts)
        check_texts(completions)
        if not len(prompts) == len(completions) == len(wanted):
            raise ValueError(
                f"got {len(prompts)} prompts, {len(completions)} completions and "
                f"{len(wanted)} references, expected the same number of each"
            )
        return torch.tensor(
            [overlap(c, r) for c, r in zip(completions, wanted, strict=True)]
        )

    return score
