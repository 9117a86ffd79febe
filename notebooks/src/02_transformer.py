# %% [markdown] id="02-title"
# # 2 · A transformer from scratch
#
# You build, part by part, the network that the whole course rests on; you check each
# part against torch and the whole against Hugging Face transformers, let a trained one
# race the best counting models, and load a real pretrained model into the same class.
#
# At the end you can
#
# - write causal attention with grouped heads and say what each line is for;
# - explain how a model that reads a set learns about **order**;
# - count the parameters of a model from its shape;
# - tell a broken model from a good one by five quick tests;
# - read a loss curve in bits per byte and say what it beats, and what it does not;
# - compare two optimisers fairly, at equal time;
# - move a model between your own code and a library, and prove that it is the same.
#
# The chapter takes about an hour to read and about a minute to run. The trained
# model comes from `checkpoints`, which trains it the first time (a few minutes); the
# real model is fetched once (93 MB).
#
# ## Why counting is not enough
#
# Chapter 01 ended with n-gram models. A trigram sees two tokens; whatever came before
# is gone. Two openings that end in the same two tokens get the same forecast,
# exactly.
#
# Counting is the bar for this chapter, and two kinds of it. **Interpolated** n-grams
# (chapter 01) have their mixing weights fitted here **on the very texts that are then
# scored**: that flatters them, so the race is hard on our model. **Kneser–Ney** is the
# strongest classical way to count. It takes a discount from every count for what was
# never seen; and when it falls back to a shorter context, it asks in how many
# *different* places a token occurred, not how often.

# %% id="02-data"
import torch
import torch.nn.functional as F

from course import checkpoints, claim
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
# A token is a number without meaning: 17 is not "more" than 16. The **embedding** is
# a table with one row of C learned numbers for each token; looking up a row is the
# same as multiplying a one-hot vector by the table.
#
# Shapes, here and later: B texts, T positions, C the width of a vector, V tokens.
#
# ## Attention: tokens read each other
#
# Everything else in a transformer treats each token alone. **Attention** is the only
# place where tokens talk. Each token makes three vectors of D numbers: a **query**
# (what do I look for?), a **key** (what do I offer?) and a **value** (what do I hand
# over?). A query is compared with all keys; the results become weights that sum to 1;
# the answer is the weighted mean of the values:
#
# $$\mathrm{out} = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt D}\right) V$$
#
# The code uses the same letters, except that `values` stands for $V$, which is taken.
#
# **Predict first.** Why divide by $\sqrt D$? Suppose that queries and keys are random
# numbers of size 1. What is the standard deviation of their dot product with D = 4,
# 64, 1024?
#
# <details><summary>Answer</summary>
#
# A dot product is a sum of D products, each of variance 1, so its standard deviation
# is √D: 2, 8 and 32. A softmax over numbers that are tens apart gives everything to
# one token and passes on no gradient. Dividing by √D brings the scores back to size
# 1.
#
# </details>

# %% id="02-scores" tags=["nbval-check-output"]
draws = torch.Generator().manual_seed(0)
C, T, D = 8, 5, 4
table = torch.randn(V, C, generator=draws)  # (V, C), learned
ids = torch.tensor([[0, 300, 17, 300, 42]])  # (B, T)
x = table[ids]  # (B, T, C)
one_hot = F.one_hot(ids, V).float()  # (B, T, V)
claim("a lookup is a product with a one-hot vector", torch.equal(x, one_hot @ table))

to_query, to_key, to_value = torch.randn(3, C, D, generator=draws)
Q, K, values = x @ to_query, x @ to_key, x @ to_value  # each (B, T, D)
scores = Q @ K.transpose(-1, -2) / D**0.5  # (B, T, T): reader by token read
weights = scores.softmax(-1)
out = weights @ values  # (B, T, D)
print("scores", tuple(scores.shape), "out", tuple(out.shape))
torch.testing.assert_close(out, F.scaled_dot_product_attention(Q, K, values))
print("equals torch's attention without a mask")

for D_test in (4, 64, 1024):
    pair = torch.randn(2, 4000, D_test, generator=draws)
    spread = (pair[0] * pair[1]).sum(-1).std() / D_test**0.5
    claim(f"D = {D_test}: the spread is √D within 10 %", abs(spread - 1) < 0.1)

# %% [markdown] id="02-mask-text"
# ### The causal mask
#
# A language model predicts token i + 1 from tokens 0 to i. A token that could read
# its successor would only have to copy it. So every score that lies in the future
# becomes −∞ **before** the softmax: exp(−∞) = 0, and the rest still sums to 1.
#
# ### Heads, and groups of heads
#
# One softmax can express one opinion about whom to read. So the width is cut into H
# **heads** of D = C / H numbers, each with its own queries, keys and values, and the
# answers are laid side by side again.
#
# Keys and values must be kept for every earlier token while writing (the cache of
# chapter 03), queries need not. **Grouped heads** save there: several query heads
# share one key and value head. With 6 query heads on 2 key heads, query heads 0, 1, 2
# read key head 0, the others key head 1.
#
# ### Decoder-only against encoder–decoder, in one picture
#
# The transformer of 2017 was built for translation. An **encoder** reads the source
# text in both directions; a **decoder** writes the target, reads its own past, and
# reads the whole source through *cross-attention*. Language models today are
# **decoder-only**: source and target are one text, under one causal mask. Put four
# source tokens and five target tokens in a row and draw who reads whom.

