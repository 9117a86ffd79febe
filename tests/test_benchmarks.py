"""That the benchmark measures what it says: with fakes for steps and for a GPU."""

import argparse
from collections import Counter
from time import process_time, sleep

import pytest
import torch

from benchmarks import __main__ as table
from benchmarks import measure
from benchmarks.rows import Row


def busy(seconds: float) -> None:
    start = process_time()
    while process_time() < start + seconds:
        pass


@pytest.fixture
def fake_gpu(monkeypatch):
    """A GPU that notes when it is waited for, and says it used 3 MB."""
    noted = []
    for module in (measure, table):
        monkeypatch.setattr(module, "on_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: noted.append("wait"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 3 * 2**20)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    return noted


def test_steps_take_turns_and_the_first_turn_does_not_count():
    order = []
    steps = {
        name: (lambda name=name: order.append(name), "highest") for name in ("a", "b")
    }
    times = measure.in_turns(steps, 2)
    assert order == ["a", "b"] * 3 and set(times) == {"a", "b"}


def test_seconds_of_the_cpu_leave_out_what_the_wall_counts():
    took = measure.in_turns({"": (lambda: (busy(0.02), sleep(0.05)), "highest")}, 1)[""]
    assert 0.02 <= took.cpu < 0.05 < took.wall


def test_a_gpu_is_waited_for_before_and_after_each_step(fake_gpu):
    measure.in_turns({"": (lambda: fake_gpu.append("step"), "highest")}, 2)
    assert fake_gpu == ["wait", "step", "wait"] * 3


def test_products_are_counted_with_those_of_the_gradient():
    x, w = torch.ones(4, 8), torch.ones(8, 16, requires_grad=True)
    assert measure.multiplied(lambda: (x @ w).sum().backward()) == 2 * 2 * 4 * 8 * 16


def test_a_line_holds_the_ratios_to_both_settings_of_the_peer():
    row = Row(
        lambda: busy(0.05),
        lambda attention: lambda: busy({"sdpa": 0.15, "eager": 0.075}[attention]),
        100,
    )
    asked = argparse.Namespace(repeats=3, alone=False, one_thread=True)
    ours, peer, default, fastest, tokens, share = table.line("x", row, 1e9, asked)[
        30:
    ].split()
    assert float(ours) == pytest.approx(0.05, rel=0.2) and share == "0%"
    assert float(peer) == pytest.approx(0.15, rel=0.2)
    assert float(default) == pytest.approx(3, rel=0.3)
    assert float(fastest) == pytest.approx(1.5, rel=0.3)
    assert float(tokens.replace(",", "")) == pytest.approx(2000, rel=0.2)


def test_a_peer_that_is_not_installed_is_named_and_ours_is_measured():
    def missing(attention):
        raise ModuleNotFoundError("No module named 'trl'", name="trl")

    row = Row(lambda: busy(0.01), missing, 100)
    asked = argparse.Namespace(repeats=1, alone=False, one_thread=True)
    assert table.line("x", row, 1e9, asked).endswith("(no peer: trl)")


def test_on_a_gpu_a_line_ends_with_the_memory_of_both(fake_gpu):
    row = Row(lambda: sleep(0.02), lambda attention: lambda: sleep(0.03), 100)
    asked = argparse.Namespace(repeats=1, alone=False, one_thread=False)
    line = table.line("x", row, 1e9, asked)
    assert line.split()[-2:] == ["3", "3"] and fake_gpu.count("wait") >= 8
    assert float(line[30:].split()[0]) >= 0.02  # a pause: the wall, not the CPU


def test_launches_are_told_by_token(fake_gpu, monkeypatch):
    sent = Counter({"a kernel": 640, "waits": 9})
    monkeypatch.setattr(table, "sent_to_gpu", lambda step: Counter(sent))
    row = Row(lambda: None, lambda attention: lambda: None, 64 * 32)
    shown = table.launches(row, 32)
    assert shown.count("20 launches a token, 9 waits in all") == 2
