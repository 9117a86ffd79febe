"""JupyterLab on loopback in a Chromium: what the browser tests share."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from browsers import browser_path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {
    # Every cell in the page, not only those in sight; no prompt about news.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_lab(folder: Path) -> tuple[subprocess.Popen, str, str]:
    """JupyterLab on `folder`, once it answers: (process, address, token)."""
    settings = folder.parent / "settings"
    for name, value in SETTINGS.items():
        file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value), encoding="utf-8")
    port, token = free_port(), secrets.token_hex(16)
    environment = os.environ | {
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder.parent / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(folder.parent / "config"),
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
        ),
        "OMP_NUM_THREADS": "1",
    }
    environment.pop("MPLBACKEND", None)
    root = ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    with (folder.parent / "lab.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", *root,
             "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
             "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
             f"--ServerApp.root_dir={folder}"],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"{address}/api/status?token={token}"):
                return process, address, token
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                process.terminate()
                log = (folder.parent / "lab.log").read_text(encoding="utf-8")
                pytest.fail(f"JupyterLab did not start:\n{log[-2000:]}")
            time.sleep(0.2)


@contextmanager
def open_and_run(folder: Path, notebook: str):
    """The notebook in a browser, after Run All: its last cell prints `every cell ran`.

    Skips the test where there is no browser; fails it under COURSE_REQUIRE_BROWSER=1.
    """
    path = browser_path()
    if path is None:
        sentence = (
            "No Chromium is installed, so the panels were not driven in a browser."
        )
        if os.environ.get("COURSE_REQUIRE_BROWSER") == "1":
            pytest.fail(sentence)
        pytest.skip(sentence)
    from playwright.sync_api import sync_playwright

    process, address, token = start_lab(folder)
    root = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=root)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.complaints = []
            page.on("console", lambda m: _note(page, m.type == "error", m.text))
            page.on("pageerror", lambda error: _note(page, True, str(error)))
            page.set_default_timeout(30_000)
            page.goto(f"{address}/doc/tree/{notebook}?token={token}")
            # The notebook's own sign says idle before there is a kernel; this does not.
            idle = page.get_by_role("button", name="Python 3 (ipykernel) | Idle")
            idle.wait_for(timeout=60_000)
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            page.get_by_text("every cell ran", exact=True).wait_for(timeout=60_000)
            idle.wait_for()
            yield page
            browser.close()
    finally:
        process.terminate()
        process.wait(timeout=30)


def _note(page, is_error, text):
    if is_error:
        page.complaints.append(text)