# %% id="02-mask" tags=["nbval-check-output"]
visible = torch.ones(T, T, dtype=torch.bool).tril()  # row t: who may t read?
print(visible.int())
weights = scores.masked_fill(~visible, float("-inf")).softmax(-1)
expected = F.scaled_dot_product_attention(Q, K, values, is_causal=True)
same = torch.allclose(weights @ values, expected, atol=1e-5)
claim("our causal attention equals torch's", same)

H, key_heads = 6, 2
Q = torch.randn(1, H, T, D, generator=draws)  # (B, H, T, D)
K, values = torch.randn(2, 1, key_heads, T, D, generator=draws)
K_all = K.repeat_interleave(H // key_heads, dim=1)  # (B, H, T, D)
values_all = values.repeat_interleave(H // key_heads, dim=1)
scores = Q @ K_all.transpose(-1, -2) / D**0.5  # (B, H, T, T)
out = scores.masked_fill(~visible, float("-inf")).softmax(-1) @ values_all
expected = F.scaled_dot_product_attention(Q, K, values, is_causal=True, enable_gqa=True)
claim("grouped heads equal torch's", torch.allclose(out, expected, atol=1e-5))

# %% id="02-masks"
import matplotlib.pyplot as plt

S, N = 4, 9  # source tokens, all tokens
decoder_only = torch.ones(N, N).tril()
encoder_decoder = torch.ones(N, N).tril()
encoder_decoder[:S, :S] = 1  # the source reads itself in both directions
names = [f"s{i}" for i in range(S)] + [f"t{i}" for i in range(N - S)]
figure, places = plt.subplots(1, 2, figsize=(7, 3.5))
titles = "Encoder–decoder: the source sees both ways", "Decoder-only: one triangle"
masks = encoder_decoder, decoder_only
for axes, mask, title in zip(places, masks, titles, strict=True):
    axes.imshow(mask, cmap="Blues", vmin=0, vmax=1.6)
    axes.set_xticks(range(N), names), axes.set_yticks(range(N), names)
    axes.set_title(title, fontsize=9)
    axes.set(xlabel="token read", ylabel="reading token")
    axes.axhline(S - 0.5, color="black"), axes.axvline(S - 0.5, color="black")
    axes.grid(False)
plt.show()

# %% [markdown] id="02-masks-after"
# *The picture: two tables of nine reading tokens by nine tokens read. In both, target
# rows see all source tokens and their own past. They differ only in the top left
# square, where source tokens read later source tokens in the encoder–decoder and not
# in the decoder-only model.*
#
# The mask is not the only difference (an encoder–decoder has separate weights for the
# two sides, and cross-attention is a separate layer), but it is the one to remember.
# For the price of that small square, a decoder-only model learns from **every** token
# of every text, and keeps one cache.
#
# ## Order: rotary positions
#
# Attention computes a weighted mean over a *set*. Without help it does not know which
# token came first. **Rotary positions** turn each query and key by an angle that
# grows with its position. Components come in pairs; pair i of a vector at position p
# turns by
#
# $$\theta = p \cdot \mathrm{base}^{-2i/D}$$
#
# The first pairs turn fast and tell neighbours apart, the last turn slowly and
# measure long distances. When two arrows are turned by different angles, the angle
# *between* them changes by the difference: **a score then depends on the distance of
# two tokens and not on where they stand.**
#
# The same query and the same key stand at each of 40 positions. If only distance
# matters, moving both by 7 places leaves each score as it was, and two pairs that are
# equally far apart have the same score.


# %% id="02-rotary" tags=["nbval-check-output"]
def turn(x, p, base=10_000.0):
    """Rotary by hand: x (T, D), p (T,)."""
    D = x.shape[-1]
    i = torch.arange(D // 2)
    theta = p[:, None] * base ** (-2 * i / D)  # (T, D/2)
    cos, sin = theta.cos(), theta.sin()
    a, b = x.chunk(2, dim=-1)  # pair i: component i and component i + D/2
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


from course.lm.layers import rms_norm, rotary, swiglu  # the course's own

q, k = torch.randn(2, 1, 16, generator=draws).expand(2, 40, 16)
p = torch.arange(40)
ours, theirs = turn(q, p), rotary(q[None, None], p)[0, 0]
claim("rotary by hand equals the course's", torch.allclose(ours, theirs, atol=1e-5))
score = turn(q, p) @ turn(k, p).T  # (query position, key position)
moved = turn(q, p + 7) @ turn(k, p + 7).T
claim("moving both by 7 changes no score", torch.allclose(score, moved, atol=1e-3))
back_5 = score.diagonal(-5)  # all pairs with the key 5 places before the query
same = torch.allclose(back_5, back_5[:1].expand(35), atol=1e-3)
claim("all pairs at distance 5 have the same score", same)

# %% [markdown] id="02-norm-text"
# ## RMSNorm: keep vectors at size 1
#
# Every block adds to the vectors, so they grow with depth. Before each part reads
# them, **RMSNorm** divides a vector by the root of its mean square and multiplies by
# a learned weight $w$:
#
# $$y = \frac{x}{\sqrt{\mathrm{mean}(x^2) + \epsilon}} \cdot w$$
#
# ## SwiGLU: what a token does alone
#
# After reading, each token computes by itself. Two matrices widen the vector from C
# to F numbers; one result is what to say (`up`), the other how far to open the gate
# (`gate`); a third matrix (`down`) leads back to C:
#
# $$y = \mathrm{down}\,(\mathrm{silu}(\mathrm{gate}\,x) \cdot \mathrm{up}\,x), \qquad
# \mathrm{silu}(z) = z \cdot \sigma(z)$$

# %% id="02-norm" tags=["nbval-check-output"]
x = 30 * torch.randn(3, C, generator=draws)
w, eps = torch.ones(C), 1e-5
y = x / torch.sqrt((x**2).mean(-1, keepdim=True) + eps) * w
claim("it equals torch's", torch.allclose(y, F.rms_norm(x, (C,), w, eps), atol=1e-5))
claim("it equals the course's", torch.allclose(y, rms_norm(x, w, eps), atol=1e-5))
same = torch.allclose(rms_norm(100 * x, w), rms_norm(x, w), atol=1e-4)
claim("a vector 100 times as long gives the same", same)

feed_forward = 24  # F
gate, up = torch.randn(2, feed_forward, C, generator=draws)  # (F, C)
down = torch.randn(C, feed_forward, generator=draws)  # (C, F)
x = torch.randn(3, C, generator=draws)
z = x @ gate.T
y = (z * z.sigmoid() * (x @ up.T)) @ down.T  # (3, C)
same = torch.allclose(y, swiglu(x, gate, up, down), rtol=1e-4, atol=1e-3)
claim("by hand equals the course's", same)
claim("a gate of zeros lets nothing through", not swiglu(x, 0 * gate, up, down).any())

# %% [markdown] id="02-model-text"
# ## The whole model
#
# A **block** is attention and SwiGLU, each behind its own RMSNorm, each *added* to
# the stream of vectors that it read. A model is: embedding, blocks, one last norm,
# and logits. The logits are dot products with the rows of the **same** embedding
# table (**weight tying**): what a token means when read and what it means when
# predicted is one vector.
#
# `course.lm.model.GPT` holds the weights. Its forward pass, without the conveniences,
# is these lines.
#
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

# %% id="02-run" tags=["nbval-check-output"]
from course.lm.layers import rotary_angles
from course.lm.model import GPT, GPTConfig, parameter_count
from course.runtime import device, seed_everything


def run(model, ids, positions=None, visible=None):
    """Logits (B, T, V); positions (T,) and visible (T, T) can be replaced."""
    T = ids.shape[1]
    if positions is None:
        positions = torch.arange(T, device=ids.device)
    if visible is None:
        visible = torch.ones(T, T, dtype=torch.bool, device=ids.device).tril()
    x = model.embedding(ids)
    angles = rotary_angles(positions, model.config.width // model.config.heads)
    for layer, block in enumerate(model.blocks):
        x = block(x, angles, visible, None, layer)  # None: no cache
    return model.norm(x) @ model.embedding.weight.T


seed_everything(0)
config = GPTConfig(vocab_size=V)
fresh = GPT(config).to(device())
ids = torch.randint(V, (4, 64), generator=draws).to(device())
with torch.no_grad():
    logits = fresh(ids)
    same = torch.allclose(run(fresh, ids), logits, atol=1e-4)
claim("seven lines equal the model", same)

# %% id="02-count" tags=["nbval-check-output"]
parts = {"embedding": 0, "attention.": 0, "feed_forward.": 0, "norm": 0}
for name, parameter in fresh.named_parameters():
    parts[next(part for part in parts if part in name)] += parameter.numel()
for part, count in parts.items():
    print(f"{part.strip('.'):13} {count:9,}")
total = sum(parts.values())
print(f"{'all':13} {total:9,}   (untied: {total + V * config.width:,})")
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
# −ln(1/V) = ln V. A first loss far above it means that the initial weights are too
# large, far below it that the targets leak into the input.
#
# </details>
#
# **2. No token sees the future.** Change one token; no logit before it may change,
# not even in the last bit. And the logits from there on must change, or the test
# would pass for a model that reads nothing.
#
# **3. It can overfit one batch.** A model that cannot learn sixteen texts by heart
# will not learn eight thousand. One small model, one batch, a few dozen steps.

# %% id="02-initial" tags=["nbval-check-output"]
from math import log

from course.lm.objective import next_token_loss

first_loss = float(next_token_loss(logits, ids))
claim(
    "the first loss is ln V within 5 %",
    abs(first_loss / log(V) - 1) < 0.05,
    first_loss=first_loss,
    ln_V=log(V),
)

changed = ids.clone()
changed[:, 40] = (changed[:, 40] + 1) % V
with torch.no_grad():
    after = fresh(changed)
earlier_same = torch.equal(after[:, :40], logits[:, :40])
claim("changing a future token changes no earlier logit (exactly)", earlier_same)
later_differ = bool((after[:, 40:] != logits[:, 40:]).any(-1).all())
claim("it changes the logits of every later position", later_differ)

# %% id="02-overfit" tags=["nbval-check-output"]
# seeds tried: 0, 1, 2
from course.lm.training import History


def train(batches, steps, visible=None, seed=0, lr=8e-3):
    """A tiny GPT, trained with AdamW on batches(generator) -> ids (B, T)."""
    seed_everything(seed)
    model = GPT(GPTConfig(V, 64, 64, 2, 4, 2, 128)).to(device())
    optimizer = torch.optim.AdamW(model.parameters(), lr, betas=(0.9, 0.95))
    draws, history = torch.Generator().manual_seed(seed), History()
    for step in range(steps):
        ids = batches(draws).to(device())
        loss = next_token_loss(run(model, ids, visible=visible), ids)
        loss.backward()
        optimizer.step(), optimizer.zero_grad()
        history.log(step, loss=loss.detach())
    return model, history


T = 24  # enough for the opening of a review
cut = torch.tensor([row[:T] for row in train_rows if len(row) >= T])
_, overfit = train(lambda draws: cut[:16], steps=80)
claim(
    "one batch is learned by heart: the loss falls below 0.5 nats",
    overfit["loss"][-1] < 0.5,
    loss=overfit["loss"][-1],
)

# %% [markdown] id="02-control-text"
# ## Negative control: train without the mask
#
# **4. Without the causal mask it must fail.** We train the same tiny model twice on
# fresh texts, once with the mask and once with every token visible. **Predict
# first:** which training loss is lower, and which model writes better?
#
# <details><summary>Answer</summary>
#
# Without the mask the loss collapses: position i reads its own target at position i +
# 1 and copies it. When the model writes there is no position i + 1. It has learned to
# copy and nothing else.
#
# </details>
#
# The honest loss asks each model for token i + 1 when **only** tokens 0 to i exist,
# as in writing. For the causal model that changes nothing.
#
# *The next picture: two training curves from the same start. With the mask the loss
# falls slowly and stays high; without it, it falls towards zero.*


# %% id="02-control"
def fresh_batch(draws):
    return cut[64:][torch.randint(len(cut) - 64, (24,), generator=draws)]


from course.plots import curves, finish

everything = torch.ones(T, T, dtype=torch.bool, device=device())
causal_model, with_mask = train(fresh_batch, steps=120)
cheat_model, no_mask = train(fresh_batch, steps=120, visible=everything)
curves(
    {
        "with the causal mask": (with_mask.steps("loss"), with_mask["loss"]),
        "without it": (no_mask.steps("loss"), no_mask["loss"]),
    },
    title="Without the mask the training loss collapses: it is copying",
    x="training step",
    y="training loss (nats per token)",
)


# %% id="02-honest" tags=["nbval-check-output"]
@torch.no_grad()
def honest_loss(model, ids, visible):
    """Nats per token when each token is predicted from its prefix alone."""
    nats = []
    for t in range(1, ids.shape[1]):
        logits = run(model, ids[:, :t], visible=visible[:t, :t])[:, -1]
        nats.append(F.cross_entropy(logits, ids[:, t]))
    return float(torch.stack(nats).mean())


test = cut[:64].to(device())
honest = honest_loss(causal_model, test, everything.tril())
cheat = honest_loss(cheat_model, test, everything)
# seeds tried: 0, 1, 2
claim(
    "without the mask the training loss falls by half or more below the other",
    no_mask["loss"][-1] < with_mask["loss"][-1] / 2,
    no_mask=no_mask["loss"][-1],
    with_mask=with_mask["loss"][-1],
)
claim(
    "and its honest loss is worse by more than 1 nat per token",
    cheat > honest + 1,
    cheat=cheat,
    honest=honest,
)

# %% id="02-control-samples"
from course.lm.sampling import sample_tokens


@torch.no_grad()
def scribble(model, visible, n=2, seed=0):
    """Write n texts of T tokens, one token after the other."""
    draws = torch.Generator().manual_seed(seed)
    ids = torch.full((n, 1), tokenizer.bos_token_id, device=device())
    for t in range(1, T):
        logits = run(model, ids, visible=visible[:t, :t])[:, -1]
        ids = torch.cat((ids, sample_tokens(logits, draws)[:, None]), dim=1)
    return [tokenizer.decode(row[1:].tolist()) for row in ids]


print("with the mask:  ", *scribble(causal_model, everything.tril()), sep="\n   ")
print("without the mask:", *scribble(cheat_model, everything), sep="\n   ")
print(f"with the mask: trained to {with_mask['loss'][-1]:.2f}, honest {honest:.2f}")
print(f"without it:    trained to {no_mask['loss'][-1]:.2f}, honest {cheat:.2f}")

# %% [markdown] id="02-control-after"
# The causal model is far too small and too briefly trained to make sense, but it
# knows which tokens are frequent and which may follow. The other has the far better
# training loss and writes noise. **A training loss means nothing when the input holds
# the answer.**
#
# ## A common description, examined
#
# > "A transformer knows the order of the words because the tokens come in order."
#
# Test it. We take the positions away (every token claims to stand at position 0) and
# turn the order of all tokens but the last around. If the model knows the order, its
# last logits must change. Weights are random and enlarged, so that effects are visible;
# float64 makes rounding negligible.


# %% id="02-shuffle" tags=["nbval-check-output"]
@torch.no_grad()
def change_by_reversing(layers, causal, rotary_positions, T=12):
    """Relative change of the last logits when all earlier tokens are reversed."""
    seed_everything(1)
    model = GPT(GPTConfig(50, T, 32, layers, 4, 2, 64)).double()
    for matrix in model.blocks.parameters():
        if matrix.dim() == 2:
            matrix *= 10
    ids = torch.arange(T)[None] + 3
    turned = torch.cat((ids[:, :-1].flip(1), ids[:, -1:]), dim=1)
    visible = torch.ones(T, T, dtype=torch.bool)
    visible = visible.tril() if causal else visible
    p = torch.arange(T) if rotary_positions else torch.zeros(T)
    before, after = (run(model, x, p, visible)[:, -1] for x in (ids, turned))
    return float((after - before).abs().max() / before.abs().max())


cases = [(1, False, False), (3, False, False), (1, True, False), (3, True, False)]
cases += [(1, True, True), (3, True, True)]
change = {case: change_by_reversing(*case) for case in cases}
blind = [change[1, False, False], change[3, False, False], change[1, True, False]]
claim("no mask, no positions: blind to order at any depth", max(blind[:2]) < 1e-9)
claim("one causal block without positions: blind to order", blind[2] < 1e-9)
claim("several causal blocks without positions: it sees", change[3, True, False] > 1e-3)
claim("rotary positions show the order to one block", change[1, True, True] > 1e-3)

# %% [markdown] id="02-shuffle-after"
# So the description is wrong about attention, and half right about language models.
# Attention reads a set: the order of the rows in memory is invisible to it. What
# breaks the symmetry is the **causal mask**, from the second block on (an earlier
# token has read fewer others, and that shows in its vector), and, directly and from
# the first block, the **positions**.
#
# ## The trained model
#
# Now the real one: the same class, trained on the film reviews. Here is everything
# that decided it; the optimiser is Muon for the matrices of the blocks and AdamW for
# the rest.
#
# The history holds the training loss in nats per token. To compare with the n-grams
# we need **bits per byte**: nats per token, times tokens per byte, divided by ln 2.
# The dashed lines are the counting models on held-out texts; the square is the model
# itself on the same held-out texts.

# %% id="02-recipe"
from course.recipes import LANGUAGE_MODEL

model, history = trained.model, trained.history
for name, value in LANGUAGE_MODEL.settings.items():
    print(f"{name:11} {value}")
print(f"{'parameters':11} {parameter_count(model.config):,}")
print(f"{'trained in':11} {trained.metrics['seconds']:.0f} s")
seen = len(history.rows) * LANGUAGE_MODEL.settings["train"]["batch_size"]
seen *= LANGUAGE_MODEL.settings["row_tokens"]
print(f"{'has read':11} {seen:,} tokens")

# %% id="02-signature"
from course.lm.evaluation import utf8_bytes

bits = bits_per_byte_of(model, tokenizer, held_out_texts)
targets = sum(len(row) - 1 for row in train_rows)  # <bos> is never a target
tokens_per_byte = targets / utf8_bytes(train_texts)
loss = torch.tensor(history["loss"])
smooth = loss.unfold(0, 20, 1).mean(-1)  # mean of the last 20 steps
train_bits = smooth * tokens_per_byte / log(2)
steps = list(range(19, len(loss)))
figure, axes = plt.subplots(figsize=(6.8, 4))
axes.plot(steps, train_bits, label="transformer, training texts (mean of 20 steps)")
axes.plot(steps[-1], bits, "s", label=f"transformer, held-out texts: {bits:.2f}")
places = ("right", "bottom"), ("left", "bottom"), ("left", "top"), ("left", "top")
for (name, level), (ha, va) in zip(lines.items(), places, strict=True):
    axes.axhline(level, color="black", linewidth=1, linestyle="--")
    at = steps[-1] if ha == "right" else 0
    axes.text(at, level, f"{name} {level:.2f}", ha=ha, va=va, fontsize=9)
axes.set_ylim(top=3.6)
beaten = [name for name, level in lines.items() if bits < level]
title = "every counting model" if len(beaten) == 4 else "all but Kneser–Ney counting"
title = f"On new texts the transformer beats {title}"
finish(axes, title, "training step", "bits per byte")
gap = 100 * (1 - bits / best_ngram)
print(f"held out: {bits:.3f} against {best_ngram:.3f} bits per byte, {gap:.1f} % less")

# %% id="02-bits-claim" tags=["nbval-check-output"]
# seeds tried: 0, 1, 2: 1.8915, 1.8852, 1.8906
claim("held-out bits per byte are at most 1.90", bits <= 1.90, bits=bits)
claim(
    "the model beats the best interpolated n-gram by at least 2 %",
    bits < 0.98 * best_ngram,
    bits=bits,
    best_ngram=best_ngram,
)
claim("it knows its training texts better", float(train_bits[-1]) < bits)
claim("Kneser–Ney beats them all, by at least 1 %", lines["Kneser–Ney"] < 0.99 * bits)

# %% [markdown] id="02-signature-after"
# *The picture: the training curve falls steeply, crosses the bigram line, and goes on
# below all lines. A square at the last step, the model on held-out texts, lies under
# the three interpolated n-grams, above the line of Kneser–Ney, and above the end of the
# training curve.*
#
# Read two gaps. From the square to the lines: what a transformer wins over counting,
# and what it does not. From the square **down** to the curve: what it learned by heart,
# because it read each text several times. The curve falls in stairs for the same
# reason: each stair is a new reading of the same texts.
#
# Kneser–Ney ahead is no accident and no shame: with so few texts, good counting is very
# hard to beat, and it was, for decades. Transformers pull away when data grow, by all
# reports; on these few texts they cannot.
#
# ## Two optimisers, the same time
#
# The recipe above uses **Muon** for the matrices of the blocks. AdamW scales every
# number of a gradient by its own history. Muon looks at a matrix as a whole: it makes
# the update nearly **orthogonal** (all its singular values about 1), so that directions
# with small gradients move as much as the loud ones. That costs extra products of
# matrices at every step. Is a step worth its price?
#
# A fair race needs three things. **Equal care**: each got the best learning rate for
# the matrices from a grid (factor 2 apart, five values around the best), found
# beforehand with another seed (5) at this very length. **Equal rest**: the same small
# model, data, batches, warm-up, cosine and clipping; embedding and norms are trained by
# the same AdamW at the same rate in both. **Equal time**: AdamW runs twice. First for
# as many steps as Muon. Then for as many *more* steps as its steps were cheaper on your
# machine, with its cosine stretched over all of them.
#
# **Predict first.** Who is ahead after the same number of steps? And what do the
# additional steps of AdamW do to the lead?
#
# <details><summary>Answer</summary>
#
# After the same steps Muon is clearly ahead. But on a model as small as this one, its
# extra products are a large part of a step, and AdamW wins some of the lead back with
# more of them.
#
# </details>

# %% id="02-race"
from course.lm.packing import pack
from course.lm.training import optimizers, train_language_model

packed = pack(train_rows, 64, tokenizer.pad_token_id)


def adamw(model, matrix_rate, other_rate, weight_decay):
    """The same as `optimizers`, but AdamW in the place of Muon."""
    muon, rest = optimizers(model, matrix_rate, other_rate, weight_decay)
    matrices = muon.param_groups[0]["params"]
    decay = {"weight_decay": weight_decay}
    return [torch.optim.AdamW(matrices, matrix_rate, (0.9, 0.95), **decay), rest]


def race(make_optimizers, rates, steps):
    """A small model and its history, after so many steps with this optimiser."""
    seed_everything(0)
    small = GPT(GPTConfig(V, 64, 128, 3, 4, 2, 336)).to(device())
    return small, train_language_model(
        small, *packed, steps=steps, batch_size=16, warmup=10, weight_decay=0.0,
        generator=torch.Generator().manual_seed(0), matrix_learning_rate=rates[0],
        other_learning_rate=rates[1], make_optimizers=make_optimizers,
    )  # fmt: skip


steps = 50
raced = {"Muon": race(optimizers, (5e-3, 8e-3), steps)}
raced["AdamW"] = race(adamw, (2.5e-4, 8e-3), steps)
cost = {}  # seconds per step: the median, so that a hiccup of the machine is no step
for name, (_, log_of) in raced.items():
    cost[name] = float(torch.tensor(log_of["seconds"]).diff().median())
more = min(max(cost["Muon"] / cost["AdamW"], 1.0), 1.6)
raced["AdamW, same time"] = race(adamw, (2.5e-4, 8e-3), round(steps * more))

# %% id="02-race-figure"
raced_bits = {
    name: bits_per_byte_of(small, tokenizer, held_out_texts[:500])
    for name, (small, _) in raced.items()
}
shown = {}
for name, (_, log_of) in raced.items():
    seconds = log_of["seconds"]
    mean = torch.tensor(log_of["loss"]).unfold(0, 10, 1).mean(-1)
    shown[f"{name}, {len(seconds)} steps"] = seconds[9:], mean
    print(f"{name:17} {len(seconds):3} steps, {seconds[-1]:4.1f} s, "
          f"held out {raced_bits[name]:.3f} bits per byte")  # fmt: skip
lead = raced_bits["AdamW"] - raced_bits["Muon"]
late = raced_bits["AdamW, same time"] - raced_bits["Muon"]
print(f"Muon leads by {lead:.3f} after the same steps, {late:.3f} after the same time")
curves(
    shown,
    title="More steps in the same time win back "
    + ("part of Muon's lead" if late > 0 else "all of Muon's lead"),
    x="seconds of training",
    y="training loss, nats per token (mean of 10 steps)",
)

# %% id="02-race-claim" tags=["nbval-check-output"]
# seeds tried: 0, 1, 2: Muon 2.607, 2.622, 2.607, AdamW 2.773, 2.781, 2.771
# and with 1.4 times the steps 2.664, 2.670, 2.654; grids on seed 5
claim("after the same steps Muon leads by 0.05 bits per byte", lead > 0.05, lead=lead)
claim("more steps of AdamW do not make the lead larger", late <= lead, late=late)

# %% [markdown] id="02-race-after"
# *The picture: three falling curves. Two end after about the same seconds; AdamW's
# first run ends earlier and highest. Muon's steps take longer, so its curve begins
# later; where this page was made it ends lowest.*
#
# So a race by *steps* and a race by *time* have two results, and how much faster an
# optimiser is depends on what a step costs on your machine. It depends on the length of
# the race, too: set `steps = 120` and see how little of the lead is left. The larger
# the model and the batch, the smaller the share of Muon's extra products in a step.
# This is one small model, one data set, a short run; it says nothing about the tenth
# hour of a large model.
#
# ## The same numbers as a library
#
# **5. Another implementation agrees.** Our layout is that of Llama. Copy our weights
# into Hugging Face's `LlamaForCausalLM`, save that to a folder, let
# `AutoModelForCausalLM` load the folder, and copy the weights back. Everything must be
# there to the last bit, and all logits equal. So what you train here works in every
# tool that reads Llamas.
#
# ## It writes
#
# Give it openings and let it go on. Temperature and the other controls of writing are
# chapter 03.

# %% id="02-llama" tags=["nbval-check-output"]
from tempfile import TemporaryDirectory

from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

from course.lm.interop import from_transformers, to_transformers

disable_progress_bar()
with TemporaryDirectory() as folder:
    to_transformers(model, tokenizer).save_pretrained(folder)
    llama = AutoModelForCausalLM.from_pretrained(folder).to(device()).eval()
back = from_transformers(llama).state_dict()
weights = model.state_dict()
same = all(torch.equal(back[name], weight) for name, weight in weights.items())
claim("there and back: every weight is equal to the last bit", same)
some = packed[0][:8, :32].to(device())
with torch.no_grad():
    difference = float((model(some) - llama(some).logits).abs().max())
claim("all logits equal transformers' to 1e-4", difference < 1e-4, worst=difference)

# %% id="02-samples"
from course.lm.sampling import write
from course.runtime import generator

prompts = ["The film is", "A moving story", "This movie", "The actors", "", ""]
written = write(model, tokenizer, prompts, temperature=0.8, generator=generator(0))
for prompt, completion in zip(prompts, written, strict=True):
    print(f"[{prompt}]{completion}\n")

# %% [markdown] id="02-samples-after"
# Grammar nearly, film talk certainly, sense hardly. That is what two million numbers
# and some hundred thousand tokens buy. For our purpose it is enough: the reward model
# (chapter 07) will say what people like, and the policy gradient (chapter 09) will
# move this writer towards it.
#
# ## A real model in the same class
#
# Is our class a toy? SmolLM2-135M-Instruct has the same layout: only the numbers in its
# configuration differ. Its makers trained it on two trillion tokens and then on
# conversations. The file holds its weights in 4 bits each; loading turns them into
# ordinary 32-bit numbers in **our** `GPT`. The first load takes longest.
#
# It expects conversations in **ChatML**: each turn stands between `<|im_start|>` and
# `<|im_end|>`. `chat_ids` writes that. `top_k=1` is greedy: always the likeliest token.
#
# **Predict first.** How many parameters has it? Width 576, 30 blocks, 9 heads with 3
# key/value heads, F = 1536, V = 49,152. (The name says it, roughly.)
#
# It will talk; that alone proves little, for a slightly wrong model also talks. The
# proof is a second opinion: transformers loads the same file by itself, with its own
# reader and its own model, and both must give the same logits for the whole
# conversation. The **cache** of chapter 03 must change nothing either: we feed the same
# tokens in pieces, while the keys and values of earlier pieces are remembered.

# %% id="02-smollm2"
from course.lm.pretrained import chat, chat_ids, load_pretrained

real, its_tokenizer = load_pretrained()
card = real.config
print(f"{card.layers} blocks, width {card.width}, {card.vocab_size} tokens")
print(f"{parameter_count(card):,} parameters")
talk = [{"role": "system", "content": "You answer in one short sentence."}]
for question in ("What is the capital of France?", "And of Italy?"):
    talk.append({"role": "user", "content": question})
    answer = chat(real, its_tokenizer, talk, max_new_tokens=24, top_k=1)
    talk.append({"role": "assistant", "content": answer})
for message in talk:
    print(f"{message['role']:>9}: {message['content']}")

# %% id="02-oracle"
from course.data.assets import SMOLLM2, fetch

ids = torch.tensor([chat_ids(its_tokenizer, talk)])
with torch.no_grad():
    whole = real(ids)  # (1, time, 49152)
    cache = real.new_cache()
    pieces = [real(piece, cache=cache) for piece in ids.split(25, dim=1)]
del real, cache  # only one large model at a time
file = next(fetch(SMOLLM2).rglob("*.gguf"))
theirs = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name).eval()
with torch.no_grad():
    expected = theirs(ids).logits
worst = (whole - expected).abs().max(), (torch.cat(pieces, 1) - expected).abs().max()
print(f"largest difference {worst[0]:.1e} whole, {worst[1]:.1e} in pieces")
numbers = theirs.num_parameters()
del theirs, expected, whole, pieces

# %% id="02-oracle-claim" tags=["nbval-check-output"]
claim("the formula counts SmolLM2 too", parameter_count(card) == numbers)
claim("SmolLM2's logits equal transformers' to 1e-3, whole", worst[0] < 1e-3)
claim("and with our cache, in pieces", worst[1] < 1e-3)

# %% [markdown] id="02-oracle-after"
# The same seven lines of `run` that you checked above are the real thing. What
# separates our writer from this one is data and size, not code.
#
# ## Play: look at the heads
#
# First a picture: the first three heads of the first block of our own model. Each row
# is a reading token; the brightness of a square says how much of its weight goes to
# that column's token. Above the diagonal all is dark: the mask.
#
# Now choose text, layer and head yourself. By code: the cell above with another
# `text` or `layer`.
#
# **Question 2.6.** Which (layer, head) gives most of its weight to the token just
# before? Find it with the panel, or with a line of code; write the pair in place of
# `None` and run the cell. `course.hint(question)` helps.

# %% id="02-play-static"
from course.widgets import attention_viewer, show_attention

text = "The film is not good, but the actors are very good."
show_attention(model, tokenizer, text, layer=0, heads=3)

# %% id="02-play" tags=["widget"]
attention_viewer(model, tokenizer, text)

# %% id="02-question"
from course import check
from course.widgets.attention import attention_weights, previous_token_share, text_ids
from course.widgets.exercises import head_question

weights = attention_weights(model, text_ids(model, tokenizer, text))
question = head_question(weights)  # weights: (layers, heads, time, time)
print("shares", tuple(previous_token_share(weights).shape), "one for each head")
answer = None  # for example (0, 3)
check(answer, question)

# %% [markdown] id="02-limits"
# ## What was shown, and its limits
#
# Shown: each part equals torch's, the whole equals transformers', with a real model's
# weights too; the mask is what makes it a language model; order comes from mask and
# positions; a small transformer beats interpolated counting on new texts; and Muon
# learns more from a step, for a price.
#
# Not shown:
#
# - **The lead over counting is small, and Kneser–Ney is ahead.** With some hundred
#   thousand training tokens counting is a strong rival, and the model had already begun
#   to learn its texts by heart. That transformers pull away when data grow was not
#   measured here.
# - One checkpoint, one seed; one race, with rates from a small grid.
# - The attention maps show where a head *reads*, not why the model answers as it
#   does.
# - SmolLM2's weights are rounded to 4 bits. We compared two readers of that file, not
#   the file with the model before rounding. And a right answer or two say nothing about
#   how often it is right.
#
# ## Questions to check yourself
#
# 1. Why −∞ before the softmax and not 0 after it?
# 2. Which tensors get smaller with grouped heads, and which do not?
# 3. A colleague's model has a training loss of 0.02 nats after an hour. What do you
#    test first?
# 4. What would change in the forward pass if every position were moved by 1,000?
# 5. Why can two models with different tokenizers be compared in bits per byte but not
#    in nats per token?
# 6. Muon is ahead at equal steps. Why is that not yet a fair comparison?
#
# ## Exercises
#
# Write the parts yourself in
# [exercises/02_transformer.ipynb](../exercises/02_transformer.ipynb): 2.1 causal
# attention, 2.2 RMSNorm, 2.3 rotary positions, 2.4 SwiGLU, 2.5 counting parameters.
#
# ## Read on
#
# - Vaswani et al. 2017, *Attention Is All You Need*, arXiv:1706.03762
# - Zhang & Sennrich 2019, *Root Mean Square Layer Normalization*, arXiv:1910.07467
# - Shazeer 2020, *GLU Variants Improve Transformer*, arXiv:2002.05202
# - Su et al. 2021, *RoFormer: Enhanced Transformer with Rotary Position Embedding*,
#   arXiv:2104.09864
# - Ainslie et al. 2023, *GQA: Training Generalized Multi-Query Transformer Models
#   from Multi-Head Checkpoints*, arXiv:2305.13245
# - Jordan et al. 2024, *Muon: An optimizer for hidden layers in neural networks*;
#   Liu et al. 2025, *Muon is Scalable for LLM Training*, arXiv:2502.16982
# - Chen & Goodman 1998, *An Empirical Study of Smoothing Techniques for Language
#   Modeling*: Kneser–Ney
# - Ben Allal et al. 2025, *SmolLM2: When Smol Goes Big*, arXiv:2502.02737
# - Haviv et al. 2022, *Transformer Language Models without Positional Encodings Still
#   Learn Positional Information*, arXiv:2203.16634
