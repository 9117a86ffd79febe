"""Answers of an outsider to the middle exercises of chapters 10 to 17."""

import ast
import functools
import inspect
import math
import operator
import statistics
import warnings
from collections import Counter
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F

from tools.try_answers import right as _right
from tools.try_answers import wrong as _wrong

# The answers below have short names of parameters; these are the real ones.
_PAGE = {
    "10.2": "logprobs old_logprobs advantages mask clip_eps",
    "10.3": "rewards values mask gamma lam",
    "10.4": "scores old_logprobs ref_logprobs mask beta",
    "11.2": "rewards group_size",
    "11.3": "logprobs ref_logprobs",
    "11.4": "logprobs old_logprobs ref_logprobs advantages mask beta clip_eps",
    "12.2": "chosen rejected ref_chosen ref_rejected",
    "12.3": "h beta",
    "12.4": "logprobs ref_logprobs mask beta",
    "13.2": "mean covariance differences",
    "13.3": "log features",
    "14.2": "scores caution=1.0",
    "14.3": "values calm=6 width=4.0 run=2",
    "15.2": "silent wrong right",
    "15.3": "program x",
    "15.4": "program tests",
    "16.2": "earlier later side value",
    "16.3": "titles words length",
    "16.4": "texts gate group_size",
    "17.2": "asked judged unasked weight z",
    "17.3": "values mask tokens processes",
    "17.4": "shown_first shown_second",
}


def _named(number, f):
    page = [part.partition("=") for part in _PAGE[number].split()]
    names = [name for name, _, _ in page]
    if list(inspect.signature(f).parameters)[: len(names)] == names:
        return f

    @functools.wraps(f)
    def g(*args, **kw):
        more = [kw.pop(name) for name in names[len(args) :] if name in kw]
        return f(*args, *more, **kw)

    g.__signature__ = inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=ast.literal_eval(value) if eq else inspect.Parameter.empty,
            )
            for name, eq, value in page
        ]
    )
    return g


def right(number):
    def take(f):
        _right(number)(_named(number, f))
        return f

    return take


def wrong(number, note):
    def take(f):
        _wrong(number, note)(_named(number, f))
        return f

    return take


# ---------------------------------------------------------------- 10.2 ppo_clip_loss


def _rho(lp, old, mask):
    m = mask.bool()
    return torch.where(m, lp - old.detach(), torch.zeros_like(lp)).exp()


def _col(adv):
    adv = adv.detach()
    return adv[:, None] if adv.dim() == 1 else adv


def _mean(x, mask):
    return x[mask.bool()].sum() / mask.bool().sum()


@right("10.2")
def by_index(lp, old, adv, mask, eps):
    m = mask.bool()
    a = _col(adv).expand_as(lp)[m]
    r = (lp[m] - old.detach()[m]).exp()
    return -torch.minimum(a * r, a * r.clamp(1 - eps, 1 + eps)).mean()


@right("10.2")
def by_loops(lp, old, adv, mask, eps):
    total, count = lp.new_zeros(()), 0
    for i in range(lp.shape[0]):
        for t in range(lp.shape[1]):
            if mask[i, t] > 0:
                a = float(adv[i] if adv.dim() == 1 else adv[i, t])
                r = torch.exp(lp[i, t] - float(old[i, t]))
                c = torch.clamp(r, 1 - eps, 1 + eps)
                total = total + torch.max(-a * r, -a * c)
                count += 1
    return total / count


@right("10.2")
def by_sign(lp, old, adv, mask, eps):
    """A positive: only the upper border counts; A negative: only the lower one."""
    m = mask.bool()
    a = _col(adv).expand_as(lp).double()[m]
    r = (lp.double()[m] - old.detach().double()[m]).exp()
    r = torch.where(a > 0, r.clamp(max=1 + eps), r.clamp(min=1 - eps))
    return ((-a * r).sum() / m.sum()).to(lp.dtype)


@wrong("10.2", "the smaller of the two losses: min for max")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return _mean(torch.min(-a * r, -a * r.clamp(1 - eps, 1 + eps)), mask)


@wrong("10.2", "plus sign: the objective, not the loss")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return _mean(torch.min(a * r, a * r.clamp(1 - eps, 1 + eps)), mask)


@wrong("10.2", "max(A rho, A clip) without the minus")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return _mean(torch.max(a * r, a * r.clamp(1 - eps, 1 + eps)), mask)


@wrong("10.2", "only the clipped term, no max")
def _(lp, old, adv, mask, eps):
    return _mean(-_col(adv) * _rho(lp, old, mask).clamp(1 - eps, 1 + eps), mask)


@wrong("10.2", "never clips")
def _(lp, old, adv, mask, eps):
    return _mean(-_col(adv) * _rho(lp, old, mask), mask)


@wrong("10.2", "clips on the upper side only")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return _mean(torch.max(-a * r, -a * r.clamp(max=1 + eps)), mask)


@wrong("10.2", "clips on the lower side only")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return _mean(torch.max(-a * r, -a * r.clamp(min=1 - eps)), mask)


@wrong("10.2", "averages each completion first, then the batch")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    loss = torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)) * mask
    return (loss.sum(1) / mask.sum(1)).mean()


@wrong("10.2", "mean over all places, padding in the count")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return (torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)) * mask).mean()


@wrong("10.2", "padding counts as a token with ratio 1")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)).mean()


@wrong("10.2", "the sum over tokens, divided by the batch")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return (torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)) * mask).sum() / len(lp)


@wrong("10.2", "sum, no average at all")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return (torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)) * mask).sum()


@wrong("10.2", "masks by multiplying after exp: NaN or inf on padding spoils it")
def _(lp, old, adv, mask, eps):
    r, a = (lp - old.detach()).exp(), _col(adv)
    return (torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)) * mask).sum() / mask.sum()


@wrong(
    "10.2",
    "where after exp: the value is right, the gradient is NaN for inf on padding",
)
def _(lp, old, adv, mask, eps):
    r, a = (lp - old.detach()).exp(), _col(adv)
    loss = torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps))
    return torch.where(mask.bool(), loss, torch.zeros_like(loss)).sum() / mask.sum()


@wrong("10.2", "old log-probabilities not detached")
def _(lp, old, adv, mask, eps):
    r, a = torch.where(mask.bool(), lp - old, torch.zeros_like(lp)).exp(), _col(adv)
    return _mean(torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)), mask)


@wrong("10.2", "advantages not detached")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), adv[:, None] if adv.dim() == 1 else adv
    return _mean(torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)), mask)


@wrong("10.2", "ratio detached as well: no gradient at all")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask).detach(), _col(adv)
    return _mean(torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)), mask)


@wrong("10.2", "ratio upside down: old / new")
def _(lp, old, adv, mask, eps):
    r, a = 1 / _rho(lp, old, mask), _col(adv)
    return _mean(torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)), mask)


@wrong("10.2", "quotient of the log-probabilities for the ratio")
def _(lp, old, adv, mask, eps):
    m = mask.bool()
    r, a = lp[m] / old.detach()[m], _col(adv).expand_as(lp)[m]
    return torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)).mean()


@wrong("10.2", "the log-ratio without exp")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask).log(), _col(adv)
    return _mean(torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)), mask)


@wrong("10.2", "base 2: treats nats as bits")
def _(lp, old, adv, mask, eps):
    d = torch.where(mask.bool(), lp - old.detach(), torch.zeros_like(lp))
    r, a = 2.0**d, _col(adv)
    return _mean(torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)), mask)


@wrong("10.2", "clips the log-ratio to ± eps")
def _(lp, old, adv, mask, eps):
    d = torch.where(mask.bool(), lp - old.detach(), torch.zeros_like(lp))
    a = _col(adv)
    return _mean(torch.max(-a * d.exp(), -a * d.clamp(-eps, eps).exp()), mask)


@wrong("10.2", "lower border 1 / (1 + eps)")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return _mean(torch.max(-a * r, -a * r.clamp(1 / (1 + eps), 1 + eps)), mask)


@wrong("10.2", "clips to ± eps, without the 1")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return _mean(torch.max(-a * r, -a * r.clamp(-eps, eps)), mask)


@wrong("10.2", "half the width: takes clip_eps for the whole width")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return _mean(torch.max(-a * r, -a * r.clamp(1 - eps / 2, 1 + eps / 2)), mask)


@wrong("10.2", "ignores clip_eps, always 0.2")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return _mean(torch.max(-a * r, -a * r.clamp(0.8, 1.2)), mask)


@wrong("10.2", "max of the two means instead of the mean of the max")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return torch.max(_mean(-a * r, mask), _mean(-a * r.clamp(1 - eps, 1 + eps), mask))


@wrong("10.2", "one ratio per completion: sums the log-ratios first")
def _(lp, old, adv, mask, eps):
    d = torch.where(mask.bool(), lp - old.detach(), torch.zeros_like(lp))
    r, a = d.sum(1, keepdim=True).exp().expand_as(lp), _col(adv)
    return _mean(torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)), mask)


@wrong("10.2", "always adds a time axis: fails for advantages (batch, time)")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), adv.detach().unsqueeze(1)
    loss = torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)) * mask
    return loss.sum() / mask.sum()


@wrong("10.2", "advantages (batch,) broadcast along time, not along the batch")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), adv.detach()
    loss = torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)) * mask
    return loss.sum() / mask.sum()


@wrong("10.2", "normalises the advantages first")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    a = (a - a.mean()) / (a.std() + 1e-8)
    return _mean(torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)), mask)


@wrong("10.2", "only the size of the advantage")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv).abs()
    return _mean(torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)), mask)


@wrong("10.2", "clips the product of ratio and advantage")
def _(lp, old, adv, mask, eps):
    x = _rho(lp, old, mask) * _col(adv)
    return _mean(torch.max(-x, -x.clamp(1 - eps, 1 + eps)), mask)


@wrong("10.2", "drops the last token of each completion")
def _(lp, old, adv, mask, eps):
    m = mask.bool().clone()
    m[:, :-1] &= mask.bool()[:, 1:]
    m[:, -1] = False
    r, a = _rho(lp, old, mask), _col(adv)
    loss = torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps))
    return (loss * m).sum() / m.sum().clamp(min=1)


@wrong("10.2", "divides by the number of tokens plus one")
def _(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), _col(adv)
    return (torch.max(-a * r, -a * r.clamp(1 - eps, 1 + eps)) * mask).sum() / (
        mask.sum() + 1
    )


# ---------------------------------------------------------------- 10.3 gae_advantages


@right("10.3")
def loop_back(rewards, values, mask, gamma, lam):
    m = mask.bool()
    r = rewards.detach().masked_fill(~m, 0.0)
    v = values.detach().masked_fill(~m, 0.0)
    nxt = v.new_zeros(len(v))
    adv = v.new_zeros(len(v))
    out = torch.zeros_like(v)
    for t in range(v.shape[1] - 1, -1, -1):
        adv = r[:, t] + gamma * nxt - v[:, t] + gamma * lam * adv
        adv = torch.where(m[:, t], adv, torch.zeros_like(adv))
        out[:, t], nxt = adv, v[:, t]
    return out


@right("10.3")
def matrix(rewards, values, mask, gamma, lam):
    m = mask.bool()
    r = torch.where(m, rewards, 0.0).detach().double()
    v = torch.where(m, values, 0.0).detach().double()
    delta = r + gamma * F.pad(v[:, 1:], (0, 1)) - v
    n = v.shape[1]
    powers = torch.zeros(n, n, dtype=torch.float64)
    for t in range(n):
        for k in range(t, n):
            powers[t, k] = (gamma * lam) ** (k - t)
    return (torch.einsum("tk,bk->bt", powers, delta) * m).to(values.dtype)


@right("10.3")
def pure_python(rewards, values, mask, gamma, lam):
    rows = []
    for r, v, m in zip(rewards.tolist(), values.tolist(), mask.tolist(), strict=True):
        n = len(v)
        row, adv = [0.0] * n, 0.0
        for t in reversed([i for i in range(n) if m[i]]):
            nxt = v[t + 1] if t + 1 < n and m[t + 1] else 0.0
            adv = r[t] + gamma * nxt - v[t] + gamma * lam * adv
            row[t] = adv
        rows.append(row)
    return torch.tensor(rows, dtype=values.dtype)


def _gae(rewards, values, mask, gamma, lam, keep_next=False, last=None):
    """A plain version, some of whose parts the wrong ones exchange."""
    m = mask.to(values.dtype)
    r, v = rewards.detach() * m, values.detach()
    vm = v if keep_next else v * m
    nxt = torch.cat(
        [vm[:, 1:], torch.zeros_like(vm[:, :1]) if last is None else last], 1
    )
    delta = (r + gamma * nxt - v) * m
    out, adv = torch.zeros_like(v), 0.0
    for t in reversed(range(v.shape[1])):
        adv = delta[:, t] + gamma * lam * adv * 1.0
        out[:, t] = adv
    return out * m


wrong("10.3", "V after the last token taken from the padding")(
    lambda r, v, m, g, lam: _gae(r, v, m, g, lam, keep_next=True)
)
wrong("10.3", "in a full row the last value is its own successor")(
    lambda r, v, m, g, lam: _gae(r, v, m, g, lam, last=v[:, -1:].detach() * m[:, -1:])
)
wrong("10.3", "torch.roll: the first value comes after the last one")(
    lambda r, v, m, g, lam: _gae(r, v, m, g, lam, last=v[:, :1].detach() * m[:, :1])
)
wrong("10.3", "lam only in the recursion, gamma forgotten there")(
    lambda r, v, m, g, lam: _gae(r, v, m, g, lam / g if g else lam)
)
wrong("10.3", "gamma only in the recursion, lam forgotten")(
    lambda r, v, m, g, lam: _gae(r, v, m, g, 1.0)
)
wrong("10.3", "lam ignored: the temporal difference alone")(
    lambda r, v, m, g, lam: _gae(r, v, m, g, 0.0)
)
wrong("10.3", "gamma ignored, always 1")(
    lambda r, v, m, g, lam: _gae(r, v, m, 1.0, lam)
)
wrong("10.3", "gamma and lam exchanged")(lambda r, v, m, g, lam: _gae(r, v, m, lam, g))
wrong("10.3", "fixed 0.99 and 0.95")(lambda r, v, m, g, lam: _gae(r, v, m, 0.99, 0.95))
wrong("10.3", "sign: the negative of the advantage")(
    lambda r, v, m, g, lam: -_gae(r, v, m, g, lam)
)
wrong("10.3", "the returns: advantage plus value")(
    lambda r, v, m, g, lam: (_gae(r, v, m, g, lam) + v.detach()) * m
)
wrong("10.3", "1 - lam where lam belongs")(
    lambda r, v, m, g, lam: _gae(r, v, m, g, 1 - lam)
)
wrong("10.3", "no critic: discounted sum of the rewards to come")(
    lambda r, v, m, g, lam: _gae(r, torch.zeros_like(v), m, g, 1.0)
)
wrong("10.3", "normalised over the tokens")(
    lambda r, v, m, g, lam: (
        lambda a: (a - a[m.bool()].mean()) / (a[m.bool()].std() + 1e-8) * m
    )(_gae(r, v, m, g, lam))
)
wrong("10.3", "adds the value, plus V_t for minus V_t")(
    lambda r, v, m, g, lam: _gae(r + 2 * v.detach(), v, m, g, lam)
)
wrong("10.3", "minus gamma V_next")(
    lambda r, v, m, g, lam: _gae(
        r - 2 * g * F.pad((v * m).detach()[:, 1:], (0, 1)), v, m, g, lam
    )
)


@wrong("10.3", "gradient flows into the values")
def _(r, v, mask, gamma, lam):
    m = mask.to(v.dtype)
    r, v = r * m, v * m
    nxt = torch.cat([v[:, 1:], torch.zeros_like(v[:, :1])], 1)
    delta = r + gamma * nxt - v
    cols, adv = [], torch.zeros_like(v[:, 0])
    for t in reversed(range(v.shape[1])):
        adv = (delta[:, t] + gamma * lam * adv) * m[:, t]
        cols.append(adv)
    return torch.stack(cols[::-1], 1)


@wrong("10.3", "detaches the values, the rewards keep their gradient")
def _(r, v, mask, gamma, lam):
    m = mask.to(v.dtype)
    r, v = r * m, v.detach() * m
    nxt = F.pad(v[:, 1:], (0, 1))
    delta = r + gamma * nxt - v
    cols, adv = [], torch.zeros_like(v[:, 0])
    for t in reversed(range(v.shape[1])):
        adv = (delta[:, t] + gamma * lam * adv) * m[:, t]
        cols.insert(0, adv)
    return torch.stack(cols, 1)


@wrong("10.3", "mask never used")
def _(r, v, mask, gamma, lam):
    return _gae(r, v, torch.ones_like(v), gamma, lam)


@wrong("10.3", "rewards and values on padding taken, only the result masked")
def _(r, v, mask, gamma, lam):
    return _gae(r, v, torch.ones_like(v), gamma, lam) * mask


@wrong("10.3", "masks the inputs, but padding is not put to 0 in the result (-V stays)")
def _(r, v, mask, gamma, lam):
    m = mask.to(v.dtype)
    out, adv = torch.zeros_like(v), 0.0
    vm = (v * m).detach()
    nxt = F.pad(vm[:, 1:], (0, 1))
    for t in reversed(range(v.shape[1])):
        d = r[:, t].detach() * m[:, t] + gamma * nxt[:, t] - v[:, t].detach()
        adv = d + gamma * lam * adv * (m[:, t + 1] if t + 1 < v.shape[1] else 0.0)
        out[:, t] = adv
    return out


@wrong("10.3", "runs forward in time")
def _(r, v, mask, gamma, lam):
    m = mask.to(v.dtype)
    vm = (v * m).detach()
    delta = (r.detach() + gamma * F.pad(vm[:, 1:], (0, 1)) - vm) * m
    out, adv = torch.zeros_like(vm), 0.0
    for t in range(v.shape[1]):
        adv = delta[:, t] + gamma * lam * adv
        out[:, t] = adv
    return out * m


@wrong("10.3", "the loop ends before the first token")
def _(r, v, mask, gamma, lam):
    out = _gae(r, v, mask, gamma, lam)
    out[:, 0] = 0
    return out


@wrong("10.3", "the loop starts at the last but one column")
def _(r, v, mask, gamma, lam):
    m = mask.to(v.dtype)
    vm = (v * m).detach()
    delta = (r.detach() + gamma * F.pad(vm[:, 1:], (0, 1)) - vm) * m
    out, adv = torch.zeros_like(vm), 0.0
    for t in range(v.shape[1] - 2, -1, -1):
        adv = delta[:, t] + gamma * lam * adv
        out[:, t] = adv
    return out * m


@wrong("10.3", "uses the value before (t - 1) in place of the next")
def _(r, v, mask, gamma, lam):
    m = mask.to(v.dtype)
    vm = (v * m).detach()
    prev = F.pad(vm[:, :-1], (1, 0))
    delta = (r.detach() + gamma * prev - vm) * m
    out, adv = torch.zeros_like(vm), 0.0
    for t in reversed(range(v.shape[1])):
        adv = delta[:, t] + gamma * lam * adv
        out[:, t] = adv
    return out * m


@wrong("10.3", "(1 - lam) in front, as in the lambda-return")
def _(r, v, mask, gamma, lam):
    return (1 - lam) * _gae(r, v, mask, gamma, lam)


@wrong("10.3", "recursion over the batch, not over time")
def _(r, v, mask, gamma, lam):
    m = mask.to(v.dtype)
    vm = (v * m).detach()
    delta = (r.detach() + gamma * F.pad(vm[:, 1:], (0, 1)) - vm) * m
    out, adv = torch.zeros_like(vm), 0.0
    for i in reversed(range(v.shape[0])):
        adv = delta[i] + gamma * lam * adv
        out[i] = adv
    return out * m


@wrong("10.3", "delta not discounted: r + V_next - V")
def _(r, v, mask, gamma, lam):
    m = mask.to(v.dtype)
    vm = (v * m).detach()
    delta = (r.detach() + F.pad(vm[:, 1:], (0, 1)) - vm) * m
    out, adv = torch.zeros_like(vm), 0.0
    for t in reversed(range(v.shape[1])):
        adv = delta[:, t] + gamma * lam * adv
        out[:, t] = adv
    return out * m


# ---------------------------------------------------------------- 10.4 shaped_rewards


def _kl0(old, ref, mask):
    return torch.where(mask.bool(), old.detach() - ref.detach(), torch.zeros_like(old))


def _onlast(scores, mask):
    m = mask.bool()
    out = torch.zeros(m.shape, dtype=scores.dtype)
    out[torch.arange(len(m)), m.long().sum(1) - 1] = scores.detach()
    return out


@right("10.4")
def loops(scores, old, ref, mask, beta):
    out = torch.zeros_like(old).detach()
    for i in range(len(out)):
        places = [t for t in range(out.shape[1]) if bool(mask[i, t])]
        for t in places:
            out[i, t] = -beta * (float(old[i, t]) - float(ref[i, t]))
        if places:
            out[i, places[-1]] += scores[i].detach()
    return out


@right("10.4")
def next_is_padding(scores, old, ref, mask, beta):
    """A token is the last one where the mask falls from 1 to 0."""
    m = mask.bool()
    last = m & ~F.pad(m.long(), (0, 1))[:, 1:].bool()
    price = (beta * (ref.detach() - old.detach())).masked_fill(~m, 0.0)
    return price + last * scores.detach().unsqueeze(1)


@right("10.4")
def argmin_of_mask(scores, old, ref, mask, beta):
    """The first 0 minus one; in a full row that is -1, the last column."""
    with torch.no_grad():
        m = mask.bool()
        out = torch.zeros_like(old)
        out[m] = -beta * (old[m] - ref[m])
        out[range(len(out)), m.int().argmin(1) - 1] += scores
    return out


