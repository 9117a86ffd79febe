# %% [markdown] id="05-title"
# # 5 · Rewards by rule, and how each one breaks
#
# A reward can be a rule of a few lines. You build the usual ones from scratch, measure
# how far people agree with them, and then find for each a text that it loves and that
# nobody would want.
#
# When you have read this chapter you can:
#
# - write a reward as a function of prompt and completion, and say which of the two it
#   must look at;
# - compute BLEU and ROUGE by hand and say with which tokens and which smoothing;
# - use the probability of a text as a reward, and say what it likes;
# - add and remove parts of a composite reward, and pay it at the end or step by step;
# - search for the exploit of a rule before a policy finds it.

# %% [markdown] id="05-function-text"
# ## A reward is a function
#
# A **reward function** takes prompts and completions and returns one number for each
# completion. That is all. No training, no network: whatever returns numbers can be a
# reward. Here is one that likes long texts. A **rule** looks at texts only;
# `rule_score` makes it a `score(prompts, completions)`, which is what every algorithm
# of the course takes.

# %% id="05-function" tags=["nbval-check-output"]
import torch

from course import claim
from course.reward.rules import rule_score


def many_words(texts):
    """Number of words of each text, shape (texts,)."""
    return torch.tensor([float(len(text.split())) for text in texts])


score = rule_score(many_words)
prompts = ["The film", "The film"]
completions = [" is a quiet joy.", " is is is is is is is is is"]
print(score(prompts, completions).tolist())

# %% [markdown] id="05-words-text"
# It already prefers the wrong text. Keep that in mind: *this* is the failing toy, and
# the rest of the chapter tries to do better.
#
# ## Rules about words
#
# The **lexicon** holds some thousand words with the friendliness that people gave them.
# Its score adds them up, turns them round after a negation and squashes the sum into
# (−1, 1). A second rule counts **forbidden words** and is 0 at best.
#
# **Predict first.** Which of the four texts below gets the best lexicon score, and
# which one does it misread?
#
# <details><summary>Answer</summary>
#
# The second one wins: two friendly words instead of one. The last is misread: no
# word in it is unfriendly, yet every reader knows that the film is not good.
#
# </details>
#
# How well does the lexicon agree with people? The measure is **Pearson's correlation**
# $r$ between the score and the mean human rating, here over all 10,605 review sentences
# of the course. It is 1 for perfect agreement and 0 for none.

# %% id="05-words" tags=["nbval-check-output"]
from course.data import reviews
from course.reward.metrics import pearson
from course.reward.rules import lexicon_score
from course.reward.word_lists import forbidden_words

banned = ["bad", "dull", "boring", "worst", "tedious", "mess", "fails", "silly"]
no_bad_words = forbidden_words(banned)
four = ["A good film.", "A good film, a great cast.", "Not a good film.",
        "A good film to fall asleep in, in comfort."]  # fmt: skip
for text, friendly, clean in zip(
    four, lexicon_score(four), no_bad_words(four), strict=True
):
    print(f"lexicon {friendly:+.2f}   forbidden {clean:+.0f}   {text}")
everything = reviews.load("movies")
rated = torch.tensor(everything["mean"][:])  # mean ratings, (texts,)
r = pearson(lexicon_score(everything["text"][:]), rated)
print(len(rated), "rated texts")
claim("the lexicon agrees with people at r = 0.43, give or take 0.03",
      abs(r - 0.43) < 0.03, r=r)  # fmt: skip

# %% [markdown] id="05-bleu-text"
# ## Overlap with a reference: BLEU
#
# In translation and summarising there is a **reference**, a text that a person wrote
# for the same prompt. The text to be scored is the **hypothesis**. **BLEU** asks which
# share of the hypothesis' n-grams (runs of $n$ words) the reference has.
#
# The trap is repetition: a reference with one "the" must not pay for seven of them. So
# each n-gram counts at most as often as the reference has it. This is **clipping**.
# With $c_h(g)$ and $c_r(g)$ how often hypothesis and reference have the n-gram $g$,
#
# $$ p_n = \frac{\sum_g \min(c_h(g), c_r(g))}{\sum_g c_h(g)}. $$
#
# The words come from a stated tokeniser. We use "13a", the usual one: it splits off
# punctuation and keeps case.
#
# Precision alone would make one safe word perfect. So short texts pay a **brevity
# penalty**: with $h$ words in the hypothesis and $r$ in the reference,
#
# $$ \mathrm{BP} = \min\bigl(1, e^{1 - r / h}\bigr), \qquad
#    \mathrm{BLEU} = \mathrm{BP} \cdot \exp\Bigl(\tfrac14 \sum_n \log p_n\Bigr). $$
#
# The figure shows what the two repairs do to a text that only repeats "the film".

