"""Answers of an outsider to sixteen exercises drawn by lot."""

import math
import statistics

import torch
import torch.nn.functional as F

from tools.try_answers import right, wrong

# ---------------------------------------------------------------- 3.1


def _positive(temperature):
    if not temperature > 0:
        raise ValueError("temperature must be positive")


@right("3.1")
def t_double(logits, temperature):
    if not temperature > 0:
        raise ValueError("temperature must be positive")
    return (logits.double() / temperature).to(logits.dtype)


@right("3.1")
def t_rows(logits, temperature):
    if not temperature > 0:
        raise ValueError("temperature must be positive")
    rows = [
        torch.true_divide(row, temperature)
        for row in logits.reshape(-1, logits.shape[-1])
    ]
    return torch.stack(rows).reshape(logits.shape)


@wrong("3.1", "multiplies by the temperature")
def t_multiply(logits, temperature):
    _positive(temperature)
    return logits * temperature


@wrong("3.1", "no check of the temperature at all")
def t_nocheck(logits, temperature):
    return logits / temperature


@wrong("3.1", "only 0 is refused, negative passes")
def t_zero_only(logits, temperature):
    if temperature == 0:
        raise ValueError("temperature is zero")
    return logits / temperature


@wrong("3.1", "only negative is refused, 0 passes")
def t_negative_only(logits, temperature):
    if temperature < 0:
        raise ValueError("temperature is negative")
    return logits / temperature


@wrong("3.1", "returns probabilities, the softmax is already in it")
def t_softmax(logits, temperature):
    _positive(temperature)
    return torch.softmax(logits / temperature, dim=-1)


@wrong("3.1", "probabilities divided by T")
def t_softmax_first(logits, temperature):
    _positive(temperature)
    return torch.softmax(logits, dim=-1) / temperature


@wrong("3.1", "clamps a temperature that is not positive instead of raising")
def t_clamp(logits, temperature):
    return logits / max(temperature, 1e-6)


@wrong("3.1", "assert, so an AssertionError and no ValueError")
def t_assert(logits, temperature):
    assert temperature > 0
    return logits / temperature


@wrong("3.1", "temperature is ignored")
def t_ignored(logits, temperature):
    _positive(temperature)
    return logits


@wrong("3.1", "temperature rounded down to a whole number, at least 1")
def t_int(logits, temperature):
    _positive(temperature)
    return logits / max(int(temperature), 1)


@wrong("3.1", "refuses temperatures above 1")
def t_above_one(logits, temperature):
    if not 0 < temperature <= 1:
        raise ValueError("temperature outside (0, 1]")
    return logits / temperature


@wrong("3.1", "refuses temperature below 1")
def t_below_one(logits, temperature):
    if temperature < 1:
        raise ValueError("temperature must be at least 1")
    return logits / temperature


@wrong("3.1", "temperature 0 means greedy: keeps the largest logit instead of raising")
def t_greedy(logits, temperature):
    if temperature < 0:
        raise ValueError("temperature is negative")
    if temperature == 0:
        best = logits == logits.max(dim=-1, keepdim=True).values
        return logits.masked_fill(~best, float("-inf"))
    return logits / temperature


@wrong("3.1", "absolute value of the temperature, negative passes")
def t_abs(logits, temperature):
    _positive(abs(temperature))
    return logits / abs(temperature)


@wrong("3.1", "returns the ValueError instead of raising it")
def t_return_error(logits, temperature):
    if temperature <= 0:
        return ValueError("temperature must be positive")
    return logits / temperature


@wrong("3.1", "floor division")
def t_floor(logits, temperature):
    _positive(temperature)
    return logits // temperature


@wrong("3.1", "exp(z) / T: divides after the exponential")
def t_exp(logits, temperature):
    _positive(temperature)
    return logits.exp() / temperature


# ---------------------------------------------------------------- 3.4


@right("3.4")
def h_entr(logits, mask):
    p = torch.softmax(logits.double(), dim=-1)
    h = torch.special.entr(p).sum(-1).nan_to_num()
    return torch.where(mask, h, torch.zeros_like(h)).to(logits.dtype)


@right("3.4")
def h_loop(logits, mask):
    out = torch.zeros(mask.shape, dtype=logits.dtype)
    for b in range(mask.shape[0]):
        for t in range(mask.shape[1]):
            if mask[b, t]:
                z = logits[b, t]
                z = z[z > float("-inf")]
                logp = torch.log_softmax(z, dim=-1)
                out[b, t] = -(logp.exp() * logp).sum()
    return out


def _entropy(logits, dim=-1):
    p = torch.softmax(logits, dim=dim)
    return torch.special.entr(p).sum(dim)


@wrong("3.4", "sign: sum of p log p")
def h_sign(logits, mask):
    h = -_entropy(logits)
    return torch.where(mask, h, torch.zeros_like(h))


@wrong("3.4", "0 * -inf is NaN where a filter cut a token")
def h_nan(logits, mask):
    logp = torch.log_softmax(logits, dim=-1)
    return (-(logp.exp() * logp).sum(-1)).masked_fill(~mask, 0.0)


@wrong("3.4", "no mask")
def h_nomask(logits, mask):
    return _entropy(logits)


@wrong("3.4", "bits, not nats")
def h_bits(logits, mask):
    return (_entropy(logits) / math.log(2)).masked_fill(~mask, 0.0)


@wrong("3.4", "mean over the vocabulary instead of the sum")
def h_mean(logits, mask):
    h = torch.special.entr(torch.softmax(logits, dim=-1)).mean(-1)
    return h.masked_fill(~mask, 0.0)


@wrong("3.4", "softmax along time")
def h_axis(logits, mask):
    p = torch.softmax(logits, dim=1).nan_to_num()
    return torch.special.entr(p).sum(-1).masked_fill(~mask, 0.0)


@wrong("3.4", "times the mask: NaN on padding stays NaN")
def h_times_mask(logits, mask):
    return _entropy(logits) * mask


@wrong("3.4", "mask the wrong way round")
def h_inverted(logits, mask):
    return _entropy(logits).masked_fill(mask, 0.0)


@wrong("3.4", "surprise of the most likely token")
def h_argmax(logits, mask):
    logp = torch.log_softmax(logits, dim=-1)
    return (-logp.max(-1).values).masked_fill(~mask, 0.0)


@wrong("3.4", "padding gets logits 0, so log V instead of 0")
def h_uniform_padding(logits, mask):
    return _entropy(logits.masked_fill(~mask.unsqueeze(-1), 0.0))


@wrong("3.4", "-inf replaced by 0 before the softmax: cut tokens count")
def h_cut_counts(logits, mask):
    z = logits.nan_to_num(neginf=0.0)
    return _entropy(z).masked_fill(~mask, 0.0)


@wrong("3.4", "mean over the counted tokens, a scalar")
def h_scalar(logits, mask):
    return _entropy(logits)[mask].mean()


@wrong("3.4", "NaN becomes 0 after the sum: entropy 0 wherever a token was cut")
def h_nan_to_zero(logits, mask):
    logp = torch.log_softmax(logits, dim=-1)
    return (-(logp.exp() * logp).sum(-1)).nan_to_num(0.0).masked_fill(~mask, 0.0)


@wrong("3.4", "exponential of the entropy")
def h_perplexity(logits, mask):
    return _entropy(logits).exp().masked_fill(~mask, 0.0)


@wrong("3.4", "divided by log V")
def h_normalised(logits, mask):
    return (_entropy(logits) / math.log(logits.shape[-1])).masked_fill(~mask, 0.0)


@wrong("3.4", "shifted: entropy at t - 1 for token t")
def h_shift(logits, mask):
    h = _entropy(logits)
    h = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], dim=1)
    return h.masked_fill(~mask, 0.0)


@wrong("3.4", "-inf on padding instead of 0")
def h_minus_inf(logits, mask):
    return _entropy(logits).masked_fill(~mask, float("-inf"))


# ---------------------------------------------------------------- 4.2


@right("4.2")
def m_select(logprobs, mask):
    return torch.masked_select(logprobs, mask).mean().neg()


@right("4.2")
def m_loop(logprobs, mask):
    total = torch.zeros((), dtype=torch.float64)
    count = 0
    for row, keep in zip(logprobs, mask):
        for value, k in zip(row, keep):
            if bool(k):
                total = total - value.double()
                count += 1
    return (total / count).to(logprobs.dtype)


@wrong("4.2", "divided by all places, padding counted")
def m_all(logprobs, mask):
    return -logprobs.masked_fill(~mask, 0.0).mean()


@wrong("4.2", "no minus")
def m_sign(logprobs, mask):
    return logprobs[mask].mean()


@wrong("4.2", "times the mask: -inf * 0 is NaN")
def m_times(logprobs, mask):
    return -(logprobs * mask).sum() / mask.sum()


@wrong("4.2", "mean of the means of the rows")
def m_rows(logprobs, mask):
    kept = logprobs.masked_fill(~mask, 0.0)
    return -(kept.sum(1) / mask.sum(1).clamp(min=1)).mean()


@wrong("4.2", "sum, not divided")
def m_sum(logprobs, mask):
    return -logprobs[mask].sum()


@wrong("4.2", "divided by the number of texts")
def m_batch(logprobs, mask):
    return -logprobs[mask].sum() / logprobs.shape[0]


@wrong("4.2", "divided by time only")
def m_time(logprobs, mask):
    return -logprobs[mask].sum() / logprobs.shape[1]


@wrong("4.2", "mask the wrong way round")
def m_inverted(logprobs, mask):
    return -logprobs[~mask].mean()


@wrong("4.2", "no mask")
def m_nomask(logprobs, mask):
    return -logprobs.mean()


@wrong("4.2", "through .item(), the gradient is lost")
def m_item(logprobs, mask):
    return torch.tensor(-logprobs[mask].mean().item(), requires_grad=True)


@wrong("4.2", "detached")
def m_detach(logprobs, mask):
    return -logprobs.detach()[mask].mean()


@wrong("4.2", "perplexity: exp of the loss")
def m_exp(logprobs, mask):
    return (-logprobs[mask].mean()).exp()


@wrong("4.2", "one loss a text, not a scalar")
def m_vector(logprobs, mask):
    return -logprobs.masked_fill(~mask, 0.0).sum(1) / mask.sum(1)


@wrong("4.2", "shifted by one: the first place never counts")
def m_shift(logprobs, mask):
    return -logprobs[:, 1:][mask[:, 1:]].mean()


