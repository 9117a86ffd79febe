# %% [markdown] id="01-title"
# # 1 · The language-model objective
#
# A language model gives every text a probability; you count your first ones, measure
# them fairly on new reviews, and see why a probability is not yet a reward.
#
# When you have finished you can:
#
# - write the probability of a text as a product over its tokens, and as a sum of logs;
# - show why counting is maximum likelihood, and what cross-entropy has to do with KL;
# - train a byte-level tokenizer and say what it does to perplexity;
# - smooth an n-gram model, and compare any two models in bits per byte;
# - say what goes wrong when log-probability is used as a score of texts.
#
# | symbol | in code | meaning |
# |---|---|---|
# | $y_t$ | `y[t]`, `ids` | token number $t$ of a text, a whole number below $V$ |
# | $p(y_t \mid y_{<t})$ | `p` | probability of a token after all tokens before it |
# | $\ell$ | `logp_of` | log-probability of a text, in nats |
# | $f$, $q$ | `f`, `q` | counted frequencies, a model's probabilities |
#
# The words of the whole course are in the [glossary](../GLOSSARY.md).

# %% [markdown] id="01-chain-text"
# ## A text is a chain of choices
#
# Start with a language of three words and two texts. A **bigram** model looks at
# one word and asks what comes next; it learns by counting what did come next.
# `<bos>` marks the beginning. `Fraction` keeps all numbers exact.

# %% id="01-tiny" tags=["nbval-check-output"]
from collections import Counter
from fractions import Fraction

words = ("good", "bad", "film")
corpus = ["good film bad film good good film", "bad bad film good film bad"]
pairs = Counter()
for text in corpus:
    tokens = ["<bos>", *text.split()]
    pairs.update(zip(tokens, tokens[1:], strict=False))
seen = Counter()
for (before, _), count in pairs.items():
    seen[before] += count
p = {pair: Fraction(count, seen[pair[0]]) for pair, count in pairs.items()}
for before in ("<bos>", *words):
    print(f"after {before:<5}", {w: str(p.get((before, w), 0)) for w in words})

# %% [markdown] id="01-chain-rule"
# The **chain rule** of probability multiplies these choices. It is no assumption:
# any probability of texts can be written so. (The bigram's assumption is another one:
# that of all tokens before, only the last one matters.)
#
# $$ p(y) = \prod_t p(y_t \mid y_{<t}) $$
#
# **Predict first.** There are 81 texts of four words. What is the sum of their
# probabilities?
#
# <details><summary>Answer</summary>
#
# Exactly 1. After any beginning, the probabilities of the next word sum to 1, so
# each step hands on all the probability that it received.
#
# </details>

# %% id="01-sum-one" tags=["nbval-check-output"]
from itertools import product
from math import prod

from course import claim


def probability(y):
    """p(y) of a tuple of words."""
    return prod(p.get(pair, 0) for pair in zip(("<bos>", *y), y, strict=False))


texts = list(product(words, repeat=4))
best = max(texts, key=probability)
print(len(texts), "texts; the likeliest:", " ".join(best), probability(best))
claim("all texts of four words together have probability 1, exactly",
      sum(probability(y) for y in texts) == 1)  # fmt: skip

# %% [markdown] id="01-log-text"
# ## Logarithms, because products vanish
#
# A review has dozens of tokens, a book many thousands, and a product of thousands of
# small numbers is smaller than any number that a computer keeps. The logarithm turns
# the product into a sum. Natural logarithms have the unit **nat**.
#
# $$ \ell = \log p(y) = \sum_t \log p(y_t \mid y_{<t}) $$

# %% id="01-log" tags=["nbval-check-output"]
from math import log

tiny = 0.25**1000  # a thousand tokens of probability 1/4
in_nats = sum(log(0.25) for _ in range(1000))
claim("the product of 1,000 chances of 1/4 is 0 in a computer", tiny == 0.0)
claim("the sum of their logs is a plain number", in_nats > -1400, nats=in_nats)

# %% [markdown] id="01-fit-text"
# ## Why counting is right
#
# The model that fits best is the one under which the texts that we saw are most
# probable: **maximum likelihood**. Its negative logarithm per token is the **loss**.
# Look at one context only, the word `good` of our corpus. With the counted frequencies
# $f_w$ of what follows, and any other probabilities $q_w$, the loss is the
# **cross-entropy**
#
# $$ H(f, q) = -\sum_w f_w \log q_w = H(f) + \mathrm{KL}(f \,\|\, q) $$
#
# The first part, the [**entropy**](../GLOSSARY.md#language-model) $H(f)$, is the loss
# of $q = f$. The second, the **Kullback–Leibler divergence**, is never negative, and 0
# only when $q = f$. So no $q$ beats the counts. Compute all three, and disturb the
# counts at random a thousand times.

