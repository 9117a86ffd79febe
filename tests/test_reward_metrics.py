"""Agreement with people: against scipy, and calibration by hand."""

import math

import pytest
import torch
from hypothesis import strategies as st
from scipy import stats

from course.reward import metrics

SERIES = st.lists(
    st.tuples(st.integers(-5, 5), st.floats(-100, 100, width=32)),
    min_size=3,
    max_size=30,
).filter(lambda rows: len({a for a, _ in rows}) > 1 and len({b for _, b in rows}) > 1)


def columns(rows):
    return [torch.tensor(c, dtype=torch.float64) for c in zip(*rows, strict=True)]


@pytest.mark.parametrize("seed", range(5))
def test_pearson_is_scipys(seed):
    a, b = torch.randn(2, 40, generator=torch.Generator().manual_seed(seed)).double()
    b = b + seed * a + 1e3  # far from zero, so that sloppy formulas lose digits
    assert metrics.pearson(a, b) == pytest.approx(
        stats.pearsonr(a.numpy(), b.numpy()).statistic, abs=1e-9
    )


def test_a_correlation_changes_only_its_sign_with_the_sign_of_a_scale():
    a, b = torch.randn(2, 30, generator=torch.Generator().manual_seed(1)).double()
    r = metrics.pearson(a, b)
    assert metrics.pearson(3 * a - 7, b) == pytest.approx(r, abs=1e-12)
    assert metrics.pearson(-a, b) == pytest.approx(-r, abs=1e-12)


def test_a_constant_series_has_no_correlation():
    # 0.1 has no exact mean in binary: a test through the variance would see noise.
    assert math.isnan(metrics.pearson(torch.full((7,), 0.1), torch.arange(7.0)))


def test_a_tie_is_no_correct_preference():
    chosen = torch.tensor([2.0, 1.0, 0.0, 5.0])
    rejected = torch.tensor([1.0, 1.0, 3.0, -5.0])
    assert metrics.preference_accuracy(chosen, rejected) == 0.5
    assert metrics.preference_accuracy(rejected, chosen) == 0.25


def test_calibration_error_by_hand():
    p = torch.tensor([0.0, 0.2, 0.2, 0.8, 0.8], dtype=torch.float64)
    y = torch.tensor([1, 0, 0, 1, 0])
    # bin [0, 0.25): mean p = 0.4 / 3, frequency 1 / 3; bin [0.75, 1]: 0.8 and 1 / 2
    expected = 3 / 5 * abs(0.4 / 3 - 1 / 3) + 2 / 5 * abs(0.8 - 1 / 2)
    assert metrics.expected_calibration_error(p, y, bins=4) == pytest.approx(
        expected, abs=1e-12
    )


def test_an_edge_belongs_to_the_bin_above_and_one_to_the_last():
    p = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    table = metrics.reliability_table(p, torch.tensor([0, 1, 1]), bins=2)
    assert table.count.tolist() == [1, 2]
    assert table.confidence.tolist() == [0.0, 0.75]
    assert table.frequency.tolist() == [0.0, 1.0]


def test_an_empty_bin_counts_nothing():
    p, y = torch.tensor([0.05, 0.95]), torch.tensor([0, 1])
    table = metrics.reliability_table(p, y)
    assert table.count.tolist() == [1] + [0] * 8 + [1]
    assert table.confidence[1:9].isnan().all() and table.frequency[1:9].isnan().all()
    error = metrics.expected_calibration_error(p, y)
    assert error == pytest.approx(0.05, abs=1e-7)


def test_forecasts_that_come_true_are_calibrated_and_bold_ones_are_not():
    p = torch.full((10,), 0.3)
    y = torch.tensor([1] * 3 + [0] * 7)
    assert metrics.expected_calibration_error(p, y) == pytest.approx(0, abs=1e-7)
    bold = torch.full((10,), 0.9)
    assert metrics.expected_calibration_error(bold, y) == pytest.approx(0.6, abs=1e-7)


def test_a_tie_between_people_counts_half():
    error = metrics.expected_calibration_error(
        torch.full((4,), 0.5), torch.full((4,), 0.5)
    )
    assert error == 0


def test_the_order_of_the_rows_does_not_matter():
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(50, generator=generator)
    y = (torch.rand(50, generator=generator) < p).long()
    order = torch.randperm(50, generator=generator)
    assert metrics.expected_calibration_error(p[order], y[order]) == pytest.approx(
        metrics.expected_calibration_error(p, y), abs=1e-12
    )


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: metrics.pearson(torch.ones(3), torch.ones(2)), "expected equal"),
        (lambda: metrics.pearson(torch.ones(1), torch.ones(1)), "at least 2"),
        (lambda: metrics.pearson(torch.ones(2, 2), torch.ones(2, 2)), "expected equ"),
        (
            lambda: metrics.pearson(torch.tensor([1.0, math.nan]), torch.ones(2)),
            "finite",
        ),
        (
            lambda: metrics.preference_accuracy(torch.ones(0), torch.ones(0)),
            "at least 1",
        ),
        (
            lambda: metrics.expected_calibration_error(
                torch.tensor([1.2]), torch.tensor([1])
            ),
            "expected 0 to 1",
        ),
        (
            lambda: metrics.expected_calibration_error(
                torch.tensor([0.2]), torch.tensor([2])
            ),
            "expected 0 to 1",
        ),
        (
            lambda: metrics.expected_calibration_error(
                torch.tensor([0.2]), torch.tensor([1]), bins=0
            ),
            "at least 1",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
