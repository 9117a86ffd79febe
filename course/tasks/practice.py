"""How a small model begins a task, by imitation, and how it improves, by its reward."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course.expect import at_least, one_number, whole_number
from course.lm.finetuning import fine_tune
from course.lm.model import GPT, GPTConfig
from course.lm.training import History, optimizers
from course.lm.words import word_tokenizer
from course.policy.no_reference import without_reference
from course.runtime import device, generator, seed_everything
from course.score import Score, checked_scores
from course.tasks.task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def start(
    task: Task,
    *,
    seed: int,
    steps: int,
    batch_size: int = 96,
    matrix_learning_rate: float = 0.01,
    other_learning_rate: float = 0.004,
    model: Mapping[str, int],
) -> tuple[GPT, "PreTrainedTokenizerFast", History]:
    """A new model that imitates the demonstrations, its word tokenizer, the history.

    Muon and AdamW on the loss of the completions alone.  model: the sizes of
    `GPTConfig`, without the vocabulary.  Chapter 15.
    """
    whole_number(seed=seed)
    seed_everything(seed)
    prompts, completions = zip(*task.demonstrations, strict=True)
    more = [*task.train, *task.held_out, *task.references.values()]
    tokenizer = word_tokenizer([*prompts, *completions, *more])
    gpt = GPT(GPTConfig(vocab_size=len(tokenizer), **model)).to(device())
    history = fine_tune(
        gpt, tokenizer, prompts, completions, steps=steps, batch_size=batch_size,
        learning_rate=other_learning_rate, generator=generator(seed),
        make_optimizers=partial(_muon, matrix_learning_rate),
    )  # fmt: skip
    return gpt, tokenizer, history


def _muon(matrix_learning_rate: float, model: GPT, learning_rate: float) -> list:
    return optimizers(model, matrix_learning_rate, learning_rate, weight_decay=0.0)


def warm(done: float) -> float:
    """Share of the learning rate: up in the first tenth of the steps, then to 0.

    Chapter 15.

    >>> [round(warm(done), 3) for done in (0, 0.05, 0.1, 0.5)]
    [0.05, 0.522, 0.9, 0.5]
    """
    one_number(done=done)
    return min(1.0, 0.05 + done / 0.1) * (1 - done)


def improve(
    task: Task,
    model: GPT,
    tokenizer: "PreTrainedTokenizerFast",
    *,
    seed: int,
    steps: int,
    score: Score | None = None,
    batch_size: int = 8,
    group_size: int = 16,
    learning_rate: float = 1e-3,
    **options,
) -> tuple[GPT, History]:
    """GRPO on a copy of the model, without a reference term: the policy, the history.

    score: the reward; the task's when None.  The history has the judge's mean at each
    step, too, as "judge": it only looks on.  options: of `without_reference`, and what
    that raises.  Chapter 15.
    """
    whole_number(seed=seed)
    at_least(0, learning_rate=learning_rate)
    policy, truth, reward = deepcopy(model), [], score or task.score
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=learning_rate, weight_decay=0.0
    )

    def watched(prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
        truth.append(checked_scores(task.judge, prompts, completions).mean())
        return reward(prompts, completions)

    history = without_reference(
        policy, optimizer, tokenizer, task.train, watched, steps=steps,
        batch_size=batch_size, group_size=group_size,
        max_new_tokens=task.max_new_tokens, generator=generator(seed),
        schedule=warm, desc=task.name, **options,
    )  # fmt: skip
    for step, value in enumerate(truth):
        history.log(step, judge=value)
    return policy, history
