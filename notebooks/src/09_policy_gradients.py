# %% [markdown] id="09-title"
# # 9 · Policy gradients
#
# A text that was sampled cannot be differentiated, and yet this chapter turns one
# number about it into an exact gradient, and moves the review writer with it.
#
# When you have read it you can:
#
# - read text generation as a Markov decision process, and compute its returns and
#   values;
# - derive the score-function gradient, and check any loss against the exact one;
# - say what a baseline does to the mean and to the variance of a gradient;
# - train a writer with REINFORCE, and read score, KL and entropy while it learns;
# - recognise three popular training loops that do not learn from reward.

# %% [markdown] id="09-mdp-text"
# ## Writing is a sequence of decisions
#
# Training on texts says: imitate these. Now nobody shows the writer what to write.
# It writes, and somebody says how good that was: a person, a reward model, a unit
# test. Reinforcement learning has names for this situation, a **Markov decision
# process**:
#
# | name | symbol | for a writer |
# |---|---|---|
# | state | $s_t$ | the prefix: prompt and tokens so far |
# | action | $y_t$ | the next token |
# | transition | | append the token; nothing else is random |
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
import torch

from course.policy.enumerable import NAMES, PREFIXES, TinyPolicy, bellman_backup
from course.runtime import generator

pi = TinyPolicy.random(generator(0), scale=0.5)
r = torch.tensor([1.0, 3, 2, 5, 4, 3, 1], dtype=torch.float64)  # stars
p = pi.probabilities().detach()  # (7,)
for name, chance, stars in zip(NAMES, p, r, strict=True):
    print(f"{name:<6} probability {chance:.3f}   {stars:.0f} stars")
J = pi.expected(r)
print(f"\nexpected stars: J = {J.item():.3f}")

# %% [markdown] id="09-value-text"
# $J = \sum_y \pi(y)\, r(y)$, the expected score, is what the policy should make
# large.
#
# ## Return, discount, value
#
# The **return** of token $t$ is what is earned from there on; the **discount**
# $\gamma$ shrinks what comes late:
#
# $$ G_t = r_t + \gamma\, G_{t+1} $$
#
# The **value** of a state is the expected return from there. It obeys the **Bellman
# equation**: the value of a prefix is the average, over the next token, of what the
# token earns and of the value of the longer prefix,
#
# $$ V(s) = \sum_a \pi(a \mid s)\,\bigl[\, r(s, a) + \gamma\, V(s') \,\bigr]. $$
#
# A tree is solved from its leaves to its root. First the two prefixes a and b, after
# which every token ends the text; then the root, where only EOS ends it.
#
# **Predict first.** A text has 30 tokens, the score arrives with the last one, and
# $\gamma = 0.9$. How much of the score does the first token see?
#
# <details><summary>Answer</summary>
#
# $0.9^{29}$, under 5 %. The first words decide most of a text and would be told
# almost nothing. This course uses $\gamma = 1$ everywhere: a text is short, and a
# score for the whole of it does not get less true with length.
#
# </details>

# %% id="09-value" tags=["nbval-check-output"]
from course import claim
from course.policy.advantages import returns_to_go

probs = pi.logits.detach().softmax(-1)  # (3 prefixes, 3 tokens)
stars = r[1:].view(2, 3)
V_a, V_b = bellman_backup(probs[1:], stars, torch.zeros(2, 3))
first_rewards = torch.tensor([[r[0], 0.0, 0.0]])  # EOS ends the text
next_values = torch.tensor([[0.0, V_a, V_b]])
(V,) = bellman_backup(probs[:1], first_rewards, next_values)
print(f"V(a) = {V_a:.2f}, V(b) = {V_b:.2f}, V(start) = {V:.2f}")
claim("two Bellman backups give the expected score", abs(V - J) < 1e-6)

late = torch.zeros(1, 30)
late[0, -1] = 1.0  # the score, on the last of 30 tokens
G = returns_to_go(late, torch.ones(1, 30), gamma=0.9)
claim("at gamma 0.9 the first of 30 tokens sees under 5 %", G[0, 0] < 0.05)

# %% id="09-tree"
import matplotlib.pyplot as plt

from course.plots import COLOURS

places = {"": (0, 3.2), "EOS": (1, 6), "a": (1, 4), "b": (1, 1), "a EOS": (2, 5),
          "a a": (2, 4), "a b": (2, 3), "b EOS": (2, 2), "b a": (2, 1),
          "b b": (2, 0)}  # fmt: skip
values = dict(zip(PREFIXES, (V, V_a, V_b), strict=True))
_, axes = plt.subplots(figsize=(7.6, 3.8))
for row, parent in enumerate(PREFIXES):
    for token, chance in zip(("EOS", "a", "b"), probs[row], strict=True):
        child = f"{parent} {token}".strip()
        (x, y), (x2, y2) = places[parent], places[child]
        axes.plot([x, x2], [y, y2], color=COLOURS[0], lw=0.5 + 7 * chance,
                  alpha=0.5, zorder=1)  # fmt: skip
