"""Answers to the exercises of chapter 10, written from their texts alone."""

import torch
import torch.nn.functional as F

from tools.try_answers import right, wrong


@right("10.1")
def ratio_by_where(logprobs, old_logprobs, mask):
    keep = mask.bool()
    zero = torch.zeros_like(logprobs)
    new = torch.where(keep, logprobs, zero)
    return torch.exp(new) / torch.exp(torch.where(keep, old_logprobs.detach(), zero))


@right("10.1")
def ratio_in_place_of_ones(logprobs, old_logprobs, mask):
    keep = mask.bool()
    out = torch.ones_like(logprobs)
    out[keep] = torch.exp(logprobs[keep] - old_logprobs.detach()[keep])
    return out


@right("10.1")
def ratio_filled(logprobs, old_logprobs, mask):
    return (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0.0).exp()


@wrong("10.1", "quotient of log-probabilities")
def quotient(logprobs, old_logprobs, mask):
    keep = mask.bool()
    ratio = logprobs / old_logprobs.detach()
    return torch.where(keep, ratio, torch.ones_like(ratio))


@wrong("10.1", "turned round")
def old_over_new(logprobs, old_logprobs, mask):
    return torch.exp((old_logprobs.detach() - logprobs).masked_fill(mask == 0, 0))


@wrong("10.1", "no exponential")
def log_ratio(logprobs, old_logprobs, mask):
    return (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 1)


@wrong("10.1", "0 on padding")
def zero_there(logprobs, old_logprobs, mask):
    gap = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0)
    return gap.exp() * mask


@wrong("10.1", "mask ignored")
def unmasked(logprobs, old_logprobs, mask):
    return torch.exp(logprobs - old_logprobs.detach())


@wrong("10.1", "e on padding")
def masked_first(logprobs, old_logprobs, mask):
    return torch.exp((logprobs - old_logprobs.detach()).masked_fill(mask == 0, 1))


@wrong("10.1", "times the mask: NaN stays")
def times(logprobs, old_logprobs, mask):
    return torch.exp((logprobs - old_logprobs.detach()) * mask)


@wrong("10.1", "where after the exponential: NaN in the gradient")
def where_late(logprobs, old_logprobs, mask):
    ratio = torch.exp(logprobs - old_logprobs.detach())
    return torch.where(mask.bool(), ratio, torch.ones_like(ratio))


@wrong("10.1", "gradient into the old ones")
def both(logprobs, old_logprobs, mask):
    return (logprobs - old_logprobs).masked_fill(mask == 0, 0).exp()


@wrong("10.1", "everything detached")
def none(logprobs, old_logprobs, mask):
    return (logprobs - old_logprobs).masked_fill(mask == 0, 0).exp().detach()


@wrong("10.1", "new ones detached")
def other(logprobs, old_logprobs, mask):
    return (logprobs.detach() - old_logprobs).masked_fill(mask == 0, 0).exp()


@wrong("10.1", "plus")
def added(logprobs, old_logprobs, mask):
    return (logprobs + old_logprobs.detach()).masked_fill(mask == 0, 0).exp()


@wrong("10.1", "of whole texts")
def of_texts(logprobs, old_logprobs, mask):
    gap = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0)
    return gap.sum(1, keepdim=True).exp().expand_as(gap).masked_fill(mask == 0, 1)


@wrong("10.1", "powers of two")
def exp2(logprobs, old_logprobs, mask):
    return torch.exp2((logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0))


@wrong("10.1", "clamped at 10")
def clamped(logprobs, old_logprobs, mask):
    gap = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0)
    return gap.clamp(-10, 10).exp()


@wrong("10.1", "only completion tokens")
def one_row(logprobs, old_logprobs, mask):
    return (logprobs - old_logprobs.detach())[mask.bool()].exp()


@wrong("10.1", "mask turned round")
def turned(logprobs, old_logprobs, mask):
    return (logprobs - old_logprobs.detach()).masked_fill(mask != 0, 0).exp()


@wrong("10.1", "first order")
def linear(logprobs, old_logprobs, mask):
    return 1 + (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0)


