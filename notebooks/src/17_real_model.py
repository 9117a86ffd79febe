# %% [markdown] id="17-title"
# # 17 · A real language model, and more machines
#
# Everything so far ran on models of two million parameters, made here. This chapter
# takes a model that others trained, 134 million parameters, and asks of each method
# what is left of it: as judge, as reward model, as policy; then on several machines.
#
# When you have read it you can:
#
# - read a verdict off the probabilities of a language model, and measure what the
#   order of its question does;
# - put a judge and a few people together into an interval that keeps its promise;
# - train a real model with adapters, a 16-bit sampler and the course's own RLOO step;
# - merge adapters into weights, and save them so that other libraries read them;
# - say what goes wrong when the model that writes is not quite the model that learns,
#   and which correction repairs it;
# - run the same step on several processes, and hand policy and reward to TRL;
# - teach a small model on its own texts, and let it vote with itself.

# %% [markdown] id="17-model-text"
# ## The model
#
# **SmolLM2-135M-Instruct** (Allal and others, 2025) is small for a language model and
# has read two trillion tokens. It runs in the same `GPT` class as our own models
# ([chapter 02](02_transformer.ipynb)); only the numbers of its shape are larger.
#
# For everything that is only read we use a copy with numbers of 16 bits,
# [**bf16**](../GLOSSARY.md): 8 bits of exponent, as fp32 has, and 8 bits of precision.
# Where a processor has units for such numbers the copy is about twice as fast. Where it
# has none, `fast_dtype` chooses fp32.

# %% id="17-model"
import torch

from course import claim
from course.lm.half import fast_dtype, half, sampler_of
from course.lm.pretrained import chat, load_pretrained
from course.runtime import device, generator

policy, smol = load_pretrained()
policy.to(device())
fast = sampler_of(policy)
size = sum(weights.numel() for weights in policy.parameters())
print(f"{size:,} parameters, written with {fast_dtype(device())}")
request = "Write one sentence of a movie review about the music."
for seed in range(3):
    asked = [{"role": "user", "content": request}]
    print("-", chat(fast, smol, asked, max_new_tokens=24, generator=generator(seed)))

# %% [markdown] id="17-judge-text"
# ## The model as judge
#
# A large model that rates texts instead of people is called an [**LLM
# judge**](../GLOSSARY.md). The clean way to ask is not to let it talk: put the question
# so that the next token is the answer, and compare two probabilities.
#
# $$ P(\text{positive}) = \frac{p(\text{positive})}
#    {p(\text{positive}) + p(\text{negative})}, $$
#
# which is the sigmoid of the difference of two logits. The question names both labels.
# Their order means nothing, so we ask in both orders.
#
# **Predict first.** 528 movie reviews, each a sentence. For how many percent does the
# verdict change when "positive or negative" becomes "negative or positive"?
#
# <details><summary>Answer</summary>
#
# For more than half of them. The judge leans to the label that is named first, and it
# leans so far that most reviews fall on either side of one half.
#
# </details>

# %% id="17-judge"
from course.data import reviews
from course.reward.judge import SINGLE, label_logits, single_verdicts

rows = reviews.load("movies", "test")[::2]
texts, means = rows["text"], torch.tensor(rows["mean"])
liked = (means > 0).float()  # what people said, on average
prompt = SINGLE.format(text=texts[0], first="positive", second="negative")
logits = label_logits(fast, smol, [prompt], ("positive", "negative"))
plain = single_verdicts(fast, smol, texts)
swapped = single_verdicts(fast, smol, texts, swapped=True)
print(prompt, f"\nlog-odds {logits.item():.2f}, probability {plain[0]:.2f}")
print(f"{len(texts)} texts, of which people like {liked.mean():.2f}")


# %% id="17-auc"
def auc(scores, labels):
    """Share of pairs (liked, not liked) that the scores put in order."""
    high, low = scores[labels > 0.5, None], scores[labels <= 0.5]
    return float((high > low).float().mean() + 0.5 * (high == low).float().mean())


print("question names first   says yes   right   pairs in order")
ways = {"positive": plain, "negative": swapped, "mean of both": (plain + swapped) / 2}
for name, p in ways.items():
    yes = (p > 0.5).float()
    right = (yes == liked).float().mean()
    print(f"{name:<20} {yes.mean():>10.2f} {right:>7.2f} {auc(p, liked):>10.2f}")
flips = float(((plain > 0.5) != (swapped > 0.5)).float().mean())
print(f"verdicts that change with the order: {flips:.2f}")

