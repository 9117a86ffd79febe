"""Answers to the exercises of chapter 7, written from their texts alone."""

import math

import torch
import torch.nn.functional as F

from tools.try_answers import right, wrong

right("7.1")(lambda c, r: F.softplus(r - c).mean())
right("7.1")(lambda c, r: (torch.logaddexp(c, r) - c).mean())
right("7.1")(lambda c, r: F.binary_cross_entropy_with_logits(c - r, torch.ones_like(c)))
right("7.1")(
    lambda c, r: F.cross_entropy(
        torch.stack([c, r], 1), torch.zeros(len(c), dtype=torch.long)
    )
)
right("7.1")(
    lambda c, r: (
        -torch.stack(
            [F.logsigmoid(a - b) for a, b in zip(c.double(), r.double(), strict=True)]
        ).sum()
        / len(c)
    )
)
wrong("7.1", "swapped")(lambda c, r: F.softplus(c - r).mean())
wrong("7.1", "sum")(lambda c, r: F.softplus(r - c).sum())
wrong("7.1", "log sigmoid naive")(lambda c, r: -(c - r).sigmoid().log().mean())
wrong("7.1", "exp naive")(lambda c, r: (1 + (r - c).exp()).log().mean())
wrong("7.1", "minus missing")(lambda c, r: F.logsigmoid(c - r).mean())
wrong("7.1", "no log")(lambda c, r: 1 - torch.sigmoid(c - r).mean())
wrong("7.1", "hinge")(lambda c, r: F.relu(1 - (c - r)).mean())
wrong("7.1", "squared")(lambda c, r: (c - r - 1).square().mean())
wrong("7.1", "base 2")(lambda c, r: F.softplus(r - c).mean() / math.log(2))
wrong("7.1", "crossed")(lambda c, r: F.softplus(r[None] - c[:, None]).mean())
wrong("7.1", "each sigmoid")(lambda c, r: -(F.logsigmoid(c) - F.logsigmoid(r)).mean())
wrong("7.1", "each loss")(lambda c, r: -(F.logsigmoid(c) + F.logsigmoid(-r)).mean())
wrong("7.1", "log of mean")(lambda c, r: -(c - r).sigmoid().mean().log())
wrong("7.1", "epsilon")(lambda c, r: -((c - r).sigmoid() + 1e-6).log().mean())
wrong("7.1", "clamped difference")(
    lambda c, r: F.softplus((r - c).clamp(-20, 20)).mean()
)
wrong("7.1", "detached rejected")(lambda c, r: F.softplus(r.detach() - c).mean())
wrong("7.1", "ratio")(lambda c, r: -(c.exp() / (c.exp() + r.exp())).log().mean())
wrong("7.1", "item")(lambda c, r: F.softplus(r - c).mean().item())
wrong("7.1", "twice")(lambda c, r: F.softplus(2 * (r - c)).mean())
wrong("7.1", "accuracy")(lambda c, r: (c > r).float().mean())
wrong("7.1", "absolute")(lambda c, r: F.softplus(-(c - r).abs()).mean())
wrong("7.1", "median")(lambda c, r: F.softplus(r - c).median())


def last(h, m, w, back=0):
    t = m.shape[1] - 1 - m.flip(1).int().argmax(1)
    return h[torch.arange(len(h)), (t - back).clamp(min=0)] @ w


