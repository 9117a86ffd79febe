"""The file under `preferences`: opened, brought up to date, its faults explained."""

import errno
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from course.runtime import CourseError

PATIENCE = 30.0  # seconds to wait for another writer

# Step i brings a file of version i to version i + 1; a new file takes all of them.
# Released steps never change: a new version is a new step.
_STEPS = (
    (
        """CREATE TABLE votes (
            id      INTEGER PRIMARY KEY AUTOINCREMENT,
            time    REAL NOT NULL,
            text_a  TEXT NOT NULL,
            text_b  TEXT NOT NULL,
            choice  TEXT NOT NULL CHECK (choice IN ('a', 'b', 'tie', 'skip')),
            seconds REAL
        )""",
    ),
    (
        "ALTER TABLE votes ADD COLUMN prompt TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE votes ADD COLUMN annotator TEXT NOT NULL DEFAULT ''",
    ),
)
VERSION = len(_STEPS)  # kept in the file as `PRAGMA user_version`


@contextmanager
def open_votes(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a vote file of today's version, closed at the end of the block.

    The file is made when missing and brought up to date when older.  Raises
    CourseError with one sentence for whatever SQLite or the disk complains of.
    Chapter 06.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(_connect(path)) as db:
            yield db
    except (sqlite3.Error, OSError) as error:
        raise CourseError(_sentence(path, error)) from None


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of the block or nothing, one writer at a time; the rest wait PATIENCE.

    Chapter 06.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:  # also an interrupted kernel
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _connect(path: Path) -> sqlite3.Connection:
    """An open file of today's version, brought up to date if older."""
    db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        version = _version(db)
        if version < VERSION:
            _update(db, path)
        elif version > VERSION:
            raise CourseError(
                f"The vote file {path} was written by a newer course (version "
                f"{version}, known here: {VERSION}); update the course or move it away."
            )
        db.execute("SELECT count(*) FROM votes")
        return db
    except BaseException as error:
        db.close()
        wal = path.with_name(path.name + "-wal")
        read_only = _code(error) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
        if not (read_only and path.is_file()) or (wal.exists() and wal.stat().st_size):
            raise
        # File and folder may only be read, and no votes wait in the write-ahead log:
        # SQLite reads the file when told that nobody changes it.
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        db = sqlite3.connect(uri, uri=True, isolation_level=None)
        if _version(db) != VERSION:
            db.close()
            raise
        return db


def _update(db: sqlite3.Connection, path: Path) -> None:
    """Run the missing steps in one transaction, then switch to write-ahead mode."""
    with transaction(db):
        version = _version(db)  # again: another notebook may just have done it
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 0 and tables:
            raise CourseError(
                f"{path} is a database of something else, not a vote file; choose "
                "another path."
            )
        for step in _STEPS[version:]:
            for statement in step:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
    deadline = time.monotonic() + PATIENCE
    while True:  # this one statement does not wait for other writers by itself
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _version(db: sqlite3.Connection) -> int:
    return db.execute("PRAGMA user_version").fetchone()[0]


def _code(error: BaseException) -> int | None:
    """SQLite's primary result code, None for errors of another kind."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _sentence(path: Path, error: Exception) -> str:
    code = _code(error)
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC:
        what = "cannot grow: the disk is full; make room and vote again"
    elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        what = "cannot be written; make it writable or choose another path"
    elif code == sqlite3.SQLITE_BUSY:
        what = f"was locked by another program for {PATIENCE:.0f} s; close that one"
    elif code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        what = f"cannot be read as votes ({error}); move it away to start a new one"
    else:
        what = f"could not be used ({error}); nothing was changed"
    return f"The vote file {path} {what}."
