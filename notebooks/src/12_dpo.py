# %% [markdown] id="12-title"
# # 12 · DPO: learning from pairs, and the frontier
#
# The best policy that a reward and a KL leash allow can be written down. Turned
# round, that formula trains a policy on pairs of texts, with no reward model and no
# sampling inside; and then all methods of this part meet in one picture.
#
# When you have read it you can:
#
# - write down the optimum of reward minus KL, and say what β does to it;
# - derive DPO's loss from it, and read a policy as a reward model;
# - say what becomes of DPO when labels are certain or wrong, and what IPO, cDPO and
#   robust DPO do about it;
# - train a writer on pairs, and recognise a run that only learned the length;
# - place best-of-n, REINFORCE, PPO, GRPO and DPO by what they gain for a nat of KL.

# %% [markdown] id="12-optimum-text"
# ## The optimum, in closed form
#
# Chapters 09 to 11 climbed one hill: expected reward minus the price of leaving the
# reference,
#
# $$ J_\beta(\pi) = \mathbb{E}_{y \sim \pi}[\, r(y) \,] - \beta\,
# \mathrm{KL}(\pi \,\|\, \pi_{\text{ref}}). $$
#
# Nobody has to climb. Take the policy that is proportional to
# $\pi_{\text{ref}}\, e^{r/\beta}$; let $Z$ be the number that makes it sum to 1:
#
# $$ \pi^*(y) = \frac{1}{Z}\, \pi_{\text{ref}}(y)\, e^{r(y)/\beta},
# \qquad Z = \sum_y \pi_{\text{ref}}(y)\, e^{r(y)/\beta}. $$
#
# Solve the first for $r$: $r(y) = \beta \log \frac{\pi^*(y)}{\pi_{\text{ref}}(y)} +
# \beta \log Z$. Put this into $J_\beta$, and everything falls into place:
#
# $$ J_\beta(\pi) = \beta \log Z - \beta\, \mathrm{KL}(\pi \,\|\, \pi^*). $$
#
# The first part does not depend on $\pi$. The second is never positive, and 0 only
# for $\pi = \pi^*$. So $\pi^*$ is the one best policy. We check the identity with the
# seven texts of chapter 09 and five policies that have nothing to do with each other.
#
# **Predict first.** What is $\pi^*$ for a very large β, and for a very small one?
#
# <details><summary>Answer</summary>
#
# Large: $e^{r/\beta}$ is nearly 1 for every text, so it is the reference. Small: the
# best text takes all, however improbable it was. β has the unit of the reward for each
# nat: it says how many stars a nat of KL may cost.
#
# </details>

# %% id="12-optimum" tags=["nbval-check-output"]
import torch

from course import claim
from course.policy.enumerable import NAMES, TinyPolicy
from course.policy.preference_losses import optimal_policy
from course.runtime import generator

ref = TinyPolicy.random(generator(0), scale=0.5)  # seeds tried: 0, 1, 2
r = torch.tensor([1.0, 3, 2, 5, 4, 3, 1], dtype=torch.float64)  # stars
pi_ref = ref.probabilities().detach()  # (7,)
beta = 1.0
star = optimal_policy(pi_ref, r, beta)  # (7,)
Z = (pi_ref * (r / beta).exp()).sum()
apart = 0.0
for seed in range(1, 6):
    pi = TinyPolicy.random(generator(seed))
    J = pi.expected(r) - beta * pi.kl(ref)
    p = pi.probabilities()
    from_star = (p * (p / star).log()).sum()  # KL(pi || pi*)
    apart = max(apart, abs(J - (beta * Z.log() - beta * from_star)).item())
claim("J is beta log Z minus beta KL to the optimum, for five policies", apart < 1e-9)

# %% id="12-optimum-figure"
import matplotlib.pyplot as plt

from course import plots

_, axes = plt.subplots(figsize=(7.4, 3.2))
shown = {"reference": pi_ref} | {
    f"β = {b:g}": optimal_policy(pi_ref, r, b) for b in (3.0, 1.0, 0.3)
}
for n, (name, chances) in enumerate(shown.items()):
    places = [i + 0.2 * (n - 1.5) for i in range(7)]
    axes.bar(places, chances.tolist(), 0.2, label=name, color=plots.COLOURS[n])
labels = [f"{name}\n{stars:.0f}★" for name, stars in zip(NAMES, r, strict=True)]
axes.set_xticks(range(7), labels)
plots.finish(axes, "The smaller β, the more the best text takes", "",
             "probability")  # fmt: skip

