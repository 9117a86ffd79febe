"""Our `GPT` and transformers' `LlamaForCausalLM`: the same numbers, other names."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from course.expect import positive
from course.lm.model import GPT, GPTConfig

if TYPE_CHECKING:
    from transformers import (
        LlamaForCausalLM,
        PretrainedConfig,
        PreTrainedTokenizerFast,
    )

# Weights outside the blocks, then weights of one block: ours -> theirs.
MODEL = {
    "embedding.weight": "model.embed_tokens.weight",
    "norm.weight": "model.norm.weight",
    "unembedding.weight": "lm_head.weight",  # only where it is not tied
}
BLOCK = {
    "attention_norm.weight": "input_layernorm.weight",
    "attention.query.weight": "self_attn.q_proj.weight",
    "attention.key.weight": "self_attn.k_proj.weight",
    "attention.value.weight": "self_attn.v_proj.weight",
    "attention.output.weight": "self_attn.o_proj.weight",
    "feed_forward_norm.weight": "post_attention_layernorm.weight",
    "feed_forward.gate.weight": "mlp.gate_proj.weight",
    "feed_forward.up.weight": "mlp.up_proj.weight",
    "feed_forward.down.weight": "mlp.down_proj.weight",
}


def weight_names(config: GPTConfig) -> dict[str, str]:
    """The name of every weight of a `GPT` -> its name in `LlamaForCausalLM`.

    Chapter 02.
    """
    names = {
        ours: theirs
        for ours, theirs in MODEL.items()
        if not (config.tied and ours.startswith("unembedding"))
    }
    for layer in range(config.layers):
        for ours, theirs in BLOCK.items():
            names[f"blocks.{layer}.{ours}"] = f"model.layers.{layer}.{theirs}"
    return names


def to_transformers(
    model: GPT, tokenizer: "PreTrainedTokenizerFast | None" = None
) -> "LlamaForCausalLM":
    """A `LlamaForCausalLM` with copies of the model's weights: the same logits.

    The tokenizer, if given, tells it the ids of `<bos>`, `<eos>` and `<pad>`.
    The result works with transformers and TRL; changing it does not change `model`.
    Chapter 02.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    config = model.config
    special = {
        f"{name}_token_id": getattr(tokenizer, f"{name}_token_id", None)
        for name in ("bos", "eos", "pad")
    }
    llama = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=config.vocab_size,
            max_position_embeddings=config.context,
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            intermediate_size=config.feed_forward,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_base},
            rms_norm_eps=config.norm_eps,
            tie_word_embeddings=config.tied,
            **special,
        )
    )
    weights = model.state_dict()
    _copy(
        {theirs: weights[ours] for ours, theirs in weight_names(config).items()},
        llama.to(model.device, weights["embedding.weight"].dtype),
    )
    return llama.train(model.training)


def from_transformers(llama: "LlamaForCausalLM") -> GPT:
    """A `GPT` with copies of the weights of a `LlamaForCausalLM`: the same logits.

    Raises ValueError on parts of the Llama layout that `GPT` lacks (`shape_of`).
    Chapter 02.
    """
    model = GPT(shape_of(llama.config))
    weights = llama.state_dict()
    _copy(
        {ours: weights[name] for ours, name in weight_names(model.config).items()},
        model.to(llama.device, llama.dtype),
    )
    return model.train(llama.training)


def shape_of(theirs: "PretrainedConfig") -> GPTConfig:
    """The shape of a `GPT` that computes what a Llama of this configuration does.

    Raises ValueError on another architecture and on parts that `GPT` lacks: another
    activation, biases, scaled rotary positions, heads of another width.  Chapter 02.
    """
    if theirs.model_type != "llama":
        raise ValueError(
            f"got a model of the architecture {theirs.model_type!r}, expected 'llama'"
        )
    rope = theirs.rope_parameters or {}
    base = rope.get("rope_theta", 10_000.0)
    positive(rope_theta=base)
    heads = theirs.num_attention_heads
    for part, got, expected in (
        ("activation", theirs.hidden_act, "silu"),
        ("attention bias", theirs.attention_bias, False),
        ("feed-forward bias", theirs.mlp_bias, False),
        ("rotary positions", rope.get("rope_type", "default"), "default"),
        ("head width", theirs.head_dim, theirs.hidden_size // heads),
    ):
        if got != expected:
            raise ValueError(f"got {part} {got!r}, expected {expected!r}")
    return GPTConfig(
        vocab_size=theirs.vocab_size,
        context=theirs.max_position_embeddings,
        width=theirs.hidden_size,
        layers=theirs.num_hidden_layers,
        heads=heads,
        kv_heads=theirs.num_key_value_heads,
        feed_forward=theirs.intermediate_size,
        rope_base=float(base),
        norm_eps=theirs.rms_norm_eps,
        tied=theirs.tie_word_embeddings,
    )


@torch.no_grad()
def _copy(weights: dict[str, Tensor], target: torch.nn.Module) -> None:
    """Copy every weight into the parameter of its name; all must be covered."""
    parameters = dict(target.named_parameters())  # a tied head is listed once
    if parameters.keys() != weights.keys():
        odd = sorted(parameters.keys() ^ weights.keys())
        raise ValueError(f"got weights that do not fit, expected both to hold {odd}")
    for name, parameter in parameters.items():
        if parameter.shape != weights[name].shape:
            raise ValueError(
                f"got {name} {tuple(weights[name].shape)}, expected "
                f"{tuple(parameter.shape)}"
            )
        parameter.copy_(weights[name])
