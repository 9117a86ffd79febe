"""The generator: its grammar, what it carries over, what it refuses, its bytes."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from tools import assemble, build_notebooks, execute, masters, regions
from tools.regions import BuildError

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(__file__).parent / "data"
LESSON = DATA / "masters" / "97_lesson.py"
PRACTICE = DATA / "masters" / "97_practice.py"
BUILT = (
    "notebooks/97_lesson.ipynb",
    "exercises/97_practice.ipynb",
    "solutions/97_practice.ipynb",
)
PRINTED = {
    "97-sum": "total: 2\n",
    "97-claim": "claim holds: one and one is two\n",
    "97-after": "twice 4 is 8\n",
}


def pretend(notebook, folder, environment, label, timeout=0):
    """A kernel that prints PRINTED and nothing else."""
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(codes, 1):
        cell.execution_count = count
        if text := PRINTED.get(cell.id):
            cell.outputs = [new_output("stream", name="stdout", text=text)]
    return None, ""


class Site:
    """A small repository with the two sample masters."""

    def __init__(self, root: Path):
        self.root = root
        self.lesson = root / "notebooks" / "src" / LESSON.name
        self.practice = root / "solutions" / "src" / PRACTICE.name
        if not (root / "pyproject.toml").exists():
            for source, copy in ((LESSON, self.lesson), (PRACTICE, self.practice)):
                copy.parent.mkdir(parents=True)
                shutil.copy(source, copy)
            self.project("https://github.com/OWNER/REPO")

    def project(self, address: str) -> None:
        text = f'[project]\nname = "x"\n[project.urls]\nRepository = "{address}"\n'
        (self.root / "pyproject.toml").write_text(text, encoding="utf-8")

    def build(self, *options: str) -> int:
        return build_notebooks.main(list(options), self.root)

    def bytes(self) -> dict[str, bytes]:
        return {name: (self.root / name).read_bytes() for name in BUILT}

    def notebook(self, name: str):
        text = (self.root / name).read_text(encoding="utf-8")
        return nbformat.reads(text, as_version=4)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "execute", pretend)
    return Site(tmp_path)


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A built site that the tests copy."""
    site = Site(tmp_path_factory.mktemp("once"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "execute", pretend)
        assert site.build("--execute") == 0
    return site


@pytest.fixture
def built(once, tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "execute", pretend)
    root = tmp_path / "built"
    shutil.copytree(once.root, root)
    return Site(root)


@pytest.mark.parametrize("name", BUILT)
def test_the_sample_gives_exactly_the_golden_files(built, name):
    """A wanted change: read the new file, then copy it into tests/data/golden."""
    golden = DATA / "golden" / name
    made = built.root / name
    assert made.read_bytes() == golden.read_bytes(), f"see {made}"


def test_two_builds_in_two_folders_give_the_same_bytes(built, tmp_path_factory):
    other = Site(tmp_path_factory.mktemp("other"))
    assert other.build("--execute") == 0
    assert other.bytes() == built.bytes()


def test_a_second_build_writes_nothing(built, capsys):
    before = {name: (built.root / name).stat().st_mtime_ns for name in BUILT}
    capsys.readouterr()
    assert built.build() == 0
    assert capsys.readouterr().out == ""
    assert before == {n: (built.root / n).stat().st_mtime_ns for n in BUILT}


def test_a_build_in_another_process_gives_the_same_bytes(built):
    """Hash seeds and locales differ between processes; bytes must not."""
    script = (
        "import sys; from pathlib import Path; from tools.build_notebooks import main;"
        f"sys.exit(main(['--check'], Path({str(built.root)!r})))"
    )
    environment = {"PYTHONHASHSEED": "1", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment)
    assert done.returncode == 0


def test_files_are_utf8_with_unix_lines_and_one_final_newline(built):
    for name, data in built.bytes().items():
        text = data.decode("utf-8")
        assert "\r" not in text, name
        assert text.endswith("}\n") and not text.endswith("\n\n"), name
    assert "naïvely: „two“" in built.bytes()[BUILT[0]].decode("utf-8")


def test_check_passes_on_fresh_files_and_writes_nothing(built):
    before = built.bytes()
    assert built.build("--check") == 0
    assert built.bytes() == before


@pytest.mark.parametrize("name", BUILT)
def test_check_fails_after_one_byte_is_changed_anywhere(built, name, capsys):
    path = built.root / name
    data = path.read_bytes()
    for place in range(0, len(data), len(data) // 25):
        changed = bytearray(data)
        changed[place] = ord("7") if changed[place] != ord("7") else ord("8")
        path.write_bytes(bytes(changed))
        assert built.build("--check") == 1, data[place - 20 : place + 20]
        assert name in capsys.readouterr().err
        assert path.read_bytes() == bytes(changed)


def test_check_names_missing_and_orphan_files(built, capsys):
    (built.root / BUILT[1]).unlink()
    (built.root / "solutions" / "96_gone.ipynb").write_text("{}")
    assert built.build("--check") == 1
    said = capsys.readouterr().err
    assert f"missing: {BUILT[1]}" in said
    assert "orphan: solutions/96_gone.ipynb" in said


def test_a_changed_text_keeps_outputs_without_a_run(built, monkeypatch):
    monkeypatch.setattr(execute, "execute", None)
    before = built.notebook(BUILT[0])
    edit(built.lesson, "The next cell holds", "The cell below holds")
    assert built.build() == 0
    after = built.notebook(BUILT[0])
    assert "The cell below" in after.cells[4].source
    assert [c.get("outputs") for c in after.cells] == [
        c.get("outputs") for c in before.cells
    ]
    assert built.build("--check") == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# copy the numbers", "# copy the number"),
        ('id="97-value"', 'id="97-worth"'),
        ('# %% id="97-value"\n', '# %% id="97-new"\nnew = 1\n\n# %% id="97-value"\n'),
        ('\n# %% id="97-value"\nf"{total} apples"\n', "\n"),
    ],
    ids=["comment", "id", "added", "removed"],
)
def test_any_changed_code_cell_invalidates_all_outputs(built, capsys, old, new):
    before = built.bytes()[BUILT[0]]
    edit(built.lesson, old, new)
    assert built.build() == 1
    assert f"{BUILT[0]} needs --execute 97" in capsys.readouterr().err
    assert built.bytes()[BUILT[0]] == before
    assert built.build("--check") == 1
    assert built.build("--execute", "97") == 0
    assert built.build("--check") == 0


