"""The transformer and its parts, against torch, algebra and each other."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course.lm import model as model_module
from course.lm.layers import attend, causal_attention, rms_norm, rotary, swiglu
from course.lm.model import GPT, GPTConfig, RMSNorm, parameter_count

# Every test runs with both matrix products that `runtime.matrix_product` chooses from.
pytestmark = pytest.mark.usefixtures("products")

SMALL = GPTConfig(
    vocab_size=40, context=32, width=24, layers=2, heads=6, kv_heads=2, feed_forward=32
)


@pytest.fixture
def model() -> GPT:
    torch.manual_seed(0)
    gpt = GPT(SMALL).double().eval()
    with torch.no_grad():  # far from the start, where attention is nearly uniform
        for parameter in gpt.parameters():
            parameter.mul_(4)
    return gpt


def random_ids(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(40, shape, generator=torch.Generator().manual_seed(seed))


def test_rms_norm_equals_torch():
    x = torch.randn(3, 5, 8) * 100
    weight = torch.rand(8)
    expected = F.rms_norm(x, (8,), weight, eps=1e-5)
    torch.testing.assert_close(rms_norm(x, weight), expected)


def test_rms_norm_ignores_the_scale_of_its_input():
    x = torch.randn(4, 8, dtype=torch.double)
    one = torch.ones(8, dtype=torch.double)
    torch.testing.assert_close(rms_norm(x, one, 0.0), rms_norm(7 * x, one, 0.0))


@pytest.mark.parametrize("kv_heads", [1, 2, 6])
@pytest.mark.parametrize("seen", [5, 9])
def test_causal_attention_equals_torch_for_grouped_heads_and_a_cache(kv_heads, seen):
    q = torch.randn(2, 6, 5, 4, dtype=torch.double) * 10
    k = torch.randn(2, kv_heads, seen, 4, dtype=torch.double) * 10
    v = torch.randn(2, kv_heads, seen, 4, dtype=torch.double)
    mask = torch.ones(5, seen, dtype=torch.bool).tril(seen - 5)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
    torch.testing.assert_close(causal_attention(q, k, v), expected)


def test_causal_attention_of_the_first_token_is_its_own_value():
    q, k, v = torch.randn(3, 1, 2, 4, 6).unbind(0)
    torch.testing.assert_close(causal_attention(q, k, v)[:, :, 0], v[:, :, 0])


def test_causal_attention_rejects_heads_that_do_not_divide():
    with pytest.raises(ValueError, match="H a multiple of K"):
        causal_attention(
            torch.ones(1, 3, 2, 4), torch.ones(1, 2, 2, 4), torch.ones(1, 2, 2, 4)
        )


@given(shift=st.integers(0, 500), gap=st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_a_rotary_product_depends_on_the_distance_only(shift, gap):
    x, y = torch.randn(2, 1, 1, 1, 8, generator=torch.Generator().manual_seed(gap))
    x, y = x.double(), y.double()

    def product(at: int, other: int) -> torch.Tensor:
        return (rotary(x, torch.tensor([at])) * rotary(y, torch.tensor([other]))).sum()

    expected = product(gap, 0)
    torch.testing.assert_close(product(gap + shift, shift), expected, rtol=0, atol=2e-4)


def test_rotary_keeps_lengths_and_does_nothing_at_position_zero():
    x = torch.randn(2, 3, 4, 8)
    turned = rotary(x, torch.arange(4))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[:, :, 0], x[:, :, 0])


def test_rotary_equals_transformers_llama():
    from transformers import LlamaConfig
    from transformers.models.llama import modeling_llama

    config = LlamaConfig(hidden_size=16, num_attention_heads=2)
    x = torch.randn(2, 2, 6, 8)
    positions = torch.arange(6)[None].expand(2, -1) + torch.tensor([[0], [3]])
    cos, sin = modeling_llama.LlamaRotaryEmbedding(config)(x, positions)
    expected, _ = modeling_llama.apply_rotary_pos_emb(x, x, cos, sin)
    base = config.rope_parameters["rope_theta"]
    torch.testing.assert_close(rotary(x, positions, base), expected)


def test_rotary_rejects_an_odd_dimension():
    with pytest.raises(ValueError, match="got head dimension 3"):
        rotary(torch.ones(1, 1, 1, 3), torch.zeros(1))


def test_swiglu_equals_the_transformers_block():
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaMLP

    block = LlamaMLP(
        LlamaConfig(hidden_size=8, intermediate_size=12, num_attention_heads=2)
    )
    x = torch.randn(3, 8) * 10
    ours = swiglu(
        x, block.gate_proj.weight, block.up_proj.weight, block.down_proj.weight
    )
    torch.testing.assert_close(ours, block(x))


@given(kv=st.sampled_from([1, 2, 3, 6]), layers=st.integers(1, 3), tied=st.booleans())
@settings(max_examples=12, deadline=None)
def test_parameter_count_counts_the_parameters(kv, layers, tied):
    config = GPTConfig(50, 16, 24, layers, 6, kv, 20, tied=tied)
    counted = sum(p.numel() for p in GPT(config).parameters())
    assert parameter_count(config) == counted


def test_a_new_model_is_as_unsure_as_a_uniform_guess():
    torch.manual_seed(0)
    gpt = GPT(GPTConfig(vocab_size=2048))
    ids = torch.randint(2048, (8, 64))
    loss = F.cross_entropy(gpt(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    assert abs(loss.item() / math.log(2048) - 1) < 0.05


def test_no_token_changes_an_earlier_logit(model):
    ids = random_ids(2, 10)
    other = ids.clone()
    other[:, 6] = (other[:, 6] + 1) % 40
    before, after = model(ids), model(other)
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.allclose(before[:, 6:], after[:, 6:])


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_on_either_side_changes_nothing(model, side):
    ids = random_ids(1, 7)
    pad = random_ids(1, 4, seed=1)
    real, none = torch.ones(1, 7, dtype=torch.bool), torch.zeros(1, 4, dtype=torch.bool)
    if side == "left":
        padded, mask, place = torch.cat((pad, ids), 1), torch.cat((none, real), 1), 4
    else:
        padded, mask, place = torch.cat((ids, pad), 1), torch.cat((real, none), 1), 0
    seen = model(padded, attention_mask=mask)[:, place : place + 7]
    torch.testing.assert_close(seen, model(ids))


def test_the_cache_changes_no_logit(model):
    ids = random_ids(3, 9)
    mask = torch.ones(3, 9, dtype=torch.bool)
    mask[1, :3] = False  # left padding, so that positions differ in the batch
    cache, steps = model.new_cache(), []
    for start, end in ((0, 4), (4, 5), (5, 9)):
        steps.append(model(ids[:, start:end], mask[:, :end], cache=cache))
    whole = model(ids, attention_mask=mask)
    torch.testing.assert_close(torch.cat(steps, 1)[mask], whole[mask])


def test_packed_texts_do_not_see_each_other(model):
    first, second = random_ids(1, 4), random_ids(1, 6, seed=1)
    segments = torch.tensor([[1] * 4 + [2] * 6])
    packed = model(torch.cat((first, second), 1), segments=segments)
    torch.testing.assert_close(packed[:, :4], model(first))
    torch.testing.assert_close(packed[:, 4:], model(second))


def test_the_fused_attention_of_the_model_is_the_formula(model, monkeypatch):
    """Torch's fused attention, and the formula that replaces it where it is slow."""
    ids, mask = random_ids(2, 8), torch.ones(2, 8, dtype=torch.bool)
    mask[0, :2] = False
    logits, asked = [], []
    for slow in (False, True):
        monkeypatch.setattr(model_module, "slow_fused_attention", lambda x, s=slow: s)
        with monkeypatch.context() as patch:
            if slow:
                patch.delattr(F, "scaled_dot_product_attention")
                patch.setattr(
                    model_module, "attend", lambda *x: asked.append(1) or attend(*x)
                )
            logits.append(model(ids, attention_mask=mask))
    assert len(asked) == SMALL.layers
    torch.testing.assert_close(*logits)


