# %% [markdown] id="11-title"
# # 11 · GRPO, RLOO and verifiable rewards
#
# Several answers to one question judge each other, a program says which of them are
# right, and a small model that adds badly learns to add better.
#
# When you have read it you can:
#
# - write a reward that a program verifies, and say what would slip through it;
# - compute the advantages of GRPO, Dr. GRPO and RLOO, and say what each does to easy
#   and to hard questions;
# - say which loss normalisation treats long answers unfairly, and why;
# - tell the three KL estimators apart, as numbers and as losses;
# - train with GRPO on three seeds, and check the gain against random rewards.

# %% [markdown] id="11-task-text"
# ## A task with a right answer
#
# Until now a model of human taste gave the rewards. It can be fooled, and chapter 09
# showed the first signs. For some tasks there is no need of it: a sum is right or
# wrong, a program passes its tests or fails. Such a reward is called **verifiable**.
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
    "int(x) == 85": lambda x: x.strip().isdigit() and int(x) == 85,
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


def success(model, prompts=held_out, seed=0, **options):
    """Share of the problems that the model solves at the first try."""
    texts = write(model, tokenizer, prompts, max_new_tokens=4,
                  generator=generator(seed), **options)  # fmt: skip
    return unit_test_reward(prompts, texts).mean().item()


print(
    f"{sum(p.numel() for p in start.model.parameters()):,} parameters,",
    f"{len(train_problems):,} problems to train on, {len(held_out):,} held out",
)
before = success(start.model), success(start.model, top_k=1)
print(f"held out: sampled {before[0]:.2f}, greedy {before[1]:.2f}")
for seed, prompt in enumerate(held_out[300:303]):
    texts = write(start.model, tokenizer, [prompt] * 16, max_new_tokens=4,
                  generator=generator(seed))  # fmt: skip
    print(f"{prompt}{answer(prompt)}, sixteen tries:", *texts)

# %% [markdown] id="11-group-text"
# ## Groups instead of a critic
#
# PPO's critic (chapter 10) is a second model that predicts how good a text will be.
# A verifiable task can do without it: ask the *same* question $G$ times, and let the
# answers of this **group** judge each other. With the scores $r_1, \dots, r_G$ of one
# group:
#
# $$ A_i = \frac{r_i - \text{mean}(r)}{\text{std}(r) + \epsilon}
#   \quad\text{(GRPO)} \qquad
#   A_i = r_i - \text{mean}(r) \quad\text{(Dr. GRPO)} \qquad
#   A_i = r_i - \text{mean}_{j \ne i}(r_j) \quad\text{(RLOO)} $$
#
# All tokens of an answer get the answer's advantage. RLOO is the leave-one-out
# baseline of chapter 09. It is Dr. GRPO in larger units:
# $r_i - \text{mean}_{j \ne i}(r_j) = \frac{G}{G-1}\,(r_i - \text{mean}(r))$.
#
# **Predict first.** A question is so hard that all sixteen answers are wrong. What do
# the three methods learn from it?
#
# <details><summary>Answer</summary>
#
# Nothing. All scores equal their mean, so all advantages are 0, and so is the gradient.
# The same happens where all sixteen are right. `frac_reward_zero_std` is the share of
# such groups. It is the first number to look at when a run does not learn.
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
G = len(r)
for name, A in (
    ("GRPO", (r - r.mean()) / (r.std(correction=0) + 1e-4)),
    ("Dr. GRPO", r - r.mean()),
    ("RLOO", r - (r.sum() - r) / (G - 1)),
):
    print(f"{name:<9} right {A[0]:+.2f}, wrong {A[1]:+.2f}, sum {abs(A.sum()):.0f}")
r = torch.randn(12, generator=generator(0), dtype=torch.float64)
claim(
    "RLOO's advantages are G / (G - 1) times the centred ones",
    torch.allclose(rloo_advantages(r, 4), 4 / 3 * centred_advantages(r, 4)),
)
claim(
    "they sum to zero in every group",
    rloo_advantages(r, 4).view(3, 4).sum(1).abs().max() < 1e-12,
)

