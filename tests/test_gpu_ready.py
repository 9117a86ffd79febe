"""What a GPU asks of the code, tested with fakes: no fp64, own draws, own device."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course import checkpoints, runtime
from course.lm.layers import rms_norm
from course.lm.lora import LowRank
from course.lm.model import GPT, GPTConfig
from course.lm.sampling import generate, sample_tokens
from course.policy import preference_losses
from course.policy.preference_losses import dpo_metrics
from course.reward import agreement, metrics, ranking
from course.reward.agreement import pairwise_ceiling, split_half
from course.reward.metrics import pearson, preference_accuracy
from course.reward.ranking import bradley_terry_fit, pair_probability, win_matrix


class NoDouble(TorchDispatchMode):
    """Refuses every fp64 tensor on `meta`, as Apple's GPU does on `mps`."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for x in tree_leaves(result):
            if isinstance(x, torch.Tensor) and x.dtype == torch.float64:
                assert x.device.type != "meta", f"{function} made fp64 on the device"
        return result


@pytest.fixture
def no_fp64(monkeypatch):
    """The device `meta` stands for one that has no 64-bit numbers."""
    monkeypatch.setattr(runtime, "NO_FP64", {"meta"})
    monkeypatch.setattr("course.lm.sampling.NO_FP64", {"meta"})


STATISTICS = {
    "dpo_metrics": lambda x: dpo_metrics(x.sum(), x, x + 1, x, x, 0.1),
    "pearson": lambda x: pearson(x, x.flip(0)),
    "preference_accuracy": lambda x: preference_accuracy(x, x.flip(0)),
    "pairwise_ceiling": lambda x: pairwise_ceiling(x, x.flip(0)),
    "pair_probability": lambda x: pair_probability(x, x.flip(0)),
    "win_matrix": lambda x: win_matrix(
        torch.tensor([0, 1, 2, 0]), torch.tensor([1, 2, 3, 3]), x > 1, 4
    ),
    "bradley_terry_fit": lambda x: bradley_terry_fit(x[:, None] + x),
    "split_half": lambda x: split_half(
        torch.stack([x, x.flip(0)], 1),
        torch.tensor([[True, False]] * 4),
        torch.tensor([[False, True]] * 4),
    ),
}


def test_the_fake_device_without_fp64_notices_it():
    with FakeTensorMode(), pytest.raises(AssertionError, match="fp64"), NoDouble():
        torch.randn(3, device="meta").double()


@pytest.mark.parametrize(
    "call", [runtime.as_double, lambda x: sample_tokens(x[:, None] * x, None)]
)
def test_a_device_without_fp64_is_asked_for_none(call, no_fp64):
    with FakeTensorMode(allow_non_fake_inputs=True), NoDouble():
        call(torch.randn(4, device="meta"))


@pytest.mark.parametrize("name", STATISTICS)
def test_statistics_turn_to_fp64_by_as_double_and_in_no_other_way(name, monkeypatch):
    doubled = []

    def as_double(x):
        doubled.append(x.dtype)
        return x.to(torch.float64)

    for module in (agreement, metrics, preference_losses, ranking):
        monkeypatch.setattr(module, "as_double", as_double)

    def refused(self):
        raise AssertionError("`.double()` outside as_double")

    monkeypatch.setattr(torch.Tensor, "double", refused)
    STATISTICS[name](torch.tensor([1.0, 2.0, 0.5, 1.5]))
    assert doubled


def test_the_norm_of_16_bit_numbers_is_computed_in_fp32():
    """As transformers does; only the input's and the result's rounding remain."""
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    x = torch.randn(64, 96, generator=torch.Generator().manual_seed(0)).bfloat16()
    norm = LlamaRMSNorm(96, eps=1e-5).bfloat16()
    with torch.no_grad():
        norm.weight.uniform_(0.5, 1.5)
        ours, theirs = rms_norm(x, norm.weight, 1e-5), norm(x)
    assert ours.dtype == torch.bfloat16
    assert torch.equal(ours, theirs)


def test_adapters_are_drawn_on_the_cpu_for_every_device():
    def after(layer: nn.Linear) -> tuple[LowRank, torch.Tensor]:
        torch.manual_seed(5)
        return LowRank(layer, 2, 1.0), torch.rand(1)

    near, next_near = after(nn.Linear(6, 4, bias=False))
    far, next_far = after(nn.Linear(6, 4, bias=False, device="meta"))
    assert (near.a.device.type, far.a.device.type) == ("cpu", "meta")
    assert torch.equal(next_near, next_far)  # the CPU's generator gave both
    assert near.a.std() > 0


