# %% [markdown] id="08-title"
# # 8 · Best-of-n
#
# Write n texts, keep the one that the reward model likes best: no training at all, and
# you can measure how much of the promise is kept.
#
# When you have read this chapter you can:
#
# - re-rank completions with a reward model;
# - estimate the result for every n from one pool of texts, without bias;
# - say how far best-of-n moves from the writer, in nats, and when the formula holds;
# - tell apart what a **proxy** promises and what a **gold** score delivers;
# - fine-tune the writer on the kept texts ([**rejection
#   sampling**](../GLOSSARY.md#reward)) and judge what that wins, against a control.

# %% [markdown] id="08-pool-text"
# ## A pool of texts
#
# The writer is the language model of part I. It completes two opening words of a
# review. The reward model of [chapter 07](07_reward_model.ipynb) has learned from *all*
# training texts and their ratings: we call its score the
# [**gold score**](../GLOSSARY.md#reward) and treat it as the truth. Beside it stands
# the **proxy**, a reward model of the same shape that saw only 500 texts, with the mean
# of some twenty ratings each. The proxy will choose, gold will judge.
#
# (Both learned *sentiment*: how positive readers find a text. So "better" in this
# chapter means more positive.)

# %% id="08-load"
import torch

from course import checkpoints, claim, plots
from course.reward.model import score_texts, scorer, standardise
from course.runtime import generator

writer = checkpoints.load("language-model").model
trained = checkpoints.load("reward-model")
gold_model, tokenizer = trained.model, trained.tokenizer
proxy_model = checkpoints.load("reward-proxy").model
for name in ("reward-model", "reward-proxy"):
    r_people = checkpoints.load(name).metrics["pearson"]
    print(f"{name}: r = {r_people:.2f} with people on held-out texts")
for name, value in checkpoints.recipe("reward-proxy").settings["train"].items():
    print(f"the proxy's {name}: {value}")

# %% [markdown] id="08-write-text"
# All of the chapter rests on one **pool**: 64 completions for each of 32 openings,
# written once.

# %% id="08-write"
from course.data import reviews
from course.policy.rollout import collect
from course.recipes import openings

score = scorer(gold_model, tokenizer)


def write_all(model, prompts, seed):
    """One completion for each prompt: rollouts of 512 texts, scored by gold."""
    options = {"max_new_tokens": 32, "generator": generator(seed)}
    batches = [prompts[i : i + 512] for i in range(0, len(prompts), 512)]
    return [collect(model, writer, tokenizer, b, score, **options) for b in batches]


# %% id="08-pool"
P, N = 32, 64  # prompts, candidates of each
starts = sorted(set(openings(reviews.texts("movies", "test"), 2)))
mixed = torch.randperm(len(starts), generator=generator(0)).tolist()
prompts = [starts[i] for i in mixed[:P]]
asked = [prompt for prompt in prompts for _ in range(N)]
rollouts = write_all(writer, asked, seed=1)
completions = [text for part in rollouts for text in part.completions]
texts = [a + b for a, b in zip(asked, completions, strict=True)]
gold_scores = torch.cat([part.scores for part in rollouts]).cpu()
proxy_scores = score_texts(proxy_model, tokenizer, texts)
print(len(texts), "texts,", len(set(texts)), "of them different")

# %% [markdown] id="08-choice-text"
# ## Write n, keep the best
#
# The algorithm is one line: with scores $r_1, \dots, r_n$ of the candidates,
#
# $$ \text{keep } y_k, \qquad k = \arg\max_i \, r_i. $$
#
# Here are the first six candidates of one opening. To make scores comparable, both are
# **standardised** on the pool: mean 0, standard deviation 1 over all its texts.

# %% id="08-choice"
gold = standardise(gold_scores).view(P, N)
proxy = standardise(proxy_scores).view(P, N)
r = proxy[0, :6]
k = r.argmax()  # the one line
for i in range(6):
    mark = "keep" if i == k else "    "
    print(f"{mark} proxy {r[i]:+.2f}  gold {gold[0, i]:+.2f}  {texts[i][:60]}")

# %% id="08-choice-claim" tags=["nbval-check-output"]
from course.reward.best_of_n import best_of_n

agree = bool(best_of_n(r, generator(0)) == k)
claim("the course's function keeps the same", agree)
kept = best_of_n(proxy[:, :8], generator(0))  # (prompts,), of the first 8
best_proxy = proxy[torch.arange(P), kept]
none_better = bool((best_proxy[:, None] >= proxy[:, :8]).all())
claim("no other of the 8 candidates has a higher proxy score", none_better)

