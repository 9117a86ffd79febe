"""The memory that a GRPO step takes: `python -m benchmarks.memory`.

Two steps: 64 texts of 32 tokens with a vocabulary of 2,048, and 16 texts of 48 with
SmolLM2's 49,152.  Each runs in a process of its own, as it is and with the logits of
the whole batch kept at once, and says by how much its memory grew at most.
"""

import subprocess
import sys
from dataclasses import replace

import torch

from course.lm.model import GPT, GPTConfig
from course.policy import rollout as rollouts
from course.policy.grpo import grpo_step
from course.policy.rollout import Rollout, constant_logprobs

SHAPES = ((64, 32, 2048), (16, 48, 49_152))  # texts, tokens, vocabulary
PARTS = {"whole": 2**62, "parts": rollouts.MAX_LOGITS}


def some_rollout(policy: GPT, texts: int, tokens: int) -> Rollout:
    """Random texts of full length after 8 random tokens, read by the policy itself."""
    draws = torch.Generator().manual_seed(0)
    ids = torch.randint(3, 2000, (texts, 8 + tokens), generator=draws)
    mask, zeros = (
        torch.ones(texts, tokens, dtype=torch.bool),
        torch.zeros(texts, tokens),
    )
    made = Rollout(
        prompts=["a"] * texts, completions=[""] * texts, prompt_ids=ids[:, :8],
        prompt_mask=torch.ones(texts, 8, dtype=torch.bool), completion_ids=ids[:, 8:],
        completion_mask=mask, old_logprobs=zeros, ref_logprobs=zeros,
        scores=torch.randn(texts, generator=draws), ended=mask[:, -1], temperature=1.0,
    )  # fmt: skip
    read = constant_logprobs(policy, made)
    return replace(made, old_logprobs=read, ref_logprobs=read)


def growth(texts: int, tokens: int, vocabulary: int, most: int) -> float:
    """By how many MB this process grows in its first GRPO step.

    most: numbers of the logits that are kept at once.  Needs a fresh process: what was
    in use once counts for ever.
    """
    import resource  # not on Windows

    unit = 2**20 if sys.platform == "darwin" else 2**10
    torch.set_num_threads(1)
    torch.manual_seed(0)
    policy = GPT(GPTConfig(vocab_size=vocabulary))
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-6)
    rollouts.MAX_LOGITS = 2**20  # the texts are read in small parts: no high tide yet
    rollout = some_rollout(policy, texts, tokens)
    rollouts.MAX_LOGITS = most
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grpo_step(policy, optimizer, rollout, group_size=4, beta=0.02)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit


def main() -> None:
    """Print the table, or one number of it in a process of its own."""
    if len(sys.argv) > 1:
        print(growth(*map(int, sys.argv[1:])))
        return
    print(f"{'MB that a GRPO step adds':40}{'whole':>8}{'parts':>8}{'logits':>8}")
    for texts, tokens, vocabulary in SHAPES:
        grown = []
        for most in PARTS.values():
            numbers = map(str, (texts, tokens, vocabulary, most))
            command = [sys.executable, "-m", "benchmarks.memory", *numbers]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            grown.append(float(done.stdout))
        row = f"{texts} texts of {tokens}, vocabulary {vocabulary:,}"
        logits = texts * tokens * vocabulary * 4 / 2**20
        print(f"{row:40}{grown[0]:8,.0f}{grown[1]:8,.0f}{logits:8,.0f}", flush=True)


if __name__ == "__main__":
    main()
