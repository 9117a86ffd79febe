# %% [markdown] id="17-title"
# # 17 · A real language model, and more machines
#
# So far every policy was made here, with about two million parameters at most.
# This chapter takes a model that others trained, 134 million parameters, and
# asks of each method what is left of it: as judge, as reward model, as policy;
# then on several machines.
#
# When you have read it you can:
#
# - read a verdict off the probabilities of a language model, and measure what the
#   order of its question does;
# - put a judge and a few people together into an interval that keeps its promise;
# - train a real model with adapters, a 16-bit sampler and the course's own RLOO step,
#   and hand the result to other libraries;
# - say what goes wrong when the model that writes is not quite the model that learns,
#   and which correction repairs it;
# - run the same step on several processes, and estimate what a larger run needs;
# - teach a small model on its own texts, and let it vote with itself.

# %% [markdown] id="17-model-text"
# ## The model
#
# **SmolLM2-135M-Instruct** (Allal and others, 2025) is small for a language model and
# has read two trillion tokens. It runs in the same `GPT` class as our own models
# ([chapter 02](02_transformer.ipynb)); only the numbers of its shape are larger.
#
# The judge and the sampler are a copy with numbers of 16 bits,
# [**bf16**](../GLOSSARY.md#language-model): 8 bits of exponent, as fp32 has,
# and 8 bits of precision. Where a processor has units for such numbers the copy
# is faster. Where it has none, `fast_dtype` chooses fp32.

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
    said = chat(fast, smol, asked, max_new_tokens=24, generator=generator(seed))
    print("-", said[:90])

# %% [markdown] id="17-judge-text"
# ## The model as judge
#
# A large model that rates texts instead of people is called an [**LLM
# judge**](../GLOSSARY.md#reward). The clean way to ask is not to let it talk: put the
# question so that the next token is the answer, and compare two probabilities.
#
# $$ P(\text{positive}) = \frac{p(\text{positive})}
#    {p(\text{positive}) + p(\text{negative})}, $$
#
# which is the sigmoid of the difference of two logits. The question names both labels.
# Their order means nothing, so we ask in both orders.
#
# **Predict first.** 528 movie reviews, each a sentence. What share of the
# verdicts changes when "positive or negative" becomes "negative or positive"?
#
# <details><summary>Answer</summary>
#
# More than half. The judge leans to the label that is named first, so far that for most
# reviews the two probabilities lie on different sides of one half.
#
# </details>

# %% id="17-judge"
from course.data import reviews
from course.reward.judge import SINGLE, label_logits, single_verdicts

rows = reviews.load("movies", "test")
rows = rows.select(range(0, len(rows), 2))
texts, means = list(rows["text"]), torch.tensor(list(rows["mean"]))
liked = (means > 0).float()  # what people said, on average
prompt = SINGLE.format(text=texts[0], first="positive", second="negative")
logits = label_logits(fast, smol, [prompt], ("positive", "negative"))
plain = single_verdicts(fast, smol, texts)
print(prompt, f"\nlog-odds {logits.item():.2f}, probability {plain[0]:.2f}")
print(f"{len(texts)} texts, of which people like {liked.mean():.2f}")

# %% id="17-judge-swapped"
swapped = single_verdicts(fast, smol, texts, swapped=True)
print(f'the same text, "negative" named first: probability {swapped[0]:.2f}')


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
# The ranking is good, the threshold is not. **Pairs** should remove the threshold:
# which review is more positive, A or B? Judges favour a place ([Zheng and others
# 2023](https://arxiv.org/abs/2306.05685)), so each pair is shown in both orders.
# `swap_bias` says how far the place pulls the probability, and how many winners change.

# %% id="17-pairs"
from course.reward.judge import pair_verdicts, swap_bias

pairs = reviews.pairs(rows, 150, min_gap=0.5)
better = torch.tensor([choice == "a" for choice in pairs["preferred"]])
first, second = (
    pair_verdicts(fast, smol, pairs["text_a"], pairs["text_b"], swapped=turned)
    for turned in (False, True)
)
pull, changed = swap_bias(first, second)
says_a = float(torch.cat([first > 0.5, second < 0.5]).float().mean())
averaged = float((((first + second) / 2 > 0.5) == better).float().mean())
point = dict(zip(texts, plain, strict=True))
points = [torch.stack([point[t] for t in pairs[f"text_{x}"]]) for x in "ab"]
by_points = float(((points[0] > points[1]) == better).float().mean())
print(f"says A: {says_a:.2f}, pull of the place {pull:.2f}, changed {changed:.2f}")

# %% id="17-pairs-b"
print(
    f"right, both orders averaged: {averaged:.2f}; two single scores: {by_points:.2f}"
)

# %% id="17-pairs-claim" tags=["nbval-check-output"]
claim("asked about pairs, this judge says A more than nine times of ten", says_a > 0.9,
      says_a=says_a)  # fmt: skip
claim("two single scores order pairs better than chance, by over two standard errors",
      by_points > 0.5 + 2 * 0.5 / len(pairs) ** 0.5, points=by_points)  # fmt: skip
claim("and more of them than the question about the pair", by_points > averaged,
      pair=averaged)  # fmt: skip

# %% [markdown] id="17-play-text"
# Averaging both orders hardly rescues the question: what is left is close to a coin,
# whose standard error is 0.04 here. Asked about one text at a time, the same model
# orders more of the pairs.
#
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
# - **Judge alone**: take the judge's mean over the texts that nobody was asked
#   about.
# - **Rogan and Gladen** (for medical tests,
#   [1978](https://doi.org/10.1093/oxfordjournals.aje.a112510)): the 100 show how often
#   the judge says yes to liked and to disliked texts; solve for the share that explains
#   what it says of all.
# - **Prediction-powered** ([Angelopoulos and others,
#   2023](https://arxiv.org/abs/2301.09633)): the same mean, plus the mean of
#   (people − judge) over the 100.
# - **Tuned** ([PPI++](https://arxiv.org/abs/2311.01453)): the same with a weight
#   $\lambda$ on the judge, chosen to make the interval narrow; 0 is people alone.
#
# $$ \hat\mu = \lambda\, \overline{f}_{\text{unasked}}
#  + \overline{(y - \lambda f)}_{\text{asked}}, \qquad
# \text{variance} = \lambda^2 \frac{\mathrm{var}(f)}{m}
#  + \frac{\mathrm{var}(y - \lambda f)}{n} $$
#
# The truth is known here: the ratings of all 528. So we play the estimate a thousand
# times and *count* how often each interval holds it. (Texts are drawn with replacement.
# Drawing 100 of 528 without would let every interval look better than it is.)

# %% id="17-interval"
from course.reward.judge_interval import (
    judge_interval,
    mean_interval,
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

# %% id="17-interval-b"
print(f"judge_interval: {low:.3f} to {high:.3f}; the truth is {liked.mean():.3f}")


# %% [markdown] id="17-coverage-text"
# Then all five, a thousand times:


# %% id="17-coverage-ends"
def intervals(f, a, b):
    """Five intervals from people on the texts a and the judge f on a and b."""
    data = liked[a], f[a], f[b]
    ends = {"people alone": mean_interval(liked[a]),
            "judge alone": mean_interval(f[b]),
            "prediction-powered": judge_interval(*data),
            "tuned": judge_interval(*data, weight=tuned_weight(*data))}  # fmt: skip
    if f.unique().numel() == 2:
        ends["Rogan–Gladen"] = rogan_gladen_interval(*data)
    return ends


# %% id="17-coverage"
def play(f, repeats=1000, seed=0):
    """Coverage and mean width of five intervals: {name: (coverage, width)}."""
    draw, truth, found = generator(seed), liked.mean(), {}
    for _ in range(repeats):
        a = torch.randint(N, (n,), generator=draw)
        b = torch.randint(N, (N - n,), generator=draw)
        for name, (low, high) in intervals(f, a, b).items():
            found.setdefault(name, []).append((low <= truth <= high, high - low))
    return {k: torch.tensor(v, dtype=torch.float64).mean(0).tolist()
            for k, v in found.items()}  # fmt: skip


# %% id="17-coverage-table"
played = {"verdicts": play(verdict), "probabilities": play(plain)}
print("                                  coverage   width")
for judge, found in played.items():
    for name, (covered, width) in found.items():
        print(f"{judge:<14} {name:<20} {covered:>6.3f} {width:>8.3f}")

# %% [markdown] id="17-signature-text"
# As a picture:

# %% id="17-signature"
import matplotlib.pyplot as plt

from course import plots
from course.plots import COLOURS, MARKERS

# %% id="17-signature-b"
_, axes = plt.subplots(figsize=(7.2, 4))
names = list(played["verdicts"])
for filled, found in zip((False, True), played.values(), strict=True):
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
    "Coverage over width. The judge alone is narrow and at the bottom, for verdicts "
    "and probabilities. All others stand on the line of 95 percent; with probabilities "
    "tuned and prediction-powered are the same, a little narrower than people alone."
)
plots.finish(axes, "A judge alone is narrow and wrong (filled: probabilities)",
             "mean width of the interval", "share with the truth in it",
             alt)  # fmt: skip

