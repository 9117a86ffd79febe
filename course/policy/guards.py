"""What makes a step all or nothing: limits, the way back, and checks of its numbers."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from course.expect import as_float, at_least, one_number, tensors
from course.policy.losses import reduce_token_mean, same_shape
from course.policy.rollout import Rollout, constant_logprobs, select_rows
from course.runtime import CourseError

MAX_RATIO = 1e4  # a token or text 10,000 times as likely as when it was drawn
MAX_APPROX_KL = 5.0  # nats per token from the policy that wrote; sound updates: < 0.1
# Nats per token that the sampler and the trainer may differ by.  fp32 and fp64: what
# two batch shapes differ by in the last digits, with a wide margin.  bf16 keeps 8 bits,
# a relative error of 2^-8, so a logit of 20 is known to 0.04: SmolLM2 starts 0.05 away
# and is up to 0.22 away while it learns.  A sampler at temperature 0.7 or 1.25 is 0.43
# or 0.55 away and is caught; one at 0.9 is 0.18 away and is not.  fp16 keeps 11 bits.
MAX_DISAGREEMENT = {torch.bfloat16: 0.3, torch.float16: 0.04}
EXACT_DISAGREEMENT = 0.01
MOVED_TEXTS = 16  # of a rollout, read again after the step
STANDARD_ERRORS = 5.0  # by chance: less than once in 100,000 batches of 64 texts
ROUNDING = 0.01  # nats per text: what two ways to compute a log-probability may differ

_copies: dict[int, tuple] = {}  # of each optimizer that is guarded at the moment
_hooks: WeakKeyDictionary = WeakKeyDictionary()  # optimizer -> what `update` calls


def before_clipping(optimizer: torch.optim.Optimizer, hook: Callable[[], None]) -> None:
    """In every `update` of this optimizer, call hook() before gradients are clipped.

    The gradients of all parts are added up then.  Chapter 17.
    """
    _hooks[optimizer] = hook


@contextmanager
def restored_on_error(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """All or nothing: an error or a stop inside puts every weight back as it was.

    So do the optimizer's own averages, and no gradient is left.  Inside another guard
    of the same optimizer nothing is copied again: both go back to where the outer one
    began.  Chapter 09.
    """
    outermost = id(optimizer) not in _copies
    if outermost:
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        before = [p.detach().clone() for p in weights]
        _copies[id(optimizer)] = weights, before, deepcopy(optimizer.state_dict())
    try:
        yield
    except BaseException:
        weights, before, state = _copies[id(optimizer)]
        with torch.no_grad():
            for p, old in zip(weights, before, strict=True):
                p.copy_(old)
        optimizer.load_state_dict(deepcopy(state))  # the copy may be needed again
        optimizer.zero_grad(set_to_none=True)
        raise
    finally:
        if outermost:
            del _copies[id(optimizer)]


def update(
    optimizer: torch.optim.Optimizer, losses: Iterable[Tensor], max_grad_norm: float
) -> list[float]:
    """One step down the sum of the losses; the gradient norm of every group before it.

    losses: one for each part of the texts; each part's memory is free before the next
    is computed, and the gradients add up to that of the whole.  Each parameter group is
    clipped to `max_grad_norm` by itself, so that a critic's large gradient does not
    shorten the policy's step.  Raises CourseError, before any weight moves, when the
    loss or a norm is not a finite number.  Chapter 09.
    """
    one_number(max_grad_norm=max_grad_norm)
    at_least(0, max_grad_norm=max_grad_norm)
    optimizer.zero_grad(set_to_none=True)
    total = 0.0
    for loss in losses:
        loss.backward()
        total += float(loss.detach())
    if optimizer in _hooks:
        _hooks[optimizer]()
    norms = [
        float(nn.utils.clip_grad_norm_(group["params"], max_grad_norm))
        for group in optimizer.param_groups
    ]
    if not all(map(math.isfinite, [total, *norms])):
        optimizer.zero_grad(set_to_none=True)
        raise CourseError(
            f"The step was not taken: loss {total}, gradient norm {norms[0]}; "
            "the policy is as it was, so lower the learning rate or look at the scores."
        )
    optimizer.step()
    return norms


def check_optimizer(policy: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """ValueError when the optimizer holds no parameter of this policy.  Chapter 09."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not any(id(p) in held for p in policy.parameters()):
        raise ValueError(
            "got an optimizer that holds no parameter of this policy, expected one "
            "made from policy.parameters()"
        )


