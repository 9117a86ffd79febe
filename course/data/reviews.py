"""23,703 texts from four sources, each rated by 15 to 99 people from -4 to +4.

Hutto & Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of
Social Media Text", ICWSM 2014.
"""

import hashlib
import html
import json
import math
import operator
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course.data.assets import RATINGS, AssetError, fetch
from course.expect import check_text, one_number, whole, whole_number

if TYPE_CHECKING:
    from datasets import Dataset

_FILES = {
    "movies": "movieReviewSnippets",
    "news": "nytEditorialSnippets",
    "products": "amazonReviewSnippets",
    "tweets": "tweets",
}
SOURCES = tuple(_FILES)
SPLITS = ("train", "validation", "test")


def load(source: str = "movies", split: str | None = None) -> "Dataset":
    """The rated texts of one source, in the file's order, fetched on first use.

    Columns: id (string), source, text, mean, sd, ratings (list of int), split.
    mean and sd come from the single ratings; sd divides by n, as the files do.
    Raises ValueError on another source or split, AssetError without the data.
    Chapter 00.
    """
    from datasets import Dataset

    rows = _rows(source, split)
    return Dataset.from_list(rows)


def texts(source: str = "movies", split: str = "train") -> list[str]:
    """The texts of one source and split, in the file's order.  Chapter 01."""
    return [row["text"] for row in _rows(source, split)]


def normalise(text: str) -> str:
    """The text without case and extra white space: what makes two texts the same.

    Chapter 07.

    >>> normalise("  A GREAT  film. ")
    'a great film.'
    """
    return " ".join(check_text(text).casefold().split())


def split_of(text: str) -> str:
    """The split that a text always belongs to: 80 % train, 10 % validation, 10 % test.

    It depends on a hash of the normalised text, so that duplicates stay together.
    Chapter 00.

    >>> split_of("A great film.") == split_of("a  GREAT film.")
    True
    """
    digest = hashlib.sha256(normalise(text).encode("utf-8")).digest()
    tenth = int.from_bytes(digest[:8], "big") % 10
    return {8: "validation", 9: "test"}.get(tenth, "train")


def pairs(
    rows: Iterable[Mapping[str, Any]], n: int, min_gap: float = 0.0, seed: int = 0
) -> "Dataset":
    """n different random pairs of texts whose means differ by more than `min_gap`.

    rows: mappings with text and mean, such as `load(...)`; rows of one split make
    pairs of that split.  Columns: text_a, text_b, mean_a, mean_b, preferred ("a",
    "b" or "tie"; ties are drawn only with min_gap below 0).  Raises ValueError when
    no n such pairs are found.  Chapter 06.
    """
    whole_number(seed=seed)
    one_number(min_gap=min_gap)
    from datasets import Dataset

    whole(1, n=n)
    pool = [(row["text"], row["mean"], normalise(row["text"])) for row in rows]
    draw, found = random.Random(seed), {}
    for _ in range(100 * (n + 100) if len(pool) > 1 else 0):
        if len(found) == n:
            break
        (text_a, mean_a, same_a), (text_b, mean_b, same_b) = draw.sample(pool, 2)
        if same_a != same_b and abs(mean_a - mean_b) > min_gap:
            preferred = "a" if mean_a > mean_b else "b" if mean_b > mean_a else "tie"
            found.setdefault(
                frozenset((same_a, same_b)),
                {
                    "text_a": text_a,
                    "text_b": text_b,
                    "mean_a": mean_a,
                    "mean_b": mean_b,
                    "preferred": preferred,
                },
            )
    if len(found) < n:
        raise ValueError(
            f"got n={n} and min_gap={min_gap}, expected at most the {len(found)} "
            f"different pairs found among {len(pool)} rows"
        )
    return Dataset.from_list(list(found.values()))


def lexicon() -> dict[str, float]:
    """Token -> mean valence (-4 to +4) of VADER's lexicon, as VADER 3.3.2 reads it.

    14 tokens stand twice; the last line wins, as in VADER.  Some tokens are emoticons
    or hold a space.  Chapter 05.
    """
    return dict(_lexicon(fetch(RATINGS)))


def _rows(source: str, split: str | None) -> list[dict[str, Any]]:
    """Parsed rows of one source and split; shared, so not to be changed."""
    if source not in SOURCES:
        raise ValueError(f"got source={source!r}, expected one of {SOURCES}")
    if split is not None and split not in SPLITS:
        raise ValueError(f"got split={split!r}, expected one of {SPLITS} or None")
    rows = _parse(fetch(RATINGS), source)
    return [row for row in rows if split in (None, row["split"])]


@lru_cache
def _parse(folder: Path, source: str) -> tuple[dict[str, Any], ...]:
    """All rows of one source; the two files are joined by id, not by line."""
    ratings = {}
    path = folder / f"{_FILES[source]}_anonDataRatings.txt"
    for number, (key, _, _, written) in _lines(path, 4):
        try:
            single = json.loads(written)  # these Python lists are JSON, read faster
            ratings[key] = [operator.index(rating) for rating in single]
        except (ValueError, TypeError):
            single = None
        if not single:
            raise _malformed(path, number, "no list of whole ratings")
    rows = []
    path = folder / f"{_FILES[source]}_GroundTruth.txt"
    for number, (key, _, written) in _lines(path, 3):
        if key not in ratings:
            raise _malformed(path, number, f"no single ratings for the id {key!r}")
        text, single = _clean(written), ratings[key]
        n, mean = len(single), math.fsum(single) / len(single)
        rows.append(
            {
                "id": key,
                "source": source,
                "text": text,
                # 199 tweets carry another mean in this file: trust the ratings.
                "mean": mean,
                "sd": math.sqrt(math.fsum((x - mean) ** 2 for x in single) / n),
                "ratings": single,
                "split": split_of(text),
            }
        )
    return tuple(rows)


@lru_cache
def _lexicon(folder: Path) -> dict[str, float]:
    """The lexicon file, parsed."""
    path, found = folder / "vader_lexicon.txt", {}
    for number, (token, mean, _, _) in _lines(path, 4):
        try:
            found[token] = float(mean)
        except ValueError:
            raise _malformed(path, number, f"no valence for {token!r}") from None
    return found


def _lines(path: Path, columns: int) -> Iterator[tuple[int, list[str]]]:
    """Line number and tab-separated columns of each line that is not blank."""
    # utf-8-sig drops a byte-order mark, which would otherwise stick to the first id.
    with path.open(encoding="utf-8-sig") as file:
        try:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    cells = line.rstrip("\n").split("\t")
                    if len(cells) != columns:
                        told = f"{len(cells)} columns, expected {columns}"
                        raise _malformed(path, number, told)
                    yield number, cells
        except UnicodeDecodeError:
            raise _malformed(path, 0, "bytes that are not UTF-8") from None


def _clean(written: str) -> str:
    """The text that was meant: entities resolved, doubled apostrophes as quotes."""
    text = written
    while (plain := html.unescape(text)) != text:  # some are escaped twice
        text = plain
    # Of three apostrophes the first closes an inner quotation.
    return re.sub("''(?!')", '"', text).strip()


def _malformed(path: Path, number: int, what: str) -> AssetError:
    """One sentence with file and line."""
    where = f"{path}, line {number}" if number else str(path)
    return AssetError(
        f"{where} is malformed: {what}; delete the folder {path.parent} and fetch it "
        "again with `python -m course doctor --fetch`."
    )