right("7.2")(last)
right("7.2")(
    lambda h, m, w: torch.stack(
        [row[k.nonzero()[-1, 0]] @ w for row, k in zip(h, m, strict=True)]
    )
)
right("7.2")(
    lambda h, m, w: (
        (h @ w)
        .gather(1, (m * torch.arange(1, m.shape[1] + 1)).argmax(1, keepdim=True))
        .squeeze(1)
    )
)
right("7.2")(
    lambda h, m, w: torch.einsum(
        "btw,bt,w->b",
        torch.where(m[..., None], h, 0).double(),
        F.one_hot((m * torch.arange(m.shape[1])).amax(1), m.shape[1]).double(),
        w.double(),
    )
)
wrong("7.2", "last column")(lambda h, m, w: h[:, -1] @ w)
wrong("7.2", "count minus one")(
    lambda h, m, w: h[torch.arange(len(h)), m.sum(1) - 1] @ w
)
wrong("7.2", "first real token")(
    lambda h, m, w: h[torch.arange(len(h)), m.int().argmax(1)] @ w
)
wrong("7.2", "one before")(lambda h, m, w: last(h, m, w, 1))
wrong("7.2", "one after")(
    lambda h, m, w: h[torch.arange(len(h)), m.sum(1).clamp(max=m.shape[1] - 1)] @ w
)
wrong("7.2", "mean")(
    lambda h, m, w: ((h * m[..., None]).sum(1) / m.sum(1, keepdim=True)) @ w
)
wrong("7.2", "sum")(lambda h, m, w: (torch.where(m[..., None], h, 0)).sum(1) @ w)
wrong("7.2", "max")(lambda h, m, w: (h @ w).masked_fill(~m, -torch.inf).amax(1))
wrong("7.2", "every position")(lambda h, m, w: h @ w)
wrong("7.2", "keepdim")(lambda h, m, w: last(h, m, w)[:, None])
wrong("7.2", "the state")(lambda h, m, w: last(h, m, torch.eye(len(w))))
wrong("7.2", "products without sum")(lambda h, m, w: last(h, m, torch.diag(w)))
wrong("7.2", "all columns of all rows")(lambda h, m, w: h[:, m.sum(1) - 1] @ w)
wrong("7.2", "row 0 for all")(
    lambda h, m, w: h[:, (m[0] * torch.arange(m.shape[1])).argmax()] @ w
)
wrong("7.2", "padding is zero")(
    lambda h, m, w: (
        h[torch.arange(len(h)), (h.abs().sum(-1) > 0).int().flip(1).argmax(1)] @ w
    )
)
wrong("7.2", "mask inverted")(lambda h, m, w: last(h, ~m, w))
wrong("7.2", "first column")(lambda h, m, w: h[:, 0] @ w)
wrong("7.2", "normalised")(lambda h, m, w: last(h, m, w / w.norm()))
wrong("7.2", "mean of the width")(lambda h, m, w: last(h, m, w) / len(w))
wrong("7.2", "detached")(lambda h, m, w: last(h.detach(), m, w))
wrong("7.2", "argmax of the mask, reversed, unadjusted")(
    lambda h, m, w: h[torch.arange(len(h)), m.flip(1).int().argmax(1)] @ w
)


def ordinal(s, b, c, sign=1.0, reduce=lambda x: x.mean()):
    d = sign * (c - s[:, None])
    low = F.logsigmoid(d)
    high = F.logsigmoid(-d)
    mid = low[:, 1:] + high[:, :-1] + (-torch.expm1(c[:-1] - c[1:])).log()
    return -reduce(torch.cat([low[:, :1], mid, high[:, -1:]], 1).gather(1, b[:, None]))


def ordinal_p(s, b, c, eps=0.0, sign=1.0):
    cdf = torch.sigmoid(sign * (c - s[:, None]))
    cdf = F.pad(F.pad(cdf, (1, 0)), (0, 1), value=1.0)
    return cdf.diff(dim=1).gather(1, b[:, None]).squeeze(1) + eps


right("7.3")(ordinal)


@right("7.3")
def ordinal_by_row(scores, bins, cuts):
    losses = []
    for r, k in zip(scores, bins.tolist(), strict=True):
        if k == 0:
            losses.append(F.softplus(r - cuts[0]))
        elif k == len(cuts):
            losses.append(F.softplus(cuts[-1] - r))
        else:
            a, b = cuts[k] - r, cuts[k - 1] - r
            losses.append(
                F.softplus(-a)
                + F.softplus(b)
                - torch.log1p(-torch.exp(cuts[k - 1] - cuts[k]))
            )
    return torch.stack(losses).mean()


