# %% [markdown] id="11-title"
# # Exercises for chapter 11 · GRPO, RLOO and verifiable rewards
#
# Five functions: two kinds of advantages, three estimators, the loss, and the test that
# pays. Write each in place of `raise NotImplementedError`, run its cell and the one
# below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case.

# %% [markdown] id="11-1-text"
# - **Given** `scores`, shape `(batch,)`, the completions of one prompt next to each
#   other, and `group_size`, their number.
# - **Return** shape `(batch,)`: score minus the mean of its group, divided by the
#   group's biased standard deviation plus $10^{-4}$.
# - *About 3 lines.*

# %% id="11-1-stub" tags=["exercise"]
import torch
from torch import Tensor


def group_advantages(scores: Tensor, group_size: int) -> Tensor:
    """GRPO: (score - mean of its group) / (standard deviation of its group + 1e-4).

    scores: shape (batch,), whole groups.  Returns shape (batch,).
    """
    ### BEGIN SOLUTION
    groups = scores.detach().view(-1, group_size)
    centred = groups - groups.mean(1, keepdim=True)
    return (centred / (groups.std(1, keepdim=True, correction=0) + 1e-4)).view(-1)
    ### END SOLUTION


# %% id="11-1-check"
group_advantages = check(group_advantages)

# %% [markdown] id="11-1-use-text"
# Three questions with four answers each: a hard one, one that is half solved, and one
# that is solved.

# %% id="11-1-use" tags=["nbval-check-output"]
scores = torch.tensor([0.0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1])
for row in group_advantages(scores, 4).view(3, 4):
    print("  ".join(f"{x:+.2f}" for x in row))

# %% [markdown] id="11-2-text"
# - **Given** `rewards`, shape `(batch,)`, whole groups of `group_size`.
# - **Return** shape `(batch,)`: reward minus the mean reward of the *other* completions
#   of its prompt.
# - *About 3 lines.*


# %% id="11-2-stub" tags=["exercise"]
def rloo_advantages(rewards: Tensor, group_size: int) -> Tensor:
    """RLOO: reward - mean reward of the other completions of its prompt.

    rewards: shape (batch,), whole groups.  Returns shape (batch,).
    """
    ### BEGIN SOLUTION
    groups = rewards.detach().view(-1, group_size)
    others = (groups.sum(1, keepdim=True) - groups) / (group_size - 1)
    return (groups - others).view(-1)
    ### END SOLUTION


# %% id="11-2-check"
rloo_advantages = check(rloo_advantages)

# %% [markdown] id="11-2-use-text"
# The same three questions. Where the group is half right, both methods give equal
# numbers to right and wrong answers; RLOO does not enlarge the hard question.

# %% id="11-2-use" tags=["nbval-check-output"]
for row in rloo_advantages(scores, 4).view(3, 4):
    print("  ".join(f"{x:+.2f}" for x in row))

# %% [markdown] id="11-3-text"
# - **Given** `logprobs` and `ref_logprobs`, nats, one shape.
# - **Return** shape `(3, ...)`: $k_1 = d$, $k_2 = d^2/2$ and $k_3 = e^{-d} - 1 + d$,
#   where $d$ is the log-probability minus the reference's. In $k_3$, $d$ is clamped to
#   ±20. No gradient may flow into the reference.
# - *About 3 lines.*


# %% id="11-3-stub" tags=["exercise"]
def kl_estimators(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """k1, k2 and k3 of every token, nats.

    logprobs, ref_logprobs: one shape.  Returns shape (3, *that shape).
    """
    ### BEGIN SOLUTION
    d = logprobs - ref_logprobs.detach()
    c = d.clamp(-20, 20)
    return torch.stack([d, d.square() / 2, torch.expm1(-c) + c])
    ### END SOLUTION


# %% id="11-3-check"
kl_estimators = check(kl_estimators)

# %% [markdown] id="11-3-use-text"
# A coin that falls heads in 3 of 4 throws, against a fair one. The exact KL is
# $0.75 \log 1.5 + 0.25 \log 0.5$. Two of the three averages are equal to it.

# %% id="11-3-use" tags=["nbval-check-output"]
p = torch.tensor([0.75, 0.25], dtype=torch.float64)
half = torch.full_like(p, 0.5)
k = kl_estimators(p.log(), half.log())
for name, mean in zip(("k1", "k2", "k3"), k @ p, strict=True):
    print(f"{name}: mean {mean:.3f}")
print(f"exact:   {(p * (p / half).log()).sum():.3f}")

# %% [markdown] id="11-4-text"
# - **Given** `logprobs`, `old_logprobs`, `ref_logprobs` and `mask`, shape
#   `(batch, time)`; `advantages`, shape `(batch,)`; `beta`; `clip_eps`.
# - **Return** a scalar: the mean over all completion tokens of
#   $-\min(\rho A,\ \text{clip}(\rho, 1 - \epsilon, 1 + \epsilon)\, A) + \beta\, k_3$,
#   with $\rho$ the ratio of the new to the old probability and $k_3$ against the
#   reference. Only `logprobs` carries a gradient.
# - *About 6 lines.*


# %% id="11-4-stub" tags=["exercise"]
def grpo_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    ref_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    beta: float,
    clip_eps: float,
) -> Tensor:
    """PPO's clipped loss with an advantage per completion, plus beta * k3 per token.

    The first three and the mask: shape (batch, time); advantages: (batch,).
    Returns a scalar in which a gradient flows to logprobs only.
    """
    ### BEGIN SOLUTION
    ratio = (logprobs - old_logprobs.detach()).exp()
    A = advantages.detach()[:, None]
    gain = torch.min(A * ratio, A * ratio.clamp(1 - clip_eps, 1 + clip_eps))
    k3 = kl_estimators(logprobs, ref_logprobs)[2]
    values = -gain + beta * k3
    return values.masked_fill(~mask.bool(), 0.0).sum() / mask.sum()
    ### END SOLUTION


