"""The course as on Colab, from nothing but the wheel: `python -m tools.colab`.

Makes an environment with a stand-in for `google.colab` in which the packages that the
course asks for, and those that they ask for, are Colab's (`.ci/colab-constraints.txt`).
Lays the wheel and a few notebooks into an empty folder; there runs the first cell
alone, then each notebook.  Fails if a cell raises, or if installing the course replaced
a version that was there.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / ".ci" / "colab-constraints.txt"
CHOSEN = (
    "notebooks/00_start_here.ipynb",
    "notebooks/03_sampling.ipynb",
    "notebooks/05_rewards_by_rule.ipynb",
    "exercises/05_rewards_by_rule.ipynb",
)
# What runs a notebook, and what a reader meets beside the course.
BESIDE = ("accelerate", "ipykernel", "ipython", "nbclient", "notebook", "peft", "pip")


def call(*command: object, **options) -> str:
    """Run a command; what it printed.  Raises SystemExit with its end if it fails."""
    text = [str(word) for word in command]
    done = subprocess.run(
        text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(text)} failed:\n{done.stdout[-3000:]}")
    return done.stdout


def versions(python: Path) -> dict[str, str]:
    """Name -> version of what an environment has."""
    listed = call(python, "-m", "pip", "list", "--format=json")
    found = json.loads(listed[listed.index("[") : listed.rindex("]") + 1])
    return {entry["name"]: entry["version"] for entry in found}


def replaced(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What was there and is gone or has another version.

    >>> replaced({"numpy": "2.1.3"}, {"numpy": "2.2.0", "gguf": "0.17"})
    ['numpy 2.1.3 became 2.2.0']
    """
    return [
        f"{name} {version} became {after.get(name, 'nothing')}"
        for name, version in before.items()
        if after.get(name) != version
    ]


def stand_in(folder: Path) -> None:
    """A package `google.colab`, which is how a notebook knows where it is."""
    package = folder / "google" / "colab"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", encoding="utf-8")


def set_up_cell(path: Path) -> str:
    """The source of the notebook's first code cell."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "".join(next(c["source"] for c in cells if c["cell_type"] == "code"))


def colabs(pins: list[str]) -> list[str]:
    """Those of the pins that the course asks for by name, and `BESIDE`."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ours = tomllib.loads(text)["project"]["dependencies"]
    asked = {canonicalize_name(Requirement(line).name) for line in ours} | {*BESIDE}
    return [pin for pin in pins if canonicalize_name(pin.split("==")[0]) in asked]


def environment(folder: Path, torch: str | None, python: str = sys.executable) -> Path:
    """Python of a new environment that has Colab's versions, theirs included.

    torch: another version of torch, where Colab's build is too large to fetch.
    """
    call(python, "-m", "venv", folder)
    inside = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    lines = PINS.read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    if torch:
        pins = [p for p in pins if not p.startswith("torch==")] + [f"torch=={torch}"]
    every = folder / "colab.txt"
    every.write_text("\n".join(pins), encoding="utf-8")
    call(inside, "-m", "pip", "install", "-q", "-c", every, *colabs(pins))
    return inside


def execute(python: Path | str, path: Path, **options) -> None:
    """Run every cell of the notebook; raises SystemExit when one raises."""
    call(python, "-c", "from nbclient.cli import main; main()", path, **options)


def main(arguments: list[str] | None = None) -> int:
    """Build, install, run; a line for each notebook."""
    parser = argparse.ArgumentParser(prog="python -m tools.colab")
    parser.add_argument("--torch", help="a version of torch in place of Colab's")
    parser.add_argument("--python", default=sys.executable, help="Colab has 3.13")
    parser.add_argument("notebooks", nargs="*", default=CHOSEN)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder, empty = Path(temporary), Path(temporary) / "content"
        empty.mkdir()
        call(sys.executable, "-m", "build", "--wheel", "--outdir", empty, ROOT)
        python = environment(folder / "colab", options.torch, options.python)
        stand_in(folder / "stand-in")
        before = versions(python)
        variables = dict(os.environ, PYTHONPATH=str(folder / "stand-in"))
        for name in ("COURSE_SOURCE", "COURSE_FROZEN"):
            variables.pop(name, None)
        run = {"cwd": empty, "env": variables}
        for number, name in enumerate(options.notebooks):
            path = empty / Path(name).name
            shutil.copy(ROOT / name, path)
            if number == 0:
                print(call(python, "-c", set_up_cell(path), **run).strip(), flush=True)
            execute(python, path, **run)
            print(f"{name}: every cell ran", flush=True)
        wrong = replaced(before, versions(python))
        print(
            *wrong,
            f"{len(before)} packages of Colab's, {len(wrong)} replaced",
            sep="\n",
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
