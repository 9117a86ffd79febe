"""Kinds of bad input on every public function: the right number, or a sentence.

The functions and their arguments are found (`sound.py`), so that a new one is swept as
soon as it exists.  Right means: equal to what the same numbers give in fp64, as the
type meant, in the shape meant, with the holes of a mask closed, or text by text.  A
sentence is a ValueError, TypeError or CourseError that the course itself raises.
"""

import inspect
import math
import random
import signal
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from sound import T, arguments, call, functions, known, parameters
from torch import Tensor

import course
from course.runtime import CourseError

HOME = Path(course.__file__).parent
PATIENCE = 20  # seconds: a call that takes longer hangs
Change = tuple[str, dict[str, Any], Any]  # what is wrong, arguments, what is right

# Files, processes and whole trainings: their own tests hold them.
FILES = (
    "policy.guards.before_clipping",
    "policy.processes",
    "policy.shared.shared_token_mean",
    "data.archives",
    "data.assets",
    "data.download",
    "reward.vote_file",
    "checkpoints",
    "lm.gguf_file",
    "lm.pretrained.load_pretrained",
    "recipes.arithmetic.train",
    "recipes.language",
    "recipes.policy",
    "recipes.pretraining",
    "recipes.proxies",
    "recipes.reward",
    "recipes.games",
    "recipes.hacking.train",
    "recipes.judges",
    "recipes.real_model.train",
    "recipes.real_reward",
    "recipes.tasks",
    "recipes.votes",
    "lm.adapter_files.save",
    "lm.adapter_files.load",
    "data.own_pairs",
    "launch.launch",
)
REFUSED = object()  # only a sentence is right
FINITE = object()  # any result is right that holds no NaN


# Why a finding is no fault: function or module, start of the label, reason.
EXEMPT: list[tuple[str, str, str]] = [
    ("lm.model.GPTConfig", "layers 0", "without blocks it still guesses a next token"),
    ("lm.lora.LowRank", "", "the inside of add_adapters, which checks for it"),
    ("policy.kl.exact_kl", "gradient, ref_logits", "the divergence is infinite there"),
    ("lm.layers.attend", "", "the inside of causal_attention, which checks for it"),
    ("lm.objective.next_token_loss", "mask with", "it marks targets: holes are meant"),
    ("lm.objective.sequence_logprob", "mask with", "it marks targets: holes are meant"),
    ("reward.agreement.two_groups", "mask with", "it draws among raters by place"),
    ("policy.clipping", "shape of advantages (3,)", "one per text is documented"),
    (
        "policy.losses.reinforce_loss",
        "shape of advantages (3,)",
        "one per text is documented",
    ),
    ("policy.clipping.is_clipped", "", "it only reports: check_ratio refuses the step"),
    ("policy.critic.value_clip_fraction", "", "it only reports: the loss is NaN too"),
    ("policy.pair_losses.orpo_loss", "rejected", "P above 1 counts as just below 1"),
    ("lm.layers.rotary", "shape of x", "it turns the last axis of any shape"),
    ("lm.layers.turn", "shape of x", "it turns the last axis of any shape"),
    ("widgets", "shape of", "a panel shows what the course's functions computed"),
    ("reward.model.last_token_scores", "hidden with", "that token is not the last"),
    ("widgets.attention.previous_token_share", "weights with", "no token before it"),
    ("widgets.attention.draw_attention", "", "matplotlib draws no bf16"),
    ("widgets.panel", "", "it shows the number that it is given"),
    ("widgets.mixer.grade_mix", "people", "the verdict is a sentence"),
    ("widgets.questions", "tolerance", "the verdict is a sentence"),
    ("widgets.questions", "weights", "the verdict is a sentence"),
    ("lm.layers.swiglu", "x times 300, all in torch.float16", "beyond 65,504"),
    ("lm.training.descend", "step", "it is only named in a message"),
    ("lm.finetuning.completion_labels", "ids", "labels are ids of any vocabulary"),
    ("widgets.next_token", "top_k 0", "0 switches top-k off"),
    ("widgets.best_of", "n ", "a mark outside the picture is not seen"),
    ("widgets.labeller.label_by_rule", "n 0", "no vote is a number of votes"),
    ("reward.overlap", "tokens", "a token may be anything"),
    ("reward.overlap", "hypothesis", "a token may be anything"),
    ("reward.overlap", "reference", "a token may be anything"),
    ("reward.overlap.common_subsequence", "", "a token may be anything"),
    ("data.reviews.texts", "split: None", "None takes every split, as in load"),
    ("widgets.microscope.show_reward", "texts: one str", "its texts are starred"),
    ("widgets.attention.attention_rows", "tokens", "a panel shows its own tokens"),
    ("lm.budget", "context 0", "a first token is written after nothing"),
    ("lm.model.slow_fused_attention", "", "it asks for the device only"),
    ("lm.lora.add_adapters", "alpha nan", "each logit of the model is NaN then"),
    ("policy.turns.join_turns", "earlier with", "it joins ids of any vocabulary"),
    ("policy.turns.join_turns", "later with", "it joins ids of any vocabulary"),
    ("policy.turns.join_turns", "shape of", "no row joined with some gives these"),
    ("policy.talks.play", "openings: [", "nothing measures the tokens per second"),
    ("widgets.feedback_session.vote_by_rule", "n 0", "no vote is a number of votes"),
    *[
        (f"lm.{part}.forward", "", "the inside of GPT.hidden, which checks for it")
        for part in (
            "lora.LowRank",
            "model.RMSNorm",
            "model.Attention",
            "model.Block",
            "model.FeedForward",
        )
    ],
    ("reward.model.RewardModel.score_hidden", "hidden with", "it is not the last"),
    ("lm.model.Attention.heads", "shape of", "it splits the last axis of any shape"),
    ("lm.cache.KVCache.select", "shape of rows", "any number of rows may stay"),
    ("lm.ngram.NGram.fit_weights", "steps 0", "the weights are equal then"),
    ("policy.dpo.Pairs.rows", "shape of numbers", "any number of pairs may be asked"),
    ("policy.enumerable.TinyPolicy.gradient", "", "of that policy's numbers alone"),
    ("policy.metrics.UpdateLog.part", "clipped with", "it marks no padding"),
    ("policy.metrics.UpdateLog.part", "shape of ratio (4,)", "one per text is meant"),
]


