"""Students' answers to the first and the last exercise of chapters 1 to 6."""

import bisect
import io
import itertools
import math
from collections import Counter, deque
from functools import reduce

import torch
import torch.nn.functional as F
from torch import nn

from tools.try_answers import right, wrong

# --- 1.1 next_token_loss ---------------------------------------------------------


@wrong("1.1", "no shift by one")
def loss_unshifted(logits, ids, mask=None):
    logp = torch.log_softmax(logits, dim=-1)
    nll = -logp.gather(-1, ids.unsqueeze(-1)).squeeze(-1)
    if mask is None:
        return nll.mean()
    m = mask.to(nll.dtype)
    return (nll * m).sum() / m.sum()


@wrong("1.1", "shifted the wrong way")
def loss_shifted_backwards(logits, ids, mask=None):
    logp = torch.log_softmax(logits[:, 1:], dim=-1)
    nll = -logp.gather(-1, ids[:, :-1].unsqueeze(-1)).squeeze(-1)
    if mask is None:
        return nll.mean()
    m = mask[:, :-1].to(nll.dtype)
    return (nll * m).sum() / m.sum()


@wrong("1.1", "mask not shifted with the targets")
def loss_mask_of_inputs(logits, ids, mask=None):
    logp = torch.log_softmax(logits[:, :-1], dim=-1)
    nll = -logp.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    if mask is None:
        return nll.mean()
    m = mask[:, :-1].to(nll.dtype)
    return (nll * m).sum() / m.sum()


@wrong("1.1", "divides by all positions, not by the counted ones")
def loss_over_all_positions(logits, ids, mask=None):
    logp = torch.log_softmax(logits[:, :-1], dim=-1)
    nll = -logp.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    if mask is not None:
        nll = nll * mask[:, 1:].to(nll.dtype)
    return nll.mean()


@wrong("1.1", "mean of the sequences' means")
def loss_mean_of_means(logits, ids, mask=None):
    logp = torch.log_softmax(logits[:, :-1], dim=-1)
    nll = -logp.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    m = torch.ones_like(nll) if mask is None else mask[:, 1:].to(nll.dtype)
    per_sequence = (nll * m).sum(dim=1) / m.sum(dim=1).clamp(min=1)
    return per_sequence.mean()


@wrong("1.1", "mask ignored")
def loss_without_mask(logits, ids, mask=None):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


@wrong("1.1", "cross_entropy on probabilities: softmax twice")
def loss_softmax_twice(logits, ids, mask=None):
    p = torch.softmax(logits[:, :-1], dim=-1)
    nll = F.cross_entropy(p.transpose(1, 2), ids[:, 1:], reduction="none")
    if mask is None:
        return nll.mean()
    m = mask[:, 1:].to(nll.dtype)
    return (nll * m).sum() / m.sum()


@wrong("1.1", "sign forgotten: mean log-probability")
def loss_positive_logprob(logits, ids, mask=None):
    logp = torch.log_softmax(logits[:, :-1], dim=-1)
    picked = logp.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    if mask is None:
        return picked.mean()
    m = mask[:, 1:].to(picked.dtype)
    return (picked * m).sum() / m.sum()


@wrong("1.1", "sum over the batch divided by the number of sequences")
def loss_per_sequence(logits, ids, mask=None):
    nll = F.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
    if mask is not None:
        nll = nll * mask[:, 1:].to(nll.dtype)
    return nll.sum() / ids.shape[0]


@wrong("1.1", "in bits instead of nats")
def loss_in_bits(logits, ids, mask=None):
    nll = F.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
    m = torch.ones_like(nll) if mask is None else mask[:, 1:].to(nll.dtype)
    return (nll * m).sum() / m.sum() / math.log(2)


@wrong("1.1", "the divisor also counts the first token")
def loss_counts_first(logits, ids, mask=None):
    nll = F.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
    if mask is None:
        mask = torch.ones_like(ids, dtype=torch.bool)
    return (nll * mask[:, 1:].to(nll.dtype)).sum() / mask.sum()


@wrong("1.1", "targets rolled: the last position predicts the first token")
def loss_rolled(logits, ids, mask=None):
    targets = torch.roll(ids, -1, dims=1)
    nll = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    if mask is None:
        return nll.mean()
    m = torch.roll(mask, -1, dims=1).to(nll.dtype)
    return (nll * m).sum() / m.sum()


@right("1.1")
def loss_by_loops(logits, ids, mask=None):
    batch, time = ids.shape
    terms = []
    for b in range(batch):
        for t in range(1, time):
            if mask is not None and not bool(mask[b, t]):
                continue
            row = logits[b, t - 1]
            terms.append(torch.logsumexp(row, dim=0) - row[int(ids[b, t])])
    return torch.stack(terms).mean()


@right("1.1")
def loss_by_ignore_index(logits, ids, mask=None):
    targets = ids[:, 1:].clone()
    if mask is not None:
        targets[~mask[:, 1:].bool()] = -100
    return F.cross_entropy(
        logits[:, :-1].reshape(-1, logits.shape[-1]),
        targets.reshape(-1),
        ignore_index=-100,
    )


@right("1.1")
def loss_one_hot_double(logits, ids, mask=None):
    logp = logits[:, :-1].double().log_softmax(dim=-1)
    one_hot = F.one_hot(ids[:, 1:], logits.shape[-1]).double()
    picked = torch.einsum("btv,btv->bt", logp, one_hot)
    if mask is not None:
        picked = picked[mask[:, 1:].bool()]
    return -picked.mean().to(logits.dtype)


# --- 1.4 sequence_logprob --------------------------------------------------------


@wrong("1.4", "no shift by one")
def logprob_unshifted(logits, ids, mask=None):
    logp = torch.log_softmax(logits, dim=-1)
    picked = logp.gather(-1, ids.unsqueeze(-1)).squeeze(-1)
    if mask is not None:
        picked = picked * mask.to(picked.dtype)
    return picked.sum(dim=1)


@wrong("1.4", "mean per token instead of the sum")
def logprob_mean(logits, ids, mask=None):
    logp = torch.log_softmax(logits[:, :-1], dim=-1)
    picked = logp.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    m = torch.ones_like(picked) if mask is None else mask[:, 1:].to(picked.dtype)
    return (picked * m).sum(dim=1) / m.sum(dim=1).clamp(min=1)


@wrong("1.4", "sign: negative log-probability")
def logprob_negative(logits, ids, mask=None):
    nll = F.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
    if mask is not None:
        nll = nll * mask[:, 1:].to(nll.dtype)
    return nll.sum(dim=1)


@wrong("1.4", "mask not shifted with the targets")
def logprob_mask_of_inputs(logits, ids, mask=None):
    logp = torch.log_softmax(logits[:, :-1], dim=-1)
    picked = logp.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    if mask is not None:
        picked = picked * mask[:, :-1].to(picked.dtype)
    return picked.sum(dim=1)


@wrong("1.4", "one sum over the whole batch")
def logprob_total(logits, ids, mask=None):
    logp = torch.log_softmax(logits[:, :-1], dim=-1)
    picked = logp.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    if mask is not None:
        picked = picked * mask[:, 1:].to(picked.dtype)
    return picked.sum()