def test_the_formula_replaces_fused_attention_with_the_faster_products_only(products):
    here = model_module.slow_fused_attention(torch.ones(1))
    assert here == (products == "medium")
    assert not model_module.slow_fused_attention(torch.ones(1, device="meta"))


def test_the_formula_has_the_gradient_of_fused_attention():
    q, k, v = (
        torch.randn(2, n, 5, 4, dtype=torch.double, requires_grad=True)
        for n in (6, 2, 2)
    )
    visible = torch.ones(5, 5, dtype=torch.bool).tril()
    fused = F.scaled_dot_product_attention(q, k, v, attn_mask=visible, enable_gqa=True)
    pull = torch.randn_like(fused)
    theirs = torch.autograd.grad(fused, (q, k, v), pull)
    ours = torch.autograd.grad(attend(q, k, v, visible), (q, k, v), pull)
    torch.testing.assert_close(ours, theirs)


def test_the_norm_of_the_model_is_the_formula():
    norm = RMSNorm(24, 1e-5)
    torch.nn.init.normal_(norm.weight)
    x = 9 * torch.randn(3, 5, 24)
    torch.testing.assert_close(norm(x), rms_norm(x, norm.weight, 1e-5))


def test_a_cache_grows_and_keeps_what_it_has(model):
    """Its buffers have room for 64 positions at first; a real model sees more."""
    long = GPT(replace(SMALL, context=200)).double().eval()
    ids = random_ids(2, 150)
    cache = long.new_cache()
    with torch.no_grad():
        pieces = [long(piece, cache=cache) for piece in ids.split([60, 1, 30, 59], 1)]
        torch.testing.assert_close(torch.cat(pieces, 1), long(ids))
    assert len(cache) == 150


