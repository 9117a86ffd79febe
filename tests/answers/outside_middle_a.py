"""Answers of an outsider to the middle exercises of chapters 1 to 9."""

import bisect
import itertools
import math
from collections import Counter
from fractions import Fraction
from functools import reduce

import numpy as np
import torch
import torch.nn.functional as F

from tools.try_answers import right, wrong

INF = float("inf")

# ---------------------------------------------------------------- 1.2 bits_per_byte

wrong("1.2", "nats per byte, not converted to bits")(
    lambda nats, n_bytes: nats / n_bytes
)
wrong("1.2", "total bits, never divided by the bytes")(
    lambda nats, n_bytes: nats / math.log(2)
)
wrong("1.2", "times ln 2 where one must divide by it")(
    lambda nats, n_bytes: nats * math.log(2) / n_bytes
)
wrong("1.2", "divides by log2(e), which is again times ln 2")(
    lambda nats, n_bytes: nats / math.log2(math.e) / n_bytes
)
wrong("1.2", "perplexity per byte")(lambda nats, n_bytes: math.exp(nats / n_bytes))
wrong("1.2", "2 to the nats per byte")(lambda nats, n_bytes: 2 ** (nats / n_bytes))
wrong("1.2", "base 10: ln 10 in place of ln 2")(
    lambda nats, n_bytes: nats / (n_bytes * math.log(10))
)
wrong("1.2", "log10(2) for ln 2")(lambda nats, n_bytes: nats / n_bytes / math.log10(2))
wrong("1.2", "takes bytes as 8 units: divides by 8 times the bytes")(
    lambda nats, n_bytes: nats / math.log(2) / (8 * n_bytes)
)
wrong("1.2", "bytes per bit: the fraction upside down")(
    lambda nats, n_bytes: n_bytes * math.log(2) / nats
)
wrong("1.2", "a bracket too wide: ln(2 n)")(
    lambda nats, n_bytes: nats / math.log(2 * n_bytes)
)
wrong("1.2", "a bracket missing: / ln 2 * n")(
    lambda nats, n_bytes: nats / math.log(2) * n_bytes
)
wrong("1.2", "integer division")(
    lambda nats, n_bytes: float(nats // (n_bytes * math.log(2)))
)
wrong("1.2", "negative: takes nats for a log-probability")(
    lambda nats, n_bytes: -nats / n_bytes / math.log(2)
)
wrong("1.2", "rounded to one decimal")(
    lambda nats, n_bytes: round(nats / n_bytes / math.log(2), 1)
)
wrong("1.2", "constant 0.7 for ln 2")(lambda nats, n_bytes: nats / n_bytes / 0.7)
wrong("1.2", "log2 of the nats")(
    lambda nats, n_bytes: math.log2(nats) / n_bytes if nats > 0 else 0.0
)


@wrong("1.2", "exp first, so it overflows for more than 709 nats in total")
def _(nats, n_bytes):
    return math.log2(math.exp(nats)) / n_bytes


@wrong("1.2", "prints, returns nothing")
def _(nats, n_bytes):
    bpb = nats / n_bytes / math.log(2)
    str(bpb)


@wrong("1.2", "bits per bit of text: divides by 8 and forgets ln 2")
def _(nats, n_bytes):
    n_bits = n_bytes * 8
    return nats / n_bits


right("1.2", "times log2 e")(lambda nats, n_bytes: nats * math.log2(math.e) / n_bytes)


@right("1.2", "in torch, double precision")
def _(nats, n_bytes):
    total = torch.tensor(nats, dtype=torch.float64)
    return (total / torch.tensor(2.0, dtype=torch.float64).log() / n_bytes).item()


@right("1.2", "numpy, then float")
def _(nats, n_bytes):
    return float(np.divide(nats, np.log(2.0)) / np.float64(n_bytes))


@right("1.2", "change of base with -log(1/2)")
def _(nats, n_bytes):
    return nats / (-math.log(0.5)) * (1.0 / n_bytes)


# ------------------------------------------------- 1.3 interpolated_probability

wrong("1.3", "plain mean, weights ignored")(
    lambda estimates, weights: estimates.mean(-1)
)
wrong("1.3", "plain sum, weights ignored")(lambda estimates, weights: estimates.sum(-1))
wrong("1.3", "mean of the products: divided by the number of orders again")(
    lambda estimates, weights: (estimates * weights).mean(-1)
)
wrong("1.3", "sums over the first dimension")(
    lambda estimates, weights: (estimates * weights).sum(0)
)
wrong("1.3", "sums over dimension 1, right only for two dimensions")(
    lambda estimates, weights: (estimates * weights).sum(1)
)
wrong("1.3", "geometric mixture")(
    lambda estimates, weights: (estimates**weights).prod(-1)
)
wrong("1.3", "mixes logs and takes exp")(
    lambda estimates, weights: (
        (estimates.clamp_min(1e-12).log() * weights).sum(-1).exp()
    )
)
wrong("1.3", "softmax over weights that are already normalised")(
    lambda estimates, weights: (estimates * weights.softmax(-1)).sum(-1)
)
wrong("1.3", "log of the mixture")(
    lambda estimates, weights: (estimates * weights).sum(-1).log()
)
wrong("1.3", "no sum at all")(lambda estimates, weights: estimates * weights)
wrong("1.3", "keeps the last dimension")(
    lambda estimates, weights: (estimates * weights).sum(-1, keepdim=True)
)
wrong("1.3", "sums over everything")(
    lambda estimates, weights: (estimates * weights).sum()
)
wrong("1.3", "weights in reverse order")(
    lambda estimates, weights: (estimates * weights.flip(0)).sum(-1)
)
wrong("1.3", "backs off: only the order with the largest weight")(
    lambda estimates, weights: estimates[..., weights.argmax()]
)
wrong("1.3", "largest estimate")(lambda estimates, weights: estimates.max(-1).values)
wrong("1.3", "largest product")(
    lambda estimates, weights: (estimates * weights).amax(-1)
)
wrong("1.3", "harmonic mixture")(
    lambda estimates, weights: 1 / (weights / estimates).sum(-1)
)
wrong("1.3", "normalises the estimates over the orders first")(
    lambda estimates, weights: (
        estimates / estimates.sum(-1, keepdim=True) * weights
    ).sum(-1)
)


@wrong("1.3", "changes the estimates in place")
def _(estimates, weights):
    estimates *= weights
    return estimates.sum(-1)


@wrong("1.3", "loop leaves out the last order")
def _(estimates, weights):
    total = torch.zeros_like(estimates[..., 0])
    for o in range(len(weights) - 1):
        total = total + weights[o] * estimates[..., o]
    return total


@wrong("1.3", "true backoff: first order with a positive estimate")
def _(estimates, weights):
    first = (estimates > 0).long().argmax(-1, keepdim=True)
    return (estimates.gather(-1, first)).squeeze(-1)


right("1.3", "einsum")(
    lambda estimates, weights: torch.einsum(
        "...o,o->...", estimates, weights.to(estimates.dtype)
    )
)
right("1.3", "tensordot")(
    lambda estimates, weights: torch.tensordot(
        estimates, weights.to(estimates.dtype), dims=1
    )
)


@right("1.3", "loop over orders in double precision")
def _(estimates, weights):
    total = torch.zeros(estimates.shape[:-1], dtype=torch.float64)
    for share, column in zip(weights.double().unbind(0), estimates.double().unbind(-1)):
        total = total + share * column
    return total.to(estimates.dtype)


# ---------------------------------------------------------------- 2.2 rms_norm

wrong("2.2", "eps left out")(
    lambda x, weight, eps=1e-5: x / x.pow(2).mean(-1, keepdim=True).sqrt() * weight
)
wrong("2.2", "eps outside the root")(
    lambda x, weight, eps=1e-5: (
        x / (x.pow(2).mean(-1, keepdim=True).sqrt() + eps) * weight
    )
)
wrong("2.2", "sum of squares, not the mean")(
    lambda x, weight, eps=1e-5: (
        x * torch.rsqrt(x.pow(2).sum(-1, keepdim=True) + eps) * weight
    )
)
wrong("2.2", "F.normalize: length 1 instead of rms 1")(
    lambda x, weight, eps=1e-5: F.normalize(x, dim=-1, eps=eps) * weight
)
wrong("2.2", "LayerNorm: the mean is taken off, too")(
    lambda x, weight, eps=1e-5: F.layer_norm(x, (x.shape[-1],), weight, None, eps)
)
wrong("2.2", "divides by the standard deviation, x not centred")(
    lambda x, weight, eps=1e-5: (
        x / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + eps) * weight
    )
)
wrong("2.2", "weight forgotten")(
    lambda x, weight, eps=1e-5: x / (x.pow(2).mean(-1, keepdim=True) + eps).sqrt()
)
wrong("2.2", "eps parameter ignored, 1e-5 fixed")(
    lambda x, weight, eps=1e-5: (
        x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * weight
    )
)
wrong("2.2", "mean over the whole tensor")(
    lambda x, weight, eps=1e-5: x / (x.pow(2).mean() + eps).sqrt() * weight
)
wrong("2.2", "mean over the first dimension")(
    lambda x, weight, eps=1e-5: (
        x / (x.pow(2).mean(0, keepdim=True) + eps).sqrt() * weight
    )
)
wrong("2.2", "no root: divides by the mean square")(
    lambda x, weight, eps=1e-5: x / (x.pow(2).mean(-1, keepdim=True) + eps) * weight
)
wrong("2.2", "weight added")(
    lambda x, weight, eps=1e-5: (
        x / (x.pow(2).mean(-1, keepdim=True) + eps).sqrt() + weight
    )
)
wrong("2.2", "scales with 1 + weight, as Gemma does")(
    lambda x, weight, eps=1e-5: (
        x * (x.pow(2).mean(-1, keepdim=True) + eps).rsqrt() * (1 + weight)
    )
)
wrong("2.2", "mean absolute value")(
    lambda x, weight, eps=1e-5: x / (x.abs().mean(-1, keepdim=True) + eps) * weight
)
wrong("2.2", "square of the mean, not mean of the squares")(
    lambda x, weight, eps=1e-5: (
        x / (x.mean(-1, keepdim=True) ** 2 + eps).sqrt() * weight
    )
)
wrong("2.2", "multiplies by the rms")(
    lambda x, weight, eps=1e-5: (
        x * (x.pow(2).mean(-1, keepdim=True) + eps).sqrt() * weight
    )
)
wrong("2.2", "weight goes in before the norm")(
    lambda x, weight, eps=1e-5: (
        (x * weight) / ((x * weight).pow(2).mean(-1, keepdim=True) + eps).sqrt()
    )
)
wrong("2.2", "divided by C - 1")(
    lambda x, weight, eps=1e-5: (
        x / (x.pow(2).sum(-1, keepdim=True) / (x.shape[-1] - 1) + eps).sqrt() * weight
    )
)
wrong("2.2", "eps squared inside the root")(
    lambda x, weight, eps=1e-5: (
        x / (x.pow(2).mean(-1, keepdim=True) + eps**2).sqrt() * weight
    )
)
wrong("2.2", "eps as a floor of the mean square")(
    lambda x, weight, eps=1e-5: (
        x / x.pow(2).mean(-1, keepdim=True).clamp_min(eps).sqrt() * weight
    )
)


@wrong("2.2", "changes x in place")
def _(x, weight, eps=1e-5):
    x /= (x.pow(2).mean(-1, keepdim=True) + eps).sqrt()
    x *= weight
    return x


@wrong("2.2", "the root mean square is detached: the gradient lacks a part")
def _(x, weight, eps=1e-5):
    rms = (x.pow(2).mean(-1, keepdim=True) + eps).sqrt().detach()
    return x / rms * weight


right("2.2", "PyTorch's own rms_norm")(
    lambda x, weight, eps=1e-5: F.rms_norm(x, (x.shape[-1],), weight, eps)
)


@right("2.2", "double precision inside, einsum for the square")
def _(x, weight, eps=1e-5):
    y = x.double()
    square = torch.einsum("...c,...c->...", y, y) / y.shape[-1]
    return (y * torch.rsqrt(square + eps).unsqueeze(-1) * weight.double()).to(x.dtype)


@right("2.2", "loop over the rows")
def _(x, weight, eps=1e-5):
    width = x.shape[-1]
    rows = [
        row * weight / torch.sqrt(row @ row / width + eps)
        for row in x.reshape(-1, width)
    ]
    return torch.stack(rows).reshape(x.shape)


@right("2.2", "vector_norm over the root of C")
def _(x, weight, eps=1e-5):
    rms = torch.linalg.vector_norm(x, dim=-1, keepdim=True) / math.sqrt(x.shape[-1])
    return weight * x * (rms**2 + eps) ** -0.5


# ---------------------------------------------------------------- 2.3 rotary


def _angles(positions, half, base, exponent):
    """Angles (.., 1, T, half) for an exponent given for every pair."""
    frequency = base ** exponent(torch.arange(half, dtype=torch.float32))
    angle = positions.float().unsqueeze(-1) * frequency
    return angle.unsqueeze(-3)


def _turn(x, cos, sin):
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


@wrong("2.3", "turns the other way")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: -2 * i / d)
    return _turn(x, angle.cos(), -angle.sin())


@wrong("2.3", "pairs neighbours (0, 1), (2, 3), … instead of i and i + D/2")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: -2 * i / d)
    cos, sin = angle.cos(), angle.sin()
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


@wrong("2.3", "right pairs, but the result is interleaved")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: -2 * i / d)
    cos, sin = angle.cos(), angle.sin()
    a, b = x.chunk(2, -1)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


@wrong("2.3", "base ignored: always 10000")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, 10_000.0, lambda i: -2 * i / d)
    return _turn(x, angle.cos(), angle.sin())


@wrong("2.3", "exponent -i/D: the factor 2 is missing")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: -i / d)
    return _turn(x, angle.cos(), angle.sin())


@wrong("2.3", "exponent -2i over D/2")
def _(x, positions, base=10_000.0):
    half = x.shape[-1] // 2
    angle = _angles(positions, half, base, lambda i: -2 * i / half)
    return _turn(x, angle.cos(), angle.sin())


@wrong("2.3", "exponent without the minus")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: 2 * i / d)
    return _turn(x, angle.cos(), angle.sin())


@wrong("2.3", "pairs counted from 1")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: -2 * (i + 1) / d)
    return _turn(x, angle.cos(), angle.sin())


@wrong("2.3", "frequencies in the reverse order")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: -2 * i.flip(0) / d)
    return _turn(x, angle.cos(), angle.sin())


@wrong("2.3", "positions ignored: counts 0 to T - 1")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(torch.arange(x.shape[2]), d // 2, base, lambda i: -2 * i / d)
    return _turn(x, angle.cos(), angle.sin())


@wrong("2.3", "positions of the first row for every row of the batch")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    row = positions if positions.dim() == 1 else positions[0]
    angle = _angles(row, d // 2, base, lambda i: -2 * i / d)
    return _turn(x, angle.cos(), angle.sin())


@wrong("2.3", "positions (B, T) do not get a dimension for the heads")
def _(x, positions, base=10_000.0):
    half = x.shape[-1] // 2
    angle = positions[..., None] * base ** (-torch.arange(half) / half)
    return _turn(x, angle.cos(), angle.sin())


@wrong("2.3", "positions (T,) not handled: takes (B, T) for granted")
def _(x, positions, base=10_000.0):
    half = x.shape[-1] // 2
    angle = positions[:, None, :, None] * base ** (-torch.arange(half) / half)
    return _turn(x, angle.cos(), angle.sin())


@wrong("2.3", "positions counted from 1")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions + 1, d // 2, base, lambda i: -2 * i / d)
    return _turn(x, angle.cos(), angle.sin())


@wrong("2.3", "cos and sin swapped")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: -2 * i / d)
    return _turn(x, angle.sin(), angle.cos())


@wrong("2.3", "plus in both halves: not a turn")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: -2 * i / d)
    cos, sin = angle.cos(), angle.sin()
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos + b * sin, a * sin + b * cos], -1)


@wrong("2.3", "rotate-half with the halves not swapped")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: -2 * i / d)
    cos, sin = torch.cat([angle, angle], -1).cos(), torch.cat([angle, angle], -1).sin()
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-a, b], -1) * sin


@wrong("2.3", "one after the other: the second half reads the turned first half")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: -2 * i / d)
    cos, sin = angle.cos(), angle.sin()
    a, b = x.chunk(2, -1)
    a = a * cos - b * sin
    b = a * sin + b * cos
    return torch.cat([a, b], -1)


@wrong("2.3", "right numbers, written into x itself")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: -2 * i / d)
    x.copy_(_turn(x, angle.cos(), angle.sin()))
    return x


