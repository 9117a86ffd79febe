"""The engine behind `check`: each kind of sentence, and that it never raises."""

import io
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import suppress
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import course
from course.checks import catalogue, check, checking, hint, progress, report, solution
from course.checks.checking import examine
from course.checks.comparing import same
from course.checks.exercise import Mistake, Probe
from course.checks.limits import FirstText, TimeLimit, time_limit
from course.checks.report import Verdict

ROOT = Path(__file__).resolve().parents[1]
PAIRWISE = catalogue.find("7.1")
RETURNS = catalogue.find("9.1")


@pytest.fixture(autouse=True)
def _own_home(fresh_home, monkeypatch):
    """No test writes the developer's progress."""
    monkeypatch.delenv("COURSE_CHECK_STRICT", raising=False)
    return fresh_home


def right(chosen, rejected):
    return -F.logsigmoid(chosen - rejected).mean()


right_loss = right


def named(function, name="pairwise_loss"):
    function.__name__ = name
    return function


def endless(chosen, rejected):
    while True:
        try:
            chosen = chosen + 0
        except Exception:
            continue


def hidden_return(chosen, rejected):
    -F.logsigmoid(chosen - rejected).mean()


def fails_deep(chosen, rejected):
    margin = chosen - rejected
    return margin.does_not_exist


def rewards_in_place(rewards, mask, gamma):
    returns = rewards.masked_fill_(~mask, 0.0).clone()
    for t in reversed(range(rewards.shape[1] - 1)):
        returns[:, t] += gamma * returns[:, t + 1]
    return returns


def unseen(text):
    """An answer whose lines cannot be read, so that no change of them is tried."""
    return eval(text, globals())


