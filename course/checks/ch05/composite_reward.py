"""Exercise 5.4: a composite reward."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def parts(k: int, n: int) -> tuple[Tensor, Tensor]:
        return (
            torch.randn(k, n, generator=generator),
            torch.randn(k, generator=generator),
        )

    scales = torch.tensor([[0.01], [1.0], [50.0]])
    rare = torch.zeros(2, 6)
    rare[0], rare[1, 3] = torch.tensor([0.2, -1.1, 0.7, 0.3, 1.9, -0.4]), 0.25
    mixed, weights = parts(3, 7)
    return [
        Probe("one part, one text", (torch.tensor([[2.0]]), torch.tensor([1.5]))),
        Probe("one part, two texts", (torch.tensor([[1.0, 4.0]]), torch.tensor([0.5]))),
        Probe("equal texts", (torch.tensor([[1.0] * 3, [2.0] * 3]), torch.ones(2))),
        Probe("a negative part", (draw(2, 4, seed=1), torch.tensor([1.0, -0.7]))),
        Probe("all weights 0", (draw(2, 3, seed=2), torch.zeros(2))),
        Probe("one part switched off", (draw(2, 5, seed=3), torch.tensor([1.3, 0.0]))),
        Probe("a part that hardly varies", (rare, torch.tensor([1.0, 0.9]))),
        Probe("parts of unequal size", (mixed * scales, weights)),
        Probe("scores far from 0", (mixed + 100 * scales, weights * 0.3)),
        Probe("five parts, forty texts", parts(5, 40)),
        Probe("double precision", tuple(x.double() for x in parts(3, 6))),
    ]


def scaled(total: Tensor) -> Tensor:
    """Mean 0 and standard deviation 1; 0 where all are equal."""
    if (total == total[0]).all():
        return torch.zeros_like(total)
    return (total - total.mean()) / total.std(correction=0)


def total_of(scores: Tensor, weights: Tensor) -> Tensor:
    return (weights[:, None] * scores).sum(0)


@mistake("this is the weighted sum: bring it to mean 0 and standard deviation 1")
def only_summed(scores: Tensor, weights: Tensor) -> Tensor:
    return total_of(scores, weights)


@mistake(
    "you normalise each part before summing: sum first, or a part that hardly varies "
    "in the batch is blown up"
)
def normalised_first(scores: Tensor, weights: Tensor) -> Tensor:
    return total_of(torch.stack([scaled(row) for row in scores]), weights)


@mistake(
    "you normalise before and after the sum: only the sum is normalised, so that the "
    "weights keep their meaning from batch to batch"
)
def normalised_twice(scores: Tensor, weights: Tensor) -> Tensor:
    return scaled(normalised_first(scores, weights))


@mistake(
    "you divide by the unbiased standard deviation: here it is the biased one, "
    "correction=0"
)
def unbiased(scores: Tensor, weights: Tensor) -> Tensor:
    total = total_of(scores, weights)
    if (total == total[0]).all():
        return torch.zeros_like(total)
    return (total - total.mean()) / total.std()


@mistake("you subtract the mean but do not divide by the standard deviation")
def only_centred(scores: Tensor, weights: Tensor) -> Tensor:
    total = total_of(scores, weights)
    return total - total.mean()


@mistake("you divide by the standard deviation but do not subtract the mean first")
def not_centred(scores: Tensor, weights: Tensor) -> Tensor:
    total = total_of(scores, weights)
    if (total == total[0]).all():
        return torch.zeros_like(total)
    return total / total.std(correction=0)


@mistake("you lose the sign of the weights: a negative part must punish")
def signs_lost(scores: Tensor, weights: Tensor) -> Tensor:
    return scaled(total_of(scores, weights.abs()))


@mistake("you add the parts without their weights")
def weights_forgotten(scores: Tensor, weights: Tensor) -> Tensor:
    return scaled(scores.sum(0))


@mistake(
    "you take a softmax of the weights: it turns every weight positive; use them as "
    "they are"
)
def softmaxed(scores: Tensor, weights: Tensor) -> Tensor:
    return scaled(total_of(scores, weights.softmax(0)))


@mistake("you divide by the variance: the standard deviation is its square root")
def by_variance(scores: Tensor, weights: Tensor) -> Tensor:
    total = total_of(scores, weights)
    if (total == total[0]).all():
        return torch.zeros_like(total)
    return (total - total.mean()) / total.var(correction=0)


@mistake(
    "you squeeze the sums into 0 to 1: one extreme text would move all others; "
    "subtract the mean and divide by the standard deviation"
)
def from_zero_to_one(scores: Tensor, weights: Tensor) -> Tensor:
    total = total_of(scores, weights)
    if (total == total[0]).all():
        return torch.zeros_like(total)
    return (total - total.min()) / (total.max() - total.min())


@mistake(
    "where all sums are equal you divide 0 by 0: nobody is better, so return zeros"
)
def no_guard(scores: Tensor, weights: Tensor) -> Tensor:
    total = total_of(scores, weights)
    return (total - total.mean()) / total.std(correction=0)


WEIGHTS = torch.tensor([1.0, -0.4, 0.2])


@mistake(
    "a small number added to the standard deviation makes all results too small: ask "
    "for the case of equal sums instead"
)
def with_epsilon(scores: Tensor, weights: Tensor) -> Tensor:
    total = weights @ scores
    return (total - total.mean()) / (total.std(correction=0) + 1e-3)


@mistake("you limit the result to the range from −1 to 1: nothing asks for that")
def limited(scores: Tensor, weights: Tensor) -> Tensor:
    total = weights @ scores
    centred = total - total.mean()
    if not bool(centred.any()):
        return centred
    return (centred / total.std(correction=0)).clamp(-1, 1)


@mistake("you multiply the parts with each other: add them up, each with its weight")
def multiplied_parts(scores: Tensor, weights: Tensor) -> Tensor:
    total = (scores * weights[:, None]).prod(0)
    centred = total - total.mean()
    if not bool(centred.any()):
        return centred
    return centred / total.std(correction=0)


@mistake("you return one number for the batch: one for each text is expected")
def one_number(scores: Tensor, weights: Tensor) -> Tensor:
    return (weights @ scores).mean()


EXERCISE = Exercise(
    number="5.4",
    title="A composite reward",
    minutes=15,
    difficulty=2,
    importance=5,
    reference="course.reward.composite:composite_reward",
    why="Real rewards are sums of parts that pull in different directions; what is "
    "normalised, and when, decides which part the policy listens to.",
    hints=(
        "One part is 0 for all texts but one. What becomes of it if you divide it by "
        "its own standard deviation before summing?",
        "First sum weight × score over the parts, shape (batch,). Then subtract the "
        "mean of the sums and divide by their standard deviation, the biased one. "
        "Where all sums are equal, return zeros.",
        "`total = (weights[:, None] * scores).sum(0)`, then "
        "`(total - …) / total.std(correction=…)`, with zeros where all are equal",
    ),
    probes=probes,
    properties=(
        unchanged(
            "a shift of one part changes nothing",
            lambda: (draw(3, 9, seed=4), WEIGHTS),
            lambda: (draw(3, 9, seed=4) + torch.tensor([[3.0], [0], [-1]]), WEIGHTS),
            "adding a constant to one part",
        ),
        always(
            "mean 0 and standard deviation 1",
            lambda: (draw(3, 12, seed=5), WEIGHTS),
            lambda y: abs(y.mean()) < 1e-5 and abs(y.std(correction=0) - 1) < 1e-4,
            "the result must have mean 0 and (biased) standard deviation 1",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