# %% id="17-coverage-claim" tags=["nbval-check-output"]
v, p = played["verdicts"], played["probabilities"]
alone = max(v["judge alone"][0], p["judge alone"][0])
claim("an interval of the judge alone holds the truth in less than 5 of 100 plays",
      alone < 0.05, coverage=alone)  # fmt: skip
kept = [x[0] for found in (v, p) for k, x in found.items() if k != "judge alone"]
claim("all others hold it in 92 to 98 of 100", min(kept) > 0.92 and max(kept) < 0.98,
      lowest=min(kept), highest=max(kept))  # fmt: skip

# %% id="17-width-claim" tags=["nbval-check-output"]
people = v["people alone"][1]
claim("with hard verdicts, prediction-powered is wider than people alone",
      v["prediction-powered"][1] > people, people=people,
      verdicts=v["prediction-powered"][1])  # fmt: skip
gain = 1 - p["tuned"][1] / people
claim("tuned, with probabilities, it is 5 to 20 % narrower", 0.05 < gain < 0.2,
      narrower=gain, as_people_about=n / (1 - gain) ** 2)  # fmt: skip

# %% [markdown] id="17-platt-text"
# A judge that leans can be straightened first: [**Platt
# scaling**](../GLOSSARY.md#reward) fits a slope and an offset to its log-odds,
# on the same 100 texts. That repairs the threshold and cannot repair the order.

# %% id="17-platt" tags=["nbval-check-output"]
from course.reward.judge import apply_platt, fit_platt

other = torch.ones(N, dtype=torch.bool).index_fill(0, a, False)  # not among the asked
straight = apply_platt(plain, fit_platt(plain[a], liked[a]))
right = [float(((p > 0.5) == (liked > 0.5))[other].float().mean())
         for p in (plain, straight)]  # fmt: skip
claim("straightened on 100 rated texts, more verdicts on the others are right",
      right[1] > right[0] + 0.03, before=right[0], after=right[1])  # fmt: skip
same = abs(auc(straight[other], liked[other]) - auc(plain[other], liked[other]))
claim("the order of the texts stays the same", same < 1e-6)

# %% [markdown] id="17-interval-after"
# So "a judge replaces people" is wrong in the sense that we took: its own
# interval is the narrowest and hardly ever holds the truth. More texts
# would make it narrower still around the wrong number.
#
# Together with people the judge is worth something, and not much: with its
# probabilities the interval is about an eighth narrower, as it would be had we asked
# people about some 130 texts instead of 100. With its hard verdicts and full weight it
# is *wider* than without a judge; tuning protects you, because a weight of 0 is
# allowed. Rogan and Gladen's interval keeps its promise at about three times the width:
# it divides by the difference of two shares that both had to be estimated.
#
# ## The model as reward model
#
# Another way to use what SmolLM2 knows: read the state after "Movie review: …
# Sentiment:" halfway up, after 16 of its 30 blocks, and learn a score from
# ratings. **Ridge** fits a linear head and leaves the model alone. **Adapters**
# ([chapter 04](04_supervised_fine_tuning.ipynb)) let the blocks move, a little:
# rank 8, at query and value, two passes. Both see the same 500 rated texts;
# three seeds draw three sets of 500 (the recipes `smollm2-reward-0` to `-2`).

# %% id="17-reward"
from copy import deepcopy

from course import checkpoints
from course.lm.lora import add_adapters
from course.recipes.real_model import ALPHA, RANK
from course.recipes.real_reward import LAYERS, short_texts
from course.reward.metrics import pearson
from course.reward.real_reward import first_blocks, last_states, rated_rows, row_scores

trunk = first_blocks(deepcopy(policy), LAYERS)
held_texts, held = short_texts("test", 200, generator(100))
held, held_rows = torch.tensor(held), rated_rows(smol, held_texts)
with half(policy.device):
    states = last_states(trunk, smol, held_rows)  # (200, 576), before any adapter
add_adapters(trunk, RANK, ALPHA)
print(f"{LAYERS} of {policy.config.layers} blocks, states {tuple(states.shape)}")


# %% id="17-reward-table"
found = {"ridge": [], "adapters": []}
for seed in range(3):
    kept = checkpoints.load(f"smollm2-reward-{seed}").model
    ridge_scores = states @ kept.ridge_weight.cpu() + kept.ridge_offset.cpu()
    with half(policy.device), torch.no_grad():
        adapted = row_scores(kept.reward_model(trunk), smol, held_rows).float().cpu()
    found["ridge"].append(pearson(ridge_scores, held))
    found["adapters"].append(pearson(adapted, held))
for name, r in found.items():
    print(f"{name:<9} Pearson r with people:", *(f"{x:.3f}" for x in r))

# %% id="17-reward-claim" tags=["nbval-check-output"]
gains = [y - x for x, y in zip(found["ridge"], found["adapters"], strict=True)]
claim("adapters agree with people better than a head alone, by the mean of three seeds",
      sum(gains) > 0, gains=gains)  # fmt: skip
claim("500 rated texts give the pretrained model an r above .65",
      min(found["adapters"]) > 0.65, adapters=found["adapters"])  # fmt: skip

# %% [markdown] id="17-rl-text"
# Chapter 07's own model has an r of about .64 from 8,493 rated texts, of all
# lengths; these are short. On equal test texts chapter 07 found the same: a
# larger model that has read more needs fewer ratings.
#
# ## RLOO on a real model
#
# Now SmolLM2 becomes the policy. Three things are new.
#
# - **The prompt is a conversation.** `chat_ids` turns a request into the tokens of a
#   user's turn, and `collect` takes ids instead of texts.
# - **The reference costs no memory.** Only the adapters train; with `adapters_off` the
#   same model is the reference. `collect(policy, None, …)` says so.
# - **Another model writes.** The sampler is a copy in bf16 with the adapters merged in,
#   brought up to date before each rollout. The policy's own log-probabilities come from
#   fp32 weights; its matrix products use bf16 where that is fast (`half`), its softmax
#   is fp32.
#
# Here is the step, on one page. Two requests, eight answers each, at most 20 tokens.

# %% id="17-rl-setup"
from course.lm.half import sync
from course.lm.lora import adapters
from course.policy.groups import rloo_advantages
from course.policy.losses import reduce_seq_sum, reinforce_loss
from course.policy.rollout import collect, logprobs_of
from course.recipes.real_model import REQUEST, TOPICS, answers_only, request_ids
from course.reward.model import scorer
from course.runtime import seed_everything

seed_everything(0)
trunk = None  # its memory is needed now
if not adapters(policy):  # so that the cell may run twice
    add_adapters(policy, RANK, ALPHA)
sampler = sampler_of(policy)
judge = checkpoints.load("reward-model")
score = answers_only(scorer(judge.model, judge.tokenizer))
trained = [p for p in policy.parameters() if p.requires_grad]

# %% id="17-rl-setup-b"
print(f"{sum(p.numel() for p in trained):,} of {size:,} parameters train")


# %% id="17-rl-page"
def rloo_gradient(prompts, beta, draw):
    """Write, score, and leave RLOO's gradient in the adapters."""
    sync(sampler, policy)
    ids = [request_ids(smol, prompt) for prompt in prompts]
    with half(policy.device):
        batch = collect(policy, None, smol, prompts, score, max_new_tokens=20,
                        generator=draw, prompt_ids=ids, sampler=sampler)  # fmt: skip
        lp = logprobs_of(policy, batch)  # (batch, time), with gradient
    D = (batch.old_logprobs - batch.ref_logprobs).sum(1)  # nats per text
    A = rloo_advantages(batch.scores - beta * D, 8)
    policy.zero_grad()
    loss = reinforce_loss(lp, A, batch.completion_mask, reduce_seq_sum)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(trained, 1.0)
    return batch, lp.detach(), float(norm)


