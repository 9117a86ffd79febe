# %% [markdown] id="11-title"
# # 11 · GRPO, RLOO and verifiable rewards
#
# Several answers to one question judge each other, a program says which of them are
# right, and a small model that adds badly learns to add better.
#
# When you have read it you can:
#
# - write a reward that a program verifies, and say what would slip through it;
# - compute the advantages of GRPO, Dr. GRPO and RLOO, and write a step on one page;
# - say what dividing by the standard deviation does to easy and to hard questions;
# - say which loss normalisation treats long answers unfairly, and why;
# - tell the three KL estimators apart, as numbers and as losses;
# - train with GRPO on three seeds, and hold the gain against random rewards and against
#   the same model at a lower temperature.

# %% [markdown] id="11-task-text"
# ## A task with a right answer
#
# Until now a model of human ratings gave the rewards. It can be fooled, and [chapter
# 08](08_best_of_n.ipynb) showed the first signs. For some tasks there is no need of
# it: a sum is right or wrong, a program passes its tests or fails. Such a reward is
# called [**verifiable**](../GLOSSARY.md#policy).
#
# Our task is the addition of two numbers from 10 to 99. There are 8,100 problems. A
# fifth is **held out**: no training of any kind sees it, nor its mirror image
# (58+27 for 27+58). The model is a `GPT` like the others, but tiny, and its tokens are
# single characters. First it learned from right sums. Then, for a short time, it read
# the homework of a **careless class**, in which seven of ten answers have a wrong
# digit. So it is in the position of any model that was trained on what people write:
# it has seen how it is done, and it imitates the mistakes as well.
#
# The reward is 1 when the answer passes its test, else 0. A careless test is an
# invitation: training is a search for whatever the test lets through. Here are four
# tests and six answers to 27+58. Only the first and the last answer should pass.

# %% id="11-test" tags=["nbval-check-output"]
from course.reward.verifiable import unit_test_reward

answers = ["85", "848586", "85 or so", "085", "27+58", " 85\n"]
tests = {
    "contains the answer": lambda x: "85" in x,
    "begins with it": lambda x: x.startswith("85"),
    "digits, int(x) == 85": lambda x: x.strip().isdigit() and int(x) == 85,
    "the course's": lambda x: unit_test_reward(["27+58="], [x]).item() == 1,
}
print(" " * 22 + "  ".join(f"{a!r:<10}" for a in answers))
for name, test in tests.items():
    print(f"{name:<20}  " + "  ".join(f"{test(a)!s:<10}" for a in answers))

# %% [markdown] id="11-start-text"
# Not in the table: `eval(x) == 85`. It passes `27+58`, so the policy would be paid for
# copying the question. And it runs whatever a model wrote. Our test compares text and
# runs nothing.
#
# This is the model before reinforcement learning. **Sampled** means one draw at
# temperature 1; **greedy** means always the likeliest token.

# %% id="11-start"
import torch

from course import checkpoints
from course.data.arithmetic import answer, problems
from course.lm.sampling import write
from course.runtime import generator

start = checkpoints.load("adder")
tokenizer = start.tokenizer
train_problems, held_out = problems("train"), problems("held-out")


# %% id="11-success"
def success(model, prompts=held_out, seed=0, **options):
    """Share of the problems that the model solves at the first try."""
    draw = generator(seed)
    texts = write(
        model, tokenizer, prompts, max_new_tokens=4, generator=draw, **options
    )
    return unit_test_reward(prompts, texts).mean().item()


# %% id="11-size"
size = sum(weights.numel() for weights in start.model.parameters())
print(
    f"{size:,} parameters, {len(train_problems):,} problems to train on,",
    f"{len(held_out):,} held out",
)


# %% id="11-start-success"
before = success(start.model), success(start.model, top_k=1)
print(f"held out: sampled {before[0]:.2f}, greedy {before[1]:.2f}")
for seed, prompt in enumerate(held_out[300:303]):
    draw = generator(seed)
    tries = write(
        start.model, tokenizer, [prompt] * 16, max_new_tokens=4, generator=draw
    )
    print(f"{prompt}{answer(prompt)}, sixteen tries:", *tries)

# %% [markdown] id="11-group-text"
# ## Groups instead of a critic
#
# PPO's critic ([chapter 10](10_ppo.ipynb)) is a second model that predicts how good a
# text will be. A verifiable task can do without it: ask the *same* question $G$ times,
# and let the answers of this [**group**](../GLOSSARY.md#policy) judge each other. With
# the scores $r_1, \dots, r_G$ of one group:
#
# $$ A_i = \frac{r_i - \text{mean}(r)}{\text{std}(r) + 10^{-4}}
#   \quad\text{(GRPO)} \qquad
#   A_i = r_i - \text{mean}(r) \quad\text{(Dr. GRPO)} \qquad
#   A_i = r_i - \text{mean}_{j \ne i}(r_j) \quad\text{(RLOO)} $$
#
# ([Shao and others 2024](https://arxiv.org/abs/2402.03300); [Liu and others
# 2025](https://arxiv.org/abs/2503.20783); [Kool and others
# 2019](https://openreview.net/forum?id=r1lgTGL5DE), for language models [Ahmadian and
# others 2024](https://arxiv.org/abs/2402.14740).) Our standard deviation divides by
# $G$; TRL, verl and OpenRLHF divide by $G - 1$, which makes every advantage smaller by
# $\sqrt{(G-1)/G}$.
#
# All tokens of an answer get the answer's advantage. RLOO is the leave-one-out
# baseline of [chapter 09](09_policy_gradients.ipynb). It is Dr. GRPO in larger units:
# $r_i - \text{mean}_{j \ne i}(r_j) = \frac{G}{G-1}\,(r_i - \text{mean}(r))$.
#
# **Predict first.** A question is so hard that all sixteen answers are wrong. What do
# the three methods learn from it?
#
# <details><summary>Answer</summary>
#
# Nothing. All scores equal their mean, so all advantages are 0, and so is the gradient
# (but for a KL penalty, where there is one). The same happens where all sixteen are
# right. `frac_reward_zero_std` is the share of such groups. It is the first number to
# look at when a run does not learn.
#
# </details>

# %% id="11-group" tags=["nbval-check-output"]
from course import claim
from course.policy.groups import (
    centred_advantages,
    group_advantages,
    rloo_advantages,
)

r = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 1], dtype=torch.float64)
others = (r.sum() - r) / (len(r) - 1)  # mean of the others
for name, each in (
    ("GRPO", (r - r.mean()) / (r.std(correction=0) + 1e-4)),
    ("Dr. GRPO", r - r.mean()),
    ("RLOO", r - others),
):
    total = abs(each.sum())
    print(f"{name:<9} right {each[0]:+.2f}, wrong {each[1]:+.2f}, sum {total:.0f}")

