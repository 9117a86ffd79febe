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
# | **policy** $\pi(a \mid s)$ | the probability of that token: softmax of the logits |
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
# It is wrong: only Gumbel noise gives back the softmax. You find out by counting. Draw
# often, and compare how often each token *came* with how often it *should have*. The
# chi-squared test says whether chance can explain the difference.
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
# A right sampler has a p-value below 0.05 once in 20 runs, and below 0.005 once in 200.
# So one small p-value is no proof. We reject at 1 in 1,000 only, and repeat the test of
# the course's sampler ten times: the p-values of a right sampler lie anywhere from 0 to
# 1.

# %% id="03-draw"
from course.lm.sampling import sample_tokens


def invert(p, u):
    """The tokens that darts u (n,) hit on the line of probabilities p (V,)."""
    return torch.searchsorted(p.cumsum(0), u * p.sum(), right=True)


z, n = logits_after("The film is"), 8_000
u = torch.rand(n, generator=generator(0), dtype=torch.double)
gumbel = -(-torch.rand(n, len(z), generator=generator(1)).log()).log()
normal = 1.28 * torch.randn(n, len(z), generator=generator(2))  # as wide
drawn = {
    "inverted": invert(pi, u),
    "Gumbel noise": (z.float() + gumbel).argmax(1),
    "the course's draw": sample_tokens(z.expand(n, -1), generator(3)),
    "normal noise (wrong)": (z.float() + normal).argmax(1),
}


# %% id="03-chi"
def chi_squared(tokens, p):
    """p-value of the tokens (n,) under the probabilities p (V,)."""
    n = len(tokens)
    O, E = torch.bincount(tokens, minlength=len(p)).double(), n * p  # noqa: E741
    rare = E < 5
    O, E = (torch.cat((x[~rare], x[rare].sum()[None])) for x in (O, E))  # noqa: E741
    chi2, freedom = ((O - E) ** 2 / E).sum(), torch.tensor(len(E) - 1.0)
    return float(torch.special.gammaincc(freedom / 2, chi2.float() / 2))


most = pi.topk(4).indices
print(f"{'frequency of':<22}", *(f"{tokenizer.decode([i])!r:>8}" for i in most))
print(f"{'expected':<22}", *(f"{pi[i]:>8.3f}" for i in most))
for name, tokens in drawn.items():
    shares = [(tokens == i).double().mean() for i in most]
    print(f"{name:<22}", *(f"{x:>8.3f}" for x in shares),
          f"  p-value {chi_squared(tokens, pi):.3g}")  # fmt: skip

again = torch.tensor([
    chi_squared(sample_tokens(z.expand(2_000, -1), generator(seed)), pi)
                      for seed in range(10, 20)])  # fmt: skip
print("ten more runs:", " ".join(f"{x:.2f}" for x in again))

# %% id="03-chi-claim" tags=["nbval-check-output"]
claim("the probabilities of all actions sum to 1", abs(pi.sum() - 1) < 1e-9)
*right, wrong = (chi_squared(tokens, pi) for tokens in drawn.values())
claim("no right sampler is rejected at 1 in 1,000", min(right) > 0.001, p=min(right))
claim("in ten more runs its p-values have a median between 0.05 and 0.95",
      0.05 < again.median() < 0.95)  # fmt: skip
claim("normal noise is rejected at 1 in a million", wrong < 1e-6, p=wrong)

# %% [markdown] id="03-episode-text"
# Normal noise draws the likeliest tokens far too often: its tails are thinner than
# Gumbel's. Its texts look, if anything, *better* than right ones, so reading never
# finds the mistake. Counting does. Later, a policy gradient would be wrong on every
# token.
#
# ## An episode
#
# Draw, append, repeat, until the policy itself draws `<eos>` or a limit is reached.


# %% id="03-episode"
def episode(text, generator, limit=48):
    """Ids of one text: the prompt, and what the policy adds to it."""
    ids = encode(tokenizer, [text], bos=True, eos=False)[0]
    for _ in range(limit):
        z = model(torch.tensor([ids], device=model.device))[:, -1]
        ids.append(int(sample_tokens(z, generator)))
        if ids[-1] == eos:
            break
    return ids


