"""A talk with a user who wants a table: ask for what is missing, then book.

The user is a program.  The habit of the clerk whose talks are imitated is to book at
once and to guess what was not said.
"""

import hashlib
import random
import re
from dataclasses import dataclass

from course.expect import check_text, whole, whole_number

CITIES = ("Paris", "Rome", "Tokyo", "Cairo", "Lima", "Oslo", "Delhi", "Quito")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SEATS = ("one", "two", "three", "four", "five", "six")
SLOTS = {"city": CITIES, "day": DAYS, "seats": SEATS}
QUESTIONS = {"city": " which city?", "day": " which day?", "seats": " how many?"}
MOST_TURNS, MAX_NEW_TOKENS, COST = 4, 7, 0.05
_BOOKING = re.compile(r" book (\w+) (\w+) (\w+)\.")


@dataclass(frozen=True)
class Wish:
    """What a user wants, and which of it is said at the beginning.  Chapter 16."""

    city: str
    day: str
    seats: str
    told: tuple[str, ...]

    def opening(self) -> str:
        """The user's first words.

        >>> Wish("Rome", "Friday", "two", told=("day",)).opening()
        'a table Friday >'
        """
        return (
            "a table" + "".join(f" {getattr(self, slot)}" for slot in self.told) + " >"
        )

    def answer(self, said: str) -> str | None:
        """The user's next words; None when the talk is over.

        A question gets its answer.  A booking ends the talk, and so does anything that
        the user cannot understand.

        >>> Wish("Rome", "Friday", "two", told=()).answer(" which day?")
        ' Friday >'
        """
        check_text(said)
        for slot, question in QUESTIONS.items():
            if said == question:
                return f" {getattr(self, slot)} >"
        return None

    def booking(self) -> str:
        """The one booking that is right."""
        return f" book {self.city} {self.day} {self.seats}."


def booked(said: str) -> bool:
    """Whether the words are a booking of a city, a day and seats, right or wrong.

    Raises TypeError unless they are a text.  Chapter 16.

    >>> booked(" book Rome Friday two."), booked(" book Rome.")
    (True, False)
    """
    found = _BOOKING.fullmatch(check_text(said))
    pairs = zip(found.groups(), SLOTS.values(), strict=True) if found else ()
    return bool(found) and all(word in allowed for word, allowed in pairs)


def wishes(split: str, n: int, seed: int) -> list[Wish]:
    """n users, each with a random part of the wish said at the beginning.

    split: "train" or "held-out", a fifth of the 336 wishes, kept by a hash.  Raises
    ValueError on another split and without a user.  Chapter 16.
    """
    whole_number(seed=seed)
    whole(1, n=n)
    if split not in ("train", "held-out"):
        raise ValueError(f"got split {split!r}, expected 'train' or 'held-out'")
    draw, found = random.Random(f"{split} {seed}"), []
    while len(found) < n:
        wish = [draw.choice(words) for words in SLOTS.values()]
        told = draw.sample(list(SLOTS), draw.randrange(4))
        kept = hashlib.sha256(" ".join(wish).encode()).digest()[0] < 51
        if kept == (split == "held-out"):
            found.append(Wish(*wish, tuple(slot for slot in SLOTS if slot in told)))
    return found


def clerk(wish: Wish, known: set[str], draw: random.Random) -> str:
    """What a careless clerk says who knows these slots: mostly a booking that guesses.

    25 % ask for what is missing or book right, 10 % ask anything, 65 % book at once.
    Chapter 16.
    """
    missing, luck = [slot for slot in SLOTS if slot not in known], draw.random()
    if luck < 0.25 and missing:
        return QUESTIONS[draw.choice(missing)]
    if luck > 0.9:
        return QUESTIONS[draw.choice(list(SLOTS))]
    guess = {slot: draw.choice(words) for slot, words in SLOTS.items()}
    guess |= {slot: getattr(wish, slot) for slot in known}
    return f" book {guess['city']} {guess['day']} {guess['seats']}."


def demonstrations(n: int, seed: int) -> list[tuple[str, str]]:
    """Pairs of the talk so far and the careless clerk's words, at least n.

    Chapter 16.
    """
    whole_number(seed=seed)
    draw, pairs = random.Random(seed), []
    for wish in wishes("train", n, seed):
        text, known = wish.opening(), set(wish.told)
        for _ in range(MOST_TURNS):
            said = clerk(wish, known, draw)
            pairs.append((text, said))
            answer = wish.answer(said)
            if answer is None:
                break
            text += said + answer
            known |= {slot for slot, q in QUESTIONS.items() if q == said}
    return pairs
