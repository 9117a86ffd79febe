# %% [markdown] id="00-title"
# # Exercise for chapter 0 · Start here
#
# One small function, to see how exercises work: write it in place of
# `raise NotImplementedError`, run its cell and the one below.
#
# The first line that `check` prints begins with ✔ (correct), ✘ (wrong, and why) or
# ◌ (not attempted). It hands back a function that works in any case.

# %% [markdown] id="00-1-text"
# ## Exercise 0.1 — standardise scores
#
# 5 minutes · difficulty ●○○○○ · importance ●●●●○
#
# *Why it matters:* rewards have no natural unit; after this line, +1 always means one
# standard deviation better than usual.
#
# - **Given** `scores`, shape `(batch,)`: one number for each text, in any unit.
# - **Return** a tensor of the same shape with mean 0 and standard deviation 1.
# - *About 1 line.*

# %% id="00-1-stub" tags=["exercise"]
from torch import Tensor


def standardise(scores: Tensor) -> Tensor:
    """Scores moved and scaled to mean 0 and standard deviation 1.

    scores: shape (batch,), not all equal.  The standard deviation divides by n
    (the biased one).  Returns shape (batch,).
    """
    ### BEGIN SOLUTION
    centred = scores - scores.mean()
    return centred / scores.std(correction=0)
    ### END SOLUTION


# %% id="00-1-check"
standardise = check(standardise)

# %% [markdown] id="00-1-hints"
# <details><summary>Hint 1</summary>
#
# Which two numbers describe where the scores lie and how far they spread?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Subtract the mean, then divide by the standard deviation; here it divides by n,
# while torch's `std` divides by n − 1 unless you tell it otherwise.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `return (scores - scores.mean()) / scores.std(correction=…)`
#
# </details>
#
# `hint("0.1")` prints the same hints one by one; `solution("0.1")` shows an answer,
# and so does [the solution](../solutions/00_start_here.ipynb).

# %% [markdown] id="00-use-text"
# ## What you can do with it
#
# Two raters judge the same four texts, the second on a scale from 0 to 100. In
# standard units their scores can be compared.

# %% id="00-use" tags=["nbval-check-output"]
import torch

first = torch.tensor([-2.0, 0.0, 1.0, 3.0])
second = torch.tensor([30.0, 50.0, 60.0, 80.0])
for scores in (first, second):
    print([f"{z:+.2f}" for z in standardise(scores).tolist()])

# %% id="00-use-mean" tags=["nbval-check-output"]
claim_scores = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
z = standardise(claim_scores)
print(f"mean {abs(z.mean()):.2f}, mean square {z.square().mean():.2f}")

# %% id="00-use-claim" tags=["nbval-check-output"]
from course import claim

claim("both raters said the same",
      torch.allclose(standardise(first), standardise(second), atol=1e-5))  # fmt: skip
