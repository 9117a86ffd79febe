"""A proxy: a reward model that saw few ratings, and can be led astray."""

from collections.abc import Mapping
from typing import Any

import torch

from course.lm.model import GPT
from course.recipes.recipe import Checkpoint, Recipe, openings
from course.reward.model import (
    RewardModel,
    calibrate,
    from_language_model,
    score_texts,
    scorer,
)
from course.runtime import generator


def train_proxy(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """The language model, taught the ratings of a few training texts, drawn at random.

    Its scores have mean 0 and standard deviation 1 on texts of the language model, as
    those of the gold reward model have.
    """
    from course.data import reviews
    from course.lm.sampling import write
    from course.reward.metrics import pearson
    from course.reward.training import fit_regression

    base = needed["language-model"]
    tokenizer = base.tokenizer
    draws = generator(settings["seed"])
    rows = reviews.load("movies", "train")
    texts, ratings = list(rows["text"]), list(rows["mean"])
    few = torch.randperm(len(texts), generator=draws)[: settings["ratings"]].tolist()
    model = from_language_model(base.model, draws)
    history = fit_regression(
        model,
        tokenizer,
        [texts[n] for n in few],
        [ratings[n] for n in few],
        generator=draws,
        **settings["train"],
    )
    model.eval()
    held_out = reviews.load("movies", "validation")
    scores = score_texts(model, tokenizer, list(held_out["text"]))
    metrics = {"pearson": pearson(scores, torch.tensor(list(held_out["mean"])))}
    prompts = openings(texts, settings["opening_words"])
    prompts = prompts[: settings["reference_samples"]]
    written = write(base.model, tokenizer, prompts, generator=draws, max_new_tokens=32)
    calibrate(model, scorer(model, tokenizer)(prompts, written))
    return Checkpoint("reward-proxy", model, tokenizer, metrics, history)


REWARD_PROXY = Recipe(
    name="reward-proxy",
    settings={
        "seed": 0,
        "ratings": 500,
        "train": {"epochs": 2, "batch_size": 16, "lr": 3e-4},
        "opening_words": 2,
        "reference_samples": 256,
    },
    modules=("course.data.reviews", "course.lm.sampling", "course.reward.losses",
             "course.reward.model", "course.reward.training"),
    train=train_proxy,
    empty=lambda config: RewardModel(GPT(config)),
    needs=("language-model",),
)  # fmt: skip
