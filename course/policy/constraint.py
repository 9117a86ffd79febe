"""One reward, and one bound on a cost: a multiplier that learns its own size."""

from torch import Tensor


def lagrange_step(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    """The next multiplier: up while the mean cost is above the bound, never below 0.

    costs: (batch,), of the texts of this step.  The policy is trained on reward -
    multiplier * cost.  Returns max(0, multiplier + rate * (mean cost - bound)).
    Raises ValueError on a negative multiplier or rate, and on no costs.
    Source: Ray, Achiam and Amodei 2019, "Benchmarking Safe Exploration in Deep
    Reinforcement Learning"; Dai et al. 2023 (Safe RLHF), arXiv 2310.12773.  Chapter 16.

    >>> from torch import tensor
    >>> lagrange_step(1.0, tensor([1.0, 0.0]), bound=0.25, rate=2.0)
    1.5
    """
    if multiplier < 0 or rate < 0 or costs.numel() == 0:
        raise ValueError(
            f"got multiplier {multiplier}, rate {rate} and {costs.numel()} costs, "
            "expected 0 or more, 0 or more, and at least one cost"
        )
    return max(0.0, multiplier + rate * (float(costs.double().mean()) - bound))
