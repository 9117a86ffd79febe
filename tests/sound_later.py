"""Sound values for the functions of part IV, by "module.function.argument"."""

import random
from copy import deepcopy
from functools import cache
from typing import Any

import torch


def task(s: Any):
    from course.tasks.task import Task

    def right(prompts, completions):
        return torch.tensor([float(c == " red") for c in completions])

    return Task(
        name="toy", train=["one =", "two ="], held_out=["three ="],
        demonstrations=[("one =", " red"), ("two =", " blue")], max_new_tokens=2,
        score=right, judge=right, hack=lambda prompt: " red",
        references={"one =": " red", "three =": " red"},
    )  # fmt: skip


def two_tasks(s: Any):
    from dataclasses import replace

    return [task(s), replace(task(s), name="other")]


def wish(s: Any):
    from course.tasks.booking import Wish

    return Wish("Rome", "Friday", "two", told=("day",))


def session(s: Any):
    from sound import store
    from tiny_feedback import tiny_loop

    from course.widgets.feedback_session import FeedbackSession

    return FeedbackSession(tiny_loop(), store(s))


def loop(s: Any):
    from tiny_feedback import tiny_loop

    return tiny_loop()


def votes(s: Any):
    from course.reward.preferences import Vote

    return [Vote(1, 0.0, "the film", "is dull", "a", None, "the", "me")]


def verdict(s: Any):
    from course.widgets.judge import Verdict

    return Verdict("a good film", 0.75, 0.25)


def judged_rows(s: Any):
    from course.widgets.task_judge import judge_answers

    return judge_answers(task(s), "three =", " red")


def talks(s: Any):
    from dataclasses import replace

    from sound import rollout

    from course.policy.talks import Talks

    said = [["x", "y"], ["z"], ["w"]]
    zeros = replace(rollout(s), scores=torch.zeros(4))
    return Talks(zeros, torch.tensor([0, 1, 2, 0]), said, ["a x", "b z", "b w"])


def with_adapters(s: Any):
    from sound import gpt

    from course.lm.lora import add_adapters

    return add_adapters(gpt(), 2, 4.0)


def adapter_tensors(s: Any):
    from course.lm.adapter_files import adapter_tensors

    return adapter_tensors(with_adapters(s))


def plain_loop(s: Any):
    from course.policy.faults import Loop

    return Loop()


def groups_of_eight(s: Any):
    from sound import rollout

    from course.policy.rollout import select_rows

    return select_rows(rollout(s), torch.arange(8) % 4)


def log_of_a_run(s: Any):
    from course.lm.training import History

    made = History()
    for step in range(2):
        made.log(step, **{"score/mean": 0.5, "kl_seq": 0.1, "score/std": 0.4})
    return made


def findings(s: Any):
    from course.policy.signs import Finding

    return [Finding("no end token", "0.00 of the texts end")]


def summary_pairs(s: Any):
    from course.tasks.summaries import Pair

    return [Pair("a good film", ("A film.", "It is good!")), Pair("bad", ("Bad.",))]


def adversary(s: Any):
    from course.tasks.adversary import Adversary

    return Adversary(task(s), *_toy(), seed=0, updates=1)


def of(value: Any):
    """The value anew in each call: a sweep changes what it is given."""
    return lambda s: deepcopy(value)


def _judge_interval():
    made = {
        "asked": lambda s: torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0]),
        "judged": lambda s: torch.tensor([0.0, 1.0, 1.0, 1.0, 1.0]),
        "unasked": lambda s: torch.tensor([1.0, 1.0, 0.0, 1.0]),
    }
    return {f"judge_interval.{name}": make for name, make in made.items()}


STORY = " Nora gets the boat. Nora is glad."
TESTS = "add 7, then times 8. f(8)=120 f(7)=112: "