# %% id="11-group-claim" tags=["nbval-check-output"]
noise = torch.randn(12, generator=generator(0), dtype=torch.float64)
claim(
    "RLOO's advantages are G / (G - 1) times the centred ones",
    torch.allclose(rloo_advantages(noise, 4), 4 / 3 * centred_advantages(noise, 4)),
)
claim(
    "they sum to zero in every group",
    rloo_advantages(noise, 4).view(3, 4).sum(1).abs().max() < 1e-12,
)

# %% [markdown] id="11-equal-text"
# That equal scores give exactly no gradient is a statement about the whole loss, so we
# ask the loss. $\rho$ and $\varepsilon$ are the ratio and the clip of chapter 10; on
# the first update the ratio is 1.
#
# $$ \text{loss} = \operatorname{mean}\bigl( -\min(\rho_t A,\;
#   \operatorname{clip}(\rho_t, 1 - \varepsilon, 1 + \varepsilon)\, A) + \beta\, k_{3,t}
#   \bigr) $$

# %% id="11-equal"
from course.policy.enumerable import TinyPolicy

pi = TinyPolicy.random(generator(0), scale=0.5)
p = pi.probabilities().detach()  # of the seven texts of chapter 09
four = torch.tensor([1, 4, 6, 6])  # a group of four of them
stars = torch.tensor([1.0, 3, 2, 5, 4, 3, 1], dtype=torch.float64)

# %% id="11-equal-loss"
from course.policy.clipping import grpo_loss
from course.policy.losses import reduce_seq_sum


def loss_of(A, rows, reduce=reduce_seq_sum, mask=pi.mask):
    """The GRPO loss on its first update: old = new, and no reference."""
    logp = pi.logprobs()[rows]
    return grpo_loss(logp, logp, None, A, mask[rows], 0.0, 0.2, reduce=reduce)


# %% id="11-equal-claim" tags=["nbval-check-output"]
for scores in ([1.0, 1, 1, 1], [0.1, 0.1, 0.1, 0.1], [1.0, 0, 0, 0]):
    each = group_advantages(torch.tensor(scores, dtype=torch.float64), 4)
    slope = pi.gradient(loss_of(each, four))
    print(scores, "→ gradient is zero:", bool((slope == 0).all()))
equal = group_advantages(torch.full((4,), 0.1, dtype=torch.float64), 4)
claim(
    "equal scores in a group give exactly no gradient",
    (pi.gradient(loss_of(equal, four)) == 0).all(),
)

# %% [markdown] id="11-std-text"
# ## What dividing by the standard deviation does
#
# Let a question be answered correctly with probability $p$. With scores 0 and 1 the
# standard deviation is about $\sqrt{p(1-p)}$: small for questions that are nearly
# hopeless ($p \to 0$) and for those that are nearly solved ($p \to 1$). Dividing by it
# makes exactly these groups count more.
#
# How much more can be said exactly. The gradient of a group is, on average, a number
# times $\nabla p$, the gradient of the success probability. Centring alone gives the
# number $(G-1)/G$ for every question. GRPO's number depends on $p$: sum over $k$, the
# count of right answers among the *other* $G - 1$,
#
# $$ c(p) = \sum_{k=0}^{G-1} \text{Bin}(k;\, G-1,\, p)
#   \Bigl[ \frac{1 - (k+1)/G}{s(k+1)}
#   + \frac{k/G}{s(k)} \Bigr], \qquad
#   s(k) = \sqrt{\tfrac{k}{G}\bigl(1 - \tfrac{k}{G}\bigr)} + 10^{-4}. $$
#
# **Predict first.** For which $p$ is the weight $c(p)$ smallest?
#
# <details><summary>Answer</summary>
#
# For $p = \frac12$: there the standard deviation, by which we divide, is largest.
#
# </details>

# %% id="11-std"
from math import comb, sqrt


def c(p, G):
    """GRPO's weight of a question that is solved with probability p."""
    s = [sqrt(k / G * (1 - k / G)) + 1e-4 for k in range(G + 1)]
    total = 0.0
    for k in range(G):  # right answers among the other G - 1
        chance = comb(G - 1, k) * p**k * (1 - p) ** (G - 1 - k)
        total += chance * ((1 - (k + 1) / G) / s[k + 1] + k / G / s[k])
    return total


print("p        1 / √(p(1-p))   c, G = 4   c, G = 16   centred, G = 16")
for chance in (0.01, 0.05, 0.2, 0.5, 0.8, 0.99):
    print(
        f"{chance:<8} {1 / sqrt(chance * (1 - chance)):>10.2f}"
        f" {c(chance, 4):>12.2f} {c(chance, 16):>10.2f} {15 / 16:>12.2f}"
    )

# %% id="11-std-claim" tags=["nbval-check-output"]
from course.policy.enumerable import all_batches

right = torch.tensor([0.0, 1, 0, 0, 1, 0, 1], dtype=torch.float64)  # 7 texts
mean_loss = sum(
    p[group].prod() * loss_of(group_advantages(right[group], 3), group)
    for group in all_batches(3)
)  # exact, over all 343 groups of three
wanted = c(float(p @ right), 3) * pi.gradient(pi.expected(right))
gap = (-pi.gradient(mean_loss) - wanted).abs().max()
claim(
    "over all groups of three, GRPO's gradient is c(p) times that of p",
    gap < 1e-9,
    weight=c(float(p @ right), 3),
)

# %% id="11-std-figure"
import matplotlib.pyplot as plt

from course import plots
from course.plots import COLOURS, MARKERS

ps = [i / 200 for i in range(1, 200)]
weights = {f"GRPO, G = {size}": [c(x, size) for x in ps] for size in (4, 16)}
weights["centred, G = 16"] = [15 / 16] * len(ps)
pulls_on = {
    name: [y * x * (1 - x) for x, y in zip(ps, ys, strict=True)]
    for name, ys in weights.items()
}

# %% id="11-std-picture"
_, (left, right_panel) = plt.subplots(1, 2, figsize=(9.2, 3.2))
for (name, ys), style in zip(weights.items(), (":", "-", "--"), strict=True):
    left.plot(ps, ys, style, label=name)
    pull = torch.tensor(pulls_on[name])
    right_panel.plot(ps, pull / pull.max(), style)
left.set(title="The division favours the two ends", ylabel="weight of the question")
right_panel.set(title="… and widens the hill of the pull", ylabel="pull / its peak")
for axes in (left, right_panel):
    axes.set(xlabel="success probability p", ylim=0)
left.legend()
plots.show(
    "Left, the weight over p: the centred one is a flat line, GRPO's is a bowl, deeper "
    "for the larger group. Right, the pull divided by its peak: all are hills with "
    "their top at one half and zero at both ends; GRPO's with 16 is wider."
)

