"""What an earlier cell left behind does not count: a loop starts clean."""

import inspect
import logging
import os
import random
import sys
import warnings
from contextlib import suppress
from functools import partial

import matplotlib
import numpy
import pytest
import torch
from sound import arguments, functions
from tiny import seeded, tiny_gpt

from course.checks import catalogue
from course.checks.checking import examine
from course.lm.finetuning import fine_tune
from course.lm.training import train_language_model
from course.policy.reinforce import reinforce_step
from course.reward.model import RewardModel
from course.reward.training import fit_regression

TEXTS = ["a good film", "the film was bad", "good acting", "a bad film"]


def pretrain(model, tokenizer):
    ids = torch.randint(5, 60, (6, 8), generator=seeded(1))
    train_language_model(
        model, ids, torch.ones_like(ids), steps=1, batch_size=2, generator=seeded()
    )


def tune(model, tokenizer):
    fine_tune(
        model, tokenizer, TEXTS, TEXTS, steps=1, batch_size=2, learning_rate=1e-3,
        generator=seeded(), warmup=0,
    )  # fmt: skip


def rate(model, tokenizer):
    fit_regression(
        model, tokenizer, TEXTS, [1.0, -1.0, 0.5, 0.0], epochs=1, batch_size=4,
        generator=seeded(),
    )  # fmt: skip


def made(loop, tokenizer):
    model = tiny_gpt(tokenizer)
    return RewardModel(model, seeded()) if loop is rate else model


def test_gradients_that_an_earlier_cell_left_change_no_step(tokenizer):
    for loop in (pretrain, tune, rate):
        clean, dirty = made(loop, tokenizer), made(loop, tokenizer)
        for p in dirty.parameters():
            p.grad = torch.ones_like(p)
        loop(clean, tokenizer)
        loop(dirty, tokenizer)
        for a, b in zip(clean.parameters(), dirty.parameters(), strict=True):
            assert torch.equal(a, b), loop.__name__
            assert b.grad is None


def test_a_loop_that_fails_leaves_no_gradient_and_a_model_that_only_reads(tokenizer):
    for loop in (pretrain, tune):
        model = made(loop, tokenizer)
        with torch.no_grad():
            model.embedding.weight.fill_(float("nan"))
        with pytest.raises(ValueError, match="expected a finite number"):
            loop(model, tokenizer)
        assert all(p.grad is None for p in model.parameters())
        assert not model.training


def the_loops() -> list[str]:
    """Every public function that trains the model it is given and tells its history."""
    return [
        name
        for name, function in functions().items()
        if "History" in str(inspect.signature(function).return_annotation)
        and {"model", "policy"} & set(inspect.signature(function).parameters)
        and not name.startswith(("recipes.", "tasks."))
    ]


ENDS = {"done": None, "error": ValueError("broken"), "stop": KeyboardInterrupt()}


def test_the_loops_are_found():
    found = set(the_loops())
    assert found >= {"lm.finetuning.fine_tune", "policy.loop.train"} and len(found) > 6


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", the_loops())
def test_the_mode_afterwards_is_the_documented_one_and_no_gradient_is_left(
    name, training, end, monkeypatch
):
    """An error or a stop comes when the gradients of a step are there."""
    function, given = functions()[name], arguments(name)
    model = given.get("model", given.get("policy")).train(training)
    if name == "policy.loop.train":
        given["step"] = partial(reinforce_step, model, given["optimizer"], beta=0.0)
    shorten = torch.nn.utils.clip_grad_norm_
    reached = []

    def shorten_or_end(parameters, *rest):
        reached.append(True)
        if ENDS[end]:
            raise ENDS[end]
        return shorten(parameters, *rest)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", shorten_or_end)
    state = random.getstate(), torch.get_default_dtype(), torch.is_grad_enabled()
    with suppress(ValueError, KeyboardInterrupt):
        function(**given)
    assert reached
    says_eval = "in eval mode afterwards" in function.__doc__
    assert model.training == (training and not says_eval)
    if end != "done":
        assert all(p.grad is None for p in model.parameters())
    after = random.getstate(), torch.get_default_dtype(), torch.is_grad_enabled()
    assert after == state


# What a learner's function may change for the whole notebook -> how it is read.
CHANGES = {
    "gradients": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
    "dtype": (
        lambda: torch.set_default_dtype(torch.float64),
        torch.get_default_dtype,
    ),
    "device": (lambda: torch.set_default_device("meta"), torch.get_default_device),
    "threads": (lambda: torch.set_num_threads(3), torch.get_num_threads),
    "products": (
        lambda: torch.set_float32_matmul_precision("medium"),
        torch.get_float32_matmul_precision,
    ),
    "determinism": (
        lambda: torch.use_deterministic_algorithms(True),
        torch.are_deterministic_algorithms_enabled,
    ),
    "anomalies": (
        lambda: torch.autograd.set_detect_anomaly(True),
        torch.is_anomaly_enabled,
    ),
    "torch's draws": (
        lambda: torch.manual_seed(7),
        lambda: torch.get_rng_state().tolist(),
    ),
    "Python's draws": (lambda: random.seed(7), random.getstate),
    "NumPy's draws": (
        lambda: numpy.random.seed(7),
        lambda: str(numpy.random.get_state()),
    ),
    "NumPy's errors": (lambda: numpy.seterr(all="raise"), numpy.geterr),
    "warnings": (
        lambda: warnings.simplefilter("error"),
        lambda: list(warnings.filters),
    ),
    "the folder": (lambda: os.chdir("/"), os.getcwd),
    "the path": (lambda: sys.path.insert(0, "/x"), lambda: list(sys.path)),
    "the environment": (
        lambda: os.environ.update(COURSE_TEST="1"),
        lambda: dict(os.environ),
    ),
    "the look": (
        lambda: matplotlib.rcParams.update({"font.size": 3}),
        lambda: matplotlib.rcParams["font.size"],
    ),
    "the log": (
        lambda: logging.getLogger().setLevel(1),
        lambda: logging.getLogger().level,
    ),
    "no log": (lambda: logging.disable(50), lambda: logging.root.manager.disable),
    "depth": (lambda: sys.setrecursionlimit(9000), sys.getrecursionlimit),
    "errors": (lambda: setattr(sys, "stderr", None), lambda: sys.stderr),
}


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_a_check_puts_back_what_the_function_changes(change, fails, monkeypatch):
    act, read = CHANGES[change]
    exercise = catalogue.find("apply_temperature")
    monkeypatch.setenv("COURSE_PROGRESS", "0")

    def apply_temperature(logits, temperature):
        act()
        if fails:
            raise KeyError("broken")
        return logits / temperature

    before = read()
    examine(exercise, apply_temperature, explain=False)
    assert read() == before
