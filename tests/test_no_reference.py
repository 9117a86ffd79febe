"""Training without a reference: the weights of `train`, and one reader fewer."""

from copy import deepcopy
from functools import partial

import pytest
import torch

from course.lm.training import History
from course.policy.grpo import grpo_step
from course.policy.loop import train
from course.policy.no_reference import without_reference
from course.policy.rollout import logprobs_of, select_rows
from course.policy.talks import distinct_rows, play
from course.runtime import CourseError, generator
from course.tasks.practice import start, warm
from course.tasks.task import Task

PROMPTS = [f"{word} {n}:" for n in range(10) for word in ("red", "blue", "green")]
SMALL = {"width": 32, "layers": 1, "heads": 2, "kv_heads": 1, "feed_forward": 64,
         "context": 16}  # fmt: skip
SIZES = {"steps": 4, "batch_size": 3, "group_size": 4, "max_new_tokens": 3}


def says_it_again(prompts, completions):
    pairs = zip(prompts, completions, strict=True)
    return [float(said == f" {prompt.split()[0]}") for prompt, said in pairs]


@pytest.fixture(scope="module")
def begun():
    pairs = [(p, f" {word}") for p in PROMPTS for word in (p.split()[0], "red", "red")]
    task = Task(
        "echo", PROMPTS[:24], PROMPTS[24:], pairs, 3, says_it_again, says_it_again,
        hack=lambda prompt: " red",
    )  # fmt: skip
    return start(task, seed=0, steps=30, batch_size=24, model=SMALL)[:2]


def trained(model, tokenizer, score=None, **sizes) -> tuple[torch.nn.Module, History]:
    policy = deepcopy(model)
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.1)  # rounds as its gradient
    history = without_reference(
        policy, optimizer, tokenizer, PROMPTS[:24], score or says_it_again,
        generator=generator(5), schedule=warm, **SIZES | sizes,
    )  # fmt: skip
    return policy, history


def test_the_policy_is_the_one_that_train_makes_beside_a_reference(begun):
    model, tokenizer = begun
    policy, history = trained(model, tokenizer)
    other = deepcopy(model)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    beside = train(
        other, model, tokenizer, PROMPTS[:24], says_it_again,
        partial(grpo_step, other, optimizer, group_size=4), optimizer=optimizer,
        generator=generator(5), schedule=warm, **SIZES,
    )  # fmt: skip
    pairs = zip(policy.parameters(), other.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in pairs)
    pairs = zip(policy.parameters(), model.parameters(), strict=True)
    assert max(float((a - b).detach().abs().max()) for a, b in pairs) > 0.01
    rows = history.rows[-1]
    assert not [name for name in rows if "kl_" in name.split("/")[-1]]
    assert all(x == x for x in rows.values())
    for name in ("score/mean", "entropy", "grad_norm", "completion/length"):
        assert history[name] == pytest.approx(beside[name], abs=1e-4)


def test_a_score_that_breaks_leaves_the_policy_as_it_was(begun):
    calls = []

    def breaks(prompts, completions):
        calls.append(1)
        return [float("nan") if len(calls) == 2 else 1.0] * len(prompts)

    policy = deepcopy(begun[0])
    optimizer = torch.optim.AdamW(policy.parameters(), lr=0.0)
    with pytest.raises((CourseError, ValueError)):
        without_reference(
            policy, optimizer, begun[1], PROMPTS, breaks, generator=generator(0),
            **SIZES,
        )  # fmt: skip
    assert len(calls) == 2
    pairs = zip(policy.parameters(), begun[0].parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"group_size": 0}, "group_size"),
        ({"group_size": 1.5}, "group_size"),
        ({"steps": -1}, "steps"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
    ],
)
def test_sizes_that_do_not_fit_are_named(begun, changes, said):
    with pytest.raises((ValueError, TypeError), match=said):
        trained(*begun, **changes)


def test_no_prompts_and_an_optimizer_of_another_model_are_refused(begun):
    model, tokenizer = begun
    optimizer = torch.optim.AdamW(deepcopy(model).parameters(), lr=1e-3)
    given = {"generator": generator(0), **SIZES}
    with pytest.raises(ValueError, match="no parameter of this policy"):
        without_reference(model, optimizer, tokenizer, PROMPTS, says_it_again, **given)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    with pytest.raises(ValueError, match="no prompts"):
        without_reference(model, optimizer, tokenizer, [], says_it_again, **given)


def test_equal_texts_are_read_once_and_the_gradient_is_that_of_all_rows(begun):
    model, tokenizer = begun
    asked = ["red 1:", "blue 2:", "red 1:", "green 3:"] * 8
    options = {"most_turns": 1, "max_new_tokens": 2, "generator": generator(0)}
    batch = play(model, tokenizer, asked, lambda n, said: None, **options).rollout
    first, again = distinct_rows(batch)
    texts = [*zip(batch.prompts, batch.completions, batch.ended.tolist(), strict=True)]
    assert len(first) == len(set(texts)) < len(texts)
    assert [texts[n] for n in first.tolist()] == list(dict.fromkeys(texts))
    assert [texts[n] for n in first[again].tolist()] == texts
    weights, ends = torch.linspace(-1, 1, len(texts))[:, None], []
    for logprobs in (
        logprobs_of(model, batch),
        logprobs_of(model, select_rows(batch, first))[again],
    ):
        loss = (weights * logprobs).sum()
        ends.append(torch.autograd.grad(loss, list(model.parameters())))
    for one, other in zip(*ends, strict=True):
        assert torch.allclose(one, other, atol=1e-4)
