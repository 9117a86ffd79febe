"""Exercise 6.3: the agreement of two halves of the raters."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, unchanged

Call = tuple[Tensor, Tensor, Tensor]


def crowd(texts: int, raters: int, generator: torch.Generator) -> Call:
    """Texts with 2 to `raters` raters, and two halves that never overlap."""
    quality = torch.randn(texts, 1, generator=generator) * 1.8
    noise = torch.randn(texts, raters, generator=generator)
    ratings = (quality + noise).round().clamp(-4, 4)
    count = torch.randint(2, raters + 1, (texts, 1), generator=generator)
    place = torch.rand(texts, raters, generator=generator).argsort(1).argsort(1)
    first = place < count // 2
    return ratings, first, (place < count) & ~first


def small() -> Call:
    ratings = torch.tensor([[3.0, 2.0], [-1.0, 1.0], [0.0, -2.0]])
    first = torch.tensor([[True, False]] * 3)
    return ratings, first, ~first


def fixed(divisor: float = 1.0) -> Call:
    ratings, first, second = crowd(12, 7, torch.Generator().manual_seed(3))
    return ratings / divisor, first, second


def probes(generator: torch.Generator) -> list[Probe]:
    ratings, first, second = small()
    three = torch.tensor([[4.0, 2.0, 1.0], [-1.0, 0.0, 1.0], [-4.0, -3.0, -1.0]])
    two = torch.tensor([[True, True, False]] * 3)
    opposed = torch.tensor([[4.0, -4.0], [0.0, 1.0], [-2.0, 3.0]])
    mixed = torch.tensor(
        [[True, False, True], [False, True, False], [True, True, False]]
    )
    return [
        Probe("three texts, two raters", (ratings, first, second)),
        Probe("the other half first", (ratings, second, first)),
        Probe("halves of unequal size", (three, two, ~two)),
        Probe("other sizes in every text", (three, mixed, ~mixed)),
        Probe("halves that disagree", (opposed, first, second)),
        Probe("eight texts, up to five raters", crowd(8, 5, generator)),
        Probe("forty texts, up to twelve raters", crowd(40, 12, generator)),
        Probe("ends of the scale", ((ratings.sign() * 4), first, second)),
        Probe("double precision", (ratings.double(), first, second)),
    ]


def correlation(a: Tensor, b: Tensor) -> float:
    a, b = a.double() - a.double().mean(), b.double() - b.double().mean()
    return float((a @ b) / (a.norm() * b.norm()).clamp(min=1e-12))


def halves(ratings: Tensor, first: Tensor, second: Tensor) -> list[Tensor]:
    return [(ratings * g).sum(1) / g.sum(1) for g in (first, second)]


@mistake(
    "you add ratings up: texts with more raters get larger sums, so divide by how many "
    "raters each half has"
)
def sums(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    return correlation((ratings * first).sum(1), (ratings * second).sum(1))


@mistake(
    "you applied Spearman and Brown's formula: that is the reliability of all raters; "
    "here the plain correlation of the two halves is asked for"
)
def stepped_up(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    r = correlation(*halves(ratings, first, second))
    return 2 * r / (1 + r)


@mistake("one of your groups contains the other: shared raters agree with themselves")
def overlapping(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    one, everyone = halves(ratings, first, first | second)
    return correlation(one, everyone)


@mistake(
    "this is the covariance, which changes with the unit: divide by both standard "
    "deviations"
)
def covariance(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    a, b = halves(ratings, first, second)
    return float(((a - a.mean()) * (b - b.mean())).mean())


@mistake("this is r squared: return r")
def squared(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    return correlation(*halves(ratings, first, second)) ** 2


@mistake("this is the correlation of ranks: use the means themselves")
def of_ranks(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    ranks = [h.argsort().argsort() for h in halves(ratings, first, second)]
    return correlation(*ranks)


@mistake(
    "you forgot to subtract the mean over the texts: a crowd that likes everything "
    "would agree with every other"
)
def not_centred(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    a, b = (h.double() for h in halves(ratings, first, second))
    return float((a @ b) / (a.norm() * b.norm()))


@mistake(
    "you split the columns in the middle: use the two masks, columns may be padding"
)
def by_columns(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    half = ratings.shape[1] // 2
    return correlation(ratings[:, :half].mean(1), ratings[:, half:].mean(1))


@mistake(
    "you divide by n in one place and by n − 1 in the other: the same divisor in the "
    "covariance and the standard deviations cancels"
)
def two_divisors(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    n = len(ratings)
    return correlation(*halves(ratings, first, second)) * (n - 1) / n


@mistake("you take the median of each half: take its mean")
def of_medians(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    nothing = torch.tensor(torch.nan, dtype=torch.float64)
    parts = [
        torch.where(half, ratings.double(), nothing).nanmedian(1).values
        for half in (first, second)
    ]
    return correlation(*parts)


@mistake(
    "this is the mean distance of the two halves: a correlation asks whether they rise "
    "and fall together"
)
def mean_distance(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    a, b = halves(ratings, first, second)
    return float((a - b).abs().double().mean())


@mistake(
    "you return an entry on the diagonal of the correlation matrix, which is always 1: "
    "the one beside it is meant"
)
def on_the_diagonal(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    return 1.0


@mistake("you correlate over the raters: average over them, and correlate over texts")
def over_the_raters(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    sums = ((ratings * g).sum(0) / g.sum(0).clamp(min=1) for g in (first, second))
    return correlation(*sums)


@mistake("this is the slope of a line: divide by both standard deviations")
def slope(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    a, b = (x.double() - x.double().mean() for x in halves(ratings, first, second))
    return float((a * b).sum() / a.square().sum())


@mistake("you divide by both sums of squares: divide by the root of their product")
def root_forgotten(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    a, b = (x.double() - x.double().mean() for x in halves(ratings, first, second))
    return float((a * b).sum() / (a.square().sum() * b.square().sum()))


@mistake("you take one rater of each half: take the mean of all that it has")
def one_rater_each(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    places = (g.long().argmax(1, keepdim=True) for g in (first, second))
    return correlation(*(ratings.gather(1, place)[:, 0] for place in places))


@mistake("you correlate rating by rating, 0 for the other half: take means of texts")
def place_by_place(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    return correlation((ratings * first).flatten(), (ratings * second).flatten())


EXERCISE = Exercise(
    number="6.3",
    title="Two halves of the raters",
    minutes=15,
    difficulty=2,
    importance=4,
    reference="course.reward.agreement:split_half",
    why="It says how much of a mean rating is the text and how much is luck in who "
    "rated it: the yardstick for every reward model.",
    hints=(
        "Imagine that two crowds rate the same texts without knowing of each other. "
        "Which two numbers does every text get?",
        "For each group: the sum of the ratings it gave to a text, divided by how many "
        "raters of the group that text has. Then Pearson's r over the texts.",
        "`a = (ratings * first).sum(1) / first.sum(1)`, the same for b; subtract the "
        "mean of each, and r = (a @ b) / (… * …)",
    ),
    probes=probes,
    properties=(
        unchanged(
            "symmetric",
            fixed,
            lambda: (fixed()[0], fixed()[2], fixed()[1]),
            "exchanging the two halves",
        ),
        unchanged(
            "the unit does not matter",
            fixed,
            lambda: fixed(2.0),
            "halving every rating",
        ),
        always(
            "1 for the same group twice",
            lambda: (fixed()[0], fixed()[1], fixed()[1]),
            lambda r: abs(float(r) - 1) < 1e-5,
            "a group agrees perfectly with itself: the result must be 1",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