# %% id="01-kl" tags=["nbval-check-output"]
import torch

from course.runtime import generator

f = torch.tensor([0.25, 0.75], dtype=torch.float64)  # after good: good, film


def cross_entropy(f, q):
    return -(f * q.log()).sum(-1)


noise = 0.3 * torch.randn(1000, 2, generator=generator(0), dtype=torch.float64)
q = (f.log() + noise).softmax(-1)  # (1000, 2): a thousand disturbed models
kl = (f * (f / q).log()).sum(-1)
gap = (cross_entropy(f, q) - (cross_entropy(f, f) + kl)).abs().max()
claim("cross-entropy is entropy plus KL, to 1e-12", gap < 1e-12)
above = cross_entropy(f, q) - cross_entropy(f, f)
claim("none of 1,000 disturbed models beats the counts", (above >= 0).all(),
      entropy=cross_entropy(f, f), nearest_above_it=above.min())  # fmt: skip

# %% [markdown] id="01-goals-text"
# So three goals are one goal: the highest likelihood of the corpus, the lowest
# cross-entropy, the lowest KL. They differ by a factor (minus the number of tokens) and
# by a constant ($H(f)$, in which no model appears). A constant moves no minimum and has
# no gradient. With $q$ the softmax of two logits $z$, the gradient of all three losses
# with respect to $z$ must be $q - f$, predicted minus counted.


# %% id="01-gradient" tags=["nbval-check-output"]
def goals(q):
    """Minus log-likelihood per token, cross-entropy and KL of q (..., 2)."""
    seen_pairs = 4 * f  # the corpus has good-good once, good-film three times
    likelihood = (seen_pairs * q.log()).sum(-1)
    kl = (f * (f / q).log()).sum(-1)
    return -likelihood / seen_pairs.sum(), cross_entropy(f, q), kl


z = torch.randn(2, generator=generator(1), dtype=torch.float64).requires_grad_()
slopes = [torch.autograd.grad(goals(z.softmax(-1))[k], z)[0] for k in range(3)]
claim("the three have the same gradient: q - f",
      all(torch.allclose(slope, z.softmax(-1) - f) for slope in slopes))  # fmt: skip
x = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)  # q(good | good)
lowest = [float(x[goal.argmin()]) for goal in goals(torch.stack([x, 1 - x], -1))]
claim("and are lowest at the same q, the counted 1/4",
      max(abs(q - 0.25) for q in lowest) < 1e-9, lowest=lowest)  # fmt: skip

# %% id="01-kl-figure"
from course import plots

drawn = x[2:90]
_, h, k = goals(torch.stack([drawn, 1 - drawn], -1))
plots.curves(
    {
        "cross-entropy H(f, q)": (drawn.tolist(), h.tolist()),
        "KL(f ‖ q)": (drawn.tolist(), k.tolist()),
    },
    levels={"entropy H(f)": cross_entropy(f, f).item()},
    title="One valley twice: both are lowest at the counted 0.25",
    x="q(good | good)",
    y="loss, nats per token",
    alt="Two valleys of one shape, lowest at 0.25. Cross-entropy touches the dashed "
    "line of the entropy there, KL touches 0.",
)

# %% [markdown] id="01-kl-alt"
# The upper curve is the lower one, lifted by the entropy. The entropy is a floor for
# every model that sees only this context: even one that knows the true frequencies
# cannot know which word comes next. A model that sees *more* of the past has another
# floor, a lower one; below you will see by how much.
#
# ## From text to tokens
#
# Real reviews are not three words. A **tokenizer** cuts text into
# [**tokens**](../GLOSSARY.md#language-model) from a fixed list. **Byte-pair encoding**
# starts with the 256 bytes, and joins the most frequent neighbours again and again
# until the list is full. Because every text is bytes, no text is ever outside the
# vocabulary.

# %% id="01-tokenizer" tags=["nbval-check-output"]
from course.data import reviews
from course.lm.tokenizer import decode, encode, train_tokenizer

