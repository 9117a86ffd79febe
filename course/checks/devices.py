"""Does a function stay on the device of its inputs?  Asked without a second device."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from course.checks.exercise import Exercise, Probe


def on_fake_device(function: Callable[..., Any], probe: Probe) -> Any:
    """The result of a call whose tensors pretend to live on another device.

    torch's FakeTensorMode computes shapes and devices only, and raises
    FakeTensorDeviceMismatchError where a tensor of the CPU is mixed in.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        arguments = [
            a.to("meta") if isinstance(a, Tensor) else a for a in probe.arguments
        ]
        return function(*arguments)


def device_problem(
    exercise: Exercise, function: Callable[..., Any], probe: Probe
) -> str | None:
    """The sentence for a function that would fail on a GPU, else None."""
    from torch._subclasses.fake_tensor import FakeTensorDeviceMismatchError

    if not any(isinstance(a, Tensor) for a in probe.arguments):
        return None
    fix = "create new tensors with device=… of an input"
    try:
        result = on_fake_device(function, probe)
    except FakeTensorDeviceMismatchError:
        return f"on a GPU your function would mix in a tensor of the CPU: {fix}"
    except Exception:  # it looks at values, which a pretended tensor does not have
        return None
    if isinstance(result, Tensor) and result.device.type != "meta":
        return f"on a GPU your function would return a tensor on the CPU: {fix}"
    return None