@wrong("1.4", "mask ignored")
def logprob_without_mask(logits, ids, mask=None):
    logp = torch.log_softmax(logits[:, :-1], dim=-1)
    return logp.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1).sum(dim=1)


@wrong("1.4", "raw logits summed, no log-softmax")
def logprob_raw_logits(logits, ids, mask=None):
    picked = logits[:, :-1].gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    if mask is not None:
        picked = picked * mask[:, 1:].to(picked.dtype)
    return picked.sum(dim=1)


@wrong("1.4", "shifted the wrong way")
def logprob_shifted_backwards(logits, ids, mask=None):
    logp = torch.log_softmax(logits[:, 1:], dim=-1)
    picked = logp.gather(-1, ids[:, :-1].unsqueeze(-1)).squeeze(-1)
    if mask is not None:
        picked = picked * mask[:, :-1].to(picked.dtype)
    return picked.sum(dim=1)


@wrong("1.4", "the probability, not its logarithm")
def logprob_exponentiated(logits, ids, mask=None):
    logp = torch.log_softmax(logits[:, :-1], dim=-1)
    picked = logp.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    if mask is not None:
        picked = picked * mask[:, 1:].to(picked.dtype)
    return picked.sum(dim=1).exp()


@wrong("1.4", "log of the sum of the tokens' probabilities")
def logprob_log_of_sum(logits, ids, mask=None):
    p = torch.softmax(logits[:, :-1], dim=-1)
    picked = p.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    if mask is not None:
        picked = picked * mask[:, 1:].to(picked.dtype)
    return picked.sum(dim=1).log()


@wrong("1.4", "takes the mask for a length: counts a prefix")
def logprob_mask_as_prefix(logits, ids, mask=None):
    logp = torch.log_softmax(logits[:, :-1], dim=-1)
    picked = logp.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    if mask is not None:
        n = mask[:, 1:].sum(dim=1, keepdim=True)
        keep = torch.arange(picked.shape[1], device=ids.device) < n
        picked = picked * keep.to(picked.dtype)
    return picked.sum(dim=1)


@wrong("1.4", "the mask zeroes the logits: uncounted tokens add -log V")
def logprob_masked_logits(logits, ids, mask=None):
    z = logits[:, :-1]
    if mask is not None:
        z = z * mask[:, 1:].unsqueeze(-1).to(z.dtype)
    logp = torch.log_softmax(z, dim=-1)
    return logp.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1).sum(dim=1)


@right("1.4")
def logprob_by_loops(logits, ids, mask=None):
    rows = []
    for b in range(ids.shape[0]):
        total = logits.new_zeros(())
        for t in range(1, ids.shape[1]):
            if mask is None or bool(mask[b, t]):
                z = logits[b, t - 1]
                total = total + z[int(ids[b, t])] - torch.logsumexp(z, dim=0)
        rows.append(total)
    return torch.stack(rows)


@right("1.4")
def logprob_categorical(logits, ids, mask=None):
    steps = torch.distributions.Categorical(logits=logits[:, :-1], validate_args=False)
    picked = steps.log_prob(ids[:, 1:])
    if mask is not None:
        picked = torch.where(mask[:, 1:].bool(), picked, torch.zeros_like(picked))
    return torch.einsum("bt->b", picked)


@right("1.4")
def logprob_double(logits, ids, mask=None):
    z = logits.double()
    rows = torch.arange(ids.shape[0], device=ids.device)[:, None]
    columns = torch.arange(ids.shape[1] - 1, device=ids.device)[None, :]
    picked = z[rows, columns, ids[:, 1:]] - z[:, :-1].logsumexp(dim=-1)
    if mask is not None:
        picked = picked.masked_fill(mask[:, 1:].logical_not(), 0.0)
    return picked.sum(dim=-1).to(logits.dtype)


# --- 2.1 causal_attention --------------------------------------------------------


@wrong("2.1", "mask aligned to the first positions when S > T")
def attention_mask_top_left(queries, keys, values):
    group = queries.shape[1] // keys.shape[1]
    k = keys.repeat_interleave(group, dim=1)
    v = values.repeat_interleave(group, dim=1)
    t, s = queries.shape[2], k.shape[2]
    scores = queries @ k.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    keep = torch.ones(t, s, dtype=torch.bool, device=queries.device).tril()
    return scores.masked_fill(~keep, -torch.inf).softmax(dim=-1) @ v


@wrong("2.1", "scores not divided by the root of D")
def attention_no_scale(queries, keys, values):
    group = queries.shape[1] // keys.shape[1]
    k = keys.repeat_interleave(group, dim=1)
    v = values.repeat_interleave(group, dim=1)
    t, s = queries.shape[2], k.shape[2]
    scores = queries @ k.transpose(-2, -1)
    keep = torch.ones(t, s, dtype=torch.bool, device=queries.device).tril(s - t)
    return scores.masked_fill(~keep, -torch.inf).softmax(dim=-1) @ v


@wrong("2.1", "heads repeated in turn: head h reads h % K")
def attention_repeat(queries, keys, values):
    group = queries.shape[1] // keys.shape[1]
    k = keys.repeat(1, group, 1, 1)
    v = values.repeat(1, group, 1, 1)
    t, s = queries.shape[2], k.shape[2]
    scores = queries @ k.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    keep = torch.ones(t, s, dtype=torch.bool, device=queries.device).tril(s - t)
    return scores.masked_fill(~keep, -torch.inf).softmax(dim=-1) @ v


@wrong("2.1", "no causal mask")
def attention_sees_all(queries, keys, values):
    group = queries.shape[1] // keys.shape[1]
    k = keys.repeat_interleave(group, dim=1)
    v = values.repeat_interleave(group, dim=1)
    scores = queries @ k.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    return scores.softmax(dim=-1) @ v


@wrong("2.1", "later scores set to 0 before the softmax")
def attention_zero_scores(queries, keys, values):
    group = queries.shape[1] // keys.shape[1]
    k = keys.repeat_interleave(group, dim=1)
    v = values.repeat_interleave(group, dim=1)
    t, s = queries.shape[2], k.shape[2]
    scores = queries @ k.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    scores = scores.tril(s - t)
    return scores.softmax(dim=-1) @ v


@wrong("2.1", "masked after the softmax, weights do not sum to 1")
def attention_mask_after(queries, keys, values):
    group = queries.shape[1] // keys.shape[1]
    k = keys.repeat_interleave(group, dim=1)
    v = values.repeat_interleave(group, dim=1)
    t, s = queries.shape[2], k.shape[2]
    scores = queries @ k.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    return scores.softmax(dim=-1).tril(s - t) @ v


@wrong("2.1", "softmax over the queries")
def attention_softmax_queries(queries, keys, values):
    group = queries.shape[1] // keys.shape[1]
    k = keys.repeat_interleave(group, dim=1)
    v = values.repeat_interleave(group, dim=1)
    t, s = queries.shape[2], k.shape[2]
    scores = queries @ k.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    keep = torch.ones(t, s, dtype=torch.bool, device=queries.device).tril(s - t)
    return scores.masked_fill(~keep, -torch.inf).softmax(dim=-2) @ v