train, valid, test = (
    reviews.texts("movies", split) for split in ("train", "validation", "test")
)
tokenizer = train_tokenizer(train, vocab_size=2048)
V = len(tokenizer)
line = "A wonderful film! 很好"
coded = encode(tokenizer, [line])
print(tokenizer.convert_ids_to_tokens(coded[0]))
claim("decoding gives the text back", decode(tokenizer, coded) == [line])

# %% [markdown] id="01-tokenizer-after"
# `Ġ` stands for a space. Frequent words are one token; the Chinese characters, which
# were never joined into tokens, fall back to bytes. `<bos>` and `<eos>` mark
# beginning and end: with `<eos>`, a model also says how probable it is that a text
# *stops*, and texts of every length share one sum of 1.
#
# ## The loss of a model with logits
#
# Neural models do not hold a table of probabilities. At every position they give $V$
# numbers, the [**logits**](../GLOSSARY.md#language-model), whose softmax is the
# distribution of the *next* token. So position $i$ is judged by token $i + 1$.
# Forgetting this shift is the classic mistake: such a model is asked for a token that
# it has just read.
#
# $$ \text{loss} = -\frac{1}{T-1}\sum_{i=1}^{T-1} \log p(y_{i+1} \mid y_{\le i}) $$

# %% id="01-shift"
ids = torch.tensor(encode(tokenizer, ["Funny and sad."]))  # (1, time)
logits = torch.randn(1, ids.shape[1], V, generator=generator(1))
tokens = tokenizer.convert_ids_to_tokens(ids[0])
for i in range(ids.shape[1] - 1):
    print(f"logits at {i}, after {tokens[i]:>8} → judged by {tokens[i + 1]}")

# %% id="01-loss" tags=["nbval-check-output"]
from course.lm.objective import next_token_loss

logp = logits.log_softmax(-1)  # (1, time, V)
T = ids.shape[1]
loss = -sum(logp[0, i, ids[0, i + 1]] for i in range(T - 1)) / (T - 1)
equal = next_token_loss(torch.zeros_like(logits), ids)
claim("the sum by hand equals the course's next_token_loss",
      torch.allclose(loss, next_token_loss(logits, ids)))  # fmt: skip
claim("equal logits cost log V nats per token",
      abs(equal - log(V)) < 1e-4, loss=equal, log_V=log(V))  # fmt: skip

# %% [markdown] id="01-ngram-text"
# [Chapter 02](02_transformer.ipynb) trains a transformer on this loss. Here we go on
# counting, because a count needs no training: an
# [**n-gram**](../GLOSSARY.md#language-model) model of order $n$ looks back at $n - 1$
# tokens.
#
# ## Counting real reviews
#
# First the floors that were promised: the loss of the counts on the very texts that
# were counted, which is their entropy. Nothing with the same context fits these texts
# better.

# %% id="01-floors"
train_ids, valid_ids, test_ids = (
    encode(tokenizer, part) for part in (train, valid, test)
)


def floor(order):
    """Entropy of a training token given the order - 1 before it, nats per token."""
    grams, pasts = Counter(), Counter()
    for row in train_ids:
        for i in range(1, len(row)):  # <bos> is never a target
            past = tuple(row[max(0, i - order + 1) : i])
            grams[past, row[i]] += 1
            pasts[past] += 1
    nats = sum(c * log(pasts[past] / c) for (past, _), c in grams.items())
    return nats / pasts.total()


# %% id="01-floors-claim" tags=["nbval-check-output"]
floors = [floor(order) for order in (1, 2, 3)]
claim("on the counted texts each longer context has a lower floor, by over 2 nats",
      floors[0] > floors[1] + 2 > floors[2] + 4, nats_per_token=floors)  # fmt: skip

# %% [markdown] id="01-control-text"
# **Predict first.** The trigram's floor is low. How large is its loss on reviews that
# it has not seen?
#
# <details><summary>Answer</summary>
#
# Infinite. One single token that was never seen after its two predecessors has
# probability 0, and −log 0 is infinite. It does not help that all others are good.
#
# </details>
#
# This is the chapter's **negative control**: the counts of the training texts, taken
# literally, must fail on new ones.

# %% id="01-control" tags=["nbval-check-output"]
from math import inf

from course.lm.ngram import NGram

