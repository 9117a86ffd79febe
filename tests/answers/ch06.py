"""Answers to the exercises of chapter 6, written from their texts alone."""

import math

import numpy as np
import torch

from tools.try_answers import right, wrong


def duel(a, b, tie=0.5):
    d = a.double()[:, None] - b.double()
    return (d > 0).double() + tie * (d == 0).double()


@right("6.1")
def duel_loops(ratings_a, ratings_b):
    score = 0.0
    for x in ratings_a.tolist():
        for y in ratings_b.tolist():
            score += 1.0 if x > y else 0.5 if x == y else 0.0
    return score / (len(ratings_a) * len(ratings_b))


right("6.1")(
    lambda a, b: float((torch.sign(a[None, :] - b[:, None]).double().mean() + 1) / 2)
)
right("6.1")(
    lambda a, b: float(
        np.mean(
            np.greater.outer(a.numpy(), b.numpy())
            + 0.5 * np.equal.outer(a.numpy(), b.numpy())
        )
    )
)
wrong("6.1", "ties lost")(lambda a, b: float(duel(a, b, 0.0).mean()))
wrong("6.1", "ties won")(lambda a, b: float(duel(a, b, 1.0).mean()))
wrong("6.1", "turned")(lambda a, b: float(duel(b, a).mean()))
wrong("6.1", "ties left out")(
    lambda a, b: float(duel(a, b, 0.0).sum() / (a[:, None] != b).sum().clamp(min=1))
)
wrong("6.1", "means compared")(
    lambda a, b: float(a.double().mean() > b.double().mean())
)
wrong("6.1", "sigmoid of means")(
    lambda a, b: float(torch.sigmoid(a.double().mean() - b.double().mean()))
)
wrong("6.1", "pairs in order")(lambda a, b: float(duel(a, b).diagonal().mean()))
wrong("6.1", "sum")(lambda a, b: float(duel(a, b).sum()))
wrong("6.1", "divided by a")(lambda a, b: float(duel(a, b).sum() / len(a)))
wrong("6.1", "divided by both added")(
    lambda a, b: float(duel(a, b).sum() / (len(a) + len(b)))
)
wrong("6.1", "difference")(
    lambda a, b: float(torch.sign(a[:, None] - b).double().mean())
)
wrong("6.1", "mean difference")(
    lambda a, b: float(a.double().mean() - b.double().mean())
)
wrong("6.1", "share of means")(
    lambda a, b: float(a.double().mean() / (a.double().mean() + b.double().mean()))
)
wrong("6.1", "medians")(
    lambda a, b: (
        1.0 if a.median() > b.median() else 0.5 if a.median() == b.median() else 0.0
    )
)
wrong("6.1", "tensor")(lambda a, b: duel(a, b).mean())
wrong("6.1", "rounded")(lambda a, b: round(float(duel(a, b).mean()), 1))
wrong("6.1", "best ones")(
    lambda a, b: 1.0 if a.max() > b.max() else 0.5 if a.max() == b.max() else 0.0
)
wrong("6.1", "normal approximation")(
    lambda a, b: (
        0.5
        * (
            1
            + math.erf(
                float(a.double().mean() - b.double().mean())
                / math.sqrt(
                    2
                    * (
                        float(
                            a.double().var(correction=0) + b.double().var(correction=0)
                        )
                        or 1.0
                    )
                )
            )
        )
    )
)
wrong("6.1", "set of ratings")(lambda a, b: float(duel(a.unique(), b.unique()).mean()))


def bt(w, rounds=2000):
    n = w + w.T
    p = torch.ones(len(w), dtype=w.dtype)
    for _ in range(rounds):
        q = w.sum(1) / (n / (p[:, None] + p[None])).sum(1)
        p = q / q.sum()
    s = p.log()
    return s - s.mean()


@right("6.2")
def by_newton(wins):
    n, games = len(wins), wins + wins.T
    s = torch.zeros(n, dtype=torch.float64)
    for _ in range(50):
        p = torch.sigmoid(s[:, None] - s)
        slope = wins.sum(1) - (games * p).sum(1)
        info = games * p * (1 - p)
        hessian = torch.diag(info.sum(1)) - info + torch.ones(n, n, dtype=torch.float64)
        s = s + torch.linalg.solve(hessian, slope)
        s = s - s.mean()
    return s


