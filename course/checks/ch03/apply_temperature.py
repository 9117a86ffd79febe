"""Exercise 3.1: temperature."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, draw, refuses


def probes(generator: torch.Generator) -> list[Probe]:
    def call(*shape: int, temperature: float, scale: float = 1.0):
        return torch.randn(*shape, generator=generator) * scale, temperature

    return [
        Probe("one token", call(1, temperature=2.0)),
        Probe("two tokens, temperature 1/2", call(2, temperature=0.5)),
        Probe("temperature 1", call(3, temperature=1.0)),
        Probe("a batch", call(2, 4, temperature=0.7)),
        Probe("a batch of texts", call(2, 3, 5, temperature=1.5)),
        Probe("a cold policy", call(6, temperature=0.01)),
        Probe("a hot policy", call(6, temperature=100.0)),
        Probe("a temperature that is a whole number", (draw(3, 4), 3)),
        Probe("logits × 100", call(3, 6, temperature=0.8, scale=100.0)),
    ]


@mistake("the temperature has no effect: the logits come back as they were")
def ignored(logits: Tensor, temperature: float) -> Tensor:
    return logits * 1.0


@mistake("you multiply by the temperature, so hot becomes cold: divide")
def multiplied(logits: Tensor, temperature: float) -> Tensor:
    return logits * temperature


@mistake("you subtract: the same number from every logit changes no probability")
def subtracted(logits: Tensor, temperature: float) -> Tensor:
    return logits - temperature


@mistake("you divide by the square root of the temperature; √D belongs to attention")
def root(logits: Tensor, temperature: float) -> Tensor:
    return logits / temperature**0.5


@mistake("these are probabilities: return logits, the softmax comes later")
def probabilities(logits: Tensor, temperature: float) -> Tensor:
    return (logits / temperature).softmax(-1)


@mistake("these are log-probabilities: only divide, the softmax comes later")
def normalised(logits: Tensor, temperature: float) -> Tensor:
    return (logits / temperature).log_softmax(-1)


@mistake("you divide probabilities, which then no longer sum to 1: divide the logits")
def divided_probabilities(logits: Tensor, temperature: float) -> Tensor:
    return logits.softmax(-1) / temperature


@mistake(
    "you round the temperature down to a whole number: 0.7 and 1.5 are temperatures too"
)
def whole(logits: Tensor, temperature: float) -> Tensor:
    return logits / max(1, int(temperature))


@mistake(
    "these are probabilities raised to 1/T: return logits, of which the softmax is "
    "taken later"
)
def power_of_probabilities(logits: Tensor, temperature: float) -> Tensor:
    if not temperature > 0:
        raise ValueError("got a temperature that is not positive")
    return logits.softmax(-1) ** (1 / temperature)


EXERCISE = Exercise(
    number="3.1",
    title="Temperature",
    minutes=5,
    difficulty=1,
    importance=5,
    reference="course.lm.sampling:apply_temperature",
    why="Whoever samples at one temperature must score at the same one; it is this "
    "line, twice.",
    hints=(
        "Probabilities are softmax(z / T): what has to happen to the logits so that a "
        "plain softmax afterwards gives them?",
        "Divide every logit by the temperature and return logits. First refuse what is "
        "not a positive number with a ValueError.",
        "`if not temperature > 0: raise ValueError(…)`, then `return logits / …`",
    ),
    probes=probes,
    properties=(
        refuses("temperature 0", lambda: (draw(4), 0.0)),
        refuses("temperature -1", lambda: (draw(4), -1.0)),
        always(
            "a cold policy takes the likeliest token",
            lambda: (torch.tensor([1.0, 3.0, 2.0]), 0.01),
            lambda z: z.softmax(-1)[1] > 0.999,
            "at temperature 0.01 the likeliest token must have nearly all probability",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
