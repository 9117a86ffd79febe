# %% [markdown] id="07-title"
# # 7 · A reward model from ratings
#
# A language model whose last matrix is replaced by one row of weights learns to
# say how much people will like a text it has never seen, and you measure how
# close it comes to a person.
#
# When you have read this chapter you can:
#
# - put a scalar head on a language model and read it at the right token;
# - write the pairwise, the regression and the ordinal loss, and say what each of them
#   leaves undecided;
# - judge a reward model on held-out texts: correlation, pair accuracy, calibration;
# - say which changes of the input must not move the score, and test them;
# - look for the first signs that it rewards something other than what people
#   like.

# %% [markdown] id="07-data-text"
# ## What the model has to learn
#
# The texts are sentences from movie reviews, each rated by 15 to 29 people from −4 to
# +4. The target is the [**mean rating**](../GLOSSARY.md#reward). Keep in mind what
# [chapter 06](06_human_feedback.ipynb) reports about these numbers: screened and
# trained raters were asked which *sentiment* most other people would read in the
# sentence. So "liked" means *rated positive* here; it is nobody's taste.
#
# A text is one row, a [**rating**](../GLOSSARY.md#reward) is what one person gave it.
# The budget of this chapter is counted in texts; each brings its ratings along.

# %% id="07-data" tags=["nbval-check-output"]
import matplotlib.pyplot as plt
import torch

from course import claim, plots
from course.data import reviews

train = reviews.load("movies", "train")
test = reviews.load("movies", "test")
people = torch.tensor(test["mean"][:])  # mean ratings, (texts,)
counts = torch.tensor([len(some) for some in train["ratings"]])
print(len(train), "texts to learn from,", len(test), "to judge by")
print(f"{counts.sum()} ratings, {counts.min()} to {counts.max()} for each text, "
      f"{counts.double().mean():.1f} on average")  # fmt: skip
shared = {reviews.normalise(t) for t in test["text"]} & {
    reviews.normalise(t) for t in train["text"]
}
claim("no test text is among the training texts", not shared)

# %% [markdown] id="07-head-text"
# ## One number from a language model
#
# The language model turns a text into one state of `width` numbers for each token. It
# used to multiply a state by a large matrix to predict the next token. We replace that
# by a single row of weights $w$: a [**scalar head**](../GLOSSARY.md#reward). The
# network under the head is called the [**trunk**](../GLOSSARY.md#reward). The model is
# causal, so a state knows only the tokens up to its own. The last token, the
# end-of-text token `<eos>`, is the only one that has read everything. So the
# [**score**](../GLOSSARY.md#reward) $r$ of a text is
#
# $$ r = w \cdot h_{\text{last}} + \text{bias} $$
#
# with $h_{\text{last}}$ the state at the last real token. Texts in a batch
# differ in length and are padded. The mask says which tokens are real.

# %% id="07-head" tags=["nbval-check-output"]
from course.reward.model import last_token_scores

h = torch.tensor(  # (2 texts, 3 tokens, width 2)
    [[[1.0, 0.0], [2.0, 1.0], [9.0, 9.0]], [[0.0, 1.0], [1.0, 1.0], [3.0, 1.0]]]
)
real = torch.tensor([[True, True, False], [True, True, True]])  # (batch, time)
w, bias = torch.tensor([1.0, -1.0]), 0.5
last = (real * torch.arange(3)).argmax(1)  # index of the last real token
by_hand = h[torch.arange(2), last] @ w + bias  # (batch,)
print("last real token:", last.tolist(), " scores:", by_hand.tolist())
claim(
    "our line and the course's function agree",
    torch.equal(by_hand, last_token_scores(h, real, w, bias)),
)
print("last column instead:", (h[:, -1] @ w + bias).tolist())

# %% [markdown] id="07-head-question"
# **Predict first.** The last line reads `h[:, -1]`, the last column. Why is its score
# of the first text wrong, although nothing crashed?
#
# <details><summary>Answer</summary>
#
# It reads the state `[9, 9]` of a padding token. The score now depends on how the text
# was padded, and so on the longest text of its batch. Nothing raises an error, which is
# why the mistake lives long; exercise 7.2 tests for it.
#
# </details>
#
# ## Learning from choices: Bradley–Terry
#
# Often people do not rate, they choose: this text or that one? The **Bradley–Terry
# model** says how strengths lead to choices. Give every text a strength $p > 0$, and
# let $a$ win against $b$ in proportion:
#
# $$ P(a \succ b) = \frac{p_a}{p_a + p_b}. $$
#
# Write the strength as $p = e^r$, so that the score $r$ may be any number. Dividing by
# $e^{r_a}$ leaves $1 / (1 + e^{-(r_a - r_b)})$, the sigmoid $\sigma$ of the difference:
#
# $$ P(a \succ b) = \sigma(r_a - r_b), \qquad L = -\log P(a \succ b)
#    = \log\bigl(1 + e^{-(r_a - r_b)}\bigr). $$
#
# Take four texts with mean ratings $m$ and a reward model's present scores $r$. Every
# two of them make a pair, and the text with the higher rating is the chosen one.

# %% id="07-pair" tags=["nbval-check-output"]
m = torch.tensor([3.0, 1.0, -1.0, -2.0])  # what people said, best first
r = torch.tensor([1.5, 0.5, 1.0, -2.0])  # what the model says now
a, b = torch.combinations(torch.arange(4)).T  # the winner comes first
P = torch.sigmoid(r[a] - r[b])
L = -torch.log(P)
for n in range(len(P)):
    print(f"text {a[n]} beats {b[n]}:  P = {P[n]:.2f}   L = {L[n]:.2f} nats")
print(f"mean loss {L.mean():.2f} nats; a coin would have {torch.tensor(2.0).log():.2f}")
share = r.exp()[a] / (r.exp()[a] + r.exp()[b])
claim("sigmoid and strengths give the same chances", torch.allclose(P, share))

# %% [markdown] id="07-pull-text"
# One pair is the wrong way round: text 1 should beat text 2. How hard does a pair pull
# at the scores? The derivative is short:
#
# $$ \frac{\partial L}{\partial r_a} = -\bigl(1 - P(a \succ b)\bigr). $$

# %% id="07-pull"
d = torch.linspace(-5, 5, 101, requires_grad=True)  # r_a - r_b
chance = torch.sigmoid(d)
pair_losses = -torch.log(chance)
(slope_at,) = torch.autograd.grad(pair_losses.sum(), d)
lines = {"loss (nats)": pair_losses, "pull on the scores, 1 − P": 1 - chance}
plots.curves(
    {name: (d.tolist(), y.tolist()) for name, y in lines.items()},
    title="A pair that is already right teaches almost nothing",
    x="score of the chosen text − score of the other",
    y="per pair",
    alt="The loss falls from about 5 nats for a badly wrong pair to almost 0; the pull "
    "falls from 1 to 0 and is one half at equal scores.",
)

