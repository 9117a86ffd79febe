"""Exercise 17.2: a judge and a few people."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def call(n: int, m: int, weight: float, z: float = 1.96):
        asked = (torch.rand(n, generator=generator) > 0.4).float()
        noise = torch.rand(n, generator=generator)
        judged = 0.6 * asked + 0.4 * noise
        return asked, judged, torch.rand(m, generator=generator), weight, z

    yes = torch.tensor([0.0, 1.0, 1.0, 0.0])
    few = torch.tensor([0.2, 0.9, 0.4]), torch.tensor([0.1, 0.8, 0.8])
    return [
        Probe("people alone", (yes[:2], yes[1:3], yes[:2], 0.0, 1.96)),
        Probe("a judge without error", (yes, yes, yes[:3], 1.0, 1.96)),
        Probe("three asked, two not", (*few, torch.tensor([0.5, 0.9]), 1.0, 1.96)),
        Probe("half of the weight", (*few, torch.tensor([0.5, 0.9, 0.1]), 0.5, 1.96)),
        Probe("twenty asked", call(20, 60, 1.0)),
        Probe("a weight of 0.7", call(15, 40, 0.7)),
        Probe("another z", call(12, 30, 0.4, 1.64)),
        Probe("as many asked as not", call(10, 10, 1.0)),
        Probe("ratings from -4 to 4", (
            draw(9, seed=1) * 2, draw(9, seed=2) * 2, draw(20, seed=3) * 2, 0.8, 1.96)),
    ]  # fmt: skip


def ends(middle: Tensor, variance: Tensor, z: float) -> Tensor:
    half = z * variance.sqrt()
    return torch.stack([middle - half, middle + half])


def parts(asked: Tensor, judged: Tensor, unasked: Tensor, weight: float):
    errors = asked - weight * judged
    middle = errors.mean() + weight * unasked.mean()
    return errors, middle, errors.var() / len(asked)


@mistake("this is the judge alone: its errors on the asked texts do not come in")
def judge_alone(asked, judged, unasked, weight, z):
    middle = weight * unasked.mean()
    return ends(middle, weight**2 * unasked.var() / len(unasked), z)


@mistake("this is people alone: the judge, with its weight, does not come in")
def people_alone(asked, judged, unasked, weight, z):
    return ends(asked.mean(), asked.var() / len(asked), z)


@mistake(
    "you subtract people from the judge: what is added is what the judge was short of, "
    "people minus judge"
)
def sign_turned(asked, judged, unasked, weight, z):
    errors, _, variance = parts(asked, judged, unasked, weight)
    middle = weight * unasked.mean() - errors.mean()
    return ends(middle, variance + weight**2 * unasked.var() / len(unasked), z)


@mistake("the variance of the judge's mean is missing: it is an estimate, too")
def judge_as_exact(asked, judged, unasked, weight, z):
    _, middle, variance = parts(asked, judged, unasked, weight)
    return ends(middle, variance, z)


@mistake("the weight of the judge's mean is squared in its variance")
def weight_not_squared(asked, judged, unasked, weight, z):
    _, middle, variance = parts(asked, judged, unasked, weight)
    return ends(middle, variance + weight * unasked.var() / len(unasked), z)


@mistake("you leave the weight out: it stands at the judge's values in both parts")
def weight_forgotten(asked, judged, unasked, weight, z):
    _, middle, variance = parts(asked, judged, unasked, 1.0)
    return ends(middle, variance + unasked.var() / len(unasked), z)


@mistake(
    "the weight stands at the unasked texts only: use it on the asked ones as well"
)
def weight_in_one_part(asked, judged, unasked, weight, z):
    errors = asked - judged
    middle = errors.mean() + weight * unasked.mean()
    variance = errors.var() / len(asked) + weight**2 * unasked.var() / len(unasked)
    return ends(middle, variance, z)


@mistake(
    "you use the spread of single texts: the variance of a mean is divided by the "
    "number of texts"
)
def not_divided(asked, judged, unasked, weight, z):
    errors, middle, _ = parts(asked, judged, unasked, weight)
    return ends(middle, errors.var() + weight**2 * unasked.var(), z)


@mistake("you add standard errors: add the variances, and take the root of the sum")
def roots_added(asked, judged, unasked, weight, z):
    _, middle, variance = parts(asked, judged, unasked, weight)
    other = weight * (unasked.var() / len(unasked)).sqrt()
    return ends(middle, (variance.sqrt() + other) ** 2, z)


@mistake(
    "you add the variances of people and judge: the two were asked about the same "
    "texts, so take the variance of the difference"
)
def not_paired(asked, judged, unasked, weight, z):
    _, middle, _ = parts(asked, judged, unasked, weight)
    variance = (asked.var() + weight**2 * judged.var()) / len(asked)
    return ends(middle, variance + weight**2 * unasked.var() / len(unasked), z)


@mistake("your variances divide by n: divide by n − 1, as `var` does by itself")
def biased(asked, judged, unasked, weight, z):
    errors, middle, _ = parts(asked, judged, unasked, weight)
    variance = errors.var(correction=0) / len(asked)
    more = weight**2 * unasked.var(correction=0) / len(unasked)
    return ends(middle, variance + more, z)


@mistake("you divide both variances by the texts asked: the judge's mean is of others")
def n_for_both(asked, judged, unasked, weight, z):
    _, middle, variance = parts(asked, judged, unasked, weight)
    return ends(middle, variance + weight**2 * unasked.var() / len(asked), z)


@mistake("the numbers of texts are exchanged: each variance is divided by its own")
def sizes_exchanged(asked, judged, unasked, weight, z):
    errors, middle, _ = parts(asked, judged, unasked, weight)
    other = weight**2 * unasked.var() / len(asked)
    return ends(middle, errors.var() / len(unasked) + other, z)


@mistake("you divide by all texts: each variance is divided by the number of its own")
def by_all_texts(asked, judged, unasked, weight, z):
    errors, middle, _ = parts(asked, judged, unasked, weight)
    both = errors.var() + weight**2 * unasked.var()
    return ends(middle, both / (len(asked) + len(unasked)), z)


@mistake("the weight is missing in the variance of people minus judge")
def weight_missing_in_errors(asked, judged, unasked, weight, z):
    _, middle, _ = parts(asked, judged, unasked, weight)
    variance = (asked - judged).var() / len(asked)
    return ends(middle, variance + weight**2 * unasked.var() / len(unasked), z)


@mistake(
    "you take the judge's mean over all texts: those that were asked are in the other "
    "mean already"
)
def over_all_texts(asked, judged, unasked, weight, z):
    errors, _, variance = parts(asked, judged, unasked, weight)
    every = torch.cat([judged, unasked])
    middle = errors.mean() + weight * every.mean()
    return ends(middle, variance + weight**2 * every.var() / len(every), z)


@mistake("you return the middle and half of the width: both ends are asked for")
def middle_and_half(asked, judged, unasked, weight, z):
    _, middle, variance = parts(asked, judged, unasked, weight)
    half = z * (variance + weight**2 * unasked.var() / len(unasked)).sqrt()
    return torch.stack([middle, half])


@mistake("your interval is half as wide: z standard errors to each side")
def half_as_wide(asked, judged, unasked, weight, z):
    _, middle, variance = parts(asked, judged, unasked, weight)
    return ends(middle, variance + weight**2 * unasked.var() / len(unasked), z / 2)


@mistake("the lower end comes first: middle − z · error, then middle + z · error")
def upper_first(asked, judged, unasked, weight, z):
    _, middle, variance = parts(asked, judged, unasked, weight)
    both = ends(middle, variance + weight**2 * unasked.var() / len(unasked), z)
    return both.flip(0)


def some(shift: float = 0.0) -> tuple:
    judged, unasked = draw(8, seed=5), draw(20, seed=6)
    return draw(8, seed=4), judged + shift, unasked + shift, 1.0, 1.96


EXERCISE = Exercise(
    number="17.2",
    title="A judge and a few people",
    minutes=15,
    difficulty=3,
    importance=5,
    reference="course.reward.judge_interval:judge_interval",
    why="It lets a judge that is often wrong narrow an interval, and never lets it "
    "move the interval away from the truth.",
    hints=(
        "What do people say on average, minus weight times what the judge says of the "
        "same texts? And what has to be added to get back to what people say?",
        "The middle is mean(asked − weight · judged) + weight · mean(unasked). The two "
        "means are of different texts, so their variances add up.",
        "`errors = asked - weight * judged`, `variance = errors.var() / len(asked) + "
        "weight**2 * … / len(unasked)`, then `middle ∓ z * variance.sqrt()`, stacked.",
    ),
    probes=probes,
    properties=(
        unchanged(
            "a judge that is too friendly everywhere",
            lambda: some(),
            lambda: some(3.0),
            "adding 3 to all that the judge says",
            tolerance=1e-4,
        ),
        always(
            "two ends",
            some,
            lambda x: x.shape == (2,) and bool(x[0] < x[1]),
            "two ends are asked for, shape (2,), the lower one first",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