def reason(name: str, label: str) -> str:
    for function, start, why in EXEMPT:
        if name.startswith(function) and label.startswith(start):
            return why
    return ""


# What is swept ----------------------------------------------------------------------


def kind_of(one: inspect.Parameter, value: Any) -> str:
    """What an argument is, by its annotation and, where that is wide, its value."""
    meant = type(value) if one.annotation is one.empty else one.annotation
    said = str(meant)
    if isinstance(value, Tensor):
        if value.dtype == torch.bool:
            return "mask"
        return "floats" if value.is_floating_point() else "ids"
    if meant is int or said in ("int | None", "int | torch.Tensor"):
        return "count"
    if meant is float or said in ("float | None", "float | torch.Tensor"):
        return "number"
    if meant is str:
        return "texts" if one.kind is one.VAR_POSITIONAL else "text"
    for words, kind in (
        ("Sequence[Sequence[int]]", "rows"),
        ("list[list[int]]", "rows"),
        ("Sequence[int]", "rows"),
        ("Sequence[str]", "texts"),
        ("Iterable[str]", "texts"),
        ("list[str]", "texts"),
        ("Sequence[float]", "numbers"),
    ):
        if words in said and "Callable" not in said:
            return kind
    return "object"


SWEPT = {"mask", "floats", "ids", "count", "number", "text", "texts", "rows", "numbers"}


@cache
def kinds(name: str) -> dict[str, str]:
    """Argument -> kind, of the arguments that the sweep changes."""
    given = arguments(name)
    found = {
        one.name: kind_of(one, given[one.name])
        for one in parameters(functions()[name])
        if one.name in given
    }
    return {key: kind for key, kind in found.items() if kind in SWEPT}


def swept(*wanted: str) -> list[str]:
    """The functions with an argument of one of these kinds."""
    return [
        name
        for name in functions()
        if not name.startswith(FILES)
        and (set(wanted) == SWEPT or not reason(name, ""))
        and not any(not known(name, p.name) for p in required(name))
        and set(kinds(name).values()) & set(wanted)
    ]