# %% [markdown] id="11-equal-text"
# That equal scores give exactly no gradient is a statement about the whole loss, so we
# ask the loss. $\rho$ is the ratio of chapter 10; on the first update it is 1.
#
# $$ \text{loss} = \operatorname{mean}\bigl( -\min(\rho_t A,\;
#   \operatorname{clip}(\rho_t, 1 - \epsilon, 1 + \epsilon)\, A) + \beta\, k_{3,t}
#   \bigr) $$

# %% id="11-equal" tags=["nbval-check-output"]
from course.policy.clipping import grpo_loss
from course.policy.enumerable import TinyPolicy, all_batches
from course.policy.losses import reduce_seq_sum

pi = TinyPolicy.random(generator(0), scale=0.5)
p = pi.probabilities().detach()  # of the seven texts of chapter 09
rows = torch.tensor([1, 4, 6, 6])  # a group of four of them


def loss_of(A, rows, reduce=reduce_seq_sum, mask=pi.mask):
    """The GRPO loss on its first update: old = new, and no reference."""
    logp = pi.logprobs()[rows]
    return grpo_loss(logp, logp, None, A, mask[rows], 0.0, 0.2, reduce=reduce)


for scores in ([1.0, 1, 1, 1], [0.1, 0.1, 0.1, 0.1], [1.0, 0, 0, 0]):
    A = group_advantages(torch.tensor(scores, dtype=torch.float64), 4)
    gradient = pi.gradient(loss_of(A, rows))
    print(scores, "→ gradient is zero:", bool((gradient == 0).all()))
