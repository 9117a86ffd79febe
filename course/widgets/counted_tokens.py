"""A label viewer: which tokens of a demonstration count, and what that changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as w
import torch

from course.expect import check_text, whole
from course.lm.finetuning import completion_batch, completion_labels, demonstrations
from course.widgets import panel

LONGEST = 64
HEAD = ("place", "token", "label", "counts")


def label_rows(
    tokenizer: Any,
    prompt: str,
    completion: str,
    *,
    count_prompt: bool = False,
    count_end: bool = True,
    padding: int = 2,
) -> list[tuple[str, str, str, str]]:
    """One row a token: place, token, label (-100 or the token's id), "yes" or "no".

    count_prompt, count_end: what is a label beside the completion.  padding: how many
    padding tokens stand behind the text.  Raises ValueError as `demonstrations`.
    """
    whole(0, padding=padding)
    rows = demonstrations(tokenizer, [prompt], [completion], LONGEST)
    ids, given, lengths = completion_batch(rows, tokenizer.pad_token_id)
    ids = torch.nn.functional.pad(ids, (0, padding), value=tokenizer.pad_token_id)
    if count_prompt:
        given = torch.ones_like(given)  # <bos> is never predicted
    labels = completion_labels(ids, given, lengths - (0 if count_end else 1))
    names = [panel.visible(panel.token_text(tokenizer, i)) for i in ids[0].tolist()]
    return [
        (str(n), name, str(label), "no" if label == -100 else "yes")
        for n, (name, label) in enumerate(zip(names, labels[0].tolist(), strict=True))
    ]


def label_sentence(rows: Sequence[tuple[str, str, str, str]]) -> str:
    """How many tokens count, and whether the end is one of them."""
    counted = [row for row in rows if row[3] == "yes"]
    ends = any(row[1] == "<eos>" for row in counted)
    return f"{len(counted)} of {len(rows)} tokens count. " + (
        "The end token counts: the model learns to stop."
        if ends
        else "The end token does not count: the model never learns to stop."
    )


def show_completion_labels(
    tokenizer: Any, prompt: str, completion: str, **choices: Any
) -> None:
    """Print the table and its sentence: the viewer by code."""
    rows = label_rows(tokenizer, prompt, completion, **choices)
    print(panel.text_table(HEAD, rows))
    print(label_sentence(rows))


@dataclass
class Viewer:
    """What the viewer keeps: the two texts and the choices."""

    prompt: str
    completion: str
    count_prompt: bool = False
    count_end: bool = True


def label_viewer(
    tokenizer: Any, prompt: str, completion: str, key: str = "label-viewer"
) -> w.VBox:
    """The panel: a prompt and a completion to edit, and what counts."""
    check_text(prompt)
    check_text(completion)
    state = panel.panel_state(key, lambda: Viewer(prompt, completion))
    wide = w.Layout(width="34em")
    first = w.Text(value=state.prompt, description="prompt", layout=wide)
    then = w.Text(value=state.completion, description="completion", layout=wide)
    also = w.Checkbox(value=state.count_prompt, description="count the prompt too")
    end = w.Checkbox(value=state.count_end, description="count the end token")
    words, table = w.HTML(), w.HTML()

    def render() -> None:
        state.prompt, state.completion = first.value, then.value
        state.count_prompt, state.count_end = also.value, end.value
        try:
            rows = label_rows(
                tokenizer,
                state.prompt,
                state.completion,
                count_prompt=state.count_prompt,
                count_end=state.count_end,
            )
        except ValueError as error:
            words.value, table.value = panel.status(str(error)), ""
            return
        words.value = panel.status(label_sentence(rows))
        table.value = panel.table("Tokens and labels", HEAD, rows)

    panel.watch(render, first, then, also, end)
    return w.VBox([first, then, also, end, words, table])
