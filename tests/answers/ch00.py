"""Answers to the exercise of chapter 0, written from its text alone."""

import numpy as np
import torch
import torch.nn.functional as F

from tools.try_answers import right, wrong

right("0.1")(lambda s: F.layer_norm(s, s.shape, eps=0.0))
right("0.1")(lambda s: (s - s.mean()) / s.var(unbiased=False) ** 0.5)
right("0.1")(
    lambda s: torch.from_numpy((s.double().numpy() - s.double().numpy().mean()) /
                               np.std(s.double().numpy())))  # fmt: skip


@right("0.1")
def loops(scores):
    values = scores.tolist()
    middle = sum(values) / len(values)
    spread = (sum((v - middle) ** 2 for v in values) / len(values)) ** 0.5
    return torch.tensor([(v - middle) / spread for v in values])


wrong("0.1", "unbiased")(lambda s: (s - s.mean()) / s.std())
wrong("0.1", "variance")(lambda s: (s - s.mean()) / s.var(correction=0))
wrong("0.1", "only centred")(lambda s: s - s.mean())
wrong("0.1", "only scaled")(lambda s: s / s.std(correction=0))
wrong("0.1", "bracket")(lambda s: s - s.mean() / s.std(correction=0))
wrong("0.1", "min-max")(lambda s: (s - s.min()) / (s.max() - s.min()))
wrong("0.1", "min-max to -1..1")(lambda s: 2 * (s - s.min()) / (s.max() - s.min()) - 1)
wrong("0.1", "norm")(lambda s: (s - s.mean()) / (s - s.mean()).norm())
wrong("0.1", "softmax")(lambda s: s.softmax(0))
wrong("0.1", "eps")(lambda s: (s - s.mean()) / (s.std(correction=0) + 0.01))
wrong("0.1", "eps of layer norm")(lambda s: F.layer_norm(s, s.shape, eps=1e-3))
wrong("0.1", "sum for mean")(lambda s: (s - s.sum()) / s.std(correction=0))
wrong("0.1", "ranks")(lambda s: s.argsort().argsort().float())
wrong("0.1", "in a list")(lambda s: ((s - s.mean()) / s.std(correction=0)).tolist())
wrong("0.1", "rms")(lambda s: s / s.square().mean().sqrt())
wrong("0.1", "clipped")(lambda s: ((s - s.mean()) / s.std(correction=0)).clamp(-1, 1))
wrong("0.1", "mean absolute")(
    lambda s: (s - s.mean()) / (s - s.mean()).abs().mean())  # fmt: skip
wrong("0.1", "nothing returned")(lambda s: None)
wrong("0.1", "keepdim")(
    lambda s: ((s - s.mean()) / s.std(correction=0))[:, None])  # fmt: skip


@wrong("0.1", "in place")
def in_place(scores):
    scores -= scores.mean()
    scores /= scores.std(correction=0)
    return scores
