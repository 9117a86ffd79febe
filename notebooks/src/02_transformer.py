# %% [markdown] id="02-title"
# # 2 · A transformer from scratch
#
# You build, part by part, the network that the whole course rests on; you check
# attention and norm against torch and the whole against Hugging Face transformers,
# compare a trained one with the best counting models, and load a real pretrained model
# into the same class.
#
# At the end you can
#
# - compute attention by hand, from the mean of the past to several heads;
# - write causal attention with grouped heads, a block, a model and its training loop;
# - explain how a model that reads a set learns about **order**;
# - count the parameters of a model from its shape;
# - tell a broken model from a good one by five quick tests;
# - read a loss curve in bits per byte, and see where a model starts to learn by heart;
# - move a model between your own code and a library, and prove that it is the same.
#
# The chapter takes about an hour to read and about a minute to run. The trained
# model comes from `checkpoints`, which trains it the first time (a few minutes); the
# real model is fetched once (93 MB).
#
# ## Why counting is not enough
#
# [Chapter 01](01_language_model_objective.ipynb) ended with n-gram models. A trigram
# sees two tokens; whatever came before is gone. Two openings that end in the same two
# tokens get the same forecast, exactly.
#
# Counting is the bar for this chapter, and there are two kinds of it. **Interpolated**
# n-grams (chapter 01) have their mixing weights fitted here **on the very texts that
# are then scored**: that flatters them, so the bar is high. **Kneser–Ney** smoothing
# subtracts a discount from every count, for what was never seen; and when it falls back
# to a shorter context, it asks in how many *different* places a token occurred, not how
# often. Of the counting methods that Chen and Goodman compared, only their own variant
# of it was better.

# %% id="02-data"
import torch
import torch.nn.functional as F

from course import checkpoints, claim, plots
from course.data import reviews
from course.lm.evaluation import bits_per_byte_of
from course.lm.ngram import KneserNey, NGram
from course.lm.tokenizer import encode

trained = checkpoints.load("language-model")
tokenizer = trained.tokenizer
V = len(tokenizer)  # size of the vocabulary
train_texts = reviews.texts("movies", "train")
held_out_texts = reviews.texts("movies", "validation")
train_rows = encode(tokenizer, train_texts)
print(f"{len(train_rows)} texts, {sum(map(len, train_rows))} tokens to learn from")
print(f"{len(held_out_texts)} texts held out, {V} different tokens")

# %% id="02-lines"
held_out_rows = encode(tokenizer, held_out_texts)
lines = {}
for order, name in ((2, "bigram"), (3, "trigram"), (4, "4-gram")):
    ngram = NGram(order, V).fit(train_rows)
    ngram.fit_weights(held_out_rows, steps=12)
    lines[name] = bits_per_byte_of(ngram, tokenizer, held_out_texts)
    print(f"{name:8} {lines[name]:.3f} bits per byte")
best_ngram = min(lines.values())
kneser_ney = KneserNey(4, V).fit(train_rows)
lines["Kneser–Ney"] = bits_per_byte_of(kneser_ney, tokenizer, held_out_texts)
print(f"Kneser–Ney (4) {lines['Kneser–Ney']:.3f} bits per byte")

# %% [markdown] id="02-embedding-text"
# ## From tokens to vectors
#
# A token is a number without meaning: 17 is not "more" than 16. The **embedding** is a
# table with one row of learned numbers for each token; looking up a row is the same as
# multiplying a one-hot vector by the table. Here are six tokens, and the first numbers
# of their rows in the table of our trained model.

# %% id="02-lookup" tags=["nbval-check-output"]
sentence = "The film is not very good"
words = sentence.split()
six = torch.tensor(encode(tokenizer, [sentence], bos=False, eos=False)[0])
table = trained.model.embedding.weight.detach().cpu()  # (V, width)
one_hot = F.one_hot(six, V).float()  # (6, V)
print(six.tolist())
same = torch.equal(table[six], one_hot @ table)
claim("a lookup is a product with a one-hot vector, exactly", same)

# %% id="02-rows"
for word, row in zip(words, table[six], strict=True):
    print(f"{word:6}", *(f"{number:+.2f}" for number in row[:8].tolist()), "…")

# %% [markdown] id="02-six-text"
# Nobody can read these. So for the first steps we write six vectors **by hand**, with
# four numbers each that have names. Everything that is done to them is done to the real
# ones. Shapes, here and later: T positions, C the width of a vector.

# %% id="02-six"
features = ("thing", "denial", "praise", "verb")
x = torch.tensor([
    [0.2, 0.0, 0.0, 0.0],  # The
    [1.0, 0.0, 0.0, 0.0],  # film
    [0.0, 0.0, 0.0, 1.0],  # is
    [0.0, 1.0, 0.0, 0.0],  # not
    [0.0, 0.0, 0.2, 0.0],  # very
    [0.0, 0.0, 1.0, 0.0],  # good
])  # fmt: skip
T, C = x.shape


# %% id="02-show" tags=["nbval-check-output"]
def show(matrix, columns, rows=words):
    """Print a matrix (rows, columns) with the names of both."""
    print(" " * 6, *(f"{name:>7}" for name in columns))
    for name, numbers in zip(rows, matrix.tolist(), strict=True):
        print(f"{name:6}", *(f"{number:7.2f}" for number in numbers))


show(x, features)

# %% [markdown] id="02-mean-text"
# ## Attention, in the smallest steps
#
# The vector of "good" says *praise*. The sentence says the opposite, two words earlier.
# To know that, "good" has to read. [**Attention**](../GLOSSARY.md#language-model) is
# the only place in a transformer where one token reads others; every other part treats
# each token alone.
#
# The simplest way to read is the **mean of everything so far**. By a loop:

# %% id="02-mean" tags=["nbval-check-output"]
past_mean = torch.stack([x[: t + 1].mean(0) for t in range(T)])  # (T, C)
show(past_mean, features)

# %% [markdown] id="02-mean-matrix-text"
# Row t is a *weighted sum* of the rows 0 to t, with equal weights. All weights together
# are a triangular table, and the loop is one product of matrices.

# %% id="02-mean-matrix" tags=["nbval-check-output"]
ones = torch.ones(T, T).tril()  # row t: 1 for what t may read
equal_weights = ones / ones.sum(1, keepdim=True)  # (T, T), each row sums to 1
show(equal_weights, words)
same = torch.allclose(equal_weights @ x, past_mean)
claim("the product with the table is the loop's mean", same)

# %% [markdown] id="02-mean-softmax-text"
# The third form looks like a detour, and is the one that can learn. Every pair of
# tokens gets a **score**; the softmax of a row of scores are its weights. All scores 0
# mean "no opinion". What lies in the future gets the score −∞, because exp(−∞) = 0.

# %% id="02-mean-softmax" tags=["nbval-check-output"]
visible = torch.ones(T, T, dtype=torch.bool).tril()  # may row t read column s?
no_opinion = torch.zeros(T, T).masked_fill(~visible, float("-inf"))
claim(
    "the softmax of 0 and −∞ gives the same weights",
    torch.allclose(no_opinion.softmax(-1), equal_weights),
)

# %% [markdown] id="02-weighted-text"
# The mean drowns what matters: after it, "good" holds 1/6 = 0.17 of denial, and a
# little more of praise and thing. Suppose that "good" chose its weights itself, 0.6 for
# "not":

