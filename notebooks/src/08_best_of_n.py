# %% [markdown] id="08-title"
# # 8 · Best-of-n
#
# Write n texts, keep the one that the reward model likes best: no training at all, and
# already the whole drama of optimising a reward.
#
# When you have read this chapter you can:
#
# - re-rank completions with a reward model;
# - estimate the result for every n from one pool of texts, without bias;
# - say how far best-of-n moves from the writer, in nats, and when the formula holds;
# - tell apart what a **proxy** promises and what a **gold** score delivers;
# - fine-tune the writer on the kept texts (**rejection sampling**) and judge what that
#   wins, against a control.

# %% [markdown] id="08-pool-text"
# ## A pool of texts
#
# The writer is the language model of part I. It completes two opening words of a
# review. The reward model of chapter 7 has learned from *all* training ratings: we
# call its score the **gold score** and treat it as the truth. Beside it stands the
# **proxy**, a reward model of the same shape that saw only 500 ratings. The proxy will
# choose, gold will judge.
#
# All of the chapter rests on one **pool**: 64 completions for each of 32 openings,
# written once.

# %% id="08-load"
import torch

from course import checkpoints, claim, plots
from course.data import reviews
from course.recipes import openings
from course.reward.model import score_texts, scorer, standardise
from course.runtime import generator

writer = checkpoints.load("language-model").model
trained = checkpoints.load("reward-model")
gold_model, tokenizer = trained.model, trained.tokenizer
proxy_model = checkpoints.load("reward-proxy").model
for name in ("reward-model", "reward-proxy"):
    r = checkpoints.load(name).metrics["pearson"]
    print(f"{name}: r = {r:.2f} with people on held-out texts")
recipe = checkpoints.recipe("reward-proxy").settings
print("the proxy saw", recipe["ratings"], "ratings:", recipe["train"])

# %% id="08-pool"
from course.policy.rollout import collect

P, N = 32, 64  # prompts, candidates of each
starts = sorted(set(openings(reviews.texts("movies", "test"), 2)))
mixed = torch.randperm(len(starts), generator=generator(0)).tolist()
prompts = [starts[i] for i in mixed[:P]]
asked = [prompt for prompt in prompts for _ in range(N)]
score, draws = scorer(gold_model, tokenizer), generator(1)
parts = [collect(writer, writer, tokenizer, asked[i : i + 512], score,
                 max_new_tokens=32, generator=draws)
         for i in range(0, P * N, 512)]  # fmt: skip
completions = [text for part in parts for text in part.completions]
ended = torch.cat([part.ended for part in parts]).cpu()
texts = [a + b for a, b in zip(asked, completions, strict=True)]
gold_scores = torch.cat([part.scores for part in parts]).cpu()
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
from course.reward.best_of_n import best_of_n

gold = standardise(gold_scores).view(P, N)
proxy = standardise(proxy_scores).view(P, N)
r = proxy[0, :6]
k = r.argmax()  # the one line
for i in range(6):
    mark = "keep" if i == k else "    "
    print(f"{mark} proxy {r[i]:+.2f}  gold {gold[0, i]:+.2f}  {texts[i][:60]}")

# %% id="08-choice-claim" tags=["nbval-check-output"]
claim("the course's function keeps the same", best_of_n(r, generator(0)) == k)
kept = best_of_n(proxy[:, :8], generator(0))  # (prompts,), of the first 8
best_proxy = proxy[torch.arange(P), kept]
claim("no other of the 8 candidates has a higher proxy score",
      (best_proxy[:, None] >= proxy[:, :8]).all())  # fmt: skip

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
# This is unbiased for every $n \le N$ (Nakano and others, 2021). To believe it, draw
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
    N = len(gold)
    w = torch.tensor([comb(i - 1, n - 1) / comb(N, n) for i in range(1, N + 1)])
    return (w * gold[proxy.argsort()]).sum()


few_p, few_g = proxy[0, :8], gold[0, :8]
drawn = [few_g[max(d, key=lambda i: few_p[i])]
         for d in combinations(range(8), 3)]  # fmt: skip
