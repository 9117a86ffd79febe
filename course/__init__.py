"""Next Token to Reward: the small package behind the course.

`setup`, `claim`, `check`, `hint` and `solution` load on first use, so that
`import course` stays quick.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__course__ = "next-token-to-reward"

_LAZY = {
    "setup": "course.runtime",
    "claim": "course.claims",
    "check": "course.checks",
    "hint": "course.checks",
    "solution": "course.checks",
}
__all__ = ["__version__", *_LAZY]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'course' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
