"""Right answers in unusual styles: none is rejected."""

import ast
import math
import random
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks import catalogue
from course.checks.checking import examine
from course.tasks.program_tests import wanted
from course.tasks.safe_programs import safe_value
from tools import masters, regions

ROOT = Path(__file__).resolve().parents[1]
EXERCISES = catalogue.exercises()
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.label)


@pytest.fixture(scope="module")
def written():
    """The solutions as the masters write them, by exercise number."""
    found = {}
    for master in sorted((ROOT / "solutions" / "src").glob("*.py")):
        names: dict = {}
        for cell in masters.read_master(master, True):
            if cell.kind != "code":
                continue
            tree = ast.parse(cell.source)
            kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef)
            tree.body = [node for node in tree.body if isinstance(node, kinds)]
            exec(compile(tree, cell.id, "exec"), names)
            if "exercise" in cell.tags:
                name = regions.regions(cell.source)[0].name
                found[regions.number(cell.id)] = names[name]
    return found


@each_exercise
def test_the_solution_of_the_notebook_is_right(exercise, written):
    verdict = examine(exercise, written[exercise.number])
    assert verdict.status == "correct", verdict.line


@each_exercise
def test_computing_in_double_precision_is_right(exercise, written):
    """`.double()` before, nothing after: better numbers in another dtype."""
    function = written[exercise.number]

    def doubled(*arguments):
        return function(
            *(
                a.double() if isinstance(a, Tensor) and a.is_floating_point() else a
                for a in arguments
            )
        )

    verdict = examine(exercise, doubled)
    assert verdict.status == "correct", verdict.line


def each_row(logits, ids, mask):
    """Log-probabilities of the counted tokens, row by row, from cross_entropy."""
    for row in range(len(ids)):
        values = [
            -F.cross_entropy(logits[row, t - 1], ids[row, t])
            for t in range(1, ids.shape[1])
            if mask is None or mask[row, t]
        ]
        yield values


def next_token_loss(logits, ids, mask=None):
    found = [x for row in each_row(logits, ids, mask) for x in row]
    return -torch.stack(found).mean()


def sequence_logprob(logits, ids, mask=None):
    return torch.stack(
        [sum(row, logits.new_zeros(())) for row in each_row(logits, ids, mask)]
    )


def by_torch_attention(queries, keys, values):
    time, seen = queries.shape[2], keys.shape[2]
    visible = torch.ones(time, seen, dtype=torch.bool).tril(seen - time)
    groups = queries.shape[1] // keys.shape[1]
    keys, values = (x.repeat_interleave(groups, 1) for x in (keys, values))
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=visible)


def by_einsum(queries, keys, values):
    b, h, t, d = queries.shape
    k, s = keys.shape[1:3]
    q = queries.view(b, k, h // k, t, d)
    scores = torch.einsum("bkgtd,bksd->bkgts", q, keys) / math.sqrt(d)
    hidden = torch.arange(s) > torch.arange(t)[:, None] + s - t
    weights = scores.masked_fill(hidden, -torch.inf).softmax(-1)
    return torch.einsum("bkgts,bksd->bkgtd", weights, values).reshape(b, h, t, d)


def complex_rotation(x, positions, base=10_000.0):
    d = x.shape[-1]
    angles = positions[..., None] * base ** (-torch.arange(0, d, 2) / d)
    if angles.dim() == 3:
        angles = angles.unsqueeze(1)
    turned = torch.complex(*x.chunk(2, -1)) * torch.polar(
        torch.ones_like(angles), angles
    )
    return torch.cat([turned.real, turned.imag], -1)


def top_p_loop(logits, p):
    if not 0 < p <= 1:
        raise ValueError("p")
    result = torch.full_like(logits, -torch.inf)
    flat, out = logits.reshape(-1, logits.shape[-1]), result.view(-1, logits.shape[-1])
    for row, kept in zip(flat, out, strict=True):
        probs, total = row.softmax(0), 0.0
        for token in probs.argsort(descending=True).tolist():
            kept[token] = row[token]
            total += probs[token].item()
            if total >= p:
                break
    return result


def entropy_by_entr(logits, mask):
    return torch.special.entr(logits.softmax(-1)).sum(-1).masked_fill(~mask, 0)


def labels_loop(ids, prompt_lengths, lengths):
    rows = []
    for row, start, end in zip(ids.tolist(), prompt_lengths, lengths, strict=True):
        rows.append([x if start <= t < end else -100 for t, x in enumerate(row)])
    return torch.tensor(rows, dtype=ids.dtype)


def precision_loop(hypothesis, reference, n):
    def grams(words):
        return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]

    left, hits = Counter(grams(reference)), 0
    for gram in grams(hypothesis):
        if left[gram] > 0:
            left[gram] -= 1
            hits += 1
    return hits / max(1, len(grams(hypothesis)))


