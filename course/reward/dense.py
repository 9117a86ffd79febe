"""One reward at the end, or a little after each token, with the same return."""

import torch
from torch import Tensor

from course.expect import as_float, starts_with_tokens, tensors, truth


def sparse_rewards(scores: Tensor, mask: Tensor) -> Tensor:
    """Each score on its completion's last real token, 0 on all others.

    scores: shape (batch,).  mask: (batch, time), true on real tokens.  Returns (batch,
    time).  Raises ValueError on shapes that do not fit or a row without a real token.
    Chapter 05.

    >>> mask = torch.tensor([[True, True, False]])
    >>> sparse_rewards(torch.tensor([5.0]), mask).tolist()
    [[0.0, 5.0, 0.0]]
    """
    tensors(scores=scores, mask=mask)
    if mask.dim() != 2 or scores.shape != mask.shape[:1]:
        raise ValueError(
            f"got scores {tuple(scores.shape)} and mask {tuple(mask.shape)}, expected "
            "(batch,) and (batch, time)"
        )
    real = truth(mask)
    if not real.is_meta and not real.any(1).all():
        raise ValueError("got a row without a real token, expected at least one")
    position = torch.arange(mask.shape[1], device=mask.device)
    last = (real * position).argmax(1, keepdim=True)  # (batch, 1)
    return torch.where(position == last, scores[:, None], 0.0)


def potential_increments(potentials: Tensor, mask: Tensor) -> Tensor:
    """What each token changes: potentials[t + 1] - potentials[t], 0 where masked.

    potentials: shape (batch, time + 1); column t is the score of the text before
    token t, so the last real one is the score of the whole text.  mask: (batch, time),
    true on real tokens, padding on the right.  Returns (batch, time).  The sum over a
    row is its last score minus its first, whatever lies between, so that dense rewards
    made this way have the return of the sparse one up to a constant of the prompt.
    Raises ValueError on shapes that do not fit.
    Source: Ng, Harada & Russell 1999, potential-based shaping, with gamma = 1.
    Chapter 05.

    >>> before_and_after = torch.tensor([[0.0, 3.0, 2.0]])
    >>> potential_increments(before_and_after, torch.tensor([[True, True]])).tolist()
    [[3.0, -1.0]]
    """
    tensors(potentials=potentials, mask=mask)
    if mask.dim() != 2 or potentials.shape != (mask.shape[0], mask.shape[1] + 1):
        raise ValueError(
            f"got potentials {tuple(potentials.shape)} and mask {tuple(mask.shape)}, "
            "expected (batch, time + 1) and (batch, time)"
        )
    real = starts_with_tokens(mask)
    return torch.where(real, as_float(potentials).diff(dim=1), 0.0)
