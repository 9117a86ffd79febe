"""The panel of live feedback in a real browser: ten votes, and back."""

from pathlib import Path

import nbformat
import pytest
from lab_page import open_and_run

pytestmark = pytest.mark.browser
TESTS = Path(__file__).resolve().parent
CELLS = {
    "setup": f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from tiny_feedback import tiny_loop
from course import widgets
from course.recipes.feedback import VoteLoop
from course.reward.preferences import PreferenceStore
whole = VoteLoop.update
def slow(self, watch):  # so that a person can press Stop meanwhile
    import time
    return whole(self, lambda step: time.sleep(0.5) or watch(step))
VoteLoop.update = slow
""".strip(),
    "panel": "widgets.feedback_panel(tiny_loop(), PreferenceStore('votes.sqlite'))",
    "end": "print('every cell ran')",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("lab") / "root"
    made.mkdir()
    cells = [
        nbformat.v4.new_code_cell(source, id=name) for name, source in CELLS.items()
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(notebook, made / "feedback.ipynb")
    return made


def test_ten_votes_change_the_ranking_and_undo_brings_it_back(folder, tmp_path):
    from course.reward.preferences import PreferenceStore

    with open_and_run(folder, "feedback.ipynb") as page:
        cell = page.locator(".jp-Notebook .jp-CodeCell").nth(1)
        cell.scroll_into_view_if_needed()
        cell.locator("img").wait_for()

        def press(name, expected):
            cell.get_by_role("button", name=name, exact=True).click()
            cell.get_by_role("status").filter(has_text=expected).wait_for()
            page.wait_for_timeout(300)  # table and picture follow the sentence

        def ranking():
            return cell.get_by_role("table").inner_text()

        seen = [ranking()]
        for n in range(1, 11):
            press("A is better" if n % 2 else "B is better", f"Votes: {n};")
            seen.append(ranking())
        assert all(a != b for a, b in zip(seen, seen[1:], strict=False))
        cell.screenshot(path=tmp_path / "ten_votes.png")
        for n in range(9, -1, -1):
            press("Undo", f"Votes: {n};")
            assert ranking() == seen[n], n
        press("Undo", "There is no vote here to take back.")

        # Twenty votes start an update; the buttons work meanwhile.
        for n in range(1, 21):
            if n == 14:
                press("New texts", "Votes: 13;")
            press("A is better", f"Votes: {n};")
        press("A is better", "Votes: 21;")
        learned = cell.get_by_role("status").filter(has_text="The policy has learned")
        learned.wait_for(timeout=60_000)
        assert "policy updates: 1." in cell.get_by_role("status").inner_text()
        cell.screenshot(path=tmp_path / "learned.png")
        assert "after 21 votes" in cell.locator("img").get_attribute("alt")
        assert len(PreferenceStore(folder / "votes.sqlite")) == 21

        # One thumb waits for an opposite one; the two are a vote and change the curve.
        press("New texts", "Votes: 21;")
        before = ranking()
        press("Thumb up", "The thumb is kept until an opposite one")
        assert ranking() == before
        cell.locator("select").select_option(index=1)
        press("Thumb down", "Votes: 22;")
        assert ranking() != before
        assert "after 22 votes" in cell.locator("img").get_attribute("alt")

        # Stop ends an update before its last step and keeps what was learned.
        press("Stop", "No update is running.")
        for n in range(23, 31):
            press("B is better", f"Votes: {n};")
        cell.get_by_role("status").filter(has_text="step 1 of 8").wait_for()
        cell.get_by_role("button", name="Stop", exact=True).click()
        learned.wait_for(timeout=3_000)  # the seven other steps would take 3.5 seconds
        assert "policy updates: 2." in cell.get_by_role("status").inner_text()
        cell.screenshot(path=tmp_path / "stopped.png")
        assert page.complaints == []
