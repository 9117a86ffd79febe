"""The grammar of small stories: openings, whole stories, and three ways to fail."""

import random
import re

from course.expect import check_text

HEROES = ("Nora", "Omar", "Lena", "Ivan", "Mina", "Hugo", "Asha", "Finn",
          "Ruth", "Kofi", "Elsa", "Theo")  # fmt: skip
THINGS = ("boat", "kite", "drum", "lamp", "book", "cake", "bike", "ball",
          "coat", "ring", "map", "bell")  # fmt: skip
TROUBLES = ("lost", "cold", "tired", "late", "alone")
HELPERS = ("frog", "owl", "fox", "bear", "goat", "mouse")
HELPS = ("helps", "calls")
GETS = ("gets", "finds")
ENDINGS = ("happy", "glad", "proud")
KINDS = ("unfinished", "taken over", "skipped", "whole")
_OPENING = re.compile(r"(\w+) wants a (\w+)\.")


def wanted(prompt: str) -> tuple[str, str]:
    """The hero and the thing of an opening.

    Raises ValueError on a text that is none.  Chapter 16.

    >>> wanted("Nora wants a boat.")
    ('Nora', 'boat')
    """
    if not (found := _OPENING.fullmatch(check_text(prompt))):
        raise ValueError(f"got {prompt!r}, expected such as 'Nora wants a boat.'")
    return found.groups()


def tell(prompt: str, draw: random.Random, kind: str = "whole") -> str:
    """A story for the opening.

    kind: "whole", "unfinished" (two sentences), "taken over" (the helper gets the
    thing) or "skipped" (it begins with the end); ValueError on another.  Chapter 16.
    """
    if kind not in KINDS:
        raise ValueError(f"got the kind {kind!r}, expected one of {KINDS}")
    hero, thing = wanted(prompt)
    helper = f"The {draw.choice(HELPERS)}"
    story = [
        f" {hero} is {draw.choice(TROUBLES)}.",
        f" {helper} {draw.choice(HELPS)} {hero}.",
        f" {hero} {draw.choice(GETS)} the {thing}.",
        f" {hero} is {draw.choice(ENDINGS)}.",
    ]
    if kind == "taken over":
        story[2:] = [text.replace(hero, helper) for text in story[2:]]
    cut = {"unfinished": slice(2), "skipped": slice(2, 4)}.get(kind, slice(4))
    return "".join(story[cut])


def is_whole(prompt: str, story: str) -> bool:
    """Whether the story is one of the grammar's whole ones for this opening.

    Chapter 16.
    """
    hero, thing = wanted(prompt)
    return bool(
        re.fullmatch(
            rf" {hero} is ({'|'.join(TROUBLES)})\. The ({'|'.join(HELPERS)}) "
            rf"({'|'.join(HELPS)}) {hero}\. {hero} ({'|'.join(GETS)}) the {thing}\. "
            rf"{hero} is ({'|'.join(ENDINGS)})\.",
            check_text(story),
        )
    )
