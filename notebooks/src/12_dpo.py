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
# - find fourteen methods on one map, and say what each changes;
# - compare best-of-n with REINFORCE, PPO and GRPO at equal KL.

# %% [markdown] id="12-optimum-text"
# ## The optimum, in closed form
#
# Chapters [09](09_policy_gradients.ipynb) to [11](11_grpo.ipynb) climbed one hill:
# expected reward minus the price of leaving the reference,
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
# nat: it says how many stars a nat of KL costs.
#
# </details>

# %% id="12-optimum"
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

# %% id="12-optimum-claim" tags=["nbval-check-output"]
apart = 0.0
for seed in range(1, 6):
    pi = TinyPolicy.random(generator(seed))
    J = pi.expected(r) - beta * pi.kl(ref)
    chances = pi.probabilities()
    from_star = (chances * (chances / star).log()).sum()  # KL(pi || pi*)
    apart = max(apart, abs(J - (beta * Z.log() - beta * from_star)).item())
claim("J is beta log Z minus beta KL to the optimum, for five policies", apart < 1e-9)

# %% id="12-optimum-figure"
import matplotlib.pyplot as plt

from course import plots

shown = {"reference": pi_ref}  # name -> probabilities of the seven texts
shown |= {f"β = {b:g}": optimal_policy(pi_ref, r, b) for b in (3.0, 1.0, 0.3)}
labels = [f"{name}\n{stars:.0f}★" for name, stars in zip(NAMES, r, strict=True)]

# %% id="12-optimum-bars"
_, axes = plt.subplots(figsize=(7.4, 3.2))
for n, (name, bars) in enumerate(shown.items()):
    at, hatch = [i + 0.2 * (n - 1.5) for i in range(7)], ("", "xx", "//", "..")[n]
    axes.bar(at, bars.tolist(), 0.2, label=name, hatch=hatch, edgecolor="white")
axes.set_xticks(range(7), labels)
alt = (
    "Seven groups of four bars. With beta 3 the optimum is near the reference; with "
    "beta 0.3 nearly all probability lies on the text with five stars."
)
title = "The smaller β, the more the best text takes"
plots.finish(axes, title, "", "probability", alt=alt)

# %% [markdown] id="12-derive-text"
# Then why did we train at all? Because $Z$ is a sum over *all* texts, and a writer has
# more of those than there are atoms: without it nobody can write $\pi^*$ token by
# token. Sampling whole texts from $\pi^*$ is another matter. Draw a text from the
# reference and keep it with probability $e^{(r - r_{\max})/\beta}$: what is kept is a
# sample of $\pi^*$, and $Z$ is not needed. That is [**rejection
# sampling**](../GLOSSARY.md#reward) ([Liu and others
# 2023](https://arxiv.org/abs/2309.06657) train on such samples). Its price is the
# number of texts for one that is kept, $e^{r_{\max}/\beta} / Z$.
#
# **Predict first.** How does the price grow when β becomes smaller?
#
# <details><summary>Answer</summary>
#
# At first exponentially in $1/\beta$. It cannot exceed one over the reference's
# probability of the best text, which is all that is kept for a very small β.
#
# </details>


# %% id="12-reject"
def rejection_sampling(b, tries=200_000):
    """Shares of the seven texts among those kept, and texts drawn for each kept."""
    draw = generator(1)
    rows = torch.multinomial(pi_ref, tries, replacement=True, generator=draw)
    chance = ((r - r.max()) / b).exp()[rows]
    kept = rows[torch.rand(tries, generator=draw) < chance]
    return torch.bincount(kept, minlength=7) / len(kept), tries / len(kept)


# %% id="12-reject-claim" tags=["nbval-check-output"]
shares, price = rejection_sampling(beta)
distance = ((shares - star).abs().sum() / 2).item()
claim("the kept texts are samples of the optimum", distance < 0.02, distance=distance)
exact = ((r.max() / beta).exp() / Z).item()
claim("the price is the formula's", abs(price / exact - 1) < 0.05, formula=exact)
for b in (10.0, 1.0, 0.1):
    whole = (pi_ref * ((r - r.max()) / b).exp()).sum().item()
    print(f"β = {b:<4g} texts drawn for one that is kept: {1 / whole:6.1f}")

# %% [markdown] id="12-loss-text"
# Among seven texts that is cheap. A writer has far more texts, and each is far less
# probable. What the price is for our writer stands near the end of the chapter.
#
# ## From the optimum to a loss
#
# DPO's idea: do not use the formula to find the policy of a reward. Use it to find
# **the reward of a policy**. Every policy is the optimum of some reward, namely, up to
# a constant, of the [**implicit reward**](../GLOSSARY.md#policy)
#
# $$ \hat r(y) = \beta\,\bigl(l - l^{\text{ref}}\bigr), \qquad l = \log \pi(y). $$
#
# The constant $\beta \log Z$ is unknown, but whoever compares two texts of one prompt
# does not need it: it cancels. And comparing is what people do. In [chapter
# 06](06_human_feedback.ipynb) the chance that $y_w$ is preferred to $y_l$ was
# $\sigma(r_w - r_l)$, and [chapter 07](07_reward_model.ipynb) trained a reward model
# with $-\log \sigma(r_w - r_l)$. Put the implicit rewards there:
#
# $$ h = (l_w - l_w^{\text{ref}}) - (l_l - l_l^{\text{ref}}), \qquad
# \text{loss} = -\log \sigma(\beta h). $$
#
# That is all of **direct preference optimisation** ([Rafailov and others
# 2023](https://arxiv.org/abs/2305.18290)): chapter 07's loss, with the policy itself in
# the place of the reward model.
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
claim("policy = reference: the loss is ln 2", abs(first - log(2)) < 1e-12, loss=first)
l_star = star.log()
h = pair_log_ratio(l_star[i], l_star[j], l_ref[i], l_ref[j])
claim(
    "the optimum's implicit rewards differ exactly as the stars do",
    (beta * h - (r[i] - r[j])).abs().max() < 1e-9,
)

# %% [markdown] id="12-reach-text"
# ## Does it arrive?
#
# People judge pairs of our seven texts, and prefer $y_i$ to $y_j$ with the chance $p =
# \sigma(r_i - r_j)$. With endless labels, DPO's loss is an average of both orders, $p$
# times the loss of one and $1 - p$ times that of the other. (Below that is
# `cdpo_loss`, to which we come.) The policy sees no star and no $Z$, only $p$. We go
# down this loss, and measure the [**total variation distance**](../GLOSSARY.md#policy)
# to $\pi^*$: half the sum of $|\pi(y) - \pi^*(y)|$, the largest difference in
# probability that any set of texts can show.
#
# Beside it runs a common slip: $l$ divided by the number of tokens, as if a text's
# log-probability were the mean over its tokens and not their **sum**. (SimPO, below,
# and TRL's IPO do so on purpose, and aim at something else.)


# %% id="12-reach"
from course.policy.preference_losses import cdpo_loss

prefer = (r[i] - r[j]).sigmoid()  # people prefer i to j


def per_text(policy, divide=False):
    """l of all seven texts: the sum over tokens, or (wrongly) their mean."""
    sums = policy.logprobs().sum(1)
    return sums / policy.mask.sum(1) if divide else sums


