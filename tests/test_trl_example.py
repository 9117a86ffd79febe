"""The exported policy and the course's score in TRL's trainer, on two processes."""

import re
from pathlib import Path

import pytest
import yaml

from course.launch import launch

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / "examples" / "accelerate").glob("*.yaml"))


def test_trl_on_two_processes_has_the_gradient_norm_of_the_course(
    tmp_path, monkeypatch
):
    pytest.importorskip("trl")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # two processes need two GPUs
    program = [str(ROOT / "examples" / "trl_grpo.py"), "--processes", "2", "--tiny"]
    printed = launch([*program, "--out", str(tmp_path)], 2)
    theirs = float(re.search(r"TRL's gradient norm (\S+)", printed)[1])
    ours = float(re.search(r"the course's +(\S+)", printed)[1])
    assert theirs > 0.05  # a gradient, not 0 = 0
    assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_accelerate_reads_the_configuration(file):
    """Its own reader refuses a key that it does not know."""
    pytest.importorskip("accelerate")
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(file))
    asked = yaml.safe_load(file.read_text("utf-8"))
    assert config.num_processes == asked["num_processes"]
    assert config.distributed_type.value == asked["distributed_type"]


def test_there_is_a_configuration_for_sharding_and_for_several_machines():
    assert {"fsdp2", "deepspeed_zero3", "two_nodes"} <= {file.stem for file in CONFIGS}


def test_the_settings_of_vllm_are_those_of_trl():
    trl = pytest.importorskip("trl")
    text = (ROOT / "examples" / "trl_grpo.py").read_text("utf-8")
    names = set(re.findall(r'"((?:use_)?vllm\w*)"', text))
    assert len(names) >= 4
    assert names <= set(trl.GRPOConfig.__dataclass_fields__)