raw = NGram(3, V).fit(train_ids)
impossible = sum(raw.logprob(row) == -inf for row in test_ids) / len(test_ids)
claim("an unsmoothed trigram finds none of 200 training texts impossible",
      all(raw.logprob(row) > -inf for row in train_ids[:200]))  # fmt: skip
claim("and more than nine in ten new texts", impossible > 0.9, share=impossible)

# %% [markdown] id="01-mix-text"
# The way out is to ask all orders and mix their answers:
# [**interpolation**](../GLOSSARY.md#language-model). The weights $\lambda_k \ge 0$ sum
# to 1, so the mixture is a distribution again; and because order 0, the uniform
# distribution, gives every token $1/V$, nothing is impossible while $\lambda_0 > 0$.
#
# $$ p(w) = \sum_k \lambda_k \, p_k(w) $$

# %% id="01-em"
estimates = torch.cat([raw.estimates(row) for row in test_ids])  # (tokens, 4)
orders = ["uniform", "unigram", "bigram", "trigram"]
for name, column in zip(orders, estimates.T, strict=True):
    zeros = (column == 0).double().mean()
    print(f"{name:<8} gives probability 0 to {zeros:6.2%} of the new tokens")
lam = torch.full((4,), 0.25, dtype=torch.float64)
p_k = estimates[estimates[:, 3] == 0][0]  # of a token the trigram never saw
p_w = (lam * p_k).sum()
print(f"never seen: trigram {p_k[3]:.0f}, equal mixture {p_w:.5f}")

# %% [markdown] id="01-weights-text"
# Which weights? Not those that fit the training texts best: there nothing fits better
# than the trigram, and it would get all the weight. They are chosen on the validation
# texts, by **expectation-maximisation**, a loop of two steps. First: of each token's
# probability under the mixture, which share came from each order? Second: make the mean
# of these shares the new weights. Here is one round by hand, then thirty by the
# course's function.

# %% id="01-weights"
held = torch.cat([raw.estimates(row) for row in valid_ids])  # (tokens, 4)
shares = lam * held / (lam * held).sum(1, keepdim=True)  # whose merit was each token?
print("after one round:", [round(w, 3) for w in shares.mean(0).tolist()])
models, losses = {}, {}
for order, name in enumerate(orders):
    models[name] = NGram(order, V).fit(train_ids)
    losses[name] = models[name].fit_weights(valid_ids, steps=30)
    print(f"{name:<8}", [round(w, 3) for w in models[name].weights.tolist()])

# %% id="01-em-claim" tags=["nbval-check-output"]
claim("where the trigram says impossible, the mixture does not", p_w > p_k[3])
fit = torch.tensor(losses["trigram"])
claim("no step of the fit makes the validation texts less probable",
      (fit[1:] <= fit[:-1] + 1e-9).all(), first=fit[0], last=fit[-1])  # fmt: skip
own_weight = models["trigram"].weights[3]
claim("the trigram gets less weight than all other orders together",
      own_weight < 0.5, trigram=own_weight)  # fmt: skip

# %% [markdown] id="01-write-text"
# Models made in this way can also write, token by token, from left to right. Two texts
# of each:


# %% id="01-write"
def write(model, draw, most=30):
    """A text drawn from an n-gram model."""
    ids = [tokenizer.bos_token_id]
    while len(ids) <= most and ids[-1] != tokenizer.eos_token_id:
        probabilities = model.probabilities(ids)
        ids.append(int(torch.multinomial(probabilities, 1, generator=draw)))
    return decode(tokenizer, [ids])[0]


draw = generator(0)
for name in ("unigram", "bigram", "trigram"):
    for _ in range(2):
        print(f"{name:<8}", repr(write(models[name], draw)))

# %% [markdown] id="01-bpb-text"
# ## A fair measure
#
# A loss in nats per token depends on what a token is. [**Bits per
# byte**](../GLOSSARY.md#language-model) do not: take the nats of the whole text, divide
# by $\ln 2$ to get bits, and by the number of UTF-8 bytes.
#
# $$ \text{bits per byte} = \frac{-\ell}{\ln 2 \times \text{bytes}} $$
#
# It is also the size of the text after compression: a model with 2 bits per byte lets
# you store the 8-bit bytes in 2 bits each, on the average. So a real compressor is a
# good baseline. `xz` is given the training texts first, as our models were. (Without
# weights for the lower orders, even the unigram model would find some texts impossible;
# "unigram" to "trigram" are the mixtures up to that order.)

# %% id="01-bpb"
import lzma

