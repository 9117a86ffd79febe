"""Build the site from the committed notebooks: `python -m tools.site [--out FOLDER]`.

Sphinx with MyST-NB makes one page of each lesson and each exercise, with search, a dark
theme and formulas that need no network.  No notebook is run.  Needs the extra `site`.
"""

import argparse
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    "README.md",
    "GLOSSARY.md",
    "INSTRUCTORS.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "AGENTS.md",
)
BESIDE = ("LICENSE", "CITATION.cff")
FOLDERS = {"notebooks": "Lessons", "exercises": "Exercises", "solutions": "Solutions"}
NEEDED = ("sphinx", "myst_nb", "sphinx_book_theme", "sphinx-mathjax-offline")


def page(notebook: dict) -> dict:
    """The notebook as a page: no badge, and the set-up cell folded away.

    notebook: the notebook as read from JSON; it is changed and returned.
    """
    cells = notebook["cells"]
    if cells and cells[0]["metadata"].get("id") == "view-in-github":
        del cells[0]
    for cell in cells:
        if cell["metadata"].get("jupyter", {}).get("source_hidden"):
            cell["metadata"].setdefault("tags", []).append("hide-input")
    return notebook


def title(notebook: dict) -> str:
    """The text of the first heading, "8 · Best-of-n"."""
    for cell in notebook["cells"]:
        found = re.search(r"^# (.+)$", "".join(cell["source"]), re.MULTILINE)
        if cell["cell_type"] == "markdown" and found:
            return found[1]
    raise ValueError("got a notebook without a heading, expected a line '# …'")


def contents(titles: dict[str, dict[str, str]]) -> str:
    """The list of all pages, for the sidebar and the first page.

    titles: folder -> path without suffix -> title.
    """
    lines = []
    for folder, pages in titles.items():
        lines += ["", "```{toctree}", f":caption: {FOLDERS[folder]}", ":maxdepth: 1"]
        lines += ["", *(f"{text} <{path}>" for path, text in pages.items()), "```"]
    lines += ["", "```{toctree}", ":caption: Besides", ":maxdepth: 1", ""]
    lines += [f"{Path(name).stem}" for name in PAGES[1:]]
    return "\n".join([*lines, "```", ""])


def stage(root: Path, folder: Path) -> None:
    """Write into `folder` what Sphinx reads: pages, notebooks, settings."""
    titles: dict[str, dict[str, str]] = {}
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
        titles[name] = {}
        for path in sorted((root / name).glob("*.ipynb")):
            notebook = page(json.loads(path.read_text(encoding="utf-8")))
            titles[name][f"{name}/{path.stem}"] = title(notebook)
            text = json.dumps(notebook, ensure_ascii=False)
            (folder / name / path.name).write_text(text, encoding="utf-8")
    for name in (*PAGES, *BESIDE):
        shutil.copy(root / name, folder / name)
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.rename(folder / "index.md").write_text(text + contents(titles), "utf-8")
    for path in sorted(folder.rglob("*.md")):
        body = path.read_text(encoding="utf-8")
        path.write_text(body.replace("(README.md", "(index.md"), encoding="utf-8")
    shutil.copy(root / "site" / "conf.py", folder / "conf.py")
    (folder / "_static").mkdir()
    shutil.copy(root / "site" / "course.css", folder / "_static" / "course.css")


def main(arguments: list[str] | None = None) -> int:
    """Build the site; a link that leads nowhere fails it."""
    parser = argparse.ArgumentParser(prog="python -m tools.site")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    out = parser.parse_args(arguments).out.resolve()
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"The site needs {', '.join(missing)}: pip install -e '.[site]'")
        return 1
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "source"
        stage(ROOT, source)
        command = ["-m", "sphinx", "-q", "-W", "--keep-going", "-E", "-b", "html"]
        status = subprocess.call(
            [
                sys.executable,
                *command,
                "-d",
                f"{temporary}/trees",
                str(source),
                str(out),
            ]
        )
    if status == 0:
        print(out / "index.html")
    return status


if __name__ == "__main__":
    sys.exit(main())
