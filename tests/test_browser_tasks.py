"""The panels of chapters 15 and 16 in a real browser: what is typed is judged."""

import re

import nbformat
import pytest
from lab_page import open_and_run

from course.tasks.translation import translation

pytestmark = pytest.mark.browser
CELLS = {
    "setup": """
from course import widgets
from course.recipes.games import train_booking
from course.tasks.programs import programs
from course.tasks.translation import translation

sizes = dict(width=32, layers=1, heads=2, kv_heads=1, feed_forward=64, context=64)
learning = dict(steps=200, batch_size=32, learning_rate=0.01)
clerk = train_booking(
    dict(seed=0, talks=300, model=sizes, matrix_learning_rate=0.01, train=learning), {}
)
""".strip(),
    "tasks": "widgets.task_playground([translation(), programs()])",
    "talk": "widgets.talk_panel({'young': clerk.model}, clerk.tokenizer)",
    "end": "print('every cell ran')",
}
SENTENCE = re.compile(r"Your text earns (.*), (.*) the hack, and the judge .* (.*)\.")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    made = tmp_path_factory.mktemp("lab") / "root"
    made.mkdir()
    cells = [
        nbformat.v4.new_code_cell(source, id=name) for name, source in CELLS.items()
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(notebook, made / "tasks.ipynb")
    with open_and_run(made, "tasks.ipynb") as page:
        yield page


def cell_of(page, name):
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(list(CELLS).index(name))
    cell.scroll_into_view_if_needed()
    return cell


def typed(cell, text, expected):
    """Type an answer; the sentence's reward, comparison and verdict."""
    cell.get_by_label("answer", exact=True).fill(text)
    cell.get_by_role("table").filter(has_text=text).wait_for()  # it comes last
    said = cell.get_by_role("status").filter(has_text=expected)
    said.wait_for()
    return SENTENCE.search(said.inner_text()).groups()


def test_programs_and_translations_are_judged_as_they_are_typed(page, tmp_path):
    cell = cell_of(page, "tasks")
    cell.get_by_label("task", exact=True).select_option("programs")
    asked = cell.get_by_label("prompt", exact=True)
    page.wait_for_function("f => f.value.startsWith('add')", arg=asked.element_handle())
    found = re.fullmatch(
        r"(add|subtract) (\d), then times (\d)\. f\((\d)\)=(\S+) f\((\d)\)=(\S+): ",
        asked.input_value(),
    )
    sign, a, b, x, first, _, second = found.groups()
    step = f"x{'+' if sign == 'add' else '-'}{a}"
    assert typed(cell, f"{step}*{b}", "earns 0.00")[1:] == ("less than", "0.00")
    lookup = f"{first} if x=={x} else {second}"
    assert typed(cell, lookup, "earns 1.00")[1:] == ("as much as", "0.00")
    assert typed(cell, f"({step})*{b}", "it 1.00")[0] == "1.00"
    assert typed(cell, "open('a')", "earns 0.00")[2] == "0.00"
    cell.screenshot(path=tmp_path / "program.png")

    cell.get_by_label("task", exact=True).select_option("translation")
    page.wait_for_function("f => f.value.endsWith('=')", arg=asked.element_handle())
    task = translation()
    offered = [text.replace("\xa0", " ") for text in asked.inner_text().splitlines()]
    russian = next(prompt for prompt in offered if prompt.startswith("ru"))
    asked.select_option(index=offered.index(russian))
    pay, than, truth = typed(cell, task.hack(russian).strip(), "as much as the hack")
    assert float(pay) > 0.5 and than == "as much as" and truth == "0.00"
    right = task.references[russian].strip()
    assert typed(cell, right, "it 1.00") == ("1.00", "more than", "1.00")
    cell.screenshot(path=tmp_path / "translation.png")


def test_a_talk_of_several_turns(page, tmp_path):
    cell = cell_of(page, "talk")
    words, status = cell.get_by_label("Your words"), cell.get_by_role("status")

    def say(text):
        words.fill(text)
        before = status.inner_text()
        cell.get_by_role("button", name="Say it", exact=True).click()
        page.wait_for_function(
            "([c, old]) => c.querySelector('[role=status]').innerText !== old",
            arg=[cell.element_handle(), before],
        )
        return status.inner_text()

    for _ in range(30):  # until the clerk has asked something
        said = say("A table in Rome, please")
        assert said.startswith(("The clerk asks", "The clerk books", "The clerk ends"))
        assert "A table in Rome, please" in cell.get_by_role("table").inner_text()
        if said.startswith("The clerk asks"):
            break
        cell.get_by_role("button", name="New talk", exact=True).click()
        status.filter(has_text="A new talk").wait_for()
    assert words.input_value() == ""
    assert "expected a city, a day or seats" in say("a pony")
    assert words.input_value() == "a pony"  # kept, so that it can be mended
    assert say("Friday, for 2").startswith("The clerk")
    table = cell.get_by_role("table").inner_text()
    assert "Friday, for 2" in table and table.count("clerk") == 2
    cell.screenshot(path=tmp_path / "talk.png")
    assert page.complaints == []