# %% id="05-clip" tags=["nbval-check-output"]
from collections import Counter

from course.reward.overlap import bleu_tokens, clipped_precision


def c(tokens, n):
    """How often each n-gram occurs."""
    return Counter(zip(*(tokens[i:] for i in range(n)), strict=False))


h, ref = bleu_tokens("the the the film"), bleu_tokens("the film is the best.")
for n in (1, 2):
    c_h, c_r = c(h, n), c(ref, n)
    p_n = (c_h & c_r).total() / c_h.total()  # & takes the smaller count of each
    free = sum(c_h[g] for g in c_h if g in c_r) / c_h.total()
    print(f"n = {n}: clipped {p_n:.2f}, not clipped {free:.2f}")
    claim("our line is the course's function", p_n == clipped_precision(h, ref, n))

# %% id="05-bleu" tags=["nbval-check-output"]
from math import exp, log

from course.reward.overlap import bleu, brevity_penalty

hypothesis = "It is a truly good film with one flaw."
reference = "It is a truly good film with one great flaw."
h, ref = bleu_tokens(hypothesis), bleu_tokens(reference)
BP = min(1.0, exp(1 - len(ref) / len(h)))
p = [clipped_precision(h, ref, n) for n in (1, 2, 3, 4)]
BLEU = BP * exp(sum(log(p_n) for p_n in p) / 4)
print("p_n:", " ".join(f"{p_n:.3f}" for p_n in p), f"  BP: {BP:.3f}")
claim("our BP is the course's", brevity_penalty(len(h), len(ref)) == BP)
claim("our BLEU is the course's", abs(BLEU - bleu(hypothesis, reference)) < 1e-12)

# %% id="05-bleu-figure"
from course import plots

ref = bleu_tokens("the film is one of the best films of the year.")
rounds = list(range(1, 13))
loops = [["the", "film"] * k for k in rounds]
free = [sum(w in ref for w in t) / len(t) for t in loops]
clipped = [clipped_precision(t, ref, 1) for t in loops]
paid = [brevity_penalty(len(t), len(ref)) * p
        for t, p in zip(loops, clipped, strict=True)]  # fmt: skip
plots.curves(
    {"share of words that match": (rounds, free), "clipped": (rounds, clipped),
     "clipped × brevity penalty": (rounds, paid)},
    title="Clipping makes repetition worthless, the penalty makes silence so",
    x="how often “the film” is said", y="score (single words)",
)  # fmt: skip

# %% [markdown] id="05-zero-text"
# *The figure: without clipping the line stays at 1 however often the words are
# repeated. Clipped, it falls. With the penalty it also starts near 0 and has its top in
# between.*
#
# **Predict first.** "A fine film" against "A fine movie": one word of three differs.
# What is its plain BLEU, without smoothing?
#
# <details><summary>Answer</summary>
#
# 0. It has no run of three matching words and no run of four words at all, and a
# product with a 0 in it is 0. As a reward this is a desert: almost all short texts earn
# 0, and nothing tells a policy which of them is nearer. So a BLEU of 0 does **not**
# mean that nothing matched. *Effective order* stops $n$ at the length of the text;
# *smoothing* ("exp") lets the first $n$ without a match count as half a match, the next
# as a quarter.
#
# </details>
#
# A BLEU without its tokens and its smoothing means nothing, so the reference
# implementation, sacrebleu, prints a signature.

# %% id="05-zero" tags=["nbval-check-output"]
import sacrebleu

plain = sacrebleu.metrics.BLEU(smooth_method="none")
ours = sacrebleu.metrics.BLEU(effective_order=True)  # smoothing "exp", tokens 13a
h, ref = "A fine film", "A fine movie"
claim("plain BLEU is 0 although two of three words match",
      plain.corpus_score([h], [[ref]]).score == 0
      and clipped_precision(h.split(), ref.split(), 1) == 2 / 3)  # fmt: skip
claim("with effective order and smoothing it is above 0.3", bleu(h, ref) > 0.3)
ours.sentence_score(h, [ref])  # it signs what it has computed
print("|".join(x for x in str(ours.get_signature()).split("|") if "version" not in x))