@wrong("2.1", "divides by D instead of its root")
def attention_scale_d(queries, keys, values):
    group = queries.shape[1] // keys.shape[1]
    k = keys.repeat_interleave(group, dim=1)
    v = values.repeat_interleave(group, dim=1)
    t, s = queries.shape[2], k.shape[2]
    scores = queries @ k.transpose(-2, -1) / queries.shape[-1]
    keep = torch.ones(t, s, dtype=torch.bool, device=queries.device).tril(s - t)
    return scores.masked_fill(~keep, -torch.inf).softmax(dim=-1) @ v


@wrong("2.1", "mask inverted: fills what should be kept")
def attention_mask_inverted(queries, keys, values):
    group = queries.shape[1] // keys.shape[1]
    k = keys.repeat_interleave(group, dim=1)
    v = values.repeat_interleave(group, dim=1)
    t, s = queries.shape[2], k.shape[2]
    scores = queries @ k.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    keep = torch.ones(t, s, dtype=torch.bool, device=queries.device).tril(s - t)
    return scores.masked_fill(keep, -torch.inf).softmax(dim=-1) @ v


@wrong("2.1", "sees one position too many")
def attention_one_ahead(queries, keys, values):
    group = queries.shape[1] // keys.shape[1]
    k = keys.repeat_interleave(group, dim=1)
    v = values.repeat_interleave(group, dim=1)
    t, s = queries.shape[2], k.shape[2]
    scores = queries @ k.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    future = torch.ones(t, s, dtype=torch.bool, device=queries.device).triu(s - t + 2)
    return scores.masked_fill(future, -torch.inf).softmax(dim=-1) @ v


@wrong("2.1", "does not see its own position")
def attention_strictly_before(queries, keys, values):
    group = queries.shape[1] // keys.shape[1]
    k = keys.repeat_interleave(group, dim=1)
    v = values.repeat_interleave(group, dim=1)
    t, s = queries.shape[2], k.shape[2]
    scores = queries @ k.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    future = torch.ones(t, s, dtype=torch.bool, device=queries.device).triu(s - t)
    return scores.masked_fill(future, -1e9).softmax(dim=-1) @ v


@wrong("2.1", "drops the cached positions")
def attention_without_cache(queries, keys, values):
    group = queries.shape[1] // keys.shape[1]
    t = queries.shape[2]
    k = keys[:, :, -t:].repeat_interleave(group, dim=1)
    v = values[:, :, -t:].repeat_interleave(group, dim=1)
    return F.scaled_dot_product_attention(queries, k, v, is_causal=True)


