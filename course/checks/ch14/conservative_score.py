"""Exercise 14.2: the mean of several models, less their disagreement."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def scores(models: int, batch: int) -> Tensor:
        return torch.randn(models, batch, generator=generator)

    return [
        Probe("one model alone", (torch.tensor([[0.5, -1.0]]), 2.0)),
        Probe("two models, two texts", (torch.tensor([[1.0, 0.0], [3.0, 0.0]]), 1.0)),
        Probe("no caution", (scores(3, 4), 0.0)),
        Probe("three models", (scores(3, 5), 1.0)),
        Probe("much caution", (scores(4, 3), 3.0)),
        Probe("as many models as texts", (scores(4, 4), 0.5)),
        Probe("models that agree", (torch.ones(3, 2), 1.0)),
        Probe("double precision", (scores(5, 3).double(), 1.5)),
    ]


@mistake("you add the deviation: disagreement must lower the score")
def bold(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean(0) + caution * scores.std(0, correction=0)


@mistake(
    "you divide by one model fewer (n − 1): the deviation of the models is the biased "
    "one, so that a model alone is its own mean"
)
def unbiased(scores: Tensor, caution: float = 1.0) -> Tensor:
    fewer = len(scores) - 1  # of one model it is NaN; torch's own std would warn
    squares = (scores - scores.mean(0)).square().sum(0)
    return scores.mean(0) - caution * (squares / fewer).sqrt()


@mistake("you take the variance: its unit is the square of the score's")
def variance(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean(0) - caution * scores.var(0, correction=0)


@mistake("you work along the texts: the models stand in the first dimension")
def across_texts(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean(1) - caution * scores.std(1, correction=0)


@mistake("you take the minimum: it ignores `caution` and listens to one model only")
def minimum(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.amin(0)


@mistake("you return the mean alone: what is subtracted is `caution` × deviation")
def mean_only(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean(0)


@mistake("you leave out `caution`: it says how much a deviation costs")
def without_caution(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean(0) - scores.std(0, correction=0)


@mistake(
    "you divide by the deviation instead of subtracting it: models that agree would "
    "have an infinite score"
)
def divided(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean(0) / (caution * scores.std(0, correction=0))


@mistake("you take one deviation of all scores: each text has its own")
def one_deviation(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean(0) - caution * scores.std(correction=0)


@mistake("you subtract the standard error: more models would make it vanish")
def standard_error(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean(0) - caution * scores.std(0, correction=0) / len(scores) ** 0.5


@mistake("you take the median of the models: it is their mean that is lowered")
def median(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.median(0).values - caution * scores.std(0, correction=0)


@mistake("you take the mean distance for the deviation: square, mean, root")
def mean_distance(scores: Tensor, caution: float = 1.0) -> Tensor:
    away = (scores - scores.mean(0)).abs().mean(0)
    return scores.mean(0) - caution * away


@mistake("you take one mean of all scores: each text has its own")
def one_mean(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean() - caution * scores.std(0, correction=0)


@mistake("you go from the mean towards the minimum: subtract the deviation")
def towards_minimum(scores: Tensor, caution: float = 1.0) -> Tensor:
    return (1 - caution) * scores.mean(0) + caution * scores.amin(0)


@mistake("you turned the two round: `caution` belongs to the deviation")
def turned_round(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.std(0, correction=0) - caution * scores.mean(0)


@mistake("you take half the range of the models for their deviation")
def half_range(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean(0) - caution * (scores.amax(0) - scores.amin(0)) / 2


@mistake("you take the range of the models for their deviation")
def whole_range(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean(0) - caution * (scores.amax(0) - scores.amin(0))


@mistake("you take the deviation over the texts: take it over the models")
def deviation_of_texts(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean(0) - caution * scores.std(1, correction=0).mean()


@mistake("you take the middle of the sorted models: it is their mean that is lowered")
def middle(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.quantile(0.5, dim=0) - caution * scores.std(0, correction=0)


@mistake("you average the deviations of all texts: each text has its own")
def mean_of_deviations(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean(0) - caution * scores.std(0, correction=0).mean()


@mistake("you do not divide the squares by n: the deviation is the root of their mean")
def root_of_the_sum(scores: Tensor, caution: float = 1.0) -> Tensor:
    away = (scores - scores.mean(0)).square().sum(0).sqrt()
    return scores.mean(0) - caution * away


@mistake("you lower the lowest score: it is the mean that is lowered")
def lowest_lowered(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.amin(0) - caution * scores.std(0, correction=0)


@mistake("you lower the first model's score: it is the mean of all that is lowered")
def first_lowered(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores[0] - caution * scores.std(0, correction=0)


@mistake("you square the scores themselves: square their distance from the mean")
def about_zero(scores: Tensor, caution: float = 1.0) -> Tensor:
    return scores.mean(0) - caution * scores.square().mean(0).sqrt()


EXERCISE = Exercise(
    number="14.2",
    title="A cautious score",
    minutes=5,
    difficulty=2,
    importance=3,
    reference="course.reward.overoptimisation:conservative_score",
    why="Where models disagree, at least one of them is wrong, and a policy will find "
    "out which.",
    hints=(
        "Which dimension holds the models, and which the texts?",
        "Mean over the models minus `caution` times the deviation over the models, for "
        "each text. Divide by the number of models, not by one fewer.",
        "`scores.mean(0) - caution * scores.std(0, correction=…)`.",
    ),
    probes=probes,
    properties=(
        unchanged(
            "the order of the models does not matter",
            lambda: (draw(4, 3, seed=1), 1.0),
            lambda: (draw(4, 3, seed=1).flip(0), 1.0),
            "reversing the order of the models",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
