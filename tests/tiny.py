"""Small models, texts and steps that the tests of the policy room share."""

import copy
from functools import partial
from types import SimpleNamespace

import torch
from torch import nn

from course.lm.model import GPT, GPTConfig
from course.policy.critic import Critic
from course.policy.enumerable import NAMES
from course.policy.grpo import grpo_step, rloo_step
from course.policy.ppo import ppo_step
from course.policy.reinforce import reinforce_step
from course.policy.rollout import Rollout, collect

PROMPTS = ["a", "the film was", "", "good acting"]
ALGORITHMS = ("reinforce", "ppo", "grpo", "rloo")
GROUP = {"reinforce": 1, "ppo": 1, "grpo": 8, "rloo": 8}


def tiny_gpt(tokenizer, seed: int = 0) -> GPT:
    torch.manual_seed(seed)
    return GPT(
        GPTConfig(
            vocab_size=len(tokenizer),
            context=48,
            width=32,
            layers=2,
            heads=2,
            kv_heads=1,
            feed_forward=64,
        )  # fmt: skip
    )


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plain_share(prompts: list[str], completions: list[str]) -> list[float]:
    """A rule: ASCII characters per possible token; an untrained model gets ~0.5."""
    return [sum(c.isascii() for c in text) / 8 for text in completions]


def roll(tokenizer, policy, reference=None, rows=4, **options) -> Rollout:
    options = {"max_new_tokens": 8, "generator": seeded(), **options}
    prompts = (PROMPTS * rows)[:rows]
    return collect(
        policy, reference or policy, tokenizer, prompts, plain_share, **options
    )


def weights(model) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


def equal(left: list[torch.Tensor], right: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


# The enumerable policy, dressed as a GPT ----------------------------------------------


class TinyModel(nn.Module):
    """The nine logits of TinyPolicy behind the interface of GPT: EOS, a, b, bos, pad.

    At most two tokens follow bos, so a row of logits for each last token is all.
    """

    def __init__(self, logits: torch.Tensor):
        super().__init__()
        self.logits = nn.Parameter(logits.detach().clone())  # (3, 3): start, a, b
        self.config = SimpleNamespace(context=8, width=5, vocab_size=5)

    def hidden(self, ids, attention_mask=None, segments=None, cache=None):
        never = self.logits.new_full((3, 2), -1e9)  # bos and pad are not written
        rows = torch.cat([self.logits, never], 1)  # (3, 5)
        return rows[torch.tensor([0, 1, 2, 0, 0])[ids]]

    def head(self, hidden):
        return hidden

    def new_cache(self):
        return SimpleNamespace(select=lambda rows: None)


class TinyTrunk(TinyModel):
    """A critic's trunk: one state for every last token."""

    def hidden(self, ids, attention_mask=None, segments=None, cache=None):
        return torch.eye(5)[ids] + 0 * self.logits.sum()


class TinyTokenizer:
    eos_token_id, bos_token_id, pad_token_id = 0, 3, 4

    def __call__(self, texts, **options):
        return {"input_ids": [[] for _ in texts]}

    def decode(self, row, **options):
        return " ".join(("EOS", "a", "b")[i] for i in row if i < 3)


SCORES = dict(zip(NAMES, (0.1, 0.9, 0.3, 0.2, 1.0, 0.0, 0.4), strict=True))


def tiny_score(prompts, completions):
    return [SCORES[" ".join(text.split()[:2])] for text in completions]


def make_step(algorithm, policy, lr, beta=0.0, trunk=None):
    """The algorithm's step with everything filled in, and its optimizer."""
    groups = [{"params": list(policy.parameters())}]
    models = [policy]
    if algorithm == "ppo":
        models.append(Critic(trunk or copy.deepcopy(policy)))
        groups.append({"params": list(models[1].parameters())})
    optimizer = torch.optim.AdamW(groups, lr=lr, weight_decay=0.0)
    options = {"beta": beta}
    if algorithm in ("grpo", "rloo"):
        options["group_size"] = GROUP[algorithm]
    if algorithm == "ppo":
        options |= {"minibatches": 2, "epochs": 2, "generator": seeded(9)}
    function = {
        "reinforce": reinforce_step, "ppo": ppo_step, "grpo": grpo_step,
        "rloo": rloo_step,
    }[algorithm]  # fmt: skip
    return partial(function, *models, optimizer, **options), optimizer
