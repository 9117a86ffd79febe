"""Answers to the exercises of chapter 4, written from their texts alone."""

import math

import torch
import torch.nn.functional as F

from tools.try_answers import right, wrong


def lab(i, p, n, low=None, high=None, fill=-100):
    t = torch.arange(i.shape[1])
    low = t < p[:, None] if low is None else low(t, p[:, None])
    high = t >= n[:, None] if high is None else high(t, n[:, None])
    return torch.where(low | high, fill, i)


@right("4.1")
def labels_loop(ids, prompt_lengths, lengths):
    out = torch.full_like(ids, -100)
    for b in range(len(ids)):
        a, z = int(prompt_lengths[b]), int(lengths[b])
        out[b, a:z] = ids[b, a:z]
    return out


right("4.1")(
    lambda i, p, n: torch.tensor(
        [
            [int(x) if int(p[b]) <= t < int(n[b]) else -100 for t, x in enumerate(row)]
            for b, row in enumerate(i)
        ]
    )
)
right("4.1")(
    lambda i, p, n: (
        i
        * (
            (torch.arange(i.size(1)) >= p.unsqueeze(1))
            & (torch.arange(i.size(1)) < n.unsqueeze(1))
        )
        - 100
        * (
            1
            - (
                (torch.arange(i.size(1)) >= p.unsqueeze(1))
                & (torch.arange(i.size(1)) < n.unsqueeze(1))
            ).long()
        )
    )
)
wrong("4.1", "one of the prompt counts")(
    lambda i, p, n: lab(i, p, n, low=lambda t, x: t < x - 1)
)
wrong("4.1", "first of the completion lost")(
    lambda i, p, n: lab(i, p, n, low=lambda t, x: t <= x)
)
wrong("4.1", "end token lost")(
    lambda i, p, n: lab(i, p, n, high=lambda t, x: t >= x - 1)
)
wrong("4.1", "one padding counts")(
    lambda i, p, n: lab(i, p, n, high=lambda t, x: t > x)
)
wrong("4.1", "padding counts")(lambda i, p, n: lab(i, p, n, high=lambda t, x: t < 0))
wrong("4.1", "prompt counts")(lambda i, p, n: lab(i, p, n, low=lambda t, x: t < 0))
wrong("4.1", "0 for -100")(lambda i, p, n: lab(i, p, n, fill=0))
wrong("4.1", "100")(lambda i, p, n: lab(i, p, n, fill=100))
wrong("4.1", "completion masked")(
    lambda i, p, n: torch.where(lab(i, p, n) == -100, i, -100)
)
wrong("4.1", "shifted")(lambda i, p, n: F.pad(lab(i, p, n)[:, 1:], (0, 1), value=-100))
wrong("4.1", "shifted to the right")(
    lambda i, p, n: F.pad(lab(i, p, n)[:, :-1], (1, 0), value=-100)
)
wrong("4.1", "shifted and shorter")(lambda i, p, n: lab(i, p, n)[:, 1:])
wrong("4.1", "padding is id 0")(lambda i, p, n: lab(i, p, n, high=lambda t, x: i == 0))
wrong("4.1", "lengths of the completion")(
    lambda i, p, n: lab(i, p, n, high=lambda t, x: t >= x + p[:, None])
)
wrong("4.1", "first row's prompt")(lambda i, p, n: lab(i, p[:1].expand_as(p), n))
wrong("4.1", "longest")(lambda i, p, n: lab(i, p, n.max().expand_as(n)))
wrong("4.1", "prompt from the end")(lambda i, p, n: lab(i, n - p, n))
wrong("4.1", "a mask")(lambda i, p, n: lab(i, p, n) != -100)
wrong("4.1", "floats")(lambda i, p, n: lab(i, p, n).float())


@wrong("4.1", "in place")
def labels_in_place(ids, prompt_lengths, lengths):
    for b in range(len(ids)):
        ids[b, : prompt_lengths[b]] = -100
        ids[b, lengths[b] :] = -100
    return ids


