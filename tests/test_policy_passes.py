"""No text is read twice, no padding is computed, and parts add up to the whole."""

import copy
import dataclasses
import weakref
from functools import partial

import pytest
import torch
from tiny import equal, roll, seeded, tiny_gpt, weights
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course.lm.objective import completion_logprobs
from course.lm.packing import tight_rows
from course.policy import rollout as rollouts
from course.policy.critic import Critic
from course.policy.grpo import grpo_step, rloo_step
from course.policy.loop import train
from course.policy.losses import reduce_const, reduce_seq_mean, reduce_token_mean
from course.policy.ppo import ppo_step
from course.policy.rollout import (
    constant_logprobs,
    logprobs_and_entropy,
    logprobs_of,
    small_parts,
)
from course.reward.model import RewardModel, scorer

pytestmark = pytest.mark.usefixtures("products")

PROMPTS = ["a", "the film was", "good acting", "the acting was bad"]


def note_passes(model, name: str, passes: list) -> None:
    """Note every forward pass of a model: who, gradient or not, texts, positions."""
    hidden = model.hidden

    def noted(ids, attention_mask=None, segments=None, cache=None):
        if cache is None:
            real = ids if segments is None else ids[segments > 0]
            texts = len(ids) if segments is None else len(segments.unique()) - 1
            passes.append((
                name, torch.is_grad_enabled(), texts, real.numel(), ids.numel()
            ))  # fmt: skip
        return hidden(ids, attention_mask, segments, cache)

    model.hidden = noted


def test_a_step_of_grpo_reads_no_text_twice(tokenizer):
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    judge = RewardModel(tiny_gpt(tokenizer, seed=2))
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3)
    passes = []
    for name, model in (
        ("policy", policy), ("reference", reference), ("reward", judge.gpt),
    ):  # fmt: skip
        note_passes(model, name, passes)
    train(
        policy, reference, tokenizer, PROMPTS, scorer(judge, tokenizer),
        partial(grpo_step, policy, optimizer, group_size=8, beta=0.1),
        optimizer=optimizer, steps=1, batch_size=4, group_size=8, max_new_tokens=12,
        generator=seeded(),
    )  # fmt: skip
    read: dict[tuple[str, bool], list[int]] = {}
    for name, grad, texts, _, _ in passes:
        read.setdefault((name, grad), []).append(texts)
    assert sum(read.pop(("reward", False))) == 32  # in parts of like length
    assert read == {
        ("reference", False): [32],
        ("policy", True): [32],
        ("policy", False): [16],
    }


@pytest.mark.parametrize("minibatches", [1, 4])
def test_of_a_step_at_most_one_position_in_twenty_is_padding(tokenizer, minibatches):
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    critic = Critic(tiny_gpt(tokenizer, seed=2))
    rollout = roll(tokenizer, policy, reference, rows=64, max_new_tokens=32)
    for model in (policy, critic.gpt):  # room for two texts in a row, as in the course
        model.config = dataclasses.replace(model.config, context=128)
    lengths = rollout.completion_mask.sum(1)
    padded = rollout.completion_mask.numel() + rollout.prompt_mask.numel()
    real = int(lengths.sum() + rollout.prompt_mask.sum())
    assert 1 - real / padded > 0.1  # so that there is something to save
    passes = []
    note_passes(policy, "policy", passes)
    note_passes(critic.gpt, "critic", passes)
    optimizer = torch.optim.AdamW(
        [{"params": policy.parameters()}, {"params": critic.parameters()}], lr=1e-3
    )
    ppo_step(
        policy, critic, optimizer, rollout, beta=0.1, epochs=2, minibatches=minibatches
    )
    for name in ("policy", "critic"):
        own = [entry for entry in passes if entry[0] == name]
        read = sum(real for *_, real, _ in own)
        computed = sum(size for *_, size in own)
        assert read >= 2 * real and 1 - read / computed <= 0.05


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_packed_texts_have_the_log_probabilities_of_padded_ones(tokenizer, temperature):
    policy = tiny_gpt(tokenizer).double()
    rollout = dataclasses.replace(
        roll(tokenizer, tiny_gpt(tokenizer), rows=16, max_new_tokens=16),
        temperature=temperature,
    )
    logprobs, entropy = logprobs_and_entropy(policy, rollout)
    given = (
        rollout.prompt_ids, rollout.prompt_mask, rollout.completion_ids,
        rollout.completion_mask, temperature,
    )  # fmt: skip
    wanted, spread = completion_logprobs(policy, *given)
    assert (logprobs - wanted).abs().max() < 1e-12
    assert (entropy - spread).abs().max() < 1e-12 and not entropy.requires_grad
    assert torch.equal(logprobs_of(policy, rollout), logprobs)
    weight = torch.randn(logprobs.shape, generator=seeded(), dtype=torch.float64)
    for one, other in zip(
        torch.autograd.grad((logprobs * weight).sum(), list(policy.parameters())),
        torch.autograd.grad((wanted * weight).sum(), list(policy.parameters())),
        strict=True,
    ):
        assert (one - other).abs().max() < 1e-10


