"""Exercise 14.3: when does a metric leave its calm band?"""

from collections.abc import Sequence
from statistics import mean, median, pstdev, stdev, variance

import torch

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in


def probes(generator: torch.Generator) -> list[Probe]:
    def walk(n: int, drift: float, noise: float) -> list[float]:
        steps = drift * torch.arange(n).clamp(min=8).sub(8)
        return (steps + noise * torch.randn(n, generator=generator)).tolist()

    still = [1.0, 1.1, 0.9, 1.0]
    return [
        Probe(
            "two in a row after one alone", (still + [3.0, 1.0, 3.0, 3.0], 4, 4.0, 2)
        ),
        Probe("one alone, run 1", (still + [1.0, 3.0, 1.0], 4, 4.0, 1)),
        Probe("never outside", (still + [1.05, 0.95, 1.0], 4, 4.0, 2)),
        Probe("below the band", (still + [-3.0, -3.0, -3.0], 4, 4.0, 3)),
        Probe("above, then below", (still + [3.0, -3.0, 1.0], 4, 4.0, 2)),
        Probe("just inside the band", (still + [1.3, 1.3, 1.3], 4, 4.0, 2)),
        Probe("a narrow band", (still + [1.2, 1.2, 1.2], 4, 2.0, 2)),
        Probe("shorter than the calm part", (still[:3], 4, 4.0, 2)),
        Probe("no value yet", ([], 4, 4.0, 2)),
        Probe("a metric that never moved", ([2.0] * 6 + [2.0, 2.1, 2.1], 6, 4.0, 2)),
        Probe("a slow drift", (walk(30, 0.3, 0.2), 6, 4.0, 2)),
        Probe("a noisy run", (walk(40, 0.0, 1.0), 6, 2.0, 2)),
        Probe("three in a row", (walk(30, 0.5, 0.2), 8, 4.0, 3)),
        Probe("outside a narrow band from the start", (still + [9.0], 4, 0.5, 2)),
        Probe("a lopsided calm part", ([0.0, 0.0, 0.0, 6.0, 5.5, 5.5], 4, 1.5, 2)),
        Probe("on the edge of the band", ([0.0, 2.0, 1.0, 3.0, 3.0], 3, 2.0, 2)),
        Probe(
            "a calm part that ends outside its band",
            ([1.0, 1.0, 1.0, 2.0, 3.0, 1.2], 4, 1.0, 2),
        ),
        Probe("wild in the calm part", ([0.0, 9.0, 0.0, 9.0, 50.0, 50.0], 4, 4.0, 2)),
    ]


def ring(outside: list[bool], first: int, run: int) -> int | None:
    """The step of the last of `run` true neighbours; outside[0] is step `first`."""
    count = 0
    for step, out in enumerate(outside, start=first):
        count = count + 1 if out else 0
        if count == run:
            return step
    return None


def judged(values, calm, width, run, *, deviation=stdev, centre=mean, side=abs):
    if len(values) < calm:
        return None
    quiet = values[:calm]
    middle, band = centre(quiet), width * deviation(quiet)
    return ring([side(v - middle) > band for v in values[calm:]], calm, run)


@mistake("you divide by n: the deviation of few steps divides by n − 1")
def biased(values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2):
    return judged(values, calm, width, run, deviation=pstdev)


