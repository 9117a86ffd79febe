"""Settings of the whole process: what a learner's function changes is put back."""

import logging
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """How one setting is read and put back; what: its name for a note, or empty.

    Without a name it is put back in silence: an import inside may have changed it.
    """

    read: Callable[[], Any]
    put: Callable[[Any], Any]
    what: str = ""


@contextmanager
def settings_kept() -> Iterator[list[str]]:
    """Put back every setting that the block changed; yields notes of what was.

    Torch's, NumPy's and Matplotlib's settings, the states of Python's and NumPy's
    random numbers, the folder, the environment and where modules are looked for.
    """
    known = _settings()
    before = [_read(setting) for setting in known]
    changed: list[str] = []
    try:
        yield changed
    finally:
        for setting, old in zip(known, before, strict=True):
            if old is None or _read(setting) == old:
                continue
            with suppress(OSError, ValueError):  # a folder that is gone
                setting.put(old)
            if setting.what:
                changed.append(
                    f"Your function {setting.what} for the whole notebook; that was "
                    "put back."
                )


def _read(setting: Setting) -> Any:
    try:
        return setting.read()
    except (OSError, RuntimeError):  # a deleted folder; torch with settings mixed
        return None


def _settings() -> list[Setting]:
    import numpy
    import torch

    return [
        Setting(
            torch.get_default_dtype,
            torch.set_default_dtype,
            "changes torch's default dtype",
        ),
        Setting(
            torch.is_grad_enabled,
            torch.set_grad_enabled,
            "switches gradients on or off",
        ),
        Setting(
            torch.get_num_threads,
            torch.set_num_threads,
            "changes the number of threads",
        ),
        Setting(
            torch.get_default_device, _put_device, "changes torch's default device"
        ),
        Setting(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        Setting(
            torch.are_deterministic_algorithms_enabled,
            torch.use_deterministic_algorithms,
        ),
        Setting(torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        Setting(os.getcwd, os.chdir, "changes the working folder"),
        Setting(lambda: list(sys.path), lambda old: _refill(sys.path, old)),
        Setting(lambda: dict(os.environ), _put_environment),
        Setting(random.getstate, random.setstate),
        Setting(_numpy_state, _put_numpy_state),
        Setting(numpy.geterr, lambda old: numpy.seterr(**old)),
        Setting(numpy.get_printoptions, lambda old: numpy.set_printoptions(**old)),
        Setting(lambda: logging.root.level, logging.root.setLevel),
        Setting(lambda: logging.root.manager.disable, logging.disable),
        Setting(sys.getrecursionlimit, sys.setrecursionlimit),
        Setting(lambda: sys.stderr, lambda old: setattr(sys, "stderr", old)),
        Setting(_look, _put_look),
    ]


def _put_device(old: Any) -> None:
    import torch

    # Without a default of its own torch says "cpu"; to set that costs time everywhere.
    torch.set_default_device(None if old.type == "cpu" else old)


def _refill(these: list[Any], old: list[Any]) -> None:
    these[:] = old


def _put_environment(old: dict[str, str]) -> None:
    for name in os.environ.keys() - old.keys():
        del os.environ[name]
    os.environ.update(old)


def _numpy_state() -> tuple[Any, ...]:
    import numpy

    kind, numbers, *rest = numpy.random.get_state()
    return kind, numbers.tolist(), *rest  # to be compared as a whole


def _put_numpy_state(old: tuple[Any, ...]) -> None:
    import numpy

    numpy.random.set_state(old)


def _look() -> dict[str, Any]:
    """Matplotlib's rcParams, but for the backend, which is found when asked for."""
    matplotlib = sys.modules.get("matplotlib")
    if not hasattr(matplotlib, "rcParams"):
        return {}
    found = dict(matplotlib.rcParams.copy())
    found.pop("backend", None)
    return found


def _put_look(old: dict[str, Any]) -> None:
    import matplotlib

    dict.update(matplotlib.rcParams, old)
