"""Seeds, devices, the home folder, and claims."""

import os
import random
import subprocess
import sys
from pathlib import Path
from time import process_time, sleep

import numpy
import numpy as np
import pytest
import torch

from course import claim, runtime
from course.claims import ClaimError
from course.runtime import CourseError


def test_setup_prints_one_line_with_the_versions(capsys):
    runtime.setup(chapter="07")
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert printed.startswith("chapter 07 · course ") and torch.__version__ in printed


def test_setup_seeds_every_library():
    def drawn():
        runtime.setup(chapter="00", seed=3)
        return random.random(), numpy.random.rand(), torch.rand(1).item()

    assert drawn() == drawn()


def test_an_old_python_gets_a_sentence(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10))
    with pytest.raises(CourseError, match="needs 3.11 or newer"):
        runtime.setup(chapter="00")


def test_a_foreign_package_called_course_is_noticed(monkeypatch):
    import course

    monkeypatch.setattr(course, "__course__", "something else")
    with pytest.raises(CourseError, match="Another package called `course`"):
        runtime.setup(chapter="00")


def test_a_device_that_is_not_there_gets_a_sentence(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    if torch.cuda.device_count():
        pytest.skip("this machine has a GPU")
    with pytest.raises(CourseError, match="COURSE_DEVICE=cuda is not available"):
        runtime.device()


def test_the_home_folder_is_made_and_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "a" / "b"))
    assert runtime.home() == tmp_path / "a" / "b" and runtime.home().is_dir()


def test_a_home_that_cannot_be_written_gets_a_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(CourseError, match="set COURSE_HOME to a folder"):
        runtime.home()
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setattr(runtime.os, "access", lambda *_: False)
    with pytest.raises(CourseError, match="not writable"):
        runtime.home()


