# %% [markdown] id="13-title"
# # 13 · Instant feedback
#
# Until now the reward was there before the policy began. Here a person sits in the
# loop: the policy writes, you choose, the reward changes at once, and the policy moves
# in seconds.
#
# When you have read it you can:
#
# - turn votes into a belief, with its uncertainty, by a few Newton steps;
# - choose the pair whose answer teaches most, and say when choosing wins
#   little;
# - move a policy by votes that arrive one by one, on one page;
# - rebuild head and policy from the log of votes, bit for bit, and so undo;
# - say what sixty votes can teach, and what they cannot.

# %% [markdown] id="13-idea-text"
# ## What a few votes can learn
#
# A vote is one bit. Sixty of them will not train two million weights. So the votes
# train a *head* of eight numbers, on top of a trunk that has learned before: that of
# the [reward model](07_reward_model.ipynb). Each text becomes the trunk's state at its
# end token, and of all directions of that space we keep the eight in which the writer's
# texts vary most ([principal directions](../GLOSSARY.md#reward)), each scaled to
# variance 1.
#
# **Predict first.** A linear function of these eight numbers is fitted to the reward
# model's own score (**gold**). What is its correlation with gold? And what, if the
# eight directions come from the *language model's* states?
#
# <details><summary>Answer</summary>
#
# Nearly 1: gold is itself linear in these states, and its direction lies almost
# within the eight widest. The trunk grew from the language model, whose own
# eight directions hold little of that.
#
# </details>

# %% id="13-features"
import torch

from course import checkpoints, claim, plots
from course.data import reviews
from course.lm.sampling import write
from course.recipes import openings
from course.reward.feedback import end_states, principal_directions
from course.reward.metrics import pearson
from course.reward.model import RewardModel, score_texts
from course.runtime import generator
from course.score import whole_texts

writer = checkpoints.load("language-model").model
trained = checkpoints.load("reward-model")
judge, tokenizer = trained.model, trained.tokenizer

# %% id="13-pool"
prompts = openings(reviews.texts("movies", "train"), 2)
asked = [prompt for prompt in prompts[:128] for _ in range(6)]
options = {"max_new_tokens": 32, "generator": generator(0)}
pool = whole_texts(asked, write(writer, tokenizer, asked, **options))
gold = score_texts(judge, tokenizer, pool).double()
plain = RewardModel(writer)  # its head is not used
states = {
    "reward model": end_states(judge, tokenizer, pool),
    "language model": end_states(plain, tokenizer, pool),
}
x = {name: principal_directions(s, 8)(s) for name, s in states.items()}
print(len(pool), "texts,", x["reward model"].shape[1], "features each")


# %% id="13-linear" tags=["nbval-check-output"]
def linear_r(features):
    """Correlation of gold with the best linear function of the features."""
    ones = torch.ones(len(features), 1, dtype=torch.float64)
    columns = torch.cat((features, ones), 1)
    fitted = torch.linalg.lstsq(columns, gold[:, None]).solution
    return pearson((columns @ fitted)[:, 0], gold)


reached = {name: linear_r(features) for name, features in x.items()}
claim("eight directions of the reward model's trunk hold gold: r above .95",
      reached["reward model"] > 0.95, r=reached["reward model"])  # fmt: skip
claim("eight of the language model's do not: r below .35",
      reached["language model"] < 0.35, r=reached["language model"])  # fmt: skip

# %% [markdown] id="13-honest"
# Be clear about what this means. The trunk has already learned the ratings. The votes
# below find *a direction* among eight that are there; they do not teach taste to a
# model that has none. Somebody whose taste the trunk does not hold will be served
# worse, and we shall measure how much.
#
# ## From votes to a belief
#
# The model is that of Bradley and Terry ([chapter 06](06_human_feedback.ipynb)) with a
# linear score: $P(a \text{ over } b) = \sigma(w \cdot (x_a - x_b))$. Before any vote we
# believe $w \sim N(0, I)$. After some votes the posterior is no longer normal, but it
# has one peak, and we treat it as normal around it: take the peak as mean and the
# inverse curvature as covariance. That is the **Laplace approximation**. The peak is
# found by Newton's steps, and each step is halved until it does not make things worse:

