"""Adapters as files: peft's names and arithmetic, and the way back."""

import copy
import json

import pytest
import torch
from torch import nn

from course.lm.adapter_files import (
    CARD,
    WEIGHTS,
    adapter_tensors,
    load_adapters,
    merge_adapters,
    peft_name,
    put_adapters,
    save_adapters,
)
from course.lm.half import sampler_of, sync
from course.lm.interop import to_transformers
from course.lm.lora import adapters, add_adapters, merge
from course.lm.model import GPT, GPTConfig
from course.runtime import CourseError

SHAPE = GPTConfig(31, context=16, width=16, layers=2, heads=4, kv_heads=2,
                  feed_forward=24)  # fmt: skip


def base() -> GPT:
    torch.manual_seed(0)
    return GPT(SHAPE)


def adapted(names=("query", "value", "down")) -> GPT:
    model = add_adapters(base(), 3, 6.0, names)
    torch.manual_seed(2)
    for adapter in adapters(model).values():
        nn.init.normal_(adapter.b, std=0.3)
    return model


def some_ids() -> torch.Tensor:
    return torch.randint(31, (3, 9), generator=torch.Generator().manual_seed(1))


def test_one_merged_weight_computes_layer_and_adapter():
    for adapter in adapters(adapted()).values():
        weight = merge_adapters(adapter.base.weight, adapter.a, adapter.b, 6.0)
        x = torch.randn(5, adapter.base.in_features)
        torch.testing.assert_close(x @ weight.T, adapter(x))


def test_every_name_is_that_of_a_module_of_transformers_as_peft_wraps_it():
    model = adapted()
    theirs = dict(to_transformers(base()).named_modules())
    for name, tensor in adapter_tensors(model).items():
        written = peft_name(name, SHAPE)
        module, end = written.removeprefix("base_model.model.").split(".lora_")
        layer, out = theirs[module], end == "B.weight"
        size = layer.out_features if out else layer.in_features
        assert tensor.shape == ((size, 3) if out else (3, size))


@torch.no_grad()
def test_the_file_put_on_transformers_by_hand_gives_the_policys_logits(tmp_path):
    from safetensors.torch import load_file

    model, llama = adapted(), to_transformers(base())
    save_adapters(model, tmp_path)
    card = json.loads((tmp_path / CARD).read_text())
    tensors = load_file(tmp_path / WEIGHTS)
    for name in tensors:
        if name.endswith("lora_A.weight"):
            module = name.removeprefix("base_model.model.").split(".lora_")[0]
            b = tensors[name.replace("lora_A", "lora_B")]
            scale = card["lora_alpha"] / card["r"]
            llama.get_submodule(module).weight.add_(scale * b @ tensors[name])
    assert card["target_modules"] == ["down_proj", "q_proj", "v_proj"]
    torch.testing.assert_close(llama(some_ids()).logits, model(some_ids()))


@torch.no_grad()
def test_what_was_saved_is_loaded_to_the_same_model(tmp_path):
    model = adapted()
    save_adapters(model, tmp_path, base="a model")
    again = load_adapters(base(), tmp_path)
    assert torch.equal(again(some_ids()), model(some_ids()))
    assert adapters(again).keys() == adapters(model).keys()


def test_peft_reads_the_folder_where_it_is_installed(tmp_path):
    peft = pytest.importorskip("peft")
    model = adapted()
    save_adapters(model, tmp_path)
    theirs = peft.PeftModel.from_pretrained(to_transformers(base()), str(tmp_path))
    torch.testing.assert_close(theirs(some_ids()).logits, model(some_ids()))


@torch.no_grad()
def test_what_peft_writes_is_read_here_where_it_is_installed(tmp_path):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=3, lora_alpha=6, target_modules=["q_proj", "down_proj"])
    theirs = peft.get_peft_model(to_transformers(base()), config)
    torch.manual_seed(2)
    for name, weights in theirs.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weights, std=0.3)
    theirs.save_pretrained(tmp_path)
    model = load_adapters(base(), tmp_path)
    assert len(adapters(model)) == 4  # two layers, two places
    torch.testing.assert_close(theirs(some_ids()).logits, model(some_ids()))


def test_tensors_go_from_one_model_to_another_and_are_copies():
    model, other = adapted(), add_adapters(base(), 3, 6.0, ("query", "value", "down"))
    tensors = adapter_tensors(model)
    put_adapters(other, tensors)
    assert torch.equal(other(some_ids()), model(some_ids()))
    with torch.no_grad():
        next(iter(tensors.values())).add_(1)
    assert torch.equal(other(some_ids()), model(some_ids()))


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected the 4 of the model's own"):
        put_adapters(add_adapters(base(), 2, 1.0, ("query",)), {})
    with pytest.raises(ValueError, match="got 0 adapters of 0 sizes"):
        save_adapters(base(), tmp_path)
    with pytest.raises(CourseError, match="cannot be read"):
        load_adapters(base(), tmp_path / "nothing")
    save_adapters(adapted(), tmp_path)
    small = GPT(GPTConfig(31, context=16, width=16, layers=1, heads=4, kv_heads=2,
                          feed_forward=24))  # fmt: skip
    with pytest.raises(ValueError, match="belong to a layer of this model"):
        load_adapters(small, tmp_path)
    with pytest.raises(ValueError, match="expected \\(out, in\\)"):
        merge_adapters(torch.eye(3), torch.ones(2, 4), torch.ones(3, 2), 1.0)


@torch.no_grad()
def test_a_sampler_writes_what_the_policy_says_and_follows_it():
    model = adapted()
    sampler = sampler_of(model, torch.float32)
    torch.testing.assert_close(sampler(some_ids()), model(some_ids()))
    for adapter in adapters(model).values():
        adapter.b.add_(0.1)
    assert (sampler(some_ids()) - model(some_ids())).abs().max() > 1e-3
    sync(sampler, model)
    torch.testing.assert_close(sampler(some_ids()), model(some_ids()))
    assert not adapters(sampler) and adapters(model)


@torch.no_grad()
def test_a_bf16_sampler_differs_by_rounding_alone_and_fits_a_whole_model_too():
    model = base()
    sampler = sampler_of(model, torch.bfloat16)
    assert {p.dtype for p in sampler.parameters()} == {torch.bfloat16}
    for p in model.parameters():
        p.mul_(1.5)
    sync(sampler, model)
    gap = (sampler(some_ids()).float() - model(some_ids())).abs().max()
    assert 0 < gap < 0.05
    wide = copy.deepcopy(model)
    wide.blocks.append(copy.deepcopy(wide.blocks[0]))
    with pytest.raises(ValueError, match="of the policy's shape"):
        sync(sampler, wide)


def test_merging_leaves_no_adapter_and_the_same_logits():
    model = adapted()
    merged = merge(copy.deepcopy(model))
    torch.testing.assert_close(merged(some_ids()), model(some_ids()))