@mistake("you ring only above the band: a metric can fall out of it, too")
def only_above(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    return judged(values, calm, width, run, side=lambda x: x)


@mistake("you ring only below the band: a metric can rise out of it, too")
def only_below(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    return judged(values, calm, width, run, side=lambda x: -x)


@mistake("you ring at the first step outside: `run` neighbours in a row are needed")
def at_once(values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2):
    return judged(values, calm, width, 1)


@mistake(
    "you return the first step of the run: nobody can hear the alarm before its last"
)
def first_of_run(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    found = judged(values, calm, width, run)
    return None if found is None else found - run + 1


@mistake("you count steps outside, in a row or not: a step inside starts anew")
def not_in_a_row(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    if len(values) < calm:
        return None
    middle, band = mean(values[:calm]), width * stdev(values[:calm])
    out = [n for n in range(calm, len(values)) if abs(values[n] - middle) > band]
    return out[run - 1] if len(out) >= run else None


@mistake("you let the calm part ring: only later steps can")
def from_the_start(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    if len(values) < calm:
        return None
    middle, band = mean(values[:calm]), width * stdev(values[:calm])
    return ring([abs(v - middle) > band for v in values], 0, run)


@mistake("your band lies around the median: it lies around the mean")
def around_median(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    return judged(values, calm, width, run, centre=median)


@mistake("you take the variance for the deviation: take its root")
def by_variance(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    return judged(values, calm, width, run, deviation=variance)


@mistake("you count a value on the band's edge as outside: outside is beyond it")
def on_the_edge(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    if len(values) < calm:
        return None
    middle, band = mean(values[:calm]), width * stdev(values[:calm])
    return ring([abs(v - middle) >= band for v in values[calm:]], calm, run)


@mistake("you want the neighbours on one side: above and below the band both count")
def one_side(values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2):
    found = [
        judged(values, calm, width, run, side=lambda x: x),
        judged(values, calm, width, run, side=lambda x: -x),
    ]
    return min((step for step in found if step is not None), default=None)


@mistake("you ring one neighbour too late: at the last of `run`, not after it")
def one_more(values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2):
    return judged(values, calm, width, run + 1)


@mistake("you count the steps from 1: the first step is 0")
def from_one(values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2):
    found = judged(values, calm, width, run)
    return None if found is None else found + 1


@mistake("your calm part has always 6 steps: it has `calm`")
def six_steps(values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2):
    return judged(values, 6, width, run)


@mistake("you want two neighbours always: it is `run`")
def two_always(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    return judged(values, calm, width, 2)


@mistake("you return the last run's end: the alarm rings at the first")
def last_run(values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2):
    if len(values) < calm:
        return None
    middle, band = mean(values[:calm]), width * stdev(values[:calm])
    steps, count = [], 0
    for step in range(calm, len(values)):
        count = count + 1 if abs(values[step] - middle) > band else 0
        steps += [step] if count >= run else []
    return steps[-1] if steps else None


@mistake("you skip the step after the calm part: it can ring already")
def one_late(values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2):
    if len(values) < calm:
        return None
    middle, band = mean(values[:calm]), width * stdev(values[:calm])
    return ring([abs(v - middle) > band for v in values[calm + 1 :]], calm + 1, run)


@mistake("you count the last calm step: only later steps can ring")
def one_early(values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2):
    if len(values) < calm:
        return None
    middle, band = mean(values[:calm]), width * stdev(values[:calm])
    return ring([abs(v - middle) > band for v in values[calm - 1 :]], calm - 1, run)


@mistake("your band moves with the run: it is that of the first `calm` steps")
def moving_band(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    def outside(step: int) -> bool:
        quiet = values[step - calm : step]
        return abs(values[step] - mean(quiet)) > width * stdev(quiet)

    return ring([outside(step) for step in range(calm, len(values))], calm, run)


@mistake("your band grows with the run: it is that of the first `calm` steps")
def growing_band(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    def outside(step: int) -> bool:
        quiet = values[:step]
        return abs(values[step] - mean(quiet)) > width * stdev(quiet)

    return ring([outside(step) for step in range(calm, len(values))], calm, run)


@mistake("you make the band from the whole run: the run's own jump widens it")
def whole_run(values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2):
    if len(values) < calm:
        return None
    middle, band = mean(values), width * stdev(values)
    return ring([abs(v - middle) > band for v in values[calm:]], calm, run)


@mistake("you count steps from the end of the calm part: count from the first step")
def counted_after(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    found = judged(values, calm, width, run)
    return None if found is None else found - calm


@mistake("you leave out `width`: the band is mean ± width × deviation")
def without_width(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    return judged(values, calm, 1.0, run)


@mistake("you return the number of values where nothing rings: return None")
def number_of_values(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
):
    found = judged(values, calm, width, run)
    return len(values) if found is None else found


@mistake("you return −1 where nothing rings: return None")
def minus_one(values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2):
    found = judged(values, calm, width, run)
    return -1 if found is None else found


@mistake("you return whether it rings: return at which step")
def whether(values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2):
    return judged(values, calm, width, run) is not None


EXERCISE = Exercise(
    number="14.3",
    title="An alarm",
    minutes=12,
    difficulty=3,
    importance=4,
    reference="course.reward.overoptimisation:alarm",
    why="A run that is being hacked looks like success on the curve that everybody "
    "watches.",
    hints=(
        "Which steps say what is normal, and which may ring?",
        "Mean and deviation (n − 1) of the first `calm` steps make the band. Walk "
        "through the later steps and count how many neighbours in a row lie outside.",
        "`outside = outside + 1 if … else 0`, and return the step at which it reaches "
        "`run`; None at the end.",
    ),
    probes=probes,
    mistakes=mistakes_in(__name__),
)