# %% id="13-laplace"
from torch.nn.functional import softplus


def posterior_of(D, y):
    """Mean and covariance of w.  D: (votes, d), x_a - x_b.  y: (votes,), 1 for a."""
    eye, w = torch.eye(D.shape[1]).double(), torch.zeros(D.shape[1]).double()

    def height(w):
        return (y * (D @ w) - softplus(D @ w)).sum() - w @ w / 2

    for _ in range(50):
        p = (D @ w).sigmoid()
        curvature = eye + D.T @ ((p * (1 - p))[:, None] * D)
        step = torch.linalg.solve(curvature, D.T @ (y - p) - w)
        while height(w + step) < height(w) and step.abs().max() > 1e-9:
            step = step / 2
        w = w + step
    p = (D @ w).sigmoid()
    return w, torch.linalg.inv(eye + D.T @ ((p * (1 - p))[:, None] * D))


# %% id="13-laplace-claim" tags=["nbval-check-output"]
from time import process_time

from course.reward.feedback import laplace_update

pairs = torch.randint(len(pool), (60, 2), generator=generator(1))
D = x["reward model"][pairs[:, 0]] - x["reward model"][pairs[:, 1]]
y = (gold[pairs[:, 0]] > gold[pairs[:, 1]]).double()
ours, course_s = posterior_of(D, y), laplace_update(D, y)
apart = max(float((a - b).abs().max()) for a, b in zip(ours, course_s, strict=True))
claim("the course's function finds the same belief", apart < 1e-6)
times = []
for _ in range(20):
    began = process_time()
    laplace_update(D, y)
    times.append(process_time() - began)
claim("a refit of 60 votes takes under 50 ms, the fastest of 20", min(times) < 0.05)

# %% [markdown] id="13-crowds-text"
# ## Scripted crowds
#
# A course has to run without a person, so here are crowds. Each has a score of its own,
# and clicks a with probability σ(score of a − score of b):
#
# - **gold**: the reward model's score, with the noise of that σ; the easiest
#   crowd, for its taste is linear in the trunk's states;
# - [**lexicon**](../GLOSSARY.md#reward): adds up the valence of known words ([chapter
#   05](05_rewards_by_rule.ipynb)), scaled: a mind of another kind;
# - **short**: likes short texts;
# - **coin** and **reversed** (gold's opposite): the two controls, judged by gold.
#
# Ask 30 and 60 votes on one half of the pool, then let the head choose the best
# of each six texts of the other half, and see what *the crowd itself* gains
# over a random pick, as a share of what it would gain if it chose for itself.
# Two rules choose the pair: at random, or, of 40, the one whose margin
# $w \cdot (x_a - x_b)$ has the largest variance times $p(1 - p)$, with $p$ the
# chance of a click on a.

# %% id="13-crowds"
from course.reward.feedback import answer, choose_pair
from course.reward.model import standardise
from course.reward.rules import lexicon_score

X = x["reward model"]
lengths = torch.tensor([float(len(text.split())) for text in pool]).double()
valence = standardise(lexicon_score(pool).double())
crowds = {"gold": standardise(gold), "lexicon": 2 * valence}
crowds["short"] = -2 * standardise(lengths)
crowds |= {"coin": crowds["gold"], "reversed": -crowds["gold"]}
HALF = len(pool) // 2


# %% id="13-crowds-b"
def taught(score, features, marks, chosen, seed, noise=1.0):
    """The belief after each of so many votes on the first half of the pool."""
    draws, D, y = generator(seed), torch.zeros(0, features.shape[1]).double(), []
    beliefs = [laplace_update(D, torch.zeros(0))]
    for _ in range(max(marks)):
        some = torch.randint(HALF, (40, 2), generator=draws)
        differences = features[some[:, 0]] - features[some[:, 1]]
        row = choose_pair(*beliefs[-1], differences) if chosen else 0
        a, b = some[row].tolist()
        y.append(float(answer((score[a] - score[b])[None], draws, noise)[0] == "a"))
        D = torch.cat((D, differences[row][None]))
        beliefs.append(laplace_update(D, torch.tensor(y)))
    return [beliefs[votes] for votes in marks]


