"""The lane that plays Colab: what it compares, and that a cell that raises fails it."""

import json
import sys

import nbformat
import pytest

from tools import colab


def notebook(path, *cells):
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(made, path)
    return path


@pytest.mark.parametrize(
    ("after", "wrong"),
    [
        ({"numpy": "2.1.3", "gguf": "0.17"}, []),
        ({"numpy": "2.2.0"}, ["numpy 2.1.3 became 2.2.0"]),
        ({"gguf": "0.17"}, ["numpy 2.1.3 became nothing"]),
    ],
)
def test_what_is_replaced_is_named_and_what_is_added_is_not(after, wrong):
    assert colab.replaced({"numpy": "2.1.3"}, after) == wrong


def test_the_environment_has_what_the_course_asks_for_at_colabs_versions():
    pins = ["numpy==2.1.3", "tensorflow==2.20.0", "ipykernel==6.17.1"]
    assert colab.colabs(pins) == ["numpy==2.1.3", "ipykernel==6.17.1"]


def test_the_stand_in_is_what_a_notebook_looks_for(tmp_path, monkeypatch):
    colab.stand_in(tmp_path)
    code = "import google.colab, sys; print('google.colab' in sys.modules)"
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert colab.call(sys.executable, "-c", code).strip() == "True"


def test_the_set_up_cell_is_the_first_with_code():
    path = colab.ROOT / colab.CHOSEN[0]
    assert "COURSE_SOURCE" in colab.set_up_cell(path)
    assert all((colab.ROOT / name).is_file() for name in colab.CHOSEN)


def test_a_command_that_fails_says_what_it_printed():
    with pytest.raises(SystemExit, match="no such luck"):
        colab.call(sys.executable, "-c", "raise ValueError('no such luck')")


def test_an_environment_lists_its_versions():
    assert colab.versions(sys.executable)["nbformat"] == nbformat.__version__


@pytest.mark.notebooks
def test_a_cell_that_raises_fails_and_one_that_does_not_has_run(tmp_path):
    file = tmp_path / "ran.json"
    good = f"import json; json.dump(1, open({str(file)!r}, 'w'))"
    colab.execute(sys.executable, notebook(tmp_path / "good.ipynb", good))
    assert json.loads(file.read_text()) == 1
    with pytest.raises(SystemExit, match="ZeroDivisionError"):
        colab.execute(sys.executable, notebook(tmp_path / "bad.ipynb", "1 / 0"))
