"""Another function altogether in place of the right one, and rows taken alone."""

import math
from collections.abc import Iterator
from itertools import combinations, permutations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks.slip import IS, Function, Slip


def _unit(x: Tensor) -> Tensor:
    return (x - x.min()) / (x.max() - x.min())


def _ranks(x: Tensor) -> Tensor:
    return x.argsort(-1).argsort(-1).to(x.dtype)


ONE: tuple[tuple[str, Function], ...] = (
    ("`{}` itself", lambda x: x),
    ("minus `{}`", lambda x: -x),
    ("the softmax of `{}`", lambda x: x.softmax(-1)),
    ("the log-softmax of `{}`", lambda x: x.log_softmax(-1)),
    ("the sigmoid of `{}`", lambda x: x.sigmoid()),
    ("the exponential of `{}`", lambda x: x.exp()),
    ("the logarithm of `{}`", lambda x: x.log()),
    ("the square of `{}`", lambda x: x.square()),
    ("`{}` without its sign", lambda x: x.abs()),
    ("the ranks of `{}`, counted from 0", lambda x: _ranks(x)),
    ("the ranks of `{}`, counted from 1", lambda x: _ranks(x) + 1),
    ("`{}` added up along the line", lambda x: x.cumsum(-1)),
    ("`{}` minus its mean", lambda x: x - x.mean(-1, True)),
    ("`{}` minus the mean of all", lambda x: x - x.mean()),
    ("`{}` stretched to run from 0 to 1", _unit),
    ("`{}` stretched to run from −1 to 1", lambda x: 2 * _unit(x) - 1),
    ("`{}` divided by its sum", lambda x: x / x.sum(-1, True)),
    ("`{}` divided by its root mean square",
     lambda x: x / x.square().mean(-1, True).sqrt()),
    ("`{}` divided by its length (Euclid's)", lambda x: F.normalize(x, dim=-1)),
    ("`{}` divided by its largest entry", lambda x: x / x.max()),
    ("`{}` divided by its largest entry without sign", lambda x: x / x.abs().max()),
    ("the sum of `{}`", lambda x: x.sum()),
    ("the mean of `{}`", lambda x: x.mean()),
    ("minus the mean of `{}`", lambda x: -x.mean()),
    ("the largest entry of `{}`", lambda x: x.max()),
    ("the last sum of `{}`", lambda x: x.sum(-1)),
    ("the mean of each row of `{}`", lambda x: x.mean(-1)),
    ("the largest entry of each row of `{}`", lambda x: x.amax(-1)),
    ("the last entry of each row of `{}`", lambda x: x[..., -1]),
    ("the first entry of each row of `{}`", lambda x: x[..., 0]),
)  # fmt: skip
TWO: tuple[tuple[str, Function], ...] = (
    ("`{}` minus `{}`", lambda x, y: x - y),
    ("`{}` divided by `{}`", lambda x, y: x / y),
    ("e to the power of (`{}` − `{}`)", lambda x, y: (x - y).exp()),
    ("the sigmoid of (`{}` − `{}`)", lambda x, y: (x - y).sigmoid()),
    ("the mean of `{}` − `{}`", lambda x, y: (x - y).mean()),
    ("`{}` where `{}` is not 0", lambda x, y: torch.where(y != 0, x, 0 * x)),
)
BOTH: tuple[tuple[str, Function], ...] = (
    ("`{}` plus `{}`", lambda x, y: x + y),
    ("`{}` times `{}`", lambda x, y: x * y),
    ("the mean squared difference of `{}` and `{}`",
     lambda x, y: (x - y).square().mean()),
    ("half the mean squared difference of `{}` and `{}`",
     lambda x, y: (x - y).square().mean() / 2),
    ("the mean distance of `{}` and `{}`", lambda x, y: (x - y).abs().mean()),
    ("the mean of `{}` times `{}`", lambda x, y: (x * y).mean()),
    ("the larger of `{}` and `{}`", lambda x, y: torch.maximum(x, y)),
)  # fmt: skip
NUMBERS: tuple[tuple[str, Function], ...] = (
    ("`{}` minus `{}`", lambda x, y: x - y),
    ("`{}` divided by `{}`", lambda x, y: x / y),
    ("`{}` / (`{}` + 1)", lambda x, y: x / (y + 1)),
    ("e to the power of (`{}` / `{}`)", lambda x, y: math.exp(x / y)),
)


def stand_ins(names: tuple[str, ...], example: tuple[Any, ...]) -> Iterator[Slip]:
    """A plain function of one argument, or of two, that is not the one asked for."""
    floats = [n for n, a in enumerate(example)
              if isinstance(a, Tensor) and a.is_floating_point()]  # fmt: skip
    whole = [n for n, a in enumerate(example) if type(a) in (int, float)]
    for n in floats:
        for words, function in ONE:
            yield _of(words.format(names[n]), function, (n,))
    for pairs, kinds in (
        (permutations(floats, 2), TWO),
        (combinations(floats, 2), BOTH),
        (permutations(whole, 2), NUMBERS),
    ):
        for i, j in pairs:
            for words, function in kinds:
                yield _of(words.format(names[i], names[j]), function, (i, j))


def _of(words: str, function: Function, places: tuple[int, ...]) -> Slip:
    def stand_in(*given: Any) -> Any:
        return function(*(given[n] for n in places))

    return Slip(f"your result is {words}, and no more than that", lambda _: stand_in)


def rows_alone(names: tuple[str, ...], example: tuple[Any, ...]) -> Iterator[Slip]:
    """The right function of each row, averaged, added up or laid side by side."""
    tensors = [n for n, a in enumerate(example) if isinstance(a, Tensor) and a.dim()]
    sizes = [example[n].shape[0] for n in tensors]
    with_rows = [n for n, s in zip(tensors, sizes, strict=True) if s == sizes[0] > 1]
    if not with_rows or max(example[n].dim() for n in with_rows) < 2:
        return
    kinds: list[tuple[str, Function]] = [
        ("your result is the mean of what is expected for each row alone: a mean of "
         "means, in which short rows count as much as long ones",
         lambda r: torch.stack(r).mean(0)),
        ("your result is the sum of what is expected for each row alone",
         lambda r: torch.stack(r).sum(0)),
        ("your result is what is expected for each row alone: the rows belong together",
         torch.stack),
        (f"{IS} for the first row alone", lambda r: r[0]),
        (f"{IS} for the last row alone", lambda r: r[-1]),
    ]  # fmt: skip
    for sentence, join in kinds:

        def apply(function: Function, join: Function = join) -> Function:
            def slipped(*given: Any) -> Any:
                rows = range(len(given[with_rows[0]]))
                parts = [
                    function(*(a[b : b + 1] if n in with_rows and a is not None else a
                               for n, a in enumerate(given)))
                    for b in rows
                ]  # fmt: skip
                parts = [p[0] if p.dim() and len(p) == 1 else p for p in parts]
                return join(parts)

            return slipped

        yield Slip(sentence, apply)
