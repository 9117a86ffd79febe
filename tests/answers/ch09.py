"""Answers to the exercises of chapter 9, written from their texts alone."""

import torch
import torch.nn.functional as F

from tools.try_answers import right, wrong


def back(rewards, mask, gamma, start=0.0, blind=False, after=True):
    g = rewards if blind else torch.where(mask.bool(), rewards, 0)
    out, run = torch.zeros_like(rewards), torch.full_like(rewards[:, 0], start)
    for t in range(rewards.shape[1] - 1, -1, -1):
        run = g[:, t] + gamma * run
        out[:, t] = run
    return torch.where(mask.bool(), out, 0) if after else out


@right("9.1")
def table_of_discounts(rewards, mask, gamma=1.0):
    n = rewards.shape[1]
    t = torch.arange(n)
    gap = (t[None] - t[:, None]).to(rewards.dtype)
    power = torch.where(gap >= 0, gamma ** gap.clamp(min=0), torch.zeros_like(gap))
    clean = rewards.masked_fill(mask == 0, 0)
    return torch.einsum("ts,bs->bt", power, clean).masked_fill(mask == 0, 0)


@right("9.1")
def cell_by_cell(rewards, mask, gamma=1.0):
    out = torch.zeros_like(rewards)
    for b in range(rewards.shape[0]):
        run = 0.0
        for t in reversed(range(rewards.shape[1])):
            if mask[b, t]:
                run = float(rewards[b, t]) + gamma * run
                out[b, t] = run
    return out


@right("9.1")
def in_double(rewards, mask, gamma=1.0):
    keep = mask.bool()
    columns = []
    run = torch.zeros(len(rewards), dtype=torch.float64)
    for r, k in zip(
        rewards.double().unbind(1)[::-1], keep.unbind(1)[::-1], strict=True
    ):
        run = torch.where(k, r + gamma * run, torch.zeros_like(run))
        columns.insert(0, run)
    return torch.stack(columns, 1).to(rewards.dtype)


wrong("9.1", "forwards")(
    lambda r, m, gamma=1.0: torch.where(
        m.bool(), back(r.flip(1), m.flip(1), gamma).flip(1), 0
    )
)
wrong("9.1", "gamma ignored")(lambda r, m, gamma=1.0: back(r, m, 1.0))
wrong("9.1", "padding counts")(
    lambda r, m, gamma=1.0: back(r, m, gamma, blind=True, after=True)
)
wrong("9.1", "mask ignored")(
    lambda r, m, gamma=1.0: back(r, m, gamma, blind=True, after=False)
)
wrong("9.1", "cumsum")(
    lambda r, m, gamma=1.0: torch.where(m.bool(), r, 0).cumsum(1) * m
)
wrong("9.1", "total everywhere")(
    lambda r, m, gamma=1.0: torch.where(m.bool(), r, 0).sum(1, keepdim=True) * m
)
wrong("9.1", "discount from the start")(
    lambda r, m, gamma=1.0: (
        torch.where(m.bool(), r * gamma ** torch.arange(r.shape[1]), 0)
        .flip(1)
        .cumsum(1)
        .flip(1)
        * m
    )
)
wrong("9.1", "without its own reward")(
    lambda r, m, gamma=1.0: back(r, m, gamma) - torch.where(m.bool(), r, 0)
)
wrong("9.1", "times mask: NaN stays")(
    lambda r, m, gamma=1.0: back(r * m, m, gamma, blind=True)
)
wrong("9.1", "reward discounted too")(lambda r, m, gamma=1.0: gamma * back(r, m, gamma))
wrong("9.1", "1 - gamma")(lambda r, m, gamma=1.0: back(r, m, 1 - gamma))
wrong("9.1", "normalised")(lambda r, m, gamma=1.0: (1 - gamma) * back(r, m, gamma))
wrong("9.1", "one step only")(
    lambda r, m, gamma=1.0: (
        (
            torch.where(m.bool(), r, 0)
            + gamma * F.pad(torch.where(m.bool(), r, 0)[:, 1:], (0, 1))
        )
        * m
    )
)
wrong("9.1", "last token lost")(
    lambda r, m, gamma=1.0: back(r, (m.bool() & F.pad(m[:, 1:].bool(), (0, 1))), gamma)
)
wrong("9.1", "rows and columns")(
    lambda r, m, gamma=1.0: (
        back(torch.where(m.bool(), r, 0).T, torch.ones_like(m.T), gamma).T * m
    )
)
wrong("9.1", "not zero on padding")(
    lambda r, m, gamma=1.0: torch.where(
        m.bool(), back(r, m, gamma), back(r, m, gamma)[:, :1]
    )
)
wrong("9.1", "mean to go")(
    lambda r, m, gamma=1.0: (
        back(r, m, gamma) / back(torch.ones_like(r), m, 1.0).clamp(min=1)
    )
)
wrong("9.1", "first return only")(lambda r, m, gamma=1.0: back(r, m, gamma)[:, 0])
wrong("9.1", "discount squared")(lambda r, m, gamma=1.0: back(r, m, gamma**2))