def required(name: str) -> list[inspect.Parameter]:
    return [
        one
        for one in parameters(functions()[name])
        if one.default is one.empty and one.kind is not one.VAR_POSITIONAL
    ]


# What becomes of a call -------------------------------------------------------------


@contextmanager
def patience(seconds: int) -> Iterator[None]:
    """TimeoutError where the block takes longer (where the system has alarms)."""

    def ring(*_: Any) -> None:
        raise TimeoutError("it hangs")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def is_a_sentence(error: BaseException) -> bool:
    """Whether the course itself raised it: one sentence that says what it got."""
    if not isinstance(error, ValueError | TypeError | CourseError):
        return False
    last = traceback.extract_tb(error.__traceback__)[-1]
    own = Path(last.filename).is_relative_to(HOME) and "raise" in (last.line or "")
    said = str(error)
    return own and (isinstance(error, CourseError) or said.startswith("got "))


def outcome(name: str, given: dict[str, Any]) -> Any:
    """The result, or REFUSED with a sentence; any other error is the test's failure."""
    try:
        with patience(PATIENCE), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call(name, given)
    except Exception as error:
        if is_a_sentence(error):
            return REFUSED
        raise


TIMES = {"seconds", "tokens_per_s"}


def numbers(result: Any) -> list[Tensor]:
    """Every number in a result, in order, but for the time that it took."""
    if isinstance(result, Tensor):
        return [result.detach()]
    if isinstance(result, bool | int | float):
        return [torch.tensor(result)]
    if isinstance(result, dict):
        kept = [value for key, value in result.items() if key not in TIMES]
        return [x for value in kept for x in numbers(value)]
    if isinstance(result, list | tuple):
        return [x for value in result for x in numbers(value)]
    if isinstance(result, torch.nn.Module):
        return numbers(dict(result.state_dict()))
    if is_dataclass(result) and not isinstance(result, type):
        return numbers({f.name: getattr(result, f.name) for f in fields(result)})
    return []


def holds_nan(result: Any) -> bool:
    return any(x.isnan().any() for x in numbers(result) if x.is_floating_point())


def all_finite(result: Any) -> bool:
    if "nan" in str(result).lower() or not numbers(result):  # shown as what it is
        return False
    return all(x.isfinite().all() for x in numbers(result))


def close(got: Any, right: Any, tolerance: float = 1e-4) -> bool:
    """Equal numbers in any shape; infinite where the right ones are beyond fp32."""
    left, wanted = numbers(got), numbers(right)
    if len(left) != len(wanted):
        return False
    for a, b in zip(left, wanted, strict=True):
        a, b = a.double().flatten(), b.double().flatten()
        if a.shape != b.shape:
            return False
        # Beyond e^69, or infinite in place of a log-probability of -10,000.
        huge = (b.abs() > 1e30) & (a.abs() > 1e30) | a.isinf() & (b.abs() > 1e3)
        huge &= a.sign() == b.sign()
        scale = b[~huge & b.isfinite()].abs()
        scale = max(1.0, float(scale.max())) if len(scale) else 1.0
        near = torch.isclose(a, b, rtol=tolerance, atol=tolerance * scale)
        if not (near | huge | (a.isnan() & b.isnan())).all():
            return False
    return True


def check(name: str, changes: Iterator[Change], tolerance: float = 1e-4) -> None:
    """Each change gives a sentence, or what is right."""
    faults = []
    for label, given, right in changes:
        if reason(name, label):
            continue
        try:
            got = outcome(name, given)
        except Exception as error:
            last = str(error).strip().splitlines() or [""]
            faults.append(f"{label}: {type(error).__name__}: {last[0][:120]}")
            continue
        if got is REFUSED:
            continue
        if right is REFUSED:
            faults.append(f"{label}: was not refused: {str(got)[:80]}")
        elif right is FINITE:
            if holds_nan(got):
                faults.append(f"{label}: NaN in {str(got)[:80]}")
        elif not (
            right(got) if inspect.isfunction(right) else close(got, right, tolerance)
        ):
            faults.append(f"{label}: {str(got)[:200]} instead of {str(right)[:200]}")
    assert not faults, "\n".join([name, *faults])


