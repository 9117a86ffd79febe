"""Exercise 5.2: the brevity penalty."""

import math

import torch

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in


def probes(generator: torch.Generator) -> list[Probe]:
    return [
        Probe("equal lengths", (7, 7)),
        Probe("half as long", (5, 10)),
        Probe("twice as long", (10, 5)),
        Probe("one word too short", (9, 10)),
        Probe("one word too long", (11, 10)),
        Probe("one word of three", (1, 3)),
        Probe("an empty hypothesis", (0, 3)),
        Probe("both empty", (0, 0)),
        Probe("an empty reference", (3, 0)),
        Probe("one word of ten", (1, 10)),
        Probe("long texts", (990, 1000)),
        Probe("four fifths", (16, 20)),
    ]


def penalty(exponent: float) -> float:
    return min(1.0, math.exp(exponent))


@mistake(
    "a text longer than the reference gets more than 1: cap the factor at 1, precision "
    "already punishes the surplus"
)
def not_capped(hypothesis_length: int, reference_length: int) -> float:
    if not hypothesis_length:
        return 0.0
    return math.exp(1 - reference_length / hypothesis_length)


@mistake(
    "you return the ratio of the lengths: the penalty is the exponential of 1 − r / h, "
    "which is harder on very short texts"
)
def plain_ratio(hypothesis_length: int, reference_length: int) -> float:
    if not reference_length:
        return 1.0 if hypothesis_length else 0.0
    return min(1.0, hypothesis_length / reference_length)


@mistake("your ratio is turned over: a short text must pay, not a long one")
def turned_over(hypothesis_length: int, reference_length: int) -> float:
    if not hypothesis_length:
        return 0.0
    return penalty(1 - hypothesis_length / max(reference_length, 1))


@mistake(
    "you take the difference of the lengths: divide by the hypothesis' length, so that "
    "one missing word of a hundred costs little"
)
def plain_difference(hypothesis_length: int, reference_length: int) -> float:
    if not hypothesis_length:
        return 0.0
    return penalty(float(hypothesis_length - reference_length))


@mistake("you punish long texts too: their surplus words already lower the precision")
def both_ways(hypothesis_length: int, reference_length: int) -> float:
    short, long = sorted((hypothesis_length, reference_length))
    return penalty(1 - long / short) if short else 0.0


@mistake("you return 0 for every short text: the penalty grows with the gap")
def all_or_nothing(hypothesis_length: int, reference_length: int) -> float:
    if not hypothesis_length:
        return 0.0
    return 1.0 if hypothesis_length >= reference_length else 0.0


@mistake("the 1 in 1 − r / h is missing: equal lengths must cost nothing")
def one_forgotten(hypothesis_length: int, reference_length: int) -> float:
    if not hypothesis_length:
        return 0.0
    return penalty(-reference_length / hypothesis_length)


@mistake("an empty hypothesis must get 0: it is the shortest text of all")
def empty_for_free(hypothesis_length: int, reference_length: int) -> float:
    if not hypothesis_length:
        return 1.0
    return penalty(1 - reference_length / hypothesis_length)


@mistake(
    "the exponential is missing: 1 − r / h is 0 for equal lengths, where the factor "
    "has to be 1"
)
def no_exponential(hypothesis_length: int, reference_length: int) -> float:
    if not hypothesis_length:
        return 0.0
    return min(1.0, max(0.0, 1 - reference_length / hypothesis_length))


def never_above_one(function) -> str | None:
    long = function(100, 10)
    if long == 1:
        return None
    return f"ten times the length must give exactly 1; yours gives {long:.3g}"


def scale_free(function) -> str | None:
    one, ten = function(4, 5), function(40, 50)
    if abs(one - ten) < 1e-9:
        return None
    return (
        "4 words of 5 and 40 of 50 must cost the same; yours gives "
        f"{one:.3g} and {ten:.3g}"
    )


@mistake("you divide whole numbers with //: 1 − m / h needs the exact fraction")
def whole_division(hypothesis_length: int, reference_length: int) -> float:
    if not hypothesis_length:
        return 0.0
    return penalty(1 - reference_length // hypothesis_length)


@mistake("your base is 2: the penalty is a power of e, math.exp")
def base_two(hypothesis_length: int, reference_length: int) -> float:
    if not hypothesis_length:
        return 0.0
    return min(1.0, 2 ** (1 - reference_length / hypothesis_length))


EXERCISE = Exercise(
    number="5.2",
    title="The brevity penalty",
    minutes=5,
    difficulty=1,
    importance=4,
    reference="course.reward.overlap:brevity_penalty",
    why="Precision alone is highest for a text of one safe word; this factor is what "
    "keeps BLEU from rewarding silence.",
    hints=(
        "Precision asks what share of your words is right: which length makes it "
        "easiest to have only right ones?",
        "The factor is exp(1 − r / h), with h the length of the hypothesis and r that "
        "of the reference, and never more than 1. What about h = 0?",
        "`return min(1.0, math.exp(1 - … / …))`, after 0.0 for an empty hypothesis",
    ),
    probes=probes,
    properties=(
        Property("never above 1", never_above_one),
        Property("only the ratio of the lengths counts", scale_free),
    ),
    mistakes=mistakes_in(__name__),
)
