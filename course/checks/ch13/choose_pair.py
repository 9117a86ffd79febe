"""Exercise 13.2: which pair to ask about."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import unchanged
from course.reward.feedback import Posterior


def probes(generator: torch.Generator) -> list[Probe]:
    def belief(d: int, sure: float = 1.0) -> Posterior:
        root = torch.randn(d, d, generator=generator, dtype=torch.float64)
        mean = sure * torch.randn(d, generator=generator, dtype=torch.float64)
        return Posterior(mean, root @ root.T / d + 0.05 * torch.eye(d).double())

    def pairs(n: int, d: int) -> Tensor:
        return torch.randn(n, d, generator=generator, dtype=torch.float64)

    flat = Posterior(torch.zeros(1).double(), torch.eye(1).double())
    known = Posterior(torch.tensor([3.0, 0.0]).double(), torch.eye(2).double())
    wide = torch.diag(torch.tensor([0.01, 4.0])).double()
    loose = Posterior(torch.zeros(2).double(), wide)
    answered = torch.tensor([[2.0, 0.0], [0.0, 1.5]]).double()
    close = torch.tensor([[1.0], [1.0001], [-0.9999]]).double()
    near = torch.tensor([1.0001, 1.0]).double()
    even = torch.eye(2).double(), torch.eye(2).double()
    two_ways = torch.tensor([[3.0, 0.0], [0.0, 1.0]]).double()
    return [
        Probe("one pair", (*flat, torch.tensor([[0.5]]).double())),
        Probe("nothing known", (*flat, torch.tensor([[0.5], [-2.0], [1.0]]).double())),
        Probe(
            "an answer that is known",
            (*known, answered),
        ),
        Probe(
            "one direction is sure",
            (*loose, two_ways),
        ),
        Probe("two pairs that are nearly alike", (*flat, close)),
        Probe("both ways round", (*flat, -close.flip(0))),
        Probe(
            "long where it is sure, short where it is not",
            (loose.mean, torch.diag(torch.tensor([1.0, 4.0])).double(), two_ways),
        ),
        Probe("means nearly alike", (near, *even)),
        Probe("variances nearly alike", (0 * near, torch.diag(near.flip(0)), even[1])),
        *(Probe(f"{n} pairs", (*belief(3), pairs(n, 3))) for n in (4, 6, 9, 12, 15)),
        *(
            Probe(f"{n} pairs, sure", (*belief(2, 3.0), pairs(n, 2)))
            for n in (5, 8, 15)
        ),
        *(
            Probe(f"{n} pairs in 4 directions", (*belief(4, 2.0), pairs(n, 4)))
            for n in (7, 15)
        ),
    ]


def parts(
    mean: Tensor, covariance: Tensor, differences: Tensor
) -> tuple[Tensor, Tensor]:
    p = (differences @ mean).sigmoid()
    return p * (1 - p), ((differences @ covariance) * differences).sum(1)


@mistake(
    "you ask where the answer is most open: ask, too, where the model is unsure, and "
    "multiply by the variance of the margin"
)
def only_open(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    return int(parts(mean, covariance, differences)[0].argmax())


@mistake(
    "you ask where the variance is largest: where the answer is nearly sure, it "
    "teaches nothing; multiply by p(1 − p)"
)
def only_variance(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    return int(parts(mean, covariance, differences)[1].argmax())


@mistake("you take the smallest: the largest teaches most")
def smallest(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    still_open, variance = parts(mean, covariance, differences)
    return int((still_open * variance).argmin())


@mistake("you ask about the pair with the largest margin: its answer is known")
def largest_margin(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    return int((differences @ mean).abs().argmax())


@mistake("you leave out the covariance: directions differ in how sure they are")
def no_covariance(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    return int(
        (parts(mean, covariance, differences)[0] * differences.square().sum(1)).argmax()
    )


@mistake("you use only the diagonal of the covariance: directions move together")
def diagonal_only(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    variance = (differences.square() * covariance.diagonal()).sum(1)
    return int((parts(mean, covariance, differences)[0] * variance).argmax())


@mistake("you use p in place of p(1 − p): a sure win is no open question")
def p_alone(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    p = (differences @ mean).sigmoid()
    return int((p * parts(mean, covariance, differences)[1]).argmax())


@mistake("you multiply by the inverse covariance: that is how sure, not how unsure")
def inverse(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    sure = torch.linalg.inv(covariance)
    variance = ((differences @ sure) * differences).sum(1)
    return int((parts(mean, covariance, differences)[0] * variance).argmax())


@mistake("you take the root of the variance: multiply by the variance itself")
def deviation(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    still_open, variance = parts(mean, covariance, differences)
    return int((still_open * variance.sqrt()).argmax())


@mistake("you take the root of p(1 − p): multiply by p(1 − p) itself")
def root_of_open(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    still_open, variance = parts(mean, covariance, differences)
    return int((still_open.sqrt() * variance).argmax())


@mistake("you add the two: a pair must have both, so multiply")
def added(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    still_open, variance = parts(mean, covariance, differences)
    return int((still_open + variance).argmax())


@mistake("you leave out the sigmoid: p is the sigmoid of the margin")
def no_sigmoid(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    z = differences @ mean
    return int((z * (1 - z) * parts(mean, covariance, differences)[1]).argmax())


@mistake("you always ask about the first pair")
def first(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    return 0


@mistake("your places begin at 1: the first pair has the place 0")
def from_one(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    still_open, variance = parts(mean, covariance, differences)
    return int((still_open * variance).argmax()) + 1


@mistake("you take the softmax over the pairs: each pair has a p of its own")
def softmax_over_pairs(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    p = (differences @ mean).softmax(0)
    return int((p * (1 - p) * parts(mean, covariance, differences)[1]).argmax())


@mistake("you sum over all pairs: x and C and x of the same pair")
def all_products(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    variance = (differences @ covariance @ differences.T).sum(1)
    return int((parts(mean, covariance, differences)[0] * variance).argmax())


@mistake("you divide the margin by its deviation: p is the sigmoid of the margin")
def scaled_margin(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    variance = parts(mean, covariance, differences)[1]
    p = ((differences @ mean) / variance.sqrt()).sigmoid()
    return int((variance * p * (1 - p)).argmax())


def asked() -> tuple[Tensor, Tensor, Tensor]:
    belief = Posterior(torch.tensor([0.5, -1.0]).double(), torch.eye(2).double())
    return *belief, torch.tensor([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]]).double()


@mistake("you return the second best pair: the largest product counts")
def second_best(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    still_open, variance = parts(mean, covariance, differences)
    ranked = (still_open * variance).argsort(descending=True)
    return int(ranked[min(1, len(ranked) - 1)])


@mistake("you leave out the last pair: it may be the best one")
def last_left_out(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    still_open, variance = parts(mean, covariance, differences)
    worth = still_open * variance
    return int(worth[:-1].argmax()) if len(worth) > 1 else 0


@mistake("you divide by p (1 − p): an open question must count for more, so multiply")
def divided_by_open(mean: Tensor, covariance: Tensor, differences: Tensor) -> int:
    still_open, variance = parts(mean, covariance, differences)
    return int((variance / still_open).argmax())


EXERCISE = Exercise(
    number="13.2",
    title="Which pair to ask about",
    minutes=8,
    difficulty=3,
    importance=3,
    reference="course.reward.feedback:choose_pair",
    why="A person answers sixty questions at most: none should be wasted.",
    hints=(
        "When does an answer teach much: when the model is unsure, when the answer is "
        "open, or when both hold?",
        "The margin of a pair with difference x has the variance xᵀ C x; the answer is "
        "open where p(1 − p) is large, with p = sigmoid(x · mean).",
        "`((D @ covariance) * D).sum(1)` is the variance of every pair; multiply by … "
        "and take the place of the largest.",
    ),
    probes=probes,
    properties=(
        unchanged(
            "a and b may change places",
            asked,
            lambda: (*asked()[:2], -asked()[2]),
            "exchanging a and b in every pair",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
