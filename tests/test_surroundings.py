"""Where the course runs: terminals, homes, Pythons and packages it cannot choose.

Each is tried in a process of its own, as a learner would: one sentence, and what was
asked for is not lost.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

import course
from course import cli, doctor, runtime
from course.checks.reading import cells, namespace
from course.reward.preferences import PreferenceStore
from course.runtime import CourseError

ROOT = Path(__file__).resolve().parents[1]
ANSWER = """
def standardise(scores):
    return (scores - scores.mean()) / scores.std(correction=0)
"""


MARK = b"\xef\xbb\xbf"


def run(*arguments: str, folder: Path, **variables: str):
    """`python -m course ...` with these environment variables; bytes, not text."""
    variables = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "0"} | variables
    command = [sys.executable, "-m", "course", *arguments]
    return subprocess.run(command, capture_output=True, cwd=folder, env=variables)


def answer(folder: Path, head: bytes = b"") -> Path:
    path = folder / "mine.py"
    path.write_bytes(head + ANSWER.encode())
    return path


@pytest.mark.parametrize("encoding", ["cp1252", "gbk", "ascii"])
def test_a_terminal_without_the_signs_shows_the_verdict(encoding, tmp_path):
    """The grading runs in a process of its own, which must know the terminal too."""
    done = run("check", "00", str(answer(tmp_path, MARK)), folder=tmp_path,
               PYTHONIOENCODING=encoding, COURSE_HOME=str(tmp_path))  # fmt: skip
    said = done.stdout.decode(encoding)
    assert done.returncode == 0 and done.stderr == b"", done.stderr
    assert "0.1 standardise: correct" in said and "Rewards have no natural" in said


def test_a_script_on_such_a_terminal_keeps_its_claims_and_verdicts(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        f"import course\nfrom course.claims import claim\n{ANSWER}"
        "claim('\u03b2 \u2265 0', True)\ncourse.check(standardise)\n"
        "course.setup('00')\n",
        encoding="utf-8",
    )
    variables = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii",
                              "COURSE_HOME": str(tmp_path)}  # fmt: skip
    done = subprocess.run([sys.executable, str(script)], capture_output=True,
                          text=True, env=variables)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "claim holds: ? ? 0" in done.stdout
    assert "standardise: correct" in done.stdout and "chapter 00" in done.stdout


@pytest.fixture
def nobody(monkeypatch):
    """A user without a home folder and without an entry in the list of users."""
    pwd = pytest.importorskip("pwd")

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "COURSE_HOME", "XDG_CACHE_HOME", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)


def standardise(scores):
    return (scores - scores.mean()) / scores.std(correction=0)


@pytest.mark.parametrize("home", [None, "./mine", "~nosuchuser/x", "a file"])
def test_no_place_to_keep_anything_costs_no_verdict(
    home, nobody, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("COURSE_PROGRESS", "1")
    if home is not None:
        (tmp_path / "file").write_text("in the way")
        home = str(tmp_path / "file" / "x") if home == "a file" else home
        monkeypatch.setenv("COURSE_HOME", home)
    monkeypatch.chdir(tmp_path)
    course.check(standardise)
    assert "0.1 standardise: correct" in capsys.readouterr().out
    for ask in (runtime.home, PreferenceStore):
        with pytest.raises(CourseError, match="set COURSE_HOME to a folder") as seen:
            ask()
        assert "\n" not in str(seen.value)
    assert cli.main(["progress"]) == 1
    said = capsys.readouterr().err
    assert "set COURSE_HOME" in said and said.count("\n") == 1
    monkeypatch.setattr(doctor, "_assets", lambda: [])
    assert cli.main(["doctor"]) == 1
    assert "set COURSE_HOME" in capsys.readouterr().out


HEADS = {
    "a byte-order mark": MARK,
    "latin-1": b'# -*- coding: latin-1 -*-\nNAME = "na\xefve"\n',
    "gbk": "# coding: gbk\nNAME = '\u4f60'\n".encode("gbk"),
}
UNREAD = {"an unknown one": b"# coding: no-such\n", "not its own": b'X = "na\xefve"\n'}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_file_is_read_in_the_encoding_that_python_reads_it_in(head, tmp_path):
    names, problems = namespace(cells(answer(tmp_path, head)))
    assert problems == [] and "standardise" in names
    assert names.get("NAME") in (None, "na\u00efve", "\u4f60")


@pytest.mark.parametrize("head", UNREAD.values(), ids=UNREAD)
def test_a_file_in_another_encoding_than_it_says_is_one_sentence(head, tmp_path):
    with pytest.raises(CourseError, match="not a readable notebook or text file"):
        cells(answer(tmp_path, head))


def test_a_notebook_with_a_mark_magics_and_constants_is_read_as_jupyter_does(tmp_path):
    cell = (
        "%%time\n%matplotlib inline\n!ls\nfiles = !ls\nstandardise?\n"
        "EPS: float = 1 / 3 - 1 / 3\nNEG = float('-inf')\n"
        "try:\n    import math\nexcept ImportError:\n    math = None\n"
        "def standardise(scores, eps=EPS, low=NEG):\n"
        "    %timeit\n    return (scores - scores.mean()) / scores.std(correction=0)\n"
    )
    bash = "%%bash\nrm -f nothing\n"
    content = {"cells": [{"cell_type": "code", "source": x} for x in (bash, cell)]}
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps(content | {"nbformat": 4}), encoding="utf-8-sig")
    names, problems = namespace(cells(path))
    assert problems == [] and names["NEG"] == -math.inf and names["EPS"] == 0
    assert "standardise" in names


def test_a_line_of_an_answer_that_begins_with_a_percent_sign_is_no_magic(tmp_path):
    cell = "def standardise(scores):\n    return (scores\n            % 3)\n"
    path = tmp_path / "mine.ipynb"
    for extra, line in (("", 3), ("\n\n%matplotlib inline\n", 6)):
        source = extra + cell.replace("% 3", "% 3 +")
        content = {"cells": [{"cell_type": "code", "source": source}]}
        path.write_text(json.dumps(content))
        assert namespace(cells(path))[1][0].startswith(f"code cell 1, line {line}:")
        content["cells"][0]["source"] = extra + cell
        path.write_text(json.dumps(content))
        names, problems = namespace(cells(path))
        assert problems == [] and names["standardise"](5) == 2


OLD = """
import runpy, sys
sys.version_info = (3, 10, 13)
sys.argv = ["course", *{command!r}]
runpy.run_module("course", run_name="__main__")
"""


@pytest.mark.parametrize("command", [["progress"], ["check", "00", "x.py"], ["next"]])
def test_an_old_python_is_told_so_before_anything_is_read(command, tmp_path):
    """Python 3.10 has no datetime.UTC: `progress` died in an import of it."""
    done = subprocess.run([sys.executable, "-c", OLD.format(command=command)],
                          capture_output=True, text=True, cwd=ROOT)  # fmt: skip
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "is too old for this course; it needs 3.11 or newer." in done.stderr


def test_a_python_too_old_for_the_doctor_is_told_so():
    code = OLD.format(command=["doctor"]).replace("(3, 10, 13)", "(3, 9, 18)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True,
                          text=True, cwd=ROOT)  # fmt: skip
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "is too old for this course; it needs 3.11 or newer." in done.stderr


WITHOUT = """
import importlib.abc, sys
class Without(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name={missing!r})
sys.meta_path.insert(0, Without())
"""


@pytest.mark.parametrize(
    ("missing", "call"),
    [
        ("torch", "import course; course.setup('00')"),
        ("matplotlib", "import course; course.setup('00')"),
        ("torch", "from course import cli; sys.exit(cli.main(['progress']))"),
    ],
)
def test_a_missing_package_is_one_sentence(missing, call, tmp_path):
    variables = os.environ | {"PYTHONPATH": str(ROOT), "COURSE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(missing=missing) + call],
        capture_output=True, text=True, env=variables,
    )  # fmt: skip
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert f"{missing} is missing; `python -m course doctor` says what" in last


def test_grading_without_torch_does_not_blame_the_answer(
    tmp_path, fresh_home, monkeypatch, capfd
):
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert cli.main(["check", "00", str(answer(tmp_path))]) == 1
    assert "torch is missing" in capfd.readouterr().err


def test_a_package_outside_its_range_is_named_at_the_start_of_a_chapter(
    monkeypatch, capsys
):
    wanted = ["torch>=99.1", "numpy<1", "tqdm"]
    monkeypatch.setattr(doctor, "_requirements", lambda: wanted)
    runtime.setup("00")
    old, new, line = capsys.readouterr().out.splitlines()
    assert old.startswith("!!  torch ") and old.endswith("install 'torch>=99.1'")
    assert new.startswith("!!  numpy ") and new.endswith("install 'numpy<1'")
    assert line.startswith("chapter 00 · ")


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", ["progress", "check", "doctor --json"])
def test_an_output_that_cannot_be_written_is_one_sentence(command, tmp_path):
    """A full disk, then a reader that is gone; the learner's code is not blamed."""
    words = ["check", "00", str(answer(tmp_path))] if command == "check" else []
    command = [sys.executable, "-m", "course", *(words or command.split())]
    variables = os.environ | {"PYTHONPATH": str(ROOT), "COURSE_HOME": str(tmp_path)}
    with FULL.open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE,
                              cwd=ROOT, env=variables, text=True)  # fmt: skip
    assert done.returncode == 1
    said = "The output cannot be written (No space left on device).\n"
    assert done.stderr == said
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE,
                          cwd=ROOT, env=variables, text=True)  # fmt: skip
    os.close(writing)
    assert done.returncode == 1 and done.stderr == ""


