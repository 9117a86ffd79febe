"""Best-of-n: write n completions, keep the one that scores best.

The simplest use of a reward model: no training, only choice.  `n` counts the
candidates of one prompt; the proxy score chooses, the gold score judges the choice.
"""

import math

import torch
from torch import Tensor

from course.expect import cpu_generator, tensors, whole_number


def best_of_n(scores: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Which of the n candidates of each prompt scores best; ties are broken at random.

    scores: shape (..., n), finite.  generator: on the CPU, for the ties.  Returns
    positions 0 to n - 1, shape (...), long.  Raises ValueError for no candidate or a
    score that is not finite.  Chapter 08.

    >>> texts = ["poor", "superb", "fine"]
    >>> texts[best_of_n(torch.tensor([-1.0, 3.0, 1.0]))]
    'superb'
    """
    cpu_generator(generator)
    _check_scores("scores", scores)
    # Of the best, the one with the highest lot; lots lie in [0, 1).
    lots = torch.rand(scores.shape, generator=generator).to(scores.device)
    best = scores == scores.amax(-1, keepdim=True)
    return lots.masked_fill(~best, -1.0).argmax(-1)


def kept_rows(
    scores: Tensor, n: int, generator: torch.Generator | None = None
) -> Tensor:
    """Which rows of a batch rejection sampling keeps: the best of every n in a row.

    scores: shape (prompts * n,), finite, the n candidates of a prompt side by side.
    generator: on the CPU, for the ties.  Returns row numbers of the whole batch,
    shape (prompts,), long.  Raises ValueError when the batch does not divide by n, and
    as `best_of_n`.
    Source: Touvron et al. 2023, "Llama 2", section 3.2.3.  Chapter 08.

    >>> kept_rows(torch.tensor([1.0, 3.0, 2.0, 9.0, 7.0, 8.0]), n=3).tolist()
    [1, 3]
    """
    tensors(scores=scores)
    _check_n(n)
    if not scores.numel():
        raise ValueError("got no scores, expected at least one group of n")
    if scores.dim() != 1 or len(scores) % n:
        raise ValueError(
            f"got scores of shape {tuple(scores.shape)}, expected (batch,) with a "
            f"batch that {n} divides"
        )
    best = best_of_n(scores.view(-1, n), generator)  # (prompts,), within each prompt
    return torch.arange(len(best), device=best.device) * n + best


def best_of_n_kl(n: int) -> float:
    """KL of best-of-n to the policy it samples: log n - (n - 1) / n, in nats.

    Exact when no two candidates can tie; an upper bound when they can, such as where
    samples repeat.  Raises TypeError or ValueError unless n is a whole number >= 1.
    Source: Stiennon et al. 2020; bound: Beirami et al. 2024.  Chapter 08.

    >>> round(best_of_n_kl(4), 3)
    0.636
    """
    _check_n(n)
    return math.log(n) - (n - 1) / n


def pool_weights(size: int, n: int) -> Tensor:
    """Chance of each candidate of a pool, worst first, to be the best of n drawn.

    C(i - 1, n - 1) / C(size, n) for the i-th worst: itself and n - 1 of the i - 1
    below it, drawn without replacement.  Returns shape (size,), fp64 on the CPU, sum 1.
    Raises ValueError unless 1 <= n <= size.  Chapter 08.

    >>> [round(w, 6) for w in pool_weights(4, 2).tolist()]
    [0.0, 0.166667, 0.333333, 0.5]
    """
    whole_number(size=size)
    _check_n(n)
    if n > size:
        raise ValueError(f"got n {n}, expected at most the {size} of the pool")
    # Through logarithms: C(1024, 512) is too large for a float.
    total = _log_binomial(size, n)
    weights = [
        math.exp(_log_binomial(i - 1, n - 1) - total) for i in range(n, size + 1)
    ]
    return torch.tensor([0.0] * (n - 1) + weights, dtype=torch.float64)


def pool_estimate(
    proxy: Tensor, gold: Tensor, n: int, generator: torch.Generator | None = None
) -> Tensor:
    """Expected gold score of the candidate that the proxy picks among n of a pool.

    The mean over all C(size, n) draws from the pool, hence unbiased for every n from
    one pool: sum_i C(i - 1, n - 1) / C(size, n) * gold_(i), sorted by proxy, worst
    first, ties in random order.  proxy, gold: shape (..., size), finite.  generator:
    on the CPU, for the ties.  Returns shape (...), in units of gold.  Give the proxy
    twice for the proxy's own curve.  Raises ValueError on unequal shapes, a score that
    is not finite, or n above the size.
    Source: Nakano et al. 2021 (WebGPT).  Chapter 08.

    >>> proxy, gold = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([5.0, 0.0, 3.0])
    >>> [round(float(pool_estimate(proxy, gold, n)), 3) for n in (1, 2, 3)]
    [2.667, 2.0, 3.0]
    """
    cpu_generator(generator)
    tensors(proxy=proxy, gold=gold)
    _check_scores("proxy scores", proxy)
    _check_scores("gold scores", gold)
    if proxy.shape != gold.shape:
        raise ValueError(
            f"got proxy {tuple(proxy.shape)} and gold {tuple(gold.shape)}, "
            "expected equal shapes (..., size)"
        )
    gold = gold if gold.is_floating_point() else gold.float()
    weights = pool_weights(proxy.shape[-1], n).to(gold)
    # A stable sort keeps the shuffled order among equals.
    lots = torch.rand(proxy.shape, generator=generator).to(proxy.device)
    shuffled = lots.argsort(-1)
    order = proxy.gather(-1, shuffled).argsort(dim=-1, stable=True)
    return gold.gather(-1, shuffled.gather(-1, order)) @ weights


def _log_binomial(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _check_n(n: int) -> None:
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"got n as {type(n).__name__}, expected a whole number (int)")
    if n < 1:
        raise ValueError(f"got n {n}, expected at least 1")


def _check_scores(name: str, scores: Tensor) -> None:
    tensors(scores=scores)
    if not scores.dim() or not scores.shape[-1]:
        raise ValueError(
            f"got {name} of shape {tuple(scores.shape)}, expected (..., n) with n >= 1"
        )
    if not torch.isfinite(scores).all():
        raise ValueError(f"got {name} that are not finite, expected finite numbers")
