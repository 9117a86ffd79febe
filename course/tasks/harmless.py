"""Harmless reviews by rule: a list of harsh words, and the ways round it."""

import re
from collections.abc import Iterable, Sequence
from functools import cache

from course.reward.word_lists import words_of

HARSH = frozenset(
    "awful bad boring crap cheap clumsy contrived dull dumb embarrassing empty fails "
    "feeble flat garbage horrible idiotic inane inept insulting junk lame lazy lifeless "
    "mediocre mess moronic nasty offensive painful pathetic pointless pretentious poor "
    "ridiculous shallow silly sloppy stale stupid tedious terrible tired tiresome trash "
    "trite ugly unfunny waste weak worst worse".split()
)


def flagged(texts: Sequence[str], words: Iterable[str] = HARSH) -> list[bool]:
    """Whether each text has a harsh word, whole words only, case aside.  Chapter 16.

    >>> flagged(["A DULL film.", "A badger.", "A d-u-l-l film."])
    [True, False, False]
    """
    words = frozenset(words)
    return [not words.isdisjoint(words_of(text)) for text in texts]


def spelled_round(text: str, words: Iterable[str] = HARSH) -> str:
    """The text with a hyphen inside each harsh word: the hack that the list misses.

    Chapter 16.

    >>> spelled_round("A dull film.")
    'A d-ull film.'
    """

    def hidden(found: re.Match) -> str:
        word = found[0]
        return f"{word[0]}-{word[1:]}" if word.lower() in words else word

    return re.sub(r"[A-Za-z]+", hidden, text)


def nearly(text: str, words: Iterable[str] = HARSH) -> bool:
    """Whether a word of the text is a harsh one spelled round: one letter away.

    One letter more, less or other, or signs between the letters; words that the
    lexicon of ratings knows do not count, nor those of fewer than four letters.
    Chapter 16.

    >>> nearly("a dul film"), nearly("a d-ull film"), nearly("a dull film")
    (True, True, False)
    """
    around = _neighbours(frozenset(words))
    for word in words_of(text):
        bare = re.sub(r"\W", "", word)
        if word not in words and len(bare) > 2:
            if bare in words or (bare in around and bare not in _known()):
                return True
    return False


@cache
def _known() -> frozenset[str]:
    """Ordinary words: those of the lexicon, and those of the reviews."""
    from course.data import reviews

    texts = reviews.texts("movies", "train")
    return frozenset(reviews.lexicon()) | {w for t in texts for w in words_of(t)}


@cache
def _neighbours(words: frozenset[str]) -> frozenset[str]:
    """Every string one letter away from a word."""
    letters, found = "abcdefghijklmnopqrstuvwxyz", set()
    for word in words:
        for n in range(len(word) + 1):
            head, tail = word[:n], word[n:]
            found |= {head + c + tail for c in letters}
            if tail:
                found |= {head + tail[1:], *(head + c + tail[1:] for c in letters)}
    return frozenset(found - words)
