"""A proxy: a reward model that saw few ratings, and can be led astray."""

from collections.abc import Mapping
from typing import Any

import torch

from course.recipes.recipe import Checkpoint, Recipe
from course.recipes.reward import fit_ratings, scale_on_writer, untrained
from course.reward.model import from_language_model
from course.runtime import generator


def train_proxy(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """The language model, taught the ratings of a few training texts, drawn at random.

    Its scores have mean 0 and standard deviation 1 on texts of the language model, as
    those of the gold reward model have.  Chapter 08.
    """
    from course.data import reviews

    base = needed["language-model"]
    draws = generator(settings["seed"])
    rows = reviews.load("movies", "train")
    few = torch.randperm(len(rows), generator=draws)[: settings["ratings"]].tolist()
    model = from_language_model(base.model, draws)
    history, r, _ = fit_ratings(
        model, base.tokenizer, rows.select(few), draws, settings["train"]
    )
    scale_on_writer(model, base, list(rows["text"]), draws, settings)
    return Checkpoint("reward-proxy", model, base.tokenizer, {"pearson": r}, history)


REWARD_PROXY = Recipe(
    name="reward-proxy",
    settings={
        "seed": 0,
        "ratings": 500,
        "train": {"epochs": 2, "batch_size": 16, "learning_rate": 3e-4},
        "opening_words": 2,
        "reference_samples": 256,
    },
    train=train_proxy,
    empty=untrained,
    needs=("language-model",),
)  # fmt: skip