# %% [markdown] id="12-derive-text"
# *The figure: seven groups of four bars. With β = 3 the optimum looks like the
# reference; with β = 0.3 nearly all probability lies on the text with five stars.*
#
# Then why did we train at all? Because $Z$ is a sum over *all* texts, and a writer has
# more of those than there are atoms. $\pi^*$ is known and cannot be sampled from.
#
# ## From the optimum to a loss
#
# DPO's idea: do not use the formula to find the policy of a reward. Use it to find
# **the reward of a policy**. Every policy is the optimum of some reward, namely, up to
# a constant, of the **implicit reward**
#
# $$ \hat r(y) = \beta\,\bigl(l - l^{\text{ref}}\bigr), \qquad l = \log \pi(y). $$
#
# The constant $\beta \log Z$ is unknown, but whoever compares two texts of one prompt
# does not need it: it cancels. And comparing is what people do. In chapter 06 the
# chance that $y_w$ is preferred to $y_l$ was $\sigma(r_w - r_l)$, and chapter 07
# trained a reward model with $-\log \sigma(r_w - r_l)$. Put the implicit rewards there:
#
# $$ h = (l_w - l_w^{\text{ref}}) - (l_l - l_l^{\text{ref}}), \qquad
# \text{loss} = -\log \sigma(\beta h). $$
#
# That is all of **direct preference optimisation**: chapter 07's loss, with the policy
# itself in the place of the reward model.
#
# **Predict first.** The policy starts as a copy of the reference. What is the first
# loss, and does the first step depend on β?
#
# <details><summary>Answer</summary>
#
# $h = 0$ for every pair, so the loss is $-\log \sigma(0) = \log 2 \approx 0.693$
# whatever the texts are. Anything else in your first line of log is a bug. The gradient
# is $-\beta\,\sigma(-\beta h)\,(\nabla l_w - \nabla l_l)$: at first β only scales it,
# and an optimiser that normalises gradients hardly notices.
#
# </details>

# %% id="12-derive" tags=["nbval-check-output"]
from math import log

from course.policy.preference_losses import dpo_loss, pair_log_ratio

i, j = torch.combinations(torch.arange(7)).T  # all 21 pairs of texts
l_ref = pi_ref.log()
h = pair_log_ratio(l_ref[i], l_ref[j], l_ref[i], l_ref[j])
first = dpo_loss(h, beta).item()
claim("policy = reference: the loss is ln 2", abs(first - log(2)) < 1e-12)
l_star = star.log()
h = pair_log_ratio(l_star[i], l_star[j], l_ref[i], l_ref[j])
claim("the optimum's implicit rewards differ exactly as the stars do",
      (beta * h - (r[i] - r[j])).abs().max() < 1e-9)  # fmt: skip

# %% [markdown] id="12-reach-text"
# ## Does it arrive?
#
# People judge pairs of our seven texts, and prefer $y_i$ to $y_j$ with the chance
# $p = \sigma(r_i - r_j)$. With endless labels, DPO's loss is an average of both
# orders, $p$ times the loss of one and $1 - p$ times that of the other. (Below that is
# `cdpo_loss`, to which we come.) The policy sees no star and no $Z$, only $p$. We go
# down this loss, and measure the **total variation distance** to $\pi^*$: half the sum
# of $|\pi(y) - \pi^*(y)|$, the largest difference in probability that any set of texts
# can show.
#
# Beside it runs a common error: $l$ divided by the number of tokens, as if a text's
# log-probability were the mean over its tokens and not their **sum**.


# %% id="12-reach"
from course.policy.preference_losses import cdpo_loss

p = (r[i] - r[j]).sigmoid()  # people prefer i to j


def per_text(policy, divide=False):
    """l of all seven texts: the sum over tokens, or (wrongly) their mean."""
    sums = policy.logprobs().sum(1)
    return sums / policy.mask.sum(1) if divide else sums


def descend(loss, steps=600, divide=False):
    """Go down loss(h) from the reference; the policy and its distances to pi*."""
    pi, distances = TinyPolicy(ref.logits.detach().clone().requires_grad_()), []
    adam = torch.optim.Adam([pi.logits], lr=0.05)
    l_ref = per_text(ref, divide).detach()
    for _ in range(steps):
        distances.append((pi.probabilities() - star).abs().sum().item() / 2)
        l_pi = per_text(pi, divide)
        value = loss(pair_log_ratio(l_pi[i], l_pi[j], l_ref[i], l_ref[j]))
        adam.zero_grad()
        value.backward()
        adam.step()
    return pi, distances