print("ways to draw 3 of 8:", len(drawn))
by_formula, by_force = estimate(few_p, few_g, 3), torch.stack(drawn).mean()
claim("the formula equals brute force", (by_formula - by_force).abs() < 1e-5)
claim("the course's function agrees", (
    pool_estimate(few_p, few_g, 3, generator(0)) - by_force).abs() < 1e-5)  # fmt: skip

# %% id="08-ends" tags=["nbval-check-output"]
one, all_of_it = (pool_estimate(proxy, gold, n, generator(0)) for n in (1, N))
top = gold.gather(1, proxy.argmax(1, keepdim=True))[:, 0]
claim("n = 1 is the mean of each pool", (one - gold.mean(1)).abs().max() < 1e-4)
claim("n = N is the gold score of the proxy's best", (
    all_of_it - top).abs().max() < 1e-4)  # fmt: skip
claim("with the proxy as its own judge, n = N is the maximum", (pool_estimate(
    proxy, proxy, N, generator(0)) - proxy.amax(1)).abs().max() < 1e-4)  # fmt: skip

# %% [markdown] id="08-kl-text"
# ## What it costs: distance in nats
#
# Best-of-n is a new policy. It writes only what the writer writes, but with other
# frequencies. The **KL divergence** between the two says how far it has moved. Rank
# all texts of the writer by score, and let $u$ be the probability of drawing a worse
# one. For one draw $u$ is uniform; for the best of $n$ its density is $n u^{n-1}$. So
#
# $$ \mathrm{KL} = \int_0^1 n u^{n-1} \log(n u^{n-1}) \, du
#    = \log n - \frac{n-1}{n}. $$
#
# The derivation assumes that $u$ is continuous, which means no ties: every draw is a
# new text with a score of its own. Let us see what happens where that is false. The
# tiny policy of `course.policy.enumerable` has only seven completions, so everything is
# a sum. With $F$ the probability of a text or any worse one, and $p$ its own,
#
# $$ P(\text{kept}) = F^n - (F - p)^n. $$

# %% id="08-kl"
from course.policy.enumerable import TinyPolicy
from course.reward.best_of_n import best_of_n_kl

p = TinyPolicy.random(generator(0)).probabilities().detach()  # (7,)
r_tiny = torch.randn(7, generator=generator(1))  # no two are equal


def kept_probability(p, n):
    """p: probabilities of the texts, worst first."""
    F = p.cumsum(0)
    return F**n - (F - p).clamp(min=0) ** n


def enumerated_kl(p, n):
    q = kept_probability(p, n)
    return float(torch.xlogy(q, q / p).sum())


p = p[r_tiny.argsort()]  # worst first
ns = [2**i for i in range(7)]
fine = torch.full((20_000,), 1 / 20_000, dtype=torch.float64)
lines = {
    "log n": [float(torch.tensor(float(n)).log()) for n in ns],
    "log n − (n − 1)/n": [best_of_n_kl(n) for n in ns],
    "20,000 texts, enumerated": [enumerated_kl(fine, n) for n in ns],
    "7 texts, enumerated": [enumerated_kl(p, n) for n in ns],
}
plots.curves({name: (range(len(ns)), kl) for name, kl in lines.items()},
             title="The formula is exact for many texts, too high for few",
             x="log₂ n, doublings of n", y="KL to the writer (nats)")  # fmt: skip

# %% id="08-kl-claim" tags=["nbval-check-output"]
every = torch.cartesian_prod(*[torch.arange(7)] * 3)  # all draws of 3 of 7
kept = every.gather(1, best_of_n(every.float(), generator(0))[:, None])[:, 0]
q = torch.zeros(7, dtype=torch.float64).index_add(0, kept, p[every].prod(1))
print("ordered draws of 3 from 7 texts:", len(every))
claim("summing over every draw gives F^n - (F - p)^n",
      (q - kept_probability(p, 3)).abs().max() < 1e-12)  # fmt: skip
gaps = [abs(enumerated_kl(fine, n) - best_of_n_kl(n)) for n in ns]
claim("many texts: enumeration equals the formula to 0.004 nats", max(gaps) < 0.004)
claim("few texts: the formula is an upper bound", all(
    enumerated_kl(p, n) < best_of_n_kl(n) for n in ns[1:]))  # fmt: skip
