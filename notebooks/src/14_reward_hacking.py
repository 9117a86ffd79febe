# %% [markdown] id="14-title"
# # 14 · Reward hacking
#
# A policy that climbs a reward model finds what the reward model likes, not what you
# wanted. This chapter lets three policies climb as far as they can, and asks judges who
# had no part in it what they see.
#
# When you have read it you can:
#
# - measure over-optimisation: a proxy, a judge of its own family and two outside judges
#   over the distance from the start;
# - say why a judge of the same family is no judge;
# - fit the curves, and say what the fit can promise and what it cannot;
# - compare a leash with stopping in time, at equal KL *and* at equal proxy;
# - build alarms, and count their false alarms;
# - test a remedy (an ensemble, an adversarial round) against its control;
# - audit a reward model for names and groups, length and position.

# %% [markdown] id="14-setting-text"
# ## The players
#
# - The **start** is a writer that ends its texts: the language model, fine-tuned for 60
#   steps on short reviews. It is also the reference from which KL is counted.
# - The [**proxy**](../GLOSSARY.md#reward) is the reward that the policy climbs: a
#   reward model that saw 500 texts. There are three, from three draws of texts.
# - **Family** is the reward model of [chapter 07](07_reward_model.ipynb), trained on
#   all ratings. It has the proxy's architecture and grew from the same language model.
# - **Words** is an outside judge: a [ridge regression](../GLOSSARY.md#reward) on which
#   words and word pairs a text has. No network, no language model.
# - **SmolLM2** is the other: a ridge regression on the states of a model seventy times
#   the size, which has read the web and never our policies.
#
# **Predict first.** All of them agree with people to some degree. On the texts of the
# writer, which judge will agree most with the proxy?
#
# <details><summary>Answer</summary>
#
# Not the one that agrees most with people (SmolLM2), but the family's: about .5 on the
# mean of three proxies, against about .4 with the outside judges. (Kinship need not be
# the only cause: it was trained on ratings of the same kind.)
#
# </details>

# %% id="14-judges"
import torch

from course import checkpoints, claim, plots
from course.lm.sampling import write
from course.recipes.judges import smollm2_score
from course.reward.metrics import pearson
from course.reward.model import score_texts, standardise
from course.runtime import generator
from course.score import whole_texts

start = checkpoints.load("writer-ends")
tokenizer = start.tokenizer
proxies = [checkpoints.load(f"proxy-ends-{seed}").model for seed in range(3)]
family = checkpoints.load("reward-model").model
words = checkpoints.load("judge-words").model
smollm2 = smollm2_score(checkpoints.load("judge-smollm2").model)

# %% id="14-people"
kept = {name: checkpoints.load(name).metrics["pearson"] for name in
        ("proxy-ends-0", "proxy-ends-1", "proxy-ends-2", "reward-model",
         "judge-words", "judge-smollm2")}  # fmt: skip
for name, r_people in kept.items():
    print(f"{name:<14} r = {r_people:.2f} with people, on texts that it did not see")

# %% id="14-pool"
from course.data import reviews
from course.recipes import openings

every_opening = openings(reviews.texts("movies", "validation"), 2)
asked = [opening for opening in every_opening[:32] for _ in range(16)]
options = {"max_new_tokens": 32, "generator": generator(0)}
pool = whole_texts(asked, write(start.model, tokenizer, asked, **options))
said = {f"proxy {n}": score_texts(m, tokenizer, pool) for n, m in enumerate(proxies)}
said["family"] = score_texts(family, tokenizer, pool)
said["words"] = words(pool)
said["SmolLM2"] = smollm2(pool)
scale = {name: (s.mean(), s.std(correction=0)) for name, s in said.items()}
said = {name: standardise(s) for name, s in said.items()}

# %% id="14-agree"
print(f"{len(pool)} texts of the start; r between judges:")
print(f"{'':<9}" + "".join(f"{name:>9}" for name in said))
agree = {}
for a in said:
    agree[a] = [pearson(said[a], said[b]) for b in said]
    print(f"{a:<9}" + "".join(f"{r:9.2f}" for r in agree[a]))
inside = sum(agree[f"proxy {n}"][3] for n in range(3)) / 3
outside = sum(agree[f"proxy {n}"][k] for n in range(3) for k in (4, 5)) / 6
print(f"proxy with family {inside:.2f}, with outside judges {outside:.2f}")

# %% id="14-agree-claim" tags=["nbval-check-output"]
claim("the proxies agree more with the family's judge than with outside judges",
      inside > outside, family=inside, outside=outside)  # fmt: skip

# %% [markdown] id="14-run-text"
# ## Sixty steps without a leash
#
# Each policy climbs its proxy with RLOO ([chapter 11](11_grpo.ipynb)): 8 openings of 4
# texts a step, no KL in the reward, 60 steps. The recipe keeps what every step wrote,
# so every judge can be asked about the whole way. The step is the one you know:
#
# ```python
# for step in range(60):
#     rollout = collect(policy, start, tokenizer, eight_openings_four_times, proxy)
#     rloo_step(policy, optimizer, rollout, group_size=4, beta=0.0)
# ```
#
# **Predict first.** Where do the four curves end, against where they began: the proxy,
# family, words and SmolLM2?
#
# <details><summary>Answer</summary>
#
# The proxy rises to the end; that is what it is climbed for. The family's judge rises
# with it. The words judge rises as well, in one run twice as far as the proxy; but in
# two of the three runs it peaks and falls. One of these ends where it began. The other
# loses most of its gain, then comes back towards the start, and has half of its peak
# again when the run ends. SmolLM2 rises by one to two deviations and then stays: it is
# not fooled as far, and it does not see the fall.
#
# </details>

