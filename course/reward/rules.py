"""Rewards by rule: a few lines that turn a text into a number.

A rule maps texts to scores, `rule(texts) -> (batch,)`; `rule_score` makes it the plain
function `score(prompts, completions)` that every algorithm of the course takes.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

from course.expect import check_text, whole_number
from course.score import Score, check_texts, whole_texts

Rule = Callable[[Sequence[str]], Tensor]

_LEXICON_WORD = re.compile(r"[a-z]+(?:['-][a-z]+)*")
_NEGATIONS = frozenset(
    ["no", "not", "never", "none", "nor", "neither", "nobody", "nothing", "nowhere"]
    + ["cannot", "without", "hardly", "barely", "scarcely", "rarely", "seldom"]
    + ["lacks", "lacking"]
)
# Measured on people by Hutto & Gilbert 2014: a negation turns round the next three
# words at 0.74 of their strength; before a "but" half of the feeling counts, after it
# one and a half.
_NEGATED, _REACH = -0.74, 3
_BEFORE_BUT, _AFTER_BUT = 0.5, 1.5
_NORMALISER = 15.0  # the same paper's: brings sums of usual sizes into (-1, 1)


def lexicon_score(texts: Sequence[str]) -> Tensor:
    """How friendly the words of a text are: sum / sqrt(sum^2 + 15), within (-1, 1).

    sum adds the valence (-4 to 4) that people gave each word of the lexicon; a
    negation up to three words before turns it round, and a "but" moves weight to what
    follows.  texts: a list of str.  Returns shape (len(texts),), fp32 on the CPU; 0
    where no word is known.  Pearson r with the mean human rating of all 10,605 movie
    snippets: 0.42.
    Source: our own short rules over the word list of Hutto & Gilbert 2014.  Chapter 05.
    """
    from course.data.reviews import lexicon

    valences = _word_valences(lexicon)
    sums = torch.tensor([_valence_sum(text, valences) for text in check_texts(texts)])
    return sums / (sums.square() + _NORMALISER).sqrt()


def _valence_sum(text: str, valences: dict[str, float]) -> float:
    total, weight = 0.0, 1.0
    reach = 0  # how many further words the last negation turns round
    for word in _LEXICON_WORD.findall(text.lower().replace("’", "'")):
        if word == "but":
            total, weight = total * _BEFORE_BUT, _AFTER_BUT
        valence = valences.get(word, 0.0)
        total += weight * valence * (_NEGATED if reach > 0 else 1.0)
        negates = word in _NEGATIONS or word.endswith("n't")
        reach = _REACH if negates else reach - 1
    return total


@cache
def _word_valences(lexicon: Callable[[], dict[str, float]]) -> dict[str, float]:
    return dict(lexicon())


def length_score(texts: Sequence[str]) -> Tensor:
    """Number of words of each text, shape (len(texts),), fp32.

    Chapter 05.

    >>> length_score(["one two", ""]).tolist()
    [2.0, 0.0]
    """
    return torch.tensor([float(len(t.split())) for t in check_texts(texts)])


def distinct_n(text: str, n: int = 2) -> float:
    """Share of different word n-grams among all n-grams of a text; low where it loops.

    1 for a text of fewer than n words: nothing is said twice.  Raises ValueError for
    n < 1.  Source: Li et al. 2016, "A Diversity-Promoting Objective Function".
    Chapter 05.

    >>> distinct_n("so good so good so good", n=2)
    0.4
    """
    whole_number(n=n)
    if n < 1:
        raise ValueError(f"got n {n}, expected at least 1")
    check_text(text)
    words = text.split()
    grams = list(zip(*(words[i:] for i in range(n)), strict=False))
    return len(set(grams)) / len(grams) if grams else 1.0


def rule_score(rule: Rule) -> Score:
    """The rule as `score(prompts, completions)`, judging the text prompt + completion.

    Raises ValueError when the lists differ in length or the rule does not return one
    finite number per text.  Chapter 05.

    >>> rule_score(length_score)(["The film"], [" is good."]).tolist()
    [4.0]
    """

    def score(prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
        texts = whole_texts(prompts, completions)
        scores = torch.as_tensor(rule(texts), dtype=torch.float32)
        if scores.shape != (len(texts),) or not torch.isfinite(scores).all():
            raise ValueError(
                f"got scores {tuple(scores.shape)} from the rule, expected one finite "
                f"number for each of {len(texts)} texts"
            )
        return scores

    return score
