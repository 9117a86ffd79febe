"""A vote loop of tiny models; as a program: votes, and a kill while it learns.

`python tests/tiny_feedback.py PATH` votes 30 times, with the update at 20, and is
killed in step 3 of the one at 30.  With a number behind PATH it votes so many times,
once a file PATH.go is there, and ends.
"""

import os
import signal
import sys
import time
from functools import cache

import torch

from course.lm.model import GPT, GPTConfig
from course.lm.tokenizer import train_tokenizer
from course.recipes import feedback as recipe
from course.reward.feedback import end_states, principal_directions
from course.reward.model import RewardModel
from course.reward.preferences import PreferenceStore
from course.widgets.feedback_session import FeedbackSession, vote_by_rule

OPENINGS = ["the film is", "the"]
TEXTS = ["the film is good", "the film", "is dull", "long and good", "a good film",
         "dull", "and long", "film film is"]  # fmt: skip


@cache
def parts():
    """Writer, tokenizer, judge and directions, always the same."""
    torch.manual_seed(0)
    texts = ["the film is good", "the film is dull and long"]
    tokenizer = train_tokenizer(texts * 3, 300)
    size = {"width": 16, "layers": 2, "heads": 4, "kv_heads": 2, "feed_forward": 16}
    made = [GPT(GPTConfig(vocab_size=len(tokenizer), context=64, **size))
            for _ in range(2)]  # fmt: skip
    for model in made:
        for parameter in model.parameters():
            parameter.data.mul_(4)
    writer, judge = made[0], RewardModel(made[1])
    directions = principal_directions(end_states(judge, tokenizer, TEXTS), 4)
    return writer, tokenizer, judge, directions


def tiny_loop(seed=0):
    return recipe.VoteLoop(*parts(), OPENINGS, seed=seed)


def shorter(a, b):
    """A voter that likes the shorter text."""
    return "tie" if len(a) == len(b) else "a" if len(a) < len(b) else "b"


def vote_without_update(session, rule, n):
    """As `vote_by_rule`, but the updates that are due only wait."""
    for _ in range(n):
        if session.pair is None:
            session.new_texts()
        session.choose(rule(*session.pair))


def _die(job):
    if job.done == 3:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    recipe.STEPS = 4
    session = FeedbackSession(tiny_loop(), PreferenceStore(sys.argv[1], "me"))
    if len(sys.argv) > 2:
        print("ready", flush=True)
        while not os.path.exists(f"{sys.argv[1]}.go"):
            time.sleep(0.01)
        vote_by_rule(session, shorter, int(sys.argv[2]))
        sys.exit()
    vote_by_rule(session, shorter, 25)  # one update, at 20
    vote_without_update(session, shorter, 5)
    session.run_update(_die)
