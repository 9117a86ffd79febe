# %% [markdown] id="03-title"
# # 3 · Sampling
#
# A language model gives probabilities; this chapter turns them into texts, one drawn
# token at a time, and measures what each setting of the drawing wins and costs.
#
# When you have read this chapter you can:
#
# - describe a language model as a policy: states, actions, episodes;
# - draw tokens correctly, and catch a sampler that draws wrongly;
# - say what temperature, top-k and top-p do to a distribution, and compute it;
# - build the key-value cache and say why it changes nothing but the time;
# - write a batch of texts of unequal lengths, and know which of their tokens count;
# - get log-probabilities from a sampler that you may train on.
#
# Words and symbols are defined in the [glossary](../GLOSSARY.md).

# %% [markdown] id="03-policy-text"
# ## The model as a policy
#
# Part III of this course moves a writer with rewards. Its words come from
# reinforcement learning, and writing fits them exactly:
#
# | word | for a writer |
# |---|---|
# | **state** $s$ | the prefix: all tokens so far |
# | **action** $a$ | the next token |
# | [**policy**](../GLOSSARY.md#policy) $\pi(a \mid s)$ | its probability, a softmax |
# | transition | append the action to the state; nothing is random here |
# | **episode** | one text, from `<bos>` to the end-of-text token `<eos>` |
#
# All chance is in the choice of the action. So a policy is the model *and* the way we
# draw from it: another temperature is another policy.

# %% id="03-policy"
import torch

from course import checkpoints, claim, plots
from course.lm.tokenizer import decode, encode, pad_batch
from course.runtime import generator

trained = checkpoints.load("language-model")
model, tokenizer = trained.model.requires_grad_(False), trained.tokenizer
eos, pad = tokenizer.eos_token_id, tokenizer.pad_token_id


def logits_after(text):
    """Logits of the next token in the state `<bos>` + text; shape (V,)."""
    ids = encode(tokenizer, [text], bos=True, eos=False)
    return model(torch.tensor(ids, device=model.device))[0, -1].cpu().double()


pi = logits_after("The film is").softmax(-1)  # pi(a | s) for every action a
for chance, a in zip(*pi.topk(6), strict=True):
    print(f"{tokenizer.decode([int(a)])!r:>10}  {chance:.3f}")
print(f"and {len(pi) - 6} more actions, with {1 - pi.topk(6).values.sum():.3f}")

# %% id="03-policy-claim" tags=["nbval-check-output"]
claim("the probabilities of all actions sum to 1", abs(pi.sum() - 1) < 1e-9)

# %% [markdown] id="03-draw-text"
# ## Drawing one token
#
# To draw with given probabilities, lay them end to end on a line of length 1 and
# throw a dart: the token it hits is the action. In code: add the probabilities up and
# find where a uniform number $u$ falls. This **inverts the cumulative distribution**.
#
# There is a second way, the **Gumbel trick**: add independent random noise
# $g = -\log(-\log u)$ to each logit and take the largest. It looks arbitrary, and is
# exact.
#
# **Predict first.** A colleague finds the double logarithm odd and adds ordinary normal
# noise instead. The texts look fine. Is the sampler right? How would you find out?
#
# <details><summary>Answer</summary>
#
# It is wrong: of all noises that are drawn independently and alike for each token, only
# Gumbel's gives back the softmax ([Yellott
# 1977](https://doi.org/10.1016/0022-2496%2877%2990026-8)). You find out by counting.
# Draw often, and compare how often each token *came* with how often it *should have*.
# The chi-squared test says whether chance can explain the difference.
#
# </details>
#
# **Pearson's chi-squared test.** Of $n$ draws, token $v$ came $O_v$ times and was
# expected $E_v = n \, p_v$ times. Then
#
# $$ \chi^2 = \sum_v \frac{(O_v - E_v)^2}{E_v} $$
#
# is about as large as the number of terms when the sampler is right. The **p-value** is
# the probability that chance alone gives a $\chi^2$ at least this large. The
# approximation needs $E_v \ge 5$, so all rarer tokens share one term.
#
# Here are four samplers, each with 40,000 draws of one token: the dart, Gumbel noise,
# the course's own `sample_tokens`, and the colleague's normal noise, made as wide as
# Gumbel noise is.

# %% id="03-draw"
from course.lm.sampling import sample_tokens


def invert(p, u):
    """The tokens that darts u (n,) hit on the line of probabilities p (V,)."""
    return torch.searchsorted(p.cumsum(0), u * p.sum(), right=True)


film_z = logits_after("The film is")  # (V,)


