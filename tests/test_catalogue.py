"""Every exercise of the catalogue is held to the same rules; so are future ones."""

import ast
import copy
import inspect
import re
from functools import cache
from pathlib import Path

import pytest
import torch
from mutants import SURVIVORS, mutants
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from course.checks import catalogue, checking
from course.checks.checking import examine
from course.checks.comparing import alike, same
from course.checks.devices import device_problem
from course.checks.exercise import Exercise, Probe
from course.checks.observing import Outcome, observe, of_mistake
from tools import masters, regions

ROOT = Path(__file__).resolve().parents[1]

EXERCISES = catalogue.exercises()
# These return or check a Python number, so they look at values that a faked tensor
# does not have.
LOOKS_AT_VALUES = {
    "0.1",
    "1.2",
    "1.3",
    "2.5",
    "4.3",
    "4.4",
    "5.1",
    "5.2",
    "5.3",
    "5.5",
    "6.1",
    "6.2",
    "6.3",
    "6.5",
    "7.4",
    "7.5",
    "8.1",
    "8.2",
    "8.3",
    "8.4",
    "11.5",
    "12.1",
    "13.1",
    "13.2",
    "13.3",
    "13.4",
    "14.1",
    "14.3",
    "14.4",
    "15.1",
    "15.2",
    "15.3",
    "15.4",
    "15.5",
    "16.1",
    "16.3",
    "16.4",
    "16.5",
}
# A token that a filter cuts has the logit -inf, and that is right.
CUTS_TOKENS = {"3.2", "3.5"}
# Pairs of texts, which are as finite as can be.
GIVES_TEXTS = {"13.4"}
# A counted token of probability 0 costs +inf, and that is right.
# So does a curve that never turns: its budget has no end.
COSTS_INFINITY = {"4.2", "14.1"}

each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.label)
each_mistake = pytest.mark.parametrize(
    ("exercise", "mistake"),
    [
        pytest.param(e, m, id=f"{e.number} {m.name}")
        for e in EXERCISES
        for m in e.mistakes
    ],
)


@cache
def of_reference(exercise) -> list[Outcome]:
    """What the reference does on every probe, in the probes' own precision."""
    return [observe(exercise.load(), p, exercise) for p in exercise.calls()]


def with_mistake(exercise, mistake) -> list[Outcome]:
    """What a mistake does on every probe; several tests and the engine share it."""
    return [of_mistake(exercise, mistake, n) for n in range(len(exercise.calls()))]


def drawn(exercise) -> list[Probe]:
    """The probes drawn anew, which `calls` does once only."""
    return exercise.probes(torch.Generator("cpu").manual_seed(7))


def unspoilt(exercise) -> bool:
    """Whether the probes that all calls share are still as they were drawn."""
    return all(
        same(x, y, 0.0)
        for a, b in zip(exercise.calls(), drawn(exercise), strict=True)
        for x, y in zip(a.arguments, b.arguments, strict=True)
    )


def test_the_catalogue_holds_the_stubs_of_the_masters_in_their_order():
    listed = {}
    for path in sorted((ROOT / "solutions" / "src").glob("*_*.py")):
        for cell in masters.read_master(path, solutions=True):
            if found := regions.regions(cell.source):
                listed.setdefault(path.name[:2], []).append(
                    (regions.number(cell.id), found[0].name)
                )
    assert listed == {
        chapter: [(e.number, e.name) for e in exercises]
        for chapter, exercises in catalogue.chapters().items()
    }
    for exercises in listed.values():
        assert [number.split(".")[1] for number, _ in exercises] == [
            str(place) for place in range(1, len(exercises) + 1)
        ]


def test_numbers_and_names_are_unique():
    assert len({e.number for e in EXERCISES}) == len(EXERCISES)
    assert len({e.name for e in EXERCISES}) == len(EXERCISES)


@each_exercise
def test_the_reference_passes_its_own_check(exercise):
    verdict = examine(exercise, exercise.load())
    probes = len(exercise.calls())
    assert verdict.line == (
        f"✔ {exercise.label}: correct ({probes} probes, "
        f"{checking.counted(exercise.n_properties)})"
    )


@each_exercise
def test_the_reference_stays_on_the_device_of_its_inputs(exercise):
    for probe in exercise.calls():
        assert device_problem(exercise.load(), probe) is None


@each_exercise
def test_the_reference_runs_on_a_faked_second_device(exercise):
    probe = max(exercise.calls(), key=lambda p: len(p.arguments))
    if exercise.number in LOOKS_AT_VALUES:
        pytest.skip("looks at values, which a faked tensor does not have")
    with FakeTensorMode():
        arguments = [
            torch.empty(a.shape, dtype=a.dtype, device="meta")
            if isinstance(a, Tensor)
            else a
            for a in probe.arguments
        ]
        result = exercise.load()(*arguments)
    assert result.device.type == "meta"
    assert result.shape == exercise.load()(*probe.arguments).shape


@each_mistake
def test_every_mistake_is_rejected_with_its_own_sentence(exercise, mistake):
    verdict = examine(exercise, mistake.function)
    assert (verdict.status, verdict.sentence) == ("wrong", mistake.sentence)


@each_mistake
def test_every_mistake_works_on_the_probes_but_not_like_the_reference(
    exercise, mistake
):
    outcomes = with_mistake(exercise, mistake)
    assert not any(outcome.error for outcome in outcomes)
    assert not all(
        alike(a, b, exercise.tolerance)
        for a, b in zip(outcomes, of_reference(exercise), strict=True)
    )


