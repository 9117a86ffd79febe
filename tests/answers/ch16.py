"""Answers to the exercises of chapter 16, written from their texts alone."""

import itertools

import torch
import torch.nn.functional as F

from course.reward.overlap import rouge_n
from tools.try_answers import right, wrong


@right("16.1")
def talk_by_talk(final, lengths, cost):
    rows = torch.zeros(len(final), int(max(lengths)), dtype=final.dtype)
    for n in range(len(final)):
        for t in range(int(lengths[n])):
            rows[n, t] = final[n] - cost * (lengths[n] - t)
    return rows


@right("16.1")
def backwards(final, lengths, cost):
    T = int(lengths.max())
    columns, now = [], torch.zeros_like(final)
    for t in reversed(range(T)):
        now = torch.where(lengths == t + 1, final, now)
        now = torch.where(lengths > t, now - cost, now)
        columns.append(now)
    return torch.stack(columns[::-1], 1)


@right("16.1")
def flipped_sums(final, lengths, cost):
    t = torch.arange(int(lengths.max()))
    real = (t < lengths[:, None]).double()
    costs = (cost * real).flip(1).cumsum(1).flip(1)
    return (real * final[:, None] - costs).float()


def table(final, lengths, formula, keep=lambda t, n: t < n):
    t = torch.arange(int(lengths.max()))[None]
    n = lengths[:, None]
    return torch.where(keep(t, n), formula(final[:, None], t, n) + 0.0 * t, 0.0)


def wrong1(note, formula, **options):
    wrong("16.1", note)(
        lambda f, n, c: table(f, n, lambda a, t, m: formula(a, t, m, c), **options)
    )


wrong1("own turn free", lambda f, t, n, c: f - c * (n - t - 1))
wrong1("past turns", lambda f, t, n, c: f - c * (t + 1))
wrong1("past turns, from 0", lambda f, t, n, c: f - c * t)
wrong1("whole return", lambda f, t, n, c: f - c * n)
wrong1("no cost", lambda f, t, n, c: f)
wrong1("one turn's cost", lambda f, t, n, c: f - c)
wrong1("added", lambda f, t, n, c: f + c * (n - t))
wrong1("not cut", lambda f, t, n, c: f - c * (n - t), keep=lambda t, n: t < n + 99)
wrong1("cut one late", lambda f, t, n, c: f - c * (n - t), keep=lambda t, n: t <= n)
wrong1("cut one early", lambda f, t, n, c: f - c * (n - t), keep=lambda t, n: t < n - 1)
wrong1("last turn alone", lambda f, t, n, c: (t == n - 1) * f - c * (n - t))
wrong1("costs alone", lambda f, t, n, c: -c * (n - t))
wrong1("longest", lambda f, t, n, c: f - c * (n.max() - t))
wrong1("cost squared", lambda f, t, n, c: f - c * (n - t) ** 2)
wrong1("a share", lambda f, t, n, c: f * (1 - c * (n - t)))
wrong1("discounted", lambda f, t, n, c: f * (1 - c) ** (n - t))
wrong1("mean cost", lambda f, t, n, c: f - c * (n - t) / n)
wrong1("one turn more", lambda f, t, n, c: f - c * (n - t + 1))
wrong1("clamped", lambda f, t, n, c: (f - c * (n - t)).clamp(min=0))
wrong("16.1", "transposed")(lambda f, n, c: talk_by_talk(f, n, c).T)
wrong("16.1", "first column")(lambda f, n, c: talk_by_talk(f, n, c)[:, 0])
wrong("16.1", "reversed in time")(lambda f, n, c: talk_by_talk(f, n, c).flip(1))
wrong("16.1", "a list")(lambda f, n, c: talk_by_talk(f, n, c).tolist())
wrong("16.1", "aligned on the right")(
    lambda f, n, c: torch.stack(
        [
            row.roll(int(n.max() - m))
            for row, m in zip(talk_by_talk(f, n, c), n, strict=True)
        ]
    )
)
wrong("16.1", "minus infinity after the end")(
    lambda f, n, c: table(f, n, lambda a, t, m: a - c * (m - t)).masked_fill(
        torch.arange(int(n.max())) >= n[:, None], -torch.inf
    )
)