reached, distances = descend(lambda h: cdpo_loss(h, beta, 1 - p))
_, divided = descend(lambda h: cdpo_loss(h, beta, 1 - p), divide=True)
print(f"total variation to the optimum: at first {distances[0]:.3f}, "
      f"in the end {distances[-1]:.0e}")  # fmt: skip
print(f"with means in place of sums, in the end {divided[-1]:.3f}")

# %% id="12-reach-claim" tags=["nbval-check-output"]
claim("DPO reaches the closed-form optimum: total variation under 0.02",
      distances[-1] < 0.02)  # fmt: skip
claim("dividing by the length it ends elsewhere, over 0.1 away", divided[-1] > 0.1)
tokens = torch.full((1, 4), -0.5)
claim("a text of twice the length has twice the log-ratio in a sum, not in a mean",
      tokens.sum() == 2 * tokens[:, :2].sum()
      and tokens.mean() == tokens[:, :2].mean())  # fmt: skip

# %% id="12-reach-figure"
plots.curves(
    {
        "sums (DPO)": (range(len(distances)), distances),
        "means (the error)": (range(len(divided)), divided),
    },
    title="DPO finds the optimum that nobody showed it; with means it does not",
    x="step",
    y="total variation to π*",
)

# %% [markdown] id="12-certain-text"
# *The figure: the distance of DPO falls from over 0.5 to 0; with means it stops far
# above.*
#
# ## Labels that are certain, labels that are wrong
#
# That was the ideal case: every pair judged by endless people, some this way and some
# that. A real data set has *one* label for each pair. The loss then believes that the
# label is certain, $p = 1$; and $-\log \sigma(\beta h)$ is smallest at $h = \infty$.
# The reward model of chapter 07 has the same disease. There it does less harm, for the
# policy is leashed afterwards. Here **the leash was in the derivation, and the loss
# does not know it.** Four losses, and where each is content:
#
# | loss | of one pair | smallest at |
# |---|---|---|
# | DPO | $-\log \sigma(\beta h)$ | $h = \infty$ |
# | cDPO | $(1-e)$ × DPO of $h$ + $e$ × DPO of $-h$ | $\sigma(\beta h) = 1 - e$ |
# | IPO | $\bigl(h - \frac{1}{2\beta}\bigr)^2$ | $h = \frac{1}{2\beta}$ |
# | hinge (SLiC) | $\max(0,\, 1 - \beta h)$ | any $h \ge \frac{1}{\beta}$ |
#
# **cDPO** doubts every label with a probability $e$ and so has a finite target. **IPO**
# replaces the logistic by a parabola. **Robust DPO** has another purpose: if a share
# $e$ of the labels was flipped by accident, its loss is, on average over the flips,
# exactly the DPO loss of the right labels.
#
# Now every pair of the seven texts gets the label of the better one; pairs with equal
# stars are left out. How far does each go?

# %% id="12-certain"
from course.policy.preference_losses import hinge_loss, ipo_loss, robust_dpo_loss

sign = (r[i] - r[j]).sign()
sure, sign = sign != 0, sign[sign != 0]
losses = {
    "DPO": lambda h: dpo_loss(sign * h[sure], beta),
    "cDPO, e = 0.1": lambda h: cdpo_loss(sign * h[sure], beta, 0.1),
    "IPO": lambda h: ipo_loss(sign * h[sure], beta),
    "hinge": lambda h: hinge_loss(sign * h[sure], beta),
}
spent, largest = {}, {}
for name, loss in losses.items():
    kls = []
    for steps in (300, 1000):
        pi, _ = descend(loss, steps)
        kls.append(pi.kl(ref).item())
    spent[name], largest[name] = kls, pi.probabilities().max().item()
    print(f"{name:<14} KL after 300 and 1000 steps: "
          + ", ".join(f"{k:.2f}" for k in kls)
          + f"; largest probability {largest[name]:.2f}")  # fmt: skip

# %% id="12-certain-claim" tags=["nbval-check-output"]
claim("with certain labels DPO does not settle: its KL still grows",
      spent["DPO"][1] > spent["DPO"][0] + 0.05)  # fmt: skip
claim("in the end one text has more than 90 %", largest["DPO"] > 0.9)
claim("cDPO, IPO and hinge settle, with less than 80 % for any text",
      all(abs(spent[n][1] - spent[n][0]) < 0.01 and largest[n] < 0.8
          for n in losses if n != "DPO"))  # fmt: skip
