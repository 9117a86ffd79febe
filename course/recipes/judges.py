"""Two outside judges for chapter 14, and what they say of texts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from course.lm.model import GPTConfig
from course.recipes.recipe import Checkpoint, Recipe
from course.reward.metrics import pearson
from course.reward.outside import (
    StateJudge,
    WordJudge,
    fit_states,
    fit_words,
    states_of,
)
from course.runtime import generator

STATES = 2 * 576  # SmolLM2's width, for the last and the mean state


def train_words(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Ridge on frequent words and word pairs, from all training ratings.

    Chapter 14.
    """
    from course.data import reviews

    rows = reviews.load("movies", "train")
    means = torch.tensor(rows["mean"][:])
    judge = fit_words(rows["text"][:], means, settings["features"], settings["penalty"])
    held_out = reviews.load("movies", "validation")
    r = pearson(judge(held_out["text"][:]), torch.tensor(held_out["mean"][:]))
    tokenizer = needed["language-model"].tokenizer
    return Checkpoint("judge-words", judge, tokenizer, {"pearson": r})


def train_smollm2(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Ridge on SmolLM2's states of some texts, drawn at random.

    At random, because the file is sorted by source: its first rows are no sample.
    Chapter 14.
    """
    from course.data import reviews
    from course.lm.pretrained import load_pretrained

    model, tokenizer = load_pretrained()
    draws = generator(settings["seed"])

    def some(split: str, number: int) -> tuple[Tensor, Tensor]:
        rows = reviews.load("movies", split)
        chosen = torch.randperm(len(rows), generator=draws)[:number].tolist()
        rows = rows.select(chosen)
        states = states_of(model, tokenizer, rows["text"][:], settings["blocks"])
        return states, torch.tensor(rows["mean"][:])

    judge = fit_states(*some("train", settings["texts"]), settings["penalty"])
    states, means = some("validation", settings["held_out"])
    r = pearson(judge(states), means)
    base = needed["language-model"].tokenizer
    return Checkpoint("judge-smollm2", judge, base, {"pearson": r})


def no_words(config: GPTConfig | None) -> WordJudge:
    """The judge that the weights are loaded into.  Chapter 14."""
    return WordJudge()


def no_states(config: GPTConfig | None) -> StateJudge:
    """The judge that the weights are loaded into.  Chapter 14."""
    return StateJudge(STATES)


JUDGE_WORDS = Recipe(
    name="judge-words",
    settings={"features": 3000, "penalty": 6.0},
    train=train_words,
    empty=no_words,
    needs=("language-model",),
)

JUDGE_SMOLLM2 = Recipe(
    name="judge-smollm2",
    settings={"seed": 0, "texts": 700, "held_out": 200, "blocks": 16,
              "penalty": 1000.0},
    train=train_smollm2,
    empty=no_states,
    needs=("language-model",),
)  # fmt: skip


def smollm2_score(
    judge: StateJudge, blocks: int = 16
) -> Callable[[Sequence[str]], Tensor]:
    """`judge-smollm2` as a function of texts: loads SmolLM2 once.  Chapter 14."""
    from course.lm.pretrained import load_pretrained

    model, tokenizer = load_pretrained()

    def score(texts: Sequence[str]) -> Tensor:
        return judge(states_of(model, tokenizer, texts, blocks).to(judge.weight)).cpu()

    return score