@right("16.2")
def padded(earlier, later, side, value):
    T = max(earlier.size(1), later.size(1))
    pad = [
        F.pad(b, (T - b.size(1), 0) if side == "left" else (0, T - b.size(1)),
              value=value)
        for b in (earlier, later)
    ]  # fmt: skip
    return torch.cat(pad)


@right("16.2")
def written_into(earlier, later, side, value):
    rows, T = len(earlier) + len(later), max(earlier.shape[1], later.shape[1])
    out = torch.full((rows, T), value, dtype=earlier.dtype)
    for block, first in ((earlier, 0), (later, len(earlier))):
        n = block.shape[1]
        place = slice(T - n, T) if side == "left" else slice(0, n)
        out[first : first + len(block), place] = block
    return out


@right("16.2")
def by_rows(earlier, later, side, value):
    rows = [*earlier, *later]
    if side == "left":
        rows = [row.flip(0) for row in rows]
    both = torch.nn.utils.rnn.pad_sequence(rows, True, float(value))
    return both.flip(1) if side == "left" else both


@right("16.2")
def with_lists(earlier, later, side, value):
    rows = earlier.tolist() + later.tolist()
    T = max(map(len, rows), default=0)
    fill = [[value] * (T - len(row)) for row in rows]
    both = (
        zip(fill, rows, strict=True) if side == "left" else zip(rows, fill, strict=True)
    )
    return torch.tensor([a + b for a, b in both], dtype=earlier.dtype)


OTHER = {"left": "right", "right": "left"}


def wrong2(note, function):
    wrong("16.2", note)(function)


wrong2("sides swapped", lambda a, b, s, v: padded(a, b, OTHER[s], v))
wrong2("always left", lambda a, b, s, v: padded(a, b, "left", v))
wrong2("always right", lambda a, b, s, v: padded(a, b, "right", v))
wrong2("0 always", lambda a, b, s, v: padded(a, b, s, 0))
wrong2("later first", lambda a, b, s, v: padded(b, a, s, v))
wrong2("as float", lambda a, b, s, v: padded(a.float(), b.float(), s, v))
wrong2("as long", lambda a, b, s, v: padded(a.long(), b.long(), s, int(v)))
wrong2(
    "cut to the shorter, first places",
    lambda a, b, s, v: torch.cat([x[:, : min(a.shape[1], b.shape[1])] for x in (a, b)]),
)
wrong2(
    "cut to the shorter, by side",
    lambda a, b, s, v: torch.cat(
        [
            x[:, -min(a.shape[1], b.shape[1]) :]
            if s == "left"
            else x[:, : min(a.shape[1], b.shape[1])]
            for x in (a, b)
        ]
    ),
)
wrong2("side by side", lambda a, b, s, v: torch.cat([a, b], 1))
wrong2("no filling", lambda a, b, s, v: torch.cat([a, b]))
wrong2(
    "sum of the times",
    lambda a, b, s, v: F.pad(
        padded(a, b, s, v),
        (min(a.shape[1], b.shape[1]), 0)
        if s == "left"
        else (0, min(a.shape[1], b.shape[1])),
        value=v,
    ),
)
wrong2("one place more", lambda a, b, s, v: F.pad(padded(a, b, s, v), (0, 1), value=v))
wrong2("earlier alone", lambda a, b, s, v: padded(a, b, s, v)[: len(a)])
wrong2("later alone", lambda a, b, s, v: padded(a, b, s, v)[len(a) :])
wrong2("a list", lambda a, b, s, v: padded(a, b, s, v).tolist())
wrong2("a pair", lambda a, b, s, v: padded(a, b, s, v).split([len(a), len(b)]))
wrong2("interleaved", lambda a, b, s, v: padded(a, b, s, v)[
    torch.argsort(torch.cat([torch.arange(len(a)), torch.arange(len(b))]), stable=True)
])  # fmt: skip
wrong2("turned round", lambda a, b, s, v: padded(a, b, s, v).flip(1))
wrong2("sorted rows", lambda a, b, s, v: padded(a, b, s, v).sort(0).values)
wrong2("transposed", lambda a, b, s, v: padded(a, b, s, v).T)
wrong2(
    "value replaces zeros, too",
    lambda a, b, s, v: padded(a, b, s, 0).masked_fill(padded(a, b, s, 0) == 0, v),
)
wrong2("only the later one is filled", lambda a, b, s, v: torch.cat(
    [a, F.pad(b, (a.shape[1] - b.shape[1], 0) if s == "left"
              else (0, a.shape[1] - b.shape[1]), value=v)]))  # fmt: skip


