"""Wrong functions made mechanically from a right one; every check must reject them.

A mutant is named and made from the reference; where it cannot be made (there is no
second tensor to swap) it is left out.  It may fail with an error: that is a rejection
too.  SURVIVORS lists, with a reason, those that are no mutants because they do what
the reference does.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from course.checks.exercise import Exercise

Function = Callable[..., Any]


def mutants(exercise: Exercise) -> Iterator[tuple[str, Function]]:
    """All mutants of an exercise's reference, by name."""
    right = exercise.load()
    example = exercise.calls()[-1].arguments
    result = right(*example)
    yield from _of_the_result(right, result)
    yield from _of_the_arguments(right, example)
    yield from _careless(right)


def _of_the_result(right: Function, result: Any) -> Iterator[tuple[str, Function]]:
    changes: dict[str, Function] = {
        "negated": lambda y: -y,
        "doubled": lambda y: 2 * y,
        "halved": lambda y: y / 2,
        "plus one": lambda y: y + 1,
        "plus a little": lambda y: y + 1e-3,
        "one per cent too large": lambda y: y * 1.01,
        "absolute": abs,
        "squared": lambda y: y * y,
        "in a list": lambda y: [y],
        "as text": str,
        "true": lambda y: True,
        "nothing": lambda y: None,
        "zero": lambda y: y * 0,
        "one": lambda y: y * 0 + 1,
        "NaN": lambda y: y * math.nan,
        "infinite": lambda y: y + math.inf,
        "complex": lambda y: y + 0j,
    }
    if isinstance(result, Tensor):
        changes |= {
            "detached": lambda y: y.detach(),
            "a Python number or list": lambda y: y.tolist(),
            "half precision": lambda y: y.half(),
            "whole numbers": lambda y: y.long(),
            "an extra dimension": lambda y: y[None],
            "summed": lambda y: y.sum() if y.dim() else y.expand(2).sum(),
            "constant": lambda y: torch.full_like(y, 0.5),
            "rounded": lambda y: y.round(decimals=1),
            "clamped": lambda y: y.clamp(-0.5, 0.5),
        }
        if result.dim():
            changes |= {
                "mean for all": lambda y: y.mean().expand_as(y),
                "shifted by one": lambda y: y.roll(1, -1),
                "reversed": lambda y: y.flip(-1),
                "rows reversed": lambda y: y.flip(0),
                "sorted": lambda y: y.sort(-1).values,
                "last dropped": lambda y: y[..., :-1],
                "first dropped": lambda y: y[1:],
                "flattened": lambda y: y.reshape(-1, 1),
                "first repeated": lambda y: y[..., :1].expand_as(y),
            }
    elif isinstance(result, float):
        changes |= {
            "a tensor": torch.tensor,
            "whole": round,
            "from one": lambda y: 1 - y,
            "inverse": lambda y: 1 / y if y else 0.0,
        }
    else:
        changes |= {"a float": float, "off by one": lambda y: y - 1}
    for name, change in changes.items():
        yield f"result {name}", lambda *a, change=change: change(right(*a))
    yield "result the same for every input", lambda *a: result


def _of_the_arguments(
    right: Function, example: tuple[Any, ...]
) -> Iterator[tuple[str, Function]]:
    for i in range(len(example)):
        yield f"argument {i} returned", lambda *a, i=i: a[i]

        def replaced(change: Function, *arguments: Any, i: int = i) -> Any:
            given = list(arguments)
            if i < len(given):
                given[i] = change(given[i])
            return right(*given)

        changes: dict[str, Function] = {}
        if isinstance(example[i], Tensor) and example[i].dtype == torch.bool:
            changes = {
                "all true": torch.ones_like,
                "inverted": torch.logical_not,
                "shifted by one": lambda x: x.roll(1, -1),
                "reversed": lambda x: x.flip(-1),
            }
        elif isinstance(example[i], Tensor):
            changes = {
                "negated": lambda x: -x,
                "zero": torch.zeros_like,
                "plus one": lambda x: x + 1,
                "doubled": lambda x: x * 2,
                "reversed": lambda x: x.flip(-1),
                "shifted by one": lambda x: x.roll(1, -1),
                "rows reversed": lambda x: x.flip(0),
                "mean for all": lambda x: torch.full_like(x, x.float().mean().item()),
            }
            if example[i].is_floating_point():
                changes["in half precision"] = lambda x: x.half().to(x.dtype)
                changes["clamped"] = lambda x: x.clamp(-1, 1)
        elif isinstance(example[i], (int, float)):
            changes = {"doubled": lambda x: 2 * x, "one": lambda x: type(x)(1)}
        for name, change in changes.items():
            yield f"argument {i} {name}", lambda *a, c=change, r=replaced: r(c, *a)
        for j in range(i + 1, len(example)):
            yield f"arguments {i} and {j} swapped", _swapped(right, i, j)


