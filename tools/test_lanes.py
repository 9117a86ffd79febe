"""Run every test of the course, lane by lane: `python -m tools.test_lanes [--fast]`.

This is what `make test` runs, on every system.  A lane is one command with its own
environment; each prints as it goes, and the last lines are a table of lanes and the
sum of the tests.  The exit status is 0 only when every lane did its work.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTEST = ("-m", "pytest")
NBVAL = (
    "--nbval-lax",
    "--nbval-current-env",
    "--nbval-cell-timeout=300",
    "--nbval-kernel-startup-timeout=120",
    "--nbval-sanitize-with=tests/nbval_sanitize.cfg",
)
NO_TESTS_COLLECTED = 5  # pytest's exit status
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Set for every lane that tests; why each: CONTRIBUTING.md, "Lanes".
QUIET = {
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass(frozen=True)
class Lane:
    """One command: its arguments after `python`, what it needs, and its environment.

    env: variables to set; a value of None removes the variable.
    needs: names of lanes without which this one cannot run.
    asked: it runs only where `--lane` names it.
    lacks: what this machine lacks for it; then it is not run, which is no failure.
    """

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    env: Mapping[str, str | None] = field(default_factory=dict)
    asked: bool = False
    lacks: str = ""

    @property
    def is_pytest(self) -> bool:
        """Whether the command is pytest, so that its tests can be counted."""
        return self.command[:2] == PYTEST


@dataclass
class Result:
    """What became of a lane: seconds, "ok", "FAILED" or "not …", counts of tests."""

    name: str
    seconds: float
    status: str
    counts: dict[str, int] = field(default_factory=dict)


def browser_path() -> str | None:
    """Where a Chromium is, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def lanes(workers: int, gpu: bool = False) -> list[Lane]:
    """All lanes in the order in which they run.

    gpu: show the tests the GPUs that the user sees, else the first; nothing else
    changes.
    """
    quiet: dict[str, str | None] = dict(QUIET)
    if gpu:
        quiet["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    # A hash seed would hide a printed set; a back-end would hide every figure.
    kernels = {**quiet, "MPLBACKEND": None, "PYTHONHASHSEED": None}
    # A wrong solution stops its notebook; a right one is not the learner's progress.
    solved = {**kernels, "COURSE_CHECK_STRICT": "1", "COURSE_PROGRESS": "0"}
    plain = {**quiet, "MPLBACKEND": "Agg"}
    demanded = os.environ.get("COURSE_REQUIRE_BROWSER") == "1"
    spread = (f"-n{workers}", "--dist=loadscope")
    return [
        Lane("fetch", ("-m", "course", "doctor", "--fetch")),
        Lane(
            "fast",
            (
                *PYTEST,
                "tests",
                "-m",
                "not notebooks and not browser and not twice and not interrupt",
                *spread,
            ),
            env=plain,
        ),
        Lane(
            "checkpoints",
            ("-m", "course.checkpoints", *(["--pair"] * (workers > 1))),
            needs=("fetch",),
            # A log holds every state of a bar.
            env={"TQDM_MININTERVAL": "10", "OMP_NUM_THREADS": "1"},
        ),
        Lane(
            "notebooks",
            (*PYTEST, "notebooks", "solutions", *NBVAL, *spread),
            needs=("fetch", "checkpoints"),
            env=solved,
        ),
        Lane(
            "exercises",
            (*PYTEST, "tests", "-m", "notebooks", *spread),
            needs=("fetch", "checkpoints"),
            env=kernels,
        ),
        Lane(
            "browser",
            (*PYTEST, "tests", "-m", "browser"),
            needs=("fetch", "checkpoints"),
            env=kernels,
            lacks="" if demanded or browser_path() else "a Chromium",
        ),
        Lane(
            "twice",
            (*PYTEST, "tests/test_cells_twice.py", "-m", "twice", *spread),
            env=kernels,
            asked=True,
        ),
        Lane(
            "interrupt",
            (*PYTEST, "tests/test_cells_interrupted.py", "-m", "interrupt", *spread),
            env=kernels,
            asked=True,
        ),
    ]


def environment(lane: Lane, base: Mapping[str, str]) -> dict[str, str]:
    """The variables that a lane sees: `base` with the lane's own set or removed."""
    merged: dict[str, str | None] = {**base, **lane.env}
    return {name: value for name, value in merged.items() if value is not None}


def counts(report: Path) -> dict[str, int]:
    """Passed, failed and skipped tests of a JUnit report; empty without one.

    An error outside a test (such as a fixture) counts as failed.
    """
    if not report.is_file():
        return {}
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for suite in xml.parse(report).getroot().iter("testsuite"):
        number = {k: int(v) for k, v in suite.attrib.items() if v.isdigit()}
        failed = number["failures"] + number["errors"]
        total["failed"] += failed
        total["skipped"] += number["skipped"]
        total["passed"] += number["tests"] - failed - number["skipped"]
    return total


def run_lane(lane: Lane, base: Mapping[str, str], report: Path) -> Result:
    """Run one lane in the repository's root and count its tests.

    One in which every test was skipped has shown nothing, so it counts as failed.
    """
    command = [sys.executable, *lane.command]
    if lane.is_pytest:
        command.append(f"--junit-xml={report}")
    print(f"\n=== {lane.name}: python {' '.join(lane.command)}", flush=True)
    start = time.perf_counter()
    status = subprocess.run(command, cwd=ROOT, env=environment(lane, base)).returncode
    seconds = time.perf_counter() - start
    if lane.is_pytest and status == NO_TESTS_COLLECTED:
        print(f"The lane {lane.name} collected no test, so it counts as failed.")
    number = counts(report)
    skipped_all = lane.is_pytest and status == 0 and not number.get("passed")
    if skipped_all:
        print(f"The lane {lane.name} skipped every test, so it counts as failed.")
    good = status == 0 and not skipped_all
    return Result(lane.name, seconds, "ok" if good else "FAILED", number)


def run(chosen: list[Lane]) -> list[Result]:
    """Run the lanes in order; one whose needs failed is not run."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        base = {**os.environ, "HF_HOME": str(Path(folder) / "huggingface")}
        good: set[str] = set()
        for lane in chosen:
            missing = [need for need in lane.needs if need not in good]
            if lane.lacks:
                results.append(Result(lane.name, 0.0, f"not here: lacks {lane.lacks}"))
                continue
            if missing:
                results.append(Result(lane.name, 0.0, f"not run: needs {missing[0]}"))
                continue
            result = run_lane(lane, base, Path(folder) / f"{lane.name}.xml")
            results.append(result)
            if result.status == "ok":
                good.add(lane.name)
    return results


def table(results: list[Result]) -> str:
    """The closing table; its last line is the sum of all tests."""
    lines = [f"{'lane':<12}{'seconds':>8}{'passed':>8}{'failed':>8}{'skipped':>8}  "]
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for result in results:
        cells = "".join(f"{result.counts.get(key, ''):>8}" for key in total)
        lines.append(f"{result.name:<12}{result.seconds:>8.0f}{cells}  {result.status}")
        for key in total:
            total[key] += result.counts.get(key, 0)
    lines.append(f"{'together':<12}{sum(r.seconds for r in results):>8.0f}")
    lines.append("")
    lines.append(", ".join(f"{number} {key}" for key, number in total.items()))
    return "\n".join(line.rstrip() for line in lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen lanes, print the table, return 0 when all of them are ok."""
    parser = argparse.ArgumentParser(prog="python -m tools.test_lanes")
    parser.add_argument(
        "--fast", action="store_true", help="only the lanes fetch and fast"
    )
    parser.add_argument("--lane", action="append", help="only this lane; may repeat")
    parser.add_argument("--gpu", action="store_true", help="let the tests see CUDA")
    parser.add_argument(
        "--workers",
        type=int,
        default=min(os.cpu_count() or 1, 4),
        help="test processes at once (default: one a core, at most 4)",
    )
    options = parser.parse_args(arguments)
    chosen = lanes(options.workers, options.gpu)
    if options.fast:
        chosen = [lane for lane in chosen if lane.name in ("fetch", "fast")]
    if options.lane:
        unknown = set(options.lane) - {lane.name for lane in chosen}
        if unknown:
            parser.error(f"no lane {sorted(unknown)[0]!r}")
        named = [lane for lane in chosen if lane.name in options.lane]
        chosen = [replace(lane, needs=()) for lane in named]
    else:
        chosen = [lane for lane in chosen if not lane.asked]
    results = run(chosen)
    print("\n" + table(results), flush=True)
    fine = [r.status == "ok" or r.status.startswith("not here") for r in results]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