# %% [markdown] id="05-rouge-text"
# ## ROUGE: the right words in the right order
#
# **ROUGE-L** looks for the **longest common subsequence** (LCS): the most words that
# both texts have in the same order, whatever stands between them. Let $L_{ij}$ be the
# LCS of the first $i$ words of one and the first $j$ of the other:
#
# $$ L_{ij} = \begin{cases} L_{i-1,\,j-1} + 1 & \text{if the words are equal}\\
#    \max(L_{i-1,\,j},\ L_{i,\,j-1}) & \text{otherwise} \end{cases} \qquad
#    F_1 = \frac{2 L}{\text{words} + \text{words}}. $$
#
# $F_1$ is the harmonic mean of precision and recall. ROUGE's tokens are lower-case
# letters and digits, and nothing is smoothed.
#
# *The figure: the table of $L_{ij}$, growing from the top left to its largest number at
# the bottom right; bold where two words are equal.*
#
# Is ours *the* BLEU and *the* ROUGE? The cell after the figure compares with the two
# reference implementations on more than a thousand pairs of real sentences: each
# held-out text against the next one, and each against itself with every fifth word
# missing.
#
# Our reviews have no references of their own. So as a reward we take the mean overlap
# with four *model answers*: the training texts that people like best, printed last.
# (Where each prompt has its own reference, use `overlap_score` of
# `course.reward.overlap_rewards`.)

# %% id="05-rouge"
import matplotlib.pyplot as plt

from course.reward.overlap import rouge_l, rouge_tokens

a = rouge_tokens("A film of great charm and little sense.")
b = rouge_tokens("The film has great, quiet charm and sense.")
L = torch.zeros(len(a) + 1, len(b) + 1)
for i in range(1, len(a) + 1):
    for j in range(1, len(b) + 1):
        same = a[i - 1] == b[j - 1]
        L[i, j] = L[i - 1, j - 1] + 1 if same else max(L[i - 1, j], L[i, j - 1])
F_1 = float(2 * L[-1, -1] / (len(a) + len(b)))
_, axes = plt.subplots()
axes.imshow(L[1:, 1:], cmap="Blues")
axes.set_xticks(range(len(b)), b, rotation=40)
axes.set_yticks(range(len(a)), a)
axes.grid(visible=False)
for i, j in torch.cartesian_prod(torch.arange(len(a)), torch.arange(len(b))):
    axes.text(j, i, int(L[i + 1, j + 1]), ha="center", va="center",
              weight="bold" if a[i] == b[j] else "normal",
              color="white" if L[i + 1, j + 1] > 3 else "black")  # fmt: skip
plots.finish(axes, f"{int(L[-1, -1])} words in common and in order: ROUGE-L {F_1:.2f}",
             "reference", "hypothesis")  # fmt: skip

# %% id="05-oracle" tags=["nbval-check-output"]
from rouge_score.rouge_scorer import RougeScorer

test = reviews.load("movies", "test")
texts, people = test["text"][:], torch.tensor(test["mean"][:])
gaps = [" ".join(w for n, w in enumerate(t.split()) if n % 5 != 3) for t in texts]
some = texts[:600]
pairs = list(zip(some, texts[1:601], strict=True)) + list(
    zip(gaps[:600], some, strict=True))  # fmt: skip
oracle = RougeScorer(["rougeL"], use_stemmer=False)
off_bleu = max(abs(bleu(h, t) - ours.sentence_score(h, [t]).score / 100)
               for h, t in pairs)  # fmt: skip
off_rouge = max(abs(rouge_l(h, t) - oracle.score(t, h)["rougeL"].fmeasure)
                for h, t in pairs)  # fmt: skip
print(len(pairs), "pairs of sentences")
claim("our F_1 is the course's ROUGE-L", abs(F_1 - rouge_l(" ".join(a), " ".join(b)))
      < 1e-6)  # fmt: skip
claim("our BLEU equals sacrebleu's to 1e-9", off_bleu < 1e-9, off=off_bleu)
claim("our ROUGE-L equals rouge-score's to 1e-12", off_rouge < 1e-12, off=off_rouge)

# %% id="05-overlap-rule"
from course.reward.overlap_rewards import mean_overlap

train = reviews.load("movies", "train")
best_first = torch.tensor(train["mean"][:]).argsort(descending=True).tolist()
train_texts = train["text"][:]
liked = [train_texts[n] for n in best_first if len(train_texts[n].split()) > 7][:4]
print(*liked, sep="\n")
like_bleu, like_rouge = mean_overlap(bleu, liked), mean_overlap(rouge_l, liked)