def test_moved_code_cells_invalidate_all_outputs(built):
    text = built.lesson.read_text(encoding="utf-8")
    head, *cells = text.split("\n# %% ")
    cells[-2:] = [cells[-1].rstrip() + "\n", cells[-2]]
    built.lesson.write_text("\n# %% ".join([head, *cells]), encoding="utf-8")
    assert built.build() == 1


def test_outputs_of_a_file_not_run_in_order_are_not_kept(built):
    path = built.root / BUILT[0]
    notebook = built.notebook(BUILT[0])
    notebook.cells[-1].execution_count = 9
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    assert built.build() == 1


def test_a_new_address_of_the_repository_costs_no_run(built, monkeypatch):
    monkeypatch.setattr(execute, "execute", None)
    built.project("https://github.com/someone/something.git")
    assert built.build("--check") == 0  # a fork's notebooks are not stale for it
    assert built.build() == 0
    for name in BUILT:
        text = built.bytes()[name].decode()
        lines = [line for line in text.splitlines() if "someone/something" in line]
        assert len(lines) == 2, lines
        assert f"github/someone/something/blob/main/{name}" in lines[0]
        assert "git+https://github.com/someone/something" in lines[1]
    built.project("https://github.com/OWNER/REPO")
    assert built.build("--check") == 0