# %% [markdown] id="08-estimate-text"
# ## Every n from one pool
#
# How good is best-of-8? You could write 8 texts per prompt, keep one and average. That
# uses eight texts for one number. The pool has 64, so there are $\binom{64}{8}$ ways to
# draw 8 of them, more than four billion. The mean over *all* draws has far less noise,
# and it needs no draw at all.
#
# Sort the pool by the proxy, worst first. The $i$-th worst is the best of the $n$ drawn
# exactly when it is drawn itself and the other $n-1$ come from the $i-1$ below it:
#
# $$ w_i = \binom{i-1}{n-1} \Big/ \binom{N}{n}, \qquad
#    \text{estimate} = \sum_i w_i \, \text{gold}_{(i)}. $$
#
# This is unbiased for every $n \le N$
# ([Nakano and others, 2021](https://arxiv.org/abs/2112.09332)). To believe it, draw
# all groups of 3 from a pool of 8 by brute force.
#
# **Predict first.** What must the estimate be for $n = 1$, and what for $n = N$?
#
# <details><summary>Answer</summary>
#
# For $n = 1$ nothing is chosen: the mean of the pool. For $n = N$ there is one draw,
# the whole pool: the gold score of the proxy's favourite.
#
# </details>

# %% id="08-estimate" tags=["nbval-check-output"]
from itertools import combinations
from math import comb

from course.reward.best_of_n import pool_estimate


def estimate(proxy, gold, n):
    size = len(gold)
    ranks = range(1, size + 1)
    w = torch.tensor([comb(i - 1, n - 1) / comb(size, n) for i in ranks])
    return (w * gold[proxy.argsort()]).sum()


few_p, few_g = proxy[0, :8], gold[0, :8]
drawn = list(combinations(range(8), 3))
by_force = sum(few_g[max(d, key=lambda i: few_p[i])] for d in drawn) / len(drawn)
off = float((estimate(few_p, few_g, 3) - by_force).abs())
claim("all 56 draws of 3 give the formula's number", off < 1e-5, off=off)
by_course = pool_estimate(few_p, few_g, 3, generator(0))
claim("the course's function agrees", bool((by_course - by_force).abs() < 1e-5))

# %% id="08-ends" tags=["nbval-check-output"]
one, all_of_it = (pool_estimate(proxy, gold, n, generator(0)) for n in (1, N))
favourite = gold.gather(1, proxy.argmax(1, keepdim=True))[:, 0]
own_best = pool_estimate(proxy, proxy, N, generator(0))
ends = [(one, gold.mean(1)), (all_of_it, favourite), (own_best, proxy.amax(1))]
off_ends = [float((left - right).abs().max()) for left, right in ends]
claim("n = 1 is the mean of each pool", off_ends[0] < 1e-4)
claim("n = N is the gold score of the proxy's best", off_ends[1] < 1e-4)
claim("with the proxy as its own judge, n = N is the maximum", off_ends[2] < 1e-4)

# %% [markdown] id="08-kl-text"
# ## What it costs: distance in nats
#
# Best-of-n is a new policy. It writes only what the writer writes, but with other
# frequencies. The [**KL divergence**](../GLOSSARY.md#policy) between the two says how
# far it has moved. Rank all texts of the writer by score, and let $u$ be the
# probability of drawing a worse one. For one draw $u$ is uniform; for the best of $n$
# its density is $n u^{n-1}$. So
#
# $$ \mathrm{KL} = \int_0^1 n u^{n-1} \log(n u^{n-1}) \, du
#    = \log n - \frac{n-1}{n}. $$
#
# The derivation assumes that $u$ is continuous, which means no ties: every draw is a
# new text with a score of its own. Let us check that case first, with 20,000 equally
# likely texts. With $F$ the probability of a text or any worse one, and $p$ its own,
#
# $$ P(\text{kept}) = F^n - (F - p)^n. $$

# %% id="08-kl"
from course.reward.best_of_n import best_of_n_kl


def kept_probability(p, n):
    """p: probabilities of the texts, worst first."""
    F = p.cumsum(0)
    return F**n - (F - p).clamp(min=0) ** n


def enumerated_kl(p, n):
    q = kept_probability(p, n)
    return float(torch.xlogy(q, q / p).sum())


ns = [2**i for i in range(7)]
fine = torch.full((20_000,), 1 / 20_000, dtype=torch.float64)
for n in ns:
    print(f"n = {n:>2}: {enumerated_kl(fine, n):z.4f}, formula {best_of_n_kl(n):.4f}")