@wrong("2.3", "the angle taken as degrees")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = torch.deg2rad(_angles(positions, d // 2, base, lambda i: -2 * i / d))
    return _turn(x, angle.cos(), angle.sin())


@wrong("2.3", "only the first half is turned, the second stays")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: -2 * i / d)
    a, b = x.chunk(2, -1)
    return torch.cat([a * angle.cos() - b * angle.sin(), b], -1)


@wrong("2.3", "adds cos and sin to x like a position embedding")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    angle = _angles(positions, d // 2, base, lambda i: -2 * i / d)
    return x + torch.cat([angle.sin(), angle.cos()], -1)


@wrong("2.3", "positions made relative to the first of the row")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    positions = positions - positions[..., :1]
    angle = _angles(positions, d // 2, base, lambda i: -2 * i / d)
    return _turn(x, angle.cos(), angle.sin())


@right("2.3", "complex numbers in double precision")
def _(x, positions, base=10_000.0):
    half = x.shape[-1] // 2
    frequency = float(base) ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = positions.double().unsqueeze(-1) * frequency
    if angle.dim() == 3:
        angle = angle.unsqueeze(1)
    y = x.double()
    z = torch.complex(y[..., :half].contiguous(), y[..., half:].contiguous())
    z = z * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([z.real, z.imag], -1).to(x.dtype)


@right("2.3", "one D × D matrix for every position, einsum")
def _(x, positions, base=10_000.0):
    batch, _, time, d = x.shape
    half = d // 2
    where = positions.double().expand(batch, time)
    i = torch.arange(half)
    angle = where[..., None] * float(base) ** (-2 * i.double() / d)
    turn = torch.zeros(batch, time, d, d, dtype=torch.float64)
    turn[:, :, i, i] = angle.cos()
    turn[:, :, i, i + half] = -angle.sin()
    turn[:, :, i + half, i] = angle.sin()
    turn[:, :, i + half, i + half] = angle.cos()
    return torch.einsum("btij,bhtj->bhti", turn, x.double()).to(x.dtype)


@right("2.3", "loop over pairs with math.cos of python's floats for frequencies")
def _(x, positions, base=10_000.0):
    d = x.shape[-1]
    half = d // 2
    where = positions.double()
    where = where[:, None, :] if where.dim() == 2 else where[None, None, :]
    columns = [None] * d
    for i in range(half):
        angle = where * math.pow(base, -2 * i / d)
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        columns[i] = x[..., i] * cos - x[..., i + half] * sin
        columns[i + half] = x[..., i + half] * cos + x[..., i] * sin
    return torch.stack(columns, -1)


# ---------------------------------------------------------------- 2.4 swiglu

wrong("2.4", "gate and up swapped")(
    lambda x, gate, up, down: (F.silu(x @ up.T) * (x @ gate.T)) @ down.T
)
wrong("2.4", "sigmoid for silu (plain GLU)")(
    lambda x, gate, up, down: (torch.sigmoid(x @ gate.T) * (x @ up.T)) @ down.T
)
wrong("2.4", "gelu for silu (GeGLU)")(
    lambda x, gate, up, down: (F.gelu(x @ gate.T) * (x @ up.T)) @ down.T
)
wrong("2.4", "relu for silu (ReGLU)")(
    lambda x, gate, up, down: F.linear(
        F.relu(F.linear(x, gate)) * F.linear(x, up), down
    )
)
wrong("2.4", "no activation: bilinear")(
    lambda x, gate, up, down: F.linear(F.linear(x, gate) * F.linear(x, up), down)
)
wrong("2.4", "adds gate and up")(
    lambda x, gate, up, down: F.linear(
        F.silu(F.linear(x, gate)) + F.linear(x, up), down
    )
)
wrong("2.4", "up left out")(
    lambda x, gate, up, down: F.linear(F.silu(F.linear(x, gate)), down)
)
wrong("2.4", "gate left out")(
    lambda x, gate, up, down: F.linear(F.silu(F.linear(x, up)), down)
)
wrong("2.4", "down left out")(lambda x, gate, up, down: F.silu(x @ gate.T) * (x @ up.T))
wrong("2.4", "silu on both branches")(
    lambda x, gate, up, down: (F.silu(x @ gate.T) * F.silu(x @ up.T)) @ down.T
)
wrong("2.4", "silu of the product")(
    lambda x, gate, up, down: F.silu((x @ gate.T) * (x @ up.T)) @ down.T
)
wrong("2.4", "silu after down")(
    lambda x, gate, up, down: F.silu(((x @ gate.T) * (x @ up.T)) @ down.T)
)
wrong("2.4", "matrices not transposed")(
    lambda x, gate, up, down: (F.silu(x @ gate) * (x @ up)) @ down
)
wrong("2.4", "down as (F, C): not transposed")(
    lambda x, gate, up, down: (F.silu(x @ gate.T) * (x @ up.T)) @ down
)
wrong("2.4", "the residual is added")(
    lambda x, gate, up, down: x + (F.silu(x @ gate.T) * (x @ up.T)) @ down.T
)
wrong("2.4", "tanh for silu")(
    lambda x, gate, up, down: (torch.tanh(x @ gate.T) * (x @ up.T)) @ down.T
)
wrong("2.4", "silu with a slope of 1.702")(
    lambda x, gate, up, down: (
        ((x @ gate.T) * torch.sigmoid(1.702 * (x @ gate.T)) * (x @ up.T)) @ down.T
    )
)
wrong("2.4", "softplus for silu")(
    lambda x, gate, up, down: (F.softplus(x @ gate.T) * (x @ up.T)) @ down.T
)
wrong("2.4", "sigmoid with the wrong sign: z · σ(-z)")(
    lambda x, gate, up, down: (
        ((x @ gate.T) / (1 + torch.exp(x @ gate.T)) * (x @ up.T)) @ down.T
    )
)
wrong("2.4", "silu taken of x before gate")(
    lambda x, gate, up, down: ((F.silu(x) @ gate.T) * (x @ up.T)) @ down.T
)


@wrong("2.4", "works for two dimensions only: flattens and does not restore the shape")
def _(x, gate, up, down):
    flat = x.reshape(-1, x.shape[-1])
    return (F.silu(flat @ gate.T) * (flat @ up.T)) @ down.T


@wrong("2.4", "the gate is detached: no gradient to gate")
def _(x, gate, up, down):
    return (F.silu(x @ gate.T).detach() * (x @ up.T)) @ down.T


@right("2.4", "einsum with silu by hand")
def _(x, gate, up, down):
    z = torch.einsum("...c,fc->...f", x, gate)
    u = torch.einsum("...c,fc->...f", x, up)
    return torch.einsum("...f,cf->...c", z * torch.sigmoid(z) * u, down)


@right("2.4", "loop over the hidden units in double precision")
def _(x, gate, up, down):
    y = x.double()
    total = torch.zeros_like(y)
    for g, u, d in zip(gate.double(), up.double(), down.double().T):
        z = (y * g).sum(-1, keepdim=True)
        total = total + z / (1 + torch.exp(-z)) * (y * u).sum(-1, keepdim=True) * d
    return total.to(x.dtype)


@right("2.4", "gate and up as one matrix, then chunk")
def _(x, gate, up, down):
    z, u = F.linear(x, torch.cat([gate, up])).chunk(2, dim=-1)
    return F.linear(F.silu(z).mul(u), down)


# ---------------------------------------------------------------- 3.2 top_p_filter


def _p_ok(p):
    if not 0 < p <= 1:
        raise ValueError(f"p must be above 0 and at most 1, not {p}")


@wrong("3.2", "drops the token with which the sum reaches p")
def _(logits, p):
    _p_ok(p)
    s, order = logits.sort(-1, descending=True)
    keep = s.softmax(-1).cumsum(-1) <= p
    mask = torch.zeros_like(keep).scatter(-1, order, keep)
    return logits.masked_fill(~mask, -INF)


@wrong("3.2", "drops it too, but always keeps the best token")
def _(logits, p):
    _p_ok(p)
    s, order = logits.sort(-1, descending=True)
    keep = s.softmax(-1).cumsum(-1) < p
    keep[..., 0] = True
    mask = torch.zeros_like(keep).scatter(-1, order, keep)
    return logits.masked_fill(~mask, -INF)


@wrong("3.2", "one token too many is kept")
def _(logits, p):
    _p_ok(p)
    s, order = logits.sort(-1, descending=True)
    before = s.softmax(-1).cumsum(-1) - s.softmax(-1)
    keep = before < p
    keep = torch.cat([torch.ones_like(keep[..., :1]), keep[..., :-1]], -1)
    mask = torch.zeros_like(keep).scatter(-1, order, keep)
    return logits.masked_fill(~mask, -INF)


@wrong("3.2", "a sum of exactly p does not count as reached (> p, then shifted)")
def _(logits, p):
    _p_ok(p)
    s, order = logits.sort(-1, descending=True)
    remove = s.softmax(-1).cumsum(-1) > p
    remove[..., 1:] = remove[..., :-1].clone()
    remove[..., 0] = False
    return logits.masked_fill(torch.zeros_like(remove).scatter(-1, order, remove), -INF)


@wrong("3.2", "tokens not sorted: the sum runs over the ids")
def _(logits, p):
    _p_ok(p)
    probs = logits.softmax(-1)
    return torch.where(probs.cumsum(-1) - probs < p, logits, -INF)


@wrong("3.2", "sorted the wrong way: keeps the least likely")
def _(logits, p):
    _p_ok(p)
    s, order = logits.sort(-1)
    probs = s.softmax(-1)
    keep = probs.cumsum(-1) - probs < p
    return logits.masked_fill(~torch.zeros_like(keep).scatter(-1, order, keep), -INF)


@wrong("3.2", "cuts every token with a probability below p")
def _(logits, p):
    _p_ok(p)
    return logits.masked_fill(logits.softmax(-1) < p, -INF)


@wrong("3.2", "min-p: cuts below p times the largest probability")
def _(logits, p):
    _p_ok(p)
    probs = logits.softmax(-1)
    return logits.masked_fill(probs < p * probs.amax(-1, keepdim=True), -INF)


@wrong("3.2", "cuts below 1 - p")
def _(logits, p):
    _p_ok(p)
    return logits.masked_fill(logits.softmax(-1) < 1 - p, -INF)


@wrong("3.2", "the mask of the sorted tokens is laid on the unsorted ones")
def _(logits, p):
    _p_ok(p)
    probs = logits.softmax(-1).sort(-1, descending=True).values
    return logits.masked_fill(probs.cumsum(-1) - probs >= p, -INF)


@wrong("3.2", "returns the logits in sorted order")
def _(logits, p):
    _p_ok(p)
    s = logits.sort(-1, descending=True).values
    probs = s.softmax(-1)
    return s.masked_fill(probs.cumsum(-1) - probs >= p, -INF)


@wrong("3.2", "gather with the order once more instead of its inverse")
def _(logits, p):
    _p_ok(p)
    s, order = logits.sort(-1, descending=True)
    probs = s.softmax(-1)
    s = s.masked_fill(probs.cumsum(-1) - probs >= p, -INF)
    return s.gather(-1, order)


def _top_p(logits, p):
    s, order = logits.sort(-1, descending=True)
    probs = s.softmax(-1)
    keep = probs.cumsum(-1) - probs < p
    return torch.zeros_like(keep).scatter(-1, order, keep)


@wrong("3.2", "zero in place of minus infinity")
def _(logits, p):
    _p_ok(p)
    return logits.masked_fill(~_top_p(logits, p), 0.0)


@wrong("3.2", "minus 100 in place of minus infinity")
def _(logits, p):
    _p_ok(p)
    return logits.masked_fill(~_top_p(logits, p), -100.0)


@wrong("3.2", "returns probabilities")
def _(logits, p):
    _p_ok(p)
    return logits.masked_fill(~_top_p(logits, p), -INF).softmax(-1)


@wrong("3.2", "returns normalised log-probabilities, the kept logits are changed")
def _(logits, p):
    _p_ok(p)
    return logits.masked_fill(~_top_p(logits, p), -INF).log_softmax(-1)


wrong("3.2", "no ValueError at all")(
    lambda logits, p: logits.masked_fill(~_top_p(logits, p), -INF)
)


@wrong("3.2", "refuses p = 1")
def _(logits, p):
    if not 0 < p < 1:
        raise ValueError("p")
    return logits.masked_fill(~_top_p(logits, p), -INF)


@wrong("3.2", "accepts p = 0")
def _(logits, p):
    if p < 0 or p > 1:
        raise ValueError("p")
    return logits.masked_fill(~_top_p(logits, p), -INF)


@wrong("3.2", "accepts p above 1")
def _(logits, p):
    if p <= 0:
        raise ValueError("p")
    return logits.masked_fill(~_top_p(logits, min(p, 1.0)), -INF)


@wrong("3.2", "an AssertionError, not a ValueError")
def _(logits, p):
    assert 0 < p <= 1, "p"
    return logits.masked_fill(~_top_p(logits, p), -INF)


@wrong("3.2", "top-k: the share p of the vocabulary")
def _(logits, p):
    _p_ok(p)
    k = max(1, math.ceil(p * logits.shape[-1]))
    return logits.masked_fill(logits < logits.topk(k, -1).values[..., -1:], -INF)


@wrong("3.2", "overwrites the logits it was given")
def _(logits, p):
    _p_ok(p)
    logits[~_top_p(logits, p)] = -INF
    return logits


@wrong("3.2", "the first row's set is used for all rows")
def _(logits, p):
    _p_ok(p)
    keep = _top_p(logits.reshape(-1, logits.shape[-1])[0], p)
    return logits.masked_fill(~keep, -INF)


@wrong("3.2", "softmax over the first dimension")
def _(logits, p):
    _p_ok(p)
    s, order = logits.sort(-1, descending=True)
    probs = s.softmax(0)
    keep = probs.cumsum(-1) - probs < p
    return logits.masked_fill(~torch.zeros_like(keep).scatter(-1, order, keep), -INF)


@wrong("3.2", "sums the logits, no softmax")
def _(logits, p):
    _p_ok(p)
    s, order = logits.sort(-1, descending=True)
    keep = s.cumsum(-1) - s < p
    return logits.masked_fill(~torch.zeros_like(keep).scatter(-1, order, keep), -INF)


@right("3.2", "a python loop over every row, double precision")
def _(logits, p):
    if not 0 < p <= 1:
        raise ValueError("0 < p <= 1")
    if p == 1:
        return logits.clone()
    vocabulary = logits.shape[-1]
    flat = logits.detach().reshape(-1, vocabulary)
    keep = torch.zeros(flat.shape, dtype=torch.bool)
    for r, probs in enumerate(flat.double().softmax(-1).tolist()):
        reached = 0.0
        for v in sorted(range(vocabulary), key=lambda v: -probs[v]):
            keep[r, v] = True
            reached += probs[v]
            if reached >= p - 1e-6:
                break
    return torch.where(
        keep.reshape(logits.shape), logits, torch.full_like(logits, -INF)
    )


@right("3.2", "counts the size of the set, then ranks with a double argsort")
def _(logits, p):
    if p <= 0 or p > 1 or p != p:
        raise ValueError(p)
    if p == 1:
        return logits + 0
    order = logits.argsort(dim=-1, descending=True, stable=True)
    rank = order.argsort(dim=-1)
    total = logits.double().softmax(-1).gather(-1, order).cumsum(-1)
    size = (total < p - 1e-6).sum(-1, keepdim=True) + 1
    return logits.masked_fill(rank >= size, -INF)


@right("3.2", "filters the sorted logits and scatters them back")
def _(logits, p):
    if not (p > 0 and p <= 1):
        raise ValueError("p outside of (0, 1]")
    s, order = torch.sort(logits, dim=-1, descending=True)
    if p < 1:
        cumulative = torch.softmax(s.double(), -1).cumsum(-1)
        before = F.pad(cumulative[..., :-1], (1, 0))
        s = torch.where(before >= p * (1 - 1e-6), torch.full_like(s, -INF), s)
    return torch.empty_like(logits).scatter(-1, order, s)


# ---------------------------------------------------------------- 3.3 completion_mask

wrong("3.3", "one too many: <=")(
    lambda lengths, max_length: torch.arange(max_length) <= lengths[:, None]
)
wrong("3.3", "one too few: counted from 1")(
    lambda lengths, max_length: torch.arange(1, max_length + 1) < lengths[:, None]
)
wrong("3.3", "the end token left out")(
    lambda lengths, max_length: torch.arange(max_length)[None] < lengths[:, None] - 1
)
wrong("3.3", "the padding is true")(
    lambda lengths, max_length: torch.arange(max_length) >= lengths[:, None]
)
wrong("3.3", "padding on the left")(
    lambda lengths, max_length: (
        torch.arange(max_length) >= max_length - lengths[:, None]
    )
)
wrong("3.3", "floats, not bool")(
    lambda lengths, max_length: (torch.arange(max_length) < lengths[:, None]).float()
)
wrong("3.3", "whole numbers, not bool")(
    lambda lengths, max_length: (torch.arange(max_length) < lengths[:, None]).long()
)
wrong("3.3", "transposed: (time, batch)")(
    lambda lengths, max_length: torch.arange(max_length)[:, None] < lengths
)
wrong("3.3", "width is the largest length, not max_length")(
    lambda lengths, max_length: torch.arange(int(lengths.max())) < lengths[:, None]
)
wrong("3.3", "one column too many")(
    lambda lengths, max_length: torch.arange(max_length + 1) < lengths[:, None]
)
wrong("3.3", "one column too few")(
    lambda lengths, max_length: torch.arange(max_length - 1) < lengths[:, None]
)
wrong("3.3", "only the last token is true")(
    lambda lengths, max_length: torch.arange(max_length) == lengths[:, None] - 1
)
wrong("3.3", "only the place after the text is false")(
    lambda lengths, max_length: torch.arange(max_length) != lengths[:, None]
)
wrong("3.3", "length of the first text for all")(
    lambda lengths, max_length: (torch.arange(max_length) < lengths[0]).expand(
        len(lengths), max_length
    )
)
wrong("3.3", "no new dimension for the lengths")(
    lambda lengths, max_length: torch.arange(max_length) < lengths
)
wrong("3.3", "everything true")(
    lambda lengths, max_length: torch.ones(len(lengths), max_length, dtype=torch.bool)
)


@wrong("3.3", "full rows are given one position less")
def _(lengths, max_length):
    return torch.arange(max_length) < lengths.clamp(max=max_length - 1)[:, None]


@wrong("3.3", "right mask, but the lengths were changed in place")
def _(lengths, max_length):
    lengths -= 1
    return torch.arange(max_length) <= lengths[:, None]


@wrong("3.3", "rows sorted by length, as for packed sequences")
def _(lengths, max_length):
    lengths = lengths.sort(descending=True).values
    return torch.arange(max_length) < lengths[:, None]


@wrong("3.3", "the first position is never counted")
def _(lengths, max_length):
    t = torch.arange(max_length)
    return (t > 0) & (t < lengths[:, None])


@right("3.3", "slices in a loop")
def _(lengths, max_length):
    mask = torch.zeros(len(lengths), max_length, dtype=torch.bool)
    for row, n in zip(mask, lengths.tolist()):
        row[:n] = True
    return mask


@right("3.3", "rows of a triangle")
def _(lengths, max_length):
    triangle = torch.ones(max_length + 1, max_length, dtype=torch.bool).tril(-1)
    return triangle[lengths.long()]


@right("3.3", "nested lists")
def _(lengths, max_length):
    rows = [[t < n for t in range(max_length)] for n in lengths.tolist()]
    return torch.tensor(rows, dtype=torch.bool).reshape(len(rows), max_length)


@right("3.3", "a mark after the end, summed along the row")
def _(lengths, max_length):
    marks = torch.zeros(len(lengths), max_length + 1)
    marks = marks.scatter(1, lengths.long()[:, None], 1.0)
    return marks.cumsum(1)[:, :max_length].eq(0)


# ---------------------------------------------------------------- 3.4 token_entropy


def _entropy(logits):
    return torch.special.entr(logits.softmax(-1)).sum(-1)


@wrong("3.4", "p · log p with minus infinity: NaN for cut tokens")
def _(logits, mask):
    logp = logits.log_softmax(-1)
    return torch.where(mask, -(logp.exp() * logp).sum(-1), 0.0)


@wrong("3.4", "p.log() of a probability 0: NaN for cut tokens")
def _(logits, mask):
    p = logits.softmax(-1)
    return (-(p * p.log()).sum(-1)).masked_fill(~mask, 0)


@wrong("3.4", "the sign is missing")
def _(logits, mask):
    return (-_entropy(logits)).masked_fill(~mask, 0)


@wrong("3.4", "in bits")
def _(logits, mask):
    return (_entropy(logits) / math.log(2)).masked_fill(~mask, 0)


wrong("3.4", "mask forgotten")(lambda logits, mask: _entropy(logits))
wrong("3.4", "mask forgotten, NaN hidden")(
    lambda logits, mask: _entropy(logits).nan_to_num()
)
wrong("3.4", "times the mask: NaN · 0 stays NaN")(
    lambda logits, mask: _entropy(logits) * mask
)
wrong("3.4", "cut tokens are handled, but padding is only multiplied by 0: NaN stays")(
    lambda logits, mask: (
        -(logits.softmax(-1) * logits.log_softmax(-1).clamp_min(-1e9)).sum(-1)
        * mask.float()
    )
)
wrong("3.4", "mask the wrong way round")(
    lambda logits, mask: _entropy(logits).masked_fill(mask, 0)
)
wrong("3.4", "sum over time")(
    lambda logits, mask: torch.special.entr(logits.softmax(-1)).sum(1)
)
wrong("3.4", "softmax over time")(
    lambda logits, mask: (
        torch.special.entr(logits.softmax(1)).sum(-1).masked_fill(~mask, 0)
    )
)
wrong("3.4", "mean over the vocabulary, not the sum")(
    lambda logits, mask: (
        torch.special.entr(logits.softmax(-1)).mean(-1).masked_fill(~mask, 0)
    )
)
wrong("3.4", "perplexity: exp of the entropy")(
    lambda logits, mask: _entropy(logits).exp().masked_fill(~mask, 0)
)
wrong("3.4", "divided by log V, from 0 to 1")(
    lambda logits, mask: (_entropy(logits) / math.log(logits.shape[-1])).masked_fill(
        ~mask, 0
    )
)
wrong("3.4", "divided by the log of the number of tokens left")(
    lambda logits, mask: (
        _entropy(logits) / (logits > -INF).sum(-1).clamp_min(2).log()
    ).masked_fill(~mask, 0)
)
wrong("3.4", "surprise of the likeliest token")(
    lambda logits, mask: (-logits.log_softmax(-1).amax(-1)).masked_fill(~mask, 0)
)
wrong("3.4", "1 - Σ p² for the entropy")(
    lambda logits, mask: (1 - logits.softmax(-1).square().sum(-1)).masked_fill(~mask, 0)
)
wrong("3.4", "mean of -log p: not weighted by p")(
    lambda logits, mask: (-logits.log_softmax(-1).clamp_min(-1e4).mean(-1)).masked_fill(
        ~mask, 0
    )
)
wrong("3.4", "raw logits in place of log p")(
    lambda logits, mask: (
        -(logits.softmax(-1) * logits.masked_fill(logits == -INF, 0)).sum(-1)
    ).masked_fill(~mask, 0)
)
wrong("3.4", "cut tokens set to logit 0: they get probability again")(
    lambda logits, mask: _entropy(logits.masked_fill(logits == -INF, 0.0)).masked_fill(
        ~mask, 0
    )
)
wrong("3.4", "only the counted entries, the shape is lost")(
    lambda logits, mask: _entropy(logits)[mask]
)
wrong("3.4", "averaged over the counted tokens")(
    lambda logits, mask: _entropy(logits)[mask].mean()
)
wrong("3.4", "a large constant inside the log")(
    lambda logits, mask: (
        -(logits.softmax(-1) * (logits.softmax(-1) + 1e-2).log()).sum(-1)
    ).masked_fill(~mask, 0)
)
wrong("3.4", "every row with a cut token becomes 0: nan_to_num of the sum")(
    lambda logits, mask: (
        (-(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1)).nan_to_num(0.0) * mask
    )
)


@wrong("3.4", "replaces the infinities in the caller's logits")
def _(logits, mask):
    logits[logits == -INF] = -1e9
    logp = logits.log_softmax(-1)
    return torch.where(mask, -(logp.exp() * logp).sum(-1), 0.0)


@wrong("3.4", "minus infinity, not 0, on padding")
def _(logits, mask):
    return _entropy(logits).masked_fill(~mask, -INF)


right("3.4", "torch.special.entr")(
    lambda logits, mask: (
        torch.special.entr(torch.softmax(logits, -1)).sum(-1).masked_fill(~mask, 0.0)
    )
)


@right("3.4", "Categorical of clean logits")
def _(logits, mask):
    clean = torch.where(mask.unsqueeze(-1), logits, torch.zeros_like(logits))
    entropy = torch.distributions.Categorical(
        logits=clean, validate_args=False
    ).entropy()
    return torch.where(mask, entropy, torch.zeros_like(entropy))


@right("3.4", "loop over counted positions with python's math")
def _(logits, mask):
    result = torch.zeros(mask.shape, dtype=logits.dtype)
    for b, t in mask.nonzero().tolist():
        z = logits[b, t].tolist()
        top = max(z)
        weights = [math.exp(v - top) for v in z]
        total = math.fsum(weights)
        result[b, t] = (
            math.log(total)
            - math.fsum(w * math.log(w) for w in weights if w > 0) / total
        )
    return result


@right("3.4", "logsumexp minus the expected logit, double precision")
def _(logits, mask):
    z = torch.where(mask[..., None], logits, torch.zeros_like(logits)).double()
    z = z - z.amax(-1, keepdim=True)
    p = z.softmax(-1)
    expected = torch.where(p > 0, p * z.clamp_min(-1e6), torch.zeros_like(z)).sum(-1)
    return ((z.logsumexp(-1) - expected) * mask).to(logits.dtype)


# ---------------------------------------------------------------- 4.2 masked_mean_loss

wrong("4.2", "times the mask: -inf · 0 is NaN")(
    lambda logprobs, mask: -(logprobs * mask).sum() / mask.sum()
)
wrong("4.2", "the same with einsum")(
    lambda logprobs, mask: (
        -torch.einsum("bt,bt->", logprobs, mask.to(logprobs.dtype)) / mask.sum()
    )
)
wrong("4.2", "divided by all positions")(
    lambda logprobs, mask: -torch.where(mask, logprobs, 0.0).mean()
)
wrong("4.2", "mean over the rows of the rows' means")(
    lambda logprobs, mask: (
        -(torch.where(mask, logprobs, 0.0).sum(1) / mask.sum(1)).mean()
    )
)
wrong("4.2", "divided by the number of rows")(
    lambda logprobs, mask: -torch.where(mask, logprobs, 0.0).sum() / len(mask)
)
wrong("4.2", "the sum, no mean")(
    lambda logprobs, mask: -logprobs.masked_fill(~mask, 0).sum()
)
wrong("4.2", "no minus")(lambda logprobs, mask: logprobs[mask].mean())
wrong("4.2", "mask ignored")(lambda logprobs, mask: -logprobs.mean())
wrong("4.2", "mask inverted")(lambda logprobs, mask: -logprobs[~mask].mean())
wrong("4.2", "absolute values of everything not infinite")(
    lambda logprobs, mask: logprobs[logprobs.isfinite()].abs().mean()
)
wrong("4.2", "one loss per row")(
    lambda logprobs, mask: -torch.where(mask, logprobs, 0.0).sum(1) / mask.sum(1)
)
wrong("4.2", "one loss per column")(
    lambda logprobs, mask: (
        -torch.where(mask, logprobs, 0.0).sum(0) / mask.sum(0).clamp_min(1)
    )
)
wrong("4.2", "in bits")(lambda logprobs, mask: -logprobs[mask].mean() / math.log(2))
wrong("4.2", "perplexity")(lambda logprobs, mask: torch.exp(-logprobs[mask].mean()))
wrong("4.2", "mean probability")(lambda logprobs, mask: -logprobs[mask].exp().mean())
wrong("4.2", "log of the mean probability")(
    lambda logprobs, mask: -logprobs[mask].exp().mean().log()
)
wrong("4.2", "median of the tokens")(lambda logprobs, mask: -logprobs[mask].median())
wrong("4.2", "divided by count + 1")(
    lambda logprobs, mask: -logprobs[mask].sum() / (mask.sum() + 1)
)
wrong("4.2", "divided by count - 1, as for a shifted target")(
    lambda logprobs, mask: -logprobs[mask].sum() / (mask.sum() - 1)
)
wrong("4.2", "shifted once more: the mask lies one position off")(
    lambda logprobs, mask: -logprobs[:, :-1][mask[:, 1:]].mean()
)
wrong("4.2", "divided by the longest row times the rows")(
    lambda logprobs, mask: -logprobs[mask].sum() / (mask.sum(1).max() * len(mask))
)
wrong("4.2", "detached: no gradient flows")(
    lambda logprobs, mask: -logprobs.detach()[mask].mean()
)
wrong("4.2", "log-probabilities cut off at -5")(
    lambda logprobs, mask: -logprobs[mask].clamp_min(-5).mean()
)
wrong("4.2", "cross-entropy of the mask")(
    lambda logprobs, mask: F.binary_cross_entropy_with_logits(
        logprobs.nan_to_num(0, 0, 0), mask.to(logprobs.dtype)
    )
)


@wrong("4.2", "fills the caller's log-probabilities with 0")
def _(logprobs, mask):
    with torch.no_grad():
        logprobs[~mask] = 0
    return -logprobs.sum() / mask.sum()


right("4.2", "boolean index, mean")(lambda logprobs, mask: logprobs[mask].neg().mean())


@right("4.2", "loop over the rows in double precision")
def _(logprobs, mask):
    total, count = torch.zeros((), dtype=torch.float64), 0
    for row, keep in zip(logprobs, mask):
        total = total - row[keep].double().sum()
        count += int(keep.sum())
    return (total / count).to(logprobs.dtype)


@right("4.2", "nll_loss with labels")
def _(logprobs, mask):
    labels = torch.where(mask, 0, -100).reshape(-1)
    return F.nll_loss(logprobs.reshape(-1, 1), labels, ignore_index=-100)


@right("4.2", "where and count_nonzero")
def _(logprobs, mask):
    zero = torch.zeros((), dtype=logprobs.dtype)
    return torch.where(mask, -logprobs, zero).sum().div(torch.count_nonzero(mask))


# ---------------------------------------------------------------- 4.3 pack_sequences


def _rows(sequences, length):
    """The texts of each row, next fit."""
    rows = []
    for text in sequences:
        if not rows or sum(map(len, rows[-1])) + len(text) > length:
            rows.append([])
        rows[-1].append(text)
    return rows


def _lay(rows, length, pad_id, first_segment=1, first_position=0):
    ids = torch.full((len(rows), length), pad_id, dtype=torch.long)
    segments = torch.zeros_like(ids)
    positions = torch.zeros_like(ids)
    for r, texts in enumerate(rows):
        at = 0
        for s, text in enumerate(texts, first_segment):
            end = at + len(text)
            ids[r, at:end] = torch.tensor(text)
            segments[r, at:end] = s
            positions[r, at:end] = torch.arange(len(text)) + first_position
            at = end
    return ids, segments, positions


@wrong("4.3", "fills gaps of earlier rows (first fit)")
def _(sequences, length, pad_id):
    rows = []
    for text in sequences:
        for row in rows:
            if sum(map(len, row)) + len(text) <= length:
                row.append(text)
                break
        else:
            rows.append([text])
    return _lay(rows, length, pad_id)


@wrong("4.3", "longest texts first")
def _(sequences, length, pad_id):
    return _lay(_rows(sorted(sequences, key=len, reverse=True), length), length, pad_id)


@wrong("4.3", "one text a row, no packing")
def _(sequences, length, pad_id):
    return _lay([[text] for text in sequences], length, pad_id)


@wrong("4.3", "a text that fits exactly opens a new row")
def _(sequences, length, pad_id):
    rows = []
    for text in sequences:
        if not rows or sum(map(len, rows[-1])) + len(text) >= length:
            rows.append([])
        rows[-1].append(text)
    return _lay(rows, length, pad_id)


@wrong("4.3", "keeps one place free between texts")
def _(sequences, length, pad_id):
    rows = []
    for text in sequences:
        if not rows or sum(len(t) + 1 for t in rows[-1]) + len(text) > length:
            rows.append([])
        rows[-1].append(text)
    return _lay(rows, length, pad_id)


@wrong("4.3", "segments from 0")
def _(sequences, length, pad_id):
    return _lay(_rows(sequences, length), length, pad_id, first_segment=0)


@wrong("4.3", "positions from 1")
def _(sequences, length, pad_id):
    return _lay(_rows(sequences, length), length, pad_id, first_position=1)


@wrong("4.3", "segments counted through the whole batch")
def _(sequences, length, pad_id):
    ids, segments, positions = _lay(_rows(sequences, length), length, pad_id)
    before = 0
    for row in segments:
        n = int(row.max())
        row[row > 0] += before
        before += n
    return ids, segments, positions


@wrong("4.3", "positions run through the row, not anew in every text")
def _(sequences, length, pad_id):
    ids, segments, _ = _lay(_rows(sequences, length), length, pad_id)
    positions = torch.arange(length).expand_as(ids) * (segments > 0)
    return ids, segments, positions


@wrong("4.3", "positions go on into the padding")
def _(sequences, length, pad_id):
    ids, segments, positions = _lay(_rows(sequences, length), length, pad_id)
    for r in range(len(ids)):
        for t in range(1, length):
            if segments[r, t] == 0:
                positions[r, t] = positions[r, t - 1] + 1
    return ids, segments, positions


@wrong("4.3", "the padding is numbered as one more segment")
def _(sequences, length, pad_id):
    ids, segments, positions = _lay(_rows(sequences, length), length, pad_id)
    top = segments.amax(1, keepdim=True) + 1
    return ids, torch.where(segments == 0, top, segments), positions


@wrong("4.3", "padding gets the number of the last text")
def _(sequences, length, pad_id):
    ids, segments, positions = _lay(_rows(sequences, length), length, pad_id)
    return ids, segments.cummax(1).values, positions


@wrong("4.3", "pads with 0, pad_id ignored")
def _(sequences, length, pad_id):
    return _lay(_rows(sequences, length), length, 0)


@wrong("4.3", "pads with -100")
def _(sequences, length, pad_id):
    return _lay(_rows(sequences, length), length, -100)


@wrong("4.3", "takes ids equal to pad_id for padding, even inside a text")
def _(sequences, length, pad_id):
    ids, segments, positions = _lay(_rows(sequences, length), length, pad_id)
    real = ids != pad_id
    return ids, segments * real, positions * real


@wrong("4.3", "texts are cut at the end of a row and go on in the next")
def _(sequences, length, pad_id):
    flat = [
        (t, s, p) for s, text in enumerate(sequences, 1) for p, t in enumerate(text)
    ]
    flat += [(pad_id, 0, 0)] * (-len(flat) % length)
    table = torch.tensor(flat, dtype=torch.long).reshape(-1, length, 3)
    return table[..., 0], table[..., 1], table[..., 2]


@wrong("4.3", "what does not fit into the row is cut off")
def _(sequences, length, pad_id):
    rows = []
    for text in sequences:
        room = length - sum(map(len, rows[-1])) if rows else 0
        if room <= 0:
            rows.append([])
            room = length
        rows[-1].append(text[:room])
    return _lay(rows, length, pad_id)


@wrong("4.3", "the last row is lost")
def _(sequences, length, pad_id):
    rows, row = [], []
    for text in sequences:
        if sum(map(len, row)) + len(text) > length:
            rows.append(row)
            row = []
        row.append(text)
    return _lay(rows, length, pad_id)


@wrong("4.3", "segments and positions in the wrong order of return")
def _(sequences, length, pad_id):
    ids, segments, positions = _lay(_rows(sequences, length), length, pad_id)
    return ids, positions, segments


@wrong("4.3", "floats")
def _(sequences, length, pad_id):
    return tuple(t.float() for t in _lay(_rows(sequences, length), length, pad_id))


@wrong("4.3", "lists, not tensors")
def _(sequences, length, pad_id):
    return tuple(t.tolist() for t in _lay(_rows(sequences, length), length, pad_id))


@wrong("4.3", "padding on the left")
def _(sequences, length, pad_id):
    out = [t.clone() for t in _lay(_rows(sequences, length), length, pad_id)]
    for r, row in enumerate(_rows(sequences, length)):
        shift = length - sum(map(len, row))
        for t in out:
            t[r] = t[r].roll(shift)
    return tuple(out)


@wrong("4.3", "an empty row before the first text")
def _(sequences, length, pad_id):
    return _lay([[], *_rows(sequences, length)], length, pad_id)


@wrong("4.3", "rows are as wide as the fullest one, not `length`")
def _(sequences, length, pad_id):
    rows = _rows(sequences, length)
    width = max((sum(map(len, row)) for row in rows), default=0)
    return _lay(rows, width, pad_id)


@wrong("4.3", "the caller's list is emptied")
def _(sequences, length, pad_id):
    taken = []
    while sequences:
        taken.append(sequences.pop(0))
    return _lay(_rows(taken, length), length, pad_id)


@wrong("4.3", "segment numbers only alternate between 1 and 2")
def _(sequences, length, pad_id):
    ids, segments, positions = _lay(_rows(sequences, length), length, pad_id)
    return ids, torch.where(segments > 0, (segments - 1) % 2 + 1, 0), positions


@right("4.3", "places of all tokens first, then one index write")
def _(sequences, length, pad_id):
    row, at, number = -1, length, 0
    r, c, i, s, p = [], [], [], [], []
    for text in sequences:
        if at + len(text) > length:
            row, at, number = row + 1, 0, 0
        number += 1
        for k, token in enumerate(text):
            r.append(row)
            c.append(at + k)
            i.append(token)
            s.append(number)
            p.append(k)
        at += len(text)
    results = []
    for values, fill in ((i, pad_id), (s, 0), (p, 0)):
        table = torch.full((row + 1, length), fill, dtype=torch.long)
        if values:
            table[torch.tensor(r), torch.tensor(c)] = torch.tensor(values)
        results.append(table)
    return tuple(results)


@right("4.3", "flat lists, padded whenever a row is closed")
def _(sequences, length, pad_id):
    ids, segments, positions = [], [], []
    number = 0

    def close():
        gap = -len(ids) % length
        ids.extend([pad_id] * gap)
        segments.extend([0] * gap)
        positions.extend([0] * gap)

    for text in sequences:
        used = len(ids) % length
        if used == 0 or used + len(text) > length:
            close()
            number = 0
        number += 1
        ids.extend(text)
        segments.extend([number] * len(text))
        positions.extend(range(len(text)))
    close()
    return tuple(
        torch.tensor(v, dtype=torch.long).reshape(-1, length)
        if v
        else torch.zeros(0, length, dtype=torch.long)
        for v in (ids, segments, positions)
    )


@right("4.3", "reduce to rows, F.pad for each row")
def _(sequences, length, pad_id):
    def step(rows, text):
        if rows and sum(map(len, rows[-1])) + len(text) <= length:
            return [*rows[:-1], [*rows[-1], text]]
        return [*rows, [text]]

    rows = reduce(step, sequences, [])

    def table(make, fill):
        lines = []
        for texts in rows:
            flat = list(
                itertools.chain.from_iterable(make(k, t) for k, t in enumerate(texts))
            )
            line = torch.tensor(flat, dtype=torch.long)
            lines.append(F.pad(line, (0, length - len(flat)), value=fill))
        return torch.stack(lines) if lines else torch.zeros(0, length, dtype=torch.long)

    return (
        table(lambda k, t: t, pad_id),
        table(lambda k, t: [k + 1] * len(t), 0),
        table(lambda k, t: range(len(t)), 0),
    )


# ---------------------------------------------------------------- 5.2 brevity_penalty


@wrong("5.2", "the fraction upside down: e^(1 - h/m)")
def _(hypothesis_length, reference_length):
    h, m = hypothesis_length, reference_length
    if h == 0:
        return 0.0
    if m == 0:
        return 1.0
    return min(1.0, math.exp(1 - h / m))


@wrong("5.2", "no upper limit of 1")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    return math.exp(1 - reference_length / hypothesis_length)


wrong("5.2", "divides by an empty hypothesis")(
    lambda hypothesis_length, reference_length: min(
        1.0, math.exp(1 - reference_length / hypothesis_length)
    )
)


@wrong("5.2", "1 for an empty hypothesis")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 1.0
    return min(1.0, math.exp(1 - reference_length / hypothesis_length))


@wrong("5.2", "1 where both are empty: the longer-or-equal case is asked first")
def _(hypothesis_length, reference_length):
    if hypothesis_length >= reference_length:
        return 1.0
    if hypothesis_length == 0:
        return 0.0
    return math.exp(1 - reference_length / hypothesis_length)


@wrong("5.2", "0 also for an empty reference")
def _(hypothesis_length, reference_length):
    if not hypothesis_length or not reference_length:
        return 0.0
    return min(1.0, math.exp(1 - reference_length / hypothesis_length))


@wrong("5.2", "max for min")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    return max(1.0, math.exp(1 - reference_length / hypothesis_length))


@wrong("5.2", "the plain ratio h / m")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    if reference_length == 0:
        return 1.0
    return min(1.0, hypothesis_length / reference_length)


@wrong("5.2", "the 1 is missing in the exponent")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    return min(1.0, math.exp(-reference_length / hypothesis_length))


@wrong("5.2", "base 2")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    return min(1.0, 2 ** (1 - reference_length / hypothesis_length))


@wrong("5.2", "base 10")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    return min(1.0, 10 ** (1 - reference_length / hypothesis_length))


@wrong("5.2", "integer division in the exponent")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    return min(1.0, math.exp(1 - reference_length // hypothesis_length))


@wrong("5.2", "the exponent's sign: e^(m/h - 1)")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    return min(1.0, math.exp(reference_length / hypothesis_length - 1))


@wrong("5.2", "brackets: e^((1 - m) / h)")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    return min(1.0, math.exp((1 - reference_length) / hypothesis_length))


@wrong("5.2", "punishes the longer hypothesis, not the shorter one")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    if hypothesis_length < reference_length:
        return 1.0
    return math.exp(1 - reference_length / hypothesis_length)


@wrong("5.2", "difference of the lengths: e^(h - m)")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    return min(1.0, math.exp(hypothesis_length - reference_length))


@wrong("5.2", "never below e^-1: h floored at half the reference")
def _(hypothesis_length, reference_length):
    h = max(hypothesis_length, reference_length / 2)
    if h == 0 or hypothesis_length == 0:
        return 0.0
    return min(1.0, math.exp(1 - reference_length / h))


@wrong("5.2", "h + 1 against the division by zero: all values are a little off")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    return min(1.0, math.exp(1 - reference_length / (hypothesis_length + 1)))


@wrong("5.2", "no exp: 1 - m/h, limited to 0 and 1")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    return min(1.0, max(0.0, 1 - reference_length / hypothesis_length))


@wrong("5.2", "the log of the penalty")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    return min(0.0, 1 - reference_length / hypothesis_length)


@wrong("5.2", "returns nothing for a hypothesis as long as its reference")
def _(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    if hypothesis_length > reference_length:
        return 1.0
    if hypothesis_length < reference_length:
        return math.exp(1 - reference_length / hypothesis_length)


@right("5.2", "exp of min(0, ·)")
def _(hypothesis_length, reference_length):
    if not hypothesis_length:
        return 0.0
    return math.exp(
        min(0.0, (hypothesis_length - reference_length) / hypothesis_length)
    )


@right("5.2", "minus infinity in the exponent of an empty hypothesis, torch clamp")
def _(hypothesis_length, reference_length):
    exponent = 1 - reference_length / hypothesis_length if hypothesis_length else -INF
    return torch.tensor(exponent, dtype=torch.float64).exp().clamp(max=1).item()


@right("5.2", "try and except")
def _(hypothesis_length, reference_length):
    try:
        penalty = math.e * math.e ** -(reference_length / hypothesis_length)
    except ZeroDivisionError:
        return 0.0
    return 1.0 if hypothesis_length >= reference_length else float(penalty)


# ---------------------------------------------------------------- 5.3 rouge_l

from course.reward.overlap import rouge_tokens  # noqa: E402


def _lcs(a, b):
    last = [0] * (len(b) + 1)
    for x in a:
        line = [0]
        for j, y in enumerate(b):
            line.append(last[j] + 1 if x == y else max(last[j + 1], line[j]))
        last = line
    return last[-1]


def _f1(matches, n, m):
    return 2 * matches / (n + m) if matches else 0.0


@wrong("5.3", "recall, not F1")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    return _lcs(h, r) / len(r) if r else 0.0


@wrong("5.3", "precision, not F1")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    return _lcs(h, r) / len(h) if h else 0.0


@wrong("5.3", "longest common run of tokens in one piece, not subsequence")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    best = 0
    last = [0] * (len(r) + 1)
    for x in h:
        line = [0] + [last[j] + 1 if x == y else 0 for j, y in enumerate(r)]
        best = max(best, *line)
        last = line
    return _f1(best, len(h), len(r))


@wrong("5.3", "different common tokens: sets, order ignored")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    return _f1(len(set(h) & set(r)), len(h), len(r))


@wrong("5.3", "ROUGE-1: counts common tokens, order ignored")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    return _f1(sum((Counter(h) & Counter(r)).values()), len(h), len(r))


@wrong("5.3", "ROUGE-2: common pairs of tokens")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    a, b = Counter(zip(h, h[1:])), Counter(zip(r, r[1:]))
    return _f1(sum((a & b).values()), max(len(h) - 1, 0), max(len(r) - 1, 0))


@wrong("5.3", "text.split() in place of rouge_tokens")
def _(hypothesis, reference):
    h, r = hypothesis.split(), reference.split()
    return _f1(_lcs(h, r), len(h), len(r))


@wrong("5.3", "subsequence of characters")
def _(hypothesis, reference):
    return _f1(_lcs(hypothesis, reference), len(hypothesis), len(reference))


@wrong("5.3", "lengths in characters, matches in tokens")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    return _f1(_lcs(h, r), len(hypothesis), len(reference))


@wrong("5.3", "the factor 2 is missing")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    return _lcs(h, r) / (len(h) + len(r)) if h or r else 0.0


@wrong("5.3", "divides by zero for two empty texts")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    return 2 * _lcs(h, r) / (len(h) + len(r))


@wrong("5.3", "precision and recall first: divides by zero for one empty text")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    both = _lcs(h, r)
    precision, recall = both / len(h), both / len(r)
    return 2 * precision * recall / (precision + recall) if both else 0.0


@wrong("5.3", "divides by zero where nothing matches")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    if not h or not r:
        return 0.0
    both = _lcs(h, r)
    precision, recall = both / len(h), both / len(r)
    return 2 * precision * recall / (precision + recall)


@wrong("5.3", "1 for two empty texts")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    return 2 * _lcs(h, r) / (len(h) + len(r)) if h or r else 1.0


@wrong("5.3", "divided by the longer text")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    return _lcs(h, r) / max(len(h), len(r), 1)


@wrong("5.3", "divided by the shorter text")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    return _lcs(h, r) / max(min(len(h), len(r)), 1)


@wrong("5.3", "geometric mean of precision and recall")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    return _lcs(h, r) / math.sqrt(len(h) * len(r)) if h and r else 0.0


@wrong("5.3", "arithmetic mean of precision and recall")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    return (_lcs(h, r) / len(h) + _lcs(h, r) / len(r)) / 2 if h and r else 0.0


@wrong("5.3", "F with beta 1.2, recall counts more")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    both, beta = _lcs(h, r), 1.2**2
    return (1 + beta) * both / (len(h) + beta * len(r)) if both else 0.0


@wrong(
    "5.3", "greedy: takes the next place of each token, does not look for the longest"
)
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    at = both = 0
    for token in h:
        if token in r[at:]:
            at = r.index(token, at) + 1
            both += 1
    return _f1(both, len(h), len(r))


@wrong("5.3", "difflib's ratio: its blocks are no longest common subsequence")
def _(hypothesis, reference):
    import difflib

    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    if not h or not r:
        return 0.0
    return difflib.SequenceMatcher(None, h, r, autojunk=False).ratio()


@wrong("5.3", "table starts at 1: the first token of both texts is never compared")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    return _f1(_lcs(h[1:], r[1:]), len(h), len(r))


@wrong("5.3", "a match adds to the line above, so one token is matched several times")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    table = [[0] * (len(r) + 1) for _ in range(len(h) + 1)]
    for i, x in enumerate(h, 1):
        for j, y in enumerate(r, 1):
            most = max(table[i - 1][j], table[i][j - 1])
            table[i][j] = most + 1 if x == y else most
    both = min(table[-1][-1], len(h), len(r))
    return _f1(both, len(h), len(r))


@wrong("5.3", "max over the neighbours forgotten: a mismatch keeps the diagonal")
def _(hypothesis, reference):
    h, r = rouge_tokens(hypothesis), rouge_tokens(reference)
    table = [[0] * (len(r) + 1) for _ in range(len(h) + 1)]
    for i, x in enumerate(h, 1):
        for j, y in enumerate(r, 1):
            table[i][j] = table[i - 1][j - 1] + (x == y)
    return _f1(table[-1][-1], len(h), len(r))


@wrong("5.3", "all matches sorted: tokens compared in alphabetical order")
def _(hypothesis, reference):
    h, r = sorted(rouge_tokens(hypothesis)), sorted(rouge_tokens(reference))
    return _f1(_lcs(h, r), len(h), len(r))


@wrong("5.3", "repeated tokens are dropped before")
def _(hypothesis, reference):
    h = list(dict.fromkeys(rouge_tokens(hypothesis)))
    r = list(dict.fromkeys(rouge_tokens(reference)))
    return _f1(_lcs(h, r), len(h), len(r))


@right("5.3", "Hunt and Szymanski: longest rising list of places, bisect")
def _(hypothesis, reference):
    h, r = list(rouge_tokens(hypothesis)), list(rouge_tokens(reference))
    places = {}
    for j, token in enumerate(r):
        places.setdefault(token, []).append(j)
    tails = []
    for token in h:
        for j in reversed(places.get(token, [])):
            k = bisect.bisect_left(tails, j)
            tails[k : k + 1] = [j]
    return 2.0 * len(tails) / (len(h) + len(r)) if tails else 0.0


@right("5.3", "bits of a whole number")
def _(hypothesis, reference):
    h, r = list(rouge_tokens(hypothesis)), list(rouge_tokens(reference))
    full = (1 << len(r)) - 1
    masks = {}
    for j, token in enumerate(r):
        masks[token] = masks.get(token, 0) | 1 << j
    state = full
    for token in h:
        hit = state & masks.get(token, 0)
        state = ((state + hit) | (state - hit)) & full
    longest = len(r) - bin(state).count("1")
    return 2 * longest / (len(h) + len(r)) if longest else 0.0


@right("5.3", "whole table in numpy, harmonic mean of precision and recall")
def _(hypothesis, reference):
    h, r = list(rouge_tokens(hypothesis)), list(rouge_tokens(reference))
    table = np.zeros((len(h) + 1, len(r) + 1), dtype=np.int64)
    for i in range(len(h) - 1, -1, -1):
        for j in range(len(r) - 1, -1, -1):
            if h[i] == r[j]:
                table[i, j] = 1 + table[i + 1, j + 1]
            else:
                table[i, j] = max(table[i + 1, j], table[i, j + 1])
    longest = int(table[0, 0])
    if longest == 0:
        return 0.0
    precision, recall = longest / len(h), longest / len(r)
    return 2 * precision * recall / (precision + recall)


# ---------------------------------------------------------------- 5.4 composite_reward


def _norm(x, unbiased=False):
    x = x - x.mean()
    std = x.std(unbiased=unbiased)
    return torch.where(std > 1e-7, x / std, torch.zeros_like(x))


wrong("5.4", "unbiased standard deviation")(
    lambda scores, weights: _norm(weights @ scores, True)
)


@wrong("5.4", "torch.std's default (n - 1), in the usual one line with eps")
def _(scores, weights):
    total = (scores * weights[:, None]).sum(0)
    return (total - total.mean()) / (total.std() + 1e-8)


@wrong("5.4", "NaN where all sums are equal")
def _(scores, weights):
    total = weights @ scores
    return (total - total.mean()) / total.std(unbiased=False)


@wrong("5.4", "eps of 0.01 beside the standard deviation: small rewards shrink")
def _(scores, weights):
    total = weights @ scores
    return (total - total.mean()) / (total.std(unbiased=False) + 1e-2)


@wrong("5.4", "standard deviation floored at 1")
def _(scores, weights):
    total = weights @ scores
    return (total - total.mean()) / total.std(unbiased=False).clamp_min(1.0)


@wrong("5.4", "each part is normalised, the sum is not")
def _(scores, weights):
    centred = scores - scores.mean(1, keepdim=True)
    std = scores.std(1, unbiased=False, keepdim=True)
    return weights @ torch.where(std > 0, centred / std, torch.zeros_like(scores))


@wrong("5.4", "each part is normalised, and then the sum, too")
def _(scores, weights):
    centred = scores - scores.mean(1, keepdim=True)
    std = scores.std(1, unbiased=False, keepdim=True)
    return _norm(
        weights @ torch.where(std > 0, centred / std, torch.zeros_like(scores))
    )


wrong("5.4", "not normalised")(lambda scores, weights: weights @ scores)


@wrong("5.4", "mean 0 only")
def _(scores, weights):
    total = weights @ scores
    return total - total.mean()


@wrong("5.4", "standard deviation 1 only, the mean stays")
def _(scores, weights):
    total = weights @ scores
    std = total.std(unbiased=False)
    return total / std if std > 1e-7 else torch.zeros_like(total)


@wrong("5.4", "divided by the variance")
def _(scores, weights):
    total = weights @ scores
    total = total - total.mean()
    var = total.var(unbiased=False)
    return total / var if var > 1e-12 else torch.zeros_like(total)


wrong("5.4", "weights ignored")(lambda scores, weights: _norm(scores.sum(0)))
wrong("5.4", "absolute weights: punishing parts reward")(
    lambda scores, weights: _norm(weights.abs() @ scores)
)
wrong("5.4", "softmax of the weights")(
    lambda scores, weights: _norm(weights.softmax(0) @ scores)
)
wrong("5.4", "divided by the sum of the weights, which may be negative or 0")(
    lambda scores, weights: _norm(weights @ scores / weights.sum())
)
wrong("5.4", "negative weights are set to 0")(
    lambda scores, weights: _norm(weights.clamp_min(0) @ scores)
)
wrong("5.4", "scores times weights along the wrong dimension")(
    lambda scores, weights: _norm(scores @ weights)
)
wrong("5.4", "sum over the batch: one number for each part")(
    lambda scores, weights: _norm((scores * weights[:, None]).sum(1))
)
wrong("5.4", "product of the parts")(
    lambda scores, weights: _norm((scores * weights[:, None]).prod(0))
)


@wrong("5.4", "from 0 to 1: min and max")
def _(scores, weights):
    total = weights @ scores
    width = total.max() - total.min()
    return (total - total.min()) / width if width > 1e-7 else torch.zeros_like(total)


@wrong("5.4", "median in place of the mean")
def _(scores, weights):
    total = weights @ scores
    std = total.std(unbiased=False)
    return (total - total.median()) / std if std > 1e-7 else torch.zeros_like(total)


@wrong("5.4", "limited to -1 and 1 at the end")
def _(scores, weights):
    return _norm(weights @ scores).clamp(-1, 1)


@wrong("5.4", "the raw sums, not zeros, where all are equal")
def _(scores, weights):
    total = weights @ scores
    std = total.std(unbiased=False)
    return (total - total.mean()) / std if std > 1e-7 else total


@wrong("5.4", "weights the scores in place")
def _(scores, weights):
    scores *= weights[:, None]
    return _norm(scores.sum(0))


@wrong("5.4", "normalised over all parts and texts together")
def _(scores, weights):
    weighted = scores * weights[:, None]
    std = weighted.std(unbiased=False)
    weighted = (weighted - weighted.mean()) / std if std > 1e-7 else weighted * 0
    return weighted.sum(0)


wrong("5.4", "sign turned")(lambda scores, weights: -_norm(weights @ scores))
wrong("5.4", "softmax over the batch")(
    lambda scores, weights: (weights @ scores).softmax(0)
)


@right("5.4", "numpy, double precision")
def _(scores, weights):
    s, w = scores.detach().double().numpy(), weights.detach().double().numpy()
    total = np.einsum("p,pb->b", w, s)
    size = np.einsum("p,pb->b", np.abs(w), np.abs(s)).max()
    if total.max() - total.min() <= 1e-7 * size:
        return torch.zeros(total.shape, dtype=scores.dtype)
    return torch.from_numpy((total - total.mean()) / total.std()).to(scores.dtype)


@right("5.4", "python loops and pstdev's formula")
def _(scores, weights):
    columns = scores.double().T.tolist()
    w = weights.double().tolist()
    total = [math.fsum(a * b for a, b in zip(w, column)) for column in columns]
    size = max(math.fsum(abs(a * b) for a, b in zip(w, column)) for column in columns)
    mean = math.fsum(total) / len(total)
    std = math.sqrt(math.fsum((t - mean) ** 2 for t in total) / len(total))
    if max(total) - min(total) <= 1e-7 * size:
        std = INF
    return torch.tensor([(t - mean) / std for t in total], dtype=scores.dtype)


@right("5.4", "layer_norm without eps in double precision")
def _(scores, weights):
    total = (scores.double() * weights.double().unsqueeze(1)).sum(0)
    size = (scores.double() * weights.double().unsqueeze(1)).abs().sum(0).max()
    if total.max() - total.min() <= 1e-7 * size:
        return torch.zeros_like(total).to(scores.dtype)
    total = (total - total.mean()) / (total.max() - total.min())
    return F.layer_norm(total, total.shape, eps=0.0).to(scores.dtype)


# ---------------------------------------------------------------- 6.2 bradley_terry_fit


def _bt(wins, rounds=3000):
    """Strengths by minorise-maximise."""
    games = wins + wins.T
    won = wins.sum(1)
    p = torch.ones(len(wins), dtype=torch.float64)
    for _ in range(rounds):
        p = won / (games / (p[:, None] + p)).sum(1)
        p = p / p.log().mean().exp()
    return p.log()


@wrong("6.2", "log odds of each item's share of wins")
def _(wins):
    won, lost = wins.sum(1), wins.sum(0)
    s = (won / lost).log()
    return s - s.mean()


@wrong("6.2", "share of wins, centred")
def _(wins):
    share = wins.sum(1) / (wins.sum(1) + wins.sum(0))
    return share - share.mean()


@wrong("6.2", "log of the number of wins")
def _(wins):
    s = wins.sum(1).log()
    return s - s.mean()


wrong("6.2", "first item fixed at 0, mean not taken off")(
    lambda wins: _bt(wins) - _bt(wins)[0]
)
wrong("6.2", "smallest strength fixed at 0")(lambda wins: _bt(wins) - _bt(wins).min())
wrong("6.2", "exp is missing the log: returns p, centred")(
    lambda wins: _bt(wins).exp() - _bt(wins).exp().mean()
)
wrong("6.2", "normalises p to sum 1 and takes the log, no mean 0")(
    lambda wins: _bt(wins).log_softmax(0)
)
wrong("6.2", "wins read the wrong way round: j over i")(lambda wins: _bt(wins.T))
wrong("6.2", "on Elo's scale, 400 per factor 10")(
    lambda wins: _bt(wins) * 400 / math.log(10)
)
wrong("6.2", "log10 of the strengths")(lambda wins: _bt(wins) / math.log(10))
wrong("6.2", "log2 of the strengths")(lambda wins: _bt(wins) / math.log(2))
wrong("6.2", "three rounds only: not converged")(lambda wins: _bt(wins, 3))
wrong("6.2", "standard deviation 1 as well")(
    lambda wins: _bt(wins) / _bt(wins).std(unbiased=False)
)
wrong("6.2", "half a win added for every pair, pairs that never met, too")(
    lambda wins: _bt(wins + 0.5 * (1 - torch.eye(len(wins), dtype=wins.dtype)))
)
wrong("6.2", "single precision")(lambda wins: _bt(wins).float())
wrong("6.2", "sign turned: strongest is lowest")(lambda wins: -_bt(wins))


@wrong("6.2", "each pair counts once: shares in place of counts")
def _(wins):
    games = wins + wins.T
    return _bt(torch.where(games > 0, wins / games.clamp_min(1e-12), 0.0))


@wrong("6.2", "only who won more in a pair counts")
def _(wins):
    clear = (wins > wins.T).double() + 0.5 * ((wins == wins.T) & (wins > 0)).double()
    clear = clear + 0.01 * (wins + wins.T > 0).double()
    return _bt(clear)


@wrong("6.2", "games counted as wins only, not wins plus losses")
def _(wins):
    p = torch.ones(len(wins), dtype=torch.float64)
    for _ in range(1000):
        p = wins.sum(1) / (wins / (p[:, None] + p)).sum(1)
        p = p / p.sum()
    return p.log() - p.log().mean()


@wrong("6.2", "mean of pairwise log odds: infinite for a pair without losses")
def _(wins):
    s = (wins.log() - wins.T.log()).nan_to_num(0.0, 1e9, -1e9).mean(1)
    return s - s.mean()


@wrong("6.2", "gradient ascent that stops far too early")
def _(wins):
    s = torch.zeros(len(wins), dtype=torch.float64)
    for _ in range(100):
        p = torch.sigmoid(s[:, None] - s)
        s = s + 1e-3 * (wins * (1 - p) - wins.T * p).sum(1)
    return s - s.mean()


@wrong("6.2", "weight decay in the loss pulls the strengths to 0")
def _(wins):
    s = torch.zeros(len(wins), dtype=torch.float64)
    games = wins + wins.T
    for _ in range(3000):
        p = torch.sigmoid(s[:, None] - s)
        gradient = (wins - games * p).sum(1) - 0.5 * s
        s = s + gradient / (games.sum(1).max() + 0.5)
    return s - s.mean()


@wrong("6.2", "least squares on probabilities, not most likely")
def _(wins):
    games = wins + wins.T
    share = torch.where(games > 0, wins / games.clamp_min(1e-12), 0.5)
    s = torch.zeros(len(wins), dtype=torch.float64)
    for _ in range(3000):
        p = torch.sigmoid(s[:, None] - s)
        s = s + ((share - p) * p * (1 - p) * (games > 0)).sum(1)
    return s - s.mean()


@wrong("6.2", "probit in place of logit: normal quantile of the win shares")
def _(wins):
    games = wins.sum(1) + wins.sum(0)
    s = torch.special.ndtri(((wins.sum(1) + 0.5) / (games + 1)).double())
    return s - s.mean()


@wrong("6.2", "right strengths, but the wins were turned into shares in place")
def _(wins):
    result = _bt(wins)
    wins /= (wins + wins.T).clamp_min(1e-12)
    return result


@wrong("6.2", "ranks, centred")
def _(wins):
    rank = _bt(wins).argsort().argsort().double()
    return rank - rank.mean()


@wrong("6.2", "a model with σ((s_i - s_j) / 2)")
def _(wins):
    return _bt(wins) * 2


@right("6.2", "Newton with halved steps")
def _(wins):
    w = wins.double()
    n = len(w)

    def loglik(s):
        return (w * F.logsigmoid(s[:, None] - s)).sum()

    s = torch.zeros(n, dtype=torch.float64)
    for _ in range(200):
        p = torch.sigmoid(s[:, None] - s)
        gradient = (w * (1 - p) - w.T * p).sum(1)
        if gradient.abs().max() < 1e-12 * max(1.0, float(w.sum())):
            break
        curve = (w + w.T) * p * (1 - p)
        hessian = torch.diag(curve.sum(1)) - curve
        step = torch.linalg.solve(
            hessian + 1.0 / n * hessian.diagonal().mean(), gradient
        )
        size = 1.0
        while loglik(s + size * step) < loglik(s) and size > 1e-8:
            size /= 2
        s = s + size * step
        s = s - s.mean()
    return s - s.mean()


@right("6.2", "spectral: stationary shares of a chain, weights renewed in each round")
def _(wins):
    w = wins.double()
    n = len(w)
    p = torch.ones(n, dtype=torch.float64) / n
    for _ in range(2000):
        rate = w.T / (p[:, None] + p)
        balance = (rate - torch.diag(rate.sum(1))).T.clone()
        balance[-1] = 1.0
        target = torch.zeros(n, dtype=torch.float64)
        target[-1] = 1.0
        new = torch.linalg.solve(balance, target)
        change = (new.log() - p.log()).abs().max()
        p = new
        if change < 1e-12:
            break
    return p.log() - p.log().mean()


@right("6.2", "L-BFGS on the negative log-likelihood")
def _(wins):
    w = wins.detach().double()
    w = w / w.sum()
    s = torch.zeros(len(w), dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS(
        [s],
        max_iter=2000,
        tolerance_grad=1e-13,
        tolerance_change=1e-16,
        history_size=50,
        line_search_fn="strong_wolfe",
    )

    def closure():
        solver.zero_grad()
        loss = -(w * F.logsigmoid(s[:, None] - s[None, :])).sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        solver.step(closure)
    s = s.detach()
    return s - s.mean()


# ---------------------------------------------------------------- 6.3 split_half


def _group_mean(ratings, group):
    kept = torch.where(group, ratings.double(), 0.0)
    return kept.sum(1) / group.sum(1)


def _pearson(a, b):
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt())


@wrong("6.3", "stepped up by Spearman and Brown")
def _(ratings, first, second):
    r = _pearson(_group_mean(ratings, first), _group_mean(ratings, second))
    return 2 * r / (1 + r)


@wrong("6.3", "mean over all raters: divided by the width")
def _(ratings, first, second):
    a = torch.where(first, ratings.double(), 0.0).mean(1)
    b = torch.where(second, ratings.double(), 0.0).mean(1)
    return _pearson(a, b)


@wrong("6.3", "sums of the groups, not means")
def _(ratings, first, second):
    a = torch.where(first, ratings.double(), 0.0).sum(1)
    b = torch.where(second, ratings.double(), 0.0).sum(1)
    return _pearson(a, b)


@wrong(
    "6.3", "the second group is taken as all that are not in the first: padding counts"
)
def _(ratings, first, second):
    return _pearson(_group_mean(ratings, first), _group_mean(ratings, ~first))


@wrong(
    "6.3", "the first group is taken as all that are not in the second: padding counts"
)
def _(ratings, first, second):
    return _pearson(_group_mean(ratings, ~second), _group_mean(ratings, second))


@wrong("6.3", "groups ignored: left half against right half")
def _(ratings, first, second):
    half = ratings.shape[1] // 2
    return _pearson(
        ratings[:, :half].double().mean(1), ratings[:, half:].double().mean(1)
    )


@wrong("6.3", "means over the texts, correlation over the raters")
def _(ratings, first, second):
    a = torch.where(first, ratings.double(), 0.0).sum(0) / first.sum(0).clamp_min(1)
    b = torch.where(second, ratings.double(), 0.0).sum(0) / second.sum(0).clamp_min(1)
    return _pearson(a, b)


@wrong("6.3", "not centred: cosine of the means")
def _(ratings, first, second):
    a, b = _group_mean(ratings, first), _group_mean(ratings, second)
    return F.cosine_similarity(a, b, dim=0).item()


@wrong("6.3", "biased covariance over unbiased deviations")
def _(ratings, first, second):
    a, b = _group_mean(ratings, first), _group_mean(ratings, second)
    return float(((a - a.mean()) * (b - b.mean())).mean() / (a.std() * b.std()))


@wrong("6.3", "unbiased covariance over biased deviations")
def _(ratings, first, second):
    a, b = _group_mean(ratings, first), _group_mean(ratings, second)
    cov = ((a - a.mean()) * (b - b.mean())).sum() / (len(a) - 1)
    return float(cov / (a.std(unbiased=False) * b.std(unbiased=False)))


@wrong("6.3", "covariance only")
def _(ratings, first, second):
    a, b = _group_mean(ratings, first), _group_mean(ratings, second)
    return float(((a - a.mean()) * (b - b.mean())).mean())


@wrong("6.3", "slope of a regression: divided by the variance of one group")
def _(ratings, first, second):
    a, b = _group_mean(ratings, first), _group_mean(ratings, second)
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (a * a).sum())


@wrong("6.3", "r squared")
def _(ratings, first, second):
    return _pearson(_group_mean(ratings, first), _group_mean(ratings, second)) ** 2


@wrong("6.3", "absolute value")
def _(ratings, first, second):
    return abs(_pearson(_group_mean(ratings, first), _group_mean(ratings, second)))


@wrong("6.3", "Spearman's rank correlation")
def _(ratings, first, second):
    a = _group_mean(ratings, first).argsort().argsort().double()
    b = _group_mean(ratings, second).argsort().argsort().double()
    return _pearson(a, b)


@wrong("6.3", "medians of the groups")
def _(ratings, first, second):
    a = torch.stack([row[g].double().quantile(0.5) for row, g in zip(ratings, first)])
    b = torch.stack([row[g].double().quantile(0.5) for row, g in zip(ratings, second)])
    return _pearson(a, b)


@wrong("6.3", "only one rater of each group: the first")
def _(ratings, first, second):
    i = first.long().argmax(1, keepdim=True)
    j = second.long().argmax(1, keepdim=True)
    return _pearson(
        ratings.double().gather(1, i)[:, 0], ratings.double().gather(1, j)[:, 0]
    )


@wrong("6.3", "groups multiplied into the ratings and zeros correlated place by place")
def _(ratings, first, second):
    a, b = (ratings * first).double().flatten(), (ratings * second).double().flatten()
    return _pearson(a, b)


@wrong("6.3", "first group against all ratings of both")
def _(ratings, first, second):
    return _pearson(_group_mean(ratings, first), _group_mean(ratings, first | second))


@wrong("6.3", "padding not masked: means over all places, minus the other group")
def _(ratings, first, second):
    a = torch.where(second, 0.0, ratings.double()).sum(1) / first.sum(1)
    b = torch.where(first, 0.0, ratings.double()).sum(1) / second.sum(1)
    return _pearson(a, b)


@wrong("6.3", "both groups divided by the size of the first")
def _(ratings, first, second):
    a = _group_mean(ratings, first)
    b = torch.where(second, ratings.double(), 0.0).sum(1) / first.sum(1)
    return _pearson(a, b)


@wrong("6.3", "divided by the largest group for every text")
def _(ratings, first, second):
    a = torch.where(first, ratings.double(), 0.0).sum(1) / first.sum(1).max()
    b = torch.where(second, ratings.double(), 0.0).sum(1) / second.sum(1).max()
    return _pearson(a, b)


@wrong("6.3", "share of texts on the same side of the mean, as a correlation")
def _(ratings, first, second):
    a, b = _group_mean(ratings, first), _group_mean(ratings, second)
    same = ((a > a.mean()) == (b > b.mean())).double().mean()
    return float(2 * same - 1)


@wrong("6.3", "square root of the product forgotten")
def _(ratings, first, second):
    a, b = _group_mean(ratings, first), _group_mean(ratings, second)
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (a.square().sum() * b.square().sum()))


@wrong("6.3", "the whole matrix of corrcoef")
def _(ratings, first, second):
    return torch.corrcoef(
        torch.stack([_group_mean(ratings, first), _group_mean(ratings, second)])
    )


@wrong("6.3", "zeroes the padding of the caller's ratings")
def _(ratings, first, second):
    ratings[~(first | second)] = 0
    return _pearson(_group_mean(ratings, first), _group_mean(ratings, second))


@right("6.3", "loops and numpy's corrcoef")
def _(ratings, first, second):
    a = [row[g].double().mean().item() for row, g in zip(ratings, first)]
    b = [row[g].double().mean().item() for row, g in zip(ratings, second)]
    return float(np.corrcoef(a, b)[0, 1])


@right("6.3", "NaN outside of the group, nanmean, cosine of the centred means")
def _(ratings, first, second):
    nan = torch.tensor(float("nan"), dtype=torch.float64)
    a = torch.where(first, ratings.double(), nan).nanmean(1)
    b = torch.where(second, ratings.double(), nan).nanmean(1)
    return F.cosine_similarity(a - a.mean(), b - b.mean(), dim=0, eps=1e-300).item()


@right("6.3", "statistics.correlation of python lists")
def _(ratings, first, second):
    import statistics

    means = [[], []]
    for group, out in zip((first, second), means):
        for row, keep in zip(ratings.double().tolist(), group.tolist()):
            out.append(statistics.fmean(r for r, k in zip(row, keep) if k))
    return float(statistics.correlation(*means))


@right("6.3", "mean of the products of z-scores")
def _(ratings, first, second):
    z = []
    for group in (first, second):
        mean = _group_mean(ratings, group)
        z.append((mean - mean.mean()) / mean.std(unbiased=False))
    return (z[0] @ z[1] / len(z[0])).item()


# ---------------------------------------------------------------- 6.4 elo_update


def _expected(ra, rb):
    return 1 / (1 + 10 ** ((rb - ra) / 400))


def _elo(ratings, a, b, gain_a, gain_b):
    new = ratings.clone()
    new[a] = new[a] + gain_a
    new[b] = new[b] + gain_b
    return new


@wrong("6.4", "changes the ratings in place")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (outcome - _expected(ratings[a], ratings[b]))
    ratings[a] += gain
    ratings[b] -= gain
    return ratings


@wrong("6.4", "a second name for the same tensor is no copy")
def _(ratings, a, b, outcome, k=32.0):
    new = ratings
    gain = k * (outcome - _expected(float(ratings[a]), float(ratings[b])))
    new[a] += gain
    new[b] -= gain
    return new


@wrong("6.4", "b is updated with a's new rating")
def _(ratings, a, b, outcome, k=32.0):
    new = ratings.clone()
    new[a] += k * (outcome - _expected(new[a], new[b]))
    new[b] += k * ((1 - outcome) - _expected(new[b], new[a]))
    return new


@wrong("6.4", "sign of the difference: R_a - R_b in the exponent")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (outcome - _expected(ratings[b], ratings[a]))
    return _elo(ratings, a, b, gain, -gain)


@wrong("6.4", "e in place of 10")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (outcome - torch.sigmoid((ratings[a] - ratings[b]) / 400))
    return _elo(ratings, a, b, gain, -gain)


@wrong("6.4", "no division by 400")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (outcome - torch.sigmoid(ratings[a] - ratings[b]))
    return _elo(ratings, a, b, gain, -gain)


@wrong("6.4", "200 in place of 400")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (outcome - 1 / (1 + 10 ** ((ratings[b] - ratings[a]) / 200)))
    return _elo(ratings, a, b, gain, -gain)


@wrong("6.4", "k ignored, always 32")
def _(ratings, a, b, outcome, k=32.0):
    gain = 32 * (outcome - _expected(ratings[a], ratings[b]))
    return _elo(ratings, a, b, gain, -gain)


@wrong("6.4", "only a is updated")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (outcome - _expected(ratings[a], ratings[b]))
    return _elo(ratings, a, b, gain, 0.0)


@wrong("6.4", "b gains as much as a")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (outcome - _expected(ratings[a], ratings[b]))
    return _elo(ratings, a, b, gain, gain)


@wrong("6.4", "the gain goes to b")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (outcome - _expected(ratings[a], ratings[b]))
    return _elo(ratings, a, b, -gain, gain)


@wrong("6.4", "a tie counts as a loss of a: int(outcome)")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (int(outcome) - _expected(ratings[a], ratings[b]))
    return _elo(ratings, a, b, gain, -gain)


@wrong("6.4", "a tie counts as a win of a")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (float(outcome > 0) - _expected(ratings[a], ratings[b]))
    return _elo(ratings, a, b, gain, -gain)


@wrong("6.4", "a tie changes nothing")
def _(ratings, a, b, outcome, k=32.0):
    if outcome == 0.5:
        return ratings.clone()
    gain = k * (outcome - _expected(ratings[a], ratings[b]))
    return _elo(ratings, a, b, gain, -gain)


@wrong("6.4", "expected outcome of b with the outcome of a: 1 - outcome - E_a")
def _(ratings, a, b, outcome, k=32.0):
    e = _expected(ratings[a], ratings[b])
    return _elo(ratings, a, b, k * (outcome - e), k * (1 - outcome - e))


@wrong("6.4", "E forgotten: k for the winner")
def _(ratings, a, b, outcome, k=32.0):
    return _elo(ratings, a, b, k * (outcome - 0.5), k * (0.5 - outcome))


@wrong("6.4", "E subtracted after k: k · outcome - E")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * outcome - _expected(ratings[a], ratings[b])
    return _elo(ratings, a, b, gain, -gain)


@wrong("6.4", "E - outcome")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (_expected(ratings[a], ratings[b]) - outcome)
    return _elo(ratings, a, b, gain, -gain)


@wrong("6.4", "k shared: half for each")
def _(ratings, a, b, outcome, k=32.0):
    gain = k / 2 * (outcome - _expected(ratings[a], ratings[b]))
    return _elo(ratings, a, b, gain, -gain)


@wrong("6.4", "only the two players are returned")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (outcome - _expected(ratings[a], ratings[b]))
    return torch.stack([ratings[a] + gain, ratings[b] - gain])


@wrong("6.4", "items 0 and 1 in place of a and b")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (outcome - _expected(ratings[0], ratings[1]))
    return _elo(ratings, 0, 1, gain, -gain)


@wrong("6.4", "what b loses is taken from all others in equal parts")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (outcome - _expected(ratings[a], ratings[b]))
    new = ratings - gain / (len(ratings) - 1)
    new[a] = ratings[a] + gain
    return new


@wrong("6.4", "rounded to whole ratings")
def _(ratings, a, b, outcome, k=32.0):
    gain = torch.round(k * (outcome - _expected(ratings[a], ratings[b])))
    return _elo(ratings, a, b, gain, -gain)


@wrong("6.4", "a rating cannot lose: gains floored at 0")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (outcome - _expected(ratings[a], ratings[b]))
    return _elo(ratings, a, b, gain.clamp_min(0), (-gain).clamp_min(0))


@wrong("6.4", "returns the changes, not the ratings")
def _(ratings, a, b, outcome, k=32.0):
    gain = k * (outcome - _expected(ratings[a], ratings[b]))
    return _elo(torch.zeros_like(ratings), a, b, gain, -gain)


@right("6.4", "python floats, list, new tensor")
def _(ratings, a, b, outcome, k=32.0):
    values = ratings.tolist()
    gain = k * (outcome - 1 / (1 + math.pow(10, (values[b] - values[a]) / 400)))
    values[a], values[b] = values[a] + gain, values[b] - gain
    dtype = ratings.dtype if ratings.is_floating_point() else torch.float32
    return torch.tensor(values, dtype=dtype)


@right("6.4", "one-hot vectors and the logistic function of ln 10 / 400")
def _(ratings, a, b, outcome, k=32.0):
    r = ratings.double()
    who = torch.zeros_like(r)
    who[a], who[b] = 1.0, -1.0
    expected = torch.sigmoid((who @ r) * math.log(10) / 400)
    dtype = ratings.dtype if ratings.is_floating_point() else torch.float32
    return (r + k * (outcome - expected) * who).to(dtype)


@right("6.4", "index_add of two changes; E by the softmax of two ratings")
def _(ratings, a, b, outcome, k=32.0):
    r = ratings if ratings.is_floating_point() else ratings.float()
    pair = torch.tensor([a, b])
    share = torch.softmax(r[pair].double() * (math.log(10) / 400), 0)
    scored = torch.tensor([outcome, 1 - outcome], dtype=torch.float64)
    return r.index_add(0, pair, (k * (scored - share)).to(r.dtype))


# ---------------------------------------------------------------- 7.2 last_token_scores


def _last(mask):
    """Place of the last true entry of each row."""
    return (mask.long() * torch.arange(1, mask.shape[1] + 1)).argmax(1)


def _pick(hidden, place):
    return hidden[torch.arange(len(hidden)), place]


wrong("7.2", "the last position, padding or not")(
    lambda hidden, mask, weight: hidden[:, -1] @ weight
)
wrong("7.2", "count - 1: wrong for padding on the left")(
    lambda hidden, mask, weight: _pick(hidden, mask.sum(1) - 1) @ weight
)
wrong("7.2", "count, not count - 1, limited to the width")(
    lambda hidden, mask, weight: (
        _pick(hidden, mask.sum(1).clamp(max=mask.shape[1] - 1)) @ weight
    )
)
wrong("7.2", "first real token")(
    lambda hidden, mask, weight: _pick(hidden, mask.long().argmax(1)) @ weight
)
wrong("7.2", "mean over the real tokens")(
    lambda hidden, mask, weight: (
        ((hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)) @ weight
    )
)
wrong("7.2", "sum over the real tokens")(
    lambda hidden, mask, weight: ((hidden @ weight) * mask).sum(1)
)
wrong("7.2", "largest score of the real tokens")(
    lambda hidden, mask, weight: (hidden @ weight).masked_fill(~mask, -INF).amax(1)
)
wrong("7.2", "mean over all positions")(
    lambda hidden, mask, weight: (hidden @ weight).mean(1)
)
wrong("7.2", "a score for every token")(lambda hidden, mask, weight: hidden @ weight)
wrong("7.2", "state times weight, not summed")(
    lambda hidden, mask, weight: _pick(hidden, _last(mask)) * weight
)
wrong("7.2", "weight forgotten: sum of the state")(
    lambda hidden, mask, weight: _pick(hidden, _last(mask)).sum(-1)
)
wrong("7.2", "mean over the width, not the sum")(
    lambda hidden, mask, weight: (_pick(hidden, _last(mask)) * weight).mean(-1)
)
wrong("7.2", "last token of the first row for all rows")(
    lambda hidden, mask, weight: hidden[:, _last(mask)[0]] @ weight
)
wrong("7.2", "last place of the whole batch")(
    lambda hidden, mask, weight: hidden[:, mask.nonzero()[:, 1].max()] @ weight
)
wrong("7.2", "index without the rows: (batch, batch)")(
    lambda hidden, mask, weight: hidden[:, _last(mask)] @ weight
)
wrong("7.2", "flipped mask, but T - argmax without the - 1, limited")(
    lambda hidden, mask, weight: (
        _pick(
            hidden,
            (mask.shape[1] - mask.flip(1).long().argmax(1)).clamp(
                max=mask.shape[1] - 1
            ),
        )
        @ weight
    )
)
wrong("7.2", "flipped mask, place not turned back")(
    lambda hidden, mask, weight: _pick(hidden, mask.flip(1).long().argmax(1)) @ weight
)
wrong("7.2", "one before the last real token")(
    lambda hidden, mask, weight: _pick(hidden, (_last(mask) - 1).clamp_min(0)) @ weight
)
wrong("7.2", "shape (batch, 1)")(
    lambda hidden, mask, weight: _pick(hidden, _last(mask)) @ weight[:, None]
)
wrong("7.2", "cosine of state and weight")(
    lambda hidden, mask, weight: F.cosine_similarity(
        _pick(hidden, _last(mask)), weight[None], dim=-1
    )
)
wrong("7.2", "squashed by a sigmoid")(
    lambda hidden, mask, weight: (_pick(hidden, _last(mask)) @ weight).sigmoid()
)
wrong("7.2", "a state without gradient")(
    lambda hidden, mask, weight: _pick(hidden.detach(), _last(mask)) @ weight
)
wrong("7.2", "mask the other way round: last padding")(
    lambda hidden, mask, weight: _pick(hidden, _last(~mask)) @ weight
)
wrong("7.2", "the state with the largest norm")(
    lambda hidden, mask, weight: (
        _pick(hidden, (hidden.norm(dim=-1) * mask).argmax(1)) @ weight
    )
)


@wrong("7.2", "zeroes the padding of the caller's states")
def _(hidden, mask, weight):
    with torch.no_grad():
        hidden[~mask] = 0
    return _pick(hidden, _last(mask)) @ weight


@right("7.2", "loop over the rows")
def _(hidden, mask, weight):
    scores = []
    for states, real in zip(hidden, mask):
        scores.append(torch.dot(states[real][-1], weight))
    return torch.stack(scores)


@right("7.2", "first largest value of the running count, gather")
def _(hidden, mask, weight):
    place = mask.long().cumsum(1).argmax(1)
    place = place[:, None, None].expand(-1, 1, hidden.shape[-1])
    return hidden.gather(1, place).squeeze(1).mv(weight)


@right("7.2", "a token is last when no real one follows; boolean index, einsum")
def _(hidden, mask, weight):
    after = mask.long().flip(1).cumsum(1).flip(1)
    last = mask & (after == 1)
    return torch.einsum("bw,w->b", hidden[last], weight)


@right("7.2", "flip both, then the first")
def _(hidden, mask, weight):
    place = mask.flip(1).int().argmax(dim=1)
    return (hidden.flip(1)[torch.arange(hidden.shape[0]), place] * weight).sum(-1)


# ---------------------------------------------------------------- 7.3 ordinal_loss


def _ends(scores, bins, cuts):
    """Upper and lower cut of each bin seen, minus the score."""
    edge = torch.full((1,), INF, dtype=cuts.dtype)
    upper = torch.cat([cuts, edge])[bins]
    lower = torch.cat([-edge, cuts])[bins]
    return upper - scores, lower - scores


def _logp(scores, bins, cuts):
    b, a = _ends(scores, bins, cuts)
    gap = torch.log(-torch.expm1(a - b))
    return F.logsigmoid(b) + F.logsigmoid(-a) + gap


@wrong("7.3", "difference of sigmoids and log: infinite for scores in the hundreds")
def _(scores, bins, cuts):
    b, a = _ends(scores, bins, cuts)
    return -(torch.sigmoid(b) - torch.sigmoid(a)).log().mean()


@wrong(
    "7.3", "the same in double precision: still infinite on the side where both are 1"
)
def _(scores, bins, cuts):
    b, a = _ends(scores.double(), bins, cuts.double())
    return -(torch.sigmoid(b) - torch.sigmoid(a)).log().mean().to(scores.dtype)


@wrong(
    "7.3", "floor of 1e-9 in the log: finite, but far off for scores in the hundreds"
)
def _(scores, bins, cuts):
    b, a = _ends(scores, bins, cuts)
    return -(torch.sigmoid(b) - torch.sigmoid(a)).clamp_min(1e-9).log().mean()


@wrong("7.3", "1e-6 added in the log")
def _(scores, bins, cuts):
    b, a = _ends(scores, bins, cuts)
    return -(torch.sigmoid(b) - torch.sigmoid(a) + 1e-6).log().mean()


@wrong("7.3", "scores limited to -20 and 20")
def _(scores, bins, cuts):
    return -_logp(scores.clamp(-20, 20), bins, cuts).mean()


@wrong("7.3", "sign: σ(r - c)")
def _(scores, bins, cuts):
    return -_logp(-scores, bins, cuts).mean()


@wrong("7.3", "0 taken for the best bin")
def _(scores, bins, cuts):
    return -_logp(scores, len(cuts) - bins, cuts).mean()


@wrong("7.3", "bins counted from 1")
def _(scores, bins, cuts):
    return -_logp(scores, (bins - 1).clamp_min(0), cuts).mean()


@wrong("7.3", "one bin too high, the last one stays")
def _(scores, bins, cuts):
    return -_logp(scores, (bins + 1).clamp(max=len(cuts)), cuts).mean()


@wrong("7.3", "only the upper cut: P(bin or worse)")
def _(scores, bins, cuts):
    b, _ = _ends(scores, bins, cuts)
    return -F.logsigmoid(b).mean()


@wrong("7.3", "only the lower cut: P(bin or better)")
def _(scores, bins, cuts):
    _, a = _ends(scores, bins, cuts)
    return -F.logsigmoid(-a).mean()


@wrong("7.3", "product of the two sides, not their difference")
def _(scores, bins, cuts):
    b, a = _ends(scores, bins, cuts)
    return -(F.logsigmoid(b) + F.logsigmoid(-a)).mean()


@wrong("7.3", "all cuts as yes or no questions (CORAL), summed")
def _(scores, bins, cuts):
    above = (bins[:, None] > torch.arange(len(cuts))).to(scores.dtype)
    loss = F.binary_cross_entropy_with_logits(
        scores[:, None] - cuts, above, reduction="none"
    )
    return loss.sum(1).mean()


@wrong("7.3", "sum over the batch")
def _(scores, bins, cuts):
    return -_logp(scores, bins, cuts).sum()


@wrong("7.3", "one loss for each text")
def _(scores, bins, cuts):
    return -_logp(scores, bins, cuts)


@wrong("7.3", "minus forgotten")
def _(scores, bins, cuts):
    return _logp(scores, bins, cuts).mean()


@wrong("7.3", "mean probability, no log")
def _(scores, bins, cuts):
    return -_logp(scores, bins, cuts).exp().mean()


@wrong("7.3", "log of the mean probability")
def _(scores, bins, cuts):
    p = _logp(scores, bins, cuts)
    return math.log(len(p)) - p.logsumexp(0)


@wrong("7.3", "bits")
def _(scores, bins, cuts):
    return -_logp(scores, bins, cuts).mean() / math.log(2)


@wrong("7.3", "cuts ignored: whole numbers in their place")
def _(scores, bins, cuts):
    own = torch.arange(len(cuts), dtype=cuts.dtype)
    return -_logp(scores, bins, own).mean()


@wrong("7.3", "the first bin has a lower cut, too: 0, or one below the first cut")
def _(scores, bins, cuts):
    b, a = _ends(scores, bins, cuts)
    a = torch.where(bins == 0, torch.minimum(cuts[0] - 1, torch.zeros(())) - scores, a)
    logp = F.logsigmoid(b) + F.logsigmoid(-a) + torch.log(-torch.expm1(a - b))
    return -logp.mean()


@wrong("7.3", "last bin ends one above the last cut")
def _(scores, bins, cuts):
    b, a = _ends(scores, bins, cuts)
    b = torch.where(bins == len(cuts), cuts[-1] + 1 - scores, b)
    logp = F.logsigmoid(b) + F.logsigmoid(-a) + torch.log(-torch.expm1(a - b))
    return -logp.mean()


@wrong("7.3", "normal curve in place of the logistic one")
def _(scores, bins, cuts):
    b, a = _ends(scores.double(), bins, cuts.double())
    p = torch.special.ndtr(b) - torch.special.ndtr(a)
    return -p.clamp_min(1e-300).log().mean().to(scores.dtype)


@wrong("7.3", "cross-entropy of -|r - middle of the bin|")
def _(scores, bins, cuts):
    middles = torch.cat([cuts[:1] - 1, (cuts[1:] + cuts[:-1]) / 2, cuts[-1:] + 1])
    return F.cross_entropy(-(scores[:, None] - middles).abs(), bins)


@wrong("7.3", "detached scores: nothing is learnt")
def _(scores, bins, cuts):
    return -_logp(scores.detach(), bins, cuts).mean()


@wrong("7.3", "texts in the first and the last bin are left out")
def _(scores, bins, cuts):
    inner = (bins > 0) & (bins < len(cuts))
    return -_logp(scores, bins, cuts)[inner].mean()


@wrong("7.3", "P of a bin is multiplied by the number of bins")
def _(scores, bins, cuts):
    return -(_logp(scores, bins, cuts) + math.log(len(cuts) + 1)).mean()


@right("7.3", "logsigmoid of both sides and log(1 - e^-gap), double precision")
def _(scores, bins, cuts):
    c = cuts.double()
    r = scores.double()
    k = len(c)
    parts = []
    for score, bin_ in zip(r, bins.tolist()):
        logp = torch.zeros((), dtype=torch.float64)
        if bin_ < k:
            logp = logp + F.logsigmoid(c[bin_] - score)
        if bin_ > 0:
            logp = logp + F.logsigmoid(score - c[bin_ - 1])
        if 0 < bin_ < k:
            logp = logp + torch.log(-torch.expm1(c[bin_ - 1] - c[bin_]))
        parts.append(-logp)
    return torch.stack(parts).mean().to(scores.dtype)


@right("7.3", "log-probability of all bins as a table, then gather")
def _(scores, bins, cuts):
    c, r = cuts.double(), scores.double()
    zero = torch.zeros(len(r), 1, dtype=torch.float64)
    below = torch.cat([F.logsigmoid(c - r[:, None]), zero], 1)
    above = torch.cat([zero, F.logsigmoid(r[:, None] - c)], 1)
    gap = torch.log1p(-torch.exp(c[:-1] - c[1:]))
    end = torch.zeros(1, dtype=torch.float64)
    table = below + above + (torch.cat([end, gap, end]) if len(c) > 1 else 0.0)
    return F.nll_loss(table, bins.long()).to(scores.dtype)


@right("7.3", "e^b - e^a over (1 + e^b)(1 + e^a) in logs, softplus")
def _(scores, bins, cuts):
    c, r, k = cuts.double(), scores.double(), len(cuts)
    first, last = bins == 0, bins == k
    inner = ~(first | last)
    total = F.softplus(r[first] - c[0]).sum() + F.softplus(c[-1] - r[last]).sum()
    low, high = c[bins[inner] - 1], c[bins[inner]]
    s = r[inner]
    total = total + (F.softplus(high - s) + F.softplus(low - s)).sum()
    total = total - (high - s + torch.log(-torch.expm1(low - high))).sum()
    return (total / len(r)).to(scores.dtype)


# ------------------------------------------------- 7.4 expected_calibration_error


def _bin_of(p, bins):
    edges = torch.tensor([i / bins for i in range(1, bins)], dtype=p.dtype)
    return torch.bucketize(p.contiguous(), edges, right=True)


def _ece(p, y, which, bins, gap=abs, weigh=lambda size, n: size / n):
    total = 0.0
    for i in range(bins):
        inside = which == i
        size = int(inside.sum())
        if size:
            here = gap(float(p[inside].double().mean() - y[inside].double().mean()))
            total += weigh(size, len(p)) * here
    return float(total)


@wrong("7.4", "mean over the bins that hold something, not weighted by size")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins)
    filled = len(which.unique())
    return _ece(probabilities, outcomes, which, bins, weigh=lambda s, n: 1 / filled)


@wrong("7.4", "mean over all bins, also the empty ones")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins)
    return _ece(probabilities, outcomes, which, bins, weigh=lambda s, n: 1 / bins)


@wrong("7.4", "sum of the gaps")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins)
    return _ece(probabilities, outcomes, which, bins, weigh=lambda s, n: 1)


@wrong("7.4", "gaps times sizes, not divided by n")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins)
    return _ece(probabilities, outcomes, which, bins, weigh=lambda s, n: s)


