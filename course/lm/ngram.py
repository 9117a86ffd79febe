"""n-gram models: a language model made by counting, smoothed by interpolation."""

from collections import Counter
from collections.abc import Sequence
from operator import index

import torch
from torch import Tensor

from course.expect import floats, whole, whole_number
from course.expect_lists import lists

Sequences = Sequence[Sequence[int]]


def interpolated_probability(estimates: Tensor, weights: Tensor) -> Tensor:
    """Mix the estimates of several models: sum_k weights_k * estimates_k.

    estimates (..., orders) are probabilities of the same events, weights (orders,)
    are >= 0 and sum to 1; returns (...).  A mixture of distributions is one.
    Raises ValueError when shapes or weights do not fit.
    Source: Jelinek & Mercer 1980.  Chapter 01.

    >>> interpolated_probability(torch.tensor([0.1, 0.5]), torch.tensor([0.75, 0.25]))
    tensor(0.2000)
    """
    floats(estimates=estimates, weights=weights)
    if weights.dim() != 1 or estimates.shape[-1:] != weights.shape:
        raise ValueError(
            f"got estimates {tuple(estimates.shape)} and weights "
            f"{tuple(weights.shape)}, expected (..., orders) and (orders,)"
        )
    if (weights < 0).any() or abs(weights.sum().item() - 1) > 1e-5:
        raise ValueError(
            f"got weights {weights.tolist()}, expected numbers >= 0 that sum to 1"
        )
    return (estimates * weights).sum(-1)


class NGram:
    """p(token | the last `order` - 1 tokens), from counts of orders 1 to `order`.

    Order 0 is the uniform distribution.  Where a context was never counted, an order
    takes over the estimate of the order below.  `weights` (order + 1,) mixes the
    orders: after `fit` all weight lies on the highest, which is maximum likelihood
    without smoothing; `fit_weights` smooths it.
    The first token of a sequence, `<bos>`, is given and never counted as a target.
    Raises ValueError when order < 0 or the vocabulary is empty.  Chapter 01.
    """

    def __init__(self, order: int, vocab_size: int):
        whole_number(order=order, vocab_size=vocab_size)
        if order < 0 or vocab_size < 1:
            raise ValueError(
                f"got order {order} and vocab_size {vocab_size}, "
                "expected at least 0 and 1"
            )
        self.order, self.vocab_size = order, vocab_size
        self.fit([])

    def fit(self, sequences: Sequences) -> "NGram":
        """Count every token after every context of 0 to `order` - 1 tokens.

        Earlier counts and weights are forgotten.  Raises ValueError on an id outside
        the vocabulary.
        """
        lists(sequences=sequences)
        self.counts: Counter[tuple[int, ...]] = Counter()  # (context..., token)
        for sequence in sequences:
            row = self._checked(sequence)
            for length in range(self.order):  # of the context
                columns = [row[k:] for k in range(length + 1)] if length else [row[1:]]
                self.counts.update(zip(*columns, strict=False))
        self.totals: Counter[tuple[int, ...]] = Counter()  # context
        for gram, count in self.counts.items():
            self.totals[gram[:-1]] += count
        self.weights = torch.zeros(self.order + 1, dtype=torch.float64)
        self.weights[-1] = 1.0
        return self

    def fit_weights(self, held_out: Sequences, steps: int = 50) -> list[float]:
        """Choose the weights that make texts which were not counted most probable.

        Expectation-maximisation from equal weights; returns the nats per token before
        every step, which never rise.  Raises ValueError when nothing is held out.
        """
        lists(held_out=held_out)
        whole(0, steps=steps)
        tables = [self.estimates(sequence) for sequence in held_out]
        if not sum(map(len, tables)):
            raise ValueError("got no token to predict, expected held-out texts")
        estimates = torch.cat(tables)
        self.weights = torch.full_like(self.weights, 1 / len(self.weights))
        nats = []
        for _ in range(steps):
            joint = estimates * self.weights  # (tokens, orders)
            evidence = joint.sum(1, keepdim=True)
            nats.append(-evidence.log().mean().item())
            self.weights = (joint / evidence).mean(0)  # mean responsibility
        return nats

    def estimates(self, sequence: Sequence[int]) -> Tensor:
        """Each order's probability of tokens 1, 2, ...; (time - 1, order + 1) fp64."""
        row = self._checked(sequence)
        table = []
        for i in range(1, len(row)):
            line = [1 / self.vocab_size]
            for length in range(self.order):
                context = tuple(row[i - length : i]) if length <= i else None
                if self.totals.get(context):
                    count = self.counts[*context, row[i]]
                    line.append(self._estimate(context, count, line[-1]))
                else:
                    line.append(line[-1])
            table.append(line)
        return torch.tensor(table, dtype=torch.float64).reshape(-1, self.order + 1)

    def logprob(self, sequence: Sequence[int]) -> float:
        """Log-probability of the sequence given its first token, in nats (<= 0)."""
        p = interpolated_probability(self.estimates(sequence), self.weights)
        return p.log().sum().item()

    def probabilities(self, context: Sequence[int]) -> Tensor:
        """Distribution of the next token after `context`; (vocabulary,) fp64."""
        lists(context=context)
        row = self._checked(context)
        columns = [
            torch.full((self.vocab_size,), 1 / self.vocab_size, dtype=torch.float64)
        ]
        for length in range(self.order):
            key = tuple(row[len(row) - length :]) if length <= len(row) else None
            column = columns[-1]
            if self.totals.get(key):
                below = enumerate(column.tolist())
                column = torch.tensor(
                    [self._estimate(key, self.counts[*key, w], p) for w, p in below],
                    dtype=torch.float64,
                )
            columns.append(column)
        return interpolated_probability(torch.stack(columns, -1), self.weights)

    def _estimate(self, context: tuple[int, ...], count: int, below: float) -> float:
        """Probability of a token seen `count` times after a context that was seen."""
        return count / self.totals[context]

    def _checked(self, sequence: Sequence[int]) -> list[int]:
        lists(sequence=sequence)
        try:
            row = [index(token) for token in sequence]
        except TypeError:
            raise TypeError(f"got ids {sequence!r}, expected whole numbers") from None
        if row and (min(row) < 0 or max(row) >= self.vocab_size):
            raise ValueError(
                f"got ids from {min(row)} to {max(row)}, expected 0 to "
                f"{self.vocab_size - 1}"
            )
        return row