equal = group_advantages(torch.full((4,), 0.1, dtype=torch.float64), 4)
claim(
    "equal scores in a group give exactly no gradient",
    (pi.gradient(loss_of(equal, rows)) == 0).all(),
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
#   \Bigl[ \frac{1 - (k+1)/G}{s(k+1) + \epsilon}
#   + \frac{k/G}{s(k) + \epsilon} \Bigr], \qquad
#   s(k) = \sqrt{\tfrac{k}{G}\bigl(1 - \tfrac{k}{G}\bigr)}. $$
#
# **Predict first.** For which $p$ is the weight $c(p)$ smallest?
#
# <details><summary>Answer</summary>
#
# For $p = \frac12$: there the standard deviation, by which we divide, is largest.
#
# </details>

# %% id="11-std" tags=["nbval-check-output"]
from math import comb, sqrt


def c(p, G, eps=1e-4):
    """GRPO's weight of a question that is solved with probability p."""

    def s(k):
        return sqrt(k / G * (1 - k / G)) + eps

    return sum(
        comb(G - 1, k) * p**k * (1 - p) ** (G - 1 - k)
        * ((1 - (k + 1) / G) / s(k + 1) + k / G / s(k))
        for k in range(G)
    )  # fmt: skip


print("p        1 / √(p(1-p))   c, G = 4   c, G = 16   centred, G = 16")
for chance in (0.01, 0.05, 0.2, 0.5, 0.8, 0.99):
    print(
        f"{chance:<8} {1 / sqrt(chance * (1 - chance)):>10.2f}"
        f" {c(chance, 4):>12.2f} {c(chance, 16):>10.2f} {15 / 16:>12.2f}"
    )
score = torch.tensor([0.0, 1, 0, 0, 1, 0, 1], dtype=torch.float64)  # 7 texts
total = sum(
    -p[rows].prod() * loss_of(group_advantages(score[rows], 3), rows)
    for rows in all_batches(3)
)  # the exact mean over all 343 groups of three
wanted = c(float(p @ score), 3) * pi.gradient(pi.expected(score))
claim(
    "over all groups of three, GRPO's gradient is c(p) times that of p",
    (pi.gradient(total) - wanted).abs().max() < 1e-9,
)

# %% id="11-std-figure"
import matplotlib.pyplot as plt

from course import plots
from course.plots import COLOURS

ps = [i / 200 for i in range(1, 200)]
_, axes = plt.subplots(1, 2, figsize=(9.2, 3.2))
for G, style in ((4, ":"), (16, "-")):
    axes[0].plot(
        ps, [c(x, G) for x in ps], style, color=COLOURS[0], label=f"GRPO, G = {G}"
    )
    axes[1].plot(ps, [c(x, G) * x * (1 - x) for x in ps], style, color=COLOURS[0])
axes[0].plot(ps, [15 / 16] * 199, "--", color=COLOURS[1], label="centred, G = 16")
axes[1].plot(ps, [15 / 16 * x * (1 - x) for x in ps], "--", color=COLOURS[1])
axes[0].set(
    title="The division favours the two ends",
    ylim=0,
    xlabel="success probability p",
    ylabel="weight of the question",
)
axes[1].set(
    title="… so they are pulled harder as well",
    ylim=0,
    xlabel="success probability p",
    ylabel="pull on its logit",
)
axes[0].legend()
plt.show()

# %% [markdown] id="11-length-text"
# *The figure: left, the weight over p; the centred one is a flat line, GRPO's is a
# bowl, deeper for the larger group. Right, the pull: a parabola for the centred one, a
# wider and higher hill for GRPO.*
#
# At $p = \frac12$, where a group has most to say, GRPO's weight is smallest. Towards
# both ends it rises, but not as far as $1/\sqrt{p(1-p)}$: the size of the group stops
# it at $\sqrt{G-1}$. A hopeless question rarely has a right answer among its sixteen,
# and a group without one is silent.
#
# What a question's own logit feels is this weight times $p(1-p)$, because
# $\nabla p$ shrinks at the ends as well.
#
# Is that good? It depends. Questions near the ends get more of the step, and their
# gradient is also the noisiest. With scores that are *more* than two values the
# division even changes the direction in which the policy moves. Liu and others (2025)
# leave it out and call the result Dr. GRPO ("done right").
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

# %% id="11-length" tags=["nbval-check-output"]
from functools import partial

from course.policy.losses import (
    reduce_const,
    reduce_seq_mean,
    reduce_token_mean,
)

joins = {
    "seq_mean": reduce_seq_mean,
    "token_mean": reduce_token_mean,
    "const": partial(reduce_const, max_length=8),
    "seq_sum": reduce_seq_sum,
}
mask = torch.arange(8) < torch.tensor([[2], [8]])
for name, join in joins.items():
    values = torch.zeros(2, 8, dtype=torch.float64, requires_grad=True)
    join(values, mask).backward()  # how much one token of each answer weighs
    short, long = values.grad[:, 0].tolist()
    print(f"{name:<11} short {short:.3f}, long {long:.3f}, ratio {short / long:.0f}")


# %% [markdown] id="11-length-exact-text"
# Which of them is the policy gradient? The seven texts of chapter 09 have one or two
# tokens, so we can ask for the exact mean of each gradient, over all 49 batches of
# two, with the stars of chapter 09 as scores. We also ask what happens when every
# score grows by the same constant, which is no reason to change one's mind.

# %% id="11-length-exact" tags=["nbval-check-output"]
joins["const"] = partial(reduce_const, max_length=2)  # of the seven texts
stars = torch.tensor([1.0, 3, 2, 5, 4, 3, 1], dtype=torch.float64)


def mean_gradient(join, shift=0.0):
    """Exact mean of the negative loss's gradient, over all batches of two."""
    losses = (p[rows].prod() * loss_of(stars[rows] + shift, rows, join)
              for rows in all_batches(2))  # fmt: skip
    return -pi.gradient(sum(losses))


grad_J = pi.gradient(pi.expected(stars))
for name, join in joins.items():
    found, shifted = mean_gradient(join), mean_gradient(join, shift=1.0)
    cosine = torch.cosine_similarity(found.flatten(), grad_J.flatten(), 0)
    print(
        f"{name:<11} along the policy gradient: {bool(cosine > 1 - 1e-9)!s:<6}",
        "unmoved by the constant:",
        bool((found - shifted).abs().max() < 1e-9),
    )
claim(
    "const is the policy gradient, divided by the longest length",
    (mean_gradient(joins["const"]) - grad_J / 2).abs().max() < 1e-9,
)
bias = mean_gradient(reduce_seq_mean, 1.0) - mean_gradient(reduce_seq_mean)
claim(
    "with seq_mean a constant in the scores moves the policy", bias.abs().max() > 0.01
)

# %% [markdown] id="11-kl-text"
# A group's own mean takes the constant out again, but not the length: `seq_mean` and
# `token_mean` still point elsewhere. The course uses `token_mean` all the same, as most
# libraries do, and says so. Our answers have three or four tokens; it matters
# little here, and much where answers have two to four thousand.
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

# %% id="11-kl-values" tags=["nbval-check-output"]
from course.policy.kl import kl_estimators

x = torch.linspace(-12, 12, 48001, dtype=torch.float64)
q = torch.exp(-x.square() / 2)
q = q / q.sum()  # the policy: normal, mean 0
table = {}
print("KL      estimator   bias     standard deviation")
for mu in (0.1, 1.0):
    kl = mu**2 / 2
    values = kl_estimators(-x.square() / 2, -(x - mu).square() / 2)  # (3, grid)
    mean = values @ q
    std = ((values - mean[:, None]).square() @ q).sqrt()
    for n in range(3):
        table[mu, n + 1] = (mean[n] / kl - 1).item(), (std[n] / kl).item()
        bias, spread = table[mu, n + 1]
        print(f"{kl:.3f}   k{n + 1}        {abs(bias):.4f}   {spread:6.2f}")
worst = max(abs(table[mu, n][0]) for mu in (0.1, 1.0) for n in (1, 3))
claim("k1 and k3 are unbiased", worst < 1e-6)
claim("k2 is biased where the policies differ", table[1.0, 2][0] > 0.2)
claim(
    "near the reference k3 is ten times less noisy than k1",
    table[0.1, 1][1] > 10 * table[0.1, 3][1],
)

# %% [markdown] id="11-kl-examined-text"
# This is the table of Schulman (2020), reproduced.
#
# > ## A common description, examined
# >
# > **"k3 is the best KL penalty for the loss, because it is unbiased and has low
# > variance."**
#
# The first half of the reason is right: we just saw it. But a loss is not read, it is
# *differentiated*, and the derivative of a good estimate need not be a good estimate
# of the derivative. The value is an average over samples **of the policy**, and the
# policy is what moves; the derivative of $k_3$ at a given sample knows nothing of that.
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

# %% id="11-kl-gradients" tags=["nbval-check-output"]
logits = torch.tensor([0.5, -0.2, 1.0], dtype=torch.float64, requires_grad=True)
logp = logits.log_softmax(0)
uniform = torch.full_like(logp, 1 / 3)
weight, ratio = logp.exp().detach(), (logp - logp.detach()).exp()
k = kl_estimators(logp, uniform.log())  # (3 estimators, 3 tokens)


def gradient(loss):
    return torch.autograd.grad(loss, logits, retain_graph=True)[0]


target = gradient((logp.exp() * (logp - uniform.log())).sum())
other = gradient((uniform * (uniform.log() - logp)).sum())
rows = {"KL(π ‖ ref): the target": target, "KL(ref ‖ π): the other way": other}
for n in range(3):
    rows[f"k{n + 1} in the loss"] = gradient((weight * k[n]).sum())
for n in range(3):
    rows[f"ratio · k{n + 1} in the loss"] = gradient((weight * ratio * k[n]).sum())
rows["k1 in the reward"] = gradient((weight * k[0].detach() * logp).sum())
rows["k3 in the reward"] = gradient((weight * k[2].detach() * logp).sum())
for name, g in rows.items():
    exact = "  = target" if (g - target).abs().max() < 1e-12 else ""
    numbers = "  ".join(f"{x:+.4f}" for x in (g + 1e-9).tolist())
    print(f"{name:<27} {numbers}{exact}")

# %% id="11-kl-claims" tags=["nbval-check-output"]
claim("k1 in the loss does nothing", rows["k1 in the loss"].abs().max() < 1e-12)
claim("k2 in the loss is exact", (rows["k2 in the loss"] - target).abs().max() < 1e-12)
claim(
    "k3 in the loss is the gradient of the KL the other way round",
    (rows["k3 in the loss"] - other).abs().max() < 1e-12,
)
claim("and that is another direction", torch.cosine_similarity(other, target, 0) < 0.99)
claim(
    "times the ratio, k3 is exact",
    (rows["ratio · k3 in the loss"] - target).abs().max() < 1e-12,
)

# %% [markdown] id="11-kl-optimum-text"
# Does the direction matter in the end? We give the three tokens rewards and follow
# each exact gradient until nothing moves. The optimum of "reward minus
# $\beta\, \text{KL}(\pi \,\|\, \text{ref})$" is known in closed form (chapter 12):
# $\pi^*(y) \propto \text{ref}(y)\, e^{r(y)/\beta}$.

# %% id="11-kl-optimum"
rewards, beta = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64), 0.5
best = (uniform.log() + rewards / beta).softmax(0)
penalties = {
    "k1": lambda k, ratio: k[0], "k2": lambda k, ratio: k[1],
    "k3": lambda k, ratio: k[2], "ratio · k3": lambda k, ratio: ratio * k[2],
}  # fmt: skip
ends = {"closed form": best}
for name, penalty in penalties.items():
    theta = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    for _ in range(800):
        logp = theta.log_softmax(0)
        weight, ratio = logp.exp().detach(), (logp - logp.detach()).exp()
        cost = beta * penalty(kl_estimators(logp, uniform.log()), ratio)
        loss = (weight * (cost - rewards * logp)).sum()
        (slope,) = torch.autograd.grad(loss, theta)
        theta.data -= slope
    ends[name] = theta.softmax(0).detach()

