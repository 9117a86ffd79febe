# %% [markdown] id="09-title"
# # 9 · Policy gradients
#
# A text that was sampled cannot be differentiated, and yet this chapter turns one
# number about it into a gradient that is exact on average, and moves the review writer
# with it.
#
# When you have read it you can:
#
# - read text generation as a Markov decision process, and compute its returns and
#   values;
# - derive the score-function gradient, and check any loss against the exact one;
# - say what a baseline does to the mean and to the variance of a gradient, and when
#   it does harm;
# - write REINFORCE on one page, train a writer with it, and read score, KL and entropy
#   while it learns;
# - recognise three training loops that look right and do not climb the reward.

# %% [markdown] id="09-mdp-text"
# ## Writing is a sequence of decisions
#
# Training on texts says: imitate these. Now nobody shows the writer what to write.
# It writes, and somebody says how good that was: a person, a reward model, a unit
# test. Reinforcement learning has names for this situation, a **Markov decision
# process** (all names of this chapter: [glossary](../GLOSSARY.md#policy)):
#
# | name | symbol | for a writer |
# |---|---|---|
# | state | $s_t$ | the prefix: prompt and tokens so far |
# | action | $y_t$ | the next token |
# | transition | | append the token; no chance is involved |
# | policy | $\pi(y_t \mid s_t)$ | the language model's next-token probabilities |
# | reward | $r_t$ | what token $t$ earns at once; often 0 until the last token |
# | episode | $y$ | one completion, up to the end token EOS |
# | score | $r(y)$ | one number for the whole completion |
#
# We begin with a writer so small that nothing needs to be sampled. It knows the
# tokens EOS, a and b, and writes at most two. There are seven texts. Nine logits
# decide everything: three at the start, three after a, three after b. Somebody
# gave each text one to five stars.

# %% id="09-texts"
import matplotlib.pyplot as plt
import torch

from course import claim, plots
from course.plots import COLOURS
from course.policy.enumerable import NAMES, PREFIXES, TinyPolicy, bellman_backup
from course.runtime import generator

pi = TinyPolicy.random(generator(0), scale=0.5)
r = torch.tensor([1.0, 3, 2, 5, 4, 3, 1], dtype=torch.float64)  # stars
p = pi.probabilities().detach()  # (7,)
for name, p_y, r_y in zip(NAMES, p, r, strict=True):
    print(f"{name:<6} probability {p_y:.3f}   {r_y:.0f} stars")
J = pi.expected(r)
print(f"\nexpected stars: J = {J.item():.3f}")

# %% [markdown] id="09-value-text"
# $J = \sum_y \pi(y)\, r(y)$, the expected score, is what the policy should make
# large.
#
# ## Return, discount, value
#
# The [**return**](../GLOSSARY.md#policy) of token $t$ is what is earned from there on;
# the [**discount**](../GLOSSARY.md#policy) $\gamma$ shrinks what comes late:
#
# $$ G_t = r_t + \gamma\, G_{t+1} $$
#
# The [**value**](../GLOSSARY.md#policy) of a state is the expected return from there.
# It obeys the **Bellman equation**: the value of a prefix is the average, over the next
# token, of what the token earns and of the value of the longer prefix,
#
# $$ V(s) = \sum_a \pi(a \mid s)\,\bigl[\, r(s, a) + \gamma\, V(s') \,\bigr]. $$
#
# A tree is solved from its leaves to its root. First the two prefixes a and b, after
# which every token ends the text; then the root, where only EOS ends it.

# %% id="09-value" tags=["nbval-check-output"]
probs = pi.logits.detach().softmax(-1)  # (3 prefixes, 3 tokens)
last_rewards = r[1:].view(2, 3)  # after a, after b: every token ends the text
V_a, V_b = bellman_backup(probs[1:], last_rewards, torch.zeros(2, 3))
first_rewards = torch.tensor([[r[0], 0.0, 0.0]])  # EOS ends the text
next_values = torch.tensor([[0.0, V_a, V_b]])
(V,) = bellman_backup(probs[:1], first_rewards, next_values)
print(f"V(a) = {V_a:.2f}, V(b) = {V_b:.2f}, V(start) = {V:.2f}")
claim("two Bellman backups give the expected score", abs(V - J) < 1e-6, V=V, J=J)

# %% id="09-tree-places"
values = dict(zip(PREFIXES, (V, V_a, V_b), strict=True))
places = {"": (0, 3.2), "EOS": (1, 6), "a": (1, 4), "b": (1, 1)}
places |= {name: (2, 5 - n) for n, name in enumerate(NAMES[1:])}
branches = [  # (prefix, its continuation, probability of that token)
    (prefix, f"{prefix} {token}".strip(), chance)
    for prefix, row in zip(PREFIXES, probs.tolist(), strict=True)
    for token, chance in zip(("EOS", "a", "b"), row, strict=True)
]


def caption(name):
    """A prefix with its value, or a text with its stars."""
    if name in values:
        return f"{name or 'start'}\nV = {values[name]:.2f}"
    return f"{name} {'★' * int(r[NAMES.index(name)])}"


# %% id="09-tree"
_, axes = plt.subplots(figsize=(7.6, 3.8))
for parent, child, chance in branches:
    ends = zip(places[parent], places[child], strict=True)
    axes.plot(*ends, color=COLOURS[0], lw=0.5 + 7 * chance, alpha=0.5, zorder=1)
box = {"boxstyle": "round", "fc": "white", "ec": COLOURS[1]}
for name, (across, up) in places.items():
    side = "center" if name in values else "left"
    axes.text(across, up, caption(name), ha=side, va="center", bbox=box)
axes.axis((-0.2, 2.6, -0.5, 6.5))
axes.axis("off")
axes.set_title("The value of a prefix is the average of what can follow it")
plots.show(
    "The tree of the seven texts; thicker branches are more probable. The three "
    "prefixes carry their values, the seven texts their stars."
)

# %% [markdown] id="09-discount-text"
# **Predict first.** A text has 30 tokens, the score arrives with the last one, and
# $\gamma = 0.9$. How much of the score does the first token see?
#
# <details><summary>Answer</summary>
#
# $0.9^{29}$, under 5 %. The first words decide much of a text and would be told
# almost nothing. This course uses $\gamma = 1$ everywhere: a text is short, and a
# score for the whole of it does not get less true with length.
#
# </details>

# %% id="09-discount" tags=["nbval-check-output"]
from course.policy.advantages import returns_to_go

late = torch.zeros(1, 30)
late[0, -1] = 1.0  # the score, on the last of 30 tokens
first = returns_to_go(late, torch.ones(1, 30), gamma=0.9)[0, 0]
claim("at gamma 0.9 the first of 30 tokens sees under 5 %", first < 0.05, share=first)

# %% [markdown] id="09-score-text"
# ## The score-function gradient
#
# How does $J$ change when a logit $\theta$ moves? The stars do not depend on
# $\theta$. Only the probabilities do:
#
# $$ \nabla J = \sum_y \nabla \pi(y)\; r(y). $$
#
# This sum runs over all texts. A real writer has $V^T$ of them for $T$ tokens of a
# vocabulary of $V$: impossible. Three small steps make it an average over texts that
# the writer *samples*.
#
# 1. The derivative of a logarithm is $\nabla \log \pi = \nabla \pi / \pi$, so
#    $\nabla \pi(y) = \pi(y)\, \nabla \log \pi(y)$.
# 2. Put it in: $\nabla J = \sum_y \pi(y)\; r(y)\, \nabla \log \pi(y)$. That is an
#    expectation under $\pi$ itself: sample texts, and average.
# 3. The logarithm of a text's probability is a sum over its tokens,
#    $\log \pi(y) = \sum_t l_t$ with $l_t = \log \pi(y_t \mid s_t)$.
#
# $$ \nabla J = \mathbb{E}_{y \sim \pi}\Bigl[\, r(y) \sum_t \nabla l_t \Bigr] $$
#
# In words: **make every text that you wrote more probable, in proportion to its
# score.** Nobody differentiates $r$. It may be a person.
#
# $\nabla \log \pi(y)$ is called the [**score function**](../GLOSSARY.md#reward) in
# statistics. The name has nothing to do with our scores $r(y)$.


