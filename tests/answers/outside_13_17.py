"""Answers of an outsider: 12 wrong and 3 right ones for the first and last exercise
of chapters 13 to 17."""

import itertools
import math
import random
import re
import statistics
from collections import Counter, defaultdict
from fractions import Fraction

import torch
import torch.nn.functional as F

from course.tasks.program_tests import wanted
from tools.try_answers import right, wrong

# Helpers of 13.1


def _peak(D, y, precision, votes_weight=1.0, steps=200):
    """Peak of votes_weight * log likelihood - precision |w|^2 / 2 (safe Newton)."""
    w = torch.zeros(D.shape[1], dtype=D.dtype)
    eye = torch.eye(D.shape[1], dtype=D.dtype)
    for _ in range(steps):
        s = D @ w
        gradient = votes_weight * D.T @ (y - torch.sigmoid(s)) - precision * w
        c = torch.sigmoid(s) * torch.sigmoid(-s)
        curvature = votes_weight * (D.T * c) @ D + precision * eye
        step = torch.linalg.solve(curvature, gradient)
        r = float((D @ step).abs().max()) if len(D) else 0.0
        w = w + (math.log1p(r) / r if r > 1e-9 else 1.0) * step
    return w


def _curvature(D, w, precision):
    s = D @ w
    c = torch.sigmoid(s) * torch.sigmoid(-s)
    return (D.T * c) @ D + precision * torch.eye(D.shape[1], dtype=D.dtype)


# 13.1 laplace_update


@right("13.1")
def laplace_einsum(differences, wins, prior_variance=1.0):
    D = differences.detach().to(torch.float64)
    y = wins.detach().to(torch.float64)
    d = D.shape[1]
    w = D.new_zeros(d)
    for _ in range(300):
        p = 1 / (1 + torch.exp(-torch.einsum("vd,d->v", D, w)))
        gradient = torch.einsum("vd,v->d", D, y - p) - w / prior_variance
        hessian = torch.einsum("vi,v,vj->ij", D, p * (1 - p), D)
        for i in range(d):
            hessian[i, i] += 1 / prior_variance
        step = torch.linalg.lstsq(hessian, gradient[:, None]).solution[:, 0]
        r = max([abs(v) for v in (D @ step).tolist()], default=0.0)
        w = w + step * (math.log1p(r) / r if r > 1e-9 else 1.0)
    p = torch.sigmoid(D @ w)
    hessian = torch.einsum("vi,v,vj->ij", D, p * (1 - p), D)
    hessian = hessian + torch.eye(d, dtype=torch.float64) / prior_variance
    return w, torch.cholesky_inverse(torch.linalg.cholesky(hessian))


@right("13.1")
def laplace_lbfgs(differences, wins, prior_variance=1.0):
    D = differences.detach().double()
    y = wins.detach().double()

    def energy(w):
        s = D @ w
        fit = y * F.logsigmoid(s) + (1 - y) * F.logsigmoid(-s)
        return (w**2).sum() / (2 * prior_variance) - fit.sum()

    with torch.enable_grad():
        w = torch.zeros(D.shape[1], dtype=torch.float64, requires_grad=True)
        climber = torch.optim.LBFGS(
            [w],
            max_iter=1000,
            tolerance_grad=1e-11,
            tolerance_change=1e-15,
            line_search_fn="strong_wolfe",
        )

        def closure():
            climber.zero_grad()
            loss = energy(w)
            loss.backward()
            return loss

        for _ in range(3):
            climber.step(closure)
        hessian = torch.autograd.functional.hessian(energy, w.detach())
    return w.detach().clone(), torch.linalg.inv(hessian)


@right("13.1")
def laplace_python_loops(differences, wins, prior_variance=1.0):
    """Lists and Gauss-Jordan only."""
    rows, votes = differences.tolist(), wins.tolist()
    d = differences.shape[1]

    def sigma(s):
        return 1 / (1 + math.exp(-s)) if s >= 0 else math.exp(s) / (1 + math.exp(s))

    def inverse(m):
        m = [r[:] + [float(i == j) for j in range(d)] for i, r in enumerate(m)]
        for i in range(d):
            k = max(range(i, d), key=lambda q: abs(m[q][i]))
            m[i], m[k] = m[k], m[i]
            pivot = m[i][i]
            m[i] = [v / pivot for v in m[i]]
            for q in range(d):
                if q != i:
                    f = m[q][i]
                    m[q] = [v - f * u for v, u in zip(m[q], m[i])]
        return [r[d:] for r in m]

    def state(w):
        g = [-v / prior_variance for v in w]
        h = [[(i == j) / prior_variance for j in range(d)] for i in range(d)]
        for row, y in zip(rows, votes):
            s = sum(a * b for a, b in zip(row, w))
            p, q = sigma(s), sigma(-s)
            for i in range(d):
                g[i] += (y - p) * row[i]
                for j in range(d):
                    h[i][j] += p * q * row[i] * row[j]
        return g, inverse(h)

    w = [0.0] * d
    for _ in range(100):
        g, c = state(w)
        step = [sum(c[i][j] * g[j] for j in range(d)) for i in range(d)]
        r = max((abs(sum(a * b for a, b in zip(x, step))) for x in rows), default=0.0)
        t = math.log1p(r) / r if r > 1e-9 else 1.0
        w = [v + t * u for v, u in zip(w, step)]
        if max(map(abs, step), default=0.0) < 1e-14:
            break
    c = state(w)[1]
    return torch.tensor(w, dtype=torch.float64), torch.tensor(c, dtype=torch.float64)


@wrong("13.1", "one Newton step from zero, not the peak")
def laplace_one_step(differences, wins, prior_variance=1.0):
    D, y = differences.double(), wins.double()
    w = _peak(D, y, 1 / prior_variance, steps=1)
    return w, torch.linalg.inv(_curvature(D, w, 1 / prior_variance))


@wrong("13.1", "the curvature is handed back, not its inverse")
def laplace_not_inverted(differences, wins, prior_variance=1.0):
    D, y = differences.double(), wins.double()
    w = _peak(D, y, 1 / prior_variance)
    return w, _curvature(D, w, 1 / prior_variance)


@wrong("13.1", "times the prior variance where one divides by it")
def laplace_variance_as_precision(differences, wins, prior_variance=1.0):
    D, y = differences.double(), wins.double()
    w = _peak(D, y, prior_variance)
    return w, torch.linalg.inv(_curvature(D, w, prior_variance))


