"""Adapters change nothing at first, train alone, and merge into the weights."""

import ast
import copy
import inspect

import pytest
import torch

from course.lm import lora
from course.lm.lora import LowRank, adapters, adapters_off, add_adapters, merge
from course.lm.model import GPT, GPTConfig
from course.lm.objective import next_token_loss

EVERY = ("query", "key", "value", "output", "gate", "up", "down", "unembedding")
PLACES = [("query", "value"), ("gate", "up", "down"), EVERY]


def a_model(tied: bool = False) -> GPT:
    torch.manual_seed(0)
    return GPT(
        GPTConfig(
            vocab_size=31,
            context=16,
            width=16,
            layers=2,
            heads=4,
            kv_heads=2,
            feed_forward=24,
            tied=tied,
        )
    )


def some_ids() -> torch.Tensor:
    return torch.randint(31, (3, 9), generator=torch.Generator().manual_seed(1))


def adapted(suffixes=EVERY, rank: int = 3, alpha: float = 6.0) -> tuple[GPT, GPT]:
    """A model and its copy with adapters that do something."""
    base = a_model()
    model = add_adapters(copy.deepcopy(base), rank, alpha, suffixes)
    torch.manual_seed(2)
    for adapter in adapters(model).values():
        torch.nn.init.normal_(adapter.b, std=0.3)
    return base, model


@pytest.mark.parametrize("suffixes", PLACES)
@torch.no_grad()
def test_fresh_adapters_change_no_logit(suffixes):
    base, ids = a_model(), some_ids()
    model = add_adapters(copy.deepcopy(base), 3, 6.0, suffixes)
    assert adapters(model)
    assert torch.equal(model(ids), base(ids))


@pytest.mark.parametrize("suffixes", PLACES)
@torch.no_grad()
def test_merged_weights_give_the_logits_of_the_adapters(suffixes):
    base, model = (each.double() for each in adapted(suffixes))
    ids = some_ids()
    before = model(ids)
    assert (before - base(ids)).abs().max() > 1e-3  # the adapters do something
    names = [name for name, _ in base.named_parameters()]
    merged = merge(model)
    torch.testing.assert_close(merged(ids), before, atol=1e-6, rtol=1e-6)
    assert not adapters(merged)
    assert [name for name, _ in merged.named_parameters()] == names
    assert all(p.requires_grad for p in merged.parameters())


@torch.no_grad()
def test_an_adapter_is_the_formula_of_the_paper():
    """W x + (alpha / rank) B A x, in fp64; doubling alpha doubles the change."""
    layer = torch.nn.Linear(5, 4, bias=False).double()
    x = torch.randn(7, 5, dtype=torch.double)
    for alpha in (2.0, 4.0):
        adapter = LowRank(layer, rank=2, alpha=alpha)
        torch.nn.init.normal_(adapter.b)
        change = alpha / 2 * torch.einsum("or,ri,ni->no", adapter.b, adapter.a, x)
        torch.testing.assert_close(adapter(x), layer(x) + change)
        torch.testing.assert_close(x @ adapter.weight.T, layer(x) + change)


@pytest.mark.parametrize("suffixes", PLACES)
@torch.no_grad()
def test_with_adapters_off_the_model_is_the_base_exactly(suffixes):
    base, model = adapted(suffixes)
    ids = some_ids()
    with_adapters = model(ids)
    with adapters_off(model) as reference:
        assert torch.equal(reference(ids), base(ids))
        with adapters_off(model):
            pass
        assert torch.equal(model(ids), base(ids))  # the inner block restored "off"
    assert torch.equal(model(ids), with_adapters)


def test_adapters_come_back_on_after_an_error():
    _, model = adapted()
    with pytest.raises(KeyError), adapters_off(model):
        raise KeyError
    assert not any(adapter.off for adapter in adapters(model).values())


def test_only_adapters_get_gradients():
    _, model = adapted()
    ids = some_ids()
    next_token_loss(model(ids), ids).backward()
    for name, parameter in model.named_parameters():
        trains = name.endswith((".a", ".b"))
        assert parameter.requires_grad == trains, name
        assert (parameter.grad is not None) == trains, name
        assert not trains or parameter.grad.abs().max() > 0, name


def test_training_moves_no_weight_of_the_base():
    base, model = adapted()
    ids = some_ids()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    next_token_loss(model(ids), ids).backward()
    optimizer.step()
    with torch.no_grad(), adapters_off(model):
        assert torch.equal(model(ids), base(ids))


def test_the_number_of_trained_parameters_is_rank_times_in_plus_out():
    model = add_adapters(a_model(), 3, 6.0, EVERY)
    width, kv, f, vocabulary, layers = 16, 8, 24, 31, 2
    per_block = 2 * (width + width) + 2 * (width + kv) + 3 * (width + f)
    expected = 3 * (layers * per_block + width + vocabulary)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained == expected


def test_adapters_learn_a_text_that_the_base_does_not_know():
    """Half the loss of the base, which knows nothing: it is near ln 31 nats."""
    model, ids = add_adapters(a_model(), 8, 16.0, EVERY), some_ids()[:1]
    first = next_token_loss(model(ids), ids).item()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        next_token_loss(model(ids), ids).backward()
        optimizer.step()
    assert next_token_loss(model(ids), ids).item() < first / 2
    with torch.no_grad(), adapters_off(model):
        assert next_token_loss(model(ids), ids).item() == first


@pytest.mark.parametrize(
    ("rank", "suffixes"), [(0, EVERY), (2, ("qurey",)), (2, ()), (2, ("embedding",))]
)
def test_a_rank_or_a_name_that_fits_nothing_is_refused(rank, suffixes):
    model = a_model(tied=True)
    with pytest.raises(ValueError, match="expected (at least 1|linear layers)"):
        add_adapters(model, rank, 1.0, suffixes)
    assert all(p.requires_grad for p in model.parameters())  # nothing was frozen


def test_a_second_set_of_adapters_is_refused():
    _, model = adapted(("query",))
    with pytest.raises(ValueError, match="no adapters yet"):
        add_adapters(model, 2, 1.0, ("value",))


def test_the_adapters_take_under_forty_lines_of_code():
    """What the course promises; docstrings, comments and imports are not counted."""
    source = inspect.getsource(lora)
    skipped = set()
    for node in ast.walk(ast.parse(source)):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(node):
            node = node.body[0]
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        skipped |= set(range(node.lineno, node.end_lineno + 1))
    code = [
        line
        for number, line in enumerate(source.splitlines(), start=1)
        if number not in skipped and line.strip() and line.strip()[0] != "#"
    ]
    assert 20 < len(code) < 40
