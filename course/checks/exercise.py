"""What an exercise is: data that the engine reads, no code paths of its own."""

import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Probe:
    """One call that the learner's function is compared on, with a name to say it by."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Property:
    """Something that must hold for the learner's function as a whole.

    fails(function) returns None where it holds, else the sentence to show.
    """

    name: str
    fails: Callable[[Callable[..., Any]], str | None]


@dataclass(frozen=True)
class Mistake:
    """A wrong implementation that learners really write, and what to say to it."""

    name: str
    function: Callable[..., Any]
    sentence: str


def mistake(sentence: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function as a wrong answer, with the sentence that helps."""

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        function.sentence = sentence  # type: ignore[attr-defined]
        return function

    return mark


def mistakes_in(module: str) -> tuple[Mistake, ...]:
    """What a module has marked with `mistake`, in the order of its lines."""
    return tuple(
        Mistake(name.replace("_", " "), function, function.sentence)
        for name, function in vars(sys.modules[module]).items()
        if hasattr(function, "sentence")
    )


@dataclass(frozen=True, eq=False)
class Exercise:
    """One function for the learner to write.

    difficulty and importance: 1 to 5; reference: "module:function" of the course,
    whose first parameters are the learner's; probes(generator): the calls, smallest
    first; differentiable and constant: names of arguments that a gradient must reach,
    or must not reach; tolerance: relative and absolute, on values; on gradients ten
    times as much; exact_dtype: whether the text asks for the reference's dtype.
    Raises ValueError when a part is missing.
    """

    number: str
    title: str
    minutes: int
    difficulty: int
    importance: int
    reference: str
    why: str
    hints: tuple[str, ...]
    probes: Callable[["torch.Generator"], list[Probe]]
    mistakes: tuple[Mistake, ...]
    properties: tuple[Property, ...] = ()
    differentiable: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()
    tolerance: float = 1e-5
    exact_dtype: bool = False

    def __post_init__(self) -> None:
        wrong = [
            problem
            for problem, found in {
                "a number such as 7.1": not re.fullmatch(r"\d+\.\d+", self.number),
                "a difficulty from 1 to 5": self.difficulty not in range(1, 6),
                "an importance from 1 to 5": self.importance not in range(1, 6),
                "1 to 60 minutes": not 1 <= self.minutes <= 60,
                "three hints": len(self.hints) != 3,
                "at least four mistakes": len(self.mistakes) < 4,
                "a sentence why it matters": not self.why.strip().endswith("."),
            }.items()
            if found
        ]
        if wrong:
            raise ValueError(f"got exercise {self.number!r} without {wrong[0]}")

    @property
    def name(self) -> str:
        """The function's name."""
        return self.reference.split(":")[1]

    @property
    def label(self) -> str:
        """Number and name, as every message begins."""
        return f"{self.number} {self.name}"

    @property
    def facts(self) -> str:
        """Minutes, difficulty and importance, as every place shows them."""
        dots = [
            f"{word} {'●' * many}{'○' * (5 - many)}"
            for word, many in (
                ("difficulty", self.difficulty),
                ("importance", self.importance),
            )
        ]
        return " · ".join([f"{self.minutes} minutes", *dots])

    @property
    def chapter(self) -> str:
        """The chapter's two digits."""
        return self.number.split(".")[0].zfill(2)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The learner's parameters: those of the reference that a probe gives."""
        given = max(len(probe.arguments) for probe in self.calls())
        return tuple(inspect.signature(self.load()).parameters)[:given]

    @property
    def n_properties(self) -> int:
        """How many properties are checked, the two of gradients included."""
        return len(self.properties) + bool(self.differentiable) + bool(self.constant)

    def load(self) -> Callable[..., Any]:
        """The course's own function."""
        module, function = self.reference.split(":")
        return getattr(import_module(module), function)

    def calls(self, seed: int = 7) -> list[Probe]:
        """The probes, drawn once for a seed; answers are checked on 7.

        Whoever calls a function with them gives it copies.
        """
        return list(_drawn(self, seed))


@cache
def _drawn(exercise: Exercise, seed: int) -> tuple[Probe, ...]:
    import torch

    return tuple(exercise.probes(torch.Generator("cpu").manual_seed(seed)))
