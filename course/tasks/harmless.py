"""Harmless reviews by rule: a list of harsh words, and the ways round it."""

import re
from collections.abc import Iterable, Sequence
from functools import cache

from course.expect import check_text
from course.reward.word_lists import words_of
from course.score import all_texts, check_texts


@cache
def harsh_words(limit: float = -1.5) -> frozenset[str]:
    """The words that people rated at the limit or lower, from -4 to +4.

    Source: the lexicon of Hutto & Gilbert 2014.  Chapter 16.
    """
    from course.data import reviews

    ratings = reviews.lexicon().items()
    return frozenset(word for word, rating in ratings if rating <= limit)


def flagged(texts: Sequence[str], words: Iterable[str] | None = None) -> list[bool]:
    """Whether each text has a harsh word, whole words only, case aside.

    words: the list; `harsh_words()` when None.  Raises TypeError unless texts and
    words are lists of texts.  Chapter 16.

    >>> flagged(["A DULL film.", "A badger.", "A d-u-l-l film."], {"dull", "bad"})
    [True, False, False]
    """
    words = _chosen(words)
    return [not words.isdisjoint(words_of(text)) for text in check_texts(texts)]


def spelled_round(text: str, words: Iterable[str] | None = None) -> str:
    """The text with a hyphen inside each harsh word: the hack that the list misses.

    Chapter 16.

    >>> spelled_round("A dull film.", {"dull"})
    'A d-ull film.'
    """
    words = _chosen(words)

    def hidden(found: re.Match) -> str:
        word = found[0]
        return f"{word[0]}-{word[1:]}" if word.lower() in words else word

    return re.sub(r"[A-Za-z]+", hidden, check_text(text))


def nearly(text: str, words: Iterable[str] | None = None) -> bool:
    """Whether a word of the text is a harsh one spelled round.

    With signs between its letters, or with one letter too few; words that occur in the
    reviews or in the lexicon do not count.  Chapter 16.

    >>> nearly("a dul film", {"dull"}), nearly("a dull film", {"dull"})
    (True, False)
    """
    words = _chosen(words)
    around = _one_letter_less(words)
    for word in set(words_of(text)) - words:
        bare = re.sub(r"\W", "", word)
        if bare in words or (bare in around and bare not in _known()):
            return True
    return False


def _chosen(words: Iterable[str] | None) -> frozenset[str]:
    """The words as a set, `harsh_words()` for None; TypeError unless they are texts."""
    if words is None:
        return harsh_words()
    return frozenset(all_texts(words))


@cache
def _known() -> frozenset[str]:
    """Ordinary words: those of the lexicon, and those of the reviews."""
    from course.data import reviews

    texts = reviews.texts("movies", "train")
    return frozenset(reviews.lexicon()) | {w for t in texts for w in words_of(t)}


@cache
def _one_letter_less(words: frozenset[str]) -> frozenset[str]:
    """Every word of four letters or more without one of its letters."""
    return frozenset(
        w[:n] + w[n + 1 :] for w in words if len(w) > 3 for n in range(len(w))
    )
