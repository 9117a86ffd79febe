# %% [markdown] id="03-title"
# # Exercises for chapter 3 · Sampling
#
# Five functions that stand between a model's logits and a text. Write each in place of
# `raise NotImplementedError`, run its cell and the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case. No model is needed on this page.

# %% [markdown] id="03-1-text"
# ## Exercise 3.1 — temperature
#
# 5 minutes · difficulty ●○○○○ · importance ●●●●●
#
# *Why it matters:* whoever samples at one temperature must score at the same one; it is
# this line, twice.
#
# - **Given** `logits`, shape `(..., vocabulary)`, and `temperature`, a number.
# - **Return** logits of the same shape, so that a plain softmax of them gives
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

# %% [markdown] id="03-1-hints"
# <details><summary>Hint 1</summary>
#
# Probabilities are softmax(z / T): what has to happen to the logits so that a plain
# softmax afterwards gives them?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Divide every logit by the temperature and return logits. First refuse what is not a
# positive number with a ValueError.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `if not temperature > 0: raise ValueError(…)`, then `return logits / …`
#
# </details>
#
# `hint("3.1")` prints the same hints one by one; `solution("3.1")` shows an answer,
# and so does [the solution](../solutions/03_sampling.ipynb).

# %% [markdown] id="03-1-use-text"
# The same three logits, from cold to hot.

# %% id="03-1-use" tags=["nbval-check-output"]
for T in (0.25, 1.0, 4.0):
    p = apply_temperature(torch.tensor([2.0, 1.0, 0.0]), T).softmax(-1)
    print(f"T = {T:<4}", " ".join(f"{x:.2f}" for x in p))

# %% [markdown] id="03-2-text"
# ## Exercise 3.2 — top-p
#
# 20 minutes · difficulty ●●●○○ · importance ●●●●○
#
# *Why it matters:* it is the filter that most systems write with, and off by one token
# it cuts the very word that was meant.
#
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

# %% [markdown] id="03-2-hints"
# <details><summary>Hint 1</summary>
#
# The smallest set that reaches p: in which order do you put tokens into it, and when do
# you stop?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Sort probabilities from high to low. A token is cut when the probability of all tokens
# before it already reaches p; bring that decision back to the tokens' own places and
# put −inf there.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `ordered, order = probs.sort(-1, descending=True)`, `before = ordered.cumsum(-1) - …`,
# `drop = (before >= p).scatter(-1, order, …)`, then masked_fill with `float("-inf")`
#
# </details>
#
# `hint("3.2")` prints the same hints one by one; `solution("3.2")` shows an answer,
# and so does [the solution](../solutions/03_sampling.ipynb).

# %% [markdown] id="03-2-use-text"
# A sure state and an unsure one, both cut at 0.8: how many of 50 tokens are left?

# %% id="03-2-use" tags=["nbval-check-output"]
rank = torch.arange(50.0)
for name, z in (("sure", -2 * rank), ("unsure", -0.02 * rank)):
    print(f"{name:<7} {int(top_p_filter(z, 0.8).isfinite().sum())} tokens")

# %% [markdown] id="03-3-text"
# ## Exercise 3.3 — the completion mask
#
# 10 minutes · difficulty ●○○○○ · importance ●●●●●
#
# *Why it matters:* every loss, reward and metric of a batch of texts counts with this
# mask; made from token values instead, it loses the end token and teaches a model
# never to stop.
#
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

# %% [markdown] id="03-3-hints"
# <details><summary>Hint 1</summary>
#
# Which positions 0, 1, 2, … of a row with length 3 hold a token of the text?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Make the positions 0 to max_length − 1 and ask of each whether it is smaller than the
# row's length. Broadcasting turns (time,) and (batch, 1) into (batch, time).
#
# </details>
# <details><summary>Hint 3</summary>
#
# `torch.arange(max_length, device=lengths.device) < lengths[:, …]`
#
# </details>
#
# `hint("3.3")` prints the same hints one by one; `solution("3.3")` shows an answer,
# and so does [the solution](../solutions/03_sampling.ipynb).

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
# ## Exercise 3.4 — the entropy at each token
#
# 15 minutes · difficulty ●●○○○ · importance ●●●●○
#
# *Why it matters:* it shows where in a text a policy really chooses, and it is the
# gauge by which you see a policy stop exploring.
#
# - **Given** `logits`, shape `(batch, time, vocabulary)`: those at position $t$ are
#   what token $t$ is drawn from, and −∞ marks a token that a filter cut; `mask`, bool,
#   shape `(batch, time)`.
# - **Return** shape `(batch, time)`: the entropy $H = -\sum_v p_v \log p_v$ in nats
#   where the mask is true, 0 elsewhere. It is never NaN.
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

# %% [markdown] id="03-4-hints"
# <details><summary>Hint 1</summary>
#
# How surprised is the policy on average by its own next token, and what does a token
# that cannot come add to that average?
#
# </details>
# <details><summary>Hint 2</summary>
#
# H = −Σ p log p over the vocabulary. Take log p from log_softmax and p as its
# exponential. Where p is 0, log p is −inf and the product must be 0: clamp log p first.
# Then 0 where the mask is false.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `logp = logits.log_softmax(-1)`, `H = -(logp.exp() * logp.clamp(min=-1e30)).sum(…)`,
# `return H.masked_fill(~mask, …)`
#
# </details>
#
# `hint("3.4")` prints the same hints one by one; `solution("3.4")` shows an answer,
# and so does [the solution](../solutions/03_sampling.ipynb).

# %% [markdown] id="03-4-use-text"
# Eight equally likely tokens, then the same after a filter cut four of them, then one
# position of padding. Taking the exponential shows as how many equal choices it feels.

# %% id="03-4-use" tags=["nbval-check-output"]
logits = torch.zeros(1, 3, 8)
logits[0, 1, 4:] = -torch.inf
H = token_entropy(logits, torch.tensor([[True, True, False]]))
print("choices:", [round(float(x), 1) for x in H.exp()[0]])
claim("cutting tokens of equal probability lowers the entropy", H[0, 1] < H[0, 0] - 0.5)

# %% [markdown] id="03-5-text"
# ## Exercise 3.5 — top-k
#
# 10 minutes · difficulty ●●○○○ · importance ●●●○○
#
# *Why it matters:* with k = 1 it is greedy decoding, and with a larger k the oldest
# cure for a tail of nonsense.
#
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

# %% [markdown] id="03-5-hints"
# <details><summary>Hint 1</summary>
#
# What is the smallest logit that may stay, and which logits are below it?
#
# </details>
# <details><summary>Hint 2</summary>
#
# topk gives each row's k largest logits in falling order; the last one is the row's
# threshold. Put −inf on everything below it, and mind a k that is larger than the
# vocabulary.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `lowest = logits.topk(min(k, …)).values[..., -1:]`, then
# `logits.masked_fill(logits < …, float("-inf"))`
#
# </details>
#
# `hint("3.5")` prints the same hints one by one; `solution("3.5")` shows an answer,
# and so does [the solution](../solutions/03_sampling.ipynb).

# %% [markdown] id="03-5-use-text"
# The sure and the unsure state of exercise 3.2 again. Top-k keeps as many in both, but
# how much of the probability is that?

# %% id="03-5-use" tags=["nbval-check-output"]
for name, z in (("sure", -2 * rank), ("unsure", -0.02 * rank)):
    kept = top_k_filter(z, 10).isfinite()
    print(f"{name:<7} {int(kept.sum())} tokens, {z.softmax(-1)[kept].sum():.0%}")