@wrong("10.4", "score in the last column, also where that is padding")
def _(scores, old, ref, mask, beta):
    out = -beta * _kl0(old, ref, mask)
    out[:, -1] += scores.detach()
    return out


@wrong("10.4", "score in the last column, and masked away in short rows")
def _(scores, old, ref, mask, beta):
    out = -beta * _kl0(old, ref, mask)
    out[:, -1] += scores.detach()
    return out * mask


@wrong("10.4", "score on every token")
def _(scores, old, ref, mask, beta):
    return (-beta * _kl0(old, ref, mask) + scores.detach()[:, None]) * mask


@wrong("10.4", "score shared equally among the tokens")
def _(scores, old, ref, mask, beta):
    n = mask.sum(1, keepdim=True)
    return (-beta * _kl0(old, ref, mask) + scores.detach()[:, None] / n) * mask


@wrong("10.4", "score on the first token")
def _(scores, old, ref, mask, beta):
    out = -beta * _kl0(old, ref, mask)
    out[:, 0] += scores.detach()
    return out


@wrong("10.4", "score on the last but one token")
def _(scores, old, ref, mask, beta):
    out = -beta * _kl0(old, ref, mask)
    i = (mask.long().sum(1) - 2).clamp(min=0)
    out[torch.arange(len(out)), i] += scores.detach()
    return out


@wrong("10.4", "score one place after the last token")
def _(scores, old, ref, mask, beta):
    out = -beta * _kl0(old, ref, mask)
    i = mask.long().sum(1).clamp(max=out.shape[1] - 1)
    out[torch.arange(len(out)), i] += scores.detach()
    return out


@wrong("10.4", "the score replaces the price of the last token")
def _(scores, old, ref, mask, beta):
    out = -beta * _kl0(old, ref, mask)
    out[torch.arange(len(out)), mask.long().sum(1) - 1] = scores.detach()
    return out


@wrong("10.4", "the score is multiplied by beta, too")
def _(scores, old, ref, mask, beta):
    return beta * (_onlast(scores, mask) - _kl0(old, ref, mask))


@wrong("10.4", "sign: pays for the distance (+ beta)")
def _(scores, old, ref, mask, beta):
    return beta * _kl0(old, ref, mask) + _onlast(scores, mask)


@wrong("10.4", "minus the score: a cost")
def _(scores, old, ref, mask, beta):
    return -beta * _kl0(old, ref, mask) - _onlast(scores, mask)


@wrong("10.4", "the absolute difference, never negative")
def _(scores, old, ref, mask, beta):
    return -beta * _kl0(old, ref, mask).abs() + _onlast(scores, mask)


@wrong("10.4", "beta ignored")
def _(scores, old, ref, mask, beta):
    return -_kl0(old, ref, mask) + _onlast(scores, mask)


@wrong("10.4", "divides by beta")
def _(scores, old, ref, mask, beta):
    return -_kl0(old, ref, mask) / beta + _onlast(scores, mask)


@wrong("10.4", "k3 in place of the log-ratio")
def _(scores, old, ref, mask, beta):
    d = _kl0(old, ref, mask)
    return -beta * ((-d).exp() - 1 + d) + _onlast(scores, mask)


@wrong("10.4", "k2, half the square")
def _(scores, old, ref, mask, beta):
    return -beta * _kl0(old, ref, mask) ** 2 / 2 + _onlast(scores, mask)


@wrong("10.4", "probabilities in place of log-probabilities")
def _(scores, old, ref, mask, beta):
    m = mask.bool()
    z = torch.zeros_like(old)
    d = torch.where(m, old, z).exp() - torch.where(m, ref, z).exp()
    return (-beta * d + _onlast(scores, mask)).detach()


@wrong("10.4", "weights by the probability, as in the exact KL")
def _(scores, old, ref, mask, beta):
    m = mask.bool()
    p = torch.where(m, old.detach(), torch.zeros_like(old)).exp()
    return -beta * p * _kl0(old, ref, mask) + _onlast(scores, mask)


@wrong("10.4", "multiplies by the mask: NaN on padding stays NaN")
def _(scores, old, ref, mask, beta):
    out = -beta * (old - ref).detach() * mask
    out[torch.arange(len(out)), mask.long().sum(1) - 1] += scores.detach()
    return out


@wrong("10.4", "nan_to_num: numbers on padding still count")
def _(scores, old, ref, mask, beta):
    out = torch.nan_to_num(-beta * (old - ref).detach())
    out[torch.arange(len(out)), mask.long().sum(1) - 1] += scores.detach()
    return out


@wrong("10.4", "not detached: gradient into the old log-probabilities")
def _(scores, old, ref, mask, beta):
    price = torch.where(mask.bool(), -beta * (old - ref), torch.zeros_like(old))
    return price + _onlast(scores, mask)


@wrong("10.4", "detaches the log-probabilities, not the scores")
def _(scores, old, ref, mask, beta):
    hot = F.one_hot(mask.long().sum(1) - 1, mask.shape[1])
    return -beta * _kl0(old, ref, mask) + hot * scores[:, None]


@wrong("10.4", "the whole KL on the last token only")
def _(scores, old, ref, mask, beta):
    return _onlast(scores - beta * _kl0(old, ref, mask).sum(1), mask)


@wrong("10.4", "running sum of the price")
def _(scores, old, ref, mask, beta):
    price = torch.where(mask.bool(), -beta * _kl0(old, ref, mask).cumsum(1), 0.0)
    return price + _onlast(scores, mask)


@wrong("10.4", "rewards to go: summed from the end")
def _(scores, old, ref, mask, beta):
    r = -beta * _kl0(old, ref, mask) + _onlast(scores, mask)
    return r.flip(1).cumsum(1).flip(1) * mask


@wrong("10.4", "the price divided by the length")
def _(scores, old, ref, mask, beta):
    n = mask.sum(1, keepdim=True)
    return -beta * _kl0(old, ref, mask) / n + _onlast(scores, mask)


@wrong(
    "10.4", "the last token pays nothing, it has only the score (price cut one short)"
)
def _(scores, old, ref, mask, beta):
    hot = F.one_hot(mask.long().sum(1) - 1, mask.shape[1]).bool()
    return (-beta * _kl0(old, ref, mask)).masked_fill(hot, 0.0) + _onlast(scores, mask)


@wrong("10.4", "takes the longest completion's end for all rows")
def _(scores, old, ref, mask, beta):
    out = -beta * _kl0(old, ref, mask)
    out[:, int(mask.sum(1).max()) - 1] += scores.detach()
    return out


@wrong("10.4", "bits: the price divided by ln 2")
def _(scores, old, ref, mask, beta):
    return -beta * _kl0(old, ref, mask) / math.log(2) + _onlast(scores, mask)


@wrong("10.4", "fills padding of the caller's tensor with 0 (in place)")
def _(scores, old, ref, mask, beta):
    with torch.no_grad():
        old.data[~mask.bool()] = 0.0
        ref.data[~mask.bool()] = 0.0
        return -beta * (old - ref).detach() + _onlast(scores, mask)


# ---------------------------------------------------------------- 11.2 rloo_advantages


@right("11.2")
def leave_one_out(rewards, n):
    rows = rewards.tolist()
    out = []
    for i, own in enumerate(rows):
        start = i // n * n
        others = [rows[j] for j in range(start, start + n) if j != i]
        out.append(own - math.fsum(others) / len(others))
    return torch.tensor(out, dtype=rewards.dtype)


@right("11.2")
def scaled(rewards, n):
    """The baseline of all, stretched by n / (n - 1)."""
    g = rewards.double().unflatten(0, (-1, n))
    return ((g - g.mean(-1, keepdim=True)) * (n / (n - 1))).flatten().to(rewards.dtype)


@right("11.2")
def weights(rewards, n):
    w = (1 + 1 / (n - 1)) * torch.eye(n, dtype=rewards.dtype) - 1 / (n - 1)
    return torch.einsum("gi,ij->gj", rewards.reshape(-1, n), w).reshape(-1)


def _g(r, n):
    return r.view(-1, n)


wrong("11.2", "the mean of the whole group, itself included")(
    lambda r, n: (_g(r, n) - _g(r, n).mean(1, keepdim=True)).view(-1)
)
wrong("11.2", "sum of the others divided by n")(
    lambda r, n: (_g(r, n) - (_g(r, n).sum(1, keepdim=True) - _g(r, n)) / n).view(-1)
)
wrong("11.2", "sum of all divided by n - 1: itself not taken out")(
    lambda r, n: (_g(r, n) - _g(r, n).sum(1, keepdim=True) / (n - 1)).view(-1)
)
wrong("11.2", "sum of the others, not the mean")(
    lambda r, n: (_g(r, n) - (_g(r, n).sum(1, keepdim=True) - _g(r, n))).view(-1)
)
wrong("11.2", "sign: others minus own")(
    lambda r, n: ((_g(r, n).sum(1, keepdim=True) - _g(r, n)) / (n - 1) - _g(r, n)).view(
        -1
    )
)
wrong("11.2", "only the baseline")(
    lambda r, n: ((_g(r, n).sum(1, keepdim=True) - _g(r, n)) / (n - 1)).view(-1)
)
wrong("11.2", "GRPO: divided by the standard deviation")(
    lambda r, n: (
        (_g(r, n) - _g(r, n).mean(1, keepdim=True))
        / (_g(r, n).std(1, correction=0, keepdim=True) + 1e-4)
    ).view(-1)
)
wrong("11.2", "RLOO, then divided by the standard deviation")(
    lambda r, n: (
        (_g(r, n) - (_g(r, n).sum(1, keepdim=True) - _g(r, n)) / (n - 1))
        / (_g(r, n).std(1, correction=0, keepdim=True) + 1e-4)
    ).view(-1)
)
wrong("11.2", "the factor upside down: (n - 1) / n")(
    lambda r, n: ((_g(r, n) - _g(r, n).mean(1, keepdim=True)) * (n - 1) / n).view(-1)
)
wrong("11.2", "the factor (n + 1) / n")(
    lambda r, n: ((_g(r, n) - _g(r, n).mean(1, keepdim=True)) * (n + 1) / n).view(-1)
)
wrong("11.2", "groups interleaved: reshape(n, -1), mean over dim 0")(
    lambda r, n: (
        r.view(n, -1) - (r.view(n, -1).sum(0, keepdim=True) - r.view(n, -1)) / (n - 1)
    ).view(-1)
)
wrong("11.2", "mean over the wrong axis: over the prompts")(
    lambda r, n: (_g(r, n) - _g(r, n).mean(0, keepdim=True)).view(-1)
)
wrong("11.2", "group_size ignored: all others of the batch")(
    lambda r, n: r - (r.sum() - r) / (len(r) - 1)
)
wrong("11.2", "baseline is the mean of the batch")(lambda r, n: r - r.mean())
wrong("11.2", "median of the group")(
    lambda r, n: (_g(r, n) - _g(r, n).median(1, keepdim=True).values).view(-1)
)
wrong("11.2", "only the next completion as a baseline")(
    lambda r, n: (_g(r, n) - _g(r, n).roll(-1, 1)).view(-1)
)
wrong("11.2", "shape (groups, n) is returned, not (batch,)")(
    lambda r, n: _g(r, n) - (_g(r, n).sum(1, keepdim=True) - _g(r, n)) / (n - 1)
)
wrong("11.2", "first completion of the group as a baseline")(
    lambda r, n: (_g(r, n) - _g(r, n)[:, :1]).view(-1)
)
wrong("11.2", "rewards cut to whole numbers")(
    lambda r, n: (lambda q: (q - (q.sum(1, keepdim=True) - q) / (n - 1)).view(-1))(
        _g(r.long(), n)
    )
)
wrong("11.2", "size of the advantage, sign lost")(
    lambda r, n: (
        (_g(r, n) - (_g(r, n).sum(1, keepdim=True) - _g(r, n)) / (n - 1)).abs().view(-1)
    )
)
wrong("11.2", "rounded to two places")(
    lambda r, n: (
        (_g(r, n) - (_g(r, n).sum(1, keepdim=True) - _g(r, n)) / (n - 1))
        .view(-1)
        .mul(100)
        .round()
        .div(100)
    )
)


@wrong("11.2", "the largest of the others")
def _(r, n):
    g = _g(r, n)
    return torch.stack(
        [
            g[:, i] - torch.cat([g[:, :i], g[:, i + 1 :]], 1).max(1).values
            for i in range(n)
        ],
        1,
    ).view(-1)


@wrong("11.2", "leaves out equal rewards, not only itself")
def _(r, n):
    out = []
    for i, own in enumerate(r.tolist()):
        group = r[i // n * n : i // n * n + n].tolist()
        others = [x for x in group if x != own] or [own]
        out.append(own - sum(others) / len(others))
    return torch.tensor(out, dtype=r.dtype)


@wrong("11.2", "a window around the completion, not its group")
def _(r, n):
    out = torch.zeros_like(r)
    for i in range(len(r)):
        lo = max(0, i - n + 1)
        others = torch.cat([r[lo:i], r[i + 1 : lo + n]])
        out[i] = r[i] - others.mean()
    return out


@wrong(
    "11.2", "overwrites while it goes: later ones see advantages, and the input changes"
)
def _(r, n):
    for s in range(0, len(r), n):
        for i in range(s, s + n):
            r[i] = r[i] - (r[s : s + n].sum() - r[i]) / (n - 1)
    return r


@wrong("11.2", "right values, written into the caller's rewards")
def _(r, n):
    g = r.view(-1, n)
    g -= (g.sum(1, keepdim=True) - g) / (n - 1)
    return r


@wrong("11.2", "only the first group is done")
def _(r, n):
    out = torch.zeros_like(r)
    g = r[:n]
    out[:n] = g - (g.sum() - g) / (n - 1)
    return out


# ---------------------------------------------------------------- 11.3 kl_estimators


@right("11.3")
def by_expm1(lp, ref):
    d = lp - ref.detach()
    c = d.clamp(-20, 20)
    return torch.cat([d[None], 0.5 * d[None] * d[None], (torch.expm1(-c) + c)[None]])


@right("11.3")
def double_inside(lp, ref):
    with torch.no_grad():
        base = ref.double().clone()
    d = lp.double() - base
    c = torch.minimum(torch.maximum(d, d.new_tensor(-20.0)), d.new_tensor(20.0))
    return torch.stack((d, d.square().div(2), torch.exp(c.neg()).sub(1).add(c))).to(
        lp.dtype
    )


@right("11.3")
def filled(lp, ref):
    d = torch.sub(lp, ref.detach())
    c = F.hardtanh(d, -20.0, 20.0)
    out = lp.new_zeros((3, *lp.shape))
    out[0] = d
    out[1] = torch.pow(d, 2) / 2
    out[2] = 1 / torch.exp(c) - 1 + c
    return out


def _ks(d, k1=None, k2=None, k3=None):
    c = d.clamp(-20, 20)
    return torch.stack(
        [
            d if k1 is None else k1,
            d**2 / 2 if k2 is None else k2,
            (-c).exp() - 1 + c if k3 is None else k3,
        ]
    )


wrong("11.3", "d the other way round: reference minus policy")(
    lambda lp, ref: _ks(ref.detach() - lp)
)
wrong("11.3", "k2 without the half")(
    lambda lp, ref: _ks(lp - ref.detach(), k2=(lp - ref.detach()) ** 2)
)
wrong("11.3", "k2 halves before squaring")(
    lambda lp, ref: _ks(lp - ref.detach(), k2=((lp - ref.detach()) / 2) ** 2)
)
wrong("11.3", "k2 is |d| / 2")(
    lambda lp, ref: _ks(lp - ref.detach(), k2=(lp - ref.detach()).abs() / 2)
)
wrong("11.3", "k3 = e^d - 1 - d")(
    lambda lp, ref: (lambda d, c: _ks(d, k3=c.exp() - 1 - c))(
        lp - ref.detach(), (lp - ref.detach()).clamp(-20, 20)
    )
)
wrong("11.3", "k3 = e^d - 1 + d: the minus in the exponent forgotten")(
    lambda lp, ref: (lambda d, c: _ks(d, k3=c.exp() - 1 + c))(
        lp - ref.detach(), (lp - ref.detach()).clamp(-20, 20)
    )
)
wrong("11.3", "k3 = e^-d - 1 - d")(
    lambda lp, ref: (lambda d, c: _ks(d, k3=(-c).exp() - 1 - c))(
        lp - ref.detach(), (lp - ref.detach()).clamp(-20, 20)
    )
)
wrong("11.3", "k3 = e^-d + 1 + d")(
    lambda lp, ref: (lambda d, c: _ks(d, k3=(-c).exp() + 1 + c))(
        lp - ref.detach(), (lp - ref.detach()).clamp(-20, 20)
    )
)
wrong("11.3", "k3 without its last term d")(
    lambda lp, ref: _ks(
        lp - ref.detach(), k3=(ref.detach() - lp).clamp(-20, 20).exp() - 1
    )
)
wrong("11.3", "k3 without the minus 1")(
    lambda lp, ref: (lambda d, c: _ks(d, k3=(-c).exp() + c))(
        lp - ref.detach(), (lp - ref.detach()).clamp(-20, 20)
    )
)
wrong("11.3", "no clamp in k3")(
    lambda lp, ref: (lambda d: _ks(d, k3=(-d).exp() - 1 + d))(lp - ref.detach())
)
wrong("11.3", "clamp only in the exponent, the last d is free")(
    lambda lp, ref: (lambda d: _ks(d, k3=(-d.clamp(-20, 20)).exp() - 1 + d))(
        lp - ref.detach()
    )
)
wrong("11.3", "clamp only from below (against overflow)")(
    lambda lp, ref: (
        lambda d: _ks(d, k3=(-d.clamp(min=-20)).exp() - 1 + d.clamp(min=-20))
    )(lp - ref.detach())
)
wrong("11.3", "clamp only from above: e^-d overflows")(
    lambda lp, ref: (
        lambda d: _ks(d, k3=(-d.clamp(max=20)).exp() - 1 + d.clamp(max=20))
    )(lp - ref.detach())
)
wrong("11.3", "clamps the result k3, not d")(
    lambda lp, ref: (lambda d: _ks(d, k3=((-d).exp() - 1 + d).clamp(-20, 20)))(
        lp - ref.detach()
    )
)
wrong("11.3", "d clamped in all three")(
    lambda lp, ref: _ks((lp - ref.detach()).clamp(-20, 20))
)
wrong("11.3", "k2 and k3 clamped, k1 not")(
    lambda lp, ref: _ks((lp - ref.detach()).clamp(-20, 20), k1=lp - ref.detach())
)
wrong("11.3", "clamp at 10")(
    lambda lp, ref: (lambda d, c: _ks(d, k3=(-c).exp() - 1 + c))(
        lp - ref.detach(), (lp - ref.detach()).clamp(-10, 10)
    )
)
wrong("11.3", "clamp at 2, a typing error")(
    lambda lp, ref: (lambda d, c: _ks(d, k3=(-c).exp() - 1 + c))(
        lp - ref.detach(), (lp - ref.detach()).clamp(-2, 2)
    )
)
wrong("11.3", "the three last: shape (..., 3)")(
    lambda lp, ref: _ks(lp - ref.detach()).movedim(0, -1)
)
wrong("11.3", "order k1, k3, k2")(lambda lp, ref: _ks(lp - ref.detach())[[0, 2, 1]])
wrong("11.3", "reference not detached")(lambda lp, ref: _ks(lp - ref))
wrong("11.3", "detached in k1 and k2, not in k3")(
    lambda lp, ref: (lambda c: _ks(lp - ref.detach(), k3=(-c).exp() - 1 + c))(
        (lp - ref).clamp(-20, 20)
    )
)
wrong("11.3", "all without gradient, no_grad over everything")(
    torch.no_grad()(lambda lp, ref: _ks(lp - ref))
)
wrong("11.3", "averaged over all tokens: shape (3,)")(
    lambda lp, ref: _ks(lp - ref.detach()).flatten(1).mean(1)
)
wrong("11.3", "summed over the last dimension")(
    lambda lp, ref: _ks(lp - ref.detach()).sum(-1)
)
wrong("11.3", "k1 as a distance: |d|")(
    lambda lp, ref: _ks(lp - ref.detach(), k1=(lp - ref.detach()).abs())
)
wrong("11.3", "k1 never below 0")(
    lambda lp, ref: _ks(lp - ref.detach(), k1=(lp - ref.detach()).clamp(min=0))
)
wrong("11.3", "d as a quotient of the log-probabilities")(
    lambda lp, ref: _ks(lp / ref.detach())
)
wrong("11.3", "d as a difference of probabilities")(
    lambda lp, ref: _ks(lp.exp() - ref.detach().exp())
)
wrong("11.3", "base 2 in k3")(
    lambda lp, ref: (lambda d, c: _ks(d, k3=2.0**-c - 1 + c))(
        lp - ref.detach(), (lp - ref.detach()).clamp(-20, 20)
    )
)
wrong("11.3", "two terms of the series for k3, which is k2")(
    lambda lp, ref: _ks(lp - ref.detach(), k3=(lp - ref.detach()) ** 2 / 2)
)

# ---------------------------------------------------------------- 11.4 grpo_loss


def _k3(lp, ref, mask, sign=1):
    m = mask.bool()
    d = torch.where(m, lp - ref.detach(), torch.zeros_like(lp)).clamp(-20, 20) * sign
    return (-d).exp() - 1 + d


def _pg(lp, old, adv, mask, eps):
    r, a = _rho(lp, old, mask), adv.detach()[:, None]
    return -torch.min(r * a, r.clamp(1 - eps, 1 + eps) * a)


@right("11.4")
def rows(lp, old, ref, adv, mask, beta, eps):
    parts, count = [], 0
    for i in range(len(lp)):
        m = mask[i].bool()
        a = adv[i].detach()
        r = torch.exp(lp[i][m] - old[i][m].detach())
        d = torch.clamp(lp[i][m] - ref[i][m].detach(), -20, 20)
        loss = -torch.minimum(r * a, r.clip(1 - eps, 1 + eps) * a)
        parts.append((loss + beta * (torch.expm1(-d) + d)).sum())
        count += int(m.sum())
    return torch.stack(parts).sum() / count


@right("11.4")
def double_where(lp, old, ref, adv, mask, beta, eps):
    m = mask.bool()
    x, o, f = (
        t.double().masked_fill(~m, 0.0) for t in (lp, old.detach(), ref.detach())
    )
    r = (x - o).exp()
    a = adv.detach().double().unsqueeze(-1).expand_as(r)
    r = torch.where(a >= 0, r.clamp(max=1 + eps), r.clamp(min=1 - eps))
    d = (x - f).clamp(-20, 20)
    total = (m * (beta * ((-d).exp() + d - 1) - r * a)).sum()
    return (total / m.sum()).to(lp.dtype)


@right("11.4")
def flat(lp, old, ref, adv, mask, beta, eps):
    """All tokens of the batch as one long list, the advantage repeated."""
    m = mask.bool()
    n = m.long().sum(1)
    a = torch.repeat_interleave(adv.detach(), n)
    with torch.no_grad():
        o, f = torch.masked_select(old, m), torch.masked_select(ref, m)
    x = torch.masked_select(lp, m)
    r = torch.exp(x - o)
    q = F.hardtanh(x - f, -20.0, 20.0)
    both = torch.stack([r * a, torch.clip(r, 1 - eps, 1 + eps) * a])
    return (torch.exp(-q) - 1 + q).mean() * beta - both.amin(0).mean()


wrong("11.4", "original GRPO: mean per completion first, then over the batch")(
    lambda lp, old, ref, adv, mask, beta, eps: (
        ((_pg(lp, old, adv, mask, eps) + beta * _k3(lp, ref, mask)) * mask).sum(1)
        / mask.sum(1)
    ).mean()
)
wrong("11.4", "max in place of min")(
    lambda lp, old, ref, adv, mask, beta, eps: (
        lambda r, a: _mean(
            -torch.max(r * a, r.clamp(1 - eps, 1 + eps) * a)
            + beta * _k3(lp, ref, mask),
            mask,
        )
    )(_rho(lp, old, mask), adv.detach()[:, None])
)
wrong("11.4", "the minus of the objective forgotten")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        -_pg(lp, old, adv, mask, eps) + beta * _k3(lp, ref, mask), mask
    )
)
wrong("11.4", "minus beta k3: pays for the distance")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp, old, adv, mask, eps) - beta * _k3(lp, ref, mask), mask
    )
)
wrong("11.4", "beta ignored: k3 with weight 1")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp, old, adv, mask, eps) + _k3(lp, ref, mask), mask
    )
)
wrong("11.4", "no KL term")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(_pg(lp, old, adv, mask, eps), mask)
)
wrong("11.4", "k1 in place of k3")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp, old, adv, mask, eps) + beta * (lp - ref.detach()), mask
    )
)
wrong("11.4", "k2 in place of k3")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp, old, adv, mask, eps) + beta * (lp - ref.detach()) ** 2 / 2, mask
    )
)
wrong("11.4", "k3 of the other direction: e^d - 1 - d")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp, old, adv, mask, eps) + beta * _k3(lp, ref, mask, -1), mask
    )
)
wrong("11.4", "k3 against the old policy, not the reference")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp, old, adv, mask, eps) + beta * _k3(lp, old, mask), mask
    )
)
wrong("11.4", "k3 of the old policy against the reference: a constant")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp, old, adv, mask, eps) + beta * _k3(old.detach(), ref, mask), mask
    )
)
wrong("11.4", "ratio against the reference")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp, ref, adv, mask, eps) + beta * _k3(lp, ref, mask), mask
    )
)
wrong("11.4", "reference and old exchanged")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp, ref, adv, mask, eps) + beta * _k3(lp, old, mask), mask
    )
)
wrong("11.4", "mean over all places, padding in the count")(
    lambda lp, old, ref, adv, mask, beta, eps: (
        (_pg(lp, old, adv, mask, eps) + beta * _k3(lp, ref, mask)) * mask
    ).mean()
)
wrong("11.4", "mask forgotten: padding counts")(
    lambda lp, old, ref, adv, mask, beta, eps: (
        lambda one: (_pg(lp, old, adv, one, eps) + beta * _k3(lp, ref, one)).mean()
    )(torch.ones_like(mask))
)
wrong("11.4", "mask on the policy term only, KL averaged over all places")(
    lambda lp, old, ref, adv, mask, beta, eps: (
        _mean(_pg(lp, old, adv, mask, eps), mask) + beta * _k3(lp, ref, mask).mean()
    )
)
wrong("11.4", "sum over the tokens, divided by the batch")(
    lambda lp, old, ref, adv, mask, beta, eps: (
        ((_pg(lp, old, adv, mask, eps) + beta * _k3(lp, ref, mask)) * mask).sum()
        / len(lp)
    )
)
wrong("11.4", "sum, no mean")(
    lambda lp, old, ref, adv, mask, beta, eps: (
        (_pg(lp, old, adv, mask, eps) + beta * _k3(lp, ref, mask)) * mask
    ).sum()
)
wrong("11.4", "only the clipped term")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        -_rho(lp, old, mask).clamp(1 - eps, 1 + eps) * adv.detach()[:, None]
        + beta * _k3(lp, ref, mask),
        mask,
    )
)
wrong("11.4", "no clip")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        -_rho(lp, old, mask) * adv.detach()[:, None] + beta * _k3(lp, ref, mask), mask
    )
)
wrong("11.4", "REINFORCE: log-probability times advantage, no ratio")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        -lp * adv.detach()[:, None] + beta * _k3(lp, ref, mask), mask
    )
)
wrong("11.4", "clip_eps ignored, 0.2")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp, old, adv, mask, 0.2) + beta * _k3(lp, ref, mask), mask
    )
)
wrong("11.4", "clips the log-ratio to ± eps")(
    lambda lp, old, ref, adv, mask, beta, eps: (
        lambda d, a: _mean(
            -torch.min(d.exp() * a, d.clamp(-eps, eps).exp() * a)
            + beta * _k3(lp, ref, mask),
            mask,
        )
    )(torch.where(mask.bool(), lp - old.detach(), 0.0), adv.detach()[:, None])
)
wrong("11.4", "clip-higher: upper border 1 + 2 eps")(
    lambda lp, old, ref, adv, mask, beta, eps: (
        lambda r, a: _mean(
            -torch.min(r * a, r.clamp(1 - eps, 1 + 2 * eps) * a)
            + beta * _k3(lp, ref, mask),
            mask,
        )
    )(_rho(lp, old, mask), adv.detach()[:, None])
)
wrong("11.4", "beta and clip_eps exchanged")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp, old, adv, mask, beta) + eps * _k3(lp, ref, mask), mask
    )
)
wrong("11.4", "KL detached: right value, no gradient from it")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp, old, adv, mask, eps) + beta * _k3(lp, ref, mask).detach(), mask
    )
)
wrong("11.4", "ratio detached: right value, gradient from the KL only")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp.detach(), old, adv, mask, eps) + beta * _k3(lp, ref, mask), mask
    )
)
wrong("11.4", "KL taken off the advantage, inside the clip")(
    lambda lp, old, ref, adv, mask, beta, eps: (
        lambda r, a: _mean(-torch.min(r * a, r.clamp(1 - eps, 1 + eps) * a), mask)
    )(
        _rho(lp, old, mask),
        adv.detach()[:, None] - beta * _k3(lp, ref, mask).detach(),
    )
)
wrong("11.4", "advantages normalised once more")(
    lambda lp, old, ref, adv, mask, beta, eps: _mean(
        _pg(lp, old, (adv - adv.mean()) / (adv.std() + 1e-4), mask, eps)
        + beta * _k3(lp, ref, mask),
        mask,
    )
)
wrong("11.4", "the ratio of whole completions (GSPO without its root)")(
    lambda lp, old, ref, adv, mask, beta, eps: (
        lambda r, a: _mean(
            (-torch.min(r * a, r.clamp(1 - eps, 1 + eps) * a)).expand_as(lp)
            + beta * _k3(lp, ref, mask),
            mask,
        )
    )(
        torch.where(mask.bool(), lp - old.detach(), 0.0).sum(1, keepdim=True).exp(),
        adv.detach()[:, None],
    )
)