h = torch.linspace(-9, 9, 19, dtype=torch.float64)
flips = [robust_dpo_loss(s * h, 0.3, 0.2).item() for s in (1, -1)]
claim("robust DPO is, averaged over flips of a fifth, DPO on the right labels",
      abs(0.8 * flips[0] + 0.2 * flips[1] - dpo_loss(h, 0.3)) < 1e-9)  # fmt: skip

# %% [markdown] id="12-play-text"
# DPO gives one text everything, which is the policy for β = 0, although it was told
# β = 1. **The leash holds only as far as the labels disagree.** That is why DPO runs
# are short, one to three passes with a small learning rate: what stops them is not the
# loss. IPO is the other extreme here. Its target of half a nat is reached at once, so
# the same β means something else in another loss.
#
# ## Play: what four losses ask of one pair
#
# The picture shows the four losses over the log-ratio $h$ of one pair, each divided by
# its value at $h = 0$, and how hard each pushes $h$ up. Slide $h$ to the right, as
# training does: who stops pushing first, and who starts to pull back?

# %% id="12-play-static"
from course.widgets import show_preference_losses

show_preference_losses(h=12.0, beta=0.1, smoothing=0.1)

# %% id="12-play" tags=["widget"]
from course.widgets import preference_explorer

preference_explorer()

# %% [markdown] id="12-pairs-text"
# By code: `show_preference_losses(h=30.0, beta=0.1, smoothing=0.2)`.
#
# ## The review writer learns from pairs
#
# Now the real writer. It writes four completions of each of 128 openings. A judge
# scores them, and of each opening we keep the best and the worst: 128 pairs. The
# judge is the **proxy** of chapter 08, the reward model that saw 500 ratings; the
# **gold** model, which saw all, is kept for the verdict. A text that does not end
# loses one point, as in the chapters before.
#
# From here on the data are fixed. That is what **offline** means: the policy will move,
# the texts stay those of the reference. The same is done with 128 openings of test
# texts, and nothing learns from those pairs.

# %% id="12-pairs"
from course import checkpoints
from course.data import reviews
from course.policy.dpo import best_and_worst
from course.policy.loop import penalise_cut_texts
from course.policy.rollout import collect
from course.recipes import openings
from course.reward.model import scorer

writer = checkpoints.load("language-model")
tokenizer, reference = writer.tokenizer, writer.model
proxy_model = checkpoints.load("reward-proxy").model
proxy = scorer(proxy_model, tokenizer)
gold = scorer(checkpoints.load("reward-model").model, tokenizer)
prompts = openings(reviews.texts("movies", "train"), words=2)
held_out = openings(reviews.texts("movies", "test"), words=2)[:256]


def make_pairs(policy, chosen, draw, group_size=4):
    """Best against worst of four completions for every one of these openings."""
    asked = [prompt for prompt in chosen for _ in range(group_size)]
    rollout = collect(policy, reference, tokenizer, asked, proxy, max_new_tokens=32,
                      generator=draw)  # fmt: skip
    return best_and_worst(penalise_cut_texts(rollout, 1.0), group_size)


draw = generator(0)  # seeds of the runs tried: 0, 1, 2; settings chosen on seed 5
rows = torch.randperm(len(prompts), generator=draw)[:128].tolist()
pairs = make_pairs(reference, [prompts[n] for n in rows], draw)
fresh = make_pairs(reference, held_out[:128], generator(100))
print(f"{len(pairs)} pairs to learn from, {len(fresh)} others")
for n in range(3):
    win, loss = pairs.chosen[n], pairs.rejected[n]
    print(f"{pairs.rollout.prompts[win]} …")
    for name, row in (("chosen", win), ("rejected", loss)):
        print(f"   {name:<8} {pairs.rollout.completions[row].strip()[:62]}")

# %% id="12-train"
from copy import deepcopy

from course.policy.dpo import pair_metrics, train_dpo


def warm(done):
    """Learning rate: up during the first steps, then down to 0."""
    return min(1, 0.2 + 4 * done) * (1 - done)


def run_dpo(data, policy=None, adam=None, steps=16, draw=None):
    """A policy after `steps` batches of 32 pairs, and its history."""
    policy = policy or deepcopy(reference)
    adam = adam or torch.optim.AdamW(policy.parameters(), lr=1e-3, weight_decay=0.0)
    h = train_dpo(policy, data, optimizer=adam, steps=steps, batch_size=32, beta=0.1,
                  generator=draw or generator(0), schedule=warm)  # fmt: skip
    return policy, h