@wrong("10.1", "of softmaxes")
def of_softmax(logprobs, old_logprobs, mask):
    ratio = logprobs.softmax(1) / old_logprobs.detach().softmax(1)
    return ratio.masked_fill(mask == 0, 1)


def widened(a, like):
    return a[:, None].expand_as(like) if a.dim() == 1 else a


def surrogates(lp, old, a, m, eps, low=None, high=None):
    keep = m.bool()
    rho = (lp - old.detach()).masked_fill(~keep, 0).exp()
    a = widened(a.detach(), rho)
    clip = rho.clamp(1 - eps if low is None else low, 1 + eps if high is None else high)
    return -a * rho, -a * clip


def over(x, m):
    return x.masked_fill(m == 0, 0).sum() / m.sum()


@right("10.2")
def loss_by_minimum(lp, old, a, m, eps):
    one, two = surrogates(lp, old, a, m, eps)
    return -torch.minimum(-one, -two)[m.bool()].mean()


@right("10.2")
def loss_stacked(lp, old, a, m, eps):
    return over(torch.stack(surrogates(lp, old, a, m, eps)).amax(0), m)


@right("10.2")
def loss_by_cases(lp, old, a, m, eps):
    keep = m.bool()
    rho = torch.exp((lp - old.detach()).masked_fill(~keep, 0.0))
    a = widened(a.detach(), rho)
    flat = ((a > 0) & (rho > 1 + eps)) | ((a < 0) & (rho < 1 - eps))
    limit = torch.where(
        a > 0, torch.full_like(rho, 1 + eps), torch.full_like(rho, 1 - eps)
    )
    return over(torch.where(flat, -a * limit, -a * rho), m)


@wrong("10.2", "smaller one")
def smaller(logprobs, old_logprobs, advantages, mask, clip_eps):
    keep = mask.bool()
    rho = (logprobs - old_logprobs.detach()).masked_fill(~keep, 0).exp()
    a = advantages.detach()
    a = a[:, None] if a.dim() == 1 else a
    plain, clipped = -a * rho, -a * rho.clamp(1 - clip_eps, 1 + clip_eps)
    return (torch.minimum(plain, clipped) * mask).sum() / mask.sum()


@wrong("10.2", "sign")
def gain(lp, old, a, m, eps):
    return -over(torch.maximum(*surrogates(lp, old, a, m, eps)), m)


@wrong("10.2", "min of gains, not negated")
def gain_min(logprobs, old_logprobs, advantages, mask, clip_eps):
    keep = mask.bool()
    rho = (logprobs - old_logprobs.detach()).masked_fill(~keep, 0).exp()
    a = advantages.detach()
    a = a[:, None] if a.dim() == 1 else a
    best = torch.min(a * rho, a * torch.clamp(rho, 1 - clip_eps, 1 + clip_eps))
    return (best * mask).sum() / mask.sum()


@wrong("10.2", "max of gains, negated")
def gain_max(logprobs, old_logprobs, advantages, mask, clip_eps):
    keep = mask.bool()
    rho = (logprobs - old_logprobs.detach()).masked_fill(~keep, 0).exp()
    a = advantages.detach()
    a = a[:, None] if a.dim() == 1 else a
    best = torch.max(a * rho, a * torch.clamp(rho, 1 - clip_eps, 1 + clip_eps))
    return -(best * mask).sum() / mask.sum()


