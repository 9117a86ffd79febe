"""The course as on Colab, from nothing but the wheel: `python -m tools.colab`.

Makes an environment of Colab's versions (`.ci/colab-constraints.txt`) with a stand-in
for `google.colab`, lays the wheel and a few notebooks into an empty folder, and there
runs the first cell alone, then each notebook.  Fails if a cell raises, or if installing
the course replaced a version that was there.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = ROOT / ".ci" / "colab-constraints.txt"
CHOSEN = (
    "notebooks/00_start_here.ipynb",
    "notebooks/03_sampling.ipynb",
    "notebooks/05_rewards_by_rule.ipynb",
    "exercises/05_rewards_by_rule.ipynb",
)
# What runs a notebook from outside; Colab has its own way.
RUNNER = ("nbclient", "ipykernel", "pip")


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


def environment(folder: Path, torch: str | None) -> Path:
    """Python of a new environment that has Colab's versions.

    torch: another version of torch, where Colab's build is too large to fetch.
    """
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pins = PINS.read_text(encoding="utf-8").splitlines()
    if torch:
        pins = [p for p in pins if not p.startswith("torch==")] + [f"torch=={torch}"]
    call(python, "-m", "pip", "install", "-q", *pins, *RUNNER)
    return python


def execute(python: Path | str, path: Path, **options) -> None:
    """Run every cell of the notebook; raises SystemExit when one raises."""
    call(python, "-c", "from nbclient.cli import main; main()", path, **options)


def main(arguments: list[str] | None = None) -> int:
    """Build, install, run; a line for each notebook."""
    parser = argparse.ArgumentParser(prog="python -m tools.colab")
    parser.add_argument("--torch", help="a version of torch in place of Colab's")
    parser.add_argument("notebooks", nargs="*", default=CHOSEN)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder, empty = Path(temporary), Path(temporary) / "content"
        empty.mkdir()
        call(sys.executable, "-m", "build", "--wheel", "--outdir", empty, ROOT)
        python = environment(folder / "colab", options.torch)
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
