"""Is this machine ready for the course?  One line for each thing that can be wrong.

It runs with the standard library alone: it is asked where something is missing.
"""

import ctypes
import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from course import runtime

Finding = tuple[bool, str]
FREE_DISK_GB = 2.0
FREE_MEMORY_GB = 2.0


def doctor(fetch: bool = False, as_json: bool = False) -> bool:
    """Print `ok` or `!!` and a sentence for each finding; whether all are well.

    fetch: fetch data that is missing instead of only saying so.  as_json: print one
    list of {"ok", "finding"} instead, for machines.
    """
    found = []
    for good, sentence in findings(fetch):
        found.append({"ok": good, "finding": sentence})
        if not as_json:
            print(f"{'ok' if good else '!!'}  {sentence}", flush=True)
    if as_json:
        print(json.dumps(found, indent=1))
    return all(finding["ok"] for finding in found)


def findings(fetch: bool) -> Iterator[Finding]:
    """All findings, the quick ones first."""
    fits = (3, 11) <= sys.version_info[:2] < (3, 14)
    advice = "" if fits else "; install one of them and set up again with it"
    needed = f"(3.11 to 3.13 are supported{advice})"
    yield fits, f"Python {platform.python_version()} {needed}"
    yield from packages()
    yield _one(_device)
    yield from _space()
    try:
        assets = _assets()
    except ImportError as error:  # an old Python, or a package that is missing
        yield False, f"the data cannot be looked at: {error}"
        return
    for asset in assets:
        yield _asset(asset, fetch)


def _one(describe: Callable[[], str]) -> Finding:
    try:
        return True, describe()
    except runtime.CourseError as error:
        return False, str(error)


def packages() -> Iterator[Finding]:
    """Each run-time dependency against the range in the package's metadata."""
    required = _requirements()
    if not required:
        yield False, "the course is not installed: python -m pip install -e ."
    for line in required:
        if "extra ==" in line:
            continue
        name = re.match(r"[\w.-]+", line)[0]
        wanted = re.sub(r"[\s()]", "", line[len(name) :].split(";")[0])
        install = f"python -m pip install '{name}{wanted}'"
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield False, f"{name} is missing: {install}"
            continue
        good = _fits(version, wanted)
        cure = "" if good else f": {install}"
        yield good, f"{name} {version} (needed: {wanted or 'any'}){cure}"


def _requirements() -> list[str]:
    """What the installed course, or else the clone that this file is in, depends on."""
    try:
        return importlib.metadata.requires(runtime.DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        project = Path(__file__).resolve().parents[1] / "pyproject.toml"
        if sys.version_info < (3, 11) or not project.is_file():
            return []
        import tomllib

        content = tomllib.loads(project.read_text(encoding="utf-8"))
        return content["project"]["dependencies"]


def _fits(version: str, wanted: str) -> bool:
    """Whether a version lies in a range such as ">=5,<6"; pre-releases count."""
    specifiers = _specifiers()
    if specifiers is None:  # neither packaging nor pip is here to compare with
        return True
    return specifiers.SpecifierSet(wanted).contains(version, prereleases=True)


def _specifiers() -> Any:
    """The module that knows how versions compare: packaging, or pip's own copy."""
    try:
        from packaging import specifiers
    except ImportError:
        try:
            from pip._vendor.packaging import specifiers
        except ImportError:
            return None
    return specifiers


def _device() -> str:
    """What computes, without loading torch, which alone takes seconds."""
    if wanted := os.environ.get("COURSE_DEVICE"):
        return f"device {runtime.device()}, from COURSE_DEVICE={wanted}"
    try:
        torch = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        torch = ""
    cores = os.environ.get("OMP_NUM_THREADS") or os.cpu_count()
    told = f"device cpu, {cores} threads, fp32{_bf16()}"
    if _nvidia_gpus():
        idle = "torch is a CPU build, so the CPU computes" if "+cpu" in torch else ""
        told = f"device {'cpu' if idle else 'cuda'}: an NVIDIA GPU is here; {idle}"
        return told.removesuffix("; ")
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return f"{told}; COURSE_DEVICE=mps uses the GPU of this Mac"
    return told


def _nvidia_gpus() -> int:
    """How many GPUs NVIDIA's driver counts; 0 without a driver."""
    count = ctypes.c_int(0)
    try:
        name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
        driver = ctypes.CDLL(name)
        if driver.cuInit(0) == 0:
            driver.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError):
        pass
    return count.value


def _bf16() -> str:
    """ ", bf16 units" where Linux says that the processor has them."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return (
        ", bf16 units" if re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", flags) else ""
    )


def _space() -> Iterator[Finding]:
    try:
        home = runtime.home()
    except runtime.CourseError as error:
        yield False, str(error)
    except ImportError as error:
        yield False, f"the course folder cannot be found: {error}"
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
