# %% [markdown] id="08-title"
# # Exercises for chapter 8 · Best-of-n
#
# Four functions: the choice, its price, its estimate from one pool, and what rejection
# sampling keeps. Write each in place of `raise NotImplementedError`, run its cell and
# the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case. No model is needed on this page.

# %% [markdown] id="08-1-text"
# - **Given** `scores`, shape `(..., n)`: the n candidates of a prompt lie along the
#   last dimension.
# - **Return** whole numbers, shape `(...)`: the place of the best candidate, counted
#   from 0. Of equal ones, any.
# - *About 1 line.*

# %% id="08-1-stub" tags=["exercise"]
import math

import torch
from torch import Tensor


def best_of_n(scores: Tensor) -> Tensor:
    """Which of the n candidates of each prompt scores best.

    scores: shape (..., n).  Returns places 0 to n - 1, shape (...).
    """
    ### BEGIN SOLUTION
    return scores.argmax(dim=-1)
    ### END SOLUTION


# %% id="08-1-check"
best_of_n = check(best_of_n)

# %% [markdown] id="08-1-use-text"
# Two prompts, three candidates each.

# %% id="08-1-use" tags=["nbval-check-output"]
scores = torch.tensor([[-1.0, 3.0, 1.0], [0.5, 0.2, -4.0]])
texts = [["poor", "superb", "fine"], ["good", "so-so", "awful"]]
for row, place in zip(texts, best_of_n(scores).tolist(), strict=True):
    print("keep", row[place])

# %% [markdown] id="08-2-text"
# - **Given** `n`, a whole number ≥ 1.
# - **Return** a float, nats: the KL of best-of-n to the writer when no two candidates
#   tie. For one draw the share $u$ of worse texts is uniform; for the best of n its
#   density is $n u^{n-1}$.
# - *About 1 line.*


# %% id="08-2-stub" tags=["exercise"]
def best_of_n_kl(n: int) -> float:
    """KL of best-of-n to the policy it samples, in nats, when no candidates tie.

    n: a whole number >= 1.  Returns a float.
    """
    ### BEGIN SOLUTION
    return math.log(n) - (n - 1) / n
    ### END SOLUTION


# %% id="08-2-check"
best_of_n_kl = check(best_of_n_kl)

# %% [markdown] id="08-2-use-text"
# Your formula beside the integral, as a sum over ten thousand thin strips of $u$.

# %% id="08-2-use" tags=["nbval-check-output"]
u = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
for n in (1, 4, 16, 64):
    density = n * u ** (n - 1)
    integral = float(torch.xlogy(density, density).mean())
    print(f"n = {n:>2}: {best_of_n_kl(n):.2f} nats")
    assert abs(integral - best_of_n_kl(n)) < 1e-3

# %% [markdown] id="08-3-text"
# - **Given** `proxy` and `gold`, shape `(..., N)`: two scores of each candidate of a
#   pool, no two proxy scores equal; `n`, from 1 to N.
# - **Return** shape `(...)`, in units of gold: the mean gold score of the candidate
#   that the proxy picks, over all ways to draw n of the N:
#   $\sum_i \binom{i-1}{n-1} / \binom{N}{n} \, \text{gold}_{(i)}$, sorted by proxy,
#   worst first.
# - *About 4 lines.*


# %% id="08-3-stub" tags=["exercise"]
def pool_estimate(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    """Expected gold score of the candidate that the proxy picks among n of a pool.

    proxy, gold: shape (..., N).  n: 1 to N.  Returns shape (...), in units of gold.
    """
    ### BEGIN SOLUTION
    size = gold.shape[-1]
    ways = [math.comb(i - 1, n - 1) / math.comb(size, n) for i in range(1, size + 1)]
    weights = torch.tensor(ways, dtype=gold.dtype, device=gold.device)
    return gold.gather(-1, proxy.argsort(dim=-1)) @ weights  # worst first
    ### END SOLUTION


# %% id="08-3-check"
pool_estimate = check(pool_estimate)

# %% [markdown] id="08-3-use-text"
# A proxy whose favourite is an exploit: the more it may choose from, the worse.

# %% id="08-3-use" tags=["nbval-check-output"]
from course import claim

proxy, gold = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([5.0, 6.0, 0.0])
curve = [float(pool_estimate(proxy, gold, n)) for n in (1, 2, 3)]
print("gold of the best of 1, 2, 3:", " ".join(f"{x:.2f}" for x in curve))
claim("more choice, less gold", curve[0] > curve[1] > curve[2])

# %% [markdown] id="08-4-text"
# - **Given** `scores`, shape `(prompts · n,)`: the n candidates of the first prompt,
#   then those of the second, and so on; `n`.
# - **Return** whole numbers, shape `(prompts,)`: the row **of the batch** of each
#   prompt's best candidate.
# - *About 2 lines.*


# %% id="08-4-stub" tags=["exercise"]
def kept_rows(scores: Tensor, n: int) -> Tensor:
    """Row numbers of the best of every n candidates in a row.

    scores: shape (prompts * n,).  Returns row numbers of the batch, (prompts,).
    """
    ### BEGIN SOLUTION
    best = scores.view(-1, n).argmax(dim=1)  # (prompts,), inside each prompt
    return torch.arange(len(best), device=best.device) * n + best
    ### END SOLUTION


# %% id="08-4-check"
kept_rows = check(kept_rows)

# %% [markdown] id="08-4-use-text"
# The rows index the list of texts directly, which is what fine-tuning needs.

# %% id="08-4-use" tags=["nbval-check-output"]
batch = ["poor", "superb", "fine", "awful", "so-so", "good"]
scores = torch.tensor([-1.0, 3.0, 1.0, -4.0, 0.2, 0.5])
rows = kept_rows(scores, 3)
print("fine-tune on:", [batch[row] for row in rows.tolist()])
claim("one text of each prompt", (rows // 3).tolist() == [0, 1])
