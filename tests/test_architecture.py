"""Who may know whom: the picture of CONTRIBUTING.md, held by reading the source."""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "course"

# From top to bottom; a room may import rooms of the rows under its own, and nothing
# of its own row.  So `reward` and `policy` never know of each other.
ROWS = (
    {"__main__"},
    {"cli"},
    {"run_chapters", "doctor", "parcel", "start"},
    {"widgets", "checkpoints", "checks"},
    {"recipes"},
    {"tasks"},
    {"reward", "policy"},
    {"lm", "score_bridges"},
    {"data", "score", "launch"},
    {"expect_lists"},
    {"runtime", "plots", "claims", "definitions", "expect", "stop_button"},
)
# `setup` asks after the packages, gives every figure the course's look, and the stop
# button its patience; a claim is printed on any terminal.
EXCEPTIONS = {
    ("runtime", "doctor"),
    ("runtime", "plots"),
    ("runtime", "stop_button"),
    ("claims", "runtime"),
}
# Import names of what pyproject.toml names otherwise, or that comes with it.
COMES_WITH = {
    "IPython": "ipywidgets",
    "cycler": "matplotlib",
    "packaging": "transformers",
    "pandas": "datasets",
    "pip": "Python itself",
}
# Only the command line may use what the extras `lab` and `test` install.
COMMAND_LINE = {"cli", "doctor", "run_chapters"}
COMMAND_LINE_ONLY = {
    "ipykernel",
    "jupyter_client",
    "jupyter_core",
    "jupyter_server",
    "jupyterlab",
    "nbclient",
    "nbconvert",
    "nbformat",
}
LINES = 300


def source_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path, package: Path = PACKAGE) -> str:
    """The room of a file: `lm` of course/lm/model.py, "" of course/__init__.py."""
    first = path.relative_to(package).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imported_modules(source: str, package: str) -> set[str]:
    """Every module that the source imports, also inside functions.

    package: the package that the source lies in, for relative imports.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                parts = parts[: len(parts) - node.level + 1]
                base = ".".join([*parts, *([base] if base else [])])
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__")
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            found.add(str(node.args[0].value))
    return found


def row_of(room: str) -> int:
    rows = [number for number, row in enumerate(ROWS) if room in row]
    assert rows, f"course/{room} has no place in the picture; give it a row"
    return rows[0]


def upward_imports(room: str, imported: set[str]) -> list[str]:
    """What `room` imports of the course and may not."""
    known = {name for row in ROWS for name in row}
    rooms = {name.split(".")[1] for name in imported if name.startswith("course.")}
    return sorted(
        f"{room} -> {other}"
        for other in rooms & known
        if other != room
        and row_of(other) <= row_of(room)
        and (room, other) not in EXCEPTIONS
    )


def imports_of(path: Path) -> set[str]:
    package = ".".join(path.relative_to(ROOT).parts[:-1])
    return imported_modules(path.read_text(encoding="utf-8"), package)


def test_imports_point_downwards_only():
    files = [path for path in source_files() if room_of(path)]
    assert files
    wrong = [
        f"{path.relative_to(ROOT)}: {arrow}"
        for path in files
        for arrow in upward_imports(room_of(path), imports_of(path))
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("reward", "from course.policy.kl import k1"),
        ("policy", "import course.reward.model"),
        ("reward", "from course.tasks.task import Task"),
        ("lm", "def f():\n    from ..reward import losses"),
        ("data", "from course import lm"),
        ("plots", "from importlib import import_module\nimport_module('course.lm')"),
        ("widgets", "from course.checks import check"),
        ("checkpoints", "from course import cli"),
    ],
)
def test_a_forbidden_import_is_found_however_it_is_written(room, source):
    assert upward_imports(room, imported_modules(source, f"course.{room}"))


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("policy", "from course.lm.objective import entropy"),
        ("reward", "from .losses import pairwise_loss"),
        ("cli", "from course import checkpoints, runtime"),
        ("lm", "import torch\nfrom course import __version__"),
    ],
)
def test_an_allowed_import_is_let_through(room, source):
    assert not upward_imports(room, imported_modules(source, f"course.{room}"))


def test_the_package_never_imports_what_lies_beside_it():
    beside = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"course"}
    assert {"tools", "tests", "notebooks"} <= beside
    wrong = {
        str(path.relative_to(ROOT)): names
        for path in source_files()
        if (names := {name.split(".")[0] for name in imports_of(path)} & beside)
    }
    assert not wrong


def test_the_package_imports_only_what_its_dependencies_install():
    """A package that only the extra `test` installs breaks the reader's notebook."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {
        dependency.split(">=")[0].replace("-", "_")
        for dependency in project["dependencies"]
    }
    allowed = declared | sys.stdlib_module_names | COMES_WITH.keys() | {"course"}
    wrong = []
    for path in source_files():
        more = COMMAND_LINE_ONLY if room_of(path) in COMMAND_LINE else set()
        used = {name.split(".")[0] for name in imports_of(path)}
        wrong += [
            f"{path.relative_to(ROOT)}: {name}"
            for name in sorted(used - allowed - more - {""})
        ]
    assert not wrong


def test_importing_the_course_loads_no_heavy_library():
    """`import course` must answer at once; torch alone takes more than a second."""
    code = "import course, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert "course" in loaded
    assert not loaded & {
        "torch",
        "transformers",
        "tokenizers",
        "datasets",
        "numpy",
        "matplotlib",
        "ipywidgets",
    }


def test_what_the_front_door_offers_lazily_exists():
    import course

    for name in course.__all__:
        assert getattr(course, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        course.nothing  # noqa: B018


@pytest.mark.parametrize(
    "path", source_files(), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_module_is_short_and_says_what_it_and_its_public_names_are(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "the module has no docstring"
    if path.parent.name.startswith("ch"):
        return  # an exercise's wrong answers: their names and messages say it
    silent = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not silent, f"public, and without a docstring: {silent}"


def test_no_test_imports_another_test():
    """What tests share stands in tests/tiny.py, conftest.py and their like."""
    wrong = [
        f"{path.name}: {name}"
        for path in sorted((ROOT / "tests").glob("*.py"))
        for name in imported_modules(path.read_text(encoding="utf-8"), "tests")
        if name.removeprefix("tests.").startswith("test_")
    ]
    assert not wrong