KINDS = {
    "correct": right,
    "known mistake": lambda c, r: -F.logsigmoid(r - c).mean(),
    "value": lambda c, r: (c * c * r).sum().sin(),
    "slip": lambda c, r: -F.logsigmoid(2 * c - 2 * r).mean(),
    "observed": lambda c, r: -F.logsigmoid((c - r).clamp(-50, 50)).mean(),
    "returns nothing": hidden_return,
    "type": lambda c, r: right(c, r).item(),
    "shape": lambda c, r: torch.stack([right(c, r), 3 * right(c, r)]),
    "dtype": lambda c, r: right(c, r).half(),
    "not finite": unseen("lambda c, r: right(c, r) + float('nan')"),
    "missing gradient": lambda c, r: right(c, r).detach(),
    "wrong gradient": lambda c, r: right(c.detach() * 2 - c, r),
    "error": fails_deep,
    "recursion": lambda c, r: KINDS["recursion"](c, r),
    "parameters": lambda c: c.mean(),
    "flat": lambda c, r: right(c, r).detach() + 0 * (c - r).sum(),
    "untried": lambda c, r: (_ for _ in ()).throw(NotImplementedError),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_answer_has_its_own_kind_of_sentence(kind):
    verdict = examine(PAIRWISE, KINDS[kind])
    assert verdict.kind == kind, verdict.line


def test_the_sentences_say_what_is_wrong():
    def line(kind):
        return examine(PAIRWISE, KINDS[kind]).line

    assert line("returns nothing").endswith(
        "your function returns nothing: you forgot `return`"
    )
    assert line("type").endswith("your function returns a float, expected a tensor")
    assert line("shape").endswith("your result has shape (2,), expected ()")
    assert line("dtype").endswith("your result has dtype float16, expected float32")
    assert "NaN where a finite number is expected" in line("not finite")
    assert "no gradient reaches `chosen` and `rejected`" in line("missing gradient")
    assert "takes (c), but the exercise calls it with (chosen, rejected)" in line(
        "parameters"
    )
    assert "the slope with respect to `chosen` is 0" in line("flat")
    assert "the expected one for twice `chosen` and `rejected`" in line("slip")
    assert "wrong only where `chosen` has large numbers" in line("observed")


def test_what_is_right_on_this_machine_only_earns_advice():
    on_the_cpu = lambda c, r: right(c - torch.zeros(len(c)), r)  # noqa: E731
    verdict = examine(PAIRWISE, on_the_cpu)
    assert verdict.status == "correct"
    assert "on a GPU your function would mix in a tensor" in verdict.notes[1]
    doubled = examine(PAIRWISE, lambda c, r: right(c.double(), r.double()))
    assert doubled.status == "correct"
    assert "your result is float64 where the course's is float32" in doubled.notes[1]


def test_the_course_s_own_function_called_by_another_name_is_not_an_answer():
    own = PAIRWISE.load()
    from course.reward import losses

    for function in (
        lambda c, r: own(c, r),
        lambda c, r: losses.pairwise_loss(c, r),
    ):
        verdict = examine(PAIRWISE, function)
        assert verdict.status == "untried"
        assert "the course's own pairwise_loss" in verdict.notes[0]


@pytest.mark.parametrize("kind", [torch.int32, torch.int64])
def test_a_count_is_exact_however_large(kind):
    """A parameter too many in 400,000 is not rounding."""
    many = 400_000
    exact = torch.tensor([many])
    assert same(many, many, 1e-5) and same(exact.to(kind), exact, 1e-5)
    assert not same(many + 1, many, 1e-5)
    assert not same((exact + 1).to(kind), exact, 1e-5)
    assert same(many + 1.0, float(many), 1e-5)
    assert same((exact + 1).float(), exact.float(), 1e-5)


def test_settings_of_torch_are_put_back_and_named():
    def careless(chosen, rejected):
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        try:
            return right(chosen, rejected)
        finally:
            torch.set_grad_enabled(True)

    verdict = examine(PAIRWISE, careless)
    assert torch.get_default_dtype() == torch.float32
    assert any("default dtype" in note for note in verdict.notes)


def test_threads_and_warnings_are_put_back():
    threads, filters = torch.get_num_threads(), list(warnings.filters)

    def careless(chosen, rejected):
        torch.set_num_threads(threads + 1)
        warnings.simplefilter("ignore", UserWarning)
        return right(chosen, rejected)

    verdict = examine(PAIRWISE, careless)
    assert torch.get_num_threads() == threads
    assert warnings.filters == filters
    assert any("number of threads" in note for note in verdict.notes)


def test_input_is_refused_at_once():
    verdict = examine(PAIRWISE, lambda c, r: input())
    assert "cannot ask with input()" in verdict.line


def test_too_slow_is_not_called_endless(monkeypatch):
    monkeypatch.setattr(checking, "SECONDS", 0.5)

    def slower_and_slower(chosen, rejected):
        time.sleep(0.05 * len(chosen))
        return right(chosen, rejected)

    verdict = examine(PAIRWISE, slower_and_slower)
    assert verdict.kind == "slow"
    assert "keep what you have computed" in verdict.line


def test_a_difference_is_shown_where_it_is_and_with_the_digits_that_differ():
    packing = catalogue.find("4.3")
    right = packing.load()

    def wrong_padding(sequences, length, pad_id):
        ids, segments, positions = right(sequences, length, pad_id)
        return ids, segments, positions.float()

    line = examine(packing, wrong_padding).line
    assert "entry 2 of your result has dtype float32, expected int64" in line
    labels = catalogue.find("4.1")

    def off(ids, prompt_lengths, lengths):
        found = labels.load()(ids, prompt_lengths, lengths)
        return found.where(found != -100, torch.full_like(found, -10))

    verdict = examine(labels, off)
    assert "row 0, column 0: yours -10, expected -100" in " ".join(
        (verdict.line, *verdict.notes)
    )
    nearly = examine(PAIRWISE, lambda c, r: right_loss(c, r) * 1.00003)
    assert nearly.status == "wrong"
    said = " ".join((nearly.line, *nearly.notes))
    yours, wanted = re.search(r"yours ([\d.]+), expected ([\d.]+)", said).groups()
    assert yours != wanted


def test_a_wrong_gradient_is_shown_as_a_gradient():
    table = dict(examine(PAIRWISE, KINDS["wrong gradient"]).table)
    assert set(table) == {"your gradient", "expected gradient"}


def test_a_missing_gradient_of_one_input_names_it():
    verdict = examine(PAIRWISE, lambda c, r: right(c, r.detach()))
    assert verdict.kind == "missing gradient"
    assert "no gradient reaches `rejected`" in verdict.line


def test_a_tensor_made_on_the_cpu_is_found_only_where_it_meets_the_inputs():
    passed_on = lambda c, r: right(c - torch.zeros(len(c), device=c.device), r)  # noqa: E731
    assert examine(PAIRWISE, passed_on).status == "correct"
    rebuilt = lambda c, r: torch.tensor(right(c, r).item(), requires_grad=True)  # noqa: E731
    assert examine(PAIRWISE, rebuilt).status == "wrong"
    looped = lambda c, r: sum(right(a[None], b[None]) for a, b in zip(c, r)) / len(c)  # noqa: B905, E731
    assert examine(PAIRWISE, looped).status == "correct"


def test_an_input_changed_in_place_is_named():
    verdict = examine(RETURNS, rewards_in_place)
    assert verdict.kind == "changed input"
    assert "changes its input `rewards` in place" in verdict.line


def test_an_error_shows_the_learner_s_line_and_no_traceback():
    verdict = examine(PAIRWISE, fails_deep)
    number = fails_deep.__code__.co_firstlineno + 2
    assert f"in line {number} (`return margin.does_not_exist`)" in verdict.line
    assert "AttributeError" in verdict.line
    assert "Traceback" not in verdict.line
    assert ".py" not in verdict.line


def test_an_error_inside_a_library_shows_the_learner_s_line():
    def inside_torch(chosen, rejected):
        return F.cross_entropy(chosen, "no target")

    verdict = examine(PAIRWISE, inside_torch)
    assert f"in line {inside_torch.__code__.co_firstlineno + 1} " in verdict.line


def test_a_wrong_value_shows_the_smallest_failing_probe_and_a_failed_property():
    verdict = examine(PAIRWISE, unseen("lambda c, r: right(c + 1, 2 * r)"))
    assert verdict.table[0][0] == "yours"
    assert verdict.table[1] == ("expected", "0.4741")  # log(1 + exp(-0.5))
    assert "chosen = [1], rejected = [0.5]" in verdict.caption
    assert any("adding 3 to every score" in note for note in verdict.notes)


@pytest.mark.parametrize("in_a_thread", [False, True])
def test_an_endless_loop_is_stopped(monkeypatch, in_a_thread):
    monkeypatch.setattr(checking, "SECONDS", 0.3)
    found = []

    def run():
        found.append(examine(PAIRWISE, endless))

    if in_a_thread:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(30)
    else:
        run()
    assert found[0].kind == "endless"
    assert "may never end" in found[0].line


def test_a_loop_that_catches_everything_is_stopped_too(monkeypatch):
    monkeypatch.setattr(checking, "SECONDS", 0.2)

    def stubborn(chosen, rejected):
        for _ in range(2):
            try:
                while True:
                    pass
            except:  # noqa: E722
                pass
        while True:
            pass

    assert examine(PAIRWISE, stubborn).kind == "endless"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no alarm on this system")
def test_the_time_limit_gives_an_earlier_alarm_back():
    rang = []
    before = signal.signal(signal.SIGALRM, lambda *_: rang.append(True))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with time_limit(5):
            pass
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
        deadline = time.monotonic() + 10
        while not rang and time.monotonic() < deadline:
            time.sleep(0.05)
        assert rang
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_time_limit_raises_nothing_after_its_block():
    """Limits short enough to be reached while a block is being left, too."""

    def run():
        for _ in range(200):
            with suppress(TimeLimit), time_limit(0.0002):
                pass
        time.sleep(0.7)  # a watch that was not ended would raise every half second
        done.append(sum(range(100_000)))

    done = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert done


def test_check_prints_the_line_and_hands_back_the_learner_s_function(capsys):
    mine = named(lambda c, r: right(c, r))
    assert check(mine) is mine
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✔ 7.1 pairwise_loss: correct (11 probes, 3 properties)"
    assert lines[1].strip() == PAIRWISE.why


def test_check_hands_back_the_course_s_function_where_the_answer_is_wrong(capsys):
    assert check(named(lambda c, r: right(r, c))) is PAIRWISE.load()
    assert capsys.readouterr().out.startswith("✘ 7.1 pairwise_loss: chosen and rejec")


def test_the_stub_prints_one_line_and_hands_back_the_course_s_function(capsys):
    def pairwise_loss(chosen, rejected):
        raise NotImplementedError

    assert check(pairwise_loss) is PAIRWISE.load()
    assert capsys.readouterr().out == "◌ 7.1 pairwise_loss: not attempted yet\n"


def test_torch_s_own_not_implemented_is_no_stub():
    def by_torch(chosen, rejected):
        return torch.empty(1, device="meta").to("cpu")

    verdict = examine(PAIRWISE, by_torch)
    assert (verdict.status, verdict.kind) == ("wrong", "error")


def test_running_the_check_again_on_what_it_handed_back_is_not_correct(capsys):
    given = check(named(lambda c, r: right(r, c)))
    assert check(given) is given
    last = capsys.readouterr().out.splitlines()[-2:]
    assert last[0] == "◌ 7.1 pairwise_loss: not attempted yet"
    assert "run the cell that defines yours again" in last[1]
    assert progress.read()["7.1"] == {"status": "wrong", "attempts": 1}


class Hostile:
    """A result that fails at everything one can do with it."""

    def __getattribute__(self, name):
        raise RuntimeError("<script>alert(1)</script>")

    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None
    __repr__ = __str__ = lambda self: 1 / 0


class OddTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, *_, **__):
        raise ZeroDivisionError("odd")