from course.lm.evaluation import bits_per_byte_of


def xz(texts):
    return len(lzma.compress("\n".join(texts).encode()))


n_bytes = sum(len(text.encode()) for text in test)
bigram_nats = -sum(models["bigram"].logprob(row) for row in test_ids)
print(f"by the formula:  {bigram_nats / (log(2) * n_bytes):.4f}")
bpb = {name: bits_per_byte_of(m, tokenizer, test) for name, m in models.items()}
print(f"by the function: {bpb['bigram']:.4f}")
packed = 8 * (xz(train + test) - xz(train)) / n_bytes  # bits per byte

# %% id="01-ladder-claim" tags=["nbval-check-output"]
thirds = [test[k::3] for k in range(3)]
apart = [
    bits_per_byte_of(models[worse], tokenizer, third)
    - bits_per_byte_of(models[better], tokenizer, third)
    for worse, better in zip(orders, orders[1:], strict=False)
    for third in thirds
]
claim("uniform > unigram > bigram > trigram on every third, by 0.1 bits",
      min(apart) > 0.1, smallest=min(apart))  # fmt: skip
claim("the trigram compresses better than xz", bpb["trigram"] < packed - 0.1,
      trigram=bpb["trigram"], xz=packed)  # fmt: skip

# %% id="01-signature"
plots.ladder(
    dict(sorted({**bpb, "xz": packed}.items(), key=lambda item: -item[1])),
    title="Each longer context makes new reviews more probable",
    x="held-out bits per byte (lower is better)",
    alt="Bars of held-out bits per byte: the uniform distribution is worst, then "
    "unigram, xz, bigram, and the interpolated trigram, which is best.",
)

# %% [markdown] id="01-perplexity-text"
# One set of texts could be luck. So the claim above was made on each third of the test
# texts, with a margin.
#
# ## Perplexity depends on the tokenizer
#
# [**Perplexity**](../GLOSSARY.md#language-model) is $e^{\text{loss}}$: the model is as
# unsure as if it chose fairly among that many tokens. Papers report it. It has a catch.
#
# The next cell takes **one** model, our trigram, and **one** number of nats, and
# divides by tokens, by words and by bytes. Nothing about the model changes.

# %% id="01-units"
from course.lm.evaluation import perplexity

nats = -sum(models["trigram"].logprob(row) for row in test_ids)
n_tokens = sum(len(row) - 1 for row in test_ids)  # <bos> is given
n_words = sum(len(text.split()) + 1 for text in test)  # and one end a text
for unit, number in (("token", n_tokens), ("word", n_words), ("byte", n_bytes)):
    print(f"perplexity per {unit:<5} {perplexity(nats / number):9.2f}")

# %% [markdown] id="01-vocab-text"
# **Predict first.** Now we train a tokenizer that knows single bytes only (256, and
# three special tokens), one of 512 tokens, and our own again, and a trigram model on
# each. Which has the lowest perplexity, and which the fewest bits per byte?
#
# <details><summary>Answer</summary>
#
# The two measures rank them in opposite orders. A byte is easy to guess, so its
# perplexity is low; but many are needed. Bits per byte count the whole text, and say
# that here the model with the *larger* vocabulary is better. A likely reason: its three
# tokens span more text.
#
# </details>


# %% id="01-vocab"
def measured(size):
    """Perplexity and bits per byte of a trigram model and its tokenizer."""
    own = train_tokenizer(train, size)
    model = NGram(3, len(own)).fit(encode(own, train))
    model.fit_weights(encode(own, valid), steps=30)
    held_out = encode(own, test)
    nats = -sum(model.logprob(row) for row in held_out)
    n_tokens = sum(len(row) - 1 for row in held_out)
    return perplexity(nats / n_tokens), nats / (log(2) * n_bytes)


found = {size: measured(size) for size in (259, 512)}
found[V] = perplexity(nats / n_tokens), bpb["trigram"]
for size, (ppl, bits) in found.items():
    print(f"{size:>5} tokens: perplexity {ppl:6.1f}, bits per byte {bits:.3f}")

# %% id="01-vocab-claim" tags=["nbval-check-output"]
ppls, all_bits = (torch.tensor(column) for column in zip(*found.values(), strict=True))
grows = ppls[1:] / ppls[:-1]
claim("by perplexity bytes are best and 2,048 tokens worst, by 2.5 times a step",
      (grows > 2.5).all(), factors=grows)  # fmt: skip
