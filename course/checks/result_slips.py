"""Slips in the result: its sign, its unit, its shape, what it is divided by."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course.checks.slip import IS, Function, Slip, of_result, shifted


def _elementwise(name: str) -> Function:
    """A function of torch that also takes a Python number, and gives one back."""

    def change(y: Any, *_: Any) -> Any:
        result = getattr(torch, name)(torch.as_tensor(y, dtype=None))
        return result if isinstance(y, Tensor) else result.item()

    return change


def _rounded(y: Any, places: int) -> Any:
    return y.round(decimals=places) if isinstance(y, Tensor) else round(y, places)


def plain() -> Iterator[Slip]:
    """Changes of the result that need to know nothing of the arguments."""
    yield of_result(f"{IS} with the opposite sign", lambda y, *_: -y, True)
    for factor, words in (
        (2, "times 2"),
        (1 / 2, "divided by 2"),
        (1 / math.log(2), "divided by ln 2: bits, where nats are expected, or twice"),
        (math.log(2), "times ln 2: the unit is not the expected one"),
        (1 / math.log(10), "divided by ln 10: the logarithm is not the natural one"),
        (math.log(10), "times ln 10: the logarithm is not the natural one"),
        (100, "times 100: a share is expected, not per cent"),
        (4, "times 4"),
        (1 / 4, "divided by 4"),
    ):
        yield of_result(f"{IS} {words}", lambda y, *_, k=factor: y * k, factor != 100)
    yield of_result(f"{IS} without its sign", lambda y, *_: abs(y), True)
    for name, words in (
        ("exp", "e to the power of the expected one: leave out the exponential"),
        ("log", "the logarithm of the expected one: it is one logarithm too many"),
        ("square", "the square of the expected one"),
        ("sqrt", "the square root of the expected one"),
        ("reciprocal", "1 divided by the expected one: a fraction is turned over"),
        ("sigmoid", "the sigmoid of the expected one"),
        ("log1p", "log(1 + the expected one)"),
    ):
        yield of_result(f"your result is {words}", _elementwise(name), name == "exp")
    yield of_result("your result is 1 minus the expected one", lambda y, *_: 1 - y)
    for places in (4, 3, 2, 1, 0):
        words = (
            f"rounded to {places} decimals" if places else "rounded to whole numbers"
        )
        yield of_result(f"{IS} {words}", lambda y, *_, k=places: _rounded(y, k))
    yield of_result(f"{IS} rounded down to whole numbers", lambda y, *_: y // 1)
    yield of_result(f"{IS} plus 1", lambda y, *_: y + 1)
    yield of_result(f"{IS} minus 1", lambda y, *_: y - 1)
    yield of_result("your result is minus the logarithm of the expected one",
                    lambda y, *_: -_elementwise("log")(y))  # fmt: skip
    yield of_result("your result is e to the power of minus the expected one",
                    lambda y, *_: _elementwise("exp")(-y))  # fmt: skip


def tensor_shapes() -> Iterator[Slip]:
    """Changes of a result that is a tensor."""
    many: list[tuple[str, Function]] = [
        (f"{IS} with true and false exchanged", lambda y: ~y),
        (f"{IS} limited to 0 from below", lambda y: y.clamp(min=0)),
        (f"{IS} limited to 1 from above", lambda y: y.clamp(max=1)),
        (f"{IS} limited to the range from 0 to 1", lambda y: y.clamp(0, 1)),
        (f"{IS} with rows and columns exchanged", lambda y: y.transpose(-1, -2)),
        (f"{IS} with the last dimension reversed", lambda y: y.flip(-1)),
        (f"{IS} with the rows in reverse order", lambda y: y.flip(0)),
        (f"{IS} shifted by one to the right", lambda y: shifted(y, 1)),
        (f"{IS} shifted by one to the left", lambda y: shifted(y, -1)),
        (f"{IS} shifted by one to the right, with −100 in front",
         lambda y: torch.nn.functional.pad(y[..., :-1], (1, 0), value=-100)),
        (f"{IS} shifted by one to the left, with −100 at the end",
         lambda y: torch.nn.functional.pad(y[..., 1:], (0, 1), value=-100)),
        (f"{IS} shifted by one to the right, the end first", lambda y: y.roll(1, -1)),
        (f"{IS} shifted by one to the left, the start last", lambda y: y.roll(-1, -1)),
        (f"{IS} after a softmax over the last dimension", lambda y: y.softmax(-1)),
        (f"{IS} after a log-softmax over the last dimension",
         lambda y: y.log_softmax(-1)),
        (f"{IS} sorted in rising order", lambda y: y.sort(-1).values),
        (f"{IS} sorted in falling order", lambda y: y.sort(-1, True).values),
        (f"{IS} added up along the last dimension", lambda y: y.cumsum(-1)),
        (f"{IS} with its mean subtracted", lambda y: y - y.mean()),
        (f"{IS} divided by its sum", lambda y: y / y.sum(-1, keepdim=True)),
        ("your result is the mean of the expected entries", lambda y: y.mean()),
        ("your result is the sum of the expected entries", lambda y: y.sum()),
        ("your result is the largest of the expected entries", lambda y: y.max()),
        ("your result is the mean of the expected entries, everywhere",
         lambda y: y.mean().expand_as(y)),
        ("your result is the expected one averaged over its last dimension",
         lambda y: y.mean(-1)),
        ("your result is the expected one summed over its last dimension",
         lambda y: y.sum(-1)),
        ("your result is the expected one averaged over its first dimension",
         lambda y: y.mean(0)),
        ("your result is the expected one summed over its first dimension",
         lambda y: y.sum(0)),
        ("your result has the expected numbers and one dimension too many, at the end",
         lambda y: y.unsqueeze(-1)),
        ("your result has the expected numbers and one dimension too many, in front",
         lambda y: y.unsqueeze(0)),
        ("your result has the expected numbers, but in one long row",
         lambda y: y.flatten()),
        (f"{IS} without its last column", lambda y: y[..., :-1]),
        (f"{IS} without its first column", lambda y: y[..., 1:]),
        ("your result is the first row of the expected one", lambda y: y[0]),
        (f"{IS} with 0 in place of −∞", lambda y: y.masked_fill(y == -torch.inf, 0.0)),
        (f"{IS} with a large negative number in place of −∞",
         lambda y: y.clamp(min=torch.finfo(y.dtype).min)),
    ]  # fmt: skip
    for sentence, change in many:
        yield of_result(sentence, lambda y, *_, c=change: c(y), "shifted" in sentence)


def texts() -> Iterator[Slip]:
    """Changes of a result that is a text."""
    many: list[tuple[str, Function]] = [
        ("in lower case", str.lower),
        ("in capitals", str.upper),
        ("without the space around it", str.strip),
        ("without its line ends", lambda y: y.replace("\n", "")),
        ("without the line end at its end", lambda y: y.removesuffix("\n")),
        ("with one more line end", lambda y: y + "\n"),
        ("with spaces in place of line ends", lambda y: y.replace("\n", " ")),
        ("backwards", lambda y: y[::-1]),
    ]
    for words, change in many:
        yield of_result(f"{IS} {words}", lambda y, *_, c=change: c(y))


def _counts(name: str, place: int, example: Any) -> Iterator[tuple[str, Function]]:
    """Numbers that an argument holds and a result is multiplied or divided by."""
    if isinstance(example, Tensor):
        if example.dtype == torch.bool or name == "mask":
            yield (
                f"the number of true entries of `{name}`",
                lambda *a: _counted(a, place).sum(),
            )
            for side, words in (
                (slice(None), ""),
                (slice(1, None), ", the first left out"),
            ):
                yield (
                    f"the number of true entries in each row of `{name}`{words}",
                    lambda *a, s=side: _counted(a, place)[:, s].sum(1),
                )
                yield (
                    f"the number of true entries in each row of `{name}`{words}",
                    lambda *a, s=side: _counted(a, place)[:, s].sum(1, keepdim=True),
                )
        for dim in range(example.dim()):
            yield (
                f"the size {'of' if example.dim() == 1 else f'{dim} of'} `{name}`",
                lambda *a, d=dim: a[place].shape[d],
            )
        if example.dim() > 1:
            yield f"the number of entries of `{name}`", lambda *a: a[place].numel()
    elif isinstance(example, (int, float)) and not isinstance(example, bool):
        yield f"`{name}`", lambda *a: a[place]
        yield f"(`{name}` − 1)", lambda *a: a[place] - 1
        yield f"the square root of `{name}`", lambda *a: a[place] ** 0.5
    elif isinstance(example, (list, str)):
        yield f"the length of `{name}`", lambda *a: len(a[place])


def _counted(arguments: tuple[Any, ...], place: int) -> Tensor:
    """A mask; where none is given one that is true everywhere."""
    if arguments[place] is not None:
        return arguments[place]
    shape = next(a.shape[:2] for a in arguments if isinstance(a, Tensor))
    return torch.ones(shape, dtype=torch.bool)


def scaled(
    names: tuple[str, ...], example: tuple[Any, ...], calls: list[tuple[Any, ...]]
) -> Iterator[Slip]:
    seen: set[tuple[float, ...]] = set()
    for place, (name, value) in enumerate(zip(names, example, strict=False)):
        for words, count in _counts(name, place, value):
            everywhere = _tried(count, calls)
            if len(set(everywhere)) < 2 or everywhere in seen:
                continue  # a constant, or a size that another argument has, too
            seen.add(everywhere)
            yield of_result(
                f"{IS} times {words}", lambda y, *a, c=count: y * c(*a), True
            )
            yield of_result(
                f"{IS} divided by {words}", lambda y, *a, c=count: y / c(*a), True
            )
            if isinstance(value, Tensor) and "size" in words:
                yield of_result(
                    f"{IS} times (n − 1)/n, where n is {words}",
                    lambda y, *a, c=count: y * (c(*a) - 1) / c(*a),
                )
                yield of_result(
                    f"{IS} times n/(n − 1), where n is {words}",
                    lambda y, *a, c=count: y * c(*a) / (c(*a) - 1),
                )
        if isinstance(value, Tensor) and value.dtype == torch.bool:
            yield of_result(
                f"your result holds the expected numbers where `{name}` is true, in "
                "one row: the shape is lost",
                lambda y, *a, p=place: y[a[p]],
            )
        if isinstance(value, Tensor) and value.is_floating_point():
            signs: list[tuple[str, Function]] = [
                (f"{IS} plus `{name}`", lambda y, x: y + x),
                (f"{IS} minus `{name}`", lambda y, x: y - x),
                (f"your result is `{name}` minus the expected one", lambda y, x: x - y),
                (f"{IS} times `{name}`", lambda y, x: y * x),
                (f"your result is `{name}` itself", lambda y, x: x),
                (
                    "what should be kept of it is cut, and what should be cut is kept",
                    lambda y, x: torch.where(y == -torch.inf, x, -torch.inf),
                ),
                (f"{IS} divided by `{name}`", lambda y, x: y / x),
            ]
            for sentence, change in signs:
                yield of_result(sentence, lambda y, *a, c=change, p=place: c(y, a[p]))


def _tried(count: Function, calls: list[tuple[Any, ...]]) -> tuple[float, ...]:
    """A count on every call; nothing where it cannot be taken on all of them."""
    try:
        return tuple(
            float(torch.as_tensor(count(*arguments)).double().sum())
            + torch.as_tensor(count(*arguments)).dim() / 8
            for arguments in calls
        )
    except Exception:  # an argument that some probes leave out
        return ()