@wrong("11.4", "advantages broadcast along time")
def _(lp, old, ref, adv, mask, beta, eps):
    r, a = _rho(lp, old, mask), adv.detach()
    return _mean(
        -torch.min(r * a, r.clamp(1 - eps, 1 + eps) * a) + beta * _k3(lp, ref, mask),
        mask,
    )


@wrong("11.4", "gradient into the old log-probabilities")
def _(lp, old, ref, adv, mask, beta, eps):
    r = torch.where(mask.bool(), lp - old, torch.zeros_like(lp)).exp()
    a = adv.detach()[:, None]
    return _mean(
        -torch.min(r * a, r.clamp(1 - eps, 1 + eps) * a) + beta * _k3(lp, ref, mask),
        mask,
    )


@wrong("11.4", "gradient into the reference")
def _(lp, old, ref, adv, mask, beta, eps):
    d = torch.where(mask.bool(), lp - ref, torch.zeros_like(lp)).clamp(-20, 20)
    return _mean(_pg(lp, old, adv, mask, eps) + beta * ((-d).exp() - 1 + d), mask)


@wrong("11.4", "gradient into the advantages")
def _(lp, old, ref, adv, mask, beta, eps):
    r, a = _rho(lp, old, mask), adv[:, None]
    return _mean(
        -torch.min(r * a, r.clamp(1 - eps, 1 + eps) * a) + beta * _k3(lp, ref, mask),
        mask,
    )


@wrong("11.4", "KL per completion (summed), averaged over completions")
def _(lp, old, ref, adv, mask, beta, eps):
    kl = (_k3(lp, ref, mask) * mask).sum(1).mean()
    return _mean(_pg(lp, old, adv, mask, eps), mask) + beta * kl


# ---------------------------------------------------------------- 12.2 pair_log_ratio


@right("12.2")
def stacked(c, r, rc, rr):
    policy = torch.stack([c, r], -1)
    ref = torch.stack([rc, rr], -1).detach()
    sign = policy.new_tensor([1.0, -1.0])
    return torch.einsum("bi,i->b", policy - ref, sign)


@right("12.2")
def regrouped(c, r, rc, rr):
    """Policy's margin minus the reference's margin, in double inside."""
    with torch.no_grad():
        margin = rc.double() - rr.double()
    return (c.double() - r.double() - margin).to(c.dtype)


@right("12.2")
def by_diff(c, r, rc, rr):
    ref = torch.stack([rr, rc]).detach()
    return torch.diff(torch.stack([r, c]) - ref, dim=0).squeeze(0)


wrong("12.2", "sign of the reference: plus on both")(
    lambda c, r, rc, rr: (c + rc.detach()) - (r + rr.detach())
)
wrong("12.2", "chosen and rejected exchanged")(
    lambda c, r, rc, rr: (r - rr.detach()) - (c - rc.detach())
)
wrong("12.2", "the reference ignored")(lambda c, r, rc, rr: c - r)
wrong("12.2", "the sum of both log-ratios")(
    lambda c, r, rc, rr: (c - rc.detach()) + (r - rr.detach())
)
wrong("12.2", "brackets forgotten: c - rc - r - rr")(
    lambda c, r, rc, rr: c - rc.detach() - r - rr.detach()
)
wrong("12.2", "reference minus policy")(
    lambda c, r, rc, rr: (rc.detach() - c) - (rr.detach() - r)
)
wrong("12.2", "references exchanged: c - ref_rejected")(
    lambda c, r, rc, rr: (c - rr.detach()) - (r - rc.detach())
)
wrong("12.2", "reference not detached")(lambda c, r, rc, rr: (c - rc) - (r - rr))
wrong("12.2", "only ref_chosen detached")(
    lambda c, r, rc, rr: (c - rc.detach()) - (r - rr)
)
wrong("12.2", "only ref_rejected detached")(
    lambda c, r, rc, rr: (c - rc) - (r - rr.detach())
)
wrong("12.2", "detaches the whole result: nothing to train")(
    lambda c, r, rc, rr: ((c - rc) - (r - rr)).detach()
)
wrong("12.2", "detaches the rejected text, too")(
    lambda c, r, rc, rr: (c - rc.detach()) - (r.detach() - rr.detach())
)
wrong("12.2", "only the chosen text")(lambda c, r, rc, rr: c - rc.detach())
wrong("12.2", "only the rejected text")(lambda c, r, rc, rr: -(r - rr.detach()))
wrong("12.2", "probabilities: differences of exp")(
    lambda c, r, rc, rr: (c.exp() - rc.detach().exp()) - (r.exp() - rr.detach().exp())
)
wrong("12.2", "the ratio, exp of h")(
    lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach())).exp()
)
wrong("12.2", "already the probability: sigmoid of h")(
    lambda c, r, rc, rr: torch.sigmoid((c - rc.detach()) - (r - rr.detach()))
)
wrong("12.2", "already the loss: -logsigmoid")(
    lambda c, r, rc, rr: -F.logsigmoid((c - rc.detach()) - (r - rr.detach()))
)
wrong("12.2", "quotients of log-probabilities")(
    lambda c, r, rc, rr: c / rc.detach() - r / rr.detach()
)
wrong("12.2", "mean over the batch: a scalar")(
    lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach())).mean()
)
wrong("12.2", "bits for nats")(
    lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach())) / math.log(2)
)
wrong("12.2", "bits for nats, the wrong way")(
    lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach())) * math.log(2)
)
wrong("12.2", "half: the mean of the two log-ratios")(
    lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach())) / 2
)
wrong("12.2", "times beta = 0.1, which is not asked")(
    lambda c, r, rc, rr: 0.1 * ((c - rc.detach()) - (r - rr.detach()))
)
wrong("12.2", "size only")(
    lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach())).abs()
)
wrong("12.2", "every pair with every other: shape (batch, batch)")(
    lambda c, r, rc, rr: (c - rc.detach())[:, None] - (r - rr.detach())[None, :]
)
wrong("12.2", "a column, shape (batch, 1)")(
    lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach()))[:, None]
)
wrong("12.2", "clamped to ± 20")(
    lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach())).clamp(-20, 20)
)
wrong("12.2", "negative margins cut off at 0")(
    lambda c, r, rc, rr: F.relu((c - rc.detach()) - (r - rr.detach()))
)


@wrong("12.2", "right value, but subtracts in the caller's tensors")
def _(c, r, rc, rr):
    rc.data.sub_(rr.data)
    return (c - r) - rc.detach()


@wrong("12.2", "half precision inside")
def _(c, r, rc, rr):
    h = (c.half() - rc.detach().half()) - (r.half() - rr.detach().half())
    return h.to(c.dtype)


# ---------------------------------------------------------------- 12.3 dpo_loss


@right("12.3")
def by_bce(h, beta):
    return F.binary_cross_entropy_with_logits(beta * h, torch.ones_like(h))


@right("12.3")
def by_classes(h, beta):
    """A softmax over (chosen, rejected) with logits beta h and 0."""
    logits = torch.stack([beta * h, torch.zeros_like(h)], 1)
    return F.cross_entropy(logits, torch.zeros(len(h), dtype=torch.long))


@wrong("12.3", "held right by its writer: abs and where have no slope at h = 0")
def by_parts(h, beta):
    x = (beta * h).double()
    loss = torch.where(x < 0, -x, torch.zeros_like(x)) + torch.log1p(
        torch.exp(-x.abs())
    )
    return (loss.sum() / loss.numel()).to(h.dtype)


wrong("12.3", "log of sigmoid in two steps: infinite for a large negative h")(
    lambda h, b: -torch.sigmoid(b * h).log().mean()
)
wrong("12.3", "log(1 + exp(-x)) in two steps: overflows")(
    lambda h, b: torch.log(1 + torch.exp(-b * h)).mean()
)
wrong("12.3", "log1p(exp(-x)): still overflows")(
    lambda h, b: torch.log1p(torch.exp(-b * h)).mean()
)
wrong("12.3", "1e-8 inside the log: capped at 18 nats")(
    lambda h, b: -(torch.sigmoid(b * h) + 1e-8).log().mean()
)
wrong("12.3", "sigmoid clamped at 1e-6")(
    lambda h, b: -torch.sigmoid(b * h).clamp(min=1e-6).log().mean()
)
wrong("12.3", "sum, not the mean")(lambda h, b: -F.logsigmoid(b * h).sum())
wrong("12.3", "no reduction: shape (batch,)")(lambda h, b: -F.logsigmoid(b * h))
wrong("12.3", "sign: log sigmoid without minus")(
    lambda h, b: F.logsigmoid(b * h).mean()
)
wrong("12.3", "minus inside: prefers the rejected")(
    lambda h, b: -F.logsigmoid(-b * h).mean()
)
wrong("12.3", "softplus of plus x")(lambda h, b: F.softplus(b * h).mean())
wrong("12.3", "beta ignored")(lambda h, b: -F.logsigmoid(h).mean())
wrong("12.3", "h divided by beta")(lambda h, b: -F.logsigmoid(h / b).mean())
wrong("12.3", "beta outside the log")(lambda h, b: -b * F.logsigmoid(h).mean())
wrong("12.3", "beta in both places")(lambda h, b: -b * F.logsigmoid(b * h).mean())
wrong("12.3", "beta always 0.1")(lambda h, b: -F.logsigmoid(0.1 * h).mean())
wrong("12.3", "softplus' own beta, which divides by beta again")(
    lambda h, b: F.softplus(-h, beta=b).mean()
)
wrong("12.3", "the mean of h first, then the loss")(
    lambda h, b: -F.logsigmoid(b * h.mean())
)
wrong("12.3", "log of the mean probability")(
    lambda h, b: -(torch.logsumexp(F.logsigmoid(b * h), 0) - math.log(len(h)))
)
wrong("12.3", "bits for nats")(lambda h, b: -F.logsigmoid(b * h).mean() / math.log(2))
wrong("12.3", "log10")(lambda h, b: -F.logsigmoid(b * h).mean() / math.log(10))
wrong("12.3", "no log: minus the mean probability")(
    lambda h, b: -torch.sigmoid(b * h).mean()
)
wrong("12.3", "1 - sigmoid")(lambda h, b: 1 - torch.sigmoid(b * h).mean())
wrong("12.3", "a hinge")(lambda h, b: F.relu(1 - b * h).mean())
wrong("12.3", "h clamped to ± 50")(
    lambda h, b: -F.logsigmoid(b * h.clamp(-50, 50)).mean()
)
wrong("12.3", "beta h clamped to ± 20, loss capped at 20")(
    lambda h, b: -F.logsigmoid((b * h).clamp(-20, 20)).mean()
)
wrong("12.3", "nan_to_num hides the overflow")(
    lambda h, b: torch.nan_to_num(torch.log1p(torch.exp(-b * h)), posinf=100.0).mean()
)
wrong("12.3", "detached: nothing to train")(
    lambda h, b: -F.logsigmoid(b * h.detach()).mean()
)
wrong("12.3", "linear: minus beta h")(lambda h, b: -(b * h).mean())
wrong("12.3", "median")(lambda h, b: (-F.logsigmoid(b * h)).median())
wrong("12.3", "both sides of the cross-entropy, label one half")(
    lambda h, b: F.binary_cross_entropy_with_logits(b * h, torch.full_like(h, 0.5))
)
wrong("12.3", "label smoothing 0.1")(
    lambda h, b: F.binary_cross_entropy_with_logits(b * h, torch.full_like(h, 0.9))
)
wrong("12.3", "divides by n - 1")(
    lambda h, b: -F.logsigmoid(b * h).sum() / (len(h) - 1)
)
wrong("12.3", "log-softmax over the batch")(
    lambda h, b: -F.log_softmax(b * h, 0).mean()
)
wrong("12.3", "tanh for sigmoid")(
    lambda h, b: -torch.log((1 + torch.tanh(b * h)) / 2).mean()
)
wrong("12.3", "uses the sign only: the share of wrong pairs")(
    lambda h, b: (h < 0).to(h.dtype).mean()
)

# ---------------------------------------------------------------- 12.4 implicit_rewards


@right("12.4")
def picked(lp, ref, mask, beta):
    with torch.no_grad():
        base = [row[m].sum() for row, m in zip(ref, mask, strict=True)]
    own = [row[m].sum() for row, m in zip(lp, mask, strict=True)]
    return beta * torch.stack([a - b for a, b in zip(own, base, strict=True)])


@right("12.4")
def scattered(lp, ref, mask, beta):
    row = mask.nonzero()[:, 0]
    d = lp[mask].double() - ref.detach()[mask].double()
    out = torch.zeros(len(lp), dtype=torch.float64).index_add(0, row, d)
    return (beta * out).to(lp.dtype)


@right("12.4")
def dotted(lp, ref, mask, beta):
    d = (lp - ref.detach()).masked_fill(~mask, 0.0)
    return torch.einsum("bt,bt->b", d, beta * mask.to(d.dtype))


def _d(lp, ref, mask):
    return torch.where(mask, lp - ref.detach(), torch.zeros_like(lp))