# %% id="02-weighted" tags=["nbval-check-output"]
chosen = torch.tensor([[0.05, 0.05, 0.05, 0.60, 0.05, 0.20]])  # sums to 1
show(chosen, words, ["good"])
print()
show(chosen @ x, features, ["good"])

# %% [markdown] id="02-query-text"
# ### Who chooses? Queries, keys and values
#
# Each token makes three vectors of D numbers, each with a learned matrix: a
# [**query**](../GLOSSARY.md#language-model) (what do I look for?), a
# [**key**](../GLOSSARY.md#language-model) (what do I offer?) and a
# [**value**](../GLOSSARY.md#language-model) (what do I hand over?). The score of a
# reader and a token read is the dot product of the reader's query with the other's key.
#
# We write the matrices by hand, too, with D = 2. A word of praise asks "is it denied?"
# (component 0), a verb asks "of what thing?" (component 1). A denial and a thing
# answer. Handed over are the denial and the thing. In a real model training finds all
# these numbers, and nobody gives them names.

# %% id="02-query" tags=["nbval-check-output"]
W_query, W_key, W_value = torch.zeros(3, C, 2)  # rows: thing, denial, praise, verb
W_query[2, 0] = W_query[3, 1] = 2.5  # praise asks question 0, a verb question 1
W_key[1, 0] = W_key[0, 1] = 2.5  # a denial answers question 0, a thing question 1
W_value[1, 0] = W_value[0, 1] = 1.0  # hand over the denial and the thing
D = W_query.shape[1]
Q, K, values = x @ W_query, x @ W_key, x @ W_value  # each (T, D)
scores = Q @ K.T  # (T, T): reader by token read
show(scores, words)

# %% [markdown] id="02-query-after"
# "good" finds "not", "is" finds "film", and words that ask nothing score 0 everywhere.
# The weights are the softmax of the scores, and the answer is the weighted mean of the
# values. With one more detail, the division by √D, this is the whole formula:
#
# $$\mathrm{out} = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt D}\right) V$$
#
# The code has the same letters, except that `values` stands for $V$, which is taken.
#
# **Predict first.** Why divide? Suppose that queries and keys are independent random
# numbers of mean 0 and variance 1. What is the standard deviation of their dot product
# with D = 4, 64, 1024?
#
# <details><summary>Answer</summary>
#
# A dot product is a sum of D products, each of variance 1, so its standard deviation is
# √D: 2, 8 and 32. A softmax over numbers that are tens apart gives nearly everything to
# one token, and nearly no gradient passes. Dividing by √D brings their standard
# deviation back to 1.
#
# </details>

# %% id="02-scores" tags=["nbval-check-output"]
draws = torch.Generator().manual_seed(0)
for size in (4, 64, 1024):
    pair = torch.randn(2, 20_000, size, generator=draws)
    dots = (pair[0] * pair[1]).sum(-1)
    rows = dots.view(-1, 10)  # scores of ten tokens each
    divided = rows / size**0.5
    claim(
        f"D = {size}: the spread is √D within 5 %",
        abs(dots.std() / size**0.5 - 1) < 0.05,
        spread=dots.std(),
        largest_weight=rows.softmax(-1).amax(-1).mean(),
        after_dividing=divided.softmax(-1).amax(-1).mean(),
    )

# %% [markdown] id="02-mask-wrong-text"
# ### The causal mask, wrong and right
#
# A language model predicts token i + 1 from tokens 0 to i. A token that could read its
# successor would only have to copy it. So the future must not count. The first idea:
# take the softmax, **then** set the weights of the future to 0.

# %% id="02-mask-wrong" tags=["nbval-check-output"]
wrong = (scores / D**0.5).softmax(-1).tril()  # too late
show(wrong, words)
print("sums of the rows:", *(f"{total:.2f}" for total in wrong.sum(-1).tolist()))

# %% [markdown] id="02-mask-leak-text"
# The rows no longer sum to 1. Worse, the future still decides. Replace the *last* word
# by a second "film": how much does "is", three words earlier, read of the first?

# %% id="02-mask-leak" tags=["nbval-check-output"]
other = x.clone()
other[5] = x[1]  # "The film is not very film"
other_scores = (other @ W_query) @ (other @ W_key).T / D**0.5
leak = other_scores.softmax(-1).tril()
claim(
    "zeros after the softmax: the last word changes what 'is' reads of 'film'",
    leak[2, 1] < 0.6 * wrong[2, 1],
    before=wrong[2, 1],
    after=leak[2, 1],
)

# %% [markdown] id="02-mask-text"
# The right way is the third form of the mean: the scores of the future become −∞
# **before** the softmax.

# %% id="02-mask" tags=["nbval-check-output"]
weights = (scores / D**0.5).masked_fill(~visible, float("-inf")).softmax(-1)
show(weights, words)
changed = other_scores.masked_fill(~visible, float("-inf")).softmax(-1)
same = torch.equal(changed[:5], weights[:5])
claim("with −∞ before it: no earlier row changes, exactly", same)
shared = wrong / wrong.sum(-1, keepdim=True)
claim("(dividing the wrong rows by their sums would also repair them)",
      torch.allclose(shared, weights))  # fmt: skip

# %% [markdown] id="02-mask-large-text"
# Then why −∞? Because the repair fails where the future is loud. Multiply the scores by
# 100 and double the last word's: against it, exp of all others is rounded to 0.

# %% id="02-mask-large" tags=["nbval-check-output"]
large = 100 * other_scores
large[2, 5] *= 2  # what "is" would read of the last word
repaired = large.softmax(-1).tril()
repaired = repaired / repaired.sum(-1, keepdim=True)
right = large.masked_fill(~visible, float("-inf")).softmax(-1)
claim("with large scores that repair divides 0 by 0", repaired.isnan().any())
claim("the −∞ form stays a distribution", torch.allclose(right.sum(-1), ones[0].sum()))

# %% [markdown] id="02-out-text"
# What each word has now read, `weights @ values`:

# %% id="02-out" tags=["nbval-check-output"]
out = weights @ values  # (T, D)
show(out, ("denial", "thing"))
claim("'good' has read the denial", out[5, 0] > 0.9, denial=out[5, 0])

# %% [markdown] id="02-heads-text"
# ### Heads
#
# One softmax can express one opinion about whom to read. Let "good" ask *two*
# questions, "denied?" and "of what?", with one query: the weights must be shared. So
# the width is cut into H [**heads**](../GLOSSARY.md#language-model) of D = C / H
# numbers. Each has its own columns of the three matrices and its own softmax, and the
# answers are laid side by side.
#
# Ours has two: head 0 reads denials and hands over (denial, praise); head 1 reads
# things and hands over (thing, verb).

# %% id="02-heads" tags=["nbval-check-output"]
H = 2
heads_query, heads_key, heads_value = torch.zeros(3, C, H * D)
heads_query[2, 0] = heads_query[2, 2] = 2.5  # praise asks in both heads
heads_key[1, 0] = heads_key[0, 2] = 2.5  # denial answers in 0, thing in 1
heads_value[[1, 2, 0, 3], [0, 1, 2, 3]] = 1.0  # (denial, praise | thing, verb)


def per_head(matrix):
    """(T, H D) -> (H, T, D)."""
    return (x @ matrix).unflatten(-1, (H, D)).transpose(0, 1)


Q2, K2, values2 = (per_head(W) for W in (heads_query, heads_key, heads_value))
scores2 = Q2 @ K2.transpose(-1, -2) / D**0.5  # (H, T, T)
weights2 = scores2.masked_fill(~visible, float("-inf")).softmax(-1)
show(weights2[:, 5], words, ["head 0", "head 1"])

