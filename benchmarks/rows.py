"""The rows of the table: one step of ours, and the same step of transformers or TRL."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import torch

from benchmarks.material import llama, small_model, texts, tokenizer
from benchmarks.plain import reinforce_by_hand, score_by_hand
from benchmarks.trainers import trainer_step
from course import runtime
from course.lm.finetuning import fine_tune
from course.lm.interop import to_transformers
from course.lm.model import GPT
from course.lm.packing import pack
from course.lm.sampling import generate
from course.lm.tokenizer import encode
from course.lm.training import train_language_model
from course.policy.dpo import best_and_worst, dpo_step
from course.policy.grpo import grpo_step, rloo_step
from course.policy.reinforce import reinforce_step
from course.policy.rollout import collect
from course.reward.best_of_n import best_of_n
from course.reward.model import RewardModel, score_texts, scorer
from course.reward.training import fit_pairwise

Step = Callable[[], object]
NEW_TOKENS = 32


@dataclass(frozen=True)
class Row:
    """One step of ours, the peer's by its attention, and the tokens of ours."""

    ours: Step
    theirs: Callable[[str], Step]
    tokens: int  # that are written or learned from; padding and prompts are not


def seeded() -> torch.Generator:
    """A generator that starts anew."""
    return torch.Generator().manual_seed(0)


def openings() -> list[str]:
    """64 prompts of two words: 16 different ones, four times each."""
    return [" ".join(text.split()[:2]) for text in texts()[:16] for _ in range(4)]


def adamw(model: torch.nn.Module) -> torch.optim.Optimizer:
    """The optimizer of every policy here; its rate moves little."""
    return torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=0.0)


def sampling() -> Row:
    """Write 64 texts of 32 tokens; the end token is never drawn, so both write all."""
    ids = torch.randint(3, 2048, (64, 4), generator=seeded()).to(runtime.device())
    mask = torch.ones_like(ids, dtype=torch.bool)
    ours = partial(
        generate, small_model().eval(), ids, mask, max_new_tokens=NEW_TOKENS, eos_id=-1,
        pad_id=2,
    )  # fmt: skip

    def theirs(attention: str) -> Step:
        other = llama(attention).eval()
        options = {"do_sample": True, "top_k": 0, "eos_token_id": None}
        return partial(
            torch.no_grad()(other.generate), ids, attention_mask=mask.long(),
            max_new_tokens=NEW_TOKENS, pad_token_id=2, **options,
        )  # fmt: skip

    return Row(ours, theirs, 64 * NEW_TOKENS)


def language_model() -> Row:
    """A step on 64 packed rows of 64 tokens, Muon and AdamW on both sides."""
    ids, segments = pack(encode(tokenizer(), texts()), 64, 2)
    ids, segments = ids[:64], segments[:64]
    model = small_model()
    ours = partial(
        train_language_model, model, ids, segments, steps=1, batch_size=64,
        generator=seeded(),
    )  # fmt: skip

    def theirs(attention: str) -> Step:
        other = llama(attention).train()
        matrices = [p for p in other.model.layers.parameters() if p.dim() == 2]
        chosen = {id(p) for p in matrices}
        rest = [p for p in other.parameters() if id(p) not in chosen]
        both = torch.optim.Muon(matrices, lr=1e-3), torch.optim.AdamW(rest, lr=1e-3)

        there = ids.to(runtime.device())

        def step() -> None:
            other(there, labels=there).loss.backward()
            torch.nn.utils.clip_grad_norm_(other.parameters(), 1.0)
            for optimizer in both:
                optimizer.step()
                optimizer.zero_grad()

        return step

    return Row(ours, theirs, int((segments > 0).sum()))


def fine_tuning() -> Row:
    """A step of supervised fine-tuning on 64 reviews of unequal length."""
    prompts = [" ".join(text.split()[:2]) for text in texts()[:64]]
    rest = [text[len(p) :] for p, text in zip(prompts, texts(), strict=False)]
    ours = partial(
        fine_tune, small_model(), tokenizer(), prompts, rest, steps=1, batch_size=64,
        learning_rate=1e-6, generator=seeded(),
    )  # fmt: skip
    rows = [{"prompt": p, "completion": c} for p, c in zip(prompts, rest, strict=True)]
    tokens = sum(map(len, encode(tokenizer(), rest, bos=False)))
    return Row(ours, lambda a: trainer_step("SFT", a, rows, 64), tokens)


def pairs() -> list[dict[str, str]]:
    """32 pairs of reviews that begin with the same prompt."""
    return [
        {"prompt": "the", "chosen": " " + a, "rejected": " " + b}
        for a, b in zip(texts()[:32], texts()[32:64], strict=True)
    ]