for name, (x, y) in places.items():
    score = "" if name in values else f" {'★' * int(r[NAMES.index(name)])}"
    text = f"{name or 'start'}\nV = {values[name]:.2f}" if name in values else name
    axes.text(x, y, text + score, ha="left" if score else "center", va="center",
              bbox={"boxstyle": "round", "fc": "white", "ec": COLOURS[1]})  # fmt: skip
axes.set(xlim=(-0.2, 2.6), ylim=(-0.5, 6.5))
axes.set_title("The value of a prefix is the average of what can follow it")
axes.axis("off")
plt.show()

# %% [markdown] id="09-score-text"
# *The figure: the tree of the seven texts; thicker branches are more probable; the
# three prefixes carry their values, the seven texts their stars.*
#
# ## The score-function gradient
#
# How does $J$ change when a logit $\theta$ moves? The stars do not depend on
# $\theta$. Only the probabilities do:
#
# $$ \nabla J = \sum_y \nabla \pi(y)\; r(y). $$
#
# This sum runs over all texts: impossible for a real writer, with more texts than
# atoms. Three small steps make it an average over texts that the writer *samples*.
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
# $\nabla \log \pi(y)$ is called the **score function** in statistics. The name has
# nothing to do with our scores $r(y)$.


# %% id="09-score" tags=["nbval-check-output"]
def numerical(logits, eps=1e-6):
    """The gradient of J by moving each of the nine logits a little."""
    found = torch.zeros_like(logits)
    for place in range(9):
        step = torch.zeros_like(logits).view(-1)
        step[place] = eps
        up, down = (TinyPolicy(logits + s * step.view(3, 3)) for s in (1, -1))
        found.view(-1)[place] = (up.expected(r) - down.expected(r)) / (2 * eps)
    return found


grad_J = pi.gradient(J)  # autograd, through all seven probabilities
grad_log_pi = torch.stack([pi.gradient(x) for x in pi.logprobs().sum(1)])
by_score_function = torch.einsum("y,y,yij->ij", p, r, grad_log_pi)
moved = numerical(pi.logits.detach())
print("exact gradient: a row for start, a, b; a column for EOS, a, b")
for name, row in zip(PREFIXES, grad_J, strict=True):
    print(f"{name or 'start':<6}", " ".join(f"{x:+.2f}" for x in row))
claim("the derivation gives the exact gradient",
      (by_score_function - grad_J).abs().max() < 1e-6)  # fmt: skip
claim("so does moving each logit a little", (moved - grad_J).abs().max() < 1e-6)

# %% [markdown] id="09-loss-text"
# ## The loss
#
# An optimiser goes down, so the loss carries a minus sign. With a weight $A$ for
# every text or token, the **advantage**, it is
#
# $$ \text{loss} = -\operatorname{mean}\bigl( A\; l_t \bigr). $$
#
# $A$ is a constant: no gradient flows into it. The *mean* is a choice. The
# policy gradient itself sums over the tokens of a text and averages over texts
# (`reduce_seq_sum`). The course's default divides by the number of all tokens in the
# batch (`token_mean`), as most libraries do; that keeps the size of a step apart from
# the length of the texts. But the number of tokens is itself random, so it is a
# departure, and we measure it. `all_batches(2)` lists every batch of two
# texts; a batch has the product of their probabilities.

# %% id="09-loss" tags=["nbval-check-output"]
from course.policy.enumerable import all_batches
from course.policy.losses import (
    reduce_seq_sum,
    reduce_token_mean,
    reinforce_loss,
)


def expected_gradient(reduce, A):
    """Exact gradient of the negative loss, over all 49 batches of two texts."""
    logprobs, total = pi.logprobs(), 0.0
    for rows in all_batches(2):
        loss = reinforce_loss(logprobs[rows], A[rows], pi.mask[rows], reduce)
        total = total - p[rows].prod() * loss
    return pi.gradient(total)


ours = expected_gradient(reduce_seq_sum, r)
departed = expected_gradient(reduce_token_mean, r)
cosine = torch.cosine_similarity(ours.flatten(), departed.flatten(), dim=0)
claim("autograd of our loss over all texts is the exact gradient",
      (ours - grad_J).abs().max() < 1e-6)  # fmt: skip
claim("token_mean points elsewhere, by under 15 degrees", 0.966 < cosine < 0.9999)

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
# number $b$, a **baseline**:
#
# $$ A = r(y) - b $$
#
# **Predict first.** Does a baseline change the mean of the estimate?
#
# <details><summary>Answer</summary>
#
# No. What it adds on average is $b \sum_y \pi(y)\, \nabla \log \pi(y) =
# b \sum_y \nabla \pi(y) = b\, \nabla 1 = 0$: probabilities sum to 1
# whatever the logits are. This holds for every $b$ that does not depend on the text
# that was sampled.
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
    mean, variance = mean_and_variance(r - b)
    print(f"b = {b:+.0f}: variance {variance:5.1f}")
    claim("the mean is the exact gradient", (mean - grad_J).abs().max() < 1e-12)