# %% id="09-score" tags=["nbval-check-output"]
def numerical(logits, eps=1e-6):
    """The gradient of J by moving each of the nine logits a little."""
    slopes = torch.zeros(9, dtype=logits.dtype)
    for place in range(9):
        step = torch.zeros_like(slopes)
        step[place] = eps
        up, down = (TinyPolicy(logits + s * step.view(3, 3)) for s in (1, -1))
        slopes[place] = (up.expected(r) - down.expected(r)) / (2 * eps)
    return slopes.view(3, 3)


grad_J = pi.gradient(J)  # autograd, through all seven probabilities
print("exact gradient: a row for start, a, b; a column for EOS, a, b")
for name, row in zip(PREFIXES, grad_J, strict=True):
    print(f"{name or 'start':<6}", " ".join(f"{x:+.2f}" for x in row))

# %% id="09-score-claim" tags=["nbval-check-output"]
grad_log_pi = torch.stack([pi.gradient(x) for x in pi.logprobs().sum(1)])  # (7, 3, 3)
by_score_function = torch.einsum("y,y,yij->ij", p, r, grad_log_pi)
moved = numerical(pi.logits.detach())
claim(
    "the derivation gives the exact gradient",
    (by_score_function - grad_J).abs().max() < 1e-6,
)
claim("so does moving each logit a little", (moved - grad_J).abs().max() < 1e-6)

# %% [markdown] id="09-lemma-text"
# ## The zero-mean lemma
#
# One line will be needed three times, so it gets a name. Give every text the same
# score, 1. Then $J = 1$ whatever the logits are, and its gradient is 0:
#
# $$ \mathbb{E}_{y \sim \pi}[\nabla \log \pi(y)] = \sum_y \nabla \pi(y) = \nabla 1
#    = 0. $$
#
# [**Zero-mean lemma:**](../GLOSSARY.md#policy) *on average, $\nabla \log \pi$ of what
# was drawn is 0.* It holds for every single token as well, given its prefix:
# $\mathbb{E}[\nabla l_t \mid s_t] = 0$. So whatever is already fixed when a token is
# drawn may multiply its $\nabla l_t$, and still adds nothing to the mean. (Spinning Up
# calls it the "expected grad-log-prob lemma".)

# %% id="09-lemma" tags=["nbval-check-output"]
of_texts = torch.einsum("y,yij->ij", p, grad_log_pi)
log_probs = pi.logits.log_softmax(-1)  # (3 prefixes, 3 tokens)
of_tokens = torch.stack(
    [
        sum(probs[s, a] * pi.gradient(log_probs[s, a]) for a in range(3))
        for s in range(3)
    ]
)
claim("over whole texts the mean of grad log pi is 0", of_texts.abs().max() < 1e-12)
claim("so it is over the next token of each prefix", of_tokens.abs().max() < 1e-12)

# %% [markdown] id="09-loss-text"
# ## The loss
#
# An optimiser goes down, so the loss carries a minus sign. With a weight $A$ for
# every text or token, the [**advantage**](../GLOSSARY.md#policy), it is
#
# $$ \text{loss} = -\operatorname{mean}\bigl( A\; l_t \bigr). $$
#
# $A$ is a constant: no gradient flows into it. The *mean* is a choice. The
# policy gradient itself sums over the tokens of a text and averages over texts
# (`reduce_seq_sum`). The course's default divides by the number of all tokens in the
# batch (`token_mean`), as OpenRLHF and verl do; that keeps the size of a step apart
# from the length of the texts. But the number of tokens is itself random, so it is a
# departure, and we measure it. `all_batches(2)` lists every batch of two
# texts; a batch has the product of their probabilities.

# %% id="09-loss"
from course.policy.enumerable import all_batches
from course.policy.losses import (
    reduce_seq_sum,
    reduce_token_mean,
    reinforce_loss,
)


def expected_gradient(reduce, A, texts=2):
    """Exact gradient of the negative loss, over all batches of so many texts."""
    logprobs, total = pi.logprobs(), 0.0
    for rows in all_batches(texts):
        loss = reinforce_loss(logprobs[rows], A[rows], pi.mask[rows], reduce)
        total = total - p[rows].prod() * loss
    return pi.gradient(total)


# %% id="09-loss-claim" tags=["nbval-check-output"]
ours = expected_gradient(reduce_seq_sum, r)
departed = expected_gradient(reduce_token_mean, r)
cosine = torch.cosine_similarity(ours.flatten(), departed.flatten(), dim=0)
angle = cosine.arccos().rad2deg()
claim(
    "autograd of our loss over all texts is the exact gradient",
    (ours - grad_J).abs().max() < 1e-6,
)
claim("token_mean points elsewhere, by a few degrees", 1 < angle < 5, degrees=angle)

# %% [markdown] id="09-mc-text"
# ## From all texts to some texts
#
# Now sample $N$ texts and average. The estimate is right on average, but single
# estimates scatter. How many samples halve the error? The error of a mean of $N$
# independent draws is the error of one draw, divided by $\sqrt N$: **four times the
# samples for half the error.**
#
# ### A baseline
#
# The stars are all positive. So every sampled text is pushed up, the bad ones too;
# they fall only because the better ones are pushed up harder. Subtract a
# number $b$, a [**baseline**](../GLOSSARY.md#policy):
#
# $$ A = r(y) - b $$
#
# **Predict first.** Does a baseline change the mean of the estimate?
#
# <details><summary>Answer</summary>
#
# No: what it adds is $-b\, \mathbb{E}[\nabla \log \pi(y)]$, and the zero-mean lemma
# says that this is 0. That holds for every $b$ that does not depend on the text that
# was sampled.
#
# </details>
#
# Here the variance is no mystery either: we sum over the seven texts.


# %% id="09-variance" tags=["nbval-check-output"]
def mean_and_variance(A, grad_log_pi=grad_log_pi, p=p):
    """Mean and total variance of the gradient from one sampled text."""
    g = A[:, None, None] * grad_log_pi  # (7, 3, 3)
    mean = torch.einsum("y,yij->ij", p, g)
    return mean, (p @ g.square().sum((1, 2)) - mean.square().sum()).item()


for b in (-1.0, 0.0, 2.0, 6.0):
    print(f"b = {b:+.0f}: variance {mean_and_variance(r - b)[1]:5.1f}")
    off = (mean_and_variance(r - b)[0] - grad_J).abs().max()
    claim("the mean is the exact gradient", off < 1e-12)

# %% [markdown] id="09-best-text"
# Which $b$ is best? With $g(y) = \nabla \log \pi(y)$ the variance is
# $\mathbb{E}[(r - b)^2 \lVert g \rVert^2] - \lVert \nabla J \rVert^2$, a parabola in
# $b$. Its derivative is 0 at
#
# $$ b^* = \frac{\mathbb{E}[\, r\, \lVert g \rVert^2 ]}
#               {\mathbb{E}[\, \lVert g \rVert^2 ]}, $$
#
# a mean of the scores in which a text counts by the squared length of its gradient
# (Greensmith and others, 2004).
#
# **Predict first.** Is $b^*$ the expected score $J$?
#
# <details><summary>Answer</summary>
#
# Not here. EOS alone is by far the most probable text. The logits that give it that
# probability hardly need to move to make it more probable still: its gradient is the
# shortest of the seven, so its one star counts for less in $b^*$ than in $J$.
#
# </details>