def reward_model() -> Row:
    """A step of the reward model on 32 pairs."""
    rows = [{k: v for k, v in row.items() if k != "prompt"} for row in pairs()]
    ours = partial(
        fit_pairwise, RewardModel(small_model(), seeded()), tokenizer(),
        [row["chosen"] for row in rows], [row["rejected"] for row in rows],
        batch_size=32, learning_rate=1e-6, generator=seeded(),
    )  # fmt: skip
    both = [row[key] for row in rows for key in row]
    tokens = sum(map(len, encode(tokenizer(), both)))
    return Row(ours, lambda a: trainer_step("Reward", a, rows, 32), tokens)


def judge() -> Callable:
    """The reward model of both sides, a plain score."""
    return scorer(RewardModel(small_model(), seeded()), tokenizer())


def rollout_of(policy: torch.nn.Module, reference: torch.nn.Module, score: Callable):
    """64 texts that the policy writes, with score and reference."""
    return collect(
        policy, reference, tokenizer(), openings(), score, max_new_tokens=NEW_TOKENS,
        generator=seeded(),
    )  # fmt: skip


def dpo() -> Row:
    """A step on 32 pairs; the log-probabilities of the reference are there already."""
    policy, reference = small_model(), small_model()
    optimizer = adamw(policy)
    rollout = rollout_of(policy, reference, judge())
    chosen = best_and_worst(rollout, 2)
    rows = [
        {
            "prompt": rollout.prompts[a],
            "chosen": rollout.completions[a] or " a",
            "rejected": rollout.completions[b] or " a",
        }
        for a, b in zip(chosen.chosen.tolist(), chosen.rejected.tolist(), strict=True)
    ]
    ours = partial(dpo_step, policy, optimizer, chosen, beta=0.1)
    both = torch.cat([chosen.chosen, chosen.rejected])
    tokens = int(rollout.completion_mask[both].sum())
    return Row(ours, lambda a: trainer_step("DPO", a, rows, len(rows)), tokens)


def on_policy(step: Callable, name: str | None = None, **options: float) -> Row:
    """Write 64 texts, score them, compare with the reference, update once."""
    policy = small_model()
    reference, score, optimizer = deepcopy(policy), judge(), adamw(policy)

    def ours() -> None:
        step(policy, optimizer, rollout_of(policy, reference, score), **options)

    rows = [{"prompt": prompt} for prompt in openings()[::4] * 4]

    def reward(prompts: list[str], completions: list[str], **_: object) -> list[float]:
        return score(prompts, completions).tolist()

    def theirs(attention: str) -> Step:
        beta = options["beta"]
        if name is None:
            return reinforce_by_hand(attention, openings(), score, NEW_TOKENS, beta)
        return trainer_step(
            name, attention, rows, 64, reward_funcs=reward, num_generations=4,
            max_completion_length=NEW_TOKENS, beta=beta,
        )  # fmt: skip

    tokens = int(rollout_of(policy, reference, score).completion_mask.sum())
    return Row(ours, theirs, tokens)


def best_of_n_scoring() -> Row:
    """Score 256 reviews with the reward model and keep the best of every 16."""
    model, some = RewardModel(small_model(), seeded()).eval(), texts()[:256]

    def ours() -> None:
        best_of_n(score_texts(model, tokenizer(), some).view(-1, 16), seeded())

    tokens = sum(map(len, encode(tokenizer(), some)))
    return Row(ours, lambda a: score_by_hand(a, some, 16), tokens)


def sampling_smollm2() -> Row:
    """Write 64 texts of 64 tokens with a random model of SmolLM2's shape."""
    from benchmarks.gpu import SMOLLM2

    device = runtime.device()
    torch.manual_seed(0)
    model = GPT(SMOLLM2).eval()
    other = to_transformers(model)
    ids = torch.randint(3, 2000, (64, 8), generator=seeded()).to(device)
    mask = torch.ones_like(ids, dtype=torch.bool)
    ours = partial(
        generate, model.to(device), ids, mask, max_new_tokens=64, eos_id=-1, pad_id=2
    )

    def theirs(attention: str) -> Step:
        other.to(device).eval().set_attn_implementation(attention)
        return partial(
            torch.no_grad()(other.generate), ids, attention_mask=mask.long(),
            max_new_tokens=64, pad_token_id=2, do_sample=True, top_k=0,
            eos_token_id=None,
        )  # fmt: skip

    return Row(ours, theirs, 64 * 64)


ROWS: dict[str, Callable[[], Row]] = {
    "sampling, 64 x 32 tokens": sampling,
    "language model step, 64 x 64": language_model,
    "fine-tuning step, 64 reviews": fine_tuning,
    "reward model step, 32 pairs": reward_model,
    "DPO step, 32 pairs": dpo,
    "GRPO step, 64 x 32": partial(
        on_policy, grpo_step, "GRPO", group_size=4, beta=0.02
    ),
    "RLOO step, 64 x 32": partial(
        on_policy, rloo_step, "RLOO", group_size=4, beta=0.02
    ),
    "REINFORCE step, 64 x 32": partial(on_policy, reinforce_step, beta=0.02),
    "best-of-n scoring, 256 reviews": best_of_n_scoring,
}
GPU_ROWS = {"sampling, SmolLM2's shape, 64": sampling_smollm2}
