# %% [markdown] id="17-title"
# # Exercises for chapter 17 · A real language model, and more machines
#
# Five functions: the weight of a text that another model drew, the interval of a judge
# and a few people, one process's part of a mean, what the order of a question does, and
# an adapter that becomes part of its weight. Write each in place of `raise
# NotImplementedError`, run its cell and the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case. No model is needed on this page.

# %% [markdown] id="17-1-text"
# - **Given** `logprobs` and `sampler_logprobs`, shape `(batch, time)`, nats: the same
#   tokens under the model that is trained and under the one that drew them; `mask`,
#   shape `(batch, time)`, bool; `limit`, a number, perhaps infinite. Values on padding
#   may be anything, NaN too.
# - **Return** shape `(batch,)`: how much more probable each completion is under the
#   model that is trained, at most `limit`. It is a constant of the loss: no gradient.
# - *About 2 lines.*

# %% id="17-1-stub" tags=["exercise"]
import torch
from torch import Tensor


def sequence_is(
    logprobs: Tensor, sampler_logprobs: Tensor, mask: Tensor, limit: float
) -> Tensor:
    """Importance ratio of every completion, cut off at `limit`.

    logprobs, sampler_logprobs: shape (batch, time), nats.  mask: (batch, time), bool.
    Returns shape (batch,), without gradient.
    """
    ### BEGIN SOLUTION
    difference = (logprobs - sampler_logprobs).detach().masked_fill(~mask.bool(), 0.0)
    return difference.sum(1).exp().clamp(max=limit)
    ### END SOLUTION


# %% id="17-1-check"
sequence_is = check(sequence_is)

# %% [markdown] id="17-1-use-text"
# Ten tokens, each 8 percent more probable under the one model. No token comes near the
# limit of 2; the text does.

# %% id="17-1-use" tags=["nbval-check-output"]
drawn = torch.full((1, 10), -1.0)
mask = torch.ones(1, 10, dtype=torch.bool)
print(f"one token {1.08:.2f}")
for limit in (2.0, 100.0):
    w = sequence_is(drawn + torch.tensor(1.08).log(), drawn, mask, limit)
    print(f"the text, limit {limit:g}: {w.item():.2f}")

# %% [markdown] id="17-2-text"
# - **Given** `asked`, shape `(n,)`: what people said of n texts; `judged`, shape
#   `(n,)`: what a judge says of the same; `unasked`, shape `(m,)`: what it says of m
#   other texts; `weight`, λ; `z`, the number of standard errors to each side.
# - **Return** shape `(2,)`, the lower end first. The middle is
#   $\overline{(y - \lambda f)}_{\text{asked}} + \lambda \overline{f}_{\text{unasked}}$;
#   the variances of the two means add up, each sample variance with $n - 1$.
# - *About 5 lines.*


# %% id="17-2-stub" tags=["exercise"]
def judge_interval(
    asked: Tensor, judged: Tensor, unasked: Tensor, weight: float, z: float
) -> Tensor:
    """Both ends of an interval for what people would say on average.

    asked, judged: shape (n,), of the same texts.  unasked: shape (m,), of others.
    Returns shape (2,), the lower end first.
    """
    ### BEGIN SOLUTION
    errors = asked - weight * judged
    middle = errors.mean() + weight * unasked.mean()
    variance = errors.var() / len(asked) + weight**2 * unasked.var() / len(unasked)
    half = z * variance.sqrt()
    return torch.stack([middle - half, middle + half])
    ### END SOLUTION


# %% id="17-2-check"
judge_interval = check(judge_interval)

# %% [markdown] id="17-2-use-text"
# Forty people's answers, and a judge that agrees with most of them and is too friendly.

# %% id="17-2-use" tags=["nbval-check-output"]
from course.runtime import generator

draw = generator(0)
said = (torch.rand(440, generator=draw) < 0.5).double()
judge = 0.3 + 0.5 * said + 0.2 * torch.rand(440, generator=draw).double()
for weight in (0.0, 1.0):
    low, high = judge_interval(said[:40], judge[:40], judge[40:], weight, 1.96)
    print(f"weight {weight:g}: width {high - low:.2f}")
print(f"the judge's own mean is {judge.mean():.2f}, the truth {said.mean():.2f}")

# %% [markdown] id="17-3-text"
# - **Given** `values` and `mask`, shape `(batch, time)`, those of this process;
#   `tokens`, how many completion tokens all processes have together; `processes`,
#   their number.
# - **Return** a scalar: the processes' results will be averaged, and their mean must be
#   the mean of the values over all completion tokens. Values on padding may be anything
#   finite.
# - *One line.*


