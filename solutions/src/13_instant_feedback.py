# %% [markdown] id="13-title"
# # Exercises for chapter 13 · Instant feedback
#
# Four functions: what votes say of the weights, which pair to ask about, what stands of
# a log of clicks, and pairs out of thumbs. Write each in place of
# `raise NotImplementedError`, run its cell and the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case.

# %% [markdown] id="13-1-text"
# - **Given** `differences`, shape `(votes, d)`, features of a minus features of b;
#   `wins`, shape `(votes,)`, 1 where a was chosen, 0 where b was, .5 for a tie; and
#   `prior_variance`.
# - **Return** the mean, shape `(d,)`, and the covariance, shape `(d, d)`, of the normal
#   approximation at the peak of
#   $\log p(w) = \sum_i [y_i \log\sigma(D_i w) + (1 - y_i) \log\sigma(-D_i w)] -
#   \lVert w \rVert^2 / (2 \cdot \text{prior variance})$, in double precision.
# - The covariance is the inverse of the curvature there:
#   $D^\top \mathrm{diag}(p(1-p))\, D + I / \text{prior variance}$. *About 12 lines.*

# %% id="13-1-stub" tags=["exercise"]
import torch
from torch import Tensor


def laplace_update(
    differences: Tensor, wins: Tensor, prior_variance: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) of the weights' approximate posterior.

    differences: (votes, d).  wins: (votes,).
    """
    ### BEGIN SOLUTION
    D, y = differences.double(), wins.double()
    eye = torch.eye(D.shape[1], dtype=torch.float64) / prior_variance
    w = torch.zeros(D.shape[1], dtype=torch.float64)

    def height(w: Tensor) -> Tensor:
        z = D @ w
        return (y * z - torch.nn.functional.softplus(z)).sum() - (w @ eye @ w) / 2

    for _ in range(100):
        p = (D @ w).sigmoid()
        curvature = eye + D.T @ ((p * (1 - p))[:, None] * D)
        step = torch.linalg.solve(curvature, D.T @ (y - p) - eye @ w)
        while height(w + step) < height(w) and step.abs().max() > 1e-10:
            step = step / 2
        w = w + step
    p = (D @ w).sigmoid()
    return w, torch.linalg.inv(eye + D.T @ ((p * (1 - p))[:, None] * D))
    ### END SOLUTION


# %% id="13-1-check"
laplace_update = check(laplace_update)

# %% [markdown] id="13-1-use-text"
# One feature. After one vote, five and fifty for the same side: what is believed, and
# how surely?

# %% id="13-1-use" tags=["nbval-check-output"]
for n in (1, 5, 50):
    mean, covariance = laplace_update(torch.ones(n, 1), torch.ones(n))
    print(f"{n:>2} votes: w = {mean[0]:.2f} ± {covariance[0, 0].sqrt():.2f}")

# %% [markdown] id="13-2-text"
# - **Given** `mean` $m$, shape `(d,)`, and `covariance` $C$, shape `(d, d)`, of the
#   posterior; and `differences`, shape `(pairs, d)`, all in double precision.
# - **Return** the place (an int, from 0) of the pair $x$ with the largest
#   $x^\top C\, x \cdot p\,(1 - p)$, where $p = \sigma(x \cdot m)$. *About 3 lines.*


# %% id="13-2-stub" tags=["exercise"]
def choose_pair(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    """The place of the pair whose answer would teach most.

    mean: (d,).  covariance: (d, d).  differences: (pairs, d).
    """
    ### BEGIN SOLUTION
    p = (differences @ mean).sigmoid()
    variance = ((differences @ covariance) * differences).sum(1)
    return int((variance * p * (1 - p)).argmax())
    ### END SOLUTION


# %% id="13-2-check"
choose_pair = check(choose_pair)

# %% [markdown] id="13-2-use-text"
# Something is known of the first direction, nothing of the second. Which is asked?

# %% id="13-2-use" tags=["nbval-check-output"]
belief = laplace_update(torch.tensor([[1.0, 0.0]] * 9), torch.ones(9))
print("asked:", choose_pair(*belief, torch.eye(2, dtype=torch.float64)))

# %% [markdown] id="13-3-text"
# - **Given** `log`, a list of (text a, text b, what was clicked) in order, the texts as
#   rows of `features`, shape `(texts, d)`. Clicked is `"a"`, `"b"`, `"tie"`, `"skip"`
#   or `"undo"`.
# - **Return** the differences (a minus b), shape `(votes, d)`, and the wins (1, 0 or
#   .5), shape `(votes,)`, of the votes that stand. An undo takes back the latest click
#   that still stands, a skip too. Skips teach nothing. Without votes the shapes are
#   `(0, d)` and `(0,)`. *About 10 lines.*

# %% id="13-3-stub" tags=["exercise"]
from collections.abc import Sequence


def replay_votes(
    log: Sequence[tuple[int, int, str]], features: Tensor
) -> tuple[Tensor, Tensor]:
    """Differences (votes, d) and wins (votes,) of what stands of a log."""
    ### BEGIN SOLUTION
    standing = []
    for a, b, clicked in log:
        standing = standing[:-1] if clicked == "undo" else [*standing, (a, b, clicked)]
    wins = {"a": 1.0, "b": 0.0, "tie": 0.5}
    votes = [vote for vote in standing if vote[2] in wins]
    differences = features.new_zeros(len(votes), features.shape[1])
    for row, (a, b, _) in enumerate(votes):
        differences[row] = features[a] - features[b]
    return differences, features.new_tensor([wins[vote[2]] for vote in votes])
    ### END SOLUTION


# %% id="13-3-check"
replay_votes = check(replay_votes)

# %% [markdown] id="13-3-use-text"
# Three votes, one of them taken back.

# %% id="13-3-use" tags=["nbval-check-output"]
texts = torch.tensor([[0.0], [1.0], [3.0]])
clicks = [(1, 0, "a"), (2, 1, "b"), (2, 1, "undo"), (2, 1, "tie")]
differences, wins = replay_votes(clicks, texts)
print(differences[:, 0].tolist(), wins.tolist())

# %% id="13-3-claim" tags=["nbval-check-output"]
from course import claim

claim("four clicks, of which one takes another back, leave two votes", len(wins) == 2)

# %% [markdown] id="13-4-text"
# - **Given** `thumbs`, a list of (prompt, text, up).
# - **Return** a list of (prompt, chosen, rejected): every thumb up with every thumb
#   down of the same prompt and another text, in the order of the thumbs up, then of
#   those down. *About 4 lines.*


# %% id="13-4-stub" tags=["exercise"]
def thumbs_to_pairs(
    thumbs: Sequence[tuple[str, str, bool]],
) -> list[tuple[str, str, str]]:
    """(prompt, chosen, rejected) for thumbs, (prompt, text, up)."""
    ### BEGIN SOLUTION
    ups = [(prompt, text) for prompt, text, up in thumbs if up]
    downs = [(prompt, text) for prompt, text, up in thumbs if not up]
    return [
        (prompt, chosen, rejected)
        for prompt, chosen in ups
        for other, rejected in downs
        if other == prompt and chosen != rejected
    ]
    ### END SOLUTION


# %% id="13-4-check"
thumbs_to_pairs = check(thumbs_to_pairs)

# %% [markdown] id="13-4-use-text"
# Three thumbs under one prompt, one under another.

# %% id="13-4-use" tags=["nbval-check-output"]
pressed = [("The", " good", True), ("The", " bad", False), ("The", " dull", False),
           ("A film", " fine", True)]  # fmt: skip
for pair in thumbs_to_pairs(pressed):
    print(pair)
