"""The house around the course: pins, commands, addresses, links, doctests."""

import doctest
import importlib
import importlib.util
import json
import os
import pkgutil
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import course

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PAGES = ("README.md", "CONTRIBUTING.md")
MAKE = shutil.which("make")
needs_make = pytest.mark.skipif(
    MAKE is None or os.name == "nt", reason="make is not here"
)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def direct_requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    lines = [
        *PROJECT["dependencies"],
        *(r for n in ("lab", "test", "site") for r in extras[n]),
    ]
    return [Requirement(line) for line in lines]


def pins(name: str) -> dict[str, Version]:
    lines = [x for x in text_of(name).splitlines() if not x.startswith("#")]
    found = dict(line.split("==") for line in lines)
    assert len(found) == len(lines), f"{name} pins something twice"
    return {canonicalize_name(k): Version(v) for k, v in found.items()}


# ----------------------------------------------------------------------------- pins


@pytest.mark.parametrize(
    "name",
    ["constraints.txt", ".ci/colab-constraints.txt", ".ci/widgets-7-constraints.txt"],
)
def test_a_constraints_file_holds_sorted_pins_and_nothing_else(name):
    lines = text_of(name).splitlines()
    while lines[0].startswith("#"):  # where the list is from
        lines = lines[1:]
    assert lines
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==\d[A-Za-z0-9.]*", line), line
    assert lines == sorted(lines)


def test_every_direct_dependency_is_pinned_inside_its_range():
    tested = pins("constraints.txt")
    for requirement in direct_requirements():
        version = tested[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement}: {version}"


def test_no_bound_of_ours_leaves_what_colab_has():
    colab = pins(".ci/colab-constraints.txt")
    ours = [Requirement(line) for line in PROJECT["dependencies"]]
    shared = [r for r in ours if canonicalize_name(r.name) in colab]
    assert len(shared) >= 7
    for requirement in shared:
        version = colab[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement}: {version}"


# ------------------------------------------------------------------------ addresses


def tracked_files() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached"], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip("this copy of the course is not a git repository")
    return [ROOT / name for name in done.stdout.split("\0") if name]


def readable_text(path: Path) -> str:
    """The text of a file, without the pictures of a notebook, which look random."""
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, FileNotFoundError):
        return ""
    if path.suffix != ".ipynb":
        return text
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)
    return json.dumps(notebook, ensure_ascii=False)


# Written so that this file does not contain what it looks for.
HOSTS = re.compile(
    r"(py[p]i\.org|pythonhoste[d]\.org|download\.pytorc[h]\.org|registry\.np[m]js"
    r"|deb\.debian\.or[g]|anacond[a]\.org)",
    re.IGNORECASE,
)
PATHS = re.compile(r"(?<![\w.*-])/((wor[k]|roo[t]|tm[p])/|(hom[e]|User[s])/\w)")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (HOSTS, "https://py" + "pi.org/simple"),
        (HOSTS, "--index-url https://download.pytor" + "ch.org/whl/cpu"),
        (PATHS, "see /wo" + "rk/main/x"),
        (PATHS, '"/ro' + 'ot/.cache"'),
        (PATHS, "/ho" + "me/ada/course/"),
    ],
)
def test_the_search_for_addresses_finds_them(pattern, text):
    assert pattern.search(text)


def test_no_tracked_file_names_a_package_host_or_a_path_of_one_machine():
    wrong = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked_files()
        for pattern in (HOSTS, PATHS)
        for match in pattern.finditer(readable_text(path))
        # Tests hand made-up paths to the code that must refuse or replace them.
        if pattern is HOSTS or path.parts[len(ROOT.parts)] != "tests"
    ]
    assert not wrong


# ------------------------------------------------------------------------- commands


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", text_of("Makefile"), re.MULTILINE))


def test_the_makefile_has_the_targets_that_were_promised():
    promised = "setup lab test test-fast run notebooks lint bench colab-check clean"
    assert set(promised.split()) <= targets()


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_exists(page):
    text = text_of(page)
    code = "\n".join(
        a or b for a, b in re.findall(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", text, re.S)
    )
    makes = re.findall(r"\bmake ([a-z][a-z-]*)", code)
    modules = re.findall(r"\bpython3? -m ([a-z_.]+)", code)
    assert makes and modules
    assert set(makes) <= targets()
    for module in modules:
        assert importlib.util.find_spec(module), f"python -m {module}"


def test_every_name_of_the_glossary_is_used_in_the_code():
    """Down to the names of later chapters; those are promises."""
    present = text_of("GLOSSARY.md").split("Names of later chapters")[0]
    rows = [line.split("|") for line in present.splitlines() if line.startswith("| ")]
    names = {name for row in rows for name in re.findall(r"`([A-Za-z_][\w]*)", row[2])}
    assert len(names) > 60
    code = "\n".join(
        path.read_text("utf-8") for path in (ROOT / "course").rglob("*.py")
    )
    words = set(re.findall(r"\w+", code))
    assert names - words == set()


@needs_make
@pytest.mark.parametrize("target", sorted(targets()))
def test_every_target_of_the_makefile_parses(target):
    done = subprocess.run(
        [MAKE, "-n", target], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_continuous_integration_calls_the_readmes_test_command():
    assert "make test" in text_of("README.md")
    script = ROOT / ".ci" / "run"
    assert script.read_text("utf-8").splitlines()[-1] == "make test"
    assert os.name == "nt" or script.stat().st_mode & stat.S_IXUSR
    assert "- run: make test" in text_of(".github/workflows/test.yml")


# --------------------------------------------------------------- set-up that fails


def house_without_python(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    """`make setup` in an empty house whose only Python is the given shell script."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    fake = folder / "python-of-the-test"
    fake.write_text(f"#!/bin/sh\n{python}\n")
    fake.chmod(0o755)
    return subprocess.run(
        [MAKE, "setup", f"PYTHON={fake}"], cwd=folder, capture_output=True, text=True
    )


@needs_make
def test_an_old_python_is_refused_in_one_sentence(tmp_path):
    done = house_without_python(tmp_path, "exit 1")
    assert done.returncode != 0
    assert "No Python 3.11, 3.12 or 3.13 among" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".venv").exists()


@needs_make
def test_a_python_without_ensurepip_is_refused_in_one_sentence(tmp_path):
    script = f'case "$2" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"'
    done = house_without_python(tmp_path, script)
    assert done.returncode != 0
    assert "venv or ensurepip module is missing" in done.stderr
    assert not (tmp_path / ".venv").exists()


# ------------------------------------------------------------------------- doctests


def modules() -> list[str]:
    found = pkgutil.walk_packages(course.__path__, "course.")
    return [info.name for info in found if not info.name.endswith("__main__")]


@pytest.mark.parametrize("name", modules())
def test_the_examples_in_the_docstrings_are_true(name):
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=options)
    assert failed == 0


def test_there_are_examples_in_the_docstrings():
    assert any(
        test.examples
        for test in doctest.DocTestFinder().find(
            importlib.import_module("course.lm.objective")
        )
    )