@wrong("13.1", "the covariance lacks the prior")
def laplace_no_prior_in_covariance(differences, wins, prior_variance=1.0):
    D, y = differences.double(), wins.double()
    w = _peak(D, y, 1 / prior_variance)
    return w, torch.linalg.pinv(_curvature(D, w, 0.0))


@wrong("13.1", "the prior's 2 is forgotten: |w|^2 / variance")
def laplace_prior_doubled(differences, wins, prior_variance=1.0):
    D, y = differences.double(), wins.double()
    w = _peak(D, y, 2 / prior_variance)
    return w, torch.linalg.inv(_curvature(D, w, 2 / prior_variance))


@wrong("13.1", "the mean over the votes, as binary_cross_entropy has it, not the sum")
def laplace_mean_of_votes(differences, wins, prior_variance=1.0):
    D, y = differences.double(), wins.double()
    w = _peak(D, y, 1 / prior_variance, votes_weight=1 / max(1, len(D)))
    return w, torch.linalg.inv(_curvature(D, w, 1 / prior_variance))


@wrong("13.1", "200 steps of gradient ascent at a fixed rate, not yet at the peak")
def laplace_ascent_too_short(differences, wins, prior_variance=1.0):
    D, y = differences.double(), wins.double()
    w = torch.zeros(D.shape[1], dtype=torch.float64)
    for _ in range(200):
        w = w + 0.01 * (D.T @ (y - torch.sigmoid(D @ w)) - w / prior_variance)
    return w, torch.linalg.inv(_curvature(D, w, 1 / prior_variance))


@wrong("13.1", "the curvature at the prior's mean, p = 1/2, not at the peak")
def laplace_curvature_at_zero(differences, wins, prior_variance=1.0):
    D, y = differences.double(), wins.double()
    w = _peak(D, y, 1 / prior_variance)
    return w, torch.linalg.inv(_curvature(D, 0 * w, 1 / prior_variance))


@wrong("13.1", "a tie counts as a defeat")
def laplace_tie_is_zero(differences, wins, prior_variance=1.0):
    D, y = differences.double(), (wins > 0.5).double()
    w = _peak(D, y, 1 / prior_variance)
    return w, torch.linalg.inv(_curvature(D, w, 1 / prior_variance))


@wrong("13.1", "ties are thrown out, though they sharpen the covariance")
def laplace_ties_dropped(differences, wins, prior_variance=1.0):
    D, y = differences.double()[wins != 0.5], wins.double()[wins != 0.5]
    w = _peak(D, y, 1 / prior_variance)
    return w, torch.linalg.inv(_curvature(D, w, 1 / prior_variance))


@wrong("13.1", "each variance by itself: 1 / diagonal, the rest zero")
def laplace_diagonal(differences, wins, prior_variance=1.0):
    D, y = differences.double(), wins.double()
    w = _peak(D, y, 1 / prior_variance)
    return w, torch.diag(1 / _curvature(D, w, 1 / prior_variance).diagonal())


@wrong("13.1", "the result is in single precision")
def laplace_float32(differences, wins, prior_variance=1.0):
    D, y = differences.float(), wins.float()
    w = _peak(D, y, 1 / prior_variance)
    return w, torch.linalg.inv(_curvature(D, w, 1 / prior_variance))


# 13.4 thumbs_to_pairs


@right("13.4")
def pairs_by_product(thumbs):
    thumbs = list(thumbs)
    return [
        (p, good, bad)
        for (p, good, up), (q, bad, other) in itertools.product(thumbs, repeat=2)
        if up and not other and p == q and good != bad
    ]


@right("13.4")
def pairs_by_index(thumbs):
    found = []
    for j in range(len(thumbs) - 1, -1, -1):
        for i in range(len(thumbs)):
            if thumbs[i][2] and not thumbs[j][2]:
                if thumbs[i][0] == thumbs[j][0] and thumbs[i][1] != thumbs[j][1]:
                    found.append((i, j))
    found.sort()
    return [(thumbs[i][0], thumbs[i][1], thumbs[j][1]) for i, j in found]


@right("13.4")
def pairs_by_dictionary(thumbs):
    down = defaultdict(list)
    for prompt, text, up in thumbs:
        if not up:
            down[prompt].append(text)
    result = []
    for prompt, text, up in filter(lambda t: t[2], thumbs):
        result.extend((prompt, text, bad) for bad in down[prompt] if not bad == text)
    return result


@wrong("13.4", "across prompts")
def pairs_any_prompt(thumbs):
    return [
        (p, a, b)
        for p, a, up in thumbs
        if up
        for _, b, other in thumbs
        if not other and a != b
    ]


@wrong("13.4", "a text against itself")
def pairs_with_itself(thumbs):
    return [
        (p, a, b)
        for p, a, up in thumbs
        if up
        for q, b, other in thumbs
        if not other and p == q
    ]


@wrong("13.4", "in the order of the thumbs down")
def pairs_down_first(thumbs):
    return [
        (p, a, b)
        for q, b, other in thumbs
        if not other
        for p, a, up in thumbs
        if up and p == q and a != b
    ]


@wrong("13.4", "prompt by prompt, not in the order of the thumbs up")
def pairs_grouped(thumbs):
    groups = {}
    for p, text, up in thumbs:
        groups.setdefault(p, ([], []))[0 if up else 1].append(text)
    return [
        (p, a, b)
        for p, (ups, downs) in groups.items()
        for a in ups
        for b in downs
        if a != b
    ]


@wrong("13.4", "each thumb is used once: zip, not every with every")
def pairs_zipped(thumbs):
    groups = {}
    for p, text, up in thumbs:
        groups.setdefault(p, ([], []))[0 if up else 1].append(text)
    return [
        (p, a, b)
        for p, (ups, downs) in groups.items()
        for a, b in zip(ups, downs)
        if a != b
    ]


@wrong("13.4", "only thumbs down that came later")
def pairs_only_later(thumbs):
    return [
        (p, a, b)
        for i, (p, a, up) in enumerate(thumbs)
        if up
        for q, b, other in thumbs[i + 1 :]
        if not other and p == q and a != b
    ]


@wrong("13.4", "chosen and rejected change places")
def pairs_swapped(thumbs):
    return [
        (p, b, a)
        for p, a, up in thumbs
        if up
        for q, b, other in thumbs
        if not other and p == q and a != b
    ]