@pytest.mark.parametrize(
    "function",
    [
        None,
        3,
        "pairwise_loss",
        "no such exercise",
        print,
        torch.nn.Linear(1, 1),
        Hostile,
        named(lambda c, r: Hostile()),
        named(lambda c, r: OddTensor([1.0])),
        named(lambda c, r: exit(3)),
        named(lambda c, r: (yield)),
        named(lambda *a, **k: k),
        named(lambda c, r: 1 / 0),
        named(lambda c, r: torch.sparse_coo_tensor(size=(2, 2))),
        named(lambda c, r: right(c, r).to(torch.complex64)),
        named(lambda c, r: [right(c, r)]),
        named(lambda c, r: "x" * 10**6),
    ],
    ids=lambda f: None,
)
def test_check_never_raises(function, capsys):
    given = check(function)
    out = capsys.readouterr().out
    assert out.startswith("✘ ")
    assert "Traceback" not in out
    assert all(len(line) < 400 for line in out.splitlines())
    if getattr(function, "__name__", "") == "pairwise_loss" or function == (
        "pairwise_loss"
    ):
        assert given is PAIRWISE.load()


def test_an_unknown_name_suggests_the_near_one(capsys):
    def pairwise_los(chosen, rejected):
        return 0

    assert check(pairwise_los) is pairwise_los
    assert "did you mean pairwise_loss?" in capsys.readouterr().out