# %% id="12-descend"
def descend(loss, steps=600, divide=False):
    """Go down loss(h) from the reference; the policy and its distances to pi*."""
    pi, distances = TinyPolicy(ref.logits.detach().clone().requires_grad_()), []
    adam = torch.optim.Adam([pi.logits], lr=0.05)
    before = per_text(ref, divide).detach()
    for _ in range(steps):
        distances.append((pi.probabilities() - star).abs().sum().item() / 2)
        now = per_text(pi, divide)
        value = loss(pair_log_ratio(now[i], now[j], before[i], before[j]))
        adam.zero_grad()
        value.backward()
        adam.step()
    return pi, distances


# %% id="12-reach-run"
def of_labels(h):
    """DPO on endless labels: a share of 1 - p says the opposite."""
    return cdpo_loss(h, beta, 1 - prefer)


_, distances = descend(of_labels)
_, divided = descend(of_labels, divide=True)
print(f"total variation to the optimum: at first {distances[0]:.3f}, ", end="")
print(f"at the end {distances[-1]:.0e}")
print(f"with means in place of sums, at the end {divided[-1]:.3f}")

# %% id="12-reach-claim" tags=["nbval-check-output"]
claim(
    "DPO reaches the closed-form optimum: total variation under 0.02",
    distances[-1] < 0.02,
)
claim(
    "dividing by the length it ends elsewhere, over 0.1 away",
    divided[-1] > 0.1,
    distance=divided[-1],
)
tokens = torch.full((1, 4), -0.5)
claim(
    "a text of twice the length has twice the log-ratio in a sum, not in a mean",
    (tokens.sum() / tokens[:, :2].sum() == 2).item() and tokens.mean() == -0.5,
)

# %% id="12-reach-figure"
_, axes = plt.subplots()
axes.semilogy(distances, "-", label="sums (DPO)")
axes.semilogy(divided, "--", label="means")
plots.finish(
    axes,
    "DPO finds the optimum that nobody showed it; with means it does not",
    "step",
    "total variation to π* (log scale)",
    alt="The distance of DPO falls from over 0.5 by many powers of ten; with means it "
    "stops far above.",
)

# %% [markdown] id="12-certain-text"
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
# (Sources: [cDPO](https://ericmitchell.ai/cdpo.pdf),
# [IPO](https://arxiv.org/abs/2310.12036), [SLiC](https://arxiv.org/abs/2305.10425),
# [robust DPO](https://arxiv.org/abs/2403.00409).) **cDPO** doubts every label with a
# probability $e$ and so has a finite target. **IPO** replaces the logistic by a
# parabola. [**Robust DPO**](../GLOSSARY.md#policy) has another purpose: if a share $e$
# of the labels was flipped by accident, its loss is, on average over the flips, exactly
# the DPO loss of the right labels.
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

# %% id="12-certain-run"
best, worst = r.argmax().item(), r.argmin().item()  # a b, EOS
ends = {}  # name -> KL, h of best against worst, for each number of steps
print(f"{'steps':<14}   KL: 300  1500   h: 300  1500   most probable text")
for name, loss in losses.items():
    pi_at = {steps: descend(loss, steps)[0] for steps in (300, 1500)}
    kls = [pi.kl(ref).item() for pi in pi_at.values()]
    moves = [(per_text(pi) - per_text(ref)).detach() for pi in pi_at.values()]
    ends[name] = kls, [(x[best] - x[worst]).item() for x in moves]
    chances = pi_at[1500].probabilities()
    row = "  ".join(f"{x:5.2f}" for part in ends[name] for x in part)
    top = chances.argmax().item()
    print(f"{name:<16}{row}   {NAMES[top]} ({r[top]:.0f} stars) {chances[top]:.2f}")

# %% id="12-certain-claim" tags=["nbval-check-output"]
bound = -ref.logprobs().sum(1)[best].item()
claim(
    "with certain labels DPO gives the best text everything: its KL nears the bound",
    abs(ends["DPO"][0][1] - bound) < 0.1,
    KL=ends["DPO"][0][1],
    bound=bound,
)
growth = {name: moved[1] - moved[0] for name, (_, moved) in ends.items()}
claim("and h goes on growing", growth["DPO"] > 5, growth=growth["DPO"])
rest = [abs(growth[name]) for name in growth if name != "DPO"]
claim("cDPO, IPO and hinge settle", max(rest) < 0.1, largest_growth=max(rest))

# %% id="12-robust" tags=["nbval-check-output"]
grid = torch.linspace(-9, 9, 19, dtype=torch.float64)
flips = [robust_dpo_loss(side * grid, 0.3, 0.2).item() for side in (1, -1)]
clean = dpo_loss(grid, 0.3).item()
claim(
    "robust DPO is, averaged over flips of a fifth, DPO on the right labels",
    abs(0.8 * flips[0] + 0.2 * flips[1] - clean) < 1e-9,
)

# %% [markdown] id="12-play-text"
# DPO gives one text everything, which is the policy for β = 0, although it was told
# β = 1. Its KL cannot exceed $-\log \pi_{ref}$ of that text, but $h$ has no bound, and
# keeps growing. **The leash holds only as far as the labels disagree.** What stops a
# DPO run in practice is not the loss but its end: few passes over the pairs, with a
# small learning rate. Our own run below takes four.
#
# IPO is the other extreme here: most of its mass stays on EOS, the likeliest text of
# the reference, with one star. It asks for half a nat in each of 19 pairs. Those
# targets contradict each other, because $h$ adds up along a chain of texts, so it
# settles in between. The same β means something else in another loss.
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
# ## Every loss at its fixed point
#
# Three more losses change what is compared (and KTO the curve as well).
#
# - [**KTO**](../GLOSSARY.md#policy) ([Ethayarajh and others
#   2024](https://arxiv.org/abs/2402.01306)) needs no pairs, only a thumb for each text:
#   $1 - \sigma(\pm\beta(l - l^{ref} - z))$, with $z$ an estimate of the KL.
# - [**ORPO**](../GLOSSARY.md#policy) ([Hong and others
#   2024](https://arxiv.org/abs/2403.07691)) has no reference: imitation of the chosen
#   text, plus $-\log\sigma$ of the log odds ratio of the two.
# - [**SimPO**](../GLOSSARY.md#policy) ([Meng and others
#   2024](https://arxiv.org/abs/2405.14734)) has none either: DPO's curve on
#   log-probabilities *per token* (`mean_logprobs`, as in ORPO), with a margin.
#
# We run every loss on the seven texts, with endless labels as in "Does it
# arrive?", for 800 steps, and measure how far it is then from $\pi^*$. Robust
# DPO gets labels of which a tenth was flipped.

# %% id="12-zoo"
from course.policy.pair_losses import kto_loss, orpo_loss, simpo_loss

one, two = torch.cat([i, j]), torch.cat([j, i])  # all pairs, in both orders
share = (r[one] - r[two]).sigmoid()  # of people who prefer one to two
flipped = 0.9 * share + 0.1 * (1 - share)
sizes, thumbs = ref.mask.sum(1), torch.tensor([True, False])


