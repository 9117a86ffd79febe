"""Chapter 17's runs on this machine's GPU: `python -m benchmarks.real_model`.

SmolLM2 with adapters, the course's RLOO, a bf16 sampler: first how far the sampler is
from the trainer and what a step takes, then eighteen steps on each reward and seed,
each examined on 192 texts beside the start.  Each line is printed as it is known.
--judge names the folder of a checkpoint of `reward-model` that any device trained.
"""

import argparse
import copy
import time
from collections.abc import Callable
from pathlib import Path

import torch

from course import checkpoints, runtime
from course.lm import pretrained
from course.lm.half import fast_dtype, half, sampler_of, sync
from course.lm.lora import add_adapters
from course.lm.model import GPT
from course.policy.grpo import rloo_step
from course.policy.rollout import collect, constant_logprobs
from course.recipes import real_model as chapter
from course.reward.model import scorer

REWARDS = ("people", "sentence", "dealt")
RUNS = tuple(f"{reward}-{seed}" for seed in range(3) for reward in REWARDS)
SUBJECTS = (*chapter.TOPICS, *chapter.NEW_TOPICS)


def written(policy: GPT, sampler: GPT, tokenizer, score, each: int, seed: int):
    """A rollout of `each` answers on every subject, 20 tokens at most."""
    prompts = [chapter.REQUEST.format(x) for x in SUBJECTS for _ in range(each)]
    ids = [chapter.request_ids(tokenizer, prompt) for prompt in prompts]
    with half(policy.device):
        return collect(
            policy, None, tokenizer, prompts, score, max_new_tokens=20,
            generator=runtime.generator(seed), prompt_ids=ids, sampler=sampler,
        )  # fmt: skip


def seconds(function: Callable) -> float:
    """Wall time of the second of two calls, the device's work included."""
    for _ in range(2):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        start = time.perf_counter()
        function()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        took = time.perf_counter() - start
    return took


def step_times(policy: GPT, tokenizer, score, each: int) -> None:
    """Print what writing, reading and one update take, and how far they disagree."""
    sampler = sampler_of(policy)
    batch = written(policy, sampler, tokenizer, score, each, 0)
    tokens = int(batch.completion_mask.sum())
    with half(policy.device):
        read = constant_logprobs(policy, batch)
        gap = float((read - batch.old_logprobs).abs().sum() / tokens)
    optimizer = torch.optim.AdamW(
        [p for p in policy.parameters() if p.requires_grad], lr=0.0
    )

    def update() -> None:
        with half(policy.device):
            rloo_step(policy, optimizer, batch, group_size=each, beta=0.05)

    writing = seconds(lambda: written(policy, sampler, tokenizer, score, each, 0))
    print(
        f"{len(batch.prompts)} texts of 20 tokens: written, read by the reference and "
        f"scored in {writing:.2f} s ({tokens / writing:.0f} tokens/s), update "
        f"{seconds(update):.2f} s, sampler ({batch.precision}) against trainer "
        f"{gap:.4f} nats a token",
        flush=True,
    )


def report(name: str, policy: GPT, sampler: GPT, tokenizer, score, note: str) -> None:
    """Print reward, whole sentences and KL of 192 texts of the policy."""
    batch = written(policy, sampler, tokenizer, score, 8, 999)
    r, texts = batch.scores, batch.completions
    whole = chapter.whole_sentence(batch.prompts, texts) * batch.ended.cpu()
    kl = ((batch.old_logprobs - batch.ref_logprobs) * batch.completion_mask).sum(1)
    print(
        f"{name:<11} reward {r.mean():+.2f} ± {r.std() / len(r) ** 0.5:.2f}, subjects "
        f"seen {r[:64].mean():+.2f}, new {r[64:].mean():+.2f}; whole sentences "
        f"{whole.mean():.2f}; KL {kl.mean():.1f} nats; {note}",
        flush=True,
    )
    for text in texts[3::96]:
        print(f"    {text[:80]!r}")


def main() -> None:
    """Print what chapter 17 reaches here."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--judge", type=Path, help="folder of a reward model")
    parser.add_argument("--steps", type=int, default=18)
    parser.add_argument("--runs", nargs="*", default=RUNS, help="reward-seed, several")
    asked = parser.parse_args()
    device = runtime.device()
    where = torch.cuda.get_device_name() if device.type == "cuda" else device
    print(f"{where} · torch {torch.__version__} · sampler {fast_dtype(device)}")
    judge = (
        checkpoints.read(checkpoints.recipe("reward-model"), asked.judge)
        if asked.judge
        else checkpoints.load("reward-model")
    )
    if judge is None:
        raise SystemExit(f"{asked.judge} holds no whole checkpoint of reward-model.")
    score = chapter.answers_only(scorer(judge.model, judge.tokenizer))
    runtime.seed_everything(0)
    begin = time.perf_counter()
    base, tokenizer = pretrained.load_pretrained()
    print(f"loaded in {time.perf_counter() - begin:.0f} s", flush=True)
    policy = add_adapters(copy.deepcopy(base), chapter.RANK, chapter.ALPHA)
    start = sampler_of(policy)
    for each in (2, 8) if device.type == "cuda" else (2,):
        step_times(policy, tokenizer, score, each)
    report("before", policy, start, tokenizer, score, "no step")
    # Each run of the recipe loads the model anew: here it is read once.
    pretrained.load_pretrained = lambda: (copy.deepcopy(base), tokenizer)
    for name in asked.runs:
        reward, _, seed = name.partition("-")
        recipe = chapter.adapters_recipe(
            f"smollm2-{name}", reward, int(seed), 0.0 if reward == "sentence" else 0.05
        )
        train = {**recipe.settings["train"], "steps": asked.steps}
        settings = {**recipe.settings, "train": train, "least_steps": 1}
        begin = time.perf_counter()
        made = chapter.train_adapters(settings, {"reward-model": judge})
        took = time.perf_counter() - begin
        made.model.put_into(policy)
        sync(start, policy)
        note = f"{len(made.history.rows)} steps in {took:.0f} s"
        report(name, policy, start, tokenizer, score, note)
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**30
        print(f"peak {peak:.1f} GB of the card")


if __name__ == "__main__":
    main()
