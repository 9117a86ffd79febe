"""Exercise 15.4: does a program pass its tests?"""

import torch

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import refuses
from course.tasks.safe_programs import safe_value

Tests = list[tuple[int, int]]


def probes(generator: torch.Generator) -> list[Probe]:
    xs = torch.randint(-20, 40, (5,), generator=generator).tolist()
    right = [(x, (x + 7) * 8) for x in xs]
    return [
        Probe("one test, passed", ("x+1", [(1, 2)])),
        Probe("one test, failed", ("x+1", [(1, 3)])),
        Probe("only the first passes", ("2*x", [(1, 2), (2, 5)])),
        Probe("only the last passes", ("2*x", [(1, 3), (2, 4)])),
        Probe("the value is 0", ("x-5", [(5, 0)])),
        Probe("no program", ("print(x)", [(1, 1)])),
        Probe("no program, and 0 expected", ("oops(", [(1, 0)])),
        Probe("a lookup on visible tests", ("9 if x==1 else 8", [(1, 9), (2, 8)])),
        Probe("a lookup on others", ("9 if x==1 else 8", [(3, 10), (4, 11)])),
        Probe("a digit of the value", ("x", [(1, 11), (2, 12)])),
        Probe("off by one", ("x*2+1", [(3, 6), (4, 8)])),
        Probe("errors that cancel", ("x", [(1, 2), (3, 2)])),
        Probe("the sign", ("-x", [(2, 2), (3, 3)])),
        Probe("x and value exchanged", ("x+1", [(2, 1)])),
        Probe("nearly right, and large", ("x*99", [(10, 991), (20, 1979)])),
        Probe("the right values at the wrong x", ("x", [(1, 2), (2, 1)])),
        Probe("a power", ("x**2", [(2, 4), (3, 9)])),
        Probe("more than expected", ("x+9", [(1, 2), (2, 3)])),
        Probe("five tests", ("(x+7)*8", right)),
        Probe("five tests, the middle one fails", ("(x+7)*8", [
            (x, y + (n == 2)) for n, (x, y) in enumerate(right)])),
    ]  # fmt: skip


@mistake("one passed test is enough for yours: all of them have to pass")
def any_test(program: str, tests: Tests) -> bool:
    return any(safe_value(program, x) == y for x, y in tests)


@mistake("most of the tests are enough for yours: all of them have to pass")
def most(program: str, tests: Tests) -> bool:
    return 2 * sum(safe_value(program, x) == y for x, y in tests) > len(tests)


@mistake("one failed test is forgiven in yours: all of them have to pass")
def all_but_one(program: str, tests: Tests) -> bool:
    return sum(safe_value(program, x) != y for x, y in tests) <= 1


@mistake(
    "you only ask whether the program has a value: compare it with the expected one"
)
def not_none(program: str, tests: Tests) -> bool:
    return all(safe_value(program, x) is not None for x, _ in tests)


@mistake("True means in yours that *every* test fails: it means that all pass")
def all_fail(program: str, tests: Tests) -> bool:
    return all(safe_value(program, x) != y for x, y in tests)


@mistake("you only ask whether there is a value: compare it with the expected one")
def any_value(program: str, tests: Tests) -> bool:
    return all(safe_value(program, x) for x, _ in tests)


@mistake("you compare the values in any order: each belongs to the x of its own test")
def any_order(program: str, tests: Tests) -> bool:
    values = [safe_value(program, x) for x, _ in tests]
    return None not in values and sorted(values) == sorted(y for _, y in tests)


@mistake("you look at the first test only")
def first_only(program: str, tests: Tests) -> bool:
    return safe_value(program, tests[0][0]) == tests[0][1]


@mistake("you look at the last test only: return False as soon as one fails")
def last_only(program: str, tests: Tests) -> bool:
    return safe_value(program, tests[-1][0]) == tests[-1][1]


@mistake("you return the share of passed tests: the program passes, or it does not")
def a_share(program: str, tests: Tests) -> float:
    return sum(safe_value(program, x) == y for x, y in tests) / len(tests)


@mistake(
    "a value of 0 counts as no value in yours: ask `is None`, because 0 is false, too"
)
def zero_is_nothing(program: str, tests: Tests) -> bool:
    values = [safe_value(program, x) for x, _ in tests]
    return all(v and v == y for v, (_, y) in zip(values, tests, strict=True))


@mistake("a program without a value passes in yours: it has to fail")
def none_passes(program: str, tests: Tests) -> bool:
    values = [(safe_value(program, x), y) for x, y in tests]
    return all(v is None or v == y for v, y in values)


@mistake("a program without a value counts as 0 in yours: it has none, and fails")
def none_is_zero(program: str, tests: Tests) -> bool:
    return all((safe_value(program, x) or 0) == y for x, y in tests)


@mistake("you allow a difference of 1: these are whole numbers, and exact")
def nearly(program: str, tests: Tests) -> bool:
    values = [(safe_value(program, x), y) for x, y in tests]
    return all(v is not None and abs(v - y) <= 1 for v, y in values)


@mistake("you compare sums over all tests: errors would cancel each other")
def sums(program: str, tests: Tests) -> bool:
    values = [safe_value(program, x) for x, _ in tests]
    return None not in values and sum(values) == sum(y for _, y in tests)


@mistake("you have x and the expected value the other way round: a test is (x, value)")
def exchanged(program: str, tests: Tests) -> bool:
    return all(safe_value(program, y) == x for x, y in tests)


@mistake("you compare without the sign: -2 is not 2")
def no_sign(program: str, tests: Tests) -> bool:
    values = [(safe_value(program, x), y) for x, y in tests]
    return all(v is not None and abs(v) == abs(y) for v, y in values)


@mistake(
    "you compare without the sign, and a program without a value counts as 0 in yours"
)
def no_sign_and_zero(program: str, tests: Tests) -> bool:
    return all(abs(safe_value(program, x) or 0) == abs(y) for x, y in tests)


@mistake("a value that is larger than expected passes in yours: it has to be equal")
def at_least(program: str, tests: Tests) -> bool:
    values = [(safe_value(program, x), y) for x, y in tests]
    return all(v is not None and v >= y for v, y in values)


@mistake("you turned the verdict round: True means that all tests pass")
def reversed_verdict(program: str, tests: Tests) -> bool:
    return not all(safe_value(program, x) == y for x, y in tests)


EXERCISE = Exercise(
    number="15.4",
    title="Does a program pass?",
    minutes=8,
    difficulty=2,
    importance=4,
    reference="course.tasks.safe_programs:passes",
    why="This one bit is all that a policy is ever told about its program.",
    hints=(
        "When would you, as a strict teacher, sign that a program passes its tests?",
        "Compute the program's value at the x of every test and compare it with what "
        "the test expects. No test at all is a fault of the task: raise ValueError.",
        "`return all(safe_value(program, x) == … for x, … in tests)`, after the check "
        "for an empty list",
    ),
    probes=probes,
    properties=(refuses("a list without a test", lambda: ("x+1", [])),),
    mistakes=mistakes_in(__name__),
)
