"""Exercise 2.1: causal attention with grouped heads."""

from math import sqrt

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def qkv(b: int, h: int, k: int, t: int, s: int, d: int, scale: float = 1.0):
        queries = torch.randn(b, h, t, d, generator=generator) * scale
        keys, values = torch.randn(2, b, k, s, d, generator=generator)
        return queries, keys * scale, values

    return [
        Probe("one token", qkv(1, 1, 1, 1, 1, 2)),
        Probe("two tokens", qkv(1, 1, 1, 2, 2, 2)),
        Probe("two heads", qkv(2, 2, 2, 3, 3, 4)),
        Probe("four query heads on two key heads", qkv(1, 4, 2, 3, 3, 4)),
        Probe("six query heads on two key heads", qkv(2, 6, 2, 5, 5, 4)),
        Probe("one key head for all", qkv(1, 3, 1, 4, 4, 2)),
        Probe("one new token and four earlier ones", qkv(2, 2, 1, 1, 5, 4)),
        Probe("two new tokens and three earlier ones", qkv(1, 2, 2, 2, 5, 4)),
        Probe("scores × 100", qkv(1, 2, 2, 4, 4, 4, 10.0)),
        Probe("as many positions as components", qkv(2, 2, 2, 4, 4, 4)),
    ]


def weighted(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    diagonal: int = 0,
    scale: float | None = None,
    dim: int = -1,
) -> Tensor:
    """Attention with its decisions as switches; the defaults are right."""
    groups = queries.shape[1] // keys.shape[1]
    keys, values = (x.repeat_interleave(groups, dim=1) for x in (keys, values))
    time, seen = queries.shape[2], keys.shape[2]
    scores = queries @ keys.transpose(-1, -2) * (scale or queries.shape[-1] ** -0.5)
    past = torch.ones(time, seen, dtype=torch.bool, device=queries.device)
    visible = past.tril(seen - time + diagonal)
    return scores.masked_fill(~visible, float("-inf")).softmax(dim) @ values


