"""A policy so small that every expectation is a sum over seven completions.

Vocabulary {EOS, a, b}, at most two tokens.  Use it to check any policy-gradient loss
against the exact gradient: apply the loss to all completions at once and weight each
by its probability.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from course.expect import cpu_generator, one_number, tensors, whole

NAMES = ("EOS", "a EOS", "a a", "a b", "b EOS", "b a", "b b")
MAX_LENGTH = 2
EOS, A, B = 0, 1, 2
# The second entry of the first row is padding: any id does, the mask is 0 there.
IDS = ((EOS, EOS), (A, EOS), (A, A), (A, B), (B, EOS), (B, A), (B, B))
LENGTHS = (1, 2, 2, 2, 2, 2, 2)
PREFIXES = ("", "a", "b")  # the states in which a token is chosen


@dataclass
class TinyPolicy:
    """Nine free logits: row 0 chooses the first token, rows 1 and 2 follow a and b.

    logits: (3 prefixes, 3 tokens), best in float64 and with `requires_grad`.
    Chapter 09.
    """

    logits: Tensor

    @classmethod
    def random(cls, generator: torch.Generator, scale: float = 1.0) -> "TinyPolicy":
        """A policy with normal logits in float64 that take part in autograd."""
        cpu_generator(generator)
        one_number(scale=scale)
        logits = torch.randn(3, 3, generator=generator, dtype=torch.float64)
        return cls((scale * logits).requires_grad_())

    @property
    def ids(self) -> Tensor:
        """Token ids of all seven completions: (7, 2)."""
        return torch.tensor(IDS, device=self.logits.device)

    @property
    def mask(self) -> Tensor:
        """True up to and including EOS, from the lengths: (7, 2)."""
        lengths = torch.tensor(LENGTHS, device=self.logits.device)
        return torch.arange(MAX_LENGTH, device=lengths.device) < lengths[:, None]

    def logprobs(self) -> Tensor:
        """Log-probability of every token of every completion: (7, 2), 0 on padding."""
        prefix = torch.stack([torch.zeros_like(self.ids[:, 0]), self.ids[:, 0]], 1)
        chosen = self.logits.log_softmax(-1)[prefix, self.ids]  # (7, 2)
        return chosen.masked_fill(~self.mask, 0.0)

    def probabilities(self) -> Tensor:
        """Probability of every completion: (7,), sums to 1."""
        return self.logprobs().sum(1).exp()

    def prefix_probabilities(self) -> Tensor:
        """Probability that each prefix is reached: (3,), 1 for the root."""
        first = self.logits[0].softmax(-1)
        return torch.stack([torch.ones_like(first[0]), first[A], first[B]])

    def expected(self, values: Tensor) -> Tensor:
        """Exact expectation of one value per completion: (7, ...) -> (...).

        With scores as values this is the objective J.  Raises ValueError without one
        for each of the seven.
        """
        tensors(values=values)
        if values.shape[:1] != (len(IDS),):
            raise ValueError(f"got values {tuple(values.shape)}, expected (7, ...)")
        p = self.probabilities()
        return torch.tensordot(p, values.to(p.dtype), dims=1)

    def kl(self, reference: "TinyPolicy") -> Tensor:
        """Exact KL(self || reference) over whole completions: scalar, nats."""
        return self.expected((self.logprobs() - reference.logprobs()).sum(1))

    def gradient(self, objective: Tensor) -> Tensor:
        """Derivative of a scalar with respect to the nine logits: (3, 3).

        Raises ValueError on an objective without a gradient.
        """
        if objective.dim() or not objective.requires_grad:
            raise ValueError(
                f"got an objective {tuple(objective.shape)}, expected one number "
                "computed from logits that take a gradient"
            )
        (gradient,) = torch.autograd.grad(
            objective, self.logits, retain_graph=True, allow_unused=True
        )
        return torch.zeros_like(self.logits) if gradient is None else gradient

    def state_values(self, scores: Tensor) -> Tensor:
        """Expected score from each prefix, by two Bellman backups: (7,) -> (3,).

        Raises ValueError unless there is one score for each of the seven.
        """
        tensors(scores=scores)
        if scores.shape != (len(IDS),):
            raise ValueError(f"got scores {tuple(scores.shape)}, expected (7,)")
        probs = self.logits.softmax(-1)
        rewards = scores[1:].view(2, 3)  # a completion ends after its second token
        after = bellman_backup(probs[1:], rewards, torch.zeros_like(rewards))
        zero = torch.zeros_like(scores[:1])
        root = bellman_backup(
            probs[:1],
            torch.cat([scores[:1], zero, zero])[None],  # only EOS ends at the root
            torch.cat([zero, after])[None],
        )
        return torch.cat([root, after])


def all_batches(batch_size: int) -> Tensor:
    """Every ordered batch of completions, as row numbers: (7**batch_size, batch_size).

    A batch has the product of its completions' probabilities.  Chapter 09.
    """
    whole(1, batch_size=batch_size)
    rows = torch.arange(len(IDS))
    return torch.cartesian_prod(*[rows] * batch_size).view(-1, batch_size)


def bellman_backup(
    action_probs: Tensor, rewards: Tensor, next_values: Tensor, gamma: float = 1.0
) -> Tensor:
    """Value of each state: V(s) = sum_a pi(a|s) [r(s, a) + gamma V(s')].

    action_probs, rewards, next_values: (states, actions); next_values holds the value
    of the state that action a leads to, 0 where the text ends.  Returns (states,).
    Raises ValueError on unequal shapes.
    Source: Sutton and Barto, "Reinforcement Learning", equation 3.14, for a
    deterministic next state, as in text.  Chapter 09.

    >>> half = torch.tensor([[0.5, 0.5]])
    >>> bellman_backup(half, torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 4.0]]))
    tensor([2.5000])
    """
    one_number(gamma=gamma)
    tensors(action_probs=action_probs, rewards=rewards, next_values=next_values)
    if not action_probs.shape == rewards.shape == next_values.shape:
        shapes = [tuple(x.shape) for x in (action_probs, rewards, next_values)]
        raise ValueError(f"got shapes {shapes}, expected (states, actions) for all")
    return (action_probs * (rewards + gamma * next_values)).sum(-1)
