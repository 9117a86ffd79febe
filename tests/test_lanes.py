"""`make test` itself: order, environment, counts, exit status."""

from dataclasses import replace

import pytest

from tools import test_lanes as tool


def lane(name: str, code: str, needs: tuple[str, ...] = ()) -> tool.Lane:
    return tool.Lane(name, ("-c", code), needs)


def test_a_lane_that_fails_makes_the_whole_fail_and_the_others_still_run(monkeypatch):
    chosen = [lane("one", "raise SystemExit(3)"), lane("two", "pass")]
    assert [result.status for result in tool.run(chosen)] == ["FAILED", "ok"]
    monkeypatch.setattr(tool, "lanes", lambda *_: chosen)
    assert tool.main([]) == 1
    monkeypatch.setattr(tool, "lanes", lambda *_: chosen[1:])
    assert tool.main([]) == 0


def test_a_lane_whose_needs_failed_is_not_run_and_counts_as_failed(monkeypatch):
    chosen = [
        lane("data", "raise SystemExit(1)"),
        lane("model", "raise SystemExit('must not run')", needs=("data",)),
    ]
    results = tool.run(chosen)
    assert results[1].status == "not run: needs data"
    monkeypatch.setattr(tool, "lanes", lambda *_: chosen)
    assert tool.main([]) == 1


def test_without_a_browser_its_lane_is_not_run_and_says_so(monkeypatch):
    monkeypatch.delenv("COURSE_REQUIRE_BROWSER", raising=False)
    monkeypatch.setattr(tool, "browser_path", lambda: None)
    (lane_,) = [one for one in tool.lanes(1) if one.name == "browser"]
    monkeypatch.setattr(tool, "lanes", lambda *_: [replace(lane_, needs=())])
    assert tool.run(tool.lanes())[0].status == "not here: lacks a Chromium"
    assert tool.main([]) == 0


def test_a_browser_that_is_demanded_is_never_left_out(monkeypatch):
    monkeypatch.setenv("COURSE_REQUIRE_BROWSER", "1")
    monkeypatch.setattr(tool, "browser_path", lambda: None)
    assert not any(one.lacks for one in tool.lanes(1))


def test_no_lane_needs_one_that_comes_later_or_is_missing():
    before: set[str] = set()
    for one in tool.lanes(workers=2):
        assert set(one.needs) <= before
        before.add(one.name)


def test_a_variable_set_to_none_is_removed():
    """A back-end in the environment would leave the notebooks without a picture."""
    notebooks = {one.name: one for one in tool.lanes(2)}["notebooks"]
    seen = tool.environment(
        notebooks, {"MPLBACKEND": "Agg", "PYTHONHASHSEED": "0", "HOME": "h"}
    )
    assert "MPLBACKEND" not in seen and "PYTHONHASHSEED" not in seen
    assert seen["HOME"] == "h" and seen["CUDA_VISIBLE_DEVICES"] == ""


def test_the_gpu_option_changes_nothing_but_what_the_tests_see(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    tested = []
    for plain, gpu in zip(tool.lanes(2), tool.lanes(2, gpu=True), strict=True):
        assert plain.command == gpu.command
        differs = {k for k in plain.env if plain.env[k] != gpu.env[k]}
        hides = plain.env.get("CUDA_VISIBLE_DEVICES") == ""
        assert differs == ({"CUDA_VISIBLE_DEVICES"} if hides else set())
        assert hides == plain.is_pytest
        tested.append(gpu.env.get("CUDA_VISIBLE_DEVICES"))
    assert set(tested) == {None, "0"}


def test_notebook_cells_stay_together_wherever_work_is_spread():
    """Without `loadscope` the cells of one notebook land in different processes."""
    spread = [one for one in tool.lanes(2) if "-n2" in one.command]
    assert spread
    assert all("--dist=loadscope" in one.command for one in spread)


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ("def test_a(): pass\ndef test_b(): pass", "ok", (2, 0, 0)),
        ("def test_a(): pass\ndef test_b(): assert 0", "FAILED", (1, 1, 0)),
        ("import pytest\ndef test_a(): pytest.skip('no')", "FAILED", (0, 0, 1)),
        ("def test_a(missing_fixture): pass", "FAILED", (0, 1, 0)),
        ("", "FAILED", (0, 0, 0)),
    ],
)
def test_the_tests_of_a_lane_are_counted(tmp_path, body, status, expected):
    """A lane without a test that ran is a failure: it has shown nothing."""
    file = tmp_path / "test_it.py"
    file.write_text(body)
    command = (*tool.PYTEST, str(file), "-q", f"--rootdir={tmp_path}", "-pno:nbval")
    (result,) = tool.run([tool.Lane("it", command)])
    assert result.status == status
    assert tuple(result.counts[k] for k in ("passed", "failed", "skipped")) == expected


def test_the_last_line_sums_the_tests_of_all_lanes():
    counts = [
        {"passed": 2, "failed": 0, "skipped": 1},
        {},
        {"passed": 5, "failed": 1, "skipped": 0},
    ]
    results = [tool.Result(str(i), 1.0, "ok", c) for i, c in enumerate(counts)]
    assert tool.table(results).splitlines()[-1] == "7 passed, 1 failed, 1 skipped"


def test_an_unknown_lane_is_refused(capsys):
    with pytest.raises(SystemExit):
        tool.main(["--lane", "notebook"])
    assert "no lane 'notebook'" in capsys.readouterr().err