def _swapped(right: Function, i: int, j: int) -> Function:
    def function(*arguments: Any) -> Any:
        given = list(arguments)
        if j < len(given):
            given[i], given[j] = given[j], given[i]
        return right(*given)

    return function


def _careless(right: Function) -> Iterator[tuple[str, Function]]:
    def spoils_an_input(*arguments: Any) -> Any:
        result = right(*arguments)
        for x in arguments:
            if isinstance(x, Tensor) and x.is_floating_point():
                x.add_(1)
                return result
        raise LookupError("no input to spoil")

    def no_gradient(*arguments: Any) -> Any:
        with torch.no_grad():
            return right(*arguments)

    def first_row_only(*arguments: Any) -> Any:
        return right(*(a[:1] if isinstance(a, Tensor) else a for a in arguments))

    yield "spoils an input", spoils_an_input
    yield "without a gradient", no_gradient
    yield "first row only", first_row_only
    yield "raises", lambda *a: 1 / 0
    yield "too many parameters", lambda a, b, c, d, e, f, g: right(a, b)
    yield "no parameters", lambda: None
    yield "a generator", lambda *a: (x for x in [right(*a)])
    yield "another class", lambda *a: type("Odd", (), {"__eq__": None})()
    yield "exits", lambda *a: exit()
    yield "recursion", _endless_recursion


def _endless_recursion(*arguments: Any) -> Any:
    return _endless_recursion(*arguments)


CONSTANT = "the result is a constant of the update: no gradient is wanted"
NUMBER = "the result is a number, not a tensor: there is no gradient"
NONNEGATIVE = "the result is never negative"
IN_RANGE = "the values lie in this range anyway"
NOT_ASKED = "the exercise asks for no gradient"
COUNTS = "small whole numbers are exact in half precision"
RATERS = "the order of the raters does not matter"
PLACES = "the result is whole numbers already: places, without a gradient"
ORDER = "only the order of these scores counts"
MEAN = "only the mean of the costs counts"
PAIRS = "the order of the pairs does not matter"
SHIFT = "the function does not change when all logits are shifted"

