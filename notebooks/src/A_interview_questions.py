# %% [markdown] id="A-title"
# # A · Interview questions
#
# Sixty questions that are asked about language models, rewards and policies, each with
# an answer of twenty seconds, one of two minutes, the trap, and **the cell that shows
# it**. What can be computed in a moment is computed here.
#
# When you have worked through this appendix you can:
#
# - answer the usual questions in twenty seconds, and go on for two minutes;
# - name the trap in each, and the measurement behind the answer;
# - let `quiz()` ask you until you know them.

# %% [markdown] id="A-quiz-text"
# ## The quiz
#
# `quiz()` draws eight. Answer aloud, then unfold. `drawn.grade(1, 4)` keeps how well
# you did, from 0 (nothing) to 5 (at once), in a small file of yours. What you knew
# comes back after one day, then six, then ever later; what you did not know comes back
# tomorrow. The rule is SM-2 ([Wozniak
# 1990](https://super-memory.com/english/ol/sm2.htm)).
#
# In a terminal: `python -m course quiz` asks one by one, and `python -m course quiz
# --anki FILE` writes all sixty for Anki.

# %% id="A-quiz"
from course.checks.quiz import quiz

drawn = quiz()
drawn

# %% [markdown] id="A-sm2-text"
# The rule itself fits in one function. Here is one question that you always know, and
# one that you find hard.

# %% id="A-sm2" tags=["nbval-check-output"]
from course import claim
from course.checks.sm2 import Card, answered

for quality in (5, 3):
    card, days = Card(), []
    for _ in range(6):
        card = answered(card, quality)
        days.append(card.interval)
    print(f"always {quality}: again after", *days, "days")
claim("forgotten, it starts anew", answered(card, 1).interval == 1)

# %% [markdown] id="A-list-text"
# ## The sixty questions

# %% id="A-list"
from course.checks.questions import questions


def show(first, last):
    """Questions by number, each with its chapter and the cell that shows it."""
    for number, q in list(enumerate(questions(), 1))[first - 1 : last]:
        print(f"{number:>2}. {q.question}  [{q.chapter}, {q.cell}]")


show(1, 36)

# %% id="A-list-policies"
show(37, 60)

# %% [markdown] id="A-show-text"
# ## The cells that show it
#
# Cells named `A-…` stand here. The others stand in the chapter of that number, or in
# [appendix B](B_when_it_does_not_learn.ipynb).
#
# **A reward model and reinforcement learning.** On seven possible texts
# everything is exact. The reward model's loss needs judgements, and no text is
# drawn. The policy's gradient needs the policy's own probabilities, and never
# the reward's slope. The cell shows the second; for the first see `A-pairwise`
# below.

# %% id="A-roles" tags=["nbval-check-output"]
import torch

from course.policy.enumerable import TinyPolicy
from course.runtime import generator

pi = TinyPolicy.random(generator(0), scale=0.5)
stars = torch.tensor([1.0, 3, 2, 5, 4, 3, 1], dtype=torch.float64)  # of each text
p = pi.probabilities().detach()
exact = pi.gradient(pi.expected(stars))
by_log = pi.gradient((p * stars * pi.logprobs().sum(1)).sum())
claim("score times slope of log p is the gradient", torch.allclose(exact, by_log))
with torch.no_grad():
    better = TinyPolicy(pi.logits + 0.1 * exact)
gain = (better.expected(stars) - pi.expected(stars)).item()
claim("a step along it earns more stars", gain > 0, gain=gain)

# %% [markdown] id="A-any-policy-text"
# **Which models?** Any that can say how probable its output was, and be
# differentiated there. The same loss function takes a table of nine numbers and
# a transformer.

# %% id="A-any-policy" tags=["nbval-check-output"]
from course.lm.model import GPT, GPTConfig
from course.policy.clipping import grpo_loss
from course.policy.groups import group_advantages

