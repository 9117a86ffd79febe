"""Wrong and unusual right answers to the first and the last exercise of 07 to 12."""

import math
import re

import torch
import torch.nn.functional as F
from torch import Tensor

from tools.try_answers import right, wrong

# ---------------------------------------------------------------- 7.1


@wrong("7.1", "the sum, not the mean")
def w71_sum(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -F.logsigmoid(chosen - rejected).sum()


@wrong("7.1", "the minus sign forgotten")
def w71_sign(chosen, rejected):
    return F.logsigmoid(chosen - rejected).mean()


@wrong("7.1", "chosen and rejected swapped")
def w71_swapped(chosen, rejected):
    return -F.logsigmoid(rejected - chosen).mean()


@wrong("7.1", "log of a sigmoid that underflows: inf")
def w71_underflow(chosen, rejected):
    return -torch.log(torch.sigmoid(chosen - rejected)).mean()


@wrong("7.1", "log(1 + exp(b - a)) overflows: inf")
def w71_overflow(chosen, rejected):
    return torch.log(1 + torch.exp(rejected - chosen)).mean()


@wrong("7.1", "1e-8 inside the logarithm caps the loss at 18.4")
def w71_epsilon(chosen, rejected):
    return -torch.log(torch.sigmoid(chosen - rejected) + 1e-8).mean()


@wrong("7.1", "no logarithm")
def w71_no_log(chosen, rejected):
    return -torch.sigmoid(chosen - rejected).mean()


@wrong("7.1", "one loss for each pair, no mean")
def w71_no_mean(chosen, rejected):
    return -F.logsigmoid(chosen - rejected)


@wrong("7.1", "the logarithm of the mean probability")
def w71_log_of_mean(chosen, rejected):
    p = torch.sigmoid(chosen - rejected).mean()
    return -torch.log(p.clamp(min=torch.finfo(p.dtype).tiny))


@wrong("7.1", "the loss at the mean margin")
def w71_mean_margin(chosen, rejected):
    return -F.logsigmoid(chosen.mean() - rejected.mean())


@wrong("7.1", "each text judged alone, binary cross-entropy")
def w71_pointwise(chosen, rejected):
    return -(F.logsigmoid(chosen) + F.logsigmoid(-rejected)).mean()


@wrong("7.1", "every chosen against every rejected text")
def w71_all_pairs(chosen, rejected):
    return -F.logsigmoid(chosen[:, None] - rejected[None, :]).mean()


@right("7.1")
def r71_two_classes(chosen, rejected):
    both = torch.stack([chosen, rejected], dim=-1)
    first = torch.zeros(len(chosen), dtype=torch.long, device=chosen.device)
    return F.cross_entropy(both, first)


@right("7.1")
def r71_float64(chosen, rejected):
    # The result stays in float64: the text names no dtype.
    margin = chosen.double() - rejected.double()
    return torch.logaddexp(torch.zeros_like(margin), -margin).mean()


@right("7.1")
def r71_loop(chosen, rejected):
    total = chosen.new_zeros(())
    for a, b in zip(chosen, rejected):
        margin = a - b
        if margin > 0:
            total = total + torch.log1p(torch.exp(-margin))
        else:
            total = total - margin + torch.log1p(torch.exp(margin))
    return total / len(chosen)


# ---------------------------------------------------------------- 7.5


@wrong("7.5", "a tie counts as right")
def w75_ties(chosen: Tensor, rejected: Tensor) -> float:
    return (chosen >= rejected).float().mean().item()


@wrong("7.5", "a tie counts half")
def w75_half(chosen, rejected):
    above = (chosen > rejected).float().mean()
    return (above + 0.5 * (chosen == rejected).float().mean()).item()


@wrong("7.5", "the comparison the other way round")
def w75_swapped(chosen, rejected):
    return (chosen < rejected).float().mean().item()


@wrong("7.5", "the count, not the share")
def w75_count(chosen, rejected):
    return float((chosen > rejected).sum())


@wrong("7.5", "per cent")
def w75_percent(chosen, rejected):
    return 100 * (chosen > rejected).float().mean().item()


@wrong("7.5", "the mean of the model's probabilities")
def w75_soft(chosen, rejected):
    return torch.sigmoid(chosen - rejected).mean().item()


@wrong("7.5", "pairs that tie are left out of the denominator")
def w75_no_ties(chosen, rejected):
    decided = int((chosen != rejected).sum())
    return int((chosen > rejected).sum()) / max(decided, 1)


@wrong("7.5", "right minus wrong: the mean sign")
def w75_sign(chosen, rejected):
    return torch.sign(chosen - rejected).mean().item()


@wrong("7.5", "every chosen against every rejected text")
def w75_all_pairs(chosen, rejected):
    return (chosen[:, None] > rejected[None, :]).float().mean().item()


@wrong("7.5", "integer division")
def w75_floor(chosen, rejected):
    return float(int((chosen > rejected).sum()) // len(chosen))


@wrong("7.5", "rounded to one decimal")
def w75_rounded(chosen, rejected):
    return round((chosen > rejected).double().mean().item(), 1)


@wrong("7.5", "a small lead counts as a tie")
def w75_tolerance(chosen, rejected):
    return (chosen - rejected > 0.01).float().mean().item()


@right("7.5")
def r75_lists(chosen, rejected):
    pairs = list(zip(chosen.tolist(), rejected.tolist()))
    return sum(a > b for a, b in pairs) / len(pairs)


@right("7.5")
def r75_complement(chosen, rejected):
    return 1.0 - torch.le(chosen, rejected).double().mean().item()


@right("7.5")
def r75_stacked(chosen, rejected):
    both = torch.stack([rejected, chosen])
    above = (both[1:] > both[:1]).long().sum(dim=0)
    return torch.count_nonzero(above).item() / above.numel()


# ---------------------------------------------------------------- 8.1


@wrong("8.1", "the worst candidate")
def w81_worst(scores: Tensor) -> Tensor:
    return scores.argmin(dim=-1)


@wrong("8.1", "one place for the whole batch")
def w81_flat(scores):
    return scores.argmax()


@wrong("8.1", "along the first dimension")
def w81_first_dim(scores):
    return scores.argmax(dim=0)


@wrong("8.1", "along dimension 1: right for matrices only")
def w81_dim_one(scores):
    return scores.argmax(dim=1)


@wrong("8.1", "the best score, not its place")
def w81_value(scores):
    return scores.max(dim=-1).values


@wrong("8.1", "counted from 1")
def w81_from_one(scores):
    return scores.argmax(dim=-1) + 1


@wrong("8.1", "the last dimension is kept")
def w81_keepdim(scores):
    return scores.argmax(dim=-1, keepdim=True)


@wrong("8.1", "the largest in magnitude")
def w81_abs(scores):
    return scores.abs().argmax(dim=-1)


@wrong("8.1", "a loop that starts with a best score of 0")
def w81_from_zero(scores):
    best = torch.zeros(scores.shape[:-1], dtype=scores.dtype)
    place = torch.zeros(scores.shape[:-1], dtype=torch.long)
    for i in range(scores.shape[-1]):
        better = scores[..., i] > best
        best = torch.where(better, scores[..., i], best)
        place = torch.where(better, torch.full_like(place, i), place)
    return place


@wrong("8.1", "a sigmoid first: large scores become equal")
def w81_sigmoid(scores):
    return torch.sigmoid(scores).argmax(dim=-1)


@wrong("8.1", "the second best where there is one")
def w81_second(scores):
    order = scores.argsort(dim=-1, descending=True)
    return order[..., min(1, scores.shape[-1] - 1)]


@wrong("8.1", "the rank of the last candidate, not the place of the best")
def w81_rank(scores):
    return scores.argsort(dim=-1).argsort(dim=-1)[..., -1]


@right("8.1")
def r81_topk(scores):
    return scores.topk(1, dim=-1).indices.squeeze(-1)


@right("8.1")
def r81_last_of_equal(scores):
    return scores.shape[-1] - 1 - scores.flip(-1).argmax(dim=-1)


@right("8.1")
def r81_loop(scores):
    # int32: the text asks for whole numbers and names no dtype.
    rows = scores.reshape(-1, scores.shape[-1]).tolist()
    places = [max(range(len(row)), key=row.__getitem__) for row in rows]
    return torch.tensor(places, dtype=torch.int32).reshape(scores.shape[:-1])


# ---------------------------------------------------------------- 8.4


@wrong("8.4", "the place in the group, not the row of the batch")
def w84_place(scores: Tensor, n: int) -> Tensor:
    return scores.view(-1, n).argmax(dim=1)


@wrong("8.4", "plus the number of the prompt, not times n")
def w84_no_times_n(scores, n):
    best = scores.view(-1, n).argmax(dim=1)
    return best + torch.arange(len(best))


@wrong("8.4", "times the number of prompts, not times n")
def w84_times_prompts(scores, n):
    best = scores.view(-1, n).argmax(dim=1)
    return best + torch.arange(len(best)) * len(best)


@wrong("8.4", "as if the candidates of a prompt lay interleaved")
def w84_interleaved(scores, n):
    prompts = len(scores) // n
    best = scores.view(n, prompts).argmax(dim=0)
    return best * prompts + torch.arange(prompts)


@wrong("8.4", "the worst of every n")
def w84_worst(scores, n):
    best = scores.view(-1, n).argmin(dim=1)
    return best + torch.arange(len(best)) * n


@wrong("8.4", "the best rows of the whole batch, whatever their prompt")
def w84_global(scores, n):
    return scores.topk(len(scores) // n).indices.sort().values


@wrong("8.4", "counted from 1")
def w84_from_one(scores, n):
    best = scores.view(-1, n).argmax(dim=1)
    return best + torch.arange(len(best)) * n + 1


@wrong("8.4", "a column plus a row: a square of numbers")
def w84_broadcast(scores, n):
    best = scores.view(-1, n).argmax(dim=1, keepdim=True)
    return best + torch.arange(len(best)) * n


@wrong("8.4", "the last prompt is left out")
def w84_last_prompt(scores, n):
    rows = [
        start + int(scores[start : start + n].argmax())
        for start in range(0, len(scores) - n, n)
    ]
    return torch.tensor(rows, dtype=torch.long)


@wrong("8.4", "sorted by score, not in the order of the prompts")
def w84_sorted(scores, n):
    best = scores.view(-1, n).argmax(dim=1)
    rows = best + torch.arange(len(best)) * n
    return rows[scores[rows].argsort(descending=True)]


@wrong("8.4", "a loop that starts with a best score of 0")
def w84_from_zero(scores, n):
    rows = []
    for start in range(0, len(scores), n):
        best, row = 0.0, start
        for i in range(start, start + n):
            if scores[i] > best:
                best, row = float(scores[i]), i
        rows.append(row)
    return torch.tensor(rows)


@wrong("8.4", "every row whose score is some prompt's best score")
def w84_isin(scores, n):
    best = scores.view(-1, n).max(dim=1).values
    return torch.isin(scores, best).nonzero().squeeze(-1)


@right("8.4")
def r84_loop(scores, n):
    values = scores.tolist()
    rows = []
    for start in range(0, len(values), n):
        rows.append(max(range(start, start + n), key=values.__getitem__))
    return torch.tensor(rows, dtype=torch.long)


@right("8.4")
def r84_gather(scores, n):
    numbers = torch.arange(scores.numel()).unflatten(0, (-1, n))
    best = (
        scores.double().unflatten(0, (-1, n)).sort(dim=1, descending=True, stable=True)
    )
    return numbers.gather(1, best.indices[:, :1]).squeeze(1)


@right("8.4")
def r84_split(scores, n):
    return torch.stack(
        [i * n + part.argmax() for i, part in enumerate(scores.split(n))]
    )


# ---------------------------------------------------------------- 9.1


@wrong("9.1", "summed from the start, not to go")
def w91_forward(rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    keep = mask.bool()
    clean = torch.where(keep, rewards, torch.zeros_like(rewards))
    out = torch.zeros_like(clean)
    running = torch.zeros_like(clean[:, 0])
    for t in range(clean.shape[1]):
        running = clean[:, t] + gamma * running
        out[:, t] = running
    return torch.where(keep, out, torch.zeros_like(out))


@wrong("9.1", "gamma is not used")
def w91_no_gamma(rewards, mask, gamma=1.0):
    keep = mask.bool()
    clean = torch.where(keep, rewards, torch.zeros_like(rewards))
    out = clean.flip(1).cumsum(1).flip(1)
    return torch.where(keep, out, torch.zeros_like(out))


@wrong("9.1", "rewards on padding count, only the result is masked")
def w91_padding_counts(rewards, mask, gamma=1.0):
    out = torch.zeros_like(rewards)
    running = torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        running = rewards[:, t] + gamma * running
        out[:, t] = running
    return torch.where(mask.bool(), out, torch.zeros_like(out))


@wrong("9.1", "times the mask: NaN or inf on padding comes through")
def w91_times_mask(rewards, mask, gamma=1.0):
    clean = rewards * mask.to(rewards.dtype)
    out = torch.zeros_like(clean)
    running = torch.zeros_like(clean[:, 0])
    for t in reversed(range(clean.shape[1])):
        running = clean[:, t] + gamma * running
        out[:, t] = running
    return out


@wrong("9.1", "the token's own reward is left out")
def w91_future_only(rewards, mask, gamma=1.0):
    keep = mask.bool()
    clean = torch.where(keep, rewards, torch.zeros_like(rewards))
    out = torch.zeros_like(clean)
    running = torch.zeros_like(clean[:, 0])
    for t in reversed(range(clean.shape[1])):
        out[:, t] = gamma * running
        running = clean[:, t] + gamma * running
    return torch.where(keep, out, torch.zeros_like(out))


@wrong("9.1", "discounted from the start of the text, not from the token")
def w91_from_start(rewards, mask, gamma=1.0):
    keep = mask.bool()
    clean = torch.where(keep, rewards, torch.zeros_like(rewards))
    steps = torch.arange(clean.shape[1], dtype=clean.dtype)
    out = (clean * gamma**steps).flip(1).cumsum(1).flip(1)
    return torch.where(keep, out, torch.zeros_like(out))


@wrong("9.1", "the return of the whole text at every token")
def w91_total(rewards, mask, gamma=1.0):
    keep = mask.bool()
    clean = torch.where(keep, rewards, torch.zeros_like(rewards))
    steps = torch.arange(clean.shape[1], dtype=clean.dtype)
    total = (clean * gamma**steps).sum(1, keepdim=True)
    return torch.where(keep, total.expand_as(clean), torch.zeros_like(clean))


@wrong("9.1", "the token's own reward is discounted, too")
def w91_own_discounted(rewards, mask, gamma=1.0):
    keep = mask.bool()
    clean = torch.where(keep, rewards, torch.zeros_like(rewards))
    out = torch.zeros_like(clean)
    running = torch.zeros_like(clean[:, 0])
    for t in reversed(range(clean.shape[1])):
        running = gamma * (clean[:, t] + running)
        out[:, t] = running
    return out


@wrong("9.1", "the last column is never filled")
def w91_last_column(rewards, mask, gamma=1.0):
    keep = mask.bool()
    clean = torch.where(keep, rewards, torch.zeros_like(rewards))
    out = torch.zeros_like(clean)
    for t in range(clean.shape[1] - 2, -1, -1):
        out[:, t] = clean[:, t] + gamma * out[:, t + 1]
    return out


@wrong("9.1", "the loop stops before the first token")
def w91_first_column(rewards, mask, gamma=1.0):
    keep = mask.bool()
    clean = torch.where(keep, rewards, torch.zeros_like(rewards))
    out = torch.zeros_like(clean)
    running = torch.zeros_like(clean[:, 0])
    for t in range(clean.shape[1] - 1, 0, -1):
        running = clean[:, t] + gamma * running
        out[:, t] = running
    return out


@wrong("9.1", "runs over the batch, not over time")
def w91_over_batch(rewards, mask, gamma=1.0):
    keep = mask.bool()
    clean = torch.where(keep, rewards, torch.zeros_like(rewards))
    out = torch.zeros_like(clean)
    running = torch.zeros_like(clean[0])
    for b in reversed(range(clean.shape[0])):
        running = clean[b] + gamma * running
        out[b] = running
    return torch.where(keep, out, torch.zeros_like(out))


@wrong("9.1", "divides by gamma to the t: NaN for gamma = 0")
def w91_divide(rewards, mask, gamma=1.0):
    keep = mask.bool()
    clean = torch.where(keep, rewards, torch.zeros_like(rewards))
    powers = gamma ** torch.arange(clean.shape[1], dtype=clean.dtype)
    out = (clean * powers).flip(1).cumsum(1).flip(1) / powers
    return torch.where(keep, out, torch.zeros_like(out))


@right("9.1")
def r91_matrix(rewards, mask, gamma=1.0):
    keep = mask.bool()
    clean = rewards.double().masked_fill(~keep, 0.0)
    t = torch.arange(clean.shape[1])
    gap = t[:, None] - t[None, :]
    weight = torch.full_like(gap, gamma, dtype=torch.float64) ** gap.clamp(min=0)
    weight = weight * (gap >= 0)
    out = torch.einsum("bk,kt->bt", clean, weight)
    return out.masked_fill(~keep, 0.0).to(rewards.dtype)


@right("9.1")
def r91_lists(rewards, mask, gamma=1.0):
    rows = []
    for row, real in zip(rewards.tolist(), mask.tolist()):
        out, running = [], 0.0
        for r, m in zip(reversed(row), reversed(real)):
            running = r + gamma * running if m else 0.0
            out.append(running)
        rows.append(out[::-1])
    return torch.tensor(rows, dtype=rewards.dtype)


@right("9.1")
def r91_doubling(rewards, mask, gamma=1.0):
    keep = mask.bool()
    out = torch.where(keep, rewards, torch.zeros_like(rewards))
    step = 1
    while step < out.shape[1]:
        out = out + gamma**step * F.pad(out[:, step:], (0, step))
        step *= 2
    return torch.where(keep, out, torch.zeros_like(out))


# ---------------------------------------------------------------- 9.5


@wrong("9.5", "the minus sign forgotten")
def w95_sign(logits: Tensor, mask: Tensor) -> Tensor:
    logp = F.log_softmax(logits, dim=-1)
    entropy = (logp.exp() * logp).sum(-1)
    weight = mask.to(entropy.dtype)
    return (entropy * weight).sum() / weight.sum()


@wrong("9.5", "the mask is not used")
def w95_no_mask(logits, mask):
    logp = F.log_softmax(logits, dim=-1)
    return -(logp.exp() * logp).sum(-1).mean()


@wrong("9.5", "padding counts in the denominator")
def w95_denominator(logits, mask):
    logp = F.log_softmax(logits, dim=-1)
    entropy = -(logp.exp() * logp).sum(-1)
    return (entropy * mask.to(entropy.dtype)).mean()


@wrong("9.5", "the mean of each completion first, then over completions")
def w95_rows_first(logits, mask):
    logp = F.log_softmax(logits, dim=-1)
    entropy = -(logp.exp() * logp).sum(-1)
    weight = mask.to(entropy.dtype)
    return ((entropy * weight).sum(1) / weight.sum(1).clamp(min=1)).mean()


@wrong("9.5", "the sum over tokens, not the mean")
def w95_sum(logits, mask):
    logp = F.log_softmax(logits, dim=-1)
    entropy = -(logp.exp() * logp).sum(-1)
    return (entropy * mask.to(entropy.dtype)).sum()


@wrong("9.5", "the mean over the vocabulary, not the sum")
def w95_vocabulary_mean(logits, mask):
    logp = F.log_softmax(logits, dim=-1)
    entropy = -(logp.exp() * logp).mean(-1)
    weight = mask.to(entropy.dtype)
    return (entropy * weight).sum() / weight.sum()


@wrong("9.5", "log of a probability that underflows: NaN")
def w95_log_of_zero(logits, mask):
    p = torch.softmax(logits, dim=-1)
    entropy = -(p * p.log()).sum(-1)
    weight = mask.to(entropy.dtype)
    return (entropy * weight).sum() / weight.sum()


@wrong("9.5", "exp of the logits overflows")
def w95_overflow(logits, mask):
    z = logits.exp().sum(-1, keepdim=True)
    entropy = -(logits.exp() / z * (logits - z.log())).sum(-1)
    weight = mask.to(entropy.dtype)
    return (entropy * weight).sum() / weight.sum()


@wrong("9.5", "shifted by one token")
def w95_shifted(logits, mask):
    logp = F.log_softmax(logits[:, :-1], dim=-1)
    entropy = -(logp.exp() * logp).sum(-1)
    weight = mask[:, 1:].to(entropy.dtype)
    return (entropy * weight).sum() / weight.sum()


@wrong("9.5", "the logits in place of the log-probabilities")
def w95_logits(logits, mask):
    entropy = -(torch.softmax(logits, dim=-1) * logits).sum(-1)
    weight = mask.to(entropy.dtype)
    return (entropy * weight).sum() / weight.sum()


@wrong("9.5", "where() hides the NaN, but not from the gradient")
def w95_nan_gradient(logits, mask):
    p = torch.softmax(logits, dim=-1)
    terms = torch.where(p > 0, p * p.log(), torch.zeros_like(p))
    entropy = -terms.sum(-1)
    weight = mask.to(entropy.dtype)
    return (entropy * weight).sum() / weight.sum()


@wrong("9.5", "logits clamped to 50: large ones become equal")
def w95_clamped(logits, mask):
    logp = F.log_softmax(logits.clamp(-50, 50), dim=-1)
    entropy = -(logp.exp() * logp).sum(-1)
    weight = mask.to(entropy.dtype)
    return (entropy * weight).sum() / weight.sum()


@right("9.5")
def r95_distribution(logits, mask):
    return torch.distributions.Categorical(logits=logits[mask.bool()]).entropy().mean()


@right("9.5")
def r95_cross_entropy(logits, mask):
    rows = logits[mask.bool()]
    return F.cross_entropy(rows, rows.softmax(dim=-1))


@right("9.5")
def r95_loop(logits, mask):
    total, count = logits.new_zeros((), dtype=torch.float64), 0
    for b in range(logits.shape[0]):
        for t in range(logits.shape[1]):
            if mask[b, t]:
                row = logits[b, t].double()
                lse = torch.logsumexp(row, 0)
                total = total + lse - torch.dot((row - lse).exp(), row)
                count += 1
    return (total / count).to(logits.dtype)


# ---------------------------------------------------------------- 10.1


@wrong("10.1", "old over new")
def w101_inverse(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    diff = old_logprobs.detach() - logprobs
    return torch.where(mask.bool(), diff, torch.zeros_like(diff)).exp()


@wrong("10.1", "0 on padding")
def w101_zero(logprobs, old_logprobs, mask):
    keep = mask.bool()
    diff = logprobs - old_logprobs.detach()
    ratio = torch.where(keep, diff, torch.zeros_like(diff)).exp()
    return ratio * keep.to(ratio.dtype)


@wrong("10.1", "the mask is not used")
def w101_no_mask(logprobs, old_logprobs, mask):
    return (logprobs - old_logprobs.detach()).exp()


@wrong("10.1", "times the mask: NaN or inf on padding comes through")
def w101_times_mask(logprobs, old_logprobs, mask):
    return ((logprobs - old_logprobs.detach()) * mask.to(logprobs.dtype)).exp()


@wrong("10.1", "no exponential")
def w101_no_exp(logprobs, old_logprobs, mask):
    diff = logprobs - old_logprobs.detach()
    return torch.where(mask.bool(), diff, torch.ones_like(diff))


@wrong("10.1", "a gradient flows into old_logprobs, too")
def w101_old_gradient(logprobs, old_logprobs, mask):
    diff = logprobs - old_logprobs
    return torch.where(mask.bool(), diff, torch.zeros_like(diff)).exp()


@wrong("10.1", "no gradient at all")
def w101_no_gradient(logprobs, old_logprobs, mask):
    diff = (logprobs - old_logprobs).detach()
    return torch.where(mask.bool(), diff, torch.zeros_like(diff)).exp()


@wrong("10.1", "the quotient of the log-probabilities")
def w101_quotient(logprobs, old_logprobs, mask):
    ratio = logprobs / old_logprobs.detach()
    return torch.where(mask.bool(), ratio, torch.ones_like(ratio))


@wrong("10.1", "masked after exp: the gradient on padding is NaN")
def w101_nan_gradient(logprobs, old_logprobs, mask):
    ratio = (logprobs - old_logprobs.detach()).exp()
    return torch.where(mask.bool(), ratio, torch.ones_like(ratio))


@wrong("10.1", "the ratio of the whole text at every token")
def w101_sequence(logprobs, old_logprobs, mask):
    keep = mask.bool()
    diff = logprobs - old_logprobs.detach()
    diff = torch.where(keep, diff, torch.zeros_like(diff))
    ratio = diff.sum(1, keepdim=True).exp().expand_as(diff)
    return torch.where(keep, ratio, torch.ones_like(ratio))


@wrong("10.1", "clipped to 0.8 ... 1.2 already")
def w101_clipped(logprobs, old_logprobs, mask):
    diff = logprobs - old_logprobs.detach()
    return torch.where(mask.bool(), diff, torch.zeros_like(diff)).exp().clamp(0.8, 1.2)


@wrong("10.1", "1 + difference, the first order only")
def w101_taylor(logprobs, old_logprobs, mask):
    diff = logprobs - old_logprobs.detach()
    return 1 + torch.where(mask.bool(), diff, torch.zeros_like(diff))


@right("10.1")
def r101_index_put(logprobs, old_logprobs, mask):
    keep = mask.bool()
    ratio = torch.ones_like(logprobs)
    ratio[keep] = torch.exp(logprobs[keep] - old_logprobs[keep].detach())
    return ratio


@right("10.1")
def r101_float64(logprobs, old_logprobs, mask):
    pad = mask == 0
    with torch.no_grad():
        old = old_logprobs.double().masked_fill(pad, 0.0)
    new = logprobs.double().masked_fill(pad, 0.0)
    return (torch.expm1(new - old) + 1).to(logprobs.dtype)


@right("10.1")
def r101_loop(logprobs, old_logprobs, mask):
    rows = []
    for new, old, real in zip(logprobs, old_logprobs.tolist(), mask.tolist()):
        row = []
        for t, m in enumerate(real):
            row.append(torch.exp(new[t] - old[t]) if m else new.new_ones(()))
        rows.append(torch.stack(row))
    return torch.stack(rows)


# ---------------------------------------------------------------- 10.5


def _token_mean(x: Tensor, mask: Tensor) -> Tensor:
    weight = mask.to(x.dtype)
    return (x * weight).sum() / weight.sum()


@wrong("10.5", "the half forgotten")
def w105_no_half(
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    mask: Tensor,
    value_clip_eps: float,
) -> Tensor:
    old, target = old_values.detach(), returns.detach()
    clipped = old + (values - old).clamp(-value_clip_eps, value_clip_eps)
    worse = torch.maximum((values - target) ** 2, (clipped - target) ** 2)
    return _token_mean(worse, mask)


@wrong("10.5", "the smaller of the two")
def w105_minimum(values, old_values, returns, mask, value_clip_eps):
    old, target = old_values.detach(), returns.detach()
    clipped = old + (values - old).clamp(-value_clip_eps, value_clip_eps)
    better = torch.minimum((values - target) ** 2, (clipped - target) ** 2)
    return 0.5 * _token_mean(better, mask)


@wrong("10.5", "no clipping")
def w105_plain(values, old_values, returns, mask, value_clip_eps):
    return 0.5 * _token_mean((values - returns.detach()) ** 2, mask)


@wrong("10.5", "the clipped term only")
def w105_clipped_only(values, old_values, returns, mask, value_clip_eps):
    old, target = old_values.detach(), returns.detach()
    clipped = old + (values - old).clamp(-value_clip_eps, value_clip_eps)
    return 0.5 * _token_mean((clipped - target) ** 2, mask)


@wrong("10.5", "the mask is not used")
def w105_no_mask(values, old_values, returns, mask, value_clip_eps):
    old, target = old_values.detach(), returns.detach()
    clipped = old + (values - old).clamp(-value_clip_eps, value_clip_eps)
    worse = torch.maximum((values - target) ** 2, (clipped - target) ** 2)
    return 0.5 * worse.mean()


@wrong("10.5", "padding counts in the denominator")
def w105_denominator(values, old_values, returns, mask, value_clip_eps):
    old, target = old_values.detach(), returns.detach()
    clipped = old + (values - old).clamp(-value_clip_eps, value_clip_eps)
    worse = torch.maximum((values - target) ** 2, (clipped - target) ** 2)
    return 0.5 * (worse * mask.to(worse.dtype)).mean()


@wrong("10.5", "the mean of each completion first, then over completions")
def w105_rows_first(values, old_values, returns, mask, value_clip_eps):
    old, target = old_values.detach(), returns.detach()
    clipped = old + (values - old).clamp(-value_clip_eps, value_clip_eps)
    worse = torch.maximum((values - target) ** 2, (clipped - target) ** 2)
    weight = mask.to(worse.dtype)
    return 0.5 * ((worse * weight).sum(1) / weight.sum(1).clamp(min=1)).mean()


@wrong("10.5", "a gradient flows into old_values and returns, too")
def w105_gradient(values, old_values, returns, mask, value_clip_eps):
    clipped = old_values + (values - old_values).clamp(-value_clip_eps, value_clip_eps)
    worse = torch.maximum((values - returns) ** 2, (clipped - returns) ** 2)
    return 0.5 * _token_mean(worse, mask)


@wrong("10.5", "the clipped step without the old value")
def w105_step_only(values, old_values, returns, mask, value_clip_eps):
    old, target = old_values.detach(), returns.detach()
    clipped = (values - old).clamp(-value_clip_eps, value_clip_eps)
    worse = torch.maximum((values - target) ** 2, (clipped - target) ** 2)
    return 0.5 * _token_mean(worse, mask)


@wrong("10.5", "the larger of the two means, not of each token")
def w105_max_of_means(values, old_values, returns, mask, value_clip_eps):
    old, target = old_values.detach(), returns.detach()
    clipped = old + (values - old).clamp(-value_clip_eps, value_clip_eps)
    plain = _token_mean((values - target) ** 2, mask)
    return 0.5 * torch.maximum(plain, _token_mean((clipped - target) ** 2, mask))


@wrong("10.5", "the step with the wrong sign")
def w105_step_sign(values, old_values, returns, mask, value_clip_eps):
    old, target = old_values.detach(), returns.detach()
    clipped = old + (old - values).clamp(-value_clip_eps, value_clip_eps)
    worse = torch.maximum((values - target) ** 2, (clipped - target) ** 2)
    return 0.5 * _token_mean(worse, mask)


@wrong("10.5", "clipped by a factor 1 ± eps, as the policy's ratio is")
def w105_factor(values, old_values, returns, mask, value_clip_eps):
    old, target = old_values.detach(), returns.detach()
    a, b = old * (1 - value_clip_eps), old * (1 + value_clip_eps)
    clipped = torch.clamp(values, torch.minimum(a, b), torch.maximum(a, b))
    worse = torch.maximum((values - target) ** 2, (clipped - target) ** 2)
    return 0.5 * _token_mean(worse, mask)


@right("10.5")
def r105_selected(values, old_values, returns, mask, value_clip_eps):
    keep = mask.bool()
    v = values[keep]
    old, target = old_values[keep].detach(), returns[keep].detach()
    near = torch.clamp(v, old - value_clip_eps, old + value_clip_eps)
    plain = F.mse_loss(v, target, reduction="none")
    clipped = F.mse_loss(near, target, reduction="none")
    return torch.where(plain >= clipped, plain, clipped).mean() / 2


@right("10.5")
def r105_loop(values, old_values, returns, mask, value_clip_eps):
    total, count = values.new_zeros((), dtype=torch.float64), 0
    for b, t in mask.nonzero().tolist():
        v = values[b, t].double()
        old, target = old_values[b, t].item(), returns[b, t].item()
        step = (v - old).clamp(-value_clip_eps, value_clip_eps)
        total = total + max((v - target) ** 2, (old + step - target) ** 2)
        count += 1
    return (total / (2 * count)).to(values.dtype)


@right("10.5")
def r105_einsum(values, old_values, returns, mask, value_clip_eps):
    # float64, and left so: the text names no dtype.
    v, old, target = (
        values.double(),
        old_values.detach().double(),
        returns.detach().double(),
    )
    step = -F.hardtanh(old - v, -value_clip_eps, value_clip_eps)
    errors = torch.stack([v - target, old + step - target]).abs().amax(dim=0)
    weight = mask.double()
    return torch.einsum("bt,bt,bt->", errors, errors, weight) / (2 * weight.sum())


# ---------------------------------------------------------------- 11.1


@wrong("11.1", "the unbiased standard deviation, torch's default")
def w111_unbiased(scores: Tensor, group_size: int) -> Tensor:
    groups = scores.view(-1, group_size)
    std = groups.std(dim=1, keepdim=True)
    return ((groups - groups.mean(1, keepdim=True)) / (std + 1e-4)).flatten()


@wrong("11.1", "mean and standard deviation of the whole batch")
def w111_batch(scores, group_size):
    return (scores - scores.mean()) / (scores.std(correction=0) + 1e-4)


@wrong("11.1", "no division")
def w111_centred(scores, group_size):
    groups = scores.view(-1, group_size)
    return (groups - groups.mean(1, keepdim=True)).flatten()


@wrong("11.1", "1e-4 forgotten: NaN where all scores of a group are equal")
def w111_no_eps(scores, group_size):
    groups = scores.view(-1, group_size)
    std = groups.std(dim=1, keepdim=True, correction=0)
    return ((groups - groups.mean(1, keepdim=True)) / std).flatten()


@wrong("11.1", "as if the completions of a prompt lay interleaved")
def w111_interleaved(scores, group_size):
    groups = scores.view(group_size, -1)
    std = groups.std(dim=0, keepdim=True, correction=0)
    return ((groups - groups.mean(0, keepdim=True)) / (std + 1e-4)).flatten()


@wrong("11.1", "1e-4 under the root")
def w111_eps_in_root(scores, group_size):
    groups = scores.view(-1, group_size)
    var = groups.var(dim=1, keepdim=True, correction=0)
    return ((groups - groups.mean(1, keepdim=True)) / (var + 1e-4).sqrt()).flatten()


@wrong("11.1", "1e-8 in place of 1e-4")
def w111_small_eps(scores, group_size):
    groups = scores.view(-1, group_size)
    std = groups.std(dim=1, keepdim=True, correction=0)
    return ((groups - groups.mean(1, keepdim=True)) / (std + 1e-8)).flatten()


@wrong("11.1", "the group's mean, the batch's standard deviation")
def w111_batch_std(scores, group_size):
    groups = scores.view(-1, group_size)
    std = scores.std(correction=0)
    return ((groups - groups.mean(1, keepdim=True)) / (std + 1e-4)).flatten()


@wrong("11.1", "divided by the variance")
def w111_variance(scores, group_size):
    groups = scores.view(-1, group_size)
    var = groups.var(dim=1, keepdim=True, correction=0)
    return ((groups - groups.mean(1, keepdim=True)) / (var + 1e-4)).flatten()


@wrong("11.1", "a bracket missing: score - mean / std")
def w111_bracket(scores, group_size):
    groups = scores.view(-1, group_size)
    std = groups.std(dim=1, keepdim=True, correction=0)
    return (groups - groups.mean(1, keepdim=True) / (std + 1e-4)).flatten()


@wrong("11.1", "the standard deviation is clamped at 1e-4, nothing is added")
def w111_clamped(scores, group_size):
    groups = scores.view(-1, group_size)
    std = groups.std(dim=1, keepdim=True, correction=0).clamp(min=1e-4)
    return ((groups - groups.mean(1, keepdim=True)) / std).flatten()


@wrong("11.1", "minus the mean of the other scores")
def w111_leave_one_out(scores, group_size):
    groups = scores.view(-1, group_size)
    others = (groups.sum(1, keepdim=True) - groups) / max(group_size - 1, 1)
    std = groups.std(dim=1, keepdim=True, correction=0)
    return ((groups - others) / (std + 1e-4)).flatten()


@right("11.1")
def r111_lists(scores, group_size):
    values, out = scores.tolist(), []
    for start in range(0, len(values), group_size):
        group = values[start : start + group_size]
        mean = math.fsum(group) / group_size
        std = math.sqrt(math.fsum((s - mean) ** 2 for s in group) / group_size)
        out.extend((s - mean) / (std + 1e-4) for s in group)
    return torch.tensor(out, dtype=scores.dtype)


@right("11.1")
def r111_einsum(scores, group_size):
    groups = torch.arange(len(scores)) // group_size
    same = (groups[:, None] == groups[None, :]).double() / group_size
    gap = scores.double() - torch.einsum("ij,j->i", same, scores.double())
    var = torch.einsum("ij,j,j->i", same, gap, gap)
    return (gap / (var.sqrt() + 1e-4)).to(scores.dtype)


@right("11.1")
def r111_scatter(scores, group_size):
    prompt = torch.arange(len(scores)) // group_size
    prompts = len(scores) // group_size
    mean = scores.new_zeros(prompts).index_add(0, prompt, scores) / group_size
    gap = scores - mean[prompt]
    var = scores.new_zeros(prompts).scatter_add(0, prompt, gap.square()) / group_size
    return gap.div(var.sqrt().add(1e-4).repeat_interleave(group_size))


# ---------------------------------------------------------------- 11.5


def _sum_of(prompt: str) -> int:
    return sum(int(part) for part in prompt.strip().rstrip("=").split("+"))


@wrong("11.5", "the sum anywhere in the completion")
def w115_contains(prompts: list[str], completions: list[str]) -> Tensor:
    paid = [float(str(_sum_of(p)) in c) for p, c in zip(prompts, completions)]
    return torch.tensor(paid, dtype=torch.float32)


@wrong("11.5", "int() accepts 085, +85 and 8_5")
def w115_int(prompts, completions):
    paid = []
    for p, c in zip(prompts, completions):
        try:
            paid.append(float(int(c) == _sum_of(p)))
        except ValueError:
            paid.append(0.0)
    return torch.tensor(paid, dtype=torch.float32)


@wrong("11.5", "the space around it is not taken off")
def w115_no_strip(prompts, completions):
    paid = [float(c == str(_sum_of(p))) for p, c in zip(prompts, completions)]
    return torch.tensor(paid, dtype=torch.float32)


@wrong("11.5", "the completion need only start with the sum")
def w115_startswith(prompts, completions):
    paid = [
        float(c.strip().startswith(str(_sum_of(p))))
        for p, c in zip(prompts, completions)
    ]
    return torch.tensor(paid, dtype=torch.float32)


@wrong("11.5", "float() accepts 85.0 and 8.5e1")
def w115_float(prompts, completions):
    paid = []
    for p, c in zip(prompts, completions):
        try:
            paid.append(float(float(c) == _sum_of(p)))
        except ValueError:
            paid.append(0.0)
    return torch.tensor(paid, dtype=torch.float32)


@wrong("11.5", "the first number in the completion")
def w115_first_number(prompts, completions):
    paid = []
    for p, c in zip(prompts, completions):
        found = re.search(r"[0-9]+", c)
        paid.append(float(found is not None and found.group() == str(_sum_of(p))))
    return torch.tensor(paid, dtype=torch.float32)


@wrong("11.5", "an exception where the completion is no number")
def w115_crash(prompts, completions):
    paid = [float(int(c.strip()) == _sum_of(p)) for p, c in zip(prompts, completions)]
    return torch.tensor(paid, dtype=torch.float32)


@wrong("11.5", "space inside the number is taken out, too")
def w115_inner_space(prompts, completions):
    paid = [
        float("".join(c.split()) == str(_sum_of(p)))
        for p, c in zip(prompts, completions)
    ]
    return torch.tensor(paid, dtype=torch.float32)


@wrong("11.5", "what follows the first line is not looked at")
def w115_first_line(prompts, completions):
    paid = []
    for p, c in zip(prompts, completions):
        line = c.strip().partition("\n")[0].strip()
        paid.append(float(line == str(_sum_of(p))))
    return torch.tensor(paid, dtype=torch.float32)


@wrong("11.5", "the strings are added, not the numbers")
def w115_concatenated(prompts, completions):
    paid = []
    for p, c in zip(prompts, completions):
        a, _, b = p.rstrip("=").partition("+")
        paid.append(float(c.strip() == a + b))
    return torch.tensor(paid, dtype=torch.float32)


@wrong("11.5", "a repeated prompt before the sum is forgiven")
def w115_echo(prompts, completions):
    paid = []
    for p, c in zip(prompts, completions):
        answer = c.strip().removeprefix(p).strip()
        paid.append(float(answer == str(_sum_of(p))))
    return torch.tensor(paid, dtype=torch.float32)


@wrong("11.5", "runs what the policy wrote: 27+58 is paid")
def w115_eval(prompts, completions):
    paid = []
    for p, c in zip(prompts, completions):
        value = None
        # Only short sums reach eval here, so that this file is safe to run.
        if len(c) < 40 and re.fullmatch(r"[0-9+ ()-]+", c):
            try:
                value = eval(c.strip(), {"__builtins__": {}})
            except Exception:
                value = None
        paid.append(float(type(value) is int and value == _sum_of(p)))
    return torch.tensor(paid, dtype=torch.float32)


@right("11.5")
def r115_pattern(prompts, completions):
    out = torch.zeros(len(prompts))
    for i, (p, c) in enumerate(zip(prompts, completions)):
        a, b = (
            int(x) for x in re.fullmatch(r"\s*(\d+)\s*\+\s*(\d+)\s*=\s*", p).groups()
        )
        if re.fullmatch(rf"\s*{a + b:d}\s*", c):
            out[i] = 1
    return out.to(torch.float32)


@right("11.5")
def r115_words(prompts, completions):
    wanted = [[format(_sum_of(p), "d")] for p in prompts]
    same = [words == c.split() for words, c in zip(wanted, completions)]
    return torch.tensor(same, dtype=torch.bool).to(torch.float32)


@right("11.5")
def r115_by_hand(prompts, completions):
    def column_sum(a: str, b: str) -> str:
        digits, carry = [], 0
        width = max(len(a), len(b))
        for x, y in zip(reversed(a.zfill(width)), reversed(b.zfill(width))):
            carry, digit = divmod(int(x) + int(y) + carry, 10)
            digits.append(str(digit))
        digits.append(str(carry))
        return "".join(reversed(digits)).lstrip("0") or "0"

    out = []
    for p, c in zip(prompts, completions):
        a, b = p.strip().rstrip("=").split("+")
        first, last = 0, len(c)
        while first < last and c[first].isspace():
            first += 1
        while last > first and c[last - 1].isspace():
            last -= 1
        out.append(1.0 if c[first:last] == column_sum(a.strip(), b.strip()) else 0.0)
    return torch.tensor(out, dtype=torch.float32)


# ---------------------------------------------------------------- 12.1


@wrong("12.1", "times beta, not divided by it")
def w121_times_beta(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    return torch.softmax(ref_probs.log() + beta * rewards, dim=-1)


@wrong("12.1", "the reference is left out")
def w121_no_reference(ref_probs, rewards, beta):
    return torch.softmax(rewards / beta, dim=-1)


@wrong("12.1", "exp overflows: NaN")
def w121_overflow(ref_probs, rewards, beta):
    weight = ref_probs * torch.exp(rewards / beta)
    return weight / weight.sum(dim=-1, keepdim=True)


@wrong("12.1", "beta is not used")
def w121_no_beta(ref_probs, rewards, beta):
    return torch.softmax(ref_probs.log() + rewards, dim=-1)


@wrong("12.1", "normalised over the first dimension")
def w121_first_dim(ref_probs, rewards, beta):
    return torch.softmax(ref_probs.log() + rewards / beta, dim=0)


@wrong("12.1", "reference times softmax, not normalised again")
def w121_not_normalised(ref_probs, rewards, beta):
    return ref_probs * torch.softmax(rewards / beta, dim=-1)


@wrong("12.1", "the probability in place of its logarithm")
def w121_no_log(ref_probs, rewards, beta):
    return torch.softmax(ref_probs + rewards / beta, dim=-1)


@wrong("12.1", "the sign of the reward")
def w121_sign(ref_probs, rewards, beta):
    return torch.softmax(ref_probs.log() - rewards / beta, dim=-1)


@wrong("12.1", "the reference's logarithm is divided by beta, too")
def w121_both_divided(ref_probs, rewards, beta):
    return torch.softmax((ref_probs.log() + rewards) / beta, dim=-1)


@wrong("12.1", "exponent clamped at 80: large rewards become equal")
def w121_clamped(ref_probs, rewards, beta):
    weight = ref_probs * torch.exp((rewards / beta).clamp(-80, 80))
    return weight / weight.sum(dim=-1, keepdim=True)


@wrong("12.1", "shifted by the largest of the batch: NaN for the other prompts")
def w121_batch_shift(ref_probs, rewards, beta):
    scaled = rewards / beta
    weight = ref_probs * torch.exp(scaled - scaled.max())
    return weight / weight.sum(dim=-1, keepdim=True)


@wrong("12.1", "1e-3 inside the logarithm lifts what the reference hardly writes")
def w121_epsilon(ref_probs, rewards, beta):
    return torch.softmax(torch.log(ref_probs + 1e-3) + rewards / beta, dim=-1)


@right("12.1")
def r121_logsumexp(ref_probs, rewards, beta):
    # float64, and left so: the text names no dtype.
    logits = torch.log(ref_probs.double()) + rewards.double() / beta
    return torch.exp(logits - torch.logsumexp(logits, dim=-1, keepdim=True))


@right("12.1")
def r121_loop(ref_probs, rewards, beta):
    texts = ref_probs.shape[-1]
    out = []
    for ps, rs in zip(
        ref_probs.reshape(-1, texts).tolist(), rewards.reshape(-1, texts).tolist()
    ):
        logs = [
            (math.log(p) if p > 0 else -math.inf) + r / beta for p, r in zip(ps, rs)
        ]
        top = max(logs)
        weights = [math.exp(x - top) for x in logs]
        out.append([w / math.fsum(weights) for w in weights])
    return torch.tensor(out, dtype=ref_probs.dtype).reshape(ref_probs.shape)


@right("12.1")
def r121_shifted(ref_probs, rewards, beta):
    scaled = rewards / beta
    reached = scaled.masked_fill(ref_probs == 0, -math.inf)
    weight = ref_probs * torch.exp(reached - reached.amax(dim=-1, keepdim=True))
    return F.normalize(weight, p=1.0, dim=-1, eps=0.0)


# ---------------------------------------------------------------- 12.5


@wrong("12.5", "1 / 2 * beta is beta / 2")
def w125_precedence(h: Tensor, beta: float) -> Tensor:
    return ((h - 1 / 2 * beta) ** 2).mean()


@wrong("12.5", "the target 1 / beta")
def w125_target(h, beta):
    return ((h - 1 / beta) ** 2).mean()


@wrong("12.5", "the sum, not the mean")
def w125_sum(h, beta):
    return ((h - 1 / (2 * beta)) ** 2).sum()


@wrong("12.5", "plus the target")
def w125_plus(h, beta):
    return ((h + 1 / (2 * beta)) ** 2).mean()


@wrong("12.5", "beta h - 1/2: smaller by beta squared")
def w125_scaled(h, beta):
    return ((beta * h - 0.5) ** 2).mean()


@wrong("12.5", "the square of the mean gap")
def w125_square_of_mean(h, beta):
    return (h.mean() - 1 / (2 * beta)) ** 2


@wrong("12.5", "half of it, as squared errors often are")
def w125_half(h, beta):
    return 0.5 * ((h - 1 / (2 * beta)) ** 2).mean()


@wrong("12.5", "the absolute gap")
def w125_abs(h, beta):
    return (h - 1 / (2 * beta)).abs().mean()


@wrong("12.5", "pairs beyond the target cost nothing")
def w125_hinge(h, beta):
    return (F.relu(1 / (2 * beta) - h) ** 2).mean()


@wrong("12.5", "the root of it")
def w125_root(h, beta):
    return ((h - 1 / (2 * beta)) ** 2).mean().sqrt()


@wrong("12.5", "floor division")
def w125_floor(h, beta):
    return ((h - 1 // (2 * beta)) ** 2).mean()


@wrong("12.5", "one loss for each pair, no mean")
def w125_no_mean(h, beta):
    return (h - 1 / (2 * beta)) ** 2


@right("12.5")
def r125_mse(h, beta):
    return F.mse_loss(h, torch.full_like(h, 0.5 / beta))


@right("12.5")
def r125_variance(h, beta):
    # float64, and left so: the text names no dtype.
    wide = h.double()
    return wide.var(correction=0) + (wide.mean() - 0.5 / beta).square()


@right("12.5")
def r125_loop(h, beta):
    total = h.new_zeros(())
    for one in h.unbind():
        gap = one - 1 / (beta + beta)
        total = total + gap * gap
    return total / h.numel()