wrong("10.2", "only the clipped")(
    lambda lp, old, a, m, eps: over(surrogates(lp, old, a, m, eps)[1], m)
)
wrong("10.2", "only the plain")(
    lambda lp, old, a, m, eps: over(surrogates(lp, old, a, m, eps)[0], m)
)
wrong("10.2", "eps fixed")(
    lambda lp, old, a, m, eps: over(torch.maximum(*surrogates(lp, old, a, m, 0.2)), m)
)
wrong("10.2", "per text")(
    lambda lp, old, a, m, eps: (
        (torch.maximum(*surrogates(lp, old, a, m, eps)) * m).sum(1) / m.sum(1)
    ).mean()
)
wrong("10.2", "over padding")(
    lambda lp, old, a, m, eps: (
        torch.maximum(*surrogates(lp, old, a, m, eps)) * m
    ).mean()
)
wrong("10.2", "padding counts")(
    lambda lp, old, a, m, eps: torch.maximum(*surrogates(lp, old, a, m, eps)).mean()
)
wrong("10.2", "sum")(
    lambda lp, old, a, m, eps: (
        torch.maximum(*surrogates(lp, old, a, m, eps)) * m
    ).sum()
)
wrong("10.2", "clip from 0")(
    lambda lp, old, a, m, eps: over(
        torch.maximum(*surrogates(lp, old, a, m, eps, low=0.0)), m
    )
)
wrong("10.2", "clip between -eps and eps")(
    lambda lp, old, a, m, eps: over(
        torch.maximum(*surrogates(lp, old, a, m, eps, -eps, eps)), m
    )
)
wrong("10.2", "clip at 1 / (1 + eps)")(
    lambda lp, old, a, m, eps: over(
        torch.maximum(*surrogates(lp, old, a, m, eps, low=1 / (1 + eps))), m
    )
)


@wrong("10.2", "the log-ratio is clipped")
def clipped_log(logprobs, old_logprobs, advantages, mask, clip_eps):
    gap = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0)
    a = widened(advantages.detach(), gap)
    loss = torch.maximum(-a * gap.exp(), -a * gap.clamp(-clip_eps, clip_eps).exp())
    return loss[mask.bool()].mean()


@wrong("10.2", "log-ratio for ratio")
def no_exp(logprobs, old_logprobs, advantages, mask, clip_eps):
    gap = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0)
    a = widened(advantages.detach(), gap)
    loss = torch.maximum(-a * gap, -a * gap.clamp(1 - clip_eps, 1 + clip_eps))
    return loss[mask.bool()].mean()


@wrong("10.2", "advantages normalised")
def whitened(logprobs, old_logprobs, advantages, mask, clip_eps):
    a = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    one, two = surrogates(logprobs, old_logprobs, a, mask, clip_eps)
    return over(torch.maximum(one, two), mask)