# %% id="07-pull-claim" tags=["nbval-check-output"]
claim("the derivative is -(1 - P)", torch.allclose(slope_at, chance.detach() - 1))
hardest = (1 - P).argmax().item()
claim("the wrong pair pulls hardest", (a[hardest], b[hardest]) == (1, 2))

# %% [markdown] id="07-same-text"
# ## The same data, two losses
#
# With ratings at hand we can also simply ask the score to *be* the rating. This is
# [**regression**](../GLOSSARY.md#reward), here over the same four texts:
#
# $$ L = \frac{1}{n} \sum_i (r_i - m_i)^2. $$
#
# **Predict first.** We add 3 to all scores. Which of the two losses changes?
#
# <details><summary>Answer</summary>
#
# Only regression. The pairwise loss sees nothing but differences of scores. It leaves
# the zero of the scale undecided: a model from choices has an arbitrary offset.
#
# </details>

# %% id="07-same" tags=["nbval-check-output"]
from course.reward.losses import pairwise_loss, regression_loss

squares, choices = {}, {}
for shift in (0.0, 3.0):
    moved = r + shift
    squares[shift] = ((moved - m) ** 2).mean()
    choices[shift] = pairwise_loss(moved[a], moved[b])
    print(f"shift {shift:.0f}: regression {squares[shift]:.3f} squared rating units, "
          f"pairwise {choices[shift]:.3f} nats")  # fmt: skip
claim("by hand it is the course's", torch.equal(squares[0], regression_loss(r, m)))
claim("a constant leaves the pairwise loss exactly as it was", choices[0] == choices[3])
claim("it moves the regression loss by 9", abs(squares[3] - squares[0] - 9) < 0.1)

# %% [markdown] id="07-prompt-text"
# ### Where is the prompt?
#
# In this chapter a text stands alone and gets $r(y)$. In RLHF a text is an answer $y$
# to a prompt $x$ and gets $r(x, y)$; the two texts of a pair answer the *same* prompt.
# Then more is free than one constant: any number $c(x)$, another one for each prompt,
# cancels in every difference. So the scores of such a model can be compared inside a
# prompt and not across prompts. Remember it for best-of-n (chapter 08), for baselines
# (09) and for DPO (12).

# %% id="07-prompt" tags=["nbval-check-output"]
answers = torch.tensor([[1.5, 0.5], [1.0, -2.0]])  # (prompts, [chosen, rejected])
c = torch.tensor([[10.0], [-3.0]])  # a constant for each prompt
before, after = (pairwise_loss(*x.T) for x in (answers, answers + c))
claim("a constant for each prompt changes no loss", torch.allclose(before, after))
flat = (answers + c).flatten()
claim(
    "yet it reverses the order of two answers to different prompts",
    answers[1, 0] > answers[0, 1] and flat[2] < flat[1],
)

# %% [markdown] id="07-ordinal-text"
# ## A third loss: ratings as steps
#
# Regression treats the way from +1 to +2 as equal to the one from +3 to +4.
# Nobody asked the raters whether it is. The
# [**ordinal**](../GLOSSARY.md#reward) model only uses the order. Cut points
# $c_1 < c_2 < \dots$ divide the scale of scores into bins. A rater reads the
# score with an error (of logistic distribution: its cumulative probability is
# $\sigma$), and what was read falls into one of the bins:
#
# $$ P(\text{bin } k) = \sigma(c_k - r) - \sigma(c_{k-1} - r), \qquad
#    L = -\log P(\text{bin seen}). $$
#
# The lowest bin has no lower cut ($c_0 = -\infty$), the highest no upper one.

# %% id="07-ordinal" tags=["nbval-check-output"]
from course.reward.losses import ordinal_loss

cuts = torch.tensor([-float("inf"), -1.0, 1.0, float("inf")])  # three bins
r_one = torch.tensor(0.5)
P_bin = torch.sigmoid(cuts[1:] - r_one) - torch.sigmoid(cuts[:-1] - r_one)
L_bin = -torch.log(P_bin)
for name, p, loss in zip(("disliked", "so-so", "liked"), P_bin, L_bin, strict=True):
    print(f"{name:<9} P = {p:.2f}   L if this was seen = {loss:.2f} nats")
claim("the bins share out all of the probability", abs(P_bin.sum() - 1) < 1e-6)
three, seen = r_one.repeat(3), torch.arange(3)
ours = ordinal_loss(three, seen, cuts[1:-1])
claim("the course's loss is the same", torch.allclose(ours, L_bin.mean()))

# %% [markdown] id="07-ordinal-after"
# The cut points are learned along with the weights. In this form a difference of
# sigmoids can round to 0, whose logarithm is −∞. Exercise 7.3 asks for a way around
# that.
#
# **Predict first.** What does this loss leave undecided?

# %% id="07-ordinal-free" tags=["nbval-check-output"]
shifted = ordinal_loss(three + 3, seen, cuts[1:-1] + 3)
alone = ordinal_loss(three + 3, seen, cuts[1:-1])
claim("scores and cuts moved together: the same loss", torch.allclose(shifted, ours))
claim("scores moved alone: another one", abs(alone - ours) > 1, by=alone - ours)

# %% [markdown] id="07-orientation"
# Again the zero: the learned cuts follow any constant. The unit is fixed, by the width
# of the raters' error. In one table:
#
# | loss | sees | leaves undecided |
# |---|---|---|
# | pairwise | who won | one constant; with prompts, one constant for each |
# | regression | mean ratings | nothing: the score is in rating units |
# | ordinal | each single rating | one constant, in scores and cuts together |
#
# Which loss is best? That depends first on what people gave you: choices, ratings, or
# steps. The model that the rest of the course uses learned by regression.
#
# Other models have names that sound alike. They differ in *what* gets a number:
#
# | model | scores | learned from | its number is |
# |---|---|---|---|
# | reward model (here) | a whole text | people's choices, ratings | a score |
# | outcome reward model, ORM | a whole answer | right or wrong | a probability |
# | process reward model, PRM | every step | a label for each step | a probability |
# | value function | every prefix | what a *policy* earned later | an expected return |
#
# (ORM: [Cobbe and others, 2021](https://arxiv.org/abs/2110.14168); PRM:
# [Uesato and others, 2022](https://arxiv.org/abs/2211.14275),
# [Lightman and others, 2023](https://arxiv.org/abs/2305.20050); value functions:
# [chapter 10](10_ppo.ipynb).)
#
# ## The trained reward model
#
# It is the language model of part I with a fresh scalar head, all weights trained
# further. Nothing about it is hidden; the first cell prints its recipe.
#
# The second cell shows its favourite and its least liked test texts, and then, worth
# more, its largest mistakes. For those, scores and ratings are put on one scale (mean
# 0, standard deviation 1). What do the mistakes have in common?

# %% id="07-load"
from course import checkpoints
from course.reward.metrics import pearson
from course.reward.rules import lexicon_score

trained = checkpoints.load("reward-model")
model, tokenizer = trained.model, trained.tokenizer
settings = checkpoints.recipe("reward-model").settings
for name, value in settings.items():
    print(f"{name}: {value}")
