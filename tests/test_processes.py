"""Two processes take the step of one: all algorithms, unequal lengths, a crash."""

import importlib
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from processes_worker import ALGORITHMS, one_step
from safetensors.torch import load_file

from course.launch import launch
from course.policy.advantages import reward_to_go_advantages, whiten
from course.policy.guards import before_clipping, update
from course.policy.losses import reduce_token_mean
from course.policy.processes import count, join, seed_of, share_gradients, sum_of_all
from course.policy.shared import shared_advantages, shared_token_mean, shared_whiten
from course.runtime import CourseError

HERE = Path(__file__).parent
BATCH_WIDE = ("reinforce", "ppo", "grpo")  # rloo, dpo: means over texts and pairs


@pytest.fixture(scope="module", autouse=True)
def on_the_cpu():
    """Two processes need two GPUs, or none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DEVICE", "cpu")
        yield


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What each of two processes had after the steps: started once, on loopback."""
    folder = tmp_path_factory.mktemp("processes")
    launch([str(HERE / "processes_worker.py"), str(folder)], 2)
    return [torch.load(folder / f"process{n}.pt") for n in (0, 1)]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_two_processes_with_unequal_texts_take_the_step_of_one(two, algorithm):
    one = one_step(algorithm)
    for process in two:
        for name, expected in one.items():
            found = process[algorithm, True][name]
            assert (found - expected).abs().max() < 1e-6, name
        expected = one["gradient"].norm()
        assert expected > 0.01
        error = (process[algorithm, True]["gradient"] - one["gradient"]).norm()
        assert error < 1e-5 * expected


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_popular_bug_is_large_where_a_step_counts_over_the_batch(two, algorithm):
    """Each process its own mean: wrong by a tenth and more, except in RLOO and DPO."""
    one = one_step(algorithm)["gradient"]
    error = float((two[0][algorithm, False]["gradient"] - one).norm() / one.norm())
    assert (error > 0.1) == (algorithm in BATCH_WIDE)
    assert (error < 1e-5) == (algorithm not in BATCH_WIDE)


def test_alone_what_is_shared_is_what_its_namesake_gives():
    draws = torch.Generator().manual_seed(0)
    values = torch.randn(3, 5, generator=draws)
    mask = torch.arange(5) < torch.tensor([[5], [2], [1]])
    values = values * mask
    assert shared_token_mean(mask)(values, mask) == reduce_token_mean(values, mask)
    for ours, expected in (
        (shared_advantages, reward_to_go_advantages),
        (shared_whiten, whiten),
    ):
        torch.testing.assert_close(ours(values, mask), expected(values, mask))
    assert count() == 1
    assert join(1) == 0
    assert sum_of_all(values) is not values


def test_the_minibatches_of_a_rollout_weigh_every_token_alike():
    mask = torch.arange(4) < torch.tensor([[4], [2], [1], [3]])
    reduce = shared_token_mean(mask, minibatches=2)
    ones = torch.ones(4, 4)
    parts = [float(reduce(ones[rows], mask[rows])) for rows in ([0, 1], [2, 3])]
    assert parts == pytest.approx([6 / 5, 4 / 5])  # means over half of 10 tokens


def test_fewer_processes_than_asked_for_are_refused_with_the_way_to_start_them():
    with pytest.raises(CourseError, match="Got 1 of the 2 processes.*torchrun"):
        join(2)


def test_no_two_processes_of_runs_with_small_seeds_draw_the_same():
    seeds = [seed_of(rank, seed) for rank in range(64) for seed in range(1000)]
    assert len(set(seeds)) == len(seeds)
    assert seed_of(0, 5) == 5  # alone as always


def test_the_hook_sees_the_gradient_of_all_parts_once_and_before_the_clip():
    weight = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    seen = []
    before_clipping(optimizer, lambda: seen.append(weight.grad.clone()))
    parts = [3 * weight[0], 4 * weight[1]]
    assert update(optimizer, parts, max_grad_norm=1.0) == [pytest.approx(5.0)]
    assert [gradient.tolist() for gradient in seen] == [[3.0, 4.0]]
    torch.testing.assert_close(weight.detach(), torch.tensor([-0.6, -0.8]))


