"""Exercise 5.3: ROUGE-L."""

from collections import Counter

import torch

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.reward.overlap import common_subsequence, rouge_tokens


def probes(generator: torch.Generator) -> list[Probe]:
    def draw(length: int) -> str:
        places = torch.randint(4, (length,), generator=generator).tolist()
        return " ".join(["so", "good", "a", "film"][i] for i in places)

    return [
        Probe("one word, the same", ("good", "good")),
        Probe("one word, another", ("good", "bad")),
        Probe("no words", ("", "")),
        Probe("nothing said", ("", "a film")),
        Probe("no reference", ("a film", "")),
        Probe("another order", ("good, this film", "this good film")),
        Probe("words between", ("a good film", "a very good little film")),
        Probe("backwards", ("a b c d e f", "f e d c b a")),
        Probe("a repeated word", ("the the the the", "the cat")),
        Probe("case and punctuation", ("A GOOD film!", "a good, film.")),
        Probe("numbers and apostrophes", ("It isn't 1.5 stars", "it is 1.5 stars?")),
        Probe("a long one", (draw(14), draw(9))),
        Probe("a longer one", (draw(25), draw(25))),
    ]


def f1(matches: int, found: int, wanted: int) -> float:
    return 2 * matches / (found + wanted) if matches else 0.0


def both(hypothesis: str, reference: str) -> tuple[list[str], list[str]]:
    return rouge_tokens(hypothesis), rouge_tokens(reference)


@mistake(
    "you divide by the reference's length only: that is recall, and a text that says "
    "everything would be perfect; return F1"
)
def recall_only(hypothesis: str, reference: str) -> float:
    found, wanted = both(hypothesis, reference)
    return common_subsequence(found, wanted) / len(wanted) if wanted else 0.0


@mistake(
    "you divide by the hypothesis' length only: that is precision, and one safe word "
    "would be perfect; return F1"
)
def precision_only(hypothesis: str, reference: str) -> float:
    found, wanted = both(hypothesis, reference)
    return common_subsequence(found, wanted) / len(found) if found else 0.0


@mistake(
    "you look for the longest unbroken run: a subsequence may skip words, so take the "
    "larger neighbour where two words differ"
)
def one_run(hypothesis: str, reference: str) -> float:
    found, wanted = both(hypothesis, reference)
    longest, row = 0, [0] * (len(wanted) + 1)
    for token in found:
        above, row = row, [0]
        for j, other in enumerate(wanted):
            row.append(above[j] + 1 if token == other else 0)
        longest = max(longest, *row)
    return f1(longest, len(found), len(wanted))


@mistake(
    "you count common words in any order: that is ROUGE-1; ROUGE-L wants them in the "
    "same order"
)
def any_order(hypothesis: str, reference: str) -> float:
    found, wanted = both(hypothesis, reference)
    return f1((Counter(found) & Counter(wanted)).total(), len(found), len(wanted))


@mistake("you keep upper case: ROUGE compares lower-case tokens, use rouge_tokens")
def with_case(hypothesis: str, reference: str) -> float:
    def tokens(text: str) -> list[str]:
        kept = [c if c.isascii() and c.isalnum() else " " for c in text]
        return "".join(kept).split()

    found, wanted = tokens(hypothesis), tokens(reference)
    return f1(common_subsequence(found, wanted), len(found), len(wanted))


@mistake(
    "you split at spaces, so that “film.” differs from “film”: use rouge_tokens, which "
    "keeps letters and digits only"
)
def split_at_spaces(hypothesis: str, reference: str) -> float:
    found, wanted = hypothesis.lower().split(), reference.lower().split()
    return f1(common_subsequence(found, wanted), len(found), len(wanted))


@mistake(
    "you split at spaces and keep upper case: use rouge_tokens, which keeps letters "
    "and digits and writes them in lower case"
)
def split_with_case(hypothesis: str, reference: str) -> float:
    found, wanted = hypothesis.split(), reference.split()
    return f1(common_subsequence(found, wanted), len(found), len(wanted))


@mistake("you compare characters: the units are words, use rouge_tokens")
def of_characters(hypothesis: str, reference: str) -> float:
    matches = common_subsequence(list(hypothesis.lower()), list(reference.lower()))
    return f1(matches, len(hypothesis), len(reference))


