"""Agreement between raters against numpy, algebra and simulated crowds."""

import math
import random

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course.reward.agreement import (
    bootstrap_interval,
    check_range,
    one_against_rest,
    pairwise_ceiling,
    rating_table,
    spearman_brown,
    split_half,
    two_groups,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def crowd(texts=2000, raters=10, noise=1.0, seed=0):
    """Ratings on a fine scale, quality of standard deviation 1 plus noise."""
    draws = torch.randn(texts, raters + 1, generator=seeded(seed), dtype=torch.float64)
    ratings = 0.5 * (draws[:, :1] + noise * draws[:, 1:])
    return rating_table(ratings.clamp(-4, 4).tolist())


def test_a_table_pads_on_the_right_and_keeps_the_means():
    lists = [[1, 2, 4], [-4, 4], [0, 0, 0, 1]]
    table = rating_table(lists)
    assert table.ratings.shape == table.mask.shape == (3, 4)
    assert table.mask.sum(1).tolist() == [3, 2, 4]
    assert table.means().tolist() == pytest.approx([sum(x) / len(x) for x in lists])
    assert not table.ratings[~table.mask].any()


@pytest.mark.parametrize(
    ("ratings", "told"),
    [
        ([], "got no texts"),
        ([[1, 2], [3]], "1 rating.s. of text 1.*one rater has nobody"),
        ([[1, 2], []], "0 rating.s. of text 1"),
        ([[1, 5]], "from 1 to 5, expected -4 to 4"),
        ([[-4.5, 0]], "from -4.5 to 0, expected -4 to 4"),
        ([[math.nan, 1]], "NaN"),
    ],
)
def test_bad_ratings_get_one_sentence(ratings, told):
    with pytest.raises(ValueError, match=told) as caught:
        rating_table(ratings)
    assert "\n" not in str(caught.value)


def test_the_ends_of_the_scale_are_allowed():
    check_range(torch.tensor([-4.0, 4.0]))
    check_range(torch.tensor([]))


@given(st.integers(1, 5), st.integers(0, 9))
def test_two_groups_have_their_size_and_never_share_a_rater(size, seed):
    count = torch.tensor([2 * size, 2 * size + 1, 2 * size + 7])
    mask = torch.arange(int(count.max())) < count[:, None]
    first, second = two_groups(mask, size, seeded(seed))
    assert not (first & second).any()
    assert not ((first | second) & ~mask).any()
    assert first.sum(1).tolist() == second.sum(1).tolist() == [size] * 3


def test_every_rater_is_drawn_equally_often():
    mask = torch.arange(5) < torch.full((4000, 1), 4)
    first, second = two_groups(mask, 1, seeded())
    for group in (first, second):
        share = group.double().mean(0)
        assert share[4] == 0
        # 4000 draws of 1 in 4: a standard error of 0.0068, four of them
        assert (share[:4] - 0.25).abs().max() < 0.028


def test_groups_may_differ_in_size_from_text_to_text():
    mask = torch.arange(9) < torch.tensor([[4], [9]])
    first, second = two_groups(mask, mask.sum(1) // 2, seeded())
    assert first.sum(1).tolist() == second.sum(1).tolist() == [2, 4]


@pytest.mark.parametrize("size", [0, 3])
def test_groups_that_do_not_fit_are_refused(size):
    with pytest.raises(ValueError, match="expected 1 to half"):
        two_groups(torch.ones(2, 5, dtype=torch.bool), size, seeded())


def test_split_half_is_numpy_s_correlation_of_the_two_means():
    table = crowd(texts=40, raters=9)
    first, second = two_groups(table.mask, torch.tensor([3, 4] * 20), seeded(1))
    rows = [
        (r[f].mean().item(), r[s].mean().item())
        for r, f, s in zip(table.ratings, first, second, strict=True)
    ]
    expected = numpy.corrcoef(numpy.array(rows).T)[0, 1]
    assert split_half(table.ratings, first, second) == pytest.approx(expected)


@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
def test_split_half_finds_the_reliability_that_was_planted(noise):
    """Quality of variance 1 and noise² / 5 in the mean of five raters."""
    table = crowd(texts=20_000, noise=noise)
    r = split_half(table.ratings, *two_groups(table.mask, 5, seeded(1)))
    expected = 1 / (1 + noise**2 / 5)
    assert abs(r - expected) < 4 * (1 - expected**2) / 20_000**0.5


def test_one_against_the_rest_is_what_theory_says():
    """corr = sqrt(R_1 R_9) for quality of variance 1, noise 1 and ten raters."""
    r = one_against_rest(crowd(texts=20_000), seeded(1))
    expected = math.sqrt(1 / 2 * 1 / (1 + 1 / 9))
    assert abs(r - expected) < 4 * (1 - expected**2) / 20_000**0.5


def test_split_half_refuses_what_has_no_answer():
    ratings = torch.tensor([[1.0, 2.0], [3.0, 1.0], [0.0, -1.0]])
    first = torch.tensor([[True, False]] * 3)
    assert -1 <= split_half(ratings, first, ~first) <= 1
    bad = [
        (ratings, first[:, :1], ~first, r"expected \(texts, raters\)"),
        (ratings[0], first[0], ~first[0], r"expected \(texts, raters\)"),
        (ratings, first & False, ~first, "without raters"),
        (ratings * 4, first, ~first, "expected -4 to 4"),
        (ratings * math.nan, first, ~first, "NaN"),
        (torch.ones(3, 2), first, ~first, "equal mean ratings"),
        (ratings[:1], first[:1], ~first[:1], "at least 2"),
    ]
    for *arguments, told in bad:
        with pytest.raises(ValueError, match=told):
            split_half(*arguments)


@given(st.floats(0.05, 0.95), st.floats(0.5, 10), st.floats(0.5, 10))
def test_lengthening_twice_is_lengthening_by_the_product(r, m, n):
    assert spearman_brown(spearman_brown(r, m), n) == pytest.approx(
        spearman_brown(r, m * n)
    )


def test_spearman_brown_on_paper():
    assert spearman_brown(0.8, 1) == pytest.approx(0.8)
    # quality of variance 1, noise of variance 3: one rater 1/4, n raters n/(n + 3)
    for n in (2, 3, 9):
        assert spearman_brown(0.25, n) == pytest.approx(n / (n + 3))
    assert spearman_brown(0.0, 50) == 0


@pytest.mark.parametrize(
    ("r", "factor"), [(1.1, 2), (-1, 2), (math.nan, 2), (0.5, 0), (-0.9, 3)]
)
def test_spearman_brown_refuses_the_impossible(r, factor):
    with pytest.raises(ValueError, match="expected r within"):
        spearman_brown(r, factor)


def test_the_bootstrap_finds_the_standard_error_of_a_mean():
    values = torch.randn(400, generator=seeded(), dtype=torch.float64)
    low, high = bootstrap_interval(
        lambda index: float(values[index].mean()), 400, seeded(1), draws=2000
    )
    error = float(values.std(correction=0)) / 20
    assert low < float(values.mean()) < high
    # the 2.5 % point of 2,000 draws has a relative error of about 3 %: four of them
    assert (high - low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.12)


def test_the_bootstrap_interval_has_its_coverage():
    inside = 0
    for seed in range(200):
        values = torch.randn(40, generator=seeded(seed), dtype=torch.float64)
        low, high = bootstrap_interval(
            lambda index, values=values: float(values[index].mean()),
            40, seeded(seed + 1000), draws=100, level=0.8,
        )  # fmt: skip
        inside += low < 0 < high
    # 80 % wanted; small samples make percentile intervals a little too short
    assert 0.68 < inside / 200 < 0.90


@pytest.mark.parametrize(
    "bad", [{"n": 1}, {"n": 5, "draws": 1}, {"n": 5, "level": 1.0}]
)
def test_the_bootstrap_refuses_nonsense(bad):
    with pytest.raises(ValueError, match="expected 2 or more"):
        bootstrap_interval(lambda i: 0.0, generator=seeded(), **bad)


def test_the_ceiling_is_the_best_of_all_fixed_judges():
    draw = random.Random(0)
    wins = torch.tensor([float(draw.randint(0, 9)) for _ in range(6)])
    losses = torch.tensor([float(draw.randint(1, 9)) for _ in range(6)])
    total = float((wins + losses).sum())
    judges = [
        sum(float(w if code >> i & 1 else lost)
            for i, (w, lost) in enumerate(zip(wins, losses, strict=True))) / total
        for code in range(2**6)
    ]  # fmt: skip
    assert pairwise_ceiling(wins, losses) == pytest.approx(max(judges))


@pytest.mark.parametrize(
    ("wins", "losses", "told"),
    [
        ([], [], "at least one pair"),
        ([1.0], [1.0, 2.0], "expected equal"),
        ([0.0], [0.0], "ties only"),
        ([-1.0], [2.0], "negative or NaN"),
        ([math.nan], [2.0], "negative or NaN"),
    ],
)
def test_the_ceiling_refuses_bad_counts(wins, losses, told):
    with pytest.raises(ValueError, match=told):
        pairwise_ceiling(torch.tensor(wins), torch.tensor(losses))
