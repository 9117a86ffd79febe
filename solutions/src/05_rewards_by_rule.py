# %% [markdown] id="05-title"
# # Exercises for chapter 5 · Rewards by rule
#
# Five functions from which rewards are made. Write each in place of
# `raise NotImplementedError`, run its cell and the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case. No model is needed on this page.

# %% [markdown] id="05-1-text"
# - **Given** `hypothesis` and `reference`, lists of tokens (either may be empty), and
#   `n`, at least 1.
# - **Return** a float from 0 to 1: $p_n = \sum_g \min(c_h(g), c_r(g)) / \sum_g c_h(g)$
#   over all n-grams $g$; 0 where the hypothesis has none.
# - *About 4 lines.*

# %% id="05-1-stub" tags=["exercise"]
from collections import Counter

import torch
from torch import Tensor


def clipped_precision(hypothesis: list[str], reference: list[str], n: int) -> float:
    """Share of the hypothesis' n-grams that match, each clipped to the reference.

    hypothesis, reference: tokens.  Returns a float from 0 to 1.
    """
    ### BEGIN SOLUTION
    found = Counter(zip(*(hypothesis[i:] for i in range(n)), strict=False))
    wanted = Counter(zip(*(reference[i:] for i in range(n)), strict=False))
    total = found.total()
    return (found & wanted).total() / total if total else 0.0
    ### END SOLUTION


# %% id="05-1-check"
clipped_precision = check(clipped_precision)

# %% [markdown] id="05-1-use-text"
# A text that says only "the", more and more often. The reference has it twice.

# %% id="05-1-use" tags=["nbval-check-output"]
wanted = ["the", "cat", "is", "on", "the", "mat"]
for times in (1, 2, 7):
    print(times, f"times: {clipped_precision(['the'] * times, wanted, 1):.2f}")

# %% [markdown] id="05-2-text"
# - **Given** the lengths of the hypothesis, $h$, and of the reference, $m$, in tokens;
#   either may be 0.
# - **Return** a float: $\min(1, e^{1 - m / h})$, and 0 for an empty hypothesis.
# - *About 3 lines.*

# %% id="05-2-stub" tags=["exercise"]
import math


def brevity_penalty(hypothesis_length: int, reference_length: int) -> float:
    """Factor of BLEU below 1 for a hypothesis shorter than its reference.

    Lengths in tokens.  Returns a float from 0 to 1.
    """
    ### BEGIN SOLUTION
    if not hypothesis_length:
        return 0.0
    return min(1.0, math.exp(1 - reference_length / hypothesis_length))
    ### END SOLUTION


# %% id="05-2-check"
brevity_penalty = check(brevity_penalty)

# %% [markdown] id="05-2-use-text"
# What a text of ten reference words is worth at most, by its length.

# %% id="05-2-use" tags=["nbval-check-output"]
for length in (1, 5, 9, 10, 20):
    print(f"{length:2d} words: {brevity_penalty(length, 10):.3f}")

# %% [markdown] id="05-3-text"
# - **Given** `hypothesis` and `reference`, two texts; either may be empty. The function
#   `rouge_tokens` (imported below) makes tokens of a text.
# - **Return** a float from 0 to 1: $F_1 = 2L / (\text{tokens} + \text{tokens})$ with
#   $L$ the length of the longest common subsequence; 0 where nothing matches.
# - *About 10 lines.*

# %% id="05-3-stub" tags=["exercise"]
from course.reward.overlap import rouge_tokens


def rouge_l(hypothesis: str, reference: str) -> float:
    """F1 of the longest common subsequence over the lengths of both texts.

    Tokens: those of rouge_tokens.  Returns a float from 0 to 1.
    """
    ### BEGIN SOLUTION
    found, wanted = rouge_tokens(hypothesis), rouge_tokens(reference)
    row = [0] * (len(wanted) + 1)  # for the words so far and wanted[:j]
    for token in found:
        above, row = row, [0]
        for j, other in enumerate(wanted):
            longer = above[j] + 1 if token == other else max(above[j + 1], row[j])
            row.append(longer)
    return 2 * row[-1] / (len(found) + len(wanted)) if row[-1] else 0.0
    ### END SOLUTION


# %% id="05-3-check"
rouge_l = check(rouge_l)

# %% [markdown] id="05-3-use-text"
# Words between cost a little, the wrong order costs much.

# %% id="05-3-use" tags=["nbval-check-output"]
for text in ("A good film.", "A good, little film!", "Film good a."):
    print(f"{rouge_l(text, 'a good film'):.2f}  {text}")

# %% [markdown] id="05-4-text"
# - **Given** `scores`, shape `(parts, batch)`: the score of every part for every text;
#   `weights`, shape `(parts,)`, below 0 for a part that punishes.
# - **Return** shape `(batch,)`: the weighted sum of the parts, then brought to mean 0
#   and standard deviation 1 (biased) over the batch; zeros where all sums are equal.
# - *About 4 lines.*


# %% id="05-4-stub" tags=["exercise"]
def composite_reward(scores: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum of the parts, normalised over the batch.

    scores: shape (parts, batch).  weights: shape (parts,).  Returns shape (batch,).
    """
    ### BEGIN SOLUTION
    total = (weights[:, None] * scores).sum(0)  # (batch,)
    if (total == total[0]).all():
        return torch.zeros_like(total)
    return (total - total.mean()) / total.std(correction=0)
    ### END SOLUTION


# %% id="05-4-check"
composite_reward = check(composite_reward)

# %% [markdown] id="05-4-use-text"
# One text of eight breaks a rule once. What it pays depends on the weight, not on how
# rare the offence is in the batch.

# %% id="05-4-use" tags=["nbval-check-output"]
praise = torch.arange(8.0)
offence = torch.zeros(8)
offence[7] = -1.0
for weight in (0.0, 1.0, 9.0):
    weights = torch.tensor([1.0, weight])
    reward = composite_reward(torch.stack([praise, offence]), weights)
    place = int((reward > reward[7]).sum()) + 1
    print(f"weight {weight:.0f}: the offender has place {place}")

# %% [markdown] id="05-5-text"
# - **Given** `text`, whose words are `text.split()`, and `n`, at least 1.
# - **Return** a float: different n-grams divided by all n-grams (they overlap); 1 for a
#   text of fewer than `n` words.
# - *About 3 lines.*


# %% id="05-5-stub" tags=["exercise"]
def distinct_n(text: str, n: int) -> float:
    """Share of different word n-grams among all n-grams of a text.

    Returns a float from 0 to 1.
    """
    ### BEGIN SOLUTION
    words = text.split()
    grams = list(zip(*(words[i:] for i in range(n)), strict=False))
    return len(set(grams)) / len(grams) if grams else 1.0
    ### END SOLUTION


# %% id="05-5-check"
distinct_n = check(distinct_n)

# %% [markdown] id="05-5-use-text"
# A loop gives itself away the more, the longer it runs.

# %% id="05-5-use" tags=["nbval-check-output"]
from course import claim

for rounds in (1, 2, 4, 8):
    print(rounds, f"rounds: {distinct_n('so good ' * rounds, 2):.2f}")
claim("a loop falls", distinct_n("so " * 9, 1) < distinct_n("so " * 3, 1))