def h_of(x, a, b):
    return pair_log_ratio(x[a], x[b], l_ref[a], l_ref[b])


def kto_of(x, a, b):
    moved = x - l_ref
    kl = (x.exp() * moved).sum()
    return kto_loss(torch.cat([moved[a], moved[b]]), thumbs, kl, beta)


# %% id="12-zoo-losses"
zoo = {  # x: l of the seven texts; a, b: the preferred text and the other, (1,)
    "DPO": lambda x, a, b: dpo_loss(h_of(x, a, b), beta),
    "robust DPO, e = 0.1": lambda x, a, b: robust_dpo_loss(h_of(x, a, b), beta, 0.1),
    "cDPO, e = 0.1": lambda x, a, b: cdpo_loss(h_of(x, a, b), beta, 0.1),
    "IPO": lambda x, a, b: ipo_loss(h_of(x, a, b), beta),
    "hinge": lambda x, a, b: hinge_loss(h_of(x, a, b), beta),
    "KTO": kto_of,
    "ORPO": lambda x, a, b: orpo_loss((x / sizes)[a], (x / sizes)[b], 1.0),
    "SimPO": lambda x, a, b: simpo_loss((x / sizes)[a], (x / sizes)[b], 2.0, 0.5),
}


def mean_loss(loss, x, weights):
    """Mean over all pairs, each weighed with its share of the labels."""
    each = torch.vmap(lambda a, b: loss(x, a[None], b[None]))(one, two)  # (42,)
    return (weights * each).mean()


# %% id="12-zoo-run"
def fixed_point(loss, weights, steps=800):
    """Where this loss sends the seven texts, from the reference."""
    pi = TinyPolicy(ref.logits.detach().clone().requires_grad_())
    adam = torch.optim.Adam([pi.logits], lr=0.1)
    for step in range(steps):
        adam.param_groups[0]["lr"] = 0.1 * (1 - step / steps)
        value = mean_loss(loss, per_text(pi), weights)
        adam.zero_grad()
        value.backward()
        adam.step()
    return pi.probabilities().detach()


found = {
    name: fixed_point(loss, flipped if "robust" in name else share)
    for name, loss in zoo.items()
}

# %% id="12-zoo-still"
moved = {}
for name, loss in zoo.items():
    weights = flipped if "robust" in name else share
    later = fixed_point(loss, weights, steps=1600)
    moved[name] = ((later - found[name]).abs().sum() / 2).item()
most = max(moved.values())
claim("twice the steps move no policy by more than .01", most < 0.01, most=most)

# %% [markdown] id="12-zoo-ends-text"
# Where each ends:

# %% id="12-zoo-table"
print(f"{'':<20} distance to π*   stars   KL    most probable text")
away = {}
for name, chances in found.items():
    away[name] = ((chances - star).abs().sum() / 2).item()
    kl = (chances * (chances / pi_ref).log()).sum()
    top = f"{NAMES[chances.argmax()]} {chances.max():.2f}"
    print(f"{name:<20} {away[name]:10.2f} {chances @ r:11.2f} {kl:6.2f}    {top}")

# %% id="12-zoo-figure"
plots.ladder(
    away,
    title="DPO ends at the optimum of reward minus KL; most others aim elsewhere",
    x="total variation to π*",
    alt="Bars of the distance to the optimum: zero for DPO, robust DPO and here for "
    "hinge; between 0.1 and 0.5 for SimPO, cDPO, ORPO, KTO and IPO.",
)

# %% id="12-zoo-claim" tags=["nbval-check-output"]
arrive = [away["DPO"], away["robust DPO, e = 0.1"]]
claim("DPO and, despite the flips, robust DPO arrive", max(arrive) < 0.005)
others = ("cDPO, e = 0.1", "IPO", "KTO", "ORPO", "SimPO")
nearest = min(away[name] for name in others)
claim("cDPO, IPO, KTO, ORPO and SimPO end over .1 away", nearest > 0.1, nearest=nearest)
claim("hinge arrives as well", away["hinge"] < 0.01, distance=away["hinge"])
doubled = (2 * (r[one] - r[two])).sigmoid()  # stars that count twice
best_of_doubled = optimal_policy(pi_ref, 2 * r, beta)
gap = (fixed_point(zoo["hinge"], doubled) - best_of_doubled).abs().sum().item() / 2
claim("but only because the stars are as far apart as its margin", gap > 0.1, gap=gap)

# %% id="12-zoo-kto" tags=["nbval-check-output"]
liked = torch.zeros(7, dtype=torch.float64).index_add(0, one, share) / 6  # of meetings
raised = found["KTO"].log() - l_ref  # log-ratios
for name, wins, x in zip(NAMES, liked, raised, strict=True):
    print(f"{name:<6} liked in {wins:.2f} of its meetings, log-ratio {x:+.1f}")
first_two = raised[liked.argsort(descending=True)[:2]]
claim(
    "KTO raises the two most liked texts alike, and no other",
    abs(first_two[0] - first_two[1]) < 0.1 and (raised > 0).sum() == 2,
    log_ratios=first_two,
)

# %% [markdown] id="12-zoo-text"
# Read the table with care: **the others answer other questions; they are not
# worse.** Only DPO and robust DPO take it that people choose with chance
# $\sigma(r_w - r_l)$, flips apart, and that the aim is reward minus $\beta$ KL.
# That is how we made the labels, so they must win here; robust DPO undoes the
# flips that it was told of. Hinge arrives only because its margin happens to
# fit these stars. cDPO doubts labels that are right. IPO does not believe in
# strengths at all: it wants a share of votes, at a small KL. KTO forgets
# strengths: the two most liked texts rise alike, at the cost of all others.
# ORPO and SimPO know no reference, and where they end depends on lengths. Which
# question is yours, no loss can tell you.
#
# ## The review writer learns from pairs
#
# Now the real writer. It writes four completions of each of 96 openings. A judge
# scores them, and of each opening we keep the best and the worst: 96 pairs. The judge
# is the **proxy** of [chapter 08](08_best_of_n.ipynb), the reward model that saw 500
# texts; the **gold** model, which saw all, is kept for the verdict. A text that does
# not end loses one point, as in the chapters before.
#
# From here on the data are fixed. That is what [**offline**](../GLOSSARY.md#policy)
# means: the policy will move, the texts stay those of the reference. The same is done
# with 128 openings of test texts, and nothing learns from those pairs. What a policy
# learns from here on, it learns three times, with seeds 0, 1 and 2: other openings,
# other texts, another order. (The control and the online run below are one run each.)

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


# %% id="12-make-pairs"
def make_pairs(policy, chosen, draw, group_size=4):
    """Best against worst of four completions for every one of these openings."""
    asked = [prompt for prompt in chosen for _ in range(group_size)]
    rollout = collect(
        policy, reference, tokenizer, asked, proxy, max_new_tokens=32, generator=draw
    )
    return best_and_worst(penalise_cut_texts(rollout, 1.0), group_size)


# %% id="12-draw-pairs"
SEEDS = (0, 1, 2)  # all that were tried; settings chosen on seed 5