for seed in range(4):
    ids = episode("The film is", generator(seed))
    how = "ended by itself" if ids[-1] == eos else "was cut"
    print(f"{len(ids)} tokens, {how}:{decode(tokenizer, [ids])[0]}")

# %% [markdown] id="03-temperature-text"
# ## Temperature
#
# The texts sound like reviews for a few words and then lose the thread. The model is
# small, and each unlucky draw becomes part of the next state. **Temperature** $T$ makes
# the policy more or less daring. It divides the logits:
#
# $$ p_T(v) = \mathrm{softmax}(z / T)_v. $$
#
# How daring a policy is in a state is measured by its **entropy**, in nats:
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
# In every state. With $\mathrm{Var}_T(z)$ the variance of the logits under $p_T$, the
# derivative is $dH/dT = \mathrm{Var}_T(z) / T^3$, which is never negative. The
# next cell checks this formula with autograd.
#
# </details>

# %% id="03-temperature" tags=["nbval-check-output"]
states = "", "The film is", "It 's one of the"
Ts = torch.tensor([0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 3.0, 5.0]).double()
H_of, slopes_agree = {}, True
for state in states:
    T = Ts.clone().requires_grad_()
    z = logits_after(state)
    p_T = (z / T[:, None]).softmax(-1)  # (temperatures, V)
    H = -(p_T * p_T.log()).sum(-1)
    variance = (p_T * z**2).sum(-1) - (p_T * z).sum(-1) ** 2
    H.sum().backward()
    slopes_agree &= torch.allclose(T.grad, variance / T**3, rtol=1e-5)
    H_of[state] = H.detach()
claim("dH/dT is the variance of the logits over T³", slopes_agree)
claim("entropy grows with temperature in each of these states",
      all((H.diff() > 0).all() for H in H_of.values()))  # fmt: skip
claim("it stays between 0 and ln V",
      all(H[0] > 0 and H[-1].exp() < len(z) for H in H_of.values()))  # fmt: skip

# %% id="03-temperature-figure"
plots.curves(
    {f"after “{s}”" if s else "at the start": (Ts.tolist(), H.tolist())
     for s, H in H_of.items()},
    title="Entropy grows with temperature in every state",
    x="temperature T", y="entropy of the next token (nats)",
    levels={"ln V": float(torch.tensor(len(z)).log())},
)  # fmt: skip

# %% [markdown] id="03-along-text"
# *The figure: three rising curves that flatten out below the dashed line ln V.*
#
# ## How unsure is the policy along a text?
#
# Entropy belongs to a *state*, and states differ a lot. Take sentences that people
# wrote and read the entropy of the policy before each token. `token_entropy` does
# that for a batch, and gives 0 on padding. Our tokens are pieces of words; a piece that
# begins a word carries the space before it.


# %% id="03-along"
import matplotlib.pyplot as plt

from course.data import reviews
from course.lm.objective import token_entropy

test = reviews.load("movies", "test").shuffle(seed=0)["text"][:]
rows = [row for row in encode(tokenizer, test[:200]) if len(row) <= 60]
ids, mask = pad_batch(rows, pad)
z_text = model(ids.to(model.device), mask.to(model.device)).cpu()[:, :-1]
ids, mask = ids[:, 1:], mask[:, 1:]  # logits at i predict token i + 1
H = token_entropy(z_text, mask)  # (texts, tokens), nats
pieces = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
starts = torch.tensor([piece.startswith("Ġ") for piece in pieces])[ids] & mask
inside = torch.tensor([piece.isalpha() and piece.isascii() for piece in pieces])
inside = inside[ids] & mask
inside[:, 0] = False  # a text's first word has no space before it
print(f"before a new word: {H[starts].mean():.2f} nats")
print(f"inside a word:     {H[inside].mean():.2f} nats")

row = next(i for i in range(len(rows)) if 18 <= mask[i].sum() <= 22)
words = [tokenizer.decode([int(i)]) for i in ids[row][mask[row]]]
_, axes = plt.subplots(figsize=(7.5, 3.2))
axes.bar(range(len(words)), H[row][mask[row]].tolist(), color=[
    plots.COLOURS[0] if w[0] == " " else plots.COLOURS[4] for w in words])  # fmt: skip
