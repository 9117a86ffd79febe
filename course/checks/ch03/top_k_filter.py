"""Exercise 3.5: top-k."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, draw, refuses

CUT = float("-inf")


def probes(generator: torch.Generator) -> list[Probe]:
    def call(*shape: int, k: int, scale: float = 1.0):
        return torch.randn(*shape, generator=generator) * scale, k

    return [
        Probe("one token", call(1, k=1)),
        Probe("the likelier of two", call(2, k=1)),
        Probe("two of four", (torch.tensor([0.5, 3.0, -1.0, 2.0]), 2)),
        Probe("a batch", call(4, 6, k=3)),
        Probe(
            "rows of different size", (draw(3, 5) * torch.tensor([[1], [9], [50]]), 2)
        ),
        Probe("a batch of texts", call(2, 3, 5, k=2)),
        Probe("all tokens", call(2, 4, k=4)),
        Probe("more than there are", call(2, 4, k=9)),
        Probe("negative logits", (-draw(3, 7).abs() - 5, 3)),
        Probe("logits × 100", call(5, 8, k=3, scale=100.0)),
    ]


def kth(logits: Tensor, k: int) -> Tensor:
    return logits.topk(min(k, logits.shape[-1])).values[..., -1:]


@mistake("the k-th token is cut as well: only logits strictly below it go")
def kth_dropped(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits <= kth(logits, k), CUT)


@mistake("you keep one token too many: the threshold is the k-th largest logit")
def one_too_many(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits < kth(logits, k + 1), CUT)


@mistake("you keep the least likely tokens: the largest logits must stay")
def least_likely(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits > -kth(-logits, k), CUT)


@mistake("you keep the first k tokens of the vocabulary: it is the k largest logits")
def first_k(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(torch.arange(logits.shape[-1]) >= k, CUT)


@mistake("a cut logit must be −inf: 0 is an ordinary logit, often a likely one")
def zero(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits < kth(logits, k), 0.0)


@mistake("these are probabilities: return logits, the softmax comes later")
def probabilities(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits < kth(logits, k), CUT).softmax(-1)


@mistake(
    "you return the k largest values: the result has the shape of the logits, with "
    "each token at its place"
)
def values_only(logits: Tensor, k: int) -> Tensor:
    return logits.topk(min(k, logits.shape[-1])).values


@mistake("you keep k tokens of the whole batch: each row keeps its own k")
def over_the_batch(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits < kth(logits.flatten(), k), CUT)


@mistake("all rows share one threshold: each row has its own k-th largest logit")
def one_threshold(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits < kth(logits, k).min(), CUT)


EXERCISE = Exercise(
    number="3.5",
    title="Top-k",
    minutes=10,
    difficulty=2,
    importance=3,
    reference="course.lm.sampling:top_k_filter",
    why="With k = 1 it is greedy decoding, and with a larger k the oldest cure for a "
    "tail of nonsense.",
    hints=(
        "What is the smallest logit that may stay, and which logits are below it?",
        "topk gives each row's k largest logits in falling order; the last one is the "
        "row's threshold. Put −inf on everything below it, and mind a k that is larger "
        "than the vocabulary.",
        "`lowest = logits.topk(min(k, …)).values[..., -1:]`, then "
        '`logits.masked_fill(logits < …, float("-inf"))`',
    ),
    probes=probes,
    properties=(
        refuses("top-k 0", lambda: (draw(4), 0)),
        always(
            "k tokens stay in every row",
            lambda: (draw(6, 9, seed=2), 4),
            lambda z: z.isfinite().sum(-1).tolist() == [4] * 6,
            "with k = 4 every row must keep exactly 4 tokens",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
