"""A reward of several parts, positive and negative, that can be added and removed."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from course.expect import one_number, tensors
from course.score import Score, whole_texts


def weighted_sum(scores: Tensor, weights: Tensor) -> Tensor:
    """sum over parts of weight * score.

    scores: shape (parts, batch), a row for each part.  weights: shape (parts,), below
    0 for a part that punishes.  Returns shape (batch,).  Raises ValueError on shapes
    that do not fit or a number that is not finite, TypeError on whole numbers.
    Chapter 05.

    >>> parts = torch.tensor([[1.0, 2.0], [0.0, 3.0]])
    >>> weighted_sum(parts, torch.tensor([1.0, -0.5])).tolist()
    [1.0, 0.5]
    """
    tensors(scores=scores, weights=weights)
    if scores.dim() != 2 or weights.shape != scores.shape[:1] or not len(weights):
        raise ValueError(
            f"got scores {tuple(scores.shape)} and weights {tuple(weights.shape)}, "
            "expected (parts, batch) and (parts,) with at least one part"
        )
    if not (scores.is_floating_point() and weights.is_floating_point()):
        raise TypeError(
            f"got scores of {scores.dtype} and weights of {weights.dtype}, expected "
            "floating point"
        )
    for name, values in (("score", scores), ("weight", weights)):
        if not values.is_meta and not torch.isfinite(values).all():
            raise ValueError(f"got a {name} that is not finite, expected numbers")
    return (weights[:, None] * scores).sum(0)


def composite_reward(scores: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum of the parts, then brought to mean 0 and standard deviation 1.

    scores: shape (parts, batch).  weights: shape (parts,).  Returns shape (batch,);
    the standard deviation is biased, and all are 0 where the sums are equal.  Summing
    first lets a part that hardly varies in the batch weigh little; normalising each
    part first would blow it up.  Errors as `weighted_sum`.  Chapter 05.

    >>> parts = torch.tensor([[1.0, 3.0], [0.0, 0.0]])
    >>> composite_reward(parts, torch.tensor([1.0, -1.0])).tolist()
    [-1.0, 1.0]
    """
    total = weighted_sum(scores, weights)
    centred = total - total.mean()
    equal = (total == total[:1]).all()  # rounding can leave them a tiny deviation
    return torch.where(
        equal, torch.zeros_like(total), centred / total.std(correction=0)
    )


class Composite:
    """Named parts, each a weight and a `score(prompts, completions)`; itself a score.

    Called, it returns the weighted sum, shape (batch,), which does not depend on the
    other texts of the batch; `reward` normalises over the batch.  After each call
    `metrics` holds the mean and the standard deviation (biased) of every part, before
    its weight, and of the sum.  Chapter 05.
    """

    def __init__(self, parts: Mapping[str, tuple[float, Score]] | None = None) -> None:
        """parts: name -> (weight, score function), as for `add`."""
        self.parts: dict[str, tuple[float, Score]] = {}
        self.metrics: dict[str, float] = {}
        for name, (weight, score) in (parts or {}).items():
            self.add(name, weight, score)

    def add(self, name: str, weight: float, score: Score) -> None:
        """Add a part; ValueError when the name is taken or the weight not finite."""
        one_number(weight=weight)
        if name in self.parts or not name:
            raise ValueError(f"got the name {name!r}, expected one that is not taken")
        if not torch.isfinite(torch.tensor(float(weight))):
            raise ValueError(f"got the weight {weight}, expected a finite number")
        self.parts[name] = (float(weight), score)

    def remove(self, name: str) -> None:
        """Take a part out again; ValueError when there is none of that name."""
        if name not in self.parts:
            raise ValueError(
                f"got the name {name!r}, expected one of {sorted(self.parts)}"
            )
        del self.parts[name]

    def __call__(self, prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
        """The weighted sum of all parts, shape (batch,), fp32."""
        return weighted_sum(*self._scored(prompts, completions))

    def reward(self, prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
        """`composite_reward` of all parts over this batch, shape (batch,), fp32."""
        return composite_reward(*self._scored(prompts, completions))

    def _scored(
        self, prompts: Sequence[str], completions: Sequence[str]
    ) -> tuple[Tensor, Tensor]:
        """Scores (parts, batch) and weights (parts,); the metrics are set."""
        if not self.parts:
            raise ValueError("got a reward without parts, expected at least one")
        n = len(whole_texts(prompts, completions))
        rows = []
        for name, (_, score) in self.parts.items():
            row = torch.as_tensor(score(prompts, completions), dtype=torch.float32)
            if row.shape != (n,):
                raise ValueError(
                    f"got scores {tuple(row.shape)} from the part {name!r}, expected "
                    f"one number for each of {n} texts"
                )
            rows.append(row)
        scores = torch.stack(rows)
        weights = scores.new_tensor([weight for weight, _ in self.parts.values()])
        self.metrics = _moments([*self.parts], rows)
        self.metrics |= _moments([""], [weighted_sum(scores, weights)])
        return scores, weights


def _moments(names: Iterable[str], rows: Iterable[Tensor]) -> dict[str, float]:
    """score/NAME/mean and score/NAME/std (biased) of each row; the sum has none."""
    found = {}
    for name, row in zip(names, rows, strict=True):
        key = f"score/{name}" if name else "score"
        found[f"{key}/mean"] = float(row.mean())
        found[f"{key}/std"] = float(row.std(correction=0))
    return found
