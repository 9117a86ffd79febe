"""Exercise 12.2: the log-ratio of a pair."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import unchanged

SIGNATURE = (
    "pair_log_ratio(chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, "
    "ref_rejected: Tensor) -> Tensor"
)


def probes(generator: torch.Generator) -> list[Probe]:
    def four(size: int, scale: float = 1.0) -> tuple[Tensor, ...]:
        drawn = torch.randn(4, size, generator=generator) * scale
        return tuple((drawn - 3 * scale).unbind())

    one = torch.ones(1)
    same = four(3)[:2]
    return [
        Probe("one pair", (-2 * one, -5 * one, -3 * one, -4 * one)),
        Probe("the policy is its reference", same + same),
        Probe("only the chosen moved", (same[0] + 1, same[1], *same)),
        Probe("only the rejected moved", (same[0], same[1] - 1, *same)),
        Probe("five pairs", four(5)),
        Probe("nats of whole texts", four(8, 40.0)),
        Probe("a pair far apart", (-one, -300 * one, -5 * one, -6 * one)),
        Probe("double precision", tuple(x.double() for x in four(4))),
    ]


@mistake(
    "the reference is missing: a policy that is a copy of it has learned nothing, so h "
    "must be 0"
)
def no_reference(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor
) -> Tensor:
    return chosen - rejected


@mistake(
    "chosen and rejected are swapped: h grows when the chosen text becomes more "
    "probable"
)
def swapped(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor
) -> Tensor:
    return (rejected - ref_rejected) - (chosen - ref_chosen)


@mistake("you add what the reference prefers: every text minus its own reference")
def reference_added(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor
) -> Tensor:
    return (chosen - rejected) + (ref_chosen - ref_rejected)


@mistake(
    "you add the two log-ratios: h is that of the chosen text minus that of the "
    "rejected one"
)
def parts_added(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor
) -> Tensor:
    return (chosen - ref_chosen) + (rejected - ref_rejected)


@mistake(
    "you compare probabilities: of a text they are nearly 0; stay with their logarithms"
)
def probabilities(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor
) -> Tensor:
    return (chosen.exp() - ref_chosen.exp()) - (rejected.exp() - ref_rejected.exp())


@mistake("you divide logarithms: the logarithm of a ratio is a difference")
def ratio_of_logs(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor
) -> Tensor:
    return chosen / ref_chosen - rejected / ref_rejected


@mistake("the rejected text is missing: the preference is between two")
def chosen_only(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor
) -> Tensor:
    return chosen - ref_chosen


@mistake(
    "you average over the pairs: return one number for each; the loss averages later"
)
def averaged(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor
) -> Tensor:
    return ((chosen - ref_chosen) - (rejected - ref_rejected)).mean()


@mistake(
    "a gradient flows into the reference: it would learn to make the pair easy; detach "
    "it"
)
def reference_learns(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor
) -> Tensor:
    return (chosen - ref_chosen) - (rejected - ref_rejected)


def given(shift: float = 0.0) -> tuple[Tensor, ...]:
    drawn = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    return tuple(x + shift for x in drawn.unbind())


@mistake(
    "you subtract ratios of probabilities: h is a difference of log-probabilities, "
    "without an exponential"
)
def of_ratios(
    chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor
) -> Tensor:
    one = (chosen - ref_chosen.detach()).exp()
    return one - (rejected - ref_rejected.detach()).exp()


EXERCISE = Exercise(
    number="12.2",
    title="The log-ratio of a pair",
    minutes=5,
    difficulty=1,
    importance=5,
    reference="course.policy.preference_losses:pair_log_ratio",
    why="It is all that DPO, IPO and their relatives see of a pair, and the place "
    "where the reference is most often forgotten.",
    hints=(
        "The policy may prefer the chosen text only because the reference did. What "
        "has it learned itself?",
        "How much more probable than under the reference is the chosen text? How much "
        "is the rejected one? Log-probabilities: differences, not quotients. No "
        "gradient flows into the reference.",
        "`(chosen - ref_chosen.…()) - (rejected - …)`",
    ),
    probes=probes,
    properties=(
        unchanged(
            "an easier prompt",
            given,
            lambda: given(-2.0),
            "subtracting 2 nats from all four log-probabilities",
        ),
    ),
    differentiable=("chosen", "rejected"),
    constant=("ref_chosen", "ref_rejected"),
    mistakes=mistakes_in(__name__),
)