def total(text, titles, n=1):
    return sum(rouge_n(text, title, n) for title in titles)


@right("16.3")
def with_a_pool(titles, words, length):
    pool, text, now = list(dict.fromkeys(words)), "", 0.0
    for _ in range(length):
        best = None
        for word in pool:
            longer = f"{text} {word}".strip()
            value = total(longer, titles)
            if value > now and (best is None or value > best[0]):
                best = (value, word, longer)
        if best is None:
            break
        now, word, text = best
        pool.remove(word)
    return text


@right("16.3")
def by_sorting(titles, words, length):
    said, now = [], 0
    for _ in range(length):
        left = [w for w in words if w not in said]
        values = [total(" ".join(said + [w]), titles) for w in left]
        if not left or max(values) <= now:
            break
        now = max(values)
        said.append(left[values.index(now)])
    return " ".join(said)


@right("16.3")
def recursive(titles, words, length):
    def longer(said):
        if len(said) == length:
            return said
        left = [word for word in words if word not in said]
        values = {w: total(" ".join((*said, w)), titles) for w in left}
        if not left or max(values.values()) <= total(" ".join(said), titles):
            return said
        return longer((*said, max(left, key=values.__getitem__)))

    return " ".join(longer(()))


def greedy(
    titles,
    words,
    length,
    *,
    value=None,
    stop=True,
    again=False,
    last=False,
    joint=" ",
    equal=False,
    front=False,
):
    said, now = [], 0.0
    score = value or (lambda text: total(text, titles))
    while len(said) < length:
        left = [w for w in words if again or w not in said]
        if not left:
            break
        longer = [[w, *said] if front else [*said, w] for w in left]
        values = [score(" ".join(text)) for text in longer]
        top = max(values)
        if stop and (top < now if equal else top <= now):
            break
        places = [n for n, v in enumerate(values) if v == top]
        said, now = longer[places[-1 if last else 0]], top
    return joint.join(said)


def wrong3(note, **options):
    wrong("16.3", note)(lambda t, w, n: greedy(t, w, n, **options))