def composite_in_python(scores, weights):
    columns = list(zip(*scores.double().tolist(), strict=True))
    sums = [
        sum(w * s for w, s in zip(weights.double().tolist(), column, strict=True))
        for column in columns
    ]
    if max(sums) == min(sums):
        return torch.zeros(len(sums))
    mean = math.fsum(sums) / len(sums)
    spread = math.sqrt(math.fsum((x - mean) ** 2 for x in sums) / len(sums))
    return torch.tensor([(x - mean) / spread for x in sums])


def strengths_by_newton(wins):
    games = wins + wins.T
    s = torch.zeros(len(wins), dtype=torch.float64)
    for _ in range(400):
        p = torch.sigmoid(s[:, None] - s)
        curvature = (games * p * (1 - p)).sum(1)
        s = s + 0.5 * (wins.sum(1) - (games * p).sum(1)) / curvature.clamp(min=0.5)
        s = s - s.mean()
    return s


def ece_loop(probabilities, outcomes, bins=10):
    pairs = list(zip(probabilities.tolist(), outcomes.tolist(), strict=True))
    total = 0.0
    for i in range(bins):
        low, high = i / bins, (i + 1) / bins
        inside = [
            (p, y) for p, y in pairs if low <= p < high or (p == 1 and i == bins - 1)
        ]
        if inside:
            gap = sum(p for p, _ in inside) - sum(y for _, y in inside)
            total += abs(gap) / len(pairs)
    return total


def last_by_loop(hidden, mask, weight):
    rows = [h[m.nonzero().max()] for h, m in zip(hidden, mask, strict=True)]
    return torch.einsum("bw,w->b", torch.stack(rows), weight)


def kept_loop(scores, n):
    found = []
    for start in range(0, len(scores), n):
        part = scores[start : start + n].tolist()
        found.append(start + part.index(max(part)))
    return torch.tensor(found)


def pool_loop(proxy, gold, n):
    if proxy.dim() > 1:
        rows = zip(proxy, gold, strict=True)
        return torch.stack([pool_loop(p, g, n) for p, g in rows])
    order, size = proxy.argsort(), len(proxy)
    total = 0.0
    for i, place in enumerate(order.tolist()):
        total += math.comb(i, n - 1) / math.comb(size, n) * gold[place].item()
    return torch.tensor(total)


def returns_by_matrix(rewards, mask, gamma=1.0):
    time = rewards.shape[1]
    t = torch.arange(time)
    ahead = t - t[:, None]
    discount = torch.where(ahead >= 0, float(gamma) ** ahead.clamp(min=0), 0.0)
    clean = torch.where(mask, rewards, torch.zeros_like(rewards))
    return torch.where(mask, clean @ discount.T, 0.0)


def reinforce_loop(logprobs, advantages, mask):
    total, count = 0.0, 0
    for b in range(len(logprobs)):
        for t in range(logprobs.shape[1]):
            if mask[b, t]:
                a = advantages[b] if advantages.dim() == 1 else advantages[b, t]
                total = total - a.item() * logprobs[b, t]
                count += 1
    return total / count