# %% [markdown] id="05-likely-text"
# ## Probability as a reward
#
# The language model of chapters 01 and 02 gives every text a probability. By the chain
# rule the **log-probability** of a completion $y$ after a prompt $x$ is a sum over its
# $T$ tokens, the end token included. Divided by $T$ it is minus the **cross-entropy**:
#
# $$ \log p(y \mid x) = \sum_{t=1}^{T} \log p(y_t \mid x, y_{<t}), \qquad
#    -H = \frac1T \log p(y \mid x). $$
#
# **Predict first.** Which lengths does the first one like? And which texts the second?
#
# <details><summary>Answer</summary>
#
# Every token has a probability below 1, so each one lowers the sum: the first likes
# short texts, and the shortest of all is no text. The second has no such bias. It likes
# texts whose next word is easy to guess, and nothing is easier to guess than a cliché
# or a loop.
#
# </details>

# %% id="05-likely" tags=["nbval-check-output"]
from course import checkpoints
from course.reward.likelihood import completion_nats, logprob_score

language = checkpoints.load("language-model")
model, tokenizer = language.model, language.tokenizer
three = [" is good.", " is good and it is good.", " good is is good it and."]
nats, T = completion_nats(model, tokenizer, ["The film"] * 3, three)
print("tokens:", T.int().tolist())
claim("the longer text is less probable", nats[1] < nats[0])
claim("per token the salad is the least probable of the three",
      (nats / T).argmin() == 2)  # fmt: skip
likely = logprob_score(model, tokenizer)
claim("the reward is the log-probability",
      torch.equal(likely(["The film"] * 3, three), nats))  # fmt: skip

# %% [markdown] id="05-distinct-text"
# ## Diversity
#
# A loop is noticed by counting. **Distinct-n** is the share of different n-grams among
# all n-grams of a text: 1 if nothing is said twice. One text alone cannot show that
# *every* prompt gets the same answer; the pooled share over a batch does.

# %% id="05-distinct" tags=["nbval-check-output"]
from course.reward.diversity import distinct_score, pooled_distinct_n
from course.reward.rules import distinct_n

loop, same = "so good so good so good", ["a good film"] * 4
grams = [*zip(loop.split()[:-1], loop.split()[1:], strict=True)]
share = len(set(grams)) / len(grams)
print(f"loop: {share:.1f}, each of four equal texts: {distinct_n(same[0], 2):.1f}, "
      f"all four together: {pooled_distinct_n(same):.2f}")  # fmt: skip
claim("our share is the course's distinct-2", share == distinct_n(loop, 2))

# %% [markdown] id="05-composite-text"
# ## Adding parts, and taking them away
#
# A **composite reward** is a weighted sum: parts with a positive weight attract, parts
# with a negative one push away. The course sums first and then brings the batch to mean
# 0 and standard deviation 1. With scores $s_{kb}$ of part $k$ and text $b$, and weights
# $w_k$,
#
# $$ S_b = \sum_k w_k s_{kb}, \qquad R_b = (S_b - \bar S) \,/\, \mathrm{std}(S). $$
#
# **Predict first.** Suppose you normalise each part *before* summing. One text of 32
# contains one forbidden word. How many standard deviations does it lose?
#
# <details><summary>Answer</summary>
#
# About $\sqrt{31} \approx 5.6$, the same as if it had contained fifty of them: the
# batch decides what the word costs. Summed first, it costs what the weight says.
#
# </details>

# %% id="05-composite" tags=["nbval-check-output"]
from course.reward.composite import Composite, composite_reward

friendly = rule_score(lexicon_score)
reward = Composite({"friendly": (1.0, friendly)})
x, y = [""] * 32, texts[:31] + ["A bad film."]
before = reward(x, y)
reward.add("clean", 0.3, rule_score(no_bad_words))
S = reward(x, y)  # (batch,)
R = (S - S.mean()) / S.std(correction=0)
parts = torch.stack([friendly(x, y), rule_score(no_bad_words)(x, y)])
w = torch.tensor([1.0, 0.3])
claim("R by hand is the course's", torch.allclose(R, composite_reward(parts, w)))
print(*sorted(reward.metrics), sep="\n")
reward.remove("clean")
claim("a part that is taken away leaves no trace", torch.equal(before, reward(x, y)))
one = torch.zeros(32)
one[-1] = -1.0  # one forbidden word in the whole batch
z = ((one - one.mean()) / one.std(correction=0))[-1]
claim("normalised alone, one word costs more than 5 deviations", z < -5)

