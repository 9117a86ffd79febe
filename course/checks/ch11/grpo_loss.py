"""Exercise 11.4: the GRPO loss."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import draw, mask_of


def probes(generator: torch.Generator) -> list[Probe]:
    def call(
        lengths: list[int],
        time: int,
        beta: float = 0.1,
        clip_eps: float = 0.2,
        moved: float = 0.5,
        scale: float = 1.0,
    ):
        shape = len(lengths), time
        old = -torch.rand(shape, generator=generator) * 3
        new = old + moved * torch.randn(shape, generator=generator)
        ref = old + 0.5 * torch.randn(shape, generator=generator)
        advantages = scale * torch.randn(len(lengths), generator=generator)
        return new, old, ref, advantages, mask_of(lengths, time), beta, clip_eps

    one = [torch.tensor([[x]]) for x in (-0.5, -1.0, -0.8)]
    return [
        Probe("one token", (*one, torch.tensor([2.0]), mask_of([1], 1), 0.0, 0.2)),
        Probe("one bad token", (*one, torch.tensor([-2.0]), mask_of([1], 1), 0.0, 0.2)),
        Probe("one token and a penalty",
              (*one, torch.tensor([0.0]), mask_of([1], 1), 0.5, 0.2)),
        Probe("nothing has moved yet", call([3, 3], 3, beta=0.0, moved=0.0)),
        Probe("two completions", call([3, 3], 3)),
        Probe("padding", call([4, 1, 2], 4)),
        Probe("as many completions as tokens", call([4, 3, 2, 4], 4)),
        Probe("without a penalty", call([4, 2, 3], 4, beta=0.0)),
        Probe("a narrow clip", call([4, 2, 3], 4, clip_eps=0.05)),
        Probe("advantages × 100", call([3, 2, 4], 4, scale=100.0)),
        Probe("one long and three short ones", call([9, 1, 1, 1], 9)),
    ]  # fmt: skip


def grpo(
    logprobs: Tensor,
    old: Tensor,
    ref: Tensor,
    A: Tensor,
    mask: Tensor,
    beta: float,
    eps: float,
    *,
    smaller=torch.min,
    kl=lambda d: torch.expm1(-d) + d,
    clip=lambda ratio, eps: ratio.clamp(1 - eps, 1 + eps),
    join=lambda values, mask: (values * mask).sum() / mask.sum(),
) -> Tensor:
    """The right loss, unless one of its parts is replaced."""
    ratio = (logprobs - old.detach()).exp()
    A = A.detach()[:, None]
    gain = smaller(A * ratio, A * clip(ratio, eps))
    return join(-gain + beta * kl(logprobs - ref.detach()), mask)


def variant(**parts):
    """The right loss with other parts."""

    def function(
        logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps
    ):
        return grpo(
            logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps,
            **parts,
        )  # fmt: skip

    return function


@mistake(
    "an optimiser goes down, so the gain needs a minus sign: yours makes good "
    "completions less probable"
)
def sign_lost(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    return grpo(logprobs, old_logprobs, ref_logprobs, -advantages, mask, beta, clip_eps)


@mistake(
    "your ratio compares with the reference: it compares with the policy that wrote "
    "the texts, old_logprobs"
)
def ratio_to_reference(
    logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps
):
    return grpo(logprobs, ref_logprobs, ref_logprobs, advantages, mask, beta, clip_eps)


@mistake(
    "your penalty holds the policy to the one that wrote the texts: it has to hold it "
    "to the reference"
)
def penalty_to_old(
    logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps
):
    return grpo(logprobs, old_logprobs, old_logprobs, advantages, mask, beta, clip_eps)


@mistake(
    "your k3 has d reversed: d is the policy's log-probability minus the reference's, "
    "and k3 is exp(−d) − 1 + d"
)
def k3_reversed(logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps):
    return grpo(
        logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps,
        kl=lambda d: torch.expm1(d) - d,
    )  # fmt: skip


@mistake(
    "you detach the penalty: it costs something but pushes nothing, so let its "
    "gradient flow into logprobs"
)
def penalty_detached(
    logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps
):
    return grpo(
        logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps,
        kl=lambda d: (torch.expm1(-d) + d).detach(),
    )  # fmt: skip


def seq_mean(values: Tensor, mask: Tensor) -> Tensor:
    return ((values * mask).sum(1) / mask.sum(1)).mean()


def first_gradient(function) -> str | None:
    """Where nothing has moved, the gradient is that of REINFORCE."""
    mask, A = mask_of([4, 2, 3], 4), draw(3, seed=2)
    logprobs = -draw(3, 4, seed=1).abs()
    moving = logprobs.clone().requires_grad_()
    loss = function(moving, logprobs, logprobs, A, mask, 0.0, 0.2)
    if not getattr(loss, "requires_grad", False):
        return "no gradient reaches the log-probabilities"
    (slope,) = torch.autograd.grad(loss, moving)
    error = float((slope + A[:, None] * mask / mask.sum()).abs().max())
    if error < 1e-5:
        return None
    return (
        "before anything has moved every ratio is 1, and the gradient must be that of "
        f"REINFORCE, −A / number of tokens; yours is off by {error:.2g}"
    )


def beyond_the_clip(function) -> str | None:
    """A good token that is already half as likely again gets no further push."""
    old, mask = torch.full((1, 1), -1.0), mask_of([1], 1)
    moving = (old + 0.4).requires_grad_()
    loss = function(moving, old, old, torch.ones(1), mask, 0.0, 0.2)
    (slope,) = torch.autograd.grad(loss, moving, allow_unused=True)
    if slope is None or float(slope.abs()) < 1e-6:
        return None
    return (
        "a good token whose ratio is beyond 1 + clip_eps must get no gradient; yours "
        f"gets {float(slope):.2g}"
    )


the_larger_of_the_two = mistake(
    "you take the larger gain: the smaller one is the cautious one, which stops a push "
    "that has gone far enough"
)(variant(smaller=torch.max))
clipped_only = mistake(
    "you always use the clipped ratio: a token that moved the wrong way would lose the "
    "gradient that brings it back"
)(variant(smaller=lambda plain, clipped: clipped))
never_clipped = mistake(
    "nothing is clipped: a good token is pushed on however far it has gone"
)(variant(smaller=lambda plain, clipped: plain))
upper_end_at_one = mistake("your upper end of the clip is 1: it is 1 + clip_eps")(
    variant(clip=lambda ratio, eps: ratio.clamp(1 - eps, 1.0))
)
clipped_around_zero = mistake(
    "you clip to ±clip_eps: the ratio starts at 1, so clip it to 1 ± clip_eps"
)(variant(clip=lambda ratio, eps: ratio.clamp(-eps, eps)))
penalty_forgotten = mistake("the penalty is missing: add beta · k3 to every token")(
    variant(kl=lambda d: 0 * d)
)
penalty_subtracted = mistake(
    "you subtract the penalty from the loss: that pays the policy for leaving the "
    "reference"
)(variant(kl=lambda d: -(torch.expm1(-d) + d)))
k1_in_the_loss = mistake(
    "your penalty is k1, whose gradient in a loss is zero on average: use k3 = exp(−d) "
    "− 1 + d"
)(variant(kl=lambda d: d))
mean_of_the_sequences_means = mistake(
    "you average inside each completion first: here every token of the batch weighs "
    "the same"
)(variant(join=seq_mean))
averages_over_padding = mistake(
    "you average over padding: divide by the number of completion tokens, mask.sum()"
)(variant(join=lambda values, mask: (values * mask).mean()))
mask_ignored = mistake(
    "you ignore the mask: tokens after the end would be trained too"
)(variant(join=lambda values, mask: values.mean()))


with_k2 = mistake(
    "you pay k2, half the squared gap: the text asks for k3, e^(−d) − 1 + d"
)(variant(kl=lambda d: d.square() / 2))


def apart(penalty):
    """The gain as it should be, and another penalty(new, old, ref, mask)."""

    def function(
        logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps
    ):
        gain = grpo(
            logprobs, old_logprobs, ref_logprobs, advantages, mask, 0.0, clip_eps
        )
        three = logprobs, old_logprobs.detach(), ref_logprobs.detach()
        return gain + beta * penalty(*(x.masked_fill(~mask, 0) for x in three), mask)

    return function


def k3(d: Tensor) -> Tensor:
    return torch.expm1(-d) + d


kl_of_texts = mistake(
    "you add the KL of a text up and average over texts: it is paid per token, in the "
    "same mean as the rest"
)(apart(lambda new, old, ref, mask: k3(new - ref).sum(1).mean()))
constant_penalty = mistake(
    "your penalty compares the old policy with the reference, which is a constant: it "
    "has to hold the policy that learns"
)(apart(lambda new, old, ref, mask: k3(old - ref).sum() / mask.sum()))
penalty_over_padding = mistake(
    "you average the penalty over padding, too: divide it by mask.sum()"
)(apart(lambda new, old, ref, mask: k3(new - ref).mean()))
log_ratio_clipped = mistake(
    "you clip the logarithm of the ratio to ±clip_eps: clip the ratio to 1 ± clip_eps"
)(variant(clip=lambda ratio, eps: ratio.log().clamp(-eps, eps).exp()))
upper_end_doubled = mistake(
    "your upper end of the clip is too high: it is 1 + clip_eps"
)(variant(clip=lambda ratio, eps: ratio.clamp(1 - eps, 1 + 2 * eps)))


@mistake("this is REINFORCE: the gain is advantage times ratio, not log-probability")
def without_ratio(
    logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps
):
    d = logprobs - ref_logprobs.detach()
    loss = -logprobs * advantages.detach()[:, None] + beta * (torch.expm1(-d) + d)
    return (loss * mask).sum() / mask.sum()


@mistake("you take one ratio for a whole completion: here every token has its own")
def ratio_of_the_text(
    logprobs, old_logprobs, ref_logprobs, advantages, mask, beta, clip_eps
):
    gap = (logprobs - old_logprobs.detach()).masked_fill(~mask, 0.0)
    moved = gap.sum(1, keepdim=True).exp().expand_as(gap)
    A, d = advantages.detach()[:, None], logprobs - ref_logprobs.detach()
    gain = torch.min(A * moved, A * moved.clamp(1 - clip_eps, 1 + clip_eps))
    loss = -gain + beta * (torch.expm1(-d) + d)
    return (loss * mask).sum() / mask.sum()


EXERCISE = Exercise(
    number="11.4",
    title="The GRPO loss",
    minutes=20,
    difficulty=3,
    importance=5,
    reference="course.policy.clipping:grpo_loss",
    why="This is the loss behind most reasoning models; the variants that have names "
    "of their own change one of its lines.",
    hints=(
        "When a token is already much likelier than when it was written, should a good "
        "advantage push it further? And one that moved the wrong way?",
        "ratio = exp(l − l_old); the gain is the smaller of A · ratio and A · "
        "clip(ratio, 1 − eps, 1 + eps); the loss is −gain + beta · k3, averaged over "
        "all completion tokens. Only `logprobs` carries a gradient.",
        "`gain = torch.min(A * ratio, A * ratio.clamp(…))`, `d = logprobs - "
        "ref_logprobs.detach()`, `values = -gain + beta * (torch.expm1(-d) + d)`, then "
        "`(values * mask).sum() / …`",
    ),
    probes=probes,
    properties=(
        Property("first gradient", first_gradient),
        Property("beyond the clip", beyond_the_clip),
    ),
    differentiable=("logprobs",),
    constant=("old_logprobs", "ref_logprobs", "advantages"),
    mistakes=mistakes_in(__name__),
)
