# %% [markdown] id="05-title"
# # 5 · Rewards by rule, and how each one breaks
#
# A reward can be a rule of a few lines. You build the usual ones from scratch, measure
# how far they agree with people, and then find for each a text that it should not love.
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
# reward. Here is one that likes long texts. A [**rule**](../GLOSSARY.md#reward) looks
# at texts only; `rule_score` makes it a `score(prompts, completions)`, which is what
# every algorithm of the course takes.

# %% id="05-function" tags=["nbval-check-output"]
import torch

from course import claim
from course.reward.rules import rule_score


def many_words(texts):
    """Number of words of each text, shape (texts,)."""
    return torch.tensor([float(len(text.split())) for text in texts])


score = rule_score(many_words)
prompts = ["The film", "The film"]
completions = [" is a quiet joy.", " is is is is is is is is is is"]
print(score(prompts, completions).tolist())

# %% [markdown] id="05-words-text"
# It already prefers the wrong text. Keep that in mind: *this* is the failing toy, and
# the rest of the chapter tries to do better.
#
# ## Rules about words
#
# The [**lexicon**](../GLOSSARY.md#reward) holds some 7,500 words with their
# **valence**: how negative or positive people find them. Its score adds them up, turns
# them round, weakened, after a negation and squashes the sum into (−1, 1). A second
# rule counts **forbidden words** and is 0 at best.
#
# **Predict first.** Which of the four texts below gets the best lexicon score, and
# which one does it misread?
#
# <details><summary>Answer</summary>
#
# The second one wins: two positive words instead of one. The last is misread: no
# word in it is negative, yet every reader knows what it says about the film.
#
# </details>

# %% id="05-words"
from course.reward.rules import lexicon_score
from course.reward.word_lists import forbidden_words

banned = ["bad", "dull", "boring", "worst", "tedious", "mess", "fails", "silly"]
no_bad_words = forbidden_words(banned)
four = [
    "A good film.",
    "A good film, a great cast.",
    "Not a good film.",
    "A good film to fall asleep in, in comfort.",
]
for k, text in enumerate(four):
    valence, clean = lexicon_score(four)[k], no_bad_words(four)[k]
    print(f"lexicon {valence:+.2f}   forbidden {clean:+.0f}   {text}")

# %% [markdown] id="05-people-text"
# How well does the lexicon agree with people? First, what did people say? Some twenty
# raters gave each of 10,605 sentences from movie reviews a number from −4 to +4. They
# were asked for the **sentiment**: how negative or positive *most other people* would
# find the sentence. Not whether the film is good, nor whether the sentence is well
# written ([chapter 06](06_human_feedback.ipynb) tells the whole story). So in this
# chapter [**liked**](../GLOSSARY.md#reward) means rated positive, and a well-written
# damning sentence has a low rating.
#
# The measure of agreement is **Pearson's correlation** $r$ between the score and the
# mean rating. It is 1 when the points lie on a rising line, −1 on a falling one, and 0
# when no line through them rises or falls.

# %% id="05-people" tags=["nbval-check-output"]
from course.data import reviews
from course.reward.metrics import pearson

everything = reviews.load("movies")
ratings = torch.tensor(everything["mean"][:])  # mean ratings, (texts,)
r_lexicon = pearson(lexicon_score(everything["text"][:]), ratings)
print(len(ratings), "rated texts")
near = abs(r_lexicon - 0.42) < 0.03
claim("the lexicon agrees with people at r = 0.42, ± 0.03", near, r=r_lexicon)

# %% [markdown] id="05-bleu-text"
# ## Overlap with a reference: BLEU
#
# In translation and summarising there is a [**reference**](../GLOSSARY.md#reward), a
# text that a person wrote for the same prompt. The text to be scored is the
# [**hypothesis**](../GLOSSARY.md#reward). [**BLEU**](../GLOSSARY.md#reward) asks which
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

# %% id="05-clip" tags=["nbval-check-output"]
from collections import Counter

from course.reward.overlap import bleu_tokens, clipped_precision


def c(tokens, n):
    """How often each n-gram occurs."""
    return Counter(zip(*(tokens[i:] for i in range(n)), strict=False))


loop_tokens = bleu_tokens("the the the film")
best_tokens = bleu_tokens("the film is the best.")
for n in (1, 2):
    c_h, c_r = c(loop_tokens, n), c(best_tokens, n)
    p_n = (c_h & c_r).total() / c_h.total()  # & takes the smaller count of each
    free = sum(c_h[g] for g in c_h if g in c_r) / c_h.total()
    print(f"n = {n}: clipped {p_n:.2f}, not clipped {free:.2f}")
    same = p_n == clipped_precision(loop_tokens, best_tokens, n)
    claim("our line is the course's function", same)

# %% [markdown] id="05-brevity-text"
# Precision alone would make one safe word perfect. So short texts pay a [**brevity
# penalty**](../GLOSSARY.md#reward): with $h$ words in the hypothesis and $m$ in the
# reference,
#
# $$ \mathrm{BP} = \min\bigl(1, e^{1 - m / h}\bigr), \qquad
#    \mathrm{BLEU} = \mathrm{BP} \cdot
#    \exp\Bigl(\tfrac14 \sum_{n=1}^4 \log p_n\Bigr). $$

# %% id="05-bleu" tags=["nbval-check-output"]
from math import exp, log

from course.reward.overlap import bleu, brevity_penalty