# %% id="09-variance-figure"
from course import plots

levels = torch.linspace(-1, 6, 57, dtype=torch.float64).tolist()
variances = [mean_and_variance(r - b)[1] for b in levels]

_, axes = plt.subplots()
axes.plot(levels, variances, color=COLOURS[0])
axes.axvline(J.item(), ls="--", color=COLOURS[1], label="expected score J")
best = levels[variances.index(min(variances))]
axes.plot(best, min(variances), "o", color=COLOURS[2], label="lowest variance")
axes.set_ylim(0)
plots.finish(axes, "The baseline moves the variance, and only the variance",
             "baseline b (stars)", "variance of one gradient (stars²)")  # fmt: skip

# %% [markdown] id="09-baseline-alt"
# *The figure: the variance is a parabola over the baseline. Its lowest point lies
# near the expected score, but not on it; far too high a baseline is as bad as none.*
#
# The mean score is a good baseline, not the best one: the best weighs each text by
# the squared length of its $\nabla \log \pi$. It is close, and it is free.
#
# Now the signature figure of this chapter. We draw 200 gradients from $N$ texts each
# and measure their root-mean-square distance to the exact one.


# %% id="09-mc"
def rms_error(n, b, draw, repeats=200):
    """Root-mean-square distance of a gradient from n texts to the exact one."""
    rows = torch.multinomial(p, repeats * n, replacement=True, generator=draw)
    g = (r - b)[rows, None, None] * grad_log_pi[rows]
    estimates = g.view(repeats, n, 3, 3).mean(1)
    return (estimates - grad_J).square().sum((1, 2)).mean().sqrt().item()


sizes = [2**k for k in range(2, 13)]
draw = generator(0)  # seeds tried: 0, 1, 2
errors = {b: [rms_error(n, b, draw) for n in sizes] for b in (0.0, J.item())}


def slope(ys):
    """Least-squares slope on log-log axes."""
    x, y = torch.tensor(sizes).log(), torch.tensor(ys).log()
    return torch.dot(x - x.mean(), y - y.mean()) / (x - x.mean()).square().sum()


slopes = [slope(ys) for ys in errors.values()]
gain = mean_and_variance(r)[1] / mean_and_variance(r - J.item())[1]

# %% id="09-mc-claim" tags=["nbval-check-output"]
claim("without a baseline the error falls as 1/√N", abs(slopes[0] + 0.5) < 0.06)
claim("with a baseline it falls as 1/√N too", abs(slopes[1] + 0.5) < 0.06)
claim("the expected score as baseline saves 3 of 4 samples or more", gain > 4)

# %% id="09-signature"
_, axes = plt.subplots(figsize=(6.4, 4))
for (b, ys), name, colour, marker in zip(
    errors.items(), ("no baseline", "baseline b = J"), COLOURS, "os", strict=False
):
    one = mean_and_variance(r - b)[1] ** 0.5
    axes.plot(sizes, [one / n**0.5 for n in sizes], "--", color=colour, lw=1)
    axes.loglog(sizes, ys, marker, color=colour, label=name)
axes.plot([], [], "--", color="gray", label="theory: √(variance / N)")
plots.finish(axes, f"A baseline is worth {gain:.0f} times the samples",
             "sampled texts N", "error of the gradient (stars)")  # fmt: skip

# %% [markdown] id="09-signature-alt"
# *The figure, on two logarithmic axes: both errors fall on straight lines of slope
# −½, on the dashed lines that the exact variance predicts; the line with the
# baseline lies lower by a constant factor.*
#
# ## A baseline from the batch
#
# $J$ is unknown in practice. Two estimates are used:
#
# - **Batch mean**: the mean score of the batch, the sample itself included. Then a
#   sample is compared with itself in part, which shrinks the expected gradient by
#   exactly $(N-1)/N$. Its direction stays.
# - **Leave-one-out**: the mean of the *other* samples of the same prompt. Nothing
#   shrinks.
#
# For $N = 2$ we list all 49 batches.

# %% id="09-batch" tags=["nbval-check-output"]
from course.policy.advantages import batch_mean_baseline, leave_one_out_baseline

pairs = all_batches(2)  # (49, 2)
chance = p[pairs].prod(1)  # (49,)
for name, baseline, factor in (
    ("the batch mean", lambda R: batch_mean_baseline(R), 1 / 2),
    ("leave-one-out", lambda R: leave_one_out_baseline(R, group_size=2), 1),
):
    A = torch.stack([r[rows] - baseline(r[rows]) for rows in pairs])
    g = (A[..., None, None] * grad_log_pi[pairs]).mean(1)  # (49, 3, 3)
    mean = torch.einsum("n,nij->ij", chance, g)
    claim(f"{name} gives {factor:g} × the exact gradient",
          (mean - factor * grad_J).abs().max() < 1e-12)  # fmt: skip

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
# Both have the same mean. The usual next sentence is "and reward-to-go has less
# variance". We look at it twice. First twenty independent coins: each of 20
# tokens is heads or tails and earns +1 or −1 at once. Then 300 random
# tiny policies whose tokens pay for KL, computed exactly: first with one baseline for
# every token, the expected return; then with one for each position, the mean of $G_t$.