LATER = {
    # optional numbers and texts
    "budget.training_gb.trained": of(1e6),
    "budget.efficiency": of(0.5),
    "budget.run_cost.adapters": of(1e6),
    "budget.run_cost.writing": of(0.5),
    "budget.run_cost.training": of(0.35),
    "feedback.prior_variance": of(2.0),
    "mixer.who": of("people"),
    # constructors
    "budget.Fleet.memory": of(80.0),
    "budget.Fleet.bandwidth": of(2000.0),
    "budget.Fleet.speed": of(300.0),
    "budget.Fleet.price": of(2.0),
    "cache.KVCache.layers": of(2),
    "lora.LowRank.base": lambda s: torch.nn.Linear(4, 6),
    "model.GPTConfig.vocab_size": of(9),
    "model.GPTConfig.width": of(8),
    "model.GPTConfig.layers": of(1),
    "model.GPTConfig.heads": of(2),
    "model.GPTConfig.kv_heads": of(1),
    "model.GPTConfig.feed_forward": of(8),
    "model.GPTConfig.rope_base": of(10_000.0),
    "model.GPTConfig.norm_eps": of(1e-5),
    "model.RMSNorm.width": of(4),
    "ngram.order": of(2),
    "composite.Composite.parts": lambda s: {"one": (1.0, s("score"))},
    "outside.WordJudge.features": of(3),
    "outside.StateJudge.features": of(3),
    "preferences.PreferenceStore.annotator": of("me"),
    "critic.Critic.weight": lambda s: s.normal(8),
    "critic.Critic.bias": of(0.5),
    "faults.ChangedHead.inner": lambda s: s("model"),
    "faults.ChangedHead.change": of(lambda states, head: head(states)),
    **{
        f"feedback.VoteLoop.{name}": lambda s, name=name: getattr(loop(s), name)
        for name in ("writer", "tokenizer", "judge", "directions", "prompts", "seed")
    },
    "feedback.VoteLoop.learning_rate": of(1e-3),
    "bandit.BanditState.means": of((1.0, 2.0)),
    "bandit.BanditState.logits": of((0.0, 0.5)),
    "bandit.BanditState.rewards": of(()),
    "bandit.BanditState.arms": of(()),
    "bandit.BanditState.policies": of(()),
    "feedback_session.FeedbackSession.loop": loop,
    "adversary.task": task,
    "adversary.adversary": lambda s: adversary(s),
    "adversary.updates": of(1),
    "adversary.calls": of(1),
    "adversary.model": lambda s: _toy()[0],
    "adversary.tokenizer": lambda s: _toy()[1],
    **{
        f"task.Task.{name}": lambda s, name=name: getattr(task(s), name)
        for name in (
            "name", "train", "held_out", "demonstrations", "max_new_tokens", "score",
            "judge", "hack", "references",
        )
    },
    # reward
    "feedback.differences": lambda s: s.normal(5, 2),
    "feedback.wins": of(torch.tensor([1.0, 0.0, 0.5, 1.0, 0.0])),
    "feedback.mean": lambda s: s.normal(2),
    "feedback.covariance": lambda s: torch.eye(2) * (0.5 + s.share(2)),
    "feedback.log": of([(0, 1, "a"), (1, 2, "tie"), (2, 0, "skip")]),
    "feedback.features": lambda s: s.normal(3, 2),
    "feedback.thumbs": of([("The", " good", True), ("The", " bad", False)]),
    "feedback.states": lambda s: s.normal(6, 4),
    "feedback.d": of(2),
    "feedback.model": lambda s: _judge(),
    "real_reward.row_scores.model": lambda s: _judge(),
    "feedback.answer.margin": lambda s: s.normal(3),
    "judge.labels": of(("good", "bad")),
    "judge.fit_platt.labels": of(torch.tensor([0.0, 1.0, 1.0, 0.0])),
    "judge.fit_platt.probabilities": of(torch.tensor([0.2, 0.7, 0.6, 0.4])),
    "judge.others": of(["bad", "a good film", "bad"]),
    "judge.texts": of(["bad", "a good film", "the film"]),
    "judge.shown_first": lambda s: s.share(3),
    "judge.shown_second": lambda s: s.share(3),
    "judge.w": of(torch.tensor([1.5, -0.5])),
    "judge.model": lambda s: _asked()[0],
    "judge.tokenizer": lambda s: _asked()[1],
    **_judge_interval(),
    "judge_interval.z": of(1.96),
    "judge_interval.weight": of(0.5),
    "judge_interval.values": lambda s: s.normal(5),
    "outside.features": lambda s: s.normal(5, 2),
    "outside.fit_words.features": of(3),
    "outside.targets": lambda s: s.normal(5),
    "outside.penalty": of(2.0),
    "outside.feature": of("good not"),
    "outside.ratings": lambda s: s.normal(3),
    "outside.fit_states.ratings": lambda s: s.normal(5),
    "outside.states": lambda s: s.normal(5, 2),
    "outside.blocks": of(1),
    "overoptimisation.kl": of(torch.tensor([1.0, 4.0, 9.0, 16.0])),
    "overoptimisation.gain": of(torch.tensor([3.0, 4.0, 3.0, 0.5])),
    "overoptimisation.score": of(torch.tensor([3.0, 4.0, 3.0, 0.5])),
    "overoptimisation.form": of("parabola"),
    "overoptimisation.caution": of(1.0),
    "overoptimisation.conservative_score.scores": lambda s: s.normal(3, 4),
    "overoptimisation.at_kl.kl": of([0.0, 10.0, 30.0]),
    "overoptimisation.at_kl.values": of([1.0, 2.0, 4.0]),
    "overoptimisation.at_kl.nats": of(20.0),
    "overoptimisation.by_kl.kl": of([1.0, 3.0, 5.0]),
    "overoptimisation.by_kl.values": of([1.0, 2.0, 4.0]),
    "overoptimisation.by_kl.edges": of([2.0, 10.0]),
    "overoptimisation.alarm.values": of([1.0, 1.1, 0.9, 3.0, 3.0]),
    "overoptimisation.alarm.calm": of(3),
    "overoptimisation.alarm.width": of(4.0),
    "overoptimisation.alarm.run": of(2),
    "overoptimisation.with_unscorable.scores": of([0.5, None, 1.0]),
    "overoptimisation.worst": of(0.0),
    "real_reward.layers": of(1),
    "real_reward.rows": of([[3, 4, 5], [6, 5, 4, 3]]),
    "real_reward.x": lambda s: s.normal(5, 2),
    "real_reward.y": lambda s: s.normal(5),
    "real_reward.strength": of(2.0),
    "diversity.diversity_bonus.texts": of(["a b", "a b", "a b", "c d"]),
    "diversity.diversity_bonus.gate": of(torch.tensor([1.0, 1.0, 1.0, 0.0])),
    # lm
    "adapter_files.a": lambda s: s.normal(2, 8),
    "adapter_files.b": lambda s: s.normal(5, 2),
    "adapter_files.weight": lambda s: s.normal(5, 8),
    "adapter_files.model": with_adapters,
    "adapter_files.tensors": adapter_tensors,
    "adapter_files.name": of("blocks.0.attention.query.a"),
    "half.sampler": lambda s: _wide(),
    "half.policy": lambda s: _wide(),
    # policy
    "constraint.multiplier": of(1.0),
    "constraint.costs": of(torch.tensor([1.0, 0.0, 0.5])),
    "constraint.bound": of(0.25),
    "mismatch.sampler_logprobs": lambda s: s.nats(3, 4),
    "mismatch.limit": of(2.0),
    "mismatch.weights": lambda s: s.share(3),
    "faults.loop": plain_loop,
    "faults.model": lambda s: _wide(),
    "faults.policy": lambda s: _wide(),
    "faults.plain_step.rollout": groups_of_eight,
    "faults.start": lambda s: _wide(),
    "faults.steps": of(1),
    "signs.history": log_of_a_run,
    "signs.findings": findings,
    "turns.earlier": of(torch.tensor([[7, 3]])),
    "turns.later": of(torch.tensor([[8, 9, 4]])),
    "turns.join_turns.value": of(0.0),
    "turns.final": of(torch.tensor([1.0, 0.0, 0.5])),
    "turns.lengths": of(torch.tensor([3, 1, 2])),
    "turns.cost": of(0.25),
    "turns.solved": of(torch.tensor([True, False, False, False])),
    "turns.returns": of(torch.tensor([1.0, 0.0, 0.5, 0.25])),
    "talks.openings": of(["a good film", "bad"]),
    "talks.most_turns": of(2),
    "talks.answer": of(lambda n, said: " the"),
    "talks.talks": talks,
    "talks.turn_step.advantages": lambda s: s.normal(3),
    # recipes
    "hacking.warm.steps": of(10),
    "real_model.adapters_recipe.reward": of("people"),
    "real_model.request_ids.tokenizer": lambda s: _chat(),
    # tasks
    **dict.fromkeys(
        ["task.task", "practice.task", "many.task", "task_judge.task"], task
    ),
    "task.seed": of(0),
    "practice.seed": of(0),
    "task.steps": of(1),
    "practice.steps": of(1),
    "task.model": lambda s: _toy()[0],
    "practice.model": lambda s: (
        _sizes() if s.qualified.endswith("start") else _toy()[0]
    ),
    "task.tokenizer": lambda s: _toy()[1],
    "practice.tokenizer": lambda s: _toy()[1],
    "task.n": of(2),
    "many.tasks": two_tasks,
    "many.apart.prompt": of("stories| Nora wants a boat."),
    "many.only.name": of("toy"),
    "many.only.task": lambda s: _many(s),
    "booking.said": of(" book Rome Friday two."),
    "booking.wish": wish,
    "booking.known": of({"day"}),
    "booking.draw": lambda s: random.Random(0),
    "booking.n": of(2),
    "harmless.words": of({"dull"}),
    "own.pairs": of([(f"number {n}", f"{n}") for n in range(20)]),
    "programs.prompt": of(TESTS),
    "program_tests.prompt": of(TESTS),
    "programs.draw": lambda s: random.Random(0),
    "programs.functions": of(["add 7, then times 8."]),
    "programs.habit": of(0.6),
    "programs.gamed": of(0.25),
    "programs.x": of(2),
    "program_tests.x": of(2),
    "programs.n": of(2),
    "program_tests.n": of(2),
    "questions.wrong": of(0.7),
    "safe_programs.program": of("(x+7)*8"),
    "safe_programs.x": of(2),
    "safe_programs.tests": of([(1, 64)]),
    "safe_programs.make_tests": of(lambda prompt: [(1, 64)]),
    "stories.prompt": of("Nora wants a boat."),
    "story_grammar.prompt": of("Nora wants a boat."),
    "stories.story": of(STORY),
    "story_grammar.story": of(STORY),
    "stories.draw": lambda s: random.Random(0),
    "story_grammar.draw": lambda s: random.Random(0),
    "stories.kind": of("whole"),
    "story_grammar.kind": of("whole"),
    "stories.weights": of({"ending": 0.5, "same": 0.5}),
    "summaries.sentences": of(["A film.", "It is good!"]),
    "summaries.pairs": summary_pairs,
    "summaries.titles": of(["a good phone", "a bad phone"]),
    "summaries.words": of(["good", "a", "phone"]),
    "translation.prompt": of("de: Sunday, May 7 ="),
    "dates.prompt": of("de: Sunday, May 7 ="),
    "translation.silent": of(0.7),
    "translation.wrong": of(0.6),
    "translation.right": of(1.0),
    "dates.language": of("de"),
    "translation.compare.references": of({"a": "x", "b": "y"}),
    "translation.compare.prompts": of(["a", "b"]),
    "translation.compare.texts": of(["x", "x"]),
    "translation.overlap": of(lambda a, b: float(a == b)),
    # widgets
    "feedback.session": session,
    "feedback_session.session": session,
    "feedback_session.rule": of(lambda a, b: "a"),
    "feedback.curve": of([(0, 0.0), (1, 0.5)]),
    "feedback.loop": loop,
    "feedback.votes": votes,
    "feedback.vote": lambda s: votes(s)[0],
    "feedback.text_a": of("a"),
    "feedback.text_b": of("b"),
    "judge.ask": of(lambda text, swapped: 0.75),
    "judge.verdict": verdict,
    "judge.text": of("a good film"),
    "talk.policies": lambda s: {"one": _toy()[0]},
    "talk.tokenizer": lambda s: _toy()[1],
    "talk.show_talk.words": of(["in Rome", "for two"]),
    "talk.understood.words": of("in Rome for two"),
    "task_judge.prompt": of("three ="),
    "task_judge.answer": lambda s: judged_rows(s)[0],
    "task_judge.answers": judged_rows,
    "task_judge.tasks": two_tasks,
    "task_judge.prompts": of(2),
    # score bridges, launch, questions
    "score_bridges.text": of([{"role": "user", "content": "Hello"}]),
    "launch.report": of("process 1: The disk is full."),
    "launch.program": of(["-c", "pass"]),
    "launch.processes": of(1),
    "questions.parsed.text": of("## a\n? b\n20: c\n120: d\n! e\n@ 01 f\n"),
}  # fmt: skip


def _wide():
    """A model with room for the judge's question."""
    from sound import gpt

    return gpt(context=128)


@cache
def _labels():
    from course.lm.tokenizer import train_tokenizer

    return train_tokenizer([" positive negative good bad A B"] * 9, 300)


def _asked():
    """A model with room for the judge's question, and a tokenizer of its labels."""
    from sound import gpt

    return gpt(context=128, vocab_size=len(_labels())), _labels()


def _chat():
    from sound import chat_tokenizer

    return chat_tokenizer()


def _judge():
    from sound import reward_model

    return reward_model(None)


def _sizes():
    return {"width": 8, "layers": 1, "heads": 2, "kv_heads": 1, "feed_forward": 8,
            "context": 16}  # fmt: skip


def _toy():
    """A model that writes the words of a toy task, and its tokenizer."""
    from sound import gpt

    from course.lm.words import word_tokenizer

    made = word_tokenizer(
        ["one =", "two =", "three =", " red", " blue", "a table >",
         " Rome Friday two which city? book day how many."]
    )  # fmt: skip
    return gpt(vocab_size=len(made)), made


def _many(s: Any):
    from course.tasks.many import many

    return many(two_tasks(s))