@wrong("7.4", "signed gaps, which cancel")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins)
    return _ece(probabilities, outcomes, which, bins, gap=lambda g: g)


@wrong("7.4", "squared gaps")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins)
    return _ece(probabilities, outcomes, which, bins, gap=lambda g: g * g)


@wrong("7.4", "root of the mean squared gap")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins)
    return math.sqrt(_ece(probabilities, outcomes, which, bins, gap=lambda g: g * g))


@wrong("7.4", "overconfidence only: gaps below 0 dropped")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins)
    return _ece(probabilities, outcomes, which, bins, gap=lambda g: max(g, 0.0))


@wrong("7.4", "largest gap")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins)
    gaps = [
        abs(float((probabilities[which == i] - outcomes[which == i]).double().mean()))
        for i in range(bins)
        if (which == i).any()
    ]
    return max(gaps)


@wrong("7.4", "always 10 bins")
def _(probabilities, outcomes, bins=10):
    return _ece(probabilities, outcomes, _bin_of(probabilities, 10), 10)


@wrong("7.4", "bins closed on the right, as in many papers")
def _(probabilities, outcomes, bins=10):
    edges = torch.tensor([i / bins for i in range(1, bins)], dtype=probabilities.dtype)
    which = torch.bucketize(probabilities, edges, right=False)
    return _ece(probabilities, outcomes, which, bins)