# %% [markdown] id="11-length-text"
# At $p = \frac12$, where a group has most to say, GRPO's weight is smallest. Towards
# both ends it rises, but not as far as $1/\sqrt{p(1-p)}$: the size of the group stops
# it at $\sqrt{G-1}$. A hopeless question rarely has a right answer among its sixteen,
# and a group without one is silent.
#
# What a question's own logit feels is this **pull**: the weight times $p(1-p)$, because
# $\nabla p$ shrinks at the ends as well. So no method pulls hard at the ends; GRPO only
# gives them a larger share. (All of GRPO's curve is higher than the centred one, too;
# that is a matter of the learning rate, so the right panel divides it out.)
#
# Is that good? It depends. Questions near the ends get more of the step, and for its
# size their gradient is also the noisiest. Where scores take *more* than two values,
# the division even changes the direction of one question's gradient, because the
# divisor depends on which answers were drawn. Liu and others (2025) leave it out and
# call the result Dr. GRPO ("done right").
#
# ## Who divides by the length?
#
# Tokens must be joined into one number. Four ways are in use:
#
# | name here | divides by | known as |
# |---|---|---|
# | `seq_mean` | the length of each answer, then the number of answers | GRPO |
# | `token_mean` | the number of all tokens in the batch | DAPO, BNPO |
# | `const` | number of answers × the longest length allowed | Dr. GRPO |
# | `seq_sum` | the number of answers | the policy gradient itself |
#
# **Predict first.** Two answers are equally wrong. One has 2 tokens, the other 8.
# Under `seq_mean`, which token is punished harder?
#
# <details><summary>Answer</summary>
#
# Each token of the short one, four times as hard. A policy that has to be wrong is
# therefore better off being wrong at length. The other way round, a short right
# answer is favoured over a long one.
#
# </details>

# %% id="11-length"
from functools import partial

from course.policy.losses import (
    reduce_const,
    reduce_seq_mean,
    reduce_token_mean,
)


def joins(longest):
    """The four ways to join tokens; `longest`: the longest answer allowed."""
    return {
        "seq_mean": reduce_seq_mean,
        "token_mean": reduce_token_mean,
        "const": partial(reduce_const, max_length=longest),
        "seq_sum": reduce_seq_sum,
    }


# %% id="11-length-weights" tags=["nbval-check-output"]
two_and_eight = torch.arange(8) < torch.tensor([[2], [8]])
for name, join in joins(8).items():
    tokens = torch.zeros(2, 8, dtype=torch.float64, requires_grad=True)
    join(tokens, two_and_eight).backward()  # how much one token of each weighs
    short, long = tokens.grad[:, 0].tolist()
    print(f"{name:<11} short {short:.3f}, long {long:.3f}, ratio {short / long:.0f}")


# %% [markdown] id="11-length-exact-text"
# Which of them is the policy gradient? The seven texts of chapter 09 have one or two
# tokens, so we can ask for the exact mean of each gradient, over all 49 batches of
# two, with the stars of chapter 09 as scores. We also ask what happens when every
# score grows by the same constant, which is no reason to change one's mind.


# %% id="11-length-exact" tags=["nbval-check-output"]
def mean_gradient(join, shift=0.0):
    """Exact mean of the negative loss's gradient, over all batches of two."""
    losses = [
        p[two].prod() * loss_of(stars[two] + shift, two, join) for two in all_batches(2)
    ]
    return -pi.gradient(sum(losses))


grad_J = pi.gradient(pi.expected(stars))
for name, join in joins(2).items():
    found, shifted = mean_gradient(join), mean_gradient(join, shift=1.0)
    cosine = torch.cosine_similarity(found.flatten(), grad_J.flatten(), 0)
    along, unmoved = cosine > 1 - 1e-9, (found - shifted).abs().max() < 1e-9
    print(f"{name:<11} along the policy gradient: {bool(along)!s:<6}", end="")
    print("unmoved by the constant:", bool(unmoved))

# %% id="11-length-claim" tags=["nbval-check-output"]
claim(
    "const is the policy gradient, divided by the longest length",
    (mean_gradient(joins(2)["const"]) - grad_J / 2).abs().max() < 1e-9,
)
bias = mean_gradient(reduce_seq_mean, 1.0) - mean_gradient(reduce_seq_mean)
claim(
    "with seq_mean a constant in the scores moves the policy",
    bias.abs().max() > 0.01,
    moved=bias.abs().max(),
)

# %% [markdown] id="11-batch-text"
# So `seq_mean` and `token_mean` both point elsewhere. But not for the same reason. The
# divisor of `seq_mean` is a text's *own* length. That of `token_mean` is the length of
# the whole batch, of which a text is a smaller and smaller part. We count again, with
# scores minus their mean, in batches of two to six texts: the last column sums over
# 117,649 of them. The error is 1 minus the cosine between the two directions.

# %% id="11-batch"
lengths = pi.mask.sum(1)  # (7,)
text_logprobs = pi.logprobs().sum(1)  # (7,), with gradient
centred = (stars - pi.expected(stars).detach()) * text_logprobs  # (7,)


def direction_error(mean_objective):
    """1 - cosine between this gradient and the policy gradient."""
    found = pi.gradient(mean_objective).flatten()
    return 1 - torch.cosine_similarity(found, grad_J.flatten(), 0).item()


errors = {"token_mean": [], "seq_mean": []}
for size in range(2, 7):
    all_rows = all_batches(size)  # (7**size, size)
    chance = p[all_rows].prod(1)
    by_batch = centred[all_rows].sum(1) / lengths[all_rows].sum(1)
    by_text = (centred / lengths)[all_rows].mean(1)
    errors["token_mean"].append(direction_error((chance * by_batch).sum()))
    errors["seq_mean"].append(direction_error((chance * by_text).sum()))

# %% id="11-batch-claim" tags=["nbval-check-output"]
print("texts in a batch", *(f"{size:>9}" for size in range(2, 7)))
for name, row in errors.items():
    print(f"{name:<16}", *(f"{x:9.1e}" for x in row))
claim(
    "token_mean's error vanishes with the batch: from 2 to 6 texts more than fivefold",
    errors["token_mean"][-1] < errors["token_mean"][0] / 5,
)
claim(
    "seq_mean's does not change with the batch",
    max(errors["seq_mean"]) - min(errors["seq_mean"]) < 1e-9,
)

# %% [markdown] id="11-kl-text"
# The course uses `token_mean`, as most libraries do: in a batch of 128 its bias is
# small. `seq_mean`'s remains, whatever the batch. Our answers have three or four
# tokens, so it would matter little here. Where answers have ten to four thousand, it
# weighs a token of the shortest four hundred times as much as one of the longest.
#
# ## Three estimators of a divergence
#
# A penalty for leaving the reference needs $\text{KL}(\pi \,\|\, \text{ref})$, the mean
# of $d = \log \pi(y) - \log \text{ref}(y)$ over the policy's samples. Three
# estimators are offered everywhere:
#
# $$ k_1 = d \qquad k_2 = \tfrac12 d^2 \qquad k_3 = e^{-d} - 1 + d $$
#
# First **as numbers**. Samples come from a normal distribution with mean 0, the
# reference is one with mean $\mu$, and the true KL is $\mu^2 / 2$. The integrals are
# exact sums on a fine grid. All numbers are in units of the true KL.

