"""Exercise 8.2: the KL of best-of-n."""

import math

import torch

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import always


def probes(generator: torch.Generator) -> list[Probe]:
    return [
        Probe("one candidate", (1,)),
        Probe("two candidates", (2,)),
        Probe("three candidates", (3,)),
        Probe("four candidates", (4,)),
        Probe("eight candidates", (8,)),
        Probe("sixty-four candidates", (64,)),
        Probe("a thousand candidates", (1000,)),
        Probe("a million candidates", (1_000_000,)),
    ]


@mistake(
    "log n is too much: the best of n also falls on texts that are not at the top; "
    "subtract (n − 1)/n"
)
def log_alone(n: int) -> float:
    return math.log(n)


@mistake(
    "log n − 1 is the limit for large n: for n = 1 it gives −1, where nothing was "
    "chosen and the KL is 0"
)
def log_minus_one(n: int) -> float:
    return math.log(n) - 1


@mistake(
    "you take the logarithm to base 2 and subtract nats: use the natural logarithm"
)
def in_bits(n: int) -> float:
    return math.log2(n) - (n - 1) / n


@mistake("your result is in bits: nats are asked for, so do not divide by log 2")
def all_in_bits(n: int) -> float:
    return (math.log(n) - (n - 1) / n) / math.log(2)


@mistake("you add (n − 1)/n: the mean of log u is negative, so it is subtracted")
def added(n: int) -> float:
    return math.log(n) + (n - 1) / n


@mistake("you subtract 1/n: the mean of log u, −1/n, is multiplied by n − 1")
def one_over_n(n: int) -> float:
    return math.log(n) - 1 / n


@mistake(
    "this is the KL of the writer to best-of-n: the mean is taken over what best-of-n "
    "writes"
)
def turned_round(n: int) -> float:
    return (n - 1) - math.log(n)


@mistake("you subtract n/(n − 1): the fraction is the other way round")
def fraction_turned(n: int) -> float:
    return math.log(n) - n / (n - 1) if n > 1 else 0.0


@mistake("you take the logarithm to base 10: use the natural logarithm")
def base_ten(n: int) -> float:
    return math.log10(n) - (n - 1) / n


def grows(function) -> str | None:
    values = [float(function(n)) for n in range(1, 30)]
    if all(a < b for a, b in zip(values, values[1:], strict=False)):
        return None
    return "more candidates must move the policy further: your KL falls somewhere"


@mistake("this is the mean share of worse texts, n / (n + 1): the KL is asked for")
def mean_share(n: int) -> float:
    return n / (n + 1)


@mistake(
    "the root of the logarithm is how far the best score moves, about: the KL is "
    "log n − (n − 1) / n"
)
def root_of_log(n: int) -> float:
    return math.sqrt(math.log(n))


@mistake("the logarithm is of n itself: the n − 1 stands in the fraction only")
def log_of_one_less(n: int) -> float:
    return math.log(max(n - 1, 1)) - (n - 1) / n


@mistake("brackets are missing: log(n) − n − 1 / n is not log(n) − (n − 1) / n")
def without_brackets(n: int) -> float:
    return math.log(n) - n - 1 / n


@mistake("your brackets are missing: (n − 1) / n is taken off, not n − 1 / n")
def brackets(n: int) -> float:
    return math.log(n) - (n - 1 / n)


@mistake("you take off the mean of the best, n / (n + 1): it is (n − 1) / n")
def mean_of_the_best(n: int) -> float:
    return math.log(n) - n / (n + 1)


@mistake("you multiply by n − 1 once too often: (n − 1) / n is taken off")
def once_too_often(n: int) -> float:
    return math.log(n) - (n - 1) ** 2 / n


@mistake("this sums 1 / k up to n: that is near the logarithm of n, and not equal")
def harmonic(n: int) -> float:
    euler = 0.5772156649015329  # digamma(n + 1) is the sum without it
    place = torch.tensor(n + 1.0, dtype=torch.float64)
    return float(torch.digamma(place)) + euler - (n - 1) / n


EXERCISE = Exercise(
    number="8.2",
    title="The KL of best-of-n",
    minutes=10,
    difficulty=2,
    importance=4,
    reference="course.reward.best_of_n:best_of_n_kl",
    why="It puts best-of-n on the same axis as a trained policy: how far it moves from "
    "the writer's own texts.",
    hints=(
        "Give every completion its share u of candidates that score lower. How is u "
        "distributed for one candidate, and how for the best of n?",
        "For one candidate u is uniform on (0, 1); for the best of n its density is "
        "n u^(n − 1). The KL is the mean of log(n u^(n − 1)) over that density: "
        "log n + (n − 1) · mean of log u, and that mean is −1/n.",
        "`return math.log(n) … (n - 1) / n`: one sign is missing. Nats, a float.",
    ),
    probes=probes,
    properties=(
        Property("grows with n", grows),
        always(
            "below log n",
            lambda: (50,),
            lambda kl: kl < math.log(50),
            "the KL of best-of-n is below log n: only a writer that always wrote its "
            "one best text out of n equal ones would reach log n",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
