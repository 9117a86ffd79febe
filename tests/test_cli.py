"""`python -m course`: what each command prints and what its exit status says."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course import cli, doctor
from course.checks import catalogue, progress
from course.checks.reading import cells, namespace
from course.runtime import CourseError

ROOT = Path(__file__).resolve().parents[1]

ANSWER = """
import math

BITS = 8

def bits_per_byte(nats: float, n_bytes: int) -> float:
    return nats / (math.log(2) * n_bytes)
"""
STANDARDISE = """
def standardise(scores):
    return (scores - scores.mean()) / scores.std(correction=0)
"""


@pytest.fixture
def course(tmp_path, fresh_home, monkeypatch):
    """A course folder with two exercise notebooks, the working folder of the test."""
    folder = tmp_path / "course folder"
    for name in ("notebooks", "exercises"):
        (folder / name).mkdir(parents=True)
    for name in ("00_start_here", "07_reward_model"):
        (folder / "exercises" / f"{name}.ipynb").write_text(notebook())
        (folder / "notebooks" / f"{name}.ipynb").write_text(notebook())
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


def notebook(*sources: str) -> str:
    return json.dumps(
        {
            "cells": [{"cell_type": "markdown", "source": ["def x("]}]
            + [{"cell_type": "code", "source": s.splitlines(True)} for s in sources],
            "nbformat": 4,
        }
    )


def test_a_wrong_call_exits_with_2(capsys):
    for arguments in ([], ["nonsense"], ["run", "--bogus"], ["check"]):
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_the_course_folder_is_found_from_inside_and_above_the_package(
    course, monkeypatch
):
    assert cli.course_folder() == course
    monkeypatch.chdir(course / "notebooks")
    assert cli.course_folder() == course


def test_without_a_course_folder_there_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "lib" / "course" / "cli.py"))
    assert cli.main(["run"]) == 1
    assert "change into the folder of the course" in capsys.readouterr().err


def test_lab_opens_the_course_folder_and_hands_on_options(course, monkeypatch):
    called = []
    monkeypatch.setattr(cli, "_become", lambda c: called.append(c) or 0)
    monkeypatch.setattr(cli.os, "geteuid", lambda: 0, raising=False)
    assert cli.main(["lab", "--no-browser", "--port=9999"]) == 0
    (command,) = called
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={course}" in command
    page = "/lab/tree/work/notebooks/00_start_here.ipynb"
    assert f"--LabApp.default_url={page}" in command  # the printed address, too
    assert {"--allow-root", "--no-browser", "--port=9999"} <= set(command)
    monkeypatch.setattr(cli.os, "geteuid", lambda: 1000, raising=False)
    cli.main(["lab"])
    assert "--allow-root" not in called[1]
    assert "--no-browser" not in called[1]


def test_lab_without_jupyterlab_says_how_to_install_it(course, monkeypatch, capsys):
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert cli.main(["lab"]) == 1
    assert "JupyterLab is not installed: run `python -m pip" in capsys.readouterr().err


@pytest.mark.parametrize(("errors", "status"), [(["", ""], 0), (["", "boom"], 1)])
def test_run_hands_on_its_arguments_and_fails_with_a_chapter(
    course, monkeypatch, errors, status
):
    seen = []

    def run_chapters(*arguments):
        from course.run_chapters import ChapterRun

        seen.append(arguments)
        return [ChapterRun("07_x", 1.0, None, 0, error) for error in errors]

    monkeypatch.setattr("course.run_chapters.run_chapters", run_chapters)
    assert cli.main(["run", "07", "09", "--out", "pages"]) == status
    assert seen == [(course / "notebooks", ["07", "09"], Path("pages"))]
    cli.main(["run"])
    assert seen[1][1] is None


def test_check_grades_a_plain_file_and_says_so_by_its_exit_status(course, capfd):
    path = course / "mine.py"
    path.write_text(STANDARDISE + "\nwhile True: pass\n")
    assert cli.main(["check", "0", str(path)]) == 0
    assert "✔ 0.1 standardise: correct" in capfd.readouterr().out
    path.write_text(STANDARDISE.replace("correction=0", ""))
    assert cli.main(["check", "00", str(path)]) == 1
    assert "✘ 0.1 standardise: you divide by the standard" in capfd.readouterr().out


def test_check_takes_the_exercise_notebook_where_no_file_is_named(course, capfd):
    sources = (STANDARDISE, "%matplotlib inline\n!exit 3\nimport math\n", "1 / 0")
    path = course / "exercises" / "00_start_here.ipynb"
    path.write_text(notebook(*sources))
    assert cli.main(["check", "00"]) == 0
    path.write_text(notebook("def standardise(scores): return scores"))
    assert cli.main(["check", "00"]) == 1
    assert cli.main(["check", "55"]) == 1
    assert "no exercise notebook of chapter 55" in capfd.readouterr().err


def test_check_says_where_a_cell_cannot_be_read(course, capfd):
    path = course / "x.ipynb"
    path.write_text(notebook("x = 1", "def standardise(scores)\n    return 1"))
    assert cli.main(["check", "00", str(path)]) == 1
    out = capfd.readouterr().out
    assert "code cell 2, line 1: expected ':'" in out
    assert "◌ 0.1 standardise: not attempted yet" in out
    for name, content in (("gone.ipynb", None), ("y.ipynb", "{"), ("z.py", b"\xff")):
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            (course / name).write_bytes(data)
        assert cli.main(["check", "00", name]) == 2
    assert "Traceback" not in capfd.readouterr().err


def test_check_stops_a_file_that_never_ends(course, monkeypatch, capfd):
    monkeypatch.setattr(cli, "GRADING_SECONDS", 0.5)
    path = course / "slow.py"
    path.write_text("class Slow:\n    while True: pass\n")
    assert cli.main(["check", "00", str(path)]) == 1
    assert "was stopped after 0.5 seconds" in capfd.readouterr().err


def test_grading_a_named_file_leaves_the_grader_s_progress_alone(course, capfd):
    path = course / "theirs.py"
    path.write_text(STANDARDISE)
    assert cli.main(["check", "00", str(path)]) == 0
    assert progress.read() == {}


def test_a_file_that_ends_the_grading_is_not_called_correct(course, capfd):
    path = course / "exits.py"
    path.write_text("import os\n\nclass Out:\n    os._exit(0)\n" + STANDARDISE)
    assert cli.main(["check", "00", str(path)]) == 1
    assert "ended the grading before its end" in capfd.readouterr().err


LEFT = {
    "a thread": "import threading, time\n"
    "threading.Thread(target=time.sleep, args=(500,)).start()",
    "a stop of its own": "raise KeyboardInterrupt",
    "an error of no kind": "raise BaseException('x')",
    "the end of a generator": "raise GeneratorExit",
}


@pytest.mark.parametrize("line", LEFT.values(), ids=LEFT)
@pytest.mark.parametrize("place", ["function", "class"])
def test_what_the_code_leaves_or_raises_costs_no_verdict(course, capfd, line, place):
    """The grading ends when it is done, and says what it found."""
    path = course / "left.py"
    inner = "".join(f"    {part}\n" for part in line.split("\n"))
    body = STANDARDISE.lstrip("\n").split("\n", 1)
    text = f"{body[0]}\n{inner}{body[1]}" if place == "function" else STANDARDISE
    path.write_text(text if place == "function" else f"class A:\n{inner}{STANDARDISE}")
    began = time.monotonic()
    right = place == "class" or "thread" in line
    assert cli.main(["check", "00", str(path)]) == (0 if right else 1)
    said = capfd.readouterr()
    assert ("✔ 0.1" if right else "✘ 0.1 standardise: it raises") in said.out
    assert said.err == "" and time.monotonic() - began < 60


def test_a_file_without_any_of_the_functions_says_so(course, capfd):
    path = course / "foreign.py"
    path.write_text("def other(): return 1\n")
    assert cli.main(["check", "00", str(path)]) == 1
    assert "foreign.py defines no function of chapter 00" in capfd.readouterr().out


@pytest.mark.parametrize(
    "above",
    [
        "DIVISOR = math.log(2)\nEPS: float = 0 / 1",
        "try:\n    import math\nexcept ImportError:\n    math = None\n"
        "DIVISOR, EPS = math.log(2), 0.0",
        "EPS = float('0')\nDIVISOR = sum([math.log(2)])",
    ],
)
def test_constants_that_a_function_needs_are_run(tmp_path, above):
    path = tmp_path / "a.py"
    path.write_text(
        f"import math\n{above}\n"
        "def bits_per_byte(nats, n_bytes, eps=EPS):\n"
        "    return nats / (DIVISOR * n_bytes) + eps\n"
        "bits_per_byte = check(bits_per_byte)\n"
        "def later(x=bits_per_byte(1.0, 1)): return missing\n"
        "def plot(x=missing): return x\n",
        encoding="utf-8-sig",
    )
    names, problems = namespace(cells(path))
    assert problems == []
    assert abs(names["bits_per_byte"](8 * 0.6931471805599453, 1) - 8) < 1e-9


NEEDED = {
    "a block": "if True:\n    ONE = 1.0\nelse:\n    ONE = 2.0",
    "a loop": "ONE = 0.0\nfor _ in range(4):\n    ONE = ONE + 0.25",
    "a loop with an end": "ONE = 0.0\nwhile ONE < 1:\n    ONE += 0.5\n    print(ONE)",
    "a sum": "ONE = 0.5\nONE += 0.5",
    "a fallback": "try:\n    import nosuch\n    ONE = 2.0\nexcept ImportError:\n"
    "    ONE = 1.0",
    "a context": "import contextlib\nwith contextlib.suppress(ValueError):\n"
    "    ONE = 1.0",
    "a function of its own": "def one():\n    found = []\n    found.append(1.0)\n"
    "    return found[0]\nONE = one()",
    "a short function": "f = lambda: 1.0\nONE = f()",
    "a class": "from dataclasses import dataclass\n@dataclass\nclass C:\n"
    "    one: float = 1.0\nONE = C().one",
    "a named import": "from math import cos\nONE = cos(0)",
    "all of a module": "from math import *\nONE = cos(0)",
    "a list that grows": "ALL = []\nALL.append(1.0)\nONE = ALL[0]",
    "a table": "ALL = {}\nALL[0] = 1.0\nONE = ALL[0]",
    "a match": "match 1:\n    case 1:\n        ONE = 1.0",
    "a future": "from __future__ import annotations\nONE: Nowhere = 1.0\n"
    "def other(x: Nowhere) -> Nowhere: return x",
}


@pytest.mark.parametrize("above", NEEDED.values(), ids=NEEDED)
@pytest.mark.parametrize("kind", [".py", ".ipynb"])
def test_whatever_gives_a_constant_its_value_is_run(tmp_path, above, kind):
    answer = "def bits_per_byte(nats, n_bytes): return nats / n_bytes * ONE\n"
    path = tmp_path / f"a{kind}"
    sources = [above, answer] if kind == ".ipynb" else [above + "\n" + answer]
    cells_of = [{"cell_type": "code", "source": source} for source in sources]
    path.write_text(json.dumps({"cells": cells_of}) if kind == ".ipynb" else sources[0])
    names, problems = namespace(cells(path))
    assert problems == []
    assert names["bits_per_byte"](8.0, 4) == 2.0


WAYS = {
    "in a block": "if True:\n    def bits_per_byte(nats, n_bytes): return nats",
    "beside an import": "try:\n    import math\n"
    "    def bits_per_byte(nats, n_bytes): return nats\nexcept ImportError:\n    pass",
    "a part": "from functools import partial\ndef f(k, nats, n_bytes): return nats\n"
    "bits_per_byte = partial(f, 1)",
    "an object": "class A:\n    def __call__(self, nats, n_bytes): return nats\n"
    "bits_per_byte = A()",
    "hints that are not there": "from __future__ import annotations\n"
    "def bits_per_byte(nats: Nope, n_bytes: Nope) -> Nope: return nats",
}


@pytest.mark.parametrize("source", WAYS.values(), ids=WAYS)
def test_however_a_function_is_defined_it_is_found(tmp_path, source):
    path = tmp_path / "a.py"
    path.write_text(source)
    names, problems = namespace(cells(path))
    assert problems == []
    assert names["bits_per_byte"](8.0, 4) == 8.0


UNTOUCHED = {
    "a sum": "SCALE = 1\nSCALE += input()",
    "a loop": "SCALE = 1\nfor line in open('x'):\n    SCALE = 2",
    "a function of its own": "SCALE = 1\ndef f():\n    return input()\nSCALE *= f()",
    "a short function": "SCALE = sorted([2, 1], key=lambda x: input())",
}


@pytest.mark.parametrize("above", UNTOUCHED.values(), ids=UNTOUCHED)
def test_a_change_that_is_not_run_is_named(tmp_path, above):
    path = tmp_path / "a.py"
    path.write_text(f"{above}\ndef bits_per_byte(nats, n_bytes): return SCALE\n")
    _, problems = namespace(cells(path))
    assert len(problems) == 1 and "is no constant, so it is not run" in problems[0]


OTHER_CELLS = {"a script": "%%script bash\necho )(", "SQL": "%%sql\nselect * from",
               "a file": "%%file x.py\ndef bits_per_byte(): return 1",
               "a package": "pip install x", "a folder": "cd .."}  # fmt: skip


@pytest.mark.parametrize("source", OTHER_CELLS.values(), ids=OTHER_CELLS)
@pytest.mark.parametrize("version", [3, 4])
def test_cells_of_another_language_and_old_notebooks_are_read(
    tmp_path, source, version
):
    answer = "def bits_per_byte(nats, n_bytes): return nats\n"
    key = "source" if version == 4 else "input"
    found = [{"cell_type": "code", key: text} for text in (answer, source)]
    content = {"cells": found} if version == 4 else {"worksheets": [{"cells": found}]}
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(content | {"nbformat": version}))
    names, problems = namespace(cells(path))
    assert problems == [] and names["bits_per_byte"](3, 1) == 3


def test_a_line_that_is_not_run_is_named(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(
        "SCALE = open('x').read()\n"
        "def bits_per_byte(nats, n_bytes): return nats * SCALE\n"
    )
    _, problems = namespace(cells(path))
    assert problems == ["a.py, line 1: `SCALE` is no constant, so it is not run"]


def test_a_lambda_is_an_answer(course, capfd):
    path = course / "short.py"
    path.write_text("standardise = lambda s: (s - s.mean()) / s.std(correction=0)\n")
    assert cli.main(["check", "00", str(path)]) == 0


def test_a_function_imported_from_the_course_is_not_the_learner_s_own(course, capfd):
    path = course / "lazy.py"
    path.write_text("from course.reward.model import standardise\n")
    assert cli.main(["check", "00", str(path)]) == 1
    assert "not attempted yet" in capfd.readouterr().out


def test_only_definitions_of_a_file_are_run(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(ANSWER + "\nBITS = print('no')\nraise SystemExit\n")
    names, problems = namespace(cells(path))
    assert problems == []
    assert names["BITS"] == 8
    assert names["bits_per_byte"](8 * 0.6931471805599453, 1) == 8.0


def test_progress_counts_every_chapter(course, capsys):
    progress.record("7.1", "correct")
    progress.record("7.2", "wrong")
    assert cli.main(["progress"]) == 0
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if line.startswith("07"))
    assert "1 of 6" in row
    assert row.endswith("◌ 7.6 order_by_reward")
    assert "✔ 7.1 pairwise_loss  ✘ 7.2 last_token_scores  ◌ 7.3" in row
    assert lines[-1] == f"1 of {len(catalogue.exercises()) + 6} exercises solved"


def test_next_names_the_first_unsolved_exercise(course, monkeypatch, capsys):
    assert cli.main(["next"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("0.1 standardise · Standardise scores · 5 minutes · ")
    assert out.strip().endswith("00_start_here.ipynb")
    for tasks in catalogue.tasks().values():
        for task in tasks:
            if task.number not in ("7.2", "7.6"):
                progress.record(task.number, "correct")
    opened = []
    monkeypatch.setattr(cli, "_become", lambda c: opened.append(c) or 0)
    assert cli.main(["next", "--open"]) == 0
    assert capsys.readouterr().out.startswith("7.2 last_token_scores")
    assert opened[0][-1].endswith("07_reward_model.ipynb")
    progress.record("7.2", "correct")
    assert cli.main(["next"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("7.6 order_by_reward · An order by reward · 5 minutes · ")
    assert "notebooks" in out
    progress.record("7.6", "correct")
    assert cli.main(["next"]) == 0
    assert capsys.readouterr().out == "All exercises are solved.\n"


def test_a_damaged_progress_file_is_one_sentence(course, fresh_home, capsys):
    (fresh_home / "progress.json").write_text("{")
    assert cli.main(["progress"]) == 1
    assert "was damaged" in capsys.readouterr().err
    assert cli.main(["progress"]) == 0


def test_doctor_tells_what_is_missing_and_fails(course, monkeypatch, capsys):
    assert cli.main(["doctor"]) == 1  # the home is empty: no data
    lines = capsys.readouterr().out.splitlines()
    assert all(line[:4] in ("ok  ", "!!  ") for line in lines)
    assert any(line.startswith("ok  torch ") for line in lines)
    assert any(line.startswith("!!  ") and "ratings" in line for line in lines)
    monkeypatch.setattr(doctor, "_assets", lambda: [])
    monkeypatch.setattr(doctor, "FREE_DISK_GB", 0)
    monkeypatch.setattr(doctor, "FREE_MEMORY_GB", 0)
    assert cli.main(["doctor"]) == 0


def test_doctor_names_old_new_and_missing_packages(monkeypatch):
    """An upper bound counts too: transformers 6.1 was "ok"."""
    wanted = ["torch>=99.1", "no-such-thing<5,>=2", "numpy<1", "numpy>=1.26", "tqdm"]
    wanted.append("x; extra == 'lab'")
    monkeypatch.setattr(doctor, "_requirements", lambda: wanted)
    old, missing, new, good, free = list(doctor.packages())
    assert not old[0] and old[1].endswith("python -m pip install 'torch>=99.1'")
    told = "no-such-thing is missing: python -m pip install 'no-such-thing<5,>=2'"
    assert missing == (False, told)
    assert not new[0] and "(needed: <1)" in new[1]
    assert good[0] and free[0] and "(needed: any)" in free[1]


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("2.13.0+cpu", ">=2.9", True),
        ("2.8.1", ">=2.9", False),
        ("5.0.0", ">=5,<6", True),
        ("6.1", ">=5,<6", False),
        ("0.22rc1", ">=0.21", True),
        ("7.7.1", "<9,>=7.7.1", True),
        ("9.0", "<9,>=7.7.1", False),
    ],
)
def test_versions_are_compared_as_pip_does(version, wanted, fits):
    assert doctor._fits(version, wanted) is fits


def test_doctor_runs_with_the_standard_library_alone(tmp_path):
    """It died without torch, on the machines that need it."""
    code = (
        "import sys; from importlib.metadata import version\n"
        "import importlib.abc\n"
        "class None_(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        top = name.split('.')[0]\n"
        "        if top != 'course' and top not in sys.stdlib_module_names:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}')\n"
        "sys.meta_path.insert(0, None_())\n"
        "from course import cli; sys.exit(cli.main(['doctor', '--json']))"
    )
    variables = {"PYTHONPATH": str(ROOT), "COURSE_HOME": str(tmp_path), "PATH": ""}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=variables)
    assert done.returncode == 1 and done.stderr == "", done.stderr
    found = json.loads(done.stdout)
    assert any(x["finding"].startswith("the data cannot") for x in found)
    assert any(x["finding"].startswith("device cpu") for x in found)


def test_doctor_loads_neither_torch_nor_transformers(course):
    """torch alone takes seconds, and `make lab` waits for the doctor."""
    code = (
        "import sys; from course.doctor import findings; list(findings(False))\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False False\n", done.stderr


def test_a_terminal_without_the_signs_loses_no_verdict(course):
    variables = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "course", "progress"]
    done = subprocess.run(command, capture_output=True, text=True, env=variables)
    assert done.returncode == 0 and "exercises solved" in done.stdout, done.stderr


def test_the_version_can_be_asked(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == "next-token-to-reward 0.1.0\n"


def test_doctor_says_when_the_home_cannot_be_used(monkeypatch, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("COURSE_HOME", str(file / "below"))
    found = list(doctor._space())
    assert not found[0][0]
    assert "set COURSE_HOME" in found[0][1]


def test_the_command_runs_as_a_module(course):
    result = subprocess.run(
        [sys.executable, "-m", "course", "progress"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert result.returncode == 0, result.stderr
    assert "exercises solved" in result.stdout


def test_reading_something_that_is_no_notebook_raises_one_sentence(tmp_path):
    path = tmp_path / "n.ipynb"
    for text in ("[]", "3", "[" * 100_000, '{"worksheets": 3}', '{"cells": [3]}'):
        path.write_text(text)
        with pytest.raises(CourseError, match="not a readable notebook"):
            cells(path)
