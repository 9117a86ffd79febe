"""The tasks of chapter 16: a user, summaries, stories, a list of words, two as one."""

import random
from itertools import product

import pytest
import torch

from course.reward.diversity import diversity_bonus
from course.reward.overlap import rouge_n
from course.tasks import booking, stories, story_grammar
from course.tasks.harmless import flagged, nearly, spelled_round
from course.tasks.many import apart, many, only
from course.tasks.summaries import Chooser, features, rouge_of_nothing
from course.tasks.task import Task


def test_no_wish_is_both_trained_on_and_held_out():
    train, held = (
        {(w.city, w.day, w.seats) for w in booking.wishes(split, 3000, 0)}
        for split in ("train", "held-out")
    )
    assert not train & held
    assert len(train) + len(held) == 8 * 7 * 6
    assert 0.1 < len(held) / 336 < 0.3


def test_a_user_answers_questions_and_nothing_else():
    wish = booking.Wish("Rome", "Friday", "two", ("day",))
    assert wish.opening() == "a table Friday >"
    answers = [wish.answer(question) for question in booking.QUESTIONS.values()]
    assert answers == [" Rome >", " Friday >", " two >"]
    for said in (
        wish.booking(),
        " book Rome.",
        "",
        " which",
        " which city? which day?",
    ):
        assert wish.answer(said) is None
    assert booking.booked(wish.booking())
    assert not booking.booked(" book Friday Rome two.")


def test_the_careless_clerk_mostly_books_at_once_and_never_contradicts():
    draw = random.Random(0)
    wish = booking.Wish("Rome", "Friday", "two", ("day",))
    said = [booking.clerk(wish, {"day"}, draw) for _ in range(4000)]
    booked = [text for text in said if booking.booked(text)]
    assert 0.6 < len(booked) / 4000 < 0.7
    assert all(" Friday " in text for text in booked)


PROMPT = "Nora wants a boat."


def every_story():
    """All whole stories of one opening, spelled out here once more."""
    for trouble, helper, helps, gets, end in product(
        story_grammar.TROUBLES,
        story_grammar.HELPERS,
        story_grammar.HELPS,
        story_grammar.GETS,
        story_grammar.ENDINGS,
    ):
        yield (
            f" Nora is {trouble}. The {helper} {helps} Nora. "
            f"Nora {gets} the boat. Nora is {end}."
        )


def test_exactly_the_grammars_stories_are_whole_and_all_earn_everything():
    texts = list(every_story())
    assert len(set(texts)) == 360
    score = stories.story_score()
    assert all(story_grammar.is_whole(PROMPT, text) for text in texts)
    assert torch.equal(score([PROMPT] * 360, texts), torch.ones(360))
    assert not story_grammar.is_whole("Omar wants a boat.", texts[0])
    assert not story_grammar.is_whole("Nora wants a kite.", texts[0])
    draw = random.Random(1)
    assert {story_grammar.tell(PROMPT, draw) for _ in range(6000)} == set(texts)


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("unfinished", {"ending", "wish", "length"}),
        ("taken over", {"same"}),
        ("skipped", {"length"}),
    ],
)
def test_each_habit_lacks_its_parts(kind, missing):
    for seed in range(20):
        text = story_grammar.tell(PROMPT, random.Random(seed), kind)
        parts = stories.story_parts(PROMPT, text)
        assert {name for name, value in parts.items() if not value} == missing
        assert not story_grammar.is_whole(PROMPT, text)


@pytest.mark.parametrize("text", ["", ".", " .", "....", " Nora", " the boat. the"])
def test_any_text_at_all_is_scored(text):
    assert 0 <= float(stories.story_score()([PROMPT], [text])) <= 1


def test_weights_that_make_no_sense_are_refused():
    for weights in ({"rhyme": 1.0}, {}, {"same": 0.0}):
        with pytest.raises(ValueError, match="expected some of"):
            stories.story_score(weights)
    with pytest.raises(ValueError, match="wants a boat"):
        story_grammar.wanted("Nora likes boats.")


def test_the_bonus_is_one_minus_the_share_of_common_pairs():
    texts = ["a b c", "a b d", "x y", "x y"]
    found = diversity_bonus(texts, torch.ones(4), 2)
    assert found.tolist() == pytest.approx([1 - 1 / 3, 1 - 1 / 3, 0, 0])
    assert not diversity_bonus(texts, torch.zeros(4), 2).any()
    with pytest.raises(ValueError, match="whole groups"):
        diversity_bonus(texts, torch.ones(4), 3)


def test_the_search_for_nothing_takes_the_best_word_each_time():
    titles = ["a good phone", "a bad phone", "the best phone of all"]
    words = ["good", "a", "phone", "of", "zebra"]

    def total(text):
        return sum(rouge_n(text, title, 1) for title in titles)

    found = rouge_of_nothing(titles, words, 4).split()
    for n in range(len(found)):
        best = max(
            total(" ".join([*found[:n], w])) for w in words if w not in found[:n]
        )
        assert total(" ".join(found[: n + 1])) == pytest.approx(best)
    assert "zebra" not in found
    for bad in (([], words, 3), (titles, words, 0)):
        with pytest.raises(ValueError, match="at least"):
            rouge_of_nothing(*bad)


def test_the_chooser_gives_probabilities_and_none_to_padding():
    x = features(["First one.", "And a second!", "LAST"])[None]
    mask = torch.tensor([[True, True, False]])
    p = Chooser(0)(x, mask)
    assert p.sum().item() == pytest.approx(1) and p[0, 2] == 0
    assert sum(w.numel() for w in Chooser(0).parameters()) == 145


def test_the_list_flags_whole_words_and_misses_each_of_them_spelled_round():
    words = {"dull", "awful", "so-so"}
    for word in ("dull", "awful"):
        assert flagged([f"A {word.upper()}, really."], words) == [True]
        hidden = spelled_round(f"A {word}, really.", words)
        assert flagged([hidden], words) == [False]
        assert nearly(hidden, words)
    assert flagged(["dullness", "unawful", ""], words) == [False] * 3
    assert not nearly("a dull film", words)


def toy(name: str, right: str) -> Task:
    def score(prompts, texts):
        return torch.tensor([float(text == right) for text in texts])

    pairs = [(f"{n}?", right) for n in range(3)]
    prompts = [prompt for prompt, _ in pairs]
    return Task(
        name, prompts, ["9?"], pairs, 2, score, score, lambda p: right, dict(pairs)
    )


def test_each_text_is_scored_by_the_task_that_its_prompt_names():
    task = many([toy("yes", " y"), toy("no", " n")])
    prompts = ["yes| 0?", "no| 0?", "no| 9?", "yes| 9?"]
    assert task.score(prompts, [" y"] * 4).tolist() == [1, 0, 0, 1]
    assert task.hack("no| 1?") == " n" and task.references["yes| 1?"] == " y"
    assert {apart(p)[0] for p in task.train[:2]} == {"yes", "no"}
    assert set(only(task, "no").train) == {"no| 0?", "no| 1?", "no| 2?"}
    for wrong in ([toy("a", "x")], [toy("a", "x"), toy("a", "y")]):
        with pytest.raises(ValueError, match="different names"):
            many(wrong)
    with pytest.raises(ValueError, match="expected one that a prompt has"):
        only(task, "maybe")
    with pytest.raises(ValueError, match="stories"):
        apart("Nora wants a boat.")
