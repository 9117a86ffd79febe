"""A parcel: trained checkpoints and data in one file, for a class without a network.

Nothing of it is put in place before every file has the sha256 that the parcel names;
data must also have the one that the course knows.  No file in it can run code.
"""

import json
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from course import __version__, checkpoints
from course.data import assets
from course.data.archives import DAMAGE, sha256
from course.recipes import RECIPES
from course.runtime import CourseError, device, home

NAME = "course-parcel.zip"
MANIFEST = "manifest.json"
FORMAT = 1
AGAIN = "copy it again, or make it again with `python -m course pack FOLDER`"
# What reading a folder or a card that is not whole may raise.
BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError)


def pack(folder: Path) -> Path:
    """Write all checkpoints and data that are here and whole into one file in `folder`.

    Says what it holds and what is missing.  Raises CourseError when there is nothing
    to pack, or it cannot be written.
    """
    files: dict[str, Path] = {}
    packed: list[str] = []
    for place in _places():
        with suppress(*BROKEN):
            files |= {f"{place}/{n}": home() / place / n for n in _whole(place, home())}
            packed.append(place)
    if not files:
        raise CourseError(
            "There is nothing to pack: no data and no checkpoint is here and whole; "
            "run `python -m course doctor --fetch` and `python -m course.checkpoints`."
        )
    try:
        written = _write(files, folder)
    except OSError as error:
        raise CourseError(
            f"The parcel cannot be written into {folder} ({error.strerror or error})."
        ) from None
    print(
        f"{written} ({written.stat().st_size / 1e6:.0f} MB) holds", *packed, sep="\n  "
    )
    kinds = {device().type, ""}
    missing = [p for p, kind in _places().items() if p not in packed and kind in kinds]
    if missing:
        print("left out, since they are not here or not whole:", *missing, sep="\n  ")
    return written


def unpack(file: Path) -> list[str]:
    """Put in place what the parcel holds and is missing here; return these folders.

    What is here and whole stays as it is.  Checkpoints of other code are left out, and
    said.  Raises CourseError, and keeps nothing, when the file is damaged, is not a
    parcel, holds what does not belong in one, or nothing that this course can use.
    """
    if not file.is_file():
        raise CourseError(f"There is no file {file}.")
    staging = Path(tempfile.mkdtemp(prefix=".parcel-", dir=home()))
    try:
        with _opened(file) as (archive, hashes):
            places = {name.rpartition("/")[0] for name in hashes}
            known = sorted(places & _places().keys())
            if not known:
                raise CourseError(
                    f"{file} was packed with another version of the course: it holds "
                    "nothing that this one can use; pack it with this version."
                )
            new = [place for place in known if not _is_whole(place, home())]
            for name, digest in hashes.items():
                if name.rpartition("/")[0] in new:
                    _extract(archive, name, digest, staging)
        for place in new:
            if not _is_whole(place, staging):
                raise CourseError(f"{file} holds a damaged {place}; {AGAIN}.")
        for place in new:
            _put(staging / place, home() / place)
    except OSError as error:
        raise CourseError(
            f"{file} cannot be unpacked into {home()} ({error.strerror or error})."
        ) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    said = dict.fromkeys(places - set(known), "of another version, left out")
    said |= dict.fromkeys(known, "already here")
    said |= dict.fromkeys(new, "verified and put in place")
    print(*(f"{place}: {what}" for place, what in sorted(said.items())), sep="\n")
    return new


def _places() -> dict[str, str]:
    """Folders below the home -> the kind of device they are for, "" for any."""
    found = {
        f"checkpoints/{name}-{checkpoints.key(recipe, kind)}": kind
        for kind in ("mps", "cuda", "cpu")
        for name, recipe in RECIPES.items()
    }
    return found | {f"data/{name}": "" for name in _assets()}


def _assets() -> dict[str, assets.Asset]:
    return {asset.name: asset for asset in (assets.RATINGS, assets.SMOLLM2)}


