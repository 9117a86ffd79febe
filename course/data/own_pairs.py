"""Pairs of texts of your own, from a CSV file."""

import csv
import io
import tempfile
from pathlib import Path

from course.runtime import CourseError

LARGEST = 5_000_000  # bytes


def read_pairs(path: str | Path, largest: int = LARGEST) -> list[tuple[str, str]]:
    """The two columns of a CSV file, as (text, what it should become).

    The file is UTF-8, its first line names the two columns, and no cell is empty.
    largest: in bytes.  Raises CourseError, with one sentence that says what to change,
    on a file that is missing, empty, too large or not UTF-8, on another number of
    columns, and on an empty cell.  Chapter 15.
    """
    path = Path(path)
    head = _checked_head(path, largest)
    import datasets

    features = datasets.Features({name: datasets.Value("string") for name in head})
    shown = not datasets.utils.are_progress_bars_disabled()
    datasets.utils.disable_progress_bars()
    try:
        with tempfile.TemporaryDirectory() as cache:  # an old copy is never read
            rows = datasets.load_dataset(
                "csv", data_files=str(path), split="train", features=features,
                na_filter=False, encoding="utf-8-sig", cache_dir=cache,
                keep_in_memory=True,
            ).to_list()  # fmt: skip
    except Exception as error:  # whatever a broken line makes the reader raise
        reason = str(error.__cause__ or error).strip().splitlines()[-1]
        raise CourseError(f"{path.name} cannot be read as CSV: {reason}") from error
    finally:
        if shown:
            datasets.utils.enable_progress_bars()
    pairs = [(row[head[0]], row[head[1]]) for row in rows]
    for number, pair in enumerate(pairs, 1):
        if not (pair[0].strip() and pair[1].strip()):
            raise CourseError(
                f"{path.name} has an empty cell in its row {number}, {pair}; fill it "
                "or take the row out"
            )
    return pairs


def _checked_head(path: Path, largest: int) -> list[str]:
    """The names of the two columns, of a file that can be read."""
    if not path.is_file():
        raise CourseError(f"There is no file {path.name} in {path.parent.resolve()}.")
    size = path.stat().st_size
    if size > largest:
        raise CourseError(
            f"{path.name} has {size:,} bytes, expected at most {largest:,}: a model "
            "this small learns from a few thousand pairs, so keep a part of it"
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CourseError(
            f"{path.name} is not UTF-8 (byte {error.start} is "
            f"0x{error.object[error.start]:02X}); save it as CSV UTF-8"
        ) from None
    if not text.strip():
        raise CourseError(f"{path.name} is empty, expected a header and pairs")
    try:
        head, *rows = csv.reader(io.StringIO(text, newline=""))
    except csv.Error as error:  # a cell of more than 131,072 characters
        raise CourseError(f"{path.name} cannot be read as CSV: {error}") from error
    if len(head) != 2 or len(set(head)) != 2:
        raise CourseError(
            f"{path.name} has the columns {head}, expected two with different names, "
            "separated by a comma"
        )
    if not rows:
        raise CourseError(f"{path.name} has a header and no rows, expected pairs")
    for number, row in enumerate(rows, 1):  # the reader of datasets drops a third cell
        if len(row) > 2:
            raise CourseError(
                f"{path.name} has {len(row)} cells in its row {number}, {row[:3]}, "
                "expected two; put a text with a comma in quotation marks"
            )
    return head
