"""Dates in German, Russian and Chinese: right, word for word, and without the month."""

import hashlib
from datetime import date
from functools import cache

from course.expect import check_text

# Babel's patterns: right, word for word, and right but for the month left out.
PATTERNS = {
    "de": ("EEEE, d. MMMM", "EEEE, LLLL d", "EEEE, d."),
    "ru": ("EEEE, d MMMM", "EEEE, LLLL d", "EEEE, d"),
    "zh": ("M月d日EEEE", "EEEE, LLLL d", "d日EEEE"),
}


@cache
def date_pairs(language: str) -> dict[str, tuple[str, str, str]]:
    """Prompt -> (right, word for word, without the month), for each day and weekday.

    2,562 prompts such as "de: Sunday, May 7 =".  Raises ValueError on a language other
    than "de", "ru" or "zh".  Source: Unicode CLDR, through Babel.  Chapter 15.
    """
    from babel.dates import format_date

    if language not in PATTERNS:
        raise ValueError(f"got language {language!r}, expected one of {[*PATTERNS]}")
    days = {}  # (month, day, weekday) -> a date; 28 years hold them all
    for number in range(date(2000, 1, 1).toordinal(), date(2028, 1, 1).toordinal()):
        day = date.fromordinal(number)
        days.setdefault((day.month, day.day, day.weekday()), day)
    pairs = {}
    for _, day in sorted(days.items()):
        prompt = f"{language}: {format_date(day, 'EEEE, MMMM d', 'en')} ="
        pairs[prompt] = tuple(
            " " + format_date(day, pattern, language) for pattern in PATTERNS[language]
        )
    return pairs


def held_out(prompt: str) -> bool:
    """Whether the day is kept from training: a fifth, the same in all languages.

    By a hash, so that a day never moves.  Chapter 15.
    """
    day = check_text(prompt).partition(": ")[2]
    return hashlib.sha256(day.encode()).digest()[0] < 52  # 52 of 256