@pytest.mark.parametrize(
    ("address", "origin", "expected"),
    [
        ("https://github.com/OWNER/REPO", None, ""),
        ("https://github.com/a/b", None, "a/b"),
        ("https://github.com/a/b/", "https://github.com/c/d", "a/b"),
        ("https://github.com/OWNER/REPO", "https://github.com/c/d.git", "c/d"),
        ("https://github.com/OWNER/REPO", "git@github.com:c/d.git", "c/d"),
        ("https://github.com/OWNER/REPO", "somewhere/else", ""),
        ("https://example.org/a/b", None, ""),
    ],
)
def test_the_slug_is_the_projects_or_else_the_clones(site, address, origin, expected):
    site.project(address)
    if origin:
        git = ["git", "-C", str(site.root)]
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "remote", "add", "origin", origin], check=True)
    assert assemble.slug(site.root) == expected


def test_a_pragma_of_the_formatter_is_not_shown(built):
    """It stood 379 times in the lessons that readers copy from."""
    edit(built.lesson, "total == 2)", "total == 2)  # fmt: skip")
    assert built.build("--check") == 0


def test_without_an_address_the_badge_asks_for_an_upload(built):
    for name in BUILT:
        text = built.bytes()[name].decode()
        assert "upload this notebook to Colab" in text
        assert "OWNER/REPO" not in text


def test_every_notebook_begins_with_badge_title_and_setup(built):
    for name in BUILT:
        notebook = built.notebook(name)
        ids = [cell.id for cell in notebook.cells[:3]]
        assert ids == ["view-in-github", "97-title", "97-setup"]
        setup = notebook.cells[2].source
        assert 'course.setup(chapter="97")' in setup
        helpers = "from course import check, hint, solution" in setup
        assert helpers == (not name.startswith("notebooks"))


def test_exercises_are_never_stored_with_outputs(built):
    for cell in built.notebook(BUILT[1]).cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def test_a_stub_keeps_signature_docstring_and_what_stands_above_the_region(built):
    stubs = {cell.id: cell.source for cell in built.notebook(BUILT[1]).cells}
    assert stubs["97-1-stub"] == (
        'def twice(x: float) -> float:\n    """Two times x."""\n'
        "    raise NotImplementedError"
    )
    assert stubs["97-2-stub"].endswith(
        '            raise ValueError("negative")\n        raise NotImplementedError'
    )
    shown = {cell.id: cell.source for cell in built.notebook(BUILT[2]).cells}
    assert "doubled_value = x + x" in shown["97-1-stub"]
    assert "SOLUTION" not in "".join(shown.values())


def test_no_line_of_a_solution_is_left_in_an_exercise(built):
    cells = masters.read_master(built.practice, solutions=True)
    shown = (built.root / BUILT[1]).read_text(encoding="utf-8")
    assert regions.leaks(cells, shown) == []
    answers = (built.root / BUILT[2]).read_text(encoding="utf-8")
    assert len(regions.leaks(cells, answers)) == 4


@pytest.mark.parametrize(
    "line",
    [
        "from course.lm import twice",
        "from course.lm.objective import entropy, twice as theirs",
        "course.lm.objective.twice(3)",
    ],
)
def test_an_exercise_may_not_import_its_own_reference(site, capsys, line):
    edit(site.practice, 'print("twice 4', f'{line}\nprint("twice 4')
    assert site.build() == 1
    assert "97_practice.ipynb would show" in capsys.readouterr().err


