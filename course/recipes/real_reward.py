"""SmolLM2 as reward model: half its blocks, adapters and a head, on 500 rated texts."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from course.lm.lora import add_adapters
from course.lm.model import GPT, GPTConfig
from course.lm.training import History
from course.recipes.real_model import ALPHA, RANK, Adapters
from course.recipes.recipe import Checkpoint, Recipe
from course.reward.losses import regression_loss
from course.reward.model import RewardModel
from course.reward.real_reward import (
    first_blocks,
    last_states,
    rated_rows,
    ridge,
    row_scores,
)
from course.reward.training import epoch_batches
from course.runtime import device, generator, seed_everything

LAYERS, WORDS, STRENGTH = 16, 20, 10.0


class RatedAdapters(Adapters):
    """Adapters and head of a reward model, and the head before they were trained.

    Chapter 17.
    """

    def __init__(self, config: GPTConfig):
        super().__init__(config)
        for name in ("", "ridge_"):
            self.register_buffer(f"{name}weight", torch.zeros(config.width))
            self.register_buffer(f"{name}offset", torch.zeros(()))

    def reward_model(self, gpt: GPT) -> RewardModel:
        """The reward model on a trunk that has adapters of this shape."""
        model = RewardModel(self.put_into(gpt)).requires_grad_(False)
        model.weight.copy_(self.weight)
        model.offset.copy_(self.offset)
        return model.eval()


def short_texts(split: str, number: int, draws: torch.Generator) -> tuple[list, list]:
    """Texts of at most 20 words, drawn at random, and their mean ratings.

    Chapter 17.
    """
    from course.data import reviews

    rows = [r for r in reviews.load("movies", split) if len(r["text"].split()) <= WORDS]
    chosen = torch.randperm(len(rows), generator=draws)[:number].tolist()
    return [rows[i]["text"] for i in chosen], [rows[i]["mean"] for i in chosen]


def train_rated(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """A ridge on the frozen states, then adapters and head together, by squared error.

    Chapter 17.
    """
    from course.lm.pretrained import load_pretrained

    seed_everything(settings["seed"])
    draws = generator(settings["seed"])
    gpt, tokenizer = load_pretrained()
    gpt = first_blocks(gpt.to(device()), LAYERS)
    texts, ratings = short_texts("train", settings["ratings"], draws)
    rows, target = rated_rows(tokenizer, texts), torch.tensor(ratings)
    head, offset = ridge(last_states(gpt, tokenizer, rows), target, STRENGTH)
    model = RewardModel(add_adapters(gpt, RANK, ALPHA), draws)
    with torch.no_grad():
        model.weight.copy_(head)
        model.offset.copy_(offset)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings["learning_rate"])
    lengths, history = [len(row) for row in rows], History()
    batches = [
        batch
        for _ in range(settings["epochs"])
        for batch in epoch_batches(lengths, settings["batch_size"], draws)
    ]
    for step, batch in enumerate(batches):
        optimizer.param_groups[0]["lr"] = settings["learning_rate"] * (
            1 - step / len(batches)
        )
        scores = row_scores(model, tokenizer, [rows[i] for i in batch.tolist()])
        loss = regression_loss(scores, target[batch].to(scores))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        history.log(step, loss=loss.detach())
    kept = RatedAdapters(gpt.config).copy_from(gpt)
    kept.weight.copy_(model.weight.detach())
    kept.offset.copy_(model.offset.detach())
    kept.ridge_weight.copy_(head)
    kept.ridge_offset.copy_(offset)
    metrics = {"loss": history.last["loss"]}
    return Checkpoint(settings["name"], kept, tokenizer, metrics, history)


SMOLLM2_REWARD = tuple(
    Recipe(
        name=f"smollm2-reward-{seed}",
        settings={"name": f"smollm2-reward-{seed}", "seed": seed, "ratings": 500,
                  "epochs": 2, "batch_size": 16, "learning_rate": 1e-3},
        train=train_rated,
        empty=RatedAdapters,
    )
    for seed in range(3)
)  # fmt: skip
