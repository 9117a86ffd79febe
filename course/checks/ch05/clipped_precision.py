"""Exercise 5.1: clipped n-gram precision."""

from collections import Counter
from collections.abc import Sequence

import torch

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in

Tokens = Sequence[str]


def probes(generator: torch.Generator) -> list[Probe]:
    def draw(length: int) -> list[str]:
        places = torch.randint(3, (length,), generator=generator).tolist()
        return ["abc"[i] for i in places]

    short, long = (
        ["a", "truly", "good", "film", "indeed"],
        ["it", "is", "a", "truly", "good", "film"],
    )
    return [
        Probe("one word, the same", (["good"], ["good"], 1)),
        Probe("one word, another", (["good"], ["bad"], 1)),
        Probe("a repeated word", (["the"] * 4, ["the", "cat"], 1)),
        Probe("the reference repeats it", (["the"], ["the", "the"], 1)),
        Probe("each at most twice", (["a", "a", "a", "b"], ["a", "b", "a"], 1)),
        Probe("shorter than n", (["a"], ["a", "b"], 2)),
        Probe("no words", ([], ["a"], 1)),
        Probe("no reference", (["a", "b"], [], 1)),
        Probe("words", (short, long, 1)),
        Probe("pairs", (short, long, 2)),
        Probe("runs of four", (short, long, 4)),
        Probe("pairs backwards", (short, short[::-1], 2)),
        Probe("words that could be glued", (["ab", "c", "a"], ["a", "bc", "ab"], 2)),
        Probe("words with a space", (["a b", "c"], ["a", "b c"], 2)),
        Probe("another case", (["The", "film"], ["the", "film"], 1)),
        Probe("many repeated words", (draw(12), draw(9), 1)),
        Probe("many repeated pairs", (draw(15), draw(12), 2)),
        Probe("many repeated threes", (draw(30), draw(20), 3)),
    ]


