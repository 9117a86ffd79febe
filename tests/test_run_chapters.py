"""`run_chapters`: what it measures, and that one failure does not stop the rest."""

import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course import run_chapters as module
from course.run_chapters import ChapterRun, run_chapters, table
from course.runtime import CourseError

CLAIM = "print('claim holds: one is one')\nprint('no claim holds: this is not one')"


def write(folder: Path, name: str, *sources: str) -> Path:
    cells = [new_markdown_cell("# A title", id="title")]
    cells += [new_code_cell(s, id=f"cell-{n}") for n, s in enumerate(sources)]
    path = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


@pytest.fixture
def folder(tmp_path):
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    return notebooks


@pytest.mark.notebooks
def test_every_chapter_runs_is_measured_and_leaves_html(folder, tmp_path, capsys):
    paths = [
        write(folder, "01_good", CLAIM, "x = 2", CLAIM, "print(f'{x} stays')"),
        write(folder, "02_bad", CLAIM, "{}['gone']", "print('never')"),
        write(folder, "03_here", "import os; assert os.path.exists('01_good.ipynb')"),
    ]
    before = [path.read_bytes() for path in paths]
    html = tmp_path / "build" / "html"
    good, bad, here = run_chapters(folder, None, html)

    assert (good.chapter, good.claims, good.error) == ("01_good", 2, "")
    assert (bad.chapter, bad.claims) == ("02_bad", 1)
    assert bad.error.startswith("cell-1: KeyError: 'gone'")
    assert here.error == ""
    assert good.seconds > 0
    if sys.platform != "win32":
        assert 20 < good.peak_mb < 300  # an IPython kernel, in MB
    pages = sorted(path.name for path in html.glob("*.html"))
    assert pages == ["01_good.html", "02_bad.html", "03_here.html"]
    assert "2 stays" in (html / "01_good.html").read_text(encoding="utf-8")
    assert [path.read_bytes() for path in paths] == before
    printed = capsys.readouterr().out
    assert "02_bad" in printed and "FAILED in cell-1: KeyError" in printed


@pytest.mark.notebooks
def test_peak_memory_is_that_of_the_kernel_and_not_of_the_runner(folder, tmp_path):
    """On Linux a new process inherits the ru_maxrss of the one that started it."""
    if sys.platform == "win32":
        pytest.skip("the peak is not measured on Windows")
    held = b"1" * 400_000_000
    write(folder, "01_small", "x = 1")
    write(folder, "02_large", "x = b'1' * 300_000_000")
    small, large = run_chapters(folder, None, tmp_path)
    assert 270 < large.peak_mb - small.peak_mb < 330
    assert len(held) == 400_000_000


@pytest.mark.notebooks
def test_a_chapter_that_kills_its_kernel_or_never_ends_is_named(folder):
    import os

    dead = nbformat.read(write(folder, "01_dead", "import os; os._exit(1)"), 4)
    endless = nbformat.read(write(folder, "02_slow", "while True: pass"), 4)
    _, died = module.execute(dead, folder, os.environ, "dead")
    _, stopped = module.execute(endless, folder, os.environ, "slow", timeout=2)
    assert died == "cell-0: the kernel died (out of memory?)"
    assert stopped == "cell-0: no result after 2 s"


@pytest.fixture
def pretended(monkeypatch):
    """Run nothing; remember which chapters were asked for."""
    asked = []

    def execute(notebook, folder, environment, label, timeout=0):
        asked.append((label, environment))
        return 10.0, ""

    monkeypatch.setattr(module, "execute", execute)
    return asked


def test_chosen_chapters_may_be_named_with_or_without_a_zero(
    folder, tmp_path, pretended
):
    for name in ("01_a", "02_b", "07_c", "B_signs"):
        write(folder, name, "1")
    run_chapters(folder, ["7", "01", "b"], tmp_path)
    assert [label for label, _ in pretended] == ["07_c", "01_a", "B_signs"]
    run_chapters(folder, None, tmp_path)
    assert [label for label, _ in pretended[3:]] == ["01_a", "02_b", "07_c", "B_signs"]


def test_figures_reach_the_notebook_and_bars_do_not(
    folder, tmp_path, pretended, monkeypatch
):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    write(folder, "01_a", "1")
    run_chapters(folder, None, tmp_path)
    (_, environment), *_ = pretended
    assert "MPLBACKEND" not in environment
    assert environment["TQDM_DISABLE"] == "1"


@pytest.mark.parametrize(
    ("names", "chapters", "said"),
    [
        (["01_a"], ["01", "42"], "No notebook for chapter 42 in .*there are: 01"),
        ([], None, "No notebook for chapter numbers in .*there are: none"),
    ],
)
def test_a_missing_chapter_is_one_sentence(folder, tmp_path, names, chapters, said):
    for name in names:
        write(folder, name, "1")
    with pytest.raises(CourseError, match=said):
        run_chapters(folder, chapters, tmp_path)


@pytest.mark.parametrize("library", ["nbconvert", "nbformat", "nbclient"])
def test_a_missing_library_is_one_sentence(folder, tmp_path, monkeypatch, library):
    write(folder, "01_a", "1")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(CourseError, match=f"needs {library}: install the extra"):
        run_chapters(folder, None, tmp_path)


def test_the_table_has_a_line_for_each_chapter():
    runs = [
        ChapterRun("01_a", 12.34, 512.4, 3),
        ChapterRun("02_b", 1.0, None, 0, "02-x: ClaimError: claim fails"),
    ]
    head, first, second = table(runs).splitlines()
    assert head.split() == ["chapter", "seconds", "peak", "MB", "claims", "status"]
    assert first.split() == ["01_a", "12.3", "512", "3", "ok"]
    assert second.split()[:4] == ["02_b", "1.0", "-", "0"]
    assert second.endswith("FAILED in 02-x: ClaimError: claim fails")


def test_where_no_copy_can_be_written_is_one_sentence_and_no_chapter_runs(
    folder, tmp_path
):
    write(folder, "01_good", "1 / 0")
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(CourseError, match="cannot be written to .*--out"):
        run_chapters(folder, None, tmp_path / "file" / "html")


def test_an_unknown_chapter_makes_no_folder(folder, tmp_path):
    write(folder, "01_good", "1")
    with pytest.raises(CourseError, match="No notebook for chapter 99"):
        run_chapters(folder, ["99"], tmp_path / "html")
    assert not (tmp_path / "html").exists()


def test_the_formulas_of_the_copies_need_no_network(folder, tmp_path, monkeypatch):
    """They are not read from an address; a browser saw those of chapter 06 drawn."""
    pytest.importorskip("sphinx-mathjax-offline")
    write(folder, "01_good", "1")
    monkeypatch.setattr(
        module,
        "_run_one",
        lambda notebook, path: ChapterRun(path.stem, 0.0, None, 0),
    )
    run_chapters(folder, None, tmp_path / "html")
    page = (tmp_path / "html" / "01_good.html").read_text(encoding="utf-8")
    (source,) = re.findall(r'<script src="([^"]*tex-chtml[^"]*)"', page)
    assert (tmp_path / "html" / source).is_file()
    assert page.index("window.MathJax =") < page.index(source)
