# %% [markdown] id="09-title"
# # Exercises for chapter 9 · Policy gradients
#
# Five functions from [the chapter](../notebooks/09_policy_gradients.ipynb) that are,
# together, the learning half of a reinforcement-learning loop. Write each in place of
# `raise NotImplementedError`, run its cell and the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case. In all five, `mask` is 1 up to and including the
# last token of a completion, and 0 on padding.

# %% [markdown] id="09-1-text"
# - **Given** `rewards` and `mask`, shape `(batch, time)`; `gamma`, from 0 to 1.
# - **Return** shape `(batch, time)`: $G_t = r_t + \gamma\, G_{t+1}$, with 0 after the
#   last token and on padding. Whatever stands in `rewards` on padding must not count.
# - *About 6 lines.*

# %% id="09-1-stub" tags=["exercise"]
import torch
from torch import Tensor


def returns_to_go(rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    """Discounted sum of the rewards from each token on.

    rewards, mask: shape (batch, time).  Returns shape (batch, time), 0 on padding.
    """
    ### BEGIN SOLUTION
    rewards = rewards.masked_fill(~mask.bool(), 0.0)  # first, so nothing leaks
    returns = torch.zeros_like(rewards)
    following = torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        following = rewards[:, t] + gamma * following
        returns[:, t] = following
    return returns
    ### END SOLUTION


# %% id="09-1-check"
returns_to_go = check(returns_to_go)

# %% [markdown] id="09-1-use-text"
# A text of three tokens pays 1 for the first and 4 for the last. The fourth column is
# padding, with junk values in it.

# %% id="09-1-use" tags=["nbval-check-output"]
rewards = torch.tensor([[1.0, 0.0, 4.0, 99.0]])
mask = torch.tensor([[1, 1, 1, 0]])
for gamma in (1.0, 0.5, 0.0):
    print(f"gamma {gamma}:", returns_to_go(rewards, mask, gamma)[0].tolist())

# %% [markdown] id="09-2-text"
# - **Given** `logprobs` and `mask`, shape `(batch, time)`; `advantages`, shape
#   `(batch,)`, one for each completion, or `(batch, time)`, one for each token.
# - **Return** a scalar: minus advantage times log-probability, averaged over all
#   completion tokens of the batch. No gradient may flow into the advantages.
# - *About 4 lines.*


# %% id="09-2-stub" tags=["exercise"]
def reinforce_loss(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    """- advantage * log-probability, averaged over all completion tokens.

    logprobs, mask: shape (batch, time); advantages: (batch,) or (batch, time).
    Returns a scalar in which a gradient flows to logprobs only.
    """
    ### BEGIN SOLUTION
    if advantages.ndim == 1:
        advantages = advantages[:, None]
    values = -advantages.detach() * logprobs
    return values.masked_fill(~mask.bool(), 0.0).sum() / mask.sum()
    ### END SOLUTION


# %% id="09-2-check"
reinforce_loss = check(reinforce_loss)

# %% [markdown] id="09-2-use-text"
# Two completions of one token were drawn from two equal choices. The first earned 1,
# the second nothing, so with the mean as baseline their advantages are +½ and −½. The
# loss is 0, and yet it teaches.

# %% id="09-2-use" tags=["nbval-check-output"]
logits = torch.zeros(2, requires_grad=True)
chosen = logits.log_softmax(0)[torch.tensor([[0], [1]])]  # (2, 1)
loss = reinforce_loss(chosen, torch.tensor([0.5, -0.5]), torch.ones(2, 1))
loss.backward()
print(f"loss {abs(loss.item()):.1f}, gradient {logits.grad.tolist()}")

# %% [markdown] id="09-3-text"
# - **Given** `rewards`, shape `(batch,)`, the completions of one prompt next to each
#   other; `group_size`, their number for each prompt.
# - **Return** shape `(batch,)`: for every sample the mean reward of the *other*
#   samples of its prompt.
# - *About 3 lines.*


# %% id="09-3-stub" tags=["exercise"]
def leave_one_out_baseline(rewards: Tensor, group_size: int) -> Tensor:
    """For every sample the mean reward of the other samples of its prompt.

    rewards: shape (batch,), whole groups of group_size.  Returns shape (batch,).
    """
    ### BEGIN SOLUTION
    groups = rewards.view(-1, group_size)
    others = groups.sum(1, keepdim=True) - groups
    return (others / (group_size - 1)).view(-1)
    ### END SOLUTION


# %% id="09-3-check"
leave_one_out_baseline = check(leave_one_out_baseline)

# %% [markdown] id="09-3-use-text"
# Two prompts with three completions each. The second prompt is hard, and its best text
# earns less than the worst of the first. Its advantage is positive all the
# same: it is compared with texts for the same prompt.

# %% id="09-3-use" tags=["nbval-check-output"]
rewards = torch.tensor([5.0, 6.0, 7.0, -3.0, -1.0, -2.0])
A = rewards - leave_one_out_baseline(rewards, group_size=3)
print([f"{x:+.1f}" for x in A.tolist()])

# %% [markdown] id="09-4-text"
# - **Given** `action_probs`, `rewards` and `next_values`, all `(states, actions)`;
#   `next_values` holds the value of the state that an action leads to, 0 where the
#   text ends; `gamma`, the discount.
# - **Return** shape `(states,)`:
#   $V(s) = \sum_a \pi(a \mid s)\, [\, r(s, a) + \gamma\, V(s') \,]$.
# - *About 1 line.*


# %% id="09-4-stub" tags=["exercise"]
def bellman_backup(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    """Value of each state under the policy.

    action_probs, rewards, next_values: shape (states, actions).
    Returns shape (states,).
    """
    ### BEGIN SOLUTION
    worth = rewards + gamma * next_values
    return (action_probs * worth).sum(-1)
    ### END SOLUTION


# %% id="09-4-check"
bellman_backup = check(bellman_backup)

# %% [markdown] id="09-4-use-text"
# A writer adds "very" forever, or stops. Every "very" pays 1; stopping pays
# 0. It stops half of the time. Each backup knows one step more; the values approach
# $0.5 \cdot (1 + V)$, that is 1.

# %% id="09-4-use" tags=["nbval-check-output"]
V = torch.zeros(1)
half, pay = torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, 0.0]])
for backup in range(1, 6):
    V = bellman_backup(half, pay, torch.tensor([[V.item(), 0.0]]))
    print(f"after {backup} backups V = {V.item():.5f}")