@wrong("13.4", "repeated thumbs count once")
def pairs_without_repeats(thumbs):
    return list(
        dict.fromkeys(
            (p, a, b)
            for p, a, up in thumbs
            if up
            for q, b, other in thumbs
            if not other and p == q and a != b
        )
    )


@wrong("13.4", "the last thumb on a text overwrites the earlier ones")
def pairs_last_thumb(thumbs):
    last = {(p, text): up for p, text, up in thumbs}
    return [
        (p, a, b)
        for (p, a), up in last.items()
        if up
        for (q, b), other in last.items()
        if not other and p == q and a != b
    ]


@wrong("13.4", "a text with thumbs both up and down is thrown out altogether")
def pairs_no_disputed(thumbs):
    ups = {(p, t) for p, t, up in thumbs if up}
    downs = {(p, t) for p, t, up in thumbs if not up}
    clear = [t for t in thumbs if (t[0], t[1]) not in ups & downs]
    return [
        (p, a, b)
        for p, a, up in clear
        if up
        for q, b, other in clear
        if not other and p == q
    ]


@wrong("13.4", "only the first thumb down for each thumb up")
def pairs_first_down(thumbs):
    result = []
    for p, a, up in thumbs:
        if not up:
            continue
        for q, b, other in thumbs:
            if not other and p == q and a != b:
                result.append((p, a, b))
                break
    return result


@wrong("13.4", "groupby without sorting: a prompt that comes back starts anew")
def pairs_groupby(thumbs):
    result = []
    for p, group in itertools.groupby(thumbs, key=lambda t: t[0]):
        group = list(group)
        result += [
            (p, a, b)
            for _, a, up in group
            if up
            for _, b, other in group
            if not other and a != b
        ]
    return result


# 14.1 kl_budget_fit


def _fit(kl, gain):
    """a and b by least squares, as floats."""
    d = kl.double().sqrt()
    columns = torch.stack([d, -(d**2)], dim=1)
    a, b = torch.linalg.lstsq(columns, gain.double()[:, None]).solution[:, 0].tolist()
    return a, b


def _three(gain, a, b, peak):
    return torch.tensor([a, b, peak], dtype=torch.float64).to(gain.dtype)


@right("14.1")
def budget_cramer(kl, gain):
    """The normal equations in Python."""
    dd = dddd = ddd = dg = ddg = 0.0
    for k, g in zip(kl.tolist(), gain.tolist()):
        d = math.sqrt(k)
        dd += d * d
        ddd += d**3
        dddd += d**4
        dg += d * g
        ddg += d * d * g
    det = dd * dddd - ddd * ddd
    a = (dg * dddd - ddg * ddd) / det
    b = -(dd * ddg - ddd * dg) / det
    peak = (a / (2 * b)) ** 2 if a > 0 and b > 0 else math.inf
    return torch.tensor([a, b, peak], dtype=torch.float64).to(gain.dtype)


@right("14.1")
def budget_pinv(kl, gain):
    kl, g = kl.to(torch.float64), gain.to(torch.float64)
    columns = torch.stack([kl**0.5, -kl])
    a, b = torch.einsum("cn,n->c", torch.linalg.pinv(columns.T), g)
    turns = (a > 0) & (b > 0)
    peak = torch.where(turns, a**2 / (4 * b**2), torch.full_like(a, math.inf))
    return torch.stack((a, b, peak)).to(gain.dtype)


@right("14.1")
def budget_gram_schmidt(kl, gain):
    """The part of KL that d does not explain carries b."""
    k, g = kl.double(), gain.double()
    d = torch.sqrt(k)
    share = torch.dot(d, k) / torch.dot(d, d)
    rest = k - share * d
    b = -torch.dot(rest, g) / torch.dot(rest, rest)
    a = torch.dot(d, g + b * k) / torch.dot(d, d)
    result = torch.empty(3, dtype=torch.float64)
    result[0], result[1] = a, b
    if float(a) <= 0 or float(b) <= 0:
        result[2] = float("inf")
    else:
        result[2] = torch.square(a / b / 2)
    return result.type_as(gain)


@wrong("14.1", "the peak's d, not its KL")
def budget_peak_not_squared(kl, gain):
    a, b = _fit(kl, gain)
    return _three(gain, a, b, a / (2 * b) if a > 0 and b > 0 else math.inf)


@wrong("14.1", "where the gain is back at zero, not the peak")
def budget_root(kl, gain):
    a, b = _fit(kl, gain)
    return _three(gain, a, b, (a / b) ** 2 if a > 0 and b > 0 else math.inf)


@wrong("14.1", "no infinity: the square of a / 2b whatever the signs")
def budget_never_infinite(kl, gain):
    a, b = _fit(kl, gain)
    return _three(gain, a, b, (a / (2 * b)) ** 2)


@wrong("14.1", "only b is asked, not a")
def budget_only_b(kl, gain):
    a, b = _fit(kl, gain)
    return _three(gain, a, b, (a / (2 * b)) ** 2 if b > 0 else math.inf)


@wrong("14.1", "b with the sign of a polynomial's coefficient")
def budget_sign_of_b(kl, gain):
    a, b = _fit(kl, gain)
    return _three(gain, a, -b, (a / (2 * b)) ** 2 if a > 0 and b > 0 else math.inf)


@wrong("14.1", "KL itself as d, no root")
def budget_no_root(kl, gain):
    a, b = _fit(kl.double() ** 2, gain)
    return _three(gain, a, b, a / (2 * b) if a > 0 and b > 0 else math.inf)


@wrong("14.1", "with an intercept")
def budget_intercept(kl, gain):
    d = kl.double().sqrt()
    columns = torch.stack([torch.ones_like(d), d, -(d**2)], dim=1)
    _, a, b = (
        torch.linalg.lstsq(columns, gain.double()[:, None]).solution[:, 0].tolist()
    )
    return _three(gain, a, b, (a / (2 * b)) ** 2 if a > 0 and b > 0 else math.inf)


@wrong("14.1", "a line through gain / d: other weights for the errors")
def budget_divided(kl, gain):
    d = kl.double().sqrt()
    d, g = d[d > 0], gain.double()[kl > 0]
    columns = torch.stack([torch.ones_like(d), -d], dim=1)
    a, b = torch.linalg.lstsq(columns, (g / d)[:, None]).solution[:, 0].tolist()
    return _three(gain, a, b, (a / (2 * b)) ** 2 if a > 0 and b > 0 else math.inf)


