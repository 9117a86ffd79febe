"""One step of each algorithm on its share of eight texts: run by test_processes.py.

`python -m torch.distributed.run … tests/processes_worker.py FOLDER` runs the share of
each process; the test runs all texts in one process by the same function.
"""

import copy
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from tiny import tiny_gpt

from course.lm.tokenizer import train_tokenizer
from course.policy import rollout, shared
from course.policy.critic import Critic
from course.policy.dpo import Pairs, dpo_step
from course.policy.grpo import grpo_step, rloo_step
from course.policy.ppo import ppo_step
from course.policy.processes import join, share_gradients
from course.policy.reinforce import reinforce_step
from course.policy.rollout import Rollout, constant_logprobs, select_rows

LENGTHS = [2, 3, 4, 3, 11, 9, 12, 10]  # process 0 has the short texts, 1 the long ones
ALGORITHMS = ("reinforce", "ppo", "grpo", "rloo", "dpo")


def eight_texts(policy: torch.nn.Module) -> Rollout:
    """Two prompts with four completions each, of unequal lengths, of the policy's."""
    draws = torch.Generator().manual_seed(1)
    ids = torch.randint(3, policy.config.vocab_size, (8, 15), generator=draws)
    mask = torch.arange(12) < torch.tensor(LENGTHS)[:, None]
    written = Rollout(
        prompts=["a"] * 4 + ["b"] * 4,
        completions=[str(n) for n in range(8)],
        prompt_ids=ids[:, :3],
        prompt_mask=torch.ones(8, 3, dtype=torch.bool),
        completion_ids=ids[:, 3:],
        completion_mask=mask,
        old_logprobs=torch.zeros(8, 12),
        ref_logprobs=torch.zeros(8, 12),
        scores=torch.randn(8, generator=draws),
        ended=mask.new_ones(8),
        temperature=1.0,
    )
    old = constant_logprobs(policy, written)
    noise = 0.1 * torch.randn(8, 12, generator=draws) * mask
    return replace(written, old_logprobs=old, ref_logprobs=old + noise)


def one_step(
    algorithm: str, process: int = 0, processes: int = 1, counted: bool = True
) -> dict[str, torch.Tensor]:
    """Gradient and weights after one SGD step of a process on its share of the texts.

    counted: share the numbers of the batch, not only the gradients.
    """
    tokenizer = train_tokenizer(["a good film", "the film was bad"], 270)
    policy = tiny_gpt(tokenizer)
    every = eight_texts(policy)
    rows = torch.arange(8).chunk(processes)[process]
    mine = select_rows(every, rows)
    groups = [{"params": list(policy.parameters())}]
    if algorithm == "ppo":
        torch.manual_seed(3)
        critic = Critic(copy.deepcopy(policy), weight=0.1 * torch.randn(32))
        groups.append({"params": list(critic.parameters())})
    optimizer = torch.optim.SGD(groups, lr=0.1)
    if processes > 1:
        share_gradients(optimizer)
    options = {"max_grad_norm": 0.05}  # so that clipping counts
    if algorithm in ("reinforce", "ppo", "grpo") and counted and processes > 1:
        options["reduce"] = shared.shared_token_mean(mine.completion_mask)
    if algorithm == "reinforce":
        if processes > 1 and counted:
            options["advantages"] = shared.shared_advantages
        step = partial(reinforce_step, policy, beta=0.1)
    elif algorithm == "ppo":
        if processes > 1 and counted:
            options["whitened"] = shared.shared_whiten
        step = partial(ppo_step, policy, critic, beta=0.1, epochs=2)
    elif algorithm == "grpo":
        step = partial(grpo_step, policy, group_size=4, beta=0.1, epochs=2)
    elif algorithm == "rloo":
        step = partial(rloo_step, policy, group_size=4, beta=0.1, epochs=2)
    else:
        numbers = torch.arange(len(rows))
        mine = Pairs(mine, numbers[::2], numbers[1::2])
        step = partial(dpo_step, policy, beta=0.5)
    step(optimizer, mine, **options)
    params = [p for group in optimizer.param_groups for p in group["params"]]
    return {
        "gradient": torch.cat([p.grad.flatten() for p in params]),
        "weights": torch.cat([p.detach().flatten() for p in params]),
    }


def main(folder: Path) -> None:
    process = join(2)
    rollout.MAX_LOGITS = 5_000  # 1 part on process 0, 3 parts on process 1
    steps = {
        (algorithm, counted): one_step(algorithm, process, 2, counted)
        for algorithm in ALGORITHMS
        for counted in (True, False)
    }
    torch.save(steps, folder / f"process{process}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
