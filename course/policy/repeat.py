"""Repeat a step of learning: learning rate, progress bar, stop button, history."""

import math
from collections.abc import Callable, Mapping
from time import perf_counter

import torch

from course.lm.training import History
from course.runtime import progress


def falling(done: float) -> float:
    """Share of the full learning rate after this share of the steps: 1 - done.

    >>> falling(0.25)
    0.75
    """
    return 1 - done


def constant(done: float) -> float:
    """The full learning rate throughout.

    >>> constant(0.25)
    1.0
    """
    return 1.0


def repeat(
    step: Callable[[], dict[str, float]],
    *,
    optimizer: torch.optim.Optimizer,
    steps: int,
    schedule: Callable[[float], float],
    stop_after_s: float | None,
    watch: Callable[[History], None] | None,
    desc: str,
    show: Mapping[str, str],
) -> History:
    """Take the step `steps` times; its metrics and the seconds so far are the history.

    optimizer: the one that the step uses; its learning rates are multiplied by
    `schedule(share of the steps done)` and set back in the end.  stop_after_s: begin
    no step after that many seconds.  watch: called with the history after each step.
    show: label in the progress bar -> metric.  The stop button keeps what was learned.
    """
    full = [group["lr"] for group in optimizer.param_groups]
    history, start = History(), perf_counter()
    bar = progress(total=steps, desc=desc)
    try:
        for n in range(steps):
            if stop_after_s is not None and perf_counter() - start >= stop_after_s:
                break
            for group, rate in zip(optimizer.param_groups, full, strict=True):
                group["lr"] = rate * schedule(n / steps)
            made = step()
            history.log(n, **made, seconds=perf_counter() - start)
            bar.set_postfix({
                label: f"{made.get(name, math.nan):.2f}" for label, name in show.items()
            })  # fmt: skip
            bar.update()
            if watch is not None:
                watch(history)
    except KeyboardInterrupt:
        print(f"stopped after {len(history.rows)} of {steps} steps; the policy is kept")
    finally:
        bar.close()
        for group, rate in zip(optimizer.param_groups, full, strict=True):
            group["lr"] = rate
    return history
