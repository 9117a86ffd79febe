"""The general recogniser never says what is not true of an answer."""

from functools import cache

import pytest
import torch
from mutants import mutants

from course.checks import catalogue, formulas, repairs
from course.checks.causes import of_messages, of_unfinite
from course.checks.comparing import same
from course.checks.diagnose import observed
from course.checks.exercise import Exercise, Mistake
from course.checks.formulas import formula_of
from course.checks.lines import unguarded
from course.checks.observing import observe, of_mistake
from course.checks.recognise import Case, called, usual_slip
from course.checks.repairs import repair_of
from course.checks.shapes import of_shape
from course.checks.slips import slips

EXERCISES = catalogue.exercises()
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.label)
SEEDS = (101, 202)  # inputs that neither the probes nor the recogniser have


def case_of(exercise: Exercise, function) -> Case:
    outcomes = [observe(function, probe, exercise) for probe in exercise.calls()]
    return Case(exercise, function, outcomes)


@cache
def mistaken(exercise: Exercise, mistake: Mistake) -> Case:
    """A mistake as an answer; its outcomes are those that the engine remembers."""
    places = range(len(exercise.calls()))
    outcomes = [of_mistake(exercise, mistake, n) for n in places]
    return Case(exercise, mistake.function, outcomes)


def holds(exercise: Exercise, sentence: str, function) -> bool:
    """Whether one of the slips of this sentence gives the function's results."""
    fitting = [slip for slip in slips(exercise) if slip.sentence == sentence]
    assert fitting, sentence
    return any(
        all(
            same(called(function, probe), called(slipped, probe), 1e-3)
            for seed in SEEDS
            for probe in exercise.calls(seed)
        )
        for slipped in (slip.apply(unguarded(exercise)) for slip in fitting)
    )


@each_exercise
def test_what_is_said_of_a_mistake_is_verified_by_making_the_slip(exercise):
    for mistake in exercise.mistakes[::2]:
        sentence = usual_slip(mistaken(exercise, mistake), pairs=False)
        if sentence:
            assert holds(exercise, sentence, mistake.function), (mistake, sentence)


@each_exercise
def test_what_is_said_of_a_mutant_is_verified_by_making_the_slip(exercise):
    named = tried = 0
    for name, mutant in list(mutants(exercise))[::3]:
        if name in ("exits", "recursion", "spoils an input"):
            continue
        case = case_of(exercise, mutant)
        if not case.wrong or any(o.error for o in case.outcomes):
            continue
        tried += 1
        sentence = usual_slip(case, pairs=False)
        if sentence:
            named += 1
            assert holds(exercise, sentence, mutant), (name, sentence)
    assert named or tried < 6 or exercise.number in ("11.5", "15.4")  # little


def test_a_right_answer_is_told_nothing():
    for exercise in EXERCISES:
        assert usual_slip(case_of(exercise, exercise.load())) is None


def test_chance_is_not_taken_for_a_slip():
    """Another function that agrees on a single common number is not named."""
    exercise = catalogue.find("7.5")
    case = case_of(exercise, lambda chosen, rejected: 0.5)
    said = usual_slip(case)
    assert said is None or "0.5" in said


def test_two_slips_at_once_are_told_as_two():
    exercise = catalogue.find("9.1")
    right = exercise.load()
    said = usual_slip(case_of(exercise, lambda r, m, gamma: -right(r, m, gamma / 2)))
    assert said.startswith(
        "two slips at once: your result is the expected one for half of `gamma`"
    )
    assert said.endswith("and of that, your result is this with the opposite sign")


def test_a_mistake_with_a_slip_is_told_as_both():
    exercise = catalogue.find("7.1")
    said = usual_slip(
        case_of(
            exercise,
            lambda c, r: -torch.nn.functional.logsigmoid(r - c).sum(),
        )
    )
    assert "swapped" in said and "times the size of `chosen`" in said


def test_rows_that_a_right_answer_mixes_are_no_fault():
    """Standardising looks at all scores, although two of them hide it."""
    exercise = catalogue.find("0.1")
    said = observed(case_of(exercise, lambda scores: scores / scores.abs().max()))
    assert "each row stands for itself" not in (said or "")


def test_rows_that_stand_for_themselves_are_named_where_they_are_mixed():
    exercise = catalogue.find("2.2")

    def mixed(x, weight, eps=1e-5):
        spread = x.abs().amax(tuple(range(x.dim())), keepdim=True)
        return x / (spread + eps) * weight

    said = observed(case_of(exercise, mixed))
    assert "each row stands for itself" in said


def test_an_argument_without_effect_is_named():
    exercise = catalogue.find("2.4")
    said = observed(case_of(exercise, lambda x, gate, up, down: x @ gate.T @ down.T))
    assert said == "`up` has no effect on your result: another value changes nothing"


