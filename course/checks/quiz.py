"""A quiz of interview questions: drawn when they are due, answers kept in a file."""

import html
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from course.checks.questions import InterviewQuestion, questions
from course.checks.sm2 import Card, answered
from course.runtime import CourseError, home

NAME, DRAWN, VERSION = "quiz.sqlite", 8, 1
QUALITY = "0 nothing · 1-2 wrong · 3 hard · 4 right · 5 at once"


class Quiz:
    """The drawn questions, folded; `grade(1, 4)` keeps how well you answered."""

    def __init__(self, drawn: Sequence[InterviewQuestion]):
        self.questions = tuple(drawn)

    def grade(self, number: int, quality: int) -> None:
        """Keep the quality, 0 to 5, of your answer to question `number`, from 1.

        Raises ValueError for another number or quality.
        """
        if isinstance(number, bool) or number not in range(1, len(self.questions) + 1):
            raise ValueError(
                f"got question {number!r}, expected 1 to {len(self.questions)}"
            )
        print(kept(self.questions[number - 1], quality))

    def __repr__(self) -> str:
        return "\n".join(f"{n}. {q.question}" for n, q in enumerate(self.questions, 1))

    def _repr_html_(self) -> str:
        return "\n".join(
            f"<details><summary>{n}. {html.escape(q.question)}</summary>\n"
            f"<p>{html.escape(q.short)}</p><p>{html.escape(q.long)}</p>"
            f"<p><b>Trap.</b> {html.escape(q.trap)}</p>"
            f"<p>Chapter {q.chapter}, cell <code>{q.cell}</code></p></details>"
            for n, q in enumerate(self.questions, 1)
        )


def quiz(number: int = DRAWN) -> Quiz:
    """Draw questions: what is due first, then new ones, the frequent first.

    Raises ValueError unless 1 <= number <= 60, CourseError where the file is broken.
    """
    everything = questions()
    if isinstance(number, bool) or number not in range(1, len(everything) + 1):
        raise ValueError(f"got {number!r} questions, expected 1 to {len(everything)}")
    return Quiz(drawn(everything, _answers(), _today())[:number])


def drawn(
    everything: Sequence[InterviewQuestion],
    answers: Sequence[tuple[str, str, int]],
    today: date,
) -> list[InterviewQuestion]:
    """All questions in the order of asking: due, longest first; new; the rest.

    answers: (name, ISO day, quality), oldest first.
    """
    cards: dict[str, Card] = {}
    due: dict[str, date] = {}
    for name, day, quality in answers:
        cards[name] = answered(cards.get(name, Card()), quality)
        due[name] = date.fromisoformat(day) + timedelta(cards[name].interval)
    new = date.max

    def turn(question: InterviewQuestion) -> tuple[int, date]:
        day = due.get(question.name, new)
        return (0 if day <= today else 1 if day == new else 2), day

    return sorted(everything, key=turn)


def kept(question: InterviewQuestion, quality: int) -> str:
    """Keep an answer; one sentence that says when the question comes again.

    `COURSE_PROGRESS=0` keeps nothing.  Raises ValueError on another quality than 0 to
    5, CourseError where the file cannot be written.
    """
    card = Card()
    for name, _, before in _answers():
        card = answered(card, before) if name == question.name else card
    days = answered(card, quality).interval
    if os.environ.get("COURSE_PROGRESS") != "0":
        with _opened() as db, db:
            row = (question.name, _today().isoformat(), int(quality))
            db.execute("INSERT INTO answers (name, day, quality) VALUES (?, ?, ?)", row)
    return f"again in {days} day{'s' * (days != 1)}"


def in_terminal(number: int = DRAWN, read: Callable[[str], str] | None = None) -> None:
    """Ask one by one; what was graded below 4 comes again in the same sitting.

    read: asks for a line; None: `input`.  An end of input or `q` ends the quiz.
    """
    if read is None and not (sys.stdin and sys.stdout):
        raise CourseError("The quiz asks in a terminal; there is none to read from.")
    read = read or input
    queue, seen = list(quiz(number).questions), set()
    try:
        while queue:
            question = queue.pop(0)
            print(f"\n{question.question}")
            if read("Answer aloud, then press Enter (q: stop) ").strip() == "q":
                return
            print(f"\n{question.short}\n\n{question.long}\n\nTrap: {question.trap}")
            print(f"Chapter {question.chapter}, cell {question.cell}")
            while True:
                said = read(f"How well ({QUALITY})? ").strip()
                if said == "q":
                    return
                if said in set("012345"):
                    break
                print(f"got {said!r}, expected a number from 0 to 5, or q")
            if question.name not in seen:
                print(kept(question, int(said)))
            seen.add(question.name)
            if int(said) < 4:
                queue.append(question)
    except EOFError:
        return


def anki(path: Path) -> int:
    """Write all questions as a file that Anki imports; the number of notes.

    Tab-separated, as HTML, one line a note: question, answer, chapter as a tag.
    Raises CourseError where the file cannot be written.
    """
    lines = ["#separator:tab", "#html:true", "#tags column:3"]
    for q in questions():
        parts = (q.short, q.long, f"Trap: {q.trap}", f"Chapter {q.chapter}, {q.cell}")
        answer = "<br><br>".join(map(_field, parts))
        lines.append("\t".join((_field(q.question), answer, f"chapter_{q.chapter}")))
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise CourseError(
            f"{path} cannot be written ({error.strerror or error}); name a file in a "
            "folder that you can write."
        ) from None
    return len(lines) - 3


def _field(text: str) -> str:
    """Text as one HTML field: no tab, no line break, nothing that reads as a tag."""
    return html.escape(" ".join(text.split()))


def _today() -> date:
    return datetime.now(UTC).date()


def _answers() -> list[tuple[str, str, int]]:
    with _opened() as db:
        rows = db.execute("SELECT name, day, quality FROM answers ORDER BY id")
        return rows.fetchall()


@contextmanager
def _opened() -> Iterator[sqlite3.Connection]:
    """The file of answers, made when missing."""
    path = home() / NAME
    try:
        with closing(sqlite3.connect(path, timeout=30.0)) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise CourseError(
                    f"The quiz file {path} was written by a newer course; update the "
                    "course or move the file away."
                )
            with db:
                db.execute(
                    "CREATE TABLE IF NOT EXISTS answers (id INTEGER PRIMARY KEY, name "
                    "TEXT NOT NULL, day TEXT NOT NULL, quality INTEGER NOT NULL "
                    "CHECK (quality BETWEEN 0 AND 5))"
                )
                db.execute(f"PRAGMA user_version = {VERSION}")
            yield db
    except sqlite3.Error as error:
        raise CourseError(
            f"The quiz file {path} could not be used ({error}); move it away to begin "
            "a new one."
        ) from None
