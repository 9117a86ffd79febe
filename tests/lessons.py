"""What the lanes over the lessons share."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9A-Z]*.ipynb"))
SOLUTIONS = sorted((ROOT / "solutions").glob("[0-9A-Z]*.ipynb"))


def claims(cell) -> list[str]:
    """The claims that a cell printed."""
    printed = "".join(output.get("text", "") for output in cell.outputs)
    return [x for x in printed.splitlines() if x.startswith("claim holds: ")]