def test_what_is_read_on_padding_is_named():
    exercise = catalogue.find("9.2")
    said = observed(
        case_of(exercise, lambda logprobs, advantages, mask: logprobs.square().mean())
    )
    assert "no effect" in said or "where `mask` is false, which must not count" in said


@pytest.fixture
def short_searches(monkeypatch):
    """What is found is found early; the rest of a search would only take time."""
    monkeypatch.setattr(repairs, "SECONDS", 0.1)
    monkeypatch.setattr(formulas, "SECONDS", 0.1)


@pytest.mark.usefixtures("short_searches")
@each_exercise
def test_a_part_is_blamed_only_where_another_one_makes_the_answer_right(exercise):
    right = exercise.load()
    for mistake in exercise.mistakes[1::8]:
        case = mistaken(exercise, mistake)
        found = repair_of(case) if case.wrong else None
        if not found:
            continue
        for seed in SEEDS:
            for probe in exercise.calls(seed):
                mended = called(found[1], probe)
                assert same(mended, called(right, probe), 1e-3), (mistake, found[0])


@pytest.mark.usefixtures("short_searches")
@each_exercise
def test_a_formula_is_told_only_where_it_gives_the_results(exercise):
    for mistake in exercise.mistakes[::8]:
        case = mistaken(exercise, mistake)
        formula = formula_of(case) if case.wrong else None
        if not formula:
            continue
        for seed in SEEDS:
            for probe in exercise.calls(seed):
                mine = torch.as_tensor(called(mistake.function, probe)).double()
                assert same(mine, formula.value(probe.arguments), 1e-3), formula.words


def test_the_wrong_part_of_the_own_lines_is_named():
    def half(h, beta):
        target = 1 / (3 * beta)
        return (h - target).square().mean()

    case = case_of(catalogue.find("12.5"), half)
    assert repair_of(case)[0] == (
        "your code is right but for one place: in `3 * beta`, 3 is not the number that "
        "belongs there"
    )


def test_a_formula_is_told_in_words():
    def hinge(chosen, rejected):
        return torch.relu(1 - (chosen - rejected)).mean()

    formula = formula_of(case_of(catalogue.find("7.1"), hinge))
    said = "the mean of (1 − (`chosen` − `rejected`)) cut at 0 from below"
    assert formula.words == said


def test_nan_behind_a_mask_is_told_apart_from_other_nan():
    right = catalogue.find("9.1").load()

    def times(rewards, mask, gamma=1.0):
        return right(torch.nan_to_num(rewards), mask, gamma) + 0 * (rewards * mask)

    assert "0 times NaN" in of_unfinite(case_of(catalogue.find("9.1"), times))


def test_two_arguments_that_are_fixed_are_named():
    right = catalogue.find("10.3").load()

    def fixed(rewards, values, mask, gamma, lam):
        return right(rewards, values, mask, 0.99, 0.95)

    said = usual_slip(case_of(catalogue.find("10.3"), fixed), pairs=False)
    assert "`gamma` fixed at 0.99 and `lam` at 0.95" in said


def test_a_limit_on_one_side_only_is_named():
    def half_clipped(values, old_values, returns, mask, value_clip_eps):
        old, target = old_values.detach(), returns.detach()
        moved = old + (values - old).clamp(max=value_clip_eps)
        error = torch.max((values - target) ** 2, (moved - target) ** 2)
        return 0.5 * (error * mask).sum() / mask.sum()

    said = usual_slip(case_of(catalogue.find("10.5"), half_clipped), pairs=False)
    assert said.endswith("without the limit from below")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x, gate, up, down: x @ gate @ down, "a (1, 4) meets a (6, 4)"),
        (lambda x, gate, up, down: torch.stack([]), "torch.stack gets an empty list"),
        (lambda x, gate, up, down: x + torch.ones(7), "4 entries meet 7"),
        (lambda x, gate, up, down: x.view(-1, 5), "do not fill a table of shape"),
    ],
    ids=["inner sizes", "empty", "broadcast", "view"],
)
def test_an_error_of_shapes_is_told_with_its_sizes(answer, said):
    case = case_of(catalogue.find("2.4"), answer)
    stopped = next(o.error for o in case.outcomes if o.error)
    assert said in of_messages({str(stopped)})


def test_an_entry_for_each_row_is_told_where_one_number_is_expected():
    def each_row(logprobs, advantages, mask):
        return (logprobs * mask).sum(1)

    said = of_shape(case_of(catalogue.find("9.2"), each_row))
    assert "an entry for each of the rows of `logprobs`" in said


def test_a_value_in_place_of_none_is_told():
    right = catalogue.find("14.3").load()
    case = case_of(catalogue.find("14.3"), lambda *given: right(*given) or -1)
    assert "you return a value where None is expected" in observed(case)