# %% id="11-kl-optimum-figure"
_, axes = plt.subplots(figsize=(6.6, 3))
for n, (name, end) in enumerate(ends.items()):
    places = [token + 0.16 * (n - 2) for token in range(3)]
    axes.bar(
        places,
        end,
        0.16,
        label=name,
        color=COLOURS[n],
        hatch=("", "xx", "//", "..", "\\\\")[n],
        edgecolor="white",
    )
axes.set_xticks(range(3), [f"reward {x:g}" for x in rewards.tolist()])
plots.finish(
    axes,
    "Only k2 and ratio · k3 end where the formula says",
    "token",
    "probability at the end",
)


# %% id="11-kl-optimum-claim" tags=["nbval-check-output"]
def off(name):
    """Total variation distance to the closed form."""
    return ((ends[name] - best).abs().sum() / 2).item()


claim(
    "k2 and ratio · k3 reach the closed form", max(off("k2"), off("ratio · k3")) < 1e-4
)
claim("k3 ends elsewhere", off("k3") > 0.02, distance=off("k3"))
claim(
    "with k1 there is no leash at all: one token takes everything", ends["k1"][2] > 0.99
)

# %% [markdown] id="11-kl-verdict-text"
# *The figure: three groups of bars, one group a token. The bars of the closed form, of
# k2 and of ratio · k3 are equally high; those of k3 differ a little, and k1 puts
# everything on the best token.*
#
# So the description confuses two uses. **To watch a run, k3 is the better estimate. As
# a loss it is the forward KL:** still a leash, still of use (GRPO was published with
# it), but another leash than the one in the formula. TRL 1.16 multiplies it by the
# ratio unless told otherwise. And whoever puts k1 into the loss has no leash, and a
# curve that looks like one.
#
# ## The adder learns
#
# Here is the training. One step draws questions from the training problems, writes a
# group of sixteen answers to each, asks the test, and makes one GRPO update. There is
# no reference: nothing but the test says what a good answer is. The loop is
# `course.policy.loop.train`, the same for all algorithms; the step is
# `course.policy.grpo.grpo_step`, and short enough to read aloud.
#
# Three runs differ in their seed. A fourth is the **negative control**: its rewards
# are coin flips, right as often as the model is in the beginning, whatever the answer.
# Everything else is the same, so whatever rises there does not come from the reward.
# The learning rate is small and rises during the first tenth of the steps. Both matter:
# at twice this rate a run lost nearly all its success within twenty steps, and did not
# win it back.
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
from copy import deepcopy
from time import perf_counter

