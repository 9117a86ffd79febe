"""BLEU, chrF, ROUGE: equal to sacrebleu and rouge-score, by hand where it is short."""

import logging
import math
import random

import pytest
import sacrebleu
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from course.data import reviews
from course.reward import overlap

ORACLE_BLEU = sacrebleu.metrics.BLEU(effective_order=True)  # 13a, smoothing "exp"
ORACLE_ROUGE = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
# sacrebleu suspects tokenised text where many lines end in " .", and says so.
logging.getLogger("sacrebleu").setLevel(logging.ERROR)

EDGES = [
    ("", ""),
    ("", "a film"),
    ("a film", ""),
    (" \n ", "\t"),
    ("film", "film"),
    ("film", "movie"),
    ("Film", "film"),  # BLEU keeps the case, ROUGE does not
    ("good", "a good film , really ."),
    ("a good film", "a good film"),
    ("a b c d e", "v w x y z"),
    ("a b c d e f", "f e d c b a"),  # words match, no longer n-gram does
    ("the the the the the", "the cat the mat"),
    ("so good so good so good", "so good"),
    ("no good -\nbye - \n - at 1.5, 3,000 or 4-5 and 6.", "1.5, 3,000: 4-5. 6 ..."),
    ("&quot;x&quot; &amp;lt; <skipped> y", '"x" < y'),
    ("naïve café 日本 ½ ² İ K", "naive cafe 日本 1/2 i k"),
    ("... !!! ---", ". . . ! - -"),
]


def salad(draw):
    """Random words from few, so that chance matches of every length occur."""
    words = [
        "the",
        "The",
        "a",
        "film",
        "isn't",
        "so-so",
        "1.5",
        "2,",
        ".",
        "&amp;",
        "?",
    ]
    return " ".join(draw.choices(words, k=draw.randrange(25)))


def sentence_pairs():
    """1,000 pairs of real reviews, half of them of related texts; 500 word salads."""
    draw, texts = random.Random(0), reviews.texts("movies")
    pairs = [tuple(draw.sample(texts, 2)) for _ in range(500)]
    for text in draw.sample(texts, 500):  # the same review with some words gone
        words = text.split()
        kept = [word for word in words if draw.random() < 0.8]
        pairs.append((" ".join(kept), text))
    pairs += [(salad(draw), salad(draw)) for _ in range(500)]
    return pairs + EDGES


@pytest.fixture(scope="module")
def pairs():
    return sentence_pairs()


def test_the_pairs_cover_no_match_part_match_and_full_match(pairs):
    scores = [overlap.bleu(*pair) for pair in pairs]
    assert len(pairs) > 1_000
    assert min(sum(s == 0 for s in scores), sum(0 < s < 0.2 for s in scores)) > 50
    assert sum(0.2 < s < 1 for s in scores) > 300 and 1.0 in scores


def test_chrf_is_sacrebleus_on_more_than_a_thousand_pairs(pairs):
    for hypothesis, reference in pairs:
        expected = sacrebleu.sentence_chrf(hypothesis, [reference]).score
        ours = 100 * overlap.chrf(hypothesis, reference)
        assert ours == pytest.approx(expected, abs=1e-9), (hypothesis, reference)


def test_bleu_is_sacrebleus_on_more_than_a_thousand_pairs(pairs):
    for hypothesis, reference in pairs:
        expected = ORACLE_BLEU.sentence_score(hypothesis, [reference]).score
        ours = 100 * overlap.bleu(hypothesis, reference)
        assert ours == pytest.approx(expected, abs=1e-9), (hypothesis, reference)


def test_corpus_bleu_is_sacrebleus_on_corpora_of_every_size(pairs):
    cuts = [
        (0, len(pairs)),
        (500, 1000),
        (1000, 1500),
        *((i, i + 7) for i in range(60)),
    ]
    cuts += [(i, i + 1) for i in range(len(pairs) - len(EDGES), len(pairs))]
    for start, stop in cuts:
        hypotheses, references = zip(*pairs[start:stop], strict=True)
        expected = sacrebleu.corpus_bleu(list(hypotheses), [list(references)]).score
        ours = 100 * overlap.corpus_bleu(hypotheses, references)
        assert ours == pytest.approx(expected, abs=1e-9), (start, stop)


def test_rouge_is_rouge_scores_on_more_than_a_thousand_pairs(pairs):
    for hypothesis, reference in pairs:
        expected = ORACLE_ROUGE.score(reference, hypothesis)  # the target comes first
        ours = {
            "rouge1": overlap.rouge_n(hypothesis, reference, 1),
            "rouge2": overlap.rouge_n(hypothesis, reference, 2),
            "rougeL": overlap.rouge_l(hypothesis, reference),
        }
        for name, value in ours.items():
            assert value == pytest.approx(expected[name].fmeasure, abs=1e-12), (
                name,
                hypothesis,
                reference,
            )


