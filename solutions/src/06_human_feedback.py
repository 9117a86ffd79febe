# %% [markdown] id="06-title"
# # Exercises for chapter 6 · Human feedback
#
# Five functions turn what people say into numbers, and say how far to trust them. Write
# each in place of `raise NotImplementedError`, run its cell and the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case. No model is needed on this page.

# %% [markdown] id="06-1-text"
# - **Given** `ratings_a`, shape `(raters of a,)`, and `ratings_b`, shape
#   `(raters of b,)`: what different people gave to two texts. The numbers of raters
#   may differ.
# - **Return** a float, $P(a \succ b)$: of all ways to let one rater of a meet one rater
#   of b, the share where a's rating is higher. A tie counts half.
# - *About 2 lines.*

# %% id="06-1-stub" tags=["exercise"]
import torch
from torch import Tensor


def pair_probability(ratings_a: Tensor, ratings_b: Tensor) -> float:
    """Chance that a rater of a rates higher than a rater of b; ties count half.

    ratings_a: shape (raters of a,).  ratings_b: shape (raters of b,).
    Returns a float from 0 to 1.
    """
    ### BEGIN SOLUTION
    sign = (ratings_a[:, None] - ratings_b).sign()  # (raters of a, raters of b)
    return float((sign.double().mean() + 1) / 2)
    ### END SOLUTION


# %% id="06-1-check"
pair_probability = check(pair_probability)

# %% [markdown] id="06-1-use-text"
# Two texts with the same mean rating. Is the probability one half? It need not be: one
# of them has a single very low rating, which the mean feels and most meetings do not.

# %% id="06-1-use" tags=["nbval-check-output"]
from course import claim

calm, split = torch.tensor([1.0, 1, 1, 1]), torch.tensor([2.0, 2, 2, -2])
print("means:", calm.mean().item(), split.mean().item())
print("the split text is preferred with P =", pair_probability(split, calm))
claim("equal means, and yet one is preferred", pair_probability(split, calm) > 0.7)

# %% [markdown] id="06-2-text"
# - **Given** `wins`, double precision, shape `(items, items)`: entry `[i, j]` says how
#   often i was preferred to j. A tie is half a win for each. The diagonal is 0, and the
#   votes connect all items, so that a finite answer exists.
# - **Return** the strengths $s$, shape `(items,)`, double precision, with mean 0, that
#   make these votes most likely under $P(i \succ j) = \sigma(s_i - s_j)$. Four right
#   decimals are enough; a thousand rounds of a simple loop are allowed.
# - *About 6 lines.*


# %% id="06-2-stub" tags=["exercise"]
def bradley_terry_fit(wins: Tensor) -> Tensor:
    """Most likely strengths in nats, mean 0.

    wins: entry [i, j] is how often i was preferred to j, shape (items, items).
    Returns shape (items,), double precision.
    """
    ### BEGIN SOLUTION
    games = wins + wins.T
    worth = torch.ones_like(wins[0])  # e to the power of the strength
    for _ in range(500):
        worth = wins.sum(1) / (games / (worth[:, None] + worth)).sum(1)
        worth = worth / worth.log().mean().exp()  # keeps the mean strength at 0
    return worth.log() - worth.log().mean()
    ### END SOLUTION


# %% id="06-2-check"
bradley_terry_fit = check(bradley_terry_fit)

# %% [markdown] id="06-2-use-text"
# B has won more of its games than A. But B only ever met the weak C, while A met the
# strong D. Who is stronger?

# %% id="06-2-use" tags=["nbval-check-output"]
wins = torch.zeros(4, 4, dtype=torch.float64)  # A, B, C, D
for i, j, won, lost in ((1, 2, 6, 4), (0, 3, 5, 5), (3, 2, 9, 1)):
    wins[i, j], wins[j, i] = won, lost
share = wins.sum(1) / (wins + wins.T).sum(1)
strengths = bradley_terry_fit(wins)
print("share of games won, A and B:", share[:2].tolist())
claim("B wins more of its games", share[1] > share[0])
claim("A is stronger by more than 1 nat", strengths[0] > strengths[1] + 1)

# %% [markdown] id="06-3-text"
# - **Given** `ratings`, shape `(texts, raters)`; `first` and `second`, bool, the same
#   shape: which ratings belong to which group. Places in neither group are padding.
# - **Return** a float: Pearson's $r$, over the texts, between the mean rating of the
#   first group and that of the second. Not stepped up to all raters.
# - *About 5 lines.*


