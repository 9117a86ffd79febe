"""Answers to the exercises of chapter 2, written from their texts alone."""

import math

import torch
import torch.nn.functional as F

from tools.try_answers import right, wrong


def att(
    q,
    k,
    v,
    scale=None,
    shift=None,
    spread="interleave",
    dim=-1,
    fill=-torch.inf,
    strict=False,
    mask=True,
    after=False,
):
    r = q.shape[1] // k.shape[1]
    if spread == "interleave":
        k, v = k.repeat_interleave(r, 1), v.repeat_interleave(r, 1)
    else:
        k, v = k.repeat(1, r, 1, 1), v.repeat(1, r, 1, 1)
    s = q @ k.transpose(-2, -1) * (q.shape[-1] ** -0.5 if scale is None else scale)
    t, n = s.shape[-2:]
    allowed = torch.ones(t, n, dtype=torch.bool).tril(
        (n - t if shift is None else shift) - strict
    )
    if not mask:
        allowed = torch.ones_like(allowed)
    if after:
        return (s.softmax(dim) * allowed) @ v
    return s.masked_fill(~allowed, fill).softmax(dim) @ v


@right("2.1")
def attention_loops(queries, keys, values):
    B, H, T, D = queries.shape
    K, S = keys.shape[1], keys.shape[2]
    out = torch.zeros_like(queries)
    for h in range(H):
        g = h // (H // K)
        for t in range(T):
            n = S - T + t + 1
            w = (keys[:, g, :n] @ queries[:, h, t, :, None] / math.sqrt(D)).softmax(1)
            out[:, h, t] = (w * values[:, g, :n]).sum(1)
    return out


