"""Build the wheel, the sdist, and a zip that works on Colab and Kaggle by itself.

    python -m tools.release [--out dist]

The zip holds lessons and exercises with the wheel beside each: a notebook's first
cell installs the wheel that it finds next to it, so no other address is needed.
"""

import argparse
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("notebooks", "exercises", "solutions")
EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's first date: the same files give the same bytes


def bundle(root: Path, wheel: Path, file: Path) -> None:
    """Write the zip: every notebook, and in each folder of notebooks the wheel."""
    entries = [root / "GLOSSARY.md", root / "LICENSE", root / "README.md"]
    entries += [p for f in FOLDERS for p in sorted((root / f).glob("*.ipynb"))]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in entries:
            name = path.relative_to(root).as_posix()
            packed.writestr(zipfile.ZipInfo(name, EPOCH), path.read_bytes())
        for folder in FOLDERS:
            name = f"{folder}/{wheel.name}"
            packed.writestr(zipfile.ZipInfo(name, EPOCH), wheel.read_bytes())


def main(arguments: list[str] | None = None) -> int:
    """Build all three; prints their paths."""
    parser = argparse.ArgumentParser(prog="python -m tools.release")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    out = parser.parse_args(arguments).out
    command = [sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)]
    if status := subprocess.call(command):
        return status
    wheel = max(out.glob("*.whl"), key=lambda path: path.stat().st_mtime)
    file = out / f"{wheel.name.split('-py3')[0]}-notebooks.zip"
    bundle(ROOT, wheel, file)
    print(*sorted(out.iterdir()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
