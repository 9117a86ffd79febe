"""Over-optimisation: fits on curves with known numbers, and alarms by hand."""

import math

import pytest
import torch
from scipy.optimize import curve_fit

from course.reward import overoptimisation as o
from course.runtime import generator

KL = torch.tensor([0.0, 1.0, 4.0, 9.0, 25.0, 64.0, 144.0], dtype=torch.float64)


def parabola(kl, start, a, b):
    d = kl**0.5
    return start + d * (a - b * d)


def test_a_fit_finds_the_curve_that_the_points_lie_on():
    found = o.fit(KL, parabola(KL, -0.3, 1.1, 0.09))
    assert found[:3] == pytest.approx((-0.3, 1.1, 0.09), abs=1e-9)
    assert found.rms < 1e-9
    d = KL.sqrt()
    found = o.fit(KL, 0.2 + d * 0.9 - 0.3 * torch.xlogy(d, d), "logarithm")
    assert found[:3] == pytest.approx((0.2, 0.9, 0.3), abs=1e-9)


def test_a_noisy_fit_equals_scipys():
    noise = 0.2 * torch.randn(7, generator=generator(0), dtype=torch.float64)
    score = parabola(KL, 0.1, 0.8, 0.05) + noise
    expected, _ = curve_fit(parabola, KL.numpy(), score.numpy(), p0=(0, 1, 0.1))
    assert o.fit(KL, score)[:3] == pytest.approx(tuple(expected), abs=1e-5)


def test_the_budget_is_where_the_fitted_curve_is_highest():
    a, b, peak = o.kl_budget_fit(KL, parabola(KL, 0.0, 1.2, 0.1)).tolist()
    fine = torch.linspace(0, 200, 20_001, dtype=torch.float64)
    highest = fine[parabola(fine, 0.0, a, b).argmax()]
    assert peak == pytest.approx(float(highest), abs=0.02)
    assert o.kl_budget_fit(KL, parabola(KL, 0.0, 1.2, -0.1))[2] == math.inf
    assert o.kl_budget_fit(KL, parabola(KL, 0.0, -1.2, 0.1))[2] == math.inf


def test_bootstrap_peaks_of_points_on_a_curve_are_all_its_peak():
    peaks = o.bootstrap_peaks(KL, parabola(KL, 0.0, 1.2, 0.1), 50, generator(0))
    assert peaks.shape == (50,)
    assert torch.allclose(peaks, torch.tensor(36.0, dtype=torch.float64), atol=1e-6)


@pytest.mark.parametrize(
    ("nats", "value"), [(0.0, 1.0), (5.0, 1.5), (10.0, 2.0), (20.0, 3.0), (30.0, 4.0)]
)
def test_a_value_at_equal_kl_lies_on_the_line_between_two_steps(nats, value):
    assert o.at_kl([0.0, 10.0, 30.0, 20.0], [1.0, 2.0, 4.0, 0.0], nats) == value


def test_a_run_that_never_gets_so_far_has_no_value_there():
    assert math.isnan(o.at_kl([0.0, 10.0], [1.0, 2.0], 11.0))


def test_bins_hold_their_lower_edge():
    means = o.by_kl([0.0, 2.0, 3.0, 10.0], [1.0, 2.0, 4.0, 8.0], [2.0, 10.0])
    assert means == [1.0, 3.0, 8.0]
    assert math.isnan(o.by_kl([0.0], [1.0], [2.0])[1])


def test_caution_costs_nothing_where_models_agree_or_stand_alone():
    agree = torch.ones(3, 4)
    assert torch.equal(o.conservative_score(agree, 5.0), torch.ones(4))
    one = torch.tensor([[0.5, -1.0]])
    assert torch.equal(o.conservative_score(one, 5.0), one[0])


@pytest.mark.parametrize(
    ("later", "step"),
    [
        ([9.0, 0.0, 9.0, 0.0], None),
        ([0.0, 9.0, 9.0], 5),
        ([9.0, -9.0], 4),
        ([], None),
    ],
)
def test_an_alarm_needs_neighbours_outside_its_band(later, step):
    assert o.alarm([0.0, 0.1, -0.1, *later], calm=3) == step


def test_with_the_worst_score_a_crash_is_never_the_best_choice():
    scores = o.with_unscorable([0.3, None, -0.5], worst=-0.5)
    assert scores.tolist() == pytest.approx([0.3, -0.5, -0.5])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: o.fit(KL, KL, "cubic"), "got the form 'cubic', expected one of"),
        (lambda: o.fit(KL, KL[:3]), r"got KL \(7,\) and scores \(3,\)"),
        (lambda: o.fit(-KL, KL), "got a KL below 0"),
        (lambda: o.fit(KL * math.nan, KL), "not finite"),
        (lambda: o.fit(torch.ones(5), torch.ones(5)), "enough different KL values"),
        (lambda: o.at_kl([1.0], [1.0, 2.0], 1.0), "got 1 KL values and 2 values"),
        (lambda: o.by_kl([1.0], [1.0], [3.0, 2.0]), "rising edges"),
        (lambda: o.conservative_score(torch.ones(3)), r"got scores of shape \(3,\)"),
        (lambda: o.conservative_score(torch.ones(1, 1), -1.0), "got caution -1.0"),
        (lambda: o.alarm([1.0], calm=1), "got calm 1 and run 2"),
        (lambda: o.with_unscorable([0.0], 1.0), "expected the lowest"),
        (lambda: o.with_unscorable([math.nan], 0.0), "not finite"),
        (lambda: o.bootstrap_peaks(KL, KL, 0, generator(0)), "got 0 draws"),
    ],
)
def test_bad_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
