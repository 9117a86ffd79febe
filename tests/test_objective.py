"""The objective against torch, transformers, TRL and full enumeration."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course.lm.interop import to_transformers
from course.lm.model import GPT, GPTConfig
from course.lm.objective import (
    completion_logprobs,
    entropy,
    next_token_loss,
    sequence_logprob,
    token_logprobs,
)
from course.lm.tokenizer import pad_batch

B, T, V = 3, 7, 11
BOS, EOS, PAD = 0, 1, 2


def batch(seed: int = 0, scale: float = 2.0):
    """Random logits, ids and the mask of right-padded texts."""
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(B, T, V, generator=draw) * scale
    ids = torch.randint(0, V, (B, T), generator=draw)
    lengths = torch.tensor([[T], [4], [2]])
    return logits, ids, torch.arange(T) < lengths


def a_model(vocab_size: int = V, context: int = 32) -> GPT:
    """Weights large enough for a peaked, position-dependent distribution."""
    torch.manual_seed(0)
    model = GPT(
        GPTConfig(
            vocab_size,
            context=context,
            width=16,
            layers=2,
            heads=4,
            kv_heads=2,
            feed_forward=24,
        )
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.5)
    return model


# The loss


def test_loss_and_gradient_equal_torch_cross_entropy_on_shifted_labels():
    logits, ids, mask = batch()
    logits.requires_grad_()
    ours = next_token_loss(logits, ids, mask)
    labels = ids.masked_fill(~mask, -100)[:, 1:]
    theirs = F.cross_entropy(
        logits[:, :-1].reshape(-1, V), labels.reshape(-1), ignore_index=-100
    )
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        *(torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs)),
        atol=1e-7,
        rtol=1e-5,
    )


def test_loss_equals_that_of_transformers_llama():
    model = a_model()
    _, ids, mask = batch()
    theirs = to_transformers(model)(
        input_ids=ids,
        attention_mask=mask.long(),
        labels=ids.masked_fill(~mask, -100),
    ).loss
    ours = next_token_loss(model(ids, attention_mask=mask), ids, mask)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-6)


def test_equal_logits_cost_log_v_nats_a_token():
    _, ids, mask = batch()
    loss = next_token_loss(torch.zeros(B, T, V), ids, mask)
    assert loss.item() == pytest.approx(math.log(V), abs=1e-6)


def test_the_loss_is_unchanged_by_padding():
    """Whatever stands in padded positions, ids or logits, costs nothing."""
    logits, ids, mask = batch()
    short = next_token_loss(logits, ids, mask)
    more = F.pad(mask, (0, 3))
    padded = next_token_loss(
        torch.cat([logits, torch.full((B, 3, V), float("-inf"))], dim=1),
        F.pad(ids, (0, 3), value=PAD),
        more,
    )
    other = next_token_loss(logits, torch.where(mask, ids, (ids + 1) % V), mask)
    assert torch.equal(short, padded) and torch.equal(short, other)


def test_padding_receives_no_gradient_even_when_it_is_impossible():
    """Multiplying by the mask would make nan of 0 * -inf."""
    logits, ids, mask = batch()
    logits[..., PAD] = float("-inf")
    ids = torch.where(mask, ids.clamp(min=PAD + 1), PAD)
    logits.requires_grad_()
    next_token_loss(logits, ids, mask).backward()
    predicts = F.pad(mask[:, 1:], (0, 1))  # position i counts when token i + 1 does
    assert (logits.grad[~predicts] == 0).all()
    assert (logits.grad[predicts] != 0).any()


def test_the_first_token_is_never_a_target():
    logits, ids, mask = batch()
    loss = next_token_loss(logits, ids, mask)
    other = ids.clone()
    other[:, 0] = (ids[:, 0] + 1) % V
    unmasked = mask.clone()
    unmasked[:, 0] = False
    assert torch.equal(loss, next_token_loss(logits, other, mask))
    assert torch.equal(loss, next_token_loss(logits, ids, unmasked))


def test_the_mean_is_over_tokens_of_the_batch_and_not_over_texts():
    """A mean of means weights the tokens of short texts too heavily."""
    logits, ids, mask = batch()
    parts = [
        (next_token_loss(logits[b : b + 1], ids[b : b + 1], mask[b : b + 1]), n)
        for b, n in enumerate([T - 1, 3, 1])
    ]
    by_tokens = sum(loss * n for loss, n in parts) / (T + 3)
    torch.testing.assert_close(next_token_loss(logits, ids, mask), by_tokens)


def test_without_a_mask_every_token_but_the_first_counts():
    logits, ids, mask = batch()
    full = torch.ones_like(mask)
    assert torch.equal(next_token_loss(logits, ids), next_token_loss(logits, ids, full))
    assert torch.equal(
        sequence_logprob(logits, ids), sequence_logprob(logits, ids, full)
    )


def test_no_target_gives_nan_and_not_a_flattering_zero():
    logits, ids, mask = batch()
    assert next_token_loss(logits, ids, torch.zeros_like(mask)).isnan()


def test_integer_masks_mean_the_same_as_bool():
    logits, ids, mask = batch()
    assert torch.equal(
        next_token_loss(logits, ids, mask), next_token_loss(logits, ids, mask.long())
    )


# Sequences


@torch.no_grad()
def test_probabilities_of_all_sequences_sum_to_one():
    """4 tokens after <bos> over 5 symbols: 625 sequences."""
    model = a_model(vocab_size=5).double()
    bodies = torch.tensor(list(itertools.product(range(5), repeat=4)))
    ids = torch.cat([torch.full((len(bodies), 1), BOS), bodies], dim=1)
    total = sequence_logprob(model(ids), ids).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-9)


@torch.no_grad()
def test_texts_that_end_and_texts_cut_off_together_have_probability_one():
    """With padding after <eos>: the mask must count <eos> and nothing after it."""
    model = a_model(vocab_size=5).double()
    others = [0, 2, 3, 4]
    rows = [
        [BOS, *body, EOS]
        for n in range(4)
        for body in itertools.product(others, repeat=n)
    ]
    rows += [[BOS, *body] for body in itertools.product(others, repeat=4)]
    for side in ("left", "right"):
        ids, mask = pad_batch(rows, PAD, side)
        counted = mask.clone()
        counted[torch.arange(len(ids)), mask.long().argmax(1)] = False  # <bos>
        logits = model(ids, attention_mask=mask)
        total = sequence_logprob(logits, ids, counted).exp().sum()
        assert total.item() == pytest.approx(1, abs=1e-9)


def test_sequence_logprob_is_minus_loss_times_tokens():
    logits, ids, mask = batch()
    per_text = sequence_logprob(logits, ids, mask)
    assert per_text.shape == (B,)
    total = -next_token_loss(logits, ids, mask) * mask[:, 1:].sum()
    torch.testing.assert_close(per_text.sum(), total)


# Tokens


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_token_logprobs_equal_trl(temperature, scale):
    from trl.trainer.utils import selective_log_softmax

    logits, ids, _ = batch(scale=scale)
    # TRL subtracts a logsumexp: rounding grows with the logits.
    torch.testing.assert_close(
        token_logprobs(logits, ids, temperature),
        selective_log_softmax(logits, ids, temperature=temperature),
        atol=1e-6 * scale / min(temperature, 1),
        rtol=1e-6,
    )


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_entropy_equals_trl(scale):
    from trl.trainer.utils import entropy_from_logits

    logits, _, _ = batch(scale=scale)
    torch.testing.assert_close(
        entropy(logits), entropy_from_logits(logits), atol=1e-5, rtol=1e-5
    )


def test_token_logprobs_are_not_shifted():
    logits, ids, _ = batch()
    by_hand = logits.double().softmax(-1)[1, 3, ids[1, 3]].log()
    ours = token_logprobs(logits, ids)[1, 3].double()
    torch.testing.assert_close(ours, by_hand, atol=1e-6, rtol=0)


def test_adding_a_constant_to_the_logits_changes_nothing():
    logits, ids, _ = batch()
    torch.testing.assert_close(
        token_logprobs(logits + 50, ids), token_logprobs(logits, ids), atol=2e-5, rtol=0
    )
    torch.testing.assert_close(entropy(logits + 50), entropy(logits), atol=2e-5, rtol=0)


def test_half_precision_logits_are_scored_in_single_precision():
    logits, ids, mask = batch()
    for half in (torch.bfloat16, torch.float16):
        rounded = logits.to(half)
        for ours, exact in (
            (token_logprobs(rounded, ids), token_logprobs(rounded.float(), ids)),
            (entropy(rounded), entropy(rounded.float())),
            (
                next_token_loss(rounded, ids, mask),
                next_token_loss(rounded.float(), ids, mask),
            ),
        ):
            assert ours.dtype == torch.float32 and torch.equal(ours, exact)


def test_logits_of_ten_thousand_lose_no_precision():
    logits = torch.tensor([[[1e4, 1e4 - 1, 0.0]]])
    exact = -math.log(1 + math.exp(-1))
    got = token_logprobs(logits, torch.tensor([[0]])).item()
    assert got == pytest.approx(exact, abs=1e-6)


@given(
    values=st.lists(st.floats(-80, 80, width=32), min_size=2, max_size=8),
    temperature=st.floats(0.1, 10),
)
def test_entropy_lies_between_zero_and_log_v(values, temperature):
    h = entropy(torch.tensor(values), temperature).item()
    assert -1e-6 <= h <= math.log(len(values)) + 1e-5


def test_forbidden_tokens_add_nothing_to_the_entropy_nor_break_its_gradient():
    logits = torch.tensor([1.0, 2.0, float("-inf"), 0.5], requires_grad=True)
    kept = logits.detach()[[0, 1, 3]].requires_grad_()
    ours, expected = entropy(logits), entropy(kept)
    torch.testing.assert_close(ours, expected)
    ours.backward()
    expected.backward()
    assert logits.grad[2] == 0
    torch.testing.assert_close(logits.grad[[0, 1, 3]], kept.grad)


def test_entropy_is_the_mean_surprise_under_the_distribution_itself():
    logits = torch.randn(V, generator=torch.Generator().manual_seed(0))
    every = torch.arange(V)[None]
    surprise = -token_logprobs(logits.expand(1, V, V), every)[0]
    torch.testing.assert_close((logits.softmax(-1) * surprise).sum(), entropy(logits))


# Completions


def prompts_and_completions():
    prompts = [[BOS, 5, 6, 7], [BOS, 4], [BOS]]
    completions = [[8, 9, EOS], [3, 4, 5, 6, 7, EOS], [EOS]]
    return prompts, completions


@pytest.mark.parametrize("temperature", [0.7, 1.0])
@torch.no_grad()
def test_completion_logprobs_equal_scoring_each_text_alone(temperature):
    model = a_model()
    prompts, completions = prompts_and_completions()
    logprobs, entropies = completion_logprobs(
        model,
        *pad_batch(prompts, PAD, "left"),
        *pad_batch(completions, PAD, "right"),
        temperature=temperature,
    )
    assert logprobs.shape == entropies.shape == (3, 6)
    for b, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        logits = model(torch.tensor([prompt + completion])) / temperature
        every = logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        n = len(completion)
        picked = every[torch.arange(n), torch.tensor(completion)]
        torch.testing.assert_close(logprobs[b, :n], picked, atol=1e-5, rtol=0)
        torch.testing.assert_close(
            entropies[b, :n], -(every.exp() * every).sum(-1), atol=1e-5, rtol=0
        )
        assert (logprobs[b, n:] == 0).all() and (entropies[b, n:] == 0).all()


def test_more_padding_on_either_side_changes_no_score():
    model = a_model()
    prompts, completions = prompts_and_completions()
    prompt_ids, prompt_mask = pad_batch(prompts, PAD, "left")
    ids, mask = pad_batch(completions, PAD, "right")
    logprobs, entropies = completion_logprobs(model, prompt_ids, prompt_mask, ids, mask)
    wide = completion_logprobs(
        model,
        F.pad(prompt_ids, (5, 0), value=3),
        F.pad(prompt_mask, (5, 0)),
        F.pad(ids, (0, 4), value=8),
        F.pad(mask, (0, 4)),
    )
    for ours, wider in zip((logprobs, entropies), wide, strict=True):
        torch.testing.assert_close(wider[:, :6], ours, atol=1e-5, rtol=0)
        assert (wider[:, 6:] == 0).all()


def test_tokens_after_the_end_receive_and_give_nothing():
    model = a_model()
    prompts, completions = prompts_and_completions()
    prompt = pad_batch(prompts, PAD, "left")
    ids, mask = pad_batch(completions, PAD, "right")
    first, _ = completion_logprobs(model, *prompt, ids, mask)
    noisy = torch.where(mask, ids, (ids + 5) % V)
    second, _ = completion_logprobs(model, *prompt, noisy, mask)
    assert torch.equal(first, second)


def test_the_gradient_of_completion_scores_equals_that_of_plain_scores():
    model = a_model()
    prompts, completions = prompts_and_completions()
    logprobs, _ = completion_logprobs(
        model, *pad_batch(prompts, PAD, "left"), *pad_batch(completions, PAD, "right")
    )
    logprobs.sum().backward()
    ours = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    for prompt, completion in zip(prompts, completions, strict=True):
        ids = torch.tensor([prompt + completion])
        counted = torch.arange(ids.shape[1])[None] >= len(prompt)
        sequence_logprob(model(ids), ids, counted).sum().backward()
    for mine, parameter in zip(ours, model.parameters(), strict=True):
        torch.testing.assert_close(mine, parameter.grad, atol=1e-4, rtol=1e-4)


# What is refused


@settings(deadline=None)
@given(
    shape=st.sampled_from([(1, T), (B, 1), (B, T, 1), (B * T,), (B, T + 1)]),
)
def test_shapes_that_would_only_broadcast_are_refused(shape):
    """Broadcasting turns a wrong shape into a wrong number without a word."""
    logits, ids, mask = batch()
    wrong = torch.zeros(shape, dtype=torch.long)
    for score in (token_logprobs, next_token_loss, sequence_logprob):
        with pytest.raises(ValueError, match="expected .batch, time, vocabulary"):
            score(logits, wrong)
    for score in (next_token_loss, sequence_logprob):
        with pytest.raises(ValueError, match="expected the shape of ids"):
            score(logits, ids, wrong.bool())


def test_wrong_arguments_are_refused_in_a_sentence():
    logits, ids, mask = batch()
    with pytest.raises(TypeError, match="expected integers"):
        token_logprobs(logits, ids.float())
    for temperature in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="expected a positive number"):
            token_logprobs(logits, ids, temperature)
        with pytest.raises(ValueError, match="expected a positive number"):
            entropy(logits, temperature)
    with pytest.raises(ValueError, match="at least 2"):
        next_token_loss(logits[:, :1], ids[:, :1])


def test_wrong_completions_are_refused_in_a_sentence():
    model = a_model()
    ids, mask = pad_batch([[BOS, 4, 5], [BOS]], PAD, "left")
    done, done_mask = pad_batch([[3, EOS], [EOS]], PAD, "right")
    with pytest.raises(ValueError, match="padded on the left"):
        completion_logprobs(model, ids.flip(1), mask.flip(1), done, done_mask)
    with pytest.raises(ValueError, match="1 prompts and 2 completions"):
        completion_logprobs(model, ids[:1], mask[:1], done, done_mask)
    with pytest.raises(ValueError, match="prompt ids"):
        completion_logprobs(model, ids, mask[:, :1], done, done_mask)
    with pytest.raises(ValueError, match="completion ids"):
        completion_logprobs(model, ids, mask, done[:, :0], done_mask[:, :0])
    with pytest.raises(ValueError, match="expected a positive number"):
        completion_logprobs(model, ids, mask, done, done_mask, temperature=0.0)