# The changes ------------------------------------------------------------------------


def named(name: str, *wanted: str) -> list[str]:
    return [key for key, kind in kinds(name).items() if kind in wanted]


def whole_numbers(name: str) -> Iterator[Change]:
    floats = named(name, "floats")
    for chosen in [[key] for key in floats] + [floats] * (len(floats) > 1):
        for kind in (torch.int64, torch.bool):
            given, meant = arguments(name), arguments(name)
            for key in chosen:
                x = given[key]
                given[key] = (x.round() if kind == torch.int64 else x > 0).to(kind)
                meant[key] = given[key].to(x.dtype)
            label = f"{' and '.join(chosen)} as {kind}"
            yield label, given, outcome(name, meant)
    for key in named(name, "mask"):
        for kind in (torch.int64, torch.float32):
            given = arguments(name)
            given[key] = given[key].to(kind)
            yield f"{key} as {kind}", given, outcome(name, arguments(name))


def shapes(name: str) -> Iterator[Change]:
    tensors = named(name, "floats", "mask", "ids")
    for key in tensors:
        x = arguments(name)[key]
        if not x.dim():
            continue
        others = [x[:, None], x[None], x[:1], x[0], x[:-1]]
        if x.dim() > 1:
            others += [x[:, :1], x[:, 0], x[..., None], x[:, :-1]]
        for other in others:
            given, meant = arguments(name), arguments(name)
            given[key] = other.clone()
            label = f"shape of {key} {tuple(other.shape)} for {tuple(x.shape)}"
            here = arguments(name)
            taken = {n for k in tensors if k != key for n in here[k].shape}
            odd = x.dim() == other.dim() and not {
                n for n, m in zip(x.shape, other.shape, strict=True) if n != m
            } & taken  # fmt: skip
            if odd:  # no other argument has this axis
                yield label, given, FINITE
                continue
            # (..., C) allows other shapes, which then must at least be computed.
            if len(tensors) == 1 or "(..., " in (functions()[name].__doc__ or ""):
                yield label, given, FINITE
                continue
            try:
                meant[key] = other.broadcast_to(x.shape).clone()
            except RuntimeError:
                if other.numel() != x.numel():
                    yield label, given, REFUSED
                    continue
                meant[key] = x
            yield label, given, outcome(name, meant)


def in_rows(value: Any) -> bool:
    """Whether a tensor has a place for each token of each text, (batch, time, ...)."""
    return isinstance(value, Tensor) and value.dim() > 1 and value.shape[1] == T


def holes(name: str) -> Iterator[Change]:
    masks = [key for key in named(name, "mask") if in_rows(arguments(name)[key])]
    if len(masks) != 1 or arguments(name)[masks[0]].dim() != 2:
        return
    (key,) = masks
    for label, rows in (
        ("a hole", [[1, 0, 1, 1], [1, 1, 1, 1], [0, 1, 0, 1]]),
        ("padding on the left", [[0, 1, 1, 1], [1, 1, 1, 1], [0, 0, 1, 1]]),
    ):
        mask = torch.tensor(rows).bool()
        mask = torch.cat([mask, mask[:1]])[: len(arguments(name)[key])]
        order = (~mask).long().sort(dim=1, stable=True).indices  # tokens first
        given, meant = arguments(name), arguments(name)
        given[key], meant[key] = mask, mask.gather(1, order)
        odd = False
        for other, value in given.items():
            if other != key and in_rows(value):
                index = order.view(*order.shape, *[1] * (value.dim() - 2))
                meant[other] = value.gather(1, index.expand(value.shape))
            odd |= isinstance(value, Tensor) and value.shape[1:] == (T + 1,)
        closed = REFUSED if odd else outcome(name, meant)

        def same(got: Any, mask=mask, meant=meant[key], closed=closed) -> bool:
            if closed is REFUSED:
                return False
            pairs = zip(numbers(got), numbers(closed), strict=True)
            picked = [(a[mask], b[meant]) if in_rows(a) else (a, b) for a, b in pairs]
            return all(close(a, b) for a, b in picked)

        yield f"{key} with {label}", given, REFUSED if odd else same
    for label, rows in (("an empty row", slice(1, 2)), ("no token", slice(None))):
        given = arguments(name)
        given[key][rows] = False
        yield f"{key} with {label}", given, FINITE