dpo, history = run_dpo(pairs)
swapped, _ = run_dpo(pairs.swapped())
known, new, turned = (
    pair_metrics(model, data, beta=0.1)
    for model, data in ((dpo, pairs), (dpo, fresh), (swapped, fresh))
)
before = pair_metrics(reference, fresh, beta=0.1)
lengths = fresh.rollout.completion_mask.sum(1)
shorter = (lengths[fresh.chosen] < lengths[fresh.rejected]).float().mean()
print("implicit accuracy (share of pairs whose chosen text has the higher r̂)")
print(f"  pairs learned from {known['rewards/accuracies']:.2f}")
print(f"  other pairs        {new['rewards/accuracies']:.2f}")
print(f"  labels swapped     {turned['rewards/accuracies']:.2f}")
print(f"for comparison, 'the shorter text wins': {shorter:.2f}")

# %% [markdown] id="12-train-after"
# Three things to read off. The policy is a reward model too: without ever seeing a
# score it orders pairs that it did not learn from. It orders the pairs that it *did*
# learn from far better: 128 pairs are few, and it has seen each four times. In the
# next figure the loss hardly moves while the pairs are new, and drops when they come
# again: that is memory, not insight. And look at the last line before you praise it. A
# text that did not end lost a point, such texts are the longest, so **length alone**
# would order many pairs. A rule of one line is the rival that every preference model
# should be compared with.

# %% id="12-train-claim" tags=["nbval-check-output"]
claim("the first loss is ln 2", abs(history["loss"][0] - log(2)) < 1e-3)
claim("implicit accuracy over 0.65 on pairs of other openings",
      new["rewards/accuracies"] > 0.65)  # fmt: skip
claim("control: with chosen and rejected swapped it is under 0.5",
      turned["rewards/accuracies"] < 0.5)  # fmt: skip
claim("it knows its own pairs better than others: it overfits",
      known["rewards/accuracies"] > new["rewards/accuracies"] + 0.05)  # fmt: skip

# %% id="12-train-figure"
_, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
left.plot(history.steps("loss"), history["loss"], color=plots.COLOURS[0])
left.axhline(log(2), ls="--", color="gray", lw=1)
left.annotate("ln 2", (15, log(2)), va="bottom", ha="right")
again = len(pairs) / 32
left.axvline(again, ls=":", color="gray", lw=1)
left.annotate("the same pairs again", (again + 0.3, 0.5))
drop = history["loss"][3] - history["loss"][4]
left.set(
    title="The loss falls when it sees the pairs again"
    if drop > 0.2
    else "The loss starts at ln 2",
    xlabel="step",
    ylabel="nats per pair",
)
change = {
    name: new[key] / 0.1 - before[key] / 0.1
    for name, key in (("chosen", "rewards/chosen"), ("rejected", "rewards/rejected"))
}
bars = right.barh(list(change)[::-1], list(change.values())[::-1],
                  color=plots.COLOURS[1])  # fmt: skip
right.bar_label(bars, fmt="%+.1f", padding=3)
right.axvline(0, color="gray", lw=1)
right.margins(x=0.2)
fell = change["chosen"] < 0
right.set(title="On other pairs " + ("both fall, the rejected further" if fell else
          "only the rejected fall"), xlabel="change of l (nats per text)")  # fmt: skip
plt.show()

# %% [markdown] id="12-examined-text"
# *The figure: on the left the loss over the steps, flat until a dotted line and then
# steeply down; on the right how much log-probability the chosen and the rejected texts
# of other openings gained or lost.*
#
# ## A common description, examined
#
# **"DPO makes the chosen texts more probable and the rejected ones less."** Only half
# of this is promised. The loss sees the *difference* $h$ and nothing else. Where the
# two texts of a pair have something in common, pushing one down takes the other along,
# and the probability goes to texts that nobody compared. The figure shows it on
# openings that the policy did not learn from. Here is the smallest case: three texts,
# and a model that can only say how much it likes *long*. The chosen text is a little
# long, the rejected one very long, the third is short, and in no pair.
#
# **Predict first.** What happens to the chosen text?
#
# <details><summary>Answer</summary>
#
# The only way to push the pair apart is to dislike *long*. So the chosen text falls
# too, and the short one, of which nobody said that it is good, gains what both lose.
#
# </details>

# %% id="12-examined" tags=["nbval-check-output"]
length = torch.tensor([1.0, 2.0, 0.0])  # chosen, rejected, in no pair
theta = torch.zeros(1, requires_grad=True)
start = (theta * length).log_softmax(0).detach()
sgd = torch.optim.SGD([theta], lr=1.0)
for _ in range(50):
    l_pi = (theta * length).log_softmax(0)
    h = pair_log_ratio(l_pi[:1], l_pi[1:2], start[:1], start[1:2])
    sgd.zero_grad()
    dpo_loss(h, beta=1.0).backward()
    sgd.step()