# %% id="11-kl-values"
from course.policy.kl import kl_estimators

x = torch.linspace(-12, 12, 48001, dtype=torch.float64)
normal = torch.exp(-x.square() / 2)
normal = normal / normal.sum()  # the policy: normal, mean 0
table = {}  # (mu, estimator) -> bias and standard deviation / KL
for mu in (0.1, 1.0, 2.0):
    estimates = kl_estimators(-x.square() / 2, -(x - mu).square() / 2)  # (3, grid)
    mean = estimates @ normal
    std = ((estimates - mean[:, None]).square() @ normal).sqrt()
    for n in range(3):
        true = mu**2 / 2
        table[mu, n + 1] = (mean[n] / true - 1).item(), (std[n] / true).item()

# %% id="11-kl-values-claim" tags=["nbval-check-output"]
print("KL      estimator   bias     standard deviation")
for (mu, n), (off, spread) in table.items():
    print(f"{mu**2 / 2:.3f}   k{n}        {abs(off):.4f}   {spread:6.2f}")
worst = max(abs(table[mu, n][0]) for mu in (0.1, 1.0) for n in (1, 3))
claim("k1 and k3 are unbiased", worst < 1e-6)
claim("k2 is biased where the policies differ", table[1.0, 2][0] > 0.2)
claim(
    "near the reference k3 is ten times less noisy than k1",
    table[0.1, 1][1] > 10 * table[0.1, 3][1],
)
claim("at 2 nats it is noisier, over 3 times", table[2.0, 3][1] > 3 * table[2.0, 1][1])

# %% [markdown] id="11-kl-examined-text"
# The first six rows are the table of [Schulman
# (2020)](http://joschu.net/blog/kl-approx.html), reproduced. The last three go further
# from the reference, where $e^{-d}$ has a heavy tail: there k3 is the noisiest.
#
# ## A common description, examined
#
# > "k3 is the best KL penalty for the loss, because it is unbiased and has low
# > variance."
#
# Near the reference both halves of the reason are right: we just saw it. But a loss is
# not read, it is *differentiated*, and the derivative of a good estimate need not be a
# good estimate of the derivative. The value is an average over samples **of the
# policy**, and the policy is what moves; the derivative of $k_3$ at a given sample
# knows nothing of that.
#
# One choice among three tokens, a uniform reference. We sum over all three tokens, so
# nothing here is noise. "Ratio" is $e^{\ell - \text{stop}(\ell)}$ with
# $\ell = \log \pi(y)$: its
# value is 1, and its derivative is that of $\ell$.
#
# **Predict first.** $k_1$ is the plainest estimator. What is the mean of its gradient,
# when it stands in the loss?
#
# <details><summary>Answer</summary>
#
# Zero. The reference is a constant, so the gradient of $d$ is that of $\log \pi(y)$,
# whose mean under $\pi$ is $\nabla 1 = 0$: chapter 09's reason why a baseline costs
# nothing. Here it means that the penalty does nothing.
#
# </details>

# %% id="11-kl-gradients"
logits = torch.tensor([0.5, -0.2, 1.0], dtype=torch.float64, requires_grad=True)
logp = logits.log_softmax(0)
uniform = torch.full_like(logp, 1 / 3)
chances, ratio = logp.exp().detach(), (logp - logp.detach()).exp()
k = kl_estimators(logp, uniform.log())  # (3 estimators, 3 tokens)


def gradient(loss):
    return torch.autograd.grad(loss, logits, retain_graph=True)[0]


target = gradient((logp.exp() * (logp - uniform.log())).sum())
other = gradient((uniform * (uniform.log() - logp)).sum())

# %% id="11-kl-table" tags=["nbval-check-output"]
pulls = {"KL(π ‖ ref): the target": target, "KL(ref ‖ π): the other way": other}
for n in range(3):
    pulls[f"k{n + 1} in the loss"] = gradient((chances * k[n]).sum())
for n in range(3):
    pulls[f"ratio · k{n + 1} in the loss"] = gradient((chances * ratio * k[n]).sum())
pulls["k1 in the reward"] = gradient((chances * k[0].detach() * logp).sum())
pulls["k3 in the reward"] = gradient((chances * k[2].detach() * logp).sum())
for name, pull in pulls.items():
    same = "  = target" if (pull - target).abs().max() < 1e-12 else ""
    numbers = "  ".join(f"{x:+.4f}" for x in (pull + 1e-9).tolist())
    print(f"{name:<27} {numbers}{same}")

# %% id="11-kl-claims" tags=["nbval-check-output"]
gaps = {name: (pull - target).abs().max() for name, pull in pulls.items()}
claim("k1 in the loss does nothing", pulls["k1 in the loss"].abs().max() < 1e-12)
claim("k2 in the loss is exact", gaps["k2 in the loss"] < 1e-12)
claim(
    "k3 in the loss is the gradient of the KL the other way round",
    (pulls["k3 in the loss"] - other).abs().max() < 1e-12,
)
cosine = torch.cosine_similarity(other, target, 0)
claim("and that is another direction", cosine < 0.99, cosine=cosine)
claim("times the ratio, k3 is exact", gaps["ratio · k3 in the loss"] < 1e-12)
claim("so is k1 in the reward", gaps["k1 in the reward"] < 1e-12)
claim("k3 in the reward is not", gaps["k3 in the reward"] > 0.1)

# %% [markdown] id="11-kl-optimum-text"
# Does the direction matter at the end? We give the three tokens rewards and follow
# each exact gradient until nothing moves. The optimum of "reward minus
# $\beta\, \text{KL}(\pi \,\|\, \text{ref})$" is known in closed form ([chapter
# 12](12_dpo.ipynb)):
# $\pi^*(y) \propto \text{ref}(y)\, e^{r(y)/\beta}$.

# %% id="11-kl-optimum"
rewards, beta = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64), 0.5
best = (uniform.log() + rewards / beta).softmax(0)


def settle(penalty):
    """Where the policy ends that pays beta times this penalty in its loss."""
    theta = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    for _ in range(800):
        logp = theta.log_softmax(0)
        chances, ratio = logp.exp().detach(), (logp - logp.detach()).exp()
        cost = beta * penalty(kl_estimators(logp, uniform.log()), ratio)
        loss = (chances * (cost - rewards * logp)).sum()
        theta.data -= torch.autograd.grad(loss, theta)[0]
    return theta.softmax(0).detach()


# %% id="11-kl-ends"
ends = {
    "closed form": best,
    "k1": settle(lambda k, ratio: k[0]),
    "k2": settle(lambda k, ratio: k[1]),
    "k3": settle(lambda k, ratio: k[2]),
    "ratio · k3": settle(lambda k, ratio: ratio * k[2]),
}

