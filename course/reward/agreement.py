"""How far people agree about ratings, and what that leaves for a reward model.

Ratings of a text are anonymous, so nothing here asks who gave which one.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course.expect import cpu_generator, one_number, tensors, truth, whole_number
from course.expect_lists import lists, real_numbers
from course.reward.metrics import pearson
from course.runtime import as_double

LOWEST, HIGHEST = -4, 4  # the scale of the data


class RatingTable(NamedTuple):
    """Ratings of texts with unequal numbers of raters, padded with 0 on the right.

    ratings: (texts, raters), fp64.  mask: (texts, raters), true on real ratings.
    Chapter 06.
    """

    ratings: Tensor
    mask: Tensor

    def means(self) -> Tensor:
        """The mean rating of every text, shape (texts,)."""
        return (self.ratings * self.mask).sum(1) / self.mask.sum(1)


def check_range(ratings: Tensor) -> None:
    """Raise ValueError where a rating is NaN or lies outside −4 to 4.  Chapter 06."""
    tensors(ratings=ratings)
    if torch.isnan(ratings).any():
        raise ValueError("got a rating that is NaN, expected numbers from -4 to 4")
    if ratings.numel() and (ratings.min() < LOWEST or ratings.max() > HIGHEST):
        low, high = float(ratings.min()), float(ratings.max())
        raise ValueError(f"got ratings from {low:g} to {high:g}, expected -4 to 4")


def rating_table(ratings: Sequence[Sequence[float]]) -> RatingTable:
    """The lists of `reviews.load(...)["ratings"]` as one table on the CPU.

    Raises ValueError without texts, for a text with fewer than two raters, for NaN
    and for ratings outside −4 to 4.  Chapter 06.

    >>> rating_table([[1, 2, 3], [-1, 1]]).means().tolist()
    [2.0, 0.0]
    """
    lists(ratings=ratings)
    if not len(ratings):
        raise ValueError("got no texts, expected at least one list of ratings")
    real_numbers(**{f"ratings[{n}]": given for n, given in enumerate(ratings)})
    counts = torch.tensor([len(given) for given in ratings])
    if counts.min() < 2:
        place = int(counts.argmin())
        raise ValueError(
            f"got {int(counts[place])} rating(s) of text {place}, expected at least 2: "
            "one rater has nobody to agree with"
        )
    mask = torch.arange(int(counts.max())) < counts[:, None]
    values = torch.zeros(mask.shape, dtype=torch.float64)
    values[mask] = torch.tensor([x for given in ratings for x in given]).double()
    check_range(values)
    return RatingTable(values, mask)


def two_groups(
    mask: Tensor, size: int | Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Two groups of `size` different raters of every text, drawn at random.

    mask: (texts, raters), true on real ratings.  size: one number, or one per text,
    shape (texts,).  Returns two masks (texts, raters) that never overlap.  Draws on
    the CPU.  Raises ValueError where a text has fewer than 2 × size raters.
    Chapter 06.
    """
    cpu_generator(generator)
    tensors(mask=mask)
    if mask.dim() != 2:
        raise ValueError(f"got a mask {tuple(mask.shape)}, expected (texts, raters)")
    if not isinstance(size, Tensor):
        whole_number(size=size)
    size = torch.as_tensor(size, device=mask.device).expand(len(mask))
    if (size < 1).any() or (2 * size > mask.sum(1)).any():
        raise ValueError(
            f"got groups of {int(size.min())} to {int(size.max())} raters for texts "
            f"with {int(mask.sum(1).min())} or more, expected 1 to half of them"
        )
    mask = truth(mask)
    draws = torch.rand(mask.shape, generator=generator).to(mask.device)
    order = draws.masked_fill(~mask, 2.0).argsort(1).argsort(1)  # rank of each rater
    size = size[:, None]
    return order < size, (order >= size) & (order < 2 * size)


