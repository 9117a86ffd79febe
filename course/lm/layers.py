"""The four parts of a modern transformer block, as pure functions.

Shapes: B batch, T positions now, S positions seen (cache included), C width, H query
heads, K key/value heads, D = C / H, F feed-forward width.
"""

from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor


def rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    """Divide each vector by its root mean square, then scale: `(..., C) -> (..., C)`.

    weight: `(C,)`.  Source: Zhang & Sennrich 2019, "Root Mean Square Layer
    Normalization".

    >>> rms_norm(torch.tensor([3.0, 4.0]), torch.ones(2), eps=0.0).pow(2).mean()
    tensor(1.)
    """
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def rotary(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    """Turn each pair of components by an angle that grows with its position.

    x: `(B, H, T, D)`, D even; component i is paired with i + D/2.  positions:
    `(B, T)` or `(T,)`.  Pair i turns by `position * base ** (-2 i / D)` radians, so a
    dot product of two turned vectors depends on the distance of their positions only.
    Raises ValueError when D is odd.  Source: Su et al. 2021, "RoFormer".
    """
    dim = x.shape[-1]
    if dim % 2:
        raise ValueError(f"got head dimension {dim}, expected an even number")
    half = torch.arange(0, dim, 2, device=x.device, dtype=torch.float32)
    angles = positions[..., None].float() * base ** (-half / dim)  # (B, T, D/2)
    if angles.dim() == 3:
        angles = angles[:, None]  # (B, 1, T, D/2), the same for every head
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def causal_attention(
    queries: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None = None
) -> Tensor:
    """Each query reads a weighted mean of the values at and before its position.

    queries: `(B, H, T, D)`; keys, values: `(B, K, S, D)` with S >= T, the queries
    being the last T positions; H a multiple of K (grouped heads: query head h reads
    key head h // (H/K)).  allowed: `(B, T, S)` bool, a further restriction; a query
    with nothing allowed reads zeros.  Returns `(B, H, T, D)`.  Raises ValueError on
    shapes that do not fit.  Source: Vaswani et al. 2017; grouped heads: Ainslie et al.
    2023.
    """
    heads, time, dim = queries.shape[1:]
    kv_heads, seen = keys.shape[1:3]
    if heads % kv_heads or seen < time or keys.shape != values.shape:
        raise ValueError(
            f"got queries {tuple(queries.shape)}, keys {tuple(keys.shape)}, values "
            f"{tuple(values.shape)}; expected (B, H, T, D) and twice (B, K, S, D) with "
            "H a multiple of K and S >= T"
        )
    group = heads // kv_heads
    if group > 1:
        keys = keys.repeat_interleave(group, dim=1)  # (B, H, S, D)
        values = values.repeat_interleave(group, dim=1)
    past = torch.ones(time, seen, dtype=torch.bool, device=queries.device)
    past = past.tril(seen - time)  # query t sees positions up to S - T + t
    if allowed is not None:
        past = past & allowed[:, None]  # (B, 1, T, S)
    weights = queries @ keys.transpose(-1, -2) / sqrt(dim)  # (B, H, T, S)
    weights = weights.masked_fill(~past, float("-inf"))
    weights = weights.softmax(-1)
    if allowed is not None:  # a row of padding has nothing to read: NaN becomes 0
        weights = weights.masked_fill(~past, 0.0)
    return weights @ values


def swiglu(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """Feed-forward block with a gate: `down (silu(gate x) * up x)`.

    x: `(..., C)`; gate, up: `(F, C)`; down: `(C, F)`.  Source: Shazeer 2020, "GLU
    Variants Improve Transformer".
    """
    return F.linear(F.silu(F.linear(x, gate)) * F.linear(x, up), down)
