"""The shared reward model: the language model, taught what people like."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from course.lm.model import GPT, GPTConfig
from course.lm.training import History
from course.recipes.recipe import Checkpoint, Recipe, openings
from course.reward.model import (
    RewardModel,
    calibrate,
    from_language_model,
    score_texts,
    scorer,
)
from course.runtime import device, generator, seed_everything


def fit_ratings(
    model: RewardModel, tokenizer, rows, draws: Generator, train: Mapping[str, Any]
) -> tuple[History, float, dict[str, Tensor]]:
    """Teach the model the mean ratings of the rows.

    Returns the history, Pearson's r with people on the validation texts, and the
    score of each of these texts.  Chapter 07.
    """
    from course.data import reviews
    from course.reward.metrics import pearson
    from course.reward.training import fit_regression

    texts, ratings = list(rows["text"]), list(rows["mean"])
    history = fit_regression(model, tokenizer, texts, ratings, generator=draws, **train)
    model.eval()
    held_out = reviews.load("movies", "validation")
    scores = score_texts(model, tokenizer, list(held_out["text"]))
    r = pearson(scores, torch.tensor(list(held_out["mean"])))
    return history, r, dict(zip(held_out["text"], scores, strict=True))


def scale_on_writer(
    model: RewardModel,
    writer: Checkpoint,
    texts: list[str],
    draws: Generator,
    settings: Mapping[str, Any],
) -> None:
    """Give the scores of what the writer makes of openings mean 0 and deviation 1.

    Chapter 07.
    """
    from course.lm.sampling import write

    prompts = openings(texts, settings["opening_words"])
    prompts = prompts[: settings["reference_samples"]]
    written = write(
        writer.model, writer.tokenizer, prompts, generator=draws, max_new_tokens=32
    )
    calibrate(model, scorer(model, writer.tokenizer)(prompts, written))


def train_reward(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """The language model, taught the mean human rating of each training text.

    Its scores have mean 0 and standard deviation 1 on texts of the language model.
    Chapter 07.
    """
    from course.data import reviews
    from course.reward.metrics import preference_accuracy

    base = needed["language-model"]
    tokenizer = base.tokenizer
    draws = generator(settings["seed"])
    model = from_language_model(base.model, draws)
    rows = reviews.load("movies", "train")
    history, r, scores = fit_ratings(model, tokenizer, rows, draws, settings["train"])
    held_out = reviews.load("movies", "validation")
    chosen, rejected = [], []
    for pair in reviews.pairs(held_out, settings["pairs"], min_gap=0.5):
        both = [scores[pair["text_a"]], scores[pair["text_b"]]]
        better, worse = both if pair["preferred"] == "a" else both[::-1]
        chosen.append(better)
        rejected.append(worse)
    accuracy = preference_accuracy(torch.stack(chosen), torch.stack(rejected))
    metrics = {"pearson": r, "pair_accuracy": accuracy}
    scale_on_writer(model, base, list(rows["text"]), draws, settings)
    return Checkpoint("reward-model", model, tokenizer, metrics, history)


def untrained(config: GPTConfig) -> RewardModel:
    """The model that the weights of a reward model are loaded into.  Chapter 07."""
    return RewardModel(GPT(config))


REWARD_MODEL = Recipe(
    name="reward-model",
    settings={
        "seed": 0,
        "train": {"epochs": 2, "batch_size": 32, "learning_rate": 1e-3},
        "pairs": 2000,
        "opening_words": 2,
        "reference_samples": 512,
    },
    train=train_reward,
    empty=untrained,
    needs=("language-model",),
)  # fmt: skip


def train_scratch(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """A model of the same shape that starts from random weights: the comparison.

    It sees the same ratings as the reward model; its scores are in rating units.
    Chapter 07.
    """
    from course.data import reviews

    base = needed["language-model"]
    seed_everything(settings["seed"])
    draws = generator(settings["seed"])
    model = RewardModel(GPT(base.model.config).to(device()), draws)
    rows = reviews.load("movies", "train")
    history, r, _ = fit_ratings(model, base.tokenizer, rows, draws, settings["train"])
    return Checkpoint("reward-scratch", model, base.tokenizer, {"pearson": r}, history)


REWARD_SCRATCH = replace(
    REWARD_MODEL,
    name="reward-scratch",
    settings={"seed": 0, "train": REWARD_MODEL.settings["train"]},
    train=train_scratch,
)