# %% id="11-kl-optimum-figure"
_, axes = plt.subplots(figsize=(6.6, 3))
hatches = ("", "xx", "//", "..", "\\\\")
for n, (name, end) in enumerate(ends.items()):
    at = [token + 0.16 * (n - 2) for token in range(3)]
    axes.bar(at, end, 0.16, label=name, hatch=hatches[n], edgecolor="white")
axes.set_xticks(range(3), [f"reward {x:g}" for x in rewards.tolist()])
plots.finish(
    axes,
    "Only k2 and ratio · k3 end where the formula says",
    "token",
    "probability at the end",
    alt="Three groups of bars, one group for each token. The bars of the closed form, "
    "of k2 and of ratio times k3 are equally high; those of k3 differ a little, and k1 "
    "puts everything on the best token.",
)

# %% id="11-kl-optimum-claim" tags=["nbval-check-output"]
off = {name: ((end - best).abs().sum() / 2).item() for name, end in ends.items()}
claim(
    "k2 and ratio · k3 reach the closed form", max(off["k2"], off["ratio · k3"]) < 1e-4
)
claim("k3 ends elsewhere", off["k3"] > 0.02, total_variation=off["k3"])
claim(
    "with k1 there is no leash at all: one token takes everything",
    ends["k1"][2] > 0.99,
    probability=ends["k1"][2],
)

# %% [markdown] id="11-kl-verdict-text"
# So the description confuses two uses. **To watch a run near its reference, k3 is the
# better estimate. As a loss it is the KL the other way round,**
# $\text{KL}(\text{ref} \,\|\, \pi)$, often called the forward KL: still a leash, still
# of use (GRPO was published with it), but another leash than the one in the formula.
# Whoever wants the one in the formula puts k1 into the *reward*, as REINFORCE, PPO and
# RLOO do in this course, or multiplies k3 by the ratio, as DeepSeek-V3.2
# ([2025](https://arxiv.org/abs/2512.02556)) and TRL 1.16 do unless told otherwise. And
# whoever puts k1 into the loss has no leash, and a curve that looks like one.
#
# One thing is lost outside a single choice. A text has many tokens, and a loss adds up
# the penalty of each. So k2 and ratio · k3 charge a token for its own divergence and
# not for that of the tokens that follow from it. k1 in the reward charges for both:
# with the seven texts of chapter 09 only it is exact.

# %% id="11-kl-tokens" tags=["nbval-check-output"]
other_pi = TinyPolicy.random(generator(1))
l_t, k_t = pi.logprobs(), kl_estimators(pi.logprobs(), other_pi.logprobs().detach())
once = (l_t - l_t.detach()).exp()  # the ratio of every token
D = (k_t[0] * pi.mask).sum(1).detach()  # k1 of a whole text
sums = {
    "k2 in the loss": (k_t[1] * pi.mask).sum(1),
    "ratio · k3 in the loss": (once * k_t[2] * pi.mask).sum(1),
    "k1 in the reward": D * l_t.sum(1),
}
true_pull = pi.gradient(pi.kl(other_pi))
miss = {n: (pi.gradient(p @ s) - true_pull).abs().max() for n, s in sums.items()}
for name, worst in miss.items():
    print(f"{name:<23} exact: {bool(worst < 1e-9)}")
claim("k1 in the reward is exact over two tokens", miss["k1 in the reward"] < 1e-9)
claim("k2 and ratio · k3 are not", min(list(miss.values())[:2]) > 0.01)

# %% [markdown] id="11-adder-text"
# ## The adder learns
#
# ### Two steps on one page
#
# A step draws questions, writes a group of sixteen answers to each, asks the test, and
# makes one update. In the runs below $\beta$ is 0, so no reference holds the policy
# back: nothing but the test says what a good answer is. Here is GRPO, from the
# functions above, and RLOO. They differ in the advantages, in the ratio (one for each
# token, or one for each answer), and in the place of the KL penalty: k3 in the loss, or
# k1 in the reward.

# %% id="11-page"
from torch.nn.utils import clip_grad_norm_

from course.policy.rollout import logprobs_of


def descend(policy, optimizer, loss):
    """One update down the loss, with a gradient no longer than 1."""
    optimizer.zero_grad()
    loss.backward()
    clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()


def plain_grpo(policy, optimizer, rollout, group_size, beta=0.0, epochs=1):
    mask, ref = rollout.completion_mask, rollout.ref_logprobs
    A = group_advantages(rollout.scores, group_size)
    old = logprobs_of(policy, rollout).detach()
    for _ in range(epochs):
        new = logprobs_of(policy, rollout)
        descend(policy, optimizer, grpo_loss(new, old, ref, A, mask, beta, 0.2))


# %% id="11-page-rloo"
from course.policy.clipping import rloo_loss


def plain_rloo(policy, optimizer, rollout, group_size, beta=0.0, epochs=1):
    mask = rollout.completion_mask
    D = (rollout.old_logprobs - rollout.ref_logprobs).sum(1)  # k1 of each answer
    A = rloo_advantages(rollout.scores - beta * D, group_size)
    old = logprobs_of(policy, rollout).detach()
    for _ in range(epochs):
        new = logprobs_of(policy, rollout)
        descend(policy, optimizer, rloo_loss(new, old, A, mask, 0.2))


# %% [markdown] id="11-page-text"
# `course.policy.grpo` has the same two steps with guards and metrics. Do they move
# every weight the same? And around them the loop: **write, score, step**.

# %% id="11-page-check"
from copy import deepcopy

from course.policy.grpo import grpo_step, rloo_step
from course.policy.rollout import collect


def write_and_score(policy, draw):
    """Groups of sixteen answers to eight training problems, with their scores."""
    drawn = torch.randint(len(train_problems), (8,), generator=draw).tolist()
    asked = [train_problems[n] for n in drawn for _ in range(16)]
    return collect(
        policy, start.model, tokenizer, asked, unit_test_reward,
        max_new_tokens=4, generator=draw,
    )  # fmt: skip


# %% id="11-page-claim" tags=["nbval-check-output"]
def weights_after(take_step, rollout):
    """All weights after one step from the start."""
    policy = deepcopy(start.model)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3, weight_decay=0.0)
    take_step(policy, optimizer, rollout, group_size=16, beta=0.1, epochs=2)
    return torch.cat([w.flatten() for w in policy.parameters()])


one_batch = write_and_score(start.model, generator(0))
origin = torch.cat([w.flatten() for w in start.model.parameters()])
for plain, guarded in ((plain_grpo, grpo_step), (plain_rloo, rloo_step)):
    here, there = (weights_after(step, one_batch) for step in (plain, guarded))
    moved, gap = (x.abs().max().item() for x in (here - origin, here - there))
    holds = gap < 0.05 * moved  # AdamW enlarges the rounding of tiny gradients
    name = f"{guarded.__name__} moves every weight the same, up to rounding"
    claim(name, holds, largest_move=moved, largest_difference=gap)