def test_a_quiz_without_a_terminal_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert cli.main(["quiz"]) == 1
    assert "there is none to read from" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps a folder in use")
@pytest.mark.parametrize("command", ["progress", "next", "check 00 {}"])
def test_a_folder_that_was_deleted_is_one_sentence(command, tmp_path):
    """torch's libraries end Python there, and the learner's code was blamed for it."""
    gone = tmp_path / "gone"
    gone.mkdir()
    words = command.format(answer(tmp_path))
    script = f'rmdir "$PWD" && exec "{sys.executable}" -m course {words}'
    variables = os.environ | {"PYTHONPATH": str(ROOT), "COURSE_HOME": str(tmp_path)}
    done = subprocess.run(["sh", "-c", script], capture_output=True, cwd=gone,
                          env=variables, text=True)  # fmt: skip
    assert done.returncode == 1 and done.stdout == ""
    said = "The folder that you are in was deleted; change into another one.\n"
    assert done.stderr == said


@pytest.mark.parametrize("command", ["progress", "check"])
@pytest.mark.parametrize("text", ["X = 1", "raise ImportError('broken')"])
def test_a_broken_or_foreign_torch_is_one_sentence(command, text, tmp_path):
    """The learner's code is not blamed for it."""
    (tmp_path / "torch.py").write_text(text)
    words = ["check", "00", str(answer(tmp_path))] if command == "check" else [command]
    done = run(*words, folder=tmp_path, COURSE_HOME=str(tmp_path))
    said = done.stderr.decode()
    assert done.returncode == 1 and said.count("\n") == 1, said
    assert said.startswith("A package cannot be used (") and runtime.ASK in said


def test_a_broken_lock_costs_no_verdict(tmp_path):
    (tmp_path / "filelock.py").write_text("raise ImportError('broken')")
    script = tmp_path / "mine.py"
    script.write_text(f"import course\n{ANSWER}\ncourse.check(standardise)\n")
    variables = os.environ | {"PYTHONPATH": str(ROOT), "COURSE_HOME": str(tmp_path),
                              "COURSE_PROGRESS": "1"}  # fmt: skip
    done = subprocess.run([sys.executable, str(script)], capture_output=True,
                          text=True, env=variables)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "standardise: correct" in done.stdout
    assert "Your progress was not kept (broken)." in done.stdout


def test_a_foreign_torch_beside_the_notebook_is_named(tmp_path):
    (tmp_path / "torch.py").write_text("X = 1")
    command = [sys.executable, "-c", "import course; course.setup('00')"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    last = done.stderr.strip().splitlines()[-1]
    assert "CourseError: Another module called `torch` is in the way" in last
