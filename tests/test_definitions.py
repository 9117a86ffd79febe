"""Which definitions a function reaches, and when two sources are the same."""

import ast
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from course.definitions import Ref, Source, definition, digest, reach

ROOT = Path(__file__).resolve().parents[1]
SMALL = {
    "__init__": "",
    "start": """
        import math
        import small.far
        from small.near import helper as h, unused
        from . import sub

        LIMIT = 3
        LIMIT += 1

        class Base:
            factor = LIMIT
            def scale(self, x): return x * self.factor

        class Thing(Base):
            pass

        def start(x: "Hint", unused=2) -> Hint:
            from small import late
            if x is None:
                raise ValueError(f"got {describe(x)}, expected a number")
            values = [h(y) for y in [x]]
            more = small.far.deep() + late.LAST + sub.inner(x)
            return Thing().scale(values[0]) + more

        class Hint: pass
        def describe(x): return repr(x)
        def other(): return 1
    """,
    "near": "def helper(x): return -x\ndef unused(): return 5\n",
    "far": "from small.further import deepest as deep\n",
    "further": "def deepest(): return _private()\ndef _private(): return 7\n",
    "late": "LAST = 8\nNOT_LAST = 9\n",
    "sub/__init__": "def inner(x): return x if x else inner(1)\n",
}


def written(folder: Path, files: dict[str, str]) -> Source:
    """A package called small, and its source."""
    for name, text in files.items():
        file = folder / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
    return Source({"small": folder})


def hashed(folder: Path, files: dict[str, str]) -> str:
    return digest(reach(written(folder, files), [Ref("small.start", "start")]))


def test_the_walk_reaches_what_the_body_names_and_nothing_else(tmp_path):
    source = written(tmp_path, SMALL)
    found = reach(source, [Ref("small.start", "start")])
    assert {".".join(ref) for ref in found} == {
        "small.start.start",
        "small.start.Thing",
        "small.start.Base",
        "small.start.LIMIT",
        "small.near.helper",
        "small.further.deepest",
        "small.further._private",
        "small.late.LAST",
        "small.sub.inner",
    }
    more = reach(source, [Ref("small.start", "start")], all_needs=True)
    assert {ref.name for ref in more.keys() - found} == {"Hint", "describe"}
    stop = {"small.further", "small.late.LAST"}
    fewer = reach(source, [Ref("small.start", "start")], stop=stop)
    assert {ref.name for ref in found.keys() - fewer} == {
        "deepest",
        "_private",
        "LAST",
    }


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("start", "LIMIT += 1", "LIMIT += 2"),
        ("start", "x * self.factor", "x / self.factor"),
        ("start", "factor = LIMIT", "factor = LIMIT - 1"),
        ("start", "Thing(Base)", "Thing(Hint, Base)"),
        ("start", "import helper as h", "import unused as h"),
        ("start", "unused=2", "unused=3"),
        ("start", "raise ValueError", "raise TypeError"),
        ("start", "x is None", "x is not None"),
        ("start", "late.LAST", "late.NOT_LAST"),
        ("near", "return -x", "return x"),
        ("far", "import deepest", "import _private"),
        ("further", "return 7", "return 7.0"),
        ("late", "LAST = 8", "LAST = '8'"),
        ("late", "NOT_LAST = 9", "NOT_LAST = 9\nprint('loaded')"),
        ("sub/__init__", "inner(1)", "inner(True)"),
    ],
)
def test_a_change_of_what_is_reached_changes_the_hash(tmp_path, file, old, new):
    assert SMALL[file].count(old) >= 1
    changed = SMALL | {file: SMALL[file].replace(old, new)}
    assert hashed(tmp_path / "a", SMALL) != hashed(tmp_path / "b", changed)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("start", "return 1", "return 2"),
        ("start", "got {describe(x)}, expected", "wanted"),
        ("start", "-> Hint", "-> int"),
        ("start", "import helper as h, unused", "import helper as h"),
        ("start", "class Hint: pass", "class Hint: size = 1"),
        ("start", "if x is None:", "if (x\n            is None):  # why\n"),
        ("start", "            pass\n", "            'Docs.'\n"),
        ("near", "return 5", "return 6"),
        ("late", "NOT_LAST = 9", "NOT_LAST = 10"),
    ],
)  # fmt: skip
def test_a_change_of_anything_else_leaves_the_hash(tmp_path, file, old, new):
    assert SMALL[file].count(old) >= 1
    changed = SMALL | {file: SMALL[file].replace(old, new)}
    assert hashed(tmp_path / "a", SMALL) == hashed(tmp_path / "b", changed)


def test_moving_a_definition_or_naming_an_import_otherwise_leaves_the_hash(tmp_path):
    moved = SMALL | {
        "start": SMALL["start"]
        .replace("from small.near import helper as h, unused", "from small import home")
        .replace("h(y)", "home.helper(y)"),
        "home": SMALL["near"],
        "near": "",
    }
    assert hashed(tmp_path / "a", SMALL) == hashed(tmp_path / "b", moved)


def test_two_definitions_of_one_name_are_told_apart(tmp_path):
    start = "from small.a import f\nfrom small.b import f as g\ndef start(): return {}"
    rest = {"__init__": "", "a": "def f(): return 1", "b": "def f(): return 2"}
    one = hashed(tmp_path / "a", {"start": start.format("f() - g()"), **rest})
    two = hashed(tmp_path / "b", {"start": start.format("g() - f()"), **rest})
    assert one != two


