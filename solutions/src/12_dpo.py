# %% [markdown] id="12-title"
# # Exercises for chapter 12 · DPO
#
# Five functions: the optimum, and what makes pairs of texts a loss. Write each in place
# of `raise NotImplementedError`, run its cell and the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case. No model is needed on this page.

# %% [markdown] id="12-1-text"
# - **Given** `ref_probs` and `rewards`, shape `(..., texts)`: probabilities of all
#   texts of a prompt under the reference, and their rewards, which may be in the
#   hundreds; `beta`, positive.
# - **Return** the same shape: $\pi^*(y) = \pi_{\text{ref}}(y)\, e^{r(y)/\beta} / Z$,
#   summing to 1 over the last dimension.
# - *About 1 line.*

# %% id="12-1-stub" tags=["exercise"]
import torch
import torch.nn.functional as F
from torch import Tensor


def optimal_policy(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    """ref(y) exp(r(y) / beta) / Z, which maximises E[r] - beta KL(pi || ref).

    ref_probs, rewards: (..., texts).  Returns (..., texts), summing to 1.
    """
    ### BEGIN SOLUTION
    return (ref_probs.log() + rewards / beta).softmax(-1)
    ### END SOLUTION


# %% id="12-1-check"
optimal_policy = check(optimal_policy)

# %% [markdown] id="12-1-use-text"
# Three texts, of which the best is rare. A short leash leaves it rare.

# %% id="12-1-use" tags=["nbval-check-output"]
ref = torch.tensor([0.7, 0.29, 0.01])
rewards = torch.tensor([0.0, 1.0, 2.0])
for beta in (5.0, 1.0, 0.2):
    chances = optimal_policy(ref, rewards, beta).tolist()
    print(f"beta {beta}: " + "  ".join(f"{c:.2f}" for c in chances))

# %% [markdown] id="12-2-text"
# - **Given** `chosen`, `rejected`, `ref_chosen`, `ref_rejected`, shape `(batch,)`:
#   log-probabilities of whole texts in nats, under the policy and under the reference.
# - **Return** shape `(batch,)`: $h = (l_w - l_w^{\text{ref}}) - (l_l -
#   l_l^{\text{ref}})$. No gradient flows into the reference.
# - *About 1 line.*


# %% id="12-2-stub" tags=["exercise"]
def pair_log_ratio(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor
) -> Tensor:
    """How much more than its reference the policy prefers chosen to rejected.

    All four: (batch,), nats.  Returns (batch,), nats.
    """
    ### BEGIN SOLUTION
    return (chosen - ref_chosen.detach()) - (rejected - ref_rejected.detach())
    ### END SOLUTION


# %% id="12-2-check"
pair_log_ratio = check(pair_log_ratio)

# %% [markdown] id="12-2-use-text"
# A policy that prefers the chosen text by 10 nats, and a reference that did so by 12.
# Which way does DPO push?

# %% id="12-2-use" tags=["nbval-check-output"]
h = pair_log_ratio(*torch.tensor([[-30.0], [-40.0], [-30.0], [-42.0]]))
print(f"h = {h.item():+.0f} nats: the policy has learned the opposite")

# %% [markdown] id="12-3-text"
# - **Given** `h`, shape `(batch,)`, the log-ratios of pairs in nats, which may be in
#   the thousands; `beta`, reward units per nat.
# - **Return** a scalar in nats: the mean of $-\log \sigma(\beta h)$.
# - *About 1 line.*


# %% id="12-3-stub" tags=["exercise"]
def dpo_loss(h: Tensor, beta: float) -> Tensor:
    """Mean of -log sigmoid(beta h).

    h: (batch,), nats.  Returns a scalar, nats per pair.
    """
    ### BEGIN SOLUTION
    return -F.logsigmoid(beta * h).mean()
    ### END SOLUTION


# %% id="12-3-check"
dpo_loss = check(dpo_loss)

# %% [markdown] id="12-3-use-text"
# The first loss of every run, and those of a pair that is settled and of one that is
# the wrong way round.

# %% id="12-3-use" tags=["nbval-check-output"]
from course import claim

for h in (0.0, 50.0, -50.0):
    print(f"h = {h:+5.0f} nats: loss {dpo_loss(torch.tensor([h]), 0.1):.3f}")
first = dpo_loss(torch.zeros(4), 0.1).item()
claim("the first loss of a run is ln 2", abs(first - 0.6931) < 1e-4, loss=first)

# %% [markdown] id="12-4-text"
# - **Given** `logprobs` and `ref_logprobs`, shape `(batch, time)`, in nats; `mask`,
#   true on the tokens of the text and false on padding; `beta`. What stands on padding
#   may be anything, NaN included.
# - **Return** shape `(batch,)`: $\hat r = \beta (l - l^{\text{ref}})$ with $l$ the sum
#   over the text's tokens. No gradient flows into the reference.
# - *About 2 lines.*


# %% id="12-4-stub" tags=["exercise"]
def implicit_rewards(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    """beta (l - l_ref), the reward whose optimal policy this policy is.

    logprobs, ref_logprobs, mask: (batch, time).  Returns (batch,), reward units.
    """
    ### BEGIN SOLUTION
    difference = logprobs - ref_logprobs.detach()
    return beta * difference.masked_fill(~mask, 0.0).sum(1)
    ### END SOLUTION


# %% id="12-4-check"
implicit_rewards = check(implicit_rewards)

# %% [markdown] id="12-4-use-text"
# Two texts that gained half a nat for each token. The longer one gained more.

# %% id="12-4-use" tags=["nbval-check-output"]
mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
gained = implicit_rewards(torch.full((2, 4), -1.0), torch.full((2, 4), -1.5), mask, 0.1)
print("  ".join(f"{x:.2f}" for x in gained))
claim(
    "twice the tokens, twice the implicit reward",
    abs(gained[1] - 2 * gained[0]) < 1e-6,
    rewards=gained,
)

# %% [markdown] id="12-5-text"
# - **Given** `h`, shape `(batch,)`, the log-ratios of pairs in nats; `beta`.
# - **Return** a scalar in nats²: the mean of $\bigl(h - \frac{1}{2\beta}\bigr)^2$.
# - *About 1 line.*


# %% id="12-5-stub" tags=["exercise"]
def ipo_loss(h: Tensor, beta: float) -> Tensor:
    """Mean of (h - 1 / (2 beta))^2.

    h: (batch,), nats.  Returns a scalar, nats^2 per pair.
    """
    ### BEGIN SOLUTION
    return (h - 1 / (2 * beta)).square().mean()
    ### END SOLUTION


# %% id="12-5-check"
ipo_loss = check(ipo_loss)

# %% [markdown] id="12-5-use-text"
# Which way do the two losses push a pair that is already 20 nats apart?

# %% id="12-5-use" tags=["nbval-check-output"]
for name, loss in (("DPO", dpo_loss), ("IPO", ipo_loss)):
    h = torch.tensor([20.0], requires_grad=True)
    loss(h, 0.1).backward()
    print(f"{name}: h goes {'up' if h.grad < 0 else 'down'}")
