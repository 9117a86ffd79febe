"""How unsure a policy is at every token that it writes."""

from torch import Tensor

from course.lm.objective import entropy


def token_entropy(logits: Tensor, mask: Tensor) -> Tensor:
    """Entropy of the distribution each token was drawn from, in nats; (batch, time).

    logits (batch, time, vocabulary): those at position t are what token t is drawn
    from, so nothing is shifted here; -inf marks a token that a filter removed.
    mask (batch, time): true on tokens that count; the result is exactly 0 elsewhere.
    Each value lies between 0 and log(vocabulary).
    Raises ValueError when the shapes do not fit.  Source: Shannon 1948.

    >>> import torch
    >>> H = token_entropy(torch.zeros(1, 2, 8), torch.tensor([[True, False]]))
    >>> H.exp().round().tolist()
    [[8.0, 1.0]]
    """
    if logits.ndim != 3 or logits.shape[:2] != mask.shape:
        raise ValueError(
            f"got logits {tuple(logits.shape)} and a mask {tuple(mask.shape)}, "
            "expected (batch, time, vocabulary) and (batch, time)"
        )
    return entropy(logits).masked_fill(~mask.bool(), 0.0)
