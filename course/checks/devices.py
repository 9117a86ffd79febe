"""Does a function stay on the device of its inputs?  Asked without a second device."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from course.checks.exercise import Probe
from course.checks.observing import fresh

# A GPU accepts indices from the CPU, and moves tensors on request.
MIXING_ALLOWED = {"__getitem__", "__setitem__", "copy_", "to", "type_as"}
FIX = "create new tensors with device=… of an input"


class MixedDevices(Exception):
    """A tensor of the CPU met one of the pretended device."""


class _Pretend(TorchFunctionMode):
    """Marks tensors as being on another device, and whatever is computed from them.

    A tensor made from nothing is marked only where its device is passed on: without
    that it would be on the CPU.  Raises MixedDevices where marked and unmarked meet,
    scalars aside, as a GPU would.
    """

    def __init__(self, inputs: list[Any]) -> None:
        super().__init__()
        # The tensors are kept, so that no id is given to another one.
        self.marked = {id(x): x for x in inputs if isinstance(x, Tensor)}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        tensors = [a for a in tree_leaves((args, kwargs)) if isinstance(a, Tensor)]
        marks = {id(t) in self.marked for t in tensors if t.dim()}
        if len(marks) > 1 and name not in MIXING_ALLOWED:
            raise MixedDevices(name)
        result = function(*args, **kwargs)
        passed_on = isinstance(kwargs.get("device"), torch.device) or (
            name == "to" and any(isinstance(a, torch.device) for a in args)
        )
        anywhere = any(id(t) in self.marked for t in tensors)
        if (anywhere or passed_on) and name not in ("cpu", "numpy"):
            for x in tree_leaves(result):
                if isinstance(x, Tensor):
                    self.marked[id(x)] = x
        return result


def device_problem(function: Callable[..., Any], probe: Probe) -> str | None:
    """The sentence for a function that would fail on a GPU, else None."""
    arguments = fresh(probe.arguments)
    if not any(isinstance(a, Tensor) for a in arguments):
        return None
    pretend = _Pretend(arguments)
    try:
        with pretend, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function(*arguments)
    except MixedDevices:
        return f"on a GPU your function would mix in a tensor of the CPU: {FIX}"
    except (Exception, SystemExit):  # the probes tell of it
        return None
    if isinstance(result, Tensor) and id(result) not in pretend.marked:
        return f"on a GPU your function would return a tensor on the CPU: {FIX}"
    return None