# %% [markdown] id="05-dense-text"
# ## At the end, or step by step?
#
# All rules so far are **sparse**: one number when the text is complete. A **dense**
# reward pays after every token. There is a safe way to get one: call the score of the
# text so far its **potential** $\Phi$, and pay the change. The sum telescopes, whatever
# lies between:
#
# $$ \sum_{t=1}^{T} \bigl(\Phi_t - \Phi_{t-1}\bigr) = \Phi_T - \Phi_0. $$
#
# And there is a tempting way that breaks: pay only the rises.

# %% id="05-dense" tags=["nbval-check-output"]
from course.reward.dense import potential_increments, sparse_rewards

honest = "A slow start , then a truly lovely film ."
farm = "A good bad good bad good bad good bad film ."


def potentials(text):
    words = text.split()
    return lexicon_score([" ".join(words[:t]) for t in range(len(words) + 1)])


total = {}
for text in (honest, farm):
    Phi = potentials(text)[None]  # (1, T + 1)
    mask = torch.ones(1, Phi.shape[1] - 1, dtype=torch.bool)
    change = potential_increments(Phi, mask)
    sparse = sparse_rewards(Phi[:, -1], mask)
    total[text] = change.sum(), change.clamp(min=0).sum()
    claim("dense and sparse rewards have the same return",
          torch.isclose(change.sum(), sparse.sum() - Phi[0, 0], atol=1e-5))  # fmt: skip
claim("by its changes, the honest text earns more", total[honest][0] > total[farm][0])
claim("paid for rises only, going up and down earns more",
      total[farm][1] > total[honest][1] + 0.5)  # fmt: skip

# %% [markdown] id="05-agree-text"
# ## What people say
#
# Eight rules, one yardstick: agreement with the mean human rating of held-out texts.
# How sure is each number? The **bootstrap** draws the texts again, with replacement,
# many times; the middle 95 % of the results are the interval.

# %% id="05-agree"
from course.reward.rules import length_score
from course.runtime import generator


def whole(score):
    return lambda texts: score([""] * len(texts), texts)


nats, T = completion_nats(model, tokenizer, [""] * len(texts), texts)
rules = {"length": length_score, "lexicon": lexicon_score,
         "no forbidden words": no_bad_words, "BLEU": like_bleu, "ROUGE-L": like_rouge,
         "log-probability": whole(likely), "distinct-2": distinct_score}  # fmt: skip
scores = {name: rule(texts) for name, rule in rules.items()
          if name != "log-probability"}  # fmt: skip
scores |= {"log-probability": nats, "minus cross-entropy": nats / T}
draws = torch.randint(len(texts), (500, len(texts)), generator=generator(0))
middle = torch.tensor([0.025, 0.975], dtype=torch.float64)
r, interval = {}, {}
for name, s in scores.items():
    r[name] = pearson(s, people)
    again = torch.tensor([pearson(s[d], people[d]) for d in draws])
    interval[name] = again.double().quantile(middle).tolist()
    low, high = interval[name]
    print(f"{name:<20} r = {r[name]:+.2f}  (95 %: {low:+.2f} to {high:+.2f})")

# %% [markdown] id="05-real-text"
# ## Breaking each rule, first with real texts
#
# Now look for **exploits**: texts that a rule loves and people do not. The first place
# to look is the data, because there people have told us what *they* think. Of all
# held-out texts that people rate below −1, take the one that the rule likes best; put
# it beside the text that *people* like best.

# %% id="05-real"
disliked = (people < -1).nonzero()[:, 0]
favourite = int(people.argmax())
print(f"people's favourite ({people[favourite]:+.1f}): {texts[favourite]}\n")
hated = {}
for name, s in scores.items():
    top = disliked[s[disliked] == s[disliked].max()]  # several where a rule is tied
    n = hated[name] = int(top[people[top].argmin()])
    print(f"{name}: {s[n]:.2f} against {s[favourite]:.2f} of the favourite")
    print(f"    people {people[n]:+.1f}: {texts[n][:100]}")

# %% id="05-real-claim" tags=["nbval-check-output"]
others = [name for name in r if name != "lexicon"]
claim("the lexicon agrees best of all eight, by at least 0.1",
      all(r["lexicon"] > r[name] + 0.1 for name in others))  # fmt: skip
claim("how probable a text is says next to nothing about how good it is",
      max(abs(r["log-probability"]), abs(r["minus cross-entropy"])) < 0.2)  # fmt: skip
