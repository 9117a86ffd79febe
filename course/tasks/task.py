"""What a task is, how it is judged, and how a small model begins it and improves.

The reward (`score`) is what training sees.  The judge is what was meant.  They are two
functions, so that the difference between them can be measured.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from course.expect import at_least, whole
from course.lm.finetuning import fine_tune
from course.lm.model import GPT, GPTConfig
from course.lm.sampling import write
from course.lm.training import History, optimizers
from course.lm.words import word_tokenizer
from course.policy.grpo import grpo_step
from course.policy.loop import train
from course.runtime import device, generator, seed_everything
from course.score import Score, check_texts, checked_scores

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MODES = {"sampled": {}, "T = .5": {"temperature": 0.5}, "greedy": {"top_k": 1}}


@dataclass(frozen=True)
class Task:
    """One small environment.

    train, held_out: prompts, none in both.  demonstrations: pairs of prompt and
    completion that a start imitates, most of them with one wrong habit.  score: the
    reward, `score(prompts, completions)`.  judge: what was meant, from 0 to 1; training
    never sees it.  hack: from a prompt to a completion that the reward likes better
    than it should.  references: prompt -> right answer, where there is one.
    Raises ValueError on an empty pool and on a prompt that is in both, TypeError on one
    text in place of a pool.  Chapter 15.
    """

    name: str
    train: Sequence[str]
    held_out: Sequence[str]
    demonstrations: Sequence[tuple[str, str]]
    max_new_tokens: int
    score: Score
    judge: Score
    hack: Callable[[str], str]
    references: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_texts(self.train), check_texts(self.held_out)
        whole(1, max_new_tokens=self.max_new_tokens)
        for pool in ("train", "held_out", "demonstrations"):
            if not len(getattr(self, pool)):
                raise ValueError(
                    f"got no {pool} in task {self.name!r}, expected at least one"
                )
        if both := set(self.train) & set(self.held_out):
            raise ValueError(
                f"got {min(both)!r} in train and in held_out of task {self.name!r}, "
                "expected each prompt in one of them"
            )


class Verdict(NamedTuple):
    """Mean reward and mean verdict of the judge on the same texts.  Chapter 15."""

    score: float
    judge: float


def judged(
    task: Task,
    model: GPT,
    tokenizer: "PreTrainedTokenizerFast",
    n: int = 200,
    seed: int = 0,
    score: Score | None = None,
) -> dict[str, Verdict]:
    """Reward and judge on n held-out prompts: sampled, at T = .5, and greedy.

    Prompts are spread evenly over the held-out ones, and repeat where there are fewer.
    seed: of the draws.  score: another reward than the task's.  Raises what a broken
    score raises, and ValueError without a prompt.  Chapter 15.
    """
    whole(1, n=n)
    pool = list(task.held_out)
    prompts = [pool[i * len(pool) // n % len(pool)] for i in range(n)]
    found = {}
    for name, options in MODES.items():
        texts = write(
            model, tokenizer, prompts, max_new_tokens=task.max_new_tokens,
            generator=generator(seed), **options,
        )  # fmt: skip
        means = [
            float(checked_scores(by, prompts, texts).mean())
            for by in (score or task.score, task.judge)
        ]
        found[name] = Verdict(*means)
    return found


def coins(rate: float, draw: torch.Generator) -> Score:
    """The control: a reward of 1 at this rate, whatever was written, else 0.

    draw: a CPU generator.  Raises ValueError unless 0 <= rate <= 1.  Chapter 15.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"got the rate {rate}, expected a number from 0 to 1")

    def score(prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
        return (torch.rand(len(completions), generator=draw) < rate).float()

    return score


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
    step, too, as "judge": it only looks on.  options: of `grpo_step`.  Raises what
    `train` raises.  Chapter 15.
    """
    at_least(0, learning_rate=learning_rate)
    policy, truth, reward = deepcopy(model), [], score or task.score
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=learning_rate, weight_decay=0.0
    )

    def watched(prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
        truth.append(checked_scores(task.judge, prompts, completions).mean())
        return reward(prompts, completions)

    history = train(
        policy, model, tokenizer, task.train, watched,
        partial(grpo_step, policy, optimizer, group_size=group_size, **options),
        optimizer=optimizer, steps=steps, batch_size=batch_size,
        group_size=group_size, max_new_tokens=task.max_new_tokens,
        generator=generator(seed), schedule=warm, desc=task.name,
    )  # fmt: skip
    for step, value in enumerate(truth):
        history.log(step, judge=value)
    return policy, history
