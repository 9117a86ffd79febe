"""Text to token ids and back: a byte-level BPE tokenizer, trained here."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course.expect import a_kind, whole_number
from course.expect_lists import rows_of_ids
from course.score import all_texts, check_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BOS, EOS, PAD = "<bos>", "<eos>", "<pad>"
BYTES = 256  # every text is UTF-8 bytes, so no text is ever out of vocabulary


def train_tokenizer(
    texts: Iterable[str], vocab_size: int = 2048
) -> "PreTrainedTokenizerFast":
    """Learn byte-level byte-pair encoding; the same texts give the same merges.

    The ids 0, 1 and 2 are `<bos>`, `<eos>` and `<pad>`; 256 byte tokens follow, then
    the merges, most frequent first.  The vocabulary is smaller than `vocab_size` when
    the texts run out of pairs.  Save it with `save_pretrained`, load it with
    `PreTrainedTokenizerFast.from_pretrained`.
    Raises ValueError when `vocab_size` leaves no room for the bytes, TypeError when
    `texts` is one string.  Source: Sennrich et al. 2016, arXiv:1508.07909.  Chapter 01.
    """
    whole_number(vocab_size=vocab_size)
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = [BOS, EOS, PAD]
    smallest = BYTES + len(special)
    if vocab_size < smallest:
        raise ValueError(
            f"got vocab_size {vocab_size}, expected at least {smallest}: "
            f"{BYTES} bytes and {len(special)} special tokens"
        )
    texts = all_texts(texts)
    bpe = Tokenizer(models.BPE())
    # Words are split as in GPT-2; no space is put before the first one.
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,  # a decoded text keeps its spaces
    )
    # A mask made from padding must never hide the end of a text.
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    return tokenizer


def encode(
    tokenizer: "PreTrainedTokenizerFast",
    texts: Sequence[str],
    bos: bool = True,
    eos: bool = True,
) -> list[list[int]]:
    """Token ids of every text, with `<bos>` before and `<eos>` after it if asked.

    Characters that spell a special token, such as "<eos>", are encoded as characters:
    a text cannot end itself.  Raises as `check_texts`, and ValueError on a character
    that the tokenizer does not know.  Chapter 01.
    """
    texts = list(check_texts(texts))
    if not texts:
        return []
    try:
        rows = tokenizer(
            texts,
            add_special_tokens=False,
            split_special_tokens=True,
            return_attention_mask=False,
            verbose=False,
        )["input_ids"]
    except Exception as error:  # the library has no narrower one
        if "unk_id" not in str(error) and "[UNK]" not in str(error):
            raise
        raise ValueError(
            "got a character that the tokenizer does not know, expected those of the "
            "texts that it was made of"
        ) from None
    first = [tokenizer.bos_token_id] if bos else []
    last = [tokenizer.eos_token_id] if eos else []
    return [first + row + last for row in rows]


def decode(
    tokenizer: "PreTrainedTokenizerFast",
    rows: Sequence[Sequence[int]] | Tensor,
) -> list[str]:
    """The text of every row of ids, special tokens left out.

    Bytes that are not UTF-8, as in a text cut inside a character, become U+FFFD.
    Raises TypeError when `rows` is one row.  Chapter 01.
    """
    if isinstance(rows, str) or not hasattr(rows, "__iter__"):
        raise TypeError(f"got {a_kind(rows)} as rows, expected a list of rows")
    rows = rows.tolist() if isinstance(rows, Tensor) else list(rows)
    if rows and isinstance(rows[0], int):
        raise TypeError("got one row of ids, expected a list of rows")
    rows_of_ids(rows=rows)
    return [
        tokenizer.decode(
            row, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        for row in rows
    ]


def pad_batch(
    sequences: Sequence[Sequence[int]], pad_id: int, side: str = "right"
) -> tuple[Tensor, Tensor]:
    """Put sequences of unequal length into one batch; the mask comes from the lengths.

    Returns ids (batch, time) long and mask (batch, time) bool, True on real tokens,
    both on the CPU; time is the longest length.  side: where the padding goes,
    "right" or "left".  Raises ValueError on an empty batch or another side.
    Chapter 03.

    >>> ids, mask = pad_batch([[5, 6, 7], [8]], pad_id=2, side="left")
    >>> ids.tolist(), mask.tolist()[1]
    ([[5, 6, 7], [2, 2, 8]], [False, False, True])
    """
    rows_of_ids(sequences=sequences)
    whole_number(pad_id=pad_id)
    if side not in ("left", "right"):
        raise ValueError(f'got side {side!r}, expected "left" or "right"')
    if len(sequences) == 0:
        raise ValueError("got an empty batch, expected at least one sequence")
    lengths = [len(sequence) for sequence in sequences]
    longest = max(lengths)
    ids = torch.full((len(sequences), longest), pad_id, dtype=torch.long)
    mask = torch.zeros(len(sequences), longest, dtype=torch.bool)
    for row, (sequence, length) in enumerate(zip(sequences, lengths, strict=True)):
        place = slice(longest - length, longest) if side == "left" else slice(length)
        ids[row, place] = torch.as_tensor(sequence, dtype=torch.long)
        mask[row, place] = True
    return ids, mask
