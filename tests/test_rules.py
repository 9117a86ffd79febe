"""Rewards by rule, on a word list small enough to add up by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.data import reviews
from course.reward import rules
from course.reward.metrics import pearson
from course.score import whole_texts

WORDS = {"good": 2.0, "great": 3.0, "bad": -2.5, "no": -1.0, "so-so": -0.5, ":)": 2.0}


@pytest.fixture
def words(monkeypatch):
    """The lexicon with five words, so that no data is needed."""
    rules._word_valences.cache_clear()
    monkeypatch.setattr(reviews, "lexicon", lambda: WORDS)
    yield
    rules._word_valences.cache_clear()


def normalised(total):
    return total / math.sqrt(total**2 + 15)


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("", 0),
        ("A film.", 0),
        ("good", 2),
        ("GOOD, great: bad!", 2 + 3 - 2.5),
        ("so-so", -0.5),
        ("goodness", 0),  # whole words only
        ("not good", -0.74 * 2),
        ("isn't good", -0.74 * 2),
        ("isn’t good", -0.74 * 2),  # the other apostrophe
        ("not a very good film", -0.74 * 2),
        ("not one of the good", 2),  # the negation is four words away
        ("not good bad", -0.74 * (2 - 2.5)),
        ("no good", -1 - 0.74 * 2),
        ("good not", 2),  # a negation looks forward only
        ("good but bad", 0.5 * 2 - 1.5 * 2.5),
        ("bad but not good", -0.5 * 2.5 - 1.5 * 0.74 * 2),
        ("butter good", 2),
    ],
)
def test_lexicon_score_is_the_sum_by_hand_normalised(words, text, total):
    score = rules.lexicon_score([text])
    assert score.item() == pytest.approx(normalised(total), abs=1e-6)


def test_a_negation_turns_the_sign_and_more_praise_scores_more(words):
    bad, low, mid, high = rules.lexicon_score(
        ["not good", "a film", "good", "good great"]
    ).tolist()
    assert bad < low == 0 < mid < high < 1


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.sampled_from([*WORDS, "not", "but", "film"]), max_size=40).map(" ".join)
)
def test_a_lexicon_score_lies_between_minus_one_and_one(text):
    rules._word_valences.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reviews, "lexicon", lambda: WORDS)
        assert -1 < rules.lexicon_score([text]).item() < 1
    rules._word_valences.cache_clear()


def test_scores_come_in_the_order_of_the_texts_as_fp32(words):
    scores = rules.lexicon_score(["bad", "good", ""])
    assert scores.dtype == torch.float32 and scores.shape == (3,)
    assert scores[0] < scores[2] < scores[1]
    assert rules.lexicon_score([]).shape == (0,)
    assert rules.length_score([]).shape == (0,)


@pytest.mark.parametrize(
    ("text", "n", "share"),
    [
        ("a b c", 1, 1),
        ("a a a a", 1, 1 / 4),
        ("a b a b", 2, 2 / 3),
        ("a b", 3, 1),
        ("", 1, 1),
    ],
)
def test_distinct_n_by_counting(text, n, share):
    assert rules.distinct_n(text, n) == pytest.approx(share)


def test_distinct_n_needs_an_n():
    with pytest.raises(ValueError, match="got n 0"):
        rules.distinct_n("a", 0)


def test_a_rule_becomes_a_score_of_prompt_and_completion(words):
    score = rules.rule_score(rules.lexicon_score)
    scores = score(["not", "so ", ""], [" good", "bad", ""])
    # the negation stands in the prompt and the word in the completion
    expected = [normalised(-0.74 * 2), normalised(-2.5), 0]
    assert scores.tolist() == pytest.approx(expected, abs=1e-6)


def test_a_rule_may_return_a_list():
    score = rules.rule_score(lambda texts: [len(text) for text in texts])
    scores = score(["a"], ["bc"])
    assert scores.tolist() == [3.0] and scores.dtype == torch.float32


@pytest.mark.parametrize(
    "rule",
    [
        lambda texts: torch.zeros(len(texts), 1),
        lambda texts: torch.tensor(0.0),
        lambda texts: [0.0] * (len(texts) + 1),
        lambda texts: [math.inf] * len(texts),
    ],
)
def test_a_rule_that_does_not_give_one_finite_number_a_text_is_refused(rule):
    with pytest.raises(ValueError, match="one finite number for each of 2"):
        rules.rule_score(rule)(["a", "b"], ["c", "d"])


@pytest.mark.parametrize(
    ("prompts", "completions", "error"),
    [(["a"], [], ValueError), ("a", ["b"], TypeError), (["a"], [1], TypeError)],
)
def test_prompts_and_completions_are_lists_of_texts(prompts, completions, error):
    with pytest.raises(error, match="got .*expected"):
        whole_texts(prompts, completions)
    with pytest.raises(error, match="got .*expected"):
        rules.rule_score(rules.length_score)(prompts, completions)


@pytest.mark.parametrize("rule", [rules.lexicon_score, rules.length_score])
def test_one_string_is_no_list_of_texts(rule, words):
    with pytest.raises(TypeError, match="got one str"):
        rule("good")


@pytest.mark.parametrize(
    ("source", "vader"),
    # Hutto & Gilbert 2014, table 4: correlation of VADER with the mean of the raters
    [("movies", 0.451), ("news", 0.492), ("products", 0.565), ("tweets", 0.881)],
)
def test_the_short_rules_agree_with_people_nearly_as_well_as_vaders(source, vader):
    rows = reviews.load(source)
    scores = rules.lexicon_score(list(rows["text"]))
    r = pearson(scores, torch.tensor(rows["mean"]))
    assert abs(r - vader) < 0.06
    if source == "movies":  # what chapter 05 claims
        assert abs(r - 0.43) < 0.03
