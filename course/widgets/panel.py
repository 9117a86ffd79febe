"""What the panels share: kept state, escaped text, labelled controls."""

import html
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from textwrap import fill
from typing import Any, TypeVar

import ipywidgets as w

State = TypeVar("State")
_STATES: dict[str, Any] = {}
# Characters that a reader could not see, or that would break a line of a table.
VISIBLE = str.maketrans({" ": "␣", "\n": "⏎", "\r": "␍", "\t": "⇥"})


def panel_state(key: str, factory: Callable[[], State]) -> State:
    """The state kept under `key`; the first time the one that `factory` makes.

    Running a panel's cell again builds fresh widgets on the same state: nothing
    that was chosen is lost and no handler is doubled.  Raises TypeError when the
    kept state is of another type, because two panels would share one key.

    >>> panel_state("doctest", list) is panel_state("doctest", list)
    True
    """
    fresh = factory()
    kept = _STATES.setdefault(key, fresh)
    if type(kept) is not type(fresh):
        raise TypeError(
            f"got the key {key!r} of a {type(kept).__qualname__} in "
            f"{type(kept).__module__}, expected a key of a {type(fresh).__qualname__}"
        )
    return kept


def forget_state(key: str) -> None:
    """Drop the state kept under `key`; the next run of the cell starts afresh."""
    _STATES.pop(key, None)


def escape(text: object) -> str:
    """Text as HTML that shows exactly that text.

    >>> escape("<b>&</b>")
    '&lt;b&gt;&amp;&lt;/b&gt;'
    """
    return html.escape(str(text), quote=True)


def visible(text: str) -> str:
    """Text with spaces, line ends and unprintable characters shown as signs.

    >>> visible(" a\\n\\u202e")
    '␣a⏎□'
    """
    shown = text.translate(VISIBLE)
    return "".join(c if c.isprintable() else "□" for c in shown) or "∅"


@cache
def _bytes() -> dict[str, int]:
    """The byte of each character of a byte-level tokenizer (Radford et al. 2019)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(b): b for b in plain} | {
        chr(256 + n): byte for n, byte in enumerate(others)
    }


def token_text(tokenizer: Any, id: int) -> str:
    """The text of one token; bytes that are part of a character show as <C3>."""
    text = tokenizer.decode([id])
    if "\ufffd" not in text:
        return text
    signs = tokenizer.convert_ids_to_tokens(id)
    known = _bytes()
    return "".join(f"<{known[s]:02X}>" if s in known else s for s in signs)


@cache
def _drawable() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def label(text: str, width: int = 24) -> str:
    """Text for a figure: one line, cut at `width`, no mathematics, no missing glyph.

    >>> label("cost: $5")
    'cost:␣\\\\$5'
    """
    short = visible(text if len(text) <= width else text[: width - 1] + "…")
    known = "".join(c if ord(c) in _drawable() else "□" for c in short)
    return known.replace("$", r"\$")


def figure(columns: int = 1, width: float = 6.4, height: float = 3.0) -> Any:
    """A figure that is not pyplot's, so that no cell shows it a second time."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=90, layout="constrained")
    return made, made.subplots(1, columns, squeeze=False)[0]


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    wrap: bool = False,
) -> str:
    """An HTML table of escaped cells, with a caption and row headings.

    A long one scrolls, by keyboard too: its region can take the focus.  wrap: long
    cells break into lines; else a wide table scrolls.
    """
    space = "normal; vertical-align: top" if wrap else "nowrap"
    cell = f'style="text-align: left; padding: 0 1.5em 0 0; white-space: {space}"'
    heads = "".join(f'<th scope="col" {cell}>{escape(h)}</th>' for h in head)
    lines = [f"<tr>{heads}</tr>"]
    for first, *others in rows:
        line = f'<th scope="row" {cell}>{escape(first)}</th>'
        line += "".join(f"<td {cell}>{escape(other)}</td>" for other in others)
        lines.append(f"<tr>{line}</tr>")
    title = f'<caption style="text-align: left">{escape(caption)}</caption>'
    return (
        f'<div role="region" tabindex="0" aria-label="{escape(caption)}" '
        'style="max-height: 26em; overflow: auto; line-height: 1.5">'
        '<table style="font-family: monospace">'
        f"{title}{''.join(lines)}</table></div>"
    )


def text_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The same table as plain text, for the code-only line.

    >>> print(text_table(["arm", "p"], [["A", 0.5], ["B", 0.25]]))
    arm  p
    A    0.5
    B    0.25
    """
    cells = [[str(c) for c in row] for row in [head, *rows]]
    wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(c.ljust(n) for c, n in zip(row, wide, strict=True)).rstrip()
        for row in cells
    )


def say(sentence: str) -> None:
    """Print a sentence in lines that JupyterLab need not break inside a word."""
    print(fill(sentence, 96))


def status(sentence: str) -> str:
    """A sentence that a screen reader reads out when it changes."""
    return f'<div role="status" aria-live="polite">{escape(sentence)}</div>'


def bar(share: float, width: int = 20) -> str:
    """A bar of text for a number between 0 and 1.

    >>> bar(0.5, 4)
    '██░░'
    """
    full = round(min(max(share, 0.0), 1.0) * width)
    return "█" * full + "░" * (width - full)


def number(
    name: str, value: float, low: float, high: float, step: float
) -> tuple[Any, Any]:
    """A labelled slider and a text field for one number: (slider, both in a row)."""
    shared = {"value": value, "min": low, "max": high, "step": step}
    shared["style"] = {"description_width": "initial"}
    slider = w.FloatSlider(
        description=name, readout=False, continuous_update=False, **shared
    )
    field = w.BoundedFloatText(
        description=f"{name} value", layout=w.Layout(width="16em"), **shared
    )
    # A browser's slider says 1.4500000000000002, for instance.
    tidy = (lambda value: round(value, 10), lambda value: value)
    w.link((slider, "value"), (field, "value"), transform=tidy)
    return slider, w.HBox([slider, field])


def watch(render: Callable[[], None], *controls: Any) -> None:
    """Draw now, and again whenever the value of one of the controls changes."""
    for control in controls:
        control.observe(lambda change: render(), names="value")
    render()
