"""`diagnose`: each planted fault is named, and sound runs are left alone."""

import pytest
import torch

from course.data.arithmetic import ALPHABET, answer, problems
from course.lm.characters import character_tokenizer
from course.lm.model import GPT, GPTConfig
from course.lm.packing import pack
from course.lm.tokenizer import encode
from course.lm.training import History, train_language_model
from course.policy.faults import FAULTS, Loop, faulty_run
from course.policy.signs import SIGNS, Finding, diagnose, told
from course.runtime import generator

SHORT = [f"{a}+{b}=" for a in range(1, 10) for b in range(10, 100)]
POOL = problems("train")[::9] + SHORT[::4]
STEPS = 20


def has_a_one(prompts, completions):
    """Two or three texts in ten have it at the start."""
    return [float("1" in text) for text in completions]


def hopeless(prompts, completions):
    """Hardly any text has it."""
    return [float(text.startswith("0")) for text in completions]


@pytest.fixture(scope="module")
def start():
    torch.manual_seed(0)
    tokenizer = character_tokenizer(ALPHABET)
    shape = {"width": 32, "layers": 1, "heads": 2, "kv_heads": 1, "feed_forward": 64}
    model = GPT(GPTConfig(vocab_size=len(tokenizer), context=32, **shape))
    texts = [p + answer(p) for p in POOL]
    ids, segments = pack(encode(tokenizer, texts), 20, tokenizer.pad_token_id)
    train_language_model(
        model, ids, segments, generator=generator(0), steps=150, batch_size=32,
        matrix_learning_rate=0.01, other_learning_rate=0.005,
    )  # fmt: skip
    return model, tokenizer


def run(start, loop, seed, score=has_a_one, steps=STEPS):
    torch.manual_seed(seed)
    return faulty_run(*start, POOL, score, loop, steps=steps, generator=generator(seed))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_sound_run_has_no_sign(start, seed):
    history = run(start, Loop(learning_rate=3e-4), seed)
    assert diagnose(history) == [] and told([]) == "nothing found"
    scores = history["score/mean"]
    assert sum(scores[-5:]) > sum(scores[:5])  # it is sound: it learns


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named(start, fault, seed):
    score = hopeless if fault == "equal groups" else has_a_one
    found = [each.fault for each in diagnose(run(start, FAULTS[fault], seed, score))]
    assert fault in found
    assert len(found) <= 2, found


def test_every_fault_has_a_sign_and_every_sign_a_fault():
    assert set(FAULTS) == set(SIGNS) and len(FAULTS) == 13
    for fault in SIGNS:
        said = str(Finding(fault, "7 of 8"))
        assert said.startswith(fault) and "7 of 8" in said and said.endswith(".")


def test_metrics_that_were_not_logged_are_not_looked_for():
    history = History()
    for step in range(30):
        history.log(step, **{"score/mean": 0.5, "kl_seq": 0.1 * step})
    assert diagnose(history) == []


def test_a_history_of_something_else_is_refused():
    history = History()
    history.log(0, loss=1.0)
    with pytest.raises(ValueError, match="got a history without score/mean"):
        diagnose(history)
