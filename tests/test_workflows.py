"""The workflows on GitHub: what they call is there, as far as can be seen from here."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from tools import test_lanes

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
JOBS = {
    f"{file.stem}/{name}": job
    for file in FILES
    for name, job in yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"].items()
}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))


def commands(job: dict) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_there_are_workflows():
    assert len(JOBS) >= 8


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_job_has_an_end_and_each_step_is_one_command_or_one_action(job):
    assert job["timeout-minutes"] <= 180
    for step in job["steps"]:
        assert ("run" in step) != ("uses" in step)
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_each_target_module_lane_and_file_that_a_job_names_is_there(job):
    text = commands(job)
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= TARGETS
    for module in re.findall(r"-m ([\w.]+)", text):
        assert importlib.util.find_spec(module), module
    lanes = {lane.name for lane in test_lanes.lanes(workers=1)}
    named = job.get("strategy", {}).get("matrix", {}).get("lane", [])
    assert {*re.findall(r"--lane (\w+)", text), *named} <= lanes
    for file in re.findall(r"(?:-c |CONSTRAINTS=)([\w./-]+)", text):
        assert (ROOT / file).is_file(), file


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_what_a_job_fills_in_is_known(job):
    matrix = job.get("strategy", {}).get("matrix", {})
    known = {f"matrix.{name}" for name in matrix} | {"vars.TORCH_INDEX"}
    known |= {
        f"steps.{step['id']}.outputs.page_url" for step in job["steps"] if "id" in step
    }
    assert set(re.findall(r"\$\{\{ *([^} ]+) *\}\}", str(job))) <= known


def test_both_lanes_that_repeat_cells_run_every_week_even_if_one_fails():
    job = JOBS["test/again"]
    assert job["strategy"]["matrix"]["lane"] == ["twice", "interrupt"]
    assert job["strategy"]["fail-fast"] is False
    assert "--lane ${{ matrix.lane }}" in commands(job)


def test_the_browser_is_demanded_where_every_test_runs():
    steps = JOBS["test/test"]["steps"]
    (tests,) = [s for s in steps if "make test " in s.get("run", "") + " "]
    assert tests["env"]["COURSE_REQUIRE_BROWSER"] == "1"


def test_systems_and_pythons_are_those_of_the_readme():
    assert JOBS["test/test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    systems = JOBS["test/systems"]["strategy"]["matrix"]["os"]
    assert {name.split("-")[0] for name in systems} == {"macos", "windows"}
