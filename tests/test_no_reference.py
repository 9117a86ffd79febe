"""Training without a reference: the weights of `train`, and one reader fewer."""

from copy import deepcopy
from functools import partial

import pytest
import torch
from test_task import PROMPTS, SMALL, toy

from course.lm.training import History
from course.policy.grpo import grpo_step
from course.policy.loop import train
from course.policy.no_reference import without_reference
from course.runtime import CourseError, generator
from course.tasks.practice import start, warm

SIZES = {"steps": 4, "batch_size": 3, "group_size": 4, "max_new_tokens": 3}


@pytest.fixture(scope="module")
def begun():
    return start(toy(), seed=0, steps=30, batch_size=24, model=SMALL)[:2]


def trained(model, tokenizer, score=None, **sizes) -> tuple[torch.nn.Module, History]:
    policy = deepcopy(model)
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.1)  # rounds as its gradient
    history = without_reference(
        policy, optimizer, tokenizer, PROMPTS[:24], score or toy().score,
        generator=generator(5), schedule=warm, **SIZES | sizes,
    )  # fmt: skip
    return policy, history


def test_the_policy_is_the_one_that_train_makes_beside_a_reference(begun):
    model, tokenizer = begun
    policy, history = trained(model, tokenizer)
    other = deepcopy(model)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    beside = train(
        other, model, tokenizer, PROMPTS[:24], toy().score,
        partial(grpo_step, other, optimizer, group_size=4), optimizer=optimizer,
        generator=generator(5), schedule=warm, **SIZES,
    )  # fmt: skip
    pairs = zip(policy.parameters(), other.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in pairs)
    pairs = zip(policy.parameters(), model.parameters(), strict=True)
    assert max(float((a - b).detach().abs().max()) for a, b in pairs) > 0.01
    rows = history.rows[-1]
    assert not [name for name in rows if name.startswith("kl_")]
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
        without_reference(model, optimizer, tokenizer, PROMPTS, toy().score, **given)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    with pytest.raises(ValueError, match="no prompts"):
        without_reference(model, optimizer, tokenizer, [], toy().score, **given)
