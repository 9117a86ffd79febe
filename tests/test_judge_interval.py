"""Intervals of people and a judge: algebra, and how often they hold the truth."""

import pytest
import torch

from course.reward.judge_interval import (
    judge_interval,
    mean_interval,
    rogan_gladen_interval,
    tuned_weight,
)


def world(seed: int, n: int, m: int, noise: float = 0.5, lean: float = 0.3):
    """What people say of n + m texts, and a judge that leans."""
    generator = torch.Generator().manual_seed(seed)
    people = (torch.rand(n + m, generator=generator) < 0.4).double()
    judge = people + lean + noise * torch.randn(n + m, generator=generator).double()
    return people[:n], judge[:n], judge[n:]


def width(ends) -> float:
    return float(ends[1] - ends[0])


def test_weight_0_is_people_alone():
    asked, judged, unasked = world(0, 30, 70)
    found = judge_interval(asked, judged, unasked, 0.0)
    torch.testing.assert_close(found, mean_interval(asked))


def test_a_judge_without_error_gives_the_interval_of_the_unasked_texts():
    asked, _, _ = world(1, 30, 70)
    judged, unasked = asked.clone(), world(2, 70, 2)[0]
    torch.testing.assert_close(
        judge_interval(asked, judged, unasked, 1.0), mean_interval(unasked)
    )


def test_a_judge_that_leans_is_put_straight():
    asked, judged, unasked = world(3, 40, 100)
    for weight in (0.4, 1.0):
        right = judge_interval(asked, judged, unasked, weight)
        leans = judge_interval(asked, judged + 5, unasked + 5, weight)
        torch.testing.assert_close(leans, right)


def test_the_tuned_weight_is_the_narrowest_of_all_weights():
    asked, judged, unasked = world(4, 60, 240)
    best = tuned_weight(asked, judged, unasked)
    widths = {
        w / 100: width(judge_interval(asked, judged, unasked, w / 100))
        for w in range(101)
    }
    assert 0 < best < 1
    assert abs(best - min(widths, key=widths.get)) < 0.1
    assert width(judge_interval(asked, judged, unasked, best)) < widths[0]


def test_a_useless_or_a_contrary_judge_gets_weight_0_and_changes_nothing():
    asked, judged, unasked = world(5, 50, 100)
    assert tuned_weight(asked, -judged, -unasked) == 0
    assert tuned_weight(asked, torch.ones(50), torch.ones(100)) == 0


def test_rogan_gladen_undoes_the_judges_errors_exactly_where_they_are_known():
    # Of 10 liked 8 are called so, of 10 disliked 3: q = .8 share + .3 (1 - share).
    asked = torch.tensor([1.0] * 10 + [0.0] * 10)
    judged = torch.tensor([1.0] * 8 + [0.0] * 2 + [1.0] * 3 + [0.0] * 7)
    for share in (0.2, 0.5, 0.7):
        q = 0.8 * share + 0.3 * (1 - share)
        unasked = (torch.arange(1000) < round(1000 * q)).float()
        low, high = rogan_gladen_interval(asked, judged, unasked)
        assert float(low + high) / 2 == pytest.approx(share, abs=1e-3)
    chance = torch.tensor([1.0, 0.0] * 10)
    assert rogan_gladen_interval(asked, chance, chance).isinf().all()


def test_they_hold_the_truth_as_often_as_they_promise_and_the_judge_alone_never():
    held, plays = torch.zeros(5), 600
    for seed in range(plays):
        data = world(seed, 80, 300)
        hard = data[0], (data[1] > 0.8).double(), (data[2] > 0.8).double()
        ends = (
            mean_interval(data[0]), judge_interval(*data),
            judge_interval(*data, tuned_weight(*data)), rogan_gladen_interval(*hard),
            mean_interval(data[2]),
        )  # fmt: skip
        held += torch.tensor([float(low <= 0.4 <= high) for low, high in ends])
    held /= plays
    # A share of 600 plays has a standard error of .009 at .95.
    assert (held[:4] > 0.92).all() and (held[:4] < 0.98).all()
    assert held[4] == 0


@pytest.mark.parametrize("function", [judge_interval, rogan_gladen_interval])
def test_shapes_that_do_not_fit_are_refused(function):
    asked, judged, unasked = world(0, 5, 9)
    for given in ((asked[:3], judged, unasked), (asked, judged, unasked[:, None])):
        with pytest.raises(ValueError, match=r"expected \(n,\), \(n,\) and \(m,\)"):
            function(*given)
    with pytest.raises(ValueError, match="fewer than two texts"):
        function(asked[:1], judged[:1], unasked)


def test_people_who_all_say_the_same_tell_nothing_about_a_judge():
    with pytest.raises(ValueError, match="all say the same"):
        rogan_gladen_interval(torch.ones(4), torch.ones(4), torch.ones(4))


@pytest.mark.parametrize("odd", [-1.0, 2.0, float("nan")])
def test_a_verdict_that_is_no_share_is_refused(odd):
    given = torch.tensor([0.0, 1.0, 1.0, 0.0])
    for n in range(3):
        verdicts = [given, given, given]
        verdicts[n] = torch.tensor([0.0, 1.0, odd, 0.0])
        with pytest.raises(ValueError, match="got verdicts from .*expected 0 to 1"):
            rogan_gladen_interval(*verdicts)
