"""Answers to the exercises of chapter 11, written from their texts alone."""

import ast
import re

import torch

from tools.try_answers import right, wrong


@right("11.1")
def by_groups(scores, group_size):
    parts = []
    for g in scores.split(group_size):
        spread = ((g - g.mean()) ** 2).mean() ** 0.5
        parts.append((g - g.mean()) / (spread + 1e-4))
    return torch.cat(parts)


right("11.1")(
    lambda s, k: (
        (s.view(-1, k) - s.view(-1, k).mean(1, keepdim=True))
        / (s.view(-1, k).var(1, correction=0, keepdim=True).sqrt() + 1e-4)
    ).flatten()
)


@right("11.1")
def with_lists(scores, group_size):
    out = []
    values = scores.tolist()
    for i in range(0, len(values), group_size):
        g = values[i : i + group_size]
        m = sum(g) / len(g)
        s = (sum((x - m) ** 2 for x in g) / len(g)) ** 0.5
        out += [(x - m) / (s + 1e-4) for x in g]
    return torch.tensor(out, dtype=scores.dtype)


@wrong("11.1", "unbiased")
def unbiased(scores, group_size):
    g = scores.view(-1, group_size)
    return ((g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True) + 1e-4)).flatten()


@wrong("11.1", "whole batch")
def whole_batch(scores, group_size):
    return (scores - scores.mean()) / (scores.std(correction=0) + 1e-4)


@wrong("11.1", "spread of the batch")
def batch_spread(scores, group_size):
    g = scores.view(-1, group_size)
    d = g - g.mean(1, keepdim=True)
    return (d / (scores.std(correction=0) + 1e-4)).flatten()


@wrong("11.1", "not divided")
def only_centred(scores, group_size):
    g = scores.view(-1, group_size)
    return (g - g.mean(1, keepdim=True)).flatten()


@wrong("11.1", "not centred")
def only_scaled(scores, group_size):
    g = scores.view(-1, group_size)
    return (g / (g.std(1, correction=0, keepdim=True) + 1e-4)).flatten()


@wrong("11.1", "variance")
def by_variance(scores, group_size):
    g = scores.view(-1, group_size)
    d = g - g.mean(1, keepdim=True)
    return (d / (g.var(1, correction=0, keepdim=True) + 1e-4)).flatten()


@wrong("11.1", "eps under the root")
def eps_inside(scores, group_size):
    g = scores.view(-1, group_size)
    d = g - g.mean(1, keepdim=True)
    return (d / (g.var(1, correction=0, keepdim=True) + 1e-4).sqrt()).flatten()


@wrong("11.1", "no eps")
def no_eps(scores, group_size):
    g = scores.view(-1, group_size)
    d = g - g.mean(1, keepdim=True)
    return (d / g.std(1, correction=0, keepdim=True)).flatten()


@wrong("11.1", "eps 1e-8")
def small_eps(scores, group_size):
    g = scores.view(-1, group_size)
    d = g - g.mean(1, keepdim=True)
    return (d / (g.std(1, correction=0, keepdim=True) + 1e-8)).flatten()


@wrong("11.1", "clamped at eps")
def clamp_eps(scores, group_size):
    g = scores.view(-1, group_size)
    d = g - g.mean(1, keepdim=True)
    return (d / g.std(1, correction=0, keepdim=True).clamp(min=1e-4)).flatten()


@wrong("11.1", "columns")
def columns(scores, group_size):
    g = scores.view(group_size, -1)
    d = g - g.mean(0, keepdim=True)
    return (d / (g.std(0, correction=0, keepdim=True) + 1e-4)).flatten()


@wrong("11.1", "wrong dimension")
def wrong_dim(scores, group_size):
    g = scores.view(-1, group_size)
    d = g - g.mean(0, keepdim=True)
    return (d / (g.std(0, correction=0, keepdim=True) + 1e-4)).flatten()


@wrong("11.1", "others' mean")
def others(scores, group_size):
    g = scores.view(-1, group_size)
    m = (g.sum(1, keepdim=True) - g) / (group_size - 1)
    return ((g - m) / (g.std(1, correction=0, keepdim=True) + 1e-4)).flatten()


