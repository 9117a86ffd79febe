"""Byte-level BPE: every text survives, every end is marked, every mask is a length."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.lm.tokenizer import decode, encode, pad_batch, train_tokenizer

CORPUS = [
    "A gorgeous, witty, seductive movie.",
    "The plot is thin and the jokes are thinner.",
    "Effective but too tepid biopic",
    "It's a gorgeous movie, and the plot isn't thin.",
] * 5
# Hypothesis excludes what UTF-8 cannot write: lone surrogates.
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=60)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(CORPUS, vocab_size=320)


@settings(deadline=None, max_examples=100)
@given(texts=st.lists(ANY_TEXT, max_size=4))
def test_any_unicode_text_survives_encoding_and_decoding(tokenizer, texts):
    assert decode(tokenizer, encode(tokenizer, texts)) == texts
    assert decode(tokenizer, encode(tokenizer, texts, bos=False, eos=False)) == texts


@pytest.mark.parametrize(
    "text",
    ["<eos>", "a <pad> b", "<bos>", " a ,  b .", "I 'm n't", "\r\n\t", "e\u0301"],
)
def test_texts_that_look_like_markup_or_odd_spacing_survive(tokenizer, text):
    (row,) = encode(tokenizer, [text])
    assert row[0] == tokenizer.bos_token_id and row[-1] == tokenizer.eos_token_id
    assert not set(row[1:-1]) & set(tokenizer.all_special_ids)
    assert decode(tokenizer, [row]) == [text]


@settings(deadline=None, max_examples=50)
@given(text=ANY_TEXT)
def test_the_end_of_a_text_is_marked_exactly_once(tokenizer, text):
    (row,) = encode(tokenizer, [text])
    assert row.count(tokenizer.bos_token_id) == row.count(tokenizer.eos_token_id) == 1
    (bare,) = encode(tokenizer, [text], bos=False, eos=False)
    assert row == [tokenizer.bos_token_id, *bare, tokenizer.eos_token_id]


def test_special_tokens_are_three_different_ids(tokenizer):
    """Padding with EOS hides every EOS from the loss: the model never stops."""
    ids = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    assert len(ids) == 3 and None not in ids


def test_the_smallest_vocabulary_holds_only_bytes_and_special_tokens():
    tokenizer = train_tokenizer(CORPUS, vocab_size=259)
    assert len(tokenizer) == 259
    text = "é 漢 🎬 plain"
    (row,) = encode(tokenizer, [text], bos=False, eos=False)
    assert len(row) == len(text.encode("utf-8"))  # one token per byte


def test_the_first_merge_is_the_most_frequent_pair():
    tokenizer = train_tokenizer(["xyxyxyxy ab"], vocab_size=260)
    (row,) = encode(tokenizer, ["xy"], bos=False, eos=False)
    assert row == [259]


def test_more_merges_never_make_the_training_texts_longer():
    lengths = [
        sum(map(len, encode(train_tokenizer(CORPUS, size), CORPUS)))
        for size in (259, 280, 300, 320)
    ]
    assert lengths == sorted(lengths, reverse=True) and lengths[0] > lengths[-1]


def test_training_twice_gives_the_same_merges():
    first, second = (train_tokenizer(iter(CORPUS), 320) for _ in range(2))
    assert first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()


def test_saving_and_loading_keeps_every_byte_and_every_id(tokenizer, tmp_path):
    from transformers import PreTrainedTokenizerFast

    tokenizer.save_pretrained(tmp_path / "first")
    loaded = PreTrainedTokenizerFast.from_pretrained(tmp_path / "first")
    loaded.save_pretrained(tmp_path / "second")
    first, second = (
        (tmp_path / name / "tokenizer.json").read_bytes()
        for name in ("first", "second")
    )
    assert first == second
    texts = [*CORPUS, "<eos> unseen é 🎬  two  spaces ,"]
    assert encode(loaded, texts) == encode(tokenizer, texts)
    assert decode(loaded, encode(loaded, texts)) == texts
    assert loaded.pad_token_id == tokenizer.pad_token_id != loaded.eos_token_id


def test_a_text_cut_inside_a_character_decodes_to_the_replacement_mark(tokenizer):
    (row,) = encode(tokenizer, ["🎬"], bos=False, eos=False)
    assert decode(tokenizer, [row[:-1]]) == ["\ufffd"]


def test_decode_reads_tensors_and_skips_padding(tokenizer):
    rows = encode(tokenizer, CORPUS[:3])
    for side in ("left", "right"):
        ids, _ = pad_batch(rows, tokenizer.pad_token_id, side)
        assert decode(tokenizer, ids) == CORPUS[:3]


def test_no_texts_give_no_rows(tokenizer):
    assert encode(tokenizer, []) == [] and decode(tokenizer, []) == []
    assert encode(tokenizer, [""], bos=False, eos=False) == [[]]


def test_the_collator_of_transformers_pads_as_pad_batch_does(tokenizer):
    from transformers import DataCollatorWithPadding

    rows = encode(tokenizer, CORPUS[:3])
    batch = DataCollatorWithPadding(tokenizer)([{"input_ids": row} for row in rows])
    ids, mask = pad_batch(rows, tokenizer.pad_token_id, tokenizer.padding_side)
    assert torch.equal(batch["input_ids"], ids)
    assert torch.equal(batch["attention_mask"].bool(), mask)


def test_the_labels_of_the_collator_keep_every_end_of_text(tokenizer):
    from transformers import DataCollatorForLanguageModeling

    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    rows = encode(tokenizer, CORPUS[:3])
    labels = collator([{"input_ids": row} for row in rows])["labels"]
    ends = (labels == tokenizer.eos_token_id).sum(1)
    assert ends.tolist() == [1, 1, 1]


def test_calling_the_tokenizer_itself_gives_the_bare_ids(tokenizer):
    batch = tokenizer(CORPUS[:3], padding=True, return_tensors="pt")
    rows = encode(tokenizer, CORPUS[:3], bos=False, eos=False)
    assert torch.equal(
        batch["input_ids"],
        pad_batch(rows, tokenizer.pad_token_id, tokenizer.padding_side)[0],
    )


@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5),
    side=st.sampled_from(["left", "right"]),
)
def test_the_mask_comes_from_lengths_even_where_a_token_equals_the_padding(
    lengths, side
):
    """Inferring a mask from token values loses real tokens that look like padding."""
    rows = [[7] * length for length in lengths]
    ids, mask = pad_batch(rows, pad_id=7, side=side)
    assert ids.dtype == torch.long and mask.dtype == torch.bool
    assert ids.shape == mask.shape == (len(rows), max(lengths))
    assert mask.sum(1).tolist() == lengths
    edge = mask if side == "right" else mask.flip(1)
    assert torch.equal(edge, edge.long().cummin(1).values.bool())  # one solid run


def test_wrong_arguments_are_refused_in_a_sentence(tokenizer):
    with pytest.raises(ValueError, match="got vocab_size 258, expected at least 259"):
        train_tokenizer(CORPUS, 258)
    with pytest.raises(TypeError, match="one str"):
        train_tokenizer("one text", 300)
    with pytest.raises(TypeError, match="one str"):
        encode(tokenizer, "one text")
    for row in ([5, 6], torch.tensor([5, 6])):
        with pytest.raises(TypeError, match="one row"):
            decode(tokenizer, row)
    with pytest.raises(ValueError, match="side 'middle'"):
        pad_batch([[1]], 0, "middle")
    with pytest.raises(ValueError, match="empty batch"):
        pad_batch([], 0)
