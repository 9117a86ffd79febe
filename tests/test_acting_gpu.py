"""Every stage runs on a device that mixes with no other, to the same numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils import backend_registration

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch cannot pretend a device",
)


def run(*command: str) -> str:
    """What a Python of its own prints."""
    paths = os.pathsep.join([str(HERE.parent), str(HERE)])
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_pretended_gpu_refuses_what_a_gpu_refuses():
    code = """
import acting_gpu, torch
x = torch.arange(6.0, device="acting").view(2, 3)
assert x.device.type == "acting" and (x @ x.T).sum().item() == 83
assert x[torch.tensor([1])].cpu().tolist() == [[3, 4, 5]]
for fails in (
    lambda: x + torch.ones(3),
    lambda: torch.multinomial(x + 1, 1, generator=torch.Generator()),
    lambda: torch.randn(2, device="acting", generator=torch.Generator()),
    lambda: x.numpy(),
    lambda: torch.ones(3).add_(x[0]),
):
    try:
        fails()
    except (RuntimeError, TypeError):
        continue
    raise SystemExit("it did not refuse")
"""
    run("-c", code)


def test_every_stage_reaches_there_what_it_reaches_on_the_cpu():
    here, there = (
        json.loads(run(str(HERE / "gpu_pipeline.py"), *where).splitlines()[-1])
        for where in ((), ("acting",))
    )
    assert (here.pop("devices"), there.pop("devices")) == (["cpu"], ["acting"])
    assert list(here) == list(there) and len(here) == 12
    for stage, reached in here.items():
        if isinstance(reached, list):  # texts, rows: the same draws
            assert there[stage] == reached, stage
        else:  # Muon multiplies in bf16, which makes much of a rounding
            assert there[stage] == pytest.approx(reached, rel=1e-3, abs=1e-3), stage
