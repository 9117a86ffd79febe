"""Every public function, constructor and method of the rooms, and sound arguments.

The functions are found by walking the rooms, their arguments by signature.  A value is
chosen by the argument's name, which means the same everywhere in the course; where a
function takes another shape, `EXCEPT` says so.  A new function is thus swept as soon
as it exists; an argument of a new name makes the sweep fail until it is given here.
"""

import importlib
import inspect
import pkgutil
import random
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import torch
from sound_later import LATER
from sound_methods import METHODS
from torch import Tensor

from course.lm.cache import KVCache
from course.lm.interop import to_transformers
from course.policy.advantages import reward_to_go_advantages
from course.policy.groups import group_advantages
from course.policy.preference_losses import dpo_loss

ROOMS = ("lm", "reward", "policy", "data", "recipes", "checkpoints", "claims",
         "widgets", "score", "score_bridges", "launch", "tasks",
         "checks.questions")  # fmt: skip
B, T, V, C, P = 3, 4, 7, 8, 3  # batch, time, vocabulary, width, prompt time
MASK = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0]]).bool()
TEXTS = ["a good film", "bad", "the film was good"]


@cache
def functions() -> dict[str, Callable]:
    """Name of every public function, constructor or method.

    Such as "policy.kl.k1" or "policy.kl.AdaptiveKL.update", which takes a `self`.
    """
    found = {}
    for room in ROOMS:
        package = importlib.import_module(f"course.{room}")
        parts = [
            importlib.import_module(f"{package.__name__}.{info.name}")
            for info in pkgutil.iter_modules(getattr(package, "__path__", []))
        ]
        for module in [*parts, package]:
            for name, thing in vars(module).items():
                own = getattr(thing, "__module__", "") == module.__name__
                takes = inspect.isfunction(thing) or builds(thing)
                if own and not name.startswith("_"):
                    place = f"{module.__name__.removeprefix('course.')}.{name}"
                    if takes:
                        found[place] = thing
                    for method, function in methods(thing):
                        found[f"{place}.{method}"] = function
    return found


def methods(thing: Any) -> Iterator[tuple[str, Callable]]:
    """The public methods that a class adds to its bases, and what `x(...)`, `x[...]`
    call; none of an error or a protocol."""
    if not inspect.isclass(thing) or issubclass(thing, BaseException):
        return
    for name, kept in vars(thing).items():
        if name.startswith("_") and name not in ("__call__", "__getitem__"):
            continue
        if isinstance(kept, classmethod | staticmethod):
            yield name, getattr(thing, name)
        elif inspect.isfunction(kept) and kept.__qualname__.startswith(thing.__name__):
            yield name, kept


def builds(thing: Any) -> bool:
    """Whether it is a class that does something with what its constructor is given.

    A record, which only keeps it, does not, nor does a test or an error.
    """
    if not inspect.isclass(thing) or issubclass(thing, BaseException):
        return False
    if hasattr(thing, "__post_init__"):
        return True
    maker = next(base for base in thing.__mro__ if "__init__" in vars(base))
    return maker.__module__.startswith("course.") and not is_dataclass(maker)


@cache
def tokenizer():
    from course.lm.tokenizer import train_tokenizer

    return train_tokenizer(["a good film", "the film was bad", "good acting"], 270)


@cache
def chat_tokenizer():
    from course.lm.chat_format import END, START
    from course.lm.tokenizer import train_tokenizer

    made = train_tokenizer(["a good film", "the film was bad"], 264)
    made.add_special_tokens({"additional_special_tokens": [START, END]})
    return made


class Sound:
    """The sound arguments of one call; what depends on each other is made together."""

    def __init__(self, qualified: str) -> None:
        self.qualified = qualified
        self.made: dict[str, Any] = {}

    def __call__(self, name: str) -> Any:
        if name not in self.made:
            module, function = self.qualified.split(".")[-2:]
            make = next(
                table[key]
                for table, key in (
                    (EXCEPT, f"{module}.{function}.{name}"),
                    (EXCEPT, f"{module}.{name}"),
                    (NAMES, name),
                )
                if key in table
            )
            self.draw = torch.Generator().manual_seed(crc32(name.encode()))
            self.made[name] = make(self)
        return self.made[name]

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.draw)

    def nats(self, *shape: int) -> Tensor:
        return -0.1 - 2 * torch.rand(*shape, generator=self.draw)

    def share(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.draw)

    def ids(self, *shape: int) -> Tensor:
        return torch.randint(V, shape, generator=self.draw)


