"""Checks of arguments: one line in a function, one sentence where something is wrong.

None of them asks a GPU anything: a value that must be looked at is looked at on a CPU.
"""

from numbers import Real
from operator import index
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Generator, Tensor


def whole(least: int, **counts: int) -> None:
    """Raise unless each count is a whole number (TypeError) of at least `least`.

    >>> whole(1, batch_size=0)
    Traceback (most recent call last):
    ValueError: got batch_size = 0, expected at least 1
    """
    for name, count in counts.items():
        if not is_whole(count):
            raise TypeError(
                f"got {name} = {count!r}, expected a whole number of at least {least}"
            )
        if count < least:
            raise ValueError(f"got {name} = {count}, expected at least {least}")


def whole_number(**counts: int) -> None:
    """Raise TypeError unless each is one whole number, of Python, NumPy or torch.

    >>> whole_number(seed=2.0)
    Traceback (most recent call last):
    TypeError: got seed = 2.0, expected a whole number
    """
    for name, count in counts.items():
        if not is_whole(count):
            raise TypeError(f"got {name} = {count!r}, expected a whole number")


def is_whole(count: Any) -> bool:
    """Whether it is one whole number, of Python, NumPy or torch; True is none."""
    if isinstance(count, int):
        return not isinstance(count, bool)
    if getattr(count, "ndim", 0) or "bool" in str(getattr(count, "dtype", "")):
        return False
    try:
        index(count)
    except TypeError:
        return False
    return True


def at_least(least: float, **numbers: float) -> None:
    """Raise ValueError unless each number is one, and is at least `least`.

    >>> at_least(0, learning_rate=float("nan"))
    Traceback (most recent call last):
    ValueError: got learning_rate = nan, expected a number of at least 0
    """
    for name, number in numbers.items():
        one_number(**{name: number})
        if not number >= least:
            raise ValueError(
                f"got {name} = {number}, expected a number of at least {least}"
            )


def positive(**numbers: float) -> None:
    """Raise unless each is a number (TypeError), finite and above 0 (ValueError).

    >>> positive(rope_base=0)
    Traceback (most recent call last):
    ValueError: got rope_base = 0, expected a finite number above 0
    """
    for name, number in numbers.items():
        if isinstance(number, (bool, str)) or not hasattr(number, "__float__"):
            raise TypeError(f"got {name} = {number!r}, expected a number above 0")
        one_number(**{name: number})
        if not 0 < number < float("inf"):
            raise ValueError(f"got {name} = {number}, expected a finite number above 0")


def check_text(text: str) -> str:
    """The text itself; TypeError unless it is a str, ValueError for half a surrogate.

    >>> check_text("so \\ud83d good")
    Traceback (most recent call last):
    ValueError: got half of a surrogate pair at place 3, expected text fit for UTF-8
    """
    if not isinstance(text, str):
        raise TypeError(f"got {a_kind(text)}, expected a text (str)")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"got half of a surrogate pair at place {error.start}, expected text fit "
            "for UTF-8"
        ) from None
    return text


def one_number(**numbers: float) -> None:
    """Raise TypeError unless each is one real number, of Python, NumPy or torch.

    >>> one_number(beta="0.1")
    Traceback (most recent call last):
    TypeError: got beta = '0.1', expected one number
    """
    for name, number in numbers.items():
        if isinstance(number, Real):
            continue
        single = getattr(number, "ndim", None) == 0
        if not single or "complex" in str(number.dtype):
            raise TypeError(f"got {name} = {number!r}, expected one number")


def tensors(**given: "Tensor") -> None:
    """Raise TypeError where something else than a tensor is given.

    >>> tensors(scores=[1.0, 2.0])
    Traceback (most recent call last):
    TypeError: got scores as a list, expected a tensor
    """
    import torch

    for name, one in given.items():
        if not isinstance(one, torch.Tensor):
            raise TypeError(f"got {name} as {a_kind(one)}, expected a tensor")


def as_tensor(name: str, values: Any) -> "Tensor":
    """Numbers as a tensor, from a list or an array too; TypeError on what is none."""
    import torch

    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"got {name} as {a_kind(values)}, expected a tensor") from None


def a_kind(one: Any) -> str:
    """What something is, with its article: "a list", "an int", "one str", "None"."""
    kind = type(one).__name__
    if one is None or isinstance(one, str):
        return "None" if one is None else "one str"
    return f"an {kind}" if kind[0] in "aeiouAEIOU" else f"a {kind}"


