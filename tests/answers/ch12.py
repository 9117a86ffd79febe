"""Answers to the exercises of chapter 12, written from their texts alone."""

import math

import torch
import torch.nn.functional as F

from tools.try_answers import right, wrong

right("12.1")(lambda p, r, beta: (p.log() + r / beta).softmax(-1))


@right("12.1")
def shifted_first(ref_probs, rewards, beta):
    top = rewards.masked_fill(ref_probs == 0, -torch.inf).amax(-1, keepdim=True)
    weight = ref_probs * torch.exp((rewards - top).clamp(max=0) / beta)
    return weight / weight.sum(-1, keepdim=True)


@right("12.1")
def in_logarithms(ref_probs, rewards, beta):
    z = torch.log(ref_probs.double()) + rewards.double() / beta
    return torch.exp(z - torch.logsumexp(z, -1, keepdim=True)).to(ref_probs.dtype)


@wrong("12.1", "overflows")
def overflows(ref_probs, rewards, beta):
    w = ref_probs * torch.exp(rewards / beta)
    return w / w.sum(-1, keepdim=True)


@wrong("12.1", "times beta")
def times_beta(ref_probs, rewards, beta):
    return torch.softmax(ref_probs.log() + rewards * beta, -1)


@wrong("12.1", "not normalised")
def no_z(ref_probs, rewards, beta):
    return ref_probs * torch.exp(rewards / beta)


@wrong("12.1", "normalised over everything")
def over_all(ref_probs, rewards, beta):
    w = ref_probs * torch.exp((rewards - rewards.max()) / beta)
    return w / w.sum()


@wrong("12.1", "first dimension")
def over_first(ref_probs, rewards, beta):
    return torch.softmax(ref_probs.log() + rewards / beta, 0)


@wrong("12.1", "no reference")
def no_reference(ref_probs, rewards, beta):
    return torch.softmax(rewards / beta, -1)


@wrong("12.1", "probabilities for logarithms")
def plain_probs(ref_probs, rewards, beta):
    return torch.softmax(ref_probs + rewards / beta, -1)


@wrong("12.1", "sign")
def minus_reward(ref_probs, rewards, beta):
    return torch.softmax(ref_probs.log() - rewards / beta, -1)


@wrong("12.1", "beta on both")
def beta_on_both(ref_probs, rewards, beta):
    return torch.softmax((ref_probs.log() + rewards) / beta, -1)


@wrong("12.1", "beta ignored")
def beta_gone(ref_probs, rewards, beta):
    return torch.softmax(ref_probs.log() + rewards, -1)


@wrong("12.1", "logarithms returned")
def log_probs(ref_probs, rewards, beta):
    return torch.log_softmax(ref_probs.log() + rewards / beta, -1)


@wrong("12.1", "best text only")
def greedy(ref_probs, rewards, beta):
    best = (ref_probs.log() + rewards / beta).argmax(-1)
    return F.one_hot(best, rewards.shape[-1]).to(rewards.dtype)


@wrong("12.1", "reference times softmax")
def times_softmax(ref_probs, rewards, beta):
    return ref_probs * torch.softmax(rewards / beta, -1)


@wrong("12.1", "mixture")
def mixture(ref_probs, rewards, beta):
    return beta * ref_probs + (1 - beta) * torch.softmax(rewards, -1)


@wrong("12.1", "weights without exp")
def linear(ref_probs, rewards, beta):
    w = ref_probs * rewards / beta
    return w / w.sum(-1, keepdim=True)


@wrong("12.1", "clamped rewards")
def clamped(ref_probs, rewards, beta):
    w = ref_probs * torch.exp((rewards / beta).clamp(max=50))
    return w / w.sum(-1, keepdim=True)


@wrong("12.1", "shifted by the mean")
def by_mean(ref_probs, rewards, beta):
    w = ref_probs * torch.exp((rewards - rewards.mean(-1, keepdim=True)) / beta)
    return w / w.sum(-1, keepdim=True)


@wrong("12.1", "eps in Z")
def eps_in_z(ref_probs, rewards, beta):
    top = rewards.amax(-1, keepdim=True)
    w = ref_probs * torch.exp((rewards - top) / beta)
    return w / (w.sum(-1, keepdim=True) + 0.01)


@wrong("12.1", "beta of the reference")
def beta_of_ref(ref_probs, rewards, beta):
    return torch.softmax(ref_probs.log() * beta + rewards, -1)


@wrong("12.1", "eps in the logarithm")
def eps_in_log(ref_probs, rewards, beta):
    return torch.softmax((ref_probs + 1e-3).log() + rewards / beta, -1)


right("12.2")(lambda c, r, rc, rr: (c - rc.detach()) - (r - rr.detach()))
right("12.2")(lambda c, r, rc, rr: c - r + (rr - rc).detach())


