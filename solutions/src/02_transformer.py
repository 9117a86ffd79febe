# %% [markdown] id="02-title"
# # 2 · A transformer from scratch: exercises
#
# Five functions, each a part of the model that the whole course uses. Read
# [the chapter](../notebooks/02_transformer.ipynb) first. `check` compares your
# function with the course's own and says what is likely wrong; it also hands back one
# that works, so nothing below breaks on a blank. If you want to warm up, begin with
# 2.2 and 2.4.

# %% id="02-imports"
import torch
import torch.nn.functional as F
from torch import Tensor

from course.lm.model import GPTConfig

# %% [markdown] id="02-1-header"
# - **Given** `queries` (B, H, T, D); `keys` and `values` (B, K, S, D), where S ≥ T
#   and the queries are the **last** T of the S positions (the earlier ones come
#   from a cache); H is a multiple of K, and query head h reads key head h // (H/K).
# - **Return** (B, H, T, D), for each query the weighted mean of the values at and
#   before its position.
# - *About 7 lines.*


# %% id="02-1-stub" tags=["exercise"]
def causal_attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Each query reads a weighted mean of the values at and before its position.

    queries: (B, H, T, D); keys, values: (B, K, S, D), S >= T.
    Returns (B, H, T, D).
    """
    ### BEGIN SOLUTION
    (H, T, D), (groups, S) = queries.shape[1:], keys.shape[1:3]
    keys = keys.repeat_interleave(H // groups, dim=1)  # (B, H, S, D)
    values = values.repeat_interleave(H // groups, dim=1)
    scores = queries @ keys.transpose(-1, -2) / D**0.5  # (B, H, T, S)
    ones = torch.ones(T, S, dtype=torch.bool, device=queries.device)
    scores = scores.masked_fill(~ones.tril(S - T), float("-inf"))
    return scores.softmax(-1) @ values
    ### END SOLUTION


# %% id="02-1-check"
causal_attention = check(causal_attention)

# %% id="02-1-try" tags=["nbval-check-output"]
one = torch.zeros(1, 1, 4, 2)  # equal scores: each query takes the plain mean
numbers = torch.arange(4.0).view(1, 1, 4, 1).expand(1, 1, 4, 2)
print("means of 0..t:", causal_attention(one, one, numbers)[0, 0, :, 0].tolist())

# %% [markdown] id="02-2-header"
# - **Given** `x` (..., C) and `weight` (C,).
# - **Return** a tensor of the shape of `x`.
# - *About 1 line.*
#
# $$y = \frac{x}{\sqrt{\mathrm{mean}(x^2) + \epsilon}} \cdot w$$


# %% id="02-2-stub" tags=["exercise"]
def rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    """Divide each vector by its root mean square, then scale.

    x: (..., C); weight: (C,).  Returns (..., C).
    """
    ### BEGIN SOLUTION
    mean_square = x.pow(2).mean(-1, keepdim=True)
    return x / torch.sqrt(mean_square + eps) * weight
    ### END SOLUTION


# %% id="02-2-check"
rms_norm = check(rms_norm)

# %% id="02-2-try" tags=["nbval-check-output"]
y = rms_norm(torch.tensor([[3.0, -4.0], [300.0, -400.0]]), torch.ones(2))
print([[round(number, 3) for number in row] for row in y.tolist()])

# %% [markdown] id="02-3-header"
# - **Given** `x` (B, H, T, D) with D even; `positions` (B, T) or (T,); component i
#   is paired with component i + D/2.
# - **Return** `x` with pair i turned by position × base^(−2i/D) radians, (B, H, T,
#   D).
# - *About 8 lines.*


# %% id="02-3-stub" tags=["exercise"]
def rotary(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
    """Turn each pair of components by an angle that grows with its position.

    x: (B, H, T, D), D even; positions: (B, T) or (T,).  Returns (B, H, T, D).
    """
    ### BEGIN SOLUTION
    D = x.shape[-1]
    i = torch.arange(D // 2, device=x.device)
    theta = positions[..., None] * base ** (-2 * i / D)  # (T, D/2) or (B, T, D/2)
    if theta.dim() == 3:
        theta = theta[:, None]  # the same for every head
    cos, sin = theta.cos().to(x.dtype), theta.sin().to(x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)
    ### END SOLUTION


# %% id="02-3-check"
rotary = check(rotary)

# %% id="02-3-try" tags=["nbval-check-output"]
arrow = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
quarter = torch.tensor([torch.pi / 2])  # a position may be any number
turned = rotary(arrow, quarter)[0, 0, 0]
print("a quarter turn points up:", torch.allclose(turned, torch.tensor([0.0, 1.0]),
                                                  atol=1e-5))  # fmt: skip

# %% [markdown] id="02-4-header"
# - **Given** `x` (..., C); `gate` and `up` (F, C); `down` (C, F).
# - **Return** (..., C).
# - *About 2 lines.*
#
# $$y = \mathrm{down}\,(\mathrm{silu}(\mathrm{gate}\,x) \cdot \mathrm{up}\,x)$$


# %% id="02-4-stub" tags=["exercise"]
def swiglu(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """Feed-forward block with a gate.

    x: (..., C); gate, up: (F, C); down: (C, F).  Returns (..., C).
    """
    ### BEGIN SOLUTION
    opened = F.silu(F.linear(x, gate))  # (..., F)
    return F.linear(opened * F.linear(x, up), down)
    ### END SOLUTION


# %% id="02-4-check"
swiglu = check(swiglu)

# %% id="02-4-try" tags=["nbval-check-output"]
shut = -1000 * torch.ones(3, 2)  # silu of a very negative number is 0
y = swiglu(torch.ones(1, 2), shut, torch.ones(3, 2), torch.ones(2, 3))
print("a shut gate:", y.abs().tolist())

# %% [markdown] id="02-5-header"
# - **Given** a `GPTConfig` with `vocab_size`, `context`, `width`, `layers`,
#   `heads`, `kv_heads`, `feed_forward`; the weights are tied and no matrix has a
#   bias.
# - **Return** the number of trainable numbers, an int.
# - *About 6 lines.*


# %% id="02-5-stub" tags=["exercise"]
def parameter_count(config: GPTConfig) -> int:
    """Number of trainable numbers in a GPT of this shape, tied weights once."""
    ### BEGIN SOLUTION
    C, wide = config.width, config.feed_forward
    narrow = C // config.heads * config.kv_heads  # width of all keys together
    attention = 2 * C * C + 2 * C * narrow  # query, output; key, value
    block = attention + 3 * C * wide + 2 * C  # and two norms
    return config.vocab_size * C + config.layers * block + C  # and the last norm
    ### END SOLUTION


# %% id="02-5-check"
parameter_count = check(parameter_count)

# %% id="02-5-try" tags=["nbval-check-output"]
from course import claim

smol = GPTConfig(49_152, 2048, 576, 30, 9, 3, 1536)  # the shape of SmolLM2-135M
millions = parameter_count(smol) / 1e6
print(f"SmolLM2-135M has {millions:.1f} million parameters")
claim("the name is right", 134 < millions < 136)

# %% [markdown] id="02-more"
# ## One more, with a panel
#
# Question 2.6 (which head reads the token just before?) stands beside the attention
# viewer, near the end of [the chapter](../notebooks/02_transformer.ipynb).
