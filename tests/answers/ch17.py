"""Answers to the exercises of chapter 17, written from their texts alone."""

import math

import torch

from tools.try_answers import right, wrong

INF = float("inf")


# 17.1: the text's importance ratio


def difference(p, q, m):
    return (p - q).detach().masked_fill(~m.bool(), 0.0)


right("17.1")(lambda p, q, m, c: difference(p, q, m).exp().prod(1).clamp(max=c))
right("17.1")(
    lambda p, q, m, c: torch.stack(
        [
            torch.exp((a[k] - b[k]).sum()).clamp(max=c)
            for a, b, k in zip(p.detach(), q.detach(), m.bool(), strict=True)
        ]
    )
)


@right("17.1")
def two_sums(p, q, m, c):
    with torch.no_grad():
        mine = torch.where(m.bool(), p, torch.zeros_like(p)).sum(-1)
        theirs = torch.where(m.bool(), q, torch.zeros_like(q)).sum(-1)
        w = torch.exp(mine - theirs)
        return torch.where(w > c, torch.full_like(w, c), w)


@right("17.1")
def minimum_in_logs(p, q, m, c):
    d = (p.detach().double() - q.detach().double()).masked_fill(m == 0, 0).sum(1)
    return d.clamp(max=math.log(c)).exp().to(p.dtype)


@right("17.1")
def by_python(p, q, m, c):
    out = []
    for i in range(len(p)):
        s = 0.0
        for t in range(p.shape[1]):
            if m[i, t]:
                s += p[i, t].item() - q[i, t].item()
        out.append(min(math.exp(min(s, 700)), c))
    return torch.tensor(out, dtype=p.dtype)


wrong("17.1", "inverted ratio")(
    lambda p, q, m, c: difference(q, p, m).sum(1).exp().clamp(max=c)
)
wrong("17.1", "gradient kept")(
    lambda p, q, m, c: (p - q).masked_fill(~m, 0.0).sum(1).exp().clamp(max=c)
)
wrong("17.1", "detached sampler only")(
    lambda p, q, m, c: (p - q.detach()).masked_fill(~m, 0.0).sum(1).exp().clamp(max=c)
)
wrong("17.1", "token ratios")(lambda p, q, m, c: difference(p, q, m).exp().clamp(max=c))
wrong("17.1", "no limit")(lambda p, q, m, c: difference(p, q, m).sum(1).exp())
wrong("17.1", "limit on the log")(
    lambda p, q, m, c: difference(p, q, m).sum(1).clamp(max=c).exp()
)
wrong("17.1", "limit on each token")(
    lambda p, q, m, c: difference(p, q, m).exp().clamp(max=c).prod(1)
)
wrong("17.1", "limit from below")(
    lambda p, q, m, c: difference(p, q, m).sum(1).exp().clamp(min=c)
)
wrong("17.1", "both sides")(
    lambda p, q, m, c: difference(p, q, m).sum(1).exp().clamp(1 / c, c)
)
wrong("17.1", "masked out above")(
    lambda p, q, m, c: (w := difference(p, q, m).sum(1).exp()).masked_fill(w > c, 0.0)
)
wrong("17.1", "mask times, NaN stays")(
    lambda p, q, m, c: ((p - q).detach() * m).sum(1).exp().clamp(max=c)
)
wrong("17.1", "padding counted")(
    lambda p, q, m, c: (p - q).detach().sum(1).exp().clamp(max=c)
)
wrong("17.1", "mask inverted")(
    lambda p, q, m, c: (
        (p - q).detach().masked_fill(m.bool(), 0.0).sum(1).exp().clamp(max=c)
    )
)
wrong("17.1", "mean of the log-ratios")(
    lambda p, q, m, c: (
        (difference(p, q, m).sum(1) / m.sum(1).clamp(min=1)).exp().clamp(max=c)
    )
)
wrong("17.1", "mean of token ratios")(
    lambda p, q, m, c: (
        (difference(p, q, m).exp() * m).sum(1) / m.sum(1).clamp(min=1)
    ).clamp(max=c)
)
wrong("17.1", "sum of token ratios")(
    lambda p, q, m, c: (difference(p, q, m).exp() * m).sum(1).clamp(max=c)
)
wrong("17.1", "no exp")(lambda p, q, m, c: difference(p, q, m).sum(1).clamp(max=c))
wrong("17.1", "sum over the batch")(
    lambda p, q, m, c: difference(p, q, m).sum(0).exp().clamp(max=c)
)
wrong("17.1", "one number")(
    lambda p, q, m, c: difference(p, q, m).sum().exp().clamp(max=c)
)
wrong("17.1", "dimension kept")(
    lambda p, q, m, c: difference(p, q, m).sum(1, keepdim=True).exp().clamp(max=c)
)
wrong("17.1", "probabilities divided")(
    lambda p, q, m, c: difference(p.exp(), q.exp(), m).sum(1).exp().clamp(max=c)
)
wrong("17.1", "ratio of logs")(
    lambda p, q, m, c: (p / q).detach().masked_fill(~m.bool(), 1.0).prod(1).clamp(max=c)
)
wrong("17.1", "masked after exp with 0")(
    lambda p, q, m, c: (
        (p - q).detach().exp().masked_fill(~m.bool(), 0.0).prod(1).clamp(max=c)
    )
)
wrong("17.1", "nan to num")(
    lambda p, q, m, c: ((p - q).detach().nan_to_num(0.0)).sum(1).exp().clamp(max=c)
)
wrong("17.1", "normalised by the batch")(
    lambda p, q, m, c: (w := difference(p, q, m).sum(1).exp().clamp(max=c)) / w.mean()
)
wrong("17.1", "last token only")(
    lambda p, q, m, c: difference(p, q, m)[:, -1].exp().clamp(max=c)
)
wrong("17.1", "plus one in the clamp")(
    lambda p, q, m, c: difference(p, q, m).sum(1).exp().clamp(max=1 + c)
)
wrong("17.1", "PPO's clip")(
    lambda p, q, m, c: difference(p, q, m).sum(1).exp().clamp(1 - c, 1 + c)
)


