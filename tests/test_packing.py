"""Packing texts: nothing is lost, no text sees another, whole ones are not cut."""

import dataclasses
import random

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from course.lm.finetuning import fine_tune
from course.lm.model import GPT, GPTConfig
from course.lm.packing import length_parts, pack, pack_sequences, packed_loss
from course.lm.tokenizer import encode
from course.reward.model import RewardModel, score_texts
from course.reward.training import fit_pairwise

pytestmark = pytest.mark.usefixtures("products")

TEXTS = st.lists(
    st.lists(st.integers(1, 99), min_size=1, max_size=8), min_size=1, max_size=12
)

TINY = GPTConfig(
    vocab_size=12, context=16, width=16, layers=2, heads=2, kv_heads=1, feed_forward=24
)


@given(TEXTS, st.integers(8, 20))
def test_every_text_stands_whole_in_one_row_in_order(sequences, length):
    ids, segments, positions = pack_sequences(sequences, length, pad_id=0)
    found = [
        row[segment == number].tolist()
        for row, segment in zip(ids, segments, strict=True)
        for number in range(1, int(segment.max()) + 1)
    ]
    assert found == sequences
    assert ids.shape == segments.shape == positions.shape == (len(ids), length)
    assert (ids[segments == 0] == 0).all()


@given(TEXTS, st.integers(8, 20))
def test_no_row_has_room_for_the_first_text_of_the_next(sequences, length):
    _, segments, _ = pack_sequences(sequences, length, pad_id=0)
    used = (segments > 0).sum(1)
    first = (segments == 1).sum(1)
    assert (used[:-1] + first[1:] > length).all()


@given(TEXTS, st.integers(8, 20))
def test_positions_are_those_that_the_model_works_out_itself(sequences, length):
    _, segments, positions = pack_sequences(sequences, length, pad_id=0)
    same = (segments[:, :, None] == segments[:, None, :]).tril()
    real = segments > 0
    assert torch.equal(positions[real], (same.sum(-1) - 1)[real])


def test_the_logits_of_a_packed_text_are_those_of_the_text_alone():
    torch.manual_seed(0)
    config = GPTConfig(
        vocab_size=20, context=16, width=16, layers=2, heads=2, kv_heads=1,
        feed_forward=24,
    )  # fmt: skip
    model = GPT(config).double()
    texts = [[1, 5, 3, 2], [1, 7, 2], [1, 9, 9, 4, 2], [1, 2]]
    ids, segments, _ = pack_sequences(texts, 8, pad_id=0)
    packed = model(ids, segments=segments)
    alone = [model(torch.tensor([text]))[0] for text in texts]
    ours = [
        packed[n, segments[n] == number]
        for n in range(len(ids))
        for number in range(1, int(segments[n].max()) + 1)
    ]
    assert len(ours) == len(alone)
    for a, b in zip(ours, alone, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9)
    # Without segments the second text of a row sees the first: this can fail.
    assert not torch.allclose(model(ids)[0, 4:7], alone[1], atol=1e-3)


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ([], "got no texts"),
        ([[1], []], "got a text of 0 tokens .number 1."),
        ([[1] * 5], "got a text of 5 tokens .number 0., expected 1 to 4"),
    ],
)
def test_what_cannot_be_packed_is_said(texts, sentence):
    with pytest.raises(ValueError, match=sentence):
        pack_sequences(texts, 4, 0)


@given(
    st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=9), min_size=1),
    st.integers(2, 12),
)
def test_packing_keeps_every_token_in_order(sequences, length):
    ids, segments = pack(sequences, length, pad_id=0)
    assert ids.shape == segments.shape and ids.shape[1] == length
    real = segments > 0
    assert ids[real].tolist() == [token for row in sequences for token in row]
    assert (ids[~real] == 0).all() and (~real).sum() < length


def test_packing_numbers_the_texts_of_each_row_from_one():
    ids, segments = pack([[1, 2, 3, 4, 5], [6], [7, 8]], length=4, pad_id=0)
    assert ids.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert segments.tolist() == [[1, 1, 1, 1], [1, 2, 3, 3]]


def test_packing_nothing_is_refused():
    with pytest.raises(ValueError, match="got 0 tokens"):
        pack([[]], 4, 0)


