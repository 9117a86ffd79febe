"""Does every link of the course to itself lead somewhere? `python -m tools.links`.

Looks at the pages (`*.md`) and the text cells of every notebook: the file must exist,
and a `#part` must be a heading of it.  Addresses outside are not opened.
"""

import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ("notebooks", "exercises", "solutions")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1", re.MULTILINE | re.DOTALL)


def prose(path: Path) -> str:
    """The text of a page or of a notebook's text cells, without code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        cells = [c["source"] for c in cells if c["cell_type"] == "markdown"]
        text = "\n\n".join("".join(source) for source in cells)
    return re.sub(
        r"`[^`\n]*`", lambda m: m[0].replace("](", "] ("), FENCE.sub("", text)
    )


def anchor(heading: str) -> str:
    """The `#part` of a heading: lower case, hyphens for spaces, no punctuation.

    >>> anchor("Play: a bandit")
    'play-a-bandit'
    """
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


@cache
def anchors(path: Path) -> frozenset[str]:
    """Every `#part` that a page or a notebook has."""
    headings = re.findall(r"^#{1,6} +(.+?) *#*$", prose(path), re.MULTILINE)
    named = re.findall(r"<a (?:id|name)=\"([^\"]+)\"", prose(path))
    return frozenset([*map(anchor, headings), *named])


def broken(path: Path) -> Iterator[str]:
    """The links of one file that lead nowhere."""
    for link in LINK.findall(prose(path)):
        if re.match(r"[a-z][a-z+.-]*:|//", link):
            continue
        file, _, part = unquote(link).partition("#")
        target = path if not file else path.parent / file
        if not target.exists():
            yield f"{link}: no such file"
        elif part and target.suffix in (".md", ".ipynb"):
            # Jupyter keeps capitals and punctuation in its anchors; both forms count.
            found = anchor(part.replace("-", " ")) in anchors(target.resolve())
            if not found:
                yield f"{link}: no such heading"


def pages(root: Path) -> list[Path]:
    """Every page and notebook that has links."""
    found = sorted(root.glob("*.md"))
    for folder in NOTEBOOKS:
        found += sorted((root / folder).glob("*.ipynb"))
    return found


def main() -> int:
    """Print each broken link with its file; 1 when there is one."""
    wrong = [
        f"{path.relative_to(ROOT)}: {link}"
        for path in pages(ROOT)
        for link in broken(path)
    ]
    print(*wrong, f"{len(pages(ROOT))} files, {len(wrong)} broken links", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