# %% id="13-gain"
def gain(score, belief, features):
    """What the head's best of six wins, as a share of what the crowd's own wins."""
    six = score[HALF:].view(-1, 6)
    kept = (features[HALF:] @ belief.mean).view(-1, 6).argmax(1, keepdim=True)
    won = six.gather(1, kept).mean() - six.mean()
    return float(won / (six.amax(1).mean() - six.mean()))


SEEDS = range(6)
table = {}
print(f"{'crowd':<9} {'pairs':<7} 30 votes  60 votes  (mean of 6 seeds, share)")

# %% id="13-gain-b"
for name, score in crowds.items():
    noise = float("inf") if name == "coin" else 1.0
    own = crowds["gold"] if name == "reversed" else score  # controls: gold judges
    for rule in ("random", "chosen"):
        heads = [taught(score, X, (30, 60), rule == "chosen", s, noise) for s in SEEDS]
        for votes, some in zip((30, 60), zip(*heads, strict=True), strict=True):
            shares = [gain(own, head, X) for head in some]
            table[name, rule, votes] = sum(shares) / len(shares)
        print(f"{name:<9} {rule:<7} {table[name, rule, 30]:+8.2f}  "
              f"{table[name, rule, 60]:+8.2f}")  # fmt: skip

# %% id="13-crowds-claim" tags=["nbval-check-output"]
# seeds tried: 0 to 5, of pairs and answers
claim("the crowd of the trunk's own taste: 30 votes give over half of its ceiling",
      table["gold", "chosen", 30] > 0.5, share=table["gold", "chosen", 30])  # fmt: skip
by_coin = max(table["coin", rule, 60] for rule in ("random", "chosen"))
claim("a coin wins nothing: under .3 by either rule", by_coin < 0.3, most=by_coin)
claim("reversed votes lose: below −.2", table["reversed", "chosen", 60] < -0.2,
      share=table["reversed", "chosen", 60])  # fmt: skip
other = table["lexicon", "chosen", 60]
claim("a crowd of another mind gets less of its ceiling than that",
      other < table["gold", "chosen", 60], lexicon=other)  # fmt: skip

# %% [markdown] id="13-length-text"
# The crowd that likes short texts gets about half of its ceiling, the lexicon's less
# than a fifth. Is it because length is not among the eight directions? Give the head a
# ninth feature, the number of words:

# %% id="13-length" tags=["nbval-check-output"]
nine = torch.cat((X, standardise(lengths)[:, None]), 1)
with_length, without = (
    sum(gain(crowds["short"], *taught(crowds["short"], f, [30], True, s), f)
        for s in SEEDS) / len(SEEDS)
    for f in (nine, X)
)  # fmt: skip
claim("with length as a feature 30 votes give over half of the ceiling",
      with_length > 0.5, share=with_length)  # fmt: skip
claim("without it, less by over .3", without < with_length - 0.3, share=without)

# %% [markdown] id="13-choice-after"
# So the question to ask first is not how many votes you can get but whether
# your features can say what the voter wants. Choosing the pair won about .2 for
# gold at 30 votes and less than .1 at 60, .1 or a little more for the lover of
# short texts at both, and .05 at most for the lexicon, all in means of six
# seeds. (The coin's heads are random directions. Each number is the mean of
# six; for chosen pairs a figure below shows how far they lie apart.)
#
# ## The loop, on one page
#
# Now the policy moves too. Every round it writes six texts for each of ten openings; of
# each six one pair is shown and voted on. No update before 20 votes: heads that have
# seen ten differ much from seed to seed (the figure below shows how much). Then, after
# every ten votes, eight RLOO steps ([chapter 11](11_grpo.ipynb)) towards the head's
# taste, with a KL leash.

# %% id="13-loop"
from copy import deepcopy

from course.policy.grpo import rloo_step
from course.policy.rollout import collect

directions = principal_directions(states["reward model"], 8)


def features(texts):
    return directions(end_states(judge, tokenizer, texts))