# %% id="02-one-head" tags=["nbval-check-output"]
summed = scores2.sum(0).masked_fill(~visible, float("-inf")).softmax(-1)
print("'good' with one softmax for both questions:")
show(summed[5:], words, ["good"])
claim(
    "one softmax gives no word 0.5; each of two heads gives its word over 0.75",
    bool(summed[5].max() < 0.5 and weights2[:, 5].amax(-1).min() > 0.75),
    one=summed[5].max(),
    two=weights2[:, 5].amax(-1).min(),
)

# %% [markdown] id="02-output-text"
# ### The output matrix and the residual
#
# Side by side the answers are C numbers again, but in the order of the heads: denial,
# praise, thing, verb. The stream has another order. A fourth matrix, the [**output
# projection**](../GLOSSARY.md#language-model) $W_O$, brings every answer to the place
# where later parts look for it, and lets what the heads found be mixed. (Here it only
# sorts.)
#
# The result is then **added** to what was there, the
# [**residual**](../GLOSSARY.md#language-model): "good" must not forget that it is
# praise because it has read a denial.

# %% id="02-output" tags=["nbval-check-output"]
beside = (weights2 @ values2).transpose(0, 1).flatten(1)  # (T, H D), head by head
W_O = torch.zeros(H * D, C)
W_O[[0, 1, 2, 3], [1, 2, 0, 3]] = 1.0  # denial to column 1, praise to 2, ...
read = beside @ W_O  # (T, C)
stream = x + read
show(torch.stack([x[5], read[5], stream[5]]), features, ["before", "read", "after"])
by_head = ((weights2 @ values2) @ W_O.view(H, D, C)).sum(0)  # each head its own rows
claim("W_O on all heads is the sum of what each head writes",
      torch.allclose(by_head, read))  # fmt: skip

# %% [markdown] id="02-output-after"
# One step, and the vector of the last word says: praise, *denied*, of a thing. The next
# layers can work with that. The rest of the chapter makes this learnable, fast and
# deep.
#
# ### In one function, with grouped heads
#
# While writing, keys and values of all earlier tokens must be kept (the cache of
# [chapter 03](03_sampling.ipynb)), queries need not. [**Grouped
# heads**](../GLOSSARY.md#language-model) save there: several query heads share one key
# and value head. With 6 query heads on 2 key heads, query heads 0, 1, 2 read key head
# 0, the others key head 1, and the cache is a third as large.
#
# Now with a batch in front: B texts, H query heads, fewer key and value heads.


# %% id="02-attention"
def attention(Q, K, values, visible):
    """Q (B, H, T, D); K, values (B, kv_heads, T, D); visible (T, T) bool."""
    group = Q.shape[1] // K.shape[1]
    K = K.repeat_interleave(group, dim=1)  # (B, H, T, D)
    values = values.repeat_interleave(group, dim=1)
    scores = Q @ K.transpose(-1, -2) / Q.shape[-1] ** 0.5  # (B, H, T, T)
    weights = scores.masked_fill(~visible, float("-inf")).softmax(-1)
    return weights @ values  # (B, H, T, D)


# %% id="02-attention-claim" tags=["nbval-check-output"]
for kv_heads in (6, 2):
    some_Q = torch.randn(3, 6, T, 8, generator=draws)
    some_K, some_values = torch.randn(2, 3, kv_heads, T, 8, generator=draws)
    ours = attention(some_Q, some_K, some_values, visible)
    torchs = F.scaled_dot_product_attention(
        some_Q, some_K, some_values, is_causal=True, enable_gqa=True)  # fmt: skip
    same = torch.allclose(ours, torchs, atol=1e-5)
    claim(f"6 query heads on {kv_heads} key heads: equal to torch's", same)

# %% [markdown] id="02-masks-text"
# ### Decoder-only against encoder–decoder, in one picture
#
# The transformer of 2017 was built for translation. An **encoder** reads the source
# text in both directions; a **decoder** writes the target, reads its own past, and
# reads the whole source through *cross-attention*. The writers of this course are
# **decoder-only**: source and target are one text, under one causal mask. Put four
# source tokens and five target tokens in a row and draw who reads whom.

# %% id="02-mask-tables"
decoder_only = torch.ones(9, 9).tril()
encoder_decoder = decoder_only.clone()
encoder_decoder[:4, :4] = 1  # the source reads itself both ways
differ = (decoder_only != encoder_decoder).nonzero().tolist()
print("they differ at (reader, read):", *map(tuple, differ))

# %% id="02-masks"
import matplotlib.pyplot as plt

names = ["s0", "s1", "s2", "s3", "t0", "t1", "t2", "t3", "t4"]
_, both = plt.subplots(1, 2, figsize=(7, 3.5))
both[0].set_title("Encoder–decoder: the source sees both ways", fontsize=9)
both[1].set_title("Decoder-only: one triangle", fontsize=9)
for axes, mask in zip(both, (encoder_decoder, decoder_only), strict=True):
    axes.imshow(mask, cmap="Blues", vmin=0, vmax=1.6)
    axes.set_xticks(range(9), names), axes.set_yticks(range(9), names)
    axes.set(xlabel="token read", ylabel="reading token")
    axes.axhline(3.5, color="black"), axes.axvline(3.5, color="black")
    axes.grid(False)
plots.show(
    "Two tables, nine reading tokens by nine tokens read; they differ only in the top "
    "left square, where on the left sources read later sources."
)

# %% [markdown] id="02-masks-after"
# The two tables differ only in the small square at the top left. The mask is not the
# only difference (an encoder–decoder has separate weights for the two sides, and
# cross-attention is a separate layer), but it is the one to remember. For the price of
# that square, a decoder-only model learns from **every** token of every text, and keeps
# one cache.
#
# ## Order: rotary positions
#
# Attention computes a weighted mean over a *set*. Without help it does not know which
# token came first. [**Rotary positions**](../GLOSSARY.md#language-model) turn each
# query and key by an angle that grows with its position. Components come in pairs; pair
# i of a vector at position p turns by
#
# $$\theta = p \cdot \mathrm{base}^{-2i/D}$$
#
# The first pairs turn fast and tell neighbours apart, the last turn slowly and
# measure long distances.


