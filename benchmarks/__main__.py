"""The course's steps beside those of transformers and TRL: `python -m benchmarks`.

Each row times one step of ours and of the peer in turns, in one process, and prints the
median seconds and how many times as long the peer takes: at its defaults, and with
what makes it fastest here, which is the formula for attention and, on a CPU, oneDNN's
products.  Ours uses the products that `runtime.matrix_product` chooses.

On a CPU the seconds are those of one thread, which is what a quiet machine would need;
"wall" is a clock's time with all cores (`--one-thread` leaves it out: on a busy machine
threads wait for each other).  On a GPU the seconds are a clock's, the GPU's work
included, and "memory" is the most that was in use.  "tokens" counts per second what was
written or learned from; "products" is how much of the time matrix products would take
alone, at the rate of one of a layer's shape.
"""

import argparse
import platform
from collections.abc import Callable

import torch

from benchmarks.measure import (
    Step,
    cores,
    in_turns,
    multiplied,
    on_gpu,
    peak_bytes,
    product_rate,
    sent_to_gpu,
    threads,
)
from benchmarks.rows import GPU_ROWS, ROWS, Row
from course import runtime

# Attention -> products: two settings of the peer, its defaults first.
FASTER = {"sdpa": "highest", "eager": "medium"}
FASTER_ON_GPU = {"sdpa": "highest", "eager": "highest"}  # less would round to 19 bits


def heading(wall: bool) -> str:
    """The machine in a line, and the names of the columns in two."""
    chosen = runtime.matrix_product()
    card = platform.processor() or platform.machine()
    how = f"1 thread · {chosen} products · {cores()} cores"
    if on_gpu():
        card, how = torch.cuda.get_device_name(), f"CUDA {torch.version.cuda}"
    last = "memory, MB" if on_gpu() else "wall, all s"
    last, who = (
        (f"{last:>15}", f"{'ours':>8}{'peer':>7}") if wall or on_gpu() else ("", "")
    )
    return (
        f"{card} · torch {torch.__version__} · {how}\n"
        f"{'':30}{'ours':>8}{'peer':>8}{'× at':>8}{'× at':>8}{'tokens':>9}{'pro-':>7}"
        f"{last}\n"
        f"{'':30}{'s':>8}{'s':>8}{'default':>8}{'fastest':>8}{'a second':>9}"
        f"{'ducts':>7}{who}"
    )


def line(name: str, row: Row, rate: float, asked: argparse.Namespace) -> str:
    """A row of the table."""
    mine = torch.get_float32_matmul_precision()
    settings = FASTER_ON_GPU if on_gpu() else FASTER
    peers: dict[str, Step] = {}
    problem = ""
    if not asked.alone:
        try:
            peers = {attention: row.theirs(attention) for attention in settings}
        except ImportError as error:  # TRL is an extra
            problem = f"  (no peer: {error.name or error})"
    steps = {"ours": (row.ours, mine)}
    steps |= {a: (step, settings[a]) for a, step in peers.items()}
    seconds = {
        who: took.wall if on_gpu() else took.cpu
        for who, took in in_turns(steps, asked.repeats).items()
    }
    ours = seconds.pop("ours")
    share = multiplied(row.ours) / rate / ours
    peer = times = fastest = "-"
    if peers:
        default = next(iter(seconds.values()))
        peer, times = f"{default:.3f}", f"{default / ours:.2f}"
        fastest = f"{min(seconds.values()) / ours:.2f}"
    of_all = {"ours": row.ours} | dict(list(peers.items())[:1])
    last = ""
    if on_gpu():
        last = _memory(of_all)
    elif not asked.one_thread:
        last = _wall(of_all, mine, min(asked.repeats, 3))
    return (
        f"{name:30}{ours:8.3f}{peer:>8}{times:>8}{fastest:>8}{row.tokens / ours:9,.0f}"
        f"{share:7.0%}{last}{problem}"
    )


def _wall(steps: dict[str, Step], mine: str, repeats: int) -> str:
    """Wall seconds with all cores, ours and the peer's at its defaults."""
    with threads(cores()):
        timed = {a: (s, mine if a == "ours" else "highest") for a, s in steps.items()}
        return "".join(
            f"{took.wall:8.3f}" for took in in_turns(timed, repeats).values()
        )


def _memory(steps: dict[str, Step]) -> str:
    return "".join(f"{peak_bytes(step) / 2**20:8.0f}" for step in steps.values())


def launches(row: Row, tokens: int, most: int = 12) -> str:
    """What a generation sends to the GPU for each token, ours and the peer's."""
    shown = []
    for who, step in (("ours", row.ours), ("peer", row.theirs("sdpa"))):
        step()  # to warm up
        sent = sent_to_gpu(step)
        waits = sent.pop("waits", 0)
        shown.append(
            f"{who}: {sent.total() / tokens:.0f} launches a token, {waits} waits in all"
        )
        shown += [
            f"  {n / tokens:7.1f}  {key[:90]}" for key, n in sent.most_common(most)
        ]
    return "\n".join(shown)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", default="", help="only rows that contain this word")
    parser.add_argument("--alone", action="store_true", help="ours only, without peers")
    parser.add_argument("--one-thread", action="store_true", help="no wall time")
    parser.add_argument(
        "--launches", action="store_true", help="what sampling sends to a GPU, instead"
    )
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(heading(not asked.one_thread), flush=True)
    rows: dict[str, Callable[[], Row]] = ROWS | (GPU_ROWS if on_gpu() else {})
    rows = {name: make for name, make in rows.items() if asked.rows in name}
    if asked.launches:
        for name, make in rows.items():
            if on_gpu() and name.startswith("sampling"):
                row = make()
                print(f"{name}\n{launches(row, row.tokens // 64)}", flush=True)
        return
    rate = product_rate()
    for name, make in rows.items():
        print(line(name, make(), rate, asked), flush=True)


if __name__ == "__main__":
    main()