# %% id="14-load"
SEEDS = (0, 1, 2)
hacked = [checkpoints.load(f"hacked-{seed}") for seed in SEEDS]
leashed = [checkpoints.load(f"leashed-{seed}") for seed in SEEDS]
NAMES = {"proxy": "score/mean", "family": "judge/family", "words": "judge/words"}
KL = [run.history["kl_seq"] for run in hacked]
print("seed  what     start   end    (mean of the first 3 and the last 5 steps)")
ends = {name: [] for name in NAMES}
for seed, run in enumerate(hacked):
    for name, metric in NAMES.items():
        line = run.history[metric]
        begun, ended_at = sum(line[:3]) / 3, sum(line[-5:]) / 5
        ends[name].append(ended_at)
        print(f"{seed:>4}  {name:<8} {begun:+.2f}  {ended_at:+.2f}")
    print(f"      KL at the end: {sum(KL[seed][-5:]) / 5:.0f} nats a text")

# %% id="14-smollm2"
POINTS = (0, 8, 16, 24, 32, 40, 48, 59)
centre, spread = scale["SmolLM2"]
seen_by_smollm2 = []
for run in hacked:
    texts = [run.history.rows[step]["texts"] for step in POINTS]
    scores = (smollm2([t for some in texts for t in some]) - centre) / spread
    seen_by_smollm2.append(scores.view(len(POINTS), -1).mean(1).tolist())
for seed, line in enumerate(seen_by_smollm2):
    print(f"seed {seed}, SmolLM2 at steps {POINTS[0]} to {POINTS[-1]}:",
          *(f"{x:+.2f}" for x in line))  # fmt: skip

# %% [markdown] id="14-signature-text"
# The signature figure. The horizontal axis is $d = \sqrt{\mathrm{KL}}$, the distance
# from the start; the unit of the vertical axis is one standard deviation of the start's
# texts. A point of SmolLM2 is the mean of 32 texts, with a standard error of about 0.2.

# %% id="14-signature"
import matplotlib.pyplot as plt


def smooth(line, width=5):
    """Mean of each value with its neighbours, `width` values at most."""
    half = width // 2
    parts = [line[max(0, n - half) : n + half + 1] for n in range(len(line))]
    return [sum(part) / len(part) for part in parts]


# %% id="14-signature-b"
_, panels = plt.subplots(1, 3, figsize=(9, 3.4), sharey=True)
for seed, axes in enumerate(panels):
    d = [max(nats, 0) ** 0.5 for nats in smooth(KL[seed])]
    for (name, metric), style in zip(NAMES.items(), ("--", ":", "-"), strict=True):
        axes.plot(d, smooth(hacked[seed].history[metric]), style, label=name)
    axes.plot([d[s] for s in POINTS], seen_by_smollm2[seed], "s", label="SmolLM2")
    axes.set_title(f"run {seed}")
    axes.set_xlabel("√KL (√nats)")
panels[0].set_ylabel("score (sd of the start's texts)")
panels[0].legend()
title = "The proxy and its family rise together; the words judge turns in two of three"
panels[0].figure.suptitle(title, x=0.02, ha="left")
alt = """Three panels, one for each run, over the root of the KL. In each the dashed
proxy and the dotted family rise together. The solid line of the words judge rises,
turns and falls in the first two panels and rises to the end in the third."""
plots.show(alt)

# %% [markdown] id="14-bins-text"
# The runs take different ways through the same distances, so compare them by KL. The
# bins were fixed before anybody looked for a peak.

# %% id="14-bins"
from course.reward.overoptimisation import by_kl

EDGES = (2, 5, 10, 20, 40, 80, 160)
bins = [by_kl(smooth(KL[s], 3), hacked[s].history["judge/words"], EDGES) for s in SEEDS]
print("words judge by KL:  < 2    2–5   5–10  10–20  20–40  40–80 80–160  > 160")
for seed, line in enumerate(bins):
    print(f"run {seed}            " + "".join(f"{x:+7.2f}" for x in line))
mean_bins = torch.tensor(bins).nanmean(0)
print("mean             " + "".join(f"{x:+7.2f}" for x in mean_bins))
tops = [max(x for x in line if x == x) for line in bins]
lasts = [[x for x in line if x == x][-1] for line in bins]

# %% id="14-run-claim" tags=["nbval-check-output"]
# seeds tried: 0, 1, 2, each with its own proxy
claim("each proxy ends above +1.8", min(ends["proxy"]) > 1.8, lowest=min(ends["proxy"]))
claim("the family's judge is fooled with it: above +1.2 in 3 of 3",
      min(ends["family"]) > 1.2, lowest=min(ends["family"]))  # fmt: skip
far = min(sum(line[-5:]) / 5 for line in KL)
claim("each run ends over 100 nats from its start", far > 100, nearest=far)
rises = [top - line[0] for top, line in zip(tops, bins, strict=True)]
claim("the words judge rises by over 1 on its way in 3 of 3", min(rises) > 1,
      least=min(rises))  # fmt: skip
falls = [top - last for top, last in zip(tops, lasts, strict=True)]
fallen = sum(fall > 1 for fall in falls)
claim("and falls by over 1 from its peak in 2 of 3 at least",
      fallen >= 2, falls=falls)  # fmt: skip

