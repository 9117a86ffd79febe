"""Checkpoints: trained once, verified, and said when damaged."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError
from tiny_recipe import TINY, train_tiny

import course
from course import checkpoints, recipes
from course.data import assets
from course.lm.model import GPT
from course.recipes import Recipe
from course.reward.model import RewardModel
from course.runtime import CourseError, device

HERE = Path(__file__).parent


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setitem(recipes.RECIPES, "tiny", TINY)
    return tmp_path / "checkpoints" / f"tiny-{checkpoints.key(TINY)}"


def test_a_checkpoint_is_trained_once_and_read_back_the_same(tiny, capsys):
    made = checkpoints.load("tiny")
    assert "training the checkpoint tiny" in capsys.readouterr().out
    found = checkpoints.load("tiny")
    assert capsys.readouterr().out == ""
    for p, q in zip(made.model.parameters(), found.model.parameters(), strict=True):
        assert torch.equal(p, q)
    assert found.metrics == made.metrics and found.history == made.history
    assert found.tokenizer.get_vocab() == made.tokenizer.get_vocab()
    assert found.tokenizer.eos_token_id != found.tokenizer.pad_token_id
    assert {path.suffix for path in tiny.iterdir()} <= {".safetensors", ".json"}


def keys(device_type: str | None = None) -> dict[str, str]:
    return {n: checkpoints.key(r, device_type) for n, r in recipes.RECIPES.items()}


def test_settings_code_needs_and_the_kind_of_device_change_the_key(tiny):
    def other(settings, needed):
        return train_tiny({"seed": 2}, {})

    first = checkpoints.key(TINY)
    assert first == checkpoints.key(replace(TINY, needs=())) and len(first) == 16
    for changed in (
        replace(TINY, settings={"seed": 1}),
        replace(TINY, train=other),
        replace(TINY, empty=RewardModel),
        replace(TINY, needs=("adder",)),
    ):
        assert checkpoints.key(changed) != first
    assert first == checkpoints.key(TINY, device().type)
    assert checkpoints.key(TINY, "cpu") != checkpoints.key(TINY, "cuda")


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the package, which the keys are then computed from."""
    package = tmp_path / "course"
    ignored = shutil.ignore_patterns("checks", "widgets", "__pycache__")
    shutil.copytree(Path(course.__file__).parent, package, ignore=ignored)
    monkeypatch.setattr(course, "__file__", str(package / "__init__.py"))
    for cached in (checkpoints._source, checkpoints._code):
        cached.cache_clear()
    yield package
    for cached in (checkpoints._source, checkpoints._code):
        cached.cache_clear()


def change(package: Path, definition: str, old: str, new: str) -> None:
    """Replace a piece of one definition's text, wherever it stands."""
    for file in sorted(package.rglob("*.py")):
        before, head, rest = file.read_text("utf-8").partition(f"\ndef {definition}(")
        body, tail, after = rest.partition("\n\n\n")
        if head and old in body:
            body = body.replace(old, new)
            text = before + head + body + tail + after
            file.write_text(text, encoding="utf-8")
            return
    raise AssertionError(f"no {definition} with {old}")


ALL = {*recipes.RECIPES}
LARGE = {name for name in ALL if name.startswith("smollm2-")}
RATED = {name for name in LARGE if name.startswith("smollm2-reward")}  # its tokenizer
# The policies of chapters 13 and 14, whose rewards are scaled on a writer's texts.
RUNS = (*recipes.HACKED, *recipes.LEASHED, *recipes.SECOND, *recipes.VOTED)
CLIMBED = {r.name for r in RUNS}
WRITERS = {"policy-reinforce"} | (LARGE - RATED) | CLIMBED
SCORED = {"reward-model", "reward-proxy", *(r.name for r in recipes.PROXIES)} | WRITERS
# Their texts are made by code, and their tokenizers learn nothing.
MADE = {"adder"} | {name for name in ALL if name.startswith("task-")}
DUELS = {name for name in ALL if name.startswith("task-adversary-")}  # policies, too


@pytest.mark.parametrize(
    ("definition", "old", "new", "changed"),
    [
        ("train_policy", "optim.AdamW(", "optim.SGD(", {"policy-reinforce"}),
        ("logprobs_of", "return ", "return -", WRITERS | DUELS),
        ("scale_on_writer", 'prompts[: settings["ref', 'prompts[settings["ref', SCORED),
        ("train_tokenizer", "return ", "return 0, ", ALL - MADE - RATED),
        ("careless_answer", "return ", "return 1 + ", {"adder"}),
        ("split_of", "10", "11", ALL - MADE),
        ("train_policy", ', "', ', # why\n "', set()),
        ("seed_everything", '"""Seed', '"""Set the seeds of', set()),
        ("apply_temperature", "expected", "not", set()),
        ("best_of_n", "return ", "return 0, ", set()),
        ("completion_logprobs", "return ", "return -1, ", set()),  # steps pack texts
    ],
)  # fmt: skip
def test_a_change_of_code_changes_the_keys_of_what_it_decides(
    copy, definition, old, new, changed
):
    """A list of modules kept by hand once missed the optimizer and the loss."""
    before = keys()
    change(copy, definition, old, new)
    checkpoints._source.cache_clear()
    checkpoints._code.cache_clear()
    after = keys()
    assert {name for name in before if before[name] != after[name]} == changed