claim("no rule comes near the 0.85 of one person",
      max(high for _, high in interval.values()) < 0.6)  # fmt: skip
bounded = ["no forbidden words", "distinct-2"]
for name, s in scores.items():
    n = hated[name]
    higher = s[n] > s[favourite]
    if name in bounded:  # both have the best score there is
        higher = s[n] == s[favourite] == s.max()
    claim(f"{name}: a disliked text scores "
          + ("as high as any text can" if name in bounded else "above the favourite"),
          higher and people[n] < -1 < 3 < people[favourite])  # fmt: skip

# %% [markdown] id="05-search-text"
# ## Then by search
#
# A policy is not bound to texts that somebody wrote. So we **climb**: make 24 random
# one-word edits of a text, keep the one that the rule likes best, repeat. The search
# sees nothing of the rule but its scores, just like a policy. For the two bounded rules
# there is nothing to climb: the hated text above already has the best score there is.
#
# Log-probability starts at people's favourite, most others at the human text that
# scores highest under the rule. Under cross-entropy a climb by single words gets stuck
# easily; there it starts at four texts of the language model's own, written with the
# likeliest token every time, and the best end is kept.
#
# Read what it finds. It is plainly worse, but "plainly" is your judgement. What can be
# *checked* is whether a text is a stranger among those that people wrote, by a measure
# which the search did not look at: repeated words, surprise to the language model (nats
# per token) or number of words. A typical text is like 98 % of the human ones. A short
# broken sentence can pass as typical: no measure replaces the reading.

# %% id="05-search"
from course.lm.sampling import write
from course.reward.exploits import climb

count = Counter(word for text in train_texts for word in text.split())
words = [word for word, _ in count.most_common(1500)]
rules["minus cross-entropy"] = lambda texts: (lambda n, t: n / t)(
    *completion_nats(model, tokenizer, [""] * len(texts), texts))  # fmt: skip
openings = ["The film", "A", "It's", "This movie"]
likeliest = write(model, tokenizer, openings, max_new_tokens=40, top_k=1)
starts = {name: [texts[int(scores[name].argmax())]] for name in scores}
starts["log-probability"] = [texts[favourite]]
starts["minus cross-entropy"] = [
    a + b for a, b in zip(openings, likeliest, strict=True)
]
found = {}
for name in (name for name in scores if name not in bounded):
    ends = [climb(rules[name], start, words, generator=generator(k),
                  steps=100, tries=24, longest=60)
            for k, start in enumerate(starts[name])]  # fmt: skip
    found[name] = max(ends, key=lambda end: end.score)
for name in scores:
    if name in found:
        best = texts[int(scores[name].argmax())]
        print(f"{name}: best human {scores[name].max():.2f}: {best[:70]}")
        print(f"    found {found[name].score:.2f}: {found[name].text[:200] or '∅'}")

# %% id="05-worse" tags=["nbval-check-output"]
# seeds tried: 0, 1, 2
edges = torch.tensor([0.01, 0.99])


def measures(texts):
    nats, T = completion_nats(model, tokenizer, [""] * len(texts), texts)
    return {"distinct-1": distinct_score(texts, 1), "distinct-2": distinct_score(texts),
            "nats per token": -nats / T, "words": length_score(texts)}  # fmt: skip


human = {name: x.quantile(edges) for name, x in measures(texts[::3]).items()}
own = {"length": "words", "minus cross-entropy": "nats per token"}
strange = []
for name in (name for name in scores if name in found):
    odd = [m for m, x in measures([found[name].text]).items() if m != own.get(name)
           and not human[m][0] <= x[0] <= human[m][1]]  # fmt: skip
    strange += [name] * bool(odd)
    claim(f"{name}: the search beats every human text",
          found[name].score > float(scores[name].max()) + 1e-6)  # fmt: skip
claim("at least four of the six texts are strangers by a measure of their own",
      len(strange) >= 4, strangers=len(strange))  # fmt: skip

# %% [markdown] id="05-signature-text"
# ## All in one picture
#
# On the left how far each rule agrees with people, on the right how far its exploit
# goes beyond human texts, in standard deviations of the human texts' scores.