def test_strict_makes_a_wrong_answer_raise_and_nothing_else(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_CHECK_STRICT", "1")
    with pytest.raises(AssertionError, match=r"✘ 7\.1 pairwise_loss: chosen and"):
        check(named(lambda c, r: right(r, c)))
    check(named(lambda c, r: right(c, r)))
    check(named(KINDS["untried"]))
    assert "◌" in capsys.readouterr().out


def test_what_the_code_prints_is_shown_after_the_first_line(capsys):
    def talks(chosen, rejected):
        print("chosen is", chosen.shape)
        return chosen.sum()

    check(named(talks))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("✘ 7.1")
    assert "Your code printed: chosen is torch.Size([1])" in lines[-1]


def test_only_the_first_printed_characters_are_kept():
    stream = FirstText(keep=5)
    for _ in range(1000):
        print("abc", file=stream)
    assert stream.text == "abc\na"


def test_check_leaves_the_random_numbers_alone():
    def draws(chosen, rejected):
        torch.manual_seed(5)
        return torch.rand(())

    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    check(named(draws))
    assert torch.equal(torch.rand(3), expected)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_nothing_of_the_learner_reaches_html_unescaped():
    bad = "<script>alert('x')</script>&\"<img src=x>"

    def evil(chosen, rejected):
        print(bad)
        raise ValueError(bad)

    verdict = examine(PAIRWISE, evil)
    every = Verdict(bad, "wrong", bad, bad, bad, ((bad, bad),), (bad, *verdict.notes))
    parser = Tags()
    parser.feed(report.as_html(every))
    assert {tag for tag, _ in parser.tags} <= {
        *("section", "table", "caption", "tr", "th", "td", "code", "p")
    }
    assert parser.text.count(bad) >= 4
    assert bad not in report.as_html(every)


def test_the_html_is_a_labelled_table_with_headings():
    verdict = examine(PAIRWISE, KINDS["value"])
    parser = Tags()
    parser.feed(report.as_html(verdict))
    tags = dict(parser.tags)
    assert tags["section"]["aria-label"] == "Check of 7.1 pairwise_loss"
    assert "caption" in tags
    assert [a["scope"] for t, a in parser.tags if t == "th"] == ["row", "row"]
    assert "yours" in parser.text
    assert "expected" in parser.text
    for heading, value in verdict.table:
        assert f"{heading:<8}  {value}" in report.text(verdict)


def test_a_message_stays_on_one_line():
    def shouts(chosen, rejected):
        raise ValueError("first\nsecond\x1b[31m red\r" + "x" * 1000)

    line = examine(PAIRWISE, shouts).line
    assert line.isprintable()
    assert len(line) <= 300


def test_hints_come_in_order_and_begin_again(capsys):
    course.checks._given.clear()
    for _ in range(4):
        hint("7.1")
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if line.startswith("Hint")]
    assert [line.split(" ·")[0] for line in lines] == [
        f"Hint {n} of 3" for n in (1, 2, 3, 1)
    ]
    assert all(text in out for text in PAIRWISE.hints)
    assert out.count('solution("7.1") shows an answer') == 1