@pytest.mark.parametrize("wanted", ["./mine", "mine", "~nosuchuser/x"])
def test_a_home_that_cannot_be_meant_is_one_sentence(wanted, monkeypatch, tmp_path):
    """A relative one would be another folder for notebooks/ and for exercises/."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_HOME", wanted)
    with pytest.raises(CourseError, match="set COURSE_HOME to a folder.*full path"):
        runtime.home()
    assert list(tmp_path.iterdir()) == []


def test_a_user_without_a_home_is_told_to_set_course_home(monkeypatch):
    def nowhere(_name):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("COURSE_HOME", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", nowhere)
    with pytest.raises(CourseError, match="of your user.*set COURSE_HOME"):
        runtime.home()


def test_a_generator_draws_the_same_numbers_for_a_seed():
    one, two = (torch.rand(4, generator=runtime.generator(5)) for _ in range(2))
    assert torch.equal(one, two)


def test_a_claim_that_holds_prints_one_stable_line(capsys):
    claim("the loss falls", torch.tensor(True))
    assert capsys.readouterr().out == "claim holds: the loss falls\n"


def test_the_measured_numbers_of_a_claim_stand_on_a_line_that_nbval_leaves_out(capsys):
    """They differ in their last digits between machines; the claim does not."""
    import configparser
    import re

    numbers = {"loss": 1.5, "parameters": 134_515_008, "r": torch.tensor([0.25, 0.5])}
    claim("the loss falls", True, **numbers)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "claim holds: the loss falls"
    shown = "loss = 1.5, parameters = 134,515,008, r = 0.25, 0.5"
    assert second == f"    measured: {shown}"
    rules = configparser.RawConfigParser()
    rules.read(Path(__file__).parent / "nbval_sanitize.cfg", encoding="utf-8")
    rule = dict(rules["measured"])
    both = [re.sub(rule["regex"], rule["replace"], f"{first}\n    measured: {x}\n")
            for x in ("loss = 1.5", "loss = 1.6, r = 2")]  # fmt: skip
    assert both[0] == both[1] == f"{first}\n{rule['replace']}\n"


def test_a_claim_that_fails_raises_and_shows_its_numbers():
    with pytest.raises(ClaimError, match=r"the loss falls \(before = 1.5, after = 2\)"):
        claim("the loss falls", 2 < 1.5, before=1.5, after=2)


@pytest.mark.parametrize(
    "truth",
    ["yes", "True", None, 1, 0.5, float("nan"), [True], (False, "why"), {}, all,
     (x > 0 for x in [1]), torch.tensor([True, True]), torch.tensor([True]),
     torch.tensor(1), np.int64(1), np.array([True]), np.array(1)],
)  # fmt: skip
def test_a_claim_refuses_what_is_not_one_truth_value(truth):
    with pytest.raises(TypeError, match="expected one bool"):
        claim("always", truth)


@pytest.mark.parametrize("truth", [False, np.bool_(False), torch.tensor(False)])
@pytest.mark.parametrize("a", [None, {}, "abc", 1j, torch.ones(2), float("inf")])
def test_a_claim_that_fails_says_so_whatever_was_measured(truth, a):
    claim("it holds", not truth, a=a)
    with pytest.raises(ClaimError, match="claim fails: it holds"):
        claim("it holds", truth, a=a)


def test_a_claim_refuses_arguments_in_the_wrong_order():
    with pytest.raises(TypeError, match="expected a sentence"):
        claim(True, "the loss falls")


@pytest.mark.parametrize(("value", "silent"), [("1", True), ("0", False), ("", False)])
@pytest.mark.parametrize("in_notebook", [False, True])
def test_a_bar_is_silent_where_it_is_told_to_be(
    value, silent, in_notebook, monkeypatch, capsys
):
    monkeypatch.setattr(runtime, "_in_notebook", lambda: in_notebook)
    monkeypatch.setenv("TQDM_DISABLE", value)
    bar = runtime.progress([1, 2])
    assert bar.disable is silent
    assert list(bar) == [1, 2]
    seen = capsys.readouterr()
    assert bool(seen.out + seen.err) is not silent


def test_a_log_holds_one_state_an_interval_whatever_the_postfix_says(
    monkeypatch, capsys
):
    monkeypatch.setenv("TQDM_DISABLE", "0")
    bar = runtime.progress(total=500, mininterval=60)
    for step in range(500):
        bar.set_postfix(loss=step)
        bar.update()
    assert "loss=499" in str(bar)
    bar.close()
    assert capsys.readouterr().err.count("/500") <= 2  # the first and the last


@pytest.mark.notebooks
def test_a_saved_notebook_holds_nothing_of_a_bar():
    import nbclient
    import nbformat

    code = """
from course.runtime import progress
bar = progress(range(3), desc="a <b> bar")
for _ in bar:
    bar.set_postfix(loss=1)
    bar.refresh()