count = sum(p.numel() for p in model.parameters())
print(f"{count / 1e6:.1f} million weights, of which the head has", model.weight.numel())

# %% id="07-read"
from course.reward.model import score_texts, standardise


def score(some):
    """Scores of whole texts, shape (len(some),)."""
    return score_texts(model, tokenizer, some)


texts = test["text"][:]
scores = score(texts)
best_first = scores.argsort(descending=True).tolist()
gap = (standardise(scores) - standardise(people)).abs()
wrong = gap.argsort(descending=True).tolist()
lists = {"favourites": best_first[:3], "least liked": best_first[-3:]}
for title, some in (lists | {"largest mistakes": wrong[:5]}).items():
    print(title)
    for n in some:
        print(f"  score {scores[n]:+.2f}, people {people[n]:+.2f}: {texts[n][:70]}")

# %% [markdown] id="07-yard-text"
# <details><summary>What the largest mistakes have in common</summary>
#
# In the run that is stored here: two of the five speak in pictures, a film that
# swings you around, and one that puts a nail in a coffin. Two more praise with
# "best" and little else. In the fifth the words pull both ways: "very funny",
# but "not for every taste". In three of the five a plain word was right,
# "hideous" or "best", and the model did not follow it.
#
# </details>
#
# ## How good is that?
#
# The measure is **Pearson's correlation** $r$ with the mean human rating over all test
# texts. A number alone says little, so we put three yardsticks beside it:
#
# - the same model **from scratch**: same shape, same texts, but its trunk started
#   from random weights instead of the language model;
# - the [**lexicon**](../GLOSSARY.md#reward): add up the friendliness of known words, no
#   learning at all;
# - [**one person**](../GLOSSARY.md#reward): a single rating against the mean of all
#   *other* people.
#
# **Predict first.** Will the reward model be nearer to the lexicon or to the person?
#
# <details><summary>How to think about it</summary>
#
# It has read 8,493 rated sentences and 2 million weights are not many. A
# person has read and lived more. But a word list cannot see "funny, but not in the way
# it hopes to be". The ladder below has the answer.
#
# </details>

# %% id="07-blank"
blank = checkpoints.load("reward-scratch").model  # same texts, random start
from_scratch = score_texts(blank, tokenizer, texts)

# %% id="07-yard"
lexicon = lexicon_score(texts)
raters = torch.tensor([len(some) for some in test["ratings"]])
one = []  # each text has at least 15 ratings: 15 times one person
for k in range(15):
    mine = torch.tensor([float(some[k]) for some in test["ratings"]])
    one.append(pearson(mine, (people * raters - mine) / (raters - 1)))
dealt = torch.randperm(len(texts), generator=torch.Generator().manual_seed(0))
ladder = {  # Pearson r
    "scores of other texts (control)": pearson(scores[dealt], people),
    "lexicon": pearson(lexicon, people),
    "reward model from scratch": pearson(from_scratch, people),
    "reward model": pearson(scores, people),
    "one person": sum(one) / len(one),
}

# %% id="07-yard-figure"
plots.ladder(
    ladder,
    title="Above a word list, below a person",
    x="Pearson r with the mean human rating, test texts",
    alt="Five bars: the control near 0, then the lexicon, longer the reward model from "
    "scratch and the reward model, nearly alike, and longest one person.",
)

# %% id="07-yard-claim" tags=["nbval-check-output"]
control, by_words, scratch, reward, person = ladder.values()
# seeds tried, of the training: 0, 1, 2, 3; from scratch too
claim("the lexicon has r between 0.38 and 0.47", 0.38 < by_words < 0.47, r=by_words)
claim("the reward model reaches r = 0.6 on new texts", reward >= 0.6, r=reward)
claim("lexicon + 0.1 < reward model < one person - 0.1",
      by_words + 0.1 < reward < person - 0.1)  # fmt: skip
claim("from scratch, too, it is ahead of the lexicon by 0.1",
      scratch > by_words + 0.1, r=scratch)  # fmt: skip
claim("one person has r between 0.85 and 0.92", 0.85 < person < 0.92, r=person)
claim("scores of other texts predict nothing", abs(control) < 0.12, r=control)

# %% [markdown] id="07-sources-text"
# How much did the language model help? The next cell asks two sets of held-out texts.

# %% id="07-start" tags=["nbval-check-output"]
valid = reviews.load("movies", "validation")
valid_people = torch.tensor(valid["mean"][:])
valid_scores = score(valid["text"][:])
valid_blank = score_texts(blank, tokenizer, valid["text"][:])
help_test = reward - scratch
help_valid = pearson(valid_scores, valid_people) - pearson(valid_blank, valid_people)
claim("on the test texts the start was worth less than 0.06 of r",
      abs(help_test) < 0.06, gain=help_test)  # fmt: skip
claim("and so on the validation texts", abs(help_valid) < 0.06, gain=help_valid)

# %% [markdown] id="07-start-text"
# Less than one would hope. 8,493 texts with their ratings do nearly all of the
# teaching themselves. What a trunk is worth that is larger and has read *much*
# more, the end of this chapter shows.
#
# ## Beside the published numbers
#
# The ratings come from a paper, and it has such a ladder, too, for four sources of
# text ([Hutto and Gilbert, 2014](https://doi.org/10.1609/icwsm.v8i1.14550), table 4):
# the correlation of VADER, which is this lexicon with rules for negation and emphasis,
# and of one human. Our model has been taught on movies only. The next table gives it
# the test texts of all four sources.
#
# **Predict first.** On which source will it be worst?

# %% id="07-sources"
paper = {
    "movies": (0.451, 0.899),
    "products": (0.565, 0.911),
    "news": (0.492, 0.745),
    "tweets": (0.881, 0.888),
}  # VADER, one human
elsewhere, by_lexicon = {}, {}
print(f"{'':10}  lexicon  our model   paper: VADER  one human")
for source, published in paper.items():
    rows = reviews.load(source, "test")
    there = torch.tensor(rows["mean"][:])
    by_lexicon[source] = pearson(lexicon_score(rows["text"][:]), there)
    elsewhere[source] = pearson(score(rows["text"][:]), there)
    numbers = (by_lexicon[source], elsewhere[source], *published)
    print(f"{source:10}" + "".join(f"{x:11.3f}" for x in numbers))

# %% id="07-sources-claim" tags=["nbval-check-output"]
claim("on movies our model is between VADER and one human, as published",
      0.451 < elsewhere["movies"] < 0.899)  # fmt: skip
other_sources = [source for source in paper if source != "movies"]
claim("on every other source it is worse than on movies by 0.1",
      max(elsewhere[s] for s in other_sources) < reward - 0.1)  # fmt: skip
claim("there the lexicon beats it",
      all(by_lexicon[s] > elsewhere[s] for s in other_sources))  # fmt: skip
claim("it is worst on the news", min(elsewhere, key=elsewhere.get) == "news",
      r=elsewhere["news"])  # fmt: skip

