"""A small model that adds two-digit numbers, and is mostly wrong: a start for GRPO."""

from collections.abc import Mapping
from typing import Any

from course.data.arithmetic import ALPHABET, answer, problems
from course.lm.characters import character_tokenizer
from course.lm.model import GPT, GPTConfig
from course.lm.sampling import write
from course.lm.tokenizer import encode
from course.lm.training import pack, train_language_model
from course.recipes.recipe import Checkpoint, Recipe
from course.reward.verifiable import unit_test_reward
from course.runtime import device, generator, seed_everything


def train_adder(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Language modelling of solved problems, stopped early on purpose."""
    seed_everything(settings["seed"])
    tokenizer = character_tokenizer(ALPHABET)
    solved = [problem + answer(problem) for problem in problems("train")]
    ids, segments = pack(
        encode(tokenizer, solved), settings["row_tokens"], tokenizer.pad_token_id
    )
    config = GPTConfig(vocab_size=len(tokenizer), **settings["model"])
    model = GPT(config).to(device())
    history = train_language_model(
        model, ids, segments, generator=generator(settings["seed"]), **settings["train"]
    )
    metrics = {"loss": history.last["loss"]}
    for split in ("train", "held-out"):
        asked = problems(split)[::4]
        for name, options in (("sampled", {}), ("greedy", {"top_k": 1})):
            texts = write(model, tokenizer, asked, max_new_tokens=4,
                          generator=generator(0), **options)  # fmt: skip
            metrics[f"{name}_{split}"] = float(unit_test_reward(asked, texts).mean())
    return Checkpoint("adder", model, tokenizer, metrics, history)


ADDER = Recipe(
    name="adder",
    settings={
        "seed": 0,
        "row_tokens": 20,
        "model": {"width": 64, "layers": 3, "heads": 4, "kv_heads": 2,
                  "feed_forward": 192, "context": 32},
        "train": {"steps": 350, "batch_size": 64, "matrix_lr": 0.01,
                  "other_lr": 0.005},
    },
    modules=("course.data.arithmetic", "course.lm.characters", "course.lm.tokenizer",
             "course.lm.layers", "course.lm.model", "course.lm.training"),
    train=train_adder,
    empty=GPT,
)  # fmt: skip
