"""Talks: a policy speaks, a world answers, and one update learns from all turns.

A turn is a row: its prompt is the whole talk so far, its completion what the policy
said.  `owners` says which talk a row belongs to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from course.expect import tensors, truth, whole
from course.lm.sampling import generate
from course.lm.tokenizer import decode, encode, pad_batch
from course.policy.guards import check_optimizer, restored_on_error, update
from course.policy.losses import reinforce_loss
from course.policy.rollout import Rollout, logprobs_of, select_rows
from course.policy.turns import join_turns
from course.score import check_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


# answer(talk's number, what the policy said) -> the world's words, None at the end
Answer = Callable[[int, str], str | None]


@dataclass(frozen=True)
class Talks:
    """Talks that were played: all turns as one rollout, and whose each row is.

    said: what the policy said in each talk, turn by turn.  texts: the whole talks.
    Chapter 16.
    """

    rollout: Rollout  # a row a turn; its scores are zeros
    owners: Tensor  # (rows,) number of the talk
    said: list[list[str]]
    texts: list[str]

    @property
    def turns(self) -> Tensor:
        """How many turns each talk had: (talks,)."""
        return torch.tensor([len(words) for words in self.said])


def play(
    policy: nn.Module,
    tokenizer: "PreTrainedTokenizerFast",
    openings: Sequence[str],
    answer: Answer,
    *,
    most_turns: int,
    max_new_tokens: int,
    generator: torch.Generator | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> Talks:
    """Let the policy talk: it speaks, the world answers, until the world says no more.

    openings: the world's first words, one for each talk.  answer(n, said): its next
    words in talk n, or None when the talk is over; it ends after `most_turns` anyway.
    generator: a CPU generator.  Raises TypeError unless the openings are a list of
    texts, ValueError without one or without a turn.  Chapter 16.
    """
    whole(1, most_turns=most_turns)
    if not len(check_texts(openings)):
        raise ValueError("got no openings, expected at least one")
    texts, said = list(openings), [[] for _ in openings]
    alive, owners, blocks, prompts = list(range(len(texts))), [], [], []
    for _ in range(most_turns):
        asked = [texts[n] for n in alive]
        ids, mask = pad_batch(
            encode(tokenizer, asked, bos=True, eos=False),
            tokenizer.pad_token_id, side="left",
        )  # fmt: skip
        device = next(policy.parameters()).device
        written = generate(
            policy, ids.to(device), mask.to(device), max_new_tokens=max_new_tokens,
            eos_id=tokenizer.eos_token_id, pad_id=tokenizer.pad_token_id,
            temperature=temperature, top_k=top_k, generator=generator,
        )  # fmt: skip
        blocks.append((ids.to(device), mask.to(device), written))
        owners += alive
        prompts += asked
        going_on = []
        for n, words in zip(
            alive, decode(tokenizer, written.ids.tolist()), strict=True
        ):
            said[n].append(words)
            more = answer(n, words)
            texts[n] += words + (more or "")
            if more is not None:
                going_on.append(n)
        alive = going_on
        if not alive:
            break
    rollout = _one_rollout(blocks, prompts, owners, said, tokenizer, temperature)
    return Talks(rollout, torch.tensor(owners), said, texts)


def _all_turns(blocks: list[Tensor], side: str, value: float) -> Tensor:
    return reduce(lambda a, b: join_turns(a, b, side, value), blocks)


def _one_rollout(blocks, prompts, owners, said, tokenizer, temperature) -> Rollout:
    """All turns of all talks as the rows of one rollout, without a reference."""
    pad = tokenizer.pad_token_id
    logprobs = _all_turns([w.logprobs for _, _, w in blocks], "right", 0.0)
    spoken = [iter(words) for words in said]
    return Rollout(
        prompts=prompts,
        completions=[next(spoken[n]) for n in owners],
        prompt_ids=_all_turns([ids for ids, _, _ in blocks], "left", pad),
        prompt_mask=_all_turns([truth(mask) for _, mask, _ in blocks], "left", False),
        completion_ids=_all_turns([w.ids for _, _, w in blocks], "right", pad),
        completion_mask=_all_turns([w.mask for _, _, w in blocks], "right", False),
        old_logprobs=logprobs,
        ref_logprobs=logprobs.clone(),
        scores=logprobs.new_zeros(len(prompts)),
        ended=torch.cat([w.ended for _, _, w in blocks]),
        temperature=temperature,
    )


def distinct_rows(batch: Rollout) -> tuple[Tensor, Tensor]:
    """The first row of each text, and where each row's text stands among these.

    Prompt and completion count.  Small tasks have the same text many times in a batch;
    who reads `select_rows(batch, first)` and takes the result at `again` reads each
    once, and the gradient is that of all rows.  Returns first (texts,) and again
    (rows,).  Chapter 16.
    """
    prompt, completion = truth(batch.prompt_mask), truth(batch.completion_mask)
    ids = torch.cat(
        [
            batch.prompt_ids.where(prompt, -1),
            batch.completion_ids.where(completion, -1),
        ],
        dim=1,
    )
    number: dict[tuple[int, ...], int] = {}  # of each text
    first, again = [], []
    for n, row in enumerate(map(tuple, ids.tolist())):
        if row not in number:
            number[row] = len(first)
            first.append(n)
        again.append(number[row])
    return torch.tensor(first).to(ids.device), torch.tensor(again).to(ids.device)


def turn_step(
    policy: nn.Module,
    optimizer: torch.optim.Optimizer,
    talks: Talks,
    advantages: Tensor,
    max_grad_norm: float = 1.0,
) -> dict[str, float]:
    """One policy-gradient update in which each turn has the advantage of its talk.

    advantages: (talks,), or (rows,) for one per turn.  Returns the metrics "turns" and
    "grad_norm".  Raises ValueError on another shape, and CourseError, with the policy
    as it was, when the step goes wrong.  Chapter 16.
    """
    tensors(advantages=advantages)
    check_optimizer(policy, optimizer)
    rows, n = len(talks.owners), len(talks.said)
    if advantages.shape not in ((n,), (rows,)):
        raise ValueError(
            f"got advantages {tuple(advantages.shape)}, expected ({n},), one for each "
            f"talk, or ({rows},), one for each turn"
        )
    each = advantages if len(advantages) == rows else advantages[talks.owners]
    batch = talks.rollout
    with restored_on_error(optimizer):
        first, again = distinct_rows(batch)
        logprobs = logprobs_of(policy, select_rows(batch, first))[again]
        each = each.to(logprobs.device, logprobs.dtype)
        loss = reinforce_loss(logprobs, each, batch.completion_mask)
        norms = update(optimizer, iter([loss]), max_grad_norm)
    return {"turns": float(talks.turns.float().mean()), "grad_norm": float(norms[0])}
