"""Exercise 15.1: chrF."""

from collections import Counter

import torch

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in


def probes(generator: torch.Generator) -> list[Probe]:
    letters = torch.randint(0, 4, (2, 12), generator=generator).tolist()
    one, other = ("".join("ab c"[n] for n in row) for row in letters)
    return [
        Probe("equal texts", ("film", "film")),
        Probe("one letter", ("a", "ab")),
        Probe("the month left out", ("Monday, 17", "Monday, 17 May")),
        Probe("a wrong month", ("Monday, 17 June", "Monday, 17 May")),
        Probe("nothing in common", ("abc", "xyz")),
        Probe("an empty hypothesis", ("", "film")),
        Probe("an empty reference", ("film", "")),
        Probe("both empty", ("", " ")),
        Probe("other spaces", ("a good film", "agood  film ")),
        Probe("a tab and a new line", ("a\tgood film", "a good\nfilm")),
        Probe("capital letters", ("Film noir", "film noir")),
        Probe("a letter repeated", ("aaaaaaa", "abaa")),
        Probe("a longer hypothesis", ("a good film, really good", "good film")),
        Probe("Chinese", ("1月17日星期一", "4月17日星期一")),
        Probe("words in another order", ("17 May, Monday", "Monday, May 17")),
        Probe("four letters", (one, other)),
    ]


def grams(text: str, n: int) -> Counter:
    return Counter(text[i : i + n] for i in range(len(text) - n + 1))


def f_score(p: float, r: float, beta: float = 2.0) -> float:
    b = beta**2
    return (1 + b) * p * r / (b * p + r) if p + r else 0.0


def shares(a: str, b: str, longest: int = 6) -> tuple[list[float], list[float]]:
    """Precision and recall of each n for which both have n-grams."""
    found = []
    for n in range(1, min(longest, len(a), len(b)) + 1):
        one, other = grams(a, n), grams(b, n)
        same = (one & other).total()
        found.append((same / one.total(), same / other.total()))
    return [p for p, _ in found], [r for _, r in found]


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def bare(text: str) -> str:
    return "".join(text.split())


def averaged(
    a: str, b: str, beta: float = 2.0, longest: int = 6, shortest: int = 1
) -> float:
    p, r = (values[shortest - 1 :] for values in shares(a, b, longest))
    return f_score(mean(p), mean(r), beta)


@mistake("you count the spaces too: take all white space out of both texts first")
def spaces_kept(hypothesis: str, reference: str) -> float:
    return averaged(hypothesis, reference)


@mistake("you take only the spaces at the ends away: those in the middle go, too")
def stripped(hypothesis: str, reference: str) -> float:
    return averaged(hypothesis.strip(), reference.strip())


@mistake(
    "you take only the character ' ' away: tabs and new lines are white space, too"
)
def only_blanks(hypothesis: str, reference: str) -> float:
    return averaged(hypothesis.replace(" ", ""), reference.replace(" ", ""))


@mistake("you count runs of words: chrF counts runs of *characters*")
def of_words(hypothesis: str, reference: str) -> float:
    a, b, p, r = hypothesis.split(), reference.split(), [], []
    for n in range(1, min(6, len(a), len(b)) + 1):
        one, other = (
            Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
            for words in (a, b)
        )
        same = (one & other).total()
        p.append(same / one.total())
        r.append(same / other.total())
    return f_score(mean(p), mean(r))


@mistake("recall has to count double: that is an F-score with β = 2, yours has β = 1")
def f_one(hypothesis: str, reference: str) -> float:
    return averaged(bare(hypothesis), bare(reference), 1.0)


@mistake(
    "precision counts double in yours: in (1 + β²) P R / (β² P + R) the β² stands "
    "beside the precision, which makes *recall* count more"
)
def turned_over(hypothesis: str, reference: str) -> float:
    return averaged(bare(hypothesis), bare(reference), 0.5)


@mistake("you use β where the formula has β²: with β = 2 that is 4, not 2")
def not_squared(hypothesis: str, reference: str) -> float:
    return averaged(bare(hypothesis), bare(reference), 2**0.5)


@mistake("your recall counts four times: β is 2, so β² = 4 stands beside P")
def beta_four(hypothesis: str, reference: str) -> float:
    return averaged(bare(hypothesis), bare(reference), 4.0)


@mistake("your n-grams begin at 2: single characters count, too")
def from_two(hypothesis: str, reference: str) -> float:
    return averaged(bare(hypothesis), bare(reference), shortest=2)


@mistake("you take only n = 6: every length from 1 to 6 counts")
def only_six(hypothesis: str, reference: str) -> float:
    return averaged(bare(hypothesis), bare(reference), shortest=6)


@mistake("you take only single characters: runs of up to 6 count")
def only_one(hypothesis: str, reference: str) -> float:
    return averaged(bare(hypothesis), bare(reference), longest=1)


@mistake("your n-grams end at 5: chrF goes up to 6")
def up_to_five(hypothesis: str, reference: str) -> float:
    return averaged(bare(hypothesis), bare(reference), longest=5)