STUB = '''# %% id="97-1-stub" tags=["exercise"]
def twice(x: float) -> float:
    """Two times x."""
    ### BEGIN SOLUTION
    doubled_value = x + x
    return doubled_value
    ### END SOLUTION
'''
CHECK = '# %% id="97-1-check"\ntwice = check(twice)\n'
BODY = "    doubled_value = x + x\n    return doubled_value\n"
BROKEN_LESSON = {
    "no id": (' id="97-value"', "", "has no id"),
    "dot in id": ('id="97-value"', 'id="97.value"', "A-Z a-z 0-9"),
    "space in id": ('id="97-value"', 'id="97 value"', "A-Z a-z 0-9"),
    "long id": ('"97-value"', f'"97-{"x" * 62}"', "1 to 64"),
    "other chapter": ('id="97-value"', 'id="96-value"', "starts with 97-"),
    "set-up id": ('id="97-value"', 'id="97-setup"', "is not 97-setup"),
    "twice": ('id="97-value"', 'id="97-sum"', "occur twice: ['97-sum']"),
    "title key": ('%% id="97-value"', '%% Apples id="97-value"', "only id and tags"),
    "other key": ('id="97-value"', 'id="97-value" slow=true', "only id and tags"),
    "tag": ('id="97-value"', 'id="97-value" tags=["nbval-check-outputs"]', "unknown"),
    "skip tag": ('id="97-value"', 'id="97-value" tags=["nbval-skip"]', "unknown tags"),
    "empty cell": ('f"{total} apples"\n', "", "is empty"),
    "magic": ('f"{total} apples"', "%time total", "is not Python"),
    "shell": ('f"{total} apples"', "!ls", "is not Python"),
    "nbval": ('f"{total} apples"', "total  # NBVAL_SKIP", "NBVAL comments"),
    "raw": ('%% id="97-value"', '%% [raw] id="97-value"', "is [markdown]"),
    "tagged text": ('-text"\n', '-text" tags=["widget"]\n', "without tags"),
    "marker in text": ("holds the", "### END SOLUTION", "without tags and solution"),
    "cell in text": ("#\n# It", "# %%\n# It", "has no id"),
    "exercise": ('id="97-value"', 'id="97-value" tags=["exercise"]', "solutions/src"),
    "marker": ('f"{total} apples"', "### BEGIN SOLUTION", "solutions/src"),
    "no headline": ("# # 97 · A", "# 97 · A", "headline"),
    "no title": ('id="97-title"', 'id="97-top"', '"97-title"'),
    "late start": ('# %% [markdown] id="97-title"', "import os", "starts with its"),
}
BROKEN_PRACTICE = {
    "top level": (
        STUB + "\n\n" + CHECK,
        STUB.split("\n")[0] + "\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n",
        "inside one function",
    ),  # fmt: skip
    "untagged": (' tags=["exercise"]\ndef', "\ndef", "come together"),
    "no region": (
        STUB,
        STUB.replace("    ### BEGIN SOLUTION\n", "").replace(
            "    ### END SOLUTION\n", ""
        ),
        "come together",
    ),  # fmt: skip
    "id": ("97-1-stub", "97-twice", "is 97-K-stub"),
    "two names": (
        STUB,
        STUB + STUB.split("\n", 1)[1].replace("twice", "thrice"),
        "one function or class",
    ),  # fmt: skip
    "small letters": (BODY, BODY + "    ### end solution\n", "got '    ### end"),
    "not alone": (BODY, BODY + "    x = 1  ### END SOLUTION\n", "alone"),
    "trailing space": (BODY, "    ### BEGIN SOLUTION \n" + BODY, "alone"),
    "nested": (BODY, "    ### BEGIN SOLUTION\n" + BODY, "must alternate"),
    "end twice": (BODY, BODY + "    ### END SOLUTION\n", "must alternate"),
    "no end": (BODY + "    ### END SOLUTION\n", BODY, "no END marker"),
    "indentation": (BODY + "    ###", BODY + "  ###", "same indentation"),
    "both outdented": (
        "    ### BEGIN SOLUTION\n" + BODY + "    ###",
        "  ### BEGIN SOLUTION\n" + BODY + "  ###",
        "indentation of the lines it encloses",
    ),
    "empty": (BODY, "", "not empty"),
    "only a comment": (BODY, "    # nothing\n", "not empty"),
    "not to the end": (
        BODY + "    ### END SOLUTION\n",
        "    doubled_value = x + x\n    ### END SOLUTION\n    return doubled_value\n",
        "runs to its last statement",
    ),
    "in a branch": (
        "    ### BEGIN SOLUTION\n" + BODY + "    ### END SOLUTION\n",
        "    if x:\n        ### BEGIN SOLUTION\n        return 2\n"
        "        ### END SOLUTION\n    return 3\n",
        "runs to its last statement",
    ),
    "cuts a statement": (
        "    ### BEGIN SOLUTION\n" + BODY,
        "    for y in (\n        x,\n    ### BEGIN SOLUTION\n    ):\n        x = y\n"
        + BODY,
        "inside one function",
    ),
    "no docstring": ('    """Two times x."""\n', "", "docstring"),
    "docstring inside": (
        '    """Two times x."""\n    ### BEGIN SOLUTION\n',
        '    ### BEGIN SOLUTION\n    """Two times x."""\n',
        "docstring",
    ),
    "no check": (CHECK, "", "the next code cell must be 97-1-check"),
    "other check": ("twice = check(twice)", "check(twice)", "`twice = check(twice)`"),
}