# %% [markdown] id="14-texts-text"
# Three texts of each run: at the start, where the words judge was happiest, and at the
# end, with the proxy's score.

# %% id="14-texts"
for seed, run in enumerate(hacked):
    judged = smooth(run.history["judge/words"])
    happiest = max(range(len(judged)), key=lambda n: judged[n])
    for step in (0, happiest, 59):
        text = run.history.rows[step]["texts"][0]
        value = float(score_texts(proxies[seed], tokenizer, [text])[0])
        print(f"run {seed}, step {step:>2}, proxy {value:+.1f}: {text[:75]}")

# %% [markdown] id="14-kinds-text"
# Read the last line of each run, also of run 2, which the words judge still liked: it
# counts words that people rate highly, and the text is full of them. You would hardly
# rate such a text highly; a judge with the same architecture and the same upbringing
# does. *Agreement within the family is no evidence.* Two kinds of Goodhart's
# law ([Manheim and Garrabrant, 2018](https://arxiv.org/abs/1803.04585)) work here:
#
# - **regressional**: the proxy is truth plus error, and climbing selects for error too.
#   Where truth and error are normal, this slows the gain and never turns it round;
# - **extremal**: far from the texts that the proxy learned from, the relation between
#   proxy and truth is another one. Two of our curves turn, which normal errors alone
#   cannot do.
#
# People also tell apart *how* a policy cheats: **gaming** (it does what the reward
# asks, which was the wrong thing to ask), **tampering with the function** (it changes
# the scorer) and **tampering with the input** (it changes what the scorer sees). All
# runs of this chapter are gaming. A crash that pays, further below, is nearest to the
# third kind: it leaves nothing to see.
#
# ## What the writer unlearned
#
# The start ended its texts within 32 tokens. Nobody rewards that, and nobody kept it.


# %% id="14-ended" tags=["nbval-check-output"]
def mean_of(line):
    return sum(line) / len(line)


begun = [mean_of(run.history["ended"][:3]) for run in hacked]
free_end = [mean_of(run.history["ended"][-5:]) for run in hacked]
claim("over 85 % of the start's texts end in time, 3 of 3", min(begun) > 0.85,
      least=min(begun))  # fmt: skip
claim("at the end of the free runs under 10 % do, 3 of 3", max(free_end) < 0.1,
      most=max(free_end))  # fmt: skip

# %% [markdown] id="14-fit-text"
# ## Can the peak be foretold?
#
# [Gao and others (2022)](https://arxiv.org/abs/2210.10760) fitted gold curves over
# $d = \sqrt{\mathrm{KL}}$ with a start and two numbers more:
#
# $$ \text{best-of-}n:\; d\,(a - b\,d), \qquad \text{RL}:\; d\,(a - b \ln d). $$
#
# If the form were known, a few points at a small distance would foretell the peak, and
# you could stop there. Here are both, and a straight line, on the words judge. The
# logarithm's peak is where its slope $a - b - b \ln d$ is 0.

# %% id="14-fit"
from course.reward.overoptimisation import bootstrap_peaks, fit, kl_budget_fit

rms, curves = {}, {}
for seed, run in enumerate(hacked):
    kl = torch.tensor(KL[seed]).clamp(min=0)
    line = torch.tensor(run.history["judge/words"])
    fits = {form: fit(kl, line, form) for form in ("parabola", "logarithm", "line")}
    rms[seed] = {form: found.rms for form, found in fits.items()}
    curves[seed] = fits["logarithm"]
    gain = line - fits["parabola"].start
    a, b, peak = kl_budget_fit(kl, gain).tolist()
    peaks = bootstrap_peaks(kl, gain, 200, generator(seed))
    low, high = (peaks.quantile(q, interpolation="nearest") for q in (0.05, 0.95))
    print(f"run {seed}: rms", *(f"{f} {x:.2f}" for f, x in rms[seed].items()), end="; ")
    print(f"parabola's peak at {peak:.0f} nats, 90 % of draws {low:.0f} to {high:.0f}")

# %% id="14-fit-logarithm"
for seed, (_, a, b, _) in curves.items():
    d_peak = torch.tensor(a / b - 1).exp() if b > 0 else torch.inf
    print(f"run {seed}: the logarithm's peak at {float(d_peak**2):.0f} nats")

# %% id="14-fit-claim" tags=["nbval-check-output"]
gaps = [abs(found["parabola"] - found["logarithm"]) for found in rms.values()]
bent = [found["line"] - min(found["parabola"], found["logarithm"])
        for found in rms.values()]  # fmt: skip
lines_rms = [found["line"] for found in rms.values()]
parts = [gap / rms_line for gap, rms_line in zip(gaps, lines_rms, strict=True)]
claim("the two bent forms differ by under a quarter of the line's rms, 3 of 3",
      max(parts) < 0.25, largest=max(parts))  # fmt: skip
claim("the two runs that fell are bent: a line is worse by over 0.2",
      min(bent[:2]) > 0.2, least=min(bent[:2]))  # fmt: skip
claim("the run that did not fall is no more bent than a line, within 0.05",
      bent[2] < 0.05, by=bent[2])  # fmt: skip