def test_the_data_that_training_reads_is_part_of_the_key(monkeypatch):
    before = keys()
    archive = replace(assets.RATINGS.archive, sha256="0" * 64)
    monkeypatch.setattr(assets, "RATINGS", replace(assets.RATINGS, archive=archive))
    changed = {name for name, key in keys().items() if key != before[name]}
    assert changed == ALL - MADE  # sums are made, not fetched


def test_a_recipe_typed_in_somewhere_is_refused_in_one_sentence():
    for function in (lambda settings, needed: None, type("X", (), {})):
        function.__module__ = "__nowhere__"
        with pytest.raises(ValueError, match="expected a name that a module defines"):
            checkpoints.key(replace(TINY, train=function))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "model.safetensors").write_bytes(b"cut"),
        lambda folder: (folder / "checkpoint.json").write_text("{"),
        lambda folder: (folder / "tokenizer.json").unlink(),
        lambda folder: (folder / "checkpoint.json").write_text(
            json.dumps({"sha256": {}, "config": {"vocab_size": 3}})
        ),
    ],
)
def test_a_damaged_checkpoint_is_said_and_trained_again(tiny, capsys, damage):
    checkpoints.load("tiny")
    damage(tiny)
    capsys.readouterr()
    again = checkpoints.load("tiny")
    printed = capsys.readouterr()
    assert "is damaged" in printed.err and "training the checkpoint" in printed.out
    assert again.metrics["loss"] == 1.25
    assert checkpoints.load("tiny").metrics["loss"] == 1.25
    assert not list(tiny.parent.glob(".partial-*"))


def test_a_training_that_fails_leaves_nothing_behind(tiny, monkeypatch):
    def broken(settings, needed):
        raise RuntimeError("no")

    monkeypatch.setitem(recipes.RECIPES, "tiny", replace(TINY, train=broken))
    with pytest.raises(RuntimeError, match="^no$"):
        checkpoints.load("tiny")
    assert [p.name for p in tiny.parent.iterdir() if p.is_dir()] == []


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), SafetensorError("File too large")]
)
def test_a_disk_that_fills_up_is_said_and_what_was_trained_is_used(
    tiny, monkeypatch, capsys, error
):
    """safetensors has an error of its own; 24 seconds of training were lost with it."""

    def full(*_):
        raise error

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    made = checkpoints.load("tiny")
    said = capsys.readouterr().err
    assert made.metrics["loss"] == 1.25 and "cannot be kept" in said
    assert ("No space left" in said or "File too large" in said) and "free" in said
    assert not [p for p in tiny.parent.iterdir() if p.is_dir()]


def test_a_place_that_cannot_be_written_is_said_before_the_training(tiny, monkeypatch):
    def never(settings, needed):
        raise AssertionError("trained, though it cannot be kept")

    name = checkpoints.key(TINY)
    monkeypatch.setitem(recipes.RECIPES, "tiny", replace(TINY, train=never))
    monkeypatch.setattr(checkpoints, "key", lambda recipe: name)
    tiny.parent.mkdir()
    tiny.write_text("a file in its place")
    with pytest.raises(CourseError, match="is a file, expected a folder"):
        checkpoints.load("tiny")
    assert tiny.read_text() == "a file in its place"
    tiny.unlink()
    shutil.rmtree(tiny.parent)
    tiny.parent.write_text("a file where the folder of all belongs")
    with pytest.raises(CourseError, match="cannot be kept .*set COURSE_HOME"):
        checkpoints.load("tiny")


def test_an_unknown_name_lists_those_that_exist():
    with pytest.raises(ValueError, match="expected one of .*language-model"):
        checkpoints.load("gpt-5")


def test_a_recipe_gets_what_it_needs(tiny, monkeypatch):
    seen = {}

    def second(settings, needed):
        seen.update(needed)
        return train_tiny({"seed": 1}, {})

    recipe = Recipe("second", {}, second, GPT, needs=("tiny",))
    monkeypatch.setitem(recipes.RECIPES, "second", recipe)
    checkpoints.load("second")
    assert list(seen) == ["tiny"] and isinstance(seen["tiny"].model, GPT)


def test_two_processes_at_once_train_it_once(tmp_path):
    """Both ask for the checkpoint while it takes a second to train."""
    script = textwrap.dedent(
        """
        import time
        from course import checkpoints, recipes
        from tiny_recipe import TINY, train_tiny
        from dataclasses import replace

        def slow(settings, needed):
            time.sleep(1)
            return train_tiny(settings, needed)

        recipes.RECIPES["tiny"] = replace(TINY, train=slow)
        print(checkpoints.load("tiny").metrics["loss"])
        """
    )
    file = tmp_path / "script.py"
    file.write_text(script, encoding="utf-8")
    paths = os.pathsep.join([str(Path(course.__file__).parents[1]), str(HERE)])
    environment = os.environ | {"COURSE_HOME": str(tmp_path), "PYTHONPATH": paths}
    runs = [
        subprocess.Popen(
            [sys.executable, str(file)], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    printed = [run.communicate(timeout=120) for run in runs]
    assert all("1.25" in out for out, _ in printed), printed
    assert sum("training the checkpoint" in out for out, _ in printed) == 1


def test_every_recipe_is_listed_under_its_name_and_has_a_key_of_its_own():
    assert all(name == recipe.name for name, recipe in recipes.RECIPES.items())
    assert len({*keys().values()}) == len(recipes.RECIPES)