def others_loop(rewards, group_size):
    values, found = rewards.tolist(), []
    for i in range(len(values)):
        start = i // group_size * group_size
        others = [values[j] for j in range(start, start + group_size) if j != i]
        found.append(sum(others) / len(others))
    return torch.tensor(found, dtype=rewards.dtype)


def entropy_of_categorical(logits, mask):
    each = torch.distributions.Categorical(logits=logits).entropy()
    return each[mask].mean()


def gae_loop(rewards, values, mask, gamma, lam):
    result = torch.zeros(rewards.shape)
    for b, row in enumerate(mask):
        following, after = 0.0, 0.0
        for t in reversed(row.nonzero().flatten().tolist()):
            delta = float(rewards[b, t]) + gamma * after - float(values[b, t])
            following = delta + gamma * lam * following
            after = float(values[b, t])
            result[b, t] = following
    return result


def shaped_loop(scores, old_logprobs, ref_logprobs, mask, beta):
    result = torch.zeros(mask.shape)
    for b, row in enumerate(mask):
        places = row.nonzero().flatten().tolist()
        for t in places:
            result[b, t] = -beta * (old_logprobs[b, t] - ref_logprobs[b, t]).item()
        if places:
            result[b, places[-1]] += scores[b].item()
    return result


def standard_loop(scores, group_size):
    groups = scores.split(group_size)
    made = [(g - g.mean()) / (g.var(unbiased=False).sqrt() + 1e-4) for g in groups]
    return torch.cat(made)


def chrf_by_lists(a, b):
    a, b, pairs = re.sub(r"\s", "", a), re.sub(r"\s+", "", b), []
    for n in range(1, 7):
        x = [a[i : i + n] for i in range(max(0, len(a) - n + 1))]
        y = [b[i : i + n] for i in range(max(0, len(b) - n + 1))]
        if x and y:
            same = sum(min(x.count(g), y.count(g)) for g in set(x))
            pairs.append((same / len(x), same / len(y)))
    if not any(p for p, _ in pairs):
        return 0
    P, R = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
    return (1 + 2**2) * P * R / (2**2 * P + R)


def whitelisted(program, x):
    """All nodes are looked at first; then the values are computed without a check."""
    text, allowed = program.strip(), (
        ast.Constant, ast.Name, ast.Load, ast.UnaryOp, ast.USub, ast.BinOp, ast.Add,
        ast.Sub, ast.Mult, ast.IfExp, ast.Compare, ast.Eq, ast.Expression,
    )  # fmt: skip
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if not isinstance(node, allowed) or len(getattr(node, "ops", "=")) > 1:
            return None
        if isinstance(node, ast.Constant) and type(node.value) is not int:
            return None
        if isinstance(node, ast.Name) and node.id != "x":
            return None
    tests = {id(n.test) for n in ast.walk(tree) if isinstance(n, ast.IfExp)}
    compared = {id(n) for n in ast.walk(tree) if isinstance(n, ast.Compare)}

    def level(node):
        children = [
            child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)
        ]
        return 1 + max(map(level, children), default=0)

    if compared != tests or len(program) > 40 or level(tree.body) > 12:
        return None
    return int(eval(compile(tree, "", "eval"), {"__builtins__": {}}, {"x": x}))


def passes_loop(program, tests):
    if len(tests) == 0:
        raise ValueError("no tests")
    for x, y in tests:
        found = safe_value(program, x)
        if found is None or found != y:
            return False
    return True


def fresh_loop(prompt, seed, n):
    random.seed(seed)
    return [[x, wanted(prompt, x)] for x in random.sample(list(range(-20, 40)), k=n)]


