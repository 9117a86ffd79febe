"""The REINFORCE loss, its reductions, and the entropy of a policy."""

from collections.abc import Callable

from torch import Tensor

from course.expect import as_float, divisor, present, tensors, truth, whole
from course.lm.objective import entropy

Reduction = Callable[[Tensor, Tensor], Tensor]


def reduce_token_mean(
    values: Tensor, mask: Tensor, n_tokens: Tensor | int | None = None
) -> Tensor:
    """Sum over all completion tokens / number of them (TRL's `dapo`).

    values, mask: (batch, time).  Returns a scalar.
    n_tokens: the tokens of the whole batch, where `values` is one micro-batch of it;
    the micro-batches' results then add up to that of the whole.  Chapter 09.
    """
    divisor(**present(n_tokens=n_tokens))
    total = _masked(values, mask).sum()
    if n_tokens is None:
        n_tokens = _tokens(mask.sum())
    return total / n_tokens


def reduce_seq_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean inside each sequence, then over sequences (TRL's `grpo`).

    values, mask: (batch, time).  Returns a scalar.  Chapter 11.
    """
    return (_masked(values, mask).sum(1) / _tokens(mask.sum(1))).mean()


def reduce_seq_sum(values: Tensor, mask: Tensor) -> Tensor:
    """Sum inside each sequence, then the mean: the policy gradient's own reduction.

    values, mask: (batch, time).  Returns a scalar.  Chapter 09.
    """
    return _masked(values, mask).sum(1).mean()


def reduce_const(values: Tensor, mask: Tensor, max_length: int) -> Tensor:
    """Sum / (batch * max_length), a divisor that no sample changes (TRL's `dr_grpo`).

    values, mask: (batch, time); max_length: the longest completion allowed.
    Returns a scalar.  Chapter 11.
    """
    whole(1, max_length=max_length)
    return _masked(values, mask).sum() / (len(values) * max_length)


def reinforce_loss(
    logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    reduce: Reduction = reduce_token_mean,
) -> Tensor:
    """- advantage * log pi(token), averaged over all completion tokens of the batch.

    logprobs, mask: (batch, time), nats; advantages: (batch,), one per completion, or
    (batch, time), one per token; no gradient flows into them.  Returns a scalar.
    Its gradient matters; its value does not (on-policy and centred it is about 0).
    Raises ValueError on shapes that do not fit.
    Source: Williams 1992, REINFORCE.  Chapter 09.
    """
    tensors(logprobs=logprobs, advantages=advantages, mask=mask)
    same_shape(logprobs=logprobs, mask=mask)
    if advantages.shape == logprobs.shape[:1]:
        advantages = advantages[:, None]  # the same for every token of a completion
    elif advantages.shape != logprobs.shape:
        raise ValueError(
            f"got advantages of shape {tuple(advantages.shape)}, expected "
            f"{tuple(logprobs.shape[:1])} or {tuple(logprobs.shape)}"
        )
    return reduce(-as_float(advantages).detach() * logprobs, mask)


def policy_entropy(logits: Tensor, mask: Tensor) -> Tensor:
    """Mean entropy of the next-token distributions, over completion tokens.

    logits: (batch, time, vocabulary), row t being the one that token t was drawn
    from; mask: (batch, time).  Returns a scalar, nats per token, from 0 to log(V).
    Chapter 09.
    """
    return reduce_token_mean(entropy(logits), mask)


def _tokens(counts: Tensor) -> Tensor:
    """The numbers of tokens themselves; ValueError where one is 0."""
    if counts.is_cpu and not counts.all():
        raise ValueError("got a mask without a token to average over, expected one")
    return counts


def same_shape(**given: Tensor) -> None:
    """ValueError unless the tensors have one shape, (batch, time).

    Shapes that merely broadcast would give a wrong number in silence.  Chapter 09.
    """
    tensors(**given)
    shapes = {name: tuple(x.shape) for name, x in given.items()}
    if len(set(shapes.values())) > 1 or len(next(iter(shapes.values()))) != 2:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"got {found}, expected one shape (batch, time)")


def _masked(values: Tensor, mask: Tensor) -> Tensor:
    tensors(values=values, mask=mask)
    same_shape(values=values, mask=mask)
    return as_float(values).masked_fill(~truth(mask), 0.0)