# %% [markdown] id="07-acc-text"
# A reward model knows what it was shown. On the other three sources the lexicon, which
# learned nothing from films, beats it.
#
# ## Pair accuracy
#
# Reward models from choices are judged by [**pair
# accuracy**](../GLOSSARY.md#reward): the share of pairs whose preferred text
# gets the higher score. A tie counts as wrong, which costs the lexicon more
# than a model. Pairs with nearly equal ratings have no right answer, so we ask
# that the means differ by more than 0.5; then we look at how accuracy grows
# with that difference.

# %% id="07-acc"
from course.reward.metrics import preference_accuracy

number = {text: n for n, text in enumerate(texts)}


def sides(pairs):
    """Places of the preferred and of the other text of every pair."""
    left = torch.tensor([number[t] for t in pairs["text_a"]])
    right = torch.tensor([number[t] for t in pairs["text_b"]])
    first = torch.tensor([which == "a" for which in pairs["preferred"]])
    return torch.where(first, left, right), torch.where(first, right, left)


better, worse = sides(reviews.pairs(test, 6000, min_gap=0.5))
right_model = preference_accuracy(scores[better], scores[worse])
right_words = preference_accuracy(lexicon[better], lexicon[worse])
print(f"pairs right: reward model {right_model:.3f}, lexicon {right_words:.3f}")

# %% id="07-acc-figure"
difference = people[better] - people[worse]
edges = torch.tensor([0.5, 1, 2, 3, 4, 7])
inside = [(difference > lo) & (difference <= hi) for lo, hi in edges.unfold(0, 2, 1)]
middle = [float(difference[these].mean()) for these in inside]
by_gap = {
    name: [preference_accuracy(s[better[i]], s[worse[i]]) for i in inside]
    for name, s in (("reward model", scores), ("lexicon", lexicon))
}

# %% id="07-acc-curves"
plots.curves(
    {name: (middle, ys) for name, ys in by_gap.items()},
    title="Where people differ more, the reward model is right more often",
    x="difference of the mean ratings",
    y="share of pairs in the right order",
    levels={"a coin": 0.5},
    alt="The reward model's line starts above the coin's 0.5 and rises throughout; the "
    "lexicon's is lower and does not rise evenly.",
)

# %% id="07-acc-claim" tags=["nbval-check-output"]
claim("the reward model orders 72 to 80 % of the pairs as people do",
      0.72 < right_model < 0.8, accuracy=right_model)  # fmt: skip
claim("it is better than the lexicon by at least 3 points",
      right_model > right_words + 0.03, lexicon=right_words)  # fmt: skip
claim("clear pairs are easier than close ones by at least 10 points",
      by_gap["reward model"][-2] > by_gap["reward model"][0] + 0.10)  # fmt: skip

# %% [markdown] id="07-same-score-text"
# ## What must not move the score
#
# A score belongs to a text. It must not depend on the other texts of the batch, on the
# padding side, or on whatever lies in memory after the end. If it did,
# the same text would earn different rewards on different days, and a policy
# would be trained on noise. Here are four ways to read the same 32 texts; their scores
# must agree to 1e-5, the rounding of 32-bit numbers.

# %% id="07-same-score"
from course.lm.tokenizer import encode, pad_batch

token_rows, pad = encode(tokenizer, texts[:32]), tokenizer.pad_token_id


@torch.no_grad()
def read(rows, side="right", junk=False):
    """Scores of token rows in one batch; junk: random tokens after every end."""
    ids, mask = (x.to(model.gpt.device) for x in pad_batch(rows, pad, side=side))
    if junk:
        ids = torch.where(mask, ids, torch.randint_like(ids, 3, len(tokenizer)))
    return model(ids, mask)


plain = read(token_rows)
single = torch.cat([read([row]) for row in token_rows])

# %% id="07-same-score-claim" tags=["nbval-check-output"]
claim("no score depends on the padding side",
      (plain - read(token_rows, side="left")).abs().max() < 1e-5)  # fmt: skip
claim("no score depends on the rest of the batch", (plain - single).abs().max() < 1e-5)
claim("no score depends on tokens after the end",
      (plain - read(token_rows, junk=True)).abs().max() < 1e-5)  # fmt: skip

# %% [markdown] id="07-curve-text"
# ## More texts, or more updates?
#
# How much data does a reward model need? A careless learning curve trains on 500 and on
# 2,000 texts, one pass each, and calls the difference the worth of data. But four
# times the texts were also four times the *updates*. Take the two apart, with texts of
# at most 20 words, in batches of 32:
#
# - 500 texts, read once: 16 updates;
# - the *same* 500 texts, read four times: 64 updates;
# - 2,000 texts, read once: 63 updates.
#
# From the first to the second only the updates change; from the second to the third
# the texts, at one update less. Each run is made three times, on other texts (of
# 2,000 texts, neighbouring draws share 500).
#
# **Predict first.** Which of the two steps is larger?

# %% id="07-races-data"
from course.runtime import generator

language = checkpoints.load("language-model").model


def brief(rows):
    """The rows with at most 20 words."""
    return [row for row in rows if len(row["text"].split()) <= 20]


pool, short_test = brief(train), brief(test)
in_order = torch.randperm(len(pool), generator=generator(0)).tolist()
pool = [pool[n] for n in in_order]  # the file is sorted
short_texts = [row["text"] for row in short_test]
short_people = torch.tensor([row["mean"] for row in short_test])
print(len(pool), "short texts to learn from,", len(short_test), "to judge by")


# %% id="07-races-fit"
from course.reward.model import from_language_model
from course.reward.training import fit_regression


def fresh(seed=0):
    """A new reward model on the language model, and the rest of its settings."""
    options = {"learning_rate": 1e-3, "generator": generator(seed)}
    return from_language_model(language, options["generator"]), options


def regress(rows, epochs, ratings=None):
    """Scores of the short test texts after regression on these rows."""
    small, options = fresh()
    ratings = ratings or [row["mean"] for row in rows]
    some = [row["text"] for row in rows]
    fit_regression(small, tokenizer, some, ratings, epochs=epochs, **options)
    return score_texts(small, tokenizer, short_texts)


# %% id="07-curve-runs"
# seeds tried for this and the next section: 0, 1, 2 (of the draws and the starts)
plan = {  # name: (texts, epochs)
    "500 texts, 16 updates": (500, 1),
    "500 texts, 64 updates": (500, 4),
    "2,000 texts, 63 updates": (2000, 1),
}
members, by_draw = {}, {}
for name, (size, epochs) in plan.items():
    parts = [pool[k * 1500 : k * 1500 + size] for k in range(3)]
    members[name] = torch.stack([regress(part, epochs) for part in parts])
    by_draw[name] = [pearson(s, short_people) for s in members[name]]
    print(f"{name:<24} r =", " ".join(f"{x:.3f}" for x in by_draw[name]))

whole = pearson(score(short_texts), short_people)
word_list = pearson(lexicon_score(short_texts), short_people)

