"""Exercise 15.5: tests that the policy cannot have seen."""

import random

import torch

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.tasks.program_tests import visible_tests, wanted

XS = range(-20, 40)
ADD = "add 7, then times 8. f(8)=120 f(7)=112: "
SUBTRACT = "subtract 9, then times 3. f(0)=-27 f(5)=-12: "
Tests = list[tuple[int, int]]


def probes(generator: torch.Generator) -> list[Probe]:
    seed = int(torch.randint(100, 1000, (1,), generator=generator))
    return [
        Probe("one test", (ADD, 0, 1)),
        Probe("two tests", (ADD, 0, 2)),
        Probe("another seed", (ADD, 1, 2)),
        Probe("another function", (SUBTRACT, 1, 2)),
        Probe("five tests", (SUBTRACT, 2, 5)),
        Probe("a large seed", (ADD, 1_000_003, 3)),
        Probe("a drawn seed", (SUBTRACT, seed, 4)),
        Probe("every x once", (ADD, 4, 60)),
    ]


def at(prompt: str, xs) -> Tests:
    return [(x, wanted(prompt, x)) for x in xs]


@mistake("you return the tests of the prompt: the policy has seen those, draw new x")
def the_visible_ones(prompt: str, seed: int, n: int) -> Tests:
    return (visible_tests(prompt) * n)[:n]


@mistake("your draw does not depend on the seed: every step would have the same tests")
def no_seed(prompt: str, seed: int, n: int) -> Tests:
    return at(prompt, random.Random(0).sample(XS, n))


@mistake("you always draw two tests: n says how many")
def always_two(prompt: str, seed: int, n: int) -> Tests:
    return at(prompt, random.Random(seed).sample(XS, 2))


@mistake("you draw with replacement: the same x twice is one test less; use sample")
def with_replacement(prompt: str, seed: int, n: int) -> Tests:
    return at(prompt, random.Random(seed).choices(XS, k=n))


@mistake("your x begin at 0: the range is −20 to 39")
def no_negative(prompt: str, seed: int, n: int) -> Tests:
    xs = random.Random(seed).sample(range(40), min(n, 40))
    return at(prompt, xs + [0] * (n - len(xs)))


@mistake(
    "you draw with `randint`, so an x can come twice: `sample` draws n different ones"
)
def with_randint(prompt: str, seed: int, n: int) -> Tests:
    draw = random.Random(seed)
    return at(prompt, [draw.randint(-20, 39) for _ in range(n)])


@mistake(
    "you make a new generator with a seed of its own for every x, so an x can come "
    "twice: draw n from one"
)
def seed_each(prompt: str, seed: int, n: int) -> Tests:
    return at(prompt, [random.Random(seed + i).sample(XS, 1)[0] for i in range(n)])


@mistake("you return the hidden tests, 10 to 19: draw new x from −20 to 39")
def the_hidden_ones(prompt: str, seed: int, n: int) -> Tests:
    return at(prompt, range(10, 10 + n))


@mistake("your x include 40: range(-20, 40) ends at 39")
def one_too_many(prompt: str, seed: int, n: int) -> Tests:
    return at(prompt, random.Random(seed).sample(range(-20, 41), n))


@mistake("you sort the x: keep the order of the draw")
def sorted_xs(prompt: str, seed: int, n: int) -> Tests:
    return at(prompt, sorted(random.Random(seed).sample(XS, n)))


@mistake("your pairs are the other way round: x first, then what f is there")
def exchanged(prompt: str, seed: int, n: int) -> Tests:
    return [(y, x) for x, y in at(prompt, random.Random(seed).sample(XS, n))]


@mistake("you take the x themselves for what f is there: ask `wanted(prompt, x)`")
def identity(prompt: str, seed: int, n: int) -> Tests:
    return [(x, x) for x in random.Random(seed).sample(XS, n)]


@mistake("you return only the x: a test is a pair of x and what f must be there")
def only_xs(prompt: str, seed: int, n: int) -> list[int]:
    return random.Random(seed).sample(XS, n)


@mistake(
    "you start a new generator for every x, so all x of a seed are the same: make one "
    "and draw n from it"
)
def one_each(prompt: str, seed: int, n: int) -> Tests:
    return at(prompt, [random.Random(seed).sample(XS, 1)[0] for _ in range(n)])


@mistake("you take neighbours: the first n of the range are the same for every seed")
def in_order(prompt: str, seed: int, n: int) -> Tests:
    return at(prompt, list(XS)[:n])


def same_again(function) -> str | None:
    if function(ADD, 5, 4) == function(ADD, 5, 4):
        return None
    return (
        "the same seed gives other x each time: make the generator from the seed, "
        "`random.Random(seed)`"
    )


def true_tests(function) -> str | None:
    for x, y in function(ADD, 11, 6):
        if y != (x + 7) * 8:
            return f"at x = {x} the function of the prompt is {(x + 7) * 8}, not {y}"
    return None


EXERCISE = Exercise(
    number="15.5",
    title="Tests that nobody has seen",
    minutes=8,
    difficulty=2,
    importance=5,
    reference="course.tasks.program_tests:fresh_tests",
    why="A test that is drawn after the program was written cannot be looked up.",
    hints=(
        "What must be true of a test so that no lookup table passes it?",
        "Make a generator from the seed, draw n different x from −20 to 39, and pair "
        "each with what the function of the prompt is there.",
        "`xs = random.Random(seed).sample(range(-20, 40), …)`, then `[(x, …) for x in "
        "xs]`",
    ),
    probes=probes,
    properties=(
        Property("the same seed, the same tests", same_again),
        Property("true tests", true_tests),
    ),
    mistakes=mistakes_in(__name__),
)
