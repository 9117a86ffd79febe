"""Exercise 13.4: pairs out of thumbs."""

from collections.abc import Sequence

import torch

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in

Thumbs = Sequence[tuple[str, str, bool]]
Pairs = list[tuple[str, str, str]]


def probes(generator: torch.Generator) -> list[Probe]:
    good, bad, fine = (
        ("The", " good", True),
        ("The", " bad", False),
        ("The", " fine", True),
    )
    dull, other = ("The", " dull", False), ("A film", " bad", False)
    loved = ("A film", " loved", True)
    return [
        Probe("one of each", ([good, bad],)),
        Probe("only thumbs up", ([good, fine],)),
        Probe("only thumbs down", ([bad, dull],)),
        Probe("no thumbs", ([],)),
        Probe("two up, one down", ([good, fine, bad],)),
        Probe("two of each", ([good, bad, fine, dull],)),
        Probe("down first", ([bad, dull, fine, good],)),
        Probe("two prompts", ([good, other, loved, bad],)),
        Probe("up in one prompt, down in the other", ([good, other],)),
        Probe("a text with both", ([good, ("The", " good", False), bad],)),
        Probe("prompts in turns", ([good, loved, fine, other, bad],)),
        Probe("the same thumbs twice", ([good, bad, good, bad],)),
        Probe("the same text under two prompts", ([("A film", " bad", True), bad],)),
    ]


def ups_and_downs(thumbs: Thumbs) -> tuple[list, list]:
    return [t for t in thumbs if t[2]], [t for t in thumbs if not t[2]]


@mistake("you compare texts of different prompts: a pair belongs to one prompt")
def across_prompts(thumbs: Thumbs) -> Pairs:
    ups, downs = ups_and_downs(thumbs)
    return [(u[0], u[1], d[1]) for u in ups for d in downs if u[1] != d[1]]


@mistake("you put the rejected text first: prompt, chosen, rejected")
def rejected_first(thumbs: Thumbs) -> Pairs:
    ups, downs = ups_and_downs(thumbs)
    return [
        (u[0], d[1], u[1]) for u in ups for d in downs if u[0] == d[0] and u[1] != d[1]
    ]


@mistake("you pair a text with itself: one that got both thumbs is left out")
def with_itself(thumbs: Thumbs) -> Pairs:
    ups, downs = ups_and_downs(thumbs)
    return [(u[0], u[1], d[1]) for u in ups for d in downs if u[0] == d[0]]


@mistake("you pair only neighbours: every thumb up goes with every thumb down")
def neighbours(thumbs: Thumbs) -> Pairs:
    ups, downs = ups_and_downs(thumbs)
    pairs = zip(ups, downs, strict=False)
    return [(u[0], u[1], d[1]) for u, d in pairs if u[0] == d[0] and u[1] != d[1]]


@mistake("you pair each thumb up with one thumb down: it goes with all of its prompt")
def one_each(thumbs: Thumbs) -> Pairs:
    ups, downs = ups_and_downs(thumbs)
    found = []
    for u in ups:
        of_prompt = [d for d in downs if d[0] == u[0] and d[1] != u[1]]
        found += [(u[0], u[1], d[1]) for d in of_prompt[:1]]
    return found


@mistake("you go through the thumbs down first: the order is up, then down")
def downs_first(thumbs: Thumbs) -> Pairs:
    ups, downs = ups_and_downs(thumbs)
    return [
        (u[0], u[1], d[1]) for d in downs for u in ups if u[0] == d[0] and u[1] != d[1]
    ]


@mistake("you leave the prompt out: prompt, chosen, rejected")
def no_prompt(thumbs: Thumbs) -> list:
    ups, downs = ups_and_downs(thumbs)
    return [(u[1], d[1]) for u in ups for d in downs if u[0] == d[0] and u[1] != d[1]]


@mistake("you put the prompt last: prompt, chosen, rejected")
def prompt_last(thumbs: Thumbs) -> Pairs:
    ups, downs = ups_and_downs(thumbs)
    return [
        (u[1], d[1], u[0]) for u in ups for d in downs if u[0] == d[0] and u[1] != d[1]
    ]