# %% id="07-curve"
all_texts = f"{len(train):,} texts, {len(trained.history.rows)} updates"
_, axes = plt.subplots(figsize=(6.4, 2.8))
for name, found in (by_draw | {all_texts: [whole]}).items():
    axes.plot(found, [name] * len(found), "o", color=plots.COLOURS[0])
axes.axvline(word_list, ls="--", color="black", lw=1, label="lexicon")
axes.invert_yaxis()
axes.margins(y=0.2)
plots.finish(
    axes,
    "More updates teach more; so do more texts",
    "Pearson r with people, short test texts",
    "",
    alt="Four rows of dots, further right from row to row. The dashed line of the "
    "lexicon lies right of the first two rows, and far left of the last.",
)

# %% id="07-curve-claim" tags=["nbval-check-output"]
once, again, four_times = (sum(found) / 3 for found in by_draw.values())
claim("the same texts, four times the updates: a higher r in every draw",
      all(y > x for x, y in zip(*list(by_draw.values())[:2], strict=True)),
      gain=again - once)  # fmt: skip
claim("as many updates, four times the texts: higher again, on average",
      four_times > again, gain=four_times - again)  # fmt: skip
claim("at this size the updates are the larger step", again - once > four_times - again)
claim("the model of all texts is ahead of every small one by 0.1",
      whole > max(max(found) for found in by_draw.values()) + 0.1, r=whole)  # fmt: skip

# %% [markdown] id="07-ensemble-text"
# At this size most of what the careless curve calls data is updates: a bad
# result with few texts may only mean that they were read too few times. Always
# say both numbers.
#
# The three models of a row are also an [**ensemble**](../GLOSSARY.md#reward). Its score
# is their mean; how far its members are apart, their standard deviation, is its
# [**disagreement**](../GLOSSARY.md#reward).
#
# **Predict first.** Is the mean of three models better than one of them? And does the
# ensemble disagree where it is wrong?
#
# <details><summary>Answer</summary>
#
# The mean is better: errors that the members do not share cancel. Disagreement
# can only show the part that they do *not* share, and here it shows next to
# nothing: look at the last number.
#
# </details>

# %% id="07-ensemble" tags=["nbval-check-output"]
for name, trio in members.items():
    together, average = pearson(trio.mean(0), short_people), sum(by_draw[name]) / 3
    claim(f"{name}: the mean of three beats their average", together > average,
          together=together, average=average)  # fmt: skip
team = members["500 texts, 64 updates"]
missed = (team.mean(0) - short_people).abs()
shared_errors = pearson(team.std(0), missed)
claim("its disagreement says little about its error", abs(shared_errors) < 0.25,
      r=shared_errors)  # fmt: skip

# %% [markdown] id="07-races-text"
# This ensemble is a better judge, having read three times the texts, and a poor
# alarm.
#
# ## Three losses on the same texts
#
# Which loss is best? All runs of the next cell draw on the *same* 500 texts, in
# 64 updates. Regression sees their mean ratings, the ordinal loss each single
# rating, and the pairwise loss 250 random pairs of them (as many texts to read,
# though some twice or more and about a third never): only who wins, not by how
# much. The fourth run is the **negative control**: regression on ratings that
# were shuffled among the texts.
#
# In principle a pair says least, one bit; a rating says several, and twenty
# ratings also say how sure people are.

# %% id="07-races"
from course.reward.training import fit_ordinal, fit_pairwise

few = pool[:500]
few_texts, single_ratings = ([row[key] for row in few] for key in ("text", "ratings"))
drawn = list(reviews.pairs(few, 250, seed=0))
won = [pair[f"text_{pair['preferred']}"] for pair in drawn]
lost = [pair["text_b" if pair["preferred"] == "a" else "text_a"] for pair in drawn]
by_steps, options = fresh()
fit_ordinal(by_steps, tokenizer, few_texts, single_ratings, epochs=4, **options)
by_choice, options = fresh()
fit_pairwise(by_choice, tokenizer, won, lost, epochs=4, batch_size=16, **options)
swap = torch.randperm(500, generator=generator(0)).tolist()
shuffled = regress(few, 4, ratings=[few[n]["mean"] for n in swap])


# %% id="07-races-pairs"
wide = short_people[:, None] - short_people > 0.5  # (better, worse)


def pairs_right(s):
    """Share of all pairs of short test texts in the right order."""
    return float((s[:, None] > s)[wide].float().mean())


# %% id="07-races-figure"
races = {
    "shuffled ratings (control)": pairs_right(shuffled),
    "pairwise": pairs_right(score_texts(by_choice, tokenizer, short_texts)),
    "regression": pairs_right(members["500 texts, 64 updates"][0]),
    "ordinal": pairs_right(score_texts(by_steps, tokenizer, short_texts)),
}
plots.ladder(
    races,
    title="All three losses learn, the control does not",
    x="pairs right, short test texts (a coin: 0.5)",
    alt="Four bars: the control on top, near one half; the three losses are longer.",
)

# %% id="07-races-claim" tags=["nbval-check-output"]
by_chance, *learned = races.values()
claim("shuffled ratings leave pair accuracy near 50 %", abs(by_chance - 0.5) < 0.1,
      accuracy=by_chance)  # fmt: skip
claim("every loss beats the control by 5 points of the pairs",
      min(learned) > by_chance + 0.05, lowest=min(learned))  # fmt: skip

# %% [markdown] id="07-examined-text"
# Runs this small differ by luck, as the dots above showed: the order of the three
# losses means little.
#
# ## A common description, examined
#
# > A reward model outputs the probability that a text is good.
#
# You meet this idea in many places, also in good books. Test it. A probability
# lies between 0 and 1, and has a meaning that does not depend on the zero of a
# scale. So look at the range of the scores, and at what the sigmoid of a score
# makes of two models that agree on *every* choice.

# %% id="07-examined" tags=["nbval-check-output"]
outside = ((scores < 0) | (scores > 1)).double().mean()
claim("more than a third of all scores are no probability", outside > 1 / 3,
      share=outside)  # fmt: skip
chosen, rejected = scores[better], scores[worse]
claim("two models give every pair the same loss", torch.allclose(
    pairwise_loss(chosen + 2, rejected + 2), pairwise_loss(chosen, rejected),
    atol=1e-5))  # fmt: skip
apart = (torch.sigmoid(scores + 2) - torch.sigmoid(scores)).mean()
claim("yet they call the same text good with probabilities 0.2 apart", apart > 0.2,
      apart=apart)  # fmt: skip

# %% [markdown] id="07-examined-after"
# So the description is wrong, and squashing the score through a sigmoid does not mend
# it. What *is* a probability is $\sigma(r_a - r_b)$, that a person prefers $a$ to
# $b$. The difference has a zero that everyone agrees on: equal texts.
#
# ## Calibration
#
# If $\sigma(r_a - r_b)$ is a probability, we can ask whether it is **calibrated**: of
# all pairs to which the model gives 70 %, is $a$ preferred in 70 %? For the truth we
# let single people vote: of all ways to take one rating of $a$ and one of $b$, the
# share where $a$'s is higher, ties counting half. Our model learned ratings, not
# choices, so nothing made its unit that of the sigmoid: one factor $k$ in
# $\sigma(k (r_a - r_b))$ is fitted on half of the test texts and judged on the other
# half.

