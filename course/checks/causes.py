"""Why results are not finite or code stops: causes, tried before they are said."""

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course.checks.exercise import Probe
from course.checks.recognise import Case, called


def of_errors(case: Case) -> str | None:
    """What the arguments have in common on which the answer stops with an error."""
    stops = [mine.error is not None for mine in case.outcomes]
    said = {str(mine.error) for mine in case.outcomes if mine.error is not None}
    for place, name in enumerate(case.exercise.parameters):
        dims = [
            probe.arguments[place].dim()
            if place < len(probe.arguments)
            and isinstance(probe.arguments[place], Tensor)
            else -1
            for probe in case.probes
        ]
        failing = {d for d, stop in zip(dims, stops, strict=True) if stop}
        working = {d for d, stop in zip(dims, stops, strict=True) if not stop}
        if len(failing) != 1 or not working or failing & working or -1 in failing:
            continue
        (many,) = failing
        sentence = (
            f"your code stops wherever `{name}` has {many} dimension{'s' * (many > 1)}"
            ": the text allows that shape, too"
        )
        if all(re.search("[Dd]imension out of range", text) for text in said):
            sentence += "; counted from the end, the last dimension is always −1"
        return sentence
    return None


def of_unfinite(case: Case) -> str | None:
    """Why results are NaN or infinite, where that is all that is wrong with them."""
    if not case.wrong or any(case.outcomes[n].error for n in case.wrong):
        return None
    if all(map(_finite, (case.outcomes[n].value for n in case.wrong))):
        return None
    hidden = [_without_hidden(case, n) for n in case.wrong]
    if all(hidden):
        _, name = hidden[0]
        if all(case.right(n, called(case.function, probe))
               for n, (probe, _) in zip(case.wrong, hidden, strict=True)):  # fmt: skip
            return (
                f"what stands where `{name}` is 0 may be NaN or ∞, and 0 times NaN is "
                "NaN: take such places out with torch.where or masked_fill, before you "
                "add up; your result is right otherwise"
            )
    broken = [n for n in case.wrong if not _finite(case.outcomes[n].value)]
    if broken != case.wrong:
        return None
    doubled = [Probe("", tuple(map(_double, case.probes[n].arguments))) for n in broken]
    if all(any(map(_is_single, case.probes[n].arguments)) for n in broken):
        values = [called(case.function, probe) for probe in doubled]
        if all(case.right(n, _single(value, case.expected[n].value))
               for n, value in zip(broken, values, strict=True)):  # fmt: skip
            return (
                "a number on the way grows beyond what float32 can hold (in double "
                "precision your result is right): rearrange the formula, so that no "
                "large number meets an exponential, or 0 a logarithm"
            )
    for words, has in _CAUSES:
        flags = [has(probe.arguments) for probe in case.probes]
        if all(flags[n] == (n in broken) for n in range(len(flags))):
            return f"your result is not finite whenever {words}, and right otherwise"
    return None


def _finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        return bool(value.detach().isfinite().all())
    return not isinstance(value, float) or value - value == 0


def _is_single(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.float32


def _double(value: Any) -> Any:
    return value.double() if _is_single(value) else value


def _single(value: Any, like: Any) -> Any:
    same_kind = isinstance(value, Tensor) and isinstance(like, Tensor)
    return value.to(like.dtype) if same_kind else value


def _without_hidden(case: Case, n: int) -> tuple[Probe, str] | None:
    """A probe with 0 for what is not finite where a mask is 0, and the mask's name."""
    arguments = list(case.probes[n].arguments)
    for m, name in enumerate(case.exercise.parameters[: len(arguments)]):
        mask = arguments[m]
        if not isinstance(mask, Tensor) or not bool(((mask == 0) | (mask == 1)).all()):
            continue
        changed, found = list(arguments), False
        for k, x in enumerate(arguments):
            if k == m or not isinstance(x, Tensor) or not x.is_floating_point():
                continue
            if x.shape[: mask.dim()] != mask.shape:
                continue
            off = (mask == 0).reshape(*mask.shape, *[1] * (x.dim() - mask.dim()))
            bad = off & ~x.isfinite()
            if bool(bad.any()):
                changed[k], found = x.masked_fill(bad, 0.0), True
        if found:
            return Probe("", tuple(changed)), name
    return None


def _any(test: Callable[[Tensor], bool]) -> Callable[[tuple[Any, ...]], bool]:
    return lambda arguments: any(
        isinstance(x, Tensor) and x.numel() > 0 and test(x) for x in arguments
    )


_CAUSES: tuple[tuple[str, Callable[[tuple[Any, ...]], bool]], ...] = (
    ("there is only one number: a spread that divides by n − 1 is 0/0 there",
     _any(lambda x: x.numel() == 1)),
    ("a row has a single entry: a spread that divides by n − 1 is 0/0 there",
     _any(lambda x: x.dim() > 0 and x.shape[-1] == 1)),
    ("a row of the mask has no true entry: 0/0",
     _any(lambda x: x.dim() > 1 and x.dtype == torch.bool
          and not bool(x.any(-1).all()))),
    ("all numbers are equal: their spread is 0, and you divide by it",
     _any(lambda x: x.is_floating_point() and bool((x == x.flatten()[0]).all()))),
    ("a row holds equal numbers only: its spread is 0, and you divide by it",
     _any(lambda x: x.is_floating_point() and x.dim() > 1
          and bool((x == x[..., :1]).all(-1).any()))),
    ("an argument holds a 0: its logarithm, or what is divided by it, is not finite",
     _any(lambda x: x.is_floating_point() and bool((x == 0).any()))),
)  # fmt: skip
