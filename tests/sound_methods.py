"""Sound values for the public methods, by "Class.method.argument" or "Class.argument".

`self` is built from the sound arguments of its constructor (`sound.owner`); where that
is a record or needs more, it is given here.
"""

import itertools
from copy import copy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from sound_later import votes, wish


def ngram(s: Any):
    from course.lm.ngram import NGram

    return NGram(2, 270).fit([[3, 4, 5, 3, 4], [6, 5, 4, 3]])


def composite(s: Any):
    from course.reward.composite import Composite

    return Composite({"one": (1.0, s("score")), "good": (0.5, s("score"))})


def tiny_policy(s: Any):
    from course.policy.enumerable import TinyPolicy

    return TinyPolicy(s.normal(3, 3).double())


def objective(s: Any):
    return s("self").expected(torch.arange(7.0).double())


def adaptive(s: Any):
    from course.policy.kl import AdaptiveKL

    return AdaptiveKL(0.1, 4.0, 1000)


def update_log(s: Any):
    from course.policy.metrics import UpdateLog

    made = UpdateLog()
    if s.qualified.endswith("metrics"):
        ratio = torch.ones(4, 4)
        batch = s("batch")
        made.part(batch.old_logprobs, batch, ratio, ratio > 2, loss=0.5)
        made.close([1.0])
    return made


def part(s: Any):
    from course.policy.minibatches import Part

    rollout = s("rollout")
    mask = rollout.completion_mask
    rows = torch.tensor([0, 1])
    return Part(rows, rollout, rollout.old_logprobs, rows, mask)


def whole_cache(s: Any):
    from course.lm.cache import KVCache

    made = KVCache(1)
    made.extend(0, s("keys"), s("keys"))
    return made


def angles(s: Any):
    from course.lm.layers import rotary_angles

    return rotary_angles(torch.arange(4), 4, 10_000.0)


def session(s: Any):
    from course.reward.preferences import PreferenceStore
    from course.widgets.labeller import Session

    pairs = [{"text_a": "a", "text_b": "b", "mean_a": 1.0, "mean_b": 0.0}]
    return Session(pairs, PreferenceStore(votes_file(s)))


def talk(s: Any):
    from course.widgets.talk import Talk

    return Talk()


def directions(s: Any):
    from course.reward.feedback import principal_directions

    draws = torch.Generator().manual_seed(2)
    return principal_directions(torch.randn(6, 8, generator=draws), 2)


def live(s: Any):
    """A session of votes with a file of its own; its texts are quickly written."""
    from tiny_feedback import TEXTS, tiny_loop

    from course.reward.preferences import PreferenceStore
    from course.widgets.feedback_session import FeedbackSession

    loop = tiny_loop()
    loop.write = lambda prompts, number, seed: [TEXTS[:number] for _ in prompts]
    return FeedbackSession(loop, PreferenceStore(votes_file(s)))


@cache
def vote_loop():
    """Copied for each call: a vote binds new beliefs, it changes none in place."""
    from tiny_feedback import tiny_loop

    return tiny_loop()


def adversary(s: Any):
    from sound_later import adversary

    return adversary(s)


def rated(s: Any):
    from sound import gpt

    from course.recipes.real_reward import RatedAdapters

    return RatedAdapters(gpt().config)


def kept_votes(s: Any):
    from course.widgets.feedback import Votes

    return Votes(votes(s))


FILES = itertools.count()


@cache
def folder():
    return TemporaryDirectory()


def votes_file(s: Any):
    """A new one, never the votes of whoever runs the tests."""
    return Path(folder().name) / f"{next(FILES)}.sqlite"