def row_of(a, b):
    """x_a - x_b, (1, 8), read by itself: so it is the same in every replay."""
    x_a, x_b = features([a, b])
    return (x_a - x_b)[None]


# %% id="13-loop-b"
def update(policy, optimizer, w, draws):
    """Eight RLOO steps with the head as reward."""

    def score(prompts, completions):
        return (features(whole_texts(prompts, completions)) @ w).float()

    for _ in range(8):
        rows = torch.randint(len(prompts), (8,), generator=draws).tolist()
        four = [prompts[row] for row in rows for _ in range(4)]
        rollout = collect(policy, writer, tokenizer, four, score,
                          max_new_tokens=32, generator=draws)  # fmt: skip
        rloo_step(policy, optimizer, rollout, group_size=4, beta=0.05, generator=draws)


# %% id="13-round"
def voted_round(policy, belief, click, seed):
    """Ten votes on what the policy writes now: (text a, text b, choice)."""
    draws, log = generator(seed), []
    rows = torch.randint(len(prompts), (10,), generator=draws).tolist()
    six = [prompts[row] for row in rows for _ in range(6)]
    written = write(policy, tokenizer, six, max_new_tokens=32, generator=draws)
    texts = whole_texts(six, written)
    i, j = torch.triu_indices(6, 6, 1)
    for start in range(0, 60, 6):
        f = features(texts[start : start + 6])
        row = choose_pair(*belief, f[i] - f[j])
        a, b = texts[start + int(i[row])], texts[start + int(j[row])]
        log.append((a, b, click(a, b, draws)))
    return log


# %% id="13-live"
def live(click, votes, seed):
    """The whole loop; returns the policy, the log and the belief."""
    policy, log = deepcopy(writer), []
    optimizer = torch.optim.AdamW(policy.parameters(), lr=5e-4, weight_decay=0.0)
    D, y = torch.zeros(0, 8).double(), torch.zeros(0)
    belief = laplace_update(D, y)
    while len(log) < votes:
        for a, b, choice in voted_round(policy, belief, click, 100 * seed + len(log)):
            log.append((a, b, choice))
            D = torch.cat((D, row_of(a, b)))
            y = torch.cat((y, torch.tensor([float(choice == "a")])))
        belief = laplace_update(D, y)
        if len(log) >= 20:
            draws = generator(1000 * seed + len(log))
            update(policy, optimizer, belief.mean, draws)
    return policy, log, belief


# %% [markdown] id="13-run-text"
# Three seeds of the crowd **gold**, and as many of the control, a **coin**. Seed 0 of
# gold runs here; the five others are checkpoints, whose recipe does what this page
# does. The policies are judged on openings that no vote saw: by gold, and by the
# outside judge **words** of [chapter 14](14_reward_hacking.ipynb), a ridge regression
# that shares no weight with the trunk.
#
# **Predict first.** The coin's votes say nothing. Will its policies stay where they
# were?
#
# <details><summary>Answer</summary>
#
# No. A head fitted to coin throws is a random direction, and the policy climbs it: its
# KL grows. By gold it gains or loses whatever that direction happens to hold of gold.
# KL is no sign of learning.
#
# </details>


# %% id="13-run"
def by_gold(a, b, draws):
    margin = score_texts(judge, tokenizer, [a, b]).double()
    return answer((margin[0] - margin[1])[None], draws)[0]


policy, votes_log, head = live(by_gold, 50, seed=0)
policies = {"gold 0": policy}
for name in ("gold-1", "gold-2", "coin-0", "coin-1", "coin-2"):
    stored = checkpoints.load(f"voted-{name}")
    policies[name.replace("-", " ")] = stored.model
print(len(votes_log), "votes here,", len(stored.history.rows), "in each stored run")

# %% id="13-judge"
from course.policy.kl import kl_seq

words = checkpoints.load("judge-words").model
fresh = openings(reviews.texts("movies", "validation"), 2)[:128]


