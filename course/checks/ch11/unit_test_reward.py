"""Exercise 11.5: a reward that a program verifies."""

import re

import torch
from torch import Tensor

from course.checks.exercise import (
    Exercise,
    Probe,
    Property,
    mistake,
    mistakes_in,
)

Texts = list[str]


def probes(generator: torch.Generator) -> list[Probe]:
    a, b = torch.randint(10, 100, (2, 8), generator=generator).tolist()
    sums = [x + y for x, y in zip(a, b, strict=True)]
    drawn = [f"{x}+{y}=" for x, y in zip(a, b, strict=True)]
    shifts = (0, 1, 0, -1, 10, 0, 2, 0)
    written = [str(s + shift) for s, shift in zip(sums, shifts, strict=True)]

    def same(*completions: str) -> tuple[Texts, Texts]:
        return ["27+58="] * len(completions), list(completions)

    return [
        Probe("a right answer", same("85")),
        Probe("a wrong answer", same("84")),
        Probe("a carry into the hundreds", (["99+99="], ["198"])),
        Probe("two prompts", (["27+58=", "10+10="], ["85", "85"])),
        Probe("nothing written", same("", " ", "85")),
        Probe("words", same("eighty-five", "85 or so", "it is 85", "85")),
        Probe("space around the answer", same(" 85\n", " 85", "8 5")),
        Probe("the question copied", same("27+58", "85+0", "85")),
        Probe("the question, then the answer", same("27+58=85", "27+58= 85", "85")),
        Probe("every answer at once", same("848586", "85848586", "185")),
        Probe("signs, zeros and underscores", same("+85", "085", "8_5", "85.0")),
        Probe("a line after the answer", same("85\n86", "85\n", "86\n85", "85\t\n")),
        Probe("answers of other types", same("85.0", "8.5e1", "0x55", "0b1010101")),
        Probe("brackets and quotes", same("'85'", "(85)", "85.", "85,", "$85")),
        Probe("the sign of a loss", same("-85", "−85", "- 85", "85")),
        Probe("too many zeros", same("0085", "85 ", "85\u200b", "8\n5")),
        Probe("other digits", same("８５", "٨٥", "85")),
        Probe("a text without an end", same("85" * 3000, "9" * 6000, "85")),
        Probe("eight problems", (drawn, written)),
    ]


def right(prompt: str) -> int:
    a, b = prompt.rstrip("=").split("+")
    return int(a) + int(b)


def reward(passes) -> Tensor:
    return torch.tensor([float(x) for x in passes])


def each(test):
    """A mistaken reward from a test of one prompt and one completion."""

    def function(prompts: Texts, completions: Texts) -> Tensor:
        return reward(test(p, c) for p, c in zip(prompts, completions, strict=True))

    return function