# %% id="07-votes"
ratings = [torch.tensor(some) for some in test["ratings"]]


def votes(n, k):
    """Share of votes for text n when one rater of n meets one rater of k."""
    return ((ratings[n][:, None] - ratings[k]).sign().double().mean() + 1) / 2


half = len(texts) // 2
mixed = torch.randperm(len(texts), generator=generator(0))  # the file is sorted
place = torch.randint(half, (2, 2000), generator=generator(1))
fit_pairs, judge_pairs = mixed[place], mixed[place + half]  # (2, pairs) each
y_fit, y_judge = (
    torch.stack([votes(n, k) for n, k in zip(*both, strict=True)])
    for both in (fit_pairs, judge_pairs)
)
margin_fit, margin_judge = (
    scores[x[0]] - scores[x[1]] for x in (fit_pairs, judge_pairs)
)


# %% id="07-factor"
def pair_loss(factor):
    """Mean loss in nats of the fitting half when margins are multiplied."""
    good = torch.sigmoid(factor * margin_fit).log()
    bad = torch.sigmoid(-factor * margin_fit).log()
    return float(-(y_fit * good + (1 - y_fit) * bad).mean())


best_k = min((n / 20 for n in range(1, 81)), key=pair_loss)
print(f"best factor k = {best_k:.2f}")

# %% [markdown] id="07-ece-text"
# The [**expected calibration error**](../GLOSSARY.md#reward) puts the predictions into
# ten bins and averages the gap between promise and truth, weighted by how many
# predictions a bin holds:
#
# $$ \mathrm{ECE} = \sum_i \frac{n_i}{n} \, \bigl| \bar p_i - \bar y_i \bigr|. $$
#
# **Predict first.** We multiply all scores by 4. What happens to pair accuracy, and
# what to the calibration error?
#
# <details><summary>Answer</summary>
#
# The order stays, so accuracy stays exactly the same. But every probability moves
# towards 0 or 1: the model is as often wrong as before and much surer of it.
#
# </details>

# %% id="07-ece"
from course.reward.metrics import expected_calibration_error, reliability_table

reliability, ece = {"perfect": ([0, 1], [0, 1])}, {}
for factor in (0.25, 1, 4):
    promised = torch.sigmoid(factor * best_k * margin_judge)
    n_i, p_i, y_i = reliability_table(promised, y_judge)
    ece[factor] = float((n_i / len(promised) * (p_i - y_i).abs()).nansum())
    used = n_i >= 10  # a share of fewer pairs is mostly noise
    name = f"scores × {factor} k: ECE {ece[factor]:.3f}"
    reliability[name] = (p_i[used].tolist(), y_i[used].tolist())

# %% id="07-ece-figure"
plots.curves(
    reliability,
    title="The same order at three scales: only one keeps its promises",
    x="predicted probability that a wins",
    y="share of votes for a",
    alt="With the fitted factor the points lie near the diagonal; at a quarter of it "
    "they rise too steeply (too modest), at four times it too flat (too sure).",
)

# %% id="07-ece-claim" tags=["nbval-check-output"]
sure = torch.sigmoid(4 * best_k * margin_judge)
claim("our sum is the course's function",
      abs(ece[4] - expected_calibration_error(sure, y_judge)) < 1e-6)  # fmt: skip
louder = preference_accuracy(4 * chosen, 4 * rejected)
claim("four times the scale, exactly the same accuracy", louder == right_model)
claim("at the fitted scale the calibration error is below 0.08", ece[1] < 0.08,
      ece=ece[1])  # fmt: skip
claim("too sure or too modest at least doubles it",
      min(ece[4], ece[0.25]) > 2 * ece[1], sure=ece[4], modest=ece[0.25])  # fmt: skip

# %% [markdown] id="07-length-text"
# ## Length: measured, and corrected
#
# Policies that learn from reward models are known to write ever longer texts, because
# many reward models like length for itself
# ([Singhal and others, 2023](https://arxiv.org/abs/2310.03716)). Does ours? The plain
# correlation of score and length does not say: perhaps people like longer texts, too,
# and the model is right to. The question is: *of two texts that people rate alike*,
# does the longer one get more?
#
# That is the [**partial correlation**](../GLOSSARY.md#reward). Take out of the score,
# and out of the length, what a straight line in people's ratings explains; correlate
# what is left.


# %% id="07-partial"


def left_over(y, x):
    """What is left of y when a straight line in x is taken out."""
    y, x = y - y.mean(), x - x.mean()
    return y - (x @ y) / (x @ x) * x


def liking(s, lengths, rated):
    """Partial correlation of score and length, given people's ratings."""
    return pearson(left_over(s, rated), left_over(lengths, rated))


# %% id="07-length"
from course.reward.rules import length_score

# Words of each text, its mean rating: to fit a correction, and to judge it.
fit_side = length_score(valid["text"][:]), valid_people
judge_side = length_score(texts), people
for name, s, side in (("validation", valid_scores, fit_side),
                      ("test", scores, judge_side)):  # fmt: skip
    print(f"{name:<11} length and score {pearson(s, side[0]):+.3f}, length and people "
          f"{pearson(*side):+.3f}, partial {liking(s, *side):+.3f}")  # fmt: skip

# %% id="07-length-own" tags=["nbval-check-output"]
noise = 2 / len(texts) ** 0.5
claim("no liking for length beyond 1.5 times what chance reaches",
      abs(liking(scores, *judge_side)) < 1.5 * noise, chance=noise)  # fmt: skip

# %% [markdown] id="07-planted-text"
# Would we see one? We plant it: a model that adds 0.3 standard deviations for each
# standard deviation of length. Then we correct it with *one* number, the slope of the
# left-over score on the left-over length, fitted on the validation texts.

# %% id="07-length-claim" tags=["nbval-check-output"]
planted_fit, planted = (
    standardise(s) + 0.3 * standardise(side[0])
    for s, side in ((valid_scores, fit_side), (scores, judge_side))
)
long_fit, score_fit = (left_over(x, valid_people) for x in (fit_side[0], planted_fit))
per_word = (long_fit @ score_fit) / (long_fit @ long_fit)
corrected = planted - per_word * (judge_side[0] - judge_side[0].mean())
seen_before, seen_after = (liking(s, *judge_side) for s in (planted, corrected))
claim("the planted liking for length is seen", seen_before > 0.2, partial=seen_before)
claim("one number, fitted on other texts, takes more than half of it away",
      abs(seen_after) < seen_before / 2, partial=seen_after)  # fmt: skip
apart_by = liking(scores, *judge_side) - liking(valid_scores, *fit_side)
claim("what is left is about how far test and validation differed before",
      abs(seen_after - apart_by) < 0.03, difference=apart_by)  # fmt: skip