# %% id="02-turn"
def turn(x, p, base=10_000.0):
    """Rotary positions: x (..., T, D), p (T,)."""
    D = x.shape[-1]
    i = torch.arange(D // 2, device=x.device)
    theta = p[:, None] * base ** (-2 * i / D)  # (T, D/2)
    cos, sin = theta.cos(), theta.sin()
    a, b = x.chunk(2, dim=-1)  # pair i: component i and component i + D/2
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


for i in (0, 7):
    angle = 10_000.0 ** (-2 * i / 16) * 180 / torch.pi
    print(f"D = 16, pair {i}: {angle:6.2f} degrees per position")

# %% [markdown] id="02-rotary-text"
# When two arrows are turned by different angles, the angle *between* them changes by
# the difference: **a score then depends on the distance of two tokens and not on where
# they stand.** Test it: the same query and the same key stand at each of 40 positions.
# Moving both by 7 places must leave each score as it was, and two pairs that are
# equally far apart must have the same score.

# %% id="02-rotary" tags=["nbval-check-output"]
from course.lm.layers import rms_norm, rotary, swiglu  # the course's own

q, k = torch.randn(2, 1, 16, generator=draws).expand(2, 40, 16)
p = torch.arange(40)
same = torch.allclose(turn(q, p), rotary(q[None, None], p)[0, 0], atol=1e-5)
claim("rotary by hand equals the course's", same)
turned = turn(q, p) @ turn(k, p).T  # (query position, key position)
moved = turn(q, p + 7) @ turn(k, p + 7).T
claim("moving both by 7 changes no score", torch.allclose(turned, moved, atol=1e-3))
back_5 = turned.diagonal(-5)  # all pairs with the key 5 places before the query
spread = back_5.max() - back_5.min()
claim("all pairs at distance 5 have the same score", spread < 1e-3)
claim("other distances have others", turned[20].std() > 0.1, sd=turned[20].std())

# %% [markdown] id="02-norm-text"
# ## RMSNorm: a fixed size for what is read
#
# Every block adds to the vectors, so they can grow with depth. Before each part reads
# them, [**RMSNorm**](../GLOSSARY.md#language-model) divides a vector by the root of its
# mean square and multiplies by a learned weight $w$. With w = 1 the mean square is then
# 1 (and the length √C):
#
# $$y = \frac{x}{\sqrt{\mathrm{mean}(x^2) + \epsilon}} \cdot w$$

# %% id="02-norm" tags=["nbval-check-output"]
long = 30 * torch.randn(3, 16, generator=draws)
w, eps = torch.ones(16), 1e-5
y = long / torch.sqrt((long**2).mean(-1, keepdim=True) + eps) * w
claim("it equals torch's", torch.allclose(y, F.rms_norm(long, (16,), w, eps)))
claim("it equals the course's", torch.allclose(y, rms_norm(long, w, eps)))
claim(
    "the root mean square is 1, the length √16 = 4",
    torch.allclose(y.norm(dim=-1), torch.tensor(4.0)),
    length=y[0].norm(),
)
same = torch.allclose(rms_norm(100 * long, w), rms_norm(long, w), atol=1e-4)
claim("a vector 100 times as long gives the same", same)

# %% [markdown] id="02-swiglu-text"
# ## SwiGLU: what a token does alone
#
# After reading, each token computes by itself. Two matrices widen the vector from C to
# `feed_forward` numbers; one result is what to say (`up`), the other how far to open
# the gate (`gate`); a third matrix (`down`) leads back to C. This part is called
# [**SwiGLU**](../GLOSSARY.md#language-model):
#
# $$y = \mathrm{down}\,(\mathrm{silu}(\mathrm{gate}\,x) \cdot \mathrm{up}\,x), \qquad
# \mathrm{silu}(z) = z \cdot \sigma(z), \qquad \sigma(z) = \frac{1}{1 + e^{-z}}$$

# %% id="02-swiglu" tags=["nbval-check-output"]
gate, up = torch.randn(2, 24, 16, generator=draws)  # (feed_forward, C)
down = torch.randn(16, 24, generator=draws)  # (C, feed_forward)
z = y @ gate.T
spoken = (z * z.sigmoid() * (y @ up.T)) @ down.T  # (3, C)
same = torch.allclose(spoken, swiglu(y, gate, up, down), rtol=1e-4, atol=1e-3)
claim("by hand equals the course's", same)
shut = swiglu(y, 0 * gate, up, down)
claim("a gate of zeros lets nothing through", not shut.any())

# %% [markdown] id="02-block-text"
# ## The whole model, in four short classes
#
# All parts are there. First attention with its four matrices: query, key and value read
# the stream, the output writes back. (`nn.Linear(a, b)` is a learned matrix; without
# bias, as in Llama.)

# %% id="02-block-attention"
from torch import nn


class Attention(nn.Module):
    def __init__(self, width, heads, kv_heads):
        super().__init__()
        self.D = width // heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, kv_heads * self.D, bias=False)
        self.value = nn.Linear(width, kv_heads * self.D, bias=False)
        self.output = nn.Linear(width, width, bias=False)

    def forward(self, x, p, visible):  # x (B, T, C), p (T,), visible (T, T)
        parts = self.query(x), self.key(x), self.value(x)
        Q, K, values = (y.unflatten(-1, (-1, self.D)).transpose(1, 2) for y in parts)
        answers = attention(turn(Q, p), turn(K, p), values, visible)
        return self.output(answers.transpose(1, 2).flatten(2))  # (B, T, C)


# %% [markdown] id="02-block-text-2"
# A **block** is attention and SwiGLU, each behind its own RMSNorm, each *added* to the
# stream that it read.


# %% id="02-block"
class SwiGLU(nn.Module):
    def __init__(self, width, feed_forward):
        super().__init__()
        self.gate = nn.Linear(width, feed_forward, bias=False)
        self.up = nn.Linear(width, feed_forward, bias=False)
        self.down = nn.Linear(feed_forward, width, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


# %% id="02-block-class"
class Block(nn.Module):
    def __init__(self, width, heads, kv_heads, feed_forward):
        super().__init__()
        self.attention_norm = nn.RMSNorm(width, eps=1e-5)
        self.attention = Attention(width, heads, kv_heads)
        self.feed_forward_norm = nn.RMSNorm(width, eps=1e-5)
        self.feed_forward = SwiGLU(width, feed_forward)

    def forward(self, x, p, visible):
        x = x + self.attention(self.attention_norm(x), p, visible)
        return x + self.feed_forward(self.feed_forward_norm(x))


# %% [markdown] id="02-model-text"
# A model is: embedding, blocks, one last norm, and logits. The logits are dot products
# with the rows of the **same** embedding table ([**tied
# embeddings**](../GLOSSARY.md#language-model)): what a token means when read and what
# it means when predicted is one vector. All matrices start as small random numbers, so
# that the first logits are near 0 (all but that of the token just read); those that
# write into the stream start smaller, so that it grows little with depth (as in GPT-2).


# %% id="02-start-small"
def start_small(model):
    """Draw all matrices at random; those that write into the stream are smaller."""
    additions = 2 * len(model.blocks)  # attention and SwiGLU of every block
    for name, weight in model.named_parameters():
        if weight.dim() == 2:
            writes = name.endswith(("output.weight", "down.weight"))
            nn.init.normal_(weight, std=0.02 / (additions**0.5 if writes else 1))


# %% id="02-model"
class Model(nn.Module):
    def __init__(self, vocab_size, layers, width, *shape):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        self.blocks = nn.ModuleList(Block(width, *shape) for _ in range(layers))
        self.norm = nn.RMSNorm(width, eps=1e-5)
        start_small(self)

    def forward(self, ids, p=None, visible=None):  # ids (B, T) -> logits (B, T, V)
        order = torch.arange(ids.shape[1], device=ids.device)
        visible = order[:, None] >= order if visible is None else visible  # (T, T)
        x = self.embedding(ids)  # (B, T, C)
        for block in self.blocks:
            x = block(x, order if p is None else p, visible)
        return self.norm(x) @ self.embedding.weight.T


# %% [markdown] id="02-run-text"
# The course's `GPT` (`course/lm/model.py`) is the same model with conveniences: a
# cache, padding, packed texts, torch's fused attention. The parts have the same names,
# so its weights can be loaded into ours; then all logits must agree. (`p` and `visible`
# can be replaced in ours: we need that for experiments.)

# %% id="02-run" tags=["nbval-check-output"]
from course.lm.model import GPT, GPTConfig, parameter_count
from course.runtime import device, seed_everything

seed_everything(0)
config = GPTConfig(vocab_size=V)  # width 192, 4 layers, 6 heads on 2, 512
fresh = GPT(config).to(device())
mine = Model(V, 4, 192, 6, 2, 512).to(device())
mine.load_state_dict(fresh.state_dict())
ids = torch.randint(V, (4, 64), generator=draws).to(device())
with torch.no_grad():
    logits, expected = mine(ids), fresh(ids)
worst = (logits - expected).abs().max()
claim("the page's model equals the course's to 1e-4", worst < 1e-4)

# %% [markdown] id="02-count-text"
# Where are its numbers? **Predict first:** which holds more, all attention matrices
# or all feed-forward matrices?
#
# <details><summary>Answer</summary>
#
# The feed-forward part, by far: three matrices of C × F with F near 3 C, against two
# of C × C and two narrow ones. In this small model the embedding table is large too;
# in a big one it hardly counts.
#
# </details>

# %% id="02-count" tags=["nbval-check-output"]
counts = {"embedding": 0, "attention.": 0, "feed_forward.": 0, "norm": 0}
for name, parameter in mine.named_parameters():
    counts[next(part for part in counts if part in name)] += parameter.numel()
for part, count in counts.items():
    print(f"{part.strip('.'):13} {count:9,}")
total = sum(counts.values())
print(f"{'all':13} {total:9,}   (untied: {total + V * 192:,})")
claim("the formula counts every number", parameter_count(config) == total)

# %% [markdown] id="02-tests-text"
# ## Five quick tests of any language model
#
# Before you spend minutes, or months, on training, spend seconds on these.
#
# **1. The first loss.** An untrained model knows nothing. **Predict first:** which
# loss, in nats per token, has a model that finds all V tokens equally likely?
#
# <details><summary>Answer</summary>
#
# −ln(1/V) = ln V, here 7.62. A first loss far *above* it means that the first logits,
# and so the initial weights, are too large. Far *below* it, with tied embeddings, it
# means a forgotten shift: the model is asked for the token that it has just read, whose
# vector it still holds. A missing mask does **not** show here: an untrained model
# cannot use the leak yet.
#
# </details>

# %% id="02-initial" tags=["nbval-check-output"]
from math import log

from course.lm.objective import next_token_loss

all_seen = torch.ones(64, 64, dtype=torch.bool, device=device())
with torch.no_grad():
    first_loss = float(next_token_loss(logits, ids))
    no_mask_loss = float(next_token_loss(mine(ids, visible=all_seen), ids))
    unshifted = float(F.cross_entropy(logits.flatten(0, 1), ids.flatten()))
claim("the first loss is ln V within 5 %", abs(first_loss / log(V) - 1) < 0.05,
      first_loss=first_loss, ln_V=log(V))  # fmt: skip
claim("so it is without the mask", abs(no_mask_loss / log(V) - 1) < 0.05,
      first_loss=no_mask_loss)  # fmt: skip
claim("without the shift it is lower by over 1 nat", unshifted < log(V) - 1,
      first_loss=unshifted)  # fmt: skip
loud = float(next_token_loss(10 * logits, ids))
claim("logits ten times as large: higher by over 5", loud > log(V) + 5, loss=loud)

# %% [markdown] id="02-future-text"
# **2. No token sees the future.** This is the test that finds a missing mask. Change
# one token; no logit before it may change, not even in the last bit. And the logits
# from there on must change, or the test would pass for a model that reads nothing.

# %% id="02-future" tags=["nbval-check-output"]
changed_ids = ids.clone()
changed_ids[:, 40] = (changed_ids[:, 40] + 1) % V
with torch.no_grad():
    now = fresh(changed_ids)
earlier_same = torch.equal(now[:, :40], expected[:, :40])
claim("changing a future token changes no earlier logit (exactly)", earlier_same)
later_differ = (now[:, 40:] != expected[:, 40:]).any(-1).all()
claim("it changes the logits of every later position", later_differ)
with torch.no_grad():
    open_1, open_2 = (mine(x, visible=all_seen) for x in (ids, changed_ids))
leaks = not torch.equal(open_1[:, :40], open_2[:, :40])
claim("without the mask the test fails", leaks)

# %% [markdown] id="02-train-text"
# **3. It can overfit one batch.** A model that cannot learn sixteen texts by heart will
# not learn eight thousand. For that we need a **training loop**, and it is short: draw
# a batch, compute the loss of chapter 01, let autograd find the gradients, take a step,
# and set the gradients back to zero. **AdamW** scales the step of every number by the
# history of its own gradient.


# %% id="02-train"
def train(batches, steps, visible=None, seed=0, lr=5e-3):
    """A tiny model and its losses; batches(generator) gives ids (B, T)."""
    seed_everything(seed)
    model = Model(V, 2, 64, 4, 2, 128).to(device())
    optimizer = torch.optim.AdamW(model.parameters(), lr, betas=(0.9, 0.95))
    draws, losses = torch.Generator().manual_seed(seed), []
    for _ in range(steps):
        ids = batches(draws).to(device())
        loss = next_token_loss(model(ids, visible=visible), ids)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return model, losses


# %% id="02-overfit" tags=["nbval-check-output"]
# seeds tried: 0, 1, 2
length = 24  # tokens: enough for the opening of a review
cut = torch.tensor([row[:length] for row in train_rows if len(row) >= length])
_, overfit = train(lambda draws: cut[:16], steps=80)
claim(
    "one batch is learned by heart: the loss falls below 0.5 nats",
    overfit[-1] < 0.5,
    first=overfit[0],
    last=overfit[-1],
)

# %% [markdown] id="02-control-text"
# ## Negative control: train without the mask
#
# **4. Without the causal mask it must fail.** We train the same tiny model twice on
# batches drawn at random, once with the mask and once with every token visible.
# **Predict first:** which training loss is lower, and which model writes better?
#
# <details><summary>Answer</summary>
#
# Without the mask the loss collapses: position i reads its own target at position i + 1
# and copies it. When the model writes there is no position i + 1. It has learned to
# copy.
#
# </details>


# %% id="02-control"
def fresh_batch(draws):
    return cut[64:][torch.randint(len(cut) - 64, (24,), generator=draws)]


everything = torch.ones(length, length, dtype=torch.bool, device=device())
causal_model, with_mask = train(fresh_batch, steps=200)
cheat_model, no_mask = train(fresh_batch, steps=200, visible=everything)
steps = range(1, 201)
plots.curves(
    {"with the causal mask": (steps, with_mask), "without it": (steps, no_mask)},
    title="Without the mask the training loss collapses",
    x="training step",
    y="training loss (nats per token)",
    alt="Two training curves from the same start near 7.6 nats. With the mask the loss "
    "falls slowly and stays high; without it, it falls below 1.",
)

# %% [markdown] id="02-honest-text"
# The **honest loss** asks each model for token i + 1 when *only* tokens 0 to i exist,
# as in writing. For the causal model that changes nothing.


# %% id="02-honest"
@torch.no_grad()
def honest_loss(model, ids, visible):
    """Nats per token when each token is predicted from its prefix alone."""
    nats = []
    for t in range(1, ids.shape[1]):
        logits = model(ids[:, :t], visible=visible[:t, :t])[:, -1]
        nats.append(F.cross_entropy(logits, ids[:, t]))
    return float(torch.stack(nats).mean())


unseen = cut[:64].to(device())
honest = honest_loss(causal_model, unseen, everything.tril())
cheat = honest_loss(cheat_model, unseen, everything)

# %% id="02-honest-claim" tags=["nbval-check-output"]
# seeds tried: 0, 1, 2
claim("without the mask the training loss is less than half of the other",
      no_mask[-1] < with_mask[-1] / 2,
      without=no_mask[-1], with_mask=with_mask[-1])  # fmt: skip
claim("and its honest loss is worse by more than 1 nat per token",
      cheat > honest + 1, without=cheat, with_mask=honest)  # fmt: skip
share = unseen[:, 1:].flatten().bincount() / unseen[:, 1:].numel()
floor = float(torch.special.entr(share).sum())  # of the 64 texts' own frequencies
claim("with the mask it is below the entropy of the tokens' frequencies",
      honest < floor, with_mask=honest, entropy=floor)  # fmt: skip

# %% id="02-control-samples"
from course.lm.sampling import sample_tokens


@torch.no_grad()
def scribble(model, visible, n=2, seed=0):
    """Write n texts of `length` tokens, one token after the other."""
    draws = torch.Generator().manual_seed(seed)
    ids = torch.full((n, 1), tokenizer.bos_token_id, device=device())
    for t in range(1, length):
        logits = model(ids, visible=visible[:t, :t])[:, -1]
        ids = torch.cat((ids, sample_tokens(logits, draws)[:, None]), dim=1)
    return [tokenizer.decode(row[1:].tolist()) for row in ids]


print("with the mask:  ", *scribble(causal_model, everything.tril()), sep="\n   ")
print("without the mask:", *scribble(cheat_model, everything), sep="\n   ")

# %% [markdown] id="02-control-after"
# The causal model is far too small and too briefly trained to make sense. Yet its loss
# is lower than any model's can be that knows the frequencies only, even those of the 64
# texts themselves, so it has learned something of what follows what. The other has the
# far better training loss and writes noise. **A training loss means nothing when the
# input holds the answer.**
#
# ## A common description, examined
#
# > "A transformer knows the order of the words because the tokens come in order."
#
# Test it. We take the positions away (every token claims to stand at position 0) and
# reverse the order of all tokens but the last. If the model knows the order, its last
# logits must change. Weights are random and enlarged, so that effects are visible;
# float64 makes rounding negligible.


# %% id="02-reversing"
@torch.no_grad()
def change_by_reversing(layers, causal, rotary_positions):
    """Relative change of the last logits when all earlier tokens are reversed."""
    seed_everything(1)
    model = Model(50, layers, 32, 4, 2, 64).double()
    for matrix in model.blocks.parameters():
        matrix *= 10 if matrix.dim() == 2 else 1
    ids = torch.arange(12)[None] + 3
    turned = torch.cat((ids[:, :-1].flip(1), ids[:, -1:]), dim=1)
    everyone = torch.ones(12, 12, dtype=torch.bool)
    seen = everyone.tril() if causal else everyone
    p = torch.arange(12) if rotary_positions else torch.zeros(12)
    before, after = (model(x, p, seen)[:, -1] for x in (ids, turned))
    return float((after - before).abs().max() / before.abs().max())


# %% id="02-shuffle" tags=["nbval-check-output"]
set_1, set_3 = (change_by_reversing(n, False, False) for n in (1, 3))
causal_1, causal_2 = (change_by_reversing(n, True, False) for n in (1, 2))
rotary_1 = change_by_reversing(1, True, True)
claim("no mask, no positions: 1 and 3 blocks are blind", max(set_1, set_3) < 1e-9)
claim("one causal block without positions: blind to order", causal_1 < 1e-9)
claim("two causal blocks without positions: they see it", causal_2 > 1e-3,
      relative_change=causal_2)  # fmt: skip
claim("rotary positions show the order to one block", rotary_1 > 1e-3,
      relative_change=rotary_1)  # fmt: skip

# %% [markdown] id="02-shuffle-after"
# So the description is wrong about attention, and half right about language models.
# Attention reads a set: the order of the rows in memory is invisible to it. What breaks
# the symmetry is the [**causal mask**](../GLOSSARY.md#language-model), from the second
# block on (an earlier token has read fewer others, and that shows in its vector; Haviv
# and others measured it in trained models), and, directly and from the first block, the
# **positions**.
#
# ## The trained model
#
# Now the real one: the same class, trained on the film reviews. Here is everything
# that decided it.

# %% id="02-recipe"
from course.recipes import LANGUAGE_MODEL

model, history = trained.model, trained.history
for name, value in LANGUAGE_MODEL.settings.items():
    print(f"{name:11} {value}")
batch_size = LANGUAGE_MODEL.settings["train"]["batch_size"]
row_tokens = LANGUAGE_MODEL.settings["row_tokens"]
seen_tokens = len(history["loss"]) * batch_size * row_tokens
epochs = seen_tokens / sum(map(len, train_rows))
print(f"{'parameters':11} {parameter_count(model.config):,}")
print(f"{'trained in':11} {trained.metrics['seconds']:.0f} s")
print(f"{'has read':11} {seen_tokens:,} tokens: every text {epochs:.1f} times")

# %% [markdown] id="02-schedule-text"
# The loop is the one above with four refinements, all in `course/lm/training.py`.
#
# - [**Packing**](../GLOSSARY.md#language-model): texts stand end to end in rows of 64
#   tokens, so no padding is computed; a token sees its own text only.
# - **Warm-up and cosine**: the learning rate rises for 20 steps, then falls along half
#   a cosine to 0.
# - **Clipping**: a gradient longer than 1 is shortened to length 1.
# - **Muon** moves the matrices of the blocks, AdamW the rest. Muon makes the update of
#   a matrix nearly *orthogonal* (all its singular values about 1), so that directions
#   with small gradients move as much as the loud ones.

# %% id="02-schedule"
rates = torch.tensor(history["lr"])
norms = torch.tensor(history["grad_norm"])
for step in (0, 9, 19, 139, 279, 419, 559):
    share = rates[step] / rates.max()
    print(f"step {step + 1:3}: learning rate {share:.2f} of its peak")
print(f"{(norms > 1).double().mean():.0%} of the gradients were clipped")

# %% [markdown] id="02-bits-text"
# The history holds the training loss in nats per token. To compare with the n-grams we
# need [**bits per byte**](../GLOSSARY.md#language-model): nats per token, times tokens
# per byte, divided by ln 2. Twice in every [**epoch**](../GLOSSARY.md#language-model)
# (one reading of all texts) the model was also measured on the held-out texts, of which
# it learned nothing. Now it is measured once more, at the end. (The training number is
# a mean over the last 20 steps: early on, of worse models.)

# %% id="02-bits"
from course.lm.evaluation import utf8_bytes

bits = bits_per_byte_of(model, tokenizer, held_out_texts)
targets = sum(len(row) - 1 for row in train_rows)  # <bos> is never a target
tokens_per_byte = targets / utf8_bytes(train_texts)
smooth = torch.tensor(history["loss"]).unfold(0, 20, 1).mean(-1)  # of 20 steps
train_bits = smooth * tokens_per_byte / log(2)
held_out_steps = [*history.steps("bits_per_byte"), len(history["loss"]) - 1]
held_out_bits = [*history["bits_per_byte"], bits]
for step, new in zip(held_out_steps, held_out_bits, strict=True):
    known = train_bits[step - 19]
    print(f"step {step + 1:3}: training {known:.3f}, held out {new:.3f}, "
          f"gap {new - known:+.3f} bits per byte")  # fmt: skip

# %% id="02-signature"
_, axes = plt.subplots(figsize=(7.2, 4.2))
axes.plot(range(19, len(train_bits) + 19), train_bits,
          label="transformer, training texts (mean of 20 steps)")  # fmt: skip
axes.plot(held_out_steps, held_out_bits, "s-",
          label="transformer, held-out texts")  # fmt: skip
for step in held_out_steps[1:-1:2]:
    axes.axvline(step, color="black", linewidth=0.8, linestyle=":")
axes.text(150, 2.6, " a new epoch begins", fontsize=9)
for level in lines.values():
    axes.axhline(level, color="black", linewidth=1, linestyle="--")
shifts = {"bigram": 0, "trigram": 0.035, "4-gram": -0.03, "Kneser–Ney": -0.045}
for name, shift in shifts.items():
    axes.text(1.01, lines[name] + shift, f"{name} {lines[name]:.2f}", va="center",
              fontsize=9, transform=axes.get_yaxis_transform())  # fmt: skip
axes.set_ylim(top=3.2)
beaten = sum(bits < level for level in lines.values())
title = "every counting model" if beaten == 4 else "interpolated counting"
plots.finish(
    axes, f"On new texts the transformer ends below {title}",
    "training step", "bits per byte",
    alt="The training curve falls steeply, then in stairs, one behind each dotted "
    "line. The held-out squares start a little below it, flatten, and end far above "
    "it: the gap grows with every reading. At the end they lie under the dashed lines "
    "of the three interpolated n-grams and above the line of Kneser–Ney.",
)  # fmt: skip

# %% id="02-bits-claim" tags=["nbval-check-output"]
# seeds tried: 0, 1, 2: 1.8915, 1.8852, 1.8906
claim("held-out bits per byte are at most 1.90", bits <= 1.90, bits=bits)
claim("the model beats the best interpolated n-gram by at least 2 %",
      bits < 0.98 * best_ngram, model=bits, best_ngram=best_ngram)  # fmt: skip
claim("Kneser–Ney beats them all, by at least 1 %",
      lines["Kneser–Ney"] < 0.99 * bits, Kneser_Ney=lines["Kneser–Ney"])  # fmt: skip
gaps = [held_out_bits[k] - float(train_bits[held_out_steps[k] - 19]) for k in (1, -1)]
claim("the gap between new and training texts grows after the first epoch",
      gaps[1] > gaps[0] + 0.1, after_one_epoch=gaps[0], at_the_end=gaps[1])  # fmt: skip

# %% [markdown] id="02-signature-after"
# Read two gaps. From the squares to the dashed lines: what a transformer wins over
# counting, and what it does not. From the squares **down** to the curve: what it
# learned by heart, because it read each text several times. That gap opens with every
# epoch, and the curve falls in stairs for the same reason: each stair is a new reading
# of the same texts. At the end the squares have stopped falling. But the learning rate
# has then reached 0, too, so the picture does not say what more steps would bring.
#
# Kneser–Ney is ahead, and not by bad luck with the seed: three seeds of the transformer
# end within 0.01 of each other. With so few texts good counting is hard to beat. With
# more data it is not. On a benchmark of nearly a billion words a
# Kneser–Ney 5-gram has perplexity 67.6 ([Chelba and others
# 2013](https://arxiv.org/abs/1312.3005)), a single large neural network 30.0
# ([Jozefowicz and others 2016](https://arxiv.org/abs/1602.02410)).
#
# ## The same numbers as a library
#
# **5. Another implementation agrees.** Our layout is that of Llama. Copy our weights
# into Hugging Face's `LlamaForCausalLM`, save that to a folder, let
# `AutoModelForCausalLM` load the folder, and copy the weights back. Everything must be
# there to the last bit, and all logits equal but for rounding.

# %% id="02-llama"
from tempfile import TemporaryDirectory

from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

from course.lm.interop import from_transformers, to_transformers

disable_progress_bar()
with TemporaryDirectory() as folder:
    to_transformers(model, tokenizer).save_pretrained(folder)
    llama = AutoModelForCausalLM.from_pretrained(folder).to(device()).eval()

# %% id="02-llama-claim" tags=["nbval-check-output"]
back = from_transformers(llama).state_dict()
same = all(torch.equal(back[name], w) for name, w in model.state_dict().items())
claim("there and back: every weight is equal to the last bit", same)
with torch.no_grad():
    difference = float((model(unseen) - llama(unseen).logits).abs().max())
claim("all logits equal transformers' to 1e-4", difference < 1e-4)

# %% [markdown] id="02-samples-text"
# ## It writes
#
# Give it openings and let it go on. Temperature and the other controls of writing are
# chapter 03.

# %% id="02-samples"
from course.lm.sampling import write
from course.runtime import generator

prompts = ["The film is", "A moving story", "This movie", "The actors", "", ""]
written = write(model, tokenizer, prompts, temperature=0.8, generator=generator(0))
for prompt, completion in zip(prompts, written, strict=True):
    print(f"[{prompt}]{completion}\n")

# %% [markdown] id="02-samples-after"
# Grammar nearly, film talk certainly, sense hardly. That is what two million numbers
# and three hundred thousand tokens buy. For our purpose it is enough: the [reward
# model](07_reward_model.ipynb) will say what people like, and the [policy
# gradient](09_policy_gradients.ipynb) will move this writer towards it.
#
# ## A real model in the same class
#
# Is our class a toy? SmolLM2-135M-Instruct has the same layout: only the numbers in its
# configuration differ. Its makers trained it on [two trillion
# tokens](https://arxiv.org/abs/2502.02737) and then on conversations. Its file holds
# the weights **quantised**, rounded to a few bits each; loading turns them into
# ordinary 32-bit numbers in **our** `GPT`. The first load takes longest.
#
# **Predict first.** How many parameters has it? Width 576, 30 blocks, 9 heads with 3
# key/value heads, `feed_forward` 1536, V = 49,152. (The name says it, roughly.)

# %% id="02-smollm2"
from course.data.assets import SMOLLM2, fetch
from course.lm.pretrained import chat, chat_ids, load_pretrained

real, its_tokenizer = load_pretrained()
card = real.config
file = next(fetch(SMOLLM2).rglob("*.gguf"))
print(f"{card.layers} blocks, width {card.width}, {card.vocab_size} tokens")
print(f"{parameter_count(card):,} parameters")
per_weight = 8 * file.stat().st_size / parameter_count(card)
print(f"the file has {per_weight:.1f} bits for each")

# %% [markdown] id="02-chat-text"
# It expects conversations in **ChatML**: each turn stands between `<|im_start|>` and
# `<|im_end|>`. `chat` writes that. `top_k=1` is greedy: always the likeliest token.

# %% id="02-chat"
talk = [{"role": "system", "content": "You answer in one short sentence."}]
for question_asked in ("What is the capital of France?", "And of Italy?"):
    talk.append({"role": "user", "content": question_asked})
    answered = chat(real, its_tokenizer, talk, max_new_tokens=24, top_k=1)
    talk.append({"role": "assistant", "content": answered})
for message in talk:
    print(f"{message['role']:>9}: {message['content']}")

# %% [markdown] id="02-oracle-text"
# It talks; that alone proves little, for a slightly wrong model also talks. The proof
# is a second opinion: transformers loads the same file by itself, with its own reader
# and its own model, and both must give the same logits for the whole conversation. The
# **cache** of [chapter 03](03_sampling.ipynb) must change nothing either: we feed the
# same tokens in pieces, while the keys and values of earlier pieces are remembered.


# %% id="02-two-readers"
talk_ids = torch.tensor([chat_ids(its_tokenizer, talk)])


@torch.no_grad()
def our_logits(ids):
    """Logits (1, time, V) by our reader and `GPT`: whole, and in cached pieces."""
    gpt, _ = load_pretrained()
    cache = gpt.new_cache()
    pieces = [gpt(piece, cache=cache) for piece in ids.split(25, dim=1)]
    return gpt(ids), torch.cat(pieces, 1)


@torch.no_grad()
def their_logits(ids):
    """Logits by transformers' own reader and model, and its number of parameters."""
    llama = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name)
    return llama.eval()(ids).logits, llama.num_parameters()


# %% id="02-oracle"
real = None  # only one large model in memory at a time
whole, in_pieces = our_logits(talk_ids)
theirs, their_count = their_logits(talk_ids)
by_whole = float((whole - theirs).abs().max())
by_pieces = float((in_pieces - theirs).abs().max())
print(f"largest difference {by_whole:.1e} whole, {by_pieces:.1e} in pieces")

# %% id="02-oracle-claim" tags=["nbval-check-output"]
claim("the formula counts SmolLM2 too", parameter_count(card) == their_count,
      parameters=their_count)  # fmt: skip
claim("SmolLM2's logits equal transformers' to 1e-3, whole", by_whole < 1e-3)
claim("and with our cache, in pieces", by_pieces < 1e-3)

# %% [markdown] id="02-oracle-after"
# The classes that you checked above are the real thing. What separates our writer from
# this one is size, data and the training on conversations, not the class.
#
# ## Play: look at the heads
#
# First a picture: the first three heads of the first block of our own model. Each row
# is a reading token; the brightness of a square says how much of its weight goes to
# that column's token. Above the diagonal all is dark: the mask.

# %% id="02-play-static"
from course.widgets import attention_viewer, show_attention

text = "The film is not good, but the actors are very good."
show_attention(model, tokenizer, text, layer=0, heads=3)

# %% [markdown] id="02-play-text"
# Now choose text, layer and head yourself. By code: the cell above with another
# `text` or `layer`.

# %% id="02-play" tags=["widget"]
attention_viewer(model, tokenizer, text)

# %% [markdown] id="02-question-text"
# **Question 2.6.** Which (layer, head) gives the largest share of its weight to the
# token just before? Find it with the panel, or with a line of code; write the pair in
# place of `None` and run the cell. `course.hint(question)` helps.

# %% id="02-question"
from course import check
from course.widgets.attention import attention_weights, previous_token_share, text_ids
from course.widgets.exercises import head_question

maps = attention_weights(model, text_ids(model, tokenizer, text))
question = head_question(maps)  # maps: (layers, heads, time, time)
print("shares", tuple(previous_token_share(maps).shape), "one for each head")
answer = None  # for example (0, 3)
check(answer, question)

# %% [markdown] id="02-limits"
# ## What was shown, and its limits
#
# Shown: attention and norm equal torch's, the whole equals transformers', with a real
# model's weights too; the mask is what makes it a language model; order comes from mask
# and positions; and a small transformer beats interpolated counting on new texts.
#
# Limits:
#
# - **The lead over counting is small, and Kneser–Ney is ahead.** With three hundred
#   thousand training tokens counting is a strong rival, and the model had already begun
#   to learn its texts by heart. That neural models pull away when data grow is quoted
#   here, not measured.
# - One recipe: whether another optimiser, shape or number of steps would do better was
#   not asked.
# - The attention maps show where a head *reads*, not why the model answers as it
#   does.
# - We compared two readers of SmolLM2's rounded weights, not the file with the model
#   before rounding. And a right answer or two say nothing about how often it is right.
#
# ## Test yourself
#
# 1. Why −∞ before the softmax and not 0 after it?
# 2. What would "good" have lost without the residual, and what without $W_O$?
# 3. Which tensors get smaller with grouped heads, and which do not?
# 4. A colleague's model has a training loss of 0.02 nats after an hour. What do you
#    test first?
# 5. What would change in the forward pass if every position were moved by 1,000?
# 6. Why can two models with different tokenizers be compared in bits per byte but not
#    in nats per token?
#
# <details><summary>Answers</summary>
#
# 1. After the softmax the weights no longer sum to 1, and the future still takes part
#    in the denominator, so it changes what earlier tokens read. Dividing again repairs
#    that until exp of all visible scores is rounded to 0.
# 2. Without the residual its praise: attention hands over only what was read. Without
#    $W_O$ the denial would stand in the column of things, because the answers lie in
#    the order of the heads.
# 3. The key and value matrices, the keys and values, and so the cache. Queries, the
#    output matrix and the table of scores stay as large.
# 4. Whether the input holds the answer: change a future token and see whether an
#    earlier logit moves; then the loss on held-out texts.
# 5. Nothing but rounding: scores depend on distances only.
# 6. A token of one is not a token of the other; the text and its bytes are the same.
#
# </details>
#
# ## Further reading
#
# - Vaswani and others 2017, [*Attention Is All You
#   Need*](https://arxiv.org/abs/1706.03762)
# - Karpathy 2023, [*Let's build GPT*](https://karpathy.ai/zero-to-hero.html), a
#   lecture: the three forms of the mean come from there. Raschka 2024, [*Build a Large
#   Language Model (From Scratch)*](https://github.com/rasbt/LLMs-from-scratch):
#   attention by small numbers, and the mask first wrong, then right.
# - Radford and others 2019, [*Language Models are Unsupervised Multitask
#   Learners*][gpt2]: GPT-2, and how its matrices start
# - Zhang & Sennrich 2019, [*Root Mean Square Layer
#   Normalization*](https://arxiv.org/abs/1910.07467)
# - Shazeer 2020, [*GLU Variants Improve
#   Transformer*](https://arxiv.org/abs/2002.05202)
# - Su and others 2021, [*RoFormer: Enhanced Transformer with Rotary Position
#   Embedding*](https://arxiv.org/abs/2104.09864)
# - Ainslie and others 2023, [*GQA: Training Generalized Multi-Query Transformer Models
#   from Multi-Head Checkpoints*](https://arxiv.org/abs/2305.13245)
# - Jordan and others 2024, [*Muon: An optimizer for hidden layers in neural
#   networks*](https://kellerjordan.github.io/posts/muon/); Liu and others 2025, [*Muon
#   is Scalable for LLM Training*](https://arxiv.org/abs/2502.16982)
# - Chen & Goodman 1998, [*An Empirical Study of Smoothing Techniques for Language
#   Modeling*](https://doi.org/10.1006/csla.1999.0128) (journal version, 1999):
#   Kneser–Ney
# - Ben Allal and others 2025, [*SmolLM2: When Smol Goes
#   Big*](https://arxiv.org/abs/2502.02737)
# - Haviv and others 2022, [*Transformer Language Models without Positional Encodings
#   Still Learn Positional Information*](https://arxiv.org/abs/2203.16634)
#
# [gpt2]:
# https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf
#
# **Next:** [the exercises](../exercises/02_transformer.ipynb), in which you write the
# parts yourself; then [chapter 03](03_sampling.ipynb) turns probabilities into texts.
