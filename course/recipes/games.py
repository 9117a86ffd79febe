"""Chapter 16's starts, a clerk and a writer of dates and half-told stories; duels."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from course.lm.finetuning import fine_tune
from course.lm.model import GPT, GPTConfig
from course.lm.training import optimizers
from course.lm.words import word_tokenizer
from course.recipes.recipe import Checkpoint, Recipe
from course.recipes.tasks import begin
from course.runtime import device, generator, seed_everything
from course.tasks import booking
from course.tasks.adversary import Adversary, warm_up
from course.tasks.many import many
from course.tasks.practice import improve
from course.tasks.stories import stories
from course.tasks.task import judged
from course.tasks.translation import translation


def train_booking(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Talks of a clerk who mostly books at once and guesses.  Chapter 16."""
    seed_everything(settings["seed"])
    pairs = booking.demonstrations(settings["talks"], settings["seed"])
    prompts, completions = zip(*pairs, strict=True)
    words = [" ".join(("", *words)) for words in booking.SLOTS.values()]
    tokenizer = word_tokenizer([*prompts, *completions, *words])
    config = GPTConfig(vocab_size=len(tokenizer), **settings["model"])
    model = GPT(config).to(device())
    history = fine_tune(
        model, tokenizer, prompts, completions,
        generator=generator(settings["seed"]),
        make_optimizers=partial(_muon, settings["matrix_learning_rate"]),
        **settings["train"],
    )  # fmt: skip
    return Checkpoint("task-booking", model, tokenizer, {}, history)


def train_many(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Dates and stories, mixed, each with its name in front.  Chapter 16."""
    both = many([translation(settings["seed"]), stories(settings["seed"])])
    return begin("task-many", both, settings)


def train_adversary(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """The start of translation, paid by a discriminator that learns beside it.

    The history has the discriminator's accuracy at each step; metrics: the judge in
    each mode at the end.  Chapter 16.
    """
    start, task = needed["task-translation"], translation()
    seed, steps = settings["seed"], settings["steps"]
    adversary = Adversary(task, start.model, start.tokenizer, seed=seed)
    size = settings["batch_size"] * settings["group_size"]
    warm_up(adversary, task, start.model, settings["warm_up"], size)
    policy, history = improve(
        task, start.model, start.tokenizer, seed=seed, steps=steps, score=adversary,
        batch_size=settings["batch_size"], group_size=settings["group_size"],
    )  # fmt: skip
    for step, accuracy in enumerate(adversary.accuracy[settings["warm_up"] :]):
        history.log(step, accuracy=accuracy)
    verdicts = judged(task, policy, start.tokenizer)
    metrics = {mode: verdict.judge for mode, verdict in verdicts.items()}
    name = f"task-adversary-{seed}"
    return Checkpoint(name, policy, start.tokenizer, metrics, history)


def _muon(matrix_learning_rate: float, model: GPT, learning_rate: float) -> list:
    return optimizers(model, matrix_learning_rate, learning_rate, weight_decay=0.0)


TASK_BOOKING = Recipe(
    name="task-booking",
    settings={
        "seed": 0,
        "talks": 3000,
        "model": {"width": 96, "layers": 2, "heads": 4, "kv_heads": 2,
                  "feed_forward": 256, "context": 64},
        "matrix_learning_rate": 0.01,
        "train": {"steps": 120, "batch_size": 96, "learning_rate": 0.004},
    },
    train=train_booking,
    empty=GPT,
)  # fmt: skip
TASK_MANY = Recipe(
    name="task-many",
    settings={
        "seed": 0,
        "steps": 400,
        "batch_size": 64,
        "model": {"width": 96, "layers": 3, "heads": 4, "kv_heads": 2,
                  "feed_forward": 256, "context": 64},
    },
    train=train_many,
    empty=GPT,
)  # fmt: skip
TASK_ADVERSARY = tuple(
    Recipe(
        name=f"task-adversary-{seed}",
        settings={
            "seed": seed,
            "steps": 30,
            "warm_up": 10,
            "batch_size": 8,
            "group_size": 8,
        },
        train=train_adversary,
        empty=GPT,
        needs=("task-translation",),
    )
    for seed in (0, 1, 2)
)