# %% id="09-best" tags=["nbval-check-output"]
squared = grad_log_pi.square().sum((1, 2))  # (7,)
b_best = ((p @ (r * squared)) / (p @ squared)).item()
baselines = {"no baseline": 0.0, "b = J": J.item(), "best b": b_best}
variances = {name: mean_and_variance(r - b)[1] for name, b in baselines.items()}
worth = {name: variances["no baseline"] / x for name, x in variances.items()}
print("squared length of grad log pi:", " ".join(f"{x:.2f}" for x in squared))
print("               b   variance   worth")
for name, b in baselines.items():
    print(f"{name:<11} {b:.2f}     {variances[name]:.2f}     {worth[name]:.1f} ×")

# %% id="09-best-claim" tags=["nbval-check-output"]
claim("the best baseline is a star above the expected score", 0.9 < b_best - J < 1.1)
claim("J as baseline is worth 4 times the samples", 4 < worth["b = J"] < 4.1)
claim("the best baseline is worth 7 times the samples", 7 < worth["best b"] < 7.5)

# %% id="09-variance-figure"
levels = torch.linspace(-1, 6, 57, dtype=torch.float64).tolist()
_, axes = plt.subplots()
axes.plot(levels, [mean_and_variance(r - b)[1] for b in levels], color=COLOURS[0])
for (name, b), mark in zip(baselines.items(), "os^", strict=True):
    axes.plot(b, variances[name], mark, color=COLOURS[1], markersize=8, label=name)
axes.set_ylim(0)
plots.finish(
    axes,
    "The mean score is a good baseline, and not the best one",
    "baseline b (stars)",
    "variance of one gradient (stars²)",
    alt="A parabola over the baseline. No baseline lies high on its left arm, J lower, "
    "the best baseline at the bottom; at six stars it is higher than no baseline.",
)

# %% [markdown] id="09-baseline-alt"
# A baseline that is far too high is worse than none. The mean score is not the best
# baseline, but it is free; $b^*$ needs the length of every text's gradient.
#
# Now the signature figure of this chapter. We draw 200 gradients from $N$ texts each
# and measure their root-mean-square distance to the exact one.


# %% id="09-mc"
def rms_error(n, b, draws, repeats=200):
    """Root-mean-square distance of a gradient from n texts to the exact one."""
    rows = torch.multinomial(p, repeats * n, replacement=True, generator=draws)
    g = (r - b)[rows, None, None] * grad_log_pi[rows]
    estimates = g.view(repeats, n, 3, 3).mean(1)
    return (estimates - grad_J).square().sum((1, 2)).mean().sqrt().item()


def slope(ys):
    """Least-squares slope on log-log axes."""
    x, y = torch.tensor(sizes).log(), torch.tensor(ys).log()
    return torch.dot(x - x.mean(), y - y.mean()) / (x - x.mean()).square().sum()


sizes = [2**k for k in range(2, 13)]
errors = {  # seeds tried: 0, 1, 2
    name: [rms_error(n, b, generator(n)) for n in sizes]
    for name, b in baselines.items()
}

# %% id="09-mc-claim" tags=["nbval-check-output"]
for name, ys in errors.items():
    claim(f"{name}: the error falls as 1/√N", abs(slope(ys) + 0.5) < 0.06)

# %% id="09-signature"
_, axes = plt.subplots(figsize=(6.4, 4))
for n, (name, ys) in enumerate(errors.items()):
    axes.loglog(sizes, ys, "os^"[n], color=COLOURS[n], label=name)
    theory = [(variances[name] / size) ** 0.5 for size in sizes]
    axes.plot(sizes, theory, "--", color=COLOURS[n], lw=1)
axes.plot([], [], "--", color="gray", label="theory: √(variance / N)")
plots.finish(
    axes,
    f"The mean is worth {worth['b = J']:.0f} times the samples, "
    f"the best baseline {worth['best b']:.1f} times",
    "sampled texts N",
    "error of the gradient (stars)",
    alt="Log-log: three series of marks on dashed lines of slope −½, the exact theory; "
    "no baseline on top, b = J below it by a constant factor, the best b lowest.",
)

# %% [markdown] id="09-rare-text"
# ## Where the mean does harm
#
# Is the mean at least always better than nothing? Take one decision with two outcomes
# and the score of a unit test: 1 with probability $q$, else 0. The logit is $\theta$,
# $q = \sigma(\theta)$, so $\nabla \log \pi$ is $1 - q$ for the right answer and $-q$
# for the wrong one. Without a baseline the wrong answers weigh nothing. Without one,
# and with the mean $b = q$, the variances are
#
# $$ \text{none: } q(1-q)^3, \qquad \text{mean: } q(1-q)(1-2q)^2, \qquad
#    \frac{\text{mean}}{\text{none}} = \Bigl(\frac{1-2q}{1-q}\Bigr)^2. $$
#
# Above $q = 2/3$ that ratio is larger than 1. The best baseline is $b^* = 1 - q$:
# with two outcomes it leaves no variance at all.

# %% id="09-rare" tags=["nbval-check-output"]
ratios = {}
print("  q     none    mean    best   mean / none")
for q in (0.2, 0.5, 2 / 3, 0.8, 0.9):
    chances = torch.tensor([1 - q, q], dtype=torch.float64)
    right = torch.tensor([0.0, 1.0], dtype=torch.float64)
    gradients = (right - q)[:, None, None]  # of log pi: wrong, right
    none, mean, best = (
        abs(mean_and_variance(right - b, gradients, chances)[1])
        for b in (0.0, q, 1 - q)
    )
    ratios[q] = mean / none
    print(f"{q:.2f}  {none:.4f}  {mean:.4f}  {best:.4f}  {mean / none:6.2f}")
claim("at q = 2/3 the mean is worth nothing", abs(ratios[2 / 3] - 1) < 1e-9)
claim("at q = 0.8 it makes the variance 9 times as large", abs(ratios[0.8] - 9) < 1e-9)

# %% [markdown] id="09-signature-alt"
# Remember it for [chapter 11](11_grpo.ipynb), where tests give 0 or 1.
#
# ## A baseline from the batch
#
# $J$ is unknown in practice. Two estimates are used:
#
# - **Batch mean**: the mean score of the batch, the sample itself included. Then a
#   sample is compared with itself in part, which shrinks the expected gradient to
#   exactly $(N-1)/N$ of its length. Its direction stays.
# - [**Leave-one-out**](../GLOSSARY.md#policy): the mean of the *other* samples of the
#   same prompt. Nothing shrinks.
#
# For $N$ samples of one prompt the two advantages differ by a factor: $r_i$ minus the
# mean of the others is $N/(N-1)$ times $r_i$ minus the mean of all. For $N = 2$ we list
# all 49 batches.


# %% id="09-batch" tags=["nbval-check-output"]
from course.policy.advantages import batch_mean_baseline, leave_one_out_baseline

pairs = all_batches(2)  # (49, 2)
A_mean, A_loo = (
    torch.stack([r[rows] - baseline(r[rows]) for rows in pairs])
    for baseline in (batch_mean_baseline, lambda R: leave_one_out_baseline(R, 2))
)
for name, A, factor in (("the batch mean", A_mean, 0.5), ("leave-one-out", A_loo, 1)):
    g = (A[..., None, None] * grad_log_pi[pairs]).mean(1)  # (49, 3, 3)
    off = torch.einsum("n,nij->ij", p[pairs].prod(1), g) - factor * grad_J
    claim(f"{name} gives {factor:g} × the exact gradient", off.abs().max() < 1e-12)