def judged(policy):
    """Gold, words and KL of what the policy writes on fresh openings."""
    seen = collect(policy, writer, tokenizer, fresh, lambda p, c: [0.0] * len(p),
                   max_new_tokens=32, generator=generator(9))  # fmt: skip
    texts = whole_texts(seen.prompts, seen.completions)
    kl = kl_seq(seen.old_logprobs, seen.ref_logprobs, seen.completion_mask)
    by_judge = score_texts(judge, tokenizer, texts)
    return float(by_judge.mean()), float(words(texts).mean()), float(kl)


before = judged(writer)
after = {name: judged(policy) for name, policy in policies.items()}
print(f"{'':<8}  gold  words    KL")
print(f"{'start':<8} {before[0]:+.2f}  {before[1]:+.2f}  {before[2]:5.1f}")

# %% id="13-judge-b"
for name, row in after.items():
    print(f"{name:<8} {row[0]:+.2f}  {row[1]:+.2f}  {row[2]:5.1f}")

# %% id="13-run-claim" tags=["nbval-check-output"]
# seeds tried: 0, 1, 2 of each crowd
gold_rows, coin_rows = (
    [after[f"{crowd} {seed}"] for seed in range(3)] for crowd in ("gold", "coin")
)
golds, coins = ([row[0] - before[0] for row in r] for r in (gold_rows, coin_rows))
claim("50 votes move the policy up by gold, 3 of 3", min(golds) > 0, least=min(golds))
claim("and by over .5 on the mean", sum(golds) / 3 > 0.5, mean=sum(golds) / 3)
outside = sum(row[1] - before[1] for row in gold_rows) / 3
claim("the outside judge sees it rise too, by over .3 on the mean", outside > 0.3,
      mean=outside)  # fmt: skip

# %% id="13-coin-claim" tags=["nbval-check-output"]
behind = sum(golds) / 3 - sum(coins) / 3
claim("coins win less than gold, by over .3 on the mean", behind > 0.3, by=behind)
nats = min(row[2] for row in coin_rows)
claim("and yet each of their policies moved by over a nat", nats > 1, least=nats)

# %% [markdown] id="13-run-after"
# In our runs two coins won by gold, about .6 and .3, and one lost; the golds
# won about .6 to 1. With runs 0 alone, crowd and control would have looked
# alike. The means, about .9 and .25, differ, but three runs are few.

# %% [markdown] id="13-signature-text"
# The signature figure: what the head's best of six wins while votes arrive, for six
# seeds each of the crowd gold and of the coin; a line for the mean, a band from the
# lowest to the highest. At 0 votes the head is 0 everywhere, and the first text is
# kept. Look at the coin's band: a single run of a coin can look like success. So one
# run shows little, and so does one run of a control: take several of both.

# %% id="13-signature"
import matplotlib.pyplot as plt

marks = (0, 5, 10, 20, 30, 45, 60)
by_votes = {}
for name, noise in (("gold", 1.0), ("coin", float("inf"))):
    heads = [taught(crowds[name], X, marks, True, s, noise) for s in SEEDS]
    shares = [[gain(crowds["gold"], head, X) for head in line] for line in heads]
    by_votes[name] = torch.tensor(shares)  # (seeds, marks)

# %% id="13-signature-figure"
_, axes = plt.subplots()
for (name, shares), style in zip(by_votes.items(), ("o-", "s--"), strict=True):
    axes.fill_between(marks, shares.amin(0), shares.amax(0), alpha=0.2)
    axes.plot(marks, shares.mean(0), style, label=f"crowd {name}, mean of 6 seeds")
axes.axhline(1, color="black", linewidth=1, linestyle=":", label="gold picks itself")
title = "Thirty votes serve the gold crowd; a coin's heads scatter around nothing"
alt = """Share of the ceiling over the number of votes. The line of the gold crowd rises
towards 1 with a narrowing band; that of the coin stays near 0 in a wide band."""
plots.finish(axes, title, "votes", "best of six, share of the ceiling", alt)

# %% [markdown] id="13-replay-text"
# ## Undo is replay
#
# Everything above follows from the log and the seeds. So whoever has both can
# rebuild the policy, and undoing the last vote is easy: drop it, and replay.
# That is only true if *nothing else* enters, such as a draw from a global
# generator. Even rounding counts: a text's state can differ in its last bits
# when other texts share its batch, so `row_of` reads every vote by itself, live
# and in the replay.


