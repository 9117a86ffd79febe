"""The same weights give the same logits here and in transformers."""

import pytest
import torch

from course.lm.interop import from_transformers, to_transformers, weight_names
from course.lm.model import GPT, GPTConfig
from course.lm.tokenizer import train_tokenizer

TOLERANCE = 1e-5  # fp32, logits of order 1


def shape(**changes) -> GPTConfig:
    base = {
        "vocab_size": 61,
        "context": 32,
        "width": 24,
        "layers": 3,
        "heads": 6,
        "kv_heads": 2,
        "feed_forward": 40,
        "rope_base": 500.0,
        "norm_eps": 1e-4,
    }
    return GPTConfig(**{**base, **changes})


def a_model(**changes) -> GPT:
    """Weights far from their small initial values, so that every part matters."""
    torch.manual_seed(0)
    model = GPT(shape(**changes))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.3)
    return model


@pytest.mark.parametrize("kv_heads", [1, 2, 6])
@pytest.mark.parametrize("tied", [True, False])
@torch.no_grad()
def test_logits_equal_those_of_llama_with_the_same_weights(kv_heads, tied):
    model = a_model(kv_heads=kv_heads, tied=tied)
    ids = torch.randint(0, 61, (3, 20))
    theirs = to_transformers(model)(input_ids=ids).logits
    ours = model(ids)
    assert ours.std() > 0.1  # a comparison of zeros would show nothing
    torch.testing.assert_close(ours, theirs, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_logits_equal_those_of_llama_under_padding(side):
    model = a_model()
    ids = torch.randint(0, 61, (3, 12))
    lengths = torch.tensor([[12], [7], [1]])
    place = torch.arange(12)
    mask = place < lengths if side == "right" else place >= 12 - lengths
    ours = model(ids, attention_mask=mask)
    theirs = to_transformers(model)(
        input_ids=ids,
        attention_mask=mask.long(),
        position_ids=(mask.long().cumsum(1) - 1).clamp(min=0),
    ).logits
    torch.testing.assert_close(ours[mask], theirs[mask], atol=1e-5, rtol=1e-5)


def test_gradients_equal_those_of_llama():
    model = a_model()
    llama = to_transformers(model)
    ids = torch.randint(0, 61, (2, 10))
    model(ids).log_softmax(-1)[..., 0].sum().backward()
    llama(input_ids=ids).logits.log_softmax(-1)[..., 0].sum().backward()
    theirs = dict(llama.named_parameters())
    for ours, name in weight_names(model.config).items():
        torch.testing.assert_close(
            model.get_parameter(ours).grad, theirs[name].grad, atol=1e-3, rtol=1e-4
        )


@pytest.mark.parametrize("tied", [True, False])
def test_the_round_trip_keeps_config_and_every_bit_of_the_weights(tied):
    model = a_model(tied=tied)
    back = from_transformers(to_transformers(model))
    assert back.config == model.config
    assert back.state_dict().keys() == model.state_dict().keys()
    for name, weight in model.state_dict().items():
        assert torch.equal(back.state_dict()[name], weight), name


def test_the_copy_shares_no_memory_with_the_model():
    model = a_model()
    before = model.embedding.weight.clone()
    with torch.no_grad():
        to_transformers(model).model.embed_tokens.weight.zero_()
    assert torch.equal(model.embedding.weight, before)


def test_a_tied_head_stays_tied_in_transformers():
    llama = to_transformers(a_model())
    assert llama.lm_head.weight is llama.model.embed_tokens.weight


def test_a_saved_copy_loads_in_transformers(tmp_path):
    from transformers import AutoModelForCausalLM

    model = a_model()
    to_transformers(model).save_pretrained(tmp_path)
    back = from_transformers(AutoModelForCausalLM.from_pretrained(tmp_path))
    assert back.config == model.config
    for name, weight in model.state_dict().items():
        assert torch.equal(back.state_dict()[name], weight), name


def test_the_special_tokens_of_the_tokenizer_reach_the_config():
    tokenizer = train_tokenizer(["a film"], 300)
    model = GPT(shape(vocab_size=len(tokenizer)))
    config = to_transformers(model, tokenizer).config
    assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (
        tokenizer.bos_token_id,
        tokenizer.eos_token_id,
        tokenizer.pad_token_id,
    )


@torch.no_grad()
def test_greedy_text_of_transformers_generate_is_the_argmax_of_our_logits():
    model = a_model()
    ids = torch.randint(3, 61, (1, 4))
    made = to_transformers(model).generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=8,
        do_sample=False,
        pad_token_id=2,
    )
    assert made.shape == (1, 12)
    assert torch.equal(model(made)[0, 3:-1].argmax(-1), made[0, 4:])


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"hidden_act": "gelu"}, "activation"),
        ({"attention_bias": True}, "attention bias"),
        ({"mlp_bias": True}, "feed-forward bias"),
        ({"head_dim": 8}, "head width"),
        (
            {
                "rope_parameters": {
                    "rope_type": "linear",
                    "rope_theta": 1e4,
                    "factor": 2.0,
                }
            },  # fmt: skip
            "rotary positions",
        ),
    ],
)
def test_a_llama_that_our_model_cannot_express_is_refused(changes, sentence):
    from transformers import LlamaConfig, LlamaForCausalLM

    small = {
        "vocab_size": 11,
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
    }
    llama = LlamaForCausalLM(LlamaConfig(**small, **changes))
    with pytest.raises(ValueError, match=sentence):
        from_transformers(llama)