def test_each_process_of_a_machine_has_the_gpu_of_its_number(monkeypatch):
    monkeypatch.delenv("COURSE_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert runtime.device() == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert runtime.device() == torch.device("cuda", 3)
    monkeypatch.setenv("LOCAL_RANK", "4")
    with pytest.raises(runtime.CourseError, match="Process 4.*there are 4"):
        runtime.device()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert runtime.device() == torch.device("cpu")


def test_a_pretrained_model_is_put_on_the_device(tmp_path, monkeypatch, tokenizer):
    from tiny import tiny_gpt

    from course.lm import pretrained
    from course.lm.interop import to_transformers

    to_transformers(tiny_gpt(tokenizer), tokenizer).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    monkeypatch.setattr(pretrained, "device", lambda: torch.device("meta"))
    model, _ = pretrained.load_pretrained(tmp_path)
    assert model.device.type == "meta"


def test_the_numbers_that_decide_are_drawn_once_for_a_whole_generation(
    monkeypatch, tokenizer
):
    """A GPU is sent them once; nothing is drawn token by token."""
    from tiny import tiny_gpt

    drawn, rand = [], torch.rand
    monkeypatch.setattr(
        torch, "rand", lambda *a, **k: drawn.append(k.get("dtype")) or rand(*a, **k)
    )
    generate(
        tiny_gpt(tokenizer), torch.ones(3, 2, dtype=torch.long),
        torch.ones(3, 2, dtype=torch.bool), max_new_tokens=6, eos_id=1, pad_id=0,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert drawn == [torch.float64]


def test_keys_of_checkpoints_differ_with_the_kind_of_device():
    recipe = checkpoints.recipe("language-model")
    assert len({checkpoints.key(recipe, kind) for kind in ("cpu", "cuda", "mps")}) == 3


class Waits(TorchDispatchMode):
    """Counts what makes a program wait for `meta`, which stands for a GPU.

    Those are a number asked of a tensor (bool, int, float, item), tensors whose size
    hangs on values, and copies to the CPU.  The answer is always 1: true, one text.
    """

    NEEDS_VALUES = (
        "aten::nonzero",
        "aten::_unique",
        "aten::unique",
        "aten::masked_select",
    )

    def __init__(self):
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name, kwargs = function._schema.name, kwargs or {}
        there = any(
            isinstance(x, torch.Tensor) and x.is_meta
            for x in tree_leaves((args, kwargs))
        )
        if there and name == "aten::_local_scalar_dense":
            self.seen.append(name)
            return args[0].dtype == torch.bool or 1
        chosen = args[1] if name.startswith("aten::index") and len(args) > 1 else ()
        by_mask = any(x.dtype == torch.bool for x in tree_leaves(chosen)
                      if isinstance(x, torch.Tensor))  # fmt: skip
        if there and (by_mask or name.startswith(self.NEEDS_VALUES)):
            self.seen.append(name)
            raise AssertionError(f"{name} asks for values")
        if there and torch.device(kwargs.get("device") or "meta").type == "cpu":
            self.seen.append(name)
            return torch.zeros(args[0].shape, dtype=args[0].dtype)
        if name == "aten::copy_" and not args[0].is_meta and args[1].is_meta:
            self.seen.append(name)
            return args[0]
        return function(*args, **kwargs)


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: x.sum().item(), lambda x: bool((x > 0).any()), lambda x: float(x[0]),
        lambda x: x.cpu(), lambda x: x.to("cpu", torch.float64), lambda x: int(x[0]),
        lambda x: torch.zeros(3).copy_(x), lambda x: x[0].tolist(),
    ],
)  # fmt: skip
def test_the_counter_of_waits_notices_each_way_to_wait(ask):
    x = torch.ones(3, device="meta")
    with Waits() as waits:
        x + x
        assert not waits.seen
        ask(x)
    assert len(waits.seen) == 1


@pytest.mark.parametrize(
    "ask",
    [lambda x: x[x > 0], lambda x: (x > 0).nonzero(), lambda x: x.unique(),
     lambda x: x.masked_select(x > 0), lambda x: x.index_put_((x > 0,), x[0])],
)  # fmt: skip
def test_the_counter_of_waits_notices_sizes_that_hang_on_values(ask):
    with Waits(), pytest.raises(AssertionError, match="asks for values"):
        ask(torch.ones(3, device="meta"))


def waits_of(tokens: int, padded: bool, **options) -> list[str]:
    """What a generation of so many tokens asks of a model on `meta`."""
    config = GPTConfig(
        vocab_size=20, context=140, width=16, layers=2, heads=2, kv_heads=1,
        feed_forward=24,
    )  # fmt: skip
    model = GPT(config).to("meta")
    ids = torch.ones(1, 3, dtype=torch.long, device="meta")

    class Padded(Waits):
        """The second bool, whether no prompt is padded, is false."""

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            second = len(self.seen) == 1
            answer = super().__torch_dispatch__(function, types, args, kwargs)
            return False if padded and second and answer is True else answer

    with Padded() as waits:
        generate(
            model, ids, ids.bool(), max_new_tokens=tokens, eos_id=1, pad_id=0,
            generator=torch.Generator().manual_seed(0), **options,
        )  # fmt: skip
    return waits.seen


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("options", [{}, {"top_k": 5, "top_p": 0.9}], ids=str)
def test_a_generation_waits_for_the_device_as_often_whatever_its_length(
    padded, options
):
    """Never once a token: a GPU is sent the next pass while it computes this one."""
    short, long = (waits_of(n, padded, **options) for n in (64, 128))
    assert len(short) == len(long) <= 12
    assert len(waits_of(4, padded, **options)) <= 4