# %% id="11-page-loop"
policy, draw = deepcopy(start.model), generator(0)
optimizer = torch.optim.AdamW(policy.parameters(), lr=2e-4, weight_decay=0.0)
for round_ in range(3):
    rollout = write_and_score(policy, draw)
    plain_grpo(policy, optimizer, rollout, group_size=16)
    print(f"round {round_}: {rollout.scores.mean():.2f} of the answers are right")

# %% [markdown] id="11-train-text"
# Three rounds say nothing yet: each drew only eight questions, some easier than
# others. `course.policy.loop.train` is that loop with a schedule and a history. Three
# runs of GRPO differ in their seed, one is RLOO. Three more are the **negative
# control**: their rewards are coin flips, right as often as the model is at the start,
# whatever the answer. Everything else is the same, so whatever rises there does not
# come from the reward. The learning rate rises during the first tenth of the steps,
# then falls. A last run repeats seed 0 at 0.3 of the rate.
#
# **Predict first.** The advantages of coin flips are zero on average. Does the control
# stay exactly where it was?
#
# <details><summary>Answer</summary>
#
# No. Zero on average is not zero: every step pushes some sampled answers up and others
# down at random. A policy that walks at random does not come back, and right answers
# are few. Expect it to stay or to sink.
#
# </details>

# %% id="11-train"
from course.policy.loop import train

STEPS = 150


def warm(done):
    """Share of the learning rate: up in the first tenth, then down to 0."""
    return min(1.0, 0.05 + done / 0.1) * (1 - done)


def coin_flips(draw):
    """A score that is 1 as often as the model is right before, whatever it wrote."""
    return lambda ps, cs: (torch.rand(len(cs), generator=draw) < before[0]).float()


# %% id="11-run"
def run(score, seed, algorithm=grpo_step, rate=1e-3, **options):
    """A run from the pretrained model: policy, history, true success."""
    policy, truth = deepcopy(start.model), []
    optimizer = torch.optim.AdamW(policy.parameters(), lr=rate, weight_decay=0.0)
    step = partial(algorithm, policy, optimizer, group_size=16, **options)

    def watched(prompts, completions):  # the truth only looks on
        truth.append(unit_test_reward(prompts, completions).mean().item())
        return score(prompts, completions)

    history = train(
        policy, start.model, tokenizer, train_problems, watched, step,
        optimizer=optimizer, generator=generator(seed), schedule=warm, steps=STEPS,
        batch_size=8, group_size=16, max_new_tokens=4,
    )  # fmt: skip
    return policy, history, truth


# %% id="11-runs"
from time import perf_counter

began = perf_counter()
runs = {f"seed {seed}": run(unit_test_reward, seed) for seed in (0, 1, 2)}
runs["RLOO"] = run(unit_test_reward, 0, rloo_step, beta=0.0)
flips = [run(coin_flips(generator(7 + seed)), seed) for seed in (0, 1, 2)]
runs["coin flips"] = flips[0]
slow = run(unit_test_reward, 0, rate=3e-4)
print(f"eight runs in {perf_counter() - began:.0f} s")
print(f"{'':<12} success while training: first and last ten steps")
for name, (_, _, truth) in runs.items():
    print(f"{name:<12} {sum(truth[:10]) / 10:.2f} → {sum(truth[-10:]) / 10:.2f}")

# %% [markdown] id="11-first-text"
# Before looking at any success, one look at the machine. The first ratio of every step
# is exactly 1 and nothing is clipped. That is so by construction: the step computes the
# old log-probabilities itself. What could go wrong is that the *sampler* computes
# others. That gap we measure.

# %% id="11-first" tags=["nbval-check-output"]
histories = [history for _, history, _ in runs.values()]
claim(
    "by construction the first ratio is exactly 1, and nothing is clipped",
    max(max(h["first/ratio_error"] + h["first/clipfrac"]) for h in histories) == 0,
)
trained = logprobs_of(start.model, one_batch).detach()
gap = (trained - one_batch.old_logprobs).abs().max()
claim("sampler and trainer agree about every token", gap < 1e-3, largest_gap=gap)

# %% [markdown] id="11-held-text"
# ## Three seeds, problems that no training saw
#
# Success while training is success on problems that the model was rewarded for. What
# decides are the held-out ones. And one more control, which costs nothing: the model
# *before* training, at temperature 0.3. It learned nothing; it only takes fewer risks.

# %% id="11-held"
after = {
    name: (success(policy), success(policy, top_k=1))
    for name, (policy, _, _) in runs.items()
}
cooler = success(start.model, temperature=0.3)
half = {name: success(policy, temperature=0.5) for name, (policy, *_) in runs.items()}
half["before"] = success(start.model, temperature=0.5)
flipped = [success(policy) for policy, _, _ in flips]
slow_greedy = success(slow[0], top_k=1)
print(f"{'held out':<12} sampled   T = .5   greedy")
for name, (sampled, greedy) in ({"before": before} | after).items():
    print(f"{name:<12} {sampled:>7.3f} {half[name]:>8.3f} {greedy:>8.3f}")
print(f"before, at temperature 0.3: {cooler:.3f}")
print("coin flips, three seeds:", *(f"{x:.3f}" for x in flipped))
print(f"seed 0 at 0.3 of the rate, greedy: {slow_greedy:.3f}")

# %% id="11-held-claim"
sampled, greedy = (
    [after[name][n] for name in ("seed 0", "seed 1", "seed 2", "RLOO")] for n in (0, 1)
)

# %% id="11-doubled-claim" tags=["nbval-check-output"]
claim(
    "before, between 10 and 40 % of the sampled answers are right",
    0.1 < before[0] < 0.4,
    before=before[0],
)
*seeds, rloo = sampled
claim(
    "on the mean of three seeds the sampled success more than doubles",
    sum(seeds) / 3 > 2 * before[0],
    after=seeds,
)
claim("with RLOO it rises by .15 or more", rloo > before[0] + 0.15, after=rloo)

# %% id="11-greedy-claim" tags=["nbval-check-output"]
claim(
    "the greedy answers of every run, RLOO's too, are better than before",
    min(greedy) > before[1],
    before=before[1],
    after=greedy,
)

# %% id="11-control-claim" tags=["nbval-check-output"]
claim(
    "with coin flips the success does not rise, on three seeds",
    max(flipped) < before[0] + 0.02,
    after=flipped,
)
claim(
    "control: the model before, greedy, beats every trained one that is sampled",
    before[1] > max(sampled),
    before_greedy=before[1],
    trained_sampled=max(sampled),
)

# %% [markdown] id="11-honest-text"
# Read the columns apart. "More than doubles" is a statement about temperature 1, and
# most of it could be had without training, by sampling more carefully. The greedy
# column is the honest gain: there, nothing is left to be won by taking fewer risks.
# The column at T = .5 belongs in every such table, because a lower temperature is not
# always a help: it makes some starts of [chapter 15](15_exact_judges.ipynb) worse.


