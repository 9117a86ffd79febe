"""Answers to the exercises of chapter 1, written from their texts alone."""

import math

import torch
import torch.nn.functional as F

from tools.try_answers import right, wrong


def lp(z, i):
    return z[:, :-1].log_softmax(-1).gather(-1, i[:, 1:, None]).squeeze(-1)


def ok(i, m):
    return torch.ones_like(i[:, 1:], dtype=torch.bool) if m is None else m[:, 1:].bool()


@right("1.1")
def loops_loss(logits, ids, mask=None):
    total, count = 0.0, 0
    for b in range(ids.shape[0]):
        for t in range(1, ids.shape[1]):
            if mask is None or mask[b, t]:
                total = total - (
                    logits[b, t - 1, ids[b, t]] - logits[b, t - 1].logsumexp(0)
                )
                count += 1
    return total / count


@right("1.1")
def ignore_index(logits, ids, mask=None):
    targets = ids[:, 1:].clone()
    if mask is not None:
        targets[~mask[:, 1:]] = -100
    return F.cross_entropy(logits[:, :-1].transpose(1, 2), targets, ignore_index=-100)


@right("1.1")
def one_hot(logits, ids, mask=None):
    hot = F.one_hot(ids[:, 1:], logits.shape[-1]).double()
    nll = -(logits[:, :-1].double().log_softmax(-1) * hot).sum(-1)
    return nll[ok(ids, mask)].mean()


wrong("1.1", "no shift")(lambda z, i, m=None: F.cross_entropy(z.transpose(1, 2), i))
wrong("1.1", "shift the other way")(
    lambda z, i, m=None: (
        -z[:, 1:]
        .log_softmax(-1)
        .gather(-1, i[:, :-1, None])
        .squeeze(-1)[ok(i, m)]
        .mean()
    )
)
wrong("1.1", "mask not shifted")(
    lambda z, i, m=None: (
        -(
            lp(z, i)
            * (torch.ones_like(i, dtype=torch.bool) if m is None else m)[:, :-1]
        ).sum()
        / (torch.ones_like(i, dtype=torch.bool) if m is None else m)[:, :-1].sum()
    )
)
wrong("1.1", "mask ignored")(lambda z, i, m=None: -lp(z, i).mean())
wrong("1.1", "divided by all")(lambda z, i, m=None: -(lp(z, i) * ok(i, m)).mean())
wrong("1.1", "sum")(lambda z, i, m=None: -(lp(z, i) * ok(i, m)).sum())
wrong("1.1", "mean of means")(
    lambda z, i, m=None: (-(lp(z, i) * ok(i, m)).sum(1) / ok(i, m).sum(1)).mean()
)
wrong("1.1", "sign")(lambda z, i, m=None: lp(z, i)[ok(i, m)].mean())
wrong("1.1", "bits")(lambda z, i, m=None: -lp(z, i)[ok(i, m)].mean() / math.log(2))
wrong("1.1", "perplexity")(lambda z, i, m=None: (-lp(z, i)[ok(i, m)].mean()).exp())
wrong("1.1", "softmax without log")(
    lambda z, i, m=None: (
        -z[:, :-1].softmax(-1).gather(-1, i[:, 1:, None]).squeeze(-1)[ok(i, m)].mean()
    )
)
wrong("1.1", "softmax twice")(
    lambda z, i, m=None: F.cross_entropy(
        z[:, :-1].softmax(-1)[ok(i, m)], i[:, 1:][ok(i, m)]
    )
)
wrong("1.1", "raw logits")(
    lambda z, i, m=None: (
        -z[:, :-1].gather(-1, i[:, 1:, None]).squeeze(-1)[ok(i, m)].mean()
    )
)
wrong("1.1", "softmax over time")(
    lambda z, i, m=None: (
        -z[:, :-1]
        .log_softmax(1)
        .gather(-1, i[:, 1:, None])
        .squeeze(-1)[ok(i, m)]
        .mean()
    )
)
wrong("1.1", "counts the first, too")(
    lambda z, i, m=None: (
        -(lp(z, i) * ok(i, m)).sum() / (i.numel() if m is None else m.sum())
    )
)
wrong("1.1", "detached")(
    lambda z, i, m=None: torch.tensor(-lp(z, i)[ok(i, m)].mean().item())
)
wrong("1.1", "per batch")(lambda z, i, m=None: -(lp(z, i) * ok(i, m)).sum() / len(i))
wrong("1.1", "naive log")(
    lambda z, i, m=None: (
        -(z.softmax(-1)[:, :-1].gather(-1, i[:, 1:, None]).squeeze(-1) + 1e-9)
        .log()[ok(i, m)]
        .mean()
    )
)
wrong("1.1", "median")(lambda z, i, m=None: -lp(z, i)[ok(i, m)].median())
wrong("1.1", "mask inverted")(
    lambda z, i, m=None: -lp(z, i)[ok(i, None if m is None else ~m)].mean()
)
wrong("1.1", "token one further")(
    lambda z, i, m=None: (
        -z[:, :-2]
        .log_softmax(-1)
        .gather(-1, i[:, 2:, None])
        .squeeze(-1)[ok(i, m)[:, 1:]]
        .mean()
    )
)
wrong("1.1", "reshape mixes")(
    lambda z, i, m=None: F.cross_entropy(
        z[:, :-1].reshape(len(i), z.shape[-1], -1), i[:, 1:]
    )
)

