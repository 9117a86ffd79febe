"""From a checked master to a notebook without outputs: badge, title, set-up, rest."""

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import exercise_cells, masters, regions
from tools.regions import BuildError, Cell

BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
SETUP = """\
# Finds the course in your clone, or installed; on Colab it installs it once.
import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

SLUG = "{slug}"
for folder in (Path.cwd(), *Path.cwd().parents):
    if (folder / "course" / "__init__.py").is_file():
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
        break
if importlib.util.find_spec("course") is None:
    allowed = os.environ.get("COURSE_INSTALL") == "1"
    if not SLUG or not (allowed or "google.colab" in sys.modules):
        raise RuntimeError("No course here: run `make lab` in your clone.")
    source = f"git+https://github.com/{{SLUG}}"
    pip = [sys.executable, "-m", "pip", "install", "-q", source]
    if subprocess.run(pip).returncode:
        raise RuntimeError(f"pip could not install the course from {{source}}.")
    importlib.invalidate_caches()
import course

course.setup(chapter="{chapter}")"""
HELPERS = "from course import check, hint, solution"


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
    """OWNER/REPO from `COURSE_REPO` or pyproject.toml, or "" while it is unknown."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    address = project["project"].get("urls", {}).get("Repository", "")
    address = os.environ.get("COURSE_REPO") or address
    form = r"(?:https://github\.com/)?([\w.-]+/[\w.-]+?)(\.git)?/?"
    found = re.fullmatch(form, address)
    return "" if not found or found[1] == "OWNER/REPO" else found[1]


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


def assemble(target: Target, root: Path) -> Any:
    """The notebook without outputs: badge, title, set-up, the rest."""
    repository, chapter = slug(root), target.path.name[:2]
    setup = SETUP.format(slug=repository, chapter=chapter)
    if target.path.parts[0] != "notebooks":
        setup += "\n" + HELPERS
    title, *rest = target.cells
    ordered = [title, Cell("code", f"{chapter}-setup", setup), *rest]
    cells = [_badge(target, repository, root)]
    for cell in ordered:
        make = new_code_cell if cell.kind == "code" else new_markdown_cell
        made = make(cell.source, id=cell.id)
        if cell.tags:
            made.metadata["tags"] = list(cell.tags)
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