torch.manual_seed(0)
gpt = GPT(GPTConfig(vocab_size=3, width=16, layers=1, heads=2, kv_heads=1))
ids = torch.tensor([[0, 1, 1], [0, 1, 2], [0, 2, 1], [0, 2, 2]])  # 0 begins
own = gpt(ids).log_softmax(-1)[:, :-1].gather(2, ids[:, 1:, None])[..., 0]
table = pi.logprobs()[[2, 3, 5, 6]]
A = group_advantages(torch.tensor([0.0, 1, 0, 1]), 4)
for name, logp in (("table", table), ("transformer", own)):
    loss = grpo_loss(logp, logp.detach(), None, A, torch.ones(4, 2).bool(), 0.0, 0.2)
    loss.backward()
    print(f"{name}: one loss, a gradient")
reached = all(w.grad is not None for w in gpt.blocks.parameters())
claim("it reaches every weight of the blocks", reached)

# %% [markdown] id="A-pairwise-text"
# **What a loss cannot see.** The pairwise loss of Bradley and Terry knows differences
# only; regression knows zero and unit.

# %% id="A-pairwise" tags=["nbval-check-output"]
from course.reward.losses import pairwise_loss, regression_loss

good, bad = torch.tensor([2.0, 0.5]), torch.tensor([1.0, -1.0])
moved = pairwise_loss(good + 7, bad + 7) - pairwise_loss(good, bad)
claim("a constant changes nothing in the pairwise loss", abs(moved.item()) < 1e-6)
fit = regression_loss(good, good), regression_loss(good + 7, good)
claim("regression sees it", fit[0] < 1e-6 < fit[1], before=fit[0], after=fit[1])
wishes = [(0, 1), (1, 2), (2, 0)]  # A over B, B over C, C over A
r = torch.randn(1000, 3, generator=generator(0))
kept = torch.stack([r[:, a] > r[:, b] for a, b in wishes]).sum(0)
claim("no strengths satisfy a cycle of three wishes", kept.max() == 2)

# %% [markdown] id="A-time-text"
# **How long does it take?** The history stored with each trained model says.

# %% id="A-time"
from course import checkpoints

for name in ("language-model", "reward-model", "policy-reinforce", "adder"):
    made = checkpoints.load(name)
    seconds = made.metrics["seconds"]
    print(f"{name:<18} {seconds:5.0f} s on the machine that trained it")
    assert seconds > 0
history = checkpoints.load("policy-reinforce").history
tokens = sum(n * 64 for n in history["completion/length"])
writing = sum(
    n * 64 / s
    for n, s in zip(history["completion/length"], history["tokens_per_s"], strict=True)
)
share = writing / history["seconds"][-1]
print(f"REINFORCE: {tokens:,.0f} tokens; {share:.0%} of the time went into writing")

# %% [markdown] id="A-majority-text"
# **Whose values?** A mean hides who disagrees with it. These raters were paid to agree
# (chapter 00), so expect little; opinions that are really free differ more.

# %% id="A-majority" tags=["nbval-check-output"]
from course.data import reviews

rows = [row for row in reviews.load("movies", "test") if abs(row["mean"]) > 0.1]
against = [
    sum(x * row["mean"] < 0 for x in row["ratings"]) / len(row["ratings"])
    for row in rows
]
overruled = sum(share >= 0.25 for share in against) / len(against)
claim(
    "even here, in over two texts of a hundred a quarter of the raters is overruled",
    overruled > 0.02,
    share=overruled,
)

# %% [markdown] id="A-uniform-text"
# **A loss before training**, and its exponential.

# %% id="A-uniform" tags=["nbval-check-output"]
import math

V = 2048
nothing_known = torch.zeros(V).log_softmax(0)[0].item()
claim("knowing nothing costs ln V", abs(-nothing_known - math.log(V)) < 1e-5)
claim("and its perplexity is V", abs(math.exp(-nothing_known) / V - 1) < 1e-4)

# %% [markdown] id="A-temperature-text"
# **Temperature and top-p.**

# %% id="A-temperature" tags=["nbval-check-output"]
from course.lm.objective import entropy
from course.lm.sampling import apply_temperature, top_p_filter

logits = torch.randn(50, generator=generator(1)) * 3
spread = [
    entropy(apply_temperature(logits, t).log_softmax(-1)).item()
    for t in (0.5, 0.8, 1, 1.5, 3)
]
claim("entropy grows with the temperature", spread == sorted(spread), nats=spread)