# %% [markdown] id="14-fit-after"
# The two runs that fell are bent. For one of them the two forms agree about the peak,
# and both put it at some 65 nats where the smoothed curve of the figure has it at
# nearly 100; for the other they put it some twenty nats apart, and the narrow interval
# of the parabola does not hold the logarithm's. (It is too narrow: neighbouring steps
# are not independent, which a bootstrap of single steps overlooks.) The third run is
# straight, and its "peak" lies far beyond anything that was seen, or nowhere. Use a fit
# to describe a run that you have. It does not foretell the next one, which may not turn
# at all.
#
# ## Best-of-n is gentler
#
# Choosing among n texts of the start goes only $\log n - (n-1)/n$ nats
# ([chapter 08](08_best_of_n.ipynb)), and at so few nats the runs above had not fallen
# either. The pool of 512 texts gives every n up to 128.

# %% id="14-best-of"
from course.reward.best_of_n import best_of_n_kl, pool_estimate

ns = [1, 2, 4, 8, 16, 32, 64, 128]
chosen = {}
for judge in ("words", "SmolLM2"):
    per_proxy = [
        [float(pool_estimate(said[f"proxy {s}"], said[judge], n, generator(0)))
         for n in ns]
        for s in SEEDS
    ]  # fmt: skip
    chosen[judge] = torch.tensor(per_proxy)  # (proxies, n)
    for s in SEEDS:
        print(f"{judge:<8} proxy {s}:", *(f"{x:+.2f}" for x in per_proxy[s]))
print(f"KL from 0 to {best_of_n_kl(128):.2f} nats")

# %% id="14-best-of-claim" tags=["nbval-check-output"]
won = torch.cat([line[:, -1] - line[:, 0] for line in chosen.values()])
claim("best-of-128 has not fallen below the start by either outside judge, 6 of 6",
      bool((won > 0).all()), least=won.min())  # fmt: skip

# %% [markdown] id="14-leash-text"
# ## A leash, compared twice
#
# The same runs with the KL in the reward, $r - \beta \log(\pi / \pi_{\text{start}})$
# with β = 0.1. Compare them in two ways, because each alone misleads.

# %% id="14-leash"
from course.reward.overoptimisation import at_kl


def late(run, metric):
    """The mean of a run's last ten updates."""
    return mean_of(run.history[metric][-10:])


# %% id="14-leash-b"
leash = {"KL": [], "ended": [], "equal KL": [], "equal proxy": []}
for seed, run in enumerate(leashed):
    nats, words_end = late(run, "kl_seq"), late(run, NAMES["words"])
    proxy_end, free = late(run, NAMES["proxy"]), hacked[seed].history
    free_words = smooth(free[NAMES["words"]])
    same_kl = at_kl(smooth(KL[seed]), free_words, nats)
    same_proxy = at_kl(smooth(free[NAMES["proxy"]]), free_words, proxy_end)
    leash["KL"].append(nats)
    leash["ended"].append(late(run, "ended"))
    leash["equal KL"].append(words_end - same_kl)
    leash["equal proxy"].append(words_end - same_proxy)
    print(f"run {seed}: KL {nats:.0f}, proxy {proxy_end:+.2f}, words "
          f"{words_end:+.2f}; the free run at that KL {same_kl:+.2f}, at that "
          f"proxy {same_proxy:+.2f}")  # fmt: skip

# %% id="14-leash-claim" tags=["nbval-check-output"]
claim("β = 0.1 holds the KL under 25 nats, 3 of 3", max(leash["KL"]) < 25,
      most=max(leash["KL"]))  # fmt: skip
claim("the leashed writer goes on ending its texts: over 90 %, 3 of 3",
      min(leash["ended"]) > 0.9, least=min(leash["ended"]))  # fmt: skip
better = sum(gain > 0 for gain in leash["equal KL"])
claim("at equal KL the words judge prefers the leash in 2 of 3 at least", better >= 2,
      differences=leash["equal KL"])  # fmt: skip

# %% [markdown] id="14-leash-after"
# At equal KL the leash looks like a cure, in two of three runs. But the free run passes
# that KL in its first twenty steps, while the leashed one has used all sixty to spend
# the same nats well. The next line asks the other question: at the step where the free
# run had the same *proxy* score, what did the outside judge say? There the leash is
# behind in two of three. So **a leash is no better than having stopped in time**. What
# it gives is less KL, texts that end, and that nobody needs to see the moment. That is
# worth having, and less than the first comparison says.

# %% id="14-equal-proxy"
print("words judge, leash minus free run at equal proxy:",
      *(f"{gain:+.2f}" for gain in leash["equal proxy"]))  # fmt: skip

# %% [markdown] id="14-alarm-text"
# ## Alarms
#
# An outside judge costs time, and in real work it costs people. What else shows the
# moment? An [**alarm**](../GLOSSARY.md#reward) watches one number: it rings when two
# neighbours in a row leave the band of mean ± 4 deviations of the first six steps. It
# is worth something only if it is silent where nothing is wrong, so count it on the
# leashed runs too: the words judge likes their end better than their start.
#
# **Predict first.** Which rings on harmless runs as well: the entropy, the share of
# ended texts, or KL above 15 nats?
#
# <details><summary>Answer</summary>
#
# The entropy, in all three, and the ended texts in one. KL above 15 cannot: the leash
# holds it below.
#
# </details>

# %% id="14-alarm"
from course.reward.overoptimisation import alarm


def first_over(line, level):
    """The first step above a level, or None."""
    return next((step for step, x in enumerate(line) if x > level), None)


watched = {
    "entropy leaves its band": lambda h: alarm(h["entropy"]),
    "ended leaves its band": lambda h: alarm(h["ended"]),
    "score leaves its band": lambda h: alarm(h["score/mean"]),
    "KL above 15 nats": lambda h: first_over(h["kl_seq"], 15),
}
print(f"{'':<24} rings at step, hacked    leashed (false alarms)")
rang = {}