def test_a_local_name_is_not_the_module_s_own(tmp_path):
    """A parameter called `device` must not drag in the function of that name."""
    start = """
        def device(): return "cpu"
        def draws(): return [draws]
        def start(device):
            def inside(draws): return draws
            return inside([device for draws in device])
    """
    found = reach(
        written(tmp_path, {"__init__": "", "start": start}),
        [Ref("small.start", "start")],
    )
    assert [ref.name for ref in found] == ["start"]


def test_a_module_handed_on_as_a_value_counts_whole(tmp_path):
    start = "from small import far\ndef start(name): return getattr(far, name)()"
    far = "def f(): return 1\ndef g(): return 2"
    files = {"__init__": "", "start": start, "far": far}
    changed = files | {"far": far.replace("2", "3")}
    assert hashed(tmp_path / "a", files) != hashed(tmp_path / "b", changed)


def test_the_normal_form_is_the_one_written_down_here(tmp_path):
    """By hand, so that every Python that runs the tests must arrive at it."""
    start = """
        import torch.nn.functional as F
        @property
        def start(x, *, scale=1_000, **rest) -> "F":
            'Docs.'
            total = {**rest, "a": (x)}
            return F.relu(x), f"a{'b'}" f'{x!r:>{scale}}' "c", -0.50, [], None
    """
    source = written(tmp_path, {"__init__": "", "start": start})
    text = ["FormattedValue", ["conversion", -1]]
    assert definition(source, Ref("small.start", "start")).form == [
        [
            "FunctionDef",
            "start",
            [[], ["x"], [], ["scale"], ["rest"]],
            [["int", "1000"]],
            [["name", "property"]],
            [
                ["Assign", ["targets", [["local", "total"]]], ["value", [
                    "Dict",
                    ["keys", [None, ["str", "'a'"]]],
                    ["values", [["local", "rest"], ["local", "x"]]],
                ]]],
                ["Return", ["value", ["Tuple", ["elts", [
                    ["Call", ["args", [["local", "x"]]],
                     ["func", ["outside", "torch.nn.functional", "relu"]]],
                    ["JoinedStr",
                     [*text, ["value", ["str", "'a'"]]],
                     [*text, ["value", ["str", "'b'"]]],
                     ["FormattedValue", ["conversion", 114],
                      ["format_spec", ["JoinedStr",
                                       [*text, ["value", ["str", "'>'"]]],
                                       [*text, ["value", ["local", "scale"]]]]],
                      ["value", ["local", "x"]]],
                     [*text, ["value", ["str", "'c'"]]]],
                    ["UnaryOp", ["op", ["USub"]], ["operand", ["float", "0.5"]]],
                    ["List"],
                    ["NoneType", "None"],
                ]]]]],
            ],
        ]
    ]  # fmt: skip


def test_a_start_that_is_not_there_is_named(tmp_path):
    source = written(tmp_path, SMALL)
    for ref in (Ref("small.start", "<lambda>"), Ref("torch", "tensor")):
        with pytest.raises(ValueError, match=f"got {'.'.join(ref)}, expected a name"):
            reach(source, [ref])


EVERYTHING = """
import json, sys
from pathlib import Path
from course.definitions import Ref, Source, digest, reach
folder = Path(sys.argv[1])
source, hashes = Source({"course": folder}), {}
for file in sorted(folder.rglob("*.py")):
    parts = file.relative_to(folder.parent).with_suffix("").parts
    if parts[1] in ("checks", "widgets"):
        continue
    module = ".".join(parts).removesuffix(".__init__")
    for name in source.module(module).own:
        hashes[f"{module}.{name}"] = digest(reach(source, [Ref(module, name)]))
print(json.dumps([sys.version_info[:2], hashes]))
"""


def run(python: str, folder: Path) -> list:
    """[version, name -> hash] of all definitions of the course, under that Python."""
    done = subprocess.run(
        [python, "-c", EVERYTHING, str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout) if done.returncode == 0 else []


def other_pythons() -> list[str]:
    """The Pythons of other versions that this machine has."""
    names = [f"python3.{minor}" for minor in (11, 12, 13)]
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [
        str(path)
        for name in names
        for path in sorted(kept.glob(f"{name.removeprefix('python')}.*/bin/{name}"))
    ]
    here = f"python3.{sys.version_info.minor}"
    return [p for p in names + found if Path(p).name != here]


def test_every_definition_has_the_same_hash_on_every_python_at_hand():
    (version, here), seen = run(sys.executable, ROOT / "course"), set()
    assert len(here) > 300 and version == list(sys.version_info[:2])
    for python in other_pythons():
        try:
            other = run(python, ROOT / "course")
        except OSError:  # not installed
            continue
        if other and tuple(other[0]) not in seen:
            seen.add(tuple(other[0]))
            assert other[1] == here, python
    if not seen:
        pytest.skip("no second Python here; the form written by hand is tested above")


def test_layout_comments_and_docstrings_of_the_whole_course_leave_every_hash(tmp_path):
    """Each file printed again from its syntax tree, with other docstrings."""
    for file in (ROOT / "course").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
                and ast.get_docstring(node) is not None
            ):
                node.body[0] = ast.Expr(ast.Constant("Another text."))
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = ast.unparse(tree).replace("\n\n", "\n# a comment\n\n")
        copy.write_text(text, encoding="utf-8")
    assert "# a comment" in (tmp_path / "course/lm/model.py").read_text("utf-8")
    assert run(sys.executable, tmp_path / "course") == run(
        sys.executable, ROOT / "course"
    )
