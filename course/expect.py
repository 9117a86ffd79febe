"""Checks of arguments: one line in a function, one sentence where something is wrong.

None of them asks a GPU anything: a value that must be looked at is looked at on a CPU.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def whole(least: int, **counts: int) -> None:
    """Raise unless each count is a whole number (TypeError) of at least `least`.

    >>> whole(1, batch_size=0)
    Traceback (most recent call last):
    ValueError: got batch_size = 0, expected at least 1
    """
    for name, count in counts.items():
        if isinstance(count, bool) or not hasattr(count, "__index__"):
            raise TypeError(
                f"got {name} = {count!r}, expected a whole number of at least {least}"
            )
        if count < least:
            raise ValueError(f"got {name} = {count}, expected at least {least}")


def at_least(least: float, **numbers: float) -> None:
    """Raise ValueError unless each number is one, and is at least `least`.

    >>> at_least(0, learning_rate=float("nan"))
    Traceback (most recent call last):
    ValueError: got learning_rate = nan, expected a number of at least 0
    """
    for name, number in numbers.items():
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
        if not 0 < number < float("inf"):
            raise ValueError(f"got {name} = {number}, expected a finite number above 0")


def check_text(text: str) -> str:
    """The text itself; TypeError unless it is a str, ValueError for half a surrogate.

    >>> check_text("so \\ud83d good")
    Traceback (most recent call last):
    ValueError: got half of a surrogate pair at place 3, expected text fit for UTF-8
    """
    if not isinstance(text, str):
        raise TypeError(f"got a {type(text).__name__}, expected a text (str)")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"got half of a surrogate pair at place {error.start}, expected text fit "
            "for UTF-8"
        ) from None
    return text


def floats(**tensors: "Tensor") -> None:
    """Raise TypeError unless each tensor is of floating point."""
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise TypeError(f"got {name} of {tensor.dtype}, expected floating point")


def as_float(numbers: "Tensor") -> "Tensor":
    """Whole numbers, truth values and half precision as fp32; others as they are.

    >>> import torch
    >>> as_float(torch.tensor([True, False]))
    tensor([1., 0.])
    """
    import torch

    return numbers.to(torch.promote_types(numbers.dtype, torch.float32))


def meets(weight: "Tensor", **tensors: "Tensor") -> None:
    """Raise unless each tensor (..., C) can be multiplied with a weight (..., C).

    ValueError on its shape, TypeError on its dtype, which must be the weight's where
    no autocast brings them together.
    """
    import torch

    for name, tensor in tensors.items():
        if tensor.shape[-1:] != weight.shape[-1:]:
            raise ValueError(
                f"got {name} {tuple(tensor.shape)}, expected (..., {weight.shape[-1]})"
            )
        same = tensor.dtype == weight.dtype
        if not same and not torch.is_autocast_enabled(tensor.device.type):
            raise TypeError(f"got {name} of {tensor.dtype}, expected {weight.dtype}")


def finite(**tensors: "Tensor") -> None:
    """Raise ValueError where a tensor on a CPU holds NaN or infinity.

    >>> import torch
    >>> finite(mean=torch.tensor([1.0, torch.nan]))
    Traceback (most recent call last):
    ValueError: got NaN or infinity in mean, expected finite numbers
    """
    for name, tensor in tensors.items():
        if tensor.is_cpu and not tensor.isfinite().all():
            raise ValueError(f"got NaN or infinity in {name}, expected finite numbers")


def below(ids: "Tensor", size: int) -> None:
    """Raise ValueError where an id on a CPU is not one of 0 to size - 1."""
    if ids.is_cpu and ids.numel() and not 0 <= ids.min() <= ids.max() < size:
        raise ValueError(
            f"got ids from {int(ids.min())} to {int(ids.max())}, expected 0 to "
            f"{size - 1}"
        )


def starts_with_tokens(mask: "Tensor") -> "Tensor":
    """The mask as bool; ValueError unless tokens stand together at each row's start.

    mask: (batch, time).
    """
    import torch

    mask = mask.bool()
    lengths = mask.sum(1, keepdim=True)
    places = torch.arange(mask.shape[1], device=mask.device)
    if mask.is_cpu and not mask.eq(places < lengths).all():
        raise ValueError(
            "got a mask with a hole or with padding on the left, expected every row's "
            "tokens together at its start"
        )
    return mask
