"""Every figure reaches the page with its alternative text."""

import matplotlib.pyplot as plt
import pytest

from course import plots


@pytest.fixture
def shown(monkeypatch):
    """What a notebook's kernel would be given to display."""
    import IPython
    import IPython.display

    pages = []
    plt.figure()  # pyplot asks for the shell once, before the test takes its place
    plt.close("all")
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    monkeypatch.setattr(IPython.display, "display", pages.append)
    return pages


def test_a_figure_is_shown_once_as_an_image_with_its_text(shown):
    plots.ladder({"a": 1.0}, title="t", x="x", alt='one bar, "a" & nothing')
    (page,) = shown
    assert 'alt="one bar, &quot;a&quot; &amp; nothing"' in page.data
    assert page.data.count("data:image/png;base64,") == 1
    assert plt.get_fignums() == []  # the kernel would show it again


@pytest.mark.parametrize("alt", ["", "  "])
def test_a_figure_without_text_is_refused(alt, shown):
    with pytest.raises(ValueError, match="without alternative text"):
        plots.curves({"a": ([0, 1], [0, 1])}, title="t", x="x", y="y", alt=alt)
    assert shown == []
    plt.close("all")