claim("A_loo is N/(N − 1) times A_mean", torch.allclose(A_loo, 2 / 1 * A_mean))

# %% [markdown] id="09-credit-text"
# ## Which token gets the credit?
#
# Often single tokens earn something too. In this course each one pays for the KL it
# spends (below). A token cannot change what was earned *before* it. So there are two
# honest ways of giving credit:
#
# - **whole sequence**: every token gets the sum of all rewards;
# - **reward-to-go**: token $t$ gets $G_t$, what is earned from it on.
#
# Both have the same mean: what was earned before token $t$ is fixed when the token is
# drawn, so by the zero-mean lemma it adds nothing. The usual next sentence is "and
# reward-to-go has less variance". We look at it twice. First twenty independent coins:
# each of 20 tokens has its own logit, is heads or tails and earns +1 or −1 at once.

# %% id="09-credit" tags=["nbval-check-output"]
T = 20
coins = torch.randint(2, (20_000, T), generator=generator(0)) * 2.0 - 1
grad_l = coins / 2  # derivative of log sigmoid(±theta) at theta = 0
to_go = returns_to_go(coins, torch.ones_like(coins))  # (20000, T)
credits = {"whole sequence": to_go[:, :1] * grad_l, "reward-to-go": to_go * grad_l}
for name, g in credits.items():
    print(f"{name:<15} mean {g.mean():.1f}, variance {g.var(0).sum():.0f}")
share = credits["reward-to-go"].var(0).sum() / credits["whole sequence"].var(0).sum()
claim(
    "on twenty coins reward-to-go has about half the variance",
    0.4 < share < 0.6,
    share=share,
)

# %% id="09-credit-course" tags=["nbval-check-output"]
from course.policy.advantages import reward_to_go_advantages, whole_sequence_advantages

b = to_go[:, 0].mean()  # the course takes off the batch's mean return as a baseline
whole = whole_sequence_advantages(coins, torch.ones_like(coins))  # (20000,)
after = reward_to_go_advantages(coins, torch.ones_like(coins))  # (20000, T)
off = [(whole - (to_go[:, 0] - b)).abs().max(), (after - (to_go - b)).abs().max()]
claim("the course's two functions are these two credits", max(off) < 1e-4, b=b)

# %% [markdown] id="09-credit-tiny-text"
# Then 300 random tiny policies whose tokens pay for KL while the score comes last,
# computed exactly: both ways of credit, first with one baseline for every token, the
# expected return; then with one for each position, the mean of the credit there.


# %% id="09-credit-tiny"
from course.policy.advantages import shaped_rewards


def four_credits(seed, beta=0.5):
    """Of one random tiny policy: mean and variance for each way of giving credit."""
    tiny, other = (TinyPolicy.random(generator(seed + k), 0.5) for k in (0, 5000))
    l_t, chances = tiny.logprobs(), tiny.probabilities().detach()
    paid = shaped_rewards(r, l_t.detach(), other.logprobs().detach(), tiny.mask, beta)
    G = returns_to_go(paid, tiny.mask)  # (7, 2)
    whole = G[:, :1] * tiny.mask  # the whole return, on each token of the text
    b, comes_up = chances @ G[:, 0], chances @ tiny.mask.double()
    b_G, b_whole = chances @ G / comes_up, chances @ whole / comes_up  # by position
    found = []
    for A in (whole - b, G - b, whole - b_whole, G - b_G):
        g = torch.stack([tiny.gradient(x) for x in (A * l_t).sum(1)])
        found.append(mean_and_variance(torch.ones(7).double(), g, chances))
    return found


# %% id="09-credit-claim" tags=["nbval-check-output"]
tried = [four_credits(seed) for seed in range(300)]
apart = max((x[0] - t[0][0]).abs().max().item() for t in tried for x in t[1:])
v = torch.tensor([[variance for _, variance in t] for t in tried])  # (300, 4)
to_go_wins = (v[:, [1, 3]] < v[:, [0, 2]]).double().mean(0).tolist()
places_win = (v[:, 2:] < v[:, :2]).double().mean(0)  # whole sequence, reward-to-go
for name, won_in in zip(("one baseline", "one a position"), to_go_wins, strict=True):
    print(f"{name:<15} reward-to-go has less variance in {won_in:.0%} of policies")
claim("all four have the same mean, exactly", apart < 1e-12)
claim("it is no law: with either, it loses in 3 of 10 or more", max(to_go_wins) < 0.7)
claim(
    "for either credit a baseline by position wins in 8 of 10 or more",
    places_win.min() > 0.8,
    share=places_win,
)

# %% [markdown] id="09-credit-after"
# Where every token earns its own reward, reward-to-go wins clearly. Where almost
# everything is earned at the end there is little past to leave out, and it wins about
# as often as it loses. What helps there is a baseline that knows where it is, whichever
# way credit is given. The next step is a **value function**, one number per prefix;
# [chapter 10](10_ppo.ipynb) learns one.
#
# ## Play: a bandit
#
# A **bandit** is the smallest decision process: one decision, one reward. Three arms
# pay 4, 4.5 and 5 on average. The picture shows the policy's probabilities while it
# learns with REINFORCE, without and with the mean of the earlier rewards as baseline.
#
# **Predict first.** At the same learning rate: which one finds the best arm
# more reliably?
#
# <details><summary>Answer</summary>
#
# The one with the baseline. Without it every arm that happens to be pulled is pushed
# up, by about 4 or more. An early favourite is then pulled more often and pushed up
# more often, although it is not better. One run proves little, so the cell
# counts over 40 seeds.
#
# </details>
#
# The run that is drawn, seed 1, is *not* typical: it is one of the minority that get
# stuck without a baseline. Typical is dull to look at.

# %% id="09-bandit"
from course.widgets import show_bandit
from course.widgets.bandit import run_bandit


def finds_c(baseline, seed):
    """Whether a run ends with a probability over one half on arm C."""
    return run_bandit(200, 0.1, baseline, seed).policies[-1][2] > 0.5


finds = {use: [finds_c(use, seed) for seed in range(40)] for use in (False, True)}
without, with_it = (sum(runs) for runs in finds.values())
print(f"runs of 40 that find arm C: {without} without a baseline, {with_it} with")
claim("with the baseline more runs find the best arm", with_it > without + 3)
claim("seed 1, drawn here, is one that fails without", not finds[False][1])
show_bandit(steps=200, lr=0.1, seed=1)

# %% id="09-bandit-panel" tags=["widget"]
from course.widgets import bandit_playground

bandit_playground()

# %% [markdown] id="09-bandit-question"
# *Without a browser:* `show_bandit(steps=200, lr=0.1, seed=0)` draws what the panel
# draws.
#
# **Question 9.6, for the panel.** Press Reset and read the sentence under the
# buttons: how many times smaller is the variance of the first gradient with the
# baseline? Write the number instead of `None`. `hint(question)` helps, and
# `solution(question)` shows the line that answers it by code.

# %% id="09-bandit-answer" tags=["nbval-check-output"]
from course import check
from course.widgets.exercises import variance_question

question = variance_question()
answer = check(None, question)