@each_exercise
def test_no_two_mistakes_look_the_same_on_the_probes(exercise):
    outcomes = {m.name: with_mistake(exercise, m) for m in exercise.mistakes}
    assert len(outcomes) == len(exercise.mistakes)
    names = list(outcomes)
    for place, one in enumerate(names):
        for other in names[:place]:
            pairs = zip(outcomes[one], outcomes[other], strict=True)
            same = all(alike(a, b, 1e-4) for a, b in pairs)
            assert not same, f"{one} and {other} cannot be told apart"


@each_exercise
def test_generic_mutants_are_rejected(exercise):
    """Those that are listed with a reason do what the reference does, and pass."""
    argued = SURVIVORS.get(exercise.number, {})
    survivors, made = set(), set()
    for name, function in mutants(exercise):
        made.add(name)
        verdict = examine(exercise, function, explain=False)
        assert verdict.kind != "unexpected", f"{name}: {verdict.line}"
        if verdict.status != "wrong":
            survivors.add(name)
    assert len(made) >= 30
    assert unspoilt(exercise)
    assert survivors == set(argued)
    assert all(reason.strip() for reason in argued.values())


@pytest.fixture(scope="module")
def stubs():
    """The exercises' own functions as the masters declare them, by number."""
    found = {}
    for master in sorted((ROOT / "solutions" / "src").glob("*.py")):
        for cell in masters.read_master(master, True):
            if "exercise" in cell.tags:
                tree = ast.parse(cell.source)
                found[regions.number(cell.id)] = next(
                    node for node in tree.body if isinstance(node, ast.FunctionDef)
                )
    return found


@each_exercise
def test_the_stub_is_not_attempted_and_nothing_else(exercise, stubs):
    stub = copy.deepcopy(stubs[exercise.number])
    stub.body = ast.parse("raise NotImplementedError").body
    for argument in stub.args.args:
        argument.annotation = None
    stub.returns = None
    names: dict = {}
    exec(ast.unparse(stub), names)
    verdict = examine(exercise, names[exercise.name])
    assert verdict.line == f"◌ {exercise.label}: not attempted yet"


@each_exercise
def test_the_stub_takes_what_the_probes_give_and_what_the_reference_takes(
    exercise, stubs
):
    """A parameter of the stub that no probe gives would never be checked."""
    stub = stubs[exercise.number]
    theirs = list(inspect.signature(exercise.load()).parameters.values())
    assert stub.name == exercise.name
    assert tuple(a.arg for a in stub.args.args) == exercise.parameters
    assert exercise.parameters == tuple(p.name for p in theirs)[: len(stub.args.args)]
    # What the exercise leaves out, the reference does not need.
    assert all(p.default is not p.empty for p in theirs[len(stub.args.args) :])


@each_exercise
def test_probes_begin_small_and_are_the_same_every_time(exercise):
    def size(probe) -> int:
        return sum(a.numel() for a in probe.arguments if isinstance(a, Tensor))

    first = drawn(exercise)
    assert len(first) >= 8
    assert len({p.name for p in first}) == len(first)
    assert size(first[0]) == min(map(size, first))
    assert unspoilt(exercise)


@each_exercise
def test_the_reference_is_finite_on_every_probe(exercise):
    for probe, outcome in zip(exercise.calls(), of_reference(exercise), strict=True):
        assert not outcome.error
        assert not outcome.changed
        values = [outcome.value, *(outcome.gradients or {}).values()]
        if outcome.value is None or isinstance(outcome.value, str):
            continue  # text is as finite as can be
        if exercise.number in GIVES_TEXTS:
            continue
        if isinstance(outcome.value, tuple):
            values = [*outcome.value, *values[1:]]
        for value in values:
            if isinstance(value, int):
                value = float(value)  # one may have more than 64 bits
            value = torch.as_tensor(value)
            if exercise.number in CUTS_TOKENS:
                value = value.masked_fill(value == -torch.inf, 0.0)
            if exercise.number in COSTS_INFINITY:
                value = value.masked_fill(value == torch.inf, 0.0)
            assert torch.isfinite(value).all(), probe.name


@each_exercise
def test_a_gradient_reaches_what_it_must_and_nothing_else(exercise):
    outcomes = of_reference(exercise)
    for name in exercise.differentiable:
        assert any(outcome.gradients[name].any() for outcome in outcomes)
    for name in exercise.constant:
        assert not any((o.gradients or {name: torch.zeros(1)})[name].any()
                       for o in outcomes)  # fmt: skip
    watched = exercise.differentiable + exercise.constant
    assert set(watched) <= set(exercise.parameters)


@each_exercise
def test_words_are_complete_and_name_no_code_of_ours(exercise: Exercise):
    texts = [
        exercise.title,
        exercise.why,
        *exercise.hints,
        *(m.sentence for m in exercise.mistakes),
        *(m.name for m in exercise.mistakes),
        *(p.name for p in exercise.properties),
    ]
    assert len(exercise.hints) == 3
    assert len(exercise.mistakes) >= 4
    for text in texts:
        assert text == text.strip() != ""
        assert not re.search(r"course\.|checks|\.py\b|/work", text), text
        assert text.isprintable()
    assert len({m.sentence for m in exercise.mistakes}) == len(exercise.mistakes)
    # The last hint is nearly the line, not the line.
    assert "…" in exercise.hints[2]
    assert not any("…" in hint and "`" in hint for hint in exercise.hints[:1])
