"""How a step is measured: seconds in turns, products, memory, what a GPU is sent."""

import os
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter, process_time
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.material import products
from course import runtime

Step = Callable[[], object]


class Seconds(NamedTuple):
    """What a step takes: of this process's CPU time, and on the wall."""

    cpu: float
    wall: float


def on_gpu() -> bool:
    """Whether the models of this process are on a GPU."""
    return runtime.device().type == "cuda"


def wait() -> None:
    """Until the GPU, where there is one, has done what it was sent."""
    if on_gpu():
        torch.cuda.synchronize()


@contextmanager
def threads(number: int) -> Iterator[None]:
    """torch with so many threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def cores() -> int:
    """The processor cores that this process may use."""
    known = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(known(0)) if known else os.cpu_count() or 1


def in_turns(steps: dict[str, tuple[Step, str]], repeats: int) -> dict[str, Seconds]:
    """Median seconds of every step, after one turn to warm up.

    steps: each with the precision of its products.  The device's work is included.
    """
    seconds: dict[str, list[Seconds]] = {name: [] for name in steps}
    for turn in range(repeats + 1):
        for name, (step, precision) in steps.items():
            with products(precision):
                wait()
                start = process_time(), perf_counter()
                step()
                wait()
                if turn:
                    took = process_time() - start[0], perf_counter() - start[1]
                    seconds[name].append(Seconds(*took))
    return {
        name: Seconds(*map(statistics.median, zip(*times, strict=True)))
        for name, times in seconds.items()
    }


def product_rate() -> float:
    """Numbers multiplied and added in a second, by a product of a layer's shape."""
    device = runtime.device()
    x, w = (torch.randn(shape, device=device) for shape in ((2048, 192), (192, 512)))
    times = in_turns({"": (lambda: [x @ w for _ in range(20)], _precision())}, 9)[""]
    return 20 * 2 * x.numel() * w.shape[1] / (times.wall if on_gpu() else times.cpu)


def multiplied(step: Step) -> int:
    """Numbers multiplied and added in the matrix products of one step.

    What the fused attention multiplies on a CPU is not in it.
    """
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def peak_bytes(step: Step) -> int:
    """The most memory of the GPU that was in use during one step."""
    torch.cuda.reset_peak_memory_stats()
    step()
    wait()
    return torch.cuda.max_memory_allocated()


def sent_to_gpu(step: Step) -> Counter[str]:
    """What one step sends to the GPU by name, and "waits" of the CPU for it."""
    kinds = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=kinds) as profile:
        step()
        wait()
    sent: Counter[str] = Counter()
    for event in profile.key_averages():
        if event.device_type == torch.autograd.DeviceType.CUDA:
            sent[event.key] += event.count
        elif event.key in ("cudaStreamSynchronize", "cudaEventSynchronize"):
            sent["waits"] += event.count
    return sent


def _precision() -> str:
    return torch.get_float32_matmul_precision()