@wrong("4.2", "values and mask shifted against each other")
def m_misaligned(logprobs, mask):
    return -logprobs[:, :-1][mask[:, 1:]].mean()


@wrong("4.2", "bits, not nats")
def m_bits(logprobs, mask):
    return -logprobs[mask].mean() / math.log(2)


@wrong(
    "4.2",
    "the count is of values that are not 0; a certain token (log 1 = 0) is left out",
)
def m_nonzero(logprobs, mask):
    kept = logprobs.masked_fill(~mask, 0.0)
    return -kept.sum() / (kept != 0).sum()


@wrong("4.2", "keeps what is finite instead of what the mask counts")
def m_finite(logprobs, mask):
    return -logprobs[torch.isfinite(logprobs)].mean()


@wrong("4.2", "divided by texts times the longest counted length")
def m_longest(logprobs, mask):
    return -logprobs[mask].sum() / (mask.shape[0] * mask.sum(1).max())


# ---------------------------------------------------------------- 6.4


@right("6.4")
def e_index_add(ratings, a, b, outcome, k=32.0):
    r = ratings.double()
    expected = torch.sigmoid((r[a] - r[b]) * math.log(10) / 400)
    gain = k * (outcome - expected)
    new = r.index_add(0, torch.tensor([a, b]), torch.stack([gain, -gain]))
    return new.to(ratings.dtype) if ratings.is_floating_point() else new.float()


@right("6.4")
def e_list(ratings, a, b, outcome, k=32.0):
    values = [float(x) for x in ratings]
    strong_a, strong_b = 10 ** (values[a] / 400), 10 ** (values[b] / 400)
    gain = k * (outcome - strong_a / (strong_a + strong_b))
    values[a] += gain
    values[b] -= gain
    dtype = ratings.dtype if ratings.is_floating_point() else torch.float32
    return torch.tensor(values, dtype=dtype)


def _expected(ratings, a, b):
    return 1 / (1 + 10 ** ((ratings[b] - ratings[a]) / 400))


def _moved(ratings, a, b, gain_a, gain_b):
    new = ratings.clone()
    new[a] += gain_a
    new[b] += gain_b
    return new


@wrong("6.4", "R_a - R_b in the exponent")
def e_sign(ratings, a, b, outcome, k=32.0):
    g = k * (outcome - _expected(ratings, b, a))
    return _moved(ratings, a, b, g, -g)


@wrong("6.4", "base e instead of 10")
def e_base(ratings, a, b, outcome, k=32.0):
    g = k * (outcome - torch.sigmoid((ratings[a] - ratings[b]) / 400))
    return _moved(ratings, a, b, g, -g)


@wrong("6.4", "the 400 is missing")
def e_no400(ratings, a, b, outcome, k=32.0):
    g = k * (outcome - 1 / (1 + 10 ** (ratings[b] - ratings[a])))
    return _moved(ratings, a, b, g, -g)


@wrong("6.4", "only a moves")
def e_only_a(ratings, a, b, outcome, k=32.0):
    g = k * (outcome - _expected(ratings, a, b))
    return _moved(ratings, a, b, g, 0.0)


@wrong("6.4", "b gains as much as a")
def e_both_gain(ratings, a, b, outcome, k=32.0):
    g = k * (outcome - _expected(ratings, a, b))
    return _moved(ratings, a, b, g, g)


@wrong("6.4", "changes the caller's tensor, no new one")
def e_inplace(ratings, a, b, outcome, k=32.0):
    g = k * (outcome - _expected(ratings, a, b))
    ratings[a] += g
    ratings[b] -= g
    return ratings


@wrong("6.4", "k is ignored, always 32")
def e_k32(ratings, a, b, outcome, k=32.0):
    g = 32.0 * (outcome - _expected(ratings, a, b))
    return _moved(ratings, a, b, g, -g)


@wrong("6.4", "no k at all")
def e_nok(ratings, a, b, outcome, k=32.0):
    g = outcome - _expected(ratings, a, b)
    return _moved(ratings, a, b, g, -g)


@wrong("6.4", "b's step from the rating that a has already after the game")
def e_sequential(ratings, a, b, outcome, k=32.0):
    new = ratings.clone()
    new[a] = new[a] + k * (outcome - _expected(new, a, b))
    new[b] = new[b] - k * (outcome - _expected(new, a, b))
    return new


@wrong("6.4", "a tie counts as a loss of a")
def e_tie_loss(ratings, a, b, outcome, k=32.0):
    g = k * ((1.0 if outcome == 1 else 0.0) - _expected(ratings, a, b))
    return _moved(ratings, a, b, g, -g)


@wrong("6.4", "a tie counts as a win of a")
def e_tie_win(ratings, a, b, outcome, k=32.0):
    g = k * ((1.0 if outcome else 0.0) - _expected(ratings, a, b))
    return _moved(ratings, a, b, g, -g)


@wrong("6.4", "nothing moves after a tie")
def e_tie_nothing(ratings, a, b, outcome, k=32.0):
    if outcome == 0.5:
        return ratings.clone()
    g = k * (outcome - _expected(ratings, a, b))
    return _moved(ratings, a, b, g, -g)


@wrong("6.4", "returns the two new ratings only")
def e_two(ratings, a, b, outcome, k=32.0):
    g = k * (outcome - _expected(ratings, a, b))
    return torch.stack([ratings[a] + g, ratings[b] - g])


@wrong("6.4", "a loses what it should gain")
def e_swapped(ratings, a, b, outcome, k=32.0):
    g = k * (outcome - _expected(ratings, a, b))
    return _moved(ratings, a, b, -g, g)


@wrong("6.4", "brackets: k * outcome - E")
def e_brackets(ratings, a, b, outcome, k=32.0):
    g = k * outcome - _expected(ratings, a, b)
    return _moved(ratings, a, b, g, -g)


@wrong("6.4", "b's own step uses a's E: k (1 - outcome - E)")
def e_b_own(ratings, a, b, outcome, k=32.0):
    e = _expected(ratings, a, b)
    return _moved(ratings, a, b, k * (outcome - e), k * (1 - outcome - e))


@wrong("6.4", "new ratings rounded to whole numbers")
def e_rounded(ratings, a, b, outcome, k=32.0):
    g = k * (outcome - _expected(ratings, a, b))
    return _moved(ratings, a, b, g, -g).round()


@wrong("6.4", "E from the numbers of the players, not their ratings")
def e_numbers(ratings, a, b, outcome, k=32.0):
    g = k * (outcome - 1 / (1 + 10 ** ((b - a) / 400)))
    return _moved(ratings, a, b, g, -g)


@wrong("6.4", "E left out: k * outcome, moves by what was won only")
def e_noexpect(ratings, a, b, outcome, k=32.0):
    g = k * outcome
    return _moved(ratings, a, b, g, -g)


# ---------------------------------------------------------------- 7.2


@right("7.2")
def l_loop(hidden, mask, weight):
    scores = []
    for states, real in zip(hidden, mask):
        last = int(torch.nonzero(real).max())
        scores.append(torch.dot(states[last].double(), weight.double()))
    return torch.stack(scores).to(hidden.dtype)


@right("7.2")
def l_einsum(hidden, mask, weight):
    time = mask.shape[1]
    last = (mask.long() * torch.arange(1, time + 1)).argmax(dim=1)
    index = last.view(-1, 1, 1).expand(-1, 1, hidden.shape[2])
    return torch.einsum("bw,w->b", hidden.gather(1, index).squeeze(1), weight)


def _last(mask):
    return (mask.long() * torch.arange(1, mask.shape[1] + 1)).argmax(dim=1)


def _at(hidden, index):
    return hidden[torch.arange(hidden.shape[0]), index]


@wrong("7.2", "last place, even where it is padding")
def l_minus_one(hidden, mask, weight):
    return hidden[:, -1] @ weight


@wrong("7.2", "number of real tokens - 1: wrong with padding on the left")
def l_count(hidden, mask, weight):
    return _at(hidden, mask.sum(1) - 1) @ weight


@wrong("7.2", "first real token")
def l_first(hidden, mask, weight):
    return _at(hidden, mask.long().argmax(dim=1)) @ weight


@wrong("7.2", "mean over the real tokens")
def l_mean(hidden, mask, weight):
    kept = hidden.masked_fill(~mask.unsqueeze(-1), 0.0)
    return (kept.sum(1) / mask.sum(1, keepdim=True)) @ weight


@wrong("7.2", "sum over the real tokens")
def l_sum(hidden, mask, weight):
    return hidden.masked_fill(~mask.unsqueeze(-1), 0.0).sum(1) @ weight


@wrong("7.2", "largest score of all real tokens")
def l_max(hidden, mask, weight):
    return (hidden @ weight).masked_fill(~mask, float("-inf")).max(1).values


@wrong("7.2", "one behind the last real token (at most the last place)")
def l_behind(hidden, mask, weight):
    return _at(hidden, (_last(mask) + 1).clamp(max=mask.shape[1] - 1)) @ weight


@wrong("7.2", "one before the last real token")
def l_before(hidden, mask, weight):
    return _at(hidden, (_last(mask) - 1).clamp(min=0)) @ weight


@wrong("7.2", "hidden detached")
def l_detach_hidden(hidden, mask, weight):
    return _at(hidden.detach(), _last(mask)) @ weight


@wrong("7.2", "weight detached")
def l_detach_weight(hidden, mask, weight):
    return _at(hidden, _last(mask)) @ weight.detach()


@wrong("7.2", "no gradient at all")
def l_no_grad(hidden, mask, weight):
    with torch.no_grad():
        return _at(hidden, _last(mask)) @ weight


@wrong("7.2", "the place of the first row for all rows")
def l_first_row(hidden, mask, weight):
    return hidden[:, _last(mask)[0]] @ weight


@wrong("7.2", "the last place that is real in any row, for all rows")
def l_longest(hidden, mask, weight):
    return hidden[:, _last(mask).max()] @ weight


@wrong("7.2", "product without the sum, shape (batch, width)")
def l_product(hidden, mask, weight):
    return _at(hidden, _last(mask)) * weight


@wrong("7.2", "mean over the width instead of the sum")
def l_width_mean(hidden, mask, weight):
    return (_at(hidden, _last(mask)) * weight).mean(-1)


@wrong("7.2", "a score for every token, shape (batch, time)")
def l_all_tokens(hidden, mask, weight):
    return (hidden @ weight).masked_fill(~mask, 0.0)


