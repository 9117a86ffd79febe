"""Run chapters headless: seconds, memory and claims of each, and a copy as HTML."""

import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.runtime import CourseError, chapter_of, progress

# An expression for the kernel's own peak memory in MB.  On Linux not ru_maxrss: a
# process inherits there what the one that started it had used.
PEAK = {
    "linux": "max(int(line.split()[1]) * 1.024e-3 for line in "
    "open('/proc/self/status') if line.startswith('VmHWM:'))",
    "darwin": "__import__('resource').getrusage(0).ru_maxrss / 1e6",
}


# nbconvert's pages configure MathJax 2; the one beside them is newer.
MATH = """<script>window.MathJax = {tex: {inlineMath: [["$", "$"]]}};</script>
    <!-- Load mathjax -->"""


@dataclass(frozen=True)
class ChapterRun:
    """What one chapter did.

    peak_mb: None where it is not known (Windows).  error: "" when the chapter passed.
    """

    chapter: str
    seconds: float
    peak_mb: float | None
    claims: int
    error: str = ""


def run_chapters(
    folder: Path, chapters: list[str] | None, html: Path
) -> list[ChapterRun]:
    """Run the notebooks of a folder in order, print a table, write HTML copies.

    chapters: such as ["07", "A"], or None for all.  html: folder of the copies.
    A failing chapter does not stop the others; the notebooks stay unchanged.
    Raises CourseError when a library or a named chapter is missing, and where the
    copies cannot be written.
    """
    try:
        import nbconvert
        import nbformat
    except ImportError as error:
        raise CourseError(
            f"Running chapters needs {error.name}: install the extra `test`, "
            'as in `python -m pip install -e ".[test]"`.'
        ) from None
    chosen = _chosen(folder, chapters)
    try:
        html.mkdir(parents=True, exist_ok=True)
        exporter = nbconvert.HTMLExporter(**_own_mathjax(html))
    except OSError as error:
        raise CourseError(
            f"The HTML copies cannot be written to {html} ({error.strerror or error}); "
            "name another folder with --out."
        ) from error
    results = []
    for path in chosen:
        notebook = nbformat.read(path, as_version=4)
        results.append(_run_one(notebook, path))
        page, _ = exporter.from_notebook_node(
            notebook, {"metadata": {"name": path.stem}}
        )
        if exporter.mathjax_url.startswith("mathjax/"):
            page = page.replace("<!-- Load mathjax -->", MATH, 1)
        (html / f"{path.stem}.html").write_text(page, encoding="utf-8")
    print(table(results))
    print(f"HTML copies: {html}")
    return results


def table(results: Iterable[ChapterRun]) -> str:
    """Results as text, one line a chapter, errors at the end of the line."""
    lines = ["chapter                        seconds  peak MB  claims  status"]
    for run in results:
        peak = "-" if run.peak_mb is None else f"{run.peak_mb:.0f}"
        lines.append(
            f"{run.chapter:30} {run.seconds:7.1f}  {peak:>7}  {run.claims:6}  "
            + (f"FAILED in {run.error}" if run.error else "ok")
        )
    return "\n".join(lines)


def _chosen(folder: Path, chapters: list[str] | None) -> list[Path]:
    known = {
        chapter_of(path.name): path
        for form in ("[0-9][0-9]_*.ipynb", "[A-Z]_*.ipynb")
        for path in sorted(folder.glob(form))
    }
    wanted = list(known) if not chapters else [chapter_of(str(c)) for c in chapters]
    missing = [chapter for chapter in wanted if chapter not in known]
    if missing or not known:
        raise CourseError(
            f"No notebook for chapter {', '.join(missing) or 'numbers'} in {folder}; "
            f"there are: {', '.join(known) or 'none'}."
        )
    return [known[chapter] for chapter in wanted]


def _own_mathjax(html: Path) -> dict[str, str]:
    """Lay MathJax beside the copies, where the extra `site` is installed.

    Formulas then need no network.  Returns the exporter's option, if any.
    """
    found = importlib.util.find_spec("sphinx-mathjax-offline")
    if found is None or found.origin is None:
        return {}
    kept = Path(found.origin).parent / "static" / "mathjax"
    shutil.copytree(kept, html / "mathjax", dirs_exist_ok=True)
    return {"mathjax_url": "mathjax/tex-chtml.js"}


def _run_one(notebook: Any, path: Path) -> ChapterRun:
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    environment.pop("MPLBACKEND", None)  # with Agg set, no figure reaches the notebook
    start = time.perf_counter()
    peak, error = execute(notebook, path.parent, environment, label=path.stem)
    seconds = time.perf_counter() - start
    claims = sum(
        line.startswith("claim holds:")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stdout"
        for line in output.text.splitlines()
    )
    return ChapterRun(path.stem, seconds, peak, claims, error)


def execute(
    notebook: Any,
    folder: Path,
    environment: Mapping[str, str],
    label: str,
    timeout: int = 900,
) -> tuple[float | None, str]:
    """Run a notebook in place, in a fresh kernel of this Python with a progress bar.

    folder: the kernel's working folder.  timeout: seconds for one cell.
    Returns the kernel's peak memory in MB and "" or the failing cell and its error.
    Raises CourseError when nbclient is missing.
    """
    try:
        from nbclient import NotebookClient
        from nbclient import exceptions as failures
    except ImportError:
        raise CourseError(
            "Running notebooks needs nbclient: install the extra `test`, "
            'as in `python -m pip install -e ".[test]"`.'
        ) from None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=timeout,
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
        allow_errors=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    client.km = client.create_kernel_manager()
    client.km.kernel_spec_manager = _this_python()
    bar = progress(notebook.cells, desc=label, unit="cell", file=sys.stderr)
    with client.setup_kernel(env=dict(environment)):
        for index, cell in enumerate(bar):
            try:
                client.execute_cell(cell, index)
            except failures.CellTimeoutError:
                return None, f"{cell.id}: no result after {timeout} s"
            except failures.DeadKernelError:
                return None, f"{cell.id}: the kernel died (out of memory?)"
            except failures.CellExecutionError as error:
                bar.close()
                return _peak_mb(client), f"{cell.id}: {error.ename}: {error.evalue}"
        return _peak_mb(client), ""


def _this_python() -> Any:
    """A kernel finder that ignores kernels registered elsewhere as "python3"."""
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    class ThisPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())

    return ThisPython()


def _peak_mb(client: Any) -> float | None:
    from nbclient.util import run_sync

    if sys.platform not in PEAK:
        return None
    ask = run_sync(client.kc.execute_interactive)
    reply = ask(
        "", silent=True, user_expressions={"peak": PEAK[sys.platform]}, timeout=30
    )
    answer = reply["content"].get("user_expressions", {}).get("peak", {})
    if answer.get("status") != "ok":
        return None
    return float(answer["data"]["text/plain"])