# %% id="13-replay"
def replay(log, seed):
    """Head and policy from a log alone."""
    policy = deepcopy(writer)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=5e-4, weight_decay=0.0)
    D = torch.cat([row_of(a, b) for a, b, _ in log])
    y = torch.tensor([float(choice == "a") for _, _, choice in log])
    for n in range(10, len(log) + 1, 10):
        belief = laplace_update(D[:n], y[:n])
        if n >= 20:
            update(policy, optimizer, belief.mean, generator(1000 * seed + n))
    return policy, belief


# %% id="13-replay-claim" tags=["nbval-check-output"]
short_policy, short_log, short_belief = live(by_gold, 20, seed=5)
again, belief = replay(short_log, seed=5)
same_head = torch.equal(belief.mean, short_belief.mean)
claim("20 votes replayed give the same head, bit for bit", same_head)
pairs_of_weights = zip(short_policy.parameters(), again.parameters(), strict=True)
same_weights = all(torch.equal(a, b) for a, b in pairs_of_weights)
claim("and the same policy, every weight, bit for bit", same_weights)
moved = zip(writer.parameters(), again.parameters(), strict=True)
claim("which is no longer the writer", any(not torch.equal(a, b) for a, b in moved))

# %% [markdown] id="13-examined-text"
# ## A common description, examined: "it learns from every click"
#
# > "The model learns from each of your clicks."
#
# What would have to be true? After one click for a, the policy would have to prefer a
# to b more than before. Let the same log end in a or in b, update the writer once, and
# ask by how much the margin $\log p(a) - \log p(b)$ of that pair differs. Do so with
# three draws of the texts that the update writes.

# %% id="13-examined"
from course.reward.likelihood import completion_nats


def margin_of(policy, a, b):
    """log p(a) - log p(b) of two whole texts, nats."""
    nats, _ = completion_nats(policy, tokenizer, ["", ""], [a, b])
    return float(nats[0] - nats[1])


# %% id="13-examined-b"
def margins_after(n, seed):
    """The margin of the n-th pair when its vote was a, and when it was b."""
    log = votes_log[:n]
    D = torch.cat([row_of(a, b) for a, b, _ in log])
    y = torch.tensor([float(choice == "a") for _, _, choice in log])
    margins = []
    for last in (1.0, 0.0):
        y[-1] = last
        policy = deepcopy(writer)
        optimizer = torch.optim.AdamW(policy.parameters(), lr=5e-4, weight_decay=0.0)
        update(policy, optimizer, laplace_update(D, y).mean, generator(seed))
        margins.append(margin_of(policy, *log[-1][:2]))
    return margins


# %% id="13-examined-table"
begun = margin_of(writer, *votes_log[29][:2])
print(f"log p(a) - log p(b) of the 30th pair, before: {begun:+.1f} nats")
for seed in range(3):
    if_a, if_b = margins_after(30, seed)
    print(f"draw {seed}: {if_a:+.1f} when it was voted a, {if_b:+.1f} when b; "
          f"the vote's part {if_a - if_b:+.1f}")  # fmt: skip

# %% [markdown] id="13-examined-after"
# Read the vote's part in each line: one vote, three draws of the texts that the
# update writes. If a vote clearly reached its pair, its part would be positive
# in each draw. In our runs it was not, and the draws alone move the margin by
# nats. The vote reaches the policy through the head, and through texts that the
# policy writes *anew*; the two texts on the screen move along with everything
# else. "Learns from every click" is true of the head, which you see re-rank at
# once, unless you press *Tie*; for the two texts that you clicked on, the draws
# drown whatever one vote does.
#
# ## Another one, examined: "a reward for every token"
#
# > "Feedback during training tells the model, token by token, what was good."
#
# What would have to be true? Two tokens of one text would be pushed by different
# amounts. Here is the slope of the loss in each token's log-probability, for four
# texts of the kind that an update writes:

# %% id="13-token"
from course.policy.clipping import rloo_loss
from course.policy.groups import rloo_advantages

