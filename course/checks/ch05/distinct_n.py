"""Exercise 5.5: distinct-n."""

import re

import torch

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in


def probes(generator: torch.Generator) -> list[Probe]:
    def draw(length: int) -> str:
        places = torch.randint(3, (length,), generator=generator).tolist()
        return " ".join(["so", "good", "film"][i] for i in places)

    return [
        Probe("one word", ("good", 1)),
        Probe("one word said four times", ("so so so so", 1)),
        Probe("pairs of a loop", ("so good so good so good", 2)),
        Probe("nothing repeated", ("a film about love", 2)),
        Probe("shorter than n", ("a film", 3)),
        Probe("exactly n words", ("a good film", 3)),
        Probe("no words", ("", 1)),
        Probe("spaces and line ends", ("  so \n so  good ", 1)),
        Probe("another case", ("Good good film", 1)),
        Probe("punctuation", ("good , good .", 1)),
        Probe("words that could be glued", ("ab c a bc", 2)),
        Probe("threes of a loop", ("it is so it is so it is so", 3)),
        Probe("many words", (draw(12), 1)),
        Probe("many pairs", (draw(15), 2)),
        Probe("many threes", (draw(25), 3)),
    ]


def grams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[i:] for i in range(n)), strict=False))


def share(found: list, total: int) -> float:
    return len(set(found)) / total if total else 1.0


@mistake(
    "you return the number of different n-grams: divide by the number of all, or long "
    "texts win"
)
def counted(text: str, n: int) -> float:
    return float(len(set(grams(text.split(), n))))


@mistake("you divide by the number of words: a text of w words has w − n + 1 n-grams")
def over_words(text: str, n: int) -> float:
    words = text.split()
    found = grams(words, n)
    return share(found, len(words)) if found else 1.0


@mistake("you look at characters: the units are words, text.split()")
def of_characters(text: str, n: int) -> float:
    found = grams(list(text), n)
    return share(found, len(found))


@mistake("this is the share that is repeated: distinct-n is 1 minus it")
def repeated_share(text: str, n: int) -> float:
    found = grams(text.split(), n)
    return 1 - share(found, len(found))


@mistake("your fraction is turned over: different n-grams divided by all n-grams")
def turned_over(text: str, n: int) -> float:
    found = grams(text.split(), n)
    return len(found) / len(set(found)) if found else 1.0


@mistake("a text with fewer than n words repeats nothing: return 1, not 0")
def nothing_is_nothing(text: str, n: int) -> float:
    found = grams(text.split(), n)
    return len(set(found)) / len(found) if found else 0.0


@mistake("you make the words lower-case: here “Good” and “good” are two words")
def without_case(text: str, n: int) -> float:
    found = grams(text.lower().split(), n)
    return share(found, len(found))


@mistake("your n-grams stand side by side: they overlap, one starts at every word")
def side_by_side(text: str, n: int) -> float:
    words = text.split()
    found = [tuple(words[i : i + n]) for i in range(0, len(words) - n + 1, n)]
    return share(found, len(found))


@mistake("you count single words whatever n is: an n-gram is n words in a row")
def single_words(text: str, n: int) -> float:
    words = text.split()
    return share(words, len(words))


@mistake(
    "you glue the words of an n-gram together, so that “ab c” is the same as “a bc”: "
    "count tuples of words"
)
def glued(text: str, n: int) -> float:
    found = ["".join(gram) for gram in grams(text.split(), n)]
    return share(found, len(found))


@mistake("you forget the order inside an n-gram: “so good” and “good so” are two")
def any_order(text: str, n: int) -> float:
    found = [tuple(sorted(gram)) for gram in grams(text.split(), n)]
    return share(found, len(found))


def a_loop_falls(function) -> str | None:
    short, long = function("so good " * 2, 2), function("so good " * 20, 2)
    if not long < short:
        return (
            "a loop must score lower the longer it goes on; yours gives "
            f"{short:.3g} for two rounds and {long:.3g} for twenty"
        )
    if short < 1:
        return None
    return (
        "“so good so good” repeats a pair, so it must score below 1; yours gives "
        f"{short:.3g}"
    )


@mistake(
    "you count the n-grams that occur once: one that is repeated is still one "
    "different n-gram"
)
def seen_once(text: str, n: int) -> float:
    found = grams(text.split(), n)
    once = [g for g in found if found.count(g) == 1]
    return len(once) / len(found) if found else 1.0


@mistake("you take rouge_tokens: here the words are text.split(), as they stand")
def other_words(text: str, n: int) -> float:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return share(grams(words, n), len(grams(words, n)))


@mistake("you average over all lengths up to n: only n-grams of n words count")
def up_to_n(text: str, n: int) -> float:
    words = text.split()
    if len(words) < n:
        return 1.0
    every = [grams(words, k) for k in range(1, n + 1)]
    return sum(share(found, len(found)) for found in every) / n


EXERCISE = Exercise(
    number="5.5",
    title="Distinct-n",
    minutes=10,
    difficulty=1,
    importance=3,
    reference="course.reward.rules:distinct_n",
    why="It is the cheapest alarm for a policy that has begun to loop, and the usual "
    "counterweight to a likelihood reward.",
    hints=(
        "“so good so good so good” has five pairs of neighbouring words: how many "
        "different ones?",
        "List all runs of n words, overlapping ones too; divide the number of "
        "different ones by the number of all. A text with fewer than n words repeats "
        "nothing: 1.",
        "`grams = list(zip(*(words[i:] for i in range(n))))`, then "
        "`len(…) / len(grams)`, and 1.0 where the list is empty",
    ),
    probes=probes,
    properties=(Property("a loop falls", a_loop_falls),),
    mistakes=mistakes_in(__name__),
)