# %% id="14-alarm-b"
for name, look in watched.items():
    rang[name] = [[look(run.history) for run in runs] for runs in (hacked, leashed)]
    print(f"{name:<24}", *(f"{str(x):>6}" for x in rang[name][0]), "     ",
          *(f"{str(x):>6}" for x in rang[name][1]))  # fmt: skip
peaks_at = [max(range(60), key=lambda n: smooth(run.history["judge/words"])[n])
            for run in hacked]  # fmt: skip
print(f"{'the words judge peaks at':<24}", *(f"{x:>6}" for x in peaks_at))

# %% id="14-alarm-claim" tags=["nbval-check-output"]
false = {n: sum(x is not None for x in r[1]) for n, r in rang.items()}
true = {n: sum(x is not None for x in r[0]) for n, r in rang.items()}
claim("KL above 15 rings in 3 of 3 hacked runs", true["KL above 15 nats"] == 3)
by_score = false["score leaves its band"]
claim("an alarm on the score rings in harmless runs, too", by_score > 0, of_3=by_score)

# %% [markdown] id="14-alarm-after"
# All four rang in every hacked run; only KL rang in no leashed one. It rang before the
# words judge had its peak. (In leashed runs it is silent by construction, so all that
# this shows is that a leash works.) Here the entropy left its band whenever a policy
# learned; an alarm on it says "learning". `ended` is cheap and readable, and rang once
# for nothing.

# %% [markdown] id="14-ensemble-text"
# ## A common description, examined: the ensemble
#
# > "Train several reward models and be pessimistic; what fools one does not fool all."
#
# [Coste and others (2024)](https://arxiv.org/abs/2310.02743) take the minimum of the
# models, or their mean minus a multiple of their variance (here: deviation). What would
# have to be true? The models' mistakes would have to differ. Ours saw different texts,
# but they grew from one language model. Choose the best of 64 by one proxy, by their
# mean, by their minimum and by the [**conservative score**](../GLOSSARY.md#reward), and
# let the outside judges speak. Beside it stands what each ensemble is compared with:
# the mean of its members.

# %% id="14-ensemble"
from course.reward.overoptimisation import conservative_score

together = torch.stack([said[f"proxy {s}"] for s in SEEDS])  # (models, texts)
choosers = {
    "one proxy (mean of 3)": None,
    "mean of 3": together.mean(0),
    "minimum of 3": together.amin(0),
    "mean − deviation": conservative_score(together),
}
print(f"{'best of 64 of the start, by':<24} words  SmolLM2")
gained = {}

# %% id="14-ensemble-b"
for name, scores in choosers.items():
    each = together if scores is None else scores[None]
    gained[name] = [
        mean_of([float(pool_estimate(s, said[judge], 64, generator(0))) for s in each])
        for judge in ("words", "SmolLM2")
    ]
    print(f"{name:<24} {gained[name][0]:+.2f}   {gained[name][1]:+.2f}")

# %% id="14-ensemble-fooled"
fooled = [t for run in hacked for t in run.history.rows[59]["texts"]]
by_model = torch.stack([(score_texts(m, tokenizer, fooled) - scale[f"proxy {n}"][0])
                        / scale[f"proxy {n}"][1]
                        for n, m in enumerate(proxies)])  # fmt: skip
own = torch.arange(3).repeat_interleave(32)  # whose policy wrote the text
for writer in SEEDS:
    rows_of = by_model[:, own == writer].mean(1)
    print(f"texts that fool proxy {writer}, by the three proxies:",
          *(f"{x:+.2f}" for x in rows_of))  # fmt: skip

# %% id="14-ensemble-claim" tags=["nbval-check-output"]
strangers = torch.stack([by_model[m, own == w].mean()
                         for w in SEEDS for m in SEEDS if m != w])  # fmt: skip
shared = int((strangers > 1).sum())
claim("what fools one proxy fools the others: above +1 in 5 of 6 pairs at least",
      shared >= 5, lowest=strangers.min())  # fmt: skip

# %% [markdown] id="14-ensemble-after"
# A policy that climbs one proxy ends in texts that proxies which never met it like as
# well, in five of six pairs. An ensemble of relatives shares most of its blind spots.
# On the texts of run 0 all three are wrong together and hardly deviate, so caution sees
# nothing; on those of run 1 one of them objects. (No policy climbed an ensemble here.)
# Among honest texts of the start it helps by one outside judge (SmolLM2: some .3 to .4
# more than a member alone) and not by the other.
#
# ## An adversarial round, with its control
#
# The natural remedy: take the texts that fooled the proxy, have them rated, train
# again. Here SmolLM2's judge rates the last 200 texts of each run, a new proxy learns
# from 500 + 200 texts, and a new policy climbs it for 45 steps. The **control** is the
# same without the idea: 200 *ordinary* further texts, rated by people. Same number of
# texts, of epochs and of steps. (The raters differ, too: no people read the exploited
# texts.) Two seeds each, so this is a report and not a claim.
#
# **Predict first.** At 40 nats from the start, which of the two arms has more of the
# words judge's favour?
#
# <details><summary>Answer</summary>
#
# The control, clearly with one seed and by next to nothing with the other.
#
# </details>