# %% [markdown] id="07-length-after"
# Our own model shows no liking for length that chance could not show. Where one is
# really there, it is seen and mostly taken away, here even a little too much: what is
# left has the other sign. It is about how far our own model differed on the two sets of
# texts before: a slope fitted on one set cannot know the other's. And the correction
# mends what it measures, on texts that people wrote. A policy will offer texts that
# nobody wrote: that is where length is abused.
#
# ## A zero that means something
#
# Regression taught the model ratings; choices would have left its zero open. For
# the policy we choose the zero ourselves: a score of 0 shall be what the *language
# model's own texts* earn on average, and 1 one standard deviation above. The recipe did
# that with 512 samples, by setting `gain` and `bias` of the model. Fresh samples
# should land close to it.

# %% id="07-zero"
from course.lm.sampling import write
from course.recipes import openings

prompts = openings(texts, settings["opening_words"])[:128]
written = write(language, tokenizer, prompts, max_new_tokens=32, generator=generator(1))
own = score([x + y for x, y in zip(prompts, written, strict=True)])
print(f"128 fresh samples: mean {own.mean():+.2f}, std {own.std(correction=0):.2f}")
for n in (own.argmax(), own.argmin()):
    print(f"{own[n]:+.2f}: {prompts[n]}|{written[n][:76]}")

# %% id="07-zero-figure"
_, axes = plt.subplots()
bins = torch.linspace(-3, 3, 19).tolist()
looks = {"bins": bins, "density": True, "alpha": 0.5}
axes.hist(scores.tolist(), label="test texts, written by people", **looks)
axes.hist(own.tolist(), label="texts of the language model", hatch="//", **looks)
axes.set_ylim(0, 0.6)
axes.axvline(0, color=plots.COLOURS[6], linestyle="--", linewidth=1)
plots.finish(
    axes,
    "The zero is the language model's average text",
    "score",
    "share of texts per unit of score",
    alt="Two overlapping histograms of scores. The language model's texts, hatched, "
    "lie around 0, the dashed line; those of people reach further to both sides.",
)

# %% id="07-zero-claim" tags=["nbval-check-output"]
z = standardise(own)
claim("standardised on samples, their mean is 0", abs(z.mean()) < 1e-5)
claim("and their standard deviation 1", abs(z.std(correction=0) - 1) < 1e-4)
claim("standardising keeps the order", torch.equal(z.argsort(), own.argsort()))
claim("fresh samples are within 0.5 of the recipe's 0 and 1",
      abs(own.mean()) < 0.5 and abs(own.std() - 1) < 0.5)  # fmt: skip

# %% [markdown] id="07-large-text"
# ## What is missing: size and reading
#
# Our model has read every training text, with the mean of its ratings, twice. The
# language model under it had read these same texts and no others. SmolLM2 of
# [chapter 02](02_transformer.ipynb) read two trillion tokens
# ([Allal and others, 2025](https://arxiv.org/abs/2502.02737)).
#
# So we reverse the budget: a fraction of the texts, 800 of the short ones, and
# a trunk of 135 million weights, **frozen**. Every text becomes one vector, the state
# at its last token. On these vectors we fit a line, by **ridge regression**, which has
# a closed form: with the vectors as rows of $X$, each column brought to mean 0 and
# standard deviation 1, and the ratings $m$ centred,
#
# $$ w = (X^\top X + \lambda I)^{-1} X^\top m. $$
#
# Two things are open: after which of its 30 blocks we read the state, and the penalty
# $\lambda$. Both are *chosen*, so they must not be chosen on the texts that judge: we
# fit on 600 of the 800, choose on the other 200, then fit the winner on all 800.
#
# **Predict first.** After which block does the state know most about praise and
# blame: 8, 12, 16 or 20?
#
# <details><summary>Answer</summary>
#
# After 16 and 20, which are level on the 200 texts that choose; 8 is far
# behind. The cell takes the better of the two, which may be luck.
#
# </details>

# %% id="07-large"
from course.lm.pretrained import load_pretrained

large, its_tokenizer = load_pretrained()
large.blocks = large.blocks[:20]  # of 30
draws = generator(0)  # seeds tried: 0, 1, 2
known = torch.randperm(len(pool), generator=draws)[:800].tolist()
judged = torch.randperm(len(short_test), generator=draws)[:400].tolist()
ask = [pool[n]["text"] for n in known] + [short_texts[n] for n in judged]
token_lists = its_tokenizer(ask)["input_ids"]
states = {}
for depth in (8, 12, 16, 20):
    large.blocks[depth - 1].register_forward_hook(
        lambda block, given, out, depth=depth: states.update({depth: out})
    )

# %% id="07-large-states"
vectors = {
    depth: torch.zeros(len(ask), large.config.width) for depth in (8, 12, 16, 20)
}
by_length = sorted(range(len(ask)), key=lambda n: len(token_lists[n]))  # less padding
for start in range(0, len(ask), 32):
    batch = by_length[start : start + 32]
    ids, mask = pad_batch([token_lists[n] for n in batch], its_tokenizer.pad_token_id)
    with torch.no_grad():
        large.hidden(ids, mask)  # the hooks keep the states
        for depth, state in states.items():
            last_state = state[torch.arange(len(batch)), mask.sum(1) - 1]
            vectors[depth][batch] = large.norm(last_state)
print(
    f"{len(ask)} texts of {sum(map(len, token_lists)) / len(ask):.0f} tokens on average"
)


# %% [markdown] id="07-ridge-text"
# Twelve candidates, four blocks and three penalties, on the 200 texts that choose:


# %% id="07-ridge"
def ridge(X, m, penalty):
    """A function from vectors to scores, fitted to ratings m."""
    mean, std = X.mean(0), X.std(0)
    Z = ((X - mean) / std).double()
    identity = torch.eye(Z.shape[1], dtype=torch.float64)
    w = torch.linalg.solve(Z.T @ Z + penalty * identity, Z.T @ (m - m.mean()).double())
    return lambda new: (((new - mean) / std).double() @ w).float()


known_ratings = torch.tensor([pool[n]["mean"] for n in known])
on_trial = {}  # r on the 200 texts that choose
for depth, X in vectors.items():
    for penalty in (100.0, 1000.0, 10000.0):
        line = ridge(X[:600], known_ratings[:600], penalty)
        on_trial[depth, penalty] = pearson(line(X[600:800]), known_ratings[600:])
    row = " ".join(f"{on_trial[depth, p]:.3f}" for p in (100.0, 1000.0, 10000.0))
    print(f"block {depth:>2}: r = {row}   (penalty 100, 1,000, 10,000)")

# %% [markdown] id="07-large-judges-text"
# The chosen one meets 400 test texts, beside our own model and a control.

