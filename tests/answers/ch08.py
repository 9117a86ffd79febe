"""Answers to the exercises of chapter 8, written from their texts alone."""

import math

import numpy as np
import torch

from tools.try_answers import right, wrong

right("8.1")(lambda scores: torch.sort(scores, -1, descending=True).indices[..., 0])
right("8.1")(lambda scores: torch.topk(scores, 1).indices.squeeze(-1))
right("8.1")(lambda scores: torch.from_numpy(np.asarray(scores.numpy().argmax(-1))))
wrong("8.1", "over everything")(lambda scores: scores.argmax())
wrong("8.1", "first dimension")(lambda scores: scores.argmax(0))
wrong("8.1", "worst")(lambda scores: scores.argmin(-1))
wrong("8.1", "the score")(lambda scores: scores.max(-1).values)
wrong("8.1", "both of max")(lambda scores: scores.max(-1))
wrong("8.1", "kept dimension")(lambda scores: scores.argmax(-1, keepdim=True))
wrong("8.1", "counted from 1")(lambda scores: scores.argmax(-1) + 1)
wrong("8.1", "rising sort, first")(lambda scores: scores.argsort(-1)[..., 0])
wrong("8.1", "second best")(lambda scores: scores.argsort(-1)[..., -2:-1].squeeze(-1))
wrong("8.1", "whole order")(lambda scores: scores.argsort(-1, descending=True))
wrong("8.1", "largest size")(lambda scores: scores.abs().argmax(-1))
wrong("8.1", "one-hot")(lambda scores: (scores == scores.amax(-1, keepdim=True)).long())
wrong("8.1", "bool")(lambda scores: scores == scores.amax(-1, keepdim=True))
wrong("8.1", "floats")(lambda scores: scores.argmax(-1).float())
wrong("8.1", "a list")(lambda scores: scores.argmax(-1).tolist())
wrong("8.1", "sampled")(
    lambda scores: torch.distributions.Categorical(logits=scores).sample()
)
wrong("8.1", "always the first")(
    lambda scores: torch.zeros(scores.shape[:-1], dtype=torch.long)
)
wrong("8.1", "dimension 1")(lambda scores: scores.argmax(1))
wrong("8.1", "shifted by the row")(
    lambda scores: (
        scores.argmax(-1)
        + scores.shape[-1]
        * torch.arange(scores[..., 0].numel()).view(scores.shape[:-1])
    )
)
wrong("8.1", "counted from the end")(lambda scores: scores.flip(-1).argmax(-1))
wrong("8.1", "ranks")(lambda scores: scores.argsort(-1).argsort(-1).amax(-1))

right("8.2")(lambda n: math.log(n) + 1 / n - 1)
right("8.2")(lambda n: math.fsum([math.log(n), -(n - 1) / n]))


@right("8.2")
def from_the_entropy(n):
    one = torch.tensor(float(n), dtype=torch.float64)
    return (one.log() - 1 + one.reciprocal()).item()


