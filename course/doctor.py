"""Is this machine ready for the course?  One line for each thing that can be wrong."""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from course import runtime

Finding = tuple[bool, str]
FREE_DISK_GB = 2.0
FREE_MEMORY_GB = 2.0


def doctor(fetch: bool = False) -> bool:
    """Print `ok` or `!!` and a sentence for each finding; whether all are well.

    fetch: fetch data that is missing instead of only saying so.
    """
    well = True
    for good, sentence in findings(fetch):
        print(f"{'ok' if good else '!!'}  {sentence}", flush=True)
        well &= good
    return well


def findings(fetch: bool) -> Iterator[Finding]:
    """All findings, the quick ones first."""
    yield (
        sys.version_info[:2] >= (3, 11) and sys.version_info[:2] < (3, 14),
        f"Python {platform.python_version()} (3.11 to 3.13 are supported)",
    )
    yield from _packages()
    yield _one(lambda: f"device {runtime.device()}")
    yield from _space()
    for asset in _assets():
        yield _asset(asset, fetch)


def _one(describe: Callable[[], str]) -> Finding:
    try:
        return True, describe()
    except runtime.CourseError as error:
        return False, str(error)


def _packages() -> Iterator[Finding]:
    """Each run-time dependency against the least version in the package's metadata."""
    required = _requirements()
    if not required:
        yield False, "the course is not installed: python -m pip install -e ."
    for line in required:
        if "extra ==" in line:
            continue
        name = re.match(r"[\w.-]+", line)[0]
        least = re.search(r">=([\d.]+)", line)
        wanted = least[1] if least else "0"
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield False, f"{name} is missing: python -m pip install '{name}>={wanted}'"
            continue
        good = _numbers(version) >= _numbers(wanted)
        yield good, f"{name} {version} ({wanted} or newer is needed)"


def _requirements() -> list[str]:
    """What the installed course, or else the clone that this file is in, depends on."""
    try:
        return importlib.metadata.requires(runtime.DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        project = Path(__file__).resolve().parents[1] / "pyproject.toml"
        if not project.is_file():
            return []
        content = tomllib.loads(project.read_text(encoding="utf-8"))
        return content["project"]["dependencies"]


def _numbers(version: str) -> tuple[int, ...]:
    """(2, 13) of "2.13.0+cpu"; zeros at the end do not count."""
    found = [int(n) for n in re.findall(r"\d+", version.split("+")[0])[:3]]
    while found and not found[-1]:
        found.pop()
    return tuple(found)


def _space() -> Iterator[Finding]:
    try:
        home = runtime.home()
    except runtime.CourseError as error:
        yield False, str(error)
    else:
        yield True, f"course folder {home} can be written"
        free = shutil.disk_usage(home).free / 1e9
        yield (
            free >= FREE_DISK_GB,
            f"{free:.1f} GB of disk are free there ({FREE_DISK_GB:g} are needed)",
        )
    memory = _free_memory()
    if memory is not None:
        yield (
            memory >= FREE_MEMORY_GB,
            f"{memory:.1f} GB of memory are free ({FREE_MEMORY_GB:g} are needed)",
        )


def _free_memory() -> float | None:
    """Free memory in GB, None where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            found = re.search(r"MemAvailable:\s+(\d+) kB", file.read())
        return int(found[1]) * 1.024e-6 if found else None
    except OSError:
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    except (AttributeError, OSError, ValueError):
        return None


def _assets() -> list:
    from course.data import assets

    return [assets.RATINGS, assets.SMOLLM2]


def _asset(asset, fetch: bool) -> Finding:
    from course.data import assets

    def describe() -> str:
        (assets.fetch if fetch else assets.verify)(asset)
        return f"data {asset.name} is here and verified"

    return _one(describe)