@right("2.1")
def attention_grouped(queries, keys, values):
    B, H, T, D = queries.shape
    K, S = keys.shape[1:3]
    q = queries.reshape(B, K, H // K, T, D)
    s = torch.einsum("bkgtd,bksd->bkgts", q, keys) / D**0.5
    bias = torch.full((T, S), float("-inf")).triu(S - T + 1)
    return torch.einsum("bkgts,bksd->bkgtd", (s + bias).softmax(-1), values).reshape(
        B, H, T, D
    )


@right("2.1")
def attention_torch(queries, keys, values):
    r = queries.shape[1] // keys.shape[1]
    T, S = queries.shape[2], keys.shape[2]
    mask = torch.ones(T, S).tril(S - T).bool()
    return F.scaled_dot_product_attention(
        queries,
        keys.repeat_interleave(r, 1),
        values.repeat_interleave(r, 1),
        attn_mask=mask,
    )


wrong("2.1", "is_causal of torch with a cache")(
    lambda q, k, v: F.scaled_dot_product_attention(
        q,
        k.repeat_interleave(q.shape[1] // k.shape[1], 1),
        v.repeat_interleave(q.shape[1] // k.shape[1], 1),
        is_causal=True,
    )
)
wrong("2.1", "no mask")(lambda q, k, v: att(q, k, v, mask=False))
wrong("2.1", "no scale")(lambda q, k, v: att(q, k, v, scale=1.0))
wrong("2.1", "divided by D")(lambda q, k, v: att(q, k, v, scale=1 / q.shape[-1]))
wrong("2.1", "times root D")(lambda q, k, v: att(q, k, v, scale=q.shape[-1] ** 0.5))
wrong("2.1", "tril from the first key")(lambda q, k, v: att(q, k, v, shift=0))
wrong("2.1", "strictly before")(lambda q, k, v: att(q, k, v, strict=True).nan_to_num())
wrong("2.1", "one ahead")(lambda q, k, v: att(q, k, v, strict=-1))
wrong("2.1", "heads tiled")(lambda q, k, v: att(q, k, v, spread="tile"))
wrong("2.1", "softmax over queries")(lambda q, k, v: att(q, k, v, dim=-2))
wrong("2.1", "softmax over heads")(lambda q, k, v: att(q, k, v, dim=1))
wrong("2.1", "filled with 0")(lambda q, k, v: att(q, k, v, fill=0.0))
wrong("2.1", "filled with -10")(lambda q, k, v: att(q, k, v, fill=-10.0))
wrong("2.1", "mask after softmax")(lambda q, k, v: att(q, k, v, after=True))
wrong("2.1", "future only")(
    lambda q, k, v: att(q.flip(2), k.flip(2), v.flip(2)).flip(2)
)
wrong("2.1", "keys as values")(lambda q, k, v: att(q, k, k))
wrong("2.1", "values as keys")(lambda q, k, v: att(q, v, v))
wrong("2.1", "first head for all")(lambda q, k, v: att(q, k[:, :1], v[:, :1]))
wrong("2.1", "heads flattened")(lambda q, k, v: att(q, k, v).transpose(1, 2).flatten(2))
wrong("2.1", "head width of all")(
    lambda q, k, v: att(q, k, v, scale=(q.shape[-1] * q.shape[1]) ** -0.5)
)
wrong("2.1", "average only")(lambda q, k, v: att(0 * q, k, v))
wrong("2.1", "hard maximum")(lambda q, k, v: att(q * 1000, k, v))
wrong("2.1", "scores returned")(
    lambda q, k, v: (
        q
        @ k.repeat_interleave(q.shape[1] // k.shape[1], 1).transpose(-2, -1)
        / q.shape[-1] ** 0.5
    ).softmax(-1)
)

right("2.2")(lambda x, w, eps=1e-5: F.rms_norm(x, w.shape, w, eps))
right("2.2")(
    lambda x, w, eps=1e-5: (
        x * torch.rsqrt((x * x).sum(-1, keepdim=True) / x.shape[-1] + eps) * w
    )
)
right("2.2")(
    lambda x, w, eps=1e-5: torch.einsum(
        "...c,c,...->...c",
        x.double(),
        w.double(),
        1 / ((x.double() ** 2).mean(-1) + eps).sqrt(),
    )
)
wrong("2.2", "no weight")(
    lambda x, w, eps=1e-5: x * torch.rsqrt(x.pow(2).mean(-1, True) + eps)
)
wrong("2.2", "no eps")(lambda x, w, eps=1e-5: x / x.pow(2).mean(-1, True).sqrt() * w)
wrong("2.2", "eps outside the root")(
    lambda x, w, eps=1e-5: x / (x.pow(2).mean(-1, True).sqrt() + eps) * w
)
wrong("2.2", "eps fixed")(
    lambda x, w, eps=1e-5: x * torch.rsqrt(x.pow(2).mean(-1, True) + 1e-5) * w
)
wrong("2.2", "sum")(
    lambda x, w, eps=1e-5: x * torch.rsqrt(x.pow(2).sum(-1, True) + eps) * w
)
wrong("2.2", "layer norm")(
    lambda x, w, eps=1e-5: F.layer_norm(x, w.shape, w, None, eps)
)
wrong("2.2", "no root")(lambda x, w, eps=1e-5: x / (x.pow(2).mean(-1, True) + eps) * w)
wrong("2.2", "first axis")(
    lambda x, w, eps=1e-5: x * torch.rsqrt(x.pow(2).mean(0, True) + eps) * w
)
wrong("2.2", "over all")(
    lambda x, w, eps=1e-5: x * torch.rsqrt(x.pow(2).mean() + eps) * w
)
wrong("2.2", "mean of abs")(
    lambda x, w, eps=1e-5: x / (x.abs().mean(-1, True) + eps) * w
)
wrong("2.2", "divides by weight")(
    lambda x, w, eps=1e-5: x * torch.rsqrt(x.pow(2).mean(-1, True) + eps) / w
)
wrong("2.2", "1 + weight")(
    lambda x, w, eps=1e-5: x * torch.rsqrt(x.pow(2).mean(-1, True) + eps) * (1 + w)
)
wrong("2.2", "plus weight")(
    lambda x, w, eps=1e-5: x * torch.rsqrt(x.pow(2).mean(-1, True) + eps) + w
)
wrong("2.2", "weight in the mean")(
    lambda x, w, eps=1e-5: x * w * torch.rsqrt((x * w).pow(2).mean(-1, True) + eps)
)
wrong("2.2", "std")(
    lambda x, w, eps=1e-5: x / (x.std(-1, keepdim=True, correction=0) + eps) * w
)
wrong("2.2", "square of the mean")(
    lambda x, w, eps=1e-5: x * torch.rsqrt(x.mean(-1, True).pow(2) + eps) * w
)
wrong("2.2", "times the root")(
    lambda x, w, eps=1e-5: x * (x.pow(2).mean(-1, True) + eps).sqrt() * w
)
wrong("2.2", "F.normalize")(lambda x, w, eps=1e-5: F.normalize(x, dim=-1) * w)
wrong("2.2", "detached scale")(
    lambda x, w, eps=1e-5: x * torch.rsqrt(x.pow(2).mean(-1, True) + eps).detach() * w
)
wrong("2.2", "half")(
    lambda x, w, eps=1e-5: (x * torch.rsqrt(x.pow(2).mean(-1, True) + eps) * w).half()
)


def rot(
    x, p, base=1e4, pair="half", sign=1.0, expo=2.0, swap=False, span=None, first=0
):
    D = x.shape[-1]
    p = p if p.dim() == 2 else p[None]
    i = torch.arange(first, first + D // 2, dtype=torch.float64)
    a = (p[:, None, :, None] * base ** (-expo * i / (span or D))).double() * sign
    c, s = a.cos(), a.sin()
    if swap:
        c, s = s, c
    if pair == "half":
        a, b = x[..., : D // 2], x[..., D // 2 :]
        return torch.cat([a * c - b * s, a * s + b * c], -1).to(x.dtype)
    a, b = x[..., ::2], x[..., 1::2]
    return torch.stack([a * c - b * s, a * s + b * c], -1).flatten(-2).to(x.dtype)


@right("2.3")
def by_complex(x, positions, base=10_000.0):
    half = x.shape[-1] // 2
    z = torch.complex(x[..., :half].double(), x[..., half:].double())
    p = positions if positions.dim() == 2 else positions[None]
    angle = p[:, None, :, None].double() * base ** (-torch.arange(half).double() / half)
    z = z * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([z.real, z.imag], -1).to(x.dtype)


@right("2.3")
def rotate_half(x, positions, base=10_000.0):
    D = x.shape[-1]
    inv = 1.0 / (base ** (torch.arange(0, D, 2).double() / D))
    a = positions[..., None].double() * inv
    a = torch.cat([a, a], -1)
    a = a[:, None] if positions.dim() == 2 else a
    turned = torch.cat([-x[..., D // 2 :], x[..., : D // 2]], -1)
    return (x * a.cos() + turned * a.sin()).to(x.dtype)


@right("2.3")
def rotary_loops(x, positions, base=10_000.0):
    out = x.clone()
    D = x.shape[-1]
    p = positions.expand(x.shape[0], -1) if positions.dim() == 1 else positions
    for b in range(x.shape[0]):
        for t in range(x.shape[2]):
            for i in range(D // 2):
                w = float(p[b, t]) * base ** (-2 * i / D)
                out[b, :, t, i] = x[b, :, t, i] * math.cos(w) - x[
                    b, :, t, i + D // 2
                ] * math.sin(w)
                out[b, :, t, i + D // 2] = x[b, :, t, i] * math.sin(w) + x[
                    b, :, t, i + D // 2
                ] * math.cos(w)
    return out


wrong("2.3", "interleaved")(lambda x, p, base=1e4: rot(x, p, base, "even"))
wrong("2.3", "other way")(lambda x, p, base=1e4: rot(x, p, base, sign=-1.0))
wrong("2.3", "i/D")(lambda x, p, base=1e4: rot(x, p, base, expo=1.0))
wrong("2.3", "4i/D")(lambda x, p, base=1e4: rot(x, p, base, expo=4.0))
wrong("2.3", "base fixed")(lambda x, p, base=1e4: rot(x, p, 1e4))
wrong("2.3", "positive exponent")(lambda x, p, base=1e4: rot(x, p, 1 / base))
wrong("2.3", "sin and cos exchanged")(lambda x, p, base=1e4: rot(x, p, base, swap=True))
wrong("2.3", "positions from 1")(lambda x, p, base=1e4: rot(x, p + 1, base))
wrong("2.3", "arange for positions")(
    lambda x, p, base=1e4: rot(x, torch.arange(x.shape[2]), base)
)
wrong("2.3", "i from 1")(lambda x, p, base=1e4: rot(x, p, base, first=1))
wrong("2.3", "D - 2")(
    lambda x, p, base=1e4: rot(x, p, base, span=max(1, x.shape[-1] - 2))
)
wrong("2.3", "degrees")(lambda x, p, base=1e4: rot(x, p, base, sign=math.pi / 180))
wrong("2.3", "turns")(lambda x, p, base=1e4: rot(x, p, base, sign=2 * math.pi))
wrong("2.3", "one angle for all pairs")(lambda x, p, base=1e4: rot(x, p, 1.0))
wrong("2.3", "nothing")(lambda x, p, base=1e4: x)
wrong("2.3", "positions ignored of batch")(
    lambda x, p, base=1e4: rot(x, p if p.dim() == 1 else p[0], base)
)


@wrong("2.3", "a overwritten")
def overwritten(x, positions, base=10_000.0):
    D = x.shape[-1]
    p = positions if positions.dim() == 2 else positions[None]
    w = p[:, None, :, None] * base ** (-2 * torch.arange(D // 2) / D)
    out = x.clone()
    out[..., : D // 2] = out[..., : D // 2] * w.cos() - out[..., D // 2 :] * w.sin()
    out[..., D // 2 :] = out[..., : D // 2] * w.sin() + out[..., D // 2 :] * w.cos()
    return out


@wrong("2.3", "minus in both halves")
def both_minus(x, positions, base=10_000.0):
    D = x.shape[-1]
    p = positions if positions.dim() == 2 else positions[None]
    w = p[:, None, :, None] * base ** (-2 * torch.arange(D // 2) / D)
    a, b = x[..., : D // 2], x[..., D // 2 :]
    return torch.cat([a * w.cos() - b * w.sin(), a * w.sin() - b * w.cos()], -1)


@wrong("2.3", "adds a sinusoid")
def additive(x, positions, base=10_000.0):
    D = x.shape[-1]
    p = positions if positions.dim() == 2 else positions[None]
    w = p[:, None, :, None] * base ** (-2 * torch.arange(D // 2) / D)
    return x + torch.cat([w.sin(), w.cos()], -1)


right("2.4")(lambda x, g, u, d: F.linear(F.silu(F.linear(x, g)) * F.linear(x, u), d))
right("2.4")(
    lambda x, g, u, d: torch.einsum(
        "...f,cf->...c", torch.sigmoid(x @ g.T) * (x @ g.T) * (x @ u.T), d
    )
)
right("2.4")(
    lambda x, g, u, d: (
        (
            x.double()
            @ g.double().T
            / (1 + (-(x.double() @ g.double().T)).exp())
            * (x.double() @ u.double().T)
        )
        @ d.double().T
    )
)
wrong("2.4", "relu")(lambda x, g, u, d: (F.relu(x @ g.T) * (x @ u.T)) @ d.T)
wrong("2.4", "gelu")(lambda x, g, u, d: (F.gelu(x @ g.T) * (x @ u.T)) @ d.T)
wrong("2.4", "sigmoid")(lambda x, g, u, d: (torch.sigmoid(x @ g.T) * (x @ u.T)) @ d.T)
wrong("2.4", "exchanged")(lambda x, g, u, d: (F.silu(x @ u.T) * (x @ g.T)) @ d.T)
wrong("2.4", "no gate")(lambda x, g, u, d: F.silu(x @ g.T) @ d.T)
wrong("2.4", "no activation")(lambda x, g, u, d: ((x @ g.T) * (x @ u.T)) @ d.T)
wrong("2.4", "sum of both")(lambda x, g, u, d: (F.silu(x @ g.T) + x @ u.T) @ d.T)
wrong("2.4", "silu after")(lambda x, g, u, d: F.silu((x @ g.T) * (x @ u.T)) @ d.T)
wrong("2.4", "silu on both")(
    lambda x, g, u, d: (F.silu(x @ g.T) * F.silu(x @ u.T)) @ d.T
)
wrong("2.4", "residual")(lambda x, g, u, d: x + (F.silu(x @ g.T) * (x @ u.T)) @ d.T)
wrong("2.4", "no down")(lambda x, g, u, d: F.silu(x @ g.T) * (x @ u.T))
wrong("2.4", "silu of the result")(
    lambda x, g, u, d: F.silu(((x @ g.T) * (x @ u.T)) @ d.T)
)
wrong("2.4", "swish beta")(
    lambda x, g, u, d: ((x @ g.T) * torch.sigmoid(1.702 * (x @ g.T)) * (x @ u.T)) @ d.T
)
wrong("2.4", "gate is x")(lambda x, g, u, d: (F.silu(x @ g.T) * (x @ g.T)) @ d.T)
wrong("2.4", "tanh")(lambda x, g, u, d: (torch.tanh(x @ g.T) * (x @ u.T)) @ d.T)
wrong("2.4", "softmax gate")(
    lambda x, g, u, d: ((x @ g.T).softmax(-1) * (x @ u.T)) @ d.T
)
wrong("2.4", "detached gate")(
    lambda x, g, u, d: (F.silu(x @ g.T).detach() * (x @ u.T)) @ d.T
)
wrong("2.4", "ffn of 2 layers")(lambda x, g, u, d: F.silu(x @ u.T) @ d.T)


def count(
    c, norms=2, final=1, tied=True, kv=True, ff=3, pos=0, out=True, bias=0, embed=True
):
    head = c.width // c.heads
    kv_width = head * (c.kv_heads if kv else c.heads)
    attn = c.width * c.width * (2 if out else 1) + 2 * c.width * kv_width
    block = attn + ff * c.width * c.feed_forward + norms * c.width + bias
    return (
        (c.vocab_size * c.width * ((1 if tied else 2) if embed else 0))
        + c.layers * block
        + final * c.width
        + pos * c.context * c.width
    )


@right("2.5")
def step_by_step(config):
    total = config.vocab_size * config.width
    head_width = config.width // config.heads
    for _ in range(config.layers):
        for rows in (config.heads, config.kv_heads, config.kv_heads):
            total += config.width * head_width * rows
        total += config.width * config.heads * head_width
        for _ in ("gate", "up", "down"):
            total += config.width * config.feed_forward
        for _ in ("before attention", "before feed-forward"):
            total += config.width
    return total + config.width


right("2.5")(
    lambda c: int(
        sum(
            [
                c.vocab_size * c.width,
                c.width,
                c.layers
                * (
                    2 * c.width**2
                    + 2 * c.width * c.width * c.kv_heads // c.heads
                    + 3 * c.width * c.feed_forward
                    + 2 * c.width
                ),
            ]
        )
    )
)
right("2.5")(
    lambda c: (
        math.prod((c.vocab_size, c.width))
        + c.width
        * (
            1
            + c.layers
            * (
                2
                + 3 * c.feed_forward
                + 2 * c.width
                + 2 * (c.width // c.heads) * c.kv_heads
            )
        )
    )
)
wrong("2.5", "no norms")(lambda c: count(c, norms=0, final=0))
wrong("2.5", "no final norm")(lambda c: count(c, final=0))
wrong("2.5", "one norm a block")(lambda c: count(c, norms=1))
wrong("2.5", "output head twice")(lambda c: count(c, tied=False))
wrong("2.5", "full heads for k and v")(lambda c: count(c, kv=False))
wrong("2.5", "two matrices of feed-forward")(lambda c: count(c, ff=2))
wrong("2.5", "position table")(lambda c: count(c, pos=1))
wrong("2.5", "output projection forgotten")(lambda c: count(c, out=False))
wrong("2.5", "embedding forgotten")(lambda c: count(c, embed=False))
wrong("2.5", "one layer")(
    lambda c: (
        count(c) - (c.layers - 1) * 0
        if c.layers == 1
        else count(type(c)(**{**c.__dict__, "layers": 1}))
    )
)
wrong("2.5", "norms with bias")(lambda c: count(c, norms=4, final=2))
wrong("2.5", "biases")(lambda c: count(c, bias=4 * c.width + 2 * c.feed_forward))
wrong("2.5", "a float")(lambda c: count(c) / 1)
wrong("2.5", "bytes")(lambda c: 4 * count(c))
wrong("2.5", "millions")(lambda c: round(count(c) / 1e6))
wrong("2.5", "norms not per layer")(lambda c: count(c, norms=0, final=3))
wrong("2.5", "k and v once")(
    lambda c: count(c) - c.layers * c.width * (c.width // c.heads) * c.kv_heads
)
wrong("2.5", "kv heads as width")(
    lambda c: (
        c.vocab_size * c.width
        + c.layers
        * (
            2 * c.width**2
            + 2 * c.width * c.kv_heads
            + 3 * c.width * c.feed_forward
            + 2 * c.width
        )
        + c.width
    )
)