@wrong("9.1", "in place")
def zeroed_in_place(rewards, mask, gamma=1.0):
    rewards[mask == 0] = 0
    for t in range(rewards.shape[1] - 2, -1, -1):
        rewards[:, t] += gamma * rewards[:, t + 1]
    return rewards * mask


@wrong("9.1", "loop stops before 0")
def off_by_one(rewards, mask, gamma=1.0):
    g = torch.where(mask.bool(), rewards, 0)
    out = g.clone()
    for t in range(rewards.shape[1] - 2, 0, -1):
        out[:, t] = g[:, t] + gamma * out[:, t + 1]
    return out * mask


def wide(a, m):
    return a[:, None].expand_as(m) if a.dim() == 1 else a


def products(lp, a, m):
    return torch.where(m.bool(), lp * wide(a, m).detach(), 0)


right("9.2")(lambda lp, a, m: -products(lp, a, m).sum() / m.sum())
right("9.2")(lambda lp, a, m: -(lp * wide(a, m).detach())[m.bool()].mean())


@right("9.2")
def token_by_token(logprobs, advantages, mask):
    terms = []
    for b in range(mask.shape[0]):
        for t in range(mask.shape[1]):
            if mask[b, t]:
                a = advantages[b] if advantages.dim() == 1 else advantages[b, t]
                terms.append(-float(a) * logprobs[b, t])
    return torch.stack(terms).mean()


wrong("9.2", "plus")(lambda lp, a, m: products(lp, a, m).sum() / m.sum())
wrong("9.2", "per completion")(
    lambda lp, a, m: -(products(lp, a, m).sum(1) / m.sum(1)).mean()
)
wrong("9.2", "sum over tokens, mean over texts")(
    lambda lp, a, m: -products(lp, a, m).sum(1).mean()
)
wrong("9.2", "over padding")(lambda lp, a, m: -products(lp, a, m).mean())
wrong("9.2", "mask ignored")(lambda lp, a, m: -(lp * wide(a, m).detach()).mean())
wrong("9.2", "sum")(lambda lp, a, m: -products(lp, a, m).sum())
wrong("9.2", "gradient into advantages")(
    lambda lp, a, m: -torch.where(m.bool(), lp * wide(a, m), 0).sum() / m.sum()
)
wrong("9.2", "log-probabilities detached")(
    lambda lp, a, m: -torch.where(m.bool(), lp.detach() * wide(a, m), 0).sum() / m.sum()
)
wrong("9.2", "probability")(lambda lp, a, m: -products(lp.exp(), a, m).sum() / m.sum())
wrong("9.2", "advantage forgotten")(
    lambda lp, a, m: -torch.where(m.bool(), lp, 0).sum() / m.sum()
)
wrong("9.2", "only one advantage a text")(
    lambda lp, a, m: -products(lp, a[:, None], m).sum() / m.sum()
)
wrong("9.2", "only the first advantage")(
    lambda lp, a, m: -products(lp, a if a.dim() == 1 else a[:, 0], m).sum() / m.sum()
)
wrong("9.2", "advantages normalised")(
    lambda lp, a, m: -products(lp, (a - a.mean()) / (a.std() + 1e-8), m).sum() / m.sum()
)
wrong("9.2", "centred")(lambda lp, a, m: -products(lp, a - a.mean(), m).sum() / m.sum())
wrong("9.2", "size of the batch")(lambda lp, a, m: -products(lp, a, m).sum() / len(lp))
wrong("9.2", "number of rows and columns")(
    lambda lp, a, m: -products(lp, a, m).sum() / lp.shape[1]
)
wrong("9.2", "mask turned")(lambda lp, a, m: -(products(lp, a, ~m.bool())).mean())
wrong("9.2", "absolute")(lambda lp, a, m: (-products(lp, a, m)).abs().sum() / m.sum())
wrong("9.2", "product of the means")(
    lambda lp, a, m: (
        -torch.where(m.bool(), lp, 0).sum()
        / m.sum()
        * torch.where(m.bool(), wide(a, m), 0).sum()
        / m.sum()
    )
)
wrong("9.2", "per token")(lambda lp, a, m: -products(lp, a, m))
wrong("9.2", "whole detached")(
    lambda lp, a, m: (-products(lp, a, m).sum() / m.sum()).detach()
)
wrong("9.2", "last token only")(
    lambda lp, a, m: (
        -products(lp, a, m)
        .gather(1, (m.long().sum(1, keepdim=True) - 1).clamp(min=0))
        .mean()
    )
)
wrong("9.2", "first token lost")(
    lambda lp, a, m: -products(lp, a, m)[:, 1:].sum() / m[:, 1:].sum().clamp(min=1)
)
wrong("9.2", "positive advantages only")(
    lambda lp, a, m: -products(lp, a.clamp(min=0), m).sum() / m.sum()
)
wrong("9.2", "an epsilon in the count")(
    lambda lp, a, m: -products(lp, a, m).sum() / (m.sum() + 1)
)

