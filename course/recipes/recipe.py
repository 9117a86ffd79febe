"""What a recipe is, and what it makes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from course.expect import whole
from course.lm.model import GPTConfig
from course.lm.training import History
from course.score import check_texts


@dataclass
class Checkpoint:
    """A trained model with its tokenizer, the metrics it reached and its history.

    Chapter 02.
    """

    name: str
    model: nn.Module
    tokenizer: Any
    metrics: dict[str, float]
    history: History = field(default_factory=History)


@dataclass(frozen=True)
class Recipe:
    """How a checkpoint is made.

    settings: JSON values.  train(settings, needed), a function of a module: receives
    the checkpoints of the recipes that it `needs`.  empty(gpt_config): an untrained
    model that the weights are loaded into; for one that is no `GPT`, with None.  All of
    it is part of the key, and so is the code that the two functions reach.  Chapter 02.
    """

    name: str
    settings: Mapping[str, Any]
    train: Callable[[Mapping[str, Any], dict[str, Checkpoint]], Checkpoint]
    empty: Callable[[GPTConfig | None], nn.Module]
    needs: tuple[str, ...] = ()


def openings(texts: list[str], words: int) -> list[str]:
    """The first words of every text that is longer than that: prompts to complete.

    Chapter 03.

    >>> openings(["A fine film about love .", "Bad"], words=3)
    ['A fine film']
    """
    whole(1, words=words)
    check_texts(texts)
    cut = [text.split() for text in texts]
    return [" ".join(text[:words]) for text in cut if len(text) > words]