def known(qualified: str, name: str) -> bool:
    module, function = qualified.split(".")[-2:]
    return (
        (name in NAMES if name != "self" else maker(qualified) in functions())
        or f"{module}.{function}.{name}" in EXCEPT
        or f"{module}.{name}" in EXCEPT
    )


def parameters(function: Callable) -> Iterator[inspect.Parameter]:
    for one in inspect.signature(function).parameters.values():
        if one.kind is not one.VAR_KEYWORD:
            yield one


def arguments(qualified: str) -> dict[str, Any]:
    """Sound arguments by name: all that are required, and optional ones if known."""
    sound, given = Sound(qualified), {}
    for one in parameters(functions()[qualified]):
        optional = one.default is not one.empty or one.kind is one.VAR_POSITIONAL
        if optional and not known(qualified, one.name):
            continue
        given[one.name] = sound(one.name)
    return given


def call(qualified: str, given: dict[str, Any]) -> Any:
    """Call the function; of an iterator or a `with` block, begin it."""
    function, given = functions()[qualified], dict(given)
    order = list(inspect.signature(function).parameters.values())
    positional = []
    if any(one.kind is one.VAR_POSITIONAL for one in order):
        for one in order:
            if one.name in given and one.kind is not one.KEYWORD_ONLY:
                value = given.pop(one.name)
                positional += value if one.kind is one.VAR_POSITIONAL else [value]
    result = function(*positional, **given)
    if hasattr(result, "__enter__") and hasattr(result, "gen"):  # a `with` block
        with result as inside:
            return inside
    if inspect.isgenerator(result):
        return next(result)
    if result is None and "self" in given:  # what the method did to its object
        return state(given["self"])
    return result


def state(one: Any) -> Any:
    """What an object holds; of a cache what was written: the rest may be anything."""
    if isinstance(one, KVCache):
        found = zip(one.buffers, one.lengths, strict=True)
        return [x[:, :, :length] for pair, length in found if pair for x in pair]
    return dict(vars(one))


# What the names mean ----------------------------------------------------------------


def gpt(context: int = 32, vocab_size: int | None = None):
    from course.lm.model import GPT, GPTConfig

    torch.manual_seed(0)
    return GPT(GPTConfig(
        vocab_size=vocab_size or len(tokenizer()), context=context, width=C, layers=1,
        heads=2, kv_heads=1, feed_forward=C,
    )).eval()  # fmt: skip


def fleet(s: Sound):
    from course.lm.budget import Fleet

    return Fleet(2, memory=80, bandwidth=2_000, speed=300, price=2.0)


def reward_model(s: Sound):
    from course.reward.model import RewardModel

    return RewardModel(gpt(), torch.Generator().manual_seed(0)).eval()


def rollout(s: Sound):
    from course.policy.rollout import Rollout, constant_logprobs

    s.draw = torch.Generator().manual_seed(1)
    prompt_mask = torch.tensor([[0, 1, 1], [1, 1, 1], [0, 0, 1], [1, 1, 1]]).bool()
    mask = torch.cat([MASK, MASK[:1]])
    columns = {
        "prompts": ["a", "a", "b", "b"], "completions": ["x", "y", "z", "w"],
        "prompt_ids": s.ids(4, P), "prompt_mask": prompt_mask,
        "completion_ids": s.ids(4, T), "completion_mask": mask,
        "old_logprobs": torch.zeros(4, T), "ref_logprobs": torch.zeros(4, T),
        "scores": torch.tensor([0.0, 1.0, 0.5, -0.5]),
        "ended": torch.tensor([1, 0, 1, 1]).bool(), "temperature": 1.0,
        "tokens_per_s": 1.0,
    }  # fmt: skip
    from dataclasses import replace

    empty = Rollout(**columns)
    logprobs = constant_logprobs(gpt(), empty)
    return replace(empty, old_logprobs=logprobs, ref_logprobs=logprobs.clone())