# %% id="17-rl-step"
from time import process_time

prompts = [REQUEST.format(topic) for topic in TOPICS[:2] for _ in range(8)]
start = process_time()
batch, lp, norm = rloo_gradient(prompts, 0.05, generator(0))
print(f"one step: {process_time() - start:.1f} s of processor time, norm {norm:.2f}")
for text, reward in list(zip(batch.completions, batch.scores, strict=True))[::4]:
    print(f"{reward:+.2f} {text!r}")

# %% id="17-rl-course" tags=["nbval-check-output"]
from course.policy.grpo import rloo_step

optimizer = torch.optim.AdamW(trained, lr=0.0)  # only the gradient is wanted
with half(policy.device):
    by_course = rloo_step(policy, optimizer, batch, group_size=8, beta=0.05)
off = abs(by_course["grad_norm"] / norm - 1)
claim("chapter 11's rloo_step, unchanged, has the page's gradient norm", off < 0.02,
      page=norm, course=by_course["grad_norm"])  # fmt: skip

# %% [markdown] id="17-limit-text"
# The step compares the sampler's log-probabilities with the policy's own, and
# refuses a rollout that another distribution drew (chapter 10). In fp32 the
# limit is 0.01 nats per token. bf16 keeps 8 bits, a relative error of up to
# $2^{-8}$: next to 20 comes 20.125. The limit has to follow the numbers of the
# sampler: 0.3 for bf16, above what rounding does and below a fault such as
# temperature 0.7. One at 0.9 would slip through.

# %% id="17-limit" tags=["nbval-check-output"]
from dataclasses import replace

from course.policy.guards import EXACT_DISAGREEMENT, MAX_DISAGREEMENT
from course.policy.losses import reduce_token_mean

limit = MAX_DISAGREEMENT.get(batch.precision, EXACT_DISAGREEMENT)
gap = reduce_token_mean((lp - batch.old_logprobs).abs(), batch.completion_mask)
claim("what rounding does stays below the limit", gap < limit, gap=gap, limit=limit)
cold = collect(policy, None, smol, prompts, score, max_new_tokens=20, temperature=0.7,
               generator=generator(1), sampler=fast,
               prompt_ids=[request_ids(smol, p) for p in prompts])  # fmt: skip
with torch.no_grad(), half(policy.device):
    as_if = logprobs_of(policy, replace(cold, temperature=1.0))
fault = reduce_token_mean((as_if - cold.old_logprobs).abs(), cold.completion_mask)
claim("a sampler at temperature 0.7 is caught", fault > limit, gap=fault)

# %% [markdown] id="17-trained-text"
# ## Eighteen steps
#
# `course.policy.loop.train` with `rloo_step` does this eighteen times, with a learning
# rate that falls from 0.001 to 0 (the recipes `smollm2-people-0` to `-2`; about two
# minutes of processor each, so you load them). Next to them:
#
# - the **control**, `smollm2-dealt-0`: the same scores, dealt to the wrong texts;
# - a [**rule**](../GLOSSARY.md#reward), `smollm2-sentence-0`: 1 for a text that ends
#   with . ! or ?, else 0. SmolLM2 likes to write long, and after 20 tokens it is cut
#   off.
#
# Each writes 192 texts: eight on each of 24 subjects, of which training saw 8.
#
# **Predict first.** What will training on the reward model do to the share of whole
# sentences, and training on whole sentences to the reward?

# %% id="17-write"
from course.lm.sampling import generate
from course.lm.tokenizer import decode, pad_batch
from course.recipes.real_model import NEW_TOPICS, whole_sentence

subjects = [t for t in (*TOPICS, *NEW_TOPICS) for _ in range(8)]
asked = [request_ids(smol, REQUEST.format(subject)) for subject in subjects]


def answers(model, seed=999):
    """192 answers of the model, and which of them came to an end."""
    draw, written = generator(seed), []
    for part in (asked[:64], asked[64:128], asked[128:]):
        ids, mask = pad_batch(part, smol.pad_token_id, side="left")
        written.append(generate(model, ids.to(model.device), mask.to(model.device),
            max_new_tokens=20, eos_id=smol.eos_token_id, pad_id=smol.pad_token_id,
            generator=draw))  # fmt: skip
    texts = [t for w in written for t in decode(smol, w.ids.tolist())]
    return texts, torch.cat([w.ended for w in written]).cpu()


# %% id="17-trained"
RUNS = ("people-0", "people-1", "people-2", "dealt-0", "sentence-0")
said, seen = {"before": answers(fast)}, {}


def examine(*runs):
    """Let each run's policy write its 192 answers."""
    for run in runs:
        kept = checkpoints.load(f"smollm2-{run}")
        kept.model.put_into(policy)
        sync(sampler, policy)
        said[run] = answers(sampler)
        print(f"{run}: {len(kept.history.rows)} steps")


examine(*RUNS[:2])

# %% id="17-trained-b"
examine(*RUNS[2:])

# %% id="17-trained-table"
print("              reward          seen   new subjects   whole sentences")
for run, (texts_of, ended) in said.items():
    r = torch.as_tensor(score([""] * 192, texts_of))
    whole = whole_sentence([""] * 192, texts_of) * ended
    seen[run] = r, whole
    print(f"{run:<11} {r.mean():+.2f} ± {r.std() / 192**0.5:.2f} {r[:64].mean():>+8.2f}"
          f" {r[64:].mean():>+10.2f} {whole.mean():>16.2f}")  # fmt: skip

# %% id="17-trained-samples"
for run, (texts_of, _) in said.items():
    print(f"{run:<11}", *(repr(text[:70]) for text in texts_of[3::96]), sep="\n   ")

# %% id="17-trained-claim" tags=["nbval-check-output"]
base = float(seen["before"][0].mean())
gain = {run: float(seen[run][0].mean()) - base for run in RUNS}
people = [gain[f"people-{seed}"] for seed in range(3)]
claim("over three seeds, eighteen steps lift the reward by more than .1 on average",
      sum(people) / 3 > 0.1, gains=people)  # fmt: skip
claim("more than with scores dealt to the wrong texts",
      sum(people) / 3 > gain["dealt-0"], control=gain["dealt-0"])  # fmt: skip
sentences = {run: float(whole.mean()) for run, (_, whole) in seen.items()}
claim("the rule brings more whole sentences than the reward model on any seed",
      sentences["sentence-0"] > max(sentences[f"people-{seed}"] for seed in range(3)),
      before=sentences["before"], rule=sentences["sentence-0"])  # fmt: skip

# %% [markdown] id="17-trained-after"
# Each reward got what it asked for. The reward model says nothing about an end,
# and after 20 tokens few texts have one, as before. The rule pays for a full
# stop and says nothing about the film: it lost some reward, and its samples
# show what it lets through. It has no KL leash. Where a run above has fewer
# than 18 steps, a guard ended it and kept what had been learned.
#
# With 192 texts the standard error of a mean is about 0.07, so of a difference
# about 0.1: the average of three seeds is clear, a single seed need not be. Had
# we shown one, we could have chosen its gain, small or large. On average, most
# of the gain carries over to subjects that training never asked about.
#
# Rule and control are one run each here. On a GPU (an NVIDIA H200,
# `python -m benchmarks.real_model`) everything had three seeds:
#
# | | reward | whole sentences |
# |---|---|---|
# | before | −0.26 | .03 |
# | reward model | +0.40, +0.04, 0.00 | .00, .01, .02 |
# | scores dealt out | −0.35, −0.18, −0.15 | .00, .08, .01 |
# | rule | −0.36, −0.36, −0.55 | .11, .23, .54 |
#
# No seed of either reward falls among those of the dealt scores (the control of
# the first only), though seeds differ by as much as the gain.

# %% [markdown] id="17-adapters-text"
# ## Adapters as files
#
# What was learned is 460,800 numbers beside 134 million that did not change.
# There are two ways to hand it on: the **adapters alone**, 2 MB, under the
# names that the library peft gives them; or **merged** into the weights, $W +
# \frac{\alpha}{r} B A$, a model like any other for `transformers` and what
# builds on it.

# %% id="17-merge" tags=["nbval-check-output"]
import json
import tempfile
from pathlib import Path