wrong3("never stops", stop=False)
wrong3("words again", again=True)
wrong3("words again, never stops", again=True, stop=False)
wrong3("last of equal ones", last=True)
wrong3("no spaces", joint="")
wrong3("commas", joint=", ")
wrong3("goes on when nothing changes", equal=True)
wrong3("in front", front=True)
wrong("16.3", "ROUGE-2")(
    lambda t, w, n: greedy(t, w, n, value=lambda text: total(text, t, 2))
)
wrong("16.3", "best title")(
    lambda t, w, n: greedy(
        t, w, n, value=lambda text: max(rouge_n(text, title, 1) for title in t)
    )
)
wrong("16.3", "worst title")(
    lambda t, w, n: greedy(
        t, w, n, value=lambda text: min(rouge_n(text, title, 1) for title in t)
    )
)
wrong("16.3", "first title")(
    lambda t, w, n: greedy(t, w, n, value=lambda text: total(text, t[:1]))
)
wrong("16.3", "all titles as one")(
    lambda t, w, n: greedy(t, w, n, value=lambda text: rouge_n(text, " ".join(t), 1))
)
wrong("16.3", "recall")(
    lambda t, w, n: greedy(
        t,
        w,
        n,
        value=lambda text: sum(
            len(set(text.split()) & set(title.split())) / len(title.split())
            for title in t
        ),
    )
)
wrong("16.3", "counts titles with the word")(
    lambda t, w, n: " ".join(
        sorted(w, key=lambda word: -sum(word in title.split() for title in t))[:n]
    )
)
wrong("16.3", "words alone, best first")(
    lambda t, w, n: " ".join(sorted(w, key=lambda word: -total(word, t))[:n])
)
wrong("16.3", "the first words")(lambda t, w, n: " ".join(w[:n]))
wrong("16.3", "one too many")(lambda t, w, n: greedy(t, w, n + 1))
wrong("16.3", "one too few")(lambda t, w, n: greedy(t, w, n - 1))
wrong("16.3", "a list")(lambda t, w, n: greedy(t, w, n).split())
wrong("16.3", "the score")(lambda t, w, n: total(greedy(t, w, n), t))
wrong("16.3", "a space in front")(
    lambda t, w, n: "".join(f" {word}" for word in greedy(t, w, n).split())
)
wrong("16.3", "sorted words")(lambda t, w, n: " ".join(sorted(greedy(t, w, n).split())))
wrong("16.3", "the best title itself")(
    lambda t, w, n: max(t, key=lambda text: total(text, t), default="")
)
wrong("16.3", "the best combination, not greedy")(
    lambda t, w, n: " ".join(
        max(
            itertools.chain.from_iterable(
                itertools.combinations(w, k) for k in range(min(n, len(w), 3) + 1)
            ),
            key=lambda some: total(" ".join(some), t),
        )
    )
)


@wrong("16.3", "passes once over the words")
def one_pass(titles, words, length):
    said = []
    for word in words:
        if len(said) < length and total(" ".join([*said, word]), titles) > total(
            " ".join(said), titles
        ):
            said.append(word)
    return " ".join(said)


@wrong("16.3", "words of the titles, not the candidates")
def of_titles(titles, words, length):
    return greedy(titles, " ".join(titles).split(), length)


def word_pairs(text):
    words = text.split()
    return {(a, b) for a, b in zip(words, words[1:], strict=False)}


def alike(a, b):
    return len(a & b) / len(a | b) if a | b else 1.0


@right("16.4")
def group_by_group(texts, gate, group_size):
    out = []
    for first in range(0, len(texts), group_size):
        sets = [word_pairs(t) for t in texts[first : first + group_size]]
        for n, own in enumerate(sets):
            rest = sets[:n] + sets[n + 1 :]
            out.append(1 - sum(alike(own, other) for other in rest) / len(rest))
    return gate * torch.tensor(out)


@right("16.4")
def as_matrix(texts, gate, group_size):
    sets = [word_pairs(t) for t in texts]
    J = torch.tensor([[alike(a, b) for a in sets] for b in sets], dtype=torch.float64)
    group = torch.arange(len(texts)) // group_size
    siblings = group[:, None] == group
    siblings.fill_diagonal_(False)
    return (gate * (1 - (J * siblings).sum(1) / (group_size - 1))).to(gate.dtype)


@right("16.4")
def with_itself_taken_off(texts, gate, group_size):
    sets = [word_pairs(t) for t in texts]
    sums = []
    for n, own in enumerate(sets):
        start = n // group_size * group_size
        near = sets[start : start + group_size]
        sums.append((sum(alike(own, other) for other in near) - 1) / (len(near) - 1))
    return (1 - torch.tensor(sums)) * gate