def padding(name: str) -> Iterator[Change]:
    """What stands on padding does not count."""
    for key in named(name, "mask"):
        mask = arguments(name)[key]
        if mask.all() or mask.dim() != 2 or key not in ("mask", "completion_mask"):
            continue
        for other in named(name, "floats"):
            if not in_rows(arguments(name)[other]):
                continue
            for junk in (math.nan, math.inf, -math.inf, 1e10, -1e10):
                given = arguments(name)
                given[other][~mask] = junk
                yield (
                    f"{other} {junk} on padding",
                    given,
                    outcome(name, arguments(name)),
                )


def exact(given: dict[str, Any]) -> None:
    """Let a method's module compute in fp64, as its arguments do."""
    if isinstance(given.get("self"), torch.nn.Module):
        given["self"] = given["self"].double()


def extremes(name: str) -> Iterator[Change]:
    floats = named(name, "floats")
    for chosen in [[key] for key in floats] + [floats] * (len(floats) > 1):
        for scale in (1e4, -1e4, 300.0):
            given, meant = arguments(name), arguments(name)
            for key in chosen:
                given[key] = given[key] * scale
            for key in floats:
                meant[key] = given[key].double()
            exact(meant)
            label = f"{' and '.join(chosen)} times {scale:g}"
            yield label, given, outcome(name, meant)
    for key in floats:
        for odd in (math.nan, math.inf, -math.inf):
            given, meant = arguments(name), arguments(name)
            given[key].view(-1)[0] = odd
            for other in floats:
                meant[other] = meant[other].double()
            exact(meant)
            meant[key].view(-1)[0] = 0.0 if odd != odd else math.copysign(1e30, odd)

            def honest(got: Any, odd=odd, meant=meant) -> bool:
                if not all_finite(got):
                    return True
                return odd == odd and close(got, outcome(name, meant), 1e-3)

            yield f"{key} with {odd}", given, honest
    for key in named(name, "number"):
        given = arguments(name)
        given[key] = math.nan
        yield f"{key} nan", given, lambda got: not all_finite(got)
        for value in (0.0, -1.0):
            yield f"{key} {value}", arguments(name) | {key: value}, FINITE


def halves(name: str) -> Iterator[Change]:
    floats = named(name, "floats")
    for kind in (torch.float16, torch.bfloat16):
        given, meant = arguments(name), arguments(name)
        for key in floats:
            given[key] = given[key].to(kind)
            meant[key] = given[key].double()
        exact(meant)
        yield f"all in {kind}", given, outcome(name, meant)
        for key in floats:  # squares beyond fp16
            given, meant = arguments(name), arguments(name)
            for other in floats:
                x = given[other] * (300 if other == key else 1)
                given[other] = x.to(kind)
                meant[other] = given[other].double()
            exact(meant)
            yield f"{key} times 300, all in {kind}", given, outcome(name, meant)


ODD = [
    "", " ", "\n", "a\r\nb", "\x00", "\x0c", "\u2028", "\ufeff", "\u200b",
    "e\u0301", "\u00e9", "\u0130", "\u00df", "\u4f60\u597d", "\u0e2a\u0e27",
    "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "<eos>",
    "&amp;<b>", "a" * 200, "\uffff", "\u202eabc", "-", "1e999",
]  # fmt: skip
LABELS = ("title", "desc", "key", "name", "caption", "sentence", "label", "who")
SURROGATE = "ok \ud83d bad"


def texts(name: str) -> Iterator[Change]:
    for key in named(name, "texts"):
        for label, value in (
            ("one str", "the film"),
            ("a None in the list", ["a", None, "b"]),
            ("a number in the list", ["a", 3, "b"]),
        ):
            yield f"{key}: {label}", arguments(name) | {key: value}, REFUSED
        for label, value in (("empty", []), ("a surrogate", ["a", SURROGATE, "b"])):
            yield f"{key}: {label}", arguments(name) | {key: value}, FINITE
        for n in range(0, len(ODD), 3):
            some = ODD[n : n + 3]
            yield f"{key}: {some}", arguments(name) | {key: some}, FINITE
    for key in named(name, "text"):
        for value in () if key in LABELS else (None, 3):
            yield f"{key}: {value}", arguments(name) | {key: value}, REFUSED
        for value in [*ODD, SURROGATE]:
            yield f"{key}: {value!r}", arguments(name) | {key: value}, FINITE