@wrong("14.1", "the peak's height, not its place")
def budget_height(kl, gain):
    a, b = _fit(kl, gain)
    return _three(gain, a, b, a * a / (4 * b) if a > 0 and b > 0 else math.inf)


@wrong("14.1", "infinite only if both are not positive: and for or")
def budget_and_for_or(kl, gain):
    a, b = _fit(kl, gain)
    return _three(gain, a, b, math.inf if a <= 0 and b <= 0 else (a / (2 * b)) ** 2)


@wrong("14.1", "where a is not positive the start is called the peak: 0")
def budget_zero_for_falling(kl, gain):
    a, b = _fit(kl, gain)
    peak = math.inf if b <= 0 else (max(a, 0.0) / (2 * b)) ** 2
    return _three(gain, a, b, peak)


@wrong("14.1", "the peak is never beyond the largest KL seen")
def budget_within_data(kl, gain):
    a, b = _fit(kl, gain)
    peak = (a / (2 * b)) ** 2 if a > 0 and b > 0 else math.inf
    return _three(gain, a, b, min(peak, float(kl.max())) if b > 0 < a else peak)


# 14.4 with_unscorable


@right("14.4")
def unscorable_filled(scores, worst):
    result = torch.full((len(scores),), float(worst))
    for i, score in enumerate(scores):
        if score is not None:
            result[i] = score
    return result


@right("14.4")
def unscorable_where(scores, worst):
    crashed = torch.tensor([s is None for s in scores], dtype=torch.bool)
    known = torch.tensor([0.0 if s is None else float(s) for s in scores])
    return torch.where(crashed, torch.full_like(known, worst), known)


@right("14.4")
def unscorable_double(scores, worst):
    """In double precision: the text asks for no type."""
    return torch.tensor(
        list(map(lambda s: {None: worst}.get(s, s), scores)), dtype=torch.float64
    )


@wrong("14.4", "a score of 0 becomes worst, too")
def unscorable_or(scores, worst):
    return torch.tensor([float(s or worst) for s in scores])


@wrong("14.4", "crashes are dropped")
def unscorable_dropped(scores, worst):
    return torch.tensor([float(s) for s in scores if s is not None])


@wrong("14.4", "0 for a crash")
def unscorable_zero(scores, worst):
    return torch.tensor([0.0 if s is None else float(s) for s in scores])


@wrong("14.4", "NaN for a crash")
def unscorable_nan(scores, worst):
    return torch.tensor([math.nan if s is None else float(s) for s in scores])


@wrong("14.4", "the smallest score of the batch for a crash")
def unscorable_minimum(scores, worst):
    least = min((s for s in scores if s is not None), default=worst)
    return torch.tensor([float(least if s is None else s) for s in scores])


@wrong("14.4", "the mean of the others for a crash")
def unscorable_mean(scores, worst):
    known = [s for s in scores if s is not None]
    mean = sum(known) / len(known) if known else worst
    return torch.tensor([float(mean if s is None else s) for s in scores])


@wrong("14.4", "minus infinity for a crash")
def unscorable_infinite(scores, worst):
    return torch.tensor([-math.inf if s is None else float(s) for s in scores])


@wrong("14.4", "the crashes come last, not in their places")
def unscorable_at_the_end(scores, worst):
    known = [float(s) for s in scores if s is not None]
    return torch.tensor(known + [float(worst)] * (len(scores) - len(known)))


@wrong("14.4", "negative scores become worst, too")
def unscorable_negative(scores, worst):
    return torch.tensor(
        [float(s) if s is not None and s >= 0 else float(worst) for s in scores]
    )


@wrong("14.4", "a crash repeats the score before it; worst only where there is none")
def unscorable_carried_on(scores, worst):
    result = []
    for s in scores:
        if s is None:
            s = result[-1] if result else worst
        result.append(float(s))
    return torch.tensor(result)


@wrong("14.4", "worst as a penalty: minus its size, even where it is positive")
def unscorable_minus_size(scores, worst):
    return torch.tensor([float(-abs(worst) if s is None else s) for s in scores])


@wrong("14.4", "a column, shape (batch, 1)")
def unscorable_column(scores, worst):
    return torch.tensor([[float(worst if s is None else s)] for s in scores])


# 15.1 chrf


def _grams(text, n):
    return Counter(text[i : i + n] for i in range(len(text) - n + 1))


def _bare(text):
    return "".join(text.split())


def _shares(h, r, lengths=range(1, 7)):
    """(matches, of the hypothesis, of the reference) for each n that both have."""
    for n in lengths:
        a, b = _grams(h, n), _grams(r, n)
        if a and b:
            yield (a & b).total(), a.total(), b.total()


def _f(precision, recall, beta=2.0):
    if precision + recall == 0:
        return 0.0
    k = beta * beta
    return (1 + k) * precision * recall / (k * precision + recall)


@right("15.1")
def chrf_crossing_out(hypothesis, reference):
    """Lists from which what is matched is crossed out."""
    h = re.sub(r"\s", "", hypothesis)
    r = re.sub(r"\s", "", reference)
    lengths = min(6, len(h), len(r))
    precision = recall = 0.0
    for n in range(1, lengths + 1):
        mine = [h[i : i + n] for i in range(len(h) - n + 1)]
        left = [r[i : i + n] for i in range(len(r) - n + 1)]
        total, matches = len(left), 0
        for gram in mine:
            if gram in left:
                left.remove(gram)
                matches += 1
        precision += matches / len(mine) / lengths
        recall += matches / total / lengths
    if not precision or not recall:
        return 0.0
    return 5 * precision * recall / (4 * precision + recall)


@right("15.1")
def chrf_fractions(hypothesis, reference):
    h = [c for c in hypothesis if not c.isspace()]
    r = [c for c in reference if not c.isspace()]
    ps, rs = [], []
    for n in range(1, 7):
        a = Counter(zip(*(h[i:] for i in range(n))))
        b = Counter(zip(*(r[i:] for i in range(n))))
        if not a or not b:
            break
        matches = sum(min(a[g], b[g]) for g in a.keys() & b.keys())
        ps.append(Fraction(matches, sum(a.values())))
        rs.append(Fraction(matches, sum(b.values())))
    if not any(ps):
        return 0.0
    p, r = sum(ps) / len(ps), sum(rs) / len(rs)
    return float(1 / (Fraction(1, 5) / p + Fraction(4, 5) / r))