hypothesis = "It is a truly good film with one flaw."
reference = "It is a truly good film with one great flaw."
said, wanted = bleu_tokens(hypothesis), bleu_tokens(reference)
h, m = len(said), len(wanted)
BP = min(1.0, exp(1 - m / h))
p = [clipped_precision(said, wanted, n) for n in (1, 2, 3, 4)]
BLEU = BP * exp(sum(log(p_n) for p_n in p) / 4)
print("p_n:", " ".join(f"{p_n:.3f}" for p_n in p), f"  BP: {BP:.3f}")
claim("our BP is the course's", brevity_penalty(h, m) == BP, BP=BP)
off_one = abs(BLEU - bleu(hypothesis, reference))
claim("our BLEU is the course's", off_one < 1e-12, BLEU=BLEU)

# %% [markdown] id="05-repairs-text"
# What do the two repairs do to a text that only repeats "the film"?

# %% id="05-bleu-loops"
target = bleu_tokens("the film is one of the best films of the year.")
rounds = list(range(1, 13))
loops = [["the", "film"] * k for k in rounds]
unclipped = [sum(w in target for w in t) / len(t) for t in loops]
clipped = [clipped_precision(t, target, 1) for t in loops]
penalty = [brevity_penalty(len(t), len(target)) for t in loops]
paid = [b * p_1 for b, p_1 in zip(penalty, clipped, strict=True)]
print("said once:", f"{paid[0]:.2f}", " 12 times:", f"{paid[-1]:.2f}")

# %% id="05-bleu-figure"
from course import plots

plots.curves(
    {
        "share of words that match": (rounds, unclipped),
        "clipped": (rounds, clipped),
        "clipped × brevity penalty": (rounds, paid),
    },
    title="Clipping lowers the pay of repetition, the penalty that of short texts",
    x="how often “the film” is said",
    y="score (single words)",
    alt="Without clipping the line stays at 1 however often the words are repeated. "
    "Clipped, it falls. With the penalty it starts near 0, reaches a third at six "
    "times and falls.",
)

# %% [markdown] id="05-zero-text"
# **Predict first.** "A fine film" against "A fine movie": one word of three differs.
# What is its plain BLEU, without smoothing?
#
# <details><summary>Answer</summary>
#
# Zero. It has no run of three matching words and no run of four words at all, and a
# product with a 0 in it is 0. As a reward this is a desert: a review against another
# one nearly always earns 0 (a claim below counts it), and nothing tells a policy which
# of them is nearer. So a BLEU of 0 does **not** mean that nothing matched. *Effective
# order* stops $n$ at the length of the text; *smoothing* ("exp") lets the first $n$
# without a match count as half a match, the next as a quarter.
#
# </details>
#
# BLEU was made for whole **corpora**: counts are summed over thousands of sentences
# before anything is divided, and a 0 hardly occurs. A reward needs one number for each
# text, so we use sentence BLEU, the weaker cousin. And a BLEU without its tokens and
# its smoothing means nothing: the reference implementation, sacrebleu, prints a
# signature.

# %% id="05-zero" tags=["nbval-check-output"]
import sacrebleu

plain = sacrebleu.metrics.BLEU(smooth_method="none")
ours = sacrebleu.metrics.BLEU(effective_order=True)  # smoothing "exp", tokens 13a
fine, movie = "A fine film", "A fine movie"
unsmoothed = plain.corpus_score([fine], [[movie]]).score
two_thirds = clipped_precision(fine.split(), movie.split(), 1)
claim("two of three words match, and plain BLEU is 0", unsmoothed == 0, p_1=two_thirds)
smoothed = bleu(fine, movie)
claim("with effective order and smoothing: above 0.3", smoothed > 0.3, BLEU=smoothed)
ours.sentence_score(fine, [movie])  # it signs what it has computed
print("|".join(x for x in str(ours.get_signature()).split("|") if "version" not in x))

# %% [markdown] id="05-rouge-text"
# ## ROUGE: the right words in the right order
#
# [**ROUGE-L**](../GLOSSARY.md#reward) looks for the **longest common subsequence**
# (LCS): the most words that both texts have in the same order, whatever stands between
# them. Let $L_{ij}$ be the LCS of the first $i$ words of the hypothesis and the first
# $j$ of the reference:
#
# $$ L_{ij} = \begin{cases} L_{i-1,\,j-1} + 1 & \text{if the words are equal}\\
#    \max(L_{i-1,\,j},\ L_{i,\,j-1}) & \text{otherwise} \end{cases} \qquad
#    F_1 = \frac{2 L_{hm}}{h + m}, $$
#
# with $L_{0j} = L_{i0} = 0$. $F_1$ is the harmonic mean of precision and recall.
# ROUGE's tokens are lower-case letters and digits, and nothing is smoothed.
# [**ROUGE-n**](../GLOSSARY.md#reward) is the same $F_1$ for $n$-grams: BLEU's clipped
# matches above, the numbers of $n$-grams below.

# %% id="05-rouge"
from course.reward.overlap import rouge_l, rouge_n, rouge_tokens

a = rouge_tokens("A film of great charm and little sense.")
b = rouge_tokens("The film has great, quiet charm and sense.")
L = torch.zeros(len(a) + 1, len(b) + 1)
for i in range(1, len(a) + 1):
    for j in range(1, len(b) + 1):
        if a[i - 1] == b[j - 1]:
            L[i, j] = L[i - 1, j - 1] + 1
        else:
            L[i, j] = max(L[i - 1, j], L[i, j - 1])
F_1 = float(2 * L[-1, -1] / (len(a) + len(b)))
print(f"LCS {int(L[-1, -1])} words, ROUGE-L {F_1:.3f}")

