"""Exercise 8.4: what rejection sampling keeps."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def normal(size: int, scale: float = 1.0) -> Tensor:
        return torch.randn(size, generator=generator) * scale

    # Many rows: in half precision all are ties, and a random choice must not pass.
    close = torch.tensor([50.001, 50.003, 50.002, 50.003, 50.001, 50.002])
    close = close.repeat(8)
    return [
        Probe("one candidate", (torch.tensor([0.5]), 1)),
        Probe("one prompt", (torch.tensor([1.0, 3.0]), 2)),
        Probe("nothing to choose", (torch.tensor([3.0, 1.0]), 1)),
        Probe("two prompts", (torch.tensor([1.0, 3.0, 9.0, 8.0]), 2)),
        Probe("a weak prompt", (torch.tensor([7.0, 8.0, 9.0, -3.0, -1.0, -2.0]), 3)),
        Probe("close scores", (close, 3)),
        Probe("three prompts of three", (normal(9), 3)),
        Probe("three prompts of four", (normal(12), 4)),
        Probe("six prompts of two", (normal(12), 2)),
        Probe("scores × 100", (normal(20, 100.0), 5)),
        Probe("double precision", (normal(8).double(), 4)),
        Probe("four prompts of eight", (normal(32), 8)),
    ]


@mistake(
    "these are places inside each prompt's n: add where the prompt begins in the "
    "batch, p · n"
)
def no_offset(scores: Tensor, n: int) -> Tensor:
    return scores.view(-1, n).argmax(1)


@mistake(
    "you keep the best of the whole batch: easy prompts would fill it and hard ones "
    "vanish; keep one of each"
)
def best_overall(scores: Tensor, n: int) -> Tensor:
    return scores.topk(len(scores) // n).indices.sort().values


@mistake(
    "you read the candidates as dealt out in turn: the n of one prompt stand side by "
    "side, so view(prompts, n)"
)
def dealt_out(scores: Tensor, n: int) -> Tensor:
    groups = len(scores) // n
    return scores.view(n, groups).argmax(0) * groups + torch.arange(groups)


@mistake(
    "you compare different prompts with one another: take the best along the n "
    "candidates"
)
def across_prompts(scores: Tensor, n: int) -> Tensor:
    return scores.view(-1, n).argmax(0)


@mistake("you keep the worst candidate: a higher score is a better text")
def worst_kept(scores: Tensor, n: int) -> Tensor:
    return torch.arange(len(scores) // n) * n + scores.view(-1, n).argmin(1)


@mistake("you return scores: the rows of the batch are asked for")
def the_scores(scores: Tensor, n: int) -> Tensor:
    return scores.view(-1, n).amax(1)


@mistake(
    "you keep the first candidate of each prompt whatever its score: this is the "
    "control"
)
def first_of_each(scores: Tensor, n: int) -> Tensor:
    return torch.arange(len(scores) // n) * n


@mistake("you add p to the place: prompt p begins at row p · n")
def step_of_one(scores: Tensor, n: int) -> Tensor:
    return torch.arange(len(scores) // n) + scores.view(-1, n).argmax(1)


@mistake("you mark the kept rows with true: return their numbers")
def marked(scores: Tensor, n: int) -> Tensor:
    groups = scores.view(-1, n)
    return (groups == groups.amax(1, keepdim=True)).view(-1)


@mistake(
    "you keep the best n rows of the batch: n counts the candidates of one prompt, and "
    "one of them is kept"
)
def n_best(scores: Tensor, n: int) -> Tensor:
    return scores.topk(n).indices


def twelve() -> Tensor:
    return draw(12, seed=1)


@mistake(
    "view(n, −1) puts every n-th row together: candidates of one prompt lie side by "
    "side, so view(−1, n)"
)
def every_nth(scores: Tensor, n: int) -> Tensor:
    prompts = len(scores) // n
    return scores.view(n, -1).argmax(0) + n * torch.arange(prompts)


@mistake("you take the best rows of the whole batch: each prompt keeps one of its own")
def best_of_the_batch(scores: Tensor, n: int) -> Tensor:
    return scores.topk(len(scores) // n).indices


@mistake(
    "you look the best score up in the whole batch: another prompt may have the same "
    "score, and then its row is returned"
)
def looked_up(scores: Tensor, n: int) -> Tensor:
    values = scores.tolist()
    best = scores.view(-1, n).amax(1).tolist()
    return torch.tensor([values.index(x) for x in best], dtype=torch.long)


@mistake("this is the row of the first prompt alone: every prompt keeps one")
def first_prompt(scores: Tensor, n: int) -> Tensor:
    return scores[:n].argmax()[None]


EXERCISE = Exercise(
    number="8.4",
    title="What rejection sampling keeps",
    minutes=10,
    difficulty=2,
    importance=4,
    reference="course.reward.best_of_n:kept_rows",
    why="Fine-tuning on the kept rows moves the choice of the reward model into the "
    "weights; a wrong offset would train on texts that nobody chose.",
    hints=(
        "The batch holds the n candidates of the first prompt, then the n of the "
        "second, and so on. At which row do the candidates of prompt p begin?",
        "View the scores as (prompts, n), take the place of the best in each row, and "
        "add the row of the batch where that prompt begins: p · n.",
        "`best = scores.view(-1, n).argmax(1)`, then "
        "`return torch.arange(len(best), device=best.device) * … + best`.",
    ),
    probes=probes,
    properties=(
        unchanged(
            "prompts are not compared",
            lambda: (twelve(), 4),
            lambda: (twelve() + torch.arange(3.0).repeat_interleave(4) * 50, 4),
            "adding a constant to all candidates of one prompt",
        ),
        always(
            "one row even where the best tie",
            lambda: (torch.tensor([1.0, 3.0, 3.0, 2.0, 0.0, 1.0]), 3),
            lambda rows: rows.tolist() in ([1, 3], [2, 3]),
            "the scores 1, 3, 3 of one prompt have two best candidates: keep one of "
            "them, rows 1 or 2, and row 3 of the other prompt",
        ),
        always(
            "one row of every prompt",
            lambda: (twelve(), 3),
            lambda rows: bool(((rows // 3) == torch.arange(4)).all()),
            "with n = 3, exactly one of rows 0 to 2 must be kept, one of 3 to 5, and "
            "so on",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