# %% id="09-credit"
from course.policy.advantages import shaped_rewards

T = 20
coins = torch.randint(2, (20_000, T), generator=generator(0)) * 2.0 - 1
grad_l = coins / 2  # derivative of log sigmoid(±theta) at theta = 0
G = returns_to_go(coins, torch.ones_like(coins))
whole, to_go = G[:, :1] * grad_l, G * grad_l  # (20000, T)
for name, g in (("whole sequence", whole), ("reward-to-go", to_go)):
    print(f"{name:<15} mean {g.mean():.3f}, variance {g.var(0).sum():.1f}")


# %% id="09-credit-tiny"
def three_variances(seed, beta=0.5):
    """Of one random tiny policy: whole sequence, reward-to-go with two baselines."""
    tiny, ref = (TinyPolicy.random(generator(seed + k), 0.5) for k in (0, 5000))
    l_t, chance = tiny.logprobs(), tiny.probabilities().detach()
    both = l_t.detach(), ref.logprobs().detach()
    G = returns_to_go(shaped_rewards(r, *both, tiny.mask, beta), tiny.mask)
    b = chance @ G[:, 0]
    b_t = (chance @ G) / (chance @ tiny.mask.double())  # one for each position
    grads = [[tiny.gradient(x) for x in (A * l_t).sum(1)]
             for A in (G[:, :1] - b, G - b, G - b_t)]  # fmt: skip
    return [mean_and_variance(chance.new_ones(7), torch.stack(g), chance)
            for g in grads]  # fmt: skip


tried = [three_variances(seed) for seed in range(300)]
apart = max((x[0] - t[0][0]).abs().max().item() for t in tried for x in t[1:])
one, each = (sum(t[k][1] < t[0][1] for t in tried) / len(tried) for k in (1, 2))
print(f"reward-to-go had less variance in {one:.0%} of the policies with one")
print(f"baseline, and in {each:.0%} with one for each position")
claim("all three have the same mean, exactly", apart < 1e-12)
claim("on twenty coins reward-to-go has under 0.6 of the variance",
      to_go.var(0).sum() < 0.6 * whole.var(0).sum())  # fmt: skip
claim("it is no law: with one baseline 3 of 10 policies or more lose", one < 0.7)
claim("with a baseline for each position 8 of 10 or more win", each > 0.8)

# %% [markdown] id="09-credit-after"
# Where every token earns its own reward, reward-to-go wins clearly. Where almost
# everything is earned at the end there is little past to leave out, and one baseline
# for all tokens no longer fits the later ones. A baseline that knows where it is
# repairs that. The consequent form is a **value function**, one number per prefix;
# chapter 10 learns one.
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
# up, by 4 or more. An early favourite is then pulled more often and pushed up
# more often, although it is not better. One run proves little, so the cell
# counts over 40 seeds.
#
# </details>

# %% id="09-bandit"
from course.widgets import show_bandit
from course.widgets.bandit import run_bandit

found = {
    baseline: sum(run_bandit(200, 0.1, baseline, seed).policies[-1][2] > 0.5
                  for seed in range(40))
    for baseline in (False, True)
}  # fmt: skip
print(f"runs of 40 that find arm C: {found[False]} without, {found[True]} with")
claim("with the baseline more runs find the best arm", found[True] > found[False] + 3)
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
# The **entropy** of a policy says how undecided it is about the next token:
# $H(s) = -\sum_a \pi(a \mid s) \log \pi(a \mid s)$, in nats. At $H = 0$ it always
# writes the same, and then learns nothing more: all samples are alike.
#
# Climbing $J$ leads there, because the best policy for a fixed score is one single
# text. So we pay for moving away from a frozen copy, the **reference**. With
# $d_t = l_t - l^{\text{ref}}_t$ and $D = \sum_t d_t$, the reward is
#
# $$ R = r(y) - \beta\, D, $$
#
# whose expectation is $J - \beta\, \mathrm{KL}(\pi \,\|\, \pi_{\text{ref}})$.
# `shaped_rewards` puts $-\beta\, d_t$ on every token, and the score on the last.
# $d_t$ is a constant there, like every reward. That this still gives the full
# gradient of the KL is surprising enough to be checked.

# %% id="09-leash"
from course.policy.losses import policy_entropy


def climb(beta, steps=400, lr=1.0):
    """Exact gradient ascent on J - beta KL: expected stars and entropy by step."""
    policy, ref = (TinyPolicy.random(generator(0), 0.5) for _ in range(2))
    prefix = torch.stack([torch.zeros(7, dtype=torch.long), policy.ids[:, 0]], 1)
    track = []
    for _ in range(steps):
        chance = policy.probabilities().detach()
        rows = torch.multinomial(chance, 500, replacement=True, generator=draw)
        H = policy_entropy(policy.logits[prefix[rows]], policy.mask[rows])
        track.append((policy.expected(r).item(), H.item()))
        g = policy.gradient(policy.expected(r) - beta * policy.kl(ref))
        policy.logits.data += lr * g
    return track


