"""Best-of-n against enumeration: which is kept, its KL, and the pool's estimate."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.reward.best_of_n import (
    best_of_n,
    best_of_n_kl,
    kept_rows,
    pool_estimate,
    pool_weights,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def by_brute_force(proxy, gold, n):
    """Mean gold of the proxy's choice over all draws; among ties, of their mean."""
    picked = []
    for draw in itertools.combinations(range(len(proxy)), n):
        top = max(proxy[i] for i in draw)
        tied = [gold[i] for i in draw if proxy[i] == top]
        picked.append(sum(tied) / len(tied))
    return sum(picked) / len(picked)


def random_pool(size, seed=0):
    return torch.randn(2, size, generator=seeded(seed), dtype=torch.float64)


# -------------------------------------------------------------------------- the choice


def test_the_best_candidate_of_every_prompt_is_kept():
    scores = torch.tensor([[0.0, 2.0, 1.0], [-1.0, -3.0, -2.0]])
    assert best_of_n(scores).tolist() == [1, 0]
    assert best_of_n(scores[0]).shape == ()
    assert best_of_n(torch.tensor([[7.0], [8.0]])).tolist() == [0, 0]  # n = 1
    assert best_of_n(torch.tensor([1, 3, 2])) == 1


def test_ties_are_broken_evenly_and_only_among_the_best():
    scores = torch.tensor([1.0, 3.0, 0.0, 3.0, 3.0]).expand(6000, 5)
    count = best_of_n(scores, seeded()).bincount(minlength=5)
    assert count[0] == count[2] == 0
    # 6,000 draws of chance 1/3: mean 2,000, standard deviation 37
    assert (count[[1, 3, 4]] - 2000).abs().max() < 5 * 37


def test_one_seed_gives_one_choice():
    scores = torch.zeros(50, 4)
    first, again, other = (best_of_n(scores, seeded(s)) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_the_choice_does_not_change_with_the_scale_of_the_scores():
    scores = torch.randn(20, 8, generator=seeded())
    assert torch.equal(best_of_n(scores), best_of_n(5 * scores.double() - 100))


# -------------------------------------------------------------- the rejection sampling


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_the_kept_rows_are_the_best_of_every_n_in_a_row(n):
    scores = torch.randn(12, generator=seeded(n))
    expected = [
        max(range(start, start + n), key=lambda row: scores[row])
        for start in range(0, 12, n)
    ]
    assert kept_rows(scores, n).tolist() == expected
    assert kept_rows(scores, n).dtype == torch.long


def test_kept_rows_breaks_ties_at_random_inside_a_group_and_never_leaves_it():
    kept = kept_rows(torch.zeros(4000), 4, seeded())
    assert (kept // 4).tolist() == list(range(1000))
    # 1,000 draws of chance 1/4: mean 250, standard deviation 14
    assert ((kept % 4).bincount(minlength=4) - 250).abs().max() < 5 * 14


# ------------------------------------------------------------------------------ the KL


@pytest.mark.parametrize(
    ("n", "nats"),
    [
        (1, 0.0),
        (2, 0.193),
        (4, 0.636),
        (8, 1.204),
        (16, 1.835),
        (64, 3.175),
        (256, 4.549),
        (1024, 5.932),
    ],
)
def test_the_kl_has_its_known_values(n, nats):
    assert best_of_n_kl(n) == pytest.approx(nats, abs=5e-4)


def enumerated_kl(probabilities, n):
    """KL of F(y)^n - F(y-)^n to p(y), the completions y sorted by score, no ties."""
    cdf = [0.0, *itertools.accumulate(probabilities)]
    best = [high**n - low**n for low, high in itertools.pairwise(cdf)]
    assert sum(best) == pytest.approx(1)
    return sum(b * math.log(b / p) for b, p in zip(best, probabilities, strict=True))


@pytest.mark.parametrize("n", [1, 2, 4, 8, 16])
def test_many_equally_likely_completions_have_the_kl_of_the_formula(n):
    # The exact value is a Riemann sum of the formula's integral: error of order n / V.
    size = 20_000
    kl = enumerated_kl([1 / size] * size, n)
    assert kl == pytest.approx(best_of_n_kl(n), abs=n / size)
    assert kl <= best_of_n_kl(n) + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_few_completions_stay_below_the_formula_and_grow_with_n(seed):
    p = torch.randn(7, generator=seeded(seed), dtype=torch.float64).softmax(0).tolist()
    kls = [enumerated_kl(p, n) for n in (1, 2, 3, 5, 9, 20)]
    assert kls[0] == pytest.approx(0, abs=1e-12) and best_of_n_kl(1) == 0
    assert all(a < b for a, b in itertools.pairwise(kls))
    formula = [best_of_n_kl(n) for n in (2, 3, 5, 9, 20)]
    assert all(kl < bound for kl, bound in zip(kls[1:], formula, strict=True))


def test_the_choices_follow_the_enumerated_distribution():
    """Ties the choice and the formula to one another: candidates drawn, best kept."""
    p, n, draws = [0.5, 0.3, 0.2], 3, 20_000
    drawn = torch.multinomial(
        torch.tensor(p), n * draws, replacement=True, generator=seeded()
    ).view(draws, n)
    kept = drawn.gather(1, best_of_n(drawn.float(), seeded())[:, None])
    expected = torch.tensor([0.5**3, 0.8**3 - 0.5**3, 1 - 0.8**3])
    error = (expected * (1 - expected) / draws).sqrt()
    assert ((kept.flatten().bincount() / draws - expected).abs() < 4 * error).all()


# ----------------------------------------------------------------- the pool's estimate


@pytest.mark.parametrize("n", range(1, 10))
def test_the_estimate_is_the_mean_over_all_draws_from_a_pool_of_nine(n):
    proxy, gold = random_pool(9, seed=n)
    expected = by_brute_force(proxy.tolist(), gold.tolist(), n)
    assert pool_estimate(proxy, gold, n).item() == pytest.approx(expected, abs=1e-12)


def test_n_of_one_gives_the_mean_and_the_whole_pool_gives_the_proxys_best():
    proxy, gold = random_pool(31)
    assert pool_estimate(proxy, gold, 1).item() == pytest.approx(gold.mean().item())
    assert pool_estimate(proxy, gold, 31).item() == gold[proxy.argmax()].item()
    assert pool_estimate(proxy, proxy, 31).item() == proxy.max().item()


@pytest.mark.parametrize("seed", range(5))
def test_the_proxys_own_curve_never_falls_with_n(seed):
    proxy, _ = random_pool(25, seed)
    curve = [pool_estimate(proxy, proxy, n).item() for n in range(1, 26)]
    assert all(a <= b + 1e-12 for a, b in itertools.pairwise(curve))


@settings(deadline=None)
@given(st.integers(1, 40).flatmap(lambda s: st.tuples(st.just(s), st.integers(1, s))))
def test_the_weights_are_those_of_exact_binomials(size_and_n):
    size, n = size_and_n
    expected = [math.comb(i, n - 1) / math.comb(size, n) for i in range(size)]
    assert pool_weights(size, n).tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 512, 4095, 4096])