from course.policy.grpo import grpo_step
from course.policy.loop import train

SETTINGS = {"steps": 150, "batch_size": 8, "group_size": 16, "max_new_tokens": 4}


def warm(done):
    """Share of the learning rate: up in the first tenth, then down to 0."""
    return min(1.0, 0.05 + done / 0.1) * (1 - done)


coins = generator(7)


def coin_flips(prompts, completions):
    """1 as often as the model is right before, whatever it wrote."""
    return (torch.rand(len(completions), generator=coins) < before[0]).float()


def run(score, seed):
    """A GRPO run from the pretrained model: policy, history, true success."""
    policy, truth = deepcopy(start.model), []
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3, weight_decay=0.0)
    step = partial(grpo_step, policy, optimizer, group_size=16)

    def rewarded(prompts, completions):
        truth.append(unit_test_reward(prompts, completions).mean().item())
        return score(prompts, completions)

    history = train(
        policy,
        start.model,
        tokenizer,
        train_problems,
        rewarded,
        step,
        optimizer=optimizer,
        generator=generator(seed),
        schedule=warm,
        **SETTINGS,
    )
    return policy, history, truth


# %% id="11-runs"
began = perf_counter()
runs = {f"seed {seed}": run(unit_test_reward, seed) for seed in (0, 1, 2)}
runs["coin flips"] = run(coin_flips, 0)
print(f"four runs in {perf_counter() - began:.0f} s")
print(f"{'':<12} success while training: first and last ten steps")
for name, (_, _, truth) in runs.items():
    print(f"{name:<12} {sum(truth[:10]) / 10:.2f} → {sum(truth[-10:]) / 10:.2f}")

