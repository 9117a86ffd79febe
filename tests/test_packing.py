"""Packing whole texts: nothing is lost or cut, and no text sees another."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course.lm.model import GPT, GPTConfig
from course.lm.packing import pack_sequences

TEXTS = st.lists(
    st.lists(st.integers(1, 99), min_size=1, max_size=8), min_size=1, max_size=12
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
