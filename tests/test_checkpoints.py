"""Checkpoints: trained once, verified, and said when damaged."""

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
import torch

from course import checkpoints, recipes
from course.lm.model import GPT, GPTConfig
from course.lm.tokenizer import train_tokenizer
from course.lm.training import History
from course.recipes import Checkpoint, Recipe
from course.runtime import CourseError


def train_tiny(settings, needed) -> Checkpoint:
    torch.manual_seed(settings["seed"])
    tokenizer = train_tokenizer(["a good film", "a bad film"], vocab_size=262)
    model = GPT(GPTConfig(len(tokenizer), 16, 16, 1, 2, 1, 24)).eval()
    history = History()
    history.log(0, loss=1.25)
    return Checkpoint("tiny", model, tokenizer, {"loss": 1.25}, history)


TINY = Recipe("tiny", {"seed": 0}, ("course.lm.model",), train_tiny, GPT)


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


def test_settings_and_needs_change_the_key_and_comments_do_not(tmp_path, monkeypatch):
    assert checkpoints.key(TINY) == checkpoints.key(replace(TINY, needs=()))
    assert checkpoints.key(TINY) != checkpoints.key(replace(TINY, settings={"seed": 1}))
    other = replace(TINY, modules=("course.lm.layers",))
    assert checkpoints.key(TINY) != checkpoints.key(other)
    monkeypatch.syspath_prepend(str(tmp_path))

    def version(name: str, code: str) -> str:
        (tmp_path / f"{name}.py").write_text(code)
        return checkpoints.code_version((name,))

    body = "    return x\n"
    first = version("module_one", f'"""A."""\ndef f(x):\n    """B."""\n{body}')
    same = version("module_two", f'"""C."""\n\ndef f(x):  # why\n    "D"\n{body}')
    changed = version("module_three", '"""A."""\ndef f(x):\n    "B"\n    return -x\n')
    assert first == same != changed


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


def test_a_full_disk_gets_a_sentence_and_leaves_nothing_behind(tiny, monkeypatch):
    import safetensors.torch

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(CourseError, match="No space left.*free some space"):
        checkpoints.load("tiny")
    assert not [p for p in tiny.parent.iterdir() if p.is_dir()]


def test_an_unknown_name_lists_those_that_exist():
    with pytest.raises(ValueError, match="expected one of .*language-model"):
        checkpoints.load("gpt-5")


def test_a_recipe_gets_what_it_needs(tiny, monkeypatch):
    seen = {}

    def second(settings, needed):
        seen.update(needed)
        return train_tiny({"seed": 1}, {})

    recipe = Recipe("second", {}, ("course.lm.model",), second, GPT, needs=("tiny",))
    monkeypatch.setitem(recipes.RECIPES, "second", recipe)
    checkpoints.load("second")
    assert list(seen) == ["tiny"] and isinstance(seen["tiny"].model, GPT)


def test_two_processes_at_once_train_it_once(tmp_path):
    """Both ask for the checkpoint while it takes a second to train."""
    script = textwrap.dedent(
        """
        import time
        from course import checkpoints, recipes
        from tests.test_checkpoints import TINY, train_tiny
        from dataclasses import replace

        def slow(settings, needed):
            time.sleep(1)
            return train_tiny(settings, needed)

        recipes.RECIPES["tiny"] = replace(TINY, train=slow)
        print(checkpoints.load("tiny").metrics["loss"])
        """
    )
    environment = os.environ | {"COURSE_HOME": str(tmp_path)}
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", script], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    printed = [run.communicate(timeout=120) for run in runs]
    assert all("1.25" in out for out, _ in printed), printed
    assert sum("training the checkpoint" in out for out, _ in printed) == 1


def test_every_recipe_names_modules_and_recipes_that_exist():
    for name, recipe in recipes.RECIPES.items():
        assert name == recipe.name and len(checkpoints.key(recipe)) == 16