moved = ((theta * length).log_softmax(0) - start).tolist()
for name, nats in zip(("chosen", "rejected", "in no pair"), moved, strict=True):
    print(f"{name:<10} {'rises' if nats > 0 else 'falls'}")
claim("the pair moves apart", h.item() > 1)
claim("yet the chosen text falls by more than a nat", moved[0] < -1)
claim("and the text that nobody compared rises", moved[2] > 0.5)
claim("the writer: on other openings the chosen texts lose, the rejected lose more",
      0 > change["chosen"] > change["rejected"])  # fmt: skip

# %% [markdown] id="12-examined-after"
# So watch `logps/chosen` in a run, not only the margin. If it falls by many nats, the
# policy is leaving the texts that people saw, and the labels say nothing about where it
# goes. (Adding a little of chapter 04's loss on the chosen texts is the usual cure.)
#
# ## Offline and online
#
# Our pairs are texts of the *reference*. The more the policy learns, the less it would
# write them, and the less they say about what it does write. The online answer: write
# new pairs with the policy of now, have them judged, go on. The same budget of 512
# judged texts can be spent in two halves: 64 openings with the reference, 64 with what
# has been learned from those. The reference in the loss stays the first one.

# %% id="12-online"
draw = generator(0)
online = deepcopy(reference)
adam = torch.optim.AdamW(online.parameters(), lr=1e-3, weight_decay=0.0)
rows = torch.randperm(len(prompts), generator=draw)[:128].tolist()
for half in (rows[:64], rows[64:]):
    data = make_pairs(online, [prompts[n] for n in half], draw)
    run_dpo(data, online, adam, steps=8, draw=draw)
    share = (data.rollout.completion_mask.sum(1) < 32).float().mean()
    print(f"{len(data)} pairs; {share:.0%} of the texts ended before the limit")

# %% [markdown] id="12-frontier-text"
# ## The frontier
#
# Every method of this part from the same start, with the same proxy as its only judge
# and the same budget: 512 judged texts each (8 batches of 64; for DPO, 128 openings of
# 4). Their learning rates were chosen on another seed than the one shown, so that each
# moves a few nats. **Best-of-n** needs no training. It spends its texts when it
# writes: n for one.
#
# **Predict first.** Which one gains most of the proxy's score for a nat of KL? And will
# the gold model, which nobody asked, give the same ranking?

# %% id="12-runs"
from functools import partial

from course.policy.critic import Critic
from course.policy.grpo import grpo_step
from course.policy.loop import train
from course.policy.ppo import ppo_step
from course.policy.reinforce import reinforce_step
from course.reward.rules import lexicon_score

JUDGES = {"proxy": proxy, "gold": gold, "lexicon": lambda ps, cs: lexicon_score(cs)}
paths = {}  # name -> for each step, KL and the mean of each judge on its 64 texts


def online_run(name, make_step, lr, group_size=1, critic=None):
    """A policy after 8 steps on 64 texts each; its way is noted in `paths`."""
    policy, draw, way = deepcopy(reference), generator(0), []

    def judged(ps, cs):  # the others only look on
        way.append({n: f(ps, cs).mean().item() for n, f in JUDGES.items()})
        return proxy(ps, cs)

    models = [policy] + ([critic] if critic else [])
    adam = torch.optim.AdamW([{"params": m.parameters()} for m in models], lr=lr,
                             weight_decay=0.0)  # fmt: skip
    h = train(policy, reference, tokenizer, prompts, judged, make_step(*models, adam),
              optimizer=adam, steps=8, batch_size=64 // group_size,
              group_size=group_size, max_new_tokens=32, missing_eos_penalty=1.0,
              generator=draw, schedule=warm)  # fmt: skip
    paths[name] = [{"KL": k} | row for k, row in zip(h["kl_seq"], way, strict=True)]
    return policy


# %% id="12-policies"
m, order = proxy_model, generator(1)
critic = Critic(deepcopy(m.gpt), m.gain * m.weight,
                (m.gain * m.offset + m.bias).item())  # fmt: skip
