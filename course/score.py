"""The contract between rewards and policies: `score(prompts, completions)`.

A rule, a reward model, a unit test, a judge or a person gives each completion one
number; every algorithm of the course takes such a function, and nothing else.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from course.expect import a_kind, check_text
from course.runtime import CourseError

Score = Callable[[Sequence[str], Sequence[str]], Tensor | Sequence[float]]


def whole_texts(prompts: Sequence[str], completions: Sequence[str]) -> list[str]:
    """The texts prompt + completion, which rules and reward models score.

    Raises TypeError unless both are lists of str, ValueError on unequal lengths.
    Chapter 05.

    >>> whole_texts(["The film"], [" is good."])
    ['The film is good.']
    """
    check_texts(prompts)
    check_texts(completions)
    if len(prompts) != len(completions):
        raise ValueError(
            f"got {len(prompts)} prompts and {len(completions)} completions, "
            "expected the same number of each"
        )
    return [p + c for p, c in zip(prompts, completions, strict=True)]


def check_texts(texts: Sequence[str]) -> Sequence[str]:
    """The texts themselves; raises TypeError for one str or an item that is not a str.

    TypeError for what can be read only once, such as a generator, too: read here, it
    would be empty for what follows.  ValueError for half of a surrogate pair, which no
    file, tokenizer or database takes.  Chapter 05.
    """
    if isinstance(texts, str):
        raise TypeError("got one str, expected a list of texts")
    if not hasattr(texts, "__len__") or not hasattr(texts, "__iter__"):
        raise TypeError(f"got {a_kind(texts)} as texts, expected a list of texts")
    for text in texts:
        check_text(text)
    return texts


def all_texts(texts: Iterable[str]) -> list[str]:
    """All of the texts, read once, as a generator may be; raises as `check_texts`.

    Chapter 05.
    """
    once = hasattr(texts, "__iter__") and not isinstance(texts, str)
    return list(check_texts(list(texts) if once else texts))


def checked_scores(score: Score, prompts: list[str], completions: list[str]) -> Tensor:
    """Call the score function and make sure that it gave one finite number each.

    Returns (batch,), fp32, without gradient.  Raises CourseError when the function
    itself fails, ValueError when it returns None, something that is not numbers, a
    wrong number of them, NaN or infinity.  Chapter 09.
    """
    check_texts(prompts)
    check_texts(completions)
    try:
        # Copies: a score that edits its lists must not edit the rollout.
        raw = score(list(prompts), list(completions))
    except Exception as error:
        raise CourseError(
            f"The score function raised {type(error).__name__}: {error}; "
            "call it on a few texts yourself before you train."
        ) from error
    if raw is None:
        raise ValueError(
            "got None from the score function, expected one number per completion; "
            "does it end with `return`?"
        )
    try:
        scores = torch.as_tensor(raw, dtype=torch.float32).detach()
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"got a {type(raw).__name__} that is not all numbers from the score "
            "function, expected one number per completion"
        ) from None
    if scores.shape != (len(completions),):
        raise ValueError(
            f"got scores of shape {tuple(scores.shape)} from the score function, "
            f"expected ({len(completions)},): one number per completion"
        )
    bad = (~scores.isfinite()).nonzero().flatten().tolist()
    if bad:
        raise ValueError(
            f"got the score {scores[bad[0]].item()} for completion {bad[0]} "
            f"({completions[bad[0]]!r}), expected a finite number"
        )
    return scores
