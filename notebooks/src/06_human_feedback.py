# %% [markdown] id="06-title"
# # 6 · Human feedback
#
# People disagree. You measure by how much, turn ratings into votes and votes into
# strengths, and compute the ceiling that no reward model can pass.
#
# When you have read this chapter you can:
#
# - compute how well raters agree, with an interval, and say for how many raters;
# - turn the ratings of two texts into the probability that one is preferred;
# - say which accuracy a perfect reward model would have, and against what;
# - fit Bradley–Terry strengths, and say when votes do not determine them;
# - tell noise, which more votes remove, from bias, which they do not.

# %% [markdown] id="06-data-text"
# ## What ratings look like
#
# Each text is a sentence from a movie review. People rated how positive it is, from −4
# to +4. The list of ratings does not say who gave which. A **rating table** has one row
# a text and one column a rater; texts with fewer raters are padded, and a mask says
# which ratings are real.
#
# Then take all texts whose mean rating lies near +1. In which of them do people agree
# most, and in which least? The **standard deviation** of a text's ratings says how far
# people are from each other.

# %% id="06-data" tags=["nbval-check-output"]
import torch

from course import claim
from course.data import reviews
from course.reward.agreement import rating_table

rows = reviews.load("movies")
table = rating_table(rows["ratings"][:])
ratings, mask = table  # (texts, raters) both
mean = table.means()  # (texts,)
count = mask.sum(1)
print(f"{len(rows)} texts, {int(count.sum())} ratings")
print(f"{int(count.min())} to {int(count.max())} raters a text")
claim("on average the texts are neither liked nor disliked", mean.mean().abs() < 0.1)

# %% id="06-examples"
import matplotlib.pyplot as plt

from course import plots

spread = torch.tensor(rows["sd"][:])  # within each text, rating units
near = ((mean - 1).abs() < 0.1).nonzero().flatten()
calm = int(near[spread[near].argmin()])
split = int(near[spread[near].argmax()])
_, axes = plt.subplots(1, 2, sharey=True)
for ax, i, name in zip(axes, (calm, split), ("agree", "disagree"), strict=True):
    print(f"{name}: {rows[i]['text'][:80]}")
    ax.hist(rows[i]["ratings"], [x - 0.5 for x in range(-4, 6)], rwidth=0.9)
    ax.set(title=f"they {name}: mean {mean[i]:+.1f}", xlabel="rating")
axes[0].set_ylabel("people")
plt.suptitle("One mean, two kinds of crowd", ha="left", x=0.02)
plt.show()

# %% id="06-examples-claim" tags=["nbval-check-output"]
claim("two texts with nearly the same mean differ by 1.5 or more in spread",
      spread[split] > spread[calm] + 1.5)  # fmt: skip
typical = spread.mean()
claim("a typical text has a spread between 0.8 and 1.0", 0.8 < typical < 1.0)
claim("the texts' means differ more than people do about one text",
      mean.std() > 1.5 * typical)  # fmt: skip

# %% [markdown] id="06-agree-text"
# *The figure: two histograms of ratings. On the left nearly all people give the same
# rating; on the right ratings reach from one end of the scale to the other.*
#
# A reward model that is trained on means never sees this difference. Keep it in mind.
#
# ## How well do people agree?
#
# Two numbers are common, and they answer different questions.
#
# **One against the rest.** Take one rating $x$ of every text and the mean $y$ of all
# *other* ratings of it. Pearson's correlation $r(x, y)$ over the texts says how well
# one person predicts the crowd.
#
# **Split halves.** Divide the raters of every text at random into two groups, with
# means $a$ and $b$. Then $r(a, b)$ says how well two *crowds* of half the size agree.
#
# **Predict first.** Which is larger?
#
# <details><summary>Answer</summary>
#
# The split halves. Means of many people are less noisy than a single rating, so two
# halves agree more than one person agrees with a crowd. A number of agreement means
# nothing without the number of raters.
#
# </details>

# %% id="06-agree"
from course.reward.agreement import one_against_rest, split_half, two_groups
from course.reward.metrics import pearson
from course.runtime import generator