# %% id="17-3-stub" tags=["exercise"]
def rank_mean(values: Tensor, mask: Tensor, tokens: int, processes: int) -> Tensor:
    """This process's part of the mean over the completion tokens of all.

    values, mask: shape (batch, time); mask is bool.  Returns a scalar.
    """
    ### BEGIN SOLUTION
    return values.masked_fill(~mask, 0.0).sum() * processes / tokens
    ### END SOLUTION


# %% id="17-3-check"
rank_mean = check(rank_mean)

# %% [markdown] id="17-3-use-text"
# Short texts on one process, long ones on the other, and every token worth its length.

# %% id="17-3-use" tags=["nbval-check-output"]
lengths = torch.tensor([[2, 3], [9, 12]])
masks = [torch.arange(12) < row[:, None] for row in lengths]
values = [row[:, None].expand(2, 12).float() for row in lengths]
tokens = int(lengths.sum())
parts = [rank_mean(v, m, tokens, 2) for v, m in zip(values, masks, strict=True)]
own = [rank_mean(v, m, int(m.sum()), 1) for v, m in zip(values, masks, strict=True)]
print(f"mean over all tokens {sum(parts) / 2:.2f}, ", end="")
print(f"mean of own means {sum(own) / 2:.2f}")

# %% id="17-3-claim" tags=["nbval-check-output"]
from course import claim

everything = sum((v * m).sum() for v, m in zip(values, masks, strict=True)) / tokens
claim("the mean of both parts is the mean over all tokens",
      bool((sum(parts) / 2 - everything).abs() < 1e-5))  # fmt: skip

# %% [markdown] id="17-4-text"
# - **Given** `shown_first` and `shown_second`, shape `(n,)`: the probability that text
#   i wins its pair when it is shown first, and when it is shown second.
# - **Return** shape `(2,)`: half of the mean difference, first minus second; and the
#   share of pairs whose winner changes. A text wins with a probability above one half.
# - *About 3 lines.*


# %% id="17-4-stub" tags=["exercise"]
def swap_bias(shown_first: Tensor, shown_second: Tensor) -> Tensor:
    """What the order alone does: its mean pull, and the share of verdicts that flip.

    shown_first, shown_second: shape (n,).  Returns shape (2,).
    """
    ### BEGIN SOLUTION
    pull = (shown_first - shown_second).mean() / 2
    flips = (shown_first > 0.5) != (shown_second > 0.5)
    return torch.stack([pull, flips.to(pull.dtype).mean()])
    ### END SOLUTION


# %% id="17-4-check"
swap_bias = check(swap_bias)

# %% [markdown] id="17-4-use-text"
# A judge that sees the difference in every pair, and favours the first place by a nat.

# %% id="17-4-use" tags=["nbval-check-output"]
odds = torch.linspace(-3, 3, 31)  # of text i, if the order did nothing
pull, flips = swap_bias((odds + 1).sigmoid(), (odds - 1).sigmoid())
print(f"pull {pull:.2f}, verdicts that flip {flips:.2f}")

# %% [markdown] id="17-5-text"
# - **Given** `weight`, shape `(out, in)`; `a`, shape `(rank, in)`; `b`, shape
#   `(out, rank)`; `alpha`, the strength. The layer computes $Wx$, its adapter
#   $\frac{\alpha}{\text{rank}}\, B (A x)$.
# - **Return** shape `(out, in)`: one weight that computes the sum of both.
# - *One line.*


# %% id="17-5-stub" tags=["exercise"]
def merge_adapters(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """The weight of one layer with its adapter merged in.

    weight: shape (out, in).  a: (rank, in).  b: (out, rank).  Returns (out, in).
    """
    ### BEGIN SOLUTION
    return weight + alpha / len(a) * b @ a
    ### END SOLUTION


# %% id="17-5-check"
merge_adapters = check(merge_adapters)

# %% [markdown] id="17-5-use-text"
# The numbers that travel when only an adapter is sent.

# %% id="17-5-use" tags=["nbval-check-output"]
a, b = torch.zeros(8, 576), torch.zeros(576, 8)
merged = merge_adapters(torch.eye(576), a, b, 16.0)
print(f"weight {merged.numel():,} numbers, adapter {a.numel() + b.numel():,}")