draw = generator(0)
tracks = {beta: climb(beta) for beta in (0.0, 0.6, 1.0)}
for beta, track in tracks.items():
    print(f"beta {beta}: {track[-1][0]:.2f} stars, entropy {track[-1][1]:.3f} nats")

# %% id="09-leash-claim" tags=["nbval-check-output"]
ref = TinyPolicy.random(generator(1))
rewards = shaped_rewards(r, pi.logprobs(), ref.logprobs(), pi.mask, 0.3)
R = rewards.sum(1)
target = pi.gradient(pi.expected(r) - 0.3 * pi.kl(ref))
claim("the KL inside the reward gives the gradient of J - beta KL",
      (mean_and_variance(R)[0] - target).abs().max() < 1e-12)  # fmt: skip
claim("without the leash the entropy falls under 0.1 nats", tracks[0.0][-1][1] < 0.1)
claim("at beta 1 it stays above 0.3 nats", tracks[1.0][-1][1] > 0.3)

# %% id="09-leash-figure"
plots.curves(
    {
        f"beta = {beta:g}": ([s for s, _ in track], [h for _, h in track])
        for beta, track in tracks.items()
    },
    title="The last stars are paid for with entropy; beta says where to stop",
    x="expected stars J",
    y="entropy (nats per token)",
)

# %% [markdown] id="09-examined-text"
# *The figure: three climbs from the same start, J against entropy. Without the
# leash the climb ends at five stars and an entropy of 0; with beta 1 it stops
# early, with entropy left.*
#
# ## A common description, examined
#
# Three training loops circulate in articles and notebooks under the name "policy
# gradient". On a small tree each can be tried exactly.
#
# **1. "Give every token its own reward and subtract the mean over the text."** The
# score comes with the last token, so the immediate rewards of a two-token text are
# $(0, R)$. Centred inside the text they are $(-R/2, +R/2)$. Nothing of $R$
# reaches the first token, except that it is punished for the mean.
#
# **Predict first.** A good first token is followed by good endings. Which way does
# this rule move it?

# %% id="09-examined-centred"
R = torch.tensor([[4.0, 5.0], [1.0, 0.0]], dtype=torch.float64)  # (first, second)


def two_tokens(logits, rule):
    """Gradient of the rule's loss over all four texts, and the expected score."""
    root, second = logits[0], logits[1:]
    l_1 = root.log_softmax(0)[:, None].expand(2, 2)
    l_2 = second.log_softmax(1)
    chance = (l_1 + l_2).exp()
    A_1, A_2 = rule(R)
    weighted = (chance.detach() * (A_1 * l_1 + A_2 * l_2)).sum()
    return torch.autograd.grad(weighted, logits)[0], (chance * R).sum().item()


rules = {"return (the true gradient)": lambda R: (R, R),
         "own reward, centred": lambda R: (0 - R / 2, R - R / 2)}  # fmt: skip
start = torch.randn(3, 2, generator=generator(0), dtype=torch.float64)
gradients, ends = [], []
for name, rule in rules.items():
    logits = start.clone().requires_grad_()
    gradients.append(two_tokens(logits, rule)[0])
    for _ in range(300):
        g, score = two_tokens(logits, rule)
        logits = (logits + g).detach().requires_grad_()
    ends.append(score)
    print(f"{name:<27} ends at a score of {score:.2f}")

# %% id="09-examined-centred-claim" tags=["nbval-check-output"]
ratio = gradients[1] / gradients[0]
print("first token: ", " ".join(f"{x:+.1f}" for x in ratio[0]), "× the truth")
print("second token:", " ".join(f"{x:+.1f}" for x in ratio[1:].flatten()))
claim("the first token gets minus one half of its gradient",
      (ratio[0] + 0.5).abs().max() < 1e-9)  # fmt: skip
claim("the last token gets plus one half", (ratio[1:] - 0.5).abs().max() < 1e-9)
claim("the true gradient climbs above 4.9, the centred rule falls below 1.1",
      ends[0] > 4.9 and ends[1] < 1.1)  # fmt: skip

# %% [markdown] id="09-examined-unused-text"
# Minus one half: the rule chooses the *worse* first token and then the best
# ending of the bad text. With many tokens the score is centred away from nearly all of
# them in the same way. (It would still be wrong where each token has its own reward:
# a text's own mean depends on what was sampled, so it is not a baseline.)
#
# **2. A loop that computes rewards and never uses them.** It samples, prints the mean
# reward, and takes a step on the sampled tokens' log-probabilities alone. The loop
# looks complete. Its expected gradient is $\sum_y \pi(y) \nabla \log \pi(y) = 0$.
# One experiment unmasks every such loop: **run it twice, the second time with the
# rewards negated.** Equal weights at the end mean that the rewards were not used.


