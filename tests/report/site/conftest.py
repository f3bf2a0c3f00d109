"""Sites in a real browser; see tests/browser.py.

``tabs.open(folder, "tokens.html#id=r1", width=, height=, theme=)`` opens a page from the file system and gives Playwright's
page. At its end a test fails where a page had an error or a warning on its console, an exception, a dialog, a file that did
not load, or a request to any host.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import Tabs, missing, started
from tests.report.site.sites import write_site
from tests.shared import made_once

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """One browser for a file of tests: see ``started`` for why not for the session. It starts in half a second."""
    if reason := missing():
        pytest.skip(reason)
    with started() as browser:
        yield browser


@pytest.fixture(scope="session")
def site_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a site by the name of its run in sites.py; copy it to change it."""
    return lambda name: made_once(tmp_path_factory, f"site-{name}", lambda folder: write_site(folder, name)) / "site"


@pytest.fixture
def tabs(chromium: "Browser") -> Iterator[Tabs]:
    """Opens pages; the test fails where one complains."""
    opened = Tabs(chromium)
    yield opened
    opened.close()
    assert opened.complaints == []