def asked_with(seed):
    """96 openings to learn from."""
    drawn = torch.randperm(len(prompts), generator=generator(seed))[:96].tolist()
    return [prompts[n] for n in drawn]


data = [make_pairs(reference, asked_with(s), generator(s)) for s in SEEDS]
pairs = data[0]
fresh = make_pairs(reference, held_out[:128], generator(100))

# %% id="12-show-pairs"
print(f"{len(pairs)} pairs to learn from, {len(fresh)} others")
for n in range(3):
    best_row, worst_row = pairs.chosen[n], pairs.rejected[n]
    print(f"{pairs.rollout.prompts[best_row]} …")
    for name, row in (("chosen", best_row), ("rejected", worst_row)):
        print(f"   {name:<8} {pairs.rollout.completions[row].strip()[:62]}")

# %% [markdown] id="12-page-text"
# ### DPO on one page
#
# The whole step, from functions that you know; and the loop around it, which writes
# nothing and scores nothing.

# %% id="12-page"
from torch.nn.utils import clip_grad_norm_

from course.policy.rollout import logprobs_of, select_rows


def plain_dpo(policy, optimizer, pairs, beta):
    both = select_rows(pairs.rollout, torch.cat([pairs.chosen, pairs.rejected]))
    l_now, l_before = logprobs_of(policy, both).sum(1), both.ref_logprobs.sum(1)
    h = pair_log_ratio(*l_now.chunk(2), *l_before.chunk(2))
    optimizer.zero_grad()
    dpo_loss(h, beta).backward()
    clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()
    return h.detach()


# %% id="12-page-claim"
from copy import deepcopy

from course.policy.dpo import dpo_step


def adamw(policy, learning_rate=1e-3):
    return torch.optim.AdamW(policy.parameters(), lr=learning_rate, weight_decay=0.0)


ends_at = []  # all weights after two steps of each kind
for take_step in (plain_dpo, dpo_step):
    policy = deepcopy(reference)
    adam = adamw(policy)
    for batch in (torch.arange(32), torch.arange(32, 64)):
        take_step(policy, adam, pairs.rows(batch), beta=0.1)
    ends_at.append(torch.cat([w.flatten() for w in policy.parameters()]))

# %% id="12-page-same" tags=["nbval-check-output"]
origin = torch.cat([w.flatten() for w in reference.parameters()])
travelled = (ends_at[0] - origin).norm().item()
gap = (ends_at[0] - ends_at[1]).norm().item()
statement = "the course's guarded step moves every weight the same, up to rounding"
claim(statement, gap < 0.01 * travelled, travelled=travelled, difference=gap)

# %% id="12-page-loop"
policy = deepcopy(reference)
adam = adamw(policy, learning_rate=2e-4)
order = torch.randperm(len(pairs), generator=generator(0))
for batch in order.split(32):
    h = plain_dpo(policy, adam, pairs.rows(batch), beta=0.1)
    print(f"mean h {h.mean():+.3f}, loss {dpo_loss(h, 0.1):.4f}")

# %% id="12-train"
from course.policy.dpo import pair_metrics, train_dpo


def warm(done):
    """Learning rate: up during the first steps, then down to 0."""
    return min(1, 0.2 + 4 * done) * (1 - done)


def run_dpo(data, policy, adam, draw, steps=12, watch=None):
    """A policy after `steps` batches of 32 pairs, and its history."""
    history = train_dpo(
        policy, data, optimizer=adam, steps=steps, batch_size=32, beta=0.1,
        generator=draw, schedule=warm, watch=watch,
    )  # fmt: skip
    return policy, history


# %% id="12-train-runs"
some, elsewhere = fresh.rows(torch.arange(32)), []


def from_reference(data, seed, look=False):
    """A policy and its history; look: note its loss on some other pairs as well."""
    policy = deepcopy(reference)

    def watch(_):
        if look:
            elsewhere.append(pair_metrics(policy, some, beta=0.1)["loss"])

    return run_dpo(data, policy, adamw(policy), generator(seed), watch=watch)


runs = [from_reference(data[seed], seed, look=seed == 0) for seed in SEEDS]
dpo, history = [policy for policy, _ in runs], runs[0][1]
swapped, _ = from_reference(pairs.swapped(), 0)  # the control

# %% id="12-train-metrics"
lengths = fresh.rollout.completion_mask.sum(1)
shorter = lengths[fresh.chosen] < lengths[fresh.rejected]
even = fresh.rows((~shorter).nonzero().flatten())  # here length alone is never right


def on_three(*pairs_of):
    """The metrics of the three policies, each on its pairs."""
    return [
        pair_metrics(policy, some, beta=0.1)
        for policy, some in zip(dpo, pairs_of, strict=True)
    ]


known, new, matched = on_three(*data), on_three(*[fresh] * 3), on_three(*[even] * 3)
turned = [pair_metrics(swapped, fresh, beta=0.1)]
before = pair_metrics(reference, fresh, beta=0.1)

# %% id="12-train-accuracy"
accuracy = {
    "pairs learned from": known,
    "other pairs": new,
    "other pairs, not by length": matched,
    "other pairs, labels swapped": turned,
}
print("implicit accuracy: the share of pairs whose chosen text has the higher r̂")
for name, rows in accuracy.items():
    accuracy[name] = [row["rewards/accuracies"] for row in rows]
    print(f"{name:<28}", *(f"{x:.2f}" for x in accuracy[name]))
print(f"for comparison, 'the shorter text wins': {shorter.float().mean():.2f}")
spread = 0.5 / len(even) ** 0.5
print(f"{len(even)} pairs are not by length: chance would give .50 ± {spread:.2f}")

# %% [markdown] id="12-train-after"
# Three things to read off.
#
# - The policy is a reward model too: without ever seeing a score it orders pairs that
#   it did not learn from.
# - It orders the pairs that it *did* learn from better still: 96 pairs are few, and it
#   has seen each four times.
# - Before you praise it, think of length. A text that did not end lost a point,
#   such texts are the longest, so **length alone** would order many pairs. A
#   rule of one line is the rival that every preference model should be compared
#   with. The pairs "not by length" are the test: there the chosen text is not
#   the shorter one. In our runs all three accuracies lie within two standard
#   errors of one half: this page does not show that the policies learned more
#   than the length, whatever the accuracy over all pairs is.

# %% id="12-train-claim" tags=["nbval-check-output"]
claim(
    "implicit accuracy over 0.65 on pairs of other openings, on three seeds",
    min(accuracy["other pairs"]) > 0.65,
    accuracy=accuracy["other pairs"],
)
claim(
    "control: with chosen and rejected swapped it is under 0.5",
    accuracy["other pairs, labels swapped"][0] < 0.5,
    accuracy=accuracy["other pairs, labels swapped"],
)
claim(
    "all three know their own pairs better than others",
    min(accuracy["pairs learned from"]) > max(accuracy["other pairs"]) + 0.05,
    own=accuracy["pairs learned from"],
)

