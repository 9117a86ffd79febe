# %% [markdown] id="03-title"
# # Exercises for chapter 3 · Sampling
#
# Five functions from [the chapter](../notebooks/03_sampling.ipynb) that stand between a
# model's logits and a text. Write each in place of
# `raise NotImplementedError`, run its cell and the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case. No model is needed on this page.

# %% [markdown] id="03-1-text"
# - **Given** `logits`, shape `(..., vocabulary)`, and `temperature`, a number.
# - **Return** the logits $z / T$, of the same shape: a plain softmax of them then gives
#   $\mathrm{softmax}(z / T)$.
# - **Raise** a `ValueError` unless the temperature is positive.
# - *About 3 lines.*

# %% id="03-1-stub" tags=["exercise"]
import torch
from torch import Tensor


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Logits of the policy at a temperature; below 1 sharpens, above 1 flattens.

    logits: (..., vocabulary).  Raises ValueError unless the temperature is positive.
    """
    ### BEGIN SOLUTION
    if not temperature > 0:
        raise ValueError(f"got temperature {temperature}, expected a positive number")
    return logits / temperature
    ### END SOLUTION


# %% id="03-1-check"
apply_temperature = check(apply_temperature)

# %% [markdown] id="03-1-use-text"
# The same three logits, from cold to hot.

# %% id="03-1-use" tags=["nbval-check-output"]
for T in (0.25, 1.0, 4.0):
    p = apply_temperature(torch.tensor([2.0, 1.0, 0.0]), T).softmax(-1)
    print(f"T = {T:<4}", " ".join(f"{x:.2f}" for x in p))

# %% [markdown] id="03-2-text"
# - **Given** `logits`, shape `(..., vocabulary)`, and `p` with $0 < p \le 1$.
# - **Return** the logits with −∞ for every token outside the smallest set of most
#   likely tokens whose probability reaches $p$. The token with which the sum reaches
#   $p$ belongs to the set.
# - **Raise** a `ValueError` for any other `p`.
# - *About 7 lines.*


# %% id="03-2-stub" tags=["exercise"]
def top_p_filter(logits: Tensor, p: float) -> Tensor:
    """Keep the smallest set of most likely tokens whose probability reaches p.

    logits: (..., vocabulary); all others become -inf.  Raises ValueError unless
    0 < p <= 1.
    """
    ### BEGIN SOLUTION
    if not 0 < p <= 1:
        raise ValueError(f"got top-p {p}, expected a number in (0, 1]")
    ordered, order = logits.softmax(-1).sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(-1) - ordered  # mass of the likelier tokens
    drop = before >= p
    drop = drop.scatter(-1, order, drop)  # back to the tokens' own places
    return logits.masked_fill(drop, float("-inf"))
    ### END SOLUTION


# %% id="03-2-check"
top_p_filter = check(top_p_filter)

# %% [markdown] id="03-2-use-text"
# A sure state and an unsure one, both cut at 0.8: how many of 50 tokens are left?

# %% id="03-2-use" tags=["nbval-check-output"]
rank = torch.arange(50.0)
for name, z in (("sure", -2 * rank), ("unsure", -0.02 * rank)):
    print(f"{name:<7} {int(top_p_filter(z, 0.8).isfinite().sum())} tokens")

# %% [markdown] id="03-3-text"
# - **Given** `lengths`, whole numbers, shape `(batch,)`: how many tokens each text has,
#   its end token included; `max_length`, the width of the batch.
# - **Return** bool, shape `(batch, max_length)`: true on the first `lengths[b]`
#   positions of row `b`.
# - *About 2 lines.*


# %% id="03-3-stub" tags=["exercise"]
def completion_mask(lengths: Tensor, max_length: int) -> Tensor:
    """True on the first `lengths[b]` of `max_length` positions, bool (batch, time).

    lengths: (batch,), the end token included.
    """
    ### BEGIN SOLUTION
    positions = torch.arange(max_length, device=lengths.device)
    return positions < lengths[:, None]
    ### END SOLUTION


# %% id="03-3-check"
completion_mask = check(completion_mask)

# %% [markdown] id="03-3-use-text"
# Three texts in a batch that is five tokens wide. Here the padding id is the same as
# the end token's, as with many real tokenizers. A mask from token values loses the end.

# %% id="03-3-use" tags=["nbval-check-output"]
from course import claim

ids = torch.tensor([[7, 8, 1, 1, 1], [9, 1, 1, 1, 1], [5, 6, 7, 8, 1]])  # 1 ends
mask = completion_mask(torch.tensor([3, 2, 5]), 5)
print(mask.int().tolist())
claim("by lengths each text keeps its end token", (ids[mask] == 1).sum() == 3)
claim("by token values none does", (ids[ids != 1] == 1).sum() == 0)

# %% [markdown] id="03-4-text"
# - **Given** `logits`, shape `(batch, time, vocabulary)`: those at position $t$ are
#   what token $t$ is drawn from, and −∞ marks a token that a filter cut; `mask`, bool,
#   shape `(batch, time)`.
# - **Return** shape `(batch, time)`: the entropy $H = -\sum_v p_v \log p_v$ in nats
#   where the mask is true, 0 elsewhere, whatever stands there. It is never NaN.
# - *About 3 lines.*


# %% id="03-4-stub" tags=["exercise"]
def token_entropy(logits: Tensor, mask: Tensor) -> Tensor:
    """Entropy of the distribution each token was drawn from, in nats; (batch, time).

    logits: (batch, time, vocabulary), -inf for a cut token.  mask: (batch, time),
    bool; the result is 0 where it is false.
    """
    ### BEGIN SOLUTION
    logp = logits.log_softmax(-1)
    entropy = -(logp.exp() * logp.clamp(min=-1e30)).sum(-1)  # 0 · log 0 counts 0
    return entropy.masked_fill(~mask, 0.0)
    ### END SOLUTION


# %% id="03-4-check"
token_entropy = check(token_entropy)

# %% [markdown] id="03-4-use-text"
# Eight equally likely tokens, then the same after a filter cut four of them, then one
# position of padding. The exponential of an entropy says how many equal choices it is
# like.

# %% id="03-4-use" tags=["nbval-check-output"]
logits = torch.zeros(1, 3, 8)
logits[0, 1, 4:] = -torch.inf
H = token_entropy(logits, torch.tensor([[True, True, False]]))
print("choices:", [round(float(x), 1) for x in H.exp()[0]])
claim("cutting tokens of equal probability lowers the entropy", H[0, 1] < H[0, 0] - 0.5)

# %% [markdown] id="03-5-text"
# - **Given** `logits`, shape `(..., vocabulary)`, and `k`, a whole number, which may be
#   larger than the vocabulary.
# - **Return** the logits with −∞ for all but each row's $k$ largest. (Equal logits are
#   not tested.)
# - **Raise** a `ValueError` when `k` is below 1.
# - *About 4 lines.*


# %% id="03-5-stub" tags=["exercise"]
def top_k_filter(logits: Tensor, k: int) -> Tensor:
    """Keep each row's k largest logits; all others become -inf.

    logits: (..., vocabulary).  Raises ValueError unless 1 <= k.
    """
    ### BEGIN SOLUTION
    if k < 1:
        raise ValueError(f"got top-k {k}, expected at least 1")
    lowest = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < lowest, float("-inf"))
    ### END SOLUTION


# %% id="03-5-check"
top_k_filter = check(top_k_filter)

# %% [markdown] id="03-5-use-text"
# The sure and the unsure state of exercise 3.2 again. Top-k keeps as many in both, but
# how much of the probability is that?

# %% id="03-5-use" tags=["nbval-check-output"]
for name, z in (("sure", -2 * rank), ("unsure", -0.02 * rank)):
    kept = top_k_filter(z, 10).isfinite()
    print(f"{name:<7} {int(kept.sum())} tokens, {z.softmax(-1)[kept].sum():.0%}")
