"""SM-2, the published rule that says when a question is asked again."""

from dataclasses import dataclass
from math import ceil

EASE, LEAST_EASE = 2.5, 1.3


@dataclass(frozen=True)
class Card:
    """Where a question stands: repetitions in a row, interval in days, ease."""

    repetitions: int = 0
    interval: int = 0
    ease: float = EASE


def answered(card: Card, quality: int) -> Card:
    """The card after an answer of quality 0 (nothing) to 5 (perfect).

    Below 3 the repetitions start anew and the ease stays.  Raises ValueError on
    another quality.
    Source: P. A. Wozniak 1990, "Optimization of learning", section 3.2 (SM-2).

    >>> answered(answered(Card(), 5), 5).interval
    6
    """
    if isinstance(quality, bool) or quality not in range(6):
        raise ValueError(f"got the quality {quality!r}, expected 0, 1, 2, 3, 4 or 5")
    if quality < 3:
        return Card(0, 1, card.ease)
    miss = 5 - quality
    ease = max(LEAST_EASE, card.ease + 0.1 - miss * (0.08 + miss * 0.02))
    days = {0: 1, 1: 6}.get(card.repetitions) or ceil(card.interval * ease - 1e-9)
    return Card(card.repetitions + 1, days, ease)
