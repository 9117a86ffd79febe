"""The four parts of a modern transformer block, as pure functions.

Shapes: time is the positions now, seen those now and before (the cache included), C the
width, H the query heads, K the key/value heads, D = C / H, F the feed-forward width.
"""

from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor

from course.expect import (
    as_float,
    at_least,
    floats,
    one_number,
    positive,
    present,
    tensors,
    truth,
    whole,
    whole_number,
)


def rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    """Divide each vector by its root mean square, then scale: (..., C) -> (..., C).

    weight: (C,).  16-bit numbers are squared and averaged in fp32.
    Source: Zhang & Sennrich 2019, "Root Mean Square Layer Normalization".  Chapter 02.

    >>> rms_norm(torch.tensor([3.0, 4.0]), torch.ones(2), eps=0.0).pow(2).mean()
    tensor(1.)
    """
    at_least(0, eps=eps)
    tensors(x=x, weight=weight)
    if x.shape[-1:] != weight.shape:
        raise ValueError(
            f"got x {tuple(x.shape)} and weight {tuple(weight.shape)}, expected "
            "(..., C) and (C,)"
        )
    floats(x=x, weight=weight)
    at_least(0, eps=eps)
    wide = as_float(x)  # the square of 300 is beyond fp16
    scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return (wide * scale).to(x.dtype) * weight


