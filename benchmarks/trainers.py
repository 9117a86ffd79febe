"""One training step of a TRL trainer: its own batch, loss, clipping and optimizer."""

import logging
import os
import tempfile
import warnings
from collections.abc import Callable

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TQDM_DISABLE", "1")  # no bar between the lines of the table
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import torch
from transformers import LlamaForSequenceClassification

from benchmarks.material import llama, tokenizer
from course import runtime

SETTINGS = {
    "bf16": False, "gradient_checkpointing": False,
    "report_to": "none", "save_strategy": "no", "disable_tqdm": True, "max_steps": 100,
    "seed": 0, "learning_rate": 1e-6, "logging_strategy": "no",
}  # fmt: skip
OF_CONFIG = ("num_generations", "max_completion_length", "beta")


def trainer_step(
    name: str, attention: str, rows: list[dict], batch_size: int, **options: object
) -> Callable[[], None]:
    """One step of TRL's "SFT", "Reward", "DPO", "GRPO" or "RLOO" trainer on the rows.

    attention: "sdpa" or "eager".  A batch is drawn by the trainer's loader; generation
    and scoring of the on-policy trainers belong to the step, as they do to ours.
    """
    import trl
    from datasets import Dataset

    warnings.simplefilter("ignore", FutureWarning)  # the trainers' own settings
    logging.getLogger("trl").setLevel(logging.ERROR)

    kind, config = getattr(trl, f"{name}Trainer"), getattr(trl, f"{name}Config")
    policy = llama(attention)
    settings = {k: options.pop(k) for k in OF_CONFIG if k in options}
    folder = tempfile.mkdtemp()
    if name == "Reward":
        policy.save_pretrained(folder)
        policy = LlamaForSequenceClassification.from_pretrained(
            folder, num_labels=1, attn_implementation=attention
        )
    elif name == "DPO":
        options["ref_model"] = llama(attention)
    elif name in ("GRPO", "RLOO"):  # their reference is read from the policy's folder
        policy.save_pretrained(folder)
        policy = type(policy).from_pretrained(folder, attn_implementation=attention)
    trainer = kind(
        model=policy,
        processing_class=tokenizer(),
        train_dataset=Dataset.from_list(rows),
        args=config(
            output_dir=folder,
            per_device_train_batch_size=batch_size,
            use_cpu=runtime.device().type == "cpu",
            **SETTINGS,
            **settings,
        ),  # fmt: skip
        **options,
    )
    model = trainer.model.train()
    trainer.create_optimizer()
    trainer.current_gradient_accumulation_steps = 1  # set by `train()` otherwise
    batch = next(iter(trainer.get_train_dataloader()))

    def step() -> None:
        some = dict(batch) if not isinstance(batch, list) else list(batch)
        trainer.training_step(model, some, None)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()

    return step
