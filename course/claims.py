"""Prose that is checked: a claim prints one stable line or stops the notebook."""

from typing import Any

from course.runtime import any_terminal


class ClaimError(AssertionError):
    """A statement of the text that the experiment under it does not support."""


def claim(statement: str, holds: Any, **numbers: Any) -> None:
    """Print that `statement` holds, or raise `ClaimError` with the measured numbers.

    holds: one bool (Python's, NumPy's, or a 0-d tensor of bools).
    numbers: measured values by name, printed on a second line, which the tests of the
    notebooks do not compare: they may differ in their last digits between machines.
    Raises TypeError when the statement is not text or `holds` is not one bool.

    >>> claim("two is less than three", 2 < 3, difference=3 - 2)
    claim holds: two is less than three
        measured: difference = 1
    """
    if not isinstance(statement, str) or not statement.strip():
        raise TypeError(f"got the statement {statement!r}, expected a sentence")
    boolean = str(getattr(holds, "dtype", "")) in ("bool", "torch.bool")
    if not isinstance(holds, bool) and not (boolean and holds.ndim == 0):
        raise TypeError(
            f"got {type(holds).__name__} as the truth of a claim, expected one bool"
        )
    shown = ", ".join(f"{name} = {number(x)}" for name, x in numbers.items())
    if not holds:
        raise ClaimError(f"claim fails: {statement}" + (f" ({shown})" if shown else ""))
    any_terminal()
    print(f"claim holds: {statement}")
    if shown:
        print(f"    measured: {shown}")


def number(value: Any) -> str:
    """A measured value to four digits; whole numbers whole; lists item by item.

    >>> number(134_515_008), number(0.88312), number([2.5, 0.00012])
    ('134,515,008', '0.8831', '2.5, 0.00012')
    """
    if isinstance(value, str):
        return value
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return ", ".join(map(number, value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (abs(value) >= 1000 and value == value // 1):
        return f"{int(value):,}"
    return f"{value:.4g}"