@right("2.1")
def attention_by_loops(queries, keys, values):
    batch, heads, t, d = queries.shape
    group, s = heads // keys.shape[1], keys.shape[2]
    out = torch.zeros_like(queries)
    for b in range(batch):
        for h in range(heads):
            for i in range(t):
                end = s - t + i + 1
                z = keys[b, h // group, :end] @ queries[b, h, i] / math.sqrt(d)
                w = (z - z.max()).exp()
                out[b, h, i] = (w / w.sum()) @ values[b, h // group, :end]
    return out


@right("2.1")
def attention_einsum_double(queries, keys, values):
    batch, heads, t, d = queries.shape
    kv, s = keys.shape[1], keys.shape[2]
    q = queries.double().reshape(batch, kv, heads // kv, t, d)
    scores = torch.einsum("bkgtd,bksd->bkgts", q, keys.double()) * d**-0.5
    where_query = torch.arange(s - t, s, device=queries.device)[:, None]
    where_key = torch.arange(s, device=queries.device)[None, :]
    scores = torch.where(where_key <= where_query, scores, -torch.inf)
    weights = torch.softmax(scores, dim=-1)
    out = torch.einsum("bkgts,bksd->bkgtd", weights, values.double())
    return out.reshape(batch, heads, t, d).to(queries.dtype)


@right("2.1")
def attention_library_call(queries, keys, values):
    kv_head = torch.arange(queries.shape[1], device=queries.device) // (
        queries.shape[1] // keys.shape[1]
    )
    t, s = queries.shape[2], keys.shape[2]
    bias = torch.full((t, s), -torch.inf, dtype=queries.dtype, device=queries.device)
    bias = bias.triu(s - t + 1)
    return F.scaled_dot_product_attention(
        queries, keys[:, kv_head], values[:, kv_head], attn_mask=bias
    )


# --- 2.5 parameter_count ---------------------------------------------------------


@wrong("2.5", "tied weights counted twice")
def count_untied(config):
    c, f = config.width, config.feed_forward
    kv = c // config.heads * config.kv_heads
    layer = 2 * c * c + 2 * c * kv + 3 * c * f + 2 * c
    return 2 * config.vocab_size * c + config.layers * layer + c


@wrong("2.5", "keys and values as wide as the queries")
def count_full_kv(config):
    c, f = config.width, config.feed_forward
    layer = 4 * c * c + 3 * c * f + 2 * c
    return config.vocab_size * c + config.layers * layer + c


@wrong("2.5", "norms forgotten")
def count_no_norms(config):
    c, f = config.width, config.feed_forward
    kv = c // config.heads * config.kv_heads
    layer = 2 * c * c + 2 * c * kv + 3 * c * f
    return config.vocab_size * c + config.layers * layer


@wrong("2.5", "the last norm forgotten")
def count_no_final_norm(config):
    c, f = config.width, config.feed_forward
    kv = c // config.heads * config.kv_heads
    layer = 2 * c * c + 2 * c * kv + 3 * c * f + 2 * c
    return config.vocab_size * c + config.layers * layer


@wrong("2.5", "feed-forward with two matrices, no gate")
def count_two_matrices(config):
    c, f = config.width, config.feed_forward
    kv = c // config.heads * config.kv_heads
    layer = 2 * c * c + 2 * c * kv + 2 * c * f + 2 * c
    return config.vocab_size * c + config.layers * layer + c


@wrong("2.5", "a table of positions added")
def count_position_table(config):
    c, f = config.width, config.feed_forward
    kv = c // config.heads * config.kv_heads
    layer = 2 * c * c + 2 * c * kv + 3 * c * f + 2 * c
    return (config.vocab_size + config.context) * c + config.layers * layer + c


@wrong("2.5", "one norm per layer")
def count_one_norm(config):
    c, f = config.width, config.feed_forward
    kv = c // config.heads * config.kv_heads
    layer = 2 * c * c + 2 * c * kv + 3 * c * f + c
    return config.vocab_size * c + config.layers * layer + c


@wrong("2.5", "biases counted")
def count_biases(config):
    c, f = config.width, config.feed_forward
    kv = c // config.heads * config.kv_heads
    attention = 2 * (c * c + c) + 2 * (c * kv + kv)
    feed_forward = 2 * (c * f + f) + (c * f + c)
    layer = attention + feed_forward + 2 * c
    return config.vocab_size * c + config.layers * layer + c


@wrong("2.5", "embedding not counted")
def count_no_embedding(config):
    c, f = config.width, config.feed_forward
    kv = c // config.heads * config.kv_heads
    layer = 2 * c * c + 2 * c * kv + 3 * c * f + 2 * c
    return config.layers * layer + c


@wrong("2.5", "output projection of the attention forgotten")
def count_no_output_projection(config):
    c, f = config.width, config.feed_forward
    kv = c // config.heads * config.kv_heads
    layer = c * c + 2 * c * kv + 3 * c * f + 2 * c
    return config.vocab_size * c + config.layers * layer + c


@wrong("2.5", "norms with a gain and a shift, as LayerNorm")
def count_layer_norm(config):
    c, f = config.width, config.feed_forward
    kv = c // config.heads * config.kv_heads
    layer = 2 * c * c + 2 * c * kv + 3 * c * f + 4 * c
    return config.vocab_size * c + config.layers * layer + 2 * c


@wrong("2.5", "one head of keys and values, kv_heads forgotten")
def count_multi_query(config):
    c, f = config.width, config.feed_forward
    head = c // config.heads
    layer = 2 * c * c + 2 * c * head + 3 * c * f + 2 * c
    return config.vocab_size * c + config.layers * layer + c


@right("2.5")
def count_by_shapes(config):
    head = config.width // config.heads
    shapes = [(config.vocab_size, config.width), (config.width,)]
    for _ in range(config.layers):
        shapes += [
            (config.width,),
            (config.heads * head, config.width),
            (config.kv_heads * head, config.width),
            (config.kv_heads * head, config.width),
            (config.width, config.heads * head),
            (config.width,),
            (config.feed_forward, config.width),
            (config.feed_forward, config.width),
            (config.width, config.feed_forward),
        ]
    return sum(math.prod(shape) for shape in shapes)


@right("2.5")
def count_by_modules(config):
    c, f = config.width, config.feed_forward
    kv = config.kv_heads * (c // config.heads)
    parts = nn.ModuleList([nn.Embedding(config.vocab_size, c, device="meta")])
    for _ in range(config.layers):
        for rows, columns in [(c, c), (c, kv), (c, kv), (c, c), (c, f), (c, f), (f, c)]:
            parts.append(nn.Linear(rows, columns, bias=False, device="meta"))
    numbers = sum(p.numel() for p in parts.parameters() if p.requires_grad)
    norms = 2 * config.layers + 1
    return numbers + norms * c


@right("2.5")
def count_factored(config):
    per_channel = 2 * config.width
    per_channel += 2 * (config.width // config.heads) * config.kv_heads
    per_channel += 3 * config.feed_forward + 2
    return config.width * (config.vocab_size + config.layers * per_channel + 1)


# --- 3.1 apply_temperature -------------------------------------------------------


@wrong("3.1", "multiplies by the temperature")
def temperature_times(logits, temperature):
    if not temperature > 0:
        raise ValueError("the temperature must be positive")
    return logits * temperature


@wrong("3.1", "no check of the temperature")
def temperature_unchecked(logits, temperature):
    return logits / temperature


@wrong("3.1", "zero is let through")
def temperature_zero_allowed(logits, temperature):
    if temperature < 0:
        raise ValueError("the temperature must not be negative")
    return logits / temperature


@wrong("3.1", "returns probabilities")
def temperature_softmax(logits, temperature):
    if temperature <= 0:
        raise ValueError("the temperature must be positive")
    return torch.softmax(logits / temperature, dim=-1)


@wrong("3.1", "returns log-probabilities")
def temperature_log_softmax(logits, temperature):
    if temperature <= 0:
        raise ValueError("the temperature must be positive")
    return torch.log_softmax(logits / temperature, dim=-1)


@wrong("3.1", "clamps the temperature instead of raising")
def temperature_clamped(logits, temperature):
    return logits / max(temperature, 1e-6)


@wrong("3.1", "assert: another kind of exception")
def temperature_assert(logits, temperature):
    if not temperature > 0:
        raise AssertionError("the temperature must be positive")
    return logits / temperature


@wrong("3.1", "zero means greedy: the argmax only")
def temperature_zero_greedy(logits, temperature):
    if temperature < 0:
        raise ValueError("the temperature must not be negative")
    if temperature == 0:
        best = logits.argmax(dim=-1, keepdim=True)
        return torch.full_like(logits, -torch.inf).scatter(-1, best, 0.0)
    return logits / temperature


@wrong("3.1", "temperatures above 1 refused")
def temperature_up_to_one(logits, temperature):
    if not 0 < temperature <= 1:
        raise ValueError("the temperature must be in (0, 1]")
    return logits / temperature


@wrong("3.1", "probabilities divided by the temperature")
def temperature_after_softmax(logits, temperature):
    if temperature <= 0:
        raise ValueError("the temperature must be positive")
    return torch.softmax(logits, dim=-1) / temperature


@wrong("3.1", "divides by the root of the temperature")
def temperature_root(logits, temperature):
    if temperature <= 0:
        raise ValueError("the temperature must be positive")
    return logits / math.sqrt(temperature)


@wrong("3.1", "gives the logits back unchanged where it should raise")
def temperature_bad_ignored(logits, temperature):
    if temperature <= 0:
        return logits
    return logits / temperature


@right("3.1")
def temperature_reciprocal(logits, temperature):
    if not temperature > 0:
        raise ValueError(f"temperature {temperature} is not positive")
    return torch.mul(logits, 1.0 / temperature)


@right("3.1")
def temperature_double(logits, temperature):
    if temperature > 0:
        return (logits.double() / temperature).to(logits.dtype)
    raise ValueError("the temperature must be positive")


@right("3.1")
def temperature_by_loop(logits, temperature):
    if temperature <= 0:
        raise ValueError
    rows = logits.reshape(-1, logits.shape[-1])
    scaled = [torch.stack([z / temperature for z in row]) for row in rows]
    return torch.stack(scaled).reshape(logits.shape)


# --- 3.5 top_k_filter ------------------------------------------------------------


@wrong("3.5", "k above the vocabulary not handled")
def top_k_no_clamp(logits, k):
    if k < 1:
        raise ValueError("k must be at least 1")
    kth = torch.topk(logits, k, dim=-1).values[..., -1:]
    return logits.masked_fill(logits < kth, -torch.inf)


@wrong("3.5", "no check of k")
def top_k_unchecked(logits, k):
    k = min(k, logits.shape[-1])
    kth = logits.sort(dim=-1, descending=True).values[..., k - 1].unsqueeze(-1)
    return logits.masked_fill(logits < kth, -torch.inf)


@wrong("3.5", "the k-th falls out too")
def top_k_strict(logits, k):
    if k < 1:
        raise ValueError("k must be at least 1")
    k = min(k, logits.shape[-1])
    kth = torch.topk(logits, k, dim=-1).values[..., -1:]
    return logits.masked_fill(logits <= kth, -torch.inf)


@wrong("3.5", "others set to 0")
def top_k_zero(logits, k):
    if k < 1:
        raise ValueError("k must be at least 1")
    k = min(k, logits.shape[-1])
    kth = torch.topk(logits, k, dim=-1).values[..., -1:]
    return torch.where(logits >= kth, logits, torch.zeros_like(logits))


@wrong("3.5", "only the k values, another shape")
def top_k_values_only(logits, k):
    if k < 1:
        raise ValueError("k must be at least 1")
    return torch.topk(logits, min(k, logits.shape[-1]), dim=-1).values


@wrong("3.5", "one threshold for the whole batch")
def top_k_flat(logits, k):
    if k < 1:
        raise ValueError("k must be at least 1")
    flat = logits.flatten()
    kth = torch.topk(flat, min(k, flat.numel())).values[-1]
    return logits.masked_fill(logits < kth, -torch.inf)


@wrong("3.5", "keeps the k smallest")
def top_k_smallest(logits, k):
    if k < 1:
        raise ValueError("k must be at least 1")
    k = min(k, logits.shape[-1])
    kth = logits.sort(dim=-1).values[..., k - 1 : k]
    return logits.masked_fill(logits > kth, -torch.inf)


@wrong("3.5", "removes the k largest")
def top_k_inverted(logits, k):
    if k < 1:
        raise ValueError("k must be at least 1")
    top = torch.topk(logits, min(k, logits.shape[-1]), dim=-1).indices
    return logits.scatter(-1, top, -torch.inf)


@wrong("3.5", "one argsort taken for the ranks")
def top_k_one_argsort(logits, k):
    if k < 1:
        raise ValueError("k must be at least 1")
    rank = logits.argsort(dim=-1, descending=True)
    return logits.masked_fill(rank >= k, -torch.inf)


@wrong("3.5", "-1e9 instead of minus infinity")
def top_k_large_negative(logits, k):
    if k < 1:
        raise ValueError("k must be at least 1")
    kth = torch.topk(logits, min(k, logits.shape[-1]), dim=-1).values[..., -1:]
    return logits.masked_fill(logits < kth, -1e9)


@wrong("3.5", "the kept ones become probabilities")
def top_k_softmax(logits, k):
    if k < 1:
        raise ValueError("k must be at least 1")
    kth = torch.topk(logits, min(k, logits.shape[-1]), dim=-1).values[..., -1:]
    return logits.masked_fill(logits < kth, -torch.inf).softmax(dim=-1)


@wrong("3.5", "ValueError for k above the vocabulary")
def top_k_refuses_large(logits, k):
    if not 1 <= k <= logits.shape[-1]:
        raise ValueError("k must be from 1 to the vocabulary")
    kth = torch.topk(logits, k, dim=-1).values[..., -1:]
    return logits.masked_fill(logits < kth, -torch.inf)


@right("3.5")
def top_k_two_argsorts(logits, k):
    if k < 1:
        raise ValueError("k must be at least 1")
    rank = logits.argsort(dim=-1, descending=True).argsort(dim=-1)
    return torch.where(rank < k, logits, -torch.inf)


@right("3.5")
def top_k_by_loop(logits, k):
    if k < 1:
        raise ValueError(k)
    out = torch.full_like(logits, float("-inf")).reshape(-1, logits.shape[-1])
    for row, target in zip(logits.reshape(-1, logits.shape[-1]).tolist(), out):
        best = sorted(range(len(row)), key=row.__getitem__, reverse=True)[:k]
        for v in best:
            target[v] = row[v]
    return out.reshape(logits.shape)


@right("3.5")
def top_k_kthvalue(logits, k):
    if k < 1:
        raise ValueError("k must be at least 1")
    size = logits.shape[-1]
    if k >= size:
        return logits.clone()
    cut = logits.double().kthvalue(size - k, dim=-1, keepdim=True).values
    return logits.masked_fill(logits.double() <= cut, -torch.inf)


# --- 4.1 completion_labels -------------------------------------------------------


@wrong("4.1", "padding keeps its ids")
def labels_padding_counts(ids, prompt_lengths, lengths):
    at = torch.arange(ids.shape[1], device=ids.device)
    return ids.masked_fill(at < prompt_lengths[:, None], -100)


@wrong("4.1", "labels shifted by one")
def labels_shifted(ids, prompt_lengths, lengths):
    at = torch.arange(ids.shape[1], device=ids.device)
    keep = (at >= prompt_lengths[:, None]) & (at < lengths[:, None])
    labels = ids.masked_fill(~keep, -100)
    end = torch.full_like(labels[:, :1], -100)
    return torch.cat([labels[:, 1:], end], dim=1)


@wrong("4.1", "the prompt keeps its ids")
def labels_prompt_counts(ids, prompt_lengths, lengths):
    at = torch.arange(ids.shape[1], device=ids.device)
    return ids.masked_fill(at >= lengths[:, None], -100)


@wrong("4.1", "first token of the completion lost")
def labels_first_lost(ids, prompt_lengths, lengths):
    at = torch.arange(ids.shape[1], device=ids.device)
    keep = (at > prompt_lengths[:, None]) & (at < lengths[:, None])
    return torch.where(keep, ids, torch.full_like(ids, -100))


@wrong("4.1", "end token lost")
def labels_end_lost(ids, prompt_lengths, lengths):
    at = torch.arange(ids.shape[1], device=ids.device)
    keep = (at >= prompt_lengths[:, None]) & (at < lengths[:, None] - 1)
    return torch.where(keep, ids, torch.full_like(ids, -100))


@wrong("4.1", "first padding counts")
def labels_one_padding(ids, prompt_lengths, lengths):
    at = torch.arange(ids.shape[1], device=ids.device)
    keep = (at >= prompt_lengths[:, None]) & (at <= lengths[:, None])
    return torch.where(keep, ids, torch.full_like(ids, -100))


@wrong("4.1", "lengths taken for the completions' lengths")
def labels_lengths_added(ids, prompt_lengths, lengths):
    at = torch.arange(ids.shape[1], device=ids.device)
    start = prompt_lengths[:, None]
    keep = (at >= start) & (at < start + lengths[:, None])
    return torch.where(keep, ids, torch.full_like(ids, -100))


@wrong("4.1", "0 instead of -100")
def labels_zero(ids, prompt_lengths, lengths):
    at = torch.arange(ids.shape[1], device=ids.device)
    keep = (at >= prompt_lengths[:, None]) & (at < lengths[:, None])
    return ids * keep


@wrong("4.1", "mask inverted: the completion gets -100")
def labels_inverted(ids, prompt_lengths, lengths):
    at = torch.arange(ids.shape[1], device=ids.device)
    keep = (at >= prompt_lengths[:, None]) & (at < lengths[:, None])
    return ids.masked_fill(keep, -100)


@wrong("4.1", "padding found by id 0")
def labels_padding_is_zero(ids, prompt_lengths, lengths):
    at = torch.arange(ids.shape[1], device=ids.device)
    keep = (at >= prompt_lengths[:, None]) & (ids != 0)
    return ids.masked_fill(~keep, -100)


@wrong("4.1", "last token of the prompt counts")
def labels_prompt_end_counts(ids, prompt_lengths, lengths):
    labels = torch.full_like(ids, -100)
    for b in range(ids.shape[0]):
        start, end = max(int(prompt_lengths[b]) - 1, 0), int(lengths[b])
        labels[b, start:end] = ids[b, start:end]
    return labels


@wrong("4.1", "the first row's lengths for all rows")
def labels_first_row(ids, prompt_lengths, lengths):
    labels = torch.full_like(ids, -100)
    start, end = int(prompt_lengths[0]), int(lengths[0])
    labels[:, start:end] = ids[:, start:end]
    return labels


@right("4.1")
def labels_by_slices(ids, prompt_lengths, lengths):
    labels = ids.clone()
    for b, (start, end) in enumerate(zip(prompt_lengths.tolist(), lengths.tolist())):
        labels[b, :start] = -100
        labels[b, end:] = -100
    return labels


@right("4.1")
def labels_by_lists(ids, prompt_lengths, lengths):
    rows = []
    for row, start, end in zip(ids.tolist(), prompt_lengths.tolist(), lengths.tolist()):
        rows.append([v if start <= t < end else -100 for t, v in enumerate(row)])
    return torch.tensor(rows, dtype=ids.dtype, device=ids.device)


@right("4.1")
def labels_by_count(ids, prompt_lengths, lengths):
    ordinal = torch.ones_like(ids).cumsum(dim=1)
    after_prompt = ordinal.gt(prompt_lengths.unsqueeze(1)).to(ids.dtype)
    in_text = ordinal.le(lengths.unsqueeze(1)).to(ids.dtype)
    counted = torch.mul(after_prompt, in_text)
    return (ids + 100) * counted - 100


# --- 4.4 chat_format -------------------------------------------------------------


@wrong("4.4", "no line end after the turn")
def chat_no_line_end(messages, add_generation_prompt=False):
    text = ""
    for m in messages:
        text += f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>"
    if add_generation_prompt:
        text += "<|im_start|>assistant\n"
    return text


@wrong("4.4", "no line end after the last turn")
def chat_joined(messages, add_generation_prompt=False):
    turns = [f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>" for m in messages]
    text = "\n".join(turns)
    if add_generation_prompt:
        text += "<|im_start|>assistant\n"
    return text


@wrong("4.4", "line end before the end mark")
def chat_line_end_inside(messages, add_generation_prompt=False):
    text = ""
    for m in messages:
        text += f"<|im_start|>{m['role']}\n{m['content']}\n<|im_end|>\n"
    if add_generation_prompt:
        text += "<|im_start|>assistant\n"
    return text


@wrong("4.4", "generation prompt without its line end")
def chat_prompt_no_line_end(messages, add_generation_prompt=False):
    text = ""
    for m in messages:
        text += f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n"
    if add_generation_prompt:
        text += "<|im_start|>assistant"
    return text


@wrong("4.4", "generation prompt never added")
def chat_never_prompt(messages, add_generation_prompt=False):
    text = ""
    for m in messages:
        text += f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n"
    return text


@wrong("4.4", "generation prompt always added")
def chat_always_prompt(messages, add_generation_prompt=False):
    text = ""
    for m in messages:
        text += f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n"
    return text + "<|im_start|>assistant\n"


@wrong("4.4", "the begun turn is closed")
def chat_prompt_closed(messages, add_generation_prompt=False):
    turns = list(messages)
    if add_generation_prompt:
        turns.append({"role": "assistant", "content": ""})
    return "".join(
        f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in turns
    )


@wrong("4.4", "a space instead of the line end after the role")
def chat_space_after_role(messages, add_generation_prompt=False):
    text = ""
    for m in messages:
        text += f"<|im_start|>{m['role']} {m['content']}<|im_end|>\n"
    if add_generation_prompt:
        text += "<|im_start|>assistant\n"
    return text


@wrong("4.4", "content stripped")
def chat_stripped(messages, add_generation_prompt=False):
    text = ""
    for m in messages:
        text += f"<|im_start|>{m['role']}\n{m['content'].strip()}<|im_end|>\n"
    if add_generation_prompt:
        text += "<|im_start|>assistant\n"
    return text


@wrong("4.4", "a default system turn put in front")
def chat_default_system(messages, add_generation_prompt=False):
    turns = list(messages)
    if not turns or turns[0]["role"] != "system":
        turns.insert(0, {"role": "system", "content": "You are a helpful assistant."})
    text = ""
    for m in turns:
        text += f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n"
    if add_generation_prompt:
        text += "<|im_start|>assistant\n"
    return text


@wrong("4.4", "generation prompt after every user's turn")
def chat_prompt_in_loop(messages, add_generation_prompt=False):
    text = ""
    for m in messages:
        text += f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n"
        if add_generation_prompt and m["role"] == "user":
            text += "<|im_start|>assistant\n"
    return text


@wrong("4.4", "system turns left out")
def chat_no_system(messages, add_generation_prompt=False):
    text = ""
    for m in messages:
        if m["role"] in ("user", "assistant"):
            text += f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n"
    if add_generation_prompt:
        text += "<|im_start|>assistant\n"
    return text


@right("4.4")
def chat_stream(messages, add_generation_prompt=False):
    stream = io.StringIO()
    for m in messages:
        stream.write("<|im_start|>")
        stream.write(m["role"] + "\n")
        stream.write(m["content"])
        stream.write("<|im_end|>\n")
    if add_generation_prompt:
        stream.write("<|im_start|>assistant\n")
    return stream.getvalue()


@right("4.4")
def chat_reduce(messages, add_generation_prompt=False):
    start = "<|im_start|>"

    def add(text, m):
        return "%s%s%s\n%s<|im_end|>\n" % (text, start, m["role"], m["content"])

    tail = (start + "assistant\n") * bool(add_generation_prompt)
    return reduce(add, messages, "") + tail


@right("4.4")
def chat_recursive(messages, add_generation_prompt=False):
    if not messages:
        return "<|im_start|>assistant\n" if add_generation_prompt else ""
    first, *others = messages
    lines = ["<|im_start|>" + first["role"], first["content"] + "<|im_end|>", ""]
    return "\n".join(lines) + chat_recursive(others, add_generation_prompt)


# --- 5.1 clipped_precision -------------------------------------------------------


@wrong("5.1", "not clipped")
def precision_unclipped(hypothesis, reference, n):
    h = [tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1)]
    r = {tuple(reference[i : i + n]) for i in range(len(reference) - n + 1)}
    if not h:
        return 0.0
    return sum(g in r for g in h) / len(h)


@wrong("5.1", "sets: every n-gram once")
def precision_sets(hypothesis, reference, n):
    h = {tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1)}
    r = {tuple(reference[i : i + n]) for i in range(len(reference) - n + 1)}
    return len(h & r) / len(h) if h else 0.0


@wrong("5.1", "divides by the reference's n-grams: recall")
def precision_recall(hypothesis, reference, n):
    h = Counter(tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1))
    r = Counter(tuple(reference[i : i + n]) for i in range(len(reference) - n + 1))
    total = sum(r.values())
    return sum((h & r).values()) / total if total else 0.0


@wrong("5.1", "no guard: division by zero")
def precision_unguarded(hypothesis, reference, n):
    h = Counter(tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1))
    r = Counter(tuple(reference[i : i + n]) for i in range(len(reference) - n + 1))
    return sum((h & r).values()) / sum(h.values())


@wrong("5.1", "last n-gram forgotten")
def precision_last_missing(hypothesis, reference, n):
    h = Counter(tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n))
    r = Counter(tuple(reference[i : i + n]) for i in range(len(reference) - n))
    total = sum(h.values())
    return sum((h & r).values()) / total if total else 0.0


