"""Adapters as tensors and as files, under the names that peft gives them."""

import json
from pathlib import Path

import torch
from torch import Tensor

from course.expect import as_float, one_number, tensors
from course.lm.interop import weight_names
from course.lm.lora import adapters, add_adapters
from course.lm.model import GPT, GPTConfig
from course.runtime import CourseError

WEIGHTS, CARD = "adapter_model.safetensors", "adapter_config.json"
PREFIX = "base_model.model."  # peft wraps the model twice


def merge_adapters(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """The weight of one layer with its adapter merged in: W + alpha / rank * B A.

    weight: (out, in); a: (rank, in); b: (out, rank); alpha: the strength.  Returns
    (out, in), a new tensor: the layer with this weight computes what layer and adapter
    compute together.  Raises ValueError on shapes that do not fit.
    Source: Hu et al. 2021, section 4.  Chapter 17.

    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0], [0.0]])
    >>> merge_adapters(torch.eye(2), a, b, alpha=0.5).tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
    one_number(alpha=alpha)
    tensors(weight=weight, a=a, b=b)
    rank = len(a) if a.dim() else 0
    if (
        weight.dim() != 2
        or a.dim() != 2
        or a.shape != (rank, weight.shape[1])
        or b.shape != (weight.shape[0], rank)
    ):
        raise ValueError(
            f"got weight {tuple(weight.shape)}, a {tuple(a.shape)}, b "
            f"{tuple(b.shape)}; expected (out, in), (rank, in), (out, rank)"
        )
    weight, a, b = as_float(weight), as_float(a), as_float(b)
    return weight + alpha / rank * b @ a


def adapter_tensors(model: GPT) -> dict[str, Tensor]:
    """Copies of all adapters of a model: `blocks.0.attention.query.a` -> A, `.b` -> B.

    Chapter 17.
    """
    return {
        f"{name}.{part}": getattr(adapter, part).detach().clone()
        for name, adapter in adapters(model).items()
        for part in ("a", "b")
    }


@torch.no_grad()
def put_adapters(model: GPT, tensors: dict[str, Tensor]) -> GPT:
    """Copy such tensors into the adapters that the model has, in place.

    Raises ValueError when names or shapes are not those of the model's adapters.
    Chapter 17.
    """
    own = {
        f"{name}.{part}": getattr(adapter, part)
        for name, adapter in adapters(model).items()
        for part in ("a", "b")
    }
    fit = own.keys() == tensors.keys()
    if not (fit and all(own[n].shape == tensors[n].shape for n in own)):
        raise ValueError(
            f"got {len(tensors)} adapter tensors, expected the {len(own)} of the "
            "model's own adapters, by the same names and of the same shapes"
        )
    for name, tensor in tensors.items():
        own[name].copy_(tensor)
    return model


def peft_name(name: str, config: GPTConfig) -> str:
    """Our name of an adapter tensor as peft writes it.

    Raises ValueError on the name of no layer's tensor.  Chapter 17.

    >>> peft_name("blocks.0.attention.query.a", GPTConfig(vocab_size=9))
    'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight'
    """
    layer, _, part = name.rpartition(".")
    known = weight_names(config)
    if f"{layer}.weight" not in known or part not in ("a", "b"):
        raise ValueError(f"got {name!r}, expected such as 'blocks.0.attention.query.a'")
    theirs = known[f"{layer}.weight"].removesuffix(".weight")
    return f"{PREFIX}{theirs}.lora_{part.upper()}.weight"


def save_adapters(model: GPT, folder: str | Path, base: str = "") -> None:
    """Write the adapters alone, as peft's `PeftModel.from_pretrained` reads them.

    base: the name or the folder of the model that they belong to.  Raises ValueError
    on a model without adapters, and where their ranks or strengths differ.  Chapter 17.
    """
    from safetensors.torch import save_file

    found = adapters(model)
    if len(shapes := {(len(x.a), x.scale * len(x.a)) for x in found.values()}) != 1:
        raise ValueError(
            f"got {len(found)} adapters of {len(shapes)} sizes, expected a model with "
            "adapters of one rank and one strength"
        )
    rank, alpha = shapes.pop()
    tensors = {
        peft_name(name, model.config): tensor.contiguous().cpu()
        for name, tensor in adapter_tensors(model).items()
    }
    names = {n.removeprefix(PREFIX).split(".lora_")[0].split(".")[-1] for n in tensors}
    card = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "target_modules": sorted(names),
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CARD).write_text(json.dumps(card, indent=1), encoding="utf-8")


def load_adapters(model: GPT, folder: str | Path) -> GPT:
    """Add the adapters that `save_adapters` or peft wrote to a model, in place.

    Raises CourseError when the folder cannot be read, ValueError when the adapters
    are not for a model of this shape or the model has some already.  Chapter 17.
    """
    from safetensors.torch import load_file

    folder = Path(folder)
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        theirs = load_file(folder / WEIGHTS)
        rank, alpha = card["r"], card["lora_alpha"]
    except Exception as error:  # whatever a damaged file makes the readers raise
        raise CourseError(
            f"The adapters in {folder} cannot be read ({error}); expected {CARD} and "
            f"{WEIGHTS} as peft writes them."
        ) from error
    ours = {
        f"{name.removesuffix('.weight')}.{part}": f"{PREFIX}"
        f"{other.removesuffix('.weight')}.lora_{part.upper()}.weight"
        for name, other in weight_names(model.config).items()
        for part in ("a", "b")
    }
    tensors = {name: theirs[other] for name, other in ours.items() if other in theirs}
    if not theirs or len(tensors) != len(theirs):
        raise ValueError(
            f"got {len(theirs)} adapter tensors of which {len(tensors)} belong to a "
            "layer of this model, expected all"
        )
    add_adapters(model, rank, alpha, sorted({n.rpartition(".")[0] for n in tensors}))
    return put_adapters(model, tensors)