# What may be 0, and what may be any whole number.
NONE_IS_MEANT = {
    **dict.fromkeys(("sharded", "tokens", "prompt"), (-1,)),
    **dict.fromkeys(("order", "updates", "calls", "feed_forward"), (-1,)),
    **dict.fromkeys(("steps", "warmup", "step", "padding", "max_length"), (-1,)),
    **dict.fromkeys(("hypothesis_length", "reference_length", "a"), (-1,)),
    **dict.fromkeys(("seed", "pad_id", "eos_id", "number", "total", "layer", "x"), ()),
}


def counts(name: str) -> Iterator[Change]:
    for key in named(name, "count"):
        for value in NONE_IS_MEANT.get(key, (0, -1)):
            yield f"{key} {value}", arguments(name) | {key: value}, REFUSED
    for key in named(name, "rows", "numbers"):
        yield f"{key} empty", arguments(name) | {key: []}, FINITE


def foreign_ids(name: str) -> Iterator[Change]:
    for key in named(name, "ids"):
        if key in ("lengths", "prompt_lengths", "positions", "segments"):
            continue
        for value in (-1, -7777, 10_000):
            given = arguments(name)
            given[key] = given[key].clone()
            given[key].view(-1)[1] = value
            yield f"{key} with {value}", given, REFUSED
        given = arguments(name)
        given[key] = given[key].float()
        yield f"{key} as floats", given, outcome(name, arguments(name))


def test_every_argument_has_a_sound_value():
    missing = {
        f"{name}({one.name})"
        for name in functions()
        if not name.startswith(FILES)
        for one in parameters(functions()[name])
        if not known(name, one.name)
        and (one in required(name) or kind_of(one, one.default) in SWEPT)
    }
    assert not missing, f"tell tests/sound.py what is sound: {sorted(missing)}"


@pytest.mark.parametrize("name", swept(*SWEPT))
def test_the_sound_arguments_are_sound(name):
    assert outcome(name, arguments(name)) is not REFUSED


@pytest.mark.parametrize("name", swept("floats", "mask"))
def test_whole_numbers_and_truth_values(name):
    check(name, whole_numbers(name))


@pytest.mark.parametrize("name", swept("floats", "mask", "ids"))
def test_shapes_that_broadcast(name):
    check(name, shapes(name))


@pytest.mark.parametrize("name", swept("mask"))
def test_masks_with_holes_and_empty_rows(name):
    check(name, holes(name))


@pytest.mark.parametrize("name", swept("mask"))
def test_what_stands_on_padding_does_not_count(name):
    check(name, padding(name))


@pytest.mark.parametrize("name", swept("floats", "number"))
def test_extreme_numbers(name):
    check(name, extremes(name))


@pytest.mark.parametrize("name", swept("floats"))
def test_half_precision(name):
    check(name, halves(name), tolerance=3e-2)


def only_set(figure: Figure, *_: Any, **__: Any) -> None:
    """In place of a picture: every text in it is set, and nothing is drawn.

    The whole picture is drawn in `test_the_sound_arguments_are_sound`, and it took
    two thirds of this test's time to draw it once more for each odd text.
    """
    renderer = FigureCanvasAgg(figure).get_renderer()
    for text in figure.findobj(Text):
        if text.get_text():
            text.get_window_extent(renderer)


@pytest.mark.parametrize("name", swept("text", "texts"))
def test_odd_texts_and_one_for_many(name, monkeypatch):
    monkeypatch.setattr(Figure, "savefig", only_set)
    check(name, texts(name))


@pytest.mark.parametrize("name", swept("count", "rows", "numbers"))
def test_counts_of_zero_and_empty_sets(name):
    check(name, counts(name))


@pytest.mark.parametrize("name", swept("ids"))
def test_ids_outside_the_vocabulary(name):
    check(name, foreign_ids(name))


