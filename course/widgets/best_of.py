"""A slider over n: which of the first n texts is kept, its scores and its KL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as w

from course import plots
from course.expect import whole_number
from course.expect_lists import lists, real_numbers, whole_numbers
from course.plots import COLOURS
from course.reward.best_of_n import best_of_n_kl
from course.score import check_texts
from course.widgets import panel

HEAD = ("n", "KL (nats)", "proxy", "gold", "kept text")


@dataclass(frozen=True)
class Kept:
    """What best-of-n keeps of the first n candidates."""

    n: int
    place: int  # of the kept candidate, counted from 1
    kl: float  # nats, of the formula
    proxy: float
    gold: float
    text: str


def best_so_far(
    texts: Sequence[str], proxy: Sequence[float], gold: Sequence[float]
) -> list[Kept]:
    """For every n: the candidate that the proxy keeps among the first n.

    Of equal scores the first is kept.  Raises ValueError when there is no text or the
    three differ in number.

    >>> [kept.text for kept in best_so_far(["a", "b", "c"], [0, 2, 1], [5, 3, 9])]
    ['a', 'b', 'b']
    """
    lists(texts=texts)
    real_numbers(proxy=proxy, gold=gold)
    if not texts or not len(texts) == len(proxy) == len(gold):
        raise ValueError(
            f"got {len(texts)} texts, {len(proxy)} proxy and {len(gold)} gold scores, "
            "expected as many of each and at least one"
        )
    check_texts(texts)
    found, best = [], 0
    for n in range(1, len(texts) + 1):
        best = max(best, n - 1, key=lambda i: (float(proxy[i]), -i))
        scores = float(proxy[best]), float(gold[best])
        found.append(Kept(n, best + 1, best_of_n_kl(n), *scores, texts[best]))
    return found


def kept_row(kept: Kept) -> tuple[str, ...]:
    """One n as a row of text."""
    text = kept.text if len(kept.text) <= 60 else kept.text[:59] + "…"
    numbers = f"{kept.kl:.2f}", f"{kept.proxy:+.2f}", f"{kept.gold:+.2f}"
    return str(kept.n), *numbers, panel.visible(text).replace("␣", " ")


def kept_sentence(kept: Kept) -> str:
    """One n in words."""
    return (
        f"Best of {kept.n}: candidate {kept.place} is kept, proxy {kept.proxy:+.2f}, "
        f"gold {kept.gold:+.2f}, at most {kept.kl:.2f} nats from the writer."
    )


def draw_kept(axes: Any, found: Sequence[Kept], n: int, title: str) -> None:
    """Proxy and gold score of the kept text for every n, one n marked."""
    whole_number(n=n)
    ns = [kept.n for kept in found]
    for name, colour, line in (("proxy", 0, "-"), ("gold", 1, "--")):
        axes.step(ns, [getattr(kept, name) for kept in found], line, where="post",
                  color=COLOURS[colour], label=name)  # fmt: skip
    axes.axvline(n, color=COLOURS[6], linewidth=1, linestyle=":")
    axes.set_xscale("log", base=2)
    axes.set_xticks([2**i for i in range(len(ns).bit_length())],
                    [str(2**i) for i in range(len(ns).bit_length())])  # fmt: skip
    axes.set(title=title, xlabel="n, candidates looked at", ylabel="score of the kept")
    axes.legend(fontsize=8)


def show_best_of(
    texts: Sequence[str],
    proxy: Sequence[float],
    gold: Sequence[float],
    ns: Sequence[int] = (1, 4, 16, 64),
) -> None:
    """Draw all n and print a row for each of `ns`: the slider by code."""
    whole_numbers(ns=ns)
    import matplotlib.pyplot as plt

    found = best_so_far(texts, proxy, gold)
    chosen = [found[n - 1] for n in ns if 1 <= n <= len(found)]
    if not chosen:
        raise ValueError(f"got n {list(ns)}, expected some from 1 to {len(found)}")
    print(panel.text_table(HEAD, map(kept_row, chosen)))
    print(kept_sentence(chosen[-1]))
    _, axes = plt.subplots(figsize=(6.4, 2.9))
    draw_kept(axes, found, chosen[-1].n, "One prompt: what is kept as n grows")
    plots.show(f"Two step lines. {kept_sentence(chosen[-1])}")


@dataclass
class Slider:
    """What the panel keeps: n."""

    n: int


def best_of_slider(
    texts: Sequence[str],
    proxy: Sequence[float],
    gold: Sequence[float],
    n: int = 4,
    key: str = "best-of",
) -> w.VBox:
    """The panel: move n, and see which text is kept."""
    whole_number(n=n)
    found = best_so_far(texts, proxy, gold)
    state = panel.panel_state(key, lambda: Slider(n))
    slider, row = panel.number("n", min(state.n, len(found)), 1, len(found), 1)
    words, rows, image = w.HTML(), w.HTML(), w.HTML()

    def render() -> None:
        state.n = round(slider.value)
        kept = found[state.n - 1]
        words.value = panel.status(kept_sentence(kept))
        rows.value = panel.table("What is kept", HEAD, [kept_row(kept)])
        made, (axes,) = panel.figure()
        draw_kept(axes, found, state.n, "Score of the kept text")
        image.value = plots.picture(made, f"Two step lines. {kept_sentence(kept)}")

    panel.watch(render, slider)
    return w.VBox([row, words, rows, image])
