"""A small model that learned to add, and then to be careless: a start for GRPO."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from course.data.arithmetic import ALPHABET, answer, careless_answer, problems
from course.expect_lists import lists
from course.lm.characters import character_tokenizer
from course.lm.model import GPT, GPTConfig
from course.lm.packing import pack
from course.lm.sampling import write
from course.lm.tokenizer import encode
from course.lm.training import History, train_language_model
from course.recipes.recipe import Checkpoint, Recipe
from course.reward.verifiable import unit_test_reward
from course.runtime import device, generator, seed_everything


def train_adder(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Language modelling of right sums, then of sums that are mostly wrong.

    Chapter 11.
    """
    seed = settings["seed"]
    seed_everything(seed)
    tokenizer = character_tokenizer(ALPHABET)
    config = GPTConfig(vocab_size=len(tokenizer), **settings["model"])
    model = GPT(config).to(device())
    asked, pupil = problems("train"), random.Random(seed)
    rate = settings["wrong_answers"]
    lessons = {
        "right": [p + answer(p) for p in asked],
        "careless": [p + careless_answer(p, pupil, rate) for p in asked],
    }
    metrics, history = {}, History()
    for name, texts in lessons.items():
        ids, segments = pack(
            encode(tokenizer, texts), settings["row_tokens"], tokenizer.pad_token_id
        )
        plan, draws = settings[name], generator(seed)
        for _ in range(plan["rounds"]):
            part = train_language_model(
                model, ids, segments, generator=draws, **plan["train"]
            )
            before = len(history.rows)
            for row in part.rows:
                history.log(**(row | {"step": before + row["step"]}))
            reached = measure(model, tokenizer, asked[:: settings["measure_every"]])
            if plan["enough"][0] <= reached[plan["measured"]] <= plan["enough"][1]:
                break
        metrics |= {f"{k}_{name}": v for k, v in reached.items()}
    return Checkpoint("adder", model, tokenizer, metrics, history)


def measure(model: GPT, tokenizer, asked: Sequence[str]) -> dict[str, float]:
    """Share of the problems solved: sampled, and greedily.  Chapter 11."""
    lists(asked=asked)
    reached = {}
    for name, options in (("sampled", {}), ("greedy", {"top_k": 1})):
        texts = write(model, tokenizer, list(asked), max_new_tokens=4,
                      generator=generator(0), **options)  # fmt: skip
        reached[name] = float(unit_test_reward(asked, texts).mean())
    return reached


ADDER = Recipe(
    name="adder",
    settings={
        "seed": 0,
        "row_tokens": 20,
        "model": {"width": 64, "layers": 3, "heads": 4, "kv_heads": 2,
                  "feed_forward": 192, "context": 32},
        "wrong_answers": 0.7,
        "measure_every": 16,
        # A lesson goes on, round after round, until what is measured on training
        # problems is in `enough`: when a model understands sums differs by machine,
        # and so does how fast it turns careless, hence the short and gentle rounds.
        "right": {"rounds": 8, "measured": "greedy", "enough": [0.85, 1.0],
                  "train": {"steps": 225, "batch_size": 64,
                            "matrix_learning_rate": 0.01,
                            "other_learning_rate": 0.005}},
        "careless": {"rounds": 40, "measured": "sampled", "enough": [0.0, 0.24],
                     "train": {"steps": 8, "batch_size": 64,
                               "matrix_learning_rate": 0.0015,
                               "other_learning_rate": 0.00075}},
    },
    train=train_adder,
    empty=GPT,
)  # fmt: skip