@right("12.2")
def by_stack(chosen, rejected, ref_chosen, ref_rejected):
    signs = torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=chosen.dtype)
    all_four = [chosen, rejected, ref_chosen.detach(), ref_rejected.detach()]
    return torch.einsum("kb,k->b", torch.stack(all_four), signs)


wrong("12.2", "no reference")(lambda c, r, rc, rr: c - r)
wrong("12.2", "turned round")(
    lambda c, r, rc, rr: (r - rr.detach()) - (c - rc.detach())
)
wrong("12.2", "plus")(lambda c, r, rc, rr: (c - rc.detach()) + (r - rr.detach()))
wrong("12.2", "brackets")(lambda c, r, rc, rr: c - rc.detach() - r - rr.detach())
wrong("12.2", "reference turned")(lambda c, r, rc, rr: (c - r) + (rc - rr).detach())
wrong("12.2", "references exchanged")(
    lambda c, r, rc, rr: (c - rr.detach()) - (r - rc.detach())
)
wrong("12.2", "reference of one only")(lambda c, r, rc, rr: c - r - rc.detach())
wrong("12.2", "gradient into the reference")(lambda c, r, rc, rr: (c - rc) - (r - rr))
wrong("12.2", "all detached")(lambda c, r, rc, rr: ((c - rc) - (r - rr)).detach())
wrong("12.2", "rejected detached")(
    lambda c, r, rc, rr: (c - rc.detach()) - (r - rr).detach()
)
wrong("12.2", "mean")(
    lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach())).mean()
)
wrong("12.2", "quotients")(lambda c, r, rc, rr: c / rc.detach() - r / rr.detach())
wrong("12.2", "exponentials")(
    lambda c, r, rc, rr: (c - rc.detach()).exp() - (r - rr.detach()).exp()
)
wrong("12.2", "sigmoid")(
    lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach())).sigmoid()
)
wrong("12.2", "ratio")(
    lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach())).exp()
)
wrong("12.2", "absolute")(
    lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach())).abs()
)
wrong("12.2", "only chosen")(lambda c, r, rc, rr: c - rc.detach())
wrong("12.2", "half")(
    lambda c, r, rc, rr: 0.5 * ((c - rc.detach()) - (r - rr.detach()))
)
wrong("12.2", "table")(
    lambda c, r, rc, rr: (c - rc.detach())[:, None] - (r - rr.detach())[None]
)
wrong("12.2", "clamped at 0")(
    lambda c, r, rc, rr: ((c - rc.detach()) - (r - rr.detach())).clamp(min=0)
)

right("12.3")(lambda h, beta: F.softplus(-beta * h).mean())
right("12.3")(
    lambda h, beta: torch.logaddexp(torch.zeros_like(h), -beta * h).sum() / len(h)
)
right("12.3")(
    lambda h, beta: F.binary_cross_entropy_with_logits(beta * h, torch.ones_like(h))
)
wrong("12.3", "naive")(lambda h, beta: -torch.log(torch.sigmoid(beta * h)).mean())
wrong("12.3", "eps")(lambda h, beta: -torch.log(torch.sigmoid(beta * h) + 1e-8).mean())
wrong("12.3", "clamp")(
    lambda h, beta: -torch.log(torch.sigmoid(beta * h).clamp(min=1e-6)).mean()
)
wrong("12.3", "sign of h")(lambda h, beta: -F.logsigmoid(-beta * h).mean())
wrong("12.3", "sign of the loss")(lambda h, beta: F.logsigmoid(beta * h).mean())
wrong("12.3", "beta forgotten")(lambda h, beta: -F.logsigmoid(h).mean())
wrong("12.3", "beta outside")(lambda h, beta: -beta * F.logsigmoid(h).mean())
wrong("12.3", "h / beta")(lambda h, beta: -F.logsigmoid(h / beta).mean())
wrong("12.3", "sum")(lambda h, beta: -F.logsigmoid(beta * h).sum())
wrong("12.3", "per pair")(lambda h, beta: -F.logsigmoid(beta * h))
wrong("12.3", "no log")(lambda h, beta: -torch.sigmoid(beta * h).mean())
wrong("12.3", "1 - sigmoid")(lambda h, beta: (1 - torch.sigmoid(beta * h)).mean())
wrong("12.3", "mean first")(lambda h, beta: -F.logsigmoid(beta * h.mean()))
wrong("12.3", "bits")(lambda h, beta: -F.logsigmoid(beta * h).mean() / math.log(2))
wrong("12.3", "hinge")(lambda h, beta: (1 - beta * h).clamp(min=0).mean())
wrong("12.3", "linear")(lambda h, beta: -beta * h.mean())
wrong("12.3", "log(1 + exp)")(
    lambda h, beta: torch.log(1 + torch.exp(-beta * h)).mean()
)
wrong("12.3", "beta 0.1")(lambda h, beta: -F.logsigmoid(0.1 * h).mean())
wrong("12.3", "squared")(lambda h, beta: ((beta * h - 1) ** 2).mean())
wrong("12.3", "both sides")(
    lambda h, beta: -(F.logsigmoid(beta * h) + F.logsigmoid(-beta * h)).mean()
)
wrong("12.3", "h limited")(
    lambda h, beta: -F.logsigmoid(beta * h.clamp(-30, 30)).mean()
)
wrong("12.3", "weighted")(
    lambda h, beta: -(torch.sigmoid(-beta * h) * F.logsigmoid(beta * h)).mean()
)
wrong("12.3", "detached")(lambda h, beta: -F.logsigmoid(beta * h.detach()).mean())
wrong("12.3", "log of the mean")(lambda h, beta: -torch.sigmoid(beta * h).mean().log())

