"""Exercise 8.1: the choice of best-of-n."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def normal(*shape: int, scale: float = 1.0) -> tuple[Tensor]:
        return (torch.randn(shape, generator=generator) * scale,)

    # Many rows: in half precision all are ties, and a random choice must not pass.
    close = torch.tensor([[50.001, 50.003, 50.002], [50.003, 50.001, 50.002]])
    close = close.repeat(8, 1)
    return [
        Probe("one candidate", (torch.tensor([0.5]),)),
        Probe("two candidates", (torch.tensor([1.0, 3.0]),)),
        Probe("the best one first", (torch.tensor([4.0, -1.0, 2.0]),)),
        Probe("all negative", (torch.tensor([-3.0, -1.0, -2.0]),)),
        Probe("a large negative score", (torch.tensor([0.5, -9.0, 1.0]),)),
        Probe("close scores", (close,)),
        Probe("two prompts, five candidates", normal(2, 5)),
        Probe("five prompts, three candidates", normal(5, 3)),
        Probe("as many prompts as candidates", normal(4, 4)),
        Probe("two rounds of three prompts", normal(2, 3, 4)),
        Probe("scores × 100", normal(3, 6, scale=100.0)),
        Probe("double precision", (normal(3, 4)[0].double(),)),
    ]


@mistake("you keep the worst candidate: a higher score is a better text")
def worst_kept(scores: Tensor) -> Tensor:
    return scores.argmin(-1)


@mistake("you return the best score: to pick the text its place is needed")
def the_score(scores: Tensor) -> Tensor:
    return scores.amax(-1)


@mistake(
    "you choose one candidate of the whole batch: every prompt keeps its own best, so "
    "work along the last dimension"
)
def whole_batch(scores: Tensor) -> Tensor:
    return scores.argmax()


@mistake(
    "you compare different prompts with one another: the candidates of one prompt lie "
    "along the last dimension"
)
def across_prompts(scores: Tensor) -> Tensor:
    return scores.argmax(0)


@mistake("your places begin at 1: the first candidate has the place 0")
def from_one(scores: Tensor) -> Tensor:
    return scores.argmax(-1) + 1


@mistake("you compare sizes without signs: a text with score −9 is not a good one")
def largest_size(scores: Tensor) -> Tensor:
    return scores.abs().argmax(-1)


@mistake("you return all places from best to worst: only the first is asked for")
def whole_order(scores: Tensor) -> Tensor:
    return scores.argsort(-1, descending=True)


@mistake(
    "you mark the best with true: return its place, a whole number for every prompt"
)
def marked(scores: Tensor) -> Tensor:
    return scores == scores.amax(-1, keepdim=True)


@mistake(
    "you keep the first candidate whatever the scores say: this is best-of-1, the "
    "control"
)
def first_kept(scores: Tensor) -> Tensor:
    return torch.zeros_like(scores[..., 0]).long()


def some() -> tuple[Tensor]:
    return (draw(7, 5, seed=1),)


EXERCISE = Exercise(
    number="8.1",
    title="Best-of-n",
    minutes=5,
    difficulty=1,
    importance=5,
    reference="course.reward.best_of_n:best_of_n",
    why="This line is the whole algorithm: a reward model and some patience make a "
    "better writer, without training.",
    hints=(
        "One row of scores belongs to one prompt. What do you need to know to pick its "
        "best text out of a list: the score, or the place?",
        "The place of the largest score along the last dimension, counted from 0, for "
        "every prompt at once. Of equal scores any one will do.",
        "`return scores.…(dim=-1)`: one function of torch gives the place of the "
        "largest value.",
    ),
    probes=probes,
    properties=(
        unchanged(
            "invariant to scale and shift",
            some,
            lambda: (some()[0] * 3 - 20,),
            "multiplying every score by 3 and subtracting 20",
        ),
        always(
            "a tie gives one of the best",
            lambda: (torch.tensor([1.0, 3.0, 0.0, 3.0]),),
            lambda place: int(place) in (1, 3),
            "the scores 1, 3, 0, 3 have two best candidates, 1 and 3: return the "
            "place of one of them",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
