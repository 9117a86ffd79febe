"""Chat prompts, a second model that writes, and adapters that are their reference."""

import copy

import pytest
import torch
from tiny import PROMPTS, plain_share, seeded, tiny_gpt

from course.lm.half import sampler_of
from course.lm.lora import adapters, add_adapters
from course.lm.tokenizer import encode, train_tokenizer
from course.policy.grpo import rloo_step
from course.policy.guards import (
    EXACT_DISAGREEMENT,
    MAX_DISAGREEMENT,
    check_agreement,
    disagreement_limit,
)
from course.policy.loop import train
from course.policy.rollout import collect, logprobs_of
from course.runtime import CourseError


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["the film was good .", "good acting , a bad plot ."], 300)


def adapted(tokenizer):
    policy = add_adapters(tiny_gpt(tokenizer), 2, 4.0)
    torch.manual_seed(1)
    for adapter in adapters(policy).values():
        torch.nn.init.normal_(adapter.b, std=0.3)
    return policy


def rolled(tokenizer, policy, reference=None, **options):
    options = {"max_new_tokens": 6, "generator": seeded(3)} | options
    return collect(policy, reference, tokenizer, PROMPTS, plain_share, **options)


def test_without_a_reference_it_is_the_model_without_its_adapters(tokenizer):
    policy = adapted(tokenizer)
    found = rolled(tokenizer, policy)
    right = rolled(tokenizer, policy, tiny_gpt(tokenizer))
    assert torch.equal(found.completion_ids, right.completion_ids)
    torch.testing.assert_close(found.ref_logprobs, right.ref_logprobs)
    assert (found.ref_logprobs - found.old_logprobs).abs().max() > 1e-3
    with pytest.raises(ValueError, match="a policy without adapters"):
        rolled(tokenizer, tiny_gpt(tokenizer))


def test_given_ids_are_written_on_and_must_be_as_many_as_prompts(tokenizer):
    policy = adapted(tokenizer)
    own = encode(tokenizer, PROMPTS, bos=True, eos=False)
    found = rolled(tokenizer, policy, prompt_ids=own)
    assert torch.equal(found.completion_ids, rolled(tokenizer, policy).completion_ids)
    others = [[*row, 5, 6] for row in own]
    found = rolled(tokenizer, policy, prompt_ids=others)
    assert (found.prompt_ids[:, -2:] == torch.tensor([5, 6])).all()
    with pytest.raises(ValueError, match="got ids of 1 prompts, expected those of 4"):
        rolled(tokenizer, policy, prompt_ids=own[:1])


def test_a_sampler_writes_its_own_texts_with_its_own_log_probabilities(tokenizer):
    policy, other = adapted(tokenizer), tiny_gpt(tokenizer, seed=5)
    found = rolled(tokenizer, policy, sampler=other)
    right = rolled(tokenizer, other, copy.deepcopy(other))
    assert torch.equal(found.completion_ids, right.completion_ids)
    assert torch.equal(found.old_logprobs, right.old_logprobs)


def test_the_limit_follows_the_sampler_and_the_autocast_around_the_update(tokenizer):
    policy = adapted(tokenizer)
    exact = rolled(tokenizer, policy)
    coarse = rolled(tokenizer, policy, sampler=sampler_of(policy, torch.bfloat16))
    bf16 = MAX_DISAGREEMENT[torch.bfloat16]
    assert disagreement_limit(exact) == EXACT_DISAGREEMENT
    assert disagreement_limit(coarse) == bf16
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert disagreement_limit(exact) == bf16
    between = exact.old_logprobs + 0.1 * exact.completion_mask
    with pytest.raises(CourseError, match="at most 0.01"):
        check_agreement(between, exact)
    with torch.no_grad():
        now = logprobs_of(policy, coarse)
    check_agreement(now, coarse)  # rounding
    with pytest.raises(CourseError, match=f"at most {bf16}"):
        check_agreement(now + 2 * bf16 * coarse.completion_mask, coarse)


def test_the_loop_trains_adapters_with_a_sampler_that_is_brought_up_to_date(tokenizer):
    policy = add_adapters(tiny_gpt(tokenizer), 2, 4.0)
    sampler = sampler_of(policy, torch.bfloat16)
    frozen = [p.clone() for p in policy.parameters() if not p.requires_grad]
    trained = [p for p in policy.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.02)

    def step(rollout):
        return rloo_step(policy, optimizer, rollout, group_size=4, beta=0.01)

    history = train(
        policy, None, tokenizer, PROMPTS, plain_share, step, optimizer=optimizer,
        steps=3, batch_size=2, group_size=4, max_new_tokens=6, generator=seeded(),
        sampler=sampler, to_ids=lambda p: encode(tokenizer, [p], eos=False)[0],
    )  # fmt: skip
    assert len(history.rows) == 3 and history.rows[-1]["kl_seq"] > 0
    still = [p for p in policy.parameters() if not p.requires_grad]
    assert all(map(torch.equal, frozen, still))
    one = adapters(policy)["blocks.0.attention.query"]
    copied = sampler.blocks[0].attention.query.weight
    moved = (copied.float() - one.base.weight).abs().max()
    assert moved > 0.001  # the state before the last step, rounded


def test_the_loop_wants_a_reference_for_a_policy_without_adapters(tokenizer):
    policy = tiny_gpt(tokenizer)
    optimizer = torch.optim.AdamW(policy.parameters())
    with pytest.raises(ValueError, match="a policy without adapters"):
        train(
            policy, None, tokenizer, PROMPTS, plain_share, lambda r: {},
            optimizer=optimizer, steps=1, batch_size=2, max_new_tokens=4,
            generator=seeded(),
        )  # fmt: skip