def rotary(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    """Turn each pair of components by an angle that grows with its position.

    x: (batch, H, time, D), D even; component i is paired with i + D/2.  positions:
    (batch, time) or (time,).  Pair i turns by `position * base ** (-2 i / D)` radians,
    so a dot product of two turned vectors depends on the distance of their positions
    only.  Raises ValueError when D is odd.  Source: Su et al. 2021, "RoFormer".
    Chapter 02.
    """
    one_number(base=base)
    tensors(positions=positions)
    floats(x=x)
    if positions.shape[-1:] != x.shape[-2:-1]:
        raise ValueError(
            f"got x {tuple(x.shape)} and positions {tuple(positions.shape)}, expected "
            "(batch, H, time, D) and (batch, time) or (time,)"
        )
    cos, sin = rotary_angles(positions, x.shape[-1], base)
    return turn(x, cos.to(x.dtype), sin.to(x.dtype))


def rotary_angles(
    positions: Tensor, dim: int, base: float = 10_000.0
) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the angles of `rotary`: the same for every head and block.

    positions: (batch, time) or (time,); dim: D.  Returns twice (batch, 1, time, D/2) or
    (time, D/2), fp32.  Raises ValueError when D is odd.  Chapter 02.
    """
    whole_number(dim=dim)
    tensors(positions=positions)
    if dim < 2 or dim % 2:
        raise ValueError(f"got head dimension {dim}, expected an even number")
    positive(base=base)
    half = torch.arange(0, dim, 2, device=positions.device, dtype=torch.float32)
    angles = positions[..., None].float() * base ** (-half / dim)  # (batch, time, D/2)
    if angles.dim() == 3:
        angles = angles[:, None]  # the same for every head: (batch, 1, time, D/2)
    return angles.cos(), angles.sin()


def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn component i and i + D/2 of x, a point in the plane, by angle i.

    x: (batch, H, time, D); cos, sin: as `rotary_angles` returns them.  Chapter 02.
    """
    floats(x=x, cos=cos, sin=sin)
    time, dim = x.shape[-2:]
    if not cos.shape == sin.shape or cos.shape[-2:] != (time, dim // 2):
        raise ValueError(
            f"got x {tuple(x.shape)}, cos {tuple(cos.shape)} and sin "
            f"{tuple(sin.shape)}, expected (..., time, D) and twice (..., time, D/2)"
        )
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def causal_attention(
    queries: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None = None
) -> Tensor:
    """Each query reads a weighted mean of the values at and before its position.

    queries: (batch, H, time, D); keys, values: (batch, K, seen, D) with seen >= time,
    the queries being those of the last positions; H a multiple of K (grouped heads:
    query head h reads key head h // (H/K)).  allowed: (batch, time, seen) bool, a
    further restriction; a token always sees itself.  Returns (batch, H, time, D).
    Raises ValueError on shapes that do not fit.  Sources: Vaswani et al. 2017; grouped
    heads: Ainslie et al. 2023.  Chapter 02.
    """
    tensors(queries=queries, keys=keys, values=values)
    tensors(**present(allowed=allowed))
    if not (
        queries.dim() == keys.dim() == 4
        and keys.shape == values.shape
        and queries.shape[::3] == keys.shape[::3]
        and queries.shape[1] % keys.shape[1] == 0
        and queries.shape[2] <= keys.shape[2]
    ):
        raise ValueError(
            f"got queries {tuple(queries.shape)}, keys {tuple(keys.shape)}, values "
            f"{tuple(values.shape)}; expected (batch, H, time, D) and twice (batch, K, "
            "seen, D) with H a multiple of K and seen >= time"
        )
    floats(queries=queries, keys=keys, values=values)
    time, seen = queries.shape[2], keys.shape[2]
    if allowed is not None and len(allowed) not in (1, len(queries)):
        raise ValueError(
            f"got allowed for {len(allowed)} texts, expected {len(queries)}"
        )
    visible = visible_positions(time, seen, allowed, queries.device)
    return attend(queries, keys, values, visible)


def attend(queries: Tensor, keys: Tensor, values: Tensor, visible: Tensor) -> Tensor:
    """softmax(Q Kᵀ / √D) V over the visible positions.

    Shapes as in `causal_attention`, which checks them; visible: (time, seen) or (batch,
    1, time, seen), bool, at least one position for every query.  Chapter 02.
    """
    batch, heads, time, dim = queries.shape
    # The query heads that share a key head stand below each other: nothing is copied.
    queries = queries.reshape(batch, keys.shape[1], -1, dim)  # (batch, K, H/K time, D)
    scores = (queries / sqrt(dim)) @ keys.transpose(-1, -2)
    scores = scores.view(batch, heads, time, -1)  # (batch, H, time, seen)
    weights = scores.masked_fill(~visible, float("-inf")).softmax(-1)
    mixed = (
        weights.view(batch, keys.shape[1], heads // keys.shape[1] * time, -1) @ values
    )
    return mixed.view(batch, heads, time, dim)


def visible_positions(
    time: int, seen: int, allowed: Tensor | None, device: torch.device
) -> Tensor:
    """Who may look at whom: (time, seen); with `allowed`, (batch, 1, time, seen).

    The last `time` of `seen` positions look; none looks ahead.  Chapter 02.

    >>> visible_positions(2, 3, None, torch.device("cpu")).int().tolist()
    [[1, 1, 0], [1, 1, 1]]
    """
    tensors(**present(allowed=allowed))
    whole(1, time=time, seen=seen)
    ones = torch.ones(time, seen, dtype=torch.bool, device=device)
    past = ones.tril(seen - time)
    if allowed is None:
        return past
    itself = past & ones.triu(seen - time)  # so that padding, too, reads something
    if allowed.dim() != 3 or allowed.shape[1:] not in (past.shape, (1, seen)):
        raise ValueError(
            f"got allowed {tuple(allowed.shape)}, expected (batch, {time}, {seen})"
        )
    return (past & truth(allowed) | itself)[:, None]


def swiglu(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """Feed-forward block with a gate: `down (silu(gate x) * up x)`.

    x: (..., C); gate, up: (F, C); down: (C, F).  Source: Shazeer 2020, "GLU
    Variants Improve Transformer".  Chapter 02.
    """
    floats(x=x, gate=gate, up=up, down=down)
    if (
        not gate.shape == up.shape == (*down.shape[1:], *x.shape[-1:])
        or down.dim() != 2
    ):
        raise ValueError(
            f"got x {tuple(x.shape)}, gate {tuple(gate.shape)}, up {tuple(up.shape)} "
            f"and down {tuple(down.shape)}, expected (..., C), twice (F, C), (C, F)"
        )
    return F.linear(F.silu(F.linear(x, gate)) * F.linear(x, up), down)
