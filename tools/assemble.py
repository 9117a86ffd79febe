"""From a checked master to a notebook without outputs: badge, title, set-up, rest."""

import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course.runtime import chapter_of
from tools import exercise_cells, masters, regions
from tools.regions import BuildError, Cell

BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
MISSING = (
    "The course is not here. In a clone: run `make lab` and choose the kernel of its "
    ".venv. Elsewhere: put the release's wheel beside this notebook, or set "
    "COURSE_SOURCE to anything that pip installs, and run this cell again. A folder "
    "named `course` that is not ours must be renamed; found: "
)
PIP = '[sys.executable, "-m", "pip", "install", "-q", next(filter(None, sources))]'
OURS = 'any(os.path.exists(f"{{p}}/claims.py") for p in place or [])'
SETUP = f"""\
# @title Set-up: finds the course, or installs it from COURSE_SOURCE or a wheel
import glob, importlib.util, os, subprocess, sys
sys.path.append(os.path.abspath(".."))  # the root, when this stands in a clone
sources = [os.environ.get("COURSE_SOURCE"), *glob.glob("next_token*.whl"), {{source}}]
if any(sources) and importlib.util.find_spec("course") is None:
    subprocess.run({PIP}); importlib.invalidate_caches()
place = getattr(importlib.util.find_spec("course"), "submodule_search_locations", 0)
assert {OURS}, f"{MISSING}{{{{list(place or []) or 'none'}}}}"
import course; course.setup(chapter="{{chapter}}")"""
CONTENTS = "<!-- contents -->"  # where a master wants the list of all notebooks
HELPERS = "; from course import check, hint, solution"


@dataclass(frozen=True)
class Target:
    """One generated notebook: its path below the root, its master and its cells."""

    path: Path
    master: Path
    cells: list[Cell]

    @property
    def stores_outputs(self) -> bool:
        return self.path.parts[0] != "exercises"


def slug(root: Path) -> str:
    """OWNER/REPO on GitHub, from pyproject.toml or the clone's origin, or ""."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    address = project["project"].get("urls", {}).get("Repository", "")
    if "OWNER/REPO" in address:
        command = ["git", "-C", str(root), "config", "--get", "remote.origin.url"]
        try:
            asked = subprocess.run(command, capture_output=True, text=True)
            address = asked.stdout.strip()
        except OSError:  # no git
            address = ""
    form = r"(?:https://github\.com/|git@github\.com:)([\w.-]+/[\w.-]+?)(\.git)?/?"
    found = re.fullmatch(form, address)
    return found[1] if found else ""


def targets(root: Path) -> list[Target]:
    """Everything that is to be built, from checked masters.  Raises BuildError."""
    found = []
    for master in sorted((root / "notebooks" / "src").glob("*.py")):
        path = Path("notebooks", f"{master.stem}.ipynb")
        found.append(Target(path, master, masters.read_master(master, False)))
    for master in sorted((root / "solutions" / "src").glob("*.py")):
        cells = masters.read_master(master, True)
        cells = exercise_cells.completed(cells, master.stem)
        stubs = [regions.without_solution(cell) for cell in cells]
        name = f"{master.stem}.ipynb"
        leaked = regions.leaks(cells, "\n".join(cell.source for cell in stubs))
        if leaked:
            raise BuildError(f"{master.name}: exercises/{name} would show {leaked}")
        found.append(Target(Path("exercises", name), master, stubs))
        shown = [regions.without_markers(cell) for cell in cells]
        found.append(Target(Path("solutions", name), master, shown))
    return found


def contents(root: Path) -> str:
    """A table that links every lesson and its exercises, from the notebooks' folder."""
    rows = ["| | lesson | exercises |", "|---|---|---|"]
    for master in sorted((root / "notebooks" / "src").glob("*.py")):
        heading = re.search(r"^# # (\w+) · (.+)$", master.read_text("utf-8"), re.M)
        number, title = heading.groups() if heading else ("", master.stem)
        lesson = f"[{title}]({master.stem}.ipynb)"
        there = (root / "solutions" / "src" / master.name).is_file()
        exercises = f"[exercises](../exercises/{master.stem}.ipynb)" * there
        rows.append(f"| {number} | {lesson} | {exercises} |")
    return "\n".join(rows)


def assemble(target: Target, root: Path, repository: str) -> Any:
    """The notebook without outputs: badge, title, set-up, the rest.

    repository: OWNER/REPO, which Colab installs the course from, or "".
    """
    chapter = chapter_of(target.path.name)
    address = f'"git+https://github.com/{repository}"'
    source = f'{address} * ("google.colab" in sys.modules)' if repository else '""'
    setup = SETUP.format(source=source, chapter=chapter)
    if target.path.parts[0] != "notebooks":
        setup += HELPERS
    title, *rest = target.cells
    ordered = [title, Cell("code", f"{chapter}-setup", setup), *rest]
    cells = [_badge(target, repository, root)]
    for cell in ordered:
        make = new_code_cell if cell.kind == "code" else new_markdown_cell
        text = cell.source
        if CONTENTS in text:
            text = text.replace(CONTENTS, contents(root))
        made = make(text, id=cell.id)
        if cell.tags:
            made.metadata["tags"] = list(cell.tags)
        if target.path.parts[0] == "exercises":
            made.metadata |= exercise_cells.nbgrader(cell, target.path.stem)
        if cell.id.endswith("-setup") or "folded" in cell.tags:
            made.metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}
        cells.append(made)
    metadata = {
        "colab": {"provenance": [], "toc_visible": True},
        "kernelspec": {"display_name": "Python 3", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return new_notebook(cells=cells, metadata=metadata, nbformat_minor=5)


def _badge(target: Target, repository: str, root: Path) -> Any:
    source = target.master.relative_to(root).as_posix()
    place = "https://colab.research.google.com/"
    if repository:
        link = f"{place}github/{repository}/blob/main/{target.path.as_posix()}"
        shown = f'<a href="{link}"><img src="{BADGE}" alt="Open in Colab"></a>'
    else:
        shown = f'<a href="{place}">Colab</a>: upload this notebook to Colab to run it.'
    text = f"<!-- Generated from {source}: edit that file. -->\n{shown}"
    cell = new_markdown_cell(text, id="view-in-github")
    cell.metadata = {"id": "view-in-github", "colab_type": "text"}
    return nbformat.from_dict(cell)
