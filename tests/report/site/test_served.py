"""Sites as `urial view` serves them, in Chromium: the same pages, several runs to switch between, nothing for strangers."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.browser import Tabs, settled, violations
from tests.provenance.viewed import served
from tests.report.site.test_every_page import overflow, pages
from urial.provenance.view.server import SiteServer
from urial.provenance.view.sites import open_sites


@pytest.fixture
def two(site_of: Callable[[str], Path], tmp_path: Path) -> Iterator[SiteServer]:
    """Two runs of one name, as when a stranger names folders."""
    for name, kind in (("a", "small"), ("b", "without-token-shift")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run").symlink_to(site_of(kind))
    folders = [str(tmp_path / name / "run") for name in "ab"]
    with ExitStack() as stack, served(*open_sites(folders, stack)) as server:
        yield server


def test_every_page_is_served_without_a_complaint(two: SiteServer, tabs: Tabs) -> None:
    for site in two.sites.values():
        for file in pages(site.folder):
            page = tabs.address(f"{two.address}{site.slug}/{file}", served=two.address)
            settled(page)
            assert page.inner_text("main") != ""
            # Trusted types, the page's own policy and the server's headers hold together.
            assert page.evaluate("window.isSecureContext")


def test_the_list_of_runs_can_be_used_by_everybody(two: SiteServer, tabs: Tabs) -> None:
    page = tabs.address(two.address, served=two.address)
    assert page.locator("th[scope=row]").all_inner_texts() == ["run", "run-2"]
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert overflow(page) == []


def test_a_link_leads_to_the_same_answer_of_another_run(two: SiteServer, tabs: Tabs) -> None:
    page = tabs.address(f"{two.address}run/answers.html#id=r3", served=two.address)
    settled(page)
    runs = page.locator("nav[aria-label=Runs] a")
    assert runs.all_inner_texts() == ["run", "run-2", "all runs"]
    runs.nth(1).click()
    page.wait_for_url("**/run-2/answers.html#id=r3*")
    assert violations(page) == []
    page.locator("nav[aria-label=Runs] a").last.click()
    page.wait_for_url(two.address)


def test_a_page_of_another_origin_cannot_read_a_run(two: SiteServer, tabs: Tabs, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    stealing = "window.stolen = []; window.urial = {receive: (name, data) => stolen.push(data)}"
    (theirs / "index.html").write_text(
        f'<script>{stealing}</script><script src="{two.address}run/data/index.js"></script>'
        f'<iframe src="{two.address}run/index.html"></iframe>',
        "utf-8",
    )
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(theirs))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        page = tabs.address(f"http://127.0.0.1:{other.server_port}/", served="http://127.0.0.1:")
        settled(page)
        assert page.evaluate("stolen") == []
        assert "main" not in [frame.name for frame in page.frames]
        assert [frame.url for frame in page.frames if frame.url.startswith(two.address)] == []
        other.shutdown()
        thread.join()
    tabs.expect("data/index.js", "frame")
    tabs.complaints.clear()
