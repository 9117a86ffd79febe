"""Open a pinned archive safely: every byte that is kept has a known sha256."""

import gzip
import hashlib
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from course.runtime import CourseError

DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    KeyError,  # a member that should be there is not
)


class AssetError(CourseError):
    """A file could not be fetched, verified or kept; the message is one sentence.

    Chapter 00.
    """


@dataclass(frozen=True)
class Archive:
    """A .tar.gz or a wheel with its sha256 and what is wanted of it.

    members: path inside -> sha256 of a file to keep, or another Archive to open.
    Chapter 00.
    """

    sha256: str
    members: Mapping[str, "str | Archive"]

    def kept(self) -> dict[str, str]:
        """File name -> sha256 of all that is kept, inner archives included."""
        files: dict[str, str] = {}
        for path, wanted in self.members.items():
            if isinstance(wanted, Archive):
                files |= wanted.kept()
            else:
                files[PurePosixPath(path).name] = wanted
        return files


@dataclass(frozen=True)
class Asset:
    """Files of a pinned package: `filename` is what pip downloads, `size` its bytes.

    Chapter 00.
    """

    name: str
    package: str
    version: str
    filename: str
    size: int
    archive: Archive

    @property
    def requirement(self) -> str:
        """The package as pip names it, such as `name==1.0`."""
        return f"{self.package}=={self.version}"


def sha256(path: Path) -> str:
    """The sha256 of a file, as 64 hexadecimal digits.  Chapter 00."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(path: Path, archive: Archive, folder: Path, label: str = "") -> None:
    """Write what `archive` keeps into `folder` under plain file names, all verified.

    Raises AssetError on a wrong sha256, a damaged archive, or a member anywhere in
    it that points outside, is a link or a device.  OSError passes through.  Chapter 00.
    """
    label = label or path.name
    check_sha256(sha256(path), archive.sha256, label)
    try:
        with _members(path, label) as members:
            for name, wanted in archive.members.items():
                target = folder / PurePosixPath(name).name
                with members[name]() as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
                if isinstance(wanted, Archive):
                    unpack(target, wanted, folder, f"{target.name} in {label}")
                    target.unlink()
                else:
                    check_sha256(sha256(target), wanted, f"{target.name} in {label}")
    except DAMAGE:
        raise AssetError(
            f"{label} is truncated or damaged, so nothing of it was kept; "
            "look at the mirror or folder that pip takes packages from."
        ) from None


def check_sha256(got: str, expected: str, label: str) -> None:
    """Raise AssetError when two sha256 differ.  Chapter 00."""
    if got != expected:
        raise AssetError(
            f"{label} has the wrong sha256 (got {got[:12]}…, expected "
            f"{expected[:12]}…), so nothing of it was kept; look at the mirror or "
            "folder that pip takes packages from."
        )


@contextmanager
def _members(path: Path, label: str) -> Iterator[dict[str, Callable[[], IO[bytes]]]]:
    """Name -> function that opens the member, for regular files of a safe archive."""
    openers: dict[str, Callable[[], IO[bytes]]] = {}
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                regular = kind in (0, stat.S_IFREG) and not info.is_dir()
                _refuse(info.filename, regular or info.is_dir(), label)
                if regular:
                    openers[info.filename] = lambda info=info: archive.open(info)
            yield openers
        return
    with tarfile.open(path, "r:gz") as archive:
        for member in archive.getmembers():
            _refuse(member.name, member.isreg() or member.isdir(), label)
            if member.isreg():
                openers[member.name] = lambda member=member: archive.extractfile(member)
        yield openers


def _refuse(name: str, plain: bool, label: str) -> None:
    """Raise AssetError for a member that is not a plain file or folder inside."""
    windows = PureWindowsPath(name)
    outside = windows.anchor or name.startswith("/") or ".." in windows.parts
    if outside or not plain:
        what = "points outside the archive" if outside else "is a link or a device"
        raise AssetError(
            f"{label} has a member {name!r} that {what}, so nothing of it was kept; "
            "look at the mirror or folder that pip takes packages from."
        )
