"""The page in a real browser: it fits a narrow screen, runs nothing and asks for nothing."""

import json
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from tests.report.conftest import small_run
from tests.report.test_report_site import HOSTILE, render

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip

# Puts the page into a frame of 400 pixels and leaves what the browser made of it in the title.
FRAME = """<!DOCTYPE html><title></title><iframe width="400" height="800" srcdoc="{page}"></iframe><script>
window.alert = () => {{ window.alerted = true }}
window.onload = () => {{
  const page = document.querySelector("iframe").contentDocument
  const token = page.querySelector(".t[title]")
  document.title = JSON.stringify({{
    width: page.documentElement.scrollWidth,
    lines: token.getClientRects().length,
    charts: page.querySelectorAll("figure svg text").length,
    background: getComputedStyle(page.querySelector("[id=scores-background]")).display,
    images: page.images.length, scripts: page.scripts.length, alerted: !!window.alerted,
    text: token.textContent,
  }})
}}</script>"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the browser says of the hostile page, and the addresses that it asked for."""
    folder = tmp_path_factory.mktemp("browser")
    page = folder / "frame.html"
    html = render(small_run(text=HOSTILE, piece=f"a\n{HOSTILE}"))
    page.write_text(FRAME.format(page=escape(html)), encoding="utf-8")
    dom = _chromium(page, folder, "--dump-dom")
    title = dom.partition("<title>")[2].partition("</title>")[0]
    return {**json.loads(unescape(title)), "asked": _asked(folder / "net.json")}


def _chromium(page: Path, folder: Path, *options: str) -> str:
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={folder / 'net.json'}"]
    done = subprocess.run([*command, *options, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def _asked(log: Path) -> set[str]:
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    return {event["params"]["url"] for event in events if "url" in event.get("params", {})}


def test_page_fits_a_narrow_screen(seen: dict[str, Any]) -> None:
    assert seen["width"] <= 400


def test_charts_are_drawn_on_the_page_itself(seen: dict[str, Any]) -> None:
    assert seen["charts"] > 50
    assert seen["background"] == "none"


def test_line_ends_within_a_token_break_lines(seen: dict[str, Any]) -> None:
    assert seen["text"].startswith("a↵\n</style>")
    assert seen["lines"] >= 2


def test_hostile_page_runs_and_asks_nothing(seen: dict[str, Any]) -> None:
    assert (seen["images"], seen["scripts"], seen["alerted"]) == (0, 0, False)
    assert not [url for url in seen["asked"] if "x.test" in url]
