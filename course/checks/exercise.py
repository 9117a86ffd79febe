"""What an exercise is: data that the engine reads, no code paths of its own."""

import re
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Exercise:
    """One function for the learner to write.

    signature: what the stub declares; reference: "module:function" of the course;
    probes(generator): the calls, smallest first; differentiable and constant: names
    of arguments that a gradient must reach, or must not reach; tolerance: relative
    and absolute, on values; on gradients ten times as much.
    Raises ValueError when a part is missing.
    """

    number: str
    title: str
    minutes: int
    stars: int
    signature: str
    reference: str
    used_by: str
    why: str
    hints: tuple[str, ...]
    probes: Callable[["torch.Generator"], list[Probe]]
    mistakes: tuple[Mistake, ...]
    properties: tuple[Property, ...] = ()
    differentiable: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        wrong = [
            problem
            for problem, found in {
                "a number such as 7.1": not re.fullmatch(r"\d+\.\d+", self.number),
                "1 to 3 stars": self.stars not in (1, 2, 3),
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
        return self.signature.split("(")[0]

    @property
    def label(self) -> str:
        """Number and name, as every message begins."""
        return f"{self.number} {self.name}"

    @property
    def chapter(self) -> str:
        """The chapter's two digits."""
        return self.number.split(".")[0].zfill(2)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters that the stub declares."""
        inside = self.signature[len(self.name) + 1 : self.signature.rindex(")")]
        return tuple(re.findall(r"(?:^|, )(\w+)(?=[:,=]|$)", inside))

    @property
    def n_properties(self) -> int:
        """How many properties are checked, the two of gradients included."""
        return len(self.properties) + bool(self.differentiable) + bool(self.constant)

    def load(self) -> Callable[..., Any]:
        """The course's own function."""
        module, function = self.reference.split(":")
        return getattr(import_module(module), function)

    def calls(self) -> list[Probe]:
        """The probes, always the same ones."""
        import torch

        return self.probes(torch.Generator("cpu").manual_seed(7))