# %% id="05-rouge-figure"
import matplotlib.pyplot as plt

_, axes = plt.subplots()
axes.imshow(L[1:, 1:], cmap="Blues")
axes.set_xticks(range(len(b)), b, rotation=40)
axes.set_yticks(range(len(a)), a)
axes.grid(visible=False)
for i, j in torch.cartesian_prod(torch.arange(len(a)), torch.arange(len(b))).tolist():
    number = int(L[i + 1, j + 1])
    weight = "bold" if a[i] == b[j] else "normal"
    ink = "white" if number > 3 else "black"
    axes.text(j, i, number, ha="center", va="center", weight=weight, color=ink)
title = f"{int(L[-1, -1])} words in common and in order: ROUGE-L {F_1:.3f}"
alt = """The table of L, growing from the top left to its largest number at the bottom
right; bold where two words are equal."""
plots.finish(axes, title, "reference", "hypothesis", alt)

# %% [markdown] id="05-oracle-text"
# Is ours *the* BLEU and *the* ROUGE? We compare with the two reference implementations
# on 1,200 pairs of real sentences: held-out texts against the next one, and against
# themselves with every fifth word missing.

# %% id="05-oracle"
from rouge_score.rouge_scorer import RougeScorer

test = reviews.load("movies", "test")
texts, people = test["text"][:], torch.tensor(test["mean"][:])
gaps = [" ".join(w for n, w in enumerate(t.split()) if n % 5 != 3) for t in texts]
pairs = [*zip(texts[:600], texts[1:601], strict=True)]
pairs += [*zip(gaps[:600], texts[:600], strict=True)]
oracle = RougeScorer(["rougeL", "rouge2"], use_stemmer=False)
off_bleu = [abs(bleu(h, t) - ours.sentence_score(h, [t]).score / 100) for h, t in pairs]
off_rouge = [abs(rouge_l(h, t) - oracle.score(t, h)["rougeL"][2]) for h, t in pairs]
off_two = [abs(rouge_n(h, t, 2) - oracle.score(t, h)["rouge2"][2]) for h, t in pairs]
print(len(pairs), "pairs of sentences")

# %% id="05-oracle-claim" tags=["nbval-check-output"]
same = abs(F_1 - rouge_l(" ".join(a), " ".join(b))) < 1e-6
claim("our F_1 is the course's ROUGE-L", same, F_1=F_1)
flat = [plain.corpus_score([h], [[t]]).score == 0 for h, t in pairs[:600]]
flat = sum(flat) / len(flat)
claim(
    "plain BLEU of a review against the next: 0 in over 95 %", flat > 0.95, share=flat
)
claim("our BLEU equals sacrebleu's to 1e-9", max(off_bleu) < 1e-9)
claim("our ROUGE-L equals rouge-score's to 1e-12", max(off_rouge) < 1e-12)
claim("and so does our ROUGE-2", max(off_two) < 1e-12)

# %% [markdown] id="05-overlap-text"
# Our reviews have no references of their own. So as a reward we take the mean overlap
# with four *model answers*: the four most positive training texts of eight words or
# more. This is unfair to BLEU and ROUGE, which were made for one reference *of the same
# prompt*; do not read their numbers below as a verdict on translation. (Where each
# prompt has its own reference, use `overlap_score` of `course.reward.overlap_rewards`.)

# %% id="05-overlap-rule"
from course.reward.overlap_rewards import mean_overlap

train = reviews.load("movies", "train")
train_texts = train["text"][:]
best_first = torch.tensor(train["mean"][:]).argsort(descending=True).tolist()
model_answers = [train_texts[n] for n in best_first if len(train_texts[n].split()) > 7]
model_answers = model_answers[:4]
print(*model_answers, sep="\n")
like_bleu = mean_overlap(bleu, model_answers)
like_rouge = mean_overlap(rouge_l, model_answers)

# %% [markdown] id="05-likely-text"
# ## Probability as a reward
#
# The language model of chapters 01 and 02 gives every text a probability. By the chain
# rule the [**log-probability**](../GLOSSARY.md#language-model) of a completion $y$
# after a prompt $x$ is a sum over its $T$ tokens, the end token included. Divided by
# $T$ it is minus the **cross-entropy**:
#
# $$ \log p(y \mid x) = \sum_{t=1}^{T} \log p(y_t \mid x, y_{<t}), \qquad
#    -H = \frac1T \log p(y \mid x). $$
#
# **Predict first.** Which lengths does the first one like? And which texts the second?
#
# <details><summary>Answer</summary>
#
# Every token has a probability below 1, so each one lowers the sum: the first likes
# short texts. (Not the empty one: no review was empty, so the model hardly expects an
# end at the start.) The second has much less of that bias. It likes texts whose next
# token is easy to guess, such as clichés.
#
# </details>

# %% id="05-likely"
from course import checkpoints
from course.reward.likelihood import completion_nats, logprob_score

language = checkpoints.load("language-model")
model, tokenizer = language.model, language.tokenizer
three = [" is good.", " is good and it is good.", " good is is good it and."]
nats, T = completion_nats(model, tokenizer, ["The film"] * 3, three)
for text, logp, tokens in zip(three, nats, T, strict=True):
    print(f"{logp:7.2f} nats, {logp / tokens:.2f} per token: The film{text}")