# %% id="09-examined-unused" tags=["nbval-check-output"]
def loop(score, use_rewards, steps=100):
    """REINFORCE on the tiny policy; the logits in the end."""
    policy, draw = TinyPolicy.random(generator(0), 0.5), generator(1)
    for _ in range(steps):
        chance = policy.probabilities().detach()
        rows = torch.multinomial(chance, 16, replacement=True, generator=draw)
        rewards = score[rows]  # would be printed in every step
        A = rewards - rewards.mean() if use_rewards else torch.ones_like(rewards)
        loss = reinforce_loss(policy.logprobs()[rows], A, policy.mask[rows])
        policy.logits.data -= 0.5 * policy.gradient(loss)
    return policy.logits.detach()


for use in (False, True):
    same = torch.equal(loop(r, use), loop(-r, use))
    print(f"rewards used: {use}; same policy after negating them: {same}")
claim("a loop that ignores its rewards cannot tell them from their negatives",
      torch.equal(loop(r, False), loop(-r, False)))  # fmt: skip
claim("its expected gradient is zero",
      mean_and_variance(torch.ones_like(r))[0].abs().max() < 1e-12)  # fmt: skip

# %% [markdown] id="09-examined-back-text"
# **3. "Back-propagate the reward through the generated text."** Token ids are whole
# numbers that were *drawn*. There is no derivative of a draw: the path from the
# score back to the logits is cut. torch says so. The cure that is often found, to
# switch gradients on at the score, only silences the message.

# %% id="09-examined-back" tags=["nbval-check-output"]
policy = TinyPolicy.random(generator(0), 0.5)
chance = policy.probabilities()
rows = torch.multinomial(chance, 16, replacement=True, generator=generator(1))
scores = r[rows]
try:
    (-scores.mean()).backward()
except RuntimeError as error:
    print("torch:", str(error)[:56])
(-scores.mean()).requires_grad_().backward()  # the silent "cure"
print("gradient after the cure:", policy.logits.grad)
A = scores - scores.mean()
reinforce_loss(policy.logprobs()[rows], A, policy.mask[rows]).backward()
claim("the score function reaches the logits", policy.logits.grad.abs().max() > 0.01)

# %% [markdown] id="09-writer-text"
# ## The review writer learns
#
# Everything is in place. The **policy** starts as a copy of the language model of
# chapter 02. It gets the first words of a review and completes it. The reward
# model of chapter 07 scores the whole text; its scale is set so that texts of the
# untrained writer have mean 0 and standard deviation 1. One step is: write a batch,
# score it, compute reward-to-go with the batch mean as baseline and the KL in
# the reward, take one optimiser step. A step is `reinforce_step` in
# `course.policy.reinforce`, five lines that you know by now; `train` in
# `course.policy.loop` repeats it, and will repeat the steps of the next chapters too.
#
# One thing is new. The reward model also scores a text that was cut off, so nothing
# would pay for an ending. A text without one therefore loses a fixed amount, the
# **missing-end penalty**. The scores that are shown are those before it.
#
# `checkpoints.load` trains the policy when it is not there, and keeps it. These are
# its settings, and its history.

# %% id="09-writer"
from course import checkpoints

writer = checkpoints.load("language-model")
judge = checkpoints.load("reward-model")
trained = checkpoints.load("policy-reinforce")
tokenizer = writer.tokenizer
settings = checkpoints.recipe("policy-reinforce").settings
opening_words = settings["opening_words"]
shown = {k: settings[k] for k in ("learning_rate", "beta")} | settings["train"]
print(", ".join(f"{name} {value}" for name, value in shown.items()))
h = trained.history
_, places = plt.subplots(1, 3, figsize=(9.4, 2.9))
for axes, key, unit in zip(
    places, ("score/mean", "kl_seq", "entropy"),
    ("reference standard deviations", "nats per text", "nats per token"), strict=True,
):  # fmt: skip
    axes.plot(h.steps(key), h[key], color=COLOURS[0])
    axes.set(title=key, xlabel="step", ylabel=unit)
places[0].figure.suptitle("The score rises; KL is spent and entropy is lost")
plt.show()
for key in ("score/mean", "loss/policy"):
    first, last = (sum(part) / 10 for part in (h[key][:10], h[key][-10:]))
    print(f"{key:<12} first ten steps {first:+.2f}, last ten {last:+.2f}")

# %% [markdown] id="09-after-text"
# *The figure: three curves over the training steps. The mean score climbs from
# about 0 and flattens; the KL from the reference grows; the entropy falls.*
#
# The loss is not drawn, because its *value* says nothing about progress: it is the mean
# of $-A\, l_t$ over texts that were drawn a moment ago. The printed line shows that
# it can rise while the score rises. Only its gradient does any work. Watch score, KL
# and entropy instead.
#
# ## Did it get better? Two judges
#
# The policy was trained to please the reward model, so the reward model's opinion
# alone proves little. The **lexicon**, a list of words with the feelings that people
# gave them, took no part in the training. It judges the completions only, so that
# words of the prompt cannot help. The prompts are openings of test texts, which no
# model of the chain was trained on.
#
# After the numbers come a figure, and the first prompts with both completions, none of
# them picked: numbers do not show a text.