# %% id="17-judge-claim" tags=["nbval-check-output"]
claim("four of ten verdicts or more flip when two words change places", flips > 0.4,
      flips=flips)  # fmt: skip
both = min(auc(plain, liked), auc(swapped, liked))
claim("yet in either order the probabilities rank well above chance", both > 0.7,
      pairs_in_order=both)  # fmt: skip

# %% [markdown] id="17-pair-text"
# So the judge knows more than its verdicts show: the ranking is good, the threshold is
# not. **Pairs** should remove the threshold: which review is more positive, A or B?
# [Zheng and others (2023)](https://arxiv.org/abs/2306.05685) found that judges favour a
# place, so each pair is shown in both orders. `swap_bias` says how far the place pulls
# the probability, and how many winners change.

# %% id="17-pairs"
from course.reward.judge import pair_verdicts, swap_bias

pairs = reviews.pairs(reviews.load("movies", "test"), 48, min_gap=0.5)
better = torch.tensor([choice == "a" for choice in pairs["preferred"]])
first, second = (
    pair_verdicts(fast, smol, pairs["text_a"], pairs["text_b"], swapped=turned)
    for turned in (False, True)
)
pull, changed = swap_bias(first, second)
says_a = float(torch.cat([first > 0.5, second < 0.5]).float().mean())
averaged = float((((first + second) / 2 > 0.5) == better).float().mean())
points = [single_verdicts(fast, smol, list(pairs[f"text_{x}"])) for x in "ab"]
by_points = float(((points[0] > points[1]) == better).float().mean())
print(f"says A: {says_a:.2f}, pull of the place {pull:.2f}, changed {changed:.2f}")
print(f"right, both orders averaged: {averaged:.2f}; by two single scores: {by_points:.2f}")

# %% id="17-pairs-claim" tags=["nbval-check-output"]
claim("asked about pairs, this judge says A nine times of ten", says_a > 0.9,
      says_a=says_a)  # fmt: skip
claim("two single scores order more pairs than a question about the pair",
      by_points > averaged + 0.1, points=by_points, pair=averaged)  # fmt: skip

# %% [markdown] id="17-play-text"
# ## Play: ask the judge
#
# Write a review and ask in both orders. Can you write one whose verdict does not
# change? One that is praise, and is called negative twice?


# %% id="17-play-static"
from course.widgets import judge_panel, show_judge


def ask(text, swapped):
    """Probability that the judge calls the text positive."""
    return single_verdicts(fast, smol, [text], swapped).item()


show_judge(ask, [
    "a film with no faults, and no charm",
    "I loved every minute of it.",
    "dull, dull, dull.",
])  # fmt: skip

# %% id="17-play" tags=["widget"]
judge_panel(ask)

# %% [markdown] id="17-interval-text"
# By code: `show_judge(ask, ["your text"])`.
#
# ## A judge and a few people
#
# > "An LLM judge replaces people."
#
# Take the sentence as a claim about a number: the share of these reviews that people
# like. There are five ways to estimate it, each with an interval that should hold the
# truth 95 times in 100.
#
# - **People alone**: ask about 100 texts, take the mean.
# - **Judge alone**: take the judge's mean over all texts.
# - **Rogan and Gladen** (1978, for medical tests): how often the judge is right about
#   liked and disliked texts is measured on the 100; then the judge's share is undone.
# - **Prediction-powered** ([Angelopoulos and others,
#   2023](https://arxiv.org/abs/2301.09633)): the judge's mean over the texts that nobody
#   was asked about, plus the mean of (people − judge) over the 100.
# - **Tuned** ([PPI++](https://arxiv.org/abs/2311.01453)): the same with a weight
#   $\lambda$ on the judge, chosen to make the interval narrow.
#
# $$ \hat\mu = \lambda\, \overline{f}_{\text{unasked}}
#  + \overline{(y - \lambda f)}_{\text{asked}}, \qquad
# \text{variance} = \lambda^2 \frac{\mathrm{var}(f)}{m}
#  + \frac{\mathrm{var}(y - \lambda f)}{n} $$
#
# $\lambda = 0$ is people alone. The judge may be as wrong as it likes: what it says of
# the unasked texts is mended by how wrong it was on the asked ones.
#
# The truth is known here: the ratings of all 528. So we can play the estimate a
# thousand times, with other texts each time, and *count* how often each interval holds
# it. (Texts are drawn with replacement. Drawing 100 of 528 without would let every
# interval look better than it is.)