# %% id="05-likely-claim" tags=["nbval-check-output"]
claim("the longer text is less probable", bool(nats[1] < nats[0]))
salad = int((nats / T).argmin()) == 2
claim("per token the salad is the least probable of the three", salad)
likely = logprob_score(model, tokenizer)
equal = torch.equal(likely(["The film"] * 3, three), nats)
empty, dots = likely(["", ""], ["", "..."])
claim("the reward is the log-probability", equal)
claim("the empty text is not the best: three dots beat it by over a nat",
      dots > empty + 1, empty=empty, dots=dots)  # fmt: skip

# %% [markdown] id="05-distinct-text"
# ## Diversity
#
# A loop is noticed by counting. [**Distinct-n**](../GLOSSARY.md#reward) is the share of
# different n-grams among all n-grams of a text: 1 if nothing is said twice. One text
# alone cannot show that *every* prompt gets the same answer; the pooled share over a
# batch does.

# %% id="05-distinct" tags=["nbval-check-output"]
from course.reward.diversity import distinct_score, pooled_distinct_n
from course.reward.rules import distinct_n

so_good, batch = "so good so good so good", ["a good film"] * 4
grams = [*zip(so_good.split()[:-1], so_good.split()[1:], strict=True)]
distinct = len(set(grams)) / len(grams)
alone, pooled = distinct_n(batch[0], 2), pooled_distinct_n(batch)
print(f"loop: {distinct:.1f}, each of four equal texts: {alone:.1f}")
print(f"all four together: {pooled:.2f}")
claim("our share is the course's distinct-2", distinct == distinct_n(so_good, 2))

# %% [markdown] id="05-today-text"
# ## The rules of today
#
# Three kinds of reward that recent work relies on (see Further reading) are functions
# like those above. A **format reward** pays for the shape: an answer between two tags,
# one sentence, valid JSON. A regular expression or a parser checks it, and it is
# usually a *part* of a reward. A [**verifiable reward**](../GLOSSARY.md#policy) asks a
# program: does the sum come out, do the unit tests pass? [Chapter 11](11_grpo.ipynb)
# trains with one. A **model judge** asks a language model for a grade. It is no rule
# any more, but it can have exploits, as rules have ([chapter
# 14](14_reward_hacking.ipynb)).
#
# ## Adding parts, and taking them away
#
# A [**composite reward**](../GLOSSARY.md#reward) is a weighted sum: parts with a
# positive weight attract, parts with a negative one push away. The course sums first
# and then brings the batch to mean 0 and standard deviation 1. With scores $s_{kb}$ of
# part $k$ and text $b$, and weights $w_k$,
#
# $$ S_b = \sum_k w_k s_{kb}, \qquad R_b = (S_b - \bar S) \,/\, \mathrm{std}(S). $$

# %% id="05-composite" tags=["nbval-check-output"]
from course.reward.composite import Composite, composite_reward

positive, clean = rule_score(lexicon_score), rule_score(no_bad_words)
mixed = Composite({"positive": (1.0, positive)})
x, y = [""] * 32, texts[:31] + ["A bad film."]
before = mixed(x, y)
mixed.add("clean", 0.3, clean)
S = mixed(x, y)  # (batch,)
R = (S - S.mean()) / S.std(correction=0)
parts, w = torch.stack([positive(x, y), clean(x, y)]), torch.tensor([1.0, 0.3])
by_course = composite_reward(parts, w)
claim("R by hand is the course's", torch.allclose(R, by_course))
print(*sorted(mixed.metrics), sep="\n")
mixed.remove("clean")
claim("a part taken away leaves no trace", torch.equal(before, mixed(x, y)))

# %% [markdown] id="05-normalise-text"
# **Predict first.** Suppose you normalise each part *before* summing. One text of 32
# contains one forbidden word. How many standard deviations does it lose?
#
# <details><summary>Answer</summary>
#
# $\sqrt{31} \approx 5.57$, the same as if it had contained fifty of them: the batch
# decides what the word costs. Summed first, it costs, against the other parts, what the
# weight says.
#
# </details>

# %% id="05-normalise" tags=["nbval-check-output"]
for times in (1, 50):  # forbidden words in one text of the batch
    part = torch.zeros(32)
    part[-1] = -times
    z = float(((part - part.mean()) / part.std(correction=0))[-1])
    claim(
        f"{times} forbidden: normalised alone, √31 lost", abs(z + 31**0.5) < 1e-4, z=z
    )

# %% [markdown] id="05-dense-text"
# ## At the end, or step by step?
#
# All rules so far are [**sparse**](../GLOSSARY.md#reward): one number when the text is
# complete. A **dense** reward pays after every token. There is a safe way to get one:
# call the score of the text so far its **potential** $\Phi$, and pay the change. The
# sum of all that is paid, the [**return**](../GLOSSARY.md#policy), telescopes, whatever
# lies between:
#
# $$ \sum_{t=1}^{T} \bigl(\Phi_t - \Phi_{t-1}\bigr) = \Phi_T - \Phi_0. $$
#
# And there is a tempting way that breaks: pay only the rises.

# %% id="05-dense"
from course.reward.dense import potential_increments, sparse_rewards

honest = "A slow start , then a truly lovely film ."
farm = "A good bad good bad good bad good bad film ."
by_change, by_rises, by_end = {}, {}, {}
for text in (honest, farm):
    so_far = text.split()
    prefixes = [" ".join(so_far[:t]) for t in range(len(so_far) + 1)]
    Phi = lexicon_score(prefixes)[None]  # (1, T + 1)
    mask = torch.ones(1, len(so_far), dtype=torch.bool)
    change = potential_increments(Phi, mask)
    by_change[text] = float(change.sum())
    by_rises[text] = float(change.clamp(min=0).sum())
    by_end[text] = float(sparse_rewards(Phi[:, -1], mask).sum() - Phi[0, 0])
    print(f"changes {by_change[text]:+.2f}, rises only {by_rises[text]:+.2f}: {text}")

