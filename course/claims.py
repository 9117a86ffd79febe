"""Prose that is checked: a claim prints one stable line or stops the notebook."""


class ClaimError(AssertionError):
    """A statement of the text that the experiment under it does not support."""


def claim(statement: str, holds: object, **numbers: float) -> None:
    """Print that `statement` holds, or raise `ClaimError` with the measured numbers.

    holds: a bool, or anything whose truth is one bool (a 0-d tensor).
    numbers: measured values by name; shown when the claim fails.
    Raises TypeError when the statement is not text or `holds` is text or has no
    single truth value.

    >>> claim("two is less than three", 2 < 3)
    claim holds: two is less than three
    """
    if not isinstance(statement, str) or not statement.strip():
        raise TypeError(f"got the statement {statement!r}, expected a sentence")
    if isinstance(holds, str) or holds is None:
        raise TypeError(f"got {holds!r} as the truth of a claim, expected a bool")
    try:
        truth = bool(holds)
    except (RuntimeError, ValueError):
        raise TypeError(
            f"got {type(holds).__name__} without one truth value, expected a bool"
        ) from None
    if not truth:
        shown = ", ".join(f"{name} = {float(x):.6g}" for name, x in numbers.items())
        raise ClaimError(f"claim fails: {statement}" + (f" ({shown})" if shown else ""))
    print(f"claim holds: {statement}")
