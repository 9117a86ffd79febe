"""One look for every figure: a title with the finding, axes, alternative text."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

# Okabe & Ito (2008): distinguishable with every common colour-vision deficiency.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def style() -> None:
    """Set matplotlib's defaults for the course."""
    import matplotlib
    from cycler import cycler

    matplotlib.rcParams.update(
        {
            "figure.figsize": (6.4, 3.4),
            "figure.dpi": 90,
            "axes.prop_cycle": cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "axes.titlelocation": "left",
            "axes.titlesize": 11,
            "legend.frameon": False,
            "figure.constrained_layout.use": True,
        }
    )


def picture(made: Any, alt: str, **layout: Any) -> str:
    """A figure as an HTML image with its alternative text.

    layout: options of `savefig`, such as bbox_inches.
    Raises ValueError when the alternative text is empty.
    """
    if not alt.strip():
        raise ValueError("got a figure without alternative text, expected a sentence")
    file = io.BytesIO()
    made.savefig(file, format="png", metadata={"Software": None}, **layout)
    code = base64.b64encode(file.getvalue()).decode("ascii")
    return (
        f'<img alt="{html.escape(alt)}" style="max-width: 100%" '
        f'src="data:image/png;base64,{code}">'
    )


def show(alt: str) -> None:
    """Show the current figure: in a notebook as an image with alternative text.

    alt: what the figure shows, for whoever cannot see it; not its title again.
    Elsewhere matplotlib shows it.  Raises ValueError when alt is empty.
    """
    import matplotlib.pyplot as plt
    from IPython import get_ipython
    from IPython.display import HTML, display

    figure = plt.gcf()
    page = picture(figure, alt, bbox_inches="tight")
    if get_ipython() is None:
        plt.show()
        return
    plt.close(figure)  # else the kernel shows it a second time, without the text
    display(HTML(page))


def finish(axes: Any, title: str, x: str, y: str, alt: str) -> None:
    """Title, axis labels and, where lines are named, a legend; then show the figure."""
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    show(alt)


def curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str,
    x: str,
    y: str,
    alt: str,
    levels: Mapping[str, float] | None = None,
) -> None:
    """Draw named (x values, y values) lines, and named horizontal levels, dashed."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots()
    for (name, (xs, ys)), marker in zip(lines.items(), MARKERS * 9, strict=False):
        every = max(1, len(xs) // 12)
        axes.plot(xs, ys, label=name, marker=marker, markevery=every, markersize=4)
    for number, (name, level) in enumerate((levels or {}).items()):
        colour = COLOURS[-1 - number % 3]
        axes.axhline(level, color=colour, linestyle="--", linewidth=1)
        place = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "bottom"}
        axes.annotate(name, (1, level), **place, color=colour, fontsize=8)
    finish(axes, title, x, y, alt)


def ladder(
    values: Mapping[str, float], *, title: str, x: str, alt: str, digits: int = 2
) -> None:
    """Draw named values as horizontal bars, first on top, each with its number."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(6.4, 0.8 + 0.42 * len(values)))
    names = list(values)[::-1]
    bars = axes.barh(names, [values[n] for n in names], color=COLOURS[0])
    axes.bar_label(bars, fmt=f"%.{digits}f", padding=3)
    axes.margins(x=0.12)
    axes.grid(axis="y", visible=False)
    finish(axes, title, x, "", alt)
