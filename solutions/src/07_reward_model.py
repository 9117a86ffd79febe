# %% [markdown] id="07-title"
# # Exercises for chapter 7 · The reward model
#
# Five functions from [the chapter](../notebooks/07_reward_model.ipynb) between them
# train a reward model and judge it. Write each in place of
# `raise NotImplementedError`, run its cell and the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case. No model is needed on this page.

# %% [markdown] id="07-1-text"
# - **Given** `chosen` and `rejected`, shape `(batch,)`: scores of the text that people
#   preferred and of the other one, pair by pair. Scores may be in the hundreds.
# - **Return** a scalar in nats: the mean of $-\log \sigma(r_a - r_b)$, with $a$ the
#   chosen and $b$ the rejected text.
# - *About 1 line.*

# %% id="07-1-stub" tags=["exercise"]
import torch
import torch.nn.functional as F
from torch import Tensor


def pairwise_loss(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Mean negative log-likelihood that each chosen text beats its rejected twin.

    chosen, rejected: scores, shape (batch,).  Returns a scalar in nats.
    """
    ### BEGIN SOLUTION
    return -F.logsigmoid(chosen - rejected).mean()
    ### END SOLUTION


# %% id="07-1-check"
pairwise_loss = check(pairwise_loss)

# %% [markdown] id="07-1-use-text"
# Three pairs: clearly right, undecided, clearly wrong. Only the last one costs much.

# %% id="07-1-use" tags=["nbval-check-output"]
for difference in (4.0, 0.0, -4.0):
    loss = pairwise_loss(torch.tensor([difference]), torch.zeros(1))
    print(f"chosen − rejected = {difference:+.0f}: {loss:.2f} nats")

# %% [markdown] id="07-2-text"
# - **Given** `hidden`, shape `(batch, time, width)`: the state of every token; `mask`,
#   bool, shape `(batch, time)`: true on real tokens, padding on either side; `weight`,
#   shape `(width,)`.
# - **Return** shape `(batch,)`: state of the last real token, times `weight`.
# - *About 3 lines.*


# %% id="07-2-stub" tags=["exercise"]
def last_token_scores(hidden: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """Linear score of the state at each row's last real token.

    hidden: (batch, time, width).  mask: (batch, time), true on real tokens.
    weight: (width,).  Returns shape (batch,).
    """
    ### BEGIN SOLUTION
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = (mask * positions).argmax(dim=1)  # (batch,)
    everyone = torch.arange(len(mask), device=mask.device)
    return hidden[everyone, last] @ weight
    ### END SOLUTION


# %% id="07-2-check"
last_token_scores = check(last_token_scores)

# %% [markdown] id="07-2-use-text"
# The same text, padded on the right, on the left and on both sides. The state of
# padding is 99, so that nobody can overlook it.

# %% id="07-2-use" tags=["nbval-check-output"]
from course import claim

states = torch.tensor([[1.0, 2.0, 99, 99], [99, 99, 1.0, 2.0], [99, 1.0, 2.0, 99]])
same = last_token_scores(states[:, :, None], states < 99, torch.tensor([10.0]))
print(same.tolist())
claim("the padding side does not matter", len(set(same.tolist())) == 1)

# %% [markdown] id="07-3-text"
# - **Given** `scores` $r$, shape `(batch,)`; `bins`, shape `(batch,)`, whole numbers
#   from 0 (worst) to K − 1 (best); `cuts`, shape `(K − 1,)`, ascending.
# - **Return** a scalar in nats: the mean of $-\log P(\text{bin seen})$, with
#   $P(\text{bin } k) = \sigma(c_k - r) - \sigma(c_{k-1} - r)$, no lower cut for the
#   first bin and no upper one for the last. It must stay finite for scores in the
#   hundreds.
# - *About 6 lines.*


# %% id="07-3-stub" tags=["exercise"]
def ordinal_loss(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    """Mean negative log-likelihood of the observed rating bins.

    scores: shape (batch,).  bins: 0 (worst) to len(cuts) (best), shape (batch,).
    cuts: ascending cut points, shape (bins - 1,).  Returns a scalar in nats.
    """
    ### BEGIN SOLUTION
    distance = cuts - scores[:, None]  # (batch, cuts)
    log_below = F.logsigmoid(distance)
    log_above = F.logsigmoid(-distance)
    log_width = torch.log(-torch.expm1(-cuts.diff()))  # 1 - e^(a - b), neighbours
    middle = log_below[:, 1:] + log_above[:, :-1] + log_width
    logp = torch.cat([log_below[:, :1], middle, log_above[:, -1:]], dim=1)
    return -logp.gather(1, bins[:, None]).mean()
    ### END SOLUTION


# %% id="07-3-check"
ordinal_loss = check(ordinal_loss)

# %% [markdown] id="07-3-use-text"
# One score, three possible ratings. The probabilities that your loss stands for must
# share out 1, also for a score far away, where the plain difference is 0.

# %% id="07-3-use" tags=["nbval-check-output"]
cuts = torch.tensor([-1.0, 1.0])
for score in (0.5, 200.0):
    seen = [ordinal_loss(torch.tensor([score]), torch.tensor([k]), cuts)
            for k in range(3)]  # fmt: skip
    print(f"score {score:5.1f}: losses", " ".join(f"{abs(x):.1f}" for x in seen))
    claim("the bins share out 1", abs(sum((-x).exp() for x in seen) - 1) < 1e-5)

# %% [markdown] id="07-4-text"
# - **Given** `probabilities` and `outcomes`, shape `(n,)`: predictions from 0 to 1, and
#   1 where they came true, else 0; `bins`, how many bins of equal width.
# - **Return** a float: the mean over all predictions of the gap
#   $|\bar p_i - \bar y_i|$ of their bin. Bin $i$ holds
#   $i / \text{bins} \le p < (i + 1) / \text{bins}$, the last one $p = 1$ too.
# - *About 7 lines.*


# %% id="07-4-stub" tags=["exercise"]
def expected_calibration_error(
    probabilities: Tensor, outcomes: Tensor, bins: int = 10
) -> float:
    """Mean gap between predicted and observed frequency, weighted by bin size.

    probabilities: in [0, 1], shape (n,).  outcomes: 0 or 1, shape (n,).
    """
    ### BEGIN SOLUTION
    index = (probabilities * bins).long().clamp(max=bins - 1)
    error = 0.0
    for i in index.unique():
        inside = index == i
        promised = probabilities[inside].double().mean()
        happened = outcomes[inside].double().mean()
        error += float(inside.double().mean() * (promised - happened).abs())
    return error
    ### END SOLUTION


# %% id="07-4-check"
expected_calibration_error = check(expected_calibration_error)

# %% [markdown] id="07-4-use-text"
# Two forecasters of the same ten matches, 8 of which are won. One says 80 % each
# time, the other 100 %.

# %% id="07-4-use" tags=["nbval-check-output"]
won = torch.tensor([1.0] * 8 + [0.0] * 2)
for promise in (0.8, 1.0):
    error = expected_calibration_error(torch.full((10,), promise), won)
    print(f"says {promise:.0%}: calibration error {abs(error):.2f}")

# %% [markdown] id="07-5-text"
# - **Given** `chosen` and `rejected`, shape `(batch,)`: scores, pair by pair.
# - **Return** a float, the share of pairs whose chosen text scores **strictly** higher.
# - *About 1 line.*


# %% id="07-5-stub" tags=["exercise"]
def preference_accuracy(chosen: Tensor, rejected: Tensor) -> float:
    """Share of pairs in the right order; a tie counts as wrong.

    chosen, rejected: scores, shape (batch,).  Returns a float from 0 to 1.
    """
    ### BEGIN SOLUTION
    return float((chosen > rejected).double().mean())
    ### END SOLUTION


# %% id="07-5-check"
preference_accuracy = check(preference_accuracy)

# %% [markdown] id="07-5-use-text"
# A reward model that says 0 to everything orders no pair, so it must not get half
# of them right.

# %% id="07-5-use" tags=["nbval-check-output"]
print("all the same:", preference_accuracy(torch.zeros(8), torch.zeros(8)))
up = torch.arange(8.0)
print("always right:", preference_accuracy(up + 1, up))
claim("a constant or a factor changes nothing",
      preference_accuracy(3 * up + 5, 3 * up.flip(0) + 5)
      == preference_accuracy(up, up.flip(0)))  # fmt: skip
