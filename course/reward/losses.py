"""Losses that turn ratings and preferences into a scalar reward.

Every loss is a mean over the batch.  Scores are raw outputs r of the reward head.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from course.expect import as_float, as_tensor, floats, tensors


def pairwise_loss(
    chosen: Tensor, rejected: Tensor, margin: Tensor | float = 0.0
) -> Tensor:
    """Mean negative log-likelihood that each chosen text beats its rejected twin.

    -log sigmoid(chosen - rejected - margin), the Bradley-Terry model.
    chosen, rejected: scores, shape (batch,).  margin: a number or shape (batch,), in
    units of the score.  Returns a scalar in nats; ln 2 when all scores are equal and
    the margin is 0.  Raises ValueError on unequal shapes or an empty batch.
    Source: Christiano et al. 2017, equation 1; margin: Touvron et al. 2023 (Llama 2).
    Chapter 07.

    >>> round(float(pairwise_loss(torch.zeros(3), torch.zeros(3))), 4)
    0.6931
    """
    _same_batch(chosen=chosen, rejected=rejected)
    margin = as_float(as_tensor("margin", margin)).to(chosen.device)
    if margin.shape not in ((), chosen.shape):
        raise ValueError(
            f"got a margin of shape {tuple(margin.shape)}, expected a number or "
            f"{tuple(chosen.shape)}"
        )
    return -F.logsigmoid(chosen - rejected - margin).mean()


def centering_loss(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Mean of (chosen + rejected)^2: pins the mean that `pairwise_loss` leaves free.

    chosen, rejected: scores, shape (batch,).  Returns a scalar in squared score units;
    add it with a small weight (0.01).  Raises ValueError as `pairwise_loss`.
    Source: Eisenstein et al. 2023, "Helping or Herding?", section 2.  Chapter 07.

    >>> float(centering_loss(torch.tensor([1.0]), torch.tensor([-1.0])))
    0.0
    """
    _same_batch(chosen=chosen, rejected=rejected)
    return (chosen + rejected).square().mean()


def regression_loss(scores: Tensor, ratings: Tensor) -> Tensor:
    """Mean squared error between scores and ratings.

    scores, ratings: shape (batch,).  Returns a scalar in squared rating units.
    Raises ValueError on unequal shapes or an empty batch.  Chapter 07.

    >>> float(regression_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])))
    2.0
    """
    tensors(ratings=ratings)
    _same_batch(scores=scores, ratings=ratings)
    return (scores - as_float(ratings)).square().mean()


def ordered_cuts(raw: Tensor) -> Tensor:
    """Cut points that ascend whatever `raw` is: first value, then softplus steps.

    raw: free parameters, shape (cuts,) with cuts = bins - 1 >= 1.  Returns cut points,
    shape (cuts,), in score units.  Raises ValueError for another shape.  Chapter 07.

    >>> cuts = ordered_cuts(torch.tensor([-1.0, -50.0, 3.0]))
    >>> bool((cuts.diff() > 0).all())
    True
    """
    tensors(raw=raw)
    if raw.dim() != 1 or len(raw) < 1:
        raise ValueError(f"got raw cuts of shape {tuple(raw.shape)}, expected (cuts,)")
    floats(raw=raw)
    # The small floor keeps neighbours apart where a step would round to nothing.
    steps = F.softplus(raw[1:]) + 1e-3
    return torch.cat([raw[:1], raw[0] + steps.cumsum(0)])


def ordinal_log_probabilities(scores: Tensor, cuts: Tensor) -> Tensor:
    """Log-probability of every rating bin under the cumulative-link (ordinal) model.

    P(bin k) = sigmoid(c_k - r) - sigmoid(c_{k-1} - r), c_0 = -inf, c_K = +inf: a higher
    score r moves mass to higher bins.  scores: shape (batch,).  cuts: ascending,
    shape (bins - 1,).  Returns log-probabilities, shape (batch, bins), in nats.
    Raises ValueError when the cuts do not ascend.
    Source: McCullagh 1980, "Regression Models for Ordinal Data".  Chapter 07.

    >>> p = ordinal_log_probabilities(torch.zeros(1), torch.tensor([0.0])).exp()
    >>> [round(x, 6) for x in p[0].tolist()]
    [0.5, 0.5]
    """
    tensors(scores=scores, cuts=cuts)
    if scores.dim() != 1 or cuts.dim() != 1 or len(cuts) < 1:
        raise ValueError(
            f"got scores {tuple(scores.shape)} and cuts {tuple(cuts.shape)}, "
            "expected (batch,) and (bins - 1,)"
        )
    floats(scores=scores, cuts=cuts)
    width = cuts.diff()
    if not _all(width > 0):
        raise ValueError("got cuts that do not ascend, expected ascending cut points")
    z = cuts - scores[:, None]  # (batch, bins - 1)
    below, above = F.logsigmoid(z), F.logsigmoid(-z)
    # sigmoid(b) - sigmoid(a) = sigmoid(b) * sigmoid(-a) * (1 - exp(a - b)): three
    # logarithms that stay finite where the difference itself rounds to 0.
    between = below[:, 1:] + above[:, :-1] + torch.log(-torch.expm1(-width))
    return torch.cat([below[:, :1], between, above[:, -1:]], dim=1)


def ordinal_loss(scores: Tensor, bins: Tensor, cuts: Tensor) -> Tensor:
    """Mean negative log-likelihood of the observed rating bins, in nats.

    -log(sigmoid(c_k - r) - sigmoid(c_{k-1} - r)) for a text rated into bin k.
    scores: r, shape (batch,).  bins: observed bin, 0 (worst) to len(cuts) (best),
    shape (batch,), long.  cuts: ascending cut points, shape (bins - 1,), such as
    `ordered_cuts` gives.  Returns a scalar, finite for any finite score.
    Raises ValueError on unequal shapes, a bin out of range, or cuts out of order.
    Chapter 07.

    >>> cuts = torch.tensor([-1.0, 1.0])
    >>> round(float(ordinal_loss(torch.tensor([0.0]), torch.tensor([1]), cuts)), 4)
    0.7719
    """
    tensors(bins=bins, cuts=cuts)
    _same_batch(scores=scores, bins=bins)
    if bins.is_floating_point() or bins.is_complex() or bins.dtype == torch.bool:
        raise ValueError(f"got bins of {bins.dtype}, expected whole numbers (long)")
    if cuts.dim() != 1:
        raise ValueError(f"got cuts {tuple(cuts.shape)}, expected (bins - 1,)")
    if not _all((bins >= 0) & (bins <= len(cuts))):
        raise ValueError(
            f"got bins from {int(bins.min())} to {int(bins.max())}, "
            f"expected 0 to {len(cuts)}"
        )
    logp = ordinal_log_probabilities(scores, cuts)
    return -logp.gather(1, bins.long()[:, None]).mean()


def _same_batch(**tensors: Tensor) -> None:
    whole = ("ratings", "bins")
    floats(**{name: x for name, x in tensors.items() if name not in whole})
    shapes = {name: tuple(x.shape) for name, x in tensors.items()}
    shape, *others = shapes.values()
    if len(shape) != 1 or not shape[0] or any(other != shape for other in others):
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"got {found}, expected the same (batch,), at least one row")


def _all(condition: Tensor) -> bool:
    """True when every element is; also on a faked device, where values are unknown."""
    return condition.is_meta or bool(condition.all())
