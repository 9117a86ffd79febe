"""A verdict as one line, as text and as accessible HTML; nothing goes unescaped."""

import html
import sys
from dataclasses import dataclass
from typing import Any

from course.runtime import any_terminal

SIGNS = {"correct": "✔", "wrong": "✘", "untried": "◌"}


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    status: "correct", "wrong" or "untried"; kind: which sort of sentence;
    table: rows (heading, value); notes: further sentences.
    """

    label: str
    status: str
    kind: str
    sentence: str
    caption: str = ""
    table: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The stable first line."""
        return one_line(f"{SIGNS[self.status]} {self.label}: {self.sentence}")


def one_line(text: str, longest: int = 300) -> str:
    """Text without line breaks and control characters, cut where it is too long."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def shown(value: Any, most: int = 6) -> str:
    """A value in a few characters: a tensor's first numbers and, if cut, its shape."""
    if hasattr(value, "detach"):
        flat = value.detach().reshape(-1).tolist()
        if value.dim() == 0:
            return shown(flat[0])
        inside = ", ".join(shown(x) for x in flat[:most])
        if value.dim() == 1 and len(flat) <= most:
            return f"[{inside}]"
        dots = ", …" if len(flat) > most else ""
        return f"[{inside}{dots}] of shape {tuple(value.shape)}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        inside = [shown(x) for x in value[:most]] + ["…"] * (len(value) > most)
        return f"[{', '.join(inside)}]"
    try:
        return one_line(repr(value), 80)
    except Exception:  # a learner's object may fail at anything
        return f"a {type(value).__name__}"


def text(verdict: Verdict) -> str:
    """What stands under the first line, as plain text."""
    lines = [verdict.caption] if verdict.caption else []
    width = max((len(heading) for heading, _ in verdict.table), default=0)
    lines += [f"{heading:<{width}}  {value}" for heading, value in verdict.table]
    lines += verdict.notes
    return "\n".join(f"  {line}" for line in lines)


def as_html(verdict: Verdict) -> str:
    """What stands under the first line, as HTML for readers and screen readers."""
    safe = html.escape
    parts = [f'<section aria-label="Check of {safe(verdict.label)}">']
    if verdict.table:
        parts.append('<table style="text-align: left">')
        if verdict.caption:
            parts.append(
                '<caption style="text-align: left; caption-side: top">'
                f"{safe(verdict.caption)}</caption>"
            )
        parts += [
            f'<tr><th scope="row">{safe(heading)}</th>'
            f"<td><code>{safe(value)}</code></td></tr>"
            for heading, value in verdict.table
        ]
        parts.append("</table>")
    elif verdict.caption:
        parts.append(f"<p>{safe(verdict.caption)}</p>")
    parts += [f"<p>{safe(note)}</p>" for note in verdict.notes]
    return "\n".join([*parts, "</section>"])


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def show(verdict: Verdict) -> None:
    """Print the first line; under it the details, as HTML in a notebook."""
    any_terminal()
    print(verdict.line)
    details = text(verdict)
    if not details:
        return
    if in_notebook():
        from IPython.display import display

        both = {"text/html": as_html(verdict), "text/plain": details}
        display(both, raw=True)
    else:
        print(details)
