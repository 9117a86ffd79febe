"""A second copy of a model that only writes: adapters merged, numbers of 16 bits."""

from contextlib import AbstractContextManager
from copy import deepcopy

import torch

from course.lm.lora import adapters, merge
from course.lm.model import GPT


def fast_dtype(device: torch.device | str = "cpu") -> torch.dtype:
    """bf16 where the device multiplies such numbers in hardware, else fp32.

    On a CPU without the units bf16 works and is slower than fp32.  Chapter 17.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        has_units = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_units = kind == "cpu" and (
            torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        )
    return torch.bfloat16 if has_units else torch.float32


@torch.no_grad()
def sampler_of(policy: GPT, dtype: torch.dtype | None = None) -> GPT:
    """A copy of the policy to write with: adapters merged, weights rounded to `dtype`.

    dtype: `fast_dtype` of the policy's device when None.  It has the policy's weights
    of now; `sync` brings it up to date after a step.  Chapter 17.
    """
    copy = merge(deepcopy(policy)).requires_grad_(False)
    return copy.to(dtype or fast_dtype(policy.device)).eval()


@torch.no_grad()
def sync(sampler: GPT, policy: GPT) -> None:
    """The sampler's weights become the policy's of now, rounded to its numbers.

    Of a policy with adapters only the adapted layers are copied: no other can change.
    Raises ValueError when a layer is missing in the sampler or has another shape.
    Chapter 17.
    """
    changed = {
        f"{name}.weight": layer.weight for name, layer in adapters(policy).items()
    }
    changed = changed or dict(policy.named_parameters())
    own = dict(sampler.named_parameters())
    for name, weight in changed.items():
        if name not in own or own[name].shape != weight.shape:
            raise ValueError(f"got a sampler that has no {name} of the policy's shape")
        own[name].copy_(weight)


def half(device: torch.device | str = "cpu") -> AbstractContextManager:
    """Inside `with`, matrix products use `fast_dtype`; weights and softmax stay fp32.

    Torch calls this autocast.  Where bf16 has no hardware it changes nothing.
    Chapter 17.
    """
    dtype, kind = fast_dtype(device), torch.device(device).type
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=dtype != torch.float32)