from course.lm.adapter_files import load_adapters, merge_adapters, save_adapters
from course.lm.lora import merge

one = adapters(policy)["blocks.0.attention.query"]
by_hand = one.base.weight + ALPHA / RANK * one.b @ one.a
by_course = merge_adapters(one.base.weight, one.a, one.b, ALPHA)
claim("merged by hand and by the course", torch.allclose(by_hand, by_course, atol=1e-6))
folder = Path(tempfile.mkdtemp())
save_adapters(policy, folder / "adapters", base="HuggingFaceTB/SmolLM2-135M-Instruct")
card = json.loads((folder / "adapters" / "adapter_config.json").read_text())
print({key: card[key] for key in ("peft_type", "r", "lora_alpha", "target_modules")})
size_of = (folder / "adapters" / "adapter_model.safetensors").stat().st_size
print(f"adapters: {size_of / 1e6:.1f} MB")

# %% id="17-peft-names" tags=["nbval-check-output"]
from course.lm.adapter_files import peft_name

for part in ("a", "b"):
    print(peft_name(f"blocks.0.attention.query.{part}", policy.config))

# %% id="17-merged" tags=["nbval-check-output"]
from transformers import AutoModelForCausalLM, logging

from course.lm.interop import to_transformers

logging.disable_progress_bar()
again = load_adapters(load_pretrained()[0], folder / "adapters")
whole_model = merge(again).eval()
with tempfile.TemporaryDirectory() as merged:
    to_transformers(whole_model, smol).save_pretrained(merged)
    theirs = AutoModelForCausalLM.from_pretrained(merged).to(device()).eval()
ids = torch.tensor([asked[0]], device=device())
with torch.no_grad():
    gap = (theirs(ids).logits - policy(ids)).abs().max()
claim("transformers loads the merged model and computes the policy's logits",
      gap < 1e-2, largest_gap=gap)  # fmt: skip
claim("the merged model has no adapters left", not adapters(whole_model))
again = whole_model = theirs = None  # three times half a GB

# %% [markdown] id="17-mismatch-text"
# ## The model that writes is not the model that learns
#
# Large runs write with one program and train with another: other kernels, other
# rounding, often weights of some steps ago. The texts then come from a
# [**sampler**](../GLOSSARY.md#policy) $\mu$, while the gradient is computed for
# the policy $\pi$. What is right in expectation has been known since [Kahn and
# Marshall (1953)](https://doi.org/10.1287/opre.1.5.263): weigh each text with
# its **importance ratio** $\pi(y) / \mu(y)$, the product of the ratios of its
# tokens. The variance of a product explodes, so large ratios get cut off. TRL
# 1.16 offers four ways:
#
# | TRL | here |
# |---|---|
# | `sequence_truncate` | `sequence_is(…, limit)`: the text's ratio, at most `limit` |
# | `sequence_mask` | `drop_above(sequence_is(…), limit)`: above it, left out |
# | `token_truncate` | `token_is(…, limit)`: each token's own ratio |
# | `token_mask` | `drop_above(token_is(…), limit)` |
#
# > "Token-level truncated importance sampling corrects the mismatch."
#
# On the tiny policy the expectation is a sum over seven texts, so the error of
# the *expected* gradient has no noise in it.
#
# **Predict first.** Without a limit: is a token's own ratio enough?
#
# <details><summary>Answer</summary>
#
# No. A token's own ratio corrects neither how often its prefix is reached nor
# what is written after it, on which its advantage depends. The product corrects
# both.
#
# </details>

# %% id="17-mismatch"
from course.policy.enumerable import TinyPolicy
from course.policy.mismatch import drop_above, sequence_is, token_is


def corrections(pi, mu):
    """Weights of seven ways to correct for a sampler mu, from none to masking."""
    given = pi.logprobs(), mu.logprobs(), pi.mask
    text, token = sequence_is(*given)[:, None], token_is(*given)
    return (torch.ones_like(text), token, token.clamp(max=2), drop_above(token, 2),
            text, text.clamp(max=2), drop_above(text, 2))  # fmt: skip


# %% id="17-mismatch-errors"
def errors(scale, seed):
    """KL of a sampler, and the relative error of the expected gradient, 7 ways."""
    draw = generator(seed)
    pi = TinyPolicy.random(draw)
    moved = torch.randn(3, 3, generator=draw, dtype=torch.float64)
    mu = TinyPolicy(pi.logits.detach() + scale * moved)
    r = torch.randn(7, generator=draw, dtype=torch.float64)
    A, right = r - pi.expected(r).detach(), pi.gradient(pi.expected(r))
    found = [mu.kl(pi)]
    for w in corrections(pi, mu):
        J = mu.expected((w * A[:, None] * pi.logprobs()).sum(1))
        found.append((pi.gradient(J) - right).norm() / right.norm())
    return torch.stack(found).detach()


# %% id="17-mismatch-table"
WAYS = ("none", "token", "token ≤ 2", "token, mask", "text", "text ≤ 2", "text, mask")
print("KL (nats)  " + "".join(f"{way:>12}" for way in WAYS))
table = {}
for scale in (0.1, 0.4, 0.9, 1.6):
    table[scale] = torch.stack([errors(scale, seed) for seed in range(30)]).mean(0)
    print(
        f"{table[scale][0]:<11.3f}" + "".join(f"{x:>12.2f}" for x in table[scale][1:])
    )

# %% id="17-mismatch-claim" tags=["nbval-check-output"]
none, token, token_2, _, text, text_2, _ = torch.stack(list(table.values()))[:, 1:].T
claim("weighed with the ratio of the text, the gradient is exact", text.max() < 1e-9)
claim("weighed with the tokens' own ratios it is not, at none of four distances",
      (token > 0.3 * none).all(), token=token, none=none)  # fmt: skip
claim("cut off at 2, the text's ratio is closer than the tokens'",
      (text_2 < token_2).all(), text=text_2, token=token_2)  # fmt: skip

# %% [markdown] id="17-real-mismatch-text"
# The tokens' ratios remove a good third to a good half of the error, truncated
# slightly less. How large is the distance in practice? `collect` can tell: its
# sampler writes, and the reference, the fp32 model without adapters, reads the
# same tokens. Two samplers: bf16, and one whose weights were rounded to 8-bit
# whole numbers, row by row, as servers do to save memory.


# %% id="17-int8"
@torch.no_grad()
def rounded(model, levels=127):
    """A copy whose matrices hold at most 255 different values in each row."""
    copy = deepcopy(model)
    for layer in copy.modules():
        if isinstance(layer, torch.nn.Linear):
            step = layer.weight.float().abs().amax(1, keepdim=True) / levels
            layer.weight.copy_((layer.weight / step).round() * step)
    return copy


# %% id="17-two-samplers"
differences = {}
prompts = [REQUEST.format(subject) for subject in subjects[::6]]  # 32
ids = [request_ids(smol, prompt) for prompt in prompts]
for name, writer in (("as it is", fast), ("8-bit rows", rounded(fast))):
    w = collect(policy, None, smol, prompts, score, max_new_tokens=20,
                generator=generator(5), prompt_ids=ids, sampler=writer)  # fmt: skip
    differences[f"{name}, {w.precision}".replace("torch.", "")] = (
        (w.ref_logprobs - w.old_logprobs).cpu(), w.completion_mask.cpu())  # fmt: skip

# %% id="17-real-mismatch"
from course.policy.mismatch import effective_size

# %% id="17-real-mismatch-b"
_, axes = plt.subplots(figsize=(6.8, 3.2))
print("                mean |d| of a token, a text   above 2: tokens, texts   worth")
worth = {}
for n, (name, (d, mask)) in enumerate(differences.items()):
    zero = torch.zeros_like(d)
    per_token, w = token_is(d, zero, mask)[mask], sequence_is(d, zero, mask)
    above = int((per_token > 2).sum()), int((w > 2).sum())
    worth[name] = above, effective_size(w)
    print(f"{name:<20} {d[mask].abs().mean():>14.3f} {d.sum(1).abs().mean():>8.2f}"
          f"{above[0]:>19} {above[1]:>7} {worth[name][1]:>7.2f}")  # fmt: skip
    axes.hist(d[mask].tolist(), bins=60, range=(-0.6, 0.6), histtype="step", lw=1.5,
              ls=("-", "--")[n], color=COLOURS[n], label=name)  # fmt: skip