# %% id="11-smooth"
def smooth(ys, width=8):
    """Mean of the last few values."""
    parts = [ys[max(0, i + 1 - width) : i + 1] for i in range(len(ys))]
    return [sum(part) / len(part) for part in parts]


# %% id="11-caption"
doubled = sum(seeds) / 3 > 2 * before[0] and max(flipped) < before[0] + 0.02
title = (
    "A program's verdict lifts the success; coin flips do not"
    if doubled
    else "The success did not double, or coin flips raised it"
)

x_label = "step (marks at the end: held out, sampled)"
alt = (
    "The lines of three seeds and of RLOO rise at first, fall back right after the "
    "peak of the learning rate, and rise again to about one half; their held-out marks "
    "stand at the same height. The dashed line of the coin flips sinks to zero."
)

# %% id="11-signature"
_, axes = plt.subplots(figsize=(7.2, 4))
for n, (name, (_, _, truth)) in enumerate(runs.items()):
    style = ("-", "-", "-", "-.", "--")[n]
    look = {"marker": MARKERS[n], "markevery": (5 * n, 30), "ms": 5}
    axes.plot(smooth(truth), style, color=COLOURS[n], label=name, **look)
    axes.plot(STEPS + 3, after[name][0], MARKERS[n], color=COLOURS[n])
axes.axhline(before[0], color="gray", lw=1, ls=":")
axes.annotate("before", (STEPS, before[0]), ha="right", va="bottom", fontsize=8)
axes.axvline(0.1 * STEPS, color="gray", lw=1, ls=":")
axes.annotate("peak of the learning rate", (0.1 * STEPS, 0.95), fontsize=8)
axes.set_ylim(0, 1)
plots.finish(axes, title, x_label, "share of right answers", alt=alt)

# %% id="11-dip"
print("success, smoothed:   before step 25   lowest of 25 to 75   at the end")
dips = {}
for name, (_, _, truth) in (runs | {"seed 0, lower rate": slow}).items():
    line = smooth(truth)
    dips[name] = max(line[:25]), min(line[25:75]), line[-1]
    print(f"{name:<20} " + "".join(f"{x:>16.2f}" for x in dips[name]))

# %% id="11-dip-claim" tags=["nbval-check-output"]
fall, again = (
    min(
        dips[name][n] - dips[name][1] for name in ("seed 0", "seed 1", "seed 2", "RLOO")
    )
    for n in (0, 2)
)
claim(
    "every rewarded run loses more than .1 after the peak of the rate, and regains it",
    min(fall, again) > 0.1,
    smallest_fall=fall,
    smallest_recovery=again,
)

# %% id="11-rate-claim" tags=["nbval-check-output"]
high, low, _ = dips["seed 0, lower rate"]
claim(
    "at 0.3 of the rate it falls back by less than half as much", high - low < fall / 2
)
usual = sum(greedy) / len(greedy)
claim(
    "and greedy it ends better than the others on average",
    slow_greedy > usual,
    lower_rate=slow_greedy,
    others=usual,
)

# %% [markdown] id="11-more-text"
# The lines do not simply rise. Each climbs quickly, falls back after the learning rate
# has reached its peak, and recovers as the rate falls. Is the rate at the edge of what
# the model bears? The last run says yes: at 0.3 of the rate seed 0 hardly falls back,
# and its greedy answers end better than those of the other runs on average. So the
# gains above are those of a rate that is too high. (One run; and we did not tune the
# rate any further.)
#
# In the run that is drawn, the same moment is the end of the coin flips; all three end
# with next to no right answer. They did not just fail to help, they destroyed what the
# model knew: a reward without a direction still makes steps, and nearly everywhere a
# step can lead, sums are wrong. "Zero on average" is no protection. The opposite is
# known, too: [Shao and others 2025](https://arxiv.org/abs/2506.10947) found a model
# whose success *rose* under random rewards, and blamed what it had learned before. A
# control belongs to every run.
#
# ## What was learned, and what is left to learn from
#
# Did the model learn to add, or did it learn to trust what it already knew?
# [**Pass@k**](../GLOSSARY.md#policy) asks whether at least one of $k$ answers is
# right. A common reading says: if training only sharpens the policy, pass@1 rises and
# pass@16 does not. So we sharpen without any training, by temperature, and look. We
# write sixteen answers to some held-out problems, and estimate every $k$ from that
# pool (chapter 08).

# %% id="11-pass"
from course.reward.best_of_n import pool_estimate

some = held_out[::8]


def pass_at_k(model, **options):
    """Share of the problems solved by one of k answers, for k = 1 to 16."""
    asked = [q for q in some for _ in range(16)]
    draw = generator(3)
    texts = write(model, tokenizer, asked, max_new_tokens=4, generator=draw, **options)
    pool = unit_test_reward(asked, texts).view(-1, 16)
    return [pool_estimate(pool, pool, k).mean().item() for k in range(1, 17)]


passed = {
    "before": pass_at_k(start.model),
    "before, T = 0.3": pass_at_k(start.model, temperature=0.3),
    "after (seed 0)": pass_at_k(runs["seed 0"][0]),
}

# %% id="11-pass-figure"
_, places = plt.subplots(1, 3, figsize=(10.4, 3.2))
for n, (name, ys) in enumerate(passed.items()):
    places[0].plot(range(1, 17), ys, marker=MARKERS[n], ms=4, label=name)
places[0].set(title="Pass@k, held out", xlabel="tries k", ylabel="share solved")
places[0].set_ylim(0, 1.02)
places[0].legend()
kept = {"entropy": "nats per token", "frac_reward_zero_std": "share of groups"}
for axes, (key, unit) in zip(places[1:], kept.items(), strict=True):
    axes.plot(smooth(runs["seed 0"][1][key]), color=COLOURS[0])
    axes.set(title=key, xlabel="step", ylabel=unit, ylim=0)
plots.show(
    "Left, pass at k over k: the model before at temperature 0.3 lies between the same "
    "model at 1 and the trained one, and close to the trained one at sixteen "
    "tries. Middle, the entropy per token falls. Right, the share of silent groups."
)

# %% id="11-pass-claim" tags=["nbval-check-output"]
first, cool, last = (ys for ys in passed.values())
claim("sixteen tries already solved three of four problems before",
      first[-1] > 0.75, pass_at_16=first[-1])  # fmt: skip
claim("one try gains more than sixteen tries do",
      last[0] - first[0] > last[-1] - first[-1] + 0.1,
      one=last[0] - first[0], sixteen=last[-1] - first[-1])  # fmt: skip
claim("sharpening without training lifts pass@16 by more than half as much",
      cool[-1] - first[-1] > (last[-1] - first[-1]) / 2,
      sharper=cool[-1], trained=last[-1])  # fmt: skip
