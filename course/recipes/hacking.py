"""Chapter 14's runs: a writer that ends, three proxies, each hacked and on a leash.

The policies are kept with what every step wrote, judged by words: the whole curve.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from course.expect import at_least, whole_number
from course.lm.model import GPT
from course.recipes.proxies import REWARD_PROXY
from course.recipes.recipe import Checkpoint, Recipe, openings
from course.reward.model import scorer
from course.runtime import generator

SEEDS = (0, 1, 2)


def train_ending_writer(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """The language model, tuned on short whole texts until it ends its own.

    Chapter 14.
    """
    from course.data import reviews
    from course.lm.finetuning import fine_tune
    from course.lm.sampling import write

    base = needed["language-model"]
    model, tokenizer = deepcopy(base.model), base.tokenizer
    short = [
        text
        for text in reviews.texts("movies", "train")
        if settings["opening_words"] < len(text.split()) <= settings["longest"]
    ]
    prompts = openings(short, settings["opening_words"])
    completions = [
        t.removeprefix(p) for p, t in zip(prompts, _joined(short), strict=True)
    ]
    history = fine_tune(
        model, tokenizer, prompts, completions,
        generator=generator(settings["seed"]), **settings["train"],
    )  # fmt: skip
    model.eval()
    written = write(
        model, tokenizer, prompts[:256], max_new_tokens=32, generator=generator(1)
    )
    words = sum(len(text.split()) for text in written) / len(written)
    return Checkpoint("writer-ends", model, tokenizer, {"words": words}, history)


def _joined(texts: list[str]) -> list[str]:
    """The texts with single spaces, as openings are cut from them."""
    return [" ".join(text.split()) for text in texts]


def train_hacked(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """RLOO on a proxy, with or without a leash; the words judge looks on.

    The history has the judge's mean of each step's texts, on the scale where the
    start's texts have mean 0 and deviation 1, and the texts themselves.
    Chapter 14.
    """
    from course.data import reviews
    from course.lm.sampling import write
    from course.policy.grpo import rloo_step
    from course.policy.loop import train
    from course.policy.rollout import Rollout
    from course.score import whole_texts

    start, judge = needed["writer-ends"], needed["judge-words"].model
    proxy = needed[f"proxy-ends-{settings['proxy']}"]
    gold = needed["reward-model"]
    tokenizer = start.tokenizer
    prompts = openings(reviews.texts("movies", "train"), settings["opening_words"])
    draws = generator(settings["seed"])
    some = prompts[:256]
    begun = whole_texts(
        some,
        write(start.model, tokenizer, some, generator=generator(2), max_new_tokens=32),
    )
    zero = judge(begun)
    gold_score = scorer(gold.model, tokenizer)
    policy = deepcopy(start.model)
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=settings["learning_rate"], weight_decay=0.0
    )
    texts: list[list[str]] = []

    def step(rollout: Rollout) -> dict[str, float]:
        whole = whole_texts(rollout.prompts, rollout.completions)
        texts.append(whole)
        seen = (judge(whole) - zero.mean()) / zero.std(correction=0)
        return rloo_step(
            policy, optimizer, rollout, group_size=settings["group_size"],
            beta=settings["beta"], generator=draws,
        ) | {
            "judge/words": float(seen.mean()),
            "judge/family": float(
                gold_score(rollout.prompts, rollout.completions).mean()
            ),
            "ended": float(rollout.ended.float().mean()),
        }  # fmt: skip

    history = train(
        policy, start.model, tokenizer, prompts, scorer(proxy.model, tokenizer), step,
        optimizer=optimizer, generator=draws, desc=settings["desc"],
        batch_size=settings["prompts"], group_size=settings["group_size"],
        steps=settings["steps"], max_new_tokens=settings["max_new_tokens"],
        schedule=partial(warm, steps=settings["steps"], warmup=settings["warmup"]),
    )  # fmt: skip
    for row, whole in zip(history.rows, texts, strict=True):
        row["texts"] = whole
    return Checkpoint(settings["desc"], policy, tokenizer, {}, history)


def warm(done: float, steps: int, warmup: int) -> float:
    """Share of the learning rate: up over the first `warmup` steps, then constant.

    done: share of all steps that are done.  Raises ValueError on a negative one and
    without a step.  Chapter 14.

    >>> warm(0.0, steps=10, warmup=2), warm(0.5, steps=10, warmup=2)
    (0.5, 1.0)
    """
    whole_number(steps=steps, warmup=warmup)
    at_least(1, steps=steps, warmup=warmup)
    at_least(0, done=done)
    return min(1.0, (done * steps + 1) / warmup)


WRITER_ENDS = Recipe(
    name="writer-ends",
    settings={
        "seed": 0,
        "opening_words": 2,
        "longest": 14,
        "train": {"steps": 60, "batch_size": 32, "learning_rate": 3e-4},
    },
    train=train_ending_writer,
    empty=GPT,
    needs=("language-model",),
)

PROXIES = tuple(
    replace(
        REWARD_PROXY,
        name=f"proxy-ends-{seed}",
        settings={
            **REWARD_PROXY.settings,
            "seed": seed,
            "train": {"epochs": 8, "batch_size": 16, "learning_rate": 1e-3},
        },
    )
    for seed in SEEDS
)

_RUN = {
    "opening_words": 2,
    "prompts": 8,
    "group_size": 4,
    "steps": 60,
    "warmup": 5,
    "max_new_tokens": 32,
    "learning_rate": 7e-4,
}


def _run(kind: str, seed: int, beta: float) -> Recipe:
    name = f"{kind}-{seed}"
    return Recipe(
        name=name,
        settings={**_RUN, "seed": seed, "proxy": seed, "beta": beta, "desc": name},
        train=train_hacked,
        empty=GPT,
        needs=("writer-ends", f"proxy-ends-{seed}", "judge-words", "reward-model"),
    )


HACKED = tuple(_run("hacked", seed, 0.0) for seed in SEEDS)
LEASHED = tuple(_run("leashed", seed, 0.1) for seed in SEEDS)


def train_second(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """The proxy with 200 more texts, trained anew, and hacked again.

    extra: "exploited", the last texts of the first run, rated by `judge-smollm2`; or
    "ordinary", further texts that people rated: the control.  Chapter 14.
    """
    from course.data import reviews
    from course.recipes.judges import smollm2_score
    from course.recipes.reward import fit_ratings, scale_on_writer
    from course.reward.model import from_language_model

    base, seed = needed["language-model"], settings["proxy"]
    rows = reviews.load("movies", "train")
    draws = generator(seed)  # the first draw gives the texts that the proxy saw
    order = torch.randperm(len(rows), generator=draws).tolist()
    known, more = settings["ratings"], settings["more"]
    chosen = rows.select(order[:known])
    if settings["extra"] == "ordinary":
        chosen = rows.select(order[: known + more])
    else:
        written = [t for r in needed[f"hacked-{seed}"].history.rows for t in r["texts"]]
        texts = list(dict.fromkeys(reversed(written)))[:more]
        ratings = smollm2_score(needed["judge-smollm2"].model)(texts).tolist()
        chosen = {
            "text": chosen["text"][:] + texts,
            "mean": chosen["mean"][:] + ratings,
        }
    model = from_language_model(base.model, draws)
    fit_ratings(model, base.tokenizer, chosen, draws, settings["train"])
    scale_on_writer(model, base, rows["text"][:], draws, settings)
    proxy = Checkpoint("proxy", model, base.tokenizer, {})
    return train_hacked(settings, {**needed, f"proxy-ends-{seed}": proxy})


def _second(extra: str, seed: int) -> Recipe:
    made = _run(f"second-{extra}", seed, 0.0)
    more = {
        "steps": 45,
        "extra": extra,
        "ratings": 500,
        "more": 200,
        "train": {"epochs": 6, "batch_size": 16, "learning_rate": 1e-3},
        "reference_samples": 256,
    }
    return replace(
        made,
        settings={**made.settings, **more},
        train=train_second,
        needs=(*made.needs, "language-model", f"hacked-{seed}", "judge-smollm2"),
    )


SECOND = tuple(
    _second(e, seed) for e in ("exploited", "ordinary") for seed in SEEDS[:2]
)