# %% id="06-3-stub" tags=["exercise"]
def split_half(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    """Pearson's r between the means that two groups of raters give the texts.

    ratings: shape (texts, raters).  first, second: bool, the same shape.
    """
    ### BEGIN SOLUTION
    a = (ratings * first).double().sum(1) / first.sum(1)
    b = (ratings * second).double().sum(1) / second.sum(1)
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / (a.norm() * b.norm()))
    ### END SOLUTION


# %% id="06-3-check"
split_half = check(split_half)

# %% [markdown] id="06-3-use-text"
# Four texts, four raters. The left two and the right two agree well. A padded fifth
# column of nonsense must not change that.

# %% id="06-3-use" tags=["nbval-check-output"]
ratings = torch.tensor(
    [[3.0, 2, 3, 3], [-1, 0, -1, -2], [1, 1, 0, 1], [-3, -3, -2, -4]]
)
left = torch.tensor([[True, True, False, False]] * 4)
r = split_half(ratings, left, ~left)
print(f"r = {r:.2f}")
padded = torch.cat([ratings, torch.full((4, 1), -4.0)], 1)
nobody = torch.zeros(4, 1, dtype=torch.bool)
groups = [torch.cat([group, nobody], 1) for group in (left, ~left)]
claim("padding changes nothing", abs(split_half(padded, *groups) - r) < 1e-6)

# %% [markdown] id="06-4-text"
# - **Given** `ratings`, shape `(items,)`; `a` and `b`, who met; `outcome`, 1 when a
#   won, 0 when b did, 0.5 for a tie; `k`, the size of a step.
# - **Return** the ratings after the game, a **new** tensor of the same shape. The
#   expected outcome of a is $E = 1 / (1 + 10^{(R_b - R_a) / 400})$; a gains
#   $k \, (\text{outcome} - E)$, and b loses as much.
# - *About 6 lines.*


# %% id="06-4-stub" tags=["exercise"]
def elo_update(
    ratings: Tensor, a: int, b: int, outcome: float, k: float = 32.0
) -> Tensor:
    """Elo ratings after one game between a and b; a new tensor.

    ratings: shape (items,).  outcome: 1 when a won, 0.5 for a tie, 0 when b won.
    """
    ### BEGIN SOLUTION
    expected = 1 / (1 + 10 ** ((ratings[b] - ratings[a]) / 400))
    change = k * (outcome - expected)
    updated = ratings.clone()
    updated[a] += change
    updated[b] -= change
    return updated
    ### END SOLUTION


# %% id="06-4-check"
elo_update = check(elo_update)

# %% [markdown] id="06-4-use-text"
# A surprise moves the ratings far, a sure win hardly at all. The sum never changes.

# %% id="06-4-use" tags=["nbval-check-output"]
before = torch.tensor([1800.0, 1400.0])
for outcome, told in ((1.0, "the favourite wins"), (0.0, "the favourite loses")):
    after = elo_update(before, 0, 1, outcome)
    print(f"{told}: {after[0] - before[0]:+.1f} and {after[1] - before[1]:+.1f}")
    claim("no point is made or lost", abs(after.sum() - before.sum()) < 1e-2)

# %% [markdown] id="06-5-text"
# - **Given** `wins` and `losses`, shape `(pairs,)`: how many votes each pair has for a
#   and for b; ties are left out.
# - **Return** a float: the share of all votes that a judge agrees with who names the
#   side with more votes in every pair. Every vote weighs the same.
# - *About 2 lines.*


# %% id="06-5-stub" tags=["exercise"]
def pairwise_ceiling(wins: Tensor, losses: Tensor) -> float:
    """Largest share of decided votes that any fixed judge can agree with.

    wins, losses: votes for a and for b, pair by pair, shape (pairs,).
    """
    ### BEGIN SOLUTION
    best = torch.maximum(wins, losses).double().sum()
    return float(best / (wins + losses).double().sum())
    ### END SOLUTION


# %% id="06-5-check"
pairwise_ceiling = check(pairwise_ceiling)

# %% [markdown] id="06-5-use-text"
# Three pairs: one that everybody agrees on, one that splits people 7 to 3, one that is
# even. A reward model with 73 % on these votes: is it good?

# %% id="06-5-use" tags=["nbval-check-output"]
wins, losses = torch.tensor([10.0, 3.0, 5.0]), torch.tensor([0.0, 7.0, 5.0])
print(f"the best judge agrees with {pairwise_ceiling(wins, losses):.1%} of the votes")
best = pairwise_ceiling(wins, losses)
claim("73 % is as good as it gets on these votes", abs(best - 0.73) < 0.005, share=best)
