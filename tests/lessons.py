"""What the lanes over the lessons share."""

from pathlib import Path

LESSONS = sorted((Path(__file__).parents[1] / "notebooks").glob("[0-9A-Z]*.ipynb"))


def claims(cell) -> list[str]:
    """The claims that a cell printed."""
    printed = "".join(output.get("text", "") for output in cell.outputs)
    return [x for x in printed.splitlines() if x.startswith("claim holds: ")]
