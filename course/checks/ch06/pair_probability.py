"""Exercise 6.1: the probability that one text is preferred."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.checks.properties import always, unchanged


def ratings(n: int, seed: int, centre: float = 0.0) -> Tensor:
    """Whole ratings from −4 to 4 around a centre, always the same for a seed."""
    noise = torch.randn(n, generator=torch.Generator().manual_seed(seed))
    return (centre + 1.5 * noise).round().clamp(-4, 4)


def probes(generator: torch.Generator) -> list[Probe]:
    def given(*values: float) -> Tensor:
        return torch.tensor(values)

    return [
        Probe("one rater each, a higher", (given(2.0), given(1.0))),
        Probe("one rater each, a tie", (given(1.0), given(1.0))),
        Probe("two raters and one", (given(3.0, 1.0), given(1.0))),
        Probe("one rater and three", (given(0.0), given(-1.0, 0.0, 4.0))),
        Probe("close means, other order", (given(0.0, 1.0, 1.0), given(4.0, -2, -2))),
        Probe("ends of the scale", (given(-4.0, 4.0), given(4.0, 4.0, -4.0))),
        Probe("all below 0", (given(-1.0, -2.0, -3.0), given(-4.0, -2.0))),
        Probe("everybody says the same", (given(2.0, 2, 2), given(2.0, 2.0))),
        Probe("fifteen raters", (ratings(15, 1, 0.5), ratings(15, 2))),
        Probe("eighteen and twenty-nine", (ratings(18, 3, 1.0), ratings(29, 4))),
    ]


@mistake(
    "your ties count as losses of a: give each half a vote, or the two directions do "
    "not sum to 1"
)
def ties_lose(ratings_a: Tensor, ratings_b: Tensor) -> float:
    return float((ratings_a[:, None] > ratings_b).double().mean())


@mistake("your ties count as wins of a: give each half a vote")
def ties_win(ratings_a: Tensor, ratings_b: Tensor) -> float:
    return float((ratings_a[:, None] >= ratings_b).double().mean())


@mistake("you leave the ties out: here each counts as half a vote")
def ties_left_out(ratings_a: Tensor, ratings_b: Tensor) -> float:
    gap = ratings_a[:, None] - ratings_b
    wins, losses = float((gap > 0).sum()), float((gap < 0).sum())
    return wins / (wins + losses) if wins + losses else 0.5


@mistake(
    "you compare the first rating with the first, the second with the second: they are "
    "different people, so let every rater of a meet every rater of b"
)
def rater_by_rater(ratings_a: Tensor, ratings_b: Tensor) -> float:
    n = min(len(ratings_a), len(ratings_b))
    sign = (ratings_a[:n] - ratings_b[:n]).sign()
    return float((sign.double().mean() + 1) / 2)


@mistake("you compare the two means: that says who wins, not how often")
def means_compared(ratings_a: Tensor, ratings_b: Tensor) -> float:
    return float(((ratings_a.mean() - ratings_b.mean()).sign() + 1) / 2)


@mistake(
    "you put the difference of the means through a sigmoid: that is a model; here the "
    "votes themselves are counted"
)
def sigmoid_of_gap(ratings_a: Tensor, ratings_b: Tensor) -> float:
    return float(torch.sigmoid(ratings_a.mean() - ratings_b.mean()))


@mistake("a and b are swapped: count where a's rating is higher")
def swapped(ratings_a: Tensor, ratings_b: Tensor) -> float:
    sign = (ratings_b[:, None] - ratings_a).sign()
    return float((sign.double().mean() + 1) / 2)


@mistake(
    "you compare each rating of a with the mean of b: compare it with each rating of b"
)
def against_the_mean(ratings_a: Tensor, ratings_b: Tensor) -> float:
    sign = (ratings_a - ratings_b.mean()).sign()
    return float((sign.double().mean() + 1) / 2)


@mistake("this is wins minus losses, from −1 to 1: a probability lies between 0 and 1")
def mean_sign(ratings_a: Tensor, ratings_b: Tensor) -> float:
    return float((ratings_a[:, None] - ratings_b).sign().double().mean())


def complementary(function) -> str | None:
    a, b = ratings(12, 5, 0.7), ratings(17, 6)
    total = function(a, b) + function(b, a)
    if abs(total - 1) < 1e-6:
        return None
    return (
        "one of the two must be preferred: P(a ≻ b) and P(b ≻ a) must sum to 1; yours "
        f"sum to {total:.3g}"
    )


@mistake(
    "you compare the best rating of a with the best of b: every rater of a meets every "
    "rater of b"
)
def best_compared(ratings_a: Tensor, ratings_b: Tensor) -> float:
    return float(((ratings_a.max() - ratings_b.max()).sign() + 1) / 2)


@mistake("you compare the two medians: that says who wins, not how often")
def medians_compared(ratings_a: Tensor, ratings_b: Tensor) -> float:
    return float(((ratings_a.median() - ratings_b.median()).sign() + 1) / 2)


@mistake(
    "this is a's share of the two means: it depends on where the scale begins; count "
    "who is rated higher"
)
def share_of_means(ratings_a: Tensor, ratings_b: Tensor) -> float:
    a, b = ratings_a.double().mean(), ratings_b.double().mean()
    return float(a / (a + b))


@mistake(
    "you count each different rating once: two raters who say the same are two votes"
)
def each_rating_once(ratings_a: Tensor, ratings_b: Tensor) -> float:
    gap = ratings_a.unique()[:, None] - ratings_b.unique()
    return float((gap.sign().double().mean() + 1) / 2)


EXERCISE = Exercise(
    number="6.1",
    title="The probability of a preference",
    minutes=10,
    difficulty=2,
    importance=5,
    reference="course.reward.ranking:pair_probability",
    why="This is the number that a pairwise reward model should predict: not who wins, "
    "but how often.",
    hints=(
        "Two raters read text a, three read text b. How many ways are there to let "
        "one rater of a meet one rater of b?",
        "Make the table of all differences, (raters of a, raters of b). A positive "
        "entry is a vote for a, a zero is half a vote.",
        "`sign = (ratings_a[:, None] - ratings_b).sign()` has the mean wins − losses; "
        "turn the range from −1 to 1 into … to …",
    ),
    probes=probes,
    properties=(
        Property("the two directions sum to 1", complementary),
        always(
            "one half against itself",
            lambda: (ratings(20, 7), ratings(20, 7)),
            lambda p: abs(float(p) - 0.5) < 1e-6,
            "a text against itself must win with probability 0.5",
        ),
        unchanged(
            "only the order counts",
            lambda: (ratings(9, 8, 1.0), ratings(11, 9)),
            lambda: (ratings(9, 8, 1.0) / 4, ratings(11, 9) / 4),
            "dividing every rating by 4",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
