"""A headless browser for tests of pages: Chromium, however it is installed."""

import os
import shutil
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")


@contextmanager
def headless_browser():
    """Open the browser that VSDEBLUR_BROWSER names, one on the PATH, or Playwright's own."""
    sync_api = pytest.importorskip("playwright.sync_api")
    named = os.environ.get("VSDEBLUR_BROWSER")
    found = named or next((path for path in map(shutil.which, NAMES) if path), None)
    with sync_api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=found)
        except sync_api.Error as error:
            if named:
                raise
            pytest.skip(f"no browser: set VSDEBLUR_BROWSER ({str(error).splitlines()[0]})")
        yield browser
        browser.close()


@contextmanager
def opened(browser, file, **context_options):
    """Open a page without a network; it may neither complain nor load anything."""
    context = browser.new_context(offline=True, **context_options)
    page = context.new_page()
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    yield page
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [file.as_uri()]
    context.close()
