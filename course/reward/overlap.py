"""Rewards by overlap with a reference text: BLEU, chrF and ROUGE from scratch.

All scores lie between 0 and 1 (sacrebleu prints 100 times its BLEU), take the
hypothesis first and one reference, and are 0 where nothing matches.  A score means
nothing without its tokens and its smoothing: each function states both.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

from course.expect import whole_number
from course.expect_lists import lists, strings

_ORDERS = (1, 2, 3, 4)
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
# The four rules of mteval-v13a.pl, in its order.
_RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"([!-&(-+/:-@\[-`{-~])", r" \1 "),  # all ASCII punctuation but ' - . ,
        (r"([^0-9])([.,])", r"\1 \2 "),  # "1.5" and "1,000" stay whole
        (r"([.,])([^0-9])", r" \1 \2"),
        (r"([0-9])(-)", r"\1 \2 "),
    )
)
_ROUGE_TOKEN = re.compile("[a-z0-9]+")


def bleu_tokens(text: str) -> list[str]:
    """Tokens as the "13a" of sacrebleu: case kept, punctuation split off words.

    Raises TypeError unless the text is a str.  Source: NIST's mteval-v13a.pl.
    Chapter 05.

    >>> bleu_tokens("It isn't 1.5 stars, it's 2!")
    ['It', "isn't", '1.5', 'stars', ',', "it's", '2', '!']
    """
    text = _check_text(text).rstrip()
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, plain in _ENTITIES:
        text = text.replace(entity, plain)
    text = f" {text} "
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text.split()


def rouge_tokens(text: str) -> list[str]:
    """Tokens as rouge_score without stemmer: lowercased runs of a-z and 0-9.

    Raises TypeError unless the text is a str.  Chapter 05.

    >>> rouge_tokens("It isn't 1.5 stars!")
    ['it', 'isn', 't', '1', '5', 'stars']
    """
    return _ROUGE_TOKEN.findall(_check_text(text).lower())


def ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """How often each run of n tokens occurs; empty for fewer than n tokens.

    Raises ValueError for n < 1, TypeError for one str in place of its tokens.
    Chapter 05.

    >>> ngrams(["so", "so", "so"], 2)
    Counter({('so', 'so'): 2})
    """
    strings(tokens=tokens)
    whole_number(n=n)
    if isinstance(tokens, str):
        raise TypeError("got one str, expected a list of tokens")
    if n < 1:
        raise ValueError(f"got n {n}, expected at least 1")
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def clipped_counts(
    hypothesis: Sequence[str], reference: Sequence[str], n: int
) -> tuple[int, int]:
    """Matching n-grams and all n-grams of the hypothesis.

    An n-gram matches at most as often as the reference has it, so that repeating a
    good word earns nothing.  Arguments: tokens; errors as `ngrams`.  Chapter 05.
    """
    strings(hypothesis=hypothesis, reference=reference)
    whole_number(n=n)
    found, wanted = ngrams(hypothesis, n), ngrams(reference, n)
    return (found & wanted).total(), found.total()


def clipped_precision(
    hypothesis: Sequence[str], reference: Sequence[str], n: int
) -> float:
    """Share of the hypothesis' n-grams that match, each clipped: p_n of BLEU.

    Unsmoothed; 0 when the hypothesis has no n-gram.  Arguments: tokens; errors as
    `ngrams`.  Source: Papineni et al. 2002, section 2.1.  Chapter 05.

    >>> clipped_precision(["the"] * 4, ["the", "cat"], 1)
    0.25
    """
    whole_number(n=n)
    matches, total = clipped_counts(hypothesis, reference, n)
    return matches / total if total else 0.0


def brevity_penalty(hypothesis_length: int, reference_length: int) -> float:
    """min(1, exp(1 - reference / hypothesis)), lengths in tokens: short texts pay.

    0 for an empty hypothesis.  Raises ValueError for a negative length.
    Source: Papineni et al. 2002, section 2.2.2.  Chapter 05.

    >>> round(brevity_penalty(5, 10), 6)
    0.367879
    """
    whole_number(hypothesis_length=hypothesis_length, reference_length=reference_length)
    lengths = hypothesis_length, reference_length
    if min(lengths) < 0:
        raise ValueError(f"got lengths {lengths}, expected 0 or more tokens")
    if not hypothesis_length:
        return 0.0
    return min(1.0, math.exp(1 - reference_length / hypothesis_length))


def bleu(hypothesis: str, reference: str) -> float:
    """BLEU of one text, 0 to 1: BP * exp(mean over n of log p_n), n = 1 to 4.

    Tokens: 13a, case kept.  Effective order: n stops at the length of the hypothesis.
    Smoothing "exp": the k-th p_n without a match counts as 1 / (2^k * n-grams); 0 when
    no word matches.  Raises TypeError unless both are str.  Equals 1/100 of sacrebleu's
    `BLEU(effective_order=True).sentence_score(hypothesis, [reference])`.
    Source: Papineni et al. 2002; smoothing 3 of Chen & Cherry 2014.  Chapter 05.

    >>> round(bleu("A good film.", "A very good film."), 4)
    0.4976
    """
    tokens, wanted = bleu_tokens(hypothesis), bleu_tokens(reference)
    counts = [clipped_counts(tokens, wanted, n) for n in _ORDERS if n <= len(tokens)]
    return _bleu(counts, len(tokens), len(wanted))


def corpus_bleu(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """BLEU of many texts at once, 0 to 1: counts and lengths summed, then one BLEU.

    Not the mean of `bleu`.  Tokens and smoothing as there, but always n = 1 to 4: 0
    when no hypothesis has four tokens.  Raises ValueError unless there are as many
    references as hypotheses, one or more; TypeError unless all are str.  Equals 1/100
    of `sacrebleu.corpus_bleu(hypotheses, [references])`.  Chapter 05.

    >>> corpus_bleu(["A good film, really."], ["A good film, really."])
    1.0
    """
    lists(hypotheses=hypotheses, references=references)
    if isinstance(hypotheses, str) or isinstance(references, str):
        raise TypeError("got one str, expected a list of texts")
    if len(hypotheses) != len(references) or not len(hypotheses):
        raise ValueError(
            f"got {len(hypotheses)} hypotheses and {len(references)} references, "
            "expected the same number of each and at least one"
        )
    tokens = [bleu_tokens(text) for text in hypotheses]
    wanted = [bleu_tokens(text) for text in references]
    counts = []
    for n in _ORDERS:
        parts = [clipped_counts(t, w, n) for t, w in zip(tokens, wanted, strict=True)]
        matches, totals = zip(*parts, strict=True)
        counts.append((sum(matches), sum(totals)))
    return _bleu(counts, sum(map(len, tokens)), sum(map(len, wanted)))


def chrf(hypothesis: str, reference: str) -> float:
    """chrF, 0 to 1: F-score of character n-grams, n = 1 to 6; recall counts twice.

    Characters without white space, case kept, so no tokenizer decides.  Precision and
    recall are averaged over the n for which both texts have an n-gram, and then joined
    with beta = 2; 0 where none matches.  Raises TypeError unless both are str.  Equals
    1/100 of `sacrebleu.sentence_chrf(hypothesis, [reference])`.
    Source: Popovic 2015, "chrF: character n-gram F-score".  Chapter 15.

    >>> round(chrf("A good film.", "A very good film."), 4)
    0.6101
    """
    found, wanted = ("".join(_check_text(t).split()) for t in (hypothesis, reference))
    orders = range(1, min(6, len(found), len(wanted)) + 1)
    matches = [clipped_counts(list(found), list(wanted), n)[0] for n in orders]
    if not any(matches):
        return 0.0
    precision, recall = (
        sum(m / (len(text) - n + 1) for n, m in zip(orders, matches, strict=True))
        / len(orders)
        for text in (found, wanted)
    )
    return 5 * precision * recall / (4 * precision + recall)


def rouge_n(hypothesis: str, reference: str, n: int) -> float:
    """ROUGE-n, 0 to 1: F1 of the clipped n-gram precision and recall.

    Tokens: lowercased, a-z and 0-9 only, no stemmer; no smoothing.  Raises TypeError
    unless both are str, ValueError for n < 1.  Equals rouge_score's fmeasure, whose
    arguments come in the other order.  Source: Lin 2004, section 2.  Chapter 05.

    >>> rouge_n("A good film.", "A very good film.", 2)
    0.4
    """
    whole_number(n=n)
    found, wanted = rouge_tokens(hypothesis), rouge_tokens(reference)
    matches, total = clipped_counts(found, wanted, n)
    return _f1(matches, total, ngrams(wanted, n).total())


def rouge_l(hypothesis: str, reference: str) -> float:
    """ROUGE-L, 0 to 1: F1 of the longest common subsequence over each text's length.

    Tokens, errors and oracle as `rouge_n`.  A line break is a space here: this is not
    ROUGE-Lsum.  Source: Lin 2004, section 3.  Chapter 05.

    >>> round(rouge_l("good, this film", "this good film"), 4)
    0.6667
    """
    found, wanted = rouge_tokens(hypothesis), rouge_tokens(reference)
    return _f1(common_subsequence(found, wanted), len(found), len(wanted))


def common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest sequence of tokens that both have in order, gaps allowed.

    Chapter 05.

    >>> common_subsequence(["a", "b", "c", "d"], ["b", "x", "d"])
    2
    """
    if isinstance(a, str) or isinstance(b, str):
        raise TypeError("got one str, expected two lists of tokens")
    row = [0] * (len(b) + 1)  # row[j]: for the tokens of `a` so far and b[:j]
    for token in a:
        above, row = row, [0]
        for j, other in enumerate(b):
            row.append(above[j] + 1 if token == other else max(above[j + 1], row[j]))
    return row[-1]


def _bleu(counts: Sequence[tuple[int, int]], length: int, wanted: int) -> float:
    """BLEU of (matches, n-grams) for n = 1, 2, ..., with "exp" smoothing."""
    if not any(m for m, _ in counts) or not all(total for _, total in counts):
        return 0.0
    logs, half = [], 1.0
    for matches, total in counts:
        if not matches:  # never the first: it would match where a longer one does
            half /= 2
        logs.append(math.log((matches or half) / total))
    return brevity_penalty(length, wanted) * math.exp(sum(logs) / len(logs))


def _f1(matches: int, found: int, wanted: int) -> float:
    """Harmonic mean of precision matches / found and recall matches / wanted."""
    # 2pr / (p + r) with the fractions cleared, so that no division by 0 is left.
    return 2 * matches / (found + wanted) if matches else 0.0


def _check_text(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"got a {type(text).__name__}, expected a text (str)")
    return text