# %% id="A-top-p" tags=["nbval-check-output"]
sizes = []
for sharpness in (0.1, 1, 5):
    nucleus = top_p_filter(logits * sharpness, 0.9).isfinite()
    mass = (logits * sharpness).softmax(-1)[nucleus]
    assert mass.sum() >= 0.9 > mass.sum() - mass.min()
    sizes.append(int(nucleus.sum()))
print("tokens in the nucleus, unsure to sure:", *sizes)
claim("the nucleus is the smallest that reaches .9, and shrinks", sizes[0] > sizes[-1])

# %% [markdown] id="A-best-of-n-text"
# **The price of best-of-n**, and **the optimum under a leash**.

# %% id="A-best-of-n" tags=["nbval-check-output"]
from course.reward.best_of_n import best_of_n_kl

n, M = 16, 10_000  # texts, all equally likely, in the order of their scores
upto = torch.arange(M + 1, dtype=torch.float64) / M
chosen = (upto**n).diff()  # how often each is the best of n
moved = torch.xlogy(chosen, chosen * M).sum().item()
claim(
    "counted on 10,000 texts, best-of-16 moves log n - (n - 1)/n nats",
    abs(moved - (math.log(n) - (n - 1) / n)) < 1e-4, nats=moved,
)  # fmt: skip
claim("which is `best_of_n_kl`", abs(moved - best_of_n_kl(n)) < 1e-4)

# %% id="A-optimum" tags=["nbval-check-output"]
from course.policy.preference_losses import optimal_policy


def aim(q, beta):
    """Expected stars minus beta times KL to p."""
    return (q * stars).sum() - beta * (q * (q / p).log()).sum()


best = optimal_policy(p, stars, 0.5)
others = torch.rand(5000, 7, generator=generator(2), dtype=torch.float64)
others = others / others.sum(1, keepdim=True)
most = max(aim(q, 0.5) for q in others)
claim("no other of 5,000 policies has more of the aim", most < aim(best, 0.5))
large = optimal_policy(p, stars, 1000.0)
claim("a large beta gives the reference", (large - p).abs().max() < 0.01)

# %% [markdown] id="A-baseline-text"
# **A baseline**: the mean gradient stays, and with a good one its variance falls.

# %% id="A-baseline" tags=["nbval-check-output"]
slopes = torch.stack([pi.gradient(x).flatten() for x in pi.logprobs().sum(1)])
means, variances = [], []
for baseline in (0.0, float(p @ stars)):
    each = (stars - baseline)[:, None] * slopes  # (7, 9)
    means.append(p @ each)
    variances.append(float(p @ (each - p @ each).square().sum(1)))
claim("the mean gradient is the same", torch.allclose(*means, atol=1e-12))
claim("its variance is smaller", variances[1] < variances[0], variances=variances)

# %% [markdown] id="A-kl-text"
# **Three estimators of KL**, exactly: their means over all seven texts.

# %% id="A-kl" tags=["nbval-check-output"]
from course.policy.kl import k1, k2, k3

other = TinyPolicy.random(generator(3), scale=0.5)
new, old = (x.logprobs().sum(1).detach() for x in (pi, other))
kl = pi.kl(other).item()
on_average = {k.__name__: float(p @ k(new, old)) for k in (k1, k2, k3)}
claim("k1 and k3 are right on average", all(
    abs(on_average[k] - kl) < 1e-12 for k in ("k1", "k3")))  # fmt: skip
claim("k2 is not", abs(on_average["k2"] - kl) > 1e-4, KL=kl, k2=on_average["k2"])
in_the_loss = pi.gradient((p * pi.logprobs().sum(1)).sum())
claim("k1 in the loss has no gradient on average", in_the_loss.abs().max() < 1e-12)

# %% [markdown] id="A-clip-text"
# **The clip** silences a token that has gone far enough the right way, and no other.

# %% id="A-clip" tags=["nbval-check-output"]
from course.policy.clipping import ppo_clip_loss


