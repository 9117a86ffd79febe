"""The site: staged from the notebooks, built without running one, read in a browser."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from browsers import browser_path

from tools import site

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("index.html", "notebooks/09_policy_gradients.html", "GLOSSARY.html")


def cell(kind, source, **metadata):
    return {"cell_type": kind, "source": source, "metadata": metadata}


def test_a_page_has_no_badge_and_its_set_up_is_folded():
    notebook = {
        "cells": [
            cell("markdown", "Colab", id="view-in-github"),
            cell("markdown", ["# 1 · A title\n", "\n", "Text."]),
            cell("code", "setup", jupyter={"source_hidden": True}),
            cell("code", "1 + 1"),
        ]
    }
    made = site.page(notebook)
    assert site.title(made) == "1 · A title"
    tags = [c["metadata"].get("tags") for c in made["cells"]]
    assert tags == [None, ["hide-input"], None]


def test_a_notebook_without_a_heading_is_refused():
    with pytest.raises(ValueError, match="got a notebook without a heading"):
        site.title({"cells": [cell("code", "# no heading")]})


def test_every_notebook_and_page_is_staged_and_listed(tmp_path):
    site.stage(ROOT, tmp_path / "source")
    listed = (tmp_path / "source" / "index.md").read_text(encoding="utf-8")
    for folder in site.FOLDERS:
        for path in (ROOT / folder).glob("*.ipynb"):
            assert (tmp_path / "source" / folder / path.name).is_file()
            assert f"<{folder}/{path.stem}>" in listed
    assert "(README.md" not in (tmp_path / "source/GLOSSARY.md").read_text("utf-8")


def test_without_sphinx_one_sentence_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(site, "NEEDED", ("a_package_that_is_not_here",))
    assert site.main([]) == 1
    assert "pip install -e '.[site]'" in capsys.readouterr().out


# ------------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The site, built from the committed notebooks."""
    demanded = os.environ.get("COURSE_REQUIRE_BROWSER") == "1"
    missing = [name for name in site.NEEDED if importlib.util.find_spec(name) is None]
    if missing or browser_path() is None:
        sentence = f"No site was looked at: {', '.join(missing) or 'no Chromium'}."
        (pytest.fail if demanded else pytest.skip)(sentence)
    out = tmp_path_factory.mktemp("site") / "html"
    done = subprocess.run(
        [sys.executable, "-m", "tools.site", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.mark.browser
def test_every_own_address_in_the_site_exists_and_none_is_foreign(built):
    wrong, count = [], 0
    for page in built.rglob("*.html"):
        if "_static" in page.parts:
            continue
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"([^\"]+)", text)
        wrong += [(page.name, a) for a in loaded if re.match("https?:|//", a)]
        for address in re.findall(r"(?:href|src)=\"([^\"]+)\"", text):
            file = re.split("[?#]", unescape(address))[0]
            if file and not re.match(r"[a-z]+:|//", file):
                count += 1
                if not (page.parent / file).exists():
                    wrong.append((page.name, address))
    assert count > 1000
    assert wrong == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_are_whole_and_accessible_on_a_desk_and_on_a_phone(built, width):
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    root = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=root)
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.route(re.compile("^https?:"), lambda route: route.abort())
        formulas = 0
        for name in PAGES:
            page.goto((built / name).as_uri())
            page.wait_for_function(
                "!document.querySelector('.math') || window.MathJax?.startup?.promise"
            )
            page.evaluate("window.MathJax?.startup?.promise")
            seen = page.evaluate(
                """() => ({
                    wide: document.documentElement.scrollWidth,
                    math: document.querySelectorAll('.math').length,
                    drawn: document.querySelectorAll('.math mjx-container').length,
                    errors: document.querySelectorAll('mjx-merror').length,
                    broken: [...document.images].filter(i => !i.naturalWidth).length,
                    unnamed: [...document.images].filter(i => !i.alt).length,
                })"""
            )
            assert seen["wide"] <= width, name
            assert seen["math"] == seen["drawn"], name
            assert seen["errors"] == seen["broken"] == seen["unnamed"] == 0, name
            formulas += seen["math"]
            found = Axe().run(page).response["violations"]
            grave = [v["id"] for v in found if v["impact"] == "critical"]
            assert grave == [], json.dumps(found)[:2000]
        assert formulas > 50
        browser.close()
