"""Exercise 9.2: the REINFORCE loss."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, mask_of


def probes(generator: torch.Generator) -> list[Probe]:
    def call(
        lengths: list[int], time: int, per_token: bool = False, scale: float = 1.0
    ):
        rows = len(lengths)
        logprobs = -torch.rand(rows, time, generator=generator) * 3
        shape = (rows, time) if per_token else (rows,)
        advantages = torch.randn(shape, generator=generator) * scale
        return logprobs, advantages, mask_of(lengths, time)

    one = torch.tensor([[-0.5]]), torch.tensor([2.0]), mask_of([1], 1)
    logprobs, _, mask = call([2, 3], 3)
    return [
        Probe("one token", one),
        Probe("two completions", call([3, 3], 3)),
        Probe("padding", call([4, 1, 2], 4)),
        Probe("as many completions as tokens", call([4, 3, 2, 4], 4)),
        Probe("no advantage", (logprobs, torch.zeros(2), mask)),
        Probe("an advantage per token", call([4, 2], 4, per_token=True)),
        Probe("a completion of padding only", call([3, 0], 3)),
        Probe("advantages × 100", call([3, 2, 4], 4, scale=100.0)),
        Probe("one long and three short ones", call([9, 1, 1, 1], 9)),
    ]


def spread(advantages: Tensor) -> Tensor:
    """(batch,) -> (batch, 1); (batch, time) stays."""
    return advantages[:, None] if advantages.dim() == 1 else advantages


@mistake(
    "the minus sign is missing: an optimiser goes down, so this makes good completions "
    "less probable"
)
def sign_lost(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    return (spread(advantages.detach()) * logprobs * mask).sum() / mask.sum()


@mistake(
    "you average over padding: divide by the number of completion tokens, mask.sum()"
)
def over_padding(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    return -(spread(advantages.detach()) * logprobs * mask).mean()


@mistake("you ignore the mask: tokens after the end would be trained too")
def mask_ignored(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    return -(spread(advantages.detach()) * logprobs).mean()


@mistake(
    "a gradient flows into the advantages: they are constants of the update, so detach "
    "them"
)
def not_detached(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    return -(spread(advantages) * logprobs * mask).sum() / mask.sum()


@mistake(
    "you average inside each completion and then over completions: here every token of "
    "the batch weighs the same"
)
def mean_of_means(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    each = (spread(advantages.detach()) * logprobs * mask).sum(1)
    return -(each / mask.sum(1).clamp(min=1)).mean()


@mistake(
    "you sum inside each completion and average over completions: divide the sum over "
    "all tokens by their number"
)
def sequence_sums(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    return -(spread(advantages.detach()) * logprobs * mask).sum(1).mean()


@mistake("you return the sum: divide by the number of completion tokens")
def summed(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    return -(spread(advantages.detach()) * logprobs * mask).sum()


@mistake(
    "you multiply by the probability: the score-function gradient needs its logarithm, "
    "which the sampling turns into the right weight"
)
def probabilities(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    values = spread(advantages.detach()) * logprobs.exp() * mask
    return -values.sum() / mask.sum()


@mistake(
    "you centre inside each completion: a completion's own mean is not a baseline, and "
    "one advantage per completion would vanish"
)
def immediate_centred(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    each = spread(advantages.detach()).expand_as(logprobs) * mask
    centred = each - each.sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
    return -(centred * logprobs * mask).sum() / mask.sum()


@mistake("you subtract the mean of the advantages: the baseline is already in them")
def batch_centred(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    centred = advantages.detach() - advantages.detach().mean()
    return -(spread(centred) * logprobs * mask).sum() / mask.sum()


@mistake(
    "the advantages are never used: this only makes every sampled text more probable"
)
def advantages_ignored(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    return -(logprobs * mask).sum() / mask.sum()


@mistake(
    "you detach the log-probabilities, the only thing that the policy can change: "
    "detach the advantages"
)
def logprobs_detached(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    return -(spread(advantages) * logprobs.detach() * mask).sum() / mask.sum()


def climbs(function) -> str | None:
    """On a choice of three, a step down the loss makes the good choice likelier."""
    logits = torch.zeros(1, 3, requires_grad=True)
    logprobs = logits.log_softmax(-1).T  # three completions of one token
    loss = function(logprobs, torch.tensor([-1.0, -1.0, 2.0]), mask_of([1] * 3, 1))
    if not getattr(loss, "requires_grad", False):
        return "no gradient reaches the log-probabilities"
    (slope,) = torch.autograd.grad(loss, logits)
    if float(slope[0, 2]) < -1e-3:
        return None
    return (
        "a step down your loss does not make the completion with the positive "
        "advantage more probable"
    )


def linear_in_advantages(function) -> str | None:
    logprobs, mask = -draw(3, 4, seed=1).abs(), mask_of([4, 2, 3], 4)
    advantages = draw(3, seed=2)
    twice = function(logprobs, 2 * advantages, mask)
    error = float((twice - 2 * function(logprobs, advantages, mask)).abs())
    if error < 1e-4:
        return None
    return f"doubling the advantages must double the loss; yours is off by {error:.2g}"


@mistake(
    "you multiply the mean log-probability by the mean advantage: multiply token by "
    "token, then average"
)
def product_of_means(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    keep = mask.bool()
    a = advantages if advantages.dim() > 1 else advantages[:, None].expand_as(logprobs)
    return -logprobs[keep].mean() * a.detach()[keep].mean()


@mistake("you use the last token of each completion only: every token has its share")
def last_token(logprobs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    a = advantages if advantages.dim() > 1 else advantages[:, None].expand_as(logprobs)
    terms = torch.where(mask.bool(), logprobs * a.detach(), 0)
    last = (mask.long().sum(1, keepdim=True) - 1).clamp(min=0)
    return -terms.gather(1, last).mean()


EXERCISE = Exercise(
    number="9.2",
    title="The REINFORCE loss",
    minutes=15,
    difficulty=3,
    importance=5,
    reference="course.policy.losses:reinforce_loss",
    why="These two lines turn any number that people, rules or models give to a text "
    "into a gradient; PPO and GRPO only refine them.",
    hints=(
        "You cannot differentiate the reward of a sampled text. Whose logarithm can "
        "you differentiate, and how should a good text change it?",
        "Loss = −advantage · log-probability, summed over the completion tokens of "
        "the whole batch, divided by their number. Advantages of shape `(batch,)` "
        "need a time dimension; they are constants, so detach them.",
        "`values = -advantages.detach() * logprobs`, then `(values * mask).sum() / …`; "
        "before, `advantages[:, None]` where there is one per completion.",
    ),
    probes=probes,
    properties=(
        Property("makes good completions likelier", climbs),
        Property("linear in the advantages", linear_in_advantages),
    ),
    differentiable=("logprobs",),
    constant=("advantages",),
    mistakes=mistakes_in(__name__),
)