axes.set_xticks(range(len(words)), words, rotation=60, ha="right", fontsize=8)
axes.grid(axis="x", visible=False)
plots.finish(axes, "The policy is unsure where words begin, surer inside them",
             "token that the writer chose next (dark: begins a word)",
             "entropy before it (nats)")  # fmt: skip

# %% [markdown] id="03-filter-text"
# *The figure: one bar for each token of a sentence, up to about 6 nats; the dark bars,
# where words begin, are mostly the highest.*
#
# ## Cutting the tail: top-k and top-p
#
# At temperature 1 nearly every single token is unlikely, but all of them together are
# not: look again at the last line under the first cell of this chapter. Two filters
# cut this long tail. Cut tokens get the logit −∞, and softmax shares their probability
# among the others.
#
# - **Top-k** keeps the $k$ most likely tokens, always $k$.
# - **Top-p** (nucleus sampling) keeps the smallest set of tokens whose probability
#   reaches $p$.
#
# Both are one line once the tokens are sorted. The smallest set consists of the most
# likely tokens; a token stays when the probability *before* it has not yet
# reached $p$. "Smallest" is a strong word, so we test it against all
# 255 sets of 8 tokens, for 200 random distributions.


# %% id="03-filter" tags=["nbval-check-output"]
from course.lm.sampling import top_k_filter, top_p_filter


def kept_by_top_p(probabilities, p):
    """True on the tokens that top-p keeps; (V,)."""
    ordered, order = probabilities.sort(descending=True)
    before = ordered.cumsum(0) - ordered
    return torch.zeros(len(order), dtype=torch.bool).scatter(0, order, before < p)


sets = torch.arange(1, 256)[:, None].bitwise_and(2 ** torch.arange(8)).bool()
draws, smallest, agree = generator(4), True, True
for _ in range(200):
    z8 = 2 * torch.randn(8, generator=draws).double()
    p = float(torch.rand(1, generator=draws))
    mass = sets.double() @ z8.softmax(-1)  # of every set
    size = sets[mass >= p].sum(1).min()  # brute force
    best = sets[(mass * (sets.sum(1) == size)).argmax()]
    mine = kept_by_top_p(z8.softmax(-1), p)
    smallest &= torch.equal(mine, best)
    agree &= torch.equal(mine, top_p_filter(z8, p).isfinite())
claim("top-p is the likeliest of the smallest sets that reach p", smallest)
claim("the course's filter keeps the same tokens", agree)
claim("top-k keeps k tokens", top_k_filter(z8, 3).isfinite().sum() == 3)

# %% id="03-sizes"
flat = z_text[mask]  # every state of the texts, (states, V)
size = top_p_filter(flat, 0.9).isfinite().sum(-1)
_, axes = plt.subplots()
axes.scatter(H[mask][::2], size[::2], s=5, alpha=0.5, label="top-p, p = 0.9")
axes.axhline(40, color=plots.COLOURS[1], linestyle="--", label="top-k, k = 40")
axes.set_yscale("log")
plots.finish(axes, "Top-p keeps few tokens where the policy is sure, many where not",
             "entropy of the state (nats)", "tokens kept")  # fmt: skip
print("tokens kept in the surest tenth of states, in the middle, in the least sure:")
print(size.double().quantile(torch.tensor([0.1, 0.5, 0.9]).double()).tolist())

# %% [markdown] id="03-wrong-text"
# *The figure: a cloud that rises from one token to several hundred as entropy grows,
# and a flat dashed line at 40.*
#
# One $k$ cannot fit both kinds of states: where the policy is sure, 40 lets the tail
# in; where it is not, 40 cuts good words off. That is the reason for top-p.
#
# Some settings make no sense. The course answers them with a sentence, before
# anything is drawn.

# %% id="03-wrong" tags=["nbval-check-output"]
from course.lm.sampling import write

claim("a new word costs at least 0.5 nats more entropy than the rest of a word",
      H[starts].mean() > H[inside].mean() + 0.5)  # fmt: skip
