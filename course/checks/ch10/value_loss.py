"""Exercise 10.5: the clipped value loss."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, mask_of, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def call(lengths: list[int], time: int, eps: float = 0.2, scale: float = 1.0):
        rows = len(lengths)
        old, moved, returns = (
            torch.randn(rows, time, generator=generator) * scale for _ in range(3)
        )
        return old + 0.5 * moved, old, returns, mask_of(lengths, time), eps

    def one(value: float, old: float, target: float):
        numbers = (torch.tensor([[x]]) for x in (value, old, target))
        return *numbers, mask_of([1], 1), 0.2

    values, _, returns, mask, _ = call([3, 2], 3)
    return [
        Probe("one value inside the clip", one(0.1, 0.0, 1.0)),
        Probe("far towards the return", one(0.6, 0.0, 1.0)),
        Probe("far away from the return", one(-0.6, 0.0, 1.0)),
        Probe("beyond the return", one(3.0, 0.0, 1.0)),
        Probe("nothing has moved", (values, values.clone(), returns, mask, 0.2)),
        Probe("padding", call([4, 1, 2], 4)),
        Probe("as many completions as tokens", call([4, 3, 2, 4], 4)),
        Probe("a wide clip", call([3, 4], 4, eps=2.0)),
        Probe("values × 100", call([3, 2, 4], 4, scale=100.0)),
        Probe("one long and three short ones", call([9, 1, 1, 1], 9)),
    ]


def errors(values, old_values, returns, clip_eps):
    """Squared errors of the value and of the clipped value."""
    old, target = old_values.detach(), returns.detach()
    step = (values - old).clamp(-clip_eps, clip_eps)
    return (values - target) ** 2, (old + step - target) ** 2


def mean(x: Tensor, mask: Tensor) -> Tensor:
    return (x * mask).sum() / mask.sum()


@mistake("take the larger of the two errors, the pessimistic one, not the smaller")
def min_for_max(values, old_values, returns, mask, value_clip_eps):
    pair = errors(values, old_values, returns, value_clip_eps)
    return 0.5 * mean(torch.min(*pair), mask)


@mistake("the factor 1/2 is missing, which makes the gradient the error itself")
def half_missing(values, old_values, returns, mask, value_clip_eps):
    pair = errors(values, old_values, returns, value_clip_eps)
    return mean(torch.max(*pair), mask)


@mistake(
    "nothing is clipped: compare with the error of the clipped step and take the "
    "larger one"
)
def never_clipped(values, old_values, returns, mask, value_clip_eps):
    return 0.5 * mean(errors(values, old_values, returns, value_clip_eps)[0], mask)


@mistake(
    "you always use the clipped value: one that went the wrong way then gets no "
    "gradient that brings it back"
)
def only_clipped(values, old_values, returns, mask, value_clip_eps):
    return 0.5 * mean(errors(values, old_values, returns, value_clip_eps)[1], mask)


@mistake("you clip the value itself to [−ε, ε]: clip the step, v − v_old")
def around_zero(values, old_values, returns, mask, value_clip_eps):
    target = returns.detach()
    clipped = values.clamp(-value_clip_eps, value_clip_eps)
    return 0.5 * mean(torch.max((values - target) ** 2, (clipped - target) ** 2), mask)


@mistake(
    "you clip the step, v − v_old, and forget to add v_old again: the clipped value is "
    "v_old plus the clipped step"
)
def step_for_value(values, old_values, returns, mask, value_clip_eps):
    target = returns.detach()
    step = (values - old_values.detach()).clamp(-value_clip_eps, value_clip_eps)
    return 0.5 * mean(torch.max((values - target) ** 2, (step - target) ** 2), mask)


@mistake(
    "you take the larger of the two means: compare the two errors of every token, and "
    "average afterwards"
)
def larger_mean(values, old_values, returns, mask, value_clip_eps):
    pair = errors(values, old_values, returns, value_clip_eps)
    return 0.5 * torch.max(mean(pair[0], mask), mean(pair[1], mask))


@mistake(
    "you clip to v_old (1 ± ε): a value is no ratio and may be 0, so clip the "
    "difference"
)
def as_a_ratio(values, old_values, returns, mask, value_clip_eps):
    target, old = returns.detach(), old_values.detach()
    low, high = old * (1 - value_clip_eps), old * (1 + value_clip_eps)
    clipped = torch.max(torch.min(values, torch.max(low, high)), torch.min(low, high))
    return 0.5 * mean(torch.max((values - target) ** 2, (clipped - target) ** 2), mask)


@mistake(
    "you average over padding: divide by the number of completion tokens, mask.sum()"
)
def over_padding(values, old_values, returns, mask, value_clip_eps):
    pair = errors(values, old_values, returns, value_clip_eps)
    return 0.5 * (torch.max(*pair) * mask).mean()


@mistake("you ignore the mask: the critic would learn values of padding")
def mask_ignored(values, old_values, returns, mask, value_clip_eps):
    return 0.5 * torch.max(*errors(values, old_values, returns, value_clip_eps)).mean()


@mistake(
    "you average inside each completion and then over completions: here every token of "
    "the batch weighs the same"
)
def mean_of_means(values, old_values, returns, mask, value_clip_eps):
    each = torch.max(*errors(values, old_values, returns, value_clip_eps)) * mask
    return 0.5 * (each.sum(1) / mask.sum(1)).mean()


@mistake(
    "you take the absolute error: with the squared one the critic learns the mean "
    "return, with this one the median"
)
def absolute_error(values, old_values, returns, mask, value_clip_eps):
    pair = errors(values, old_values, returns, value_clip_eps)
    return 0.5 * mean(torch.max(pair[0].abs().sqrt(), pair[1].abs().sqrt()), mask)


@mistake("a gradient flows into the returns: they are the target, so detach them")
def returns_not_detached(values, old_values, returns, mask, value_clip_eps):
    step = (values - old_values.detach()).clamp(-value_clip_eps, value_clip_eps)
    clipped = old_values.detach() + step
    pair = (values - returns) ** 2, (clipped - returns) ** 2
    return 0.5 * mean(torch.max(*pair), mask)


@mistake("you detach the values, the only thing that the critic can change")
def values_detached(values, old_values, returns, mask, value_clip_eps):
    pair = errors(values.detach(), old_values, returns, value_clip_eps)
    return 0.5 * mean(torch.max(*pair), mask) + 0 * values.sum()


def slope(function, value: float) -> float:
    """Gradient with respect to a value; it was 0, and the return is 1."""
    now = torch.tensor([[value]], requires_grad=True)
    loss = function(now, torch.zeros(1, 1), torch.ones(1, 1), mask_of([1], 1), 0.2)
    if not getattr(loss, "requires_grad", False):
        return 0.0
    return float(torch.autograd.grad(loss, now)[0])


def stops_after_its_step(function) -> str | None:
    if slope(function, 0.6) == 0:
        return None
    return (
        "a value that has moved more than the clip towards its return has gone far "
        "enough: it must get no gradient; yours gives it one"
    )


def comes_back(function) -> str | None:
    if slope(function, -0.6) < -1e-3:
        return None
    return (
        "a value that moved away from its return must be pulled back; yours gets no "
        "gradient that raises it"
    )


def example(shift: float):
    parts = [draw(3, 4, seed=seed) + shift for seed in (1, 2, 3)]
    return *parts, mask_of([4, 2, 3], 4), 0.2


@mistake("you add both errors: the larger one alone counts")
def both_added(
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    mask: Tensor,
    value_clip_eps: float,
) -> Tensor:
    old, wanted = old_values.detach(), returns.detach()
    moved = old + (values - old).clamp(-value_clip_eps, value_clip_eps)
    error = (values - wanted) ** 2 + (moved - wanted) ** 2
    return 0.5 * (error * mask).sum() / mask.sum()


EXERCISE = Exercise(
    number="10.5",
    title="The clipped value loss",
    minutes=15,
    difficulty=2,
    importance=3,
    reference="course.policy.critic:value_loss",
    why="The critic decides what counts as better than expected; one that jumps about "
    "between updates turns every advantage into noise.",
    hints=(
        "The critic, too, may only take small steps. From where is a step measured, "
        "and which of two errors is the pessimistic one?",
        "Squared error of v and of v_old + clip(v − v_old, −ε, ε), each against the "
        "return; the larger of the two, halved and averaged over completion tokens. "
        "Only v has a gradient.",
        "`step = (values - old).clamp(-eps, eps)`; "
        "`worse = torch.max((values - target) ** 2, (… - target) ** 2)`; "
        "`0.5 * (worse * mask).sum() / mask.sum()`",
    ),
    probes=probes,
    properties=(
        Property("stops after its step", stops_after_its_step),
        Property("comes back", comes_back),
        unchanged(
            "invariant to a shift",
            lambda: example(0.0),
            lambda: example(3.0),
            "adding 3 to values, old values and returns",
            tolerance=1e-4,
        ),
    ),
    differentiable=("values",),
    constant=("old_values", "returns"),
    mistakes=mistakes_in(__name__),
)