# %% [markdown] id="12-memory-text"
# When does it begin to know its own pairs by heart? While seed 0 learned, we
# noted after each step its loss on 32 pairs of other openings.
#
# **Predict first.** After three steps the pairs come again. What does each line do?
#
# <details><summary>Answer</summary>
#
# The loss on its own pairs drops at once, for it has seen them. The other goes on
# falling slowly, and ends far above. The gap between the two lines is memory.
#
# </details>

# %% id="12-memory"
two_lines = (
    "Two lines over the steps. The loss on the batch is near ln 2 until a dotted line "
    "that marks the second pass over the pairs; from there on it is far lower. The "
    "loss on other pairs falls slowly and ends far above it."
)

# %% id="12-loss-figure"
_, left = plt.subplots()
left.plot(history.steps("loss"), history["loss"], label="the batch, before its step")
left.plot(history.steps("loss"), elsewhere, "--", label="pairs of other openings")
left.axhline(log(2), ls=":", color="gray", lw=1)
left.annotate("ln 2", (11, log(2)), va="bottom", ha="right")
left.axvline(len(pairs) / 32, ls=":", color="gray", lw=1)
left.annotate("the same pairs again", (len(pairs) / 32 + 0.3, 0.25))
left.legend()
plots.finish(
    left,
    "The loss falls on the pairs that it sees again, less on others",
    "step",
    "nats per pair",
    alt=two_lines,
)

# %% id="12-memory-claim" tags=["nbval-check-output"]
first_loss = history["loss"][0]
claim("the first loss is ln 2", abs(first_loss - log(2)) < 1e-3, loss=first_loss)
own, other = sum(history["loss"][-3:]) / 3, sum(elsewhere[-3:]) / 3
claim(
    "at the end its own pairs cost less than half of others",
    own < other / 2,
    own=own,
    other=other,
)

# %% id="12-change"
change = {  # of l, in nats; one number for each seed
    name: [(row[f"rewards/{name}"] - before[f"rewards/{name}"]) / 0.1 for row in new]
    for name in ("rejected", "chosen")
}

# %% id="12-change-figure"
_, axes = plt.subplots(figsize=(6, 1.8))
for place, (name, values) in enumerate(change.items()):
    axes.plot(values, [name] * 3, plots.MARKERS[place], color=plots.COLOURS[place])
axes.axvline(0, ls=":", color="gray", lw=1)
axes.set(ylim=(-0.5, 1.5))
plots.finish(
    axes,
    "On other pairs the rejected fall further",
    "change of l (nats per text), three seeds",
    "",
    alt="Dots of three seeds in two rows: how much log-probability the chosen and the "
    "rejected texts of other openings gained or lost. The rejected lost more.",
)

# %% [markdown] id="12-examined-text"
# ## A common description, examined
#
# > "DPO makes the chosen texts more probable and the rejected ones less."
#
# Neither half is promised: the loss sees the *difference* $h$ and nothing else.
# Where the two texts of a pair have something in common, pushing one down takes
# the other along, and the probability goes to texts that nobody compared. In
# the figure the chosen texts of other openings fall. (That alone does not prove
# this cause: when a policy moves, the reference's texts must fall on average.)
# Here is the smallest case: three texts, and a model that can only say how much
# it likes *long*. The chosen text is a little long, the rejected one very long,
# the third is short, and in no pair.
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
    now = (theta * length).log_softmax(0)
    h = pair_log_ratio(now[:1], now[1:2], start[:1], start[1:2])
    sgd.zero_grad()
    dpo_loss(h, beta=1.0).backward()
    sgd.step()
change_of_l = ((theta * length).log_softmax(0) - start).tolist()
for name, nats in zip(("chosen", "rejected", "in no pair"), change_of_l, strict=True):
    print(f"{name:<10} {'rises' if nats > 0 else 'falls'}")

# %% id="12-examined-claim" tags=["nbval-check-output"]
chosen_by, _, other_by = change_of_l
claim("the pair moves apart", h.item() > 1, h=h.item())
claim("yet the chosen text falls by over a nat", chosen_by < -1, change=chosen_by)
claim("and the text that nobody compared rises", other_by > 0.5, change=other_by)
claim(
    "the writer, on other openings, three seeds: the rejected lose more",
    all(c > r for r, c in zip(change["rejected"], change["chosen"], strict=True)),
    **change,
)
claim("and the chosen lose as well", max(change["chosen"]) < 0)

# %% [markdown] id="12-examined-after"
# So watch `logps/chosen` in a run, not only the margin. If it falls by many
# nats, the policy is leaving the texts that people saw, and the labels say
# nothing about where it goes. This is [**likelihood
# displacement**](../GLOSSARY.md#policy) ([Razin and others
# 2024](https://arxiv.org/abs/2410.08847)). A common cure is to add a little of
# [chapter 04](04_supervised_fine_tuning.ipynb)'s loss on the chosen texts, or a
# term that punishes their fall ([Pal and others
# 2024](https://arxiv.org/abs/2402.13228)).
#
# ## Offline and online
#
# Our pairs are texts of the *reference*. The more the policy learns, the less
# it would write them, and the less they say about what it does write. The
# online answer: write new pairs with the policy of now, have them judged, go
# on. The same budget of 384 judged texts can be spent in two halves: 48
# openings with the reference, 48 with what has been learned from those ([Guo
# and others 2024](https://arxiv.org/abs/2402.04792)). The reference in the loss
# stays the first one. What that scores stands in the table of the next section.


# %% id="12-online"
asked, draw, online = asked_with(0), generator(0), deepcopy(reference)
adam = adamw(online)
for half in (asked[:48], asked[48:]):
    own = make_pairs(online, half, draw)
    run_dpo(own, online, adam, draw, steps=6)
    ended = own.rollout.ended.float().mean()
    print(f"{len(own)} pairs; {ended:.0%} of the texts ended before the limit")

# %% [markdown] id="12-frontier-text"
# ## The frontier
#
# Every method of this part from the same start, with the same proxy as its only
# judge and the same budget: 384 judged texts each (8 batches of 48; for DPO, 96
# openings of 4), with seeds 0, 1 and 2. The learning rates were chosen on a
# fourth seed, with batches of 64, so that each moves a few nats.
# [**Best-of-n**](../GLOSSARY.md#reward) needs no training. It spends its texts
# when it writes: n for one. All were asked for the same thing, which we call
# the [**aim**](../GLOSSARY.md#policy): the proxy's score, minus one point for a
# text that does not end. So that is what we compare, and we do it **at equal
# KL**: on a good path the first nats buy most, so gains "per nat" mostly say
# who stopped first. The ends, and best-of-n, are judged on the same 24
# openings; a run on its way, on the 48 texts of each step, which continue
# training openings.
#
# **Predict first.** Which one has most of the aim at the same KL? And how much
# of its gain will the gold model grant, which nobody asked?

# %% id="12-judges"
from course.reward.rules import lexicon_score


def judged(x):
    """KL, the aim and the three judges: one number for each text of a rollout."""
    columns = {
        "KL": (x.old_logprobs - x.ref_logprobs).sum(1),
        "aim": penalise_cut_texts(x, 1.0).scores,
        "proxy": x.scores,
        "gold": gold(x.prompts, x.completions),
        "lexicon": lexicon_score(x.completions),
        "ends": x.ended,
    }
    return {name: torch.as_tensor(column).float() for name, column in columns.items()}


