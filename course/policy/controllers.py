"""Who sets beta, the price of a nat of KL: nobody, or a controller with a target."""

from dataclasses import dataclass


def adapt_beta(
    beta: float, kl_seq: float, target: float, n_sequences: int, horizon: int
) -> float:
    """Raise beta where the KL is above its target, lower it where it is below.

    e = clip(kl_seq / target - 1, -0.2, 0.2);  beta * (1 + e * n_sequences / horizon).
    beta: score units per nat; kl_seq, target: nats per sequence; horizon: the number
    of sequences in which beta can change by about a fifth.
    Raises ValueError unless beta >= 0 and target, horizon > 0.
    Source: Ziegler et al. 2019, arXiv 1909.08593, section 2.2.

    >>> adapt_beta(0.1, kl_seq=9.0, target=6.0, n_sequences=100, horizon=1000)
    0.10200000000000001
    """
    if not (beta >= 0 and target > 0 and horizon > 0):
        raise ValueError(
            f"got beta {beta}, target {target} and horizon {horizon}, expected "
            "beta >= 0 and the others > 0"
        )
    error = min(0.2, max(-0.2, kl_seq / target - 1))
    return beta * (1 + error * n_sequences / horizon)


@dataclass
class FixedKL:
    """One beta for the whole run."""

    beta: float

    def update(self, kl_seq: float, n_sequences: int) -> None:
        """Nothing changes."""


@dataclass
class AdaptiveKL:
    """A beta that steers the KL towards `target` nats per sequence.

    Published values: beta 0.15 in the beginning, target 6, horizon 10,000 sequences.
    """

    beta: float
    target: float
    horizon: int

    def update(self, kl_seq: float, n_sequences: int) -> None:
        """Adapt beta to the KL of the last `n_sequences`, in nats per sequence."""
        self.beta = adapt_beta(
            self.beta, kl_seq, self.target, n_sequences, self.horizon
        )
