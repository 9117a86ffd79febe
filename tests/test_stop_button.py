"""A stop in the middle of torch's own imports leaves a kernel that works."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from course import stop_button

ROOT = Path(__file__).resolve().parents[1]
STOPPED = """
import _thread, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it
import course
course.setup("13")
import torch
weights = [torch.nn.Parameter(torch.ones(2))]
stop = threading.Event()

def at_sympy(name, path=None, target=None):
    if name == "sympy.polys" and not stop.is_set():  # in the middle of it
        stop.set()
        _thread.interrupt_main()

sys.meta_path.insert(0, type("Watch", (), {"find_spec": staticmethod(at_sympy)})())
try:
    torch.optim.AdamW(weights)
    time.sleep(5)
    print("not stopped")
except KeyboardInterrupt:
    print("stopped")
optimizer = torch.optim.AdamW(weights)
weights[0].sum().backward()
optimizer.step()
print("works", stop.is_set())
"""


@pytest.fixture(autouse=True)
def heard():
    """A stop is heard, as in a kernel; a run in the background may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_stop_in_the_first_optimizer_s_imports_breaks_nothing():
    child = subprocess.run(
        [sys.executable, "-c", STOPPED], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=300,
    )  # fmt: skip
    assert child.stdout.splitlines()[-2:] == ["stopped", "works True"], child.stderr


def test_a_stop_comes_once_the_block_is_done():
    done, start = [], time.monotonic()
    gc.disable()  # hypothesis listens to it, and a stop in a listener is lost
    try:
        with pytest.raises(KeyboardInterrupt):
            with stop_button.held_back():
                signal.raise_signal(signal.SIGINT)
                done.append("block")
            threading.Event().wait(30)
    finally:
        gc.enable()
    assert done == ["block"] and time.monotonic() - start < 25
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_is_left_alone():
    seen = []

    def work():
        with stop_button.held_back():
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def test_the_finder_is_there_once_and_finds_nothing_else(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.delitem(sys.modules, stop_button.MODULE, raising=False)
    before = len(sys.meta_path)
    stop_button.wait_for_imports()
    stop_button.wait_for_imports()
    assert len(sys.meta_path) <= before + 1
    assert sys.meta_path[0].find_spec("json") is None