# %% id="17-interval"
from course.reward.judge_interval import (
    mean_interval,
    judge_interval,
    rogan_gladen_interval,
    tuned_weight,
)

n, N = 100, len(texts)
draw = generator(0)
a, b = (torch.randint(N, (size,), generator=draw) for size in (n, N - n))
verdict = (plain > 0.5).float()
y, f, rest = liked[a], verdict[a], verdict[b]  # asked, judged, unasked
middle = rest.mean() + (y - f).mean()
spread = rest.var() / len(rest) + (y - f).var() / n
low, high = judge_interval(y, f, rest, weight=1.0)
print(f"by hand {middle:.3f} ± {1.96 * spread.sqrt():.3f}")
print(f"judge_interval: {low:.3f} to {high:.3f}; the truth is {liked.mean():.3f}")


# %% id="17-coverage"
def play(f, repeats=1000, seed=0):
    """Coverage and mean width of five intervals: {name: (coverage, width)}."""
    draw, truth, found = generator(seed), liked.mean(), {}
    for _ in range(repeats):
        a = torch.randint(N, (n,), generator=draw)
        b = torch.randint(N, (N - n,), generator=draw)
        data = liked[a], f[a], f[b]
        ends = {"people alone": mean_interval(liked[a]),
                "judge alone": mean_interval(f[b]),
                "prediction-powered": judge_interval(*data),
                "tuned": judge_interval(*data, weight=tuned_weight(*data))}  # fmt: skip
        if f.unique().numel() == 2:
            ends["Rogan–Gladen"] = rogan_gladen_interval(*data)
        for name, (low, high) in ends.items():
            found.setdefault(name, []).append((low <= truth <= high, high - low))
    return {k: torch.tensor(v, dtype=torch.float64).mean(0).tolist()
            for k, v in found.items()}  # fmt: skip


# %% id="17-coverage-table"
played = {"verdicts": play(verdict), "probabilities": play(plain)}
print("                                  coverage   width")
for judge, found in played.items():
    for name, (covered, width) in found.items():
        print(f"{judge:<14} {name:<20} {covered:>6.3f} {width:>8.3f}")

# %% id="17-signature"
import matplotlib.pyplot as plt

from course import plots
from course.plots import COLOURS, MARKERS

_, axes = plt.subplots(figsize=(7.2, 4))
names = list(played["verdicts"])
for filled, (judge, found) in zip((False, True), played.items(), strict=True):
    for name, (covered, width) in found.items():
        k = names.index(name)
        face = COLOURS[k] if filled else "none"
        label = name if not filled else None
        axes.plot(width, covered, MARKERS[k], color=COLOURS[k], mfc=face, ms=9,
                  label=label)  # fmt: skip
axes.axhline(0.95, color="gray", lw=1, ls=":")
axes.annotate("promised", (0.06, 0.95), fontsize=8, va="bottom")
axes.set(ylim=(-0.05, 1.05), xlim=0)
alt = (
    "Coverage over width. The judge alone is narrow and at the bottom, for verdicts and "
    "probabilities. All others stand on the line of 95 percent; the tuned one with "
    "probabilities is a little narrower than people alone."
)
plots.finish(axes, "A judge alone is narrow and wrong (filled: probabilities)",
             "mean width of the interval", "share that holds the truth", alt)  # fmt: skip

# %% id="17-coverage-claim" tags=["nbval-check-output"]
v, p = played["verdicts"], played["probabilities"]
alone = max(v["judge alone"][0], p["judge alone"][0])
claim("an interval of the judge alone holds the truth in less than 5 of 100 plays",
      alone < 0.05, coverage=alone)  # fmt: skip
kept = [x[0] for found in (v, p) for k, x in found.items() if k != "judge alone"]
claim("all others hold it in 92 to 98 of 100", 0.92 < min(kept) and max(kept) < 0.98,
      lowest=min(kept), highest=max(kept))  # fmt: skip

# %% id="17-width-claim" tags=["nbval-check-output"]
people = v["people alone"][1]
claim("with hard verdicts, prediction-powered is wider than people alone",
      v["prediction-powered"][1] > people, people=people,
      verdicts=v["prediction-powered"][1])  # fmt: skip
gain = 1 - p["tuned"][1] / people
claim("tuned, with probabilities, it is 5 to 20 % narrower", 0.05 < gain < 0.2,
      narrower=gain)  # fmt: skip
