"""Twelve common faults, planted one at a time into a plain training loop.

The loop has none of the package's guards: most of these faults stop `policy.loop.train`
with a sentence, and here you see what the log says where nothing stops them.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.expect import at_least, cpu_generator, one_number, tensors, whole
from course.lm.sampling import top_p_filter
from course.lm.training import History
from course.policy.clipping import grpo_loss, importance_ratio, is_clipped
from course.policy.groups import frac_reward_zero_std, group_advantages
from course.policy.guards import update
from course.policy.metrics import metrics
from course.policy.rollout import Rollout, collect, logprobs_and_entropy, logprobs_of
from course.score import Score, check_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

GROUPS, GROUP_SIZE, NEW_TOKENS = 8, 8, 4
END_ID = 1  # of `characters.character_tokenizer`


class ChangedHead(nn.Module):
    """A model with another way from its last states to logits.

    change: (states, head) -> logits.  Appendix B.
    """

    def __init__(self, inner: nn.Module, change: Callable[[Tensor, nn.Module], Tensor]):
        super().__init__()
        self.inner, self.change, self.config = inner, change, inner.config
        self.hidden, self.new_cache = inner.hidden, inner.new_cache

    def head(self, states: Tensor) -> Tensor:
        """(..., width) -> (..., vocabulary)."""
        tensors(states=states)
        return self.change(states, self.inner.head)


@dataclass(frozen=True)
class Loop:
    """A sound plain loop; every field is the place of a fault.

    model: made of the start, trained and compared with; sampler: made of the policy,
    writes; spoil: what is done to a rollout; logprobs: (policy, rollout) -> (batch,
    time), nats, of the training pass; recompute: whether the old log-probabilities are
    taken anew before each update; drop: whether texts that cannot be scored are left
    out of the mean; beta: score units per nat.  Appendix B.
    """

    model: Callable[[nn.Module], nn.Module] | None = None
    sampler: Callable[[nn.Module], nn.Module] | None = None
    spoil: Callable[[Rollout], Rollout] | None = None
    logprobs: Callable[[nn.Module, Rollout], Tensor] = logprobs_of
    recompute: bool = False
    drop: Callable[[str], bool] | None = None
    clip_score: float | None = None
    beta: float = 0.0
    learning_rate: float = 1e-4


def without_end(model: nn.Module) -> nn.Module:
    """A model that was never taught to end a text.  Appendix B."""

    def change(states: Tensor, head: nn.Module) -> Tensor:
        logits = head(states)
        return logits - 30.0 * F.one_hot(torch.tensor(END_ID), logits.shape[-1])

    return ChangedHead(model, change)


def with_top_p(model: nn.Module, p: float = 0.8) -> nn.Module:
    """A sampler that keeps the likeliest tokens only, and says so in its numbers.

    Appendix B.
    """
    one_number(p=p)
    at_least(0, p=p)
    return ChangedHead(model, lambda states, head: top_p_filter(head(states), p))


def with_dropout(model: nn.Module, rate: float = 0.1) -> nn.Module:
    """A sampler in training mode: it forgets a part of its states at random.

    Appendix B.
    """
    one_number(rate=rate)
    at_least(0, rate=rate)
    return ChangedHead(model, lambda states, head: head(F.dropout(states, rate)))


def padding_counted(rollout: Rollout) -> Rollout:
    """The padding after a text, counted as written by the policy.  Appendix B."""
    everything = torch.ones_like(rollout.completion_mask)
    return replace(rollout, completion_mask=everything)


def one_late(policy: nn.Module, rollout: Rollout) -> Tensor:
    """Each token's probability from the state that has read it already.  Appendix B."""
    ids = torch.cat([rollout.prompt_ids, rollout.completion_ids], 1)
    mask = torch.cat([rollout.prompt_mask, rollout.completion_mask], 1)
    states = policy.hidden(ids, attention_mask=mask)[:, rollout.prompt_ids.shape[1] :]
    logprobs = policy.head(states).log_softmax(-1)
    own = logprobs.gather(2, rollout.completion_ids[..., None])[..., 0]
    return own.masked_fill(~rollout.completion_mask, 0.0)


def padded_right(policy: nn.Module, rollout: Rollout) -> Tensor:
    """As if prompts were padded on the right: the text goes on after the padding.

    Appendix B.
    """
    first = (~rollout.prompt_mask).sum(1, keepdim=True)  # padding before each prompt
    places = torch.arange(rollout.prompt_ids.shape[1]) + first
    turned = rollout.prompt_ids.gather(1, places % rollout.prompt_ids.shape[1])
    everything = torch.ones_like(rollout.prompt_mask)
    return logprobs_of(
        policy, replace(rollout, prompt_ids=turned, prompt_mask=everything)
    )