def _whole(place: str, base: Path) -> list[str]:
    """The files of a folder, all verified; raises one of BROKEN when they are not."""
    kind, _, name = place.partition("/")
    if kind == "checkpoints":
        return [checkpoints.CARD, *checkpoints.verified(base / place)["sha256"]]
    kept = _assets()[name].archive.kept()
    for file, digest in kept.items():
        if sha256(base / place / file) != digest:
            raise ValueError(f"{file} was altered")
    return [*kept]


def _is_whole(place: str, base: Path) -> bool:
    try:
        return bool(_whole(place, base))
    except BROKEN:
        return False


def _write(files: dict[str, Path], folder: Path) -> Path:
    """The parcel, in place in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {
        "format": FORMAT,
        "course": __version__,
        "sha256": {name: sha256(file) for name, file in files.items()},
    }
    draft = folder / f".{NAME}.{os.getpid()}"
    try:
        with zipfile.ZipFile(draft, "w") as archive:
            archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
            for name, file in files.items():
                archive.write(file, name)
        draft.replace(folder / NAME)
    finally:
        draft.unlink(missing_ok=True)
    return folder / NAME


@contextmanager
def _opened(file: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, str]]]:
    """The archive, and sha256 by name; every name is one that may be written."""
    try:
        with zipfile.ZipFile(file) as archive:
            hashes = _hashes(archive, file)
            for info in archive.infolist():
                if info.filename != MANIFEST and not _belongs(info):
                    raise CourseError(
                        f"{file} has a member {info.filename!r} that does not belong "
                        "in a parcel of this course, so nothing of it was kept."
                    )
            names = sorted(name for name in archive.namelist() if name != MANIFEST)
            if names != sorted(hashes):
                raise CourseError(f"{file} does not hold what it lists; {AGAIN}.")
            yield archive, hashes
    except (*DAMAGE, NotImplementedError, EOFError) as error:
        raise CourseError(
            f"{file} is cut off, damaged or not a parcel ({error}), so nothing of it "
            f"was kept; {AGAIN}."
        ) from None


def _belongs(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a plain file of a checkpoint or of the data, by its name."""
    parts = info.filename.split("/")
    mode = stat.S_IFMT(info.external_attr >> 16)
    return (
        len(parts) == 3
        and parts[0] in ("checkpoints", "data")
        and all(part.strip(". ") and not set(part) & {*"\\:\0"} for part in parts)
        and (parts[0] == "data" or Path(parts[2]).suffix in (".safetensors", ".json"))
        and mode in (0, stat.S_IFREG)
        and not info.flag_bits & 1  # encrypted
    )


def _hashes(archive: zipfile.ZipFile, file: Path) -> dict[str, str]:
    """The manifest's sha256 by name."""
    try:
        manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
        format_, hashes = manifest["format"], dict(manifest["sha256"])
    except (KeyError, ValueError, TypeError):
        raise CourseError(
            f"{file} is not a parcel of this course; `python -m course pack FOLDER` "
            "makes one."
        ) from None
    if format_ != FORMAT:
        raise CourseError(
            f"{file} is a parcel of format {format_}, expected {FORMAT}: pack and "
            "unpack it with the same version of the course."
        )
    return hashes


def _extract(archive: zipfile.ZipFile, name: str, digest: str, staging: Path) -> None:
    target = staging / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    if sha256(target) != digest:
        raise CourseError(f"{name} in the parcel is damaged; {AGAIN}.")


def _put(staged: Path, target: Path) -> None:
    """Rename into place, a damaged one out of the way; under the lock of its users."""
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = f"{target.name}.lock" if target.parent.name == "checkpoints" else None
    with FileLock(target.parent / (lock or f".{target.name}.lock")):
        if target.exists():
            target.rename(staged.parent / f"{staged.name}.old")
        staged.rename(target)
