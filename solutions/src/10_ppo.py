# %% [markdown] id="10-title"
# # Exercises for chapter 10 · PPO
#
# Five functions that are the inside of a PPO step. Write each in place of
# `raise NotImplementedError`, run its cell and the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case. In all five, `mask` is 1 up to and including the
# last token of a completion, and 0 on padding.

# %% [markdown] id="10-1-text"
# - **Given** `logprobs`, `old_logprobs` and `mask`, shape `(batch, time)`; the first
#   two in nats. What stands on padding may be anything.
# - **Return** shape `(batch, time)`: $\rho_t = e^{\,l_t - l^{old}_t}$, and 1 on
#   padding. A gradient flows into `logprobs` only.
# - *About 2 lines.*

# %% id="10-1-stub" tags=["exercise"]
import torch
from torch import Tensor


def importance_ratio(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    """How much more likely each token became: exp(new - old), 1 on padding.

    logprobs, old_logprobs, mask: shape (batch, time).  Returns that shape.
    """
    ### BEGIN SOLUTION
    d = logprobs - old_logprobs.detach()
    return d.masked_fill(~mask.bool(), 0.0).exp()  # 0 before exp
    ### END SOLUTION


# %% id="10-1-check"
importance_ratio = check(importance_ratio)

# %% [markdown] id="10-1-use-text"
# A token that had probability 0.2 now has 0.3, another one stayed. The third column is
# padding, with junk values in it.

# %% id="10-1-use" tags=["nbval-check-output"]
l_old = torch.tensor([[0.2, 0.5, 1e-30]]).log()
l_new = torch.tensor([[0.3, 0.5, 1.0]]).log()
rho = importance_ratio(l_new, l_old, torch.tensor([[1, 1, 0]]))
print([round(x, 3) for x in rho[0].tolist()])

# %% [markdown] id="10-2-text"
# - **Given** `logprobs`, `old_logprobs`, `mask`, shape `(batch, time)`; `advantages`,
#   shape `(batch,)` or `(batch, time)`; `clip_eps`, the half-width of the clip.
# - **Return** a scalar: $\max(-A\rho, -A\,\mathrm{clip}(\rho, 1-\varepsilon,
#   1+\varepsilon))$, averaged over all completion tokens of the batch. What stands in
#   the log-probabilities on padding may be anything. A gradient flows into `logprobs`
#   only.
# - *About 6 lines.* You may use your `importance_ratio`.


# %% id="10-2-stub" tags=["exercise"]
def ppo_clip_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    clip_eps: float,
) -> Tensor:
    """The larger of the plain and the clipped loss, averaged over all tokens.

    logprobs, old_logprobs, mask: shape (batch, time); advantages: (batch,) or
    (batch, time).  Returns a scalar in which a gradient flows to logprobs only.
    """
    ### BEGIN SOLUTION
    rho = importance_ratio(logprobs, old_logprobs, mask)
    A = advantages.detach()
    if A.ndim == 1:
        A = A[:, None]
    worse = torch.max(-A * rho, -A * rho.clamp(1 - clip_eps, 1 + clip_eps))
    return worse.masked_fill(~mask.bool(), 0.0).sum() / mask.sum()
    ### END SOLUTION


# %% id="10-2-check"
ppo_clip_loss = check(ppo_clip_loss)

# %% [markdown] id="10-2-use-text"
# One good token, at five ratios. From 1.2 on the loss no longer falls.

# %% id="10-2-use" tags=["nbval-check-output"]
zero, good = torch.zeros(1, 1), torch.ones(1)
for rho in (0.5, 1.0, 1.1, 1.2, 1.5):
    l_new = torch.tensor([[rho]]).log()
    loss = ppo_clip_loss(l_new, zero, good, zero == 0, 0.2)
    print(rho, round(loss.item(), 3))

# %% [markdown] id="10-3-text"
# - **Given** `rewards`, `values` and `mask`, shape `(batch, time)`; `values[:, t]` is
#   the critic's estimate *before* token t; `gamma` and `lam`, from 0 to 1.
# - **Return** shape `(batch, time)`: $A_t = \delta_t + \gamma\lambda A_{t+1}$ with
#   $\delta_t = r_t + \gamma V_{t+1} - V_t$; $V$ and $A$ are 0 after the last token,
#   and so is $A$ on padding. It is a constant: no gradient.
# - *About 10 lines.*


# %% id="10-3-stub" tags=["exercise"]
def gae_advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> Tensor:
    """Sum over what follows of (gamma lam)^k times the critic's error there.

    rewards, values, mask: shape (batch, time).  Returns the same, 0 on padding.
    """
    ### BEGIN SOLUTION
    padding = ~mask.bool()
    rewards = rewards.detach().masked_fill(padding, 0.0)
    values = values.detach().masked_fill(padding, 0.0)
    advantages = torch.zeros_like(rewards)
    next_value = following = torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        following = delta + gamma * lam * following
        advantages[:, t], next_value = following, values[:, t]
    return advantages.masked_fill(padding, 0.0)
    ### END SOLUTION


# %% id="10-3-check"
gae_advantages = check(gae_advantages)

# %% [markdown] id="10-3-use-text"
# A score of 1 arrives with the third token; the critic had expected half of it all
# along.

# %% id="10-3-use" tags=["nbval-check-output"]
rewards = torch.tensor([[0.0, 0.0, 1.0]])
values = torch.full((1, 3), 0.5)
for lam in (0.0, 0.5, 1.0):
    A = gae_advantages(rewards, values, torch.ones(1, 3), gamma=1.0, lam=lam)
    print(f"lambda {lam}:", A[0].tolist())

