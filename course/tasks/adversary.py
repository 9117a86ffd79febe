"""A discriminator as a reward: it learns to tell a policy's texts from right ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from course.expect import at_least, whole, whole_number
from course.lm.model import GPT
from course.lm.sampling import write
from course.lm.tokenizer import pad_batch
from course.reward.model import from_language_model, text_batch
from course.runtime import generator
from course.score import whole_texts
from course.tasks.task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class Adversary:
    """A score that learns while it pays: how much a text looks like a right answer.

    It begins as a copy of the model with one linear layer.  A call returns the
    probability that each text is a reference, shape (texts,); then it learns from these
    texts and as many references of other prompts.  accuracy: one number a call, the
    share that it told apart before it learned from them.
    Source: Yu et al. 2017 (SeqGAN), arXiv 1609.05473.  Chapter 16.
    """

    def __init__(
        self,
        task: Task,
        model: GPT,
        tokenizer: "PreTrainedTokenizerFast",
        *,
        seed: int,
        updates: int = 2,
        learning_rate: float = 1e-3,
    ) -> None:
        """updates: after each call.  Raises ValueError on a task without references."""
        whole_number(seed=seed)
        whole(0, updates=updates)
        at_least(0, learning_rate=learning_rate)
        self.right = [
            p + task.references[p] for p in task.train if p in task.references
        ]
        if not self.right:
            raise ValueError(
                f"got the task {task.name!r} without references, expected right answers"
            )
        self.tokenizer, self.updates = tokenizer, updates
        self.critic = from_language_model(model, generator(seed))
        self.optimizer = torch.optim.AdamW(
            self.critic.parameters(), lr=learning_rate, weight_decay=0.0
        )
        self.draw, self.accuracy = generator(seed), []

    def __call__(self, prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
        """The score; then it learns."""
        texts = whole_texts(prompts, completions)
        with torch.no_grad():
            paid = torch.sigmoid(self.logits(texts))
        for n in range(self.updates):
            chosen = torch.randint(len(self.right), (len(texts),), generator=self.draw)
            logits = self.logits([*(self.right[i] for i in chosen.tolist()), *texts])
            wanted = torch.ones_like(logits)
            wanted[len(texts) :] = 0.0
            if n == 0:
                told = (logits > 0) == wanted.bool()
                self.accuracy.append(float(told.float().mean()))
            loss = F.binary_cross_entropy_with_logits(logits, wanted)
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.critic.parameters(), 1.0)
            self.optimizer.step()
        return paid

    def logits(self, texts: Sequence[str]) -> Tensor:
        """Log-odds that each text is a right answer, shape (texts,)."""
        rows = text_batch(self.tokenizer, texts, self.critic.gpt.config.context)
        ids, mask = pad_batch(rows, self.tokenizer.pad_token_id)
        return self.critic(
            ids.to(self.critic.gpt.device), mask.to(self.critic.gpt.device)
        )


def warm_up(
    adversary: Adversary, task: Task, model: GPT, calls: int, batch_size: int
) -> None:
    """Let the adversary learn from the model's texts before the model learns.

    calls: how often, on batch_size texts each.  Raises TypeError or ValueError on
    numbers that are not counts.  Chapter 16.
    """
    whole(0, calls=calls)
    whole(1, batch_size=batch_size)
    for _ in range(calls):
        rows = torch.randint(len(task.train), (batch_size,), generator=adversary.draw)
        prompts = [task.train[n] for n in rows.tolist()]
        texts = write(
            model, adversary.tokenizer, prompts, max_new_tokens=task.max_new_tokens,
            generator=adversary.draw,
        )  # fmt: skip
        adversary(prompts, texts)