right("4.2")(lambda x, m: -x[m].mean())
right("4.2")(lambda x, m: -torch.masked_select(x, m).double().sum() / m.sum())
right("4.2")(
    lambda x, m: -sum(x[b, t] for b, t in m.nonzero().tolist()) / m.count_nonzero()
)
wrong("4.2", "mean of rows")(
    lambda x, m: (-(torch.where(m, x, 0).sum(1)) / m.sum(1)).mean()
)
wrong("4.2", "all places")(lambda x, m: -torch.where(m, x, 0).mean())
wrong("4.2", "sum")(lambda x, m: -torch.where(m, x, 0).sum())
wrong("4.2", "per text")(lambda x, m: -torch.where(m, x, 0).sum() / len(x))
wrong("4.2", "per text, mean of sums")(lambda x, m: -torch.where(m, x, 0).sum(1).mean())
wrong("4.2", "sign")(lambda x, m: x[m].mean())
wrong("4.2", "mask times")(lambda x, m: -(x * m).sum() / m.sum())
wrong("4.2", "mask ignored")(lambda x, m: -x.mean())
wrong("4.2", "inverted")(lambda x, m: -x[~m].mean())
wrong("4.2", "nan_to_num")(lambda x, m: -(x.nan_to_num(0, 0, 0) * m).sum() / m.sum())
wrong("4.2", "clamp")(lambda x, m: -(x.clamp(min=-100) * m).sum() / m.sum())
wrong("4.2", "exp")(lambda x, m: (-x[m].mean()).exp())
wrong("4.2", "probabilities")(lambda x, m: -x[m].exp().mean())
wrong("4.2", "bits")(lambda x, m: -x[m].mean() / math.log(2))
wrong("4.2", "per row vector")(lambda x, m: -torch.where(m, x, 0).sum(1) / m.sum(1))
wrong("4.2", "item")(lambda x, m: -x[m].mean().item())
wrong("4.2", "detached")(lambda x, m: -x[m].mean().detach())
wrong("4.2", "shifted mask")(lambda x, m: -x[:, :-1][m[:, 1:]].mean())
wrong("4.2", "median")(lambda x, m: -x[m].median())
wrong("4.2", "eps")(lambda x, m: -torch.where(m, x, 0).sum() / (m.sum() + 1))
wrong("4.2", "longest row")(lambda x, m: -torch.where(m, x, 0).sum() / m.sum(1).max())


def pack(
    s,
    length,
    pad,
    seg0=1,
    pos_restart=True,
    first_fit=False,
    own_row=False,
    split=False,
    seg_restart=True,
    padseg=0,
    padpos=0,
    count_pos=0,
    spare=0,
):
    rows = []
    for one in s:
        place = None
        if not own_row:
            for r in rows if first_fit else rows[-1:]:
                if sum(map(len, r)) + len(one) <= length - spare:
                    place = r
                    break
        if place is None:
            place = []
            rows.append(place)
        place.append(one)
    ids, seg, pos, total = [], [], [], 0
    for r in rows:
        a, b, c = [], [], []
        for k, one in enumerate(r):
            a += one
            b += [(k if seg_restart else total) + seg0] * len(one)
            c += [
                x + count_pos
                for x in (
                    range(len(one)) if pos_restart else range(len(c), len(c) + len(one))
                )
            ]
            total += 1
        gap = length - len(a)
        ids.append(a + [pad] * gap)
        seg.append(b + [padseg] * gap)
        pos.append(
            c + ([padpos] * gap if padpos is not None else list(range(len(c), length)))
        )
    return tuple(torch.tensor(x) for x in (ids, seg, pos))


@right("4.3")
def pack_tensors(sequences, length, pad_id):
    ids = torch.full((len(sequences), length), pad_id)
    seg = torch.zeros(len(sequences), length, dtype=torch.long)
    pos = torch.zeros_like(seg)
    row, at, number = -1, length + 1, 0
    for text in sequences:
        n = len(text)
        if at + n > length:
            row, at, number = row + 1, 0, 0
        number += 1
        ids[row, at : at + n] = torch.tensor(text)
        seg[row, at : at + n] = number
        pos[row, at : at + n] = torch.arange(n)
        at += n
    return ids[: row + 1], seg[: row + 1], pos[: row + 1]


right("4.3")(lambda s, n, p: pack(s, n, p))
right("4.3")(lambda s, n, p: list(pack(s, n, p)))
right("4.3")(lambda s, n, p: tuple(x.int() for x in pack(s, n, p)))
wrong("4.3", "a row for each")(lambda s, n, p: pack(s, n, p, own_row=True))
wrong("4.3", "first fit")(lambda s, n, p: pack(s, n, p, first_fit=True))
wrong("4.3", "segments from 0")(lambda s, n, p: pack(s, n, p, seg0=0))
wrong("4.3", "segments over all rows")(lambda s, n, p: pack(s, n, p, seg_restart=False))
wrong("4.3", "positions go on")(lambda s, n, p: pack(s, n, p, pos_restart=False))
wrong("4.3", "positions from 1")(lambda s, n, p: pack(s, n, p, count_pos=1))
wrong("4.3", "padding segment -1")(lambda s, n, p: pack(s, n, p, padseg=-1))
wrong("4.3", "positions on padding go on")(lambda s, n, p: pack(s, n, p, padpos=None))
wrong("4.3", "pad 0")(lambda s, n, p: pack(s, n, 0))
wrong("4.3", "sorted")(lambda s, n, p: pack(sorted(s, key=len, reverse=True), n, p))
wrong("4.3", "< for <=")(lambda s, n, p: pack(s, n, p, spare=1))
wrong("4.3", "two results")(lambda s, n, p: pack(s, n, p)[:2])
wrong("4.3", "order of results")(
    lambda s, n, p: (pack(s, n, p)[0], pack(s, n, p)[2], pack(s, n, p)[1])
)
wrong("4.3", "lists")(lambda s, n, p: tuple(x.tolist() for x in pack(s, n, p)))
wrong("4.3", "floats")(lambda s, n, p: tuple(x.float() for x in pack(s, n, p)))
wrong("4.3", "positions of the row for all")(
    lambda s, n, p: (
        *pack(s, n, p)[:2],
        torch.arange(n).expand(len(pack(s, n, p)[0]), n),
    )
)
wrong("4.3", "attention mask for segments")(
    lambda s, n, p: (pack(s, n, p)[0], (pack(s, n, p)[1] > 0).long(), pack(s, n, p)[2])
)


