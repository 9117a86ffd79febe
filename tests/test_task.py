"""A task of a few lines runs through everything: start, reward, judge, coins."""

import re
from pathlib import Path

import pytest
import torch

from course.lm.tokenizer import encode
from course.lm.words import WORD
from course.runtime import generator
from course.tasks.practice import improve, start, warm
from course.tasks.task import Task, coins, judged

ROOT = Path(__file__).resolve().parents[1]
PROMPTS = [f"{word} {n}:" for n in range(10) for word in ("red", "blue", "green")]


def toy(**changes) -> Task:
    """Say the word again; most demonstrations say nothing but "red"."""

    def right(prompts, completions):
        pairs = zip(prompts, completions, strict=True)
        return [float(c == f" {p.split()[0]}") for p, c in pairs]

    pairs = [(p, f" {p.split()[0]}") for p in PROMPTS[:24]]
    parts = {
        "name": "echo", "train": PROMPTS[:24], "held_out": PROMPTS[24:],
        "demonstrations": pairs + 2 * [(p, " red") for p, _ in pairs],
        "max_new_tokens": 3, "score": right, "judge": right, "hack": lambda p: " red",
    }  # fmt: skip
    return Task(**parts | changes)


SMALL = {"width": 32, "layers": 1, "heads": 2, "kv_heads": 1, "feed_forward": 64,
         "context": 16}  # fmt: skip


@pytest.fixture(scope="module")
def begun():
    return start(toy(), seed=0, steps=30, batch_size=24, model=SMALL)


@pytest.fixture(scope="module")
def page():
    """What the page of CONTRIBUTING.md makes when it is run as it stands."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    code = text.split("## A task of your own")[1].split("```python\n")[1]
    names = {}
    exec(code.split("```")[0], names)
    return names


def test_the_task_of_the_page_runs_through_everything(page):
    task, model, tokenizer = page["task"], page["model"], page["tokenizer"]
    before = judged(task, model, tokenizer)
    assert list(before) == ["sampled", "T = .5", "greedy"]
    sampled, cooler, greedy = (verdict.judge for verdict in before.values())
    assert greedy < cooler < sampled < 0.7, "the habit must be the majority"
    after = judged(task, page["policy"], tokenizer)
    assert after["sampled"].judge > sampled + 0.2
    assert after["greedy"].judge > 0.9
    assert len(page["history"]["judge"]) == len(page["history"]["score/mean"]) == 30
    flips = coins(sampled, generator(0))
    policy, _ = improve(task, model, tokenizer, seed=0, steps=30, score=flips)
    control = judged(task, policy, tokenizer)["greedy"].judge
    assert control < after["greedy"].judge - 0.2


def test_a_policy_is_a_copy_and_the_start_stays(begun):
    model, tokenizer, history = begun
    assert history["loss"][-1] < history["loss"][0] / 2
    weights = {name: w.clone() for name, w in model.state_dict().items()}
    improve(toy(), model, tokenizer, seed=0, steps=2)
    assert all(torch.equal(w, weights[k]) for k, w in model.state_dict().items())


def test_training_sees_the_score_and_never_the_judge(begun):
    model, tokenizer, _ = begun
    ends = []
    for constant in (0.0, 1.0):
        task = toy(judge=lambda p, c, k=constant: [k] * len(c))
        policy, history = improve(task, model, tokenizer, seed=1, steps=2)
        assert set(history["judge"]) == {constant}
        ends.append(torch.cat([w.flatten() for w in policy.parameters()]))
    assert torch.allclose(*ends, atol=1e-5)  # sums may round differently


def test_judged_spreads_the_prompts_and_gives_score_and_judge_of_the_same_texts(begun):
    model, tokenizer, _ = begun
    seen = []
    task = toy(score=lambda p, c: seen.append(p) or [0.25] * len(c))
    found = judged(task, model, tokenizer, n=6)
    assert seen[0] == PROMPTS[24:]
    assert {verdict.score for verdict in found.values()} == {0.25}
    found = judged(task, model, tokenizer, n=6, score=lambda p, c: [0.75] * len(c))
    assert {verdict.score for verdict in found.values()} == {0.75}


def test_the_start_of_a_task_knows_every_word_of_it(begun):
    _, tokenizer, _ = begun
    for text in [*PROMPTS, " red", " blue", " green"]:
        row = encode(tokenizer, [text], False, False)[0]
        assert len(row) == len(re.findall(WORD, text))


def test_coins_come_at_their_rate_whatever_was_written():
    score = coins(0.3, generator(0))
    flips = score([""] * 4000, ["x"] * 4000)
    assert abs(float(flips.mean()) - 0.3) < 4 * (0.3 * 0.7 / 4000) ** 0.5
    assert set(flips.tolist()) == {0.0, 1.0}
    for rate in (-0.1, 1.1):
        with pytest.raises(ValueError, match="expected a number from 0 to 1"):
            coins(rate, generator(0))


@pytest.mark.parametrize("pool", ["train", "held_out", "demonstrations"])
def test_a_task_without_prompts_is_refused(pool):
    with pytest.raises(ValueError, match=f"got no {pool} in task 'echo'"):
        toy(**{pool: []})


def test_a_prompt_in_both_pools_is_refused():
    with pytest.raises(ValueError, match="got 'blue 0:' in train and in held_out"):
        toy(held_out=["blue 0:", "white:"])


def test_the_rate_rises_falls_and_ends_near_zero():
    rates = [warm(n / 100) for n in range(100)]
    assert 9 <= rates.index(max(rates)) <= 10 and rates[-1] < 0.02
