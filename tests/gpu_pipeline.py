"""Every stage of the course in small, on the CPU or on a pretended GPU: a line of JSON.

`python tests/gpu_pipeline.py [acting]`, run by test_acting_gpu.py.
"""

import json
import sys
from copy import deepcopy
from functools import partial

import torch

if sys.argv[1:] == ["acting"]:
    import acting_gpu

    DEVICE = acting_gpu.NAME
else:
    DEVICE = "cpu"

from tiny import seeded, tiny_gpt

from course.lm.evaluation import bits_per_byte_of
from course.lm.finetuning import fine_tune
from course.lm.lora import add_adapters, merge
from course.lm.packing import pack
from course.lm.sampling import write
from course.lm.tokenizer import encode, train_tokenizer
from course.lm.training import train_language_model
from course.policy.critic import Critic
from course.policy.dpo import best_and_worst, train_dpo
from course.policy.grpo import grpo_step, rloo_step
from course.policy.loop import train
from course.policy.ppo import ppo_step
from course.policy.reinforce import reinforce_step
from course.policy.rollout import collect
from course.reward.best_of_n import best_of_n
from course.reward.model import from_language_model, score_texts, scorer
from course.reward.training import fit_pairwise, fit_regression

GOOD = ["a good film", "the acting was fine", "good fun for all", "a fine film"]
BAD = ["a bad film", "the plot was dull", "it was bad", "dull and long"]
PROMPTS = ["a", "the film was", "", "good acting"]


def ends(history) -> dict[str, float]:
    """The last value of every number that is not a time."""
    timed = ("second", "tokens_per")
    return {k: v for k, v in history.last.items() if not any(t in k for t in timed)}


def main() -> dict:
    """What each stage reached."""
    found: dict = {}
    tokenizer = train_tokenizer(GOOD + BAD, 270)
    model = tiny_gpt(tokenizer).to(DEVICE)
    ids, segments = pack(encode(tokenizer, GOOD + BAD), 24, tokenizer.pad_token_id)
    options = {"steps": 4, "batch_size": 4, "generator": seeded()}
    found["language model"] = ends(
        train_language_model(model, ids, segments, **options)
    )
    found["bits"] = bits_per_byte_of(model, tokenizer, BAD)
    endings = [" " + text for text in BAD]
    tuned = add_adapters(deepcopy(model), rank=2, alpha=4.0)
    found["adapters"] = ends(
        fine_tune(tuned, tokenizer, PROMPTS, endings, learning_rate=1e-2, **options)
    )
    tuned = merge(tuned)
    found["texts"] = write(
        tuned, tokenizer, PROMPTS, max_new_tokens=6, generator=seeded()
    )
    judge = from_language_model(model, seeded())
    rate = {"batch_size": 4, "learning_rate": 1e-3, "generator": seeded()}
    ratings = [3.0, 1.5, 2.0, 2.5, -3.0, -1.0, -2.0, -2.5]
    found["ratings"] = ends(
        fit_regression(judge, tokenizer, GOOD + BAD, ratings, epochs=2, **rate)
    )
    found["pairs"] = ends(fit_pairwise(judge, tokenizer, GOOD, BAD, **rate))
    scores = score_texts(judge, tokenizer, GOOD + BAD)
    found["best"] = best_of_n(scores.view(2, 4), seeded()).tolist()
    score = scorer(judge, tokenizer)
    steps = {
        "REINFORCE": (reinforce_step, {}),
        "GRPO": (grpo_step, {"group_size": 4}),
        "RLOO": (rloo_step, {"group_size": 4}),
        "PPO": (ppo_step, {"minibatches": 2, "generator": seeded()}),
    }
    for name, (step, more) in steps.items():
        policy, groups = deepcopy(tuned), []
        critic = [Critic(deepcopy(model))] if name == "PPO" else []
        for module in (policy, *critic):
            groups.append({"params": list(module.parameters())})
        optimizer = torch.optim.AdamW(groups, lr=1e-3)
        found[name] = ends(
            train(
                policy, tuned, tokenizer, PROMPTS, score,
                partial(step, policy, *critic, optimizer, beta=0.05, **more),
                optimizer=optimizer, steps=2, batch_size=4, max_new_tokens=6,
                group_size=more.get("group_size", 1), generator=seeded(),
            )
        )  # fmt: skip
    written = collect(
        tuned, model, tokenizer, [p for p in PROMPTS for _ in range(2)], score,
        max_new_tokens=6, generator=seeded(),
    )  # fmt: skip
    policy = deepcopy(tuned)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-3)
    found["DPO"] = ends(
        train_dpo(
            policy, best_and_worst(written, 2), optimizer=optimizer, beta=0.1, steps=2,
            batch_size=2, generator=seeded(),
        )
    )  # fmt: skip
    places = {
        p.device.type for m in (model, tuned, judge, policy) for p in m.parameters()
    }
    found["devices"] = sorted(places)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(main()))
