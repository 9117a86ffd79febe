"""The label viewer: its table, and the panel that follows the controls."""

import pytest

from course.lm.tokenizer import train_tokenizer
from course.widgets import label_viewer as exported
from course.widgets.counted_tokens import (
    label_rows,
    label_sentence,
    label_viewer,
    show_completion_labels,
)
from course.widgets.panel import forget_state


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["a good film ."] * 3, 300)


@pytest.fixture
def viewer(tokenizer):
    forget_state("label-viewer")
    return label_viewer(tokenizer, "a", " good film")


def counted(rows) -> str:
    return "".join(row[1] for row in rows if row[3] == "yes")


def test_only_the_completion_and_the_end_count(tokenizer):
    rows = label_rows(tokenizer, "a", " good film")
    assert counted(rows) == "␣good␣film<eos>"
    assert [row[3] for row in rows[-2:]] == ["no", "no"]  # the padding
    assert label_sentence(rows).endswith("the model learns to stop.")


def test_the_choices_move_what_counts(tokenizer):
    with_prompt = label_rows(tokenizer, "a", " good", count_prompt=True)
    assert counted(with_prompt) == "a␣good<eos>"
    endless = label_rows(tokenizer, "a", " good", count_end=False)
    assert counted(endless) == "␣good"
    assert label_sentence(endless).endswith("never learns to stop.")


def test_a_label_is_the_id_of_its_token(tokenizer):
    for _, name, label, counts in label_rows(tokenizer, "a", " good"):
        if counts == "yes":
            assert tokenizer.decode([int(label)]).replace(" ", "␣") == name


def test_the_panel_follows_its_controls(viewer):
    assert exported is label_viewer
    _, then, _, end, words, table = viewer.children
    assert "learns to stop" in words.value and "<table" in table.value
    end.value = False
    assert "never learns to stop" in words.value
    then.value = "<b>"
    assert "<b>" not in table.value and "&lt;" in table.value
    then.value = ""
    assert "empty completion" in words.value and table.value == ""


def test_running_the_cell_again_keeps_the_choices(viewer, tokenizer):
    viewer.children[2].value = True
    again = label_viewer(tokenizer, "a", " good film")
    assert again.children[2].value is True


def test_by_code_the_table_is_printed(tokenizer, capsys):
    show_completion_labels(tokenizer, "a", " good film", count_end=False)
    printed = capsys.readouterr().out
    assert printed.startswith("place  token") and "never learns to stop" in printed
