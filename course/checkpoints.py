"""Checkpoints by recipe: a model is trained on first use, kept, verified, loaded.

A checkpoint lives in a folder named after its recipe and a key: a hash of the
settings, of the recipes it needs, of the data, of the kind of device, and of every
definition that its training reaches.  Change one of them and a new checkpoint is
trained; the old one stays.  A change of comments, docstrings, layout, type hints or
messages of errors leaves it.  Weights are safetensors, everything else JSON.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

from filelock import FileLock
from safetensors import SafetensorError

import course
from course.data import assets
from course.data.archives import sha256
from course.definitions import Ref, Source, digest, reach
from course.lm.training import History
from course.recipes import RECIPES, Checkpoint, Recipe
from course.runtime import CourseError, device, home, matrix_product

CARD = "checkpoint.json"
FORMAT = 2  # of the folder; part of the key
# The walk ends at what a hash of its own stands for, and at what only shows.
STOP = (
    "course.data.assets",
    "course.data.archives",
    "course.data.download",
    "course.plots",
    "course.runtime.CourseError",
    "course.runtime.progress",
)


def recipe(name: str) -> Recipe:
    """The recipe of that name; ValueError names those that exist."""
    if name not in RECIPES:
        raise ValueError(f"got checkpoint {name!r}, expected one of {sorted(RECIPES)}")
    return RECIPES[name]


def key(wanted: Recipe, device_type: str | None = None) -> str:
    """The first 16 hex digits of the hash that names this recipe's checkpoint.

    It is the same on every Python, for the same settings, code and data.  device_type:
    such as "cpu", whose sums differ from those of "cuda"; `runtime.device()`'s when
    None.  Raises ValueError on a recipe whose functions stand in no file.
    """
    device_type = device_type or device().type
    code, data = _code(*_starts(wanted))
    parts = {
        "format": FORMAT,
        "name": wanted.name,
        "device": device_type,
        "settings": dict(wanted.settings),
        "code": code,
        "data": {name: getattr(assets, name).archive.sha256 for name in data},
        "needs": [key(recipe(name), device_type) for name in wanted.needs],
    }
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _starts(wanted: Recipe) -> tuple[tuple[Ref, ...], tuple[tuple[str, Path], ...]]:
    """The definitions that make its model, and where the packages they are in lie."""
    starts, roots = [], {"course": Path(course.__file__).parent}
    for function in (wanted.train, wanted.empty):
        module, name = function.__module__, function.__qualname__.split(".")[0]
        starts.append(Ref(module, name))
        top = module.partition(".")[0]
        for at in (top, module):
            file = getattr(sys.modules.get(at), "__file__", None)
            if file and top not in roots:
                path = Path(file)
                roots[at] = path.parent if path.name == "__init__.py" else path
    return tuple(starts), tuple(sorted(roots.items()))


@cache
def _source(roots: tuple) -> Source:
    return Source(dict(roots))


@cache
def _code(starts: tuple[Ref, ...], roots: tuple) -> tuple[str, list[str]]:
    """Hash of the definitions that the starts reach, and the data that they fetch."""
    found = reach(_source(roots), starts, stop=STOP)
    named = {ref for made in found.values() for ref in made.decides}
    data = {ref.name for ref in named if ref.module == assets.__name__}
    known = [name for name in data if isinstance(getattr(assets, name), assets.Asset)]
    return digest(found), sorted(known)


def load(name: str) -> Checkpoint:
    """The checkpoint of that recipe, on `runtime.device()`; trained when missing.

    A damaged one is said and trained again.  Two processes that ask at once train it
    once: the second waits.  Raises ValueError on an unknown name and, before it
    trains, CourseError where nothing can be kept; a disk that fills up later is said.
    """
    wanted = recipe(name)
    folder = home() / "checkpoints" / f"{name}-{key(wanted)}"
    if (found := read(wanted, folder)) is not None:
        return found
    needed = {need: load(need) for need in wanted.needs}
    with _writable(folder):
        if (found := read(wanted, folder, say=True)) is not None:
            return found
        print(f"training the checkpoint {name} (kept for the next time)")
        matrix_product()  # also where no notebook has called `setup`
        start = perf_counter()
        made = wanted.train(wanted.settings, needed)
        made.metrics["seconds"] = perf_counter() - start
        try:
            write(wanted, made, folder)
        except (OSError, SafetensorError) as error:  # what was trained is not lost
            print(
                f"The checkpoint {name} cannot be kept in {folder.parent} ({error}); "
                "it is used now and trained again the next time: free some space.",
                file=sys.stderr,
            )
    return made


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; CourseError, before any training, where nothing fits."""
    lock = FileLock(folder.with_suffix(".lock"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists() and not folder.is_dir():
            raise FileExistsError(17, f"{folder.name} is a file, expected a folder")
        lock.acquire()
    except OSError as error:
        raise CourseError(
            f"The checkpoint {folder.name} cannot be kept in {folder.parent} "
            f"({error.strerror or error}); make room for it or set COURSE_HOME."
        ) from error
    try:
        yield
    finally:
        lock.release()


def write(wanted: Recipe, made: Checkpoint, folder: Path) -> None:
    """Put a checkpoint in place, whole or not at all."""
    from safetensors.torch import save_file

    trunk = getattr(made.model, "gpt", made.model)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        state = {k: v.contiguous().cpu() for k, v in made.model.state_dict().items()}
        save_file(state, partial / "model.safetensors")
        made.tokenizer.save_pretrained(partial)
        files = sorted(p.name for p in partial.iterdir())
        card = {
            "name": made.name,
            "device": next(made.model.parameters()).device.type,
            "settings": dict(wanted.settings),
            "config": asdict(trunk.config) if hasattr(trunk, "config") else None,
            "metrics": made.metrics,
            "history": made.history.rows,
            "sha256": {name: sha256(partial / name) for name in files},
        }
        text = json.dumps(card, indent=1)
        (partial / CARD).write_text(text, encoding="utf-8")
        if folder.exists():  # a damaged one
            shutil.rmtree(folder)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read(wanted: Recipe, folder: Path, say: bool = False) -> Checkpoint | None:
    """Load and verify a folder; None when it is missing or, said aloud, damaged."""
    from safetensors.torch import load_file
    from transformers import PreTrainedTokenizerFast

    from course.lm.model import GPTConfig

    if not folder.is_dir():
        return None
    try:
        card = verified(folder)
        shape = card["config"]
        model = wanted.empty(shape and GPTConfig(**shape))
        model.load_state_dict(load_file(folder / "model.safetensors"))
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        history = History(card["history"])
        metrics = card["metrics"]
    except Exception as error:  # whatever a damaged file makes the readers raise
        if say:
            print(
                f"the checkpoint {folder.name} is damaged ({error}); training it again",
                file=sys.stderr,
            )
        return None
    model = model.to(device()).eval()
    return Checkpoint(wanted.name, model, tokenizer, metrics, history)


def verified(folder: Path) -> dict[str, Any]:
    """The card of a checkpoint all of whose files are as they were written.

    Raises ValueError, OSError or KeyError where they are not.
    """
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    for name in {"model.safetensors", "tokenizer.json", *card["sha256"]}:
        if sha256(folder / name) != card["sha256"][name]:
            raise ValueError(f"{name} was altered")
    return card


def main(arguments: list[str] | None = None) -> int:
    """Train every checkpoint that is missing and print what each reached.

    With --pair a second process, which begins at the end of the list, helps; each
    takes one thread, and a checkpoint that both want is trained once.
    """
    parser = argparse.ArgumentParser(prog="python -m course.checkpoints")
    parser.add_argument("--pair", action="store_true", help="train in two processes")
    parser.add_argument("--backwards", action="store_true", help="begin at the end")
    options = parser.parse_args(arguments)
    helper = None
    if options.pair:
        command = [sys.executable, "-m", "course.checkpoints", "--backwards"]
        variables = {**os.environ, "OMP_NUM_THREADS": "1"}
        helper = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL)
    names = list(RECIPES)
    for name in reversed(names) if options.backwards else names:
        reached = load(name).metrics
        print(name, " ".join(f"{k}={v:.4g}" for k, v in sorted(reached.items())))
    return 0 if helper is None else helper.wait()


if __name__ == "__main__":
    sys.exit(main())