shrinks = all_bits[:-1] / all_bits[1:]
claim("by bits per byte it is the other way round, by 5 % a step",
      (shrinks > 1.05).all(), factors=shrinks)  # fmt: skip

# %% id="01-vocab-figure"
import matplotlib.pyplot as plt

_, axes = plt.subplots(1, 2, figsize=(8, 3))
for place, column, y, title in (
    (axes[0], 0, "perplexity", "Perplexity: 2,048 tokens look worst …"),
    (axes[1], 1, "bits per byte", "… bits per byte: they are best"),
):
    values = [row[column] for row in found.values()]
    bars = place.bar([str(size) for size in found], values, color=plots.COLOURS[column])
    place.bar_label(bars, fmt="%.1f" if column == 0 else "%.2f")
    place.margins(y=0.15)
    place.set(title=title, xlabel="size of the vocabulary", ylabel=y)
plots.show(
    "The same three models twice. The bars of perplexity grow nearly tenfold with "
    "the vocabulary; the bars of bits per byte fall."
)

# %% [markdown] id="01-score-text"
# ## Log-probability as a score of texts
#
# A language model gives each text a number. Could that number be the *score* that tells
# a liked review from a disliked one? It is the first score that we have, so try it.
#
# **Predict first.** Which test reviews get the highest $\ell$?
#
# <details><summary>Answer</summary>
#
# Short ones. Every token multiplies the probability by a number below 1, so each
# further token costs. This is **length bias**.
#
# </details>

# %% id="01-score"
trigram = models["trigram"]
logp_of = torch.tensor([trigram.logprob(row) for row in test_ids])
length = torch.tensor([float(len(row) - 1) for row in test_ids])
likeliest = logp_of.argsort(descending=True).tolist()
for k in (*likeliest[:3], likeliest[-1]):
    print(f"{logp_of[k]:8.1f} nats, {int(length[k]):3} tokens: {test[k][:60]}")

# %% id="01-score-figure"
_, axes = plt.subplots()
axes.plot(length, logp_of, ".", markersize=3, alpha=0.5)
plots.finish(
    axes,
    "The longer a review, the lower its log-probability",
    "length, tokens",
    "log-probability, nats",
    alt="A thousand reviews as dots, close to a straight line that falls with length.",
)

# %% [markdown] id="01-ratings-text"
# Dividing by the number of tokens takes most of that away. And what has either to do
# with what people like? We compare with the mean ratings of people ([chapter
# 00](00_start_here.ipynb)).

# %% id="01-ratings" tags=["nbval-check-output"]
from course.reward.metrics import pearson

mean_logp = logp_of / length
liked = torch.tensor(reviews.load("movies", "test")["mean"][:])
with_length = pearson(logp_of, length), pearson(mean_logp, length)
with_ratings = pearson(logp_of, liked), pearson(mean_logp, liked)
claim("the sum falls with length, r below -0.9",
      with_length[0] < -0.9, r=with_length[0])  # fmt: skip
claim("the mean per token much less, r above -0.5",
      with_length[1] > -0.5, r=with_length[1])  # fmt: skip
claim("what people like hardly shows in either, |r| below 0.15",
      max(abs(r) for r in with_ratings) < 0.15,
      r_of_the_sum=with_ratings[0], r_of_the_mean=with_ratings[1])  # fmt: skip

# %% [markdown] id="01-stuffed-text"
# The mean per token has a bias of its own: a text improves its mean by *adding* tokens
# that are easier than its others. Make every review worse on purpose: write "of the
# movie" behind it eight times.

# %% id="01-ratings-claim" tags=["nbval-check-output"]
stuffed = encode(tokenizer, [text + " of the movie" * 8 for text in test])
logp_stuffed = torch.tensor([trigram.logprob(row) for row in stuffed])
length_stuffed = torch.tensor([float(len(row) - 1) for row in stuffed])
raised = (logp_stuffed / length_stuffed > mean_logp).double().mean()
raised_sum = (logp_stuffed > logp_of).double().mean()
claim("empty words raise the mean of more than nine reviews in ten",
      raised > 0.9, share=raised)  # fmt: skip
claim("and the sum of none", raised_sum == 0, share=raised_sum)