# %% id="09-after"
from course.data import reviews
from course.policy.rollout import collect
from course.recipes import openings
from course.reward.model import scorer
from course.reward.rules import lexicon_score

score = scorer(judge.model, judge.tokenizer)
held_out = openings(reviews.texts("movies", "test"), opening_words)[:128]


def written_by(model, prompts=held_out):
    """Completions of the prompts, scored, with log-probabilities of both models."""
    return collect(model, writer.model, tokenizer, prompts, score,
                   max_new_tokens=32, generator=generator(1))  # fmt: skip


before, after = written_by(writer.model), written_by(trained.model)
friendly = [lexicon_score(x.completions) for x in (before, after)]
for name, x, words in zip(("before", "after"), (before, after), friendly, strict=True):
    print(f"{name:<7} reward model {x.scores.mean():+.2f} (std {x.scores.std():.2f}, "
          f"best {x.scores.max():+.2f}), lexicon {words.mean():+.2f}")  # fmt: skip

# %% id="09-after-claim" tags=["nbval-check-output"]
gain = (after.scores.mean() - before.scores.mean()).item()
claim("the mean score rises by more than 1.5 reference standard deviations",
      gain > 1.5, gain=gain)  # fmt: skip
difference = friendly[1] - friendly[0]
error = difference.std() / len(difference) ** 0.5
claim("the lexicon agrees, by more than 4 standard errors",
      difference.mean() > 4 * error)  # fmt: skip

# %% id="09-after-figure"
_, axes = plt.subplots()
bins = torch.linspace(-3, 3, 31).tolist()
for x, name, colour, hatch in ((before, "before", COLOURS[0], ""),
                               (after, "after", COLOURS[1], "//")):  # fmt: skip
    axes.hist(x.scores.tolist(), bins, alpha=0.6, color=colour, label=name,
              hatch=hatch)  # fmt: skip
plots.finish(axes, f"The whole distribution moves, by {gain:.1f} standard deviations",
             "score of the reward model", "texts")  # fmt: skip

# %% id="09-samples"
for n in range(6):
    print(f"{held_out[n]} …")
    for name, x in (("before", before), ("after", after)):
        text = " ".join(x.completions[n].split())
        print(f"   {name:<6} {x.scores[n]:+.1f}  {text[:70]}")

# %% [markdown] id="09-broken-text"
# *The figure above: two histograms of scores; the one of the trained policy lies to
# the right of the one of the reference, and is narrower.* Texts that score alike
# have small advantages: the longer the run, the less is left to learn from.
#
# ## What it broke
#
# Read the texts marked *after*, one below the other. **Predict first:** which of
# these got worse: the share of texts that end, the share of different word pairs,
# the share of invented words?

# %% id="09-broken"
from collections import Counter

from course.policy.kl import kl_seq
from course.reward.rules import distinct_n

known = {w for t in reviews.texts("movies") for w in t.lower().split()}
kept = {}
for name, x in (("before", before), ("after", after)):
    words = [w for text in x.completions for w in text.lower().split()]
    top = Counter(w for w in words if w.isalpha() and len(w) > 3).most_common(5)
    kept[name] = {
        "distinct pairs of words, all texts": distinct_n(" ".join(words), 2),
        "share of words that no review has": sum(w not in known for w in words)
        / len(words),
        "share of words among the top five": sum(n for _, n in top) / len(words),
        "tokens per text": x.completion_mask.sum(1).float().mean().item(),
        "share of texts that end": x.ended.float().mean().item(),
    }
    print(f"{name}: most frequent long words:", ", ".join(w for w, _ in top))
for key in kept["before"]:
    print(f"{key:<36} {kept['before'][key]:6.2f} {kept['after'][key]:6.2f}")
spent = kl_seq(after.old_logprobs, after.ref_logprobs, after.completion_mask)
print(f"KL spent: {spent:.1f} nats per text, {gain / spent:.2f} std per nat")

# %% id="09-broken-claim" tags=["nbval-check-output"]
claim("the texts became more alike: fewer different pairs of words",
      kept["after"]["distinct pairs of words, all texts"]
      < kept["before"]["distinct pairs of words, all texts"] - 0.03)  # fmt: skip
claim("more than 5 nats of KL per text were spent", spent > 5)

# %% [markdown] id="09-controls-text"
# This is the honest side of the ledger. The score and the lexicon say that the texts
# became friendlier. They did, and they became alike: fewer different pairs of words,
# the same praise again and again. Neither judge asks for variety or for sense, so
# nothing holds them, except the reference through the KL term; and KL is what paid
# for the gain. Look at the endings too: that is where the missing-end penalty shows.
# "Higher reward" and "better text" are two claims. Chapter 14 is about the distance
# between them.
#
# ## Negative controls
#
# Could the score rise for another reason than the reward: less random
# sampling, a step size, an error in the loop? Three short runs from the same start
# are alike in everything but the score that they are given. (The learning rate is
# higher than in the long run, so that twenty steps are enough.)
#
# - **true**: the reward model's score;
# - **flipped**: its negative. The true score must *fall*.
# - **shuffled**: the true scores of the batch, dealt out to the wrong texts. Their
#   mean and spread are the same, and there is nothing to learn.

