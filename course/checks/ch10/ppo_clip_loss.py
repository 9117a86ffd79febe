"""Exercise 10.2: PPO's clipped loss."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import (
    draw,
    ignores_padding,
    invariant_to_padding,
    mask_of,
)


def infinite_on_padding(new, old, advantages, mask, eps):
    return new.masked_fill(~mask, torch.inf), old, advantages, mask, eps


def probes(generator: torch.Generator) -> list[Probe]:
    def call(
        lengths: list[int],
        time: int,
        per_token: bool = True,
        moved: float = 0.4,
        scale: float = 1.0,
        eps: float = 0.2,
    ):
        rows, mask = len(lengths), mask_of(lengths, time)
        old = -torch.rand(rows, time, generator=generator) * 3 - 0.1
        new = old + moved * torch.randn(rows, time, generator=generator)
        shape = (rows, time) if per_token else (rows,)
        advantages = torch.randn(shape, generator=generator) * scale
        return new, old, advantages, mask, eps

    def one(ratio: float, advantage: float):
        old = torch.tensor([[-2.0]])
        new = old + torch.tensor(ratio).log()
        return new, old, torch.tensor([[advantage]]), mask_of([1], 1), 0.2

    new, _, advantages, mask, _ = call([3, 2], 3)
    return [
        Probe("one token inside the clip", one(1.1, 1.0)),
        Probe("a good token that moved up too far", one(1.5, 1.0)),
        Probe("a good token that moved down", one(0.5, 1.0)),
        Probe("a bad token that moved up", one(1.5, -1.0)),
        Probe("a bad token that moved down too far", one(0.5, -1.0)),
        Probe("nothing has moved", (new, new.clone(), advantages, mask, 0.2)),
        Probe("padding", call([4, 1, 2], 4)),
        Probe("an advantage per completion", call([4, 2], 4, per_token=False)),
        Probe("as many as tokens", call([4, 3, 2, 4], 4, per_token=False)),
        Probe("a narrow clip", call([3, 4], 4, eps=0.05)),
        Probe("a good token outside a narrow clip", (*one(1.15, 1.0)[:4], 0.05)),
        Probe("a bad token inside a wide clip", (*one(0.6, -1.0)[:4], 0.6)),
        Probe("advantages × 100", call([3, 2, 4], 4, scale=100.0)),
        Probe("one long and three short ones", call([9, 1, 1, 1], 9)),
        Probe("infinite on padding", infinite_on_padding(*call([3, 1], 3))),
    ]


def parts(logprobs, old_logprobs, advantages, mask, clip_eps):
    """Ratio, clipped ratio and advantages, each (batch, time)."""
    ratio = (logprobs - old_logprobs.detach()).masked_fill(~mask, 0.0).exp()
    if advantages.dim() == 1:
        advantages = advantages[:, None]
    return ratio, ratio.clamp(1 - clip_eps, 1 + clip_eps), advantages.expand_as(ratio)


def mean(values: Tensor, mask: Tensor) -> Tensor:
    return values.masked_fill(~mask, 0.0).sum() / mask.sum()


@mistake("this is the objective that should grow: the loss is its negative")
def sign_lost(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho, clipped, A = parts(logprobs, old_logprobs, advantages.detach(), mask, clip_eps)
    return mean(torch.min(A * rho, A * clipped), mask)


@mistake(
    "with the minus sign inside, the pessimistic choice is the larger loss: max, not "
    "min"
)
def min_for_max(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho, clipped, A = parts(logprobs, old_logprobs, advantages.detach(), mask, clip_eps)
    return mean(torch.min(-A * rho, -A * clipped), mask)


@mistake(
    "you always use the clipped ratio: a token that went the wrong way then has no "
    "gradient that brings it back"
)
def only_clipped(logprobs, old_logprobs, advantages, mask, clip_eps):
    _, clipped, A = parts(logprobs, old_logprobs, advantages.detach(), mask, clip_eps)
    return mean(-A * clipped, mask)


@mistake("nothing is clipped: take the larger of the plain and the clipped loss")
def never_clipped(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho, _, A = parts(logprobs, old_logprobs, advantages.detach(), mask, clip_eps)
    return mean(-A * rho, mask)


@mistake(
    "exp is missing: the difference of the log-probabilities is the logarithm of the "
    "ratio"
)
def ratio_without_exp(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho, _, A = parts(logprobs, old_logprobs, advantages.detach(), mask, clip_eps)
    d = rho.log()
    return mean(torch.max(-A * d, -A * d.clamp(1 - clip_eps, 1 + clip_eps)), mask)


@mistake("you clip to [−ε, ε]: the ratio starts at 1, so clip to [1 − ε, 1 + ε]")
def around_zero(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho, _, A = parts(logprobs, old_logprobs, advantages.detach(), mask, clip_eps)
    return mean(torch.max(-A * rho, -A * rho.clamp(-clip_eps, clip_eps)), mask)


@mistake(
    "you leave out every token outside the clip: those that went the wrong way keep "
    "their loss, and those that are clipped keep their value"
)
def left_out(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho, clipped, A = parts(logprobs, old_logprobs, advantages.detach(), mask, clip_eps)
    return mean(torch.where(rho == clipped, -A * rho, 0.0), mask)


@mistake(
    "you average over padding: divide by the number of completion tokens, mask.sum()"
)
def over_padding(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho, clipped, A = parts(logprobs, old_logprobs, advantages.detach(), mask, clip_eps)
    return (torch.max(-A * rho, -A * clipped) * mask).mean()


@mistake("you ignore the mask: tokens after the end would be trained too")
def mask_ignored(logprobs, old_logprobs, advantages, mask, clip_eps):
    full = torch.ones_like(mask)
    rho, clipped, A = parts(logprobs, old_logprobs, advantages.detach(), full, clip_eps)
    return torch.max(-A * rho, -A * clipped).mean()


@mistake(
    "you average inside each completion and then over completions: here every token of "
    "the batch weighs the same"
)
def mean_of_means(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho, clipped, A = parts(logprobs, old_logprobs, advantages.detach(), mask, clip_eps)
    each = (torch.max(-A * rho, -A * clipped) * mask).sum(1)
    return (each / mask.sum(1)).mean()


@mistake(
    "a gradient flows into the advantages: they are constants of the update, so detach "
    "them"
)
def not_detached(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho, clipped, A = parts(logprobs, old_logprobs, advantages, mask, clip_eps)
    return mean(torch.max(-A * rho, -A * clipped), mask)


def slope(function, ratio: float, advantage: float) -> float:
    """The gradient with respect to the log-probability of one token."""
    old = torch.tensor([[-2.0]])
    new = (old + torch.tensor(ratio).log()).requires_grad_()
    loss = function(new, old, torch.tensor([[advantage]]), mask_of([1], 1), 0.2)
    if not getattr(loss, "requires_grad", False):
        return 0.0
    return float(torch.autograd.grad(loss, new)[0])


def stops_what_went_too_far(function) -> str | None:
    for ratio, advantage in ((1.5, 1.0), (0.5, -1.0)):
        if slope(function, ratio, advantage) != 0:
            return (
                f"a token with advantage {advantage:g} and ratio {ratio} has gone far "
                "enough: it must get no gradient; yours gives it one"
            )
    return None


def keeps_what_went_the_wrong_way(function) -> str | None:
    for ratio, advantage in ((0.5, 1.0), (1.5, -1.0)):
        if slope(function, ratio, advantage) == 0:
            return (
                f"a token with advantage {advantage:g} and ratio {ratio} went the "
                "wrong way: it must keep its gradient; yours takes it away"
            )
    return None


def example(extra: int):
    time = 4 + extra
    new, old = -draw(2, 4, seed=1).abs(), -draw(2, 4, seed=2).abs()
    rubbish = draw(2, extra, seed=3)
    return (
        torch.cat([new, rubbish], 1), torch.cat([old, 2 * rubbish], 1),
        draw(2, seed=4), mask_of([4, 3], time), 0.2,
    )  # fmt: skip


@mistake(
    "you clip the log-ratio between −ε and ε: the ratio itself is clipped, between "
    "1 − ε and 1 + ε"
)
def log_ratio_clipped(logprobs, old_logprobs, advantages, mask, clip_eps):
    gap = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0.0)
    a = advantages.detach()
    a = a[:, None] if a.dim() == 1 else a
    cut = gap.clamp(-clip_eps, clip_eps).exp()
    loss = torch.maximum(-a * gap.exp(), -a * cut)
    return (loss * mask).sum() / mask.sum()


@mistake(
    "you take the smaller ratio, then multiply by the advantage: where the advantage "
    "is negative that is the wrong side; multiply first"
)
def advantage_last(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0.0).exp()
    a = advantages.detach()
    a = a[:, None] if a.dim() == 1 else a
    small = torch.minimum(rho, rho.clamp(1 - clip_eps, 1 + clip_eps))
    return (-a * small * mask).sum() / mask.sum()


@mistake(
    "you average both losses first and take the larger mean: choose the larger one "
    "token by token"
)
def larger_mean(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho = (logprobs - old_logprobs.detach()).masked_fill(mask == 0, 0.0).exp()
    a = advantages.detach()
    a = a[:, None] if a.dim() == 1 else a
    both = -a * rho, -a * rho.clamp(1 - clip_eps, 1 + clip_eps)
    return torch.maximum(*((x * mask).sum() / mask.sum() for x in both))


@mistake("you take one ratio for a whole completion: here every token has its own")
def ratio_of_the_text(logprobs, old_logprobs, advantages, mask, clip_eps):
    gap = (logprobs - old_logprobs.detach()).masked_fill(~mask, 0.0)
    rho = gap.sum(1, keepdim=True).exp().expand_as(gap)
    _, _, A = parts(logprobs, old_logprobs, advantages.detach(), mask, clip_eps)
    return mean(torch.max(-A * rho, -A * rho.clamp(1 - clip_eps, 1 + clip_eps)), mask)


@mistake("you clip the ratio times the advantage: clip the ratio alone")
def product_clipped(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho, _, A = parts(logprobs, old_logprobs, advantages.detach(), mask, clip_eps)
    gain = A * rho
    return mean(torch.max(-gain, -gain.clamp(1 - clip_eps, 1 + clip_eps)), mask)


@mistake("your lower border is 1 / (1 + ε): it is 1 − ε")
def lower_border_inverted(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho, _, A = parts(logprobs, old_logprobs, advantages.detach(), mask, clip_eps)
    cut = rho.clamp(1 / (1 + clip_eps), 1 + clip_eps)
    return mean(torch.max(-A * rho, -A * cut), mask)


@mistake("you divide by one token too many: by mask.sum(), without a 1")
def one_token_too_many(logprobs, old_logprobs, advantages, mask, clip_eps):
    rho, clipped, A = parts(logprobs, old_logprobs, advantages.detach(), mask, clip_eps)
    loss = torch.max(-A * rho, -A * clipped).masked_fill(~mask, 0.0)
    return loss.sum() / (mask.sum() + 1)


EXERCISE = Exercise(
    number="10.2",
    title="PPO's clipped loss",
    minutes=20,
    difficulty=3,
    importance=5,
    reference="course.policy.clipping:ppo_clip_loss",
    why="These lines let one batch of texts be used for many updates without the "
    "policy running away from the one that wrote them.",
    hints=(
        "Write the loss of one token twice, with the ratio and with the clipped "
        "ratio. Which of the two is the more pessimistic one?",
        "Loss of a token = max(−A ρ, −A clip(ρ, 1 − ε, 1 + ε)), averaged over all "
        "completion tokens. Advantages of shape (batch,) need a time dimension; they "
        "and the old log-probabilities are constants.",
        "`values = torch.max(-A * ratio, -A * ratio.clamp(…))`, then "
        "`(values * mask).sum() / mask.sum()`",
    ),
    probes=probes,
    properties=(
        Property("stops what went too far", stops_what_went_too_far),
        Property("keeps what went the wrong way", keeps_what_went_the_wrong_way),
        invariant_to_padding(example, 3),
        ignores_padding(lambda: example(3), 0, 1),
    ),
    differentiable=("logprobs",),
    constant=("old_logprobs", "advantages"),
    mistakes=mistakes_in(__name__),
)