@right("15.1")
def chrf_tensors(hypothesis, reference):
    """Counts as double tensors over the union of the n-grams."""
    h, r = "".join(hypothesis.split()), "".join(reference.split())
    rows = []
    for n in range(1, min(6, len(h), len(r)) + 1):
        a = [h[i : i + n] for i in range(len(h) - n + 1)]
        b = [r[i : i + n] for i in range(len(r) - n + 1)]
        place = {gram: i for i, gram in enumerate(dict.fromkeys(a + b))}
        counts = torch.zeros(2, len(place), dtype=torch.float64)
        for gram in a:
            counts[0, place[gram]] += 1
        for gram in b:
            counts[1, place[gram]] += 1
        rows.append(counts.min(dim=0).values.sum() / counts.sum(dim=1))
    if not rows:
        return 0.0
    p, q = torch.stack(rows).mean(dim=0).tolist()
    return 5 * p * q / (4 * p + q) if p > 0 else 0.0


@wrong("15.1", "white space stays")
def chrf_with_spaces(hypothesis, reference):
    rows = list(_shares(hypothesis, reference))
    if not rows:
        return 0.0
    return _f(
        sum(m / a for m, a, _ in rows) / len(rows),
        sum(m / b for m, _, b in rows) / len(rows),
    )


@wrong("15.1", "precision counts double: P and R change places")
def chrf_swapped(hypothesis, reference):
    rows = list(_shares(_bare(hypothesis), _bare(reference)))
    if not rows:
        return 0.0
    return _f(
        sum(m / b for m, _, b in rows) / len(rows),
        sum(m / a for m, a, _ in rows) / len(rows),
    )


@wrong("15.1", "F1: recall does not count double")
def chrf_f1(hypothesis, reference):
    rows = list(_shares(_bare(hypothesis), _bare(reference)))
    if not rows:
        return 0.0
    return _f(
        sum(m / a for m, a, _ in rows) / len(rows),
        sum(m / b for m, _, b in rows) / len(rows),
        beta=1.0,
    )


@wrong("15.1", "the average is always over six lengths")
def chrf_always_six(hypothesis, reference):
    rows = list(_shares(_bare(hypothesis), _bare(reference)))
    return _f(sum(m / a for m, a, _ in rows) / 6, sum(m / b for m, _, b in rows) / 6)


@wrong("15.1", "not clipped: a repeated n-gram matches each time")
def chrf_unclipped(hypothesis, reference):
    h, r = _bare(hypothesis), _bare(reference)
    ps, rs = [], []
    for n in range(1, 7):
        a, b = _grams(h, n), _grams(r, n)
        if a and b:
            ps.append(sum(k for g, k in a.items() if g in b) / a.total())
            rs.append(sum(k for g, k in b.items() if g in a) / b.total())
    return _f(sum(ps) / len(ps), sum(rs) / len(rs)) if ps else 0.0


@wrong("15.1", "sets of n-grams, not counts")
def chrf_sets(hypothesis, reference):
    h, r = _bare(hypothesis), _bare(reference)
    ps, rs = [], []
    for n in range(1, 7):
        a, b = set(_grams(h, n)), set(_grams(r, n))
        if a and b:
            ps.append(len(a & b) / len(a))
            rs.append(len(a & b) / len(b))
    return _f(sum(ps) / len(ps), sum(rs) / len(rs)) if ps else 0.0


@wrong("15.1", "range(1, 6): the six-grams are missing")
def chrf_up_to_five(hypothesis, reference):
    rows = list(_shares(_bare(hypothesis), _bare(reference), range(1, 6)))
    if not rows:
        return 0.0
    return _f(
        sum(m / a for m, a, _ in rows) / len(rows),
        sum(m / b for m, _, b in rows) / len(rows),
    )


@wrong("15.1", "an F for each length, then their average")
def chrf_average_of_f(hypothesis, reference):
    rows = list(_shares(_bare(hypothesis), _bare(reference)))
    return sum(_f(m / a, m / b) for m, a, b in rows) / len(rows) if rows else 0.0


@wrong("15.1", "all lengths in one pot, no average")
def chrf_pooled(hypothesis, reference):
    rows = list(_shares(_bare(hypothesis), _bare(reference)))
    if not rows:
        return 0.0
    matches, mine, theirs = map(sum, zip(*rows))
    return _f(matches / mine, matches / theirs)


@wrong("15.1", "lengths that only one of the texts has count as 0")
def chrf_either_text(hypothesis, reference):
    h, r = _bare(hypothesis), _bare(reference)
    lengths = min(6, max(len(h), len(r)))
    if not lengths:
        return 0.0
    rows = list(_shares(h, r))
    return _f(
        sum(m / a for m, a, _ in rows) / lengths,
        sum(m / b for m, _, b in rows) / lengths,
    )


@wrong("15.1", "only blanks are taken out, not tabs and line ends")
def chrf_blanks_only(hypothesis, reference):
    rows = list(_shares(hypothesis.replace(" ", ""), reference.replace(" ", "")))
    if not rows:
        return 0.0
    return _f(
        sum(m / a for m, a, _ in rows) / len(rows),
        sum(m / b for m, _, b in rows) / len(rows),
    )


@wrong("15.1", "capitals are made small")
def chrf_lower(hypothesis, reference):
    rows = list(_shares(_bare(hypothesis).lower(), _bare(reference).lower()))
    if not rows:
        return 0.0
    return _f(
        sum(m / a for m, a, _ in rows) / len(rows),
        sum(m / b for m, _, b in rows) / len(rows),
    )


# 15.5 fresh_tests


@right("15.5")
def tests_by_zip(prompt, seed, n):
    xs = random.Random(seed).sample(range(-20, 40), k=n)
    return list(zip(xs, map(wanted, itertools.repeat(prompt), xs)))


@right("15.5")
def tests_shifted(prompt, seed, n):
    """Sixty places, counted from -20."""
    return [
        (place - 20, wanted(prompt, place - 20))
        for place in random.Random(seed).sample(range(60), n)
    ]


@right("15.5")
def tests_by_dictionary(prompt, seed, n):
    generator = random.Random()
    generator.seed(seed)
    values = {}
    for x in generator.sample([*range(-20, 0), *range(0, 40)], n):
        values[x] = wanted(prompt, x)
    return list(values.items())


@wrong("15.5", "the seed is not used")
def tests_unseeded(prompt, seed, n):
    return [(x, wanted(prompt, x)) for x in random.sample(range(-20, 40), n)]


