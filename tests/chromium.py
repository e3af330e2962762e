"""Headless Chromium, as the tests find and start it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

_PATHS = ("/usr/bin/chromium", "/usr/bin/google-chrome")
_OPTIONS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser. AssertionError where there is none."""
    path = next((path for path in _PATHS if Path(path).exists()), None)
    assert path is not None, "no Chromium; scripts/setup installs one"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=_OPTIONS)
        try:
            yield running
        finally:
            running.close()