@wrong("5.1", "shorter pieces at the end count as n-grams")
def precision_short_tails(hypothesis, reference, n):
    h = Counter(tuple(hypothesis[i : i + n]) for i in range(len(hypothesis)))
    r = Counter(tuple(reference[i : i + n]) for i in range(len(reference)))
    total = sum(h.values())
    return sum((h & r).values()) / total if total else 0.0


@wrong("5.1", "divides by the number of tokens")
def precision_over_tokens(hypothesis, reference, n):
    h = Counter(tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1))
    r = Counter(tuple(reference[i : i + n]) for i in range(len(reference) - n + 1))
    if not hypothesis:
        return 0.0
    return sum((h & r).values()) / len(hypothesis)


@wrong("5.1", "1 for a hypothesis without n-grams")
def precision_one_if_empty(hypothesis, reference, n):
    h = Counter(tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1))
    r = Counter(tuple(reference[i : i + n]) for i in range(len(reference) - n + 1))
    total = sum(h.values())
    return sum((h & r).values()) / total if total else 1.0


@wrong("5.1", "clipped to 1 instead of to the reference's count")
def precision_clipped_to_one(hypothesis, reference, n):
    h = Counter(tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1))
    r = {tuple(reference[i : i + n]) for i in range(len(reference) - n + 1)}
    total = sum(h.values())
    return sum(1 for g in h if g in r) / total if total else 0.0


