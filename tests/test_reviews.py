"""The ratings as DATA.md and the paper describe them, quirk by quirk."""

import ast
import doctest
import itertools
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.data import reviews
from course.data.archives import AssetError
from course.data.assets import RATINGS, fetch

# texts, unique texts, raters (fewest, most), bytes of text: published and counted
# in the raw files; means rounded to two digits.
TABLE = {
    "movies": (10_605, 10_603, 15, 29, 1_185_092, 0.00, 1.92),
    "news": (5_190, 5_119, 20, 20, 540_982, -0.14, 0.88),
    "products": (3_708, 3_697, 20, 20, 325_327, 0.38, 1.63),
    "tweets": (4_200, 4_200, 20, 99, 334_638, 0.51, 1.53),
}
NAMES = {
    "movies": "movieReviewSnippets",
    "news": "nytEditorialSnippets",
    "products": "amazonReviewSnippets",
    "tweets": "tweets",
}
each_source = pytest.mark.parametrize("source", list(TABLE))


def raw(source, kind):
    """The cells of a file, read without the code under test."""
    path = fetch(RATINGS) / f"{NAMES[source]}_{kind}.txt"
    content = path.read_bytes().decode("utf-8").removeprefix("\ufeff")
    return [line.split("\t") for line in content.split("\r\n") if line]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder that stands for the fetched one, with two good rows of tweets."""
    monkeypatch.setattr(reviews, "fetch", lambda asset: tmp_path)
    (tmp_path / "tweets_GroundTruth.txt").write_text("1\t0.5\tone\n2\t9\ttwo\n")
    (tmp_path / "tweets_anonDataRatings.txt").write_text(
        "2\t-1\t1\t[-2, 0]\n1\t0.5\t0.5\t[0, 1]\n"
    )
    (tmp_path / "vader_lexicon.txt").write_text("good\t1.9\t0.9\t[1]\n")
    return tmp_path


def test_the_four_sources_have_their_names():
    assert tuple(TABLE) == reviews.SOURCES


@each_source
def test_counts_are_those_of_the_table(source):
    texts, unique, fewest, most, size, mean, sd = TABLE[source]
    rows = reviews.load(source)
    assert rows.column_names == [
        "id",
        "source",
        "text",
        "mean",
        "sd",
        "ratings",
        "split",
    ]
    assert len(rows) == texts == len(set(rows["id"]))
    assert set(rows["source"]) == {source}
    raters = [len(single) for single in rows["ratings"]]
    assert (min(raters), max(raters)) == (fewest, most)
    assert min(map(min, rows["ratings"])) == -4 and max(map(max, rows["ratings"])) == 4
    assert round(statistics.fmean(rows["mean"]), 2) == mean
    assert round(statistics.pstdev(rows["mean"]), 2) == sd
    written = [text for _, _, text in raw(source, "GroundTruth")]
    assert len(set(written)) == unique
    assert sum(len(text.encode("utf-8")) for text in written) == size


@each_source
def test_rows_carry_the_single_ratings_of_their_own_id(source):
    """In the products the two files list the texts in different orders."""
    ratings = {
        key: ast.literal_eval(single)
        for key, _, _, single in raw(source, "anonDataRatings")
    }
    rows = reviews.load(source)
    assert rows["id"] == [key for key, _, _ in raw(source, "GroundTruth")]
    assert rows["ratings"] == [ratings[key] for key in rows["id"]]


def test_the_two_files_of_products_are_ordered_differently():
    keys = [
        [cells[0] for cells in raw("products", kind)]
        for kind in ("GroundTruth", "anonDataRatings")
    ]
    assert keys[0] != keys[1] and sorted(keys[0]) == sorted(keys[1])


@each_source
def test_mean_and_sd_are_those_of_the_single_ratings_and_divide_by_n(source):
    """The files print five digits of a standard deviation that divides by n."""
    printed = {key: (m, s) for key, m, s, _ in raw(source, "anonDataRatings")}
    for row in reviews.load(source):
        mean, sd = printed[row["id"]]
        assert math.isclose(row["mean"], float(mean), abs_tol=1e-8)
        assert math.isclose(row["sd"], float(sd), abs_tol=6e-6)
        assert math.isclose(row["mean"], sum(row["ratings"]) / len(row["ratings"]))


@pytest.mark.parametrize(
    ("source", "different"),
    [("movies", 0), ("news", 0), ("products", 0), ("tweets", 199)],
)
def test_where_the_two_files_disagree_the_single_ratings_are_trusted(source, different):
    printed = [float(mean) for _, mean, _ in raw(source, "GroundTruth")]
    means = reviews.load(source)["mean"]
    off = [abs(a - b) > 1e-6 for a, b in zip(printed, means, strict=True)]
    assert sum(off) == different


@each_source
def test_entities_doubled_apostrophes_and_byte_order_marks_are_gone(source):
    rows = reviews.load(source)
    written = [text for _, _, text in raw(source, "GroundTruth")]
    with_entity = sum("&amp;" in t or "&lt;" in t or "&gt;" in t for t in written)
    assert (
        with_entity == {"movies": 22, "news": 9, "products": 44, "tweets": 162}[source]
    )
    quoted = sum("''" in text for text in written)
    assert quoted == {"movies": 274, "news": 571, "products": 1, "tweets": 0}[source]
    for text in rows["text"]:
        for dirt in ("&amp;", "&lt;", "&gt;", "&#", "''", "\ufeff", "\t", "\r", "\n"):
            assert dirt not in text
        assert text == text.strip() != ""
    assert not any("\ufeff" in key for key in rows["id"])


def test_one_file_of_products_does_start_with_a_byte_order_mark():
    path = fetch(RATINGS) / "amazonReviewSnippets_anonDataRatings.txt"
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")


def test_ids_are_strings():
    assert reviews.load("news")["id"][:2] == ["1_1", "1_2"]
    assert reviews.load("movies")["id"][0] == "1"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("the ''Conan'' film", 'the "Conan" film'),
        ("called 'Accord.'''", "called 'Accord.'\""),
        ("don't", "don't"),
        ("H &amp;amp; R Block &amp; co", "H & R Block & co"),
        ("at &amp;#38; t", "at & t"),
        ("&lt;3 &gt; x", "<3 > x"),
        (" two  spaces ", "two  spaces"),
    ],
)
def test_a_text_is_cleaned(files, written, meant):
    (files / "tweets_GroundTruth.txt").write_text(f"1\t0\t{written}\n")
    assert reviews.texts("tweets", reviews.split_of(meant)) == [meant]


def test_no_normalised_text_stands_on_two_sides_of_the_split_across_all_sources():
    sides = {}
    for source in reviews.SOURCES:
        for row in reviews.load(source):
            sides.setdefault(reviews.normalise(row["text"]), set()).add(row["split"])
    assert {len(found) for found in sides.values()} == {1}
    assert len(sides) < 23_703  # there are duplicates that could have been parted


@each_source
def test_the_splits_are_eight_one_one_and_make_up_the_whole(source):
    whole = reviews.load(source)
    parts = {split: reviews.load(source, split) for split in reviews.SPLITS}
    assert sum(map(len, parts.values())) == len(whole)
    for split, share in zip(reviews.SPLITS, (0.8, 0.1, 0.1), strict=True):
        assert set(parts[split]["split"]) == {split}
        assert reviews.texts(source, split) == parts[split]["text"]
        # five standard deviations of a binomial draw
        slack = 5 * math.sqrt(len(whole) * share * (1 - share))
        assert abs(len(parts[split]) - share * len(whole)) < slack


def test_the_split_of_a_text_never_moves():
    """sha256("a great film.") starts with 64 bits whose last decimal digit is 2."""
    import hashlib

    first = int(hashlib.sha256(b"a great film.").hexdigest()[:16], 16)
    expected = ["train"] * 8 + ["validation", "test"]
    assert reviews.split_of("A  great\nFILM. ") == expected[first % 10]


ASCII = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]))


@given(ASCII, st.sampled_from([" ", "  ", "\t", "\n", "\u00a0"]))
def test_case_and_white_space_do_not_move_a_text(text, space):
    shown = space + text.replace(" ", space).swapcase() + space
    assert reviews.normalise(shown) == reviews.normalise(text)
    assert reviews.split_of(shown) == reviews.split_of(text)


def test_another_source_or_split_is_refused():
    with pytest.raises(ValueError, match="got source='films', expected one of"):
        reviews.load("films")
    with pytest.raises(ValueError, match="got split='dev', expected one of"):
        reviews.load("movies", "dev")


def test_loading_leaves_no_cache_file_and_shares_nothing_that_can_be_changed():
    rows = reviews.load("products")
    assert rows.cache_files == []
    rows[0]["ratings"].append(99)
    assert 99 not in reviews.load("products")[0]["ratings"]


def test_pairs_are_different_texts_apart_by_more_than_the_gap_and_judged_by_mean():
    rows = reviews.load("movies", "validation")
    means = dict(zip(rows["text"], rows["mean"], strict=True))
    drawn = reviews.pairs(rows, 500, min_gap=0.5, seed=3)
    assert drawn.column_names == ["text_a", "text_b", "mean_a", "mean_b", "preferred"]
    assert len(drawn) == 500
    for pair in drawn:
        assert (means[pair["text_a"]], means[pair["text_b"]]) == (
            pair["mean_a"],
            pair["mean_b"],
        )
        gap = pair["mean_a"] - pair["mean_b"]
        assert abs(gap) > 0.5 and pair["preferred"] == ("a" if gap > 0 else "b")
    unordered = {frozenset((p["text_a"], p["text_b"])) for p in drawn}
    assert len(unordered) == 500
    assert 150 < drawn["preferred"].count("a") < 350  # nine standard deviations


def test_pairs_hang_on_the_seed_only():
    rows = reviews.load("news", "test")
    first, again, other = (reviews.pairs(rows, 50, seed=seed) for seed in (1, 1, 2))
    assert first.to_list() == again.to_list() != other.to_list()


def test_all_pairs_of_a_few_rows_are_found_and_no_more():
    rows = [{"text": t, "mean": m} for t, m in zip("abcd", (0, 0, 1, 3), strict=True)]
    expected = {
        frozenset((x["text"], y["text"]))
        for x, y in itertools.combinations(rows, 2)
        if x["mean"] != y["mean"]
    }
    found = reviews.pairs(rows, len(expected))
    assert {frozenset((p["text_a"], p["text_b"])) for p in found} == expected
    with pytest.raises(ValueError, match="got n=6 .* expected at most the 5"):
        reviews.pairs(rows, 6)
    ties = reviews.pairs(rows, 6, min_gap=-1.0)
    assert sorted(ties["preferred"]).count("tie") == 1


def test_a_text_is_never_paired_with_its_duplicate():
    rows = [{"text": "Same", "mean": 0.0}, {"text": "same ", "mean": 1.0}]
    with pytest.raises(ValueError, match="got n=1"):
        reviews.pairs(rows, 1)
    with pytest.raises(ValueError, match="among 0 rows"):
        reviews.pairs([], 1)


def test_the_lexicon_is_vaders():
    """7,520 lines, 14 tokens twice (the last wins); the paper's own examples."""
    words = reviews.lexicon()
    assert len(words) == 7_506
    assert (words["okay"], words["good"], words["great"]) == (0.9, 1.9, 3.1)
    assert (words["horrible"], words[":("], words["sucks"]) == (-2.5, -1.9, -1.5)
    assert "can't stand" in words and ":-Þ" in words
    lines = (fetch(RATINGS) / "vader_lexicon.txt").read_text("utf-8").splitlines()
    twice = [float(line.split("\t")[1]) for line in lines if line[:4] == "lol\t"]
    assert len(twice) == 2 and words["lol"] == twice[-1] != twice[0]
    words["okay"] = 5.0
    assert reviews.lexicon()["okay"] == 0.9