def grams(tokens: Tokens, n: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def share(matches: float, total: int) -> float:
    return matches / total if total else 0.0


def clipped(hypothesis: Tokens, reference: Tokens, n: int) -> int:
    found = Counter(grams(hypothesis, n)) & Counter(grams(reference, n))
    return sum(found.values())


@mistake(
    "you count every n-gram that the reference has, however often it is repeated: "
    "count it at most as often as the reference has it"
)
def not_clipped(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    found, wanted = grams(hypothesis, n), set(grams(reference, n))
    return share(sum(gram in wanted for gram in found), len(found))


@mistake(
    "you divide by the n-grams of the reference: that is recall; precision divides by "
    "those of the hypothesis"
)
def recall(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    matches = clipped(hypothesis, reference, n)
    return share(matches, len(grams(reference, n)))


@mistake("you compare sets: an n-gram that occurs twice counts twice, so use counts")
def over_types(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    found = set(grams(hypothesis, n))
    return share(len(found & set(grams(reference, n))), len(found))


@mistake(
    "you let each n-gram match once: it may match as often as the reference has it"
)
def clipped_to_one(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    found = grams(hypothesis, n)
    return share(len(set(found) & set(grams(reference, n))), len(found))


@mistake("you divide by the number of words: a text of w words has w − n + 1 n-grams")
def over_words(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    return share(clipped(hypothesis, reference, n), len(hypothesis))


@mistake("you compare single words whatever n is: an n-gram is n words in a row")
def single_words(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    return share(clipped(hypothesis, reference, 1), len(hypothesis))


@mistake("you compare n-grams at the same place: they match wherever they stand")
def by_place(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    found, wanted = grams(hypothesis, n), grams(reference, n)
    same = [a == b for a, b in zip(found, wanted, strict=False)]
    return share(sum(same), len(found))


@mistake(
    "you make the tokens lower-case: compare them as they are, the tokeniser decides "
    "about case"
)
def without_case(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    found = [token.lower() for token in hypothesis]
    wanted = [token.lower() for token in reference]
    return share(clipped(found, wanted, n), len(grams(found, n)))


@mistake(
    "you glue the words of an n-gram together, so that “ab”, “c” is the same as “a”, "
    "“bc”: compare tuples of words"
)
def glued(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    found, wanted = (
        Counter("".join(gram) for gram in grams(tokens, n))
        for tokens in (hypothesis, reference)
    )
    return share((found & wanted).total(), found.total())


@mistake(
    "you join the words of an n-gram with a space, and a word may hold one itself: "
    "compare tuples of words"
)
def joined(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    found, wanted = (
        Counter(" ".join(gram) for gram in grams(tokens, n))
        for tokens in (hypothesis, reference)
    )
    return share((found & wanted).total(), found.total())


@mistake("you add one to the counts: smoothing is a later step, return the plain share")
def smoothed(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    return share(clipped(hypothesis, reference, n) + 1, len(grams(hypothesis, n)) + 1)


def repeating_never_helps(function) -> str | None:
    once = function(["good"], ["good", "film"], 1)
    often = function(["good"] * 9, ["good", "film"], 1)
    if often <= 1 / 9 + 1e-6 or once < 1:
        return None
    return (
        "saying a good word nine times must earn 1 match of 9, because the reference "
        f"has it once; yours earns {often * 9:.3g} of 9"
    )


@mistake(
    "you divide by the n-grams of both texts: this is an F1, precision divides by "
    "those of the hypothesis"
)
def f1_of_both(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    total = len(grams(hypothesis, n)) + len(grams(reference, n))
    return 2 * clipped(hypothesis, reference, n) / total if total else 0.0


@mistake(
    "you divide by all n-grams that either text has: precision divides by those of the "
    "hypothesis"
)
def jaccard(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    union = Counter(grams(hypothesis, n)) | Counter(grams(reference, n))
    return share(clipped(hypothesis, reference, n), sum(union.values()))


@mistake("you count n-grams of every length up to n: only those of n words count")
def up_to_n(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    sizes = range(1, n + 1)
    hits = sum(clipped(hypothesis, reference, k) for k in sizes)
    return share(hits, sum(len(grams(hypothesis, k)) for k in sizes))


@mistake("you forget the order inside an n-gram: “so good” and “good so” are two")
def any_order(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    one, other = (
        Counter(tuple(sorted(g)) for g in grams(x, n)) for x in (hypothesis, reference)
    )
    return share(sum((one & other).values()), len(grams(hypothesis, n)))


@mistake("your n-grams stand side by side: they overlap, one starts at every word")
def side_by_side(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    one, other = (Counter(grams(x, n)[::n]) for x in (hypothesis, reference))
    return share(sum((one & other).values()), sum(one.values()))


@mistake(
    "you add the minimum once for every occurrence: go through the different n-grams, "
    "each once"
)
def counted_again(hypothesis: Tokens, reference: Tokens, n: int) -> float:
    all_of = grams(hypothesis, n)
    wanted = grams(reference, n)
    return share(
        sum(min(all_of.count(g), wanted.count(g)) for g in all_of), len(all_of)
    )


EXERCISE = Exercise(
    number="5.1",
    title="Clipped n-gram precision",
    minutes=10,
    difficulty=2,
    importance=5,
    reference="course.reward.overlap:clipped_precision",
    why="It is the heart of BLEU; without the clipping a policy would earn full marks "
    "for one good word said for ever.",
    hints=(
        "The hypothesis says “the” four times and the reference once: how many of the "
        "four deserve a match?",
        "Count the n-grams of both texts. Each n-gram matches min(count here, count "
        "there) times; divide the sum of the matches by the number of n-grams of the "
        "hypothesis, and return 0 where it has none.",
        "`found, wanted = Counter(zip(*(hypothesis[i:] for i in range(n)))), …`; then "
        "`(found & wanted).total()` is the number of matches.",
    ),
    probes=probes,
    properties=(Property("repeating never helps", repeating_never_helps),),
    mistakes=mistakes_in(__name__),
)
