"""Low-rank adapters: two thin matrices train beside each frozen weight.

Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models".
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, empty, nn

from course.expect import one_number, whole
from course.lm.model import GPT


class LowRank(nn.Module):
    """A frozen weight W `(out, in)` plus `alpha / rank` times B A, which train.

    A: `(rank, in)`, random; B: `(out, rank)`, zero, so that nothing changes at first.
    Chapter 04.
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float):
        super().__init__()
        self.base, self.scale, self.off = base, alpha / rank, 0
        a = empty(rank, base.in_features, device="cpu")  # alike on every device
        self.a = nn.Parameter(a.normal_(std=base.in_features**-0.5).to(base.weight))
        self.b = nn.Parameter(base.weight.new_zeros(base.out_features, rank))

    @property
    def weight(self) -> Tensor:
        """W + scale B A, `(out, in)`; what `FeedForward` and `GPT.head` read."""
        w = self.base.weight
        return w if self.off else w + self.scale * self.b @ self.a

    def forward(self, x: Tensor) -> Tensor:
        """`(..., in) -> (..., out)`, without ever forming B A."""
        y = self.base(x)
        return y if self.off else y + self.scale * (x @ self.a.T @ self.b.T)


def adapters(model: nn.Module) -> dict[str, LowRank]:
    """The adapters of a model by the names of the layers that they replace.

    Chapter 04.
    """
    return {n: m for n, m in model.named_modules() if isinstance(m, LowRank)}


def add_adapters(model: GPT, rank: int, alpha: float, names=("query", "value")) -> GPT:
    """Freeze `model` and, in place, adapt the linear layers that `names` end with.

    names: ends of names such as `blocks.0.attention.query`; those of the default are
    the paper's.  Adds `rank * (in + out)` parameters per layer.  Raises ValueError on a
    rank below 1, no such layer, one that is not linear, and a model with adapters.
    Chapter 04.
    """
    whole(1, rank=rank), one_number(alpha=alpha)
    found = {n: m for n, m in model.named_modules() if n.endswith(tuple(names))}
    if {*map(type, found.values())} != {nn.Linear} or adapters(model):
        raise ValueError(f"got names {names}, expected linear layers, no adapters yet")
    model.requires_grad_(False)
    for name, layer in found.items():
        model.set_submodule(name, LowRank(layer, rank, alpha))
    return model


def merge(model: GPT) -> GPT:
    """Add every adapter to its weight and remove it, in place: the same function.

    Everything trains again afterwards.  Chapter 04.
    """
    for name, adapter in adapters(model).items():
        adapter.base.weight.data.copy_(adapter.weight.detach())
        model.set_submodule(name, adapter.base)
    return model.requires_grad_(True)


@contextmanager
def adapters_off(model: GPT) -> Iterator[GPT]:
    """Inside `with`, the model is the one before its adapters: the reference model.

    Chapter 04.
    """
    for adapter in adapters(model).values():
        adapter.off += 1  # a count, so that one `with` may stand in another
    try:
        yield model
    finally:
        for adapter in adapters(model).values():
            adapter.off -= 1
