"""Filters and generation against transformers' own."""

import pytest
import torch
from scipy import stats
from transformers import (
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from course.lm.interop import to_transformers
from course.lm.model import GPT, GPTConfig
from course.lm.sampling import (
    apply_temperature,
    generate,
    sample_tokens,
    top_k_filter,
    top_p_filter,
    write,
)
from course.lm.tokenizer import train_tokenizer

# Every test runs with both matrix products that `runtime.matrix_product` chooses from.
pytestmark = pytest.mark.usefixtures("products")

EOS, PAD, V = 1, 2, 23


def logits(seed: int, scale: float = 3.0) -> torch.Tensor:
    return scale * torch.randn(64, V, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("temperature", [0.1, 0.7, 1.0, 3.0])
def test_temperature_is_that_of_transformers(temperature):
    values = logits(0)
    expected = TemperatureLogitsWarper(temperature)(None, values)
    assert torch.equal(apply_temperature(values, temperature), expected)


@pytest.mark.parametrize("k", [1, 2, 5, V, 99])
def test_top_k_is_that_of_transformers(k):
    values = logits(1)
    assert torch.equal(top_k_filter(values, k), TopKLogitsWarper(k)(None, values))


@pytest.mark.parametrize("p", [0.05, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("scale", [0.5, 3.0, 30.0])
def test_top_p_is_that_of_transformers(p, scale):
    """Theirs adds from the least likely up: a sum within rounding of p may differ."""
    values = logits(2, scale)
    sums = values.double().softmax(-1).sort(descending=True).values.cumsum(-1)
    clear = (sums - p).abs().amin(-1) > 1e-5
    assert clear.sum() > 55
    expected = TopPLogitsWarper(p)(None, values)
    assert torch.equal(top_p_filter(values, p)[clear], expected[clear])


def test_temperature_then_top_k_then_top_p_is_the_order_of_transformers():
    values = logits(3)
    ours = top_p_filter(top_k_filter(apply_temperature(values, 1.7), 9), 0.8)
    theirs = values
    for warper in (
        TemperatureLogitsWarper(1.7), TopKLogitsWarper(9), TopPLogitsWarper(0.8)
    ):  # fmt: skip
        theirs = warper(None, theirs)
    assert torch.equal(ours, theirs)
    other = apply_temperature(top_p_filter(top_k_filter(values, 9), 0.8), 1.7)
    assert not torch.equal(ours, other)  # the order matters


@pytest.fixture(scope="module")
def model() -> GPT:
    torch.manual_seed(0)
    gpt = GPT(GPTConfig(V, 40, 24, 2, 2, 1, 32, tied=False)).eval()
    with torch.no_grad():
        gpt.unembedding.weight.mul_(12)
    return gpt


def prompts() -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.tensor([[0, 3, 4, 5], [PAD, PAD, 0, 6], [PAD, 0, 7, 8]])
    more = torch.randint(3, V, (9, 4), generator=torch.Generator().manual_seed(0))
    ids = torch.cat((ids, more))
    return ids, ids != PAD


def test_greedy_batches_and_their_logprobs_are_those_of_transformers(model):
    ids, mask = prompts()
    llama = to_transformers(model).eval()
    theirs = llama.generate(
        ids, attention_mask=mask.long(), do_sample=False, max_new_tokens=16,
        eos_token_id=EOS, pad_token_id=PAD, output_scores=True,
        return_dict_in_generate=True,
    )  # fmt: skip
    scores = llama.compute_transition_scores(
        theirs.sequences, theirs.scores, normalize_logits=True
    )
    for use_cache in (True, False):
        ours = generate(
            model, ids, mask, max_new_tokens=16, eos_id=EOS, pad_id=PAD, top_k=1,
            use_cache=use_cache,
        )  # fmt: skip
        assert torch.equal(ours.ids, theirs.sequences[:, ids.shape[1] :])
        torch.testing.assert_close(
            ours.logprobs[ours.mask], scores[ours.mask], rtol=0, atol=1e-4
        )


@pytest.mark.parametrize(
    ("options", "kept"), [({"top_k": 3}, 3), ({"top_p": 0.5}, None), ({}, V)]
)
def test_first_tokens_come_as_often_as_the_filtered_probabilities_say(
    model, options, kept
):
    count = 3_000
    ids = torch.zeros(count, 1, dtype=torch.long)
    written = generate(
        model, ids, torch.ones_like(ids, dtype=torch.bool), max_new_tokens=1,
        eos_id=EOS, pad_id=PAD, generator=torch.Generator().manual_seed(0), **options,
    )  # fmt: skip
    values = model(ids[:1])[0, -1].detach()
    if "top_k" in options:
        values = TopKLogitsWarper(3)(None, values[None])[0]
    if "top_p" in options:
        values = TopPLogitsWarper(0.5)(None, values[None])[0]
    p = values.double().softmax(-1)
    assert kept is None or (p > 0).sum() == kept
    seen = torch.bincount(written.ids[:, 0], minlength=V).double()
    assert not seen[p == 0].any()
    common = p * count >= 5
    observed = [*seen[common], seen[~common].sum()]
    expected = [*(p[common] * count), (p[~common] * count).sum()]
    if expected[-1] < 5:  # nothing, or too little for a term of its own
        observed[-2:], expected[-2:] = [sum(observed[-2:])], [sum(expected[-2:])]
    if len(expected) > 1:
        assert stats.chisquare(observed, expected).pvalue > 0.001


def test_the_chi_squared_test_rejects_normal_noise_in_place_of_gumbel_noise():
    """The sampler that the lesson of chapter 03 shows to be wrong."""
    values = torch.linspace(0, 3, 6)
    draws = torch.Generator().manual_seed(0)
    noise = 1.28 * torch.randn(8_000, 6, generator=draws)  # Gumbel's deviation
    expected = values.double().softmax(-1) * 8_000
    wrong = torch.bincount((values + noise).argmax(1), minlength=6)
    right = torch.bincount(sample_tokens(values.expand(8_000, -1), draws), minlength=6)
    assert stats.chisquare(wrong, expected).pvalue < 1e-6
    assert stats.chisquare(right, expected).pvalue > 0.001


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"temperature": -1.0}, "got temperature -1.0, expected a positive number"),
        ({"temperature": 0.0}, "got temperature 0.0, expected a positive number"),
        ({"top_p": 0.0}, r"got top-p 0.0, expected a number in \(0, 1\]"),
        ({"top_k": 0}, "got top-k 0, expected at least 1"),
        ({"max_new_tokens": 200}, "expected together at most the context of 40"),
    ],
)
def test_writing_with_a_setting_that_makes_no_sense_gets_one_sentence(
    options, sentence
):
    tokenizer = train_tokenizer(["a good film", "a bad film"], vocab_size=262)
    torch.manual_seed(0)
    gpt = GPT(GPTConfig(len(tokenizer), 40, 16, 1, 2, 1, 24))
    with pytest.raises(ValueError, match=sentence):
        write(gpt, tokenizer, ["a good"], **({"max_new_tokens": 8} | options))