@wrong("15.5", "range(-20, 39)")
def tests_one_short(prompt, seed, n):
    xs = random.Random(seed).sample(range(-20, 39), n)
    return [(x, wanted(prompt, x)) for x in xs]


@wrong("15.5", "range(-20, 41)")
def tests_one_long(prompt, seed, n):
    xs = random.Random(seed).sample(range(-20, 41), n)
    return [(x, wanted(prompt, x)) for x in xs]


@wrong("15.5", "(value, x), not (x, value)")
def tests_turned(prompt, seed, n):
    xs = random.Random(seed).sample(range(-20, 40), n)
    return [(wanted(prompt, x), x) for x in xs]


@wrong("15.5", "sorted by x")
def tests_sorted(prompt, seed, n):
    xs = sorted(random.Random(seed).sample(range(-20, 40), n))
    return [(x, wanted(prompt, x)) for x in xs]


@wrong("15.5", "with replacement: an x can come twice")
def tests_choices(prompt, seed, n):
    xs = random.Random(seed).choices(range(-20, 40), k=n)
    return [(x, wanted(prompt, x)) for x in xs]


@wrong("15.5", "randint one by one: an x can come twice")
def tests_randint(prompt, seed, n):
    generator = random.Random(seed)
    xs = [generator.randint(-20, 39) for _ in range(n)]
    return [(x, wanted(prompt, x)) for x in xs]


@wrong("15.5", "a new generator for each test: n times the same x")
def tests_same_x(prompt, seed, n):
    xs = [random.Random(seed).sample(range(-20, 40), 1)[0] for _ in range(n)]
    return [(x, wanted(prompt, x)) for x in xs]


@wrong("15.5", "the first n after a shuffle")
def tests_shuffled(prompt, seed, n):
    xs = list(range(-20, 40))
    random.Random(seed).shuffle(xs)
    return [(x, wanted(prompt, x)) for x in xs[:n]]


@wrong("15.5", "the function at the test's number, not at x")
def tests_at_the_number(prompt, seed, n):
    xs = random.Random(seed).sample(range(-20, 40), n)
    return [(x, wanted(prompt, i)) for i, x in enumerate(xs)]


@wrong("15.5", "the generator is seeded with the prompt as well")
def tests_seeded_by_prompt(prompt, seed, n):
    xs = random.Random(f"{prompt} {seed}").sample(range(-20, 40), n)
    return [(x, wanted(prompt, x)) for x in xs]


@wrong("15.5", "values come from a second draw of the same generator")
def tests_drawn_twice(prompt, seed, n):
    generator = random.Random(seed)
    xs = generator.sample(range(-20, 40), n)
    values = [wanted(prompt, x) for x in generator.sample(range(-20, 40), n)]
    return list(zip(xs, values))


# 16.1 turn_returns


@right("16.1")
def returns_loops(final, lengths, cost):
    longest = max(int(n) for n in lengths)
    kind = torch.result_type(final, 0.5)
    result = torch.zeros(len(final), longest, dtype=kind)
    for i in range(len(final)):
        left = final[i].item()
        for t in range(int(lengths[i]) - 1, -1, -1):
            left -= cost
            result[i, t] = left
    return result


@right("16.1")
def returns_backward_sums(final, lengths, cost):
    """Rewards of the single turns, summed from the end, in double precision."""
    turns = torch.arange(int(lengths.max()))
    alive = (turns[None] < lengths[:, None]).double()
    last = (turns[None] == lengths[:, None] - 1).double()
    rewards = last * final.double()[:, None] - cost * alive
    return (rewards.flip(1).cumsum(1).flip(1) * alive).to(torch.result_type(final, 0.5))


@right("16.1")
def returns_einsum(final, lengths, cost):
    longest = int(lengths.max())
    final = final.to(torch.result_type(final, 0.5))
    alive = (torch.arange(longest).unsqueeze(0) < lengths.unsqueeze(1)).to(final.dtype)
    to_come = torch.ones(longest, longest, dtype=final.dtype).tril()
    spent = torch.einsum("bs,st,bt->bt", alive, to_come, alive) * cost
    return torch.einsum("b,bt->bt", final, alive) - spent


@wrong("16.1", "the costs so far, not those to come")
def returns_costs_so_far(final, lengths, cost):
    t = torch.arange(int(lengths.max()))
    value = final[:, None] - cost * (t + 1)
    return torch.where(t < lengths[:, None], value, torch.zeros_like(value))


@wrong("16.1", "the cost of this turn is left out")
def returns_without_this_turn(final, lengths, cost):
    t = torch.arange(int(lengths.max()))
    value = final[:, None] - cost * (lengths[:, None] - t - 1)
    return torch.where(t < lengths[:, None], value, torch.zeros_like(value))


@wrong("16.1", "no zeros after the last turn")
def returns_unmasked(final, lengths, cost):
    t = torch.arange(int(lengths.max()))
    return final[:, None] - cost * (lengths[:, None] - t)


@wrong("16.1", "costs end with the last turn, but the reward stays after it")
def returns_reward_stays(final, lengths, cost):
    t = torch.arange(int(lengths.max()))
    return final[:, None] - cost * (lengths[:, None] - t).clamp(min=0)


@wrong("16.1", "all turns' costs at each turn")
def returns_total_cost(final, lengths, cost):
    t = torch.arange(int(lengths.max()))
    value = (final - cost * lengths)[:, None].expand(-1, len(t))
    return torch.where(t < lengths[:, None], value, torch.zeros_like(value))


@wrong("16.1", "only this turn's cost")
def returns_one_cost(final, lengths, cost):
    t = torch.arange(int(lengths.max()))
    value = (final - cost)[:, None].expand(-1, len(t))
    return torch.where(t < lengths[:, None], value, torch.zeros_like(value))


@wrong("16.1", "costs up to the longest talk's end, not to this one's")
def returns_to_the_longest(final, lengths, cost):
    longest = int(lengths.max())
    t = torch.arange(longest)
    value = final[:, None] - cost * (longest - t)
    return torch.where(t < lengths[:, None], value, torch.zeros_like(value))


@wrong("16.1", "t <= length: one turn too many")
def returns_mask_too_long(final, lengths, cost):
    t = torch.arange(int(lengths.max()))
    value = final[:, None] - cost * (lengths[:, None] - t)
    return torch.where(t <= lengths[:, None], value, torch.zeros_like(value))