@mistake("your n-grams end at 4, as BLEU's do: chrF goes up to 6")
def up_to_four(hypothesis: str, reference: str) -> float:
    return averaged(bare(hypothesis), bare(reference), longest=4)


@mistake(
    "you average one F-score for each n: average precision and recall over n first, "
    "then make one F-score of the two means"
)
def mean_of_f(hypothesis: str, reference: str) -> float:
    p, r = shares(bare(hypothesis), bare(reference))
    return mean([f_score(*pair) for pair in zip(p, r, strict=True)])


@mistake(
    "you divide by 6 even where the texts are too short for six lengths: average over "
    "those n for which both texts have an n-gram"
)
def always_six(hypothesis: str, reference: str) -> float:
    p, r = shares(bare(hypothesis), bare(reference))
    return f_score(sum(p) / 6, sum(r) / 6)


@mistake("you lower the case: chrF keeps it, F and f are two characters")
def lowered(hypothesis: str, reference: str) -> float:
    return averaged(bare(hypothesis).lower(), bare(reference).lower())


@mistake(
    "you count each different n-gram once: a run that occurs three times counts three "
    "times, but matches at most as often as the reference has it"
)
def each_once(hypothesis: str, reference: str) -> float:
    a, b, p, r = bare(hypothesis), bare(reference), [], []
    for n in range(1, min(6, len(a), len(b)) + 1):
        one, other = set(grams(a, n)), set(grams(b, n))
        p.append(len(one & other) / len(one))
        r.append(len(one & other) / len(other))
    return f_score(mean(p), mean(r))


@mistake(
    "you count every n-gram that occurs in the other text, however often: clip it, or "
    "repeating a good letter would be paid"
)
def not_clipped(hypothesis: str, reference: str) -> float:
    a, b, p, r = bare(hypothesis), bare(reference), [], []
    for n in range(1, min(6, len(a), len(b)) + 1):
        one, other = grams(a, n), grams(b, n)
        p.append(sum(c for g, c in one.items() if g in other) / one.total())
        r.append(sum(c for g, c in other.items() if g in one) / other.total())
    return f_score(mean(p), mean(r))


@mistake(
    "you count every n-gram of the hypothesis that occurs in the reference, however "
    "often: clip it, or repeating a good letter would be paid"
)
def one_sided(hypothesis: str, reference: str) -> float:
    a, b, p, r = bare(hypothesis), bare(reference), [], []
    for n in range(1, min(6, len(a), len(b)) + 1):
        one, other = grams(a, n), grams(b, n)
        same = sum(count for gram, count in one.items() if gram in other)
        p.append(same / one.total())
        r.append(same / other.total())
    return f_score(mean(p), mean(r))


@mistake("you miss the last n-gram: a text of L characters has L − n + 1 of length n")
def last_missing(hypothesis: str, reference: str) -> float:
    a, b, p, r = bare(hypothesis), bare(reference), [], []
    for n in range(1, min(6, len(a), len(b)) + 1):
        one, other = grams(a[:-1], n), grams(b[:-1], n)
        same = (one & other).total()
        p.append(same / max(1, one.total()))
        r.append(same / max(1, other.total()))
    return f_score(mean(p), mean(r))


@mistake(
    "you add the counts of all n together: each n has a precision of its own, and they "
    "are averaged"
)
def pooled(hypothesis: str, reference: str) -> float:
    a, b, same, ours, theirs = bare(hypothesis), bare(reference), 0, 0, 0
    for n in range(1, min(6, len(a), len(b)) + 1):
        one, other = grams(a, n), grams(b, n)
        same += (one & other).total()
        ours, theirs = ours + one.total(), theirs + other.total()
    return f_score(same / ours, same / theirs) if same else 0.0


@mistake("you return the precision alone: a text that leaves things out has to pay")
def only_precision(hypothesis: str, reference: str) -> float:
    return mean(shares(bare(hypothesis), bare(reference))[0])


@mistake("you return the recall alone: a text that says too much has to pay as well")
def only_recall(hypothesis: str, reference: str) -> float:
    return mean(shares(bare(hypothesis), bare(reference))[1])


def spaces_are_nothing(function) -> str | None:
    if abs(function("g o o d", "good") - 1) < 1e-9:
        return None
    return "only characters count: 'g o o d' against 'good' must give 1"


EXERCISE = Exercise(
    number="15.1",
    title="chrF",
    minutes=20,
    difficulty=3,
    importance=4,
    reference="course.reward.overlap:chrf",
    why="It needs no tokenizer, so it compares Chinese and German by the same rule.",
    hints=(
        "What would you count if nobody told you where the words of a language end?",
        "Take the white space out. For n = 1 to 6, as far as both texts reach: matches "
        "over the hypothesis' n-grams is P, over the reference's R. Average both.",
        "`Counter(a[i : i + n] for i in range(len(a) - n + 1))`, matches "
        "`(one & other).total()`, at the end `5 * P * R / (4 * … + …)`",
    ),
    probes=probes,
    properties=(Property("spaces are nothing", spaces_are_nothing),),
    mistakes=mistakes_in(__name__),
)