right("1.2")(lambda nats, n: nats * math.log2(math.e) / n)
right("1.2")(
    lambda nats, n: float(
        torch.tensor(nats).double() / torch.tensor(2.0).double().log() / n
    )
)
right("1.2")(lambda nats, n: -math.log2(math.exp(-nats / n)))
wrong("1.2", "nats")(lambda nats, n: nats / n)
wrong("1.2", "times ln2")(lambda nats, n: nats * math.log(2) / n)
wrong("1.2", "not per byte")(lambda nats, n: nats / math.log(2))
wrong("1.2", "log10")(lambda nats, n: nats / math.log10(2) / n)
wrong("1.2", "per bit")(lambda nats, n: nats / math.log(2) / (8 * n))
wrong("1.2", "turned over")(lambda nats, n: n / (nats / math.log(2)))
wrong("1.2", "bytes times")(lambda nats, n: nats / math.log(2) * n)
wrong("1.2", "log2 of nats")(lambda nats, n: math.log2(nats + 1) / n)
wrong("1.2", "sign")(lambda nats, n: -nats / math.log(2) / n)
wrong("1.2", "divided by 2")(lambda nats, n: nats / 2 / n)
wrong("1.2", "rounded")(lambda nats, n: round(nats / math.log(2) / n, 2))
wrong("1.2", "integer division")(lambda nats, n: nats / math.log(2) // n)
wrong("1.2", "divided by log2 e")(lambda nats, n: nats / math.log2(math.e) / n)
wrong("1.2", "perplexity")(lambda nats, n: math.exp(nats / n))
wrong("1.2", "0.69")(lambda nats, n: nats / 0.69 / n)
wrong("1.2", "tensor")(lambda nats, n: torch.tensor(nats / math.log(2) / n))
wrong("1.2", "string")(lambda nats, n: f"{nats / math.log(2) / n}")

right("1.3")(lambda e, w: e @ w)
right("1.3")(lambda e, w: torch.einsum("...o,o->...", e, w))
right("1.3")(lambda e, w: sum(e[..., k] * w[k] for k in range(len(w))))
right("1.3")(lambda e, w: F.linear(e.double(), w.double()[None])[..., 0])
wrong("1.3", "no sum")(lambda e, w: e * w)
wrong("1.3", "mean")(lambda e, w: (e * w).mean(-1))
wrong("1.3", "unweighted")(lambda e, w: e.mean(-1))
wrong("1.3", "sum over all")(lambda e, w: (e * w).sum())
wrong("1.3", "first axis")(lambda e, w: (e * w).sum(0))
wrong("1.3", "geometric")(lambda e, w: (e.clamp(min=1e-12).log() * w).sum(-1).exp())
wrong("1.3", "product")(lambda e, w: (e**w).prod(-1))
wrong("1.3", "best")(lambda e, w: (e * w).max(-1).values)
wrong("1.3", "reverse")(lambda e, w: e @ w.flip(0))
wrong("1.3", "softmax weights")(lambda e, w: e @ w.softmax(0))
wrong("1.3", "keepdim")(lambda e, w: (e * w).sum(-1, keepdim=True))
wrong("1.3", "log")(lambda e, w: (e @ w).log())
wrong("1.3", "normalised")(lambda e, w: (e @ w) / (e @ w).sum())
wrong("1.3", "by the largest weight")(lambda e, w: e[..., w.argmax()])
wrong("1.3", "last order left out")(lambda e, w: e[..., :-1] @ w[:-1])
wrong("1.3", "first order that knows")(
    lambda e, w: torch.where(e[..., -1] > 0, e[..., -1], e[..., 0])
)
wrong("1.3", "squared")(lambda e, w: e @ w.square())
wrong("1.3", "divides by orders")(lambda e, w: e @ w / len(w))
wrong("1.3", "list")(lambda e, w: (e @ w).tolist())


@right("1.4")
def scatter(logits, ids, mask=None):
    out = []
    for b in range(len(ids)):
        terms = [
            torch.log_softmax(logits[b, t - 1], 0)[ids[b, t]]
            for t in range(1, ids.shape[1])
            if mask is None or mask[b, t]
        ]
        out.append(torch.stack(terms).sum() if terms else logits[b].sum() * 0)
    return torch.stack(out)


right("1.4")(
    lambda z, i, m=None: (
        -F.cross_entropy(
            z[:, :-1].transpose(1, 2),
            i[:, 1:].masked_fill(~ok(i, m), -100),
            reduction="none",
        ).sum(1)
    )
)
right("1.4")(
    lambda z, i, m=None: (
        torch.distributions.Categorical(logits=z[:, :-1])
        .log_prob(i[:, 1:])
        .where(ok(i, m), torch.tensor(0.0))
        .sum(1)
    )
)
wrong("1.4", "no shift")(
    lambda z, i, m=None: z.log_softmax(-1).gather(-1, i[..., None])[..., 0].sum(1)
)
wrong("1.4", "mean")(
    lambda z, i, m=None: (lp(z, i) * ok(i, m)).sum(1) / ok(i, m).sum(1)
)
wrong("1.4", "mask ignored")(lambda z, i, m=None: lp(z, i).sum(1))
wrong("1.4", "total")(lambda z, i, m=None: (lp(z, i) * ok(i, m)).sum())
wrong("1.4", "loss")(lambda z, i, m=None: -(lp(z, i) * ok(i, m)).sum(1))
wrong("1.4", "probability")(lambda z, i, m=None: (lp(z, i) * ok(i, m)).sum(1).exp())
wrong("1.4", "product of probs")(
    lambda z, i, m=None: (lp(z, i).exp() * ok(i, m)).sum(1)
)
wrong("1.4", "log of sum")(
    lambda z, i, m=None: (lp(z, i).exp() * ok(i, m)).sum(1).log()
)
wrong("1.4", "raw")(
    lambda z, i, m=None: (z[:, :-1].gather(-1, i[:, 1:, None])[..., 0] * ok(i, m)).sum(
        1
    )
)
wrong("1.4", "mask unshifted")(
    lambda z, i, m=None: (lp(z, i) * (m[:, :-1] if m is not None else 1)).sum(1)
)
wrong("1.4", "per token")(lambda z, i, m=None: lp(z, i) * ok(i, m))
wrong("1.4", "sum over batch")(lambda z, i, m=None: (lp(z, i) * ok(i, m)).sum(0))
wrong("1.4", "bits")(lambda z, i, m=None: (lp(z, i) * ok(i, m)).sum(1) / math.log(2))
wrong("1.4", "keepdim")(lambda z, i, m=None: (lp(z, i) * ok(i, m)).sum(1, keepdim=True))
wrong("1.4", "mean by time")(lambda z, i, m=None: (lp(z, i) * ok(i, m)).mean(1))
wrong("1.4", "argmax tokens")(
    lambda z, i, m=None: (z[:, :-1].log_softmax(-1).max(-1).values * ok(i, m)).sum(1)
)
wrong("1.4", "all rows alike")(
    lambda z, i, m=None: (lp(z, i) * ok(i, m)).sum().expand(len(i))
)
wrong("1.4", "softmax over batch")(
    lambda z, i, m=None: (
        z[:, :-1].log_softmax(0).gather(-1, i[:, 1:, None])[..., 0] * ok(i, m)
    ).sum(1)
)
wrong("1.4", "detached")(lambda z, i, m=None: (lp(z, i) * ok(i, m)).sum(1).detach())
wrong("1.4", "last token missing")(
    lambda z, i, m=None: (lp(z, i) * ok(i, m))[:, :-1].sum(1)
)