runs = {
    "REINFORCE": (lambda *x: partial(reinforce_step, *x, beta=0.1), 2e-3),
    "PPO": (lambda *x: partial(ppo_step, *x, beta=0.1, epochs=2, minibatches=2,
                               generator=order), 1e-3, 1, critic),
    "GRPO": (lambda *x: partial(grpo_step, *x, beta=0.05, group_size=8, epochs=2,
                                generator=order), 1e-3, 8),
}  # fmt: skip
policies = {name: online_run(name, *settings) for name, settings in runs.items()}
policies |= {"DPO": dpo, "DPO, two rounds": online, "DPO, labels swapped": swapped}

# %% id="12-judge"
from course.reward.best_of_n import best_of_n_kl, pool_estimate


def mean_and_error(x):
    return x.mean().item(), x.std().item() / len(x) ** 0.5


def verdicts(policy):
    """KL and the three judges on 256 held-out openings: mean and standard error."""
    x = collect(policy, reference, tokenizer, held_out, proxy, max_new_tokens=32,
                generator=generator(1))  # fmt: skip
    D = (x.old_logprobs - x.ref_logprobs).sum(1)
    scores = {n: f(x.prompts, x.completions).cpu() for n, f in JUDGES.items()}
    return x, {n: mean_and_error(v) for n, v in ({"KL": D.cpu()} | scores).items()}


# %% id="12-table"
written, table = {}, {}
for name, policy in ({"reference": reference} | policies).items():
    written[name], table[name] = verdicts(policy)
draws, parts = generator(2), []
for first in range(0, 64, 16):  # 16 openings at a time: less memory
    asked = [prompt for prompt in held_out[first : first + 16] for _ in range(16)]
    parts.append(collect(reference, reference, tokenizer, asked, proxy,
                         max_new_tokens=32, generator=draws))  # fmt: skip


def whole_pool(score):
    """score(part) of every part, as one table (openings, texts of each)."""
    return torch.cat([score(part).cpu() for part in parts]).view(64, 16)


chosen_by = whole_pool(lambda part: penalise_cut_texts(part, 1.0).scores)
pools = {name: whole_pool(lambda part, f=f: f(part.prompts, part.completions))
         for name, f in JUDGES.items()}  # fmt: skip
for n in (2, 4, 8, 16):
    table[f"best of {n}"] = {"KL": (best_of_n_kl(n), 0.0)} | {
        name: mean_and_error(pool_estimate(chosen_by, pool, n, generator(0)))
        for name, pool in pools.items()
    }
print(f"{'':<20}  KL         proxy        gold         lexicon")
for name, row in table.items():
    print(f"{name:<20} " + "  ".join(f"{a:+5.2f} ±{e:.2f}" for a, e in row.values()))

# %% id="12-frontier"
_, places = plt.subplots(1, 3, figsize=(11, 3.9))
trained = [n for n in policies if "swapped" not in n]
ladder = ["reference"] + [n for n in table if n.startswith("best")]
for axes, judge in zip(places, JUDGES, strict=True):
    x, y, dy = ([table[n][k][m] for n in ladder]
                for k, m in (("KL", 0), (judge, 0), (judge, 1)))  # fmt: skip
    axes.errorbar(x, y, dy, fmt="k.-", capsize=2, label="best of n")
    for n, name in enumerate(trained):
        (x, dx), (y, dy) = table[name]["KL"], table[name][judge]
        axes.errorbar(x, y, dy, dx, fmt=plots.MARKERS[n], color=plots.COLOURS[n],
                      label=name, capsize=2)  # fmt: skip
        if name in paths:  # its way: means of three neighbouring steps
            way = torch.tensor([(row["KL"], row[judge]) for row in paths[name]])
            axes.plot(*way.unfold(0, 3, 1).mean(2).T, color=plots.COLOURS[n],
                      alpha=0.5, lw=1)  # fmt: skip
    axes.set(title=f"judged by: {judge}", xlabel="KL (nats per text)")
    if judge == "lexicon":
        axes.set_ylim(-0.2, 0.6)
places[0].set_ylabel("mean score")
places[2].legend(fontsize=8)
gains = {n: {j: table[n][j][0] - table["reference"][j][0] for j in JUDGES}
         for n in table}  # fmt: skip
per_nat = {n: gains[n]["proxy"] / table[n]["KL"][0] for n in [*trained, "best of 16"]}
cheapest = max(per_nat, key=per_nat.get)
places[0].figure.suptitle(f"For a nat of KL, {cheapest} buys most of the proxy's score")
plt.show()

# %% id="12-frontier-claim" tags=["nbval-check-output"]
claim("each trained policy gains more than 0.3 by its proxy",
      all(gains[n]["proxy"] > 0.3 for n in trained))  # fmt: skip
