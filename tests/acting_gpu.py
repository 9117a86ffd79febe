"""A pretended GPU, `acting`: a device with real numbers that mixes with no other.

Its tensors keep their numbers in a tensor on the CPU, so what is computed with them can
be compared with the CPU's.  As on a GPU, an operation on tensors of two devices raises,
and so do a draw with a generator of the CPU and a call of `numpy`.  Import it in a
process of its own.
"""

import torch
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "acting"
aten = torch.ops.aten
COPIES = {aten.copy_.default, aten._to_copy.default}
INDEXING = {aten.index.Tensor, aten.index_put_.default, aten._index_put_impl_.default}
MAKERS = ("arange", "linspace", "randperm", "eye")  # they resize what they made


class Module:
    """What torch asks of a device's module."""

    is_available = staticmethod(lambda: True)
    device_count = staticmethod(lambda: 1)
    current_device = staticmethod(lambda: 0)
    manual_seed_all = _lazy_init = staticmethod(lambda *_: None)
    _is_in_bad_fork = staticmethod(lambda: False)


class OnDevice(torch.Tensor):
    """A tensor of the pretended device; `inner` has its numbers."""

    inner: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner):
        made = torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), dtype=inner.dtype,
            storage_offset=inner.storage_offset(), requires_grad=inner.requires_grad,
            device=torch.device(NAME, 0),
        )  # fmt: skip
        made.inner = inner
        return made

    def __tensor_flatten__(self):
        return ["inner"], None

    def tolist(self):
        return self.inner.tolist()

    def numpy(self, *_, **__):
        raise TypeError(f"can't convert a tensor on {NAME} to numpy; copy it first")

    __array__ = numpy

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return run(operation, args, kwargs or {})


def on_it(device) -> bool:
    return device is not None and torch.device(device).type == NAME


def refuse(operation, args, kwargs, device) -> None:
    """Raise where a GPU does."""
    leaves = tree_leaves((args, kwargs))
    tensors = [x for x in leaves if isinstance(x, torch.Tensor)]
    here = [x for x in tensors if isinstance(x, OnDevice)]
    other = [x for x in tensors if not isinstance(x, OnDevice) and x.dim()]
    if operation in INDEXING and isinstance(args[0], OnDevice):
        other = [x for x in other if x.is_floating_point()]  # the rest may index
    if here and other and operation not in COPIES:
        raise RuntimeError(f"{operation} got tensors on {NAME} and on the CPU")
    draws = any(isinstance(x, torch.Generator) for x in leaves)
    if draws and (here or on_it(device)):
        raise RuntimeError(f"{operation} got a generator of the CPU on {NAME}")


def run(operation, args, kwargs):
    """The operation on the numbers of its tensors, its result on the right device."""
    device = kwargs.get("device")
    refuse(operation, args, kwargs, device)
    here = any(isinstance(x, OnDevice) for x in tree_leaves((args, kwargs)))
    lands = on_it(device) if device is not None else here
    plain = dict(kwargs, device="cpu") if on_it(device) else kwargs

    def bare(x):
        return x.inner if isinstance(x, OnDevice) else x

    result = operation(*tree_map(bare, args), **tree_map(bare, plain))
    if operation is aten.copy_.default:
        return args[0]
    if not lands:
        copied = operation is aten._to_copy.default
        return result.clone() if copied else result
    made = tree_map(lambda x: OnDevice(x) if isinstance(x, torch.Tensor) else x, result)
    if not here or not isinstance(args[0], OnDevice | list | tuple):
        return made
    return return_and_correct_aliasing(operation, args, kwargs, made)


def made_on_cpu_first(make):
    """`torch.tensor` and `torch.as_tensor`, which build on the device itself."""

    def made(data, *args, device=None, **kwargs):
        if on_it(device):
            return make(data, *args, **kwargs).to(device)
        return make(data, *args, device=device, **kwargs)

    return made


def direct(overload):
    return lambda *args, **kwargs: run(overload, args, kwargs)


_setup_privateuseone_for_python_backend(NAME, Module())
everything = torch.library.Library("_", "IMPL")
everything.fallback(lambda op, *args, **kwargs: run(op, args, kwargs), "PrivateUse1")
makers = torch.library.Library("aten", "IMPL")
for packet in MAKERS:
    for name in getattr(aten, packet).overloads():
        if "out" not in name:
            kernel = direct(getattr(getattr(aten, packet), name))
            full = packet if name == "default" else f"{packet}.{name}"
            makers.impl(f"aten::{full}", kernel, "PrivateUse1")
torch.tensor = made_on_cpu_first(torch.tensor)
torch.as_tensor = made_on_cpu_first(torch.as_tensor)