wrong("12.4", "multiplies by the mask: NaN on padding stays")(
    lambda lp, ref, m, b: b * ((lp - ref.detach()) * m).sum(1)
)
wrong("12.4", "two masked sums by multiplication: NaN on padding stays")(
    lambda lp, ref, m, b: b * ((lp * m).sum(1) - (ref.detach() * m).sum(1))
)
wrong("12.4", "nansum: NaN goes, but numbers on padding count")(
    lambda lp, ref, m, b: b * (lp - ref.detach()).nansum(1)
)
wrong("12.4", "mask ignored")(lambda lp, ref, m, b: b * (lp - ref.detach()).sum(1))
wrong("12.4", "mean over the tokens, not the sum")(
    lambda lp, ref, m, b: b * _d(lp, ref, m).sum(1) / m.sum(1)
)
wrong("12.4", "mean over all places")(lambda lp, ref, m, b: b * _d(lp, ref, m).mean(1))
wrong("12.4", "beta ignored")(lambda lp, ref, m, b: _d(lp, ref, m).sum(1))
wrong("12.4", "divided by beta")(lambda lp, ref, m, b: _d(lp, ref, m).sum(1) / b)
wrong("12.4", "sign: reference minus policy")(
    lambda lp, ref, m, b: -b * _d(lp, ref, m).sum(1)
)
wrong("12.4", "reference ignored")(
    lambda lp, ref, m, b: b * torch.where(m, lp, torch.zeros_like(lp)).sum(1)
)
wrong("12.4", "beta on the policy only")(
    lambda lp, ref, m, b: torch.where(
        m, b * lp - ref.detach(), torch.zeros_like(lp)
    ).sum(1)
)
wrong("12.4", "beta on the reference only")(
    lambda lp, ref, m, b: torch.where(
        m, lp - b * ref.detach(), torch.zeros_like(lp)
    ).sum(1)
)
wrong("12.4", "reference not detached")(
    lambda lp, ref, m, b: b * torch.where(m, lp - ref, torch.zeros_like(lp)).sum(1)
)
wrong("12.4", "everything detached")(
    lambda lp, ref, m, b: b * _d(lp.detach(), ref, m).sum(1)
)
wrong("12.4", "mask the wrong way round")(
    lambda lp, ref, m, b: b * _d(lp, ref, ~m).sum(1)
)
wrong("12.4", "sum over the batch, one number a column")(
    lambda lp, ref, m, b: b * _d(lp, ref, m).sum(0)
)
wrong("12.4", "one number for the whole batch")(
    lambda lp, ref, m, b: b * _d(lp, ref, m).sum()
)
wrong("12.4", "one sum of all texts, repeated for each")(
    lambda lp, ref, m, b: (b * _d(lp, ref, m).sum()).expand(len(lp))
)
wrong("12.4", "per token, not summed")(lambda lp, ref, m, b: b * _d(lp, ref, m))
wrong("12.4", "ratio of probabilities: exp of the difference")(
    lambda lp, ref, m, b: b * _d(lp, ref, m).sum(1).exp()
)
wrong("12.4", "sum of the ratios of tokens")(
    lambda lp, ref, m, b: (
        b * torch.where(m, _d(lp, ref, m).exp(), torch.zeros_like(lp)).sum(1)
    )
)
wrong("12.4", "exp of every difference with 1 left on padding")(
    lambda lp, ref, m, b: b * _d(lp, ref, m).exp().sum(1)
)
wrong("12.4", "logsumexp for the sum")(
    lambda lp, ref, m, b: (
        b
        * (
            lp.masked_fill(~m, -torch.inf).logsumexp(1)
            - ref.detach().masked_fill(~m, -torch.inf).logsumexp(1)
        )
    )
)
wrong("12.4", "size of the difference")(
    lambda lp, ref, m, b: b * _d(lp, ref, m).abs().sum(1)
)
wrong("12.4", "first token left out, as if it were given")(
    lambda lp, ref, m, b: b * _d(lp, ref, m)[:, 1:].sum(1)
)
wrong("12.4", "last column left out")(
    lambda lp, ref, m, b: b * _d(lp, ref, m)[:, :-1].sum(1)
)
wrong("12.4", "takes the first mask.sum() places: wrong with padding on the left")(
    lambda lp, ref, m, b: (lambda q: b * _d(lp, ref, q).sum(1))(
        torch.arange(lp.shape[1])[None] < m.sum(1, keepdim=True)
    )
)
wrong("12.4", "mask applied to the reference only")(
    lambda lp, ref, m, b: (
        b * (lp.sum(1) - torch.where(m, ref.detach(), torch.zeros_like(ref)).sum(1))
    )
)
wrong("12.4", "beta fixed at 0.1")(lambda lp, ref, m, b: 0.1 * _d(lp, ref, m).sum(1))
wrong("12.4", "bits")(lambda lp, ref, m, b: b * _d(lp, ref, m).sum(1) / math.log(2))


@wrong("12.4", "only the last token of each text")
def _(lp, ref, m, b):
    d = _d(lp, ref, m)
    last = m.shape[1] - 1 - m.flip(1).int().argmax(1)
    return b * d[torch.arange(len(d)), last]


@wrong("12.4", "right value, but zeros written into the caller's reference")
def _(lp, ref, m, b):
    ref.data.masked_fill_(~m, 0.0)
    return b * (torch.where(m, lp, torch.zeros_like(lp)) - ref.detach()).sum(1)


@wrong("12.4", "mask shifted by one, as for targets")
def _(lp, ref, m, b):
    q = F.pad(m[:, 1:], (0, 1))
    return b * _d(lp, ref, q).sum(1)


# ---------------------------------------------------------------- 13.2 choose_pair


@right("13.2")
def one_by_one(mean, cov, diffs):
    best, place = -1.0, 0
    for i, x in enumerate(diffs):
        z = float(x @ mean)
        e = math.exp(-abs(z))
        gain = float(x @ cov @ x) * e / (1 + e) ** 2
        if gain > best:
            best, place = gain, i
    return place


@right("13.2")
def log_space(mean, cov, diffs):
    quad = torch.einsum("ni,ij,nj->n", diffs, cov, diffs).clamp(min=0)
    z = torch.mv(diffs, mean)
    return int((quad.log() + F.logsigmoid(z) + F.logsigmoid(-z)).argmax())


@right("13.2")
def with_numpy(mean, cov, diffs):
    x, m, c = (np.asarray(t.detach(), dtype=np.float64) for t in (diffs, mean, cov))
    gain = np.diag(x @ c @ x.T) / (4 * np.cosh(x @ m / 2) ** 2)
    return int(np.argmax(gain))


def _q(c, x):
    return ((x @ c) * x).sum(1)


def _s(m, x):
    p = torch.sigmoid(x @ m)
    return p * (1 - p)


wrong("13.2", "only the uncertainty x C x")(lambda m, c, x: int(_q(c, x).argmax()))
wrong("13.2", "only p (1 - p): the closest call")(
    lambda m, c, x: int(_s(m, x).argmax())
)
wrong("13.2", "argmin")(lambda m, c, x: int((_q(c, x) * _s(m, x)).argmin()))
wrong("13.2", "the value, not the place")(
    lambda m, c, x: float((_q(c, x) * _s(m, x)).max())
)
wrong("13.2", "int of the value")(lambda m, c, x: int((_q(c, x) * _s(m, x)).max()))
wrong("13.2", "places from 1")(lambda m, c, x: int((_q(c, x) * _s(m, x)).argmax()) + 1)
wrong("13.2", "the pair itself")(lambda m, c, x: x[(_q(c, x) * _s(m, x)).argmax()])
wrong("13.2", "root of x C x: the standard deviation")(
    lambda m, c, x: int((_q(c, x).clamp(min=0).sqrt() * _s(m, x)).argmax())
)
wrong("13.2", "root of p (1 - p)")(
    lambda m, c, x: int((_q(c, x) * _s(m, x).sqrt()).argmax())
)
wrong("13.2", "only the diagonal of C")(
    lambda m, c, x: int(((x**2) @ c.diagonal() * _s(m, x)).argmax())
)
wrong("13.2", "the inverse of C")(
    lambda m, c, x: int((_q(torch.linalg.inv(c), x) * _s(m, x)).argmax())
)
wrong("13.2", "C taken for the identity: the length of x")(
    lambda m, c, x: int(((x * x).sum(1) * _s(m, x)).argmax())
)
wrong("13.2", "C squared: length of C x")(
    lambda m, c, x: int((((x @ c) ** 2).sum(1) * _s(m, x)).argmax())
)
wrong("13.2", "p times x C x, the (1 - p) forgotten")(
    lambda m, c, x: int((_q(c, x) * torch.sigmoid(x @ m)).argmax())
)
wrong("13.2", "brackets: p * 1 - p is zero everywhere")(
    lambda m, c, x: int(
        (_q(c, x) * (torch.sigmoid(x @ m) * 1 - torch.sigmoid(x @ m))).argmax()
    )
)
wrong("13.2", "no sigmoid: z (1 - z)")(
    lambda m, c, x: int((_q(c, x) * ((x @ m) * (1 - x @ m))).argmax())
)
wrong("13.2", "softmax over the pairs for the sigmoid")(
    lambda m, c, x: (lambda p: int((_q(c, x) * p * (1 - p)).argmax()))(
        torch.softmax(x @ m, 0)
    )
)
wrong("13.2", "divided by p (1 - p)")(
    lambda m, c, x: int((_q(c, x) / _s(m, x)).argmax())
)
wrong("13.2", "the sum for the product")(
    lambda m, c, x: int((_q(c, x) + _s(m, x)).argmax())
)
wrong("13.2", "entropy of the answer in place of p (1 - p)")(
    lambda m, c, x: (
        lambda p: int(
            (_q(c, x) * (torch.special.entr(p) + torch.special.entr(1 - p))).argmax()
        )
    )(torch.sigmoid(x @ m))
)
wrong("13.2", "1 - |2p - 1| for p (1 - p)")(
    lambda m, c, x: int(
        (_q(c, x) * (1 - (2 * torch.sigmoid(x @ m) - 1).abs())).argmax()
    )
)
wrong("13.2", "p (1 - p) squared, as if x were weighted before")(
    lambda m, c, x: int((_q(c, x) * _s(m, x) ** 2).argmax())
)
wrong("13.2", "x C m, the mean in place of the second x")(
    lambda m, c, x: int((x @ c @ m * _s(m, x)).argmax())
)
wrong("13.2", "the most certain pair: largest |x m|")(
    lambda m, c, x: int((x @ m).abs().argmax())
)
wrong("13.2", "sum of x C, not the form")(
    lambda m, c, x: int(((x @ c).sum(1) * _s(m, x)).argmax())
)
wrong("13.2", "the whole matrix x C x^T, argmax over all its entries")(
    lambda m, c, x: int(((x @ c @ x.T) * _s(m, x)).argmax())
)
wrong("13.2", "the place of the last best-but-one (second of topk)")(
    lambda m, c, x: int(
        (_q(c, x) * _s(m, x)).argsort(descending=True)[min(1, len(x) - 1)]
    )
)
wrong("13.2", "p of the mean averaged over the pairs: one p for all")(
    lambda m, c, x: (lambda p: int((_q(c, x) * p * (1 - p)).argmax()))(
        torch.sigmoid(x @ m).mean()
    )
)
wrong("13.2", "mean ignored: p of the sum of x")(
    lambda m, c, x: int((_q(c, x) * _s(torch.ones_like(m), x)).argmax())
)
wrong("13.2", "gain rounded to one place")(
    lambda m, c, x: int((_q(c, x) * _s(m, x)).mul(10).round().argmax())
)
wrong("13.2", "probit-damped p: z / sqrt(1 + pi q / 8)")(
    lambda m, c, x: (lambda p: int((_q(c, x) * p * (1 - p)).argmax()))(
        torch.sigmoid(x @ m / (1 + math.pi * _q(c, x) / 8).sqrt())
    )
)


@wrong("13.2", "the loop keeps the last one that beats its predecessor")
def _(m, c, x):
    gain = (_q(c, x) * _s(m, x)).tolist()
    place = 0
    for i in range(1, len(gain)):
        if gain[i] > gain[i - 1]:
            place = i
    return place


@wrong("13.2", "the loop leaves out the last pair")
def _(m, c, x):
    gain = (_q(c, x) * _s(m, x)).tolist()
    best = 0
    for i in range(len(gain) - 1):
        if gain[i] > gain[best]:
            best = i
    return best


# ---------------------------------------------------------------- 13.3 replay_votes


@right("13.3")
def backwards(log, features):
    """From the end: an undo owes one click, and the next click pays it."""
    owed, kept = 0, []
    # an undo with nothing before it must owe nothing, so count from the front first
    standing, idle = 0, set()
    for i, (_, _, what) in enumerate(log):
        if what != "undo":
            standing += 1
        elif standing:
            standing -= 1
        else:
            idle.add(i)
    for i in range(len(log) - 1, -1, -1):
        a, b, what = log[i]
        if what == "undo":
            owed += i not in idle
        elif owed:
            owed -= 1
        elif what != "skip":
            kept.insert(0, (a, b, what))
    d = features.new_zeros(len(kept), features.shape[1])
    w = features.new_zeros(len(kept))
    for k, (a, b, what) in enumerate(kept):
        d[k] = features[a] - features[b]
        w[k] = ("b", "tie", "a").index(what) / 2
    return d, w


@right("13.3")
def index_tensors(log, features):
    stands = []
    for entry in log:
        if entry[2] == "undo":
            stands = stands[:-1]
        else:
            stands = [*stands, entry]
    votes = [
        (a, b, {"a": 1.0, "b": 0.0, "tie": 0.5}[w]) for a, b, w in stands if w != "skip"
    ]
    a = torch.tensor([v[0] for v in votes], dtype=torch.long)
    b = torch.tensor([v[1] for v in votes], dtype=torch.long)
    wins = torch.tensor([v[2] for v in votes], dtype=features.dtype)
    return features.index_select(0, a) - features.index_select(0, b), wins


@right("13.3")
def design_matrix(log, features):
    """+1 at a, -1 at b, times the features."""
    stack = []
    for a, b, what in log:
        match what:
            case "undo":
                if stack:
                    stack.pop()
            case "skip":
                stack.append(None)
            case _:
                stack.append((a, b, float(what == "a") + 0.5 * (what == "tie")))
    votes = [v for v in stack if v is not None]
    design = torch.zeros(len(votes), len(features), dtype=features.dtype)
    for i, (a, b, _) in enumerate(votes):
        design[i, a] += 1
        design[i, b] -= 1
    return design @ features, torch.tensor([v[2] for v in votes], dtype=features.dtype)


_WINS = {"a": 1.0, "b": 0.0, "tie": 0.5}


def _replay(log, features, undo=None, wins=None, sign=1, keep=None, order=None):
    stack = []
    for a, b, what in log:
        if what == "undo":
            if undo is None:
                if stack:
                    stack.pop()
            else:
                undo(stack, a, b)
        else:
            stack.append((a, b, what))
    votes = [v for v in stack if (keep or (lambda w: w != "skip"))(v[2])]
    if order:
        votes = order(votes)
    d = features.new_zeros(len(votes), features.shape[1])
    for i, (a, b, _) in enumerate(votes):
        d[i] = sign * (features[a] - features[b])
    w = [(wins or _WINS).get(v[2], 0.5) for v in votes]
    return d, torch.tensor(w, dtype=features.dtype)


wrong("13.3", "undo ignored: every vote stands")(
    lambda log, f: _replay(log, f, undo=lambda s, a, b: None)
)
wrong("13.3", "b minus a")(lambda log, f: _replay(log, f, sign=-1))
wrong("13.3", "wins exchanged: 1 for b")(
    lambda log, f: _replay(log, f, wins={"a": 0.0, "b": 1.0, "tie": 0.5})
)
wrong("13.3", "a tie counts 0")(
    lambda log, f: _replay(log, f, wins={"a": 1.0, "b": 0.0, "tie": 0.0})
)
wrong("13.3", "a tie counts 1")(
    lambda log, f: _replay(log, f, wins={"a": 1.0, "b": 0.0, "tie": 1.0})
)
wrong("13.3", "1, 0, -1 for a, tie, b")(
    lambda log, f: _replay(log, f, wins={"a": 1.0, "b": -1.0, "tie": 0.0})
)
wrong("13.3", "ties dropped like skips")(
    lambda log, f: _replay(log, f, keep=lambda w: w in ("a", "b"))
)
wrong("13.3", "skips kept as ties")(lambda log, f: _replay(log, f, keep=lambda w: True))
wrong("13.3", "undo pops from an empty list: IndexError")(
    lambda log, f: _replay(log, f, undo=lambda s, a, b: s.pop())
)
wrong("13.3", "undo takes back the first click")(
    lambda log, f: _replay(log, f, undo=lambda s, a, b: s.pop(0) if s else None)
)
wrong("13.3", "undo takes back everything")(
    lambda log, f: _replay(log, f, undo=lambda s, a, b: s.clear())
)
wrong("13.3", "undo takes back two clicks")(
    lambda log, f: _replay(log, f, undo=lambda s, a, b: s.__delitem__(slice(-2, None)))
)
wrong("13.3", "latest vote first")(
    lambda log, f: _replay(log, f, order=lambda v: v[::-1])
)
wrong("13.3", "the same pair counts once")(
    lambda log, f: _replay(log, f, order=lambda v: list(dict.fromkeys(v)))
)
wrong("13.3", "only the last vote about a pair stands")(
    lambda log, f: _replay(
        log, f, order=lambda v: list({(a, b): (a, b, w) for a, b, w in v}.values())
    )
)
wrong("13.3", "sorted by text")(lambda log, f: _replay(log, f, order=sorted))
wrong("13.3", "wins as a column (votes, 1)")(
    lambda log, f: (lambda d, w: (d, w[:, None]))(*_replay(log, f))
)
wrong("13.3", "wins first, differences second")(lambda log, f: _replay(log, f)[::-1])
wrong("13.3", "wins as whole numbers: ties become 0")(
    lambda log, f: (lambda d, w: (d, w.long()))(*_replay(log, f))
)
wrong("13.3", "size of the differences")(
    lambda log, f: (lambda d, w: (d.abs(), w))(*_replay(log, f))
)
wrong("13.3", "winner minus loser, not a minus b")(
    lambda log, f: (lambda d, w: (torch.where((w == 0)[:, None], -d, d), w))(
        *_replay(log, f)
    )
)
wrong("13.3", "differences of the numbers of the texts, not of their features")(
    lambda log, f: (lambda i: _replay(log, i))(
        torch.arange(len(f), dtype=f.dtype)[:, None].expand(-1, f.shape[1])
    )
)
wrong("13.3", "texts counted from 1")(
    lambda log, f: _replay([(a - 1, b - 1, w) for a, b, w in log], f)
)


@wrong("13.3", "undo takes back the latest vote, jumping over skips")
def _(log, f):
    return _replay([e for e in log if e[2] != "skip"], f)


@wrong("13.3", "undo takes back the click about the same pair")
def _(log, f):
    def undo(stack, a, b):
        for i in reversed(range(len(stack))):
            if stack[i][:2] == (a, b):
                del stack[i]
                return

    return _replay(log, f, undo=undo)


@wrong("13.3", "an undo is a click itself: two undos cancel out")
def _(log, f):
    stack, gone = [], []
    for e in log:
        if e[2] != "undo":
            stack.append(e)
            gone = []
        elif gone:
            stack.append(gone.pop())
        elif stack:
            gone.append(stack.pop())
    return _replay(stack, f)


@wrong("13.3", "looks only at the entry before: a second undo in a row does nothing")
def _(log, f):
    kept = [
        e
        for i, e in enumerate(log)
        if e[2] != "undo" and not (i + 1 < len(log) and log[i + 1][2] == "undo")
    ]
    return _replay(kept, f)


@wrong("13.3", "undo works on what comes after: drops the next click")
def _(log, f):
    kept, drop = [], 0
    for e in log:
        if e[2] == "undo":
            drop += 1
        elif drop:
            drop -= 1
        else:
            kept.append(e)
    return _replay(kept, f)


@wrong("13.3", "without votes the shape is (0,), or stack fails")
def _(log, f):
    d, w = _replay(log, f)
    return torch.stack(list(d)) if len(d) else torch.tensor([]), w


@wrong("13.3", "stack of an empty list raises")
def _(log, f):
    d, w = _replay(log, f)
    return torch.stack([row for row in d]), w


@wrong("13.3", "a row of zeros and a .5 stays for a skip")
def _(log, f):
    d, w = _replay(log, f, keep=lambda w: True)
    stack = []
    for e in log:
        if e[2] != "undo":
            stack.append(e)
        elif stack:
            stack.pop()
    for i, e in enumerate(stack):
        if e[2] == "skip":
            d[i] = 0
    return d, w


@wrong("13.3", "an undo before any click waits for the first one")
def _(log, f):
    kept, owed = [], 0
    for e in reversed(log):
        if e[2] == "undo":
            owed += 1
        elif owed:
            owed -= 1
        else:
            kept.insert(0, e)
    # too many undos at the start eat the clicks that come later
    lead = 0
    for e in log:
        if e[2] != "undo":
            break
        lead += 1
    return _replay(kept[lead:], f)


@wrong("13.3", "the last click is never read (range too short)")
def _(log, f):
    return _replay(log[:-1], f)


# -------------------------------------------------------- 14.2 conservative_score


@right("14.2")
def loops_over_texts(scores, caution=1.0):
    out = []
    for col in scores.double().T.tolist():
        out.append(math.fsum(col) / len(col) - caution * statistics.pstdev(col))
    return torch.tensor(out, dtype=scores.dtype)


@right("14.2")
def by_norm(scores, caution=1.0):
    mean = scores.mean(0)
    return (
        mean
        - caution * torch.linalg.vector_norm(scores - mean, dim=0) / len(scores) ** 0.5
    )


@right("14.2")
def numpy_std(scores, caution=1.0):
    s = scores.detach().numpy().astype(np.float64)
    return torch.from_numpy(s.mean(axis=0) - caution * s.std(axis=0)).to(scores.dtype)


def _ms(s):
    return s.mean(0), s.std(0, correction=0)


