"""The sampler against exact probabilities, its own re-scoring and plain decoding."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.utils._python_dispatch import TorchDispatchMode

from course.lm import sampling
from course.lm.model import GPT, GPTConfig
from course.lm.objective import completion_logprobs
from course.lm.sampling import (
    Generation,
    apply_temperature,
    completion_mask,
    generate,
    sample_tokens,
    tokens_at,
    top_k_filter,
    top_p_filter,
    write,
)
from course.lm.tokenizer import train_tokenizer

# Every test runs with both matrix products that `runtime.matrix_product` chooses from.
pytestmark = pytest.mark.usefixtures("products")

BOS, EOS, PAD = 0, 1, 2


@pytest.fixture(scope="module")
def model() -> GPT:
    torch.manual_seed(0)
    config = GPTConfig(
        vocab_size=9,
        context=40,
        width=24,
        layers=2,
        heads=2,
        kv_heads=1,
        feed_forward=32,
        tied=False,
    )
    gpt = GPT(config).eval()
    with torch.no_grad():
        gpt.unembedding.weight.mul_(12)
    return gpt


def prompts() -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.tensor([[0, 3, 4, 5], [PAD, PAD, 0, 6], [PAD, 0, 7, 8]] * 8)
    return ids, ids != PAD


def sample(model, temperature=1.0, **options):
    ids, mask = prompts()
    return generate(
        model,
        ids,
        mask,
        max_new_tokens=12,
        eos_id=EOS,
        pad_id=PAD,
        temperature=temperature,
        generator=torch.Generator().manual_seed(5),
        **options,
    )


logits = st.lists(st.floats(-300, 300), min_size=2, max_size=9).map(torch.tensor)


@given(logits, st.floats(0.01, 1))
def test_top_p_keeps_the_smallest_likeliest_set_that_reaches_p(values, p):
    kept = top_p_filter(values, p).isfinite()
    probabilities = values.softmax(-1)
    least = probabilities[kept].min()
    assert probabilities[kept].sum() >= p - 1e-6
    assert probabilities[kept].sum() - least < p + 1e-6
    assert kept.all() or least >= probabilities[~kept].max()


@given(logits, st.integers(1, 12))
def test_top_k_keeps_k_unless_there_are_ties(values, k):
    kept = top_k_filter(values, k).isfinite()
    lowest = values.sort(descending=True).values[min(k, len(values)) - 1]
    assert torch.equal(kept, values >= lowest)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: apply_temperature(x, -1.0), "got temperature -1.0"),
        (lambda x: apply_temperature(x, 0.0), "got temperature 0.0"),
        (lambda x: top_p_filter(x, 0.0), "got top-p 0.0"),
        (lambda x: top_p_filter(x, 1.1), "got top-p 1.1"),
        (lambda x: top_k_filter(x, 0), "got top-k 0"),
    ],
)
def test_a_setting_that_makes_no_sense_gets_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(torch.zeros(3))


@settings(max_examples=20)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=5))
def test_the_completion_mask_counts_to_the_length(lengths):
    mask = completion_mask(torch.tensor(lengths), 6)
    assert mask.sum(1).tolist() == lengths
    assert torch.equal(mask.int().cummin(1).values.bool(), mask)


def test_drawn_frequencies_pass_a_chi_squared_test():
    values = torch.tensor([2.0, 0.5, -1.0, float("-inf"), 1.0])
    drawn = sample_tokens(values.expand(20_000, -1), torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn, minlength=5)
    assert counts[3] == 0
    possible = [0, 1, 2, 4]
    expected = values.double().softmax(-1)[possible] * 20_000
    assert stats.chisquare(counts[possible], expected).pvalue > 0.01


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_returned_logprobs_are_what_rescoring_gives(model, temperature):
    written = sample(model, temperature)
    ids, mask = prompts()
    rescored, _ = completion_logprobs(
        model, ids, mask, written.ids, written.mask, temperature
    )
    assert written.ended.any() and not written.ended.all()
    torch.testing.assert_close(written.logprobs, rescored, rtol=0, atol=1e-5)


def test_the_cache_changes_no_sampled_token(model):
    fast, slow = sample(model), sample(model, use_cache=False)
    assert torch.equal(fast.ids, slow.ids) and torch.equal(fast.lengths, slow.lengths)


def test_texts_end_at_their_first_end_token(model):
    written = sample(model)
    for ids, length, ended in zip(
        written.ids.tolist(), written.lengths.tolist(), written.ended.tolist(),
        strict=True,
    ):  # fmt: skip
        assert EOS not in ids[: length - 1]
        assert (ids[length - 1] == EOS) == ended
        assert ended or length == 12
        assert set(ids[length:]) <= {PAD}
    assert (written.logprobs[~written.mask] == 0).all()


def test_greedy_decoding_takes_the_likeliest_token(model):
    ids, mask = prompts()
    written = sample(model, top_k=1)
    text = torch.cat((ids[:1], written.ids[:1]), 1)  # an unpadded prompt
    best = model(text)[0, ids.shape[1] - 1 : -1].argmax(-1)
    length = int(written.lengths[0])
    assert torch.equal(best[:length], written.ids[0, :length])


def test_a_text_does_not_depend_on_its_batch_mates(model):
    ids, mask = prompts()
    options = {"max_new_tokens": 8, "eos_id": EOS, "pad_id": PAD, "top_k": 1}
    together = generate(model, ids, mask, **options)
    alone = generate(model, ids[1:2, 2:], mask[1:2, 2:], **options)
    length = int(alone.lengths[0])
    assert together.lengths[1] == length
    assert torch.equal(together.ids[1, :length], alone.ids[0, :length])


def test_all_completions_of_a_tiny_policy_have_their_probability(model):
    """4,000 texts of two tokens against the product of exact conditionals."""
    count = 4_000
    ids = torch.zeros(count, 1, dtype=torch.long)
    written = generate(
        model,
        ids,
        torch.ones_like(ids, dtype=torch.bool),
        max_new_tokens=2,
        eos_id=EOS,
        pad_id=PAD,
        generator=torch.Generator().manual_seed(1),
    )
    first = model(ids[:1]).detach()[0, -1].double().softmax(-1)
    pairs = torch.stack((torch.zeros(9), torch.arange(9)), 1).long()
    second = model(pairs).detach()[:, -1].double().softmax(-1)
    probability = (first[:, None] * second).detach()
    probability[EOS] = 0
    probability[EOS, PAD] = first[EOS]
    seen = torch.zeros(9, 9, dtype=torch.double)
    for a, b in written.ids.tolist():
        seen[a, b] += 1
    common = probability * count > 8
    rest = (count - seen[common].sum(), count * (1 - probability[common].sum()))
    observed = [*seen[common].tolist(), float(rest[0])]
    expected = [*(probability[common] * count).tolist(), float(rest[1])]
    assert stats.chisquare(observed, expected).pvalue > 0.01


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"prompt_mask": torch.tensor([[True, False]])}, "padded on the left"),
        ({"max_new_tokens": 0}, "at least one new token"),
        ({"max_new_tokens": 39}, "the context of 40"),
    ],
)
def test_prompts_that_do_not_fit_get_a_sentence(model, options, sentence):
    good = {
        "prompt_ids": torch.zeros(1, 2, dtype=torch.long),
        "prompt_mask": torch.ones(1, 2, dtype=torch.bool),
        "max_new_tokens": 3,
        "eos_id": EOS,
        "pad_id": PAD,
    }
    with pytest.raises(ValueError, match=sentence):
        generate(model, **(good | options))


def test_write_returns_new_text_only_and_takes_an_empty_prompt():
    torch.manual_seed(0)
    tokenizer = train_tokenizer(["a good film", "a bad film"], vocab_size=262)
    gpt = GPT(GPTConfig(len(tokenizer), 32, 16, 1, 2, 1, 24))
    texts = write(
        gpt,
        tokenizer,
        ["", "a good"],
        max_new_tokens=5,
        generator=torch.Generator().manual_seed(0),
    )
    assert len(texts) == 2 and all(isinstance(text, str) for text in texts)
    assert not texts[1].startswith("a good")


def test_entropy_grows_with_temperature():
    from course.lm.objective import entropy

    values = torch.randn(20, 9, generator=torch.Generator().manual_seed(0)) * 3
    grown = [entropy(apply_temperature(values, t)) for t in (0.2, 0.5, 1.0, 2.0, 9.0)]
    for cooler, warmer in zip(grown, grown[1:], strict=False):
        assert (warmer >= cooler).all()
    assert grown[-1].max() <= math.log(9)


# Without waiting for the device


class Waits(TorchDispatchMode):
    """Counts the calls whose answer the host must wait for on a GPU."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        by_mask = name in ("index", "index_put_") and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        reads = name in ("_local_scalar_dense", "is_nonzero", "nonzero", "equal")
        self.count += reads or by_mask
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("top_p", [None, 0.9])
def test_a_device_that_must_be_waited_for_is_asked_every_eighth_token(
    model, monkeypatch, top_p
):
    """A GPU computes ahead only as long as nothing asks for what it has computed."""
    ids, mask = torch.tensor([[BOS]] * 6), torch.ones(6, 1, dtype=torch.bool)

    def write_24() -> tuple[Generation, int]:
        with Waits() as waits:
            written = generate(
                model, ids, mask, max_new_tokens=24, eos_id=EOS, pad_id=PAD,
                generator=torch.Generator().manual_seed(0), top_p=top_p,
            )  # fmt: skip
        return written, waits.count

    often, each_token = write_24()
    monkeypatch.setattr(sampling, "CHECK_EVERY", {})
    rarely, each_eighth = write_24()
    assert each_token >= 24 > each_eighth
    assert torch.equal(often.ids, rarely.ids)
    assert torch.equal(often.lengths, rarely.lengths)
    assert torch.equal(often.ended, rarely.ended)
    torch.testing.assert_close(often.logprobs, rarely.logprobs)