# %% [markdown] id="01-examined-text"
# ## A common description, examined
#
# > "The reward model is trained with the loss $-\sum \log P(y \mid x)$."
#
# Formulas like this one circulate in articles on learning from human feedback. What it
# says depends on what $y$ is. **First reading:** $y$ is a text. Then it is the
# language-model objective that you have just met. Does it know what people prefer? Take
# pairs of test reviews, one clearly better rated than the other, and ask which of the
# two has the higher mean log-probability.

# %% id="01-examined" tags=["nbval-check-output"]
test_rows = reviews.load("movies", "test")
score = dict(zip(test, mean_logp.tolist(), strict=True))
rating = dict(zip(test, liked.tolist(), strict=True))
right = []
for seed in range(3):  # three draws of 1,000 pairs
    drawn_pairs = reviews.pairs(test_rows, 1000, min_gap=1.0, seed=seed)
    duels = [(d["text_a"], d["text_b"]) for d in drawn_pairs]
    duels = [d if rating[d[0]] > rating[d[1]] else d[::-1] for d in duels]
    right.append(sum(score[won] > score[lost] for won, lost in duels) / len(duels))
claim("probability finds the liked one hardly better than a coin, 40 to 60 %",
      min(right) > 0.4 and max(right) < 0.6, share_right=right)  # fmt: skip

# %% [markdown] id="01-exchange-text"
# Nor can the loss be told which of the two is better. Summed over all texts, winners
# and losers stand in it alike; exchange them, and every term is still there. A loss for
# a reward model needs better and worse on *different sides*. The [**pairwise
# loss**](../GLOSSARY.md#reward) of [chapter 07](07_reward_model.ipynb) has them so.
# Every text gets a number, its score $r$; the loss is
#
# $$ -\log \sigma(r_w - r_l), \qquad \sigma(d) = \frac{1}{1 + e^{-d}}, $$
#
# with $w$ the winner and $l$ the loser. Here the scores are simply the mean ratings.
#
# **Second reading:** $y$ is not a text but the *label* of a pair, "the first is
# better", and $P = \sigma(r_1 - r_2)$ its probability under the model. Then the loss of
# the description **is** the pairwise loss, and the description is right.

# %% id="01-examined-claim" tags=["nbval-check-output"]
from course.reward.losses import pairwise_loss

r_w, r_l = torch.tensor([(rating[won], rating[lost]) for won, lost in duels]).T
as_it_is, exchanged = pairwise_loss(r_w, r_l), pairwise_loss(r_l, r_w)
claim("exchanging winners and losers raises the pairwise loss by more than 1 nat",
      exchanged > as_it_is + 1, as_it_is=as_it_is, exchanged=exchanged)  # fmt: skip
two = torch.stack([r_w, r_l], -1)  # softmax of two scores: P(first is better)
label_loss = torch.nn.functional.cross_entropy(two, torch.zeros(len(two)).long())
claim("-log P(label) with P = σ(r₁ − r₂) is the pairwise loss",
      abs(label_loss - as_it_is) < 1e-6, label_loss=label_loss)  # fmt: skip

# %% [markdown] id="01-examined-after"
# Verdict: with $y$ a text, the description is **wrong**. $-\sum \log P(y \mid x)$ asks
# a model to imitate texts, whichever they are. Summed over the liked texts *only*, it
# is supervised fine-tuning ([chapter 04](04_supervised_fine_tuning.ipynb)): imitation
# of good texts, still not a judge. With $y$ the label it is right, and says everything
# in the small print.
#
# ## Play: what comes next?
#
# First a picture of what each order expects after the same words.

# %% id="01-strip"
from course.widgets.next_token import context_ids, next_token_table

_, places = plt.subplots(1, 3, figsize=(9.5, 3))
context = context_ids(tokenizer, "The film is")
reads = ("nothing", "“is”", "“film is”")
for place, name, what in zip(places, orders[1:], reads, strict=True):
    expected = models[name].probabilities(context)
    likely = next_token_table(expected, tokenizer, n=8)[::-1]
    place.barh([repr(row.token) for row in likely], [row.before for row in likely])
    place.set(title=f"{name} reads {what}", xlabel="probability")
plots.show(
    "Three bar charts of the eight likeliest tokens after “The film is”. The unigram "
    "model expects punctuation, the end and small words; bigram and trigram expect "
    "what can follow “is”."
)