# %% id="09-controls"
from copy import deepcopy
from functools import partial

from course.policy.loop import train
from course.policy.reinforce import reinforce_step

prompts = openings(reviews.texts("movies", "train"), opening_words)
deal = generator(3)  # seeds of the runs tried: 0, 1, 2
given = {
    "true": score,
    "flipped": lambda ps, cs: -score(ps, cs),
    "shuffled": lambda ps, cs: score(ps, cs)[torch.randperm(len(cs), generator=deal)],
}
ends = {"no training": before.scores}
for name, rule in given.items():
    policy = deepcopy(writer.model)
    adam = torch.optim.AdamW(policy.parameters(), lr=1.5e-3, weight_decay=0.0)
    train(policy, writer.model, tokenizer, prompts, rule,
          partial(reinforce_step, policy, adam, beta=0.05), optimizer=adam, steps=20,
          batch_size=64, max_new_tokens=32, generator=generator(0))  # fmt: skip
    ends[name] = written_by(policy).scores

# %% id="09-controls-figure"
_, axes = plt.subplots(figsize=(6.4, 2.6))
names = list(ends)[::-1]
centre = [ends[n].mean().item() for n in names]
spread = [2 * ends[n].std().item() / len(held_out) ** 0.5 for n in names]
axes.errorbar(centre, names, xerr=spread, fmt="o", capsize=4, color=COLOURS[0])
axes.axvline(0, ls="--", color="gray", lw=1)
axes.margins(y=0.2)
plots.finish(
    axes,
    "The true reward lifts the score; flipped, it falls",
    "mean score on held-out prompts (bars: 2 standard errors)",
    "",
)

# %% id="09-controls-claim" tags=["nbval-check-output"]
m = {name: scores.mean().item() for name, scores in ends.items()}
claim("with the sign flipped the score falls",
      m["flipped"] < m["no training"] - 0.2, **{"flipped": m["flipped"]})  # fmt: skip
claim("shuffled rewards move it less than half as far as the true ones",
      abs(m["shuffled"] - m["no training"])
      < 0.5 * (m["true"] - m["no training"]))  # fmt: skip
claim("the true reward is ahead of both controls",
      m["true"] > max(m["flipped"], m["shuffled"]) + 0.4)  # fmt: skip

# %% [markdown] id="09-limits"
# *The figure: four dots with bars, the mean scores without training and after three
# short runs. True lies right of no training, flipped clearly left, shuffled near it.*
#
# ## What was shown, and what was not
#
# Exactly, on a policy that can be enumerated: the score-function gradient, our loss,
# baselines, both ways of credit, the KL inside the reward, and three loops that fail.
# By experiment, for one small writer, one reward model and one seed: the mean score
# rises, an independent judge agrees, and diversity is lost. Not shown: that *people*
# would prefer the new texts; that another seed or a longer run ends in the same place;
# that plain REINFORCE is the best one can do with so many samples. Each batch
# is used once and thrown away; chapter 10 uses it several times.
#
# ## Test yourself
#
# 1. Why may the reward be a person, although the loss needs a gradient?
# 2. Which property must a baseline have, so that the mean gradient stays?
# 3. How many samples replace a baseline that makes the variance 9 times smaller?
# 4. When does reward-to-go fail to lower the variance, and what repairs it?
# 5. Somebody's loss stays at 0 from the first step. Is the policy learning? What do
#    you look at?
# 6. How do you find out in two runs whether a loop uses its rewards?
#
# ## Read on
#
# - R. J. Williams, *Simple Statistical Gradient-Following Algorithms for Connectionist
#   Reinforcement Learning*, Machine Learning 1992: REINFORCE.
# - R. S. Sutton and A. G. Barto, *Reinforcement Learning: An Introduction*, 2018,
#   chapters 3 and 13: returns, Bellman equations, policy gradients.
# - E. Greensmith, P. Bartlett and J. Baxter, *Variance Reduction Techniques for
#   Gradient Estimates in Reinforcement Learning*, JMLR 2004: the best baseline.
# - J. Schulman and others, *Gradient Estimation Using Stochastic Computation Graphs*,
#   2015, arXiv:1506.05254: where a derivative is enough and where it is not.
# - A. Ahmadian and others, *Back to Basics: Revisiting REINFORCE Style Optimization
#   for Learning from Human Feedback in LLMs*, 2024, arXiv:2402.14740.
# - D. M. Ziegler and others, *Fine-Tuning Language Models from Human Preferences*,
#   2019, arXiv:1909.08593: the KL leash, and a policy that exploits its reward.
#
# **Next:** the five exercises in `exercises/09_policy_gradients.ipynb`, then chapter
# 10, which learns a value for every prefix and takes several steps on each batch.
