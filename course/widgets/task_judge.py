"""Type an answer to a task and see its reward beside the judge's verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets as w

from course.expect import check_text, whole
from course.tasks.task import Task
from course.widgets import panel

HEAD = ("whose", "text", "reward", "judge")


@dataclass(frozen=True)
class Judged:
    """One answer with its reward and the judge's verdict."""

    whose: str
    text: str
    reward: float
    judge: float


def judge_answers(task: Task, prompt: str, text: str) -> list[Judged]:
    """Yours, the right one where there is one, and the hack: rewards and verdicts.

    Raises ValueError where the prompt is none of the task's, and unless the text is
    one.
    """
    check_text(text)
    if prompt not in task.train and prompt not in task.held_out:
        raise ValueError(
            f"got the prompt {prompt!r}, expected one of the task's, such as "
            f"{task.held_out[0]!r}"
        )
    answers = {"yours": text, "the hack": task.hack(prompt)}
    if prompt in task.references:
        answers["the right one"] = task.references[prompt]
    texts = list(answers.values())
    scores, verdicts = (
        [float(x) for x in by([prompt] * len(texts), texts)]
        for by in (task.score, task.judge)
    )
    rows = zip(answers, texts, scores, verdicts, strict=True)
    return [Judged(*row) for row in rows]


def answer_row(answer: Judged) -> tuple[str, ...]:
    """One answer as a row of text."""
    text = panel.visible(answer.text.strip()).replace("␣", " ")
    return answer.whose, text, f"{answer.reward:.2f}", f"{answer.judge:.2f}"


def verdict_sentence(answers: Sequence[Judged]) -> str:
    """What reward and judge say to your text and to the hack, in words."""
    yours, hack = answers[:2]
    than = "more than" if yours.reward > hack.reward else "as much as"
    than = "less than" if yours.reward < hack.reward else than
    return (
        f"Your text earns {yours.reward:.2f}, {than} the hack, and the judge gives it "
        f"{yours.judge:.2f}."
    )


def show_task(task: Task, prompt: str, text: str) -> None:
    """Print prompt, answers, rewards and verdicts: the panel by code."""
    answers = judge_answers(task, prompt, text)
    print(f"{task.name}: {prompt}")
    print(panel.text_table(HEAD, map(answer_row, answers)))
    print(verdict_sentence(answers))


@dataclass
class Typed:
    """What the panel keeps: task, prompt and text."""

    task: str
    prompt: str
    text: str


def task_playground(
    tasks: Sequence[Task], prompts: int = 8, key: str = "tasks"
) -> w.VBox:
    """The panel: choose a task and a prompt, type an answer, see who is pleased.

    prompts: how many held-out prompts of each task are offered.  Raises ValueError
    without a task or a prompt.
    """
    whole(1, prompts=prompts)
    if not len(tasks):
        raise ValueError("got no tasks, expected at least one")
    by_name = {task.name: task for task in tasks}
    offered = {
        task.name: list(task.held_out)[:: max(1, len(task.held_out) // prompts)]
        for task in tasks
    }
    first = tasks[0].name
    state = panel.panel_state(key, lambda: Typed(first, offered[first][0], ""))
    if state.task not in by_name:
        state.task = first
    chosen = w.Dropdown(description="task", options=list(by_name), value=state.task)
    some = offered[state.task]
    at = state.prompt if state.prompt in some else some[0]
    asked = w.Dropdown(
        description="prompt", options=some, value=at, layout=w.Layout(width="38em")
    )
    typed = w.Text(
        description="answer", value=state.text, layout=w.Layout(width="38em"),
        placeholder="type an answer",
    )  # fmt: skip
    words, rows = w.HTML(), w.HTML()

    def other_task(change: dict) -> None:
        asked.options = offered[chosen.value]
        asked.value = offered[chosen.value][0]

    def render() -> None:
        task = by_name[chosen.value]
        if asked.value not in offered[task.name]:
            return  # between two tasks
        state.task, state.prompt, state.text = task.name, asked.value, typed.value
        text = typed.value.encode(errors="replace").decode()  # half a surrogate pair
        answers = judge_answers(task, asked.value, text)
        words.value = panel.status(verdict_sentence(answers))
        rows.value = panel.table("Who is pleased?", HEAD, map(answer_row, answers))

    chosen.observe(other_task, names="value")
    panel.watch(render, chosen, asked, typed)
    return w.VBox([chosen, asked, typed, words, rows])
