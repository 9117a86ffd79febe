"""Counting, interpolation and its weights, against counts made by hand."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.lm.evaluation import bits_per_byte_of
from course.lm.ngram import (
    KneserNey,
    NGram,
    interpolated_probability,
)
from course.lm.tokenizer import train_tokenizer

# <bos> is 0, <eos> is 1; "2 3 2", "2 2"
SEQUENCES = [[0, 2, 3, 2, 1], [0, 2, 2, 1]]
V = 5

rows = st.lists(st.integers(1, V - 1), min_size=1, max_size=6)
corpora = st.lists(rows.map(lambda row: [0, *row]), min_size=1, max_size=6)


def test_unigrams_are_counted_by_hand():
    model = NGram(1, V).fit(SEQUENCES)
    # targets: 2 3 2 eos 2 2 eos; <bos> is given, never predicted
    expected = torch.tensor([0, 2, 4, 1, 0], dtype=torch.float64) / 7
    torch.testing.assert_close(model.probabilities([0]), expected)


def test_bigrams_are_counted_by_hand():
    model = NGram(2, V).fit(SEQUENCES)
    # after 2 came: 3, eos, 2, eos
    torch.testing.assert_close(
        model.probabilities([0, 2]),
        torch.tensor([0, 2, 1, 1, 0], dtype=torch.float64) / 4,
    )
    torch.testing.assert_close(
        model.probabilities([0]), torch.tensor([0.0, 0, 1, 0, 0], dtype=torch.float64)
    )


def test_trigrams_are_counted_by_hand():
    model = NGram(3, V).fit(SEQUENCES)
    # after <bos> 2 came: 3, 2
    torch.testing.assert_close(
        model.probabilities([0, 2]),
        torch.tensor([0, 0, 1, 1, 0], dtype=torch.float64) / 2,
    )


def test_an_uncounted_context_falls_back_to_the_order_below():
    trigram, bigram = NGram(3, V).fit(SEQUENCES), NGram(2, V).fit(SEQUENCES)
    assert (4, 2) not in trigram.totals and (2,) in bigram.totals
    torch.testing.assert_close(
        trigram.probabilities([4, 2]), bigram.probabilities([4, 2])
    )


def test_maximum_likelihood_of_a_text_is_the_product_of_its_counts():
    model = NGram(2, V).fit(SEQUENCES)
    # 2|bos 2/2, 3|2 1/4, 2|3 1/1, eos|2 2/4
    expected = math.log(1 * 1 / 4 * 1 * 2 / 4)
    assert model.logprob(SEQUENCES[0]) == pytest.approx(expected, abs=1e-12)


def test_order_zero_is_uniform():
    model = NGram(0, V).fit(SEQUENCES)
    assert model.logprob(SEQUENCES[0]) == pytest.approx(-4 * math.log(V), abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    train=corpora,
    held_out=corpora,
    context=st.lists(st.integers(0, V - 1), max_size=5),
    order=st.integers(0, 4),
)
def test_next_token_probabilities_sum_to_one_and_none_is_zero(
    train, held_out, context, order
):
    model = NGram(order, V).fit(train)
    assert model.probabilities(context).sum().item() == pytest.approx(1, abs=1e-12)
    model.weights = torch.full_like(model.weights, 1 / (order + 1))
    p = model.probabilities(context)
    assert p.sum().item() == pytest.approx(1, abs=1e-12)
    assert p.min() > 0


@settings(deadline=None, max_examples=40)
@given(train=corpora, order=st.integers(0, 4), sequence=rows)
def test_the_chain_rule_joins_probabilities_and_logprob(train, order, sequence):
    model = NGram(order, V).fit(train)
    model.weights = torch.full_like(model.weights, 1 / (order + 1))
    sequence = [0, *sequence]
    total = sum(
        model.probabilities(sequence[:i])[sequence[i]].log().item()
        for i in range(1, len(sequence))
    )
    assert model.logprob(sequence) == pytest.approx(total, abs=1e-9)


def test_all_texts_over_a_tiny_vocabulary_have_total_probability_one():
    """Texts of at most 4 tokens that end, and texts of 4 tokens that do not."""
    model = NGram(3, V).fit(SEQUENCES)
    model.weights = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    total = 0.0
    for length in range(1, 5):
        for body in itertools.product([0, 2, 3, 4], repeat=length - 1):
            total += math.exp(model.logprob([0, *body, 1]))
    for body in itertools.product([0, 2, 3, 4], repeat=4):
        total += math.exp(model.logprob([0, *body]))
    assert total == pytest.approx(1, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(train=corpora, held_out=corpora, order=st.integers(0, 4))
def test_no_em_step_makes_the_held_out_texts_less_probable(train, held_out, order):
    model = NGram(order, V).fit(train)
    nats = model.fit_weights(held_out, steps=25)
    assert len(nats) == 25
    for before, after in itertools.pairwise(nats):
        assert after <= before + 1e-12
    assert model.weights.sum().item() == pytest.approx(1, abs=1e-12)
    assert model.weights.min() >= 0
    tokens = sum(len(row) - 1 for row in held_out)
    last = -sum(map(model.logprob, held_out)) / tokens
    assert last <= nats[-1] + 1e-9


def test_em_finds_the_best_weight_of_a_grid():
    held_out = [[0, 2, 3, 1], [0, 4, 2, 2, 1]]
    model = NGram(1, V).fit(SEQUENCES)
    model.fit_weights(held_out, steps=500)
    found = sum(map(model.logprob, held_out))
    for first in torch.linspace(0.01, 1, 100).tolist():
        model.weights = torch.tensor([first, 1 - first], dtype=torch.float64)
        assert sum(map(model.logprob, held_out)) <= found + 1e-9


def test_em_on_the_counted_texts_themselves_learns_not_to_smooth():
    """Weights must be fitted on held-out texts: here is what happens otherwise."""
    model = NGram(3, V).fit(SEQUENCES)
    model.fit_weights(SEQUENCES, steps=2000)
    assert model.weights[-1] > 0.99


@settings(deadline=None, max_examples=60)
@given(
    noise=st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(
        lambda x: max(x) - min(x) > 1e-3
    )
)
def test_counted_frequencies_minimise_the_loss(noise):
    """Any other distribution spends more nats on the counted tokens (Gibbs)."""
    counts = torch.tensor([2.0, 4.0, 1.0, 3.0], dtype=torch.float64)
    sequences = [[0, *(i + 1 for i in range(4) for _ in range(int(counts[i])))]]
    model = NGram(1, V).fit(sequences)
    best = model.probabilities([0])[1:]
    other = (best.log() + torch.tensor(noise, dtype=torch.float64)).softmax(-1)
    assert -(counts * other.log()).sum() > -model.logprob(sequences[0]) + 1e-9


def test_an_unsmoothed_trigram_has_infinite_loss_on_new_text():
    tokenizer = train_tokenizer(["a good film", "a bad film"], 280)
    from course.lm.tokenizer import encode

    sequences = encode(tokenizer, ["a good film", "a bad film"])
    model = NGram(3, len(tokenizer)).fit(sequences)
    assert bits_per_byte_of(model, tokenizer, ["a good film"]) < 1
    assert bits_per_byte_of(model, tokenizer, ["a dull film"]) == math.inf
    model.fit_weights(encode(tokenizer, ["a sad film"]))
    assert bits_per_byte_of(model, tokenizer, ["a dull film"]) < math.inf


def test_uniform_bits_per_byte_are_tokens_times_log_v_over_bytes():
    tokenizer = train_tokenizer(["a good film"], 259)
    model = NGram(0, 259)
    text = "é!"  # three bytes, three tokens and <eos>
    expected = 4 * math.log2(259) / 3
    assert bits_per_byte_of(model, tokenizer, [text]) == pytest.approx(expected)


def test_fitting_again_forgets_the_earlier_texts_and_weights():
    model = NGram(2, V).fit([[0, 4, 4, 1]])
    model.fit_weights(SEQUENCES)
    model.fit(SEQUENCES)
    fresh = NGram(2, V).fit(SEQUENCES)
    assert model.counts == fresh.counts and model.totals == fresh.totals
    assert torch.equal(model.weights, fresh.weights)


def test_rows_of_a_tensor_count_as_lists_do():
    model = NGram(3, V).fit([torch.tensor(row) for row in SEQUENCES])
    assert model.counts == NGram(3, V).fit(SEQUENCES).counts


@given(
    estimates=st.lists(
        st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=4
    ),
    raw=st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
)
def test_a_mixture_is_the_weighted_sum_and_lies_between_its_parts(estimates, raw):
    weights = torch.tensor(raw, dtype=torch.float64) / sum(raw)
    table = torch.tensor(estimates, dtype=torch.float64)
    mixed = interpolated_probability(table, weights)
    assert mixed.shape == (len(estimates),)
    for row, p in zip(estimates, mixed.tolist(), strict=True):
        by_hand = sum(w * e for w, e in zip(weights.tolist(), row, strict=True))
        assert p == pytest.approx(by_hand, abs=1e-12)
        assert min(row) - 1e-12 <= p <= max(row) + 1e-12


def test_wrong_arguments_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="sum to 1"):
        interpolated_probability(torch.ones(2), torch.ones(2))
    with pytest.raises(ValueError, match="sum to 1"):
        interpolated_probability(torch.ones(2), torch.tensor([1.5, -0.5]))
    with pytest.raises(ValueError, match="expected .* and .orders"):
        interpolated_probability(torch.ones(2, 3), torch.ones(1))
    with pytest.raises(ValueError, match="order -1"):
        NGram(-1, V)
    with pytest.raises(ValueError, match="expected 0 to 4"):
        NGram(2, V).fit([[0, 5]])
    with pytest.raises(ValueError, match="held-out"):
        NGram(2, V).fit(SEQUENCES).fit_weights([])


# ------------------------------------------------------------------ Kneser-Ney


def test_kneser_ney_is_computed_by_hand():
    """Texts (0 opens): 2 3 3, 2 3, 4 3; bigrams 0-2 twice, 0-4, 2-3 twice, 3-3, 4-3."""
    model = KneserNey(2, V).fit([[0, 2, 3, 3], [0, 2, 3], [0, 4, 3]])
    # different left neighbours: 2 has {0}, 3 has {2, 3, 4}, 4 has {0}: 5 in all
    n1, n2 = 2, 0  # tokens with one and with two left neighbours
    low = n1 / (n1 + 2 * n2)  # 1.0: the discount of unigrams
    p3 = (3 - low + low * 3 * 1 / V) / 5
    p4 = (1 - low + low * 3 * 1 / V) / 5
    n1, n2 = 3, 2  # bigrams seen once: 0-4, 3-3, 4-3; twice: 0-2, 2-3
    high = n1 / (n1 + 2 * n2)
    after_2 = model.probabilities([0, 2])
    assert after_2[3].item() == pytest.approx((2 - high + high * 1 * p3) / 2)
    assert after_2[4].item() == pytest.approx(high * 1 * p4 / 2)


def test_a_frequent_token_with_one_neighbour_is_a_rare_guess_elsewhere():
    """3 follows only 2, but often; 4 follows three tokens, once each."""
    rows = [[0, 2, 3, 1]] * 9 + [[0, 2, 4, 1], [0, 3, 4, 1], [0, 1, 4, 1]]
    counted = NGram(2, V).fit(rows)
    counted.weights = torch.tensor([0.1, 0.45, 0.45], dtype=torch.float64)
    smoothed = KneserNey(2, V).fit(rows)
    context = [0, 4]  # never followed by 3 or 4
    assert counted.probabilities(context)[3] > counted.probabilities(context)[4]
    assert smoothed.probabilities(context)[3] < smoothed.probabilities(context)[4]


@settings(deadline=None, max_examples=60)
@given(
    train=corpora,
    context=st.lists(st.integers(0, V - 1), max_size=5),
    order=st.integers(0, 4),
)
def test_kneser_ney_probabilities_sum_to_one_and_none_is_zero(train, context, order):
    p = KneserNey(order, V).fit(train).probabilities(context)
    assert p.sum().item() == pytest.approx(1, abs=1e-12)
    assert p.min() > 0


@settings(deadline=None, max_examples=40)
@given(train=corpora, order=st.integers(0, 4), sequence=rows)
def test_the_chain_rule_holds_for_kneser_ney(train, order, sequence):
    model = KneserNey(order, V).fit(train)
    sequence = [0, *sequence]
    total = sum(
        model.probabilities(sequence[:i])[sequence[i]].log().item()
        for i in range(1, len(sequence))
    )
    assert model.logprob(sequence) == pytest.approx(total, abs=1e-9)
