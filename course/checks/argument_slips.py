"""Slips in the arguments: ignored, exchanged, shifted, reversed, fixed."""

import math
from collections.abc import Iterator
from itertools import combinations, permutations
from typing import Any

import torch
from torch import Tensor

from course.checks.exercise import Exercise
from course.checks.slip import IS, Function, Slip, of_argument, shifted


def masked(names: tuple[str, ...], example: tuple[Any, ...]) -> Iterator[Slip]:
    for place, (name, value) in enumerate(zip(names, example, strict=False)):
        if not (isinstance(value, Tensor) and value.dtype == torch.bool):
            continue
        kinds: list[tuple[str, Function, bool]] = [
            (f"{IS} for a `{name}` that is true everywhere: `{name}` has no effect",
             torch.ones_like, True),
            (f"{IS} for the opposite of `{name}`", torch.logical_not, True),
            (f"{IS} for `{name}` shifted by one to the right",
             lambda x: shifted(x, 1), True),
            (f"{IS} for `{name}` shifted by one to the left",
             lambda x: shifted(x, -1), True),
            (f"{IS} for `{name}` reversed", lambda x: x.flip(-1), False),
            (f"{IS} for a `{name}` without its first true entry of each row",
             lambda x: x & (x.cumsum(-1) > 1), False),
            (f"{IS} for a `{name}` without its last true entry of each row",
             lambda x: x & (x.flip(-1).cumsum(-1).flip(-1) > 1), False),
        ]  # fmt: skip
        for sentence, change, core in kinds:
            yield of_argument(sentence, place, change, core)


