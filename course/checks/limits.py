"""A time limit for code that may never end, and a bounded memory of what it printed."""

import builtins
import ctypes
import io
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TimeLimit(BaseException):
    """The learner's code ran too long; no `except Exception` of theirs catches it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeLimit inside the block once it has run for `seconds`, and again.

    In the main thread of a POSIX system an alarm does it; elsewhere a second thread.
    """
    main = threading.current_thread() is threading.main_thread()
    if main and hasattr(signal, "setitimer"):
        with _alarm(seconds):
            yield
    else:
        with _watchdog(seconds):
            yield


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeLimit

    before = signal.signal(signal.SIGALRM, stop)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if timer[0]:
            signal.setitimer(signal.ITIMER_REAL, *timer)


@contextmanager
def _watchdog(seconds: float) -> Iterator[None]:
    target = ctypes.c_ulong(threading.get_ident())
    entered, done, lock = threading.Event(), threading.Event(), threading.Lock()
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        entered.wait()  # starting this thread is not the learner's time
        wait = seconds
        while not done.wait(wait):
            with lock:
                if not done.is_set():
                    raise_in(target, ctypes.py_object(TimeLimit))
            wait = 0.5

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        try:
            entered.set()
            yield
        finally:
            done.set()
    finally:  # reached also when the exception arrives just before done.set()
        _stop(done, lock, lambda: raise_in(target, None))
    thread.join()


def _stop(done: threading.Event, lock: threading.Lock, forget) -> None:
    """End the watch also when its exception arrives while it is being ended."""
    while True:
        try:
            done.set()
            with lock:
                forget()  # one that was sent but has not arrived
            return
        except TimeLimit:
            continue


@contextmanager
def no_input() -> Iterator[None]:
    """Let `input()` fail at once instead of waiting for somebody to type."""

    def refuse(*_: object) -> str:
        raise RuntimeError("a function that is checked cannot ask with input()")

    before = builtins.input
    builtins.input = refuse
    try:
        yield
    finally:
        builtins.input = before


class FirstText(io.TextIOBase):
    """A stream that keeps the first characters written and drops the rest."""

    def __init__(self, keep: int = 500) -> None:
        self.text, self.keep = "", keep

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text[: self.keep - len(self.text)]
        return len(text)
