"""Several tasks as one: a word in front of each prompt says which one is meant."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from course.expect import check_text
from course.score import Score
from course.tasks.task import Task


def apart(prompt: str) -> tuple[str, str]:
    """The name of the task and the prompt without it.

    Raises ValueError on a prompt without a name in front.  Chapter 16.

    >>> apart("stories| Nora wants a boat.")
    ('stories', 'Nora wants a boat.')
    """
    name, bar, rest = check_text(prompt).partition("| ")
    if not bar:
        raise ValueError(f"got {prompt!r}, expected such as 'stories| Nora wants …'")
    return name, rest


def many(tasks: Sequence[Task]) -> Task:
    """One task made of several; each prompt begins with the name of its own.

    Prompts of every pool alternate between the tasks, so that a pool cut short still
    has all of them.  Score, judge and hack are those of the prompt's task.  Raises
    ValueError on two tasks of one name and on fewer than two.  Chapter 16.
    """
    by_name = {task.name: task for task in tasks}
    if len(by_name) < len(tasks) or len(tasks) < 2:
        raise ValueError(
            f"got the tasks {[task.name for task in tasks]}, expected two or more of "
            "different names"
        )

    def mixed(pool: str) -> list:
        named = []
        for task in tasks:
            rows = getattr(task, pool)
            named.append([_named(task.name, row) for row in rows])
        longest = max(map(len, named))
        return [rows[n % len(rows)] for n in range(longest) for rows in named]

    return Task(
        name="many",
        train=mixed("train"),
        held_out=mixed("held_out"),
        demonstrations=mixed("demonstrations"),
        max_new_tokens=max(task.max_new_tokens for task in tasks),
        score=_by_task({name: task.score for name, task in by_name.items()}),
        judge=_by_task({name: task.judge for name, task in by_name.items()}),
        hack=lambda prompt: by_name[apart(prompt)[0]].hack(apart(prompt)[1]),
        references={
            _named(task.name, prompt): answer
            for task in tasks
            for prompt, answer in task.references.items()
        },
    )


def only(task: Task, name: str) -> Task:
    """The part of a task of several that belongs to one of them.

    Raises ValueError on a name that no prompt has.  Chapter 16.
    """
    from dataclasses import replace

    def kept(prompts: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(p for p in prompts if apart(p)[0] == name))

    if not kept(task.held_out):
        raise ValueError(f"got the name {name!r}, expected one that a prompt has")
    return replace(task, train=kept(task.train), held_out=kept(task.held_out))


def _named(name: str, row):
    if isinstance(row, str):
        return f"{name}| {row}"
    return f"{name}| {row[0]}", row[1]


def _by_task(scores: Mapping[str, Score]) -> Score:
    """A score that hands each text to the score of its prompt's task."""

    def score(prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
        found = torch.zeros(len(prompts))
        pairs = [apart(prompt) for prompt in prompts]
        for name, judge in scores.items():
            rows = [n for n, (own, _) in enumerate(pairs) if own == name]
            if rows:
                asked = [pairs[n][1] for n in rows]
                values = judge(asked, [completions[n] for n in rows])
                found[rows] = torch.as_tensor(values, dtype=torch.float32)
        return found

    return score