def test_shared_gradients_of_one_process_are_its_own():
    weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    idle = torch.nn.Parameter(torch.ones(3))  # no gradient reaches it
    optimizer = torch.optim.SGD([weight, idle], lr=1.0)
    share_gradients(optimizer)
    update(optimizer, [(weight * torch.tensor([3.0, 4.0])).sum()], 100.0)
    assert weight.tolist() == [-2.0, -2.0]
    assert idle.tolist() == [1.0, 1.0, 1.0]


def test_equal_advantages_are_whitened_to_zeros():
    mask = torch.ones(7, 11, dtype=torch.bool)
    assert not shared_whiten(torch.full((7, 11), 0.1), mask).any()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("import os; os.kill(os.getpid(), 9)", "A process ended without a word.*-9"),
        ("raise ValueError('no such thing')", "^ValueError: no such thing$"),
        (
            "from course.policy.processes import join\n"
            "join(2)\nraise KeyError('after they met')",
            "^KeyError: 'after they met'$",
        ),
    ],
)
def test_a_process_that_is_killed_or_raises_is_said_in_one_line(
    tmp_path, code, sentence
):
    file = tmp_path / "program.py"
    file.write_text(code, encoding="utf-8")
    with pytest.raises(CourseError, match=sentence) as raised:
        launch([str(file)], 2)
    assert "\n" not in str(raised.value)


# The example, as its reader starts it ------------------------------------------------

EXAMPLE = HERE.parent / "examples" / "two_processes.py"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "1"]


def start(command: list, folder: Path, algorithm: str = "grpo") -> subprocess.Popen:
    """The example with its untrained model, as a reader's command line runs it."""
    options = ["--tiny", "--steps", "2", "--out", folder, "--algorithm", algorithm]
    hidden = ("ACCELERATE_", "RANK", "WORLD_SIZE", "LOCAL_RANK")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*map(str, [*command, *options])], stdout=pipe, stderr=pipe, text=True,
        env={**clean, "PYTHONPATH": str(HERE.parent)},
    )  # fmt: skip


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_example_trains_by_each_algorithm(tmp_path, monkeypatch, capsys, algorithm):
    """In this process; the two tests below do it in several."""
    arguments = ["--processes", "1", "--tiny", "--steps", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["", *arguments, "--algorithm", algorithm])
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.syspath_prepend(EXAMPLE.parent)
    example = importlib.import_module("two_processes")
    untrained, _ = example.untrained()
    example.main()
    assert "step 0: score" in capsys.readouterr().out
    weights = load_file(tmp_path / "policy.safetensors")
    moved = [not torch.equal(p, weights[n]) for n, p in untrained.named_parameters()]
    assert any(moved)
    assert all(w.isfinite().all() for w in weights.values())


def test_two_machines_keep_one_policy_and_write_different_texts(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = ["--nnodes", "2", "--master-addr", "127.0.0.1", "--master-port", port]
    machines = [
        start([*TORCHRUN, *place, "--node-rank", rank, EXAMPLE], tmp_path / rank, "ppo")
        for rank in ("0", "1")
    ]
    printed = [machine.communicate(timeout=300) for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], printed
    pattern = r"process (\d): sum of weights (\S+), last score (\S+)"
    ends = [re.findall(pattern, out)[0] for out, _ in printed]
    assert sorted(end[0] for end in ends) == ["0", "1"]
    assert ends[0][1] == ends[1][1]  # the same weights
    assert ends[0][2] != ends[1][2]  # other texts


def test_one_process_that_fails_ends_all_with_one_sentence(tmp_path):
    """And the last checkpoint is whole: the weights of an optimizer's step."""
    program = start([sys.executable, EXAMPLE, "--fail", "1"], tmp_path, "dpo")
    out, err = program.communicate(timeout=300)
    assert program.returncode == 1
    assert err == "process 1: It fails after step 1, as asked for.\n"
    weights = load_file(tmp_path / "policy.safetensors")
    assert weights["embedding.weight"].isfinite().all()


def test_a_launcher_that_starts_one_process_in_silence_is_caught(tmp_path):
    """`accelerate launch --cpu --num_processes 2` does."""
    pytest.importorskip("accelerate")
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--cpu"]
    program = start([*launcher, "--num_processes", "2", EXAMPLE], tmp_path)
    _, err = program.communicate(timeout=300)
    assert program.returncode == 1
    assert "process 0: Got 1 of the 2 processes asked for" in err
