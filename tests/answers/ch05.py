"""Answers to the exercises of chapter 5, written from their texts alone."""

import math
from collections import Counter
from functools import lru_cache

import torch

from course.reward.overlap import rouge_tokens
from tools.try_answers import right, wrong


def grams(t, n):
    return [tuple(t[i : i + n]) for i in range(len(t) - n + 1)]


@right("5.1")
def by_hand(hypothesis, reference, n):
    left = grams(reference, n)
    hit, total = 0, 0
    for g in grams(hypothesis, n):
        total += 1
        if g in left:
            left.remove(g)
            hit += 1
    return hit / total if total else 0.0


right("5.1")(
    lambda h, r, n: (
        sum((Counter(grams(h, n)) & Counter(grams(r, n))).values())
        / max(1, len(grams(h, n)))
    )
)
right("5.1")(
    lambda h, r, n: (
        float(
            torch.tensor(
                [
                    min(grams(h, n).count(g), grams(r, n).count(g))
                    for g in set(grams(h, n))
                ]
                or [0]
            ).sum()
        )
        / max(1, len(h) - n + 1)
    )
)
wrong("5.1", "not clipped")(
    lambda h, r, n: (
        sum(g in grams(r, n) for g in grams(h, n)) / len(grams(h, n))
        if grams(h, n)
        else 0.0
    )
)
wrong("5.1", "recall")(
    lambda h, r, n: (
        sum((Counter(grams(h, n)) & Counter(grams(r, n))).values()) / len(grams(r, n))
        if grams(r, n) and grams(h, n)
        else 0.0
    )
)
wrong("5.1", "sets")(
    lambda h, r, n: (
        len(set(grams(h, n)) & set(grams(r, n))) / len(set(grams(h, n)))
        if grams(h, n)
        else 0.0
    )
)
wrong("5.1", "unigrams")(
    lambda h, r, n: sum((Counter(h) & Counter(r)).values()) / len(h) if h else 0.0
)
wrong("5.1", "divided by tokens")(
    lambda h, r, n: (
        sum((Counter(grams(h, n)) & Counter(grams(r, n))).values()) / len(h)
        if h
        else 0.0
    )
)
wrong("5.1", "1 where there is none")(
    lambda h, r, n: (
        sum((Counter(grams(h, n)) & Counter(grams(r, n))).values()) / len(grams(h, n))
        if grams(h, n)
        else 1.0
    )
)
wrong("5.1", "divides by 0")(
    lambda h, r, n: (
        sum((Counter(grams(h, n)) & Counter(grams(r, n))).values()) / len(grams(h, n))
    )
)
wrong("5.1", "last n-gram lost")(
    lambda h, r, n: (
        sum((Counter(grams(h, n)[:-1]) & Counter(grams(r, n))).values())
        / max(1, len(grams(h, n)) - 1)
    )
)
wrong("5.1", "disjoint n-grams")(
    lambda h, r, n: (
        sum((Counter(grams(h, n)[::n]) & Counter(grams(r, n)[::n])).values())
        / max(1, len(grams(h, n)[::n]))
    )
)
wrong("5.1", "all up to n")(
    lambda h, r, n: (
        sum(
            sum((Counter(grams(h, k)) & Counter(grams(r, k))).values())
            for k in range(1, n + 1)
        )
        / max(1, sum(len(grams(h, k)) for k in range(1, n + 1)))
    )
)
wrong("5.1", "smoothed")(
    lambda h, r, n: (
        (sum((Counter(grams(h, n)) & Counter(grams(r, n))).values()) + 1)
        / (len(grams(h, n)) + 1)
    )
)
wrong("5.1", "glued")(
    lambda h, r, n: (
        sum(
            (
                Counter("".join(g) for g in grams(h, n))
                & Counter("".join(g) for g in grams(r, n))
            ).values()
        )
        / max(1, len(grams(h, n)))
    )
)
wrong("5.1", "order ignored")(
    lambda h, r, n: (
        sum(
            (
                Counter(tuple(sorted(g)) for g in grams(h, n))
                & Counter(tuple(sorted(g)) for g in grams(r, n))
            ).values()
        )
        / max(1, len(grams(h, n)))
    )
)
wrong("5.1", "union")(
    lambda h, r, n: (
        sum((Counter(grams(h, n)) & Counter(grams(r, n))).values())
        / max(1, sum((Counter(grams(h, n)) | Counter(grams(r, n))).values()))
    )
)
wrong("5.1", "F1")(
    lambda h, r, n: (
        2
        * sum((Counter(grams(h, n)) & Counter(grams(r, n))).values())
        / max(1, len(grams(h, n)) + len(grams(r, n)))
    )
)
wrong("5.1", "in lower case")(
    lambda h, r, n: (
        sum(
            (
                Counter(grams([x.lower() for x in h], n))
                & Counter(grams([x.lower() for x in r], n))
            ).values()
        )
        / max(1, len(grams(h, n)))
    )
)
wrong("5.1", "exchanged")(
    lambda h, r, n: (
        sum(min(grams(h, n).count(g), grams(r, n).count(g)) for g in grams(h, n))
        / max(1, len(grams(h, n)))
    )
)
wrong("5.1", "count")(
    lambda h, r, n: float(sum((Counter(grams(h, n)) & Counter(grams(r, n))).values()))
)
wrong("5.1", "rounded")(
    lambda h, r, n: round(
        sum((Counter(grams(h, n)) & Counter(grams(r, n))).values())
        / max(1, len(grams(h, n))),
        1,
    )
)
wrong("5.1", "max for min")(
    lambda h, r, n: (
        min(
            1.0,
            sum((Counter(grams(h, n)) | Counter(grams(r, n))).values())
            / max(1, len(grams(h, n))),
        )
        if grams(h, n)
        else 0.0
    )
)