@wrong("10.2", "turned round")
def turned_ratio(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho = (old_logprobs.detach() - logprobs).masked_fill(mask == 0, 0).exp()
    a = widened(advantages.detach(), rho)
    clip = rho.clamp(1 - clip_eps, 1 + clip_eps)
    return over(torch.maximum(-a * rho, -a * clip), mask)


@wrong("10.2", "advantage outside the max")
def outside(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0).exp()
    a = widened(advantages.detach(), rho)
    clip = rho.clamp(1 - clip_eps, 1 + clip_eps)
    return over(-a * torch.minimum(rho, clip), mask)


@wrong("10.2", "gradient into advantages")
def leaks(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0).exp()
    a = widened(advantages, rho)
    clip = rho.clamp(1 - clip_eps, 1 + clip_eps)
    return over(torch.maximum(-a * rho, -a * clip), mask)


@wrong("10.2", "only (batch,) advantages")
def one_shape(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0).exp()
    a = advantages.detach().unsqueeze(-1)
    clip = rho.clamp(1 - clip_eps, 1 + clip_eps)
    return ((torch.maximum(-a * rho, -a * clip)) * mask).sum() / mask.sum()


@wrong("10.2", "max over means")
def means_first(logprobs, old_logprobs, advantages, mask, clip_eps):
    one, two = surrogates(logprobs, old_logprobs, advantages, mask, clip_eps)
    return torch.maximum(over(one, mask), over(two, mask))


def gae(r, v, m, gamma, lam, boot=True, discount=None):
    keep = m.bool()
    r, v = (torch.where(keep, x, 0).detach() for x in (r, v))
    out, run = torch.zeros_like(r), torch.zeros_like(r[:, 0])
    after = torch.cat([v[:, 1:], torch.zeros_like(v[:, :1])], 1)
    for t in reversed(range(r.shape[1])):
        delta = r[:, t] + gamma * after[:, t] * boot - v[:, t]
        run = delta + (gamma * lam if discount is None else discount) * run
        out[:, t] = run
    return out * m


@right("10.3")
def gae_cells(rewards, values, mask, gamma, lam):
    out = torch.zeros_like(rewards)
    for b in range(len(rewards)):
        n = int(mask[b].sum())
        r, v = rewards[b, :n].tolist(), values[b, :n].tolist() + [0.0]
        a = 0.0
        for t in range(n - 1, -1, -1):
            a = r[t] + gamma * v[t + 1] - v[t] + gamma * lam * a
            out[b, t] = a
    return out


@right("10.3")
def gae_matrix(rewards, values, mask, gamma, lam):
    keep = mask.bool()
    r = rewards.detach().double().masked_fill(~keep, 0)
    v = values.detach().double().masked_fill(~keep, 0)
    delta = r + gamma * F.pad(v[:, 1:], (0, 1)) - v
    n = r.shape[1]
    k = torch.arange(n)[None] - torch.arange(n)[:, None]
    power = torch.where(k >= 0, (gamma * lam) ** k.clamp(min=0).double(), 0.0)
    return (delta @ power.T).masked_fill(~keep, 0).to(rewards.dtype)


right("10.3")(gae)


@wrong("10.3", "value after the end counts")
def gae_pad(rewards, values, mask, gamma, lam):
    rewards, values = rewards.detach(), values.detach()
    out, run = torch.zeros_like(rewards), torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        after = values[:, t + 1] if t + 1 < rewards.shape[1] else torch.zeros_like(run)
        run = rewards[:, t] + gamma * after - values[:, t] + gamma * lam * run
        out[:, t] = run * mask[:, t]
        run = out[:, t]
    return out


@wrong("10.3", "lam without gamma")
def gae_lam(rewards, values, mask, gamma, lam):
    return gae(rewards, values, mask, gamma, lam, discount=lam)


@wrong("10.3", "gamma without lam")
def gae_gamma(rewards, values, mask, gamma, lam):
    return gae(rewards, values, mask, gamma, lam, discount=gamma)


@wrong("10.3", "no bootstrap")
def gae_no_next(rewards, values, mask, gamma, lam):
    return gae(rewards, values, mask, gamma, lam, boot=False)


@wrong("10.3", "delta only")
def gae_delta(rewards, values, mask, gamma, lam):
    return gae(rewards, values, mask, gamma, 0.0)


@wrong("10.3", "whole return minus value")
def gae_mc(rewards, values, mask, gamma, lam):
    return gae(rewards, values, mask, gamma, 1.0)


@wrong("10.3", "returns")
def gae_returns(rewards, values, mask, gamma, lam):
    return (gae(rewards, values, mask, gamma, lam) + values.detach()) * mask


@wrong("10.3", "no gamma on the next value")
def gae_next(rewards, values, mask, gamma, lam):
    keep = mask.bool()
    r, v = (torch.where(keep, x, 0).detach() for x in (rewards, values))
    out, run = torch.zeros_like(r), torch.zeros_like(r[:, 0])
    after = F.pad(v[:, 1:], (0, 1))
    for t in reversed(range(r.shape[1])):
        run = r[:, t] + after[:, t] - v[:, t] + gamma * lam * run
        out[:, t] = run
    return out * mask


@wrong("10.3", "sign of V")
def gae_plus(rewards, values, mask, gamma, lam):
    keep = mask.bool()
    r, v = (torch.where(keep, x, 0).detach() for x in (rewards, values))
    out, run = torch.zeros_like(r), torch.zeros_like(r[:, 0])
    after = F.pad(v[:, 1:], (0, 1))
    for t in reversed(range(r.shape[1])):
        run = r[:, t] - gamma * after[:, t] + v[:, t] + gamma * lam * run
        out[:, t] = run
    return out * mask


@wrong("10.3", "value one place early")
def gae_prev(rewards, values, mask, gamma, lam):
    keep = mask.bool()
    r, v = (torch.where(keep, x, 0).detach() for x in (rewards, values))
    out, run = torch.zeros_like(r), torch.zeros_like(r[:, 0])
    before = F.pad(v[:, :-1], (1, 0))
    for t in reversed(range(r.shape[1])):
        run = r[:, t] + gamma * before[:, t] - v[:, t] + gamma * lam * run
        out[:, t] = run
    return out * mask


@wrong("10.3", "forwards")
def gae_forwards(rewards, values, mask, gamma, lam):
    keep = mask.bool()
    r, v = (torch.where(keep, x, 0).detach() for x in (rewards, values))
    out, run = torch.zeros_like(r), torch.zeros_like(r[:, 0])
    after = F.pad(v[:, 1:], (0, 1))
    for t in range(r.shape[1]):
        run = r[:, t] + gamma * after[:, t] - v[:, t] + gamma * lam * run
        out[:, t] = run
    return out * mask


@wrong("10.3", "rolled: the first value comes after the last")
def gae_rolled(rewards, values, mask, gamma, lam):
    keep = mask.bool()
    r, v = (torch.where(keep, x, 0).detach() for x in (rewards, values))
    out, run = torch.zeros_like(r), torch.zeros_like(r[:, 0])
    after = v.roll(-1, 1)
    for t in reversed(range(r.shape[1])):
        run = r[:, t] + gamma * after[:, t] - v[:, t] + gamma * lam * run
        out[:, t] = run
    return out * mask


@wrong("10.3", "normalised")
def gae_norm(rewards, values, mask, gamma, lam):
    a = gae(rewards, values, mask, gamma, lam)
    x = a[mask.bool()]
    return ((a - x.mean()) / (x.std(correction=0) + 1e-8)) * mask


@wrong("10.3", "gradient left in")
def gae_grad(rewards, values, mask, gamma, lam):
    keep = mask.bool()
    r, v = (torch.where(keep, x, 0) for x in (rewards, values))
    run, out = torch.zeros_like(r[:, 0]), []
    after = F.pad(v[:, 1:], (0, 1))
    for t in reversed(range(r.shape[1])):
        run = r[:, t] + gamma * after[:, t] - v[:, t] + gamma * lam * run
        out.insert(0, run)
    return torch.stack(out, 1) * mask


@wrong("10.3", "(1 - lam) weights")
def gae_weighted(rewards, values, mask, gamma, lam):
    return (1 - lam) * gae(rewards, values, mask, gamma, lam)


@right("10.3")  # no text says that NaN may stand on padding
def gae_nan(rewards, values, mask, gamma, lam):
    r, v = rewards.detach() * mask, values.detach() * mask
    out, run = torch.zeros_like(r), torch.zeros_like(r[:, 0])
    after = F.pad(v[:, 1:], (0, 1))
    for t in reversed(range(r.shape[1])):
        run = r[:, t] + gamma * after[:, t] - v[:, t] + gamma * lam * run
        out[:, t] = run
    return out * mask


@wrong("10.3", "rewards without values")
def gae_rewards(rewards, values, mask, gamma, lam):
    return gae(rewards, torch.zeros_like(values), mask, gamma, lam)


@wrong("10.3", "loop stops early")
def gae_early(rewards, values, mask, gamma, lam):
    keep = mask.bool()
    r, v = (torch.where(keep, x, 0).detach() for x in (rewards, values))
    out, run = torch.zeros_like(r), torch.zeros_like(r[:, 0])
    after = F.pad(v[:, 1:], (0, 1))
    for t in range(r.shape[1] - 1, 0, -1):
        run = r[:, t] + gamma * after[:, t] - v[:, t] + gamma * lam * run
        out[:, t] = run
    return out * mask


def last_of(m):
    m = m.bool()
    return m & ~F.pad(m[:, 1:], (0, 1))


def shaped(s, old, ref, m, beta):
    price = torch.where(m.bool(), -beta * (old - ref), 0).detach()
    return price + last_of(m) * s.detach()[:, None]


@right("10.4")
def shaped_rows(scores, old_logprobs, ref_logprobs, mask, beta):
    out = torch.zeros_like(old_logprobs)
    for b, row in enumerate(mask.tolist()):
        n = sum(map(bool, row))
        out[b, :n] = -beta * (old_logprobs[b, :n] - ref_logprobs[b, :n]).detach()
        if n:
            out[b, n - 1] += scores[b].detach()
    return out


@right("10.4")
def shaped_scatter(scores, old_logprobs, ref_logprobs, mask, beta):
    with torch.no_grad():
        gap = (ref_logprobs - old_logprobs).masked_fill(mask == 0, 0)
        n = mask.long().sum(1)
        place = (n - 1).clamp(min=0)[:, None]
        return (beta * gap).scatter_add(1, place, (scores * (n > 0))[:, None])


right("10.4")(shaped)
wrong("10.4", "plus the price")(
    lambda s, old, ref, m, beta: shaped(s, old, ref, m, -beta)
)
wrong("10.4", "beta ignored")(lambda s, old, ref, m, beta: shaped(s, old, ref, m, 1.0))
wrong("10.4", "no score")(lambda s, old, ref, m, beta: shaped(s * 0, old, ref, m, beta))
wrong("10.4", "no price")(lambda s, old, ref, m, beta: shaped(s, old, ref, m, 0.0))


@wrong("10.4", "score on every token")
def everywhere(scores, old_logprobs, ref_logprobs, mask, beta):
    price = -beta * (old_logprobs - ref_logprobs)
    return torch.where(mask.bool(), price + scores[:, None], 0).detach()


@wrong("10.4", "score on the last column")
def last_column(scores, old_logprobs, ref_logprobs, mask, beta):
    out = torch.where(mask.bool(), -beta * (old_logprobs - ref_logprobs), 0).detach()
    out[:, -1] += scores.detach()
    return out


@wrong("10.4", "score on the last column, then masked")
def last_column_masked(scores, old_logprobs, ref_logprobs, mask, beta):
    out = torch.where(mask.bool(), -beta * (old_logprobs - ref_logprobs), 0).detach()
    out[:, -1] += scores.detach()
    return out * mask


@wrong("10.4", "score one place late")
def too_late(scores, old_logprobs, ref_logprobs, mask, beta):
    out = torch.where(mask.bool(), -beta * (old_logprobs - ref_logprobs), 0).detach()
    place = mask.long().sum(1).clamp(max=mask.shape[1] - 1)
    out[torch.arange(len(out)), place] += scores.detach()
    return out


@wrong("10.4", "score on the first")
def on_first(scores, old_logprobs, ref_logprobs, mask, beta):
    out = torch.where(mask.bool(), -beta * (old_logprobs - ref_logprobs), 0).detach()
    out[:, 0] += scores.detach()
    return out


@wrong("10.4", "score in place of the price there")
def replaced(scores, old_logprobs, ref_logprobs, mask, beta):
    out = torch.where(mask.bool(), -beta * (old_logprobs - ref_logprobs), 0).detach()
    return torch.where(last_of(mask), scores.detach()[:, None], out)


@wrong("10.4", "the price of the whole text on the last")
def at_the_end(scores, old_logprobs, ref_logprobs, mask, beta):
    price = torch.where(mask.bool(), -beta * (old_logprobs - ref_logprobs), 0).detach()
    return last_of(mask) * (scores.detach() + price.sum(1))[:, None]


@wrong("10.4", "score per token")
def shared_out(scores, old_logprobs, ref_logprobs, mask, beta):
    price = torch.where(mask.bool(), -beta * (old_logprobs - ref_logprobs), 0).detach()
    return price + mask * (scores.detach() / mask.sum(1))[:, None]


@wrong("10.4", "beta on the score")
def beta_of_all(scores, old_logprobs, ref_logprobs, mask, beta):
    price = torch.where(mask.bool(), old_logprobs - ref_logprobs, 0).detach()
    return beta * (last_of(mask) * scores.detach()[:, None] - price)


@wrong("10.4", "mask multiplied")
def nan_stays(scores, old_logprobs, ref_logprobs, mask, beta):
    price = -beta * (old_logprobs - ref_logprobs) * mask
    return (price + last_of(mask) * scores[:, None]).detach()


@wrong("10.4", "padding paid")
def unmasked_price(scores, old_logprobs, ref_logprobs, mask, beta):
    price = -beta * (old_logprobs - ref_logprobs)
    return (price + last_of(mask) * scores[:, None]).detach()


@wrong("10.4", "gradient")
def with_gradient(scores, old_logprobs, ref_logprobs, mask, beta):
    price = torch.where(mask.bool(), -beta * (old_logprobs - ref_logprobs), 0)
    return price + last_of(mask) * scores[:, None]


@wrong("10.4", "absolute gap")
def absolute_gap(scores, old_logprobs, ref_logprobs, mask, beta):
    gap = (old_logprobs - ref_logprobs).abs()
    price = torch.where(mask.bool(), -beta * gap, 0)
    return (price + last_of(mask) * scores[:, None]).detach()


@wrong("10.4", "k3 for the gap")
def with_k3(scores, old_logprobs, ref_logprobs, mask, beta):
    gap = old_logprobs - ref_logprobs
    price = torch.where(mask.bool(), -beta * ((-gap).exp() - 1 + gap), 0)
    return (price + last_of(mask) * scores[:, None]).detach()


@wrong("10.4", "ratio of probabilities")
def with_ratio(scores, old_logprobs, ref_logprobs, mask, beta):
    gap = (old_logprobs - ref_logprobs).exp()
    price = torch.where(mask.bool(), -beta * gap, 0)
    return (price + last_of(mask) * scores[:, None]).detach()


@wrong("10.4", "returns to go")
def summed_up(scores, old_logprobs, ref_logprobs, mask, beta):
    r = shaped(scores, old_logprobs, ref_logprobs, mask, beta)
    return r.flip(1).cumsum(1).flip(1) * mask


def both_errors(v, old, ret, eps):
    v2 = old.detach() + (v - old.detach()).clamp(-eps, eps)
    return (v - ret.detach()) ** 2, (v2 - ret.detach()) ** 2


right("10.5")(
    lambda v, old, ret, m, eps: (
        0.5 * torch.maximum(*both_errors(v, old, ret, eps))[m.bool()].mean()
    )
)


@right("10.5")
def value_loops(values, old_values, returns, mask, value_clip_eps):
    terms = []
    for b in range(mask.shape[0]):
        for t in range(mask.shape[1]):
            if mask[b, t]:
                v, old, ret = (
                    values[b, t],
                    float(old_values[b, t]),
                    float(returns[b, t]),
                )
                step = torch.clamp(v - old, -value_clip_eps, value_clip_eps)
                terms.append(torch.maximum((v - ret) ** 2, (old + step - ret) ** 2))
    return torch.stack(terms).mean() / 2


right("10.5")(
    lambda v, old, ret, m, eps: (
        (torch.stack(both_errors(v, old, ret, eps)).max(0).values * m).sum()
        / (2 * m.sum())
    )
)


@wrong("10.5", "smaller")
def v_smaller(values, old_values, returns, mask, value_clip_eps):
    old = old_values.detach()
    moved = old + (values - old).clamp(-value_clip_eps, value_clip_eps)
    error = torch.minimum((values - returns) ** 2, (moved - returns) ** 2)
    return 0.5 * error[mask.bool()].mean()


@wrong("10.5", "no half")
def v_no_half(values, old_values, returns, mask, value_clip_eps):
    return torch.maximum(*both_errors(values, old_values, returns, value_clip_eps))[
        mask.bool()
    ].mean()


@wrong("10.5", "only clipped")
def v_clipped(values, old_values, returns, mask, value_clip_eps):
    error = both_errors(values, old_values, returns, value_clip_eps)[1]
    return 0.5 * error[mask.bool()].mean()


@wrong("10.5", "only plain")
def v_plain(values, old_values, returns, mask, value_clip_eps):
    error = both_errors(values, old_values, returns, value_clip_eps)[0]
    return 0.5 * error[mask.bool()].mean()


@wrong("10.5", "values clipped themselves")
def v_range(values, old_values, returns, mask, value_clip_eps):
    moved = values.clamp(-value_clip_eps, value_clip_eps)
    ret = returns.detach()
    error = torch.maximum((values - ret) ** 2, (moved - ret) ** 2)
    return 0.5 * error[mask.bool()].mean()


@wrong("10.5", "old value forgotten")
def v_step(values, old_values, returns, mask, value_clip_eps):
    moved = (values - old_values.detach()).clamp(-value_clip_eps, value_clip_eps)
    ret = returns.detach()
    error = torch.maximum((values - ret) ** 2, (moved - ret) ** 2)
    return 0.5 * error[mask.bool()].mean()


@wrong("10.5", "clipped as a ratio")
def v_ratio(values, old_values, returns, mask, value_clip_eps):
    old, ret = old_values.detach(), returns.detach()
    moved = old * (values / old).clamp(1 - value_clip_eps, 1 + value_clip_eps)
    error = torch.maximum((values - ret) ** 2, (moved - ret) ** 2)
    return 0.5 * error[mask.bool()].mean()


@wrong("10.5", "absolute error")
def v_abs(values, old_values, returns, mask, value_clip_eps):
    old, ret = old_values.detach(), returns.detach()
    moved = old + (values - old).clamp(-value_clip_eps, value_clip_eps)
    error = torch.maximum((values - ret).abs(), (moved - ret).abs())
    return 0.5 * error[mask.bool()].mean()


@wrong("10.5", "mask forgotten")
def v_all(values, old_values, returns, mask, value_clip_eps):
    return (
        0.5
        * torch.maximum(
            *both_errors(values, old_values, returns, value_clip_eps)
        ).mean()
    )


@wrong("10.5", "over padding")
def v_wide(values, old_values, returns, mask, value_clip_eps):
    error = torch.maximum(*both_errors(values, old_values, returns, value_clip_eps))
    return 0.5 * (error * mask).mean()


@wrong("10.5", "sum")
def v_sum(values, old_values, returns, mask, value_clip_eps):
    error = torch.maximum(*both_errors(values, old_values, returns, value_clip_eps))
    return 0.5 * (error * mask).sum()


@wrong("10.5", "per text")
def v_texts(values, old_values, returns, mask, value_clip_eps):
    error = torch.maximum(*both_errors(values, old_values, returns, value_clip_eps))
    return 0.5 * ((error * mask).sum(1) / mask.sum(1)).mean()


@wrong("10.5", "sum of both")
def v_both(values, old_values, returns, mask, value_clip_eps):
    one, two = both_errors(values, old_values, returns, value_clip_eps)
    return 0.5 * (one + two)[mask.bool()].mean()


@wrong("10.5", "max of the means")
def v_means(values, old_values, returns, mask, value_clip_eps):
    one, two = both_errors(values, old_values, returns, value_clip_eps)
    return 0.5 * torch.max(one[mask.bool()].mean(), two[mask.bool()].mean())


@wrong("10.5", "returns clipped")
def v_returns(values, old_values, returns, mask, value_clip_eps):
    old, ret = old_values.detach(), returns.detach()
    near = old + (ret - old).clamp(-value_clip_eps, value_clip_eps)
    error = torch.maximum((values - ret) ** 2, (values - near) ** 2)
    return 0.5 * error[mask.bool()].mean()


@wrong("10.5", "gradient into old and returns")
def v_leak(values, old_values, returns, mask, value_clip_eps):
    moved = old_values + (values - old_values).clamp(-value_clip_eps, value_clip_eps)
    error = torch.maximum((values - returns) ** 2, (moved - returns) ** 2)
    return 0.5 * error[mask.bool()].mean()


@wrong("10.5", "root")
def v_root(values, old_values, returns, mask, value_clip_eps):
    error = torch.maximum(*both_errors(values, old_values, returns, value_clip_eps))
    return (0.5 * error[mask.bool()].mean()).sqrt()


@wrong("10.5", "step from the returns")
def v_from_returns(values, old_values, returns, mask, value_clip_eps):
    ret = returns.detach()
    moved = ret + (values - ret).clamp(-value_clip_eps, value_clip_eps)
    error = torch.maximum((values - ret) ** 2, (moved - ret) ** 2)
    return 0.5 * error[mask.bool()].mean()


@wrong("10.5", "only from above")
def v_above(values, old_values, returns, mask, value_clip_eps):
    old, ret = old_values.detach(), returns.detach()
    moved = old + (values - old).clamp(max=value_clip_eps)
    error = torch.maximum((values - ret) ** 2, (moved - ret) ** 2)
    return 0.5 * error[mask.bool()].mean()
