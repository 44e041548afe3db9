"""A real browser for tests of pages: the Chromium of the system, driven by playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def running_browser() -> Iterator["Browser"]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # As root, as in most containers, Chromium starts only without its sandbox.
        switches = ["--no-sandbox", "--use-fake-device-for-media-stream"]
        browser = playwright.chromium.launch(executable_path=chromium(), args=switches)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page with all that its console said and all that it asked for."""

    page: "Page"
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@contextmanager
def opened(browser: "Browser", address: str | Path, **context: Any) -> Iterator[Watched]:
    """A page of its own, with options of playwright's `new_context`, such as `color_scheme`."""
    url = address.absolute().as_uri() if isinstance(address, Path) else address
    own = browser.new_context(**context)
    watched = Watched(own.new_page())
    watched.page.on("console", lambda message: watched.said.append(message.text))
    watched.page.on("pageerror", lambda error: watched.said.append(str(error)))
    watched.page.on("request", lambda request: watched.asked.append(request.url))
    try:
        watched.page.goto(url)
        yield watched
    finally:
        own.close()
