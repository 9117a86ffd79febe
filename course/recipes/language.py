"""The shared language model: a tokenizer and a writer of movie reviews."""

from collections.abc import Mapping
from typing import Any

from course.lm.evaluation import bits_per_byte_of
from course.lm.model import GPT, GPTConfig
from course.lm.packing import pack
from course.lm.tokenizer import encode, train_tokenizer
from course.lm.training import train_language_model
from course.recipes.recipe import Checkpoint, Recipe
from course.runtime import device, generator, seed_everything


def train_language(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Tokenizer and language model on the training texts of the movie reviews.

    Chapter 02.
    """
    from course.data import reviews

    seed_everything(settings["seed"])
    texts = reviews.texts("movies", "train")
    tokenizer = train_tokenizer(texts, settings["vocab_size"])
    ids, segments = pack(
        encode(tokenizer, texts), settings["row_tokens"], tokenizer.pad_token_id
    )
    config = GPTConfig(vocab_size=len(tokenizer), **settings["model"])
    model = GPT(config).to(device())
    held_out = reviews.texts("movies", "validation")

    def measure() -> dict[str, float]:
        return {"bits_per_byte": bits_per_byte_of(model, tokenizer, held_out)}

    history = train_language_model(
        model, ids, segments, generator=generator(settings["seed"]), measure=measure,
        measure_every=len(ids) // settings["train"]["batch_size"] // 2,  # half an epoch
        **settings["train"],
    )  # fmt: skip
    metrics = measure() | {"loss": history.last["loss"]}
    return Checkpoint("language-model", model, tokenizer, metrics, history)


LANGUAGE_MODEL = Recipe(
    name="language-model",
    settings={
        "seed": 0,
        "vocab_size": 2048,
        "row_tokens": 64,
        "model": {"width": 192, "layers": 4, "heads": 6, "kv_heads": 2,
                  "feed_forward": 512, "context": 128},
        "train": {"steps": 560, "batch_size": 32, "matrix_learning_rate": 0.006,
                  "other_learning_rate": 0.003},
    },
    train=train_language,
    empty=GPT,
)  # fmt: skip
