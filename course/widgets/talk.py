"""Talk to a clerk, turn by turn: you are the user."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ipywidgets as w

from course.expect import check_text, whole_number
from course.lm.sampling import write
from course.runtime import generator
from course.score import check_texts
from course.tasks.booking import MAX_NEW_TOKENS, MOST_TURNS, QUESTIONS, SLOTS, booked
from course.widgets import panel

HEAD = ("turn", "who", "words")
_NUMBERS = dict(zip("123456", SLOTS["seats"], strict=True))


def understood(words: str) -> list[str]:
    """The city, day and seats among free words, in this order, as the clerk knows them.

    >>> understood("On FRIDAY, in rome please, for 2")
    ['Rome', 'Friday', 'two']
    """
    given = {
        _NUMBERS.get(word, word.lower())
        for word in re.findall(r"\w+", check_text(words))
    }
    return [word for slot in SLOTS.values() for word in slot if word.lower() in given]


@dataclass
class Talk:
    """One talk: what was said, the text that the policy reads, whether it is over."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    over: bool = False

    def say(self, policy: Any, tokenizer: Any, words: str, seed: int = 0) -> str:
        """Your words; returns a sentence about the clerk's answer.

        Nothing is said where the talk is over or no word of yours is known.
        """
        whole_number(seed=seed)
        if not isinstance(words, str):
            raise TypeError(f"got a {type(words).__name__}, expected words (str)")
        words = words.encode(errors="replace").decode()  # half a surrogate pair
        known = understood(words)
        if self.over:
            return "This talk is over: begin a new one."
        if self.text and not known:
            allowed = ", ".join(slot[0] for slot in SLOTS.values())
            return f"Got {words!r}, expected a city, a day or seats, such as {allowed}."
        self.text += ("" if self.text else "a table") + "".join(f" {k}" for k in known)
        self.text += " >"
        turn = len(self.lines) // 2
        (said,) = write(
            policy, tokenizer, [self.text], max_new_tokens=MAX_NEW_TOKENS,
            generator=generator(seed + turn),
        )  # fmt: skip
        self.text += said
        self.lines += [("you", words.strip() or "a table, please"), ("clerk", said)]
        self.over = said not in QUESTIONS.values() or turn + 1 == MOST_TURNS
        return self.verdict(said)

    def verdict(self, said: str) -> str:
        """The clerk's last words, described."""
        check_text(said)
        if not self.over:
            return f"The clerk asks:{said} Answer it."
        told = understood(" ".join(words for who, words in self.lines if who == "you"))
        if not booked(said):
            return f"The clerk ends the talk without a booking: {said.strip()!r}."
        unsaid = [word for word in understood(said) if word not in told]
        if unsaid:
            guessed = ", ".join(unsaid)
            return f"The clerk books and guesses {guessed}, which you never said."
        return "The clerk books what you said."

    def rows(self) -> list[tuple[str, str, str]]:
        """The talk as rows of text."""
        return [
            (str(n // 2 + 1), who, panel.visible(words).replace("␣", " ").strip())
            for n, (who, words) in enumerate(self.lines)
        ]


def show_talk(
    policies: Mapping[str, Any], tokenizer: Any, words: Sequence[str], seed: int = 0
) -> None:
    """Print a talk with each policy; words: yours, turn by turn: the panel by code."""
    whole_number(seed=seed)
    check_texts(words)
    for name, policy in policies.items():
        talk, sentence = Talk(), "Nothing was said."
        for mine in words:
            if talk.over:
                break
            sentence = talk.say(policy, tokenizer, mine, seed)
        print(f"— {name}")
        print(panel.text_table(HEAD, talk.rows()))
        print(sentence)


@dataclass
class Desk:
    """What the panel keeps: the talk, and how many were begun."""

    talk: Talk = field(default_factory=Talk)
    begun: int = 0


def talk_panel(
    policies: Mapping[str, Any], tokenizer: Any, key: str = "talk"
) -> w.VBox:
    """The panel: choose a clerk, say something, read the answer."""
    desk = panel.panel_state(key, Desk)
    wide = {"style": {"description_width": "initial"}, "layout": w.Layout(width="32em")}
    who = w.Dropdown(description="Clerk", options=list(policies), **wide)
    words = w.Text(description="Your words", placeholder="a table in Rome", **wide)
    say, new = w.Button(description="Say it"), w.Button(description="New talk")
    status, rows = w.HTML(), w.HTML()

    def render(sentence: str) -> None:
        status.value = panel.status(sentence)
        rows.value = panel.table("The talk", HEAD, desk.talk.rows())

    def speak(_: Any) -> None:
        before = len(desk.talk.lines)
        sentence = desk.talk.say(
            policies[who.value], tokenizer, words.value, seed=100 * desk.begun
        )
        render(sentence)
        if len(desk.talk.lines) > before:  # what was not understood is kept
            words.value = ""

    def begin(_: Any) -> None:
        desk.talk, desk.begun = Talk(), desk.begun + 1
        render("A new talk: say what you want, or nothing.")

    say.on_click(speak)
    new.on_click(begin)
    render("Say what you want: a city, a day, seats, or only some of them.")
    return w.VBox([who, words, w.HBox([say, new]), status, rows])
