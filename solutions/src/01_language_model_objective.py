# %% [markdown] id="01-title"
# # Exercises for chapter 1 · The language-model objective
#
# Four functions from [the chapter](../notebooks/01_language_model_objective.ipynb) that
# the whole course uses. Write each in place of `raise NotImplementedError`, run its
# cell and the one below.
#
# `check` hands back a function that works in any case, so the cells that use it run.

# %% [markdown] id="01-1-text"
# - **Given** `logits` `(batch, time, V)`, where position i predicts token i + 1; `ids`
#   `(batch, time)`; and `mask` `(batch, time)`, true where token i counts as a target,
#   or None when all count.
# - **Return** a scalar: mean negative log-probability in nats per counted token.
# - *About 5 lines.*

# %% id="01-1-stub" tags=["exercise"]
import torch
from torch import Tensor


def next_token_loss(logits: Tensor, ids: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean negative log-probability of each next token, in nats per token.

    logits (batch, time, V), ids (batch, time); logits at i predict token i + 1.
    mask (batch, time): true where token i counts; the first never does.
    Returns a scalar, the mean over all counted tokens of the batch.
    """
    ### BEGIN SOLUTION
    counted = torch.ones_like(ids) if mask is None else mask
    counted = counted[:, 1:].bool()
    predicted = logits[:, :-1].log_softmax(-1)  # (batch, time - 1, V)
    hit = predicted.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    return -torch.where(counted, hit, 0.0).sum() / counted.sum()
    ### END SOLUTION


# %% id="01-1-check"
next_token_loss = check(next_token_loss)

# %% id="01-1-use" tags=["nbval-check-output"]
equal = next_token_loss(torch.zeros(1, 5, 100), torch.arange(5)[None])
print(f"100 equally likely tokens: {equal:.2f} nats per token")

# %% [markdown] id="01-2-text"
# - **Given** `nats`, the total negative log-probability of some texts, and `n_bytes`,
#   their number of UTF-8 bytes.
# - **Return** a float, in bits per byte.
# - *About 1 line.*

# %% id="01-2-stub" tags=["exercise"]
import math


def bits_per_byte(nats: float, n_bytes: int) -> float:
    """Total nats of some texts as bits per UTF-8 byte.

    nats: total negative log-probability, >= 0; n_bytes: > 0.  Returns a float.
    """
    ### BEGIN SOLUTION
    bits = nats / math.log(2)
    return bits / n_bytes
    ### END SOLUTION


# %% id="01-2-check"
bits_per_byte = check(bits_per_byte)

# %% id="01-2-use" tags=["nbval-check-output"]
text = "Schön!"
n_bytes = len(text.encode("utf-8"))
nats = n_bytes * math.log(256)  # every byte equally likely
print(f"{len(text)} characters, {n_bytes} bytes: "
      f"{bits_per_byte(nats, n_bytes):.1f} bits per byte")  # fmt: skip

# %% [markdown] id="01-3-text"
# - **Given** `estimates` `(..., orders)`, probabilities of the same events by each
#   order, and `weights` `(orders,)`, numbers ≥ 0 that sum to 1.
# - **Return** a tensor of shape `(...)`: the mixture.
# - *About 1 line.*


# %% id="01-3-stub" tags=["exercise"]
def interpolated_probability(estimates: Tensor, weights: Tensor) -> Tensor:
    """Mix the probabilities that several models give to the same events.

    estimates (..., orders), weights (orders,) >= 0 with sum 1.  Returns (...).
    """
    ### BEGIN SOLUTION
    shares = estimates * weights
    return shares.sum(-1)
    ### END SOLUTION


# %% id="01-3-check"
interpolated_probability = check(interpolated_probability)

# %% id="01-3-use" tags=["nbval-check-output"]
from course import claim

never_seen = torch.tensor([0.001, 0.02, 0.0])  # uniform, unigram, bigram
mixed = interpolated_probability(never_seen, torch.tensor([0.1, 0.3, 0.6]))
claim("what the bigram never saw is possible for the mixture", mixed > 0)

# %% [markdown] id="01-4-text"
# - **Given** `logits`, `ids` and `mask` as in exercise 1.1.
# - **Return** shape `(batch,)`: the log-probability of each sequence given its first
#   token, in nats.
# - *About 5 lines.*


# %% id="01-4-stub" tags=["exercise"]
def sequence_logprob(logits: Tensor, ids: Tensor, mask: Tensor | None = None) -> Tensor:
    """Log-probability of every sequence given its first token, in nats.

    logits (batch, time, V), ids and mask (batch, time); logits at i predict
    token i + 1; tokens that the mask does not count add nothing.
    Returns (batch,).
    """
    ### BEGIN SOLUTION
    counted = torch.ones_like(ids) if mask is None else mask
    counted = counted[:, 1:].bool()
    predicted = logits[:, :-1].log_softmax(-1)  # (batch, time - 1, V)
    hit = predicted.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    return torch.where(counted, hit, 0.0).sum(1)
    ### END SOLUTION


# %% id="01-4-check"
sequence_logprob = check(sequence_logprob)

# %% id="01-4-use" tags=["nbval-check-output"]
logits = torch.randn(2, 6, 9, generator=torch.Generator().manual_seed(0))
ids = torch.arange(12).reshape(2, 6) % 9
total = -sequence_logprob(logits, ids).sum() / 10  # 2 x 5 targets
claim("the loss is the mean of what the sequences spend",
      torch.allclose(total, next_token_loss(logits, ids)))  # fmt: skip
