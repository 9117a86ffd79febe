"""What a function does on a probe: value, error, changed inputs, gradients."""

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Mistake, Probe


@dataclass
class Outcome:
    """A returned value or an error, which inputs were changed, and the gradients.

    cut_off: arguments that no part of the result is connected to; slack: how far an
    answer may lie from the value, and from each gradient, beyond the tolerance.
    """

    value: Any = None
    error: BaseException | None = None
    changed: tuple[str, ...] = ()
    gradients: dict[str, Tensor] | None = None
    gradient_error: BaseException | None = None
    cut_off: tuple[str, ...] = ()
    slack: float = 0.0
    gradient_slack: dict[str, float] = field(default_factory=dict)


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
        except (Exception, SystemExit) as error:
            outcome.error = error
            return outcome
        outcome.changed = tuple(
            name
            for name, after, before in zip(
                names, arguments, probe.arguments, strict=False
            )
            if not _untouched(after, before)
        )
        watched = {
            name: place
            for place, name in enumerate(names[: len(arguments)])
            if name in exercise.differentiable + exercise.constant
        }
        if watched and not outcome.changed:
            try:
                _differentiate(function, probe, watched, outcome)
            except (Exception, SystemExit) as error:
                outcome.gradient_error = error
    return outcome


def _untouched(after: Any, before: Any) -> bool:
    if isinstance(before, Tensor):
        return (
            isinstance(after, Tensor)
            and after.shape == before.shape
            and torch.equal(after.nan_to_num(0.125), before.nan_to_num(0.125))
        )
    if isinstance(before, list | tuple):
        return (
            isinstance(after, list | tuple)
            and len(after) == len(before)
            and all(map(_untouched, after, before))
        )
    return bool(after == before)


def _differentiate(
    function: Callable[..., Any],
    probe: Probe,
    watched: dict[str, int],
    outcome: Outcome,
) -> None:
    """Gradients of a fixed weighted sum of the result, where it has any."""
    arguments = fresh(probe.arguments)
    inputs = [arguments[place].requires_grad_() for place in watched.values()]
    value = function(*arguments)
    if not isinstance(value, Tensor) or not value.requires_grad:
        return
    if not value.is_floating_point():  # complex: the dtype is what will be told
        return
    weights = torch.cos(torch.arange(value.numel(), dtype=value.dtype))
    total = (value * weights.reshape(value.shape)).sum()
    found = torch.autograd.grad(total, inputs, allow_unused=True)
    gradients = dict(zip(watched, found, strict=True))
    outcome.cut_off = tuple(name for name, x in gradients.items() if x is None)
    outcome.gradients = {
        name: torch.zeros_like(given) if gradients[name] is None else gradients[name]
        for name, given in zip(watched, inputs, strict=True)
    }


@cache
def of_mistake(exercise: Exercise, mistake: Mistake, n: int) -> Outcome:
    """What a mistake of the catalogue does on probe n, found out once a session."""
    return observe(mistake.function, exercise.calls()[n], exercise)


@cache
def expected(exercise: Exercise) -> tuple[Outcome, ...]:
    """What the reference gives on every probe, computed in double precision.

    An answer may be off by four times what the reference loses in the probe's own
    precision: so much the problem itself allows.
    """
    return tuple(
        _exact(exercise, probe, observe(exercise.load(), probe, exercise))
        for probe in exercise.calls()
    )


def _exact(exercise: Exercise, probe: Probe, plain: Outcome) -> Outcome:
    doubled = Probe(
        probe.name,
        tuple(
            a.double() if isinstance(a, Tensor) and a.dtype == torch.float32 else a
            for a in probe.arguments
        ),
    )
    exact = observe(exercise.load(), doubled, exercise)
    if exact.error or plain.error or not isinstance(plain.value, Tensor):
        return plain
    off = _off(plain.value, exact.value)
    if off is None:
        return plain
    result = Outcome(
        _cast(exact.value, plain.value), cut_off=plain.cut_off, slack=4 * off
    )
    if plain.gradients is not None and exact.gradients is not None:
        result.gradients = {
            name: _cast(exact.gradients[name], gradient)
            for name, gradient in plain.gradients.items()
        }
        for name, gradient in plain.gradients.items():
            lost = _off(gradient, exact.gradients[name])
            if lost is None:
                return plain
            result.gradient_slack[name] = 4 * lost
    return result


def _cast(exact: Tensor, like: Tensor) -> Tensor:
    return exact.detach().to(like.dtype) if like.is_floating_point() else like


def _off(plain: Tensor, exact: Any) -> float | None:
    """Largest distance of the finite entries; None where the two cannot be compared."""
    if not isinstance(exact, Tensor) or plain.shape != exact.shape:
        return None
    if not plain.is_floating_point():
        return 0.0 if torch.equal(plain, exact) else None
    one, other = plain.detach().double(), exact.detach().double()
    finite = one.isfinite()
    if not torch.equal(finite, other.isfinite()):
        return None
    return float((one - other)[finite].abs().max()) if finite.any() else 0.0