# %% [markdown] id="09-entropy-text"
# ## Entropy, and a leash
#
# The [**entropy**](../GLOSSARY.md#policy) of a policy says how undecided it is about
# the next token: $H(s) = -\sum_a \pi(a \mid s) \log \pi(a \mid s)$, in nats. At $H = 0$
# it always writes the same, and then learns nothing more: all samples are alike.
#
# Climbing $J$ leads there, because the best policy for a fixed score is one single
# text. So we pay for moving away from a frozen copy, the
# [**reference**](../GLOSSARY.md#policy). With
# $d_t = l_t - l^{\text{ref}}_t$ and $D = \sum_t d_t$, the reward is
#
# $$ R = r(y) - \beta\, D, $$
#
# whose expectation is $J - \beta\, \mathrm{KL}(\pi \,\|\, \pi_{\text{ref}})$.
# `shaped_rewards` puts $-\beta\, d_t$ on every token, and the score on the last.
#
# $d_t$ is a constant there, like every reward, although it contains $\pi$. Is its own
# gradient not missing? By the product rule
#
# $$ \nabla\, \mathbb{E}[D] = \mathbb{E}[D\, \nabla \log \pi(y)] +
#    \mathbb{E}[\nabla D], \qquad \nabla D = \nabla \log \pi(y), $$
#
# and the second part is the zero-mean lemma for the third time.

# %% id="09-leash-claim" tags=["nbval-check-output"]
from course.policy.kl import exact_kl

ref = TinyPolicy.random(generator(1))
rewards = shaped_rewards(r, pi.logprobs(), ref.logprobs(), pi.mask, 0.3)
target = pi.gradient(pi.expected(r) - 0.3 * pi.kl(ref))
claim(
    "the KL inside the reward gives the gradient of J - beta KL",
    (mean_and_variance(rewards.sum(1))[0] - target).abs().max() < 1e-12,
)
reached = pi.prefix_probabilities()  # (3,): how often each prefix comes up
by_prefix = reached @ exact_kl(pi.logits, ref.logits)
claim(
    "the KL of whole texts is the sum of the KLs of the next tokens",
    (by_prefix - pi.kl(ref)).abs() < 1e-12,
    nats=by_prefix,
)


# %% id="09-leash"
from course.lm.objective import entropy


def climb(beta, steps=400, rate=1.0):
    """Exact gradient ascent on J - beta KL: expected stars and entropy by step."""
    policy, start = (TinyPolicy.random(generator(0), 0.5) for _ in range(2))
    track = []
    for _ in range(steps):
        w = policy.prefix_probabilities()
        H = (w @ entropy(policy.logits)) / w.sum()  # nats per token
        track.append((policy.expected(r).item(), H.item()))
        g = policy.gradient(policy.expected(r) - beta * policy.kl(start))
        policy.logits.data += rate * g
    return track


tracks = {beta: climb(beta) for beta in (0.0, 0.6, 1.0)}
for beta, track in tracks.items():
    print(f"beta {beta}: {track[-1][0]:.2f} stars, entropy {track[-1][1]:.3f} nats")

# %% id="09-leash-ends" tags=["nbval-check-output"]
left = {beta: track[-1][1] for beta, track in tracks.items()}
claim("without the leash the entropy falls under 0.1 nats", left[0.0] < 0.1)
claim("at beta 1 it stays above 0.3 nats", left[1.0] > 0.3)

# %% id="09-leash-figure"
plots.curves(
    {
        f"beta = {beta:g}": ([s for s, _ in track], [h for _, h in track])
        for beta, track in tracks.items()
    },
    title="The last stars are paid for with entropy; beta says where to stop",
    x="expected stars J",
    y="entropy (nats per token)",
    alt="Three climbs from the same start, stars against entropy. Without the leash "
    "the climb ends at five stars and an entropy of 0; with beta 1 it stops early, "
    "with entropy left; beta 0.6 lies between.",
)

# %% [markdown] id="09-examined-text"
# ## A common description, examined
#
# Three training loops look like policy gradients, and are none. Two run without an
# error, the third after a tempting "cure". On a small tree each can be tried.
#
# **1. "Give every token its own reward and subtract the mean over the text."** The
# score comes with the last token, so the immediate rewards of a two-token text are
# $(0, R)$. Centred inside the text they are $(-R/2, +R/2)$. Nothing of $R$
# reaches the first token, except that it is punished for the mean.
#
# **Predict first.** A good first token is followed by good endings. Which way does
# this rule move it?


# %% id="09-examined-centred"
def two_tokens(logits, rule):
    """Gradient of the rule's loss over all four texts, and the expected score."""
    l_1 = logits[0].log_softmax(0)[:, None].expand(2, 2)
    l_2 = logits[1:].log_softmax(1)
    A_1, A_2 = rule(paid)
    both = (l_1 + l_2).exp()  # (first, second): the probability of each text
    weighted = (both.detach() * (A_1 * l_1 + A_2 * l_2)).sum()
    return torch.autograd.grad(weighted, logits)[0], (both * paid).sum().item()


paid = torch.tensor([[4.0, 5.0], [1.0, 0.0]], dtype=torch.float64)  # (first, second)
start = torch.randn(3, 2, generator=generator(0), dtype=torch.float64)
rules = {
    "return (the true gradient)": lambda R: (R, R),
    "own reward, centred": lambda R: (0 - R / 2, R - R / 2),
}
true_rule, centred_rule = rules.values()

# %% id="09-examined-run"
ends_at = []
for name, rule in rules.items():
    logits = start.clone().requires_grad_()
    for _ in range(300):
        g, score_now = two_tokens(logits, rule)
        logits = (logits + g).detach().requires_grad_()
    ends_at.append(score_now)
    print(f"{name:<27} ends at a score of {score_now:.2f}")

# %% id="09-examined-centred-claim" tags=["nbval-check-output"]
at = start.clone().requires_grad_()
ratio = two_tokens(at, centred_rule)[0] / two_tokens(at, true_rule)[0]
print("first token: ", " ".join(f"{x:+.1f}" for x in ratio[0]), "× the truth")
print("second token:", " ".join(f"{x:+.1f}" for x in ratio[1:].flatten()))
claim(
    "the first token gets minus one half of its gradient",
    (ratio[0] + 0.5).abs().max() < 1e-9,
)
claim("the last token gets plus one half", (ratio[1:] - 0.5).abs().max() < 1e-9)
claim(
    "the true gradient climbs above 4.9, the centred rule falls below 1.1",
    ends_at[0] > 4.9 and ends_at[1] < 1.1,
)

# %% [markdown] id="09-examined-unused-text"
# Minus one half: the rule chooses the *worse* first token and then the best
# ending of the bad text. With many tokens the score is centred away from nearly all of
# them in the same way. (It would still be wrong where each token has its own reward:
# a text's own mean depends on what was sampled, so it is not a baseline.)
#
# **2. A loop that computes rewards and never uses them.** It samples, prints the mean
# reward, and takes a step on the sampled tokens' log-probabilities alone, as if every
# advantage were 1. The loop looks complete.
#
# **Predict first.** Does its policy stay where it is, on average? The zero-mean lemma
# seems to say so.


# %% id="09-examined-unused"
def careless(score, use_rewards, reduce=reduce_token_mean, seed=1, steps=100):
    """REINFORCE on the tiny policy, with or without its rewards; the policy."""
    policy, draws = TinyPolicy.random(generator(0), 0.5), generator(seed)
    for _ in range(steps):
        chances = policy.probabilities().detach()
        rows = torch.multinomial(chances, 16, replacement=True, generator=draws)
        scored = score[rows]  # would be printed in every step
        A = scored - scored.mean() if use_rewards else torch.ones_like(scored)
        loss = reinforce_loss(policy.logprobs()[rows], A, policy.mask[rows], reduce)
        policy.logits.data -= 0.5 * policy.gradient(loss)
    return policy


# %% id="09-examined-negated" tags=["nbval-check-output"]
same = {}
for use in (False, True):
    same[use] = torch.equal(careless(r, use).logits, careless(-r, use).logits)
    print(f"rewards used: {use}; same policy after negating them: {same[use]}")
claim("a loop without them cannot tell rewards from their negatives", same[False])
claim("a loop with them can", not same[True])