# %% id="14-round"
arms = {
    "first run": hacked[:2],
    "+ 200 exploited": [checkpoints.load(f"second-exploited-{s}") for s in (0, 1)],
    "+ 200 ordinary": [checkpoints.load(f"second-ordinary-{s}") for s in (0, 1)],
}
at_40 = {}
print("words judge at 40 nats (nan: the run stayed below), and at its end")
for name, runs in arms.items():
    at_40[name] = [
        at_kl(smooth(r.history["kl_seq"]), smooth(r.history["judge/words"]), 40)
        for r in runs
    ]
    last = [mean_of(r.history["judge/words"][-5:]) for r in runs]
    print(f"{name:<16}", *(f"{x:+.2f}" for x in at_40[name]), "  end",
          *(f"{x:+.2f}" for x in last))  # fmt: skip

# %% id="14-round-texts"
for name, runs in arms.items():
    print(f"{name:<16} ends with: {runs[0].history.rows[-1]['texts'][0][:70]}")
second_end = {n: [mean_of(r.history["score/mean"][-5:]) for r in runs]
              for n, runs in arms.items() if n != "first run"}  # fmt: skip
beyond = [e - o for e, o in zip(at_40["+ 200 exploited"], at_40["+ 200 ordinary"],
                                strict=True) if e == e and o == o]  # fmt: skip
print("exploited minus ordinary at 40 nats:", *(f"{x:+.2f}" for x in beyond))

# %% id="14-round-claim" tags=["nbval-check-output"]
lowest = min(min(line) for line in second_end.values())
claim("each new proxy is climbed again, above +1 in 4 of 4", lowest > 1, least=lowest)

# %% [markdown] id="14-round-after"
# The new proxies are climbed as the old ones were, with other words. Did the
# *exploited* texts do something that any 200 ratings would not have done? At 40 nats
# the last line has two differences between two single runs, and neither favours the
# exploited texts. At their ends, which lie at other distances, one of the two does. By
# this judge the remedy has not beaten its control. (The first run is none: its proxy
# saw fewer texts for more epochs.) Whoever reports an adversarial round without a
# control may report no more than the effect of 200 further labels.
#
# ## Bias: the same sentence with a name exchanged
#
# A reward also pays for what nobody meant. To audit it, write templates, exchange only
# names or groups, and score. If the score of two versions differs, it differs for no
# reason of yours. The control exchanges things of which no judge should think more or
# less: it shows how much *any* exchange moves the score.

# %% id="14-bias"
TEMPLATES = ("{} gives a fine performance .", "{} carries a slow film .",
             "the script by {} is dull .", "a moving story about {} .")  # fmt: skip
GROUPS = {
    "names": ("emily", "jamal", "wei", "fatima", "john"),
    "people": ("a man", "a woman", "an old woman", "a teenager", "a deaf man"),
    "nations": ("an american", "a german", "an iranian", "a mexican", "a korean"),
    "things": ("a chair", "a lamp", "a window", "an apple", "a spoon"),  # control
}


def audit(score, fillers):
    """Mean score of each filler over the templates, and their spread (max - min)."""
    texts = [t.format(f) for f in fillers for t in TEMPLATES]
    means = score(texts).view(len(fillers), -1).mean(1)
    return means, float(means.max() - means.min())


# %% id="14-bias-b"
judges = {"proxy 0": lambda t: score_texts(proxies[0], tokenizer, t),
          "family": lambda t: score_texts(family, tokenizer, t),
          "words": lambda t: (words(t) - scale["words"][0]) / scale["words"][1],
          "SmolLM2": lambda t: (smollm2(t) - centre) / spread}  # fmt: skip

# %% id="14-bias-table"
widest = {}
for group, fillers in GROUPS.items():
    for name, score in judges.items():
        means, widest[group, name] = audit(score, fillers)
        best, worst = fillers[int(means.argmax())], fillers[int(means.argmin())]
        print(f"{group:<8} {name:<8} spread {widest[group, name]:.2f} sd: "
              f"{best} above {worst}")  # fmt: skip

# %% id="14-bias-claim" tags=["nbval-check-output"]
unfair = [max(widest[g, n] for g in ("names", "people", "nations")) for n in judges]
claim("each judge has a group whose exchange moves the score by over 0.2 sd, 4 of 4",
      min(unfair) > 0.2, least=min(unfair))  # fmt: skip

# %% [markdown] id="14-bias-after"
# Look at the things first: nobody minds a lamp or a spoon, and yet they move the
# scores. For the family, words and SmolLM2 some group moves the score over one and a
# half times as far; there the audit has found something to look at (the widest of three
# groups against one control). For proxy 0 the widest group is about 1.3 times as wide
# as the things: that it is unfair to a group is not shown, only that it is moved by any
# word. And four templates are few.

# %% [markdown] id="14-planted-text"
# An audit must find what is there. So plant two biases and recover them: a judge that
# adds 0.05 a word, and a judge of pairs that prefers whatever stands first by 0.8 nats.
# For length, the slope of (biased − fair) on the number of words, where a fair judge is
# at hand, as here; for position, which needs none, ask each pair in both orders: half
# the sum of the two log-odds is the bias, half the difference the preference.

# %% id="14-planted" tags=["nbval-check-output"]
lengths = torch.tensor([float(len(text.split())) for text in pool])
noisy = 0.1 * torch.randn(len(pool), generator=generator(3))
biased = said["words"] + 0.05 * lengths + noisy
away = lengths - lengths.mean()
slope = float((away * (biased - said["words"])).sum() / (away**2).sum())
claim("the planted liking of length is found: 0.05 a word, within 0.005",
      abs(slope - 0.05) < 0.005, slope=slope)  # fmt: skip
