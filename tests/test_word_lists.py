"""Rules that look for words: whole words, any case."""

import pytest

from course.reward.word_lists import forbidden_words, words_of


def test_every_occurrence_of_a_forbidden_word_costs_one():
    rule = forbidden_words(["Bad", "so-so"])
    texts = ["bad, BAD!", "badly so-so", "so so", ""]
    assert rule(texts).tolist() == [-2, -1, 0, 0]
    assert str(rule([""]).tolist()) == "[0.0]"  # and not -0.0


def test_words_keep_apostrophes_and_hyphens_inside():
    assert words_of("'It isn’t' a well-made -- film.") == [
        "it", "isn’t", "a", "well-made", "film",
    ]  # fmt: skip


def test_a_word_split_by_a_space_is_not_found():
    """The oldest exploit of a list of forbidden words."""
    assert forbidden_words(["dull"])(["d u l l", "du11", "dul"]).tolist() == [0] * 3


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: forbidden_words("bad"), TypeError),
        (lambda: forbidden_words([]), ValueError),
        (lambda: forbidden_words(["a"])("a"), TypeError),
        (lambda: forbidden_words(["a"])([1]), TypeError),
    ],
)
def test_bad_input_is_refused(call, error):
    with pytest.raises(error, match="got .*expected"):
        call()