def as_int(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def as_float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def value_of(text: str) -> int | None:
    """What eval would say of sums, without running anything."""
    parts = [p.strip() for p in text.split("+")]
    if all(re.fullmatch(r"[1-9][0-9]{0,5}|0", p) for p in parts):
        return sum(map(int, parts))
    return None


def first_number(text: str) -> int | None:
    found = re.search(r"[0-9]{1,9}", text)
    return int(found[0]) if found else None


def partial(prompt: str, completion: str) -> float:
    wanted = str(right(prompt))
    hits = sum(x == y for x, y in zip(wanted, completion.strip(), strict=False))
    return hits / max(len(wanted), len(completion.strip()))


@mistake("you refuse an answer with space around it: strip() the completion first")
def no_space(prompts: Texts, completions: Texts) -> Tensor:
    pairs = zip(prompts, completions, strict=True)
    return reward(c == str(right(p)) for p, c in pairs)


@mistake(
    "you pay a completion that repeats the question first: the whole of it, without "
    "the space around it, is the sum"
)
def question_forgiven(prompts: Texts, completions: Texts) -> Tensor:
    pairs = zip(prompts, completions, strict=True)
    return reward(c.strip().removeprefix(p).strip() == str(right(p)) for p, c in pairs)


@mistake(
    "you compare every completion with the answer to the first prompt: take prompts "
    "and completions in pairs"
)
def first_prompt(prompts: Texts, completions: Texts) -> Tensor:
    return reward(c.strip() == str(right(prompts[0])) for c in completions)


@mistake(
    "you return the share of right answers: every completion needs a reward of its own"
)
def of_the_batch(prompts: Texts, completions: Texts) -> Tensor:
    passed = EXERCISE.load()(prompts, completions)
    return passed.mean().expand_as(passed).clone()


@mistake(
    "a failed test gives 0 here, not −1: the baseline of the group makes the "
    "difference anyway"
)
def punished(prompts: Texts, completions: Texts) -> Tensor:
    return 2 * EXERCISE.load()(prompts, completions) - 1


@mistake(
    "you join the two numbers as texts, 27 and 58 to 2758: turn them into int before "
    "you add"
)
def texts_joined(prompts: Texts, completions: Texts) -> Tensor:
    pairs = zip(prompts, completions, strict=True)
    return reward(c.strip() == p.rstrip("=").replace("+", "") for p, c in pairs)


def one_for_each(function) -> str | None:
    """Neighbours in the batch do not matter."""
    prompts, completions = ["27+58=", "10+10=", "40+2="], ["85", "21", "42"]
    alone = [
        float(function([p], [c])[0])
        for p, c in zip(prompts, completions, strict=True)
    ]  # fmt: skip
    if function(prompts, completions).tolist() == alone:
        return None
    return "a reward must not depend on the other texts of the batch; yours does"


no_strip_of_the_end = mistake(
    "you take the space away on one side only: it may stand before and after the answer"
)(each(lambda p, c: c.lstrip() == str(right(p))))
first_line_only = mistake(
    "you look at the first line only: whatever follows it would be forgiven"
)(each(lambda p, c: c.strip().split("\n")[0].strip() == str(right(p))))
last_word_only = mistake(
    "you look at the last word only: whatever stands before it would be forgiven"
)(each(lambda p, c: c.split()[-1:] == [str(right(p))]))
first_word_only = mistake(
    "you look at the first word only: whatever follows it would be forgiven"
)(each(lambda p, c: c.split()[:1] == [str(right(p))]))
space_inside = mistake(
    "you take every space away: 8 5 is not 85, only the space around it is allowed"
)(each(lambda p, c: "".join(c.split()) == str(right(p))))
digits_only = mistake(
    "you keep the digits and forgive everything else: compare the whole text"
)(each(lambda p, c: "".join(re.findall(r"[0-9]", c)) == str(right(p))))
read_by_float = mistake(
    "float() also reads 85.0, 8.5e1 and +85: compare the text, so that there is one "
    "way to be right"
)(each(lambda p, c: as_float(c) == right(p)))
close_enough = mistake(
    "you allow an answer that is off by one: a test is passed or not"
)(each(lambda p, c: as_int(c) is not None and abs(as_int(c) - right(p)) <= 1))
as_a_word = mistake(
    "you look for the answer as a word anywhere in the text: whatever stands around it "
    "would be forgiven"
)(each(lambda p, c: bool(re.search(rf"\b{right(p)}\b", c))))
ends_with_the_answer = mistake(
    "you only look at the end: a policy that writes every number in turn would pass"
)(each(lambda p, c: c.strip().endswith(str(right(p)))))
zeros_forgiven = mistake(
    "you forgive zeros in front: Python writes 85, so 085 is not the answer"
)(each(lambda p, c: c.strip().lstrip("0") == str(right(p))))
evaluates_the_answer = mistake(
    "your test evaluates what the policy wrote, so it can copy the question and be "
    "paid; and evaluated text is code of a stranger"
)(each(lambda p, c: value_of(c) == right(p)))
contains_the_answer = mistake(
    "you only ask whether the answer occurs in the text: a policy that writes many "
    "numbers would pass"
)(each(lambda p, c: str(right(p)) in c))
begins_with_the_answer = mistake(
    "you only look at the beginning: a policy that never stops writing would pass"
)(each(lambda p, c: c.strip().startswith(str(right(p)))))
read_by_int = mistake(
    "int() also reads +85, 085, 8_5 and digits of other scripts: compare the text, so "
    "that there is one way to be right"
)(each(lambda p, c: as_int(c) == right(p)))
takes_the_first_number = mistake(
    "you look for the first number in the text: everything around it would be forgiven"
)(each(lambda p, c: first_number(c) == right(p)))
partial_credit = mistake(
    "you give partial credit for digits in place: a test is passed or not, and "
    "half-right answers would be learned as well"
)(each(partial))


@mistake("you pay for each digit that is right: a test is passed or not")
def share_of_digits(prompts: list[str], completions: list[str]) -> Tensor:
    rewards = []
    for prompt, completion in zip(prompts, completions, strict=True):
        a, b = prompt.rstrip("=").split("+")
        wanted = str(int(a) + int(b))
        hits = zip(completion.strip(), wanted, strict=False)
        rewards.append(sum(x == y for x, y in hits) / len(wanted))
    return torch.tensor(rewards)


@mistake(
    "isdigit() lets through what Python does not write: leading zeros, digits of other "
    "scripts, and int() refuses very long ones; compare texts"
)
def digits_then_int(prompts: list[str], completions: list[str]) -> Tensor:
    rewards = []
    for prompt, completion in zip(prompts, completions, strict=True):
        a, b = prompt.rstrip("=").split("+")
        text = completion.strip()
        try:
            passed = text.isdigit() and int(text) == int(a) + int(b)
        except ValueError:
            passed = False
        rewards.append(float(passed))
    return torch.tensor(rewards)


EXERCISE = Exercise(
    number="11.5",
    title="A reward that a program verifies",
    minutes=15,
    difficulty=2,
    importance=5,
    reference="course.reward.verifiable:unit_test_reward",
    why="A policy searches for whatever your test lets through, and it has thousands "
    "of tries in a minute.",
    hints=(
        "What is the only text that a strict teacher would mark as right, and what "
        "else would your test let pass?",
        "Take the two numbers out of the prompt and write their sum with str(). A "
        "completion passes when, without the space around it, it is that text.",
        "`a, b = prompt.rstrip('=').split('+')`, then `completion.strip() == …`, and "
        "`torch.tensor(passed, dtype=torch.float32)`",
    ),
    probes=probes,
    properties=(Property("one text, one reward", one_for_each),),
    exact_dtype=True,
    mistakes=mistakes_in(__name__),
)