alt = "Two histograms around zero; the 8-bit sampler's, dashed, is the wider one."
plots.finish(axes, "On the same tokens, trainer and sampler differ",
             "trainer − sampler, nats per token", "tokens", alt)  # fmt: skip

# %% id="17-real-mismatch-claim" tags=["nbval-check-output"]
total = sum(int(mask.sum()) for _, mask in differences.values())
touched = sum(above[0] for above, _ in worth.values())
claim("a limit of 2 on the tokens' ratios touches less than one token in 100",
      touched < 0.01 * total, touched=touched, tokens=total)  # fmt: skip
shares = [share for _, share in worth.values()]
claim("written with 8-bit rows, the weighted texts are worth fewer",
      shares[1] < shares[0], worth=shares)  # fmt: skip

# %% [markdown] id="17-mismatch-after"
# So the sentence is doubly wrong here. Truncation at 2 touches nearly no token:
# what it leaves are plain token weights, and those remove only part of the
# error. The mismatch lives in the *sum* over the text. Its differences have
# either sign, and twenty of them still add up to several times one: compare the
# first two columns. This is bf16 at the start; later was not measured. The runs
# above used no correction; whether one would have helped was not tried.

# %% [markdown] id="17-processes-text"
# ## Several processes, one step
#
# A model that fits one machine is trained faster on several: each **process** has the
# whole policy, writes texts of its own and computes the gradient of its own. Before the
# optimizer moves, the gradients are averaged over all processes, so that all take the
# same step and stay one model ([Li and others 2020](https://arxiv.org/abs/2006.15704)).
# A launcher, `torchrun` or `accelerate launch`, starts the processes and tells each its
# number, its [**rank**](../GLOSSARY.md#policy).
#
# `share_gradients` is all that the course's steps need; `reinforce_step`,
# `ppo_step`, `grpo_step`, `rloo_step` and `dpo_step` run unchanged. It shares
# (`sum_of_all`) once the parts of a batch are added up, since another process may have
# fewer parts, and before the gradient is clipped (`before_clipping`), since each
# process would clip by another norm.
#
# Whatever a step takes from the *whole* batch has to be taken from all batches,
# and the token mean is the one that is forgotten. If process 1 has 12 tokens
# and process 2 has 42, the mean of the two means gives a token of process 1
# more than twice its weight. With $N$ tokens on $P$ processes,
#
# $$ \frac1N \sum_{\text{all tokens}} \ell_t
#    = \frac1P \sum_{p=1}^{P} \frac{P}{N} \sum_{t \in p} \ell_t , $$
#
# so each process divides its sum by $N / P$: `rank_mean`, which `shared_token_mean`
# fills with the counted tokens. (REINFORCE's baseline and PPO's whitening are means of
# the batch, too: `shared_advantages`, `shared_whiten`. RLOO and DPO average over texts
# and pairs; equal numbers of them on each process are enough.)
#
# **Predict first.** Two processes share their gradients and each takes its own token
# mean. How far is the gradient from that of one process, for texts of natural lengths?
#
# <details><summary>Answer</summary>
#
# About a tenth of its length. Nothing fails, no curve looks odd; it is another loss, in
# which texts weigh by who else is on their machine.
#
# </details>

# %% id="17-processes-rollout"
import copy
from pathlib import Path
from tempfile import TemporaryDirectory

from course import checkpoints
from course.policy.rollout import collect

made = checkpoints.load("language-model")
small = made.model.cpu()
openings = ["The film", "A story of", "It is", "The acting"]
openings += ["I", "This", "A", "If"]


def shout(prompts, texts):
    return [float(text.count(" ")) for text in texts]


# %% id="17-processes-lengths"
def eight_groups(seed, tokens=48):
    """A rollout of eight groups of four texts, by the small model."""
    prompts = [opening for opening in openings for _ in range(4)]
    return collect(
        small, small, made.tokenizer, prompts, shout, max_new_tokens=tokens,
        generator=generator(seed),
    )  # fmt: skip


rollouts = [eight_groups(seed) for seed in range(3)]
for seed, rollout in enumerate(rollouts):
    halves = rollout.completion_mask.sum(1).view(2, -1)
    print(f"seed {seed}: tokens of the two halves {halves.sum(1).tolist()}")

# %% [markdown] id="17-processes-program-text"
# The program of each process takes half of the texts, tries the own token mean with a
# learning rate of 0, and then takes a step with the shared one. Plain SGD, since its
# weights show the gradient. (AdamW's first step divides each gradient by its own size:
# where that is near 0, rounding by rounding.)

# %% id="17-processes-program"
START = """
import sys
import torch
from course.policy.grpo import grpo_step
from course.policy.processes import join, share_gradients
from course.policy.rollout import select_rows
from course.policy.shared import shared_token_mean

rank, folder, found = join(2), sys.argv[1], {}
policy, rollout = torch.load(f"{folder}/start.pt", weights_only=False)
optimizer = torch.optim.SGD(policy.parameters(), lr=0.0)
share_gradients(optimizer)
"""

# %% id="17-processes-step"
STEPS = """
mine = select_rows(rollout, torch.arange(32).chunk(2)[rank])
shared = {"reduce": shared_token_mean(mine.completion_mask)}
for name, rate, options in (("own", 0.0, {}), ("shared", 0.1, shared)):
    optimizer.param_groups[0]["lr"] = rate
    grpo_step(policy, optimizer, mine, group_size=4, **options)
    parts = [p.grad.flatten() for p in policy.parameters()]
    found[name] = torch.cat(parts)
parts = [p.detach().flatten() for p in policy.parameters()]
found["weights"] = torch.cat(parts)
torch.save(found, f"{folder}/{rank}.pt")
"""

# %% id="17-processes-two"
from course.launch import launch

with TemporaryDirectory() as folder:
    torch.save((small, rollouts[0]), Path(folder, "start.pt"))
    Path(folder, "program.py").write_text(START + STEPS, encoding="utf-8")
    launch([f"{folder}/program.py", folder], 2, device="cpu")
    two = [torch.load(Path(folder, f"{rank}.pt")) for rank in (0, 1)]
print("both processes hold the same weights:", end=" ")
print(torch.equal(two[0]["weights"], two[1]["weights"]))

# %% id="17-processes-one"
from course.policy.grpo import grpo_step

alone = copy.deepcopy(small)
optimizer = torch.optim.SGD(alone.parameters(), lr=0.1)
grpo_step(alone, optimizer, rollouts[0], group_size=4)
one = torch.cat([p.grad.flatten() for p in alone.parameters()])
moved = torch.cat([p.detach().flatten() for p in alone.parameters()])
gap = (two[1]["shared"] - one).abs().max()
off = (two[1]["weights"] - moved).abs().max()
wrong = (two[1]["own"] - one).norm() / one.norm()
print(f"largest differences to one process: {gap:.0e} and {off:.0e}")
print(f"each its own token mean: the gradient is {wrong:.0%} wrong")

# %% id="17-processes-claim" tags=["nbval-check-output"]
claim(
    "two processes take the step of one: gradient and weights within 1e-6",
    max(gap, off) < 1e-6, gradient=gap, weights=off,
)  # fmt: skip
claim(
    "with its own token mean each, the gradient is wrong by 1 % or more",
    wrong > 0.01, relative_error=wrong,
)  # fmt: skip

# %% [markdown] id="17-processes-bug-text"
# How large is the mistake in general? Take the gradient of the *sum* over the
# tokens of each eighth of the texts. The gradients of one, two, four and eight
# processes are then weighted means of these eight.

# %% id="17-processes-bug"
from functools import partial

from course.policy.clipping import grpo_loss
from course.policy.groups import group_advantages
from course.policy.losses import reduce_token_mean
from course.policy.rollout import logprobs_of

total = partial(reduce_token_mean, n_tokens=1)  # the sum over the tokens


# %% id="17-processes-eighths"
def eighths(rollout):
    """Gradients of each eighth's sum, (8, weights), and its tokens, (8,)."""
    mask, weights = rollout.completion_mask, list(small.parameters())
    logprobs = logprobs_of(small, rollout)
    A = group_advantages(rollout.scores, 4)
    found = []
    for rows in torch.arange(len(mask)).chunk(8):
        now, m = logprobs[rows], mask[rows]
        like = (now, now.detach(), None, A[rows], m)
        loss = grpo_loss(*like, beta=0.0, clip_eps=0.2, reduce=total)
        parts = torch.autograd.grad(loss, weights, retain_graph=True)
        found.append(torch.cat([part.flatten() for part in parts]))
    return torch.stack(found), mask.view(8, -1).sum(1)


