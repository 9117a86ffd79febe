"""A CSV file of a reader's own: read as it is, or refused with one sentence."""

import pytest

from course.data.own_pairs import read_pairs
from course.runtime import CourseError


def written(tmp_path, data: bytes):
    path = tmp_path / "mine.csv"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_two_columns_are_read_as_text_and_nothing_is_taken_for_something_else(
    tmp_path, mark
):
    """pandas would make numbers of numbers and nothing of NA and null."""
    text = mark + 'en,zh\nopen,打开\n"save, all",NA\n007,null\n"two\nlines",é\n'
    path = written(tmp_path, text.encode())
    assert read_pairs(path) == [
        ("open", "打开"), ("save, all", "NA"), ("007", "null"), ("two\nlines", "é"),
    ]  # fmt: skip
    assert path.read_bytes() == text.encode()
    path.write_text("a,b\n1,2\n")
    assert read_pairs(path) == [("1", "2")], "an old copy was read"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"a,b\n", "has a header and no rows"),
        (b"a\nb\n", "has the columns .'a'., expected two"),
        (b"a;b\n1;2\n", "has the columns .'a;b'., expected two"),
        (b"a,b,c\n1,2,3\n", "expected two with different names"),
        (b"a,a\n1,2\n", "expected two with different names"),
        ("a,b\nZürich,1".encode("latin-1"), "is not UTF-8 .byte 5 is 0xFC."),
        ("a,b\n1,2".encode("utf-16"), "is not UTF-8"),
        (b"a,b\n1,2\n3,\n", "an empty cell in its row 2"),
        (b"a,b\n1,2\n3\n", "an empty cell in its row 2"),
        (b"a,b\n1,2,3,4\n1,2\n", "4 cells in its row 1"),
        (b"a,b\n1,2\nx, y,z\n", "3 cells in its row 2, .'x', ' y', 'z'., expected two"),
        (b"a,b\n1,2,3\n", "3 cells in its row 1"),
        (b'a,b\n"1,2\n', "cannot be read as CSV"),
        (b"a,b\n1," + b"2" * 140_000, "cannot be read as CSV"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(tmp_path, data, said):
    with pytest.raises(CourseError, match=said) as error:
        read_pairs(written(tmp_path, data))
    assert "\n" not in str(error.value) and str(error.value).startswith("mine.csv")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    path = written(tmp_path, b"a,b\n" + b"1,2\n" * 100)
    with pytest.raises(CourseError, match="has 404 bytes, expected at most 400"):
        read_pairs(path, largest=400)
    assert len(read_pairs(path, largest=404)) == 100


def test_a_missing_file_and_a_folder_are_said(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(CourseError, match="There is no file"):
            read_pairs(path)