def noisy(make_noise, n=40_000, part=4_000):
    """Tokens (n,): the largest of logit plus noise, some draws at a time."""
    chunks = [make_noise(part, len(film_z)) for _ in range(n // part)]
    return torch.cat([(film_z.float() + noise).argmax(1) for noise in chunks])


# %% id="03-draw-four"
chance = generator(0)  # one source of chance for all four
u = torch.rand(40_000, generator=chance, dtype=torch.double)
drawn = {
    "inverted": invert(pi, u),
    "Gumbel noise": noisy(
        lambda *shape: -(-torch.rand(*shape, generator=chance).log()).log()
    ),
    "the course's own": torch.cat(
        [sample_tokens(film_z.expand(4_000, -1), chance) for _ in range(10)]
    ),
    "normal noise (wrong)": noisy(
        lambda *shape: 1.28 * torch.randn(*shape, generator=chance)
    ),
}


# %% id="03-chi"
def chi_squared(tokens, p):
    """p-value of the tokens (n,) under the probabilities p (V,)."""
    n = len(tokens)
    observed, expected = torch.bincount(tokens, minlength=len(p)).double(), n * p
    rare = expected < 5
    O, E = (  # noqa: E741
        torch.cat((x[~rare], x[rare].sum()[None])) for x in (observed, expected)
    )
    chi2, freedom = ((O - E) ** 2 / E).sum(), torch.tensor(len(E) - 1.0).double()
    return float(torch.special.gammaincc(freedom / 2, chi2 / 2))


p_values = {name: chi_squared(tokens, pi) for name, tokens in drawn.items()}

# %% id="03-chi-table"
most = pi.topk(4).indices
print(f"{'frequency of':<22}", *(f"{tokenizer.decode([i])!r:>8}" for i in most))
print(f"{'expected':<22}", *(f"{pi[i]:>8.3f}" for i in most))
for name, tokens in drawn.items():
    shares = [(tokens == i).double().mean() for i in most]
    value = p_values[name]
    told = f"p-value {value:.2g}" if value > 1e-12 else "p-value below 1e-12"
    print(f"{name:<22}", *(f"{x:>8.3f}" for x in shares), " ", told)

# %% [markdown] id="03-chi-text"
# The p-value of a right sampler lies anywhere from 0 to 1, with equal chances: below
# 0.05 once in 20 runs. So one p-value, small or large, is no proof. We reject at 1 in
# 1,000 only, and test the course's sampler in ten more runs of 4,000 draws with other
# seeds.

# %% id="03-chi-claim" tags=["nbval-check-output"]
*right, wrong = p_values.values()
claim("no right sampler is rejected at 1 in 1,000", min(right) > 0.001, p=right)
claim("normal noise is rejected at 1 in a million", wrong < 1e-6)
again = torch.tensor([
    chi_squared(sample_tokens(film_z.expand(4_000, -1), generator(seed)), pi)
    for seed in range(10, 20)
])  # fmt: skip
claim("ten more runs of the course's sampler have a median p between 0.05 and 0.95",
      0.05 < again.median() < 0.95, p=again.sort().values)  # fmt: skip

# %% [markdown] id="03-episode-text"
# Normal noise draws the two likeliest tokens over three times too often: its upper tail
# is thinner than Gumbel's, so a rare token seldom overtakes them. No single draw looks
# wrong, so reading does not find the mistake. Counting does. Later,
# a policy gradient would trust probabilities that were not the ones drawn from.
#
# ## An episode
#
# Draw, append, repeat, until the policy itself draws `<eos>` or a limit is reached.


# %% id="03-episode"
def episode(text, generator, limit=48):
    """Ids of one text: the prompt, and what the policy adds to it."""
    ids = encode(tokenizer, [text], bos=True, eos=False)[0]
    for _ in range(limit):
        logits = model(torch.tensor([ids], device=model.device))[:, -1]
        ids.append(int(sample_tokens(logits, generator)))
        if ids[-1] == eos:
            break
    return ids


for seed in range(4):
    one = episode("The film is", generator(seed))
    how = "ended by itself" if one[-1] == eos else "was cut"
    print(f"{len(one)} tokens, {how}: {decode(tokenizer, [one])[0]}")

# %% [markdown] id="03-temperature-text"
# ## Temperature
#
# The texts sound like reviews for a few words and then lose the thread. The model is
# small, and each unlucky draw becomes part of the next state.
# [**Temperature**](../GLOSSARY.md#language-model) $T$ makes the policy more or less
# daring. It divides the logits:
#
# $$ p_T(v) = \mathrm{softmax}(z / T)_v. $$
#
# How daring a policy is in a state is measured by its
# [**entropy**](../GLOSSARY.md#language-model), in nats:
#
# $$ H = -\sum_v p_T(v) \log p_T(v). $$
#
# It is 0 when one action is certain, and $\ln V$ when all $V$ are equally likely.
#
# **Predict first.** Does a higher temperature raise the entropy in *every* state, or
# can it fall in some?
#
# <details><summary>Answer</summary>
#
# In every state where not all logits are equal. With $\mathrm{Var}_T(z)$ the variance
# of the logits under $p_T$, the derivative is $dH/dT = \mathrm{Var}_T(z) / T^3$, which
# is never negative. The next cell checks this formula with autograd.
#
# </details>

# %% id="03-temperature" tags=["nbval-check-output"]
states = "", "The film is", "It 's one of the"
Ts = torch.tensor([0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 3.0, 5.0]).double()


def entropies(z, T):
    """H of softmax(z / T) at every temperature, in nats; (temperatures,)."""
    p_T = (z / T[:, None]).softmax(-1)  # (temperatures, V)
    return -(p_T * p_T.log()).sum(-1)


for state in states:
    z, T = logits_after(state), Ts.clone().requires_grad_()
    entropies(z, T).sum().backward()  # T.grad is now dH/dT
    p_T = (z / Ts[:, None]).softmax(-1)
    variance = (p_T * z**2).sum(-1) - (p_T * z).sum(-1) ** 2
    same = torch.allclose(T.grad, variance / Ts**3, rtol=1e-5)
    claim(f"after {state!r}: dH/dT is the variance of the logits over T³", same)

# %% id="03-temperature-claim" tags=["nbval-check-output"]
from math import log

by_state = {state: entropies(logits_after(state), Ts) for state in states}
claim("entropy grows with temperature in each of these states",
      all((hs.diff() > 0).all() for hs in by_state.values()),
      at_T_1=[hs[4] for hs in by_state.values()])  # fmt: skip
claim("it stays between 0 and ln V",
      all(hs[0] > 0 and hs[-1] < log(len(pi)) for hs in by_state.values()),
      at_T_5=[hs[-1] for hs in by_state.values()], ln_V=log(len(pi)))  # fmt: skip

# %% id="03-temperature-figure"
plots.curves(
    {
        f"after “{state}”" if state else "at the start": (Ts.tolist(), hs.tolist())
        for state, hs in by_state.items()
    },
    title="Entropy grows with temperature in all three states",
    x="temperature T",
    y="entropy of the next token (nats)",
    levels={"ln V": log(len(pi))},
    alt="Three rising curves that flatten out below the dashed line ln V.",
)

# %% [markdown] id="03-along-text"
# ## How unsure is the policy along a text?
#
# Entropy belongs to a *state*, and states differ a lot. Take sentences that people
# wrote and read the entropy of the policy before each token. `token_entropy` does
# that for a batch, and gives 0 on padding. Our tokens are pieces of words; a piece that
# begins a word carries the space before it.

# %% id="03-along"
from course.data import reviews
from course.lm.objective import token_entropy

test = reviews.load("movies", "test").shuffle(seed=0)["text"][:]
rows = [row for row in encode(tokenizer, test[:200]) if len(row) <= 60]
all_ids, all_mask = pad_batch(rows, pad)
with torch.no_grad():
    z_text = model(all_ids.to(model.device), all_mask.to(model.device)).cpu()
z_text, all_ids, all_mask = z_text[:, :-1], all_ids[:, 1:], all_mask[:, 1:]  # shifted
H = token_entropy(z_text, all_mask)  # (texts, tokens), nats, 0 on padding

# %% id="03-kinds"
pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
begins = torch.tensor([piece.startswith("Ġ") for piece in pieces])[all_ids]
letters = torch.tensor([piece.isalpha() and piece.isascii() for piece in pieces])
inside = letters[all_ids] & all_mask
begins[:, 0] |= inside[:, 0]  # a text's first word has no space before it
inside[:, 0] = False
begins &= all_mask
kinds = {"begins a word": (begins, ""), "goes on with a word": (inside, "///")}
kinds["a mark or the end"] = (~begins & ~inside, "..")
print(f"before a new word: {H[begins].mean():.2f} nats")
print(f"inside a word:     {H[inside].mean():.2f} nats")

# %% id="03-along-figure"
import matplotlib.pyplot as plt

row = next(i for i in range(len(rows)) if 18 <= all_mask[i].sum() <= 22)
n = int(all_mask[row].sum())  # tokens of one text
labels = [tokenizer.decode([int(i)]) for i in all_ids[row, :n]]
_, axes = plt.subplots(figsize=(7.5, 3.4))
for name, (chosen, hatch) in kinds.items():
    at = chosen[row, :n].nonzero()[:, 0]
    axes.bar(at, H[row][at], label=name, hatch=hatch, edgecolor="white")
axes.set_xticks(range(n), labels, rotation=60, ha="right", fontsize=8)
axes.set_ylim(top=1.5 * float(H[row].max()))  # room for the legend
plots.finish(axes, "The policy is unsure where words begin, surer inside them",
             "token that the writer chose next", "entropy before it (nats)",
             alt="One bar for each token of a sentence, up to about 6 nats; the plain "
             "bars, where words begin, are mostly the highest.")  # fmt: skip

# %% id="03-along-claim" tags=["nbval-check-output"]
claim("a token that begins a word has 0.5 nats more entropy than one inside a word",
      H[begins].mean() > H[inside].mean() + 0.5,
      begins=H[begins].mean(), inside=H[inside].mean())  # fmt: skip
claim("padding has entropy exactly 0", not H[~all_mask].any())
q10, q90 = H[all_mask].quantile(torch.tensor([0.1, 0.9]))
claim("unsure states have over twice the entropy of sure ones", q90 > 2 * q10,
      least_sure_tenth=q90, surest_tenth=q10)  # fmt: skip

# %% [markdown] id="03-filter-text"
# ## Cutting the tail: top-k and top-p
#
# At temperature 1 nearly every single token is unlikely, but all of them together are
# not: look again at the line "and 2042 more actions" above. Two filters cut this long
# tail. Cut tokens get the logit −∞, and softmax shares their probability among the
# others.
#
# - [**Top-k**](../GLOSSARY.md#language-model) keeps the $k$ most likely tokens, always
#   $k$.
# - [**Top-p**](../GLOSSARY.md#language-model) (nucleus sampling) keeps the smallest set
#   of tokens whose probability reaches $p$.
#
# Both are one line once the tokens are sorted. The smallest set consists of the most
# likely tokens; a token stays when the probability *before* it has not yet
# reached $p$. "Smallest" is a strong word, so we test it against all
# 255 sets of 8 tokens, for 200 random distributions.


# %% id="03-filter"
from course.lm.sampling import top_k_filter, top_p_filter


def kept_by_top_p(probabilities, p):
    """True on the tokens that top-p keeps; (V,)."""
    ordered, order = probabilities.sort(descending=True)
    before = ordered.cumsum(0) - ordered
    return torch.zeros(len(order), dtype=torch.bool).scatter(0, order, before < p)


sets = torch.arange(1, 256)[:, None].bitwise_and(2 ** torch.arange(8)).bool()


def smallest_set(probabilities, p):
    """By brute force: of the smallest sets that reach p the likeliest; (8,)."""
    mass = sets.double() @ probabilities  # of every set
    size = sets[mass >= p].sum(1).min()
    return sets[(mass * (sets.sum(1) == size)).argmax()]


# %% id="03-filter-claim" tags=["nbval-check-output"]
draws, smallest, agree = generator(4), True, True
for _ in range(200):
    z8 = 2 * torch.randn(8, generator=draws).double()
    p = float(torch.rand(1, generator=draws))
    mine = kept_by_top_p(z8.softmax(-1), p)
    smallest &= torch.equal(mine, smallest_set(z8.softmax(-1), p))
    agree &= torch.equal(mine, top_p_filter(z8, p).isfinite())
claim("top-p is the likeliest of the smallest sets that reach p", smallest)
claim("the course's filter keeps the same tokens", agree)
claim("top-k keeps k tokens", top_k_filter(z8, 3).isfinite().sum() == 3)

# %% [markdown] id="03-sizes-text"
# How many tokens does top-p keep in the states of real texts?

# %% id="03-sizes"
flat = z_text[all_mask]  # every state of the texts, (states, V)
kept = top_p_filter(flat, 0.9).isfinite().sum(-1)
_, axes = plt.subplots()
axes.scatter(H[all_mask][::2], kept[::2], s=5, alpha=0.5, label="top-p, p = 0.9")
axes.axhline(40, color=plots.COLOURS[1], linestyle="--", label="top-k, k = 40")
axes.set_yscale("log")
plots.finish(
    axes,
    "Top-p keeps few tokens where the policy is sure, many where not",
    "entropy of the state (nats)",
    "tokens kept",
    alt="A cloud that rises from one token to several hundred as entropy grows, and a "
    "flat dashed line at 40.",
)

# %% id="03-sizes-claim" tags=["nbval-check-output"]
tenths = kept.double().quantile(torch.tensor([0.1, 0.5, 0.9]).double())
claim("the size of the nucleus varies more than tenfold", tenths[2] > 10 * tenths[0],
      surest_middle_least_sure=tenths)  # fmt: skip
tail = 1 - flat.softmax(-1).topk(40).values.sum(-1)
claim("k = 40 cuts over 30 % of the probability in one state in ten",
      tail.quantile(0.9) > 0.3, cut=tail.quantile(0.9))  # fmt: skip
claim("in another one in ten it keeps tokens that top-p 0.9 cuts", tenths[0] < 40,
      kept_by_top_p=tenths[0])  # fmt: skip

# %% [markdown] id="03-wrong-text"
# One $k$ cannot fit both kinds of states: where the policy is sure, 40 lets the tail
# in; where it is not, 40 cuts half of the probability off. That is the reason for
# top-p.
#
# Some settings make no sense. The course answers them with a sentence, before
# anything is drawn.

# %% id="03-wrong" tags=["nbval-check-output"]
from course.lm.sampling import write

for setting in (
    {"temperature": -1.0},
    {"temperature": 0.0},
    {"top_p": 0.0},
    {"top_k": 0},
    {"max_new_tokens": 200},
):
    try:
        write(model, tokenizer, ["The film"], generator=generator(0), **setting)
    except ValueError as error:
        print(f"{setting}: {error}")

# %% [markdown] id="03-cache-text"
# ## The key-value cache
#
# `episode` above is wasteful: for each new token it sends the *whole* text through the
# model again. What really has to be computed again? The model is causal: appending a
# token changes nothing at earlier positions. A new token needs the others only in
# attention, where its query meets their keys and values. So keep those. A [**key-value
# cache**](../GLOSSARY.md#language-model) is a drawer for each layer; a step puts the
# new token's key and value in and takes all of them out.
#
# Our `GPT` asks a cache for two things only: its length (the position of the next
# token) and `extend`. Here is one.


# %% id="03-cache"
class Cache:
    """Keys and values (B, heads, time, D) of every layer."""

    def __init__(self):
        self.kept = {}

    def __len__(self):
        return self.kept[0][0].shape[2] if self.kept else 0

    def extend(self, layer, *new):
        """Append new keys and values of a layer; return all."""
        pairs = zip(self.kept.get(layer, ()), new, strict=False)
        self.kept[layer] = tuple(torch.cat(x, 2) for x in pairs) or new
        return self.kept[layer]


# %% [markdown] id="03-cache-text-2"
# First: do later tokens leave earlier keys and values as they were? Read nine tokens of
# a text into one cache, the whole text into another.

# %% id="03-cache-same" tags=["nbval-check-output"]
text = torch.tensor([rows[row]], device=model.device)  # (1, time)
short, long = Cache(), Cache()
model(text[:, :9], cache=short)
model(text, cache=long)
same = all(
    torch.allclose(a, b[:, :, :9], atol=1e-4)
    for layer in short.kept
    for a, b in zip(short.kept[layer], long.kept[layer], strict=True)
)
claim("later tokens leave earlier keys and values as they were", same)

# %% [markdown] id="03-cache-text-3"
# Then: does the model say the same, token by token with a cache, as all at once? And is
# the cache needed at all?

# %% id="03-cache-claim" tags=["nbval-check-output"]
uncached = model(text)[0]
ours, package = Cache(), model.new_cache()
by_ours = [model(one, cache=ours)[0, 0] for one in text.split(1, dim=1)]
by_package = [model(one, cache=package)[0, 0] for one in text.split(1, dim=1)]
off = (torch.stack(by_ours) - uncached).abs().max()
claim("token by token with our cache: the same logits as all at once", off < 1e-3)
off = (torch.stack(by_package) - uncached).abs().max()
claim("the package's cache gives the same", off < 1e-3)
without = (model(text[:, -1:])[0, 0] - uncached[-1]).abs().max()
claim("without its past the last token gives others, off by over 1 somewhere",
      without > 1, largest_difference=without)  # fmt: skip

# %% [markdown] id="03-cost-text"
# How much does it save? Count the tokens that go through the model while 64 texts grow
# by 32 tokens each. **Predict first:** by which factor, roughly?
#
# <details><summary>Answer</summary>
#
# Without a cache, step $t$ sends the prompt and $t$ tokens; with one, a single token.
# The mean is the prompt plus 15.5 against about 1. The *time* falls by less: some costs
# of a step, such as the logits and the draw, are the same in both ways.
#
# </details>
#
# We measure in pairs, with and without in turn, and take the median ratio of three
# pairs. No text may end early, so that both do the same work.

# %% id="03-cost"
import copy
from statistics import median
from time import perf_counter

from course.lm.sampling import generate
from course.recipes import openings

prompts, prompt_mask = pad_batch(
    encode(tokenizer, openings(test[:64], 1), eos=False), pad, side="left"
)
on_cpu = copy.deepcopy(model).cpu()  # where the claim below is made


def timed(use_cache):
    """Seconds to write 32 tokens behind each of 64 prompts, and what was written."""
    how = {"max_new_tokens": 32, "eos_id": -1, "pad_id": pad, "use_cache": use_cache}
    begun = perf_counter()
    written = generate(on_cpu, prompts, prompt_mask, generator=generator(0), **how)
    return perf_counter() - begun, written


# %% id="03-cost-run"
pairs = [(timed(True), timed(False)) for _ in range(3)]
ratios = [slow[0] / fast[0] for fast, slow in pairs]
for (fast, _), (slow, _) in pairs:
    print(f"cached {fast:.2f} s, not cached {slow:.2f} s, ratio {slow / fast:.1f}")
P = prompts.shape[1]
grown = list(range(1, 33))
sent_without = [64 * sum(range(P, P + t)) for t in grown]
sent_with = [64 * (P + t - 1) for t in grown]

# %% id="03-cost-figure"
fewer = sent_without[-1] / sent_with[-1]
plots.curves(
    {"without a cache": (grown, sent_without), "with a cache": (grown, sent_with)},
    title=f"A cache: 1/{fewer:.0f} of the tokens, 1/{median(ratios):.0f} of the time",
    x="new tokens of each text",
    y="tokens sent through the model",
    alt="Without a cache the number of tokens sent grows like the square of the "
    "length, with one it is a line along the bottom.",
)

# %% id="03-cost-claim" tags=["nbval-check-output"]
claim("the cache is at least 3 × faster at 64 × 32 tokens", median(ratios) >= 3,
      ratios=ratios)  # fmt: skip
(_, with_cache), (_, without_cache) = pairs[0]
claim("and changes not one sampled token",
      torch.equal(with_cache.ids, without_cache.ids))  # fmt: skip

# %% [markdown] id="03-memory-text"
# Two things the cache does not make constant. The query of a new token still meets
# **all** earlier keys: attention's share of a step grows with the length. And the keys
# and values must lie in memory. Grouped heads ([chapter 02](02_transformer.ipynb)) make
# them smaller.

# %% id="03-memory" tags=["nbval-check-output"]
card = model.config
per_token = 2 * card.layers * card.kv_heads * card.width // card.heads  # numbers
stored = sum(x.numel() for pair in ours.kept.values() for x in pair)
claim("the cache holds keys and values of every layer for every token",
      stored == per_token * text.shape[1], numbers_per_token=per_token,
      bytes_for_64_texts_of_128=4 * per_token * 64 * 128)  # fmt: skip

# %% [markdown] id="03-batch-text"
# ## Many texts at once
#
# A batch of prompts is a rectangle, so shorter prompts are padded **on the left**:
# every row then ends in the token that is to be continued. The mask tells the model
# which tokens are real; positions are counted from the first real one. Rows that draw
# `<eos>` leave the batch, so a batch costs no more than its unfinished texts. The
# result is padded **on the right**, and `lengths` says how much of each row is text.
#
# The [**completion mask**](../GLOSSARY.md#policy) is made from the lengths alone: true
# on the first `lengths[b]` tokens of row $b$, with `<eos>` included, for the policy
# *chose* to stop.

# %% id="03-batch"
some = ["The film is", "It", "An old story about a man who"]
ids, mask = pad_batch(encode(tokenizer, some, eos=False), pad, side="left")
ids, mask = ids.to(model.device), mask.to(model.device)
ends = {"eos_id": eos, "pad_id": pad}
written = generate(model, ids, mask, max_new_tokens=40, generator=generator(1), **ends)


def shown(tokens):
    """Tokens between bars, padding as a dot."""
    return "|".join("·" if i == pad else tokenizer.decode([i]) for i in tokens)


for prompt, completion, length in zip(ids, written.ids, written.lengths, strict=True):
    print(f"{shown(prompt.tolist())}  →  {int(length)} tokens:")
    print(f"      {shown(completion.tolist())}")

# %% [markdown] id="03-batch-text-2"
# Does a batch write what each prompt alone would write? To compare without chance, both
# take the likeliest token each time (`top_k=1`). And what if the padding is read as
# text?

# %% id="03-batch-alone" tags=["nbval-check-output"]
fixed = {"top_k": 1, "max_new_tokens": 40, **ends}
together = generate(model, ids, mask, **fixed)
single = [
    generate(model, i[m][None], m[m][None], **fixed)
    for i, m in zip(ids, mask, strict=True)
]
same = all(
    torch.equal(one.ids[0], line[:length])
    for one, line, length in zip(single, together.ids, together.lengths, strict=True)
)
claim("a batch writes what each prompt alone would write", same)
blind = generate(model, ids, torch.ones_like(mask), **fixed)
claim("read padding as text, and some completion changes",
      not torch.equal(blind.ids, together.ids))  # fmt: skip

# %% id="03-batch-claim" tags=["nbval-check-output"]
from course.lm.sampling import completion_mask

counted = completion_mask(written.lengths, written.ids.shape[1])
claim("each row of the mask sums to its length",
      torch.equal(counted.sum(1), written.lengths))  # fmt: skip
claim("after the end there is only padding", (written.ids[~counted] == pad).all())
try:
    generate(model, ids.flip(1), mask.flip(1), **fixed)
except ValueError as error:
    print(error)

# %% [markdown] id="03-stop-text"
# How much does it save that finished texts leave the batch?

# %% id="03-stop"
on_device = prompts.to(model.device), prompt_mask.to(model.device)
options = {"max_new_tokens": 64, **ends}
many = generate(model, *on_device, generator=generator(2), **options)
still = [int((many.lengths >= t).sum()) for t in range(1, 65)]
saved = 1 - sum(still) / (64 * 64)
plots.curves(
    {"texts still being written": (list(range(1, 65)), still)},
    title=f"Texts that end leave the batch: {100 * saved:.0f} % of the work is saved",
    x="new tokens",
    y="unfinished texts, of 64",
    alt="The number of unfinished texts falls from 64 towards 0.",
)

# %% [markdown] id="03-logprob-text"
# ## Log-probabilities that you can train on
#
# A sampler returns, beside each token, the
# [**log-probability**](../GLOSSARY.md#language-model) with which the policy drew it.
# Policy gradients compare it with what the model says later about the same tokens. So
# the two must agree: send the finished text through the model once more
# (**re-scoring**) and compare. This one check finds mistakes in masks, positions,
# cache, temperature and alignment. Here it is in three cases:
#
# 1. sampled at temperature 0.7, re-scored at 0.7;
# 2. sampled at 0.7, re-scored at 1: the temperature is easily forgotten;
# 3. sampled with top-p, compared with the distribution that the draw really used.

# %% id="03-logprob"
from course.lm.objective import completion_logprobs, token_logprobs


def rescore(prompts, prompt_mask, written, temperature):
    """Log-probabilities of the written tokens, 64 texts a pass; (B, T)."""
    parts = (prompts, prompt_mask, written.ids, written.mask)
    return torch.cat(
        [
            completion_logprobs(model, *part, temperature)[0]
            for part in zip(*(x.split(64) for x in parts), strict=True)
        ]
    )


cool = generate(model, *on_device, temperature=0.7, generator=generator(3), **options)

# %% id="03-logprob-claim" tags=["nbval-check-output"]
own = (cool.logprobs - rescore(*on_device, cool, 0.7))[cool.mask].abs().max()
claim("re-scored at its own temperature: equal to 1e-4", own < 1e-4)
off = (cool.logprobs - rescore(*on_device, cool, 1.0))[cool.mask].abs().mean()
claim("re-scored at another temperature: off by over 0.2 nats a token", off > 0.2,
      mean_difference=off)  # fmt: skip

# %% id="03-logprob-top-p" tags=["nbval-check-output"]
nucleus = generate(model, *on_device, top_p=0.9, generator=generator(3), **options)
both = torch.cat((on_device[0], nucleus.ids), 1)
both_mask = torch.cat((on_device[1], nucleus.mask), 1)
z_new = model(both, both_mask)[:, P - 1 : -1]
used = token_logprobs(top_p_filter(z_new, 0.9), nucleus.ids)  # drawn from these
gap = (used - nucleus.logprobs)[nucleus.mask]
claim("top-p drew every token with at least the policy's probability",
      gap.min() > -1e-4)  # fmt: skip
claim("and a whole text with over twice the policy's (geometric mean)",
      gap.sum() / len(both) > log(2), nats_per_text=gap.sum() / len(both))  # fmt: skip

# %% [markdown] id="03-logprob-after"
# So a filtered sampler is *another policy* than the one that re-scoring knows. The
# course returns the policy's own log-probabilities, before filters, and trains on plain
# samples only: **filters are for reading, not for learning.**
#
# ## Control: no chance at all
#
# Take the most likely token each time: [**greedy
# decoding**](../GLOSSARY.md#language-model). It is what temperature does in the limit
# of 0. It cannot make an unlucky draw. Does it write best?
# [**Distinct-n**](../GLOSSARY.md#reward) is the share of n-grams in a text that are
# different from each other: 1 without any repetition. First eight greedy texts as they
# come, from the eight likeliest first tokens.


# %% id="03-greedy"
def distinct_n(texts, n=2):
    """Different n-grams over all n-grams, pooled over the lists of ids."""
    grams = [g for t in texts for g in zip(*(t[i:] for i in range(n)), strict=False)]
    return len(set(grams)) / len(grams)


start = torch.tensor([[tokenizer.bos_token_id]], device=model.device)
firsts = logits_after("").topk(8).indices[:, None].to(model.device)
firsts = torch.cat((start.expand(8, 1), firsts), 1)  # eight beginnings
greedy = generate(model, firsts, torch.ones_like(firsts), top_k=1, **options)
parts = (x.tolist() for x in (firsts, greedy.ids, greedy.lengths))
for first, text_ids, length in zip(*parts, strict=True):
    repeats = distinct_n([text_ids[:length]])
    print(f"{repeats:.2f}: {decode(tokenizer, [first + text_ids[:length]])[0]}")

# %% [markdown] id="03-loop-text"
# They stop soon, and some already go round. To see the habit without the rescue of an
# early end, we forbid `<eos>` for 100 tokens, in every way of writing alike. (So the
# size of the number below belongs to this rule, too.)
#
# **Predict first.** Which distinct-2 will greedy decoding have, next to 100 tokens of
# people (test reviews, one after another)?


# %% id="03-write-on"
def write_on(choose, length=100):
    """Continue the eight beginnings by `length` tokens, never by `<eos>`."""
    cache, step, ids = model.new_cache(), firsts, []
    for _ in range(length):
        logits = model(step, cache=cache)[:, -1]
        logits[:, eos] = float("-inf")
        step = choose(logits)[:, None]
        ids.append(step)
    return torch.cat(ids, 1).tolist()


# %% id="03-runs"
cool_draws, plain_draws = generator(5), generator(5)
people = sum((r[1:-1] for r in rows), [])  # test texts, one after another
runs = {
    "greedy": write_on(lambda z: z.argmax(-1)),
    "temperature 0.5": write_on(lambda z: sample_tokens(z / 0.5, cool_draws)),
    "temperature 1": write_on(lambda z: sample_tokens(z, plain_draws)),
    "people": [people[i * 100 : (i + 1) * 100] for i in range(8)],
}

# %% id="03-loop"
own_grams = {name: sum(distinct_n([t]) for t in runs[name]) / 8 for name in runs}
print("greedy:", decode(tokenizer, [firsts[0].tolist() + runs["greedy"][0]])[0])
looping = own_grams["greedy"] < 0.6 * own_grams["people"]
verdict = "runs in circles" if looping else "hardly repeats itself here"
plots.ladder(
    own_grams,
    title=f"With the end forbidden, greedy decoding {verdict}",
    x="distinct-2 inside 100 tokens, mean of 8 texts",
    alt="Four bars: the greedy texts have by far the fewest different pairs, then "
    "temperature 0.5, temperature 1 and people.",
)

# %% id="03-loop-claim" tags=["nbval-check-output"]
claim("greedy texts have less than 0.6 × the distinct-2 of people's",
      own_grams["greedy"] < 0.6 * own_grams["people"],
      greedy=own_grams["greedy"], people=own_grams["people"])  # fmt: skip
claim("at temperature 1 it is within 0.1 of people's",
      abs(own_grams["temperature 1"] - own_grams["people"]) < 0.1,
      temperature_1=own_grams["temperature 1"])  # fmt: skip

# %% [markdown] id="03-why-text"
# Why circles? A common answer: a phrase that stands in the text already makes itself
# more likely. Large models do that ([Xu and others
# 2022](https://arxiv.org/abs/2206.02369)). Does ours? Let it score sentences of people,
# then the same sentences once more behind themselves, and behind *another* sentence.
# The second guess: without chance, the same last few words lead to the same next one.

# %% id="03-why"
brief = [t[1:-1] for t in rows if 12 <= len(t) <= 26][:40]


def mean_logp(before, sentence):
    """Nats per token of a sentence after other tokens; its first token is given."""
    ids = torch.tensor([[tokenizer.bos_token_id, *before, *sentence]])
    logits = model(ids[:, :-1].to(model.device)).cpu()
    return float(token_logprobs(logits, ids[:, 1:])[0, len(before) + 1 :].mean())


first = sum(mean_logp([], s) for s in brief) / len(brief)
second = sum(mean_logp(s, s) for s in brief) / len(brief)
behind = zip(brief[1:] + brief[:1], brief, strict=True)
after_other = sum(mean_logp(other, s) for other, s in behind) / len(brief)

# %% id="03-why-claim" tags=["nbval-check-output"]
claim("behind itself a sentence is as probable as behind another, to 0.1 nats a token",
      abs(second - after_other) < 0.1, repeated=second,
      behind_another=after_other, at_the_start=first)  # fmt: skip
again_same = [
    t[i] == t[j]
    for t in runs["greedy"]
    for i in range(3, 100)
    for j in range(3, i)
    if t[i - 3 : i] == t[j - 3 : j]
]
claim("after the same three tokens greedy mostly chooses the same next one",
      sum(again_same) > len(again_same) / 2,
      share=sum(again_same) / len(again_same))  # fmt: skip

# %% id="03-why-sure" tags=["nbval-check-output"]
circles = torch.tensor(runs["greedy"], device=model.device)
with torch.no_grad():
    z_circles = model(torch.cat((firsts, circles), 1))[:, 1:-1]
z_circles[..., eos] = float("-inf")  # as it was when they were written
chances = z_circles.softmax(-1)
sure = chances.gather(-1, circles[..., None]).mean().item()
claim("yet the tokens of these greedy texts have a mean probability below 1 in 3",
      sure < 1 / 3, mean=sure)  # fmt: skip

# %% [markdown] id="03-examined-text"
# So in this small model the second guess fits and the first does not: it does not copy
# people's sentences. Each step on the circle is far from certain; greedy decoding takes
# it every time because it is the likeliest, and a draw would soon leave.
#
# ## A common description, examined
#
# > "At temperature 0 the model writes its most probable text."
#
# Temperature 0 itself divides by zero; you saw the sentence for it above. What is
# meant is greedy decoding. It takes the most probable *token* each time. The
# probability of a *text* is the product over its tokens, and the best first step need
# not lie on the best path. One counterexample refutes the description. So for 16
# openings we let greedy decoding write, draw 48 texts at temperature 0.4, and compare
# their log-probabilities under the policy at temperature 1. Only texts that end count.

# %% id="03-examined"
few = openings(test, 2)[100:116]
few_ids, few_mask = (
    x.to(model.device)
    for x in pad_batch(encode(tokenizer, few, eos=False), pad, side="left")
)
likely = generate(model, few_ids, few_mask, top_k=1, **options)
by_greedy = likely.logprobs.sum(1)  # (16,) nats
many_ids, many_mask = (x.repeat_interleave(48, 0) for x in (few_ids, few_mask))
pool = generate(model, many_ids, many_mask, temperature=0.4, generator=generator(6),
                **options)  # fmt: skip
by_pool = rescore(many_ids, many_mask, pool, 1.0).sum(1)
by_pool = by_pool.where(pool.ended, -torch.inf).view(16, 48)
beaten = by_pool.amax(1) > by_greedy + 0.1

# %% id="03-examined-texts"
best = by_pool.argmax(1) + 48 * torch.arange(16, device=model.device)
print(f"openings where a sample is more probable: {beaten.sum()} of 16")
for i in beaten.nonzero()[:3, 0].tolist():
    greedy_text = decode(tokenizer, likely.ids[i : i + 1])[0]
    sampled_text = decode(tokenizer, [pool.ids[best[i]]])[0]
    print(f"greedy  {by_greedy[i]:6.1f} nats: {few[i]}|{greedy_text}")
    print(f"sampled {by_pool[i].max():6.1f} nats: {few[i]}|{sampled_text}")

# %% id="03-examined-claim" tags=["nbval-check-output"]
# seeds tried: 0, 1, 2, 6
claim("for at least 8 of 16 openings a sampled text is more probable than greedy's",
      beaten.sum() >= 8, openings=beaten.sum())  # fmt: skip
ended = beaten & likely.ended
shorter = (pool.lengths[best] <= likely.lengths)[ended].double().mean()
claim("most of the more probable texts are not longer than greedy's", shorter > 0.5,
      share=shorter)  # fmt: skip

# %% [markdown] id="03-curve-text"
# The description is wrong, and so is the wish behind it. The more probable texts are
# mostly *short*: every token costs probability. Nobody has asked for the most probable
# review, or for the shortest.
#
# ## The price of daring: quality against diversity
#
# Now the whole range of temperatures in one picture. For each setting 128 texts start
# from nothing.
#
# - **Diversity** is distinct-2 of the first 2,000 tokens of all 128 texts together.
#   The number of tokens is fixed because distinct-n falls as more are pooled.
# - **Quality** needs a judge other than the policy, for the policy finds its own likely
#   texts good by definition. Ours is a trigram model of [chapter
#   01](01_language_model_objective.ipynb), fitted on the training reviews: the mean
#   log-probability per token that it gives. It knows which tokens follow each other in
#   reviews and nothing else. Its weakness is plain: it prefers what is frequent to what
#   is good.
#
# **Predict first.** Test reviews by people are judged too. Where do they stand: above
# all machine texts in quality, or among them?

# %% id="03-judge"
from course.lm.ngram import NGram

train = reviews.load("movies", "train")["text"][:]
held = reviews.load("movies", "validation").shuffle(seed=0)["text"][:200]
judge = NGram(3, len(tokenizer)).fit(encode(tokenizer, train))
judge.fit_weights(encode(tokenizer, held), steps=20)


def judged(texts):
    """(distinct-2 of 2,000 tokens, judge's log-probability in nats per token)."""
    nats = sum(judge.logprob([tokenizer.bos_token_id, *t]) for t in texts)
    room, pooled = 2_000, []
    for t in texts:
        pooled.append(t[:room])
        room -= len(pooled[-1])
    return distinct_n(pooled), nats / sum(map(len, texts))


# %% id="03-pooled" tags=["nbval-check-output"]
small, large = distinct_n([people[:500]]), distinct_n([people[:5000]])
claim("people's distinct-2 falls by over 0.1 as more tokens are pooled",
      large < small - 0.1, of_500=small, of_5000=large)  # fmt: skip


# %% id="03-sampled"
def sampled(count=128, seed=7, **settings):
    """Ids of texts from nothing, at most 48 tokens each."""
    nothing = start.expand(count, 1)
    done = generate(model, nothing, torch.ones_like(nothing), max_new_tokens=48,
                    generator=generator(seed), **ends, **settings)  # fmt: skip
    ends_at = zip(done.ids.tolist(), done.lengths.tolist(), strict=True)
    return [tokens[:length] for tokens, length in ends_at]


heats = (0.3, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5)
by_heat = {heat: judged(sampled(temperature=heat)) for heat in heats}
filtered = {
    "top-p 0.9": judged(sampled(top_p=0.9)),
    "top-k 40": judged(sampled(top_k=40)),
}
human = judged([t[1:49] for t in encode(tokenizer, test[:128])])

# %% id="03-curve"
_, axes = plt.subplots(figsize=(6.4, 4))
axes.plot(*zip(*by_heat.values(), strict=True), "o-", label="temperature, no filter")
for heat, place in by_heat.items():
    axes.annotate(f"{heat:g} ", place, ha="right", va="top")
axes.margins(0.1)
for (name, place), mark in zip(filtered.items(), "sD", strict=True):
    axes.plot(*place, mark, label=f"{name}, temperature 1")
axes.plot(*human, "k*", markersize=13, label="people")
loved = [heat for heat, (_, liked) in by_heat.items() if liked > human[1] + 0.2]
claimed = f"At T ≤ {max(loved)} the judge prefers the machine to people"
plots.finish(
    axes,
    claimed if loved else "The judge prefers people at every temperature",
    "diversity: distinct-2 of 2,000 tokens",
    "quality: judge's log-probability\n(nats per token)",
    alt="A line that falls from the upper left, T = 0.3 with high quality and low "
    "diversity, to the lower right, T = 1.5; the people's star stands to its right, "
    "the square of top-p beside it; the diamond of top-k lies on the line.",
)

# %% id="03-curve-claim" tags=["nbval-check-output"]
# seeds tried: 0, 1, 2, 7
diversity, quality = (torch.tensor(x) for x in zip(*by_heat.values(), strict=True))
claim("diversity grows with temperature", (diversity.diff() > 0).all(),
      from_to=(diversity[0], diversity[-1]))  # fmt: skip
claim("quality falls with temperature", (quality.diff() < 0).all(),
      from_to=(quality[0], quality[-1]))  # fmt: skip
claim("at T = 0.3 the judge likes the machine better than people, by 1 nat a token",
      quality[0] > human[1] + 1, machine=quality[0], people=human[1])  # fmt: skip
claim("at T = 0.3 the texts have less than half of people's diversity",
      diversity[0] < 0.5 * human[0], machine=diversity[0], people=human[0])  # fmt: skip
both_reached = [d >= human[0] and q >= human[1] for d, q in by_heat.values()]
claim("no temperature reaches people in both", not any(both_reached))

# %% [markdown] id="03-curve-after"
# Read it twice. First: temperature is a trade and has no right value. Second: at low
# temperatures the judge ranks the machine *above* people. Those texts are hardly better
# (at T = 0.3 they have less than half of people's diversity); the judge can be pleased
# by a machine that knows what it counts. A number that stands for quality can stop
# doing so once something is optimised for it. This will come back with every reward in
# this course.
#
# ## Play: the next token under all settings
#
# First by code: three temperatures, top-p 0.9. A black line marks the model's own
# probability. The bars are long when it is cold and short when it is hot; their order
# is always the same.

# %% id="03-play-static"
from course.widgets import show_next_token

show_next_token({"GPT": model}, tokenizer, "It 's one of the", top_p=0.9)

# %% [markdown] id="03-play-text"
# Now the panel: find a state where top-p 0.9 keeps a single token, and one where it
# keeps hundreds. Which settings change the *order* of the tokens? (None.)

# %% id="03-play" tags=["widget"]
from course.widgets import next_token_explorer

next_token_explorer({"GPT": model}, tokenizer, "It 's one of the", key="03-next-token")

# %% [markdown] id="03-library-text"
# ## The library's call, and its silent filter
#
# Outside this course you will call `generate` of Hugging Face's `transformers`. Our
# weights in its class, the three prompts of above, the likeliest token each time: the
# same texts, token for token.
#
# **Predict first.** Now 1,000 first tokens, drawn with `do_sample=True` and no other
# setting. How many lie outside the model's 50 likeliest?
#
# <details><summary>Answer</summary>
#
# None: that library cuts to the top 50 unless you say `top_k=0`. Who trains on such
# samples trains on another policy than the one that is scored.
#
# </details>

# %% id="03-library"
from course.lm.interop import to_transformers

llama = to_transformers(model, tokenizer).eval()
settings = {"max_new_tokens": 40, "do_sample": False}
theirs = llama.generate(ids, attention_mask=mask.long(), **settings)
likeliest_first = llama(start).logits[0, -1].argsort(descending=True)
rank = likeliest_first.argsort()  # 0 for the likeliest token


def outside(**more):
    """How many of 1,000 first tokens the library draws outside the likeliest 50."""
    torch.manual_seed(0)  # transformers draws from torch's global generator
    settings = {"max_new_tokens": 1, "do_sample": True, **more}
    drawn = llama.generate(start.expand(1000, 1), **settings)[:, 1]
    return int((rank[drawn] >= 50).sum())


# %% id="03-library-claim" tags=["nbval-check-output"]
claim("transformers writes the same greedy texts, token for token",
      torch.equal(theirs[:, ids.shape[1]:], together.ids))  # fmt: skip
by_default, asked = outside(), outside(top_k=0)
claim("its plain sampling never leaves the 50 likeliest tokens; with top_k=0 it does",
      by_default == 0 and asked > 10, by_default=by_default, top_k_0=asked)  # fmt: skip

# %% [markdown] id="03-limits"
# ## What was shown, and what not
#
# A policy is a model and a way of drawing. The draw was tested with counts, top-p
# against all sets, the cache and the batch against plain computation, and the sampler's
# log-probabilities against re-scoring. Greedy decoding loops and does not find the most
# probable text. Temperature trades diversity for likeliness.
#
# **Limits.** One small model that writes poor English at any temperature; large models
# copy what stands in the text, and may stay sensible where this one does not. Quality
# was one judge's liking, and you saw how far to trust it. The factor of the cache holds
# for this size on a CPU. Beam search (which keeps several beginnings at a time),
# repetition penalties and speculative decoding were left out. So was randomness of the
# hardware: greedy decoding itself can differ between devices and sizes of a batch, by
# rounding ([Yuan and others 2025](https://arxiv.org/abs/2506.09501)).
#
# ## Test yourself
#
# 1. What are state, action and episode when a model writes?
# 2. Why can you not see by reading that a sampler is wrong, and what do you do?
# 3. Which of temperature, top-k and top-p can change the order of two tokens?
# 4. Why may keys and values be kept, but not queries? (What would they be kept for?)
# 5. Why are prompts padded on the left and completions on the right?
# 6. Is `<eos>` inside the completion mask? Why?
# 7. You sampled at temperature 0.7 with top-p 0.9. Which log-probabilities do you train
#    on?
#
# <details><summary>Answers</summary>
#
# 1. The prefix; the next token; one text up to its end.
# 2. Wrong samplers may write texts that look better than right ones. Count, and compare
#    with the expected counts by a chi-squared test.
# 3. None. Dividing all logits by the same number and cutting from the end keep the
#    order.
# 4. Later tokens meet earlier keys and values again; a query is used once, by its own
#    token, and never again.
# 5. So that every row ends in the token that is to be continued; and so that the
#    completion begins in the same column in every row.
# 6. Yes: the policy chose to stop, and that choice had a probability.
# 7. None of these texts: they came from another policy than the one that re-scoring
#    knows. Sample without filters, and re-score at the temperature of sampling.
#
# </details>
#
# ## Further reading
#
# - A. Holtzman and others, [*The Curious Case of Neural Text
#   Degeneration*](https://arxiv.org/abs/1904.09751), 2020: top-p, and why likely text
#   is bad text.
# - A. Fan, M. Lewis and Y. Dauphin, [*Hierarchical Neural Story
#   Generation*](https://arxiv.org/abs/1805.04833), 2018: top-k.
# - J. Xu and others, [*Learning to Break the Loop*](https://arxiv.org/abs/2206.02369),
#   2022: repetition that feeds itself.
# - F. Stahlberg and B. Byrne, [*On NMT Search Errors and Model Errors: Cat Got Your
#   Tongue?*](https://arxiv.org/abs/1908.10090), 2019: when the most probable text is
#   the empty one.
# - M. Caccia and others, [*Language GANs Falling
#   Short*](https://arxiv.org/abs/1811.02549), 2018: compare writers by the whole
#   quality–diversity curve.
# - C. Maddison, D. Tarlow and T. Minka, [*A\*
#   Sampling*](https://arxiv.org/abs/1411.0030), 2014: the Gumbel trick.
# - J. Li and others, [*A Diversity-Promoting Objective Function for Neural Conversation
#   Models*](https://arxiv.org/abs/1510.03055), 2016: distinct-n.
#
# **Next:** [the exercises](../exercises/03_sampling.ipynb); then [chapter
# 04](04_supervised_fine_tuning.ipynb) teaches the writer what to write about, and when
# to stop.
