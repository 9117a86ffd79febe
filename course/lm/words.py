"""A tokenizer of whole words, for small tasks: what it writes it can read again."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from course.lm.tokenizer import BOS, EOS, PAD
from course.score import all_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# A word takes the space before it along; digits, punctuation and Chinese characters
# stand alone.  Latin with its accents, then Cyrillic.
WORD = r" ?[A-Za-zÀ-ÖØ-öø-ɏЀ-ӿ]+|[\s\S]"


def word_tokenizer(texts: Iterable[str]) -> "PreTrainedTokenizerFast":
    """One token for each word of the texts, after `<bos>`, `<eos>` and `<pad>`.

    A word that no text has is cut into the fewest known words and characters, so
    every text that it decodes can be encoded; `encode` refuses a character that no text
    has.  Encoding a decoded text gives the same text, not always the same ids.
    Raises TypeError when `texts` is one string, ValueError when it holds no character.
    Chapter 15.
    """
    import re

    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    texts = all_texts(texts)
    words = {word for text in texts for word in re.findall(WORD, text)}
    if not words:
        raise ValueError("got texts without a character, expected some words")
    pieces = [*sorted(words), *sorted(set("".join(texts)) - words)]
    # Unigram takes the likeliest way to cut; with equal odds, that of fewest pieces.
    vocabulary = [(piece, -1.0) for piece in (BOS, EOS, PAD, *pieces)]
    model = Tokenizer(models.Unigram(vocabulary))
    model.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), "isolated")
    model.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=model,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
    )
