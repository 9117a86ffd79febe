"""What a task is, and how it is judged.

The reward (`score`) is what training sees.  The judge is what was meant.  They are two
functions, so that the difference between them can be measured.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from course.expect import cpu_generator, one_number, whole, whole_number
from course.lm.model import GPT
from course.lm.sampling import write
from course.runtime import generator
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
        check_texts(self.train)
        check_texts(self.held_out)
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
    whole_number(seed=seed)
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
    cpu_generator(draw)
    one_number(rate=rate)
    if not 0 <= rate <= 1:
        raise ValueError(f"got the rate {rate}, expected a number from 0 to 1")

    def score(prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
        return (torch.rand(len(completions), generator=draw) < rate).float()

    return score
