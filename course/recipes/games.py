"""The starts of chapter 16: small models that imitate a clerk and half-told stories."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from course.lm.finetuning import fine_tune
from course.lm.model import GPT, GPTConfig
from course.lm.training import optimizers
from course.lm.words import word_tokenizer
from course.recipes.recipe import Checkpoint, Recipe
from course.recipes.tasks import begin
from course.runtime import device, generator, seed_everything
from course.tasks import booking
from course.tasks.many import many
from course.tasks.stories import stories
from course.tasks.translation import translation


def train_booking(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Talks of a clerk who mostly books at once and guesses.  Chapter 16."""
    seed_everything(settings["seed"])
    pairs = booking.demonstrations(settings["talks"], settings["seed"])
    prompts, completions = zip(*pairs, strict=True)
    words = [" ".join(("", *words)) for words in booking.SLOTS.values()]
    tokenizer = word_tokenizer([*prompts, *completions, *words])
    config = GPTConfig(vocab_size=len(tokenizer), **settings["model"])
    model = GPT(config).to(device())
    history = fine_tune(
        model, tokenizer, prompts, completions,
        generator=generator(settings["seed"]),
        make_optimizers=partial(_muon, settings["matrix_learning_rate"]),
        **settings["train"],
    )  # fmt: skip
    return Checkpoint("task-booking", model, tokenizer, {}, history)


def train_stories(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Stories, more than half of which stop in the middle.  Chapter 16."""
    return begin("task-stories", stories(settings["seed"]), settings)


def train_many(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Dates and stories, mixed, each with its name in front.  Chapter 16."""
    both = many([translation(settings["seed"]), stories(settings["seed"])])
    return begin("task-many", both, settings)


def _muon(matrix_learning_rate: float, model: GPT, learning_rate: float) -> list:
    return optimizers(model, matrix_learning_rate, learning_rate, weight_decay=0.0)


TASK_BOOKING = Recipe(
    name="task-booking",
    settings={
        "seed": 0,
        "talks": 3000,
        "model": {"width": 96, "layers": 2, "heads": 4, "kv_heads": 2,
                  "feed_forward": 256, "context": 64},
        "matrix_learning_rate": 0.01,
        "train": {"steps": 120, "batch_size": 96, "learning_rate": 0.004},
    },
    train=train_booking,
    empty=GPT,
)  # fmt: skip
TASK_STORIES = Recipe(
    name="task-stories",
    settings={
        "seed": 0,
        "steps": 300,
        "batch_size": 64,
        "model": {"width": 96, "layers": 3, "heads": 4, "kv_heads": 2,
                  "feed_forward": 256, "context": 64},
    },
    train=train_stories,
    empty=GPT,
)  # fmt: skip
TASK_MANY = Recipe(
    name="task-many",
    settings=TASK_STORIES.settings | {"steps": 400},
    train=train_many,
    empty=GPT,
)