@wrong("7.4", "p = 1 belongs to no bin")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins).masked_fill(probabilities == 1, bins)
    return _ece(probabilities, outcomes, which, bins)


@wrong("7.4", "p = 1 gets a bin of its own")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins).masked_fill(probabilities == 1, bins)
    return _ece(probabilities, outcomes, which, bins + 1)


@wrong("7.4", "rounded to the next bin")
def _(probabilities, outcomes, bins=10):
    which = (probabilities * bins).round().long()
    return _ece(probabilities, outcomes, which, bins + 1)


@wrong("7.4", "bins - 1 bins: bin is floor of p · (bins - 1)")
def _(probabilities, outcomes, bins=10):
    which = (probabilities * (bins - 1)).floor().long()
    return _ece(probabilities, outcomes, which, bins)


@wrong("7.4", "one bin too many")
def _(probabilities, outcomes, bins=10):
    return _ece(probabilities, outcomes, _bin_of(probabilities, bins + 1), bins + 1)


@wrong("7.4", "bins between the smallest and the largest prediction")
def _(probabilities, outcomes, bins=10):
    low, high = probabilities.min(), probabilities.max()
    share = (probabilities - low) / (high - low).clamp_min(1e-12)
    return _ece(
        probabilities, outcomes, (share * bins).long().clamp(max=bins - 1), bins
    )