right("9.3")(
    lambda r, group_size: torch.cat(
        [(g.sum() - g) / (group_size - 1) for g in r.split(group_size)]
    )
)


@right("9.3")
def the_others(rewards, group_size):
    values = rewards.tolist()
    out = []
    for i in range(len(values)):
        first = i // group_size * group_size
        rest = [values[j] for j in range(first, first + group_size) if j != i]
        out.append(sum(rest) / len(rest))
    return torch.tensor(out, dtype=rewards.dtype)


right("9.3")(
    lambda r, k: (
        r.view(-1, k) @ ((1 - torch.eye(k, dtype=r.dtype)) / (k - 1))
    ).flatten()
)


def loo(r, k, d=None):
    g = r.reshape(-1, k)
    return ((g.sum(1, keepdim=True) - g) / (k - 1 if d is None else d)).flatten()


wrong("9.3", "group mean")(
    lambda r, k: r.view(-1, k).mean(1, keepdim=True).expand(-1, k).flatten()
)
wrong("9.3", "divided by k")(lambda r, k: loo(r, k, k))
wrong("9.3", "advantage")(lambda r, k: r - loo(r, k))
wrong("9.3", "whole batch")(lambda r, k: loo(r, len(r)) if len(r) > 1 else r)
wrong("9.3", "sum of the others")(lambda r, k: loo(r, k, 1))
wrong("9.3", "own not taken out")(
    lambda r, k: (r.view(-1, k).sum(1, keepdim=True) / (k - 1)).expand(-1, k).flatten()
)
wrong("9.3", "columns")(
    lambda r, k: (
        (r.view(k, -1).sum(0, keepdim=True) - r.view(k, -1)) / (k - 1)
    ).flatten()
)
wrong("9.3", "not flattened")(lambda r, k: loo(r, k).view(-1, k))
wrong("9.3", "sign")(lambda r, k: -loo(r, k))
wrong("9.3", "one for each group")(lambda r, k: r.view(-1, k).mean(1))
wrong("9.3", "median of the others")(
    lambda r, k: torch.stack(
        [
            torch.cat([r[i // k * k : i], r[i + 1 : i // k * k + k]]).median()
            for i in range(len(r))
        ]
    )
)
wrong("9.3", "best of the others")(
    lambda r, k: torch.stack(
        [
            torch.cat([r[i // k * k : i], r[i + 1 : i // k * k + k]]).max()
            for i in range(len(r))
        ]
    )
)
wrong("9.3", "only the ones before")(
    lambda r, k: torch.stack(
        [
            r[i // k * k : i].mean() if i % k else torch.zeros((), dtype=r.dtype)
            for i in range(len(r))
        ]
    )
)
wrong("9.3", "neighbour")(lambda r, k: r.view(-1, k).roll(1, 1).flatten())
wrong("9.3", "equal rewards dropped")(
    lambda r, k: torch.stack(
        [g[g != x].mean() if (g != x).any() else x for g in r.view(-1, k) for x in g]
    )
)
wrong("9.3", "brackets")(
    lambda r, k: (
        r.view(-1, k).sum(1, keepdim=True) - r.view(-1, k) / (k - 1)
    ).flatten()
)
wrong("9.3", "mean minus own")(
    lambda r, k: (
        r.view(-1, k).mean(1, keepdim=True) - r.view(-1, k) / (k - 1)
    ).flatten()
)
wrong("9.3", "k fixed at 4")(lambda r, k: loo(r, 4) if len(r) % 4 == 0 else loo(r, k))
wrong("9.3", "zero when all agree")(
    lambda r, k: loo(r, k) * (r.view(-1, k).std(1) > 0).repeat_interleave(k)
)
wrong("9.3", "one more divided")(lambda r, k: loo(r, k, k + 1))

right("9.4")(lambda p, r, v, gamma=1.0: torch.einsum("sa,sa->s", p, r + gamma * v))
right("9.4")(lambda p, r, v, gamma=1.0: torch.diagonal(p @ (r + gamma * v).T))


@right("9.4")
def bellman_loops(action_probs, rewards, next_values, gamma=1.0):
    out = []
    for p, r, v in zip(
        action_probs.tolist(), rewards.tolist(), next_values.tolist(), strict=True
    ):
        out.append(sum(a * (b + gamma * c) for a, b, c in zip(p, r, v, strict=True)))
    return torch.tensor(out, dtype=rewards.dtype)


wrong("9.4", "max")(lambda p, r, v, gamma=1.0: (r + gamma * v).amax(1))
wrong("9.4", "max of weighted")(
    lambda p, r, v, gamma=1.0: (p * (r + gamma * v)).amax(1)
)
wrong("9.4", "mean over actions")(lambda p, r, v, gamma=1.0: (r + gamma * v).mean(1))
wrong("9.4", "mean of weighted")(
    lambda p, r, v, gamma=1.0: (p * (r + gamma * v)).mean(1)
)
wrong("9.4", "gamma ignored")(lambda p, r, v, gamma=1.0: (p * (r + v)).sum(1))
wrong("9.4", "brackets")(lambda p, r, v, gamma=1.0: (p * r + gamma * v).sum(1))
wrong("9.4", "gamma on both")(lambda p, r, v, gamma=1.0: gamma * (p * (r + v)).sum(1))
wrong("9.4", "gamma on the reward")(
    lambda p, r, v, gamma=1.0: (p * (gamma * r + v)).sum(1)
)
wrong("9.4", "no next value")(lambda p, r, v, gamma=1.0: (p * r).sum(1))
wrong("9.4", "no reward")(lambda p, r, v, gamma=1.0: gamma * (p * v).sum(1))
wrong("9.4", "over states")(lambda p, r, v, gamma=1.0: (p * (r + gamma * v)).sum(0))
wrong("9.4", "everything")(lambda p, r, v, gamma=1.0: (p * (r + gamma * v)).sum())
wrong("9.4", "per action")(lambda p, r, v, gamma=1.0: p * (r + gamma * v))
wrong("9.4", "minus")(lambda p, r, v, gamma=1.0: (p * (r - gamma * v)).sum(1))
wrong("9.4", "softmax of the probabilities")(
    lambda p, r, v, gamma=1.0: (p.softmax(1) * (r + gamma * v)).sum(1)
)
wrong("9.4", "likeliest action")(
    lambda p, r, v, gamma=1.0: (
        (r + gamma * v).gather(1, p.argmax(1, keepdim=True)).squeeze(1)
    )
)
wrong("9.4", "matrix product")(lambda p, r, v, gamma=1.0: p @ (r + gamma * v).T)
wrong("9.4", "kept dimension")(
    lambda p, r, v, gamma=1.0: (p * (r + gamma * v)).sum(1, keepdim=True)
)
wrong("9.4", "normalised once more by count")(
    lambda p, r, v, gamma=1.0: (p * (r + gamma * v)).sum(1) / (p > 0).sum(1)
)
wrong("9.4", "1 - gamma")(
    lambda p, r, v, gamma=1.0: (p * ((1 - gamma) * r + gamma * v)).sum(1)
)
wrong("9.4", "weights on the reward only, value mean")(
    lambda p, r, v, gamma=1.0: (p * r).sum(1) + gamma * v.mean(1)
)
wrong("9.4", "log-probabilities")(
    lambda p, r, v, gamma=1.0: (p.clamp(min=1e-9).log() * (r + gamma * v)).sum(1)
)
wrong("9.4", "advantage")(
    lambda p, r, v, gamma=1.0: (p * (r + gamma * v)).sum(1) - v.mean(1)
)


def entropies(z):
    lp = z.log_softmax(-1)
    return -(lp.exp() * lp).sum(-1)


right("9.5")(
    lambda z, m: torch.distributions.Categorical(logits=z).entropy()[m.bool()].mean()
)
wrong("9.5", "entr: its gradient is not finite")(
    lambda z, m: (
        torch.special.entr(z.double().softmax(-1)).sum(-1)[m.bool()].mean().to(z.dtype)
    )
)
right("9.5")(
    lambda z, m: ((z.logsumexp(-1) - (z.softmax(-1) * z).sum(-1)) * m).sum() / m.sum()
)
wrong("9.5", "sign")(lambda z, m: -(entropies(z) * m).sum() / m.sum())
wrong("9.5", "bits")(
    lambda z, m: (entropies(z) * m).sum() / m.sum() / 0.6931471805599453
)
wrong("9.5", "over padding")(lambda z, m: (entropies(z) * m).mean())
wrong("9.5", "mask ignored")(lambda z, m: entropies(z).mean())
wrong("9.5", "per text")(
    lambda z, m: ((entropies(z) * m).sum(1) / m.sum(1).clamp(min=1)).mean()
)
wrong("9.5", "sum")(lambda z, m: (entropies(z) * m).sum())
wrong("9.5", "sum per text")(lambda z, m: (entropies(z) * m).sum(1).mean())
wrong("9.5", "mean over the vocabulary")(
    lambda z, m: (-(z.softmax(-1) * z.log_softmax(-1)).mean(-1) * m).sum() / m.sum()
)
wrong("9.5", "log of softmax")(
    lambda z, m: (-(z.softmax(-1) * z.softmax(-1).log()).sum(-1) * m).sum() / m.sum()
)
right("9.5")(
    lambda z, m: (
        (-(z.softmax(-1) * (z.softmax(-1) + 1e-8).log()).sum(-1) * m).sum() / m.sum()
    )
)
wrong("9.5", "clamped at 1e-3")(
    lambda z, m: (
        (-(z.softmax(-1) * z.softmax(-1).clamp(min=1e-3).log()).sum(-1) * m).sum()
        / m.sum()
    )
)
wrong("9.5", "softmax over time")(
    lambda z, m: (-(z.softmax(1) * z.log_softmax(1)).sum(-1) * m).sum() / m.sum()
)
wrong("9.5", "log-probabilities alone")(
    lambda z, m: (-(z.log_softmax(-1)).sum(-1) * m).sum() / m.sum()
)
wrong("9.5", "logits in place of logarithms")(
    lambda z, m: (-(z.softmax(-1) * z).sum(-1) * m).sum() / m.sum()
)
wrong("9.5", "perplexity")(lambda z, m: ((entropies(z) * m).sum() / m.sum()).exp())
wrong("9.5", "per token")(lambda z, m: entropies(z) * m)
wrong("9.5", "share of the largest")(
    lambda z, m: (
        (entropies(z) * m).sum() / m.sum() / torch.tensor(float(z.shape[-1])).log()
    )
)
wrong("9.5", "entropy of the mean distribution")(
    lambda z, m: torch.special.entr(
        (z.softmax(-1) * m[..., None]).sum((0, 1)) / m.sum()
    ).sum()
)
wrong("9.5", "surprise of the likeliest")(
    lambda z, m: (-z.log_softmax(-1).amax(-1) * m).sum() / m.sum()
)
wrong("9.5", "mask turned")(
    lambda z, m: (entropies(z) * ~m.bool()).sum() / (~m.bool()).sum().clamp(min=1)
)
wrong("9.5", "shifted")(
    lambda z, m: (entropies(z)[:, :-1] * m[:, 1:]).sum() / m[:, 1:].sum().clamp(min=1)
)
wrong("9.5", "collision")(
    lambda z, m: (-z.softmax(-1).square().sum(-1).log() * m).sum() / m.sum()
)
wrong("9.5", "detached")(lambda z, m: ((entropies(z) * m).sum() / m.sum()).detach())
wrong("9.5", "only rows that have any")(
    lambda z, m: (entropies(z) * m).sum() / m.shape[0]
)