@mistake(
    "you average precision and recall: F1 is their harmonic mean, 2 · LCS / (length + "
    "length)"
)
def plain_mean(hypothesis: str, reference: str) -> float:
    return (
        precision_only(hypothesis, reference) + recall_only(hypothesis, reference)
    ) / 2


@mistake(
    "you divide by the longer length: F1 divides twice the LCS by the sum of both "
    "lengths"
)
def over_the_longer(hypothesis: str, reference: str) -> float:
    found, wanted = both(hypothesis, reference)
    longest = max(len(found), len(wanted))
    return common_subsequence(found, wanted) / longest if longest else 0.0


@mistake("you return the length of the common subsequence: make it a share with F1")
def only_the_length(hypothesis: str, reference: str) -> float:
    return float(common_subsequence(*both(hypothesis, reference)))


def order_counts(function) -> str | None:
    right, wrong = function("one two three", "one two three"), None
    wrong = function("three two one", "one two three")
    if abs(right - 1) < 1e-9 and abs(wrong - 1 / 3) < 1e-6:
        return None
    return (
        "three words backwards keep a common subsequence of one word, so 1/3; yours "
        f"gives {wrong:.3g}, and {right:.3g} for the text itself"
    )


@mistake(
    "you match greedily, each word with the first one that is left: the longest common "
    "subsequence may have to skip a word"
)
def greedy(hypothesis: str, reference: str) -> float:
    found, wanted = both(hypothesis, reference)
    place = matches = 0
    for word in found:
        if word in wanted[place:]:
            place = wanted.index(word, place) + 1
            matches += 1
    return f1(matches, len(found), len(wanted))


@mistake(
    "you compare word by word at the same place: a subsequence may skip words in "
    "either text"
)
def same_places(hypothesis: str, reference: str) -> float:
    found, wanted = both(hypothesis, reference)
    matches = sum(a == b for a, b in zip(found, wanted, strict=False))
    return f1(matches, len(found), len(wanted))


@mistake(
    "you count only what both texts begin with: the subsequence may start anywhere"
)
def common_start(hypothesis: str, reference: str) -> float:
    found, wanted = both(hypothesis, reference)
    matches = 0
    for a, b in zip(found, wanted, strict=False):
        if a != b:
            break
        matches += 1
    return f1(matches, len(found), len(wanted))


@mistake("you compare sets of words: order and repetition count in a subsequence")
def sets_of_words(hypothesis: str, reference: str) -> float:
    found, wanted = map(set, both(hypothesis, reference))
    return f1(len(found & wanted), len(found), len(wanted))


@mistake(
    "you divide by the words that either text has, L / (a + b − L): F1 is 2L / (a + b)"
)
def jaccard(hypothesis: str, reference: str) -> float:
    found, wanted = both(hypothesis, reference)
    matches = common_subsequence(found, wanted)
    return matches / max(1, len(found) + len(wanted) - matches)


@mistake("you take the geometric mean of precision and recall: F1 is the harmonic one")
def geometric_mean(hypothesis: str, reference: str) -> float:
    found, wanted = both(hypothesis, reference)
    return common_subsequence(found, wanted) / max(1, len(found) * len(wanted)) ** 0.5


EXERCISE = Exercise(
    number="5.3",
    title="ROUGE-L",
    minutes=20,
    difficulty=3,
    importance=4,
    reference="course.reward.overlap:rouge_l",
    why="It is the usual reward for summaries: it asks for the right words in the "
    "right order and forgives what stands between them.",
    hints=(
        "Which words do both texts have in the same order, if you may skip words in "
        "either?",
        "Let row[j] be the longest common subsequence of the words so far and the "
        "first j of the reference. Equal words extend the entry diagonally above by "
        "one; otherwise take the larger of above and left. Then "
        "F1 = 2 · LCS / (length + length), and 0 without a match.",
        "`row.append(above[j] + 1 if token == other else max(…, …))` inside two loops; "
        "both texts go through rouge_tokens first",
    ),
    probes=probes,
    properties=(Property("order counts", order_counts),),
    mistakes=mistakes_in(__name__),
)