class KneserNey(NGram):
    """Interpolated Kneser–Ney smoothing: the strongest classical way to count.

    From every count a discount is taken, and the mass so freed goes to the order
    below.  Below the highest order, a token counts once for each different token
    that it followed: "Francisco" is frequent, but only after "San".  The weights stay
    on the highest order, which already holds all others; no held-out text is needed.
    Sources: Kneser & Ney 1995; Chen & Goodman 1998, discount n1 / (n1 + 2 n2).
    Chapter 02.
    """

    def fit(self, sequences: Sequences) -> "KneserNey":
        """Count as `NGram` does, then replace the lower orders and find discounts."""
        super().fit(sequences)
        followed = Counter(gram[1:] for gram in self.counts if len(gram) > 1)
        self.counts.update(  # what opens a text follows nothing and keeps its count
            {gram: new - self.counts[gram] for gram, new in followed.items()}
        )
        self.totals, self.followers = Counter(), Counter()  # of each context
        seen = Counter()  # (length, count) -> how many n-grams
        for gram, count in self.counts.items():
            self.totals[gram[:-1]] += count
            self.followers[gram[:-1]] += 1
            seen[len(gram), count] += 1
        self.discounts = []  # by length of the context
        for length in range(1, self.order + 1):
            once = max(1, seen[length, 1])  # never 0: nothing would be freed
            self.discounts.append(once / (once + 2 * seen[length, 2]))
        return self

    def _estimate(self, context: tuple[int, ...], count: int, below: float) -> float:
        discount = self.discounts[len(context)]
        freed = discount * self.followers[context] * below
        return (count - discount * (count > 0) + freed) / self.totals[context]
