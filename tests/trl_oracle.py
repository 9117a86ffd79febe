"""TRL's own trainers around one tiny Llama, so that their losses can be called.

The tests hand their tensors to a trainer's real loss; nothing of TRL is written anew.
"""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
import torch

from course.lm.tokenizer import train_tokenizer

ARGUMENTS = {
    "use_cpu": True, "bf16": False, "gradient_checkpointing": False,
    "report_to": "none", "save_strategy": "no", "disable_tqdm": True, "max_steps": 2,
    "seed": 0, "per_device_train_batch_size": 8,
}  # fmt: skip


class Scored:
    """A transformers model with the two methods that `completion_logprobs` calls.

    The trunk is called with explicit positions; TRL's patched forward is not used.
    """

    def __init__(self, llama):
        self.llama = llama

    def hidden(self, ids, attention_mask):
        return self.llama.model(input_ids=ids, attention_mask=attention_mask)[0]

    def head(self, hidden):
        return self.llama.lm_head(hidden)


def make_trainer(
    name: str, folder, rows: list[dict], private=(), moved=0.0, settings=None, **given
):
    """TRL's "GRPO", "RLOO" or "DPO" trainer, in training mode, on rows of data.

    Its reference is a Llama saved in `folder`, its policy a copy whose weights are
    moved by noise of that size.  private: names of the trainer that the test calls;
    it is skipped where this TRL has them no longer.  settings: for the trainer's
    config; given: for the trainer.
    """
    trl = pytest.importorskip("trl")
    from datasets import Dataset
    from transformers import LlamaConfig, LlamaForCausalLM

    kind = getattr(trl, f"{name}Trainer")
    for method in private:
        if not hasattr(kind, method):
            pytest.skip(f"this TRL's {kind.__name__} has no {method}")
    tokenizer = train_tokenizer(["a good film .", "the plot was bad ."], 300)
    tokenizer.padding_side = "left"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64,
        num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        max_position_embeddings=64, tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    policy = LlamaForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(moved * torch.randn_like(parameter))
    if name == "DPO":  # the others load their reference from the policy's folder
        given["ref_model"] = LlamaForCausalLM.from_pretrained(folder)
    arguments = {**ARGUMENTS, "output_dir": str(folder / "out"), **(settings or {})}
    trainer = kind(
        model=policy,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(rows),
        args=getattr(trl, f"{name}Config")(**arguments),
        **given,
    )
    trainer.current_gradient_accumulation_steps = 1  # the training loop sets it
    trainer.model.train()
    return trainer


def gradient(trainer, loss: torch.Tensor) -> torch.Tensor:
    """Derivative of the loss with respect to the trained model's embedding."""
    weight = trainer.model.model.embed_tokens.weight
    (taken,) = torch.autograd.grad(loss, weight, retain_graph=True)
    return taken


def agree(trainer, ours: torch.Tensor, theirs: torch.Tensor, tolerance: float) -> None:
    """Loss and gradient are equal; both large enough for that to mean something."""
    assert abs(float((ours - theirs).detach())) < tolerance
    expected = gradient(trainer, theirs)
    assert expected.abs().max() > 1e-3
    assert (gradient(trainer, ours) - expected).abs().max() < tolerance


def trl_function(name: str):
    """A function of `trl.trainer.utils`; skips where this TRL has none of that name."""
    pytest.importorskip("trl")
    from trl.trainer import utils

    if not hasattr(utils, name):
        pytest.skip(f"this TRL has no {name}")
    return getattr(utils, name)
