"""A discriminator as a reward: it learns what is right, and pays a probability."""

import pytest
import torch

from course.tasks.adversary import Adversary, warm_up
from course.tasks.practice import start
from course.tasks.task import Task

PROMPTS = [f"{word} {n}:" for n in range(10) for word in ("red", "blue")]
SIZES = {"width": 16, "layers": 1, "heads": 2, "kv_heads": 1, "feed_forward": 32,
         "context": 16}  # fmt: skip


def no_reward(prompts, completions):
    return torch.zeros(len(prompts))


def echo(**changes) -> Task:
    right = {prompt: f" {prompt.split()[0]}" for prompt in PROMPTS}
    pairs = [*right.items()] + [(prompt, " green") for prompt in PROMPTS]
    options = {
        "name": "echo", "train": PROMPTS[:16], "held_out": PROMPTS[16:],
        "demonstrations": pairs, "max_new_tokens": 3, "score": no_reward,
        "judge": no_reward, "hack": lambda prompt: " green", "references": right,
    }  # fmt: skip
    return Task(**options | changes)


@pytest.fixture(scope="module")
def begun():
    model, tokenizer, _ = start(echo(), seed=0, steps=5, batch_size=8, model=SIZES)
    return model, tokenizer


def test_it_learns_to_tell_wrong_from_right_and_pays_a_probability(begun):
    adversary = Adversary(echo(), *begun, seed=0)
    for _ in range(60):
        paid = adversary(PROMPTS[:16], [" green"] * 16)
        assert paid.shape == (16,) and (paid > 0).all() and (paid < 1).all()
    assert len(adversary.accuracy) == 60
    assert sum(adversary.accuracy[-5:]) / 5 > 0.9
    right = [f" {prompt.split()[0]}" for prompt in PROMPTS[16:]]
    assert (
        adversary(PROMPTS[16:], right).mean()
        > adversary(PROMPTS[16:], [" green"] * 4).mean()
    )


def test_the_model_that_it_copies_never_changes(begun):
    model, tokenizer = begun
    before = [p.clone() for p in model.parameters()]
    adversary = Adversary(echo(), model, tokenizer, seed=0)
    warm_up(adversary, echo(), model, calls=2, batch_size=4)
    assert len(adversary.accuracy) == 2
    same = zip(before, model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)


def test_without_updates_it_is_a_fixed_score(begun):
    adversary = Adversary(echo(), *begun, seed=0, updates=0)
    first, again = (adversary(PROMPTS[:4], [" red"] * 4) for _ in range(2))
    assert torch.equal(first, again) and adversary.accuracy == []


def test_a_task_without_references_is_refused(begun):
    with pytest.raises(ValueError, match="'echo' without references"):
        Adversary(echo(references={}), *begun, seed=0)
