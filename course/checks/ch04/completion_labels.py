"""Exercise 4.1: labels that count the completion only."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in


def probes(generator: torch.Generator) -> list[Probe]:
    def call(prompts: list[int], lengths: list[int], time: int):
        ids = torch.randint(9, (len(prompts), time), generator=generator)
        return ids, torch.tensor(prompts), torch.tensor(lengths)

    end = torch.tensor([[0, 7, 8, 1, 1, 1]]), torch.tensor([2]), torch.tensor([4])
    return [
        Probe("a start and an end", (torch.tensor([[0, 1]]), *ones(1, 2))),
        Probe("no padding", call([2], [5], 5)),
        Probe("padding with the end token", end),
        Probe("two texts", call([1, 3], [4, 6], 6)),
        Probe("no prompt at all", call([0, 1], [3, 5], 5)),
        Probe("a prompt without a completion", call([2, 4], [5, 4], 6)),
        Probe("six texts", call([2, 1, 3, 2, 4, 1], [5, 8, 4, 7, 6, 2], 8)),
        Probe("much padding", call([1, 2], [3, 4], 12)),
    ]


def ones(prompt: int, length: int) -> tuple[Tensor, Tensor]:
    return torch.tensor([prompt]), torch.tensor([length])


def where(ids: Tensor, counted: Tensor) -> Tensor:
    return ids.masked_fill(~counted, -100)


def place(ids: Tensor) -> Tensor:
    return torch.arange(ids.shape[1])


@mistake("the prompt counts too: its tokens were given, so their labels are -100")
def prompt_counted(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    return where(ids, place(ids) < lengths[:, None])


@mistake("the padding counts too: from `lengths` on, the labels are -100")
def padding_counted(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    return where(ids, place(ids) >= prompt_lengths[:, None])


@mistake("every token counts: prompt and padding must be -100")
def all_counted(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    return ids.clone()


@mistake(
    "the last real token does not count: it is the end token, and a model that never "
    "learns it never stops"
)
def end_lost(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    return right(ids, prompt_lengths, lengths - 1)


@mistake(
    "you decide by token values what is padding: an end token that looks like padding "
    "is lost. Decide by lengths"
)
def by_value(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    answer = place(ids) >= prompt_lengths[:, None]
    return where(ids, answer & (ids != 1))


def right(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    here = place(ids)
    return where(ids, (here >= prompt_lengths[:, None]) & (here < lengths[:, None]))


@mistake(
    "you shift the labels: the loss shifts once itself, so a label stands at its own "
    "token's place"
)
def shifted(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    labels = right(ids, prompt_lengths, lengths)
    return torch.cat([labels[:, 1:], torch.full_like(labels[:, :1], -100)], 1)


@mistake(
    "the last token of the prompt counts: the completion begins at place prompt_lengths"
)
def prompt_end_counted(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    return right(ids, prompt_lengths - 1, lengths)


@mistake(
    "the first token of the completion does not count: its place is exactly "
    "prompt_lengths, so compare with >="
)
def first_lost(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    return right(ids, prompt_lengths + 1, lengths)


@mistake("you mark with 0 what does not count, but 0 is a token's id: use -100")
def zeros(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    labels = right(ids, prompt_lengths, lengths)
    return labels.masked_fill(labels == -100, 0)


@mistake("you return the mask: return the ids, with -100 where the mask is false")
def a_mask(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    return right(ids, prompt_lengths, lengths) != -100


@mistake("you add the two lengths: `lengths` already counts prompt and completion")
def wrong_lengths(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    return right(ids, prompt_lengths, prompt_lengths + lengths)


@mistake("you keep exactly what must be left out: invert the mask")
def inverted(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    return where(ids, right(ids, prompt_lengths, lengths) == -100)


def looks_at_no_value(function) -> str | None:
    given, lengths = torch.tensor([1, 2]), torch.tensor([3, 5])
    counts = [
        int((function(torch.full((2, 6), token), given, lengths) == token).sum())
        for token in range(4)
    ]
    if len(set(counts)) == 1:
        return None
    return (
        "with the same lengths as many tokens must count whatever their ids are; yours "
        f"counts {counts[0]} where every id is 0 and {counts[1]} where every id is 1"
    )


EXERCISE = Exercise(
    number="4.1",
    title="Labels that count the completion only",
    minutes=15,
    difficulty=2,
    importance=5,
    reference="course.lm.finetuning:completion_labels",
    why="What is a label is learned and nothing else; a model whose end token is no "
    "label never stops.",
    hints=(
        "Write the numbers 0, 1, 2, … over the tokens of one row: which of them belong "
        "to the completion?",
        "A token counts if its place is at least the row's prompt length and below the "
        "row's length. Compare torch.arange(time) with lengths[:, None]; all else "
        "becomes -100.",
        "`place = torch.arange(ids.shape[1], device=ids.device)`, then "
        "`counted = (place >= prompt_lengths[:, None]) & (place < …)` and "
        "`ids.masked_fill(~counted, -100)`.",
    ),
    probes=probes,
    properties=(Property("token values do not matter", looks_at_no_value),),
    mistakes=mistakes_in(__name__),
)
