"""Votes, Bradley–Terry and Elo against scipy, enumeration, autograd and algebra."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course.reward.agreement import rating_table
from course.reward.annotator import annotate, choice_logits, choice_probabilities
from course.reward.ranking import (
    ELO_PER_NAT,
    bradley_terry_fit,
    elo_update,
    pair_probability,
    pair_votes,
    strength_errors,
    win_matrix,
)

ratings = st.lists(st.integers(-4, 4), min_size=1, max_size=8)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def table(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def random_wins(items, seed=0):
    wins = torch.randint(1, 9, (items, items), generator=seeded(seed)).double()
    return wins - torch.diag(wins.diagonal())


def simulated(strengths, votes, seed=0):
    """Who met whom and how it ended, for planted strengths in nats."""
    n, draw = len(strengths), seeded(seed)
    a = torch.randint(n, (votes,), generator=draw)
    b = (a + torch.randint(1, n, (votes,), generator=draw)) % n
    logits = choice_logits(strengths[a] - strengths[b], torch.ones(votes), noise=1.0)
    return a, b, annotate(logits, generator=draw)


@given(ratings, ratings)
def test_a_probability_is_the_count_over_all_meetings(a, b):
    votes = [1.0 if x > y else 0.5 if x == y else 0.0 for x in a for y in b]
    found = pair_probability(torch.tensor(a), torch.tensor(b))
    assert found == pytest.approx(sum(votes) / len(votes))


@given(st.lists(ratings.filter(lambda x: len(x) > 1), min_size=2, max_size=5))
def test_many_pairs_at_once_are_the_pairs_one_by_one(lists):
    values, mask = rating_table(lists)
    a, b = torch.combinations(torch.arange(len(lists))).T
    votes = pair_votes(values[a], mask[a], values[b], mask[b])
    for place, (i, j) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        wins, ties, losses = (int(x[place]) for x in votes)
        assert wins + ties + losses == len(lists[i]) * len(lists[j])
        share = (wins + ties / 2) / (wins + ties + losses)
        one = pair_probability(torch.tensor(lists[i]), torch.tensor(lists[j]))
        assert one == pytest.approx(share)


@pytest.mark.parametrize(
    ("a", "told"),
    [
        ([], "at least one rater"),
        ([[1.0]], "expected .raters,."),
        ([5.0], "expected -4 to 4"),
        ([math.nan], "NaN"),
    ],
)
def test_bad_ratings_of_a_pair_get_one_sentence(a, told):
    with pytest.raises(ValueError, match=told):
        pair_probability(torch.tensor(a), torch.tensor([1.0]))
    with pytest.raises(ValueError, match=told):
        pair_probability(torch.tensor([1.0]), torch.tensor(a))


def test_votes_are_counted_in_the_matrix():
    a, b = torch.tensor([0, 0, 1, 2]), torch.tensor([1, 1, 0, 0])
    wins = win_matrix(a, b, torch.tensor([1.0, 0.5, 1.0, 0.0]), 3)
    assert torch.equal(wins, table([0, 1.5, 1], [1.5, 0, 0], [0, 0, 0]))


@pytest.mark.parametrize(
    ("a", "b", "outcomes", "told"),
    [
        ([], [], [], "at least one pair"),
        ([0], [1], [1.0, 0.0], "one outcome per pair"),
        ([0], [0], [1.0], "two different items"),
        ([0], [3], [1.0], "two different items"),
        ([-1], [1], [1.0], "two different items"),
        ([0], [1], [2.0], "from 0 to 1"),
        ([0], [1], [math.nan], "from 0 to 1"),
    ],
)
def test_bad_votes_get_one_sentence(a, b, outcomes, told):
    with pytest.raises(ValueError, match=told):
        win_matrix(torch.tensor(a), torch.tensor(b), torch.tensor(outcomes), 3)


@pytest.mark.parametrize("items", [2, 5, 12])
def test_the_fit_is_scipy_s_optimum(items):
    from scipy.optimize import minimize
    from scipy.special import expit, log_expit

    wins = random_wins(items, seed=items).numpy()

    def loss(s):
        gaps = s[:, None] - s
        slope = wins * expit(-gaps)
        return -(wins * log_expit(gaps)).sum(), slope.sum(0) - slope.sum(1)

    found = minimize(loss, [0.0] * items, jac=True, options={"gtol": 1e-9}).x
    fitted = bradley_terry_fit(torch.from_numpy(wins)).numpy()
    assert abs(fitted - (found - found.mean())).max() < 1e-6
    assert loss(fitted)[0] <= loss(found)[0] + 1e-9


def test_two_items_have_the_log_odds_of_their_votes():
    strengths = bradley_terry_fit(table([0, 3], [1, 0]))
    assert strengths.tolist() == pytest.approx([math.log(3) / 2, -math.log(3) / 2])


def test_at_the_optimum_expected_wins_are_wins():
    wins = random_wins(8)
    s = bradley_terry_fit(wins)
    expected = ((wins + wins.T) * torch.sigmoid(s[:, None] - s)).sum(1)
    assert torch.allclose(expected, wins.sum(1), atol=1e-9)
    assert abs(float(s.mean())) < 1e-12


def test_a_poor_start_does_not_throw_newton_off():
    """A full Newton step from 0 overshoots here; the steps are halved."""
    wins = table([0, 5000, 0], [1, 0, 5000], [0, 1, 0])
    s = bradley_terry_fit(wins)
    assert (s[0] - s[1]).item() == pytest.approx(math.log(5000))
    assert (s[1] - s[2]).item() == pytest.approx(math.log(5000))


def test_the_diagonal_is_ignored():
    wins = random_wins(4)
    again = wins + torch.diag(torch.tensor([7.0, 0, 0, 3]))
    assert torch.equal(bradley_terry_fit(wins), bradley_terry_fit(again))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_strengths_come_back_within_their_standard_errors(seed):
    true = torch.linspace(-2, 2, 20, dtype=torch.float64)
    wins = win_matrix(*simulated(true, 8000, seed), 20)
    s = bradley_terry_fit(wins)
    z = (s - true) / strength_errors(s, wins)
    # the sum of z² of 19 free strengths: mean 19, standard deviation 6.2
    assert 19 - 4 * 6.2 < float((z**2).sum()) * 19 / 20 < 19 + 4 * 6.2
    assert z.abs().max() < 4.5


def test_standard_errors_are_those_of_a_log_odds():
    """30 to 10: the gap has variance 1/30 + 1/10, each strength a quarter of it."""
    wins = table([0, 30], [10, 0])
    found = strength_errors(bradley_terry_fit(wins), wins)
    assert found.tolist() == pytest.approx([math.sqrt(1 / 30 + 1 / 10) / 2] * 2)


@pytest.mark.parametrize(
    ("wins", "told"),
    [
        (table([0, 0], [0, 0]), "no votes"),
        (table([3, 0], [0, 3]), "no votes"),
        (table([0, 2]), "expected .items, items."),
        (table([1]), "at least two items"),
        (table([0, -1], [1, 0]), "negative or not finite"),
        (table([0, math.nan], [1, 0]), "negative or not finite"),
        (table([0, math.inf], [1, 0]), "negative or not finite"),
        (
            table([0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]),
            "never meet .items 0, 1 and the rest",
        ),
        (table([0, 2, 1], [0, 0, 1], [0, 1, 0]), "got item 0 without a loss"),
        (table([0, 1, 1], [1, 0, 1], [0, 0, 0]), "got items 0, 1 without a loss"),
    ],
)
def test_votes_without_finite_strengths_get_one_sentence(wins, told):
    with pytest.raises(ValueError, match=told) as caught:
        bradley_terry_fit(wins)
    assert "\n" not in str(caught.value)


def test_a_few_invented_votes_make_an_unbeaten_item_finite():
    wins = table([0, 2, 1], [0, 0, 1], [0, 1, 0])
    assert torch.isfinite(bradley_terry_fit(wins + 0.1)).all()


def test_elo_is_one_gradient_step_of_bradley_terry():
    theta = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64, requires_grad=True)
    k, outcome = 24.0, 1.0
    gap = theta[2] - theta[0]
    loglik = outcome * torch.nn.functional.logsigmoid(gap)
    (slope,) = torch.autograd.grad(loglik, theta)
    stepped = ELO_PER_NAT * (theta + k / ELO_PER_NAT * slope)
    updated = elo_update(ELO_PER_NAT * theta.detach(), 2, 0, outcome, k)
    assert torch.allclose(updated, stepped)


@given(st.floats(0, 1), st.floats(-300, 300), st.floats(1, 64))
def test_elo_moves_points_and_makes_none(outcome, gap, k):
    before = torch.tensor([1500.0, 1500 + gap, 1400], dtype=torch.float64)
    after = elo_update(before, 0, 1, outcome, k)
    assert float(after.sum()) == pytest.approx(float(before.sum()))
    mirrored = elo_update(before, 1, 0, 1 - outcome, k)
    assert torch.allclose(after, mirrored)
    assert after[2] == 1400 and float(before[0]) == 1500


def test_elo_gains_half_of_k_between_equals():
    after = elo_update(torch.tensor([1500.0, 1500.0]), 0, 1, 1.0, 32.0)
    assert after.tolist() == [1516.0, 1484.0]


@pytest.mark.parametrize("bad", [(0, 0, 1.0), (0, 1, 1.5), (0, 1, math.nan)])
def test_elo_refuses_an_impossible_game(bad):
    with pytest.raises(ValueError, match="expected two different"):
        elo_update(torch.zeros(2), *bad)


def test_the_annotator_is_a_sigmoid_of_gap_and_length():
    gaps, ratios = torch.tensor([1.0, -2.0, 0.0]), torch.tensor([1.0, 4.0, 0.5])
    logits = choice_logits(gaps, ratios, noise=2.0, length_bias=0.3)
    assert logits.tolist() == pytest.approx([0.5, -0.4, -0.3])
    b, tie, a = choice_probabilities(logits).T
    assert torch.allclose(a, torch.sigmoid(logits)) and not tie.any()
    assert torch.allclose(a + b, torch.ones(3))


def test_ties_are_likeliest_between_equals_and_leave_the_odds_alone():
    logits = torch.linspace(-3, 3, 7)
    b, tie, a = choice_probabilities(logits, ties=1.0).T
    assert int(tie.argmax()) == 3 and float(tie[3]) == pytest.approx(1 / 3)
    assert torch.allclose(torch.log(a / b), logits, atol=1e-6)


@pytest.mark.parametrize("ties", [0.0, 0.8])
def test_votes_are_as_frequent_as_their_probabilities(ties):
    n = 40_000
    logits = torch.full((n,), 0.7, dtype=torch.float64)
    votes = annotate(logits, generator=seeded(), ties=ties)
    wanted = choice_probabilities(logits[:1], ties)[0]
    for outcome, p in zip((0.0, 0.5, 1.0), wanted.tolist(), strict=True):
        share = float((votes == outcome).double().mean())
        assert abs(share - p) <= 4 * math.sqrt(p * (1 - p) / n)


def test_an_infinitely_noisy_annotator_is_a_coin():
    logits = choice_logits(torch.tensor([4.0]), torch.ones(1), noise=math.inf)
    assert choice_probabilities(logits)[0].tolist() == [0.5, 0.0, 0.5]


@pytest.mark.parametrize(
    ("gaps", "ratios", "options", "told"),
    [
        ([], [], {"noise": 1.0}, "at least one pair"),
        ([1.0], [1.0, 2.0], {"noise": 1.0}, "expected equal"),
        ([1.0], [1.0], {"noise": 0.0}, "noise above 0"),
        ([1.0], [1.0], {"noise": math.nan}, "noise above 0"),
        ([1.0], [1.0], {"noise": 1.0, "length_bias": math.inf}, "finite bias"),
        ([math.nan], [1.0], {"noise": 1.0}, "not finite"),
        ([1.0], [0.0], {"noise": 1.0}, "not positive"),
    ],
)
def test_an_impossible_annotator_gets_one_sentence(gaps, ratios, options, told):
    with pytest.raises(ValueError, match=told):
        choice_logits(torch.tensor(gaps), torch.tensor(ratios), **options)


@pytest.mark.parametrize("ties", [-0.1, math.inf, math.nan])
def test_impossible_ties_are_refused(ties):
    with pytest.raises(ValueError, match="expected 0 or a finite"):
        choice_probabilities(torch.zeros(1), ties)