@wrong("5.1", "smoothed with one added")
def precision_smoothed(hypothesis, reference, n):
    h = Counter(tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1))
    r = Counter(tuple(reference[i : i + n]) for i in range(len(reference) - n + 1))
    total = sum(h.values())
    if total == 0:
        return 0.0
    return (sum((h & r).values()) + 1) / (total + 1)


@wrong("5.1", "tokens glued together without a gap")
def precision_glued(hypothesis, reference, n):
    h = Counter("".join(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1))
    r = Counter("".join(reference[i : i + n]) for i in range(len(reference) - n + 1))
    total = sum(h.values())
    return sum((h & r).values()) / total if total else 0.0


@wrong("5.1", "order within the n-gram ignored")
def precision_unordered(hypothesis, reference, n):
    def grams(tokens):
        places = range(len(tokens) - n + 1)
        return Counter(tuple(sorted(tokens[i : i + n])) for i in places)

    h, r = grams(hypothesis), grams(reference)
    total = sum(h.values())
    return sum((h & r).values()) / total if total else 0.0


@right("5.1")
def precision_by_removal(hypothesis, reference, n):
    left = [reference[i : i + n] for i in range(len(reference) - n + 1)]
    found = total = 0
    for i in range(len(hypothesis) - n + 1):
        gram = hypothesis[i : i + n]
        total += 1
        if gram in left:
            left.remove(gram)
            found += 1
    return found / total if total else 0.0