def check_ratio(largest: float, moved: float, name: str = "largest") -> None:
    """CourseError when a ratio explodes.

    largest: a ratio, called `name` in the message; moved: nats per token between the
    policy and the one that wrote the texts.  Chapter 10.
    """
    one_number(largest=largest, moved=moved)
    if not (largest < MAX_RATIO and moved < MAX_APPROX_KL):
        raise CourseError(
            f"The step was not taken: its updates made the ratio explode ({name} ratio "
            f"{largest:.3g}, {moved:.3g} nats per token from the policy that wrote the "
            "texts); lower the learning rate or take fewer epochs."
        )


def check_agreement(logprobs: Tensor, rollout: Rollout) -> None:
    """CourseError when the sampler's log-probabilities are not the policy's own.

    logprobs: (batch, time), nats, under the policy that wrote the rollout.  If they
    differ, the texts were drawn from another distribution than the one that is trained.
    How much rounding may explain depends on the numbers that the sampler computes with.
    Chapter 10.
    """
    tensors(logprobs=logprobs)
    same_shape(logprobs=logprobs, old_logprobs=rollout.old_logprobs)
    gap = (as_float(logprobs) - rollout.old_logprobs).abs()
    gap = reduce_token_mean(gap, rollout.completion_mask)
    limit = disagreement_limit(rollout)
    if not gap <= limit:
        raise CourseError(
            f"The step was not taken: the sampler's log-probabilities are {gap:.3g} "
            f"nats per token away from the policy's own (at most {limit}); look for "
            "dropout, another temperature or a rollout of an older policy."
        )


def disagreement_limit(rollout: Rollout) -> float:
    """Nats per token that rounding may explain, by the coarser numbers of the two.

    Those of the sampler, or of the autocast that surrounds the update.  Chapter 17.
    """
    kinds = [rollout.precision]
    if torch.is_autocast_enabled(rollout.scores.device.type):
        kinds.append(torch.get_autocast_dtype(rollout.scores.device.type))
    return max(MAX_DISAGREEMENT.get(kind, EXACT_DISAGREEMENT) for kind in kinds)


def check_kl(rollout: Rollout) -> None:
    """CourseError when the mean of D is negative beyond chance and rounding.

    The KL to the reference is never negative, and the mean of D estimates it for texts
    that the policy drew itself.  Beyond chance: by more than 5 standard errors.
    Chapter 09.
    """
    d = (rollout.old_logprobs - rollout.ref_logprobs).sum(1)  # (batch,), 0 on padding
    if len(d) < 2:
        return
    mean, error = d.mean(), d.std() / len(d) ** 0.5
    if mean < -ROUNDING and mean < -STANDARD_ERRORS * error:
        raise CourseError(
            f"The step was not taken: the mean KL is {mean:.3g} nats per text, "
            f"{abs(mean / error):.0f} standard errors below 0, and a KL cannot be "
            "negative; the texts were not drawn from the policy that scores them "
            "(top-k, dropout, another temperature or position)."
        )


def check_metrics(metrics: Mapping[str, float]) -> None:
    """CourseError when a loss, norm or ratio among the metrics is not a finite number.

    A critic's explained variance may be NaN: returns that are all equal have none.
    Chapter 09.
    """
    for name in ("loss/policy", "loss/value", "grad_norm", "entropy", "kl_seq"):
        if not math.isfinite(metrics.get(name, 0.0)):
            raise CourseError(
                f"The step was not taken: {name} is {metrics[name]}, not a finite "
                "number; lower the learning rate or look at the scores."
            )
    mean, moved = metrics.get("policy/ratio_mean", 1.0), "policy/approx_kl"
    check_ratio(mean, metrics.get(moved, 0.0), name="mean")


def check_moved(policy: nn.Module, rollout: Rollout) -> None:
    """CourseError when the step threw the policy far from the one that wrote the texts.

    What the last update of a step did is in none of the step's metrics.  It reads up
    to 16 texts, at equal distances.  Chapter 10.
    """
    texts = len(rollout.prompts)
    rows = torch.linspace(0, texts - 1, min(MOVED_TEXTS, texts)).round().long()
    part = select_rows(rollout, rows.to(rollout.scores.device))
    logprobs = constant_logprobs(policy, part)
    d = (logprobs - part.old_logprobs)[part.completion_mask]
    check_ratio(float(d.exp().max()), -float(d.mean()))  # -mean: KL(old || new)