def split_half(ratings: Tensor, first: Tensor, second: Tensor) -> float:
    """Pearson's r between the mean ratings that two groups of raters give the texts.

    ratings: (texts, raters).  first, second: bool, (texts, raters): which ratings
    belong to which group.  This is the reliability of one half; `spearman_brown`
    extends it to all raters.  Raises ValueError on unequal shapes, an empty group,
    ratings that are NaN or outside −4 to 4, or means that are all equal.  Chapter 06.
    """
    tensors(ratings=ratings, first=first, second=second)
    if ratings.dim() != 2 or not ratings.shape == first.shape == second.shape:
        raise ValueError(
            f"got shapes {tuple(ratings.shape)}, {tuple(first.shape)} and "
            f"{tuple(second.shape)}, expected (texts, raters) three times"
        )
    check_range(ratings)
    first, second = truth(first, "first"), truth(second, "second")
    if not (first.any(1).all() and second.any(1).all()):
        raise ValueError("got a text without raters in a group, expected at least one")
    halves = [
        as_double(ratings * g).sum(1) / as_double(g).sum(1) for g in (first, second)
    ]
    r = pearson(*halves)
    if math.isnan(r):
        raise ValueError("got equal mean ratings for all texts: they have no agreement")
    return r


def one_against_rest(table: RatingTable, generator: torch.Generator) -> float:
    """Pearson's r of one rating, drawn from each text, with the mean of all others.

    Draws on the CPU.  Raises ValueError as `split_half`.  Chapter 06.
    """
    one, _ = two_groups(table.mask, 1, generator)
    return split_half(table.ratings, one, table.mask & ~one)


def spearman_brown(r: float, factor: float) -> float:
    """The reliability of `factor` times as many raters, from reliability r.

    factor × r / (1 + (factor − 1) × r); Spearman 1910 and Brown 1910.  It holds when
    raters are exchangeable.  Raises ValueError for r outside (−1, 1] or a factor
    that is not positive.  Chapter 06.

    >>> spearman_brown(0.5, 2)
    0.6666666666666666
    """
    one_number(r=r, factor=factor)
    if not (-1 < r <= 1 and factor > 0 and 1 + (factor - 1) * r > 0):
        raise ValueError(
            f"got r={r} and factor={factor}, expected r within (-1, 1] "
            "and a factor above 0"
        )
    return factor * r / (1 + (factor - 1) * r)


def bootstrap_interval(
    statistic: Callable[[Tensor], float],
    n: int,
    generator: torch.Generator,
    draws: int = 200,
    level: float = 0.95,
) -> tuple[float, float]:
    """The percentile interval of a statistic when n texts are drawn again.

    statistic(index): the number computed on the texts at index, (n,) long, drawn
    with replacement on the CPU.  Source: Efron & Tibshirani 1993, chapter 13.
    Raises ValueError for n or draws below 2 or a level outside (0, 1).  Chapter 06.
    """
    cpu_generator(generator)
    whole_number(n=n, draws=draws)
    one_number(level=level)
    if n < 2 or draws < 2 or not 0 < level < 1:
        raise ValueError(
            f"got n={n}, draws={draws}, level={level}, expected 2 or more of both and "
            "a level between 0 and 1"
        )
    found = [
        statistic(torch.randint(n, (n,), generator=generator)) for _ in range(draws)
    ]
    edges = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = torch.tensor(found, dtype=torch.float64).quantile(edges).tolist()
    return low, high


def pairwise_ceiling(wins: Tensor, losses: Tensor) -> float:
    """The largest share of decided votes that any fixed judge can agree with.

    wins, losses: votes for a and for b, pair by pair, shape (pairs,); ties are left
    out.  The best judge names the side with more votes in every pair.  Computed from
    the votes that it is judged by it is a little too high.  Raises ValueError on
    unequal shapes, no pairs, negative or NaN counts, or no decided vote.  Chapter 06.

    >>> pairwise_ceiling(torch.tensor([3.0, 1.0]), torch.tensor([1.0, 1.0]))
    0.6666666666666666
    """
    tensors(wins=wins, losses=losses)
    if wins.dim() != 1 or wins.shape != losses.shape or not len(wins):
        raise ValueError(
            f"got shapes {tuple(wins.shape)} and {tuple(losses.shape)}, expected equal "
            "(pairs,) with at least one pair"
        )
    both = as_double(torch.stack([wins, losses]))
    if not (torch.isfinite(both).all() and (both >= 0).all()):
        raise ValueError("got counts that are negative or NaN, expected 0 or more")
    if both.sum() == 0:
        raise ValueError("got ties only, expected at least one decided vote")
    return float(both.amax(0).sum() / both.sum())