METHODS: dict[str, Any] = {
    # lm
    "KVCache.self": lambda s: (
        whole_cache(s) if s.qualified.endswith("select") else _empty_cache()
    ),
    "KVCache.keys": lambda s: s.normal(3, 1, 2, 4),
    "KVCache.values": lambda s: s.normal(3, 1, 2, 4),
    "KVCache.rows": lambda s: torch.tensor([2, 0]),
    "LowRank.x": lambda s: s.normal(3, 4),
    "RMSNorm.x": lambda s: s.normal(3, 4),
    "Attention.x": lambda s: s.normal(3, 4, 8),
    "Attention.angles": angles,
    "Attention.cache": lambda s: None,
    "Block.x": lambda s: s.normal(3, 4, 8),
    "Block.angles": angles,
    "Block.cache": lambda s: None,
    "FeedForward.x": lambda s: s.normal(3, 8),
    "NGram.self": ngram,
    "NGram.held_out": lambda s: [[3, 4, 5], [6, 5]],
    "NGram.sequence": lambda s: [3, 4, 5],
    "NGram.context": lambda s: [3, 4],
    "History.self": lambda s: s("history"),
    "History.log.step": lambda s: 1,
    "History.name": lambda s: "loss",
    # reward
    "RatingTable.self": lambda s: s("table"),
    "Composite.self": composite,
    "Composite.add.name": lambda s: "two",
    "Composite.weight": lambda s: 0.5,
    "Composite.remove.name": lambda s: "one",
    "Directions.self": directions,
    "Directions.states": lambda s: s.normal(5, 8),
    "StateJudge.states": lambda s: s.normal(5, 3),
    "preferences.PreferenceStore.path": votes_file,
    "PreferenceStore.text_a": lambda s: "a",
    "PreferenceStore.text_b": lambda s: "b",
    "PreferenceStore.seconds": lambda s: 1.0,
    # policy
    "Pairs.self": lambda s: s("pairs"),
    "Pairs.numbers": lambda s: torch.tensor([1, 0]),
    "TinyPolicy.self": tiny_policy,
    "TinyPolicy.reference": tiny_policy,
    "TinyPolicy.scale": lambda s: 1.0,
    "TinyPolicy.values": lambda s: s.normal(7).double(),
    "TinyPolicy.scores": lambda s: s.normal(7).double(),
    "TinyPolicy.gradient.self": lambda s: tiny_policy(s).__class__(
        s.normal(3, 3).double().requires_grad_()
    ),
    "TinyPolicy.objective": objective,
    "ChangedHead.states": lambda s: s.normal(3, 8),
    "AdaptiveKL.self": adaptive,
    "UpdateLog.self": update_log,
    "UpdateLog.logprobs": lambda s: s("batch").old_logprobs.clone(),
    "UpdateLog.ratio": lambda s: torch.ones(4, 4),
    "UpdateLog.clipped": lambda s: torch.zeros(4, 4).bool(),
    "UpdateLog.norms": lambda s: [1.0],
    "Part.self": part,
    "Part.reduce": lambda s: _mean,
    # recipes
    "VoteLoop.self": lambda s: copy(vote_loop()),
    "VoteLoop.text_a": lambda s: "the film is good",
    "VoteLoop.text_b": lambda s: "the film is dull",
    "VoteLoop.votes": votes,
    "RatedAdapters.self": rated,
    # tasks
    "Adversary.self": adversary,
    "Adversary.prompts": lambda s: ["one =", "two ="],
    "Adversary.completions": lambda s: [" red", " blue"],
    "Adversary.texts": lambda s: ["one = red", "two = blue"],
    "Chooser.x": lambda s: s.normal(2, 3, 7),
    "Chooser.mask": lambda s: torch.tensor([[1, 1, 0], [1, 1, 1]]).bool(),
    "Wish.self": wish,
    "Wish.said": lambda s: " which city?",
    # widgets
    "Votes.self": kept_votes,
    "FeedbackSession.self": live,
    "FeedbackSession.seconds": lambda s: 1.0,
    "FeedbackSession.thumb.text": lambda s: s("self").texts[0],
    "FeedbackSession.up": lambda s: True,
    "Session.self": session,
    "Session.seconds": lambda s: 1.0,
    "Talk.self": talk,
    "Talk.policy": lambda s: _said()[0],
    "Talk.tokenizer": lambda s: _said()[1],
    "Talk.words": lambda s: "in Rome for two",
    "Talk.said": lambda s: " which day?",
}


def _empty_cache():
    from course.lm.cache import KVCache

    return KVCache(1)


def _mean(values, mask):
    return (values * mask).sum() / mask.sum()


def _said():
    from sound_later import _toy

    return _toy()
