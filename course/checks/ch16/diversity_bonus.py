"""Exercise 16.4: a bonus for what no sibling has written."""

from itertools import combinations
from statistics import median

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in

Texts = list[str]


def probes(generator: torch.Generator) -> list[Probe]:
    ones, words = torch.ones(4), "abc"
    draws = torch.randint(0, 3, (8, 4), generator=generator).tolist()
    drawn = [" ".join(words[n] for n in row) for row in draws]
    gate = torch.rand(8, generator=generator)
    return [
        Probe("two equal texts", (["a b", "a b"], torch.ones(2), 2)),
        Probe("nothing in common", (["a b", "c d"], torch.ones(2), 2)),
        Probe("one pair shared", (["a b c", "a b d"], torch.ones(2), 2)),
        Probe("two groups", (["a b", "c d", "a b", "a b"], ones, 2)),
        Probe("a gate of 0", (["a b", "c d", "e f", "a b"], ones - torch.eye(4)[1], 2)),
        Probe("a group of four", (["a b c", "a b", "b c", "x y"], ones, 4)),
        Probe("texts without a pair", (["a", "", "a b"], torch.ones(3), 3)),
        Probe("a repeated pair", (["a b a b", "a b", "b a"], torch.ones(3), 3)),
        Probe("words in another order", (["a b c", "c b a"], torch.ones(2), 2)),
        Probe("capital letters", (["Nora is", "nora is"], torch.ones(2), 2)),
        Probe("pairs that read alike when glued", (["a bc", "ab c"], torch.ones(2), 2)),
        Probe("a comma", (["a, b c", "a b c"], torch.ones(2), 2)),
        Probe("two spaces", (["a  b", "a b"], torch.ones(2), 2)),
        Probe("eight texts, half gates", (drawn, gate, 4)),
        Probe("gates below 0 and above 1", (drawn, 4 * gate - 2, 4)),
    ]


def pairs_of(text: str) -> set:
    words = text.split()
    return set(zip(words, words[1:], strict=False))


def words_of(text: str) -> set:
    return set(text.split())


def jaccard(a: set, b: set) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0


def unlike(texts, group_size, make=pairs_of, alike=jaccard, mine=False, over=None):
    """1 - mean likeness with the siblings, with its rules as arguments."""
    sets, found = [make(text) for text in texts], []
    for n in range(len(sets)):
        first = 0 if over == "batch" else n - n % group_size
        size = len(sets) if over == "batch" else group_size
        others = [m for m in range(first, first + size) if mine or m != n]
        likes = [alike(sets[n], sets[m]) for m in others]
        found.append(1 - sum(likes) / len(likes))
    return torch.tensor(found)


def glued(text: str) -> set:
    return {one + other for one, other in pairs_of(text)}


def without_marks(text: str) -> set:
    return pairs_of("".join(c for c in text if c.isalnum() or c.isspace()))


def at_each_space(text: str) -> set:
    words = text.split(" ")
    return set(zip(words, words[1:], strict=False))


