"""A tokenizer that knows single characters: one token each, nothing to learn."""

from typing import TYPE_CHECKING

from course.expect import check_text
from course.lm.tokenizer import BOS, EOS, PAD

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def character_tokenizer(alphabet: str) -> "PreTrainedTokenizerFast":
    """One token for each character of the alphabet, after `<bos>`, `<eos>`, `<pad>`.

    It works wherever a trained tokenizer does: `encode`, `generate`, checkpoints.
    Text with another character cannot be encoded: `encode` raises ValueError.
    Raises ValueError when the alphabet is empty or repeats a character.  Chapter 11.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    check_text(alphabet)
    if not alphabet or len(set(alphabet)) < len(alphabet):
        raise ValueError(
            f"got the alphabet {alphabet!r}, expected characters, each of them once"
        )
    vocabulary = {token: n for n, token in enumerate((BOS, EOS, PAD, *alphabet))}
    # No unknown token: a character that is not there must not turn into another one.
    characters = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    characters.pre_tokenizer = pre_tokenizers.Split(Regex("[\\s\\S]"), "isolated")
    characters.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=characters,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
    )
