"""PPO beside the trainer that TRL had until 1.12, by hand: `python -m benchmarks.ppo`.

TRL 1.13 removed it, so it needs a folder of its own, which goes before the installed
one:

    pip install --no-deps --target old-trl "trl==1.12"
    PYTHONPATH=old-trl python -m benchmarks.ppo

One step: write 64 texts of 32 tokens, score them with a reward model, compare with the
reference, value every token, 4 epochs over the whole batch.  Prints the median CPU
seconds of one thread, the peer at its defaults (but for the shape) and with the formula
for attention.
"""

import statistics
import tempfile
from copy import deepcopy
from time import process_time

import torch
from transformers import LlamaForSequenceClassification, TrainerCallback

from benchmarks.material import llama, small_model, tokenizer
from benchmarks.measure import in_turns
from benchmarks.rows import NEW_TOKENS, judge, openings, rollout_of
from benchmarks.trainers import SETTINGS
from course import runtime
from course.policy.critic import Critic
from course.policy.ppo import ppo_step

STEPS = 4


class Clock(TrainerCallback):
    """CPU seconds of each update."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def on_train_begin(self, *_: object, **__: object) -> None:
        """Start."""
        self.at.append(process_time())

    def on_step_end(self, *_: object, **__: object) -> None:
        """One more update is done."""
        self.at.append(process_time())


def scored_llama(attention: str) -> LlamaForSequenceClassification:
    """A model with one number for each position: TRL's critic and reward model."""
    config = llama(attention).config
    config.num_labels = 1
    return LlamaForSequenceClassification._from_config(
        config, attn_implementation=attention
    )


def theirs(attention: str) -> float:
    """Median CPU seconds of an update by TRL's trainer; the first warms up."""
    from datasets import Dataset
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    ids = tokenizer()(openings())["input_ids"]
    rows = Dataset.from_list([{"input_ids": row} for row in ids * 2])
    clock = Clock()
    settings = {k: v for k, v in SETTINGS.items() if k != "max_steps"}
    trainer = PPOTrainer(
        args=PPOConfig(
            output_dir=tempfile.mkdtemp(), per_device_train_batch_size=64,
            total_episodes=64 * (STEPS + 1), response_length=NEW_TOKENS,
            temperature=1.0, stop_token="eos", num_sample_generations=0, use_cpu=True,
            **settings,
        ),
        processing_class=tokenizer(), model=llama(attention),
        ref_model=llama(attention), reward_model=scored_llama(attention),
        value_model=scored_llama(attention), train_dataset=rows, callbacks=[clock],
    )  # fmt: skip
    trainer.train()
    took = [end - start for start, end in zip(clock.at, clock.at[1:], strict=False)]
    return statistics.median(took[1:])


def ours() -> float:
    """Median CPU seconds of a step of ours."""
    policy = small_model()
    reference, score, critic = deepcopy(policy), judge(), Critic(small_model())
    optimizer = torch.optim.AdamW(
        [{"params": policy.parameters()}, {"params": critic.parameters()}], lr=1e-6
    )

    def step() -> None:
        ppo_step(
            policy, critic, optimizer, rollout_of(policy, reference, score), beta=0.05
        )

    precision = torch.get_float32_matmul_precision()
    return in_turns({"ours": (step, precision)}, STEPS)["ours"].cpu


def main() -> None:
    """Print one line."""
    torch.set_num_threads(1)
    chosen = runtime.matrix_product()
    mine = ours()
    torch.set_float32_matmul_precision("highest")
    default, formula = theirs("sdpa"), theirs("eager")
    print(
        f"PPO step, 64 x 32, 4 epochs ({chosen} products): ours {mine:.2f} s, TRL "
        f"{default:.2f} s ({default / mine:.2f} ×), with the formula for attention "
        f"{formula:.2f} s ({formula / mine:.2f} ×)"
    )


if __name__ == "__main__":
    main()
