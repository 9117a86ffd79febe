"""Votes that move a policy while you look: the session, without any widget.

The store is the only truth: every click is written there first, and then the session
follows the store.  Head and policy are those of `VoteLoop.replay` of its votes.
"""

import copy
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course.expect import whole
from course.recipes.feedback import STEPS, VoteLoop, whole_pair
from course.reward.feedback import (
    Posterior,
    choose_pair,
    laplace_update,
    thumbs_to_pairs,
)
from course.reward.preferences import CHOICES, PreferenceStore, Vote

TEXTS = 6  # written for each opening


@dataclass
class Job:
    """An update that is due: its number of votes, and the head as it was then."""

    count: int
    posterior: Posterior
    wins: Tensor
    done: int = 0  # steps
    stopped: bool = False  # keeps what was learned
    dropped: bool = False  # keeps nothing: its votes were taken back


class FeedbackSession:
    """Six texts, two of them to compare, and what the votes have taught so far.

    loop: it is started afresh and given this annotator's votes of the store.  Updates
    that are due wait in `jobs` until `run_update` does the first, in any thread.  An
    update that you stopped is kept as it is until the session is built again from the
    store; then it is done whole.  Chapter 13.
    """

    def __init__(self, loop: VoteLoop, store: PreferenceStore) -> None:
        """Read the store's votes; raises CourseError when it cannot be read."""
        self.loop, self.store, self.lock = loop, store, threading.RLock()
        self.log: list[Vote] = []  # learned, oldest first
        self.counts: list[int] = []  # comparisons in the head after each of them
        self.jobs: list[Job] = []
        self.thumbs: list[tuple[str, str, bool]] = []
        self.curve: list[tuple[int, float]] = []
        self.round, self.others = -1, 0  # others: votes on other texts
        self.trouble = ""  # the latest fault, one sentence
        loop.start()
        self.policies = {0: (loop.policy, loop.optimizer, self._probe(loop))}
        self.curve.append((0, 0.0))
        self.follow()
        self.new_texts()

    # What is shown --------------------------------------------------------------------

    def new_texts(self) -> None:
        """Six texts of today's policy for the next opening, and the pair to ask."""
        with self.lock:
            self.round += 1
            self.prompt = self.loop.prompts[self.round % len(self.loop.prompts)]
            seed = 1000 * self.loop.seed + 500 + self.round
            (self.texts,) = self.loop.write([self.prompt], TEXTS, seed)
            self.asked: set[tuple[str, str]] = set()
            self.features = self._features(self.loop, self.texts)
            self._ask()

    def _ask(self) -> None:
        """The open pair whose answer would teach most; None where none is left."""
        i, j = torch.triu_indices(TEXTS, TEXTS, 1)
        texts = self.texts
        left = [
            row
            for row, (a, b) in enumerate(zip(i.tolist(), j.tolist(), strict=True))
            if texts[a] != texts[b] and (texts[a], texts[b]) not in self.asked
        ]
        self.pair = None
        if left:
            differences = (self.features[i] - self.features[j])[left]
            row = left[choose_pair(*self.loop.posterior, differences)]
            self.pair = texts[int(i[row])], texts[int(j[row])]

    def ranking(self) -> list[tuple[str, float]]:
        """The six texts with the head's scores, best first: best-of-6 is row 0."""
        scores = (self.features @ self.loop.posterior.mean).tolist()
        rows = zip(self.texts, scores, strict=True)
        return sorted(rows, key=lambda row: -row[1])

    def sentence(self) -> str:
        """Where you are, in words; the latest fault first."""
        votes, updates = self.counts[-1] if self.counts else 0, len(self.policies) - 1
        said = f"Votes: {votes}; policy updates: {updates}."
        if self.others:
            said += f" Left alone: {self.others} of your votes on other texts."
        if self.jobs:
            said += f" The policy learns: step {self.jobs[0].done} of {STEPS}."
        if self.pair is None:
            same = len(set(self.texts)) == 1
            said += (
                " The six texts are identical" if same else " Every pair was asked"
            ) + "; ask for new texts."
        return f"{self.trouble} {said}".strip()

    # What you do ----------------------------------------------------------------------

    def choose(self, choice: str, seconds: float | None = None) -> bool:
        """Keep a vote on the pair shown, then learn it; False where no pair is shown.

        Raises ValueError on another choice than a, b, tie or skip, and CourseError when
        the vote could not be written: nothing has changed then.
        """
        if choice not in CHOICES:
            raise ValueError(f"got the choice {choice!r}, expected one of {CHOICES}")
        with self.lock:
            self.trouble = ""
            if self.pair is None:
                return False
            a, b = (text.removeprefix(self.prompt) for text in self.pair)
            self.store.add(a, b, choice, prompt=self.prompt, seconds=seconds)
            self.asked.add(self.pair)
            self.follow()
            self._ask()
        return True

    def thumb(self, text: str, up: bool) -> int:
        """A thumb for one of the six; how many votes it made beside opposite thumbs."""
        if text not in self.texts:
            raise ValueError(f"got the text {text!r}, expected one of the six shown")
        with self.lock:
            rest = text.removeprefix(self.prompt)
            others = [t for t in self.thumbs if t[:2] != (self.prompt, rest)]
            self.thumbs = [*others, (self.prompt, rest, up)]
            known = {(vote.prompt, vote.text_a, vote.text_b) for vote in self.mine()}
            new = [p for p in thumbs_to_pairs(self.thumbs) if p not in known]
            for prompt, chosen, rejected in new:
                self.store.add(chosen, rejected, "a", prompt=prompt)
            self.follow()
            self._ask()
        return len(new)

    def undo(self) -> bool:
        """Take this annotator's latest vote out of the store and forget it.

        False where that vote is on other texts, or where there is none.
        """
        with self.lock:
            own = [v for v in self.store.votes() if v.annotator == self.store.annotator]
            if not own or own[-1].prompt not in self.loop.prompts:
                return False
            gone = self.store.undo()
            if gone is not None:
                self.asked.discard(whole_pair(gone))
                pair = {gone.text_a, gone.text_b}
                self.thumbs = [t for t in self.thumbs if t[1] not in pair]
            self.follow()
            self._ask()
        return gone is not None

    # What follows ---------------------------------------------------------------------

    def mine(self) -> list[Vote]:
        """This annotator's votes on texts of these openings, oldest first."""
        own = [v for v in self.store.votes() if v.annotator == self.store.annotator]
        mine = [vote for vote in own if vote.prompt in self.loop.prompts]
        self.others = len(own) - len(mine)
        return mine

    def follow(self) -> None:
        """Learn what the store holds: forget votes that are gone, learn new ones."""
        votes, same = self.mine(), 0
        while same < min(len(votes), len(self.log)) and votes[same] == self.log[same]:
            same += 1
        if same < len(self.log):
            self._forget(same)
        for vote in votes[same:]:
            self._learn(vote)

    def _learn(self, vote: Vote) -> None:
        loop = self.loop
        before = loop.differences, loop.wins, loop.posterior
        try:
            if loop.learn(*whole_pair(vote), vote.choice):
                self.jobs.append(Job(len(loop.wins), loop.posterior, loop.wins))
        except Exception as error:  # the vote stays in the store
            loop.differences, loop.wins, loop.posterior = before
            self.trouble = (
                f"The judge could not read this vote, which is kept ({error})."
            )
        self.log.append(vote)
        self.counts.append(len(loop.wins))
        self._draw()

    def _forget(self, same: int) -> None:
        """Back to the first `same` votes of the log."""
        loop, self.log, self.counts = self.loop, self.log[:same], self.counts[:same]
        votes = self.counts[-1] if same else 0
        loop.differences, loop.wins = loop.differences[:votes], loop.wins[:votes]
        loop.posterior = laplace_update(loop.differences, loop.wins)
        for job in self.jobs:
            job.dropped = job.count > votes
        self.jobs = [job for job in self.jobs if not job.dropped]
        self.policies = {n: kept for n, kept in self.policies.items() if n <= votes}
        loop.policy, loop.optimizer, _ = self.policies[max(self.policies)]
        self.curve = [point for point in self.curve if point[0] < votes] or [(0, 0.0)]
        self._draw()

    def run_update(self, watch: Callable[[Job], None] = lambda job: None) -> bool:
        """Do the first update that waits; False where none does.

        It works on a copy, so that votes may come meanwhile.  watch: called with the
        job before each step.  A fault changes nothing and is said by `sentence`.
        """
        with self.lock:
            if not self.jobs:
                return False
            job, worker = self.jobs[0], copy.copy(self.loop)
            kept = self.policies[max(self.policies)]
        worker.policy, worker.optimizer = copy.deepcopy(kept[:2])
        worker.posterior, worker.wins = job.posterior, job.wins

        def go_on(step: int) -> bool:
            job.done = step
            watch(job)
            return not (job.stopped or job.dropped)

        try:
            worker.update(go_on)
            found = worker.policy, worker.optimizer, self._probe(worker)
        except Exception as error:
            found = kept
            self.trouble = f"An update failed and changed nothing ({error})."
        with self.lock:
            if not job.dropped:
                self.jobs.remove(job)
                if found is not kept:
                    self.policies[job.count] = found
                self.loop.policy, self.loop.optimizer = found[:2]
                self._draw()
        return True

    def stop(self) -> bool:
        """Stop the update that runs and keep its steps; False where none waits."""
        with self.lock:
            for job in self.jobs[:1]:
                job.stopped = True
            return bool(self.jobs)

    def _features(self, loop: VoteLoop, texts: Sequence[str]) -> Tensor:
        """The texts' features; zeros, and a sentence, where the judge fails."""
        try:
            found = loop.features(texts)
            if not found.isfinite().all():
                raise ValueError("it gave numbers that are not finite")
        except Exception as error:
            self.trouble = f"The judge could not read these texts ({error})."
            return loop.differences.new_zeros(len(texts), loop.differences.shape[1])
        return found

    def _probe(self, loop: VoteLoop) -> Tensor:
        """Features of six fresh texts for the first opening, the same draws always."""
        (texts,) = loop.write([loop.prompts[0]], TEXTS, 1000 * loop.seed + 499)
        return self._features(loop, texts)

    def _draw(self) -> None:
        """The curve's point for today's number of votes."""
        votes = self.counts[-1] if self.counts else 0
        probe = self.policies[max(self.policies)][2]
        mean = float((probe @ self.loop.posterior.mean).mean())
        self.curve = [point for point in self.curve if point[0] != votes]
        self.curve.append((votes, mean))


def vote_by_rule(
    session: FeedbackSession, rule: Callable[[str, str], str], n: int
) -> None:
    """A scripted annotator: rule(text a, text b) chooses n times; updates run at once.

    Raises ValueError on an answer that is no choice; the votes before it are kept.
    TypeError unless n is a whole number.  Chapter 13.
    """
    whole(0, n=n)
    for _ in range(n):
        if session.pair is None or len(session.asked) >= TEXTS - 1:
            session.new_texts()
        if session.pair is None:  # six identical texts: there is nothing to ask
            continue
        session.choose(rule(*session.pair))
        while session.run_update():
            pass