@mistake(
    "there is no causal mask: every token sees the future, which is not there when the "
    "model writes"
)
def no_mask(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return weighted(queries, keys, values, diagonal=10_000)


@mistake(
    "your mask reaches one position too far: each token sees the one that it has to "
    "predict"
)
def one_ahead(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return weighted(queries, keys, values, diagonal=1)


@mistake(
    "your mask hides a token from itself: the diagonal is visible (and the first token "
    "would see nothing, which gives NaN)"
)
def strictly_before(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return weighted(queries, keys, values, diagonal=-1)


@mistake(
    "the scores are not divided by √D: with many components the softmax then saturates "
    "and learning stalls"
)
def not_scaled(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return weighted(queries, keys, values, scale=1.0)


@mistake("you divide the scores by D: divide by its square root")
def scaled_by_dimension(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return weighted(queries, keys, values, scale=1 / queries.shape[-1])


@mistake(
    "your softmax runs over the queries: each query's weights over the keys must sum "
    "to 1, so use the last dimension"
)
def softmax_over_queries(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return weighted(queries, keys, values, dim=-2)


@mistake(
    "with earlier positions in the cache the queries are the last T of S positions: "
    "move the mask's diagonal by S − T"
)
def mask_from_the_start(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return weighted(queries, keys, values, diagonal=queries.shape[2] - keys.shape[2])


@mistake("your mask is the wrong way round: it hides the past and shows the future")
def future_only(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    groups = queries.shape[1] // keys.shape[1]
    keys, values = (x.repeat_interleave(groups, dim=1) for x in (keys, values))
    time, seen = queries.shape[2], keys.shape[2]
    scores = queries @ keys.transpose(-1, -2) / sqrt(queries.shape[-1])
    future = torch.ones(time, seen, dtype=torch.bool).triu(seen - time)
    return scores.masked_fill(~future, float("-inf")).softmax(-1) @ values


@mistake(
    "you mask after the softmax: the weights no longer sum to 1; set the scores to "
    "−inf before it"
)
def masked_after_softmax(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    groups = queries.shape[1] // keys.shape[1]
    keys, values = (x.repeat_interleave(groups, dim=1) for x in (keys, values))
    time, seen = queries.shape[2], keys.shape[2]
    scores = queries @ keys.transpose(-1, -2) / sqrt(queries.shape[-1])
    return scores.softmax(-1).tril(seen - time) @ values


@mistake("you set future scores to 0, but exp(0) = 1 still gets weight: use −inf")
def zero_for_the_future(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    groups = queries.shape[1] // keys.shape[1]
    keys, values = (x.repeat_interleave(groups, dim=1) for x in (keys, values))
    time, seen = queries.shape[2], keys.shape[2]
    scores = queries @ keys.transpose(-1, -2) / sqrt(queries.shape[-1])
    return scores.tril(seen - time).softmax(-1) @ values


@mistake(
    "query head h reads key head h // (H/K): use repeat_interleave, not repeat, which "
    "deals the heads out in turn"
)
def tiled_heads(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    groups = queries.shape[1] // keys.shape[1]
    keys, values = (x.repeat(1, groups, 1, 1) for x in (keys, values))
    return weighted(queries, keys, values)


def future_changes_nothing(function) -> str | None:
    queries, keys, values = (draw(1, 2, 5, 4, seed=s) for s in (1, 2, 3))
    before = function(queries, keys, values)
    keys, values = keys.clone(), values.clone()
    keys[:, :, 3:] += 1.0
    values[:, :, 3:] -= 2.0
    change = (function(queries, keys, values) - before)[:, :, :3].abs().max()
    if float(change) < 1e-6:
        return None
    return (
        "changing positions 3 and 4 must not change the result at positions 0 to 2; "
        f"yours changed by {float(change):.2g}"
    )


def equal_values() -> tuple[Tensor, Tensor, Tensor]:
    return draw(1, 2, 4, 4, seed=1), draw(1, 1, 4, 4, seed=2), torch.ones(1, 1, 4, 4)


@mistake(
    "you take the likeliest position alone: attention is a mean over all of them, "
    "weighted by the softmax"
)
def hard(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return weighted(queries, keys, values, scale=1000.0)


@mistake(
    "all query heads read the first key head: query head h reads key head h // (H/K)"
)
def first_head(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    one, other = (x[:, :1].expand_as(x) for x in (keys, values))
    return weighted(queries, one, other)


@mistake(
    "you divide by the root of the whole width: D is the size of one head, the last "
    "dimension"
)
def scaled_by_width(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    width = queries.shape[1] * queries.shape[-1]
    return weighted(queries, keys, values, scale=width**-0.5)


@mistake(
    "a number such as −10 still leaves the future some weight: use −inf, of which the "
    "softmax makes exactly 0"
)
def not_low_enough(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    groups = queries.shape[1] // keys.shape[1]
    keys, values = (x.repeat_interleave(groups, dim=1) for x in (keys, values))
    scores = queries @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5
    time, seen = scores.shape[-2:]
    visible = torch.ones(time, seen, dtype=torch.bool).tril(seen - time)
    return scores.masked_fill(~visible, -10.0).softmax(-1) @ values


EXERCISE = Exercise(
    number="2.1",
    title="Causal attention",
    minutes=20,
    difficulty=3,
    importance=5,
    reference="course.lm.layers:causal_attention",
    why="This is the only place in a transformer where tokens talk to each other; one "
    "slip in the mask and the model cheats in training and fails in writing.",
    hints=(
        "Which keys may the last query read, and which may the first? Draw the table "
        "of queries against keys for three tokens.",
        "Repeat each key head for its group (`repeat_interleave` over dimension 1); "
        "scores = queries @ keysᵀ / √D; −inf where a key lies in the future; softmax "
        "over the keys; @ values. The T queries are the last T of S positions.",
        "`visible = torch.ones(T, S, dtype=torch.bool, device=queries.device)"
        ".tril(S - T)`, then `scores.masked_fill(~visible, …).softmax(…) @ values`.",
    ),
    probes=probes,
    properties=(
        Property("no token sees the future", future_changes_nothing),
        unchanged(
            "weights sum to 1",
            equal_values,
            lambda: tuple(
                x if place == 2 else 3 * x for place, x in enumerate(equal_values())
            ),
            "tripling queries and keys while all values are equal",
        ),
    ),
    differentiable=("queries", "keys", "values"),
    tolerance=2e-5,
    mistakes=mistakes_in(__name__),
)