@wrong("16.1", "rewards of the turns, not their sums: the final one only at the end")
def returns_single_rewards(final, lengths, cost):
    t = torch.arange(int(lengths.max()))
    alive = (t < lengths[:, None]).to(final.dtype)
    last = (t == lengths[:, None] - 1).to(final.dtype)
    return last * final[:, None] - cost * alive


@wrong("16.1", "sums from the start (cumsum without the flips)")
def returns_forward_sums(final, lengths, cost):
    t = torch.arange(int(lengths.max()))
    alive = (t < lengths[:, None]).to(final.dtype)
    last = (t == lengths[:, None] - 1).to(final.dtype)
    return (last * final[:, None] - cost * alive).cumsum(1) * alive


@wrong("16.1", "never below 0")
def returns_clamped(final, lengths, cost):
    t = torch.arange(int(lengths.max()))
    value = (final[:, None] - cost * (lengths[:, None] - t)).clamp(min=0)
    return torch.where(t < lengths[:, None], value, torch.zeros_like(value))


@wrong("16.1", "the zeros stand in front: flipped once too often")
def returns_padded_left(final, lengths, cost):
    longest = int(lengths.max())
    left = torch.arange(longest, 0, -1)
    value = final[:, None] - cost * left
    return torch.where(left <= lengths[:, None], value, torch.zeros_like(value))


# 16.5 lagrange_step


@right("16.5")
def lagrange_fsum(multiplier, costs, bound, rate):
    excess = math.fsum(c - bound for c in costs.tolist()) / costs.numel()
    return max(multiplier + rate * excess, 0.0)


@right("16.5")
def lagrange_tensor(multiplier, costs, bound, rate):
    weights = torch.full((len(costs),), 1 / len(costs), dtype=torch.float64)
    mean = torch.einsum("b,b->", costs.double(), weights)
    return torch.clamp(multiplier + rate * (mean - bound), min=0.0).item()


@right("16.5")
def lagrange_statistics(multiplier, costs, bound, rate):
    raised = multiplier - rate * bound + rate * statistics.fmean(costs.tolist())
    if raised < 0:
        return 0.0
    return float(raised)


@wrong("16.5", "may fall below 0")
def lagrange_negative(multiplier, costs, bound, rate):
    return float(multiplier + rate * (costs.mean() - bound))


@wrong("16.5", "the wrong direction: bound - mean cost")
def lagrange_backward(multiplier, costs, bound, rate):
    return float(max(0.0, multiplier + rate * (bound - costs.mean().item())))


@wrong("16.5", "the 0 bounds the step: it never falls")
def lagrange_step_clamped(multiplier, costs, bound, rate):
    return float(multiplier + rate * max(0.0, costs.mean().item() - bound))


@wrong("16.5", "the sum of the costs, not the mean")
def lagrange_sum(multiplier, costs, bound, rate):
    return float(max(0.0, multiplier + rate * (costs.sum().item() - bound)))


@wrong("16.5", "the brackets are forgotten: the whole bound is taken off")
def lagrange_brackets(multiplier, costs, bound, rate):
    return float(max(0.0, multiplier + rate * costs.mean().item() - bound))


@wrong("16.5", "each text's excess is cut at 0 before the mean")
def lagrange_relu_each(multiplier, costs, bound, rate):
    excess = (costs - bound).clamp(min=0).mean().item()
    return float(max(0.0, multiplier + rate * excess))


@wrong("16.5", "the old multiplier is forgotten")
def lagrange_no_memory(multiplier, costs, bound, rate):
    return float(max(0.0, rate * (costs.mean().item() - bound)))


@wrong("16.5", "the worst cost, not the mean")
def lagrange_maximum(multiplier, costs, bound, rate):
    return float(max(0.0, multiplier + rate * (costs.max().item() - bound)))


@wrong("16.5", "the size instead of the 0: abs")
def lagrange_abs(multiplier, costs, bound, rate):
    return float(abs(multiplier + rate * (costs.mean().item() - bound)))


@wrong("16.5", "a running average: the old multiplier fades by the rate")
def lagrange_fading(multiplier, costs, bound, rate):
    step = rate * (costs.mean().item() - bound)
    return float(max(0.0, (1 - rate) * multiplier + step))


@wrong("16.5", "multiplied by exp(rate * excess): from 0 it never rises")
def lagrange_exponential(multiplier, costs, bound, rate):
    return float(multiplier * math.exp(rate * (costs.mean().item() - bound)))


@wrong("16.5", "between 0 and 1, as if it were a share")
def lagrange_at_most_one(multiplier, costs, bound, rate):
    return float(min(1.0, max(0.0, multiplier + rate * (costs.mean().item() - bound))))


# 17.1 sequence_is


def _log_ratio(logprobs, sampler_logprobs, mask):
    return (logprobs - sampler_logprobs).masked_fill(~mask, 0.0)


@right("17.1")
def is_rows(logprobs, sampler_logprobs, mask, limit):
    """Row by row, the real tokens picked out, in double precision."""
    result = []
    for new, old, real in zip(logprobs.detach(), sampler_logprobs.detach(), mask):
        log_ratio = (new[real].double() - old[real].double()).sum().item()
        if log_ratio > 700:
            ratio = math.inf
        else:
            ratio = math.exp(log_ratio)
        result.append(min(ratio, limit))
    return torch.tensor(result, dtype=torch.float64).to(logprobs.dtype)


@right("17.1")
def is_index_add(logprobs, sampler_logprobs, mask, limit):
    new, old = logprobs.detach(), sampler_logprobs.detach()
    rows = mask.nonzero()[:, 0]
    total = new.new_zeros(len(new)).index_add(0, rows, new[mask] - old[mask])
    return torch.minimum(total.exp(), torch.full_like(total, limit))


@right("17.1")
def is_cut_in_logs(logprobs, sampler_logprobs, mask, limit):
    """Two sums and the cut before the exponential."""
    with torch.no_grad():
        nothing = torch.zeros((), dtype=torch.float64)
        new = torch.where(mask, logprobs.double(), nothing)
        old = torch.where(mask, sampler_logprobs.double(), nothing)
        ones = torch.ones(mask.shape[1], dtype=torch.float64)
        total = torch.einsum("bt,t->b", new - old, ones)
        return total.clamp(max=math.log(limit)).exp().to(logprobs.dtype)


@wrong("17.1", "times the mask: NaN on padding survives")
def is_times_mask(logprobs, sampler_logprobs, mask, limit):
    log_ratio = ((logprobs - sampler_logprobs) * mask).sum(1)
    return log_ratio.exp().clamp(max=limit).detach()