@mistake("you pair a thumb up only with later thumbs down: the order does not matter")
def only_later(thumbs: Thumbs) -> Pairs:
    return [
        (u[0], u[1], d[1])
        for n, u in enumerate(thumbs)
        for d in thumbs[n:]
        if u[2] and not d[2] and u[0] == d[0] and u[1] != d[1]
    ]


@mistake("you drop a text that got both thumbs: it is left out only beside itself")
def both_dropped(thumbs: Thumbs) -> Pairs:
    ups, downs = ups_and_downs(thumbs)
    both = {u[:2] for u in ups} & {d[:2] for d in downs}
    return [
        (u[0], u[1], d[1])
        for u in ups
        for d in downs
        if u[0] == d[0] and not {u[:2], d[:2]} & both
    ]


@mistake("you make each pair twice, once with the rejected text as chosen")
def both_ways(thumbs: Thumbs) -> Pairs:
    return [
        (s[0], s[1], t[1])
        for s in thumbs
        for t in thumbs
        if s[2] != t[2] and s[0] == t[0] and s[1] != t[1]
    ]


@mistake("you glue the prompt to the texts: they are kept apart")
def whole_texts(thumbs: Thumbs) -> Pairs:
    ups, downs = ups_and_downs(thumbs)
    return [
        (u[0], u[0] + u[1], d[0] + d[1])
        for u in ups
        for d in downs
        if u[0] == d[0] and u[1] != d[1]
    ]


@mistake("you turned the thumbs round: True is up, and up is chosen")
def turned_round(thumbs: Thumbs) -> Pairs:
    downs, ups = ups_and_downs(thumbs)
    return [
        (u[0], u[1], d[1]) for u in ups for d in downs if u[0] == d[0] and u[1] != d[1]
    ]


@mistake("you pair thumbs up with each other: a pair needs one of each")
def ups_only(thumbs: Thumbs) -> Pairs:
    ups, _ = ups_and_downs(thumbs)
    return [
        (u[0], u[1], v[1]) for u in ups for v in ups if u[0] == v[0] and u[1] != v[1]
    ]


@mistake("you sort the pairs: their order is that of the thumbs")
def in_order(thumbs: Thumbs) -> Pairs:
    ups, downs = ups_and_downs(thumbs)
    return sorted(
        (u[0], u[1], d[1]) for u in ups for d in downs if u[0] == d[0] and u[1] != d[1]
    )


@mistake("you pair only thumbs that follow each other: up goes with every down")
def side_by_side(thumbs: Thumbs) -> Pairs:
    return [
        (u[0], u[1], d[1])
        for u, d in zip(thumbs, thumbs[1:], strict=False)
        if u[2] and not d[2] and u[0] == d[0] and u[1] != d[1]
    ]


@mistake("you pair a thumb up with other thumbs up, too: only with thumbs down")
def with_all(thumbs: Thumbs) -> Pairs:
    ups, _ = ups_and_downs(thumbs)
    return [
        (u[0], u[1], t[1]) for u in ups for t in thumbs if u[0] == t[0] and u[1] != t[1]
    ]


@mistake("you go prompt by prompt: the order is that of all thumbs up")
def by_prompt(thumbs: Thumbs) -> Pairs:
    ups, downs = ups_and_downs(thumbs)
    return [
        (u[0], u[1], d[1])
        for prompt in dict.fromkeys(t[0] for t in thumbs)
        for u in ups
        for d in downs
        if u[0] == d[0] == prompt and u[1] != d[1]
    ]


@mistake("you keep each pair once: a thumb given twice counts twice")
def without_repeats(thumbs: Thumbs) -> Pairs:
    ups, downs = ups_and_downs(thumbs)
    found = [
        (u[0], u[1], d[1]) for u in ups for d in downs if u[0] == d[0] and u[1] != d[1]
    ]
    return list(dict.fromkeys(found))


EXERCISE = Exercise(
    number="13.4",
    title="Thumbs to pairs",
    minutes=6,
    difficulty=2,
    importance=3,
    reference="course.reward.feedback:thumbs_to_pairs",
    why="Products collect thumbs, and reward models and DPO learn from pairs.",
    hints=(
        "Which two thumbs can be compared?",
        "Two loops: over the thumbs up, and within it over the thumbs down. Keep those "
        "of one prompt and of different texts.",
        "`[(prompt, chosen, rejected) for … in ups for … in downs if …]`.",
    ),
    probes=probes,
    mistakes=mistakes_in(__name__),
)