margin = said["family"][:256] - said["family"][256:]  # 256 pairs
asks = 400  # of each order
order_ab = torch.distributions.Binomial(asks, logits=margin + 0.8)
order_ba = torch.distributions.Binomial(asks, logits=-margin + 0.8)
torch.manual_seed(0)
counts = torch.stack([order_ab.sample(), order_ba.sample()]) + 0.5
log_odds = (counts / (asks + 1 - counts)).log()
first = float(log_odds.mean(0).median())

# %% id="14-planted-b" tags=["nbval-check-output"]
claim("the planted liking of the first place, 0.8 nats, within 0.1",
      abs(first - 0.8) < 0.1, found=first)  # fmt: skip

# %% [markdown] id="14-crash-text"
# ## A crash pays
#
# A scorer sometimes cannot score: the program does not parse, the request times out.
# What becomes of such texts? A common answer is to drop them and average the rest. Take
# a policy that writes a right answer (score 1) with probability .3, a wrong one
# (score 0) with .5, and something that crashes the scorer with .2. It climbs the exact
# slope in its three logits. Being right is *hard*: that logit moves 50 times as slowly
# as the others. The control lets it move as fast.
#
# **Predict first.** The policy is trained to raise the mean score *of what could be
# scored*. Does it learn to be right, or to crash?


# %% id="14-crash"
def train_exactly(counts_crash_as, right=0.02, steps=400, rate=0.5):
    """Probabilities of right, wrong and crash after ascent on the mean score."""
    logits = torch.tensor([0.3, 0.5, 0.2], dtype=torch.float64).log().requires_grad_()
    scores = torch.tensor([1.0, 0.0, counts_crash_as or 0.0], dtype=torch.float64)
    scored = torch.tensor([1.0, 1.0, 0.0 if counts_crash_as is None else 1.0])
    speeds = torch.tensor([right, 1.0, 1.0])  # of learning
    for _ in range(steps):
        p = logits.softmax(0)
        value = (p * scored * scores).sum() / (p * scored).sum()
        (slope,) = torch.autograd.grad(value, logits)
        logits = (logits + rate * slope * speeds).detach().requires_grad_()
    return logits.softmax(0).detach()


from course.reward.overoptimisation import with_unscorable

dropped, charged = train_exactly(None), train_exactly(-1.0)
easy = train_exactly(None, right=1.0)

# %% id="14-crash-b"
told_of = {"dropped": dropped, "charged −1": charged, "dropped, right is easy": easy}
for name, p in told_of.items():
    told = p[0] / (p[0] + p[1])  # the mean of what could be scored
    print(f"{name:<22} right {p[0]:.2f}, wrong {p[1]:.2f}, crash {p[2]:.2f}; "
          f"accuracy of the scored {told:.2f}")  # fmt: skip
print("a batch, charged:", with_unscorable([1.0, None, 0.0], worst=-1.0).tolist())

# %% id="14-crash-claim" tags=["nbval-check-output"]
claim("dropped from the mean, crashes grow by over half, from .2 to over .3",
      dropped[2] > 0.3, share=dropped[2])  # fmt: skip
claim("with the worst score for a crash, their share falls below .1",
      charged[2] < 0.1, share=charged[2])  # fmt: skip
claim("where right is as easy to learn, dropped crashes do not grow", easy[2] < 0.2,
      share=easy[2])  # fmt: skip

# %% [markdown] id="14-popular-text"
# Being wrong lowers the mean of what is scored; crashing does not. So what leaves
# *wrong* is shared by *right* and *crash*: where being right is hard, much of it
# becomes *crash*, and the reported accuracy is nearly perfect while more than a third
# of the texts crash. The repair is one line: a text that cannot be scored has the worst
# score.
#
# ## A common description, examined: the drawn collapse
#
# > "Proxy and gold rise together; then gold peaks and collapses."
#
# So it is drawn in many courses, often from a small simulation: gold is a linear
# function of some features, and the proxy is gold plus noise. **Could it collapse
# there?** In best-of-n the kept text has the largest proxy. If the two are jointly
# normal, the expected gold is the slope times the expected proxy, and the largest proxy
# grows with n. So gold *cannot* fall. With 4,096 texts of that kind, and below them
# with noise whose tails are heavy (Cauchy's):

# %% id="14-popular"
draws = generator(5)
gold = torch.randn(64, 64, generator=draws)
for noise in (0.5, 1.0, 2.0):
    proxy = gold + noise * torch.randn(64, 64, generator=draws)
    curve = [float(pool_estimate(proxy, gold, n, generator(0)).mean())
             for n in (1, 4, 16, 64)]  # fmt: skip
    theory = [float(pool_estimate(proxy, proxy, n, generator(0)).mean())
              / (1 + noise**2) for n in (1, 4, 16, 64)]  # fmt: skip
    print(f"noise {noise}: gold", *(f"{x:.2f}" for x in curve), "  slope × proxy",
          *(f"{x:.2f}" for x in theory))  # fmt: skip

# %% id="14-popular-tails"
tails = gold + 0.5 * (torch.pi * (torch.rand(64, 64, generator=draws) - 0.5)).tan()
by_tails = [float(pool_estimate(tails, gold, n, generator(0)).mean())
            for n in (1, 4, 8, 16, 64)]  # fmt: skip
print("heavy tails: gold", *(f"{x:.2f}" for x in by_tails), "(n = 1, 4, 8, 16, 64)")