@wrong("7.2", "sigmoid of the score")
def l_sigmoid(hidden, mask, weight):
    return torch.sigmoid(_at(hidden, _last(mask)) @ weight)


@wrong("7.2", "weight ignored: sum of the state")
def l_noweight(hidden, mask, weight):
    return _at(hidden, _last(mask)).sum(-1) + 0 * weight.sum()


@wrong("7.2", "argmax of the flipped mask without turning back: place from the right")
def l_flip(hidden, mask, weight):
    return _at(hidden, mask.flip(1).long().argmax(dim=1)) @ weight


# ---------------------------------------------------------------- 8.3


@right("8.3")
def p_loop(proxy, gold, n):
    size = proxy.shape[-1]
    out = []
    for p, g in zip(proxy.reshape(-1, size).tolist(), gold.reshape(-1, size).tolist()):
        order = sorted(range(size), key=lambda i: p[i])
        total = math.comb(size, n)
        out.append(sum(math.comb(i, n - 1) / total * g[j] for i, j in enumerate(order)))
    dtype = gold.dtype if gold.is_floating_point() else torch.float32
    return torch.tensor(out, dtype=dtype).reshape(proxy.shape[:-1])


@right("8.3")
def p_recursion(proxy, gold, n):
    size = proxy.shape[-1]
    share = torch.zeros(size, dtype=torch.float64)
    share[-1] = n / size
    for i in range(size, n, -1):
        share[i - 2] = share[i - 1] * (i - n) / (i - 1)
    rank = proxy.argsort(dim=-1).argsort(dim=-1)
    out = torch.einsum("...i,...i->...", share[rank], gold.double())
    return out.to(gold.dtype) if gold.is_floating_point() else out.float()


def _shares(size, n):
    w = [math.comb(i, n - 1) / math.comb(size, n) for i in range(size)]
    return torch.tensor(w, dtype=torch.float64)


def _weighted(values, shares):
    return (values.double() * shares).sum(-1).to(values.dtype)


@wrong("8.3", "sorted best first")
def p_descending(proxy, gold, n):
    g = gold.gather(-1, proxy.argsort(dim=-1, descending=True))
    return _weighted(g, _shares(gold.shape[-1], n))


@wrong("8.3", "sorted by gold")
def p_sort_gold(proxy, gold, n):
    return _weighted(gold.sort(dim=-1).values, _shares(gold.shape[-1], n))


@wrong("8.3", "not sorted")
def p_unsorted(proxy, gold, n):
    return _weighted(gold, _shares(gold.shape[-1], n))


@wrong("8.3", "the proxy's expectation instead of gold's")
def p_proxy(proxy, gold, n):
    return _weighted(proxy.sort(dim=-1).values, _shares(gold.shape[-1], n))


@wrong("8.3", "off by one: binom(i, n - 1) with i from 1")
def p_off_up(proxy, gold, n):
    size = gold.shape[-1]
    g = gold.gather(-1, proxy.argsort(dim=-1))
    w = [math.comb(i, n - 1) / math.comb(size, n) for i in range(1, size + 1)]
    return _weighted(g, torch.tensor(w, dtype=torch.float64))


@wrong("8.3", "off by one: i - 1 with i from 0")
def p_off_down(proxy, gold, n):
    size = gold.shape[-1]
    g = gold.gather(-1, proxy.argsort(dim=-1))
    w = [math.comb(max(i - 1, 0), n - 1) / math.comb(size, n) for i in range(size)]
    return _weighted(g, torch.tensor(w, dtype=torch.float64))


@wrong("8.3", "binom(i - 1, n) above the line")
def p_comb_n(proxy, gold, n):
    size = gold.shape[-1]
    g = gold.gather(-1, proxy.argsort(dim=-1))
    w = [math.comb(i, n) / math.comb(size, n) for i in range(size)]
    return _weighted(g, torch.tensor(w, dtype=torch.float64))


@wrong("8.3", "drawn with replacement: (i/N)^n - ((i-1)/N)^n")
def p_replacement(proxy, gold, n):
    size = gold.shape[-1]
    g = gold.gather(-1, proxy.argsort(dim=-1))
    w = [((i + 1) / size) ** n - (i / size) ** n for i in range(size)]
    return _weighted(g, torch.tensor(w, dtype=torch.float64))


@wrong("8.3", "n ignored: gold of the proxy's best of the whole pool")
def p_best(proxy, gold, n):
    return gold.gather(-1, proxy.argmax(dim=-1, keepdim=True)).squeeze(-1)


@wrong("8.3", "n ignored: mean of gold")
def p_mean(proxy, gold, n):
    return gold.mean(-1)


@wrong("8.3", "mean over all pools, a scalar")
def p_scalar(proxy, gold, n):
    g = gold.gather(-1, proxy.argsort(dim=-1))
    return _weighted(g, _shares(gold.shape[-1], n)).mean()


@wrong("8.3", "binomials not divided by binom(N, n)")
def p_unnormalised(proxy, gold, n):
    size = gold.shape[-1]
    g = gold.gather(-1, proxy.argsort(dim=-1))
    w = [float(math.comb(i, n - 1)) for i in range(size)]
    return _weighted(g, torch.tensor(w, dtype=torch.float64))


@wrong("8.3", "argsort taken for the ranks")
def p_argsort(proxy, gold, n):
    return _weighted(gold, _shares(gold.shape[-1], n)[proxy.argsort(dim=-1)])


@wrong("8.3", "ordered draws above and below the line: perm instead of comb")
def p_perm(proxy, gold, n):
    size = gold.shape[-1]
    g = gold.gather(-1, proxy.argsort(dim=-1))
    w = [math.perm(i, n - 1) / math.perm(size, n) for i in range(size)]
    return _weighted(g, torch.tensor(w, dtype=torch.float64))


@wrong("8.3", "only the first n of the pool, one draw")
def p_first_n(proxy, gold, n):
    best = proxy[..., :n].argmax(dim=-1, keepdim=True)
    return gold.gather(-1, best).squeeze(-1)


@wrong("8.3", "mean over neighbouring groups of n, not over all ways to draw")
def p_blocks(proxy, gold, n):
    picks = []
    for start in range(0, proxy.shape[-1] - n + 1, n):
        best = proxy[..., start : start + n].argmax(dim=-1, keepdim=True)
        picks.append(gold[..., start : start + n].gather(-1, best).squeeze(-1))
    return torch.stack(picks).mean(0)


@wrong("8.3", "binom(N - 1, n - 1) below the line")
def p_denominator(proxy, gold, n):
    size = gold.shape[-1]
    g = gold.gather(-1, proxy.argsort(dim=-1))
    w = [math.comb(i, n - 1) / math.comb(size - 1, n - 1) for i in range(size)]
    return _weighted(g, torch.tensor(w, dtype=torch.float64))