# %% id="05-dense-claim" tags=["nbval-check-output"]
off_end = max(abs(by_change[text] - by_end[text]) for text in (honest, farm))
claim("dense and sparse rewards have the same return", off_end < 1e-5)
first = by_change[honest] > by_change[farm]
claim("by its changes, the honest text earns more", first)
more = by_rises[farm] - by_rises[honest]
claim("paid for rises only, going up and down earns more", more > 0.5, more=more)

# %% [markdown] id="05-agree-text"
# ## What people say
#
# Eight rules, one yardstick: agreement with the mean rating of held-out texts. How sure
# is each number? The **bootstrap** draws the texts again, with replacement, many times;
# the middle 95 % of the results are the interval.
#
# Beside them stands one *person*: one rating of every text against the mean of the
# others.

# %% id="05-rules"
from course.reward.rules import length_score


def logprob(texts):
    return completion_nats(model, tokenizer, [""] * len(texts), texts)[0]


def minus_cross_entropy(texts):
    logp, tokens = completion_nats(model, tokenizer, [""] * len(texts), texts)
    return logp / tokens


rules = {"length": length_score, "lexicon": lexicon_score}
rules |= {"no forbidden words": no_bad_words, "distinct-2": distinct_score}
rules |= {"BLEU": like_bleu, "ROUGE-L": like_rouge, "log-probability": logprob}
rules["minus cross-entropy"] = minus_cross_entropy
scores = {name: rule(texts) for name, rule in rules.items()}

# %% id="05-agree"
from course.reward.agreement import bootstrap_interval, one_against_rest, rating_table
from course.runtime import generator

r, interval = {}, {}
for name, s in scores.items():

    def r_of(drawn, s=s):
        return pearson(s[drawn], people[drawn])

    r[name] = pearson(s, people)
    interval[name] = bootstrap_interval(r_of, len(texts), generator(0), 500)
    low, high = interval[name]
    print(f"{name:<20} r = {r[name]:+.2f}  (95 %: {low:+.2f} to {high:+.2f})")
person = one_against_rest(rating_table(test["ratings"][:]), generator(0))
print(f"{'one person':<20} r = {person:+.2f}")

# %% id="05-agree-claim" tags=["nbval-check-output"]
lead = r["lexicon"] - max(r[name] for name in r if name != "lexicon")
claim("the lexicon agrees best of all eight, by 0.1 or more", lead > 0.1, lead=lead)
best_high = max(high for _, high in interval.values())
far = best_high + 0.2 < person
claim("no rule comes near one person", far, best=best_high, person=person)
odds = max(abs(r["log-probability"]), abs(r["minus cross-entropy"]))
claim("how probable a text is says little about its sentiment", odds < 0.2, r=odds)

# %% [markdown] id="05-real-text"
# The lexicon has a head start: its words were rated by raters of the same study.
#
# ## Breaking each rule, first with real texts
#
# Now look for [**exploits**](../GLOSSARY.md#reward): texts that a rule loves and that
# it should not. The first place to look is the data, because there people have rated.
# Of all held-out texts rated below −1, take the one that the rule likes best; put it
# beside the text that people rate *highest*.

# %% id="05-real"
negative = (people < -1).nonzero()[:, 0]
top_rated = int(people.argmax())
print(f"the top-rated text ({people[top_rated]:+.1f}): {texts[top_rated]}\n")
fooled = {}
for name, s in scores.items():
    best = negative[s[negative] == s[negative].max()]  # several where it is tied
    n = fooled[name] = int(best[people[best].argmin()])
    print(f"{name}: {s[n]:.2f} against {s[top_rated]:.2f} of the top-rated text")
    print(f"    people {people[n]:+.1f}: {texts[n][:100]}")

# %% id="05-real-claim" tags=["nbval-check-output"]
bounded = ["no forbidden words", "distinct-2"]
for name, s in scores.items():
    n = fooled[name]
    if name in bounded:  # both texts have the best score there is
        holds = bool(s[n] == s[top_rated] == s.max())
        claim(f"{name}: a negative text scores as high as any", holds, rated=people[n])
    else:
        holds = bool(s[n] > s[top_rated])
        claim(
            f"{name}: a negative text beats the top-rated one", holds, rated=people[n]
        )

# %% [markdown] id="05-search-text"
# ## Then by search
#
# A policy is not bound to texts that somebody wrote. So we **climb**: make 24 random
# one-word edits of a text, keep the one that the rule likes best, repeat. The search
# sees nothing of the rule but its scores, just like a policy. For two rules, no
# forbidden words and distinct-2, there is nothing to climb: the negative text above
# already has the best score there is.

# %% id="05-climb"
from course.reward.exploits import climb

count = Counter(word for text in train_texts for word in text.split())
vocabulary = [word for word, _ in count.most_common(1500)]


def search(name, start, seed=0):
    """The best text that 100 steps of climbing find for a rule."""
    draws = generator(seed)
    options = {"steps": 100, "tries": 24, "longest": 60}
    return climb(rules[name], start, vocabulary, generator=draws, **options)


found = {}
for name in ("length", "lexicon", "BLEU", "ROUGE-L"):
    found[name] = search(name, texts[int(scores[name].argmax())])