@wrong("7.4", "bins of equal size")
def _(probabilities, outcomes, bins=10):
    rank = probabilities.argsort().argsort()
    return _ece(probabilities, outcomes, rank * bins // len(rank), bins)


@wrong("7.4", "middle of the bin in place of the mean prediction")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins)
    return _ece((which + 0.5) / bins, outcomes, which, bins)


@wrong("7.4", "mean of |p - y| of each prediction")
def _(probabilities, outcomes, bins=10):
    return float((probabilities - outcomes).abs().mean())


@wrong("7.4", "Brier score")
def _(probabilities, outcomes, bins=10):
    return float((probabilities - outcomes).square().mean())


@wrong("7.4", "one gap for all: |mean p - mean y|")
def _(probabilities, outcomes, bins=10):
    return abs(float(probabilities.double().mean() - outcomes.double().mean()))


@wrong("7.4", "confidence and accuracy of the decision p >= 0.5")
def _(probabilities, outcomes, bins=10):
    confidence = torch.maximum(probabilities, 1 - probabilities)
    correct = (probabilities >= 0.5) == (outcomes > 0.5)
    return _ece(confidence, correct, _bin_of(confidence, bins), bins)


@wrong("7.4", "NaN for empty bins")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins)
    total = 0.0
    for i in range(bins):
        inside = which == i
        gap = (
            probabilities[inside].mean()
            - outcomes[inside].to(probabilities.dtype).mean()
        )
        total = total + inside.double().mean() * gap.abs()
    return float(total)