wrong("14.2", "divides by n - 1 (torch's default)")(
    lambda s, caution=1.0: s.mean(0) - caution * s.std(0)
)
wrong("14.2", "n - 1 spelled out with var")(
    lambda s, caution=1.0: s.mean(0) - caution * s.var(0, unbiased=True).sqrt()
)
wrong("14.2", "plus: rewards disagreement")(
    lambda s, caution=1.0: s.mean(0) + caution * s.std(0, correction=0)
)
wrong("14.2", "variance, no root")(
    lambda s, caution=1.0: s.mean(0) - caution * s.var(0, correction=0)
)
wrong("14.2", "caution ignored")(
    lambda s, caution=1.0: s.mean(0) - s.std(0, correction=0)
)
wrong("14.2", "only the mean")(lambda s, caution=1.0: s.mean(0))
wrong("14.2", "the lowest model")(lambda s, caution=1.0: s.min(0).values)
wrong("14.2", "over the batch, not over the models")(
    lambda s, caution=1.0: s.mean(1) - caution * s.std(1, correction=0)
)
wrong("14.2", "deviation over the batch, mean over the models")(
    lambda s, caution=1.0: s.mean(0) - caution * s.std(1, correction=0).mean()
)
wrong("14.2", "one deviation for the whole table")(
    lambda s, caution=1.0: s.mean(0) - caution * s.std(correction=0)
)
wrong("14.2", "one deviation: the mean of all")(
    lambda s, caution=1.0: s.mean(0) - caution * s.std(0, correction=0).mean()
)
wrong("14.2", "median for the mean")(
    lambda s, caution=1.0: s.quantile(0.5, dim=0) - caution * s.std(0, correction=0)
)
wrong("14.2", "mean absolute deviation")(
    lambda s, caution=1.0: s.mean(0) - caution * (s - s.mean(0)).abs().mean(0)
)
wrong("14.2", "standard error: divided by the root of n")(
    lambda s, caution=1.0: s.mean(0) - caution * s.std(0, correction=0) / len(s) ** 0.5
)
wrong("14.2", "caution squared")(
    lambda s, caution=1.0: s.mean(0) - caution**2 * s.std(0, correction=0)
)
wrong("14.2", "caution on the mean, too: bracket")(
    lambda s, caution=1.0: caution * (s.mean(0) - s.std(0, correction=0))
)
wrong("14.2", "divided by caution")(
    lambda s, caution=1.0: s.mean(0) - s.std(0, correction=0) / caution
)
wrong("14.2", "caution under the root")(
    lambda s, caution=1.0: s.mean(0) - (caution * s.var(0, correction=0)).sqrt()
)
wrong("14.2", "half the range")(
    lambda s, caution=1.0: s.mean(0) - caution * (s.amax(0) - s.amin(0)) / 2
)
wrong("14.2", "sum for the mean")(
    lambda s, caution=1.0: s.sum(0) - caution * s.std(0, correction=0)
)
wrong("14.2", "root of the sum of squares, not divided by n")(
    lambda s, caution=1.0: s.mean(0) - caution * (s - s.mean(0)).norm(dim=0)
)
wrong("14.2", "keepdim: shape (1, batch)")(
    lambda s, caution=1.0: (
        s.mean(0, keepdim=True) - caution * s.std(0, correction=0, keepdim=True)
    )
)
wrong("14.2", "every model, shape (models, batch)")(
    lambda s, caution=1.0: s - caution * s.std(0, correction=0)
)
wrong("14.2", "lowest model minus the deviation")(
    lambda s, caution=1.0: s.amin(0) - caution * s.std(0, correction=0)
)
wrong("14.2", "0.01 added to the deviation")(
    lambda s, caution=1.0: s.mean(0) - caution * (s.std(0, correction=0) + 1e-2)
)
wrong("14.2", "deviation over the mean: a share")(
    lambda s, caution=1.0: s.mean(0) - caution * s.std(0, correction=0) / s.mean(0)
)
wrong("14.2", "mean divided by the deviation")(
    lambda s, caution=1.0: s.mean(0) / (1 + caution * s.std(0, correction=0))
)
wrong("14.2", "deviation about 0, not about the mean")(
    lambda s, caution=1.0: s.mean(0) - caution * (s**2).mean(0).sqrt()
)
wrong("14.2", "each model put on one scale first, though they are")(
    lambda s, caution=1.0: (lambda z: z.mean(0) - caution * z.std(0, correction=0))(
        (s - s.mean(1, keepdim=True)) / (s.std(1, correction=0, keepdim=True) + 1e-8)
    )
)
wrong("14.2", "never below 0")(
    lambda s, caution=1.0: (s.mean(0) - caution * s.std(0, correction=0)).clamp(min=0)
)
wrong("14.2", "the first model's score minus the deviation")(
    lambda s, caution=1.0: s[0] - caution * s.std(0, correction=0)
)
wrong("14.2", "the mean over the batch afterwards: a scalar")(
    lambda s, caution=1.0: (s.mean(0) - caution * s.std(0, correction=0)).mean()
)


@wrong("14.2", "right value, but centres the caller's tensor in place")
def _(s, caution=1.0):
    mean = s.mean(0)
    s.data.sub_(mean)
    return mean - caution * s.pow(2).mean(0).sqrt()


# ---------------------------------------------------------------- 14.3 alarm


@right("14.3")
def counter(values, calm=6, width=4.0, run=2):
    if len(values) < calm:
        return None
    head = [float(v) for v in values[:calm]]
    mean, half = statistics.mean(head), width * statistics.stdev(head)
    streak = 0
    for step in range(calm, len(values)):
        streak = streak + 1 if not mean - half <= values[step] <= mean + half else 0
        if streak == run:
            return step
    return None


@right("14.3")
def windows(values, calm=6, width=4.0, run=2):
    values = list(values)
    if len(values) < calm:
        return None
    mean = statistics.mean(values[:calm])
    dev = math.sqrt(math.fsum((v - mean) ** 2 for v in values[:calm]) / (calm - 1))
    low, high = mean - width * dev, mean + width * dev
    out = [v < low or v > high for v in values]
    ends = (e for e in range(calm + run - 1, len(out)) if all(out[e - run + 1 : e + 1]))
    return next(ends, None)


@right("14.3")
def as_text(values, calm=6, width=4.0, run=2):
    """The steps as a text of o and i, and a search in it."""
    if len(values) < calm:
        return None
    head = [Fraction(v) for v in values[:calm]]
    mean = sum(head) / calm
    var = sum((v - mean) ** 2 for v in head) / (calm - 1)
    border = Fraction(width) ** 2 * var
    text = "".join(
        "o" if (Fraction(v) - mean) ** 2 > border else "i" for v in values[calm:]
    )
    at = text.find("o" * run)
    return None if at < 0 else calm + at + run - 1


def _al(
    values, calm=6, width=4.0, run=2, dev=None, mid=None, out=None, first=None, offset=0
):
    """The plain alarm with parts that the wrong ones exchange."""
    if len(values) < calm:
        return None
    head = list(values[:calm])
    m = (mid or statistics.mean)(head)
    s = (dev or statistics.stdev)(head)
    test = out or (lambda v, m, h: abs(v - m) > h)
    streak = 0
    for step in range(calm if first is None else first, len(values)):
        streak = streak + 1 if test(values[step], m, width * s) else 0
        if streak >= run:
            return step + offset
    return None


wrong("14.3", "biased deviation, divided by n")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, run, dev=statistics.pstdev)
)
wrong("14.3", "variance for the deviation")(
    lambda v, calm=6, width=4.0, run=2: _al(
        v, calm, width, run, dev=statistics.variance
    )
)
wrong("14.3", "mean absolute deviation")(
    lambda v, calm=6, width=4.0, run=2: _al(
        v,
        calm,
        width,
        run,
        dev=lambda h: statistics.mean(abs(x - statistics.mean(h)) for x in h),
    )
)
wrong("14.3", "standard error for the deviation")(
    lambda v, calm=6, width=4.0, run=2: _al(
        v, calm, width, run, dev=lambda h: statistics.stdev(h) / math.sqrt(len(h))
    )
)
wrong("14.3", "median for the mean")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, run, mid=statistics.median)
)
wrong("14.3", "middle of the band is the last calm value")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, run, mid=lambda h: h[-1])
)
wrong("14.3", "middle of the band is 0")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, run, mid=lambda h: 0.0)
)
wrong("14.3", "rings only above the band")(
    lambda v, calm=6, width=4.0, run=2: _al(
        v, calm, width, run, out=lambda x, m, h: x > m + h
    )
)
wrong("14.3", "rings only below the band")(
    lambda v, calm=6, width=4.0, run=2: _al(
        v, calm, width, run, out=lambda x, m, h: x < m - h
    )
)
wrong("14.3", "the border counts as outside (>=)")(
    lambda v, calm=6, width=4.0, run=2: _al(
        v, calm, width, run, out=lambda x, m, h: abs(x - m) >= h
    )
)
wrong("14.3", "half the width to each side")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width / 2, run)
)
wrong("14.3", "width ignored, always 4")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, 4.0, run)
)
wrong("14.3", "width without the deviation: mean ± width")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, run, dev=lambda h: 1.0)
)
wrong("14.3", "run ignored: rings at the first step outside")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, 1)
)
wrong("14.3", "run always 2")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, 2)
)
wrong("14.3", "needs one more than run")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, run + 1)
)
wrong("14.3", "calm ignored, always 6")(
    lambda v, calm=6, width=4.0, run=2: _al(v, 6, width, run)
)
wrong("14.3", "calm steps can ring, or begin a run")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, run, first=0)
)
wrong("14.3", "the last calm step can begin a run")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, run, first=calm - 1)
)
wrong("14.3", "skips the step right after the calm ones")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, run, first=calm + 1)
)
wrong("14.3", "steps counted from 1")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, run, offset=1)
)
wrong("14.3", "steps counted from the end of the calm ones")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, run, offset=-calm)
)
wrong("14.3", "-1 for no alarm")(
    lambda v, calm=6, width=4.0, run=2: (lambda a: -1 if a is None else a)(
        _al(v, calm, width, run)
    )
)
wrong("14.3", "length of the list for no alarm")(
    lambda v, calm=6, width=4.0, run=2: (lambda a: len(v) if a is None else a)(
        _al(v, calm, width, run)
    )
)
wrong("14.3", "True or False, not the step")(
    lambda v, calm=6, width=4.0, run=2: _al(v, calm, width, run) is not None
)
wrong("14.3", "the value at the alarm, not the step")(
    lambda v, calm=6, width=4.0, run=2: (lambda a: None if a is None else v[a])(
        _al(v, calm, width, run)
    )
)
wrong("14.3", "the band of all values")(
    lambda v, calm=6, width=4.0, run=2: (
        None
        if len(v) < calm
        else _al(
            v,
            calm,
            width,
            run,
            dev=lambda h: statistics.stdev(v),
            mid=lambda h: statistics.mean(v),
        )
    )
)


@wrong("14.3", "rings at the first of the run, not at its last")
def _(values, calm=6, width=4.0, run=2):
    a = _al(values, calm, width, run)
    return None if a is None else a - run + 1


@wrong("14.3", "the count is never put back to 0: need not be neighbours")
def _(values, calm=6, width=4.0, run=2):
    if len(values) < calm:
        return None
    m, s = statistics.mean(values[:calm]), statistics.stdev(values[:calm])
    count = 0
    for step in range(calm, len(values)):
        count += abs(values[step] - m) > width * s
        if count >= run:
            return step
    return None


@wrong("14.3", "neighbours must leave the band on the same side")
def _(values, calm=6, width=4.0, run=2):
    up = _al(values, calm, width, run, out=lambda x, m, h: x > m + h)
    down = _al(values, calm, width, run, out=lambda x, m, h: x < m - h)
    both = [a for a in (up, down) if a is not None]
    return min(both) if both else None


@wrong("14.3", "the last alarm, not the first")
def _(values, calm=6, width=4.0, run=2):
    if len(values) < calm:
        return None
    m, s = statistics.mean(values[:calm]), statistics.stdev(values[:calm])
    streak, rang = 0, None
    for step in range(calm, len(values)):
        streak = streak + 1 if abs(values[step] - m) > width * s else 0
        if streak >= run:
            rang = step
    return rang


@wrong("14.3", "waits for the end of the run and gives its last step")
def _(values, calm=6, width=4.0, run=2):
    a = _al(values, calm, width, run)
    if a is None:
        return None
    m, s = statistics.mean(values[:calm]), statistics.stdev(values[:calm])
    while a + 1 < len(values) and abs(values[a + 1] - m) > width * s:
        a += 1
    return a


@wrong("14.3", "a moving band: the calm values before each step")
def _(values, calm=6, width=4.0, run=2):
    streak = 0
    for step in range(calm, len(values)):
        head = values[step - calm : step]
        m, s = statistics.mean(head), statistics.stdev(head)
        streak = streak + 1 if abs(values[step] - m) > width * s else 0
        if streak >= run:
            return step
    return None


@wrong("14.3", "a growing band: all values before each step")
def _(values, calm=6, width=4.0, run=2):
    streak = 0
    for step in range(calm, len(values)):
        m, s = statistics.mean(values[:step]), statistics.stdev(values[:step])
        streak = streak + 1 if abs(values[step] - m) > width * s else 0
        if streak >= run:
            return step
    return None


@wrong("14.3", "z-score: divides by a deviation of 0")
def _(values, calm=6, width=4.0, run=2):
    if len(values) < calm:
        return None
    m, s = statistics.mean(values[:calm]), statistics.stdev(values[:calm])
    streak = 0
    for step in range(calm, len(values)):
        streak = streak + 1 if abs(values[step] - m) / s > width else 0
        if streak >= run:
            return step
    return None


@wrong("14.3", "a deviation of 0 never rings")
def _(values, calm=6, width=4.0, run=2):
    if len(values) < calm or statistics.stdev(values[:calm]) == 0:
        return None
    return _al(values, calm, width, run)


@wrong(
    "14.3", "fewer than calm values: takes what there is, and fails for an empty list"
)
def _(values, calm=6, width=4.0, run=2):
    m, s = statistics.mean(values[:calm]), statistics.stdev(values[:calm])
    streak = 0
    for step in range(calm, len(values)):
        streak = streak + 1 if abs(values[step] - m) > width * s else 0
        if streak >= run:
            return step
    return None


@wrong("14.3", "the run must fill a block: looks at every run-th step only")
def _(values, calm=6, width=4.0, run=2):
    if len(values) < calm:
        return None
    m, s = statistics.mean(values[:calm]), statistics.stdev(values[:calm])
    for step in range(calm, len(values) - run + 1, run):
        if all(abs(x - m) > width * s for x in values[step : step + run]):
            return step + run - 1
    return None


@wrong("14.3", "the last value is never read")
def _(values, calm=6, width=4.0, run=2):
    return _al(values[:-1], calm, width, run)


@wrong(
    "14.3", "falsy step: `return step or None` style, a found alarm is tested by truth"
)
def _(values, calm=6, width=4.0, run=2):
    if len(values) <= calm:
        return None
    bad = [
        abs(x - statistics.mean(values[:calm]))
        > width * statistics.stdev(values[:calm])
        for x in values[calm:]
    ]
    hit = next((i for i in range(len(bad) - run + 1) if all(bad[i : i + run])), None)
    return calm + hit + run - 1 if hit else None


# ---------------------------------------------------------------- 15.2 silence_pays


@right("15.2")
def interpolated(silent, wrong, right):
    return float(np.interp(silent, [wrong, right], [0.0, 1.0]))


@right("15.2")
def by_cases(silent, wrong, right):
    if silent <= wrong:
        return 0.0
    if silent >= right:
        return 1.0
    return 1.0 - (right - silent) / (right - wrong)


@right("15.2")
def exact(silent, wrong, right):
    s, w, r = map(Fraction, (silent, wrong, right))
    return float(sorted([Fraction(0), (s - w) / (r - w), Fraction(1)])[1])


@right("15.2")
def bisected(silent, wrong, right):
    low, high = 0.0, 1.0
    if silent <= wrong:
        return 0.0
    if silent >= right:
        return 1.0
    for _ in range(80):
        p = (low + high) / 2
        if p * right + (1 - p) * wrong < silent:
            low = p
        else:
            high = p
    return (low + high) / 2


_clip = lambda p: min(1.0, max(0.0, p))  # noqa: E731

wrong("15.2", "not cut to 0 to 1")(
    lambda silent, wrong, right: (silent - wrong) / (right - wrong)
)
wrong("15.2", "cut off below only")(
    lambda silent, wrong, right: max(0.0, (silent - wrong) / (right - wrong))
)
wrong("15.2", "cut off above only")(
    lambda silent, wrong, right: min(1.0, (silent - wrong) / (right - wrong))
)
wrong("15.2", "the uncertainty 1 - p")(
    lambda silent, wrong, right: _clip((right - silent) / (right - wrong))
)
wrong("15.2", "gain over loss: odds, not a probability")(
    lambda silent, wrong, right: (
        _clip((silent - wrong) / (right - silent)) if right != silent else 1.0
    )
)
wrong("15.2", "odds upside down")(
    lambda silent, wrong, right: (
        _clip((right - silent) / (silent - wrong)) if silent != wrong else 0.0
    )
)
wrong("15.2", "the fraction upside down")(
    lambda silent, wrong, right: (
        _clip((right - wrong) / (silent - wrong)) if silent != wrong else 0.0
    )
)
wrong("15.2", "a wrong guess taken to earn nothing: silent / right")(
    lambda silent, wrong, right: _clip(silent / right) if right else 0.0
)
wrong("15.2", "(silent - wrong) / right")(
    lambda silent, wrong, right: _clip((silent - wrong) / right) if right else 0.0
)
wrong("15.2", "silent / (right - wrong): wrong not taken off above")(
    lambda silent, wrong, right: _clip(silent / (right - wrong))
)
wrong("15.2", "brackets forgotten: silent - wrong / right - wrong")(
    lambda silent, wrong, right: _clip(silent - wrong / (right or 1.0) - wrong)
)
wrong("15.2", "not divided: silent - wrong")(
    lambda silent, wrong, right: _clip(silent - wrong)
)
wrong("15.2", "(silent - wrong) / (right + wrong)")(
    lambda silent, wrong, right: _clip((silent - wrong) / ((right + wrong) or 1.0))
)
wrong("15.2", "silent / (right + wrong)")(
    lambda silent, wrong, right: _clip(silent / ((right + wrong) or 1.0))
)
wrong("15.2", "always one half: the mean of right and wrong against silence")(
    lambda silent, wrong, right: 0.5
)
wrong("15.2", "a verdict at one half: 1 if silence beats the mean of both, else 0")(
    lambda silent, wrong, right: 1.0 if silent > (wrong + right) / 2 else 0.0
)
wrong("15.2", "0 and 1 exchanged at the ends")(
    lambda silent, wrong, right: (
        1.0
        if silent <= wrong
        else 0.0
        if silent >= right
        else (silent - wrong) / (right - wrong)
    )
)
wrong("15.2", "0 at both ends")(
    lambda silent, wrong, right: (
        (silent - wrong) / (right - wrong) if wrong < silent < right else 0.0
    )
)
wrong("15.2", "1 at both ends")(
    lambda silent, wrong, right: (
        (silent - wrong) / (right - wrong) if wrong < silent < right else 1.0
    )
)
wrong("15.2", "None outside")(
    lambda silent, wrong, right: (
        (silent - wrong) / (right - wrong) if wrong < silent < right else None
    )
)
wrong("15.2", "percent")(
    lambda silent, wrong, right: 100 * _clip((silent - wrong) / (right - wrong))
)
wrong("15.2", "rounded to one place")(
    lambda silent, wrong, right: round(_clip((silent - wrong) / (right - wrong)), 1)
)
wrong("15.2", "whole-number division")(
    lambda silent, wrong, right: _clip((silent - wrong) // (right - wrong))
)
wrong("15.2", "sizes: |silent - wrong|, so very low silence looks certain")(
    lambda silent, wrong, right: _clip(abs(silent - wrong) / (right - wrong))
)
wrong("15.2", "squared")(
    lambda silent, wrong, right: _clip((silent - wrong) / (right - wrong)) ** 2
)
wrong("15.2", "a sigmoid instead of the cut")(
    lambda silent, wrong, right: 1 / (1 + math.exp(-(silent - wrong) / (right - wrong)))
)
wrong("15.2", "a small number in the divisor that is not small")(
    lambda silent, wrong, right: _clip((silent - wrong) / (right - wrong + 0.01))
)
wrong("15.2", "cut to .01 to .99")(
    lambda silent, wrong, right: min(
        0.99, max(0.01, (silent - wrong) / (right - wrong))
    )
)
wrong("15.2", "cuts the scores to 0 to 1 first")(
    lambda silent, wrong, right: (
        lambda s, w, r: _clip((s - w) / (r - w)) if r > w else 0.0
    )(_clip(silent), _clip(wrong), _clip(right))
)
wrong("15.2", "silent and wrong exchanged")(
    lambda silent, wrong, right: _clip((wrong - silent) / (right - wrong))
)
wrong("15.2", "the score at that certainty, not the certainty")(
    lambda silent, wrong, right: (
        wrong + _clip((silent - wrong) / (right - wrong)) * (right - wrong)
    )
)
wrong("15.2", "2p - 1, where p (right) - (1 - p) (wrong) balances")(
    lambda silent, wrong, right: _clip(2 * (silent - wrong) / (right - wrong) - 1)
)

# ---------------------------------------------------------------- 15.3 safe_value


def _parse(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text, mode="eval").body


@right("15.3")
def matched(program, x):
    def value(node, level):
        if level > 12:
            raise ValueError
        match node:
            case ast.Constant(value=v) if type(v) is int:
                return v
            case ast.Name(id="x"):
                return x
            case ast.UnaryOp(op=ast.USub(), operand=a):
                return 0 - value(a, level + 1)
            case ast.BinOp(left=a, op=op, right=b):
                a, b = value(a, level + 1), value(b, level + 1)
                match op:
                    case ast.Add():
                        return a + b
                    case ast.Sub():
                        return a - b
                    case ast.Mult():
                        return a * b
            case ast.IfExp(
                test=ast.Compare(left=a, ops=[ast.Eq()], comparators=[b]),
                body=c,
                orelse=d,
            ):
                if level + 1 > 12:
                    raise ValueError
                a, b = value(a, level + 2), value(b, level + 2)
                c, d = value(c, level + 1), value(d, level + 1)
                return c if a == b else d
        raise ValueError

    if len(program) > 40:
        return None
    try:
        return value(_parse(program.strip()), 1)
    except (SyntaxError, ValueError):
        return None


@right("15.3")
def two_passes(program, x):
    """First look at every node, then fold the values from the leaves up."""
    try:
        tree = _parse(program.strip()) if len(program) <= 40 else None
    except (SyntaxError, ValueError):
        return None
    if tree is None:
        return None
    level, depth = [tree], 0
    inside_if = set()
    while level:
        depth += 1
        below = []
        for n in level:
            if isinstance(n, ast.Constant):
                ok, kids = type(n.value) is int, []
            elif isinstance(n, ast.Name):
                ok, kids = n.id == "x", []
            elif isinstance(n, ast.UnaryOp):
                ok, kids = isinstance(n.op, ast.USub), [n.operand]
            elif isinstance(n, ast.BinOp):
                ok, kids = (
                    isinstance(n.op, (ast.Add, ast.Sub, ast.Mult)),
                    [n.left, n.right],
                )
            elif isinstance(n, ast.IfExp):
                ok, kids = isinstance(n.test, ast.Compare), [n.test, n.body, n.orelse]
                inside_if.add(id(n.test))
            elif isinstance(n, ast.Compare):
                ok = (
                    id(n) in inside_if
                    and len(n.ops) == 1
                    and isinstance(n.ops[0], ast.Eq)
                )
                kids = [n.left, *n.comparators]
            else:
                ok, kids = False, []
            if not ok:
                return None
            below += kids
        level = below
    if depth > 12:
        return None

    def fold(n):
        if isinstance(n, ast.Constant):
            return n.value
        if isinstance(n, ast.Name):
            return x
        if isinstance(n, ast.UnaryOp):
            return -fold(n.operand)
        if isinstance(n, ast.IfExp):
            same = fold(n.test.left) == fold(n.test.comparators[0])
            return fold(n.body if same else n.orelse)
        act = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
        return act[type(n.op)](fold(n.left), fold(n.right))

    return fold(tree)


class _Value(ast.NodeVisitor):
    def __init__(self, x):
        self.x, self.level = x, 0

    def visit(self, node):
        self.level += 1
        if self.level > 12:
            raise ValueError("too deep")
        result = super().visit(node)
        self.level -= 1
        return result

    def generic_visit(self, node):
        raise ValueError("not allowed")

    def visit_Constant(self, node):
        if isinstance(node.value, bool) or not isinstance(node.value, int):
            raise ValueError
        return node.value

    def visit_Name(self, node):
        if node.id != "x":
            raise ValueError
        return self.x

    def visit_UnaryOp(self, node):
        if not isinstance(node.op, ast.USub):
            raise ValueError
        return -self.visit(node.operand)

    def visit_BinOp(self, node):
        a, b = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Mult):
            return a * b
        if isinstance(node.op, ast.Add):
            return a + b
        if isinstance(node.op, ast.Sub):
            return a - b
        raise ValueError

    def visit_IfExp(self, node):
        if not isinstance(node.test, ast.Compare):
            raise ValueError
        parts = self._compare(node.test), self.visit(node.body), self.visit(node.orelse)
        return parts[1] if parts[0] else parts[2]

    def _compare(self, node):
        self.level += 1
        if self.level > 12 or len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq):
            raise ValueError
        same = self.visit(node.left) == self.visit(node.comparators[0])
        self.level -= 1
        return same


