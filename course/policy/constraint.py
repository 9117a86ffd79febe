"""One reward, and one bound on a cost: a multiplier that learns its own size."""

from math import inf

from torch import Tensor

from course.expect import at_least, finite, one_number, tensors


def lagrange_step(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    """The next multiplier: up while the mean cost is above the bound, never below 0.

    costs: (batch,), of the texts of this step.  The policy is trained on reward -
    multiplier * cost.  Returns max(0, multiplier + rate * (mean cost - bound)).
    Raises ValueError on a negative multiplier or rate, on no costs, and on numbers
    that are not finite.
    Source: Ray, Achiam and Amodei 2019, "Benchmarking Safe Exploration in Deep
    Reinforcement Learning"; Dai et al. 2023 (Safe RLHF), arXiv 2310.12773.  Chapter 16.

    >>> from torch import tensor
    >>> lagrange_step(1.0, tensor([1.0, 0.0]), bound=0.25, rate=2.0)
    1.5
    """
    one_number(multiplier=multiplier, bound=bound, rate=rate)
    tensors(costs=costs)
    at_least(0, multiplier=multiplier, rate=rate)
    at_least(-inf, bound=bound)
    if costs.numel() == 0:
        raise ValueError("got no costs, expected at least one")
    finite(costs=costs)
    return max(0.0, multiplier + rate * (float(costs.double().mean()) - bound))