seen = collect(writer, writer, tokenizer, prompts[:1] * 4,
               lambda p, c: (features(whole_texts(p, c)) @ head.mean).float(),
               max_new_tokens=8, generator=generator(3))  # fmt: skip
logprobs, mask = seen.old_logprobs.clone().requires_grad_(), seen.completion_mask
A = rloo_advantages(seen.scores, 4)
rloo_loss(logprobs, seen.old_logprobs, A, mask, 0.2).backward()
pushes = [row[kept] for row, kept in zip(logprobs.grad, mask, strict=True)]
for text, push in zip(seen.completions, pushes, strict=True):
    print(f"{len(push)} tokens, slope {push.min():+.3f} to {push.max():+.3f}: {text}")

# %% id="13-token-claim" tags=["nbval-check-output"]
apart = max(float(push.max() - push.min()) for push in pushes)
claim("all tokens of a text are pushed alike", apart < 1e-6)

# %% [markdown] id="13-thumbs-text"
# A vote is about two whole texts, the head makes one number of each text, and
# all of its tokens share that number. Credit for single tokens needs more than
# a vote, such as the critic of [chapter 10](10_ppo.ipynb).
#
# ## Thumbs
#
# Many products ask for a thumb, not a choice. Thumbs up and down under one prompt make
# pairs; thumbs alone are what KTO learns from ([chapter 12](12_dpo.ipynb)).

# %% id="13-thumbs"
from course.reward.feedback import thumbs_to_pairs

thumbs = [
    ("The film", " is a delight.", True),
    ("The film", " drags on.", False),
    ("The film", " is a bore.", False),
    ("An hour", " too long.", False),
]
for prompt, chosen, rejected in thumbs_to_pairs(thumbs):
    print(f"{prompt!r}: {chosen!r} over {rejected!r}")

# %% [markdown] id="13-export-text"
# ## Your votes are yours
#
# Each vote is on disk, in one SQLite file, before anything else happens. It
# leaves as a `datasets` table with the columns that TRL's reward and DPO
# trainers read. Ties stay behind.

# %% id="13-export"
from tempfile import TemporaryDirectory

from course.reward.preferences import PreferenceStore

with TemporaryDirectory() as folder:
    store = PreferenceStore(f"{folder}/votes.sqlite")
    for a, b, choice in votes_log[:5]:
        (opening,) = openings([a], 2)
        rest = a.removeprefix(opening), b.removeprefix(opening)
        store.add(*rest, choice, prompt=opening)
    store.add(" as good", " as the other", "tie", prompt="One")
    exported = store.to_dataset()
    print(len(store), "votes;", exported.column_names, len(exported), "rows")
    print("prompt:  ", exported[0]["prompt"])
    print("chosen:  ", exported[0]["chosen"][:60])
    print("rejected:", exported[0]["rejected"][:60])

# %% [markdown] id="13-play-text"
# ## Play: you are the crowd
#
# First by script: a voter who always clicks what gold scores higher votes ten times,
# and then ten times more, which makes an update due. Those ten clicks and the update
# are timed.

# %% id="13-play-static"
from course import widgets
from course.recipes.feedback import VoteLoop

place = TemporaryDirectory()
loop = VoteLoop(writer, tokenizer, judge, directions, prompts[:64])
session = widgets.FeedbackSession(loop, PreferenceStore(f"{place.name}/votes.sqlite"))


def rule(a, b):
    better_a, better_b = score_texts(judge, tokenizer, [a, b]).tolist()
    return "a" if better_a > better_b else "b"


widgets.vote_by_rule(session, rule, 10)

# %% id="13-play-timed"
clicks = []
while not session.jobs:  # the first update is due after twenty votes
    session.new_texts()
    choice, began = rule(*session.pair), process_time()
    session.choose(choice)
    session.ranking()
    clicks.append(1000 * (process_time() - began))
earlier, began = session.curve[-1][1], process_time()
session.run_update()
updating = process_time() - began
session.new_texts()  # of the policy that has learned
print(f"processor time: {sorted(clicks)[len(clicks) // 2]:.0f} ms from a click to the "
      f"new ranking, {updating:.1f} s for an update")  # fmt: skip
