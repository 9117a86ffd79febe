"""Recipes: how each model that later chapters rest on is trained.

`checkpoints.load(name)` follows them.  Chapters print their settings, so nothing about
a checkpoint is hidden.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from course.lm.model import GPT, GPTConfig
from course.lm.objective import held_out_bits_per_byte
from course.lm.tokenizer import encode, train_tokenizer
from course.lm.training import History, pack, train_language_model
from course.runtime import device, generator, seed_everything


@dataclass
class Checkpoint:
    """A trained model with its tokenizer, the metrics it reached and its history."""

    name: str
    model: nn.Module
    tokenizer: Any
    metrics: dict[str, float]
    history: History = field(default_factory=History)


@dataclass(frozen=True)
class Recipe:
    """How a checkpoint is made.

    settings: JSON values, part of its key.  modules: the modules whose code decides
    the result.  needs: recipes whose checkpoints `train(settings, needed)` receives.
    empty(gpt_config): an untrained model that the weights are loaded into.
    """

    name: str
    settings: Mapping[str, Any]
    modules: tuple[str, ...]
    train: Callable[[Mapping[str, Any], dict[str, Checkpoint]], Checkpoint]
    empty: Callable[[GPTConfig], nn.Module]
    needs: tuple[str, ...] = ()


def train_language(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Tokenizer and language model on the training texts of the movie reviews."""
    from course.data import reviews

    seed_everything(settings["seed"])
    texts = reviews.texts("movies", "train")
    tokenizer = train_tokenizer(texts, settings["vocab_size"])
    ids, segments = pack(
        encode(tokenizer, texts), settings["row_tokens"], tokenizer.pad_token_id
    )
    config = GPTConfig(vocab_size=len(tokenizer), **settings["model"])
    model = GPT(config).to(device())
    history = train_language_model(
        model, ids, segments, generator=generator(settings["seed"]), **settings["train"]
    )
    held_out = reviews.texts("movies", "validation")
    metrics = {
        "bits_per_byte": held_out_bits_per_byte(model, tokenizer, held_out),
        "loss": history.last["loss"],
    }
    return Checkpoint("language-model", model, tokenizer, metrics, history)


LANGUAGE_MODEL = Recipe(
    name="language-model",
    settings={
        "seed": 0,
        "vocab_size": 2048,
        "row_tokens": 64,
        "model": {"width": 192, "layers": 4, "heads": 6, "kv_heads": 2,
                  "feed_forward": 512, "context": 128},
        "train": {"steps": 480, "batch_size": 32},
    },
    modules=("course.data.reviews", "course.lm.tokenizer", "course.lm.layers",
             "course.lm.model", "course.lm.training"),
    train=train_language,
    empty=GPT,
)  # fmt: skip

RECIPES = {recipe.name: recipe for recipe in (LANGUAGE_MODEL,)}