right("12.4")(
    lambda lp, ref, m, beta: beta * (lp - ref.detach()).masked_fill(~m, 0).sum(1)
)


@right("12.4")
def rows(logprobs, ref_logprobs, mask, beta):
    out = []
    for lp, ref, m in zip(logprobs, ref_logprobs, mask, strict=True):
        out.append(beta * (lp[m].sum() - ref[m].detach().sum()))
    return torch.stack(out)


@right("12.4")
def einsum(logprobs, ref_logprobs, mask, beta):
    zero = torch.zeros_like(logprobs)
    a = torch.where(mask, logprobs, zero)
    b = torch.where(mask, ref_logprobs.detach(), zero)
    return torch.einsum("bt->b", beta * a) - torch.einsum("bt->b", beta * b)


@wrong("12.4", "mean over tokens")
def per_token(logprobs, ref_logprobs, mask, beta):
    d = (logprobs - ref_logprobs.detach()).masked_fill(~mask, 0)
    return beta * d.sum(1) / mask.sum(1).clamp(min=1)


@wrong("12.4", "mean over places")
def over_places(logprobs, ref_logprobs, mask, beta):
    d = (logprobs - ref_logprobs.detach()).masked_fill(~mask, 0)
    return beta * d.mean(1)


@wrong("12.4", "mask ignored")
def all_places(logprobs, ref_logprobs, mask, beta):
    return beta * (logprobs - ref_logprobs.detach()).sum(1)


@wrong("12.4", "times the mask")
def multiplied(logprobs, ref_logprobs, mask, beta):
    return beta * ((logprobs - ref_logprobs.detach()) * mask).sum(1)


@wrong("12.4", "no reference")
def only_policy(logprobs, ref_logprobs, mask, beta):
    return beta * logprobs.masked_fill(~mask, 0).sum(1)


@wrong("12.4", "turned round")
def reversed_gap(logprobs, ref_logprobs, mask, beta):
    return beta * (ref_logprobs.detach() - logprobs).masked_fill(~mask, 0).sum(1)


@wrong("12.4", "beta divides")
def divided(logprobs, ref_logprobs, mask, beta):
    return (logprobs - ref_logprobs.detach()).masked_fill(~mask, 0).sum(1) / beta


@wrong("12.4", "no beta")
def no_beta(logprobs, ref_logprobs, mask, beta):
    return (logprobs - ref_logprobs.detach()).masked_fill(~mask, 0).sum(1)


@wrong("12.4", "gradient into the reference")
def leaks(logprobs, ref_logprobs, mask, beta):
    return beta * (logprobs - ref_logprobs).masked_fill(~mask, 0).sum(1)


@wrong("12.4", "detached")
def constant(logprobs, ref_logprobs, mask, beta):
    return beta * (logprobs - ref_logprobs).masked_fill(~mask, 0).sum(1).detach()


@wrong("12.4", "mask turned round")
def turned_mask(logprobs, ref_logprobs, mask, beta):
    return beta * (logprobs - ref_logprobs.detach()).masked_fill(mask, 0).sum(1)


@wrong("12.4", "per token rewards")
def tokens(logprobs, ref_logprobs, mask, beta):
    return beta * (logprobs - ref_logprobs.detach()).masked_fill(~mask, 0)


@wrong("12.4", "over the batch")
def whole(logprobs, ref_logprobs, mask, beta):
    return beta * (logprobs - ref_logprobs.detach()).masked_fill(~mask, 0).sum()


@wrong("12.4", "first dimension")
def first_dim(logprobs, ref_logprobs, mask, beta):
    return beta * (logprobs - ref_logprobs.detach()).masked_fill(~mask, 0).sum(0)


@wrong("12.4", "last token only")
def last_token(logprobs, ref_logprobs, mask, beta):
    d = (logprobs - ref_logprobs.detach()).masked_fill(~mask, 0)
    last = (mask.sum(1, keepdim=True) - 1).clamp(min=0)
    return beta * d.gather(1, last).squeeze(1)


