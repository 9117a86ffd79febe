"""Answers to the exercises of chapter 3, written from their texts alone."""

import math

import torch
import torch.nn.functional as F

from tools.try_answers import right, wrong


def positive(t):
    if t <= 0:
        raise ValueError("not positive")
    return t


right("3.1")(lambda z, t: torch.div(z, positive(t)))
right("3.1")(lambda z, t: z * (1 / positive(t)))
right("3.1")(lambda z, t: z.double() / positive(t))
right("3.1")(
    lambda z, t: (
        torch.stack([row / positive(t) for row in z])
        if z.dim() > 1
        else z / positive(t)
    )
)
wrong("3.1", "times")(lambda z, t: z * positive(t))
wrong("3.1", "no refusal")(lambda z, t: z / t)
wrong("3.1", "refuses below 0 only")(lambda z, t: z / (t if t >= 0 else positive(t)))
wrong("3.1", "softmax")(lambda z, t: (z / positive(t)).softmax(-1))
wrong("3.1", "log-softmax")(lambda z, t: (z / positive(t)).log_softmax(-1) * 1.5)
wrong("3.1", "clamped temperature")(lambda z, t: z / max(t, 1e-8))
wrong("3.1", "root")(lambda z, t: z / positive(t) ** 0.5)
wrong("3.1", "squared")(lambda z, t: z / positive(t) ** 2)
wrong("3.1", "shifted")(lambda z, t: z - positive(t))
wrong("3.1", "power of p")(lambda z, t: z.softmax(-1) ** (1 / positive(t)))
wrong("3.1", "divided twice")(lambda z, t: z / positive(t) / t)
wrong("3.1", "ignored")(lambda z, t: z / positive(t) * t)
wrong("3.1", "exp")(lambda z, t: (z / positive(t)).exp())
wrong("3.1", "1 + t")(lambda z, t: z / (1 + positive(t)))
wrong("3.1", "integer division")(lambda z, t: z // positive(t))
wrong("3.1", "list")(lambda z, t: (z / positive(t)).tolist())


@wrong("3.1", "in place")
def tempered_in_place(logits, temperature):
    positive(temperature)
    logits /= temperature
    return logits


@wrong("3.1", "assertion")
def asserted(logits, temperature):
    assert temperature > 0
    return logits / temperature


@wrong("3.1", "refuses above 1")
def only_sharpens(logits, temperature):
    if not 0 < temperature <= 1:
        raise ValueError("temperature")
    return logits / temperature


def top_p(
    z,
    p,
    cmp=None,
    inclusive=True,
    fill=-torch.inf,
    ascending=False,
    check=True,
    probs=False,
    unsort=True,
):
    if check and not 0 < p <= 1:
        raise ValueError("p")
    v, i = z.sort(-1, descending=not ascending)
    pr = v.softmax(-1)
    before = pr.cumsum(-1) - pr if inclusive else pr.cumsum(-1)
    drop = (before >= p) if cmp is None else cmp(before, p)
    if p == 1 and cmp is None:
        drop = torch.zeros_like(drop)
    if unsort:
        drop = torch.zeros_like(drop).scatter(-1, i, drop)
    return (z.softmax(-1) if probs else z).masked_fill(drop, fill)


@right("3.2")
def greedy_loop(logits, p):
    if not 0 < p <= 1:
        raise ValueError("p must lie in (0, 1]")
    flat = logits.reshape(-1, logits.shape[-1])
    out = torch.full_like(flat, -math.inf)
    for row in range(len(flat)):
        total = 0.0
        for token in flat[row].argsort(descending=True).tolist():
            if p < 1 and total >= p:
                break
            out[row, token] = flat[row, token]
            total += float(flat[row].softmax(0)[token])
    return out.reshape(logits.shape)


@right("3.2")
def huggingface_style(logits, p):
    if p <= 0 or p > 1:
        raise ValueError(p)
    if p == 1:
        return logits.clone()
    s, i = torch.sort(logits, descending=True)
    c = s.softmax(-1).cumsum(-1)
    remove = c >= p
    remove = torch.cat([torch.zeros_like(remove[..., :1]), remove[..., :-1]], -1)
    return torch.where(
        remove.gather(-1, i.argsort(-1)),
        torch.tensor(-torch.inf, dtype=logits.dtype),
        logits,
    )


right("3.2")(lambda z, p: top_p(z, p))
wrong("3.2", "one too few")(
    lambda z, p: top_p(z, p, inclusive=False, cmp=lambda b, q: b > q)
)
wrong("3.2", "one too few or equal")(
    lambda z, p: top_p(z, p, inclusive=False, cmp=lambda b, q: b >= q)
)
wrong("3.2", "strictly beyond")(lambda z, p: top_p(z, p, cmp=lambda b, q: b > q))
wrong("3.2", "no refusal")(lambda z, p: top_p(z, p, check=False))
wrong("3.2", "ascending")(lambda z, p: top_p(z, p, ascending=True))
wrong("3.2", "sorted mask not put back")(lambda z, p: top_p(z, p, unsort=False))
wrong("3.2", "zero for cut")(lambda z, p: top_p(z, p, fill=0.0))
wrong("3.2", "-1e9 for cut")(lambda z, p: top_p(z, p, fill=-1e9))
wrong("3.2", "probabilities")(lambda z, p: top_p(z, p, probs=True, fill=0.0))
wrong("3.2", "kept and dropped exchanged")(
    lambda z, p: top_p(z, p, cmp=lambda b, q: b < q)
)
wrong("3.2", "threshold on the probability")(
    lambda z, p: (
        z.masked_fill(z.softmax(-1) < p, -torch.inf) if 0 < p <= 1 else positive(-1)
    )
)
wrong("3.2", "min-p")(
    lambda z, p: (
        z.masked_fill(z.softmax(-1) < p * z.softmax(-1).amax(-1, True), -torch.inf)
        if 0 < p <= 1
        else positive(-1)
    )
)
wrong("3.2", "1 - p")(lambda z, p: top_p(z, p, cmp=lambda b, q: b >= 1 - q))
wrong("3.2", "over the batch")(lambda z, p: top_p(z.flatten(), p).view_as(z))
wrong("3.2", "the sorted logits")(
    lambda z, p: top_p(z.sort(-1, descending=True).values, p)
)
wrong("3.2", "refuses p = 1")(lambda z, p: top_p(z, p) if p != 1 else positive(-1))
wrong("3.2", "renormalised")(lambda z, p: top_p(z, p).log_softmax(-1))
wrong("3.2", "raw cumsum")(lambda z, p: top_p(z, p, cmp=lambda b, q: b.cumsum(-1) >= q))
wrong("3.2", "top-k of p")(
    lambda z, p: (
        z.masked_fill(
            z < z.topk(max(1, int(p * z.shape[-1])), -1).values[..., -1:], -torch.inf
        )
        if 0 < p <= 1
        else positive(-1)
    )
)

right("3.3")(
    lambda n, m: torch.stack(
        [torch.tensor([t < int(k) for t in range(m)], dtype=torch.bool) for k in n]
    )
)
right("3.3")(lambda n, m: torch.ones(len(n), m).cumsum(1) <= n[:, None])
right("3.3")(lambda n, m: F.one_hot(n, m + 1).flip(1).cumsum(1).flip(1)[:, 1:].bool())
wrong("3.3", "<=")(lambda n, m: torch.arange(m) <= n[:, None])
wrong("3.3", "one less")(lambda n, m: torch.arange(m) < n[:, None] - 1)
wrong("3.3", "padding")(lambda n, m: torch.arange(m) >= n[:, None])
wrong("3.3", "floats")(lambda n, m: (torch.arange(m) < n[:, None]).float())
wrong("3.3", "ints")(lambda n, m: (torch.arange(m) < n[:, None]).long())
wrong("3.3", "transposed")(lambda n, m: torch.arange(m)[:, None] < n)
wrong("3.3", "from the end")(lambda n, m: (torch.arange(m) < n[:, None]).flip(1))
wrong("3.3", "only the last token")(lambda n, m: torch.arange(m) == n[:, None] - 1)
wrong("3.3", "max of lengths")(lambda n, m: torch.arange(int(n.max())) < n[:, None])
wrong("3.3", "one more column")(lambda n, m: torch.arange(m + 1) < n[:, None])
wrong("3.3", "all ones")(lambda n, m: torch.ones(len(n), m, dtype=torch.bool))
wrong("3.3", "first excluded")(
    lambda n, m: (torch.arange(m) < n[:, None]) & (torch.arange(m) > 0)
)
wrong("3.3", "positions from 1, <")(lambda n, m: torch.arange(1, m + 1) < n[:, None])
wrong("3.3", "first length for all")(
    lambda n, m: (torch.arange(m) < n[0]).expand(len(n), m)
)
wrong("3.3", "lists")(lambda n, m: (torch.arange(m) < n[:, None]).tolist())
wrong("3.3", "lengths from the end")(lambda n, m: torch.arange(m) < (m - n)[:, None])


def ent(z):
    return torch.special.entr(z.softmax(-1)).sum(-1)


right("3.4")(
    lambda z, m: torch.where(
        m, ent(torch.where(m[..., None], z, torch.zeros_like(z))), 0.0
    )
)
right("3.4")(
    lambda z, m: (
        torch.distributions.Categorical(logits=z.nan_to_num(0.0, neginf=-1e30))
        .entropy()
        .masked_fill(~m, 0)
    )
)


@right("3.4")
def entropy_loops(logits, mask):
    out = torch.zeros(mask.shape)
    for b in range(mask.shape[0]):
        for t in range(mask.shape[1]):
            if mask[b, t]:
                p = logits[b, t].double().softmax(0)
                p = p[p > 0]
                out[b, t] = -(p * p.log()).sum()
    return out


wrong("3.4", "NaN from 0 log 0")(
    lambda z, m: -(z.softmax(-1) * z.log_softmax(-1)).sum(-1).masked_fill(~m, 0)
)
wrong("3.4", "epsilon")(
    lambda z, m: (
        -(z.softmax(-1) * (z.softmax(-1) + 1e-3).log()).sum(-1).masked_fill(~m, 0)
    )
)
wrong("3.4", "mask ignored")(lambda z, m: ent(z))
wrong("3.4", "times the mask")(lambda z, m: ent(z) * m)
wrong("3.4", "sign")(lambda z, m: -ent(z).masked_fill(~m, 0))
wrong("3.4", "bits")(lambda z, m: ent(z).masked_fill(~m, 0) / math.log(2))
wrong("3.4", "mean over V")(
    lambda z, m: torch.special.entr(z.softmax(-1)).mean(-1).masked_fill(~m, 0)
)
wrong("3.4", "mask turned")(lambda z, m: ent(z).masked_fill(m, 0))
wrong("3.4", "normalised")(
    lambda z, m: (ent(z) / math.log(z.shape[-1])).masked_fill(~m, 0)
)
wrong("3.4", "perplexity")(lambda z, m: ent(z).exp().masked_fill(~m, 0))
wrong("3.4", "shifted")(lambda z, m: F.pad(ent(z)[:, :-1], (1, 0)).masked_fill(~m, 0))
wrong("3.4", "mean of tokens")(lambda z, m: ent(z)[m].mean())
wrong("3.4", "per vocabulary")(
    lambda z, m: torch.special.entr(z.softmax(-1)).masked_fill(~m[..., None], 0)
)
wrong("3.4", "softmax over time")(
    lambda z, m: torch.special.entr(z.softmax(1)).sum(-1).masked_fill(~m, 0)
)
wrong("3.4", "of the logits")(
    lambda z, m: -(z * z.log_softmax(-1)).nan_to_num(0, 0, 0).sum(-1).masked_fill(~m, 0)
)
wrong("3.4", "surprise of the most likely")(
    lambda z, m: -z.log_softmax(-1).amax(-1).masked_fill(~m, 0)
)
wrong("3.4", "Gini")(
    lambda z, m: (1 - z.softmax(-1).square().sum(-1)).masked_fill(~m, 0)
)
wrong("3.4", "selected only")(lambda z, m: ent(z)[m])
wrong("3.4", "mean logprob")(
    lambda z, m: -z.log_softmax(-1).clamp(min=-100).mean(-1).masked_fill(~m, 0)
)


def top_k(
    z, k, fill=-torch.inf, less=False, extra=0, largest=True, cap=True, check=True
):
    if check and k < 1:
        raise ValueError("k")
    k = min(k + extra, z.shape[-1]) if cap else k + extra
    lim = z.topk(max(k, 1), -1, largest=largest).values[..., -1:]
    drop = (z <= lim) if less else (z < lim) if largest else (z > lim)
    return z.masked_fill(drop, fill)


@right("3.5")
def scattered(logits, k):
    if k < 1:
        raise ValueError("k must be at least 1")
    values, places = logits.topk(min(k, logits.size(-1)), dim=-1)
    return torch.full_like(logits, float("-inf")).scatter(-1, places, values)


@right("3.5")
def sorted_rows(logits, k):
    if k <= 0:
        raise ValueError(k)
    rank = logits.argsort(-1, descending=True).argsort(-1)
    return torch.where(rank < k, logits, torch.full_like(logits, -torch.inf))


@right("3.5")
def counted(logits, k):
    if k < 1:
        raise ValueError
    higher = (logits[..., None, :] > logits[..., :, None]).sum(-1)
    return logits.masked_fill(higher >= k, -torch.inf)


wrong("3.5", "k + 1")(lambda z, k: top_k(z, k, extra=1))
wrong("3.5", "k - 1")(lambda z, k: top_k(z, k, extra=-1))
wrong("3.5", "<=")(lambda z, k: top_k(z, k, less=True))
wrong("3.5", "smallest")(lambda z, k: top_k(z, k, largest=False))
wrong("3.5", "zero")(lambda z, k: top_k(z, k, fill=0.0))
wrong("3.5", "-1e4")(lambda z, k: top_k(z, k, fill=-1e4))
wrong("3.5", "no cap")(lambda z, k: top_k(z, k, cap=False))
wrong("3.5", "no refusal")(lambda z, k: top_k(z, k, check=False))
wrong("3.5", "values only")(
    lambda z, k: z.topk(min(positive(k), z.shape[-1]), -1).values
)
wrong("3.5", "indices")(lambda z, k: z.topk(min(positive(k), z.shape[-1]), -1).indices)
wrong("3.5", "threshold of the batch")(
    lambda z, k: z.masked_fill(
        z < z.flatten().topk(min(positive(k), z.numel())).values[-1], -torch.inf
    )
)
wrong("3.5", "first row's threshold")(
    lambda z, k: z.masked_fill(
        z
        < z.reshape(-1, z.shape[-1])[0].topk(min(positive(k), z.shape[-1])).values[-1],
        -torch.inf,
    )
)
wrong("3.5", "probabilities")(lambda z, k: top_k(z, k).softmax(-1))
wrong("3.5", "finfo.min")(lambda z, k: top_k(z, k, fill=torch.finfo(z.dtype).min))
wrong("3.5", "the mask")(lambda z, k: top_k(z, k).isfinite())
wrong("3.5", "cut ones kept")(
    lambda z, k: z.masked_fill(top_k(z, k).isfinite(), -torch.inf)
)
wrong("3.5", "first k columns")(
    lambda z, k: z.masked_fill(torch.arange(z.shape[-1]) >= positive(k), -torch.inf)
)
wrong("3.5", "renormalised")(lambda z, k: top_k(z, k).log_softmax(-1))
wrong("3.5", "refuses k above V")(
    lambda z, k: top_k(z, k) if k <= z.shape[-1] else positive(-1)
)