@right("15.3")
def visitor(program, x):
    if len(program) > 40:
        return None
    try:
        return _Value(x).visit(_parse(program.strip()))
    except (SyntaxError, ValueError):
        return None


_BIN = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def _sv(
    limit=40,
    levels=12,
    strip=str.strip,
    bins=_BIN,
    unary=None,
    whole=lambda v: type(v) is int,
    names=("x",),
    catch=(SyntaxError, ValueError),
    none=None,
    cmp=None,
    chains=False,
    lazy=False,
    swap=False,
    alone=False,
    truth=False,
    measure=len,
    last=lambda v: v,
    only_if_depth=False,
):
    """safe_value with parts that the wrong ones exchange."""
    unary = unary or {ast.USub: operator.neg}
    cmp = cmp or {ast.Eq: operator.eq}

    def run(program, x):
        def go(n, k):
            if k > levels:
                raise ValueError
            if isinstance(n, ast.Constant) and whole(n.value):
                return n.value
            if isinstance(n, ast.Name) and (names is None or n.id in names):
                return x
            if isinstance(n, ast.UnaryOp) and type(n.op) in unary:
                return unary[type(n.op)](go(n.operand, k + 1))
            if isinstance(n, ast.BinOp) and type(n.op) in bins:
                return bins[type(n.op)](go(n.left, k + 1), go(n.right, k + 1))
            if isinstance(n, ast.IfExp):
                if isinstance(n.test, ast.Compare):
                    test = compare(n.test, k + 1)
                elif truth:
                    test = go(n.test, k + 1)
                else:
                    raise ValueError
                a, b = (n.orelse, n.body) if swap else (n.body, n.orelse)
                if lazy:
                    return go(a if test else b, k + 1)
                a, b = go(a, k + 1), go(b, k + 1)
                return a if test else b
            if alone and isinstance(n, ast.Compare):
                return compare(n, k)
            raise ValueError

        def compare(n, k):
            if (
                k > levels
                or (len(n.ops) != 1 and not chains)
                or type(n.ops[0]) not in cmp
            ):
                raise ValueError
            return cmp[type(n.ops[0])](go(n.left, k + 1), go(n.comparators[0], k + 1))

        if measure(program) > limit:
            return none
        try:
            tree = _parse(strip(program))
        except catch:
            return none
        try:
            return last(go(tree, 1))
        except ValueError:
            return none

    return run


_safe = _sv()