@wrong("17.1", "the gradient is kept")
def is_with_gradient(logprobs, sampler_logprobs, mask, limit):
    log_ratio = _log_ratio(logprobs, sampler_logprobs, mask).sum(1)
    return log_ratio.exp().clamp(max=limit)


@wrong("17.1", "the mean over the tokens, not the sum")
def is_token_mean(logprobs, sampler_logprobs, mask, limit):
    log_ratio = _log_ratio(logprobs, sampler_logprobs, mask).sum(1)
    log_ratio = log_ratio / mask.sum(1).clamp(min=1)
    return log_ratio.exp().clamp(max=limit).detach()


@wrong("17.1", "upside down: sampler over trained model")
def is_inverted(logprobs, sampler_logprobs, mask, limit):
    log_ratio = _log_ratio(sampler_logprobs, logprobs, mask).sum(1)
    return log_ratio.exp().clamp(max=limit).detach()


@wrong("17.1", "the padding counts, too (its NaN as 0)")
def is_unmasked(logprobs, sampler_logprobs, mask, limit):
    log_ratio = (logprobs - sampler_logprobs).nan_to_num(0.0).sum(1)
    return log_ratio.exp().clamp(max=limit).detach()


@wrong("17.1", "each token's ratio is cut off, then multiplied")
def is_cut_per_token(logprobs, sampler_logprobs, mask, limit):
    ratio = _log_ratio(logprobs, sampler_logprobs, mask).exp()
    return ratio.clamp(max=limit).prod(1).detach()


@wrong("17.1", "cut off on both sides, at 1 / limit as well")
def is_cut_below(logprobs, sampler_logprobs, mask, limit):
    log_ratio = _log_ratio(logprobs, sampler_logprobs, mask).sum(1)
    return log_ratio.exp().clamp(min=1 / limit, max=limit).detach()


@wrong("17.1", "the limit is laid on the log ratio")
def is_limit_on_logs(logprobs, sampler_logprobs, mask, limit):
    log_ratio = _log_ratio(logprobs, sampler_logprobs, mask).sum(1)
    return log_ratio.clamp(max=limit).exp().detach()


@wrong("17.1", "padding's ratio is 0 in a product: all is 0 but full rows")
def is_product_with_zeros(logprobs, sampler_logprobs, mask, limit):
    ratio = (logprobs - sampler_logprobs).exp().masked_fill(~mask, 0.0)
    return ratio.prod(1).clamp(max=limit).detach()


@wrong("17.1", "the mean of the tokens' ratios")
def is_mean_of_ratios(logprobs, sampler_logprobs, mask, limit):
    ratio = (logprobs - sampler_logprobs).exp().masked_fill(~mask, 0.0)
    return (ratio.sum(1) / mask.sum(1).clamp(min=1)).clamp(max=limit).detach()


@wrong("17.1", "above the limit 0, not the limit")
def is_dropped_above(logprobs, sampler_logprobs, mask, limit):
    ratio = _log_ratio(logprobs, sampler_logprobs, mask).sum(1).exp()
    return torch.where(ratio > limit, torch.zeros_like(ratio), ratio).detach()


@wrong("17.1", "divided by the batch's mean after the cut")
def is_normalised(logprobs, sampler_logprobs, mask, limit):
    ratio = _log_ratio(logprobs, sampler_logprobs, mask).sum(1).exp()
    ratio = ratio.clamp(max=limit).detach()
    return ratio / ratio.mean()


# 17.5 merge_adapters


@right("17.5")
def merge_einsum(weight, a, b, alpha):
    rank = a.shape[0]
    added = torch.einsum("or,ri->oi", b.double(), a.double()) * (alpha / rank)
    return (weight.double() + added).to(weight.dtype)


@right("17.5")
def merge_outer_products(weight, a, b, alpha):
    merged = weight.clone()
    for k in range(b.shape[1]):
        merged = merged + alpha / b.shape[1] * torch.outer(b[:, k], a[k])
    return merged


@right("17.5")
def merge_by_unit_vectors(weight, a, b, alpha):
    """The layer and its adapter on every unit vector."""
    unit = torch.eye(weight.shape[1], dtype=weight.dtype)
    answers = F.linear(unit, weight) + alpha / len(a) * F.linear(F.linear(unit, a), b)
    return answers.T.contiguous()


@wrong("17.5", "no strength at all: W + BA")
def merge_unscaled(weight, a, b, alpha):
    return weight + b @ a


@wrong("17.5", "alpha, not alpha / rank")
def merge_alpha_only(weight, a, b, alpha):
    return weight + alpha * (b @ a)


@wrong("17.5", "divided by the inputs, not by the rank")
def merge_by_inputs(weight, a, b, alpha):
    return weight + alpha / a.shape[1] * (b @ a)


@wrong("17.5", "divided by the outputs, not by the rank")
def merge_by_outputs(weight, a, b, alpha):
    return weight + alpha / b.shape[0] * (b @ a)


@wrong("17.5", "the weight is scaled, too")
def merge_weight_scaled(weight, a, b, alpha):
    return alpha / a.shape[0] * (weight + b @ a)


@wrong("17.5", "the adapter alone, without the weight")
def merge_without_weight(weight, a, b, alpha):
    return alpha / a.shape[0] * (b @ a)


@wrong("17.5", "taken off, not added")
def merge_subtracted(weight, a, b, alpha):
    return weight - alpha / a.shape[0] * (b @ a)


@wrong("17.5", "divided by the root of the rank")
def merge_root_of_rank(weight, a, b, alpha):
    return weight + alpha / math.sqrt(a.shape[0]) * (b @ a)


@wrong("17.5", "whole division: alpha // rank")
def merge_whole_division(weight, a, b, alpha):
    return weight + alpha // a.shape[0] * (b @ a)


@wrong("17.5", "upside down: rank / alpha")
def merge_upside_down(weight, a, b, alpha):
    return weight + a.shape[0] / alpha * (b @ a)


@wrong("17.5", "both parts are scaled: the strength comes in squared")
def merge_scaled_twice(weight, a, b, alpha):
    scale = alpha / a.shape[0]
    return weight + (scale * b) @ (scale * a)


@wrong("17.5", "two rank letters in the einsum: sums multiplied, not products summed")
def merge_two_letters(weight, a, b, alpha):
    return weight + alpha / a.shape[0] * torch.einsum("or,qi->oi", b, a)