# %% [markdown] id="11-first-text"
# Before looking at any success, one check that every run should pass. The first
# update of a step meets exactly the policy that wrote the answers. So every ratio is
# **exactly** 1 and nothing can be clipped. Anything else means that writing and
# training disagree about a probability.

# %% id="11-first" tags=["nbval-check-output"]
histories = [history for _, history, _ in runs.values()]
claim(
    "in every step of every run the first ratio is exactly 1",
    max(max(h["first/ratio_error"]) for h in histories) == 0,
)
claim(
    "and its clip fraction is exactly 0",
    max(max(h["first/clipfrac"]) for h in histories) == 0,
)

# %% [markdown] id="11-held-text"
# ## Three seeds, problems that no training saw
#
# Success while training is success on problems that the model was rewarded for. What
# decides are the held-out ones.

# %% id="11-held"
after = {
    name: (success(policy), success(policy, top_k=1))
    for name, (policy, _, _) in runs.items()
}
print(f"{'held out':<12} sampled   greedy")
for name, (sampled, greedy) in ({"before": before} | after).items():
    print(f"{name:<12} {sampled:>7.3f} {greedy:>8.3f}")

# %% id="11-held-claim" tags=["nbval-check-output"]
seeds = [after[f"seed {n}"][0] for n in range(3)]
claim(
    "before, between 10 and 40 % of the sampled answers are right",
    0.1 < before[0] < 0.4,
    before=before[0],
)
claim(
    "on all three seeds the success at least doubles",
    min(seeds) > 2 * before[0],
    lowest=min(seeds),
    before=before[0],
)
claim(
    "the greedy answers get better as well, on all three seeds",
    min(after[f"seed {n}"][1] for n in range(3)) > before[1] + 0.03,
)
claim(
    "with coin flips the success does not rise",
    after["coin flips"][0] < before[0] + 0.02,
    after=after["coin flips"][0],
)