claim("padding has entropy exactly 0", not H[~mask].any())
q10, q90 = H[mask].quantile(torch.tensor([0.1, 0.9]))
claim("unsure states have over twice the entropy of sure ones", q90 > 2 * q10)
few, many = size.double().quantile(torch.tensor([0.1, 0.9]).double())
claim("the size of the nucleus varies more than tenfold", many > 10 * few)
tail = 1 - flat.softmax(-1).topk(40).values.sum(-1)
claim("k = 40 cuts over 30 % of the probability in one state in ten",
      tail.quantile(0.9) > 0.3)  # fmt: skip
claim("in another one in ten it keeps tokens that top-p 0.9 cuts", few < 40)
for setting in ({"temperature": -1.0}, {"temperature": 0.0}, {"top_p": 0.0},
                {"top_k": 0}, {"max_new_tokens": 200}):  # fmt: skip
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
# attention, where its query meets their keys and values. So keep those. A **key-value
# cache** is a drawer for each layer; a step puts the new token's key and value in
# and takes all of them out.
#
# Our `GPT` asks a cache for two things only: its length (the position of the next
# token) and `extend`. Here is one.


# %% id="03-cache" tags=["nbval-check-output"]
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


text = torch.tensor([rows[row]], device=model.device)  # (1, time)
short, long, cached, package = Cache(), Cache(), Cache(), model.new_cache()
model(text[:, :9], cache=short), model(text, cache=long)
uncached = model(text)[0]
ones = text.split(1, dim=1)  # token by token
steps = [model(one, cache=cached)[0, 0] for one in ones]
theirs = [model(one, cache=package)[0, 0] for one in ones]
same = all(
    torch.allclose(a, b[:, :, :9], atol=1e-4)
    for layer in short.kept
    for a, b in zip(short.kept[layer], long.kept[layer], strict=True)
)
claim("later tokens leave earlier keys and values as they were", same)
claim("token by token with our cache: the same logits as all at once",
      torch.allclose(torch.stack(steps), uncached, atol=1e-3))  # fmt: skip
claim("the package's cache gives the same", torch.allclose(
    torch.stack(theirs), torch.stack(steps), atol=1e-4))  # fmt: skip
alone = model(text[:, -1:])[0, 0]
claim("without its past the last token gives others, off by over 1 somewhere",
      (alone - uncached[-1]).abs().max() > 1)  # fmt: skip

# %% [markdown] id="03-cost-text"
# How much does it save? Count the tokens that go through the model while 64 texts grow
# by 32 tokens each. **Predict first:** by which factor, roughly?
#
# <details><summary>Answer</summary>
#
# Without a cache, step $t$ sends the prompt and $t$ tokens; with one, a single token.
# The mean is the prompt plus 15.5 against about 1. The *time* falls by less: the
# logits and the draw cost the same in both ways, and small steps use a processor
# less well.
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
    encode(tokenizer, openings(test[:64], 1), eos=False), pad, side="left")  # fmt: skip
on_cpu = copy.deepcopy(model).cpu()  # where the claim below is made
never = {"max_new_tokens": 32, "eos_id": -1, "pad_id": pad}
pairs, written_by = [], {}
for _ in range(3):
    seconds = []
    for use_cache in (True, False):
        begin = perf_counter()
        written_by[use_cache] = generate(
            on_cpu, prompts, prompt_mask, use_cache=use_cache,
            generator=generator(0), **never)  # fmt: skip
        seconds.append(perf_counter() - begin)
    pairs.append(seconds)
    print(f"cached {seconds[0]:.2f} s, not cached {seconds[1]:.2f} s, "
          f"ratio {seconds[1] / seconds[0]:.1f}")  # fmt: skip

P = prompts.shape[1]
grown = range(1, 33)
plots.curves(
    {"without a cache": (list(grown), [64 * sum(range(P, P + t)) for t in grown]),
     "with a cache": (list(grown), [64 * (P + t - 1) for t in grown])},
    title=f"32 new tokens: {sum(range(P, P + 32)) / (P + 31):.0f} × fewer tokens to "
    f"compute, {median(b / a for a, b in pairs):.0f} × less time",
    x="new tokens of each text", y="tokens sent through the model",
)  # fmt: skip

# %% id="03-cost-claim" tags=["nbval-check-output"]
claim("the cache is at least 3 × faster at 64 × 32 tokens",
      median(b / a for a, b in pairs) >= 3)  # fmt: skip