@wrong("11.1", "not flattened")
def table(scores, group_size):
    g = scores.view(-1, group_size)
    d = g - g.mean(1, keepdim=True)
    return d / (g.std(1, correction=0, keepdim=True) + 1e-4)


@wrong("11.1", "sign")
def negative(scores, group_size):
    g = scores.view(-1, group_size)
    d = g.mean(1, keepdim=True) - g
    return (d / (g.std(1, correction=0, keepdim=True) + 1e-4)).flatten()


@wrong("11.1", "median")
def by_median(scores, group_size):
    g = scores.view(-1, group_size)
    d = g - g.median(1, keepdim=True).values
    return (d / (g.std(1, correction=0, keepdim=True) + 1e-4)).flatten()


@wrong("11.1", "ranks")
def by_rank(scores, group_size):
    g = scores.view(-1, group_size).argsort(1).argsort(1).to(scores.dtype)
    d = g - g.mean(1, keepdim=True)
    return (d / (g.std(1, correction=0, keepdim=True) + 1e-4)).flatten()


@wrong("11.1", "largest gap")
def by_range(scores, group_size):
    g = scores.view(-1, group_size)
    d = g - g.mean(1, keepdim=True)
    return (d / (g.amax(1, keepdim=True) - g.amin(1, keepdim=True) + 1e-4)).flatten()


@wrong("11.1", "brackets")
def no_brackets(scores, group_size):
    g = scores.view(-1, group_size)
    m, s = g.mean(1, keepdim=True), g.std(1, correction=0, keepdim=True)
    return (g - m / (s + 1e-4)).flatten()


@wrong("11.1", "eps outside")
def eps_outside(scores, group_size):
    g = scores.view(-1, group_size)
    m, s = g.mean(1, keepdim=True), g.std(1, correction=0, keepdim=True)
    return ((g - m) / s + 1e-4).flatten()


@wrong("11.1", "mean absolute deviation")
def by_mad(scores, group_size):
    g = scores.view(-1, group_size)
    d = g - g.mean(1, keepdim=True)
    return (d / (d.abs().mean(1, keepdim=True) + 1e-4)).flatten()


@wrong("11.1", "in place")
def spoils(scores, group_size):
    g = scores.view(-1, group_size)
    g -= g.mean(1, keepdim=True)
    g /= g.std(1, correction=0, keepdim=True) + 1e-4
    return g.flatten()


right("11.2")(
    lambda r, k: (
        (r.view(-1, k) - r.view(-1, k).mean(1, keepdim=True)) * k / (k - 1)
    ).flatten()
)
right("11.2")(
    lambda r, k: torch.cat([g - (g.sum() - g) / (len(g) - 1) for g in r.split(k)])
)


@right("11.2")
def one_by_one(rewards, group_size):
    out = torch.empty_like(rewards)
    for i in range(len(rewards)):
        first = i - i % group_size
        rest = [rewards[j] for j in range(first, first + group_size) if j != i]
        out[i] = rewards[i] - torch.stack(rest).mean()
    return out


@wrong("11.2", "group mean")
def mean_of_all(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - g.mean(1, keepdim=True)).flatten()


@wrong("11.2", "baseline itself")
def the_baseline(rewards, group_size):
    g = rewards.view(-1, group_size)
    return ((g.sum(1, keepdim=True) - g) / (group_size - 1)).flatten()


@wrong("11.2", "sign")
def rloo_sign(rewards, group_size):
    g = rewards.view(-1, group_size)
    return ((g.sum(1, keepdim=True) - g) / (group_size - 1) - g).flatten()


@wrong("11.2", "divided by k")
def rloo_k(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - (g.sum(1, keepdim=True) - g) / group_size).flatten()


@wrong("11.2", "own still inside")
def rloo_inside(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - g.sum(1, keepdim=True) / (group_size - 1)).flatten()


@wrong("11.2", "normalised")
def rloo_std(rewards, group_size):
    g = rewards.view(-1, group_size)
    a = g - (g.sum(1, keepdim=True) - g) / (group_size - 1)
    return (a / (g.std(1, correction=0, keepdim=True) + 1e-4)).flatten()