@right("5.1")
def precision_by_windows(hypothesis, reference, n):
    def grams(tokens):
        window, seen = deque(maxlen=n), {}
        for token in tokens:
            window.append(token)
            if len(window) == n:
                seen[tuple(window)] = seen.get(tuple(window), 0) + 1
        return seen

    h, r = grams(hypothesis), grams(reference)
    matched = sum(min(count, r.get(gram, 0)) for gram, count in h.items())
    return matched / max(sum(h.values()), 1)


@right("5.1")
def precision_by_bisection(hypothesis, reference, n):
    h = sorted(zip(*(hypothesis[i:] for i in range(n))))
    r = sorted(zip(*(reference[i:] for i in range(n))))
    if len(h) == 0:
        return 0.0
    misses = 0
    for gram, group in itertools.groupby(h):
        in_reference = bisect.bisect_right(r, gram) - bisect.bisect_left(r, gram)
        misses += max(len(list(group)) - in_reference, 0)
    return 1.0 - misses / len(h)


# --- 5.5 distinct_n --------------------------------------------------------------


@wrong("5.5", "divides by the number of words")
def distinct_over_words(text, n):
    words = text.split()
    if len(words) < n:
        return 1.0
    grams = {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}
    return len(grams) / len(words)


@wrong("5.5", "0 for a short text")
def distinct_zero_if_short(text, n):
    words = text.split()
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


@wrong("5.5", "no guard: division by zero")
def distinct_unguarded(text, n):
    words = text.split()
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams)


@wrong("5.5", "last n-gram forgotten")
def distinct_last_missing(text, n):
    words = text.split()
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n)]
    return len(set(grams)) / len(grams) if grams else 1.0


@wrong("5.5", "shorter pieces at the end count as n-grams")
def distinct_short_tails(text, n):
    words = text.split()
    grams = [tuple(words[i : i + n]) for i in range(len(words))]
    return len(set(grams)) / len(grams) if grams else 1.0


@wrong("5.5", "n-grams that do not overlap")
def distinct_no_overlap(text, n):
    words = text.split()
    grams = [tuple(words[i : i + n]) for i in range(0, len(words) - n + 1, n)]
    return len(set(grams)) / len(grams) if grams else 1.0