# %% [markdown] id="01-strip-alt"
# The unigram model has not read the words: it expects punctuation, the end of the text
# and small words. Bigram and trigram expect what can follow "is".
#
# In the panel, choose the model, change the words, and turn the
# [**temperature**](../GLOSSARY.md#language-model): all log-probabilities are divided by
# it, so below 1 the likely tokens gain, above 1 the unlikely ones. ([Chapter
# 03](03_sampling.ipynb) explains it, and the other controls.)

# %% id="01-widget" tags=["widget"]
from course.widgets import next_token_explorer

next_token_explorer(models, tokenizer, "The film is", key="01-next-token")

# %% [markdown] id="01-question-text"
# Without the panel, for three temperatures:

# %% id="01-play-static"
from course.widgets import show_next_token

show_next_token({"trigram": trigram}, tokenizer, "The film is", n=6)

# %% [markdown] id="01-question-ask"
# **A question for the panel.** At which temperature has the trigram model's next token
# after "The film is" an entropy of 2 bits? Put your number in place of `None` and run
# the cell. The panel answers it by trying; `course.hint(question)` helps.

# %% id="01-question"
from course import check
from course.widgets.exercises import temperature_question

question = temperature_question(trigram.probabilities(context), bits=2.0)
answer = check(None, question)

# %% [markdown] id="01-limits"
# ## What was shown, and what not
#
# Counting maximises likelihood; what any other model loses against the counts is a KL.
# Longer contexts help as long as they are smoothed. Bits per byte compare models across
# tokenizers; perplexity per token does not. And probability is no reward: the sum
# prefers short texts, the mean can be raised by empty words, and neither says much
# about which texts people rated positive.
#
# **Limits.** A trigram sees two tokens, so it cannot know what a sentence is about.
# Interpolation with fixed weights is a simple smoothing; [chapter
# 02](02_transformer.ipynb) measures Kneser–Ney, which is better. The numbers are for
# one kind of text, short and English. That *this* model's probability says little about
# sentiment does not show that every model's would; [chapter
# 05](05_rewards_by_rule.ipynb) asks again.
#
# ## Test yourself
#
# 1. The chain rule holds for every model. What does a bigram model assume beyond it?
# 2. What is the loss of a model that knows the true frequencies?
# 3. Why are the weights of the mixture not chosen on the training texts?
# 4. Two papers report perplexity 12 and 60. Which model is better?
# 5. A text is written twice in a row. What happens to $\ell$, and to $\ell$ per token?
# 6. What does a loss need, to be one for a reward model?
#
# <details><summary>Answers</summary>
#
# 1. That of all tokens before, only the last one matters.
# 2. The entropy of the next token given the context that it sees.
# 3. There nothing fits better than the longest context, so it would get all the weight,
#    and the mixture would find new texts impossible again.
# 4. Nobody can say before knowing tokens and texts: our trigram has 3.9 per byte and 74
#    per token. Ask for bits per byte on the same texts.
# 5. For a model that sees a few tokens, $\ell$ about doubles and the mean stays. (A
#    model that copies would find the second half easy; [chapter 03](03_sampling.ipynb)
#    tests ours.)
# 6. Better and worse on different sides: exchanging them must change it.
#
# </details>
#
# ## Further reading
#
# - C. E. Shannon, [*A Mathematical Theory of
#   Communication*](https://doi.org/10.1002/j.1538-7305.1948.tb01338.x), 1948: n-grams,
#   entropy, and texts drawn from them, by hand.
# - F. Jelinek and R. Mercer, *Interpolated Estimation of Markov Source Parameters from
#   Sparse Data*, in E. Gelsema and L. Kanal (editors), *Pattern Recognition in
#   Practice*, North-Holland, 1980, pages 381–397: the mixture. (In print only; the next
#   paper tells it again.)
# - S. F. Chen and J. Goodman, [*An Empirical Study of Smoothing Techniques for Language
#   Modeling*](https://doi.org/10.1006/csla.1999.0128), 1999: which smoothing is best,
#   measured.
# - R. Sennrich, B. Haddow and A. Birch, [*Neural Machine Translation of Rare Words with
#   Subword Units*](https://arxiv.org/abs/1508.07909), 2016: byte-pair encoding.
# - G. Delétang and others, [*Language Modeling Is
#   Compression*](https://arxiv.org/abs/2309.10668), 2023.
#
# **Next:** four functions to write in [the
# exercises](../exercises/01_language_model_objective.ipynb); then [chapter
# 02](02_transformer.ipynb), where a transformer is up against the best bar of the
# figure of bits per byte.