@wrong("11.2", "whole batch")
def rloo_batch(rewards, group_size):
    return rewards - (rewards.sum() - rewards) / max(len(rewards) - 1, 1)


@wrong("11.2", "columns")
def rloo_columns(rewards, group_size):
    g = rewards.view(group_size, -1)
    return (g - (g.sum(0, keepdim=True) - g) / (group_size - 1)).flatten()


@wrong("11.2", "table")
def rloo_table(rewards, group_size):
    g = rewards.view(-1, group_size)
    return g - (g.sum(1, keepdim=True) - g) / (group_size - 1)


@wrong("11.2", "factor turned over")
def rloo_factor(rewards, group_size):
    g = rewards.view(-1, group_size)
    return ((g - g.mean(1, keepdim=True)) * (group_size - 1) / group_size).flatten()


@wrong("11.2", "best of the others")
def rloo_best(rewards, group_size):
    out = []
    for i in range(len(rewards)):
        first = i - i % group_size
        rest = [rewards[j] for j in range(first, first + group_size) if j != i]
        out.append(rewards[i] - torch.stack(rest).max())
    return torch.stack(out)


@wrong("11.2", "sum of the others")
def rloo_sum(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - (g.sum(1, keepdim=True) - g)).flatten()


@wrong("11.2", "brackets")
def rloo_brackets(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - g.sum(1, keepdim=True) - g / (group_size - 1)).flatten()


@wrong("11.2", "the next one")
def rloo_next(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - g.roll(-1, 1)).flatten()


@wrong("11.2", "only those before")
def rloo_before(rewards, group_size):
    g = rewards.view(-1, group_size)
    n = torch.arange(group_size).clamp(min=1)
    return (g - (g.cumsum(1) - g) / n).flatten()


@wrong("11.2", "squared")
def rloo_squared(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - (g.sum(1, keepdim=True) - g) / (group_size - 1)).square().flatten()


@wrong("11.2", "twice left out")
def rloo_twice(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - (g.sum(1, keepdim=True) - 2 * g) / (group_size - 1)).flatten()


