"""The shared policy: the writer after REINFORCE with the reward model."""

from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import torch

from course.lm.model import GPT
from course.recipes.recipe import Checkpoint, Recipe, openings
from course.reward.model import scorer
from course.runtime import generator


def train_policy(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """REINFORCE: the writer, moved towards what the reward model likes.  Chapter 09."""
    from course.data import reviews
    from course.policy.loop import train
    from course.policy.reinforce import reinforce_step
    from course.policy.rollout import collect

    reference = needed["language-model"].model
    score = scorer(needed["reward-model"].model, needed["reward-model"].tokenizer)
    tokenizer = needed["language-model"].tokenizer
    policy = deepcopy(reference)
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=settings["learning_rate"], weight_decay=0.0
    )
    prompts = openings(reviews.texts("movies", "train"), settings["opening_words"])
    history = train(
        policy,
        reference,
        tokenizer,
        prompts,
        score,
        partial(reinforce_step, policy, optimizer, beta=settings["beta"]),
        optimizer=optimizer,
        generator=generator(settings["seed"]),
        desc="REINFORCE",
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
        "eos_rate": float(after.ended.float().mean()),
        "kl_seq": float((after.old_logprobs - after.ref_logprobs).sum(1).mean()),
    }
    return Checkpoint("policy-reinforce", policy, tokenizer, metrics, history)


POLICY_REINFORCE = Recipe(
    name="policy-reinforce",
    settings={
        "seed": 0,
        "opening_words": 2,
        "beta": 0.02,
        "learning_rate": 5e-4,
        "train": {"steps": 80, "batch_size": 64, "max_new_tokens": 32,
                  "missing_eos_penalty": 1.0},
    },
    train=train_policy,
    empty=GPT,
    needs=("language-model", "reward-model"),
)  # fmt: skip