@wrong("5.5", "n-grams of characters")
def distinct_characters(text, n):
    grams = [text[i : i + n] for i in range(len(text) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0


@wrong("5.5", "capitals ignored")
def distinct_lower(text, n):
    words = text.lower().split()
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0


@wrong("5.5", "share of n-grams that occur exactly once")
def distinct_only_once(text, n):
    words = text.split()
    counts = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    total = sum(counts.values())
    return sum(c == 1 for c in counts.values()) / total if total else 1.0


@wrong("5.5", "split at single spaces")
def distinct_single_spaces(text, n):
    words = text.split(" ")
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0


@wrong("5.5", "order within the n-gram ignored")
def distinct_unordered(text, n):
    words = text.split()
    grams = [tuple(sorted(words[i : i + n])) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0


@wrong("5.5", "share of repeated n-grams: 1 minus the answer")
def distinct_repeated(text, n):
    words = text.split()
    if len(words) < n:
        return 1.0
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return 1 - len(set(grams)) / len(grams)


@right("5.5")
def distinct_by_loop(text, n):
    words, seen, total = text.split(), [], 0
    while total + n <= len(words):
        gram = words[total : total + n]
        if gram not in seen:
            seen.append(gram)
        total += 1
    return len(seen) / total if total else 1.0


@right("5.5")
def distinct_by_zip(text, n):
    words = text.split()
    counts = Counter(zip(*(itertools.islice(words, i, None) for i in range(n))))
    total = sum(counts.values())
    if total == 0:
        return 1.0
    return 1.0 - sum(c - 1 for c in counts.values()) / total


@right("5.5")
def distinct_by_tensors(text, n):
    words = text.split()
    if len(words) < n:
        return 1.0
    number = {}
    ids = torch.tensor([number.setdefault(w, len(number)) for w in words])
    grams = ids.unfold(0, n, 1)
    return float(torch.unique(grams, dim=0).shape[0]) / grams.shape[0]


# --- 6.1 pair_probability --------------------------------------------------------


@wrong("6.1", "a tie counts nothing")
def pair_ties_lost(ratings_a, ratings_b):
    return (ratings_a[:, None] > ratings_b[None, :]).double().mean().item()


@wrong("6.1", "a tie counts as a win")
def pair_ties_won(ratings_a, ratings_b):
    return (ratings_a[:, None] >= ratings_b[None, :]).double().mean().item()


@wrong("6.1", "ties left out of the divisor too")
def pair_ties_dropped(ratings_a, ratings_b):
    higher = (ratings_a[:, None] > ratings_b[None, :]).sum().item()
    lower = (ratings_a[:, None] < ratings_b[None, :]).sum().item()
    return higher / (higher + lower) if higher + lower else 0.5


@wrong("6.1", "raters paired one to one")
def pair_one_to_one(ratings_a, ratings_b):
    n = min(len(ratings_a), len(ratings_b))
    a, b = ratings_a[:n], ratings_b[:n]
    return ((a > b).double() + 0.5 * (a == b).double()).mean().item()


@wrong("6.1", "only the means are compared")
def pair_means_compared(ratings_a, ratings_b):
    a, b = ratings_a.double().mean().item(), ratings_b.double().mean().item()
    return 1.0 if a > b else 0.5 if a == b else 0.0


@wrong("6.1", "a and b swapped")
def pair_swapped(ratings_a, ratings_b):
    a, b = ratings_a[:, None], ratings_b[None, :]
    return ((a < b).double() + 0.5 * (a == b).double()).mean().item()


@wrong("6.1", "sigmoid of the difference of means")
def pair_sigmoid(ratings_a, ratings_b):
    return torch.sigmoid(ratings_a.double().mean() - ratings_b.double().mean()).item()


@wrong("6.1", "every rater of a against the mean of b")
def pair_against_mean(ratings_a, ratings_b):
    a, b = ratings_a.double(), ratings_b.double().mean()
    return ((a > b).double() + 0.5 * (a == b).double()).mean().item()


@wrong("6.1", "wins minus losses, from -1 to 1")
def pair_difference(ratings_a, ratings_b):
    return torch.sign(ratings_a[:, None] - ratings_b[None, :]).double().mean().item()


@wrong("6.1", "share of the summed means")
def pair_ratio_of_means(ratings_a, ratings_b):
    a, b = ratings_a.double().mean(), ratings_b.double().mean()
    return (a / (a + b)).item()


@wrong("6.1", "normal curves with the raters' means and variances")
def pair_normal(ratings_a, ratings_b):
    a, b = ratings_a.double(), ratings_b.double()
    spread = a.var(unbiased=False) + b.var(unbiased=False)
    z = (a.mean() - b.mean()) / (2 * spread + 1e-12).sqrt()
    return 0.5 * (1 + torch.erf(z)).item()


@wrong("6.1", "equal ratings of several raters counted once")
def pair_unique(ratings_a, ratings_b):
    a, b = torch.unique(ratings_a)[:, None], torch.unique(ratings_b)[None, :]
    return ((a > b).double() + 0.5 * (a == b).double()).mean().item()


@right("6.1")
def pair_by_loops(ratings_a, ratings_b):
    points = 0.0
    for a, b in itertools.product(ratings_a.tolist(), ratings_b.tolist()):
        points += 1.0 if a > b else 0.5 if a == b else 0.0
    return points / (len(ratings_a) * len(ratings_b))


@right("6.1")
def pair_by_search(ratings_a, ratings_b):
    a, b = ratings_a.double().contiguous(), ratings_b.double().sort().values
    below = torch.searchsorted(b, a, right=False)
    not_above = torch.searchsorted(b, a, right=True)
    return ((below + not_above).double().mean() / (2 * b.numel())).item()


@right("6.1")
def pair_by_steps(ratings_a, ratings_b):
    gaps = torch.sub(ratings_a.double().unsqueeze(1), ratings_b.double())
    half = torch.tensor(0.5, dtype=torch.float64, device=gaps.device)
    return float(torch.heaviside(gaps, half).mean())


# --- 6.5 pairwise_ceiling --------------------------------------------------------


@wrong("6.5", "mean of the pairs' shares: every pair weighs the same")
def ceiling_mean_of_shares(wins, losses):
    w, v = wins.double(), losses.double()
    return (torch.maximum(w, v) / (w + v)).mean().item()


@wrong("6.5", "the judge always names a")
def ceiling_always_a(wins, losses):
    return (wins.sum().double() / (wins + losses).sum().double()).item()


@wrong("6.5", "the side with fewer votes")
def ceiling_minimum(wins, losses):
    total = (wins + losses).sum().double()
    return (torch.minimum(wins, losses).sum().double() / total).item()


@wrong("6.5", "one side for all pairs")
def ceiling_one_side(wins, losses):
    w, v = wins.sum().item(), losses.sum().item()
    return max(w, v) / (w + v)


@wrong("6.5", "share of the pairs that a wins")
def ceiling_pairs_won(wins, losses):
    return (wins > losses).double().mean().item()


@wrong("6.5", "only pairs that a wins add votes")
def ceiling_only_wins(wins, losses):
    w, v = wins.double(), losses.double()
    return (w[w > v].sum() / (w + v).sum()).item()


@wrong("6.5", "pairs with equal votes add nothing above the line")
def ceiling_equal_lost(wins, losses):
    w, v = wins.double(), losses.double()
    agreed = w[w > v].sum() + v[v > w].sum()
    return (agreed / (w + v).sum()).item()


@wrong("6.5", "pairs with equal votes add both sides")
def ceiling_equal_twice(wins, losses):
    w, v = wins.double(), losses.double()
    agreed = w[w >= v].sum() + v[v >= w].sum()
    return (agreed / (w + v).sum()).item()


@wrong("6.5", "pairs with equal votes left out altogether")
def ceiling_equal_dropped(wins, losses):
    w, v = wins.double(), losses.double()
    keep = w != v
    w, v = w[keep], v[keep]
    return (torch.maximum(w, v).sum() / (w + v).sum()).item()


@wrong("6.5", "agreement of a voter with another voter: p² + q²")
def ceiling_two_voters(wins, losses):
    w, v = wins.double(), losses.double()
    n = w + v
    return ((w**2 + v**2) / n.clamp(min=1)).sum().item() / n.sum().item()


@wrong("6.5", "the majority's lead instead of its votes")
def ceiling_lead(wins, losses):
    w, v = wins.double(), losses.double()
    return ((w - v).abs().sum() / (w + v).sum()).item()


@wrong("6.5", "divides by the number of pairs")
def ceiling_over_pairs(wins, losses):
    return torch.maximum(wins, losses).double().mean().item()


@right("6.5")
def ceiling_by_loop(wins, losses):
    agreed = total = 0
    for w, v in zip(wins.tolist(), losses.tolist()):
        agreed += w if w >= v else v
        total += w + v
    return float(agreed) / total


@right("6.5")
def ceiling_by_lead(wins, losses):
    w, v = wins.double(), losses.double()
    return 0.5 + 0.5 * float((w - v).abs().sum() / (w + v).sum())


@right("6.5")
def ceiling_by_stack(wins, losses):
    votes = torch.stack([wins, losses]).to(torch.float64)
    share = votes.amax(dim=0) / votes.sum(dim=0).clamp(min=1e-9)
    weight = votes.sum(dim=0) / votes.sum()
    return torch.einsum("p,p->", share, weight).item()
