# %% [markdown] id="00-title"
# # Exercise for chapter 0 · Start here
#
# One small function for [the chapter](../notebooks/00_start_here.ipynb), to see how
# exercises work: write it in place of
# `raise NotImplementedError`, run its cell and the one below.
#
# The first line that `check` prints begins with ✔ (correct), ✘ (wrong, and why) or
# ◌ (not attempted). It hands back a function that works in any case.

# %% [markdown] id="00-1-text"
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