entropy = runs["seed 0"][1]["entropy"]
claim("the entropy falls by more than a third",
      sum(entropy[-10:]) < 0.67 * sum(entropy[:10]))  # fmt: skip

# %% [markdown] id="11-samples-text"
# So the common reading is wrong here. Pass@16 rises by sharpening alone: sixteen less
# careless tries find the answer more often than sixteen wild ones. And of what training
# added to pass@16, most could be had that way. What remains is what the greedy column
# said. The right panel shows the silent groups, whose answers are all right or all
# wrong: up to a third of all during the fall, few at the end, when about half of the
# answers are right.
#
# The same problems, before and after, eight tries each:

# %% id="11-samples"
models = {"before": start.model}
models |= {name: runs[name][0] for name in ("seed 0", "coin flips")}
for seed, prompt in enumerate(held_out[100:1600:300]):
    print(f"{prompt}{answer(prompt)}")
    for name, model in models.items():
        draw, eight = generator(seed), [prompt] * 8
        texts = write(model, tokenizer, eight, max_new_tokens=4, generator=draw)
        hits = int(unit_test_reward(eight, texts).sum())
        print(f"   {name:<11} {hits} right:", *(f"{t or '∅':<4}" for t in texts))

# %% [markdown] id="11-play-text"
# ## Play: a group under your hands
#
# Type the rewards of a group and see four advantages of each completion. The fourth,
# a **batch baseline**, compares with the mean of the whole batch instead of the group.
#
# **Predict first.** The rewards are 1 1 1 1 1 1 1 0, and the batch's mean is 0.3. Under
# which methods is the one wrong answer pushed down hardest, and under which is a right
# answer still pushed up hard?
#
# <details><summary>Answer</summary>
#
# GRPO pushes the wrong one hardest, by −2.64: the group is nearly solved, so its
# standard deviation is small. The right answers get +0.38 from GRPO and +0.14 or less
# from the other group methods, but +0.70 from the batch baseline, which only sees that
# they are better than the rest of the batch.
#
# </details>
#
# First the picture for one right answer among eight.

# %% id="11-play-static"
from course.widgets import show_group

show_group([1, 0, 0, 0, 0, 0, 0, 0], batch_mean=0.3)

# %% id="11-play" tags=["widget"]
from course.widgets import group_playground

group_playground([1, 0, 0, 0, 0, 0, 0, 0], batch_mean=0.3)

# %% [markdown] id="11-limits"
# By code: `show_group([1, 1, 1, 1, 1, 1, 1, 0], batch_mean=0.3)`.
#
# ## What was shown, and what was not
#
# Exactly, by enumeration: what the division by the standard deviation does to
# questions of every difficulty; which normalisation is the policy gradient, and whose
# bias vanishes with the batch; where each KL estimator pulls, and where it ends. By
# experiment, for one small model, one task and three seeds of the training: greedy
# answers to problems that no training saw get better, sampled ones, on average over
# the seeds, more than twice as often right, and without a true reward they do not. The
# losses of this chapter (GRPO with the four normalisations of TRL 1.16, and RLOO)
# equal TRL's to 1e-5 in value and in gradient: `tests/test_clipping_oracles.py`
# compares them.
#
# Not shown: that the model could learn to add from rewards alone. A policy that is
# never right is never rewarded, so it learned from right sums first, and that
# model at temperature 0.3 says how much of the gain it knew already. Nor that GRPO or
# RLOO is better; one run of RLOO beside three of GRPO cannot say. Nor what
# happens on a task whose test can be fooled: ours compares with the one right text. A
# program that has to pass five unit tests can pass them by printing five constants.
#
# ## Test yourself
#
# 1. What does a group replace, and what does that cost?
# 2. Why is `frac_reward_zero_std` high at the very beginning of a hard task, and again
#    at the end of an easy one?
# 3. RLOO and Dr. GRPO differ by one factor. Which, and does it matter?
# 4. Which questions does GRPO's division favour, and what stops it at the ends?
# 5. A policy writes longer and longer wrong answers. Which normalisation do you
#    suspect?
# 6. You want to *watch* the KL. Which estimator? You want to *penalise* it in the loss.
#    Which?
# 7. Rewards are coin flips. Name two reasons why the policy changes all the same.
#
# <details><summary>Answers</summary>
#
# 1. The critic. It costs several answers to each question, and every token of an answer
#    gets the same advantage.
# 2. At first all sixteen are wrong, at the end all are right: nothing to compare.
# 3. $G/(G-1)$: no more than a learning rate that is larger by as much.
# 4. Those with $p$ near 0 or 1; the group size, which cannot weigh above $\sqrt{G-1}$.
# 5. `seq_mean`: each token of a long wrong answer is punished less.
# 6. Watch with k3 near the reference, with k1 far from it. In the loss k2 or
#    ratio · k3; token by token they leave out what follows, k1 in the reward does not.
# 7. A batch's mean is not the expectation, so every step moves; and an optimiser that
#    normalises gradients makes the steps large however small the gradient is.
#
# </details>
#
# ## Further reading
#
# - Z. Shao and others, [*DeepSeekMath: Pushing the Limits of Mathematical Reasoning in
#   Open Language Models*](https://arxiv.org/abs/2402.03300), 2024: GRPO.
# - Z. Liu and others, [*Understanding R1-Zero-Like Training: A Critical
#   Perspective*](https://arxiv.org/abs/2503.20783), 2025: Dr. GRPO, and both biases.
# - W. Kool, H. van Hoof and M. Welling, [*Buy 4 REINFORCE Samples, Get a Baseline for
#   Free!*](https://openreview.net/forum?id=r1lgTGL5DE), 2019: leave-one-out.
# - A. Ahmadian and others, [*Back to Basics: Revisiting REINFORCE Style Optimization
#   for Learning from Human Feedback in LLMs*](https://arxiv.org/abs/2402.14740), 2024:
#   RLOO.
# - Q. Yu and others, [*DAPO*](https://arxiv.org/abs/2503.14476), 2025: `token_mean`.
# - J. Schulman, [*Approximating KL
#   Divergence*](http://joschu.net/blog/kl-approx.html), 2020: the three estimators as
#   numbers.
# - DeepSeek-AI, [*DeepSeek-R1: Incentivizing Reasoning Capability in LLMs via
#   Reinforcement Learning*](https://arxiv.org/abs/2501.12948), 2025: verifiable rewards
#   at scale.
# - Y. Yue and others, [*Does Reinforcement Learning Really Incentivize Reasoning
#   Capacity in LLMs Beyond the Base Model?*](https://arxiv.org/abs/2504.13837), 2025:
#   pass@k.
# - R. Shao and others, [*Spurious Rewards: Rethinking Training Signals in
#   RLVR*](https://arxiv.org/abs/2506.10947), 2025: when random rewards help.
#
# **Next:** the [five exercises](../exercises/11_grpo.ipynb), then [chapter
# 12](12_dpo.ipynb), which needs neither samples nor a reward, only pairs.