def test_the_packed_loss_is_the_mean_over_the_texts_alone():
    torch.manual_seed(0)
    model = GPT(TINY).double()
    first, second = [1, 5, 3, 2], [1, 7, 7, 4, 2]
    ids, segments = pack([first, second], length=12, pad_id=0)
    nats, targets = 0.0, 0
    for text in (first, second):
        row = torch.tensor([text])
        logits = model(row)[0, :-1]
        nats += F.cross_entropy(logits, row[0, 1:], reduction="sum")
        targets += len(text) - 1
    ours = packed_loss(model, ids, segments)
    torch.testing.assert_close(ours, (nats / targets).float())


def test_what_the_padding_holds_changes_no_gradient():
    torch.manual_seed(0)
    model = GPT(TINY).double()
    ids, segments = pack([[1, 5, 3, 2]], length=7, pad_id=0)
    other = ids.masked_fill(segments == 0, 9)

    def gradient(rows):
        model.zero_grad()
        packed_loss(model, rows, segments).backward()
        return [p.grad.clone() for p in model.parameters()]

    for one, two in zip(gradient(ids), gradient(other), strict=True):
        torch.testing.assert_close(one, two)


# Parts of nearly equal length


@given(
    st.lists(st.integers(1, 90), min_size=1, max_size=70),
    st.sampled_from([0.0, 0.05, 0.3]),
)
def test_every_row_is_in_one_part_and_no_part_pads_more_than_allowed(lengths, padding):
    parts = length_parts(lengths, padding)
    assert sorted(torch.cat(parts).tolist()) == list(range(len(lengths)))
    for part in parts:
        real = [lengths[row] for row in part.tolist()]
        assert real == sorted(real)
        assert 1 - sum(real) / (max(real) * len(real)) <= padding + 1e-9


def test_rows_of_one_length_stay_together():
    assert [len(part) for part in length_parts([7] * 64)] == [64]


@pytest.mark.parametrize("size", [16, 32, 64])
def test_of_a_batch_of_reviews_at_most_one_position_in_twenty_is_padding(size):
    """A part may have 6 %; its batch has less, since the shortest rows waste little."""
    draws = random.Random(size)
    for _ in range(100):
        lengths = [
            min(100, max(5, int(draws.lognormvariate(3.5, 0.5)))) for _ in range(size)
        ]
        parts = [[lengths[n] for n in part.tolist()] for part in length_parts(lengths)]
        computed = sum(len(part) * max(part) for part in parts)
        assert 1 - sum(lengths) / computed <= 0.05
        assert 1 - sum(lengths) / (size * max(lengths)) > 0.2  # as one batch


@pytest.mark.parametrize("learn", ["fine-tuning", "reward model", "scoring"])
def test_hardly_any_padding_is_computed(learn, tokenizer, monkeypatch):
    """Of the positions that pass through the model, in training and in scoring."""
    draws, words = random.Random(0), ["good ", "film ", "bad ", "acting ", "was "]
    texts = [
        "".join(draws.choices(words, k=max(2, int(draws.lognormvariate(2.0, 0.5)))))
        for _ in range(64)
    ]
    torch.manual_seed(0)
    model = GPT(dataclasses.replace(TINY, vocab_size=len(tokenizer), context=128))
    passed = []
    hidden = GPT.hidden

    def noted(self, ids, *args, **options):
        real = int((ids != tokenizer.pad_token_id).sum())
        passed.append((real, ids.numel(), ids.shape[0] * longest))
        return hidden(self, ids, *args, **options)

    longest = max(map(len, encode(tokenizer, texts)))
    monkeypatch.setattr(GPT, "hidden", noted)
    draws = torch.Generator().manual_seed(0)
    options = {"batch_size": 32, "learning_rate": 1e-3, "generator": draws}
    if learn == "fine-tuning":
        fine_tune(model, tokenizer, ["the"] * 64, texts, steps=2, **options)
    elif learn == "reward model":
        fit_pairwise(
            RewardModel(model, draws), tokenizer, texts[:32], texts[32:], **options
        )
    else:
        score_texts(RewardModel(model, draws), tokenizer, texts)
    real, computed, padded = (sum(column) for column in zip(*passed, strict=True))
    assert 1 - real / computed <= 0.05 and 1 - real / padded > 0.2