# %% id="09-examined-drift" tags=["nbval-check-output"]
ones = torch.ones_like(r)
unused = expected_gradient(reduce_seq_sum, ones)
claim("with reduce_seq_sum the expected gradient is 0", unused.abs().max() < 1e-12)
drifts = {n: expected_gradient(reduce_token_mean, ones, n) for n in (2, 3, 4)}
for n, drift in drifts.items():
    print(f"token_mean, {n} texts in a batch: it is {drift.norm():.3f} long")
claim("with token_mean it is not 0", 0.078 < drifts[2].norm() < 0.081)
claim(
    "at the start it raises EOS and lowers a and b",
    drifts[2][0, 0] > 0 > drifts[2][0, 1:].max(),
)

# %% id="09-examined-drift-runs" tags=["nbval-check-output"]
stops = torch.stack([careless(r, False, seed=s).probabilities()[0] for s in range(40)])
risen, spread = stops.mean() - p[0], stops.std() / 40**0.5
claim(
    "40 runs of 100 steps: an empty text got more probable, by 4 standard errors",
    risen > 4 * spread,
    before=p[0],
    after=stops.mean(),
)

# %% [markdown] id="09-examined-back-text"
# The lemma holds for the sum over a text, not for `token_mean`: its divisor, the
# number of tokens in the batch, depends on the texts, so it is not fixed when a token
# is drawn. A batch of short texts is divided by less and counts more. So a loop without
# rewards still learns something: to stop early. The printed lengths show that the bias
# shrinks as batches grow.
#
# One experiment unmasks every such loop: **run it twice from one seed, the second time
# with the rewards negated.** Equal weights at the end mean that they were not used.
#
# **3. "Back-propagate the reward through the generated text."** Token ids are whole
# numbers that were *drawn*. There is no derivative of a draw: the path from the
# score back to the logits is cut. torch says so. A tempting cure, to switch gradients
# on at the score, only silences the message.

# %% id="09-examined-back" tags=["nbval-check-output"]
policy = TinyPolicy.random(generator(0), 0.5)
rows = torch.multinomial(p, 16, replacement=True, generator=generator(1))
drawn = r[rows]
try:
    (-drawn.mean()).backward()
except RuntimeError as refused:
    print("torch:", str(refused)[:70])
(-drawn.mean()).requires_grad_().backward()  # the silent "cure"
print("gradient after the cure:", policy.logits.grad)
A = drawn - drawn.mean()
reinforce_loss(policy.logprobs()[rows], A, policy.mask[rows]).backward()
size = policy.logits.grad.abs().max()
claim("the score function reaches the logits", size > 0.01, largest=size)

# %% [markdown] id="09-writer-text"
# ## REINFORCE on one page
#
# Everything is in place for the review writer. The [**policy**](../GLOSSARY.md#policy)
# starts as a copy of the language model of [chapter 02](02_transformer.ipynb). It gets
# the first two words of a review and completes it. The reward model of [chapter
# 07](07_reward_model.ipynb) scores the whole text; its scale is set so that texts of
# this start have mean 0 and standard deviation 1.
#
# One thing is new. The reward model also scores a text that was cut off, so nothing
# would pay for an ending. A text without one therefore loses a fixed amount, the
# [**missing-end penalty**](../GLOSSARY.md#policy). The scores that are shown are those
# before it.
#
# The whole algorithm is the next two cells: one update, and the loop around it. Copy
# them into a file of your own with their imports, and you have REINFORCE.

# %% id="09-load"
from course import checkpoints
from course.data import reviews
from course.recipes import openings
from course.reward.model import scorer

writer = checkpoints.load("language-model")
judge = checkpoints.load("reward-model")
reference, tokenizer = writer.model, writer.tokenizer
score = scorer(judge.model, judge.tokenizer)  # score(prompts, completions)
settings = checkpoints.recipe("policy-reinforce").settings
prompts, held_out = (
    openings(reviews.texts("movies", split), settings["opening_words"])
    for split in ("train", "test")
)
print(len(prompts), "prompts to learn from, for example:", prompts[:4])

# %% id="09-page"
from torch.nn.utils import clip_grad_norm_

from course.policy.advantages import returns_to_go, shaped_rewards
from course.policy.losses import reinforce_loss
from course.policy.rollout import collect, logprobs_of


def one_step(policy, optimizer, x, beta, penalty):
    """One REINFORCE update on the rollout x."""
    mask = x.completion_mask  # (batch, time)
    # step 1: the reward of every token, and what is earned from it on
    scores = x.scores - penalty * ~x.ended  # (batch,)
    rewards = shaped_rewards(scores, x.old_logprobs, x.ref_logprobs, mask, beta)
    G = returns_to_go(rewards, mask)  # (batch, time)
    # step 2: the advantage: less the baseline, the mean return of the batch
    A = G - G[:, 0].mean()
    # step 3: the log-probabilities once more, now with a gradient
    logprobs = logprobs_of(policy, x)  # (batch, time)
    # step 4: down the loss, with a gradient at most 1 long
    optimizer.zero_grad()
    reinforce_loss(logprobs, A, mask).backward()
    clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()


# %% id="09-page-loop"
from copy import deepcopy


def reinforce(score, steps, learning_rate, beta, penalty=0.0, seed=0, size=64):
    """Write `size` texts, score them, step: again and again.  Returns the policy."""
    policy, draws = deepcopy(reference), generator(seed)
    adam = torch.optim.AdamW(policy.parameters(), lr=learning_rate, weight_decay=0.0)
    for step in range(steps):
        adam.param_groups[0]["lr"] = learning_rate * (1 - step / steps)  # falls to 0
        rows = torch.randint(len(prompts), (size,), generator=draws).tolist()
        asked = [prompts[row] for row in rows]
        x = collect(policy, reference, tokenizer, asked, score,
                    max_new_tokens=32, generator=draws)  # fmt: skip
        one_step(policy, adam, x, beta, penalty)
    return policy


# %% [markdown] id="09-page-text"
# `collect` is generation as in chapter 03, once more with all that stays constant in
# the update: the completions, their mask, their log-probabilities under the policy
# and under the reference, their scores. The course's own `reinforce_step` and `train`
# do the same and guard it: a score that is no number, a gradient that is not finite
# or a ratio that explodes stops them, and the policy stays as it was. Do they move
# the weights in the same way? Three steps of each, from the same start and seed:

# %% id="09-page-same"
from functools import partial

from course.policy.loop import train
from course.policy.reinforce import reinforce_step

plain = reinforce(score, steps=3, learning_rate=5e-4, beta=0.02, penalty=1.0)
guarded = deepcopy(reference)
adam = torch.optim.AdamW(guarded.parameters(), lr=5e-4, weight_decay=0.0)
train(guarded, reference, tokenizer, prompts, score,
      partial(reinforce_step, guarded, adam, beta=0.02), optimizer=adam, steps=3,
      batch_size=64, max_new_tokens=32, missing_eos_penalty=1.0,
      generator=generator(0))  # fmt: skip


def furthest(a, b):
    """Largest difference of any weight of two models."""
    both = zip(a.parameters(), b.parameters(), strict=True)
    return max((x - y).abs().max().item() for x, y in both)


# %% id="09-page-claim" tags=["nbval-check-output"]
between, moved_by = furthest(plain, guarded), furthest(plain, reference)
claim(
    "the course's guarded step moves every weight the same",
    between < 0.01 * 5e-4 < moved_by,  # a hundredth of the learning rate
    apart=between,
    moved=moved_by,
)

# %% [markdown] id="09-run-text"
# ## The review writer learns
#
# `checkpoints.load` makes the long run, 80 steps, when it is not there, and keeps it.
# These are its settings, and its history.

