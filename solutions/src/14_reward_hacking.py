# %% [markdown] id="14-title"
# # Exercises for chapter 14 · Reward hacking
#
# Four short functions: how far a climb may go, a score that listens to several models,
# an alarm, and what a crash costs. Write each in place of
# `raise NotImplementedError`, run its cell and the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case.

# %% [markdown] id="14-1-text"
# - **Given** `kl`, shape `(n,)`, in nats, and `gain`, shape `(n,)`: a judge's score
#   minus that of the start.
# - **Return** shape `(3,)`: the $a$ and $b$ of $\text{gain} = d\,(a - b\,d)$ with
#   $d = \sqrt{\mathrm{KL}}$, by least squares, and the KL of the curve's peak in nats;
#   infinity where it does not turn ($a \le 0$ or $b \le 0$).
# - *About 5 lines.*

# %% id="14-1-stub" tags=["exercise"]
import torch
from torch import Tensor


def kl_budget_fit(kl: Tensor, gain: Tensor) -> Tensor:
    """a, b and the peak, in nats, of gain = d(a - b d), d = root of KL: (3,).

    kl, gain: shape (n,).
    """
    ### BEGIN SOLUTION
    d = kl.double().sqrt()
    columns = torch.stack((d, -d * d), 1)
    a, b = torch.linalg.lstsq(columns, gain.double()[:, None]).solution[:, 0]
    peak = torch.where((a > 0) & (b > 0), (a / (2 * b)) ** 2, float("inf"))
    return torch.stack((a, b, peak))
    ### END SOLUTION


# %% id="14-1-check"
kl_budget_fit = check(kl_budget_fit)

# %% [markdown] id="14-1-use-text"
# A judge was asked at five distances. How far should the climb have gone?

# %% id="14-1-use" tags=["nbval-check-output"]
a, b, peak = kl_budget_fit(
    torch.tensor([1.0, 10, 40, 90, 160]), torch.tensor([0.3, 1.0, 1.6, 1.5, 0.9])
)
print(f"a = {a:.2f}, b = {b:.3f}, the peak is at {peak:.0f} nats")

# %% id="14-1-claim" tags=["nbval-check-output"]
from course import claim

claim("the fitted curve is highest between 40 and 90 nats", 40 < peak < 90, peak=peak)

# %% [markdown] id="14-2-text"
# - **Given** `scores`, shape `(models, batch)`, on one scale, and `caution`.
# - **Return** shape `(batch,)`: the mean of the models minus `caution` times their
#   standard deviation, which divides by the number of models.
# - *About 1 line.*


# %% id="14-2-stub" tags=["exercise"]
def conservative_score(scores: Tensor, caution: float = 1.0) -> Tensor:
    """Mean over the models - caution * their deviation (biased).

    scores: shape (models, batch).  Returns shape (batch,).
    """
    ### BEGIN SOLUTION
    return scores.mean(0) - caution * scores.std(0, correction=0)
    ### END SOLUTION


# %% id="14-2-check"
conservative_score = check(conservative_score)

# %% [markdown] id="14-2-use-text"
# Two texts with the same mean. About the second the models disagree.

# %% id="14-2-use" tags=["nbval-check-output"]
three = torch.tensor([[1.0, 3.0], [1.0, 0.0], [1.0, 0.0]])
print([round(s, 2) for s in conservative_score(three).tolist()])

# %% [markdown] id="14-3-text"
# - **Given** `values`, a list with one number a step; `calm`, `width` and `run`.
# - **Return** the step, counted from 0, at which the alarm rings, or `None`. The band
#   is mean ± `width` × standard deviation ($n - 1$) of the first `calm` values; only
#   later steps can ring. It rings at the **last** of the first `run` neighbours in a
#   row outside the band. With fewer than `calm` values it never rings.
# - *About 8 lines.*

# %% id="14-3-stub" tags=["exercise"]
from collections.abc import Sequence


def alarm(
    values: Sequence[float], calm: int = 6, width: float = 4.0, run: int = 2
) -> int | None:
    """The step at which `run` neighbours in a row have left the calm band, or None."""
    ### BEGIN SOLUTION
    if len(values) < calm:
        return None
    quiet = torch.tensor(values[:calm], dtype=torch.float64)
    middle, band = float(quiet.mean()), width * float(quiet.std())
    outside = 0
    for step in range(calm, len(values)):
        outside = outside + 1 if abs(values[step] - middle) > band else 0
        if outside == run:
            return step
    return None
    ### END SOLUTION


# %% id="14-3-check"
alarm = check(alarm)

# %% [markdown] id="14-3-use-text"
# One value alone rings nothing; two in a row do.

# %% id="14-3-use" tags=["nbval-check-output"]
entropy = [4.0, 4.1, 3.9, 4.0, 4.1, 3.9, 2.0, 4.0, 3.4, 3.3, 3.2]
print("rings at step", alarm(entropy), "of", len(entropy))

# %% [markdown] id="14-4-text"
# - **Given** `scores`, a list with one number a text, or `None` where the scorer
#   crashed; and `worst`, no higher than any score.
# - **Return** shape `(batch,)`: the scores in their order, with `worst` for a crash.
# - *About 1 line.*


# %% id="14-4-stub" tags=["exercise"]
def with_unscorable(scores: Sequence[float | None], worst: float) -> Tensor:
    """Scores, shape (batch,), in which None has become `worst`."""
    ### BEGIN SOLUTION
    return torch.tensor([worst if s is None else float(s) for s in scores])
    ### END SOLUTION


# %% id="14-4-check"
with_unscorable = check(with_unscorable)

# %% [markdown] id="14-4-use-text"
# A group of four programs, one of which crashes. Its mean with and without the repair:

# %% id="14-4-use" tags=["nbval-check-output"]
group = [1.0, 0.0, None, 0.0]
scored = [s for s in group if s is not None]
print(f"crash dropped: {sum(scored) / len(scored):.2f}")
print(f"crash charged: {with_unscorable(group, worst=-1.0).mean():.2f}")