# %% [markdown] id="05-starts-text"
# Those four start at the human text that scores highest under the rule.
# Log-probability starts at the top-rated text. Cross-entropy starts at four texts of
# the language model's own, written with the likeliest token every time, and the best
# end is kept.

# %% id="05-search"
from course.lm.sampling import write

found["log-probability"] = search("log-probability", texts[top_rated])
heads = ["The film", "A", "It's", "This movie"]
likeliest = write(model, tokenizer, heads, max_new_tokens=40, top_k=1)
ends = [
    search("minus cross-entropy", head + tail, seed)
    for seed, (head, tail) in enumerate(zip(heads, likeliest, strict=True))
]
found["minus cross-entropy"] = max(ends, key=lambda end: end.score)
for name, end in found.items():
    human_best = texts[int(scores[name].argmax())]
    print(f"{name}: best human {scores[name].max():.2f}: {human_best[:70]}")
    print(f"    found {end.score:.2f}: {end.text[:200] or '(empty)'}")

# %% [markdown] id="05-pieces-text"
# The last text looks like a loop. Is a word easier to guess when it was said before?
# Here are its first tokens with the nats that each costs (`Ġ` begins a word).

# %% id="05-pieces"
# seeds tried: 0, 10, 20
from course.lm.objective import token_logprobs
from course.lm.tokenizer import encode

ids = torch.tensor(encode(tokenizer, [found["minus cross-entropy"].text]))
with torch.no_grad():
    z = model(ids[:, :-1].to(model.device)).cpu()
cost = -token_logprobs(z, ids[:, 1:])[0]  # of each token, nats
pieces = tokenizer.convert_ids_to_tokens(ids[0, 1:])
told = zip(pieces[:28], cost.tolist(), strict=False)
print(*(f"{piece} {nats_of:.1f}" for piece, nats_of in told), sep="  ")
inside = torch.tensor([piece.isalpha() and piece.isascii() for piece in pieces])
inside[0] = False  # the first word has no space before it
claim("a token inside a word costs less than half of any other",
      cost[inside].mean() < cost[~inside].mean() / 2,
      inside=cost[inside].mean(), other=cost[~inside].mean())  # fmt: skip

# %% [markdown] id="05-worse-text"
# Saying the long word again does not make its first piece cheap. Cheap are the pieces
# behind it, which leave hardly a choice, and there are many of them: the exploit is one
# of the *tokenizer*.
#
# Read what the search found. It is plainly worse than what people wrote, but "plainly"
# is your judgement. What can be *checked* is whether a text is a stranger among those
# that people wrote, by a measure which the search did not look at: repeated words,
# surprise to the language model (nats per token) or number of words. A typical text is,
# in each measure, like 98 % of the human ones. A short broken sentence can pass as
# typical: no measure replaces the reading.


# %% id="05-worse"
# seeds tried: 0, 1, 2
def measures(texts):
    """Four numbers of each text that tell typical texts from strangers."""
    repeats = {
        "distinct-1": distinct_score(texts, 1),
        "distinct-2": distinct_score(texts),
    }
    surprise = -minus_cross_entropy(texts)
    return repeats | {"nats per token": surprise, "words": length_score(texts)}


# %% id="05-strangers"
edges = torch.tensor([0.01, 0.99])
human = {name: v.quantile(edges) for name, v in measures(texts[::3]).items()}
own = {"length": "words", "minus cross-entropy": "nats per token"}
strange = {}
for name, end in found.items():
    strange[name] = [
        kind
        for kind, v in measures([end.text]).items()
        if kind != own.get(name) and not human[kind][0] <= v[0] <= human[kind][1]
    ]
    print(f"{name}: unlike human texts in {', '.join(strange[name]) or 'nothing'}")

# %% id="05-worse-claim" tags=["nbval-check-output"]
for name, end in found.items():
    beats = end.score > float(scores[name].max()) + 1e-6
    claim(f"{name}: the search beats every human text", beats)
odd = sum(bool(kinds) for kinds in strange.values())
claim("at least four of the six texts are strangers", odd >= 4, strangers=odd)

# %% [markdown] id="05-signature-text"
# ## All in one picture
#
# On the left how far each rule agrees with people. On the right three texts for each
# rule, in standard deviations of the human texts' scores: the top-rated text, the human
# text that the rule likes best, and the exploit. For those two rules the exploit is the
# negative text from the data: all three are tied at the best score there is.

# %% id="05-signature"
names = sorted(scores, key=lambda name: r[name])
_, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.8), sharey=True)
for k, name in enumerate(names):
    s, (low, high) = scores[name].double(), interval[name]
    left.plot([low, high], [k, k], "-", color=plots.COLOURS[0])
    left.plot(r[name], k, "o", color=plots.COLOURS[0])
    top = found[name].score if name in found else float(s[fooled[name]])
    trio = {"top-rated text": s[top_rated], "best human": s.max(), "exploit": top}
    for n, (kind, value) in enumerate(trio.items()):
        place, z = k + 0.25 * (1 - n), float((value - s.mean()) / s.std())
        style = {"marker": "DoX"[n], "color": plots.COLOURS[n]}
        right.plot(z, place, linestyle="", label=kind if k == 0 else None, **style)
left.axvline(0, color="black", linestyle="--", linewidth=1)
left.set(title="The lexicon agrees best …", xlabel="Pearson r, 95 % interval")
left.set_yticks(range(len(names)), names)
right.set(
    title="… and each has an exploit", xlabel="standard deviations above the mean"
)
right.legend()
plots.show("""Left: the lexicon stands alone at the top with r 0.42, the other rules
lie below half of its value, three of them with 0 in their interval. Right: for each
rule the cross of the exploit lies at or beyond the circle of the best human text; for
most rules the diamond of the top-rated text lies far to the left of both.""")

