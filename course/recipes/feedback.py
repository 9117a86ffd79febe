"""Votes move a policy: the loop of chapter 13, live, by script, or replayed."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from course.expect import at_least, whole_number
from course.lm.sampling import write
from course.policy.grpo import rloo_step
from course.policy.rollout import collect
from course.reward.feedback import (
    WINS,
    Directions,
    Posterior,
    choose_pair,
    end_states,
    laplace_update,
)
from course.reward.model import RewardModel
from course.reward.preferences import CHOICES, Vote
from course.runtime import generator
from course.score import Score, check_texts, whole_texts

FIRST = 20  # no update before so many votes
EVERY = 10  # then one after so many
STEPS = 8  # RLOO steps of an update


@dataclass
class VoteLoop:
    """A writer, the head that the votes taught, and the policy that they moved.

    Everything follows from the votes and the seed: `replay` of the same votes gives the
    same head and the same policy, bit for bit.  writer: the start and the reference.
    judge: its trunk gives the states.  directions: of the states.  Chapter 13.
    """

    writer: nn.Module
    tokenizer: object
    judge: RewardModel
    directions: Directions
    prompts: Sequence[str]
    seed: int = 0
    beta: float = 0.05
    learning_rate: float = 5e-4
    policy: nn.Module = field(init=False)
    differences: Tensor = field(init=False)
    wins: Tensor = field(init=False)
    posterior: Posterior = field(init=False)

    def __post_init__(self) -> None:
        check_texts(self.prompts)
        at_least(0, beta=self.beta, learning_rate=self.learning_rate)
        whole_number(seed=self.seed)
        self.start()

    def start(self) -> None:
        """No votes, the prior, and the writer itself as policy."""
        self.policy = deepcopy(self.writer)
        self.optimizer = torch.optim.AdamW(
            self.policy.parameters(), lr=self.learning_rate, weight_decay=0.0
        )
        d = self.directions.basis.shape[1]
        self.differences = torch.zeros(0, d, dtype=torch.float64)
        self.wins = torch.zeros(0, dtype=torch.float64)
        self.posterior = laplace_update(self.differences, self.wins)

    def features(self, texts: Sequence[str]) -> Tensor:
        """The texts' features, (texts, d), fp64."""
        return self.directions(end_states(self.judge, self.tokenizer, texts))

    def score(self) -> Score:
        """What the head thinks of prompt + completion, as a policy's reward."""
        mean = self.posterior.mean

        def score(prompts: Sequence[str], completions: Sequence[str]) -> Tensor:
            return (self.features(whole_texts(prompts, completions)) @ mean).float()

        return score

    def write(self, prompts: Sequence[str], number: int, seed: int) -> list[list[str]]:
        """`number` whole texts of the policy for each prompt."""
        whole_number(seed=seed, number=number)
        check_texts(prompts)
        asked = [prompt for prompt in prompts for _ in range(number)]
        written = write(
            self.policy, self.tokenizer, asked, max_new_tokens=32,
            generator=generator(seed),
        )  # fmt: skip
        texts = whole_texts(asked, written)
        return [texts[i : i + number] for i in range(0, len(texts), number)]

    def ask(self, texts: Sequence[str]) -> tuple[int, int]:
        """The two of these texts whose comparison would teach most."""
        x = self.features(texts)
        i, j = torch.triu_indices(len(texts), len(texts), 1)
        chosen = choose_pair(*self.posterior, x[i] - x[j])
        return int(i[chosen]), int(j[chosen])

    def learn(self, text_a: str, text_b: str, choice: str) -> bool:
        """Refit the head with one vote more; True where an update is due.

        choice: a, b, tie, or skip, which teaches nothing.  Raises ValueError on others.
        """
        if choice not in CHOICES:
            raise ValueError(f"got the choice {choice!r}, expected one of {CHOICES}")
        if choice not in WINS:
            return False
        a, b = self.features([text_a, text_b])
        self.differences = torch.cat((self.differences, (a - b)[None]))
        self.wins = torch.cat((self.wins, self.wins.new_tensor([WINS[choice]])))
        self.posterior = laplace_update(self.differences, self.wins)
        return len(self.wins) >= FIRST and len(self.wins) % EVERY == 0

    def update(self, watch: Callable[[int], bool] | None = None) -> int:
        """Eight RLOO steps towards the head's taste; the number of steps taken.

        watch: called with the number of steps done; where it returns False the update
        stops, and what was learned is kept.
        """
        draws = generator(1000 * self.seed + len(self.wins))
        for step in range(STEPS):
            if watch is not None and not watch(step):
                return step
            rows = torch.randint(len(self.prompts), (8,), generator=draws).tolist()
            rollout = collect(
                self.policy, self.writer, self.tokenizer,
                [self.prompts[row] for row in rows for _ in range(4)], self.score(),
                max_new_tokens=32, generator=draws,
            )  # fmt: skip
            rloo_step(
                self.policy, self.optimizer, rollout, group_size=4, beta=self.beta,
                generator=draws,
            )  # fmt: skip
        return STEPS

    def replay(self, votes: Sequence[Vote]) -> None:
        """From the start: every vote in its order, every update that was due."""
        self.start()
        for vote in votes:
            if self.learn(*whole_pair(vote), vote.choice):
                self.update()


def whole_pair(vote: Vote) -> tuple[str, str]:
    """Both texts of a vote with their prompt in front.

    A vote of an early version kept whole texts; those stay as they are.  Chapter 13.

    >>> whole_pair(Vote(1, 0.0, " is good.", " drags.", "a", None, "The film", "me"))
    ('The film is good.', 'The film drags.')
    """
    a, b, prompt = vote.text_a, vote.text_b, vote.prompt
    if a.startswith(prompt) and b.startswith(prompt):
        return a, b
    return prompt + a, prompt + b