# 17.2: the interval of a judge and a few people


def ends(middle, variance, z):
    half = z * variance**0.5
    return torch.stack([middle - half, middle + half])


def parts(y, f, u, w):
    return (y - w * f), w * u


@right("17.2")
def by_std(y, f, u, w, z):
    e, g = parts(y, f, u, w)
    half = z * torch.sqrt(e.std() ** 2 / e.numel() + g.std() ** 2 / g.numel())
    return e.mean() + g.mean() + half * torch.tensor([-1.0, 1.0], dtype=half.dtype)


@right("17.2")
def by_hand(y, f, u, w, z):
    n, m = len(y), len(u)
    e = [float(a) - w * float(b) for a, b in zip(y, f, strict=True)]
    g = [w * float(b) for b in u]
    me, mg = sum(e) / n, sum(g) / m
    v = sum((x - me) ** 2 for x in e) / (n - 1) / n
    v += sum((x - mg) ** 2 for x in g) / (m - 1) / m
    middle, half = me + mg, z * math.sqrt(v)
    return torch.tensor([middle - half, middle + half], dtype=y.dtype)


@right("17.2")
def by_cov(y, f, u, w, z):
    c = torch.cov(torch.stack([y, f]))
    v = (c[0, 0] - 2 * w * c[0, 1] + w * w * c[1, 1]) / len(y)
    return ends(y.mean() - w * f.mean() + w * u.mean(), v + w * w * u.var() / len(u), z)


@right("17.2")
def numpy_like(y, f, u, w, z):
    d = y.sub(f, alpha=w)
    se2 = d.var(correction=1).div(d.shape[0]) + u.mul(w).var().div(u.shape[0])
    mid = d.mean().add(u.mean(), alpha=w)
    return torch.cat([(mid - z * se2.sqrt())[None], (mid + z * se2.sqrt())[None]])


def plain(y, f, u, w):
    e, g = parts(y, f, u, w)
    return e.mean() + g.mean(), e.var() / len(e) + g.var() / len(g)


def slip(note, middle=None, variance=None):
    def answer(y, f, u, w, z):
        mid, var = plain(y, f, u, w)
        mid = mid if middle is None else middle(y, f, u, w)
        var = var if variance is None else variance(y, f, u, w)
        return ends(mid, var, z)

    wrong("17.2", note)(answer)