@wrong("7.4", "outcomes as 1 - y")
def _(probabilities, outcomes, bins=10):
    return _ece(probabilities, 1 - outcomes, _bin_of(probabilities, bins), bins)


@wrong("7.4", "in percent")
def _(probabilities, outcomes, bins=10):
    return 100 * _ece(probabilities, outcomes, _bin_of(probabilities, bins), bins)


@wrong("7.4", "the first bin is skipped: range(1, bins)")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins)
    return _ece(probabilities, outcomes, which - 1, bins - 1)


@right("7.4", "bincount of the differences, absolute value, over n")
def _(probabilities, outcomes, bins=10):
    which = _bin_of(probabilities, bins)
    gap = probabilities.double() - outcomes.double()
    return float(
        torch.bincount(which, weights=gap, minlength=bins).abs().sum() / len(gap)
    )


@right("7.4", "one comparison of all predictions with all edges")
def _(probabilities, outcomes, bins=10):
    edges = torch.tensor([i / bins for i in range(bins)], dtype=probabilities.dtype)
    reached = (probabilities[:, None] >= edges).sum(1) - 1
    member = F.one_hot(reached, bins).double()
    size = member.sum(0).clamp_min(1)
    gap = (
        probabilities.double() @ member / size - outcomes.double() @ member / size
    ).abs()
    return (member @ gap).mean().item()