# %% id="05-signature"
names = sorted(scores, key=lambda name: r[name])
places = list(range(len(names)))
_, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.8), sharey=True)
for k, name in enumerate(names):
    s = scores[name].double()
    low, high = interval[name]
    left.plot([low, high], [k, k], color=plots.COLOURS[0])
    left.plot(r[name], k, "o", color=plots.COLOURS[0])
    top = found[name].score if name in found else float(s[hated[name]])
    z = [float((x - s.mean()) / s.std()) for x in (s[favourite], s.max(), top)]
    right.plot(z, [k] * 3, color=plots.COLOURS[6], linewidth=1)
    for x, kind, marker, colour in zip(
        z, ("people's favourite", "best human under the rule", "exploit"), "DoX",
        plots.COLOURS[2:3] + plots.COLOURS[:2], strict=True):  # fmt: skip
        right.plot(x, k, marker, color=colour, label=kind * (k == 0))
left.axvline(0, color=plots.COLOURS[6], linestyle="--", linewidth=1)
left.set(title="Few rules agree with people …", xlabel="Pearson r, 95 % interval")
left.set_yticks(places, names)
right.legend()
broken = all(found[n].score > scores[n].max() for n in found)
plots.finish(right, "… and every one has an exploit" if broken else
             "… and most have an exploit",
             "standard deviations above the mean", "")  # fmt: skip

# %% [markdown] id="05-control-text"
# *The figure, left: the lexicon stands alone at the top, the other rules lie below half
# of its value, three of them with 0 in their interval. Right: for each rule the cross
# of the exploit lies at or beyond the dot of the best human text; the diamond, the text
# that people like best, lies to the left of both for most rules.*
#
# ## The control: a reward that reads the prompt
#
# This must **not** work. A rule takes the valence of the first known word, and it is
# given prompt *and* completion. The prompts already hold such a word. Then whatever the
# policy writes, the reward is the same: constant up to the prompt. The language model
# writes 16 completions for each of four prompts.

# %% id="05-control" tags=["nbval-check-output"]
from course.data.reviews import lexicon
from course.reward.word_lists import words_of

valence = lexicon()


def first_feeling(texts):
    known = ([valence[w] for w in words_of(t) if w in valence] for t in texts)
    return torch.tensor([(values + [0.0])[0] for values in known])


openings = ["A good film", "A bad film", "The best of", "A dull story"]
x = [prompt for prompt in openings for _ in range(16)]
y = write(model, tokenizer, x, max_new_tokens=16, generator=generator(0))
both = rule_score(first_feeling)(x, y).view(4, 16)  # (prompts, completions)
alone = first_feeling(y).view(4, 16)
claim("of 64 completions more than 30 differ", len(set(y)) > 30)
claim("with the prompt: variance 0 inside every prompt", (both.var(1) == 0).all())
claim("yet it differs between prompts, so a plot of it looks alive", both.var() > 1)
claim("the completion alone: the same rule does vary", (alone.var(1) > 0).any())

# %% [markdown] id="05-control-after"
# A policy learns from differences between completions of the same prompt (chapter 09).
# Here there are none, so it learns nothing, however long it trains. The check is cheap:
# before you train, look at the reward's variance *inside* each prompt.
#
# ## A common description, examined
#
# > "Perplexity measures the quality of a text: the lower, the better."
#
# **Perplexity** is $e^{H}$, so lower perplexity is higher reward under "minus
# cross-entropy". Test it twice: let people decide, and let the model write with a low
# temperature, which makes it choose what is easy to foresee (chapter 03).

# %% id="05-examined" tags=["nbval-check-output"]
claim("low perplexity hardly goes with high ratings: r below 0.2",
      abs(r["minus cross-entropy"]) < 0.2)  # fmt: skip
safe = write(model, tokenizer, [""] * 64, max_new_tokens=24, temperature=0.3,
             generator=generator(0))  # fmt: skip
safe = [text for text in safe if len(text.split()) > 3]
nats, T = completion_nats(model, tokenizer, [""] * len(safe), safe)
easy, by_people = float((nats / T).mean()), float(scores["minus cross-entropy"].mean())
claim("the timid model's texts cost at least 1 nat per token less than people's",
      easy > by_people + 1, model=easy, people=by_people)  # fmt: skip
claim("and together they are less diverse than people's by a quarter",
      pooled_distinct_n(safe)
      < 0.75 * pooled_distinct_n(texts[: len(safe)]))  # fmt: skip

# %% [markdown] id="05-evaluate-text"
# So the description is wrong as a measure of quality: perplexity says how well *this
# model* foresees a text. It is a fine measure of the model on human texts, and a poor
# one of texts on a model. (Its cousin, "a BLEU of 0 means that nothing matched", fell
# above.)
#
# ## The same metrics as `evaluate` modules
#
# Other tools expect the interface of the `evaluate` library.
# `course.reward.metric_modules` wraps the functions of this course, thinly: nothing is
# fetched, all stays in memory.