@mistake("your pairs are glued: “a” and “bc” become the same text as “ab” and “c”")
def glued_pairs(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return unlike(texts, group_size, glued) * gate


@mistake("you take commas and points away: the words are those of text.split()")
def marks_taken_away(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return unlike(texts, group_size, without_marks) * gate


@mistake("you split at each single space: two spaces make an empty word; use split()")
def empty_words(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return unlike(texts, group_size, at_each_space) * gate


@mistake("you compare each text with itself, too: only its siblings count")
def with_itself(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return unlike(texts, group_size, mine=True) * gate


@mistake("you compare with the whole batch: siblings are the texts of one prompt")
def whole_batch(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return unlike(texts, group_size, over="batch") * gate


@mistake("you compare single words: here it is pairs of neighbouring words")
def single_words(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return unlike(texts, group_size, make=words_of) * gate


@mistake("you forget the gate: a text that is bad must earn nothing for being new")
def no_gate(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return unlike(texts, group_size)


@mistake("you pay for likeness: the bonus is 1 minus it")
def likeness(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return (1 - unlike(texts, group_size)) * gate


@mistake("you add the gate: multiply by it, so that it can close")
def gate_added(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return unlike(texts, group_size) + gate


@mistake(
    "you divide the common pairs by the text's own: Jaccard divides by all pairs of "
    "the two texts"
)
def of_its_own(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    def alike(a: set, b: set) -> float:
        return len(a & b) / len(a) if a else float(not b)

    return unlike(texts, group_size, alike=alike) * gate


@mistake(
    "you divide by the mean number of pairs of the two texts: Jaccard divides by all "
    "different pairs of both"
)
def dice(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    def alike(a: set, b: set) -> float:
        return 2 * len(a & b) / (len(a) + len(b)) if a | b else 1.0

    return unlike(texts, group_size, alike=alike) * gate


@mistake("you forget the order in a pair: 'a b' and 'b a' are two pairs")
def without_order(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    def make(text: str) -> set:
        return {frozenset(pair) for pair in pairs_of(text)}

    return unlike(texts, group_size, make=make) * gate


@mistake("two texts without a pair are alike, not unlike: 0 / 0 counts as 1 here")
def empty_unlike(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    def alike(a: set, b: set) -> float:
        return len(a & b) / len(a | b) if a | b else 0.0

    return unlike(texts, group_size, alike=alike) * gate


@mistake("you lower the case: 'Nora' and 'nora' are two words")
def lowered(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return unlike([text.lower() for text in texts], group_size) * gate


@mistake("you compare pairs of letters: here it is pairs of neighbouring words")
def letters(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    def make(text: str) -> set:
        return set(zip(text, text[1:], strict=False))

    return unlike(texts, group_size, make=make) * gate


@mistake("you compare three words at a time: here it is pairs")
def three_words(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    def make(text: str) -> set:
        words = text.split()
        return set(zip(words, words[1:], words[2:], strict=False))

    return unlike(texts, group_size, make=make) * gate


@mistake("you take every second pair: pairs overlap, 'a b c' has 'a b' and 'b c'")
def no_overlap(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    def make(text: str) -> set:
        words = text.split()
        return set(zip(words[::2], words[1::2], strict=False))

    return unlike(texts, group_size, make=make) * gate


@mistake("you pair every two words of a text: only *neighbouring* words make a pair")
def any_two(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    def make(text: str) -> set:
        return set(combinations(text.split(), 2))

    return unlike(texts, group_size, make=make) * gate


@mistake(
    "you divide the common pairs by the sibling's: Jaccard divides by all pairs of the "
    "two texts"
)
def of_the_siblings(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    def alike(a: set, b: set) -> float:
        return len(a & b) / len(b) if b else float(not a)

    return unlike(texts, group_size, alike=alike) * gate


@mistake(
    "you divide the common pairs by those of the shorter text: Jaccard divides by all "
    "pairs of the two texts"
)
def of_the_shorter(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    def alike(a: set, b: set) -> float:
        return len(a & b) / min(len(a), len(b)) if a and b else float(a == b)

    return unlike(texts, group_size, alike=alike) * gate


@mistake("you only ask whether the gate is above 0: multiply by it")
def open_or_shut(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return unlike(texts, group_size) * (gate > 0)


@mistake("the gate stands inside in yours: multiply the whole bonus by it")
def gate_inside(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return 1 - gate * (1 - unlike(texts, group_size))


@mistake("you give a whole group the mean of its bonuses: each text has its own")
def of_the_group(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    own = (unlike(texts, group_size) * gate).view(-1, group_size)
    return own.mean(1).repeat_interleave(group_size)


@mistake("you only ask whether a text is equal to a sibling: count what they share")
def equal_or_not(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return unlike(texts, group_size, make=str, alike=lambda a, b: float(a == b)) * gate


def compared(alike):
    """The gated bonuses with another alike(own pairs, the siblings', own place)."""

    def function(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
        found = []
        for n, text in enumerate(texts):
            first = n - n % group_size
            group = [pairs_of(t) for t in texts[first : first + group_size]]
            others = group[: n - first] + group[n - first + 1 :]
            found.append(1 - alike(pairs_of(text), others, n - first))
        return torch.tensor(found) * gate

    return function


nearest_only = mistake(
    "you take the most similar sibling: take the mean over all of them"
)(compared(lambda own, rest, n: max(jaccard(own, b) for b in rest)))
farthest_only = mistake(
    "you take the sibling that is least similar: take the mean over all of them"
)(compared(lambda own, rest, n: min(jaccard(own, b) for b in rest)))
median_of_siblings = mistake("you take the median over the siblings: take the mean")(
    compared(lambda own, rest, n: median(jaccard(own, b) for b in rest))
)
any_pair = mistake("texts that share one pair are all alike: take the share of pairs")(
    compared(lambda own, rest, n: sum(float(bool(own & b)) for b in rest) / len(rest))
)
siblings_in_one = mistake("you throw the siblings' pairs together: compare with each")(
    compared(lambda own, rest, n: jaccard(own, set().union(*rest)))
)


@mistake("your gate is turned round: multiply by gate, not by 1 − gate")
def gate_turned(texts: Texts, gate: Tensor, group_size: int) -> Tensor:
    return unlike(texts, group_size) * (1 - gate)


EXERCISE = Exercise(
    number="16.4",
    title="A bonus for being different",
    minutes=15,
    difficulty=3,
    importance=3,
    reference="course.reward.diversity:diversity_bonus",
    why="No text by itself shows that a policy says the same to everybody; its "
    "siblings do.",
    hints=(
        "When are two texts alike, if not letter by letter? And why would a policy "
        "love a bonus that nothing else is tied to?",
        "Make the set of neighbouring word pairs of each text. Likeness of two texts: "
        "common pairs over all pairs, 1 if there is none. The bonus is 1 minus its "
        "mean over the siblings, times the gate.",
        "`alike = len(own & other) / len(own | other) if own | other else 1.0`, then "
        "`(1 - sum(…) / (group_size - 1)) * gate`",
    ),
    probes=probes,
    mistakes=mistakes_in(__name__),
)
