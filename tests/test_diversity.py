"""Diversity: counted by hand, and what one text alone cannot show."""

import pytest

from course.reward.diversity import distinct_score, pooled_distinct_n
from course.reward.rules import distinct_n


def test_a_loop_scores_low():
    texts = ["so good so good so good", "a film about love", "", "one"]
    assert distinct_score(texts).tolist() == pytest.approx([2 / 5, 1, 1, 1])
    assert distinct_score(texts, 1)[0] == pytest.approx(distinct_n(texts[0], 1))


def test_one_text_for_everybody_shows_only_in_the_pool():
    same, various = ["a good film"] * 4, ["a good film", "so very dull", "no"]
    assert distinct_score(same).tolist() == [1.0] * 4
    assert pooled_distinct_n(same) == 2 / 8
    assert pooled_distinct_n(various) == 1
    assert pooled_distinct_n([]) == pooled_distinct_n(["one"]) == 1


def test_no_n_gram_reaches_over_the_end_of_a_text():
    assert pooled_distinct_n(["a b", "b a"]) == 1  # not "b b"
    assert pooled_distinct_n(["a", "a"], 2) == 1


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: distinct_score("a"), TypeError),
        (lambda: distinct_score([1]), TypeError),
        (lambda: distinct_score(["a"], 0), ValueError),
        (lambda: pooled_distinct_n("a"), TypeError),
        (lambda: pooled_distinct_n(["a"], 0), ValueError),
    ],
)
def test_bad_input_is_refused(call, error):
    with pytest.raises(error, match="got .*expected"):
        call()
