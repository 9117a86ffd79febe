"""Rewards that a program can verify: the answer passes its test, or it does not."""

from collections.abc import Sequence

import torch
from torch import Tensor

from course.data.arithmetic import answer
from course.score import whole_texts


def unit_test_reward(prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
    """1 where the completion is the sum that its prompt asks for, else 0.

    prompts: additions such as "27+58="; completions: what the policy wrote.  Space
    around an answer is forgiven, and nothing else: no sign, no leading zero, no word,
    no other digits than 0 to 9.  A completion is compared as text and never run.
    Returns (batch,), fp32, on the CPU.
    Raises ValueError for a prompt that is not an addition, and for unequal numbers of
    prompts and completions: both are faults of the task, not of the policy.
    Chapter 11.

    >>> unit_test_reward(["27+58="] * 4, ["85", "84", "85 or so", "27+58"])
    tensor([1., 0., 0., 0.])
    """
    whole_texts(prompts, completions)
    passed = [
        completion.strip() == answer(prompt)
        for prompt, completion in zip(prompts, completions, strict=True)
    ]
    return torch.tensor(passed, dtype=torch.float32)