wrong("8.2", "log n")(lambda n: math.log(n))
wrong("8.2", "bits")(lambda n: math.log2(n) - (n - 1) / n)
wrong("8.2", "all in bits")(lambda n: (math.log(n) - (n - 1) / n) / math.log(2))
wrong("8.2", "plus")(lambda n: math.log(n) + (n - 1) / n)
wrong("8.2", "minus 1/n")(lambda n: math.log(n) - 1 / n)
wrong("8.2", "minus 1")(lambda n: math.log(n) - 1)
wrong("8.2", "n over n - 1")(lambda n: math.log(n) - n / max(n - 1, 1))
wrong("8.2", "n - 1 not divided")(lambda n: math.log(n) - (n - 1))
wrong("8.2", "whole division")(lambda n: math.log(n) - (n - 1) // n)
wrong("8.2", "sign")(lambda n: (n - 1) / n - math.log(n))
wrong("8.2", "reverse KL")(lambda n: n - 1 - math.log(n))
wrong("8.2", "log10")(lambda n: math.log10(n) - (n - 1) / n)
wrong("8.2", "log of n + 1")(lambda n: math.log(n + 1) - n / (n + 1))
wrong("8.2", "log of n - 1")(lambda n: math.log(max(n - 1, 1)) - (n - 1) / n)
wrong("8.2", "a tensor")(lambda n: torch.tensor(math.log(n) - (n - 1) / n))
wrong("8.2", "root of log")(lambda n: math.sqrt(math.log(n)))
wrong("8.2", "the mean share")(lambda n: n / (n + 1))
wrong("8.2", "n times")(lambda n: n * math.log(n) - (n - 1))
wrong("8.2", "precedence")(lambda n: math.log(n) - n - 1 / n)
wrong("8.2", "rounded")(lambda n: round(math.log(n) - (n - 1) / n, 2))


@wrong("8.2", "coarse sum")
def coarse(n):
    x = torch.linspace(0.01, 1, 100)
    y = n * x ** (n - 1)
    return float((y * y.log()).mean())


def weights(total, n, shift=1):
    return torch.tensor(
        [
            math.comb(i - shift, n - 1) / math.comb(total, n) if i >= shift else 0.0
            for i in range(1, total + 1)
        ],
        dtype=torch.float64,
    )


def by_proxy(proxy, gold, falling=False):
    return gold.gather(-1, proxy.argsort(-1, descending=falling)).double()


def pool(proxy, gold, n, w=None, ordered=None):
    w = weights(gold.shape[-1], n) if w is None else w
    ordered = by_proxy(proxy, gold) if ordered is None else ordered
    return (ordered * w).sum(-1).to(gold.dtype)


@right("8.3")
def all_draws(proxy, gold, n):
    p, g = proxy.reshape(-1, proxy.shape[-1]), gold.reshape(-1, gold.shape[-1])
    rows = []
    for a, b in zip(p.tolist(), g.double().tolist(), strict=True):
        order = sorted(range(len(a)), key=lambda i: a[i])
        whole = math.comb(len(a), n)
        rows.append(
            sum(math.comb(r, n - 1) / whole * b[i] for r, i in enumerate(order))
        )
    return torch.tensor(rows, dtype=torch.float64).reshape(gold.shape[:-1]).to(gold)


@right("8.3")
def from_the_best(proxy, gold, n):
    order = proxy.argsort(-1, descending=True)
    g = torch.take_along_dim(gold.double(), order, -1)
    total, left, chance = gold.shape[-1], 1.0, []
    for i in range(total):
        p = min(1.0, n / (total - i)) if total - i >= n else 0.0
        chance.append(left * p)
        left *= 1 - p
    return (g * torch.tensor(chance, dtype=torch.float64)).sum(-1).to(gold.dtype)


right("8.3")(
    lambda proxy, gold, n: torch.einsum(
        "...i,i->...", by_proxy(proxy, gold), weights(gold.shape[-1], n)
    ).to(gold.dtype)
)
wrong("8.3", "sorted by gold")(lambda p, g, n: pool(g, g, n))
wrong("8.3", "sorted each for itself")(
    lambda p, g, n: pool(p, g, n, ordered=g.sort(-1).values.double())
)
wrong("8.3", "not sorted")(lambda p, g, n: pool(p, g, n, ordered=g.double()))
wrong("8.3", "best first")(lambda p, g, n: pool(p, g, n, ordered=by_proxy(p, g, True)))
wrong("8.3", "proxy's mean")(lambda p, g, n: pool(p, p, n))
wrong("8.3", "exchanged")(lambda p, g, n: pool(g, p, n))
wrong("8.3", "comb(i, n)")(
    lambda p, g, n: pool(
        p,
        g,
        n,
        torch.tensor(
            [
                math.comb(i, n) / math.comb(g.shape[-1], n)
                for i in range(1, g.shape[-1] + 1)
            ],
            dtype=torch.float64,
        ),
    )
)
wrong("8.3", "comb(i, n - 1)")(
    lambda p, g, n: pool(p, g, n, weights(g.shape[-1], n, 0))
)
wrong("8.3", "comb(i - 1, n)")(
    lambda p, g, n: pool(
        p,
        g,
        n,
        torch.tensor(
            [math.comb(i, n) / math.comb(g.shape[-1], n) for i in range(g.shape[-1])],
            dtype=torch.float64,
        ),
    )
)
wrong("8.3", "not divided")(
    lambda p, g, n: pool(p, g, n, weights(g.shape[-1], n) * math.comb(g.shape[-1], n))
)
wrong("8.3", "with replacement")(
    lambda p, g, n: pool(
        p,
        g,
        n,
        torch.tensor(
            [
                (i / g.shape[-1]) ** n - ((i - 1) / g.shape[-1]) ** n
                for i in range(1, g.shape[-1] + 1)
            ],
            dtype=torch.float64,
        ),
    )
)
wrong("8.3", "mean of gold")(lambda p, g, n: g.mean(-1))
wrong("8.3", "best of the whole pool")(
    lambda p, g, n: g.gather(-1, p.argmax(-1, keepdim=True)).squeeze(-1)
)
wrong("8.3", "best of the first n")(
    lambda p, g, n: g.gather(-1, p[..., :n].argmax(-1, keepdim=True)).squeeze(-1)
)
wrong("8.3", "mean of the best n")(
    lambda p, g, n: g.gather(-1, p.topk(n).indices).mean(-1)
)
wrong("8.3", "mean over prompts")(lambda p, g, n: pool(p, g, n).mean())
wrong("8.3", "kept dimension")(lambda p, g, n: pool(p, g, n)[..., None])
wrong("8.3", "mean for sum")(
    lambda p, g, n: (by_proxy(p, g) * weights(g.shape[-1], n)).mean(-1).to(g.dtype)
)
wrong("8.3", "blocks of n")(
    lambda p, g, n: torch.stack(
        [
            g[..., k : k + n]
            .gather(-1, p[..., k : k + n].argmax(-1, keepdim=True))
            .squeeze(-1)
            for k in range(0, g.shape[-1] - n + 1, n)
        ],
        -1,
    ).mean(-1)
)
wrong("8.3", "comb(N - i, n - 1)")(
    lambda p, g, n: pool(p, g, n, weights(g.shape[-1], n).flip(0))
)
wrong("8.3", "largest gold of all draws")(
    lambda p, g, n: torch.tensor(0.0) + g.amax(-1)
)
wrong("8.3", "ranks taken for places")(
    lambda p, g, n: pool(
        p, g, n, ordered=g.gather(-1, p.argsort(-1).argsort(-1)).double()
    )
)
wrong("8.3", "in double")(
    lambda p, g, n: (
        (by_proxy(p, g) * weights(g.shape[-1], n)).sum(-1)
        if g.dtype == torch.float64
        else (by_proxy(p, g) * weights(g.shape[-1], n)).sum(-1).half().to(g.dtype)
    )
)

right("8.4")(
    lambda scores, n: torch.tensor(
        [
            k + max(range(n), key=lambda i: scores[k + i].item())
            for k in range(0, len(scores), n)
        ],
        dtype=torch.long,
    )
)
right("8.4")(
    lambda scores, n: (
        torch.stack([c.argmax() for c in scores.split(n)])
        + torch.arange(0, len(scores), n)
    )
)
right("8.4")(
    lambda scores, n: (
        scores.unflatten(0, (-1, n)).topk(1).indices.flatten()
        + n * torch.arange(len(scores) // n)
    )
)
wrong("8.4", "place in the group")(lambda s, n: s.view(-1, n).argmax(1))
wrong("8.4", "row of the prompt")(
    lambda s, n: s.view(-1, n).argmax(1) + torch.arange(len(s) // n)
)
wrong("8.4", "n in front")(
    lambda s, n: s.view(n, -1).argmax(0) + n * torch.arange(len(s) // n)
)
wrong("8.4", "n in front, right rows")(
    lambda s, n: s.view(n, -1).argmax(0) * (len(s) // n) + torch.arange(len(s) // n)
)
wrong("8.4", "worst")(
    lambda s, n: s.view(-1, n).argmin(1) + n * torch.arange(len(s) // n)
)
wrong("8.4", "best of all")(lambda s, n: s.topk(len(s) // n).indices)
wrong("8.4", "best of all, in order")(
    lambda s, n: s.topk(len(s) // n).indices.sort().values
)
wrong("8.4", "the scores")(lambda s, n: s.view(-1, n).amax(1))
wrong("8.4", "offset by prompts")(
    lambda s, n: s.view(-1, n).argmax(1) + (len(s) // n) * torch.arange(len(s) // n)
)
wrong("8.4", "from 1")(
    lambda s, n: s.view(-1, n).argmax(1) + n * torch.arange(len(s) // n) + 1
)
wrong("8.4", "offset one too far")(
    lambda s, n: s.view(-1, n).argmax(1) + n * torch.arange(1, len(s) // n + 1)
)
wrong("8.4", "a list")(
    lambda s, n: (s.view(-1, n).argmax(1) + n * torch.arange(len(s) // n)).tolist()
)
wrong("8.4", "floats")(
    lambda s, n: (s.view(-1, n).argmax(1) + n * torch.arange(len(s) // n)).float()
)
wrong("8.4", "column")(
    lambda s, n: (s.view(-1, n).argmax(1) + n * torch.arange(len(s) // n))[:, None]
)
wrong("8.4", "first of each")(lambda s, n: n * torch.arange(len(s) // n))
wrong("8.4", "last of each")(lambda s, n: n * torch.arange(len(s) // n) + n - 1)
wrong("8.4", "bool mask")(
    lambda s, n: (s.view(-1, n) == s.view(-1, n).amax(1, keepdim=True)).flatten()
)
wrong("8.4", "n fixed at 4")(
    lambda s, n: (
        s[: len(s) // 4 * 4].view(-1, 4).argmax(1) + 4 * torch.arange(len(s) // 4)
    )
)
wrong("8.4", "ties kept twice")(
    lambda s, n: (
        (s.view(-1, n) == s.view(-1, n).amax(1, keepdim=True)).flatten().nonzero()[:, 0]
    )
)
wrong("8.4", "only the first prompt")(lambda s, n: s[:n].argmax()[None])
wrong("8.4", "absolute scores")(
    lambda s, n: s.abs().view(-1, n).argmax(1) + n * torch.arange(len(s) // n)
)
wrong("8.4", "n - 1")(
    lambda s, n: s.view(-1, n).argmax(1) + (n - 1) * torch.arange(len(s) // n)
)
wrong("8.4", "searched by value")(
    lambda s, n: torch.tensor(
        [s.tolist().index(v) for v in s.view(-1, n).amax(1).tolist()]
    )
)
