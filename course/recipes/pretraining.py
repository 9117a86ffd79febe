"""A pretrained model: it has read four kinds of text and never an end of text."""

from collections.abc import Mapping
from typing import Any

from course.lm.evaluation import bits_per_byte_of
from course.lm.model import GPT, GPTConfig
from course.lm.packing import pack
from course.lm.tokenizer import encode, train_tokenizer
from course.lm.training import train_language_model
from course.recipes.recipe import Checkpoint, Recipe
from course.runtime import device, generator, seed_everything


def train_pretrained(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Tokenizer and model on the training texts of all four sources, without ends.

    Chapter 04.
    """
    from course.data import reviews

    seed_everything(settings["seed"])
    texts = [t for source in reviews.SOURCES for t in reviews.texts(source, "train")]
    tokenizer = train_tokenizer(texts, settings["vocab_size"])
    rows = encode(tokenizer, texts, eos=False)  # to stop is left to fine-tuning
    ids, segments = pack(rows, settings["row_tokens"], tokenizer.pad_token_id)
    config = GPTConfig(vocab_size=len(tokenizer), **settings["model"])
    model = GPT(config).to(device())
    history = train_language_model(
        model, ids, segments, generator=generator(settings["seed"]), **settings["train"]
    )
    metrics = {
        "loss": history.last["loss"],
        "train_tokens": float(segments.count_nonzero()),
    }
    for source in reviews.SOURCES:
        held_out = reviews.texts(source, "validation")
        reached = bits_per_byte_of(model, tokenizer, held_out, ends=False)
        metrics[f"bits_per_byte_{source}"] = reached
    return Checkpoint("pretrained", model, tokenizer, metrics, history)


PRETRAINED = Recipe(
    name="pretrained",
    settings={
        "seed": 0,
        "vocab_size": 2048,
        "row_tokens": 64,
        "model": {"width": 192, "layers": 4, "heads": 6, "kv_heads": 2,
                  "feed_forward": 512, "context": 128},
        "train": {"steps": 260, "batch_size": 32, "matrix_learning_rate": 0.006,
                  "other_learning_rate": 0.003},
    },
    train=train_pretrained,
    empty=GPT,
)  # fmt: skip