claim("and can be far too high: by more than a nat at n = 64",
      enumerated_kl(p, 64) < best_of_n_kl(64) - 1)  # fmt: skip

# %% [markdown] id="08-kl-after"
# *The figure: four rising lines. The formula lies under log n and coincides with the
# enumeration of 20,000 texts; the line of seven texts flattens out below, where
# best-of-n always writes the same text.*
#
# ## A common description, examined
#
# > "Best-of-n has a KL of log n."
#
# It is quoted often. What would have to be true? KL = log n means that the kept texts
# carry n times the writer's probability: the policy would sit on the top $1/n$ of the
# texts, with a hard edge. Best-of-n has no such edge, because sometimes all n draws are
# poor. The correction $(n-1)/n$ is up to one whole nat. The next cell tests both
# policies on the 20,000 texts.

# %% id="08-examined" tags=["nbval-check-output"]
n = 16
edge = torch.zeros_like(fine)
edge[-len(fine) // n :] = n / len(fine)  # only the best sixteenth, evenly
kl_edge = float(torch.xlogy(edge, edge / fine).sum())
log_n = float(torch.tensor(float(n)).log())
claim("the policy with the hard edge has KL log n", abs(kl_edge - log_n) < 1e-3)
claim("best-of-16 lies more than 0.9 nats below it",
      enumerated_kl(fine, n) < log_n - 0.9)  # fmt: skip
below = 1 - float(kept_probability(fine, n)[-len(fine) // n :].sum())
claim("best-of-16 keeps a text from below that edge in a third of all cases",
      0.3 < below < 0.4, share=below)  # fmt: skip

# %% [markdown] id="08-proxies-text"
# ## Proxy and gold
#
# Now the question that matters: the proxy's score of the kept text rises with n. Does
# the gold score rise with it? We train two more proxies, from 125 and from 2,000
# ratings, and let each choose from the same pool. The small ones read a text more
# often: 125 texts eight times, 500 twice, 2,000 once.
#
# A fourth chooser is the **negative control**: it draws its scores at random.
#
# **Predict first.** On the proxy's own scale, which proxy promises the most at n = 64?
# And which delivers the most gold?
#
# <details><summary>Answer</summary>
#
# They promise almost the same: the largest of 64 standardised numbers is about the same
# whatever they mean. Promises tell you nothing about a reward model. What is delivered
# hangs on how well the proxy agrees with gold.
#
# </details>

# %% id="08-proxies"
# seeds tried: 0, 1, 2 for the 500 ratings of the recipe, 0 for the others
from course.reward.model import from_language_model
from course.reward.training import fit_regression

rows = reviews.load("movies", "train")
all_texts, all_means = rows["text"][:], rows["mean"][:]
choosers = {}
for size, epochs in ((125, 8), (2000, 1)):
    few = torch.randperm(len(rows), generator=generator(0))[:size].tolist()
    model = from_language_model(writer, generator(0))
    fit_regression(model, tokenizer, [all_texts[i] for i in few],
                   [all_means[i] for i in few], generator=generator(0),
                   **recipe["train"] | {"epochs": epochs})  # fmt: skip
    s = score_texts(model, tokenizer, texts)
    choosers[f"{size} ratings"] = standardise(s).view(P, N)
    if size == 125:
        choosers["500 ratings"] = proxy  # the checkpoint

# %% id="08-curves"
from course.reward.metrics import pearson


def curve(chooser, judge):
    return [float(pool_estimate(chooser, judge, n, generator(0)).mean()) for n in ns]


random_pick = torch.randn(P, N, generator=generator(2))
promised = {name: curve(c, c) for name, c in choosers.items()}
delivered = {name: curve(c, gold) for name, c in choosers.items()}
ceiling, control = curve(gold, gold), curve(random_pick, gold)
for name, c in choosers.items():
    r = pearson(c.flatten(), gold.flatten())
    most = ns[delivered[name].index(max(delivered[name]))]
    print(f"{name:<12} r with gold {r:.2f}; best-of-{N} promises "
          f"{promised[name][-1]:+.2f}, r × promise {r * promised[name][-1]:+.2f}, "
          f"gold {delivered[name][-1]:+.2f}; most gold at n = {most}")  # fmt: skip
print(f"gold chooses {ceiling[-1]:+.2f}; a random pick at n = 8 {control[3]:+.2f}")

# %% [markdown] id="08-signature-text"
# The signature figure puts the distance on the horizontal axis, as
# $\sqrt{\mathrm{KL}}$: in that unit, Gao and others (2022) found, the gold curve of
# best-of-n is close to a parabola, $d\,(a - b\,d)$: first it rises, and far enough out
# it turns down.

# %% id="08-signature"
import matplotlib.pyplot as plt

d = [best_of_n_kl(n) ** 0.5 for n in ns]
_, axes = plt.subplots(figsize=(6.4, 4.2))
for m, name in enumerate(choosers):
    axes.plot(d, promised[name], ":", color=plots.COLOURS[m])
    axes.plot(d, delivered[name], "-", color=plots.COLOURS[m],
              marker=plots.MARKERS[m], label=f"{name}: gold")  # fmt: skip
axes.plot(d, ceiling, "--", color="black", label="gold chooses (ceiling)")
axes.plot(d, control, "-", color="grey", label="random pick (control)")
axes.plot([], [], ":", color="black", label="dotted: the proxy's own score")
worst = max(delivered[k][-1] / promised[k][-1] for k in choosers)
title = ("Every proxy promises more than gold delivers" if worst < 0.8
         else "The best proxy delivers most of what it promises")  # fmt: skip
plots.finish(axes, title, "√KL (√nats), for n = 1, 2, 4, … 64",
             "score of the kept text (pool: mean 0, sd 1)")  # fmt: skip

# %% id="08-curves-claim" tags=["nbval-check-output"]
claim("the proxy's own score never falls with n", all(
    a <= b + 1e-5 for c in promised.values()
    for a, b in zip(c, c[1:], strict=False)))  # fmt: skip
claim("all three promise nearly the same: within 0.6 at n = 64",
      max(c[-1] for c in promised.values())
      - min(c[-1] for c in promised.values()) < 0.6)  # fmt: skip
claim("every proxy delivers less than 0.8 of its promise", worst < 0.8, worst=worst)
claim("no proxy beats gold choosing for itself",
      max(c[-1] for c in delivered.values()) < ceiling[-1])  # fmt: skip
claim("2,000 ratings deliver at least 0.3 at n = 64",
      delivered["2000 ratings"][-1] > 0.3)  # fmt: skip
claim("control: a random pick wins nothing (n = 8, within 0.25)",
      abs(control[3]) < 0.25, gain=control[3])  # fmt: skip

# %% [markdown] id="08-always-text"
# *The figure: the three dotted lines lie close together and rise steeply; the three
# solid gold lines rise more slowly; the dashed ceiling is on top of the gold lines, the
# grey control stays near 0.*
#
# The gap between a dotted and a solid line of one colour is the beginning of
# **over-optimisation**: the kept text is kept partly because it is good and partly
# because the proxy is wrong about it. If the two scores were jointly normal, gold would
# deliver exactly $r$ times the promise, with $r$ their correlation; the printed lines
# put that beside what was measured. That kind of gap only slows the gain. The worse
# kind, where gold *falls*, needs texts about which the proxy is very wrong. The
# printed lines also say at which n each gold curve was highest: one that peaks before
# n = 64 would have turned down. With 32 prompts the last points are noisy, and a small
# downturn there may be chance.
#
# > "More samples are always better."
#
# By the score that chooses: yes, always, we claimed it. By the score that judges: no.
# One example is enough. Three texts, and a proxy that likes the middling one a little
# too much:

# %% id="08-always" tags=["nbval-check-output"]
proxy_says = torch.tensor([1.0, 2.0, 3.0])
gold_says = torch.tensor([5.0, 6.0, 0.0])  # the proxy's favourite is an exploit
fall = [float(pool_estimate(proxy_says, gold_says, n)) for n in (1, 2, 3)]
rise = [float(pool_estimate(proxy_says, proxy_says, n)) for n in (1, 2, 3)]
for n, a, b in zip((1, 2, 3), rise, fall, strict=True):
    print(f"best of {n}: proxy {a:.2f}, gold {b:.2f}")
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

# %% [markdown] id="08-rft-text"
# ## Rejection sampling: put the choice into the weights
#
# Best-of-n pays n texts for each one it shows. **Rejection-sampling fine-tuning** pays
# once: sample, keep the best of every n, and fine-tune the writer on what was kept, as
# chapter 4 fine-tunes on any text. This is one round of it.
#
# The pool gives groups of 8 candidates of one opening. Of each group, the proxy with
# 2,000 ratings keeps one. A text that was cut at 32 tokens is not used, because
# fine-tuning would teach the writer that it ends there. The **control** goes
# through the same round with texts picked at random. What one run wins hangs on luck,
# in the texts picked and in their order, so each of the two is run three times.
#
# **Predict first.** Both writers are trained on their own model's texts. Will the
# control stay where it was, in gold score and in KL?
#
# <details><summary>Answer</summary>
#
# In gold it has no reason to rise. In KL it moves all the same: a hundred-odd texts are
# a tiny sample of what the writer can say, and fine-tuning leans towards them and
# towards ending in time. Distance is not improvement.
#
# </details>

# %% id="08-rft"
# seeds tried: those of the three runs
from copy import deepcopy

from course.lm.finetuning import fine_tune
from course.reward.best_of_n import kept_rows

n, control_name = 8, "random texts (control)"
writers = {"start": [writer] * 3, control_name: [], "rejection sampling": []}
for run in range(3):
    picks = {control_name: torch.randn(P, N, generator=generator(2 + run)),
             "rejection sampling": choosers["2000 ratings"]}  # fmt: skip
    for name, s in picks.items():
        best = s.view(-1, n).argmax(1)  # (groups,), places inside each group
        keep = torch.arange(len(best)) * n + best  # rows of the pool
        assert torch.equal(keep, kept_rows(s.flatten(), n))
        keep = [i for i in keep.tolist() if ended[i] and completions[i].strip()]
        mean = gold.flatten()[keep].mean()
        print(f"run {run}, {name}: {len(keep)} texts, mean gold {mean:+.2f}")
        taught = deepcopy(writer)
        fine_tune(taught, tokenizer, [asked[i] for i in keep],
                  [completions[i] for i in keep], steps=40, batch_size=16,
                  learning_rate=5e-4, generator=generator(run))  # fmt: skip
        writers[name].append(taught)

# %% [markdown] id="08-judge-text"
# The judges: **gold** on 256 openings that were not in the pool; the **lexicon** of
# chapter 7, which shares nothing with the reward models; the KL to the start;
# the **surprise** of its own tokens (an estimate of its entropy); and the share of
# different word pairs in all it wrote, for diversity. Every number is the mean of three
# runs; the start, which was not trained, writes three times.

# %% id="08-judge"
from course.policy.kl import kl_seq
from course.reward.rules import distinct_n, lexicon_score

fresh = [starts[i] for i in mixed[P : P + 256]]


def judge(model, seed):
    """Gold, lexicon, KL, surprise and distinct word pairs of what the model writes."""
    out = collect(model, writer, tokenizer, fresh, score, max_new_tokens=32,
                  generator=generator(seed))  # fmt: skip
    whole = [a + b for a, b in zip(out.prompts, out.completions, strict=True)]
    return torch.tensor([
        ((out.scores.cpu() - gold_scores.mean()) / gold_scores.std()).mean(),
        lexicon_score(whole).mean(),
        abs(kl_seq(out.old_logprobs, out.ref_logprobs, out.completion_mask)),
        -out.old_logprobs.sum() / out.completion_mask.sum(),
        distinct_n(" ".join(out.completions), 2),
    ])  # fmt: skip


seen = {}
print(f"{'':<23}gold  lexicon  KL    nats/token  word pairs   gold of each run")
for name, models in writers.items():
    runs = torch.stack([judge(model, 3 + k) for k, model in enumerate(models)])
    g, words, kl, surprise, pairs = runs.mean(0).tolist()
    seen[name] = (g, kl)
    print(f"{name:<23}{g:+.2f}  {words:+.3f}  {kl:5.2f}  {surprise:.2f}        "
          f"{pairs:.3f}      ", *(f"{x:+.2f}" for x in runs[:, 0]))  # fmt: skip
best8 = delivered["2000 ratings"][3]
print(f"{'best-of-8, by formula':<23}{best8:+.2f}  (on the pool){best_of_n_kl(8):5.2f}")

# %% id="08-judge-figure"
gain = {name: (g - seen["start"][0], kl) for name, (g, kl) in seen.items()}
gain["best-of-8"] = (best8, best_of_n_kl(8))  # over the pool's mean, 0
_, axes = plt.subplots()
for m, (name, (g, kl)) in enumerate(gain.items()):
    axes.plot(kl, g, plots.MARKERS[m], color=plots.COLOURS[m], label=name,
              markersize=9)  # fmt: skip
cheaper = best_of_n_kl(8) < gain["rejection sampling"][1]
more = best8 > gain["rejection sampling"][0]
title = "One round of fine-tuning beside best-of-8"
if cheaper and more:
    title = "Best-of-8 wins more with less KL than one round of fine-tuning"
plots.finish(axes, title, "KL to the start (nats per text)",
             "gold gained over the start")  # fmt: skip

# %% id="08-judge-claim" tags=["nbval-check-output"]
start, control_g, rft = (seen[k][0] for k in writers)  # in order of training
claim("rejection sampling lifts gold above the control by 0.05",
      rft > control_g + 0.05, rft=rft, control=control_g)  # fmt: skip
claim("control: random texts lift gold by less than 0.2 above the start",
      control_g < start + 0.2, start=start, control=control_g)  # fmt: skip
claim("yet the control moved by more than a nat",
      seen[control_name][1] > 1)  # fmt: skip
claim("fine-tuning spends more KL than best-of-8 would",
      seen["rejection sampling"][1] > best_of_n_kl(8))  # fmt: skip

# %% [markdown] id="08-limits"
# *The figure: four points. The start lies at KL 0 and gain 0; the control far to the
# right at about the same height; rejection sampling far to the right and above the
# control; best-of-8 nearer to the left.*
#
# The control gains a little, too: whatever the reason, only what lies above it is due
# to the choice. Fine-tuning is the dearer way in nats: most of its distance is what
# the control travels too. But its gain is there for one text each time, where
# best-of-8 writes eight. (The two gains come from different openings, so compare them
# roughly.)
#
# ## What was shown, and what not
#
# Choosing needs no training: the estimator equals brute force, and the KL formula
# equals enumeration where texts do not repeat. A proxy always promises more with larger
# n and delivers less than it promises; a random pick delivers nothing. One round of
# rejection sampling beats its control, and the control shows that much of the distance
# it travels has nothing to do with the reward.
#
# **Limits.** The gold score is itself a model, and the proxies' ratings are among those
# it learned from: they share its mistakes, so the gaps here are too small rather than
# too large. One pool, 32 openings: the last points of a curve rest on 32 texts. n = 64
# is not far: papers see gold fall only at a larger distance. Fine-tuning was not
# tuned, and one round is the beginning of a loop. What it wins varies with the seed:
# when this chapter was written, three seeds of the fine-tuning all led their controls,
# one of them only just.
#
# ## Test yourself
#
# 1. Why is the pool estimate better than writing n texts once?
# 2. Which weight has the worst text of a pool when n = 2?
# 3. When is log n − (n − 1)/n too high, and why never too low?
# 4. Two proxies have the same best-of-64 proxy score. What do you know about them?
# 5. Why does a fine-tuned writer need a control that was fine-tuned as well?
#
# ## Read on
#
# - R. Nakano and others, *WebGPT*, 2021, arXiv:2112.09332: best-of-n and its estimator.
# - L. Gao, J. Schulman, J. Hilton, *Scaling Laws for Reward Model Overoptimization*,
#   2022, arXiv:2210.10760: gold, proxy and the curves over KL.
# - A. Beirami and others, *Theoretical guarantees on the best-of-n alignment policy*,
#   2024, arXiv:2401.01879: the formula is an upper bound.
# - H. Dong and others, *RAFT*, 2023, arXiv:2304.06767, and H. Touvron and others,
#   *Llama 2*, 2023, arXiv:2307.09288: rejection-sampling fine-tuning.
#
# **Next:** the exercises in `exercises/08_best_of_n.ipynb`; then chapter 09 moves the
# policy itself, by its gradient.