slip("no weight in the middle", lambda y, f, u, w: (y - f).mean() + u.mean())
slip("weight on the correction only", lambda y, f, u, w: (y - w * f).mean() + u.mean())
slip("weight on the unasked only", lambda y, f, u, w: (y - f).mean() + w * u.mean())
slip("correction's sign", lambda y, f, u, w: (w * f - y).mean() + w * u.mean())
slip("people alone in the middle", lambda y, f, u, w: y.mean())
slip("judge alone in the middle", lambda y, f, u, w: u.mean())
slip(
    "the judge over all texts",
    lambda y, f, u, w: (y - w * f).mean() + w * torch.cat([f, u]).mean(),
)
slip(
    "mean over all texts pooled",
    lambda y, f, u, w: torch.cat([y - w * f, w * u]).mean(),
)
slip("weight not squared", None, lambda y, f, u, w: (
    (y - w * f).var() / len(y) + w * u.var() / len(u)))  # fmt: skip
slip("no weight in the variance", None, lambda y, f, u, w: (
    (y - w * f).var() / len(y) + u.var() / len(u)))  # fmt: skip
slip("variances not divided", None, lambda y, f, u, w: (
    (y - w * f).var() + w**2 * u.var()))  # fmt: skip
slip("both divided by n", None, lambda y, f, u, w: (
    ((y - w * f).var() + w**2 * u.var()) / len(y)))  # fmt: skip
slip("sizes exchanged", None, lambda y, f, u, w: (
    (y - w * f).var() / len(u) + w**2 * u.var() / len(y)))  # fmt: skip
slip("divided by n + m", None, lambda y, f, u, w: (
    ((y - w * f).var() + w**2 * u.var()) / (len(y) + len(u))))  # fmt: skip
slip("variance with n", None, lambda y, f, u, w: (
    (y - w * f).var(correction=0) / len(y)
    + w**2 * u.var(correction=0) / len(u)))  # fmt: skip
slip("variances subtracted", None, lambda y, f, u, w: (
    ((y - w * f).var() / len(y) - w**2 * u.var() / len(u)).abs()))  # fmt: skip
slip("only the asked vary", None, lambda y, f, u, w: (y - w * f).var() / len(y))
slip("only the unasked vary", None, lambda y, f, u, w: w**2 * u.var() / len(u))
slip("people and judge as independent", None, lambda y, f, u, w: (
    y.var() / len(y) + w**2 * f.var() / len(f)
    + w**2 * u.var() / len(u)))  # fmt: skip
slip("variance of people alone", None, lambda y, f, u, w: (
    y.var() / len(y) + w**2 * u.var() / len(u)))  # fmt: skip
slip("standard errors added", None, lambda y, f, u, w: (
    ((y - w * f).std() / len(y) ** 0.5 + w * u.std() / len(u) ** 0.5)
    ** 2))  # fmt: skip
slip("variance without weight in errors", None, lambda y, f, u, w: (
    (y - f).var() / len(y) + w**2 * u.var() / len(u)))  # fmt: skip
wrong("17.2", "upper end first")(
    lambda y, f, u, w, z: ends(*plain(y, f, u, w), z).flip(0)
)
wrong("17.2", "no root")(
    lambda y, f, u, w, z: ends(plain(y, f, u, w)[0], plain(y, f, u, w)[1] ** 2, z)
)
wrong("17.2", "z inside the root")(
    lambda y, f, u, w, z: ends(plain(y, f, u, w)[0], z * plain(y, f, u, w)[1], 1.0)
)
wrong("17.2", "1.96 always")(lambda y, f, u, w, z: ends(*plain(y, f, u, w), 1.96))
wrong("17.2", "half of z")(lambda y, f, u, w, z: ends(*plain(y, f, u, w), z / 2))
wrong("17.2", "middle and half")(
    lambda y, f, u, w, z: torch.stack(
        [plain(y, f, u, w)[0], z * plain(y, f, u, w)[1].sqrt()]
    )
)
wrong("17.2", "a tuple")(
    lambda y, f, u, w, z: tuple(float(x) for x in ends(*plain(y, f, u, w), z))
)
wrong("17.2", "held in 0 to 1")(
    lambda y, f, u, w, z: ends(*plain(y, f, u, w), z).clamp(0, 1)
)