def test_files_are_joined_by_id(files):
    assert [(row["text"], row["ratings"]) for row in reviews.load("tweets")] == [
        ("one", [0, 1]),
        ("two", [-2, 0]),
    ]


MALFORMED = [
    ("tweets_GroundTruth.txt", b"1\t0\tone\n2\t0\n", 2),
    ("tweets_GroundTruth.txt", b"1\t0\tone\textra\n", 1),
    ("tweets_GroundTruth.txt", b"1\t0\tone\n\n7\t0\tno such id\n", 3),
    ("tweets_anonDataRatings.txt", b"1\t0\t0\t[0, 1]\n2\t0\t0\t[0, \n", 2),
    ("tweets_anonDataRatings.txt", b"1\t0\t0\t[]\n", 1),
    ("tweets_anonDataRatings.txt", b"1\t0\t0\t[0.5]\n", 1),
    ("tweets_anonDataRatings.txt", b'1\t0\t0\t["a"]\n', 1),
    ("tweets_anonDataRatings.txt", b"1\t0\t0\t7\n", 1),
    ("tweets_anonDataRatings.txt", b"1\t0\t0\t__import__('os').abort()\n", 1),
    ("vader_lexicon.txt", b"good\tvery\t0.9\t[1]\n", 1),
    ("vader_lexicon.txt", b"good\n", 1),
]


@pytest.mark.parametrize(("name", "content", "line"), MALFORMED)
def test_a_malformed_row_is_one_sentence_with_file_and_line(files, name, content, line):
    (files / name).write_bytes(content)
    with pytest.raises(AssetError) as caught:
        reviews.lexicon() if name.startswith("vader") else reviews.load("tweets")
    said = str(caught.value)
    assert said.startswith(f"{files / name}, line {line} is malformed: ")
    assert "\n" not in said and said.endswith(".")
    assert "python -m course doctor --fetch" in said


def test_bytes_that_are_not_utf8_are_one_sentence(files):
    (files / "tweets_GroundTruth.txt").write_bytes(b"1\t0\t\xff\n")
    with pytest.raises(AssetError, match="malformed: bytes that are not UTF-8"):
        reviews.load("tweets")


def test_the_examples_in_the_docstrings_hold():
    failed, tried = doctest.testmod(reviews)
    assert tried >= 2 and failed == 0