# %% id="05-signature-claim" tags=["nbval-check-output"]
beaten = sum(end.score > float(scores[name].max()) for name, end in found.items())
tied = sum(bool(scores[n][fooled[n]] == scores[n].max()) for n in bounded)
claim("each of the eight has an exploit", beaten + tied == 8, beaten=beaten, tied=tied)
zero = sum(low < 0 < high for low, high in interval.values())
claim("for three rules 0 lies in the interval of r", zero == 3, with_0_inside=zero)

# %% [markdown] id="05-control-text"
# ## The control: a reward that reads the prompt
#
# This must **not** work. A rule takes the valence of the first known word, and it is
# given prompt *and* completion. The prompts already hold such a word. Then whatever the
# policy writes, the reward is the same: it depends on the prompt alone. The language
# model writes 16 completions for each of four prompts.

# %% id="05-control"
from course.data.reviews import lexicon
from course.reward.word_lists import words_of

valences = lexicon()


def first_feeling(texts):
    known = ([valences[w] for w in words_of(t) if w in valences] for t in texts)
    return torch.tensor([(values + [0.0])[0] for values in known])


loaded = ["A good film", "A bad film", "The best of", "A dull story"]
asked = [prompt for prompt in loaded for _ in range(16)]
answers = write(model, tokenizer, asked, max_new_tokens=16, generator=generator(0))
both = rule_score(first_feeling)(asked, answers).view(4, 16)  # (prompts, completions)
only = first_feeling(answers).view(4, 16)
print("variance inside a prompt, prompt read:", both.var(1).tolist())
print("variance inside a prompt, completion only:", [f"{v:.2f}" for v in only.var(1)])

# %% id="05-control-claim" tags=["nbval-check-output"]
different = len(set(answers))
claim("of 64 completions more than 30 differ", different > 30, different=different)
claim("with the prompt: variance 0 inside every prompt", bool((both.var(1) == 0).all()))
over_all = float(both.var())
claim("yet between prompts it differs: a plot looks alive", over_all > 1, var=over_all)
claim("the completion alone: the rule does vary", bool((only.var(1) > 0).any()))

# %% [markdown] id="05-control-after"
# A policy learns from differences between completions of the same prompt ([chapter
# 09](09_policy_gradients.ipynb)). Here there are none, so there is nothing to learn
# from, however long it trains. The check is cheap: before you train, look at the
# reward's variance *inside* each prompt.
#
# ## A common description, examined
#
# > "Perplexity measures the quality of a text: the lower, the better."
#
# [**Perplexity**](../GLOSSARY.md#language-model) is $e^{H}$, so lower perplexity is
# higher reward under "minus cross-entropy". The ratings cannot judge this sentence:
# they are about sentiment, and a fluent damning review is as good a *text* as a fluent
# glowing one. Two experiments can.
#
# **One**, in favour: shuffle the words of human texts. That makes each of them worse;
# does perplexity notice? **Two**, against: let the model write with a low temperature,
# which makes it choose what is easy to foresee ([chapter 03](03_sampling.ipynb)). If
# lower is better, these texts must be better than people's.

# %% id="05-shuffled"
human_texts = [text for text in texts if len(text.split()) > 5][:200]
draws = generator(3)
broken = []
for text in human_texts:
    parts_of = text.split()
    order = torch.randperm(len(parts_of), generator=draws)
    broken.append(" ".join(parts_of[n] for n in order))
whole_H, broken_H = -minus_cross_entropy(human_texts), -minus_cross_entropy(broken)
notices = float((broken_H > whole_H).double().mean())
print(f"nats per token: whole {whole_H.mean():.2f}, shuffled {broken_H.mean():.2f}")
print(f"the shuffled text is the more surprising one in {notices:.0%} of 200 pairs")

# %% id="05-timid"
options = {"max_new_tokens": 24, "temperature": 0.3, "generator": generator(0)}
timid = write(model, tokenizer, [""] * 64, **options)
timid = [text for text in timid if len(text.split()) > 3]
timid_H = -minus_cross_entropy(timid)
easy, easiest = float(timid_H.mean()), float(timid_H.min())
by_people = float(-scores["minus cross-entropy"].mean())
diverse, diverse_people = (
    pooled_distinct_n(timid),
    pooled_distinct_n(texts[: len(timid)]),
)
print(f"nats per token: the timid model {easy:.2f}, people {by_people:.2f}")
print(f"different word pairs: {diverse:.2f} against {diverse_people:.2f}")
print(*timid[:3], sep="\n")

# %% id="05-examined" tags=["nbval-check-output"]
claim("perplexity notices broken order in over 95 %", notices > 0.95, share=notices)
cheap = by_people - easy
claim("timid texts are cheaper than people's by a nat", cheap > 1, nats=cheap)
share = diverse / diverse_people
claim("and at most three quarters as diverse", share < 0.75, share_of_people=share)
cost = float(-found["minus cross-entropy"].score)
claim("the exploit is cheaper than the cheapest of them", cost < easiest,
      exploit=cost, cheapest_of_them=easiest)  # fmt: skip

# %% [markdown] id="05-evaluate-text"
# So the description holds in one direction only: breaking the order of a text raises
# its perplexity. Below the level of human text, lower is not better: it is timid, and
# at the far end a loop. Perplexity says how well *this model* foresees a text. It is a
# fine measure of a model, taken on human texts, and a poor measure of texts, taken by a
# model. (Its cousin, "a BLEU of 0 means that nothing matched", fell above.)
#
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

