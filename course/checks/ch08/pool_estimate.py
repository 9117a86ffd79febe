"""Exercise 8.3: the estimate for every n from one pool."""

import math
from collections.abc import Callable
from math import comb

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def pool(*shape: int, scale: float = 1.0) -> tuple[Tensor, Tensor]:
        both = torch.randn(2, *shape, generator=generator) * scale
        return both[0], both[1]

    two = torch.tensor([1.0, 2.0]), torch.tensor([5.0, 3.0])
    three = torch.tensor([2.0, 3.0, 1.0]), torch.tensor([0.0, 3.0, 5.0])
    same = torch.tensor([0.5, -1.0, 2.0, 1.0])
    # Many rows: in half precision all are ties, and a random choice must not pass.
    close = torch.tensor([[50.001, 50.003, 50.002], [50.003, 50.001, 50.002]])
    close, judged = close.repeat(8, 1), torch.tensor([0.0, 3.0, 5.0]).repeat(16, 1)
    return [
        Probe("one candidate", (torch.tensor([0.5]), torch.tensor([2.0]), 1)),
        Probe("two candidates, n = 1", (*two, 1)),
        Probe("two candidates, n = 2", (*two, 2)),
        Probe("three candidates, n = 2", (*three, 2)),
        Probe("the proxy judges itself", (same, same, 2)),
        Probe("close scores", (close, judged, 2)),
        Probe("eight candidates, n = 4", (*pool(8), 4)),
        Probe("six candidates, n = 6", (*pool(6), 6)),
        Probe("two prompts", (*pool(2, 5), 3)),
        Probe("as many prompts as candidates", (*pool(4, 4), 2)),
        Probe("scores × 100", (*pool(3, 7, scale=100.0), 3)),
        Probe("double precision", (*(x.double() for x in pool(5)), 2)),
        Probe("two hundred candidates, n = 100", (*pool(200), 100)),
    ]


def weighed(order_by: Tensor, values: Tensor, weight: Callable[[int], float]) -> Tensor:
    """Values sorted by what is given, worst first, times weight(rank from 1)."""
    size = values.shape[-1]
    weights = torch.tensor([weight(i) for i in range(1, size + 1)], dtype=values.dtype)
    return values.gather(-1, order_by.argsort(-1)) @ weights


def binomial(size: int, n: int) -> Callable[[int], float]:
    return lambda i: comb(i - 1, n - 1) / comb(size, n)


