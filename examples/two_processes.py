r"""The course's own steps in several processes, on one machine or on several.

    python examples/two_processes.py --processes 2
    torchrun --nproc-per-node 8 examples/two_processes.py --processes 8
    accelerate launch --multi_gpu --num_processes 8 \
        examples/two_processes.py --processes 8

On two machines, with 0 and 1 for RANK and the first one's address for HOST:

    torchrun --nnodes 2 --node-rank RANK --master-addr HOST --master-port 29500 \
        --nproc-per-node 8 examples/two_processes.py --processes 16

GPUs are connected by NCCL, one for each process, and CPUs by gloo.  Every process has
the whole policy and writes texts of its own; gradients are shared.  Process 0 keeps a
checkpoint after each step: whole or not at all.
"""

import argparse
import copy
import os
import sys
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.optim import Optimizer

from course import checkpoints
from course.launch import SAID, launch
from course.lm.model import GPT, GPTConfig
from course.lm.tokenizer import train_tokenizer
from course.policy.critic import Critic
from course.policy.dpo import Pairs, dpo_step
from course.policy.grpo import grpo_step, rloo_step
from course.policy.loop import train
from course.policy.ppo import ppo_step
from course.policy.processes import join, seed_of, share_gradients
from course.policy.reinforce import reinforce_step
from course.policy.rollout import Rollout
from course.policy.shared import shared_advantages, shared_token_mean, shared_whiten
from course.runtime import CourseError, device, generator

PROMPTS = ["The film", "A story of", "It is", "The acting"]
GROUP = 4
ALGORITHMS = ("reinforce", "ppo", "grpo", "rloo", "dpo")


def short_sentence(prompts: list[str], completions: list[str]) -> list[float]:
    """A rule: 1 for a text with one full stop, at its end, less 0.02 a character."""
    return [
        float(text.rstrip().endswith(".") and text.count(".") == 1) - 0.02 * len(text)
        for text in completions
    ]


def take_step(
    name: str, policy: GPT, critic: Critic | None, optimizer: Optimizer, batch: Rollout
) -> dict[str, float]:
    """A step of the course, unchanged; what it takes from the batch is of all."""
    token_mean = shared_token_mean(batch.completion_mask)
    if name == "reinforce":
        return reinforce_step(
            policy, optimizer, batch, beta=0.05,
            advantages=shared_advantages, reduce=token_mean,
        )  # fmt: skip
    if name == "ppo":
        return ppo_step(
            policy, critic, optimizer, batch, beta=0.05,
            whitened=shared_whiten, reduce=token_mean,
        )  # fmt: skip
    groups = {"group_size": GROUP, "beta": 0.05}
    if name == "grpo":
        return grpo_step(policy, optimizer, batch, reduce=token_mean, **groups)
    if name == "rloo":
        return rloo_step(policy, optimizer, batch, **groups)  # a mean over texts
    # DPO is a mean over pairs: one a group, so that every process has as many.  Where
    # all scores are equal a text is paired with itself and teaches nothing.
    scores = batch.scores.view(-1, GROUP)
    first = torch.arange(len(scores), device=scores.device) * GROUP
    pairs = Pairs(batch, first + scores.argmax(1), first + scores.argmin(1))
    return dpo_step(policy, optimizer, pairs, beta=0.05)


def keep(policy: torch.nn.Module, file: Path) -> None:
    """Write the weights beside the file and rename them: it is never half a file."""
    unfinished = file.with_suffix(".part")
    save_file(policy.state_dict(), unfinished)
    os.replace(unfinished, file)


def untrained() -> tuple[GPT, object]:
    """A tiny model, to try the processes without training one first."""
    tokenizer = train_tokenizer(PROMPTS, 270)
    torch.manual_seed(0)
    return GPT(GPTConfig(len(tokenizer), 64, 32, 2, 2, 1, 64)).to(device()), tokenizer


def work(asked: argparse.Namespace, rank: int) -> None:
    """The program of one process."""
    if asked.tiny:
        policy, tokenizer = untrained()
    else:
        made = checkpoints.load("language-model")
        policy, tokenizer = made.model, made.tokenizer
    critic = Critic(copy.deepcopy(policy)) if asked.algorithm == "ppo" else None
    models = [policy, critic] if critic else [policy]
    groups = [{"params": list(model.parameters())} for model in models]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, weight_decay=0.0)
    reference = copy.deepcopy(policy).requires_grad_(False)
    share_gradients(optimizer)

    def after(history) -> None:
        row = history.rows[-1]
        if rank == 0:
            keep(policy, asked.out / "policy.safetensors")
            print(f"step {row['step']}: score {row['score/mean']:.3f} of process 0")
        if rank == asked.fail and row["step"] == 1:
            raise CourseError(f"It fails after step {row['step']}, as asked for.")

    asked.out.mkdir(parents=True, exist_ok=True)
    history = train(
        policy, reference, tokenizer, PROMPTS, short_sentence,
        partial(take_step, asked.algorithm, policy, critic, optimizer),
        optimizer=optimizer, steps=asked.steps, batch_size=2, group_size=GROUP,
        max_new_tokens=24, generator=generator(seed_of(rank, asked.seed)), watch=after,
    )  # fmt: skip
    total = sum(float(p.detach().double().sum()) for p in policy.cpu().parameters())
    score = history.rows[-1]["score/mean"]  # of its own texts
    print(f"process {rank}: sum of weights {total:.6f}, last score {score:.6f}")
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def main() -> None:
    """Start the processes, or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--algorithm", choices=ALGORITHMS, default="grpo")
    parser.add_argument("--out", type=Path, default=Path("two_processes"))
    parser.add_argument("--tiny", action="store_true", help="an untrained model")
    parser.add_argument("--fail", type=int, help="the process that fails after step 1")
    asked = parser.parse_args()
    rank = int(os.environ.get("RANK", 0))
    launched = any(name.startswith(("RANK", "ACCELERATE_")) for name in os.environ)
    try:
        if asked.processes > 1 and not launched:
            print(launch([__file__, *sys.argv[1:]], asked.processes), end="")
            return
        work(asked, join(asked.processes))
    except CourseError as error:
        sys.exit(f"{SAID}{rank}: {error}" if launched else f"{error}")


if __name__ == "__main__":
    main()