right("7.3")(lambda s, b, c: ordinal(s.double(), b, c.double()))
wrong("7.3", "naive difference")(lambda s, b, c: -ordinal_p(s, b, c).log().mean())
wrong("7.3", "epsilon")(lambda s, b, c: -ordinal_p(s, b, c, 1e-8).log().mean())
wrong("7.3", "clamp")(lambda s, b, c: -ordinal_p(s, b, c).clamp(min=1e-7).log().mean())
wrong("7.3", "double")(
    lambda s, b, c: -ordinal_p(s.double(), b, c.double()).log().mean().to(s.dtype)
)
wrong("7.3", "sum")(lambda s, b, c: ordinal(s, b, c, reduce=lambda x: x.sum()))
wrong("7.3", "sign of the distance")(lambda s, b, c: ordinal(s, len(c) - b, c))
wrong("7.3", "r minus c")(lambda s, b, c: ordinal(-s, b, -c.flip(0)))
wrong("7.3", "no log")(lambda s, b, c: 1 - ordinal_p(s, b, c).mean())
wrong("7.3", "likelihood")(lambda s, b, c: -ordinal(s, b, c))
wrong("7.3", "cumulative")(
    lambda s, b, c: -F.logsigmoid(F.pad(c, (0, 1), value=1e4)[b] - s).mean()
)
wrong("7.3", "cross-entropy over cuts")(
    lambda s, b, c: F.cross_entropy(
        -(F.pad(c, (0, 1), value=float(c[-1]) + 1) - s[:, None]).abs(), b
    )
)
wrong("7.3", "squared error")(lambda s, b, c: (s - b).square().mean())
wrong("7.3", "binary at each cut")(
    lambda s, b, c: F.binary_cross_entropy_with_logits(
        s[:, None] - c, (b[:, None] > torch.arange(len(c))).to(s.dtype)
    )
)
wrong("7.3", "bins off by one")(
    lambda s, b, c: ordinal(s, (b + 1).clamp(max=len(c)), c)
)
wrong("7.3", "per text")(
    lambda s, b, c: ordinal(s, b, c, reduce=lambda x: x.squeeze(1))
)
wrong("7.3", "only two-sided bins")(
    lambda s, b, c: (
        -(
            torch.sigmoid(c[b.clamp(max=len(c) - 1)] - s)
            - torch.sigmoid(c[(b - 1).clamp(min=0)] - s) * (b > 0)
        )
        .clamp(min=1e-9)
        .log()
        .mean()
    )
)
wrong("7.3", "bits")(lambda s, b, c: ordinal(s, b, c) / math.log(2))
wrong("7.3", "log of the mean")(
    lambda s, b, c: -(ordinal_p(s, b, c) + 1e-30).mean().log()
)
wrong("7.3", "width forgotten")(
    lambda s, b, c: (
        -torch.cat(
            [
                F.logsigmoid(c - s[:, None])[:, :1],
                F.logsigmoid(c - s[:, None])[:, 1:]
                + F.logsigmoid(s[:, None] - c)[:, :-1],
                F.logsigmoid(s[:, None] - c)[:, -1:],
            ],
            1,
        )
        .gather(1, b[:, None])
        .mean()
    )
)
wrong("7.3", "scores detached")(lambda s, b, c: ordinal(s.detach(), b, c))


def ece(p, y, k=10, index=None, weight=True, power=1, reduce=None):
    i = (p * k).long().clamp(max=k - 1) if index is None else index(p, k)
    total = 0.0
    for b in i.unique():
        m = i == b
        gap = float((p[m].double().mean() - y[m].double().mean()).abs()) ** power
        total += gap * (float(m.double().mean()) if weight else 1.0)
    return total if weight else total / len(i.unique())


right("7.4")(ece)


@right("7.4")
def ece_python(probabilities, outcomes, bins=10):
    groups = {}
    for p, y in zip(probabilities.tolist(), outcomes.tolist(), strict=True):
        groups.setdefault(min(int(p * bins), bins - 1), []).append(p - y)
    return sum(abs(sum(g)) for g in groups.values()) / len(probabilities)