@pytest.mark.parametrize("case", BROKEN_LESSON)
def test_a_broken_lesson_is_refused(built, capsys, case):
    old, new, said = BROKEN_LESSON[case]
    _is_refused(built, built.lesson, old, new, said, capsys)


@pytest.mark.parametrize("case", BROKEN_PRACTICE)
def test_a_broken_exercise_is_refused(built, capsys, case):
    old, new, said = BROKEN_PRACTICE[case]
    _is_refused(built, built.practice, old, new, said, capsys)


def _is_refused(site, path, old, new, said, capsys):
    before = site.bytes()
    edit(path, old, new)
    for options in ((), ("--check",), ("--execute", "97")):
        assert site.build(*options) == 1
        message = capsys.readouterr().err
        assert said in message and path.name in message
        assert message.count("\n") == 1
    assert site.bytes() == before


def test_a_master_is_named_after_its_chapter(site, capsys):
    site.lesson.rename(site.lesson.with_name("lesson.py"))
    assert site.build() == 1
    assert "expected NN_topic.py or A_topic.py" in capsys.readouterr().err


def test_an_appendix_is_known_by_its_letter(site, capsys):
    text = site.lesson.read_text(encoding="utf-8").replace('id="97-', 'id="X-')
    site.lesson.with_name("X_words.py").write_text(text, encoding="utf-8")
    site.build()
    assert "notebooks/X_words.ipynb needs --execute X" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        site.build("--execute", "y")
    assert "no master for chapter Y" in capsys.readouterr().err


def stream(text: str, name: str = "stdout"):
    return new_output("stream", name=name, text=text)


def result(**data: str):
    return new_output("execute_result", data=data, execution_count=1)


def shown(mime: str, value: str):
    return new_output("display_data", data={mime: value})


