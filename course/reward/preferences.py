"""The learner's own votes: a small SQLite file that survives what notebooks do to it.

One row a vote, in write-ahead mode: two notebooks may write at once, and a kernel
killed in the middle of a vote leaves the file as it was before that vote.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from course.expect import check_text, one_number, present
from course.reward.vote_file import open_votes, transaction
from course.runtime import home

if TYPE_CHECKING:
    import datasets

CHOICES = ("a", "b", "tie", "skip")
_COLUMNS = "id, time, text_a, text_b, choice, seconds, prompt, annotator"


@dataclass(frozen=True)
class Vote:
    """One choice between two completions of one prompt.

    time: seconds since 1970 (UTC).  choice: "a", "b", "tie" or "skip".
    seconds: how long the choice took, None when unknown.  Chapter 06.
    """

    id: int
    time: float
    text_a: str
    text_b: str
    choice: str
    seconds: float | None
    prompt: str
    annotator: str


class PreferenceStore:
    """Votes in one SQLite file; every method opens it, works, and closes it again.

    Chapter 06.
    """

    def __init__(self, path: str | Path | None = None, annotator: str = "") -> None:
        """Open `path`, or `votes.sqlite` in the course's home; make it when missing.

        annotator: the name that new votes carry.  Raises CourseError when the file
        cannot be opened, is no vote file, or comes from a newer course.
        """
        self.path = Path(path) if path is not None else home() / "votes.sqlite"
        self.annotator = check_text(annotator)
        with open_votes(self.path):  # faults show now, not at the first vote
            pass

    def add(
        self,
        text_a: str,
        text_b: str,
        choice: str,
        *,
        prompt: str = "",
        seconds: float | None = None,
    ) -> int:
        """Keep one vote and return its id; when this returns, the vote is on disk.

        choice: "a", "b", "tie" or "skip".  seconds: time taken, None when unknown.
        Raises ValueError for another choice or a time that is no duration, TypeError
        for texts that are not str, CourseError when the file cannot be written.
        """
        one_number(**present(seconds=seconds))
        if choice not in CHOICES:
            raise ValueError(f"got the choice {choice!r}, expected one of {CHOICES}")
        for text in (text_a, text_b, prompt):
            check_text(text)
        if seconds is not None and not 0 <= seconds < math.inf:
            raise ValueError(f"got {seconds} seconds, expected a time of 0 or more")
        now = time.time()
        row = (now, text_a, text_b, choice, seconds, prompt, self.annotator)
        with open_votes(self.path) as db, transaction(db):
            cursor = db.execute(
                "INSERT INTO votes (time, text_a, text_b, choice, seconds, prompt, "
                "annotator) VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        return int(cursor.lastrowid)

    def undo(self) -> Vote | None:
        """Take back this annotator's latest vote and return it; None if there is none.

        Raises CourseError when the file cannot be written.
        """
        with open_votes(self.path) as db, transaction(db):
            row = db.execute(
                f"SELECT {_COLUMNS} FROM votes WHERE annotator = ? "
                "ORDER BY id DESC LIMIT 1",
                (self.annotator,),
            ).fetchone()
            if row is not None:
                db.execute("DELETE FROM votes WHERE id = ?", row[:1])
        return None if row is None else Vote(*row)

    def votes(self) -> list[Vote]:
        """Every vote of every annotator, oldest first."""
        with open_votes(self.path) as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM votes ORDER BY id").fetchall()
        return [Vote(*row) for row in rows]

    def __len__(self) -> int:
        with open_votes(self.path) as db:
            return db.execute("SELECT count(*) FROM votes").fetchone()[0]

    def to_dataset(self) -> "datasets.Dataset":
        """The decided votes as columns prompt, chosen, rejected, which TRL reads.

        Ties and skips are left out: they have no chosen side.
        """
        from datasets import Dataset, Features, Value

        names = ("prompt", "chosen", "rejected")
        rows = [
            (vote.prompt, vote.text_a, vote.text_b)
            if vote.choice == "a"
            else (vote.prompt, vote.text_b, vote.text_a)
            for vote in self.votes()
            if vote.choice in ("a", "b")
        ]
        return Dataset.from_dict(
            {name: [row[i] for row in rows] for i, name in enumerate(names)},
            features=Features({name: Value("string") for name in names}),
        )
