"""The starts of the tasks of chapter 15: small models that imitate a wrong habit."""

from collections.abc import Mapping
from typing import Any

from course.lm.model import GPT
from course.recipes.recipe import Checkpoint, Recipe
from course.tasks.practice import start
from course.tasks.programs import programs
from course.tasks.questions import questions
from course.tasks.task import Task, judged
from course.tasks.translation import translation


def begin(name: str, task: Task, settings: Mapping[str, Any]) -> Checkpoint:
    """The start of a task as a checkpoint; metrics: the judge in each mode.

    Chapter 15.
    """
    model, tokenizer, history = start(task, **settings)
    verdicts = judged(task, model, tokenizer)
    metrics = {mode: verdict.judge for mode, verdict in verdicts.items()}
    return Checkpoint(name, model, tokenizer, metrics, history)


def train_translation(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Dates, 70 % of them translated word for word.  Chapter 15."""
    return begin("task-translation", translation(settings["seed"]), settings)


def train_questions(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Currencies, 70 % of them answered with "US Dollar".  Chapter 15."""
    return begin("task-questions", questions(settings["seed"]), settings)


def train_programs(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """Programs: most have the usual mistake, some look the tests up.  Chapter 15."""
    return begin("task-programs", programs(settings["seed"]), settings)


SIZES = {"width": 96, "layers": 3, "heads": 4, "kv_heads": 2, "feed_forward": 256,
         "context": 64}  # fmt: skip

TASK_TRANSLATION = Recipe(
    name="task-translation",
    settings={"seed": 0, "steps": 220, "batch_size": 96, "model": SIZES},
    train=train_translation,
    empty=GPT,
)
TASK_QUESTIONS = Recipe(
    name="task-questions",
    settings={"seed": 0, "steps": 150, "batch_size": 96, "model": SIZES},
    train=train_questions,
    empty=GPT,
)
TASK_PROGRAMS = Recipe(
    name="task-programs",
    settings={"seed": 0, "steps": 200, "batch_size": 96, "model": SIZES},
    train=train_programs,
    empty=GPT,
)
