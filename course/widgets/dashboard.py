"""The training dashboard: every metric of a policy run, drawn while it runs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from course import plots
from course.expect import whole
from course.lm.training import History
from course.plots import COLOURS

# Title -> the metrics drawn there; a panel without any of its metrics is left out.
PANELS: Mapping[str, tuple[str, ...]] = {
    "score and reward": ("score/mean", "reward/total"),
    "KL to the reference (nats per text)": ("kl_seq",),
    "entropy (nats per token)": ("entropy",),
    "spread of the scores": ("score/std", "reward_std"),
    "KL to the old policy (nats per token)": ("policy/approx_kl",),
    "share of tokens clipped": ("policy/clipfrac", "value/clipfrac"),
    "variance of the ratio": ("policy/ratio_var",),
    "losses": ("loss/policy", "loss/value"),
    "explained variance": ("value/explained_variance",),
    "gradient norm": ("grad_norm",),
    "share of texts that end": ("completion/eos_rate",),
    "tokens per text": ("completion/length",),
}
LINES = ("-", "--")


def draw_dashboard(history: History, columns: int = 4, title: str = "") -> Any:
    """A figure with one small panel for each metric that the history has.

    history: as `policy.loop.train` returns it.  Numbers that are not finite are left
    out of the lines.  The figure is not pyplot's: return it from a cell to show it.
    Raises ValueError when the history holds none of the dashboard's metrics.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    whole(1, columns=columns)
    known = {name for row in history.rows for name in row}
    shown = {
        heading: [name for name in names if name in known]
        for heading, names in PANELS.items()
    }
    shown = {heading: names for heading, names in shown.items() if names}
    if not shown:
        raise ValueError(
            "got a history without one of the dashboard's metrics, expected one of "
            "policy training"
        )
    rows = math.ceil(len(shown) / columns)
    made = Figure(figsize=(2.5 * columns, 1.75 * rows), dpi=80, layout="constrained")
    places = made.subplots(rows, columns, squeeze=False).flatten()
    for axes, (heading, names) in zip(places, shown.items(), strict=False):
        for name, line, colour in zip(names, LINES, COLOURS, strict=False):
            steps, values = history.steps(name), _finite(history[name])
            axes.plot(steps, values, line, color=colour, label=name)
        axes.set_title(heading, fontsize=8, loc="left")
        axes.tick_params(labelsize=7)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(names) > 1:
            axes.legend(fontsize=7)
    for axes in places[len(shown) :]:
        axes.set_axis_off()
    made.supxlabel("step", fontsize=8)
    if title:
        made.suptitle(title, fontsize=11, x=0.01, ha="left")
    return made


def _bundle(made: Any, title: str) -> dict[str, str]:
    """A figure as Jupyter's own formats; a kernel may not have learned to show one."""
    alt = f"Training dashboard: {title}"
    return {
        "text/html": plots.picture(made, alt, bbox_inches="tight"),
        "text/plain": alt,
    }


def _finite(values: Sequence[float]) -> list[float]:
    return [value if math.isfinite(value) else math.nan for value in values]


class LiveDashboard:
    """A dashboard that draws itself anew every few steps: `train(..., watch=board)`.

    In a notebook the picture is replaced in place; without one nothing is drawn.
    """

    def __init__(self, every: int = 4, title: str = "") -> None:
        """every: steps between two pictures.  title: above the picture."""
        whole(1, every=every)
        self.every, self.title, self._handle = every, title, None

    def __call__(self, history: History) -> None:
        """Draw now if it is time to."""
        if len(history.rows) % self.every == 0:
            self.draw(history)

    def draw(self, history: History, title: str | None = None) -> None:
        """Draw now, under the last picture's place; title: instead of the first one."""
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is None:
            return
        if title is not None:
            self.title = title
        made = _bundle(draw_dashboard(history, title=self.title), self.title)
        if self._handle is None:
            self._handle = display(made, display_id=True, raw=True)
        else:
            self._handle.update(made, raw=True)