# %% [markdown] id="09-5-text"
# - **Given** `logits`, shape `(batch, time, vocabulary)`, row *t* being the one that
#   token *t* was drawn from; `mask`, shape `(batch, time)`.
# - **Return** a scalar: the mean entropy over the completion tokens of the batch, in
#   nats per token. Logits may be as large as 1000, and the gradient is finite there,
#   too.
# - *About 3 lines.*


# %% id="09-5-stub" tags=["exercise"]
def policy_entropy(logits: Tensor, mask: Tensor) -> Tensor:
    """Mean entropy of the next-token distributions, in nats per token.

    logits: shape (batch, time, vocabulary); mask: (batch, time).  Returns a scalar.
    """
    ### BEGIN SOLUTION
    logp = logits.log_softmax(-1)
    each = -(logp.exp() * logp).sum(-1)  # (batch, time)
    return each.masked_fill(~mask.bool(), 0.0).sum() / mask.sum()
    ### END SOLUTION


# %% id="09-5-check"
policy_entropy = check(policy_entropy)

# %% [markdown] id="09-use-text"
# ## All together
#
# With your own functions, a policy over four tokens learns that the second one is
# good. Every step draws 32 tokens.

# %% id="09-use"
draw = torch.Generator().manual_seed(0)
logits = torch.zeros(4, requires_grad=True)
ones = torch.ones(32, 1)
for step in range(61):
    tokens = torch.multinomial(logits.softmax(0), 32, True, generator=draw)
    rewards = (tokens == 1).float()
    A = rewards - leave_one_out_baseline(rewards, group_size=32)
    logprobs = logits.log_softmax(0)[tokens][:, None]
    (gradient,) = torch.autograd.grad(reinforce_loss(logprobs, A, ones), logits)
    H = policy_entropy(logits.detach().view(1, 1, 4), torch.ones(1, 1))
    if step % 20 == 0:
        print(f"step {step}: mean reward {rewards.mean():.2f}, entropy {H:.2f}")
    logits.data -= gradient

# %% id="09-use-claim" tags=["nbval-check-output"]
from course import claim

claim("the good token ends above 0.9", logits.softmax(0)[1] > 0.9)
claim("the entropy fell under half of log 4", (H / torch.tensor(4.0).log()) < 0.5)