claim("best-of-16 buys more than twice as much for a nat as any of them",
      per_nat["best of 16"] > 2 * max(per_nat[n] for n in trained))  # fmt: skip
claim(
    "the gold model grants every method less than its proxy promised",
    all(gains[n]["gold"] < gains[n]["proxy"] for n in [*trained, "best of 16"]),
)
claim("control: with the labels swapped the proxy's score falls by more than 0.3",
      gains["DPO, labels swapped"]["proxy"] < -0.3)  # fmt: skip

# %% [markdown] id="12-read-text"
# *The figure: three panels, KL to the right, score upwards. The line of best-of-n rises
# steeply near zero; the trained policies lie between three and seven nats, with thin
# lines that show the way of those that wrote while they learned. Seen by gold
# everything lies lower; seen by the lexicon nearly everything lies level.* DPO has no
# such way: it writes nothing while it learns.
#
# How to read it. **Best-of-n** stays close to the best possible trade: it changes
# nothing about a text but which one is shown. Its price does not appear in the picture:
# n texts for one, for ever, and KL grows only as log n, so the right half is out of its
# reach. The **trained** policies paid in nats for being fast. Much of their KL bought
# nothing: steps along noisy gradients of a few hundred texts, overfitting to 128 pairs.
# Do not read a ranking of PPO, GRPO and DPO out of points a few standard errors apart,
# at one learning rate each. What does not depend on such details is the second
# panel: **the judge who trained is the friendliest one**. Chapter 14 follows that gap.
#
# Here is what they write, for the first openings, none of them picked.

# %% id="12-samples"
for n in range(4):
    print(f"{held_out[n]} …")
    for name in ("reference", "PPO", "GRPO", "DPO"):
        text = " ".join(written[name].completions[n].split())
        score = written[name].scores[n]
        print(f"   {name:<9} {score:+.1f}  {text[:62]}")

# %% [markdown] id="12-limits"
# ## What was shown, and what was not
#
# Exactly: the closed form of the optimum; that DPO with true preferences reaches it,
# and with means for sums does not; that certain labels drive DPO on without end, while
# IPO and cDPO settle; what robust DPO is on average. The losses equal those of TRL 1.16
# to 1e-5: `tests/test_preference_losses.py` and its neighbours compare them. By
# experiment, for one writer, one proxy and few texts: a policy that learned from pairs
# orders other pairs, its chosen texts become *less* probable, and every method gains by
# the proxy and less by gold.
#
# Not shown: which method is best. Each had one learning rate, one β and 512 texts; with
# ten times as many, the order can be another. Nor what real labels do: our judge is a
# model that never contradicts itself, people do. Nor that two rounds are better than
# one; look at the table, they cost about as much and gain about as much here. And the
# missing-end penalty makes length a strong hint in our pairs.
#
# ## Test yourself
#
# 1. Why can nobody sample from $\pi^*$, although its formula is known?
# 2. Where does $Z$ go in DPO's derivation? What would have to be different for it to
#    stay?
# 3. Your first loss is 0.81. Name two possible bugs.
# 4. A colleague divides log-probabilities by length "to be fair to long texts". What
#    does the policy converge to?
# 5. All labels are certain. What does DPO do, and which two losses do not?
# 6. The margin grows, `logps/chosen` falls. Is that a bug?
# 7. Best-of-16 beats your PPO run at a third of the KL. Why train at all?
#
# ## Read on
#
# - R. Rafailov and others, *Direct Preference Optimization: Your Language Model is
#   Secretly a Reward Model*, 2023, arXiv:2305.18290.
# - M. G. Azar and others, *A General Theoretical Paradigm to Understand Learning from
#   Human Preferences*, 2023, arXiv:2310.12036: IPO, and why certain labels matter.
# - E. Mitchell, *A Note on DPO with Noisy Preferences*, 2023: cDPO.
# - S. R. Chowdhury and others, *Provably Robust DPO*, 2024, arXiv:2403.00409.
# - Y. Zhao and others, *SLiC-HF*, 2023, arXiv:2305.10425: the hinge loss.
# - S. Guo and others, *Direct Language Model Alignment from Online AI Feedback*, 2024,
#   arXiv:2402.04792: online DPO.
# - L. Gao and others, *Scaling Laws for Reward Model Overoptimization*, 2022,
#   arXiv:2210.10760: reward over KL, for best-of-n and reinforcement learning.
#
# **Next:** the five exercises in `exercises/12_dpo.ipynb`. Then part IV takes all of
# this into the world.
