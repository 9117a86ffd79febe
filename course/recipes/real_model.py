"""Adapters for SmolLM2, trained by RLOO: on the reward model, on a rule, on nothing."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from course.expect import one_number, whole_number
from course.lm.adapter_files import adapter_tensors, put_adapters
from course.lm.half import half, sampler_of
from course.lm.lora import add_adapters
from course.lm.model import GPT, GPTConfig
from course.lm.training import History
from course.recipes.recipe import Checkpoint, Recipe
from course.runtime import CourseError, device, generator, seed_everything
from course.score import Score, whole_texts

RANK, ALPHA = 8, 16.0
REQUEST = "Write one sentence of a movie review about {}."
TOPICS = ("the plot", "the acting", "the music", "the ending", "the dialogue",
          "a love story", "a sequel", "the main actress")  # fmt: skip
NEW_TOPICS = ("the costumes", "a war film", "a comedy", "the villain", "the pace",
              "a documentary", "the camera work", "a cartoon", "the director",
              "a thriller", "the jokes", "a remake", "the special effects",
              "a family film", "the first scene", "a musical")  # fmt: skip


class Adapters(nn.Module):
    """Adapters without the frozen model that they belong to.  Chapter 17."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        with torch.device("meta"):  # names and shapes only
            shape = adapter_tensors(add_adapters(GPT(config), RANK, ALPHA))
        self.kept = nn.ParameterDict(
            {self.key(n): torch.zeros(x.shape) for n, x in shape.items()}
        )
        self.requires_grad_(False)

    @staticmethod
    def key(name: str) -> str:
        """A name without dots, which no parameter may have."""
        return name.replace(".", "-")

    @torch.no_grad()
    def copy_from(self, policy: GPT) -> "Adapters":
        """Keep the adapters that the policy has now."""
        for name, tensor in adapter_tensors(policy).items():
            self.kept[self.key(name)].copy_(tensor)
        return self

    def put_into(self, policy: GPT) -> GPT:
        """Give a policy, which has adapters of this shape, these ones."""
        names = adapter_tensors(policy)
        return put_adapters(policy, {n: self.kept[self.key(n)] for n in names})


def request_ids(tokenizer, prompt: str) -> list[int]:
    """A prompt as a user's turn, ready for the assistant's answer.  Chapter 17."""
    from course.lm.pretrained import chat_ids

    return chat_ids(tokenizer, [{"role": "user", "content": prompt}])


def answers_only(score: Score) -> Score:
    """The score of the answer alone: a request is no part of a review.  Chapter 17."""
    return lambda prompts, completions: score([""] * len(prompts), completions)


def whole_sentence(prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
    """1 where the text ends with . ! or ?, else 0; a text that is cut rarely does.

    Raises as `whole_texts`.  Chapter 17.

    >>> whole_sentence(["", ""], ["It is good.", "It is a"]).tolist()
    [1.0, 0.0]
    """
    whole_texts(prompts, completions)
    return torch.tensor(
        [float(x.rstrip().endswith((".", "!", "?"))) for x in completions]
    )


def dealt(score: Score, draws: torch.Generator) -> Score:
    """The control: the same scores, dealt to the texts at random.  Chapter 17."""

    def shuffled(prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
        scores = torch.as_tensor(score(prompts, completions))
        return scores[torch.randperm(len(scores), generator=draws)]

    return shuffled


def train_adapters(settings: Mapping[str, Any], needed: dict) -> Checkpoint:
    """RLOO on the adapters of SmolLM2: the course's own loop, a bf16 copy writes.

    The KL is to the model without its adapters.  A guard that stops the run after
    `least_steps` keeps what was learned before it.  Chapter 17.
    """
    from course.lm.pretrained import load_pretrained
    from course.policy.grpo import rloo_step
    from course.policy.loop import train
    from course.reward.model import scorer

    seed = settings["seed"]
    seed_everything(seed)
    policy, tokenizer = load_pretrained()
    policy = add_adapters(policy.to(device()), RANK, ALPHA)
    judge = needed["reward-model"]
    score = answers_only(scorer(judge.model, judge.tokenizer))
    score = {"people": score, "dealt": dealt(score, generator(seed + 1000)),
             "sentence": whole_sentence}[settings["reward"]]  # fmt: skip
    trained = [p for p in policy.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings["learning_rate"])
    step = partial(rloo_step, policy, optimizer, beta=settings["beta"],
                   group_size=settings["train"]["group_size"])  # fmt: skip
    history = History()

    def remember(so_far: History) -> None:
        history.rows[:] = so_far.rows

    try:
        with half(policy.device):
            train(
                policy, None, tokenizer, [REQUEST.format(t) for t in TOPICS], score,
                step, optimizer=optimizer, generator=generator(seed), watch=remember,
                sampler=sampler_of(policy), to_ids=partial(request_ids, tokenizer),
                **settings["train"],
            )  # fmt: skip
    except CourseError:  # a guard: the policy is as it was before that step
        if len(history.rows) < settings["least_steps"]:
            raise
    kept = Adapters(policy.config).copy_from(policy)
    metrics = {"score": history.last["score/mean"]}
    return Checkpoint(settings["name"], kept, tokenizer, metrics, history)


def adapters_recipe(name: str, reward: str, seed: int, beta: float) -> Recipe:
    """Adapters trained on one reward from one seed.

    reward: "people", "dealt" or "sentence"; ValueError on another.  Chapter 17.
    """
    whole_number(seed=seed)
    one_number(beta=beta)
    if reward not in ("people", "dealt", "sentence"):
        raise ValueError(f"got {reward!r}, expected people, dealt or sentence")
    return Recipe(
        name=name,
        settings={"name": name, "reward": reward, "seed": seed, "beta": beta,
                  "learning_rate": 1e-3, "least_steps": 9,
                  "train": {"steps": 18, "batch_size": 2, "group_size": 8,
                            "max_new_tokens": 20}},
        train=train_adapters,
        empty=Adapters,
        needs=("reward-model",),
    )  # fmt: skip


SMOLLM2_ADAPTERS = (
    *(adapters_recipe(f"smollm2-people-{s}", "people", s, 0.05) for s in range(3)),
    adapters_recipe("smollm2-dealt-0", "dealt", 0, 0.05),
    adapters_recipe("smollm2-sentence-0", "sentence", 0, 0.0),
)
