"""A decoder-only transformer in the Llama layout, built from the parts in `layers`.

The same class is the 2-million-parameter model of the course and a real pretrained
model.  Shapes: time is the positions now, seen those now and before (the cache
included), C the width, H the query heads, K the key/value heads, D = C / H, F the
feed-forward width.
"""

from dataclasses import dataclass
from math import sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.expect import at_least, meets, positive, present, tensors, truth, whole
from course.lm.cache import KVCache
from course.lm.layers import attend, rotary_angles, swiglu, turn, visible_positions


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a model; its names follow GLOSSARY.md.  Chapter 02."""

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
        whole(0, layers=self.layers, feed_forward=self.feed_forward)
        for name in ("vocab_size", "context", "width", "heads", "kv_heads"):
            whole(1, **{name: getattr(self, name)})
        positive(rope_base=self.rope_base)
        at_least(0, norm_eps=self.norm_eps)
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise ValueError(
                f"got width {self.width} and {self.heads} heads, expected an even "
                "width for every head"
            )
        if self.heads % self.kv_heads:
            raise ValueError(
                f"got {self.heads} heads, {self.kv_heads} kv_heads, expected a multiple"
            )


def parameter_count(config: GPTConfig) -> int:
    """Number of trainable numbers in a `GPT` of this shape, tied weights once.

    Chapter 02.

    >>> parameter_count(GPTConfig(vocab_size=2048))
    1967808
    """
    c, f = config.width, config.feed_forward
    kv_width = c // config.heads * config.kv_heads
    attention = 2 * c * c + 2 * c * kv_width
    block = attention + 3 * c * f + 2 * c
    embedding = config.vocab_size * c * (1 if config.tied else 2)
    return embedding + config.layers * block + c


class RMSNorm(nn.Module):
    """`rms_norm` with a learned weight (C,).  Chapter 02."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        whole(1, width=width)
        at_least(0, eps=eps)
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        # Equals layers.rms_norm (a test holds it), in one pass over the memory.
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


def slow_fused_attention(x: Tensor) -> bool:
    """Whether torch's fused attention is slower than the formula on this device.

    It is, by 4 to 10 times, on a CPU that uses the faster matrix products of
    `runtime.choose_product`: its small blocks do not suit them.  Chapter 02.
    """
    return x.device.type == "cpu" and torch.get_float32_matmul_precision() != "highest"


