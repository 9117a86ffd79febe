"""The stored runs of chapter 13 are its page, and can be replayed."""

from pathlib import Path

import pytest
import torch
from tiny_feedback import parts, tiny_loop

from course.data import reviews
from course.lm.sampling import write
from course.recipes import VOTED, Checkpoint, openings
from course.recipes.votes import train_voted, voted_round
from course.reward.feedback import (
    end_states,
    principal_directions,
)
from course.reward.preferences import Vote
from course.runtime import generator
from course.score import whole_texts
from tools import masters

MASTER = Path(__file__).resolve().parents[1] / "notebooks/src/13_instant_feedback.py"
PAGE = ("13-loop", "13-loop-b", "13-round", "13-live", "13-run")
GIVEN = """
import torch
from course.lm.sampling import write
from course.reward.feedback import answer, choose_pair, end_states
from course.reward.feedback import laplace_update, principal_directions
from course.reward.model import score_texts
from course.runtime import generator
from course.score import whole_texts
"""
TEXTS = ["the film is good", "a good film and long", "the dull film is dull"]


@pytest.fixture
def needed(monkeypatch):
    monkeypatch.setattr(reviews, "texts", lambda kind, split: TEXTS)
    writer, tokenizer, judge, _ = parts()
    return {
        "language-model": Checkpoint("language-model", writer, tokenizer, {}),
        "reward-model": Checkpoint("reward-model", judge, tokenizer, {}),
    }


def settings(crowd, seed=0):
    (recipe,) = (r for r in VOTED if r.name == f"voted-{crowd}-{max(seed, 1)}")
    return {**recipe.settings, "seed": seed, "votes": 20}


def same(left, right):
    pairs = zip(left.parameters(), right.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def page(needed):
    """The names of the lesson's page, made with these models."""
    writer, tokenizer, judge, _ = parts()
    prompts = openings(TEXTS, 2)
    asked = [prompt for prompt in prompts[:128] for _ in range(6)]
    pool = write(writer, tokenizer, asked, max_new_tokens=32, generator=generator(0))
    states = end_states(judge, tokenizer, whole_texts(asked, pool))
    space = {
        "writer": writer, "tokenizer": tokenizer, "judge": judge, "prompts": prompts,
        "states": {"reward model": states},
    }  # fmt: skip
    exec(GIVEN, space)
    cells = {cell.id: cell.source for cell in masters.read_master(MASTER, False)}
    for name in PAGE:
        # Of the last cell, which runs them, only the crowd.
        exec(cells[name].split("\npolicy, ")[0], space)
    return space


def test_a_stored_run_is_the_lesson_s_page_bit_for_bit(needed):
    names = page(needed)
    policy, log, _ = names["live"](names["by_gold"], 20, seed=0)
    stored = train_voted(settings("gold"), needed)
    assert [tuple(row.values()) for row in stored.history.rows] == log
    assert same(stored.model, policy)
    assert not same(stored.model, needed["language-model"].model)


def test_a_coin_and_another_seed_give_another_run(needed):
    runs = [
        train_voted(settings(crowd, seed), needed).history.rows
        for crowd, seed in (("gold", 0), ("gold", 1), ("coin", 0))
    ]
    texts = [[row["a"] for row in rows] for rows in runs]
    choices = [[row["choice"] for row in rows] for rows in runs]
    assert texts[0] != texts[1] and choices[0] != choices[2]


def test_a_stored_run_s_votes_replay_to_its_policy(needed):
    stored = train_voted(settings("coin"), needed)
    loop = tiny_loop()
    loop.prompts = openings(TEXTS, 2)
    writer, tokenizer, judge, _ = parts()
    pool = [p for p in loop.prompts for _ in range(6)]
    written = write(writer, tokenizer, pool, max_new_tokens=32, generator=generator(0))
    states = end_states(judge, tokenizer, whole_texts(pool, written))
    loop.directions = principal_directions(states, 8)
    loop.replay(
        [
            Vote(n, 0.0, row["a"], row["b"], row["choice"], None, "", "coin")
            for n, row in enumerate(stored.history.rows)
        ]
    )
    assert same(loop.policy, stored.model)


def test_a_round_asks_ten_times_about_two_of_six(needed):
    loop, seen = tiny_loop(), []

    def click(a, b, draws):
        seen.append((a, b))
        return "skip"

    votes = voted_round(loop, click, seed=3)
    assert len(votes) == 10 and [vote[:2] for vote in votes] == seen
    assert len(loop.wins) == 0  # nothing is learned
    assert votes == voted_round(loop, lambda a, b, draws: "skip", seed=3)