def test_a_generation_takes_its_random_numbers_at_once(model):
    """So how long the texts are changes nothing of what is drawn after them."""
    ids, mask = prompts()
    draws, counted = (torch.Generator().manual_seed(3) for _ in range(2))
    options = {"max_new_tokens": 9, "eos_id": EOS, "pad_id": PAD}
    generate(model, ids, mask, generator=draws, **options)
    torch.rand(9 * len(ids), generator=counted, dtype=torch.float64)
    assert torch.equal(draws.get_state(), counted.get_state())


def test_the_token_at_a_number_is_the_one_whose_stretch_holds_it():
    """Probabilities 1/2, 1/4, 0, 1/4: the stretches begin at 0, 0.5, never, 0.75."""
    logits = torch.tensor([0.5, 0.25, 0.0, 0.25]).log()
    places = torch.tensor([0.0, 0.4999, 0.5, 0.7499, 0.75, 0.9999], dtype=torch.float64)
    found = tokens_at(logits.expand(6, -1), places)
    assert found.tolist() == [0, 0, 1, 1, 3, 3]
    found = tokens_at(logits.expand(6, -1) + 300, places)  # logits far from 0
    assert found.tolist() == [0, 0, 1, 1, 3, 3]


@pytest.mark.parametrize("place", [-0.1, 1.0, 1.36, float("nan")])
def test_a_number_outside_the_line_chooses_no_token(place):
    logits = torch.zeros(2, 4)
    places = torch.tensor([0.5, place], dtype=torch.float64)
    with pytest.raises(ValueError, match="got"):
        tokens_at(logits, places)