# 17.3: this process's part

right("17.3")(lambda v, m, n, p: (v * m).sum() / n * p)
right("17.3")(lambda v, m, n, p: v[m].sum() / (n / p))
right("17.3")(lambda v, m, n, p: torch.where(m, v, 0.0).sum(1).sum(0) * (p / n))
right("17.3")(lambda v, m, n, p: torch.einsum("bt,bt->", v, m.to(v.dtype)) * p / n)


@right("17.3")
def by_own_mean(v, m, n, p):
    here = m.sum()
    return (v * m).sum() / here.clamp(min=1) * here * p / n


wrong("17.3", "own mean")(lambda v, m, n, p: (v * m).sum() / m.sum())
wrong("17.3", "no processes")(lambda v, m, n, p: (v * m).sum() / n)
wrong("17.3", "divided by processes")(lambda v, m, n, p: (v * m).sum() / n / p)
wrong("17.3", "times tokens")(lambda v, m, n, p: (v * m).sum() * n / p)
wrong("17.3", "padding counted")(lambda v, m, n, p: v.sum() * p / n)
wrong("17.3", "mean over all entries")(lambda v, m, n, p: (v * m).mean() * p)
wrong("17.3", "divided by places")(lambda v, m, n, p: (v * m).sum() / v.numel())
wrong("17.3", "mask inverted")(lambda v, m, n, p: (v * ~m).sum() * p / n)
wrong("17.3", "per text")(lambda v, m, n, p: (v * m).sum(1) * p / n)
wrong("17.3", "mean of text means")(
    lambda v, m, n, p: ((v * m).sum(1) / m.sum(1).clamp(min=1)).mean()
)
wrong("17.3", "own tokens times share")(
    lambda v, m, n, p: (v * m).sum() / m.sum() * m.sum() / n
)
wrong("17.3", "own mean weighted wrongly")(
    lambda v, m, n, p: (v * m).sum() / m.sum() * n / m.sum()
)
wrong("17.3", "own tokens times processes")(
    lambda v, m, n, p: (v * m).sum() / (m.sum() * p)
)
wrong("17.3", "whole division")(lambda v, m, n, p: (v * m).sum() / max(n // p, 1))
wrong("17.3", "detached")(lambda v, m, n, p: (v * m).sum().detach() * p / n)
wrong("17.3", "item")(lambda v, m, n, p: (v * m).sum().item() * p / n)
wrong("17.3", "minus")(lambda v, m, n, p: -(v * m).sum() * p / n)
wrong("17.3", "mean of the counted times processes")(lambda v, m, n, p: v[m].mean() * p)
wrong("17.3", "texts instead of tokens")(lambda v, m, n, p: (v * m).sum() / len(v))
wrong("17.3", "sum")(lambda v, m, n, p: (v * m).sum())
wrong("17.3", "sum times processes")(lambda v, m, n, p: (v * m).sum() * p)
wrong("17.3", "tokens of the batch times processes")(
    lambda v, m, n, p: (v * m).sum() / (n * m.sum()) * p
)
wrong("17.3", "first two always")(lambda v, m, n, p: (v * m).sum() * 2 / n)
wrong("17.3", "squared processes")(lambda v, m, n, p: (v * m).sum() * p * p / n)
wrong("17.3", "last column dropped")(lambda v, m, n, p: (v * m)[:, :-1].sum() * p / n)


# 17.4: what the order alone does


def pair(pull, share):
    return torch.stack([pull, share.to(pull.dtype)])


right("17.4")(
    lambda a, b: pair(
        (a - b).mean() / 2, ((a > 0.5).float() - (b > 0.5).float()).abs().mean()
    )
)
right("17.4")(
    lambda a, b: pair(
        0.5 * a.mean() - 0.5 * b.mean(), ((a > 0.5) ^ (b > 0.5)).double().mean()
    )
)


@right("17.4")
def counted(a, b):
    n = len(a)
    flips = sum(
        (x > 0.5) != (y > 0.5) for x, y in zip(a.tolist(), b.tolist(), strict=True)
    )
    pull = sum(x - y for x, y in zip(a.tolist(), b.tolist(), strict=True)) / n / 2
    return torch.tensor([pull, flips / n], dtype=a.dtype)


@right("17.4")
def around_the_middle(a, b):
    middle = (a + b) / 2
    pull = (a - middle).mean()
    return pair(pull, 1 - ((a > 0.5) == (b > 0.5)).to(a.dtype).mean())


def flip(a, b):
    return ((a > 0.5) != (b > 0.5)).to(a.dtype).mean()


def pull_of(note, f):
    wrong("17.4", note)(lambda a, b: pair(f(a, b), flip(a, b)))


def share_of(note, f):
    wrong("17.4", note)(lambda a, b: pair((a - b).mean() / 2, f(a, b)))


pull_of("not halved", lambda a, b: (a - b).mean())
pull_of("second minus first", lambda a, b: (b - a).mean() / 2)
pull_of("absolute differences", lambda a, b: (a - b).abs().mean() / 2)
pull_of("absolute value of the mean", lambda a, b: (a - b).mean().abs() / 2)
pull_of("sum", lambda a, b: (a - b).sum() / 2)
pull_of("median", lambda a, b: (a - b).median() / 2)
pull_of("mean of both", lambda a, b: (a + b).mean() / 2)
pull_of("root mean square", lambda a, b: (a - b).square().mean().sqrt() / 2)
pull_of("first minus a half", lambda a, b: a.mean() - 0.5)
pull_of("log-odds", lambda a, b: (a.logit(1e-6) - b.logit(1e-6)).mean() / 2)
pull_of("second as the other text's", lambda a, b: (a - (1 - b)).mean() / 2)
pull_of(
    "of verdicts",
    lambda a, b: ((a > 0.5).to(a.dtype) - (b > 0.5).to(a.dtype)).mean() / 2,
)
pull_of("halved twice", lambda a, b: (a - b).mean() / 4)
share_of("kept, not flipped", lambda a, b: ((a > 0.5) == (b > 0.5)).to(a.dtype).mean())
share_of("count", lambda a, b: ((a > 0.5) != (b > 0.5)).to(a.dtype).sum())
share_of(
    "at or above a half", lambda a, b: ((a >= 0.5) != (b >= 0.5)).to(a.dtype).mean()
)
share_of(
    "second as the other text's",
    lambda a, b: ((a > 0.5) != (1 - b > 0.5)).to(a.dtype).mean(),
)
share_of("only lost", lambda a, b: ((a > 0.5) & (b <= 0.5)).to(a.dtype).mean())
share_of("only won", lambda a, b: ((a <= 0.5) & (b > 0.5)).to(a.dtype).mean())
share_of("both win", lambda a, b: ((a > 0.5) & (b > 0.5)).to(a.dtype).mean())
share_of("either wins", lambda a, b: ((a > 0.5) | (b > 0.5)).to(a.dtype).mean())
share_of("any difference", lambda a, b: (a != b).to(a.dtype).mean())
share_of("far apart", lambda a, b: ((a - b).abs() > 0.5).to(a.dtype).mean())
share_of("first is higher", lambda a, b: (a > b).to(a.dtype).mean())
share_of("threshold zero", lambda a, b: ((a > 0) != (b > 0)).to(a.dtype).mean())
share_of("difference of the shares of wins", lambda a, b: (
    ((a > 0.5).to(a.dtype).mean() - (b > 0.5).to(a.dtype).mean()).abs()))  # fmt: skip
share_of("rounded", lambda a, b: (a.round() - b.round()).mean())
share_of("halved", lambda a, b: flip(a, b) / 2)
share_of("by the product of signs, ties flip", lambda a, b: (
    ((a - 0.5) * (b - 0.5) <= 0).to(a.dtype).mean()))  # fmt: skip
share_of("by the product of signs, ties stay", lambda a, b: (
    ((a - 0.5) * (b - 0.5) < 0).to(a.dtype).mean()))  # fmt: skip
wrong("17.4", "exchanged")(lambda a, b: pair((a - b).mean() / 2, flip(a, b)).flip(0))
wrong("17.4", "per pair")(
    lambda a, b: torch.stack([(a - b) / 2, ((a > 0.5) != (b > 0.5)).to(a.dtype)])
)
wrong("17.4", "a tuple")(lambda a, b: (float((a - b).mean() / 2), float(flip(a, b))))


# 17.5: an adapter merged in

right("17.5")(lambda w, a, b, s: torch.addmm(w, b, a, alpha=s / a.shape[0]))
right("17.5")(
    lambda w, a, b, s: (
        w + sum(torch.outer(b[:, r], a[r]) for r in range(len(a))) * s / len(a)
    )
)
right("17.5")(lambda w, a, b, s: w + torch.einsum("or,ri->oi", b * (s / b.shape[1]), a))


@right("17.5")
def by_columns(w, a, b, s):
    eye = torch.eye(w.shape[1], dtype=w.dtype)
    x = eye
    return (x @ w.T + s / len(a) * (x @ a.T) @ b.T).T


wrong("17.5", "no division by the rank")(lambda w, a, b, s: w + s * b @ a)
wrong("17.5", "no strength")(lambda w, a, b, s: w + b @ a)
wrong("17.5", "no strength, but rank")(lambda w, a, b, s: w + b @ a / len(a))
wrong("17.5", "divided by the width")(lambda w, a, b, s: w + s / a.shape[1] * b @ a)
wrong("17.5", "divided by the outputs")(lambda w, a, b, s: w + s / len(b) * b @ a)
wrong("17.5", "root of the rank")(lambda w, a, b, s: w + s / len(a) ** 0.5 * b @ a)
wrong("17.5", "transposed product")(lambda w, a, b, s: w + s / len(a) * (b @ a).T)
wrong("17.5", "a times b")(lambda w, a, b, s: w + s / len(a) * a @ b)
wrong("17.5", "a.T times b.T")(lambda w, a, b, s: w + s / len(a) * a.T @ b.T)
wrong("17.5", "transposed weight")(lambda w, a, b, s: w.T + s / len(a) * b @ a)
wrong("17.5", "adapter alone")(lambda w, a, b, s: s / len(a) * b @ a)
wrong("17.5", "subtracted")(lambda w, a, b, s: w - s / len(a) * b @ a)
wrong("17.5", "product with the weight")(lambda w, a, b, s: w * (s / len(a) * b @ a))
wrong("17.5", "weight scaled, too")(lambda w, a, b, s: s / len(a) * (w + b @ a))
wrong("17.5", "rank over strength")(lambda w, a, b, s: w + len(a) / s * b @ a)
wrong("17.5", "strength squared")(lambda w, a, b, s: w + (s / len(a)) ** 2 * b @ a)
wrong("17.5", "convex mixture")(
    lambda w, a, b, s: (1 - s / len(a)) * w + s / len(a) * b @ a
)
wrong("17.5", "in place")(lambda w, a, b, s: w.add_(s / len(a) * b @ a))
wrong("17.5", "in place by +=")(lambda w, a, b, s: w.__iadd__(s / len(a) * (b @ a)))
wrong("17.5", "data of the weight")(lambda w, a, b, s: w.data.add_(s / len(a) * b @ a))
wrong("17.5", "the weight itself")(lambda w, a, b, s: w)
wrong("17.5", "rank 8 always")(lambda w, a, b, s: w + s / 8 * b @ a)
wrong("17.5", "16 always")(lambda w, a, b, s: w + 16 / len(a) * b @ a)
wrong("17.5", "whole division")(lambda w, a, b, s: w + (s // len(a)) * (b @ a))
wrong("17.5", "first direction only")(
    lambda w, a, b, s: w + s / len(a) * torch.outer(b[:, 0], a[0])
)
wrong("17.5", "adapter twice")(lambda w, a, b, s: w + 2 * s / len(a) * b @ a)
wrong("17.5", "strength on both")(
    lambda w, a, b, s: w + (s / len(a) * b) @ (s / len(a) * a)
)
wrong("17.5", "averaged")(lambda w, a, b, s: (w + s / len(a) * b @ a) / 2)