claim("and changes not one sampled token",
      torch.equal(written_by[True].ids, written_by[False].ids))  # fmt: skip

# %% [markdown] id="03-batch-text"
# *The figure: without a cache the work grows like the square of the length, with one
# it is a line along the bottom.*
#
# ## Many texts at once
#
# A batch of prompts is a rectangle, so shorter prompts are padded **on the left**:
# every row then ends in the token that is to be continued. The mask tells the model
# which tokens are real; positions are counted from the first real one. Rows that draw
# `<eos>` leave the batch, so a batch costs no more than its unfinished texts. The
# result is padded **on the right**, and `lengths` says how much of each row is text.
#
# The **completion mask** is made from the lengths alone: true on the first
# `lengths[b]` tokens of row $b$, with `<eos>` included, for the policy *chose* to stop.

# %% id="03-batch"
some = ["The film is", "It", "An old story about a man who"]
ids, mask = pad_batch(encode(tokenizer, some, eos=False), pad, side="left")
ids, mask = ids.to(model.device), mask.to(model.device)
options = {"max_new_tokens": 40, "eos_id": eos, "pad_id": pad}
written = generate(model, ids, mask, generator=generator(1), **options)


def shown(row):
    """Tokens between bars, padding as a dot."""
    return "|".join("·" if i == pad else tokenizer.decode([i]) for i in row)


for prompt, completion, length in zip(ids, written.ids, written.lengths, strict=True):
    print(f"{shown(prompt.tolist())}  →  {int(length)} tokens:")
    print(f"      {shown(completion.tolist())}")

# %% id="03-batch-claim" tags=["nbval-check-output"]
from course.lm.sampling import completion_mask

greedy = generate(model, ids, mask, top_k=1, **options)
alone = [generate(model, i[m][None], m[m][None], top_k=1, **options)
         for i, m in zip(ids, mask, strict=True)]  # fmt: skip
claim("a batch writes what each prompt alone would write", all(
    torch.equal(one.ids[0], row[:n]) for one, row, n in
    zip(alone, greedy.ids, greedy.lengths, strict=True)))  # fmt: skip
blind = generate(model, ids, torch.ones_like(mask), top_k=1, **options)
claim("read padding as text, and some completion changes",
      not torch.equal(blind.ids, greedy.ids))  # fmt: skip
counted = completion_mask(written.lengths, written.ids.shape[1])
claim("each row of the mask sums to its length",
      torch.equal(counted.sum(1), written.lengths))  # fmt: skip
claim("after the end there is only padding", (written.ids[~counted] == pad).all())
try:
    generate(model, ids.flip(1), mask.flip(1), **options)
except ValueError as error:
    print(error)

# %% id="03-stop"
options["max_new_tokens"] = 64
prompts, prompt_mask = (x.to(model.device) for x in (prompts, prompt_mask))
many = generate(model, prompts, prompt_mask, generator=generator(2), **options)
still = [int((many.lengths >= t).sum()) for t in range(1, 65)]
saved = 1 - sum(still) / (64 * 64)
plots.curves(
    {"texts still being written": (list(range(1, 65)), still)},
    title=f"Texts that end leave the batch: {saved:.0%} of the steps are saved",
    x="new tokens", y="texts of 64",
)  # fmt: skip

# %% [markdown] id="03-logprob-text"
# *The figure: the number of unfinished texts falls from 64 towards 0.*
#
# ## Log-probabilities that you can train on
#
# A sampler returns, beside each token, the **log-probability** with which the policy
# drew it. Policy gradients compare it with what the model says later about the same
# tokens. So the two must agree: send the finished text through the model once more
# (**re-scoring**) and compare. This one check finds mistakes in masks, positions,
# cache, temperature and alignment. Here it is with three policies:
#
# 1. sampled at temperature 0.7, re-scored at 0.7;
# 2. sampled at 0.7, re-scored at 1: forgetting the temperature is a famous bug;
# 3. sampled with top-p, compared with the distribution that the draw really used.

# %% id="03-logprob" tags=["nbval-check-output"]
from course.lm.objective import completion_logprobs, token_logprobs


