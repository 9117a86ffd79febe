"""A step that is still missing: what turns the answer's result into the right one."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course.checks.comparing import same
from course.checks.recognise import Case, called
from course.checks.slip import Function


def _dims(y: Tensor, dim: int) -> Tensor:
    if y.dim() < (2 if dim == 0 else 1):
        raise ValueError("too few dimensions")
    return y


STEPS: tuple[tuple[str, Function], ...] = (
    ("the sum of your result over its last dimension is the expected one: that sum is "
     "missing", lambda y, *_: _dims(y, -1).sum(-1)),
    ("the mean of your result over its last dimension is the expected one: that mean "
     "is missing", lambda y, *_: _dims(y, -1).mean(-1)),
    ("the sum of your entries is the expected result: that sum is missing",
     lambda y, *_: _dims(y, -1).sum()),
    ("the mean of your entries is the expected result: that mean is missing",
     lambda y, *_: _dims(y, -1).mean()),
    ("the sum of your result over its first dimension is the expected one: that sum is "
     "missing", lambda y, *_: _dims(y, 0).sum(0)),
    ("the mean of your result over its first dimension is the expected one: that mean "
     "is missing", lambda y, *_: _dims(y, 0).mean(0)),
    ("your result has the expected numbers and a dimension of size 1 too many",
     lambda y, *_: y.squeeze(-1)),
    ("your result has the expected numbers and a dimension of size 1 too many",
     lambda y, *_: y.squeeze(0)),
    ("your result holds the expected numbers on its diagonal: broadcasting has made a "
     "table", lambda y, *_: y.diagonal()),
    ("every row of your result is the expected one: broadcasting has made a table",
     lambda y, *_: _dims(y, 0)[0]),
    ("every column of your result is the expected one: broadcasting has made a table",
     lambda y, *_: _dims(y, 0)[..., 0]),
    ("your result is the expected one with one column too many at the end",
     lambda y, *_: y[..., :-1]),
    ("your result is the expected one with one column too many in front",
     lambda y, *_: y[..., 1:]),
    ("your result is the expected one with one row too many at the end",
     lambda y, *_: y[:-1]),
    ("your result is the expected one with one row too many in front",
     lambda y, *_: y[1:]),
    ("the softmax of your result is the expected one: it is missing",
     lambda y, *_: y.softmax(-1)),
    ("your result minus its mean is the expected one: it has to have mean 0",
     lambda y, *_: y - y.mean()),
    ("your result divided by its sum is the expected one: it has to add up to 1",
     lambda y, *_: y / y.sum(-1, True)),
    ("the largest entry along your last dimension is the expected result: you return "
     "all of them", lambda y, *_: _dims(y, -1).amax(-1)),
    ("the last entry along your last dimension is the expected result: you return all "
     "of them", lambda y, *_: _dims(y, -1)[..., -1]),
    ("your result as true and false is the expected one: the dtype has to be bool",
     lambda y, *_: y.bool()),
    ("your result cut to the range from 0 to 1 is the expected one: the limits are "
     "missing", lambda y, *_: y.clamp(0, 1)),
    ("your result is right once everything below 0 becomes 0: that limit is missing",
     lambda y, *_: y.clamp(min=0)),
)  # fmt: skip


def missing_step(case: Case) -> str | None:
    """The sentence of a step that makes the answer right, on all inputs tried."""
    if not case.wrong or not case.says_enough():
        return None
    for sentence, step in (*STEPS, *_of_masks(case)):
        if all(_right(case, n, step) for n in range(len(case.probes))) and undone(
            case, step
        ):
            return sentence
    return None


def _of_masks(case: Case) -> Iterator[tuple[str, Function]]:
    """Means and sums over the places where an argument is 1."""
    for place, name in enumerate(case.exercise.parameters):
        if not all(_is_mask(p.arguments, place) for p in case.probes):
            continue
        at = f"over the places where `{name}` is 1"
        yield (
            f"the mean of your result {at} is the expected one: that mean is missing",
            lambda y, *a, m=place: _there(y, a[m]).mean(),
        )
        yield (
            f"the sum of your result {at} is the expected one: that sum is missing",
            lambda y, *a, m=place: _there(y, a[m]).sum(),
        )
        yield (
            f"your result has to be taken where `{name}` is 1 only, and be 0 elsewhere",
            lambda y, *a, m=place: y.masked_fill(a[m] == 0, 0),
        )
        yield (
            "what is expected is the entry of your rows at the last place where "
            f"`{name}` is 1: you return all places",
            lambda y, *a, m=place: y.gather(
                1, (a[m].long().sum(1, keepdim=True) - 1).clamp(min=0)
            ).squeeze(1),
        )
        yield (
            f"your result is right once it is divided by the number of 1s in `{name}`",
            lambda y, *a, m=place: y / a[m].sum(),
        )


def _is_mask(arguments: tuple[Any, ...], place: int) -> bool:
    x = arguments[place] if place < len(arguments) else None
    return isinstance(x, Tensor) and x.dim() > 1 and bool(((x == 0) | (x == 1)).all())


def _there(y: Tensor, mask: Tensor) -> Tensor:
    if y.shape != mask.shape:
        raise ValueError("another shape")
    return y[mask.bool()]


def _right(case: Case, n: int, step: Function) -> bool:
    mine = case.outcomes[n]
    if mine.error is not None:
        return False
    given = case.probes[n].arguments
    return case.right(n, stepped(step, mine.value, case.expected[n].value, given))


def stepped(
    step: Function, value: Any, like: Any, arguments: tuple[Any, ...] = ()
) -> Any:
    """The step made on a result; a Python number stays one."""
    try:
        made = step(torch.as_tensor(value).detach(), *arguments)
    except Exception:  # most steps make no sense for most results
        return None
    if isinstance(like, float) and made.dim() == 0:
        made = float(made)
        return made if math.isfinite(made) else None
    return made


def undone(case: Case, step: Function, seed: int = 23) -> bool:
    """Whether the step makes the answer right on other inputs, too."""
    right = case.exercise.load()
    for probe in case.exercise.calls(seed):
        mine, theirs = called(case.function, probe), called(right, probe)
        if not same(
            stepped(step, mine, theirs, probe.arguments), theirs, 10 * case.tolerance
        ):
            return False
    return True