# %% id="11-4-check"
grpo_loss = check(grpo_loss)

# %% [markdown] id="11-4-use-text"
# Four tokens, each half as likely again as when they were written, or half as likely.
# Which of them still get a push, if the answer was good, and if it was bad?

# %% id="11-4-use" tags=["nbval-check-output"]
old = torch.full((1, 2), 0.2).log()
one = torch.ones(1, 2)
for verdict, A in (("good", 1.0), ("bad", -1.0)):
    new = (old + torch.tensor([[1.5, 0.5]]).log()).requires_grad_()
    loss = grpo_loss(new, old, old, torch.tensor([A]), one, 0.0, 0.2)
    (push,) = torch.autograd.grad(-loss, new)
    for ratio, x in zip((1.5, 0.5), push[0], strict=True):
        print(f"{verdict} answer, ratio {ratio}: push {x + 0.0:+.2f}")

# %% [markdown] id="11-5-text"
# - **Given** `prompts`, additions such as `"27+58="`, and `completions`, what the
#   policy wrote: anything at all.
# - **Return** shape `(batch,)`, `torch.float32`: 1 where the completion, without the
#   space around it, is the sum as Python writes it; else 0. Never run what the policy
#   wrote.
# - *About 6 lines.*


# %% id="11-5-stub" tags=["exercise"]
def unit_test_reward(prompts: list[str], completions: list[str]) -> Tensor:
    """1 where the completion is the sum that its prompt asks for, else 0.

    Returns shape (batch,), float32.
    """
    ### BEGIN SOLUTION
    passed = []
    for prompt, completion in zip(prompts, completions, strict=True):
        a, b = prompt.rstrip("=").split("+")
        passed.append(completion.strip() == str(int(a) + int(b)))
    return torch.tensor(passed, dtype=torch.float32)
    ### END SOLUTION


# %% id="11-5-check"
unit_test_reward = check(unit_test_reward)

# %% [markdown] id="11-use-text"
# ## All together
#
# With your own functions: a policy over the 19 possible sums of two digits learns to
# answer `7+8=`. It begins without a clue. Every step draws one group of sixteen.

# %% id="11-use"
draw = torch.Generator().manual_seed(0)
logits = torch.zeros(19, requires_grad=True)
reference = logits.detach().log_softmax(0)
mask = torch.ones(16, 1)
for step in range(101):
    sums = torch.multinomial(logits.detach().softmax(0), 16, True, generator=draw)
    rewards = unit_test_reward(["7+8="] * 16, [str(x) for x in sums.tolist()])
    logp = logits.log_softmax(0)[sums][:, None]
    ref = reference[sums][:, None]
    A = group_advantages(rewards, 16)
    loss = grpo_loss(logp, logp.detach(), ref, A, mask, beta=0.01, clip_eps=0.2)
    (gradient,) = torch.autograd.grad(loss, logits)
    if step % 25 == 0:
        chance = logits.softmax(0)[15].item()
        print(f"step {step}: right {int(rewards.sum())} of 16, p(15) = {chance:.2f}")
    logits.data -= gradient

# %% id="11-use-claim" tags=["nbval-check-output"]
from course import claim

claim("the right sum ends above 0.9", logits.softmax(0)[15] > 0.9)
claim(
    "RLOO's advantages are GRPO's without the division, times G / (G - 1)",
    torch.allclose(
        rloo_advantages(scores, 4),
        group_advantages(scores, 4)
        * (scores.view(3, 4).std(1, correction=0) + 1e-4).repeat_interleave(4)
        * 4
        / 3,
    ),
)
