"""Chapter 13's runs: what fifty votes of a scripted crowd make of a policy."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from course.lm.model import GPT
from course.lm.sampling import write
from course.lm.training import History
from course.recipes.feedback import EVERY, VoteLoop
from course.recipes.recipe import Checkpoint, Recipe, openings
from course.reward.feedback import answer, end_states, principal_directions
from course.reward.model import score_texts
from course.runtime import generator
from course.score import whole_texts

Click = Callable[[str, str, torch.Generator], str]
TEXTS = 6  # for each opening


def train_voted(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """The language model, moved by a crowd's votes on what it writes.

    crowd: "gold" or "coin".  The history has one row a vote: both texts and the choice.
    Chapter 13.
    """
    from course.data import reviews

    writer, trained = needed["language-model"].model, needed["reward-model"]
    judge, tokenizer = trained.model, trained.tokenizer
    prompts = openings(reviews.texts("movies", "train"), settings["opening_words"])
    asked = [p for p in prompts[: settings["pool"]] for _ in range(TEXTS)]
    pool = write(writer, tokenizer, asked, max_new_tokens=32, generator=generator(0))
    states = end_states(judge, tokenizer, whole_texts(asked, pool))
    directions = principal_directions(states, settings["directions"])
    loop = VoteLoop(writer, tokenizer, judge, directions, prompts, settings["seed"])

    def click(a: str, b: str, draws: torch.Generator) -> str:
        if settings["crowd"] == "coin":
            return answer(torch.zeros(1), draws)[0]
        margin = score_texts(judge, tokenizer, [a, b]).double()
        return answer((margin[0] - margin[1])[None], draws)[0]

    history = History()
    while len(loop.wins) < settings["votes"]:
        seed = 100 * settings["seed"] + len(loop.wins)
        for a, b, choice in voted_round(loop, click, seed):
            history.rows.append({"a": a, "b": b, "choice": choice})
            if loop.learn(a, b, choice):
                loop.update()
    return Checkpoint(settings["desc"], loop.policy, tokenizer, {}, history)


def voted_round(loop: VoteLoop, click: Click, seed: int) -> list[tuple[str, str, str]]:
    """Ten votes on what the policy writes now: (text a, text b, choice).

    click: called with text a, text b and a generator; gives "a", "b", "tie" or "skip".
    Nothing is learned.  Chapter 13.
    """
    draws = generator(seed)
    rows = torch.randint(len(loop.prompts), (EVERY,), generator=draws).tolist()
    six = [loop.prompts[row] for row in rows for _ in range(TEXTS)]
    written = write(
        loop.policy, loop.tokenizer, six, max_new_tokens=32, generator=draws
    )
    texts, votes = whole_texts(six, written), []
    for start in range(0, len(texts), TEXTS):
        some = texts[start : start + TEXTS]
        a, b = (some[place] for place in loop.ask(some))
        votes.append((a, b, click(a, b, draws)))
    return votes


def _voted(crowd: str, seed: int) -> Recipe:
    name = f"voted-{crowd}-{seed}"
    return Recipe(
        name=name,
        settings={
            "seed": seed,
            "crowd": crowd,
            "votes": 50,
            "opening_words": 2,
            "pool": 128,
            "directions": 8,
            "desc": name,
        },
        train=train_voted,
        empty=GPT,
        needs=("language-model", "reward-model"),
    )


# Chapter 13 runs the gold crowd's seed 0 itself.
VOTED = tuple(
    _voted(crowd, seed)
    for crowd, seed in (("gold", 1), ("gold", 2), ("coin", 0), ("coin", 1), ("coin", 2))
)
