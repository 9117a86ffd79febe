"""Exercise 16.3: a text about nothing that fits all titles a little."""

from itertools import chain, combinations

import torch

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.reward.overlap import rouge_n

Words = list[str]


def probes(generator: torch.Generator) -> list[Probe]:
    phones = ["a good phone", "a bad phone"]
    pool = ["good", "bad", "a", "phone", "great", "camera", "the", "it", "for"]
    draws = torch.randint(0, len(pool), (6, 3), generator=generator).tolist()
    titles = [" ".join(pool[n] for n in row) for row in draws]
    return [
        Probe("one title, one word", (["good"], ["bad", "good"], 1)),
        Probe("two titles", (phones, ["good", "a", "phone"], 2)),
        Probe("one word of many", (phones, ["good", "phone", "a"], 1)),
        Probe("more words than help", (phones, ["good", "a", "phone", "zebra"], 4)),
        Probe("no word helps", (phones, ["zebra", "tree"], 2)),
        Probe("a title that repeats a word", (["the the"], ["the", "a"], 2)),
        Probe(
            "titles of unequal length",
            (["the the best thing", "best"], ["the", "best"], 2),
        ),
        Probe("one long title", ([" ".join(f"w{n}" for n in range(60))], ["w1"], 2)),
        Probe("six titles", (titles, pool, 4)),
        Probe("six titles, words in another order", (titles, pool[::-1], 3)),
    ]


def total(text: str, titles: Words, n: int = 1) -> float:
    return sum(rouge_n(text, title, n) for title in titles)


def greedy(titles, words, length, value, stop=True, again=False, first=True) -> str:
    """The search, with its rules as arguments."""
    chosen, best = [], 0.0
    while len(chosen) < length:
        pool = [w for w in words if again or w not in chosen]
        if not pool:
            break
        gains = [value(" ".join([*chosen, w]), w) for w in pool]
        top = max(range(len(pool)), key=lambda i: (gains[i], -i if first else i))
        if stop and gains[top] <= best:
            break
        chosen, best = [*chosen, pool[top]], gains[top]
    return " ".join(chosen)


@mistake("you go on when no word gains: every further word then costs precision")
def never_stops(titles: Words, words: Words, length: int) -> str:
    return greedy(titles, words, length, lambda t, w: total(t, titles), stop=False)


@mistake("you take a word twice: only words that are not used yet may come")
def words_again(titles: Words, words: Words, length: int) -> str:
    return greedy(titles, words, length, lambda t, w: total(t, titles), again=True)


@mistake("you take a word twice, and go on when no word gains")
def again_and_again(titles: Words, words: Words, length: int) -> str:
    return greedy(
        titles, words, length, lambda t, w: total(t, titles), stop=False, again=True
    )


@mistake("you take the word that helps the worst title: sum over all of them")
def worst_title(titles: Words, words: Words, length: int) -> str:
    return greedy(
        titles,
        words,
        length,
        lambda t, w: min(rouge_n(t, title, 1) for title in titles),
    )


@mistake("you sort the words: they stay in the order in which they were found")
def in_order(titles: Words, words: Words, length: int) -> str:
    return " ".join(sorted(EXERCISE.load()(titles, words, length).split()))


@mistake("you return a title: build a text from `words`")
def a_title(titles: Words, words: Words, length: int) -> str:
    return max(titles, key=lambda text: total(text, titles), default="")


@mistake(
    "you try every set of words at once: the search is greedy, word after word, and "
    "keeps what it has"
)
def every_set(titles: Words, words: Words, length: int) -> str:
    sizes = range(min(length, len(words), 3) + 1)
    sets = chain.from_iterable(combinations(words, size) for size in sizes)
    return " ".join(max(sets, key=lambda some: total(" ".join(some), titles)))


@mistake(
    "you take words by how often titles have them: take what ROUGE-1 gains most by"
)
def by_count(titles: Words, words: Words, length: int) -> str:
    seen = " ".join(titles).split()
    ranked = sorted(words, key=lambda w: -seen.count(w))
    return " ".join(ranked[:length])


@mistake("you score each word alone: score the text so far together with the word")
def alone(titles: Words, words: Words, length: int) -> str:
    ranked = sorted(words, key=lambda w: -total(w, titles))
    return " ".join(ranked[:length])


@mistake("of equal words the first of the list is taken; you take the last")
def last_of_equal(titles: Words, words: Words, length: int) -> str:
    return greedy(titles, words, length, lambda t, w: total(t, titles), first=False)


@mistake("you take the word that fits one title best: sum over all of them")
def best_title(titles: Words, words: Words, length: int) -> str:
    return greedy(
        titles,
        words,
        length,
        lambda t, w: max(rouge_n(t, title, 1) for title in titles),
    )


@mistake("you look at the first title only: one text has to fit them all")
def first_title(titles: Words, words: Words, length: int) -> str:
    return greedy(titles, words, length, lambda t, w: total(t, titles[:1]))


@mistake("you use ROUGE-2: here single words count, ROUGE-1")
def pairs_of_words(titles: Words, words: Words, length: int) -> str:
    return greedy(titles, words, length, lambda t, w: total(t, titles, 2))


@mistake("you take one word more than `length` allows")
def one_more(titles: Words, words: Words, length: int) -> str:
    return greedy(titles, words, length + 1, lambda t, w: total(t, titles))


@mistake("you take the worst word each time: look for the largest gain")
def worst(titles: Words, words: Words, length: int) -> str:
    return greedy(titles, words, length, lambda t, w: -total(t, titles), stop=False)


@mistake("you return the words as a list: the result is one text, joined by spaces")
def as_list(titles: Words, words: Words, length: int) -> Words:
    return EXERCISE.load()(titles, words, length).split()


@mistake("you put the new word in front of the text: it is added at the end")
def in_front(titles: Words, words: Words, length: int) -> str:
    return " ".join(EXERCISE.load()(titles, words, length).split()[::-1])


EXERCISE = Exercise(
    number="16.3",
    title="The ROUGE of nothing",
    minutes=20,
    difficulty=3,
    importance=3,
    reference="course.tasks.summaries:rouge_of_nothing",
    why="A text that fits every title a little shows what the metric pays for without "
    "any content.",
    hints=(
        "Which one word would you write if you had to guess all titles at once? And "
        "which second word, given the first?",
        "Keep the words so far. For every word that is not among them, sum `rouge_n` "
        "of the longer text over all titles, n = 1. Take the best, unless it gains "
        "nothing.",
        "`gains = {w: sum(rouge_n(' '.join([*chosen, w]), t, 1) for t in titles) for w "
        "in words if …}` and `max(gains, key=gains.get)`",
    ),
    probes=probes,
    mistakes=mistakes_in(__name__),
)