def rescore(written, temperature):
    """Log-probabilities of the written tokens, 64 texts a pass; (B, T)."""
    parts = (prompts, prompt_mask, written.ids, written.mask)
    return torch.cat([
        completion_logprobs(model, *part, temperature)[0]
        for part in zip(*(x.split(64) for x in parts), strict=True)
    ])  # fmt: skip


cool = generate(model, prompts, prompt_mask, temperature=0.7,
                generator=generator(3), **options)  # fmt: skip
claim("re-scored at its own temperature: equal to 1e-5", torch.allclose(
    cool.logprobs, rescore(cool, 0.7), rtol=1e-5, atol=1e-5))  # fmt: skip
off = (cool.logprobs - rescore(cool, 1.0))[cool.mask].abs().mean()
claim("re-scored at another temperature: off by over 0.2 nats a token", off > 0.2)

nucleus = generate(model, prompts, prompt_mask, top_p=0.9,
                   generator=generator(3), **options)  # fmt: skip
both = torch.cat((prompts, nucleus.ids), 1)
seen = torch.cat((prompt_mask, nucleus.mask), 1)
z_new = model(both, seen)[:, P - 1 : -1]
used = token_logprobs(top_p_filter(z_new, 0.9), nucleus.ids)  # drawn from these
gap = (used - nucleus.logprobs)[nucleus.mask]
claim("top-p drew every token with at least the policy's probability",
      gap.min() > -1e-4)  # fmt: skip
claim("and a text with over twice the policy's, on the average in nats",
      gap.sum() / len(both) > torch.tensor(2.0).log())  # fmt: skip

# %% [markdown] id="03-logprob-after"
# So a filtered sampler is *another policy* than the one that re-scoring knows. The
# course returns the policy's own log-probabilities, before filters, and trains on plain
# samples only: **filters are for reading, not for learning.**
#
# ## Control: no chance at all
#
# Take the most likely token each time: **greedy decoding**, the limit of temperature
# 0. It cannot make an unlucky draw. Does it write best? We forbid `<eos>` for 100
# tokens, which shows the habits of each way of writing. **Distinct-n** is the share of
# n-grams in a text that are different from each other: 1 without any repetition.
#
# **Predict first.** Which distinct-2 will greedy decoding have, next to people's 100
# tokens?


# %% id="03-loop"
def distinct_n(rows, n=2):
    """Different n-grams over all n-grams, pooled over the rows of ids."""
    grams = [g for r in rows for g in zip(*(r[i:] for i in range(n)), strict=False)]
    return len(set(grams)) / len(grams)


def write_on(prompts, choose, length=100):
    """Continue (B, P) ids by `length` tokens, never by `<eos>`."""
    cache, step, ids = model.new_cache(), prompts, []
    for _ in range(length):
        z = model(step, cache=cache)[:, -1]
        z[:, eos] = float("-inf")
        step = choose(z)[:, None]
        ids.append(step)
    return torch.cat(ids, 1).tolist()


begin = torch.tensor([[tokenizer.bos_token_id]], device=model.device)
firsts = logits_after("").topk(8).indices[:, None].to(model.device)
firsts = torch.cat((begin.expand(8, 1), firsts), 1)  # eight beginnings
people = sum((r[1:-1] for r in rows), [])  # test texts, one after another
cool_draws, plain_draws = generator(5), generator(5)
runs = {
    "greedy": write_on(firsts, lambda z: z.argmax(-1)),
    "temperature 0.5": write_on(firsts, lambda z: sample_tokens(z / 0.5, cool_draws)),
    "temperature 1": write_on(firsts, lambda z: sample_tokens(z, plain_draws)),
    "people": [people[i * 100 : (i + 1) * 100] for i in range(8)],
}
own = {name: sum(distinct_n([r]) for r in texts) / 8 for name, texts in runs.items()}
print("greedy:", decode(tokenizer, runs["greedy"])[0])
looping = own["greedy"] < 0.6 * own["people"]
plots.ladder(own, title="Greedy decoding runs in circles" if looping
             else "Greedy decoding hardly repeats itself here",
             x="distinct-2 inside 100 tokens, mean of 8 texts")  # fmt: skip

# %% id="03-loop-claim" tags=["nbval-check-output"]
claim("greedy texts have less than 0.6 × the distinct-2 of people's",
      own["greedy"] < 0.6 * own["people"])  # fmt: skip