@right("7.4", "python's dictionary of lists")
def _(probabilities, outcomes, bins=10):
    edges = torch.tensor(
        [i / bins for i in range(1, bins)], dtype=probabilities.dtype
    ).tolist()
    groups = {}
    for p, y in zip(probabilities.tolist(), outcomes.tolist()):
        groups.setdefault(bisect.bisect_right(edges, p), []).append((p, float(y)))
    total = 0.0
    for group in groups.values():
        p, y = map(math.fsum, zip(*group))
        total += len(group) * abs(p / len(group) - y / len(group))
    return total / len(probabilities)


# ---------------------------------------------------------------- 8.2 best_of_n_kl

wrong("8.2", "log n only")(lambda n: math.log(n))
wrong("8.2", "log n - 1, right only for many candidates")(lambda n: math.log(n) - 1)
wrong("8.2", "log n - (n - 1): not divided by n")(lambda n: math.log(n) - (n - 1))
wrong("8.2", "brackets: log n - n - 1/n")(lambda n: math.log(n) - n - 1 / n)
wrong("8.2", "brackets: n - 1 / n taken off")(lambda n: math.log(n) - (n - 1 / n))
wrong("8.2", "log n - 1/n")(lambda n: math.log(n) - 1 / n)
wrong("8.2", "plus (n - 1) / n")(lambda n: math.log(n) + (n - 1) / n)
wrong("8.2", "integer division")(lambda n: math.log(n) - (n - 1) // n)
wrong("8.2", "in bits: log2 n")(lambda n: math.log2(n) - (n - 1) / n)
wrong("8.2", "all in bits")(lambda n: (math.log(n) - (n - 1) / n) / math.log(2))
wrong("8.2", "log10")(lambda n: math.log10(n) - (n - 1) / n)
wrong("8.2", "KL the other way round: writer to best-of-n")(
    lambda n: n - 1 - math.log(n)
)
wrong("8.2", "sign turned")(lambda n: (n - 1) / n - math.log(n))
wrong("8.2", "n / (n + 1) taken off: the mean of the best")(
    lambda n: math.log(n) - n / (n + 1)
)
wrong("8.2", "log(n + 1)")(lambda n: math.log1p(n) - (n - 1) / n)
wrong("8.2", "(n - 1) / n only")(lambda n: (n - 1) / n)
wrong("8.2", "mean log without the density: ∫ log(n u^(n-1)) du")(
    lambda n: math.log(n) - (n - 1)
)
wrong("8.2", "(n - 1)² / n taken off: n - 1 once too often")(
    lambda n: math.log(n) - (n - 1) ** 2 / n
)
wrong("8.2", "harmonic number in place of the log")(
    lambda n: sum(1 / k for k in range(1, n + 1)) - (n - 1) / n
)
wrong("8.2", "0 for n = 2 by a wrong guard n <= 2")(
    lambda n: 0.0 if n <= 2 else math.log(n) - (n - 1) / n
)
wrong("8.2", "divided by n - 1: fails for n = 1")(
    lambda n: math.log(n) - 1 / (n / (n - 1))
)
wrong("8.2", "rounded to two decimals")(lambda n: round(math.log(n) - (n - 1) / n, 2))
wrong("8.2", "entropy of the choice, n candidates of the same chance")(
    lambda n: -sum(1 / n * math.log(1 / n) for _ in range(n))
)


@wrong("8.2", "coarse sum over 20 points of u")
def _(n):
    u = [(i + 0.5) / 20 for i in range(20)]
    return sum(n * v ** (n - 1) * math.log(n * v ** (n - 1)) for v in u) / 20


@wrong("8.2", "samples at random")
def _(n):
    u = torch.rand(1000, generator=torch.Generator().manual_seed(0)) ** (1 / n)
    return (math.log(n) + (n - 1) * u.log()).mean().item()


right("8.2", "log n + 1/n - 1")(lambda n: math.log(n) + 1 / n - 1)


@right("8.2", "minus the entropy of a beta distribution")
def _(n):
    one = torch.tensor(1.0, dtype=torch.float64)
    return -torch.distributions.Beta(one * n, one).entropy().item()


@right("8.2", "-log(1 - x) - x with x = (n - 1) / n")
def _(n):
    x = (n - 1) / n
    return -math.log1p(-x) - x


@right("8.2", "exact fraction")
def _(n):
    return float(math.log(n) - Fraction(n - 1, n))


# ---------------------------------------------------------------- 8.3 pool_estimate


def _weights(total, n, dtype=torch.float64):
    every = math.comb(total, n)
    return torch.tensor(
        [math.comb(i - 1, n - 1) / every for i in range(1, total + 1)], dtype=dtype
    )


def _by_proxy(proxy, gold, descending=False):
    return gold.gather(-1, proxy.argsort(-1, descending=descending))


wrong("8.3", "sorted best first")(
    lambda proxy, gold, n: (
        _by_proxy(proxy, gold, True) * _weights(proxy.shape[-1], n, gold.dtype)
    ).sum(-1)
)
wrong("8.3", "sorted by gold")(
    lambda proxy, gold, n: (
        gold.sort(-1).values * _weights(proxy.shape[-1], n, gold.dtype)
    ).sum(-1)
)
wrong("8.3", "not sorted")(
    lambda proxy, gold, n: (gold * _weights(proxy.shape[-1], n, gold.dtype)).sum(-1)
)
wrong("8.3", "expected proxy, not gold")(
    lambda proxy, gold, n: (
        proxy.sort(-1).values * _weights(proxy.shape[-1], n, gold.dtype)
    ).sum(-1)
)
wrong("8.3", "gold of the best proxy of the whole pool")(
    lambda proxy, gold, n: gold.gather(-1, proxy.argmax(-1, keepdim=True)).squeeze(-1)
)
wrong("8.3", "mean gold of the n best by proxy")(
    lambda proxy, gold, n: gold.gather(-1, proxy.topk(n, -1).indices).mean(-1)
)
wrong("8.3", "mean gold of the pool: a choice without the proxy")(
    lambda proxy, gold, n: gold.mean(-1)
)
wrong("8.3", "best of the first n only")(
    lambda proxy, gold, n: gold.gather(
        -1, proxy[..., :n].argmax(-1, keepdim=True)
    ).squeeze(-1)
)
wrong("8.3", "largest gold")(lambda proxy, gold, n: gold.amax(-1))


@wrong("8.3", "drawn with replacement: (i/N)^n - ((i - 1)/N)^n")
def _(proxy, gold, n):
    share = torch.arange(proxy.shape[-1] + 1, dtype=gold.dtype) / proxy.shape[-1]
    return (_by_proxy(proxy, gold) * (share**n).diff()).sum(-1)


@wrong("8.3", "i counted from 0 and 1 taken off once more")
def _(proxy, gold, n):
    total = proxy.shape[-1]
    w = [math.comb(max(i - 1, 0), n - 1) / math.comb(total, n) for i in range(total)]
    return (_by_proxy(proxy, gold) * torch.tensor(w, dtype=gold.dtype)).sum(-1)


@wrong("8.3", "comb(i, n - 1): the weights do not sum to 1")
def _(proxy, gold, n):
    total = proxy.shape[-1]
    w = [math.comb(i, n - 1) / math.comb(total, n) for i in range(1, total + 1)]
    return (_by_proxy(proxy, gold) * torch.tensor(w, dtype=gold.dtype)).sum(-1)


@wrong("8.3", "comb(i - 1, n): the weights do not sum to 1")
def _(proxy, gold, n):
    total = proxy.shape[-1]
    w = [math.comb(i - 1, n) / math.comb(total, n) for i in range(1, total + 1)]
    return (_by_proxy(proxy, gold) * torch.tensor(w, dtype=gold.dtype)).sum(-1)


@wrong("8.3", "comb(N, n - 1) below")
def _(proxy, gold, n):
    total = proxy.shape[-1]
    w = [math.comb(i - 1, n - 1) / math.comb(total, n - 1) for i in range(1, total + 1)]
    return (_by_proxy(proxy, gold) * torch.tensor(w, dtype=gold.dtype)).sum(-1)


@wrong("8.3", "divided by N in place of the number of draws")
def _(proxy, gold, n):
    total = proxy.shape[-1]
    w = [math.comb(i - 1, n - 1) / total for i in range(1, total + 1)]
    return (_by_proxy(proxy, gold) * torch.tensor(w, dtype=gold.dtype)).sum(-1)


@wrong("8.3", "mean of the products, not the sum")
def _(proxy, gold, n):
    return (_by_proxy(proxy, gold) * _weights(proxy.shape[-1], n, gold.dtype)).mean(-1)


@wrong("8.3", "permutations for combinations above")
def _(proxy, gold, n):
    total = proxy.shape[-1]
    w = [math.perm(i - 1, n - 1) / math.comb(total, n) for i in range(1, total + 1)]
    return (_by_proxy(proxy, gold) * torch.tensor(w, dtype=gold.dtype)).sum(-1)


@wrong("8.3", "sorted along the first dimension")
def _(proxy, gold, n):
    total = proxy.shape[0]
    w = _weights(total, min(n, total), gold.dtype)
    sorted_gold = gold.gather(0, proxy.argsort(0))
    return torch.tensordot(w, sorted_gold, dims=1)


@wrong("8.3", "N read from the first dimension")
def _(proxy, gold, n):
    return (_by_proxy(proxy, gold) * _weights(len(proxy), n, gold.dtype)).sum(-1)


@wrong("8.3", "order of the first row for every row")
def _(proxy, gold, n):
    order = proxy.reshape(-1, proxy.shape[-1])[0].argsort()
    return (gold[..., order] * _weights(proxy.shape[-1], n, gold.dtype)).sum(-1)


@wrong("8.3", "sum over all prompts")
def _(proxy, gold, n):
    return (_by_proxy(proxy, gold) * _weights(proxy.shape[-1], n, gold.dtype)).sum()


@wrong("8.3", "scatter with the order in place of gather")
def _(proxy, gold, n):
    order = proxy.argsort(-1)
    placed = torch.zeros_like(gold).scatter(-1, order, gold)
    return (placed * _weights(proxy.shape[-1], n, gold.dtype)).sum(-1)


@wrong("8.3", "Monte Carlo with 200 draws")
def _(proxy, gold, n):
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros_like(gold[..., 0])
    for _ in range(200):
        drawn = torch.randperm(proxy.shape[-1], generator=generator)[:n]
        best = proxy[..., drawn].argmax(-1, keepdim=True)
        total = total + gold[..., drawn].gather(-1, best).squeeze(-1)
    return total / 200


@wrong("8.3", "neighbours in groups of n only")
def _(proxy, gold, n):
    whole = proxy.shape[-1] // n * n
    p = proxy[..., :whole].unflatten(-1, (-1, n))
    g = gold[..., :whole].unflatten(-1, (-1, n))
    return g.gather(-1, p.argmax(-1, keepdim=True)).squeeze(-1).mean(-1)


@wrong("8.3", "shape keeps a last dimension of 1")
def _(proxy, gold, n):
    return _by_proxy(proxy, gold) @ _weights(proxy.shape[-1], n, gold.dtype)[:, None]


@wrong("8.3", "sorts the caller's proxy in place")
def _(proxy, gold, n):
    order = proxy.argsort(-1)
    proxy.copy_(proxy.sort(-1).values)
    return (gold.gather(-1, order) * _weights(proxy.shape[-1], n, gold.dtype)).sum(-1)


@wrong("8.3", "n off by one: n - 1 drawn")
def _(proxy, gold, n):
    return (
        _by_proxy(proxy, gold) * _weights(proxy.shape[-1], max(n - 1, 1), gold.dtype)
    ).sum(-1)


@right("8.3", "weights from the best one down, no binomials")
def _(proxy, gold, n):
    total = proxy.shape[-1]
    order = proxy.argsort(-1, descending=True)
    weight, result = n / total, 0.0
    for place, i in enumerate(range(total, n - 1, -1)):
        column = gold.gather(-1, order[..., place : place + 1]).squeeze(-1)
        result = result + weight * column.double()
        if i > 1:
            weight *= (i - n) / (i - 1)
    return result.to(gold.dtype if gold.is_floating_point() else torch.float32)


@right("8.3", "rank by counting smaller ones, exact fractions, no sorting")
def _(proxy, gold, n):
    total = proxy.shape[-1]
    below = (proxy[..., None, :] < proxy[..., :, None]).sum(-1)
    table = torch.tensor(
        [
            float(Fraction(math.comb(i, n - 1), math.comb(total, n)))
            for i in range(total)
        ],
        dtype=torch.float64,
    )
    value = torch.einsum("...i,...i->...", table[below], gold.double())
    return value.to(gold.dtype if gold.is_floating_point() else torch.float32)


@right("8.3", "chance that the best is among the i worst, differences, by lgamma")
def _(proxy, gold, n):
    total = proxy.shape[-1]
    i = torch.arange(total + 1, dtype=torch.float64)
    log = torch.lgamma(i + 1) - torch.lgamma((i - n).clamp_min(0) + 1)
    log = log - (math.lgamma(total + 1) - math.lgamma(total - n + 1))
    chance = torch.where(i >= n, log.exp(), torch.zeros_like(log))
    ordered = torch.take_along_dim(gold.double(), proxy.argsort(dim=-1), dim=-1)
    value = ordered @ chance.diff()
    return value.to(gold.dtype if gold.is_floating_point() else torch.float32)


# ---------------------------------------------------------------- 9.2 reinforce_loss


def _wide(advantages):
    return advantages.unsqueeze(1) if advantages.dim() == 1 else advantages


def _terms(logprobs, advantages, mask):
    product = _wide(advantages.detach()) * logprobs
    return torch.where(mask > 0, product, torch.zeros_like(product))


wrong("9.2", "minus forgotten")(
    lambda logprobs, advantages, mask: (
        _terms(logprobs, advantages, mask).sum() / mask.sum()
    )
)
wrong("9.2", "advantages not detached")(
    lambda logprobs, advantages, mask: (
        -(_wide(advantages) * logprobs * mask).sum() / mask.sum()
    )
)
wrong("9.2", "detaches the log-probabilities instead")(
    lambda logprobs, advantages, mask: (
        -(_wide(advantages) * logprobs.detach() * mask).sum() / mask.sum()
    )
)
wrong("9.2", "nothing has a gradient")(
    lambda logprobs, advantages, mask: (
        -_terms(logprobs, advantages, mask).sum() / mask.sum()
    ).detach()
)
wrong("9.2", "mean over all positions, padding counted below")(
    lambda logprobs, advantages, mask: -_terms(logprobs, advantages, mask).mean()
)
wrong("9.2", "mean over the completions of their means")(
    lambda logprobs, advantages, mask: (
        -(_terms(logprobs, advantages, mask).sum(1) / mask.sum(1)).mean()
    )
)
wrong("9.2", "divided by the number of completions")(
    lambda logprobs, advantages, mask: (
        -_terms(logprobs, advantages, mask).sum() / logprobs.shape[0]
    )
)
wrong("9.2", "sum over the tokens")(
    lambda logprobs, advantages, mask: -_terms(logprobs, advantages, mask).sum()
)
wrong("9.2", "mask forgotten")(
    lambda logprobs, advantages, mask: -(_wide(advantages.detach()) * logprobs).mean()
)
wrong("9.2", "mask forgotten in the sum, used in the count")(
    lambda logprobs, advantages, mask: (
        -(_wide(advantages.detach()) * logprobs).sum() / mask.sum()
    )
)
wrong("9.2", "advantages (batch,) laid along time")(
    lambda logprobs, advantages, mask: (
        -(advantages.detach() * logprobs * mask).sum() / mask.sum()
    )
)
wrong("9.2", "takes (batch,) for granted: unsqueeze for (batch, time), too")(
    lambda logprobs, advantages, mask: (
        -(advantages.detach().unsqueeze(1) * logprobs * mask).sum() / mask.sum()
    )
)
wrong("9.2", "of (batch, time) only the first column")(
    lambda logprobs, advantages, mask: (
        -(advantages.detach().reshape(len(logprobs), -1)[:, :1] * logprobs * mask).sum()
        / mask.sum()
    )
)
wrong("9.2", "probabilities for log-probabilities")(
    lambda logprobs, advantages, mask: (
        -_terms(logprobs.exp(), advantages, mask).sum() / mask.sum()
    )
)
wrong("9.2", "right gradient, wrong value: ratio exp(logp - logp) as in PPO")(
    lambda logprobs, advantages, mask: (
        -_terms((logprobs - logprobs.detach()).exp(), advantages, mask).sum()
        / mask.sum()
    )
)
wrong("9.2", "negative advantages are dropped")(
    lambda logprobs, advantages, mask: (
        -_terms(logprobs, advantages.clamp_min(0), mask).sum() / mask.sum()
    )
)
wrong("9.2", "absolute advantages")(
    lambda logprobs, advantages, mask: (
        -_terms(logprobs, advantages.abs(), mask).sum() / mask.sum()
    )
)
wrong("9.2", "advantages are centred here as well")(
    lambda logprobs, advantages, mask: (
        -_terms(logprobs, advantages - advantages.mean(), mask).sum() / mask.sum()
    )
)
wrong("9.2", "advantages are normalised here as well")(
    lambda logprobs, advantages, mask: (
        -_terms(
            logprobs, (advantages - advantages.mean()) / (advantages.std() + 1e-8), mask
        ).sum()
        / mask.sum()
    )
)
wrong("9.2", "mean advantage times mean log-probability")(
    lambda logprobs, advantages, mask: (
        -advantages.detach().mean() * (logprobs * mask).sum() / mask.sum()
    )
)
wrong("9.2", "advantages left out")(
    lambda logprobs, advantages, mask: -(logprobs * mask).sum() / mask.sum()
)
wrong("9.2", "padding taken, completion left out")(
    lambda logprobs, advantages, mask: (
        -_terms(logprobs, advantages, 1 - mask.long()).sum() / (1 - mask.long()).sum()
    )
)
wrong("9.2", "first token of every completion left out")(
    lambda logprobs, advantages, mask: (
        -_terms(logprobs, advantages, mask)[:, 1:].sum() / mask[:, 1:].sum()
    )
)
wrong("9.2", "last token of every completion left out: mask shifted")(
    lambda logprobs, advantages, mask: (
        -(_terms(logprobs, advantages, mask)[:, :-1] * mask[:, 1:]).sum()
        / mask[:, 1:].sum()
    )
)
wrong("9.2", "one loss for each completion")(
    lambda logprobs, advantages, mask: (
        -_terms(logprobs, advantages, mask).sum(1) / mask.sum(1)
    )
)
wrong("9.2", "divided by count + 1")(
    lambda logprobs, advantages, mask: (
        -_terms(logprobs, advantages, mask).sum() / (mask.sum() + 1)
    )
)
wrong("9.2", "divided by the sum of the absolute advantages")(
    lambda logprobs, advantages, mask: (
        -_terms(logprobs, advantages, mask).sum()
        / (_wide(advantages.detach()).abs() * mask).sum()
    )
)


@wrong("9.2", "divides the caller's advantages in place")
def _(logprobs, advantages, mask):
    with torch.no_grad():
        advantages /= mask.sum()
    return -_terms(logprobs, advantages, mask).sum()


@wrong("9.2", "item(): a number without a gradient")
def _(logprobs, advantages, mask):
    return torch.tensor((-_terms(logprobs, advantages, mask).sum() / mask.sum()).item())


@right("9.2", "loop over the completions, double precision")
def _(logprobs, advantages, mask):
    total, count = 0.0, 0
    for logp, advantage, real in zip(logprobs, advantages.detach(), mask > 0):
        advantage = advantage.double().expand(logp.shape)
        total = total - (advantage[real] * logp.double()[real]).sum()
        count += int(real.sum())
    return (total / count).to(logprobs.dtype)


@right("9.2", "boolean index and a dot product")
def _(logprobs, advantages, mask):
    with torch.no_grad():
        if advantages.dim() == 1:
            advantages = advantages[:, None].expand_as(logprobs)
        chosen = mask.bool()
        coefficients = -advantages[chosen].to(logprobs.dtype) / chosen.sum()
    return torch.dot(coefficients, logprobs[chosen])


@right("9.2", "weighted by einsum, mask filled first")
def _(logprobs, advantages, mask):
    real = mask != 0
    logp = logprobs.masked_fill(~real, 0.0)
    fixed = advantages.detach().to(logp.dtype)
    form = "b,bt->" if fixed.ndim == 1 else "bt,bt->"
    if fixed.ndim == 2:
        fixed = fixed.masked_fill(~real, 0.0)
    return torch.einsum(form, fixed, logp).neg() / real.sum()


# ------------------------------------------------- 9.3 leave_one_out_baseline


def _groups(rewards, group_size):
    return rewards.reshape(-1, group_size)


wrong("9.3", "the sample itself counts: mean of the group")(
    lambda rewards, group_size: (
        _groups(rewards, group_size)
        .mean(1, keepdim=True)
        .expand(-1, group_size)
        .reshape(-1)
    )
)
wrong("9.3", "sum of the others over the size of the whole group")(
    lambda rewards, group_size: (
        (
            _groups(rewards, group_size).sum(1, keepdim=True)
            - _groups(rewards, group_size)
        )
        / group_size
    ).flatten()
)
wrong("9.3", "sum of the others, no mean")(
    lambda rewards, group_size: (
        _groups(rewards, group_size).sum(1, keepdim=True) - _groups(rewards, group_size)
    ).flatten()
)
wrong("9.3", "others of the whole batch, groups ignored")(
    lambda rewards, group_size: (rewards.sum() - rewards) / (len(rewards) - 1)
)
wrong("9.3", "mean of the whole batch")(
    lambda rewards, group_size: rewards.mean().expand_as(rewards)
)
wrong("9.3", "groups read as interleaved: view(group_size, -1), mean over dimension 0")(
    lambda rewards, group_size: (
        (rewards.view(group_size, -1).sum(0) - rewards.view(group_size, -1))
        / (group_size - 1)
    ).flatten()
)
wrong("9.3", "sums over the wrong dimension: over the prompts")(
    lambda rewards, group_size: (
        (_groups(rewards, group_size).sum(0) - _groups(rewards, group_size))
        / (group_size - 1)
    ).flatten()
)
wrong("9.3", "the advantage, not the baseline")(
    lambda rewards, group_size: (
        rewards
        - (
            (
                _groups(rewards, group_size).sum(1, keepdim=True)
                - _groups(rewards, group_size)
            )
            / (group_size - 1)
        ).flatten()
    )
)
wrong("9.3", "shape (prompts, group_size)")(
    lambda rewards, group_size: (
        (
            _groups(rewards, group_size).sum(1, keepdim=True)
            - _groups(rewards, group_size)
        )
        / (group_size - 1)
    )
)
wrong("9.3", "one number for each prompt")(
    lambda rewards, group_size: _groups(rewards, group_size).mean(1)
)
wrong("9.3", "brackets: sum - r / (k - 1)")(
    lambda rewards, group_size: (
        _groups(rewards, group_size).sum(1, keepdim=True)
        - _groups(rewards, group_size) / (group_size - 1)
    ).flatten()
)
wrong("9.3", "mean minus r, over k - 1")(
    lambda rewards, group_size: (
        (
            _groups(rewards, group_size).mean(1, keepdim=True)
            - _groups(rewards, group_size)
        )
        / (group_size - 1)
    ).flatten()
)
wrong("9.3", "sum of the group, its own reward too, over k - 1")(
    lambda rewards, group_size: (
        (_groups(rewards, group_size).sum(1, keepdim=True) / (group_size - 1))
        .expand(-1, group_size)
        .flatten()
    )
)
wrong("9.3", "means repeated as a whole, not each for its group")(
    lambda rewards, group_size: (
        (_groups(rewards, group_size).sum(1).repeat(group_size) - rewards)
        / (group_size - 1)
    )
)
wrong("9.3", "transposed before it is made flat")(
    lambda rewards, group_size: (
        (
            _groups(rewards, group_size).sum(1, keepdim=True)
            - _groups(rewards, group_size)
        )
        / (group_size - 1)
    ).T.flatten()
)
wrong("9.3", "sign turned")(
    lambda rewards, group_size: (
        (
            _groups(rewards, group_size)
            - _groups(rewards, group_size).sum(1, keepdim=True)
        )
        / (group_size - 1)
    ).flatten()
)
wrong("9.3", "rows and group size mixed up: number of prompts - 1 below")(
    lambda rewards, group_size: (
        (
            _groups(rewards, group_size).sum(1, keepdim=True)
            - _groups(rewards, group_size)
        )
        / max(len(rewards) // group_size - 1, 1)
    ).flatten()
)
wrong("9.3", "the next sample of the group only")(
    lambda rewards, group_size: _groups(rewards, group_size).roll(-1, 1).flatten()
)
wrong("9.3", "median of the group")(
    lambda rewards, group_size: (
        _groups(rewards, group_size).median(1).values.repeat_interleave(group_size)
    )
)
wrong("9.3", "group size fixed at 4")(
    lambda rewards, group_size: (
        (_groups(rewards, 4).sum(1, keepdim=True) - _groups(rewards, 4)) / 3
    ).flatten()
)
wrong("9.3", "floor division")(
    lambda rewards, group_size: (
        (
            _groups(rewards, group_size).sum(1, keepdim=True)
            - _groups(rewards, group_size)
        )
        // (group_size - 1)
    ).flatten()
)


@wrong("9.3", "best of the others, not their mean")
def _(rewards, group_size):
    g = _groups(rewards, group_size)
    own = torch.eye(group_size, dtype=torch.bool)
    return g[:, None, :].masked_fill(own, -INF).amax(-1).flatten()


@wrong("9.3", "own reward set to 0 and the mean over all k")
def _(rewards, group_size):
    g = _groups(rewards, group_size)
    return (
        (g[:, None, :] * (1 - torch.eye(group_size, dtype=g.dtype))).mean(-1).flatten()
    )


@wrong("9.3", "only earlier samples of the prompt")
def _(rewards, group_size):
    g = _groups(rewards, group_size)
    before = g.cumsum(1) - g
    return (before / torch.arange(group_size).clamp_min(1)).flatten()


@wrong("9.3", "the other prompts' mean, not the other samples'")
def _(rewards, group_size):
    own = _groups(rewards, group_size).sum(1).repeat_interleave(group_size)
    return (rewards.sum() - own) / max(len(rewards) - group_size, 1)


@wrong("9.3", "leaves out all samples with the same reward")
def _(rewards, group_size):
    out = []
    for g in _groups(rewards, group_size):
        for r in g:
            others = g[g != r]
            out.append(others.mean() if len(others) else r)
    return torch.stack(out)


@wrong("9.3", "right numbers, written into the caller's rewards")
def _(rewards, group_size):
    g = _groups(rewards, group_size)
    rewards.copy_(((g.sum(1, keepdim=True) - g) / (group_size - 1)).flatten())
    return rewards


@right("9.3", "python loops")
def _(rewards, group_size):
    values = rewards.double().tolist()
    out = []
    for i in range(len(values)):
        start = i - i % group_size
        others = [values[j] for j in range(start, start + group_size) if j != i]
        out.append(math.fsum(others) / len(others))
    return torch.tensor(
        out, dtype=rewards.dtype if rewards.is_floating_point() else torch.float32
    )


@right("9.3", "a matrix with zeros on the diagonal, for each prompt")
def _(rewards, group_size):
    dtype = rewards.dtype if rewards.is_floating_point() else torch.float32
    other = (1 - torch.eye(group_size, dtype=torch.float64)) / (group_size - 1)
    return (rewards.double().view(-1, group_size) @ other).view(-1).to(dtype)


@right("9.3", "mean plus (mean - r) / (k - 1)")
def _(rewards, group_size):
    dtype = rewards.dtype if rewards.is_floating_point() else torch.float32
    g = rewards.double().unflatten(0, (-1, group_size))
    mean = g.mean(dim=1, keepdim=True)
    return (mean + (mean - g) / (group_size - 1)).flatten().to(dtype)


@right("9.3", "rolls the group k - 1 times")
def _(rewards, group_size):
    dtype = rewards.dtype if rewards.is_floating_point() else torch.float32
    g = rewards.to(dtype).reshape(-1, group_size)
    rolled = torch.stack([g.roll(s, dims=1) for s in range(1, group_size)])
    return rolled.mean(0).reshape(-1)


# ---------------------------------------------------------------- 9.4 bellman_backup

wrong("9.4", "the best action: max in place of the policy's mean")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        rewards + gamma * next_values
    ).amax(-1)
)
wrong("9.4", "the likeliest action only")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        (rewards + gamma * next_values)
        .gather(1, action_probs.argmax(1, keepdim=True))
        .squeeze(1)
    )
)
wrong("9.4", "all actions alike: mean")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        rewards + gamma * next_values
    ).mean(-1)
)
wrong("9.4", "policy left out: sum")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        rewards + gamma * next_values
    ).sum(-1)
)
wrong("9.4", "mean of the weighted values, not the sum")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * (rewards + gamma * next_values)
    ).mean(-1)
)
wrong("9.4", "sum over the states")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * (rewards + gamma * next_values)
    ).sum(0)
)
wrong("9.4", "sum over everything")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * (rewards + gamma * next_values)
    ).sum()
)
wrong("9.4", "no sum: (states, actions)")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * (rewards + gamma * next_values)
    )
)
wrong("9.4", "shape (states, 1)")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * (rewards + gamma * next_values)
    ).sum(-1, keepdim=True)
)
wrong("9.4", "gamma forgotten")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * (rewards + next_values)
    ).sum(-1)
)
wrong("9.4", "gamma always 0.99")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * (rewards + 0.99 * next_values)
    ).sum(-1)
)
wrong("9.4", "gamma discounts the reward, too")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        gamma * (action_probs * (rewards + next_values)).sum(-1)
    )
)
wrong("9.4", "gamma on the reward in place of the next value")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * (gamma * rewards + next_values)
    ).sum(-1)
)
wrong("9.4", "gamma squared")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * (rewards + gamma**2 * next_values)
    ).sum(-1)
)
wrong("9.4", "1 - gamma")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * (rewards + (1 - gamma) * next_values)
    ).sum(-1)
)
wrong("9.4", "moving mean: (1 - gamma) r + gamma V")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * ((1 - gamma) * rewards + gamma * next_values)
    ).sum(-1)
)
wrong("9.4", "bracket missing: next values are not weighted by the policy")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * rewards + gamma * next_values
    ).sum(-1)
)
wrong("9.4", "rewards are not weighted by the policy")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        rewards + action_probs * gamma * next_values
    ).sum(-1)
)
wrong("9.4", "minus the next value")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * (rewards - gamma * next_values)
    ).sum(-1)
)
wrong("9.4", "softmax of probabilities")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs.softmax(-1) * (rewards + gamma * next_values)
    ).sum(-1)
)
wrong("9.4", "log of the probabilities")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs.clamp_min(1e-12).log() * (rewards + gamma * next_values)
    ).sum(-1)
)
wrong("9.4", "next values left out")(
    lambda action_probs, rewards, next_values, gamma=1.0: (action_probs * rewards).sum(
        -1
    )
)
wrong("9.4", "rewards left out")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        gamma * (action_probs * next_values).sum(-1)
    )
)
wrong("9.4", "the best next value in place of the policy's")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        (action_probs * rewards).sum(-1) + gamma * next_values.amax(-1)
    )
)
wrong("9.4", "no reward where the text ends: value 0 taken as a mask")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs * (rewards + gamma * next_values) * (next_values != 0)
    ).sum(-1)
)
wrong("9.4", "whole matrix product of states with states")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs @ (rewards + gamma * next_values).T
    )
)
wrong("9.4", "policy weights squared")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        action_probs.square() * (rewards + gamma * next_values)
    ).sum(-1)
)


