"""Run a generated notebook as the tests do, then clean and judge its outputs."""

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from course.run_chapters import execute
from tools.regions import BuildError
from tools.test_lanes import QUIET

UNSET = ("MPLBACKEND", "PYTHONHASHSEED", "COURSE_DEVICE")
CELL_SECONDS = 300
OUTPUT_BYTES, NOTEBOOK_BYTES, EXERCISE_BYTES = 150_000, 1_000_000, 100_000
PRINTED_LINES = 40
MIME = {"text/plain", "text/html", "text/markdown", "text/latex"}
VIEW = "application/vnd.jupyter.widget-view+json"
ABSOLUTE = re.compile(
    r"(?<![\w<:/.~-])/(home|root|tmp|usr|opt|mnt|var|srv|work|content|Users|private)/[\w.]"
    r"|\b[A-Z]:\\\w"
)
PANEL = re.compile(r"^[HV]Box\(children=")
BAR = re.compile(r"\d+%\|.*\|\s*\d+/\d+ \[")  # a progress bar that died with its kernel
NO_PANEL = "A live panel: run this cell to use it."
PLOT = re.compile(r"^\W*Text\(|<(matplotlib|Axes|Figure|BarContainer|a list of \d)")


def lane_environment(hf_home: str) -> dict[str, str]:
    """The environment of every notebook lane; hf_home: a temporary folder."""
    kept = {key: value for key, value in os.environ.items() if key not in UNSET}
    graded = {"COURSE_CHECK_STRICT": "1", "COURSE_PROGRESS": "0"}
    return {**kept, **QUIET, **graded, "HF_HOME": hf_home}


def run(notebook: Any, folder: Path, label: str) -> None:
    """Run and clean in place, print its CPU seconds.

    Raises BuildError on an error or a refused output.
    """
    before = os.times()
    with tempfile.TemporaryDirectory() as cache:
        environment = lane_environment(cache)
        _, error = execute(notebook, folder, environment, label, CELL_SECONDS)
    if error:
        raise BuildError(f"{label}, cell {error}")
    clean(notebook, label)
    after = os.times()  # the kernel is a child that has ended; always 0 on Windows
    used = sum(after[2:4]) - sum(before[2:4])
    print(f"{label}: {used:.0f} CPU seconds", flush=True)


def clean(notebook: Any, label: str) -> None:
    """Drop what only a kernel can show; raise BuildError on what must not be stored.

    A widget's view goes, and its text says that there is a panel; a bar goes whole.
    """
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if "data" in output:
                output.data.pop(VIEW, None)
                text = output.data.get("text/plain", "")
                if PANEL.search(text):
                    output.data["text/plain"] = NO_PANEL
                if BAR.search(text):
                    output.data.clear()
            output.pop("transient", None)
        cell.outputs = [x for x in cell.outputs if x.get("data") != {}]
        if reason := refused(cell):
            raise BuildError(f"{label}, cell {cell.id}: {reason}")


def pictures_without_text(data: Any) -> int:
    """How many pictures among an output's formats nobody can hear described."""
    tags = re.findall(r"<img\b[^>]*>", str(data.get("text/html", "")))
    told = [tag for tag in tags if re.search(r'\balt="[^"]{10,}"', tag)]
    return len(tags) - len(told) + ("image/png" in data)


def refused(cell: Any) -> str:
    """Why the outputs of a code cell may not be stored, or ""."""
    checked = "nbval-check-output" in cell.metadata.get("tags", [])
    printed = ""
    for output in cell.outputs:
        kind = output.output_type
        if kind == "error":
            return f"ended with {output.ename}: {output.evalue}"
        if kind == "stream" and output.name == "stderr":
            return f"wrote to stderr: {output.text[:200]!r}"
        data = output.get("data", {"text/plain": output.get("text", "")})
        if bare := pictures_without_text(data):
            return (
                f"shows {bare} picture(s) without alternative text: use plots.show(alt)"
            )
        if unknown := set(data) - MIME:
            return f"stores {sorted(unknown)}, expected some of {sorted(MIME)}"
        if checked and kind != "stream":
            return "is checked, so it may only print"
        texts = [str(data[mime]) for mime in sorted(data) if mime.startswith("text/")]
        if found := next(filter(None, map(ABSOLUTE.search, texts)), None):
            return f"shows an absolute path, {found[0]!r}"
        if kind == "execute_result" and PLOT.search(data.get("text/plain", "")):
            return "ends with a plotting object; call plt.show() last"
        if (size := len(json.dumps(output).encode())) > OUTPUT_BYTES:
            return f"has an output of {size} bytes, the limit is {OUTPUT_BYTES}"
        if "text/html" not in data:
            printed += data.get("text/plain", "").rstrip("\n") + "\n"
    if (lines := printed.count("\n")) > PRINTED_LINES:
        return f"prints {lines} lines, the limit is {PRINTED_LINES}"
    if checked and not printed.strip():
        return "is checked but prints nothing"
    return ""