def optimizer(s: Sound):
    groups = [{"params": list(s("policy").parameters())}]
    if s.qualified.endswith("ppo_step"):
        groups.append({"params": list(s("critic").parameters())})
    return torch.optim.AdamW(groups, lr=1e-4)


def pairs(s: Sound):
    from course.policy.dpo import Pairs

    return Pairs(rollout(s), torch.tensor([1, 2]), torch.tensor([0, 3]))


def critic(s: Sound):
    from course.policy.critic import Critic

    return Critic(gpt())


def history(s: Sound):
    from course.lm.training import History

    made = History()
    made.log(0, loss=1.0, **{"score/mean": 0.0})
    made.log(1, loss=0.5, **{"score/mean": 1.0})
    return made


def kept(s: Sound):
    from course.widgets.best_of import best_so_far

    return best_so_far(TEXTS, [0.0, 1.0, 2.0], [1.0, 0.0, 2.0])


def axes(s: Sound):
    from matplotlib import pyplot

    pyplot.close("all")
    return pyplot.figure().gca()


def token_rows(s: Sound):
    from course.widgets.next_token import next_token_table

    return next_token_table(s.normal(270).softmax(-1), tokenizer(), n=3)


def session(s: Sound):
    from course.widgets.labeller import Session

    return Session(s("pairs"), store(s))


def store(s: Sound):
    votes: list[Any] = []

    def add(text_a, text_b, choice, **rest):
        votes.append(SimpleNamespace(
            text_a=text_a, text_b=text_b, choice=choice, annotator="", **rest
        ))  # fmt: skip
        return len(votes)

    return SimpleNamespace(
        votes=lambda: list(votes), add=add, undo=lambda: None, annotator=""
    )


def bandit(s: Sound):
    from course.widgets.bandit import run_bandit

    return run_bandit(5, 0.1, True)


def clipped(s: Sound):
    from course.widgets.clip import clip_token

    return clip_token(1.5, 1.0, 0.2)


def measured(prompts, completions):
    return torch.tensor([float(len(c)) for c in completions])


def seeded(s: Sound):
    return torch.Generator().manual_seed(0)


def reward_of(texts):
    return torch.tensor([float(len(text)) for text in texts])


BATCH = lambda s: s.normal(B)  # noqa: E731
ROWS = lambda s: s.normal(B, T)  # noqa: E731
NATS = lambda s: s.nats(B, T)  # noqa: E731
TOKENS = lambda s: [[3, 4, 5], [6, 5, 4, 3]]  # noqa: E731
TWO = lambda s: 2  # noqa: E731
RATED = lambda s: [0.5, -1.0, 2.0]  # noqa: E731


def text(value: Any) -> Callable[[Sound], Any]:
    return lambda s: value


def maker(method: str) -> str:
    """The name of a method's class."""
    return method.rpartition(".")[0]


def owner(s: Sound) -> Any:
    """An object of the method's class, built from the sound arguments of that."""
    torch.manual_seed(0)
    return call(maker(s.qualified), arguments(maker(s.qualified)))


