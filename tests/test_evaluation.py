"""Bits per byte and perplexity, against sums and counts by hand."""

import math

import pytest
import torch

from course.lm.evaluation import (
    bits_per_byte,
    bits_per_byte_of,
    perplexity,
    utf8_bytes,
)
from course.lm.model import GPT, GPTConfig
from course.lm.objective import sequence_logprob
from course.lm.tokenizer import encode, pad_batch, train_tokenizer

TEXTS = ["a good film", "é!", "", "bad", "a very long text, longer than the context."]


def a_model(vocab_size: int, context: int) -> GPT:
    """Weights large enough for a peaked, position-dependent distribution."""
    torch.manual_seed(0)
    model = GPT(
        GPTConfig(
            vocab_size,
            context=context,
            width=16,
            layers=2,
            heads=4,
            kv_heads=2,
            feed_forward=24,
        )
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.5)
    return model


def test_perplexity_of_a_fair_choice_is_the_number_of_choices():
    assert perplexity(math.log(50)) == pytest.approx(50)
    assert perplexity(torch.tensor(0.0)) == 1
    assert perplexity(math.inf) == math.inf and perplexity(1000.0) == math.inf


def test_one_fair_byte_costs_eight_bits():
    assert bits_per_byte(3 * math.log(256), 3) == pytest.approx(8)


def test_bytes_are_counted_and_not_characters():
    assert utf8_bytes(["aé漢🎬", ""]) == 1 + 2 + 3 + 4


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, vocab_size=265)


@torch.no_grad()
def test_held_out_bits_equal_scoring_each_text_alone(tokenizer):
    model = a_model(len(tokenizer), context=64)
    nats = 0.0
    for row in encode(tokenizer, TEXTS):
        ids = torch.tensor([row])
        nats -= sequence_logprob(model(ids), ids).item()
    expected = nats / math.log(2) / sum(len(text.encode()) for text in TEXTS)
    for batch_size in (1, 2, 64):
        got = bits_per_byte_of(model, tokenizer, TEXTS, batch_size=batch_size)
        assert got == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("context", [2, 3, 8, 64])
def test_every_token_is_scored_once_whatever_the_context(tokenizer, context):
    """A model that knows nothing spends log V on each token, windows or not."""
    model = a_model(len(tokenizer), context=context)
    torch.nn.init.zeros_(model.embedding.weight)
    tokens = sum(len(row) - 1 for row in encode(tokenizer, TEXTS))
    expected = tokens * math.log2(len(tokenizer)) / utf8_bytes(TEXTS)
    got = bits_per_byte_of(model, tokenizer, TEXTS)
    assert got == pytest.approx(expected, rel=1e-5)


def test_the_order_of_the_texts_does_not_matter(tokenizer):
    model = a_model(len(tokenizer), context=16)
    forward = bits_per_byte_of(model, tokenizer, TEXTS, batch_size=2)
    backward = bits_per_byte_of(model, tokenizer, TEXTS[::-1], batch_size=2)
    assert forward == pytest.approx(backward, rel=1e-6)


def test_bits_of_the_text_are_those_of_the_whole_less_those_of_the_ends(tokenizer):
    model, texts = (
        a_model(len(tokenizer), context=48),
        ["a good film .", "the plot", "bad"],
    )
    n_bytes = sum(map(len, texts))
    ids, mask = pad_batch(encode(tokenizer, texts), tokenizer.pad_token_id)
    whole = sequence_logprob(model(ids), ids, mask)
    last = mask.sum(1) - 1
    end = torch.zeros_like(mask).scatter(1, last[:, None], True)
    ends = sequence_logprob(model(ids), ids, end)
    ours = bits_per_byte_of(model, tokenizer, texts, ends=False)
    expected = -(whole - ends).sum() / math.log(2) / n_bytes
    assert ours == pytest.approx(expected.item(), rel=1e-5)
    assert ours < bits_per_byte_of(model, tokenizer, texts)


def test_a_text_longer_than_the_context_is_scored_once_in_windows(tokenizer):
    model, text = a_model(len(tokenizer), context=48), "a good film . " * 30
    (row,) = encode(tokenizer, [text], eos=False)
    assert len(row) > model.config.context
    nats = 0.0
    for start in range(1, len(row), model.config.context - 1):
        window = [row[0], *row[start : start + model.config.context - 1]]
        ids = torch.tensor([window])
        nats -= sequence_logprob(model(ids), ids).item()
    expected = nats / math.log(2) / len(text)
    assert bits_per_byte_of(model, tokenizer, [text], ends=False) == pytest.approx(
        expected
    )


def test_wrong_numbers_are_refused_in_a_sentence(tokenizer):
    with pytest.raises(ValueError, match=">= 0"):
        bits_per_byte(-1.0, 3)
    with pytest.raises(ValueError, match="at least one"):
        bits_per_byte(1.0, 0)
    with pytest.raises(ValueError, match=">= 0"):
        perplexity(-0.1)
    with pytest.raises(ValueError, match="at least one"):
        bits_per_byte_of(a_model(len(tokenizer), context=8), tokenizer, [""])