def test_hint_and_solution_say_so_when_there_is_no_such_exercise(capsys):
    hint("77.1")
    solution("pairwise")
    hint(3.5)
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 3
    assert "did you mean pairwise_loss" in out[1]


def test_solution_shows_source_and_docstring(capsys):
    solution("7.1")
    out = capsys.readouterr().out
    assert "def pairwise_loss(" in out
    assert "Mean negative log-likelihood" in out


def test_an_exercise_without_a_part_is_refused():
    for change in (
        {"number": "seven"},
        {"difficulty": 6},
        {"minutes": 0},
        {"hints": ("one", "two")},
        {"mistakes": PAIRWISE.mistakes[:3]},
        {"why": ""},
    ):
        with pytest.raises(ValueError, match="without"):
            replace(PAIRWISE, **change)


def test_a_mistake_is_recognised_only_when_every_probe_agrees():
    """A function that makes a known mistake on the first probe only."""
    partly = unseen("lambda c, r: right(r, c) if len(c) == 1 else right(c, r)")
    verdict = examine(PAIRWISE, partly)
    assert verdict.kind == "slip"
    assert "probes where your result is wrong it is that of a known" in verdict.line


def test_importing_checks_loads_no_torch():
    code = "import course.checks, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.call([sys.executable, "-c", code]) == 0


# The progress file


def test_progress_remembers_and_stays_correct_once_correct():
    assert progress.read() == {}
    for status in ("untried", "wrong", "correct", "wrong"):
        assert progress.record("7.1", status) is None
    entry = progress.read()["7.1"]
    assert (entry["status"], entry["attempts"]) == ("correct", 3)
    assert entry["solved"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"version": 1, "exercises": [1]}',
        b'{"version": 1, "exercises": {"7.1": {}}}',
        b'{"version": "x", "exercises": {}}',
        b'{"version": 1, "exercises": {"7.1": {"status": "odd", "attempts": 1}}}',
        b'{"version": 1, "exercises": {"7.1": {"status": [], "attempts": 1}}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_kept_aside_with_one_sentence(_own_home, content):
    (_own_home / "progress.json").write_bytes(content)
    complaint = progress.record("7.1", "correct")
    assert "was damaged" in complaint
    assert complaint.count("\n") == 0
    aside = list(_own_home.glob("progress-damaged-*.json"))
    assert [path.read_bytes() for path in aside] == [content]
    assert progress.read()["7.1"]["status"] == "correct"
    assert progress.record("7.1", "correct") is None