@right("11.3")
def three(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    k3 = torch.expm1(-d.clamp(-20, 20)) + d.clamp(-20, 20)
    return torch.cat([d[None], d[None] ** 2 / 2, k3[None]])


@right("11.3")
def three_filled(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    c = torch.clamp(d, min=-20, max=20)
    return torch.stack((d, 0.5 * d * d, c.neg().exp().sub(1).add(c)), 0)


@right("11.3")
def three_by_minimum(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    low, high = torch.full_like(d, -20.0), torch.full_like(d, 20.0)
    c = torch.minimum(torch.maximum(d, low), high)
    return torch.stack([d, d.square() / 2, 1 / c.exp() - 1 + c])


@wrong("11.3", "turned round")
def k_turned(logprobs, ref_logprobs):
    d = ref_logprobs.detach() - logprobs
    c = d.clamp(-20, 20)
    return torch.stack([d, d * d / 2, (-c).exp() - 1 + c])


@wrong("11.3", "exp(d)")
def k_plus(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    c = d.clamp(-20, 20)
    return torch.stack([d, d * d / 2, c.exp() - 1 + c])


@wrong("11.3", "exp(d) - 1 - d")
def k_mirror(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    c = d.clamp(-20, 20)
    return torch.stack([d, d * d / 2, c.exp() - 1 - c])


@wrong("11.3", "no clamp")
def k_open(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d, d * d / 2, (-d).exp() - 1 + d])


@wrong("11.3", "all clamped")
def k_all(logprobs, ref_logprobs):
    d = (logprobs - ref_logprobs.detach()).clamp(-20, 20)
    return torch.stack([d, d * d / 2, (-d).exp() - 1 + d])


@wrong("11.3", "clamped at 10")
def k_ten(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    c = d.clamp(-10, 10)
    return torch.stack([d, d * d / 2, (-c).exp() - 1 + c])


@wrong("11.3", "k3 clamped, not d")
def k_late(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    return torch.stack([d, d * d / 2, ((-d).exp() - 1 + d).clamp(-20, 20)])


@wrong("11.3", "no half")
def k_square(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    c = d.clamp(-20, 20)
    return torch.stack([d, d * d, (-c).exp() - 1 + c])


@wrong("11.3", "half before the square")
def k_half(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    c = d.clamp(-20, 20)
    return torch.stack([d, (d / 2) ** 2, (-c).exp() - 1 + c])


@wrong("11.3", "last dimension")
def k_last(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    c = d.clamp(-20, 20)
    return torch.stack([d, d * d / 2, (-c).exp() - 1 + c], -1)


@wrong("11.3", "tuple")
def k_tuple(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    c = d.clamp(-20, 20)
    return d, d * d / 2, (-c).exp() - 1 + c


@wrong("11.3", "means")
def k_means(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    c = d.clamp(-20, 20)
    return torch.stack([d.mean(), (d * d / 2).mean(), ((-c).exp() - 1 + c).mean()])


@wrong("11.3", "gradient into the reference")
def k_leak(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs
    c = d.clamp(-20, 20)
    return torch.stack([d, d * d / 2, (-c).exp() - 1 + c])


@wrong("11.3", "all detached")
def k_constant(logprobs, ref_logprobs):
    d = (logprobs - ref_logprobs).detach()
    c = d.clamp(-20, 20)
    return torch.stack([d, d * d / 2, (-c).exp() - 1 + c])


@wrong("11.3", "no minus 1")
def k_one(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    c = d.clamp(-20, 20)
    return torch.stack([d, d * d / 2, (-c).exp() + c])


@wrong("11.3", "k1 absolute")
def k_abs(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    c = d.clamp(-20, 20)
    return torch.stack([d.abs(), d * d / 2, (-c).exp() - 1 + c])


@wrong("11.3", "order k1, k3, k2")
def k_order(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    c = d.clamp(-20, 20)
    return torch.stack([d, (-c).exp() - 1 + c, d * d / 2])


@wrong("11.3", "weighted with p")
def k_weighted(logprobs, ref_logprobs):
    d = logprobs.exp() * (logprobs - ref_logprobs.detach())
    c = d.clamp(-20, 20)
    return torch.stack([d, d * d / 2, (-c).exp() - 1 + c])


@wrong("11.3", "clamp in place")
def k_spoiled(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    k1, k2 = d, d * d / 2
    c = d.clamp(max=20)
    return torch.stack([k1, k2, (-c).exp() - 1 + c])


def parts(lp, old, ref, a, m, eps):
    keep = m.bool()
    rho = (lp - old.detach()).masked_fill(~keep, 0).exp()
    a = a.detach()[:, None]
    gain = torch.minimum(rho * a, rho.clamp(1 - eps, 1 + eps) * a)
    d = (lp - ref.detach()).masked_fill(~keep, 0).clamp(-20, 20)
    return gain, (-d).exp() - 1 + d


@right("11.4")
def grpo_mean(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, k3 = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    return (beta * k3 - gain)[mask.bool()].mean()


@right("11.4")
def grpo_sums(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, k3 = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    keep, n = mask.bool(), mask.sum()
    return (
        torch.where(keep, k3, 0).sum() * beta / n - torch.where(keep, gain, 0).sum() / n
    )


@right("11.4")
def grpo_tokens(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    terms = []
    for b in range(len(mask)):
        for t in range(mask.shape[1]):
            if not mask[b, t]:
                continue
            rho = torch.exp(logprobs[b, t] - old_logprobs[b, t].detach())
            a = float(advantages[b])
            gain = torch.minimum(rho * a, rho.clamp(1 - clip_eps, 1 + clip_eps) * a)
            d = (logprobs[b, t] - ref_logprobs[b, t].detach()).clamp(-20, 20)
            terms.append(-gain + beta * (torch.exp(-d) - 1 + d))
    return torch.stack(terms).mean()


@wrong("11.4", "per text, then mean")
def grpo_texts(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, k3 = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    loss = (beta * k3 - gain) * mask
    return (loss.sum(1) / mask.sum(1).clamp(min=1)).mean()


@wrong("11.4", "over padding")
def grpo_pad(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, k3 = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    return ((beta * k3 - gain) * mask).mean()


@wrong("11.4", "mask ignored")
def grpo_all(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    rho = (logprobs - old_logprobs.detach()).exp()
    a = advantages.detach()[:, None]
    gain = torch.minimum(rho * a, rho.clamp(1 - clip_eps, 1 + clip_eps) * a)
    d = (logprobs - ref_logprobs.detach()).clamp(-20, 20)
    return (beta * ((-d).exp() - 1 + d) - gain).mean()


@wrong("11.4", "KL subtracted")
def grpo_minus(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, k3 = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    return (-beta * k3 - gain)[mask.bool()].mean()


@wrong("11.4", "gain not negated")
def grpo_sign(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, k3 = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    return (beta * k3 + gain)[mask.bool()].mean()


@wrong("11.4", "no KL")
def grpo_no_kl(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, _ = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    return -gain[mask.bool()].mean()


@wrong("11.4", "beta forgotten")
def grpo_beta(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, k3 = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    return (k3 - gain)[mask.bool()].mean()


@wrong("11.4", "KL against the old")
def grpo_old(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, k3 = parts(logprobs, old_logprobs, old_logprobs, advantages, mask, clip_eps)
    return (beta * k3 - gain)[mask.bool()].mean()


@wrong("11.4", "ratio to the reference")
def grpo_ref(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, k3 = parts(logprobs, ref_logprobs, ref_logprobs, advantages, mask, clip_eps)
    return (beta * k3 - gain)[mask.bool()].mean()


@wrong("11.4", "maximum")
def grpo_max(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    rho = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0).exp()
    a = advantages.detach()[:, None]
    gain = torch.maximum(rho * a, rho.clamp(1 - clip_eps, 1 + clip_eps) * a)
    d = (logprobs - ref_logprobs.detach()).masked_fill(mask == 0, 0).clamp(-20, 20)
    return (beta * ((-d).exp() - 1 + d) - gain)[mask.bool()].mean()


@wrong("11.4", "no clip")
def grpo_plain(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    rho = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0).exp()
    d = (logprobs - ref_logprobs.detach()).masked_fill(mask == 0, 0).clamp(-20, 20)
    loss = beta * ((-d).exp() - 1 + d) - rho * advantages.detach()[:, None]
    return loss[mask.bool()].mean()


@wrong("11.4", "k1")
def grpo_k1(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, _ = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    d = (logprobs - ref_logprobs.detach()).masked_fill(mask == 0, 0)
    return (beta * d - gain)[mask.bool()].mean()


@wrong("11.4", "k2")
def grpo_k2(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, _ = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    d = (logprobs - ref_logprobs.detach()).masked_fill(mask == 0, 0)
    return (beta * d * d / 2 - gain)[mask.bool()].mean()


@wrong("11.4", "k3 mirrored")
def grpo_k3(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, _ = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    d = (logprobs - ref_logprobs.detach()).masked_fill(mask == 0, 0).clamp(-20, 20)
    return (beta * (d.exp() - 1 - d) - gain)[mask.bool()].mean()


@wrong("11.4", "KL summed over a text")
def grpo_sum_kl(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, k3 = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    return -gain[mask.bool()].mean() + beta * (k3 * mask).sum(1).mean()


@wrong("11.4", "KL detached")
def grpo_const_kl(
    logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps
):
    gain, k3 = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    return (beta * k3.detach() - gain)[mask.bool()].mean()


@right("11.4")  # k3 is never negative
def grpo_inside(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, k3 = parts(
        logprobs,
        old_logprobs,
        ref_logprobs,
        advantages,
        mask,
        clip_eps,
    )
    return -torch.minimum(gain, gain - beta * k3)[mask.bool()].mean()


@wrong("11.4", "sum")
def grpo_sum(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, k3 = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    return (beta * k3 - gain)[mask.bool()].sum()


@wrong("11.4", "divided by texts")
def grpo_rows(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    gain, k3 = parts(logprobs, old_logprobs, ref_logprobs, advantages, mask, clip_eps)
    return (beta * k3 - gain)[mask.bool()].sum() / len(mask)


@wrong("11.4", "advantages not widened")
def grpo_flat(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    rho = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0).exp()
    a = advantages.detach()
    gain = torch.minimum(rho * a, rho.clamp(1 - clip_eps, 1 + clip_eps) * a)
    d = (logprobs - ref_logprobs.detach()).masked_fill(mask == 0, 0).clamp(-20, 20)
    return (beta * ((-d).exp() - 1 + d) - gain)[mask.bool()].mean()


@wrong("11.4", "gradient everywhere")
def grpo_leaks(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    rho = (logprobs - old_logprobs).masked_fill(mask == 0, 0).exp()
    a = advantages[:, None]
    gain = torch.minimum(rho * a, rho.clamp(1 - clip_eps, 1 + clip_eps) * a)
    d = (logprobs - ref_logprobs).masked_fill(mask == 0, 0).clamp(-20, 20)
    return (beta * ((-d).exp() - 1 + d) - gain)[mask.bool()].mean()


def summed(prompt):
    return str(sum(int(x) for x in prompt.rstrip("=").split("+")))


@right("11.5")
def compared(prompts, completions):
    return torch.tensor(
        [
            1.0 if c.strip() == summed(p) else 0.0
            for p, c in zip(prompts, completions, strict=True)
        ]
    )


@right("11.5")
def by_pattern(prompts, completions):
    out = torch.zeros(len(prompts), dtype=torch.float32)
    for n, (p, c) in enumerate(zip(prompts, completions, strict=True)):
        numbers = map(int, re.findall(r"\d+", p))
        out[n] = float(str(sum(numbers)) == c.strip())
    return out


@right("11.5")
def by_partition(prompts, completions):
    rewards = []
    for i in range(len(prompts)):
        left, _, rest = prompts[i].partition("+")
        answer = f"{int(left) + int(rest.split('=')[0])}"
        rewards.append(answer == completions[i].strip())
    return torch.tensor(rewards).to(torch.float32)


def reward_of(test):
    def reward(prompts, completions):
        return torch.tensor(
            [float(test(p, c)) for p, c in zip(prompts, completions, strict=True)]
        )

    return reward


def number(text):
    try:
        return int(text)
    except ValueError:
        return None


@wrong("11.5", "int() of the completion")
def as_int(prompts, completions):
    out = []
    for p, c in zip(prompts, completions, strict=True):
        try:
            out.append(float(int(c) == int(summed(p))))
        except ValueError:
            out.append(0.0)
    return torch.tensor(out)


@wrong("11.5", "int() that stops")
def as_int_stops(prompts, completions):
    return torch.tensor(
        [
            float(int(c) == int(summed(p)))
            for p, c in zip(prompts, completions, strict=True)
        ]
    )


@wrong("11.5", "float()")
def as_float(prompts, completions):
    out = []
    for p, c in zip(prompts, completions, strict=True):
        try:
            out.append(float(float(c) == float(summed(p))))
        except ValueError:
            out.append(0.0)
    return torch.tensor(out)


@wrong("11.5", "contained")
def contained(prompts, completions):
    return torch.tensor(
        [float(summed(p) in c) for p, c in zip(prompts, completions, strict=True)]
    )


@wrong("11.5", "startswith")
def starts(prompts, completions):
    return torch.tensor(
        [
            float(c.strip().startswith(summed(p)))
            for p, c in zip(prompts, completions, strict=True)
        ]
    )


@wrong("11.5", "endswith")
def ends(prompts, completions):
    return torch.tensor(
        [
            float(c.strip().endswith(summed(p)))
            for p, c in zip(prompts, completions, strict=True)
        ]
    )


@wrong("11.5", "not stripped")
def unstripped(prompts, completions):
    return torch.tensor(
        [float(c == summed(p)) for p, c in zip(prompts, completions, strict=True)]
    )


@wrong("11.5", "only stripped on the right")
def right_stripped(prompts, completions):
    return torch.tensor(
        [
            float(c.rstrip() == summed(p))
            for p, c in zip(prompts, completions, strict=True)
        ]
    )


@wrong("11.5", "all spaces removed")
def no_spaces(prompts, completions):
    return torch.tensor(
        [
            float("".join(c.split()) == summed(p))
            for p, c in zip(prompts, completions, strict=True)
        ]
    )


@wrong("11.5", "first number")
def first_number(prompts, completions):
    out = []
    for p, c in zip(prompts, completions, strict=True):
        found = re.findall(r"\d+", c)
        out.append(float(bool(found) and found[0] == summed(p)))
    return torch.tensor(out)


@wrong("11.5", "last number")
def last_number(prompts, completions):
    out = []
    for p, c in zip(prompts, completions, strict=True):
        found = re.findall(r"-?\d+", c)
        out.append(float(bool(found) and found[-1] == summed(p)))
    return torch.tensor(out)


@wrong("11.5", "leading zeros stripped")
def zeros_off(prompts, completions):
    return torch.tensor(
        [
            float(c.strip().lstrip("0") == summed(p))
            for p, c in zip(prompts, completions, strict=True)
        ]
    )


@wrong("11.5", "eval of the completion")
def evaluated(prompts, completions):
    out = []
    for p, c in zip(prompts, completions, strict=True):
        try:
            out.append(float(eval(c) == int(summed(p))))
        except Exception:
            out.append(0.0)
    return torch.tensor(out)


@wrong("11.5", "literal_eval")
def literal(prompts, completions):
    out = []
    for p, c in zip(prompts, completions, strict=True):
        try:
            out.append(float(ast.literal_eval(c.strip()) == int(summed(p))))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            out.append(0.0)
    return torch.tensor(out)


@wrong("11.5", "one digit each")
def digits(prompts, completions):
    return torch.tensor(
        [
            float(c.strip() == str(int(p[0]) + int(p[-2])))
            for p, c in zip(prompts, completions, strict=True)
        ]
    )


@wrong("11.5", "difference")
def difference(prompts, completions):
    out = []
    for p, c in zip(prompts, completions, strict=True):
        a, b = p.rstrip("=").split("+")
        out.append(float(c.strip() == str(int(a) - int(b))))
    return torch.tensor(out)


@wrong("11.5", "concatenated")
def glued(prompts, completions):
    out = []
    for p, c in zip(prompts, completions, strict=True):
        a, b = p.rstrip("=").split("+")
        out.append(float(c.strip() == a + b))
    return torch.tensor(out)


@wrong("11.5", "share of digits")
def partial(prompts, completions):
    out = []
    for p, c in zip(prompts, completions, strict=True):
        s = summed(p)
        hits = sum(x == y for x, y in zip(c.strip(), s, strict=False))
        out.append(hits / len(s))
    return torch.tensor(out)


@wrong("11.5", "minus 1 for wrong")
def punished(prompts, completions):
    return torch.tensor(
        [
            1.0 if c.strip() == summed(p) else -1.0
            for p, c in zip(prompts, completions, strict=True)
        ]
    )


@wrong("11.5", "bool")
def as_bool(prompts, completions):
    return torch.tensor(
        [c.strip() == summed(p) for p, c in zip(prompts, completions, strict=True)]
    )


@wrong("11.5", "mean")
def averaged(prompts, completions):
    return torch.tensor(
        [
            float(c.strip() == summed(p))
            for p, c in zip(prompts, completions, strict=True)
        ]
    ).mean()


@wrong("11.5", "a list")
def as_list(prompts, completions):
    return [
        float(c.strip() == summed(p)) for p, c in zip(prompts, completions, strict=True)
    ]


@wrong("11.5", "isdigit, then int")
def checked(prompts, completions):
    return torch.tensor(
        [
            float(c.strip().isdigit() and int(c.strip()) == int(summed(p)))
            for p, c in zip(prompts, completions, strict=True)
        ]
    )


@wrong("11.5", "near misses paid")
def near(prompts, completions):
    out = []
    for p, c in zip(prompts, completions, strict=True):
        n = number(c.strip())
        out.append(0.0 if n is None else float(abs(n - int(summed(p))) <= 1))
    return torch.tensor(out)