# %% id="12-paths"
from course.policy.loop import train

paths = {}  # name -> for each seed and step, KL and aim on its 48 texts


# %% [markdown] id="12-runs-text"
# Three methods that write share one loop:


# %% id="12-runs"
def online_run(name, seed, models, step, learning_rate, group_size=1):
    """A policy after 8 steps on 48 texts each; its way is noted in `paths`."""
    paths.setdefault(name, []).append(way := [])
    groups = [{"params": model.parameters()} for model in models]
    adam = torch.optim.AdamW(groups, lr=learning_rate, weight_decay=0.0)

    def watched(x):
        nats = (x.old_logprobs - x.ref_logprobs).sum(1).mean()
        way.append({"KL": nats.item(), "aim": x.scores.mean().item()})
        return step(*models, adam, x)

    train(
        models[0], reference, tokenizer, prompts, proxy, watched, optimizer=adam,
        steps=8, batch_size=48 // group_size, group_size=group_size, max_new_tokens=32,
        missing_eos_penalty=1.0, generator=generator(seed), schedule=warm,
    )  # fmt: skip
    return models[0]


# %% id="12-policies"
from functools import partial

from course.policy.critic import Critic
from course.policy.grpo import grpo_step
from course.policy.ppo import ppo_step
from course.policy.reinforce import reinforce_step

head = proxy_model.gain * proxy_model.weight
bias = (proxy_model.gain * proxy_model.offset + proxy_model.bias).item()
critic = Critic(deepcopy(proxy_model.gpt), head, bias)


def models(kind):
    """What this method trains: a policy, and with PPO a critic."""
    return [deepcopy(reference)] + [deepcopy(critic)] * (kind == "PPO")


# %% id="12-train-all"
def trained_with(kind, seed):
    twice = {"epochs": 2, "generator": generator(seed + 1)}
    step, rate, size = {
        "REINFORCE": (partial(reinforce_step, beta=0.1), 2e-3, 1),
        "PPO": (partial(ppo_step, beta=0.1, minibatches=2, **twice), 1e-3, 1),
        "GRPO": (partial(grpo_step, beta=0.05, group_size=8, **twice), 1e-3, 8),
    }[kind]
    return online_run(kind, seed, models(kind), step, rate, size)


policies = {
    kind: [trained_with(kind, seed) for seed in SEEDS]
    for kind in ("REINFORCE", "PPO", "GRPO")
}
policies |= {"DPO": dpo, "DPO, two rounds": [online], "DPO, labels swapped": [swapped]}


# %% [markdown] id="12-judge-text"
# Then each policy writes four texts for each of 24 openings, the reference 64.

# %% id="12-judge"
HELD = held_out[:24]  # the openings that judge
KEYS = ("KL", "aim", "proxy", "gold", "lexicon", "ends")


def completed(policy, asked, draw):
    """Completions of these openings, scored by the proxy."""
    return collect(
        policy, reference, tokenizer, asked, proxy, max_new_tokens=32, generator=draw
    )


def mean_and_error(x):
    """Mean, and its standard error over openings. x: (openings, texts of each)."""
    each = x.mean(1)
    return each.mean().item(), each.std().item() / len(each) ** 0.5


# %% id="12-written"
written, rows = {}, {}  # a row of the table for each policy
for name, kind in ({"reference": [reference]} | policies).items():
    for seed, policy in enumerate(kind):
        x = completed(policy, HELD * 4, generator(seed + 1))
        columns = {key: column.view(4, 24).T for key, column in judged(x).items()}
        rows[name, seed] = {k: mean_and_error(v) for k, v in columns.items()}
        written[name, seed] = x

# %% id="12-pool"
from course.reward.best_of_n import best_of_n_kl, pool_estimate

draw, parts = generator(2), []
for opening in HELD:  # one opening at a time: less memory
    part = completed(reference, [opening] * 64, draw)
    parts.append(judged(part))
pools = {
    key: torch.stack([part[key] for part in parts]) for key in parts[0]
}  # (24, 64)
for n in (1, 2, 4, 8, 16, 32, 64):
    row = {"KL": (best_of_n_kl(n), 0.0)}
    for key in KEYS[1:]:
        estimate = pool_estimate(pools["aim"], pools[key], n, generator(0))
        row[key] = mean_and_error(estimate[:, None])
    rows[f"best of {n}", 0] = row

# %% id="12-table"
print(f"{'':<20} seed", *(f"{key:^10}" for key in KEYS))
for (name, seed), row in rows.items():
    cells = ("{:+z5.2f} ±{:.2f}".format(*row[key]) for key in KEYS)
    print(f"{name:<20} {seed:>4}", *cells)

# %% [markdown] id="12-equal-text"
# The KL of best-of-n is the formula $\log n - (n-1)/n$, an upper bound (chapter
# 08); the others are measured. Between two points we go straight. A run whose
# end lies beyond the last point of best-of-n is compared on its way there, on
# the 48 texts of each step. DPO writes nothing while it learns, so it can be
# compared only if its end lies low enough. In our runs none does: it has no
# row. (Its ends have less of the aim than best-of-64, at more KL.)

# %% id="12-equal"
import numpy as np


def middle(row):
    """The means of a row of the table, without their errors."""
    return {key: value[0] for key, value in row.items()}


def on(points, key, nats):
    """The value of `key` at this KL, on straight lines between these points."""
    at = sorted((point["KL"], point[key]) for point in points)
    return float(np.interp(nats, *zip(*at, strict=True)))


best_of = [middle(row) for (name, _), row in rows.items() if "best of" in name]
start, limit = best_of[0], best_of[-1]["KL"]  # start: the mean of the 64
trained = [name for name in policies if "swapped" not in name]

# %% id="12-compared"
compared = {}  # name, seed -> KL, aim of the run, aim of best-of-n there
for name in trained:
    for seed in range(len(policies[name])):
        end = middle(rows[name, seed])
        nats = min(end["KL"], limit)
        if end["KL"] <= limit or name in paths:
            way = paths[name][seed] if name in paths else []
            points = [start, *way, end]
            compared[name, seed] = (
                nats,
                on(points, "aim", nats),
                on(best_of, "aim", nats),
            )

# %% id="12-compared-table"
for (name, seed), (nats, aim, rival) in compared.items():
    print(
        f"{name:<15} {seed} at {nats:.1f} nats: aim {aim:+.2f}, best-of-n {rival:+.2f}"
    )


# %% id="12-panel"
def panel(axes, key):
    """Best of n as a black line with errors; three runs of each method."""
    lines = [rows[at] for at in rows if "best of" in at[0]]
    x = [row["KL"][0] for row in lines]
    y, dy = zip(*[row[key] for row in lines], strict=True)
    axes.errorbar(x, y, dy, fmt="k.-", capsize=2, label="best of n")
    for n, name in enumerate(trained):
        ends = [middle(row) for at, row in rows.items() if at[0] == name]
        look = {"color": plots.COLOURS[n], "marker": plots.MARKERS[n]}
        x, y = ([end[k] for end in ends] for k in ("KL", key))
        axes.plot(x, y, ls="", label=name, **look)
        # The ways know the aim only; means of three neighbouring steps.
        for way in paths.get(name, []) * (key == "aim"):
            steps = torch.tensor([(row["KL"], row[key]) for row in way])
            axes.plot(*steps.unfold(0, 3, 1).mean(2).T, alpha=0.4, lw=1, ms=2, **look)
    axes.set(title=f"judged by: {key}", xlabel="KL (nats per text)")


