"""The reward model reads the state of the last real token, and nothing around it."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.lm.model import GPT, GPTConfig
from course.lm.tokenizer import encode, pad_batch, train_tokenizer
from course.reward import metrics, training
from course.reward import model as reward

TEXTS = [
    "a good film .",
    "bad",
    "",
    "the plot was good and the acting was bad .",
    "good good good",
]
CONTEXT = 32


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, 300)


@pytest.fixture
def gpt(tokenizer):
    torch.manual_seed(0)
    config = GPTConfig(
        vocab_size=len(tokenizer),
        context=CONTEXT,
        width=24,
        layers=2,
        heads=2,
        kv_heads=1,
        feed_forward=32,
    )
    # Weights of the size of a trained model: at their first size every text's state
    # is nearly the same and a wrong token would go unnoticed.
    model = GPT(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(8)
    return model


@pytest.fixture
def model(gpt):
    return reward.RewardModel(gpt, torch.Generator().manual_seed(1))


def alone(model, tokenizer, texts=TEXTS):
    """Every text scored by itself, without padding: what a batch must reproduce."""
    with torch.no_grad():
        return torch.cat(
            [
                model(torch.tensor([row]), torch.ones(1, len(row), dtype=torch.bool))
                for row in encode(tokenizer, texts)
            ]
        )


# where the score is read


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("extra", [0, 1, 5])
def test_padding_of_either_side_and_any_amount_changes_no_score(
    model, tokenizer, side, extra
):
    expected = alone(model, tokenizer)
    ids, mask = pad_batch(encode(tokenizer, TEXTS), tokenizer.pad_token_id, side)
    pad = (extra, 0) if side == "left" else (0, extra)
    ids = torch.nn.functional.pad(ids, pad, value=tokenizer.pad_token_id)
    mask = torch.nn.functional.pad(mask, pad, value=False)
    with torch.no_grad():
        scores = model(ids, mask)
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=0)
    # and it is worth testing: the scores differ by far more than the tolerance
    assert expected.std() > 0.1


def test_tokens_after_the_end_change_no_score(model, tokenizer):
    ids, mask = pad_batch(encode(tokenizer, TEXTS), tokenizer.pad_token_id)
    noise = torch.randint(len(tokenizer), ids.shape, generator=torch.manual_seed(3))
    with torch.no_grad():
        scores = model(ids, mask)
        changed = model(torch.where(mask, ids, noise), mask)
    torch.testing.assert_close(changed, scores, atol=1e-6, rtol=0)


def test_an_end_token_used_as_padding_does_not_move_the_end(model, tokenizer):
    """Finding the end through token values would stop at the first end token."""
    rows = encode(tokenizer, TEXTS)
    ids, mask = pad_batch(rows, tokenizer.eos_token_id)
    with torch.no_grad():
        scores = model(ids, mask)
    expected = alone(model, tokenizer)
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=0)


def test_the_last_real_token_and_only_it_decides():
    hidden = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1]])
    weight = torch.tensor([1.0, -2.0, 0.5])
    scores = reward.last_token_scores(hidden, mask, weight, bias=3.0)
    by_hand = torch.stack([hidden[0, 2], hidden[1, 4]]) @ weight + 3
    torch.testing.assert_close(scores, by_hand)
    hidden.requires_grad_()
    reward.last_token_scores(hidden, mask, weight).sum().backward()
    touched = hidden.grad.abs().sum(-1).nonzero().tolist()
    assert touched == [[0, 2], [1, 4]]


def test_a_hole_in_the_mask_does_not_move_the_end():
    hidden = torch.arange(4.0).view(1, 4, 1)
    mask = torch.tensor([[True, False, True, False]])
    assert reward.last_token_scores(hidden, mask, torch.ones(1)).tolist() == [2.0]


@pytest.mark.parametrize(
    ("hidden", "mask", "weight", "sentence"),
    [
        ((2, 3, 4), torch.ones(2, 4), 4, "expected .batch, time, C."),
        ((2, 3, 4), torch.ones(2, 3), 5, "expected .batch, time, C."),
        ((2, 3, 4), torch.tensor([[1, 1, 1], [0, 0, 0]]), 4, "at least one"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(hidden, mask, weight, sentence):
    with pytest.raises(ValueError, match=sentence):
        reward.last_token_scores(torch.zeros(hidden), mask, torch.zeros(weight))


# texts


def test_a_text_is_read_as_begin_text_end(model, tokenizer):
    row = [tokenizer.bos_token_id, *tokenizer.encode(TEXTS[0]), tokenizer.eos_token_id]
    with torch.no_grad():
        expected = model(torch.tensor([row]), torch.ones(1, len(row)))
    scores = reward.score_texts(model, tokenizer, TEXTS[:1])
    torch.testing.assert_close(scores, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 64])
def test_batch_size_and_batch_mates_change_no_score(model, tokenizer, batch_size):
    scores = reward.score_texts(model, tokenizer, TEXTS, batch_size)
    expected = alone(model, tokenizer)
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=0)


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(len(TEXTS))))
def test_the_order_of_the_texts_is_the_order_of_the_scores(tokenizer, order):
    torch.manual_seed(0)
    small = GPTConfig(len(tokenizer), CONTEXT, 12, 1, 2, 1, 16)
    model = reward.RewardModel(GPT(small))
    scores = reward.score_texts(model, tokenizer, TEXTS, batch_size=2)
    shuffled = reward.score_texts(model, tokenizer, [TEXTS[i] for i in order], 2)
    torch.testing.assert_close(shuffled, scores[list(order)], atol=1e-5, rtol=0)


def test_scores_are_plain_numbers_on_the_cpu_without_gradient(model, tokenizer):
    scores = reward.score_texts(model, tokenizer, TEXTS)
    assert scores.shape == (len(TEXTS),) and scores.dtype == torch.float32
    assert scores.device.type == "cpu" and not scores.requires_grad
    # usable in a loss: an inference tensor could not be saved for the backward pass
    weight = torch.ones(len(TEXTS), requires_grad=True)
    (weight * scores).sum().backward()
    torch.testing.assert_close(weight.grad, scores)


def test_no_texts_give_no_scores(model, tokenizer):
    assert reward.score_texts(model, tokenizer, []).shape == (0,)


def test_a_text_longer_than_the_context_keeps_its_beginning_and_an_end_token(
    model, tokenizer
):
    long = "good " * 100
    (row,) = reward.text_batch(tokenizer, [long], CONTEXT)
    (whole,) = encode(tokenizer, [long])
    assert row == whole[: CONTEXT - 1] + [tokenizer.eos_token_id]
    scores = reward.score_texts(model, tokenizer, [long, long + "bad"])
    assert torch.isfinite(scores).all() and scores[0] == scores[1]


def test_a_text_that_just_fits_is_not_cut(tokenizer):
    rows = reward.text_batch(tokenizer, TEXTS, context=CONTEXT)
    assert rows == encode(tokenizer, TEXTS)
    longest = max(map(len, rows))
    assert reward.text_batch(tokenizer, TEXTS, longest) == rows


def test_a_score_that_is_not_finite_is_said(model, tokenizer):
    with torch.no_grad():
        model.weight[0] = math.nan
    with pytest.raises(ValueError, match="got the score nan for text 0.*finite"):
        reward.score_texts(model, tokenizer, TEXTS)


# the plain function that algorithms take


def test_scorer_scores_prompt_plus_completion(model, tokenizer):
    score = reward.scorer(model, tokenizer)
    scores = score(["a good", "bad", ""], [" film .", "", ""])
    expected = reward.score_texts(model, tokenizer, ["a good film .", "bad", ""])
    torch.testing.assert_close(scores, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("prompts", "completions", "error"),
    [
        (["a", "b"], ["c"], ValueError),
        ("a", ["b"], TypeError),
        (["a"], "b", TypeError),
        (["a"], [None], TypeError),
        ([7], ["a"], TypeError),
    ],
)
def test_scorer_refuses_what_is_no_list_of_texts(
    model, tokenizer, prompts, completions, error
):
    with pytest.raises(error, match="got .*expected"):
        reward.scorer(model, tokenizer)(prompts, completions)


# scale


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=20).filter(
        lambda x: max(x) - min(x) > 0.1
    )
)
def test_standardised_scores_have_mean_0_and_biased_deviation_1(values):
    scores = reward.standardise(torch.tensor(values, dtype=torch.float64))
    assert scores.mean().item() == pytest.approx(0, abs=1e-9)
    assert scores.square().mean().item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    "scores",
    [
        torch.full((7,), 0.1),
        torch.ones(1),
        torch.ones(0),
        torch.tensor([1.0, math.inf]),
        torch.tensor([1, 2]),
        torch.ones(2, 2),
    ],
)
def test_scores_without_a_scale_cannot_be_standardised(scores, model):
    with pytest.raises(ValueError, match="got .*expected"):
        reward.standardise(scores)
    with pytest.raises(ValueError, match="got .*expected"):
        reward.calibrate(model, scores)


def test_calibrated_scores_have_mean_0_and_deviation_1_and_their_order(
    model, tokenizer
):
    before = reward.score_texts(model, tokenizer, TEXTS)
    for _ in range(2):  # again on calibrated scores: nothing moves
        reward.calibrate(model, reward.score_texts(model, tokenizer, TEXTS))
        after = reward.score_texts(model, tokenizer, TEXTS)
        torch.testing.assert_close(
            after, reward.standardise(before), atol=1e-5, rtol=1e-5
        )


def test_gain_and_bias_are_kept_with_the_weights_and_not_trained(model, gpt):
    reward.calibrate(model, torch.tensor([1.0, 5.0]))
    trained = {name for name, _ in model.named_parameters()}
    assert {"gain", "bias"}.isdisjoint(trained) and {"weight", "offset"} <= trained
    other = reward.RewardModel(GPT(gpt.config))
    other.load_state_dict(model.state_dict())
    assert (other.gain, other.bias) == (0.5, -1.5)


# training


def test_from_language_model_copies_the_trunk(gpt, tokenizer):
    before = {k: v.clone() for k, v in gpt.state_dict().items()}
    model = reward.from_language_model(gpt)
    for name, value in gpt.state_dict().items():
        assert model.gpt.state_dict()[name].equal(value)
    fit(training.fit_regression, model, tokenizer, TEXTS, [1.0] * len(TEXTS))
    assert not model.gpt.embedding.weight.equal(gpt.embedding.weight)
    for name, value in gpt.state_dict().items():
        assert value.equal(before[name])


def test_the_gradient_reaches_the_head_and_every_part_of_the_trunk(model, tokenizer):
    ids, mask = pad_batch(encode(tokenizer, TEXTS), tokenizer.pad_token_id)
    model(ids, mask).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_nothing_in_the_model_is_random(model):
    assert not [m for m in model.modules() if isinstance(m, torch.nn.Dropout) and m.p]


def fit(function, *arguments, seed=0, **options):
    return function(
        *arguments, generator=torch.Generator().manual_seed(seed), **options
    )


SENTENCES = [f"{who} {what} ." for who in "abcdefgh" for what in ("good", "bad", "so")]
VALUE = {"good": 2.0, "bad": -2.0, "so": 0.0}
RATINGS = [VALUE[text.split()[1]] for text in SENTENCES]


@pytest.fixture
def blank(tokenizer):
    torch.manual_seed(0)
    config = GPTConfig(len(tokenizer), CONTEXT, 24, 2, 2, 1, 32)
    return reward.RewardModel(GPT(config), torch.Generator().manual_seed(1))


def test_regression_learns_ratings_in_their_units(blank, tokenizer):
    history = fit(
        training.fit_regression, blank, tokenizer, SENTENCES, RATINGS,
        epochs=30, batch_size=8, learning_rate=1e-2,
    )  # fmt: skip
    scores = reward.score_texts(blank, tokenizer, SENTENCES)
    # far under 8/3, the variance of the ratings, which a constant reaches
    assert (scores - torch.tensor(RATINGS)).square().mean() < 0.2
    assert len(history["loss"]) == 30 * 3 and history["loss"][-1] < history["loss"][0]


def test_pairs_teach_an_order(blank, tokenizer):
    chosen = [text for text in SENTENCES if "good" in text]
    rejected = [text for text in SENTENCES if "bad" in text]
    fit(
        training.fit_pairwise, blank, tokenizer, chosen, rejected,
        epochs=30, batch_size=8, learning_rate=1e-2,
    )  # fmt: skip
    high = reward.score_texts(blank, tokenizer, chosen)
    low = reward.score_texts(blank, tokenizer, rejected)
    assert metrics.preference_accuracy(high, low) == 1.0


def test_single_ratings_teach_an_order_and_cut_points(blank, tokenizer):
    ratings = [[int(r), int(r), int(r) + 1] for r in RATINGS]
    _, cuts = fit(
        training.fit_ordinal, blank, tokenizer, SENTENCES, ratings,
        epochs=30, batch_size=8, learning_rate=1e-2,
    )  # fmt: skip
    assert cuts.shape == (8,) and (cuts.diff() > 0).all()
    scores = reward.score_texts(blank, tokenizer, SENTENCES)
    assert metrics.pearson(scores, torch.tensor(RATINGS)) > 0.9


def test_the_learning_rate_falls_linearly_to_zero(blank, tokenizer):
    history = fit(
        training.fit_regression, blank, tokenizer, SENTENCES, RATINGS,
        epochs=2, batch_size=6, learning_rate=8e-3,
    )  # fmt: skip
    steps = 2 * len(SENTENCES) // 6
    assert history["lr"] == pytest.approx([8e-3 * (1 - i / steps) for i in range(8)])


def test_the_same_seed_trains_the_same_model(tokenizer):
    def train(seed):
        torch.manual_seed(0)
        config = GPTConfig(len(tokenizer), CONTEXT, 12, 1, 2, 1, 16)
        model = reward.RewardModel(GPT(config), torch.Generator().manual_seed(1))
        fit(
            training.fit_regression, model, tokenizer, SENTENCES, RATINGS,
            seed=seed, batch_size=4,
        )  # fmt: skip
        return model.weight.detach()

    assert train(0).equal(train(0)) and not train(0).equal(train(1))


def test_gain_and_bias_stay_as_they_are_while_training(blank, tokenizer):
    fit(training.fit_regression, blank, tokenizer, SENTENCES, RATINGS, epochs=1)
    assert (blank.gain, blank.bias) == (1.0, 0.0)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=80),
    st.integers(1, 9),
    st.integers(0, 5),
)
def test_an_epoch_holds_every_row_once(lengths, batch_size, seed):
    batches = training.epoch_batches(
        lengths, batch_size, torch.Generator().manual_seed(seed)
    )
    assert sorted(torch.cat(batches).tolist()) == list(range(len(lengths)))
    assert max(map(len, batches)) <= batch_size


def test_batches_of_an_epoch_hold_rows_of_like_length():
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(5, 100, (2000,), generator=generator)
    batches = training.epoch_batches(lengths.tolist(), 32, generator)
    padded = sum(len(b) * int(lengths[b].max()) for b in batches)
    # Random batches of 32 would need about 95 tokens a row, 52 are real.
    assert padded < 1.15 * int(lengths.sum())


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda m, t: fit(training.fit_regression, m, t, ["a"], [1, 2]),
            "same number",
        ),
        (lambda m, t: fit(training.fit_regression, m, t, [], []), "same number"),
        (
            lambda m, t: fit(training.fit_pairwise, m, t, ["a", "b"], ["a"]),
            "same number",
        ),
        (lambda m, t: fit(training.fit_ordinal, m, t, ["a"], [[]]), "without a rating"),
        (
            lambda m, t: fit(training.fit_ordinal, m, t, ["a"], [[5]]),
            "got the rating 5",
        ),
        (
            lambda m, t: fit(training.fit_ordinal, m, t, ["a"], [[0.5]]),
            "whole numbers -4 to 4",
        ),
        (
            lambda m, t: fit(training.fit_regression, m, t, ["a"], [math.nan]),
            "rating that is not finite",
        ),
    ],
)
def test_training_on_what_makes_no_sense_is_one_sentence(
    blank, tokenizer, call, sentence
):
    with pytest.raises(ValueError, match=sentence):
        call(blank, tokenizer)


@pytest.mark.parametrize("loss", ["regression", "pairwise"])
def test_hardly_any_padding_is_computed(loss, tokenizer, gpt):
    """And the gradient is that of the batch in one piece."""
    draws = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 24, (128,), generator=draws).tolist()
    texts = [" ".join(["a"] * n) for n in lengths]
    model = reward.RewardModel(gpt, torch.Generator().manual_seed(1))
    rows = reward.text_batch(tokenizer, texts, CONTEXT)
    ids, mask = pad_batch(rows, tokenizer.pad_token_id)
    target = torch.arange(128.0)
    one = (model(ids, mask) * target).sum()
    theirs = torch.autograd.grad(one, list(model.parameters()))
    parts = (training._score(model, tokenizer, rows) * target).sum()
    ours = torch.autograd.grad(parts, list(model.parameters()))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3 * float(b.abs().max()))
    real, computed = [], []

    def note(module, arguments):
        real.append(int(arguments[1].sum()))
        computed.append(arguments[1].numel())

    hook = model.register_forward_pre_hook(note)
    if loss == "regression":
        fit(
            training.fit_regression, model, tokenizer, texts, lengths,
            epochs=1, batch_size=16, learning_rate=1e-4,
        )  # fmt: skip
    else:
        fit(
            training.fit_pairwise, model, tokenizer, texts[:64], texts[64:],
            epochs=1, batch_size=32, learning_rate=1e-4,
        )  # fmt: skip
    hook.remove()
    assert 1 - sum(real) / sum(computed) <= 0.05