# %% id="17-processes-bug-table"
errors = {2: [], 4: [], 8: []}
for rollout in rollouts:
    sums, tokens = eighths(rollout)
    whole = sums.sum(0) / tokens.sum()
    for P in errors:
        n = tokens.view(P, -1).sum(1)  # of each process
        own = (sums.view(P, 8 // P, -1).sum(1) / n[:, None]).mean(0)
        errors[P].append(float((own - whole).norm() / whole.norm()))
for P, values in errors.items():
    shown = "  ".join(f"{value:.2f}" for value in values)
    print(f"{P} processes: relative error {shown}")

# %% id="17-processes-bug-claim" tags=["nbval-check-output"]
claim(
    "own token means are wrong on every seed, by 5 % or more on 8 processes",
    min(errors[2]) > 0.01 and min(errors[8]) > 0.05,
)

# %% [markdown] id="17-processes-bug-after"
# The error grows with the number of processes: the fewer texts each has, the
# more their token counts differ. A mean inside each text and then over texts,
# as in the first paper on GRPO, has no such error.

# %% [markdown] id="17-processes-trap-text"
# ### Ask how many there are
#
# `accelerate launch --cpu --num_processes 2 program.py` starts **one** process, and
# says nothing (accelerate 1.15: without a GPU it takes its simple launcher). The
# program runs on half of the texts. So `join` is told how many processes are expected
# and refuses another number. This notebook is one process:

# %% id="17-processes-trap" tags=["nbval-check-output"]
from course.policy.processes import join
from course.runtime import CourseError

try:
    join(2)
except CourseError as error:
    print(error)

# %% [markdown] id="17-processes-seeds-text"
# ### A seed for each process
#
# With one seed all processes would write the same texts, and the second machine would
# add nothing. The usual repair, `seed + rank`, has a flaw: seed 0 on rank 1 is seed 1
# on rank 0. Three runs on four processes that look like twelve independent ones share
# their texts. `seed_of` keeps them apart.

# %% id="17-processes-seeds" tags=["nbval-check-output"]
from course.policy.processes import seed_of

runs = [(rank, seed) for rank in range(4) for seed in range(3)]
usual = {seed + rank for rank, seed in runs}
ours = {seed_of(rank, seed) for rank, seed in runs}
print(f"{len(runs)} processes: {len(usual)} and {len(ours)} different seeds")
claim("no two processes of three runs draw alike", len(ours) == len(runs))

# %% [markdown] id="17-processes-crash-text"
# ### When one fails
#
# A process that stops leaves the others waiting for its gradient. The launcher ends
# them all; `launch` repeats the sentence of the one that failed. A checkpoint that was
# written beside its old version and then renamed is whole at every moment.

# %% id="17-processes-crash" tags=["nbval-check-output"]
FAILS = """
import os, sys, time
if os.environ["RANK"] == "1":
    sys.exit("process 1: The disk is full.")
time.sleep(600)  # waits for the other's gradient
"""
with TemporaryDirectory() as folder:
    Path(folder, "fails.py").write_text(FAILS, encoding="utf-8")
    try:
        launch([f"{folder}/fails.py"], 2)
    except CourseError as error:
        print(error)

# %% [markdown] id="17-processes-more-text"
# On GPUs `join` connects the processes by NCCL instead of gloo and gives each the GPU
# of its number; on several machines `torchrun` is started once on each:
#
#     torchrun --nproc-per-node 8 examples/two_processes.py --processes 8
#     torchrun --nnodes 2 --node-rank RANK --master-addr HOST --master-port 29500 \
#         --nproc-per-node 8 examples/two_processes.py --processes 16

# %% [markdown] id="17-trl-text"
# ## Where the course ends: TRL and others
#
# A model that does not fit one GPU has to be cut into pieces (FSDP, DeepSpeed's
# ZeRO), and a large model writes far faster with an engine made for it (vLLM).
# The policy leaves the course by `to_transformers`, the reward by a bridge in
# the library's own signature:
#
# | library | what it calls | bridge |
# |---|---|---|
# | TRL | `reward(prompts, completions, **columns)`, a list of floats | `for_trl` |
# | OpenRLHF | `reward_func(queries, prompts, labels)`, a dictionary | `for_openrlhf` |
# | verl | `compute_score(data_source, solution_str, ground_truth, …)` | `for_verl` |
#
# The bridges check what a score returns: a NaN stops the run before it can
# spoil the policy.

# %% id="17-trl-bridges" tags=["nbval-check-output"]
from course.score_bridges import for_openrlhf, for_trl, for_verl

prompts, texts = ["The film"], [" is a joy."]
queries = ["The film is a joy."]
print(for_trl(shout)(prompts=prompts, completions=texts, label=[1]))
print(for_openrlhf(shout)(queries, prompts, [""])["rewards"])
print(for_verl(shout)("reviews", " is a joy.", None, extra_info={}))

# %% [markdown] id="17-trl-traps-text"
# Three traps on the way, each of which trains something else without a word:
#
# - TRL adds no `<bos>` to a prompt, and our models have never seen a text without it.
#   Write it in front of each prompt.
# - With a KL penalty, and in DPO, TRL loads the reference from the *path* of the model.
#   Save the model and give the folder.
# - `transformers` gives the padding token's embedding no gradient, and an
#   untrained model writes that token. Set the embedding's `padding_idx` to
#   `None`, as the example does.
#
# Does TRL compute what this course computes? Compare gradients, not losses: on the
# first step every ratio is 1, so GRPO's loss is a mean of advantages, whatever the
# policy is. `examples/trl_grpo.py` lets TRL 1.16 take one step on two processes,
# records its batch, and computes the course's gradient on it. (It needs the repository
# and `pip install -e ".[several]"` there.)

# %% id="17-trl-step"
import re
from importlib.util import find_spec

import course

example = Path(course.__file__).parents[1] / "examples" / "trl_grpo.py"
norms = None
if example.is_file() and find_spec("trl"):
    with TemporaryDirectory() as folder:
        options = ["--processes", "2", "--tiny", "--out", folder]
        printed = launch([str(example), *options], 2, device="cpu")
    norms = [float(x) for x in re.findall(r"step 1: .* (\S+)", printed)]
    print(f"gradient norm: TRL {norms[0]:.6f}, the course {norms[1]:.6f}")
else:
    print("TRL or the repository is not here; measured: 0.364246 and 0.364246")

# %% id="17-trl-claim" tags=["nbval-check-output"]
claim(
    "TRL's gradient on two processes has the norm of ours, or TRL is not here",
    norms is None or abs(norms[0] / norms[1] - 1) < 1e-4,
)

# %% [markdown] id="17-trl-launch-text"
# The same file on eight GPUs with everything sharded and vLLM on the same cards, and on
# two machines; the folder has a file for DeepSpeed, too:
#
#     accelerate launch --config_file examples/accelerate/fsdp2.yaml \
#         examples/trl_grpo.py --processes 8 --vllm
#     accelerate launch --config_file examples/accelerate/two_nodes.yaml \
#         --machine_rank RANK examples/trl_grpo.py --processes 16
#
# These two were not run here, for want of several GPUs; accelerate's own reader accepts
# the files, whose keys [TRL](https://huggingface.co/docs/trl/distributing_training)
# documents.

# %% [markdown] id="17-calculator-text"
# ## Will it fit, how long, how much?
#
# Three counts answer most of it.
#
# - **Memory of training.** Mixed precision with Adam holds 16 bytes for each
#   weight: 2 for it, 2 for its gradient, 12 for Adam. A frozen reference adds 2.
#   Sharding deals them out over the devices ([Rajbhandari and others
#   2020](https://arxiv.org/abs/1910.02054)). Adapters need the 2 bytes of the
#   frozen weights and little else.
# - **Memory of writing.** The keys and values of every text that is being written.
# - **Time.** To write a token all weights are read once, for all texts of the
#   batch together; to train on one takes 6 operations a weight, and 2 for the
#   reference. Engines reach a part of these bounds; we assume a half and a
#   third. (Llama 3's pretraining reached 38 to 43 % of its GPUs' speed,
#   [2024](https://arxiv.org/abs/2407.21783).)
#
# First against numbers that others published:

# %% id="17-calculator-known"
from course.lm.budget import Fleet, cache_bytes, decode_rate, training_gb
from course.lm.model import GPTConfig

S = GPTConfig(49_152, 8192, 576, 30, 9, 3, 1536)
L = GPTConfig(32_000, 4096, 4096, 32, 32, 32, 11_008, tied=False)
XL = GPTConfig(128_256, 8192, 8192, 80, 64, 8, 28_672, tied=False)
zero = [round(training_gb(7.5e9, 64, stage), 1) for stage in (0, 1, 2, 3)]
kept = cache_bytes(XL, 4096)
bound = decode_rate(L, Fleet(1, memory=80, bandwidth=2_000, speed=312))
print(f"7.5 B weights on 64 GPUs, ZeRO 0 to 3: {zero} GB each")
print(f"4,096 tokens in the cache of Llama-3.1-70B: {kept:,} bytes")
print(f"Llama-2-7B on an A100: at most {bound:.0f} tokens a second")

# %% id="17-calculator-claim" tags=["nbval-check-output"]
claim(
    "ZeRO's figure 1 comes out: 120, 31.4, 16.6 and 1.9 GB",
    zero == [120.0, 31.4, 16.6, 1.9],
)
claim(
    "gpt-fast's 104.9 tokens a second are between half and all of the bound",
    bound / 2 < 104.9 < bound, bound=bound,
)  # fmt: skip

# %% [markdown] id="17-calculator-table-text"
# Then for runs of GRPO: SmolLM2 with adapters on a laptop, as in this chapter;
# a model of 7 billion weights on 8 GPUs; one of 70 billion on 8 and on 64. A
# step of 512 texts of 256 + 512 tokens, 500 steps. The price, 2.50 per GPU and
# hour, is an example. "Fits" leaves a fifth of the memory to activations.

# %% id="17-calculator-table"
from course.lm.budget import run_cost

laptop = Fleet(1, memory=16, bandwidth=50, speed=0.6)
h100 = {"memory": 80, "bandwidth": 3_350, "speed": 989, "price": 2.5}
run = {"texts": 512, "prompt": 256, "completion": 512, "steps": 500}
here = {"texts": 16, "prompt": 24, "completion": 20, "steps": 18}
rows = {
    "135M, laptop": (S, laptop, here | {"adapters": 460_800}),
    "7B, 8 GPUs": (L, Fleet(8, **h100), run),
    "70B, 8 GPUs": (XL, Fleet(8, **h100), run),
    "70B, 64 GPUs": (XL, Fleet(64, **h100), run),
}

# %% id="17-calculator-print"
plans = {name: run_cost(m, fleet, **r) for name, (m, fleet, r) in rows.items()}
print(f"{'':14}GB each  cache  fits  write s  train s  hours   cost")
for name, p in plans.items():
    fits, times = ("no", "yes")[p.fits], (p.writing_s, p.training_s)
    print(
        f"{name:14}{p.states_gb:7.1f}{p.cache_gb:7.1f}{fits:>6}"
        f"{times[0]:9.1f}{times[1]:9.1f}{p.hours:7.2f}{p.cost:7.0f}"
    )

# %% id="17-calculator-fits" tags=["nbval-check-output"]
claim(
    "70 billion weights train on 64 GPUs and not on 8",
    plans["70B, 64 GPUs"].fits and not plans["70B, 8 GPUs"].fits,
)

# %% [markdown] id="17-calculator-limits-text"
# The laptop's row can be held against this chapter's own step: its processor
# time, printed above, is two to three times the table's. The counts know
# multiplications and memory, not Python, and not this processor. For the other
# rows we have no measurement. Read them as what is needed at least.

# %% [markdown] id="17-distil-text"
# ## A teacher at every token
#
# A reward says one number for a whole text. A better model can say more: at *each*
# token, the whole distribution it would have used. [**On-policy
# distillation**](../GLOSSARY.md#policy) ([Agarwal and others,
# 2024](https://arxiv.org/abs/2306.13649)) lets the student write, and pulls each of its
# next-token distributions towards the teacher's, by the reverse KL
#
# $$ \sum_t \mathrm{KL}\big(\pi(\cdot \mid y_{<t}) \,\|\,
#    \pi_{\text{teacher}}(\cdot \mid y_{<t})\big), \qquad y \sim \pi. $$
#
# The teacher is chapter 09's policy, the student the writer that it began as.
# Beside it **off-policy** distillation: the teacher's texts and the forward KL.
# And the control: the teacher's distributions, dealt to the wrong places.
# Twenty steps of 32 texts each.

# %% id="17-distil"
from course.lm.tokenizer import encode
from course.recipes import openings

writer = checkpoints.load("language-model")
teacher = checkpoints.load("policy-reinforce")
words = writer.tokenizer

starts = openings(reviews.texts("movies", "train"), words=2)
held_out = openings(reviews.texts("movies", "validation"), words=2)[:256]
print(f"{len(starts):,} openings to learn on, {len(held_out)} to be examined on:")
print(*held_out[:6], sep=" … ")


# %% id="17-distil-tools"


def wrote(model, prompts, draw):
    """Token ids and mask of prompts and completions, and where completions begin."""
    rows = encode(words, prompts, bos=True, eos=False)
    ids, mask = pad_batch(rows, words.pad_token_id, side="left")
    ids, mask = ids.to(model.device), mask.to(model.device)
    w = generate(model, ids, mask, max_new_tokens=32, eos_id=words.eos_token_id,
                 pad_id=words.pad_token_id, generator=draw)  # fmt: skip
    return torch.cat([ids, w.ids], 1), torch.cat([mask, w.mask], 1), w.mask


def next_tokens(model, ids, mask, counted):
    """Log-probability of every possible token of the completions: (batch, time, V)."""
    hidden = model.hidden(ids, attention_mask=mask)
    return model.head(hidden[:, -counted.shape[1] - 1 : -1]).log_softmax(-1)


# %% id="17-distil-loss"
def distance(way, student, texts):
    """KL, nats a token, that one way of teaching lowers on these texts."""
    ids, mask, counted = texts
    p = next_tokens(student, ids, mask, counted)[counted]  # (tokens, V)
    with torch.no_grad():
        q = next_tokens(teacher.model, ids, mask, counted)[counted]
    if way == "dealt":
        q = q[torch.randperm(len(q), generator=generator(len(q))).to(q.device)]
    one, other = (q, p) if way == "off-policy" else (p, q)
    return (one.exp() * (one - other)).sum(-1).mean()  # KL(one || other)


# %% id="17-distil-train"
def distil(way, seed, steps=20):
    """A copy of the writer, taught by the teacher in one of three ways."""
    student, draw = deepcopy(writer.model), generator(seed)
    optimizer = torch.optim.AdamW(student.parameters(), lr=5e-4)
    for n in range(steps):
        optimizer.param_groups[0]["lr"] = 5e-4 * (1 - n / steps)
        picked = torch.randint(len(starts), (32,), generator=draw).tolist()
        source = teacher.model if way == "off-policy" else student
        texts = wrote(source, [starts[i] for i in picked], draw)
        optimizer.zero_grad()
        distance(way, student, texts).backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
    return student


# %% id="17-distil-learned"
@torch.no_grad()
def learned(model):
    """Reward, and KL to the teacher in nats per text, on openings not seen before."""
    ids, mask, counted = wrote(model, held_out, generator(5))
    p, q = (next_tokens(m, ids, mask, counted) for m in (model, teacher.model))
    kl = ((p.exp() * (p - q)).sum(-1) * counted).sum(1).mean()
    texts = decode(words, ids.masked_fill(~mask.bool(), words.pad_token_id).tolist())
    return float(torch.as_tensor(judged([""] * len(texts), texts)).mean()), float(kl)


# %% id="17-distil-table"
judged = scorer(judge.model, judge.tokenizer)
reached = {}


def reach(name, model):
    """Examine a model, and print its row of the table."""
    reached[name] = learned(model)
    print(f"{name:<20} {reached[name][0]:>+6.2f} {reached[name][1]:>12.2f}")


print("                     reward   KL to the teacher")
reach("before", writer.model)
reach("the teacher", teacher.model)
for way in ("on-policy", "off-policy"):
    reach(f"{way}, seed 0", distil(way, 0))

# %% id="17-distil-more"
for seed in (1, 2):
    for way in ("on-policy", "off-policy"):
        reach(f"{way}, seed {seed}", distil(way, seed))

# %% id="17-distil-dealt"
reach("dealt, seed 0", distil("dealt", 0))

# %% id="17-distil-claim" tags=["nbval-check-output"]
on, off = ([reached[f"{way}, seed {s}"] for s in range(3)]
           for way in ("on-policy", "off-policy"))  # fmt: skip
claim("640 texts bring each of six students 9/10 of the way to the teacher's reward",
      min(x[0] for x in on + off) - reached["before"][0]
      > 0.9 * (reached["the teacher"][0] - reached["before"][0]))  # fmt: skip
claim("each of the six goes 9/10 of the way to the teacher in KL, too",
      max(x[1] for x in on + off) < 0.1 * reached["before"][1],
      on=[x[1] for x in on], off=[x[1] for x in off])  # fmt: skip
claim("with distributions dealt to wrong places it ends further away than it began",
      reached["dealt, seed 0"][1] > reached["before"][1],
      before=reached["before"][1], after=reached["dealt, seed 0"][1])  # fmt: skip

# %% [markdown] id="17-vote-text"
# Which way ends nearer, these runs do not say: when the teacher was trained anew and
# differed in rounding alone, the order of the two means was reversed. The control's
# *reward* rises, though it is further from the teacher than before training: a
# reward alone would not have told you.
#
# ## Self-consistency: one model votes with itself
#
# No training at all: draw $k$ answers and take the most frequent one ([Wang and
# others, 2023](https://arxiv.org/abs/2203.11171)). The adder of [chapter
# 11](11_grpo.ipynb) is careless: about a fifth of its single answers are right.
# Each of some 200 problems gets 64; a tie goes to the first answer, so two
# votes are worth one.
#
# **Predict first.** Where does the vote end for very large $k$: at 1?
#
# <details><summary>Answer</summary>
#
# At the share of problems whose *likeliest* answer is right. Where a wrong answer is
# likelier than the right one, more votes make the mistake more certain.
#
# </details>

# %% id="17-vote"
from collections import Counter

from course.data.arithmetic import problems
from course.lm.sampling import write
from course.reward.verifiable import unit_test_reward

adder = checkpoints.load("adder")
asked_sums = problems("held-out")[::8]


def right(texts):
    """Share of the problems that these answers solve."""
    return float(unit_test_reward(asked_sums, texts).mean())


def pools(temperature):
    """64 answers to each problem, in a list of lists."""
    often = [p for p in asked_sums for _ in range(64)]
    many = write(adder.model, adder.tokenizer, often, max_new_tokens=4,
                 temperature=temperature, generator=generator(0))  # fmt: skip
    return [many[at : at + 64] for at in range(0, len(many), 64)]


# %% id="17-vote-b"
drawn = {"T = 1": pools(1.0), "T = 0.5": pools(0.5)}
greedy = write(adder.model, adder.tokenizer, asked_sums, max_new_tokens=4, top_k=1)
levels = {"greedy": right(greedy)}
for name, pool in drawn.items():
    one = sum(right([x[k] for x in pool]) for k in range(64)) / 64
    print(f"{name}: {one:.2f} of the single answers are right")

# %% id="17-vote-figure"
KS = (1, 2, 4, 8, 16, 32, 64)
lines = {"any of the different answers, T = 1": []}
for name, pool in drawn.items():
    lines[f"vote of k, {name}"] = [
        right([Counter(x[:k]).most_common(1)[0][0] for x in pool]) for k in KS
    ]
choice = generator(1)
for k in KS:
    sets = [sorted(set(x[:k])) for x in drawn["T = 1"]]
    places = [int(torch.randint(len(x), (1,), generator=choice)) for x in sets]
    lines["any of the different answers, T = 1"].append(
        right([x[at] for x, at in zip(sets, places, strict=True)])
    )

# %% id="17-vote-picture"
alt = """Share of right sums over k. The vote at temperature 1 rises and stays below the
dashed greedy level; at 0.5 it starts higher and ends close to it. The line of a random
pick ends lowest."""
_, axes = plt.subplots()
for (name, ys), mark in zip(lines.items(), MARKERS, strict=False):
    axes.plot(range(7), ys, marker=mark, ms=4, label=name)
    print(f"{name:<36}" + " ".join(f"{y:.2f}" for y in ys))
axes.axhline(levels["greedy"], color="black", ls="--", lw=1, label="greedy")
axes.set_ylim(0, 1.1)  # room for the names
title = "Votes climb towards what greedy decoding does at once"
x = "doublings of k (0: one answer, 6: 64 answers)"
plots.finish(axes, title, x, "share of sums that are right", alt)

# %% id="17-vote-claim" tags=["nbval-check-output"]
pick, vote, cool = lines.values()
claim("a vote of 64 is right more than twice as often as one draw",
      vote[-1] > 2 * vote[0], one=vote[0], vote=vote[-1])  # fmt: skip
claim("control: picking any of the different answers does not help",
      pick[-1] < vote[0] + 0.02, pick=pick[-1])  # fmt: skip
claim("greedy decoding, which asks once, is better than any vote at temperature 1",
      levels["greedy"] > max(vote) + 0.1, greedy=levels["greedy"])  # fmt: skip

# %% [markdown] id="17-limits"
# ## What was shown, and what was not
#
# By enumeration: the text's ratio repairs the expected gradient of another sampler, a
# token's own ratio does not. By counting: an interval of the judge alone does not hold
# the truth, intervals of people and judge do. Against other libraries: merged adapters
# give transformers the policy's logits, peft reads their files, and the corrections
# equal TRL 1.16's four modes (`tests/test_adapter_files.py`, `tests/test_mismatch.py`).
#
# **Limits.** The judge is a very small one; measure yours with `swap_bias` before you
# believe either this page or larger ones. "People" are the mean of twenty raters; a
# judge of single people's taste is another question. Eighteen steps of 16 texts are a
# demonstration, not a training, and the reward model that is asked at the end is the
# one that was trained on. Chapter 14 shows what such a score is worth later. bf16 on
# your machine may round in another order, so texts and digits differ from those stored
# here.
#
# ## Test yourself
#
# 1. Why compare two logits, instead of letting the judge write its verdict?
# 2. A judge is right on 80 % of the texts. Why does its own interval not hold the
#    truth?
# 3. When is a prediction-powered interval wider than people alone?
# 4. What is the reference in a run with adapters, and what does it cost?
# 5. Why may the limit on the disagreement be larger for bf16?
# 6. Each token's ratio is 1.05. What is the ratio of a text of 20 tokens, and which of
#    the two does a limit of 2 see?
# 7. Where does a vote of k end, and what is the fair thing to compare it with?
#
# <details><summary>Answers</summary>
#
# 1. It always gives an answer, as a probability, at the price of one forward pass.
# 2. Its mistakes lean to one side; more texts make the interval narrower, not truer.
# 3. When the judge's errors vary more than what people say; tune the weight.
# 4. The same model with its adapters off: one more forward pass, no memory.
# 5. Two computations of one number differ by as much as its digits allow. A limit
#    below that would stop sound runs; one far above would miss faults.
# 6. $1.05^{20} \approx 2.65$: the text's, not the tokens'.
# 7. At the share of problems whose likeliest answer is right, if k is large enough to
#    find it; here greedy decoding finds more right answers with a single try.
#
# </details>
#
# ## Further reading
#
# - L. B. Allal and others, [*SmolLM2*](https://arxiv.org/abs/2502.02737), 2025.
# - L. Zheng and others, [*Judging LLM-as-a-Judge with MT-Bench and Chatbot
#   Arena*](https://arxiv.org/abs/2306.05685), 2023: the biases of judges.
# - A. Angelopoulos and others, [*Prediction-powered
#   inference*](https://arxiv.org/abs/2301.09633), 2023.
# - E. Ionides, [*Truncated importance
#   sampling*](https://doi.org/10.1198/106186008X320456), 2008.
# - R. Agarwal and others, [*On-Policy Distillation of Language
#   Models*](https://arxiv.org/abs/2306.13649), 2024.
# - X. Wang and others, [*Self-Consistency Improves Chain of Thought Reasoning in
#   Language Models*](https://arxiv.org/abs/2203.11171), 2023.
#
# **Next:** the [five exercises](../exercises/17_real_model.ipynb), then [appendix
# A](A_interview_questions.ipynb), the questions that interviews ask, and [appendix
# B](B_when_it_does_not_learn.ipynb), what to do when it does not learn.
