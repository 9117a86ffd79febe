"""Exercise 15.2: when leaving something out pays."""

import torch

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in


def probes(generator: torch.Generator) -> list[Probe]:
    low, middle, high = sorted(torch.rand(3, generator=generator).tolist())
    return [
        Probe("half way", (0.5, 0.0, 1.0)),
        Probe("Russian", (0.717, 0.595, 1.0)),
        Probe("Chinese: silence scores least", (0.67, 0.81, 1.0)),
        Probe("silence as good as wrong", (0.25, 0.25, 1.0)),
        Probe("silence as good as right", (1.0, 0.5, 1.0)),
        Probe("silence better than right", (0.9, 0.2, 0.8)),
        Probe("right earns less than 1", (0.3, 0.1, 0.6)),
        Probe("right earns much", (4.0, 1.0, 7.0)),
        Probe("wrong costs", (0.0, -1.0, 1.0)),
        Probe("silence costs most", (-2.0, -1.0, 0.5)),
        Probe("drawn", (middle, low, high)),
    ]


def cut(p: float) -> float:
    return min(1.0, max(0.0, p))


@mistake(
    "you return the certainty that is missing, 1 − p: solve for the probability of "
    "being right"
)
def the_rest(silent: float, wrong: float, right: float) -> float:
    return cut((right - silent) / (right - wrong))


@mistake(
    "you divide by the score of a right guess: divide by what a right guess earns more "
    "than a wrong one"
)
def over_right(silent: float, wrong: float, right: float) -> float:
    return cut((silent - wrong) / right)


@mistake(
    "you return the gap between silence and a wrong guess: divide it by the gap "
    "between a right and a wrong one"
)
def only_the_gap(silent: float, wrong: float, right: float) -> float:
    return cut(silent - wrong)


@mistake("you forget that a wrong guess is paid, too: its score belongs in both places")
def wrong_is_nothing(silent: float, wrong: float, right: float) -> float:
    return cut(silent / right)


@mistake(
    "you take the right score for 1: a right guess may earn more or less than that"
)
def right_is_one(silent: float, wrong: float, right: float) -> float:
    return cut((silent - wrong) / (1 - wrong)) if wrong != 1 else 1.0


@mistake(
    "your certainty is negative where silence scores less than a wrong guess: there it "
    "never pays, so return 0"
)
def below_zero(silent: float, wrong: float, right: float) -> float:
    return min(1.0, (silent - wrong) / (right - wrong))


@mistake(
    "your certainty is more than 1 where silence scores more than a right guess: there "
    "it always pays, so return 1"
)
def above_one(silent: float, wrong: float, right: float) -> float:
    return max(0.0, (silent - wrong) / (right - wrong))


@mistake(
    "your two ends are the other way round: where silence scores less than a wrong "
    "guess it never pays, 0; where it scores more than a right one it always pays, 1"
)
def ends_swapped(silent: float, wrong: float, right: float) -> float:
    if silent <= wrong:
        return 1.0
    return 0.0 if silent >= right else (silent - wrong) / (right - wrong)


@mistake(
    "you return 0 where silence scores more than a right guess: there it always pays, 1"
)
def nothing_outside(silent: float, wrong: float, right: float) -> float:
    return (silent - wrong) / (right - wrong) if wrong < silent < right else 0.0


@mistake("you have silence and the wrong guess the other way round")
def swapped(silent: float, wrong: float, right: float) -> float:
    return cut((wrong - silent) / (right - wrong))


@mistake("your fraction is turned over: the smaller gap stands above the larger one")
def turned_over(silent: float, wrong: float, right: float) -> float:
    return cut((right - wrong) / (silent - wrong)) if silent != wrong else 0.0


@mistake("you divide by the distance from silence to right: the guess begins at wrong")
def from_silence(silent: float, wrong: float, right: float) -> float:
    return cut((silent - wrong) / (right - silent)) if right != silent else 1.0


def indifferent(function) -> str | None:
    silent, wrong, right = 0.62, 0.5, 0.9
    p = function(silent, wrong, right)
    guess = p * right + (1 - p) * wrong
    if abs(guess - silent) < 1e-6:
        return None
    return (
        "at the certainty that you return, a guess must earn as much as silence, "
        f"{silent}; at yours it earns {guess:.3g}"
    )


@mistake("you return the odds against being right: return the probability of it")
def odds_against(silent: float, wrong: float, right: float) -> float:
    return cut((right - silent) / (silent - wrong)) if silent != wrong else 0.0


@mistake("your brackets are missing: both differences are taken before dividing")
def without_brackets(silent: float, wrong: float, right: float) -> float:
    return cut(silent - wrong / (right or 1.0) - wrong)


@mistake("you divide by the sum of right and wrong: by their difference")
def share_of_the_sum(silent: float, wrong: float, right: float) -> float:
    return cut(silent / ((right + wrong) or 1.0))


@mistake("you return one half whatever the scores: the certainty depends on them")
def one_half(silent: float, wrong: float, right: float) -> float:
    return 0.5


@mistake("you return a verdict, 0 or 1: the certainty lies between them")
def verdict(silent: float, wrong: float, right: float) -> float:
    return 1.0 if silent > (wrong + right) / 2 else 0.0


@mistake("you return the score of a guess at that certainty: return the certainty")
def score_of_a_guess(silent: float, wrong: float, right: float) -> float:
    p = cut((silent - wrong) / (right - wrong))
    return wrong + p * (right - wrong)


EXERCISE = Exercise(
    number="15.2",
    title="When silence pays",
    minutes=8,
    difficulty=2,
    importance=4,
    reference="course.tasks.translation:silence_pays",
    why="Three numbers of a metric tell, before any training, what a policy that does "
    "not know will learn to leave out.",
    hints=(
        "A student may guess or leave the line empty. How sure must one be before a "
        "guess earns as much as nothing, on average?",
        "A guess earns p · right + (1 − p) · wrong. Set that equal to silent, solve "
        "for p, and keep p between 0 and 1.",
        "`min(1.0, max(0.0, (silent - wrong) / (… - …)))`",
    ),
    probes=probes,
    properties=(Property("indifferent at the threshold", indifferent),),
    mistakes=mistakes_in(__name__),
)
