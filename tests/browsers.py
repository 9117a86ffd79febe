"""Where a browser for the tests is."""

import shutil

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser_path() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)