@pytest.mark.parametrize("exercises", [{}, [1], {"7.1": {"state": 3}}])
def test_a_newer_file_is_left_as_it_is(_own_home, exercises):
    path = _own_home / "progress.json"
    content = json.dumps({"version": 99, "exercises": exercises})
    path.write_text(content)
    assert "newer version" in progress.record("7.1", "correct")
    assert path.read_text() == content


def test_a_check_goes_on_where_progress_cannot_be_kept(monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(progress, "_write", full)
    check(named(lambda c, r: right(c, r)))
    out = capsys.readouterr().out
    assert out.startswith("✔")
    assert "Your progress was not kept (No space left on device)." in out


def test_a_failed_write_leaves_the_old_file_and_no_draft(_own_home, monkeypatch):
    progress.record("7.1", "correct")

    def fails(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", fails)
    assert "not kept" in progress.record("7.2", "correct")
    assert list(progress.read()) == ["7.1"]
    assert sorted(p.name for p in _own_home.iterdir() if "lock" not in p.name) == [
        "progress.json"
    ]


def _record_many(start: int) -> None:
    for number in range(start, start + 8):
        assert progress.record(f"9.{number}", "correct") is None


def test_two_kernels_at_once_lose_nothing():
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_record_many, args=(s,)) for s in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(progress.read()) == 16


def test_a_killed_kernel_leaves_a_whole_file(_own_home):
    code = (
        "from course.checks import progress\n"
        "for i in range(10**6):\n"
        "    progress.record(f'9.{i % 50}', 'wrong')\n"
        "    print(i, flush=True)\n"
    )
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
        )
        process.stdout.readline()
        time.sleep(0.05)
        process.kill()
        process.wait()
        assert progress.read()["9.0"]["attempts"] >= 1
    assert progress.record("7.1", "correct") is None


# In a kernel


@pytest.mark.notebooks
def test_a_kernel_gets_the_line_on_stdout_and_the_details_in_two_formats(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    cells = [
        "from course import check\nimport torch.nn.functional as F",
        "def pairwise_loss(a, b):\n"
        "    # <b>line two</b>\n"
        "    return F.logsigmoid(a - b).mean() + 1",
        "pairwise_loss = check(pairwise_loss)",
        "def pairwise_loss(a, b):\n    x = a - b\n    return x.nothing('<i>')",
        "pairwise_loss = check(pairwise_loss)",
        "def pairwise_loss(a, b):\n    while True: pass",
        "import course.checks.checking as c; c.SECONDS = 0.5\n"
        "pairwise_loss = check(pairwise_loss)",
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )
    client.NotebookClient(
        notebook,
        timeout=120,
        coalesce_streams=True,
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    line, details = notebook.cells[2].outputs
    assert line.text.startswith("✘ 7.1 pairwise_loss: your result is 1 minus")
    assert line.text.count("\n") == 1
    assert set(details.data) == {"text/html", "text/plain"}
    assert "<table" in details.data["text/html"]
    error = notebook.cells[4].outputs[0].text
    assert "in line 3 (`return x.nothing('<i>')`): AttributeError" in error
    assert "<i>" not in notebook.cells[4].outputs[1].data["text/html"]
    assert "may never end" in notebook.cells[6].outputs[0].text


def test_the_details_are_text_in_a_terminal(capsys):
    assert not report.in_notebook()
    report.show(Verdict("1.1 x", "wrong", "value", "wrong", "why", (("yours", "3"),)))
    assert capsys.readouterr().out == "✘ 1.1 x: wrong\n  why\n  yours  3\n"


def test_a_probe_and_a_mistake_are_plain_data():
    probe = Probe("one", (torch.ones(1),))
    assert probe.name == "one"
    assert Mistake("m", right, "s").function is right
    assert isinstance(FirstText(), io.TextIOBase)
