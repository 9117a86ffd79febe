"""A task of ten lines runs through everything: start, reward, judge, coins, policy."""

import pytest
import torch

from course.lm.tokenizer import encode
from course.runtime import generator
from course.tasks.task import Task, coins, improve, judged, start, warm

WORDS = ("red", "blue", "green", "pink", "gray", "black", "white", "brown")


def toy(**changes) -> Task:
    """Say the word again; most demonstrations say nothing but "red"."""

    def right(prompts, completions):
        pairs = zip(prompts, completions, strict=True)
        return [float(c == f" {p[:-1]}") for p, c in pairs]

    pairs = [(f"{w}:", f" {w}") for w in WORDS] + 2 * [(f"{w}:", " red") for w in WORDS]
    parts = {
        "name": "echo", "train": [f"{w}:" for w in WORDS[:6]],
        "held_out": [f"{w}:" for w in WORDS[6:]], "demonstrations": pairs,
        "max_new_tokens": 3, "score": right, "judge": right, "hack": lambda p: " red",
    }  # fmt: skip
    return Task(**parts | changes)


SMALL = {"width": 32, "layers": 1, "heads": 2, "kv_heads": 1, "feed_forward": 64,
         "context": 16}  # fmt: skip


@pytest.fixture(scope="module")
def begun():
    return start(toy(), seed=0, steps=30, batch_size=24, model=SMALL)


def test_a_toy_task_runs_through_everything(begun):
    model, tokenizer, history = begun
    assert history["loss"][-1] < history["loss"][0] / 2
    before = judged(toy(), model, tokenizer, n=40)
    assert set(before) == {"sampled", "T = .5", "greedy"}
    weights = {name: w.clone() for name, w in model.state_dict().items()}
    policy, history = improve(toy(), model, tokenizer, seed=0, steps=10)
    assert all(torch.equal(w, weights[k]) for k, w in model.state_dict().items())
    assert len(history["judge"]) == len(history["score/mean"]) == 10
    after = judged(toy(), policy, tokenizer, n=40)
    assert after["greedy"].judge >= before["greedy"].judge
    assert after["sampled"].judge > before["sampled"].judge


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
    assert seen[0] == ["white:"] * 3 + ["brown:"] * 3
    assert {verdict.score for verdict in found.values()} == {0.25}
    found = judged(task, model, tokenizer, n=6, score=lambda p, c: [0.75] * len(c))
    assert {verdict.score for verdict in found.values()} == {0.75}


def test_the_start_of_a_task_knows_every_word_of_it(begun):
    _, tokenizer, _ = begun
    rows = encode(tokenizer, [f"{w}:" for w in WORDS] + [f" {w}" for w in WORDS])
    assert {len(row) for row in rows} == {3, 4}  # white has no token without a space


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
    with pytest.raises(ValueError, match="got 'blue:' in train and in held_out"):
        toy(held_out=["blue:", "white:"])


def test_the_rate_rises_falls_and_ends_near_zero():
    rates = [warm(n / 100) for n in range(100)]
    assert 9 <= rates.index(max(rates)) <= 10 and rates[-1] < 0.02
