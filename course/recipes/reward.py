"""The shared reward model: the language model, taught what people like."""

from collections.abc import Mapping
from dataclasses import replace
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
from course.runtime import device, generator, seed_everything


def train_reward(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """The language model, taught the mean human rating of each training text.

    Its scores have mean 0 and standard deviation 1 on texts of the language model.
    """
    from course.data import reviews
    from course.lm.sampling import write
    from course.reward.metrics import pearson, preference_accuracy
    from course.reward.training import fit_regression

    base = needed["language-model"]
    tokenizer = base.tokenizer
    draws = generator(settings["seed"])
    model = from_language_model(base.model, draws)
    rows = reviews.load("movies", "train")
    history = fit_regression(
        model,
        tokenizer,
        list(rows["text"]),
        list(rows["mean"]),
        generator=draws,
        **settings["train"],
    )
    model.eval()
    held_out = reviews.load("movies", "validation")
    scores = score_texts(model, tokenizer, list(held_out["text"]))
    metrics = {"pearson": pearson(scores, torch.tensor(list(held_out["mean"])))}
    pairs = reviews.pairs(held_out, settings["pairs"], min_gap=0.5)
    chosen, rejected = [], []
    for pair in pairs:
        texts = [pair["text_a"], pair["text_b"]]
        better, worse = texts if pair["preferred"] == "a" else texts[::-1]
        chosen.append(better)
        rejected.append(worse)
    metrics["pair_accuracy"] = preference_accuracy(
        score_texts(model, tokenizer, chosen), score_texts(model, tokenizer, rejected)
    )
    prompts = openings(list(rows["text"]), settings["opening_words"])
    prompts = prompts[: settings["reference_samples"]]
    written = write(base.model, tokenizer, prompts, generator=draws, max_new_tokens=32)
    calibrate(model, scorer(model, tokenizer)(prompts, written))
    return Checkpoint("reward-model", model, tokenizer, metrics, history)


REWARD_MODEL = Recipe(
    name="reward-model",
    settings={
        "seed": 0,
        "train": {"epochs": 2, "batch_size": 32, "lr": 1e-3},
        "pairs": 2000,
        "opening_words": 2,
        "reference_samples": 512,
    },
    modules=("course.data.reviews", "course.lm.sampling", "course.reward.losses",
             "course.reward.model", "course.reward.training"),
    train=train_reward,
    empty=lambda config: RewardModel(GPT(config)),
    needs=("language-model",),
)  # fmt: skip


def train_scratch(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """A model of the same shape that starts from random weights: the comparison.

    It sees the same ratings as the reward model; its scores are in rating units.
    """
    from course.data import reviews
    from course.reward.metrics import pearson
    from course.reward.training import fit_regression

    base = needed["language-model"]
    seed_everything(settings["seed"])
    draws = generator(settings["seed"])
    model = RewardModel(GPT(base.model.config).to(device()), draws)
    rows = reviews.load("movies", "train")
    history = fit_regression(
        model,
        base.tokenizer,
        list(rows["text"]),
        list(rows["mean"]),
        generator=draws,
        **settings["train"],
    )
    model.eval()
    held_out = reviews.load("movies", "validation")
    scores = score_texts(model, base.tokenizer, list(held_out["text"]))
    metrics = {"pearson": pearson(scores, torch.tensor(list(held_out["mean"])))}
    return Checkpoint("reward-scratch", model, base.tokenizer, metrics, history)


REWARD_SCRATCH = replace(
    REWARD_MODEL,
    name="reward-scratch",
    settings={"seed": 0, "train": REWARD_MODEL.settings["train"]},
    train=train_scratch,
)
