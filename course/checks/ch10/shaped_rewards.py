"""Exercise 10.4: rewards shaped by the KL."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, ignores_padding, mask_of


def probes(generator: torch.Generator) -> list[Probe]:
    def call(lengths: list[int], time: int, beta: float, scale: float = 1.0):
        rows, mask = len(lengths), mask_of(lengths, time)
        old, ref = (
            -torch.rand(rows, time, generator=generator) * 3 * scale for _ in range(2)
        )
        return torch.randn(rows, generator=generator), old, ref, mask, beta

    one = torch.tensor([2.0]), torch.tensor([[-1.0]]), torch.tensor([[-1.5]])
    _, old, _, mask, _ = call([3, 2], 3, 0.1)
    return [
        Probe("one token", (*one, mask_of([1], 1), 0.1)),
        Probe("two tokens", call([2], 2, 0.5)),
        Probe("no penalty", call([3, 2], 3, 0.0)),
        Probe("the reference itself", (draw(2), old, old.clone(), mask, 0.3)),
        Probe("padding", call([4, 1, 2], 4, 0.3)),
        Probe("as many completions as tokens", call([4, 3, 2, 1], 4, 0.2)),
        Probe("beta 3", call([3, 3], 3, 3.0)),
        Probe("far from the reference", call([6, 4], 6, 0.1, 20.0)),
    ]


def last(mask: Tensor) -> Tensor:
    """True on the last completion token of each row: (batch, time)."""
    return torch.arange(mask.shape[1]) == mask.sum(1, keepdim=True) - 1


def build(scores, penalty, mask) -> Tensor:
    return ((penalty + last(mask) * scores[:, None]) * mask).detach()


@mistake(
    "you put the score into the last column: for a short completion that is padding; "
    "its last token is at mask.sum(1) − 1"
)
def last_column(scores, old_logprobs, ref_logprobs, mask, beta):
    rewards = -beta * (old_logprobs - ref_logprobs) * mask
    rewards[:, -1] += scores
    return rewards


@mistake(
    "every token gets the whole score: only the last one does, and what the others "
    "deserve is worked out later"
)
def on_every_token(scores, old_logprobs, ref_logprobs, mask, beta):
    return (scores[:, None] - beta * (old_logprobs - ref_logprobs)) * mask


@mistake("the score comes with the last token, when the text is complete")
def on_the_first(scores, old_logprobs, ref_logprobs, mask, beta):
    rewards = -beta * (old_logprobs - ref_logprobs) * mask
    rewards[:, 0] += scores
    return rewards


@mistake(
    "your penalty is a bonus: a token that the policy likes more than the reference "
    "does must cost something"
)
def sign_flipped(scores, old_logprobs, ref_logprobs, mask, beta):
    return build(scores, beta * (old_logprobs - ref_logprobs), mask)


@mistake("the penalty is missing: every token costs beta times its log-ratio")
def without_penalty(scores, old_logprobs, ref_logprobs, mask, beta):
    return build(scores, torch.zeros_like(old_logprobs), mask)


@mistake("beta is missing: it is the price of one nat")
def without_beta(scores, old_logprobs, ref_logprobs, mask, beta):
    return build(scores, -(old_logprobs - ref_logprobs), mask)


@mistake("beta multiplies the log-ratio only, not the score")
def beta_on_all(scores, old_logprobs, ref_logprobs, mask, beta):
    return beta * build(scores, -(old_logprobs - ref_logprobs), mask)


@mistake(
    "you take the absolute value: a token that the policy likes less than the "
    "reference earns something back, or the sum is no KL"
)
def absolute(scores, old_logprobs, ref_logprobs, mask, beta):
    return build(scores, -beta * (old_logprobs - ref_logprobs).abs(), mask)


@mistake(
    "the sum is right, but every token must pay for itself, when it is written; you "
    "charge all of it to the last one"
)
def whole_penalty_at_the_end(scores, old_logprobs, ref_logprobs, mask, beta):
    D = ((old_logprobs - ref_logprobs) * mask).sum(1)
    return build(scores - beta * D, torch.zeros_like(old_logprobs), mask)


@mistake(
    "you put the score behind the last token, outside the mask: the last one is at "
    "mask.sum(1) − 1"
)
def after_the_end(scores, old_logprobs, ref_logprobs, mask, beta):
    penalty = -beta * (old_logprobs - ref_logprobs) * mask
    after = torch.arange(mask.shape[1]) == mask.sum(1, keepdim=True)
    return penalty + after * scores[:, None]


@mistake("you ignore the mask: padding has no reward")
def mask_ignored(scores, old_logprobs, ref_logprobs, mask, beta):
    penalty = -beta * (old_logprobs - ref_logprobs)
    return penalty + last(mask) * scores[:, None]


@mistake("this is k3: in a reward the plain log-ratio has the right gradient")
def third_estimator(scores, old_logprobs, ref_logprobs, mask, beta):
    d = old_logprobs - ref_logprobs
    return build(scores, -beta * (torch.expm1(-d) + d), mask)


@mistake("you divide the penalty by the length: a long text would be cheap")
def per_token(scores, old_logprobs, ref_logprobs, mask, beta):
    length = mask.sum(1, keepdim=True)
    return build(scores, -beta * (old_logprobs - ref_logprobs) / length, mask)


def given() -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
    old, ref = -draw(2, 4, seed=5).abs(), -draw(2, 4, seed=6).abs()
    return draw(2), old, ref, mask_of([4, 2], 4), 0.4


def adds_up(function) -> str | None:
    old, ref, scores = -draw(3, 5, seed=1).abs(), -draw(3, 5, seed=2).abs(), draw(3)
    mask = mask_of([5, 2, 4], 5)
    D = ((old - ref) * mask).sum(1)
    found = function(scores, old, ref, mask, 0.4).sum(1)
    error = float((found - (scores - 0.4 * D)).abs().max())
    if error < 1e-4:
        return None
    return (
        "the rewards of a text must add up to its score minus beta times its summed "
        f"log-ratio; yours are off by {error:.2g}"
    )


def only_the_last_knows_the_score(function) -> str | None:
    old, ref, mask = draw(2, 4, seed=3), draw(2, 4, seed=4), mask_of([4, 2], 4)
    one, other = (
        function(torch.full((2,), s), old, ref, mask, 0.4) for s in (0.0, 1.0)
    )
    moved = (other - one).abs() > 1e-6
    if torch.equal(moved, last(mask)):
        return None
    return (
        "another score must change the reward of the last completion token and of no "
        "other one"
    )


@mistake(
    "you put the score on the last column: shorter completions end earlier, and lose "
    "theirs"
)
def last_column_only(
    scores: Tensor,
    old_logprobs: Tensor,
    ref_logprobs: Tensor,
    mask: Tensor,
    beta: float,
) -> Tensor:
    keep = mask.bool()
    out = torch.where(keep, -beta * (old_logprobs - ref_logprobs), 0).detach()
    out[:, -1] += scores.detach()
    return torch.where(keep, out, 0)


@mistake("on the last token the score takes the place of the price: it is added to it")
def score_replaces(
    scores: Tensor,
    old_logprobs: Tensor,
    ref_logprobs: Tensor,
    mask: Tensor,
    beta: float,
) -> Tensor:
    keep = mask.bool()
    out = torch.where(keep, -beta * (old_logprobs - ref_logprobs), 0).detach()
    after = torch.cat([keep[:, 1:], torch.zeros_like(keep[:, :1])], 1)
    return torch.where(keep & ~after, scores.detach()[:, None], out)


@mistake("you share the score out over the tokens: it is paid once, on the last one")
def score_shared(
    scores: Tensor,
    old_logprobs: Tensor,
    ref_logprobs: Tensor,
    mask: Tensor,
    beta: float,
) -> Tensor:
    keep = mask.bool()
    out = torch.where(keep, -beta * (old_logprobs - ref_logprobs), 0).detach()
    each = scores.detach() / keep.sum(1).clamp(min=1)
    return out + keep * each[:, None]


@mistake("this is k2, half the square: in a reward the plain log-ratio is right")
def second_estimator(scores, old_logprobs, ref_logprobs, mask, beta):
    return build(scores, -beta * (old_logprobs - ref_logprobs).square() / 2, mask)


@mistake(
    "you weight the log-ratio by the probability of the token: it was drawn with that "
    "probability, which is weight enough"
)
def weighted_twice(scores, old_logprobs, ref_logprobs, mask, beta):
    D = old_logprobs.exp() * (old_logprobs - ref_logprobs)
    return build(scores, -beta * D, mask)


@mistake("you add the penalties up along the text: every token pays for itself alone")
def running_penalty(scores, old_logprobs, ref_logprobs, mask, beta):
    D = (old_logprobs - ref_logprobs).masked_fill(~mask, 0.0)
    return build(scores, -beta * D.cumsum(1), mask)


@mistake("these are the rewards still to come: here each token gets its own reward")
def rewards_to_go(scores, old_logprobs, ref_logprobs, mask, beta):
    own = build(scores, -beta * (old_logprobs - ref_logprobs), mask)
    return own.flip(1).cumsum(1).flip(1) * mask


@mistake("your penalty is in bits: log-probabilities are in nats, so leave out ln 2")
def penalty_in_bits(scores, old_logprobs, ref_logprobs, mask, beta):
    D = (old_logprobs - ref_logprobs) / torch.log(torch.tensor(2.0))
    return build(scores, -beta * D, mask)


EXERCISE = Exercise(
    number="10.4",
    title="Rewards shaped by the KL",
    minutes=15,
    difficulty=2,
    importance=5,
    reference="course.policy.advantages:shaped_rewards",
    why="The penalty is the leash that keeps a policy near a model of language; a "
    "score on the wrong token, or outside the mask, teaches nothing.",
    hints=(
        "What does every token cost, and which single token also earns something?",
        "r_t = −β (l_old − l_ref), plus the score where t is the last completion "
        "token: position mask.sum(1) − 1. On padding the reward is 0.",
        "`position = torch.arange(T, device=mask.device)`, "
        "`is_last = position == mask.sum(1, keepdim=True) - 1`, then "
        "`(penalty + is_last * …).masked_fill(…)`",
    ),
    probes=probes,
    properties=(
        Property("adds up to score minus penalty", adds_up),
        Property("only the last token knows the score", only_the_last_knows_the_score),
        ignores_padding(given, 1, 2),
    ),
    constant=("scores", "old_logprobs", "ref_logprobs"),
    mistakes=mistakes_in(__name__),
)