# %% [markdown] id="08-kl-few-text"
# Now where it is false. The tiny policy of `course.policy.enumerable` has only
# seven completions, so everything is a sum; one completion carries most of the
# probability. Here it is also the best one, so best-of-n soon writes almost
# nothing else; then the KL is $-\log p$ of that text and cannot grow any more.

# %% id="08-kl-few"
from course.policy.enumerable import TinyPolicy

p = TinyPolicy.random(generator(0)).probabilities().detach()  # (7,)
r_tiny = torch.randn(7, generator=generator(1))  # no two are equal
p = p[r_tiny.argsort()]  # worst first
plateau = float(-p[-1].log())
print(f"the best of the 7 texts: p = {p[-1]:.3f}, -log p = {plateau:.3f} nats")
print(f"best-of-64: {enumerated_kl(p, 64):.3f}, formula {best_of_n_kl(64):.3f}")
lines = {
    "log n": [float(torch.tensor(float(n)).log()) for n in ns],
    "log n − (n − 1)/n": [best_of_n_kl(n) for n in ns],
    "7 texts, enumerated": [enumerated_kl(p, n) for n in ns],
}

# %% id="08-kl-figure"
import matplotlib.pyplot as plt

_, axes = plt.subplots()
for (name, kl), line in zip(lines.items(), (":", "-", "--"), strict=True):
    axes.plot(ns, kl, line, label=name)
axes.plot(
    ns, [enumerated_kl(fine, n) for n in ns], "o", label="20,000 texts, enumerated"
)
axes.set_xscale("log", base=2)
axes.set_xticks(ns, ns)
title = "Exact for many texts, too high where the best text is likely"
alt = """Circles of the enumerated 20,000 texts lie on the line of the formula, up to a
nat below log n; the line of seven texts stays below 0.2 from n = 4 on."""
plots.finish(axes, title, "n (logarithmic)", "KL to the writer (nats)", alt)

# %% id="08-kl-claim" tags=["nbval-check-output"]
every = torch.cartesian_prod(*[torch.arange(7)] * 3)  # all draws of 3 of 7
best_places = every.gather(1, best_of_n(every.float(), generator(0))[:, None])[:, 0]
q = torch.zeros(7, dtype=torch.float64)
q = q.index_add(0, best_places, p[every].prod(1))
off_q = float((q - kept_probability(p, 3)).abs().max())
claim("summing over all 343 draws gives F^n - (F - p)^n", off_q < 1e-12)
gap = max(abs(enumerated_kl(fine, n) - best_of_n_kl(n)) for n in ns)
claim("many texts: the formula to 0.004 nats", gap < 0.004, gap=gap)
below = all(enumerated_kl(p, n) < best_of_n_kl(n) for n in ns[1:])
claim("few texts: the formula is an upper bound", below)
end = enumerated_kl(p, 64)
claim("it ends at -log p of the best text", abs(end - plateau) < 0.01, nats=end)

# %% [markdown] id="08-kl-after"
# ## A common description, examined
#
# > "Best-of-n has a KL of log n."
#
# It is quoted often. What would have to be true? It would be so if every kept
# text carried n times the writer's probability: the policy would sit on the top
# $1/n$ of the texts, with a hard edge. Best-of-n has no such edge, because
# sometimes all n draws are poor. The correction $(n-1)/n$ comes close to one
# nat. The next cell tests both policies on the 20,000 texts.