wrong("15.3", "True and False count as whole numbers")(
    _sv(whole=lambda v: isinstance(v, int))
)
wrong("15.3", "decimals are let through")(_sv(whole=lambda v: type(v) in (int, float)))
wrong("15.3", "every constant is let through, texts too ('a'*3)")(
    _sv(whole=lambda v: True)
)
wrong("15.3", "negative and zero constants refused: only numbers from 1")(
    _sv(whole=lambda v: type(v) is int and v > 0)
)
wrong("15.3", "only one-digit numbers")(_sv(whole=lambda v: type(v) is int and v < 10))
wrong("15.3", "any name stands for x")(_sv(names=None))
wrong("15.3", "y is allowed, too")(_sv(names=("x", "y")))
wrong("15.3", "X is x")(_sv(names=("x", "X")))
wrong("15.3", "power allowed")(
    _sv(bins={**_BIN, ast.Pow: lambda a, b: a ** min(abs(b), 9)})
)
wrong("15.3", "// allowed")(
    _sv(bins={**_BIN, ast.FloorDiv: lambda a, b: a // (b or 1)})
)
wrong("15.3", "/ allowed")(_sv(bins={**_BIN, ast.Div: lambda a, b: a / (b or 1)}))
wrong("15.3", "% allowed")(_sv(bins={**_BIN, ast.Mod: lambda a, b: a % (b or 1)}))
wrong("15.3", "bit operations allowed")(
    _sv(
        bins={
            **_BIN,
            ast.BitAnd: operator.and_,
            ast.BitOr: operator.or_,
            ast.BitXor: operator.xor,
        }
    )
)
wrong("15.3", "product forgotten")(
    _sv(bins={ast.Add: operator.add, ast.Sub: operator.sub})
)
wrong("15.3", "difference the wrong way round")(
    _sv(bins={**_BIN, ast.Sub: lambda a, b: b - a})
)
wrong("15.3", "a plus in front is allowed")(
    _sv(unary={ast.USub: operator.neg, ast.UAdd: operator.pos})
)
wrong("15.3", "~ is allowed")(
    _sv(unary={ast.USub: operator.neg, ast.Invert: operator.invert})
)
wrong("15.3", "not is allowed")(
    _sv(unary={ast.USub: operator.neg, ast.Not: operator.not_})
)
wrong("15.3", "the minus in front is forgotten")(_sv(unary={ast.USub: operator.pos}))
wrong("15.3", "no minus in front at all")(_sv(unary={ast.Load: operator.neg}))
wrong("15.3", "no limit of the length")(_sv(limit=10**9))
wrong("15.3", "fewer than 40 characters: one too strict")(_sv(limit=39))
wrong("15.3", "41 characters are let through")(_sv(limit=41))
wrong("15.3", "the space around is not counted")(_sv(measure=lambda p: len(p.strip())))
wrong("15.3", "no space at all is counted")(
    _sv(measure=lambda p: len("".join(p.split())))
)
wrong("15.3", "no limit of the levels")(_sv(levels=10**6))
wrong("15.3", "11 levels: one too strict")(_sv(levels=11))
wrong("15.3", "13 levels: counts x as level 0")(_sv(levels=13))
wrong("15.3", "no strip: a leading space is a SyntaxError")(_sv(strip=lambda p: p))
wrong("15.3", "only the space at the end is taken off")(_sv(strip=str.rstrip))
wrong("15.3", "all space taken out: '1 2' becomes 12, 'if' sticks to its neighbours")(
    _sv(strip=lambda p: "".join(p.split()))
)
wrong("15.3", "SyntaxError not caught")(_sv(catch=(ValueError, TypeError)))
wrong("15.3", "0 for what is not allowed")(_sv(none=0))
wrong("15.3", "False for what is not allowed")(_sv(none=False))
wrong("15.3", "a float is returned")(_sv(last=float))
wrong("15.3", "a text is returned")(_sv(last=str))
wrong("15.3", "value 0 becomes None: `value or None`")(_sv(last=lambda v: v or None))
wrong("15.3", "branches of the condition exchanged")(_sv(swap=True))
wrong("15.3", "only the branch that is taken is looked at")(_sv(lazy=True))
wrong("15.3", "a == b == c: only the first == counts")(_sv(chains=True))
wrong("15.3", "a comparison may stand alone, True or False comes out")(_sv(alone=True))
wrong("15.3", "a comparison alone, as 1 or 0")(_sv(alone=True, last=int))
wrong("15.3", "any number as a condition: 1 if x else 2")(_sv(truth=True))
wrong("15.3", "!= allowed, too")(_sv(cmp={ast.Eq: operator.eq, ast.NotEq: operator.ne}))
wrong("15.3", "< allowed, too")(_sv(cmp={ast.Eq: operator.eq, ast.Lt: operator.lt}))
wrong("15.3", "every comparison read as ==")(
    _sv(
        cmp={
            k: operator.eq
            for k in (ast.Eq, ast.NotEq, ast.Lt, ast.Gt, ast.LtE, ast.GtE)
        }
    )
)
wrong("15.3", "== read as <=")(_sv(cmp={ast.Eq: operator.le}))
wrong("15.3", "negative results refused")(_sv(last=lambda v: v if v >= 0 else None))


@wrong("15.3", "no condition: a if b == c else d is unknown")
def _(program, x):
    if len(program) > 40 or "if" in program:
        return None
    return _safe(program, x)


@wrong("15.3", "literal_eval: no x, no product")
def _(program, x):
    if len(program) > 40:
        return None
    try:
        value = ast.literal_eval(program.strip())
    except (ValueError, SyntaxError):
        return None
    return value if type(value) is int else None


@wrong("15.3", "puts x in as text first: 2x becomes 23, which is a value")
def _(program, x):
    if len(program) > 40:
        return None
    return _sv(names=(), limit=10**6)(program.replace("x", str(x)), x)


@wrong("15.3", "eval behind a list of characters: ** and // get through, and it runs")
def _(program, x):
    if len(program) > 40 or set(program) - set("0123456789x+-*() =ifels"):
        return None
    try:
        value = eval(program.strip(), {"__builtins__": {}}, {"x": x})
    except Exception:
        return None
    return value if type(value) is int else None


@wrong("15.3", "counts all nodes of the tree, not its levels")
def _(program, x):
    if len(program) > 40:
        return None
    try:
        tree = _parse(program.strip())
    except (SyntaxError, ValueError):
        return None
    if sum(isinstance(n, ast.expr) for n in ast.walk(tree)) > 12:
        return None
    return _safe(program, x)


@wrong("15.3", "counts the leaf's Load() as a level: one too strict with x")
def _(program, x):
    def depth(n):
        return 1 + max((depth(k) for k in ast.iter_child_nodes(n)), default=0)

    if len(program) > 40:
        return None
    try:
        tree = _parse(program.strip())
    except (SyntaxError, ValueError):
        return None
    return _safe(program, x) if depth(tree) <= 12 else None


@wrong("15.3", "arithmetic in 64 bits: overflows")
def _(program, x):
    value = _safe(program, x)
    return (
        None
        if value is None
        else int(np.array(value & (2**64 - 1), dtype=np.uint64).astype(np.int64))
    )


@wrong("15.3", "reads from left to right, products do not bind more strongly")
def _(program, x):
    value = _safe(program, x)
    if (
        value is None
        or any(c in program for c in "()=")
        or program.strip().startswith("-")
    ):
        return value
    parts = program.replace("+", " + ").replace("-", " - ").replace("*", " * ").split()
    try:
        acc = x if parts[0] == "x" else int(parts[0])
        for op, p in zip(parts[1::2], parts[2::2], strict=True):
            b = x if p == "x" else int(p)
            acc = acc + b if op == "+" else acc - b if op == "-" else acc * b
    except ValueError:
        return value
    return acc


# ---------------------------------------------------------------- 15.4 passes


@right("15.4")
def counted(program, tests):
    good = 0
    for x, expected in tests:
        value = _safe(program, x)
        good += value is not None and value == expected
    if len(tests) == 0:
        raise ValueError("no tests")
    return good == len(tests)


@right("15.4")
def lists(program, tests):
    if not tests:
        raise ValueError("a program without tests proves nothing")
    xs, wants = zip(*tests, strict=True)
    return [matched(program, x) for x in xs] == list(wants)


@right("15.4")
def no_failure(program, tests):
    first, *rest = tests or [None]
    if first is None:
        raise ValueError
    for x, want in (first, *rest):
        if _safe(program, x) != want:
            return False
    else:
        return True


def _need(tests):
    if not tests:
        raise ValueError("no tests")


def _v(check, need=True):
    def run(program, tests):
        if need:
            _need(tests)
        return check(program, list(tests))

    return run


wrong("15.4", "no ValueError: without tests all() is True")(
    _v(lambda p, t: all(_safe(p, x) == y for x, y in t), need=False)
)
wrong("15.4", "without tests False, no ValueError")(
    lambda program, tests: bool(tests) and all(_safe(program, x) == y for x, y in tests)
)
wrong("15.4", "one right test is enough: any")(
    _v(lambda p, t: any(_safe(p, x) == y for x, y in t))
)
wrong("15.4", "only the first test")(_v(lambda p, t: _safe(p, t[0][0]) == t[0][1]))
wrong("15.4", "only the last test")(_v(lambda p, t: _safe(p, t[-1][0]) == t[-1][1]))
wrong("15.4", "the last test is left out")(
    _v(lambda p, t: all(_safe(p, x) == y for x, y in t[:-1]))
)
wrong("15.4", "the first test is left out")(
    _v(lambda p, t: all(_safe(p, x) == y for x, y in t[1:]))
)
wrong("15.4", "x and the value exchanged")(
    _v(lambda p, t: all(_safe(p, y) == x for x, y in t))
)
wrong("15.4", "the share of right tests")(
    _v(lambda p, t: sum(_safe(p, x) == y for x, y in t) / len(t))
)
wrong("15.4", "the number of right tests")(
    _v(lambda p, t: sum(_safe(p, x) == y for x, y in t))
)
wrong("15.4", "most tests right is enough")(
    _v(lambda p, t: sum(_safe(p, x) == y for x, y in t) > len(t) / 2)
)
wrong("15.4", "a program without a value passes: None is skipped")(
    _v(lambda p, t: all(_safe(p, x) in (None, y) for x, y in t))
)
wrong("15.4", "None counts as 0")(
    _v(lambda p, t: all((_safe(p, x) or 0) == y for x, y in t))
)
wrong("15.4", "a value of 0 fails: tested by truth")(
    _v(lambda p, t: all(bool(_safe(p, x)) and _safe(p, x) == y for x, y in t))
)
wrong("15.4", "`is` for ==: fails above 256")(
    _v(lambda p, t: all(_safe(p, x) is int(str(y)) for x, y in t))
)
wrong("15.4", "sizes: -3 passes for 3")(
    _v(
        lambda p, t: all(
            _safe(p, x) is not None and abs(_safe(p, x)) == abs(y) for x, y in t
        )
    )
)
wrong("15.4", "off by one is forgiven")(
    _v(
        lambda p, t: all(
            _safe(p, x) is not None and abs(_safe(p, x) - y) <= 1 for x, y in t
        )
    )
)
wrong("15.4", "isclose: large values pass when nearly right")(
    _v(
        lambda p, t: all(
            _safe(p, x) is not None and math.isclose(_safe(p, x), y, rel_tol=1e-2)
            for x, y in t
        )
    )
)
wrong("15.4", "the sum of the values is compared")(
    _v(
        lambda p, t: (
            None not in [_safe(p, x) for x, _ in t]
            and sum(_safe(p, x) for x, _ in t) == sum(y for _, y in t)
        )
    )
)
wrong("15.4", "as sets: the right values at the wrong places pass")(
    _v(lambda p, t: {_safe(p, x) for x, _ in t} == {y for _, y in t})
)
wrong("15.4", "sorted values are compared")(
    _v(
        lambda p, t: (
            None not in [_safe(p, x) for x, _ in t]
            and sorted(_safe(p, x) for x, _ in t) == sorted(y for _, y in t)
        )
    )
)
wrong("15.4", "True if the program has a value everywhere")(
    _v(lambda p, t: all(_safe(p, x) is not None for x, _ in t))
)
wrong("15.4", "at most the value")(
    _v(lambda p, t: all(_safe(p, x) is not None and _safe(p, x) <= y for x, y in t))
)
wrong("15.4", "True where it is wrong")(
    _v(lambda p, t: not all(_safe(p, x) == y for x, y in t))
)
wrong("15.4", "a text for the answer")(
    _v(lambda p, t: "pass" if all(_safe(p, x) == y for x, y in t) else "fail")
)
wrong("15.4", "None for False")(
    _v(lambda p, t: True if all(_safe(p, x) == y for x, y in t) else None)
)
wrong("15.4", "a list of booleans")(_v(lambda p, t: [_safe(p, x) == y for x, y in t]))
wrong("15.4", "one test twice is compared to the first value: x ignored")(
    _v(lambda p, t: all(_safe(p, t[0][0]) == y for _, y in t))
)
wrong("15.4", "IndexError without tests")(
    lambda program, tests: (
        _safe(program, tests[0][0]) == tests[0][1]
        and all(_safe(program, x) == y for x, y in tests)
    )
)
wrong("15.4", "evaluates at x = 0 .. n - 1, the numbers of the tests")(
    _v(lambda p, t: all(_safe(p, i) == y for i, (_, y) in enumerate(t)))
)


@wrong("15.4", "AssertionError without tests")
def _(program, tests):
    if not tests:
        raise AssertionError("no tests")
    return all(_safe(program, x) == y for x, y in tests)


@wrong("15.4", "return in the first round of the loop")
def _(program, tests):
    _need(tests)
    for x, y in tests:
        if _safe(program, x) == y:
            return True
        return False


@wrong("15.4", "no return True at the end: None for a program that passes")
def _(program, tests):
    _need(tests)
    for x, y in tests:
        if _safe(program, x) != y:
            return False


@wrong("15.4", "raises for a program without a value")
def _(program, tests):
    _need(tests)
    for x, y in tests:
        value = _safe(program, x)
        if value is None:
            raise ValueError("no value")
        if value != y:
            return False
    return True


@wrong("15.4", "the flag is overwritten: only the last test decides")
def _(program, tests):
    _need(tests)
    ok = True
    for x, y in tests:
        ok = _safe(program, x) == y
    return ok


@wrong("15.4", "right answer, but empties the caller's list of tests")
def _(program, tests):
    _need(tests)
    ok = True
    while tests:
        x, y = tests.pop()
        ok &= _safe(program, x) == y
    return ok


@wrong("15.4", "eval: runs what a model wrote, and / or ** get through")
def _(program, tests):
    _need(tests)
    try:
        return all(eval(program, {"__builtins__": {}}, {"x": x}) == y for x, y in tests)
    except Exception:
        return False


# ---------------------------------------------------------------- 16.2 join_turns


@right("16.2")
def by_pad(earlier, later, side, value):
    n = max(earlier.shape[1], later.shape[1])

    def fill(rows):
        gap = n - rows.shape[1]
        if gap == 0:
            return rows
        return F.pad(rows, (gap, 0) if side == "left" else (0, gap), value=value)

    return torch.vstack([fill(earlier), fill(later)])


@right("16.2")
def by_slices(earlier, later, side, value):
    a, b = earlier.shape[1], later.shape[1]
    n, rows = max(a, b), len(earlier)
    out = torch.empty(rows + len(later), n, dtype=earlier.dtype)
    out.fill_(value)
    if side == "left":
        out[:rows, n - a :] = earlier
        out[rows:, n - b :] = later
    else:
        out[:rows, :a] = earlier
        out[rows:, :b] = later
    return out


@right("16.2")
def by_flip(earlier, later, side, value):
    """Left is right seen in a mirror."""
    if side == "left":
        return by_flip(earlier.flip(1), later.flip(1), "right", value).flip(1)
    out = []
    for turn, other in ((earlier, later), (later, earlier)):
        gap = max(0, other.shape[1] - turn.shape[1])
        out.append(
            torch.hstack([turn, torch.full((len(turn), gap), value, dtype=turn.dtype)])
        )
    return torch.concat(out)


def _jt(e, later, side, v, n=None, order=1):
    n = max(e.shape[1], later.shape[1]) if n is None else n
    out = []
    for t in (e, later)[::order]:
        gap = t.new_zeros(len(t), max(0, n - t.shape[1])).fill_(v)
        out.append(torch.cat([gap, t] if side == "left" else [t, gap], 1))
    return torch.cat(out)


_OTHER = {"left": "right", "right": "left"}

wrong("16.2", "sides exchanged")(lambda e, t, side, v: _jt(e, t, _OTHER[side], v))
wrong("16.2", "side ignored: always right")(lambda e, t, side, v: _jt(e, t, "right", v))
wrong("16.2", "side ignored: always left")(lambda e, t, side, v: _jt(e, t, "left", v))
wrong("16.2", "value ignored: filled with 0")(lambda e, t, side, v: _jt(e, t, side, 0))
wrong("16.2", "filled with minus the value")(lambda e, t, side, v: _jt(e, t, side, -v))
wrong("16.2", "filled with 1")(lambda e, t, side, v: _jt(e, t, side, 1))
wrong("16.2", "later rows first")(lambda e, t, side, v: _jt(e, t, side, v, order=-1))
wrong("16.2", "everything as float")(
    lambda e, t, side, v: _jt(e.float(), t.float(), side, v)
)
wrong("16.2", "everything as float64")(
    lambda e, t, side, v: _jt(e.double(), t.double(), side, v)
)
wrong("16.2", "everything as whole numbers")(
    lambda e, t, side, v: _jt(e.long(), t.long(), side, int(v))
)
wrong("16.2", "cut to the shorter time (the end is lost)")(
    lambda e, t, side, v: (lambda n: torch.cat([e[:, :n], t[:, :n]]))(
        min(e.shape[1], t.shape[1])
    )
)
wrong("16.2", "cut to the shorter time (the start is lost)")(
    lambda e, t, side, v: (
        lambda n: torch.cat([e[:, e.shape[1] - n :], t[:, t.shape[1] - n :]])
    )(min(e.shape[1], t.shape[1]))
)
wrong("16.2", "the length of the sum of both times")(
    lambda e, t, side, v: _jt(e, t, side, v, n=e.shape[1] + t.shape[1])
)
wrong("16.2", "one place too many")(
    lambda e, t, side, v: _jt(e, t, side, v, n=max(e.shape[1], t.shape[1]) + 1)
)
wrong("16.2", "side by side: hstack")(lambda e, t, side, v: torch.cat([e, t], 1))
wrong("16.2", "no filling: cat of unequal times fails")(
    lambda e, t, side, v: torch.cat([e, t])
)
wrong("16.2", "only the earlier rows are filled")(
    lambda e, t, side, v: torch.cat(
        [
            F.pad(
                e,
                (t.shape[1] - e.shape[1], 0)
                if side == "left"
                else (0, t.shape[1] - e.shape[1]),
                value=v,
            ),
            t,
        ]
    )
)
wrong("16.2", "only the later rows are filled (a negative pad cuts them)")(
    lambda e, t, side, v: torch.cat(
        [
            e,
            F.pad(
                t,
                (e.shape[1] - t.shape[1], 0)
                if side == "left"
                else (0, e.shape[1] - t.shape[1]),
                value=v,
            ),
        ]
    )
)
wrong("16.2", "the two turns of a row next to each other: interleaved")(
    lambda e, t, side, v: (
        lambda x: (
            x[torch.arange(len(x)).view(2, -1).T.reshape(-1)]
            if len(e) == len(t)
            else x.flip(0)
        )
    )(_jt(e, t, side, v))
)
wrong("16.2", "shape (2, rows, time)")(
    lambda e, t, side, v: (
        _jt(e, t, side, v).unflatten(0, (2, -1)) if len(e) == len(t) else None
    )
)
wrong("16.2", "a list of rows")(lambda e, t, side, v: _jt(e, t, side, v).tolist())
wrong("16.2", "a tuple of both, not joined")(
    lambda e, t, side, v: torch.split(_jt(e, t, side, v), [len(e), len(t)])
)
wrong("16.2", "repeats the border token, not the value")(
    lambda e, t, side, v: (
        lambda n: torch.cat(
            [
                torch.cat(
                    [x[:, :1].expand(-1, n - x.shape[1]), x]
                    if side == "left"
                    else [x, x[:, -1:].expand(-1, n - x.shape[1])],
                    1,
                )
                for x in (e, t)
            ]
        )
    )(max(e.shape[1], t.shape[1]))
)
wrong("16.2", "roll: moved to the left side, but the rows' values wrap")(
    lambda e, t, side, v: _jt(e, t, "right", v).roll(1 if side == "left" else 0, 1)
)
wrong("16.2", "pads at the top and the bottom: rows, not time")(
    lambda e, t, side, v: (
        lambda n: torch.cat(
            [
                F.pad(x, (0, n - x.shape[1], n - x.shape[1], 0))
                if side == "left"
                else F.pad(x, (0, n - x.shape[1], 0, n - x.shape[1]))
                for x in (e, t)
            ]
        )
    )(max(e.shape[1], t.shape[1]))
)
wrong("16.2", "earlier filled on the left, later on the right")(
    lambda e, t, side, v: (
        lambda n: torch.cat(
            [_jt(e, e[:0], "left", v, n=n), _jt(t, t[:0], "right", v, n=n)]
        )
    )(max(e.shape[1], t.shape[1]))
)
wrong("16.2", "half the gap on each side")(
    lambda e, t, side, v: (
        lambda n: torch.cat(
            [
                F.pad(
                    x,
                    ((n - x.shape[1]) // 2, n - x.shape[1] - (n - x.shape[1]) // 2),
                    value=v,
                )
                for x in (e, t)
            ]
        )
    )(max(e.shape[1], t.shape[1]))
)
wrong("16.2", "existing zeros are taken for missing places, too")(
    lambda e, t, side, v: _jt(
        e.masked_fill(e == 0, v), t.masked_fill(t == 0, v), side, v
    )
)


@wrong("16.2", "nested padding by pad_sequence: always right")
def _(e, t, side, v):
    return torch.nn.utils.rnn.pad_sequence([*e, *t], batch_first=True, padding_value=v)


@wrong("16.2", "pad_sequence without batch_first: time first")
def _(e, t, side, v):
    return _jt(e, t, side, v).T


@wrong("16.2", "a width of the first dimension: rows taken for time")
def _(e, t, side, v):
    n = max(len(e), len(t))
    return _jt(e, t, side, v, n=max(n, 0))


# ---------------------------------------------------------------- 16.3 rouge_of_nothing
# The text does not say what rouge_n takes and gives: (text, title, 1) is a guess, and
# the F-score is taken out of whatever comes back.


def _r1(text, title):
    from course.reward.overlap import rouge_n

    got = rouge_n(text, title, 1)
    if isinstance(got, (list, tuple)):
        return float(got[-1])
    if isinstance(got, dict):
        return float(next((got[k] for k in ("f1", "f", "fmeasure") if k in got)))
    return float(getattr(got, "f1", got))


def _total(text, titles):
    return sum(_r1(text, t) for t in titles)


@right("16.3")
def with_max(titles, words, length):
    text, best = [], 0.0
    while len(text) < length:
        left = [w for w in words if w not in text]
        if not left:
            break
        w = max(left, key=lambda w: _total(" ".join([*text, w]), titles))
        score = _total(" ".join([*text, w]), titles)
        if score <= best:
            break
        text, best = [*text, w], score
    return " ".join(text)


@right("16.3")
def recursive(titles, words, length, text="", best=0.0):
    if length <= 0:
        return text
    pick = None
    for w in words:
        if w in text.split(" "):
            continue
        longer = f"{text} {w}".strip()
        score = _total(longer, titles)
        if score > best:
            best, pick = score, longer
    return text if pick is None else recursive(titles, words, length - 1, pick, best)


@right("16.3")
def by_sorting(titles, words, length):
    left, text, best = list(dict.fromkeys(words)), [], 0.0
    for _ in range(length):
        scored = sorted(
            ((-_total(" ".join(text + [w]), titles), i) for i, w in enumerate(left))
        )
        if not scored or -scored[0][0] <= best:
            return " ".join(text)
        best = -scored[0][0]
        text.append(left.pop(scored[0][1]))
    return " ".join(text)


def _rn(
    titles,
    words,
    length,
    score=None,
    reuse=False,
    last=False,
    always=False,
    join=" ",
    low=False,
    raw=False,
    front=False,
):
    score = score or _total
    text, best = [], 0.0
    while len(text) < length:
        pick, top = None, best
        if always:
            top = -1.0
        if low:
            top = float("inf")
        for w in words:
            if w in text and not reuse:
                continue
            new = score(join.join([w, *text] if front else [*text, w]), titles)
            if low:
                if best < new < top:
                    pick, top = w, new
            elif new > top or (last and pick is not None and new >= top):
                pick, top = w, new
        if pick is None:
            break
        text, best = ([pick, *text] if front else [*text, pick]), top
    return text if raw else join.join(text)


wrong("16.3", "of equal ones the last of words")(
    lambda titles, words, length: _rn(titles, words, length, last=True)
)
wrong("16.3", "does not stop when none gains: fills up to length")(
    lambda titles, words, length: _rn(titles, words, length, always=True)
)
wrong("16.3", "one word too many")(
    lambda titles, words, length: _rn(titles, words, length + 1)
)
wrong("16.3", "one word too few")(
    lambda titles, words, length: _rn(titles, words, length - 1)
)
wrong("16.3", "length ignored")(lambda titles, words, length: _rn(titles, words, 10**6))
wrong("16.3", "length in characters")(
    lambda titles, words, length: _rn(titles, words, length)[:length]
)
wrong("16.3", "only the first title")(
    lambda titles, words, length: _rn(titles[:1], words, length)
)
wrong("16.3", "the last title left out")(
    lambda titles, words, length: _rn(titles[:-1], words, length)
)
wrong("16.3", "the best single title (max), not the sum")(
    lambda titles, words, length: _rn(
        titles,
        words,
        length,
        score=lambda x, ts: max((_r1(x, t) for t in ts), default=0.0),
    )
)
wrong("16.3", "the worst title (min), not the sum")(
    lambda titles, words, length: _rn(
        titles,
        words,
        length,
        score=lambda x, ts: min((_r1(x, t) for t in ts), default=0.0),
    )
)
wrong("16.3", "the product over titles")(
    lambda titles, words, length: _rn(
        titles, words, length, score=lambda x, ts: math.prod(_r1(x, t) for t in ts)
    )
)
wrong("16.3", "all titles as one long text")(
    lambda titles, words, length: _rn(
        titles, words, length, score=lambda x, ts: _r1(x, " ".join(ts))
    )
)
wrong("16.3", "a list of words, not a text")(
    lambda titles, words, length: _rn(titles, words, length, raw=True)
)
wrong("16.3", "joined without space")(
    lambda titles, words, length: "".join(_rn(titles, words, length, raw=True))
)
wrong("16.3", "joined by commas")(
    lambda titles, words, length: ", ".join(_rn(titles, words, length, raw=True))
)
wrong("16.3", "a space in front")(
    lambda titles, words, length: " " + _rn(titles, words, length)
)
wrong("16.3", "words put in front: the order turned round")(
    lambda titles, words, length: " ".join(
        reversed(_rn(titles, words, length, raw=True))
    )
)
wrong("16.3", "in the order of words, not of the search")(
    lambda titles, words, length: (lambda got: " ".join(w for w in words if w in got))(
        _rn(titles, words, length, raw=True)
    )
)
wrong("16.3", "sorted by the alphabet")(
    lambda titles, words, length: " ".join(sorted(_rn(titles, words, length, raw=True)))
)
wrong("16.3", "the smallest gain, not the largest")(
    lambda titles, words, length: _rn(titles, words, length, low=True)
)
wrong("16.3", "the number of titles with the word, no ROUGE: never stops as it should")(
    lambda titles, words, length: _rn(
        titles,
        words,
        length,
        score=lambda x, ts: float(sum(w in t.split() for w in x.split() for t in ts)),
    )
)
wrong("16.3", "recall only: every word that occurs gains")(
    lambda titles, words, length: _rn(
        titles,
        words,
        length,
        score=lambda x, ts: sum(
            sum((Counter(x.split()) & Counter(t.split())).values())
            / max(1, len(t.split()))
            for t in ts
        ),
    )
)
wrong("16.3", "precision only: stops after the first word or so")(
    lambda titles, words, length: _rn(
        titles,
        words,
        length,
        score=lambda x, ts: sum(
            sum((Counter(x.split()) & Counter(t.split())).values())
            / max(1, len(x.split()))
            for t in ts
        ),
    )
)
wrong(
    "16.3",
    "the words of the most titles, by their single scores: not greedy on the text",
)(
    lambda titles, words, length: " ".join(
        sorted(words, key=lambda w: -_total(w, titles))[:length]
    )
)
wrong("16.3", "the first words that gain anything, not the best")(
    lambda titles, words, length: " ".join(_first_gain(titles, words, length))
)
wrong("16.3", "one best word for each title")(
    lambda titles, words, length: " ".join(
        dict.fromkeys(max(words, key=lambda w: _r1(w, t)) for t in titles[:length])
    )
)
wrong("16.3", "the best word, length times")(
    lambda titles, words, length: " ".join(
        [max(words, key=lambda w: _total(w, titles))] * length if words else []
    )
)
wrong("16.3", "the title that scores best with all titles")(
    lambda titles, words, length: " ".join(
        max(titles, key=lambda t: _total(t, titles)).split()[:length]
    )
)


def _first_gain(titles, words, length):
    text, best = [], 0.0
    for w in words:
        if len(text) < length and w not in text:
            new = _total(" ".join([*text, w]), titles)
            if new > best:
                text, best = [*text, w], new
    return text


@wrong("16.3", "an empty text where the last round did not gain: loses what it had")
def _(titles, words, length):
    got = _rn(titles, words, length, raw=True)
    return " ".join(got) if len(got) == length else ""


@wrong("16.3", "a fresh start each round: never adds to the text")
def _(titles, words, length):
    return _rn(titles, words, min(1, length))


@wrong("16.3", "right text, but takes the words out of the caller's list")
def _(titles, words, length):
    got = _rn(titles, words, length, raw=True)
    for w in got:
        words.remove(w)
    return " ".join(got)


# ---------------------------------------------------------------- 16.4 diversity_bonus


def _pairs(text):
    w = text.split()
    return set(zip(w, w[1:], strict=False))


def _jac(a, b):
    return len(a & b) / len(a | b) if a | b else 1.0


def _gt(values, gate):
    return (
        torch.tensor(values, dtype=torch.float64).to(torch.result_type(gate, 1.0))
        * gate
    )


@right("16.4")
def loops_over_groups(texts, gate, group_size):
    out = []
    for i, text in enumerate(texts):
        start = i - i % group_size
        sims = []
        for j in range(start, start + group_size):
            if j == i:
                continue
            a, b = _pairs(text), _pairs(texts[j])
            sims.append(1.0 if not a and not b else len(a & b) / len(a | b))
        out.append(1 - sum(sims) / len(sims))
    return _gt(out, gate)


@right("16.4")
def by_matrix(texts, gate, group_size):
    """0/1 rows of the word pairs; intersections are products."""
    sets = [_pairs(t) for t in texts]
    names = {p: i for i, p in enumerate(sorted(set().union(*sets)))}
    rows = torch.zeros(len(texts), max(1, len(names)), dtype=torch.float64)
    for i, s in enumerate(sets):
        for p in s:
            rows[i, names[p]] = 1
    g = rows.view(-1, group_size, rows.shape[1])
    both = torch.einsum("gip,gjp->gij", g, g)
    size = g.sum(-1)
    union = size[:, :, None] + size[:, None, :] - both
    sim = torch.where(union == 0, 1.0, both / union.clamp(min=1))
    mean = (sim.sum(-1) - 1.0) / (group_size - 1)
    return ((1 - mean).flatten() * gate.double()).to(torch.result_type(gate, 1.0))


@right("16.4")
def by_fractions(texts, gate, group_size):
    def pairs(text):
        w = text.split()
        return {(w[k], w[k + 1]) for k in range(len(w) - 1)}

    unlike = []
    for i in range(len(texts)):
        g = i // group_size
        others = [j for j in range(len(texts)) if j // group_size == g and j != i]
        a = pairs(texts[i])
        total = Fraction(0)
        for j in others:
            b = pairs(texts[j])
            common = sum(p in b for p in a)
            union = len(a) + len(b) - common
            total += Fraction(common, union) if union else 1
        unlike.append(float(1 - total / len(others)))
    return torch.stack([g * u for g, u in zip(gate, unlike, strict=True)])


def _db(
    texts,
    gate,
    n,
    units=_pairs,
    sim=_jac,
    pool=None,
    mean=lambda s: sum(s) / len(s),
    end=lambda s, g: (1 - s) * g,
):
    sets = [units(t) for t in texts]
    out = []
    for i in range(len(texts)):
        if pool is None:
            others = [j for j in range(i // n * n, i // n * n + n) if j != i]
        else:
            others = pool(i, n, len(texts))
        out.append(mean([sim(sets[i], sets[j]) for j in others]))
    return end(
        torch.tensor(out, dtype=torch.float64).to(torch.result_type(gate, 1.0)), gate
    )


def _w(note, **kw):
    wrong("16.4", note)(
        lambda texts, gate, group_size: _db(texts, gate, group_size, **kw)
    )


_w("gate ignored", end=lambda s, g: 1 - s)
_w("the similarity, not 1 minus it", end=lambda s, g: s * g)
_w("gate on the similarity only: 1 - gate * sim", end=lambda s, g: 1 - s * g)
_w("gate minus similarity", end=lambda s, g: g - s)
_w("gate added", end=lambda s, g: 1 - s + g)
_w("gate as a yes or no: above one half", end=lambda s, g: (1 - s) * (g > 0.5))
_w("gate turned round: times 1 - gate", end=lambda s, g: (1 - s) * (1 - g))
_w("minus 1: similarity as a penalty", end=lambda s, g: (s - 1) * g)
_w(
    "itself counted among the siblings",
    pool=lambda i, n, m: range(i // n * n, i // n * n + n),
)
_w(
    "the sum over siblings divided by the group size",
    mean=lambda s: sum(s) / (len(s) + 1),
)
_w("sum of the similarities, no mean", mean=sum)
_w("the most similar sibling", mean=max)
_w("the least similar sibling", mean=min)
_w("median over the siblings", mean=lambda s: sorted(s)[len(s) // 2])
_w(
    "compares with all texts, not only siblings",
    pool=lambda i, n, m: [j for j in range(m) if j != i],
)
_w(
    "groups interleaved: every (m / n)-th text",
    pool=lambda i, n, m: [
        j for j in range(m) if j % (m // n) == i % (m // n) and j != i
    ],
)
_w("only the next sibling", pool=lambda i, n, m: [i // n * n + (i + 1) % n])
_w("only the first of the group", pool=lambda i, n, m: [i // n * n])
_w("only earlier siblings", pool=lambda i, n, m: list(range(i // n * n, i)) or [i])
_w("single words, not pairs", units=lambda t: set(t.split()))
_w(
    "triples of words",
    units=lambda t: (lambda w: set(zip(w, w[1:], w[2:], strict=False)))(t.split()),
)
_w("pairs of characters", units=lambda t: {t[i : i + 2] for i in range(len(t) - 1)})
_w("pairs without an order", units=lambda t: {frozenset(p) for p in _pairs(t)})
_w(
    "pairs glued without a space: 'a bc' is 'ab c'",
    units=lambda t: {a + b for a, b in _pairs(t)},
)
_w(
    "pairs do not overlap: words 0-1, 2-3, ...",
    units=lambda t: (lambda w: set(zip(w[::2], w[1::2], strict=False)))(t.split()),
)
_w(
    "all pairs of words, neighbours or not",
    units=lambda t: (
        lambda w: {(w[i], w[j]) for i in range(len(w)) for j in range(i + 1, len(w))}
    )(t.split()),
)
_w("upper case forgiven", units=lambda t: _pairs(t.lower()))
_w(
    "punctuation taken off",
    units=lambda t: _pairs("".join(c for c in t if c.isalnum() or c.isspace())),
)
_w(
    "split(' '): two spaces make an empty word",
    units=lambda t: (lambda w: set(zip(w, w[1:], strict=False)))(t.split(" ")),
)
_w(
    "the last pair left out",
    units=lambda t: (lambda w: set(zip(w, w[1:-1], strict=False)))(t.split()),
)
_w(
    "pairs counted as often as they occur",
    units=lambda t: (lambda w: Counter(zip(w, w[1:], strict=False)))(t.split()),
    sim=lambda a, b: sum((a & b).values()) / sum((a | b).values()) if a or b else 1.0,
)
_w(
    "no pair at all counts as unlike: 0",
    sim=lambda a, b: len(a & b) / len(a | b) if a | b else 0.0,
)
_w("no pair at all: division by zero", sim=lambda a, b: len(a & b) / len(a | b))
_w(
    "one empty set is enough to count as alike",
    sim=lambda a, b: len(a & b) / len(a | b) if a and b else 1.0,
)
_w(
    "Dice for Jaccard",
    sim=lambda a, b: 2 * len(a & b) / (len(a) + len(b)) if a | b else 1.0,
)
_w(
    "overlap coefficient: by the smaller set",
    sim=lambda a, b: (
        1.0 if not a and not b else len(a & b) / (min(len(a), len(b)) or 1)
    ),
)
_w(
    "share of the own pairs",
    sim=lambda a, b: 1.0 if not a | b else len(a & b) / (len(a) or 1),
)
_w(
    "union forgotten: by the sum of both sizes",
    sim=lambda a, b: 1.0 if not a | b else len(a & b) / (len(a) + len(b)),
)
_w(
    "1 added to the divisor",
    sim=lambda a, b: 1.0 if not a | b else len(a & b) / (len(a | b) + 1),
)
_w("alike only when equal", sim=lambda a, b: float(a == b))
_w("alike when they share any pair", sim=lambda a, b: float(bool(a & b) or not a | b))


@wrong("16.4", "the siblings' pairs thrown into one set")
def _(texts, gate, group_size):
    out = []
    for i, t in enumerate(texts):
        s = i // group_size * group_size
        rest = set().union(
            *(_pairs(texts[j]) for j in range(s, s + group_size) if j != i)
        )
        out.append(1 - _jac(_pairs(t), rest))
    return _gt(out, gate)


@wrong("16.4", "one bonus for the whole group: the mean over its texts")
def _(texts, gate, group_size):
    b = _db(texts, torch.ones_like(gate), group_size).view(-1, group_size)
    return b.mean(1).repeat_interleave(group_size) * gate


@wrong("16.4", "shape (groups, group_size)")
def _(texts, gate, group_size):
    return _db(texts, gate, group_size).view(-1, group_size)


# ---------------------------------------------------------------- 17.2 judge_interval


@right("17.2")
def by_lists(asked, judged, unasked, weight, z):
    y, f, u = asked.tolist(), judged.tolist(), unasked.tolist()
    rest = [a - weight * b for a, b in zip(y, f, strict=True)]
    middle = statistics.mean(rest) + weight * statistics.mean(u)
    var = statistics.variance(rest) / len(rest)
    var += weight * weight * statistics.variance(u) / len(u)
    half = z * math.sqrt(var)
    return torch.tensor([middle - half, middle + half], dtype=asked.dtype)


@right("17.2")
def var_mean(asked, judged, unasked, weight, z):
    v1, m1 = torch.var_mean(asked.double() - weight * judged.double())
    v2, m2 = torch.var_mean(weight * unasked.double())
    half = z * torch.hypot((v1 / len(asked)).sqrt(), (v2 / len(unasked)).sqrt())
    return (m1 + m2 + half * half.new_tensor([-1.0, 1.0])).to(asked.dtype)


@right("17.2")
def by_covariance(asked, judged, unasked, weight, z):
    """Var(y - w f) out of the covariance matrix of y and f."""
    c = np.cov(np.stack([asked.double().numpy(), judged.double().numpy()]))
    w = np.array([1.0, -weight])
    u = unasked.double().numpy()
    half = z * np.sqrt(w @ c @ w / len(asked) + weight**2 * np.var(u, ddof=1) / len(u))
    middle = float(
        asked.double().mean() - weight * judged.double().mean() + weight * u.mean()
    )
    return torch.tensor([middle - half, middle + half]).to(asked.dtype)


def _ji(y, f, u, w, z, mid=None, var=None, half=None, ends=None):
    middle = (y - w * f).mean() + w * u.mean() if mid is None else mid(y, f, u, w)
    v = (
        (y - w * f).var() / len(y) + w**2 * u.var() / len(u)
        if var is None
        else var(y, f, u, w)
    )
    h = z * v.clamp(min=0).sqrt() if half is None else half(z, v)
    return torch.stack([middle - h, middle + h]) if ends is None else ends(middle, h)


def _wj(note, **kw):
    wrong("17.2", note)(
        lambda asked, judged, unasked, weight, z: _ji(
            asked, judged, unasked, weight, z, **kw
        )
    )


_wj(
    "variances divide by n, not n - 1",
    var=lambda y, f, u, w: (
        (y - w * f).var(correction=0) / len(y) + w**2 * u.var(correction=0) / len(u)
    ),
)
_wj(
    "biased only for the unasked",
    var=lambda y, f, u, w: (
        (y - w * f).var() / len(y) + w**2 * u.var(correction=0) / len(u)
    ),
)
_wj(
    "lambda not squared in the variance",
    var=lambda y, f, u, w: (y - w * f).var() / len(y) + w * u.var() / len(u),
)
_wj(
    "lambda missing in the variance of the unasked",
    var=lambda y, f, u, w: (y - w * f).var() / len(y) + u.var() / len(u),
)
_wj(
    "variances of single texts: not divided by n and m",
    var=lambda y, f, u, w: (y - w * f).var() + w**2 * u.var(),
)
_wj(
    "both divided by n",
    var=lambda y, f, u, w: ((y - w * f).var() + w**2 * u.var()) / len(y),
)
_wj(
    "both divided by n + m",
    var=lambda y, f, u, w: ((y - w * f).var() + w**2 * u.var()) / (len(y) + len(u)),
)
_wj(
    "n and m exchanged",
    var=lambda y, f, u, w: (y - w * f).var() / len(u) + w**2 * u.var() / len(y),
)
_wj(
    "divided by n twice, as n * n",
    var=lambda y, f, u, w: (
        (y - w * f).var() / len(y) ** 2 + w**2 * u.var() / len(u) ** 2
    ),
)
_wj("only the variance of the asked", var=lambda y, f, u, w: (y - w * f).var() / len(y))
_wj("only the variance of the unasked", var=lambda y, f, u, w: w**2 * u.var() / len(u))
_wj(
    "variances of y and f apart: their covariance forgotten",
    var=lambda y, f, u, w: (
        (y.var() + w**2 * f.var()) / len(y) + w**2 * u.var() / len(u)
    ),
)
_wj(
    "variance of y alone in place of y - lambda f",
    var=lambda y, f, u, w: y.var() / len(y) + w**2 * u.var() / len(u),
)
_wj(
    "variance of y - f: lambda forgotten there",
    var=lambda y, f, u, w: (y - f).var() / len(y) + w**2 * u.var() / len(u),
)
_wj(
    "variances subtracted",
    var=lambda y, f, u, w: (y - w * f).var() / len(y) - w**2 * u.var() / len(u),
)
_wj(
    "standard errors added, not variances",
    var=lambda y, f, u, w: (
        ((y - w * f).std() / len(y) ** 0.5 + abs(w) * u.std() / len(u) ** 0.5) ** 2
    ),
)
_wj(
    "classic: people alone, mean and variance of y",
    mid=lambda y, f, u, w: y.mean(),
    var=lambda y, f, u, w: y.var() / len(y),
)
_wj(
    "the judge alone",
    mid=lambda y, f, u, w: u.mean(),
    var=lambda y, f, u, w: u.var() / len(u),
)
_wj("middle without the unasked", mid=lambda y, f, u, w: (y - w * f).mean())
_wj(
    "middle with minus lambda f unasked",
    mid=lambda y, f, u, w: (y - w * f).mean() - w * u.mean(),
)
_wj(
    "middle with plus lambda f asked",
    mid=lambda y, f, u, w: (y + w * f).mean() + w * u.mean(),
)
_wj("lambda missing on the asked", mid=lambda y, f, u, w: (y - f).mean() + w * u.mean())
_wj(
    "lambda missing on the unasked",
    mid=lambda y, f, u, w: (y - w * f).mean() + u.mean(),
)
_wj("lambda ignored in the middle", mid=lambda y, f, u, w: (y - f).mean() + u.mean())
_wj(
    "lambda ignored everywhere",
    mid=lambda y, f, u, w: (y - f).mean() + u.mean(),
    var=lambda y, f, u, w: (y - f).var() / len(y) + u.var() / len(u),
)
_wj(
    "unasked mean over all judged texts, asked ones too",
    mid=lambda y, f, u, w: (y - w * f).mean() + w * torch.cat([f, u]).mean(),
)
_wj(
    "middle: lambda between people and judge",
    mid=lambda y, f, u, w: (1 - w) * y.mean() + w * u.mean(),
)
_wj("z ignored", half=lambda z, v: v.sqrt())
_wj("z always 1.96", half=lambda z, v: 1.96 * v.sqrt())
_wj("no root", half=lambda z, v: z * v)
_wj("z under the root", half=lambda z, v: (z * v).sqrt())
_wj("half of z to each side", half=lambda z, v: z * v.sqrt() / 2)
_wj("z squared", half=lambda z, v: z**2 * v.sqrt())
_wj("upper end first", ends=lambda m, h: torch.stack([m + h, m - h]))
_wj("middle and half width, not the ends", ends=lambda m, h: torch.stack([m, h]))
_wj("only the width", ends=lambda m, h: 2 * h)
_wj("a tuple of floats, not a tensor", ends=lambda m, h: (float(m - h), float(m + h)))
_wj("shape (1, 2)", ends=lambda m, h: torch.stack([m - h, m + h])[None])
_wj("cut off to 0 to 1", ends=lambda m, h: torch.stack([m - h, m + h]).clamp(0, 1))
_wj(
    "rounded to two places",
    ends=lambda m, h: torch.stack([m - h, m + h]).mul(100).round() / 100,
)


@wrong("17.2", "right ends, but changes the caller's asked in place")
def _(asked, judged, unasked, weight, z):
    asked -= weight * judged
    return _ji(asked, torch.zeros_like(judged), unasked, weight, z)


@wrong("17.2", "the best lambda is worked out again, the given one ignored")
def _(asked, judged, unasked, weight, z):
    c = ((asked - asked.mean()) * (judged - judged.mean())).sum()
    best = c / ((judged - judged.mean()) ** 2).sum()
    return _ji(asked, judged, unasked, best, z)


# ---------------------------------------------------------------- 17.3 rank_mean


@right("17.3")
def by_select(values, mask, tokens, processes):
    return torch.masked_select(values, mask).sum() / tokens * processes


@right("17.3")
def by_einsum(values, mask, tokens, processes):
    scale = processes / tokens
    return torch.einsum("bt,bt->", values, mask.to(values.dtype) * scale)


@right("17.3")
def local_mean_reweighted(values, mask, tokens, processes):
    """The local mean times the local share of the tokens, times the processes."""
    own = int(mask.sum())
    if own == 0:
        return values.sum() * 0.0
    return values[mask].mean() * (own * processes / tokens)


def _wr(note, f):
    wrong("17.3", note)(f)


_wr("the mean of this process", lambda v, m, tokens, processes: v[m].mean())
_wr(
    "the mean of this process times the processes",
    lambda v, m, tokens, processes: v[m].mean() * processes,
)
_wr(
    "the mean of this process over the processes",
    lambda v, m, tokens, processes: v[m].mean() / processes,
)
_wr("processes forgotten", lambda v, m, tokens, processes: (v * m).sum() / tokens)
_wr(
    "divided by the processes",
    lambda v, m, tokens, processes: (v * m).sum() / tokens / processes,
)
_wr("tokens forgotten", lambda v, m, tokens, processes: (v * m).sum() * processes)
_wr("only the local sum", lambda v, m, tokens, processes: (v * m).sum())
_wr(
    "the fraction upside down",
    lambda v, m, tokens, processes: (v * m).sum() * tokens / processes,
)
_wr("mask forgotten", lambda v, m, tokens, processes: v.sum() * processes / tokens)
_wr(
    "mask the wrong way round",
    lambda v, m, tokens, processes: (v * ~m).sum() * processes / tokens,
)
_wr("mean over all places", lambda v, m, tokens, processes: (v * m).mean() * processes)
_wr("mean over all places, padding included", lambda v, m, tokens, processes: v.mean())
_wr(
    "whole-number division tokens // processes",
    lambda v, m, tokens, processes: (v * m).sum() / max(1, tokens // processes),
)
_wr(
    "whole-number division processes // tokens",
    lambda v, m, tokens, processes: (v * m).sum() * (processes // tokens),
)
_wr(
    "tokens taken for those of one process: times processes in the divisor",
    lambda v, m, tokens, processes: (v * m).sum() / (tokens * processes),
)
_wr(
    "local tokens times processes in the divisor, as if all had as many",
    lambda v, m, tokens, processes: (v * m).sum() * processes / (m.sum() * processes),
)
_wr(
    "divides by the places of this process",
    lambda v, m, tokens, processes: (v * m).sum() * processes / v.numel(),
)
_wr(
    "mean per row first",
    lambda v, m, tokens, processes: (
        ((v * m).sum(1) / m.sum(1).clamp(min=1)).mean() * processes * m.sum() / tokens
    ),
)
_wr(
    "mean of rows, no weights",
    lambda v, m, tokens, processes: ((v * m).sum(1) / m.sum(1).clamp(min=1)).mean(),
)
_wr(
    "sum over time only: one number a row",
    lambda v, m, tokens, processes: (v * m).sum(1) * processes / tokens,
)
_wr(
    "not summed: (batch, time)",
    lambda v, m, tokens, processes: v * m * processes / tokens,
)
_wr(
    "shape (1,)",
    lambda v, m, tokens, processes: (v * m).sum().view(1) * processes / tokens,
)
_wr(
    "processes squared",
    lambda v, m, tokens, processes: (v * m).sum() * processes**2 / tokens,
)
_wr(
    "root of the processes",
    lambda v, m, tokens, processes: (v * m).sum() * processes**0.5 / tokens,
)
_wr(
    "one process fewer",
    lambda v, m, tokens, processes: (v * m).sum() * (processes - 1) / tokens,
)
_wr(
    "one token more in the divisor",
    lambda v, m, tokens, processes: (v * m).sum() * processes / (tokens + 1),
)
_wr(
    "minus: the loss' sign",
    lambda v, m, tokens, processes: -(v * m).sum() * processes / tokens,
)
_wr(
    "size of the values",
    lambda v, m, tokens, processes: (v * m).abs().sum() * processes / tokens,
)
_wr(
    "first column left out",
    lambda v, m, tokens, processes: (v * m)[:, 1:].sum() * processes / tokens,
)
_wr(
    "last column left out",
    lambda v, m, tokens, processes: (v * m)[:, :-1].sum() * processes / tokens,
)
_wr(
    "divides by the batch",
    lambda v, m, tokens, processes: (v * m).sum() * processes / len(v),
)
_wr(
    "local tokens times 2 in the divisor, as if there were always two equal processes",
    lambda v, m, tokens, processes: (v * m).sum() * processes / (2 * m.sum()),
)
_wr(
    "values as whole numbers",
    lambda v, m, tokens, processes: (v.long() * m).sum() * processes / tokens,
)
_wr(
    "tokens and processes exchanged",
    lambda v, m, processes, tokens: (v * m).sum() * processes / tokens,
)
_wr(
    "NaN for a process without a token: mean of nothing",
    lambda v, m, tokens, processes: v[m].mean() * m.sum() * processes / tokens,
)
_wr(
    "padding filled with 1",
    lambda v, m, tokens, processes: torch.where(m, v, 1.0).sum() * processes / tokens,
)
_wr(
    "zeros taken for padding: the mean over values that are not 0",
    lambda v, m, tokens, processes: (
        (v * m).sum() * processes / (tokens - int(((v == 0) & m).sum()) or 1)
    ),
)


@wrong("17.3", "right value, but zeros written into the caller's values")
def _(values, mask, tokens, processes):
    values.data[~mask] = 0.0
    return values.sum() * processes / tokens


@wrong("17.3", "half precision inside")
def _(values, mask, tokens, processes):
    return ((values.half() * mask).sum() * processes / tokens).to(values.dtype)


# ---------------------------------------------------------------- 17.4 swap_bias


@right("17.4")
def by_python(shown_first, shown_second):
    a, b = shown_first.tolist(), shown_second.tolist()
    n = len(a)
    pull = math.fsum(x - y for x, y in zip(a, b, strict=True)) / n / 2
    flips = sum((x > 0.5) ^ (y > 0.5) for x, y in zip(a, b, strict=True)) / n
    return torch.tensor([pull, flips], dtype=shown_first.dtype)


@right("17.4")
def stacked_diff(shown_first, shown_second):
    both = torch.stack([shown_first, shown_second])
    wins = both.gt(0.5).to(both.dtype)
    pull = -torch.diff(both.mean(1)) / 2
    flips = torch.diff(wins, dim=0).abs().mean()
    return torch.cat([pull, flips.reshape(1)])


@right("17.4")
def by_ceil(shown_first, shown_second):
    """ceil(p - 1/2) is 1 above one half, 0 at or below it."""
    a, b = shown_first.double(), shown_second.double()
    flips = (
        torch.ceil(a - 0.5).clamp(min=0) != torch.ceil(b - 0.5).clamp(min=0)
    ).double()
    return torch.stack([(a - b).mean().mul(0.5), flips.mean()]).to(shown_first.dtype)


def _sb(a, b, pull=None, flips=None):
    p = (a - b).mean() / 2 if pull is None else pull(a, b)
    f = ((a > 0.5) != (b > 0.5)).to(a.dtype).mean() if flips is None else flips(a, b)
    return torch.stack([p, f.to(a.dtype)])


def _ws(note, **kw):
    wrong("17.4", note)(
        lambda shown_first, shown_second: _sb(shown_first, shown_second, **kw)
    )


_ws("the difference not halved", pull=lambda a, b: (a - b).mean())
_ws("second minus first", pull=lambda a, b: (b - a).mean() / 2)
_ws("size of the differences", pull=lambda a, b: (a - b).abs().mean() / 2)
_ws("size of the mean difference", pull=lambda a, b: (a - b).mean().abs() / 2)
_ws("sum, no mean", pull=lambda a, b: (a - b).sum() / 2)
_ws("divided by n - 1", pull=lambda a, b: (a - b).sum() / (2 * max(1, len(a) - 1)))
_ws("a quarter", pull=lambda a, b: (a - b).mean() / 4)
_ws("median", pull=lambda a, b: (a - b).quantile(0.5) / 2)
_ws("mean of both, not the difference", pull=lambda a, b: (a + b).mean() / 2)
_ws("the mean when shown first, minus one half", pull=lambda a, b: a.mean() - 0.5)
_ws(
    "shown_second read as the other text's: 1 - second",
    pull=lambda a, b: (a - (1 - b)).mean() / 2,
)
_ws(
    "in log-odds",
    pull=lambda a, b: (torch.logit(a, 1e-6) - torch.logit(b, 1e-6)).mean() / 2,
)
_ws(
    "difference of verdicts, not of probabilities",
    pull=lambda a, b: ((a > 0.5).to(a.dtype) - (b > 0.5).to(a.dtype)).mean() / 2,
)
_ws("quotient", pull=lambda a, b: a.mean() / b.mean() / 2)
_ws("deviation of the differences", pull=lambda a, b: (a - b).std(correction=0) / 2)
_ws("number of flips, not the share", flips=lambda a, b: ((a > 0.5) != (b > 0.5)).sum())
_ws(
    "share that does not change",
    flips=lambda a, b: ((a > 0.5) == (b > 0.5)).to(a.dtype).mean(),
)
_ws(
    "only wins that are lost in second place",
    flips=lambda a, b: ((a > 0.5) & (b <= 0.5)).to(a.dtype).mean(),
)
_ws(
    "only losses that are won in second place",
    flips=lambda a, b: ((a <= 0.5) & (b > 0.5)).to(a.dtype).mean(),
)
_ws(
    "at least one half wins (>=)",
    flips=lambda a, b: ((a >= 0.5) != (b >= 0.5)).to(a.dtype).mean(),
)
_ws(
    "first place > , second place >= one half",
    flips=lambda a, b: ((a > 0.5) != (b >= 0.5)).to(a.dtype).mean(),
)
_ws(
    "the product of both distances below 0: a half is never a flip",
    flips=lambda a, b: ((a - 0.5) * (b - 0.5) < 0).to(a.dtype).mean(),
)
_ws(
    "the product at most 0: a half is always a flip",
    flips=lambda a, b: ((a - 0.5) * (b - 0.5) <= 0).to(a.dtype).mean(),
)
_ws(
    "by sign: one half is a third verdict",
    flips=lambda a, b: ((a - 0.5).sign() != (b - 0.5).sign()).to(a.dtype).mean(),
)
_ws("any difference is a flip", flips=lambda a, b: (a != b).to(a.dtype).mean())
_ws("first better than second is a flip", flips=lambda a, b: (a > b).to(a.dtype).mean())
_ws(
    "a difference above one half is a flip",
    flips=lambda a, b: ((a - b).abs() > 0.5).to(a.dtype).mean(),
)
_ws(
    "second taken as the other text's: both winning is the flip",
    flips=lambda a, b: ((a > 0.5) == (b > 0.5)).to(a.dtype).mean(),
)
_ws(
    "half of the share",
    flips=lambda a, b: ((a > 0.5) != (b > 0.5)).to(a.dtype).mean() / 2,
)
_ws("percent", flips=lambda a, b: ((a > 0.5) != (b > 0.5)).to(a.dtype).mean() * 100)
_ws(
    "threshold 0: every text wins",
    flips=lambda a, b: ((a > 0) != (b > 0)).to(a.dtype).mean(),
)
_ws(
    "threshold is the mean probability",
    flips=lambda a, b: ((a > a.mean()) != (b > b.mean())).to(a.dtype).mean(),
)
_ws(
    "net: share won first minus share won second",
    flips=lambda a, b: (
        (a > 0.5).to(a.dtype).mean() - (b > 0.5).to(a.dtype).mean()
    ).abs(),
)
_ws(
    "whether there is any flip at all",
    flips=lambda a, b: ((a > 0.5) != (b > 0.5)).any(),
)
_ws("either wins", flips=lambda a, b: ((a > 0.5) | (b > 0.5)).to(a.dtype).mean())
_ws(
    "divided by n - 1 for the share",
    flips=lambda a, b: ((a > 0.5) != (b > 0.5)).sum() / max(1, len(a) - 1),
)
_ws(
    "share divided by both lists: 2n",
    flips=lambda a, b: ((a > 0.5) != (b > 0.5)).sum() / (2 * len(a)),
)
wrong("17.4", "share first, pull second")(lambda a, b: _sb(a, b).flip(0))
wrong("17.4", "first and second exchanged")(lambda a, b: _sb(b, a))
wrong("17.4", "a tuple of floats")(lambda a, b: tuple(_sb(a, b).tolist()))
wrong("17.4", "both numbers for each text: shape (2, n)")(
    lambda a, b: torch.stack([(a - b) / 2, ((a > 0.5) != (b > 0.5)).to(a.dtype)])
)
wrong("17.4", "whole numbers: the share is cut to 0")(lambda a, b: _sb(a, b).long())


@wrong("17.4", "right numbers, but rounds the caller's probabilities to verdicts")
def _(a, b):
    pull = (a - b).mean() / 2
    a.data.copy_(a > 0.5)
    b.data.copy_(b > 0.5)
    return torch.stack([pull, (a != b).to(a.dtype).mean()])