ODD = st.text(alphabet="aB1 .,-'&;/<>[`~\n\té²", max_size=30)


@settings(deadline=None, max_examples=500)
@given(ODD)
@example("<skipped>&quot;&amp;quot;-\n")
def test_the_tokens_are_those_of_13a(text):
    assert overlap.bleu_tokens(text) == Tokenizer13a()(text.rstrip()).split()


@settings(deadline=None)
@given(st.characters())
def test_every_character_is_split_off_as_13a_does(character):
    text = f"a{character}b 1{character}2 {character}"
    assert overlap.bleu_tokens(text) == Tokenizer13a()(text.rstrip()).split()


@settings(deadline=None)
@given(ODD, ODD)
def test_a_score_lies_between_zero_and_one_and_rouge_is_symmetric(a, b):
    scores = [overlap.bleu(a, b), overlap.rouge_n(a, b, 2), overlap.rouge_l(a, b)]
    assert all(0 <= score <= 1 + 1e-12 for score in scores)
    assert overlap.rouge_l(a, b) == overlap.rouge_l(b, a)
    if overlap.bleu_tokens(a):
        assert overlap.bleu(a, a) == pytest.approx(1)


def test_bleu_by_hand():
    # 6 tokens against 7; "indeed" breaks the n-grams of the end
    hypothesis, reference = "a truly good film indeed.", "it is a truly good film."
    product = 5 / 6 * 3 / 5 * 2 / 4 * 1 / 3
    words = overlap.bleu_tokens(hypothesis), overlap.bleu_tokens(reference)
    assert overlap.clipped_counts(*words, 2) == (3, 5)
    assert overlap.bleu(hypothesis, reference) == pytest.approx(
        product ** (1 / 4) * math.exp(1 - 7 / 6)
    )


def test_an_order_without_a_match_counts_half_a_match_the_next_a_quarter():
    # "a b x c d e" and "b a x y c z": 4/6, then nothing of 5, 4 and 3 n-grams
    product = 4 / 6 * 1 / (2 * 5) * 1 / (4 * 4) * 1 / (8 * 3)
    expected = pytest.approx(product ** (1 / 4))
    assert overlap.bleu("a b x c d e", "b a x y c z") == expected


def test_a_repeated_word_is_clipped_to_what_the_reference_has():
    """Papineni et al. 2002, example 2: unclipped precision would be 7/7."""
    hypothesis = ["the"] * 7
    reference = ["the", "cat", "is", "on", "the", "mat"]
    assert overlap.clipped_precision(hypothesis, reference, 1) == 2 / 7
    assert overlap.clipped_precision(hypothesis, reference, 2) == 0
    assert overlap.clipped_precision(["the"], reference, 2) == 0  # it has no pair


def test_a_short_text_still_scores_with_effective_order():
    """Without it a reward of completions under four tokens carries no signal."""
    assert overlap.bleu("a film", "a film") == pytest.approx(1)
    assert overlap.corpus_bleu(["a film"], ["a film"]) == 0


def test_only_a_short_text_pays_the_brevity_penalty():
    assert overlap.brevity_penalty(7, 7) == overlap.brevity_penalty(8, 7) == 1
    assert overlap.brevity_penalty(1, 3) == pytest.approx(0.1353352832366127)  # e^-2
    assert overlap.brevity_penalty(0, 3) == overlap.brevity_penalty(0, 0) == 0


@settings(deadline=None)
@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_the_longest_common_subsequence_is_the_longest_of_all(a, b):
    def all_of(word):
        kept = [""]
        for letter in word:
            kept += [part + letter for part in kept]
        return set(kept)

    longest = max(map(len, all_of(a) & all_of(b)))
    assert overlap.common_subsequence(list(a), list(b)) == longest


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: overlap.bleu(["a"], "a"), TypeError, "got a list, expected a text"),
        (lambda: overlap.bleu("a", None), TypeError, "got a NoneType"),
        (lambda: overlap.rouge_l("a", 1), TypeError, "got a int"),
        (lambda: overlap.rouge_n("a", "a", 0), ValueError, "got n 0"),
        (lambda: overlap.clipped_precision("a", ["a"], 1), TypeError, "got one str"),
        (lambda: overlap.clipped_precision(["a"], "a", 1), TypeError, "got one str"),
        (lambda: overlap.brevity_penalty(-1, 2), ValueError, r"got lengths \(-1, 2\)"),
        (lambda: overlap.corpus_bleu([], []), ValueError, "got 0 hypotheses and 0"),
        (lambda: overlap.corpus_bleu(["a"], []), ValueError, "got 1 hypotheses and 0"),
        (lambda: overlap.corpus_bleu("a", "a"), TypeError, "got one str"),
        (lambda: overlap.corpus_bleu(["a"], [1]), TypeError, "got a int"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, error, told):
    with pytest.raises(error, match=told) as caught:
        call()
    assert "expected" in str(caught.value) and "\n" not in str(caught.value)