@wrong("8.3", "whole-number division of the binomials")
def p_floor(proxy, gold, n):
    size = gold.shape[-1]
    g = gold.gather(-1, proxy.argsort(dim=-1))
    w = [math.comb(i, n - 1) // math.comb(size, n) for i in range(size)]
    return _weighted(g, torch.tensor(w, dtype=torch.float64))


@wrong("8.3", "sorted along the first dimension")
def p_dim0(proxy, gold, n):
    g = gold.gather(0, proxy.argsort(dim=0))
    return _weighted(g, _shares(gold.shape[-1], n))


@wrong("8.3", "mean gold of the proxy's n best of the pool")
def p_top_mean(proxy, gold, n):
    return gold.gather(-1, proxy.topk(n, dim=-1).indices).mean(-1)


# ---------------------------------------------------------------- 9.2


@right("9.2")
def r_loop(logprobs, advantages, mask):
    total = torch.zeros((), dtype=torch.float64)
    count = 0
    for b in range(logprobs.shape[0]):
        for t in range(logprobs.shape[1]):
            if mask[b, t]:
                a = advantages[b] if advantages.ndim == 1 else advantages[b, t]
                total = total - a.detach().double() * logprobs[b, t].double()
                count += 1
    return (total / count).to(logprobs.dtype)


@right("9.2")
def r_einsum(logprobs, advantages, mask):
    keep = mask.bool()
    a = advantages.detach()
    if a.ndim == 1:
        a = a[:, None].expand(logprobs.shape)
    return -torch.einsum("i,i->", a[keep].to(logprobs.dtype), logprobs[keep]) / int(
        keep.sum()
    )


def _adv(advantages):
    return (
        advantages.detach()
        if advantages.ndim == 2
        else advantages.detach().unsqueeze(1)
    )


def _kept(values, mask):
    return values.masked_fill(~mask.bool(), 0.0)


@wrong("9.2", "no minus")
def r_sign(logprobs, advantages, mask):
    return _kept(_adv(advantages) * logprobs, mask).sum() / mask.sum()


@wrong("9.2", "advantages not detached")
def r_nodetach(logprobs, advantages, mask):
    a = advantages if advantages.ndim == 2 else advantages.unsqueeze(1)
    return -_kept(a * logprobs, mask).sum() / mask.sum()


@wrong("9.2", "divided by all places, padding counted")
def r_all(logprobs, advantages, mask):
    return -_kept(_adv(advantages) * logprobs, mask).mean()


@wrong("9.2", "no mask")
def r_nomask(logprobs, advantages, mask):
    return -(_adv(advantages) * logprobs).mean()


@wrong("9.2", "mask only below the line")
def r_half_mask(logprobs, advantages, mask):
    return -(_adv(advantages) * logprobs).sum() / mask.sum()


@wrong("9.2", "mean of the means of the completions")
def r_rows(logprobs, advantages, mask):
    kept = _kept(_adv(advantages) * logprobs, mask)
    return -(kept.sum(1) / mask.sum(1).clamp(min=1)).mean()


@wrong("9.2", "divided by the number of completions")
def r_batch(logprobs, advantages, mask):
    return -_kept(_adv(advantages) * logprobs, mask).sum() / logprobs.shape[0]


@wrong("9.2", "sum, not divided")
def r_sum(logprobs, advantages, mask):
    return -_kept(_adv(advantages) * logprobs, mask).sum()


@wrong("9.2", "only for advantages of each token; (batch,) broadcasts along time")
def r_only_tokens(logprobs, advantages, mask):
    return -_kept(advantages.detach() * logprobs, mask).sum() / mask.sum()


@wrong("9.2", "only for advantages of each completion; (batch, time) gains a dimension")
def r_only_rows(logprobs, advantages, mask):
    a = advantages.detach().unsqueeze(1)
    return -(a * logprobs * mask).sum() / mask.sum()


@wrong("9.2", "log-probabilities detached, advantages not")
def r_detach_other(logprobs, advantages, mask):
    a = advantages if advantages.ndim == 2 else advantages.unsqueeze(1)
    return -_kept(a * logprobs.detach(), mask).sum() / mask.sum()


@wrong("9.2", "probability instead of log-probability")
def r_exp(logprobs, advantages, mask):
    return -_kept(_adv(advantages) * logprobs.exp(), mask).sum() / mask.sum()


@wrong("9.2", "advantages normalised first")
def r_normalised(logprobs, advantages, mask):
    a = _adv(advantages)
    a = (a - a.mean()) / (a.std(correction=0) + 1e-8)
    return -_kept(a * logprobs, mask).sum() / mask.sum()


@wrong("9.2", "token advantages averaged over the row")
def r_averaged(logprobs, advantages, mask):
    a = _adv(advantages).mean(1, keepdim=True)
    return -_kept(a * logprobs, mask).sum() / mask.sum()


@wrong("9.2", "mask the wrong way round")
def r_inverted(logprobs, advantages, mask):
    return -_kept(_adv(advantages) * logprobs, ~mask.bool()).sum() / mask.sum()


@wrong("9.2", "mean advantage times mean log-probability")
def r_two_means(logprobs, advantages, mask):
    a = _adv(advantages).expand(logprobs.shape)
    count = mask.sum()
    return -(_kept(a, mask).sum() / count) * (_kept(logprobs, mask).sum() / count)


@wrong("9.2", "advantages ignored: plain negative log-likelihood")
def r_nll(logprobs, advantages, mask):
    return -_kept(logprobs, mask).sum() / mask.sum()


@wrong("9.2", "negative advantages cut off at 0")
def r_positive(logprobs, advantages, mask):
    return -_kept(_adv(advantages).clamp(min=0) * logprobs, mask).sum() / mask.sum()


@wrong("9.2", "no gradient at all")
def r_no_grad(logprobs, advantages, mask):
    return -_kept(_adv(advantages) * logprobs.detach(), mask).sum() / mask.sum()


# ---------------------------------------------------------------- 9.5


@right("9.5")
def n_categorical(logits, mask):
    keep = mask.bool()
    rows = [
        torch.distributions.Categorical(logits=logits[b, t]).entropy()
        for b in range(mask.shape[0])
        for t in range(mask.shape[1])
        if keep[b, t]
    ]
    return torch.stack(rows).mean()


@right("9.5")
def n_logsumexp(logits, mask):
    z = logits[mask.bool()].double()
    p = torch.softmax(z, dim=-1)
    h = torch.logsumexp(z, dim=-1) - torch.einsum("iv,iv->i", p, z)
    return h.mean().to(logits.dtype)


def _safe_entropy(logits):
    logp = torch.log_softmax(logits, dim=-1)
    return -(logp.exp() * logp).sum(-1)


@wrong("9.5", "log of the softmax: 0 * -inf is NaN at 1000")
def n_log_softmax(logits, mask):
    p = torch.softmax(logits, dim=-1)
    return _kept(-(p * p.log()).sum(-1), mask).sum() / mask.sum()


@wrong("9.5", "sign")
def n_sign(logits, mask):
    return -_kept(_safe_entropy(logits), mask).sum() / mask.sum()


@wrong("9.5", "divided by all places, padding counted")
def n_all(logits, mask):
    return _kept(_safe_entropy(logits), mask).mean()


@wrong("9.5", "no mask")
def n_nomask(logits, mask):
    return _safe_entropy(logits).mean()


@wrong("9.5", "mean of the means of the completions")
def n_rows(logits, mask):
    h = _kept(_safe_entropy(logits), mask)
    return (h.sum(1) / mask.sum(1).clamp(min=1)).mean()


@wrong("9.5", "bits, not nats")
def n_bits(logits, mask):
    return _kept(_safe_entropy(logits), mask).sum() / mask.sum() / math.log(2)


@wrong("9.5", "mean over the vocabulary instead of the sum")
def n_vocab_mean(logits, mask):
    return _kept(_safe_entropy(logits) / logits.shape[-1], mask).sum() / mask.sum()


@wrong("9.5", "softmax by hand without the largest logit taken off: inf / inf at 1000")
def n_exp(logits, mask):
    p = logits.exp() / logits.exp().sum(-1, keepdim=True)
    logp = logits - logits.exp().sum(-1, keepdim=True).log()
    return _kept(-(p * logp).sum(-1), mask).sum() / mask.sum()


@wrong("9.5", "surprise of the most likely token")
def n_argmax(logits, mask):
    h = -torch.log_softmax(logits, dim=-1).max(-1).values
    return _kept(h, mask).sum() / mask.sum()


@wrong("9.5", "sum over the tokens")
def n_sum(logits, mask):
    return _kept(_safe_entropy(logits), mask).sum()


@wrong("9.5", "entropies of the tokens, not a scalar")
def n_tokens(logits, mask):
    return _kept(_safe_entropy(logits), mask)


@wrong("9.5", "softmax along time")
def n_axis(logits, mask):
    logp = torch.log_softmax(logits, dim=1)
    return _kept(-(logp.exp() * logp).sum(-1), mask).sum() / mask.sum()


@wrong("9.5", "divided by the number of completions")
def n_batch(logits, mask):
    return _kept(_safe_entropy(logits), mask).sum() / logits.shape[0]


@wrong(
    "9.5", "NaN replaced afterwards: the value is right, the gradient at 1000 is NaN"
)
def n_nan_to_num(logits, mask):
    p = torch.softmax(logits, dim=-1)
    h = -(p * p.log()).nan_to_num(0.0).sum(-1)
    return _kept(h, mask).sum() / mask.sum()


@wrong("9.5", "torch.where after the log: the gradient at 1000 is NaN")
def n_where(logits, mask):
    p = torch.softmax(logits, dim=-1)
    h = -torch.where(p > 0, p * p.log(), torch.zeros_like(p)).sum(-1)
    return _kept(h, mask).sum() / mask.sum()


@wrong(
    "9.5",
    "torch.special.entr: its gradient at p = 0 is infinite, NaN after the softmax",
)
def n_entr(logits, mask):
    h = torch.special.entr(torch.softmax(logits, dim=-1)).sum(-1)
    return _kept(h, mask).sum() / mask.sum()


@wrong("9.5", "logits clamped to +-50: differences among large ones are lost")
def n_clamp(logits, mask):
    return _kept(_safe_entropy(logits.clamp(-50, 50)), mask).sum() / mask.sum()


@wrong("9.5", "entropy of the mean distribution")
def n_of_mean(logits, mask):
    p = torch.softmax(logits, dim=-1)[mask.bool()].mean(0)
    return -(p * p.clamp(min=1e-30).log()).sum()


@wrong("9.5", "mask the wrong way round")
def n_inverted(logits, mask):
    return _kept(_safe_entropy(logits), ~mask.bool()).sum() / mask.sum()


@wrong("9.5", "shifted by one: row t counted by the mask of token t + 1")
def n_shift(logits, mask):
    h = _safe_entropy(logits)[:, :-1]
    return _kept(h, mask[:, 1:]).sum() / mask[:, 1:].sum()


@wrong("9.5", "detached, no gradient")
def n_detach(logits, mask):
    return _kept(_safe_entropy(logits.detach()), mask).sum() / mask.sum()


# ---------------------------------------------------------------- 11.1


@right("11.1")
def g_loop(scores, group_size):
    out = []
    for start in range(0, len(scores), group_size):
        group = scores[start : start + group_size].double()
        deviation = torch.var(group, correction=0) ** 0.5
        out.append((group - group.mean()) / (deviation + 1e-4))
    return torch.cat(out).to(scores.dtype)


@right("11.1")
def g_statistics(scores, group_size):
    values = scores.tolist()
    out = []
    for i, value in enumerate(values):
        start = i // group_size * group_size
        group = values[start : start + group_size]
        out.append(
            (value - statistics.fmean(group)) / (statistics.pstdev(group) + 1e-4)
        )
    return torch.tensor(out, dtype=scores.dtype)


@wrong("11.1", "unbiased deviation, n - 1")
def g_unbiased(scores, group_size):
    g = scores.view(-1, group_size)
    return ((g - g.mean(1, keepdim=True)) / (g.std(1, keepdim=True) + 1e-4)).flatten()


def _standard(g, dim=1, eps=1e-4):
    return (g - g.mean(dim, keepdim=True)) / (
        g.std(dim, keepdim=True, correction=0) + eps
    )


@wrong("11.1", "mean not taken off")
def g_nocentre(scores, group_size):
    g = scores.view(-1, group_size)
    return (g / (g.std(1, keepdim=True, correction=0) + 1e-4)).flatten()


@wrong("11.1", "not divided by the deviation")
def g_nostd(scores, group_size):
    g = scores.view(-1, group_size)
    return (g - g.mean(1, keepdim=True)).flatten()


@wrong("11.1", "mean and deviation of the whole batch")
def g_batch(scores, group_size):
    return _standard(scores, dim=0)


@wrong("11.1", "group_size rows: groups interleaved instead of next to each other")
def g_interleaved(scores, group_size):
    return _standard(scores.view(group_size, -1), dim=0).flatten()


@wrong("11.1", "right view, but over the groups instead of in them")
def g_axis(scores, group_size):
    return _standard(scores.view(-1, group_size), dim=0).flatten()


@wrong("11.1", "1e-4 under the root")
def g_eps_inside(scores, group_size):
    g = scores.view(-1, group_size)
    root = (g.var(1, keepdim=True, correction=0) + 1e-4).sqrt()
    return ((g - g.mean(1, keepdim=True)) / root).flatten()


@wrong("11.1", "no 1e-4: 0 / 0 where all scores are equal")
def g_noeps(scores, group_size):
    return _standard(scores.view(-1, group_size), eps=0.0).flatten()


@wrong("11.1", "1e-8 instead of 1e-4")
def g_eps8(scores, group_size):
    return _standard(scores.view(-1, group_size), eps=1e-8).flatten()


@wrong("11.1", "deviation at least 1e-4 instead of plus 1e-4")
def g_eps_max(scores, group_size):
    g = scores.view(-1, group_size)
    deviation = g.std(1, keepdim=True, correction=0).clamp(min=1e-4)
    return ((g - g.mean(1, keepdim=True)) / deviation).flatten()


@wrong("11.1", "divided by the variance")
def g_variance(scores, group_size):
    g = scores.view(-1, group_size)
    variance = g.var(1, keepdim=True, correction=0)
    return ((g - g.mean(1, keepdim=True)) / (variance + 1e-4)).flatten()


@wrong("11.1", "shape (groups, group_size)")
def g_shape(scores, group_size):
    return _standard(scores.reshape(-1, group_size))


@wrong("11.1", "mean of the group, deviation of the whole batch")
def g_mixed(scores, group_size):
    g = scores.view(-1, group_size)
    deviation = scores.std(correction=0) + 1e-4
    return ((g - g.mean(1, keepdim=True)) / deviation).flatten()


@wrong("11.1", "mean minus score")
def g_sign(scores, group_size):
    return -_standard(scores.view(-1, group_size)).flatten()


@wrong("11.1", "median instead of the mean")
def g_median(scores, group_size):
    g = scores.view(-1, group_size)
    middle = g.median(1, keepdim=True).values
    return ((g - middle) / (g.std(1, keepdim=True, correction=0) + 1e-4)).flatten()


@wrong("11.1", "mean absolute deviation")
def g_absolute(scores, group_size):
    g = scores.view(-1, group_size)
    c = g - g.mean(1, keepdim=True)
    return (c / (c.abs().mean(1, keepdim=True) + 1e-4)).flatten()


@wrong("11.1", "brackets: only the mean is divided")
def g_brackets(scores, group_size):
    g = scores.view(-1, group_size)
    return (
        g - g.mean(1, keepdim=True) / (g.std(1, keepdim=True, correction=0) + 1e-4)
    ).flatten()


@wrong("11.1", "mean of the other completions (RLOO) over the deviation")
def g_others(scores, group_size):
    g = scores.view(-1, group_size)
    others = (g.sum(1, keepdim=True) - g) / max(group_size - 1, 1)
    return ((g - others) / (g.std(1, keepdim=True, correction=0) + 1e-4)).flatten()


# ---------------------------------------------------------------- 11.2


@right("11.2")
def o_loop(rewards, group_size):
    out = []
    for i in range(len(rewards)):
        start = i // group_size * group_size
        others = [float(rewards[j]) for j in range(start, start + group_size) if j != i]
        out.append(float(rewards[i]) - sum(others) / len(others))
    return torch.tensor(out, dtype=rewards.dtype)


@right("11.2")
def o_matrix(rewards, group_size):
    eye = torch.eye(group_size, dtype=torch.float64)
    matrix = eye - (1 - eye) / (group_size - 1)
    g = rewards.double().reshape(-1, group_size)
    return torch.einsum("gi,ij->gj", g, matrix).reshape(-1).to(rewards.dtype)


@wrong("11.2", "mean of the group, itself included")
def o_mean(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - g.mean(1, keepdim=True)).flatten()


@wrong("11.2", "others' sum divided by group_size")
def o_count(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - (g.sum(1, keepdim=True) - g) / group_size).flatten()


@wrong("11.2", "the baseline only")
def o_baseline(rewards, group_size):
    g = rewards.view(-1, group_size)
    return ((g.sum(1, keepdim=True) - g) / (group_size - 1)).flatten()


@wrong("11.2", "baseline minus reward")
def o_sign(rewards, group_size):
    g = rewards.view(-1, group_size)
    return ((g.sum(1, keepdim=True) - g) / (group_size - 1) - g).flatten()


@wrong("11.2", "all others of the batch")
def o_batch(rewards, group_size):
    return rewards - (rewards.sum() - rewards) / (len(rewards) - 1)


@wrong("11.2", "mean of the batch")
def o_batch_mean(rewards, group_size):
    return rewards - rewards.mean()


@wrong("11.2", "groups interleaved instead of next to each other")
def o_interleaved(rewards, group_size):
    g = rewards.view(group_size, -1)
    return (g - (g.sum(0, keepdim=True) - g) / (group_size - 1)).flatten()


@wrong("11.2", "right view, sum along the wrong axis")
def o_axis(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - (g.sum(0, keepdim=True) - g) / (group_size - 1)).flatten()


@wrong("11.2", "own reward not taken out of the sum")
def o_own(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - g.sum(1, keepdim=True) / (group_size - 1)).flatten()


@wrong("11.2", "divided by the deviation, as GRPO does")
def o_std(rewards, group_size):
    g = rewards.view(-1, group_size)
    a = g - (g.sum(1, keepdim=True) - g) / (group_size - 1)
    return (a / (g.std(1, keepdim=True, correction=0) + 1e-4)).flatten()


@wrong("11.2", "shape (groups, group_size)")
def o_shape(rewards, group_size):
    g = rewards.reshape(-1, group_size)
    return g - (g.sum(1, keepdim=True) - g) / (group_size - 1)


@wrong("11.2", "factor the wrong way up: (g - 1) / g")
def o_factor(rewards, group_size):
    g = rewards.view(-1, group_size)
    return ((g - g.mean(1, keepdim=True)) * (group_size - 1) / group_size).flatten()


@wrong("11.2", "factor 1 / (g - 1)")
def o_factor2(rewards, group_size):
    g = rewards.view(-1, group_size)
    return ((g - g.mean(1, keepdim=True)) / (group_size - 1)).flatten()


@wrong("11.2", "brackets: only the own reward is divided")
def o_brackets(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - (g.sum(1, keepdim=True) - g / (group_size - 1))).flatten()


@wrong("11.2", "best of the others instead of their mean")
def o_max(rewards, group_size):
    g = rewards.view(-1, group_size)
    rows = [
        [
            float(row[i]) - max(float(x) for j, x in enumerate(row) if j != i)
            for i in range(len(row))
        ]
        for row in g
    ]
    return torch.tensor(rows, dtype=rewards.dtype).flatten()


@wrong("11.2", "minus the neighbour in the group only")
def o_roll(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - g.roll(1, dims=1)).flatten()


@wrong("11.2", "baseline from the earlier completions of the prompt only")
def o_earlier(rewards, group_size):
    g = rewards.view(-1, group_size)
    before = g.cumsum(1) - g
    count = torch.arange(group_size, dtype=g.dtype).clamp(min=1)
    return (g - before / count).flatten()


@wrong("11.2", "the others' sum, not their mean")
def o_sum(rewards, group_size):
    g = rewards.view(-1, group_size)
    return (g - (g.sum(1, keepdim=True) - g)).flatten()


@wrong("11.2", "median of the others (lower one)")
def o_median(rewards, group_size):
    g = rewards.view(-1, group_size)
    rows = [
        [
            float(row[i])
            - statistics.median_low([float(x) for j, x in enumerate(row) if j != i])
            for i in range(len(row))
        ]
        for row in g
    ]
    return torch.tensor(rows, dtype=rewards.dtype).flatten()


# ---------------------------------------------------------------- 11.3


@right("11.3")
def k_expm1(logprobs, ref_logprobs):
    d = logprobs.double() - ref_logprobs.detach().double()
    c = torch.clamp(d, -20, 20)
    parts = [d, d.square() / 2, torch.expm1(-c) + c]
    return torch.cat([p.unsqueeze(0) for p in parts]).to(logprobs.dtype)


@right("11.3")
def k_ratio(logprobs, ref_logprobs):
    reference = ref_logprobs.detach()
    d = torch.sub(logprobs, reference)
    c = torch.maximum(
        torch.minimum(d, torch.full_like(d, 20.0)), torch.full_like(d, -20.0)
    )
    c = c.double()
    k3 = (torch.exp(-c) - 1 + c).to(d.dtype)
    return torch.stack((d, 0.5 * d * d, k3), dim=0)


def _d(logprobs, ref_logprobs):
    return logprobs - ref_logprobs.detach()


def _k3(d):
    c = d.clamp(-20, 20)
    return torch.exp(-c) - 1 + c


@wrong("11.3", "d the wrong way round")
def k_reversed(logprobs, ref_logprobs):
    d = -_d(logprobs, ref_logprobs)
    return torch.stack([d, d**2 / 2, _k3(d)])


@wrong("11.3", "k2 without the half")
def k_nohalf(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    return torch.stack([d, d**2, _k3(d)])


@wrong("11.3", "k2 halved before it is squared")
def k_half_first(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    return torch.stack([d, (d / 2) ** 2, _k3(d)])


@wrong("11.3", "k3 with e^d - 1 - d")
def k_k3_sign(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    return torch.stack([d, d**2 / 2, _k3(-d)])


@wrong("11.3", "no clamp in k3")
def k_noclamp(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    return torch.stack([d, d**2 / 2, torch.exp(-d) - 1 + d])


@wrong("11.3", "d clamped in k1 and k2, too")
def k_clamp_all(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs).clamp(-20, 20)
    return torch.stack([d, d**2 / 2, torch.exp(-d) - 1 + d])


@wrong("11.3", "clamped in the exponent only, not in + d")
def k_clamp_exponent(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    return torch.stack([d, d**2 / 2, torch.exp(-d.clamp(-20, 20)) - 1 + d])


@wrong("11.3", "clamped on one side only")
def k_clamp_one(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    c = d.clamp(min=-20)
    return torch.stack([d, d**2 / 2, torch.exp(-c) - 1 + c])


@wrong("11.3", "k3 itself clamped to +-20 instead of d")
def k_clamp_result(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    return torch.stack([d, d**2 / 2, (torch.exp(-d) - 1 + d).clamp(-20, 20)])


@wrong("11.3", "clamp to +-10")
def k_clamp10(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    c = d.clamp(-10, 10)
    return torch.stack([d, d**2 / 2, torch.exp(-c) - 1 + c])


@wrong("11.3", "reference not detached")
def k_nodetach(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs
    return torch.stack([d, d**2 / 2, _k3(d)])


@wrong("11.3", "the policy detached instead of the reference")
def k_detach_other(logprobs, ref_logprobs):
    d = logprobs.detach() - ref_logprobs
    return torch.stack([d, d**2 / 2, _k3(d)])


@wrong("11.3", "reference detached in k3 only")
def k_detach_half(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs
    return torch.stack([d, d**2 / 2, _k3(_d(logprobs, ref_logprobs))])


@wrong("11.3", "stacked along the last dimension, shape (..., 3)")
def k_last(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    return torch.stack([d, d**2 / 2, _k3(d)], dim=-1)


@wrong("11.3", "k2 and k3 swapped")
def k_order(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    return torch.stack([d, _k3(d), d**2 / 2])


@wrong("11.3", "the - 1 of k3 is missing")
def k_no_one(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    return torch.stack([d, d**2 / 2, _k3(d) + 1])


@wrong("11.3", "the + d of k3 is missing")
def k_no_d(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    return torch.stack([d, d**2 / 2, torch.exp(-d.clamp(-20, 20)) - 1])


@wrong("11.3", "means over all tokens, shape (3,)")
def k_means(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    return torch.stack([d.mean(), (d**2 / 2).mean(), _k3(d).mean()])


@wrong("11.3", "quotient of the log-probabilities instead of the difference")
def k_quotient(logprobs, ref_logprobs):
    d = logprobs / ref_logprobs.detach()
    return torch.stack([d, d**2 / 2, _k3(d)])


@wrong("11.3", "difference of the probabilities")
def k_probs(logprobs, ref_logprobs):
    d = logprobs.exp() - ref_logprobs.detach().exp()
    return torch.stack([d, d**2 / 2, _k3(d)])


@wrong("11.3", "absolute value in k1")
def k_abs(logprobs, ref_logprobs):
    d = _d(logprobs, ref_logprobs)
    return torch.stack([d.abs(), d**2 / 2, _k3(d)])


# ---------------------------------------------------------------- 12.2


@right("12.2")
def q_einsum(chosen, rejected, ref_chosen, ref_rejected):
    four = torch.stack([chosen, rejected, ref_chosen.detach(), ref_rejected.detach()])
    signs = torch.tensor([1, -1, -1, 1], dtype=torch.float64)
    return torch.einsum("kb,k->b", four.double(), signs).to(chosen.dtype)


@right("12.2")
def q_loop(chosen, rejected, ref_chosen, ref_rejected):
    with torch.no_grad():
        reference = [c.double() - r.double() for c, r in zip(ref_chosen, ref_rejected)]
    rows = [
        (c.double() - r.double()) - x for c, r, x in zip(chosen, rejected, reference)
    ]
    return torch.stack(rows).to(chosen.dtype)


@wrong("12.2", "reference not detached")
def q_nodetach(chosen, rejected, ref_chosen, ref_rejected):
    return (chosen - ref_chosen) - (rejected - ref_rejected)


@wrong("12.2", "only the chosen text's reference detached")
def q_half_detach(chosen, rejected, ref_chosen, ref_rejected):
    return (chosen - ref_chosen.detach()) - (rejected - ref_rejected)


@wrong("12.2", "the policy detached instead of the reference")
def q_other_detach(chosen, rejected, ref_chosen, ref_rejected):
    return (chosen.detach() - ref_chosen) - (rejected.detach() - ref_rejected)


@wrong("12.2", "rejected minus chosen")
def q_sign(chosen, rejected, ref_chosen, ref_rejected):
    return (rejected - ref_rejected.detach()) - (chosen - ref_chosen.detach())


@wrong("12.2", "without the reference")
def q_noref(chosen, rejected, ref_chosen, ref_rejected):
    return chosen - rejected


@wrong("12.2", "the reference's difference added")
def q_added(chosen, rejected, ref_chosen, ref_rejected):
    return (chosen - rejected) + (ref_chosen - ref_rejected).detach()


@wrong("12.2", "brackets forgotten: the last term has the wrong sign")
def q_brackets(chosen, rejected, ref_chosen, ref_rejected):
    return chosen - ref_chosen.detach() - rejected - ref_rejected.detach()


@wrong("12.2", "plus between the two texts")
def q_plus(chosen, rejected, ref_chosen, ref_rejected):
    return (chosen - ref_chosen.detach()) + (rejected - ref_rejected.detach())


@wrong("12.2", "references swapped")
def q_swapped(chosen, rejected, ref_chosen, ref_rejected):
    return (chosen - ref_rejected.detach()) - (rejected - ref_chosen.detach())


@wrong("12.2", "chosen text only")
def q_chosen(chosen, rejected, ref_chosen, ref_rejected):
    return chosen - ref_chosen.detach()


@wrong("12.2", "quotients of the log-probabilities")
def q_quotient(chosen, rejected, ref_chosen, ref_rejected):
    return chosen / ref_chosen.detach() - rejected / ref_rejected.detach()


@wrong("12.2", "the ratio, not its logarithm")
def q_exp(chosen, rejected, ref_chosen, ref_rejected):
    h = (chosen - ref_chosen.detach()) - (rejected - ref_rejected.detach())
    return h.exp()


@wrong("12.2", "difference of the ratios of the probabilities")
def q_ratio_difference(chosen, rejected, ref_chosen, ref_rejected):
    return (chosen - ref_chosen.detach()).exp() - (
        rejected - ref_rejected.detach()
    ).exp()


@wrong("12.2", "mean over the pairs, a scalar")
def q_mean(chosen, rejected, ref_chosen, ref_rejected):
    return ((chosen - ref_chosen.detach()) - (rejected - ref_rejected.detach())).mean()


@wrong("12.2", "log-sigmoid already in it")
def q_logsigmoid(chosen, rejected, ref_chosen, ref_rejected):
    return F.logsigmoid(
        (chosen - ref_chosen.detach()) - (rejected - ref_rejected.detach())
    )


@wrong("12.2", "times a beta of 0.1 that nobody asked for")
def q_beta(chosen, rejected, ref_chosen, ref_rejected):
    return 0.1 * ((chosen - ref_chosen.detach()) - (rejected - ref_rejected.detach()))


@wrong("12.2", "absolute value")
def q_abs(chosen, rejected, ref_chosen, ref_rejected):
    return ((chosen - ref_chosen.detach()) - (rejected - ref_rejected.detach())).abs()


@wrong("12.2", "logarithm of log-probabilities: taken for probabilities")
def q_log(chosen, rejected, ref_chosen, ref_rejected):
    h = chosen.log() - ref_chosen.detach().log()
    return h - (rejected.log() - ref_rejected.detach().log())


@wrong("12.2", "rejected text's reference forgotten")
def q_one_ref(chosen, rejected, ref_chosen, ref_rejected):
    return (chosen - ref_chosen.detach()) - rejected


# ---------------------------------------------------------------- 13.1


def _log_posterior(w, d, y, variance):
    z = d @ w
    fit = (y * F.logsigmoid(z) + (1 - y) * F.logsigmoid(-z)).sum()
    return fit - (w @ w) / (2 * variance)


def _curvature(w, d, variance):
    p = torch.sigmoid(d @ w)
    eye = torch.eye(d.shape[1], dtype=torch.float64)
    return d.T @ ((p * (1 - p)).unsqueeze(1) * d) + eye / variance


def _climb(d, y, variance, rounds=200):
    w = torch.zeros(d.shape[1], dtype=torch.float64)
    for _ in range(rounds):
        gradient = d.T @ (y - torch.sigmoid(d @ w)) - w / variance
        step = torch.linalg.solve(_curvature(w, d, variance), gradient)
        size, here = 1.0, _log_posterior(w, d, y, variance)
        while size > 1e-10 and _log_posterior(w + size * step, d, y, variance) < here:
            size /= 2
        if size <= 1e-10 or float((size * step).abs().max()) < 1e-14:
            break
        w = w + size * step
    return w


@right("13.1")
def v_damped(differences, wins, prior_variance=1.0):
    d, y = differences.detach().double(), wins.detach().double()
    w = _climb(d, y, prior_variance)
    return w, torch.cholesky_inverse(
        torch.linalg.cholesky(_curvature(w, d, prior_variance))
    )


@right("13.1")
def v_lbfgs(differences, wins, prior_variance=1.0):
    d, y = differences.detach().double(), wins.detach().double()
    with torch.enable_grad():
        w = torch.zeros(d.shape[1], dtype=torch.float64, requires_grad=True)
        optimiser = torch.optim.LBFGS(
            [w],
            max_iter=500,
            tolerance_grad=1e-12,
            tolerance_change=1e-15,
            line_search_fn="strong_wolfe",
        )

        def closure():
            optimiser.zero_grad()
            loss = -_log_posterior(w, d, y, prior_variance)
            loss.backward()
            return loss

        optimiser.step(closure)
    w = w.detach()
    for _ in range(5):  # Newton's last digits
        gradient = d.T @ (y - torch.sigmoid(d @ w)) - w / prior_variance
        w = w + torch.linalg.solve(_curvature(w, d, prior_variance), gradient)
    curvature = torch.zeros(len(w), len(w), dtype=torch.float64)
    for row in d:
        p = torch.sigmoid(torch.dot(row, w))
        curvature += p * (1 - p) * torch.outer(row, row)
    curvature += torch.diag(
        torch.full((len(w),), 1 / prior_variance, dtype=torch.float64)
    )
    return w, torch.linalg.pinv(curvature, hermitian=True, rtol=0.0)


def _cov(w, d, variance):
    return torch.linalg.inv(_curvature(w, d, variance))


@wrong(
    "13.1",
    "no prior, neither in the peak nor in the covariance (1e-6 keeps it invertible)",
)
def v_noprior(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = _climb(d, y, 1e6)
    return w, _cov(w, d, 1e6)


@wrong("13.1", "prior_variance ignored, always 1")
def v_variance_one(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = _climb(d, y, 1.0)
    return w, _cov(w, d, 1.0)


@wrong("13.1", "prior variance taken for a precision: times instead of divided by")
def v_precision(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = _climb(d, y, 1 / prior_variance)
    return w, _cov(w, d, 1 / prior_variance)


@wrong("13.1", "prior variance taken for a standard deviation, squared")
def v_squared(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = _climb(d, y, prior_variance**2)
    return w, _cov(w, d, prior_variance**2)


@wrong("13.1", "curvature not inverted")
def v_curvature(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = _climb(d, y, prior_variance)
    return w, _curvature(w, d, prior_variance)


@wrong("13.1", "the prior is missing in the covariance (pseudo-inverse)")
def v_cov_noprior(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = _climb(d, y, prior_variance)
    eye = torch.eye(d.shape[1], dtype=torch.float64)
    return w, torch.linalg.pinv(_curvature(w, d, prior_variance) - eye / prior_variance)


@wrong("13.1", "one step of Newton only")
def v_one_step(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = torch.linalg.solve(
        _curvature(torch.zeros(d.shape[1]).double(), d, prior_variance), d.T @ (y - 0.5)
    )
    return w, _cov(w, d, prior_variance)


@wrong("13.1", "ties left out")
def v_noties(differences, wins, prior_variance=1.0):
    keep = wins != 0.5
    d, y = differences[keep].double(), wins[keep].double()
    w = _climb(d, y, prior_variance)
    return w, _cov(w, d, prior_variance)


@wrong("13.1", "a tie counts as b's win")
def v_tie_loss(differences, wins, prior_variance=1.0):
    d, y = differences.double(), (wins > 0.5).double()
    w = _climb(d, y, prior_variance)
    return w, _cov(w, d, prior_variance)


@wrong("13.1", "a tie counts as a's win")
def v_tie_win(differences, wins, prior_variance=1.0):
    d, y = differences.double(), (wins > 0).double()
    w = _climb(d, y, prior_variance)
    return w, _cov(w, d, prior_variance)


@wrong("13.1", "covariance at w = 0 instead of at the peak")
def v_cov_zero(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = _climb(d, y, prior_variance)
    return w, _cov(torch.zeros_like(w), d, prior_variance)


@wrong("13.1", "sign: b's wins taken for a's")
def v_sign(differences, wins, prior_variance=1.0):
    d, y = differences.double(), 1 - wins.double()
    w = _climb(d, y, prior_variance)
    return w, _cov(w, d, prior_variance)


@wrong("13.1", "variances only, shape (d,)")
def v_diagonal(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = _climb(d, y, prior_variance)
    return w, _cov(w, d, prior_variance).diagonal()


@wrong("13.1", "the inverse of the diagonal only, correlations lost")
def v_diag_inverse(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = _climb(d, y, prior_variance)
    return w, torch.diag(1 / _curvature(w, d, prior_variance).diagonal())


@wrong("13.1", "a hundred small steps of gradient ascent, not at the peak yet")
def v_ascent(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = torch.zeros(d.shape[1], dtype=torch.float64)
    for _ in range(100):
        w = w + 0.001 * (d.T @ (y - torch.sigmoid(d @ w)) - w / prior_variance)
    return w, _cov(w, d, prior_variance)


@wrong("13.1", "p instead of p (1 - p) in the covariance")
def v_p(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = _climb(d, y, prior_variance)
    p = torch.sigmoid(d @ w)
    eye = torch.eye(d.shape[1], dtype=torch.float64)
    return w, torch.linalg.inv(d.T @ (p.unsqueeze(1) * d) + eye / prior_variance)


@wrong("13.1", "mean over the votes instead of their sum")
def v_mean(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    n = max(len(y), 1)
    w = _climb(d, y, prior_variance / n)
    return w, n * _cov(w, d, prior_variance / n)


@wrong(
    "13.1", "linear regression (ridge) on the wins of +-1/2 instead of the logistic one"
)
def v_ridge(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double() - 0.5
    eye = torch.eye(d.shape[1], dtype=torch.float64)
    cov = torch.linalg.inv(d.T @ d + eye / prior_variance)
    return cov @ d.T @ y, cov


@wrong("13.1", "covariance first")
def v_order(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = _climb(d, y, prior_variance)
    return _cov(w, d, prior_variance), w


@wrong("13.1", "the prior is missing in the gradient, so the peak is the likelihood's")
def v_gradient_noprior(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = _climb(d, y, 1e6)
    return w, _cov(w, d, prior_variance)


@wrong("13.1", "prior without the half: the mean shrinks twice as much")
def v_nohalf(differences, wins, prior_variance=1.0):
    d, y = differences.double(), wins.double()
    w = _climb(d, y, prior_variance / 2)
    return w, _cov(w, d, prior_variance / 2)


# ---------------------------------------------------------------- 14.4


@right("14.4")
def u_full(scores, worst):
    out = torch.full((len(scores),), float(worst))
    for i, score in enumerate(scores):
        if score is not None:
            out[i] = float(score)
    return out


@right("14.4")
def u_where(scores, worst):
    crashed = torch.tensor([s is None for s in scores], dtype=torch.bool)
    values = torch.tensor(
        [0.0 if s is None else float(s) for s in scores], dtype=torch.float64
    )
    return torch.where(crashed, torch.full_like(values, float(worst)), values).float()


@wrong("14.4", "`or`: a score of 0 counts as a crash")
def u_or(scores, worst):
    return torch.tensor([float(s or worst) for s in scores])


@wrong("14.4", "crashed texts left out")
def u_drop(scores, worst):
    return torch.tensor([float(s) for s in scores if s is not None])


@wrong("14.4", "0 for a crash")
def u_zero(scores, worst):
    return torch.tensor([0.0 if s is None else float(s) for s in scores])


@wrong("14.4", "NaN for a crash")
def u_nan(scores, worst):
    return torch.tensor([float("nan") if s is None else float(s) for s in scores])


@wrong("14.4", "-inf for a crash")
def u_inf(scores, worst):
    return torch.tensor([float("-inf") if s is None else float(s) for s in scores])


@wrong("14.4", "the worst score of the batch instead of `worst`")
def u_min(scores, worst):
    low = min((float(s) for s in scores if s is not None), default=worst)
    return torch.tensor([low if s is None else float(s) for s in scores])


@wrong("14.4", "mean of the other scores for a crash")
def u_mean(scores, worst):
    known = [float(s) for s in scores if s is not None]
    mean = sum(known) / len(known) if known else worst
    return torch.tensor([mean if s is None else float(s) for s in scores])


@wrong("14.4", "crashes moved to the end, order lost")
def u_end(scores, worst):
    known = [float(s) for s in scores if s is not None]
    return torch.tensor(known + [float(worst)] * (len(scores) - len(known)))


@wrong("14.4", "only the first crash replaced, 0 for the rest")
def u_first(scores, worst):
    out = list(scores)
    if None in out:
        out[out.index(None)] = worst
    return torch.tensor([0.0 if s is None else float(s) for s in out])


@wrong("14.4", "minus worst")
def u_minus(scores, worst):
    return torch.tensor([-float(worst) if s is None else float(s) for s in scores])


@wrong("14.4", "-|worst|: takes worst for negative, wrong where it is above 0")
def u_minus_abs(scores, worst):
    return torch.tensor([-abs(float(worst)) if s is None else float(s) for s in scores])


@wrong("14.4", "whole numbers, fractions cut off")
def u_int(scores, worst):
    return torch.tensor([int(worst if s is None else s) for s in scores])


@wrong("14.4", "condition the wrong way round: scores become worst, crashes 0")
def u_inverted(scores, worst):
    return torch.tensor([float(worst) if s is not None else 0.0 for s in scores])


@wrong("14.4", "one below worst, to be on the safe side")
def u_below(scores, worst):
    return torch.tensor([worst - 1.0 if s is None else float(s) for s in scores])


@wrong("14.4", "the score before carried on")
def u_carried(scores, worst):
    out, last = [], float(worst)
    for s in scores:
        last = last if s is None else float(s)
        out.append(last)
    return torch.tensor(out)


@wrong("14.4", "negative scores count as crashes, too")
def u_negative(scores, worst):
    return torch.tensor(
        [float(s) if s is not None and s >= 0 else float(worst) for s in scores]
    )


@wrong("14.4", "worst ignored, always -1")
def u_minus_one(scores, worst):
    return torch.tensor([-1.0 if s is None else float(s) for s in scores])


@wrong("14.4", "shape (batch, 1)")
def u_column(scores, worst):
    return torch.tensor([[float(worst if s is None else s)] for s in scores])


@wrong("14.4", "one crash makes the whole batch worst")
def u_whole(scores, worst):
    if None in scores:
        return torch.full((len(scores),), float(worst))
    return torch.tensor([float(s) for s in scores])


@wrong("14.4", "distance to worst instead of the score")
def u_distance(scores, worst):
    return torch.tensor([0.0 if s is None else float(s) - worst for s in scores])


# ---------------------------------------------------------------- 16.5


@right("16.5")
def s_loop(multiplier, costs, bound, rate):
    total, count = 0.0, 0
    for cost in costs.tolist():
        total += cost
        count += 1
    moved = multiplier + rate * (total / count - bound)
    return float(moved) if moved > 0 else 0.0


@right("16.5")
def s_relu(multiplier, costs, bound, rate):
    excess = (costs.double() - bound).mean()
    return F.relu(multiplier + rate * excess).item()


@wrong("16.5", "sign: bound minus mean cost")
def s_sign(multiplier, costs, bound, rate):
    return max(0.0, multiplier + rate * (bound - float(costs.mean())))


@wrong("16.5", "may fall below 0")
def s_noclamp(multiplier, costs, bound, rate):
    return multiplier + rate * (float(costs.mean()) - bound)


@wrong("16.5", "sum of the costs instead of the mean")
def s_sum(multiplier, costs, bound, rate):
    return max(0.0, multiplier + rate * (float(costs.sum()) - bound))


@wrong("16.5", "the step never below 0: the multiplier cannot fall")
def s_never_falls(multiplier, costs, bound, rate):
    return multiplier + rate * max(0.0, float(costs.mean()) - bound)


@wrong("16.5", "rate ignored")
def s_norate(multiplier, costs, bound, rate):
    return max(0.0, multiplier + float(costs.mean()) - bound)


@wrong("16.5", "bound ignored")
def s_nobound(multiplier, costs, bound, rate):
    return max(0.0, multiplier + rate * float(costs.mean()))


@wrong("16.5", "the step only, without the multiplier")
def s_nomultiplier(multiplier, costs, bound, rate):
    return max(0.0, rate * (float(costs.mean()) - bound))


@wrong("16.5", "largest cost instead of the mean")
def s_max(multiplier, costs, bound, rate):
    return max(0.0, multiplier + rate * (float(costs.max()) - bound))


@wrong("16.5", "median instead of the mean")
def s_median(multiplier, costs, bound, rate):
    return max(0.0, multiplier + rate * (float(costs.median()) - bound))


@wrong("16.5", "min instead of max: never above 0")
def s_min(multiplier, costs, bound, rate):
    return min(0.0, multiplier + rate * (float(costs.mean()) - bound))


@wrong("16.5", "absolute value instead of 0 below 0")
def s_abs(multiplier, costs, bound, rate):
    return abs(multiplier + rate * (float(costs.mean()) - bound))


@wrong("16.5", "brackets: rate times the mean only, then minus the bound")
def s_brackets(multiplier, costs, bound, rate):
    return max(0.0, multiplier + rate * float(costs.mean()) - bound)


@wrong("16.5", "brackets: (multiplier + rate) times the excess")
def s_brackets2(multiplier, costs, bound, rate):
    return max(0.0, (multiplier + rate) * (float(costs.mean()) - bound))


@wrong("16.5", "multiplicative step: multiplier * exp(rate * excess)")
def s_exp(multiplier, costs, bound, rate):
    return multiplier * math.exp(rate * (float(costs.mean()) - bound))


@wrong("16.5", "mean of each text's excess, cut off at 0 text by text")
def s_hinge(multiplier, costs, bound, rate):
    return max(0.0, multiplier + rate * float((costs - bound).clamp(min=0).mean()))


@wrong("16.5", "share of texts above the bound instead of the mean cost")
def s_share(multiplier, costs, bound, rate):
    return max(
        0.0, multiplier + rate * (float((costs > bound).double().mean()) - bound)
    )


@wrong("16.5", "clamped to 0 to 1")
def s_one(multiplier, costs, bound, rate):
    return min(1.0, max(0.0, multiplier + rate * (float(costs.mean()) - bound)))


@wrong("16.5", "a multiplier of 0 stays 0")
def s_stuck(multiplier, costs, bound, rate):
    if multiplier <= 0:
        return 0.0
    return max(0.0, multiplier + rate * (float(costs.mean()) - bound))


@wrong("16.5", "fixed step by the sign of the excess")
def s_fixed(multiplier, costs, bound, rate):
    return max(0.0, multiplier + (rate if float(costs.mean()) > bound else -rate))


@wrong("16.5", "moving average: (1 - rate) multiplier + rate * excess")
def s_average(multiplier, costs, bound, rate):
    return max(0.0, (1 - rate) * multiplier + rate * (float(costs.mean()) - bound))


@wrong("16.5", "divided by the batch once more")
def s_twice(multiplier, costs, bound, rate):
    return max(0.0, multiplier + rate * (float(costs.mean()) - bound) / len(costs))


# ---------------------------------------------------------------- 17.2


@right("17.2")
def i_statistics(asked, judged, unasked, weight, z):
    dtype = asked.dtype if asked.is_floating_point() else torch.float32
    rest = [float(y) - weight * float(f) for y, f in zip(asked, judged)]
    other = [weight * float(f) for f in unasked]
    middle = statistics.fmean(rest) + statistics.fmean(other)
    error = math.sqrt(
        statistics.variance(rest) / len(rest) + statistics.variance(other) / len(other)
    )
    return torch.tensor([middle - z * error, middle + z * error], dtype=dtype)


@right("17.2")
def i_cov(asked, judged, unasked, weight, z):
    y, f, u = asked.double(), judged.double(), unasked.double()
    c = torch.cov(torch.stack([y, f]))
    mix = torch.tensor([1.0, -weight], dtype=torch.float64)
    square = mix @ c @ mix / len(y) + weight**2 * torch.cov(u) / len(u)
    middle = y.mean() - weight * f.mean() + weight * u.mean()
    half = z * square.clamp(min=0).sqrt()
    ends = torch.stack([middle - half, middle + half])
    return ends.to(asked.dtype) if asked.is_floating_point() else ends.float()


def _ends(middle, half):
    return torch.stack([middle - half, middle + half])


def _middle(asked, judged, unasked, weight):
    return (asked - weight * judged).mean() + weight * unasked.mean()


def _square(asked, judged, unasked, weight):
    first = (asked - weight * judged).var() / len(asked)
    return first + weight**2 * unasked.var() / len(unasked)


@wrong("17.2", "biased variances, n below the line")
def i_biased(asked, judged, unasked, weight, z):
    square = (asked - weight * judged).var(correction=0) / len(asked)
    square = square + weight**2 * unasked.var(correction=0) / len(unasked)
    return _ends(_middle(asked, judged, unasked, weight), z * square.sqrt())


@wrong("17.2", "weight instead of its square in the variance")
def i_weight_once(asked, judged, unasked, weight, z):
    square = (asked - weight * judged).var() / len(
        asked
    ) + weight * unasked.var() / len(unasked)
    return _ends(
        _middle(asked, judged, unasked, weight), z * square.clamp(min=0).sqrt()
    )


@wrong("17.2", "variance of the unasked without the weight")
def i_weight_none(asked, judged, unasked, weight, z):
    square = (asked - weight * judged).var() / len(asked) + unasked.var() / len(unasked)
    return _ends(_middle(asked, judged, unasked, weight), z * square.sqrt())


@wrong("17.2", "variances of the texts, not of the means: not divided by n and m")
def i_no_n(asked, judged, unasked, weight, z):
    square = (asked - weight * judged).var() + (weight * unasked).var()
    return _ends(_middle(asked, judged, unasked, weight), z * square.sqrt())


@wrong("17.2", "z ignored, always 1.96")
def i_z(asked, judged, unasked, weight, z):
    half = 1.96 * _square(asked, judged, unasked, weight).sqrt()
    return _ends(_middle(asked, judged, unasked, weight), half)


@wrong("17.2", "z left out")
def i_noz(asked, judged, unasked, weight, z):
    half = _square(asked, judged, unasked, weight).sqrt()
    return _ends(_middle(asked, judged, unasked, weight), half)


@wrong("17.2", "z standard errors are the whole width, half to each side")
def i_half_z(asked, judged, unasked, weight, z):
    half = z / 2 * _square(asked, judged, unasked, weight).sqrt()
    return _ends(_middle(asked, judged, unasked, weight), half)


@wrong("17.2", "weight ignored, always 1")
def i_weight_one(asked, judged, unasked, weight, z):
    half = z * _square(asked, judged, unasked, 1.0).sqrt()
    return _ends(_middle(asked, judged, unasked, 1.0), half)


@wrong("17.2", "variances of y and f apart, as if they were independent")
def i_independent(asked, judged, unasked, weight, z):
    square = (asked.var() + weight**2 * judged.var()) / len(asked)
    square = square + weight**2 * unasked.var() / len(unasked)
    return _ends(_middle(asked, judged, unasked, weight), z * square.sqrt())


@wrong("17.2", "people only, the judge is not used")
def i_people(asked, judged, unasked, weight, z):
    return _ends(asked.mean(), z * (asked.var() / len(asked)).sqrt())


@wrong("17.2", "upper end first")
def i_order(asked, judged, unasked, weight, z):
    half = z * _square(asked, judged, unasked, weight).sqrt()
    return _ends(_middle(asked, judged, unasked, weight), -half)


@wrong("17.2", "sign of the judge's part")
def i_sign(asked, judged, unasked, weight, z):
    half = z * _square(asked, judged, unasked, weight).sqrt()
    middle = (asked + weight * judged).mean() - weight * unasked.mean()
    return _ends(middle, half)


@wrong("17.2", "standard errors added instead of the variances")
def i_errors_added(asked, judged, unasked, weight, z):
    first = ((asked - weight * judged).var() / len(asked)).sqrt()
    second = ((weight * unasked).var() / len(unasked)).sqrt()
    return _ends(_middle(asked, judged, unasked, weight), z * (first + second))


@wrong("17.2", "only the variance of the asked")
def i_first_only(asked, judged, unasked, weight, z):
    square = (asked - weight * judged).var() / len(asked)
    return _ends(_middle(asked, judged, unasked, weight), z * square.sqrt())


@wrong("17.2", "both variances divided by n")
def i_n_twice(asked, judged, unasked, weight, z):
    square = ((asked - weight * judged).var() + (weight * unasked).var()) / len(asked)
    return _ends(_middle(asked, judged, unasked, weight), z * square.sqrt())


@wrong("17.2", "both variances divided by n + m")
def i_pooled(asked, judged, unasked, weight, z):
    square = (asked - weight * judged).var() + (weight * unasked).var()
    square = square / (len(asked) + len(unasked))
    return _ends(_middle(asked, judged, unasked, weight), z * square.sqrt())


@wrong("17.2", "middle and half-width instead of the two ends")
def i_half_width(asked, judged, unasked, weight, z):
    half = z * _square(asked, judged, unasked, weight).sqrt()
    return torch.stack([_middle(asked, judged, unasked, weight), half])


@wrong("17.2", "no root: z times the variance")
def i_noroot(asked, judged, unasked, weight, z):
    half = z * _square(asked, judged, unasked, weight)
    return _ends(_middle(asked, judged, unasked, weight), half)


@wrong("17.2", "weight forgotten on the asked texts")
def i_weight_asked(asked, judged, unasked, weight, z):
    rest = asked - judged
    square = rest.var() / len(asked) + weight**2 * unasked.var() / len(unasked)
    return _ends(rest.mean() + weight * unasked.mean(), z * square.sqrt())


@wrong("17.2", "weight forgotten on the unasked texts, middle and variance")
def i_weight_unasked(asked, judged, unasked, weight, z):
    rest = asked - weight * judged
    square = rest.var() / len(asked) + unasked.var() / len(unasked)
    return _ends(rest.mean() + unasked.mean(), z * square.sqrt())


@wrong(
    "17.2", "judge's correction is missing: people's mean plus weight times the judge's"
)
def i_no_correction(asked, judged, unasked, weight, z):
    square = asked.var() / len(asked) + weight**2 * unasked.var() / len(unasked)
    return _ends(asked.mean() + weight * unasked.mean(), z * square.sqrt())


@wrong("17.2", "n - 1 twice: the sample variance divided by n - 1 again")
def i_minus_one_twice(asked, judged, unasked, weight, z):
    square = (asked - weight * judged).var() / (len(asked) - 1)
    square = square + (weight * unasked).var() / (len(unasked) - 1)
    return _ends(_middle(asked, judged, unasked, weight), z * square.sqrt())


@wrong("17.2", "judge's mean over all n + m texts instead of the unasked")
def i_all_texts(asked, judged, unasked, weight, z):
    everything = torch.cat([judged, unasked])
    rest = asked - weight * judged
    square = rest.var() / len(asked) + weight**2 * everything.var() / len(everything)
    return _ends(rest.mean() + weight * everything.mean(), z * square.sqrt())


@wrong("17.2", "clamped to 0 to 1")
def i_clamped(asked, judged, unasked, weight, z):
    half = z * _square(asked, judged, unasked, weight).sqrt()
    return _ends(_middle(asked, judged, unasked, weight), half).clamp(0.0, 1.0)