@mistake(
    "your chances are those of drawing with replacement, where one candidate can come "
    "twice: it makes the estimate too low; use binomials"
)
def with_replacement(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    size = gold.shape[-1]
    return weighed(proxy, gold, lambda i: (i / size) ** n - ((i - 1) / size) ** n)


@mistake(
    "you let the gold score choose: that is the ceiling; the proxy chooses, gold only "
    "judges"
)
def sorted_by_gold(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    return weighed(gold, gold, binomial(gold.shape[-1], n))


@mistake(
    "your order is upside down: the weights grow towards the best candidate, so sort "
    "worst first"
)
def best_first(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    return weighed(-proxy, gold, binomial(gold.shape[-1], n))


@mistake(
    "you average the proxy scores: the choice is the proxy's, the score asked for is "
    "the gold one"
)
def proxy_returned(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    return weighed(proxy, proxy, binomial(gold.shape[-1], n))


@mistake(
    "you do not sort: the i-th weight belongs to the i-th worst candidate by the "
    "proxy, not to the i-th of the list"
)
def not_sorted(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    return weighed(torch.arange(gold.shape[-1]).expand_as(gold), gold,
                   binomial(gold.shape[-1], n))  # fmt: skip


@mistake(
    "you use C(i, n − 1): the candidate itself is one of the n, and only i − 1 lie "
    "below it"
)
def off_by_one(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    size = gold.shape[-1]
    return weighed(proxy, gold, lambda i: comb(i, n - 1) / comb(size, n))


@mistake(
    "you look at the first n candidates only: one draw out of all; average over every "
    "draw of n"
)
def first_n(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    best = proxy[..., :n].argmax(-1, keepdim=True)
    return gold.gather(-1, best).squeeze(-1)


@mistake("you take the best of the whole pool: that is the answer for n = N only")
def best_of_all(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    return gold.gather(-1, proxy.argmax(-1, keepdim=True)).squeeze(-1)


@mistake(
    "you average the best N/n candidates: the best of n has no such hard edge, it "
    "falls on lower ones too"
)
def top_share(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    keep = max(1, gold.shape[-1] // n)
    return gold.gather(-1, proxy.topk(keep, -1).indices).mean(-1)


@mistake(
    "you average the best n of the pool: n is how many are drawn, one of them is kept"
)
def top_n(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    return gold.gather(-1, proxy.topk(n, -1).indices).mean(-1)


@mistake("you average over prompts: return one estimate for each pool")
def mean_of_prompts(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    return weighed(proxy, gold, binomial(gold.shape[-1], n)).mean()


def pair() -> tuple[Tensor, Tensor]:
    return draw(3, 9, seed=1), draw(3, 9, seed=2)


def shuffled() -> tuple[Tensor, Tensor, int]:
    order = torch.tensor([4, 2, 8, 0, 1, 7, 3, 6, 5])
    return pair()[0][:, order], pair()[1][:, order], 4


@mistake(
    "the upper number is one too large or the lower one: of the i − 1 worse ones, "
    "n − 1 are drawn besides the i-th"
)
def one_too_many(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    size = gold.shape[-1]
    w = [math.comb(i, n) / math.comb(size, n) for i in range(1, size + 1)]
    ordered = gold.gather(-1, proxy.argsort(-1))
    return (ordered * torch.tensor(w, dtype=gold.dtype)).sum(-1)


@mistake(
    "you draw n of the i − 1 worse ones: one of the n is the i-th itself, so draw n − 1"
)
def without_itself(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    size = gold.shape[-1]
    w = [math.comb(i, n) / math.comb(size, n) for i in range(size)]
    ordered = gold.gather(-1, proxy.argsort(-1))
    return (ordered * torch.tensor(w, dtype=gold.dtype)).sum(-1)


@mistake(
    "you average over blocks of n neighbours: all ways to draw n of the N count, not "
    "only these"
)
def in_blocks(proxy: Tensor, gold: Tensor, n: int) -> Tensor:
    starts = range(0, gold.shape[-1] - n + 1, n)
    best = [
        gold[..., k : k + n].gather(-1, proxy[..., k : k + n].argmax(-1, keepdim=True))
        for k in starts
    ]
    return torch.cat(best, -1).mean(-1)


EXERCISE = Exercise(
    number="8.3",
    title="Every n from one pool",
    minutes=20,
    difficulty=3,
    importance=4,
    reference="course.reward.best_of_n:pool_estimate",
    why="One pool of texts gives the whole curve over n, without bias and with far "
    "less noise than picking n texts once.",
    hints=(
        "Draw n candidates of the pool without replacement. When exactly is the i-th "
        "worst of all the best of those n?",
        "It must be drawn itself, and the other n − 1 must come from the i − 1 below "
        "it: C(i − 1, n − 1) of the C(N, n) possible draws. Sum these chances times "
        "the gold scores, sorted by the proxy, worst first.",
        "`weights = torch.tensor([math.comb(i - 1, n - 1) / math.comb(N, n) for i in "
        "range(1, N + 1)])`; then `gold.gather(-1, proxy.argsort(-1)) @ …`; mind the "
        "type of the weights.",
    ),
    probes=probes,
    properties=(
        unchanged(
            "the order of the pool does not matter",
            lambda: (*pair(), 4),
            shuffled,
            "shuffling the candidates, each with both scores,",
        ),
        unchanged(
            "only the proxy's order counts",
            lambda: (*pair(), 4),
            lambda: (pair()[0].exp() * 7, pair()[1], 4),
            "another scale of the proxy with the same order",
        ),
        always(
            "equal gold scores",
            lambda: (pair()[0], torch.full((3, 9), 2.5), 5),
            lambda value: bool(((value - 2.5).abs() < 1e-5).all()),
            "if every candidate has gold score 2.5, any choice has; your weights do "
            "not sum to 1",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
