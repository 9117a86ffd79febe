"""Exercise 10.3: generalised advantage estimation."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, invariant_to_padding, mask_of


def probes(generator: torch.Generator) -> list[Probe]:
    def call(
        lengths: list[int], time: int, gamma: float, lam: float, scale: float = 1.0
    ):
        rewards, values = (
            torch.randn(len(lengths), time, generator=generator) * scale
            for _ in range(2)
        )
        return rewards, values, mask_of(lengths, time), gamma, lam

    one = torch.tensor([[2.0]]), torch.tensor([[0.5]]), mask_of([1], 1), 0.9, 0.8
    two = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.6]]), mask_of([2], 2)
    return [
        Probe("one token", one),
        Probe("two tokens", (*two, 1.0, 0.5)),
        Probe("two tokens, lambda 0", (*two, 0.9, 0.0)),
        Probe("lambda 1", call([4, 4], 4, 1.0, 1.0)),
        Probe("gamma 0", call([3], 3, 0.0, 0.95)),
        Probe("padding", call([4, 2, 3], 4, 0.9, 0.8)),
        Probe("a row of padding only", call([3, 0], 3, 0.9, 0.8)),
        Probe("as many rows as tokens", call([4, 3, 2, 1], 4, 0.5, 0.7)),
        Probe("numbers × 100", call([6, 5], 6, 0.99, 0.95, 100.0)),
    ]


def trace(delta: Tensor, factor: float) -> Tensor:
    """A_t = delta_t + factor A_{t+1}, backwards."""
    found = [torch.zeros_like(delta[:, 0])]
    for t in reversed(range(delta.shape[1])):
        found.append(delta[:, t] + factor * found[-1])
    return torch.stack(found[:0:-1], dim=1)


def following(values: Tensor) -> Tensor:
    """The next value of every token, 0 after the last column."""
    return F.pad(values[:, 1:], (0, 1))


@mistake("you ignore the mask: rewards and values on padding flow into the advantages")
def mask_ignored(rewards, values, mask, gamma, lam):
    return trace(rewards + gamma * following(values) - values, gamma * lam)


@mistake(
    "you mask at the end, when padding has already flowed into the advantages: set "
    "rewards and values to 0 there first"
)
def masked_at_the_end(rewards, values, mask, gamma, lam):
    return mask_ignored(rewards, values, mask, gamma, lam) * mask


@mistake("you ignore lambda: this is lambda = 1, the return minus the value")
def lam_one(rewards, values, mask, gamma, lam):
    return mask_ignored(rewards * mask, values * mask, mask, gamma, 1.0) * mask


@mistake("these are the one-step errors δ: later ones count too, each γ λ times less")
def lam_zero(rewards, values, mask, gamma, lam):
    return mask_ignored(rewards * mask, values * mask, mask, gamma, 0.0) * mask


@mistake("the next advantage is multiplied by γ λ, not by λ alone")
def gamma_missing_in_the_trace(rewards, values, mask, gamma, lam):
    r, v = rewards * mask, values * mask
    return trace(r + gamma * following(v) - v, lam) * mask


@mistake("the next value is discounted too: δ = r + γ V_next − V")
def gamma_missing_in_delta(rewards, values, mask, gamma, lam):
    r, v = rewards * mask, values * mask
    return trace(r + following(v) - v, gamma * lam) * mask


@mistake(
    "you do not subtract the value of the state itself: an advantage is what came "
    "beyond what was expected"
)
def own_value_missing(rewards, values, mask, gamma, lam):
    r, v = rewards * mask, values * mask
    return trace(r + gamma * following(v), gamma * lam) * mask


@mistake("the next value is missing: δ = r + γ V_next − V")
def next_value_missing(rewards, values, mask, gamma, lam):
    r, v = rewards * mask, values * mask
    return trace(r - v, gamma * lam) * mask


@mistake(
    "after the last token nothing follows: the next value is 0 there, not the last "
    "value again"
)
def last_value_kept(rewards, values, mask, gamma, lam):
    r, v = rewards * mask, values * mask
    last = mask & ~F.pad(mask[:, 1:], (0, 1))
    after = torch.where(last, v, following(v))
    return trace(r + gamma * after - v, gamma * lam) * mask


@mistake("you sum the past: an advantage looks forward, so go through time backwards")
def forwards(rewards, values, mask, gamma, lam):
    r, v = rewards * mask, values * mask
    delta = r + gamma * following(v) - v
    return trace(delta.flip(1), gamma * lam).flip(1) * mask


@mistake("these are the returns, advantages plus values: leave out the values")
def returns(rewards, values, mask, gamma, lam):
    right = mask_ignored(rewards * mask, values * mask, mask, gamma, lam)
    return (right + values) * mask


@mistake("you subtract the mean: whitening is a step of its own, after this one")
def centred(rewards, values, mask, gamma, lam):
    right = mask_ignored(rewards * mask, values * mask, mask, gamma, lam) * mask
    return (right - right.sum() / mask.sum()) * mask


def with_lambda_one_it_is_return_minus_value(function) -> str | None:
    rewards, values = draw(3, 5, seed=1), draw(3, 5, seed=2)
    found = function(rewards, values, mask_of([5, 5, 5], 5), 1.0, 1.0)
    to_go = rewards.flip(1).cumsum(1).flip(1)
    error = float((found - (to_go - values)).abs().max())
    if error < 1e-4:
        return None
    return (
        "with gamma and lambda 1 every advantage must be the return minus the value; "
        f"yours is off by {error:.2g}"
    )


def right_values_leave_nothing(function) -> str | None:
    rewards = draw(2, 4, seed=3)
    values = rewards.flip(1).cumsum(1).flip(1)  # the returns themselves
    found = function(rewards, values, mask_of([4, 4], 4), 1.0, 0.7)
    error = float(found.abs().max())
    if error < 1e-4:
        return None
    return (
        "where every value is the return that follows, no advantage is left; yours "
        f"has one of {error:.2g}"
    )


def padded(extra: int) -> tuple[Tensor, Tensor, Tensor, float, float]:
    rubbish = draw(2, extra, seed=6)
    rewards = torch.cat([draw(2, 4, seed=4), rubbish], 1)
    values = torch.cat([draw(2, 4, seed=5), rubbish], 1)
    return rewards, values, mask_of([4, 3], 4 + extra), 0.9, 0.8


@mistake(
    "you take the value before: after token t comes the state that values[:, t + 1] "
    "judges"
)
def value_before(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> Tensor:
    keep = mask.bool()
    r, v = (torch.where(keep, x, 0).detach() for x in (rewards, values))
    before = torch.cat([torch.zeros_like(v[:, :1]), v[:, :-1]], 1)
    out, run = torch.zeros_like(r), torch.zeros_like(r[:, 0])
    for t in reversed(range(r.shape[1])):
        run = r[:, t] + gamma * before[:, t] - v[:, t] + gamma * lam * run
        out[:, t] = run
    return out * mask


@mistake(
    "roll brings the first value back in behind the last: V is 0 after the last token"
)
def rolled(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> Tensor:
    keep = mask.bool()
    r, v = (torch.where(keep, x, 0).detach() for x in (rewards, values))
    after = v.roll(-1, 1)
    out, run = torch.zeros_like(r), torch.zeros_like(r[:, 0])
    for t in reversed(range(r.shape[1])):
        run = r[:, t] + gamma * after[:, t] - v[:, t] + gamma * lam * run
        out[:, t] = run
    return out * mask


def masked_errors(rewards, values, mask, gamma, lam, after):
    """The advantages with another next value, the errors on padding 0."""
    r, v = (torch.where(mask, x, 0).detach() for x in (rewards, values))
    return trace((r + gamma * after(v) - v) * mask, gamma * lam) * mask


@mistake("the value of the token before stands where that of the next one belongs")
def value_of_the_past(rewards, values, mask, gamma, lam):
    return masked_errors(
        rewards, values, mask, gamma, lam, lambda v: F.pad(v[:, :-1], (1, 0))
    )


@mistake("behind the last column comes the first value again: V is 0 after the end")
def first_value_again(rewards, values, mask, gamma, lam):
    return masked_errors(rewards, values, mask, gamma, lam, lambda v: v.roll(-1, 1))


@mistake("in a row without padding the last value follows itself: after it V is 0")
def last_column_kept(rewards, values, mask, gamma, lam):
    return masked_errors(
        rewards, values, mask, gamma, lam, lambda v: torch.cat([v[:, 1:], v[:, -1:]], 1)
    )


@mistake("this is the discounted sum of the rewards: the values have no effect")
def without_a_critic(rewards, values, mask, gamma, lam):
    return trace(torch.where(mask, rewards, 0).detach(), gamma) * mask


@mistake("your loop leaves out the last column: it has an advantage, too")
def last_column_left_out(rewards, values, mask, gamma, lam):
    r, v = (torch.where(mask, x, 0).detach() for x in (rewards, values))
    delta = (r + gamma * following(v) - v)[:, :-1]
    if not delta.shape[1]:
        return torch.zeros_like(v)
    return F.pad(trace(delta, gamma * lam), (0, 1)) * mask


EXERCISE = Exercise(
    number="10.3",
    title="Generalised advantage estimation",
    minutes=20,
    difficulty=3,
    importance=4,
    reference="course.policy.critic:gae_advantages",
    why="One number, lambda, chooses between trusting the texts (noisy) and trusting "
    "the critic (wrong at first); the recursion is one line.",
    hints=(
        "How surprised is the critic after one token: what it expected before, against "
        "what came plus what it expects now? And what of later surprises?",
        "δ_t = r_t + γ V_{t+1} − V_t with V = 0 after the last token; "
        "A_t = δ_t + γ λ A_{t+1}. Set rewards and values on padding to 0 first.",
        "`delta = rewards[:, t] + gamma * next_value - values[:, t]`; "
        "`following = delta + … * following`; then `next_value = values[:, t]`",
    ),
    probes=probes,
    properties=(
        Property(
            "lambda 1 is return minus value", with_lambda_one_it_is_return_minus_value
        ),
        Property("right values leave nothing", right_values_leave_nothing),
        invariant_to_padding(padded, 3),
    ),
    constant=("rewards", "values"),
    mistakes=mistakes_in(__name__),
)