# %% [markdown] id="05-play-text"
# ## For reference: the same metrics as `evaluate` modules
#
# Other tools expect the interface of the `evaluate` library.
# `course.reward.metric_modules` wraps the functions of this course, thinly: nothing is
# fetched, all stays in memory. Skip this unless you need it.

# %% id="05-evaluate" tags=["nbval-check-output"]
from course.reward.metric_modules import Bleu, DistinctN, Pearson, RougeL

module = RougeL()
module.add_batch(predictions=gaps[:50], references=texts[:50])
module.add_batch(predictions=gaps[50:99], references=texts[50:99])
by_module = module.compute()["rouge_l"]
by_function = sum(map(rouge_l, gaps[:99], texts[:99])) / 99
claim("RougeL: our mean", abs(by_module - by_function) < 1e-12, rouge_l=by_module)
by_module = DistinctN().compute(predictions=[so_good])["distinct_n"]
claim("DistinctN: our share", abs(by_module - distinct) < 1e-6, distinct_2=by_module)
inputs = {"predictions": scores["lexicon"].tolist(), "references": people.tolist()}
by_module = Pearson().compute(**inputs)["pearson"]
claim("Pearson: our r", abs(by_module - r["lexicon"]) < 1e-5, r=by_module)
by_module = Bleu().compute(predictions=gaps, references=texts)["bleu"]
corpus = ours.corpus_score(gaps, [texts]).score / 100
claim("corpus BLEU equals sacrebleu's", abs(by_module - corpus) < 1e-9, BLEU=corpus)

# %% [markdown] id="05-limits"
# ## What was shown, and what not
#
# A reward is a function, and most useful ones fit on a screen. BLEU and ROUGE-L from
# scratch equal their reference implementations. Of eight rules only the lexicon agrees
# with people's sentiment to a degree worth having, and each of the eight has texts that
# it cannot tell from the best or prefers to them.
#
# **Limits.** "Negative" was rated by people, on real texts, and it is sentiment:
# whether a text is *good* nobody was asked. "Plainly worse" of the found texts was
# checked only as *untypical*, and not for all; that they are bad you saw by reading.
# One kind of search, one kind of text. BLEU and ROUGE were used here outside their
# field, with references of other prompts, and nothing here says how they do inside it.
# The mixer's weights are chosen on the texts that judge them: fine for play, not for a
# result. No policy was trained: what one does with these rewards is chapter 09.
#
# ## Test yourself
#
# 1. Which two tricks does BLEU need so that neither repetition nor silence pays?
# 2. What must be said beside every BLEU number?
# 3. Why does log-probability like short texts, and what does its mean per token like?
# 4. Two parts have very different spreads. What does normalising each one first change?
# 5. Why do increments of a potential not invite farming, and rises alone do?
# 6. How do you notice, before training, that a reward only reads the prompt?
# 7. A rule has r = 0.4 with the ratings of a thousand texts. What does that not tell
#    you about it as a reward?
#
# <details><summary>Answers</summary>
#
# 1. Clipping (an n-gram counts at most as often as the reference has it) and the
#    brevity penalty.
# 2. The tokens, the smoothing, corpus or sentence, and the number of references: the
#    signature.
# 3. Each token subtracts from the sum, so short texts win. The mean likes tokens that
#    are easy to foresee: clichés, and the later pieces of long words.
# 4. The batch decides what a part is worth. A part that hardly varies is blown up.
# 5. The increments telescope to end minus start, so ups and downs cancel. Of rises
#    alone the downs are forgiven.
# 6. Its variance inside each prompt is 0.
# 7. Which texts a policy will find that nobody wrote. The top of the rule counts, not
#    its agreement on human texts.
#
# </details>
#
# ## Further reading
#
# - K. Papineni and others, [*BLEU*](https://doi.org/10.3115/1073083.1073135), 2002;
#   M. Post, [*A Call for Clarity in Reporting BLEU
#   Scores*](https://arxiv.org/abs/1804.08771), 2018: why a signature.
# - C.-Y. Lin, [*ROUGE: A Package for Automatic Evaluation of
#   Summaries*](https://aclanthology.org/W04-1013), 2004.
# - C. Hutto and E. Gilbert, [*VADER*](https://doi.org/10.1609/icwsm.v8i1.14550), 2014:
#   the lexicon and the ratings.
# - J. Li and others, [*A Diversity-Promoting Objective Function for Neural Conversation
#   Models*](https://arxiv.org/abs/1510.03055), 2016: distinct-n.
# - A. Holtzman and others, [*The Curious Case of Neural Text
#   Degeneration*](https://arxiv.org/abs/1904.09751), 2020: probable is not good.
# - A. Ng, D. Harada and S. Russell, [*Policy Invariance Under Reward
#   Transformations*](https://people.eecs.berkeley.edu/~russell/papers/icml99-shaping.pdf),
#   1999: potentials.
# - DeepSeek-AI, [*DeepSeek-R1*](https://arxiv.org/abs/2501.12948), 2025: format and
#   verifiable rewards; L. Zheng and others, [*Judging
#   LLM-as-a-Judge*](https://arxiv.org/abs/2306.05685), 2023: model judges.
#
# **Next:** [the exercises](../exercises/05_rewards_by_rule.ipynb); then
# [chapter 06](06_human_feedback.ipynb) asks people, and
# [chapter 07](07_reward_model.ipynb) learns the reward from their answers.
