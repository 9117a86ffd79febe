"""Links inside the course: the tool finds those that lead nowhere; there are none."""

import json

import pytest

from tools import links


def test_no_page_and_no_notebook_has_a_link_that_leads_nowhere():
    files = links.pages(links.ROOT)
    assert len(files) > 40
    assert [(str(p), bad) for p in files for bad in links.broken(p)] == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[a](there.md)", 0),
        ("[a](there.md#a-title)", 0),
        ("[a](#own-title)", 0),
        ("[a](https://example.org/gone)", 0),
        ("`[a](gone.md)`", 0),
        ("```\n[a](gone.md)\n```", 0),
        ("[a](gone.md)", 1),
        ("[a](there.md#no-title)", 1),
        ("[a](#no-title)", 1),
        ("[a](gone.md) and [b](gone.ipynb)", 2),
    ],
)
@pytest.mark.parametrize("kind", ["page", "notebook"])
def test_a_broken_link_is_found_and_a_good_one_is_not(tmp_path, kind, text, wrong):
    (tmp_path / "there.md").write_text("# A title\n", encoding="utf-8")
    text = f"## Own title\n\n{text}\n"
    path = tmp_path / ("a.md" if kind == "page" else "a.ipynb")
    if kind == "notebook":
        cell = {"cell_type": "markdown", "source": text, "metadata": {}}
        text = json.dumps({"cells": [cell]})
    path.write_text(text, encoding="utf-8")
    assert len(list(links.broken(path))) == wrong