def test_a_prompt_that_ends_in_padding_is_refused(tokenizer):
    rollout = roll(tokenizer, tiny_gpt(tokenizer))
    turned = dataclasses.replace(rollout, prompt_mask=rollout.prompt_mask.flip(1))
    with pytest.raises(ValueError, match="padded on the left"):
        logprobs_of(tiny_gpt(tokenizer), turned)


# Parts --------------------------------------------------------------------------------


def test_parts_are_small_and_hold_every_row_once(monkeypatch, tokenizer):
    policy = tiny_gpt(tokenizer)
    mask = torch.arange(12) < torch.randint(1, 13, (40, 1), generator=seeded())
    assert [part.tolist() for part in small_parts(policy, mask)] == [list(range(40))]
    most = 30 * len(tokenizer)  # logits of 30 tokens
    monkeypatch.setattr(rollouts, "MAX_LOGITS", most)
    parts = small_parts(policy, mask)
    assert torch.cat(parts).tolist() == list(range(40)) and len(parts) > 5
    assert max(int(mask[part].sum()) for part in parts) <= 30 + 12
    rollout = roll(tokenizer, policy, rows=16)
    with torch.no_grad():
        whole = logprobs_of(policy, rollout)
    assert len(small_parts(policy, rollout.completion_mask)) > 1
    assert (constant_logprobs(policy, rollout) - whole).abs().max() < 1e-5


STEPS = {
    "ppo": (ppo_step, {}),
    "grpo": (grpo_step, {"group_size": 4}),
    "grpo, sequence mean": (grpo_step, {"group_size": 4, "reduce": reduce_seq_mean}),
    "grpo, constant": (
        grpo_step, {"group_size": 4, "reduce": partial(reduce_const, max_length=24)},
    ),
    "rloo": (rloo_step, {"group_size": 4}),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_a_step_in_parts_is_the_step_on_the_whole(tokenizer, monkeypatch, name):
    """In fp64: the same weights and the same metrics, up to rounding."""
    function, options = STEPS[name]
    policy, reference = tiny_gpt(tokenizer), tiny_gpt(tokenizer, seed=1)
    rollout = roll(tokenizer, policy, reference, rows=16, max_new_tokens=24)
    head = torch.randn(32, generator=seeded(5))
    results = []
    for most in (2**23, 20 * len(tokenizer)):
        monkeypatch.setattr(rollouts, "MAX_LOGITS", most)
        models = [copy.deepcopy(policy).double()]
        if function is ppo_step:
            models.append(Critic(copy.deepcopy(policy).double(), head.double()))
        passes = []
        note_passes(models[0], "policy", passes)
        optimizer = torch.optim.SGD(
            [{"params": list(model.parameters())} for model in models], lr=0.05
        )
        made = function(
            *models, optimizer, rollout, beta=0.1, epochs=2, minibatches=2,
            generator=seeded(), **options,
        )  # fmt: skip
        made.pop("tokens_per_s")
        results.append((sum(map(weights, models), []), made, len(passes)))
    (one, whole, few), (other, cut, many) = results
    assert many > 2 * few
    # Log-probabilities of the rollout are fp32, so the old ones carry its rounding.
    assert (
        max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True)) < 1e-7
    )
    assert not equal(one[: len(weights(policy))], [p.double() for p in weights(policy)])
    assert cut == pytest.approx(whole, rel=1e-6, abs=1e-6)
    assert cut["first/ratio_error"] == whole["first/ratio_error"] == 0