def test_the_weights_of_a_large_pool_are_finite_and_sum_to_one(n):
    """C(4096, 512) is beyond every float."""
    weights = pool_weights(4096, n)
    assert weights.shape == (4096,) and weights.isfinite().all()
    assert weights.sum().item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_with_ties_the_mean_over_seeds_is_the_mean_over_all_draws(n):
    proxy = torch.tensor([1.0, 0.0, 1.0, 1.0])
    gold = torch.tensor([3.0, 1.0, -6.0, 0.0])
    # Many prompts with the same pool: one call breaks the ties of each anew.
    many = pool_estimate(proxy.expand(8000, 4), gold.expand(8000, 4), n, seeded())
    expected = by_brute_force(proxy.tolist(), gold.tolist(), n)
    error = many.std().item() / math.sqrt(8000)
    assert many.mean().item() == pytest.approx(expected, abs=4 * error + 1e-6)
    if n > 1:  # the place of a text in the pool must not decide
        assert len({round(value, 4) for value in many.tolist()}) > 2


def test_every_prompt_has_its_own_pool():
    proxy, gold = random_pool(24).view(2, 4, 6)
    together = pool_estimate(proxy, gold, 3)
    alone = [pool_estimate(p, g, 3) for p, g in zip(proxy, gold, strict=True)]
    assert together.tolist() == pytest.approx([one.item() for one in alone])


def test_the_estimate_keeps_the_type_of_gold_and_takes_whole_numbers():
    proxy, gold = random_pool(5)
    assert pool_estimate(proxy, gold, 2).dtype == torch.float64
    assert pool_estimate(proxy, gold.float(), 2).dtype == torch.float32
    votes = torch.tensor([1, 0, 0, 1, 1])
    assert pool_estimate(proxy, votes, 1).item() == pytest.approx(3 / 5)


ONE = torch.zeros(3)
NAN = torch.tensor([0.0, math.nan, 1.0])


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: best_of_n(NAN), ValueError, "not finite"),
        (lambda: best_of_n(torch.zeros(2, 0)), ValueError, r"shape \(2, 0\)"),
        (lambda: best_of_n(torch.tensor(1.0)), ValueError, r"shape \(\)"),
        (lambda: kept_rows(torch.zeros(5), 2), ValueError, r"shape \(5,\)"),
        (lambda: kept_rows(torch.zeros(2, 2), 2), ValueError, r"shape \(2, 2\)"),
        (lambda: kept_rows(torch.zeros(4), 0), ValueError, "got n 0"),
        (lambda: kept_rows(torch.zeros(0), 2), ValueError, "got no scores"),
        (lambda: best_of_n_kl(0), ValueError, "got n 0"),
        (lambda: best_of_n_kl(2.0), TypeError, "got n as float"),
        (lambda: best_of_n_kl(True), TypeError, "got n as bool"),
        (lambda: pool_estimate(ONE, ONE, 4), ValueError, "got n 4"),
        (lambda: pool_estimate(ONE, ONE, 0), ValueError, "got n 0"),
        (lambda: pool_estimate(ONE, ONE[:2], 1), ValueError, r"proxy \(3,\)"),
        (lambda: pool_estimate(NAN, ONE, 1), ValueError, "proxy scores that are not"),
        (lambda: pool_estimate(ONE, NAN, 1), ValueError, "gold scores that are not"),
        (lambda: pool_estimate(ONE[:0], ONE[:0], 1), ValueError, r"shape \(0,\)"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, error, told):
    with pytest.raises(error, match=told) as caught:
        call()
    assert "expected" in str(caught.value) and "\n" not in str(caught.value)
