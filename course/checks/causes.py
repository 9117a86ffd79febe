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
    return of_messages(said)


def of_messages(said: set[str]) -> str | None:
    """What torch's and Python's own words for an error mean; nothing is guessed."""
    for pattern, words in _MESSAGES:
        found = [re.search(pattern, text, re.DOTALL) for text in said]
        if all(found):
            first = min(found, key=lambda m: m.group())
            return "your code stops: " + words(*first.groups())
    return None


def _meeting(a: str, b: str, dim: str) -> str:
    text = (
        f"along dimension {dim} (counted from 0) {a} entries meet {b}; broadcasting "
        "lines shapes up from the last dimension"
    )
    if dim == "0":
        return text
    return text + ", so one number for each row needs `[:, None]`"


def _multiplying(n: str, k: str, m: str, p: str) -> str:
    text = f"`@` needs equal inner sizes, and a ({n}, {k}) meets a ({m}, {p})"
    return text + ("; transposed, the second one fits" if k == p else "")


_MESSAGES: tuple[tuple[str, Callable[..., str]], ...] = (
    (r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at "
     r"non-singleton dimension (\d+)", _meeting),
    (r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)",
     _multiplying),
    (r"Sizes of tensors must match except in dimension (\d+)\. Expected size (\d+) but "
     r"got size (\d+)",
     lambda dim, a, b: f"torch.cat joins along dimension {dim} and wants equal sizes "
     f"elsewhere, and {a} meets {b}: fill the shorter ones up first"),
    (r"stack expects a non-empty TensorList",
     lambda: "torch.stack gets an empty list: that case needs a result of its own"),
    (r"^(pop from empty list|list index out of range|max\(\) .*empty|min\(\) .*empty)",
     lambda words: f"a list has fewer entries than the line assumes ({words}): that "
     "case needs a result of its own"),
    (r"^division by zero|float division by zero|ZeroDivisionError",
     lambda: "a divisor is 0 here: that case needs a result of its own"),
    (r"math range error",
     lambda: "an exponential grows beyond what a float can hold: rearrange the formula "
     "so that no large number meets an exponential"),
    (r"shape '\[([-0-9, ]+)\]' is invalid for input of size (\d+)",
     lambda shape, size: f"{size} entries do not fill a table of shape ({shape}): take "
     "the sizes from the arguments"),
)  # fmt: skip


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