# %% id="11-signature"
def smooth(ys, width=8):
    """Mean of the last few values."""
    return [
        sum(ys[max(0, i + 1 - width) : i + 1]) / min(i + 1, width)
        for i in range(len(ys))
    ]


_, axes = plt.subplots(figsize=(7.2, 4))
last = SETTINGS["steps"] + 3
for n, (name, (_, _, truth)) in enumerate(runs.items()):
    line = "--" if name == "coin flips" else "-"
    axes.plot(smooth(truth), line, color=COLOURS[n], label=name)
    axes.plot(last, after[name][0], plots.MARKERS[n], color=COLOURS[n])
axes.axhline(before[0], color="gray", lw=1, ls=":")
axes.annotate("before", (last, before[0]), ha="right", va="bottom", fontsize=8)
axes.set_ylim(0, 1)
doubled = min(seeds) > 2 * before[0] and after["coin flips"][0] < before[0] + 0.02
title = (
    "A program's verdict lifts the success; coin flips do not"
    if doubled
    else "The success did not double on every seed"
)
plots.finish(
    axes, title, "step (dots at the end: held out, sampled)", "share of right answers"
)

# %% [markdown] id="11-more-text"
# *The figure: three lines, one a seed, rise together over the steps, and their dots on
# held-out problems stand at the same height. The dashed line of the coin flips sinks
# to zero.*
#
# The coin flips did not just fail to help. They destroyed what the model knew: a
# reward without a direction still makes steps, and nearly everywhere a step can lead,
# sums are wrong. "Zero on average" is no protection.
#
# ## What was learned, and what is left to learn from
#
# Did the model learn to add, or did it learn to trust what it already knew? **Pass@k**
# asks whether at least one of $k$ answers is right. If training only sharpens the
# policy, pass@1 rises and pass@16 does not. We write sixteen answers to some held-out
# problems, and estimate every $k$ from that pool (chapter 08).

# %% id="11-pass"
from course.reward.best_of_n import pool_estimate

some = held_out[::8]
passed = {}
for name, model in (("before", start.model), ("seed 0", runs["seed 0"][0])):
    prompts = [q for q in some for _ in range(16)]
    texts = write(model, tokenizer, prompts, max_new_tokens=4, generator=generator(3))
    pool = unit_test_reward(prompts, texts).view(-1, 16)
    passed[name] = [pool_estimate(pool, pool, k).mean().item() for k in range(1, 17)]
_, axes = plt.subplots(1, 2, figsize=(9.2, 3.2))
for n, (name, ys) in enumerate(passed.items()):
    axes[0].plot(range(1, 17), ys, marker=plots.MARKERS[n], ms=4, label=name)
gain = (
    passed["seed 0"][0] - passed["before"][0],
    passed["seed 0"][-1] - passed["before"][-1],
)
axes[0].set(
    title=f"One try gains {gain[0]:+.2f}, sixteen tries {gain[1]:+.2f}",
    xlabel="tries k",
    ylabel="pass@k, held out",
    ylim=(0, 1.02),
)
axes[0].legend()
h = runs["seed 0"][1]
for n, key in enumerate(("entropy", "frac_reward_zero_std")):
    axes[1].plot(smooth(h[key]), "-:"[n], color=COLOURS[n + 1], label=key)
