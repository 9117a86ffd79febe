"""The rows of the table: one step of ours, and the same step of transformers or TRL."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch

from benchmarks.material import llama, small_model, texts, tokenizer
from benchmarks.trainers import trainer_step
from course.lm.finetuning import fine_tune
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
Row = tuple[Step, Callable[[str], Step] | None]  # ours; the peer's, by its attention
NEW_TOKENS = 32


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
    ids = torch.randint(3, 2048, (64, 4), generator=seeded())
    mask = torch.ones_like(ids, dtype=torch.bool)
    model = small_model().eval()
    ours = partial(
        generate, model, ids, mask, max_new_tokens=NEW_TOKENS, eos_id=-1, pad_id=2
    )

    def theirs(attention: str) -> Step:
        other = llama(attention).eval()
        options = {"do_sample": True, "top_k": 0, "eos_token_id": None}
        return partial(
            torch.no_grad()(other.generate), ids, attention_mask=mask.long(),
            max_new_tokens=NEW_TOKENS, pad_token_id=2, **options,
        )  # fmt: skip

    return ours, theirs


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

        def step() -> None:
            other(ids, labels=ids).loss.backward()
            torch.nn.utils.clip_grad_norm_(other.parameters(), 1.0)
            for optimizer in both:
                optimizer.step()
                optimizer.zero_grad()

        return step

    return ours, theirs


def fine_tuning() -> Row:
    """A step of supervised fine-tuning on 64 reviews of unequal length."""
    prompts = [" ".join(text.split()[:2]) for text in texts()[:64]]
    rest = [text[len(p) :] for p, text in zip(prompts, texts(), strict=False)]
    ours = partial(
        fine_tune, small_model(), tokenizer(), prompts, rest, steps=1, batch_size=64,
        learning_rate=1e-6, generator=seeded(),
    )  # fmt: skip
    rows = [{"prompt": p, "completion": c} for p, c in zip(prompts, rest, strict=True)]
    return ours, lambda attention: trainer_step("SFT", attention, rows, 64)


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
    return ours, lambda attention: trainer_step("Reward", attention, rows, 32)


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
    return ours, lambda attention: trainer_step("DPO", attention, rows, len(rows))


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
        return trainer_step(
            name, attention, rows, 64, reward_funcs=reward, num_generations=4,
            max_completion_length=NEW_TOKENS, beta=options["beta"],
        )  # fmt: skip

    return ours, theirs if name else None


def best_of_n_scoring() -> Row:
    """Score 256 reviews with the reward model and keep the best of every 16."""
    model, some = RewardModel(small_model(), seeded()).eval(), texts()[:256]
    return lambda: best_of_n(
        score_texts(model, tokenizer(), some).view(-1, 16), seeded()
    ), None


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
