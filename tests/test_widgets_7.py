"""The panels under ipywidgets 7.7.1, the version that Colab has."""

import os
import subprocess
import sys

import pytest

OLD = (
    "ipywidgets==7.7.1",
    "widgetsnbextension~=3.6.0",
    "jupyterlab_widgets<3",
    "ipython_genutils",
)


@pytest.mark.notebooks
def test_the_panels_pass_their_tests_under_ipywidgets_7(tmp_path):
    """The same tests in a process that finds the old version first."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    got = subprocess.run(
        [*pip, "--target", str(tmp_path), *OLD], capture_output=True, text=True
    )
    if got.returncode:
        reason = got.stderr.strip().splitlines()[-1:]
        pytest.skip(f"ipywidgets 7.7.1 cannot be installed here: {reason}")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"}
    version = "import ipywidgets; print(ipywidgets.__version__)"
    seen = subprocess.run(
        [sys.executable, "-c", version], env=environment, capture_output=True, text=True
    )
    assert seen.stdout.strip() == "7.7.1", seen.stderr
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "tests/test_widgets.py"],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