def slopes(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What gradients are asked at: far away, without some tokens, without any."""
    floats = named(name, "floats")
    for scale in (1.0, 1e4, -1e4):
        yield f"times {scale:g}", {key: arguments(name)[key] * scale for key in floats}
    for key in floats:
        if "logits" in key and arguments(name)[key].dim() > 1:
            for label, forbidden in (
                ("one", slice(1)),
                ("all but one", slice(1, None)),
            ):
                x = arguments(name)[key]
                x[..., forbidden] = -math.inf
                yield f"{key} with {label} at -inf", {key: x}
    for key in named(name, "mask"):
        for label, rows in (("an empty row", slice(1, 2)), ("no token", slice(None))):
            x = arguments(name)[key]
            x[rows] = False
            yield f"{key} with {label}", {key: x}


@pytest.mark.parametrize("name", [n for n in swept("floats") if "widgets" not in n])
def test_gradients_at_the_limits_are_finite(name):
    """NaN and infinity out of a function are left out: other tests judge them."""
    for label, changed in slopes(name):
        if reason(name, f"gradient, {label}"):
            continue
        given = arguments(name) | changed
        leaves = {
            key: given[key].detach().requires_grad_() for key in named(name, "floats")
        }
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                got = call(name, given | leaves)
        except Exception as error:
            if is_a_sentence(error) or "requires grad" in str(error):
                continue
            raise
        parts = got if isinstance(got, list | tuple) else [got]
        parts = [x for x in parts if isinstance(x, Tensor) and x.requires_grad]
        if parts:
            sum(x[x.isfinite()].sum() for x in parts).backward()
        for key, leaf in leaves.items():
            assert leaf.grad is None or leaf.grad.isfinite().all(), (key, label)


# What is no tensor, no number, no truth value --------------------------------------


def may_be_none(name: str, key: str) -> bool:
    """Whether the signature says that the argument may be left out or None."""
    (one,) = (p for p in parameters(functions()[name]) if p.name == key)
    return "None" in str(one.annotation) or one.default is None


def sound_result(name: str) -> Any:
    """Of the sound arguments; FINITE for a function, and where two calls differ."""
    right, again = outcome(name, arguments(name)), outcome(name, arguments(name))
    drawn = inspect.isfunction(right) or not close(right, again)
    return FINITE if drawn else right


def strangers(name: str) -> Iterator[Change]:
    """Something else than a tensor."""
    for key in named(name, "floats", "mask", "ids"):
        x = arguments(name)[key].detach()
        for label, value in (
            ("list", x.tolist()),
            ("tuple", tuple(x) if x.dim() else x.item()),
            ("array", x.numpy()),
        ):
            right = sound_result(name)
            yield f"other {key} as a {label}", arguments(name) | {key: value}, right
        for value in ("abc", {"a": x}, (row for row in [x]), None):
            if value is not None or not may_be_none(name, key):
                kind = type(value).__name__
                yield f"other {key}: a {kind}", arguments(name) | {key: value}, REFUSED


def other_numbers(name: str) -> Iterator[Change]:
    """Something else than one real number."""
    for key in named(name, "number"):
        for value in ("0.5", [0.5], {}, 0.5j, torch.tensor([0.5, 0.5]), None):
            if value is not None or not may_be_none(name, key):
                yield f"other {key}: {value!r}", arguments(name) | {key: value}, REFUSED


def other_counts(name: str) -> Iterator[Change]:
    """Something else than a whole number."""
    for key in named(name, "count"):
        for value in ("2", [2], {}, 2.5, math.nan, True, None):
            if value is not None or not may_be_none(name, key):
                yield f"other {key}: {value!r}", arguments(name) | {key: value}, REFUSED


def other_lists(name: str) -> Iterator[Change]:
    """What is no list, and what can be read only once."""
    for key in named(name, "texts", "rows", "numbers"):
        (one,) = (p for p in parameters(functions()[name]) if p.name == key)
        if one.kind is one.VAR_POSITIONAL:
            continue
        sound = list(arguments(name)[key])
        right = sound_result(name)
        yield f"other {key} read once", arguments(name) | {key: iter(sound)}, right
        yield f"other {key} as a tuple", arguments(name) | {key: tuple(sound)}, right
        for value in (3, "abc", None):
            if value is not None or not may_be_none(name, key):
                yield f"other {key}: {value!r}", arguments(name) | {key: value}, REFUSED


def bad_items(name: str) -> Iterator[Change]:
    """A list whose last item is nothing that it may hold."""
    for key in named(name, "texts", "rows", "numbers"):
        (one,) = (p for p in parameters(functions()[name]) if p.name == key)
        sound = list(arguments(name)[key])
        kind = kinds(name)[key]
        for value in (None, {}, object(), [None], 3 if kind == "texts" else "x"):
            items = [*sound[:-1], value]
            if one.kind is one.VAR_POSITIONAL:
                items = tuple(items)
            label = f"other {key} with {type(value).__name__}"
            yield label, arguments(name) | {key: items}, REFUSED


def other_generators(name: str) -> Iterator[Change]:
    """Something else than torch's generator of random numbers."""
    for key, value in arguments(name).items():
        if isinstance(value, torch.Generator):
            for other in (3, "abc", random.Random(0)):
                yield f"other {key}: {other!r}", arguments(name) | {key: other}, REFUSED


def half_truths(name: str) -> Iterator[Change]:
    """Masks with other values than 0 and 1, such as what is added to logits."""
    for key in named(name, "mask"):
        mask = arguments(name)[key]
        added = torch.zeros(mask.shape).masked_fill(~mask, -math.inf)
        if not mask.all():
            yield f"other {key} of 0 and -inf", arguments(name) | {key: added}, REFUSED
        for value in (2.0, -1.0, 0.3, math.nan):
            given = arguments(name)
            given[key] = mask.float()
            given[key].view(-1)[0] = value
            yield f"other {key} with {value}", given, REFUSED


@pytest.mark.parametrize("name", swept("floats", "mask", "ids"))
def test_what_is_no_tensor(name):
    check(name, strangers(name))


@pytest.mark.parametrize("name", swept("number"))
def test_what_is_not_one_number(name):
    check(name, other_numbers(name))


@pytest.mark.parametrize("name", swept("count"))
def test_what_is_no_whole_number(name):
    check(name, other_counts(name))


@pytest.mark.parametrize("name", swept("texts", "rows", "numbers"))
def test_what_is_no_list(name):
    check(name, other_lists(name))


@pytest.mark.parametrize("name", swept("texts", "rows", "numbers"))
def test_lists_with_an_item_that_is_none(name):
    check(name, bad_items(name))


@pytest.mark.parametrize("name", swept(*SWEPT))
def test_what_is_no_generator(name):
    check(name, other_generators(name))


@pytest.mark.parametrize("name", swept("mask"))
def test_masks_of_other_values_than_0_and_1(name):
    check(name, half_truths(name))


OUT_OF_RANGE = [
    ("lm.layers.rotary", "base", (0.0, -1.0, math.inf, math.nan)),
    ("lm.layers.rotary_angles", "base", (0.0, -1.0, math.inf, math.nan)),
    ("lm.layers.rms_norm", "eps", (-1.0, math.nan)),
    ("lm.finetuning.masked_mean_loss", "n_tokens", (-3, math.nan, "7")),
    ("lm.finetuning.completion_loss", "n_tokens", (-3, math.nan, "7")),
    ("policy.losses.reduce_token_mean", "n_tokens", (-3, torch.tensor([7, 7]))),
    ("lm.ngram.NGram.logprob", "sequence", ([3, 4.5], ["3"])),
    ("lm.ngram.NGram.probabilities", "context", ([3, 4.5], ["3"])),
    ("lm.model.GPT.hidden", "ids", (torch.ones(1, 3).bool(),)),
    ("lm.sampling.completion_mask", "lengths", (torch.ones(3).bool(),)),
    ("lm.training.descend", "step", ("1",)),
]


@pytest.mark.parametrize(("name", "key", "values"), OUT_OF_RANGE)
def test_numbers_that_mean_nothing_are_refused(name, key, values):
    for value in values:
        assert outcome(name, arguments(name) | {key: value}) is REFUSED, value