class Logits(TorchDispatchMode):
    """Tokens of the logits that are alive at once: of forward passes and gradients."""

    def __init__(self, vocabulary: int):
        super().__init__()
        self.vocabulary, self.largest, self.most_alive = vocabulary, 0, 0
        self.alive: dict[int, tuple[weakref.ref, int]] = {}  # by storage

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for x in tree_leaves(result):
            if isinstance(x, torch.Tensor) and x.shape[-1:] == (self.vocabulary,):
                rows = x.numel() // self.vocabulary
                self.largest = max(self.largest, rows)
                self.alive[id(x)] = weakref.ref(x), rows
        gone = [key for key, (x, _) in self.alive.items() if x() is None]
        for key in gone:
            del self.alive[key]
        alive = sum(rows for _, rows in self.alive.values())
        self.most_alive = max(self.most_alive, alive)
        return result


@pytest.mark.parametrize("name", STEPS)
def test_logits_of_the_whole_batch_are_never_kept_where_parts_do(
    tokenizer, monkeypatch, name
):
    """Neither in one tensor nor in those of several parts together."""
    function, options = STEPS[name]
    policy = tiny_gpt(tokenizer)
    rollout = roll(tokenizer, policy, rows=32, max_new_tokens=24)
    tokens, texts = int(rollout.completion_mask.sum()), len(rollout.prompts)
    part = tokens // 8 + tokens // texts * 2  # a text is not cut
    seen = []
    for most in (tokens // 8, tokens):
        monkeypatch.setattr(rollouts, "MAX_LOGITS", most * len(tokenizer))
        models = [copy.deepcopy(policy)]
        if function is ppo_step:
            models.append(Critic(copy.deepcopy(policy)))
        optimizer = torch.optim.SGD(
            [{"params": list(model.parameters())} for model in models], lr=0.0
        )
        with Logits(len(tokenizer)) as logits:
            function(*models, optimizer, rollout, beta=0.1, **options)
        seen.append(logits)
    cut, whole = seen
    assert whole.largest == tokens and cut.largest <= part < tokens / 4
    assert whole.most_alive >= 2 * tokens  # logits and their gradient, or more
    assert cut.most_alive <= whole.most_alive / 4


def test_a_mean_of_part_means_would_be_another_step(tokenizer):
    """The disease: each part divided by its own tokens."""
    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0]]).bool()
    values = torch.tensor([[1.0, 1.0, 1.0, 1.0], [9.0, 0.0, 0.0, 0.0]])
    means = [reduce_token_mean(values[n : n + 1], mask[n : n + 1]) for n in (0, 1)]
    assert reduce_token_mean(values, mask) == 13 / 5 and sum(means) / 2 == 5


# Rows ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_texts_lie_whole_in_rows_and_never_on_one_another(seed):
    lengths = torch.randint(1, 40, (30,), generator=seeded(seed)).tolist()
    starts, rows, length = tight_rows(lengths, longest=64)
    assert max(lengths) <= length <= 64
    taken = torch.zeros(rows * length)
    for start, size in zip(starts, lengths, strict=True):
        assert start // length == (start + size - 1) // length  # in one row
        taken[start : start + size] += 1
    assert taken.max() == 1 and int(taken.sum()) == sum(lengths)
    assert 1 - taken.mean() <= 0.05


def test_a_row_is_no_longer_than_the_context_allows():
    assert tight_rows([10, 6], longest=10) == ([0, 10], 2, 10)
    assert tight_rows([10, 6], longest=20) == ([0, 10], 1, 16)
    for wrong in ([], [0], [3, 0]):
        with pytest.raises(ValueError, match="expected at least one"):
            tight_rows(wrong, longest=8)
