"""The group playground without a browser, and the functions under it."""

import ipywidgets as w
import pytest
import torch

from course import widgets
from course.policy.groups import group_std
from course.widgets import groups, panel

HOSTILE = "<script>window.hacked = 1</script>"


@pytest.fixture(autouse=True)
def fresh_state():
    panel.forget_state("groups")


def every(box):
    yield box
    for child in getattr(box, "children", ()):
        yield from every(child)


def find(box, description):
    (found,) = [x for x in every(box) if getattr(x, "description", None) == description]
    return found


def html(box):
    return "".join(x.value for x in every(box) if isinstance(x, w.HTML))


@pytest.mark.parametrize("text", ["1 0 0 1", "1,0,0,1", " 1, 0 0\t1 "])
def test_rewards_are_read_with_spaces_and_commas(text):
    assert groups.read_rewards(text) == [1.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    "text", ["", "1", "a b", "1 nan", "1 inf", "1 1e9", "1 " * 17, HOSTILE]
)
def test_what_are_no_rewards_is_refused_in_one_sentence(text):
    with pytest.raises(ValueError, match="expected 2 to 16 numbers such as 1 0 0 1"):
        groups.read_rewards(text)


def test_the_four_advantages_counted_by_hand():
    found = groups.four_advantages([1.0, 0.0, 0.0, 0.0], batch_mean=0.5)
    assert found["Dr. GRPO"] == [0.75, -0.25, -0.25, -0.25]
    assert found["RLOO"] == pytest.approx([1.0, -1 / 3, -1 / 3, -1 / 3])
    assert found["batch baseline"] == [0.5, -0.5, -0.5, -0.5]
    std = (3 / 16) ** 0.5  # of one 1 and three 0
    assert found["GRPO"] == pytest.approx([0.75 / std] + [-0.25 / std] * 3, rel=1e-3)


def test_only_the_batch_baseline_learns_from_equal_rewards():
    found = groups.four_advantages([0.3] * 5, batch_mean=0.1)
    for name in ("GRPO", "Dr. GRPO", "RLOO"):
        assert found[name] == [0.0] * 5
    assert found["batch baseline"] == pytest.approx([0.2] * 5)


@pytest.mark.parametrize(
    ("rewards", "mean", "word"),
    [([1, 1], 0.5, "up"), ([0, 0], 0.5, "down"), ([0.5, 0.5], 0.5, "nowhere")],
)
def test_the_sentence_says_where_equal_rewards_push(rewards, mean, word):
    assert groups.group_sentence(rewards, mean).endswith(f"every completion {word}.")


def test_the_sentence_names_mean_deviation_and_factors():
    sentence = groups.group_sentence([1.0, 0.0, 0.0, 1.0], 0.5)
    std = float(group_std(torch.tensor([1.0, 0.0, 0.0, 1.0]), 4))
    assert f"standard deviation {std:.2f}" in sentence
    assert f"by {1 / std:.2f}" in sentence and "by 1.33" in sentence


def test_typing_rewards_changes_table_picture_and_state():
    box = widgets.group_playground((1, 0, 0, 1))
    before = html(box)
    find(box, "rewards").value = "1 0 0 0 0 0"
    after = html(box)
    assert after != before and "Mean reward 0.17" in after and "img" in after
    find(box, "batch mean").value = -0.25
    assert html(box) != after
    again = widgets.group_playground((1, 0, 0, 1))
    assert find(again, "rewards").value == "1 0 0 0 0 0"
    assert find(again, "batch mean").value == -0.25


def test_bad_rewards_are_said_and_good_ones_bring_the_panel_back():
    box = widgets.group_playground()
    find(box, "rewards").value = HOSTILE
    assert "expected 2 to 16 numbers" in html(box)
    assert "<script>" not in html(box) and "<img" not in html(box)
    find(box, "rewards").value = "0 1"
    assert "<img" in html(box)


def test_every_control_is_named_and_the_picture_has_an_alternative_text():
    box = widgets.group_playground()
    controls = [x for x in every(box) if hasattr(x, "description")]
    assert all(x.description for x in controls if not isinstance(x, w.HTML))
    assert 'alt="Bars of the table.' in html(box)
    assert 'role="status" aria-live' in html(box)


def test_the_line_of_code_prints_what_the_panel_shows(capsys, monkeypatch, recwarn):
    import matplotlib.pyplot as plt

    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    widgets.show_group([1, 0, 0, 0, 1, 0, 0, 0], batch_mean=0.3)
    lines = capsys.readouterr().out.splitlines()
    table, said = lines[: 1 + 8], " ".join(lines[1 + 8 :])
    assert len(table) == 1 + 8 and len(shown) == 1
    box = widgets.group_playground([1, 0, 0, 0, 1, 0, 0, 0], batch_mean=0.3)
    assert said and said in html(box)
    plt.close("all")
    assert not recwarn.list