class Attention(nn.Module):
    """Projections, rotary positions and `layers.attend`, which torch may fuse.

    Chapter 02.
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        c, d = config.width, config.width // config.heads
        self.dim = d
        self.query = nn.Linear(c, c, bias=False)
        self.key = nn.Linear(c, config.kv_heads * d, bias=False)
        self.value = nn.Linear(c, config.kv_heads * d, bias=False)
        self.output = nn.Linear(c, c, bias=False)

    def heads(self, x: Tensor) -> Tensor:
        """Split vectors into heads: (batch, time, n D) -> (batch, n, time, D)."""
        tensors(x=x)
        return x.unflatten(-1, (-1, self.dim)).transpose(1, 2)

    def forward(
        self,
        x: Tensor,
        angles: tuple[Tensor, Tensor],
        visible: Tensor | None,
        cache: KVCache | None,
        layer: int,
    ) -> Tensor:
        """What every position reads from those it may see: (batch, time, C) twice."""
        queries = self.heads(self.query(x))  # (batch, H, time, D)
        keys = self.heads(self.key(x))  # (batch, K, time, D)
        values = self.heads(self.value(x))  # (batch, K, time, D)
        queries = turn(queries, *angles)  # (batch, H, time, D)
        keys = turn(keys, *angles)  # (batch, K, time, D)
        if cache is not None:
            keys, values = cache.extend(layer, keys, values)  # (batch, K, seen, D)
        if visible is not None and slow_fused_attention(x):
            mixed = attend(queries, keys, values, visible)  # (batch, H, time, D)
        else:  # equals attend, and is faster
            mixed = F.scaled_dot_product_attention(
                queries, keys, values, attn_mask=visible, enable_gqa=True
            )  # (batch, H, time, D)
        return self.output(mixed.transpose(1, 2).flatten(2))  # (batch, time, C)


class FeedForward(nn.Module):
    """`swiglu` with learned weights.  Chapter 02."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        c, f = config.width, config.feed_forward
        self.gate = nn.Linear(c, f, bias=False)
        self.up = nn.Linear(c, f, bias=False)
        self.down = nn.Linear(f, c, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return swiglu(x, self.gate.weight, self.up.weight, self.down.weight)


class Block(nn.Module):
    """Attention, then feed-forward, each added to the stream it reads.  Chapter 02."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.attention_norm = RMSNorm(config.width, config.norm_eps)
        self.attention = Attention(config)
        self.feed_forward_norm = RMSNorm(config.width, config.norm_eps)
        self.feed_forward = FeedForward(config)

    def forward(
        self,
        x: Tensor,
        angles: tuple[Tensor, Tensor],
        visible: Tensor | None,
        cache: KVCache | None,
        layer: int,
    ) -> Tensor:
        """The stream after this block: (batch, time, C) -> (batch, time, C)."""
        x = x + self.attention(self.attention_norm(x), angles, visible, cache, layer)
        return x + self.feed_forward(self.feed_forward_norm(x))


class GPT(nn.Module):
    """Token ids in, logits of the next token out.

    How every weight is initialised:

    | weights                           | first values                            |
    |-----------------------------------|-----------------------------------------|
    | embedding; unembedding, if untied | normal, deviation 0.02                  |
    | query, key, value, gate, up       | normal, deviation 0.02                  |
    | attention output, down            | normal, deviation 0.02 / sqrt(2 layers) |
    | every norm                        | 1                                       |

    The matrices that write into the stream start smaller, so that its variance does
    not grow with depth.  Source: Radford et al. 2019, "Language Models are
    Unsupervised Multitask Learners" (GPT-2).  Chapter 02.
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.width, config.norm_eps)
        if not config.tied:
            self.unembedding = nn.Linear(config.width, config.vocab_size, bias=False)
        self.apply(self._initialise)
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
        """Final normalised vectors, (batch, time) -> (batch, time, C).

        attention_mask: (batch, seen), true on real tokens, padding on either side.
        segments: (batch, time), text numbers of packed rows; a token sees its own text
        only and positions restart there.  cache: earlier positions, extended in place.
        Raises ValueError on ids or segments of the wrong shape, a sequence longer than
        the context, or segments together with a cache or a mask.
        """
        tensors(ids=ids, **present(mask=attention_mask, segments=segments))
        if ids.dim() != 2:
            raise ValueError(f"got ids {tuple(ids.shape)}, expected (batch, time)")
        if ids.is_floating_point() or ids.dtype == torch.bool:
            raise TypeError(f"got ids of {ids.dtype}, expected whole numbers")
        alone = cache is None and attention_mask is None
        if segments is not None and not (alone and segments.shape == ids.shape):
            raise ValueError(
                f"got segments {tuple(segments.shape)}, expected {tuple(ids.shape)} "
                "and no cache or attention_mask beside them"
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
            real = truth(attention_mask)
            positions = (real.long().cumsum(1) - 1).clamp(min=0)[:, past:]
            # Only on a CPU is it worth asking: elsewhere the answer must be waited for.
            full = real.device.type == "cpu" and bool(real.all())
            allowed = None if full else real[:, None].expand(-1, time, -1)
        else:
            positions = torch.arange(past, seen, device=ids.device)
        visible = None  # a single token without padding may see everything
        if time > 1 or allowed is not None:
            visible = visible_positions(time, seen, allowed, ids.device)
        try:
            x = self.embedding(ids)
        except IndexError:  # only a CPU can say so
            raise ValueError(
                f"got ids from {int(ids.min())} to {int(ids.max())}, expected 0 to "
                f"{self.config.vocab_size - 1}"
            ) from None
        dim, base = self.config.width // self.config.heads, self.config.rope_base
        cos, sin = rotary_angles(positions, dim, base)  # once for all blocks
        angles = cos.to(x.dtype), sin.to(x.dtype)
        for layer, block in enumerate(self.blocks):
            x = block(x, angles, visible, cache, layer)
        return self.norm(x)

    def head(self, hidden: Tensor) -> Tensor:
        """Logits of vectors, (..., C) -> (..., vocabulary).  Raises as `meets`."""
        weight = (self.embedding if self.config.tied else self.unembedding).weight
        meets(weight, hidden=hidden)
        return F.linear(hidden, weight)

    def forward(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        segments: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Logits (batch, time, vocabulary); arguments as in `hidden`."""
        return self.head(self.hidden(ids, attention_mask, segments, cache))