# %% id="09-writer"
trained = checkpoints.load("policy-reinforce")
h = trained.history
shown = {k: settings[k] for k in ("learning_rate", "beta")} | settings["train"]
print(", ".join(f"{name} {value}" for name, value in shown.items()))
for key in ("score/mean", "kl_seq", "entropy", "loss/policy"):
    early, late_ten = (sum(part) / 10 for part in (h[key][:10], h[key][-10:]))
    print(f"{key:<12} first ten steps {early:+.2f}, last ten {late_ten:+.2f}")

# %% id="09-writer-figure"
panels = {
    "score/mean": ("mean score", "reference standard deviations"),
    "kl_seq": ("KL from the reference", "nats per text"),
    "entropy": ("entropy", "nats per token"),
}
figure, row_of_axes = plt.subplots(1, 3, figsize=(9.4, 2.9))
for axes, (key, (title, unit)) in zip(row_of_axes, panels.items(), strict=True):
    axes.plot(h.steps(key), h[key], color=COLOURS[0])
    axes.set(title=title, xlabel="step", ylabel=unit)
figure.suptitle("The score rises; KL is spent and entropy is lost")
plots.show(
    "Three curves over the steps: the mean score climbs from about 0 and flattens, "
    "the KL from the reference grows and settles, the entropy falls."
)

# %% [markdown] id="09-after-text"
# The loss is not drawn, because its *value* says nothing about progress: it is the mean
# of $-A\, l_t$ over texts that were drawn a moment ago. The printed line shows that
# it can rise while the score rises. Only its gradient does any work. Watch score, KL
# and entropy instead.
#
# Note which pair the writer uses: reward-to-go with *one* baseline for all positions,
# the pair that won in hardly more than half of the tiny policies. It is cheap; the
# next chapter has a better baseline.
#
# ## Did it get better? Two judges
#
# The policy was trained to please the reward model, so the reward model's opinion alone
# proves little. The [**lexicon**](../GLOSSARY.md#reward), a list of words with the
# feelings that people gave them, took no part in the training. It judges the
# completions only, so that words of the prompt cannot help. The prompts are openings of
# test texts, which no model of the chain was trained on.

# %% id="09-after"
from course.reward.rules import lexicon_score


def written_by(model, some=held_out[:128], seed=1):
    """Completions of the prompts, scored, with log-probabilities of both models."""
    return collect(model, reference, tokenizer, some, score,
                   max_new_tokens=32, generator=generator(seed))  # fmt: skip


before, after = written_by(reference), written_by(trained.model)
friendly = [lexicon_score(x.completions) for x in (before, after)]
for name, x, words in zip(("before", "after"), (before, after), friendly, strict=True):
    print(f"{name:<7} reward model {x.scores.mean():+.2f} (std {x.scores.std():.2f}, "
          f"best {x.scores.max():+.2f}), lexicon {words.mean():+.2f}")  # fmt: skip

# %% id="09-after-claim" tags=["nbval-check-output"]
gain = (after.scores.mean() - before.scores.mean()).item()
claim(
    "the mean score rises by more than 1.5 reference standard deviations",
    gain > 1.5,
    gain=gain,
)
narrower = after.scores.std() / before.scores.std()
claim("the scores become more alike", narrower < 0.8, ratio=narrower)
difference = friendly[1] - friendly[0]
errors_apart = difference.mean() / (difference.std() / len(difference) ** 0.5)
claim(
    "the lexicon agrees, by more than 4 standard errors",
    errors_apart > 4,
    standard_errors=errors_apart,
)

# %% id="09-after-figure"
_, axes = plt.subplots()
bins = torch.linspace(-3, 3, 31).tolist()
looks = {"before": (before, COLOURS[0], ""), "after": (after, COLOURS[1], "//")}
for name, (x, colour, hatch) in looks.items():
    axes.hist(x.scores.tolist(), bins, alpha=0.6, color=colour, hatch=hatch, label=name)
plots.finish(
    axes,
    f"The scores move by {gain:.1f} standard deviations, and become alike",
    "score of the reward model",
    "texts",
    alt="Two histograms of scores: the trained policy's, hatched, lies to the right of "
    "the reference's and is narrower.",
)

# %% [markdown] id="09-samples-text"
# Texts that score alike have small advantages: there is less left to learn from. And
# numbers do not show a text. Here are the first prompts with both completions, none of
# them picked.

# %% id="09-samples"
for n in range(6):
    print(f"{held_out[n]} …")
    for name, x in (("before", before), ("after", after)):
        text = " ".join(x.completions[n].split())
        print(f"   {name:<6} {x.scores[n]:+.1f}  {text[:70]}")

# %% [markdown] id="09-broken-text"
# ## What changed besides the score
#
# Read the texts marked *after*, one below the other. **Predict first:** which of
# these got worse: the share of texts that end, the share of different word pairs,
# the share of invented words?
#
# <details><summary>Answer</summary>
#
# Only one of the three: fewer different word pairs. The texts end more often, which
# the missing-end penalty pays for, and they hold fewer invented words, which no judge
# asked for by name.
#
# </details>

# %% id="09-broken"
from collections import Counter

from course.policy.kl import kl_seq
from course.reward.rules import distinct_n

in_reviews = {w for t in reviews.texts("movies") for w in t.lower().split()}
habits = {}
for name, x in (("before", before), ("after", after)):
    spoken = [w for text in x.completions for w in text.lower().split()]
    top = Counter(w for w in spoken if w.isalpha() and len(w) > 3).most_common(5)
    habits[name] = {
        "pairs": distinct_n(" ".join(spoken), 2),
        "invented": sum(w not in in_reviews for w in spoken) / len(spoken),
        "top five": sum(times for _, times in top) / len(spoken),
        "ended": x.ended.float().mean().item(),
    }
    print(f"{name}: most frequent long words:", ", ".join(w for w, _ in top))

# %% id="09-broken-table"
labels = {
    "pairs": "distinct pairs of words, all texts",
    "invented": "share of words that no review has",
    "top five": "share of words among the top five",
    "ended": "share of texts that end",
}
for key, label in labels.items():
    print(f"{label:<36} {habits['before'][key]:6.2f} {habits['after'][key]:6.2f}")
spent = kl_seq(after.old_logprobs, after.ref_logprobs, after.completion_mask).item()
print(f"KL spent: {spent:.1f} nats per text, {gain / spent:.2f} std per nat")

# %% id="09-broken-claim" tags=["nbval-check-output"]
change = {key: habits["after"][key] - habits["before"][key] for key in labels}
claim(
    "the texts became more alike: fewer different pairs of words",
    change["pairs"] < -0.03,
    change=change["pairs"],
)
claim("more texts end", change["ended"] > 0.2, change=change["ended"])
claim("fewer words are invented", change["invented"] < -0.05, change=change["invented"])
claim("more than 5 nats of KL per text were spent", spent > 5, nats=spent)

# %% [markdown] id="09-choice-text"
# This is the honest side of the ledger. The score and the lexicon say that the texts
# became friendlier. They did, and they became alike: the same praise again and again.
# Neither judge asks for variety or for sense, so nothing holds them, except the
# reference through the KL term; and KL is what paid for the gain. "Higher reward" and
# "better text" are two claims.
#
# Was it a fair price? [Chapter 08](08_best_of_n.ipynb) had another way to a higher
# score: write 64 texts and keep the best. It never trains, and its KL is at most
# $\log n - (n-1)/n$. The same judge chooses and counts, on the first 16 prompts.

# %% id="09-choice"
from course.reward.best_of_n import best_of_n_kl

