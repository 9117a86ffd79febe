"""The word tokenizer: what it writes it can read, and nothing unknown slips through."""

import random
import re

import pytest
from transformers import PreTrainedTokenizerFast

from course.lm.tokenizer import decode, encode
from course.lm.words import WORD, word_tokenizer

TEXTS = ["de: Sunday, May 7 =", " Sonntag, 7. Mai", " 5月7日星期日", " 7 мая, Zürich"]


@pytest.fixture(scope="module")
def tokenizer():
    return word_tokenizer(TEXTS)


def test_a_known_text_has_one_token_for_each_word(tokenizer):
    for text, row in zip(TEXTS, encode(tokenizer, TEXTS, False, False), strict=True):
        assert [tokenizer.decode([i]) for i in row] == re.findall(WORD, text)
    assert encode(tokenizer, [""]) == [[tokenizer.bos_token_id, tokenizer.eos_token_id]]


def test_whatever_is_decoded_can_be_encoded_to_the_same_text(tokenizer, tmp_path):
    """Two words without a space between them are a word that no text has."""
    tokenizer.save_pretrained(tmp_path)
    loaded = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    draw = random.Random(0)
    for _ in range(300):
        ids = [draw.randrange(3, len(tokenizer)) for _ in range(draw.randrange(1, 8))]
        text = decode(tokenizer, [ids])
        again = encode(tokenizer, text, False, False)
        assert decode(loaded, again) == text
        assert encode(loaded, text, False, False) == again


@pytest.mark.parametrize("text", ["Qwertz", "<eos>", "May<bos>", "日曜"])
def test_a_character_that_no_text_has_raises(tokenizer, text):
    with pytest.raises(ValueError, match="does not know"):
        encode(tokenizer, [text])


@pytest.mark.parametrize(
    ("texts", "error"), [("one text", TypeError), ([], ValueError), ([""], ValueError)]
)
def test_texts_without_a_word_are_refused(texts, error):
    with pytest.raises(error, match="expected"):
        word_tokenizer(texts)