# %% id="07-large-judges"
best_depth, best_penalty = max(on_trial, key=on_trial.get)
print(f"chosen: block {best_depth}, penalty {best_penalty:,.0f}")
X_known, X_judged = vectors[best_depth][:800], vectors[best_depth][800:]
exchanged = known_ratings[torch.randperm(800, generator=generator(3))]
liked = short_people[judged]
up, down = (liked[:, None] > liked + 0.5).nonzero().T
judges = {
    "shuffled ratings (control)": ridge(X_known, exchanged, best_penalty)(X_judged),
    f"ours, {len(train):,} texts": score([short_texts[n] for n in judged]),
    "SmolLM2, 800 texts": ridge(X_known, known_ratings, best_penalty)(X_judged),
}
accuracies = {name: preference_accuracy(s[up], s[down]) for name, s in judges.items()}

# %% id="07-large-figure"
plots.ladder(
    accuracies,
    title="A larger model that has read more, with a tenth of the texts",
    x="pairs right, of 400 short test texts",
    alt="Three bars: the control near one half, our model at about three quarters, "
    "SmolLM2 with a line on top clearly above it.",
)

# %% id="07-large-claim" tags=["nbval-check-output"]
random_right, ours_right, theirs_right = accuracies.values()
claim("800 texts on SmolLM2's vectors: over 0.78 of the pairs right",
      theirs_right > 0.78, accuracy=theirs_right)  # fmt: skip
claim("that is at least 2 points more than our model has from all texts",
      theirs_right > ours_right + 0.02, ours=ours_right)  # fmt: skip
claim("control: with shuffled ratings the same vectors are 20 points worse",
      random_right < theirs_right - 0.2, accuracy=random_right)  # fmt: skip

# %% [markdown] id="07-play-text"
# Why then do the next chapters not train on it? Their reward model scores
# thousands of texts that a policy has just written, and it is over sixty times
# smaller.
#
# ## Play: the reward microscope
#
# What does the model react to? Read the score after each token. The head was
# trained on whole texts, so each point is the score of a text that ends there. First
# the picture, by code: two lines of the reward after each token, with the same
# numbers as a table above. **Predict first:** where does "this is not a charming film"
# end, above or below zero?

# %% id="07-play-static"
from course.widgets import show_reward

show_reward(score, tokenizer, "a charming film , but far too long .",
            "this is not a charming film .")  # fmt: skip

# %% id="07-not" tags=["nbval-check-output"]
praise = score(["a charming film .", "a film ."])
denied = score(["this is not a charming film .", "this is not a film ."])
claim("'charming' lifts a plain sentence", praise[0] > praise[1] + 0.5,
      by=praise[0] - praise[1])  # fmt: skip
claim("it lifts the denied sentence too", denied[0] > denied[1] + 0.5,
      by=denied[0] - denied[1])  # fmt: skip

# %% [markdown] id="07-play-question"
# That is the most instructive failure of the chapter. To be *not* charming is
# no praise, and yet the word earns its bonus behind a "not" as well. The "not"
# costs something of its own, before anything follows it. Here the model adds up
# words more than it reads.
#
# Then edit in the panel. What does it take to make a "not" count? Does a second "very"
# help? What does the full stop do? Without the panel, one line does the same:
# `show_reward(score, tokenizer, "your text")`.
#
# Last, question 7.6: write your order of the five texts in place of `None`.
# `hint(question)` and `solution(question)` help.

# %% id="07-play" tags=["widget"]
from course.widgets import reward_microscope

reward_microscope(score, tokenizer, "a charming film , but far too long .")

# %% id="07-question"
from course import check, hint, solution  # noqa: F401
from course.widgets.exercises import order_question

five = [
    "a charming film .",
    "this is not a charming film .",
    "a film .",
    "a very very charming film .",
    "a dull , endless film .",
]
question = order_question(five, score)
print(question)
answer = check(None, question)  # your order in place of None

# %% [markdown] id="07-limits"
# ## What was shown, and what was not
#
# A scalar head on the language model, trained on mean ratings, orders new review
# sentences much better than a word list and clearly worse than one person does. Its
# score does not move with padding, neighbours or what follows the end. Only differences
# of scores can be probabilities, and only at the right scale.
#
# **Limits.** One model, one kind of text: sentences about movies, in English. The
# reward model is one seed: four that were tried while this page was written reached
# 0.62 to 0.65 on the test texts, so its claim says 0.6 and no more. "Liked" means
# *rated positive*. The short runs are small: they do not say which
# loss is best. All test texts were written by people, and a policy
# will find texts that were not.
#
# ## Test yourself
#
# 1. Why is the score read at the last token, and how do you find it?
# 2. Which constants can you add to scores without changing the pairwise loss?
# 3. Which pairs move the scores most during pairwise training?
# 4. A reward model has 75 % pair accuracy. Which two numbers do you want beside it?
# 5. When is a reward model accurate and badly calibrated at the same time?
# 6. Why do shuffled ratings belong in this chapter?
# 7. Somebody reports r = 0.3 with 500 texts and r = 0.5 with 2,000. What do you ask?
#
# <details><summary>Answers</summary>
#
# 1. Only its state has read everything. The mask says where it is: the largest position
#    that is true, never simply the last column.
# 2. One for all scores; with prompts, one for each prompt.
# 3. Those that are the wrong way round: the pull is $1 - P$.
# 4. How far the ratings of its pairs are apart, and what a person or a word list
#    reaches on the same pairs.
# 5. When the order is right and the scale is not: multiply all scores by 4.
# 6. A model of the same size on the same texts, with nothing to learn: what it reaches
#    is what a mistake in the evaluation would give away for nothing.
# 7. How many updates each of them made.
#
# </details>
#
# ## Further reading
#
# - R. A. Bradley and M. E. Terry, *Rank Analysis of Incomplete Block Designs*, 1952,
#   [doi:10.2307/2334029](https://doi.org/10.2307/2334029): the model of choices.
# - P. Christiano and others, *Deep Reinforcement Learning from Human Preferences*,
#   2017, [arXiv:1706.03741](https://arxiv.org/abs/1706.03741): a reward model from
#   choices, for a policy.
# - N. Stiennon and others, *Learning to summarize from human feedback*, 2020,
#   [arXiv:2009.01325](https://arxiv.org/abs/2009.01325): the scalar head on a language
#   model, and over-optimisation.
# - P. McCullagh, *Regression Models for Ordinal Data*, 1980,
#   [doi:10.1111/j.2517-6161.1980.tb01109.x](https://doi.org/10.1111/j.2517-6161.1980.tb01109.x):
#   the cut points.
# - C. Guo and others, *On Calibration of Modern Neural Networks*, 2017,
#   [arXiv:1706.04599](https://arxiv.org/abs/1706.04599): reliability, ECE, and the one
#   factor that mends much.
# - P. Singhal and others, *A Long Way to Go*, 2023,
#   [arXiv:2310.03716](https://arxiv.org/abs/2310.03716): length.
#
# **Next:** the [exercises](../exercises/07_reward_model.ipynb); then
# [chapter 08](08_best_of_n.ipynb), the simplest use of a reward model: write several
# texts and keep the one that it likes best.