pool = written_by(reference, [x for x in held_out[:16] for _ in range(64)], seed=2)
best_64 = pool.scores.view(16, 64).amax(1).mean().item()
won, limit = best_64 - pool.scores.mean().item(), best_of_n_kl(64)
print(f"best of 64: {won:+.2f} at {limit:.2f} nats or less, 64 texts for each answer")
same_16 = (after.scores - before.scores)[:16].mean().item()
print(f"REINFORCE:  {gain:+.2f} at {spent:.1f} nats, one text for each answer")
print(f"            {same_16:+.2f} on the same 16 prompts")

# %% id="09-choice-claim" tags=["nbval-check-output"]
claim("best-of-64 wins about as much", won > gain - 0.4, best_of_64=won, reinforce=gain)
claim("for a quarter of the KL or less", limit < spent / 4)

# %% [markdown] id="09-controls-text"
# About the same gain at a fraction of the KL: measured in nats, best-of-64 is the
# better deal. What REINFORCE buys is the price of an answer. It pays while it trains;
# then one text is enough.
#
# ## Negative controls
#
# Could the score rise for another reason than the reward: less random
# sampling, a step size, an error in the loop? Three kinds of short runs of *our* page,
# with three seeds each, are alike in all but the score that they are given. (They
# write 32 texts a step, and the learning rate is higher than in the long run, so that
# sixteen steps are enough.)
#
# - **true**: the reward model's score;
# - **flipped**: its negative. The true score must *fall*.
# - **shuffled**: the true scores of the batch, dealt out to the wrong texts. Their
#   mean and spread are the same, and there is nothing to learn.


# %% id="09-controls"
def flipped(ps, ys):
    return -score(ps, ys)


def shuffled(ps, ys):
    return score(ps, ys)[torch.randperm(len(ys), generator=deal)]


# %% id="09-controls-runs"
SEEDS = (0, 1, 2)
scores_after = {
    "no training": [written_by(reference, seed=1 + seed).scores for seed in SEEDS]
}
for name, given in (("true", score), ("flipped", flipped), ("shuffled", shuffled)):
    scores_after[name] = []
    for seed in SEEDS:
        deal = generator(3 + seed)
        run = reinforce(given, 16, 2e-3, beta=0.05, seed=seed, size=32)
        scores_after[name].append(written_by(run, seed=1 + seed).scores)
means = {name: torch.stack(runs).mean(1) for name, runs in scores_after.items()}
for name, each in means.items():
    print(f"{name:<12}", *(f"{x:+.2f}" for x in each))

# %% id="09-controls-claim" tags=["nbval-check-output"]
true, down, mixed = (
    means[name] - means["no training"] for name in ("true", "flipped", "shuffled")
)
claim("with the sign flipped the score falls", max(down) < -0.2, moved_by=down)
claim(
    "shuffled rewards move it less than half as far as the true ones, on average",
    mixed.mean().abs() < 0.5 * true.mean(),
    shuffled=mixed,
    true=true,
)
claim(
    "on each of the three seeds the true reward is ahead of both controls",
    (true - torch.maximum(down, mixed)).min() > 0.2,
    ahead_by=true - torch.maximum(down, mixed),
)

# %% id="09-controls-figure"
_, axes = plt.subplots(figsize=(6.4, 2.6))
for n, name in enumerate(list(means)[::-1]):
    axes.plot(means[name], [name] * 3, plots.MARKERS[n])
axes.axvline(means["no training"].mean(), ls="--", color="gray", lw=1)
axes.margins(y=0.2)
plots.finish(
    axes,
    "The true reward lifts the score; flipped, it falls",
    "mean score on held-out prompts, three seeds (dashed: mean of no training)",
    "",
    alt="Four rows of three dots: true lies right of no training, flipped clearly left "
    "of it, shuffled near it. A dashed line marks the mean of no training.",
)

# %% [markdown] id="09-limits"
# ## What was shown, and what was not
#
# Exactly, on a policy that can be enumerated: the score-function gradient, our loss,
# baselines and the harm they can do, both ways of credit, the KL inside the reward, and
# three loops that fail. By experiment, for one small writer, one reward model and one
# seed: the mean score rises, a second judge agrees (a lexicon of the project that
# collected the ratings), and diversity is lost. Not shown: that *people* would prefer
# the new texts; that another seed or a longer run ends in the same place; that plain
# REINFORCE is the best one can do with so many samples. Each batch is used once and
# thrown away; chapter 10 uses it several times.
# Where a longer climb ends is the subject of [chapter 14](14_reward_hacking.ipynb):
# over 100 nats from the start, where a judge that counts words falls in two of three
# runs.
#
# ## Test yourself
#
# 1. Why may the reward be a person, although the loss needs a gradient?
# 2. Which property must a baseline have, so that the mean gradient stays?
# 3. How many samples replace a baseline that makes the variance 9 times smaller?
# 4. When does reward-to-go fail to lower the variance, and what helps there?
# 5. Somebody's loss stays at 0 from the first step. Is the policy learning? What do
#    you look at?
# 6. How do you find out in two runs whether a loop uses its rewards?
# 7. A writer passes 90 % of its unit tests. Does the mean baseline help?
#
# <details><summary>Answers</summary>
#
# 1. Only $\log \pi$ is differentiated. The reward enters as a number.
# 2. It must be fixed before the text (or the token) that it is subtracted for is drawn;
#    then the zero-mean lemma takes it away.
# 3. Nine times as many: the error falls with the square root.
# 4. Where nearly everything is earned at the end. A baseline for each position lowers
#    it, with either credit.
# 5. You cannot tell: exercise 9.2 has a loss of 0 with a gradient. Look at score, KL
#    and entropy.
# 6. The same seed, and the rewards negated in the second. Equal weights: not used.
# 7. No: for one decision with two outcomes it makes the variance 64 times as large (see
#    the table). The best baseline there is $1 - q$.
#
# </details>
#
# ## Further reading
#
# - R. J. Williams, *Simple Statistical Gradient-Following Algorithms for Connectionist
#   Reinforcement Learning*, 1992,
#   [doi:10.1007/BF00992696](https://doi.org/10.1007/BF00992696): REINFORCE.
# - R. S. Sutton and A. G. Barto, *Reinforcement Learning: An Introduction*, 2018,
#   [the book](http://incompleteideas.net/book/the-book-2nd.html), chapters 3 and 13:
#   returns, Bellman equations, policy gradients.
# - J. Achiam, *Spinning Up in Deep RL*, 2018,
#   [part 3](https://spinningup.openai.com/en/latest/spinningup/rl_intro3.html): the
#   zero-mean lemma at work.
# - E. Greensmith, P. Bartlett and J. Baxter, *Variance Reduction Techniques for
#   Gradient Estimates in Reinforcement Learning*,
#   [JMLR 2004](https://www.jmlr.org/papers/v5/greensmith04a.html): the best baseline.
# - J. Schulman and others, *Gradient Estimation Using Stochastic Computation Graphs*,
#   2015, [arXiv:1506.05254](https://arxiv.org/abs/1506.05254): where a derivative is
#   enough and where it is not.
# - A. Ahmadian and others, *Back to Basics: Revisiting REINFORCE Style Optimization
#   for Learning from Human Feedback in LLMs*, 2024,
#   [arXiv:2402.14740](https://arxiv.org/abs/2402.14740): leave-one-out.
# - D. M. Ziegler and others, *Fine-Tuning Language Models from Human Preferences*,
#   2019, [arXiv:1909.08593](https://arxiv.org/abs/1909.08593): the KL leash, and a
#   policy that exploits its reward.
# - S. Huang and others, *The N+ Implementation Details of RLHF with PPO*, 2024,
#   [arXiv:2403.17031](https://arxiv.org/abs/2403.17031): the missing-end penalty.
#
# **Next:** the [five exercises](../exercises/09_policy_gradients.ipynb), then
# [chapter 10](10_ppo.ipynb), which learns a value for every prefix and takes several
# steps on each batch.