@wrong("4.3", "cuts texts at the end of a row")
def pack_cut(sequences, length, pad_id):
    flat = [(x, i + 1, p) for i, s in enumerate(sequences) for p, x in enumerate(s)]
    flat += [(pad_id, 0, 0)] * (-len(flat) % length)
    t = torch.tensor(flat).reshape(-1, length, 3)
    return t[..., 0], t[..., 1], t[..., 2]


@wrong("4.3", "last row forgotten")
def pack_no_last(sequences, length, pad_id):
    out = pack(sequences, length, pad_id)
    return tuple(x[:-1] if len(x) > 1 else x for x in out)


def chat(
    ms,
    gen=False,
    sep="\n",
    end="\n",
    role="\n",
    prompt="<|im_start|>assistant\n",
    strip=False,
):
    out = ""
    for m in ms:
        c = m["content"].strip() if strip else m["content"]
        out += f"<|im_start|>{m['role']}{role}{c}<|im_end|>{end}"
    return out + (prompt if gen else "")


right("4.4")(
    lambda ms, g=False: (
        "".join(
            "<|im_start|>" + m["role"] + "\n" + m["content"] + "<|im_end|>\n"
            for m in ms
        )
        + g * "<|im_start|>assistant\n"
    )
)
right("4.4")(lambda ms, g=False: chat(ms, g))


@right("4.4")
def chat_lines(messages, add_generation_prompt=False):
    parts = []
    for message in messages:
        parts.extend(
            [
                "<|im_start|>",
                message["role"],
                "\n",
                message["content"],
                "<|im_end|>",
                "\n",
            ]
        )
    if add_generation_prompt:
        parts.append("<|im_start|>assistant\n")
    return "".join(parts)


wrong("4.4", "no line end after the turn")(lambda ms, g=False: chat(ms, g, end=""))
wrong("4.4", "no line end after the role")(lambda ms, g=False: chat(ms, g, role=""))
wrong("4.4", "space after the role")(lambda ms, g=False: chat(ms, g, role=" "))
wrong("4.4", "colon")(lambda ms, g=False: chat(ms, g, role=": "))
wrong("4.4", "prompt always")(lambda ms, g=False: chat(ms, True))
wrong("4.4", "prompt never")(lambda ms, g=False: chat(ms, False))
wrong("4.4", "prompt without line end")(
    lambda ms, g=False: chat(ms, g, prompt="<|im_start|>assistant")
)
wrong("4.4", "prompt closed")(
    lambda ms, g=False: chat(ms, g, prompt="<|im_start|>assistant\n<|im_end|>\n")
)
wrong("4.4", "user's turn opened")(
    lambda ms, g=False: chat(ms, g, prompt="<|im_start|>user\n")
)
wrong("4.4", "joined with line ends")(
    lambda ms, g=False: (
        "\n".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>" for m in ms)
        + ("\n<|im_start|>assistant\n" if g else "")
    )
)
wrong("4.4", "stripped")(lambda ms, g=False: chat(ms, g, strip=True))
wrong("4.4", "line end before the end mark")(
    lambda ms, g=False: chat([{**m, "content": m["content"] + "\n"} for m in ms], g)
)
wrong("4.4", "system dropped")(
    lambda ms, g=False: chat([m for m in ms if m["role"] != "system"], g)
)
wrong("4.4", "default system")(
    lambda ms, g=False: chat(
        (
            []
            if ms and ms[0]["role"] == "system"
            else [{"role": "system", "content": "You are a helpful assistant."}]
        )
        + ms,
        g,
    )
)
wrong("4.4", "contents only")(lambda ms, g=False: "\n".join(m["content"] for m in ms))
wrong("4.4", "a list")(lambda ms, g=False: [chat([m]) for m in ms])
wrong("4.4", "end of text")(lambda ms, g=False: chat(ms, g) + "<|endoftext|>")
wrong("4.4", "only the last")(lambda ms, g=False: chat(ms[-1:], g))
wrong("4.4", "reversed")(lambda ms, g=False: chat(ms[::-1], g))
wrong("4.4", "Role capitalised")(
    lambda ms, g=False: chat([{**m, "role": m["role"].title()} for m in ms], g)
)
wrong("4.4", "asked if not asked")(lambda ms, g=False: chat(ms, not g))
wrong("4.4", "wrong mark")(lambda ms, g=False: chat(ms, g).replace("im_start", "start"))
wrong("4.4", "lower case")(lambda ms, g=False: chat(ms, g).lower())
