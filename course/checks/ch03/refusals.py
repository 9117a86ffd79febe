"""A property of this chapter's settings: what makes no sense is refused."""

from collections.abc import Callable
from typing import Any

from course.checks.exercise import Property


def refuses(name: str, arguments: Callable[[], tuple[Any, ...]]) -> Property:
    """The function raises ValueError for these arguments; name: which they are."""

    def fails(function: Callable[..., Any]) -> str | None:
        try:
            function(*arguments())
        except ValueError:
            return None
        except Exception as error:
            return (
                f"{name} must raise a ValueError; yours stops with "
                f"{type(error).__name__}"
            )
        return f"{name} must raise a ValueError that says so; yours returns a result"

    return Property(f"{name} is refused", fails)