one, _ = two_groups(mask, 1, generator(0))  # one rater of every text
rest = mask & ~one
x = (ratings * one).sum(1)
y = (ratings * rest).sum(1) / rest.sum(1)
first, second = two_groups(mask, count // 2, generator(1))
a = (ratings * first).sum(1) / first.sum(1)
b = (ratings * second).sum(1) / second.sum(1)
r_one, r_half = pearson(x, y), pearson(a, b)
print(f"one against the rest: r = {r_one:.3f}")
print(f"split halves:         r = {r_half:.3f}")

# %% [markdown] id="06-interval-text"
# How sure are these numbers? The **bootstrap** answers without a formula. Draw as many
# texts as there are, with replacement, and compute $r$ again; do it 300 times. The
# middle 95 % of the results are the interval. It covers luck in *which texts* were
# asked about, not in who was asked.

# %% id="06-interval"
from course.reward.agreement import bootstrap_interval

n = len(rows)
low_one, high_one = bootstrap_interval(
    lambda i: pearson(x[i], y[i]), n, generator(0), draws=300)  # fmt: skip
low_half, high_half = bootstrap_interval(
    lambda i: pearson(a[i], b[i]), n, generator(0), draws=300)  # fmt: skip
print(f"one against the rest: {low_one:.3f} to {high_one:.3f}")
print(f"split halves:         {low_half:.3f} to {high_half:.3f}")

# %% id="06-agree-claim" tags=["nbval-check-output"]
# seeds tried for the claims of this chapter: 0, 1, 2
claim("our lines are the course's functions",
      split_half(ratings, first, second) == r_half
      and one_against_rest(table, generator(0)) == r_one)  # fmt: skip
claim("one against the rest: r between 0.87 and 0.90", 0.87 < r_one < 0.90, r=r_one)
claim("split halves: r between 0.965 and 0.975", 0.965 < r_half < 0.975, r=r_half)
claim("both intervals are narrower than 0.02",
      max(high_one - low_one, high_half - low_half) < 0.02)  # fmt: skip
claim("and they are far apart", high_one + 0.05 < low_half)

# %% [markdown] id="06-grow-text"
# ## Agreement grows with the number of raters
#
# Let two groups of $n$ raters each rate every text. If raters are interchangeable, the
# agreement $r_1$ of two single people predicts that of any two groups: the formula of
# **Spearman and Brown** (both 1910),
#
# $$ r_n = \frac{n \, r_1}{1 + (n - 1) \, r_1}. $$
#
# **Predict first.** Two single people agree with about $r_1 = 0.8$. How many raters
# does each group need for 0.95?
#
# <details><summary>Answer</summary>
#
# Solve for n: $n = 0.95 \cdot 0.2 / (0.8 \cdot 0.05) = 4.75$, so five. The first few
# raters of a text win almost everything.
#
# </details>

# %% id="06-grow"
from course.reward.agreement import spearman_brown

measured = []
for n in range(1, 8):  # 15 raters or more: two groups of up to 7
    groups = two_groups(mask, n, generator(n))
    measured.append(split_half(ratings, *groups))
r_1 = measured[0]
more = range(1, 21)
r_n = [n * r_1 / (1 + (n - 1) * r_1) for n in more]
misses = [abs(m - p) for m, p in zip(measured, r_n, strict=False)]
fits = max(misses) < 0.01
plots.curves(
    {"measured": (range(1, 8), measured), "Spearman–Brown, from n = 1": (more, r_n)},
    title="Five raters a side agree at 0.95, "
    + ("as one pair of raters predicts" if fits else "unlike the prediction"),
    x="raters in each group", y="Pearson r between the groups' means",
    levels={"perfect agreement": 1.0},
)  # fmt: skip

# %% id="06-grow-claim" tags=["nbval-check-output"]
claim("the formula is the course's", r_n == [spearman_brown(r_1, n) for n in more])
claim("two single people: r between 0.77 and 0.82", 0.77 < r_1 < 0.82, r=r_1)
claim("five raters a side reach 0.945", measured[4] > 0.945, r=measured[4])
claim("every added rater helps, and less than the one before",
      all(0 < d2 < d1 for d1, d2 in zip(
          [q - p for p, q in zip(measured[:4], measured[1:5], strict=True)],
          [q - p for p, q in zip(measured[1:5], measured[2:6], strict=True)],
          strict=True)))  # fmt: skip
claim("Spearman and Brown's prediction is within 0.01", fits)

# %% [markdown] id="06-pairs-text"
# *The figure: the measured points rise steeply from about 0.8 for single people,
# flatten towards 1, and lie on the predicted curve.*
#
# ## From ratings to preferences
#
# Reward models are often trained on *choices*. What would people choose between two
# texts $a$ and $b$? Let every rater of $a$ meet every rater of $b$. The one who rated
# higher wins; equal ratings are a **tie** and count half:
#
# $$ P(a \succ b) = \frac{\text{wins} + \text{ties} / 2}
#    {\text{wins} + \text{ties} + \text{losses}}. $$

# %% id="06-pairs" tags=["nbval-check-output"]
from course.reward.ranking import pair_probability

rated_a = torch.tensor([3, 2, 2, 1])
rated_b = torch.tensor([2, 1, 1, -1])
d = rated_a[:, None] - rated_b  # (raters of a, raters of b)
wins, ties, losses = (int(s.sum()) for s in (d > 0, d == 0, d < 0))
P = (wins + ties / 2) / (wins + ties + losses)
print(f"wins {wins}, ties {ties}, losses {losses}: P = {P:.3f}")
claim("our line is the course's", pair_probability(rated_a, rated_b) == P)
claim("the two directions sum to 1", P + pair_probability(rated_b, rated_a) == 1)

# %% [markdown] id="06-gap-text"
# Now 4,000 random pairs of real texts. How does $P(a \succ b)$ hang on the difference
# $m_a - m_b$ of the mean ratings? The Bradley–Terry model of the next chapter says: by
# a sigmoid, $P = \sigma(k \, (m_a - m_b))$, with one factor $k$ for all pairs.

# %% id="06-gap"
from course.reward.ranking import pair_votes

i, j = torch.randint(len(rows), (2, 4000), generator=generator(2))
i, j = i[i != j], j[i != j]
votes = pair_votes(ratings[i], mask[i], ratings[j], mask[j])
wins, ties, losses = votes
P = (wins + ties / 2) / (wins + ties + losses)
d = mean[i] - mean[j]
loss = {k: float(-(P * torch.sigmoid(k * d).log()
                   + (1 - P) * torch.sigmoid(-k * d).log()).mean())
        for k in (x / 20 for x in range(10, 61))}  # fmt: skip
k = min(loss, key=loss.get)
inside = [(d > c - 0.5) & (d <= c + 0.5) for c in range(-5, 6)]
where = [float(d[s].mean()) for s in inside]
share = [float(P[s].mean()) for s in inside]
line = torch.linspace(-6, 6, 61)
plots.curves({"shares of real votes": (where, share), f"σ({k:.2f} × difference)":
              (line.tolist(), torch.sigmoid(k * line).tolist())},
             title="A sigmoid turns rating differences into shares of votes",
             x="difference of the mean ratings", y="P(a ≻ b)")  # fmt: skip

# %% id="06-gap-claim" tags=["nbval-check-output"]
bend = max(abs(float(torch.sigmoid(torch.tensor(k * w))) - s)
           for w, s in zip(where, share, strict=True))  # fmt: skip
claim("one sigmoid is within 0.05 of all shares of votes", bend < 0.05, worst=bend)
tied = float(ties.sum() / (wins + ties + losses).sum())
claim("between 10 and 20 % of all meetings are ties", 0.10 < tied < 0.20, ties=tied)

# %% [markdown] id="06-ceiling-text"
# *The figure: an S-shaped curve of vote shares, from almost 0 at −5 over one half at
# 0 to almost 1 at +5, with the fitted sigmoid close to it.*
#
# ## The ceiling
#
# A judge, man or machine, must name one side of every pair. People are split, so it
# cannot agree with all of them. The best it can do is to name the majority's side:
#
# $$ \text{ceiling} = \frac{\sum_i \max(\text{wins}_i, \text{losses}_i)}
#    {\sum_i (\text{wins}_i + \text{losses}_i)}. $$
#
# Computed from the very votes that judge it, this is a little too high: the majority
# was partly luck. So we also name sides by *half* of the raters and let the other half
# judge, which is a little too low. The truth lies between.
#
# Against the **crowd's** order, the one of the mean ratings, the ceiling is another:
# how often do the means of two half crowds order a pair alike?

# %% id="06-ceiling"
from course.reward.agreement import pairwise_ceiling

top = float(torch.maximum(wins, losses).sum() / (wins + losses).sum())
known = pair_votes(ratings[i], first[i], ratings[j], first[j])
fresh = pair_votes(ratings[i], second[i], ratings[j], second[j])
decided = fresh.wins + fresh.losses
right = torch.where(known.wins > known.losses, fresh.wins, fresh.losses)
right = torch.where(known.wins == known.losses, decided / 2, right)  # no majority
bottom = float(right.sum() / decided.sum())
clear = d.abs() > 0.5
same = ((a[i] - a[j]) * (b[i] - b[j]) > 0).double()
bars = {"a coin": 0.5, "one vote: at least": bottom, "one vote: at most": top,
        "a crowd, all pairs": float(same.mean()),
        "one vote, means over 0.5 apart": pairwise_ceiling(wins[clear], losses[clear]),
        "a crowd, means over 0.5 apart": float(same[clear].mean())}  # fmt: skip
plots.ladder(bars, title="The ceiling depends on who judges, and which pairs",
             x="pairs that the best judge gets right", digits=3)  # fmt: skip

# %% id="06-ceiling-claim" tags=["nbval-check-output"]
claim("our line is the course's", abs(top - pairwise_ceiling(wins, losses)) < 1e-6)
claim("no judge agrees with more than 92 % of single votes", top < 0.92, top=top)
claim("the two estimates enclose less than 3 points", 0 < top - bottom < 0.03)
claim("clear pairs have a ceiling at least 3 points higher",
      bars["one vote, means over 0.5 apart"] > top + 0.03)  # fmt: skip
claim("there, two half crowds agree on at least 98 % of the pairs",
      bars["a crowd, means over 0.5 apart"] > 0.98)  # fmt: skip
reliable = spearman_brown(r_half, 2)  # all raters instead of half
claim("a perfect score would reach r = 0.99 with the mean rating",
      0.99 < reliable**0.5 < 0.995)  # fmt: skip

# %% [markdown] id="06-bt-text"
# *The figure: six bars. A coin has 0.5; the ceilings lie between about 0.88 and 0.99,
# higher for clear pairs, and highest for a crowd that judges clear pairs.*
#
# The last claim is the ceiling for *correlation*: even the true value of a text cannot
# correlate with a noisy mean by more than the square root of its **reliability**, the
# Spearman–Brown value for all raters. Chapter 07 reports r and accuracy on clear pairs;
# now you know what they are to be compared with.
#
# ## Strengths from votes: Bradley–Terry
#
# Often there are only votes, no ratings. The **Bradley–Terry model** gives every item a
# **strength** $s$, in nats, and says
#
# $$ P(i \succ j) = \sigma(s_i - s_j), \qquad
#    L = -\sum_{i, j} w_{ij} \log \sigma(s_i - s_j), $$
#
# with $w_{ij}$ how often $i$ was preferred to $j$, ties counting half for each. The
# strengths that make the votes most likely, those of least $L$, are the fit. We make
# 3,000 votes on 40 texts: each time two of them meet, with one real rating each.

# %% id="06-bt"
from course.reward.ranking import bradley_terry_fit, win_matrix

items, N = 40, 3000
chosen = torch.randperm(len(rows), generator=generator(3))[:items]
i = torch.randint(items, (N,), generator=generator(4))
j = (i + torch.randint(1, items, (N,), generator=generator(5))) % items
sides = []
for side, seed in ((i, 6), (j, 7)):  # one rating of each text, at random
    u = torch.rand(N, generator=generator(seed))
    sides.append(ratings[chosen[side], (u * count[chosen[side]]).long()])
outcome = ((sides[0] - sides[1]).sign() + 1) / 2  # 1, 0, or 0.5 for a tie
w = win_matrix(i, j, outcome, items)  # (items, items)
s = bradley_terry_fit(w)
print(f"strengths from {s.min():.2f} to {s.max():.2f} nats")

# %% id="06-bt-figure"
from course.reward.ranking import strength_errors

error = strength_errors(s, w)
_, axes = plt.subplots()
axes.errorbar(mean[chosen], s, 2 * error, fmt="o", markersize=4, linewidth=1)
plots.finish(axes, "Votes alone recover the order of the ratings",
             "mean rating of the text (the fit never saw it)",
             "strength in nats, ± 2 standard errors")  # fmt: skip

# %% id="06-bt-claim" tags=["nbval-check-output"]
by_hand = torch.zeros(items, dtype=torch.float64, requires_grad=True)
for _ in range(800):  # plain gradient descent
    L = -(w * torch.sigmoid(by_hand[:, None] - by_hand).log()).sum()
    (slope,) = torch.autograd.grad(L, by_hand)
    by_hand = (by_hand - 0.02 * slope).detach().requires_grad_()
claim("gradient descent on L finds the same strengths",
      (by_hand - s).abs().max() < 0.01)  # fmt: skip
claim("strengths and mean ratings have r of at least 0.97",
      pearson(s, mean[chosen]) > 0.97)  # fmt: skip
expected = ((w + w.T) * torch.sigmoid(s[:, None] - s)).sum(1)
claim("every text is expected to win as often as it did",
      torch.allclose(expected, w.sum(1), atol=1e-6))  # fmt: skip
try:
    bradley_terry_fit(torch.tensor([[0.0, 2, 1], [0, 0, 1], [0, 1, 0]]))
except ValueError as complaint:
    print(complaint)

# %% [markdown] id="06-elo-text"
# *The figure: 40 points with error bars, rising from lower left to upper right.*
#
# The complaint at the end is about three items of which the first never lost. Its most
# likely strength is infinite: votes do not say how *much* better it is.
#
# ## Elo: one vote at a time
#
# Public rankings of chat models began with **Elo**, from chess. After each vote,
#
# $$ E_i = \frac{1}{1 + 10^{(R_j - R_i) / 400}}, \qquad
#    R_i \leftarrow R_i + k \, (y - E_i), \quad R_j \leftarrow R_j - k \, (y - E_i), $$
#
# with $y$ = 1, 0 or 0.5. With $R = \frac{400}{\ln 10} \, s$ this is one gradient step
# on the Bradley–Terry loss of this one vote; $k$ is the learning rate.
#
# **Predict first.** We go through the same votes again and again. What happens to Elo
# when $k$ stays at 64, and what when it is halved after each pass?
#
# <details><summary>Answer</summary>
#
# With a fixed k every new vote moves the ratings by up to 64 points for ever: they
# jitter around the optimum. With a falling k they settle near it. This is stochastic
# gradient descent, with the same trade.
#
# </details>

# %% id="06-elo"
from course.reward.ranking import ELO_PER_NAT, elo_update


def elo(passes, i, j, outcome, start=0.0):
    """Elo ratings after every pass; passes: the k of each."""
    R, kept = [start] * items, []
    for number, k in enumerate(passes):
        for n in torch.randperm(N, generator=generator(number)).tolist():
            E = 1 / (1 + 10 ** ((R[j[n]] - R[i[n]]) / 400))
            change = k * (outcome[n] - E)
            R[i[n]] += change
            R[j[n]] -= change
        kept.append(torch.tensor(R, dtype=torch.float64) - start)
    return kept


meetings = i.tolist(), j.tolist(), outcome.tolist()
fixed, falling = elo([64] * 7, *meetings), elo([64 / 2**p for p in range(7)], *meetings)
away = [[float((R / ELO_PER_NAT - s).abs().mean()) for R in run]
        for run in (fixed, falling)]  # fmt: skip
plots.curves({"k = 64 for ever": (range(1, 8), away[0]),
              "k halved after each pass": (range(1, 8), away[1])},
             title="Elo settles at Bradley–Terry only where k falls",
             x="passes through the votes",
             y="mean distance to Bradley–Terry, nats",
             levels={"mean standard error of a strength": float(error.mean())},
             )  # fmt: skip

# %% id="06-elo-claim" tags=["nbval-check-output"]
R = torch.tensor([100.0, -50.0, 0.0])
E = 1 / (1 + 10 ** ((R[1] - R[0]) / 400))
moved = elo_update(R, 0, 1, 0.0, 32.0) - R
claim("the course's update moves by k (y - E)",
      torch.allclose(moved, 32 * (0 - E) * torch.tensor([1, -1, 0])))  # fmt: skip
claim("with a falling k Elo ends within one standard error of Bradley–Terry",
      away[1][-1] < error.mean(), distance=away[1][-1])  # fmt: skip
claim("with a fixed k it stays at least 1.25 times as far away",
      away[0][-1] > 1.25 * away[1][-1])  # fmt: skip
claim("both agree on the order: r of at least 0.99",
      pearson(falling[-1], s) > 0.99)  # fmt: skip
shifted = elo([64], *meetings, start=1500.0)[0]
claim("Elo is relative: starting at 1500 changes no difference",
      torch.allclose(shifted, fixed[0], atol=1e-6))  # fmt: skip

# %% [markdown] id="06-sim-text"
# *The figure: the line with fixed k soon stops falling and wobbles; the line with
# falling k ends below it, under the level of the standard error.*
#
# ## An annotator with dials
#
# Of real people we never know the truth. So we build an annotator of whom we do. It
# prefers $a$ with log-odds
#
# $$ z = \frac{m_a - m_b}{\text{noise}} + \text{bias} \cdot
#    \log_2 \frac{\text{length}_a}{\text{length}_b}. $$
#
# **Noise** is in rating units; **bias** is in nats for a text twice as long. The first
# term is a Bradley–Terry model with strengths $m / \text{noise}$. But so is the whole:
# length, too, belongs to one text at a time. **Predict first:** what will a fit do with
# a biased annotator?
#
# <details><summary>Answer</summary>
#
# It fits perfectly, with strengths m/noise + bias · log₂ length. Nothing in the votes
# says that a part of the strength is not quality. A good fit is no sign of good
# annotators.
#
# </details>

# %% id="06-sim"
from course.reward.annotator import annotate, choice_logits

m = mean[chosen] - mean[chosen].mean()
words = torch.tensor([len(rows[n]["text"].split()) for n in chosen.tolist()])
doublings = words.double().log2()
doublings = doublings - doublings.mean()


def ask(number, noise, bias, seed=0):
    """Strengths and their standard errors, fitted to simulated votes."""
    g = generator(seed)
    i = torch.randint(items, (number,), generator=g)
    j = (i + torch.randint(1, items, (number,), generator=g)) % items
    z = choice_logits(m[i] - m[j], words[i] / words[j], noise=noise, length_bias=bias)
    w = win_matrix(i, j, annotate(z, generator=g), items)
    s = bradley_terry_fit(w)
    return s, strength_errors(s, w)


dials, found = [(1, 0), (2, 0), (4, 0), (1, 0.5), (1, 1)], {}
for dial in dials:
    s_sim, _ = ask(20_000, *dial)
    part = torch.linalg.lstsq(torch.stack([m, doublings], 1), s_sim).solution
    found[dial] = part.tolist()
    print(f"noise {dial[0]}, bias {dial[1]:.1f}: strength = {part[0]:.2f} × rating "
          f"{part[1]:+.2f} × doublings of length")  # fmt: skip

# %% id="06-sim-figure"
_, axes = plt.subplots(1, 2)
for noise in (1, 2, 4):
    axes[0].scatter(m, ask(20_000, noise, 0)[0], s=9, label=f"noise {noise}")
for bias in (0, 1):
    axes[1].scatter(doublings, ask(20_000, 1, bias)[0] - m, s=9, label=f"bias {bias}")
axes[0].set(title="Noise shrinks all strengths", xlabel="mean rating, centred",
            ylabel="fitted strength, nats")  # fmt: skip
axes[1].set(title="Bias hides inside them", xlabel="doublings of length, centred",
            ylabel="strength − rating, nats")  # fmt: skip
for ax in axes:
    ax.legend()
plt.show()

# %% id="06-sim-claim" tags=["nbval-check-output"]
fits = [ask(20_000, 1, 0, seed) for seed in range(20)]
claim("without bias planted strengths come back: r of at least 0.995",
      min(pearson(s_fit, m) for s_fit, _ in fits) > 0.995)  # fmt: skip
# z² has mean 1; of 20 × 40 strengths its standard error is sqrt(2 / 800) = 0.05
z2 = float(torch.cat([((s_fit - m) / se) ** 2 for s_fit, se in fits]).mean())
claim("and are off by as much as the standard errors say: mean z² of 1 ± 0.15",
      abs(z2 - 1) < 0.15, z2=z2)  # fmt: skip
claim("four times the noise: a quarter of the scale, within 0.05",
      abs(found[4, 0][0] - 1 / 4) < 0.05)  # fmt: skip
claim("the bias that was set is found in the strengths, within 0.1",
      all(abs(found[dial][1] - dial[1]) < 0.1 for dial in dials))  # fmt: skip

# %% [markdown] id="06-control-text"
# *The figure: on the left three rising clouds, the flatter the more noise; on the right
# a flat cloud without bias and a rising one with it.*
#
# ## Negative control: votes by a coin
#
# Votes that know nothing must agree with the crowd in half of the cases, and their
# strengths must be no larger than their standard errors. If not, our measures would
# find signal in anything.

# %% id="06-control" tags=["nbval-check-output"]
i, j = meetings[0], meetings[1]
better = mean[chosen][i] > mean[chosen][j]  # what the crowd says


def agrees(outcome):
    """Share of the decided votes that agree with the crowd's order."""
    decided = outcome != 0.5
    return float(((outcome == 1) == better)[decided].double().mean())


coin = torch.randint(2, (N,), generator=generator(8)).double()
w_coin = win_matrix(torch.tensor(i), torch.tensor(j), coin, items)
s_coin = bradley_terry_fit(w_coin)
z2_coin = float(((s_coin / strength_errors(s_coin, w_coin)) ** 2).mean())
z2_real = float(((s / error) ** 2).mean())
claim("coin votes agree with the crowd in 50 %, within three standard errors",
      abs(agrees(coin) - 0.5) < 3 * 0.5 / N**0.5, share=agrees(coin))  # fmt: skip
claim("real votes agree in more than 80 %", agrees(outcome) > 0.8)
claim("coin strengths are as small as their errors (mean z² below 1.67)",
      z2_coin < 1.67, z2=z2_coin)  # fmt: skip
claim("real strengths are far beyond them (mean z² above 20)", z2_real > 20)

# %% [markdown] id="06-examined-text"
# ## A common description, examined
#
# > "Disagreement between annotators is noise that more data will average away."
#
# Three tests. **One:** does the disagreement shrink when more people are asked?
# **Two:** if it is noise, what a person adds to one text says nothing about the next.
# In this file, places in the lists of neighbouring texts seem to belong to the same
# people. So we correlate the deviations from the mean at one place in two neighbouring
# texts. **Three:** the simulated annotator, with and without bias, asked ever more.

# %% id="06-examined"
few, many = (two_groups(mask, n, generator(n))[0] for n in (3, 7))


def variance(group):
    """Unbiased variance of the ratings of a text, averaged over the texts."""
    n = group.sum(1)
    centre = (ratings * group).sum(1) / n
    return float((((ratings - centre[:, None]) * group) ** 2).sum(1).div(n - 1).mean())


deviation = ratings[:, 0] - mean  # place 0; each text has one
neighbours = pearson(deviation[:-1], deviation[1:])
mixed = deviation[torch.randperm(len(rows), generator=generator(9))]
strangers = pearson(mixed[:-1], mixed[1:])
print(f"variance among 3 raters {variance(few):.3f}, among 7 {variance(many):.3f}")
print(f"one place, neighbouring texts: r = {neighbours:.2f}; mixed: {strangers:.2f}")
numbers = [2000, 6000, 20_000, 60_000, 200_000]
off = {bias: [float((ask(n, 1, bias)[0] - m).square().mean().sqrt()) for n in numbers]
       for bias in (0, 0.5)}  # fmt: skip
plots.curves({"noise only": (numbers, off[0]), "noise and bias": (numbers, off[0.5])},
             title="More votes remove the noise and leave the bias",
             x="votes", y="error of the strengths, nats")  # fmt: skip

# %% id="06-examined-claim" tags=["nbval-check-output"]
claim("seven raters disagree as much as three, within 5 %",
      abs(variance(many) / variance(few) - 1) < 0.05)  # fmt: skip
claim("deviations at one place go on in the next text: r above 0.2", neighbours > 0.2)
claim("in mixed order they do not", abs(strangers) < 0.03)
claim("100 times the votes cut the error of pure noise to less than a fifth",
      off[0][-1] < off[0][0] / 5)  # fmt: skip
claim("of the bias, more than half of the error is still there",
      off[0.5][-1] > off[0.5][0] / 2)  # fmt: skip

# %% [markdown] id="06-examined-after"
# *The figure: the error of pure noise falls towards 0; with bias it stops falling.*
#
# So the description is wrong in three ways. Asking more people makes the *mean* more
# certain; people go on disagreeing, and the ceiling against one vote stays. A part of
# the disagreement is habit: some rate higher than others for a while. And what
# annotators share, such as a love of length, is not disagreement at all: it looks like
# agreement, and more votes only make it more certain.
#
# ## Play: your own votes
#
# The labeller shows two texts and keeps your choice in a small SQLite file, one row a
# vote. First by code: a scripted annotator votes by the lexicon, adding up the
# friendliness of known words, into a temporary file. The claims reopen that file.
#
# Then you, in the panel. Vote on ten pairs or more; your votes stay in the course's
# folder, also when the kernel dies. Do you agree with the crowd more often than the
# lexicon does? All these pairs are clear ones, so the ceiling is high.
#
# Last, question 6.6: write your share in place of `None`. Without the panel,
# `agreement_question(scripted)` asks the same about the scripted votes, and
# `hint(question)` and `solution(question)` help.

# %% id="06-votes"
import tempfile
from pathlib import Path

from course.reward.preferences import PreferenceStore
from course.reward.rules import lexicon_score
from course.widgets import show_labels
from course.widgets.labeller import Session, agreement, label_by_rule

folder = tempfile.TemporaryDirectory()
pairs = list(reviews.pairs(reviews.load("movies", "validation"), 60, min_gap=1.0))
scripted = Session(pairs, PreferenceStore(Path(folder.name) / "votes.sqlite", "words"))


def by_words(text_a, text_b):
    one, other = lexicon_score([text_a, text_b]).tolist()
    return "a" if one > other else "b" if other > one else "tie"


label_by_rule(scripted, by_words, 60)
show_labels(scripted)

# %% id="06-votes-claim" tags=["nbval-check-output"]
again = PreferenceStore(scripted.store.path)  # as after a restart of the kernel
claim("all 60 votes survive reopening the file", len(again) == 60)
claim("they are the same votes", again.votes() == scripted.store.votes())
print("columns for training:", again.to_dataset().column_names)
by_lexicon = agreement(scripted.outcomes())
claim("the lexicon agrees with the crowd more often than a coin, less than people",
      0.55 < by_lexicon < top, share=by_lexicon)  # fmt: skip

# %% id="06-play" tags=["widget"]
from course.widgets import preference_labeller

mine = PreferenceStore(annotator="me")
preference_labeller(pairs, mine)

# %% id="06-question"
from course import check, hint, solution  # noqa: F401
from course.widgets.exercises import agreement_question

question = agreement_question(Session(pairs, mine))
print(question)
answer = check(None, question)  # your share in place of None

# %% [markdown] id="06-limits"
# ## What was shown, and what not
#
# One person predicts the crowd well, two crowds agree better, and Spearman and Brown's
# formula says how much. A sigmoid turns differences of ratings into shares of votes.
# Because people are split, no judge can agree with all votes, and the ceiling depends
# on the pairs and on who judges. Bradley–Terry recovers strengths from votes, Elo does
# so one vote at a time. Neither can tell shared bias from quality.
#
# **Limits.** Our "votes" on real texts are ratings by different people that were
# compared afterwards. One person who reads both texts might be more consistent; then
# the ceiling against single votes is higher than here. The intervals cover the choice
# of texts, not of raters. That neighbouring places belong to one person is a guess from
# the numbers; the file does not say it. The annotator with dials has the two faults we
# gave it, and real people have others.
#
# ## Test yourself
#
# 1. Why is r = 0.97 of split halves no better data than r = 0.88 of one person?
# 2. Which is higher, and why: the ceiling against one vote or against the crowd?
# 3. What must you know before a pair accuracy of 78 % means something?
# 4. When has the Bradley–Terry fit no finite answer?
# 5. What is k in Elo, seen as gradient descent?
# 6. Why can a biased annotator give a perfect fit?
#
# ## Read on
#
# - C. Spearman, *Correlation Calculated from Faulty Data*, and W. Brown, *Some
#   Experimental Results in the Correlation of Mental Abilities*, both 1910.
# - R. A. Bradley and M. E. Terry, *Rank Analysis of Incomplete Block Designs*, 1952.
# - D. R. Hunter, *MM Algorithms for Generalized Bradley–Terry Models*, 2004: the loop
#   of exercise 6.2, and when the optimum exists.
# - W.-L. Chiang and others, *Chatbot Arena*, 2024, arXiv:2403.04132: from Elo to
#   Bradley–Terry, with intervals.
# - P. Singhal and others, *A Long Way to Go*, 2023, arXiv:2310.03716: length.
# - C. J. Hutto and E. Gilbert, *VADER*, 2014: where these ratings come from.
#
# **Next:** the exercises in `exercises/06_human_feedback.ipynb`; then chapter 07 learns
# a reward model from these ratings.