print(f"the curve at 20 votes: {earlier:+.2f} before the update, "
      f"{session.curve[-1][1]:+.2f} after it")  # fmt: skip

# %% [markdown] id="13-play-read"
# The table shows six texts that the policy wrote after its update, as the head
# ranks them. The curve is the head's mean score of six texts for one opening,
# always written with the same draws: from vote to vote only the head changes, at
# a dotted line the policy does, and with it the texts. The point there is the
# one after the update; the line printed above has both. Compare only those two,
# and neither with the table, whose six texts are others: what a head that is
# still being fitted thinks of six fixed texts is no measure of anything.

# %% id="13-play-shown"
widgets.show_session(session)

# %% [markdown] id="13-play-after"
# Now you. Your votes go to the course's own file, and are there when you come back.
# Vote twenty times for what *you* like, and watch the ranking; after the twentieth vote
# the policy begins to move. Then try to teach it something the trunk does not hold,
# such as texts with a name in them.
#
# **Find out.** On a panel without votes press *Tie*, then *A is better*. How many of
# the six scores does each of the two clicks move, and what does *Undo* do to them?
#
# <details><summary>Answer</summary>
#
# The tie moves none: half a vote for each side pulls neither way. (It makes the head
# surer, so another pair is asked next.) *A is better* moves all six, although you were
# shown two texts: the head weighs eight directions, and every text has a place on each.
# *Undo* brings back the scores that were there, because the head is fitted again to the
# votes that stand.
#
# </details>

# %% id="13-play" tags=["widget"]
yours = VoteLoop(writer, tokenizer, judge, directions, prompts[:64])
widgets.feedback_panel(yours, PreferenceStore(annotator="you"), key="13-feedback")

# %% [markdown] id="13-limits"
# ## What was shown, and what not
#
# Sixty votes and eight numbers are enough to serve a crowd whose taste the
# trunk holds. Fifty moved three policies towards it, and on the mean an outside
# judge agreed. A coin's votes moved three policies as well, two of them up, one
# by as much as the least of the golds. Head and policy follow from the log and
# the seeds, bit for bit.
#
# **Limits.** The crowds are scripts with a constant taste; people change their
# minds, tire, and click the left side. The head is linear. The policy's update
# is short, with one leash and one learning rate, and nobody asked how long a
# person would wait. Three policies for each crowd are few.
#
# ## Test yourself
#
# 1. Why eight directions of the reward model's trunk, and not of the language model's?
# 2. What does the covariance add to the mean when a pair is chosen?
# 3. A policy that follows coin votes has a KL of several nats. What has it learned?
# 4. What must be part of the log, so that a replay is exact?
# 5. When does choosing the pair win little?
#
# <details><summary>Answers</summary>
#
# 1. The votes can only weigh what the features say; the language model's say
#    little about gold.
# 2. It tells which margins are unsure; the mean alone cannot know what it has not seen.
# 3. A random direction. KL measures distance, not improvement.
# 4. The texts, the choices in their order, and the seeds; no draw may come from
#    a global generator.
# 5. For the lexicon's crowd it won .05 at most, and for gold less at 60 votes
#    than at 30: more votes make up for worse questions.
#
# </details>
#
# ## Further reading
#
# - P. Christiano and others, [*Deep Reinforcement Learning from Human
#   Preferences*](https://arxiv.org/abs/1706.03741), 2017: queries chosen by
#   disagreement.
# - D. MacKay, [*Information-Based Objective Functions for Active Data
#   Selection*](https://doi.org/10.1162/neco.1992.4.4.590), 1992.
# - V. Dwaracherla and others, [*Efficient Exploration for
#   LLMs*](https://arxiv.org/abs/2402.00396), 2024: fewer votes by choosing pairs.
# - K. Ethayarajh and others, [*KTO*](https://arxiv.org/abs/2402.01306), 2024: thumbs.
#
# **Next:** [the exercises](../exercises/13_instant_feedback.ipynb); then [chapter
# 14](14_reward_hacking.ipynb) lets a policy climb until the reward breaks.
