"""Exercise 10.1: the importance ratio."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import always, draw, mask_of


def probes(generator: torch.Generator) -> list[Probe]:
    def call(lengths: list[int], time: int, moved: float = 0.3, rubbish: float = 0.0):
        rows, mask = len(lengths), mask_of(lengths, time)
        old = -torch.rand(rows, time, generator=generator) * 3 - 0.1
        new = old + moved * torch.randn(rows, time, generator=generator)
        return new.masked_fill(~mask, rubbish), old.masked_fill(~mask, 0.0), mask

    one = torch.tensor([[-0.5]]), torch.tensor([[-1.5]]), mask_of([1], 1)
    spoilt = (
        torch.tensor([[-1.0, torch.nan, torch.inf], [-0.5, -2.0, torch.nan]]),
        torch.tensor([[-1.5, 1.0, -torch.inf], [-1.0, -1.0, torch.nan]]),
        mask_of([1, 2], 3),
    )
    same, _, mask = call([2, 3], 3)
    return [
        Probe("one token", one),
        Probe("two tokens", call([2], 2)),
        Probe("nothing has moved", (same, same.clone(), mask)),
        Probe("padding", call([4, 1, 2], 4)),
        Probe("rubbish on padding", call([3, 1], 3, rubbish=200.0)),
        Probe("NaN and ∞ on padding", spoilt),
        Probe("a completion of padding only", call([3, 0], 3, rubbish=1.0)),
        Probe("as many completions as tokens", call([4, 3, 2, 4], 4)),
        Probe("far from the old policy", call([4, 4], 4, moved=3.0)),
        Probe(
            "12 nats away", (torch.tensor([[-0.5]]), torch.tensor([[-12.5]]), one[2])
        ),
    ]


@mistake("this is the log-ratio: take exp of the difference")
def difference(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    return (logprobs - old_logprobs.detach()).masked_fill(~mask, 1.0)


@mistake("your ratio is upside down: the new policy stands above, the old one below")
def upside_down(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    return (old_logprobs.detach() - logprobs).masked_fill(~mask, 0.0).exp()


@mistake(
    "you divide the logarithms: the quotient of probabilities is exp of the difference "
    "of their logarithms"
)
def quotient_of_logs(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    old = old_logprobs.detach().masked_fill(~mask, 1.0)
    return logprobs.masked_fill(~mask, 1.0) / old


@mistake("on padding your ratio is 0: it must be 1, so that padding counts as unmoved")
def zero_on_padding(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    right = (logprobs - old_logprobs.detach()).masked_fill(~mask, 0.0).exp()
    return right.masked_fill(~mask, 0.0)


@mistake("you ignore the mask: the ratio of padding must be 1, whatever is there")
def mask_ignored(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    return (logprobs - old_logprobs.detach()).exp()


@mistake(
    "you mask after exp: rubbish on padding has overflowed by then and its gradient is "
    "NaN, so make the difference 0 first"
)
def masked_too_late(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, (logprobs - old_logprobs.detach()).exp(), 1.0)


@mistake(
    "a gradient flows into the old log-probabilities: they are constants, so detach "
    "them"
)
def old_not_detached(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    return (logprobs - old_logprobs).masked_fill(~mask, 0.0).exp()


@mistake("you detach the new log-probabilities, the only thing that can be trained")
def all_detached(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    return (logprobs.detach() - old_logprobs).masked_fill(~mask, 0.0).exp()


@mistake("this is the ratio of the whole completion: here every token has its own")
def of_the_sequence(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    d = (logprobs - old_logprobs.detach()).masked_fill(~mask, 0.0)
    whole = d.sum(1, keepdim=True).exp().expand_as(d)
    return torch.where(mask, whole, 1.0)


@mistake(
    "you multiply up the ratios of the tokens before: here every token has its own"
)
def running_product(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    d = (logprobs - old_logprobs.detach()).masked_fill(~mask, 0.0)
    return d.cumsum(1).exp()


@mistake(
    "1 + difference is only the beginning of exp: it is wrong as soon as the policy "
    "has moved"
)
def first_order(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    return 1 + (logprobs - old_logprobs.detach()).masked_fill(~mask, 0.0)


@mistake("your log-probabilities are in nats: raise e to the difference, not 2")
def base_two(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    return 2 ** (logprobs - old_logprobs.detach()).masked_fill(~mask, 0.0)


def unmoved() -> tuple[Tensor, Tensor, Tensor]:
    logprobs = -draw(3, 5, seed=1).abs()
    return logprobs, logprobs.clone(), mask_of([5, 2, 4], 5)


def inverse(function) -> str | None:
    new, old = -draw(2, 4, seed=2).abs(), -draw(2, 4, seed=3).abs()
    mask = mask_of([4, 3], 4)
    error = float((function(new, old, mask) * function(old, new, mask) - 1).abs().max())
    if error < 1e-4:
        return None
    return (
        "the ratio there times the ratio back must be 1 for every token; yours is off "
        f"by {error:.2g}"
    )


@mistake(
    "you limit the log-ratio: PPO clips the ratio later, in the loss, and here it "
    "stays as it is"
)
def limited(logprobs: Tensor, old_logprobs: Tensor, mask: Tensor) -> Tensor:
    gap = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0.0)
    return gap.clamp(-10, 10).exp()


EXERCISE = Exercise(
    number="10.1",
    title="The importance ratio",
    minutes=5,
    difficulty=1,
    importance=5,
    reference="course.policy.clipping:importance_ratio",
    why="It lets texts of yesterday's policy teach today's; a first ratio other than 1 "
    "is the surest sign of an error in a training loop.",
    hints=(
        "You have logarithms of two probabilities. Which operation on them gives the "
        "quotient of the probabilities?",
        "ρ = exp(l − l_old), token by token. The old log-probabilities are constants. "
        "On padding the ratio is 1: make the difference 0 there before you take exp.",
        "`d = logprobs - old_logprobs.detach()`, then "
        "`d.masked_fill(~mask.bool(), …).exp()`",
    ),
    probes=probes,
    properties=(
        always(
            "1 where nothing has moved",
            unmoved,
            lambda ratio: (ratio == 1).all(),
            "where both log-probabilities are equal the ratio must be exactly 1",
        ),
        Property("there and back is 1", inverse),
    ),
    differentiable=("logprobs",),
    constant=("old_logprobs",),
    mistakes=mistakes_in(__name__),
)
