"""Recipes: how each model that later chapters rest on is trained.

`checkpoints.load(name)` follows them.  Chapters print their settings, so nothing about
a checkpoint is hidden.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from course.lm.model import GPT, GPTConfig
from course.lm.objective import held_out_bits_per_byte
from course.lm.tokenizer import encode, train_tokenizer
from course.lm.training import History, pack, train_language_model
from course.reward.model import (
    RewardModel,
    calibrate,
    from_language_model,
    score_texts,
    scorer,
)
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
        "train": {"steps": 560, "batch_size": 32, "matrix_lr": 0.006,
                  "other_lr": 0.003},
    },
    modules=("course.data.reviews", "course.lm.tokenizer", "course.lm.layers",
             "course.lm.model", "course.lm.training"),
    train=train_language,
    empty=GPT,
)  # fmt: skip


def openings(texts: list[str], words: int) -> list[str]:
    """The first words of every text that is longer than that: prompts to complete.

    >>> openings(["A fine film about love .", "Bad"], words=3)
    ['A fine film']
    """
    cut = [text.split() for text in texts]
    return [" ".join(text[:words]) for text in cut if len(text) > words]


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


def train_policy(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """REINFORCE: the writer, moved towards what the reward model likes."""
    from course.data import reviews
    from course.policy.rollout import collect
    from course.policy.steps import train_reinforce

    reference = needed["language-model"].model
    score = scorer(needed["reward-model"].model, needed["reward-model"].tokenizer)
    tokenizer = needed["language-model"].tokenizer
    policy = deepcopy(reference)
    prompts = openings(reviews.texts("movies", "train"), settings["opening_words"])
    history = train_reinforce(
        policy,
        reference,
        tokenizer,
        prompts,
        score,
        generator=generator(settings["seed"]),
        **settings["train"],
    )
    words = settings["opening_words"]
    held_out = openings(reviews.texts("movies", "validation"), words)[:256]
    before, after = (
        collect(
            model, reference, tokenizer, held_out, score,
            max_new_tokens=settings["train"]["max_new_tokens"], generator=generator(1),
        )
        for model in (reference, policy)
    )  # fmt: skip
    metrics = {
        "score_before": float(before.scores.mean()),
        "score_after": float(after.scores.mean()),
        "kl_seq": float((after.old_logprobs - after.ref_logprobs).sum(1).mean()),
    }
    return Checkpoint("policy-reinforce", policy, tokenizer, metrics, history)


POLICY_REINFORCE = Recipe(
    name="policy-reinforce",
    settings={
        "seed": 0,
        "opening_words": 2,
        "train": {"steps": 80, "batch_size": 64, "beta": 0.02, "learning_rate": 5e-4,
                  "max_new_tokens": 32},
    },
    modules=("course.policy.rollout", "course.policy.advantages", "course.policy.kl",
             "course.policy.losses", "course.policy.steps"),
    train=train_policy,
    empty=GPT,
    needs=("language-model", "reward-model"),
)  # fmt: skip

RECIPES = {r.name: r for r in (LANGUAGE_MODEL, REWARD_MODEL, POLICY_REINFORCE)}
