"""A task made of your own pairs of texts."""

import hashlib
from collections.abc import Sequence
from functools import partial

from course.reward.overlap import chrf
from course.tasks.task import Task
from course.tasks.translation import compare, exact


def own_task(pairs: Sequence[tuple[str, str]], name: str = "own") -> Task:
    """Turn the first text of a pair into the second: chrF rewards, exactness judges.

    About a fifth is held out, by a hash.  All demonstrations are right; the hack leaves
    the last word out.  Raises ValueError on a text with two different answers and on
    fewer than ten pairs.  Chapter 15.

    >>> task = own_task([(f"number {n}", f"{n}") for n in range(20)])
    >>> task.train[0], task.references["number 0 ="], task.hack("number 0 =")
    ('number 0 =', ' 0', '')
    """
    references: dict[str, str] = {}
    for source, target in pairs:
        prompt, answer = f"{source.strip()} =", f" {target.strip()}"
        if references.setdefault(prompt, answer) != answer:
            raise ValueError(
                f"got two answers to {source!r}, expected one: "
                f"{references[prompt]!r} and {answer!r}"
            )
    if len(references) < 10:
        raise ValueError(f"got {len(references)} pairs, expected at least ten")
    order = sorted(references, key=lambda p: hashlib.sha256(p.encode()).digest())
    kept = set(order[: len(order) // 5])
    train = [prompt for prompt in references if prompt not in kept]
    return Task(
        name=name,
        train=train,
        held_out=[prompt for prompt in references if prompt in kept],
        demonstrations=[(prompt, references[prompt]) for prompt in train],
        max_new_tokens=max(map(len, references.values())) + 1,
        score=partial(compare, chrf, references),
        judge=partial(compare, exact, references),
        hack=lambda prompt: references[prompt].rpartition(" ")[0],
        references=references,
    )
