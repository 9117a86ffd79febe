"""What a function did on a probe, and how that differs from what was expected."""

import copy
import math
import numbers
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe


@dataclass
class Outcome:
    """A returned value or an error, which inputs were changed, and the gradients."""

    value: Any = None
    error: Exception | SystemExit | None = None
    changed: tuple[str, ...] = ()
    gradients: dict[str, Tensor] | None = None


@dataclass(frozen=True)
class Difference:
    """The kind of a difference and the sentence that tells it."""

    kind: str
    sentence: str
    yours: Any = field(default=None, compare=False)
    expected: Any = field(default=None, compare=False)


def fresh(arguments: Sequence[Any]) -> list[Any]:
    """Copies of a probe's arguments, so that no call can spoil the next."""
    return [
        a.detach().clone() if isinstance(a, Tensor) else copy.deepcopy(a)
        for a in arguments
    ]


def observe(function: Callable[..., Any], probe: Probe, exercise: Exercise) -> Outcome:
    """Call the function on a probe; errors of the learner's code become outcomes."""
    outcome = Outcome()
    arguments = fresh(probe.arguments)
    names = exercise.parameters
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        try:
            outcome.value = function(*arguments)
            outcome.changed = tuple(
                name
                for name, after, before in zip(
                    names, arguments, probe.arguments, strict=False
                )
                if not same(after, before, 0.0)
            )
            watched = {
                name: place
                for place, name in enumerate(names[: len(arguments)])
                if name in exercise.differentiable + exercise.constant
            }
            if watched and not outcome.changed:
                outcome.gradients = _gradients(function, probe, watched)
        except (Exception, SystemExit) as error:
            outcome.error = error
    return outcome


def _gradients(
    function: Callable[..., Any], probe: Probe, watched: dict[str, int]
) -> dict[str, Tensor] | None:
    """Gradients of a fixed weighted sum of the result; None when there are none."""
    arguments = fresh(probe.arguments)
    inputs = [arguments[place].requires_grad_() for place in watched.values()]
    value = function(*arguments)
    if not isinstance(value, Tensor) or not value.requires_grad:
        return None
    if not value.is_floating_point():  # complex: the dtype is what will be told
        return None
    weights = torch.cos(torch.arange(value.numel(), dtype=value.dtype))
    total = (value * weights.reshape(value.shape)).sum()
    found = torch.autograd.grad(total, inputs, allow_unused=True)
    return {
        name: torch.zeros_like(given) if gradient is None else gradient
        for name, given, gradient in zip(watched, inputs, found, strict=True)
    }


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Equal type, shape, dtype, device, and values within the tolerance.

    Where `other` is a float, any real number may be `one`.
    """
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        if (one.shape, one.dtype, one.device) != (
            other.shape,
            other.dtype,
            other.device,
        ):
            return False
        options = {"rtol": tolerance, "atol": tolerance, "equal_nan": True}
        return torch.allclose(one.detach(), other.detach(), **options)
    if _number(one) and _number(other):
        if isinstance(one, bool) != isinstance(other, bool):
            return False
        if isinstance(other, int) and not isinstance(one, int):
            return False
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(
            same(a, b, tolerance) for a, b in zip(one, other, strict=True)
        )
    return bool(one == other)


def alike(one: Outcome, other: Outcome, tolerance: float) -> bool:
    """Whether two functions did the same on a probe, errors and gradients included."""
    if one.error or other.error:
        return type(one.error) is type(other.error) and str(one.error) == str(
            other.error
        )
    if one.changed != other.changed or not same(one.value, other.value, tolerance):
        return False
    if one.gradients is None or other.gradients is None:
        return one.gradients is other.gradients
    return all(
        same(gradient, other.gradients[name], 10 * tolerance)
        for name, gradient in one.gradients.items()
    )


def difference(
    yours: Outcome, expected: Outcome, exercise: Exercise
) -> Difference | None:
    """How an outcome without an error differs from the expected one, if it does."""
    found = _value_difference(yours.value, expected.value, exercise.tolerance)
    if found:
        return found
    if yours.changed:
        return Difference(
            "changed input",
            f"your function changes its input `{yours.changed[0]}` in place; "
            "work on a copy or on a new tensor",
        )
    if expected.gradients is None:
        return None
    if yours.gradients is None:
        names = " and ".join(f"`{n}`" for n in exercise.differentiable)
        return Difference(
            "missing gradient",
            f"the values are right, but no gradient reaches {names}: something "
            "detaches the result (.detach(), .item(), .data, torch.tensor(...) or "
            "no_grad)",
        )
    for name, gradient in expected.gradients.items():
        mine = yours.gradients[name]
        if same(mine, gradient, 10 * exercise.tolerance):
            continue
        if name in exercise.constant:
            return Difference(
                "unwanted gradient",
                f"a gradient reaches `{name}`, which has to stay a constant here: "
                "detach it",
                mine,
                gradient,
            )
        if not bool(mine.any()):
            return Difference(
                "missing gradient",
                f"the values are right, but no gradient reaches `{name}`: something "
                "on the way detaches it",
            )
        return Difference(
            "wrong gradient",
            f"the values are right, but the gradient of `{name}` is not",
            mine,
            gradient,
        )
    return None


def _value_difference(yours: Any, expected: Any, tolerance: float) -> Difference | None:
    if same(yours, expected, tolerance):
        return None
    if yours is None:
        return Difference(
            "returns nothing", "your function returns nothing: you forgot `return`"
        )
    if isinstance(expected, Tensor) != isinstance(yours, Tensor) or (
        not isinstance(expected, Tensor)
        and type(yours) is not type(expected)
        and not (isinstance(expected, float) and _number(yours) and yours is not True)
    ):
        return Difference(
            "type", f"your function returns {kind(yours)}, expected {kind(expected)}"
        )
    if isinstance(expected, Tensor):
        for what, mine, wanted in (
            ("shape", tuple(yours.shape), tuple(expected.shape)),
            ("dtype", yours.dtype, expected.dtype),
            ("device", yours.device, expected.device),
        ):
            if mine != wanted:
                mine, wanted = (str(s).removeprefix("torch.") for s in (mine, wanted))
                return Difference(
                    what, f"your result has {what} {mine}, expected {wanted}"
                )
    if _finite(expected) and not _finite(yours):
        what = "NaN" if _has_nan(yours) else "an infinite value"
        return Difference(
            "not finite",
            f"your result contains {what} where a finite number is expected",
            yours,
            expected,
        )
    return Difference("value", "your result differs", yours, expected)


def kind(value: Any) -> str:
    """A word for what a value is: `a tensor`, `a float`, `a list`."""
    name = "tensor" if isinstance(value, Tensor) else type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _number(value: Any) -> bool:
    return isinstance(value, numbers.Real)


def _finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        return bool(torch.isfinite(value).all())
    if isinstance(value, (list, tuple)):
        return all(map(_finite, value))
    return not _number(value) or math.isfinite(value)


def _has_nan(value: Any) -> bool:
    if isinstance(value, Tensor):
        return bool(torch.isnan(value).any())
    if isinstance(value, (list, tuple)):
        return any(map(_has_nan, value))
    return _number(value) and math.isnan(value)