@right("6.2")
def by_lbfgs(wins):
    s = torch.zeros(len(wins), dtype=torch.float64, requires_grad=True)
    step = torch.optim.LBFGS(
        [s],
        max_iter=500,
        tolerance_grad=1e-10,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def loss():
        step.zero_grad()
        value = -(wins * torch.nn.functional.logsigmoid(s[:, None] - s)).sum()
        value.backward()
        return value

    with torch.enable_grad():
        step.step(loss)
    return (s - s.mean()).detach()


right("6.2")(bt)
wrong("6.2", "turned")(lambda w: -bt(w))
wrong("6.2", "not centred")(lambda w: bt(w) - bt(w)[0])
wrong("6.2", "probabilities")(lambda w: bt(w).exp())
wrong("6.2", "shares")(lambda w: bt(w).softmax(0))
wrong("6.2", "win rate")(lambda w: w.sum(1) / (w + w.T).sum(1))
wrong("6.2", "log odds of the win rate")(
    lambda w: torch.logit((w.sum(1) / (w + w.T).sum(1)).clamp(0.01, 0.99))
)
wrong("6.2", "centred log odds")(
    lambda w: (
        torch.logit((w.sum(1) / (w + w.T).sum(1)).clamp(0.01, 0.99))
        - torch.logit((w.sum(1) / (w + w.T).sum(1)).clamp(0.01, 0.99)).mean()
    )
)
wrong("6.2", "too few rounds")(lambda w: bt(w, 3))
wrong("6.2", "number of wins")(lambda w: w.sum(1) - w.sum(1).mean())
wrong("6.2", "bits")(lambda w: bt(w) / math.log(2))
wrong("6.2", "Elo scale")(lambda w: bt(w) * 400 / math.log(10))
wrong("6.2", "float32")(lambda w: bt(w.float(), 5))
wrong("6.2", "with a prior")(
    lambda w: bt(w + 0.5 * (1 - torch.eye(len(w), dtype=w.dtype)))
)
wrong("6.2", "standardised")(lambda w: bt(w) / bt(w).std(correction=0))
wrong("6.2", "wins minus losses")(lambda w: (w.sum(1) - w.sum(0)) / (w + w.T).sum(1))
wrong("6.2", "losses only")(lambda w: -w.sum(0) + w.sum(0).mean())
wrong("6.2", "ranks")(lambda w: bt(w).argsort().argsort().double())
wrong("6.2", "half")(lambda w: bt(w) / 2)
wrong("6.2", "log of wins")(
    lambda w: (w.sum(1) + 1e-9).log() - (w.sum(1) + 1e-9).log().mean()
)
wrong("6.2", "a list")(lambda w: bt(w).tolist())


def means(r, f):
    return (torch.where(f, r, 0).double().sum(1)) / f.sum(1)


def pearson(x, y):
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / (x.square().sum() * y.square().sum()).sqrt())


right("6.3")(
    lambda r, f, s: float(np.corrcoef(means(r, f).numpy(), means(r, s).numpy())[0, 1])
)
right("6.3")(lambda r, f, s: pearson(means(r, f), means(r, s)))


@right("6.3")
def halves_by_hand(ratings, first, second):
    x, y = [], []
    for row, f, s in zip(
        ratings.tolist(), first.tolist(), second.tolist(), strict=True
    ):
        a = [v for v, k in zip(row, f, strict=True) if k]
        b = [v for v, k in zip(row, s, strict=True) if k]
        x.append(sum(a) / len(a))
        y.append(sum(b) / len(b))
    mx, my = sum(x) / len(x), sum(y) / len(y)
    top = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return top / math.sqrt(
        sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y)
    )