@wrong("12.4", "first token left out")
def without_first(logprobs, ref_logprobs, mask, beta):
    return beta * (logprobs - ref_logprobs.detach()).masked_fill(~mask, 0)[:, 1:].sum(1)


@wrong("12.4", "shifted mask")
def shifted(logprobs, ref_logprobs, mask, beta):
    d = (logprobs - ref_logprobs.detach()).nan_to_num(0.0, 0.0, 0.0)
    return beta * d[:, :-1].masked_fill(~mask[:, 1:], 0).sum(1)


@wrong("12.4", "exponential")
def ratios(logprobs, ref_logprobs, mask, beta):
    d = (logprobs - ref_logprobs.detach()).masked_fill(~mask, 0)
    return beta * d.sum(1).exp()


@wrong("12.4", "ratios summed")
def ratios_summed(logprobs, ref_logprobs, mask, beta):
    return beta * (logprobs - ref_logprobs.detach()).exp().masked_fill(~mask, 0).sum(1)


@wrong("12.4", "only the policy masked")
def half_masked(logprobs, ref_logprobs, mask, beta):
    return beta * (logprobs.masked_fill(~mask, 0).sum(1) - ref_logprobs.detach().sum(1))


@wrong("12.4", "quotient of sums")
def quotient(logprobs, ref_logprobs, mask, beta):
    one = logprobs.masked_fill(~mask, 0).sum(1)
    return beta * one / ref_logprobs.detach().masked_fill(~mask, 0).sum(1)


right("12.5")(lambda h, beta: ((h - 1 / (2 * beta)) ** 2).sum() / h.numel())
right("12.5")(lambda h, beta: F.mse_loss(h, torch.full_like(h, 0.5 / beta)))
right("12.5")(
    lambda h, beta: torch.stack([(x - 0.5 / beta) * (x - 0.5 / beta) for x in h]).mean()
)
wrong("12.5", "beta / 2")(lambda h, beta: ((h - beta / 2) ** 2).mean())
wrong("12.5", "precedence")(lambda h, beta: ((h - 1 / 2 * beta) ** 2).mean())
wrong("12.5", "1 / beta")(lambda h, beta: ((h - 1 / beta) ** 2).mean())
wrong("12.5", "2 / beta")(lambda h, beta: ((h - 2 / beta) ** 2).mean())
wrong("12.5", "plus")(lambda h, beta: ((h + 1 / (2 * beta)) ** 2).mean())
wrong("12.5", "beta h")(lambda h, beta: ((beta * h - 1 / (2 * beta)) ** 2).mean())
wrong("12.5", "beta h - 1/2")(lambda h, beta: ((beta * h - 0.5) ** 2).mean())
wrong("12.5", "sum")(lambda h, beta: ((h - 1 / (2 * beta)) ** 2).sum())
wrong("12.5", "per pair")(lambda h, beta: (h - 1 / (2 * beta)) ** 2)
wrong("12.5", "half the square")(
    lambda h, beta: 0.5 * ((h - 1 / (2 * beta)) ** 2).mean()
)
wrong("12.5", "absolute")(lambda h, beta: (h - 1 / (2 * beta)).abs().mean())
wrong("12.5", "mean first")(lambda h, beta: (h.mean() - 1 / (2 * beta)) ** 2)
wrong("12.5", "root")(lambda h, beta: ((h - 1 / (2 * beta)) ** 2).mean().sqrt())
wrong("12.5", "not squared")(lambda h, beta: (h - 1 / (2 * beta)).mean())
wrong("12.5", "only below the target")(
    lambda h, beta: (1 / (2 * beta) - h).clamp(min=0).square().mean()
)
wrong("12.5", "sigmoid")(
    lambda h, beta: ((torch.sigmoid(h) - 1 / (2 * beta)) ** 2).mean()
)
wrong("12.5", "beta 0.1")(lambda h, beta: ((h - 5.0) ** 2).mean())
wrong("12.5", "DPO")(lambda h, beta: -F.logsigmoid(beta * h).mean())
wrong("12.5", "negative")(lambda h, beta: -((h - 1 / (2 * beta)) ** 2).mean())
wrong("12.5", "whole division")(lambda h, beta: ((h - 1 // (2 * beta)) ** 2).mean())
wrong("12.5", "squares subtracted")(
    lambda h, beta: (h**2 - (1 / (2 * beta)) ** 2).mean()
)
wrong("12.5", "variance")(lambda h, beta: h.var(correction=0))
wrong("12.5", "detached")(lambda h, beta: ((h.detach() - 1 / (2 * beta)) ** 2).mean())
wrong("12.5", "huber")(
    lambda h, beta: F.huber_loss(h, torch.full_like(h, 1 / (2 * beta)))
)