# %% [markdown] id="10-4-text"
# - **Given** `scores`, shape `(batch,)`; `old_logprobs`, `ref_logprobs` and `mask`,
#   shape `(batch, time)`; `beta`, the price of one nat. What stands on padding may be
#   anything, NaN included.
# - **Return** shape `(batch, time)`: $r_t = -\beta (l^{old}_t - l^{ref}_t)$, plus the
#   score where $t$ is the last completion token; 0 on padding. It is a constant: no
#   gradient.
# - *About 4 lines.*


# %% id="10-4-stub" tags=["exercise"]
def shaped_rewards(
    scores: Tensor,
    old_logprobs: Tensor,
    ref_logprobs: Tensor,
    mask: Tensor,
    beta: float,
) -> Tensor:
    """What every token pays for the KL, and the score on the last one.

    scores: shape (batch,); the others (batch, time).  Returns (batch, time).
    """
    ### BEGIN SOLUTION
    mask = mask.bool()
    penalty = -beta * (old_logprobs - ref_logprobs)
    position = torch.arange(mask.shape[1], device=mask.device)
    is_last = position == mask.sum(1, keepdim=True) - 1
    rewards = penalty + is_last * scores[:, None]
    return rewards.masked_fill(~mask, 0.0).detach()
    ### END SOLUTION


# %% id="10-4-check"
shaped_rewards = check(shaped_rewards)

# %% [markdown] id="10-4-use-text"
# Two texts of three and of two tokens. The sums are score minus beta times D.

# %% id="10-4-use" tags=["nbval-check-output"]
mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
l_old = torch.tensor([[-1.0, -1.0, -1.0], [-2.0, -2.0, 0.0]])
l_ref = torch.tensor([[-2.0, -1.0, -1.5], [-2.0, -3.0, 0.0]])
r = shaped_rewards(torch.tensor([1.0, 2.0]), l_old, l_ref, mask, beta=0.5)
print(r.tolist())
print("sums:", r.sum(1).tolist())

# %% [markdown] id="10-5-text"
# - **Given** `values`, `old_values`, `returns` and `mask`, shape `(batch, time)`;
#   `value_clip_eps`, how far a value may move.
# - **Return** a scalar: half of the larger of $(v - R)^2$ and $(v_{old} +
#   \mathrm{clip}(v - v_{old}, -\varepsilon, \varepsilon) - R)^2$, averaged over all
#   completion tokens. A gradient flows into `values` only.
# - *About 4 lines.*


# %% id="10-5-stub" tags=["exercise"]
def value_loss(
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    mask: Tensor,
    value_clip_eps: float,
) -> Tensor:
    """Half the squared error of the critic, or of its clipped step if larger.

    All tensors: shape (batch, time).  Returns a scalar.
    """
    ### BEGIN SOLUTION
    old, target = old_values.detach(), returns.detach()
    step = (values - old).clamp(-value_clip_eps, value_clip_eps)
    worse = torch.max((values - target) ** 2, (old + step - target) ** 2)
    return 0.5 * worse.masked_fill(~mask.bool(), 0.0).sum() / mask.sum()
    ### END SOLUTION


# %% id="10-5-check"
value_loss = check(value_loss)

# %% [markdown] id="10-5-use-text"
# A value that was 0 should become 1. Beyond 0.2 the loss no longer falls.

# %% id="10-5-use" tags=["nbval-check-output"]
zero, target = torch.zeros(1, 1), torch.ones(1, 1)
for v in (-0.5, 0.0, 0.2, 0.6):
    loss = value_loss(zero + v, zero, target, zero == 0, 0.2)
    print(v, round(loss.item(), 3))

# %% [markdown] id="10-use-text"
# ## All together
#
# With your own functions, a policy over four tokens learns that the second one is
# good. Every batch of 32 tokens is used for four updates, and the critic learns one
# value.

# %% id="10-use"
draw = torch.Generator().manual_seed(0)
logits, value = (torch.zeros(n, requires_grad=True) for n in (4, 1))
ones, ref = torch.ones(32, 1), torch.full((32, 1), 0.25).log()
for step in range(31):
    tokens = torch.multinomial(logits.softmax(0), 32, True, generator=draw)
    scores = (tokens == 1).float()
    l_old = logits.detach().log_softmax(0)[tokens][:, None]
    old = value.detach() * ones
    rewards = shaped_rewards(scores, l_old, ref, ones, beta=0.05)
    A = gae_advantages(rewards, old, ones, gamma=1.0, lam=0.95)
    for _ in range(4):
        l_new = logits.log_softmax(0)[tokens][:, None]
        loss = ppo_clip_loss(l_new, l_old, A, ones, 0.2)
        loss = loss + value_loss(value * ones, old, A + old, ones, 0.2)
        slopes = torch.autograd.grad(loss, (logits, value))
        for x, slope in zip((logits, value), slopes, strict=True):
            x.data -= 0.5 * slope
    if step % 10 == 0:
        print(f"step {step}: score {scores.mean():.2f}, value {value.item():.2f}")

# %% id="10-use-claim" tags=["nbval-check-output"]
from course import claim

good = logits.softmax(0)[1].item()
claim("the good token ends above 0.8", good > 0.8, probability=good)
claim("the critic knows it", value.item() > 0.6, value=value.item())
