"""The panels in a real browser: JupyterLab on loopback, Chromium by Playwright.

Skipped with a sentence where no Chromium is installed; `COURSE_REQUIRE_BROWSER=1`
makes that a failure.
"""

import nbformat
import pytest
from lab_page import open_and_run

pytestmark = pytest.mark.browser
SETUP = """
import torch
from course import plots, widgets
from course.lm.model import GPT, GPTConfig
from course.lm.tokenizer import train_tokenizer
from course.reward.preferences import PreferenceStore

plots.style()
torch.manual_seed(0)
tokenizer = train_tokenizer(["the film is good", "the film is dull and long"] * 3, 300)
size = dict(width=16, layers=2, heads=4, kv_heads=2, feed_forward=16)
model = GPT(GPTConfig(vocab_size=len(tokenizer), context=64, **size))
for parameter in model.parameters():
    parameter.data.mul_(8)
uniform = torch.full((len(tokenizer),), 1 / len(tokenizer))
hostile = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
pairs = [
    dict(text_a=hostile, text_b="a plain text", mean_a=-1.0, mean_b=1.0),
    dict(text_a="a fine film", text_b="a dull film", mean_a=2.0, mean_b=-2.0),
]


def score(texts):
    return [t.count("good") - t.count("dull") + 0.01 * len(t) for t in texts]
"""
# A run as in chapter 10, small: it waits before its second step for the file `go`.
TRAINING = """
import copy
import time
from functools import partial
from pathlib import Path

from course.policy.loop import train
from course.policy.ppo import Critic, ppo_step


def patient(prompts, completions):
    for _ in range(300):
        if not board_is_drawn or Path("go").exists():
            break
        time.sleep(0.1)
    return [len(text) / 20 for text in completions]


def watch(history):
    board(history)
    board_is_drawn.append(len(history.rows))


board_is_drawn, board = [], widgets.LiveDashboard(every=1, title="A run")
policy, critic = copy.deepcopy(model), Critic(copy.deepcopy(model))
optimizer = torch.optim.AdamW(
    [{"params": policy.parameters()}, {"params": critic.parameters()}], lr=1e-3
)
train(
    policy, copy.deepcopy(policy), tokenizer, ["the film"], patient,
    partial(ppo_step, policy, critic, optimizer, beta=0.1), optimizer=optimizer,
    steps=2, batch_size=8, max_new_tokens=6, watch=watch,
    generator=torch.Generator().manual_seed(0),
)
print("the run is over, its end drawn")
"""
CELLS = {
    "explorer": "widgets.next_token_explorer({'GPT': model, 'uniform': lambda ids: "
    "uniform}, tokenizer, prompt=hostile)",
    "viewer": "widgets.attention_viewer(model, tokenizer, 'the film is good')",
    "labeller": "widgets.preference_labeller(pairs, PreferenceStore('votes.sqlite'))",
    "microscope": "widgets.reward_microscope(score, tokenizer, 'the film is good')",
    "bandit": "widgets.bandit_playground()",
    "clip": "widgets.clip_explorer()",
    "dashboard": TRAINING.strip(),
    "end": "print('every cell ran')",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder that JupyterLab serves, with the notebook of the five panels."""
    made = tmp_path_factory.mktemp("lab") / "root"
    made.mkdir()
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(source, id=name)
            for name, source in {"setup": SETUP.strip(), **CELLS}.items()
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, made / "panels.ipynb")
    (made / "go").touch()  # the first run of the dashboard's cell waits for nothing
    return made


@pytest.fixture(scope="module")
def page(folder):
    """The notebook in a browser, after Run All, every panel drawn."""
    with open_and_run(folder, "panels.ipynb") as page:
        yield page


class Panel:
    """One cell's panel: its controls, its status sentence, its picture."""

    def __init__(self, page, name):
        number = ["setup", *CELLS].index(name)
        self.page, self.name = page, name
        self.cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
        self.cell.scroll_into_view_if_needed()
        self.cell.locator("img").wait_for()

    def seen(self):
        image = self.cell.locator("img")
        return (
            self.cell.get_by_role("status").inner_text(),
            image.get_attribute("src"),
            image.get_attribute("alt"),
        )

    def button(self, name):
        return self.cell.get_by_role("button", name=name, exact=True)

    def field(self, name):
        return self.cell.get_by_label(name, exact=True)

    def change(self, act, expected):
        """Do something; wait for a new sentence; sentence, picture and alt changed."""
        before = self.seen()
        act()
        status = self.cell.get_by_role("status").filter(has_text=expected)
        status.wait_for(timeout=15_000)
        self.page.wait_for_function(  # each picture's alternative text ends with it
            """([cell, old]) => {
                const image = cell.querySelector('img');
                const sentence = cell.querySelector('[role=status]').innerText;
                return image.src !== old && image.alt.endsWith(sentence);
            }""",
            arg=[self.cell.element_handle(), before[1]],
        )
        after = self.seen()
        assert all(a != b for a, b in zip(before, after, strict=True)), self.name
        return after

    def photograph(self, folder):
        self.cell.screenshot(path=folder / f"{self.name}.png")


def test_the_explorer_follows_slider_fields_and_button(page, tmp_path):
    panel = Panel(page, "explorer")
    slider = panel.cell.get_by_role("slider").first
    slider.focus()
    panel.change(lambda: slider.press("ArrowRight"), "Entropy")
    assert panel.field("temperature value").input_value() == "1.05"

    def type_five():
        panel.field("top-k (0 keeps all)").fill("5")
        panel.field("top-k (0 keeps all)").press("Enter")

    text, _, alt = panel.change(type_five, "; 5 of")
    assert text in alt
    prompt = panel.field("prompt").input_value()
    assert prompt.startswith("<script>")
    panel.button("Sample a token").click()
    page.wait_for_function(
        "([field, old]) => field.value !== old",
        arg=[panel.field("prompt").element_handle(), prompt],
    )
    panel.change(lambda: panel.field("model").select_option("uniform"), "0.004")
    panel.photograph(tmp_path)


def test_the_viewer_shows_another_head(page, tmp_path):
    panel = Panel(page, "viewer")
    head = panel.cell.get_by_role("slider").nth(1)
    head.focus()
    panel.change(lambda: head.press("ArrowRight"), "layer 0, head 1")
    panel.photograph(tmp_path)


def test_the_labeller_votes_and_takes_back_by_keyboard(page, folder, tmp_path):
    panel = Panel(page, "labeller")
    assert "<script>window.hacked" in panel.cell.inner_text()
    panel.photograph(tmp_path)
    panel.button("B is better").focus()
    panel.change(lambda: page.keyboard.press("Enter"), "crowd 100%")
    panel.change(panel.button("B is better").click, "crowd 50%")
    panel.change(panel.button("Undo").click, "crowd 100%")
    panel.change(panel.button("Skip").click, "skip 1")
    from course.reward.preferences import PreferenceStore

    votes = PreferenceStore(folder / "votes.sqlite").votes()
    assert [vote.choice for vote in votes] == ["b", "skip"]


def test_the_microscope_follows_every_key(page, tmp_path):
    panel = Panel(page, "microscope")
    field = panel.field("text")
    field.click()
    field.press("Control+End")
    panel.change(lambda: page.keyboard.type(" and dull"), "whole text +0.25")
    panel.photograph(tmp_path)
    panel.change(panel.button("Back to the first text").click, "whole text +1.16")


def test_the_bandit_steps_runs_and_resets(page, tmp_path):
    panel = Panel(page, "bandit")
    panel.change(panel.button("Step").click, "After 1 step:")
    panel.cell.get_by_label("baseline: mean of earlier rewards").check()
    panel.change(panel.button("Run 100 steps").click, "After 101 steps")
    panel.photograph(tmp_path)
    panel.change(panel.button("Reset").click, "After 0 steps")


def test_the_clip_explorer_cuts_the_gradient_of_a_ratio_past_the_clip(page, tmp_path):
    panel = Panel(page, "clip")
    assert "Ratio 1.50, advantage +1.00" in panel.seen()[0]
    ratio, advantage, width = panel.cell.get_by_role("slider").all()
    ratio.focus()
    text, _, alt = panel.change(lambda: ratio.press("ArrowLeft"), "Ratio 1.45")
    assert "its gradient is cut to 0" in text and text in alt
    assert panel.field("ratio value").input_value() == "1.45"  # and no further digits

    def turn_the_advantage():
        panel.field("advantage value").fill("-1")
        panel.field("advantage value").press("Enter")

    panel.change(turn_the_advantage, "it keeps its gradient")
    panel.photograph(tmp_path)
    width.focus()
    panel.change(lambda: width.press("End"), "Inside the clip nothing is changed")
    assert panel.field("clip value").input_value() == "0.9"
    advantage.focus()
    panel.change(lambda: advantage.press("End"), "advantage +2.00")


def test_the_dashboard_draws_itself_anew_while_the_policy_learns(
    page, folder, tmp_path
):
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(
        ["setup", *CELLS].index("dashboard")
    )
    cell.scroll_into_view_if_needed()
    image = cell.locator("img")
    over = cell.locator(".jp-OutputArea").get_by_text("the run is over, its end drawn")
    assert image.count() == 1
    last = image.get_attribute("src")
    (folder / "go").unlink()
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "([cell, old]) => (cell.querySelector('img') || {src: old}).src !== old",
        arg=[cell.element_handle(), last],
    )
    first = image.get_attribute("src")
    cell.screenshot(path=tmp_path / "first.png")
    assert over.count() == 0  # it is still learning
    (folder / "go").touch()
    page.wait_for_function(
        "([cell, old]) => cell.querySelector('img').src !== old",
        arg=[cell.element_handle(), first],
    )
    over.wait_for()
    assert image.count() == 1  # one picture, replaced in its place
    cell.screenshot(path=tmp_path / "last.png")


def test_nothing_complained_and_no_text_became_code(page):
    errors = page.locator(
        '.jp-OutputArea-output[data-mime-type*="stderr"], '
        '.jp-OutputArea-output[data-mime-type*="error"]'
    )
    assert errors.count() == 0, errors.all_inner_texts()
    assert page.evaluate("window.hacked") is None
    assert page.complaints == []