print("done")
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    seen = []
    client = nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(Path(__file__).parents[1])}},
    )
    plain = client.process_message
    client.process_message = lambda *args: (seen.append(args[0]), plain(*args))[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TQDM_DISABLE", "0")
        client.execute()
    shown = [m["content"]["data"]["text/html"] for m in seen if "data" in m["content"]]
    assert any("a &lt;b&gt; bar:" in text and "loss=1" in text for text in shown)
    left = [o for o in notebook.cells[0].outputs if o.output_type != "stream"]
    assert [o["data"] for o in left] == [{"text/plain": "", "text/html": ""}]
    streams = [o for o in notebook.cells[0].outputs if o.output_type == "stream"]
    assert [o["text"] for o in streams] == ["done\n"]


# Matrix products


@pytest.fixture
def choose(monkeypatch):
    """`matrix_product` as a fresh process calls it; torch's setting is put back."""
    put, before = (
        torch.set_float32_matmul_precision,
        torch.get_float32_matmul_precision(),
    )
    monkeypatch.delenv("COURSE_EXACT", raising=False)
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    runtime.matrix_product.cache_clear()
    put("highest")
    yield runtime.matrix_product
    put(before)
    runtime.matrix_product.cache_clear()


def busy(seconds: float) -> None:
    """Compute for so long: a pause would take no time of the CPU."""
    start = process_time()
    while process_time() < start + seconds:
        pass


def pretend(monkeypatch, *, slow: str, rounded: bool = False) -> None:
    """Products that wait at one precision, and round to 16 bits at "medium"."""
    multiply = torch.Tensor.__matmul__

    def fake(a, b):
        precision = torch.get_float32_matmul_precision()
        if a.dtype == torch.float32 and precision == slow:
            busy(0.02)
        if a.dtype == torch.float32 and precision == "medium" and rounded:
            return multiply(a.bfloat16(), b.bfloat16()).float()
        return multiply(a, b)

    monkeypatch.setattr(torch.Tensor, "__matmul__", fake)


def test_products_that_are_faster_and_as_exact_are_used(choose, monkeypatch):
    pretend(monkeypatch, slow="highest")
    assert choose() == "faster"
    assert torch.get_float32_matmul_precision() == "medium"


def test_products_that_are_faster_but_rounded_are_not_used(choose, monkeypatch):
    """What "medium" means on CPUs with 16-bit matrix units."""
    pretend(monkeypatch, slow="highest", rounded=True)
    assert choose() == "default"
    assert torch.get_float32_matmul_precision() == "highest"


def test_products_that_are_slower_are_not_used(choose, monkeypatch):
    pretend(monkeypatch, slow="medium")
    assert choose() == "default"
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such clock")
def test_what_else_the_machine_does_is_not_counted(choose, monkeypatch):
    """Pauses, as where others use the processor, do not make the default slow."""
    multiply = torch.Tensor.__matmul__

    def disturbed(a, b):
        if torch.get_float32_matmul_precision() == "highest":
            sleep(0.02)
        return multiply(a, b)

    monkeypatch.setattr(torch.Tensor, "__matmul__", disturbed)
    monkeypatch.setattr(runtime, "LEAST_GAIN", 5.0)  # no processor gains so much
    assert choose() == "default"


@pytest.mark.parametrize(
    ("variable", "value"), [("COURSE_EXACT", "1"), ("COURSE_DEVICE", "meta")]
)
def test_torch_is_left_alone_where_asked_and_away_from_the_cpu(
    choose, monkeypatch, variable, value
):
    pretend(monkeypatch, slow="highest")
    monkeypatch.setenv(variable, value)
    monkeypatch.delattr(torch, "set_float32_matmul_precision")
    assert choose() == "default"


def test_a_precision_that_somebody_set_is_kept(choose, monkeypatch):
    pretend(monkeypatch, slow="medium")
    torch.set_float32_matmul_precision("high")
    assert choose() == "default"
    assert torch.get_float32_matmul_precision() == "high"


def test_choosing_uses_no_random_number_and_happens_once(choose, monkeypatch):
    before = torch.get_rng_state()
    first = choose()
    assert torch.equal(before, torch.get_rng_state())
    monkeypatch.delattr(torch, "get_float32_matmul_precision")
    assert choose() == first


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
        {"ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
        {"ONEDNN_DEFAULT_FPMATH_MODE": "BF16"},
    ],
    ids=["this CPU", "AVX2", "SSE4", "oneDNN allowed to round"],
)
def test_products_stay_exact_whatever_the_processor(variables):
    """Every instruction set that this CPU can play; a threshold of 0 accepts all."""
    code = """
import torch
from course import runtime
runtime.LEAST_GAIN = 0.0
chosen = runtime.matrix_product()
x, w = torch.randn(300, 190), torch.randn(500, 190) / 190 ** 0.5
print(chosen, float((x.double() @ w.double().T - x @ w.T).abs().max()))
"""
    names = ("COURSE_EXACT", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")
    clean = {k: v for k, v in os.environ.items() if k not in names}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean | variables | {"COURSE_DEVICE": "cpu"},
        capture_output=True,
        text=True,
        check=True,
    )
    chosen, error = done.stdout.split()
    assert chosen in ("default", "faster")
    assert float(error) <= runtime.MOST_ERROR