def slope(ratio, advantage):
    """Gradient of the clipped loss in the new log-probability."""
    new = torch.tensor([[math.log(ratio)]], requires_grad=True)
    one = torch.ones(1, 1)
    loss = ppo_clip_loss(new, 0 * one, advantage * one, one.bool(), 0.2)
    loss.backward()
    return new.grad.item()


claim("the right way, far: silent", slope(1.5, 1.0) == slope(0.5, -1.0) == 0)
claim("the wrong way, far: heard", slope(0.5, 1.0) < 0 < slope(1.5, -1.0))

# %% [markdown] id="A-equal-text"
# **Equal groups** teach nothing, and near $p = 0$ or 1 most groups are equal.

# %% id="A-equal" tags=["nbval-check-output"]
equal = group_advantages(torch.full((8,), 0.3), 8)
claim("equal scores: all advantages are 0", (equal == 0).all())
G, share = 8, {}
for chance in (0.01, 0.05, 0.2, 0.5):
    share[chance] = chance**G + (1 - chance) ** G
    print(f"solved with p = {chance}: {share[chance]:.2f} of the groups are equal")
claim("at p = .05 two of three groups are silent", 0.6 < share[0.05] < 0.7)

# %% [markdown] id="A-dpo-text"
# **DPO** begins at ln 2; its optimum's log-ratios, times $\beta$, are the
# scores, up to a constant.

# %% id="A-dpo" tags=["nbval-check-output"]
from course.policy.preference_losses import dpo_loss

start = dpo_loss(torch.zeros(4), beta=0.1).item()
claim("policy = reference: the loss is ln 2", abs(start - math.log(2)) < 1e-6)
h = 0.5 * (best.log() - p.log())  # beta times the log-ratio, of the optimum
gap = (h - h[0]) - (stars - stars[0])
claim(
    "the optimum's log-ratios are the stars, up to a constant", gap.abs().max() < 1e-9
)

# %% [markdown] id="A-dropped-text"
# **Texts that cannot be scored.** You know the answer with chance $p$. A wrong
# answer counts 0, a crash is left out. What is the mean of what is left, if you
# answer only the questions that you are surest of?

# %% id="A-dropped" tags=["nbval-check-output"]
sure = torch.linspace(0.05, 0.95, 19)  # of 19 questions
for name, crash in (("dropped", None), ("worst score", 0.0)):
    means = []
    for answered_ones in (19, 10, 1):
        kept = sure.sort(descending=True).values[:answered_ones]
        n = answered_ones if crash is None else len(sure)
        means.append(kept.sum().item() / n)
    print(f"{name:<12} mean score, answering 19, 10, 1:", *(f"{m:.2f}" for m in means))
    if crash is None:
        claim("dropped, crashing pays", means == sorted(means))
    else:
        claim("with the worst score it does not", means == sorted(means)[::-1])

# %% [markdown] id="A-noise-text"
# **Two points of difference.** Two evaluations of the *same* policy, 200 texts each.

# %% id="A-noise" tags=["nbval-check-output"]
tries = torch.rand(2000, 2, 200, generator=generator(4)) < 0.5
apart = tries.float().mean(2).diff(dim=1).abs().flatten()
two_points = (apart >= 0.02).float().mean()
claim("they differ by two points or more most of the time", two_points > 0.5,
      share=two_points, standard_error=0.5 / 200**0.5)  # fmt: skip

# %% [markdown] id="A-limits"
# ## What this appendix does not show
#
# Numbers in the answers are the course's: small models, movie reviews, sums. They show
# that an effect is there and how it is measured, not how large it is elsewhere. An
# interviewer may expect the popular answer; give yours with its reason.
#
# ## Test yourself
#
# Eight a day: `quiz()`, or `python -m course quiz` on the train.
#
# ## Further reading
#
# - P. A. Wozniak, [*Application of a computer to improve the results obtained in
#   working with the SuperMemo method*](https://super-memory.com/english/ol/sm2.htm),
#   1990: the rule SM-2.
# - N. Lambert, [*Reinforcement Learning from Human Feedback*](https://rlhfbook.com):
#   the same subjects at book length.
#
# **Next:** try your answers on a run of your own; when it does not learn,
# [appendix B](B_when_it_does_not_learn.ipynb) helps.
