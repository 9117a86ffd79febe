"""Wrong answers written from the exercises' texts: none passes, nearly all are named.

They mix common and rare slips, in styles that the catalogue's functions do not have.
"""

import math
import random
import re
from collections import Counter

import torch
import torch.nn.functional as F

from course.checks import catalogue
from course.checks.checking import examine
from course.reward.overlap import rouge_tokens
from course.tasks.program_tests import visible_tests, wanted
from course.tasks.safe_programs import safe_value

NEG = -torch.inf
XS = range(-20, 40)


def logp_of(logits, ids):
    return logits.log_softmax(-1).gather(-1, ids[..., None])[..., 0]


def lcs(a, b):
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = (
                table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
            )
    return table[-1][-1]


def ends(middle, variance, z):
    half = z * variance**0.5
    return torch.stack([middle - half, middle + half])


def two_variances(y, f, u, w):
    return (y - w * f).var() / len(y) + w**2 * u.var() / len(u)


def log_ratio(new, old, m):
    return (new - old).detach().masked_fill(~m, 0.0)


def half_flips(a, b):
    return ((a > 0.5) != (b > 0.5)).to(a.dtype).mean()


def attention(q, k, v, scale, mask=True):
    k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], 1) for x in (k, v))
    s = torch.einsum("bhtd,bhsd->bhts", q, k) * scale
    if mask:
        t, n = s.shape[-2:]
        s = s.masked_fill(torch.arange(n) > torch.arange(t)[:, None] + n - t, NEG)
    return torch.einsum("bhts,bhsd->bhtd", s.softmax(-1), v)


def ratio_loss(new, old, adv, m, e, join=torch.max, sign=-1.0, bounds=None):
    r = (new - old.detach()).exp()
    a = adv.detach() if adv.dim() == 2 else adv.detach()[:, None]
    low, high = bounds or (1 - e, 1 + e)
    x = join(sign * a * r, sign * a * r.clamp(low, high))
    return x[m].mean()


def gae(r, v, m, g, lam, after=0.0, rewards=1.0):
    r, v = r.detach() * m * rewards, v.detach() * m
    out, a, nxt = torch.zeros_like(r), 0.0, after
    for t in range(r.shape[1] - 1, -1, -1):
        a = r[:, t] + g * nxt - v[:, t] + g * lam * a
        out[:, t], nxt = a, v[:, t]
    return out * m


def bt(wins, rounds=300):
    games, p = wins + wins.T, torch.ones(len(wins), dtype=wins.dtype)
    for _ in range(rounds):
        p = wins.sum(1) / (games / (p[:, None] + p)).sum(1)
    return p.log()


def centred(scores, n, middle, eps):
    spread = scores.view(-1, n).std(1, correction=0, keepdim=True) + eps
    return ((scores.view(-1, n) - middle) / spread).view(-1)


def sums(prompts, completions, test):
    right = [sum(map(int, p.rstrip("=").split("+"))) for p in prompts]
    pairs = zip(right, completions, strict=True)
    return torch.tensor([float(test(str(r), c)) for r, c in pairs])


