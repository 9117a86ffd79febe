"""Exercise 12.4: the reward that a policy is the optimum of."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import draw, ignores_padding, mask_of, unchanged

SIGNATURE = (
    "implicit_rewards(logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, "
    "beta: float) -> Tensor"
)


def probes(generator: torch.Generator) -> list[Probe]:
    def call(lengths: list[int], time: int, beta: float):
        both = -torch.rand(2, len(lengths), time, generator=generator) * 5
        return both[0], both[1], mask_of(lengths, time), beta

    same = call([3], 3, 0.1)
    doubled = call([2, 4], 5, 0.2)
    in_front = call([2, 3], 4, 0.3)
    return [
        Probe(
            "one token",
            (torch.tensor([[-1.0]]), torch.tensor([[-3.0]]), mask_of([1], 1), 0.5),
        ),  # fmt: skip
        Probe("policy = reference", (same[0], same[0].clone(), same[2], 0.1)),
        Probe("three tokens", call([3], 3, 0.1)),
        Probe("a short and a long text", call([1, 4], 4, 1.0)),
        Probe("padding after both", call([2, 3], 6, 0.1)),
        Probe("as many texts as tokens", call([1, 2, 3, 4], 4, 0.3)),
        Probe("a large batch", call([5, 1, 8, 3, 7, 2], 8, 0.05)),
        Probe(
            "double precision", (doubled[0].double(), doubled[1].double(), *doubled[2:])
        ),  # fmt: skip
        Probe("padding in front", (*in_front[:2], in_front[2].flip(1), 0.3)),
    ]


def kept(x: Tensor, mask: Tensor) -> Tensor:
    return x.masked_fill(~mask, 0.0).sum(1)


@mistake(
    "you divide by the number of tokens: the log-probability of a text is a sum; with "
    "a mean the optimum is another policy"
)
def averaged(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return beta * kept(logprobs - ref_logprobs.detach(), mask) / mask.sum(1)


@mistake(
    "you sum over padding too: only tokens where the mask is true belong to the text"
)
def no_mask(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return beta * (logprobs - ref_logprobs.detach()).sum(1)


@mistake(
    "the reference is missing: frequent texts would be good texts; subtract its "
    "log-probabilities"
)
def no_reference(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return beta * kept(logprobs, mask)


@mistake("beta is missing: it turns nats into units of reward")
def no_beta(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return kept(logprobs - ref_logprobs.detach(), mask)


@mistake(
    "you divide by beta: r/β stands in the exponent of the optimum, so r is β times "
    "the log-ratio"
)
def divided_by_beta(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return kept(logprobs - ref_logprobs.detach(), mask) / beta


@mistake(
    "your sign is turned round: what the policy makes more probable than the reference "
    "did has the higher reward"
)
def upside_down(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return beta * kept(ref_logprobs.detach() - logprobs, mask)


@mistake("a gradient flows into the reference: detach it")
def reference_learns(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return beta * kept(logprobs - ref_logprobs, mask)


@mistake("you return a number for each token: sum them to one for each text")
def for_each_token(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return beta * (logprobs - ref_logprobs.detach()).masked_fill(~mask, 0.0)


@mistake("you use the last token only: sum over all tokens of the text")
def last_token_only(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    rows = torch.arange(len(mask))
    last = mask.sum(1) - 1
    return beta * (logprobs - ref_logprobs.detach())[rows, last]


@mistake("you sum over the texts: sum over time, dimension 1")
def over_the_batch(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return beta * (logprobs - ref_logprobs.detach()).masked_fill(~mask, 0.0).sum(0)


@mistake("you take exp of the log-ratio: the reward is β times the logarithm itself")
def ratio_of_probabilities(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return beta * kept(logprobs - ref_logprobs.detach(), mask).exp()


def given() -> tuple[Tensor, Tensor, Tensor, float]:
    return -draw(3, 5, seed=1).abs(), -draw(3, 5, seed=2).abs(), \
        mask_of([2, 5, 4], 5), 0.4  # fmt: skip


def spoilt_padding() -> tuple[Tensor, Tensor, Tensor, float]:
    logprobs, ref_logprobs, mask, beta = given()
    return logprobs.masked_fill(~mask, -7.0), ref_logprobs, mask, beta


@mistake(
    "you divide the sums of log-probabilities: a ratio of probabilities is a "
    "difference of logarithms"
)
def quotient(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    one = logprobs.masked_fill(~mask, 0.0).sum(1)
    return beta * one / ref_logprobs.detach().masked_fill(~mask, 0.0).sum(1)


@mistake("beta multiplies the policy only: it belongs before the whole difference")
def beta_on_the_policy(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return kept(beta * logprobs - ref_logprobs.detach(), mask)


@mistake("beta multiplies the reference only: it belongs before the whole difference")
def beta_on_the_reference(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return kept(logprobs - beta * ref_logprobs.detach(), mask)


@mistake("you add up ratios: add up their logarithms, without an exponential")
def ratios_added(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return beta * kept((logprobs - ref_logprobs.detach()).exp(), mask)


@mistake("you drop the sign of each token's log-ratio: some tokens take reward away")
def without_signs(
    logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    return beta * kept((logprobs - ref_logprobs.detach()).abs(), mask)


EXERCISE = Exercise(
    number="12.4",
    title="The policy is a reward model",
    minutes=10,
    difficulty=2,
    importance=4,
    reference="course.policy.preference_losses:implicit_rewards",
    why="It shows how a policy that never saw a score ranks texts, and it is what a "
    "DPO run logs as `rewards/chosen` and `rewards/rejected`.",
    hints=(
        "Solve the formula of the optimum for the reward. Which part is the same for "
        "all texts of a prompt, and can be left out?",
        "β times (l − l_ref), where l is the log-probability of the whole text: the "
        "sum over its tokens, without padding, and not their mean. The reference is a "
        "constant.",
        "`beta * (logprobs - ref_logprobs.…()).masked_fill(~mask, …).sum(1)`",
    ),
    probes=probes,
    properties=(
        unchanged(
            "padding",
            given,
            spoilt_padding,
            "other numbers on padding",
        ),
        ignores_padding(given, 0, 1),
    ),
    differentiable=("logprobs",),
    constant=("ref_logprobs",),
    mistakes=mistakes_in(__name__),
)