def cpu_generator(generator: "Generator | None") -> None:
    """Raise unless it is a torch.Generator on the CPU (None: torch's own)."""
    import torch

    if generator is None:
        return
    if not isinstance(generator, torch.Generator):
        kind = a_kind(generator)
        raise TypeError(f"got {kind}, expected a torch.Generator on the CPU")
    if generator.device.type != "cpu":
        raise ValueError(
            f"got a generator on {generator.device}, expected one on the CPU"
        )


def number_or_tensor(**given: "Tensor | float") -> None:
    """Raise TypeError where something else than one number or a tensor is given."""
    import torch

    one_number(**{n: x for n, x in given.items() if not isinstance(x, torch.Tensor)})


def divisor(**counts: "Tensor | float") -> None:
    """Raise unless each is one number or a 0-d tensor, which on a CPU is at least 0."""
    one_number(**counts)
    for name, count in counts.items():
        if getattr(count, "is_cpu", True) and not count >= 0:
            raise ValueError(f"got {name} = {count}, expected at least 0")


def present(**given: Any) -> dict[str, Any]:
    """The arguments that are given, those that are not None: for the checks here."""
    return {name: one for name, one in given.items() if one is not None}


def floats(**given: "Tensor") -> None:
    """Raise TypeError unless each tensor is of floating point."""
    tensors(**given)
    for name, tensor in given.items():
        if not tensor.is_floating_point():
            raise TypeError(f"got {name} of {tensor.dtype}, expected floating point")


def as_float(numbers: "Tensor") -> "Tensor":
    """Whole numbers, truth values and half precision as fp32; others as they are.

    >>> import torch
    >>> as_float(torch.tensor([True, False]))
    tensor([1., 0.])
    """
    import torch

    tensors(numbers=numbers)
    return numbers.to(torch.promote_types(numbers.dtype, torch.float32))


def meets(weight: "Tensor", **given: "Tensor") -> None:
    """Raise unless each tensor (..., C) can be multiplied with a weight (..., C).

    ValueError on its shape, TypeError on its dtype, which must be the weight's where
    no autocast brings them together.
    """
    import torch

    tensors(**given)
    for name, tensor in given.items():
        if tensor.shape[-1:] != weight.shape[-1:]:
            raise ValueError(
                f"got {name} {tuple(tensor.shape)}, expected (..., {weight.shape[-1]})"
            )
        same = tensor.dtype == weight.dtype
        if not same and not torch.is_autocast_enabled(tensor.device.type):
            raise TypeError(f"got {name} of {tensor.dtype}, expected {weight.dtype}")


def finite(**given: "Tensor") -> None:
    """Raise ValueError where a tensor on a CPU holds NaN or infinity.

    >>> import torch
    >>> finite(mean=torch.tensor([1.0, torch.nan]))
    Traceback (most recent call last):
    ValueError: got NaN or infinity in mean, expected finite numbers
    """
    tensors(**given)
    for name, tensor in given.items():
        if tensor.is_cpu and not tensor.isfinite().all():
            raise ValueError(f"got NaN or infinity in {name}, expected finite numbers")


def below(ids: "Tensor", size: int) -> None:
    """Raise ValueError where an id on a CPU is not one of 0 to size - 1."""
    tensors(ids=ids)
    if "bool" in str(ids.dtype):
        raise TypeError("got ids of torch.bool, expected whole numbers")
    if ids.is_cpu and ids.numel() and not 0 <= ids.min() <= ids.max() < size:
        raise ValueError(
            f"got ids from {int(ids.min())} to {int(ids.max())}, expected 0 to "
            f"{size - 1}"
        )


def truth(mask: "Tensor", name: str = "mask") -> "Tensor":
    """The mask as bool; ValueError where one on a CPU holds another value than 0 and 1.

    A mask that is added to logits, 0 and -inf, would count the padding only.

    >>> import torch
    >>> truth(torch.tensor([1.0, 0.0]))
    tensor([ True, False])
    """
    import torch

    tensors(**{name: mask})
    if mask.dtype == torch.bool:
        return mask
    if mask.is_cpu and not ((mask == 0) | (mask == 1)).all():
        raise ValueError(
            f"got {name} with other values than 0 and 1, expected 1 on what counts "
            "and 0 elsewhere"
        )
    return mask.bool()


def starts_with_tokens(mask: "Tensor") -> "Tensor":
    """The mask as bool; ValueError unless tokens stand together at each row's start.

    mask: (batch, time).
    """
    import torch

    mask = truth(mask)
    lengths = mask.sum(1, keepdim=True)
    places = torch.arange(mask.shape[1], device=mask.device)
    if mask.is_cpu and not mask.eq(places < lengths).all():
        raise ValueError(
            "got a mask with a hole or with padding on the left, expected every row's "
            "tokens together at its start"
        )
    return mask
