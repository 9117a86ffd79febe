"""A stop button that waits while torch imports what its first optimizer needs.

Making the first optimizer imports 800 modules (`torch._dynamo`, SymPy).  Stopped
half-way, they cannot be imported again before the kernel is restarted.
"""

import _thread
import importlib.util
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MODULE = "torch._dynamo"


@contextmanager
def held_back() -> Iterator[None]:
    """Hold a stop back until the block is done; then it comes a moment later.

    In another thread than the main one no stop arrives, and nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stops: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: stops.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if stops:  # not here: an error inside an import would undo it
            threading.Timer(0.1, _stop).start()


def _stop() -> None:
    """Stop the main thread, also where it waits; Windows stops it after the wait."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)
    else:
        _thread.interrupt_main()


class WholeImport:
    """Finds `torch._dynamo` as always, and has it imported as a whole."""

    def find_spec(
        self, name: str, path: Any = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Its spec, whose loader holds a stop back; None for every other module."""
        if name != MODULE:
            return None
        with suppress(ValueError):
            sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def whole(module: ModuleType) -> None:
                with held_back():
                    load(module)

            spec.loader.exec_module = whole
        return spec


def wait_for_imports() -> None:
    """From now on a stop waits for torch's own imports; calling it twice is one."""
    known = any(isinstance(finder, WholeImport) for finder in sys.meta_path)
    if MODULE not in sys.modules and not known:
        sys.meta_path.insert(0, WholeImport())