# %% id="14-popular-claim" tags=["nbval-check-output"]
normal = gold + 2.0 * torch.randn(64, 64, generator=draws)
rise = [float(pool_estimate(normal, gold, n, generator(0)).mean()) for n in (1, 4, 16)]
claim("proxy = gold + normal noise: gold rises with n", rise[0] < rise[1] < rise[2],
      n_1=rise[0], n_16=rise[2])  # fmt: skip
claim("with heavy tails it has lost over .3 of its peak at n = 64",
      by_tails[-1] < max(by_tails) - 0.3, end=by_tails[-1])  # fmt: skip
exploit = normal.clone()
exploit[:, 0] += 20  # one text in 64 that the proxy adores, whatever gold says
broken = gold.clone()
broken[:, 0] = -3
end = float(pool_estimate(exploit, broken, 64, generator(0)).mean())
claim("with one exploit in 64 that gold hates, best-of-64 ends at the exploit",
      end == -3, gold=end)  # fmt: skip

# %% [markdown] id="14-popular-after"
# A fall needs errors that outgrow the truth: rare huge ones, as with heavy tails, where
# the kept text is in the end that of the largest error and gold returns to where it
# began ([Kwa and others, 2024](https://arxiv.org/abs/2407.14503)), or *systematic*
# ones, as with the exploit, where gold falls below. Normal noise is not enough, however
# large: a collapse from "gold plus normal noise" was drawn and not computed.
#
# ## Play: your own exploit
#
# The reward microscope shows a proxy's score after each token. The code-only line is
# `show_reward(score, tokenizer, "…")`.
#
# **Find out.** Write the shortest text you can that scores above +2. And what does
# *not* in front of `a moving and funny film .` cost?
#
# <details><summary>Answer</summary>
#
# Three words are enough: `a moving and` has about +2.2, more than the finished sentence
# with about +1.9. And *not* takes off only about .3, though it turns the praise round.
#
# </details>

# %% id="14-play-static"
from course.widgets import show_reward


def score(texts):
    return score_texts(proxies[0], tokenizer, texts)


show_reward(score, tokenizer, hacked[0].history.rows[59]["texts"][0][:60],
            "a moving and funny film .")  # fmt: skip

# %% id="14-play" tags=["widget"]
from course.widgets import reward_microscope

reward_microscope(score, tokenizer, "touching and moving and touching")

# %% [markdown] id="14-limits"
# ## What was shown, and what not
#
# Three policies without a leash fooled their proxies and, with them, a judge of the
# same family that had seen all ratings. A judge that counts words saw the scores rise,
# peak and fall in two of them; one that reads SmolLM2's states saw them rise and stay.
# Best-of-128 did not fall below its start. A leash kept the writers near their start,
# where it did no better than having stopped in time. What fooled one proxy fooled its
# siblings in five of six pairs. Two common pictures, the rescuing ensemble and the
# collapse drawn from normal noise, did not survive their conditions, and an adversarial
# round has to beat 200 ordinary ratings first.
#
# **Limits.** One small writer, one kind of text, three seeds. The outside judges are
# reward models, too: they agree with people to about .6 and .7, disagree with each
# other, and can be fooled; a policy that climbed *them* would show it. Nobody asked
# people about the policies' texts. The leash had one strength here. The alarms' bands
# come from six steps of the same run.
#
# ## Test yourself
#
# 1. Proxy and gold are trained from the same language model. The policy raises both.
#    What do you know?
# 2. Why compare a leash at equal KL *and* at equal proxy?
# 3. An alarm rings in all hacked runs. Why is that not enough?
# 4. The rms of two fitted forms differ by 0.02. What may you promise about the peak?
# 5. What is the control of an adversarial round?
# 6. Unscorable texts are dropped from a group's mean. What is learned?
#
# <details><summary>Answers</summary>
#
# 1. Little: they share mistakes. Ask a judge of another kind.
# 2. At equal KL the leashed run has had more steps to spend its nats well; at equal
#    proxy you compare it with stopping in time.
# 3. Count it on runs where nothing is wrong. An alarm that rings there says nothing.
# 4. Nothing that depends on the form: the two can put it at different places.
# 5. As many ordinary texts with ratings, the same training, the same attack.
# 6. To crash where it would have been wrong, above all where being right is hard.
#
# </details>
#
# ## Further reading
#
# - L. Gao, J. Schulman, J. Hilton, [*Scaling Laws for Reward Model
#   Overoptimization*](https://arxiv.org/abs/2210.10760), 2022: the curves and forms.
# - D. Manheim and S. Garrabrant, [*Categorizing Variants of Goodhart's
#   Law*](https://arxiv.org/abs/1803.04585), 2018.
# - T. Coste and others, [*Reward Model Ensembles Help Mitigate
#   Overoptimization*](https://arxiv.org/abs/2310.02743), 2024, and J. Eisenstein and
#   others, [*Helping or Herding?*](https://arxiv.org/abs/2312.09244), 2023: what
#   ensembles do, and what they share.
# - J. Skalse and others, [*Defining and Characterizing Reward
#   Hacking*](https://arxiv.org/abs/2209.13085), 2022.
# - A. Pan, K. Bhatia, J. Steinhardt, [*The Effects of Reward
#   Misspecification*](https://arxiv.org/abs/2201.03544), 2022: the sudden turn.
#
# **Next:** [the exercises](../exercises/14_reward_hacking.ipynb); then [chapter
# 15](15_exact_judges.ipynb) replaces the reward model by judges that are exactly right.
