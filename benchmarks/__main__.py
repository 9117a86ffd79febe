"""The course's steps beside those of transformers and TRL: `python -m benchmarks`.

Each row times one step of ours and of the peer in turns, in one process, and prints the
median CPU seconds and how many times as long the peer takes: at its defaults, and with
what makes it fastest here, which is the formula for attention and oneDNN's products.
Ours uses the products that `runtime.matrix_product` chooses.  With one thread CPU time
is what a quiet machine would need; wall time is that of this run.
"""

import argparse
import platform
import statistics
from collections.abc import Callable
from time import perf_counter, process_time

import torch

from benchmarks.material import products
from benchmarks.rows import ROWS
from course import runtime

FASTER = {"sdpa": "highest", "eager": "medium"}  # attention -> products: two settings


def in_turns(steps: dict[str, tuple[Callable, str]], repeats: int) -> dict[str, tuple]:
    """Median CPU and wall seconds of every step, after one turn to warm up."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for turn in range(repeats + 1):
        for name, (step, precision) in steps.items():
            with products(precision):
                start = process_time(), perf_counter()
                step()
                if turn:
                    took = process_time() - start[0], perf_counter() - start[1]
                    seconds[name].append(took)
    return {
        name: tuple(statistics.median(column) for column in zip(*times, strict=True))
        for name, times in seconds.items()
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", default="", help="only rows that contain this word")
    parser.add_argument("--alone", action="store_true", help="ours only, without peers")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    chosen = runtime.matrix_product()
    ours_precision = torch.get_float32_matmul_precision()
    print(
        f"{platform.processor() or platform.machine()} · torch {torch.__version__} · "
        f"1 thread · {chosen} products"
    )
    print(f"{'':32}{'ours':>7}{'wall':>7}{'peer':>8}{'× at':>9}{'× at its':>10}")
    print(f"{'CPU seconds':32}{'':14}{'default':>8}{'default':>9}{'fastest':>10}")
    for name, make in ROWS.items():
        if asked.rows not in name:
            continue
        ours, theirs = make()
        steps = {"ours": (ours, ours_precision)}
        if theirs and not asked.alone:
            steps |= {a: (theirs(a), precision) for a, precision in FASTER.items()}
        times = in_turns(steps, asked.repeats)
        mine, wall = times.pop("ours")
        line = f"{name:32}{mine:7.3f}{wall:7.2f}"
        if times:
            default, fastest = times["sdpa"][0], min(cpu for cpu, _ in times.values())
            line += f"{default:8.3f}{default / mine:9.2f}{fastest / mine:10.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