claim("at temperature 1 it is within 0.1 of people's",
      abs(own["temperature 1"] - own["people"]) < 0.1)  # fmt: skip

# %% [markdown] id="03-examined-text"
# *The figure: four bars; the greedy texts repeat themselves most.*
#
# Why circles? A phrase that stands in the state already makes itself more likely, and
# greedy decoding never leaves a path that is only a little less likely.
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
ids, mask = pad_batch(encode(tokenizer, few, eos=False), pad, side="left")
prompts, prompt_mask = ids.to(model.device), mask.to(model.device)
greedy = generate(model, prompts, prompt_mask, top_k=1, **options)
by_greedy = greedy.logprobs.sum(1)  # (16,) nats
prompts, prompt_mask = (x.repeat_interleave(48, 0) for x in (prompts, prompt_mask))
pool = generate(model, prompts, prompt_mask, temperature=0.4,
                generator=generator(6), **options)  # fmt: skip
by_pool = rescore(pool, 1.0).sum(1).where(pool.ended, -torch.inf).view(16, 48)
best = by_pool.argmax(1) + 48 * torch.arange(16, device=model.device)
beaten = by_pool.amax(1) > by_greedy + 0.1
print(f"openings where a sample is more probable: {beaten.sum()} of 16")
for i in beaten.nonzero()[:3, 0].tolist():
    print(f"greedy  {by_greedy[i]:6.1f} nats: {few[i]}|"
          f"{decode(tokenizer, greedy.ids[i : i + 1])[0]}")  # fmt: skip
    print(f"sampled {by_pool[i].max():6.1f} nats: {few[i]}|"
          f"{decode(tokenizer, [pool.ids[best[i]]])[0]}")  # fmt: skip

# %% id="03-examined-claim" tags=["nbval-check-output"]
# seeds tried: 0, 1, 2, 6
claim("for at least 8 of 16 openings a sampled text is more probable than greedy's",
      beaten.sum() >= 8)  # fmt: skip
ended = beaten & greedy.ended
shorter = (pool.lengths[best] <= greedy.lengths)[ended].double().mean()
claim("most of the more probable texts are not longer than greedy's", shorter > 0.5)

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
#   The number of tokens is fixed because distinct-n falls as texts get longer.
# - **Quality** needs a judge other than the policy, for the policy finds its own likely
#   texts good by definition. Ours is a trigram model of chapter 01, fitted on the
#   training reviews: the mean log-probability per token that it gives. It knows which
#   words follow each other in reviews and nothing else. Its weakness is plain:
#   it prefers what is frequent to what is good.
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
    nats = sum(judge.logprob([tokenizer.bos_token_id, *row]) for row in texts)
    room, first = 2_000, []
    for row in texts:
        first.append(row[:room])
        room -= len(first[-1])
    return distinct_n(first), nats / sum(map(len, texts))


def sampled(n=128, seed=7, **settings):
    """Ids of n texts from nothing, at most 48 tokens each."""
    start = begin.expand(n, 1)
    done = generate(model, start, torch.ones_like(start), max_new_tokens=48,
                    eos_id=eos, pad_id=pad, generator=generator(seed),
                    **settings)  # fmt: skip
    return [row[:n] for row, n in
            zip(done.ids.tolist(), done.lengths.tolist(), strict=True)]  # fmt: skip


# %% id="03-curve"
heats = (0.3, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5)
at = {T: judged(sampled(temperature=T)) for T in heats}
cut = {"top-p 0.9": judged(sampled(top_p=0.9)), "top-k 40": judged(sampled(top_k=40))}
human = judged([row[1:49] for row in encode(tokenizer, test[:128])])
_, axes = plt.subplots(figsize=(6.4, 4))
axes.plot(*zip(*at.values(), strict=True), "o-", label="temperature, plain sampling")
for T, place in at.items():
    axes.annotate(f"{T:g}", place, textcoords="offset points", xytext=(5, 5))
for (name, place), mark in zip(cut.items(), "sD", strict=True):
    axes.plot(*place, mark, label=f"{name}, temperature 1")