def tensors(names: tuple[str, ...], example: tuple[Any, ...]) -> Iterator[Slip]:
    for place, (name, value) in enumerate(zip(names, example, strict=False)):
        if not isinstance(value, Tensor) or value.dtype == torch.bool:
            continue
        kinds: list[tuple[str, Function]] = [
            ("every entry of `{}` one larger", lambda x: x + 1),
            ("every entry of `{}` one smaller", lambda x: x - 1),
            ("`{}` reversed along its last dimension", lambda x: x.flip(-1)),
            ("the rows of `{}` in reverse order", lambda x: x.flip(0)),
            ("`{}` shifted by one to the right", lambda x: shifted(x, 1)),
            ("`{}` shifted by one to the left", lambda x: shifted(x, -1)),
            ("every entry of `{}` 0", torch.zeros_like),
            ("every entry of `{}` 1", torch.ones_like),
            ("`{}` with rows and columns exchanged", lambda x: x.transpose(-1, -2)),
            ("the first entry of `{}` in place of all", lambda x: x[:1].expand_as(x)),
            (
                "the first column of `{}` in place of all",
                lambda x: x[:, :1].expand_as(x),
            ),
            (
                "the largest entry of `{}` in place of all",
                lambda x: x.max().expand_as(x),
            ),
            ("the last entry of `{}` in place of all", lambda x: x[-1:].expand_as(x)),
        ]
        if value.is_floating_point():
            kinds += [
                ("`{}` with the opposite sign", torch.neg),
                ("`{}` without its sign", torch.abs),
                ("the exponential of `{}`", torch.exp),
                ("the logarithm of `{}`", torch.log),
                ("the square of `{}`", torch.square),
                ("the softmax of `{}`", lambda x: x.softmax(-1)),
                ("the log-softmax of `{}`", lambda x: x.log_softmax(-1)),
                ("twice `{}`", lambda x: 2 * x),
                ("half of `{}`", lambda x: x / 2),
                ("π times `{}`", lambda x: math.pi * x),
                ("0 for the last entry of `{}`", lambda x: _last_zero(x)),
                ("the square root of `{}`", torch.sqrt),
                ("the sigmoid of `{}`", torch.sigmoid),
                ("`{}` divided by its sum", lambda x: x / x.sum(-1, True)),
                (
                    "`{}` made to mean 0 and standard deviation 1",
                    lambda x: (x - x.mean()) / x.std(correction=0),
                ),
                ("`{}` rounded to whole numbers", torch.round),
                ("only the sign of `{}`", torch.sign),
                ("`{}` limited to 0 from below", lambda x: x.clamp(min=0)),
                ("`{}` with its mean subtracted", lambda x: x - x.mean()),
                ("the mean of `{}` everywhere", lambda x: x.mean().expand_as(x)),
            ]
        else:
            kinds += [
                ("`{}` read as degrees", lambda x: x * (math.pi / 180)),
                ("`{}` in full turns", lambda x: x * (2 * math.pi)),
                ("half of `{}`", lambda x: x // 2),
                ("twice `{}`", lambda x: x * 2),
                ("`{}` limited to 1", lambda x: x.clamp(max=1)),
            ]
        for words, change in kinds:
            yield of_argument(f"{IS} for {words.format(name)}", place, change)
        for other, number in enumerate(example):
            if type(number) in (int, float):
                yield _from_number(names[other], name, other, place)


def _last_zero(x: Tensor) -> Tensor:
    return torch.cat([x[..., :-1], torch.zeros_like(x[..., -1:])], -1)


def _from_number(one: str, two: str, i: int, j: int) -> Slip:
    def apply(function: Function) -> Function:
        return lambda *a: function(*a[:j], a[i] - a[j], *a[j + 1 :])

    return Slip(f"{IS} for (`{one}` − `{two}`) in place of `{two}`", apply)


def others(exercise: Exercise, example: tuple[Any, ...]) -> Iterator[Slip]:
    """Slips in numbers, texts and lists; fixed values are tried from the probes."""
    given = [probe.arguments for probe in exercise.calls()]
    for place, (name, value) in enumerate(
        zip(exercise.parameters, example, strict=False)
    ):
        kinds: list[tuple[str, Function]] = []
        if isinstance(value, bool):
            kinds = [("the opposite of `{}`", lambda x: not x)]
        elif isinstance(value, (int, float)):
            tried = {a[place] for a in given if place < len(a)} | {0, 1, 2, 10, 32}
            kinds = [
                (f"`{{}}` fixed at {fixed:g}: the argument has no effect",
                 lambda x, v=fixed: type(x)(v)) for fixed in sorted(tried)[:20]
            ]  # fmt: skip
            kinds += [
                ("1 divided by `{}`", lambda x: 1 / x),
                ("−`{}`", lambda x: -x),
                ("1 − `{}`", lambda x: 1 - x),
                ("the square of `{}`", lambda x: x * x),
                ("the square root of `{}`", lambda x: x**0.5),
                ("half of `{}`", lambda x: x / 2),
                ("twice `{}`", lambda x: 2 * x),
                ("`{}` one larger", lambda x: x + 1),
                ("`{}` one smaller", lambda x: x - 1),
            ]
        elif isinstance(value, str):
            kinds = [
                ("`{}` in lower case", str.lower),
                ("`{}` without the space around it", str.strip),
                ("`{}` backwards", lambda x: x[::-1]),
            ]
        elif isinstance(value, list):
            kinds = [
                ("`{}` in reverse order", lambda x: x[::-1]),
                ("`{}` without its last entry", lambda x: x[:-1]),
                ("`{}` without its first entry", lambda x: x[1:]),
                ("each entry of `{}` once", lambda x: list(dict.fromkeys(x))),
                ("`{}` in lower case", lambda x: [t.lower() for t in x]),
            ]
        for words, change in kinds:
            core = "fixed" not in words and "limited" not in words
            yield of_argument(f"{IS} for {words.format(name)}", place, change, core)


def fixed_together(exercise: Exercise, example: tuple[Any, ...]) -> Iterator[Slip]:
    """Two shares between 0 and 1 fixed at the usual numbers: neither has effect."""
    shares = [n for n, x in enumerate(example) if type(x) is float]
    for i, j in combinations(shares, 2):
        one, other = exercise.parameters[i], exercise.parameters[j]
        for pair in ((1.0, 1.0), (0.99, 0.95), (0.9, 0.9), (1.0, 0.95), (0.1, 0.2)):

            def apply(
                function: Function,
                at: tuple[int, int] = (i, j),
                to: tuple[float, float] = pair,
            ) -> Function:
                new = dict(zip(at, to, strict=True))
                return lambda *a: function(*(new.get(n, x) for n, x in enumerate(a)))

            yield Slip(
                f"{IS} for `{one}` fixed at {pair[0]:g} and `{other}` at {pair[1]:g}: "
                "the arguments have no effect",
                apply,
            )


def exchanged(names: tuple[str, ...], example: tuple[Any, ...]) -> Iterator[Slip]:
    for i, j in combinations(range(len(example)), 2):
        if type(example[i]) is not type(example[j]):
            continue

        def apply(function: Function, i: int = i, j: int = j) -> Function:
            def slipped(*given: Any) -> Any:
                changed = list(given)
                if j < len(changed):
                    changed[i], changed[j] = changed[j], changed[i]
                return function(*changed)

            return slipped

        words = f"{IS} for `{names[i]}` and `{names[j]}` exchanged"
        yield Slip(words, apply, core=True)


def joined(names: tuple[str, ...], example: tuple[Any, ...]) -> Iterator[Slip]:
    """One argument replaced by a sum or a difference of two of one shape."""
    for i, j in permutations(range(len(example)), 2):
        one, other = example[i], example[j]
        if type(one) is not type(other) or isinstance(one, (str, list, bool, tuple)):
            continue
        if isinstance(one, Tensor) and (
            one.shape != other.shape or torch.bool in (one.dtype, other.dtype)
        ):
            continue
        kinds: list[tuple[str, Function]] = [
            ("(`{}` − `{}`)", lambda x, y: x - y),
            ("(`{1}` − `{0}`)", lambda x, y: y - x),
            ("(`{}` + `{}`)", lambda x, y: x + y),
            ("`{}` times `{}`", lambda x, y: x * y),
            ("`{1}`", lambda x, y: y),
        ]
        for words, change in kinds:

            def apply(
                function: Function, i: int = i, j: int = j, change: Function = change
            ) -> Function:
                return lambda *a: function(*a[:i], change(a[i], a[j]), *a[i + 1 :])

            said = words.format(names[i], names[j])
            yield Slip(f"{IS} for {said} in place of `{names[i]}`", apply)


def _of_several(change: Function, places: tuple[int, ...]) -> Function:
    """A slip's `apply`: the same change of several arguments."""

    def apply(function: Function) -> Function:
        return lambda *a: function(
            *(change(x) if n in places else x for n, x in enumerate(a))
        )

    return apply


def _in_pairs(
    names: tuple[str, ...], example: tuple[Any, ...], floats: list[int]
) -> Iterator[Slip]:
    """The same change of two tensors of one shape: probabilities, half precision."""
    for i, j in combinations(floats, 2):
        if example[i].shape != example[j].shape:
            continue
        both = f"`{names[i]}` and `{names[j]}`"
        for words, change in (
            ("the exponentials of", torch.exp),
            ("the logarithms of", torch.log),
        ):
            yield Slip(f"{IS} for {words} {both}", _of_several(change, (i, j)))


def together(names: tuple[str, ...], example: tuple[Any, ...]) -> Iterator[Slip]:
    """Changes of all tensors of numbers at once, and of pairs that are broadcast."""
    floats = [n for n, a in enumerate(example)
              if isinstance(a, Tensor) and a.is_floating_point()]  # fmt: skip
    if len(floats) > 1:
        both = " and ".join(f"`{names[n]}`" for n in floats[:3])
        for words, change in (
            ("twice", lambda x: 2 * x),
            ("half of", lambda x: x / 2),
            ("minus", torch.neg),
        ):
            said = f"{IS} for {words} {both}"
            yield Slip(said, _of_several(change, tuple(floats)))
    yield from _in_pairs(names, example, floats)
    wide = [n for n, a in enumerate(example) if isinstance(a, Tensor) and a.dim() > 1]
    if wide and len({example[n].shape[1] for n in wide}) == 1:
        tables = " and ".join(f"`{names[n]}`" for n in wide[:4])
        for words, part in (("last", slice(None, -1)), ("first", slice(1, None))):
            said = f"{IS} for {tables} without the {words} column"
            yield Slip(said, _of_several(lambda x, s=part: x[:, s], tuple(wide)))
    for i, j in combinations(floats, 2):
        if example[i].shape == example[j].shape and example[i].dim() > 1:

            def firsts(function: Function, i: int = i, j: int = j) -> Function:
                return lambda *a: function(
                    *(x[:, :1].expand_as(x) if n in (i, j) else x
                      for n, x in enumerate(a))
                )  # fmt: skip

            both = f"`{names[i]}` and `{names[j]}`"
            yield Slip(f"{IS} for the first column of {both} in place of all", firsts)
        if example[i].dim() != 1 or example[j].dim() != 1:
            continue

        def crossed(function: Function, i: int = i, j: int = j) -> Function:
            def slipped(*given: Any) -> Any:
                changed, m = list(given), len(given[j])
                changed[i] = given[i].repeat_interleave(m)
                changed[j] = given[j].repeat(len(given[i]))
                return function(*changed)

            return slipped

        yield Slip(
            f"{IS} for every `{names[i]}` met with every `{names[j]}`: broadcasting "
            "has made a table of them",
            crossed,
        )