FAULTS = {
    "equal groups": Loop(),  # with questions that are too hard
    "no end token": Loop(model=without_end),
    "wrong mask": Loop(spoil=padding_counted),
    "shift by one": Loop(logprobs=one_late),
    "beta too large": Loop(beta=10.0),
    "reward clipped to a constant": Loop(clip_score=0.0),
    "old log-probabilities recomputed": Loop(recompute=True),
    "left padding read from the wrong side": Loop(logprobs=padded_right),
    "top-p in the sampler": Loop(sampler=with_top_p),
    "unscorable texts dropped": Loop(drop=lambda text: "7" in text),
    "dropout while sampling": Loop(sampler=with_dropout),
    "learning rate too large": Loop(learning_rate=0.01),
    "learning rate too small": Loop(learning_rate=1e-7),
}


def plain_step(
    policy: nn.Module, optimizer: torch.optim.Optimizer, rollout: Rollout, loop: Loop
) -> dict[str, float]:
    """Two GRPO updates on a rollout, as the loop has them; the shared metrics.

    Appendix B.
    """
    mask, old = rollout.completion_mask, rollout.old_logprobs
    with torch.no_grad():
        _, spread = logprobs_and_entropy(policy, rollout)
    D = (old - rollout.ref_logprobs).sum(1)  # (batch,), nats
    A = group_advantages(rollout.scores - loop.beta * D, GROUP_SIZE)  # (batch,)
    values = metrics(rollout, spread, loop.beta)
    ratios, clipped, norms = [], [], []
    for _ in range(2):
        logprobs = loop.logprobs(policy, rollout)
        if loop.recompute:
            old = logprobs.detach()
        loss = grpo_loss(logprobs, old, None, A, mask, 0.0, 0.2)
        ratio = importance_ratio(logprobs, old, mask).detach()
        ratios.append(ratio[mask])
        clipped.append(is_clipped(ratio, A, 0.2)[mask].float())
        norms += update(optimizer, [loss], 1.0)
    ratio = torch.cat(ratios)
    values |= {
        "policy/ratio_mean": ratio.mean(),
        "policy/ratio_var": ratio.var(correction=0),
        "policy/approx_kl": (ratio - 1 - ratio.log()).mean(),
        "policy/clipfrac": torch.cat(clipped).mean(),
        "first/ratio_error": (ratios[0] - 1).abs().max(),
        "first/clipfrac": clipped[0].mean(),
        "grad_norm": sum(norms) / len(norms),
        "frac_reward_zero_std": frac_reward_zero_std(rollout.scores, GROUP_SIZE),
        "updates": len(norms),
    }
    return {name: float(value) for name, value in values.items()}


def faulty_run(
    start: nn.Module,
    tokenizer: "PreTrainedTokenizerFast",
    prompts: Sequence[str],
    score: Score,
    loop: Loop,
    *,
    steps: int,
    generator: torch.Generator,
) -> History:
    """Train a copy of the start by a plain GRPO loop with this loop's fault.

    Raises TypeError unless the prompts are a list of texts, ValueError without one.
    Appendix B.
    """
    cpu_generator(generator)
    whole(0, steps=steps)
    if not len(check_texts(prompts)):
        raise ValueError("got no prompts, expected at least one")
    policy, reference = deepcopy(start), start
    if loop.model:
        policy, reference = loop.model(policy), loop.model(reference)
    sampler = loop.sampler(policy) if loop.sampler else policy
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=loop.learning_rate, weight_decay=0.0
    )
    history = History()
    for step in range(steps):
        rows = torch.randint(len(prompts), (GROUPS,), generator=generator).tolist()
        asked = [prompts[row] for row in rows for _ in range(GROUP_SIZE)]
        rollout = collect(
            sampler, reference, tokenizer, asked, score,
            max_new_tokens=NEW_TOKENS, generator=generator,
        )  # fmt: skip
        more = {}
        if loop.drop:
            missing = torch.tensor([loop.drop(text) for text in rollout.completions])
            more["score/missing"] = float(missing.float().mean())
            scores = rollout.scores.masked_fill(missing, torch.nan).view(-1, GROUP_SIZE)
            means = scores.nanmean(1, keepdim=True).nan_to_num(0.0)
            scores = scores.where(scores.isfinite(), means).flatten()
            rollout = replace(rollout, scores=scores)
        if loop.clip_score is not None:
            rollout = replace(rollout, scores=rollout.scores.clamp(max=loop.clip_score))
        if loop.spoil:
            rollout = loop.spoil(rollout)
        history.log(step, **plain_step(policy, optimizer, rollout, loop), **more)
    return history
