"""How an outcome differs from the expected one, and the sentence that tells it."""

import math
import numbers
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints

import torch
from torch import Tensor

from course.checks.exercise import Exercise
from course.checks.observing import Outcome
from course.checks.places import digits, where

# Within a group either is right where no text asks for one of them.
GROUPS = ({torch.float32, torch.float64}, {torch.int32, torch.int64})


@dataclass(frozen=True)
class Difference:
    """The kind of a difference and the sentence that tells it."""

    kind: str
    sentence: str
    yours: Any = field(default=None, compare=False)
    expected: Any = field(default=None, compare=False)


def same(one: Any, other: Any, tolerance: float, slack: float = 0.0) -> bool:
    """Equal type, shape, kind of number and device, and values within the tolerance.

    Where `other` is a float any real number may be `one`; float32 and float64 are
    both right where the other is one of them, and so are int32 and int64.  The
    tolerance is for rounding: two whole numbers are equal, or as near as `slack`.
    """
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        if (one.shape, one.device) != (other.shape, other.device):
            return False
        if not _dtypes_agree(one.dtype, other.dtype):
            return False
        if not (one.is_floating_point() or one.is_complex()):
            tolerance = 0.0
        if one.dtype != other.dtype:
            one, other = one.double(), other.double()
        options = {"rtol": tolerance, "atol": tolerance + slack, "equal_nan": True}
        return torch.allclose(one.detach(), other.detach(), **options)
    if _number(one) and _number(other):
        if isinstance(one, bool) != isinstance(other, bool):
            return False
        if isinstance(other, int) and not isinstance(one, int):
            return False
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        if isinstance(one, int) and isinstance(other, int):
            return abs(one - other) <= slack
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance + slack)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(
            same(a, b, tolerance, slack) for a, b in zip(one, other, strict=True)
        )
    return type(one) is type(other) and bool(one == other)


def _dtypes_agree(one: torch.dtype, other: torch.dtype) -> bool:
    return one == other or any({one, other} <= group for group in GROUPS)


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
    found = _none_difference(yours.value, expected.value, exercise)
    found = found or _value_difference(
        yours.value, expected.value, exercise.tolerance, expected.slack
    )
    if found:
        return found
    if exercise.exact_dtype and yours.value.dtype != expected.value.dtype:
        mine, wanted = (
            str(x.value.dtype).removeprefix("torch.") for x in (yours, expected)
        )
        return Difference("dtype", f"your result has dtype {mine}, expected {wanted}")
    if yours.changed:
        return Difference(
            "changed input",
            f"your function changes its input `{yours.changed[0]}` in place; "
            "work on a copy or on a new tensor",
        )
    if expected.gradients is None:
        mine = yours.gradients or {}
        reached = [name for name in exercise.constant if name in mine]
        reached = [name for name in reached if name not in yours.cut_off]
        if not reached:
            return None
        return Difference(
            "unwanted gradient",
            f"a gradient reaches `{reached[0]}`, but the result has to be a constant: "
            "detach it",
        )
    return _gradient_difference(yours, expected, exercise)


def _gradient_difference(
    yours: Outcome, expected: Outcome, exercise: Exercise
) -> Difference | None:
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
        slack = expected.gradient_slack.get(name, 0.0)
        if same(mine, gradient, 10 * exercise.tolerance, slack):
            continue
        if name in exercise.constant:
            return Difference(
                "unwanted gradient",
                f"a gradient reaches `{name}`, which has to stay a constant here: "
                "detach it",
                mine,
                gradient,
            )
        if name in yours.cut_off:
            return Difference(
                "missing gradient",
                f"the values are right, but no gradient reaches `{name}`: something "
                "on the way detaches it",
            )
        if not bool(mine.any()):
            return Difference(
                "flat",
                f"the values are right, but the slope with respect to `{name}` is 0 "
                "where it should not be: something on the way is detached, or a "
                "clamp, a maximum, a comparison or abs is flat there",
                mine,
                gradient,
            )
        what = "not finite" if not mine.isfinite().all() else "not the expected one"
        return Difference(
            "wrong gradient",
            f"the values are right, but the gradient of `{name}` is {what}",
            mine,
            gradient,
        )
    return None


def _none_difference(
    yours: Any, expected: Any, exercise: Exercise
) -> Difference | None:
    """None for a value or a value for None, where None is an answer."""
    if (yours is None) == (expected is None):
        return None
    answers = get_type_hints(exercise.load()).get("return")
    if type(None) not in get_args(answers):
        return None
    sentence = f"your result differs, yours {yours}, expected {expected}"
    return Difference("value", sentence, yours, expected)


def _value_difference(
    yours: Any, expected: Any, tolerance: float, slack: float
) -> Difference | None:
    if same(yours, expected, tolerance, slack):
        return None
    if yours is None:
        return Difference(
            "returns nothing", "your function returns nothing: you forgot `return`"
        )
    wrong_kind = _kind_difference(yours, expected)
    if wrong_kind:
        return wrong_kind
    if _finite(expected) and not _finite(yours):
        what = "NaN" if _has_nan(yours) else "an infinite value"
        return Difference(
            "not finite",
            f"your result contains {what} where a finite number is expected",
            yours,
            expected,
        )
    place, mine, wanted = where(yours, expected, tolerance + slack)
    mine, wanted = digits(mine, wanted)
    at = f"{place}: " if place else ""
    sentence = f"your result differs, {at}yours {mine}, expected {wanted}"
    return Difference("value", sentence, yours, expected)


def _kind_difference(yours: Any, expected: Any, of: str = "") -> Difference | None:
    """A wrong type, shape, dtype or device, inside tuples too; of: which entry."""
    if isinstance(expected, Tensor) != isinstance(yours, Tensor) or (
        not isinstance(expected, Tensor)
        and type(yours) is not type(expected)
        and not (isinstance(yours, (list, tuple)) and isinstance(expected, tuple))
        and not (isinstance(expected, float) and _number(yours) and yours is not True)
    ):
        subject = f"{of} of your result is" if of else "your function returns"
        return Difference("type", f"{subject} {kind(yours)}, expected {kind(expected)}")
    if isinstance(expected, (list, tuple)):
        if len(yours) != len(expected):
            return Difference(
                "entries",
                f"your result has {len(yours)} entries, expected {len(expected)}",
            )
        pairs = enumerate(zip(yours, expected, strict=True))
        found = (_kind_difference(a, b, f"entry {n}") for n, (a, b) in pairs)
        return next((difference for difference in found if difference), None)
    if not isinstance(expected, Tensor):
        return None
    subject = f"{of} of your result" if of else "your result"
    for what, mine, wanted in (
        ("shape", tuple(yours.shape), tuple(expected.shape)),
        ("dtype", yours.dtype, expected.dtype),
        ("device", yours.device, expected.device),
    ):
        agree = _dtypes_agree(mine, wanted) if what == "dtype" else mine == wanted
        if not agree:
            mine, wanted = (str(s).removeprefix("torch.") for s in (mine, wanted))
            return Difference(
                what, f"{subject} has {what} {mine}, expected {wanted}", yours, expected
            )
    return None


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
