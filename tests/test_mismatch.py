"""Corrections for another sampler: TRL's own lines, and exact expectations."""

import ast
import inspect
import math
import textwrap
from types import SimpleNamespace

import pytest
import torch

from course.policy.enumerable import TinyPolicy
from course.policy.mismatch import drop_above, effective_size, sequence_is, token_is


def draws(seed: int = 0, rows: int = 5, time: int = 6, moved: float = 0.8):
    generator = torch.Generator().manual_seed(seed)
    sampler = -torch.rand(rows, time, generator=generator, dtype=torch.float64) * 3
    noise = torch.randn(rows, time, generator=generator, dtype=torch.float64)
    lengths = torch.randint(1, time + 1, (rows,), generator=generator)
    return sampler + moved * noise, sampler, torch.arange(time) < lengths[:, None]


def trl_ratio(logprobs, sampler, mask, mode: str, limit: float):
    """The statements of TRL's GRPO trainer between log-probabilities and ratio."""
    trl = pytest.importorskip("trl")
    method = trl.GRPOTrainer._generate_and_score_completions
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(method))))
    wanted = "per_token_logps_diff = (old_per_token_logps"
    blocks = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        and any(wanted in ast.unparse(line) for line in node.body)
        and any(
            isinstance(line, ast.Assign) and wanted in ast.unparse(line)
            for line in node.body
        )
    ]
    if len(blocks) != 1:
        pytest.skip("this TRL computes the ratio elsewhere")
    trainer = SimpleNamespace(
        use_vllm=True,
        vllm_importance_sampling_correction=True,
        vllm_importance_sampling_mode=mode,
        vllm_importance_sampling_clip_max=limit,
        vllm_importance_sampling_clip_min=None,
    )
    names = {
        "self": trainer, "torch": torch, "math": math, "completion_mask": mask.double(),
        "tool_mask": None, "old_per_token_logps": logprobs,
        "sampling_per_token_logps": sampler,
    }  # fmt: skip
    code = ast.Module(body=blocks[0].body, type_ignores=[])
    exec(compile(code, "trl", "exec"), names)
    return names["vllm_importance_sampling_ratio"]


@pytest.mark.parametrize("limit", [1.5, 3.0])
@pytest.mark.parametrize(
    ("mode", "ours"),
    [
        ("token_truncate", lambda *x, limit: token_is(*x, limit)),
        ("token_mask", lambda *x, limit: drop_above(token_is(*x), limit)),
        ("sequence_truncate", lambda *x, limit: sequence_is(*x, limit)[:, None]),
        (
            "sequence_mask",
            lambda *x, limit: drop_above(sequence_is(*x), limit)[:, None],
        ),
    ],
)
def test_the_four_modes_of_trl_give_the_same_weights(mode, ours, limit):
    cut = 0
    for seed in range(4):
        given = draws(seed)
        right = trl_ratio(*given, mode, limit)
        torch.testing.assert_close(ours(*given, limit=limit), right)
        cut += int((right == limit).sum() + (right == 0).sum())
    assert cut  # else the limit was never met


@pytest.mark.parametrize("seed", range(5))
def test_the_weight_of_the_text_makes_the_expected_gradient_exact(seed):
    generator = torch.Generator().manual_seed(seed)
    pi, mu = TinyPolicy.random(generator), TinyPolicy.random(generator)
    r = torch.randn(7, generator=generator, dtype=torch.float64)
    right = pi.gradient(pi.expected(r))
    given = pi.logprobs(), mu.logprobs(), pi.mask

    def gradient(weights):
        chances = mu.probabilities().detach()
        return pi.gradient((chances * r * (weights * pi.logprobs()).sum(1)).sum())

    assert (gradient(sequence_is(*given)[:, None]) - right).norm() < 1e-12
    assert (gradient(token_is(*given)) - right).norm() > 0.01 * right.norm()


def test_weights_average_to_one_under_the_sampler():
    generator = torch.Generator().manual_seed(3)
    pi, mu = TinyPolicy.random(generator), TinyPolicy.random(generator)
    weights = sequence_is(pi.logprobs(), mu.logprobs(), pi.mask)
    assert abs(float(mu.expected(weights)) - 1) < 1e-12


def test_padding_is_ignored_whatever_stands_there_and_no_gradient_flows():
    logprobs, sampler, mask = draws(1)
    spoilt = logprobs.masked_fill(~mask, torch.nan).requires_grad_()
    for function in (token_is, sequence_is):
        right = function(logprobs, sampler, mask)
        found = function(spoilt, sampler, mask)
        assert torch.equal(found, right) and not found.requires_grad
    assert (token_is(logprobs, sampler, mask)[~mask] == 1).all()


def test_the_effective_size_is_all_for_equal_weights_and_one_for_a_lone_one():
    assert effective_size(torch.full((8,), 0.3)) == pytest.approx(1)
    assert effective_size(torch.eye(8)[0]) == pytest.approx(1 / 8)


def test_shapes_that_do_not_fit_are_refused():
    logprobs, sampler, mask = draws()
    for function in (token_is, sequence_is):
        with pytest.raises(ValueError, match=r"expected one shape \(batch, time\)"):
            function(logprobs[:, :2], sampler, mask)
