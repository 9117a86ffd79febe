"""The course's policy and score in TRL's GRPO trainer, and its gradient beside ours.

On a CPU, in two processes (`accelerate launch --cpu` would start one, in silence):

    torchrun --nproc-per-node 2 examples/trl_grpo.py --processes 2

On eight GPUs, sharded, with vLLM writing on the same GPUs; and on two machines:

    accelerate launch --config_file examples/accelerate/fsdp2.yaml \
        examples/trl_grpo.py --processes 8 --vllm
    accelerate launch --config_file examples/accelerate/two_nodes.yaml \
        --machine_rank RANK examples/trl_grpo.py --processes 16

Needs `pip install -e ".[several]"` in this repository, and `trl[vllm]` for --vllm.
"""

import argparse
import os
import sys
from pathlib import Path

import torch

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # everything is on this machine

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer
from two_processes import GROUP, PROMPTS, short_sentence, untrained

from course import checkpoints
from course.launch import SAID
from course.lm.interop import to_transformers
from course.lm.model import GPT
from course.lm.objective import completion_logprobs
from course.policy.clipping import grpo_loss
from course.policy.processes import count, join, sum_of_all
from course.policy.shared import shared_token_mean
from course.runtime import CourseError
from course.score_bridges import for_trl


class Recorded(GRPOTrainer):
    """TRL's trainer, unchanged, that keeps the batch of its last loss."""

    def _compute_loss(self, model, inputs):
        self.batch = dict(inputs)
        return super()._compute_loss(model, inputs)


def our_gradient_norm(policy: GPT, batch: dict[str, torch.Tensor]) -> float:
    """Norm of the course's GRPO gradient on the batch that TRL trained on."""
    policy.train()
    names = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask")
    texts = [batch[name] for name in names]
    logprobs, _ = completion_logprobs(policy, *texts)
    mask = texts[-1].bool()
    loss = grpo_loss(
        logprobs, logprobs.detach(), None, batch["advantages"], mask, beta=0.0,
        clip_eps=0.2, reduce=shared_token_mean(mask),
    )  # fmt: skip
    loss.backward()
    grads = [sum_of_all(p.grad) / count() for p in policy.parameters()]
    return float(torch.nn.utils.get_total_norm(grads))  # one long fp32 sum is 1e-4 off


def settings(asked: argparse.Namespace) -> GRPOConfig:
    """GRPO as the course's: no KL, one update a rollout, the mean over all tokens."""
    where = {} if torch.cuda.is_available() else {"use_cpu": True, "bf16": False}
    if asked.vllm:  # writes on the GPUs that train, and sleeps while they do
        where |= {"use_vllm": True, "vllm_mode": "colocate"}
        where |= {"vllm_gpu_memory_utilization": 0.3, "vllm_enable_sleep_mode": True}
    return GRPOConfig(
        output_dir=str(asked.out / "trl"), max_steps=asked.steps, learning_rate=1e-4,
        per_device_train_batch_size=2 * GROUP, num_generations=GROUP,
        max_completion_length=24, temperature=1.0, beta=0.0, loss_type="dapo",
        logging_steps=1, report_to="none",
        save_strategy="no", disable_tqdm=True, seed=asked.seed, **where,
    )  # fmt: skip


def work(asked: argparse.Namespace) -> None:
    """The program of one process."""
    arguments = settings(asked)  # starts the process group, as accelerate does it
    rank = join(asked.processes)
    if asked.tiny:
        policy, tokenizer = untrained()
    else:
        made = checkpoints.load("language-model")
        policy, tokenizer = made.model, made.tokenizer
    # For a reference (beta > 0) TRL wants a path: save_pretrained, and name the folder.
    exported = to_transformers(policy, tokenizer)
    # A drawn <pad> (an untrained model's) learns in the course; in transformers not.
    exported.get_input_embeddings().padding_idx = None
    tokenizer.padding_side = "left"
    # TRL adds no <bos>, and without it the policy writes from another distribution.
    prompts = [tokenizer.bos_token + prompt for prompt in PROMPTS]
    trainer = Recorded(
        model=exported, reward_funcs=for_trl(short_sentence), args=arguments,
        processing_class=tokenizer,
        train_dataset=Dataset.from_dict({"prompt": prompts}),
    )  # fmt: skip
    trainer.train()
    rows = [row for row in trainer.state.log_history if "grad_norm" in row]
    if rank == 0:
        for row in rows:
            print(f"step {row['step']}: TRL's gradient norm {row['grad_norm']:.6f}")
    if asked.steps == 1:  # the course's policy is the one before that step
        ours = our_gradient_norm(policy, trainer.batch)
        if rank == 0:
            print(f"step 1: the course's    {ours:.6f}")


def main() -> None:
    """Be one of the processes that torchrun or accelerate started."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("trl_grpo"))
    parser.add_argument("--tiny", action="store_true", help="an untrained model")
    parser.add_argument("--vllm", action="store_true", help="write with vLLM, on GPUs")
    try:
        work(parser.parse_args())
    except CourseError as error:
        sys.exit(f"{SAID}{os.environ.get('RANK', 0)}: {error}")


if __name__ == "__main__":
    main()