right("7.4")(
    lambda p, y, bins=10: float(
        torch.zeros(bins, dtype=torch.float64)
        .index_add(0, (p * bins).floor().long().clamp(max=bins - 1), (p - y).double())
        .abs()
        .sum()
        / len(p)
    )
)
wrong("7.4", "unweighted")(lambda p, y, bins=10: ece(p, y, bins, weight=False))
wrong("7.4", "over all bins")(
    lambda p, y, bins=10: (
        ece(p, y, bins, weight=False)
        * len((p * bins).long().clamp(max=bins - 1).unique())
        / bins
    )
)
wrong("7.4", "bins ignored")(lambda p, y, bins=10: ece(p, y, 10))
wrong("7.4", "p = 1 left out")(
    lambda p, y, bins=10: (
        ece(p[p < 1], y[p < 1], bins) * len(p[p < 1]) / len(p) if len(p[p < 1]) else 0.0
    )
)
wrong("7.4", "closed on the right")(
    lambda p, y, bins=10: ece(
        p, y, bins, index=lambda p, k: ((p * k).ceil().long() - 1).clamp(min=0)
    )
)
wrong("7.4", "rounded")(
    lambda p, y, bins=10: ece(p, y, bins, index=lambda p, k: (p * k).round().long())
)
wrong("7.4", "no absolute value")(lambda p, y, bins=10: float((p.double() - y).mean()))
wrong("7.4", "absolute per prediction")(
    lambda p, y, bins=10: float((p.double() - y).abs().mean())
)
wrong("7.4", "one bin")(lambda p, y, bins=10: float((p.double() - y).mean().abs()))
wrong("7.4", "squared gap")(lambda p, y, bins=10: ece(p, y, bins, power=2))
wrong("7.4", "maximum")(
    lambda p, y, bins=10: max(
        float(
            (
                p[(p * bins).long().clamp(max=bins - 1) == b].double().mean()
                - y[(p * bins).long().clamp(max=bins - 1) == b].double().mean()
            ).abs()
        )
        for b in (p * bins).long().clamp(max=bins - 1).unique()
    )
)
wrong("7.4", "middle of the bin")(
    lambda p, y, bins=10: ece(
        ((p * bins).long().clamp(max=bins - 1) + 0.5) / bins, y, bins
    )
)
wrong("7.4", "Brier")(lambda p, y, bins=10: float((p.double() - y).square().mean()))
wrong("7.4", "NaN of empty bins")(
    lambda p, y, bins=10: sum(
        float(
            ((p * bins).long() == b).double().mean()
            * (
                p[(p * bins).long() == b].double().mean()
                - y[(p * bins).long() == b].double().mean()
            ).abs()
        )
        for b in range(bins)
    )
)
wrong("7.4", "equal numbers")(
    lambda p, y, bins=10: (
        sum(
            abs(float((a - b).double().sum()))
            for a, b in zip(
                p[p.argsort()].chunk(bins), y[p.argsort()].chunk(bins), strict=True
            )
        )
        / len(p)
    )
)
wrong("7.4", "sum of counts")(lambda p, y, bins=10: ece(p, y, bins) * len(p))
wrong("7.4", "tensor")(lambda p, y, bins=10: torch.tensor(ece(p, y, bins)))
wrong("7.4", "accuracy at one half")(
    lambda p, y, bins=10: ece(p, ((p > 0.5) == (y > 0.5)).float(), bins)
)
wrong("7.4", "one bin more")(lambda p, y, bins=10: ece(p, y, bins + 1))
wrong("7.4", "root")(lambda p, y, bins=10: ece(p, y, bins, power=2) ** 0.5)

right("7.5")(lambda c, r: (c > r).sum().item() / len(c))
right("7.5")(
    lambda c, r: (
        sum(a > b for a, b in zip(c.tolist(), r.tolist(), strict=True)) / c.numel()
    )
)
right("7.5")(lambda c, r: float(torch.sign(c - r).clamp(min=0).mean()))
wrong("7.5", ">=")(lambda c, r: float((c >= r).double().mean()))
wrong("7.5", "ties half")(
    lambda c, r: float((c > r).double().mean() + 0.5 * (c == r).double().mean())
)
wrong("7.5", "turned")(lambda c, r: float((c < r).double().mean()))
wrong("7.5", "count")(lambda c, r: float((c > r).sum()))
wrong("7.5", "tensor")(lambda c, r: (c > r).double().mean())
wrong("7.5", "mean sigmoid")(lambda c, r: float(torch.sigmoid(c - r).mean()))
wrong("7.5", "positive scores")(lambda c, r: float((c > 0).double().mean()))
wrong("7.5", "difference of means")(lambda c, r: float(c.mean() > r.mean()))
wrong("7.5", "crossed")(lambda c, r: float((c[:, None] > r).double().mean()))
wrong("7.5", "margin")(lambda c, r: float((c - r > 1).double().mean()))
wrong("7.5", "tolerance")(lambda c, r: float((c > r + 1e-3).double().mean()))
wrong("7.5", "percent")(lambda c, r: 100 * float((c > r).double().mean()))
wrong("7.5", "rounded scores")(
    lambda c, r: float((c.round() > r.round()).double().mean())
)
wrong("7.5", "ties dropped")(
    lambda c, r: float((c > r).double().sum() / (c != r).sum().clamp(min=1))
)
wrong("7.5", "list")(lambda c, r: (c > r).tolist())
wrong("7.5", "int")(lambda c, r: int((c > r).double().mean()))
wrong("7.5", "error")(lambda c, r: 1 - float((c > r).double().mean()))
wrong("7.5", "sorted")(
    lambda c, r: float((c.sort().values > r.sort().values).double().mean())
)
wrong("7.5", "absolute")(lambda c, r: float((c.abs() > r.abs()).double().mean()))
wrong("7.5", "whole division")(lambda c, r: (c > r).sum().item() // len(c))
wrong("7.5", "unbiased")(
    lambda c, r: float((c > r).double().sum() / max(1, len(c) - 1))
)