NAMES: dict[str, Callable[[Sound], Any]] = {
    "self": owner,
    # tensors
    **dict.fromkeys(
        ["logprobs", "old_logprobs", "ref_logprobs"], NATS
    ),
    **dict.fromkeys(
        ["values", "old_values", "returns", "rewards", "advantages", "x", "raw"], ROWS
    ),
    **dict.fromkeys(
        ["scores", "chosen", "rejected", "ref_chosen", "ref_rejected", "h", "gaps",
         "log_ratios", "proxy", "gold", "people", "mix", "strengths", "numbers"], BATCH
    ),
    **dict.fromkeys(["logits", "ref_logits"], lambda s: s.normal(B, T, V)),
    **dict.fromkeys(
        ["mask", "completion_mask", "first", "mask_a", "mask_b"],
        lambda s: MASK.clone(),
    ),
    "second": lambda s: ~MASK,
    "prompt_mask": lambda s: torch.tensor([[0, 1, 1], [1, 1, 1], [0, 0, 1]]).bool(),
    "allowed": lambda s: torch.ones(B, T, T).tril().bool(),
    "visible": lambda s: torch.ones(T, T).tril().bool(),
    "desirable": lambda s: torch.tensor([True, False, True]),
    "ids": lambda s: s.ids(B, T),
    "completion_ids": lambda s: s.ids(B, T),
    "prompt_ids": lambda s: s.ids(B, P),
    "labels": lambda s: s.ids(B, T).masked_fill(~MASK, -100),
    "segments": lambda s: torch.tensor([[1, 1, 2, 2], [1, 1, 1, 0], [1, 1, 1, 1]]),
    "lengths": lambda s: torch.tensor([3, 4, 2]),
    "prompt_lengths": lambda s: torch.tensor([1, 2, 1]),
    "positions": lambda s: torch.arange(T),
    "queries": lambda s: s.normal(B, 2, T, 4),
    "keys": lambda s: s.normal(B, 1, T, 4),
    "hidden": lambda s: s.normal(B, T, C),
    "weight": lambda s: s.normal(C),
    "gate": lambda s: s.normal(5, C),
    "up": lambda s: s.normal(5, C),
    "down": lambda s: s.normal(C, 5),
    "cos": lambda s: s.normal(T, 2),
    "sin": lambda s: s.normal(T, 2),
    "estimates": lambda s: s.share(5, 2),
    "uniform": lambda s: s.share(B).double(),
    "loss": lambda s: s.normal(1).sum(),
    "wins": lambda s: torch.tensor([[0.0, 3, 1], [2, 0, 2], [1, 1, 0]]),
    "losses": lambda s: torch.tensor([1.0, 0.0, 2.0]),
    "ratings": lambda s: s.normal(B, T).round().clamp(-4, 4),
    "ratings_a": lambda s: torch.tensor([1.0, 2.0, -1.0, 0.0]),
    "ratings_b": lambda s: torch.tensor([0.0, 1.0, 1.0]),
    "length_ratios": lambda s: 0.5 + s.share(B),
    "potentials": lambda s: s.normal(B, T + 1),
    "cuts": lambda s: torch.tensor([-1.0, 0.5, 2.0, 2.5, 3.0]),
    "bins": lambda s: torch.tensor([0, 3, 1]),
    "probabilities": lambda s: s.share(B),
    "outcomes": lambda s: torch.tensor([0.0, 1.0, 1.0]),
    "ratio": lambda s: 0.5 + s.share(B, T),
    "action_probs": lambda s: s.normal(B, 2).softmax(-1),
    "next_values": lambda s: s.normal(B, 2),
    "ref_probs": lambda s: s.normal(B, T).softmax(-1),
    "entropy": lambda s: s.share(4, T),
    "margin": lambda s: s.share(B),
    "kl": lambda s: torch.tensor(0.3),
    "label_smoothing": lambda s: 0.1,
    "after": lambda s: s.normal(270).softmax(-1),
    "size": lambda s: 1,
    "weights": lambda s: s.share(2),
    # numbers
    **dict.fromkeys(
        ["beta", "gamma", "lam", "clip_eps", "value_clip_eps", "smoothing",
         "level", "share", "done", "penalty", "eps", "learning_rate", "noise", "rate",
         "matrix_learning_rate", "other_learning_rate", "weight_decay", "lr", "ties",
         "advantage", "batch_mean", "gap", "target", "kl_seq", "moved", "tolerance"],
        lambda s: 0.2,
    ),
    **dict.fromkeys(
        ["temperature", "max_grad_norm", "alpha", "base", "length_bias", "nats",
         "desirable_weight", "undesirable_weight", "largest", "centering", "bits",
         "missing_eos_penalty", "min_gap", "step"], lambda s: 1.0
    ),
    "r": lambda s: 0.5,
    "factor": lambda s: 2.0,
    "p": lambda s: 0.9,
    "k": TWO,
    "outcome": lambda s: 1.0,
    "value": lambda s: 1.0,
    "low": lambda s: 0.0,
    "high": lambda s: 2.0,
    "top_p": lambda s: 0.9,
    "top_k": lambda s: 3,
    "clip_eps_high": lambda s: 0.3,
    # counts
    **dict.fromkeys(
        ["steps", "batch_size", "warmup", "every", "measure_every", "n", "group_size",
         "minibatches", "epochs", "draws", "tries", "max_new_tokens", "rank", "top",
         "n_bytes", "n_sequences", "words", "parts", "numbers_shown", "heads",
         "columns"], TWO
    ),
    "vocab_size": lambda s: 270,
    "context": lambda s: 32,
    "longest": lambda s: 9,
    "length": lambda s: 6,
    "max_length": lambda s: T,
    "horizon": lambda s: 100,
    "dim": lambda s: 4,
    "time": lambda s: 2,
    "seen": lambda s: 3,
    "items": lambda s: 3,
    "hypothesis_length": lambda s: 3,
    "reference_length": lambda s: 4,
    "lowest": lambda s: -4,
    "highest": lambda s: 4,
    "n_tokens": lambda s: 9,
    "layer": lambda s: 0,
    "number": lambda s: 1,
    "total": lambda s: 3,
    "width": lambda s: 20,
    "height": lambda s: 3.0,
    "id": lambda s: 5,
    "pad_id": lambda s: 2,
    "eos_id": lambda s: 1,
    "seed": lambda s: 0,
    # switches
    **dict.fromkeys(["unbiased", "bos", "eos", "ends", "use_cache", "baseline", "say",
                     "count_prompt", "count_end", "add_generation_prompt"], text(True)),
    "baselines": text([False, True]),
    # texts
    **dict.fromkeys(
        ["texts", "prompts", "completions", "words", "hypotheses", "references",
         "tokens", "asked"], lambda s: list(TEXTS)
    ),
    **dict.fromkeys(
        ["text", "prompt", "completion", "hypothesis", "reference", "title", "caption",
         "sentence", "statement", "label", "name", "desc"], text("a good film")
    ),
    "key": lambda s: s.qualified,
    "a": lambda s: ["a", "b", "c"],
    "b": lambda s: ["a", "c"],
    "alphabet": text("abc"),
    "side": text("right"),
    "start": text("a film"),
    "split": text("train"),
    "source": text("movies"),
    "problem": text("27+58="),
    "choice": text("a"),
    "head": lambda s: ["one", "two"],
    "messages": lambda s: [{"role": "user", "content": "a good film"}],
    # lists
    "sequences": TOKENS,
    "ns": lambda s: [1, 2],
    "ratios": lambda s: [0.5, 1.0, 1.5],
    "temperatures": lambda s: [0.5, 1.0],
    "means": lambda s: [1.0, 2.0],
    "trace": lambda s: [("a", 0.5), (" film", 1.0)],
    # objects
    **dict.fromkeys(["model", "policy", "gpt", "trunk"], lambda s: gpt()),
    "reference": text("a good film"),
    "tokenizer": lambda s: tokenizer(),
    "generator": seeded,
    "draw": seeded,
    "optimizer": optimizer,
    "optimizers": lambda s: [torch.optim.SGD(s("parameters"), lr=0.1)],
    "parameters": lambda s: [torch.nn.Parameter(torch.ones(2))],
    "rollout": rollout,
    "batch": rollout,
    "pairs": pairs,
    "critic": critic,
    "history": history,
    "found": kept,
    "kept": lambda s: kept(s)[0],
    "state": bandit,
    "token": clipped,
    "axes": axes,
    "left": axes,
    "right": lambda s: s("left").figure.add_subplot(122),
    "session": session,
    "store": store,
    "score": lambda s: measured,
    "score_texts": lambda s: reward_of,
    "rule": lambda s: reward_of,
    "overlap": lambda s: lambda a, b: float(a == b),
    "statistic": lambda s: lambda index: float(index.double().mean()),
    "metrics": lambda s: {"loss/policy": 0.5, "policy/approx_kl": 0.01},
    "device": lambda s: torch.device("cpu"),
    "table": lambda s: _rating_table(),
    "answer": text(1.0),
    "holds": text(True),
    "factory": lambda s: dict,
    "render": lambda s: lambda: None,
    "models": lambda s: {"one": gpt()},
    "show": lambda s: {"loss": "loss/policy"},
    "schedule": lambda s: lambda done: 1 - done,
    "clock": lambda s: lambda: 0.0,
    "config": lambda s: gpt().config,
    "shape": lambda s: gpt().config,
    "stop_after_s": text(None),
    "watch": text(None),
    "tensors": text({}),
}  # fmt: skip