@wrong("9.4", "discounts the caller's next values in place")
def _(action_probs, rewards, next_values, gamma=1.0):
    next_values *= gamma
    return (action_probs * (rewards + next_values)).sum(-1)


@wrong("9.4", "adds into the caller's rewards")
def _(action_probs, rewards, next_values, gamma=1.0):
    rewards += gamma * next_values
    return (action_probs * rewards).sum(-1)


@wrong("9.4", "loop leaves out the last action")
def _(action_probs, rewards, next_values, gamma=1.0):
    value = torch.zeros_like(rewards[:, 0])
    for a in range(rewards.shape[1] - 1):
        value = value + action_probs[:, a] * (rewards[:, a] + gamma * next_values[:, a])
    return value


right("9.4", "two einsums")(
    lambda action_probs, rewards, next_values, gamma=1.0: (
        torch.einsum("sa,sa->s", action_probs, rewards)
        + gamma * torch.einsum("sa,sa->s", action_probs, next_values)
    )
)
right("9.4", "a row times a column for each state, bmm")(
    lambda action_probs, rewards, next_values, gamma=1.0: torch.bmm(
        action_probs.unsqueeze(1),
        torch.add(rewards, next_values, alpha=gamma).unsqueeze(2),
    ).flatten()
)


@right("9.4", "python loops in double precision")
def _(action_probs, rewards, next_values, gamma=1.0):
    values = []
    for probs, now, later in zip(
        action_probs.double(), rewards.double(), next_values.double()
    ):
        value = 0.0
        for a in range(len(probs)):
            value = value + probs[a] * (now[a] + gamma * later[a])
        values.append(value)
    return torch.stack(values).to(action_probs.dtype)


@right("9.4", "vecdot")
def _(action_probs, rewards, next_values, gamma=1.0):
    return torch.linalg.vecdot(
        action_probs, torch.lerp(rewards, rewards + next_values, gamma)
    )