WRONG = {
    "0.1": [
        lambda s: (s - s.median()) / s.std(correction=0),
        lambda s: s / s.abs().max(),
        lambda s: (s.mean() - s) / s.std(correction=0),
        lambda s: (s - s.mean()) / (s - s.mean()).abs().mean(),
    ],
    "1.1": [
        lambda z, i, m=None: F.cross_entropy(
            z[:, :-1].flatten(0, 1), i[:, 1:].flatten()),
        lambda z, i, m=None: -logp_of(z[:, :-1], i[:, 1:]).sum() / i.numel(),
        lambda z, i, m=None: F.cross_entropy(z.flatten(0, 1), i.flatten()),
        lambda z, i, m=None: -logp_of(z[:, :-1], i[:, 1:]).mean(1),
        lambda z, i, m=None: -logp_of(z[:, :-1], i[:, 1:]).mean() / math.log(2),
    ],
    "1.4": [
        lambda z, i, m=None: logp_of(z[:, :-1], i[:, 1:]).mean(1),
        lambda z, i, m=None: logp_of(z[:, :-1], i[:, 1:]).sum(),
        lambda z, i, m=None: logp_of(z[:, :-1], i[:, 1:]).sum(1).exp(),
        lambda z, i, m=None: -logp_of(z[:, :-1], i[:, 1:]).sum(1),
    ],
    "2.1": [
        lambda q, k, v: attention(q, k, v, q.shape[-1] ** -0.5, mask=False),
        lambda q, k, v: attention(q, k, v, 1.0),
        lambda q, k, v: attention(q, k, v, k.shape[2] ** -0.5),
        lambda q, k, v: attention(q, k, k, q.shape[-1] ** -0.5),
    ],
    "2.2": [
        lambda x, w, eps=1e-5: x / x.norm(dim=-1, keepdim=True) * w,
        lambda x, w, eps=1e-5: x / (x.pow(2).mean(-1, keepdim=True) + eps).sqrt(),
        lambda x, w, eps=1e-5: x * w / (
            x.var(-1, keepdim=True, correction=0) + eps).sqrt(),
        lambda x, w, eps=1e-5: x * w / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt(),
    ],
    "2.4": [
        lambda x, g, u, d: (F.silu(x @ u.T) * (x @ g.T)) @ d.T,
        lambda x, g, u, d: (F.silu(x @ g.T) * (x @ g.T)) @ d.T,
        lambda x, g, u, d: (torch.tanh(x @ g.T) * (x @ u.T)) @ d.T,
        lambda x, g, u, d: F.silu((x @ g.T) * (x @ u.T)) @ d.T,
    ],
    "3.4": [
        lambda z, m: torch.special.entr(z.softmax(-1)).sum(-1),
        lambda z, m: -torch.special.entr(z.softmax(-1)).sum(-1) * m,
        lambda z, m: torch.special.entr(z.softmax(-1)).mean(-1) * m,
        lambda z, m: torch.special.entr(z.softmax(-1)).sum(-1) * m / math.log(2),
    ],
    "4.1": [
        lambda i, p, n: i.masked_fill(torch.arange(i.shape[1]) < p[:, None], -100),
        lambda i, p, n: i.masked_fill(torch.arange(i.shape[1]) >= n[:, None], -100),
        lambda i, p, n: i.masked_fill(
            (torch.arange(i.shape[1]) < p[:, None])
            | (torch.arange(i.shape[1]) > n[:, None]), -100),
        lambda i, p, n: i.masked_fill(
            (torch.arange(i.shape[1]) < p[:, None])
            | (torch.arange(i.shape[1]) >= n[:, None]), -1),
    ],
    "4.2": [
        lambda x, m: -x[m].sum() / m.numel(),
        lambda x, m: x[m].mean(),
        lambda x, m: -x[m].sum() / len(x),
        lambda x, m: -x[m].mean() / math.log(2),
        lambda x, m: -x[m].median(),
    ],
    "5.1": [
        lambda h, r, n: sum(w in r for w in h) / len(h) if h else 0.0,
        lambda h, r, n: len(set(h) & set(r)) / len(set(h)) if h else 0.0,
        lambda h, r, n: (Counter(h) & Counter(r)).total() / len(h) if h else 0.0,
    ],
    "5.3": [
        lambda h, r: lcs(h.split(), r.split()) * 2 / max(1, len(h.split() + r.split())),
        lambda h, r: lcs(rouge_tokens(h), rouge_tokens(r))
        / max(1, len(rouge_tokens(r))),
        lambda h, r: lcs(rouge_tokens(h), rouge_tokens(r))
        / max(1, len(rouge_tokens(h)) + len(rouge_tokens(r))),
        lambda h, r: float(lcs(rouge_tokens(h), rouge_tokens(r))),
    ],
    "6.2": [
        lambda w: bt(w.T) - bt(w.T).mean(),
        lambda w: bt(w),
        lambda w: (bt(w) - bt(w).mean()) / math.log(2),
        lambda w: (w.sum(1) / w.sum(0)).log(),
        lambda w: bt(w, 2) - bt(w, 2).mean(),
    ],
    "6.3": [
        lambda r, f, s: float(torch.corrcoef(torch.stack(
            [(r * m).double().sum(1) for m in (f, s)]))[0, 1]),
        lambda r, f, s: float(torch.corrcoef(torch.stack(
            [(r * m).double().mean(1) for m in (f, s)]))[0, 1]),
        lambda r, f, s: float(torch.corrcoef(torch.stack(
            [(r * m).double().sum(1) / m.sum(1) for m in (f, s)]))[0, 1]) ** 2,
    ],
    "7.1": [
        lambda c, r: F.softplus(c - r).mean(),
        lambda c, r: F.softplus(r - c).sum(),
        lambda c, r: F.binary_cross_entropy(
            torch.sigmoid(c - r), torch.ones_like(c)),
        lambda c, r: -(torch.sigmoid(c - r) + 1e-6).log().mean(),
        lambda c, r: F.relu(1 + r - c).mean(),
    ],
    "7.3": [
        lambda r, b, c: F.mse_loss(r, b.to(r.dtype)),
        lambda r, b, c: F.cross_entropy(F.pad(c - r[:, None], (0, 1)), b),
    ],
    "8.2": [
        lambda n: math.log(n) - 1 / n + 1,
        lambda n: math.log2(n) - (n - 1) / n,
        lambda n: (n - 1) / n - math.log(n),
    ],
    "9.1": [
        lambda r, m, g=1.0: (r * m).flip(1).cumsum(1).flip(1) * m,
        lambda r, m, g=1.0: torch.where(m, r, 0.0).cumsum(1) * m,
        lambda r, m, g=1.0: torch.where(m, r, 0.0).flip(1).cumsum(1).flip(1) * m,
        lambda r, m, g=1.0: torch.where(m, r, 0.0) * g ** torch.arange(r.shape[1]),
    ],
    "9.2": [
        lambda x, a, m: -(a.detach().view(len(a), -1) * x)[m].sum() / len(x),
        lambda x, a, m: -(a.detach().view(len(a), -1) * x * m).sum(1).mean(),
        lambda x, a, m: -(a.view(len(a), -1) * x)[m].mean(),
        lambda x, a, m: (a.detach().view(len(a), -1) * x)[m].mean(),
    ],
    "10.2": [
        lambda n, o, a, m, e: ratio_loss(n, o, a, m, e, torch.min),
        lambda n, o, a, m, e: -ratio_loss(n, o, a, m, e),
        lambda n, o, a, m, e: ratio_loss(n, o, a, m, 0.2),
        lambda n, o, a, m, e: ratio_loss(n, o, a, m, e, bounds=(1 - e, 1.0)),
        lambda n, o, a, m, e: ratio_loss(o, n, a, m, e),
    ],
    "10.3": [
        lambda r, v, m, g, la: gae(r, v, m, g, 1.0),
        lambda r, v, m, g, la: gae(r, v, m, 1.0, la),
        lambda r, v, m, g, la: -gae(r, v, m, g, la),
        lambda r, v, m, g, la: gae(r, v, m, g, la, after=1.0),
        lambda r, v, m, g, la: gae(r, v, m, g, la) + v.detach() * m,
    ],
    "11.1": [
        lambda s, n: centred(s, n, s.view(-1, n).mean(1, True), 1e-8),
        lambda s, n: centred(s, n, s.view(-1, n).median(1, True).values, 1e-4),
        lambda s, n: (s - s.mean()) / (s.std() + 1e-4),
    ],
    "11.2": [
        lambda r, n: (r.view(-1, n) - r.view(-1, n).mean(1, True)).view(-1),
        lambda r, n: (
            (r.view(-1, n).mean(1, True) - r.view(-1, n)) * n / (n - 1)).view(-1),
        lambda r, n: r - (r.sum() - r) / (len(r) - 1),
    ],
    "11.5": [
        lambda p, c: sums(p, c, lambda r, t: r == t.split("\n")[0].strip()),
        lambda p, c: sums(p, c, lambda r, t: bool(re.search(rf"\b{r}\b", t))),
        lambda p, c: sums(p, c, lambda r, t: t.strip().endswith(r)),
        lambda p, c: sums(p, c, lambda r, t: t.strip().lstrip("0") == r),
        lambda p, c: sums(p, c, lambda r, t: t.strip().rstrip(".") == r),
        lambda p, c: sums(p, c, lambda r, t: t.strip("\n") == r),
    ],
    "12.1": [
        lambda q, r, b: q * (r / b).exp(),
        lambda q, r, b: (q + r / b).softmax(-1),
        lambda q, r, b: (q.log() + r).softmax(-1),
        lambda q, r, b: (q.log() - r / b).softmax(-1),
    ],
    "12.2": [
        lambda c, r, rc, rr: c - r,
        lambda c, r, rc, rr: (c - rc) + (r - rr),
        lambda c, r, rc, rr: (c / rc) - (r / rr),
        lambda c, r, rc, rr: (r - rr.detach()) - (c - rc.detach()),
        lambda c, r, rc, rr: (c - rr.detach()) - (r - rc.detach()),
        lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach())).mean(),
        lambda c, r, rc, rr: (c - rc.detach()).exp() - (r - rr.detach()).exp(),
    ],
    "12.3": [
        lambda h, b: F.softplus(b * h).mean(),
        lambda h, b: F.softplus(-h / b).mean(),
        lambda h, b: F.relu(1 - b * h).mean(),
    ],
    "12.4": [
        lambda a, r, m, b: b * (a - r.detach()).sum(1),
        lambda a, r, m, b: b * ((a - r.detach()) * m).sum(1) / m.sum(1),
        lambda a, r, m, b: ((a - r.detach()) * m).sum(1),
        lambda a, r, m, b: -b * ((a - r.detach()) * m).sum(1),
        lambda a, r, m, b: b * ((a - r.detach()) * m).sum(),
    ],
    "12.5": [
        lambda h, b: (h - 1 / b).square().mean(),
        lambda h, b: (h - 0.5 * b).square().mean(),
        lambda h, b: (h - 1 / (2 * b)).abs().mean(),
        lambda h, b: (h - 1 / (2 * b)).square().sum(),
    ],
    "15.2": [
        lambda s, w, r: min(1, max(0, (r - s) / (r - w))),
        lambda s, w, r: (s - w) / (r - w),
        lambda s, w, r: min(1.0, max(0.0, s - w)),
        lambda s, w, r: min(1.0, abs(s - w) / (r - w)),
        lambda s, w, r: min(1, max(0, (s - w) / (1 - w))) if w < 1 else 1,
    ],
    "15.4": [
        lambda p, t: [safe_value(p, x) == y for x, y in t],
        lambda p, t: any(safe_value(p, x) == y for x, y in t),
        lambda p, t: bool(t) and all(safe_value(p, x) == y for x, y in t),
        lambda p, t: sum(safe_value(p, x) == y for x, y in t),
        lambda p, t: all(safe_value(p, x) == y for x, y in t[:1]),
    ],
    "15.5": [
        lambda p, s, n: [(x, wanted(p, x)) for x in random.Random(s).sample(XS, n - 1)],
        lambda p, s, n: [(x, wanted(p, x)) for x in random.Random(s).sample(XS, 2)],
        lambda p, s, n: [(wanted(p, x), x) for x in random.Random(s).sample(XS, n)],
        lambda p, s, n: visible_tests(p),
        lambda p, s, n: [(x, wanted(p, x)) for x in random.Random(s).choices(XS, k=n)],
        lambda p, s, n: random.Random(s).sample(XS, n),
    ],
    "17.1": [
        lambda a, b, m, c: log_ratio(a, b, m).sum(1).exp().clamp(min=c),
        lambda a, b, m, c: ((a - b).detach() * m).sum(1).exp().clamp(max=c),
        lambda a, b, m, c: (a - b).masked_fill(~m, 0.0).sum(1).exp().clamp(max=c),
        lambda a, b, m, c: log_ratio(a, b, m).sum(1).exp().clamp(max=c).mean(),
        lambda a, b, m, c: log_ratio(a, b, m).exp().prod(1).clamp(1 - c, 1 + c),
        lambda a, b, m, c: log_ratio(a, b, m).clamp(max=c).sum(1).exp(),
        lambda a, b, m, c: log_ratio(a, b, m).max(1).values.exp().clamp(max=c),
        lambda a, b, m, c: torch.where(
            (w := log_ratio(a, b, m).sum(1).exp()) > c, 1.0, w),
    ],
    "17.2": [
        lambda y, f, u, w, z: ends(
            (y - w * f).mean() + w * u.mean(),
            (y - w * f).var() / len(y) + w**2 * u.var() / len(y), z),
        lambda y, f, u, w, z: ends(
            (y - w * f).mean() + w * u.mean(), two_variances(y, f, u, w), 1.96),
        lambda y, f, u, w, z: ends(
            w * ((y - f).mean() + u.mean()), two_variances(y, f, u, w), z),
        lambda y, f, u, w, z: ends(
            w * y.mean() + (1 - w) * u.mean(), two_variances(y, f, u, w), z),
        lambda y, f, u, w, z: torch.stack([
            (y - w * f).mean() + w * u.mean(), z * two_variances(y, f, u, w) ** 0.5]),
        lambda y, f, u, w, z: ends(
            (y - w * f).mean() + w * u.mean(), y.var() / len(y), z),
        lambda y, f, u, w, z: ends(
            (y - w * f).mean() + w * u.mean(), two_variances(y, f, u, w), z
        ).clamp(0, 1),
    ],
    "17.3": [
        lambda v, m, t, p: v[m].mean() * p,
        lambda v, m, t, p: v[m].sum() / (t / m.sum()),
        lambda v, m, t, p: v[m].mean() * m.sum() / t,
        lambda v, m, t, p: v.detach()[m].sum() * p / t,
        lambda v, m, t, p: float((v * m).sum() * p / t),
        lambda v, m, t, p: (v * m).sum(1) * p / t,
        lambda v, m, t, p: (v * m).sum() / (t // p),
        lambda v, m, t, p: (v * m).sum() * (p - 1) / t,
    ],
    "17.4": [
        lambda a, b: torch.stack(
            [(a - b).mean() / 2, ((a >= 0.5) != (b >= 0.5)).to(a.dtype).mean()]),
        lambda a, b: torch.stack(
            [(a - b).mean() / 2, ((a > 0.5) != (1 - b > 0.5)).to(a.dtype).mean()]),
        lambda a, b: torch.stack([a.mean() - 0.5, half_flips(a, b)]),
        lambda a, b: torch.stack([(a + b).mean() / 2, half_flips(a, b)]),
        lambda a, b: torch.stack([(a - b).median() / 2, half_flips(a, b)]),
        lambda a, b: torch.stack(
            [((a > 0.5).to(a) - (b > 0.5).to(a)).mean() / 2, half_flips(a, b)]),
        lambda a, b: torch.stack(
            [(a - b).mean() / 2, ((a - b).abs() > 0.5).to(a.dtype).mean()]),
        lambda a, b: torch.stack([(a - b) / 2, ((a > 0.5) != (b > 0.5)).to(a)]),
    ],
    "17.5": [
        lambda w, a, b, s: w + s / b.shape[0] * b @ a,
        lambda w, a, b, s: w.add_(s / len(a) * b @ a),
        lambda w, a, b, s: w + s * len(a) * b @ a,
        lambda w, a, b, s: w + s / max(len(a), 8) * b @ a,
        lambda w, a, b, s: w + s / len(a) * torch.outer(b.sum(1), a.sum(0)),
        lambda w, a, b, s: (w + s / len(a) * b @ a).T.contiguous(),
    ],
}  # fmt: skip


def test_no_wrong_answer_passes_and_nearly_all_are_named():
    """Named: a sentence about the mistake, not only the first number that differs."""
    unnamed, total = [], 0
    for number, answers in WRONG.items():
        exercise = catalogue.find(number)
        for place, answer in enumerate(answers):
            verdict = examine(exercise, answer)
            assert verdict.status == "wrong", (number, place, verdict.line)
            total += 1
            if verdict.kind in ("value", "not finite"):
                unnamed.append((number, place, verdict.line))
    assert total >= 100
    assert len(unnamed) <= 0.15 * total, unnamed
