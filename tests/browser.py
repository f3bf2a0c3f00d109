"""Pages of a site in the system's own Chromium, driven by Playwright: opened from the file system, watched for complaints.

Playwright never downloads a browser here. axe-core, which judges whether a page can be used by everybody, comes from npm by
`make browser-tools`; what is not on a machine is a reason to skip, in words.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from platformdirs import user_cache_path

from urial.core.hashing import file_hash

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# No name is looked up, so that a page which asks for a host cannot reach one.
FLAGS = ("--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
AXE = "axe-core@4.14.1"
AXE_HASH = "sha256:29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
LOCAL = ("file:", "data:", "blob:", "about:")
# Ten seconds on a machine of one's own; tests share theirs.
PATIENCE_MS = 30_000
Theme = Literal["light", "dark"]


def missing() -> str | None:
    """What this machine lacks to open pages; None: nothing."""
    if CHROMIUM is None:
        return "no Chromium: apt-get install chromium"
    if find_spec("playwright") is None:
        return "no Playwright: pip install --constraint constraints.txt --editable '.[test]'"
    return None


@contextmanager
def started() -> Iterator["Browser"]:
    """One browser. While it runs, asyncio takes this thread's loop to be Playwright's: nothing else may run one."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield browser
        browser.close()


class Tabs:
    """Opens pages of a site, each in a profile of its own, and keeps what they complain of."""

    def __init__(self, browser: "Browser") -> None:
        self.browser = browser
        self.complaints: list[str] = []

    def open(
        self, folder: Path, page: str = "index.html", *, width: int = 1200, height: int = 675, theme: Theme = "light"
    ) -> "Page":
        """A page of the site in a folder, from the file system; ``page`` may have a fragment."""
        name, _, fragment = page.partition("#")
        url = (folder / name).absolute().as_uri()
        return self.address(f"{url}#{fragment}" if fragment else url, width=width, height=height, theme=theme)

    def address(
        self, url: str, *, width: int = 1200, height: int = 675, theme: Theme = "light", served: str = "file:"
    ) -> "Page":
        """A page at an address; ``served`` is what every request has to start with, beside what is in the page itself."""
        context = self.browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
        context.set_default_timeout(PATIENCE_MS)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        allowed = (served, *LOCAL) if served == "file:" else (served, "data:", "blob:", "about:")
        page.on("request", lambda request: self._asked(request.url, allowed))
        page.on("requestfailed", lambda request: self._note(f"not loaded: {request.url}"))
        page.on("pageerror", lambda error: self._note(f"error: {error}"))
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("dialog", self._opened)
        page.goto(url, wait_until="load")
        return page

    def expect(self, *parts: str) -> None:
        """Take back complaints that a test is about: each of these parts has to be in one."""
        for part in parts:
            assert any(part in complaint for complaint in self.complaints), (part, self.complaints)
        self.complaints = [line for line in self.complaints if not any(part in line for part in parts)]

    def _asked(self, url: str, allowed: tuple[str, ...]) -> None:
        if not url.startswith(allowed):
            self._note(f"asked for {url}")

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self._note(f"console: {kind}: {text}")

    def _opened(self, dialog: Any) -> None:
        self._note(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _note(self, complaint: str) -> None:
        self.complaints.append(complaint)

    def close(self) -> None:
        """Close every page."""
        for context in self.browser.contexts:
            context.close()


def settled(page: "Page") -> None:
    """Waits until nothing has changed on a page for a while."""
    page.evaluate(
        """() => new Promise((resolve) => {
          const settle = () => { watcher.disconnect(); resolve() }
          let timer = setTimeout(settle, 150)
          const watcher = new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(settle, 150) })
          watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true })
        })"""
    )


def axe_file() -> Path:
    """Where `make browser-tools` puts axe-core; URIAL_BROWSER_TOOLS moves it."""
    moved = os.environ.get("URIAL_BROWSER_TOOLS")
    folder = Path(moved) if moved else user_cache_path("urial", appauthor=False) / "browser-tools"
    return folder / AXE / "node_modules/axe-core/axe.min.js"


def violations(page: "Page") -> list[str]:
    """What axe-core finds serious or critical on a page, with where it stands. Skips where axe-core is not installed."""
    path = axe_file()
    if not path.is_file():
        pytest.skip(f"no {AXE}: `make browser-tools` installs it with npm")
    # By the browser itself: the page's own policy lets no other script in.
    page.evaluate(path.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {preload: false, resultTypes: ['violations']})")
    return [
        f"{rule['impact']}: {rule['id']}: {rule['help']}: {node['html'][:200]}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def install_axe() -> str:
    """Install axe-core where the tests find it; says what it did, or why not."""
    path = axe_file()
    if path.is_file() and file_hash(path) == AXE_HASH:
        return f"{AXE} is there: {path}"
    npm = shutil.which("npm")
    if npm is None:
        return f"no npm: {AXE} is not installed, and the tests that ask it are skipped (apt-get install npm)"
    folder = path.parents[2]
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [npm, "install", "--prefix", str(folder), "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", AXE],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        return f"{AXE} is not installed: {done.stderr.strip()}"
    if file_hash(path) != AXE_HASH:
        shutil.rmtree(folder)
        return f"{AXE} is not installed: what npm brought has other bytes than those that are pinned here"
    return f"installed {AXE}: {path}"


if __name__ == "__main__":
    print(missing() or f"Chromium: {CHROMIUM}")
    said = install_axe()
    print(said)
    sys.exit("not installed" in said)
