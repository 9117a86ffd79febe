"""What the items of a list must be, said in one sentence where they are not."""

from typing import Any

from course.expect import a_kind, is_whole, one_number


def lists(**given: Any) -> None:
    """Raise TypeError unless each is a list, or what can be read twice like one.

    >>> lists(lengths=(n for n in range(3)))
    Traceback (most recent call last):
    TypeError: got a generator as lengths, expected a list
    """
    for name, one in given.items():
        readable = hasattr(one, "__len__") and hasattr(one, "__iter__")
        if not readable or isinstance(one, str | bytes | dict | set):
            raise TypeError(f"got {a_kind(one)} as {name}, expected a list")


def real_numbers(**given: Any) -> None:
    """Raise TypeError unless each is a list of real numbers, or a tensor or array.

    >>> real_numbers(ratings=[1.0, None])
    Traceback (most recent call last):
    TypeError: got ratings[1] = None, expected one number
    """
    lists(**given)
    for name, these in given.items():
        if not _plain(these, float, int):
            for n, one in enumerate(these):
                one_number(**{f"{name}[{n}]": one})


def strings(**given: Any) -> None:
    """Raise TypeError unless each is a list of str, such as tokens in characters.

    >>> strings(tokens=["a", 3])
    Traceback (most recent call last):
    TypeError: got tokens[1] = 3, expected a str
    """
    lists(**given)
    for name, these in given.items():
        if not _plain(these, str):
            for n, one in enumerate(these):
                if not isinstance(one, str):
                    raise TypeError(f"got {name}[{n}] = {one!r}, expected a str")


def whole_numbers(**given: Any) -> None:
    """Raise TypeError unless each is a list of whole numbers, or a tensor of them.

    >>> whole_numbers(lengths=[3, 2.5])
    Traceback (most recent call last):
    TypeError: got lengths[1] = 2.5, expected a whole number
    """
    lists(**given)
    for name, these in given.items():
        if not _plain(these, int):
            for n, one in enumerate(these):
                if not is_whole(one):
                    raise TypeError(
                        f"got {name}[{n}] = {one!r}, expected a whole number"
                    )


def rows_of_ids(**given: Any) -> None:
    """Raise TypeError unless each is a list of rows of whole numbers.

    >>> rows_of_ids(sequences=[[3, 4], 5])
    Traceback (most recent call last):
    TypeError: got an int as sequences[1], expected a list
    """
    lists(**given)
    for name, rows in given.items():
        whole_numbers(**{f"{name}[{n}]": row for n, row in enumerate(rows)})


def _plain(these: Any, *kinds: type) -> bool:
    """Whether all are of these kinds: seen at once, of a tensor and of a long list."""
    if hasattr(these, "dtype"):
        return any(kind.__name__ in str(these.dtype) for kind in kinds)
    return {*map(type, these)} <= {*kinds}
