"""Where a browser for the tests is."""

from tools.test_lanes import browser_path

__all__ = ["browser_path"]
