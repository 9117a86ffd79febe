"""One question a panel: each is answered with the panel or with a line of code.

Every grader returns (right, sentence); a wrong answer's sentence says what the answer
would give, not what the answer is.
"""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from course.expect import one_number
from course.score import check_texts
from course.widgets.attention import previous_token_share
from course.widgets.bandit import BanditState, gradient_variance
from course.widgets.labeller import agreement
from course.widgets.next_token import entropy_bits, sampling_probabilities

Grade = tuple[bool, str]
STEP = 0.05  # of the temperature's slider: its nearest value is right


def _number(answer: Any) -> float | None:
    """The answer as one finite number, None when it is none."""
    if isinstance(answer, bool | str):
        return None
    try:
        value = float(answer)
    except (TypeError, ValueError, RuntimeError):
        return None
    return value if isfinite(value) else None


def grade_temperature_for_entropy(
    answer: Any, probabilities: Tensor, bits: float = 2.0, tolerance: float = 0.05
) -> Grade:
    """At which temperature is the entropy of the next token `bits`?

    >>> even_pair = torch.tensor([0.9, 0.1])
    >>> grade_temperature_for_entropy(1.0, even_pair, bits=0.9)[0]
    False
    """
    one_number(tolerance=tolerance)
    one_number(bits=bits)
    value = _number(answer)
    if value is None or value <= 0:
        return False, f"Got {answer!r}, expected one temperature above 0."
    got = entropy_bits(sampling_probabilities(probabilities, value))
    low, high = (
        entropy_bits(sampling_probabilities(probabilities, max(value + step, 0.01)))
        for step in (-STEP / 2, STEP / 2)
    )
    if abs(got - bits) <= tolerance or low <= bits <= high:
        return True, f"At temperature {value:g} the entropy is {got:.2f} bits."
    way = "lower" if got > bits else "higher"
    return False, (
        f"At temperature {value:g} the entropy is {got:.2f} bits, not {bits:g}: "
        f"try a {way} temperature."
    )


def grade_previous_token_head(answer: Any, weights: Tensor) -> Grade:
    """Which (layer, head) gives the most weight to the token just before?

    weights: `attention_weights` of a text, (layers, heads, time, time).
    """
    shares = previous_token_share(weights)  # (layers, heads)
    layers, heads = shares.shape
    try:
        layer, head = (int(part) for part in answer)
    except (TypeError, ValueError):
        return False, f"Got {answer!r}, expected a pair (layer, head)."
    if not (0 <= layer < layers and 0 <= head < heads):
        return False, (
            f"Got layer {layer}, head {head}; layers are 0 to {layers - 1} and heads "
            f"0 to {heads - 1}: both are counted from 0."
        )
    share, best = float(shares[layer, head]), float(shares.max())
    if best - share <= 1e-4:
        return True, f"It gives {share:.2f} of its weight to the token just before."
    if layer < heads and head < layers and best - float(shares[head, layer]) <= 1e-4:
        return False, "The pair is the wrong way round: first the layer, then the head."
    return False, (
        f"Layer {layer}, head {head} gives {share:.3f} of its weight to the token just "
        "before; another head gives more."
    )


def grade_agreement(answer: Any, outcomes: Sequence[str]) -> Grade:
    """Which share of the decided votes agrees with the crowd?

    outcomes: `Session.outcomes()` of the votes in question.

    >>> grade_agreement(0.5, ["agrees", "disagrees", "skip"])[0]
    True
    """
    agreement(outcomes)  # says what is no outcome
    agrees, decided = outcomes.count("agrees"), len(outcomes)
    decided -= outcomes.count("tie") + outcomes.count("skip")
    value = _number(answer)
    if not decided:
        return False, "There is no decided vote yet: choose A or B at least once."
    if value is None or not 0 <= value <= 1:
        return False, f"Got {answer!r}, expected a share from 0 to 1."
    if abs(value - agrees / decided) <= 0.005:
        return True, f"{agrees} of {decided} decided votes agree with the crowd."
    if abs(value - agrees / len(outcomes)) <= 0.005:
        return False, "You divide by all votes: ties and skips decide nothing."
    if abs(value - (1 - agrees / decided)) <= 0.005:
        return False, "That is the share that disagrees."
    return False, (
        f"Got {value:.3f}; count the votes that agree and divide by the votes for A "
        "or B on pairs where the crowd is not even."
    )


def grade_order_by_reward(
    answer: Any, texts: Sequence[str], score_texts: Callable[[list[str]], Any]
) -> Grade:
    """The numbers of the texts, counted from 0, from the highest reward to the lowest.

    >>> grade_order_by_reward([1, 0], ["a", "aa"], lambda ts: [len(t) for t in ts])[0]
    True
    """
    check_texts(texts)
    try:
        order = [int(n) for n in answer]
    except (TypeError, ValueError):
        order = []
    if sorted(order) != list(range(len(texts))):
        return False, (
            f"Got {answer!r}, expected each number from 0 to {len(texts) - 1} once."
        )
    scores = [float(score) for score in score_texts(list(texts))]
    ranked = [scores[n] for n in order]
    if ranked == sorted(scores, reverse=True):
        return True, f"The rewards fall from {ranked[0]:+.2f} to {ranked[-1]:+.2f}."
    if ranked == sorted(scores):
        return False, "Your order is upside down: the highest reward comes first."
    place = next(i for i in range(len(order) - 1) if ranked[i] < ranked[i + 1])
    return False, (
        f"Text {order[place]} stands before text {order[place + 1]}, but its reward "
        f"({ranked[place]:+.2f}) is lower ({ranked[place + 1]:+.2f})."
    )


def grade_variance_ratio(answer: Any, state: BanditState | None = None) -> Grade:
    """How many times smaller is the gradient's variance with the baseline?

    state: the bandit in question (the playground's first state when None); the
    baseline is the expected reward of its policy.
    """
    state = state or BanditState()
    policy = torch.tensor(state.policies[-1], dtype=torch.float64)
    means = torch.tensor(state.means, dtype=torch.float64)
    without = gradient_variance(state, 0.0)
    ratio = without / gradient_variance(state, float(policy @ means))
    value = _number(answer)
    if value is None or value <= 0:
        return False, f"Got {answer!r}, expected one number above 0."
    if abs(value / ratio - 1) <= 0.05:
        return True, f"The baseline makes the variance {ratio:.1f} times smaller."
    if abs(value * ratio - 1) <= 0.05:
        return False, "Turn the fraction over: without a baseline, divided by with it."
    if abs(value / ratio**0.5 - 1) <= 0.05:
        return False, "That is the ratio of the standard deviations, the square root."
    return False, (
        f"Got {value:g}; press Reset, read both variances and divide the one without "
        "a baseline by the one with it."
    )