def bonus(
    texts,
    gate,
    size,
    *,
    sets=word_pairs,
    like=alike,
    itself=False,
    everyone=False,
    mean=True,
    pick=None,
    sign=1,
    gated=True,
):
    found = [sets(t) for t in texts]
    out = []
    for n, own in enumerate(found):
        first = 0 if everyone else n // size * size
        last = len(found) if everyone else first + size
        rest = [found[m] for m in range(first, last) if itself or m != n]
        values = [like(own, other) for other in rest]
        value = pick(values) if pick else sum(values) / (len(values) if mean else 1)
        out.append(1 - value if sign == 1 else value)
    return torch.tensor(out) * (gate if gated else 1.0)


def letter_pairs(text):
    return {text[i : i + 2] for i in range(len(text) - 1)}


def wrong4(note, **options):
    wrong("16.4", note)(lambda t, g, n: bonus(t, g, n, **options))


wrong4("itself a sibling", itself=True)
wrong4("all texts", everyone=True)
wrong4("sum", mean=False)
wrong4("most similar sibling", pick=max)
wrong4("least similar sibling", pick=min)
wrong4("similarity", sign=-1)
wrong4("no gate", gated=False)
wrong4("words, not pairs", sets=lambda t: set(t.split()))
wrong4("pairs of letters", sets=letter_pairs)
wrong4("lower case", sets=lambda t: word_pairs(t.lower()))
wrong4(
    "triples",
    sets=lambda t: set(zip(t.split(), t.split()[1:], t.split()[2:], strict=False)),
)
wrong4(
    "every second pair",
    sets=lambda t: set(zip(t.split()[::2], t.split()[1::2], strict=False)),
)
wrong4("pairs in any order", sets=lambda t: {frozenset(p) for p in word_pairs(t)})
wrong4("any two words", sets=lambda t: set(itertools.combinations(t.split(), 2)))
wrong4("two empty ones differ", like=lambda a, b: len(a & b) / max(1, len(a | b)))
wrong4("division by 0", like=lambda a, b: len(a & b) / len(a | b))
wrong4("share of own", like=lambda a, b: len(a & b) / len(a) if a else 1.0)
wrong4("share of the sibling's", like=lambda a, b: len(a & b) / len(b) if b else 1.0)
wrong4("by the smaller", like=lambda a, b: len(a & b) / max(1, min(len(a), len(b))))
wrong4("Dice", like=lambda a, b: 2 * len(a & b) / (len(a) + len(b)) if a | b else 1.0)
wrong4("equal or not", like=lambda a, b: float(a == b))
wrong4("any empty one is alike", like=lambda a, b: alike(a, b) if a and b else 1.0)
wrong("16.4", "one group")(lambda t, g, n: bonus(t, g, len(t)))
wrong("16.4", "gate added")(lambda t, g, n: bonus(t, g, n, gated=False) + g)
wrong("16.4", "gate above 0")(lambda t, g, n: bonus(t, (g > 0).float(), n))
wrong("16.4", "gate inside")(
    lambda t, g, n: 1 - g * bonus(t, g, n, sign=-1, gated=False)
)
wrong("16.4", "a list")(lambda t, g, n: bonus(t, g, n).tolist())
wrong("16.4", "one number")(lambda t, g, n: bonus(t, g, n).mean())
wrong("16.4", "a row a group")(lambda t, g, n: bonus(t, g, n).view(-1, n))
wrong("16.4", "group means")(
    lambda t, g, n: bonus(t, g, n).view(-1, n).mean(1).repeat_interleave(n)
)
wrong("16.4", "groups interleaved")(
    lambda t, g, n: (
        bonus(
            [
                t[i + j]
                for i in range(len(t) // n)
                for j in range(0, len(t), len(t) // n)
            ],
            g,
            n,
        )
        if len(t) > n
        else bonus(t, g, n, itself=True)
    )
)
wrong("16.4", "divided by all")(
    lambda t, g, n: (1 - (1 - bonus(t, g, n, gated=False)) * (n - 1) / n) * g
)


@right("16.5")
def in_steps(multiplier, costs, bound, rate):
    gap = float(costs.float().mean()) - bound
    new = multiplier + rate * gap
    return new if new > 0 else 0.0


@right("16.5")
def by_sum(multiplier, costs, bound, rate):
    return max(multiplier + rate * (sum(costs.tolist()) / len(costs) - bound), 0.0)


@right("16.5")
def by_clamp(multiplier, costs, bound, rate):
    new = multiplier + rate * (costs.double() - bound).mean()
    return new.clamp(min=0).item()


@right("16.5")
def by_relu(multiplier, costs, bound, rate):
    m = torch.tensor(multiplier, dtype=torch.float64)
    return F.relu(m + rate * (torch.mean(costs, dtype=torch.float64) - bound)).item()


def wrong5(note, formula, low=0.0):
    wrong("16.5", note)(
        lambda m, c, b, r: max(low, float(formula(m, c.double(), b, r)))
    )


wrong5("never stopped at 0", lambda m, c, b, r: m + r * (c.mean() - b), -1e9)
wrong5("sign", lambda m, c, b, r: m - r * (c.mean() - b))
wrong5("sum", lambda m, c, b, r: m + r * (c.sum() - b))
wrong5("sum of gaps", lambda m, c, b, r: m + r * (c - b).sum())
wrong5("no bound", lambda m, c, b, r: m + r * c.mean())
wrong5("no rate", lambda m, c, b, r: m + c.mean() - b)
wrong5("starts from 0", lambda m, c, b, r: r * (c.mean() - b))
wrong5("largest", lambda m, c, b, r: m + r * (c.max() - b))
wrong5("median", lambda m, c, b, r: m + r * (c.median() - b))
wrong5("first", lambda m, c, b, r: m + r * (c[0] - b))
wrong5("only upward", lambda m, c, b, r: m + r * max(0.0, float(c.mean() - b)))
wrong5("each gap clipped", lambda m, c, b, r: m + r * (c - b).clamp(min=0).mean())
wrong5("multiplied", lambda m, c, b, r: m * (1 + r * (c.mean() - b)))
wrong5("exponential", lambda m, c, b, r: m * (r * (c.mean() - b)).exp())
wrong5("share above", lambda m, c, b, r: m + r * ((c > b).double().mean() - b))
wrong5("ratio", lambda m, c, b, r: m + r * (c.mean() / b if b else c.mean()))
wrong5("sign of the gap", lambda m, c, b, r: m + r * torch.sign(c.mean() - b))
wrong5("squared", lambda m, c, b, r: m + r * (c.mean() - b) ** 2)
wrong5("bound times rate too little", lambda m, c, b, r: m + r * c.mean() - b)
wrong5("at most 1", lambda m, c, b, r: min(1.0, float(m + r * (c.mean() - b))))
wrong5("absolute", lambda m, c, b, r: abs(float(m + r * (c.mean() - b))))
wrong5("absolute gap", lambda m, c, b, r: m + r * (c.mean() - b).abs())
wrong5("a share kept", lambda m, c, b, r: (1 - r) * m + r * (c.mean() - b))
wrong5("at least 1", lambda m, c, b, r: m + r * (c.mean() - b), 1.0)
wrong5("weighted by itself", lambda m, c, b, r: m + r * m * (c.mean() - b))
wrong("16.5", "a tensor")(lambda m, c, b, r: (m + r * (c.mean() - b)).clamp(min=0))
wrong("16.5", "whole numbers")(
    lambda m, c, b, r: int(max(0.0, m + r * (c.double().mean().item() - b)))
)
wrong("16.5", "rounded")(
    lambda m, c, b, r: round(max(0.0, m + r * (c.double().mean().item() - b)), 2)
)
