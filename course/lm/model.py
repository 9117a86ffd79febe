"""A decoder-only transformer in the Llama layout, from its parts to the whole.

The same class is the 2-million-parameter model of the course and a real pretrained
model. Shapes: B batch, T positions now, S positions seen (cache included), C width,
H query heads, K key/value heads, D = C / H, F feed-forward width, V vocabulary.
"""

from dataclasses import dataclass
from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a model; its names follow GLOSSARY.md."""

    vocab_size: int
    context: int = 128
    width: int = 192
    layers: int = 4
    heads: int = 6
    kv_heads: int = 2
    feed_forward: int = 512
    rope_base: float = 10_000.0
    norm_eps: float = 1e-5
    tied: bool = True

    def __post_init__(self) -> None:
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise ValueError(
                f"got width {self.width} and {self.heads} heads, expected an even "
                "width for every head"
            )
        if self.heads % self.kv_heads:
            raise ValueError(
                f"got {self.heads} heads and {self.kv_heads} key/value heads, "
                "expected a multiple"
            )


def parameter_count(config: GPTConfig) -> int:
    """Number of trainable numbers in a `GPT` of this shape, tied weights once.

    >>> parameter_count(GPTConfig(vocab_size=2048))
    1968576
    """
    c, f = config.width, config.feed_forward
    kv_width = c // config.heads * config.kv_heads
    attention = 2 * c * c + 2 * c * kv_width
    block = attention + 3 * c * f + 2 * c
    embedding = config.vocab_size * c * (1 if config.tied else 2)
    return embedding + config.layers * block + c


class RMSNorm(nn.Module):
    """`rms_norm` with a learned weight `(C,)`."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)


class KVCache:
    """Keys and values of the positions seen so far, one `(B, K, S, D)` pair a block."""

    def __init__(self, layers: int):
        self.pairs: list[tuple[Tensor, Tensor] | None] = [None] * layers

    def __len__(self) -> int:
        return 0 if self.pairs[0] is None else self.pairs[0][0].shape[2]

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append the new positions of one block; return all of them."""
        if (old := self.pairs[layer]) is not None:
            keys = torch.cat((old[0], keys), dim=2)
            values = torch.cat((old[1], values), dim=2)
        self.pairs[layer] = keys, values
        return keys, values

    def select(self, rows: Tensor) -> None:
        """Keep only these batch rows (texts that are still being written)."""
        self.pairs = [p and (p[0][rows], p[1][rows]) for p in self.pairs]


class Attention(nn.Module):
    """Projections, rotary positions and `causal_attention`."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        c, d = config.width, config.width // config.heads
        self.dim, self.base = d, config.rope_base
        self.query = nn.Linear(c, c, bias=False)
        self.key = nn.Linear(c, config.kv_heads * d, bias=False)
        self.value = nn.Linear(c, config.kv_heads * d, bias=False)
        self.output = nn.Linear(c, c, bias=False)

    def heads(self, x: Tensor) -> Tensor:
        """`(B, T, n D) -> (B, n, T, D)`."""
        return x.unflatten(-1, (-1, self.dim)).transpose(1, 2)

    def forward(self, x, positions, allowed, cache, layer):
        queries = rotary(self.heads(self.query(x)), positions, self.base)
        keys = rotary(self.heads(self.key(x)), positions, self.base)
        values = self.heads(self.value(x))
        if cache is not None:
            keys, values = cache.extend(layer, keys, values)
        mixed = causal_attention(queries, keys, values, allowed)
        return self.output(mixed.transpose(1, 2).flatten(2))  # (B, T, C)


class FeedForward(nn.Module):
    """`swiglu` with learned weights."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        c, f = config.width, config.feed_forward
        self.gate = nn.Linear(c, f, bias=False)
        self.up = nn.Linear(c, f, bias=False)
        self.down = nn.Linear(f, c, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return swiglu(x, self.gate.weight, self.up.weight, self.down.weight)


class Block(nn.Module):
    """Attention, then feed-forward, each added to the stream it reads."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.attention_norm = RMSNorm(config.width, config.norm_eps)
        self.attention = Attention(config)
        self.feed_forward_norm = RMSNorm(config.width, config.norm_eps)
        self.feed_forward = FeedForward(config)

    def forward(self, x, positions, allowed, cache, layer):
        x = x + self.attention(
            self.attention_norm(x), positions, allowed, cache, layer
        )
        return x + self.feed_forward(self.feed_forward_norm(x))


class GPT(nn.Module):
    """Token ids in, logits of the next token out."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.width, config.norm_eps)
        if not config.tied:
            self.unembedding = nn.Linear(config.width, config.vocab_size, bias=False)
        self.apply(self._initialise)
        # Matrices that write into the stream start smaller, so that its variance does
        # not grow with depth (Radford et al. 2019, GPT-2).
        for block in self.blocks:
            for matrix in (block.attention.output, block.feed_forward.down):
                nn.init.normal_(matrix.weight, std=0.02 / sqrt(2 * config.layers))

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embedding.weight.device

    def new_cache(self) -> KVCache:
        """An empty cache for `forward(..., cache=...)`."""
        return KVCache(self.config.layers)

    def hidden(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        segments: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Final normalised vectors, `(B, T) -> (B, T, C)`.

        attention_mask: `(B, S)`, true on real tokens, padding on either side.
        segments: `(B, T)` text numbers of packed rows; a token sees its own text only
        and positions restart there.  cache: earlier positions, extended in place.
        Raises ValueError on ids of the wrong shape, a sequence longer than the
        context, or segments together with a cache or a mask.
        """
        if ids.dim() != 2:
            raise ValueError(f"got ids of shape {tuple(ids.shape)}, expected (B, T)")
        if segments is not None and not (cache is None and attention_mask is None):
            raise ValueError(
                "got segments with a cache or attention_mask; expected one of them"
            )
        time, past = ids.shape[1], len(cache) if cache is not None else 0
        seen, allowed = past + time, None
        if seen > self.config.context:
            raise ValueError(
                f"got {seen} tokens, expected at most the context of "
                f"{self.config.context}"
            )
        if segments is not None:
            allowed = segments[:, :, None] == segments[:, None, :]
            positions = (allowed.tril().sum(-1) - 1).clamp(min=0)
        elif attention_mask is not None:
            if attention_mask.shape != (ids.shape[0], seen):
                raise ValueError(
                    f"got an attention_mask {tuple(attention_mask.shape)}, expected "
                    f"{(ids.shape[0], seen)}"
                )
            real = attention_mask.bool()
            positions = (real.long().cumsum(1) - 1).clamp(min=0)[:, past:]
            allowed = None if real.all() else real[:, None].expand(-1, time, -1)
        else:
            positions = torch.arange(past, seen, device=ids.device)
        x = self.embedding(ids)
        for layer, block in enumerate(self.blocks):
            x = block(x, positions, allowed, cache, layer)
        return self.norm(x)

    def head(self, hidden: Tensor) -> Tensor:
        """Logits of hidden vectors, `(..., C) -> (..., V)`."""
        tied = self.config.tied
        return F.linear(
            hidden, self.embedding.weight if tied else self.unembedding.weight
        )

    def forward(self, ids, attention_mask=None, segments=None, cache=None) -> Tensor:
        """Logits `(B, T, V)`; arguments as in `hidden`."""
        return self.head(self.hidden(ids, attention_mask, segments, cache))
