"""Rewards that look for words that are forbidden."""

import re
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from course.expect import check_text
from course.reward.rules import Rule
from course.score import all_texts, check_texts

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


def words_of(text: str) -> list[str]:
    """The lower-case words of a text, without punctuation.

    Chapter 05.

    >>> words_of("It isn't so-so: GOOD!")
    ['it', "isn't", 'so-so', 'good']
    """
    check_text(text)
    return _WORD.findall(text.lower())


def forbidden_words(words: Iterable[str]) -> Rule:
    """A rule: minus the number of forbidden words in a text; 0 is the best score.

    The rule maps texts to shape (len(texts),), fp32.  Case does not count, whole
    words only.  Raises ValueError without words, TypeError for one str.  Chapter 05.

    >>> forbidden_words(["bad"])(["Bad, bad badger.", "Fine."]).tolist()
    [-2.0, 0.0]
    """
    banned = _word_set(words)

    def rule(texts: Sequence[str]) -> Tensor:
        found = [sum(w in banned for w in words_of(t)) for t in check_texts(texts)]
        return -torch.tensor(found, dtype=torch.float32) + 0.0  # no negative zero

    return rule


def _word_set(words: Iterable[str]) -> frozenset[str]:
    words = all_texts(words)
    kept = frozenset(word.lower() for word in words)
    if not kept:
        raise ValueError("got no words, expected at least one")
    return kept