first, end = (sum(part) / 10 for part in (h["entropy"][:10], h["entropy"][-10:]))
axes[1].set(
    title=f"Entropy goes from {first:.1f} to {end:.1f} nats per token",
    xlabel="step", ylabel="nats; share of groups", ylim=0,
)  # fmt: skip
axes[1].legend()
plt.show()

# %% id="11-pass-claim" tags=["nbval-check-output"]
claim("sixteen tries already solved three of four problems before",
      passed["before"][-1] > 0.75)  # fmt: skip
claim("one try gains more than sixteen tries do", gain[0] > gain[1] + 0.1)
claim("the entropy falls by more than a third", end < 0.67 * first)

# %% [markdown] id="11-samples-text"
# *The figure: left, pass@k over k, before and after; both rise, and they come closer to
# each other. Right, over the steps, the entropy per token falls; the dotted line is the
# share of silent groups.*
#
# Both, then. Most of the gain is trust: the right answer was among sixteen tries
# before, and is now the first. But pass@16 rises as well.
#
# The same problems, before and after, eight tries each:

# %% id="11-samples"
for seed, prompt in enumerate(held_out[100:1600:300]):
    print(f"{prompt}{answer(prompt)}")
    for name, model in (
        ("before", start.model),
        ("after", runs["seed 0"][0]),
        ("coin flips", runs["coin flips"][0]),
    ):
        texts = write(model, tokenizer, [prompt] * 8, max_new_tokens=4,
                      generator=generator(seed))  # fmt: skip
        right = int(unit_test_reward([prompt] * 8, texts).sum())
        print(f"   {name:<11} {right} right:", *(f"{t or '∅':<4}" for t in texts))

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
# GRPO pushes the wrong one hardest, by −2.65: the group is nearly solved, so its
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
# questions of every difficulty; which normalisation is the policy gradient; where each
# KL estimator pulls, and where it ends. By experiment, for one small model, one task
# and three seeds of the training: the success on problems that no training saw more
# than doubles, and without a true reward it does not. The losses of this chapter (GRPO
# with the four normalisations of TRL 1.16, and RLOO) equal TRL's to 1e-5 in value and
# in gradient: `tests/test_clipping_oracles.py` compares them.
#
# Not shown: that the model could learn to add from rewards alone. A policy that is
# never right is never rewarded, so it learned from right sums first, and pass@16 says
# how much of the gain it knew already. We also tried another start with the same
# success, a model that had seen too few right sums instead of careless ones. With the
# same few steps it did not get better: there was too little to draw out. Nor that
# dividing by the standard deviation helps or harms here; we ran one variant. Nor what
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
# ## Read on
#
# - Z. Shao and others, *DeepSeekMath: Pushing the Limits of Mathematical Reasoning in
#   Open Language Models*, 2024, arXiv:2402.03300: GRPO.
# - Z. Liu and others, *Understanding R1-Zero-Like Training: A Critical Perspective*,
#   2025, arXiv:2503.20783: Dr. GRPO, and both biases.
# - A. Ahmadian and others, *Back to Basics: Revisiting REINFORCE Style Optimization for
#   Learning from Human Feedback in LLMs*, 2024, arXiv:2402.14740: RLOO.
# - J. Schulman, *Approximating KL Divergence*, 2020: the three estimators as numbers.
# - DeepSeek-AI, *DeepSeek-R1: Incentivizing Reasoning Capability in LLMs via
#   Reinforcement Learning*, 2025, arXiv:2501.12948: verifiable rewards at scale.
# - Y. Yue and others, *Does Reinforcement Learning Really Incentivize Reasoning
#   Capacity in LLMs Beyond the Base Model?*, 2025, arXiv:2504.13837: pass@k.
#
# **Next:** the five exercises in `exercises/11_grpo.ipynb`, then chapter 12, which
# needs neither samples nor a reward, only pairs.