axes.plot(*human, "k*", markersize=13, label="people")
loved = [T for T, (_, quality) in at.items() if quality > human[1]]
plots.finish(axes, f"At T ≤ {max(loved)} the judge prefers the machine to people"
             if loved else "The judge prefers people at every temperature",
             "diversity: distinct-2 of 2,000 tokens",
             "quality: judge's log-probability\n(nats per token)")  # fmt: skip

# %% id="03-curve-claim" tags=["nbval-check-output"]
# seeds tried: 0, 1, 2, 7
diversity, quality = (torch.tensor(x) for x in zip(*at.values(), strict=True))
claim("diversity grows with temperature", (diversity.diff() > 0).all())
claim("quality falls with temperature", (quality.diff() < 0).all())
claim("at T = 0.3 the judge likes the machine better than people, by 1 nat a token",
      at[0.3][1] > human[1] + 1)  # fmt: skip
claim("at T = 0.3 the texts have less than half of people's diversity",
      at[0.3][0] < 0.5 * human[0])  # fmt: skip
claim("no temperature reaches people in both",
      not any(d >= human[0] and q >= human[1] for d, q in at.values()))  # fmt: skip

# %% [markdown] id="03-curve-after"
# *The figure: a line that falls from the upper left (T = 0.3: high quality, low
# diversity) to the lower right (T = 1.5); the star of the people stands to its right.*
#
# Read it twice. First: temperature is a trade and has no right value. Second: at low
# temperatures the judge ranks the machine *above* people. Those texts are not better
# than people's; the judge can be pleased by a machine that knows what it counts. A
# number that stands for quality stops doing so when something is optimised for it. This
# will come back with every reward in this course.
#
# ## Play: the next token under all settings
#
# First by code: three temperatures, top-p 0.9. Then the panel: find a state where
# top-p 0.9 keeps a single token, and one where it keeps hundreds. Which settings change
# the *order* of the tokens? (None.) Without the panel, the line with
# `show_next_token` does the same.
#
# *The picture: the ten likeliest tokens as bars, at T = 0.5, 1 and 2; a black line
# marks the model's own probability. The bars are long when it is cold and short when it
# is hot, and their order is always the same.*

# %% id="03-play-static"
from course.widgets import show_next_token

show_next_token({"GPT": model}, tokenizer, "It 's one of the", top_p=0.9)

# %% id="03-play" tags=["widget"]
from course.widgets import next_token_explorer

next_token_explorer({"GPT": model}, tokenizer, "It 's one of the", key="03-next-token")

# %% [markdown] id="03-limits"
# ## What was shown, and what not
#
# A policy is a model and a way of drawing. The draw was tested with counts, top-p
# against all sets, the cache and the batch against plain computation, and the sampler's
# log-probabilities against re-scoring. Greedy decoding loops and does not find the most
# probable text. Temperature trades diversity for likeliness.
#
# **Limits.** One small model that writes poor English at any temperature; large models
# stay sensible at settings where this one does not. Quality was one judge's liking, and
# you saw how far to trust it. The factor of the cache holds for this size on a CPU.
# Beam search, repetition penalties and speculative decoding were left out. So was
# randomness of the hardware: on many devices greedy decoding itself can differ between
# runs, by rounding.
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
# ## Read on
#
# - A. Holtzman and others, *The Curious Case of Neural Text Degeneration*, 2019,
#   arXiv:1904.09751: top-p, and why likely text is bad text.
# - A. Fan, M. Lewis and Y. Dauphin, *Hierarchical Neural Story Generation*, 2018,
#   arXiv:1805.04833: top-k.
# - F. Stahlberg and B. Byrne, *On NMT Search Errors and Model Errors: Cat Got Your
#   Tongue?*, 2019, arXiv:1908.10090: when the most probable text is the empty one.
# - M. Caccia and others, *Language GANs Falling Short*, 2018, arXiv:1811.02549: compare
#   writers by the whole quality–diversity curve.
# - C. Maddison, D. Tarlow and T. Minka, *A\* Sampling*, 2014, arXiv:1411.0030: the
#   Gumbel trick.
# - J. Li and others, *A Diversity-Promoting Objective Function for Neural Conversation
#   Models*, 2015, arXiv:1510.03055: distinct-n.
#
# **Next:** the exercises in `exercises/03_sampling.ipynb`; then chapter 04 teaches the
# writer what to write about, and when to stop.
