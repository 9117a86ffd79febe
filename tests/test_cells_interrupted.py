"""A chapter after the stop button: run the cell again, go on, and its claims hold.

A lane of its own, weekly in CI: `python -m tools.test_lanes --lane interrupt`.  Three
cells of each lesson are stopped at random; COURSE_INTERRUPT_SEED repeats a week's.
"""

import copy
import os
import random
from datetime import date

import nbformat
import pytest
from lessons import LESSONS, claims

from course.run_chapters import execute
from tools.execute import lane_environment

WEEK = "{}-{}".format(*date.today().isocalendar())
SEED = os.environ.get("COURSE_INTERRUPT_SEED", WEEK)
STOPS = 3
SECONDS = (0.02, 0.3, 1.5)  # after which a cell is stopped, if it still runs
# The kernel stops itself: only where the cell stands still is nothing else stopped.
STOP = """import _thread as _stop, threading as _threads
_timer = _threads.Timer({seconds}, _stop.interrupt_main)
_timer.start()
try:
    exec(compile({source!r}, "<cell>", "exec"), globals())
finally:
    _timer.cancel()
"""


def interrupted(notebook, draw: random.Random):
    """The notebook where three cells are first stopped, and then run as they are."""
    able = [
        n
        for n, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and "%" not in cell.source.lstrip()[:1]
    ]
    # Not the first, which imports: Python cannot go on after half of torch.
    able = able[1:]
    chosen = {n: draw.choice(SECONDS) for n in draw.sample(able, min(STOPS, len(able)))}
    cells = []
    for n, cell in enumerate(notebook.cells):
        if n in chosen:
            stopped = copy.deepcopy(cell)
            stopped.id = f"{cell.id[:55]}-stopped"
            stopped.metadata.tags = ["raises-exception"]
            stopped.source = STOP.format(seconds=chosen[n], source=cell.source)
            cells.append(stopped)
        cells.append(cell)
    notebook.cells = cells
    return notebook


@pytest.mark.interrupt
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_chapter_goes_on_after_the_stop_button(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    before = {cell.id: claims(cell) for cell in notebook.cells if "outputs" in cell}
    draw = random.Random(f"{SEED} {path.stem}")
    notebook = interrupted(notebook, draw)
    stopped = [cell.id for cell in notebook.cells if cell.id.endswith("-stopped")]
    environment = lane_environment(str(tmp_path))
    _, error = execute(notebook, path.parent, environment, path.stem, 300)
    told = f"after {stopped}, COURSE_INTERRUPT_SEED={SEED}"
    assert error == "", told
    for cell in notebook.cells:
        if cell.id in before:
            assert claims(cell) == before[cell.id], f"{cell.id} {told}"


NEW, WHOLE = "shared = list(range(200))", "assert len(shared) == 200"


@pytest.mark.notebooks
@pytest.mark.parametrize(
    ("last", "works"),
    [
        ("total = 0\nfor n in range(200):\n    time.sleep(.01); total += n", True),
        (f"{WHOLE}\nwhile shared:\n    shared.pop(); time.sleep(.01)\n{NEW}", False),
    ],
)
def test_a_cell_that_a_stop_breaks_is_found(tmp_path, last, works):
    """The second uses up what an earlier cell made, and makes it anew at its end."""
    notebook = nbformat.v4.new_notebook()
    for source in (f"import time\n{NEW}", last, WHOLE):
        notebook.cells.append(nbformat.v4.new_code_cell(source))

    class Second(random.Random):
        def sample(self, able, k):
            return [able[0]]

        def choice(self, seconds):
            return 0.3

    notebook = interrupted(notebook, Second())
    _, error = execute(notebook, tmp_path, dict(os.environ), "sample", 60)
    printed = str(notebook.cells[1].outputs)
    assert "KeyboardInterrupt" in printed
    assert (error == "") == works