def _rating_table():
    from course.reward.agreement import rating_table

    return rating_table([[1, 2, 3], [-1, 1], [4, 0, 2]])


MOVED = lambda s: {"a": s.normal(B), "b": s.normal(B)}  # noqa: E731
WEIGHED = lambda s: {"a": 1.0, "b": -0.5}  # noqa: E731

# Where a name means another shape: "module.function.argument" or "module.argument".
EXCEPT: dict[str, Callable[[Sound], Any]] = {
    "budget.parameters": lambda s: 7.5e9,
    "budget.devices": lambda s: 8,
    "budget.sharded": lambda s: 1,
    "budget.config": lambda s: gpt().config,
    "budget.fleet": fleet,
    "budget.texts": lambda s: 16,
    "budget.tokens": lambda s: 100,
    "budget.prompt": lambda s: 8,
    "budget.completion": lambda s: 12,
    "budget.steps": lambda s: 5,
    "shared.tokens": lambda s: 20,
    "shared.processes": TWO,
    "advantages.shaped_rewards.scores": BATCH,
    "advantages.batch_mean_baseline.rewards": BATCH,
    "advantages.leave_one_out_baseline.rewards": lambda s: s.normal(4),
    "agreement.two_groups.mask": lambda s: torch.ones(B, T).bool(),
    "agreement.split_half.first": lambda s: (
        torch.tensor([1, 1, 0, 0]).bool().expand(B, T).clone()
    ),
    "agreement.split_half.second": lambda s: (
        torch.tensor([0, 0, 1, 1]).bool().expand(B, T).clone()
    ),
    "agreement.pairwise_ceiling.wins": lambda s: torch.tensor([3.0, 1.0, 0.0]),
    "agreement.rating_table.ratings": lambda s: [[1, 2, 3], [-1, 1]],
    "annotator.logits": BATCH,
    "best_of_n.kept_rows.scores": lambda s: s.normal(4),
    "best_of_n.pool_weights.size": lambda s: 4,
    "clipping.advantages": ROWS,
    "clipping.rloo_loss.advantages": BATCH,
    "composite.scores": lambda s: s.normal(2, B),
    "dpo.best_and_worst.group_size": TWO,
    "enumerable.bellman_backup.rewards": lambda s: s.normal(B, 2),
    "groups.scores": lambda s: s.normal(4),
    "groups.rewards": lambda s: s.normal(4),
    "layers.x": lambda s: s.normal(B, 2, T, 4),
    "layers.rms_norm.x": lambda s: s.normal(B, C),
    "layers.swiglu.x": lambda s: s.normal(B, C),
    "layers.values": lambda s: s.normal(B, 1, T, 4),
    "loop.train.reference": lambda s: gpt(),
    "loop.train.step": lambda s: lambda rollout: {"loss/policy": 0.5},
    "loop.repeat.step": lambda s: lambda: {"loss/policy": 0.5},
    "rollout.collect.reference": lambda s: gpt(),
    "rollout.collect.prompt_ids": lambda s: [[0, 5], [0, 6, 7], [0]],
    **dict.fromkeys(
        ["dpo.dpo_step.loss", "dpo.pair_metrics.loss", "dpo.train_dpo.loss"],
        lambda s: dpo_loss,
    ),
    "grpo.advantages": lambda s: group_advantages,
    "no_reference.advantages": lambda s: group_advantages,
    "reinforce.advantages": lambda s: reward_to_go_advantages,
    "guards.update.losses": lambda s: [next(s("policy").parameters()).sum()],
    "guards.optimizer": lambda s: optimizer(s),
    "minibatches.loss_of": lambda s: lambda part, log: part.logprobs.sum(),
    "layers.visible_positions.allowed": lambda s: torch.ones(B, 2, 3).bool(),
    "pretrained.weights": lambda s: gpt().state_dict(),
    "pretrained.tokenizer": lambda s: chat_tokenizer(),
    "interop.llama": lambda s: to_transformers(gpt()),
    "interop.theirs": lambda s: to_transformers(gpt()).config,
    "recipe.openings.words": lambda s: 1,
    "recipe.name": text("adder"),
    "attention.attention_weights.ids": lambda s: s.ids(T),
    "bandit.gradient_variance.baseline": text(0.5),
    "losses.ordered_cuts.raw": BATCH,
    "losses.regression_loss.ratings": BATCH,
    "metrics.pearson.a": BATCH,
    "metrics.pearson.b": BATCH,
    "metrics.bins": TWO,
    "metrics.metrics.entropy": lambda s: s.share(4, T),
    "metrics.ratio_metrics.logprobs": lambda s: rollout(s).old_logprobs.clone(),
    "guards.check_agreement.logprobs": lambda s: rollout(s).old_logprobs.clone(),
    "model.standardise.scores": BATCH,
    "model.last_token_scores.bias": lambda s: 0.5,
    "model.model": reward_model,
    "training.model": lambda s: (
        gpt() if s.qualified.startswith("lm") else reward_model(s)
    ),
    "ngram.weights": lambda s: torch.tensor([0.25, 0.75]),
    "objective.entropy.logits": lambda s: s.normal(B, T, V),
    "sampling.logits": lambda s: s.normal(B, V),
    "packing.lengths": lambda s: [3, 4, 2],
    "training.epoch_batches.lengths": lambda s: [3, 4, 2],
    "training.ratings": RATED,
    "training.fit_ordinal.ratings": lambda s: [[1, 2], [-3], [0, 4]],
    "training.chosen": lambda s: list(TEXTS),
    "training.rejected": lambda s: list(TEXTS[::-1]),
    "training.batches.rows": lambda s: 5,
    "training.descend.loss": lambda s: torch.tensor(0.5),
    "training.descend.step": lambda s: 1,
    "training.schedule.step": lambda s: 1,
    "minibatches.partition.rows": lambda s: 5,
    "finetuning.completion_batch.rows": lambda s: _demonstrations(),
    "tokenizer.decode.rows": TOKENS,
    "packing.length_parts.padding": lambda s: 0.1,
    "rollout.select_rows.rows": lambda s: torch.tensor([2, 0]),
    "rollout.small_parts.mask": lambda s: MASK.clone(),
    "pair_losses.orpo_loss.weight": lambda s: 0.5,
    "pair_losses.orpo_loss.chosen": lambda s: s.nats(B),
    "pair_losses.orpo_loss.rejected": lambda s: s.nats(B),
    "pair_losses.simpo_loss.margin": lambda s: 0.5,
    "preference_losses.cdpo_loss.label_smoothing": lambda s: s.share(B),
    "preference_losses.optimal_policy.rewards": ROWS,
    "ranking.win_matrix.a": lambda s: torch.tensor([0, 1, 2]),
    "ranking.win_matrix.b": lambda s: torch.tensor([1, 2, 0]),
    "ranking.elo_update.a": lambda s: 0,
    "ranking.elo_update.b": lambda s: 1,
    "ranking.elo_update.ratings": lambda s: torch.tensor([1500.0, 1600.0, 1400.0]),
    "ranking.elo_update.k": lambda s: 32.0,
    "ranking.ratings_a": lambda s: torch.tensor([1.0, 2.0, -1.0, 0.0, 3.0]),
    "ranking.pair_votes.ratings_a": lambda s: s.normal(B, T).round(),
    "ranking.pair_votes.ratings_b": lambda s: s.normal(B, T).round(),
    "overlap.ngrams.tokens": lambda s: ["a", "b", "a"],
    "overlap.clipped_counts.hypothesis": lambda s: ["a", "b", "a"],
    "overlap.clipped_counts.reference": lambda s: ["a", "b"],
    "overlap.clipped_precision.hypothesis": lambda s: ["a", "b", "a"],
    "overlap.clipped_precision.reference": lambda s: ["a", "b"],
    "exploits.edited.text": lambda s: ["a", "film"],
    "verifiable.prompts": lambda s: ["27+58=", "10+11=", "12+13="],
    "verifiable.completions": lambda s: ["85", "21", "26"],
    "arithmetic.generator": lambda s: random.Random(0),
    "arithmetic.asked": lambda s: ["27+58=", "10+11="],
    "reviews.pairs.rows": lambda s: [
        {"text": t, "mean": m, "id": str(i)}
        for i, (t, m) in enumerate(zip(TEXTS, [1.0, -1.0, 2.0], strict=True))
    ],
    "score.checked_scores.score": lambda s: measured,
    "claims.number.value": text(1.5),
    # widgets
    "attention.attention_rows.weights": lambda s: s.normal(3, 3).softmax(-1),
    "attention.draw_attention.weights": lambda s: s.normal(3, 3).softmax(-1),
    "attention.weights": lambda s: s.normal(1, 2, 3, 3).softmax(-1),
    "attention.numbers": lambda s: 5,
    "attention.show_attention.heads": TWO,
    "best_of.proxy": RATED,
    "best_of.gold": RATED,
    "clip.ratio": lambda s: 1.5,
    "counted_tokens.padding": TWO,
    "counted_tokens.rows": lambda s: [("a", "b", "c", "d")],
    "groups.four_advantages.rewards": lambda s: [1.0, 0.0, 0.0],
    "groups.group_rows.rewards": lambda s: [1.0, 0.0, 0.0],
    "groups.group_sentence.rewards": lambda s: [1.0, 0.0, 0.0],
    "groups.draw_group.rewards": lambda s: [1.0, 0.0, 0.0],
    "groups.show_group.rewards": lambda s: [1.0, 0.0, 0.0],
    "groups.group_playground.rewards": lambda s: [1.0, 0.0, 0.0],
    "groups.read_rewards.text": text("1, 0, 0.5"),
    "labeller.pairs": lambda s: [
        {"text_a": "a", "text_b": "b", "mean_a": 1.0, "mean_b": 0.0}
    ],
    "labeller.pair": lambda s: {"text_a": "a", "text_b": "b"},
    "exercises.pairs": lambda s: [
        {"text_a": "a", "text_b": "b", "mean_a": 1.0, "mean_b": 0.0}
    ],
    "labeller.rule": lambda s: lambda a, b: "a",
    "labeller.outcomes": lambda s: ["agrees", "disagrees"],
    "questions.outcomes": lambda s: ["agrees", "disagrees"],
    "mixer.scores": MOVED,
    "mixer.weights": WEIGHED,
    "mixer.start": WEIGHED,
    "mixer.margin": lambda s: 0.02,
    "mixer.answer": WEIGHED,
    "next_token.probabilities": lambda s: s.normal(270).softmax(-1),
    "next_token.rows": token_rows,
    "exercises.probabilities": lambda s: s.normal(270).softmax(-1),
    "questions.probabilities": lambda s: s.normal(270).softmax(-1),
    "exercises.weights": lambda s: s.normal(1, 2, 3, 3).softmax(-1),
    "questions.weights": lambda s: s.normal(1, 2, 3, 3).softmax(-1),
    "questions.grade_order_by_reward.answer": lambda s: [1, 0, 2],
    "panel.rows": lambda s: [["1", "2"], ["3", "4"]],
    "panel.width": lambda s: 20,
    "panel.figure.width": lambda s: 4.0,
    "panel.number.value": lambda s: 1.0,
    "panel.controls": lambda s: [],
    "preference.h": lambda s: 0.5,
    "microscope.texts": lambda s: list(TEXTS),
    **LATER,
    **METHODS,
}


def _demonstrations():
    from course.lm.finetuning import Demonstration

    return [Demonstration([0, 5, 6, 1], 2), Demonstration([0, 7, 1], 1)]