# %% id="08-examined" tags=["nbval-check-output"]
edge = torch.zeros_like(fine)
edge[-len(fine) // 16 :] = 16 / len(fine)  # only the best sixteenth, evenly
kl_edge = float(torch.xlogy(edge, edge / fine).sum())
log_16 = float(torch.tensor(16.0).log())
hard = abs(kl_edge - log_16) < 1e-3
claim("the policy with the hard edge has KL log n", hard, KL=kl_edge)
kl_16 = enumerated_kl(fine, 16)
claim("best-of-16 lies over 0.9 nats below", kl_16 < log_16 - 0.9, KL=kl_16)
poor = 1 - float(kept_probability(fine, 16)[-len(fine) // 16 :].sum())
claim("about a third of its texts lie below that edge", 0.3 < poor < 0.4, share=poor)

# %% [markdown] id="08-proxies-text"
# ## Proxy and gold: how many texts, how many updates
#
# Now the question that matters: the proxy's score of the kept text rises with
# n. Does the gold score rise with it? That depends on the proxy: on how many
# texts it has seen and on how long it was trained on them. To tell them apart
# we train three kinds, in batches of 16 texts and with the rate of chapter 07:
# on 128 texts that are read twice (16 updates), on the *same* 128 texts read
# eight times (64 updates), and on 1,024 texts read once (64 updates again). One
# proxy proves little, so each kind is trained three times, each time on other
# texts. Beside them stands the checkpoint: 500 texts, and 64 updates at a third
# of the rate.
#
# Another chooser is the **negative control**: it draws its scores at random.
#
# **Predict first.** On the proxy's own scale, which proxy promises the most at n = 64?
# And which delivers the most gold?
#
# <details><summary>Answer</summary>
#
# They promise much the same, about 2: the largest of 64 standardised numbers
# hardly depends on what they mean. So a promise says little about a reward
# model. What is delivered depends on how well the proxy agrees with gold.
#
# </details>

# %% id="08-proxies"
from course.reward.model import from_language_model
from course.reward.training import fit_regression

rows = reviews.load("movies", "train")
all_texts, all_means = rows["text"][:], rows["mean"][:]
taught = {"batch_size": 16, "learning_rate": 1e-3}


def train_proxy(size, epochs, seed):
    """A reward model from `size` training texts."""
    few = torch.randperm(len(rows), generator=generator(seed))[:size].tolist()
    model = from_language_model(writer, generator(seed))
    some, means = [all_texts[i] for i in few], [all_means[i] for i in few]
    options = {"epochs": epochs, "generator": generator(seed)} | taught
    fit_regression(model, tokenizer, some, means, **options)
    return model


# %% id="08-train"
SEEDS = (0, 1, 2)  # all that were tried: of the texts that a proxy sees, their order
kinds = {
    "128 texts, 16 updates": (128, 2),
    "128 texts, 64 updates": (128, 8),
    "1,024 texts, 64 updates": (1024, 1),
}
grown = {
    name: [train_proxy(*kind, seed) for seed in SEEDS] for name, kind in kinds.items()
}
choosers = {
    name: [standardise(score_texts(m, tokenizer, texts)).view(P, N) for m in models]
    for name, models in grown.items()
}

# %% [markdown] id="08-curves-text"
# The [**lexicon**](../GLOSSARY.md#reward), which needs no training, is one more
# chooser: it adds up the valence of known words. (It is no outsider: its words and our
# texts were rated in the same study.)
#
# What should we expect? If proxy and gold were jointly normal *among the candidates of
# one prompt*, gold would rise by a fixed share of what the proxy promises: the slope of
# gold on proxy within a prompt. Differences between prompts do not help, since the
# choice is always among candidates of one prompt. The printed lines put this
# expectation beside what was measured.

# %% id="08-curves"
from course.reward.rules import lexicon_score


def curve(chooser, judge):
    return [float(pool_estimate(chooser, judge, n, generator(0)).mean()) for n in ns]


def slope_within(chooser):
    """Slope of gold on the chooser's score, among candidates of one prompt."""
    inner = chooser - chooser.mean(1, keepdim=True)
    return float((inner * (gold - gold.mean(1, keepdim=True))).sum() / (inner**2).sum())


choosers["the checkpoint"] = [proxy]
choosers["lexicon"] = [standardise(lexicon_score(texts)).view(P, N)]
promised = {name: [curve(s, s) for s in each] for name, each in choosers.items()}
delivered = {name: [curve(s, gold) for s in each] for name, each in choosers.items()}
ceiling = curve(gold, gold)
control = curve(torch.randn(P, N, generator=generator(2)), gold)


# %% id="08-table"
def show(numbers):
    return " ".join(f"{x:+.2f}" for x in numbers).ljust(19)


print(f"{'best-of-64, chosen by':<25}{'promise':<20}{'slope × promise':<20}gold")
for name, each in choosers.items():
    top = [line[-1] for line in promised[name]]
    expected = [slope_within(s) * x for s, x in zip(each, top, strict=True)]
    reached = [line[-1] for line in delivered[name]]
    print(f"{name:<24}", *map(show, (top, expected, reached)))
print(f"{'gold itself':<65}{ceiling[-1]:+.2f}")
print(f"{'a random pick':<65}{control[-1]:+.2f}")

# %% [markdown] id="08-signature-text"
# The signature figure puts the distance on the horizontal axis, as
# $\sqrt{\mathrm{KL}}$: in that unit, [Gao and others
# (2022)](https://arxiv.org/abs/2210.10760) found, the gold curve of best-of-n is close
# to a parabola, $d\,(a - b\,d)$, which turns down far enough out. Whether ours do, you
# see below. The grey band is what the choosers promise, all of them.

# %% id="08-signature"
d = [best_of_n_kl(n) ** 0.5 for n in ns]
_, axes = plt.subplots(figsize=(6.4, 4.2))
every_promise = torch.tensor([line for each in promised.values() for line in each])
low, high = every_promise.amin(0), every_promise.amax(0)
axes.fill_between(d, low, high, color="lightgrey", label="promises of all choosers")
axes.plot(d, ceiling, "k--", label="gold chooses (ceiling)")
for m, (name, lines) in enumerate(delivered.items()):
    lines = torch.tensor(lines)
    bars = torch.stack([lines.mean(0) - lines.amin(0), lines.amax(0) - lines.mean(0)])
    axes.errorbar(
        d, lines.mean(0), bars, marker=plots.MARKERS[m], capsize=2, label=name
    )
axes.plot(d, control, "k:", label="random pick (control)")
title = "Every chooser but gold promises more than gold grants"
alt = """A grey band of promises rises steeply, together with the dashed ceiling. The
gold curves of the choosers fan out below it, with bars from the lowest to the highest
of three draws; that of 1,024 texts is the highest. The dotted control stays near 0."""
plots.finish(
    axes, title, "√KL (√nats), n = 1, 2, 4, … 64", "score of the kept text", alt
)

# %% id="08-curves-claim" tags=["nbval-check-output"]
every = [line for each in promised.values() for line in each]
never = all(c[k] <= c[k + 1] + 1e-5 for c in every for k in range(6))
claim("a chooser's own score never falls with n", never)
gold_64 = {name: [line[-1] for line in lines] for name, lines in delivered.items()}
worst = max(
    reached / line[-1]
    for name, lines in promised.items()
    for reached, line in zip(gold_64[name], lines, strict=True)
)
claim("at n = 64 each delivers under 0.8 of its promise", worst < 0.8, worst=worst)

# %% id="08-ceiling-claim" tags=["nbval-check-output"]
best_gold = max(max(each) for each in gold_64.values())
under = best_gold < ceiling[-1]
claim("none beats gold choosing for itself", under, best=best_gold, gold=ceiling[-1])
flat = abs(control[3])
claim("a random pick wins nothing (n = 8, ± 0.25)", flat < 0.25, gain=control[3])

# %% id="08-texts-claim" tags=["nbval-check-output"]
brief, few, many = (gold_64[name] for name in kinds)
more = sum(many) > sum(few)
claim("same updates: 1,024 texts give more than 128", more, few=few, many=many)
more = sum(few) > sum(brief)
claim("the same 128 texts: more training gives more", more, short=brief, long=few)

# %% [markdown] id="08-always-text"
# Both causes count. Read the two pairs in the table: with the same number of updates
# 1,024 texts give more gold than 128, and with the same 128 texts more training does,
# by the mean of three draws. Whoever plots gold against texts alone, each proxy
# trained as long as it happened to be, measures a mixture. (And the lexicon, which was
# not trained at all, delivers more than the checkpoint.)
#
# Why is a part of every promise not kept? The kept text is kept partly because it is
# good and partly because the proxy is wrong about it, in its favour. This is the
# beginning of [**over-optimisation**](../GLOSSARY.md#reward), and it has two kinds
# ([Manheim and Garrabrant, 2018](https://arxiv.org/abs/1803.04585)):
#
# - **Regressional Goodhart.** The proxy is gold plus noise, and choosing the largest
#   proxy chooses large noise too. This slows the gain and never turns it round: it is
#   the slope in the table, which foresees the gold of the proxies to within about 0.15
#   (and that of the lexicon less well).
# - **Extremal Goodhart.** Far out there are texts about which the proxy is wrong in a
#   way that the pool did not show. Then gold can *fall*.
#
# Up to n = 64 our curves show the first kind. (Where one bends at the end, remember
# that its last point rests on 32 texts.) The second needs a longer way than this
# chapter goes: [chapter 14](14_reward_hacking.ipynb) goes over 100 nats, where a judge
# that counts words falls from its peak in two of three runs. Here only this: it *can*
# happen, and
#
# > "More samples are always better"
#
# is true of the score that chooses (we claimed it) and not of the score that judges.
# One example is enough to see it. Three texts, made up, and a proxy whose favourite is
# an exploit:

# %% id="08-always" tags=["nbval-check-output"]
proxy_says = torch.tensor([1.0, 2.0, 3.0])
gold_says = torch.tensor([5.0, 6.0, 0.0])  # the proxy's favourite is an exploit
fall = [float(pool_estimate(proxy_says, gold_says, n)) for n in (1, 2, 3)]
rise = [float(pool_estimate(proxy_says, proxy_says, n)) for n in (1, 2, 3)]
for n in (1, 2, 3):
    print(f"best of {n}: proxy {rise[n - 1]:.2f}, gold {fall[n - 1]:.2f}")
claim("the proxy's score rises", rise[0] < rise[1] < rise[2])
claim("while the gold score falls", fall[0] > fall[1] > fall[2])

# %% [markdown] id="08-play-text"
# ## Play: move n
#
# One opening of the pool, its 64 candidates in the order in which they were written.
# First the picture by code. **Predict first:** how often will the kept text change on
# the way from n = 1 to n = 64?
#
# <details><summary>Answer</summary>
#
# Candidate n beats all before it with probability 1/n. So the number of changes is
# about 1/2 + 1/3 + … + 1/64, which is less than 4: doubling n buys less than one
# change.
#
# </details>
#
# In the panel, look for an n at which the kept text gets *worse* by gold. The code-only
# line is `show_best_of(texts[64:128], proxy[1], gold[1], ns=(3, 10))`; other rows of
# the pool are other openings.

# %% id="08-play-static"
from course.widgets import show_best_of

show_best_of(texts[:N], proxy[0].tolist(), gold[0].tolist())

# %% id="08-play" tags=["widget"]
from course.widgets import best_of_slider

best_of_slider(texts[:N], proxy[0].tolist(), gold[0].tolist())

# %% id="08-play-changes" tags=["nbval-check-output"]
records = proxy == proxy.cummax(1).values  # a candidate that beats all before it
changes = float(records.sum(1).double().mean()) - 1
expected = sum(1 / n for n in range(2, N + 1))
near = abs(changes - expected) < 1
claim("3.7 changes are expected, within 1", near, counted=changes, theory=expected)

# %% [markdown] id="08-rft-text"
# ## Rejection sampling: put the choice into the weights
#
# Best-of-n pays n texts for each one it shows. [**Rejection-sampling
# fine-tuning**](../GLOSSARY.md#reward) pays once: sample, keep the best of every n, and
# fine-tune the writer on what was kept, as [chapter
# 04](04_supervised_fine_tuning.ipynb) fine-tunes on any text. This is one round of it.
#
# What one run wins depends on luck, in the texts that were picked and in their order.
# So there are three runs, and each deals the candidates of an opening into new groups
# of 8. Of each group a proxy with 1,024 texts keeps one. A text that was cut at 32
# tokens is no candidate, because fine-tuning would teach the writer that it ends
# there. The **control** goes through the same round with texts picked at random.
#
# **Predict first.** Both models are trained on texts that the writer itself wrote. Will
# the control stay where it was, in gold score and in KL?
#
# <details><summary>Answer</summary>
#
# In gold it has little reason to rise. In KL it moves all the same: 256 texts are
# a tiny sample of what the writer can say, and fine-tuning leans towards them and
# towards ending in time. Distance is not improvement.
#
# </details>

# %% id="08-picks"
from course.reward.best_of_n import kept_rows

usable = torch.cat([part.ended for part in rollouts]).cpu()
usable &= torch.tensor([bool(text.strip()) for text in completions])
print(f"{usable.double().mean():.0%} of the pool are whole texts")


# %% id="08-picks-kept"
def picks(scores, run):
    """Rows of the pool that a run keeps: the best usable one of every group of 8."""
    draws = generator(run)
    dealt = [N * k + torch.randperm(N, generator=draws) for k in range(P)]
    order = torch.cat(dealt)  # groups of 8 candidates of one opening
    s = scores.reshape(-1)[order].masked_fill(~usable[order], -99.0)
    rows_kept = order[kept_rows(s, 8, draws)]
    return rows_kept[usable[rows_kept]].tolist()


keeper = "1,024 texts, 64 updates"  # the first of the three
by_proxy, by_chance = choosers[keeper][0], torch.zeros(P, N)
for run in range(3):
    kept_now, at_random = picks(by_proxy, run), picks(by_chance, run)
    means = [float(gold.view(-1)[i].mean()) for i in (kept_now, at_random)]
    print(f"run {run}: {len(kept_now)} texts", end=", ")
    print(f"gold {means[0]:+.2f}, random {means[1]:+.2f}")

# %% id="08-picks-shared"
kept_sets = [set(picks(by_proxy, run)) for run in range(3)]
print(len(set.intersection(*kept_sets)), "texts are picked in all three runs")

# %% id="08-rft"
# seeds tried: those of the three runs
from copy import deepcopy

from course.lm.finetuning import fine_tune


def teach(rows_kept, run):
    """The writer, fine-tuned on these texts of the pool."""
    taught = deepcopy(writer)
    some = [asked[i] for i in rows_kept], [completions[i] for i in rows_kept]
    options = {"steps": 40, "batch_size": 16, "learning_rate": 5e-4}
    fine_tune(taught, tokenizer, *some, generator=generator(run), **options)
    return taught


writers = {"start": [writer] * 3}
for name, s in (("random texts", by_chance), ("rejection sampling", by_proxy)):
    writers[name] = [teach(picks(s, run), run) for run in range(3)]

# %% [markdown] id="08-judge-text"
# The judges: **gold** on 192 openings that were not in the pool; the lexicon; the KL to
# the start; the **surprise** of the writer's own tokens (an estimate of its entropy);
# and the share of different word pairs in all it wrote, for diversity. The start, which
# was not trained, writes three times.

# %% id="08-judge"
from course.policy.kl import kl_seq
from course.reward.rules import distinct_n

fresh = [starts[i] for i in mixed[P : P + 192]]


def judge(model, seed):
    """Gold, lexicon, KL, surprise and distinct word pairs of what the model writes."""
    (out,) = write_all(model, fresh, seed)
    whole = [a + b for a, b in zip(out.prompts, out.completions, strict=True)]
    kl = abs(kl_seq(out.old_logprobs, out.ref_logprobs, out.completion_mask))
    surprise = -out.old_logprobs.sum() / out.completion_mask.sum()
    scores = (out.scores.cpu() - gold_scores.mean()) / gold_scores.std()
    pairs = distinct_n(" ".join(out.completions), 2)
    return torch.tensor(
        [scores.mean(), lexicon_score(whole).mean(), kl, surprise, pairs]
    )


# %% id="08-judge-table"
seen = {}
print(f"{'':<20}gold  lexicon   KL  nats/token  word pairs  gold of each run")
for name, models in writers.items():
    seen[name] = torch.stack([judge(m, 3 + k) for k, m in enumerate(models)])
    g, words, kl, surprise, pairs = seen[name].mean(0).tolist()
    print(
        f"{name:<19}{g:+.2f}  {words:+.3f}  {kl:5.2f}  {surprise:.2f}", end="        "
    )
    print(f"{pairs:.3f}     ", *(f"{x:+.2f}" for x in seen[name][:, 0]))

# %% [markdown] id="08-best-text"
# And best-of-8 by the same proxy, on the *same* openings: eight texts for each, of
# which one is kept. Its KL needs no estimate: the formula gives it, a little too high
# if texts repeat.

# %% id="08-best"
candidates = write_all(writer, [start for start in fresh for _ in range(8)], seed=9)
asked_8 = [a for part in candidates for a in part.prompts]
written = [b for part in candidates for b in part.completions]
whole = [a + b for a, b in zip(asked_8, written, strict=True)]
by_model = score_texts(grown[keeper][0], tokenizer, whole).view(-1, 8)
judged = torch.cat([part.scores for part in candidates]).cpu().view(-1, 8)
judged = (judged - gold_scores.mean()) / gold_scores.std()
chosen = judged.gather(1, best_of_n(by_model, generator(0))[:, None])[:, 0]
best8, best8_error = float(chosen.mean()), float(chosen.std()) / len(chosen) ** 0.5
print(f"best-of-8: gold {best8:+.2f} ± {best8_error:.2f}, KL {best_of_n_kl(8):.2f}")
print(f"all of its candidates: {judged.mean():+.2f}")

# %% id="08-judge-figure"
_, axes = plt.subplots()
for name, marker in zip(seen, "osD", strict=True):
    runs = seen[name]
    axes.plot(runs[:, 2], runs[:, 0], marker, markersize=5, label=name)
point = {"marker": "*", "markersize": 12, "color": "black", "label": "best-of-8"}
axes.errorbar(best_of_n_kl(8), best8, 2 * best8_error, linestyle="", **point)
title = "Best-of-8 gains more with less KL than one round of fine-tuning"
alt = """Three points for each writer, one per run: the start at KL 0, random texts and
rejection sampling far to the right, the latter higher. The star of best-of-8, with an
error bar of two standard errors, stands between them in KL and above them in gold."""
plots.finish(axes, title, "KL to the start (nats per text)", "gold (pool's std)", alt)

# %% id="08-judge-claim" tags=["nbval-check-output"]
start_g, control_g, rft_g = (float(seen[name][:, 0].mean()) for name in seen)
wins = rft_g - control_g
claim("by gold, rejection sampling beats its control by 0.1", wins > 0.1, by=wins)
claim("and, on the mean of three runs, the start", rft_g > start_g, by=rft_g - start_g)
lifted = control_g - start_g
claim("random texts do not lift gold by 0.25", lifted < 0.25, gain=lifted)
kl_control = float(seen["random texts"][:, 2].mean())
claim("yet they move the writer by over a nat", kl_control > 1, KL=kl_control)
kl_rft = float(seen["rejection sampling"][:, 2].mean())
dearer = kl_rft > best_of_n_kl(8)
claim("fine-tuning spends more KL than best-of-8", dearer, KL=kl_rft)
ahead = (best8 - float(judged.mean())) - (rft_g - start_g)
claim("best-of-8 gains more, with less", ahead > 0.2, ahead_by=ahead)

# %% [markdown] id="08-limits"
# Only what lies above the control is due to the choice. And compare with the
# start as well: the control need not stay where the start was, and this page
# does not show why. By gold, on the mean of three runs, rejection sampling ends
# above both; the lexicon sees no gain, and surprise and word pairs hardly move.
# Fine-tuning is the more expensive way in nats: the control, which knows no
# reward, travels nearly as far. But its gain is there for one text each time,
# where best-of-8 writes eight.
#
# ## What was shown, and what was not
#
# Choosing needs no training: the estimator equals brute force, and the KL
# formula equals enumeration where texts do not repeat. A proxy's promise never
# falls with n; at n = 64 ours delivered about half of it at most, and how much
# depends on a proxy's texts *and* on its training; a random pick delivers
# nothing. One round of rejection sampling beats its control, but the control
# travels nearly as far without any reward.
#
# **Limits.** The gold score is itself a model, and the proxies' texts are among
# those it learned from: they may share its mistakes, which would make the gaps
# here too small. One pool, 32 openings: the last points of a curve rest on 32
# texts. Each kind of proxy is three draws of texts. n = 64 is not far: further
# out gold may fall. Half the pool was cut, so fine-tuning saw the best of about
# four whole texts, where best-of-8 chose among eight, whole or cut. The three
# runs of fine-tuning share a pool, a proxy and nearly half of their texts, so
# their spread is too small. Fine-tuning was not tuned, and one round is the
# beginning of a loop.
#
# ## Test yourself
#
# 1. Why is the pool estimate better than writing n texts once?
# 2. Which weight has the worst text of a pool when n = 2?
# 3. When is log n − (n − 1)/n too high, and why never too low?
# 4. Two proxies have the same best-of-64 proxy score. What do you know about them?
# 5. Why does a fine-tuned writer need a control that was fine-tuned as well?
# 6. A colleague plots gold against the number of texts; each proxy was trained for two
#    epochs. What is wrong?
#
# <details><summary>Answers</summary>
#
# 1. It averages over all draws of n from the pool and is as unbiased as one draw.
# 2. 0: of two texts it is never the better one.
# 3. Where draws can repeat, above all where the best text is likely. Counting
#    equal draws as one text can only lose divergence, never add any.
# 4. Little about their worth. On its own scale every proxy promises about the
#    same.
# 5. Fine-tuning on any of its own texts moves the writer, in KL and in how often it
#    ends. Only the difference to the control is due to the choice.
# 6. Two epochs of more texts are more updates. Texts and training move together.
#
# </details>
#
# ## Further reading
#
# - R. Nakano and others, [*WebGPT*](https://arxiv.org/abs/2112.09332), 2021: best-of-n
#   and its estimator.
# - L. Gao, J. Schulman, J. Hilton, [*Scaling Laws for Reward Model
#   Overoptimization*](https://arxiv.org/abs/2210.10760), 2022: gold, proxy and the
#   curves over KL.
# - D. Manheim and S. Garrabrant, [*Categorizing Variants of Goodhart's
#   Law*](https://arxiv.org/abs/1803.04585), 2018.
# - A. Beirami and others, [*Theoretical guarantees on the best-of-n alignment
#   policy*](https://arxiv.org/abs/2401.01879), 2024: the formula is an upper bound.
# - H. Dong and others, [*RAFT*](https://arxiv.org/abs/2304.06767), 2023, and
#   H. Touvron and others, [*Llama 2*](https://arxiv.org/abs/2307.09288), 2023:
#   rejection-sampling fine-tuning.
#
# **Next:** [the exercises](../exercises/08_best_of_n.ipynb); then
# [chapter 09](09_policy_gradients.ipynb) moves the policy itself, by its gradient.