def test_a_gradient_goes_through_the_cache(model):
    ids = random_ids(2, 9)
    cache = model.new_cache()
    pieces = [model(piece, cache=cache) for piece in ids.split(3, 1)]
    pull = torch.randn_like(model(ids))
    theirs = torch.autograd.grad(model(ids), model.embedding.weight, pull)
    ours = torch.autograd.grad(torch.cat(pieces, 1), model.embedding.weight, pull)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"ids": torch.zeros(3, dtype=torch.long)}, "expected \\(batch, time\\)"),
        ({"ids": torch.zeros(1, 33, dtype=torch.long)}, "the context of 32"),
        (
            {"ids": torch.zeros(1, 3).long(), "attention_mask": torch.ones(1, 4)},
            "expected \\(1, 3\\)",
        ),
        (
            {
                "ids": torch.zeros(1, 3).long(),
                "attention_mask": torch.ones(1, 3),
                "segments": torch.ones(1, 3),
            },
            "no cache or attention_mask",
        ),
        (
            {"ids": torch.zeros(2, 3).long(), "segments": torch.ones(1, 3)},
            "segments \\(1, 3\\), expected \\(2, 3\\)",
        ),
    ],
)
def test_wrong_input_gets_one_sentence(model, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        model(**arguments)


def test_a_shape_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="even width"):
        GPTConfig(vocab_size=10, width=30, heads=4)
    with pytest.raises(ValueError, match="expected a multiple"):
        GPTConfig(vocab_size=10, width=24, heads=6, kv_heads=4)


def test_a_model_has_no_dropout_and_answers_twice_the_same(model):
    assert not [m for m in model.modules() if isinstance(m, torch.nn.Dropout)]
    model.train()
    assert torch.equal(model(random_ids(1, 5)), model(random_ids(1, 5)))