STYLES = {
    "0.1 var_mean": lambda s: (s - s.mean()) / s.var(unbiased=False).sqrt(),
    "1.1 cross_entropy in loops": next_token_loss,
    "1.2 log2 of e": lambda nats, n: nats * math.log2(math.e) / n,
    "1.3 matrix product": lambda e, w: e @ w,
    "1.3 einsum": lambda e, w: torch.einsum("...o,o->...", e, w),
    "1.4 loops": sequence_logprob,
    "2.1 scaled_dot_product_attention": by_torch_attention,
    "2.1 einsum": by_einsum,
    "2.2 torch's rms_norm": lambda x, w, eps=1e-5: F.rms_norm(x, x.shape[-1:], w, eps),
    "2.3 complex numbers": complex_rotation,
    "2.4 matrix products": lambda x, g, u, d: (
        torch.einsum("...c,fc->...f", x, g) * torch.sigmoid(x @ g.T) * (x @ u.T)
    ) @ d.T,
    "3.2 loop": top_p_loop,
    "3.3 lists": lambda lengths, m: torch.tensor(
        [[t < n for t in range(m)] for n in lengths.tolist()]
    ),
    "3.4 entr": entropy_by_entr,
    "4.1 lists": labels_loop,
    "4.2 indexing": lambda logprobs, mask: -logprobs[mask].mean(),
    "5.1 loop": precision_loop,
    "5.2 two cases": lambda h, r: 0.0 if h == 0 else (
        1.0 if h >= r else math.exp((h - r) / h)
    ),
    "5.4 Python": composite_in_python,
    "5.5 slices": lambda text, n: (
        lambda w: len({tuple(w[i : i + n]) for i in range(len(w) - n + 1)})
        / max(1, len(w) - n + 1) if len(w) >= n else 1.0
    )(text.split()),
    "6.1 loops": lambda a, b: sum(
        (x > y) + 0.5 * (x == y) for x in a.tolist() for y in b.tolist()
    ) / (len(a) * len(b)),
    "6.2 damped Newton steps": strengths_by_newton,
    "6.3 corrcoef": lambda r, f, s: float(torch.corrcoef(torch.stack(
        [torch.where(m, r, 0).double().sum(1) / m.sum(1) for m in (f, s)]
    ))[0, 1]),
    "6.4 sigmoid": lambda r, a, b, o, k=32.0: r.index_add(
        0, torch.tensor([a, b]), k * (o - torch.sigmoid(
            (r[a] - r[b]) * math.log(10) / 400)) * torch.tensor([1.0, -1.0]).to(r.dtype)
    ),
    "6.5 where": lambda w, lo: float(
        torch.where(w > lo, w, lo).sum() / (w.sum() + lo.sum())
    ),
    "7.1 softplus": lambda c, r: F.softplus(r - c).mean(),
    "7.1 cross_entropy": lambda c, r: F.cross_entropy(
        torch.stack([c, r], 1), torch.zeros(len(c), dtype=torch.long)
    ),
    "7.2 loop and einsum": last_by_loop,
    "7.4 loops": ece_loop,
    "7.5 Python": lambda c, r: sum(
        a > b for a, b in zip(c.tolist(), r.tolist(), strict=True)
    ) / len(c),
    "8.1 max": lambda s: s.max(-1).indices,
    "8.1 sort": lambda s: s.sort(-1, descending=True).indices[..., 0],
    "8.2 log1p": lambda n: math.log(n) - 1 + 1 / n,
    "8.3 loops": pool_loop,
    "8.4 loop": kept_loop,
    "9.1 matrix of discounts": returns_by_matrix,
    "9.2 loops": reinforce_loop,
    "9.3 loops": others_loop,
    "9.4 einsum": lambda p, r, v, g=1.0: torch.einsum("sa,sa->s", p, r + g * v),
    "9.5 Categorical": entropy_of_categorical,
    "10.1 where": lambda new, old, m: torch.where(
        m, torch.where(m, new - old.detach(), 0.0).exp(), 1.0
    ),
    "10.3 loops": gae_loop,
    "10.4 loops": shaped_loop,
    "11.1 split": standard_loop,
    "11.2 factor": lambda r, n: (
        (r.view(-1, n) - r.view(-1, n).mean(1, keepdim=True)) * n / (n - 1)
    ).flatten(),
    "11.3 expm1 in a list": lambda a, b: torch.stack(
        [(d := a - b.detach()), d * d * 0.5,
         torch.exp(-d.clamp(-20, 20)) - 1 + d.clamp(-20, 20)]
    ),
    "12.1 weights": lambda p, r, b: (
        lambda w: w / w.sum(-1, keepdim=True)
    )(p * ((r - r.amax(-1, keepdim=True)) / b).exp()),
    "12.2 regrouped": lambda c, r, rc, rr: (c - r) - (rc - rr).detach(),
    "12.3 softplus": lambda h, beta: F.softplus(-beta * h).mean(),
    "12.4 einsum": lambda a, r, m, beta: beta * torch.einsum(
        "bt->b", (a - r.detach()).masked_fill(~m, 0)
    ),
    "15.1 a list of pairs": chrf_by_lists,
    "15.2 numpy": lambda s, w, r: float(np.clip((s - w) / (r - w), 0, 1)),
    "15.3 a whitelist first": whitelisted,
    "15.4 a loop": passes_loop,
    "15.5 the module's generator": fresh_loop,
    "17.1 torch.where and prod": lambda new, old, mask, limit: (
        torch.where(mask, (new - old).exp(), 1.0).prod(-1).clamp_max(limit).detach()),
    "17.2 floats and hypot": lambda y, f, u, w, z: (
        (y - w * f).mean() + w * u.mean() + z * torch.tensor([-1.0, 1.0])
        * torch.hypot((y - w * f).std() / len(y) ** 0.5, w * u.std() / len(u) ** 0.5)),
    "17.3 einsum": lambda values, mask, tokens, processes: (
        torch.einsum("bt,bt->", values, mask.to(values)) / (tokens / processes)),
    "17.4 both at once": lambda first, second: torch.stack([
        first - second, 2.0 * ((first > 0.5).int() - (second > 0.5).int()).abs()
    ]).mean(1) / 2,
    "17.5 addmm": lambda weight, a, b, alpha: (
        torch.addmm(weight, b, a, alpha=alpha / a.shape[0])),
    "12.5 mse_loss": lambda h, beta: F.mse_loss(h, torch.full_like(h, 0.5 / beta)),
}  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
def test_an_unusual_style_is_right(style):
    verdict = examine(catalogue.find(style.split()[0]), STYLES[style])
    assert verdict.status == "correct", verdict.line


@each_exercise
def test_no_number_can_be_written_into_the_answer(exercise):
    """The reference with one number fixed at what some probe gives is wrong."""
    right = exercise.load()
    for place, name in enumerate(exercise.parameters):
        seen = {
            p.arguments[place]
            for p in exercise.calls()
            if place < len(p.arguments)
            and isinstance(p.arguments[place], (int, float, bool))
        }
        for value in seen:

            def fixed(*given, place=place, value=value):
                given = [*given[:place], value, *given[place + 1 :]]
                return right(*given)

            verdict = examine(exercise, fixed, explain=False)
            assert verdict.status == "wrong", (name, value)


@each_exercise
def test_each_parameter_differs_between_two_probes(exercise):
    """One that never changes could be written into the answer as a constant."""
    for place, name in enumerate(exercise.parameters):
        given = [
            p.arguments[place] for p in exercise.calls() if place < len(p.arguments)
        ]
        moved = [
            a.shape != b.shape or not torch.equal(a, b)
            if isinstance(a, Tensor)
            else a != b
            for a, b in pairwise(given)
        ]
        # Left out on some probes, it has its default there.
        assert any(moved) or len(given) < len(exercise.calls()), name