wrong("6.3", "Spearman-Brown")(
    lambda r, f, s: (
        2 * pearson(means(r, f), means(r, s)) / (1 + pearson(means(r, f), means(r, s)))
    )
)
wrong("6.3", "sums")(
    lambda r, f, s: pearson((r * f).double().sum(1), (r * s).double().sum(1))
)
wrong("6.3", "mean with the zeros")(
    lambda r, f, s: pearson((r * f).double().mean(1), (r * s).double().mean(1))
)
wrong("6.3", "covariance")(
    lambda r, f, s: float(
        ((means(r, f) - means(r, f).mean()) * (means(r, s) - means(r, s).mean())).mean()
    )
)
wrong("6.3", "not centred: cosine")(
    lambda r, f, s: float(
        torch.nn.functional.cosine_similarity(means(r, f), means(r, s), 0)
    )
)
wrong("6.3", "squared")(lambda r, f, s: pearson(means(r, f), means(r, s)) ** 2)
wrong("6.3", "unbiased over biased")(
    lambda r, f, s: float(
        ((means(r, f) - means(r, f).mean()) * (means(r, s) - means(r, s).mean())).mean()
        / (means(r, f).std() * means(r, s).std())
    )
)
wrong("6.3", "ranks")(
    lambda r, f, s: pearson(
        means(r, f).argsort().argsort().double(),
        means(r, s).argsort().argsort().double(),
    )
)
wrong("6.3", "over raters")(
    lambda r, f, s: pearson(means(r.T, f.T).nan_to_num(), means(r.T, s.T).nan_to_num())
)
wrong("6.3", "second ignored")(lambda r, f, s: pearson(means(r, f), means(r, ~f)))
wrong("6.3", "masks ignored")(
    lambda r, f, s: pearson(
        r.double()[:, : r.shape[1] // 2].mean(1),
        r.double()[:, r.shape[1] // 2 :].mean(1),
    )
)
wrong("6.3", "matrix")(
    lambda r, f, s: torch.corrcoef(torch.stack([means(r, f), means(r, s)]))
)
wrong("6.3", "tensor")(
    lambda r, f, s: torch.corrcoef(torch.stack([means(r, f), means(r, s)]))[0, 1]
)
wrong("6.3", "diagonal")(
    lambda r, f, s: float(torch.corrcoef(torch.stack([means(r, f), means(r, s)]))[0, 0])
)
wrong("6.3", "all ratings against the first")(
    lambda r, f, s: pearson(means(r, f | s), means(r, f))
)
wrong("6.3", "agreement")(
    lambda r, f, s: float((means(r, f) - means(r, s)).abs().mean())
)
wrong("6.3", "1 - r")(lambda r, f, s: 1 - pearson(means(r, f), means(r, s)))
wrong("6.3", "absolute")(lambda r, f, s: abs(pearson(means(r, f), means(r, s))))
wrong("6.3", "medians")(
    lambda r, f, s: pearson(
        torch.where(f, r.double(), torch.nan).nanmedian(1).values,
        torch.where(s, r.double(), torch.nan).nanmedian(1).values,
    )
)
wrong("6.3", "one count for all")(
    lambda r, f, s: pearson(
        (r * f).double().sum(1) / f.sum(1).max(),
        (r * s).double().sum(1) / s.sum(1).max(),
    )
)


def elo(r, a, b, o, k=32.0, base=10.0, scale=400.0, sign=1.0, other=True, gain=None):
    e = 1 / (1 + base ** (sign * (r[b] - r[a]) / scale))
    g = k * (o - e) if gain is None else gain(e)
    out = r.clone()
    out[a] = r[a] + g
    if other:
        out[b] = r[b] - g
    return out


right("6.4")(elo)
right("6.4")(
    lambda r, a, b, o, k=32.0: r.scatter_add(
        0,
        torch.tensor([a, b]),
        torch.stack(
            [
                (o - torch.sigmoid((r[a] - r[b]) * math.log(10) / 400)) * k,
                -(o - torch.sigmoid((r[a] - r[b]) * math.log(10) / 400)) * k,
            ]
        ).to(r.dtype),
    )
)


@right("6.4")
def elo_lists(ratings, a, b, outcome, k=32.0):
    values = ratings.tolist()
    expected = 1 / (1 + 10 ** ((values[b] - values[a]) / 400))
    values[a] += k * (outcome - expected)
    values[b] -= k * (outcome - expected)
    return torch.tensor(values, dtype=ratings.dtype)


wrong("6.4", "turned")(lambda r, a, b, o, k=32.0: elo(r, a, b, o, k, sign=-1.0))
wrong("6.4", "e for 10")(lambda r, a, b, o, k=32.0: elo(r, a, b, o, k, base=math.e))
wrong("6.4", "200 for 400")(lambda r, a, b, o, k=32.0: elo(r, a, b, o, k, scale=200.0))
wrong("6.4", "b unchanged")(lambda r, a, b, o, k=32.0: elo(r, a, b, o, k, other=False))
wrong("6.4", "k ignored")(lambda r, a, b, o, k=32.0: elo(r, a, b, o, 32.0))
wrong("6.4", "E minus outcome")(lambda r, a, b, o, k=32.0: elo(r, a, b, o, -k))
wrong("6.4", "outcome alone")(
    lambda r, a, b, o, k=32.0: elo(r, a, b, o, k, gain=lambda e: k * o)
)
wrong("6.4", "no k")(
    lambda r, a, b, o, k=32.0: elo(r, a, b, o, k, gain=lambda e: o - e)
)
wrong("6.4", "half k")(lambda r, a, b, o, k=32.0: elo(r, a, b, o, k / 2))
wrong("6.4", "E 0.5")(
    lambda r, a, b, o, k=32.0: elo(r, a, b, o, k, gain=lambda e: k * (o - 0.5))
)
wrong("6.4", "ties nothing")(
    lambda r, a, b, o, k=32.0: elo(
        r, a, b, o, k, gain=lambda e: 0 * e if o == 0.5 else k * (o - e)
    )
)
wrong("6.4", "ties as a win")(
    lambda r, a, b, o, k=32.0: elo(r, a, b, 1.0 if o >= 0.5 else 0.0, k)
)
wrong("6.4", "only the two")(lambda r, a, b, o, k=32.0: elo(r, a, b, o, k)[[a, b]])
wrong("6.4", "the change")(lambda r, a, b, o, k=32.0: elo(r, a, b, o, k) - r)
wrong("6.4", "rounded")(lambda r, a, b, o, k=32.0: elo(r, a, b, o, k).round())
wrong("6.4", "both gain")(
    lambda r, a, b, o, k=32.0: (
        elo(elo(r, a, b, o, k), a, b, o, k, other=True, gain=lambda e: 0 * e)
        + 2
        * torch.nn.functional.one_hot(torch.tensor(b), len(r))
        * (r - elo(r, a, b, o, k))[b]
    )
)
wrong("6.4", "exchanged a and b")(lambda r, a, b, o, k=32.0: elo(r, b, a, o, k))
wrong("6.4", "expected returned")(
    lambda r, a, b, o, k=32.0: 1 / (1 + 10 ** ((r[b] - r[a]) / 400))
)
wrong("6.4", "a list")(lambda r, a, b, o, k=32.0: elo(r, a, b, o, k).tolist())


@wrong("6.4", "in place")
def elo_in_place(ratings, a, b, outcome, k=32.0):
    e = 1 / (1 + 10 ** ((ratings[b] - ratings[a]) / 400))
    ratings[a] += k * (outcome - e)
    ratings[b] -= k * (outcome - e)
    return ratings


@wrong("6.4", "expectation after the first change")
def elo_two_steps(ratings, a, b, outcome, k=32.0):
    out = ratings.clone()
    out[a] += k * (outcome - 1 / (1 + 10 ** ((out[b] - out[a]) / 400)))
    out[b] += k * (1 - outcome - 1 / (1 + 10 ** ((out[a] - out[b]) / 400)))
    return out


right("6.5")(lambda w, x: float(torch.stack([w, x]).amax(0).sum() / (w + x).sum()))
right("6.5")(
    lambda w, x: (
        sum(max(a, b) for a, b in zip(w.tolist(), x.tolist(), strict=True))
        / (sum(w.tolist()) + sum(x.tolist()))
    )
)
right("6.5")(
    lambda w, x: float(
        0.5 + (w - x).abs().double().sum() / (2 * (w + x).double().sum())
    )
)
wrong("6.5", "mean over pairs")(
    lambda w, x: float((torch.maximum(w, x) / (w + x)).mean())
)
wrong("6.5", "share of a")(lambda w, x: float(w.sum() / (w + x).sum()))
wrong("6.5", "minimum")(lambda w, x: float(torch.minimum(w, x).sum() / (w + x).sum()))
wrong("6.5", "sum of maxima")(lambda w, x: float(torch.maximum(w, x).sum()))
wrong("6.5", "divided by pairs")(lambda w, x: float(torch.maximum(w, x).sum() / len(w)))
wrong("6.5", "one side for all")(
    lambda w, x: float(max(w.sum(), x.sum()) / (w + x).sum())
)
wrong("6.5", "unanimous pairs")(
    lambda w, x: float(((w == 0) | (x == 0)).double().mean())
)
wrong("6.5", "majority share")(lambda w, x: float((w > x).double().mean()))
wrong("6.5", "best pair")(lambda w, x: float((torch.maximum(w, x) / (w + x)).max()))
wrong("6.5", "worst pair")(lambda w, x: float((torch.maximum(w, x) / (w + x)).min()))
wrong("6.5", "margin")(lambda w, x: float((w - x).abs().sum() / (w + x).sum()))
wrong("6.5", "median of pairs")(
    lambda w, x: float((torch.maximum(w, x) / (w + x)).median())
)
wrong("6.5", "two raters")(
    lambda w, x: float(((w / (w + x)) ** 2 + (x / (w + x)) ** 2).mean())
)
wrong("6.5", "ties dropped")(
    lambda w, x: float(
        torch.maximum(w, x)[w != x].sum() / (w + x)[w != x].sum().clamp(min=1)
    )
)
wrong("6.5", "tensor")(lambda w, x: torch.maximum(w, x).sum() / (w + x).sum())
wrong("6.5", "percent")(
    lambda w, x: 100 * float(torch.maximum(w, x).sum() / (w + x).sum())
)
wrong("6.5", "ties half")(
    lambda w, x: float((torch.maximum(w, x) - 0.5 * (w == x) * w).sum() / (w + x).sum())
)
wrong("6.5", "divided by max")(lambda w, x: float(w.sum() / torch.maximum(w, x).sum()))
wrong("6.5", "signed")(lambda w, x: float((w - x).sum() / (w + x).sum()))
wrong("6.5", "whole division")(
    lambda w, x: float(torch.maximum(w, x).sum() // (w + x).sum())
)