# %% id="12-frontier-words"
above = sum(rival > aim for _, aim, rival in compared.values())
title = "At equal KL, best-of-n has more of the aim "
title += f"than {above} of the {len(compared)} runs compared"
alt = (
    "Three panels, KL to the right, score upwards; a black line for best of n, a "
    "marker for each run, of one kind for each method, in the first panel with thin "
    "lines for their ways. The line of best of n rises steeply near zero. Seen by "
    "gold it rises less, and all markers lie lower."
)

# %% id="12-frontier"
_, places = plt.subplots(1, 3, figsize=(11, 3.9))
for axes, key in zip(places, ("aim", "gold", "lexicon"), strict=True):
    panel(axes, key)
places[0].set_ylabel("mean, in standard deviations")
places[2].set_ylabel("mean, in the lexicon's unit")
places[0].legend(fontsize=9, loc="upper left", bbox_to_anchor=(0, -0.2), ncol=3)
places[0].figure.suptitle(title)
plots.show(alt)

# %% [markdown] id="12-read-text"
# **Best-of-n** stays close to the best possible trade ([Gui and others
# 2024](https://arxiv.org/abs/2406.00832) show it for the share of comparisons
# won): it changes nothing about a text but which one is shown. Its price does
# not appear in the picture: n texts for one, at every use, and KL grows only as
# log n: 64 texts for 3.2 nats, about 400 for five.
#
# The **trained** policies paid in nats for being fast. Part of them bought ends
# of texts: see the column "ends". Other nats, we suppose, went into noisy
# gradients of a few hundred texts and, for DPO, into learning 96 pairs by
# heart. Do not rank the methods by points so close, at one learning rate each.
# REINFORCE's three runs ended at about 3.5 to 7 nats.
#
# And distrust the third panel: in our table the lexicon likes the control with
# swapped labels, whose texts do not end, at least as well as any trained run,
# and no trained run clearly better than the reference.
#
# What did each run gain, by whose judgement?

# %% id="12-gains"
gains = {  # of each run, over the reference's 64 texts for each opening
    at: {key: row[key][0] - start[key] for key in KEYS} for at, row in rows.items()
}


def of_method(name, key):
    """What its runs gained by this judge, one number for each seed."""
    return [gain[key] for (method, _), gain in gains.items() if method == name]


def show(numbers):
    return " ".join(f"{x:+.2f}" for x in numbers).ljust(19)


# %% id="12-gains-table"
aim, gap = {}, {}  # means over the seeds, of what was run three times
print(f"{'gain in':<18}{'the aim':<20}{'the proxy':<20}gold")
for name in [*trained, "best of 16"]:
    by = {key: of_method(name, key) for key in ("aim", "proxy", "gold")}
    print(f"{name:<17}", *map(show, by.values()))
    if len(by["aim"]) == 3:
        aim[name] = np.mean(by["aim"])
        gap[name] = np.mean(by["proxy"]) - np.mean(by["gold"])

# %% id="12-equal-claim" tags=["nbval-check-output"]
claim(
    "on the mean of three seeds each method gains more than 0.3 of the aim",
    min(aim.values()) > 0.3,
    gains=list(aim.values()),
)
lead = min(rival - aim for _, aim, rival in compared.values())
claim(
    "at equal KL best-of-n has more of the aim than every run compared there",
    lead > 0,
    smallest_lead=lead,
)

# %% id="12-control-claim" tags=["nbval-check-output"]
change_of_control = gains["DPO, labels swapped", 0]["proxy"]
claim(
    "control: with the labels swapped the proxy's score falls by more than 0.3",
    change_of_control < -0.3,
    change=change_of_control,
)

# %% id="12-gold-claim" tags=["nbval-check-output"]
claim(
    "on the mean of three seeds gold grants each method less than the proxy promised",
    min(gap.values()) > 0,
    differences=list(gap.values()),
)

# %% [markdown] id="12-gains-text"
# This says something simpler: **the judge who trained is the friendlier one.**
# In every run of the table the policy gained more by the proxy than by gold, by
# very different margins; the claim speaks of the means of three runs only. (In
# [chapter 14](14_reward_hacking.ipynb), over 100 nats from the start, a reward
# model that grew from the same language model is fooled with the proxy in three
# of three runs, and a judge that counts words falls from its peak in two.)
#
# Last, what rejection sampling of $\pi^*$ itself would cost this writer:

# %% id="12-reject-writer"
aims = pools["aim"].flatten().double()  # one bound r_max for all openings
for b in (1.0, 0.5, 0.1):
    price = 1 / ((aims - aims.max()) / b).exp().mean().item()
    print(f"β = {b:<4g} at least {price:6.0f} texts of the reference for one of π*")

# %% [markdown] id="12-reject-text"
# With one bound for all openings this is dear at a small β. Our 1,536 texts
# cannot show a price above 1,536; the true one is likely higher, because
# $r_{\max}$ is not the best of one pool.
#
# What they write, for the first openings, none picked:

# %% id="12-samples"
for n in range(4):
    print(f"{held_out[n]} …")
    for name in ("reference", "PPO", "GRPO", "DPO"):
        text = " ".join(written[name, 0].completions[n].split())
        score = written[name, 0].scores[n]
        print(f"   {name:<9} {score:+.1f}  {text[:62]}")

# %% [markdown] id="12-map"
# ## A map of the methods
#
# Fourteen names, and few ideas. A method is a choice in each column. First those that
# write their own texts and are told a score for each. All but REINFORCE and PPO write a
# group of texts for each prompt:
#
# | method | ratio and clip | baseline | joined by | KL |
# |---|---|---|---|---|
# | REINFORCE | none | mean of the batch | `token_mean` | k1 in the reward |
# | RLOO | of the text, ±ε | mean of the others | sum | k1 in the reward |
# | PPO | of the token, ±ε | critic, GAE | `token_mean` | k1 in the reward |
# | GRPO | of the token, ±ε | group, / std | `seq_mean` | k3 in the loss |
# | Dr. GRPO | of the token, ±ε | group | `const` | none |
# | DAPO | of the token, −ε to +ε' | group, / std | `token_mean` | none |
# | GSPO | of the text, to the power 1/length | group, / std | mean over texts | none |
# | CISPO | of the token, a constant weight | group, / std | `token_mean` | none |
#
# Then those that are told which of two texts is preferred (KTO: whether one is liked);
# the texts may be anybody's:
#
# | method | compares | with | joined by | KL |
# |---|---|---|---|---|
# | DPO | $l - l^{ref}$ | the other text | sum | in $h$ |
# | IPO, cDPO | $l - l^{ref}$ | the other text | sum | in $h$ |
# | KTO | $l - l^{ref}$ | the KL | sum | in $z$ |
# | ORPO | log odds | the other text | mean | none |
# | SimPO | $l$ | the other text, a margin | mean | none |
#
# With this course's functions:
#
# - `reinforce_step`, `rloo_step`, `ppo_step`;
# - GRPO: `grpo_step(reduce=reduce_seq_mean)`; Dr. GRPO:
#   `advantages=centred_advantages`, `reduce=partial(reduce_const, max_length=…)`;
# - [DAPO](https://arxiv.org/abs/2503.14476): `clip_eps_high=0.28`, and new groups
#   for those whose `group_std` is 0;
# - the second table: losses with the names of their methods;
# - [GSPO](https://arxiv.org/abs/2507.18071) and
#   [CISPO](https://arxiv.org/abs/2506.13585): one line each, below.
#
# At the first update after writing, where all ratios are 1, much of the map
# collapses. We check the last two on the seven texts:

# %% id="12-map-lines"
from course.policy.clipping import grpo_loss, importance_ratio
from course.policy.losses import reduce_seq_mean, reinforce_loss

A = r - r.mean()  # any advantages will do
l_old, mask = ref.logprobs().detach(), ref.mask


def gspo(l_new):
    """GSPO: a clipped ratio for each text, of its mean log-ratio."""
    log_ratio = (l_new - l_old).sum(1) / mask.sum(1)
    rho = log_ratio.exp()
    return -torch.min(rho * A, rho.clamp(1 - 3e-4, 1 + 4e-4) * A).mean()


def cispo(l_new):
    """CISPO: REINFORCE, each token weighed with its clipped, constant ratio."""
    rho = importance_ratio(l_new, l_old, mask).detach()
    return reinforce_loss(l_new, rho.clamp(max=1.2) * A[:, None], mask)


# %% id="12-map-claim" tags=["nbval-check-output"]
l_new = ref.logprobs()
per_sequence = grpo_loss(l_new, l_old, None, A, mask, 0.0, 0.2, reduce=reduce_seq_mean)
gap = ref.gradient(gspo(l_new)) - ref.gradient(per_sequence)
claim("first update: GSPO is GRPO with seq_mean", gap.abs().max() < 1e-12)
gap = ref.gradient(cispo(l_new)) - ref.gradient(reinforce_loss(l_new, A, mask))
claim("first update: CISPO is REINFORCE", gap.abs().max() < 1e-12)

# %% id="12-map-clip" tags=["nbval-check-output"]
from course.policy.clipping import is_clipped

pushed = TinyPolicy(ref.logits.detach() + torch.tensor([0.0, 1.0, 2.0]))
l_new = pushed.logprobs().requires_grad_()
cut = is_clipped(importance_ratio(l_new, l_old, mask), A, 0.2) & mask
two_losses = grpo_loss(l_new, l_old, None, A, mask, 0.0, 0.2), cispo(l_new)
ppo_slope, cispo_slope = (
    torch.autograd.grad(value, l_new)[0][cut] for value in two_losses
)
claim(
    "further away: tokens that the clip of PPO silences keep a gradient in CISPO",
    cut.any() and (ppo_slope == 0).all() and (cispo_slope != 0).all(),
    tokens=cut.sum(),
)

# %% [markdown] id="12-limits"
# ## What was shown, and what was not
#
# Exactly: the closed form of the optimum, and what it costs to sample from it;
# that DPO with true preferences reaches it, and with means for sums does not;
# where eight losses end; that certain labels drive DPO's $h$
# on without end, while IPO and cDPO settle. The losses equal those of TRL 1.16
# to 1e-5: `tests/test_preference_losses.py` and `tests/test_pair_losses.py`
# compare them. By experiment, for one writer, one proxy and few texts: a policy
# that learned from pairs orders other pairs, perhaps by length alone; the
# chosen texts of those pairs become *less* probable; and every method gains by
# the proxy and, on the mean of its three runs, less by gold.
#
# Not shown: which method is best. DPO is not compared at equal KL. Each method
# had one learning rate, one β and 384 texts; with ten times as many, the order
# can be another. Nor what real labels do: our judge is a model that never
# contradicts itself, people do. Nor that two rounds of DPO are better than one:
# that is one run, and look at the errors. And the missing-end penalty makes
# length a strong hint in our pairs.
#
# ## Test yourself
#
# 1. How can you sample from $\pi^*$, although $Z$ is unknown, and why does nobody write
#    that way?
# 2. Where does $Z$ go in DPO's derivation? What would have to be different for it to
#    stay?
# 3. Your first loss is 0.81. Name two possible bugs.
# 4. A colleague divides log-probabilities by length "to be fair to long texts". What
#    does the policy converge to?
# 5. All labels are certain. What does DPO do, and which losses do not?
# 6. The margin grows, `logps/chosen` falls. Is that a bug?
# 7. Best-of-16 beats your PPO run at about half the KL. Why train at all?
# 8. What changes on the map from GRPO to Dr. GRPO, and what from PPO to RLOO?
#
# <details><summary>Answers</summary>
#
# 1. By rejection: keep a text of the reference with probability $e^{(r - r_{\max})/
#    \beta}$. The number of texts for one that is kept grows with $1/\beta$, at
#    first exponentially.
# 2. It cancels, being the same for both texts of a prompt. For texts of two different
#    prompts, or for a single text, it would stay.
# 3. The reference is not the policy's start, or sees other tokens (template, padding,
#    dropout); or means stand where sums should.
# 4. To another policy than $\pi^*$: the figure of the section "Does it arrive?".
# 5. Its $h$ grows without end, and one text takes everything. cDPO, IPO and hinge stop.
# 6. No: the loss promises only the difference. But watch where the mass goes.
# 7. It costs sixteen texts for one, at every use, and its KL grows only as $\log n$.
# 8. Centred advantages, `const`, no KL; a group in place of the critic, a ratio
#    for each text, and a sum.
#
# </details>
#
# ## Further reading
#
# - R. Rafailov and others, [*Direct Preference Optimization: Your Language Model is
#   Secretly a Reward Model*](https://arxiv.org/abs/2305.18290), 2023.
# - M. G. Azar and others, [*A General Theoretical Paradigm to Understand Learning from
#   Human Preferences*](https://arxiv.org/abs/2310.12036), 2023: IPO, and why certain
#   labels matter.
# - T. Liu and others, [*Statistical Rejection Sampling Improves Preference
#   Optimization*](https://arxiv.org/abs/2309.06657), 2023: samples of the optimum.
# - N. Razin and others, [*Unintentional Unalignment: Likelihood Displacement in Direct
#   Preference Optimization*](https://arxiv.org/abs/2410.08847), 2024.
# - S. Guo and others, [*Direct Language Model Alignment from Online AI
#   Feedback*](https://arxiv.org/abs/2402.04792), 2024: online DPO.
# - L. Gao and others, [*Scaling Laws for Reward Model
#   Overoptimization*](https://arxiv.org/abs/2210.10760), 2022: reward over KL, for
#   best-of-n and reinforcement learning.
#
# **Next:** the [five exercises](../exercises/12_dpo.ipynb). Then part IV takes all of
# this into the world: in [chapter 13](13_instant_feedback.ipynb) you are the judge.