SURVIVORS: dict[str, dict[str, str]] = {
    "13.1": {
        "without a gradient": NOT_ASKED,
        "argument 1 in half precision": "wins are 0, .5 or 1",
        "argument 1 clamped": "wins are 0, .5 or 1",
    },
    "13.2": {
        "without a gradient": NUMBER,
        "result absolute": NONNEGATIVE,
        "argument 0 negated": "p(1 - p) is the same for p and 1 - p",
        "argument 1 doubled": "a common factor changes no order",
        "argument 2 negated": "a and b may change places",
    },
    "13.3": {
        "without a gradient": NOT_ASKED,
        "argument 1 plus one": "a difference takes a shift away",
    },
    "13.4": {"without a gradient": CONSTANT, "first row only": "no argument has rows"},
    "14.1": {"result detached": NOT_ASKED, "without a gradient": NOT_ASKED},
    "14.2": {
        "result detached": NOT_ASKED,
        "without a gradient": NOT_ASKED,
        "argument 0 rows reversed": "the models have no order",
    },
    "14.3": {"without a gradient": NUMBER, "first row only": "no argument has rows"},
    "14.4": {
        "result detached": CONSTANT,
        "without a gradient": CONSTANT,
        "first row only": "no argument has rows",
    },
    "17.1": {
        "result absolute": NONNEGATIVE,
        "result detached": CONSTANT,
        "without a gradient": CONSTANT,
    },
    "17.2": {
        "result detached": NOT_ASKED,
        "without a gradient": NOT_ASKED,
        "result sorted": "the lower end comes first",
        "argument 2 reversed": "the unasked texts have no order",
        "argument 2 rows reversed": "the unasked texts have no order",
        "argument 2 shifted by one": "the unasked texts have no order",
    },
    "17.4": {
        "result detached": NOT_ASKED,
        "without a gradient": NOT_ASKED,
        "argument 0 clamped": IN_RANGE,
        "argument 1 clamped": IN_RANGE,
    },
    "17.5": {"result detached": NOT_ASKED, "without a gradient": NOT_ASKED},
    "0.1": {
        "result detached": CONSTANT,
        "without a gradient": CONSTANT,
        "argument 0 plus one": "standardising takes a shift away",
        "argument 0 doubled": "standardising takes the scale away",
    },
    "1.1": {"result absolute": NONNEGATIVE, "argument 0 plus one": SHIFT},
    "1.2": {
        "result absolute": NONNEGATIVE,
        "without a gradient": NUMBER,
        "first row only": "no argument has rows",
    },
    "1.3": {
        "result detached": NOT_ASKED,
        "without a gradient": NOT_ASKED,
        "result absolute": NONNEGATIVE,
        "argument 0 clamped": IN_RANGE,
        "argument 1 clamped": IN_RANGE,
    },
    "1.4": {"argument 0 plus one": SHIFT},
    "2.1": {"argument 1 plus one": "it shifts all scores of a query alike"},
    "2.5": {
        "result absolute": NONNEGATIVE,
        "without a gradient": NUMBER,
        "first row only": "no argument has rows",
    },
    "6.1": {
        "result absolute": NONNEGATIVE,
        "without a gradient": NUMBER,
        **{
            f"argument {place} {what}": RATERS
            for place in (0, 1)
            for what in ("reversed", "rows reversed", "shifted by one")
        },
        "argument 0 in half precision": COUNTS,
        "argument 1 in half precision": COUNTS,
    },
    "6.2": {
        "result detached": CONSTANT,
        "without a gradient": CONSTANT,
        "argument 0 doubled": "counting every vote twice changes no strength",
        "argument 0 in half precision": COUNTS,
    },
    "6.3": {
        "without a gradient": NUMBER,
        "argument 0 negated": "both means change their sign, so r stays",
        "argument 0 in half precision": COUNTS,
        "arguments 1 and 2 swapped": "a correlation is symmetric",
    },
    "6.4": {"result detached": CONSTANT, "without a gradient": CONSTANT},
    "6.5": {
        "result absolute": NONNEGATIVE,
        "without a gradient": NUMBER,
        "argument 0 in half precision": COUNTS,
        "argument 1 in half precision": COUNTS,
        "arguments 0 and 1 swapped": "the larger count does not ask whose it is",
    },
    "4.1": {
        "result detached": CONSTANT,
        "result whole numbers": "labels are whole numbers",
        "without a gradient": CONSTANT,
    },
    "4.2": {"result absolute": NONNEGATIVE},
    "4.3": {
        "without a gradient": CONSTANT,
        "first row only": "the texts are lists, not tensors",
    },
    "4.4": {
        "result as text": "the result is text",
        "argument 1 doubled": "twice true is still true",
        "without a gradient": "the result is text: there is no gradient",
        "first row only": "the messages are a list, not a tensor",
    },
    "5.1": {
        "result absolute": NONNEGATIVE,
        "without a gradient": NUMBER,
        "first row only": "no argument has rows",
    },
    "5.2": {
        "result absolute": NONNEGATIVE,
        "without a gradient": NUMBER,
        "first row only": "no argument has rows",
    },
    "5.3": {
        "result absolute": NONNEGATIVE,
        "without a gradient": NUMBER,
        "first row only": "no argument has rows",
        "arguments 0 and 1 swapped": "F1 treats both texts alike",
    },
    "5.4": {
        "result detached": CONSTANT,
        "without a gradient": CONSTANT,
        "argument 0 plus one": "normalising takes a shift away",
        "argument 0 doubled": "normalising takes the scale away",
        "argument 1 doubled": "normalising takes the scale away",
    },
    "5.5": {
        "result absolute": NONNEGATIVE,
        "without a gradient": NUMBER,
        "first row only": "no argument has rows",
    },
    "3.3": {
        "result detached": "a mask has no gradient",
        "without a gradient": "a mask has no gradient",
        "result squared": "true times true is true",
    },
    "3.1": {"result detached": NOT_ASKED, "without a gradient": NOT_ASKED},
    "3.2": {"result detached": NOT_ASKED, "without a gradient": NOT_ASKED},
    "3.5": {"result detached": NOT_ASKED, "without a gradient": NOT_ASKED},
    "3.4": {
        "result detached": NOT_ASKED,
        "without a gradient": NOT_ASKED,
        "result absolute": NONNEGATIVE,
        "argument 0 plus one": SHIFT,
        "argument 0 reversed": "entropy does not know the order of the tokens",
        "argument 0 shifted by one": "entropy does not know the order of the tokens",
    },
    "7.1": {"result absolute": NONNEGATIVE},
    "7.3": {"result absolute": NONNEGATIVE},
    "7.4": {
        "result absolute": NONNEGATIVE,
        "argument 0 clamped": IN_RANGE,
        "argument 1 clamped": IN_RANGE,
        "argument 1 in half precision": "0 and 1 are exact in half precision",
        "without a gradient": NUMBER,
    },
    "7.5": {"result absolute": NONNEGATIVE, "without a gradient": NUMBER},
    "8.1": {
        "result absolute": NONNEGATIVE,
        "result detached": PLACES,
        "result whole numbers": PLACES,
        "without a gradient": PLACES,
        "argument 0 plus one": ORDER,
        "argument 0 doubled": ORDER,
    },
    "8.2": {
        "result absolute": NONNEGATIVE,
        "without a gradient": NUMBER,
        "first row only": "no argument has rows",
    },
    "8.3": {
        "result detached": NOT_ASKED,
        "without a gradient": NOT_ASKED,
        "argument 0 plus one": ORDER,
        "argument 0 doubled": ORDER,
    },
    "8.4": {
        "result sorted": "the rows come in ascending order anyway",
        "result detached": PLACES,
        "result whole numbers": PLACES,
        "result absolute": NONNEGATIVE,
        "without a gradient": PLACES,
        "argument 0 plus one": ORDER,
        "argument 0 doubled": ORDER,
    },
    "9.1": {"result detached": CONSTANT, "without a gradient": CONSTANT},
    "9.3": {"result detached": CONSTANT, "without a gradient": CONSTANT},
    "9.4": {
        "result detached": CONSTANT,
        "without a gradient": CONSTANT,
        "argument 0 clamped": IN_RANGE,
    },
    "9.5": {
        "result absolute": NONNEGATIVE,
        "argument 0 plus one": SHIFT,
        "argument 0 reversed": "entropy does not know the order of the tokens",
        "argument 0 shifted by one": "entropy does not know the order of the tokens",
    },
    "11.1": {
        "result detached": CONSTANT,
        "without a gradient": CONSTANT,
        "argument 0 plus one": "the mean of the group takes a shift away",
    },
    "11.2": {
        "result detached": CONSTANT,
        "without a gradient": CONSTANT,
        "argument 0 plus one": "the mean of the others takes a shift away",
    },
    "11.5": {
        "result absolute": NONNEGATIVE,
        "result squared": "0 and 1 are their own squares",
        "result rounded": "0 and 1 are round",
        "result detached": CONSTANT,
        "without a gradient": CONSTANT,
        "first row only": "texts are no tensors: nothing is cut",
    },
    **{
        number: {
            "result absolute": NONNEGATIVE,
            "without a gradient": NUMBER,
            "first row only": "no argument has rows",
        }
        for number in ("15.1", "15.2")
    },
    **{
        number: {
            "without a gradient": NUMBER,
            "first row only": "no argument has rows",
        }
        for number in ("15.3", "15.4", "15.5")
    },
    **{
        number: {"result detached": CONSTANT, "without a gradient": CONSTANT}
        for number in ("16.1", "16.2", "16.4")
    },
    "16.3": {
        "result as text": "the result is a text already",
        "without a gradient": "the result is a text: there is no gradient",
        "first row only": "no argument has rows",
    },
    "16.5": {
        "result absolute": NONNEGATIVE,
        "argument 1 reversed": MEAN,
        "argument 1 shifted by one": MEAN,
        "argument 1 rows reversed": MEAN,
        "argument 1 mean for all": MEAN,
        "without a gradient": NUMBER,
    },
    "10.1": {"result absolute": NONNEGATIVE},
    "10.3": {"result detached": CONSTANT, "without a gradient": CONSTANT},
    "10.4": {"result detached": CONSTANT, "without a gradient": CONSTANT},
    "10.5": {"result absolute": NONNEGATIVE},
    "12.1": {
        "result detached": NOT_ASKED,
        "without a gradient": NOT_ASKED,
        "result absolute": NONNEGATIVE,
        "argument 0 clamped": IN_RANGE,
        "argument 0 doubled": "Z takes the factor away",
        "argument 1 plus one": "Z takes the shift away",
    },
    **{
        number: {
            "result absolute": NONNEGATIVE,
            "argument 0 reversed": PAIRS,
            "argument 0 rows reversed": PAIRS,
            "argument 0 shifted by one": PAIRS,
        }
        for number in ("12.3", "12.5")
    },
}