REFUSED = {
    "error": (new_output("error", ename="E", evalue="x"), "ended with E: x"),
    "stderr": (stream("oh", "stderr"), "stderr"),
    "home": (stream("kept in /home/ann/x"), "absolute path, '/home/a'"),
    "container": (stream("'/root/.cache'"), "absolute path"),
    "windows": (stream(r"in C:\Users\ann"), "absolute path"),
    "path in html": (shown("text/html", "<p>/tmp/a.py</p>"), "absolute path"),
    "svg": (shown("image/svg+xml", "<svg/>"), "image/svg+xml"),
    "jpeg": (shown("image/jpeg", "AAAA"), "image/jpeg"),
    "text": (result(**{"text/plain": "Text(0.5, 1.0, 'loss')"}), "plt.show()"),
    "lines": (result(**{"text/plain": "[<matplotlib.lines.Line2D>]"}), "plt.show()"),
    "axes": (result(**{"text/plain": "<Axes: xlabel='x'>"}), "plt.show()"),
    "hist": (result(**{"text/plain": "(x, <BarContainer object>)"}), "plt.show()"),
    "bare picture": (shown("image/png", "AAAA"), "use plots.show(alt)"),
    "no text": (shown("text/html", '<img src="data:">'), "1 picture(s) without"),
    "empty text": (
        shown("text/html", '<img alt="" src="data:">'),
        "without alternative",
    ),
    "long": (shown("text/html", "A" * 150_001), "the limit is 150000"),
    "many lines": (stream("x\n" * 41), "prints 41 lines"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_output_that_must_not_be_stored_is_refused(case):
    output, said = REFUSED[case]
    cell = new_code_cell("x", id="97-x", outputs=[output])
    assert said in execute.refused(cell)


@pytest.mark.parametrize(
    "output",
    [
        stream("a / b, and/or, https://a.example/home/x, ~/home/x, </root/>"),
        stream("x\n" * 40),
        result(**{"text/plain": "tensor([1.])"}),
        new_output(
            "display_data",
            data={"text/html": '<img alt="a line that falls" src="data:">'},
        ),
    ],
)
def test_an_ordinary_output_is_stored(output):
    cell = new_code_cell("x", id="97-x", outputs=[output])
    assert execute.refused(cell) == ""


@pytest.mark.parametrize("outputs", [[], [stream(" \n")], [shown("text/plain", "2")]])
def test_a_checked_cell_must_print_and_only_print(outputs):
    tags = {"tags": ["nbval-check-output"]}
    cell = new_code_cell("x", id="97-x", outputs=outputs, metadata=tags)
    assert "is checked" in execute.refused(cell)


def test_widget_views_are_dropped_and_their_text_is_kept(built):
    notebook = built.notebook(BUILT[0])
    view = {execute.VIEW: {"model_id": "0"}, "text/plain": "Button()"}
    only = {execute.VIEW: {"model_id": "1"}}
    notebook.cells[-1].outputs = [
        new_output("display_data", data=view),
        new_output("display_data", data=only),
    ]
    execute.clean(notebook, "x")
    (left,) = notebook.cells[-1].outputs
    assert left.data == {"text/plain": "Button()"}


def test_a_stored_panel_is_one_sentence_and_a_dead_bar_is_nothing(built):
    notebook = built.notebook(BUILT[0])
    panel = "VBox(children=(Text(value='A film', description='text'), HTML(value='…"
    bar = (
        "Converting and de-quantizing GGUF tensors...:   0%|   | 0/272 [00:00<?, ?it/s]"
    )
    view = {execute.VIEW: {"model_id": "0"}}
    notebook.cells[-1].outputs = [
        new_output("display_data", data=view | {"text/plain": text})
        for text in (panel, bar)
    ]
    execute.clean(notebook, "x")
    (left,) = notebook.cells[-1].outputs
    assert left.data == {"text/plain": execute.NO_PANEL}


def test_a_failing_run_names_the_cell_and_changes_nothing(built, monkeypatch, capsys):
    before = built.bytes()
    failed = (None, "97-sum: ClaimError: claim fails")
    monkeypatch.setattr(execute, "execute", lambda *args: failed)
    assert built.build("--execute", "97") == 1
    said = capsys.readouterr().err
    assert "notebooks/97_lesson.ipynb, cell 97-sum: ClaimError" in said
    assert built.bytes() == before


@pytest.mark.parametrize("limit", ["NOTEBOOK_BYTES", "EXERCISE_BYTES"])
def test_a_file_above_its_size_budget_is_refused(built, monkeypatch, capsys, limit):
    monkeypatch.setattr(execute, limit, 2000)
    assert built.build() == 1
    assert "the limit is 2000; the largest cell is 97-setup" in capsys.readouterr().err


def test_only_metadata_of_the_whitelist_is_stored(built):
    for name in BUILT:
        notebook = built.notebook(name)
        assert set(notebook.metadata) == {"colab", "kernelspec", "language_info"}
        assert notebook.metadata.language_info == {"name": "python"}
        for cell in notebook.cells[1:]:
            folded = {"cellView", "jupyter"} if cell.id == "97-setup" else set()
            assert set(cell.metadata) - folded <= {"tags"}


@pytest.mark.parametrize(
    "options", [("--check", "--execute"), ("--execute", "42"), ("97",)]
)
def test_wrong_options_stop_with_status_2(site, options, capsys):
    with pytest.raises(SystemExit) as stopped:
        site.build(*options)
    assert stopped.value.code == 2


def test_exercises_are_numbered_without_leading_zeros():
    cells = masters.read_master(PRACTICE, solutions=True)
    assert regions.exercises(cells) == {"97.1": "twice", "97.2": "Counter"}
    assert regions.number("07-1-stub") == "7.1"


def test_build_errors_are_raised_by_reading_too():
    with pytest.raises(BuildError, match="solutions/src"):
        masters.read_master(PRACTICE, solutions=False)


@pytest.mark.notebooks
def test_a_real_kernel_gives_what_the_golden_lesson_stores(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    real = Site(tmp_path)
    real.practice.unlink()
    assert real.build("--execute", "97") == 0
    cells = {cell.id: cell for cell in real.notebook(BUILT[0]).cells}
    for name in ("97-sum", "97-claim"):
        assert cells[name].outputs == [stream(PRINTED[name])]
    assert cells["97-setup"].outputs[0].text.startswith("chapter 97 · course ")
    assert real.build("--check") == 0


# What the set-up cell does where the course is, and where it is not.


SPY = """
import subprocess
def run(command): print(*command[1:]); return PIP(command[-1])
subprocess.run = run
"""
FOUND = "def PIP(source): sys.path.insert(0, 'installed')\n"
FAILED = "def PIP(source): pass\n"
COLAB = "sys.modules['google.colab'] = sys\n"
GITHUB = '"git+https://github.com/a/b" * ("google.colab" in sys.modules)'


def run_setup(folder: Path, source: str = '""', before: str = "", **variables: str):
    """Run the set-up cell's text in a folder of an environment without the course."""
    code = assemble.SETUP.format(source=source, chapter="97")
    hide = (
        "import os, sys\n"
        "here = [p for p in sys.path if os.path.exists(f'{p or 0}/course/claims.py')]\n"
        "sys.path[:] = [p for p in sys.path if p not in here]\n"
    )
    return subprocess.run(
        [sys.executable, "-c", hide + SPY + FAILED + before + code],
        cwd=folder,
        env={"PATH": "", **variables},
        capture_output=True,
        text=True,
    )


def package(folder: Path, ours: bool = True) -> None:
    """A folder `course` that says that it was set up."""
    (folder / "course").mkdir(parents=True)
    text = "def setup(chapter): print('set up', chapter)"
    (folder / "course" / "__init__.py").write_text(text if ours else "print('foreign')")
    if ours:
        (folder / "course" / "claims.py").touch()


def test_the_setup_cell_is_short():
    """Eight lines of code, folded; it was 22 lines on top of every notebook."""
    lines = [x for x in assemble.SETUP.splitlines() if not x.startswith("#")]
    assert len(lines) <= 8


def test_the_setup_cell_is_folded_in_jupyterlab_and_on_colab(built):
    cell = built.notebook(BUILT[0]).cells[2]
    assert cell.metadata.jupyter.source_hidden and cell.metadata.cellView == "form"


def test_a_cell_that_only_draws_can_be_folded_too(built):
    edit(built.lesson, '# %% id="97-value"', '# %% id="97-value" tags=["folded"]')
    assert built.build() == 0
    folded = [
        cell.id
        for cell in built.notebook(BUILT[0]).cells
        if cell.metadata.get("jupyter", {}).get("source_hidden")
    ]
    assert folded == ["97-setup", "97-value"]


def test_the_setup_cell_finds_the_clone_that_it_stands_in_and_may_run_twice(tmp_path):
    package(tmp_path)
    (tmp_path / "notebooks").mkdir()
    again = assemble.SETUP.format(source='""', chapter="97") + "\n"
    done = run_setup(tmp_path / "notebooks", before=again)
    assert done.stdout == "set up 97\nset up 97\n", done.stderr


@pytest.mark.parametrize(
    ("source", "before"), [('""', ""), (GITHUB, ""), ('""', COLAB)]
)
def test_without_the_course_the_setup_cell_says_what_to_do(tmp_path, source, before):
    done = run_setup(tmp_path, source, before)
    assert done.returncode == 1 and done.stdout == ""
    for what in ("`make lab`", "wheel beside this notebook", "COURSE_SOURCE"):
        assert what in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("before", "variables", "installed"),
    [
        (COLAB, {}, "git+https://github.com/a/b"),
        ("", {"COURSE_SOURCE": "git+https://gitee.com/a/b@v1"}, "git+https://gitee.com/a/b@v1"),
        (COLAB, {"COURSE_SOURCE": "drive/my.whl"}, "drive/my.whl"),
    ],
)  # fmt: skip
def test_the_setup_cell_installs_from_what_it_was_told(
    tmp_path, before, variables, installed
):
    package(tmp_path / "installed")
    done = run_setup(tmp_path, GITHUB, FOUND + before, **variables)
    expected = f"-m pip install -q {installed}\nset up 97\n"
    assert done.stdout == expected, done.stderr


def test_a_wheel_beside_the_notebook_is_installed_without_any_address(tmp_path):
    package(tmp_path / "installed")
    (tmp_path / "next_token_to_reward-0.1.0-py3-none-any.whl").touch()
    done = run_setup(tmp_path, before=FOUND)
    assert "-q next_token_to_reward-0.1.0-py3-none-any.whl\nset up" in done.stdout


def test_a_pip_that_fails_leaves_the_sentence_what_to_do(tmp_path):
    done = run_setup(tmp_path, before=COLAB, COURSE_SOURCE="nowhere")
    assert done.returncode == 1
    assert "wheel beside this notebook" in done.stderr.splitlines()[-1]
    assert done.stderr.rstrip().endswith("must be renamed; found: none")


def test_a_foreign_course_is_named_before_anything_of_it_runs(tmp_path):
    """A folder `course` on a Drive gave: module 'course' has no attribute 'setup'."""
    package(tmp_path, ours=False)
    done = run_setup(tmp_path)
    assert done.stdout == "" and "must be renamed" in done.stderr
    assert str(tmp_path / "course") in done.stderr.splitlines()[-1]


def test_a_foreign_folder_without_a_module_is_named_too(tmp_path):
    (tmp_path / "course").mkdir()
    done = run_setup(tmp_path)
    assert "must be renamed" in done.stderr and "course'" in done.stderr


def test_the_list_of_contents_links_each_lesson_and_its_exercises():
    lines = assemble.contents(ROOT).splitlines()[2:]
    lessons = sorted((ROOT / "notebooks").glob("*.ipynb"))
    exercises = sorted((ROOT / "exercises").glob("*.ipynb"))
    assert len(lines) == len(lessons)
    listed = "\n".join(lines)
    assert all(f"]({path.name})" in listed for path in lessons)
    assert all(f"](../exercises/{path.name})" in listed for path in exercises)
    assert listed.count("](") == len(lessons) + len(exercises)
    first = (ROOT / "notebooks" / "src" / "00_start_here.py").read_text("utf-8")
    assert assemble.CONTENTS in first