right("5.2")(lambda h, m: 0.0 if h == 0 else 1.0 if h >= m else math.exp(1 - m / h))
right("5.2")(
    lambda h, m: (
        float(
            min(torch.tensor(1.0).double(), torch.exp(1 - torch.tensor(m).double() / h))
        )
        if h
        else 0.0
    )
)
right("5.2")(lambda h, m: math.e ** min(0, (h - m) / h) if h > 0 else 0.0)
wrong("5.2", "m over h turned")(
    lambda h, m: min(1.0, math.exp(1 - h / m)) if m and h else 0.0
)
wrong("5.2", "no minimum")(lambda h, m: math.exp(1 - m / h) if h else 0.0)
wrong("5.2", "no minus 1")(lambda h, m: min(1.0, math.exp(-m / h)) if h else 0.0)
wrong("5.2", "ratio")(
    lambda h, m: min(1.0, h / m) if m and h else 0.0 if not h else 1.0
)
wrong("5.2", "no case of 0")(lambda h, m: min(1.0, math.exp(1 - m / h)))
wrong("5.2", "1 for empty")(lambda h, m: min(1.0, math.exp(1 - m / h)) if h else 1.0)
wrong("5.2", "max")(lambda h, m: max(1.0, math.exp(1 - m / h)) if h else 0.0)
wrong("5.2", "sign")(lambda h, m: min(1.0, math.exp(m / h - 1)) if h else 0.0)
wrong("5.2", "integer division")(
    lambda h, m: min(1.0, math.exp(1 - m // h)) if h else 0.0
)
wrong("5.2", "penalty on the long")(
    lambda h, m: 1.0 if h <= m and h else math.exp(1 - h / m) if h and m else 0.0
)
wrong("5.2", "minus")(lambda h, m: min(1.0, math.exp(h - m)) if h else 0.0)
wrong("5.2", "one for both empty")(
    lambda h, m: min(1.0, math.exp(1 - m / h)) if h else (1.0 if not m else 0.0)
)
wrong("5.2", "0 where no reference")(
    lambda h, m: min(1.0, math.exp(1 - m / h)) if h and m else 0.0
)
wrong("5.2", "power of 2")(lambda h, m: min(1.0, 2 ** (1 - m / h)) if h else 0.0)
wrong("5.2", "always 1")(lambda h, m: 1.0 if h else 0.0)
wrong("5.2", "1 + h")(lambda h, m: min(1.0, math.exp(1 - m / (h + 1))) if h else 0.0)
wrong("5.2", "squared")(lambda h, m: min(1.0, math.exp(1 - (m / h) ** 2)) if h else 0.0)
wrong("5.2", "log")(lambda h, m: min(0.0, 1 - m / h) if h else 0.0)
wrong("5.2", "strict <")(
    lambda h, m: (math.exp(1 - m / h) if h < m else h / m if m else 1.0) if h else 0.0
)


def lcs(a, b):
    @lru_cache(None)
    def f(i, j):
        if i == len(a) or j == len(b):
            return 0
        return 1 + f(i + 1, j + 1) if a[i] == b[j] else max(f(i + 1, j), f(i, j + 1))

    return f(0, 0)


def run(a, b):
    best = 0
    for i in range(len(a)):
        for j in range(len(b)):
            k = 0
            while i + k < len(a) and j + k < len(b) and a[i + k] == b[j + k]:
                k += 1
            best = max(best, k)
    return best


def f1(m, a, b):
    return 2 * m / (a + b) if m else 0.0


def toks(h, r):
    return rouge_tokens(h), rouge_tokens(r)


right("5.3")(lambda h, r: f1(lcs(*map(tuple, toks(h, r))), *map(len, toks(h, r))))


@right("5.3")
def one_row(hypothesis, reference):
    a, b = toks(hypothesis, reference)
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b, 1):
            above = row[j]
            row[j] = diagonal + 1 if x == y else max(above, row[j - 1])
            diagonal = above
    return 2.0 * row[-1] / (len(a) + len(b)) if row[-1] else 0.0


@right("5.3")
def table_of_torch(hypothesis, reference):
    a, b = toks(hypothesis, reference)
    t = torch.zeros(len(a) + 1, len(b) + 1, dtype=torch.long)
    for i in range(len(a)):
        for j in range(len(b)):
            t[i + 1, j + 1] = (
                t[i, j] + 1 if a[i] == b[j] else torch.max(t[i, j + 1], t[i + 1, j])
            )
    found = int(t[-1, -1])
    if not found:
        return 0.0
    p, r = found / len(a), found / len(b)
    return 2 * p * r / (p + r)


wrong("5.3", "substring")(lambda h, r: f1(run(*toks(h, r)), *map(len, toks(h, r))))
wrong("5.3", "bag of words")(
    lambda h, r: f1(
        sum((Counter(toks(h, r)[0]) & Counter(toks(h, r)[1])).values()),
        *map(len, toks(h, r)),
    )
)
wrong("5.3", "characters")(lambda h, r: f1(lcs(h, r), len(h), len(r)))
wrong("5.3", "split")(
    lambda h, r: f1(
        lcs(tuple(h.split()), tuple(r.split())), len(h.split()), len(r.split())
    )
)
wrong("5.3", "lower split")(
    lambda h, r: f1(
        lcs(tuple(h.lower().split()), tuple(r.lower().split())),
        len(h.split()),
        len(r.split()),
    )
)
wrong("5.3", "precision")(
    lambda h, r: lcs(*map(tuple, toks(h, r))) / max(1, len(toks(h, r)[0]))
)
wrong("5.3", "recall")(
    lambda h, r: lcs(*map(tuple, toks(h, r))) / max(1, len(toks(h, r)[1]))
)
wrong("5.3", "no factor 2")(
    lambda h, r: f1(lcs(*map(tuple, toks(h, r))), *map(len, toks(h, r))) / 2
)
wrong("5.3", "division by 0")(
    lambda h, r: 2 * lcs(*map(tuple, toks(h, r))) / sum(map(len, toks(h, r)))
)
wrong("5.3", "1 where both are empty")(
    lambda h, r: (
        f1(lcs(*map(tuple, toks(h, r))), *map(len, toks(h, r)))
        if toks(h, r)[0] or toks(h, r)[1]
        else 1.0
    )
)
wrong("5.3", "arithmetic mean")(
    lambda h, r: (
        (
            lcs(*map(tuple, toks(h, r))) / max(1, len(toks(h, r)[0]))
            + lcs(*map(tuple, toks(h, r))) / max(1, len(toks(h, r)[1]))
        )
        / 2
    )
)
wrong("5.3", "max of lengths")(
    lambda h, r: lcs(*map(tuple, toks(h, r))) / max(1, *map(len, toks(h, r)))
)
wrong("5.3", "geometric mean")(
    lambda h, r: (
        lcs(*map(tuple, toks(h, r))) / max(1, math.prod(map(len, toks(h, r)))) ** 0.5
    )
)
wrong("5.3", "sets")(
    lambda h, r: f1(
        len(set(toks(h, r)[0]) & set(toks(h, r)[1])),
        len(set(toks(h, r)[0])),
        len(set(toks(h, r)[1])),
    )
)
wrong("5.3", "length")(lambda h, r: float(lcs(*map(tuple, toks(h, r)))))
wrong("5.3", "Jaccard")(
    lambda h, r: (
        lcs(*map(tuple, toks(h, r)))
        / max(1, sum(map(len, toks(h, r))) - lcs(*map(tuple, toks(h, r))))
    )
)
wrong("5.3", "F2")(
    lambda h, r: (
        5
        * lcs(*map(tuple, toks(h, r)))
        / max(1, len(toks(h, r)[0]) + 4 * len(toks(h, r)[1]))
    )
)
wrong("5.3", "longest prefix")(
    lambda h, r: f1(
        next(
            (i for i, (a, b) in enumerate(zip(*toks(h, r), strict=False)) if a != b),
            min(map(len, toks(h, r))),
        ),
        *map(len, toks(h, r)),
    )
)
wrong("5.3", "same positions")(
    lambda h, r: f1(
        sum(a == b for a, b in zip(*toks(h, r), strict=False)), *map(len, toks(h, r))
    )
)
wrong("5.3", "per cent")(
    lambda h, r: 100 * f1(lcs(*map(tuple, toks(h, r))), *map(len, toks(h, r)))
)


@wrong("5.3", "greedy")
def greedy(hypothesis, reference):
    a, b = toks(hypothesis, reference)
    j, m = 0, 0
    for x in a:
        if x in b[j:]:
            j = b.index(x, j) + 1
            m += 1
    return f1(m, len(a), len(b))


def std(x, c=0):
    return x.std(correction=c)


def comp(s, w):
    return (s * w[:, None]).sum(0)


def safe(x, c=0, mid=True):
    d = x - x.mean() if mid else x
    return (
        torch.zeros_like(x)
        if torch.allclose(x, x[:1].expand_as(x), rtol=1e-7, atol=0)
        else d / std(x, c)
    )


right("5.4")(lambda s, w: safe(w @ s))
right("5.4")(lambda s, w: safe(torch.einsum("pb,p->b", s.double(), w.double())))


@right("5.4")
def composite_python(scores, weights):
    totals = [
        sum(float(w) * float(x) for w, x in zip(weights, column, strict=True))
        for column in scores.T
    ]
    m = sum(totals) / len(totals)
    v = (sum((t - m) ** 2 for t in totals) / len(totals)) ** 0.5
    if max(totals) == min(totals):
        return torch.zeros(len(totals))
    return torch.tensor([(t - m) / v for t in totals])


wrong("5.4", "unbiased")(lambda s, w: safe(comp(s, w), 1))
wrong("5.4", "not normalised")(comp)
wrong("5.4", "not centred")(lambda s, w: safe(comp(s, w), mid=False))
wrong("5.4", "only centred")(lambda s, w: comp(s, w) - comp(s, w).mean())
wrong("5.4", "each part first")(
    lambda s, w: safe(
        comp((s - s.mean(1, True)) / (s.std(1, correction=0, keepdim=True) + 1e-9), w)
    )
)
wrong("5.4", "each part, then added")(
    lambda s, w: comp(
        (s - s.mean(1, True)) / (s.std(1, correction=0, keepdim=True) + 1e-9), w
    )
)
wrong("5.4", "eps")(
    lambda s, w: (comp(s, w) - comp(s, w).mean()) / (std(comp(s, w)) + 1e-3)
)
wrong("5.4", "NaN for equal")(
    lambda s, w: (comp(s, w) - comp(s, w).mean()) / std(comp(s, w))
)
wrong("5.4", "weights absolute")(lambda s, w: safe(comp(s, w.abs())))
wrong("5.4", "weights ignored")(lambda s, w: safe(s.sum(0)))
wrong("5.4", "weights normalised away")(lambda s, w: safe(comp(s, w.softmax(0))))
wrong("5.4", "mean over texts")(lambda s, w: safe((s * w[:, None]).sum(1)))
wrong("5.4", "min-max")(
    lambda s, w: (
        (comp(s, w) - comp(s, w).min()) / (comp(s, w).max() - comp(s, w).min() + 1e-9)
    )
)
wrong("5.4", "variance")(
    lambda s, w: torch.nan_to_num(
        (comp(s, w) - comp(s, w).mean()) / comp(s, w).var(correction=0)
    )
)
wrong("5.4", "negative parts dropped")(lambda s, w: safe(comp(s, w.clamp(min=0))))
wrong("5.4", "product")(lambda s, w: safe((s * w[:, None]).prod(0)))
wrong("5.4", "sign")(lambda s, w: -safe(comp(s, w)))
wrong("5.4", "a scalar")(lambda s, w: comp(s, w).mean())
wrong("5.4", "reversed weights")(lambda s, w: safe(comp(s, w.flip(0))))
right("5.4")(
    lambda s, w: torch.nan_to_num((comp(s, w) - comp(s, w).mean()) / std(comp(s, w)))
)
wrong("5.4", "clipped")(lambda s, w: safe(comp(s, w)).clamp(-1, 1))
wrong("5.4", "sigmoid")(lambda s, w: torch.sigmoid(comp(s, w)))

right("5.5")(
    lambda t, n: (
        len({tuple(t.split()[i : i + n]) for i in range(len(t.split()) - n + 1)})
        / (len(t.split()) - n + 1)
        if len(t.split()) >= n
        else 1.0
    )
)
right("5.5")(
    lambda t, n: (lambda g: len(Counter(g)) / len(g) if g else 1.0)(grams(t.split(), n))
)


@right("5.5")
def seen_list(text, n):
    seen, total = [], 0
    words = text.split()
    for start in range(0, len(words) - n + 1):
        gram = words[start : start + n]
        total += 1
        if gram not in seen:
            seen.append(gram)
    return len(seen) / total if total else 1.0


wrong("5.5", "words only")(
    lambda t, n: len(set(t.split())) / len(t.split()) if t.split() else 1.0
)
wrong("5.5", "divided by words")(
    lambda t, n: (
        len(set(grams(t.split(), n))) / len(t.split()) if len(t.split()) >= n else 1.0
    )
)
wrong("5.5", "0 for short")(
    lambda t, n: (
        len(set(grams(t.split(), n))) / len(grams(t.split(), n))
        if grams(t.split(), n)
        else 0.0
    )
)
wrong("5.5", "no case")(
    lambda t, n: len(set(grams(t.split(), n))) / len(grams(t.split(), n))
)
wrong("5.5", "characters")(
    lambda t, n: len(set(grams(t, n))) / len(grams(t, n)) if grams(t, n) else 1.0
)
wrong("5.5", "lower case")(
    lambda t, n: (
        len(set(grams(t.lower().split(), n))) / len(grams(t.split(), n))
        if grams(t.split(), n)
        else 1.0
    )
)
wrong("5.5", "split at one space")(
    lambda t, n: (
        len(set(grams(t.split(" "), n))) / len(grams(t.split(" "), n))
        if grams(t.split(" "), n)
        else 1.0
    )
)
wrong("5.5", "repetition")(
    lambda t, n: (
        1 - len(set(grams(t.split(), n))) / len(grams(t.split(), n))
        if grams(t.split(), n)
        else 0.0
    )
)
wrong("5.5", "turned over")(
    lambda t, n: (
        len(grams(t.split(), n)) / len(set(grams(t.split(), n)))
        if grams(t.split(), n)
        else 1.0
    )
)
wrong("5.5", "seen only once")(
    lambda t, n: (
        sum(c == 1 for c in Counter(grams(t.split(), n)).values())
        / len(grams(t.split(), n))
        if grams(t.split(), n)
        else 1.0
    )
)
wrong("5.5", "disjoint")(
    lambda t, n: (
        len(set(grams(t.split(), n)[::n])) / len(grams(t.split(), n)[::n])
        if grams(t.split(), n)
        else 1.0
    )
)
wrong("5.5", "last lost")(
    lambda t, n: (
        len(set(grams(t.split(), n)[:-1])) / len(grams(t.split(), n)[:-1])
        if grams(t.split(), n)[:-1]
        else 1.0
    )
)
wrong("5.5", "n + 1")(
    lambda t, n: (
        len(set(grams(t.split(), n + 1))) / len(grams(t.split(), n + 1))
        if grams(t.split(), n + 1)
        else 1.0
    )
)
wrong("5.5", "glued")(
    lambda t, n: (
        len({"".join(g) for g in grams(t.split(), n)}) / len(grams(t.split(), n))
        if grams(t.split(), n)
        else 1.0
    )
)
wrong("5.5", "sorted")(
    lambda t, n: (
        len({tuple(sorted(g)) for g in grams(t.split(), n)}) / len(grams(t.split(), n))
        if grams(t.split(), n)
        else 1.0
    )
)
wrong("5.5", "n = 2")(
    lambda t, n: (
        len(set(grams(t.split(), 2))) / len(grams(t.split(), 2))
        if grams(t.split(), 2)
        else 1.0
    )
)
wrong("5.5", "count")(lambda t, n: float(len(set(grams(t.split(), n)))))
wrong("5.5", "set of n-grams, sets inside")(
    lambda t, n: (
        len({frozenset(g) for g in grams(t.split(), n)}) / len(grams(t.split(), n))
        if grams(t.split(), n)
        else 1.0
    )
)
wrong("5.5", "divided by n")(
    lambda t, n: (
        len(set(grams(t.split(), n))) / len(grams(t.split(), n)) / n
        if grams(t.split(), n)
        else 1.0
    )
)
wrong("5.5", "rouge tokens")(
    lambda t, n: (
        len(set(grams(rouge_tokens(t), n))) / len(grams(rouge_tokens(t), n))
        if grams(rouge_tokens(t), n)
        else 1.0
    )
)
wrong("5.5", "mean over sizes")(
    lambda t, n: (
        sum(
            len(set(grams(t.split(), k))) / max(1, len(grams(t.split(), k)))
            for k in range(1, n + 1)
        )
        / n
        if grams(t.split(), n)
        else 1.0
    )
)
