"""The notebook lanes do what they promise: nbval fails, exercises run untouched."""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course.run_chapters import execute
from tools.execute import lane_environment
from tools.regions import number
from tools.test_lanes import NBVAL

ROOT = Path(__file__).resolve().parents[1]
SANITIZE = ROOT / "tests" / "nbval_sanitize.cfg"
EXERCISES = sorted((ROOT / "exercises").glob("*.ipynb"))


def sanitized(text: str) -> str:
    """The text as nbval compares it."""
    rules = configparser.RawConfigParser()
    rules.read(SANITIZE, encoding="utf-8")
    for section in rules.sections():
        text = re.sub(rules[section]["regex"], rules[section]["replace"], text)
    return text


def test_nbval_reads_the_same_rules():
    from nbval.plugin import get_sanitize_patterns

    rules = dict(get_sanitize_patterns(SANITIZE.read_text(encoding="utf-8")))
    text = "<object at 0x7f00aa11> after 3.2 s in /home/ann/x.py"
    for pattern, replacement in rules.items():
        text = re.sub(pattern, replacement, text)
    assert text == "<object at ADDRESS> after DURATION in PATH"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<T at 0x7f12AB34cd>", "<T at ADDRESS>"),
        ("took 12 ms", "took DURATION"),
        ("took 0.5s, 3 minutes", "took DURATION, DURATION"),
        ("in /tmp/x/y.ipynb!", "in PATH!"),
        (r"in D:\a\b.txt", "in PATH"),
    ],
)
def test_what_differs_between_machines_is_replaced(text, expected):
    assert sanitized(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "claim holds: the loss falls below the unigram entropy",
        "loss 1.234 nats, 2 x 3, 0x10, 12 samples, 4 models, 5 steps",
        "torch.Size([2, 3]) torch.float32 [1, 2]",
        "https://example.org/home/x and/or 3/4",
        "('<bos>', 'a', 's')",
    ],
)
def test_what_must_be_compared_is_left_alone(text):
    assert sanitized(text) == text


def test_running_the_solutions_is_not_the_learners_progress(fresh_home, monkeypatch):
    from course.checks import progress

    environment = lane_environment("x")
    monkeypatch.setenv("COURSE_PROGRESS", environment["COURSE_PROGRESS"])
    assert progress.record("7.1", "correct") is None
    assert progress.read() == {}
    monkeypatch.delenv("COURSE_PROGRESS")
    progress.record("7.1", "correct")
    assert progress.read()["7.1"]["status"] == "correct"


def nbval(path: Path, hf_home: Path) -> subprocess.CompletedProcess:
    """The lane on one file; the set-up cell finds the course through PYTHONPATH."""
    command = [sys.executable, "-m", "pytest", str(path), *NBVAL, "-q"]
    environment = {**lane_environment(str(hf_home)), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", f"--rootdir={path.parent}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.notebooks
@pytest.mark.parametrize("folder", ["notebooks", "solutions"])
def test_the_lane_fails_when_one_stored_character_is_wrong(folder, tmp_path):
    """And passes on the same copy unchanged, so the character is the reason."""
    source = min((ROOT / folder).glob("*.ipynb"))
    notebook = nbformat.v4.reads(source.read_text(encoding="utf-8"))
    tagged = [
        index
        for index, cell in enumerate(notebook.cells)
        if "nbval-check-output" in cell.metadata.get("tags", [])
    ]
    notebook.cells = notebook.cells[: tagged[0] + 1]  # a shorter copy is quicker
    copy = tmp_path / source.name
    nbformat.write(notebook, copy)
    sound = nbval(copy, tmp_path)
    assert sound.returncode == 0, sound.stdout
    output = notebook.cells[-1].outputs[0]
    place = len(output.text) - len(output.text.lstrip())
    output.text = output.text[:place] + "#" + output.text[place + 1 :]
    nbformat.write(notebook, copy)
    spoilt = nbval(copy, tmp_path)
    assert spoilt.returncode == 1, spoilt.stdout
    assert "1 failed" in spoilt.stdout


@pytest.mark.notebooks
def test_there_are_exercise_notebooks_to_run():
    assert EXERCISES


@pytest.mark.notebooks
@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_an_untouched_exercise_notebook_runs_and_says_not_attempted(path, tmp_path):
    notebook = nbformat.v4.reads(path.read_text(encoding="utf-8"))
    stubs = {cell.id for cell in notebook.cells if cell.id.endswith("-stub")}
    assert stubs
    environment = lane_environment(str(tmp_path))
    environment["CUDA_VISIBLE_DEVICES"] = os.environ["CUDA_VISIBLE_DEVICES"]
    _, error = execute(notebook, path.parent, environment, path.stem, timeout=300)
    assert error == ""
    cells = {cell.id: cell for cell in notebook.cells}
    for stub in stubs:
        check = cells[stub.removesuffix("stub") + "check"]
        asked = check.source.split(" = ")[0]
        printed = "".join(x.text for x in check.outputs if x.output_type == "stream")
        line = f"◌ {number(stub)} {asked}: not attempted yet\n"
        assert printed == line