# %% id="05-evaluate" tags=["nbval-check-output"]
from course.reward.metric_modules import DistinctN, Pearson, RougeL

module = RougeL()
module.add_batch(predictions=gaps[:50], references=texts[:50])
module.add_batch(predictions=gaps[50:99], references=texts[50:99])
mean = sum(map(rouge_l, gaps[:99], texts[:99])) / 99
print(sorted(module.features))
claim("in batches, the module gives the mean of our function",
      abs(module.compute()["rouge_l"] - mean) < 1e-12)  # fmt: skip
claim("so does distinct-n", DistinctN().compute(predictions=[loop])["distinct_n"]
      == torch.tensor(share).item())  # fmt: skip
agree = Pearson().compute(predictions=scores["lexicon"].tolist(),
                          references=people.tolist())  # fmt: skip
claim("and Pearson's r", abs(agree["pearson"] - r["lexicon"]) < 1e-5)

# %% [markdown] id="05-play-text"
# ## Play: the reward mixer
#
# Can a mix do better than its parts? Each part is put on one scale first (mean 0,
# standard deviation 1 over the held-out texts, fixed). Below, a static picture of one
# mix: the lexicon, a little clean language, and *minus* length. Then move the weights
# in the panel. Which mix agrees best with people? Which one puts a text first that you
# would never choose? Without the panel one line, `show_mixer`, does the same.
#
# Then question 5.6: write a dictionary of weights in place of `None`. `hint(question)`
# and `solution(question)` help.

# %% id="05-play-static"
from course import check, hint, solution  # noqa: F401
from course.reward.model import standardise
from course.widgets import show_mixer
from course.widgets.mixer import mixer_question

mix = {name: standardise(s) for name, s in scores.items()}
show_mixer(texts, people, mix, lexicon=1.0, no_forbidden_words=0.3, length=-0.2)
question = mixer_question(mix, people)
print(question)
answer = check(None, question)  # your weights in place of None

# %% id="05-play" tags=["widget"]
from course.widgets import reward_mixer

reward_mixer(texts, people, mix, {"lexicon": 1.0, "no forbidden words": 0.3})

# %% [markdown] id="05-limits"
# ## What was shown, and what not
#
# A reward is a function, and most useful ones fit on a screen. BLEU and ROUGE-L from
# scratch equal their reference implementations. Of eight rules only the lexicon agrees
# with people to a degree worth having, and each of the eight has texts that it cannot
# tell from good ones or prefers to them.
#
# **Limits.** "Disliked" was checked by people, on real texts. "Plainly worse" of the
# found texts was checked only as *untypical*, and not for all; that they are bad you
# saw by reading. One kind of search, one kind of text. Our reviews have no references
# of their own, so BLEU and ROUGE were used here outside their field, and nothing here
# says how they do inside it. The mixer's weights are chosen on the texts that judge
# them: fine for play, not for a result. No policy was trained: what one does with these
# rewards is chapter 09.
#
# ## Test yourself
#
# 1. Which two tricks does BLEU need so that neither repetition nor silence pays?
# 2. What must be said beside every BLEU number?
# 3. Why does log-probability like short texts, and what does its mean per token like?
# 4. Two parts have very different spreads. What does normalising each one first change?
# 5. Why do increments of a potential not invite farming, and rises alone do?
# 6. How do you notice, before training, that a reward only reads the prompt?
#
# ## Read on
#
# - K. Papineni and others, *BLEU*, ACL 2002; M. Post, *A Call for Clarity in
#   Reporting BLEU Scores*, 2018, arXiv:1804.08771: why a signature.
# - C.-Y. Lin, *ROUGE: A Package for Automatic Evaluation of Summaries*, 2004.
# - C. Hutto and E. Gilbert, *VADER*, ICWSM 2014: the lexicon and the ratings.
# - J. Li and others, *A Diversity-Promoting Objective Function for Neural Conversation
#   Models*, 2016, arXiv:1510.03055: distinct-n.
# - A. Holtzman and others, *The Curious Case of Neural Text Degeneration*, 2020,
#   arXiv:1904.09751: probable is not good.
# - A. Ng, D. Harada and S. Russell, *Policy Invariance Under Reward Transformations*,
#   ICML 1999: potentials.
#
# **Next:** the exercises in `exercises/05_rewards_by_rule.ipynb`; then chapter 06 asks
# people, and chapter 07 learns the reward from their answers.
